"""Authorities of client certificates, from the ConfigMap kube-system/extension-apiserver-authentication. Pure.

A certificate identifies a front proxy only if its chain ends in an authority of `requestheader-client-ca-file` and its
common name is allowed; the name alone proves nothing.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from wao_core.errors import WaoCoreError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class TrustError(WaoCoreError, ValueError):
    """The configuration of the front proxy cannot be used; the message names the key."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Authorities as hexadecimal SHA-256 digests of their certificates; header names in lower case."""

    client_bundle: str = ""
    proxy_bundle: str = ""
    client_roots: frozenset[str] = frozenset()
    proxy_roots: frozenset[str] = frozenset()
    allowed_names: frozenset[str] = frozenset()  # empty: any common name
    user_headers: tuple[str, ...] = ("x-remote-user",)
    group_headers: tuple[str, ...] = ("x-remote-group",)
    extra_prefixes: tuple[str, ...] = ("x-remote-extra-",)
    uid_headers: tuple[str, ...] = ("x-remote-uid",)

    @property
    def authorities(self) -> bytes:
        """All authorities as one PEM bundle, for the TLS handshake."""
        return "\n".join(part for part in (self.proxy_bundle, self.client_bundle) if part).encode()

    def is_proxy_name(self, common_name: str) -> bool:
        """Whether a front proxy may have this common name."""
        return not self.allowed_names or common_name in self.allowed_names


def trust_of(data: Mapping[str, str]) -> Trust:
    """Return the trust that the data of the ConfigMap describes.

    Raises
    ------
    TrustError
        A bundle has no certificate, or a list is not a JSON array of strings.
    """
    client, proxy = data.get("client-ca-file", ""), data.get("requestheader-client-ca-file", "")
    default = Trust()
    return Trust(
        client_bundle=client,
        proxy_bundle=proxy,
        client_roots=_digests(client, "client-ca-file"),
        proxy_roots=_digests(proxy, "requestheader-client-ca-file"),
        allowed_names=frozenset(_strings(data, "requestheader-allowed-names")),
        user_headers=_headers(data, "requestheader-username-headers") or default.user_headers,
        group_headers=_headers(data, "requestheader-group-headers") or default.group_headers,
        extra_prefixes=_headers(data, "requestheader-extra-headers-prefix") or default.extra_prefixes,
        # only API servers that send the header have this key
        uid_headers=_headers(data, "requestheader-uid-headers"),
    )


def _digests(bundle: str, key: str) -> frozenset[str]:
    try:
        found = [ssl.PEM_cert_to_DER_cert(block) for block in _PEM.findall(bundle)]
    except ValueError as error:
        raise TrustError(f"{key}: a certificate cannot be read: {error}") from error
    if bundle.strip() and not found:
        raise TrustError(f"{key}: it contains no PEM certificate")
    return frozenset(hashlib.sha256(der).hexdigest() for der in found)


def _strings(data: Mapping[str, str], key: str) -> list[str]:
    text = data.get(key, "")
    if not text.strip():
        return []
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError as error:
        raise TrustError(f"{key}: must be a JSON array of strings: {error}") from error


def _headers(data: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in _strings(data, key))
