"""What weights save under real load: equal weights, `proportional` and `lookahead` compared.

Each policy has eight nodes of its own, of two server types, and gets the same requests at the same moments. A node's
CPU is virtual, its time real (see `benchmarks.virtual_nodes`). The weights come over HTTP by long poll from a real
`wao lb`, which reads the CPU that the requests took from NodeMetrics and PodMetrics once a second. Watts are predicted
from each node's mean CPU use over the measured time. Whether an endpoint is driven over its ceiling is judged by what
the weights send there of the load that was measured: of single requests some node always gets a few more.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import aiohttp
import numpy as np

from benchmarks.processes import serving, wao_server
from benchmarks.virtual_nodes import serve
from benchmarks.virtual_sites import (
    BACKGROUND,
    CORES,
    PRESSURE,
    SERVICE,
    TEMPERATURE,
    TYPES,
    Site,
    manifests,
    metrics,
    write,
)
from wao_predict import curves_of_models
from wao_predict.arrays import FloatArray
from wao_predict.traffic.limits import Limits

LOADS = (10, 30, 50, 70)
"""Mean load of all nodes, the background with it [%]."""
POLICIES = ("equal", "proportional", "lookahead")
RAMP, SETTLE, MEASURE = 8.0, 5.0, 11.0
"""Seconds in which the load rises, before it is measured, and while it is."""
NOISE = 0.01
CEILING = Limits().node_ceiling
"""Of nodes and of pods, which are as large here [%]; the background counts for the node, so that is what binds."""
ROUNDING = 0.1
"""How far an endpoint must be over its ceiling, or another below it to have room [points]."""


def main() -> None:
    """Print predicted watts, latencies and the highest loads of nodes at 10, 30, 50 and 70 % load, and two verdicts."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        sites = []
        for number, policy in enumerate(POLICIES):
            made = Site(policy, number, 0)
            url, _ = stack.enter_context(serving(partial(serve, made.addresses, CORES)))
            made.port = int(url.rpartition(":")[2])
            sites.append(made)
        folder = Path(name)
        write(folder / "cluster.yaml", [item for site in sites for item in manifests(site)])
        write(folder / "metrics.yaml", metrics(sites))
        options = ("--insecure-http", "--proxy-name", "", "--settle-time", "2", "--log-level", "error")
        url, _ = stack.enter_context(wao_server("lb", "--manifests", name, *options))
        asyncio.run(_compare(folder, sites, url))


async def _compare(folder: Path, sites: list[Site], url: str) -> None:
    print(f"{len(TYPES)} nodes of {CORES} virtual cores: {', '.join(dict.fromkeys(TYPES))}; {SERVICE * 1e3:g} ms each")
    print(f"{'load':>6}  {'policy':14}{'watts':>8}{'saved':>8}{'p50 ms':>9}{'p99 ms':>9}", end="")
    print(f"{'highest':>9}{'driven to':>11}{'lowest':>8}{'over':>6}{'requests':>10}")
    limits = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=limits, timeout=aiohttp.ClientTimeout(total=60)) as http:
        following = [asyncio.create_task(_follow(http, site, url)) for site in sites if site.policy != "equal"]
        following.append(asyncio.create_task(_feed(http, folder, sites)))
        try:
            kept = [await _at(http, sites, before, load) for before, load in itertools.pairwise((0, *LOADS))]
        finally:
            broken = [task for task in following if task.done()]
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
        for task in broken:  # they run until they are ended; figures without them would be of something else
            task.result()
    cheap, within = (all(part) for part in zip(*kept, strict=True))
    print(f"look-ahead costs no more than equal weights (1 % noise aside): {'yes' if cheap else 'NO'}")
    print(f"look-ahead drives no endpoint over its ceiling while another has room: {'yes' if within else 'NO'}")


async def _at(http: aiohttp.ClientSession, sites: list[Site], last: int, load: int) -> tuple[bool, bool]:
    """Raise the load of all sites; print what it comes to.

    Returns whether look-ahead cost no more than equal weights, and whether it kept to the ceilings.
    """
    sending = asyncio.create_task(_send(http, sites, _rate(last), _rate(load)))
    await asyncio.sleep(RAMP + SETTLE)
    for site in sites:
        site.latencies.clear()
        site.shares.clear()
    begin, before = time.monotonic(), [await _spent(http, site) for site in sites]
    await asyncio.sleep(MEASURE)
    seconds, after = time.monotonic() - begin, [await _spent(http, site) for site in sites]
    used = {site.policy: (new - old) / seconds for site, old, new in zip(sites, before, after, strict=True)}
    rows = {site.policy: np.quantile(site.latencies, (0.5, 0.99)) * 1e3 for site in sites}
    counts = {site.policy: len(site.latencies) for site in sites}
    await sending
    watts = {policy: _watts(cores) for policy, cores in used.items()}
    driven = {site.policy: _driven(used[site.policy], site.shares) for site in sites}
    for policy, (p50, p99) in rows.items():
        most, least, over = driven[policy].max(), driven[policy].min(), _over(driven[policy])
        highest = 100.0 * float((used[policy] / CORES + BACKGROUND).max())
        saved = 1.0 - watts[policy] / watts["equal"]
        print(
            f"{load:>4} %  {policy:14}{watts[policy]:>8.0f}{saved:>8.1%}{p50:>9.0f}{p99:>9.0f}{highest:>7.0f} %"
            f"{most:>9.1f} %{least:>6.1f} %{over:>6}{counts[policy]:>10}",
            flush=True,
        )
    if lost := {site.policy: site.lost for site in sites if site.lost}:
        print(f"        requests lost: {lost}")
    return watts["lookahead"] <= (1.0 + NOISE) * watts["equal"], _over(driven["lookahead"]) == 0


def _driven(used: FloatArray, shares: list[FloatArray]) -> FloatArray:
    """Return the load that the weights of the measured time drive each node to [%]."""
    service: FloatArray = used.sum() * np.mean(shares, axis=0)
    return 100.0 * (service / CORES + BACKGROUND)


def _over(driven: FloatArray) -> int:
    """Return how many endpoints are driven over their ceiling while another has room."""
    room = bool((driven < CEILING - ROUNDING).any())
    return int((driven > CEILING + ROUNDING).sum()) if room else 0


def _rate(load: int) -> float:
    """Return the requests per second that load all nodes so much [%]."""
    return max(load / 100.0 - BACKGROUND, 0.0) * CORES * len(TYPES) / SERVICE


def _watts(cores: FloatArray) -> float:
    curves = curves_of_models(TYPES, TEMPERATURE, PRESSURE)
    return float(curves.at(100.0 * np.minimum(cores / CORES + BACKGROUND, 1.0)).sum())


async def _send(http: aiohttp.ClientSession, sites: list[Site], last: float, rate: float) -> None:
    """Send requests at random moments, the same ones to every site; each picks its endpoint by its weights."""
    draw, tasks = np.random.default_rng(int(rate)), set()
    begin = moment = time.monotonic()
    end = begin + RAMP + SETTLE + MEASURE
    while moment < end:
        now = last + (rate - last) * min((moment - begin) / RAMP, 1.0)
        moment += float(draw.exponential(1.0 / max(now, 1.0)))
        work, place = float(draw.gamma(4.0, SERVICE / 4.0)), float(draw.uniform())
        if (pause := moment - time.monotonic()) > 0.0:
            await asyncio.sleep(pause)
        for site in sites:
            shares = np.cumsum(site.weights)
            row = int(np.searchsorted(shares, place * shares[-1], side="right"))
            task = asyncio.create_task(_request(http, site, min(row, len(TYPES) - 1), work))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


async def _request(http: aiohttp.ClientSession, site: Site, row: int, work: float) -> None:
    begin = time.perf_counter()
    try:
        async with http.get(f"http://{site.addresses[row]}:{site.port}/work?seconds={work}") as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        site.lost += 1
        return
    site.latencies.append(time.perf_counter() - begin)


async def _follow(http: aiohttp.ClientSession, site: Site, url: str) -> None:
    """Take the weights as they change."""
    while True:
        headers = {"If-None-Match": f'"{site.version}"'} if site.version else {}
        async with http.get(f"{url}/v1/weights/default/{site.policy}?wait=10s", headers=headers) as answer:
            if answer.status == 200:
                document = await answer.json()
                found = {item["address"]: item["weight"] for item in document["ports"][0]["endpoints"]}
                site.weights, site.version = np.array([found[ip] for ip in site.addresses]), document["version"]
            elif answer.status != 304:
                await asyncio.sleep(0.5)


async def _feed(http: aiohttp.ClientSession, folder: Path, sites: list[Site]) -> None:
    """Tell once a second what CPU was used."""
    for number in itertools.count(1):
        for site in sites:
            site.spent.append((time.monotonic(), await _spent(http, site)))
            site.shares.append(site.weights / site.weights.sum())
        if number > 1:
            write(folder / "metrics.yaml", metrics(sites))
        await asyncio.sleep(1.0)


async def _spent(http: aiohttp.ClientSession, site: Site) -> FloatArray:
    async with http.get(f"http://127.0.0.1:{site.port}/cpu") as answer:
        found = await answer.json()
    return np.array([found[address] for address in site.addresses])
