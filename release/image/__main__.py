"""Assemble the root file system of the image from the Dockerfile, without a container engine (needs root)."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.generator.files import ROOT
from release.image.builder import Builder, Image
from release.image.context import BuildContext
from release.image.dockerfile import DockerfileError, parse

STORE = ROOT / ".cache" / "image"


def assemble(folder: Path = ROOT, store: Path = STORE) -> Image:
    """Return the image of the Dockerfile in a folder; raises `DockerfileError` if it cannot be assembled."""
    stages = parse((folder / "Dockerfile").read_text(encoding="utf-8"))
    patterns = (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
    builder = Builder(BuildContext(folder, patterns), store)
    image = builder.build(stages)
    builder.clean(image)
    return image


def main() -> int:
    """Assemble it, and print its settings."""
    try:
        image = assemble()
    except DockerfileError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{len(image.names)} layers in {STORE}; {' '.join(image.entrypoint)} as {image.user}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
