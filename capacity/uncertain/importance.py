"""Which uncertain figure matters most."""

from collections.abc import Mapping

import numpy as np

from capacity.traffic.erlang_many import Array

_ROUNDING = 1e-9


def importance(drawn: Mapping[str, Array], outcome: Array) -> dict[str, float]:
    """Return the share of the outcome's variance that each figure explains by itself, the largest first.

    The first-order Sobol index Var(E[Y | X]) / Var(Y), estimated from the draws that there are by the correlation ratio (McKay
    1995, "Evaluating prediction uncertainty", NUREG/CR-6311): the draws are cut at quantiles of X into sqrt(n) parts, and the
    variance of the parts' means is set against the whole. Chance alone would make it about parts / draws; that is taken off
    (Kelley's epsilon squared, 1935), so a figure without effect shows 0, give or take a few hundredths. What figures do only
    together is in none of the indices: they sum to at most 1, and to 1 where effects just add up. All are 0 where the outcome
    never varies.
    """
    # Equal outcomes differ by rounding alone, which every figure would "explain".
    varies = bool(np.ptp(outcome) > _ROUNDING * np.abs(outcome).max())
    shares = {path: _explained(values, outcome) if varies else 0.0 for path, values in drawn.items()}
    return dict(sorted(shares.items(), key=lambda share: (-share[1], share[0])))


def _explained(values: Array, outcome: Array) -> float:
    draws = len(outcome)
    parts = np.array_split(outcome[np.argsort(values, kind="stable")], max(2, round(draws**0.5)))
    within = sum(float(np.var(part)) * len(part) for part in parts)
    unexplained = within / (float(np.var(outcome)) * draws)
    return max(0.0, 1 - unexplained * (draws - 1) / (draws - len(parts)))
