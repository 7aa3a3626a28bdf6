"""Names of policies with what is added to them, such as floor+standby. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wao_predict.errors import UsageError
from wao_predict.simulate.policies import policy_of

MOVES, STANDBY = "moves", "standby"


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy, and what is added to it.

    Attributes
    ----------
    policy
        Name of the policy, see `wao_predict.simulate.policies.POLICIES`.
    moves
        Whether pods are moved.
    standby
        Whether empty nodes are switched off.
    """

    policy: str
    moves: bool = False
    standby: bool = False

    @property
    def name(self) -> str:
        """The name of the variant."""
        added = [name for name, there in ((MOVES, self.moves), (STANDBY, self.standby)) if there]
        return "+".join([self.policy, *added])

    @classmethod
    def of(cls, name: str) -> Variant:
        """Return the variant of a name.

        Raises
        ------
        UsageError
            The policy or an addition is unknown.

        Examples
        --------
        >>> Variant.of("floor+standby")
        Variant(policy='floor', moves=False, standby=True)
        """
        policy, *added = name.split("+")
        policy_of(policy)
        if not {MOVES, STANDBY}.issuperset(added) or len(set(added)) < len(added):
            raise UsageError(f"{name!r:.60}: to a policy, only +{MOVES} and +{STANDBY} can be added, each once")
        return cls(policy, moves=MOVES in added, standby=STANDBY in added)
