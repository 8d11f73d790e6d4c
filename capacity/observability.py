"""What watches the stack: how long metrics are kept, on what, and how many series fit (S4, S5, S18, S26, S27)."""

import math
from typing import Annotated

from pydantic import Field

from capacity.figures import Frozen, Name, Source
from capacity.sizing.claims import said
from capacity.sizing.pods import PodSize, pod_size
from capacity.sizing.result import Limit, Sizing, as_size, raised_size, sized
from capacity.units import Amount, PositiveAmount, PositiveSize, Seconds

Link = Annotated[str, Field(pattern=r"^https?://[^\s]+$")]


class Servers(Frozen):
    """Like pods of one program."""

    pods: int = Field(gt=0)
    pod: PodSize


def _servers(pods: int, cpu: str, memory: str) -> Servers:
    return Servers(pods=pods, pod=pod_size(cpu, memory))


class Observability(Source):
    """What Prometheus, Alertmanager, Grafana, the OpenTelemetry collector and the autoscaler's metric run on."""

    scrape: Seconds = 15.0
    """How often each pod is asked, and each rule evaluated. The autoscaler's lag has it in its `metric` stage."""
    edge_scrape: Annotated[Seconds, Field(ge=15, le=120)] = 60.0
    """How often the edge is asked, where there is one: each time by every Prometheus, and of every tenant's gate. A series that
    is not seen for 5 minutes ends."""
    retention: Seconds = 30 * 86400.0
    """How long samples are kept: at least the 28 days of the measured burst factor."""
    storage: PositiveSize
    """Of one Prometheus. It drops its oldest samples before that is full."""
    storage_class: Name
    """Of the disks of Prometheus."""
    series_per_pod: PositiveAmount = 1500
    """Of one pod of the stack, with those that the kubelet and kube-state-metrics give of it."""
    series_beside: Amount = 20_000
    """Of nodes, API server and kubelets, and of the edge up to 45 of each tenant."""
    bytes_per_sample: float = Field(default=2.0, gt=0)
    """Prometheus, storage documentation: 1 to 2 bytes after compression."""
    bytes_per_series: PositiveSize = 8192
    """Memory of a series of the last hours."""
    patience: Seconds = 120.0
    """How long a state must last before it is an alert, where the plan has no figure of its own for it."""
    lock_notice: Seconds = 7 * 86400.0
    """How long before the forecast lock ends somebody is told to make a new one."""
    certificate_notice: Seconds = 21 * 86400.0
    """How long before a certificate of the cluster ends somebody is told. k3s renews at a restart in the last 120 days."""
    runbooks: Link
    """Where docs/runbooks can be read; an alert's page is `<alert>.md` below it."""
    receivers: Name = "alertmanager-receivers"
    """A Secret that an operator creates, each of its keys a receiver and each value the URL of a webhook.

    The keys are `page` and `ticket`, both again with the prefix `phi-` where verticals with health data have no owner, and
    the owners.
    """
    owners: dict[Name, Name] = Field(default_factory=dict)
    """Receivers of the verticals whose alerts go to people of their own."""
    grafana_admin: Name = "grafana-admin"
    """A Secret that an operator creates, with `user` and `password`."""
    edge_scraper: Name = "edge-scraper"
    """A Secret that an operator creates where there is an edge: the `token` of its /metrics, and `id` and `secret` of the service
    token that Access lets in."""
    telemetry: Link | None = None
    """Where traces and logs go, by OTLP over HTTP. Left out: nowhere, they are counted and dropped."""
    telemetry_login: Name = "telemetry-login"
    """A Secret that an operator creates where `telemetry` is given: its `authorization` is that header's value."""
    scratch: PositiveSize = 256 * 2**20
    """What a pod may write to /tmp: Alertmanager's silences, Grafana's own database, the adapter's certificate."""
    prometheus: Servers = _servers(2, "2", "4Gi")
    alertmanager: Servers = _servers(2, "100m", "128Mi")
    adapter: Servers = _servers(2, "250m", "256Mi")
    state_metrics: Servers = _servers(1, "100m", "256Mi")
    collector: Servers = _servers(2, "500m", "512Mi")
    grafana: Servers = _servers(1, "250m", "512Mi")

    @property
    def servers(self) -> dict[str, Servers]:
        """Every program of the section by the name of its figures."""
        names = ("prometheus", "alertmanager", "adapter", "state_metrics", "collector", "grafana")
        return {name: getattr(self, name) for name in names}


def size_observability(section: Observability, *, pods: int, safe_utilisation: float, scope: str = "observability") -> Sizing:
    """Return the series that one Prometheus keeps for the retention and holds in memory, against those of the stack's pods.

    Storage is samples x bytes a sample, with a sample a series each scrape (Prometheus, storage documentation); memory is bytes a
    series. Every Prometheus holds all series.
    """
    needed = pods * section.series_per_pod + section.series_beside
    each = {
        "storage": (section.storage, section.retention / section.scrape * section.bytes_per_sample),
        "prometheus.pod.memory": (section.prometheus.pod.memory, float(section.bytes_per_series)),
    }
    limits = [
        Limit(
            name=figure.rpartition(".")[2],
            value=given / series,
            formula=f"{as_size(given)} / {series:,.6g} bytes a series",
            source=said(section),
            remedy=raised_size(f"{scope}.{figure}", given, math.ceil(needed / safe_utilisation * series)),
        )
        for figure, (given, series) in each.items()
    ]
    return sized("metrics", scope, "series", needed, limits, safe_utilisation=safe_utilisation)
