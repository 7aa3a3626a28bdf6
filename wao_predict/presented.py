"""The certificate that a server presents, for a person who decides whether to trust it. Nothing else is sent."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import dataclass

from wao_predict.connection import TlsPolicy, UnverifiedCertificate, origin_of, ssl_context
from wao_predict.errors import UsageError
from wao_predict.remote import remote_error


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """A server's certificate.

    Parameters
    ----------
    fingerprint
        Its SHA-256 in hex.
    problem
        Why it cannot be verified, empty where it can.
    """

    fingerprint: str
    problem: str = ""


def presented_certificate(url: str, policy: TlsPolicy, *, timeout: float = 10.0) -> PresentedCertificate:
    """Return the certificate that the server of a URL presents, and whether it satisfies a policy.

    Raises
    ------
    UsageError
        The URL is not an https URL, or the policy's authorities cannot be read.
    RemoteError
        The server cannot be reached, or does not complete a TLS handshake.
    """
    scheme, host, port = origin_of(url)
    if scheme != "https":
        raise UsageError(f"{host} has no certificate: its URL begins with http://")
    context = ssl_context(policy)
    try:
        with (
            socket.create_connection((host, port), timeout) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            return PresentedCertificate(hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest())
    except UnverifiedCertificate as error:
        return PresentedCertificate(error.fingerprint, error.verify_message)
    except OSError as error:  # TimeoutError and ssl.SSLError are OSErrors
        raise remote_error(error, url, timeout=timeout) from None
