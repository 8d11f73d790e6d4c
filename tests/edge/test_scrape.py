"""What the deployed edge says at /metrics, read by the real Prometheus as its rendered configuration asks."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from components.observability.scrape import EDGE_FOLDER, edge_host, prometheus_config
from headroom.local.paths import paths
from headroom.local.prometheus import ensure_prometheus, serving
from tests.environments import planned
from tests.parts.observability.test_rules import section_of
from tests.parts.observability.test_servers import asked, eventually

pytestmark = [
    pytest.mark.needs("npm", "install Node.js 20 or later with npm"),
    pytest.mark.needs("go", "install Go 1.26 or later (https://go.dev/doc/install)"),
]


def test_prometheus_reads_what_the_deployed_edge_says(account: Path, tmp_path: Path) -> None:
    """By its token each tenant's calls are series; host and port alone are this machine's. Without the token it gets nothing."""
    with subprocess.Popen(
        ["node", Path(__file__).with_name("deploys.mjs"), account], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as edge:
        assert edge.stdin is not None
        assert edge.stdout is not None
        said = []
        for step in ("fill", "scrape"):
            print(step, file=edge.stdin, flush=True)
            said.append(json.loads(edge.stdout.readline()))
        within, scrape = said
        for name, text in {"token": scrape["token"], "id": "an-id", "secret": "a-secret"}.items():
            (tmp_path / name).write_text(text)
        plan = planned("local")
        (job,) = (one for one in prometheus_config(plan, section_of(plan))["scrape_configs"] if one["job_name"] == "edge")
        assert job["static_configs"] == [{"targets": [edge_host(plan)]}]
        job |= {
            "scheme": "http",
            "static_configs": [{"targets": [scrape["host"]]}],
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
        }
        stranger = job | {"job_name": "stranger", "authorization": {"credentials": "a guess"}}
        text = yaml.safe_dump({"scrape_configs": [job, stranger]}).replace(EDGE_FOLDER, str(tmp_path))
        with serving(ensure_prometheus(paths(), print), tmp_path / "data", tmp_path, text) as url:

            def found(query: str) -> dict[str, float]:
                result = asked(url, "query", query=query)["result"]
                return {next(iter(one["metric"].values()), ""): float(one["value"][1]) for one in result}

            eventually(lambda: found("sum by (job) (up)") == {"edge": 1.0, "stranger": 0.0}, 60)
            assert found("sum by (tenant) (headroom_edge_active_calls)") == {"acme": within}
            assert found("sum by (tenant) (headroom_edge_admitted_total)") == {"acme": within}
            # Refusals are written once a second.
            eventually(lambda: found("sum by (reason) (headroom_edge_refused_total)") == {"plan": 120 - within}, 60)
        edge.stdin.close()
        assert edge.wait(timeout=60) == 0
