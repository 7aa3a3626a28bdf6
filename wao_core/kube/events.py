"""Events on objects, through events.k8s.io, at a bounded rate."""

from __future__ import annotations

import hashlib
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable

from wao_core.cluster.names import shortened
from wao_core.cluster.source import ObjectRef
from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient
from wao_core.kube.resources import api_path
from wao_predict.printable import printable
from wao_predict.timestamps import format_rfc3339

log = logging.getLogger(__name__)

BURST = 25.0


class TokenBucket:
    """Allows `burst` at once and `rate` per second in the long run."""

    def __init__(self, rate: float, burst: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._level = rate, burst, burst
        self._clock = clock
        self._filled = clock()

    def take(self) -> bool:
        """Take one token; return whether there was one."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._filled) * self._rate)
        self._filled = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


class EventRecorder:
    """Writes Events, but not the same one twice within `repeat` seconds.

    Normal Events are the same if object and reason are equal, Warnings if the message is equal too.

    Parameters
    ----------
    component
        Name of the reporting controller, such as "wao-scheduler".
    normal, warnings
        Events of each type per second in the long run; 25 at once, which is client-go's burst. Each is a write for the
        API server, as binding a Pod is, so Events about decisions are few enough not to slow down the decisions.
    """

    def __init__(
        self,
        client: KubeClient,
        component: str,
        *,
        normal: float = 1.0,
        warnings: float = 5.0,
        repeat: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._component = component
        self._instance = f"{component}-{socket.gethostname()}"[:128]
        self._normal, self._warnings = (TokenBucket(rate, BURST, clock=clock) for rate in (normal, warnings))
        self._repeat, self._clock = repeat, clock
        self._recent: OrderedDict[str, float] = OrderedDict()

    async def record(self, about: ObjectRef, *, reason: str, message: str, warning: bool) -> None:
        """Write one Event; a failure is logged, never raised."""
        digest = hashlib.sha256(f"{about}{reason}{message if warning else ''}".encode()).hexdigest()[:16]
        bucket = self._warnings if warning else self._normal
        if self._recently(digest) or not bucket.take():
            return
        if len(self._recent) < 10_000:
            self._recent[digest] = self._clock()
        namespace = about.namespace or "default"
        name = f"{shortened(about.name, 220)}.{digest}{time.time_ns() % 10**9:x}"
        body = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": format_rfc3339(time.time(), microseconds=True),
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "action": reason,
            "note": printable(message)[:1000],
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "regarding": {
                "apiVersion": about.api_version,
                "kind": about.kind,
                "name": about.name,
                "namespace": about.namespace,
                "uid": about.uid,
            },
        }
        try:
            await self._client.send("POST", api_path("events.k8s.io/v1", "events", namespace=namespace), body=body)
        except SourceError as error:
            log.warning("the event %s on %s %s was not recorded: %s", reason, about.kind, about.name, error)

    def _recently(self, digest: str) -> bool:
        now = self._clock()
        while self._recent and next(iter(self._recent.values())) < now - self._repeat:
            self._recent.popitem(last=False)
        return digest in self._recent
