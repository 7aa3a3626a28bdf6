"""Series of many nodes from a Prometheus server, by range queries.

Source: the HTTP API of Prometheus, `POST /api/v1/query_range`; Thanos, Mimir and VictoriaMetrics answer the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import numpy as np

from wao_predict.connection import origin_of, without_userinfo
from wao_predict.errors import ProtocolError, SensorError, UsageError
from wao_predict.flow import MIB, Flow, Request
from wao_predict.json_values import as_text
from wao_predict.recording.aligning import Series
from wao_predict.redfish.values import items, mapping, number, text
from wao_predict.sensors.prometheus import answer_data

MOST_POINTS = 10_000
"""Points of a series in one request; Prometheus refuses more than 11,000."""

MOST_REQUESTS = 2_000
NODE_EXPORTER_CPU = (
    '100 * (1 - sum by ({label}) (rate(node_cpu_seconds_total{{mode=~"idle|iowait"}}[{window}s]))'
    ' / count by ({label}) (node_cpu_seconds_total{{mode="idle"}}))'
)
"""CPU load [%] of the nodes of node_exporter."""


class RangeQuery:
    """A query whose result has one series for each node.

    Parameters
    ----------
    endpoint
        https://host[:port][/prefix] of the server.
    query
        PromQL.
    label
        Label with the name of the node.
    token
        Bearer token for the server; default: none.
    """

    def __init__(self, endpoint: str, query: str, *, label: str = "instance", token: str = "") -> None:
        origin_of(endpoint)
        parts = urlsplit(endpoint)
        self.base_url = f"{parts.scheme}://{parts.netloc}"
        self._path = parts.path.rstrip("/") + "/api/v1/query_range"
        self.query, self.label = query, label
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        if not query.strip():
            raise UsageError("the query is missing: give PromQL that returns one series for each node")

    def flow(self, start: float, end: float, step: float) -> Flow[dict[str, Series]]:
        """Return the series of each node between two times [s since the epoch], with a value every `step` seconds.

        Raises
        ------
        UsageError
            The range has too many points.
        SensorError
            Two series have the same node.
        RemoteError
            The server refuses the query.
        """
        found: dict[str, list[tuple[float, float]]] = {}
        for begin, finish in _parts(start, end, step):
            form = urlencode(
                {"query": self.query, "start": f"{begin:.3f}", "end": f"{finish:.3f}", "step": f"{step:g}"}
            )
            headers = {"Content-Type": "application/x-www-form-urlencoded", **self._authorization}
            response = yield Request("POST", self._path, headers, form.encode(), 64 * MIB)
            data = answer_data(response, without_userinfo(self.base_url))
            self._add(data, found)
        return {node: Series.of(*np.array(pairs, dtype=np.float64).reshape(-1, 2).T) for node, pairs in found.items()}

    def _add(self, data: object, found: dict[str, list[tuple[float, float]]]) -> None:
        where = without_userinfo(self.base_url)
        if text(mapping(data).get("resultType")) != "matrix":
            raise ProtocolError(f"the answer of {where} to a range query is no matrix", endpoint=where)
        seen: set[str] = set()
        for series in items(mapping(data).get("result")):
            labels = mapping(mapping(series).get("metric"))
            node = text(labels.get(self.label))
            if not node:
                raise SensorError(
                    f"{where}: a series {as_text(labels)[:120]} has no label {self.label}; give the label that names "
                    "the node"
                )
            if node in seen:
                raise SensorError(
                    f"{where}: the query finds several series with {self.label}={node}: aggregate it with "
                    f"max by ({self.label})"
                )
            seen.add(node)
            for pair in items(mapping(series).get("values")):
                time, value = (number(part) for part in items(pair)) if len(items(pair)) == 2 else (None, None)
                if time is not None and value is not None:
                    found.setdefault(node, []).append((time, value))


def _parts(start: float, end: float, step: float) -> Iterator[tuple[float, float]]:
    """Yield ranges with at most `MOST_POINTS` points, which do not overlap."""
    if not start < end or step <= 0:
        raise UsageError("the range is empty: give a start before the end, and a step above 0 s")
    points = int((end - start) // step) + 1
    if points > MOST_POINTS * MOST_REQUESTS:
        raise UsageError(f"{points:,} points are too many: give a shorter range or a longer step")
    for first in range(0, points, MOST_POINTS):
        yield start + first * step, start + (min(first + MOST_POINTS, points) - 1) * step
