"""The parts of certificates: names within the limits of X.509, validity that tolerates other clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wao_core.certificates.parts import CLOCK_SKEW, Pair, builder, common_name, general_name, key_usage

NOW = datetime(2026, 11, 23, 20, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def signed(key: ec.EllipticCurvePrivateKey, now: datetime = NOW) -> x509.Certificate:
    name = common_name("wao")
    return builder(name, name, key.public_key(), now, timedelta(days=2)).sign(key, hashes.SHA256())


def test_a_certificate_is_valid_a_little_earlier_for_clocks_that_are_behind(key: ec.EllipticCurvePrivateKey) -> None:
    made = signed(key)
    assert made.not_valid_before_utc == NOW - CLOCK_SKEW
    assert made.not_valid_after_utc == NOW - CLOCK_SKEW + timedelta(days=2)


def test_times_of_other_zones_are_converted(key: ec.EllipticCurvePrivateKey) -> None:
    assert signed(key, NOW.astimezone(ZoneInfo("Asia/Tokyo"))).not_valid_before_utc == NOW - CLOCK_SKEW


def test_each_certificate_has_a_number_of_its_own(key: ec.EllipticCurvePrivateKey) -> None:
    assert signed(key).serial_number != signed(key).serial_number


def test_a_pair_is_pem_and_does_not_show_its_key(key: ec.EllipticCurvePrivateKey) -> None:
    pair = Pair.of(signed(key), key)
    loaded = serialization.load_pem_private_key(pair.key, None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.public_key() == x509.load_pem_x509_certificate(pair.certificate).public_key()
    assert "PRIVATE" not in repr(pair)


@pytest.mark.parametrize(("text", "length"), [("wao", 3), ("x" * 64, 64), ("x" * 65, 64)])
def test_a_common_name_is_cut_to_what_x509_allows(text: str, length: int) -> None:
    (attribute,) = common_name(text).get_attributes_for_oid(NameOID.COMMON_NAME)
    assert len(attribute.value) == length


@pytest.mark.parametrize(
    ("host", "kind"),
    [("10.0.0.1", x509.IPAddress), ("::1", x509.IPAddress), ("wao.example", x509.DNSName), ("10.0.0", x509.DNSName)],
)
def test_addresses_and_host_names_have_a_form_each(host: str, kind: type) -> None:
    assert isinstance(general_name(host), kind)


@pytest.mark.parametrize("signs", [True, False])
def test_only_the_key_of_an_authority_signs_certificates(signs: bool) -> None:
    usage = key_usage(signs=signs)
    assert (usage.digital_signature, usage.key_cert_sign) == (True, signs)
