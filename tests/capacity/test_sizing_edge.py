"""What stands between the caller and the pods: relays, carriers, tunnels, objects, the bus."""

import pytest
from pydantic import ValidationError

from capacity.sizing.bus import Bus, size_bus
from capacity.sizing.carrier import TWILIO_OUTBOUND_STARTS, Carrier, size_channels, size_starts
from capacity.sizing.objects import AdmissionGate, SessionObject, gate_requests, size_admission_gate, size_session_object
from capacity.sizing.tunnel import CLOUDFLARE_TUNNEL, Tunnel, size_tunnel
from capacity.sizing.turn import Relay, size_turn
from tests.capacity.sizing import FRAMES, GATE, NATS, TRUNK, TUNNEL, TURN, read


def test_livekits_500_ports_are_250_calls() -> None:
    """Two ports a relayed call: 500 hold 250."""
    relay = read(Relay, TURN, servers=1, survive=0, relayed_share=1.0, first_port=50_000, last_port=50_499)
    assert size_turn(relay, sessions=100, safe_utilisation=1.0).hard == 250


def test_coturns_range_is_16384_ports() -> None:
    """49152-65535 with one port a call is the 16k cap, with two half of it; then the server answers 508."""
    assert read(Relay, TURN).ports == 16_384
    one = read(Relay, TURN, servers=1, survive=0, relayed_share=1.0, ports_per_relayed=1, bandwidth="10G")
    assert size_turn(one, sessions=1, safe_utilisation=1.0).hard == 16_384
    two = read(Relay, TURN, servers=1, survive=0, relayed_share=1.0, bandwidth="10G")
    assert size_turn(two, sessions=1, safe_utilisation=1.0).hard == 8192


def test_bandwidth_or_a_quota_may_bind_before_the_ports() -> None:
    """1 Gbit/s is 5,000 calls of 0.2 Mbit/s; a quota of 600 allocations 300 calls; a fifth of all calls is relayed."""
    assert size_turn(read(Relay, TURN), sessions=1, safe_utilisation=1.0).hard == pytest.approx(2 * 5000 / 0.2)
    quota = size_turn(read(Relay, TURN, total_quota=600), sessions=1, safe_utilisation=1.0)
    assert quota.binding == "quota"
    assert quota.hard == pytest.approx(2 * 300 / 0.2)


def test_a_relay_that_relays_no_call_is_refused_as_input() -> None:
    """A range in the wrong order or of one port cannot relay."""
    with pytest.raises(ValidationError, match="above last_port"):
        read(Relay, TURN, first_port=60_000, last_port=50_000)
    with pytest.raises(ValidationError, match="relays no call"):
        read(Relay, TURN, first_port=50_000, last_port=50_000)


def test_a_carrier_is_two_resources() -> None:
    """Channels for an hour's calls say nothing of the second in which a campaign begins."""
    trunk = read(Carrier, TRUNK, starts_per_second=TWILIO_OUTBOUND_STARTS.model_dump(mode="json"))
    assert size_channels(trunk, sessions=800, safe_utilisation=0.9).shortfall is None
    starts = size_starts(trunk, starts_per_second=5, safe_utilisation=0.9)
    assert starts.shortfall is not None
    assert (starts.shortfall.required, starts.shortfall.provided) == (5, 0.9)
    assert starts.shortfall.remedy == "raise carrier.starts_per_second.value from 1 to 6"
    assert "Twilio" in starts.limits[0].source


def test_each_replica_of_a_tunnel_carries_everything() -> None:
    """The seed's 3,000 x 1.5 fit one replica's 50,000 ports; more replicas hold no session more."""
    two = size_tunnel(read(Tunnel, TUNNEL, replicas=2, descriptors=100_000), sessions=4500, safe_utilisation=0.9)
    most = size_tunnel(read(Tunnel, TUNNEL, replicas=25, descriptors=100_000), sessions=4500, safe_utilisation=0.9)
    assert two.hard == most.hard == 50_000
    assert two.shortfall is None
    short = size_tunnel(read(Tunnel, TUNNEL, descriptors=100_000), sessions=100_000, safe_utilisation=0.9).shortfall
    assert short is not None
    assert short.remedy == "raise tunnel.tunnels from 1 to 3"


def test_a_tunnel_keeps_the_vendors_rules() -> None:
    """2 to 25 replicas, 70,000 open files, and a pod that outlives the longest grace: each broken one has its cure."""
    rules: dict[str, dict[str, int | str]] = {
        "raise tunnel.replicas from 1 to 2": {"replicas": 1},
        "lower tunnel.replicas from 26 to 25": {"replicas": 26},
        "raise tunnel.descriptors from 65536 to 70000": {"descriptors": 65536},
        "raise tunnel.grace from 180s to 181s": {"grace": "180s"},
    }
    for remedy, broken in rules.items():
        short = size_tunnel(read(Tunnel, TUNNEL, **broken), sessions=3000, safe_utilisation=0.9).shortfall
        assert short is not None
        assert short.remedy == remedy
    assert (CLOUDFLARE_TUNNEL.most_replicas, CLOUDFLARE_TUNNEL.most_grace) == (25, 180)


def test_frames_of_20_ms_are_50_messages_a_second() -> None:
    """One call is 50 a second; ten are the 500 of an object with storage writes; a tenant's 50 are 2,500."""
    assert size_session_object(read(SessionObject, FRAMES), safe_utilisation=0.9).required == 50
    ten = size_session_object(read(SessionObject, FRAMES, sessions=10), safe_utilisation=1.0)
    assert (ten.required, ten.shortfall) == (500, None)
    tenant = size_session_object(read(SessionObject, FRAMES, sessions=50), safe_utilisation=1.0)
    assert tenant.required == 2500
    assert tenant.shortfall is not None
    assert tenant.shortfall.remedy == "lower session_object.sessions from 50 to 10"


def test_frames_too_short_for_any_object_are_made_longer() -> None:
    """A message each millisecond is too much for one call alone."""
    short = size_session_object(read(SessionObject, FRAMES, frame="1ms"), safe_utilisation=1.0).shortfall
    assert short is not None
    assert short.remedy == "raise session_object.frame from 1ms to 2ms"


def test_a_thousand_leases_each_30_s_are_33_requests_a_second() -> None:
    """Renewals are leases / heartbeat; starts and ends come on top."""
    gate = read(AdmissionGate, GATE)
    assert round(gate_requests(gate, 1000, 0)) == 33
    sizing = size_admission_gate(gate, leases=1000, starts_per_second=10, safe_utilisation=0.9)
    assert sizing.required == pytest.approx(1000 / 30 + 20)
    assert sizing.shortfall is None


def test_a_gate_of_too_many_leases_beats_more_slowly() -> None:
    """15,000 leases each 30 s are 500 requests: a slower heartbeat, or more gates where starts alone are too many."""
    gate = read(AdmissionGate, GATE)
    slower = size_admission_gate(gate, leases=30_000, starts_per_second=0, safe_utilisation=1.0).shortfall
    assert slower is not None
    assert slower.remedy == "raise admission_gate.heartbeat from 30s to 60s"
    split = size_admission_gate(gate, leases=100, starts_per_second=300, safe_utilisation=1.0).shortfall
    assert split is not None
    assert split.remedy.startswith("split the tenant's calls")


def test_150_calls_a_pod_at_50_messages_are_7500_a_second() -> None:
    """Far below the bus: four pods of 150 are 30,000 messages of the 66,666 that two servers left carry."""
    assert read(Bus, NATS).messages_per_session * 150 == 7500
    sizing = size_bus(read(Bus, NATS), sessions=600, safe_utilisation=0.9)
    assert next(limit for limit in sizing.limits if limit.name == "messages").value == pytest.approx(66_666 / 50)
    assert sizing.shortfall is None


def test_connections_are_a_servers_and_an_accounts() -> None:
    """Six containers a pod: the account's 1,000 are 166 pods; on two servers left the brokers' own limit is far away."""
    by_name = {limit.name: limit.value for limit in size_bus(read(Bus, NATS), sessions=1, safe_utilisation=1.0).limits}
    assert by_name["account connections"] == 166 * 150
    assert by_name["connections"] == 2 * 65_536 // 6 * 150


def test_a_bus_of_one_server_survives_nothing() -> None:
    """Losing a server must leave most replicas of every stream: one or two servers are too few."""
    for servers, replicas in ((1, 1), (2, 2), (2, 3)):
        short = size_bus(read(Bus, NATS, servers=servers, replicas=replicas), sessions=100, safe_utilisation=0.9).shortfall
        assert short is not None
        assert f"raise bus.servers from {servers} to 3" in short.remedy
    assert size_bus(read(Bus, NATS, servers=1, replicas=1, survive=0), sessions=100, safe_utilisation=0.9).shortfall is None


def test_more_servers_than_replicas_do_not_save_a_stream() -> None:
    """Two lost servers may be the two that had it: five servers with 3 replicas survive one loss, with 5 two."""
    three = size_bus(read(Bus, NATS, servers=5, survive=2), sessions=100, safe_utilisation=0.9).shortfall
    assert three is not None
    assert three.remedy == "raise bus.replicas from 3 to 5"
    assert size_bus(read(Bus, NATS, servers=5, replicas=5, survive=2), sessions=100, safe_utilisation=0.9).shortfall is None


def test_a_calls_subject_holds_what_a_stalled_reader_leaves() -> None:
    """50 messages a second for 10 s are 500 of 600; for 20 s they are 1,000, and 400 would be refused."""
    short = size_bus(read(Bus, NATS, reader_stall="20s"), sessions=100, safe_utilisation=0.9).shortfall
    assert short is not None
    assert (short.required, short.provided) == (1000, 600)
    assert short.remedy == "raise bus.cap_per_session from 600 to 1000"


def test_a_message_above_the_payload_limit_costs_the_connection() -> None:
    """A message larger than max_payload is a shortfall in bytes."""
    short = size_bus(
        read(Bus, NATS, message="2MiB", account={"connections": 1000, "storage": "4Ti"}), sessions=10, safe_utilisation=0.9
    ).shortfall
    assert short is not None
    assert (short.unit, short.remedy) == ("bytes", "raise bus.max_payload.value from 1Mi to 2Mi")
