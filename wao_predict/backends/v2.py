"""Open Inference Protocol (V2) over REST: https://github.com/kserve/open-inference-protocol.

`V2Backend.flow` combines the pure modules `v2_options`, `v2_signature` and `v2_messages`. It reads the metadata of the
model once, sends as many rows in one request as the server accepts, and learns that number from refusals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.backends.v2_messages import decode_response, encode_request, refused, stated_limit
from wao_predict.backends.v2_options import model_options, split_options
from wao_predict.backends.v2_signature import Signature, signature_of, stated_signature
from wao_predict.connection import origin_of, without_userinfo
from wao_predict.endpoint import Endpoint, EndpointContext
from wao_predict.errors import ProtocolError
from wao_predict.flow import MIB, Flow, Request, Response
from wao_predict.json_values import parse_json

_NOT_ABOUT_THE_BATCH = (401, 403, 404, 429, 501, 502, 503, 504)


def infer_url(endpoint: str) -> str:
    """Return the infer URL of an endpoint.

    URLs that end in /infer are returned unchanged, with or without a version and behind any path prefix. /infer is
    appended to the URL of a model (".../v2/models/power" or ".../versions/v1"). The query is kept.
    """
    origin_of(endpoint)
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/")
    if not path.endswith("/infer"):
        path += "/infer"
    return urlunsplit(parts._replace(path=path))


def metadata_url(url: str) -> str:
    """Return the URL of a model's metadata, for its infer URL."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.removesuffix("/infer")))


@dataclass(slots=True)
class BatchSize:
    """Number of rows of the next request, learned from what the server accepts and refuses.

    After a refusal that states no limit, one row is sent and the number doubles until the next refusal.

    Attributes
    ----------
    rows
        Rows of the next request.
    most
        Most rows that the server may accept.
    accepted
        Most rows that it has accepted.
    """

    rows: int
    most: int
    accepted: int = 0

    @classmethod
    def up_to(cls, most: int) -> BatchSize:
        """Return the size for a server of which nothing is known but the most rows it may accept."""
        return cls(most, most)

    def accept(self, rows: int) -> None:
        """Note that the server answered this many rows."""
        self.accepted = max(self.accepted, rows)
        if rows == self.rows:
            self.rows = min(2 * rows, self.most)

    def refuse(self, rows: int, limit: int | None) -> None:
        """Note that the server refused this many rows, and the limit that it stated."""
        if limit is not None and 0 < limit < rows:
            self.rows = self.most = limit
        elif 0 < self.accepted < rows:
            self.rows = self.most = self.accepted
        else:
            self.rows, self.most, self.accepted = 1, rows - 1, 0


class V2Backend:
    """A model on a server that speaks the Open Inference Protocol.

    Parameters
    ----------
    endpoint
        The infer URL or the model's URL, with or without a version. Options can follow in the fragment, such as
        "#inputName=INPUT__0&maxBatchSize=8".
    options
        inputName, outputName, datatype, maxBatchSize, contentType and features, see `ModelOptions`; they take
        precedence over the fragment and over the metadata of the server.

    Raises
    ------
    UsageError
        The URL cannot be used, or an option is not known or has a wrong value.
    """

    def __init__(self, endpoint: str, **options: object) -> None:
        bare, in_url = split_options(endpoint)
        self.url = infer_url(bare)
        self._options = model_options({**in_url, **options})
        self._ids = count(1)
        self._known: Signature | None = None
        self._batch = BatchSize.up_to(stated_signature(self._options).max_rows)

    @classmethod
    def from_endpoint(cls, endpoint: Endpoint, context: EndpointContext) -> V2Backend:
        """Return the model at the endpoint's URL."""
        return cls(endpoint.url, **endpoint.options.mapping("options"))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns."""
        return self._options.features

    @property
    def endpoint(self) -> str:
        """Infer URL without user information."""
        return without_userinfo(self.url)

    @property
    def batch_size(self) -> int:
        """Rows of the next request, at most."""
        return self._batch.rows

    def flow(self, X: FloatArray, /) -> Flow[FloatArray]:
        """Request all rows in as few requests as the server accepts."""
        if len(X) == 0:
            return np.empty(0)
        signature = yield from self._signature()
        parts: list[FloatArray] = []
        start, refusal = 0, None
        while start < len(X):
            rows = X[start : start + self._batch.rows]
            response = yield self._request(signature, rows)
            if signature.rows is None and self._refuses_batch(response, rows):
                self._batch.refuse(len(rows), stated_limit(response))
                refusal = refusal or response
                continue
            parts.append(self._decode(response, signature, len(rows), refusal))
            self._batch.accept(len(rows))
            start, refusal = start + len(rows), None
        return np.concatenate(parts)

    def _signature(self) -> Flow[Signature]:
        """Return how the model takes features; a server that fails for the moment is queried again next time."""
        if self._known is not None:
            return self._known
        stated = stated_signature(self._options)
        found, keep = stated, True
        options = self._options
        if options.input_name is None or options.datatype is None or options.max_batch_size is None:
            try:
                response = yield Request("GET", metadata_url(self.url), {"Accept": "application/json"}, max_bytes=MIB)
            except ProtocolError:
                response = Response(200)
            if response.status == 401:  # a second request would be a second failed login
                raise refused(response)
            if response.status == 200:
                found = signature_of(_json(response), options)
            keep = response.status not in (429, 502, 503, 504)
        self._known = found if keep else None
        if self._batch.accepted == 0:
            self._batch = BatchSize.up_to(found.rows or found.max_rows)
        return found

    def _forget(self) -> None:
        """Start over: the model behind the URL may have been replaced."""
        self._known = None
        self._batch = BatchSize.up_to(stated_signature(self._options).max_rows)

    def _decode(self, response: Response, signature: Signature, n_samples: int, refusal: Response | None) -> FloatArray:
        """Return the watts of the rows; the error of a server that refuses even one row is that of the batch."""
        if response.status != 200:
            if response.status not in (401, 403, 429, 502, 503, 504):
                self._forget()
            raise refused(refusal if refusal is not None and refusal.status != 200 else response, signature.doubt)
        wanted = signature.rows or n_samples
        return decode_response(response, wanted, output_name=self._options.output_name)[:n_samples]

    def _refuses_batch(self, response: Response, rows: FloatArray) -> bool:
        if len(rows) == 1 or response.status in _NOT_ABOUT_THE_BATCH:
            return False
        return response.status != 200 or self._gave_one_of_many(response, len(rows))

    def _gave_one_of_many(self, response: Response, n_samples: int) -> bool:
        """Whether the server silently answered the first row only."""
        for expected, answers in ((n_samples, False), (1, True)):
            try:
                decode_response(response, expected, output_name=self._options.output_name)
            except ProtocolError:
                continue
            return answers
        return False

    def _request(self, signature: Signature, rows: FloatArray) -> Request:
        if signature.rows is not None and len(rows) < signature.rows:  # the last row fills a fixed batch
            rows = np.concatenate([rows, np.repeat(rows[-1:], signature.rows - len(rows), axis=0)])
        headers, body = encode_request(rows, signature, self._options, request_id=str(next(self._ids)))
        return Request("POST", self.url, headers, body, max_bytes=8 * MIB)


def _json(response: Response) -> Mapping[str, object]:
    """Return the metadata, or nothing where the answer is not a JSON object."""
    try:
        document = parse_json(response.body)
    except ValueError:
        return {}
    return document if isinstance(document, Mapping) else {}
