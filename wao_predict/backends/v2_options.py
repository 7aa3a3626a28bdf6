"""What can be stated about a model on a V2 server: names of its tensors, datatype, batch limit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag

from wao_predict.errors import UsageError
from wao_predict.features import FEATURES, checked_features, own_names

INTEGERS = ("INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
DATATYPES = ("FP64", "FP32", "FP16", *INTEGERS)
"""Datatypes of numbers; features are rounded for the integers among them."""
MAX_ROWS = 4096
"""Most rows of one request; larger batches are split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Properties of a model; None for those that are in the metadata of the server or have a default.

    Parameters
    ----------
    input_name, output_name
        Names of the tensors.
    datatype
        Datatype of the input, one of `DATATYPES`.
    max_batch_size
        Most rows of one request.
    content_type
        Content type of the request for MLServer, such as "np" or "pd".
    features
        Names of the features that the model takes, in the order of its columns.
    """

    input_name: str | None = None
    output_name: str | None = None
    datatype: str | None = None
    max_batch_size: int | None = None
    content_type: str | None = None
    features: tuple[str, ...] = FEATURES

    def __post_init__(self) -> None:
        if self.datatype is not None and self.datatype not in DATATYPES:
            raise UsageError(f"datatype {self.datatype!r:.40} is not one of {', '.join(DATATYPES)}")
        if self.max_batch_size is not None and not 1 <= self.max_batch_size <= MAX_ROWS:
            raise UsageError(f"maxBatchSize {self.max_batch_size} is not a number from 1 to {MAX_ROWS}")
        object.__setattr__(self, "features", checked_features(own_names(self.features)))


_FIELDS = {
    "inputName": "input_name",
    "outputName": "output_name",
    "datatype": "datatype",
    "maxBatchSize": "max_batch_size",
    "contentType": "content_type",
    "features": "features",
}


def model_options(given: Mapping[str, object]) -> ModelOptions:
    """Return the options that a mapping states; an empty text is the same as an absent one.

    Names are those of a NodeConfig (inputName) or of Python (input_name). Features are a list, or a text with commas.

    Raises
    ------
    UsageError
        An option is not known or has a wrong value.

    Examples
    --------
    >>> model_options({"inputName": "INPUT__0", "maxBatchSize": "8"}).max_batch_size
    8
    """
    unknown = [name for name in given if name not in _FIELDS and name not in _FIELDS.values()]
    if unknown:
        raise UsageError(f"{unknown[0]!r:.60} is not an option of a model server; there are {', '.join(_FIELDS)}")
    stated = {_FIELDS.get(name, name): _text(value) for name, value in given.items() if value is not None}
    fields = {name: text for name, text in stated.items() if text}
    names, size = fields.pop("features", None), fields.pop("max_batch_size", None)
    if size is not None and not (size.isascii() and size.isdigit() and len(size) < 10):
        raise UsageError(f"maxBatchSize {size!r:.40} is not a number from 1 to {MAX_ROWS}")
    if "datatype" in fields:
        fields["datatype"] = fields["datatype"].upper()
    return ModelOptions(
        **fields,
        max_batch_size=None if size is None else int(size),
        features=FEATURES if names is None else tuple(name.strip() for name in names.split(",")),
    )


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value).strip()


def split_options(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without its fragment, and the options in the fragment. A fragment is never sent to a server.

    Examples
    --------
    >>> split_options("https://triton.example/v2/models/power#inputName=INPUT__0&maxBatchSize=8")
    ('https://triton.example/v2/models/power', {'inputName': 'INPUT__0', 'maxBatchSize': '8'})
    """
    bare, fragment = urldefrag(url)
    return bare, dict(parse_qsl(fragment, keep_blank_values=True))
