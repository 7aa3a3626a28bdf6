"""One miniature cluster with a running agent for all tests of this folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.netns.miniature import FOLLOWING, SERVICES, Miniature

NEEDS = ("ip", "nft", "setpriv")


def why_not() -> str:
    """Return why namespaces cannot be made here, "" when they can."""
    missing = [f"the command {name}" for name in NEEDS if shutil.which(name) is None]
    if os.geteuid() != 0:
        missing.append("root")
    if missing:
        return f"missing here: {', '.join(missing)}"
    probe = ["ip", "netns", "exec", name := f"wao-probe-{os.getpid()}", "nft", "list", "tables"]
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False, timeout=30)
    done = subprocess.run(probe, capture_output=True, text=True, check=False, timeout=30)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False, timeout=30)
    return "" if 0 == made.returncode == done.returncode else f"no namespace with nft: {made.stderr}{done.stderr}"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miniature]:
    """The namespaces with pods and manifests, without an agent."""
    if why := why_not():
        pytest.fail(f"{why}; run `make test-netns` as root, in a container with NET_ADMIN and SYS_ADMIN")
    made = Miniature(tmp_path_factory.mktemp("miniature"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def node(cluster: Miniature) -> Miniature:
    """The same with an agent that follows a weight service, and the Services that most tests use."""
    cluster.weigh({})
    for name, (number, pods, spec) in SERVICES.items():
        cluster.serve(name, pods, number=number, **spec)
    cluster.agent(*FOLLOWING)
    cluster.settled(*(f"default/{name}/" for name in SERVICES if name not in ("empty", "outside")))
    return cluster


@pytest.fixture
def empty_namespace() -> Iterator[list[str]]:
    """Return how to run a command in a network namespace without tables, whatever this machine has."""
    subprocess.run(["ip", "netns", "add", name := f"wao-empty-{os.getpid()}"], check=True, timeout=30)
    yield ["ip", "netns", "exec", name]
    subprocess.run(["ip", "netns", "del", name], check=True, timeout=30)
