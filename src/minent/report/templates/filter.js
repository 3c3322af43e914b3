// Above each long table of texts: search, choose, sort. Without this script the whole table stands there.
"use strict";
for (const table of document.querySelectorAll("table[data-filter]")) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const name = table.dataset.filter;
  const held = (row, at) => row.cells[at].dataset.value ?? row.cells[at].textContent.trim();

  const add = (parent, tag, properties) => parent.appendChild(Object.assign(document.createElement(tag), properties));
  const bar = Object.assign(document.createElement("form"), { className: "filter" });
  bar.setAttribute("role", "search");
  bar.setAttribute("aria-label", name);
  const field = (title, tag, properties) => {
    const label = add(bar, "label", {});
    add(label, "span", { textContent: title });
    return add(label, tag, properties);
  };
  const search = field("search", "input", { type: "search", autocomplete: "off" });
  const choices = heads.flatMap((head, at) => {
    if (!("choose" in head.dataset)) return [];
    const values = [...new Set(rows.map((row) => held(row, at)))].sort();
    if (values.length < 2) return [];
    const select = field(head.textContent, "select", {});
    add(select, "option", { value: "", textContent: "all" });
    values.forEach((value, place) => add(select, "option", { value: String(place + 1), textContent: value || "–" }));
    return [{ at, select, values }];
  });
  const shown = add(bar, "output", {});

  const apply = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const fits = choices.every(({ at, select, values }) => !select.value || held(row, at) === values[select.value - 1]);
      row.hidden = !fits || !row.textContent.toLowerCase().includes(wanted);
      count += !row.hidden;
    }
    shown.textContent = count === rows.length ? `${count} texts` : `${count} of ${rows.length} texts`;
  };
  bar.addEventListener("input", apply);
  bar.addEventListener("submit", (event) => event.preventDefault());

  heads.forEach((head, at) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      const compare = head.classList.contains("number")
        ? (a, b) => parseFloat(held(a, at)) - parseFloat(held(b, at))
        : (a, b) => held(a, at).localeCompare(held(b, at));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      body.append(...rows.sort((a, b) => (falling ? compare(b, a) : compare(a, b))));
    });
  });

  apply();
  table.parentNode.before(bar);
}
