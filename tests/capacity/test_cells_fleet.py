"""Environments of several cells: planned for the worst loss, and as large as one likes."""

import json
from datetime import date
from typing import Any

import pytest

from capacity.cells.division import cell_document, part_of
from capacity.cells.fleet import FleetPlan, plan_fleet
from capacity.cells.places import Cell, Cells
from capacity.cells.scale import TooManyCells, fewest_cells, grown
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document

AS_OF = date(2026, 11, 3)


def _like(count: int, most_nodes: int = 100) -> Cells:
    return Cells(most_nodes=most_nodes, places={f"cell-{number}": Cell() for number in range(count)})


def _fleet(cells: Cells, peak: int = 800, **document: Any) -> FleetPlan:
    spec = read_spec(spec_document(healthcare=live(), sales=live(mean_call={"value": "180s"})) | document)
    return plan_fleet(spec, cells, lock(healthcare=load(peak), sales=load(2 * peak)), AS_OF)


def test_the_pods_that_are_left_hold_what_is_required_whatever_cell_is_gone() -> None:
    """With any one cell taken away the others' pods safely hold the whole environment's required sessions."""
    for cells in (_like(2), _like(5), Cells(most_nodes=100, places={"a": Cell(weight=3), "b": Cell(), "c": Cell(weight=2)})):
        fleet = _fleet(cells)
        for vertical in fleet.whole.live:
            provided = [{one.name: one.provided for one in cell.plan.live}[vertical.name] for cell in fleet.cells]
            assert all(sum(provided) - lost >= vertical.required.sessions for lost in provided)


def test_a_vertical_that_may_run_in_one_cell_alone_is_a_shortfall_that_names_it() -> None:
    """Its loss cannot be survived; everything else is still planned."""
    fleet = _fleet(
        Cells(most_nodes=100, places={"us": Cell(), "eu": Cell(verticals=("sales",)), "asia": Cell(verticals=("sales",))})
    )
    assert [(short.resource, short.scope) for short in fleet.shortfalls] == [("cell loss", "healthcare")]
    assert {cell.name: [one.name for one in cell.plan.live] for cell in fleet.cells} == {
        "us": ["healthcare", "sales"],
        "eu": ["sales"],
        "asia": ["sales"],
    }


def test_a_cell_that_needs_more_nodes_than_a_cluster_is_trusted_with_falls_short() -> None:
    """The shortfall names the cell, and the cure is another cell."""
    fleet = _fleet(_like(2, most_nodes=3))
    shorts = [short for cell in fleet.cells for short in cell.shortfalls]
    assert {(short.resource, short.scope, short.provided) for short in shorts} == {("cell", "cell-0", 3), ("cell", "cell-1", 3)}


def test_model_limits_are_those_of_the_whole_and_never_divided() -> None:
    """A token limit that one cell would keep is short for all of them together, and is said once."""
    document = spec_document()["model"]
    document["primary"]["tokens_per_minute"]["limit"] = "10M"
    fleet = _fleet(_like(12), model=document)
    assert {short.resource for short in fleet.shortfalls} == {"model"}
    assert not any(cell.shortfalls for cell in fleet.cells)
    assert fleet.bounds[0].headroom < 0


def test_twelve_cells_carry_a_hundred_thousand_sessions() -> None:
    """Each of a dozen stands ready for an eleventh and the chance of the split, in whole pods."""
    fleet = _fleet(_like(12, most_nodes=1000), peak=33_334)
    required = sum(live.required.sessions for live in fleet.whole.live)
    assert required >= 150_000
    for cell in fleet.cells:
        assert required / 11 <= cell.sessions_after_loss <= required / 11 * 1.06
        assert cell.sessions == pytest.approx(required / 12)


def test_tenants_are_all_at_home_somewhere_and_new_customers_are_divided() -> None:
    """No tenant is lost between the cells, and a cell's plans leave room for those that flee to it."""
    plans = {"starter": {"tenants": 31, "cap": 50, "sessions": 20}}
    fleet = _fleet(_like(4), plans=plans)
    assert sum(cell.tenants["starter"] for cell in fleet.cells) == 31
    for cell in fleet.cells:
        assert cell.spec.plans["starter"].tenants >= cell.tenants["starter"] + 2


def test_the_written_document_of_a_cell_reads_as_the_spec_that_was_planned() -> None:
    """What a cell is deployed from is what it was planned from."""
    customer = {
        "name": "acme",
        "vertical": "sales",
        "plan": "starter",
        "start": {"earliest": "2026-11-09", "likely": "2026-11-16", "latest": "2026-11-30"},
        "calls_a_day": {"low": 2000, "mid": 3000, "high": 5000, "confidence": 0.9},
        "call": "180s",
        "hours": {"zone": "America/New_York", "open": "09:00", "close": "17:00", "peak_to_mean": 1.5},
    }
    document = spec_document(healthcare=live(), sales=live()) | {
        "plans": {
            "starter": {"tenants": 31, "cap": 50, "sessions": 20},
            "gold": {"tenants": 9, "cap": 50, "guaranteed": 10, "vertical": "healthcare", "sessions": 20},
        },
        "customers": [customer],
        "pools": {"general": {"cpu": 32, "memory": "128GB", "nodes": 40}},
    }
    cells = Cells(most_nodes=100, places={"us": Cell(), "eu": Cell(verticals=("sales",)), "asia": Cell(verticals=("sales",))})
    spec = read_spec(document | {"cells": json.loads(cells.model_dump_json(exclude_unset=True))})
    fleet = plan_fleet(spec, cells, lock(healthcare=load(), sales=load()), AS_OF)
    for cell in fleet.cells:
        written = cell_document(json.loads(json.dumps(document)), cell.spec)
        assert read_spec(written) == cell.spec
    assert [cell.spec.plans["gold"].guaranteed for cell in fleet.cells] == [10, 0, 0]


def test_a_split_is_never_more_than_the_whole_and_wider_than_the_mean() -> None:
    """A cell of a random split sees more than its mean share, less so the larger the fleet."""
    assert part_of(10, 0.9) == 10
    assert [round(part_of(sessions, 0.1) / (sessions * 0.1), 2) for sessions in (100, 10_000, 1_000_000)] == [2.0, 1.09, 1.01]


def test_the_fewest_cells_are_found_and_one_fewer_is_too_few() -> None:
    """No smaller number of like cells keeps every cluster within its nodes."""
    spec = read_spec(spec_document(healthcare=live(), sales=live()))
    bigger, forecast = grown(spec, lock(healthcare=load(), sales=load()), 20.0)
    found = fewest_cells(bigger, forecast, DATA_END, 60)
    assert max(cell.nodes for cell in found.cells) <= 60
    fewer = plan_fleet(bigger, _like(len(found.cells) - 1, 60), forecast, DATA_END)
    assert max(cell.nodes for cell in fewer.cells) > 60


def test_nodes_that_no_cell_does_with_are_refused_at_once() -> None:
    """What a cell needs however few calls it has is the least that a cluster must be trusted with; with it cells are found."""
    spec, forecast = read_spec(spec_document(healthcare=live(), sales=live())), lock(healthcare=load(), sales=load())
    with pytest.raises(TooManyCells, match=r"a cell needs \d+ nodes however few calls it has") as refused:
        fewest_cells(spec, forecast, DATA_END, 1)
    least = int(str(refused.value).split()[3])
    assert max(cell.nodes for cell in fewest_cells(spec, forecast, DATA_END, least + 1).cells) <= least + 1
