"""Writes other weights into one map as fast as the kernel takes them, until standard input ends; tells how often."""

from __future__ import annotations

import random
import sys
import threading

from wao_lb.agent import nf_tables
from wao_lb.agent.family import IPV4, IPV6
from wao_lb.agent.split import ranges, shares, slots


def main(name: str, *chains: str) -> None:
    family = IPV6 if "fd01" in chains[0] else IPV4
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    keys = [(chain, 0) for chain in chains]
    written, draw = 0, random.Random(0)
    print("ready", flush=True)
    while not ended.wait(0.002):
        weights = {key: draw.uniform(1.0, 100.0) for key in keys}
        nf_tables.write_weights(family, {name: ranges(chains, slots(shares(keys, weights)))})
        written += 1
    print(written)


if __name__ == "__main__":
    main(*sys.argv[1:])
