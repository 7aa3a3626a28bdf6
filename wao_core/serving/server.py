"""Runs every server: uvicorn on our own socket, TLS that reloads, and a graceful stop that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

from wao_core.aio import cancel
from wao_core.health import HealthChecks
from wao_core.serving.frame import ServerFrame
from wao_core.serving.logs import configure_logs
from wao_core.serving.options import ServerOptions
from wao_core.serving.protocol import ServerProtocol
from wao_core.serving.tls import ServingTls
from wao_predict.errors import UsageError

T = TypeVar("T")
KEEP_ALIVE = 120  # seconds; Go clients drop idle connections after 90 s, so they never find one that we closed
LOOK_AT_CERTIFICATE = 5.0  # seconds between two looks at the files of the serving certificate
_log = logging.getLogger(__name__)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, as we drain first."""

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
    ) -> None:
        self.tls = tls
        self.checks = checks or HealthChecks()
        self._host, self._port, self._drain = host, port, drain
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._uvicorn = _Uvicorn(_config(app, tls))
        self.url = ""

    async def __aenter__(self) -> Server:
        listening = _listen(self._host, self._port)
        host, port = listening.getsockname()[:2]
        scheme = "http" if self.tls is None else "https"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        # not supervised: a server that has ended cannot be started again, so its end ends the process
        self._serving = asyncio.create_task(self._uvicorn.serve(sockets=[listening]), name="uvicorn")
        self._serving.add_done_callback(lambda _: self.stop())
        while not self._uvicorn.started:
            if self._serving.done():
                await self._serving
                raise UsageError("the application did not start; the reason is in the log")
            await asyncio.sleep(0.005)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.checks.stopping = True
        self._uvicorn.should_exit = True
        if self._serving is not None:
            await self._serving

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
    server = Server(app, options.host, options.port, tls=frame.tls, checks=frame.checks, drain=options.drain_seconds)
    async with server:
        tasks = [frame.tasks.spawn("announce", _announce(server))]
        if frame.tls is not None:
            tasks.append(frame.tasks.supervise("serving-certificate", partial(_keep_fresh, frame.tls)))
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
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


async def _announce(server: Server, *, patience: float = 15.0) -> None:
    """Print the address once the server is ready, or after `patience` seconds together with the failing checks."""
    deadline = asyncio.get_running_loop().time() + patience
    while not (report := server.checks.ready()).healthy:
        if asyncio.get_running_loop().time() > deadline:
            missing = "; ".join(f"{name}: {why}" for name, why in report.results.items() if why is not None)
            _log.warning("listening but not ready yet: %s", missing)
            break
        await asyncio.sleep(0.02)
    sys.stdout.write(f"listening on {server.url}\n")
    sys.stdout.flush()


async def _keep_fresh(tls: ServingTls) -> None:
    """Load the serving certificate again whenever its files change."""
    while True:
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


def _config(app: ASGIApp, tls: ServingTls | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=ServerProtocol,
        ws="none",
        lifespan="auto",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=10,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls.listener,
    )
