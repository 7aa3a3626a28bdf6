"""One process of each server for all tests that leave it running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.processes import ServerProcess, running, tracebacks


class Servers:
    """The servers by name, each started when it is first needed."""

    def __init__(self, factory: pytest.TempPathFactory, stack: ExitStack) -> None:
        self._factory, self._stack = factory, stack
        self.started: dict[str, ServerProcess] = {}

    def __getitem__(self, name: str) -> ServerProcess:
        """Return a running server."""
        if name not in self.started:
            self.started[name] = self._stack.enter_context(running(name, self._factory.mktemp(name)))
        return self.started[name]


@pytest.fixture(scope="session")
def all_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers of all tests."""
    with ExitStack() as stack:
        yield Servers(tmp_path_factory, stack)


@pytest.fixture
def servers(all_servers: Servers) -> Iterator[Servers]:
    """The servers; after the test, each is within its memory and has written no traceback."""
    before = {name: len(tracebacks(server.log)) for name, server in all_servers.started.items()}
    yield all_servers
    for name, server in all_servers.started.items():
        server.assert_within_its_memory()
        assert not tracebacks(server.log)[before.get(name, 0) :], server.log
