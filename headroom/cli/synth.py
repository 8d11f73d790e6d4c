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
    *,
    check: Annotated[
        bool, typer.Option("--check", help="For editors and commit hooks: one line a violation, and none where it is accepted.")
    ] = False,
) -> None:
    """Render every resource of an environment, count them by part and judge them by all rules, without an engine.

    A refused stack is written too, and the command ends with 1.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.blueprint.counts import part_counts
        from headroom.blueprint.folder import write_blueprint
        from headroom.review.terminal import show_parts, show_verdict, show_waived
        from policies.adapters.program import judge_blueprint, waivers_in_force
        from policies.verdict import render_violation, violation_json
        from policies.waivers import waived_json
        from stacks.reading import ROOT, floors_path, lock_path, plan_environment, spec_path
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
                    "waived": [waived_json(waived) for waived in verdict.waived],
                    "rules_run": list(verdict.rules_run),
                }
            )
        elif check:
            spec = spec_path(environment).relative_to(ROOT)
            for violation in verdict.violations:
                print(f"{spec}: {violation.rule}: {render_violation(violation)}")
            for line in waivers_in_force(verdict):
                print(f"{spec}: waived: {line}")
            if not verdict.rules_run:
                print(f"{spec}: no rule ran, so nothing was judged")
        else:
            settings.say(f"{environment}: {len(blueprint)} resources" + (f", written to {out}" if out is not None else ""))
            show_parts(counts, settings.console())
            show_verdict(environment, verdict.violations, verdict.rules_run, settings.console())
            show_waived(verdict.waived, settings.console())
    stop(REFUSED if verdict.refused else FINE)
