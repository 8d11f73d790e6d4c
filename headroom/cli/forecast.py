"""`headroom forecast`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

        spec = read_spec(environment)
        as_of = judged_day(spec, settings.as_of, datetime.now(UTC))
        live = frozenset(name for name, vertical in spec.verticals.items() if isinstance(vertical, LiveVertical))
        if declares(history):
            lock = declared_lock(history, environment)
        else:
            lock = forecast_from(
                history,
                environment,
                as_of=as_of,
                lag_s=lag_seconds(lag_stages(spec.scaling, 1, 1)),
                lag_of=lambda made: longest_lag(spec, made),
                zone=spec.zone,
                known_verticals=live,
                progress=settings.say,
            )
        refuse_example_data(spec, lock)
        file = lock_path(environment)
        changed = not file.is_file() or file.read_text(encoding="utf-8") != lock_text(lock)
        if changed:
            write_lock(lock, file)
        if settings.as_json:
            settings.answer({"lock": f"stacks/{file.name}", "changed": changed} | lock.model_dump(mode="json"))
        else:
            show_lock(lock, settings.console())
        settings.say(f"stacks/{file.name}: {'written' if changed else 'unchanged'}")
    stop(FINE)


def refuse_example_data(spec: "Spec", lock: "ForecastLock") -> None:
    """Raise BadInput where a real environment would be planned on calls that nobody made, or made years ago."""
    from headroom.located import BadInput, Problem

    if spec.example:
        return
    for source in lock.sources:
        if source.kind == "generated" or source.shifted_weeks:
            what = "is generated" if source.kind == "generated" else f"was moved by {source.shifted_weeks} weeks"
            message = f"{source.name} {what}; only an example (example: true) may be planned on that"
            raise BadInput([Problem(f"stacks/Pulumi.{lock.environment}.yaml", None, "", message)])
