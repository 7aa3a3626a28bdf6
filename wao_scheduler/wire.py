"""The extender's wire format: decoding requests in any key case, encoding answers as Go expects them.

Source: k8s.io/kube-scheduler/extender/v1/types.go. The Go structs have no JSON tags, so keys are in CapitalCase; Go
itself accepts any case, and so do we. Answers are bytes: the hot path never builds Python objects per node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wao_core.decode import decode_object
from wao_core.errors import WaoCoreError
from wao_core.records import Kind, Pod

IntArray = NDArray[np.int64]


class ExtenderRequestError(WaoCoreError, ValueError):
    """The body is not an ExtenderArgs; the message says which part."""


class _NodeName(msgspec.Struct, gc=False):
    name: str = ""


class _NodeItem(msgspec.Struct, gc=False):
    metadata: _NodeName


class _NodeList(msgspec.Struct, gc=False):
    items: list[_NodeItem] | None = None


class _Args(msgspec.Struct, gc=False, rename="pascal"):
    pod: dict[str, Any] | None = None
    nodes: msgspec.Raw = msgspec.Raw(b"null")
    node_names: msgspec.Raw = msgspec.Raw(b"null")


_decode_args = msgspec.json.Decoder(_Args).decode
_decode_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_pod = msgspec.json.Decoder(dict[str, Any]).decode
_decode_names = msgspec.json.Decoder(list[str] | None).decode
_decode_nodes = msgspec.json.Decoder(_NodeList | None).decode
encode = msgspec.json.encode

_NULL = b"null"


@dataclass(frozen=True, slots=True)
class ExtenderArgs:
    """One filter or prioritize request.

    `raw_names` are the bytes of NodeNames as sent (a cache key, and the answer when nothing is filtered), or None
    when the scheduler sent whole Node objects (`nodeCacheCapable: false`); then `raw_nodes` has them.
    """

    pod: Pod
    names: Sequence[str]
    raw_names: bytes | None
    raw_nodes: bytes | None


class NameCache:
    """Decodes NodeNames; filter and prioritize of a pod get the same list, so the last few are kept."""

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._names: dict[bytes, tuple[str, ...]] = {}

    def names(self, raw: bytes) -> tuple[str, ...]:
        """Return the names in `raw`, a JSON list."""
        known = self._names.get(raw)
        if known is None:
            known = tuple(_decode_names(raw) or ())
            if len(self._names) >= self._size:
                self._names.pop(next(iter(self._names)))
            self._names[raw] = known
        return known


def decode_args(body: bytes, cache: NameCache) -> ExtenderArgs:
    """Return the request in `body`.

    Raises
    ------
    ExtenderRequestError
        The body is not JSON, has no Pod, or its Pod or node list is malformed.
    """
    try:
        args = _decode_args(body)
        pod, nodes, names = args.pod, bytes(args.nodes), bytes(args.node_names)
        if pod is None:  # another key case
            parts = {key.lower(): bytes(raw) for key, raw in _decode_raw_object(body).items()}
            pod = _decode_pod(parts["pod"]) if parts.get("pod", _NULL) != _NULL else None
            nodes, names = parts.get("nodes", _NULL), parts.get("nodenames", _NULL)
        if pod is None:
            raise ExtenderRequestError("the body has no Pod: send ExtenderArgs with Pod and NodeNames")
        record = decode_object(Kind.POD, pod)
        assert isinstance(record, Pod)
        if names != _NULL:
            return ExtenderArgs(record, cache.names(names), names, None)
        listed = _decode_nodes(nodes)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ExtenderRequestError(f"the body is not an ExtenderArgs: {error}") from None
    items = [] if listed is None or listed.items is None else listed.items
    return ExtenderArgs(record, tuple(item.metadata.name for item in items), None, nodes)


class ScoreEncoder:
    """Encodes HostPriorityList; what names a host, and the entry with the score that most hosts have, are made once."""

    def __init__(self) -> None:
        self._hosts: dict[str, bytes] = {}
        self._usual = -1
        self._entries: dict[str, bytes] = {}

    def encode(self, names: Sequence[str], scores: IntArray) -> bytes:
        """Return the JSON of a HostPriorityList with one score per name, shape (n_names,)."""
        if not names:
            return b"[]"
        if len(self._hosts) > 4 * len(names) + 10_000:  # names of nodes long gone
            self._hosts.clear()
            self._entries.clear()
        middle = len(names) // 2
        usual = int(np.partition(scores, middle)[middle])
        others = np.flatnonzero(scores != usual)
        if others.size > middle:
            pairs = zip(self._look_up(self._hosts, names, self._host), scores.tolist(), strict=True)
            return b"[" + b",".join([b"%b%d}" % pair for pair in pairs]) + b"]"
        if usual != self._usual:
            self._usual = usual
            self._entries.clear()
        entries = self._look_up(self._entries, names, lambda name: b"%b%d}" % (self._host(name), usual))
        for index in others.tolist():
            entries[index] = b"%b%d}" % (self._host(names[index]), scores[index])
        return b"[" + b",".join(entries) + b"]"

    def _host(self, name: str) -> bytes:
        known = self._hosts.get(name)
        if known is None:
            known = self._hosts[name] = b'{"Host":%b,"Score":' % encode(name)
        return known

    @staticmethod
    def _look_up(known: dict[str, bytes], names: Sequence[str], make: Callable[[str], bytes]) -> list[bytes]:
        try:
            return list(map(known.__getitem__, names))
        except KeyError:
            for name in names:
                if name not in known:
                    known[name] = make(name)
            return list(map(known.__getitem__, names))


def encode_filter(
    args: ExtenderArgs, keep: Sequence[str] | None = None, failed: Mapping[str, str] | None = None
) -> bytes:
    """Return the JSON of an ExtenderFilterResult.

    Parameters
    ----------
    keep
        Names that pass, a subset of those in `args`; None passes all of them on untouched.
    failed
        Message per refused name. Always "unresolvable": preemption does not ask extenders, so victims would die in
        vain (kubernetes/kubernetes#139270).
    """
    nodes, names = args.raw_nodes or _NULL, args.raw_names or _NULL
    if keep is not None:
        if args.raw_names is not None:
            names = encode(list(keep))
        else:
            nodes = _keep_nodes(nodes, frozenset(keep))
    refused = encode(dict(failed)) if failed else b"{}"
    return (b'{"Nodes":%b,"NodeNames":%b,"FailedNodes":{},"FailedAndUnresolvableNodes":%b,"Error":""}') % (
        nodes,
        names,
        refused,
    )


def encode_filter_error(message: str) -> bytes:
    """Return an ExtenderFilterResult that carries an error."""
    return encode(
        {
            "Nodes": None,
            "NodeNames": None,
            "FailedNodes": {},
            "FailedAndUnresolvableNodes": {},
            "Error": message,
        }
    )


def _keep_nodes(raw: bytes, keep: frozenset[str]) -> bytes:
    document = _decode_pod(raw)
    document["items"] = [item for item in document.get("items") or [] if item["metadata"]["name"] in keep]
    return encode(document)
