"""Where simulations run."""

import socket

import pytest

from wao_predict.errors import RemoteError, UsageError
from wao_predict.simulate.executors import check_listening


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
