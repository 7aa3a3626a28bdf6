"""The dashboard of the collector: sensors, models and the custom metrics API."""

from __future__ import annotations

from docs.monitoring.panels import Query, dashboard, graph, listing, number, quantile, row

OURS = '{job="wao-metrics-api"}'
"""Other API servers, such as kube-apiserver, have metrics of the same names."""


def collector() -> str:
    """Return the dashboard as JSON."""
    panels = (
        row("Now"),
        number("Sensors", "Sensors that are read.", "none", Query("max(wao_collector_pollers)"), width=6),
        number(
            "Fresh samples",
            "Lowest part of the nodes with a fresh sample, over all metrics.",
            "percentunit",
            Query("min(metric:wao_metric_samples_fresh:ratio)"),
            width=6,
        ),
        number(
            "Failed readings",
            "Readings per second that failed.",
            "ops",
            Query("sum(rate(wao_collect_errors_total[5m])) or vector(0)"),
            width=6,
            bad_from=1,
        ),
        number(
            "Uncertain sensors",
            "Sensors that discovery chose with a confidence below 0.5.",
            "none",
            Query("count(max by (node, metric) (wao_sensor_confidence_ratio) < 0.5) or vector(0)"),
            width=6,
            bad_from=1,
        ),
        row("Sensors"),
        graph(
            "Fresh samples by metric",
            "Part of the nodes with a fresh sample. The alert is at 90 %.",
            "percentunit",
            Query("metric:wao_metric_samples_fresh:ratio", "{{metric}}"),
            width=8,
        ),
        graph(
            "Failed readings by reason",
            "Readings per second that failed.",
            "ops",
            Query("sum by (type, reason) (rate(wao_collect_errors_total[$__rate_interval]))", "{{type}}: {{reason}}"),
            width=8,
        ),
        graph(
            "Duration of readings",
            "99th percentile by type of sensor.",
            "s",
            Query(
                quantile(0.99, "wao_collect_duration_seconds", "type"),
                "{{type}}",
            ),
            width=8,
        ),
        listing(
            "Nodes with failed readings",
            "Failed readings of the last hour.",
            "none",
            Query("topk(20, sum by (node, type, reason) (increase(wao_collect_errors_total[1h])) > 0)"),
            width=8,
        ),
        listing(
            "Least certain sensors",
            "Confidence that discovery chose the right sensor, 0 to 1.",
            "none",
            Query("bottomk(20, max by (node, metric) (wao_sensor_confidence_ratio))"),
            width=8,
        ),
        graph(
            "Oldest fresh sample",
            "Age of the oldest fresh sample of each metric.",
            "s",
            Query("max by (metric) (wao_metric_age_seconds)", "{{metric}}"),
            width=8,
        ),
        row("Models"),
        graph(
            "Error of the fleet's prediction",
            "Sum of measured minus predicted power over the nodes that have both.",
            "watt",
            Query("sum(avg by (node) (wao_model_residual_watts))", "measured - predicted"),
            width=8,
        ),
        listing(
            "Models that fit worst",
            "Mean of measured minus predicted power in the last hour, without sign.",
            "watt",
            Query("topk(20, abs(node:wao_model_residual_watts:avg1h))"),
            width=8,
        ),
        graph(
            "Values that were not served",
            "Values that are not finite or too large.",
            "ops",
            Query("sum(rate(wao_metric_unrepresentable_total[$__rate_interval]))", "values"),
            width=8,
        ),
        listing(
            "Learned offsets",
            "Power that learned corrections add to the predictions of nodes.",
            "watt",
            Query("topk(20, abs(avg by (node) (wao_model_correction_offset_watts)))"),
        ),
        listing(
            "Learned scales",
            "Distance from 1 of the factor by which learned corrections multiply the predictions of nodes.",
            "none",
            Query("topk(20, abs(avg by (node) (wao_model_correction_scale) - 1))"),
        ),
        row("Custom metrics API"),
        graph(
            "Requests",
            "Requests per second by status code.",
            "ops",
            Query(f"sum by (code) (rate(apiserver_request_total{OURS}[$__rate_interval]))", "{{code}}"),
        ),
        graph(
            "Response time",
            "Median and 99th percentile, without authentication.",
            "s",
            *(
                Query(
                    quantile(part, "apiserver_request_duration_seconds", matchers=OURS),
                    legend,
                )
                for part, legend in ((0.5, "median"), (0.99, "99 %"))
            ),
        ),
        row("Another adapter (--delegate)"),
        number(
            "Delegates that do not answer",
            "Servers that cannot read the discovery of the other adapter.",
            "none",
            Query("count(wao_delegate_up == 0) or vector(0)"),
            width=6,
            bad_from=1,
        ),
        graph(
            "Forwarded requests",
            "Requests per second by status code of the other adapter.",
            "ops",
            Query("sum by (code) (rate(wao_delegate_requests_total[$__rate_interval]))", "{{code}}"),
            width=18,
        ),
    )
    return dashboard("collector", "Collector", "Sensors, power models and the custom metrics API.", panels)
