"""The support bundle: what is in it, what is not, and its size."""

from __future__ import annotations

import json
import tarfile
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from tests.fakes.healthy_cluster import SETTINGS, condition, config, healthy, workload
from tests.fakes.planted import IN_URL, PASSWORD, TOKEN, USER, assert_clean
from wao_doctor import wire
from wao_doctor.bundle import MAX_FILE, files, write_bundle
from wao_doctor.facts import Facts, Listed, Missing
from wao_doctor.registry import checks
from wao_doctor.report import Report, examine
from wao_predict.errors import UsageError


def report(facts: Facts) -> Report:
    return examine([check for check in checks(SETTINGS) if check.cluster], facts, about="https://x", version="0.1.0")


def test_it_has_the_report_and_each_fact(tmp_path: Path) -> None:
    path, facts = tmp_path / "wao.tar.gz", healthy()
    write_bundle(path, report(facts), facts)
    with tarfile.open(path) as archive:
        names = {name.removeprefix("wao-doctor/") for name in archive.getnames()}
        text = archive.extractfile("wao-doctor/report.txt")
        assert text is not None
        assert text.read().startswith(b"wao 0.1.0, https://x, ")
        nodes = archive.extractfile("wao-doctor/facts/nodes.json")
        assert nodes is not None
        assert len(json.load(nodes)["objects"]) == 2
    wanted = {f"facts/{field.name}.json" for field in fields(Facts) if field.name != "now"}
    assert names == wanted | {"report.txt", "report.json", "versions.json"}


def test_a_credential_in_a_wrong_place_is_not_in_it() -> None:
    failing = condition("Collecting", "False", "NoMetric", f"https://{USER}:{IN_URL}@10.0.0.1: status 401")
    term = {"type": "Redfish", "endpoint": f"https://{USER}:{IN_URL}@10.0.0.1"}
    args = [f"--token={TOKEN}", f"--endpoint=http://{USER}:{PASSWORD}@x", "--port=1"]
    template = {"spec": {"containers": [{"name": "c", "image": "x", "args": args}]}}
    facts = healthy(
        node_configs=Listed((config("n1", failing, metricsCollector={"inletTemp": term}),)),
        workloads=Listed((workload("wao-lb", template=template),)),
        services=Missing(f"GET /x: Bearer {TOKEN}"),
    )
    content = [data.decode() for data in files(report(facts), facts).values()]
    assert_clean(content)
    assert any("--port=1" in text for text in content)


def test_the_key_of_a_tls_secret_is_never_kept() -> None:
    raw = {"metadata": {"name": "x"}, "data": {"tls.crt": "YQ==", "tls.key": PASSWORD}}
    held = msgspec.json.decode(json.dumps(raw).encode(), type=wire.CertificateSecret)
    assert PASSWORD not in repr(held)


def test_annotations_environment_and_managed_fields_are_never_kept() -> None:
    raw = msgspec.to_builtins(workload("wao-lb"))
    raw["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": PASSWORD}
    raw["metadata"]["managedFields"] = [PASSWORD]
    raw["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": PASSWORD}]
    assert PASSWORD not in repr(msgspec.convert(raw, wire.Workload))


def test_a_long_list_is_cut_and_the_number_of_omitted_objects_is_stated() -> None:
    many = tuple(config(f"n{number}", condition("Ready", message="x" * 900)) for number in range(5000))
    facts = healthy(node_configs=Listed(many))
    data = files(report(facts), facts)["facts/node_configs.json"]
    assert len(data) <= MAX_FILE
    document = json.loads(data)
    assert document["omitted"] == 5000 - len(document["objects"])
    assert len(document["objects"]) > 1000


def test_a_path_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    facts = healthy()
    with pytest.raises(UsageError, match="choose another file"):
        write_bundle(tmp_path / "none" / "x.tar.gz", report(facts), facts)


@pytest.mark.parametrize(
    "said",
    [
        f"password: |-\n    {PASSWORD}\n    {PASSWORD}",
        f'token: "{"a word " * 20}{PASSWORD}"',
        f"{'a word ' * 14}password: '{PASSWORD} {PASSWORD}'",
        f"Bearer {TOKEN * 20}",
    ],
)
def test_a_credential_is_not_in_the_wrapped_lines_of_the_report(said: str) -> None:
    facts = healthy(node_configs=Listed((config("n1", condition("Collecting", "False", "NoMetric", said)),)))
    found = files(report(facts), facts)
    assert b"NoMetric" in found["facts/node_configs.json"]
    assert_clean(data.decode() for data in found.values())
