"""Everything that watches the stack, in a namespace of its own (S4, S5, S18, S26, S27)."""

from collections.abc import Iterator
from typing import Any

import yaml

from capacity.observability import Observability
from capacity.plan import CapacityPlan
from components.kubernetes import namespace
from components.network import KEDA_NAMESPACE, WORLD, Peer, in_namespace, network_policies, verticals
from components.network import OBSERVABILITY_NAMESPACE as NAMESPACE
from components.observability.access import adapter_access, prometheus_access, state_metrics_access
from components.observability.alerts import alerts
from components.observability.collecting import METRICS_PORT, collector_config
from components.observability.collecting import PORT as COLLECTOR_PORT
from components.observability.dashboards import DATASOURCE, dashboard_files
from components.observability.programs import COMPONENT, CONFIG_FOLDER, SPACE, Program, program_resources
from components.observability.recordings import measured, plan_constants
from components.observability.routes import FOLDER, alertmanager_config, receivers
from components.observability.scrape import ALERTMANAGER_PORT, EDGE_FOLDER, edge_host, prometheus_config
from components.observability.scrape import PORT as PROMETHEUS_PORT
from components.observability.serving_metric import adapter_config
from components.servers import config_map, disk_claim, from_secret
from headroom.blueprint import Rendered

_GOSSIP_PORT, _ADAPTER_PORT, _GRAFANA_PORT, _STATE_PORT, _STATE_OWN_PORT = 9094, 6443, 3000, 8080, 8081
_KUBELET_PORT, _API_PORT = 10250, 6443
_DASHBOARDS = "/var/lib/dashboards"


def observability_resources(plan: CapacityPlan, *, parent: str) -> list[Rendered]:
    """Return the component and everything below it; nothing where the spec has no such section."""
    section = plan.stack.observability
    if section is None:
        return []
    programs = tuple(_programs(plan, section))
    claims = {
        "alerts": [alert.name for alert in alerts(plan, section)],
        "receivers": list(receivers(plan, section)),
        "retentionSeconds": section.retention,
        "storageBytes": section.storage,
    }
    # The API server asks the adapter from its machine's address, and relays have their machine's: no selector chooses those.
    adapted = plan.scaling.autoscaler == "hpa"
    scaler = Peer((_ADAPTER_PORT,)) if adapted else in_namespace(KEDA_NAMESPACE, PROMETHEUS_PORT)
    relay_ports = [] if plan.stack.turn is None else [plan.stack.turn.metrics_port]
    within = in_namespace(NAMESPACE, *(port for program in programs for port in program.ports.values()))
    return [
        Rendered("headroom:observability:Observability", COMPONENT, claims, parent=parent),
        namespace(NAMESPACE, resource=SPACE, parent=COMPONENT),
        *network_policies(
            NAMESPACE,
            parent=COMPONENT,
            space=SPACE,
            ingress=[within, verticals(COLLECTOR_PORT), scaler],
            egress=[_metrics_of_the_stack(), Peer((_API_PORT, _KUBELET_PORT, *relay_ports)), WORLD],
        ),
        *(resource for program in programs for resource in program_resources(program)),
        config_map(
            f"{COMPONENT}-dashboards", "grafana-dashboards", NAMESPACE, dashboard_files(plan), parent=COMPONENT, space=SPACE
        ),
        *prometheus_access(),
        *state_metrics_access(),
        *(adapter_access() if adapted else []),
    ]


def rules_file(plan: CapacityPlan, section: Observability) -> dict[str, Any]:
    """Return the rules as Prometheus reads them: what the plan says, what the stack does, and the alerts that compare them."""
    groups = {
        "plan": [constant.rule for constant in plan_constants(plan)],
        "measured": [recording.rule for recording in measured(plan)],
        "alerts": [alert.rule(section.runbooks) for alert in alerts(plan, section)],
    }
    return {"groups": [{"name": name, "rules": rules} for name, rules in groups.items()]}


def _metrics_of_the_stack() -> Peer:
    # Each part says on which port its pods give metrics; their own policies let Prometheus in there and nowhere else.
    return Peer((), {"matchLabels": {"app.kubernetes.io/part-of": "headroom"}})


def _yaml(document: dict[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=1000)


def _programs(plan: CapacityPlan, section: Observability) -> Iterator[Program]:
    zones, images = {pool.name: pool.zones for pool in plan.pools}, plan.images

    def program(name: str, image: str | None, key: str, **given: Any) -> Program:
        if image is None:
            raise ValueError(f"images.{key}: the spec was accepted without it")
        servers = section.servers[key]
        return Program(name, image, servers, zones[servers.pod.pool], section.scratch, **given)

    kept = int(section.storage * plan.margins.safe_utilisation)
    yield program(
        "prometheus",
        images.prometheus,
        "prometheus",
        arguments=[
            f"--config.file={CONFIG_FOLDER}/prometheus.yaml",
            "--storage.tsdb.path=/data/prometheus",
            f"--storage.tsdb.retention.time={section.retention:.0f}s",
            f"--storage.tsdb.retention.size={kept}B",
            f"--web.listen-address=:{PROMETHEUS_PORT}",
            "--web.enable-otlp-receiver",
            "--enable-feature=auto-reload-config",
        ],
        ports={"metrics": PROMETHEUS_PORT},
        ready=_http("/-/ready", "metrics"),
        files={
            "prometheus.yaml": _yaml(prometheus_config(plan, section)),
            "rules.yaml": _yaml(rules_file(plan, section)),
        },
        reloads=True,
        token=True,
        # Without the Secret the edge alone is not seen.
        volumes=[]
        if edge_host(plan) is None
        else [({"name": "edge-scraper", "secret": {"secretName": section.edge_scraper, "optional": True}}, EDGE_FOLDER)],
        disk=disk_claim(section.storage_class, section.storage),
        named=True,
    )
    peers = (f"alertmanager-{index}.alertmanager-pods.{NAMESPACE}.svc" for index in range(section.alertmanager.pods))
    yield program(
        "alertmanager",
        images.alertmanager,
        "alertmanager",
        arguments=[
            f"--config.file={CONFIG_FOLDER}/alertmanager.yaml",
            "--storage.path=/tmp/alertmanager",
            f"--web.listen-address=:{ALERTMANAGER_PORT}",
            f"--cluster.listen-address=:{_GOSSIP_PORT}",
            *(f"--cluster.peer={peer}:{_GOSSIP_PORT}" for peer in peers),
        ],
        ports={"metrics": ALERTMANAGER_PORT, "gossip": _GOSSIP_PORT},
        ready=_http("/-/ready", "metrics"),
        files={"alertmanager.yaml": _yaml(alertmanager_config(plan, section))},
        volumes=[({"name": "receivers", "secret": {"secretName": section.receivers}}, FOLDER)],
        named=True,
    )
    yield program(
        "state-metrics",
        images.state_metrics,
        "state_metrics",
        arguments=[
            "--resources=cronjobs,horizontalpodautoscalers,nodes,pods",
            "--metric-labels-allowlist=nodes=[headroom.dev/pool]",
            f"--port={_STATE_PORT}",
            f"--telemetry-port={_STATE_OWN_PORT}",
        ],
        ports={"metrics": _STATE_PORT, "own-metrics": _STATE_OWN_PORT},
        ready=_http("/readyz", "own-metrics"),
        token=True,
    )
    if plan.scaling.autoscaler == "hpa":
        yield program(
            "adapter",
            images.adapter,
            "adapter",
            arguments=[
                f"--config={CONFIG_FOLDER}/adapter.yaml",
                f"--prometheus-url=http://prometheus.{NAMESPACE}.svc:{PROMETHEUS_PORT}/",
                # How often it looks for new series; a window of one scrape may hold none.
                f"--metrics-relist-interval={section.scrape:g}s",
                f"--metrics-max-age={4 * section.scrape:g}s",
                f"--secure-port={_ADAPTER_PORT}",
                "--cert-dir=/tmp/certificate",
            ],
            ports={"https": _ADAPTER_PORT},
            ready={"httpGet": {"path": "/readyz", "port": "https", "scheme": "HTTPS"}},
            files={"adapter.yaml": _yaml(adapter_config())},
            token=True,
            service_port=443,
        )
    yield program(
        "collector",
        images.collector,
        "collector",
        arguments=[f"--config={CONFIG_FOLDER}/collector.yaml"],
        ports={"otlp": COLLECTOR_PORT, "metrics": METRICS_PORT},
        ready={"tcpSocket": {"port": "otlp"}},
        files={"collector.yaml": _yaml(collector_config(section))},
        environment=[]
        if section.telemetry is None
        else [from_secret("TELEMETRY_AUTHORIZATION", section.telemetry_login, "authorization")],
    )
    yield program(
        "grafana",
        images.grafana,
        "grafana",
        arguments=[],
        ports={"http": _GRAFANA_PORT},
        ready=_http("/api/health", "http"),
        files=_provisioning(),
        environment=[*_grafana_settings(), *_grafana_secrets(section)],
        volumes=[
            ({"name": "dashboards", "configMap": {"name": "grafana-dashboards"}}, _DASHBOARDS),
            (_provisioned("datasources"), "/etc/provisioning/datasources"),
            (_provisioned("dashboards"), "/etc/provisioning/dashboards"),
        ],
    )


def _http(path: str, port: str) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}}


def _provisioned(kind: str) -> dict[str, Any]:
    items = [{"key": f"{kind}.yaml", "path": f"{kind}.yaml"}]
    return {"name": f"provisioned-{kind}", "configMap": {"name": "grafana", "items": items}}


def _provisioning() -> dict[str, str]:
    url = f"http://prometheus.{NAMESPACE}.svc:{PROMETHEUS_PORT}"
    source = {"name": "Prometheus", "uid": DATASOURCE, "type": "prometheus", "access": "proxy", "url": url, "isDefault": True}
    provider = {"name": "headroom", "type": "file", "options": {"path": _DASHBOARDS}}
    return {
        "datasources.yaml": _yaml({"apiVersion": 1, "datasources": [source]}),
        "dashboards.yaml": _yaml({"apiVersion": 1, "providers": [provider]}),
    }


def _grafana_settings() -> list[dict[str, Any]]:
    settings = {
        "GF_PATHS_DATA": "/tmp/grafana",  # noqa: S108  # a path in the container
        "GF_PATHS_PROVISIONING": "/etc/provisioning",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_USERS_ALLOW_SIGN_UP": "false",
    }
    return [{"name": name, "value": value} for name, value in settings.items()]


def _grafana_secrets(section: Observability) -> list[dict[str, Any]]:
    return [
        from_secret("GF_SECURITY_ADMIN_USER", section.grafana_admin, "user"),
        from_secret("GF_SECURITY_ADMIN_PASSWORD", section.grafana_admin, "password"),
    ]
