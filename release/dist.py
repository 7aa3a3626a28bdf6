"""Writes what users download: manifests for `kubectl apply`, the packaged chart, and the wheel."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from docs.generator.files import ROOT
from release.chart.__main__ import FOLDER as CHART
from release.chart.defaults import default_values
from release.chart.values import Image
from release.chart.values_file import values_yaml
from release.kustomize import KustomizeError, Overlay, build
from release.version import VersionError, release_version

PARTS = {
    "base": ("namespace", "crds", "roles"),
    "controller": ("controller",),
    "metrics-api": ("metrics-api",),
    "scheduler": ("scheduler",),
    "lb": ("lb",),
    "rebalance": ("rebalance",),
    "standby": ("standby",),
    "ui": ("ui",),
}
"""Folders of each part. All parts need base and controller."""


@dataclass(frozen=True)
class ImageName:
    """The image to install; without a name, `wao` with the tag of the manifests."""

    name: str = ""
    digest: str = ""

    def kustomize_images(self) -> list[dict[str, str]]:
        """Return the entries of `images` in a kustomization."""
        changed = {"newName": self.name, "digest": self.digest}
        kept = {key: value for key, value in changed.items() if value}
        return [{"name": "wao", **kept}] if kept else []

    def value(self) -> Image:
        """Return the value `image` of the chart."""
        image = default_values().image
        return image.model_copy(update={"repository": self.name or image.repository, "digest": self.digest})


def install_files(image: ImageName) -> dict[str, str]:
    """Return the manifests by file name: the default installation, each part, and monitoring.

    Raises
    ------
    KustomizeError
        They cannot be built.
    """
    images = image.kustomize_images()
    files = {"install.yaml": build(Overlay(images=images))}
    for part, folders in PARTS.items():
        files[f"install-{part}.yaml"] = build(Overlay(folders, images=images))
    files["install-monitoring.yaml"] = build(Overlay((), ("monitoring",), images=images))
    return files


def package_chart(helm: Path, folder: Path, image: ImageName) -> None:
    """Package the chart, with this image as its default.

    Raises
    ------
    subprocess.CalledProcessError
        helm refuses the chart.
    """
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "wao"
        shutil.copytree(CHART, copy)  # links become files
        values = default_values().model_copy(update={"image": image.value()})
        (copy / "values.yaml").write_text(values_yaml(values), encoding="utf-8")
        subprocess.run([helm, "package", copy, "--destination", folder], check=True)


def write_dist(folder: Path, image: ImageName, helm: Path) -> None:
    """Write everything into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in install_files(image).items():
        (folder / name).write_text(text, encoding="utf-8")
    package_chart(helm, folder, image)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--directory", folder], cwd=ROOT, check=True)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write dist/, or with --tag only check the version."""
    parser = argparse.ArgumentParser(prog="python -m release.dist", description=__doc__)
    parser.add_argument("--image", default="", help="name of the image with its registry; default: wao")
    parser.add_argument("--digest", default="", help="digest of the image")
    parser.add_argument("--tag", default="", help="Git tag of the release, which must fit the versions here")
    parser.add_argument("--helm", type=Path, help="the program helm")
    options = parser.parse_args(arguments)
    try:
        if options.tag:
            sys.stdout.write(f"{release_version(options.tag)}\n")
        if options.helm is not None:
            write_dist(ROOT / "dist", ImageName(options.image, options.digest), options.helm)
    except (VersionError, KustomizeError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
