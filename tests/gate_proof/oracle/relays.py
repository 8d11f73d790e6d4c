"""The relays, and the tunnels to the edge."""

import math
from collections.abc import Mapping

from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import SLACK, Facts, Family, claim_of, file_of, left_of
from tests.gate_proof.texts import EQUALS


def _turn(facts: Facts, _leaf: Leaf) -> bool:
    (servers,) = facts.of_kind("turn")
    config = EQUALS.read(file_of(facts, "turnserver.conf"))
    ports_a_call, bits = int(claim_of(servers, "ports-per-relayed")), claim_of(servers, "bits-per-relayed")
    first, last, quota, rate = (int(config[name]) for name in ("min-port", "max-port", "total-quota", "bps-capacity"))
    if not 0 < first <= last < 65_536:
        return False
    bounds = [(last - first + 1) // ports_a_call, int(facts.open_files(servers, "turn")) // 2 // ports_a_call]
    bounds += [quota // ports_a_call] if quota else []
    bounds += [math.floor(rate * 8 / bits + SLACK)] if rate else []
    share, of_one, most = claim_of(servers, "relayed-share"), int(config["max-bps"]), int(config["user-quota"])
    audible = (not of_one or of_one * 8 * ports_a_call >= bits) and (not most or most >= ports_a_call)
    held = left_of(servers) * min(bounds) * facts.safe
    survive = facts.named["pool-general"]["survive"]
    twice = survive == 0 or (servers.props["spec"]["replicas"] >= 2 and claim_of(servers, "survive") >= 1)
    timely = facts.ordered_in_time(lambda day: facts.sessions(day) * share, lambda _day: held, claim_of(servers, "lead-seconds"))
    return audible and timely and twice


def _tunnel(facts: Facts, _leaf: Leaf) -> bool:
    tunnels = facts.of_kind("tunnel")
    held, leads = [], []
    for tunnel in tunnels:
        pod = tunnel.props["spec"]["template"]["spec"]
        first, last = map(int, pod["securityContext"]["sysctls"][0]["value"].split())
        ports = (last - first + 1) // int(claim_of(tunnel, "ports-per-session"))
        open_files = facts.open_files(tunnel, pod["containers"][0]["name"])
        files = int(open_files) // int(claim_of(tunnel, "descriptors-per-session"))
        held.append(math.floor(min(ports, files) * facts.safe + SLACK))
        leads.append(claim_of(tunnel, "lead-seconds"))
        if open_files < 70_000:
            return False
    return facts.ordered_in_time(facts.sessions, lambda _day: len(tunnels) * min(held), min(leads))


FAMILIES: Mapping[str, Family] = {
    "turn": _turn,
    "tunnel": _tunnel,
}
