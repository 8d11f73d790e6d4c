"""`headroom calibrate`."""

import os
import sys
import tempfile
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment

if TYPE_CHECKING:
    from capacity import CapacityPlan, Spec
    from headroom.calibrate.figures import Calibration
    from headroom.calibrate.prometheus import Span

TOKEN = "HEADROOM_PROMETHEUS_TOKEN"  # noqa: S105  # the name of the variable that holds it
_DAYS = 28


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate")(calibrate)


def calibrate(
    context: typer.Context,
    environment: Environment,
    *,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="PATH", help="Usage in a CSV file: columns in docs/calibrate.md.")
    ] = None,
    prometheus: Annotated[
        str | None,
        typer.Option("--prometheus", metavar="URL", help=f"Usage from a Prometheus server; bearer token from {TOKEN}."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help=f"The first day (UTC); else {_DAYS} days before --to.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The day after the last one (UTC); else the judged day.")
    ] = None,
    step: Annotated[str | None, typer.Option("--step", metavar="SPAN", help="Between two points; else 5m.")] = None,
    queries: Annotated[
        Path | None, typer.Option("--queries", metavar="PATH", help="A YAML file with queries instead of the default ones.")
    ] = None,
) -> None:
    """Compare the spec's figures with measured usage, and print the change of the spec that would make them agree.

    The change is a patch on stdout, for review and `git apply`; nothing is written. The table goes to stderr.
    Ends with 1 where a figure of the spec is below the interval that was measured.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.calibrate.edits import unified_diff
        from headroom.calibrate.figures import calibrated, calibrated_text
        from headroom.calibrate.prometheus import Server, query_usage
        from headroom.calibrate.queries import read_queries
        from headroom.calibrate.table import read_usage
        from headroom.located import BadInput, Problem
        from stacks.reading import ROOT, judged_day, plan_environment, read_spec

        spec, now = read_spec(environment), datetime.now(UTC)
        if (csv is None) == (prometheus is None):
            raise BadInput([Problem("headroom calibrate", None, "", "give either --csv or --prometheus")])
        if csv is not None and any(option is not None for option in (first, to, step, queries)):
            raise BadInput([Problem("headroom calibrate", None, "", "--from, --to, --step and --queries go with --prometheus")])
        if csv is not None:
            usage = read_usage(csv, _live(spec))
        else:
            end = _day("--to", to) or judged_day(spec, settings.as_of, now)
            start = _day("--from", first) or end - timedelta(days=_DAYS)
            server = Server(prometheus or "", os.environ.get(TOKEN))
            usage = query_usage(server, read_queries(queries), _live(spec), _span(start, end, step or "5m"), settings.say)
        found = calibrated(spec, usage)
        shown = f"stacks/Pulumi.{environment}.yaml"
        before = (ROOT / shown).read_bytes().decode()
        after = calibrated_text(before, spec, found)
        current = plan_environment(environment, settings.as_of, now)
        proposed = _planned(environment, after, settings.as_of, now)
        diff = unified_diff(before, after, shown)
        if settings.as_json:
            settings.answer(_document(environment, found, current, proposed, diff))
        else:
            if not settings.quiet:
                from rich.console import Console

                from headroom.review.calibration import show_calibration

                width = None if sys.stderr.isatty() else 140
                show_calibration(found, current, proposed, Console(stderr=True, width=width, highlight=False))
            print(diff, end="")
    stop(REFUSED if any(figure.below for figure in found.figures) else FINE)


def _span(first: date, end: date, step: str) -> "Span":
    """Return the instants to ask for; the first looks back over the first step of a day, the last over the last one."""
    from capacity.units import UnknownUnit, parse_seconds
    from headroom.calibrate.prometheus import Span
    from headroom.located import BadInput, Problem

    try:
        step_s = int(parse_seconds(step))
    except UnknownUnit as unknown:
        raise BadInput([Problem("--step", None, "", str(unknown))]) from None
    if step_s < 1:
        raise BadInput([Problem("--step", None, "", f"expected a second or more, got {step}")])
    if first >= end:
        raise BadInput([Problem("--from", None, "", f"{first} is not before --to {end}")])
    start_s, end_s = (int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in (first, end))
    return Span(start_s + step_s, end_s, step_s)


def _live(spec: "Spec") -> frozenset[str]:
    from capacity.verticals import LiveVertical

    return frozenset(name for name, vertical in spec.verticals.items() if isinstance(vertical, LiveVertical))


def _day(option: str, text: str | None) -> date | None:
    from headroom.located import BadInput, Problem

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput([Problem(option, None, "", f"{text!r} is not a day such as 2026-11-02")]) from None


def _planned(environment: str, text: str, as_of: date | None, now: datetime) -> "CapacityPlan":
    """Return the plan that the changed spec would give; the stack file stays as it is. Raises BadInput where it gives none."""
    from headroom.located import BadInput
    from stacks.reading import lock_path, plan_environment

    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(folder, "stacks")
        stacks.mkdir()
        (stacks / f"Pulumi.{environment}.yaml").write_bytes(text.encode())
        (stacks / lock_path(environment).name).write_bytes(lock_path(environment).read_bytes())
        try:
            return plan_environment(environment, as_of, now, Path(folder))
        except BadInput as refused:
            with_figures = [
                replace(problem, message=f"with the measured figures: {problem.message}") for problem in refused.problems
            ]
            raise BadInput(with_figures) from None


def _document(
    environment: str, found: "Calibration", current: "CapacityPlan", proposed: "CapacityPlan", diff: str
) -> dict[str, Any]:
    from headroom.review.comparison import compare

    claimed = {vertical.name: vertical.peak for vertical in current.live}
    return {
        "environment": environment,
        "source": found.source,
        "figures": [
            {
                "path": ".".join(figure.path),
                "unit": figure.unit,
                "before": figure.before,
                "after": figure.after,
                "low": figure.interval.low,
                "high": figure.interval.high,
                "below": figure.below,
                "note": figure.estimate.note,
                **asdict(figure.estimate.sample),
            }
            for figure in found.figures
        ],
        "unmeasured": [{"path": ".".join(each.path), "reason": each.reason} for each in found.unmeasured],
        "peaks": [
            {
                "vertical": name,
                "claimed": claimed.get(name),
                "measured": demand.sessions,
                "at": datetime.fromtimestamp(demand.time, UTC).isoformat(),
            }
            for name, demand in found.demand.items()
        ],
        "changes": [asdict(change) for change in compare(current, proposed)],
        "shortfalls": [asdict(shortfall) for shortfall in proposed.shortfalls],
        "diff": diff,
    }
