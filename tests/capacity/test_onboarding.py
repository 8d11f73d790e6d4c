"""New customers: what their profiles say, what they add together, and what the plan makes of them."""

import json
import math
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from capacity import CapacityPlan, plan
from capacity.explain import explain
from capacity.explain_model import explain_model
from capacity.lock import VerticalForecast
from capacity.onboarding import DAY_CV, CallsADay, Customer, Onboarding, StartDate, calls_at, onboarding, start_at
from capacity.plan import LivePlan
from capacity.required import ONBOARDING, growth_factor
from capacity.sizing.poisson import poisson_quantile
from capacity.traffic.erlang import erlang_b
from policies.adapters.program import judge_blueprint
from stacks.reading import floors_path
from stacks.voice import render
from tests.capacity.specs import DATA_END, IMAGE, live, load, lock, read_spec, spec_document

UNTIL = DATA_END + timedelta(days=28)
Z_95 = 1.6448536269514722
SURE = {"low": 1200, "mid": 1200, "high": 1200, "confidence": 0.9}
WIDE = {"low": 800, "mid": 1200, "high": 2400, "confidence": 0.9}


def _starts(days: int = 0, spread: int = 0) -> dict[str, str]:
    first = DATA_END + timedelta(days=days)
    return {
        "earliest": first.isoformat(),
        "likely": (first + timedelta(days=spread // 3)).isoformat(),
        "latest": (first + timedelta(days=spread)).isoformat(),
    }


def _document(name: str = "clinic", **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "name": name,
        "vertical": "a",
        "plan": "499",
        "start": _starts(),
        "calls_a_day": SURE,
        "call": "4m",
        "hours": {"zone": "UTC", "open": "08:00", "close": "18:00"},
        "basis": "declared",
        "source": "order form",
    }
    return base | changes


def _customer(name: str = "clinic", **changes: Any) -> Customer:
    return Customer.model_validate_json(json.dumps(_document(name, **changes)))


def _forecast(**changes: Any) -> VerticalForecast:
    return VerticalForecast.model_validate_json(json.dumps(load(100, **changes)))


def _joined(*customers: Customer, until: date = UNTIL, burst: float = 1.0, **forecast: Any) -> Onboarding:
    return onboarding(customers, _forecast(**forecast), DATA_END, until, burst=burst, draws=1024)


def _planned(*customers: dict[str, Any], peak: int = 100, **document: Any) -> CapacityPlan:
    spec = spec_document(a=live(), b=live()) | {"customers": list(customers)} | document
    return plan(read_spec(spec), lock(a=load(peak), b=load(peak)), DATA_END)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 5000), st.floats(0.05, 0.99))
def test_the_stated_quantiles_of_the_volume_are_recovered(one: int, two: int, three: int, confidence: float) -> None:
    """Low, mid and high lie exactly where the statement puts them: below low and above high equally often."""
    from statistics import NormalDist

    low, mid, high = sorted((one, two, three))
    calls = CallsADay(low=low, mid=mid, high=high, confidence=confidence)
    deviate = NormalDist().inv_cdf((1 + confidence) / 2)
    assert calls_at(calls, np.array([-deviate, 0.0, deviate])) == pytest.approx([low, mid, high], rel=1e-12)


def test_a_volume_that_is_symmetric_in_proportion_is_one_lognormal() -> None:
    """Where mid^2 = low x high the logarithm is normal with one deviation."""
    calls = CallsADay(low=500, mid=1000, high=2000, confidence=0.9)
    deviates = np.linspace(-4, 4, 33)
    assert calls_at(calls, deviates) == pytest.approx(1000 * np.exp(math.log(2) / Z_95 * deviates), rel=1e-12)


def test_starts_are_triangular() -> None:
    """Nothing before the earliest, nothing after the latest, and (mode - low) / (high - low) of it before the likely day."""
    start = StartDate(earliest=DATA_END, likely=DATA_END + timedelta(days=10), latest=DATA_END + timedelta(days=40))
    assert start_at(start, DATA_END, np.array([0.0, 0.25, 1.0])) == pytest.approx([0, 10, 40])
    drawn = start_at(start, DATA_END, (np.arange(100_000) + 0.5) / 100_000)
    assert drawn.mean() == pytest.approx((0 + 10 + 40) / 3, rel=1e-6)
    sure = StartDate(earliest=DATA_END, likely=DATA_END, latest=DATA_END)
    assert start_at(sure, DATA_END, np.array([0.0, 0.5, 1.0])).tolist() == [0, 0, 0]


def test_one_sure_customer_is_its_offered_load() -> None:
    """1,200 calls of 240 s in ten open hours are 8 erlangs; the sessions are the peak and the Poisson quantile of 8."""
    made = _joined(_customer())
    assert made.offered_on(UNTIL) == pytest.approx(1200 * 240 / 36_000)
    assert made.offered_low == pytest.approx(8)
    assert (made.sessions, made.interval) == (100 + poisson_quantile(8, 0.95), (113, 113))
    assert [made.diversity, made.shares[0].erlangs, made.shares[0].share] == pytest.approx([1, 8, 1])


def test_weights_shape_the_day() -> None:
    """A third of the calls in one hour, and a day factor that is sure: 1,200 / 3 x 240 s in 3,600 s."""
    weights = [0.0] * 24
    weights[9], weights[10], weights[20] = 1, 2, 3
    demand = _demand(0.0)
    made = _joined(_customer(hours={"zone": "America/New_York", "weights": weights}), demand=demand)
    assert made.offered_on(UNTIL) == pytest.approx(1200 * 3 / 6 * 240 / 3600)


def _demand(day_cv: float) -> dict[str, Any]:
    estimate = {"value": 1.0, "low": 1.0, "high": 1.0}
    return {
        "days": 60,
        "starts_per_second": {"p999": estimate, "maximum": 1},
        "holding_seconds": estimate,
        "holding_limit_seconds": 600.0,
        "overdispersion": estimate,
        "day_cv": {"value": day_cv, "low": day_cv, "high": day_cv},
        "method": "test",
    }


def test_a_typical_load_becomes_a_peak_by_one_factor() -> None:
    """The customer's own peak to mean, else the vertical's measured burst factor, else the spec's burst; never two of them."""
    sure = _demand(0.0)
    own = _customer(hours={"zone": "UTC", "open": "08:00", "close": "18:00", "peak_to_mean": 3.0})
    assert _joined(own, burst=1.5, measured_burst=2.0, demand=sure).offered_on(UNTIL) == pytest.approx(24)
    assert _joined(_customer(), burst=1.5, measured_burst=2.0).offered_on(UNTIL) == pytest.approx(16)
    assert _joined(_customer(), burst=1.5).offered_on(UNTIL) == pytest.approx(12)


def test_a_busy_day_counts_where_the_shape_is_one_days() -> None:
    """With a peak to mean of its own the customer peaks on the busiest of 29 days: the lognormal quantile of .95^(1/29)."""
    own = _customer(hours={"zone": "UTC", "open": "08:00", "close": "18:00", "peak_to_mean": 1.0})
    made = onboarding((own,), _forecast(), DATA_END, UNTIL, burst=1.0, draws=20_000)
    deviation = math.sqrt(math.log1p(DAY_CV**2))
    assert made.offered_on(UNTIL) == pytest.approx(8 * math.exp(deviation * 2.917 - deviation**2 / 2), rel=0.01)
    # The factor is shared: twice the customer is twice the load, not twice with less noise.
    twin = _customer("twin", hours={"zone": "UTC", "open": "08:00", "close": "18:00", "peak_to_mean": 1.0})
    assert _joined(own, twin).offered_on(UNTIL) == pytest.approx(2 * _joined(own).offered_on(UNTIL))


def test_one_uncertain_customer_is_its_own_quantile() -> None:
    """Alone, the 95% quantile of the volume is the one that was stated: the draws are stratified."""
    made = _joined(_customer(calls_a_day=WIDE))
    assert made.offered_on(UNTIL) == pytest.approx(2400 * 240 / 36_000, rel=0.01)
    assert made.offered_low == pytest.approx(800 * 240 / 36_000, rel=0.01)
    assert made.interval[0] < made.interval[1] == made.sessions


def test_customers_of_far_zones_peak_apart() -> None:
    """Ten open hours of New York and of Tokyo never meet: the peak of the sum is one of them, the diversity two."""
    hours = {"open": "08:00", "close": "18:00"}
    east = _customer("east", hours=hours | {"zone": "Asia/Tokyo"})
    west = _customer("west", hours=hours | {"zone": "America/New_York"})
    apart, together = _joined(east, west), _joined(_customer("east"), _customer("west"))
    assert [apart.diversity, together.diversity] == pytest.approx([2, 1])
    assert [apart.offered_on(UNTIL), together.offered_on(UNTIL)] == pytest.approx([8, 16])


def test_open_days_are_local() -> None:
    """Sunday in Auckland begins on Saturday in UTC: two customers meet there who by the names of their days never would."""
    sunday = _customer("sunday", hours={"zone": "Pacific/Auckland", "open": "00:00", "close": "12:00", "days": ["sun"]})
    saturday = _customer("saturday", hours={"zone": "UTC", "open": "11:00", "close": "23:00", "days": ["sat"]})
    monday = _customer("monday", hours={"zone": "UTC", "open": "11:00", "close": "23:00", "days": ["mon"]})
    assert _joined(sunday, saturday).diversity == pytest.approx(1)
    assert _joined(sunday, monday).diversity == pytest.approx(2)


def test_clocks_change_on_their_day() -> None:
    """From 2026-11-01 New York opens at 13:00 UTC instead of 12:00, and no longer meets a customer who closes then."""
    morning = _customer("morning", hours={"zone": "UTC", "open": "12:00", "close": "13:00"})
    york = _customer("york", hours={"zone": "America/New_York", "open": "08:00", "close": "09:00"})
    summer, winter = date(2026, 10, 20), date(2026, 11, 2)
    for day, met in ((summer, True), (winter, False)):
        start = dict.fromkeys(("earliest", "likely", "latest"), day.isoformat())
        both = [_customer(c.name, start=start, hours=json.loads(c.hours.model_dump_json())) for c in (morning, york)]
        made = onboarding(both, _forecast(), day, day + timedelta(days=7), burst=1.0, draws=16)
        assert made.diversity == pytest.approx(1 if met else 2)


def test_a_long_ramp_comes_later() -> None:
    """Without a ramp all of it is there on the first day; of 56 days, half after 28, all of it after them and never more."""
    at_once, slowly = _joined(_customer()), _joined(_customer(ramp="56d"))
    assert at_once.offered_on(DATA_END) == pytest.approx(8)
    assert slowly.offered_on(DATA_END) == pytest.approx(8 / 56)
    assert slowly.offered_on(DATA_END + timedelta(days=27)) == pytest.approx(4)
    assert slowly.offered_on(DATA_END + timedelta(days=400)) == pytest.approx(8)
    assert slowly.sessions < at_once.sessions


def test_a_start_beyond_the_horizon_is_known_of_later_days() -> None:
    """By the lock's last day nothing has come of a customer that begins on the fortieth; on the fortieth day all has."""
    made = _joined(_customer(start=_starts(40)))
    assert (made.sessions, made.diversity, made.shares[0].share) == (100, 1, 0)
    assert [made.offered_on(DATA_END + timedelta(days=day)) for day in (39, 40, 800)] == pytest.approx([0, 8, 8])


def test_an_uncertain_start_is_weighed() -> None:
    """What has begun in 1 of 10 draws counts in the 95% quantile, what has in 1 of 100 does not."""
    made = _joined(_customer(start=_starts(0, 100)))
    few, many = 5, 18  # days on which 36/3300 and 361/3300 of the triangle have come
    assert [made.offered_on(DATA_END + timedelta(days=day)) for day in (few, many)] == pytest.approx([0, 8])


profiles = st.fixed_dictionaries(
    {
        "start": st.builds(_starts, st.integers(-10, 60), st.integers(0, 30)),
        "ramp": st.none() | st.sampled_from(["7d", "60d"]),
        "calls_a_day": st.sampled_from([SURE, WIDE]),
        "hours": st.sampled_from(
            [
                {"zone": "Europe/Berlin", "open": "07:30", "close": "16:10", "days": ["mon", "tue", "wed"]},
                {"zone": "Asia/Kathmandu", "weights": [1, *range(23)]},
                {"zone": "America/Los_Angeles", "open": "09:00", "close": "24:00", "peak_to_mean": 2},
            ]
        ),
    }
)


@settings(max_examples=25)
@given(st.lists(profiles, min_size=1, max_size=4), st.randoms())
def test_what_holds_of_all_customers(drawn: list[dict[str, Any]], random: Any) -> None:
    """Deterministic, blind to order, never falling, diverse; shares sum to 1; more customers or calls are never less."""
    joined = [_customer(f"c{number}", **profile) for number, profile in enumerate(drawn)]
    made = onboarding(joined, _forecast(), DATA_END, UNTIL, burst=1.5, draws=128)
    shuffled = random.sample(joined, len(joined))
    assert onboarding(shuffled, _forecast(), DATA_END, UNTIL, burst=1.5, draws=128) == made
    assert list(made.offered_by_day) == sorted(made.offered_by_day)
    assert made.diversity >= 1
    assert sum(share.share for share in made.shares) == pytest.approx(1 if made.shares[0].erlangs else 0)
    assert [share.erlangs for share in made.shares] == sorted((share.erlangs for share in made.shares), reverse=True)
    one_more = onboarding([*joined, _customer("more")], _forecast(), DATA_END, UNTIL, burst=1.5, draws=128)
    louder = {"low": 1500, "mid": 2000, "high": 3000, "confidence": 0.9}
    more_calls = [_customer("c0", **(drawn[0] | {"calls_a_day": louder})), *joined[1:]]
    for other in (one_more, onboarding(more_calls, _forecast(), DATA_END, UNTIL, burst=1.5, draws=128)):
        pairs = zip(made.offered_by_day, other.offered_by_day, strict=False)
        assert all(less <= more + 1e-6 for less, more in pairs)
        assert made.sessions <= other.sessions


def test_the_plan_takes_the_larger_and_names_it() -> None:
    """Customers beyond the forecast's growth bind; fewer of them leave the grown forecast, which the gate asks for."""
    huge = _document(calls_a_day={"low": 40_000, "mid": 40_000, "high": 40_000, "confidence": 0.9})
    made = _planned(huge)
    first, second = made.live
    assert first.onboarding is not None
    assert first.required.binding == ONBOARDING
    # No burst was measured, so the spec's makes a peak of the typical load.
    erlangs = 1.5 * 40_000 * 240 / 36_000
    assert first.required.sessions == 100 + poisson_quantile(erlangs, 0.95)
    assert first.provided >= first.required.sessions
    assert not made.shortfalls
    assert (second.onboarding, second.required) == (None, _planned().live[1].required)
    few = _planned(_document()).live[0]
    assert few.required.sessions == _planned().live[0].required.sessions == 1.5 * growth_factor(28, 2.0) * 100
    assert dict(few.required.terms)[ONBOARDING] < few.required.sessions


def test_tokens_and_nodes_count_the_customers_too() -> None:
    """A customer that comes in two months makes limits short on the day on which it comes, and none of them before."""
    coming = _document(start=_starts(60), calls_a_day={"low": 40_000, "mid": 40_000, "high": 40_000, "confidence": 0.9})
    spec = spec_document(a=live(), b=live()) | {"margins": {"growth_per_quarter": 1.0}}
    spec["pools"]["general"] |= {"nodes": 1, "survive": 0}
    spec["model"]["primary"]["tokens_per_minute"] = {"limit": "2M", "lead_time": "1d"}
    forecasts = lock(a=load(100), b=load(100))
    alone = plan(read_spec(spec), forecasts, DATA_END)
    joined = plan(read_spec(spec | {"customers": [coming]}), forecasts, DATA_END)
    assert (alone.model.asked[0].lead.short_on, alone.pools[0].lead.short_on) == (None, None)
    assert joined.model.asked[0].lead.short_on == joined.pools[0].lead.short_on == DATA_END + timedelta(days=60)
    there = plan(read_spec(spec | {"customers": [coming | {"start": _starts()}]}), forecasts, DATA_END)
    assert there.live[0].onboarding is not None
    assert there.model.sessions == there.live[0].onboarding.sessions + 1.5 * 100
    (step,) = (step for step in explain_model(there) if step.name == "sessions")
    assert step.formula.endswith("of new customers beyond it")


def test_blocking_and_floors_count_the_customers_too() -> None:
    """The offered load is the forecast's and the customers' where that is more than growth; so is a known peak's floor."""
    huge = _document(calls_a_day={"low": 40_000, "mid": 40_000, "high": 40_000, "confidence": 0.9})
    peak = {"day": "mon", "start": "09:00", "end": "11:00", "zone": "America/New_York", "sessions": 80}

    def made(*customers: dict[str, Any]) -> LivePlan:
        spec = read_spec(spec_document(a=live()) | {"customers": list(customers)})
        planned = plan(spec, lock(a=load(100, known_peaks=[peak])), DATA_END)
        assert not planned.shortfalls
        return planned.live[0]

    alone, joined = made(), made(huge)
    assert joined.onboarding is not None
    erlangs = joined.onboarding.offered_on(UNTIL)
    assert alone.offered == pytest.approx(100 * growth_factor(28, 2.0))
    assert joined.offered == pytest.approx(100 + erlangs)
    assert joined.blocking == pytest.approx(erlang_b(100 + erlangs, joined.scaling.maximum * joined.takes.guaranteed))
    (window,) = joined.scaling.windows
    assert window.replicas == min(joined.scaling.maximum, -(-(80 + erlangs) // joined.scaling.target.sessions))


def test_the_bill_counts_the_mean_of_the_customers() -> None:
    """1,200 calls of four minutes on five days of a week are 2.381 sessions on average, half that in the middle of a ramp."""
    week = {"zone": "UTC", "open": "08:00", "close": "18:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
    assert _joined(_customer(hours=week)).mean_sessions == pytest.approx(1200 * 240 / 86400 * 5 / 7)
    ramping = _joined(_customer(hours=week, ramp="58d"))
    assert ramping.mean_sessions == pytest.approx(1200 * 240 / 86400 * 5 / 7 / 2)
    spec = spec_document(a=live())
    spec["model"]["primary"]["price_per_session_minute"] = {"amount": 0.05}
    forecast = lock(a=load(100, mean_sessions=30.0))
    minutes = [
        plan(read_spec(spec | {"customers": customers}), forecast, DATA_END).costs[-1].call_minutes
        for customers in ([], [_document(hours=week)])
    ]
    assert minutes[1] == pytest.approx((minutes[0] or 0) * (30 + 1200 * 240 / 86400 * 5 / 7) / 30)


def test_a_customer_bought_one_of_the_plans_and_bears_its_part_of_the_bill() -> None:
    """A plan that is not sold is refused by its field; a customer that begins within the lock's validity is one more tenant."""
    sold = {"small": {"tenants": 3, "cap": 50, "sessions": 20}, "large": {"tenants": 1, "cap": 50, "sessions": 20}}
    spec = spec_document(a=live()) | {"plans": sold}
    with pytest.raises(ValidationError, match=r"customers\[0\]\.plan: there is no plan 'gone'; there are: small, large"):
        read_spec(spec | {"customers": [_document(plan="gone")]})
    spec["model"]["primary"]["price_per_session_minute"] = {"amount": 0.05}
    late = _document("later", plan="small", start=_starts(60))
    joined = plan(
        read_spec(spec | {"customers": [_document(plan="small"), late]}), lock(a=load(100, mean_sessions=30.0)), DATA_END
    )
    assert [(cost.name, cost.tenants) for cost in joined.sold_costs] == [("small", 4), ("large", 1)]
    assert joined.sold_costs[0].model == pytest.approx(4 * (joined.sold_costs[1].model or 0))


def test_the_document_and_the_chain_show_the_term() -> None:
    """Without customers nothing of it is printed; with them the figure, its interval, diversity and the customers that bind."""
    assert "onboarding" not in json.dumps(_planned().document())
    made = _planned(_document("small"), _document("large", calls_a_day=WIDE))
    shown = made.document()["verticals"]["a"]
    assert list(shown["onboarding"]["binding"]) == ["large", "small"]
    assert shown["required"]["terms"][ONBOARDING] == shown["onboarding"]["sessions"]
    assert shown["onboarding"]["interval"]["low"] < shown["onboarding"]["interval"]["high"] == shown["onboarding"]["sessions"]
    steps = {step.name: step for step in explain(made, "a")}
    assert steps["customer large"].source == "declared: order form"
    assert steps["onboarding"].value == shown["onboarding"]["sessions"]
    assert steps["diversity"].value == pytest.approx(1)


def test_the_gate_accepts_a_plan_with_customers() -> None:
    """The gate knows no customers: what it asks for is never more than a plan that counts them."""
    forecasts = lock(a=load(100), b=load(100))
    huge = _document("huge", calls_a_day={"low": 4000, "mid": 20_000, "high": 40_000, "confidence": 0.9})
    for customers in ([], [_document()], [_document(), huge]):
        verticals = {name: live(mean_call={"value": "240s"}) for name in ("a", "b")}
        made = plan(read_spec(spec_document(**verticals) | {"customers": customers}), forecasts, DATA_END)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "test.forecast.json"
            file.write_text(json.dumps({**forecasts.without_digest(), "digest": forecasts.digest}))
            verdict = judge_blueprint(render(made), file, floors_path(), DATA_END)
        assert not made.shortfalls
        assert not verdict.refused, verdict.violations


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"vertical": "c"}, r"customers\[0\].vertical: there is no live vertical 'c'; there are: a, b"),
        ({"start": _starts() | {"likely": "2026-01-01"}}, "expected earliest <= likely <= latest"),
        ({"calls_a_day": SURE | {"low": 2000}}, "expected low <= mid <= high, got 2000, 1200, 1200"),
        ({"calls_a_day": SURE | {"low": 0}}, "greater than 0"),
        ({"calls_a_day": {"low": 1, "mid": 2, "high": 3}}, "confidence"),
        ({"call": 240}, "a span with its unit"),
        ({"hours": {"zone": "UTC"}}, "give open and close, or 24 weights"),
        ({"hours": {"zone": "UTC", "open": "08:00"}}, "give open and close, or 24 weights"),
        (
            {"hours": {"zone": "UTC", "open": "08:00", "close": "18:00", "weights": [1] * 24}},
            "give open and close, or 24 weights",
        ),
        ({"hours": {"zone": "UTC", "open": "18:00", "close": "08:00"}}, "closes at 08:00, which is not after 18:00"),
        ({"hours": {"zone": "UTC", "open": "18:00", "close": "24:30"}}, "past 24:00"),
        ({"hours": {"zone": "UTC", "weights": [1] * 23}}, "expected 24 weights"),
        ({"hours": {"zone": "UTC", "weights": [0] * 24}}, "expected 24 weights"),
        ({"hours": {"zone": "UTC", "weights": [1] * 24, "peak_to_mean": 2}}, "leave peak_to_mean out"),
        ({"hours": {"zone": "Mars/Base", "open": "08:00", "close": "18:00"}}, "not a time zone"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(changes: dict[str, Any], told: str) -> None:
    """Every contradiction of a profile is an error that says what was expected."""
    with pytest.raises(ValidationError, match=told):
        read_spec(spec_document(a=live(), b=live()) | {"customers": [_document(**changes)]})


def test_a_customer_stands_once_and_talks_to_a_live_vertical() -> None:
    """Two of one name would count twice, and a queue holds no live session."""
    with pytest.raises(ValidationError, match=r"customers\[1\].name: there is already a customer 'clinic'"):
        read_spec(spec_document(a=live()) | {"customers": [_document(), _document()]})
    queue = {"kind": "queue", "image": IMAGE, "replicas": 1, "depth_cap": 10, "pod": {"cpu": 1, "memory": "1Gi"}}
    with pytest.raises(ValidationError, match="no live vertical 'a'; there are: b"):
        read_spec(spec_document(a=queue, b=live()) | {"customers": [_document()]})


def test_onboarding_of_nobody_or_of_no_time_is_an_error() -> None:
    """The function says what it needs where a caller has no customers or turns the horizon round."""
    with pytest.raises(ValueError, match="at least one customer"):
        onboarding((), _forecast(), DATA_END, UNTIL, burst=1.5)
    with pytest.raises(ValueError, match="the horizon ends on 2026-11-01, before the data"):
        _joined(_customer(), until=DATA_END - timedelta(days=1))
