"""The gate inside the program: the whole blueprint is judged before its first resource is registered."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from headroom.blueprint import Blueprint, Joined, Ref, Secret
from policies.break_glass import BreakGlass, Intact
from policies.evidence import load_context
from policies.judge import judge
from policies.stack import UNKNOWN, Resource, Stack
from policies.verdict import Verdict, render_violation
from policies.waivers import render_waived


def judge_blueprint(
    blueprint: Blueprint,
    lock_path: Path,
    floors_path: Path,
    as_of: date,
    glass: BreakGlass | Intact | None = None,
    *,
    adoption: Path | None = None,
) -> Verdict:
    """Return the verdict on a blueprint. It never raises: evidence that cannot be read is a violation.

    The adoption plan is the one beside the lock, unless another file is given.
    """
    return judge(blueprint_stack(blueprint), load_context(lock_path, floors_path, as_of, glass, adoption=adoption))


def blueprint_stack(blueprint: Blueprint) -> Stack:
    """Return a blueprint as the rules read it: what another resource yields and what is secret is unknown."""
    return Stack(tuple(Resource(item.type, item.name, _plain(item.props), item.options.ignore_changes) for item in blueprint))


def refusal(verdict: Verdict) -> str:
    """Return the text of a refusal, for `pulumi.RunError`: nothing was registered."""
    if not verdict.rules_run:
        return "The gate refuses this deploy: no rule ran, so nothing was checked. Nothing was touched."
    found, run = len(verdict.violations), len(verdict.rules_run)
    head = f"The gate refuses this deploy: {found} violation{'' if found == 1 else 's'}, {run} rules ran. Nothing was touched."
    return "\n".join([head, *(f"  [{violation.rule}] {render_violation(violation)}" for violation in verdict.violations)])


def waivers_in_force(verdict: Verdict) -> tuple[str, ...]:
    """Return what waivers let through, a line each: an output that does not show them hides them."""
    return tuple(f"[{waived.violation.rule}] {render_waived(waived)}" for waived in verdict.waived)


def _plain(value: Any) -> Any:
    if isinstance(value, Ref | Secret | Joined):
        return UNKNOWN
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return UNKNOWN
