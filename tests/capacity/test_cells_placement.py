"""Placement on cells: the loss of any one is survived, at the least common level."""

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from capacity.cells.placement import Demand, Placement, place
from capacity.cells.tenants import after_loss, homes

CELLS = ("a", "b", "c", "d")
sizes = st.dictionaries(st.sampled_from(CELLS), st.floats(0.5, 20.0), min_size=2).map(lambda found: dict(sorted(found.items())))


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple[Demand, ...], dict[str, float]]:
    """Return verticals that may each run in one or more of some cells."""
    given_sizes = draw(sizes)
    names = draw(st.lists(st.sampled_from(("v", "w", "x")), min_size=1, unique=True))
    demands = tuple(
        Demand(
            name,
            draw(st.floats(1.0, 5000.0)),
            draw(st.floats(1e-3, 0.5)),
            tuple(sorted(draw(st.sets(st.sampled_from(sorted(given_sizes)), min_size=1)))),
        )
        for name in names
    )
    return demands, given_sizes


def _left(placement: Placement, vertical: str, lost: str) -> float:
    return sum(sessions for cell, sessions in placement.ready[vertical].items() if cell != lost)


@given(problems())
def test_what_is_left_after_any_loss_holds_every_vertical_that_has_another_cell(
    problem: tuple[tuple[Demand, ...], dict[str, float]],
) -> None:
    """Whatever cell is gone, the others stand ready for all that is required, but for verticals bound to one cell."""
    demands, given_sizes = problem
    placement = place(demands, given_sizes)
    for demand in demands:
        assert set(placement.ready[demand.name]) <= set(demand.cells)
        assert (demand.name in placement.stranded) == (len(demand.cells) == 1)
        for lost in given_sizes:
            if demand.name not in placement.stranded:
                assert _left(placement, demand.name, lost) >= demand.required * (1 - 1e-9)


@given(problems())
@example(((Demand("v", 1.0, 0.001, ("a", "b")), Demand("w", 1199.0, 0.5, ("a",))), {"a": 0.5, "b": 14.0}))
def test_shares_add_up_and_every_cell_is_ready_for_its_share_after_any_loss(
    problem: tuple[tuple[Demand, ...], dict[str, float]],
) -> None:
    """Calls are neither lost nor doubled by the split, and no loss asks more of a cell than it stands ready for."""
    demands, given_sizes = problem
    placement = place(demands, given_sizes)
    for demand in demands:
        assert sum(placement.share(demand.name, cell) for cell in given_sizes) == pytest.approx(1)
        for cell in given_sizes:
            share = placement.share_after_loss(demand.name, cell)
            assert share * demand.required <= placement.ready[demand.name].get(cell, 0.0) * (1 + 1e-9)
            assert share >= placement.share(demand.name, cell) * (1 - 1e-9)


@given(sizes, st.integers(1, 12))
def test_one_vertical_is_placed_as_low_as_brute_force_finds(given_sizes: dict[str, float], required: int) -> None:
    """No placement in steps of a tenth leaves the fullest cell emptier than the one found."""
    cells = tuple(given_sizes)
    found = place((Demand("v", float(required), 1.0, cells),), given_sizes)
    steps = [required * tenth / 5 for tenth in range(6)]
    survivors = [amounts for amounts in product(steps, repeat=len(cells)) if sum(amounts) - max(amounts) >= required - 1e-9]
    best = min(max(amount / given_sizes[cell] for amount, cell in zip(amounts, cells, strict=True)) for amounts in survivors)
    assert found.fullest <= best * (1 + 1e-9)


def test_twelve_like_cells_keep_an_eleventh_in_reserve() -> None:
    """Each of n like cells stands ready for R / (n - 1): what the others must take over when one is gone."""
    like = {f"cell-{number}": 1.0 for number in range(12)}
    placement = place((Demand("v", 11_000.0, 1.0, tuple(like)),), like)
    assert placement.ready["v"] == pytest.approx(dict.fromkeys(like, 1000.0))
    assert placement.share_after_loss("v", "cell-3") == pytest.approx(1 / 11)


@given(st.integers(0, 10_000), sizes)
def test_every_tenant_has_one_home_and_room_after_any_loss(tenants: int, given_sizes: dict[str, float]) -> None:
    """Homes add up to the tenants; whichever cell is gone, the others are ready for all of them."""
    at_home = homes(tenants, given_sizes)
    assert sum(at_home.values()) == tenants
    assert all(count >= 0 for count in at_home.values())
    for lost in given_sizes:
        rest = {cell: after_loss(at_home, cell, given_sizes) for cell in given_sizes if cell != lost}
        assert sum(rest.values()) >= tenants
