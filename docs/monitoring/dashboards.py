"""All dashboards as JSON by file name."""

from __future__ import annotations

from docs.monitoring.collector import collector
from docs.monitoring.energy import energy
from docs.monitoring.fleet import fleet
from docs.monitoring.load_balancer import load_balancer
from docs.monitoring.scheduler import scheduler


def documents() -> dict[str, str]:
    """Return the text of each dashboard by file name."""
    return {
        "wao-fleet.json": fleet(),
        "wao-scheduler.json": scheduler(),
        "wao-load-balancer.json": load_balancer(),
        "wao-collector.json": collector(),
        "wao-energy.json": energy(),
    }
