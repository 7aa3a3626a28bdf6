"""Writes other weights into one map as fast as the kernel takes them, until standard input ends."""

from __future__ import annotations

import random
import sys

from tests.netns.load import ending
from wao_lb.agent.family import IPV4, IPV6
from wao_lb.agent.linux import nf_tables
from wao_lb.agent.linux.netlink import NetlinkSocket
from wao_lb.agent.slots import ranges, shares, slots

ENOUGH = 300
"""Writes after which it says that they were enough."""


def main(name: str, *addresses: str) -> None:
    family = IPV6 if ":" in addresses[0] else IPV4
    ended = ending()
    keys = [(address, 8080) for address in addresses]
    written, draw = 0, random.Random(0)
    with NetlinkSocket() as netlink:
        while not ended.wait(0.002):
            weights = {key: draw.uniform(1.0, 100.0) for key in keys}
            nf_tables.write_weights(netlink, family, {name: ranges(keys, slots(shares(keys, weights)))})
            written += 1
            if written == ENOUGH:
                print("enough", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
