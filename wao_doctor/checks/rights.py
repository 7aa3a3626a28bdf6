"""Check `rbac`: the accounts of the installed parts have the rights that they need. Pure."""

from __future__ import annotations

from wao_doctor.facts import Facts, known
from wao_doctor.findings import Kind, Outcome, Severity, listed, plural
from wao_doctor.manifests import parts

REFUSED = Kind(
    "right-missing",
    Severity.ERROR,
    "An account lacks rights.",
    "The part gets status 403 from the API server. It is not ready if it cannot read the cluster, and it does not do "
    "what it cannot write. Roles of an older release lack rights of this one.",
    "the rights that the API server refuses",
    "Apply your overlay again, or run `helm upgrade`: the roles are in `manifests/{folder}`",
)
KINDS = (REFUSED,)


def check_rights(facts: Facts) -> Outcome:
    """Examine the rights that the manifests of this release give."""
    rights, refused = known(facts.rights), known(facts.refused)
    accounts = sorted({right.account for right in rights})
    folders = parts()
    found = [
        REFUSED.found(
            f"ServiceAccount {account}",
            f"refused: {listed([str(right) for right in refused if right.account == account])}",
            folder=folders.get(account.partition("/")[2], "PART"),
        )
        for account in accounts
        if any(right.account == account for right in refused)
    ]
    return Outcome(f"{plural(len(rights), 'right')} of {plural(len(accounts), 'account')}", found)
