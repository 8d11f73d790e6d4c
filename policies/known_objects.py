"""What objects of Kubernetes may say, by their types: what is rendered, and what rules judge beside it."""

from collections.abc import Mapping

from policies.known import Known, known

_HEAD = "apiVersion kind"
_META = "metadata(name namespace labels(*) annotations(*))"
_SELECTOR = "matchLabels(*) matchExpressions(key operator values)"
_SIZE = "resources(limits(*) requests(*) claims)"
_ASKED = "exec(command) httpGet(path port scheme) tcpSocket(port) grpc(port service)"
_PROBE = f"{_ASKED} failureThreshold initialDelaySeconds periodSeconds successThreshold timeoutSeconds"
_PRIVILEGES = (
    "allowPrivilegeEscalation capabilities(add drop) fsGroup fsGroupChangePolicy privileged procMount readOnlyRootFilesystem "
    "runAsGroup runAsNonRoot runAsUser seccompProfile(type) supplementalGroups sysctls(name value)"
)
_CONTAINER = f"""
    name image args command {_SIZE} securityContext({_PRIVILEGES})
    env(name value valueFrom(fieldRef(fieldPath) secretKeyRef(key name)))
    lifecycle(preStop({_ASKED} sleep(seconds)))
    livenessProbe({_PROBE}) readinessProbe({_PROBE}) startupProbe({_PROBE})
    ports(containerPort hostPort name protocol)
    volumeMounts(mountPath name readOnly subPath)
"""
_TERM = f"labelSelector({_SELECTOR}) matchLabelKeys topologyKey"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NODES = "matchExpressions(key operator values)"
_POD = f"""
    containers({_CONTAINER}) initContainers({_CONTAINER} restartPolicy)
    affinity(
        nodeAffinity({_REQUIRED}(nodeSelectorTerms({_NODES})) {_PREFERRED}(preference({_NODES}) weight))
        podAffinity({_REQUIRED}({_TERM}) {_PREFERRED}(podAffinityTerm({_TERM}) weight))
        podAntiAffinity({_REQUIRED}({_TERM}) {_PREFERRED}(podAffinityTerm({_TERM}) weight))
    )
    automountServiceAccountToken dnsPolicy hostIPC hostNetwork hostPID nodeSelector(*) priorityClassName restartPolicy
    runtimeClassName securityContext({_PRIVILEGES}) serviceAccountName terminationGracePeriodSeconds
    tolerations(effect key operator tolerationSeconds value)
    topologySpreadConstraints({_TERM} maxSkew minDomains whenUnsatisfiable)
    volumes(
        name configMap(items(key path) name) emptyDir(medium sizeLimit) hostPath(path type) secret(optional secretName)
    )
"""
_TEMPLATE = f"template(metadata(labels(*) annotations(*)) spec({_POD}))"
_CLAIM = f"spec(accessModes {_SIZE} storageClassName)"
_SCALES = "policies(periodSeconds type value) selectPolicy stabilizationWindowSeconds tolerance"
_BEHAVIOR = f"behavior(scaleDown({_SCALES}) scaleUp({_SCALES}))"
_TARGET = "scaleTargetRef(apiVersion kind name)"
_WAY = "ports(endPort port protocol)"
_PEER = f"namespaceSelector({_SELECTOR}) podSelector({_SELECTOR}) ipBlock(cidr except)"
_GRANTS = "rules(apiGroups nonResourceURLs resourceNames resources verbs)"
_BINDS = "roleRef(apiGroup kind name) subjects(apiGroup kind name namespace)"


def _objects(group: str, **said: str) -> dict[str, Known]:
    return {f"kubernetes:{group}:{kind}": known(f"{_HEAD} {_META} {fields}") for kind, fields in said.items()}


WORKLOADS: Mapping[str, Known] = {
    **_objects(
        "apps/v1",
        Deployment=f"""
            spec(
                minReadySeconds paused replicas selector({_SELECTOR}) strategy(rollingUpdate(maxSurge maxUnavailable) type)
                {_TEMPLATE}
            )
        """,
        StatefulSet=f"""
            spec(
                podManagementPolicy replicas selector({_SELECTOR}) serviceName {_TEMPLATE}
                volumeClaimTemplates({_HEAD} {_META} {_CLAIM})
            )
        """,
        DaemonSet=f"spec(selector({_SELECTOR}) {_TEMPLATE} updateStrategy(rollingUpdate(maxUnavailable) type))",
    ),
    **_objects(
        "batch/v1",
        Job=f"spec({_TEMPLATE})",
        CronJob=f"""
            spec(
                concurrencyPolicy failedJobsHistoryLimit schedule startingDeadlineSeconds successfulJobsHistoryLimit suspend
                jobTemplate(spec(activeDeadlineSeconds backoffLimit {_TEMPLATE}))
            )
        """,
    ),
}
"""What workloads of a kind may say."""

SERVICE = known(f"{_HEAD} {_META} spec(clusterIP ports(name port protocol targetPort) publishNotReadyAddresses selector(*) type)")

OBJECTS: Mapping[str, Known] = {
    **_objects(
        "admissionregistration.k8s.io/v1",
        ValidatingAdmissionPolicy="""
            spec(
                failurePolicy matchConditions(expression name)
                matchConstraints(resourceRules(apiGroups apiVersions operations resources))
                validations(expression messageExpression) variables(expression name)
            )
        """,
        ValidatingAdmissionPolicyBinding=f"spec(matchResources(namespaceSelector({_SELECTOR})) policyName validationActions)",
    ),
    **_objects(
        "apiregistration.k8s.io/v1",
        APIService="""
            spec(
                caBundle group groupPriorityMinimum insecureSkipTLSVerify service(name namespace port) version versionPriority
            )
        """,
    ),
    **_objects(
        "autoscaling/v2",
        HorizontalPodAutoscaler=f"""
            spec(
                {_BEHAVIOR} maxReplicas minReplicas {_TARGET}
                metrics(type pods(metric(name selector(*)) target(averageValue type)))
            )
        """,
    ),
    **_objects(
        "core/v1",
        ConfigMap="data(*)",
        Namespace="",
        PersistentVolumeClaim=_CLAIM,
        Secret="stringData(*) type",  # noqa: S106  # a kind
        ServiceAccount="automountServiceAccountToken",
    ),
    **_objects(
        "karpenter.k8s.aws/v1",
        EC2NodeClass="""
            spec(
                amiFamily amiSelectorTerms(id)
                blockDeviceMappings(deviceName ebs(encrypted volumeSize volumeType) rootVolume)
                kubelet(evictionHard(*) maxPods systemReserved(*))
                metadataOptions(httpEndpoint httpPutResponseHopLimit httpTokens)
                role securityGroupSelectorTerms(tags(*)) subnetSelectorTerms(tags(*)) userData
            )
        """,
    ),
    **_objects(
        "karpenter.sh/v1",
        NodePool="""
            spec(
                disruption(budgets(duration nodes schedule) consolidateAfter consolidationPolicy) limits(*)
                template(metadata(labels(*)) spec(
                    expireAfter nodeClassRef(group kind name) requirements(key operator values) taints(effect key value)
                    terminationGracePeriod
                ))
            )
        """,
    ),
    **_objects(
        "keda.sh/v1alpha1",
        ScaledObject=f"""
            spec(
                advanced(horizontalPodAutoscalerConfig({_BEHAVIOR} name) scalingModifiers(*))
                fallback(behavior failureThreshold replicas) idleReplicaCount maxReplicaCount minReplicaCount pollingInterval
                {_TARGET}
                triggers(
                    metadata(desiredReplicas end ignoreNullValues query serverAddress start threshold timezone) metricType type
                )
            )
        """,
    ),
    **_objects(
        "networking.k8s.io/v1",
        NetworkPolicy=f"spec(egress({_WAY} to({_PEER})) ingress(from({_PEER}) {_WAY}) podSelector({_SELECTOR}) policyTypes)",
    ),
    **_objects("node.k8s.io/v1", RuntimeClass="handler"),
    **_objects("policy/v1", PodDisruptionBudget=f"spec(maxUnavailable minAvailable selector({_SELECTOR}))"),
    **_objects("rbac.authorization.k8s.io/v1", ClusterRole=_GRANTS, ClusterRoleBinding=_BINDS, Role=_GRANTS, RoleBinding=_BINDS),
    **_objects("scheduling.k8s.io/v1", PriorityClass="globalDefault preemptionPolicy value"),
    **_objects(
        "storage.k8s.io/v1", StorageClass="allowVolumeExpansion parameters(*) provisioner reclaimPolicy volumeBindingMode"
    ),
}
"""What other objects may say."""
