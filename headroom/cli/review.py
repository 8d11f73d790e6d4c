"""`headroom review`."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headroom.cli.console import FINE, REFUSED, TOOL_FAILED, Settings, errors_as_exit_codes, stop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headroom.review.collect import Judged
    from headroom.review.document import Review


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("review")(review)


def review(
    context: typer.Context,
    environments: Annotated[
        list[str] | None, typer.Argument(metavar="ENV", help="Environments: stacks/Pulumi.<ENV>.yaml.", show_default=False)
    ] = None,
    *,
    base: Annotated[
        str | None, typer.Option("--base", metavar="REF", help="What to compare with: where HEAD left this branch or commit.")
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Take a review that --json printed, instead of making one."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the comment there too.")] = None,
    post: Annotated[
        bool,
        typer.Option(
            "--post",
            help="Keep one comment of the pull request up to date (GITHUB_TOKEN, GITHUB_REPOSITORY, HEADROOM_PULL_REQUEST); "
            "without a token that may, write the job's summary (GITHUB_STEP_SUMMARY).",
        ),
    ] = False,
) -> None:
    """Compare a change with its base and say in one Markdown comment what it does to every environment.

    Plans both by their own code, deploys base to a throwaway folder and previews the change on it: no credentials, and nothing
    else is touched. Floors and policy pack are base's. Ends with 1 where the gate refuses an environment and with 3 where one
    could not be judged. That is settled before anything is posted: a comment that cannot be posted is told, and changes nothing.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from headroom.located import BadInput, Problem
        from headroom.review.comment import FAILED, render_comment

        if given is None and not (environments and base):
            raise BadInput([Problem("review", None, "", "needs environments and --base REF, or --from FILE")])
        try:
            made = _read(given) if given is not None else _made(environments or [], base or "", settings)
        except Exception:
            if post:
                _post(FAILED, settings)
            raise
        code = REFUSED if made.refused else TOOL_FAILED if made.broken else FINE
        text = render_comment(made)
        if out is not None:
            out.write_text(text, encoding="utf-8")
        if settings.as_json:
            settings.answer(made.model_dump(mode="json"))
        else:
            print(text, end="")
        if post:
            _post(text, settings)
    stop(code)


def _read(file: Path) -> "Review":
    from pydantic import ValidationError

    from headroom.located import BadInput, Problem
    from headroom.review.document import Review

    try:
        return Review.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as wrong:
        raise BadInput([Problem(str(file), None, "", f"is no review that --json printed: {wrong}")]) from None


def _made(environments: list[str], reference: str, settings: Settings) -> "Review":
    from headroom.local.engine import ensure_engine
    from headroom.local.environment import environment as engine_environment
    from headroom.local.paths import Paths, paths
    from headroom.local.target import Directory
    from headroom.review.base import checked_out, commit_of, uncommitted
    from headroom.review.collect import Bench, Judged, collect

    where = paths()
    engine = ensure_engine(where, settings.say)

    def judged(name: str, floors: Path, adoption: Path | None) -> "Judged":
        from policies.adapters.program import judge_blueprint
        from stacks.reading import lock_path, plan_environment
        from stacks.voice import render

        plan = plan_environment(name, settings.as_of, datetime.now(UTC))
        blueprint = render(plan)
        verdict = judge_blueprint(blueprint, lock_path(name), floors, plan.as_of, adoption=adoption)
        return Judged(plan, frozenset(resource.type for resource in blueprint), verdict)

    def throwaway(home: Path) -> "Mapping[str, str]":
        own = Paths(where.root, home, where.cache)
        return engine_environment(own, engine, Directory(own.out / "k8s"))

    with checked_out(where.root, reference) as base:
        made = collect(
            list(dict.fromkeys(environments)),
            base,
            commit_of(where.root, "HEAD"),
            Bench(where.root, judged, throwaway, settings.say),
        )
    return made.model_copy(update={"uncommitted": uncommitted(where.root)})


def _post(text: str, settings: Settings) -> None:
    from headroom.forge.pull_request import post

    posted = post(text, os.environ)
    if posted.delivered:
        settings.say(posted.said)
    else:
        print(f"warning: {posted.said}; the verdict stands", file=sys.stderr, flush=True)
