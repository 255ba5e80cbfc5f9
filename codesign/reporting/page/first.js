// The first screen: controls, chart, decision table and pinned points, all from one block of columns.
const data = read("points");
const facts = new Map(data.facts.map((fact) => [fact.key, fact]));
const measures = new Map(data.measures.map((measure) => [measure.key, measure]));
let asked = data.asked[0]; // the question that chart and table are about
const count = data.numbers.length;
const everyPoint = [...data.numbers.keys()]; // points are given by their positions
const MOST_ROWS = 8;
const MOST_PINNED = 4;
const GLYPHS = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"];

const state = {
  required: null, // share of samples that must be right; null for any
  objective: "",
  book: data.book,
  horizontal: "log",
  vertical: "linear",
  colour: "",
  size: "",
  hidden: new Set(), // values of the fact that colours, switched off in the legend
  pinned: [],
};
const begin = (question) => {
  asked = question;
  Object.assign(state, { required: asked.required ?? null, objective: asked.objective, book: data.book });
  state.colour = facts.get(asked.by)?.codes.length > 1 ? asked.by : (data.facts[0]?.key ?? "");
  state.hidden.clear();
};

const value = (key, index) => measures.get(key)?.mean[index] ?? null;
const energyKey = () => (state.book === "cores_in_use" && measures.has("energy_cores_in_use_j") ? "energy_cores_in_use_j" : "energy_j");
// A product or power of an energy has a mean for each book: as in the answers, that of the seeds' products or powers.
const setMade = () => {
  for (const own of data.measures.filter(({ inUse }) => inUse)) measures.set(own.key, state.book === "cores_in_use" ? { ...own, mean: own.inUse } : own);
};
const ofObjective = (key) => measures.get(key === "energy_j" ? energyKey() : key);
const deciding = () => ofObjective(state.objective);
const more = () => (state.objective === asked.objective ? asked.more : Boolean(deciding()?.more));
const extreme = () => (deciding()?.counted ? (more() ? "most" : "fewest") : more() ? "highest" : "least");
const aim = () => `${extreme()} ${deciding()?.label ?? state.objective}`;
// What the chart shows along x. No point may have the deciding measure, nor an energy.
const abscissa = () => (state.objective === "accuracy" ? null : deciding()) ?? ofObjective("energy_j") ?? ofObjective("accuracy");

const word = (fact, index) => fact.words[fact.of[index]];
const valueWords = (fact, code) => fact.words[code] || "others"; // of points that the axis does not touch
const by = () => facts.get(asked.by);
const naming = data.facts.filter((fact) => fact.naming);
// The facts that tell a point from others of its option; those that the whole option shares say nothing.
const told = (index) => {
  const own = by();
  return naming.filter((fact) => {
    if (fact === own || word(fact, index) === "") return false;
    if (!own) return true;
    const key = `${own.key} ${own.of[index]} ${fact.key}`;
    if (!(key in varies)) varies[key] = fact.of.some((code, other) => own.of[other] === own.of[index] && code !== fact.of[index]);
    return varies[key];
  });
};
const varies = {};
const inWords = (fact, index) => (fact.lead ? `${fact.lead} ${word(fact, index)}` : word(fact, index));
const partsOf = (index) => [...new Set([...told(index).map((fact) => inWords(fact, index)), onCores(index)])].filter(Boolean);
const variant = (index) => partsOf(index).join(", ");
const onCores = (index) => (facts.get("cores") && word(facts.get("cores"), index) ? `on ${word(facts.get("cores"), index)}` : "");
const codes = (index) => naming.map((fact) => `${fact.label}: ${fact.codes[fact.of[index]]}`).join("\n");
const optionOf = (index) => (by() ? word(by(), index) : `point ${data.numbers[index]}`);
const MOST_SHOWN = 5; // as many as there is room for; what decides comes first
const shownMeasures = () =>
  [...new Set([deciding()?.key, "accuracy", ...asked.limits.map(([key]) => key), energyKey(), "latency_s", "area_m2"])]
    .map((key) => measures.get(key))
    .filter(Boolean)
    .slice(0, MOST_SHOWN);
const described = (index) =>
  [optionOf(index), variant(index), ...shownMeasures().map((measure) => `${measure.label} ${writtenAt(measure, index)}`)]
    .filter(Boolean)
    .join(", ");

// which points decide ------------------------------------------------------------------------------------------------

const off = new Map(Object.entries(data.off).flatMap(([why, places]) => places.map((place) => [place, why])));
const members = () => (asked.memberSet ??= asked.members ? new Set(asked.members) : null);
const takesPart = (index) => members()?.has(index) ?? !off.has(index);
const holds = { ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, "<": (a, b) => a < b };
const accurate = (index) => state.required === null || (value("accuracy", index) ?? -1) >= state.required - 1e-9;
const withinLimits = (index) =>
  asked.limits.every(([key, relation, limit]) => {
    const mean = ofObjective(key)?.mean[index] ?? null; // an energy in the book that is chosen
    return mean !== null && holds[relation](mean, limit[state.book]);
  });
const meets = (index) => accurate(index) && withinLimits(index);
// Why a point of the chart is faint; empty if it is not.
const whyFaint = (index) => {
  if (!takesPart(index)) return off.get(index) ?? "not asked for";
  if (!withinLimits(index)) return "beyond a limit of the question";
  return accurate(index) ? "" : "not accurate enough";
};
const unchanged = () => (state.required ?? -1) === (asked.required ?? -1) && state.objective === asked.objective && state.book === data.book;

const madeOfEnergy = (key) => key === "energy_j" || Boolean(measures.get(key)?.inUse);
const byTerm = () => madeOfEnergy(state.objective);
const ofEnergy = (key) => key === "energy_cores_in_use_j" || madeOfEnergy(key);
const groups = () => data.groups[state.book];
const groupOf = (index) => groups().of[index];
// Whether the energy on the chart leaves out terms that are much of another's: such a point's mark is hollow.
const inPart = (index) => abscissa()?.unit === "J" && groups().part[groupOf(index)];
// A number for each group of points: where two have the same, their values of a measure compare.
const comparing = ({ key, unit }) => {
  const part = /^[JW]/.test(unit) ? "paper_energy_j" : ["", "m**2"].includes(unit) ? "accuracy" : "latency_s";
  return groups().compare[ofEnergy(key) ? "energy_j" : part];
};
// The deciding value of a point for a comparison with another, as in the answers: on the terms and over the seeds that both have.
const against = (index, other) => {
  const mean = deciding().mean[index];
  const [own, others] = [groupOf(index), groupOf(other)];
  if (own === others) return mean;
  const alike = comparing(byTerm() ? { unit: "s" } : deciding()); // who run alike, at least
  if (alike[own] !== alike[others]) return null;
  const held = groups().held[state.objective]?.[others][index] ?? !byTerm();
  return typeof held === "number" ? held : held ? mean : null;
};
const beats = (a, b) => {
  const [one, other] = [against(a, b), against(b, a)];
  return one !== null && other !== null && (more() ? one > other : one < other);
};

// The points that no other beats in both, among the largest group that compares, as `comparison_group` of the program,
// without a baseline that violates constraints of its study.
const rising = () => state.objective !== "accuracy" && more(); // more of what is along x is better
const frontOf = (indices) => {
  const measure = abscissa();
  const sign = rising() ? -1 : 1;
  const kinds = new Map();
  for (const index of indices.filter((index) => takesPart(index) && !data.violating[index])) {
    const kind = comparing(measure)[groupOf(index)];
    kinds.set(kind, [...(kinds.get(kind) ?? []), index]);
  }
  const largest = [...kinds.values()].sort((a, b) => b.length - a.length)[0] ?? [];
  const front = [];
  let best = -1;
  for (const index of [...largest].sort((a, b) => sign * (measure.mean[a] - measure.mean[b]) || value("accuracy", b) - value("accuracy", a))) {
    if (value("accuracy", index) > best) {
      best = value("accuracy", index);
      front.push(index);
    }
  }
  return front;
};

// Below 0 if point a goes before b; ties are broken as in the answers.
const TIES = [["accuracy", true], ["energy_j", false], ["latency_s", false], ["area_m2", false]];
const inPlaces = (a, b, first = [state.objective, more()]) => {
  for (const [key, rising] of [first, ...TIES]) {
    const [one, other] = [a, b].map((index) => ofObjective(key)?.mean[index] ?? (rising ? -Infinity : Infinity));
    if (one !== other) return one < other === rising ? 1 : -1;
  }
  return a - b;
};
// Of energies, only those with the most terms: one that lacks a term only looks cheap.
const wholest = (indices) => {
  const most = Math.max(...indices.map((index) => groups().terms[groupOf(index)]));
  return ofEnergy(state.objective) ? indices.filter((index) => groups().terms[groupOf(index)] === most) : indices;
};
// The name of an option, as in the answer, unless that names points or sides: an option may then be at its best elsewhere.
const called = (option) => {
  if (!by()) return `point ${data.numbers[option]}`;
  const said = !asked.ofPoints && asked.rows.find(({ point }) => point !== null && by().of[point] === option);
  return said ? said.label : inWords(by(), by().of.indexOf(option));
};

const whatSetsApart = (index, other) => {
  const fact = ["workload", "operation"].map((key) => facts.get(key)).find((each) => each && each.of[index] !== each.of[other]);
  return fact ? inWords(fact, index) : `counts ${groups().names[groupOf(index)]}`;
};

const compare = (row, other) => against(row.point, other.point) !== null && against(other.point, row.point) !== null;
// Rows that all compare, chosen as in the answers: those that compare with most others first, then the better ones.
const allComparing = (rows) => {
  const apart = new Map(rows.map((row) => [row, rows.filter((other) => !compare(row, other)).length]));
  const chosen = [];
  for (const row of [...rows].sort((a, b) => apart.get(a) - apart.get(b))) if (chosen.every((other) => compare(row, other))) chosen.push(row);
  return chosen;
};

// Each option at the best of its variants that meet the requirement; those that compare first, the best first.
const decide = () => {
  if (unchanged() && asked.rows.length) return asked.rows;
  const measure = deciding();
  const options = new Map();
  for (const index of everyPoint) {
    const name = by() ? by().of[index] : index;
    if (!takesPart(index) || (by() && by().codes[name] === "")) continue;
    if (!options.has(name)) options.set(name, []);
    options.get(name).push(index);
  }
  const rows = [...options].map(([option, indices]) => {
    const label = called(option);
    const able = indices.filter(meets);
    const known = able.filter((index) => measure && measure.mean[index] !== null);
    if (known.length) return { label, point: wholest(known).sort((a, b) => inPlaces(a, b))[0], obstacle: "" };
    const [top] = (able.length ? able : indices).sort((a, b) => inPlaces(a, b, ["accuracy", true]));
    if (able.length) return { label, point: top, obstacle: `no ${measure?.label ?? "value"} is modelled` };
    const accuracy = value("accuracy", top) ?? 0;
    return { label, point: top, obstacle: accuracy < state.required ? `at most ${inPercent(accuracy)} % right` : "misses a limit of the question" };
  });
  const known = rows.filter((row) => !row.obstacle).sort((a, b) => inPlaces(a.point, b.point));
  const ranked = allComparing(known);
  for (const row of ranked) row.beaten = ranked.filter((other) => other !== row && beats(row.point, other.point)).length;
  ranked.sort((a, b) => b.beaten - a.beaten || inPlaces(a.point, b.point));
  const first = ranked[0];
  const circular = ({ point }) => 2 * beats(point, first.point) + beats(first.point, point); // what beats the best comes last
  ranked.push(...ranked.splice(1).sort((a, b) => circular(a) - circular(b)));
  for (const row of ranked) {
    const [one, best] = [against(row.point, first.point), against(first.point, row.point)];
    const [own, other] = [row, first].map(({ point }) => groups().compare.energy_j[groupOf(point)]);
    row.factor = best > 0 && one > 0 ? (more() ? best / one : one / best) : null;
    if (byTerm() && own !== other) row.obstacle = "on the terms that both have";
  }
  const apart = known.filter((row) => !ranked.includes(row));
  for (const row of apart) row.obstacle = `does not compare: ${whatSetsApart(row.point, ranked.find((other) => !compare(row, other)).point)}`;
  return [...ranked, ...apart, ...rows.filter((row) => !known.includes(row))];
};

// Changes a part of the page. The keyboard stays at its button there, or goes to the last one left.
const keepingFocus = (place, change) => {
  const buttons = () => [...place.querySelectorAll("button")];
  const focused = buttons().indexOf(document.activeElement);
  change();
  if (focused >= 0) (buttons()[focused] ?? buttons().at(-1) ?? $("decision").parentElement).focus({ preventScroll: true });
};

// the decision table -------------------------------------------------------------------------------------------------

// The columns that have values; one with the same value in all rows becomes a line below the table.
const split = (columns, rows) => {
  const lines = [];
  const kept = columns.filter(({ label, cells, beside }) => {
    const known = cells.filter((each) => each !== "" && each !== UNKNOWN);
    if (beside) return true;
    if (!known.length) return false;
    if (rows < 2 || known.length < rows || new Set(known).size > 1) return true;
    lines.push(`${label} ${known[0]}`);
    return false;
  });
  return [kept, lines];
};

const factorText = (row, rows) => {
  if (row === rows[0]) return "best";
  const [own, best] = [[row, rows[0]], [rows[0], row]].map(([{ point }, other]) => against(point, other.point) ?? deciding().mean[point]);
  if (own === best) return "the same";
  if (deciding().share) return `${inPercent(own - best).replace("-", "−")} points`;
  if (row.factor === null) return ""; // one of them is 0
  return Math.abs(row.factor - 1) < 0.0005 ? "the same" : `${digits(row.factor)} ×`;
};
const HOW_OFTEN = "how often best";
// Explicit roles, since a narrow screen shows rows as blocks.
const dataCell = ({ label, cells, beside }, place) => {
  const text = cells[place] || UNKNOWN;
  return element("td", { role: "cell", class: text === UNKNOWN ? "n unknown" : "n", "data-label": label }, text, beside?.[place] ? element("small", {}, beside[place]) : null);
};
const isRanked = (row) => row.point !== null && (!row.obstacle || (row.factor ?? null) !== null); // no factor of 0
const showTable = (rows) => {
  $("decision").parentElement.hidden = !rows.length;
  const shown = rows.slice(0, MOST_ROWS);
  const points = shown.filter((row) => row.point !== null);
  const parts = points.map((row) => partsOf(row.point).filter((text) => isRanked(row) || text !== onCores(row.point)));
  const alike = new Set(points.length > 1 ? parts[0].filter((text) => parts.every((others) => others.includes(text))) : []);
  const values = (measure) => points.map(({ point }) => writtenAt(measure, point));
  const columns = [
    ...[deciding()].filter(Boolean).map((measure) => ({ label: aim(), cells: values(measure), beside: points.map((row) => (isRanked(row) ? factorText(row, points) : "not ranked")) })),
    ...shownMeasures().filter((measure) => measure !== deciding()).map((measure) => ({ label: measure.label, cells: values(measure) })),
    { label: HOW_OFTEN, cells: points.map(({ wins }) => wins ?? "") },
  ];
  const [kept, lines] = split(columns, points.length);
  const table = $("decision");
  table.tHead.replaceChildren(
    element("tr", { role: "row" }, element("th", { scope: "col", role: "columnheader" }, by()?.label ?? "point"), ...kept.map(({ label }) => element("th", { scope: "col", role: "columnheader", class: "n", title: label === HOW_OFTEN ? "over training seeds and the ranges of the chips' numbers" : "" }, label))),
  );
  const line = (row) => {
    const { point, obstacle } = row;
    if (point === null) {
      return element("tr", { role: "row", class: "beside" }, element("th", { scope: "row", role: "rowheader" }, row.label), element("td", { role: "cell", colspan: kept.length }, obstacle));
    }
    const shared = isRanked(row) && obstacle; // a long list of terms, which hovering gives
    const more = [parts[points.indexOf(row)].filter((text) => !alike.has(text)).join(", "), shared ? "on shared terms" : ""].filter(Boolean).join("; ");
    const pin = element("button", { type: "button", "aria-pressed": String(state.pinned.includes(point)), title: codes(point), onclick: () => togglePin(point) }, row.label);
    const made = element(
      "tr",
      { role: "row", class: isRanked(row) ? "" : "beside" },
      element("th", { scope: "row", role: "rowheader" }, pin, more ? element("small", { title: shared ? obstacle : "" }, more) : null),
      ...kept.map((column) => dataCell(column, points.indexOf(row))),
    );
    made.addEventListener("mouseenter", () => light(point));
    made.addEventListener("mouseleave", () => light(null));
    if (!obstacle || shared) return made;
    return [made, element("tr", { role: "row", class: "beside why" }, element("td", { role: "cell", colspan: kept.length + 1, title: obstacle }, obstacle.split(";")[0]))];
  };
  keepingFocus(table, () => table.tBodies[0].replaceChildren(...shown.flatMap(line)));
  const further = rows.length - MOST_ROWS;
  const left = further > 0 ? `Further options, in the table of all points: ${further}.` : "";
  const cores = [...alike].find((text) => text === onCores(points[0].point)); // in a sentence of its own: few numbers in each
  const same = [...alike].filter((text) => text !== cores);
  const factors = points.map(({ factor }) => factor ?? null).filter((each) => each !== null);
  const falling = factors.some((each, place) => each < factors[place - 1]);
  const order = falling ? "Rows that beat more of the others come first. Two rows are compared on the terms that both have, so a smaller factor may be lower down." : "";
  const hollow = everyPoint.some((index) => takesPart(index) && inPart(index)) ? "Hollow: energy terms are missing." : "";
  $("decision-line").textContent = [same.length ? `In all rows: ${same.join(", ")}.` : "", cores ? `All ${cores}.` : "", ...lines.map((text) => `All have ${text}.`), order, left, hollow].filter(Boolean).join(" ");
};

// A sentence on the table, if the settings are not those of the file.
const sayNow = (rows) => {
  const place = $("now");
  place.textContent = "";
  if (unchanged()) return;
  const [first, second] = rows.filter(isRanked);
  const shared = second?.obstacle ? " on shared terms" : "";
  const limit = state.required === null ? "" : ` at ${Number((100 * state.required).toFixed(6))} % right or more`;
  const best = first ? `: ${first.label} has the ${aim()}${shared}${limit}. By means alone; how sure is worked out for the question as asked` : ` nothing that compares is left${limit}`;
  place.textContent = `With these settings${best}.`;
};

// pinned points ------------------------------------------------------------------------------------------------------

const togglePin = (index) => {
  if (index === null) return;
  const place = state.pinned.indexOf(index);
  if (place >= 0) state.pinned.splice(place, 1);
  else state.pinned = [...state.pinned.slice(-(MOST_PINNED - 1)), index];
  keepingFocus($("pinned"), showPinned);
  refresh();
  for (const row of document.querySelectorAll("tr[data-point]")) {
    const pinned = state.pinned.includes(Number(row.dataset.point));
    row.classList.toggle("lit", pinned);
    row.querySelector("button").setAttribute("aria-pressed", String(pinned));
  }
};

const showPinned = () => {
  const place = $("pinned");
  place.replaceChildren();
  place.hidden = !state.pinned.length;
  if (place.hidden) return;
  const named = naming.filter((fact) => (state.pinned.length < 2 || new Set(state.pinned.map((index) => fact.of[index])).size > 1));
  const line = (label, cells) => element("tr", {}, element("th", { scope: "row" }, label), ...cells.map((text) => element("td", { class: "n" }, text)));
  const all = [...measures.values()].filter((measure) => measure.first && state.pinned.some((index) => measure.mean[index] !== null));
  const unpin = (index) => element("button", { type: "button", title: codes(index), "aria-label": `Unpin ${optionOf(index)}, ${variant(index)}`, onclick: () => togglePin(index) }, `${optionOf(index)} ✕`);
  const head = element("tr", {}, element("td"), ...state.pinned.map((index) => element("th", { scope: "col", class: "n" }, unpin(index))));
  const told = named.filter((fact) => fact.key !== asked.by).map((fact) => line(fact.label, state.pinned.map((index) => word(fact, index) || UNKNOWN)));
  const measured = all.map((measure) => line(measure.label, state.pinned.map((index) => withHalf(measure, index))));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...told, ...measured));
  place.replaceChildren(element("h2", {}, state.pinned.length > 1 ? "Pinned, side by side" : "Pinned"), table);
};
