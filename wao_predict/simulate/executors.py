"""Where simulations run: in this process, on a pool of processes, or on a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any
from urllib.parse import urlsplit

from wao_predict.backoff import Backoff
from wao_predict.errors import MissingExtra, RemoteError, UsageError, WaoPredictError
from wao_predict.simulate.sweep import Executor, Found, Given

RAY_CLIENT_PORT = 10001
REACH_TIME = 5.0
"""Time in which a Ray cluster must accept a connection [s]."""
CLIENT_ATTEMPTS = 3
"""Attempts to connect to ray://, which starts a server for each client and gives up after 30 s on a busy machine."""


def in_this_process(work: Callable[[Given], Found], tasks: Sequence[Given]) -> Iterator[Found]:
    """Yield the result of each task, one after the other."""
    yield from map(work, tasks)


def on_processes(jobs: int | None = None) -> Executor:
    """Return an executor on a pool of processes; with one job, the tasks run in this process.

    Parameters
    ----------
    jobs
        Number of processes; default: the number of CPU cores that this process may use.
    """
    count = jobs or len(os.sched_getaffinity(0))

    def execute(work: Callable[[Given], Found], tasks: Sequence[Given]) -> Iterator[Found]:
        if min(count, len(tasks)) <= 1:
            yield from in_this_process(work, tasks)
            return
        # a forked process would inherit the threads of a notebook or of a progress bar
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(count, len(tasks)), mp_context=context) as pool:
            try:
                for future in as_completed([pool.submit(work, task) for task in tasks]):
                    yield future.result()
            except BrokenProcessPool:
                raise UsageError(
                    "a process of the simulation ended, perhaps for lack of memory: use fewer --jobs"
                ) from None
            finally:
                pool.shutdown(cancel_futures=True)

    return execute


def on_ray(address: str) -> Executor:
    """Return an executor on a Ray cluster.

    Parameters
    ----------
    address
        Address of the cluster, such as ray://host:10001 or host:6379; "local" starts one on this machine.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("Ray", "ray") from error

    def execute(work: Callable[[Given], Found], tasks: Sequence[Given]) -> Iterator[Found]:
        _connect(ray, address)
        try:
            remote = ray.remote(work)
            waiting = [remote.remote(task) for task in tasks]
            while waiting:
                done, waiting = ray.wait(waiting, num_returns=1)
                yield from ray.get(done)
        except ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, WaoPredictError):
                raise cause from None
            raise RemoteError(f"a simulation failed on the Ray cluster {address}", detail=str(cause)[:300]) from None
        except ray.exceptions.RayError as error:
            raise RemoteError(f"the Ray cluster {address} failed", detail=str(error)[:300]) from None
        finally:
            ray.shutdown()

    return execute


def check_listening(address: str) -> None:
    """Check that something listens at the address of a Ray cluster: Ray itself would try for minutes.

    Addresses without a host, such as "local" and "auto", are not checked.

    Raises
    ------
    RemoteError
        Nothing listens there.
    """
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port or (RAY_CLIENT_PORT if parts.scheme == "ray" else None)
    except ValueError:
        raise UsageError(f"--ray {address!r:.100}: write ray://host:10001, host:6379, or local") from None
    if host is None or port is None:
        return
    try:
        socket.create_connection((host, port), timeout=REACH_TIME).close()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RemoteError(
            f"no Ray cluster answers at {address}: {reason}; start one with `ray start --head`, or use --ray local",
            endpoint=address,
        ) from None


def _connect(ray: Any, address: str) -> None:
    """Connect to a cluster, and send it this package."""
    import wao_predict

    check_listening(address)
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address != "local":
        options["runtime_env"] = {"py_modules": [os.path.dirname(wao_predict.__file__)]}
    attempts = CLIENT_ATTEMPTS if address.startswith("ray://") else 1
    backoff = Backoff(initial=1.0)
    for attempt in range(1, attempts + 1):
        try:
            ray.init(address=address, **options)
            return
        except Exception as error:  # Ray raises a plain Exception when a cluster does not start in time
            ray.shutdown()
            if attempt == attempts:
                reason = str(error)[:300]
                raise RemoteError(f"no Ray cluster answers at {address}", endpoint=address, detail=reason) from None
        time.sleep(backoff.next())
