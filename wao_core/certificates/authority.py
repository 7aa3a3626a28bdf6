"""The certificate authority of our own servers: what must be issued now, as pure functions.

An authority holds ten years, a serving certificate 90 days; each is renewed when a third of its life is left. A new
authority is published beside the old one before anything is signed with it, so that no client ever meets a
certificate that it cannot verify.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from wao_core.certificates.self_signed import general_name, key_usage, pem_of

AUTHORITY_LIFE = timedelta(days=3650)
SERVING_LIFE = timedelta(days=90)
OVERLAP = timedelta(minutes=10)
"""How long a new authority is published before it signs: mounted ConfigMaps follow within two minutes."""
SKEW = timedelta(minutes=5)
"""Clocks of a cluster differ; certificates begin this much in the past."""
MAX_PUBLISHED = 8
"""Authorities in a bundle; more come only from somebody who deletes the Secret again and again."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Held:
    """What the cluster holds now: the authority, the published bundle, and each Service's pair."""

    authority: Pair | None
    bundle: bytes
    pairs: Mapping[str, Pair]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What it should hold. `issued` has only the pairs that are new, with the reason for each."""

    authority: Pair
    bundle: bytes
    issued: Mapping[str, Pair]
    reasons: Mapping[str, str]


def renewal(held: Held, hosts: Mapping[str, Sequence[str]], now: datetime) -> Wanted:
    """Return what should be there at `now` for Services with these host names; equal to `held` when all is well.

    Parameters
    ----------
    hosts
        Service name -> the host names that its certificate must hold.
    """
    authority, reasons = held.authority, {}
    if authority is None or (due := _due(authority, now)):
        reasons["authority"] = "there is none" if authority is None else due
        authority = new_authority(now)
    published = _unexpired([authority.certificate, held.bundle], now)[:MAX_PUBLISHED]
    signs = now - _load(authority.certificate).not_valid_before_utc - SKEW >= OVERLAP or len(published) == 1
    issued = {}
    for service, names in hosts.items():
        pair = held.pairs.get(service)
        why = "there is none" if pair is None else _reissue(pair, names, published, now, authority if signs else None)
        if why:
            issued[service] = issue(authority, names, now)
            reasons[service] = why
    return Wanted(authority, _join(published), issued, reasons)


def new_authority(now: datetime) -> Pair:
    """Return a new authority, which may sign serving certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"wao-ca@{int(now.timestamp())}")])
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(*pem_of(certificate, key))


def issue(authority: Pair, hosts: Sequence[str], now: datetime) -> Pair:
    """Return a serving certificate for these host names, signed by the authority."""
    parent = _load(authority.certificate)
    signer = serialization.load_pem_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    certificate = (
        _builder(name, parent.subject, key.public_key(), now, SERVING_LIFE)
        .add_extension(x509.SubjectAlternativeName([general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    return Pair(*pem_of(certificate, key))


def service_hosts(service: str, namespace: str) -> list[str]:
    """Return the names under which a Service is reached within its cluster; the one that the aggregator asks first."""
    return [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local", f"{service}.{namespace}", service]


def _reissue(
    pair: Pair, names: Sequence[str], published: Sequence[x509.Certificate], now: datetime, signer: Pair | None
) -> str:
    """Return why a pair must be replaced; empty when it need not. `signer` is None while it may not sign yet."""
    if due := _due(pair, now):
        return due
    certificate = _load(pair.certificate)
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "it names no host"
    if missing := [name for name in names if general_name(name) not in held]:
        return f"it does not name {', '.join(missing)}"
    if not any(_signed(certificate, parent) for parent in published):
        return "its authority is not published"
    if signer is not None and not _signed(certificate, _load(signer.certificate)):
        return "its authority was replaced"
    return ""


def _due(pair: Pair, now: datetime) -> str:
    """Return why a pair is to be replaced by its form or age; empty when it is not."""
    try:
        certificate = _load(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, None)
    except (ValueError, TypeError) as error:
        return f"it cannot be read: {error}"
    if certificate.public_key() != key.public_key():
        return "certificate and key do not belong together"
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if now > certificate.not_valid_before_utc + life * 2 / 3:
        return "two thirds of its life are over"
    return ""


def _signed(certificate: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _unexpired(bundles: Iterable[bytes], now: datetime) -> list[x509.Certificate]:
    found: list[x509.Certificate] = []
    for bundle in bundles:
        try:
            certificates = x509.load_pem_x509_certificates(bundle)
        except ValueError:  # empty, or spoiled by hand: what is in use is published anew
            continue
        found += [item for item in certificates if item.not_valid_after_utc > now and item not in found]
    return found


def _join(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in certificates)


def _load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    begin = now.astimezone(UTC) - SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + life)
    )
