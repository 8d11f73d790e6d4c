"""Programs and policy packs that fail, or are stopped, under our language host."""

import time
from pathlib import Path

import pytest

from headroom.local.engine import Engine
from tests.local.projects import HANG_S, Project, interrupt, marked_processes

UNHANDLED = "error: Program failed with an unhandled exception:\n"


@pytest.fixture(autouse=True)
def _ours(engine: Engine) -> None:
    if engine.origin == "path":
        pytest.fail("these tests are about our language host: take `pulumi` off PATH to run them")


def diagnostics(output: str) -> str:
    """Return the part after "Diagnostics:", unindented: the display before it repeats lines."""
    return "\n".join(line.strip() for line in output.partition("Diagnostics:")[2].splitlines())


@pytest.mark.parametrize(
    ("body", "expected", "absent"),
    [
        pytest.param(
            "def plan():\n    raise ValueError('no capacity')\nplan()\n",
            [UNHANDLED + "Traceback (most recent call last):\nFile", "ValueError: no capacity"],
            ["runpy", "language_host", "site-packages"],
            id="exception",
        ),
        pytest.param(
            "def plan(value):\n    raise KeyError('late')\npulumi.export('a', pulumi.Output.from_input(1).apply(plan))\n",
            [UNHANDLED, "KeyError: 'late'"],  # the SDK may lose the callback's own frames, under the official host too
            ["language_host"],
            id="exception in apply",
        ),
        pytest.param(
            "raise pulumi.RunError('refused: too small')\n",
            ["error: refused: too small"],
            ["Traceback", "exit code"],
            id="RunError",
        ),
        pytest.param(
            "import not_there.at_all\n",
            [UNHANDLED, "No module named 'not_there'", "hint: not_there is not installed for", "`make up`"],
            ["runpy", "language_host"],
            id="missing module",
        ),
        pytest.param("def (:\n", [UNHANDLED, "SyntaxError: invalid syntax"], ["runpy"], id="syntax error"),
        pytest.param(
            "import sys\nsys.exit(3)\n",
            ["error: an unhandled error occurred: Program exited with non-zero exit code: 3"],
            ["Traceback"],
            id="exit code",
        ),
        pytest.param(
            "import sys\nsys.exit('out of ideas')\n",
            ["out of ideas", "Program exited with non-zero exit code: 1"],
            ["Traceback"],
            id="exit text",
        ),
    ],
)
def test_a_failing_program_says_what_the_official_host_would(
    project: Project, body: str, expected: list[str], absent: list[str]
) -> None:
    """The user sees the program's own error, once, without the host's frames; the command exits with 1 (not 255)."""
    project.write(body)
    result = project.preview()
    said = diagnostics(result.stdout)
    assert result.returncode != 0
    for text in expected:
        assert said.count(text) == 1, said
    for text in absent:
        assert text not in said


def test_a_program_without_main_is_named(project: Project) -> None:
    """A folder without __main__.py is no program; the message names file and folder."""
    result = project.preview()
    assert result.returncode != 0
    assert f"unable to find main python program `__main__.py` in `{project.folder}`" in result.stdout


def test_a_program_is_run_as_python_would(project: Project) -> None:
    """Modules beside it are found, its output is shown, config and secrets reach it, exit code 0 is success."""
    (project.folder / "beside.py").write_text("VALUE = 'beside'\n")
    assert project.pulumi("config", "set", "colour", "green", "--stack=test").returncode == 0
    assert project.pulumi("config", "set", "--secret", "key", "hush", "--stack=test").returncode == 0
    project.write(
        "import sys, os, beside\n"
        "config = pulumi.Config()\n"
        "print('printed', beside.VALUE, config.require('colour'), os.getcwd(), __name__)\n"
        "pulumi.export('key', config.require_secret('key'))\n"
        "sys.exit(0)\n"
    )
    result = project.preview()
    assert result.returncode == 0
    assert f"printed beside green {project.folder} __main__" in result.stdout
    assert "hush" not in result.stdout


def test_an_install_is_sent_elsewhere(project: Project) -> None:
    """`pulumi install` names the command that installs this project."""
    project.write("")
    result = project.pulumi("install", "--no-plugins")
    assert result.returncode != 0
    assert "this host installs nothing: run `make setup`" in result.stdout


def pack(folder: Path, body: str) -> Path:
    """Return a policy pack of this program."""
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (folder / "__main__.py").write_text(body)
    return folder


def test_a_policy_pack_judges(project: Project, tmp_path: Path) -> None:
    """A pack runs in its own process and refuses; its message is shown."""
    judge = pack(
        tmp_path / "judge",
        "from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy\n"
        "def check(args, report):\n"
        "    if args.resource_type == 'kubernetes:core/v1:ConfigMap':\n"
        "        report('no config maps here')\n"
        "rule = ResourceValidationPolicy(name='rule', description='d', validate=check)\n"
        "PolicyPack('judge', enforcement_level=EnforcementLevel.MANDATORY, policies=[rule])\n",
    )
    project.write(
        "register('kubernetes:core/v1:ConfigMap', 'a', {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}})\n"
    )
    result = project.up(f"--policy-pack={judge}")
    assert result.returncode != 0
    assert "no config maps here" in result.stdout
    assert project.rendered() == {}


def test_a_dying_pack_is_explained(project: Project, tmp_path: Path) -> None:
    """A pack that dies at its start shows what it said, and the engine's error; nothing is registered."""
    dead = pack(tmp_path / "dead", "import sys\nprint('last words', file=sys.stderr)\nraise RuntimeError('broken')\n")
    project.write("print('the program ran')\n")
    result = project.preview(f"--policy-pack={dead}")
    assert result.returncode != 0
    for text in ("last words", "RuntimeError: broken", f'policy pack "{dead}" failed to start', "exit status 1"):
        assert text in result.stdout
    assert "the program ran" not in result.stdout


def wait_for(file: Path) -> None:
    """Return once the program has written the file."""
    deadline = time.monotonic() + HANG_S
    while not file.exists():
        assert time.monotonic() < deadline, f"{file} never came"
        time.sleep(0.05)


IDLE_PACK = (
    "from pulumi_policy import PolicyPack, ResourceValidationPolicy\n"
    "rule = ResourceValidationPolicy(name='rule', description='d', validate=lambda args, report: None)\n"
    "PolicyPack('idle', policies=[rule])\n"
)


def test_ctrl_c_ends_everything(project: Project, tmp_path: Path) -> None:
    """An interrupted up says so, and program, host, provider and pack are gone when the command is."""
    idle = pack(tmp_path / "idle", IDLE_PACK)
    project.write(
        "import pathlib, time\n"
        "register('kubernetes:core/v1:ConfigMap', 'a', "
        "{'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'}})"
        ".id.apply(lambda _: pathlib.Path('running').touch() or time.sleep(3600))\n"
    )
    process = project.starts("up", "--stack=test", "--yes", "--skip-preview", f"--policy-pack={idle}")
    wait_for(project.folder / "running")
    said = interrupt(process)
    assert process.returncode != 0
    assert "cancel" in said
    assert "Traceback" not in said
    assert marked_processes(project.mark) == []
    assert project.destroy().returncode == 0
    assert not (project.paths.out / "test").exists()


def test_a_killed_engine_leaves_no_orphans(project: Project, tmp_path: Path) -> None:
    """When the engine dies without a word, host, provider and pack end by themselves."""
    idle = pack(tmp_path / "idle", IDLE_PACK)
    project.write("import pathlib, time\npathlib.Path('running').touch()\ntime.sleep(3600)\n")
    process = project.starts("up", "--stack=test", "--yes", "--skip-preview", f"--policy-pack={idle}")
    wait_for(project.folder / "running")
    process.kill()
    process.communicate(timeout=HANG_S)
    deadline = time.monotonic() + HANG_S
    while left := marked_processes(project.mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
