"""Certificates as facts."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from wao_core.certificates.authority import issue, new_authority
from wao_doctor.facts import Missing
from wao_doctor.gathering.certificates import decoded, described, load

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_validity_and_subject_are_read() -> None:
    authority = new_authority(NOW)
    pair = issue(authority, ["wao-lb.wao-system.svc"], NOW)
    found = described(pair.certificate, load(authority.certificate))
    assert not isinstance(found, Missing)
    (certificate,) = found
    assert certificate.subject == "CN=wao-lb.wao-system.svc"
    assert certificate.trusted
    assert NOW.timestamp() < certificate.end < (NOW + timedelta(days=120)).timestamp()


def test_a_certificate_of_another_authority_is_not_trusted() -> None:
    pair = issue(new_authority(NOW), ["x"], NOW)
    found = described(pair.certificate, load(new_authority(NOW).certificate))
    assert not isinstance(found, Missing)
    assert not found[0].trusted
    unknown = described(pair.certificate, None)
    assert not isinstance(unknown, Missing)
    assert unknown[0].trusted


def test_text_that_is_no_certificate_is_missing() -> None:
    assert isinstance(described(b"", None), Missing)
    assert isinstance(described(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", None), Missing)
    assert decoded("%") == b""
    assert decoded(base64.b64encode(b"x").decode()) == b"x"
