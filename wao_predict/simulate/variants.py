"""Names of policies with what is added to them, such as floor+standby. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wao_predict.errors import UsageError
from wao_predict.simulate.policies import policy_of

STANDBY = "standby"


@dataclass(frozen=True, slots=True)
class Variant:
    """A policy, and what is added to it.

    Attributes
    ----------
    policy
        Name of the policy, see `wao_predict.simulate.policies.POLICIES`.
    standby
        Whether empty nodes are switched off.
    """

    policy: str
    standby: bool = False

    @property
    def name(self) -> str:
        """The name of the variant."""
        return self.policy + (f"+{STANDBY}" if self.standby else "")

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
        Variant(policy='floor', standby=True)
        """
        policy, *added = name.split("+")
        policy_of(policy)
        unknown = [part for part in added if part != STANDBY]
        if unknown or len(set(added)) < len(added):
            raise UsageError(f"{name!r:.60} adds {' and '.join(added)!r:.40} to {policy}: only {STANDBY} can be added")
        return cls(policy, standby=STANDBY in added)
