"""The cluster that the options name: opened, waited for, and closed."""

from pathlib import Path

import pytest

from wao_core.cluster.records import Kind
from wao_core.serving.cluster import api_server, cluster
from wao_core.serving.frame import ServerFrame
from wao_core.serving.options import ServerOptions
from wao_predict.errors import UsageError


async def test_a_folder_of_manifests_is_ready_when_it_was_read(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text("{apiVersion: v1, kind: Node, metadata: {name: n1}}")
    frame = ServerFrame("test")
    async with cluster(ServerOptions(manifests=tmp_path), [Kind.NODE], frame) as source:
        assert list(source.state.nodes) == ["n1"]
        assert frame.checks.ready().results["cluster-sync"] is None


async def test_the_error_without_folder_and_api_server_says_what_to_give(tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text("no kubeconfig")
    with pytest.raises(UsageError, match="--manifests"):
        async with cluster(ServerOptions(kubeconfig=broken), [Kind.NODE], ServerFrame("test")):
            pass


async def test_a_server_that_writes_refuses_a_folder_of_manifests(tmp_path: Path) -> None:
    async with cluster(ServerOptions(manifests=tmp_path), [Kind.NODE], ServerFrame("test")) as source:
        with pytest.raises(UsageError, match="the test writes: give --kubeconfig FILE, not --manifests"):
            api_server(source, "the test writes")
