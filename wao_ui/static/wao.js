// Colours of the page, and filters and sorting of tables. Everything else is drawn by the server.
(() => {
  "use strict";
  const themes = ["auto", "light", "dark"], filters = new Map(), orders = new Map();
  let focused = null;

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
  document.addEventListener("focusin", (event) => { focused = event.target.closest("a[href], input[data-filter]"); });

  function key(row, column) {
    const text = row.cells[column].textContent.trim(), number = parseFloat(text.replaceAll(",", ""));
    return row.cells[column].classList.contains("n") ? (isNaN(number) ? -Infinity : number) : text;
  }
  function arrange(table) {
    if (!table || !table.tBodies.length) return;
    const body = table.tBodies[0], words = (filters.get(table.id) || "").toLowerCase(), order = orders.get(table.id);
    for (const row of body.rows) row.hidden = words !== "" && !row.textContent.toLowerCase().includes(words);
    if (!order) return;
    const sign = order.down ? -1 : 1;
    const rows = [...body.rows].map((row) => [key(row, order.column), row]);
    rows.sort((a, b) => sign * (typeof a[0] === "number" ? a[0] - b[0] : a[0].localeCompare(b[0], "en", { numeric: true })));
    body.append(...rows.map((pair) => pair[1]));
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[order.column].setAttribute("aria-sort", order.down ? "descending" : "ascending");
  }
  function prepare() {
    applyTheme(theme());
    for (const table of document.querySelectorAll("table[data-sortable]")) {
      for (const cell of table.tHead.rows[0].cells) {
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
      if (words && input.value !== words) { input.value = words; arrange(document.getElementById(input.dataset.filter)); }
    }
    if (focused && !focused.isConnected && document.activeElement === document.body) {
      const again = focused.dataset.filter
        ? document.querySelector(`input[data-filter="${CSS.escape(focused.dataset.filter)}"]`)
        : document.querySelector(`a[href="${CSS.escape(focused.getAttribute("href"))}"]`);
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
