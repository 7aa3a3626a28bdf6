"""Certificates as facts: their names, their validity, and whether the published authorities signed them. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from wao_core.certificates.authority import is_signed_by
from wao_doctor.facts import Certificate, Missing

MOST = 50
"""Certificates of one bundle that are examined."""


def decoded(text: str) -> bytes:
    """Return the bytes of base64 text, none if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def load(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates in PEM; none if it has none or is damaged."""
    try:
        return x509.load_pem_x509_certificates(pem)[:MOST]
    except ValueError:
        return []


def described(pem: bytes, authorities: Sequence[x509.Certificate] | None) -> tuple[Certificate, ...] | Missing:
    """Return the certificates in PEM as facts; the first one is that of the server.

    Parameters
    ----------
    authorities
        Those that must have signed them; None for authorities themselves, and while they are not known.
    """
    found = load(pem)
    if not found:
        return Missing("it has no certificate in PEM", "Let the controller, or cert-manager, write it again.")
    return tuple(
        Certificate(
            subject=item.subject.rfc4514_string() or item.serial_number.__format__("x"),
            begin=_seconds(item.not_valid_before_utc),
            end=_seconds(item.not_valid_after_utc),
            trusted=authorities is None or index > 0 or any(is_signed_by(item, parent) for parent in authorities),
        )
        for index, item in enumerate(found)
    )


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
