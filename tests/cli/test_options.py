"""`headroom options` as a person or a pipeline calls it."""

import json
import subprocess
import sys


def _options(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "headroom.cli", "options", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_three_options_are_shown_with_why_the_others_lost() -> None:
    """The table ranks three options beside the plan, and names what kept the others out and what is assumed."""
    ran = _options("local", "--draws", "128")
    assert ran.returncode == 0
    for told in (
        "\nthe plan ",
        "\n1 ",
        "\n2 ",
        "\n3 ",
        "why not",
        "the plan on the draws",
        "what matters most",
        "assumed, not measured",
    ):
        assert told in ran.stdout


def test_the_same_seed_gives_the_same_document() -> None:
    """`--json` is one document that depends on the seed alone."""
    first, again, other = (_options("local", "--json", "--draws", "64", "--seed", seed) for seed in ("1", "1", "2"))
    assert first.stdout == again.stdout != other.stdout
    document = json.loads(first.stdout)
    assert document["draws"] == 64
    assert document["options"][0]["excuse"] == ""


def test_bad_input_ends_with_2() -> None:
    """An unknown environment and too few draws are refused without a traceback."""
    for arguments in (("nowhere",), ("local", "--draws", "3")):
        ran = _options(*arguments)
        assert ran.returncode == 2
        assert "Traceback" not in ran.stderr
