"""What coturn is configured by."""

from ipaddress import ip_network

from capacity.sizing.turn import Relay

CONFIG_FOLDER, SECRET_FOLDER, TLS_FOLDER, RUN_FOLDER = "/etc/turn", "/etc/turn-secret", "/etc/turn-tls", "/run/turn"


def turn_config(relay: Relay) -> str:
    """Return turnserver.conf, but for the secret and the machine's own address, which the container adds when it starts.

    Over a quota, or over the bandwidth that is given out, an allocation is refused with 486; without a port with 508; a denied
    peer with 403. max-bps is of one allocation and each way, bps-capacity of all that are open, both in bytes a second. Coturn
    lets its clients reach the machines of `public_addresses` themselves, over UDP, whatever is denied.
    """
    denied = "\n".join(f"denied-peer-ip={_first_to_last(network)}" for network in relay.denied_peers)
    allowed = "".join(f"allowed-peer-ip={_first_to_last(network)}\n" for network in relay.allowed_peers)
    public = "".join(f"external-ip={public}/{own}\n" for own, public in sorted(relay.public_addresses.items()))
    return f"""\
listening-port={relay.listening_port}
min-port={relay.first_port}
max-port={relay.last_port}
{public}fingerprint
use-auth-secret
realm={relay.realm}
stale-nonce={round(relay.nonce)}
user-quota={relay.user_quota}
total-quota={relay.total_quota}
max-bps={relay.bytes_per_allocation}
bps-capacity={relay.bandwidth // 8}
{denied}
{allowed}no-multicast-peers
no-tcp-relay
{_encryption(relay)}
no-cli
no-software-attribute
prometheus
prometheus-port={relay.metrics_port}
pidfile={RUN_FOLDER}/turnserver.pid
userdb={RUN_FOLDER}/turndb
log-file=stdout
simple-log
"""


def _encryption(relay: Relay) -> str:
    if not relay.tls:
        return "no-tls\nno-dtls"
    return f"tls-listening-port={relay.tls_port}\ncert={TLS_FOLDER}/tls.crt\npkey={TLS_FOLDER}/tls.key"


def _first_to_last(network: str) -> str:
    """Return a range as coturn reads it.

    >>> _first_to_last("10.0.0.0/8")
    '10.0.0.0-10.255.255.255'
    """
    addresses = ip_network(network)
    return f"{addresses[0]}-{addresses[-1]}"
