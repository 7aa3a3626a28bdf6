"""The version of a release: stated for the package, and as the tag of the image in the manifests."""

from __future__ import annotations

import tomllib

from docs.generator.files import ROOT
from release.chart.defaults import default_values


class VersionError(Exception):
    """A tag does not fit what is in the repository; the text says what to change."""


def package_version() -> str:
    """Return the version of the Python package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def check_tag(tag: str, *, package: str, image: str) -> str:
    """Return the version of a Git tag such as v0.1.0.

    Raises
    ------
    VersionError
        The package or the manifests have another version.
    """
    version = tag.removeprefix("v")
    if not tag.startswith("v") or not version:
        raise VersionError(f"the tag {tag!r} is no version: name it v{package}")
    if version != package:
        raise VersionError(f"the tag {tag} does not fit version = {package!r} in pyproject.toml: change one of them")
    if version != image:
        raise VersionError(f"the tag {tag} does not fit the image wao:{image} in manifests/: change one of them")
    return version


def release_version(tag: str) -> str:
    """Return the version of a tag of this repository; raises `VersionError` as `check_tag`."""
    return check_tag(tag, package=package_version(), image=default_values().image.tag)
