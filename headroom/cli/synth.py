"""`headroom synth`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from headroom.cli.console import FINE, REFUSED, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("synth")(synth)


def synth(
    context: typer.Context,
    environment: Environment,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write every resource there, one file each; else only judge them."),
    ] = None,
) -> None:
    """Render every resource of an environment, count them by part and judge them by all rules, without an engine.

    A refused stack is written too, and the command ends with 1.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.blueprint.counts import part_counts
        from headroom.blueprint.folder import write_blueprint
        from headroom.review.terminal import show_parts, show_verdict
        from policies.adapters.program import judge_blueprint
        from policies.verdict import violation_json
        from stacks.reading import floors_path, lock_path, plan_environment
        from stacks.voice import render

        plan = plan_environment(environment, settings.as_of, datetime.now(UTC))
        blueprint = render(plan)
        verdict = judge_blueprint(blueprint, lock_path(environment), floors_path(), plan.as_of)
        counts = part_counts(blueprint)
        files = write_blueprint(blueprint, out) if out is not None else []
        if settings.as_json:
            settings.answer(
                {
                    "environment": environment,
                    "as_of": plan.as_of.isoformat(),
                    "resources": len(blueprint),
                    "parts": {part.name: part.resources for part in counts},
                    "files": [file.name for file in files],
                    "violations": [violation_json(violation) for violation in verdict.violations],
                    "rules_run": list(verdict.rules_run),
                }
            )
        else:
            settings.say(f"{environment}: {len(blueprint)} resources" + (f", written to {out}" if out is not None else ""))
            show_parts(counts, settings.console())
            show_verdict(environment, verdict.violations, verdict.rules_run, settings.console())
    stop(REFUSED if verdict.refused else FINE)
