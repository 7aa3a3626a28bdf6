"""An API server that answers wrongly: every server goes on with what it knows, and follows again afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.fakes.api_server import BOOKMARKS, ApiServer
from tests.fakes.wrong_answers import WRONG, WRONG_LINES
from tests.faults.processes import FLEET, SERVERS, THOROUGH, ServerProcess, report, running, seconds_until, tracebacks
from wao_core.kube.reflector import SHORT_WATCH

pytestmark = pytest.mark.timeout(300)
ANSWERS = (*WRONG, *WRONG_LINES)
BACK = 15.0
"""Seconds after which a server follows the API server again, when that answered wrongly for a second or two."""
WATCHES = 17
"""Watches of the four servers together."""


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    with ApiServer(sorted(FLEET.glob("*.yaml"))) as made:
        yield made


@pytest.fixture(scope="module")
def clients(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServerProcess]]:
    folder = tmp_path_factory.mktemp("api")
    with ExitStack() as stack:
        configs = {name: str(api.kubeconfig(folder, name)) for name in SERVERS}
        yield {
            name: stack.enter_context(running(name, folder, "--kubeconfig", config, manifests=None))
            for name, config in configs.items()
        }


def steady(api: ApiServer) -> bool:
    """Return whether all watches are open for so long that the back-off of each begins at its start again."""
    return api.watches(older_than=SHORT_WATCH + 2 * BOOKMARKS) == api.watches() and len(api.watches()) >= WATCHES


@pytest.mark.parametrize("number", range(len(ANSWERS) if THOROUGH else -(-len(ANSWERS) // WATCHES)))
def test_a_wrong_answer_stops_no_server_and_is_forgotten_soon(
    number: int, api: ApiServer, clients: Mapping[str, ServerProcess]
) -> None:
    """Each watch of each server has another wrong answer; after all rounds there was every answer."""
    seconds_until(lambda: steady(api), 60.0, "all servers follow")
    first = number if THOROUGH else number * WATCHES
    faults = {asked: ANSWERS[(first + place) % len(ANSWERS)] for place, asked in enumerate(sorted(api.watches()))}
    api.break_for(faults)
    seconds_until(lambda: all(api.wrong[asked] for asked in faults), BACK, "all have their wrong answers")
    for name, server in clients.items():
        server.serve_good_client()
        assert server.ready(), name
    api.break_for({})
    version = api.create({"kind": "Node", "metadata": {"name": f"after-{number}"}})
    back = seconds_until(lambda: all(api.seen(asked) >= version for asked in faults), BACK, "all follow again")
    report(f"{len(faults)} wrong answers to four servers: all follow the API server again after {back:.1f} s")
    for server in clients.values():
        server.serve_good_client()
        server.assert_within_its_memory()
        assert not tracebacks(server.log)
