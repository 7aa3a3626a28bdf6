"""Users and groups. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"


@dataclass(frozen=True, slots=True)
class User:
    """A user of Kubernetes. `extra` is sorted by key, so that equal users compare equal."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def authenticated(self) -> User:
        """Return this user as a member of the group of all authenticated users."""
        if AUTHENTICATED in self.groups:
            return self
        return replace(self, groups=(*self.groups, AUTHENTICATED))


ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))
