"""The certificate authority of the WAO servers: which certificates to issue now, and how. No I/O but random numbers.

An authority is valid for ten years, a serving certificate for 90 days; each is renewed when a third of its lifetime is
left. A new authority is published together with the old one before it signs anything, so that every client can verify
every certificate in use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from wao_core.certificates.parts import CLOCK_SKEW, Pair, builder, common_name, general_name, key_usage

AUTHORITY_LIFE = timedelta(days=3650)
SERVING_LIFE = timedelta(days=90)
OVERLAP = timedelta(minutes=10)
"""Time for which a new authority is published before it signs: mounted ConfigMaps are updated within two minutes."""
MAX_PUBLISHED = 8
"""Authorities in a bundle: more exist only when the Secret is deleted repeatedly."""
_UNUSABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature)
"""What a certificate or key leads to that is damaged, or of a kind that is not supported."""


@dataclass(frozen=True, slots=True)
class PresentCertificates:
    """The certificates in the cluster: the authority, the published bundle, and the pair of each Service."""

    authority: Pair | None
    bundle: bytes
    pairs: Mapping[str, Pair]


@dataclass(frozen=True, slots=True)
class DesiredCertificates:
    """The certificates that should be in the cluster.

    Parameters
    ----------
    issued
        The new pairs only, by Service.
    reasons
        Why each was issued, by Service, or "authority".
    """

    authority: Pair
    bundle: bytes
    issued: Mapping[str, Pair]
    reasons: Mapping[str, str]


def renewal(
    present: PresentCertificates, hosts: Mapping[str, Sequence[str]], now: datetime, *, clients: Collection[str] = ()
) -> DesiredCertificates:
    """Return the certificates that should exist at `now`; nothing is issued while all present ones are valid.

    Parameters
    ----------
    hosts
        Service name -> the host names that its certificate must contain.
    clients
        The names in `hosts` whose certificate is for a client and not for a server.
    """
    authority, reasons = present.authority, {}
    if authority is None or (due := _replacement_reason(authority, now)):
        reasons["authority"] = "there is none" if authority is None else due
        authority = new_authority(now)
    published = _unexpired([authority.certificate, present.bundle], now)[:MAX_PUBLISHED]
    age = now - _load(authority.certificate).not_valid_before_utc - CLOCK_SKEW
    signer = authority if age >= OVERLAP or len(published) == 1 else None
    issued = {}
    for service, names in hosts.items():
        pair = present.pairs.get(service)
        why = "there is none" if pair is None else _reissue_reason(pair, names, published, now, signer)
        if why:
            issued[service] = issue(authority, names, now, client=service in clients)
            reasons[service] = why
    return DesiredCertificates(authority, _join(published), issued, reasons)


def new_authority(now: datetime) -> Pair:
    """Return a new authority, which may sign certificates of servers and clients, but no further authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = common_name(f"wao-ca@{int(now.timestamp())}")
    certificate = (
        builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair.of(certificate, key)


def issue(authority: Pair, hosts: Sequence[str], now: datetime, *, client: bool = False) -> Pair:
    """Return a certificate for these host names, signed by the authority, for a server or for a `client`."""
    usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    parent = _load(authority.certificate)
    signer = serialization.load_pem_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        builder(common_name(hosts[0]), parent.subject, key.public_key(), now, SERVING_LIFE)
        .add_extension(x509.SubjectAlternativeName([general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    return Pair.of(certificate, key)


def service_hosts(service: str, namespace: str) -> list[str]:
    """Return the host names of a Service within its cluster; first the one that the API aggregator uses."""
    return [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local", f"{service}.{namespace}", service]


def _reissue_reason(
    pair: Pair, names: Sequence[str], published: Sequence[x509.Certificate], now: datetime, signer: Pair | None
) -> str:
    """Return why a pair must be replaced, or an empty string. `signer` is None while the authority may not sign yet."""
    if due := _renewal_reason(pair, now):
        return due
    certificate = _load(pair.certificate)
    try:
        hosts = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "it names no host"
    if missing := [name for name in names if general_name(name) not in hosts]:
        return f"it does not name {', '.join(missing)}"
    if not any(is_signed_by(certificate, parent) for parent in published):
        return "its authority is not published"
    if signer is not None and not is_signed_by(certificate, _load(signer.certificate)):
        return "its authority was replaced"
    return ""


def _renewal_reason(pair: Pair, now: datetime) -> str:
    """Return why a pair must be replaced because of its form or age, or an empty string."""
    try:
        certificate = _load(pair.certificate)
        key = serialization.load_pem_private_key(pair.key, None)
        belongs = certificate.public_key() == key.public_key()
    except _UNUSABLE as error:
        return f"it cannot be read: {error}"
    if not belongs:
        return "certificate and key do not belong together"
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if now > certificate.not_valid_before_utc + life * 2 / 3:
        return "two thirds of its life are over"
    return ""


def _replacement_reason(authority: Pair, now: datetime) -> str:
    """Return why an authority must be replaced, or an empty string: it may have been written by somebody else."""
    if due := _renewal_reason(authority, now):
        return due
    key = serialization.load_pem_private_key(authority.key, None)
    return "" if isinstance(key, ec.EllipticCurvePrivateKey) else "its key is not one of an elliptic curve"


def is_signed_by(certificate: x509.Certificate, parent: x509.Certificate) -> bool:
    """Return whether an authority has signed a certificate."""
    try:
        certificate.verify_directly_issued_by(parent)
    except _UNUSABLE:
        return False
    return True


def _unexpired(bundles: Iterable[bytes], now: datetime) -> list[x509.Certificate]:
    found: list[x509.Certificate] = []
    for bundle in bundles:
        try:
            certificates = x509.load_pem_x509_certificates(bundle)
        except ValueError:  # empty or damaged: the authority in use is published again
            continue
        found += [item for item in certificates if item.not_valid_after_utc > now and item not in found]
    return found


def _join(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in certificates)


def _load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)
