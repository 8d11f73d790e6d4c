"""Who is told of an alert: by vertical, protected health information and severity."""

from typing import Any

from capacity.observability import Observability
from capacity.plan import CapacityPlan

FOLDER = "/etc/alertmanager/receivers"
"""Where the operator's Secret stands: a file a receiver, holding its webhook's URL."""
_SEVERITIES = ("page", "ticket")


def alertmanager_config(plan: CapacityPlan, section: Observability) -> dict[str, Any]:
    """Return Alertmanager's configuration.

    A vertical with an owner goes to the owner, whatever the severity; other verticals with protected health information to
    receivers of their own; the rest by severity. Waiting, grouping and repetition are Alertmanager's defaults.
    """
    return {
        "route": {
            "receiver": "ticket",
            "group_by": ["alertname", "vertical"],
            "routes": [*_owned(plan, section), *_health(plan, section), _pages("page")],
        },
        "inhibit_rules": [
            # Full pods are what blocks calls: one message is enough.
            {
                "source_matchers": ['alertname="CallsBlocked"'],
                "target_matchers": ['alertname="PodsBecomeFull"'],
                "equal": ["vertical"],
            }
        ],
        "receivers": [{"name": name, "webhook_configs": [{"url_file": f"{FOLDER}/{name}"}]} for name in receivers(plan, section)],
    }


def receivers(plan: CapacityPlan, section: Observability) -> tuple[str, ...]:
    """Return the receivers of an environment: the keys that the operator's Secret must have."""
    health = tuple(f"phi-{severity}" for severity in _SEVERITIES) if _without_owner(plan, section) else ()
    owners = dict.fromkeys(_receiver(plan, vertical, owner) for vertical, owner in section.owners.items())
    return (*_SEVERITIES, *health, *owners)


def _owned(plan: CapacityPlan, section: Observability) -> list[dict[str, Any]]:
    return [
        {"matchers": [f'vertical="{vertical}"'], "receiver": _receiver(plan, vertical, owner)}
        for vertical, owner in section.owners.items()
    ]


def _health(plan: CapacityPlan, section: Observability) -> list[dict[str, Any]]:
    names = _without_owner(plan, section)
    if not names:
        return []
    matcher = f'vertical=~"{"|".join(names)}"'
    return [{"matchers": [matcher], "receiver": "phi-ticket", "routes": [_pages("phi-page")]}]


def _pages(receiver: str) -> dict[str, Any]:
    return {"matchers": ['severity="page"'], "receiver": receiver}


def _without_owner(plan: CapacityPlan, section: Observability) -> list[str]:
    return [one.name for one in plan.verticals if one.spec.phi and one.name not in section.owners]


def _receiver(plan: CapacityPlan, vertical: str, owner: str) -> str:
    phi = next(one for one in plan.verticals if one.name == vertical).spec.phi
    return f"phi-{owner}" if phi else owner
