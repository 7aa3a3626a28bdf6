"""Every error of the distribution, from general to special.

* WaoError                      base of all packages here; `except WaoError` catches everything expected
  x WaoPredictError             base of the library
    + PredictError              no prediction
      - FeatureError (ValueError)       missing column, wrong shape, NaN: names what is missing and the remedy
      - RemoteError                     a server gave no usable answer; has `endpoint` and `status_code`
        . RemoteTimeout (TimeoutError)  no answer in time
        . ProtocolError                 an answer outside the protocol; quotes its beginning
    + SensorError               no reading
    + BackendNotFound (LookupError)     no backend or sensor of that type is installed
    + ModelLoadError (ValueError)       unreadable model file, or features that do not fit
    + MissingExtra (ImportError)        an optional package is missing: states the pip command
    + UsageError (ValueError)           an argument that cannot be used: names it and the remedy
    + QuantityError (ValueError)        the text is not a Kubernetes quantity
"""

from __future__ import annotations


class WaoError(Exception):
    """Base of all expected errors of this distribution; the text is meant for the user."""


class WaoPredictError(WaoError):
    """Base of the library's errors."""


class PredictError(WaoPredictError):
    """There is no prediction."""


class FeatureError(PredictError, ValueError):
    """The table is not usable as features: a column is missing, a value is NaN, or the shape is wrong."""


class RemoteError(PredictError):
    """A server gave no usable answer.

    Parameters
    ----------
    endpoint
        The URL of the request, without user information.
    status_code
        The HTTP status, or None when there was no answer at all.
    detail
        Text of the answer, for the person who sent the request and for logs. It is part of the message, but not of
        `summary`.
    retry_after
        Seconds until the server wants the next request (Retry-After), or None when it does not say.
    """

    def __init__(
        self,
        message: str,
        *,
        endpoint: str = "",
        status_code: int | None = None,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{message}: {detail}" if detail else message)
        self.summary = message
        self.endpoint = endpoint
        self.status_code = status_code
        self.retry_after = retry_after


class RemoteTimeout(RemoteError, TimeoutError):
    """The server did not answer in time."""


class ProtocolError(RemoteError):
    """The server's answer is outside the protocol; the message quotes its beginning."""


class SensorError(WaoPredictError):
    """There is no reading: the sensor is absent, disabled, or its value is not a usable number.

    Parameters
    ----------
    summary
        The message without text that a server sent; default: all of it.
    """

    def __init__(self, message: str, *, summary: str = "") -> None:
        super().__init__(message)
        self.summary = summary or message


class BackendNotFound(WaoPredictError, LookupError):
    """No backend or sensor of that type is installed."""


class ModelLoadError(WaoPredictError, ValueError):
    """The model file cannot be read, or its features are not those that the library predicts from."""


class MissingExtra(WaoPredictError, ImportError):
    """An optional package is missing; the message states the pip command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs more packages: pip install 'wao-predict[{extra}]'")
        self.what = what
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return MissingExtra, (self.what, self.extra)


class UsageError(WaoPredictError, ValueError):
    """An argument cannot be used; the message names it and the remedy."""


class QuantityError(WaoPredictError, ValueError):
    """The text is not a Kubernetes quantity."""


def summary(error: Exception) -> str:
    """Return the error's message without text that a server sent.

    A status that other people can read must not show it: they may have chosen the server.
    """
    return error.summary if isinstance(error, RemoteError | SensorError) else str(error)


class OutOfRangeWarning(UserWarning):
    """Some rows lie outside the model's trained range and were predicted at the nearest trained value."""
