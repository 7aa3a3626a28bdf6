"""The kernel's word on every golden ruleset."""

from __future__ import annotations

import subprocess

import pytest

from tests.netns.miniature import Miniature
from tests.wao_lb.agent.services import NAMES, scripts, skeletons
from wao_lb.agent.family import FAMILIES
from wao_lb.agent.transaction import delete_tables

pytestmark = pytest.mark.netns


def check(cluster: Miniature, transaction: str) -> tuple[int, str]:
    """Return how nft's check ends, and what it says, in a namespace without any table."""
    return run(cluster, transaction, "--check")


def run(cluster: Miniature, transaction: str, *options: str) -> tuple[int, str]:
    """Return how nft ends, and what it says, in that namespace."""
    done = subprocess.run([*cluster.enter("client"), "nft", *options, "-f", "-"], input=transaction, text=True,
                          capture_output=True, check=False, timeout=30)  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_takes_the_golden_ruleset(cluster: Miniature, name: str) -> None:
    for script in skeletons() if name == "skeleton" else scripts(name):
        assert (0, "") == check(cluster, script)


@pytest.mark.parametrize("name", NAMES)
def test_nft_reads_the_golden_ruleset_and_takes_it_again(cluster: Miniature, name: str) -> None:
    """Before it changes anything, nft reads and judges what is there."""
    for script in skeletons() if name == "skeleton" else scripts(name):
        made = [line.split() for line in script.splitlines() if line.startswith("add chain")]
        again = script + "".join(f"flush {' '.join(words[1:5])}\n" for words in made)
        for commands in (script, again):
            assert (0, "") == run(cluster, commands)
        assert (0, "") == run(cluster, delete_tables(FAMILIES))


def test_the_check_refuses_what_is_wrong(cluster: Miniature) -> None:
    transaction = scripts("affinity")[0]
    assert 0 != check(cluster, transaction.replace("goto endpoint-", "goto no-endpoint-"))[0]
