"""What the edge admits by: guarantees divided over verticals, places, and the objects that count them."""

from hypothesis import given
from hypothesis import strategies as st

from capacity.admission import admission, divided, starts_in_a_second
from capacity.sizing.objects import AdmissionGate, gate_requests, ledger_requests, pool_block, pool_shards, size_pool
from capacity.sizing.poisson import poisson_cdf
from capacity.spec import SoldPlan
from tests.capacity.sizing import read

GATE = read(AdmissionGate, {"heartbeat": "30s"})
PLACES = st.dictionaries(st.text("abc", min_size=1), st.integers(0, 5000), min_size=1)


def _plan(**figures: object) -> SoldPlan:
    return read(SoldPlan, {"tenants": 2, "cap": 100, "sessions": 10, **figures})


@given(st.integers(0, 10_000), PLACES)
def test_a_division_is_exact_and_fair(total: int, weights: dict[str, int]) -> None:
    """All is given out, and nobody's share is a whole thing away from what its weight is worth."""
    shares = divided(total, weights)
    everything = sum(weights.values())
    assert sum(shares.values()) == (total if everything else 0)
    assert all(abs(share - total * weights[name] / everything) < 1 for name, share in shares.items() if everything)


def test_a_guarantee_is_divided_by_places_or_stands_where_the_plan_says() -> None:
    """100 for each of two tenants on 300 and 100 places: 75 and 25 each; named, all of it in one."""
    places, calls = {"clinic": 300, "salon": 100}, {"clinic": 180.0, "salon": 60.0}
    spread = admission(GATE, {"gold": _plan(guaranteed=100)}, places, calls, 0.9)
    assert spread.plans["gold"].guaranteed == {"clinic": 75, "salon": 25}
    assert {name: (it.reserved, it.shared) for name, it in spread.verticals.items()} == {"clinic": (150, 150), "salon": (50, 50)}
    named = admission(GATE, {"gold": _plan(guaranteed=100, vertical="clinic")}, places, calls, 0.9)
    assert named.plans["gold"].guaranteed == {"clinic": 100}
    assert {name: (it.reserved, it.shared) for name, it in named.verticals.items()} == {"clinic": (200, 100), "salon": (0, 100)}


@given(PLACES, st.integers(1, 200), st.integers(0, 50))
def test_places_are_never_more_than_the_pods_hold(places: dict[str, int], guaranteed: int, tenants: int) -> None:
    """Reserved and shared places are those of the vertical, whatever was promised."""
    plans = {"gold": _plan(tenants=tenants + 1, cap=200, guaranteed=guaranteed), "free": _plan()}
    made = admission(GATE, plans, places, {}, 0.9)
    assert {name: it.places for name, it in made.verticals.items()} == places
    assert all(it.reserved >= 0 and it.shared >= 0 for it in made.verticals.values())


def test_a_tenant_may_start_what_its_calls_ask_for() -> None:
    """Starts a second are those of the shortest calls, hardly ever surpassed; of unknown calls, as many as places."""
    made = admission(GATE, {"plan": _plan()}, {"a": 100, "b": 100}, {"a": 300.0, "b": 60.0}, 0.9)
    starts = made.plans["plan"].starts_per_second
    assert poisson_cdf(starts, 100 / 60) >= 0.999 > poisson_cdf(starts - 1, 100 / 60)
    assert made.plans["plan"].cap == 100
    unknown = admission(GATE, {"plan": _plan()}, {"a": 100, "b": 100}, {"a": 300.0}, 0.9)
    assert unknown.plans["plan"].starts_per_second == 100
    assert starts_in_a_second(1, 10_000.0) == 1


@given(st.integers(0, 200_000), st.floats(60, 3600), st.floats(0.5, 1))
def test_every_shard_and_the_ledger_answer_safely(places: int, mean_call: float, safe: float) -> None:
    """As planned, no object is asked more often than is safe, and one shard fewer would not do."""
    starts = starts_in_a_second(places, mean_call)
    shards = pool_shards(GATE, places, starts, safe)
    block = pool_block(starts, shards)
    sizing = size_pool(GATE, leases=places, starts_per_second=starts, shards=shards, block=block, safe_utilisation=safe)
    assert sizing.shortfall is None
    asked = gate_requests(GATE, places, starts)
    assert asked / shards <= 500 * safe * (1 + 1e-6)
    assert shards == 1 or asked / (shards - 1) > 500 * safe
    assert ledger_requests(GATE, starts, shards, block) <= 500 * safe


def test_too_few_shards_are_a_shortfall_that_says_how_many() -> None:
    """30,000 leases each 30 s are 1,000 requests: three objects at 90%."""
    few = size_pool(GATE, leases=30_000, starts_per_second=0, shards=2, block=1, safe_utilisation=0.9).shortfall
    assert few is not None
    assert few.remedy == "raise admission_gate.shards from 2 to 3"


def test_a_ledger_that_is_asked_too_often_says_so() -> None:
    """20,000 calls of ten seconds that begin in a second keep hundreds of shards, and their one ledger, too busy."""
    starts = 20_000
    shards = pool_shards(GATE, 200_000, starts, 0.9)
    block = pool_block(starts, shards)
    short = size_pool(GATE, leases=200_000, starts_per_second=starts, shards=shards, block=1, safe_utilisation=0.9).shortfall
    assert block > 1
    assert short is not None
    assert short.remedy == "divide the vertical: its places are lent out too often"


def test_no_lease_outlives_its_loan() -> None:
    """A loan that is looked at each heartbeat and renewed when half over is never shorter than a lease when it is looked at."""
    for heartbeat, missed in ((15, 3), (30, 3), (10, 2), (60, 9)):
        gate = read(AdmissionGate, {"heartbeat": f"{heartbeat}s", "missed": missed})
        left_when_last_seen_whole = gate.loan_seconds / 2
        assert left_when_last_seen_whole - heartbeat >= gate.lease_seconds - 1e-9
