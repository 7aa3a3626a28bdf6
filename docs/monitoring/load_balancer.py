"""The dashboard of the load balancer: weights by Service, and the node agents."""

from __future__ import annotations

from docs.monitoring.panels import Query, dashboard, graph, listing, number, quantile, row

AGENT = "wao_lb_agent"
SYNC = f"{AGENT}_sync_proxy_rules"


def load_balancer() -> str:
    """Return the dashboard as JSON."""
    panels = (
        row("Now"),
        number(
            "Services",
            "Services with weights.",
            "none",
            Query("count(count by (namespace, service) (wao_lb_service_info))"),
            width=6,
        ),
        number(
            "Services with a replaced rule",
            "Services whose rule is not the configured one, or is restricted.",
            "none",
            Query('count(count by (namespace, service) (wao_lb_service_info{reason!=""})) or vector(0)'),
            width=6,
            bad_from=1,
        ),
        number(
            "Agents without weights",
            "Node agents that distribute traffic equally.",
            "none",
            Query(f"count(max by (instance) ({AGENT}_equal_weights) == 1) or vector(0)"),
            width=6,
            bad_from=1,
        ),
        number(
            "Rejected syncs",
            "Syncs of the last hour that the kernel rejected.",
            "none",
            Query(f"sum(increase({SYNC}_nftables_sync_failures_total[1h]))"),
            width=6,
            bad_from=1,
        ),
        row("Services"),
        listing(
            "Rules in use",
            "The rule of each Service, and why it is not the configured one.",
            "none",
            Query("max by (namespace, service, rule, reason) (wao_lb_service_info)"),
        ),
        listing(
            "Largest shares",
            "The endpoints with the largest shares of their Service.",
            "percentunit",
            Query("topk(50, avg by (namespace, service, port, endpoint) (wao_lb_weight_ratio))"),
        ),
        graph(
            "Cost of one more request",
            "Mean power increase on the endpoints' nodes, by Service.",
            "watt",
            Query("avg by (namespace, service) (wao_lb_increase_watts)", "{{namespace}}/{{service}}"),
            width=8,
        ),
        graph(
            "Planned CPU",
            "Load of each Service that the plan assigns to endpoints; 0 for rules without a plan.",
            "none",
            Query(
                "sum by (namespace, service) (avg by (namespace, service, port, endpoint) (wao_lb_planned_cpu_cores))",
                "{{namespace}}/{{service}}",
            ),
            width=8,
        ),
        graph(
            "Duration of a plan",
            "99th percentile of the plans of all Services.",
            "s",
            Query(quantile(0.99, "wao_lb_plan_duration_seconds", "instance"), "{{instance}}"),
            width=8,
        ),
        graph(
            "Slices for Cilium",
            "EndpointSlices written and failed writes a second, with `wao lb --cilium`.",
            "none",
            Query("sum(rate(wao_lb_cilium_writes_total[5m]))", "written"),
            Query("sum(rate(wao_lb_cilium_write_failures_total[5m]))", "failed"),
            width=8,
        ),
        row("Node agents"),
        graph(
            "From a change to the kernel",
            "Median and 99th percentile over all nodes.",
            "s",
            *(
                Query(
                    quantile(part, f"{AGENT}_network_programming_duration_seconds"),
                    legend,
                )
                for part, legend in ((0.5, "median"), (0.99, "99 %"))
            ),
            width=8,
        ),
        graph(
            "Duration of syncs",
            "99th percentile by kind, and of writing weights.",
            "s",
            Query(
                quantile(0.99, f"{SYNC}_duration_seconds", "kind"),
                "{{kind}}",
            ),
            Query(
                quantile(0.99, f"{AGENT}_reweigh_duration_seconds"),
                "weights",
            ),
            width=8,
        ),
        graph(
            "Changes that wait",
            "Time between the last request for a sync and the last sync; above 0 only while changes wait.",
            "s",
            Query(f"{SYNC}_last_queued_timestamp_seconds - {SYNC}_last_timestamp_seconds > 0", "{{instance}}"),
            width=8,
        ),
        graph(
            "Age of the weights",
            "Oldest weights of any agent. After a minute an agent distributes traffic equally.",
            "s",
            Query(f"max({AGENT}_weights_age_seconds)", "oldest"),
            width=8,
        ),
        graph(
            "Services on the nodes",
            "Services and endpoints that the agents serve, and Services with known weights; the highest of all nodes.",
            "none",
            Query(f"max({AGENT}_services)", "Services"),
            Query(f"max({AGENT}_weighted_services)", "with weights"),
            Query(f"max({AGENT}_endpoints)", "endpoints"),
            width=8,
        ),
        graph(
            "Failures",
            "Syncs that the kernel rejected, and requests to the weight service that failed.",
            "ops",
            Query(f"sum(rate({SYNC}_nftables_sync_failures_total[$__rate_interval]))", "syncs"),
            Query(f"sum(rate({AGENT}_weights_failures_total[$__rate_interval]))", "weights"),
            width=8,
        ),
    )
    return dashboard("load-balancer", "Load balancer", "Weights of Services, and the rules in the kernels.", panels)
