"""Planted credentials, a server that echoes them in one wrong way after another, and the search for them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

PASSWORD, TOKEN, IN_URL, IN_BAD_FILE = (f"planted-{name}-7c1f" for name in ("pw", "token", "url", "file"))
USER = "planted-user-7c1f"
PLANTED = (PASSWORD, TOKEN, IN_URL, IN_BAD_FILE, USER)


@dataclass
class Echo:
    """A model server, sensor API and BMC that echoes credentials, in one wrong way after another."""

    requests: int = 0
    credentials: set[str] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        self.requests += 1
        sent = next((line for line in head.splitlines() if line.lower().startswith("authorization:")), "")
        if sent:
            self.credentials.add(base64.b64decode(sent.split()[-1]).decode())
        echoed = json.dumps({"error": f"{PASSWORD} {sent}", "sensor": 5, "outputs": [{"name": f"{PASSWORD}"}]})
        bodies = [
            echoed,
            f"<html>{PASSWORD} {sent}",
            echoed[:-3],
            "",
            "[" * 5000,
            json.dumps({"sensor": [{"sensorid": 1}]}),
        ]
        status = (200, 200, 401, 500, 302, 404)[self.requests % 6]
        body = bodies[self.requests % 5].encode()
        answer = (
            f"HTTP/1.1 {status} No\r\nLocation: http://{USER}:{PASSWORD}@elsewhere/\r\nContent-Length: {len(body)}\r\n"
        )
        writer.write(f"{answer}Connection: close\r\n\r\n".encode() + body)
        writer.close()


def forms(secret: str) -> Iterator[str]:
    """Yield the forms in which a credential could be shown."""
    yield secret
    yield quote(secret, safe="").replace("-", "%2D")
    for text in (secret, f"{USER}:{secret}"):
        yield base64.b64encode(text.encode()).decode().rstrip("=")[:-1]


def assert_clean(shown: Iterable[str]) -> None:
    """Fail if a planted credential is in one of the texts, and show where."""
    for text in shown:
        for planted in PLANTED:
            for form in forms(planted):
                at = text.find(form)
                assert at < 0, f"{planted} is shown: {text[max(0, at - 300) : at + 100]}"
