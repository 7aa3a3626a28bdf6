"""What is issued when: no client ever meets a serving certificate that what is published cannot verify."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from wao_core.certificates.authority import (
    OVERLAP,
    SERVING_LIFE,
    DesiredCertificates,
    PresentCertificates,
    new_authority,
    renewal,
    service_hosts,
)
from wao_core.certificates.parts import Pair, common_name

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HOSTS = {"wao-metrics-api": service_hosts("wao-metrics-api", "wao-system")}
NOTHING = PresentCertificates(None, b"", {})


def applied(held: PresentCertificates, wanted: DesiredCertificates) -> PresentCertificates:
    """Return the content of the cluster after everything wanted was written."""
    return PresentCertificates(wanted.authority, wanted.bundle, {**held.pairs, **wanted.issued})


def at(held: PresentCertificates, later: timedelta) -> tuple[PresentCertificates, DesiredCertificates]:
    wanted = renewal(held, HOSTS, NOW + later)
    return applied(held, wanted), wanted


def bundle_verifies(held: PresentCertificates, service: str = "wao-metrics-api") -> bool:
    leaf = x509.load_pem_x509_certificate(held.pairs[service].certificate)
    for parent in x509.load_pem_x509_certificates(held.bundle):
        try:
            leaf.verify_directly_issued_by(parent)
        except (ValueError, InvalidSignature):
            continue
        return True
    return False


def test_an_empty_cluster_gets_everything_at_once() -> None:
    held, wanted = at(NOTHING, timedelta())
    assert set(wanted.issued) == {"wao-metrics-api"}
    assert bundle_verifies(held)


def test_nothing_is_issued_while_all_is_well() -> None:
    held, _ = at(NOTHING, timedelta())
    again, wanted = at(held, timedelta(days=30))
    assert not wanted.reasons
    assert again == held


def test_python_verifies_what_was_issued_for_the_name_that_the_aggregator_asks(tmp_path: Path) -> None:
    held = applied(NOTHING, renewal(NOTHING, HOSTS, datetime.now(UTC)))
    pair = held.pairs["wao-metrics-api"]
    (tmp_path / "c").write_bytes(pair.certificate)
    (tmp_path / "k").write_bytes(pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "c", tmp_path / "k")
    client = ssl.create_default_context(cadata=held.bundle.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    one, two = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(one, two, server_hostname="wao-metrics-api.wao-system.svc")
    answering = server.wrap_bio(two, one, server_side=True)
    for _ in range(3):
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert asking.version() == "TLSv1.3"


def test_a_client_certificate_is_for_clients_only_and_renewed_like_the_others() -> None:
    hosts = {**HOSTS, "wao-kube-scheduler": ["wao-kube-scheduler"]}
    held = applied(NOTHING, renewal(NOTHING, hosts, NOW, clients=["wao-kube-scheduler"]))
    usages = {
        name: list(
            x509.load_pem_x509_certificate(pair.certificate)
            .extensions.get_extension_for_class(x509.ExtendedKeyUsage)
            .value
        )
        for name, pair in held.pairs.items()
    }
    assert usages == {
        "wao-metrics-api": [ExtendedKeyUsageOID.SERVER_AUTH],
        "wao-kube-scheduler": [ExtendedKeyUsageOID.CLIENT_AUTH],
    }
    assert bundle_verifies(held, "wao-kube-scheduler")
    assert not renewal(held, hosts, NOW, clients=["wao-kube-scheduler"]).issued
    later = renewal(held, hosts, NOW + SERVING_LIFE * 0.7, clients=["wao-kube-scheduler"])
    assert set(later.issued) == set(hosts)


def test_a_serving_certificate_is_renewed_when_two_thirds_of_its_life_are_over() -> None:
    held, _ = at(NOTHING, timedelta())
    renewed, wanted = at(held, SERVING_LIFE * 0.7)
    assert wanted.reasons == {"wao-metrics-api": "two thirds of its life are over"}
    assert renewed.authority == held.authority
    assert bundle_verifies(renewed)


def test_a_new_authority_is_published_before_it_signs() -> None:
    held, _ = at(NOTHING, timedelta())
    lost = PresentCertificates(None, held.bundle, held.pairs)  # somebody deleted the Secret
    after, wanted = at(lost, timedelta(days=1))
    assert len(x509.load_pem_x509_certificates(after.bundle)) == 2
    assert not wanted.issued
    assert bundle_verifies(after)
    later, wanted = at(after, timedelta(days=1) + OVERLAP)
    assert wanted.reasons == {"wao-metrics-api": "its authority was replaced"}
    assert bundle_verifies(later)


def test_an_authority_is_replaced_long_before_its_end_and_clients_never_notice() -> None:
    held, _ = at(NOTHING, timedelta())
    for days in range(0, 5000, 20):
        for more in (timedelta(), 2 * OVERLAP):
            held, _ = at(held, timedelta(days=days) + more)
            assert bundle_verifies(held)
            leaf = x509.load_pem_x509_certificate(held.pairs["wao-metrics-api"].certificate)
            assert leaf.not_valid_after_utc > NOW + timedelta(days=days)
    assert len(x509.load_pem_x509_certificates(held.bundle)) == 2  # of three: the first has expired


def test_an_authority_that_somebody_else_wrote_is_replaced_if_it_cannot_sign() -> None:
    held, _ = at(NOTHING, timedelta())
    key, name = rsa.generate_private_key(65537, 2048), common_name("ours")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + SERVING_LIFE)
        .sign(key, hashes.SHA256())
    )
    foreign = Pair(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    after, wanted = at(PresentCertificates(foreign, held.bundle, held.pairs), timedelta())
    assert wanted.reasons == {"authority": "its key is not one of an elliptic curve"}
    assert bundle_verifies(after)


def of_unknown_curve(pair: Pair) -> Pair:
    """Return a pair whose certificate has a key of a curve that no library knows."""
    der = ssl.PEM_cert_to_DER_cert(pair.certificate.decode())
    spoiled = der.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f"))
    return Pair(ssl.DER_cert_to_PEM_cert(spoiled).encode(), pair.key)


@pytest.mark.parametrize(
    ("spoiled", "why"),
    [
        (Pair(b"not PEM", b"not PEM"), "it cannot be read"),
        (new_authority(NOW), "it names no host"),
        (of_unknown_curve(new_authority(NOW)), "it cannot be read"),
    ],
)
def test_a_damaged_secret_is_issued_again(spoiled: Pair, why: str) -> None:
    held, _ = at(NOTHING, timedelta())
    wanted = renewal(PresentCertificates(held.authority, held.bundle, {"wao-metrics-api": spoiled}), HOSTS, NOW)
    assert why in wanted.reasons["wao-metrics-api"]


def test_a_certificate_and_the_key_of_another_are_not_served() -> None:
    held, _ = at(NOTHING, timedelta())
    other, _ = at(NOTHING, timedelta())
    mixed = Pair(held.pairs["wao-metrics-api"].certificate, other.pairs["wao-metrics-api"].key)
    wanted = renewal(PresentCertificates(held.authority, held.bundle, {"wao-metrics-api": mixed}), HOSTS, NOW)
    assert wanted.reasons == {"wao-metrics-api": "certificate and key do not belong together"}


def test_a_service_that_moved_gets_its_new_names() -> None:
    held, _ = at(NOTHING, timedelta())
    wanted = renewal(held, {"wao-metrics-api": service_hosts("wao-metrics-api", "other")}, NOW)
    assert "wao-metrics-api.other.svc" in wanted.reasons["wao-metrics-api"]


def test_a_damaged_bundle_is_published_again() -> None:
    held, _ = at(NOTHING, timedelta())
    wanted = renewal(PresentCertificates(held.authority, b"-----BEGIN", held.pairs), HOSTS, NOW)
    assert wanted.bundle == held.bundle


def test_a_key_is_not_shown_by_accident() -> None:
    assert "PRIVATE" not in repr(new_authority(NOW))
