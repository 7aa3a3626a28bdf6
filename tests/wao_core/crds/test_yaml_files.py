"""The CustomResourceDefinitions as YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tests.fakes.schemas import walk
from wao_core.crds.yaml_files import FOLDER, RESOURCES, definition, main, rendered, structural
from wao_core.errors import ManifestError


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda item: item.kind)
def test_the_schemas_are_structural(resource: Any) -> None:
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path, item in walk(schema):
        assert "type" in item or item.get("x-kubernetes-int-or-string") is True, path
        for word in ("$ref", "anyOf", "oneOf", "allOf", "nullable", "title"):
            assert word not in item, path


def test_the_committed_yaml_equals_a_fresh_one() -> None:
    for name, text in rendered().items():
        assert (FOLDER / name).read_text() == text, "run python -m wao_core.crds.yaml_files"


def test_a_schema_that_is_not_structural_is_refused() -> None:
    class Either(BaseModel):
        value: int | str

    with pytest.raises(ManifestError, match="a field of several types is not structural"):
        structural(Either)


def test_optional_fields_and_nested_models_are_written_out() -> None:
    class Inner(BaseModel):
        """Inner part."""

        size: int

    class Outer(BaseModel):
        inner: Inner | None = None
        names: list[str] = []

    assert structural(Outer) == {
        "type": "object",
        "properties": {
            "inner": {
                "type": "object",
                "description": "Inner part.",
                "properties": {"size": {"type": "integer"}},
                "required": ["size"],
            },
            "names": {"type": "array", "items": {"type": "string"}, "default": []},
        },
    }


def test_a_check_of_files_that_are_current_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""


def test_the_kustomization_lists_every_file() -> None:
    files = rendered()
    listed = yaml.safe_load(files.pop("kustomization.yaml"))["resources"]
    assert listed == sorted(files)
