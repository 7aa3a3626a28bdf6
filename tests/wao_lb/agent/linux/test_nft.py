"""The command nft: what it is given, and what its refusals become."""

from __future__ import annotations

from pathlib import Path

import pytest

from wao_lb.agent.family import IPV4, IPV6
from wao_lb.agent.linux.nft import FEATURES, MAX_ERROR, Nft, NftError


def script(folder: Path, body: str, **more: float) -> Nft:
    """Return an nft whose command is a shell script."""
    path = folder / "nft"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return Nft((str(path),), **more)


VERSION = 'if [ "$1" = --version ]; then echo "nftables v1.0.6 (Lester Gooch #5)"; exit 0; fi\n'


async def test_a_transaction_is_passed_on_standard_input(tmp_path: Path) -> None:
    nft = script(tmp_path, f'echo "$*" > {tmp_path}/arguments; cat > {tmp_path}/input')
    await nft.apply("add table ip wao-loadbalancer\n")
    assert "-f -\n" == (tmp_path / "arguments").read_text()
    assert "add table ip wao-loadbalancer\n" == (tmp_path / "input").read_text()
    await nft.check("x")
    assert "--check -f -\n" == (tmp_path / "arguments").read_text()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo 'Error: syntax error' >&2; exit 1", "nft refused: Error: syntax error"),
        ("exit 3", "nft refused: exit code 3"),
    ],
)
async def test_a_refusal_has_the_words_of_nft(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(NftError, match=words):
        await script(tmp_path, body).apply("x")


async def test_a_long_refusal_is_cut(tmp_path: Path) -> None:
    with pytest.raises(NftError) as raised:
        await script(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1").apply("x")
    assert len(str(raised.value)) < MAX_ERROR + 100


async def test_a_command_that_is_missing_or_does_not_end_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NftError, match="install the package nftables"):
        await Nft((str(tmp_path / "none"),)).apply("x")
    with pytest.raises(NftError, match="did not end within"):
        await script(tmp_path, "exec sleep 60", timeout=0.05).apply("x")


async def test_the_version_is_read(tmp_path: Path) -> None:
    assert (1, 0, 6) == await script(tmp_path, VERSION).version()
    with pytest.raises(NftError, match="answers 'busybox'"):
        await script(tmp_path, "printf busybox").version()


async def test_an_old_version_is_named_without_trying_features(tmp_path: Path) -> None:
    nft = script(tmp_path, VERSION.replace("1.0.6", "0.9.8") + "exit 1")
    (why,) = await nft.preflight(IPV4)
    assert "nft 0.9.8 is older than 1.0.1" in why


async def test_every_missing_feature_is_named(tmp_path: Path) -> None:
    assert [] == await script(tmp_path, VERSION + "cat > /dev/null").preflight(IPV6)
    missing = await script(tmp_path, VERSION + "grep -q masquerade && { echo no >&2; exit 1; }; exit 0").preflight(IPV6)
    assert ["masquerading (NFT_MASQ): nft refused: no"] == missing
    everything = await script(tmp_path, VERSION + "exit 1").preflight(IPV4)
    assert len(FEATURES) == len(everything)
