"""The hardware of the demo: a mock BMC per server, based on a real one, and a differential pressure API."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from wao_demo.fleet import Server
from wao_predict.redfish.mock import MockBmc, MockPressureApi, load_documents

_INSTALLED = Path(__file__).resolve().parent / "bmc"
EXAMPLES = _INSTALLED if _INSTALLED.is_dir() else _INSTALLED.parents[1] / "examples" / "bmc"
"""The folder of examples in a checkout, or its copy in an installed package."""
LOGIN = ("wao-reader", "demo-only-password")


@dataclass(frozen=True, slots=True)
class Form:
    """The captured resources of a real BMC, and the paths of inlet temperature and power in them."""

    file: str
    inlet: tuple[str, str]
    power: tuple[str, str] | None


FORMS = {
    "cloud_dell": Form(
        "dell-r750-idrac9-7.10.jsonl",
        ("/redfish/v1/Chassis/System.Embedded.1/Sensors/SystemBoardInletTemp", "/Reading"),
        ("/redfish/v1/Chassis/System.Embedded.1/EnvironmentMetrics", "/PowerWatts/Reading"),
    ),
    "cloud_lenovo": Form(
        "hpe-dl385-gen10plus-ilo5.jsonl",
        ("/redfish/v1/Chassis/1/Thermal", "/Temperatures/0/ReadingCelsius"),
        ("/redfish/v1/Chassis/1/Power", "/PowerControl/0/PowerConsumedWatts"),
    ),
    "edge_lenovo": Form(
        "intel-s2600bpb-bmc.jsonl",
        ("/redfish/v1/Chassis/RackMount/Baseboard/Thermal", "/Temperatures/0/ReadingCelsius"),
        ("/redfish/v1/Chassis/RackMount/Baseboard/Power", "/PowerControl/0/PowerConsumedWatts"),
    ),
    "edge_supermicro": Form(
        "yadro-r120g2-openbmc.jsonl",
        ("/redfish/v1/Chassis/Server_R120_G2_Server/Thermal", "/Temperatures/44/ReadingCelsius"),
        None,
    ),
}
"""The BMC that is mocked for each server type."""


def moving(middle: float, amplitude: float, period: float, phase: float) -> Callable[[], float]:
    """Return a function whose value oscillates around `middle`, like room air with cycling cooling."""

    def now() -> float:
        return middle + amplitude * math.sin(2 * math.pi * (time.monotonic() / period + phase))

    return now


@asynccontextmanager
async def hardware(
    fleet: list[Server], watts_of: Callable[[Server], float], tls: ssl.SSLContext
) -> AsyncIterator[tuple[dict[str, MockBmc], MockPressureApi]]:
    """Run a mock BMC for each server and the pressure API on loopback; yield them."""
    documents = {kind: load_documents(EXAMPLES / form.file) for kind, form in FORMS.items()}
    async with AsyncExitStack() as stack:
        bmcs = {}
        for index, server in enumerate(fleet):
            form = FORMS[server.type]
            bmc = MockBmc(
                documents[server.type],
                inlet=form.inlet,
                temperature=moving(server.inlet_temp, 0.8, 60.0, index / len(fleet)),
                power=form.power,
                watts=moving(watts_of(server), 3.0, 20.0, index / len(fleet)),
                credentials=LOGIN,
            )
            await bmc.start(tls=tls)
            stack.push_async_callback(bmc.stop)
            bmcs[server.name] = bmc
        by_name = {server.name: server for server in fleet}
        pressure = MockPressureApi(lambda name: by_name[name].delta_p if name in by_name else math.nan)
        await pressure.start()
        stack.push_async_callback(pressure.stop)
        yield bmcs, pressure
        await asyncio.sleep(0)
