"""The kernel's word on every golden ruleset."""

from __future__ import annotations

import subprocess

import pytest

from tests.netns.miniature import Miniature
from tests.wao_lb.agent.services import NAMES, scripts, skeletons

pytestmark = pytest.mark.netns


def check(cluster: Miniature, script: str) -> tuple[int, str]:
    """Return how nft ends, and what it says, in a namespace without any table."""
    done = subprocess.run([*cluster.enter("client"), "nft", "--check", "-f", "-"], input=script, text=True,
                          capture_output=True, check=False, timeout=30)  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_takes_the_golden_ruleset(cluster: Miniature, name: str) -> None:
    for script in skeletons() if name == "skeleton" else scripts(name):
        assert (0, "") == check(cluster, script)


def test_the_check_refuses_what_is_wrong(cluster: Miniature) -> None:
    script = scripts("weighted")[0]
    assert 0 != check(cluster, script.replace("goto endpoint-", "goto no-endpoint-"))[0]
