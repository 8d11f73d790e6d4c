"""docs/rules.md is what the rules say of themselves."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from policies.changes import NOTHING
from policies.judge import all_rules
from policies.rule import Rule
from policies.rules.changing import change_rules

ROOT = Path(__file__).parents[2]
EVERY = (*all_rules(), *change_rules(NOTHING, datetime.min.replace(tzinfo=UTC)))


def run(*arguments: str) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr of `headroom rules`."""
    import typer

    from headroom.cli import main, rules

    app = typer.Typer()
    app.callback()(main.options)
    rules.add_to(app)
    result = CliRunner().invoke(app, main.hoisted(["rules", *arguments]))
    return result.exit_code, result.stdout, result.stderr


def test_the_page_is_made_of_the_rules() -> None:
    """The file is what the command prints; write it anew: headroom rules --markdown > docs/rules.md."""
    code, page, _ = run("--markdown")
    assert code == 0
    assert page == (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == [rule.name for rule in EVERY]


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_every_rule_explains_itself(rule: Rule) -> None:
    """Its name is words in kebab case; condition, reason, what it reads and the remedy are sentences that end."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)
    for text in (rule.condition, rule.why, rule.reads, rule.remedy):
        assert text.endswith("."), text


def test_every_rule_is_in_the_gates_own_page() -> None:
    """docs/gate.md names every rule, and none that there is not."""
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    table = page[page.index("| what | rules |") : page.index("Figures that are in no manifest")]
    assert sorted(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", table)) == sorted(rule.name for rule in EVERY)


def test_one_rule_as_json_and_a_name_that_is_none() -> None:
    """A rule alone, for programs; a misspelt name is bad input that names those that there are."""
    code, out, _ = run("images-pinned", "--json")
    (rule,) = json.loads(out)["rules"]
    assert (code, rule["name"]) == (0, "images-pinned")
    code, _, err = run("images-pined")
    assert code == 2
    assert "images-pinned" in err
