"""The certificate that a server presents."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.certificates import SelfSigned, old_certificate_in, self_signed_in
from wao_predict import RemoteError, TlsPolicy, UsageError
from wao_predict.presented import PresentedCertificate, presented_certificate
from wao_predict.testing import MockBmc


async def presented(
    certificate: SelfSigned, policy: TlsPolicy, *, ciphers: str = ""
) -> tuple[PresentedCertificate, MockBmc]:
    """Return what a BMC with this certificate presents, and the BMC after it has stopped."""
    bmc = MockBmc({})
    await bmc.start(tls=certificate.serving_with(ciphers))
    try:
        return await asyncio.to_thread(presented_certificate, bmc.url, policy, timeout=5.0), bmc
    finally:
        await bmc.stop()


async def test_a_certificate_that_satisfies_the_policy_has_no_problem(tmp_path: Path) -> None:
    certificate = self_signed_in(tmp_path)
    seen, bmc = await presented(certificate, TlsPolicy(ca_file=certificate.certificate))
    assert seen == PresentedCertificate(certificate.fingerprint)
    assert bmc.requests == []


@pytest.mark.parametrize("bits", [1024, 2048])
async def test_another_certificate_is_returned_with_its_problem(tmp_path: Path, bits: int) -> None:
    certificate = old_certificate_in(tmp_path, bits=bits)
    seen, bmc = await presented(certificate, TlsPolicy(), ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    assert seen.fingerprint == certificate.fingerprint
    assert seen.problem in ("EE certificate key too weak", "self-signed certificate", "certificate has expired")
    assert bmc.requests == []


async def test_a_server_without_a_certificate_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"127\.0\.0\.1 has no certificate: its URL begins with http://"):
        presented_certificate("http://127.0.0.1:9", TlsPolicy())
    with pytest.raises(RemoteError, match="cannot connect"):
        presented_certificate("https://127.0.0.1:9", TlsPolicy())
    with pytest.raises(UsageError, match="cannot be read"):
        presented_certificate("https://127.0.0.1:9", TlsPolicy(ca_file=tmp_path / "absent.pem"))
