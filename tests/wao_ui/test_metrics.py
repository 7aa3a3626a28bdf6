"""The page exports how many viewers it has, and how long a picture takes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from wao_ui.metrics import open_pages, picture_duration


def test_open_pages_are_counted_when_they_are_read() -> None:
    registry, pages = CollectorRegistry(), [1.0]
    open_pages(registry, lambda: pages[0])
    pages[0] = 3.0
    assert registry.get_sample_value("wao_ui_viewers") == 3.0


def test_all_pictures_count_and_not_the_last_one_only() -> None:
    registry = CollectorRegistry()
    drawn = picture_duration(registry)
    drawn.observe(0.25)
    drawn.observe(0.5)
    assert registry.get_sample_value("wao_ui_picture_duration_seconds_sum") == 0.75
    assert registry.get_sample_value("wao_ui_picture_duration_seconds_count") == 2
