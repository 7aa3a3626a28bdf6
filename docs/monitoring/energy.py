"""The dashboard of energy: what the fleet uses, and what rebalancing and standby save."""

from __future__ import annotations

from docs.monitoring.panels import Query, dashboard, graph, listing, number, row

POWER = "cluster:wao_node_power_watts:sum"
SAVED = "cluster:wao_standby_saved_watts:sum"
SPREAD_SAVED = "cluster:wao_spread_saved_watts:avg"
MEASURED = "cluster:wao_standby_measured_saved_watts:sum"


def energy() -> str:
    """Return the dashboard as JSON."""
    panels = (
        row("Saved against the spread baseline"),
        number(
            "Saved now",
            "Predicted power that the placement saves. In the baseline the stock scheduler spreads the same Pods, and "
            "no node sleeps.",
            "watt",
            Query(SPREAD_SAVED),
            width=6,
        ),
        number(
            "Part saved",
            "The same as a part of the power of the baseline.",
            "percentunit",
            Query(f"{SPREAD_SAVED} / cluster:wao_spread_baseline_watts:avg"),
            width=6,
        ),
        number(
            "Energy saved, predicted",
            "In the selected time, less the energy of times at which the placement used more.",
            "kwatth",
            Query(_net_energy("")),
            width=6,
        ),
        number(
            "Energy saved, measured",
            "The same by power meters; nodes without one count as predicted.",
            "kwatth",
            Query(_net_energy("measured_")),
            width=6,
        ),
        graph(
            "Power and its baseline",
            "Predicted power of the nodes that are compared, now and if the stock scheduler had spread the Pods.",
            "watt",
            Query("cluster:wao_spread_baseline_watts:avg", "spread baseline"),
            Query(f"cluster:wao_spread_baseline_watts:avg - {SPREAD_SAVED}", "now"),
            width=16,
        ),
        graph(
            "Saved",
            "Predicted, and by power meters; nodes without one count as predicted.",
            "watt",
            Query(SPREAD_SAVED, "predicted"),
            Query("cluster:wao_spread_measured_saved_watts:avg", "measured"),
            width=8,
        ),
        graph(
            "Nodes that are compared",
            "Nodes with a power curve and a known load, or asleep; and those of them with a power meter.",
            "none",
            Query("max(wao_spread_nodes)", "compared"),
            Query("max(wao_spread_measured_nodes)", "with a meter"),
            width=8,
        ),
        row("In the selected time"),
        number("Energy", "Energy of all nodes.", "kwatth", Query(_kilowatt_hours(POWER)), width=6),
        number(
            "Saved by standby, predicted",
            "Energy that sleeping nodes did not use: idle power less that of their BMCs.",
            "kwatth",
            Query(_kilowatt_hours(SAVED)),
            width=6,
        ),
        number(
            "Saved by standby, measured",
            "The same by power meters, for nodes that have one.",
            "kwatth",
            Query(_kilowatt_hours(MEASURED)),
            width=6,
        ),
        number(
            "Saved by rebalancing, measured",
            "Sum of the measured savings of drains [W].",
            "watt",
            Query("sum(increase(wao_rebalance_measured_saving_watts_total[$__range]))"),
            width=6,
        ),
        row("Power"),
        graph(
            "Power of the fleet",
            "Measured where there is a power meter, else predicted.",
            "watt",
            Query(POWER, "power"),
        ),
        graph(
            "Saved by nodes that sleep",
            "Predicted for all sleeping nodes, and measured for those with a power meter.",
            "watt",
            Query(SAVED, "predicted"),
            Query(MEASURED, "measured"),
        ),
        graph(
            "Cost of a further watt",
            "Cooling and relative price by group of nodes. It has data where plants are configured.",
            "none",
            Query("avg by (group) (wao_cost_factor)", "{{group}}"),
        ),
        row("Standby"),
        graph(
            "Nodes by phase",
            "Nodes that standby may switch.",
            "none",
            Query("max by (phase) (wao_standby_nodes)", "{{phase}}"),
            width=8,
            stacked=True,
        ),
        graph(
            "Decisions",
            "Servers to start and to stop in the last decision. Nothing stops while may_stop is 0.",
            "none",
            Query("max by (action) (wao_standby_planned)", "{{action}}"),
            Query("min(wao_standby_may_stop)", "may_stop"),
            width=8,
        ),
        graph(
            "Switched servers",
            "Servers that were switched in the last hour, and failures.",
            "none",
            Query("sum(increase(wao_standby_stops_total[1h]))", "stopped"),
            Query("sum(increase(wao_standby_starts_total[1h]))", "started"),
            Query("sum(increase(wao_standby_wakes_total[1h]))", "became Ready"),
            Query("sum(increase(wao_standby_start_failures_total[1h]))", "did not start"),
            Query("sum(increase(wao_standby_power_errors_total[1h]))", "errors of BMCs"),
            width=8,
        ),
        graph(
            "Pods that wait",
            "Average number of Pods that wait while nodes start.",
            "none",
            Query("sum(rate(wao_standby_pod_wait_seconds_total[$__rate_interval]))", "Pods"),
            width=8,
        ),
        listing(
            "Sleeping nodes",
            "Predicted saving of each sleeping node.",
            "watt",
            Query("max by (node) (wao_standby_saved_watts)"),
            width=8,
        ),
        listing(
            "Nodes that did not start",
            "Nodes whose last start failed.",
            "none",
            Query("max by (node) (wao_standby_failed)"),
            width=8,
        ),
        row("Rebalancing"),
        graph(
            "Predicted and measured savings",
            "Savings of drains that were measured, added up since the servers started.",
            "watt",
            Query("sum(wao_rebalance_predicted_saving_watts_total)", "predicted"),
            Query("sum(wao_rebalance_measured_saving_watts_total)", "measured"),
            width=8,
        ),
        graph(
            "Last plan",
            "Power that the last plan saves.",
            "watt",
            Query("max(wao_rebalance_planned_saving_watts)", "saving"),
            width=8,
        ),
        graph(
            "Moves",
            "Pods that the last plan moves, and whether a maintenance window is open.",
            "none",
            Query("max(wao_rebalance_planned_moves)", "planned"),
            Query("max(wao_rebalance_window_open)", "window open"),
            width=8,
        ),
        graph(
            "Drains",
            "Drains of the last hour by result.",
            "none",
            Query("sum by (result) (increase(wao_rebalance_drains_total[1h]))", "{{result}}"),
            width=8,
        ),
        graph(
            "Evictions",
            "Evictions of the last hour by result.",
            "none",
            Query("sum by (result) (increase(wao_rebalance_evictions_total[1h]))", "{{result}}"),
            width=8,
        ),
        graph(
            "Missed savings",
            "Drains of the last day that saved less than half, and the factor by which plans became rarer.",
            "none",
            Query("sum(increase(wao_rebalance_missed_savings_total[1d]))", "missed"),
            Query("max(wao_rebalance_pace)", "pace"),
            width=8,
        ),
    )
    return dashboard("energy", "Energy", "What the fleet uses, and what rebalancing and standby save.", panels)


def _net_energy(kind: str) -> str:
    """Return the energy that one replica of the scheduler counts in the selected time [kWh]."""
    saved, lost = (f"increase(wao_spread_{kind}{name}_joules_total[$__range])" for name in ("saved", "lost"))
    return f"avg({saved} - {lost}) / 3.6e6"


def _kilowatt_hours(watts: str) -> str:
    """Return the energy in the selected time; a time without data counts as its mean."""
    return f"avg_over_time({watts}[$__range]) * $__range_s / 3.6e6"
