"""The load balancer of Cilium, with maps in memory in place of those of the kernel, on our EndpointSlices."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.fakes.lb_cluster import service
from tests.interop.conftest import program_of
from wao_core.cluster.records import EndpointSlice, ServicePort
from wao_lb.documents import ServiceWeights, WeightedEndpoint, WeightedPort
from wao_lb.outputs.cilium import WEIGHT, front_slices, slice_body, weight_of
from wao_lb.settings import WEIGHTS_OF

pytestmark = pytest.mark.interop
ADDRESS = "10.96.0.1"
NUMBERS = {"http": 80, "alt": 81}
FRONT = service(
    name="front",
    uid="u",
    annotations={WEIGHTS_OF: "web"},
    ports=tuple(ServicePort(port=number, name=name) for name, number in NUMBERS.items()),
)
FLAGS = "--bpf-lb-algorithm=maglev --bpf-lb-external-clusterip=true --lb-test-fault-probability=0.0"
SLOTS = 16381
NOBODY = 65534
OTHER_USER: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
"""As root, Cilium's program would use maps of the kernel."""
BACKEND = re.compile(r"BE: ID=(\d+) ADDR=(\S+)/TCP STATE=(\w+)")
FRONTEND = re.compile(rf"SVC: ID=(\d+) ADDR={re.escape(ADDRESS)}:(\d+)/TCP SLOT=0 .* COUNT=(\d+) .*")
TABLE = re.compile(r"MAGLEV: ID=(\d+) INNER=\[(.*)\]")
WEIGHED = re.compile(r'"Address": "10\.1\.0\.(\d+):8080/TCP",.*?"Weight": (\d+)', re.DOTALL)
SHARE = re.compile(r"(\d+)\((\d+)\)")


@dataclass(frozen=True)
class Maps:
    """What Cilium wrote: the state of each endpoint, and the slots of each in the table of each port of the front."""

    states: dict[str, str]
    slots: dict[int, dict[str, int]]


def service_body() -> dict[str, Any]:
    ports = [{"name": name, "port": number, "protocol": "TCP"} for name, number in NUMBERS.items()]
    spec = {"type": "ClusterIP", "clusterIP": ADDRESS, "clusterIPs": [ADDRESS], "ipFamilies": ["IPv4"], "ports": ports}
    metadata = {"name": FRONT.name, "namespace": FRONT.namespace, "uid": FRONT.uid}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def run(commands: Iterable[str], slices: Iterable[EndpointSlice]) -> str:
    """Run commands in Cilium's program of tests, after it has our objects; return what it prints."""
    objects = {"service": service_body()} | {item.name: slice_body(item, FRONT) for item in slices}
    files = [f"-- {name}.yaml --\n{json.dumps(body)}\n" for name, body in objects.items()]
    added = "k8s/add " + " ".join(f"{name}.yaml" for name in objects)
    script = [f"#! {FLAGS} --bpf-lb-maglev-table-size={SLOTS}", "hive start", added, *commands, ""]
    program = program_of("cilium", "test-cilium")
    with tempfile.TemporaryDirectory(prefix="wao-cilium-") as name:
        folder = Path(name)
        (folder / "testdata").mkdir()
        (folder / "testdata" / "slices.txtar").write_text("\n".join(script) + "".join(files))
        if OTHER_USER:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [str(program), "-test.run", "^TestScript$", "-test.v"],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": name, "TMPDIR": name},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **OTHER_USER,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def maps(slices: Iterable[EndpointSlice], counts: Mapping[str, int]) -> Maps:
    """Return what Cilium writes for slices once each port of the front has its number of endpoints."""
    made = list(slices)
    addresses = {each.addresses[0] for item in made for each in item.endpoints}
    patterns = [f"BE: ID=.* ADDR={address}:" for address in sorted(addresses)]
    patterns += [f"ADDR={ADDRESS}:{NUMBERS[name]}/TCP SLOT=0 .* COUNT={count} " for name, count in counts.items()]
    waits = [f"* grep '{pattern}' maps" for pattern in patterns]  # repeats the commands before until it is found
    text = run(["lb/maps-dump maps", *waits, "cat maps"], made)
    backends = {row[1]: row for row in BACKEND.finditer(text)}
    tables = {row[1]: row[2] for row in TABLE.finditer(text)}
    return Maps(
        {row[2]: row[3] for row in backends.values()},
        {
            int(row[2]): {backends[item[1]][2]: int(item[2]) for item in SHARE.finditer(tables.get(row[1], ""))}
            for row in FRONTEND.finditer(text)
        },
    )


def endpoint(number: int, node: str, weight: float, **more: Any) -> WeightedEndpoint:
    return WeightedEndpoint(address=f"10.1.0.{number}", port=8080, node_name=node, weight=weight, **more)


def port(*endpoints: WeightedEndpoint, name: str = "http") -> WeightedPort:
    return WeightedPort(name=name, port=NUMBERS[name], protocol="TCP", family="IPv4", endpoints=endpoints)


def slices(*ports: WeightedPort) -> list[EndpointSlice]:
    weights = ServiceWeights(namespace=FRONT.namespace, service="web", version="1", ports=ports)
    return list(front_slices(FRONT, weights).values())


def test_new_connections_have_our_shares_and_a_weight_of_0_drains() -> None:
    endpoints = [
        endpoint(1, "a", 30.0),
        endpoint(2, "a", 30.0),
        endpoint(3, "b", 39.5),
        endpoint(4, "c", 0.5),
        endpoint(5, "d", 0.0),
        endpoint(6, "e", 0.0, ready=False),
    ]
    found = maps(slices(port(*endpoints)), {"http": 4})
    assert found.states == {
        **{f"10.1.0.{number}:8080": "active" for number in (1, 2, 3, 4)},
        **{f"10.1.0.{number}:8080": "maintenance" for number in (5, 6)},
    }
    shares = {address: 100.0 * count / SLOTS for address, count in found.slots[80].items()}
    wanted = {f"{item.address}:8080": item.weight for item in endpoints if item.weight > 0.0}
    assert shares == pytest.approx(wanted, abs=0.15)  # a weight is a whole number, and 100 an equal share


def test_ports_with_the_same_number_have_the_same_endpoints() -> None:
    same = [endpoint(1, "a", 75.0), endpoint(2, "b", 25.0)]
    found = maps(slices(port(*same), port(*same, name="alt")), {"http": 2, "alt": 2})
    assert found.slots[80] == found.slots[81]
    assert found.slots[80]["10.1.0.1:8080"] == pytest.approx(0.75 * SLOTS, rel=0.01)


def test_annotations_are_read_alike() -> None:
    texts = ["0", "1", "007", "65535", "65536", "", "-1", "+1", " 1", "1.5", "1_0", "x", "\N{ARABIC-INDIC DIGIT ONE}"]
    made = [
        msgspec.structs.replace(
            slices(port(endpoint(number, "a", 100.0)))[0], name=f"s{number}", annotations={WEIGHT: text}
        )
        for number, text in enumerate(texts, 1)
    ]
    commands = [
        "db/show backends -f json -o backends",
        f"* grep '10.1.0.{len(texts)}:8080' backends",
        "cat backends",
    ]
    text = run(commands, made)
    read = dict(WEIGHED.findall(text.rpartition("> cat backends")[2]))
    ours = {str(number): weight_of(item) for number, item in enumerate(made, 1)}
    assert {number: int(weight) for number, weight in read.items()} == {
        number: 100 if weight is None else weight for number, weight in ours.items()
    }
