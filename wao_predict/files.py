"""Files that readers see whole or not at all."""

from __future__ import annotations

from pathlib import Path

from wao_predict.errors import UsageError


def write_file(path: Path, content: bytes) -> None:
    """Write a temporary file and rename it, so that a reader never sees an incomplete file.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another file") from None
