"""Metadata that depends on the address of the repository: project URLs, and a README for package indexes.

A package index shows the README on a page of its own, where relative links and pictures lead nowhere. They become
absolute if pyproject.toml states the repository ([tool.hatch.metadata.hooks.custom]); otherwise the text stays and the
links and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"^!\[([^\]]*)\]\((?!https?:)([^)]+)\)\n\n?", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


class RepositoryHook(MetadataHookInterface):
    """Adds `readme`, and `urls` if the repository is known."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the dynamic fields."""
        repository = str(self.config.get("repository", "")).rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": index_readme(text, repository)}
        metadata["urls"] = project_urls(repository)


def index_readme(text: str, repository: str) -> str:
    """Return a README without relative links.

    Parameters
    ----------
    text
        The README of the repository.
    repository
        Address of the repository, or an empty string if it is not known.
    """
    if repository:
        text = PICTURE.sub(rf"![\1]({repository}/raw/main/\2)\n\n", text)
        return LINK.sub(rf"[\1]({repository}/blob/main/\2)", text)
    return LINK.sub(r"\1", PICTURE.sub("", text))


def project_urls(repository: str) -> dict[str, str]:
    """Return the links of the project's page."""
    reference = {"Go reference": "https://github.com/waok8s"}
    if not repository:
        return reference
    pages = {"Documentation": "blob/main/docs/index.md", "Changelog": "blob/main/CHANGELOG.md", "Issues": "issues"}
    return {"Repository": repository, **{name: f"{repository}/{path}" for name, path in pages.items()}, **reference}
