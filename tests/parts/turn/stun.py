"""As much of a TURN client as it takes to ask for a relay and for a peer (RFC 8489, RFC 8656)."""

import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
import struct
import time
from dataclasses import dataclass, field

COOKIE = 0x2112A442
ALLOCATE, CREATE_PERMISSION = 0x0003, 0x0008
USERNAME, INTEGRITY, ERROR, PEER, REALM, NONCE, RELAYED, TRANSPORT = 0x06, 0x08, 0x09, 0x12, 0x14, 0x15, 0x16, 0x19
CLASS_ERROR = 0x0110
UDP = b"\x11\0\0\0"


def credentials(secret: str, user: str) -> tuple[str, str]:
    """Return a name that holds for an hour, and its password: the HMAC of the name with the servers' secret."""
    name = f"{int(time.time()) + 3600}:{user}"
    return name, base64.b64encode(hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()).decode()


@dataclass
class TurnClient:
    """One client on a port of its own."""

    server: tuple[str, int]
    name: str
    password: str
    realm: bytes = b""
    nonce: bytes = b""
    relayed: tuple[str, int] | None = None
    """The relay's address, as the server gives it to others."""
    door: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def allocate(self) -> int:
        """Return 0 where a relay was given, else the error's code."""
        self.door.settimeout(10)
        self._ask(ALLOCATE, [(TRANSPORT, UDP)])  # refused with 401, and told realm and nonce
        return self._ask(ALLOCATE, [(TRANSPORT, UDP)])

    def permit(self, peer: str) -> int:
        """Return 0 where the relay may send to a peer, else the error's code."""
        address = ipaddress.ip_address(peer)
        # Both parts are masked by the cookie, RFC 8489 section 14.2; the port does not matter here.
        masked = struct.pack("!BBHI", 0, 1, 9 ^ (COOKIE >> 16), int(address) ^ COOKIE)
        return self._ask(CREATE_PERMISSION, [(PEER, masked)])

    def _ask(self, method: int, attributes: list[tuple[int, bytes]]) -> int:
        transaction = secrets.token_bytes(12)
        known = [(USERNAME, self.name.encode()), (REALM, self.realm), (NONCE, self.nonce)] if self.nonce else []
        body = b"".join(_attribute(kind, value) for kind, value in (*attributes, *known))
        if known:
            key = hashlib.md5(b":".join((self.name.encode(), self.realm, self.password.encode()))).digest()  # noqa: S324  # RFC 8489
            counted = struct.pack("!HHI", method, len(body) + 24, COOKIE) + transaction + body
            body += _attribute(INTEGRITY, hmac.new(key, counted, hashlib.sha1).digest())
        self.door.sendto(struct.pack("!HHI", method, len(body), COOKIE) + transaction + body, self.server)
        answer = self.door.recv(2048)
        said = _attributes(answer[20:])
        if struct.unpack("!H", answer[:2])[0] == method | CLASS_ERROR:
            self.realm, self.nonce = said.get(REALM, self.realm), said.get(NONCE, self.nonce)
            return said[ERROR][2] * 100 + said[ERROR][3]
        if RELAYED in said:
            port, address = struct.unpack("!HI", said[RELAYED][2:8])
            self.relayed = (str(ipaddress.IPv4Address(address ^ COOKIE)), port ^ (COOKIE >> 16))
        return 0


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def _attributes(body: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while len(body) >= 4:
        kind, length = struct.unpack("!HH", body[:4])
        found[kind], body = body[4 : 4 + length], body[4 + length + (-length % 4) :]
    return found
