"""Carrier trunks: channels held at once, and calls begun in a second. Two resources, for either can be short alone."""

from pydantic import Field

from capacity.sizing.claims import GATHERED, Count, LongLead, Rate, said
from capacity.sizing.result import Limit, Sizing, counted, hard_for, raised, sized, whole_up

TWILIO_OUTBOUND_STARTS = Rate(
    value=1, basis="declared", source="Twilio: one outbound call a second for an account", date=GATHERED
)


class Carrier(LongLead):
    """One carrier account for one direction; several are sized apart, each with its part of the load."""

    name: str = Field(min_length=1)
    channels: Count
    """Calls held at once."""
    starts_per_second: Rate
    """Calls that the carrier lets begin in a second; it queues or refuses the rest."""


def size_channels(carrier: Carrier, *, sessions: float, safe_utilisation: float, scope: str = "carrier") -> Sizing:
    """Return the calls that the trunks hold at once.

    Raises:
        ValueError: the load is negative or not finite.
    """
    channels = carrier.channels
    needed = whole_up(hard_for("sessions", sessions, safe_utilisation))
    limit = Limit(
        "channels",
        channels.value,
        f"{channels.value} channels of {carrier.name}",
        said(channels),
        raised(f"{scope}.channels.value", channels.value, needed, counted),
    )
    return sized("carrier channels", scope, "sessions", sessions, [limit], safe_utilisation=safe_utilisation)


def size_starts(carrier: Carrier, *, starts_per_second: float, safe_utilisation: float, scope: str = "carrier") -> Sizing:
    """Return the calls that the trunks let begin in a second, against a busy second's and not a busy minute's mean.

    Raises:
        ValueError: the load is negative or not finite.
    """
    starts = carrier.starts_per_second
    # Carriers sell whole ones.
    needed = whole_up(hard_for("starts", starts_per_second, safe_utilisation))
    limit = Limit(
        "starts",
        starts.value,
        f"{starts.value:g} calls a second of {carrier.name}",
        said(starts),
        raised(f"{scope}.starts_per_second.value", starts.value, needed),
    )
    return sized("carrier starts", scope, "calls a second", starts_per_second, [limit], safe_utilisation=safe_utilisation)
