"""Metrics of a recommendation, in the text format of Prometheus."""

from __future__ import annotations

from pathlib import Path

from wao_predict.cooling.set_points import Recommendation
from wao_predict.files import write_file


def metrics_text(found: Recommendation, *, plant: str) -> str:
    """Return a recommendation as metrics.

    Parameters
    ----------
    found
        The recommendation.
    plant
        Name of the plant, a label of each metric.
    """
    own = f'plant="{_escaped(plant)}"'
    lines: list[str] = []
    for kind, points in (("present", found.present), ("recommended", found.recommended)):
        lines += _family(
            f"wao_cooling_{kind}_set_point",
            f"{kind.capitalize()} set points of a cooling plant, in their own units.",
            [(f'{own},set_point="{_escaped(name)}"', value) for name, value in points.items()],
        )
    lines += _family(
        "wao_cooling_watts",
        "Predicted power of servers and plant [W].",
        [
            (f'{own},part="{part}",at="{at}"', float(getattr(outcomes, part)))
            for at, outcomes in (("present", found.before), ("recommended", found.after))
            for part in ("servers", "cooling")
        ],
    )
    lines += _family("wao_cooling_saving_watts", "Predicted saving by the recommendation [W].", [(own, found.saving)])
    if found.saving_error is not None:
        lines += _family(
            "wao_cooling_saving_error_watts", "Standard error of the saving [W].", [(own, found.saving_error)]
        )
    lines += _family(
        "wao_cooling_limits_met", "Whether the recommendation meets all limits.", [(own, float(found.allowed))]
    )
    return "\n".join(lines) + "\n"


def _family(name: str, text: str, samples: list[tuple[str, float]]) -> list[str]:
    head = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    return head + [f"{name}{{{labels}}} {value:.10g}" for labels, value in samples]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def write_metrics(path: Path, found: Recommendation, *, plant: str) -> None:
    """Write a recommendation for the textfile collector of node_exporter, at once.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    write_file(path, metrics_text(found, plant=plant).encode())
