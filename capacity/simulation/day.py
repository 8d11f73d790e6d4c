"""What a simulated day is made of: the calls that come, the pods that take them, and what may refuse them."""

import math
from dataclasses import dataclass
from typing import Literal

from capacity.traffic.arguments import require, require_seconds
from capacity.traffic.mmpp import PhasedArrivals

MINUTE_SECONDS = 60.0


@dataclass(frozen=True)
class Group:
    """Tenants of one plan that call alike.

    Raises:
        ValueError: there is no tenant, the share does not lie between 0 and 1, or the cap is below 1.
    """

    name: str
    tenants: int
    share: float
    """Of all calls, evenly over its tenants."""
    cap_sessions: int | None = None
    """The most that one tenant may hold at once; None for as many as there is room for."""

    def __post_init__(self) -> None:
        require(holds=self.tenants >= 1, what=f"group {self.name}: tenants must be 1 or more", got=self.tenants)
        require(holds=0 <= self.share <= 1, what=f"group {self.name}: share must lie between 0 and 1", got=self.share)
        capped = self.cap_sessions is None or self.cap_sessions >= 1
        require(holds=capped, what=f"group {self.name}: cap_sessions must be 1 or more, or None", got=self.cap_sessions)


@dataclass(frozen=True)
class Traffic:
    """How calls arrive and how long they hold.

    Raises:
        ValueError: a rate, a variation or the holding time is out of its range, or the groups' shares do not add up to 1.
    """

    calls_per_second: tuple[float, ...]
    """The mean rate in each minute; their number is the length of the day."""
    holding_seconds: float
    """Mean time that a call holds its session."""
    holding_variation: float | None = None
    """Standard deviation over mean of lognormal times, 0 for constant ones; None for exponential times."""
    day_cv: float = 0.0
    """Standard deviation of a factor with mean 1 (gamma) that all calls of the day share."""
    bursts: PhasedArrivals | None = None
    """Phases that lift and lower the rate of the minute; only their ratio to their own mean counts."""
    groups: tuple[Group, ...] = ()
    """None: everybody is one tenant without a cap."""

    def __post_init__(self) -> None:
        known = len(self.calls_per_second) > 0 and all(math.isfinite(rate) and rate >= 0 for rate in self.calls_per_second)
        require(holds=known, what="calls_per_second must be finite and 0 or more, one for each minute", got=self.calls_per_second)
        require_seconds("holding_seconds", self.holding_seconds)
        for name, cv in (("holding_variation", self.holding_variation or 0.0), ("day_cv", self.day_cv)):
            require(holds=math.isfinite(cv) and cv >= 0, what=f"{name} must be finite and 0 or more", got=cv)
        total = sum(group.share for group in self.groups)
        require(holds=not self.groups or math.isclose(total, 1), what="the groups' shares must add up to 1", got=total)

    @property
    def seconds(self) -> float:
        """The length of the day."""
        return len(self.calls_per_second) * MINUTE_SECONDS


@dataclass(frozen=True)
class Policy:
    """How far an autoscaler may go within a period, as Kubernetes' HPAScalingPolicy.

    Raises:
        ValueError: the value or the period is not above 0.
    """

    kind: Literal["Percent", "Pods"]
    value: int
    period_seconds: float

    def __post_init__(self) -> None:
        require(holds=self.value > 0, what="a policy's value must be above 0", got=self.value)
        require_seconds("period_seconds", self.period_seconds)


@dataclass(frozen=True)
class Behaviour:
    """How an autoscaler moves in one direction, as Kubernetes' HPAScalingRules.

    Raises:
        ValueError: there is no policy, or the window is negative.
    """

    policies: tuple[Policy, ...]
    select: Literal["Max", "Min"]
    """Whether the policy that allows most or the one that allows least counts."""
    stabilisation_seconds: float

    def __post_init__(self) -> None:
        require(holds=len(self.policies) > 0, what="a behaviour needs a policy", got=self.policies)
        known = self.stabilisation_seconds >= 0
        require(holds=known, what="stabilisation_seconds must be 0 or more", got=self.stabilisation_seconds)


SCALE_UP = Behaviour((Policy("Percent", 100, 15.0), Policy("Pods", 4, 15.0)), "Max", 0.0)
"""Kubernetes' default, which is what the stack renders."""
SCALE_DOWN = Behaviour((Policy("Pods", 1, 60.0),), "Min", 300.0)
"""What the stack renders: one pod a minute, after five quiet minutes."""


@dataclass(frozen=True)
class Floor:
    """Replicas that the pre-scale job keeps for a stretch of the day."""

    start_seconds: float
    """With the lead: when the floor is raised."""
    end_seconds: float
    replicas: int


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler on sessions a pod, with the week's floors of this day.

    Raises:
        ValueError: bounds are out of order, the target is below 1, or a span or the tolerance is out of its range.
    """

    target_sessions: float
    """On average over the pods."""
    minimum: int
    maximum: int
    tolerance: float = 0.1
    sync_seconds: float = 15.0
    up: Behaviour = SCALE_UP
    down: Behaviour = SCALE_DOWN
    floors: tuple[Floor, ...] = ()

    def __post_init__(self) -> None:
        ordered = 1 <= self.minimum <= self.maximum
        require(holds=ordered, what="1 <= minimum <= maximum must hold", got=(self.minimum, self.maximum))
        require(holds=self.target_sessions >= 1, what="target_sessions must be 1 or more", got=self.target_sessions)
        require(holds=0 <= self.tolerance < 1, what="tolerance must be at least 0 and below 1", got=self.tolerance)
        require_seconds("sync_seconds", self.sync_seconds)

    def floor_at(self, seconds: float) -> int:
        """Return the replicas that the schedule asks for at an instant."""
        standing = (floor.replicas for floor in self.floors if floor.start_seconds <= seconds < floor.end_seconds)
        return min(self.maximum, max(self.minimum, *standing, 0))


@dataclass(frozen=True)
class Nodes:
    """The machines that the pods are spread over evenly.

    Raises:
        ValueError: there is no node, or a node takes no pod.
    """

    count: int
    pods_each: int | None = None
    """Pods of this fleet that one takes; None for as many as come. A pod without a place waits for one."""

    def __post_init__(self) -> None:
        require(holds=self.count >= 1, what="there must be 1 node or more", got=self.count)
        require(holds=self.pods_each is None or self.pods_each >= 1, what="pods_each must be 1 or more", got=self.pods_each)


@dataclass(frozen=True)
class NodeLoss:
    """The node with the most pods is gone at an instant and stays away. Its calls are lost.

    Raises:
        ValueError: a span is negative.
    """

    at_seconds: float
    replaced_after_seconds: float = 340.0
    """Until its pods are made anew elsewhere: 40 s until it counts as gone, 300 s of tolerations (Kubernetes' defaults)."""

    def __post_init__(self) -> None:
        ahead = self.at_seconds >= 0 and self.replaced_after_seconds >= 0
        require(
            holds=ahead,
            what="at_seconds and replaced_after_seconds must be 0 or more",
            got=(self.at_seconds, self.replaced_after_seconds),
        )


@dataclass(frozen=True)
class Fleet:
    """The pods, and what changes their number.

    Raises:
        ValueError: a number of pods or sessions is below its least, or a span is negative.
    """

    pods: int
    """Ready when the day begins."""
    sessions_per_pod: int
    """What a pod admits."""
    autoscaler: Autoscaler | None = None
    """None: the number of pods stays."""
    start_seconds: float = 0.0
    """From the decision for a pod to its first call: scheduling, image, start, readiness."""
    grace_seconds: float = math.inf
    """How long a pod that must go keeps its calls; what is still up then is cut."""
    nodes: Nodes = Nodes(1)
    losses: tuple[NodeLoss, ...] = ()

    def __post_init__(self) -> None:
        require(holds=self.pods >= 0, what="pods must be 0 or more", got=self.pods)
        require(holds=self.sessions_per_pod >= 1, what="sessions_per_pod must be 1 or more", got=self.sessions_per_pod)
        require(holds=self.start_seconds >= 0, what="start_seconds must be 0 or more", got=self.start_seconds)
        require(holds=self.grace_seconds >= 0, what="grace_seconds must be 0 or more", got=self.grace_seconds)


@dataclass(frozen=True)
class TokenBucket:
    """The model's tokens: a level that fills evenly, and from which every session that is up draws evenly.

    A call is taken where the level and the next minute's refill feed all sessions and one more for a minute. A level of 0 refuses
    tokens in mid-call, which is counted and ends no call.

    Raises:
        ValueError: a figure is not above 0.
    """

    tokens_per_minute: float
    tokens_per_session_minute: float
    window_seconds: float = 60.0
    """The bucket holds what comes in so many seconds."""

    def __post_init__(self) -> None:
        for name in ("tokens_per_minute", "tokens_per_session_minute"):
            value = getattr(self, name)
            require(holds=math.isfinite(value) and value > 0, what=f"{name} must be above 0", got=value)
        require_seconds("window_seconds", self.window_seconds)


@dataclass(frozen=True)
class Day:
    """Everything that one run plays.

    Raises:
        ValueError: the queue's depth or the time to call again is negative.
    """

    traffic: Traffic
    fleet: Fleet
    tokens: TokenBucket | None = None
    queue_depth: int = 0
    """Calls without room that may wait for it; the next one is refused."""
    reconnect_seconds: float | None = None
    """Callers who were cut call again within this time, evenly spread, for the rest of their call. None: they do not."""

    def __post_init__(self) -> None:
        require(holds=self.queue_depth >= 0, what="queue_depth must be 0 or more", got=self.queue_depth)
        again = self.reconnect_seconds is None or self.reconnect_seconds >= 0
        require(holds=again, what="reconnect_seconds must be 0 or more, or None", got=self.reconnect_seconds)
