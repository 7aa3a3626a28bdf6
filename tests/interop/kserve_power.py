"""The real KServe model server with a shipped model. Runs in KServe's environment: kserve_power.py MODEL PORT."""

import sys
import uuid

import numpy as np
import onnxruntime
from kserve import InferRequest, Model, ModelServer
from kserve.utils.utils import get_predict_response


class PowerModel(Model):
    def __init__(self, path: str) -> None:
        super().__init__("power")
        self._session = onnxruntime.InferenceSession(path)
        self.ready = True

    def predict(self, payload: InferRequest, headers: object = None, response_headers: object = None) -> object:
        rows = payload.inputs[0].as_numpy().astype(np.float32)
        watts = self._session.run(["watts"], {"X": rows})[0].reshape(-1).astype(np.float32)
        payload.id = payload.id or str(uuid.uuid4())
        return get_predict_response(payload, watts, self.name)


if __name__ == "__main__":
    ModelServer(http_port=int(sys.argv[2]), enable_grpc=False, workers=1).start([PowerModel(sys.argv[1])])
