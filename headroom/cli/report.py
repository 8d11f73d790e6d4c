"""`headroom report`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    context: typer.Context,
    environment: Environment,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the page is written; one that is there is replaced.")],
) -> None:
    """Write one page with the verdict, the plan and the evidence behind each figure. It opens offline, by itself.

    The page of a refused environment is written too, and the command ends with 1.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.located import BadInput, Problem
        from headroom.review.report.page import report_page
        from policies.adapters.program import judge_blueprint
        from stacks.reading import floors_path, lock_path, plan_environment, read_spec
        from stacks.voice import render

        plan = plan_environment(environment, settings.as_of, datetime.now(UTC))
        verdict = judge_blueprint(render(plan), lock_path(environment), floors_path(), plan.as_of)
        page = report_page(plan, verdict, read_spec(environment).zone)
        try:
            out.write_text(page, encoding="utf-8")
        except OSError as error:
            raise BadInput([Problem("--out", None, str(out), f"cannot be written: {error.strerror}")]) from None
    if settings.as_json:
        settings.answer({"environment": environment, "refused": verdict.refused, "file": str(out)})
    settings.say(f"{environment}: {out}")
    stop(REFUSED if verdict.refused else FINE)
