"""What the account of the carrier allows."""

from capacity.sizing.carrier import Carrier
from capacity.sizing.claims import Count, Rate
from headroom.blueprint import Rendered


def carrier_resources(carrier: Carrier | None, *, parent: str) -> list[Rendered]:
    """Return the claim of the calls that the carrier holds, and lets begin in a second; nothing where the spec names none."""
    if carrier is None:
        return []
    claims = {
        "name": carrier.name,
        "channels": carrier.channels.value,
        "startsPerSecond": carrier.starts_per_second.value,
        "limits": {"channels": _evidence(carrier.channels), "startsPerSecond": _evidence(carrier.starts_per_second)},
        "leadSeconds": carrier.lead_time,
    }
    return [Rendered("headroom:carrier:Carrier", "carrier", claims, parent=parent)]


def _evidence(claim: Count | Rate) -> dict[str, str]:
    day = {} if claim.date is None else {"date": claim.date.isoformat()}
    return {"basis": claim.basis, "source": claim.source, **day}
