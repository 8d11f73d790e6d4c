"""The days by which somebody must act: orders before something is short, and the next forecast."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from capacity.lead_times import LeadTime
from capacity.plan import CapacityPlan
from headroom.review.report.evidence import MODEL, pool_title


@dataclass(frozen=True)
class Due:
    """One day to act by."""

    act_by: date
    until: date
    """When it is too late: the day on which it is short, or the forecast may no longer be used."""
    what: str
    action: str
    proof: tuple[str, str] | None
    """The chain and the step that say why; None for the forecast's own end."""


def calendar(plan: CapacityPlan) -> tuple[Due, ...]:
    """Return what is due, the first to act on first; what holds for two years is left out."""
    dues = [Due(plan.lock.valid_until, plan.lock.valid_until, "forecast", "make a new one from the calls since", None)]
    for name, lead, proof in _leads(plan):
        if lead is not None and lead.short_on is not None and lead.order_by is not None:
            dues.append(Due(lead.order_by, lead.short_on, name, "order more", proof))
    return tuple(sorted(dues, key=lambda due: (due.act_by, due.what)))


def _leads(plan: CapacityPlan) -> Iterator[tuple[str, LeadTime | None, tuple[str, str]]]:
    for asked in plan.model.asked:
        yield f"{asked.limit.name} of {plan.model.primary.name}", asked.lead, (MODEL, "required")
    for pool in plan.pools:
        yield pool_title(pool.name), pool.lead, (pool_title(pool.name), "required")
    for part in plan.sizings:
        yield part.name, part.lead, (part.name, "lasts")
