"""What benchmarks are fed with follows the stacks, which change."""

import pytest

from benchmarks.plan import planned, texts


@pytest.mark.parametrize(("copies", "tenants"), [(1, 0), (1, 30), (3, 0)])
def test_prod_can_be_planned_many_times_over(copies: int, tenants: int) -> None:
    """Copies of its verticals, and new tenants, are a valid spec; together they ask for no less than the originals as often."""
    once, many = planned(*texts(1)), planned(*texts(copies, tenants))
    assert len(many.verticals) == copies * len(once.verticals)
    least = copies * sum(live.required.sessions for live in once.live)
    assert sum(live.required.sessions for live in many.live) >= least
