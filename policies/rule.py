"""A rule, what it finds, and how it is run so that nothing slips through."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from policies.evidence import Context
from policies.stack import Stack, Unreadable
from policies.verdict import Violation

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Finding:
    """What a rule found: a violation that does not yet carry the rule's name."""

    resource: str
    message: str
    remedy: str
    required: float | None = None
    provided: float | None = None
    unit: str = ""
    unread: bool = False
    """Whether the rule could not read what it needs."""


Check = Callable[[Stack, Context], Iterator[Finding]]


@dataclass(frozen=True)
class Rule:
    """One condition that every stack must meet."""

    name: str
    """The good condition, in a few words."""
    condition: str
    """The good condition, in full."""
    why: str
    """Why the rule exists, in one sentence."""
    reads: str
    """What of the stack and of the evidence it is judged by."""
    remedy: str
    """What to do where it does not hold."""
    check: Check


def run_rule(rule: Rule, stack: Stack, context: Context) -> tuple[Violation, ...]:
    """Return the violations of one rule, in an order that does not depend on that of the resources.

    Fails closed: what the rule cannot read, and an exception within it, is a violation of the rule.
    """
    findings = _guarded(rule.name, lambda: rule.check(stack, context))
    violations = {
        Violation(
            rule.name,
            found.resource,
            found.required,
            found.provided,
            found.unit,
            found.message,
            found.remedy,
            unread=found.unread,
        )
        for found in findings
    }
    return tuple(sorted(violations, key=lambda violation: (violation.resource, violation.message)))


def each(
    subjects: Iterable[Subject], name: Callable[[Subject], str], check: Callable[[Subject], Iterator[Finding]]
) -> Iterator[Finding]:
    """Yield the findings of a check on every subject; one that cannot be judged does not hide the others."""
    for subject in subjects:
        yield from _guarded(name(subject), lambda subject=subject: check(subject))  # type: ignore[misc]


def _guarded(subject: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Unreadable as problem:
        yield Finding(problem.resource, problem.message, problem.remedy, unread=True)
    except Exception as error:  # noqa: BLE001 a rule that fails must refuse, whatever it failed of
        # Neither the exception's text nor the values around it: a policy sees secrets in plain text.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
        yield Finding(subject, f"could not be judged: {where}", "report this defect of the gate", unread=True)
