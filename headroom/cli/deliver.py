"""`headroom window`, `headroom deliver` and `headroom drift`."""

import contextlib
import io
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headroom.cli.console import BAD_INPUT, FINE, REFUSED, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment

if TYPE_CHECKING:
    from headroom.engine.windows import InPeak

At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="A moment such as 2026-11-02T09:30-05:00, instead of now.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("window")(window)
    app.command("deliver")(deliver)
    app.command("drift")(drift)


def window(context: typer.Context, environment: Environment, at: At = None) -> None:
    """Say whether an environment is in a peak that its forecast lock declares, pre-scaling included.

    Ends with 1 where it is: then nothing should be delivered.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        peaks = _peaks(environment, settings, _moment(at))
        if settings.as_json:
            settings.answer({"environment": environment, "peaks": [_peak_json(peak) for peak in peaks]})
        elif peaks:
            print(_said(environment, peaks))
        else:
            print(f"{environment} is in no declared peak")
    stop(REFUSED if peaks else FINE)


def deliver(
    context: typer.Context,
    environments: Annotated[list[str], typer.Argument(metavar="ENV", help="Environments, in the order to deliver to.")],
    at: At = None,
) -> None:
    """Bring environments to this commit's plan, one after another, and stop at the first that refuses.

    Each is applied as `headroom up` does it, but never in a peak that its forecast lock declares. Ends as the `up` of the
    environment at which it stopped.
    """
    settings: Settings = context.obj
    moment = _moment(at)
    done: list[dict[str, Any]] = []
    code = FINE
    for name in environments:
        code, said, answers = _delivered(name, moment, settings)
        done.append({"environment": name, "delivered": code == FINE, "stopped_by": said, "steps": answers})
        settings.say(f"{name}: {said or 'delivered'}")
        if code != FINE:
            break
    if settings.as_json:
        settings.answer({"environments": done, "left": environments[len(done) :]})
    elif code != FINE and environments[len(done) :]:
        settings.say(f"not delivered: {', '.join(environments[len(done) :])}")
    stop(code)


def drift(
    context: typer.Context,
    environments: Annotated[list[str], typer.Argument(metavar="ENV", help="Environments: stacks/Pulumi.<ENV>.yaml.")],
) -> None:
    """Say what in the deployed environments is no longer as this commit's plan has it: changed by hand, or not delivered.

    Asks every provider, and changes nothing. Ends with 1 where something differs.
    """
    settings: Settings = context.obj
    found: dict[str, dict[str, str]] = {}
    with errors_as_exit_codes():
        for name in environments:
            found[name] = _drifted(name, settings)
        if settings.as_json:
            settings.answer({"drift": found})
        else:
            for name, steps in found.items():
                print(f"{name}: " + (f"{len(steps)} differ" if steps else "as planned"))
                for resource, operation in sorted(steps.items()):
                    print(f"  {operation}  {resource}")
    stop(REFUSED if any(found.values()) else FINE)


def _drifted(name: str, settings: Settings) -> dict[str, str]:
    """Return what an `up` would do to each resource, but for those that it would leave."""
    from headroom.cli.run import engine_failures, staged
    from headroom.engine.run import ensure_stack, run
    from headroom.local.errors import ToolFailed

    stage = staged(name, settings, cluster=False)
    with engine_failures(f"drift of {name}"):
        ensure_stack(name, stage.root, stage.environ)
        ended = run("preview", name, stage.root, stage.environ, quiet=True, refresh=True)
    if ended.code != 0:
        raise ToolFailed("pulumi preview --refresh", "\n".join(ended.events.errors) or f"exit code {ended.code}")
    return {step.name: step.operation for step in ended.events.steps if step.operation not in ("same", "refresh")}


def _delivered(name: str, moment: datetime, settings: Settings) -> tuple[int, str | None, list[Any]]:
    """Return the exit code, what stopped it, and what `up` answered."""
    with errors_as_exit_codes():
        if peaks := _peaks(name, settings, moment):
            return REFUSED, _said(name, peaks), []
    code, answers = _up(name, settings)
    return code, {FINE: None, REFUSED: "the deploy is refused"}.get(code, "the deploy failed"), answers


def _up(name: str, settings: Settings) -> tuple[int, list[Any]]:
    """Apply one environment; with --json the answer is kept for the one that we give."""
    from headroom.cli.run import judged

    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text) if settings.as_json else contextlib.nullcontext():
            judged("up", name, settings, cluster=False)
    except typer.Exit as ended:
        return ended.exit_code, [json.loads(text.getvalue())] if text.getvalue() else []
    return FINE, []


def _peaks(environment: str, settings: Settings, moment: datetime) -> "tuple[InPeak, ...]":
    from headroom.engine.windows import peaks_at
    from stacks.reading import plan_environment

    plan = plan_environment(environment, settings.as_of, datetime.now(UTC))
    return peaks_at(((live.name, each) for live in plan.live for each in live.scaling.windows), moment)


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        print(f"error: --at: {text!r} is no moment with its zone, such as 2026-11-02T09:30-05:00", file=sys.stderr)
        stop(BAD_INPUT)
    return moment


def _said(environment: str, peaks: "tuple[InPeak, ...]") -> str:
    names = ", ".join(sorted({peak.vertical for peak in peaks}))
    return f"{environment} is in a declared peak of {names} until {peaks[0].until:%Y-%m-%d %H:%M} UTC"


def _peak_json(peak: "InPeak") -> dict[str, Any]:
    declared = peak.window
    return {
        "vertical": peak.vertical,
        "day": declared.day,
        "start": declared.start,
        "end": declared.end,
        "zone": declared.zone,
        "lead_seconds": declared.lead_seconds,
        "until": peak.until.isoformat(),
    }
