"""One vertical on draws: the laws of capacity/ceiling.py, required.py and scaling.py on arrays, a value a draw.

Where no figure is uncertain every value is the planner's: a test holds it to that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from capacity.load_path import LoadPath
from capacity.required import QUARTER_DAYS
from capacity.scaling import LEAST_REPLICAS
from capacity.sizing.sockets import DESCRIPTOR_RESERVE
from capacity.traffic.erlang_many import Array, Counts, erlang_b_many, mean_losses, servers_for_blocking_many
from capacity.verticals import LiveVertical


@dataclass(frozen=True)
class World:
    """Draws of the uncertain figures, by path."""

    draws: int
    values: Mapping[str, Array]

    def of(self, path: str, middle: float) -> Array:
        """Return a figure on every draw: its draws, or as often as needed the one value that is known."""
        drawn = self.values.get(path)
        return np.full(self.draws, float(middle)) if drawn is None else drawn


MIDDLE = World(1, {})
"""The one draw of a world in which every figure is known."""


@dataclass(frozen=True)
class Pods:
    """Sessions that one pod of a vertical takes on each draw, by what is guaranteed to it."""

    guaranteed: Counts
    guaranteed_safe: Counts

    def admitting(self, sessions: int) -> "Pods":
        """Return what pods take that admit no more than so many sessions, whatever else they could hold."""
        return replace(
            self,
            guaranteed=np.minimum(self.guaranteed, sessions),
            guaranteed_safe=np.minimum(self.guaranteed_safe, sessions),
        )


@dataclass(frozen=True)
class Load:
    """What a vertical must hold on the lock's last valid day, on each draw."""

    required: Array
    """Sessions."""
    offered: Array
    """Erlangs at the forecast peak, grown to that day."""
    quiet: Array
    """Sessions that a quiet minute can reach within the lag."""


def pods(name: str, vertical: LiveVertical, safe_utilisation: float, world: World) -> Pods:
    """Return what a pod of a vertical takes on each draw: the tightest limit at what is guaranteed to it."""
    pod, cost = vertical.pod, vertical.session
    sure = pod.requests or pod
    path = f"verticals.{name}.session"
    of_process = pod.descriptors / DESCRIPTOR_RESERVE - pod.base_descriptors
    limits = [
        _floor((sure.cpu - pod.base_cpu) / world.of(f"{path}.cpu", cost.cpu)),
        _floor((sure.memory - pod.base_memory) / world.of(f"{path}.memory", cost.memory)),
        _floor(of_process / world.of(f"{path}.descriptors", cost.descriptors)) * pod.workers,
    ]
    guaranteed = np.minimum.reduce(limits)
    if vertical.cap is not None:
        guaranteed = np.minimum(guaranteed, vertical.cap.sessions)
    return Pods(guaranteed, _floor(guaranteed * safe_utilisation))


def load(name: str, path: LoadPath, world: World) -> Load:
    """Return what a vertical must hold on each draw.

    The measured extreme and the new customers' load stay as they are planned: they have intervals of their own.
    """
    forecast, joining, until = path.lock.verticals[name], path.onboarding.get(name), path.lock.valid_until
    growth = growth_on(until, path, world)
    peak = world.of(f"forecast.{name}.peak", forecast.peak)

    offered = peak * growth
    required = path.margins.burst * offered
    if forecast.extreme is not None:
        required = np.maximum(required, forecast.extreme.q95)
    if joining is not None:
        required = np.maximum(required, joining.sessions_on(until))
        offered = np.maximum(offered, peak + joining.offered_on(until))
    return Load(required, offered, forecast.lag.quiet_sessions * growth)


def growth_on(day: date, path: LoadPath, world: World) -> Array:
    """Return the forecast load on a day as a multiple of that at the lock's data end, on each draw."""
    per_quarter = world.of("margins.growth_per_quarter", path.margins.growth_per_quarter)
    return per_quarter ** (max(0, (day - path.lock.data_end).days) / QUARTER_DAYS)


def replicas_needed(wanted: Load, takes: Pods, blocking: float) -> Counts:
    """Return the pods that each draw asks for at most: for the ratio, the blocking probability and the quiet minutes."""
    enough = _pods_for(wanted.required, takes.guaranteed_safe)
    quiet = _pods_for(wanted.quiet, takes.guaranteed)
    return np.maximum(np.maximum(enough, replicas_unblocked(wanted, takes, blocking)), np.maximum(quiet, LEAST_REPLICAS))


def replicas_unblocked(wanted: Load, takes: Pods, blocking: float) -> Counts:
    """Return the pods on which each draw's grown peak loses at most this share of calls."""
    return _pods_for(servers_for_blocking_many(wanted.offered, blocking).astype(np.float64), takes.guaranteed)


def blocked(wanted: Load, takes: Pods, replicas: Counts) -> Array:
    """Return the share of calls that find every session taken at the grown peak, a row a draw, a column a number of pods."""
    sessions = takes.guaranteed[:, np.newaxis] * replicas[np.newaxis, :]
    return erlang_b_many(wanted.offered, np.minimum(sessions, _plenty(wanted)[:, np.newaxis]))


def lost_by_sessions(wanted: Load, price: Array) -> Array:
    """Return price x share of calls blocked, on average over the draws, for 0, 1, ... sessions until next to nothing is lost."""
    return mean_losses(wanted.offered, price, most=int(_plenty(wanted).max()))


def expected_lost(lost: Array, takes: Pods, replicas: Counts) -> Array:
    """Return what is lost on average over the draws, for each number of pods.

    What comes and what a pod takes are of different figures, so every draw of the one may meet every draw of the other: n x n
    pairs out of n draws. A blocked call costs far more than its room, so that the best number of pods turns on rare draws, of
    which n pairs have too few.

    Args:
        lost: By number of sessions, of `lost_by_sessions`.
        takes: Sessions of a pod, on each draw.
        replicas: The numbers of pods.
    """
    holds, draws = np.unique(takes.guaranteed, return_counts=True)
    sessions = np.minimum(replicas[:, np.newaxis] * holds[np.newaxis, :], len(lost) - 1)
    return np.asarray(lost[sessions] @ draws / len(takes.guaranteed))


def _plenty(wanted: Load) -> Counts:
    # 9 standard deviations and some above the load less than 1e-15 of calls are lost: no need to count on from there.
    plenty: Counts = np.ceil(wanted.offered + 9 * np.sqrt(wanted.offered) + 50).astype(np.int64)
    return plenty


def _floor(sessions: Array) -> Counts:
    # As capacity.ceiling.floor_sessions: what binary fractions leave must not cost a session.
    return np.maximum(0, np.floor(sessions + 1e-9)).astype(np.int64)


def _pods_for(sessions: Array, per_pod: Counts) -> Counts:
    # As capacity.scaling.replicas_for: 1 where a pod holds none, for no number of them would do.
    holding = np.maximum(per_pod, 1)
    return np.where(per_pod > 0, np.maximum(1, np.ceil(sessions / holding - 1e-9)), 1).astype(np.int64)
