"""The gate's rules as a page: docs/rules.md is made of it."""

from collections.abc import Iterator, Mapping, Sequence

from policies.rule import Rule

Samples = Mapping[str, Sequence[tuple[str, str]]]
"""By rule, what its samples are called and whether each is allowed, denied or unknown."""


def rules_markdown(rules: Sequence[Rule], of_change: Sequence[Rule], samples: Samples) -> str:
    """Return every rule: its condition, why it exists, what it reads, what to do, and what its samples show."""
    return "\n".join([*_lines(rules, samples), *_change_lines(of_change)]) + "\n"


def rule_document(rule: Rule) -> dict[str, str]:
    """Return what a rule says of itself as JSON."""
    return {
        "name": rule.name,
        "condition": rule.condition,
        "why": rule.why,
        "reads": rule.reads,
        "remedy": rule.remedy,
    }


def _lines(rules: Sequence[Rule], samples: Samples) -> Iterator[str]:
    yield "# The rules of the gate"
    yield ""
    yield (
        f"Made by `headroom rules --markdown` and held to it by a test; [gate.md](gate.md) says where they run. All "
        f"{len(rules)} run "
        "every time. What a rule cannot read is a violation of it: a field that is missing, a value that only the deploy will "
        "tell, "
        "an exception."
    )
    for rule in rules:
        yield from _rule(rule)
        yield from _samples(samples.get(rule.name, ()))


def _change_lines(rules: Sequence[Rule]) -> Iterator[str]:
    if rules:
        yield ""
        yield "# Rules on a change"
        yield ""
        yield (
            f"A policy sees no old state, so these {len(rules)} read the event stream of a preview: `headroom preview` ends "
            "with them, and `headroom up` previews first. Their samples are tests (tests/policies/test_changes.py)."
        )
    for rule in rules:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield ""
    yield f"## {rule.name}"
    yield ""
    yield rule.condition
    yield ""
    yield f"- **Why.** {rule.why}"
    yield f"- **Reads** {rule.reads}"
    yield f"- **Remedy.** {rule.remedy}"


def _samples(cases: Sequence[tuple[str, str]]) -> Iterator[str]:
    for kind, shown in (("allowed", "Allows"), ("denied", "Refuses"), ("unknown", "Cannot know")):
        names = [name for name, of in cases if of == kind]
        if names:
            yield f"- **{shown}:** {'; '.join(names)}."
