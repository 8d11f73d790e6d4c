"""The bus."""

import json
from collections.abc import Mapping

from tests.gate_proof.leaves import Leaf
from tests.gate_proof.oracle.facts import SLACK, Facts, Family, amount_of, claim_of, file_of, left_of, running
from tests.gate_proof.texts import NATS


def _bus(facts: Facts, _leaf: Leaf) -> bool:
    (servers,) = facts.of_kind("bus")
    config, left = NATS.read(file_of(facts, "nats.conf")), left_of(servers)
    a_session = claim_of(servers, "messages-per-session")
    survive = max(1, int(claim_of(servers, "survive")))
    speaking_all = sessions_all = stored_all = 0.0
    for vertical, account in config["accounts"].items():
        stream = json.loads(facts.named[f"bus-{vertical}-stream"]["data"]["stream.json"])
        live, sessions = facts.live(vertical), facts.required(vertical, facts.end)
        containers = len(running(live.props["spec"]["template"]["spec"]))
        speaking = facts.scaler(vertical)["spec"]["maxReplicas"] * containers
        waiting = sessions / facts.safe * stream["max_msgs_per_subject"] * stream["max_msg_size"]
        copies, standing = stream["num_replicas"], servers.props["spec"]["replicas"]
        alive = min(standing, copies) - survive if standing >= copies else 0
        if not (
            speaking <= account["limits"]["max_connections"]
            and waiting * copies <= account["jetstream"]["max_file"] * (1 + SLACK)
            and waiting <= stream["max_bytes"] * (1 + SLACK)
            and stream["max_msg_size"] <= min(account["limits"]["max_payload"], config["max_payload"])
            and a_session * claim_of(servers, "reader-stall-seconds") <= stream["max_msgs_per_subject"]
            and alive > copies // 2
        ):
            return False
        speaking_all, sessions_all = speaking_all + speaking, sessions_all + sessions
        stored_all += stream["max_bytes"]
    carried = left * claim_of(servers, "messages-per-second") * facts.safe
    disk = amount_of(servers.props["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])
    store = config["jetstream"]["max_file_store"]
    return (
        sessions_all * a_session <= carried * (1 + SLACK)
        and speaking_all <= left * config["max_connections"]
        and stored_all <= store <= disk
    )


FAMILIES: Mapping[str, Family] = {
    "bus": _bus,
}
