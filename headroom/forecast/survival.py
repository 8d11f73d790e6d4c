"""How long calls last when some of them have not ended yet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom.forecast.history import Millis

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Survival:
    """The share of calls that last longer than each of some lengths, in ascending order."""

    lengths_ms: Millis
    shares: NDArray[np.float64]


def kaplan_meier(lengths_ms: Millis, ended: Flags) -> Survival:
    """Return the survival of calls of which some were still open when they were last seen.

    S(t) = product over lengths x <= t of 1 - d(x) / r(x), where d calls ended at x and r lasted at least that long, the
    ones last seen at x included (Kaplan and Meier, Journal of the American Statistical Association 53, 1958). Leaving
    open calls out would count the long ones less often than the short ones. Lengths at which none ended are no step.
    """
    lengths, ends = np.unique(lengths_ms[ended], return_counts=True)
    at_risk = len(lengths_ms) - np.searchsorted(np.sort(lengths_ms), lengths, "left")
    return Survival(lengths, np.cumprod(1 - ends / at_risk, dtype=np.float64))


def holding_shares(lengths_ms: Millis, ended: Flags) -> NDArray[np.float64]:
    """Return what each call adds to the mean holding time, in milliseconds times the number of calls.

    Their mean is the area under the Kaplan-Meier curve up to the longest call that ended (a restricted mean: nothing is
    known beyond). A call that ended after x adds x times its part of the step there; an open one adds nothing, for its
    weight has gone to the calls that lasted longer, and adds all of it where it has outlasted every ended call. As a
    sum over calls the mean can be taken over other days without a new curve. Raises ValueError if none ended.
    """
    if not ended.any():
        raise ValueError("no call ended, so nothing is known of their length")
    if ended.all():
        return lengths_ms.astype(np.float64)
    limit = int(lengths_ms[ended].max())
    known = ended | (lengths_ms >= limit)
    reached = np.minimum(lengths_ms, limit)
    curve = kaplan_meier(reached, known)
    ends = np.unique(reached[known], return_counts=True)[1]
    steps = -np.diff(curve.shares, prepend=1.0) / ends
    shares = np.zeros(len(lengths_ms))
    shares[known] = len(lengths_ms) * reached[known] * steps[np.searchsorted(curve.lengths_ms, reached[known])]
    return shares
