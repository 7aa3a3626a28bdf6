"""Series of many nodes from a Prometheus server, by range queries.

Source: the HTTP API of Prometheus, `POST /api/v1/query_range`; Thanos, Mimir and VictoriaMetrics answer the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from wao_predict.connection import origin_of, without_userinfo
from wao_predict.errors import ProtocolError, SensorError, UsageError
from wao_predict.flow import MIB, Flow, Request
from wao_predict.json_values import as_text
from wao_predict.recording.aligning import Series
from wao_predict.redfish.values import mapping, text
from wao_predict.sensors.prometheus import answer_data

MOST_POINTS = 10_000
"""Points of a series in one request; Prometheus refuses more than 11,000."""
FIRST_POINTS = 100
"""Points of the first request, from whose answer the number of series is known."""
MOST_SAMPLES = 500_000
"""Points of all series that one request asks for: some 15 MB."""
MOST_TOTAL = 20_000_000
"""Points of a series in all requests."""
MOST_BYTES = 32 * MIB
"""Largest answer."""
MOST_VALUES = 3_000_000
"""Values of the JSON of an answer; a point counts as three."""
NODE_EXPORTER_CPU = (
    '100 * (1 - sum by ({label}) (rate(node_cpu_seconds_total{{mode=~"idle|iowait"}}[{window}s]))'
    ' / count by ({label}) (node_cpu_seconds_total{{mode="idle"}}))'
)
"""CPU load [%] of the nodes of node_exporter."""

_Found = dict[str, list[tuple[float, float]]]


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
    max_bytes
        Largest answer to one request.
    """

    def __init__(
        self, endpoint: str, query: str, *, label: str = "instance", token: str = "", max_bytes: int = MOST_BYTES
    ) -> None:
        origin_of(endpoint)
        parts = urlsplit(endpoint)
        self.base_url = f"{parts.scheme}://{parts.netloc}"
        self._where, self._max_bytes = without_userinfo(self.base_url), max_bytes
        self._path = parts.path.rstrip("/") + "/api/v1/query_range"
        self.query, self.label = query, label
        self._authorization = {"Authorization": f"Bearer {token}"} if token else {}
        if not query.strip():
            raise UsageError("the query is missing: give PromQL that returns one series for each node")

    def flow(self, start: float, end: float, step: float) -> Flow[dict[str, Series]]:
        """Return the series of each node between two times [s since the epoch], with a value every `step` seconds.

        The range is asked in parts that do not overlap. The more series there are, the shorter they are.

        Raises
        ------
        UsageError
            The range has too many points.
        SensorError
            Two series have the same node.
        RemoteError
            The server refuses the query.
        """
        points = _number_of_points(start, end, step)
        found: _Found = {}
        first, size = 0, FIRST_POINTS
        while first < points:
            size = min(size, points - first)
            begin, finish = start + first * step, start + (first + size - 1) * step
            form = urlencode(
                {"query": self.query, "start": f"{begin:.3f}", "end": f"{finish:.3f}", "step": f"{step:g}"}
            )
            headers = {"Content-Type": "application/x-www-form-urlencoded", **self._authorization}
            response = yield Request("POST", self._path, headers, form.encode(), self._max_bytes)
            matrix = self._matrix(answer_data(response, self._where, most=MOST_VALUES))
            self._add(matrix, found, (begin - step, finish + step))
            first += size
            size = max(1, min(MOST_POINTS, MOST_SAMPLES // len(matrix))) if matrix else FIRST_POINTS
        known = {node: np.array(pairs, dtype=np.float64) for node, pairs in found.items() if pairs}
        return {node: Series.of(*points.T) for node, points in known.items()}

    def _matrix(self, data: Mapping[str, Any]) -> Sequence[Any]:
        """Return the series of an answer."""
        if text(data.get("resultType")) != "matrix":
            raise ProtocolError(f"the answer of {self._where} to a range query is no matrix", endpoint=self._where)
        return _array(data.get("result"))

    def _add(self, matrix: Sequence[Any], found: _Found, limits: tuple[float, float]) -> None:
        """Add the points within the limits: some servers round the times that they are asked for to whole steps."""
        seen: set[str] = set()
        for series in matrix:
            labels = mapping(mapping(series).get("metric"))
            node = text(labels.get(self.label))
            if not node:
                raise SensorError(
                    f"{self._where}: a series {as_text(labels)[:120]} has no label {self.label}; give the label that "
                    "names the node"
                )
            if node in seen:
                raise SensorError(
                    f"{self._where}: the query finds several series with {self.label}={node}: aggregate it with "
                    f"max by ({self.label})"
                )
            seen.add(node)
            points = found.setdefault(node, [])
            points += _points(mapping(series).get("values"), limits)


def _array(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _points(values: object, limits: tuple[float, float]) -> Iterator[tuple[float, float]]:
    for pair in _array(values):
        try:
            time, value = map(float, pair)
        except (TypeError, ValueError, OverflowError):
            continue
        if limits[0] <= time <= limits[1] and isfinite(value):
            yield time, value


def _number_of_points(start: float, end: float, step: float) -> int:
    if not start < end or step <= 0:
        raise UsageError("the range is empty: give a start before the end, and a step above 0 s")
    points = int((end - start) // step) + 1
    if points > MOST_TOTAL:
        raise UsageError(f"{points:,} points are too many: give a shorter range or a longer step")
    return points
