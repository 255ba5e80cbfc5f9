// Shared by all scripts: the page's data, elements, how values are written, and how a chart is drawn.
const read = (id) => {
  const block = document.getElementById(id);
  return block ? JSON.parse(block.textContent) : null;
};
const $ = (id) => document.getElementById(id);
const UNKNOWN = "–";

// An element with attributes and children; texts stay texts.
const element = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== "") made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

// numbers ------------------------------------------------------------------------------------------------------------

const PREFIXES = ["a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T"];

const digits = (value, most = 3) => {
  const text = value.toPrecision(most);
  return text.includes("e+") ? Number(text).toLocaleString("en", { maximumFractionDigits: 0 }) : text;
};

const withPrefix = (value, unit) => {
  if (value === 0) return `0 ${unit}`;
  const rounded = Number(value.toPrecision(3));
  const step = Math.min(Math.max(Math.floor(Math.log10(Math.abs(rounded)) / 3), -6), 4);
  return `${digits(rounded / 1000 ** step)} ${PREFIXES[step + 6]}${unit}`;
};

// As `in_percent` of the program: a half counts away from 0, whatever the rounding of a sum took off it.
const inPercent = (fraction) => {
  const tenths = Math.floor(1000 * Math.abs(fraction) + 0.5 + 1e-9);
  return `${fraction < 0 && tenths ? "-" : ""}${(tenths / 10).toFixed(1)}`;
};

// A mean of a measure as it is read.
const written = (measure, value) => {
  if (value === null || value === undefined) return UNKNOWN;
  if (measure.share) return `${inPercent(value)} %`;
  if (measure.unit === "m**2") return `${digits(value * 1e6)} mm²`;
  if (measure.unit) return withPrefix(value, measure.unit);
  return Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 });
};

// The value of a point; with ≥ if it leaves something out.
const writtenAt = (measure, index) => `${measure.least?.includes(index) ? "≥ " : ""}${written(measure, measure.mean[index])}`;

const withHalf = (measure, index) => {
  const half = measure.half ? measure.half[index] : null;
  const mean = measure.mean[index];
  if (mean === null || half === null || half === undefined) return writtenAt(measure, index);
  if (measure.share) return `${inPercent(mean)} ± ${inPercent(half)} %`;
  return `${writtenAt(measure, index)} ± ${mean ? digits((100 * half) / Math.abs(mean), 2) : "0"} %`;
};

// charts -------------------------------------------------------------------------------------------------------------

const looks = read("looks");
const darkness = matchMedia("(prefers-color-scheme: dark)");
const look = () => (darkness.matches ? looks.dark : looks.light);

// Expressions are walked as trees, so nothing is compiled and the policy forbids that anything is.
const embed = (place, spec, config, renderer = "svg") =>
  vegaEmbed(place, { ...spec, config }, { ast: true, defaultStyle: false, actions: false, renderer, tooltip: tell, loader: { load: refuse } });
const draw = async (place, spec, renderer) => {
  const shade = darkness.matches ? "dark" : "light";
  const drawn = await embed(place, spec, { ...look(), background: "transparent" }, renderer);
  place.dataset.shade = shade;
  return drawn;
};
const refuse = () => Promise.reject(new Error("a page loads nothing"));

const save = (name, content, type) => {
  const address = content instanceof Blob ? URL.createObjectURL(content) : URL.createObjectURL(new Blob([content], { type }));
  const link = element("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};

// A cell that a spreadsheet would take for a formula is given as text.
const cell = (value) => {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = String(value);
  const plain = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
};
const commaSeparated = (rows) => rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";

const rowsIn = (part) => {
  if (!part || typeof part !== "object") return null;
  if (part.data && Array.isArray(part.data.values) && part.data.values.length) return part.data.values;
  for (const each of Object.values(part)) {
    const found = rowsIn(each);
    if (found) return found;
  }
  return null;
};

// What a chart can be saved as: `whole` gives the specification with its legend and title.
const menu = (name, whole, rows) => {
  const picture = async (kind) => {
    const place = element("div", { class: "aside" });
    document.body.append(place);
    const { view } = await embed(place, { ...whole(), width: 640, height: 400 }, looks.light);
    if (kind === "svg") save(`${name}.svg`, await view.toSVG(), "image/svg+xml");
    else (await view.toCanvas(2)).toBlob((blob) => save(`${name}.png`, blob));
    view.finalize();
    place.remove();
  };
  const data = () => {
    const all = rows();
    const names = [...new Set(all.flatMap((row) => Object.keys(row)))];
    save(`${name}.csv`, commaSeparated([names, ...all.map((row) => names.map((each) => row[each]))]), "text/csv");
  };
  const choice = (text, action) => element("button", { type: "button", onclick: action }, text);
  const choices = element("div", {}, choice("SVG", () => picture("svg")), choice("PNG", () => picture("png")), choice("data, CSV", data));
  return element("details", { class: "menu" }, element("summary", { "aria-label": "Save this chart" }, "Save"), choices);
};

// what hovering says -------------------------------------------------------------------------------------------------

const tip = $("tip");
const say = (lines, x, y) => {
  tip.replaceChildren(...lines.map(([name, text]) => element("div", {}, element("span", {}, name), ` ${text}`)));
  tip.hidden = false;
  const left = x + 14 + tip.offsetWidth > innerWidth ? x - 14 - tip.offsetWidth : x + 14;
  const top = y + 14 + tip.offsetHeight > innerHeight ? y - 14 - tip.offsetHeight : y + 14;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
};
const hush = () => {
  tip.hidden = true;
};
const tell = (_, event, __, value) => {
  if (value === null || value === undefined || value === "") hush();
  else say(typeof value === "object" ? Object.entries(value) : [["", String(value)]], event.clientX, event.clientY);
};

// charts of folded sections, drawn when their section is opened ------------------------------------------------------

const figures = read("figures") ?? {};
const LEAST_WIDTH = 320; // a narrower place scrolls, so that names leave room for what they name
const drawFigure = async (figure) => {
  const spec = figures[figure.dataset.figure];
  const place = figure.querySelector(".chart");
  const squeezed = spec.width === "container" && place.clientWidth < LEAST_WIDTH;
  await draw(place, squeezed ? { ...spec, width: LEAST_WIDTH, autosize: { type: "fit-x", contains: "padding" } } : spec);
  if (place.scrollWidth > place.clientWidth) place.tabIndex = 0; // for arrow keys
  if (!figure.querySelector(".menu")) {
    const title = figure.querySelector("figcaption").textContent;
    figure.prepend(menu(figure.dataset.figure, () => ({ ...spec, title }), () => rowsIn(spec) ?? []));
  }
};
const visible = (figure) => figure.closest("details:not([open])") === null;
const drawVisible = () => {
  const shade = darkness.matches ? "dark" : "light";
  for (const figure of document.querySelectorAll("figure[data-figure]")) {
    if (visible(figure) && figure.querySelector(".chart").dataset.shade !== shade) {
      figure.querySelector(".chart").dataset.shade = shade;
      drawFigure(figure);
    }
  }
};
for (const part of document.querySelectorAll("details")) part.addEventListener("toggle", drawVisible);
darkness.addEventListener("change", drawVisible);
// A link into a folded section opens it.
const unfold = () => {
  const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", unfold);
// Also one that was followed before, which changes no address.
for (const link of document.querySelectorAll('a[href^="#"]')) link.addEventListener("click", () => link.hash === location.hash && unfold());
addEventListener("DOMContentLoaded", () => {
  unfold();
  drawVisible();
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  hush();
  for (const each of document.querySelectorAll(".menu[open]")) {
    if (each.contains(document.activeElement)) each.firstChild.focus();
    each.open = false;
  }
});

// tables that the page was written with ------------------------------------------------------------------------------

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const first = head.classList.contains("n") ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? (first === "ascending" ? "descending" : "ascending") : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const value = (row) => {
        const { o } = row.cells[column].dataset;
        const text = row.cells[column].textContent;
        return o === undefined ? (Number.isFinite(Number(text || NaN)) ? Number(text) : text) : o === "" ? null : Number(o);
      };
      const keyed = [...body.rows].map((row) => [value(row), row]);
      body.append(...keyed.sort(([a], [b]) => inOrder(a, b, order === "ascending" ? 1 : -1)).map(([, row]) => row));
    });
  });
}

// Numbers by size, texts as a reader sorts them, what is not known last.
const inOrder = (a, b, sign) => {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
};
