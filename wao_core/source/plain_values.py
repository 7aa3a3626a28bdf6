"""Plain values of manifests in YAML and JSON, within bounds: no file exhausts the stack or the memory of a server."""

from __future__ import annotations

from typing import Any

import msgspec

from wao_core.errors import ManifestError
from wao_predict.errors import UsageError
from wao_predict.yaml_values import MAX_VALUES, too_deep, too_many, yaml_documents


def plain_values(text: str, *, json: bool = False) -> list[Any]:
    """Return the documents in a text as dictionaries, lists, text, numbers, booleans and None.

    Parameters
    ----------
    json
        Try JSON first: it is fifty times faster than YAML.

    Raises
    ------
    ManifestError
        The text is not YAML or exceeds a bound. The message does not quote it, since it may contain Secrets.
    """
    try:
        if json and (found := _json(text)):
            return found
        return yaml_documents(text)
    except UsageError as error:
        raise ManifestError(str(error)) from None


def _json(text: str) -> list[Any]:
    """Return the only document of a JSON text, or nothing: then it has several documents, or YAML syntax."""
    if text.count(",") + text.count("[") + text.count("{") > MAX_VALUES:
        raise too_many()
    try:
        return [msgspec.json.decode(text)]
    except RecursionError:
        raise too_deep() from None
    except ValueError:  # msgspec.DecodeError is one
        return []
