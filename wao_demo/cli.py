"""`wao demo`: options only; what does the work is loaded when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep everything running, and print URLs and commands to try.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw what the policies came to into this file.")] = None,
) -> None:
    """Run the main job: 48 mock BMCs, the three apps, one pod placed, a Service weighed, 200 pods by four policies."""
    import asyncio

    from wao_demo.run import run_demo

    try:
        asyncio.run(run_demo(serve=serve, plot=plot))
    except asyncio.CancelledError:
        raise typer.Exit(143) from None  # as a shell tells the end by SIGTERM
