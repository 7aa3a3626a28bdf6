"""Whether drains saved what was predicted, by the power that BMCs measure. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from wao_core.collector.metrics_feed import Listed

ENOUGH = 0.5
"""Part of the predicted saving that must be measured. Other load on the same nodes changes meanwhile."""
NOISE = 3.0
"""Predicted change below which measured power says nothing, as meters show whole watts and fans vary [W]."""


@dataclass(frozen=True, slots=True)
class SavingCheck:
    """The result for the nodes of a plan that have power meters.

    Attributes
    ----------
    predicted, measured
        Saving of these nodes [W].
    nodes
        Number of these nodes.
    """

    predicted: float
    measured: float
    nodes: int

    @property
    def enough(self) -> bool:
        """Whether it saved enough of what was predicted."""
        return self.measured >= ENOUGH * self.predicted


def check_saving(
    drained: Collection[str],
    change: Mapping[str, float],
    before: Mapping[str, Listed],
    after: Mapping[str, Listed],
    *,
    ended_at: float,
) -> SavingCheck | None:
    """Return the saving that was measured, None if that cannot be known.

    It cannot be known if no drained node has a power meter and a sample after the end, or if the nodes that can be
    compared should have changed by less than the noise.

    Parameters
    ----------
    drained
        The drained nodes.
    change
        Predicted change of power of each node [W].
    before, after
        Measured power [W] by node, with the time of each sample.
    ended_at
        When the last Pod had left [s since the epoch]; later samples count as after it.

    Examples
    --------
    >>> before = {"a": Listed(200.0, 10.0, None), "b": Listed(150.0, 10.0, None)}
    >>> after = {"a": Listed(120.0, 90.0, None), "b": Listed(160.0, 90.0, None)}
    >>> check_saving(["a"], {"a": -80.0, "b": 8.0}, before, after, ended_at=60.0)
    SavingCheck(predicted=72.0, measured=70.0, nodes=2)
    """
    known = [node for node in change if node in before and node in after and after[node].time > ended_at]
    if not set(drained) & set(known):
        return None
    predicted = -sum(change[node] for node in known)
    measured = sum(before[node].value - after[node].value for node in known)
    return SavingCheck(predicted, measured, len(known)) if predicted >= NOISE else None
