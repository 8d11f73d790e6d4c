"""The resource types that the gate knows: those that run pods, and those that cannot."""

POD_SPECS = {
    "kubernetes:apps/v1:Deployment": "spec.template.spec",
    "kubernetes:apps/v1:StatefulSet": "spec.template.spec",
    "kubernetes:apps/v1:DaemonSet": "spec.template.spec",
    "kubernetes:apps/v1:ReplicaSet": "spec.template.spec",
    "kubernetes:batch/v1:Job": "spec.template.spec",
    "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec.template.spec",
    "kubernetes:core/v1:Pod": "spec",
    "kubernetes:core/v1:ReplicationController": "spec.template.spec",
}
"""Types that run pods, and where each has its pod's specification."""

KINDS = {
    "kubernetes:apps/v1:Deployment": frozenset(
        {
            "asr",
            "fastapi",
            "gateway",
            "llm",
            "nats",
            "placeholder",
            "pm2",
            "queue",
            "queue-gateway",
            "tools",
            "tts",
            "tunnel",
            "turn",
            "watch",
        }
    ),
    "kubernetes:apps/v1:StatefulSet": frozenset({"bus", "redis", "watch"}),
    "kubernetes:apps/v1:DaemonSet": frozenset({"device-plugin", "ulimit-adjuster"}),
    "kubernetes:batch/v1:CronJob": frozenset({"prescale"}),
    "kubernetes:batch/v1:Job": frozenset({"streams"}),
}
"""The values of headroom.dev/kind that the other rules understand, for the types that they understand."""

HARMLESS = frozenset(
    {
        *(
            f"cloudflare:index/{name[0].lower()}{name[1:]}:{name}"
            for name in (
                "DnsRecord",
                "LoadBalancer",
                "LoadBalancerPool",
                "Queue",
                "QueueConsumer",
                "Ruleset",
                "WorkersCustomDomain",
                "WorkersKv",
                "WorkersKvNamespace",
                "WorkersScript",
                "WorkersScriptSubdomain",
                "ZeroTrustAccessApplication",
                "ZeroTrustAccessPolicy",
                "ZeroTrustAccessServiceToken",
                "ZeroTrustTunnelCloudflared",
                "ZeroTrustTunnelCloudflaredConfig",
            )
        ),
        "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
        "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding",
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Namespace",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "kubernetes:core/v1:Secret",
        "kubernetes:core/v1:Service",
        "kubernetes:core/v1:ServiceAccount",
        "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass",
        "kubernetes:karpenter.sh/v1:NodePool",
        "kubernetes:keda.sh/v1alpha1:ScaledObject",
        "kubernetes:networking.k8s.io/v1:Ingress",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "kubernetes:node.k8s.io/v1:RuntimeClass",
        "kubernetes:policy/v1:PodDisruptionBudget",
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        "kubernetes:rbac.authorization.k8s.io/v1:Role",
        "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
        "kubernetes:scheduling.k8s.io/v1:PriorityClass",
        "kubernetes:storage.k8s.io/v1:StorageClass",
        "kubernetes:apiregistration.k8s.io/v1:APIService",
        "pulumi:pulumi:Stack",
    }
)
"""Types that run nothing by themselves."""

HARMLESS_PREFIXES = ("headroom:", "pulumi:providers:")
"""Components of ours, and the providers of resources."""
