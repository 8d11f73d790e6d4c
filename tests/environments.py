"""The environments of this repository, planned as the command does."""

from datetime import UTC, datetime

from capacity import CapacityPlan
from stacks.reading import plan_environment


def planned(environment: str) -> CapacityPlan:
    """Return the plan of an environment on the day that it pins."""
    return plan_environment(environment, None, datetime(2026, 11, 2, 12, tzinfo=UTC))
