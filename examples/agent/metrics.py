"""The contract's metrics, as Prometheus reads them."""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from .limits import Limit
from .sessions import Sessions, Usage

TENANT = ("tenant", "plan")
BUCKETS_SECONDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 2.0, 3.0, 5.0)
"""The budgets of the latencies, 0.8 s and 1.4 s, are bounds of a bucket: then the share beyond them is exact."""


class Metrics:
    """What is counted as it happens."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.first_token = Histogram(
            "voice_first_token_seconds", "from the end of the caller's words", buckets=BUCKETS_SECONDS, registry=self.registry
        )
        self.first_audio = Histogram(
            "voice_first_audio_seconds", "from the end of the caller's words", buckets=BUCKETS_SECONDS, registry=self.registry
        )
        self._events = Counter("voice_usage_events", "one for each call that ended", TENANT, registry=self.registry)
        self._tokens = Counter(
            "voice_session_tokens", "of the model, by the usage of calls that ended", TENANT, registry=self.registry
        )

    def used(self, usage: Usage) -> None:
        """Count the usage of a call that has ended."""
        tenant = (usage.caller.tenant, usage.caller.plan)
        self._events.labels(*tenant).inc()
        self._tokens.labels(*tenant).inc(usage.tokens)


class State(Collector):
    """What is so when Prometheus asks: the calls under way, and the limits that were found at the start."""

    def __init__(self, sessions: Sessions, limits: Sequence[Limit]) -> None:
        self._sessions = sessions
        self._limits = limits

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield the metrics of this moment."""
        sessions = self._sessions
        yield GaugeMetricFamily("voice_active_sessions", "calls that have a place", sessions.active())
        yield GaugeMetricFamily("voice_session_capacity", "calls that may have one", sessions.capacity)
        yield CounterMetricFamily("voice_calls_offered", "calls that asked for a place", sessions.offered)
        yield CounterMetricFamily("voice_full", "times that the last place was taken", sessions.full)
        rejected = CounterMetricFamily("voice_admission_rejected", "calls that got none", labels=("reason",))
        for reason in ("capacity", "tenant-cap", "draining"):
            rejected.add_metric((reason,), sessions.rejected[reason])
        yield rejected
        of_tenants = GaugeMetricFamily("voice_tenant_sessions", "calls that have a place", labels=TENANT)
        seconds = CounterMetricFamily("voice_session_seconds", "of all calls, those under way included", labels=TENANT)
        live = sessions.by_tenant()
        for tenant, spent in sessions.seconds().items():
            of_tenants.add_metric(tenant, live[tenant])
            seconds.add_metric(tenant, spent)
        yield of_tenants
        yield seconds
        planned = GaugeMetricFamily("voice_limit_planned", "what the plan counts on", labels=("limit",))
        granted = GaugeMetricFamily("voice_limit_granted", "what this process has", labels=("limit",))
        for limit in self._limits:
            planned.add_metric((limit.name,), limit.planned)
            granted.add_metric((limit.name,), limit.granted)
        yield planned
        yield granted
