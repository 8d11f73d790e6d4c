"""Claims of a spec against the measurements that it carries."""

from collections.abc import Iterator

from capacity.shortfall import Shortfall
from capacity.verticals import LiveVertical


def cost_shortfalls(name: str, vertical: LiveVertical) -> Iterator[Shortfall]:
    """Yield the session costs of a vertical that lie below the interval that was measured for them."""
    measured = vertical.session.measured
    if measured is None:
        return
    for figure, interval in measured.intervals.items():
        part = "pod" if figure.startswith("base_") else "session"
        claimed = getattr(getattr(vertical, part), figure)
        if claimed < interval.low:
            unit = {"memory": "bytes", "cpu": "cores", "descriptors": "open files"}[figure.removeprefix("base_")]
            yield Shortfall(
                "cost",
                name,
                interval.low,
                claimed,
                unit,
                f"{part}.{figure} is {claimed:,.12g} {unit}; measured {interval.low:,.12g} to {interval.high:,.12g} "
                f"by {measured.date} ({measured.source})",
                f"raise verticals.{name}.{part}.{figure} to {interval.low:.12g} {unit} or more, or measure anew",
            )
