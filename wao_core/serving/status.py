"""Errors in the form of a Kubernetes API server: `metav1.Status` (k8s.io/apimachinery, meta/v1/types.go)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wao_core.errors import WaoCoreError

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class StatusError(WaoCoreError):
    """An error that is answered as metav1.Status. `details` of None omits the field, {} writes it empty."""

    def __init__(self, code: int, message: str, *, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details

    def body(self) -> bytes:
        """Return the JSON body: compact, with a final newline."""
        return status_body(self.code, self.message, details=self.details)


def status_body(code: int, message: str, *, details: Mapping[str, object] | None = None) -> bytes:
    """Return the JSON of a metav1.Status that reports a failure."""
    status: dict[str, object] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS.get(code, ""),
    }
    if details is not None:
        status["details"] = dict(details)
    status["code"] = code
    return msgspec.json.encode(status) + b"\n"
