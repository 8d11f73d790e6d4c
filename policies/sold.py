"""The plans that tenants have, as the stack says that they are sold."""

from dataclasses import dataclass

from policies.stack import Stack, field

SOLD = "headroom:plan:Sold"


@dataclass(frozen=True)
class SoldPlan:
    """A plan as it is sold."""

    tenants: int
    cap: int
    guaranteed: int


def sold_plans(stack: Stack) -> dict[str, SoldPlan]:
    """Return the plans that a stack says are sold, by name; raise `Unreadable` where it does not say."""
    plans = field(stack.the_one(SOLD), "plans")
    names = sorted(plans.value) if isinstance(plans.value, dict) else []
    return {name: SoldPlan(*(plans[name][key].count() for key in ("tenants", "cap", "guaranteed"))) for name in names}
