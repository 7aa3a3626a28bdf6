"""The hardware of a server, read from captures of real BMCs."""

from __future__ import annotations

import pytest

from tests.wao_predict.redfish.captures import documents
from wao_predict.errors import ProtocolError
from wao_predict.flow import run
from wao_predict.models.matching import Hardware
from wao_predict.redfish.hardware import read_hardware
from wao_predict.testing import MockTransport, serve_documents


@pytest.mark.parametrize(
    ("tree", "processor", "chips", "cores"),
    [
        ("dell-r750-idrac9-7.10", "Intel(R) Xeon(R) Gold 6354 CPU @ 3.00GHz", 2, 36),
        ("hpe-dl385-gen10plus-ilo5", "AMD EPYC 7763 64-Core Processor", 2, None),
        ("nvidia-gb200-openbmc", "ARMv9", 2, 144),
    ],
)
def test_processors_are_read_from_the_system(tree: str, processor: str, chips: int, cores: int | None) -> None:
    hardware = run(read_hardware(), MockTransport(serve_documents(documents(tree))))
    assert (hardware.processor, hardware.chips, hardware.cores) == (processor, chips, cores)


def system(**fields: object) -> dict[str, object]:
    return {
        "/redfish/v1": {"Systems": {"@odata.id": "/redfish/v1/Systems"}},
        "/redfish/v1/Systems": {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]},
        "/redfish/v1/Systems/1": {"Manufacturer": "Acme", "Model": "X1", **fields},
        "/redfish/v1/Systems/1/Processors": {
            "Members": [{"@odata.id": f"/redfish/v1/Systems/1/Processors/{name}"} for name in ("GPU1", "CPU1")]
        },
        "/redfish/v1/Systems/1/Processors/GPU1": {"ProcessorType": "GPU", "Model": "H100"},
        "/redfish/v1/Systems/1/Processors/CPU1": {"ProcessorType": "CPU", "Model": " AMD EPYC 9654 "},
    }


def test_the_first_cpu_is_named_where_the_summary_names_none() -> None:
    tree = system(
        ProcessorSummary={"Model": None, "Count": 2, "CoreCount": 0},
        Processors={"@odata.id": "/redfish/v1/Systems/1/Processors"},
    )
    found = run(read_hardware(), MockTransport(serve_documents(tree)))
    assert found == Hardware("Acme", "X1", "AMD EPYC 9654", 2, None)


@pytest.mark.parametrize("summary", [None, [], "x", {"Count": "many", "CoreCount": -1, "Model": 5}])
def test_a_summary_of_wrong_types_leaves_the_fields_unknown(summary: object) -> None:
    found = run(read_hardware(), MockTransport(serve_documents(system(ProcessorSummary=summary))))
    assert found == Hardware("Acme", "X1", "", None, None)


def test_a_bmc_of_several_systems_asks_for_one() -> None:
    tree = system()
    tree["/redfish/v1/Systems"] = {"Members": [{"@odata.id": f"/redfish/v1/Systems/{name}"} for name in ("1", "2")]}
    tree["/redfish/v1/Systems/2"] = {"ProcessorSummary": {"Model": "B"}}
    with pytest.raises(ProtocolError, match="2 Systems"):
        run(read_hardware(), MockTransport(serve_documents(tree)))
    assert run(read_hardware("2"), MockTransport(serve_documents(tree))).processor == "B"
