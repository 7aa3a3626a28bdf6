"""Files that readers see whole or not at all, and files in YAML."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Any

from wao_predict.errors import MissingExtra, UsageError


def write_file(path: Path, content: bytes) -> None:
    """Write a temporary file and rename it, so that a reader never sees an incomplete file.

    The temporary file is a new one: in a folder that others can write to, it is no link of theirs.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    draft = path.with_name(f"{path.name}.{token_hex(4)}.part")
    try:
        with draft.open("xb") as file:
            file.write(content)
        draft.replace(path)
    except OSError as error:
        if not isinstance(error, FileExistsError):  # then the draft is not ours
            draft.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another file") from None


def read_yaml(path: Path) -> Any:
    """Return the document in a YAML file, None in an empty one.

    Raises
    ------
    MissingExtra
        PyYAML is not installed.
    UsageError
        The file cannot be read, is not YAML, or has several documents.
    """
    try:
        from wao_predict.yaml_values import yaml_documents
    except ImportError as error:
        raise MissingExtra("reading YAML", "simulate") from error
    try:
        documents = yaml_documents(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, UsageError) as error:
        raise UsageError(f"{path} cannot be read: {error!s:.300}") from None
    if len(documents) > 1:
        raise UsageError(f"{path} has {len(documents)} documents: write one, without a line ---")
    return documents[0] if documents else None
