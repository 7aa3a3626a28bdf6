"""A day in fast motion: the Pods of a trace come and go on a real control plane, and the energy is added up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.cluster.bed.client import Client
from wao_predict.simulate.trace import Trace

LOOK = 0.1
"""Seconds between two looks at the Pods."""
PODS = "/api/v1/namespaces/default/pods"


class Day:
    """Creates the Pods of a trace when they arrive, and deletes them at their end. One second is one of the trace.

    Parameters
    ----------
    name
        Label of the Pods, and the first part of their names.
    body
        Returns the Pod of a name with a number of cores.
    watts
        Returns the present power of all servers, from the node of each Pod by the Pod's number [W].

    Attributes
    ----------
    times, watts
        When it was looked at the Pods [s], and the power then [W].
    waited
        Time from the arrival of each Pod to its node, by number, as far as it has one [s].
    """

    def __init__(
        self,
        client: Client,
        name: str,
        trace: Trace,
        body: Callable[[str, float], dict[str, Any]],
        watts: Callable[[Mapping[int, str]], float],
    ) -> None:
        self._client, self._name, self._trace, self._body, self._watts = client, name, trace, body, watts
        self._ends: dict[int, float] = {}
        self.times: list[float] = []
        self.watts: list[float] = []
        self.waited: dict[int, float] = {}

    @property
    def joules(self) -> float:
        """Energy of the day."""
        return float((np.array(self.watts) * np.diff(np.append(self.times, self._trace.horizon))).sum())

    def play(self) -> None:
        """Let the day pass."""
        began, created, arrivals = time.monotonic(), 0, self._trace.arrival.tolist()
        while (now := time.monotonic() - began) < self._trace.horizon:
            while created < len(arrivals) and arrivals[created] <= now:
                self._create(created)
                created += 1
            nodes = self._look(now)
            self.times.append(now)
            self.watts.append(self._watts(nodes))
            time.sleep(LOOK)  # the time that passes is what is measured
        self._client.request("DELETE", f"{PODS}?labelSelector=day%3D{self._name}", {"gracePeriodSeconds": 0})

    def _create(self, number: int) -> None:
        body = self._body(f"{self._name}-{number}", float(self._trace.request[number]))
        body["metadata"]["labels"] = {**body["metadata"].get("labels", {}), "day": self._name}
        self._client.create(PODS, body)

    def _look(self, now: float) -> dict[int, str]:
        """Return the node of each Pod that runs, without those that end now."""
        found = self._client.get(f"{PODS}?labelSelector=day%3D{self._name}")["items"]
        nodes = {_number(item): item["spec"]["nodeName"] for item in found if item["spec"].get("nodeName")}
        for number in nodes.keys() - self._ends.keys():
            self._ends[number] = now + float(self._trace.duration[number])
            self.waited[number] = now - float(self._trace.arrival[number])
        for number in [number for number in nodes if self._ends[number] <= now]:
            self._client.request("DELETE", f"{PODS}/{self._name}-{number}", {"gracePeriodSeconds": 0})
            del nodes[number]
        return nodes


def _number(item: Mapping[str, Any]) -> int:
    return int(item["metadata"]["name"].rpartition("-")[2])
