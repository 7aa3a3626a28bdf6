// Colours of the page, and filters, sorting and length of tables. Everything else is drawn by the server, which replaces
// whole parts: what a viewer has scrolled, opened or focused is restored here.
(() => {
  "use strict";
  const ROWS = 100; // of a table before "Show all": a browser needs about a millisecond to lay out ten rows
  const themes = ["auto", "light", "dark"], filters = new Map(), orders = new Map(), whole = new Set();
  const scrolled = new Map(), opened = new Set();
  let focused = null, focusedPlace = "";

  const theme = () => { try { return localStorage.getItem("wao-theme") || "auto"; } catch { return "auto"; } };
  function applyTheme(name) {
    if (window.Quasar) Quasar.Dark.set(name === "auto" ? "auto" : name === "dark");
    const words = { auto: "as the system", light: "light", dark: "dark" };
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.setAttribute("aria-label", "Colours: " + words[name]);
      button.title = "Colours: " + words[name];
      button.textContent = { auto: "\u25D0", light: "\u2600", dark: "\u263E" }[name];
    }
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) {
      const next = themes[(themes.indexOf(theme()) + 1) % themes.length];
      try { localStorage.setItem("wao-theme", next); } catch { /* private mode: for this page only */ }
      applyTheme(next);
    }
    const more = event.target.closest("button[data-more]");
    if (more) {
      const table = document.getElementById(more.dataset.more), first = table.querySelector("tr[data-cut] a[href]");
      whole.add(table.id);
      arrange(table);
      if (first) first.focus();
    }
    const header = event.target.closest("table[data-sortable] thead button");
    if (header) {
      const cell = header.closest("th"), table = cell.closest("table");
      const old = orders.get(table.id), column = cell.cellIndex;
      orders.set(table.id, { column, down: old && old.column === column ? !old.down : cell.classList.contains("n") });
      arrange(table);
    }
  });
  document.addEventListener("input", (event) => {
    const id = event.target.dataset ? event.target.dataset.filter : null;
    if (id) { filters.set(id, event.target.value); arrange(document.getElementById(id)); }
  });
  document.addEventListener("focusin", (event) => { focused = event.target; focusedPlace = place(event.target); });
  document.addEventListener("focusout", (event) => setTimeout(() => { // the viewer left it, and it was not replaced
    if (document.activeElement === document.body && document.hasFocus() && event.target.isConnected) focused = null;
  }, 0));
  document.addEventListener("scroll", (event) => {
    const label = event.target.getAttribute && event.target.getAttribute("aria-label");
    if (label) scrolled.set(label, [event.target.scrollLeft, event.target.scrollTop]);
  }, { capture: true, passive: true });
  document.addEventListener("toggle", (event) => {
    if (event.target.open) opened.add(event.target.id); else if (event.target.isConnected) opened.delete(event.target.id);
  }, true);

  // a selector that finds the element again after its part of the page was replaced
  function place(element) {
    const header = element.closest("thead th"), quoted = (name) => `="${CSS.escape(element.getAttribute(name))}"]`;
    if (header) return `#${header.closest("table").id} thead th:nth-child(${header.cellIndex + 1}) button`;
    for (const name of ["href", "data-filter", "data-more"]) if (element.hasAttribute(name)) return `[${name}${quoted(name)}`;
    if (element.matches(".scroll")) return `[aria-label${quoted("aria-label")}`;
    return element.matches("summary") ? `#${element.parentElement.id} > summary` : "";
  }

  function key(row, column) {
    const text = row.cells[column].textContent.trim(), number = parseFloat(text.replaceAll(",", ""));
    return row.cells[column].classList.contains("n") ? (isNaN(number) ? -Infinity : number) : text;
  }
  function arrange(table) {
    if (!table || !table.tBodies.length) return;
    const body = table.tBodies[0], words = (filters.get(table.id) || "").toLowerCase(), order = orders.get(table.id);
    if (order) {
      const sign = order.down ? -1 : 1;
      const rows = [...body.rows].map((row) => [key(row, order.column), row]);
      rows.sort((a, b) => sign * (typeof a[0] === "number" ? a[0] - b[0] : a[0].localeCompare(b[0], "en", { numeric: true })));
      body.append(...rows.map((pair) => pair[1]));
      for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
      table.tHead.rows[0].cells[order.column].setAttribute("aria-sort", order.down ? "descending" : "ascending");
    }
    let found = 0;
    for (const row of body.rows) {
      const fits = words === "" || row.textContent.toLowerCase().includes(words);
      found += fits;
      const cut = fits && found > ROWS && !whole.has(table.id);
      row.hidden = !fits || cut;
      row.toggleAttribute("data-cut", cut);
    }
    say(table, found, body.rows.length);
  }
  // the line below a table: how many rows are shown
  function say(table, found, all) {
    const shown = whole.has(table.id) ? found : Math.min(found, ROWS), of = (number) => number.toLocaleString("en");
    let line = table.nextElementSibling;
    if (!line || !line.matches(".more")) {
      if (shown === all) return;
      table.insertAdjacentHTML("afterend", `<p class="more" role="status"><span></span></p>`);
      line = table.nextElementSibling;
    }
    line.hidden = shown === all;
    line.firstChild.textContent = found === 0 ? "No row fits the filter." : `${of(shown)} of ${of(all)} rows are shown.`;
    if (line.lastChild !== line.firstChild) line.lastChild.remove();
    if (shown < found) line.insertAdjacentHTML("beforeend", `<button type="button" data-more="${table.id}">Show all ${of(found)}</button>`);
  }
  function prepare() {
    applyTheme(theme());
    for (const table of document.querySelectorAll("table[id]")) {
      if (table.hasAttribute("data-sortable")) for (const cell of table.tHead.rows[0].cells) {
        if (cell.querySelector("button")) continue;
        const button = document.createElement("button");
        button.type = "button";
        button.append(...cell.childNodes);
        cell.append(button);
      }
      arrange(table);
    }
    for (const input of document.querySelectorAll("input[data-filter]")) {
      const words = filters.get(input.dataset.filter);
      if (words && input.value !== words) input.value = words;
    }
    for (const id of opened) { const details = document.getElementById(id); if (details) details.open = true; }
    for (const region of document.querySelectorAll(".scroll")) {
      const [left, top] = scrolled.get(region.getAttribute("aria-label")) || [0, 0];
      if (top && !region.scrollTop) region.scrollTop = top;
      if (left && !region.scrollLeft) region.scrollLeft = left;
    }
    if (focused && !focused.isConnected && focusedPlace && document.activeElement === document.body) {
      const again = document.querySelector(focusedPlace);
      if (again) again.focus({ preventScroll: true });
    }
  }
  // what this script changes itself must not call it again
  let waiting = false;
  const observer = new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      observer.disconnect();
      prepare();
      observe();
    });
  });
  const observe = () => observer.observe(document.documentElement, { childList: true, subtree: true });
  observe();
})();
