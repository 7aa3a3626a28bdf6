"""Who a request is from. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class User:
    """A user as Kubernetes knows one. `extra` is sorted by key, so that equal users are equal."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def authenticated(self) -> User:
        """Return the same user with the group that all authenticated users have."""
        if AUTHENTICATED in self.groups:
            return self
        return replace(self, groups=(*self.groups, AUTHENTICATED))


ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))
