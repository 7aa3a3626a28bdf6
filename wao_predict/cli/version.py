"""`wao version`: the version of the command, of Python and of the libraries that predict and serve."""

from __future__ import annotations

from typing import Annotated

import typer

from wao_predict.cli.output import TableOrJson, print_facts, print_json

_LIBRARIES = ("numpy", "onnxruntime", "torch", "kubernetes")


def version(
    output: Annotated[TableOrJson, typer.Option("--output", "-o", help="Output format.")] = TableOrJson.TABLE,
) -> None:
    """Show the version, for bug reports."""
    import platform
    from importlib import metadata

    facts: dict[str, str | None] = {
        "wao": metadata.version("wao-predict"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for name in _LIBRARIES:
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            facts[name] = None
    print_json(facts) if output is TableOrJson.JSON else print_facts(facts)
