"""The interface of power control, and the switch that does nothing."""

from __future__ import annotations

import logging
from typing import Protocol

from wao_predict.redfish.power_control import PowerState

_log = logging.getLogger(__name__)


class PowerSwitch(Protocol):
    """Reads and changes the power of one server. Every method raises `WaoError` if it cannot."""

    @property
    def acts(self) -> bool:
        """Whether the server is really switched."""
        ...

    @property
    def observes(self) -> bool:
        """Whether `read` can say that the server is off; otherwise a node that is not Ready counts as off."""
        ...

    async def read(self) -> PowerState | None:
        """Return the power state, None where nothing states it."""
        ...

    async def switch_on(self) -> None:
        """Switch the server on."""
        ...

    async def shut_down(self) -> None:
        """Ask the operating system to stop, and switch the server off."""
        ...

    async def force_off(self) -> None:
        """Cut the power."""
        ...


class DryRunSwitch:
    """Logs what it would do. The default: a node is switched off and on only by another method."""

    acts = False
    observes = False

    def __init__(self, node: str) -> None:
        self._node = node

    async def read(self) -> PowerState | None:
        """Return None: nothing is known."""
        return None

    async def switch_on(self) -> None:
        """Log it."""
        _log.info("dry run: %s would be switched on", self._node)

    async def shut_down(self) -> None:
        """Log it."""
        _log.info("dry run: %s would be shut down", self._node)

    async def force_off(self) -> None:
        """Log it."""
        _log.info("dry run: the power of %s would be cut", self._node)
