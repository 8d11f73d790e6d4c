"""The `headroom` command as a person or a pipeline calls it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from headroom.cli.console import errors_as_exit_codes
from headroom.cli.forecast import refuse_example_data
from headroom.located import BadInput
from policies.judge import all_rules
from stacks.reading import read_lock, read_spec
from stacks.voice import render
from tests.environments import planned


def headroom(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with a small environment of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "headroom.cli", *arguments],
        env=kept | environ,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_feasible_plan_ends_with_0_an_infeasible_one_with_1() -> None:
    """The exit code of `plan` follows its shortfalls."""
    assert headroom("plan", "prod").returncode == 0
    infeasible = headroom("plan", "seed")
    assert infeasible.returncode == 1
    assert "shortfalls" in infeasible.stdout


def test_json_is_one_document_on_stdout_wherever_the_option_stands() -> None:
    """`--json` before or after the command gives the same document, and nothing else on stdout."""
    before, after = headroom("--json", "plan", "seed"), headroom("plan", "seed", "--json")
    assert before.stdout == after.stdout
    document = json.loads(before.stdout)
    assert {"verticals", "shared", "shortfalls"} <= document.keys()
    assert document["verticals"]["healthcare"]["ceiling"]["hard"] == 80
    assert {(short["scope"], short["resource"]) for short in document["shortfalls"]} >= {
        ("healthcare", "sessions"),
        ("openai", "model"),
        ("openai", "oversubscription"),
    }


def test_synth_judges_by_all_rules() -> None:
    """`synth --json` carries the violations with their figures, and the rules that ran."""
    accepted, refused = (headroom("synth", name, "--json") for name in ("prod", "seed"))
    assert (accepted.returncode, refused.returncode) == (0, 1)
    assert json.loads(accepted.stdout)["violations"] == []
    document = json.loads(refused.stdout)
    assert document["rules_run"] == [rule.name for rule in all_rules()]
    assert len(document["violations"]) >= 6
    figures = {(v["rule"], v["resource"]): (v["required"], v["provided"], v["unit"]) for v in document["violations"]}
    assert figures["sessions-cover-burst", "healthcare-autoscaler"] == (1485, 288, "sessions")
    assert figures["pod-limits-cover-sessions", "healthcare-deployment"] == (200, 80, "sessions")
    assert figures["scaling-target-leaves-lag-growth", "healthcare-autoscaler"] == (264, 80, "sessions")
    assert figures["tokens-cover-burst", "model"][:2] == (27_000_000, 20_000_000)
    for violation in document["violations"]:
        assert violation.keys() == {"rule", "resource", "required", "provided", "unit", "message", "remedy", "level"}
        assert violation["remedy"]


def test_what_the_arithmetic_does_not_refuse_is_not_refused() -> None:
    """The published 65k descriptors hold: that rule is silent on the seed, as are those on nodes and known peaks."""
    broken = {violation["rule"] for violation in json.loads(headroom("synth", "seed", "--json").stdout)["violations"]}
    assert broken == {
        "caps-within-the-account",
        "drain-covers-longest-call",
        "lag-floor-held",
        "limits-observed-recently",
        "sessions-cover-burst",
        "pod-limits-cover-sessions",
        "scaling-target-leaves-lag-growth",
        "tokens-cover-burst",
    }


def test_check_says_a_line_for_each_violation_and_nothing_of_what_is_accepted() -> None:
    """`synth --check` is for editors and commit hooks: file, rule, resource and remedy in a line, silence where all is well."""
    accepted, refused = (headroom("synth", name, "--check") for name in ("prod", "seed"))
    assert (accepted.returncode, accepted.stdout, accepted.stderr) == (0, "", "")
    violations = json.loads(headroom("synth", "seed", "--json").stdout)["violations"]
    lines = refused.stdout.splitlines()
    assert (refused.returncode, len(lines)) == (1, len(violations))
    for line, violation in zip(lines, violations, strict=True):
        assert line.startswith(f"stacks/Pulumi.seed.yaml: {violation['rule']}: {violation['resource']}: ")
        assert f"Remedy: {violation['remedy']}" in line


def test_synth_writes_one_file_a_resource_and_removes_what_is_no_more(tmp_path: Path) -> None:
    """The folder holds exactly the blueprint, also the second time."""
    out = tmp_path / "out"
    assert headroom("synth", "prod", "--out", str(out)).returncode == 0
    (out / "gone.yaml").write_text("old: true\n")
    assert headroom("synth", "prod", "--out", str(out)).returncode == 0
    assert sorted(file.name for file in out.iterdir()) == sorted(f"{resource.name}.yaml" for resource in render(planned("prod")))


def test_synth_leaves_other_peoples_files_alone(tmp_path: Path) -> None:
    """A folder with anything else in it is refused before a file is written."""
    (tmp_path / "notes.txt").write_text("mine")
    refused = headroom("synth", "prod", "--out", str(tmp_path))
    assert refused.returncode == 2
    assert "notes.txt, which is no rendered resource" in refused.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "prd"), "there is no environment 'prd'; there are: dev, local, prod, seed, staging"),
        (("plan", "prod", "--as-of", "soon"), "--as-of: 'soon' is not a day such as 2026-11-02"),
        (("plan", "prod", "--as-of="), "--as-of: '' is not a day such as 2026-11-02"),
        (("pack-config", "--annotated", "nowhere.json"), "there is no lock nowhere.json"),
        (("forecast", "local", "--history", "nowhere.csv"), "nowhere.csv"),
        (("forecast", "local", "--history", "calls.txt"), "has the suffix '.txt'"),
        (("plan",), "Missing argument 'ENV'"),
        (("plan", "prod", "--jsn"), "No such option: --jsn"),
        (("synth", "prod", "--out"), "requires an argument"),
    ],
)
def test_bad_input_ends_with_2_and_says_what(arguments: tuple[str, ...], said: str) -> None:
    """Every mistake on the command line is exit code 2 with a message on stderr and no traceback."""
    ended = headroom(*arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_quiet_says_nothing_but_the_answer() -> None:
    """`--quiet` leaves stderr empty."""
    assert headroom("synth", "prod", "--quiet").stderr == ""
    assert headroom("synth", "prod").stderr != ""


def test_colours_switch_off() -> None:
    """No escape sequence without a terminal, nor with NO_COLOR on one that is forced."""
    assert "\x1b[" not in headroom("plan", "prod").stdout
    assert "\x1b[" in headroom("plan", "prod", FORCE_COLOR="1").stdout
    coloured_off = headroom("plan", "prod", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[3" not in coloured_off


def test_another_day_is_another_judgement() -> None:
    """A month after the lock's data end the tokens needed have grown, and a lock past its validity is refused."""
    document = json.loads(headroom("plan", "prod", "--json", "--as-of", "2026-11-30").stdout)
    assert round(document["shared"]["model"]["asked"]["tokens a minute"]["required"]) == 33_418_610
    expired = headroom("synth", "prod", "--as-of", "2026-12-01")
    assert expired.returncode == 1
    assert "forecast-fresh" in expired.stdout


def test_the_engineless_commands_import_no_engine() -> None:
    """`synth` and `plan` work where pulumi is not even installed."""
    program = (
        "import sys; sys.modules['pulumi'] = None; sys.argv = ['headroom', 'synth', 'prod']\n"
        "from headroom.cli.main import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_without_engine_and_go_the_command_says_what_to_install(tmp_path: Path) -> None:
    """Nothing to build with: exit code 3, the remedy, and the way that needs no engine."""
    home = str(tmp_path / "home")
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "sh").symlink_to(shutil.which("sh") or "/bin/sh")
    ended = headroom("preview", "prod", PATH=str(bare), HEADROOM_HOME=home, HEADROOM_CACHE=str(tmp_path / "cache"))
    assert ended.returncode == 3
    assert "go.dev" in ended.stderr or "golang" in ended.stderr
    assert "headroom synth" in ended.stderr
    assert headroom("synth", "prod", PATH=str(bare)).returncode == 0


def test_the_schema_command_prints_the_file_beside_the_stacks() -> None:
    """`spec schema` is what stacks/spec.schema.json holds."""
    printed = headroom("spec", "schema")
    assert printed.returncode == 0
    assert printed.stdout == (Path(__file__).resolve().parents[2] / "stacks" / "spec.schema.json").read_text()


def test_a_real_environment_is_not_planned_on_example_data() -> None:
    """Generated or moved calls make a lock only where the spec says that it is an example."""
    spec, lock = read_spec("local"), read_lock("local")
    refuse_example_data(spec, lock)
    with pytest.raises(BadInput, match="only an example"):
        refuse_example_data(spec.model_copy(update={"example": False}), lock)
    refuse_example_data(read_spec("prod").model_copy(update={"example": False}), read_lock("prod"))


def test_the_packs_configuration_names_every_rule() -> None:
    """`pack-config` gives each rule the lock, the floors and the day."""
    printed = json.loads(headroom("pack-config", "prod").stdout)
    assert printed.keys() == {rule.name for rule in all_rules()}
    assert {block["asOf"] for block in printed.values()} == {"2026-11-02"}


@pytest.mark.parametrize("form", ["", "--json"])
def test_a_reader_that_leaves_is_no_verdict(form: str) -> None:
    """`headroom plan seed | head -1` ends quietly, as other commands do, and neither accepted nor refused."""
    pipe = f"{sys.executable} -m headroom.cli plan seed {form} | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_what_cannot_be_written_is_no_verdict() -> None:
    """A file where a folder must be is bad input; a full disk is a tool that failed."""
    onto = headroom("synth", "local", "--out", "/dev/null/x")
    assert (onto.returncode, onto.stdout) == (2, "")
    assert onto.stderr.startswith("error: /dev/null/x")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "headroom.cli", "plan", "local"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (3, "error: output: No space left on device\n")


def test_a_defect_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody expected ends with 3 and says where it was; 1 would say that the gate refuses."""
    with pytest.raises(typer.Exit) as ended, errors_as_exit_codes():
        raise LookupError("of a test")
    assert ended.value.exit_code == 3
    assert "LookupError: of a test\nerror: this is a defect of headroom" in capsys.readouterr().err


def test_explain_shows_the_chain_of_the_worked_example() -> None:
    """`--explain healthcare` leads from 800 sessions to 21 replicas, every step with its formula and source."""
    steps = {
        step["name"]: step
        for step in json.loads(headroom("plan", "prod", "--explain", "healthcare", "--json").stdout)["explanation"]
    }
    values = {name: round(step["value"], 3) for name, step in steps.items()}
    assert values["forecast peak"] == 800
    assert values["growth"] == 1.238
    assert (values["hard ceiling"], values["safe ceiling"], values["maximum"], values["target"]) == (80, 72, 21, 48)
    assert all(step["formula"] and step["source"] for step in steps.values())
    assert steps["target by lag"]["source"] == "assumed: the post gives none"
    unknown = headroom("plan", "prod", "--explain", "nothing")
    assert unknown.returncode == 2
    assert "after-hours queue" in unknown.stderr


def test_explain_shows_what_a_part_of_the_stack_holds() -> None:
    """`--explain bus` names its limits with formula and source; a queue's vertical explains its queue."""
    steps = {
        step["name"]: step for step in json.loads(headroom("plan", "prod", "--explain", "bus", "--json").stdout)["explanation"]
    }
    assert round(steps["bus"]["value"]) == 1114
    assert round(steps["by messages"]["value"]) == 1333
    assert "NATS installation guide" in steps["by messages"]["source"]
    assert "after-hours queue" in headroom("plan", "prod", "--explain", "after-hours").stdout


def test_what_if_shows_the_sizings_that_change() -> None:
    """A figure of a section changes its part alone; the field that a remedy names is one that `--what-if` takes."""
    changed = json.loads(headroom("plan", "prod", "--what-if", "edge.session_object.sessions=20", "--json").stdout)
    changes = {change["figure"]: (change["before"], change["after"]) for change in changed["changes"]}
    assert changes == {"stack.session object.required": (50, 1000), "stack.session object.headroom": (8.0, -0.55)}
    (short,) = changed["shortfalls"]
    assert short["remedy"] == "lower edge.session_object.sessions from 20 to 9"


def test_what_if_shows_what_a_changed_figure_changes_and_changes_no_file() -> None:
    """A dearer session needs more pods; a wrong path or unit is bad input that names it."""
    before = (Path(__file__).resolve().parents[2] / "stacks" / "Pulumi.prod.yaml").read_text()
    changed = json.loads(headroom("plan", "prod", "--what-if", "verticals.healthcare.session.cpu=0.1", "--json").stdout)
    changes = {change["figure"]: (change["before"], change["after"]) for change in changed["changes"]}
    assert changes["verticals.healthcare.ceiling.hard"] == (80, 40)
    assert changes["verticals.healthcare.scaling.maximum"] == (21, 42)
    assert not any("sales" in figure for figure in changes)
    for wrong, said in (
        ("verticals.sales.sesion.memory=90MB", "verticals.sales.sesion: unknown key; did you mean 'session'?"),
        ("verticals.sales.session.memory=90", "expected a size such as 16Gi"),
        ("margins", "expected path=value"),
        ("example.burst=2", "leads through a figure"),
    ):
        ended = headroom("plan", "prod", "--what-if", wrong)
        assert ended.returncode == 2
        assert said in ended.stderr
    assert (Path(__file__).resolve().parents[2] / "stacks" / "Pulumi.prod.yaml").read_text() == before
