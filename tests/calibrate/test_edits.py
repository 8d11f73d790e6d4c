"""Edits of a YAML text: what they change, and that they change nothing else."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from headroom.calibrate.edits import flow, scalar, unified_diff, with_value

TEXT = """\
# A stack.
spec:
  lag: {value: 180s, source: none}   # assumed
  pod:
    cpu: 4 # cores
    memory: 16Gi
    sidecars:
      - {name: a}

  # what a session takes
  session: {memory: 120MB, cpu: 0.05}
  tail: |
    of text
"""


@pytest.mark.parametrize(
    ("path", "literal", "before", "after"),
    [
        (["spec", "lag", "value"], "74s", "{value: 180s,", "{value: 74s,"),
        (["spec", "pod", "cpu"], "2", "cpu: 4 # cores", "cpu: 2 # cores"),
        (["spec", "pod", "base_cpu"], "0.1", "memory: 16Gi\n", "memory: 16Gi\n    base_cpu: 0.1\n"),
        (["spec", "session", "date"], '"2026-11-02"', "cpu: 0.05}", 'cpu: 0.05, date: "2026-11-02"}'),
        (["spec", "lag", "a", "b"], "1", "source: none}", "source: none, a: {b: 1}}"),
        (["spec", "new"], "1", "cpu: 0.05}\n", "cpu: 0.05}\n  new: 1\n"),
        (["spec", "session", "m"], "{a: 1,\nb: 2}", "cpu: 0.05}", "cpu: 0.05,\n    m: {a: 1,\n      b: 2}}"),
        (["spec", "session"], "{}", "{memory: 120MB, cpu: 0.05}", "{}"),
        (["spec", "pod"], "{cpu: 1}", TEXT[TEXT.index("cpu: 4") : TEXT.index("\n\n")], "{cpu: 1}"),
    ],
)
def test_an_edit_changes_its_place_and_nothing_else(path: list[str], literal: str, before: str, after: str) -> None:
    """The text differs in the one place, and reads as the value that was set."""
    assert TEXT.count(before) == 1
    edited = with_value(TEXT, path, literal)
    assert edited == TEXT.replace(before, after)
    document = yaml.safe_load(edited)
    for key in path:
        document = document[key]
    assert document == yaml.safe_load(literal)


def test_an_entry_of_a_section_of_sections_stands_first() -> None:
    """Where every entry goes on over lines, a new one is put before them."""
    text = "a:\n  b:\n    c: 1\n"
    assert yaml.safe_load(with_value(text, ["a", "d"], "2")) == {"a": {"b": {"c": 1}, "d": 2}}


def test_a_record_in_block_style_is_replaced_whole() -> None:
    """Old bounds do not stay under a new date."""
    text = "session:\n  measured:\n    memory:\n      low: 1MB\n    date: old\n  # a remark\n  cpu: 1\n"
    edited = with_value(text, ["session", "measured"], "{date: new}")
    assert yaml.safe_load(edited) == {"session": {"measured": {"date": "new"}, "cpu": 1}}
    assert "# a remark" in edited


def test_an_empty_section_and_a_file_without_its_last_line_end_take_entries() -> None:
    """`{}` gets its first entry; text that ends without a line end gets one before the new line."""
    assert with_value("a: {}\n", ["a", "b"], "1") == "a: {b: 1}\n"
    assert with_value("a: 1", ["b"], "2") == "a: 1\nb: 2"


def test_a_path_through_a_plain_value_is_refused() -> None:
    """Nothing can be below a number."""
    with pytest.raises(TypeError, match="leads through a plain value"):
        with_value("a: 1\n", ["a", "b"], "2")


@pytest.mark.parametrize("value", ["74s", "98.2MB", "2026-11-02", "true", "1.5", "a: b", "x #y", "é", 0.0472, 12000000.0])
def test_a_value_reads_back_as_itself(value: str | float) -> None:
    """Texts stay texts, also where YAML would take them for a day, a number or a truth."""
    assert yaml.safe_load(flow({"a": value})) == {"a": value}
    assert yaml.safe_load(scalar(value)) == value


@pytest.mark.needs("git", "install git")
@pytest.mark.parametrize("end", ["\n", ""])
def test_git_applies_the_diff(tmp_path: Path, end: str) -> None:
    """`git apply` makes the new file of the old one, also without a line end at its end."""
    before = TEXT + "last: 1" + end
    after = with_value(with_value(before, ["spec", "pod", "cpu"], "2"), ["last"], "2")
    file = tmp_path / "stacks" / "x.yaml"
    file.parent.mkdir()
    file.write_text(before)
    git = shutil.which("git") or "git"
    subprocess.run([git, "apply"], cwd=tmp_path, input=unified_diff(before, after, "stacks/x.yaml"), text=True, check=True)
    assert file.read_text() == after
    assert unified_diff(after, after, "x") == ""
