"""How the autoscaler gets its metric: from the session gauge, by prometheus-adapter."""

from typing import Any

from components.workloads.scaling import METRIC

GROUP = "custom.metrics.k8s.io"
VERSION = "v1beta2"


def adapter_config() -> dict[str, Any]:
    """Return prometheus-adapter's rules: one metric of pods, the sum of what their session gauge shows.

    Pods that are gone drop out within a scrape. Pods that are not ready count, and the autoscaler leaves them out by itself.
    """
    return {
        "rules": [
            {
                "seriesQuery": 'voice_active_sessions{namespace!="",pod!=""}',
                "resources": {"overrides": {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}},
                "name": {"as": METRIC},
                "metricsQuery": "sum by (<<.GroupBy>>) (<<.Series>>{<<.LabelMatchers>>})",
            }
        ]
    }
