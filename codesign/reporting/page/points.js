// The table of all points: drawn when its section is opened; sorted, filtered and with columns to choose.
const all = { section: $("all-points"), sort: "accuracy", sign: -1, words: [], most: 100, chosen: null };
const MORE = 400;

// A number by its size, whatever its unit and digits: 900 ps before 1 ns.
const inTurn = (fact, index) => {
  const code = fact.codes[fact.of[index]];
  return code && Number.isFinite(Number(code)) ? Number(code) : word(fact, index) || null;
};
// Beside a measure of which some points lack terms, for a file: whether the value is only the least.
const saved = () => allColumns().flatMap((column) => (column.least ? [column, { key: `${column.key}_is_least`, code: (index) => String(column.least.includes(index)) }] : [column]));
const allColumns = () => [
  ...data.facts.map((fact) => ({ key: fact.key, label: fact.label, chosen: fact.naming, text: (index) => word(fact, index) || UNKNOWN, code: (index) => fact.codes[fact.of[index]], order: (index) => inTurn(fact, index) })),
  ...data.measures.map((measure) => ({ key: measure.key, label: measure.label, chosen: measure.first, numeric: true, least: measure.least, text: (index) => writtenAt(measure, index), code: (index) => measure.mean[index], order: (index) => measure.mean[index] })),
];

const found = () => {
  const columns = allColumns();
  const named = columns.filter((column) => !column.numeric);
  const by = columns.find((column) => column.key === all.sort) ?? columns[0];
  const says = (index) => named.map((column) => `${column.text(index)} ${column.code(index)}`).join(" ").toLowerCase();
  const indices = everyPoint.filter((index) => {
    if (!all.words.length) return true;
    const text = says(index);
    return all.words.every((each) => text.includes(each));
  });
  const keyed = indices.map((index) => [by.order(index), index]);
  return keyed.sort(([a, i], [b, j]) => inOrder(a, b, all.sign) || i - j).map(([, index]) => index);
};

const showAll = () => {
  const indices = found();
  const columns = allColumns().filter((column) => all.chosen.has(column.key));
  const table = $("points-table");
  const head = (column) =>
    element(
      "th",
      { scope: "col", class: column.numeric ? "n" : "", "aria-sort": all.sort === column.key ? (all.sign > 0 ? "ascending" : "descending") : "" },
      element("button", { type: "button", "data-key": column.key, onclick: () => {
        all.sign = all.sort === column.key ? -all.sign : column.numeric ? -1 : 1;
        all.sort = column.key;
        showAll();
        [...table.tHead.querySelectorAll("button")].find((each) => each.dataset.key === column.key)?.focus();
      } }, column.label),
    );
  table.tHead.replaceChildren(element("tr", {}, element("th", { scope: "col", class: "n" }, "point"), ...columns.map(head)));
  table.tBodies[0].replaceChildren(
    ...indices.slice(0, all.most).map((index) =>
      element(
        "tr",
        { "data-point": index, class: state.pinned.includes(index) ? "lit" : "" },
        element("td", { class: "n" }, element("button", { type: "button", "aria-label": `Pin point ${data.numbers[index]}`, "aria-pressed": String(state.pinned.includes(index)), onclick: () => togglePin(index) }, String(data.numbers[index]))),
        ...columns.map((column) => element("td", { class: column.numeric ? "n" : "", title: column.numeric ? "" : String(column.code(index) ?? "") }, column.text(index))),
      ),
    ),
  );
  const shown = Math.min(all.most, indices.length);
  $("points-count").textContent = `${shown.toLocaleString("en")} of ${indices.length.toLocaleString("en")} shown`;
  $("points-more").hidden = shown === indices.length;
};

const beginAll = () => {
  if (all.chosen || !all.section.open) return;
  all.chosen = new Set(allColumns().filter((column) => column.chosen).map((column) => column.key));
  $("points-columns").append(
    ...allColumns().map((column) =>
      element("label", {}, element("input", { type: "checkbox", checked: all.chosen.has(column.key), onchange: (event) => {
        if (event.target.checked) all.chosen.add(column.key);
        else all.chosen.delete(column.key);
        showAll();
      } }), ` ${column.label}`),
    ),
  );
  showAll();
};

if (all.section) {
  all.section.addEventListener("toggle", beginAll);
  $("points-filter").addEventListener("input", (event) => {
    all.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    showAll();
  });
  $("points-more").addEventListener("click", () => {
    all.most += MORE;
    showAll();
  });
  $("points-save").addEventListener("click", () => {
    const columns = saved();
    save("points.csv", commaSeparated([["point", ...columns.map((column) => column.key)], ...found().map((index) => [data.numbers[index], ...columns.map((column) => column.code(index))])]), "text/csv");
  });
  beginAll();
}
