"""What is asked of Prometheus: the queries, and the file that replaces some of them."""

from pathlib import Path
from string import Template

from pydantic import Field

from capacity.figures import Frozen
from headroom.located import read_document, validated


class Queries(Frozen):
    """One PromQL query a quantity, answered with a series for each pod (label `pod`).

    `$vertical` stands for the vertical, which is also its namespace, `$step` for the step. The names are those of the
    application (sessions, tokens), of cAdvisor in the kubelet (memory, processor time, descriptors) and of kube-state-metrics.
    """

    sessions: str = Field(default='max by (pod) (active_sessions_per_pod{namespace="$vertical"})', min_length=1)
    """Live sessions at the instant: the metric that the autoscaler reads."""
    mean_sessions: str = Field(
        default='max by (pod) (avg_over_time(active_sessions_per_pod{namespace="$vertical"}[$step]))', min_length=1
    )
    """Live sessions over the step, which the processor time and the tokens of that step belong to."""
    memory_bytes: str = Field(
        default='max by (pod) (container_memory_working_set_bytes{namespace="$vertical",container="app"})', min_length=1
    )
    """Working set: what the kubelet evicts and the kernel kills by."""
    cpu_cores: str = Field(
        default='sum by (pod) (rate(container_cpu_usage_seconds_total{namespace="$vertical",container="app"}[$step]))',
        min_length=1,
    )
    descriptors: str = Field(
        default='sum by (pod) (container_file_descriptors{namespace="$vertical",container="app"})', min_length=1
    )
    """Open files of all processes of the container."""
    tokens_per_minute: str = Field(
        default='60 * sum by (pod) (rate(model_tokens_total{namespace="$vertical"}[$step]))', min_length=1
    )
    """Input and output tokens that the model's answers name, counted by the application."""
    startup_seconds: str = Field(
        default='max by (pod) (kube_pod_status_ready_time{namespace="$vertical"}) - '
        'max by (pod) (kube_pod_created{namespace="$vertical"})',
        min_length=1,
    )
    """From creation to ready: scheduling, node, image and start."""


def read_queries(file: Path | None) -> Queries:
    """Return the queries of a YAML file, the defaults for those that it does not name; raises BadInput."""
    if file is None:
        return Queries()
    document, node = read_document(file, file.name)
    return validated(Queries, document, node, file.name)


def filled(query: str, vertical: str, step_s: int) -> str:
    """Return a query for one vertical; any other dollar sign is PromQL's own.

    >>> filled('sum(rate(calls{pod=~"$vertical-.*$"}[$step]))', "sales", 300)
    'sum(rate(calls{pod=~"sales-.*$"}[300s]))'
    """
    return Template(query).safe_substitute(vertical=vertical, step=f"{step_s}s")
