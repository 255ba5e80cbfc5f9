"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const keyed = [...body.rows].map((row) => {
        const cell = row.cells[column];
        const number = "o" in cell.dataset ? (cell.dataset.o === "" ? null : Number(cell.dataset.o)) : undefined;
        return { row, number, text: cell.textContent };
      });
      keyed.sort((a, b) => {
        if (a.number === undefined || b.number === undefined) return sign * a.text.localeCompare(b.text, "en", { numeric: true });
        if (a.number === null || b.number === null) return (a.number === null) - (b.number === null);
        return sign * (a.number - b.number);
      });
      body.append(...keyed.map((each) => each.row));
    });
  });
}

for (const input of document.querySelectorAll("input[data-filters]")) {
  const rows = [...document.getElementById(input.dataset.filters).tBodies[0].rows];
  const count = document.getElementById(input.dataset.filters + "-count");
  const texts = new Map(rows.map((row) => [row, [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase()]));
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      shown += !row.hidden;
    }
    count.textContent = shown + " of " + rows.length + " shown";
  });
}

const tip = document.getElementById("tip");
const light = (number, on) => {
  for (const each of document.querySelectorAll('[data-point="' + number + '"]')) each.classList.toggle("lit", on);
};
for (const point of document.querySelectorAll(".point")) {
  const title = point.querySelector("title");
  const text = title.textContent;
  point.setAttribute("aria-label", text);
  const show = () => {
    const box = point.getBoundingClientRect();
    title.textContent = "";
    tip.textContent = text;
    tip.hidden = false;
    tip.style.left = Math.max(4, Math.min(box.right + 8, innerWidth - tip.offsetWidth - 4)) + "px";
    tip.style.top = Math.max(4, Math.min(box.bottom + 8, innerHeight - tip.offsetHeight - 4)) + "px";
    light(point.dataset.point, true);
  };
  const hide = () => {
    title.textContent = text;
    tip.hidden = true;
    light(point.dataset.point, false);
  };
  point.addEventListener("mouseenter", show);
  point.addEventListener("focus", show);
  point.addEventListener("mouseleave", hide);
  point.addEventListener("blur", hide);
}
for (const row of document.querySelectorAll("tr[data-point]")) {
  row.addEventListener("mouseenter", () => light(row.dataset.point, true));
  row.addEventListener("mouseleave", () => light(row.dataset.point, false));
}
