"""Which cells hold how many tenants of each plan, each with a home and a cell that takes it when its home is gone."""

from collections.abc import Mapping

from capacity.spec import SoldPlan


def homes(tenants: int, sizes: Mapping[str, float]) -> dict[str, int]:
    """Return how many tenants are at home in each cell, by its size; what is left over goes to the largest remainders.

    >>> homes(10, {"a": 1.0, "b": 1.0, "c": 2.0})
    {'a': 3, 'b': 2, 'c': 5}
    """
    whole = sum(sizes.values())
    exact = {cell: tenants * size / whole for cell, size in sizes.items()}
    found = {cell: int(value) for cell, value in exact.items()}
    by_remainder = sorted(sizes, key=lambda cell: (found[cell] - exact[cell], cell))
    for cell in by_remainder[: tenants - sum(found.values())]:
        found[cell] += 1
    return found


def after_loss(at_home: Mapping[str, int], cell: str, sizes: Mapping[str, float]) -> int:
    """Return the most tenants that a cell has when any other is gone, whose tenants go to the rest by size."""
    return max(
        at_home[cell] + homes(at_home[lost], {other: sizes[other] for other in sizes if other != lost})[cell]
        for lost in sizes
        if lost != cell
    )


def plans_after_loss(plans: Mapping[str, SoldPlan], sizes: Mapping[str, float]) -> dict[str, dict[str, SoldPlan]]:
    """Return what each cell must hold of each plan when any other cell is gone; plans without a tenant in it are left out."""
    at_home = {name: homes(plan.tenants, sizes) for name, plan in plans.items()}
    return {
        cell: {
            name: plan.model_copy(update={"tenants": tenants})
            for name, plan in plans.items()
            if (tenants := after_loss(at_home[name], cell, sizes))
        }
        for cell in sizes
    }
