"""The real applications and the page on a fleet with fixed sensor values, in a thread."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from wao_demo.apps import apps, page
from wao_demo.fleet import servers, write

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@contextmanager
def serving_fleet(folder: Path, per_type: int) -> Iterator[str]:
    """Run the applications and the page in a thread, and yield the address of the page."""
    address: Future[str] = Future()
    loop = asyncio.new_event_loop()
    end = asyncio.Event()

    async def main() -> None:
        try:
            manifests = folder / "manifests"
            write(manifests, servers(per_type))
            async with apps(manifests, folder) as running, page(manifests, folder, running) as served:
                address.set_result(served.url)
                await end.wait()
        except Exception as error:
            address.set_exception(error)

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()))
    thread.start()
    try:
        yield address.result(120)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
        loop.close()
