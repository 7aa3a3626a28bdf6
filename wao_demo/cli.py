"""`wao demo`: options only; other modules are imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep everything running, and print URLs and commands to try.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Image file for a comparison of the policies.")] = None,
) -> None:
    """Run the demo: 48 mock BMCs, three applications, one pod, one Service, and 200 pods by four policies."""
    import asyncio

    from wao_demo.run import run_demo

    try:
        asyncio.run(run_demo(serve=serve, plot=plot))
    except asyncio.CancelledError:
        raise typer.Exit(143) from None  # as a shell reports an end by SIGTERM
