"""Stretches of the week as locks and schedules write them."""

import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policies import documents
from policies.documents import WrongDocument

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_OF_HOUR = 60
_MINUTES_OF_DAY = 24 * _MINUTES_OF_HOUR


@dataclass(frozen=True)
class Stretch:
    """From a minute to a minute of one weekday, in a zone; the end is not part of it."""

    weekday: int
    start: int
    end: int
    zone: str

    def __str__(self) -> str:
        return f"{WEEKDAYS[self.weekday]} {clock(self.start)}-{clock(self.end)} {self.zone}"


STRETCH_KEYS = frozenset({"day", "start", "end", "zone"})


def stretch(value: Any, where: str) -> Stretch:
    """Return the stretch of an object that has at least the keys of one; raise `WrongDocument`."""
    weekday = documents.text(value["day"], f"{where}.day")
    if weekday not in WEEKDAYS:
        raise WrongDocument(f"{where}.day is not one of {', '.join(WEEKDAYS)}")
    start, end = _minute(value["start"], f"{where}.start"), _minute(value["end"], f"{where}.end")
    if start >= end:
        raise WrongDocument(f"{where} does not end after its start")
    zone = documents.text(value["zone"], f"{where}.zone")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongDocument(f"{where}.zone is not a time zone of the IANA database") from None
    return Stretch(WEEKDAYS.index(weekday), start, end, zone)


def clock(minute: int) -> str:
    """Return a minute of the day as a clock shows it.

    >>> clock(545)
    '09:05'
    """
    return f"{minute // 60:02}:{minute % 60:02}"


def _minute(value: Any, where: str) -> int:
    match = re.fullmatch(r"(\d\d):(\d\d)", documents.text(value, where))
    minute = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < _MINUTES_OF_HOUR else -1
    if not 0 <= minute <= _MINUTES_OF_DAY:
        raise WrongDocument(f"{where} is not a time of day such as 09:05")
    return minute
