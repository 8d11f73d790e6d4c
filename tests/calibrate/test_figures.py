"""A spec's figures after measured usage: what changes in the file, and what the gate then sees."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from capacity import plan
from capacity.spec import Spec
from headroom.calibrate.figures import Calibration, Figure, calibrated, calibrated_text
from headroom.calibrate.table import read_usage
from headroom.calibrate.usage import Usage
from policies.adapters.program import judge_blueprint
from stacks.reading import floors_path
from stacks.voice import render
from tests.calibrate.fleet import DAY_S, Fleet, Truth, drawn, starts, write_csv
from tests.capacity.specs import DATA_END, live, load, lock, read_spec, spec_document


@pytest.fixture(scope="module")
def usage(tmp_path_factory: pytest.TempPathFactory) -> Usage:
    """Seventeen days of healthcare, whose twenty pods take turns, each seen to start."""
    columns = drawn(Fleet(pods=20, days=17, step_s=7200), 1)
    columns["startup_seconds"] = starts(Truth(), 20, 1)[columns["pod"].astype(int)]
    turn = (columns["time"] // DAY_S + columns["pod"]) % 5 == 0
    columns = {name: column[turn] for name, column in columns.items()}
    file = write_csv(tmp_path_factory.mktemp("usage") / "usage.csv", {"healthcare": columns})
    return read_usage(file, {"healthcare"})


def stack_text(document: dict[str, Any]) -> str:
    """Return a stack file of a spec."""
    return yaml.safe_dump({"config": {"headroom:spec": document}}, sort_keys=False)


def spec_of(text: str) -> Spec:
    """Return the spec of a stack file's text."""
    return Spec.model_validate_json(json.dumps(yaml.safe_load(text)["config"]["headroom:spec"]))


def figures(calibration: Calibration) -> dict[str, Figure]:
    """Return figures by their path."""
    return {".".join(figure.path): figure for figure in calibration.figures}


def test_measured_figures_stand_in_the_file_with_bounds_source_and_date(usage: Usage) -> None:
    """Costs, bases, tokens and lag are set; the record of each vertical says where they lie; nothing else changes."""
    document = spec_document(healthcare=live(), other=live())
    text = stack_text(document)
    spec = read_spec(document)
    found = calibrated(spec, usage)
    after = spec_of(calibrated_text(text, spec, found))
    vertical, measured = after.verticals["healthcare"], figures(found)
    assert vertical.kind == "fastapi"
    session = vertical.session
    assert session.memory == measured["verticals.healthcare.session.memory"].after
    assert vertical.pod.base_memory == measured["verticals.healthcare.pod.base_memory"].after
    assert session.descriptors == 7
    assert (session.basis, session.source, str(session.date)) == ("measured", "usage.csv, 2026-11-03 to 2026-11-19", "2026-11-19")
    assert session.measured is not None
    assert session.measured.memory is not None
    assert session.measured.memory.low <= Truth().memory <= session.measured.memory.high
    assert session.measured.source == session.source
    lag = after.scaling.lag
    assert lag.model_dump()["value"] == measured["scaling.lag.value"].after
    assert lag.model_dump()["source"].endswith("after creation, 15s sync and 60s scrape added by default")
    tokens = after.model.primary.model_dump()["tokens_per_session_minute"]
    assert (tokens["value"], tokens["basis"]) == (measured["model.primary.tokens_per_session_minute.value"].after, "measured")
    assert after.verticals["other"] == spec.verticals["other"]
    assert after.pools == spec.pools


def test_the_same_usage_twice_changes_nothing_more(usage: Usage) -> None:
    """A file that carries the measurement is not changed by it, also where it was written in block style."""
    document = spec_document(healthcare=live())
    text = stack_text(document)
    once = calibrated_text(text, read_spec(document), calibrated(read_spec(document), usage))
    assert calibrated_text(once, spec_of(once), calibrated(spec_of(once), usage)) == once
    assert not any(figure.below for figure in calibrated(spec_of(once), usage).figures)


def test_a_part_of_the_costs_does_not_make_the_session_measured(usage: Usage) -> None:
    """Where only memory is known, the session keeps its basis; the record names memory alone."""
    rows = usage.verticals["healthcare"].rows
    unknown = np.full(len(rows.time), np.nan)
    only_memory = replace(rows, cpu_cores=unknown, descriptors=unknown, tokens_per_minute=unknown)
    part = Usage("part.csv", {"healthcare": replace(usage.verticals["healthcare"], rows=only_memory)})
    document = spec_document(healthcare=live())
    found = calibrated(read_spec(document), part)
    after = spec_of(calibrated_text(stack_text(document), read_spec(document), found)).verticals["healthcare"]
    assert after.kind == "fastapi"
    assert after.session.basis == "assumed"
    assert after.session.measured is not None
    assert list(after.session.measured.intervals) == ["memory", "base_memory"]
    reasons = {".".join(each.path): each.reason for each in found.unmeasured}
    assert reasons["verticals.healthcare.session.cpu"] == "no measurement of it"
    assert reasons["model.primary.tokens_per_session_minute.value"] == "no measurement of it"


def test_a_figure_that_is_uncertain_gets_the_measured_bounds(usage: Usage) -> None:
    """Old bounds need not hold the new figure: the spec would not validate."""
    path = "verticals.healthcare.session.memory"
    document = spec_document(healthcare=live()) | {"uncertain": {path: {"low": "110MB", "high": "130MB"}}}
    spec = read_spec(document)
    after = spec_of(calibrated_text(stack_text(document), spec, calibrated(spec, usage)))
    bounds = after.uncertain[path]
    assert (bounds.confidence, bounds.basis) == (0.95, "measured")
    assert bounds.low != "110MB"


def test_a_lag_in_stages_gets_the_start_that_is_left(usage: Usage) -> None:
    """From creation to ready is the stages of a new pod: what the claimed ones before the start leave is the start."""
    document = spec_document(healthcare=live())
    document["scaling"]["lag"] = {"metric": {"value": "30s"}, "scheduling": {"value": "5s"}, "start": {"value": "90s"}}
    found = figures(calibrated(read_spec(document), usage))
    alone = figures(calibrated(read_spec(spec_document(healthcare=live())), usage))
    assert found["scaling.lag.start.value"].estimate.value + 5 == pytest.approx(alone["scaling.lag.value"].estimate.value - 75)


def test_descriptors_of_several_processes_are_one_process_s(usage: Usage) -> None:
    """The container's own files are shared among its processes; a session's are in one of them."""
    one = figures(calibrated(read_spec(spec_document(healthcare=live())), usage))
    pod = {"cpu": 4, "memory": "16Gi", "workers": 4}
    four = figures(calibrated(read_spec(spec_document(healthcare=live(pod=pod))), usage))
    base, session = "verticals.healthcare.pod.base_descriptors", "verticals.healthcare.session.descriptors"
    assert four[base].estimate.value == one[base].estimate.value / 4
    assert four[session].after == one[session].after


@pytest.mark.parametrize(("memory", "refused"), [("95MB", False), ("91MB", True)])
def test_planner_and_gate_refuse_a_cost_below_its_measurement(tmp_path: Path, memory: str, *, refused: bool) -> None:
    """The plan has a shortfall and the rendered stack a violation, both with the figure, exactly where it is below."""
    bounds = {
        "source": "usage.csv",
        "date": "2026-11-01",
        "memory": {"low": "92MB", "high": "96MB"},
        "cpu": {"low": 0.04, "high": 0.05},
    }
    session = {"memory": memory, "cpu": 0.05, "measured": bounds}
    forecast = lock(healthcare=load())
    made = plan(read_spec(spec_document(healthcare=live(session=session))), forecast, DATA_END)
    file = tmp_path / "test.forecast.json"
    file.write_text(json.dumps({**forecast.without_digest(), "digest": forecast.digest}))
    verdict = judge_blueprint(render(made), file, floors_path(), DATA_END)
    short = [f"{each.scope}: {each.reason}" for each in made.shortfalls if each.resource == "cost"]
    violations = [violation.message for violation in verdict.violations if violation.rule == "session-costs-cover-measurement"]
    if refused:
        reason = "session.memory is 91,000,000 bytes; measured 92,000,000 to 96,000,000 by 2026-11-01 (usage.csv)"
        assert short == [f"healthcare: {reason}"]
        lies = "measured 92,000,000 to 96,000,000 by 2026-11-01 (usage.csv)"
        assert violations == [f"headroom.dev/session-memory-bytes claims 91,000,000 bytes; {lies}"]
    else:
        assert (short, violations) == ([], [])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "holds no interval"),
        ({"cpu": {"low": 0.06, "high": 0.05}}, "cpu: low 0.06 is above high 0.05"),
    ],
)
def test_a_record_that_says_nothing_is_refused(record: dict[str, Any], message: str) -> None:
    """An empty measurement, and bounds that are upside down."""
    measured = {"source": "usage.csv", "date": "2026-11-01"} | record
    with pytest.raises(ValueError, match=message):
        read_spec(spec_document(healthcare=live(session={"memory": "1MB", "cpu": 0.1, "measured": measured})))
