"""KEDA's ScaledObject: its target, the week that its cron triggers hold, and what would let it fall below them."""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policies.schedule import Schedule, Window
from policies.stack import Place, Resource, Unreadable, WrongField, field, optional
from policies.week import Stretch

SCALED_OBJECT = "kubernetes:keda.sh/v1alpha1:ScaledObject"
_DAY = 24 * 60
_PAUSES = "autoscaling.keda.sh/"
_CRON = re.compile(r"(?P<minute>[0-5]?\d) (?P<hour>1?\d|2[0-3]) \* \* (?P<day>[0-6])")
_RENDER = "deploy what the program renders"


def sessions_target(scaled_object: Resource, vertical: str) -> float:
    """Return the sessions a pod at which a ScaledObject aims; raise `Unreadable` where it counts anything else.

    An answer without sessions must count as a failure: KEDA takes it for no load by itself.
    """
    found = [trigger for trigger in _triggers(scaled_object) if trigger["type"].text() != "cron"]
    query = f'sum(voice_active_sessions{{vertical="{vertical}"}})'
    aims = (
        len(found) == 1
        and found[0]["type"].text() == "prometheus"
        and found[0]["metricType"].text() == "AverageValue"
        and found[0]["metadata"]["query"].text() == query
        and found[0]["metadata"]["ignoreNullValues"].text() == "false"
    )
    if not aims:
        raise Unreadable(
            scaled_object.name,
            "beside cron triggers it must have exactly one, of type prometheus, with metricType AverageValue, ignoreNullValues "
            f'"false" and the query {query}',
            f"scale on {query}",
        )
    return found[0]["metadata"]["threshold"].quantity()


def cron_schedule(scaled_object: Resource) -> Schedule:
    """Return the week that the cron triggers hold: the highest trigger counts, so each is a floor."""
    windows = tuple(_window(trigger) for trigger in _triggers(scaled_object) if trigger["type"].text() == "cron")
    return Schedule(field(scaled_object, "spec.minReplicaCount").count(at_least=1), windows)


def faults(scaled_object: Resource, schedule: Schedule) -> Iterator[tuple[str, str]]:
    """Yield what would let it fall below its schedule, each with the remedy."""
    for path in ("spec.idleReplicaCount", "spec.advanced.scalingModifiers"):
        if optional(scaled_object, path) is not None:
            yield f"{path} is set, which puts other numbers in the place of its triggers'", "leave it out"
    annotations = optional(scaled_object, "metadata.annotations")
    for name in sorted({} if annotations is None else annotations.names()):
        if str(name).startswith(_PAUSES):
            yield f"its annotation {name} changes what KEDA does with it", "leave it out"
    fallback = optional(scaled_object, "spec.fallback")
    if fallback is None:
        yield "it has no fallback for when Prometheus does not answer", _RENDER
        return
    replicas = fallback["replicas"].count()
    if replicas < schedule.highest:
        message = f"where Prometheus does not answer it asks for {replicas} replicas; its highest floor is {schedule.highest}"
        yield message, f"set spec.fallback.replicas to {schedule.highest}"
    behavior = fallback.get("behavior")
    if behavior is None or behavior.text() != "currentReplicasIfHigher":
        message = "where Prometheus does not answer it takes pods away that may hold calls"
        yield message, "set spec.fallback.behavior to currentReplicasIfHigher"


def _triggers(scaled_object: Resource) -> list[Place]:
    return field(scaled_object, "spec.triggers").items()


def _window(trigger: Place) -> Window:
    metadata = trigger["metadata"]
    zone = metadata["timezone"]
    try:
        ZoneInfo(zone.text())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongField(zone.resource.name, zone.path, "a time zone of the IANA database") from None
    start, end = _minute_of_week(metadata["start"]), _minute_of_week(metadata["end"])
    # Midnight ends the day before it.
    day, last = (end - 1) // _DAY % 7, (end - 1) % _DAY + 1
    first = (start - day * _DAY + _DAY) % (7 * _DAY) - _DAY
    if not -_DAY <= first < last:
        raise WrongField(metadata.resource.name, metadata.path, "a window within one day, from the day before it at the earliest")
    stretch = Stretch(day, max(0, first), last, zone.text())
    return Window(stretch, max(0, -first) * 60.0, metadata["desiredReplicas"].count(at_least=1))


def _minute_of_week(place: Place) -> int:
    match = _CRON.fullmatch(place.text())
    if match is None:
        raise WrongField(place.resource.name, place.path, "a line such as 45 8 * * 1 (minute, hour, any day, any month, weekday)")
    # Cron's week begins on Sunday, ours on Monday.
    return (int(match["day"]) - 1) % 7 * _DAY + int(match["hour"]) * 60 + int(match["minute"])
