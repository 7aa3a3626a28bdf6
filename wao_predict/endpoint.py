"""Where a sensor or a model is, and the contract between endpoints and plug-ins.

A plug-in is a class behind an entry point of the group `wao_predict.sensors` or `wao_predict.backends`; the name of
the entry point is the endpoint's `type`. The sensors and backends of this package are plug-ins like any other.

A plug-in has one class method, `from_endpoint(endpoint, context)`, which returns an object that follows
`wao_predict.sensors.base.Sensor` or `wao_predict.backends.base.Backend`. It performs no I/O and raises `UsageError` for
an endpoint that it cannot use. A sensor may also have

* `node_inputs(endpoint)`, a class method that returns which properties of the node its reading depends on, as a set of
  "name" and "address". Nodes with equal endpoints share one reading where the set is empty. Default: {"name"}.
* `share(state)`, a method that is called once with a dictionary that all sensors at one server with the same
  credentials have in common, for what they need to find out only once.
* `concurrency`, the number of requests at a time that its server can take. Default: 8.

A backend may also have `names_server`, true where the server at its endpoint only names the server that has the model.
Such a backend requests paths of the former and absolute URLs of the latter, which is reached as `Endpoint.target` says.

Credentials, TLS and the rule about addresses are not the plug-in's concern: whoever drives its flow applies them.

Examples
--------
>>> class Constant:
...     base_url = ""
...     concurrency = 1
...     def __init__(self, value):
...         self.value = value
...     @classmethod
...     def from_endpoint(cls, endpoint, context):
...         return cls(endpoint.options.get("value", 20.0))
...     @classmethod
...     def node_inputs(cls, endpoint):
...         return frozenset()
>>> Constant.from_endpoint(Endpoint("Constant", options=Options({"value": 21.5})), EndpointContext()).value
21.5
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from wao_predict.connection import TlsPolicy, without_userinfo
from wao_predict.model_files import ModelFiles


class Options(Mapping[str, object]):
    """An immutable, hashable mapping; nested mappings and lists are frozen too.

    Examples
    --------
    >>> Options({"sensor": {"name": "Inlet"}}) == {"sensor": {"name": "Inlet"}}
    True
    >>> hash(Options({"a": 1, "b": [2]})) == hash(Options({"b": (2,), "a": 1}))
    True
    """

    __slots__ = ("_hash", "_items")

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        self._items = {str(key): _frozen(value) for key, value in given.items()} if given else {}
        self._hash = hash(frozenset(self._items.items()))

    def __getitem__(self, key: str) -> object:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Options):
            return self._items == other._items
        return isinstance(other, Mapping) and self._items == Options(other)._items

    def __repr__(self) -> str:
        return f"Options({self._items!r})"

    def __reduce__(self) -> tuple[type[Options], tuple[dict[str, object]]]:
        return Options, (self._items,)  # hashes of texts differ from process to process

    def text(self, key: str) -> str:
        """Return an option as text, or an empty string where it is not given."""
        value = self._items.get(key)
        return "" if value is None else str(value)

    def mapping(self, key: str) -> Options:
        """Return an option that is a mapping, empty where it is not given or not a mapping."""
        value = self._items.get(key)
        return value if isinstance(value, Options) else Options()


def _frozen(value: object) -> object:
    if value is None or isinstance(value, str | int | float | Options):
        return value
    if isinstance(value, Mapping):
        return Options(value)
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One sensor or model: what it is, where it is, and how it is reached.

    Equal endpoints share one poller, one model and one connection.

    Parameters
    ----------
    type
        Name of the plug-in, such as "Redfish".
    url
        URL; for type Onnx the name of a model or of a file. Empty where the type needs none.
    secret
        Reference to the credentials, resolved by whoever opens the endpoint, such as "namespace/name". Empty for none.
    tls
        How the server's certificate is verified.
    options
        Further options of the type, such as `query` or `sensor`.
    target
        For a server that only names the server of the model: how the latter is reached. Its URL is not known yet.
    """

    type: str
    url: str = ""
    secret: str = ""
    tls: TlsPolicy = TlsPolicy()  # noqa: RUF009
    options: Options = Options()  # noqa: RUF009
    target: Endpoint | None = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # endpoints are keys of hot dictionaries
        object.__setattr__(self, "_hash", hash(self._fields))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Endpoint, self._fields

    @property
    def _fields(self) -> tuple[object, ...]:
        return (self.type, self.url, self.secret, self.tls, self.options, self.target)

    @property
    def label(self) -> str:
        """Type and URL for people, such as "Onnx edge_lenovo"."""
        return f"{self.type} {without_userinfo(self.url)}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointContext:
    """The purpose for which an endpoint is opened.

    Parameters
    ----------
    metric
        The quantity that a sensor reads: `inlet_temp` [degC], `delta_p` [Pa] or `power_watts` [W]. Empty for a model.
    node_name, node_address
        The node that a sensor reads for; empty where the reading does not depend on it (`node_inputs`).
    max_age
        Age up to which a reading can be used [s].
    model_files
        Which model files may be opened.
    """

    metric: str = ""
    node_name: str = ""
    node_address: str = ""
    max_age: float = 300.0
    model_files: ModelFiles = ModelFiles()  # noqa: RUF009
