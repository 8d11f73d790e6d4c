"""Call lengths when some calls are still open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.forecast.history import Millis
from headroom.forecast.survival import Flags, holding_shares, kaplan_meier


def _arrays(calls: list[tuple[int, bool]]) -> tuple[Millis, Flags]:
    return np.array([length for length, _ in calls], dtype=np.int64), np.array([ended for _, ended in calls])


# Weeks in remission of 21 patients on 6-mercaptopurine (Freireich et al., Blood 21, 1963), the textbooks' table.
_REMISSIONS = [(6, True)] * 3 + [
    (length, ended)
    for ended, lengths in (
        (True, (7, 10, 13, 16, 22, 23)),
        (False, (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)),
    )
    for length in lengths
]


def test_the_textbook_table_comes_out() -> None:
    """Kaplan-Meier of the 6-MP patients: 0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448."""
    curve = kaplan_meier(*_arrays(_REMISSIONS))
    assert curve.lengths_ms.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert [round(share, 3) for share in curve.shares.tolist()] == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]


def test_the_textbook_mean_is_the_area_under_the_table() -> None:
    """Restricted to 23 weeks: 6 + 0.857 + 3 x 0.807 + 3 x 0.753 + 3 x 0.690 + 6 x 0.627 + 0.538."""
    mean = float(holding_shares(*_arrays(_REMISSIONS)).mean())
    assert mean == pytest.approx(6 + 18 / 21 * (1 + 16 / 17 * (3 + 14 / 15 * (3 + 11 / 12 * (3 + 10 / 11 * (6 + 6 / 7))))))
    assert round(mean, 2) == 17.91


_calls = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40).filter(
    lambda calls: any(ended for _, ended in calls)
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(_calls)
def test_the_shares_add_up_to_the_area_under_the_curve(calls: list[tuple[int, bool]]) -> None:
    """Their mean is the integral of S from 0 to the longest ended call, S taken from its definition with a loop."""
    longest = max(length for length, ended in calls if ended)
    area, survival = 0.0, 1.0
    for moment in range(longest):
        at_risk = sum(length >= moment for length, _ in calls)
        survival *= 1 - sum(ended and length == moment for length, ended in calls) / at_risk
        area += survival
    assert float(holding_shares(*_arrays(calls)).mean()) == pytest.approx(area)


def test_without_open_calls_the_mean_is_the_plain_one() -> None:
    """Every call adds its own length."""
    lengths = np.array([3, 1, 2], dtype=np.int64)
    assert holding_shares(lengths, np.ones(3, dtype=np.bool_)).tolist() == [3.0, 1.0, 2.0]


def test_open_calls_correct_the_mean_that_their_absence_would_lower() -> None:
    """Calls of 300 s on average, last seen at ages up to 900 s: the mean comes back; dropped, it is more than a tenth less."""
    rng = np.random.default_rng(7)
    lengths = rng.gamma(4.0, 75_000, 40_000)
    seen = rng.uniform(0, 900_000, 40_000)
    ended = lengths <= seen
    known = np.minimum(lengths, seen).astype(np.int64)
    assert float(holding_shares(known, ended).mean()) == pytest.approx(300_000, rel=0.01)
    assert float(known[ended].mean()) < 0.9 * 300_000


def test_a_call_whose_end_was_lost_adds_no_more_than_the_longest_that_ended() -> None:
    """Open for weeks, it lasts to the end of what is known and not to the end of the data."""
    lengths = np.array([100, 200, 300, 10_000_000], dtype=np.int64)
    ended = np.array([True, True, True, False])
    assert float(holding_shares(lengths, ended).mean()) == (100 + 200 + 300 + 300) / 4


def test_nothing_is_known_where_no_call_ended() -> None:
    """A mean of nothing is refused."""
    with pytest.raises(ValueError, match=r"^no call ended, so nothing is known of their length$"):
        holding_shares(np.array([5], dtype=np.int64), np.array([False]))
