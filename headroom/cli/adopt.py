"""`headroom adopt`."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from headroom.cli.console import FINE, Settings, errors_as_exit_codes, stop

if TYPE_CHECKING:
    from policies.verdict import Violation

Violations = tuple["Violation", ...]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("adopt")(adopt)


def adopt(
    context: typer.Context,
    environment: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="An environment: stacks/Pulumi.<ENV>.yaml.", show_default=False)
    ] = None,
    *,
    verdicts: Annotated[
        Path | None,
        typer.Option("--verdicts", metavar="FILE", help="Instead of ENV: what the pack wrote of a program that is not ours."),
    ] = None,
    lock: Annotated[
        Path | None, typer.Option("--lock", metavar="FILE", help="With --verdicts: the lock of that program.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="The plan's last day.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Who answers for it, and what is done about it.")] = None,
) -> None:
    """Record what a stack breaks today as its adoption plan, beside its lock: until the last day none of it may get worse.

    Run again it records what is left of the running plan, which keeps its end and its reason unless others are given; with
    nothing left the plan is removed.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from policies.adoption import adoption_path, adoption_text
        from policies.evidence import load_context
        from policies.ratchet import record
        from stacks.reading import floors_path, lock_path

        if environment is not None and verdicts is None and lock is None:
            refused, adopted, as_of = _judged(environment, settings)
            beside = lock_path(environment)
        elif environment is None and verdicts is not None and lock is not None:
            refused, adopted, as_of = _read(verdicts)
            beside = lock
        else:
            _bad("needs an environment, or --verdicts FILE and --lock FILE")
        evidence, file = load_context(beside, floors_path(), as_of), adoption_path(beside)
        try:
            plan = record(refused, adopted, evidence, until and until.date(), reason)
        except ValueError as wrong:
            _bad(str(wrong))
        if plan.violations:
            file.write_text(adoption_text(plan), encoding="utf-8")
        else:
            file.unlink(missing_ok=True)
        if settings.as_json:
            settings.answer({"file": file.name, **json.loads(adoption_text(plan))})
        elif plan.violations:
            settings.say(f"{file.name}: {len(plan.violations)} violations may stand until {plan.until}, and none may get worse")
        else:
            settings.say(f"nothing is left of an adoption plan: there is no {file.name}")
    stop(FINE)


def _judged(environment: str, settings: Settings) -> tuple[Violations, Violations, date]:
    from policies.adapters.program import judge_blueprint
    from stacks.reading import floors_path, lock_path, plan_environment
    from stacks.voice import render

    plan = plan_environment(environment, settings.as_of, datetime.now(UTC))
    verdict = judge_blueprint(render(plan), lock_path(environment), floors_path(), plan.as_of)
    return verdict.violations, tuple(each.violation for each in verdict.waived if each.adopted), plan.as_of


def _read(file: Path) -> tuple[Violations, Violations, date]:
    from policies.verdict_lines import read_verdict_lines

    try:
        lines = read_verdict_lines(file.read_text(encoding="utf-8"))
        (day,) = {line.as_of for line in lines}
        as_of = date.fromisoformat(day or "")
    except (OSError, ValueError, TypeError, KeyError) as wrong:
        _bad(f"{file} is no file of verdicts of one day: {wrong}")
    if len({line.rule for line in lines}) != len(lines):
        _bad(f"{file} holds the verdicts of several runs; remove it, and have the pack write it anew")
    return (
        tuple(violation for line in lines for violation in line.violations),
        tuple(violation for line in lines for violation in line.adopted),
        as_of,
    )


def _bad(what: str) -> NoReturn:
    from headroom.located import BadInput, Problem

    raise BadInput([Problem("adopt", None, "", what)])
