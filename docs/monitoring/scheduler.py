"""The dashboard of the scheduler's extender."""

from __future__ import annotations

from docs.monitoring.panels import Query, dashboard, graph, number, quantile, row

REQUESTS = "wao_extender_requests_total"
DURATION = "wao_extender_request_duration_seconds"


def scheduler() -> str:
    """Return the dashboard as JSON."""
    panels = (
        row("Now"),
        number(
            "Placements",
            "Pods scored per second.",
            "ops",
            Query(f'sum(rate({REQUESTS}{{verb="prioritize",code="200"}}[5m]))'),
            width=6,
        ),
        number(
            "Without regard to power",
            "Part of the Pods for which no node had measurements or enough free CPU.",
            "percentunit",
            Query("cluster:wao_extender_fallback:ratio_rate10m"),
            width=6,
            bad_from=0.05,
        ),
        number(
            "Refused requests",
            "Requests of kube-scheduler per second that were not answered with scores.",
            "ops",
            Query(f'sum(rate({REQUESTS}{{code!="200"}}[5m])) or vector(0)'),
            width=6,
            bad_from=0.01,
        ),
        number(
            "Unknown nodes",
            "Nodes that cannot be scored.",
            "none",
            Query('max(wao_extender_nodes{state="unknown"})'),
            width=6,
            bad_from=1,
        ),
        row("Requests"),
        graph(
            "Requests by profile",
            "Requests of kube-scheduler per second.",
            "ops",
            Query(f"sum by (verb, profile) (rate({REQUESTS}[$__rate_interval]))", "{{verb}} {{profile}}"),
            width=8,
        ),
        graph(
            "Refused requests",
            "By status code. kube-scheduler ignores a refused prioritize and places the Pod without power.",
            "ops",
            Query(f'sum by (verb, code) (rate({REQUESTS}{{code!="200"}}[$__rate_interval]))', "{{verb}} {{code}}"),
            width=8,
        ),
        graph(
            "Response time",
            "Median and 99th percentile from the complete request to the response.",
            "s",
            Query(quantile(0.5, DURATION, "verb"), "{{verb}} median"),
            Query(quantile(0.99, DURATION, "verb"), "{{verb}} 99 %"),
            width=8,
        ),
        row("Decisions"),
        graph(
            "Pods placed without regard to power",
            "By reason: no node has measurements, or all are overloaded.",
            "ops",
            Query("sum by (reason) (rate(wao_extender_fallback_total[$__rate_interval]))", "{{reason}}"),
            width=8,
        ),
        graph(
            "Nodes by state",
            "fallback: an input is old or replaced. unknown: the node is not scored.",
            "none",
            Query("max by (state) (wao_extender_nodes)", "{{state}}"),
            width=8,
            stacked=True,
        ),
        graph(
            "Pods not yet in a sample",
            "Pods that were placed, and whose CPU the extender adds until metrics-server measures it.",
            "none",
            Query("max by (instance) (wao_extender_inflight_pods)", "{{instance}}"),
            width=8,
        ),
        row("Inputs"),
        graph(
            "Age of the oldest value in use",
            "By input of the power models.",
            "s",
            Query("max by (input) (wao_extender_input_age_seconds)", "{{input}}"),
        ),
        graph(
            "Candidates without measurements",
            "Nodes without measurements in the last decision.",
            "none",
            Query("max by (instance) (wao_extender_unknown_nodes)", "{{instance}}"),
        ),
    )
    return dashboard("scheduler", "Scheduler", "What the extender decides, how fast, and with which inputs.", panels)
