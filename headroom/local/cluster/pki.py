"""The cluster's own certificates, keys and tokens."""

import base64
import ipaddress
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID_FOR = timedelta(days=3650)
_CLOCK_SKEW = timedelta(hours=1)
_IDENTITIES: Mapping[str, tuple[str, str]] = {
    # Who each token speaks for: user and group. The controllers have only what the default RBAC roles give them.
    "admin": ("headroom:admin", "system:masters"),
    "kwok": ("headroom:kwok", "system:masters"),
    "kube-scheduler": ("system:kube-scheduler", "headroom:control-plane"),
    "kube-controller-manager": ("system:kube-controller-manager", "headroom:control-plane"),
}


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both in PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True)
class Authority:
    """A certificate authority that lives only in memory: nobody can sign with it later."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate that verifies what this authority signed, in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Pki:
    """Where the cluster's secrets lie; every file is readable only by its owner."""

    folder: Path

    def file(self, name: str) -> Path:
        """Return the path of one of the files that ``ensure_pki`` writes."""
        return self.folder / name

    def kubeconfig(self, identity: str) -> Path:
        """Return the kubeconfig of one of the cluster's own identities."""
        return self.folder / f"{identity}.kubeconfig"


def new_authority(name: str) -> Authority:
    """Return a new self-signed authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    certificate = (
        _builder(subject, subject, key.public_key(), key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(authority: Authority, name: str, *, serves: Sequence[str] = (), client: bool = False) -> Pair:
    """Return a certificate for ``name``: a server's at the DNS names and addresses of ``serves``, a client's, or both."""
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH] * bool(serves) + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
    builder = (
        _builder(_name(name), authority.certificate.subject, key.public_key(), authority.key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    )
    if serves:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative_name(place) for place in serves]), critical=False
        )
    certificate = builder.sign(authority.key, hashes.SHA256())
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), _private_pem(key))


def ensure_pki(folder: Path) -> tuple[Pki, bool]:
    """Return the secrets of the cluster and whether they are new: all of them are made at once, or none."""
    pki = Pki(folder)
    if folder.exists():
        return pki, False
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    for name, content in _new_secrets().items():
        write_private(unfinished / name, content)
    unfinished.replace(folder)
    return pki, True


def write_kubeconfig(path: Path, server: str, pki: Pki, identity: str) -> None:
    """Write a kubeconfig with which ``identity`` reaches ``server`` and verifies it; it holds a token: mode 0600."""
    user, _ = _IDENTITIES[identity]
    authority = base64.b64encode(pki.file("cluster-ca.crt").read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "headroom", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": _token(pki, identity)}}],
        "contexts": [{"name": "headroom", "context": {"cluster": "headroom", "user": user}}],
        "current-context": "headroom",
    }
    write_private(path, yaml.safe_dump(config, sort_keys=False).encode())


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    unfinished.replace(path)


def _new_secrets() -> dict[str, bytes]:
    cluster, front_proxy, etcd = (new_authority(f"headroom-{name}") for name in ("cluster", "front-proxy", "etcd"))
    kubernetes = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    )
    pairs = {
        "serving": issue(cluster, "kube-apiserver", serves=("127.0.0.1", "localhost", *kubernetes)),
        "front-proxy-client": issue(front_proxy, "front-proxy-client", client=True),
        # etcd is its own peer, so its certificate is a client's as well.
        "etcd": issue(etcd, "etcd", serves=("127.0.0.1", "localhost"), client=True),
        "etcd-client": issue(etcd, "kube-apiserver", client=True),
    }
    service_accounts = ec.generate_private_key(ec.SECP256R1())
    public = service_accounts.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    files = {
        "cluster-ca.crt": cluster.pem,
        "front-proxy-ca.crt": front_proxy.pem,
        "etcd-ca.crt": etcd.pem,
        "service-accounts.key": _private_pem(service_accounts),
        "service-accounts.pub": public,
        "tokens.csv": "".join(
            f'{secrets.token_urlsafe(32)},{user},{identity},"{group}"\n' for identity, (user, group) in _IDENTITIES.items()
        ).encode(),
    }
    for name, pair in pairs.items():
        files[f"{name}.crt"] = pair.certificate
        files[f"{name}.key"] = pair.key
    return files


def _token(pki: Pki, identity: str) -> str:
    # The third column, which Kubernetes takes for the user's uid, is our name of the identity.
    rows = (line.split(",") for line in pki.file("tokens.csv").read_text().splitlines())
    return next(row[0] for row in rows if row[2] == identity)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_name(place: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(place))
    except ValueError:
        return x509.DNSName(place)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
