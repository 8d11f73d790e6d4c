"""What a service shows without a call: its ports, its metrics, its limits."""

from urllib.parse import urlsplit

from headroom.conformance import contract
from headroom.conformance.contract import ALIVE, LIMITS, METRIC_NAMES, READY, Finding, judged
from headroom.conformance.scrape import Scrape
from headroom.conformance.service import Answer, Service

_OK = 200
_PORTS = {"ws": 80, "wss": 443, "http": 80, "https": 443}


async def look(service: Service, start: Scrape) -> list[Finding]:
    """Return how the rules fared that need no call."""
    calls, probes = (urlsplit(url) for url in (service.calls, service.probes))
    apart = (calls.port or _PORTS[calls.scheme]) != (probes.port or _PORTS[probes.scheme])
    alive, ready = await service.ask(ALIVE), await service.ask(READY)
    where = "on a port of its own" if apart else "on the port of the calls"
    return [
        judged(contract.PROBES_APART, apart and is_ok(alive), f"{ALIVE} answers {shown(alive)} {where}"),
        judged(contract.READY_AT_START, is_ok(ready), f"{READY} answers {shown(ready)}"),
        _metrics(start),
        _limits(start),
    ]


def is_ok(answer: Answer | None) -> bool:
    """Return whether the kubelet takes an answer for yes."""
    return answer is not None and answer.status == _OK


def shown(answer: Answer | None) -> str:
    """Return an answer as a finding shows it."""
    return "nothing" if answer is None else str(answer.status)


def _metrics(start: Scrape) -> Finding:
    absent = [metric.name for metric in METRIC_NAMES if metric.name not in start.types]
    other = [
        f"{metric.name} is of type {start.types[metric.name]}, not {metric.kind}"
        for metric in METRIC_NAMES
        if metric.name in start.types and start.types[metric.name] != metric.kind
    ]
    wrong = [*([f"missing: {', '.join(absent)}"] if absent else []), *other]
    return judged(contract.METRICS_BY_NAME, not wrong, "; ".join(wrong) or f"all {len(METRIC_NAMES)} are there")


def _limits(start: Scrape) -> Finding:
    unsaid, short = [], []
    for limit in LIMITS:
        planned, granted = (
            [value for labels, value in start.series.get(f"voice_limit_{side}", ()) if labels.get("limit") == limit]
            for side in ("planned", "granted")
        )
        if len(planned) != 1 or len(granted) != 1:
            unsaid.append(limit)
        elif granted[0] < planned[0]:
            short.append(f"{limit}: {granted[0]:g} granted, {planned[0]:g} planned")
    seen = [*([f"nothing is said of {', '.join(unsaid)}"] if unsaid else []), *short]
    return judged(contract.LIMITS_CHECKED, not seen, "; ".join(seen) or "all three are as planned")
