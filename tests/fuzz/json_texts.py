"""JSON that servers may send: near the protocols, far from them, and expensive to parse."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

KEYS = st.sampled_from(
    """code sensor sensorid pressure message error detail status data result resultType metric value wao_sample outputs
    name datatype shape Members @odata.id Status State Reading ReadingCelsius ReadingUnits PowerControl Temperatures
    PowerConsumedWatts Links Chassis metadata labels spec items timestamp usage cpu""".split()
)
WORDS = st.sampled_from(
    ["success", "vector", "scalar", "watts", "FP32", "Enabled", "20", "1e400", "nan", "/redfish/v1/x"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**400), 0, 200])
    | st.text(max_size=8)
    | WORDS
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)
TEXTS = (OBJECTS | VALUES).map(json.dumps).map(str.encode) | st.binary(max_size=100)

EXPENSIVE = {
    "8 MiB of empty lists": b"[" + b"[]," * 2_700_000 + b"[]]",
    "8 MiB of lists within a mapping": b'{"error":[' + b"[]," * 2_700_000 + b"[]]}",
    "8 MiB of outputs": b'{"outputs":[' + b"{}," * 2_700_000 + b"{}]}",
    "8 MiB of data": b'{"outputs":[{"name":"w","datatype":"FP32","data":[' + b"1," * 4_000_000 + b"1]}]}",
    "8 MiB of samples": b'{"status":"success","data":{"resultType":"vector","result":[' + b"{}," * 2_700_000 + b"{}]}}",
    "8 MiB of nesting": b"[" * 8_000_000,
}
