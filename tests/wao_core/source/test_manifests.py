"""Standalone mode: a folder of manifests, edited while it is read."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.bad_texts import BAD_TEXTS
from tests.waiting import until
from wao_core.cluster.records import Kind
from wao_core.cluster.source import Secret
from wao_core.cluster.state import Change
from wao_core.errors import ManifestError
from wao_core.source.documents import documents
from wao_core.source.files import MOST_PROBLEMS
from wao_core.source.manifests import ManifestSource

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"capacity": {"cpu": "32"}}}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "default"}}
FAKE = {"type": "Fake", "endpoint": ""}


def config(name: str = "n1", **more: Any) -> dict[str, Any]:
    spec = {"nodeName": name, "metricsCollector": {"inletTemp": FAKE, "deltaP": FAKE}, "predictor": {}, **more}
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfig",
        "metadata": {"name": name, "namespace": "wao-system"},
        "spec": spec,
    }


def template(name: str = "all", endpoint: str = "https://{{ .Name }}") -> dict[str, Any]:
    inlet = {"type": "Redfish", "endpoint": endpoint}
    body = {"metricsCollector": {"inletTemp": inlet, "deltaP": FAKE}, "predictor": {}}
    return {
        "apiVersion": "node.waok8s.github.io/v1beta1",
        "kind": "NodeConfigTemplate",
        "metadata": {"name": name, "namespace": "wao-system"},
        "spec": {"nodeSelector": {}, "template": body},
    }


class Folder:
    """A folder that is written to as a person would, and the source over it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = ManifestSource(path)
        self.ticks = 0

    async def write(self, name: str, *documents: Any, text: str | None = None) -> None:
        file = self.path / name
        file.write_text(text if text is not None else yaml.safe_dump_all(documents))
        self.ticks += 1
        os.utime(file, ns=(self.ticks * 10**9, self.ticks * 10**9))
        await self.source.refresh()

    @property
    def problems(self) -> list[str]:
        return [problem.reason for problem in self.source.problems()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_objects_of_all_kinds_are_read(folder: Folder) -> None:
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    await folder.write("a.yaml", NODE, config(), None, config_map)
    await folder.write(
        "b.json",
        text='{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Node","metadata":{"name":"n2"}}]}',
    )
    state = folder.source.state
    assert sorted(state.nodes) == ["n1", "n2"]
    assert sorted(state.node_configs) == ["wao-system/n1"]
    assert folder.problems == []
    assert state.synced(Kind)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {**NODE, "status": {"capacity": {"cpu": "many"}}},
            ["bad.yaml", "document 2", "field status.capacity.cpu", "'many' is"],
        ),
        (
            {**POD, "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1 core"}}}]}},
            ["field spec.containers[0].resources.requests.cpu", "'1 core' is not a quantity"],
        ),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": 7}, ["document 2", "field metadata"]),
        ({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": [7]}, ["document 2"]),
        ({**NODE, "metadata": {"name": "n", "labels": {"a": [1]}}}, ["document 2", "field metadata.labels"]),
        ({**NODE, "metadata": {}}, ["document 2", "field metadata.name", "needs a name"]),
        ({**NODE, "apiVersion": "v2"}, ["field apiVersion", "write v1"]),
        ({"metadata": {"name": "x"}}, ["field kind", "apiVersion and kind are needed"]),
        (
            config(metricsCollector={"deltaP": {"type": "Fake"}}),
            ["spec.metricsCollector.deltaP.endpoint", "Field required"],
        ),
        (
            config(metricsCollector={"inletTemp": {**FAKE, "fetchInterval": "soon"}, "deltaP": FAKE}),
            ["field spec.metricsCollector.inletTemp.fetchInterval", "'soon' is not a duration"],
        ),
    ],
)
async def test_a_bad_manifest_is_refused_and_the_others_load(folder: Folder, document: Any, words: list[str]) -> None:
    good = {**NODE, "metadata": {"name": "good"}}
    await folder.write("bad.yaml", good, document, {**NODE, "metadata": {"name": "after"}})
    assert {"good", "after"} <= set(folder.source.state.nodes)
    assert len(folder.problems) == 1
    for word in words:
        assert word in folder.problems[0]


@pytest.mark.parametrize(
    ("text", "words"), [("", "there is no manifest in"), ("kind: Node\n", "every manifest in")], ids=["none", "refused"]
)
async def test_a_folder_without_a_usable_manifest_is_a_warning(
    tmp_path: Path, text: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    await Folder(tmp_path).write("a.yaml", text=text)
    assert [record.message for record in caplog.records if record.message.startswith(words)]


async def test_an_edit_that_breaks_a_file_keeps_its_last_good_state_and_says_so(folder: Folder) -> None:
    await folder.write("a.yaml", NODE)
    await folder.write("a.yaml", text="kind: [Node\n")
    assert sorted(folder.source.state.nodes) == ["n1"]
    assert "last good state is kept" in folder.problems[0]
    await folder.write("a.yaml", NODE, {**NODE, "metadata": {"name": "n2"}})
    assert sorted(folder.source.state.nodes) == ["n1", "n2"]
    assert folder.problems == []


async def test_an_edit_that_breaks_one_document_keeps_that_one(folder: Folder) -> None:
    await folder.write("a.yaml", NODE, config())
    await folder.write("a.yaml", {**NODE, "status": {"capacity": {"cpu": "?"}}}, config())
    assert folder.source.state.nodes["n1"].capacity_cores == 32.0
    assert "last good state is kept" in folder.problems[0]


async def test_a_deleted_file_takes_its_objects_with_it(folder: Folder) -> None:
    await folder.write("a.yaml", NODE)
    await folder.write("b.yaml", config())
    (folder.path / "a.yaml").unlink()
    await folder.source.refresh()
    assert not folder.source.state.nodes
    assert folder.source.state.node_configs


async def test_an_object_in_two_files_is_reported(folder: Folder) -> None:
    await folder.write("a.yaml", NODE)
    await folder.write("b.yaml", NODE)
    assert "is in a.yaml already" in folder.problems[0]


@pytest.mark.parametrize(("before", "after"), [("a.yaml", "b.yaml"), ("b.yaml", "a.yaml")])
async def test_an_object_that_moves_to_another_file_never_vanishes(folder: Folder, before: str, after: str) -> None:
    await folder.write(before, NODE, config())
    removed: list[str] = []

    def note(change: Change) -> None:
        if change.new is None:
            removed.append(change.key)

    folder.source.state.subscribe([Kind.NODE], note)
    (folder.path / before).write_text(yaml.safe_dump(config()))  # read together with the other file
    await folder.write(after, NODE)
    assert (sorted(folder.source.state.nodes), removed, folder.problems) == (["n1"], [], [])


async def test_the_other_copy_of_an_object_counts_when_the_first_one_is_gone(folder: Folder) -> None:
    other = {**NODE, "status": {"capacity": {"cpu": "64"}}}
    await folder.write("a.yaml", NODE)
    await folder.write("b.yaml", other)
    assert folder.source.state.nodes["n1"].capacity_cores == 32.0
    (folder.path / "a.yaml").unlink()
    await folder.source.refresh()
    assert folder.source.state.nodes["n1"].capacity_cores == 64.0
    assert folder.problems == []


async def test_copies_of_many_objects_are_reported_in_part(folder: Folder) -> None:
    nodes = [{**NODE, "metadata": {"name": f"n{number}"}} for number in range(50)]
    await folder.write("a.yaml", *nodes)
    await folder.write("b.yaml", *nodes)
    assert len(folder.source.state.nodes) == 50
    assert len(folder.problems) == MOST_PROBLEMS + 1
    assert folder.problems[-1].endswith("b.yaml: more objects are in other files, too; correct these first")


async def test_a_source_that_cannot_read_says_so_in_its_health(tmp_path: Path) -> None:
    class Broken(ManifestSource):
        async def refresh(self) -> None:
            raise RuntimeError("no good")

    source = Broken(tmp_path)
    await source.start()
    await until(lambda: source.health() is not None)
    await source.stop()


async def test_an_unchanged_file_is_no_change(folder: Folder) -> None:
    await folder.write("a.yaml", NODE)
    version = folder.source.state.version
    await folder.write("a.yaml", NODE)
    assert version == folder.source.state.version


async def test_templates_make_node_configs_and_written_ones_win(folder: Folder) -> None:
    await folder.write("nodes.yaml", NODE, {**NODE, "metadata": {"name": "n2"}})
    await folder.write("templates.yaml", template())
    await folder.write("configs.yaml", config("n2"))
    configs = folder.source.state.node_configs
    assert sorted(configs) == ["wao-system/all-n1", "wao-system/n2"]
    assert configs["wao-system/all-n1"].metrics["inlet_temp"].endpoint.url == "https://n1"


async def test_a_broken_template_is_reported_and_leaves_what_it_made(folder: Folder) -> None:
    await folder.write("nodes.yaml", NODE)
    await folder.write("templates.yaml", template())
    await folder.write("templates.yaml", template(endpoint="{{ .Nope }}"))
    assert "wao-system/all-n1" in folder.source.state.node_configs
    assert any("inletTemp.endpoint" in problem for problem in folder.problems)


async def test_secrets_are_given_but_not_kept_in_the_state(folder: Folder) -> None:
    annotations = {"waok8s.github.io/allowed-endpoints": "10.0.0.0/8"}
    metadata = {"name": "login", "namespace": "wao-system", "annotations": annotations}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "stringData": {"username": "u"},
        "data": {"password": "cA=="},
    }
    await folder.write("s.yaml", secret)
    found = await folder.source.secret("wao-system", "login")
    assert found == Secret({"username": b"u", "password": b"p"}, {"waok8s.github.io/allowed-endpoints": "10.0.0.0/8"})
    assert "b'p'" not in repr(found)
    assert await folder.source.secret("wao-system", "other") is None
    assert "cA==" not in repr(folder.source.state.__dict__)


async def test_figures_without_a_timestamp_hold_from_now_on(folder: Folder) -> None:
    metrics = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "NodeMetrics",
        "metadata": {"name": "n1"},
        "usage": {"cpu": "1500m"},
    }
    await folder.write("m.yaml", metrics)
    sample = folder.source.state.node_metrics["n1"]
    assert sample.cpu_cores == 1.5
    assert sample.timestamp > 1_700_000_000


async def test_a_folder_is_followed(folder: Folder) -> None:
    source = ManifestSource(folder.path, period=0.01)
    await source.start()
    assert await source.wait_synced(5)
    seen: list[Change] = []
    source.state.subscribe([Kind.NODE], seen.append)
    (folder.path / "later.yaml").write_text(yaml.safe_dump(NODE))
    async with asyncio.timeout(5):
        while not seen:
            await asyncio.sleep(0.01)
    await source.stop()
    assert seen[0].key == "n1"


@pytest.mark.parametrize("text", ["{}", "{}\n---\n", "# from kubectl\n{}"], ids=["json", "documents", "comment"])
async def test_json_is_read_in_every_form_that_yaml_allows(folder: Folder, text: str) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [NODE, POD]}
    await folder.write("all.json", text=text.replace("{}", json.dumps(listed)))
    assert (set(folder.source.state.nodes), set(folder.source.state.pods)) == ({"n1"}, {"default/p"})
    assert folder.problems == []


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
async def test_a_file_that_is_not_manifests_does_not_stop_the_others(folder: Folder, text: str, suffix: str) -> None:
    await folder.write(f"bad{suffix}", text=text)
    await folder.write("good.yaml", NODE)
    assert sorted(folder.source.state.nodes) == ["n1"]
    assert folder.problems[0].startswith(f"bad{suffix}")


@pytest.mark.parametrize(
    "text",
    [
        "password: !hunter2",
        "password: !!int hunter2",
        "password: *hunter2",
        "password: !!binary hunter2",
        "- hunter2: x: y",
    ],
)
async def test_the_text_of_a_file_that_cannot_be_read_is_not_quoted(
    folder: Folder, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    await folder.write("secret.yaml", text=f"kind: Secret\nstringData:\n  {text}\n")
    assert folder.problems
    assert "hunter2" not in f"{folder.problems} {caplog.text}"


async def test_many_refused_documents_are_reported_in_part(folder: Folder) -> None:
    await folder.write("bad.yaml", *[{"kind": "Node"}] * 500, NODE)
    assert sorted(folder.source.state.nodes) == ["n1"]
    assert len(folder.problems) == MOST_PROBLEMS + 1
    assert "more documents are refused" in folder.problems[-1]


async def test_a_folder_that_vanishes_keeps_its_last_state_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    folder = Folder(tmp_path / "cluster")
    await folder.write("a.yaml", NODE)
    folder.path.rename(tmp_path / "elsewhere")
    await folder.source.refresh()
    assert sorted(folder.source.state.nodes) == ["n1"]
    assert "No such file or directory; its last state is kept" in folder.problems[0]
    (tmp_path / "elsewhere").rename(folder.path)
    await folder.source.refresh()
    assert sorted(folder.source.state.nodes) == ["n1"]
    assert folder.problems == []


async def test_a_folder_that_was_never_read_is_no_empty_cluster(tmp_path: Path) -> None:
    source = ManifestSource(tmp_path / "nowhere")
    await source.refresh()
    assert not source.state.synced([Kind.NODE])
    assert source.problems()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
async def test_an_unreadable_part_of_a_folder_keeps_its_last_state(folder: Folder) -> None:
    (folder.path / "part").mkdir()
    await folder.write("part/a.yaml", NODE)
    (folder.path / "part").chmod(0)
    await folder.source.refresh()
    (folder.path / "part").chmod(0o700)
    assert sorted(folder.source.state.nodes) == ["n1"]


async def test_the_event_loop_goes_on_while_a_large_file_is_read(tmp_path: Path) -> None:
    labels = {f"label-{number}": "value" for number in range(200)}
    text = yaml.dump({**NODE, "metadata": {"name": "NAME", "labels": labels}}, Dumper=yaml.CSafeDumper)
    documents = [text.replace("NAME", f"n{number}") for number in range(800)]
    (tmp_path / "nodes.yaml").write_text("---\n".join(documents))
    source = ManifestSource(tmp_path)
    turns = 0
    await source.start()
    while not source.state.synced([Kind.NODE]):
        await asyncio.sleep(0.001)
        turns += 1
    await source.stop()
    assert len(source.state.nodes) == 800
    assert turns > 20


async def test_the_source_stops_while_a_large_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text("- a: 1\n" * 200_000)
    source = ManifestSource(tmp_path)
    await source.start()
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await source.stop()
    assert not source.state.synced([Kind.NODE])


def test_a_fifo_in_place_of_a_file_does_not_block_the_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "swapped.yaml")
    with pytest.raises(ManifestError, match="not a regular file"):
        documents(tmp_path / "swapped.yaml", "swapped.yaml")


async def test_a_link_to_a_secret_file_is_refused_without_its_content(folder: Folder, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside") / "shadow"
    outside.write_text("root:$6$hash:19000:0:99999:7:::\n")
    (folder.path / "link.yaml").symlink_to(outside)
    await folder.source.refresh()
    assert len(folder.problems) == 1
    assert "hash" not in folder.problems[0]
