// The chart of the first screen, redrawn when a control changes and followed by pointer and keyboard.
const chart = { place: $("front"), view: null, cursor: null, order: [], key: "" };

const palette = () => look().range.category;
const colouring = () => facts.get(state.colour);
const shownPoint = (index) => {
  const measure = abscissa();
  const fact = colouring();
  return measure && measure.mean[index] !== null && value("accuracy", index) !== null && !(fact && state.hidden.has(fact.of[index]));
};
const shownPoints = () => everyPoint.filter(shownPoint);
const error = (accuracy) => Math.max(1 - accuracy, data.leastError);
const required = () => {
  if (state.required === null) return [];
  return [{ at: state.vertical === "log" ? error(state.required) : state.required }];
};
const spreadOfErrors = () => {
  const errors = everyPoint.filter((index) => !off.has(index) && value("accuracy", index) !== null).map((index) => error(value("accuracy", index)));
  return Math.max(...errors) / Math.min(...errors);
};
// Least and most of a measure above zero, worked out once.
const ends = (measure) => {
  const known = () => measure.mean.filter((each) => each > 0);
  return (measure.ends ??= [Math.min(...known()), Math.max(...known())]);
};
const sizeOf = (index) => {
  const measure = measures.get(state.size);
  if (!measure) return count > 2000 ? 22 : 70;
  const mean = measure.mean[index];
  if (mean === null || mean <= 0) return 20;
  const [least, most] = ends(measure);
  return most > least ? 25 + (375 * Math.log(mean / least)) / Math.log(most / least) : 70;
};
const rowOf = (index) => ({
  i: index,
  x: abscissa().mean[index],
  a: value("accuracy", index),
  said: count > 2000 ? "" : described(index), // for those who hear the chart; a canvas has no marks
  e: error(value("accuracy", index)),
  c: colouring() ? valueWords(colouring(), colouring().of[index]) : "",
  s: sizeOf(index),
  on: takesPart(index) && withinLimits(index),
});

const axisLabels = (measure, digits) => {
  if (measure.share) return "format(100 * datum.value, '.4~f') + ' %'";
  if (!measure.unit) return "format(datum.value, ',.9~r')";
  if (measure.unit === "m**2") return "format(datum.value * 1e6, ',.9~g') + ' mm²'";
  return `replace(format(datum.value, '.${digits}~s'), regexp('([^0-9.]?)$'), ' $1${measure.unit}')`;
};
// Few round numbers: powers of ten where values span many, steps within them where they do not.
const rounds = (values) => {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const decades = Math.log10(most / least);
  const steps = decades > 2.5 ? [1] : decades > 1.2 ? [1, 3] : [1, 1.5, 2, 3, 4, 5, 6, 8];
  const all = [];
  for (let power = Math.floor(Math.log10(least)) - 1; power <= Math.log10(most) + 1; power += 1) all.push(...steps.map((step) => step * 10 ** power));
  return all.filter((each) => each >= least * 0.9 && each <= most * 1.1);
};
const NARROW = 3;
const ERRORS = [0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.002, 0.001];

// A logarithmic axis is for values above 0 that lie far apart.
const spread = (values) => Math.min(...values) > 0 && Math.max(...values) > NARROW * Math.min(...values);
const axes = (indices) => {
  const measure = abscissa();
  const values = indices.map((index) => measure.mean[index]);
  const logarithmic = state.horizontal === "log" && spread(values);
  const accuracy = { title: "accuracy", labelExpr: "format(100 * datum.value, '.2~f') + ' %'", tickCount: 6 };
  const x = {
    field: "x",
    type: "quantitative",
    scale: { type: logarithmic ? "log" : "linear", padding: 14, nice: false, ...(logarithmic ? {} : { zero: false }) },
    axis: { title: measure.label, labelExpr: axisLabels(measure, new Set(values).size > 1 ? 9 : 3), tickCount: 6, labelOverlap: true, ...(logarithmic ? { values: rounds(values) } : {}) },
  };
  if (state.vertical !== "log") return { x, y: { field: "a", type: "quantitative", scale: { type: "linear", zero: false, nice: true, padding: 8 }, axis: accuracy } };
  const labelExpr = "format(100 * (1 - datum.value), '.4~f') + ' %'";
  return { x, y: { field: "e", type: "quantitative", scale: { type: "log", reverse: true, nice: false, padding: 10 }, axis: { ...accuracy, labelExpr, values: ERRORS } } };
};

const specification = ({ legend = false, colours = look() } = {}) => {
  const title = `Accuracy against ${abscissa().label}`;
  const indices = shownPoints();
  const whole = indices.filter((index) => !inPart(index));
  const names = colouring() ? [...new Set(colouring().of)].sort((a, b) => a - b).map((code) => valueWords(colouring(), code)) : [""];
  const { x, y } = axes(indices);
  const keyed = (items) => ({
    field: "c",
    type: "nominal",
    scale: { domain: names, range: names.map((_, place) => items[place % items.length]) },
    legend: legend && names.length > 1 ? { title: colouring().label } : null,
  });
  const ink = colours.axis.titleColor;
  const best = { data: { name: "best" }, encoding: { x, y } };
  const named = { type: "text", aria: false, align: { expr: "datum.side" }, dx: { expr: "datum.dx" }, dy: { expr: "datum.dy" }, fontSize: 12, fontWeight: 600, color: ink };
  const offsets = { xOffset: { expr: "datum.sx" }, yOffset: { expr: "datum.sy" }, x2Offset: { expr: "datum.ex" }, y2Offset: { expr: "datum.ey" } };
  const datasets = { points: whole.map(rowOf), part: indices.filter(inPart).map(rowOf), front: frontOf(indices).map(rowOf), best: bestRows(decide()), need: required() };
  const layers = [
    { data: { name: "front" }, mark: { type: "line", aria: false, interpolate: rising() ? "step-before" : "step-after", strokeWidth: 1.5, color: ink, opacity: 0.35 }, encoding: { x, y, order: { field: "x", type: "quantitative" } } },
    { data: { name: "need" }, mark: { type: "rule", aria: false, strokeDash: [5, 4], strokeWidth: 1.2, color: ink, opacity: 0.6 }, encoding: { y: { ...y, field: "at" } } },
    ...["points", "part"].map((name) => ({
      data: { name },
      mark: name === "part" ? { type: "point", filled: false, strokeWidth: 1.6 } : { type: "point", filled: true, strokeWidth: 0.6, stroke: colours.background },
      encoding: { x, y, description: { field: "said" }, color: keyed(colours.range.category), shape: keyed(GLYPHS), size: { field: "s", type: "quantitative", scale: null, legend: null }, opacity: { condition: { test: "datum.on && datum.a >= need - 1e-9", value: 0.85 }, value: 0.22 } },
    })),
    { ...best, mark: { type: "rule", aria: false, color: ink, opacity: 0.7, ...offsets }, encoding: { x, y, x2: { field: "x" }, y2: { field: y.field } } },
    { ...best, mark: { type: "point", aria: false, filled: false, size: 230, strokeWidth: 1.8, color: ink, opacity: 1 } },
    { ...best, mark: named, encoding: { x, y, text: { field: "label", type: "nominal" } } },
  ];
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    description: title,
    ...(legend ? { title } : {}),
    width: "container",
    height: "container",
    autosize: { type: "fit", contains: "padding" },
    params: [{ name: "need", value: state.required ?? 0 }],
    datasets,
    layer: layers.filter(({ data: { name } }) => datasets[name].length > 0),
  };
};

const ringed = (rows) => {
  const chosen = [...rows.slice(0, MOST_ROWS).map((row) => row.point), ...state.pinned].filter((index) => index !== null);
  return [...new Set(chosen)].filter(shownPoint);
};
// The ringed points with their names, and lines to those (from sx, sy to ex, ey beside the mark), once there are axes.
const bestRows = (rows) => {
  const labels = new Map(rows.slice(0, MOST_ROWS).map((row) => [row.point, row.label]));
  const indices = ringed(rows);
  const rings = chart.view ? indices.map((index) => ({ at: within(index), text: labels.get(index) ?? "" })) : [];
  const marks = chart.view ? chart.order.map((index) => ({ at: within(index), radius: Math.sqrt(sizeOf(index) / Math.PI) })) : [];
  const places = chart.view ? placeNames(rings, marks, chart.view.width(), chart.view.height()) : [];
  return indices.map((index, ring) => {
    const { side = "left", dx = 0, dy = 0, line: [[sx, sy], [ex, ey]] = [[0, 0], [0, 0]] } = places[ring] ?? {};
    return { ...rowOf(index), label: places[ring] ? rings[ring].text : "", side, dx, dy, sx, sy, ex, ey };
  });
};

// Where a point lies, in pixels from the corner of the axes, and from that of the chart.
const within = (index) => [
  chart.view.scale("x")(abscissa().mean[index]),
  chart.view.scale("y")(state.vertical === "log" ? error(value("accuracy", index)) : value("accuracy", index)),
];
const placed = (index) => {
  const padding = chart.view.padding();
  const corner = chart.view.origin().map((each, side) => each + (typeof padding === "number" ? padding : [padding.left, padding.top][side]));
  return within(index).map((each, side) => corner[side] + each);
};

// Rings are buttons, so that Tab reaches them; arrows go on to every other point.
const showMarks = (rows) => {
  const marks = $("marks");
  const focused = document.activeElement?.parentElement === marks ? Number(document.activeElement.dataset.point) : null;
  const indices = ringed(rows);
  if (chart.cursor !== null && shownPoint(chart.cursor) && !indices.includes(chart.cursor)) indices.push(chart.cursor);
  marks.replaceChildren(
    ...indices.map((index) => {
      const [left, top] = placed(index);
      const mark = element("button", {
        type: "button",
        "aria-label": described(index),
        "aria-pressed": String(state.pinned.includes(index)),
        "data-point": index,
        onclick: () => togglePin(index),
        onfocus: () => tellPoint(index),
        onblur: hush,
        onmouseenter: () => tellPoint(index),
        onmouseleave: hush,
      });
      mark.style.left = `${left}px`;
      mark.style.top = `${top}px`;
      return mark;
    }),
  );
  if (focused !== null) marks.querySelector(`[data-point="${focused}"]`)?.focus({ preventScroll: true });
};

const tellPoint = (index) => {
  const [left, top] = placed(index);
  const box = chart.place.getBoundingClientRect();
  tellAt(index, box.left + left, box.top + top);
};
const tellAt = (index, x, y) => {
  const lines = data.facts.filter((fact) => fact.naming && word(fact, index) !== "").map((fact) => [fact.label, word(fact, index)]);
  if (whyFaint(index)) lines.push(["not ranked", whyFaint(index)]);
  const values = shownMeasures().map((measure) => [measure.label, withHalf(measure, index)]);
  const meaning = values.some(([, text]) => text.includes("±")) ? [["±", "95 % over training seeds, on the same test samples"]] : [];
  say([...lines, ...values, ...meaning], x, y);
};

$("marks").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (!step || !event.target.dataset.point) return;
  event.preventDefault();
  const place = chart.order.indexOf(Number(event.target.dataset.point));
  chart.cursor = chart.order[(place + step + chart.order.length) % chart.order.length];
  showMarks(decide());
  $("marks").querySelector(`[data-point="${chart.cursor}"]`)?.focus({ preventScroll: true });
});

const light = (index) => {
  for (const mark of $("marks").children) mark.classList.toggle("lit", Number(mark.dataset.point) === index);
};

const showLegend = () => {
  const fact = colouring();
  const used = fact ? [...new Set(fact.of)].sort((a, b) => a - b) : [];
  const entries = used.slice(0, 12).map((code, place) => {
    const glyph = element("span", { class: `glyph ${GLYPHS[place % GLYPHS.length]}`, "aria-hidden": "true" });
    glyph.style.setProperty("--colour", palette()[place % palette().length]);
    return element(
      "button",
      {
        type: "button",
        title: fact.codes[code],
        "aria-pressed": String(!state.hidden.has(code)),
        onclick: () => {
          if (!state.hidden.delete(code)) state.hidden.add(code);
          refresh();
        },
      },
      glyph,
      valueWords(fact, code),
    );
  });
  const sized = measures.get(state.size);
  const sizes = sized ? `Size: ${sized.label} from ${ends(sized).map((end) => written(sized, end)).join(" to ")}` : "";
  const drawn = shownPoints();
  const reasons = [...new Set(drawn.map(whyFaint))].filter(Boolean);
  const notes = [
    frontOf(drawn).length > 1 ? "Line: front." : "",
    ...drawn.map((index) => data.violating[index] ?? ""),
    state.horizontal === "log" && drawn.length && !spread(drawn.map((index) => abscissa().mean[index])) ? "x is linear: a value is 0, or all are close together." : "",
    reasons.length ? `Faint: ${reasons.join("; ")}.` : "",
  ];
  const others = used.length > 12 ? `and ${used.length - 12} more` : "";
  keepingFocus($("legend"), () => $("legend").replaceChildren(...(used.length > 1 ? entries : []), others, element("span", {}, sizes), element("span", {}, notes.filter(Boolean).join(" "))));
};

// Embedding takes a while, so it is left out where only the requirement or pins changed.
const drawFront = async (rows) => {
  const measure = abscissa();
  const key = JSON.stringify([asked.name, measure?.key, state.book, state.horizontal, state.vertical, state.colour, state.size, [...state.hidden], state.required === null, ringed(rows).length > 0, darkness.matches]);
  if (!everyPoint.some(shownPoint)) {
    chart.view?.finalize();
    Object.assign(chart, { view: null, key: "" });
    chart.place.textContent = state.hidden.size ? "All points are switched off." : "Nothing is known that accuracy could be drawn against.";
    $("marks").replaceChildren();
    return;
  }
  if (key !== chart.key) {
    chart.key = key;
    const { view } = await draw(chart.place, specification(), count > 2000 ? "canvas" : "svg");
    if (key !== chart.key) return; // another change came meanwhile
    chart.view = view;
    chart.ringed = ringed(rows).length > 0;
    chart.order = shownPoints().sort((a, b) => measure.mean[a] - measure.mean[b]);
    view.addEventListener("mouseover", (event, item) => {
      if (item?.datum?.i !== undefined) tellAt(item.datum.i, event.clientX, event.clientY);
    });
    view.addEventListener("mouseout", hush);
    view.addEventListener("click", (_, item) => {
      if (item?.datum?.i !== undefined) togglePin(item.datum.i);
    });
  }
  const { view } = chart;
  view.signal("need", state.required ?? 0);
  if (state.required !== null) view.data("need", required());
  if (chart.ringed) view.data("best", bestRows(rows));
  const best = rows.find(isRanked);
  const finding = best && shownPoint(best.point) ? `. ${aim()}: ${described(best.point)}` : "";
  view.description(`Accuracy against ${measure.label}${finding}`);
  await view.runAsync();
  showMarks(rows);
};

let drawing = Promise.resolve();
const refresh = () => {
  setMade();
  const rows = decide();
  showTable(rows);
  sayNow(rows);
  showLegend();
  $("reset").hidden = unchanged();
  drawing = drawing.then(() => drawFront(rows)).then(() => {
    if (!performance.getEntriesByName("drawn").length) performance.mark("drawn");
    document.documentElement.dataset.drawn = "yes";
  });
  return drawing;
};

// controls -----------------------------------------------------------------------------------------------------------

const requiredInputs = [$("required"), $("required-number")];
const setRequired = (percent, from) => {
  if (!Number.isFinite(percent)) return;
  state.required = percent <= Number(requiredInputs[0].min) ? null : Math.min(percent, 100) / 100;
  if (asked.required !== null && Math.abs(percent - 100 * asked.required) < 0.051) state.required = asked.required;
  for (const input of requiredInputs) if (input !== from) input.value = percent.toFixed(1);
  refresh();
};
for (const input of requiredInputs) input.addEventListener("input", () => setRequired(Number.parseFloat(input.value), input));

const radio = (name, code, text) => element("label", {}, element("input", { type: "radio", name, value: code }), element("span", {}, text));
const radiosOf = (name) => [...document.querySelectorAll(`#page-controls input[name="${name}"], #front-figure input[name="${name}"]`)];
const sync = () => {
  for (const name of ["objective", "book", "horizontal", "vertical"]) {
    for (const input of radiosOf(name)) input.checked = input.value === state[name];
  }
  for (const input of requiredInputs) input.value = state.required === null ? input.min : (100 * state.required).toFixed(1);
  $("colour").value = state.colour;
};
const setUp = () => {
  setMade();
  const known = (key) => measures.get(key)?.mean.some((each) => each !== null);
  $("objectives").append(...data.objectives.map((key) => radio("objective", key, measures.get(key).label)));
  $("books").hidden = !known("energy_cores_in_use_j");
  for (const name of ["objective", "book", "horizontal", "vertical"]) {
    for (const input of radiosOf(name)) {
      input.addEventListener("change", () => {
        state[name] = input.value;
        refresh();
      });
    }
  }
  const fill = (select, entries, name) => {
    select.replaceChildren(...entries.map(([code, text]) => element("option", { value: code }, text)));
    select.addEventListener("change", () => {
      state[name] = select.value;
      if (name === "colour") state.hidden.clear();
      refresh();
    });
  };
  fill($("colour"), naming.map((fact) => [fact.key, fact.label]), "colour");
  const sizes = ["latency_s", "area_m2", "energy_j"].filter(known).map((key) => [key, measures.get(key).label]);
  fill($("size"), [["", "all alike"], ...sizes], "size");
};

const ask = (place) => {
  begin(data.asked[place]);
  for (const button of document.querySelectorAll("button[data-asked]")) {
    const own = Number(button.dataset.asked) === place;
    button.setAttribute("aria-pressed", String(own));
    button.closest(".answer").classList.toggle("open", own);
  }
  sync();
  return refresh();
};
for (const button of document.querySelectorAll("button[data-asked]")) button.addEventListener("click", () => ask(Number(button.dataset.asked)));
$("page-controls").addEventListener("submit", (event) => event.preventDefault());
$("reset").addEventListener("click", () => {
  ask(data.asked.indexOf(asked));
  $("required").focus();
});
$("chart-tools").append(
  menu(
    "accuracy-and-cost",
    () => specification({ legend: true, colours: looks.light }),
    () => shownPoints().map((index) => ({
      point: data.numbers[index],
      ...Object.fromEntries(data.facts.map((fact) => [fact.key, fact.codes[fact.of[index]]])),
      accuracy: value("accuracy", index),
      [abscissa().key]: abscissa().mean[index],
      ...(abscissa().least ? { [`${abscissa().key}_is_least`]: String(abscissa().least.includes(index)) } : {}),
    })),
  ),
);
darkness.addEventListener("change", refresh);
const fit = async () => {
  dispatchEvent(new Event("resize")); // Vega looks at its place only then
  await chart.view?.runAsync();
  await refresh(); // names have other places, too
};
new ResizeObserver(() => chart.view && requestAnimationFrame(fit)).observe(chart.place);
setUp();
state.vertical = spreadOfErrors() > 8 ? "log" : "linear";
ask(0);
