"""Where simulations run."""

import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from wao_predict.errors import RemoteError, UsageError
from wao_predict.simulate.executors import CLIENT_ATTEMPTS, check_listening, on_ray


def test_a_ray_cluster_that_does_not_listen_is_refused_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        port = taken.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            with pytest.raises(RemoteError, match=f"no Ray cluster answers at {address}: Connection refused; start"):
                check_listening(address)


def test_a_ray_cluster_that_listens_is_accepted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_listening(f"127.0.0.1:{server.getsockname()[1]}")
        check_listening(f"ray://127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize("address", ["local", "auto"])
def test_addresses_without_a_host_are_left_to_ray(address: str) -> None:
    check_listening(address)


@pytest.mark.parametrize("address", ["host:port", "ray://[::1"])
def test_an_address_that_cannot_be_read_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="write ray://host:10001"):
        check_listening(address)


class BusyRay(SimpleNamespace):
    """A Ray whose first connections fail, as those of a busy cluster do."""

    def __init__(self, failures: int) -> None:
        super().__init__(exceptions=SimpleNamespace(RayTaskError=KeyError, RayError=OSError))
        self.failures, self.attempts = failures, 0

    def init(self, **_: object) -> None:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise ConnectionError("Starting Ray client server failed")

    def remote(self, work: object) -> SimpleNamespace:
        return SimpleNamespace(remote=work)

    def wait(self, waiting: list[object], num_returns: int) -> tuple[list[object], list[object]]:
        return waiting[:num_returns], waiting[num_returns:]

    def get(self, done: list[object]) -> list[object]:
        return done

    def shutdown(self) -> None:
        pass


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_busy_ray_client_server_is_tried_again(listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", BusyRay(failures=CLIENT_ATTEMPTS - 1))
    assert list(on_ray(f"ray://{listening}")(str, [1, 2])) == ["1", "2"]


@pytest.mark.parametrize(("scheme", "attempts"), [("ray://", CLIENT_ATTEMPTS), ("", 1)])
def test_a_ray_cluster_that_keeps_failing_is_an_error_with_its_reason(
    scheme: str, attempts: int, listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = BusyRay(failures=99)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(RemoteError, match=f"no Ray cluster answers at {scheme}{listening}.*Starting Ray client"):
        list(on_ray(f"{scheme}{listening}")(str, [1]))
    assert ray.attempts == attempts
