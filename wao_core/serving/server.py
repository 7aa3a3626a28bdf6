"""The runner of every server: uvicorn on a socket of ours, TLS that reloads, and a stop that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

from wao_core.health import HealthChecks
from wao_core.serving.logs import configure_logs
from wao_core.serving.options import ServerOptions
from wao_core.serving.protocol import ServerProtocol
from wao_core.serving.tls import ServingTls, tls_from_options
from wao_predict.errors import UsageError

T = TypeVar("T")
KEEP_ALIVE = 120  # seconds; above the 90 s after which Go clients drop idle connections, so no handshake is wasted
_log = logging.getLogger(__name__)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: we drain first."""

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
        Told about the stop, so that readiness fails first.
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
        self._tasks: list[asyncio.Task[None]] = []
        self._uvicorn = _Uvicorn(_config(app, tls))
        self.url = ""

    async def __aenter__(self) -> Server:
        listening = _listen(self._host, self._port)
        host, port = listening.getsockname()[:2]
        scheme = "http" if self.tls is None else "https"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[listening]))
        while not self._uvicorn.started:
            if serving.done():
                await serving
                raise UsageError("the application refused to start; the log says why")
            await asyncio.sleep(0.005)
        self._tasks.append(serving)
        if self.tls is not None:
            self._tasks.append(asyncio.create_task(self._keep_certificate(self.tls)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.checks.stopping = True
        self._uvicorn.should_exit = True
        serving, *others = self._tasks
        for task in others:
            task.cancel()
        await asyncio.gather(serving, *others, return_exceptions=True)

    def stop(self) -> None:
        """Ask the server to stop gracefully."""
        self._stop.set()

    async def serve_until_stopped(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`; then fail readiness and go on serving while clients move away."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        waiting = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([waiting, self._tasks[0]], return_when=asyncio.FIRST_COMPLETED)
            self.checks.stopping = True
            if self._drain and not self._tasks[0].done():
                _log.info("stopping: not ready from now on, closing in %g s", self._drain)
                await asyncio.sleep(self._drain)
        finally:
            waiting.cancel()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _keep_certificate(self, tls: ServingTls) -> None:
        while True:
            await asyncio.sleep(5)
            try:
                tls.refresh()
            except Exception:
                _log.exception("the serving certificate could not be looked at")


async def serve(app: ASGIApp, options: ServerOptions, checks: HealthChecks, *, tls: ServingTls | None = None) -> None:
    """Serve `app` as the options say until told to stop; print where it listens as soon as it is ready."""
    server = Server(
        app,
        options.host,
        options.port,
        tls=tls or tls_from_options(options),
        checks=checks,
        drain=options.drain_seconds,
    )
    async with server:
        announcing = asyncio.create_task(_announce(server))
        try:
            await server.serve_until_stopped()
        finally:
            announcing.cancel()


def run(main: Callable[[], Coroutine[Any, Any, T]], options: ServerOptions, *problems: str) -> T:
    """Check the options (and report `problems` with them), set up the logs, and run `main` on uvloop."""
    import uvloop

    options.check(*problems)
    configure_logs(options.log_format, options.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


async def _announce(server: Server, *, patience: float = 15.0) -> None:
    """Print the address once the server is ready; after `patience` seconds in any case, with what is missing."""
    deadline = asyncio.get_running_loop().time() + patience
    while not (verdict := server.checks.ready()).healthy:
        if asyncio.get_running_loop().time() > deadline:
            missing = "; ".join(f"{name}: {why}" for name, why in verdict.results.items() if why is not None)
            _log.warning("listening but not ready yet: %s", missing)
            break
        await asyncio.sleep(0.02)
    sys.stdout.write(f"listening on {server.url}\n")
    sys.stdout.flush()


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
