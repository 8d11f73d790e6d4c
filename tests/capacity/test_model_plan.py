"""Providers in the plan: whatever the first limits, outages, what may be sold, and what new customers add."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from capacity import CapacityPlan, plan
from capacity.explain_model import explain_model
from capacity.providers.refusals import refusal_chance
from tests.capacity.providers import limit, minute_billed, session_limited, token_limited
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document


def _planned(primary: dict[str, Any], peak: int = 1000, *, model: dict[str, Any] | None = None, **more: Any) -> CapacityPlan:
    # Without growth nothing is late to order, unless a test is about that.
    growth = {"growth_per_quarter": more.pop("growth", 1.0)}
    document = spec_document(a=live(**more.pop("vertical", {}))) | {"margins": growth} | more
    document["model"] = {"primary": primary} | (model or {})
    return plan(read_spec(document), lock(a=load(peak)), DATA_END)


def _short(made: CapacityPlan, resource: str) -> list[tuple[str, float, float, str]]:
    return [(s.scope, round(s.required, 6), s.provided, s.unit) for s in made.shortfalls if s.resource == resource]


def test_a_session_limit_is_judged_by_sessions() -> None:
    """1,000 x 1.5 sessions on 1,500 concurrent ones fit, on 1,499 they do not, and the remedy names the number."""
    enough = session_limited(concurrent_sessions=limit(1500), session_starts_per_minute=None)
    assert _short(_planned(enough), "model") == []
    made = _planned(enough | {"concurrent_sessions": limit(1499)})
    assert _short(made, "model") == [("lines", 1500, 1499, "concurrent sessions")]
    assert made.shortfalls[0].remedy == "have the limit of lines raised to 1,500 concurrent sessions"


def test_session_starts_are_a_limit_of_their_own() -> None:
    """1,500 sessions of four minutes begin 375 times a minute; who does not know how long calls are does not know that."""
    provider = session_limited(concurrent_sessions=limit("10k"), session_starts_per_minute=limit(374))
    known = _planned(provider, vertical={"mean_call": {"value": "4m"}})
    assert known.model.starts_per_minute == pytest.approx(375)
    assert _short(known, "model") == [("lines", 375, 374, "session starts a minute")]
    unknown = _planned(provider)
    assert unknown.model.starts_per_minute is None
    assert {step.name: step.value for step in explain_model(unknown)}["starts"] is None
    assert _short(unknown, "model") == [("lines", 1, 0, "lengths of calls")]
    assert unknown.shortfalls[0].remedy == "give verticals.a.mean_call"


def test_no_known_limit_is_not_none() -> None:
    """A minute-billed provider that shows no limit is refused until somebody says one, assumed or not."""
    (short,) = (s for s in _planned(minute_billed()).shortfalls if s.resource == "model")
    assert (short.required, short.provided) == (1500, 0)
    assert short.remedy.startswith("state model.primary.concurrent_sessions")
    assert _short(_planned(minute_billed(concurrent_sessions={"limit": 1500})), "model") == []


def test_requests_bind_where_they_are_tighter() -> None:
    """Tokens for 3,333 sessions but responses for 1,200: 1,500 sessions of five are short of requests alone."""
    tokens = {"value": 6000, "requests": 5}
    made = _planned(token_limited(requests_per_minute=limit(6000), tokens_per_session_minute=tokens))
    assert (made.model.ceilings[0].hard, made.model.ceilings[0].binding) == (1200, "requests a minute")
    assert _short(made, "model") == [("primary", 7500, 6000, "requests a minute")]
    assert [asked.limit.name for asked in made.model.asked] == ["requests a minute", "tokens a minute"]


def test_reserved_capacity_counts_on_top() -> None:
    """4M on demand and 5M reserved carry the 9M of 1,500 sessions; neither does alone."""
    bought = {"product": "OpenAI Scale Tier", "model": "gpt-realtime-1.5", "tokens_per_minute": "5M"}
    assert _short(_planned(token_limited(tokens_per_minute=limit("4M"), reserved=[bought])), "model") == []
    assert _short(_planned(token_limited(tokens_per_minute=limit("4M"))), "model") == [
        ("primary", 9_000_000, 4_000_000, "tokens a minute")
    ]


def test_each_limit_has_its_own_lead_time() -> None:
    """12M are passed by 9M grown by a third after 38 days; one that takes 50 days to raise is late today, one of 28 is not."""
    for days, late in ((28, 0), (50, 1)):
        made = _planned(token_limited(tokens_per_minute=limit("12M") | {"lead_time": f"{days}d"}), growth=2.0)
        lead = made.model.asked[0].lead
        assert (lead.short_on, lead.order_by) == (DATA_END + timedelta(days=38), DATA_END + timedelta(days=38 - days))
        assert len(_short(made, "model")) == late


def test_an_outage_is_carried_by_safe_ceilings_without_the_burst() -> None:
    """1,000 at the plain peak need a fallback of 1,112 sessions, for only 0.9 of it is planned on."""
    primary = token_limited()
    for sessions, unserved in ((1112, 0), (1111, 1)):
        fallback = session_limited(concurrent_sessions=limit(sessions), session_starts_per_minute=None)
        made = _planned(primary, model={"fallbacks": [fallback], "failover": {"reopen_minutes": 5}})
        (outage,) = made.model.outages
        assert (outage.failed, outage.unserved) == (("primary",), unserved)
        assert len(_short(made, "failover")) == unserved
    assert [s.remedy for s in made.shortfalls] == ["have the limits of lines raised until it safely holds 1,000 sessions"]


def test_callers_who_come_back_are_starts() -> None:
    """1,000 sessions back within five minutes are 200 starts a minute, beside 250 new ones where calls last four minutes."""
    fallback = session_limited(concurrent_sessions=limit(5000), session_starts_per_minute=limit(449))
    model = {"fallbacks": [fallback], "failover": {"reopen_minutes": 5}}
    made = _planned(token_limited(), model=model, vertical={"mean_call": {"value": "4m"}})
    assert _short(made, "failover") == [("primary", 450, 449, "session starts a minute")]
    unknown = _planned(token_limited(), model=model)
    assert _short(unknown, "failover") == []
    assert _short(unknown, "model") == [("primary", 1, 0, "lengths of calls")]


def test_outages_are_not_judged_unless_asked_for() -> None:
    """A fallback alone says nothing of what must hold; more outages than fallbacks are refused."""
    fallback = session_limited(concurrent_sessions=limit(1))
    assert _planned(token_limited(), model={"fallbacks": [fallback]}).model.outages == ()
    with pytest.raises(ValidationError, match=r"failover\.survive is 2, and there are 1 fallbacks: nobody would be left"):
        _planned(token_limited(), model={"fallbacks": [fallback], "failover": {"reopen_minutes": 5, "survive": 2}})


def test_caps_may_be_oversold_by_a_tenth_and_load_never() -> None:
    """On 3,333 sessions with 1,000 reserved the others' caps may be 2,566; their expected load at most 2,333."""

    def sold(shared_tenants: int, sessions: float, **model: Any) -> list[tuple[str, float, float, str]]:
        plans = {
            "small": {"tenants": shared_tenants, "cap": 50, "sessions": sessions},
            "large": {"tenants": 1, "cap": 1000, "guaranteed": 1000, "sessions": 500},
        }
        return _short(_planned(token_limited(), model=model, plans=plans), "oversubscription")

    assert sold(51, 20) == []
    assert sold(52, 20) == [("primary", 1000 + 2364, 3333, "sessions")]
    assert sold(51, 20, oversubscription=0.05) == [("primary", 1000 + 2429, 3333, "sessions")]
    assert sold(51, 31) == [("primary", 1000 + 2372, 3333, "sessions")]
    with pytest.raises(ValidationError, match=r"less than or equal to 0\.1"):
        sold(51, 20, oversubscription=0.2)


def test_the_chance_of_a_refused_minute_counts_new_customers() -> None:
    """The plain peak of the chance is the forecast's with the customers' erlangs, where they are more than growth."""
    customer = {
        "name": "clinic",
        "vertical": "a",
        "plan": "499",
        "start": {"earliest": "2026-11-02", "likely": "2026-11-02", "latest": "2026-11-02"},
        "calls_a_day": {"low": 240_000, "mid": 240_000, "high": 240_000, "confidence": 0.9},
        "call": "4m",
        "hours": {"zone": "UTC", "open": "08:00", "close": "18:00", "peak_to_mean": 1.0},
    }
    alone, joined = _planned(token_limited()), _planned(token_limited(), customers=[customer])
    (onboarding,) = (one.onboarding for one in joined.live if one.onboarding is not None)
    erlangs = 1000 + onboarding.offered_on(DATA_END)
    assert joined.model.peaks == pytest.approx(erlangs)
    assert joined.model.refusals is not None
    assert joined.model.refusals.chance == pytest.approx(refusal_chance(20e6, erlangs, 6000, 4000, peakedness=1.0))
    assert alone.model.peaks == 1000


def test_the_document_shows_every_provider() -> None:
    """Kinds, ceilings and limits stand in the deployed document, what is asked on the day in the whole one alone."""
    made = _planned(token_limited(), model={"fallbacks": [session_limited()], "failover": {"reopen_minutes": 5}}, growth=2.0)
    standing = made.standing_document()["shared"]["model"]
    assert [(one["name"], one["kind"], one["hard"]) for one in standing["providers"]] == [
        ("primary", "token-limited", 3333),
        ("lines", "session-limited", 100),
    ]
    assert standing["leads"]["tokens a minute"]["short_on"] is not None
    whole = made.document()["shared"]["model"]
    assert whole["asked"]["tokens a minute"] == {"required": 9_000_000, "limit": 20_000_000, "headroom": 1.2222}
    assert whole["outages"][0] == {"failed": ["primary"], "carried": {"lines": 90}, "unserved": 910, "survived": False}
    assert "asked" not in standing


def test_measured_bursts_raise_the_chance_of_a_refused_minute() -> None:
    """The ratio of the window nearest to the mean call counts, by the verticals' peaks, and never less than chance alone."""

    def estimate(value: float) -> dict[str, float]:
        return {"value": value, "low": value, "high": value}

    def measured(*ratios: tuple[int, float]) -> dict[str, Any]:
        windows = [{"window_seconds": seconds, "ratio": estimate(ratio)} for seconds, ratio in ratios]
        hour = {"day": "mon", "start": "09:00", "zone": "UTC", "starts_per_minute": estimate(10), "peakedness": windows}
        return {
            "days": 60,
            "starts_per_second": {"p999": estimate(3), "maximum": 5},
            "holding_seconds": estimate(240),
            "holding_limit_seconds": 900,
            "overdispersion": estimate(1),
            "day_cv": estimate(0.1),
            "busy_hour": hour,
            "method": "test",
        }

    spec = read_spec(spec_document(a=live(), b=live()) | {"model": {"primary": token_limited()}})
    bursty = load(300, demand=measured((60, 2.0), (300, 5.0)))
    made = plan(spec, lock(a=bursty, b=load(100, demand=measured((300, 0.5)))), DATA_END)
    assert made.model.refusals is not None
    assert made.model.refusals.chance == pytest.approx(refusal_chance(20e6, 400, 6000, 4000, peakedness=(3 * 5 + 1) / 4))
