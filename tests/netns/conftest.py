"""One miniature cluster with a running agent for all tests of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.netns.miniature import FOLLOWING, SERVICES, Miniature

NEEDS = ("ip", "nft", "conntrack")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miniature]:
    """The namespaces with pods and manifests, without an agent."""
    missing = [f"the command {name}" for name in NEEDS if shutil.which(name) is None]
    if os.geteuid() != 0:
        missing.append("root")
    if missing:
        pytest.fail(f"these tests need {', '.join(missing)}: run `make test-netns` as root")
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
