"""The gateway of a queue (S13): what takes callbacks, while the queue has room, for the calls that found none."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from capacity.figures import Name
from capacity.sizing.pods import FixedPods, PodSize, pod_size, size_fixed_pods
from capacity.sizing.result import Sizing
from capacity.units import PositiveAmount, Seconds, Size


class QueueGatewaySection(FixedPods):
    """The gateway's pods, whose callbacks they take, and what becomes of a job that fails."""

    per_second: PositiveAmount
    """Callbacks that a pod answers in a second, measured (`make bench KEY=queue`)."""
    serves: tuple[Name, ...] = Field(min_length=1)
    """The live verticals whose callbacks it takes. One with health data needs a queue of its own, which is `phi` too."""
    priorities: dict[Name, Annotated[int, Field(gt=0, le=1000)]] = Field(default_factory=dict)
    """By plan; 1 is called back first. Callbacks of other plans come after all of these. Every scrape asks for each number."""
    attempts: int = Field(default=5, gt=0)
    """Of a job. After the last one it is a dead letter."""
    backoff: Seconds = 30.0
    """Before the second attempt; twice as long before each one after it."""
    retry_after: Seconds = 30.0
    """What is said where the queue is full."""
    answer: Seconds = 3.0
    """How long Redis may take for one command; it holds writes back for up to 2 s behind an fsync (appendfsync everysec)."""
    pod: PodSize = pod_size("500m", "256Mi")
    scratch: Size = 16 * 2**20
    settle: Seconds = 10.0
    """How long a pod that is to go still takes callbacks: until nobody routes to it any more."""
    drain: Seconds = 30.0
    """What a pod that is to go gets for that and for its last answers."""

    @model_validator(mode="after")
    def _ends_in_time(self) -> Self:
        if self.settle + self.answer >= self.drain:
            raise ValueError(
                f"drain of {self.drain:g} s is over before {self.settle:g} s of settling and an answer of {self.answer:g} s"
            )
        return self


def size_queue_gateway(
    gateway: QueueGatewaySection, *, callbacks_per_second: float, safe_utilisation: float, scope: str = "gateway"
) -> Sizing:
    """Return the callbacks a second that the gateway answers when some of its pods are gone.

    Raises:
        ValueError: the load is negative or not finite.
    """
    return size_fixed_pods(
        gateway,
        "queue gateway",
        "callbacks a second",
        each=gateway.per_second,
        required=callbacks_per_second,
        safe_utilisation=safe_utilisation,
        scope=scope,
    )
