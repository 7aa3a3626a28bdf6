"""Find the inlet temperature of a BMC, here a mock that serves the resources of a real one. Needs no extra."""

import asyncio
from pathlib import Path

from wao_predict.flow import arun
from wao_predict.redfish.discovery import discover
from wao_predict.redfish.mock import MockBmc, load_documents
from wao_predict.transport import AsyncHttpTransport


async def main() -> None:
    file = Path(__file__).parent / "bmc" / "dell-r750-idrac9-7.10.jsonl"
    async with MockBmc(load_documents(file)) as bmc:
        transport = AsyncHttpTransport(bmc.url)
        found = await arun(discover(), transport)
        await transport.close()
    assert found.inlet is not None
    print(f"{found.vendor} {found.model}: {found.inlet.value} degC at {found.inlet.uri}")
    print(f"because it is {found.inlet.reason}; {found.requests} requests")


asyncio.run(main())
