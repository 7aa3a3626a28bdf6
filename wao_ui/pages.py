"""The pages as NiceGUI elements. Texts are HTML from templates, figures are charts, and one timer redraws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nicegui import app, ui

from wao_predict.errors import WaoError
from wao_ui import charts, parts
from wao_ui.feeds import problem_text
from wao_ui.fleet_layout import FleetLayout, fleet_layout
from wao_ui.picture import Picture
from wao_ui.sources import Sources
from wao_ui.store import Store
from wao_ui.views import render

TICK = 0.5
"""Seconds between two looks of a page at the picture."""
POINTS = 400
"""Points of the chart of totals."""
ANSWER = 15.0
"""Seconds for a page that waits for an application."""
Options = dict[str, Any]


class LivePage:
    """One open page: its parts, each of which is drawn again when there is a new picture.

    Parameters
    ----------
    path
        Page of the navigation that it belongs to.
    """

    def __init__(self, store: Store, title: str, path: str, *, authenticated: bool) -> None:
        self._store, self._draws = store, list[Callable[[], None]]()
        self._version = store.picture.version
        ui.page_title(f"{title} - WAO")
        ui.html(render("header", {"active": path, "authenticated": authenticated}), sanitize=False)
        ui.timer(TICK, self._redraw)

    def text(self, template: str, values: Callable[[Picture], Mapping[str, Any]], *, key: str = "") -> None:
        """Add HTML of a template; `key` distinguishes several uses of one template."""

        def content() -> str:
            return self._store.drawn(f"{template} {key}", lambda: render(template, values(self._store.picture)))

        element = ui.html(content(), sanitize=False)

        def draw() -> None:
            if (new := content()) != element.content:
                element.set_content(new)

        self._draws.append(draw)

    def chart(
        self,
        label: str,
        size: tuple[int, int],
        options: Options,
        change: Callable[[], Options],
        on_click: Callable[[Any], None] | None = None,
    ) -> None:
        """Add a chart of a least width and a height in pixels; a refresh sends the changed options only."""
        element = ui.echart(options, renderer="svg", on_point_click=on_click)
        element.style(f"height: {size[1]}px; width: 100%; min-width: {size[0]}px")
        element.props.update({"role": "img", "aria-label": label})  # not parsed: names may have any characters

        sent: Options = {}

        def draw() -> None:
            nonlocal sent
            if (new := change()) != sent:  # a chart of 1,000 cells is not drawn again for the same values
                sent = new
                element.run_chart_method("setOption", new)

        self._draws.append(draw)

    def _redraw(self) -> None:
        if self._store.picture.version == self._version:
            return
        self._version = self._store.picture.version
        for draw in self._draws:
            draw()


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one server."""

    store: Store
    sources: Sources
    authenticated: bool

    def add(self) -> None:
        """Register all pages with NiceGUI."""
        ui.page("/")(self.fleet)
        ui.page("/nodes/{name}")(self.node)
        ui.page("/placements")(self.placements)
        ui.page("/placements/{namespace}/{pod}", response_timeout=ANSWER)(self.placement)
        ui.page("/services")(self.services)
        ui.page("/services/{namespace}/{service}")(self.service)
        ui.page("/actions")(self.actions)
        ui.page("/inputs")(self.inputs)
        ui.page("/what-if", response_timeout=ANSWER)(self.what_if)
        app.on_page_exception(self._failed)

    def _failed(self) -> None:
        self._page("Error", "")
        with _main("This page cannot be shown"):
            ui.html(render("empty", {"text": "This is a defect. The log of wao ui has the details."}), sanitize=False)

    def _page(self, title: str, path: str) -> LivePage:
        return LivePage(self.store, title, path, authenticated=self.authenticated)

    def fleet(self, show: str = "watts") -> None:
        """Show the fleet: totals, heat map or table, and power over time."""
        metric = show if show in charts.METRICS else "watts"
        page, store = self._page("Fleet", "/"), self.store
        with _main("Fleet", heading=False):
            page.text("status", parts.status)
            page.text("tiles", parts.tiles)
            with ui.element("section").classes("card").props('aria-label="Fleet by node"'):
                ui.html(render("fleet_choices", {"show": show if show == "table" else metric}), sanitize=False)
                if show == "table":
                    page.text("fleet_table", lambda picture: {"nodes": picture.nodes})
                else:
                    self._heat_map(page, metric)
            with ui.element("section").classes("card").props('aria-label="Power over time"'):
                ui.html("<h2>Power over time</h2>", sanitize=False)
                if self.sources.nodes is None and self.sources.metrics is None:
                    text = "This part is empty, because wao ui was started without --scheduler-url and --metrics-url."
                    ui.html(render("empty", {"text": text}), sanitize=False)
                    return
                points = store.history.points(POINTS)
                page.chart(
                    "Total power over time, as placed and in the spread baseline",
                    (0, 260),
                    charts.totals_over_time(points),
                    lambda: store.drawn(
                        "totals", lambda: {"series": charts.totals_series(store.history.points(POINTS))}
                    ),
                )

    def _heat_map(self, page: LivePage, metric: str) -> None:
        store = self.store
        nodes = store.picture.nodes
        layout = _layout(nodes)

        def change() -> Options:
            picture = store.picture
            if [node.name for node in picture.nodes] != [node.name for node in nodes]:
                ui.run_javascript("location.reload()")  # nodes came or went: other places
                return {}
            return store.drawn(f"cells {metric}", lambda: charts.heat_map_change(picture.nodes, layout, metric))

        def clicked(event: Any) -> None:
            if isinstance(event.data_index, int) and 0 <= event.data_index < len(nodes) and event.series_index == 0:
                ui.navigate.to(f"/nodes/{nodes[event.data_index].name}")

        title = charts.METRICS[metric][0]
        label = f"{title} of {len(nodes)} nodes as a heat map; the table has the same values"
        page.chart(
            label, charts.heat_map_size(layout), charts.heat_map(nodes, layout, metric), change, on_click=clicked
        )

    def node(self, name: str) -> None:
        """Show one node: its facts, power curve, inputs and placements."""
        page, store = self._page(name, "/"), self.store
        if name not in store.picture.by_name:
            with _main(name):
                page.text("status", parts.status)
                ui.html(render("empty", {"text": f"There is no node {name}."}), sanitize=False)
            return
        with _main(name):
            page.text("status", parts.status)
            with ui.element("div").classes("cards"):
                with ui.element("section").classes("card").props('aria-label="Power curve"'):
                    ui.html("<h2>Power curve at the present conditions</h2>", sanitize=False)
                    self._curve(page, name)
                with ui.element("section").classes("card").props('aria-label="Facts"'):
                    page.text("node", lambda picture: parts.node(picture, name), key=name)
                    page.text("node_inputs", lambda picture: parts.node_inputs(picture, name), key=name)
            with ui.element("section").classes("card").props('aria-label="Placements"'):
                ui.html("<h2>Last Pods that were placed here</h2>", sanitize=False)
                page.text("placements", lambda picture: parts.placements(picture, on_node=name), key=name)

    def _curve(self, page: LivePage, name: str) -> None:
        def options() -> Options:
            picture = self.store.picture
            found = picture.by_name.get(name)
            return {} if found is None else charts.power_curve(found, picture.knots, picture.models.get(found.model))

        if self.store.picture.by_name[name].curve is None:
            reason = self.store.picture.by_name[name].reason or "the scheduler has none"
            ui.html(render("empty", {"text": f"There is no power curve: {reason}"}), sanitize=False)
            return
        page.chart(f"Predicted power of {name} over its CPU load, with the working point", (0, 340), options(), options)

    def placements(self) -> None:
        """Show the last decisions of the scheduler."""
        page = self._page("Placements", "/placements")
        with _main("Placements"):
            page.text("status", parts.status)
            with _card():
                page.text("placements", parts.placements)

    async def placement(self, namespace: str, pod: str) -> None:
        """Show the last decision on one Pod with its candidates."""
        name = f"{namespace}/{pod}"
        page = self._page(name, "/placements")
        with _main(name):
            page.text("status", parts.status)
            with _card() as card:
                try:
                    decision = await self.sources.decision(name)
                except (WaoError, ValueError) as error:
                    content = render("empty", {"text": problem_text(error)})
                else:
                    content = render("placement", {"decision": decision})
            with card:
                ui.html(content, sanitize=False)

    def services(self) -> None:
        """Show all Services with weights."""
        page = self._page("Services", "/services")
        with _main("Services"):
            page.text("status", parts.status)
            with _card():
                page.text("services", parts.services)

    def service(self, namespace: str, service: str) -> None:
        """Show the weights of one Service."""
        name = f"{namespace}/{service}"
        page, store = self._page(name, "/services"), self.store
        with _main(name):
            page.text("status", parts.status)
            weights = parts.weights_of(store.picture, name)
            if weights is None:
                ui.html(render("empty", {"text": f"There are no weights of {name}."}), sanitize=False)
                return
            endpoints = weights.ports[0].endpoints if weights.ports else ()

            def change() -> Options:
                now = parts.weights_of(store.picture, name)
                return charts.weights_bars(now.ports[0].endpoints) if now is not None and now.ports else {}

            with _card():
                ui.html("<h2>Weights</h2>", sanitize=False)
                page.chart(
                    f"Weights of the endpoints of {name}",
                    (0, charts.bars_height(endpoints)),
                    charts.weights_bars(endpoints),
                    change,
                )
            with _card():
                page.text(
                    "service",
                    lambda picture: {"weights": (picture.documents.weights or {}).get(name, weights)},
                    key=name,
                )

    def actions(self) -> None:
        """Show moves and standby decisions."""
        page = self._page("Moves and standby", "/actions")
        with _main("Moves and standby"):
            page.text("status", parts.status)
            with _card():
                ui.html("<h2>Moves of the rebalancer</h2>", sanitize=False)
                page.text("moves", parts.moves)
            with _card():
                ui.html("<h2>Standby</h2>", sanitize=False)
                page.text("standby", parts.standby)

    def inputs(self) -> None:
        """Show the sources, the ages of the inputs, and failing sensors."""
        page = self._page("Inputs", "/inputs")
        with _main("Inputs"):
            page.text("status", parts.status)
            with _card():
                page.text("inputs", parts.inputs)

    async def what_if(self, cpu: str = "", count: str = "10") -> None:
        """Answer the question of the form in the query."""
        page = self._page("What if", "/what-if")
        with _main("What if more Pods came?"):
            page.text("status", parts.status)
            with _card() as card:
                pass
            values: dict[str, Any] = {"cpu": cpu or "500m", "count": count, "problem": "", "answer": None}
            if cpu:
                try:
                    values["answer"] = await self.sources.what_if(cpu[:20], int(count[:6]))
                except (WaoError, ValueError, TimeoutError) as error:
                    values["problem"] = problem_text(error)
            with card:
                ui.html(render("what_if", values), sanitize=False)


def _main(title: str, *, heading: bool = True) -> Any:
    element = ui.element("div").props('id="main" tabindex="-1"').classes("page")
    with element:
        ui.html(render("heading", {"title": title, "hidden": not heading}), sanitize=False)
    return element


def _card() -> Any:
    return ui.element("section").classes("card")


def _layout(nodes: Any) -> FleetLayout:
    return fleet_layout([node.group for node in nodes])
