"""`headroom forecast`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from headroom.cli.console import FINE, Settings, errors_as_exit_codes, stop
from headroom.cli.plan import Environment

if TYPE_CHECKING:
    from capacity import ForecastLock, Spec


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("forecast")(forecast)


def forecast(
    context: typer.Context,
    environment: Environment,
    history: Annotated[
        Path,
        typer.Option(
            "--history",
            metavar="PATH",
            help="Calls (.csv, .parquet, s3://BUCKET/KEY), or a .yaml that lists sources or declares the load.",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="LOCK", help="For a program that is not ours: the lock to write. No spec is read."),
    ] = None,
    lag: Annotated[
        float, typer.Option("--lag", metavar="SECONDS", min=1, help="With --out: from load rise to a ready pod.")
    ] = 180.0,
    zone: Annotated[str, typer.Option("--zone", help="With --out: where days and weeks begin.")] = "UTC",
) -> None:
    """Turn call history into the environment's forecast lock, stacks/<ENV>.forecast.json.

    The same data gives the same bytes. Rows that cannot be used are counted by kind, shown, and kept in the lock.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from capacity.lag_plan import lag_seconds, lag_stages
        from capacity.planner import longest_lag
        from capacity.verticals import LiveVertical
        from headroom.forecast.declared import declared_lock, declares
        from headroom.forecast.lock import forecast_from, lock_text, write_lock
        from headroom.review.terminal import show_lock
        from stacks.reading import judged_day, lock_path, read_spec

        now = datetime.now(UTC)
        spec = None if out else read_spec(environment)
        if declares(history):
            lock = declared_lock(history, environment)
        elif spec is None:
            lock = forecast_from(
                history,
                environment,
                as_of=settings.as_of or now.astimezone(_zone(zone)).date(),
                lag_s=lag,
                zone=zone,
                known_verticals=frozenset(),
                progress=settings.say,
            )
        else:
            lock = forecast_from(
                history,
                environment,
                as_of=judged_day(spec, settings.as_of, now),
                lag_s=lag_seconds(lag_stages(spec.scaling, 1, 1)),
                lag_of=lambda made: longest_lag(spec, made),
                zone=spec.zone,
                known_verticals=frozenset(name for name, one in spec.verticals.items() if isinstance(one, LiveVertical)),
                progress=settings.say,
            )
        refuse_example_data(spec, lock)
        file = out or lock_path(environment)
        shown = str(out or f"stacks/{file.name}")
        changed = not file.is_file() or file.read_text(encoding="utf-8") != lock_text(lock)
        if changed:
            write_lock(lock, file)
        if settings.as_json:
            settings.answer({"lock": shown, "changed": changed} | lock.model_dump(mode="json"))
        else:
            show_lock(lock, settings.console())
        settings.say(f"{shown}: {'written' if changed else 'unchanged'}")
    stop(FINE)


def _zone(name: str) -> ZoneInfo:
    from headroom.located import BadInput, Problem

    try:
        return ZoneInfo(name)
    except (ValueError, ZoneInfoNotFoundError):
        raise BadInput([Problem("forecast", None, "--zone", f"there is no time zone {name!r}")]) from None


def refuse_example_data(spec: "Spec | None", lock: "ForecastLock") -> None:
    """Raise BadInput where a real environment would be planned on calls that nobody made, or made years ago."""
    from headroom.located import BadInput, Problem

    if spec is not None and spec.example:
        return
    for source in lock.sources:
        if source.kind == "generated" or source.shifted_weeks:
            what = "is generated" if source.kind == "generated" else f"was moved by {source.shifted_weeks} weeks"
            message = f"{source.name} {what}; only an example (example: true) may be planned on that"
            raise BadInput([Problem(f"stacks/Pulumi.{lock.environment}.yaml", None, "", message)])
