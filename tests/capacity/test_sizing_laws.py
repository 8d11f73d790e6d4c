"""What holds of every resource, whatever its law."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.sizing.result import Sizing
from capacity.units import UnknownUnit, parse_amount, parse_bytes
from tests.capacity.sizing import CASES, Case, changes, cured

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
rated_case = pytest.mark.parametrize("case", [case for case in CASES if case.name != "nodes"], ids=lambda case: case.name)
"""Those whose load is a number and whose margin is a share of it; nodes take pods, and their margin is spare nodes."""
loads = st.floats(0.01, 20)
shares = st.floats(0.5, 1)


def _part_of(amount: int | str, share: float) -> int | str:
    try:
        return max(1, round(parse_amount(amount) * share))
    except UnknownUnit:
        return f"{round(parse_bytes(str(amount)) * share)}B"


def _headroom(sizing: Sizing) -> float:
    assert sizing.headroom is not None
    return sizing.headroom


@every_case
def test_the_example_is_held_and_a_hundred_times_its_load_is_not(case: Case) -> None:
    """The laws below are proven on resources that can be enough and can be too small."""
    assert case.size(case.document, 1.0, 0.9).shortfall is None
    assert case.size(case.document, 100.0, 0.9).shortfall is not None


@every_case
@given(times=loads, safe=shares)
def test_headroom_is_what_is_safe_over_what_is_required(case: Case, times: float, safe: float) -> None:
    """Headroom = safe / required - 1, the tightest limit is the hard ceiling, and too little is a shortfall."""
    sizing = case.size(case.document, times, safe)
    assert sizing.hard == min(limit.value for limit in sizing.limits)
    assert sizing.binding in {limit.name for limit in sizing.limits if limit.value == sizing.hard}
    assert 0 <= sizing.safe <= sizing.hard
    assert sizing.provided == sizing.safe
    if sizing.required:
        assert _headroom(sizing) == sizing.safe / sizing.required - 1
    short = sizing.safe < sizing.required * (1 - 1e-9)
    assert (sizing.shortfall is not None) == short
    if sizing.shortfall is not None:
        assert (sizing.shortfall.required, sizing.shortfall.provided) == (sizing.required, sizing.safe)
        assert sizing.binding in sizing.shortfall.reason


@every_case
@given(times=loads, more=st.floats(1, 5), safe=shares)
def test_more_load_never_leaves_more_headroom(case: Case, times: float, more: float, safe: float) -> None:
    """Required only grows with the load, headroom only falls, and what was short stays short."""
    less, full = case.size(case.document, times, safe), case.size(case.document, times * more, safe)
    assert full.required >= less.required
    if less.required:
        assert _headroom(full) <= _headroom(less) + 1e-9
    assert not (less.shortfall is not None and full.shortfall is None)


@every_case
@given(times=loads, safe=shares, tighter=st.floats(0.5, 1))
def test_a_stricter_margin_never_leaves_more_headroom(case: Case, times: float, safe: float, tighter: float) -> None:
    """The safe ceiling falls with the share that may be planned on; the hard one stays."""
    loose, strict = case.size(case.document, times, safe), case.size(case.document, times, safe * tighter)
    assert strict.hard == loose.hard
    assert strict.safe <= loose.safe


@every_case
@given(times=loads, share=st.floats(0.01, 1))
def test_removing_a_resource_never_raises_headroom(case: Case, times: float, share: float) -> None:
    """A part of anything that the resource is made of holds no more than all of it."""
    before = case.size(case.document, times, 0.9)
    for amount in case.amounts:
        after = case.size(case.document | {amount: _part_of(case.document.get(amount, 1), share)}, times, 0.9)
        assert after.hard <= before.hard * (1 + 1e-12)
        assert after.safe <= before.safe * (1 + 1e-12)
        if before.required and after.required:
            assert _headroom(after) <= _headroom(before) + 1e-9


@every_case
@settings(max_examples=50)
@given(times=st.floats(1, 60), safe=shares)
def test_the_remedy_cures_and_nothing_less_does(case: Case, times: float, safe: float) -> None:
    """With the figures that a shortfall names it is gone; with any of them left as it was it is not."""
    sizing = case.size(case.document, times, safe)
    if sizing.shortfall is None:
        return
    remedy = sizing.shortfall.remedy
    if case.name == "gate" and "split" in remedy:
        return
    figures = changes(remedy)
    assert figures, remedy
    assert len({path for path, _ in figures}) == len(figures)
    after = case.size(cured(case.document, remedy), times, safe)
    assert after.shortfall is None, (remedy, after.shortfall)
    for path, _ in figures:
        others = " and ".join(part for part in remedy.split(" and ") if f"x.{path} " not in part)
        assert case.size(cured(case.document, others), times, safe).shortfall is not None, (remedy, path)


@every_case
@settings(max_examples=50)
@given(times=st.floats(1, 60), safe=shares)
def test_the_remedy_is_the_smallest(case: Case, times: float, safe: float) -> None:
    """One less of any whole number that a shortfall names, and something is still short."""
    sizing = case.size(case.document, times, safe)
    if sizing.shortfall is None:
        return
    remedy = sizing.shortfall.remedy
    for path, value in changes(remedy):
        if not value.isdigit():
            continue
        less = cured(case.document, remedy.replace(f" to {value}", f" to {int(value) - 1}"))
        assert case.size(less, times, safe).shortfall is not None, (remedy, path)


@every_case
def test_every_limit_explains_itself(case: Case) -> None:
    """A limit has a formula with figures and says who claims them; assumed is shown as assumed."""
    limits = case.size(case.document, 1.0, 0.9).limits
    assert len({limit.name for limit in limits}) == len(limits)
    for limit in limits:
        assert any(character.isdigit() for character in limit.formula)
        assert limit.source.startswith(("assumed", "declared", "measured"))


@rated_case
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0])
def test_a_load_is_a_finite_number(case: Case, wrong: float) -> None:
    """A load that is no number is an error, not an answer."""
    with pytest.raises(ValueError, match="finite"):
        case.size(case.document, wrong, 0.9)


@rated_case
def test_safe_utilisation_is_a_share(case: Case) -> None:
    """0 and more than 1 are errors."""
    for wrong in (0.0, 1.1, float("nan")):
        with pytest.raises(ValueError, match="safe utilisation"):
            case.size(case.document, 1.0, wrong)
