"""The report of a saving: one page for a manager first, then how sure it is, and all figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import get_args

from wao_predict.increase import Rule
from wao_predict.models.stated_errors import ModelError
from wao_predict.report_page import MUTED, facts_section, svg_figure, tiles, write_page
from wao_predict.simulate.savings import Interval, Prices, Saving, Savings

CLOSE = 5.0
"""Distance to the load of the fleet within which the label of another load would be in the way [%]."""
STOCK, OWN, OTHERS = "#d97706", "#0d9488", ("#7c3aed", "#2563eb", "#be185d")


def write_savings_report(
    path: Path,
    savings: Savings,
    prices: Prices,
    errors: Sequence[ModelError],
    *,
    fleet_name: str,
    pods: str,
    facts: dict[str, str],
) -> None:
    """Write a report.

    Parameters
    ----------
    path
        File to write.
    savings
        The results; the last policy is the one that the first page is about.
    prices
        What electricity costs.
    errors
        Error of each model of the fleet.
    fleet_name
        Name of the fleet.
    pods
        What the pods are.
    facts
        What was simulated, by name.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    UsageError
        The file cannot be written.
    """
    title = f"What would be saved on {fleet_name}"
    headline = savings.of(savings.own, savings.policies[-1])
    parts = [
        _head(title, savings, headline, pods),
        _tiles(headline, prices),
        _picture(savings),
        _certainty(savings, headline, errors),
        *(_table(savings, policy, prices) for policy in savings.policies[1:]),
        _facts(facts, prices),
    ]
    write_page(path, title, parts)


def _head(title: str, savings: Savings, headline: Saving, pods: str) -> str:
    return (
        f"<h1>{escape(title)}</h1><p>At a CPU load of {headline.load:.0%} ({escape(pods)}), the servers use "
        f"<b>{headline.watts:,.0f} W</b> with {escape(_name(headline.policy))} instead of "
        f"<b>{headline.stock_watts:,.0f} W</b> with {escape(_name(savings.policies[0]))}. The same pods run in "
        "both cases. No server is switched off.</p>"
    )


def _name(policy: str) -> str:
    """Return what a policy is called on the first page."""
    if policy == "least-allocated":
        return "the stock scheduler of Kubernetes"
    return f"WAO (rule {policy})" if policy in get_args(Rule) else policy


def _change(saved: float) -> str:
    """Return the change of power for a saving in percent, without the sign of a rounded 0."""
    return "0 %" if round(saved) == 0 else f"{-saved:+.0f} %"


def _tiles(headline: Saving, prices: Prices) -> str:
    percent, watts = headline.percent, headline.saved_watts
    word = "less" if percent.mean >= 0 else "more"
    shown = [
        (f"{abs(percent.mean):.1f} %", f"{word} electricity ({_span(percent, '.1f')} %)"),
        (f"{abs(prices.yearly(watts.mean).kwh):,.0f} kWh", f"{word} per year ({_yearly_span(watts, prices, 'kwh')})"),
    ]
    year = prices.yearly(watts.mean)
    if year.money is not None:
        span = _yearly_span(watts, prices, "money")
        shown.append((f"{abs(year.money):,.0f} {prices.currency}", f"{word} per year ({span})"))
    if year.co2 is not None:
        span = _yearly_span(watts, prices, "co2", scale=1e-3, form=",.1f")
        shown.append((f"{abs(year.co2) / 1000:,.1f} t CO2", f"{word} per year ({span})"))
    return tiles(shown)


def _span(interval: Interval, form: str) -> str:
    low, high = (interval.low, interval.high) if interval.mean >= 0 else (-interval.high, -interval.low)
    return f"{low:{form}} to {high:{form}}"


def _yearly_span(watts: Interval, prices: Prices, name: str, *, scale: float = 1.0, form: str = ",.0f") -> str:
    values = [scale * getattr(prices.yearly(value), name) for value in (watts.mean, watts.low, watts.high)]
    return _span(Interval(*values), form)


def _picture(savings: Savings) -> str:
    levels = savings.loads
    with svg_figure(10.0, 4.6) as (figure, made):
        panel = figure.subplots()
        at = [100 * level for level in levels]
        per_policy = {policy: [savings.of(level, policy) for level in levels] for policy in savings.policies[1:]}
        last = per_policy[savings.policies[-1]]
        stock = [saving.stock_watts / 1000 for saving in last]
        panel.plot(at, stock, color=STOCK, lw=2, marker="o", ms=4, label=_name(savings.policies[0]))
        for number, (policy, of_policy) in enumerate(per_policy.items()):
            main = policy == savings.policies[-1]
            colour = OWN if main else OTHERS[number % len(OTHERS)]
            watts = [saving.watts / 1000 for saving in of_policy]
            panel.plot(at, watts, color=colour, lw=2, marker="o", ms=4, label=_name(policy))
            if main:
                low = [max(s.saved_watts.high - s.saved_watts.mean, 0.0) / 1000 for s in of_policy]
                high = [max(s.saved_watts.mean - s.saved_watts.low, 0.0) / 1000 for s in of_policy]
                panel.errorbar(at, watts, yerr=(low, high), fmt="none", ecolor=MUTED, capsize=3, zorder=3)
                panel.fill_between(at, watts, stock, color=OWN, alpha=0.12, lw=0)
        for place, saving, top in zip(at, last, stock, strict=True):
            own = saving.load == savings.own
            if not own and abs(place - 100 * savings.own) < CLOSE:
                continue
            panel.annotate(
                _change(saving.percent.mean),
                (place, top),
                xytext=(0, 9),
                textcoords="offset points",
                ha="center",
                fontsize=10 if own else 9,
                fontweight="bold" if own else "normal",
                color=MUTED,
            )
        panel.axvline(100 * savings.own, color="#94a3b8", lw=1, ls=":", zorder=0)
        panel.set(xlabel="CPU load of the fleet [%]", ylabel="power of the servers [kW]")
        panel.set_ylim(bottom=0.0, top=1.18 * max(stock))
        panel.set_xlim(0.0, 100.0)
        panel.legend(loc="lower right")
    return (
        "<section><h2>Power by load</h2><p>Numbers above the upper line are the change of power. Vertical lines are "
        f"the 90 % interval. The dotted line marks the load of this fleet, {savings.own:.0%}.</p>{made[0]}</section>"
    )


def _certainty(savings: Savings, headline: Saving, errors: Sequence[ModelError]) -> str:
    percent = headline.percent
    sentences = [
        f"In 90 % of the simulated cases the saving is between {percent.low:.1f} and {percent.high:.1f} %. The cases "
        "differ in the pods of the day and in the errors of the power models."
    ]
    if headline.from_days is not None:
        sentences.append(
            f"The standard deviation is {headline.from_days:.2f} percentage points between days, and "
            f"{headline.from_models:.2f} between errors of the models."
        )
    else:
        sentences.append("Only one day was simulated for each load: the interval is from errors of the models only.")
    if percent.low < 0 < percent.high:
        sentences.append("<b>The interval includes 0: these figures do not show that anything is saved.</b>")
    if headline.refused or headline.waited > headline.stock_waited:
        sentences.append(
            f"With {escape(headline.policy)}, {headline.waited:,.0f} pods waited for room (with "
            f"{escape(savings.policies[0])}: {headline.stock_waited:,.0f}), and {headline.refused:,.0f} never ran."
        )
    rows = "".join(
        f"<tr><td>{escape(error.model)}</td><td>{error.mape:.2f}</td>"
        f"<td>{'stated by the model' if error.stated else 'assumed'}</td></tr>"
        for error in errors
    )
    if not all(error.stated for error in errors):
        sentences.append(
            "Models that state no error were not measured on these servers. Measure one server of each type to reduce "
            "the interval (<code>wao train</code>)."
        )
    return (
        f"<section><h2>How certain this is</h2><p>{' '.join(sentences)}</p><table><thead><tr><th>model</th>"
        f"<th>mean error [%]</th><th>origin</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _table(savings: Savings, policy: str, prices: Prices) -> str:
    money, co2 = prices.price is not None, prices.co2 is not None
    header = ["load", f"{savings.policies[0]} [W]", f"{policy} [W]", "saved [%]", "90 % interval", "kWh per year"]
    header += [f"{prices.currency} per year"] * money + ["t CO2 per year"] * co2 + ["pods that waited"]
    body = ""
    for level in savings.loads:
        saving = savings.of(level, policy)
        year = prices.yearly(saving.saved_watts.mean)
        cells = [f"{level:.0%}", f"{saving.stock_watts:,.0f}", f"{saving.watts:,.0f}", f"{saving.percent.mean:.1f}"]
        cells += [f"{saving.percent.low:.1f} to {saving.percent.high:.1f}", f"{year.kwh:,.0f}"]
        cells += [f"{year.money:,.0f}"] if year.money is not None else []
        cells += [f"{year.co2 / 1000:,.1f}"] if year.co2 is not None else []
        cells.append(f"{saving.waited:,.1f}")
        mark = ' class="first"' if level == savings.own else ""
        body += f"<tr{mark}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    return (
        f"<section><h2>By load: {escape(policy)} against {escape(savings.policies[0])}</h2><table><thead>"
        f"<tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"
    )


def _facts(facts: dict[str, str], prices: Prices) -> str:
    shown = dict(facts)
    if prices.price is not None:
        shown["Price"] = f"{prices.price:g} {prices.currency} per kWh"
    if prices.co2 is not None:
        shown["Emissions"] = f"{prices.co2:g} g CO2 per kWh"
    shown["PUE"] = f"{prices.pue:g}: energy of the data centre per energy of the servers, applied to the yearly figures"
    return facts_section("What was simulated", shown)
