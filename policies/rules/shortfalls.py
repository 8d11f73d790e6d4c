"""plan-falls-short-nowhere: what the planner itself calls short is refused, also where no other rule looks for it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

from policies.evidence import Context
from policies.margins import ROOT
from policies.rule import Finding, Rule, each, run_rule
from policies.stack import Place, Stack, optional

SAID_BY: Mapping[str, Collection[str]] = {
    "forecast": ("forecast-fresh",),
    "cost": ("session-costs-cover-measurement",),
    "sessions": ("sessions-cover-burst",),
    "blocking": ("sessions-cover-burst",),
    "pod": ("pod-limits-cover-sessions",),
    "descriptors": ("file-descriptors-cover-sessions",),
    "target": ("scaling-target-leaves-lag-growth",),
    "floor": ("lag-floor-held",),
    "prescale": ("prescale-covers-known-peaks",),
    "lag": ("claims-match-lock",),
    "workers": ("drain-covers-longest-call", "pod-limits-cover-sessions"),
    "nodes": ("nodes-cover-maximum", "lead-times-met"),
    "model": ("tokens-cover-burst", "lead-times-met"),
    "oversubscription": ("caps-within-the-account",),
    "plans": ("sold-caps-within-fleet",),
    "tools": ("tools-cover-burst",),
    "gateway": ("gateways-cover-burst",),
    "queue gateway": ("gateways-cover-burst",),
    "queue": ("queue-cap-below-memory", "backlog-covers-arrivals"),
    "carrier channels": ("carrier-rate-covers-arrivals", "lead-times-met"),
    "carrier starts": ("carrier-rate-covers-arrivals", "lead-times-met"),
    "bus": ("bus-limits-cover-burst", "bus-survives-one-loss"),
    "turn": ("turn-ports-cover-burst", "lead-times-met"),
    "tunnel": ("tunnel-replicas-fixed", "drain-covers-longest-call", "lead-times-met"),
    "gpu asr": ("gpu-memory-covers-sessions", "lead-times-met"),
    "gpu tts": ("gpu-memory-covers-sessions", "lead-times-met"),
    "gpu llm": ("gpu-memory-covers-sessions", "lead-times-met"),
    "admission gate": ("object-rate-within-limit",),
    "admission pool": ("object-rate-within-limit",),
    "first token": ("latency-budget-held",),
    "first audio": ("latency-budget-held",),
}
"""Rules that look at the same resource by themselves. Where one of them refuses, the cause is told, and not told twice."""
_POD = "pod"
_UNKNOWN_CALLS = "lengths of calls"
_SAY_UNKNOWN_CALLS = ("backlog-covers-arrivals", "tools-cover-burst", "carrier-rate-covers-arrivals")
_SHARE = "of calls"


def shortfall_rules(others: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return the rule on the plan's shortfalls; it is silent about what one of the others says."""
    by_name = {rule.name: rule for rule in others}

    def check(stack: Stack, context: Context) -> Iterator[Finding]:
        @cache
        def refuses(name: str) -> bool:
            return bool(run_rule(by_name[name], stack, context))

        def judged(short: Place) -> Iterator[Finding]:
            if not any(refuses(name) for name in _said_by(short)):
                yield _finding(short)

        root = stack.the_one(ROOT)
        claimed = optional(root, "shortfalls")
        yield from each([] if claimed is None else claimed.items(), lambda _: root.name, judged)

    return (
        Rule(
            name="plan-falls-short-nowhere",
            condition="The planner finds nothing short that no other rule refuses.",
            why="What the plan itself says cannot carry the burst must not be deployed because no rule measures it.",
            reads="`shortfalls` of the root, which is there where the plan has some. They can only refuse: what the planner "
            "finds fine, the other rules judge by themselves.",
            remedy="Do what the shortfall names as its remedy; `headroom plan` shows it with the rest.",
            check=check,
        ),
    )


def _said_by(short: Place) -> Collection[str]:
    if short["resource"].text() == _POD and short["provided"].value == 0:
        return ()  # the others find no sessions to judge by, and cannot say why
    return _SAY_UNKNOWN_CALLS if short["unit"].text() == _UNKNOWN_CALLS else SAID_BY.get(short["resource"].text(), ())


def _finding(short: Place) -> Finding:
    unit = short["unit"].text()
    message = f"the plan falls short ({short['resource'].text()}): {short['reason'].text()}"
    required, provided = short["required"].number(), short["provided"].number()
    if unit == _SHARE:  # a violation's figures are counts, and the words have the share
        return Finding(short["scope"].text(), message, short["remedy"].text())
    return Finding(short["scope"].text(), message, short["remedy"].text(), required, provided, unit)
