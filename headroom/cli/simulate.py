"""headroom simulate: a day of the plan, call by call."""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer

from headroom.cli.console import FINE, Settings, errors_as_exit_codes, stop

if TYPE_CHECKING:
    from capacity import CapacityPlan
    from capacity.plan import LivePlan
    from capacity.simulation.day import NodeLoss

RECONNECT_SECONDS = 30.0
"""Within which callers who were cut call again, evenly spread: assumed."""
_MANY_CALLS = 300_000
"""About a second's work."""
MOST_CALLS = 10_000_000
"""More take gigabytes, and minutes."""
_YEARS = range(1970, 2200)
"""Those of which clocks are known."""

Environment = Annotated[str, typer.Argument(metavar="ENV", help="An environment: stacks/Pulumi.<ENV>.yaml.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    context: typer.Context,
    environment: Environment,
    vertical: Annotated[str, typer.Argument(metavar="VERTICAL", help="One of its live verticals.")],
    *,
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="YYYY-MM-DD", help="Its weekday has the known peaks. Left out: the day that is judged."),
    ] = None,
    load: Annotated[
        float, typer.Option("--load", metavar="FACTOR", help="Multiplies the forecast's load: a burst is 1.5 of it.")
    ] = 1.0,
    lose_node: Annotated[
        list[str] | None,
        typer.Option("--lose-node", metavar="HH:MM", help="Lose the fullest node at that time. May stand several times."),
    ] = None,
    holding: Annotated[
        str | None,
        typer.Option(
            "--holding", metavar="TIME", help="Mean length of a call, such as 180s. Left out: the lock's, else the spec's."
        ),
    ] = None,
    queue: Annotated[int, typer.Option("--queue", metavar="CALLS", min=0, help="Calls without room that may wait for it.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same day.")] = 1,
) -> None:
    """Play a day of a live vertical on the pods, autoscaler and floors of its plan, call by call.

    Calls come as the lock knows them: its peak, known peaks, mean and day effect. Needs neither engine nor cluster.
    """
    settings: Settings = context.obj
    with errors_as_exit_codes():
        from dataclasses import replace

        from capacity.simulation.of_plan import day_of, token_share
        from capacity.simulation.profile import known_week
        from capacity.simulation.run import simulate as play
        from headroom.review.simulation import SimulatedDay, show_day
        from stacks.reading import plan_environment, read_spec

        made = plan_environment(environment, settings.as_of, datetime.now(UTC))
        zone = read_spec(environment).zone
        when = made.as_of if day is None else _date(day)
        live = next((found for found in made.live if found.name == vertical), None)
        if live is None:
            _wrong("VERTICAL", vertical, f"is no live vertical; there are: {', '.join(found.name for found in made.live)}")
        if not 0 <= load < float("inf"):
            _wrong("--load", str(load), "is not a factor of 0 or more")
        profile = known_week(made.lock.verticals[vertical], zone, when)
        shares = [share * load for share in profile.shares]
        inputs = day_of(made, vertical, shares, day=when, zone=zone, holding_seconds=_seconds(holding, made, live))
        inputs = replace(
            inputs,
            fleet=replace(inputs.fleet, losses=tuple(_losses(lose_node or (), when, zone, made))),
            tokens=token_share(made, vertical),
            queue_depth=queue,
            reconnect_seconds=RECONNECT_SECONDS if lose_node else None,
        )
        expected = 60 * sum(inputs.traffic.calls_per_second)
        if expected > MOST_CALLS:
            held = inputs.traffic.holding_seconds
            _wrong("--load", f"{load:g}", f"is about {expected:.3g} calls of {held:g} s; at most {MOST_CALLS:,} are played")
        if expected > _MANY_CALLS:
            settings.say(f"playing about {expected:,.0f} calls ...")
        played = SimulatedDay(environment, live, when, zone, load, seed, profile.basis, inputs, play(inputs, seed))
        if settings.as_json:
            settings.answer(played.document())
        else:
            show_day(played, settings.console())
    stop(FINE)


def _seconds(holding: str | None, made: "CapacityPlan", live: "LivePlan") -> float:
    from capacity.units import parse_seconds

    if holding is None:
        if (demand := made.lock.verticals[live.name].demand) is not None:
            return demand.holding_seconds.value
        if live.spec.mean_call is not None:
            return live.spec.mean_call.value
        said = (
            f"is needed: the lock of {made.environment} measured no length of {live.name}'s calls, and the spec has no mean_call"
        )
        _wrong("--holding", "", said)
    try:
        seconds = parse_seconds(holding)
    except ValueError as unreadable:
        _wrong("--holding", holding, str(unreadable))
    if seconds <= 0:
        _wrong("--holding", holding, "is not above 0")
    return seconds


def _losses(clocks: list[str] | tuple[()], when: date, zone: str, made: "CapacityPlan") -> "list[NodeLoss]":
    from capacity.lag_plan import lag_seconds, lost_node_stages
    from capacity.simulation.day import NodeLoss

    stages = lost_node_stages(made.scaling)
    midnight = datetime.combine(when, time(), ZoneInfo(zone))
    losses = []
    for clock in clocks:
        try:
            at = datetime.combine(when, time.fromisoformat(clock), ZoneInfo(zone))
        except ValueError:
            _wrong("--lose-node", clock, "is not a time such as 10:30")
        # By UTC, for the day may change its clocks.
        seconds = (at.astimezone(UTC) - midnight.astimezone(UTC)) / timedelta(seconds=1)
        losses.append(NodeLoss(seconds, lag_seconds(stages)) if stages else NodeLoss(seconds))
    return losses


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        _wrong("--day", text, "is not a day such as 2026-11-02")
    if day.year not in _YEARS:
        _wrong("--day", text, f"is not a day of the years {_YEARS[0]} to {_YEARS[-1]}")
    return day


def _wrong(option: str, value: str, said: str) -> NoReturn:
    from headroom.located import BadInput, Problem

    raise BadInput([Problem(option, None, value, said)])
