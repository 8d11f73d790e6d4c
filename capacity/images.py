"""The container images of the stack's own parts, each by digest."""

from typing import Annotated

from pydantic import Field

from capacity.figures import Frozen

Image = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$")]
"""An image by its digest: a tag alone may name another program tomorrow."""


class Images(Frozen):
    """What the parts run from. A part that the spec has needs its image; the others may be left out."""

    tools: Image
    """Python with time zone data, for the pre-scale job and start-up checks."""
    redis: Image | None = None
    redis_exporter: Image | None = None
    nats: Image | None = None
    nats_exporter: Image | None = None
    nats_tools: Image | None = None
    """With the command `nats`, which makes the streams."""
    cloudflared: Image | None = None
    coturn: Image | None = None
    gateway: Image | None = None
    """Of the hybrid path: limits a tenant's requests to the self-hosted models."""
    queue_gateway: Image | None = None
    executors: Image | None = None
    """Of the tool executors."""
    prometheus: Image | None = None
    state_metrics: Image | None = None
    """kube-state-metrics: what the API server knows of pods, nodes and autoscalers."""
    adapter: Image | None = None
    """prometheus-adapter: serves the autoscaler's metric."""
    alertmanager: Image | None = None
    grafana: Image | None = None
    collector: Image | None = None
    """OpenTelemetry collector."""
    device_plugin: Image | None = None
    """NVIDIA's, for GPU pools."""
    ulimit_adjuster: Image | None = None
    """containerd's NRI plugin that sets the open files of a pod. Left out: a pod has those of its node's k3s."""
