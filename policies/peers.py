"""Whom a relay speaks with: coturn's ranges of peers, denied and allowed, as its configuration says them."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network, summarize_address_range

from policies.stack import Place, WrongField

Range = tuple[int, int, int]
"""The version of IP, the first address and the last."""

_SPECIAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
    *("::1/128", "::ffff:0:0/96", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"),
)
"""IANA's special-purpose addresses (RFC 6890), which no peer on the Internet has: pods, services, machines, what IPv6 embeds."""
_OWN = (
    *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16"),
    *("::/127", "::ffff:0:0/96", "64:ff9b::/96", "fe80::/10", "fd00:ec2::254/128"),
)
"""The machine itself and its metadata service. A range that begins or ends at the address without a number has no bound."""


def reached(place: Place, found: Mapping[str, list[str]]) -> list[str]:
    """Return the special ranges that are neither denied nor allowed expressly, each from its first address to its last."""
    closed = [*_ranges(place, found, "denied-peer-ip"), *_ranges(place, found, "allowed-peer-ip")]
    return [_shown(gap) for special in map(_of, _SPECIAL) for gap in _without(special, closed)]


def opened(place: Place, found: Mapping[str, list[str]]) -> list[str]:
    """Return what is allowed of the machine itself and of its metadata service: an exception counts before what is denied."""
    allowed = _ranges(place, found, "allowed-peer-ip")
    return [text for text in _OWN if _without(_of(text), allowed) != [_of(text)]]


def _ranges(place: Place, found: Mapping[str, list[str]], name: str) -> list[Range]:
    if any(other.split()[0] == name for other in found if other != name):  # coturn takes a blank for the sign, we would not
        raise WrongField(place.resource.name, place.path, f"a configuration with {name}=<first>-<last>")
    return [_range(place, name, text) for text in found.get(name, [])]


def _range(place: Place, name: str, text: str) -> Range:
    first, _, last = text.partition("-")
    try:
        start, end = ip_address(first.strip()), ip_address((last or first).strip())
        list(summarize_address_range(start, end))  # raises where one does not come after the other
    except (ValueError, TypeError):
        raise WrongField(place.resource.name, place.path, f"a configuration whose {name} is <first>-<last>") from None
    return start.version, int(start), int(end)


def _of(text: str) -> Range:
    network = ip_network(text)
    return network.version, int(network[0]), int(network[-1])


def _without(whole: Range, taken: Iterable[Range]) -> list[Range]:
    """Return what is left of a range."""
    version, at, end = whole
    left = []
    for _, first, last in sorted(one for one in taken if one[0] == version and one[1] <= end and one[2] >= at):
        if first > at:
            left.append((version, at, first - 1))
        at = max(at, last + 1)
    return [*left, (version, at, end)] if at <= end else left


def _shown(one: Range) -> str:
    version, *ends = one
    first, last = ((IPv4Address if version == 4 else IPv6Address)(end) for end in ends)  # noqa: PLR2004  # a version of IP
    networks = list(summarize_address_range(first, last))
    return str(networks[0]) if len(networks) == 1 else f"{first}-{last}"
