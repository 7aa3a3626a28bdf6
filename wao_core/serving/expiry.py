"""What servers report about the expiry of their certificate. Pure."""

from __future__ import annotations

DAY = 86400.0  # seconds
SOON = 7 * DAY
"""Time before the expiry [s] at which the warning starts. Renewal was due 30 days before the expiry."""


def expiry_warning(expires_at: float, now: float) -> str | None:
    """Return a warning about a certificate that has expired or expires soon, or None.

    Parameters
    ----------
    expires_at, now
        Times in seconds since the epoch.
    """
    left = expires_at - now
    if left >= SOON:
        return None
    if left <= 0:
        return f"expired {int(-left / DAY)} days ago; renew it"
    return f"expires in {int(left / DAY)} days and was not renewed"
