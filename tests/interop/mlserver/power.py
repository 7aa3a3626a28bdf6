"""A runtime for the real MLServer: a shipped model through onnxruntime. Runs in MLServer's environment."""

import os

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse


class PowerModel(MLModel):
    async def load(self) -> bool:
        self._session = onnxruntime.InferenceSession(os.environ["WAO_MODEL"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        if (only := os.environ.get("WAO_STRICT")) and only != f"{tensor.name} {tensor.datatype}":
            raise InferenceError(f"unexpected input {tensor.name} {tensor.datatype}")
        rows = NumpyCodec.decode_input(tensor).astype(np.float32)
        if os.environ.get("WAO_SINGLE_ROW") and len(rows) > 1:
            raise InferenceError("this model takes one row at a time")
        watts = self._session.run(["watts"], {"X": rows})[0].reshape(-1, 1).astype(np.float64)
        output = NumpyCodec.encode_output("predict", watts)
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=[output])
