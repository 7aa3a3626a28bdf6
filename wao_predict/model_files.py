"""Which model files can be opened by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wao_predict.errors import ModelLoadError
from wao_predict.models import model_names, model_path, suggestion

FILE_SUFFIXES = (".csv", ".onnx")
"""Ends of the names of model files."""


def resolve_model(source: str, file: str | Path) -> str:
    """Return a model that a file names; a relative path starts at the folder of the file.

    Names of included models, points, URLs and absolute paths stay as they are.

    Examples
    --------
    >>> resolve_model("server.csv", "racks/rack.csv"), resolve_model("edge_lenovo", "racks/rack.csv")
    ('racks/server.csv', 'edge_lenovo')
    """
    if not source.lower().endswith(FILE_SUFFIXES) or "://" in source or source in model_names():
        return source
    return str(Path(file).parent / source)


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Finds the file of a model. The included models are always available.

    Parameters
    ----------
    folder
        Files below this folder are available too.
    anywhere
        Every file is available.
    """

    folder: Path | None = None
    anywhere: bool = False

    def find(self, source: str) -> Path:
        """Return the file of an included model's name or of a path.

        Raises
        ------
        ModelLoadError
            There is no such model, or it may not be opened. Unless every file is available, the message is the same
            for both, so that nobody learns which files exist.
        """
        if source in model_names():
            return model_path(source)
        path = self._file(source)
        if path is None:
            shipped = ", ".join(model_names())
            hint = suggestion(source)
            closest = f" ({hint})" if hint else ""
            others = "a file or a URL" if self.anywhere else "a file below the folder given by --model-folder"
            raise ModelLoadError(
                f"model {source!r:.200} is not available{closest}: give {others}, or an included model: {shipped}"
            )
        return path

    def _file(self, source: str) -> Path | None:
        """Return an existing file that may be opened, or None."""
        if self.folder is None and not self.anywhere:
            return None
        try:
            path = Path(source) if self.folder is None else (self.folder / source).resolve()
            allowed = self.anywhere or self.folder is None or path.is_relative_to(self.folder.resolve())
            return path if allowed and path.is_file() else None
        except (ValueError, OSError, RuntimeError):  # a NUL character, a name that is too long, a loop of links
            return None
