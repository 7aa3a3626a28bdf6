"""Bounded reads of the API server, with errors that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from wao_core.errors import SourceError
from wao_core.kube.client import KubeClient, KubeError
from wao_core.kube.collection import Collection, decode_list
from wao_doctor.facts import Listed, Missing
from wao_doctor.wire import WireObject
from wao_predict.errors import WaoError
from wao_predict.json_values import NOT_JSON

T = TypeVar("T")
O = TypeVar("O", bound=WireObject)  # noqa: E741

PAGE = 500
"""Objects that are requested at once."""
MOST = 20_000
"""Objects of one list that are read."""
MAX_REASON = 300
"""Characters of a reason."""

GRANT = "Grant this right, for example: kubectl create clusterrolebinding NAME --clusterrole=wao-doctor --user=USER"
_REACH = "Check the network between this machine and the API server, and the address in the kubeconfig."
_BUSY = "Check the API server, and raise --timeout if it is only slow."


class Reader:
    """Reads objects from one API server.

    Parameters
    ----------
    timeout
        Time limit of one request [s].
    """

    def __init__(self, client: KubeClient, timeout: float) -> None:
        self.client, self.timeout = client, timeout

    async def list(self, path: str, kind: type[O], *, query: tuple[tuple[str, str], ...] = ()) -> Listed[O]:
        """Return the objects at a path; those that cannot be decoded are reported.

        Raises
        ------
        SourceError
            The list cannot be read.
        """
        decoder = msgspec.json.Decoder(kind)
        collection = Collection(path, path, decoder.decode, lambda space, name: f"{space}/{name}" if space else name)
        found: list[O] = []
        unreadable: dict[str, str] = {}
        more = ""
        while True:
            asked = [*query, ("limit", str(PAGE)), *([("continue", more)] if more else [])]
            page = decode_list(await self.client.get(path, query=asked, timeout=self.timeout), collection)
            found += page.objects
            unreadable |= page.unreadable
            more = page.continue_token
            if not more or len(found) >= MOST:
                return Listed(tuple(found), unreadable, bool(more))

    async def get(self, path: str, kind: type[O]) -> O | None:
        """Return an object, or None if it does not exist.

        Raises
        ------
        SourceError
            It cannot be read.
        """
        try:
            body = await self.client.get(path, timeout=self.timeout)
        except KubeError as error:
            if error.status_code == 404:
                return None
            raise
        return answer_of(body, kind, f"GET {path}")


def answer_of(body: bytes, kind: type[T], request: str) -> T:
    """Return the answer to a request such as "GET /version".

    Raises
    ------
    SourceError
        The answer is something else, such as the page of a proxy.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except NOT_JSON as error:
        raise SourceError(f"{request}: the answer is not a {kind.__name__}: {error}") from None


async def fact(work: Awaitable[T], limit: float) -> T | Missing:
    """Return the result of a read, or why there is none: one that hangs or fails does not stop the others.

    Parameters
    ----------
    limit
        Time limit of the whole read [s].
    """
    try:
        async with asyncio.timeout(limit):
            return await work
    except TimeoutError:
        return Missing(f"no answer within {limit:g} s", _BUSY)
    except WaoError as error:
        return missing(error)
    except Exception as error:  # a fault of one read must not hide what the others found
        return Missing(f"unexpected {type(error).__name__}: {error}"[:MAX_REASON], "Report this as a bug.")


def missing(error: WaoError) -> Missing:
    """Return the reason and the remedy of a failed read."""
    reason = str(error)[:MAX_REASON]
    status = error.status_code if isinstance(error, SourceError) else None
    if status == 403:
        return Missing(reason, GRANT)
    if status == 401:
        return Missing(reason, "The API server refuses the credentials in the kubeconfig: renew them.")
    if status in (503, 504, 429, 500) or "no answer in time" in reason:
        return Missing(reason, _BUSY)
    return Missing(reason, _REACH if status is None else "")
