"""A shop's own program: it knows nothing of Headroom but the annotations on the Deployment that takes its calls."""

import pulumi
import pulumi_kubernetes as k8s

IMAGE = f"registry.example/checkout@sha256:{'0' * 64}"
maximum = pulumi.Config().get_int("maximum") or 7
annotated = pulumi.Config().get_bool("annotated") is not False

claims = {
    "headroom.dev/kind": "fastapi",
    "headroom.dev/vertical": "checkout",
    "headroom.dev/forecast-peak": "300",
    "headroom.dev/session-container": "app",
    "headroom.dev/session-memory-bytes": "40000000",
    "headroom.dev/session-cpu-cores": "0.02",
    "headroom.dev/session-descriptors": "6",
    "headroom.dev/session-basis": "assumed",
    "headroom.dev/session-source": "what one call took on a laptop",
    "headroom.dev/base-memory-bytes": "300000000",
    "headroom.dev/base-cpu-cores": "0.2",
    "headroom.dev/base-descriptors": "64",
    "headroom.dev/workers": "1",
    "headroom.dev/longest-call-seconds": "1800",
    "headroom.dev/mean-call-seconds": "240",
}
open_files = "- type: RLIMIT_NOFILE\n  soft: 65536\n  hard: 65536\n"
size = {"cpu": "2", "memory": "4Gi"}

space = k8s.core.v1.Namespace("shop", metadata={"name": "shop"})
checkout = k8s.apps.v1.Deployment(
    "checkout",
    metadata={"name": "checkout", "namespace": space.metadata.name, "annotations": claims if annotated else {}},
    spec={
        "selector": {"match_labels": {"app": "checkout"}},
        "template": {
            "metadata": {
                "labels": {"app": "checkout"},
                "annotations": {"ulimits.nri.containerd.io/container.app": open_files},
            },
            "spec": {
                "termination_grace_period_seconds": 1830,
                "containers": [
                    {
                        "name": "app",
                        "image": IMAGE,
                        "resources": {"requests": size, "limits": size},
                        "env": [
                            {"name": "HEADROOM_MAX_SESSIONS", "value": "80"},
                            {"name": "HEADROOM_DRAIN_SECONDS", "value": "1800"},
                        ],
                    }
                ],
            },
        },
    },
)
k8s.autoscaling.v2.HorizontalPodAutoscaler(
    "checkout",
    metadata={"name": "checkout", "namespace": space.metadata.name},
    spec={
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": checkout.metadata.name},
        "min_replicas": 2,
        "max_replicas": maximum,
        "metrics": [
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "active_sessions_per_pod"},
                    "target": {"type": "AverageValue", "average_value": "50"},
                },
            }
        ],
    },
)
k8s.policy.v1.PodDisruptionBudget(
    "checkout",
    metadata={"name": "checkout", "namespace": space.metadata.name},
    spec={"max_unavailable": 1, "selector": {"match_labels": {"app": "checkout"}}},
)
# What the shop does not want to be judged: a job, and the autoscaler of a web page.
k8s.batch.v1.CronJob(
    "invoices",
    metadata={"name": "invoices", "namespace": space.metadata.name},
    spec={
        "schedule": "0 3 * * *",
        "job_template": {
            "spec": {"template": {"spec": {"restart_policy": "Never", "containers": [{"name": "job", "image": "invoices"}]}}}
        },
    },
)
web = k8s.apps.v1.Deployment(
    "web",
    metadata={"name": "web", "namespace": space.metadata.name},
    spec={
        "selector": {"match_labels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}},
    },
)
k8s.core.v1.Service(
    "web",
    metadata={"name": "web", "namespace": space.metadata.name},
    spec={"selector": {"app": "web"}, "ports": [{"port": 80, "target_port": 8080}]},
)
k8s.autoscaling.v2.HorizontalPodAutoscaler(
    "web",
    metadata={"name": "web", "namespace": space.metadata.name},
    spec={
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": web.metadata.name},
        "max_replicas": 3,
    },
)
