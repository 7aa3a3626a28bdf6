"""The committed example is what its generator writes, and the apps understand it."""

from __future__ import annotations

from pathlib import Path

import yaml

from wao_core.source.manifests import ManifestSource
from wao_demo.fleet import TYPES, servers, write

EXAMPLE = Path(__file__).parents[2] / "examples" / "fleet"


def test_the_committed_fleet_equals_a_fresh_one(tmp_path: Path) -> None:
    write(tmp_path, servers())
    for file in tmp_path.iterdir():
        assert file.read_text() == (EXAMPLE / file.name).read_text(), f"python -m wao_demo.fleet {EXAMPLE}"


async def test_the_fleet_has_forty_nodes_and_more_of_four_types_and_no_problem() -> None:
    source = ManifestSource(EXAMPLE)
    await source.refresh()
    assert source.problems() == []
    nodes = source.state.nodes.values()
    assert len(nodes) >= 40
    assert {node.labels["node.kubernetes.io/instance-type"] for node in nodes} == set(TYPES)
    assert len(source.state.node_configs) == len(nodes)


async def test_the_demos_manifests_point_at_its_bmcs(tmp_path: Path) -> None:
    fleet = servers(1)
    write(
        tmp_path, fleet, bmc_of=lambda server: f"https://{server.name}:443", pressure_url="http://dp", login=("u", "p")
    )
    source = ManifestSource(tmp_path)
    await source.refresh()
    config = source.state.node_configs["wao-system/edge-lenovo-edge-lenovo-01"]
    assert config.metrics["inlet_temp"].endpoint.url == "https://edge-lenovo-01:443"
    assert config.metrics["delta_p"].endpoint.url == "http://dp/api/sensor/by_nodename/edge-lenovo-01"
    assert next(yaml.safe_load_all((tmp_path / "nodes.yaml").read_text()))["kind"] == "Node"
