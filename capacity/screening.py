"""GPUs of one's own or a provider's minutes: which part of the load pays for which. Pure.

A screening curve: a GPU costs the same whether it is used or not, a provider's minute only when it is. So the part of the load
that is nearly always there goes to GPUs, what is above it to the provider, and nothing here is a constant: prices, sessions a GPU
and the shape of the load are inputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

_CLOSE = 1e-6
SHAPE = "P(N >= x) = w (1 - x / peak)^(e - 1), e = min(3, peak / mean), w = e x mean / peak"


@dataclass(frozen=True)
class LoadShape:
    """How the sessions spread over the hours of a week, by their mean and peak.

    P(N >= x) = w (1 - x / peak)^(e - 1) with e = min(3, peak / mean) and w = e mean / peak: the power law of that mean and peak,
    steady where they are equal. Where the peak is above three means there are calls for a share w of the time alone. Between mean
    and peak it is assumed, for a lock holds no more of the shape: beside the five series of the example `local` (a bank's calls
    and four generated ones) the share of the minutes below a tenth, a quarter and a half of the peak is off by at most 0.15, and
    nearly always too low, which speaks against GPUs.
    """

    mean: float
    peak: float

    def __post_init__(self) -> None:
        if not 0 < self.mean <= self.peak or not math.isfinite(self.peak):
            raise ValueError(f"expected 0 < mean <= peak, got a mean of {self.mean!r} and a peak of {self.peak!r}")

    @property
    def exponent(self) -> float:
        """1 for a steady load, 3 for one whose peak is three means and more."""
        return min(3.0, self.peak / self.mean)

    @property
    def share_open(self) -> float:
        """The share of the time in which there are calls at all."""
        return self.exponent * self.mean / self.peak

    def share_above(self, sessions: float) -> float:
        """Return the share of the time in which more than so many sessions stand."""
        if sessions >= self.peak:
            return 0.0
        return float(self.share_open * (1 - sessions / self.peak) ** (self.exponent - 1))

    def carried(self, sessions: float) -> float:
        """Return the mean number of busy ones among so many places, the first ones used first: the integral of `share_above`.

        >>> LoadShape(50, 100).carried(100), LoadShape(80, 80).carried(50)
        (50.0, 50.0)
        """
        return float(self.mean * (1 - max(0.0, 1 - sessions / self.peak) ** self.exponent))

    def scaled(self, factor: float) -> "LoadShape":
        """Return the same shape at another size."""
        return LoadShape(self.mean * factor, self.peak * factor)


@dataclass(frozen=True)
class Prices:
    """What both ways cost, in one currency."""

    gpu_hour: float
    sessions_per_gpu: int
    spares: int
    """GPUs that carry nothing: for a lost one, or warm."""
    operations_hour: float
    """Of running any GPU at all."""
    session_minute: float
    """The provider's."""

    @property
    def break_even_sessions(self) -> float:
        """Mean live sessions on one GPU at which it costs what the provider would: U* = G / (60 p).

        Of its own hour alone: spares and operations come on top, once for all GPUs.

        >>> round(Prices(3.0, 8, 0, 0.0, 0.02).break_even_sessions, 9)
        2.5
        """
        return self.gpu_hour / (60 * self.session_minute)


@dataclass(frozen=True)
class Screening:
    """The cheapest split of a load, and from where on GPUs pay at all."""

    gpus: int
    """That carry load; 0 where none pay for themselves, spares and operations."""
    sessions: int
    """Places on them: what stands above goes to the provider."""
    share: float
    """Of all session minutes, on GPUs."""
    split_hour: float
    """What the split costs an hour on average."""
    provider_hour: float
    """What it costs with the provider alone."""


def screening(shape: LoadShape, prices: Prices) -> Screening:
    """Return the cheapest number of GPUs for a load.

    A place k on a GPU pays iff P(N >= k) > G / (60 p c), with c sessions a GPU, so a GPU pays while its places are busy more than
    U* on average; the places are used in order, so each one more pays less. Spares and operations are paid once, if any GPU is.
    """
    places = prices.sessions_per_gpu

    def pays(gpu: int) -> bool:
        return shape.carried(gpu * places) - shape.carried((gpu - 1) * places) > prices.break_even_sessions

    low, high = 0, math.ceil(shape.peak / places)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if pays(middle) else (low, middle - 1)
    provider = 60 * prices.session_minute * shape.mean
    carried = shape.carried(low * places)
    owned = (low + prices.spares) * prices.gpu_hour + prices.operations_hour
    split = owned + 60 * prices.session_minute * (shape.mean - carried)
    if low == 0 or split >= provider:
        return Screening(0, 0, 0.0, provider, provider)
    return Screening(low, low * places, carried / shape.mean, split, provider)


def crossover(shape: LoadShape, prices: Prices) -> float | None:
    """Return the mean sessions of that shape from which on GPUs pay; None where they never do, however many there are.

    What a size saves never falls with the size, for a larger load uses every place at least as much.
    """

    def pay(factor: float) -> bool:
        return screening(shape.scaled(factor), prices).gpus > 0

    # In the limit the first GPU's places are all busy while there are calls at all.
    if prices.sessions_per_gpu * shape.share_open <= prices.break_even_sessions:
        return None
    high = 1.0
    while not pay(high):
        high *= 2
    return shape.mean * _least(pay, high)


def _least(holds: Callable[[float], bool], high: float) -> float:
    """Return the least factor at which something holds that holds at `high` and everywhere above."""
    low = 0.0
    while high - low > _CLOSE * high:
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
