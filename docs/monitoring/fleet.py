"""The dashboard of the fleet: power, temperatures and load of nodes, and the servers of WAO."""

from __future__ import annotations

from docs.monitoring.panels import Query, dashboard, graph, listing, number, row

POWER = "node:wao_node_power_watts:avg"
PREDICTED = "node:wao_node_predicted_power_watts:avg"


def fleet() -> str:
    """Return the dashboard as JSON."""
    panels = (
        row("Now"),
        number(
            "Power",
            "Power of all nodes: measured where there is a power meter, else predicted.",
            "watt",
            Query("cluster:wao_node_power_watts:sum"),
        ),
        number(
            "Nodes with a meter", "Nodes with a fresh measurement of their power.", "none", Query(f"count({POWER})")
        ),
        number(
            "Nodes with a model", "Nodes with a fresh prediction of their power.", "none", Query(f"count({PREDICTED})")
        ),
        number(
            "CPU load",
            "Mean CPU load of the nodes.",
            "percentunit",
            Query("avg(avg by (node) (wao_node_cpu_usage_ratio))"),
        ),
        number(
            "Warmest inlet",
            "Highest inlet temperature. The alert WaoInletTooWarm is at 32 °C.",
            "celsius",
            Query("max(avg by (node) (wao_node_inlet_temperature_celsius))"),
            bad_from=32,
        ),
        number(
            "Servers down",
            "Servers of WAO that Prometheus cannot scrape.",
            "none",
            Query('count(up{job=~"wao-.*"} == 0) or vector(0)'),
            bad_from=1,
        ),
        row("Power"),
        graph(
            "Power of the fleet",
            "Measured where there is a power meter, else predicted; and the prediction for all nodes.",
            "watt",
            Query("cluster:wao_node_power_watts:sum", "measured or predicted"),
            Query(f"sum({PREDICTED})", "predicted"),
        ),
        graph(
            "Nodes with the most power",
            "Measured power of the ten nodes that use most at each time.",
            "watt",
            Query(f"topk(10, {POWER})", "{{node}}"),
        ),
        row("Inputs of the models"),
        graph(
            "CPU load",
            "Mean and highest CPU load of the nodes.",
            "percentunit",
            Query("avg(avg by (node) (wao_node_cpu_usage_ratio))", "mean"),
            Query("max(avg by (node) (wao_node_cpu_usage_ratio))", "highest"),
            width=8,
        ),
        graph(
            "Inlet temperature",
            "Lowest, mean and highest inlet temperature.",
            "celsius",
            Query("min(avg by (node) (wao_node_inlet_temperature_celsius))", "lowest"),
            Query("avg(avg by (node) (wao_node_inlet_temperature_celsius))", "mean"),
            Query("max(avg by (node) (wao_node_inlet_temperature_celsius))", "highest"),
            width=8,
        ),
        graph(
            "Static pressure difference",
            "Lowest, mean and highest difference between front and back.",
            "pressurepa",
            Query("min(avg by (node) (wao_node_delta_pressure_pascals))", "lowest"),
            Query("avg(avg by (node) (wao_node_delta_pressure_pascals))", "mean"),
            Query("max(avg by (node) (wao_node_delta_pressure_pascals))", "highest"),
            width=8,
        ),
        row("Servers of WAO"),
        listing(
            "Versions",
            "Component and version of each server.",
            "none",
            Query("count by (component, version) (wao_build_info)"),
            width=8,
        ),
        graph(
            "CPU",
            "CPU use of the servers.",
            "none",
            Query('sum by (job) (rate(process_cpu_seconds_total{job=~"wao-.*"}[$__rate_interval]))', "{{job}}"),
            width=8,
        ),
        graph(
            "Memory",
            "Largest resident memory by server.",
            "bytes",
            Query('max by (job) (process_resident_memory_bytes{job=~"wao-.*"})', "{{job}}"),
            width=8,
        ),
        graph(
            "Age of the cluster's state",
            "Time since each server last knew that its copy of the cluster is current. The alert is at 300 s.",
            "s",
            Query("max by (job) (wao_watch_age_seconds)", "{{job}}"),
            width=8,
        ),
        graph(
            "Errors of watches",
            "Failed requests to the API server, and objects that could not be decoded.",
            "ops",
            Query("sum by (job) (rate(wao_watch_errors_total[$__rate_interval]))", "{{job}} requests"),
            Query("sum by (job) (rate(wao_watch_decode_errors_total[$__rate_interval]))", "{{job}} objects"),
            width=8,
        ),
        graph(
            "Certificates",
            "Time until the serving certificate expires. The controller renews it 30 days before.",
            "s",
            Query("min by (job) (wao_serving_cert_expiry_timestamp_seconds) - time()", "{{job}}"),
            width=8,
        ),
    )
    return dashboard("fleet", "Fleet", "Power, temperatures and load of the nodes, and the servers of WAO.", panels)
