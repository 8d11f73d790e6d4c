"""The opt-in mode: what a program that is not ours annotates is judged in full, the rest is named, and nothing slips between."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy import StackValidationArgs, StackValidationPolicy

from policies.adapters.pack import policies
from policies.adapters.pack_config import ANNOTATED, pack_configuration
from policies.stack import UNKNOWN
from tests.policies.base import FLOORS, Document, Situation
from tests.policies.test_pack import policy_resource, run_pack

HERE = Path(__file__).parent
DEPLOYMENT, SCALER = "Deployment/checkout", "HorizontalPodAutoscaler/checkout"
APP = [DEPLOYMENT, "spec", "template", "spec", "containers", 0]
CLAIMS = [DEPLOYMENT, "metadata", "annotations"]
REST = {
    "web (kubernetes:apps/v1:Deployment) is not judged: it carries no headroom.dev/kind",
    "invoices (kubernetes:batch/v1:CronJob) is not judged: it carries no headroom.dev/kind",
}


@pytest.fixture(scope="module")
def registered() -> dict[str, Document]:
    """What the shop's program registers, by kind and name."""
    program = [sys.executable, str(HERE / "recorded.py"), str(HERE / "shop" / "__main__.py")]
    made = subprocess.run(program, capture_output=True, text=True, check=True)
    return {f"{item['type'].rpartition(':')[2]}/{item['name']}": item for item in json.loads(made.stdout)}


def configured(folder: Path, lock: Document | None = None) -> dict[str, str]:
    """Return what a rule is configured with in the opt-in mode."""
    file = HERE / "shop.forecast.json"
    if lock is not None:
        file = folder / "lock.json"
        file.write_text(json.dumps(lock), encoding="utf-8")
    return pack_configuration(file, FLOORS, date(2026, 11, 2), annotated=True)["plan-exists"]


def refused(resources: dict[str, Document], config: dict[str, str]) -> dict[str, list[str]]:
    """Return what each rule of the pack refuses."""
    reported = run_pack(Situation(resources, {}), config)
    return {rule: [text for text, _ in found] for rule, found in reported.items() if found}


def told(resources: dict[str, Document], config: dict[str, str]) -> set[str]:
    """Return what the pack tells, and refuses nothing for."""
    *_, last = policies({})
    lines: list[str] = []
    assert isinstance(last, StackValidationPolicy)
    stack = StackValidationArgs([policy_resource(item) for item in resources.values()], config)
    last.validate(stack, lambda text, _urn: lines.append(text))
    return set(lines)


def test_enough_is_accepted_and_the_rest_is_named(registered: dict[str, Document], tmp_path: Path) -> None:
    """No rule refuses for want of a component of ours; what was not judged is said."""
    assert refused(registered, configured(tmp_path)) == {}
    assert told(registered, configured(tmp_path)) == REST


@pytest.mark.parametrize(
    ("place", "value", "rule"),
    [
        ([SCALER, "spec", "maxReplicas"], 6, "sessions-cover-burst"),
        ([SCALER, "spec", "maxReplicas"], UNKNOWN, "sessions-cover-burst"),
        ([SCALER, "spec", "minReplicas"], 1, "lag-floor-held"),
        ([SCALER, "spec", "metrics", 0, "pods", "target", "averageValue"], "70", "scaling-target-leaves-lag-growth"),
        ([*APP, "resources", "requests", "cpu"], "1", "sessions-cover-burst"),
        ([*APP, "resources", "limits"], None, "pod-limits-cover-sessions"),
        ([*APP, "env", 0, "value"], "100", "pod-limits-cover-sessions"),
        ([*APP, "env", 1, "value"], "60", "drain-covers-longest-call"),
        ([*APP, "image"], "registry.example/checkout:latest", "images-pinned"),
        ([*APP[:4], "terminationGracePeriodSeconds"], 30, "drain-covers-longest-call"),
        ([DEPLOYMENT, "spec", "template", "metadata", "annotations"], {}, "file-descriptors-cover-sessions"),
        ([DEPLOYMENT, "spec", "replicas"], 2, "workloads-are-known"),
        ([*CLAIMS, "headroom.dev/forecast-peak"], "200", "claims-match-lock"),
        ([*CLAIMS, "headroom.dev/vertical"], "kitchen", "sessions-cover-burst"),
        ([*CLAIMS, "headroom.dev/session-basis"], "measured", "session-costs-have-evidence"),
        ([*CLAIMS, "headroom.dev/session-cpu-cores"], "1MB", "sessions-cover-burst"),
        ([*CLAIMS, "headroom.dev/kind"], "kitchen", "workloads-are-known"),
        ([*CLAIMS, "headroom.dev/kind"], UNKNOWN, "workloads-are-known"),
        (CLAIMS, UNKNOWN, "workloads-are-known"),
        ([DEPLOYMENT, "metadata"], UNKNOWN, "workloads-are-known"),
    ],
)
def test_what_is_annotated_is_judged_in_full(
    place: list[Any], value: object, rule: str, registered: dict[str, Document], tmp_path: Path
) -> None:
    """Each harmful change of one field is refused by the rule that names its cause."""
    changed = copy.deepcopy(registered)
    inside: Any = changed[place[0]]["props"]
    for key in place[1:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    assert rule in refused(changed, configured(tmp_path))


def _typed(kind: str, token: str) -> Callable[[dict[str, Document]], None]:
    def change(resources: dict[str, Document]) -> None:
        twin = copy.deepcopy(resources[kind]) | {"type": token, "name": "beside"}
        group, _, name = token.removeprefix("kubernetes:").rpartition(":")
        twin["props"] |= {"apiVersion": group, "kind": name}
        resources["beside"] = twin

    return change


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        (SCALER, "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"),
        (SCALER, "kubernetes:autoscaling/v1:HorizontalPodAutoscaler"),
        (SCALER, "kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch"),
        (SCALER, "kubernetes:keda.sh/v1alpha1:ScaledObject"),
        (SCALER, "kubernetes:example.com/v1:Scaler"),
        (DEPLOYMENT, "kubernetes:apps/v1:DeploymentPatch"),
    ],
)
def test_what_reaches_an_annotated_workload_from_beside_is_refused(
    kind: str, token: str, registered: dict[str, Document], tmp_path: Path
) -> None:
    """A second autoscaler, one of a type that nobody knows, a patch: unannotated themselves, they change what is judged."""
    changed = copy.deepcopy(registered)
    _typed(kind, token)(changed)
    assert "workloads-are-known" in refused(changed, configured(tmp_path))


def test_types_that_no_rule_knows_are_named(registered: dict[str, Document], tmp_path: Path) -> None:
    """A chart and a bucket of the same program are not judged, and that is said."""
    others: dict[str, Document] = {
        name: {"type": name, "name": "other", "props": {}} for name in ("kubernetes:helm.sh/v3:Release", "aws:s3/bucket:Bucket")
    }
    line = "no rule knows these types, which are not judged: aws:s3/bucket:Bucket (1), kubernetes:helm.sh/v3:Release (1)"
    assert refused(registered | others, configured(tmp_path)) == {}
    assert told(registered | others, configured(tmp_path)) == REST | {line}


def test_nothing_annotated_is_refused_by_every_rule(registered: dict[str, Document], tmp_path: Path) -> None:
    """Also where a lock asks for no vertical: nothing was judged."""
    changed = copy.deepcopy(registered)
    del changed[DEPLOYMENT]["props"]["metadata"]["annotations"]
    for resources in (changed, {}):
        texts = refused(resources, configured(tmp_path)).values()
        assert len(texts) == len(policies({})) - 2
        assert all("so nothing was judged" in text for found in texts for text in found)


def test_a_vertical_of_the_lock_without_a_workload_is_refused(registered: dict[str, Document], tmp_path: Path) -> None:
    """The lock says that somebody calls; nobody answers."""
    lock = json.loads((HERE / "shop.forecast.json").read_text(encoding="utf-8"))
    lock["verticals"]["returns"] = lock["verticals"]["checkout"]
    assert "no Deployment holds its sessions" in refused(registered, configured(tmp_path, lock))["sessions-cover-burst"][0]


def test_a_known_peak_asks_for_a_week(registered: dict[str, Document], tmp_path: Path) -> None:
    """A floor that is the same all week does not stand before a peak that the lock knows of."""
    lock = json.loads((HERE / "shop.forecast.json").read_text(encoding="utf-8"))
    peak = {"day": "mon", "start": "09:00", "end": "11:00", "zone": "UTC", "sessions": 300}
    lock["verticals"]["checkout"]["known_peaks"] = [peak]
    texts = refused(registered, configured(tmp_path, lock))["prescale-covers-known-peaks"]
    assert any("the known peak of checkout on mon 09:00-11:00 UTC needs" in text for text in texts)


def test_without_the_mode_all_is_judged(registered: dict[str, Document], tmp_path: Path) -> None:
    """Strict is the default: the same program is refused for what it does not have and does not annotate."""
    config = configured(tmp_path)
    assert config.pop("mode") == ANNOTATED
    assert {"plan-exists", "workloads-are-known", "nodes-cover-maximum"} <= refused(registered, config).keys()
    assert told(registered, config) == set()
