"""A release has one version: that of the tag, of the package and of the image."""

from __future__ import annotations

import pytest

from release.version import VersionError, check_tag


def test_a_tag_that_fits_gives_the_version() -> None:
    assert check_tag("v0.2.0", package="0.2.0", image="0.2.0") == "0.2.0"


@pytest.mark.parametrize(
    ("tag", "package", "image", "remedy"),
    [
        ("v0.2.0", "0.2.0.dev0", "0.2.0", "in pyproject.toml"),
        ("v0.2.0", "0.2.0", "0.1.0", "wao:0.1.0 in manifests/"),
        ("latest", "0.2.0", "0.2.0", "name it v0.2.0"),
        ("v", "0.2.0", "0.2.0", "name it v0.2.0"),
    ],
)
def test_a_tag_that_does_not_fit_names_what_to_change(tag: str, package: str, image: str, remedy: str) -> None:
    with pytest.raises(VersionError, match=remedy):
        check_tag(tag, package=package, image=image)
