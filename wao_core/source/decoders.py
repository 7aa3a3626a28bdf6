"""Decoders of all kinds that a source reads, by the API's name of the kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wao_core.cluster.decode import DECODERS as BUILT_IN
from wao_core.cluster.decoder import Decoder
from wao_core.cluster.metadata import metadata_fields
from wao_core.cluster.records import Record
from wao_core.crds.node_configs import node_config, node_config_template
from wao_core.kube.collection import Collection
from wao_core.kube.resources import Resource


def _node_config(raw: dict[str, Any]) -> Record:
    return node_config(raw, metadata_fields(raw))


def _node_config_template(raw: dict[str, Any]) -> Record:
    fields = metadata_fields(raw)
    del fields["owner"]
    return node_config_template(raw, fields)


DECODERS: Mapping[str, Decoder[Record]] = {
    **BUILT_IN,
    "NodeConfig": Decoder("NodeConfig", dict[str, Any], _node_config),
    "NodeConfigTemplate": Decoder("NodeConfigTemplate", dict[str, Any], _node_config_template),
}


def decode_object(kind: str, raw: Mapping[str, Any]) -> Record:
    """Return the record of one object given as decoded JSON or YAML.

    Parameters
    ----------
    kind
        The API's name of the kind, such as "Deployment".

    Raises
    ------
    ManifestError
        A field has the wrong type or an unusable value; names the field.
    """
    return DECODERS[kind].decode_object(raw)


def collection_of(resource: Resource) -> Collection[Record]:
    """Return the collection of a resource in all namespaces."""
    return Collection(resource.path(), resource.name, DECODERS[resource.api_kind].decode_json, resource.key)
