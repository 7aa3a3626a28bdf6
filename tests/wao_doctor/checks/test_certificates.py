"""Check `certificates`."""

from __future__ import annotations

import pytest

from tests.fakes.healthy_cluster import DAY, NOW, certificate, found_by, healthy, kinds_of, outcome_of
from wao_doctor.facts import Certificate, CertificatePlace, Missing

SECRET = "Secret wao-system/wao-lb-tls"


def place(*held: Certificate, used_for: str = "server", agrees: bool = True) -> CertificatePlace:
    return CertificatePlace(SECRET, used_for, held, agrees)


def test_the_first_expiry_is_shown() -> None:
    places = (place(certificate(left=60 * DAY)), place(certificate(left=30 * DAY)))
    outcome = outcome_of("certificates", healthy(certificates=places))
    assert (outcome.summary, list(outcome.findings)) == ("2 certificates, the first expires in 30d", [])


@pytest.mark.parametrize(
    ("held", "kind", "evidence"),
    [
        (certificate(left=-2 * DAY), "certificate-expired", "CN=wao expired 2d ago"),
        (certificate(left=3 * DAY), "certificate-expires", "CN=wao expires in 3d"),
        (certificate(begin=NOW + 600), "certificate-not-yet-valid", "CN=wao becomes valid in 10m"),
        (Certificate("CN=x", NOW - 1, NOW + 60 * DAY, trusted=False), "certificate-untrusted", "CN=x"),
    ],
)
def test_a_certificate_that_clients_refuse_is_reported(held: Certificate, kind: str, evidence: str) -> None:
    (found,) = found_by("certificates", certificates=(place(held),))
    assert (found.kind, found.subject, found.evidence) == (kind, SECRET, evidence)


def test_a_secret_or_a_bundle_may_be_missing() -> None:
    assert kinds_of("certificates", certificates=(place(),)) == ["certificate-missing"]
    empty = CertificatePlace("ConfigMap wao-system/wao-ca", "authority", Missing("it has no certificate"))
    assert kinds_of("certificates", certificates=(empty,)) == ["authority-not-published"]
    differs = place(certificate(), used_for="caBundle", agrees=False)
    assert kinds_of("certificates", certificates=(differs,)) == ["authority-not-published"]


def test_secrets_that_may_not_be_read_are_one_finding_that_is_not_known() -> None:
    places = tuple(CertificatePlace(f"Secret {name}", "server", Missing("403")) for name in "ab")
    (found,) = found_by("certificates", certificates=places)
    assert (found.kind, found.severity.value, found.subject) == (
        "certificate-not-read",
        "unknown",
        "Secret a, Secret b",
    )
