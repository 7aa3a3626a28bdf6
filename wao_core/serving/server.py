"""Runs every server: uvicorn on our own socket, TLS that reloads, and a graceful stop that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

from wao_core import tracing
from wao_core.aio import cancel
from wao_core.health import HealthChecks
from wao_core.serving.acceptor import Acceptor
from wao_core.serving.connections import Connections
from wao_core.serving.frame import ServerFrame
from wao_core.serving.limits import ServerLimits, connection_limit
from wao_core.serving.logs import configure_logs
from wao_core.serving.options import ServerOptions
from wao_core.serving.protocol import ServerProtocol
from wao_core.serving.tls import ServingTls, certificate_warning
from wao_core.serving.traced import traced
from wao_predict.errors import UsageError

T = TypeVar("T")
LOOK_AT_CERTIFICATE = 5.0  # seconds between two looks at the files of the serving certificate
_log = logging.getLogger(__name__)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, as we drain first, and without sockets, as `Acceptor` limits connections."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Server:
    """One listening server; use as `async with`.

    Parameters
    ----------
    app
        The ASGI application. Its lifespan is run.
    host, port
        Where to listen; port 0 takes a free one, see `url`.
    tls
        None serves plain HTTP.
    checks
        Readiness fails as soon as the server starts to shut down.
    drain
        Seconds between failing readiness and closing the socket.
    limits
        What is accepted from clients.
    """

    def __init__(
        self,
        app: ASGIApp,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ServingTls | None = None,
        checks: HealthChecks | None = None,
        drain: float = 0.0,
        limits: ServerLimits | None = None,
    ) -> None:
        self.tls = tls
        self.checks = checks or HealthChecks()
        self._host, self._port, self._drain = host, port, drain
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._limits = limits or ServerLimits()
        self._uvicorn = _Uvicorn(_config(app, self._limits))
        self._connections: Connections | None = None
        self._acceptor: Acceptor | None = None
        self.url = ""

    async def __aenter__(self) -> Server:
        listening = _listen(self._host, self._port)
        host, port = listening.getsockname()[:2]
        scheme = "http" if self.tls is None else "https"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        # not supervised: a server that has ended cannot be started again, so its end ends the process
        self._serving = asyncio.create_task(self._uvicorn.serve(sockets=[]), name="uvicorn")
        self._serving.add_done_callback(lambda _: self.stop())
        while not self._uvicorn.started:
            if self._serving.done():
                listening.close()
                await self._serving
                raise UsageError("the application did not start; the reason is in the log")
            await asyncio.sleep(0.005)
        self._accept(listening)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.checks.stopping = True
        if self._acceptor is not None:
            self._acceptor.stop()
        self._uvicorn.should_exit = True
        try:
            if self._serving is not None:
                await self._serving
        finally:
            if self._connections is not None:
                self._connections.stop()

    def _accept(self, listening: socket.socket) -> None:
        connections = self._connections = Connections(self._limits)
        server, config = self._uvicorn, self._uvicorn.config
        self._acceptor = Acceptor(
            listening,
            connections,
            lambda: ServerProtocol(config, server.server_state, server.lifespan.state, connections),
            None if self.tls is None else self.tls.listener,
        )
        connections.start()
        self._acceptor.start()

    def stop(self) -> None:
        """Start a graceful stop."""
        self._stop.set()

    async def serve_until_stopped(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`; then fail readiness and serve on while clients move away."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            await self._stop.wait()
            self.checks.stopping = True
            if self._drain and self._serving is not None and not self._serving.done():
                _log.info("shutting down: not ready from now on, closing in %g s", self._drain)
                await asyncio.sleep(self._drain)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def serve(app: ASGIApp, options: ServerOptions, frame: ServerFrame) -> None:
    """Serve `app` as the options say until the process is asked to stop; print the address once it is ready."""
    server = Server(
        traced(app) if tracing.enabled() else app,
        options.host,
        options.port,
        tls=frame.tls,
        checks=frame.checks,
        drain=options.drain_seconds,
        limits=ServerLimits(connections=connection_limit(options.max_connections)),
    )
    async with server:
        warning = certificate_warning(options)  # not before, so that a start that fails shows its error only
        if warning is not None:
            _log.warning(warning)
        tasks = [frame.tasks.spawn("announce", _announce(server, frame))]
        if frame.tls is not None:
            tasks.append(
                frame.tasks.supervise("serving-certificate", partial(_watch_certificate, frame.tls, frame.checks))
            )
        try:
            await server.serve_until_stopped()
        finally:
            await cancel(*tasks)


def run(main: Callable[[], Coroutine[Any, Any, T]], options: ServerOptions, *problems: str) -> T:
    """Return the result of `main`, run on uvloop after the logs are set up.

    Raises
    ------
    UsageError
        All problems of the options together with `problems`.
    """
    import uvloop

    options.check(*problems)
    configure_logs(options.log_format, options.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main())
    finally:
        tracing.stop()


async def _announce(server: Server, frame: ServerFrame, *, patience: float = 15.0) -> None:
    """Print the address once the server is ready, or after `patience` seconds, and log when it is ready."""
    loop = asyncio.get_running_loop()
    begin, printed = loop.time(), False
    while not (report := server.checks.ready()).healthy:
        if loop.time() - begin > patience and not printed:
            missing = "; ".join(f"{name}: {why}" for name, why in report.results.items() if why is not None)
            _log.warning("listening but not ready yet: %s", missing)
            _print_address(server)
            printed = True
        await asyncio.sleep(0.2 if printed else 0.02)
    if not printed:
        _print_address(server)
    counts = {name: count() for name, count in frame.counts.items()}
    known = ": " + ", ".join(f"{number} {name}" for name, number in counts.items()) if counts else ""
    _log.info("ready after %.1f s%s", time.monotonic() - frame.started, known)
    if counts.get("nodes") == 0:
        _log.warning("0 nodes: check the manifests, or the permission to list nodes")


def _print_address(server: Server) -> None:
    sys.stdout.write(f"listening on {server.url}\n")
    sys.stdout.flush()


async def _watch_certificate(tls: ServingTls, checks: HealthChecks) -> None:
    """Load the serving certificate again whenever its files change, and log warnings about its expiry."""
    while True:
        checks.warnings()
        await asyncio.sleep(LOOK_AT_CERTIFICATE)
        tls.refresh()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port") from error
    listening.setblocking(False)
    return listening


def _config(app: ASGIApp, limits: ServerLimits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="auto",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(limits.idle_seconds),
        timeout_graceful_shutdown=10,
    )
