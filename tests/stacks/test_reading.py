"""Spec and lock files, and the errors in them."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from headroom.located import BadInput
from stacks.reading import environments, given_day, plan_environment, read_lock, read_spec, stack_schema

ROOT = Path(__file__).resolve().parent.parent.parent
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a copy of prod's files, to be broken."""
    (tmp_path / "stacks").mkdir()
    for name in ("Pulumi.prod.yaml", "prod.forecast.json"):
        (tmp_path / "stacks" / name).write_text((ROOT / "stacks" / name).read_text())
    return tmp_path


def _broken(root: Path, old: str, new: str) -> list[str]:
    file = root / "stacks" / "Pulumi.prod.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(BadInput) as bad:
        read_spec("prod", root)
    return str(bad.value).splitlines()


def _line(root: Path, text: str) -> int:
    lines = (root / "stacks" / "Pulumi.prod.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_an_unknown_key_is_refused_with_the_nearest_known(root: Path) -> None:
    """A misspelt key deep in the file is named by file, line and path, with what was probably meant."""
    problems = _broken(root, "session: {memory: 120MB", "session: {memmory: 120MB")
    line = _line(root, "memmory")
    assert problems == [
        f"stacks/Pulumi.prod.yaml:{line}: verticals.healthcare.session.memory: is required and missing",
        f"stacks/Pulumi.prod.yaml:{line}: verticals.healthcare.session.memmory: unknown key; did you mean 'memory'?",
    ]


def test_a_wrong_unit_says_what_was_expected(root: Path) -> None:
    """A size without a proper unit names path, line, expectation and what stood there."""
    (problem,) = _broken(root, "memory: 120MB", "memory: 120M")
    assert problem == (
        f"stacks/Pulumi.prod.yaml:{_line(root, '120M')}: verticals.healthcare.session.memory: "
        "expected a size such as 16Gi, 512Mi or 120MB, got '120M'"
    )


def test_an_unknown_kind_lists_the_known_ones(root: Path) -> None:
    """The tag of a vertical decides its shape; a wrong one says which there are."""
    (problem,) = _broken(root, "kind: fastapi", "kind: flask")
    assert problem == (
        f"stacks/Pulumi.prod.yaml:{_line(root, 'flask')}: verticals.healthcare.kind: "
        "expected one of 'fastapi', 'nats', 'pm2', 'queue', got 'flask'"
    )


def test_a_pool_that_is_not_there_is_named(root: Path) -> None:
    """A reference within the spec must lead somewhere."""
    (problem,) = _broken(root, "kind: pm2", "kind: pm2\n        pool: spare")
    assert problem.endswith("verticals.sales.pool: there is no pool 'spare'; there are: general, gpu")


def test_a_kind_that_is_also_a_key_does_not_mislead(root: Path) -> None:
    """What is wrong in the pod of a vertical of kind `queue` is not looked for in its key `queue`."""
    (problem,) = _broken(root, "        pod: {cpu: 1, memory: 2Gi}", "        pod: {cpu: 1, memory: 2}")
    assert f":{_line(root, 'memory: 2}')}: verticals.after-hours.pod.memory: expected a size" in problem


@pytest.mark.parametrize(
    ("old", "new", "where", "field"),
    [
        ("example: true", "example: false", "as_of:", "as_of"),
        ("forecast.healthcare.peak:", "forecast.nobody.peak:", "forecast.nobody.peak", "uncertain.forecast.nobody.peak"),
    ],
)
def test_the_field_that_a_message_begins_with_is_located(root: Path, old: str, new: str, where: str, field: str) -> None:
    """A spec judges what its parts say of each other: the line is that of the part, not of the spec."""
    (problem,) = _broken(root, old, new)
    assert f":{_line(root, where)}: {field}: " in problem


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("margins.burst=0.5", "margins.burst: expected greater than or equal to 1, got 0.5"),
        ("verticals.sales.pins.maximum=0", "verticals.sales.pins.maximum: expected greater than or equal to 1, got 0"),
        ("customers=[{calls_a_day: {low: 0, mid: 1, high: 1, confidence: 0.9}}]", "customers[0].calls_a_day.low: expected"),
        ("scaling.lag={value: 30s, metric: 5s}", "scaling.lag.metric: does not go with the other keys that stand here"),
    ],
)
def test_a_field_is_named_where_its_file_has_no_such_section(change: str, field: str) -> None:
    """What a question adds to a spec has no line of its own, and still its whole path."""
    with pytest.raises(BadInput) as bad:
        read_spec("local", what_if=[change])
    assert any(str(problem).endswith(field) or f": {field}" in str(problem) for problem in bad.value.problems)


def test_only_an_example_may_pin_its_day(root: Path) -> None:
    """A real environment takes its day from the clock."""
    (problem,) = _broken(root, "example: true", "example: false")
    assert "as_of is pinned, but this is not an example" in problem


def test_a_key_that_stands_twice_is_refused(root: Path) -> None:
    """YAML would keep the last one in silence."""
    (problem,) = _broken(root, "    example: true", "    example: true\n    example: true")
    assert problem.endswith("config.headroom:spec.example: this key stands twice")


def test_what_is_not_yaml_names_the_line(root: Path) -> None:
    """A syntax error is bad input, not a traceback."""
    (problem,) = _broken(root, "    example: true", "    example: [true")
    assert problem.startswith("stacks/Pulumi.prod.yaml:")
    assert "not YAML" in problem


def test_an_environment_that_is_not_there_lists_those_that_are() -> None:
    """A misspelt environment is bad input that shows the known ones."""
    with pytest.raises(BadInput, match=r"there is no environment 'prd'; there are: dev, local, prod, seed, staging"):
        read_spec("prd")


def test_an_edited_lock_is_refused(root: Path) -> None:
    """A lock whose content does not match its digest was not made by the command."""
    file = root / "stacks" / "prod.forecast.json"
    file.write_text(file.read_text().replace('"peak": 800', '"peak": 80'))
    with pytest.raises(BadInput, match="digest: does not match the content"):
        read_lock("prod", root)


def test_a_lock_of_another_environment_is_refused(root: Path) -> None:
    """A copied lock keeps its own name."""
    (root / "stacks" / "dev.forecast.json").write_text((root / "stacks" / "prod.forecast.json").read_text())
    with pytest.raises(BadInput, match="is 'prod', but the file is that of 'dev'"):
        read_lock("dev", root)


def test_a_missing_lock_says_how_to_make_one(root: Path) -> None:
    """Without a forecast there is no plan, and the error names the command."""
    (root / "stacks" / "prod.forecast.json").unlink()
    with pytest.raises(BadInput, match="make one with: headroom forecast prod --history PATH"):
        plan_environment("prod", None, NOON, root)


def test_a_spec_that_the_engine_changed_is_refused(root: Path) -> None:
    """The program reads the file; configuration that says something else must not be ignored."""
    with pytest.raises(BadInput, match="the engine was given another spec"):
        read_spec("prod", root, engine_config='{"example": true}')


def test_the_day_is_the_one_given_else_the_pin() -> None:
    """An argument goes before an example's pin."""
    assert plan_environment("prod", None, NOON).as_of == date(2026, 11, 2)
    assert plan_environment("prod", date(2026, 11, 9), NOON).as_of == date(2026, 11, 9)


def test_a_day_from_the_environment_is_checked() -> None:
    """HEADROOM_AS_OF is the day for a plain `pulumi`; nonsense in it is bad input that names it."""
    assert given_day(None) is None
    assert given_day("2026-11-09") == date(2026, 11, 9)
    with pytest.raises(BadInput, match="HEADROOM_AS_OF: 'soon' is not a day"):
        given_day("soon")


def test_the_schema_beside_the_stacks_is_the_models() -> None:
    """Editors check against a copy of what the models say; `make schema` renews it."""
    assert json.loads((ROOT / "stacks" / "spec.schema.json").read_text()) == stack_schema()


def test_every_stack_file_points_editors_at_the_schema() -> None:
    """The first line of every stack file names the schema."""
    for environment in environments():
        first = (ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text().splitlines()[0]
        assert first == "# yaml-language-server: $schema=spec.schema.json"
