"""The loads of nodes before this process began, from Prometheus, so that floors survive a restart."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wao_core.aio import in_daemon_thread
from wao_core.bearer_token import read_bearer_token
from wao_core.errors import WaoCoreError
from wao_core.prediction.node_floors import NodeFloors
from wao_predict.connection import HttpOptions, TlsPolicy, origin_of
from wao_predict.errors import UsageError, WaoPredictError, summary
from wao_predict.flow import MIB, run
from wao_predict.load_floor import SLOTS
from wao_predict.recording.aligning import Series
from wao_predict.recording.prometheus_range import RangeQuery
from wao_predict.transport import HttpTransport

log = logging.getLogger(__name__)

MOST_BYTES = 16 * MIB
"""Largest answer: of 5,000 nodes with a few labels it has some 6 MB."""
RETRY = 60.0
"""Time to the next attempt after a failed one [s]."""
STEPS = 12
"""Number of times in each slot of the window for which Prometheus computes the load."""
NODE_EXPORTER_CORES = 'sum by ({label}) (rate(node_cpu_seconds_total{{mode!~"idle|iowait"}}[5m]))'
"""CPU use [cores] of the nodes of node_exporter."""
LABEL_NAME = "^[a-zA-Z_][a-zA-Z0-9_]*$"
"""Pattern of the name of a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySource:
    """A Prometheus server that has the CPU use of the nodes.

    Parameters
    ----------
    url
        https://host[:port][/prefix] of the server.
    query
        PromQL of the CPU use [cores], with one series for each node; default: that of node_exporter.
    label
        Label whose value is the name of the node.
    tls
        How the server's certificate is verified.
    token_file
        File with a bearer token for the server, which is read for each attempt.
    timeout
        Limit of one attempt [s].
    """

    url: str
    query: str | None = None
    label: str = "instance"
    tls: TlsPolicy = TlsPolicy()  # noqa: RUF009
    token_file: Path | None = None
    timeout: float = 30.0

    def check(self) -> None:
        """Refuse what an operator must not configure.

        Raises
        ------
        UsageError
            The URL or the label cannot be used, or a token would be sent without TLS.
        """
        scheme = origin_of(self.url)[0]
        if urlsplit(self.url).username is not None:
            raise UsageError("remove the user and the password from the URL; give a file with a token")
        if self.token_file is not None and scheme != "https":
            raise UsageError("a token is sent by https only: change the URL")
        if not re.match(LABEL_NAME, self.label):
            raise UsageError(f"label {self.label!r:.60}: give the name of a label, such as instance")

    def range_query(self, window: float) -> RangeQuery:
        """Return the query of the lowest load in each slot of a window [s].

        Raises
        ------
        UsageError
            The URL or the token cannot be used.
        """
        token = "" if self.token_file is None else read_bearer_token(self.token_file)
        slot = window / SLOTS
        query = self.query or NODE_EXPORTER_CORES.format(label=self.label)
        lowest = f"min_over_time(({query}\n)[{slot * 1000:.0f}ms:{slot * 1000 / STEPS:.0f}ms])"
        return RangeQuery(self.url, lowest, label=self.label, token=token, max_bytes=MOST_BYTES)


class FloorHistory:
    """Reads the history once, with further attempts while that fails.

    Parameters
    ----------
    source
        Where the history is.
    floors
        The floors that it restores.
    clock
        Returns the time [s since the epoch].
    """

    def __init__(self, source: HistorySource, floors: NodeFloors, *, clock: Callable[[], float] = time.time) -> None:
        self._source, self._floors, self._clock = source, floors, clock
        self._nodes: frozenset[str] = frozenset()
        self._problem: str | None = "the history is not read yet"

    def problem(self, names: tuple[str, ...] = ()) -> str | None:
        """Return why nodes have no history, None if they have: a warning of the server.

        Parameters
        ----------
        names
            Names of the nodes; none while they are not known.
        """
        if self._problem is not None or not names or not self._nodes.isdisjoint(names):
            return self._problem
        found = f"such as {min(self._nodes)!r:.80}" if self._nodes else "because the query finds no series"
        return (
            f"no node is in the history, {found}: set query and label so that {self._source.label} is the node's name"
        )

    async def restore(self) -> None:
        """Read the history until that succeeds, and restore the floors."""
        while True:
            try:
                history = await self.read()
            except (WaoPredictError, WaoCoreError) as error:
                self._problem = f"the floors begin at the present loads: {summary(error)}"
                log.warning("floor history: %s", error)
                await asyncio.sleep(RETRY)
                continue
            self._floors.restore(history)
            self._nodes, self._problem = frozenset(history), None
            log.info("restored the floors of %d nodes from %s", len(history), self._source.url)
            return

    async def read(self) -> Mapping[str, Series]:
        """Return the lowest load in each part of the window [cores by name of the node].

        Raises
        ------
        WaoPredictError
            The server gives no usable answer in time, or the token cannot be read.
        """
        window, now = self._floors.window, self._clock()
        query = self._source.range_query(window)
        limits = HttpOptions(timeout=self._source.timeout, connect_timeout=min(5.0, self._source.timeout), attempts=1)

        def read_all() -> Mapping[str, Series]:
            with closing(HttpTransport(query.base_url, tls=self._source.tls, options=limits)) as transport:
                return run(query.flow(now - window + window / SLOTS, now, window / SLOTS), transport)

        return await in_daemon_thread(read_all)  # the answers of 5,000 nodes take a second
