"""What the owner writes of the autoscaler."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from capacity.figures import Frozen, Source
from capacity.sizing.lag import KUBERNETES_NODE_LOSS, KUBERNETES_SCALE_UP, NodeLoss, ScaleUp, ScalingLag
from capacity.units import Seconds


class Lag(Source):
    """From load rise to ready pod, as one figure."""

    value: Seconds


def _one_or_stages(value: Any) -> str:
    return "one" if isinstance(value, Lag) or (isinstance(value, dict) and "value" in value) else "stages"


class AllowedNodeLoss(Frozen):
    """How long the sessions of a dead node may have no pods."""

    allowed: Seconds
    """From the node's death until its pods answer elsewhere."""
    cluster: NodeLoss = KUBERNETES_NODE_LOSS
    """How long the cluster waits before it replaces them."""


class ScaleDown(Frozen):
    """How an autoscaler takes pods away; calls in them end first, and new ones must find room meanwhile."""

    window: Seconds = 300.0
    """It follows the highest number that was asked for within this time."""
    pods: int = Field(default=1, gt=0)
    """Taken at most in a period."""
    period: Seconds = 60.0


class Keda(Frozen):
    """What KEDA asks, where it is the autoscaler. KEDA itself and its definitions must be on the cluster."""

    prometheus: str = Field(default="http://prometheus.observability.svc:9090", pattern=r"^https?://[^\s/]+$")
    """The server that has the sessions."""
    polling: Seconds = 15.0
    failures: int = Field(default=3, gt=0)
    """Queries that fail in a row; then the highest floor of the week is asked for, and never fewer pods than there are."""


class Scaling(Frozen):
    """How the autoscaler behaves; the plan sets its target so that growth within the lag is held."""

    lag: Annotated[Annotated[Lag, Tag("one")] | Annotated[ScalingLag, Tag("stages")], Discriminator(_one_or_stages)]
    """From load rise to ready pod: one figure, or stages that are summed for the way from the lowest floor to the maximum."""
    node_loss: AllowedNodeLoss | None = None
    """Left out: how long a dead node's sessions have no pods is not judged. Needs the lag's stages."""
    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """The autoscaler does nothing until the metric is off its target by more than this share."""
    prescale_lead: Seconds = 900.0
    """How long before a known peak its floor stands."""
    autoscaler: Literal["hpa", "keda"] = "hpa"
    """What scales the live verticals: a HorizontalPodAutoscaler with a job that keeps its floor, or KEDA with cron triggers."""
    scale_down: ScaleDown = ScaleDown()
    keda: Keda = Keda()

    @property
    def scale_up(self) -> ScaleUp:
        """How fast pods are added: as the lag's stages count on it, else as Kubernetes does it."""
        return self.lag.scale_up if isinstance(self.lag, ScalingLag) else KUBERNETES_SCALE_UP

    @model_validator(mode="after")
    def _stages_of_a_new_pod(self) -> Self:
        if self.node_loss is not None and isinstance(self.lag, Lag):
            raise ValueError("node_loss needs the stages of a new pod: give lag as stages (metric, scheduling, start, ...)")
        return self
