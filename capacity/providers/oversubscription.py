"""How much of a provider's capacity may be sold more than once."""

import math
from dataclasses import dataclass

from capacity.providers.ceiling import ProviderCeiling
from capacity.providers.refusals import refused_share

MOST_OVERSUBSCRIBED = 0.10
"""The share by which plan caps may exceed what the provider carries (CallSphere's capacity post, April 2026); never load."""


@dataclass(frozen=True)
class Oversubscription:
    """What may be sold on a provider and whether what was sold is within it."""

    allowed: bool
    shared_sessions: int | None
    """What tenants without reserved capacity share; None where no limit is known."""
    most_shared_caps: int | None
    """The sum of plan caps that may be sold to them."""
    sessions_needed: int
    """The hard ceiling with which it would be allowed."""
    reserved_on_demand: int
    """Reserved caps that no reserved capacity stands behind: set aside on demand, guaranteed by nobody."""
    reasons: tuple[str, ...]
    """Why not, one sentence each; where it is allowed, why."""
    formula: str


def oversubscription(
    ceiling: ProviderCeiling,
    *,
    reserved_caps: int,
    shared_caps: int,
    expected_sessions: float,
    most: float = MOST_OVERSUBSCRIBED,
) -> Oversubscription:
    """Return whether plan caps and expected load of a provider's tenants stand together, and what may be sold at most.

    Tenants with reserved capacity come off first, at their whole caps. The rest may commit `most` more than what is left, for not
    all of them use their caps at once; `expected_sessions` (theirs at the peak, burst included) may not exceed it at all: load
    at 110% of a limit has 1 - 1/1.1 = 9.1% of its tokens refused, in the middle of calls.

    Raises:
        ValueError: a number is negative or not finite.
    """
    given = {"reserved_caps": reserved_caps, "shared_caps": shared_caps, "expected_sessions": expected_sessions, "most": most}
    for name, value in given.items():
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"{name} must be a finite number, 0 or more, got {value:g}")
    needed = reserved_caps + math.ceil(max(shared_caps / (1 + most), expected_sessions) - 1e-9)
    if ceiling.hard is None:
        reason = f"{ceiling.provider} states no limit, so there is nothing to oversell; have the account show one"
        return Oversubscription(True, None, None, needed, reserved_caps, (reason,), "no limit is known")
    left = ceiling.hard - reserved_caps
    shared = max(0, left)
    # 1.1 x 1000 is 1100, whatever binary fractions say.
    sold = math.floor(shared * (1 + most) + 1e-9)
    reasons = []
    if left < 0:
        reasons.append(
            f"reserved caps of {reserved_caps:,} sessions are above the {ceiling.hard:,} that {ceiling.provider} carries"
        )
    if shared_caps > sold:
        reasons.append(
            f"shared caps of {shared_caps:,} sessions are above {sold:,}: the shared {shared:,} may be oversold by "
            f"{most:.0%} at most"
        )
    if expected_sessions > shared:
        refused = f"{refused_share(expected_sessions / shared):.1%}" if shared else "all"
        reasons.append(
            f"an expected load of {expected_sessions:,.0f} sessions is above the shared {shared:,}: "
            f"{refused} of its tokens would be refused, in the middle of calls; only caps may be oversold, never load"
        )
    allowed = not reasons
    if allowed:
        reasons.append(
            f"shared caps of {shared_caps:,} sessions are within {sold:,}, "
            f"the expected {expected_sessions:,.0f} within {shared:,}"
        )
    return Oversubscription(
        allowed=allowed,
        shared_sessions=shared,
        most_shared_caps=sold,
        sessions_needed=needed,
        reserved_on_demand=max(0, reserved_caps - ceiling.reserved),
        reasons=tuple(reasons),
        formula=f"({ceiling.hard:,} sessions - {reserved_caps:,} reserved) x {1 + most:g} = {sold:,}",
    )
