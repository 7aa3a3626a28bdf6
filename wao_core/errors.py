"""Errors of the cluster side.

* WaoCoreError (wao_predict.WaoError)   base of this package
  + DurationError (ValueError)          not a Go duration
  + ManifestError (ValueError)          a manifest is refused: has `file`, `document`, `field`, `reason`
  + TemplateError (ValueError)          a Go template cannot be rendered
  + AuthorityFileError (ValueError)     a file of authorities has no certificates
  + SourceError                         the cluster cannot be read; has `status_code` where the API server answered
"""

from __future__ import annotations

from wao_predict.errors import WaoError


class WaoCoreError(WaoError):
    """Base of the errors of `wao_core`."""


class DurationError(WaoCoreError, ValueError):
    """The text is not a Go duration."""


class ManifestError(WaoCoreError, ValueError):
    """A manifest is refused.

    Parameters
    ----------
    file, document
        The path, and the number of the YAML document in the file, counted from 1.
    field
        The path of the field, such as "spec.predictor.powerConsumption.endpoint".
    reason
        What is wrong and what to write instead.
    """

    def __init__(self, reason: str, *, file: str = "", document: int = 0, field: str = "") -> None:
        where = ", ".join(
            part
            for part in (file, f"document {document}" if document else "", f"field {field}" if field else "")
            if part
        )
        super().__init__(f"{where}: {reason}" if where else reason)
        self.file, self.document, self.field, self.reason = file, document, field, reason


class TemplateError(WaoCoreError, ValueError):
    """A Go template cannot be rendered; the message says where and why."""


class TemplateNotRendered(TemplateError):
    """A Go template was not rendered this time; a later attempt may succeed."""


class AuthorityFileError(WaoCoreError, ValueError):
    """The file of authorities cannot be used; the message names the file and the reason."""


class SourceError(WaoCoreError):
    """The cluster cannot be read."""

    def __init__(self, message: str, *, status_code: int | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
