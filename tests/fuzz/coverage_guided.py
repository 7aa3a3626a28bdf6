"""Coverage-guided fuzzing of the parsers of bytes, with atheris: `make fuzz-bytes`. Not a part of the tests.

Run one target: `python -m tests.fuzz.coverage_guided TARGET [options of libFuzzer] [corpus folder]`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["wao_core", "wao_lb", "wao_predict", "wao_scheduler"]):
    from wao_core.cluster.decode import POD
    from wao_core.collector.metrics_feed import decode_values
    from wao_core.kube.collection import decode_list, decode_watch_line
    from wao_core.kube.resources import NODES
    from wao_core.source.decoders import collection_of
    from wao_core.source.plain_values import plain_values
    from wao_lb.outputs import eds, haproxy
    from wao_predict.backends import v2_messages
    from wao_predict.errors import WaoError
    from wao_predict.flow import Response
    from wao_predict.models.metadata import read_props
    from wao_predict.redfish import explorer
    from wao_predict.sensors import dpapi, prometheus
    from wao_scheduler.wire import decode_args

MODEL = Path("/dev/shm/wao-fuzz.onnx")


def _response(body: bytes) -> Response:
    return Response(500 if body[:1] == b"5" else 200, body, {}, "http://server/")


def _model(body: bytes) -> object:
    MODEL.write_bytes(body)
    return read_props(MODEL)


TARGETS: dict[str, Callable[[bytes], object]] = {
    "dpapi": lambda body: dpapi.decode(_response(body)),
    "prometheus": lambda body: prometheus.decode(_response(body), "server"),
    "v2": lambda body: v2_messages.decode_response(_response(body), 2),
    "redfish": explorer.decode,
    "model": _model,
    "yaml": lambda body: plain_values(body.decode(errors="replace"), json=True),
    "pod": POD.decode_json,
    "extender": decode_args,
    "eds": lambda body: eds.answer(body, {}),
    "haproxy": lambda body: haproxy.reply(body.decode(errors="replace"), {}),
    "list": lambda body: decode_list(body, collection_of(NODES)),
    "watch": lambda body: decode_watch_line(body, collection_of(NODES)),
    "metrics": decode_values,
}


def main() -> None:
    """Fuzz the target that is the first argument."""
    target = TARGETS[sys.argv.pop(1)]

    def once(body: bytes) -> None:
        with suppress(WaoError):
            target(body)

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
