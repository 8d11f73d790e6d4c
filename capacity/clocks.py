"""Wall clocks: times of day as specs and locks write them, and how far the clocks of a zone are ahead."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo


def minutes_of_day(clock: str) -> int:
    """Return the minutes from midnight to a time of day.

    >>> minutes_of_day("09:30"), minutes_of_day("24:00")
    (570, 1440)
    """
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def minutes_ahead(zone: str, day: date) -> int:
    """Return the minutes by which a zone's clocks are ahead of UTC at noon of a day."""
    offset = datetime.combine(day, time(12), ZoneInfo(zone)).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)
