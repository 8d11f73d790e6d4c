"""How long it takes until new pods of a vertical answer, stage by stage."""

from collections.abc import Iterator, Sequence

from capacity.autoscaling import Lag, Scaling
from capacity.shortfall import Shortfall
from capacity.sizing.claims import said
from capacity.sizing.lag import SCALE_UP_POLICY, replacement_stages, scaling_stages, size_lag, size_replacement
from capacity.sizing.stages import Stage


def lag_stages(scaling: Scaling, before: int, after: int) -> tuple[Stage, ...]:
    """Return the stages from load rise to the last of the pods that take a vertical from some replicas to others.

    One stage where the spec gives the lag as one figure.
    """
    if isinstance(scaling.lag, Lag):
        return (Stage("lag", scaling.lag.value, said(scaling.lag)),)
    return scaling_stages(scaling.lag, before, after)


def lag_seconds(stages: Sequence[Stage]) -> float:
    """Return how long the stages take together."""
    return sum(stage.seconds for stage in stages)


def pod_seconds(stages: Sequence[Stage], sync_seconds: float) -> float:
    """Return the part of a lag that each new pod takes: all but the autoscaler's own steps."""
    return max(0.0, sum(stage.seconds for stage in stages if stage.name != SCALE_UP_POLICY) - sync_seconds)


def lost_node_stages(scaling: Scaling) -> tuple[Stage, ...]:
    """Return the stages from a node's death to its pods elsewhere; none where the spec does not speak of it."""
    if scaling.node_loss is None or isinstance(scaling.lag, Lag):
        return ()
    return replacement_stages(scaling.node_loss.cluster, scaling.lag)


def lag_shortfalls(vertical: str, stages: Sequence[Stage], forecast_seconds: float) -> Iterator[Shortfall]:
    """Yield a shortfall where pods answer later than the forecast looked ahead for the growth within the lag."""
    short = size_lag(stages, forecast_seconds).shortfall
    if short is not None:
        yield Shortfall("lag", vertical, short.required, short.provided, short.unit, short.reason, short.remedy)


def lost_node_shortfalls(scaling: Scaling) -> Iterator[Shortfall]:
    """Yield a shortfall where a dead node's sessions are longer without pods than the spec allows."""
    if scaling.node_loss is None or isinstance(scaling.lag, Lag):
        return
    loss, where = scaling.node_loss, "scaling.node_loss.cluster"
    short = size_replacement(loss.cluster, scaling.lag, allowed_seconds=loss.allowed, scope=where).shortfall
    if short is not None:
        yield short
