"""A stand-in for the base image where no registry can be reached: Debian of the same release, with its Python."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from release.image.dockerfile import DockerfileError

BASE = re.compile(r"(?:docker\.io/library/)?python:(?P<python>\d+\.\d+)(?:\.\d+)?-slim-(?P<suite>[a-z]+)(?:@.*)?")
PASSED = re.compile(r"^Acquire::(Check-\S+|https?::Proxy\S*) .*;$", re.MULTILINE)


def suite_and_python(image: str) -> tuple[str, str]:
    """Return the release of Debian and the version of Python of a base image.

    >>> suite_and_python("python:3.11.16-slim-bookworm@sha256:00")
    ('bookworm', '3.11')

    Raises
    ------
    DockerfileError
        It is not python:VERSION-slim-SUITE.
    """
    found = BASE.fullmatch(image)
    if found is None:
        raise DockerfileError(f"FROM {image}: only python:VERSION-slim-SUITE can be assembled without a registry")
    return found["suite"], found["python"]


def bootstrap(image: str, folder: Path) -> None:
    """Write the root file system of the stand-in into a folder.

    Raises
    ------
    DockerfileError
        It is another image, or mmdebstrap is missing.
    subprocess.CalledProcessError
        A package cannot be fetched.
    """
    suite, python = suite_and_python(image)
    if shutil.which("mmdebstrap") is None:
        raise DockerfileError("mmdebstrap is needed to make the base: apt-get install mmdebstrap")
    packages = f"ca-certificates,python{python},python{python}-venv"
    options = [f"--aptopt={line}" for line in _apt_options()]
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", *options, suite, str(folder)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    for name in ("python", "python3"):
        (folder / "usr" / "local" / "bin" / name).symlink_to(f"/usr/bin/python{python}")


def _apt_options() -> list[str]:
    """Return how the host reaches its packages: proxies, and whether dates are checked."""
    dumped = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [found[0] for found in PASSED.finditer(dumped)]
