"""Mock BMCs next to the control plane, in a thread of their own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from concurrent.futures import Future
from contextlib import AsyncExitStack

from tests.cluster.bed.certificates import Pair
from wao_demo.bmcs import EXAMPLES, FORMS, LOGIN
from wao_predict.redfish.mock import Faults, MockBmc, load_documents


class Hardware:
    """Some BMCs on loopback over TLS, with a login. `faults` of each can be changed while they run."""

    def __init__(self, count: int, pair: Pair) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pair.certificate, pair.key)
        form = FORMS["cloud_dell"]
        documents = load_documents(EXAMPLES / form.file)
        self.bmcs = [
            MockBmc(documents, inlet=form.inlet, temperature=lambda: 21.5, credentials=LOGIN, faults=Faults())
            for _ in range(count)
        ]
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._started: Future[None] = Future()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            try:
                for bmc in self.bmcs:
                    await bmc.start(tls=self._tls)
                    stack.push_async_callback(bmc.stop)
            except OSError as error:
                self._started.set_exception(error)
                return
            self._started.set_result(None)
            await self._end.wait()

    def __enter__(self) -> Hardware:
        self._thread.start()
        self._started.result(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def pull_the_plug(self, number: int) -> None:
        """Let one BMC vanish: nobody listens any more."""
        asyncio.run_coroutine_threadsafe(self.bmcs[number].stop(), self._loop).result(10)
