"""When what cannot grow at once is short, and when to order more."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from capacity import plan
from capacity.lead_times import HORIZON_DAYS, first_day, lead_time
from capacity.required import growth_factor
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document


@given(st.integers(0, HORIZON_DAYS + 50))
def test_the_first_day_is_found_by_halving(days: int) -> None:
    """The first day on which a condition holds, or None past the horizon."""
    begins = DATA_END + timedelta(days=days)
    assert first_day(DATA_END, lambda day: day >= begins) == (begins if days <= HORIZON_DAYS else None)


def test_what_never_grows_is_never_short() -> None:
    """A growth of 1 keeps every ceiling; a ceiling that is short already is short today; and nothing is ordered for never."""
    document = spec_document(a=live()) | {"margins": {"growth_per_quarter": 1.0}}
    for limit, short_on in (("27M", None), ("26M", DATA_END)):
        document["model"]["primary"]["tokens_per_minute"] = {"limit": limit}
        made = plan(read_spec(document), lock(a=load(3000)), DATA_END)
        assert made.model.asked[0].lead.short_on == short_on
    assert lead_time(None, 3600.0).order_by is None


def test_a_limit_that_cannot_be_raised_in_time_is_a_dated_shortfall() -> None:
    """27M of 36M are passed after 38 days: with 28 days to get more, the order is due on 2026-11-12, and late on the 13th."""
    document = spec_document(a=live())
    document["model"]["primary"]["tokens_per_minute"] = {"limit": "36M", "lead_time": "28d"}
    spec, forecast = read_spec(document), lock(a=load(3000))
    in_time = plan(spec, forecast, date(2026, 11, 12))
    assert (in_time.model.asked[0].lead.short_on, in_time.model.asked[0].lead.order_by) == (
        date(2026, 12, 10),
        date(2026, 11, 12),
    )
    assert not in_time.shortfalls
    (late,) = plan(spec, forecast, date(2026, 11, 13)).shortfalls
    assert (late.resource, late.required, late.provided, late.unit) == ("model", 28, 27, "days")
    assert late.reason == "the limit of tokens a minute of provider is short on 2026-12-10; more had to be ordered by 2026-11-12"


def test_nodes_are_short_on_the_day_their_pods_no_longer_fit() -> None:
    """8 of 9 nodes of 7 pods hold 56 x 72 sessions; the load asks for a 57th pod on the day that the plan names."""
    document = spec_document(a=live())
    document["pools"]["general"] |= {"nodes": 9, "survive": 1}
    made = plan(read_spec(document), lock(a=load(2000)), DATA_END)
    short_on = made.pools[0].lead.short_on
    assert short_on is not None
    held = 56 * 72

    def asked(day: date) -> float:
        return 1.5 * 2000 * growth_factor((day - DATA_END).days, 2.0)

    assert asked(short_on) > held >= asked(short_on - timedelta(days=1))
