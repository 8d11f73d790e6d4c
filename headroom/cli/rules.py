"""`headroom rules`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headroom.cli.console import Settings, errors_as_exit_codes
from headroom.located import BadInput, Problem

_SAMPLES = Path(__file__).resolve().parents[2] / "tests" / "policies" / "samples"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rules")(rules)


def rules(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[RULE]", help="One rule alone; left out: all of them.")] = None,
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The page docs/rules.md: every rule with the names of its samples.")
    ] = False,
) -> None:
    """Show the rules of the gate: what each demands, why, what it reads, and what to do where it does not hold."""
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.review.rules import rule_document, rules_markdown
        from policies.changes import NOTHING
        from policies.judge import all_rules
        from policies.rules.changing import change_rules

        of_change = change_rules(NOTHING, datetime.min.replace(tzinfo=UTC))  # to be shown, not to judge
        every = (*all_rules(), *of_change)
        chosen = [rule for rule in every if name in (None, rule.name)]
        if not chosen:
            known = ", ".join(rule.name for rule in every)
            raise BadInput([Problem("rules", None, "RULE", f"there is no rule {name!r}; there are: {known}")])
        if settings.as_json:
            settings.answer({"rules": [rule_document(rule) for rule in chosen]})
        elif markdown:
            shown = [rule for rule in chosen if rule not in of_change]
            print(rules_markdown(shown, [rule for rule in chosen if rule in of_change], _samples()), end="")
        else:
            from headroom.review.terminal import show_rules

            show_rules(chosen, settings.console())


def _samples() -> dict[str, list[tuple[str, str]]]:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML in which `!unknown` is what only the deploy will tell: here nobody asks."""

    Loader.add_constructor("!unknown", lambda _loader, _node: None)
    found = {}
    for file in sorted(_SAMPLES.glob("*.yaml")):
        cases = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506  # a SafeLoader with one more tag
        found[file.stem] = [(case["name"], case["kind"]) for case in cases]
    return found
