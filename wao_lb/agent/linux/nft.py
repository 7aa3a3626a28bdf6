"""The `nft` command: it applies transactions as text and checks the features of the kernel."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Sequence

from wao_lb.agent.family import Family
from wao_lb.agent.slots import MODULUS
from wao_predict.errors import WaoError

OLDEST = (1, 0, 1)
MAX_ERROR = 2000
FEATURES = {
    "weight maps (NFT_NUMGEN)": (
        "add chain {ip} {t} a",
        "add map {ip} {t} m {{ typeof numgen random mod {modulus} : verdict; flags interval; }}",
        "add rule {ip} {t} a numgen random mod {modulus} vmap @m",
    ),
    "weight maps of addresses (NFT_NUMGEN, NFT_NAT)": (
        "add chain {ip} {t} b",
        "add map {ip} {t} w {{ typeof numgen random mod {modulus} : {ip} daddr . tcp dport; flags interval; }}",
        "add rule {ip} {t} b meta l4proto tcp dnat {ip} to numgen random mod {modulus} map @w",
    ),
    "NAT (NFT_NAT)": (
        "add chain {ip} {t} n {{ type nat hook prerouting priority -100; }}",
        "add chain {ip} {t} e",
        "add rule {ip} {t} e meta l4proto tcp dnat to {to}",
    ),
    "masquerading (NFT_MASQ)": (
        "add chain {ip} {t} s {{ type nat hook postrouting priority 100; }}",
        "add rule {ip} {t} s masquerade fully-random",
    ),
    "reject (NFT_REJECT)": (
        "add chain {ip} {t} r {{ type filter hook input priority -111; }}",
        "add rule {ip} {t} r ct state new reject",
    ),
    "fib (NFT_FIB)": (
        "add chain {ip} {t} f {{ type filter hook prerouting priority -111; }}",
        "add rule {ip} {t} f fib saddr type local return",
    ),
    "dynamic sets": (
        "add set {ip} {t} d {{ type {type}; flags dynamic,timeout; timeout 60s; }}",
        "add chain {ip} {t} u",
        "add rule {ip} {t} u update @d {{ {ip} saddr }}",
    ),
}
"""Required kernel features, each as commands that `nft --check` tries without effect."""


class NftError(WaoError):
    """nft refused a transaction, which had no effect, or could not be run."""


class Nft:
    """Runner of the `nft` command.

    Parameters
    ----------
    command
        The program with leading arguments, such as ("ip", "netns", "exec", "node", "nft").
    timeout
        Timeout of one transaction [s]; a full load of 5,000 Services took 10 s.
    """

    def __init__(self, command: Sequence[str] = ("nft",), *, timeout: float = 120.0) -> None:
        self._command, self._timeout = tuple(command), timeout

    async def apply(self, transaction: str) -> None:
        """Apply one transaction.

        Raises
        ------
        NftError
            The transaction had no effect; the message has the reason.
        """
        await self._run("-f", "-", stdin=transaction)

    async def check(self, transaction: str) -> None:
        """Check a transaction without applying it; raises as `apply`."""
        await self._run("--check", "-f", "-", stdin=transaction)

    async def preflight(self, family: Family) -> list[str]:
        """Return the missing features to serve a family; raises as `apply` when nft cannot be run."""
        version = await self.version()
        if version < OLDEST:
            return [
                f"nft {'.'.join(map(str, version))} is older than {'.'.join(map(str, OLDEST))}: install a newer version"
            ]
        missing = []
        to = "[::1]:1" if family.nft == "ip6" else "127.0.0.1:1"
        for feature, commands in FEATURES.items():
            lines = [f"add table {family.nft} wao-check", *commands]
            words = {"ip": family.nft, "t": "wao-check", "to": to, "type": family.set_type, "modulus": MODULUS}
            script = "\n".join(lines).format(**words)
            try:
                await self.check(f"{script}\n")
            except NftError as error:
                missing.append(f"{feature}: {error}")
        return missing

    async def version(self) -> tuple[int, ...]:
        """Return the version of nft; raises as `apply`."""
        said = await self._run("--version")
        found = re.search(r"v(\d+)\.(\d+)\.(\d+)", said)
        if found is None:
            raise NftError(f"nft --version answers {said[:80]!r}")
        return tuple(int(part) for part in found.groups())

    async def _run(self, *arguments: str, stdin: str = "") -> str:
        # in a thread: after a cancellation nft finishes by itself, as a transaction is atomic
        return await asyncio.to_thread(self._run_blocking, arguments, stdin)

    def _run_blocking(self, arguments: Sequence[str], stdin: str) -> str:
        command = [*self._command, *arguments]
        try:
            done = subprocess.run(  # noqa: S603
                command, input=stdin.encode(), capture_output=True, timeout=self._timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise NftError(f"nft did not end within {self._timeout:g} s") from None
        except OSError as error:
            hint = "install the package nftables"
            raise NftError(f"{self._command[0]} cannot be run: {error.strerror}; {hint}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()[:MAX_ERROR] or f"exit code {done.returncode}"
            raise NftError(f"nft refused: {said}")
        return done.stdout.decode(errors="replace")
