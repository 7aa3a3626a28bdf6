"""`wao demo`: options only; the implementation is imported when the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    serve: Annotated[bool, typer.Option("--serve", help="Keep everything running and print commands to try.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Save a plot of the policies to this file.")] = None,
) -> None:
    """Run the three apps on 48 mock BMCs: place a pod, weight a Service, and compare four policies for 200 pods."""
    import asyncio

    from wao_demo.run import run_demo

    try:
        asyncio.run(run_demo(serve=serve, plot=plot))
    except asyncio.CancelledError:
        raise typer.Exit(143) from None  # exit status of a process that SIGTERM ended
