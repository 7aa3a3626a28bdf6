"""The extender's wire format (k8s.io/kube-scheduler/extender/v1/types.go): decodes requests and encodes responses.

The Go structs have no JSON tags, so keys are in CapitalCase. Go accepts any case, and so does the decoder. Responses
are bytes: the hot path creates no Python object per node.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wao_core.cluster.decode import POD
from wao_core.cluster.records import Pod
from wao_core.errors import ManifestError, WaoCoreError
from wao_predict.arrays import IntArray

ObjectArray = NDArray[np.object_]


class ExtenderRequestError(WaoCoreError, ValueError):
    """The body is not an ExtenderArgs; the message names the part."""


class _NodeName(msgspec.Struct, gc=False):
    name: str = ""


class _NodeItem(msgspec.Struct, gc=False):
    metadata: _NodeName


class _NodeList(msgspec.Struct, gc=False):
    items: list[_NodeItem] | None = None


class _Args(msgspec.Struct, gc=False, rename="pascal"):
    pod: msgspec.Raw = msgspec.Raw(b"null")
    nodes: msgspec.Raw = msgspec.Raw(b"null")
    node_names: msgspec.Raw = msgspec.Raw(b"null")


_decode_args = msgspec.json.Decoder(_Args).decode
_decode_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_decode_names = msgspec.json.Decoder(list[str] | None).decode
_decode_nodes = msgspec.json.Decoder(_NodeList | None).decode
encode = msgspec.json.encode

_NULL = b"null"


@dataclass(frozen=True, slots=True)
class ExtenderArgs:
    """One filter or prioritize request.

    `raw_names` is the JSON of NodeNames (also the response when nothing is filtered), or None when the scheduler sent
    whole Node objects (`nodeCacheCapable: false`), whose JSON is in `raw_nodes`.
    """

    pod: Pod
    names: tuple[str, ...]
    raw_names: bytes | None
    raw_nodes: bytes | None


MOST_NODES = 50_000
"""Nodes of one request: ten times what Kubernetes supports."""
MOST_NAME = 253
"""Characters of the name, the namespace and the uid of a Pod; an API server accepts no longer names."""
MOST_POD_BYTES = 4 * 1024 * 1024
"""Largest Pod [bytes]; an API server accepts 1.5 MiB of an object."""
MOST_FOREIGN_BYTES = 1024 * 1024
"""Largest request whose keys are in another case than kube-scheduler's [bytes]; it is decoded twice."""
_MOST_OBJECTS = 2_000_000  # JSON objects within the Nodes of one request
_TOO_MANY = f"more than {MOST_NODES} nodes in one request"
_COUNTED_BYTES = 1024 * 1024  # larger lists of names are counted before they are decoded; 10 ms decode a smaller one


class ArgsDecoder:
    """Decodes requests and keeps the last few, as kube-scheduler sends the same body to filter and to prioritize."""

    MOST_BYTES = 1 << 20
    """Largest body that is kept [bytes]: 5,000 node names are some 200 kB."""

    def __init__(self) -> None:
        self._last: deque[tuple[bytes, ExtenderArgs]] = deque(maxlen=8)

    def decode(self, body: bytes) -> ExtenderArgs:
        """Return the request in `body`, the same object for the same bytes; raises as `decode_args`."""
        for known, args in self._last:
            if known == body:
                return args
        args = decode_args(body)
        if len(body) <= self.MOST_BYTES:
            self._last.appendleft((body, args))
        return args


def decode_args(body: bytes) -> ExtenderArgs:
    """Return the request in `body`.

    Raises
    ------
    ExtenderRequestError
        The body is not JSON, has no Pod, or its Pod or node list is malformed.
    """
    try:
        args = _decode_args(body)
        pod, nodes, names = bytes(args.pod), bytes(args.nodes), bytes(args.node_names)
        if pod == _NULL and len(body) <= MOST_FOREIGN_BYTES:  # another key case
            parts = {key.lower(): bytes(raw) for key, raw in _decode_raw_object(body).items()}
            pod, nodes, names = (parts.get(key, _NULL) for key in ("pod", "nodes", "nodenames"))
        if pod == _NULL:
            raise ExtenderRequestError("the body has no Pod: send ExtenderArgs with Pod and NodeNames")
        _refuse_too_large(pod, nodes, names)
        record = POD.decode_json(pod)
        assert isinstance(record, Pod)
        _refuse_long_names(record)
        if names != _NULL:
            return ExtenderArgs(record, _limited(_decode_names(names) or ()), names, None)
        listed = _decode_nodes(nodes)
    except (msgspec.DecodeError, UnicodeDecodeError, ManifestError, RecursionError) as error:
        raise ExtenderRequestError(f"the body is not an ExtenderArgs: {error}") from None
    items = [] if listed is None or listed.items is None else listed.items
    return ExtenderArgs(record, tuple(item.metadata.name for item in items), None, nodes)


def _refuse_too_large(pod: bytes, nodes: bytes, names: bytes) -> None:
    """Raise an `ExtenderRequestError` for parts that would take seconds to decode."""
    if len(pod) > MOST_POD_BYTES:
        raise ExtenderRequestError(f"the Pod is larger than {MOST_POD_BYTES >> 20} MiB")
    many = len(names) > _COUNTED_BYTES and names.count(b",") >= MOST_NODES
    if many or nodes.count(b"{") > _MOST_OBJECTS:
        raise ExtenderRequestError(_TOO_MANY)


def _limited(names: Sequence[str]) -> tuple[str, ...]:
    if len(names) > MOST_NODES:
        raise ExtenderRequestError(_TOO_MANY)
    return tuple(names)


def _refuse_long_names(pod: Pod) -> None:
    """Raise an `ExtenderRequestError` for a Pod whose name, namespace or uid is too long: decisions keep them."""
    for field, text in (("name", pod.name), ("namespace", pod.namespace), ("uid", pod.uid)):
        if len(text) > MOST_NAME:
            raise ExtenderRequestError(f"Pod.metadata.{field} has {len(text)} characters, and {MOST_NAME} is the limit")


class ScoreEncoder:
    """Encodes HostPriorityList; keeps the JSON of host names and of the entries with the most frequent score.

    kube-scheduler takes 0 for a host that is not in the list (`prioritizeNodes` in schedule_one.go). So scores of 0 are
    omitted unless all are 0: the entries of 5,000 hosts are 270 kB, which both sides would process for every pod.
    """

    def __init__(self) -> None:
        self._table: Sequence[str] = ()
        self._hosts: ObjectArray = _objects([b""])
        self._usual = -1
        self._entries: ObjectArray = self._hosts

    def encode(self, names: Sequence[str], scores: IntArray, rows: IntArray, table: Sequence[str]) -> bytes:
        """Return the JSON of a HostPriorityList.

        Parameters
        ----------
        names, scores
            One score per name, shape (n_names,).
        rows
            Index of each name in `table`, shape (n_names,), -1 for a name that is not in it.
        table
            The names of all nodes; their JSON is kept until another object is passed.
        """
        if not names:
            return b"[]"
        if table is not self._table:
            # row -1 is the last entry
            self._table, self._hosts, self._usual = table, _objects([*map(_host, table), b""]), -1
        if np.count_nonzero(scores) not in (0, len(names)):
            there = np.flatnonzero(scores)
            names, scores, rows = [names[index] for index in there.tolist()], scores[there], rows[there]
        middle = len(names) // 2
        usual = int(np.partition(scores, middle)[middle])
        others = np.flatnonzero((scores != usual) | (rows < 0)).tolist()
        if len(others) > middle:
            return b"[%b]" % b",".join(map(_entry, self._hosts_of(names, rows), scores.tolist()))
        if usual != self._usual:
            self._usual, self._entries = usual, _objects([_entry(host, usual) for host in self._hosts])
        entries = self._entries[rows].tolist()
        for index in others:
            row = rows[index]
            entries[index] = _entry(_host(names[index]) if row < 0 else self._hosts[row], scores[index])
        return b"[%b]" % b",".join(entries)

    def _hosts_of(self, names: Sequence[str], rows: IntArray) -> list[bytes]:
        hosts: list[bytes] = self._hosts[rows].tolist()
        for index in np.flatnonzero(rows < 0).tolist():
            hosts[index] = _host(names[index])
        return hosts


def _host(name: str) -> bytes:
    return b'{"Host":%b,"Score":' % encode(name)


def _entry(host: bytes, score: int) -> bytes:
    return b"%b%d}" % (host, score)


def _objects(items: list[bytes]) -> ObjectArray:
    return np.fromiter(items, dtype=np.object_, count=len(items))


def encode_filter(
    args: ExtenderArgs, keep: Sequence[str] | None = None, failed: Mapping[str, str] | None = None
) -> bytes:
    """Return the JSON of an ExtenderFilterResult.

    Parameters
    ----------
    keep
        Names that pass, a subset of those in `args`; None passes all of them unchanged.
    failed
        Message per refused name. They are always "unresolvable": preemption does not consult extenders, so it would
        evict pods without effect (kubernetes/kubernetes#139270).
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
    """Return the JSON of an ExtenderFilterResult with an error."""
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
    document = _decode_object(raw)
    document["items"] = [item for item in document.get("items") or [] if item["metadata"]["name"] in keep]
    return encode(document)
