"""What servers report about the expiry of their certificate. Pure."""

from __future__ import annotations

DAY = 86400.0  # seconds
SOON = 7 * DAY
"""Time before the expiry [s] at which the warning starts. Renewal was due 30 days before the expiry."""


def expiry_failure(expires_at: float, now: float) -> str | None:
    """Return why the server is not ready, or None while its certificate is valid.

    Clients that verify an expired certificate cannot use this replica, but perhaps one with another certificate.

    Parameters
    ----------
    expires_at, now
        Times in seconds since the epoch.
    """
    return "the serving certificate has expired" if now >= expires_at else None


def expiry_warning(expires_at: float, now: float) -> str | None:
    """Return a warning about a certificate that has expired or soon will, or None; times as in `expiry_failure`."""
    left = expires_at - now
    if left >= SOON:
        return None
    if left <= 0:
        return f"expired {int(-left / DAY)} days ago; renew it"
    return f"expires in {int(left / DAY)} days and was not renewed"
