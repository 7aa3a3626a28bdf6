"""The serving side of TLS: certificates that are replaced while the server runs.

The SNI hook gives every handshake the current context. So a new serving certificate or a new set of client
authorities takes effect with the next connection, without a restart. TLS 1.3 without session tickets: a resumed
session would skip the verification of the client's certificate.
"""

from __future__ import annotations

import atexit
import logging
import shutil
import ssl
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from wao_core.certificates.self_signed import bootstrap_certificate, expiry_of
from wao_core.serving.options import ServerOptions
from wao_predict.errors import UsageError

_log = logging.getLogger(__name__)
Signature = tuple[tuple[int, int, int], ...]


class ServingTls:
    """A serving certificate on disk and, where clients may send certificates, the authorities that must issue them.

    Parameters
    ----------
    certificate, key
        PEM files. They are read at the start, and again by `refresh` when they have changed.
    self_signed_hosts
        Host names of a self-signed certificate, which is created in these files and renewed 30 days before it
        expires. None: the files belong to somebody else.
    client_certificates
        Whether clients are asked for a certificate; see `set_client_authorities` for those that send one. This
        cannot change later, as a handshake takes the authorities of a swapped context, but not its verify mode.
    client_ca
        PEM file of the authorities of client certificates, read again like the serving certificate. Clients are asked
        for a certificate.

    Attributes
    ----------
    expires_at
        When the certificate expires [s since the epoch].

    Raises
    ------
    UsageError
        The files cannot be read or do not belong together.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        *,
        self_signed_hosts: Iterable[str] | None = None,
        client_certificates: bool = False,
        client_ca: Path | None = None,
    ) -> None:
        self.certificate, self.key, self._client_ca = certificate, key, client_ca
        self.asks_clients = client_certificates or client_ca is not None
        self._hosts = None if self_signed_hosts is None else tuple(self_signed_hosts)
        self._client_authorities = b""
        self._problem = ""  # of the last refresh
        self.expires_at = 0.0
        try:
            if self._hosts is not None:
                bootstrap_certificate(certificate.parent, self._hosts)
            self._signature = self._sign()
            self._current = self._build()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"the serving certificate {certificate} with key {key} cannot be used: {error}; "
                "give PEM files that belong together, and a folder that can be written for a self-signed certificate"
            ) from error
        self.listener = self._listener_context()

    @property
    def current(self) -> ssl.SSLContext:
        """The context that the next handshake uses."""
        return self._current

    def set_client_authorities(self, pem: bytes) -> None:
        """Accept client certificates of these authorities from the next connection on; empty refuses all.

        Raises `ssl.SSLError` or `ValueError` for unusable PEM; the previous authorities stay.
        """
        old, self._client_authorities = self._client_authorities, pem
        try:
            self._current = self._build()
        except (OSError, ValueError):
            self._client_authorities = old
            raise

    def refresh(self) -> bool:
        """Load changed files and renew a self-signed certificate; return whether the certificate changed.

        Files that cannot be used are logged once, and the previous certificate stays.
        """
        try:
            if self._hosts is not None:
                bootstrap_certificate(self.certificate.parent, self._hosts)
            signature = self._sign()
            if signature == self._signature:
                self._problem = ""
                return False
            self._current = self._build()
        except (OSError, ValueError) as error:
            # certificate and key are two files, which do not match while only one of them is written
            if str(error) != self._problem:
                _log.warning(
                    "the serving certificate %s cannot be renewed, still using the old one: %s", self.certificate, error
                )
            self._problem = str(error)
            return False
        self._signature, self._problem = signature, ""
        _log.info("loaded the changed serving certificate %s", self.certificate)
        return True

    def _sign(self) -> Signature:
        found = []
        for path in filter(None, (self.certificate, self.key, self._client_ca)):
            try:
                stat = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)

    def _build(self) -> ssl.SSLContext:
        context = _server_context(self.asks_clients)
        context.load_cert_chain(self.certificate, self.key)
        self.expires_at = expiry_of(self.certificate)
        if self._client_authorities:
            context.load_verify_locations(cadata=self._client_authorities.decode("ascii"))
        if self._client_ca is not None:
            context.load_verify_locations(cafile=self._client_ca)
        return context

    def _listener_context(self) -> ssl.SSLContext:
        context = _server_context(self.asks_clients)
        context.load_cert_chain(self.certificate, self.key)

        def swap(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self._current

        context.sni_callback = swap
        return context


def certificate_warning(options: ServerOptions) -> str | None:
    """Return the warning about a certificate that clients cannot know, None for another one."""
    if options.insecure_http or options.tls_cert_file is not None or options.self_signed_dir is not None:
        return None
    return "no certificate is configured: using a self-signed one until this process ends"


def tls_from_options(
    options: ServerOptions, *, client_certificates: bool = False, client_ca: Path | None = None
) -> ServingTls | None:
    """Return the TLS settings of the options, None for plain HTTP."""
    if options.insecure_http:
        return None
    serving = partial(ServingTls, client_certificates=client_certificates, client_ca=client_ca)
    if options.tls_cert_file is not None and options.tls_private_key_file is not None:
        return serving(options.tls_cert_file, options.tls_private_key_file)
    folder = options.self_signed_dir
    if folder is None:
        folder = _temporary_folder()
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    names = [options.host] if options.host not in ("0.0.0.0", "::", "") else []  # noqa: S104
    return serving(folder / "tls.crt", folder / "tls.key", self_signed_hosts=names)


def _temporary_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="wao-tls-"))
    except OSError as error:
        raise UsageError(
            f"there is no room for a self-signed certificate: {error}; give --self-signed-dir, or --tls-cert-file and "
            "--tls-private-key-file"
        ) from error


def _server_context(asks_clients: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    if asks_clients:
        context.verify_mode = ssl.CERT_OPTIONAL
        # as in Go, an authority that is not self-signed is a trust anchor too
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
