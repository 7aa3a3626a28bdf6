"""Requests of people for one node, as an annotation of its NodeConfig. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wao_core.cluster.records import NodeConfig
from wao_fleet.standby.progress import Phase, Progress
from wao_fleet.standby.sequence import Wish

REQUEST = "waok8s.github.io/standby-request"
"""Annotation of a NodeConfig: "wake", "sleep" or "test", a space, and a text that makes the request a new one."""
WISHES = {"wake": Wish.WAKE, "sleep": Wish.SLEEP, "test": Wish.TEST}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is not handled yet."""

    wish: Wish
    text: str


def request_of(config: NodeConfig, progress: Progress) -> Request | None:
    """Return the request in the annotation, None if there is none or it was handled.

    Examples
    --------
    >>> config = NodeConfig(name="c", namespace="w", node_name="n", annotations={REQUEST: "wake 7"})
    >>> request_of(config, Progress()).wish.value
    'wake'
    """
    text = config.annotations.get(REQUEST, "")[:200]
    wish = WISHES.get(text.partition(" ")[0])
    return None if wish is None or text == progress.request else Request(wish, text)


def refusal_of(request: Request, progress: Progress, why_not: str) -> str:
    """Return why a request is not carried out, or an empty string.

    Parameters
    ----------
    why_not
        Why the node must not be switched off, or an empty string.
    """
    if request.wish is Wish.WAKE:
        return "it is running" if progress.phase is Phase.RUNNING else ""
    if progress.phase is not Phase.RUNNING:
        return f"it is not running: {progress.phase.value}"
    if why_not:
        return why_not
    if request.wish is Wish.SLEEP and not progress.wake_tested:
        return "its start has never been tested: run wao standby test first"
    return ""
