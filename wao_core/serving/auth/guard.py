"""The ASGI middleware that authenticates and authorises every request."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from wao_core.serving.auth.authentication import Authenticator, Credentials
from wao_core.serving.auth.authorization import ALWAYS_ALLOWED, AccessReviewer, Attributes, authorize
from wao_core.serving.peercert import STATE_KEY
from wao_core.serving.status import StatusError
from wao_predict.errors import WaoError

_log = logging.getLogger(__name__)


class Guard:
    """Passes a request to `app` if its user may make it; refuses it with status 401, 403 or 500 otherwise.

    Parameters
    ----------
    attributes
        Returns what is authorized for a method and a path.
    refuse
        Sends the answer to a request that is refused.
    public
        Paths that everybody may call.
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        reviewer: AccessReviewer,
        *,
        attributes: Callable[[str, str], Attributes],
        refuse: Callable[[Scope, Send, StatusError], Awaitable[None]],
        public: Collection[str] = ALWAYS_ALLOWED,
    ) -> None:
        self._app, self._authenticator, self._reviewer = app, authenticator, reviewer
        self._attributes, self._refuse, self._public = attributes, refuse, public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and scope["path"] not in self._public:
            try:
                await self._check(scope)
            except StatusError as error:
                await self._refuse(scope, send, error)
                return
            # drop these headers, so that nothing behind this layer trusts them
            headers = [pair for pair in scope["headers"] if not pair[0].startswith(b"x-remote-")]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)

    async def _check(self, scope: Scope) -> None:
        credentials = Credentials.of(scope.get("state", {}).get(STATE_KEY), scope["headers"])
        try:
            user = await self._authenticator.authenticate(credentials)
        except StatusError:
            raise
        except WaoError as error:
            _log.error("authentication failed: %s", error)
            raise StatusError(401, "Unauthorized") from error
        try:
            await authorize(self._reviewer, user, self._attributes(scope["method"], scope["path"]))
        except StatusError:
            raise
        except WaoError as error:
            _log.error("authorisation failed: %s", error)
            raise StatusError(
                500, f"Internal error occurred: authorisation of {scope['path']} is not possible now"
            ) from error
