// Names of ringed points, in pixels from the corner of the axes. A name belongs to one mark: it stands beside its ring where
// no other mark is near, else at the end of a line from it, which crosses marks only where all would. It covers no mark,
// ring, line or other name; where there is no such place it is left out, and hovering still says it.
const BESIDE = 14;
const DISTANCES = [BESIDE, 24, 36, 52, 70, 90, 115, 145];
const DIRECTIONS = Array.from({ length: 32 }, (_, step) => ((step % 2 ? 1 : -1) * Math.ceil(step / 2) * Math.PI) / 16);
const RING = 9;
const ALONE = 30; // pixels from a name beside its ring to the next mark
const HALF_LETTER = 3.7;

const distanceToBox = ([x, y], [left, top, right, bottom]) => Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
const distanceToLine = ([x, y], [[x1, y1], [x2, y2]]) => {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const share = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - x1 - share * dx, y - y1 - share * dy);
};
const along = ([[x1, y1], [x2, y2]]) => Array.from({ length: 9 }, (_, step) => [x1 + (step / 8) * (x2 - x1), y1 + (step / 8) * (y2 - y1)]);
const apart = (a, b) => a[0] > b[2] || b[0] > a[2] || a[1] > b[3] || b[1] > a[3];

// A name of a ring at (x, y) in one direction: where its text begins, ends or has its middle, its box, and its line.
const candidate = ([x, y], text, distance, angle) => {
  const [across, down] = [Math.cos(angle), Math.sin(angle)];
  const end = [x + distance * across, y + distance * down];
  const side = across > 0.2 ? "left" : across < -0.2 ? "right" : "center";
  const wide = 2 * HALF_LETTER * text.length;
  const left = end[0] - { left: 0, right: wide, center: wide / 2 }[side];
  const middle = end[1] + (side === "center" ? 7 * down : 0);
  const line = distance > BESIDE ? [[x + RING * across, y + RING * down], [end[0] - 2 * across, end[1] - 2 * down]] : null;
  return { side, dx: end[0] - x, dy: middle - y, box: [left, middle - 7, left + wide, middle + 7], line };
};

// Places of names by ring.
//   rings: [{at: [x, y], text}], the most important first; marks: [{at, radius}]; the plot is `width` by `height`.
const placeNames = (rings, marks, width, height) => {
  const taken = [];
  const fits = ({ box, line }, own, crossing) => {
    if (box[0] < 0 || box[1] < 0 || box[2] > width || box[3] > height) return false;
    const others = rings.filter((ring) => ring !== own);
    if (rings.some(({ at }) => distanceToBox(at, box) < RING)) return false;
    if (taken.some((each) => !apart(each.box, box) || (each.line && along(each.line).some((at) => distanceToBox(at, box) < 2)))) return false;
    const elsewhere = ({ at }) => Math.hypot(at[0] - own.at[0], at[1] - own.at[1]) > 1;
    if (!line) return marks.every((mark) => distanceToBox(mark.at, box) > (elsewhere(mark) ? ALONE : RING));
    if (others.some(({ at }) => distanceToLine(at, line) < RING + 2)) return false;
    if (taken.some((each) => along(line).some((at) => distanceToBox(at, each.box) < 2 || (each.line && distanceToLine(at, each.line) < 4)))) return false;
    return marks.every((mark) => distanceToBox(mark.at, box) > mark.radius + 1 && (crossing || !elsewhere(mark) || distanceToLine(mark.at, line) > mark.radius));
  };
  return rings.map((ring) => {
    if (!ring.text) return null;
    const places = DISTANCES.flatMap((distance) => DIRECTIONS.map((angle) => candidate(ring.at, ring.text, distance, angle)));
    const place = places.find((each) => fits(each, ring, false)) ?? places.find((each) => fits(each, ring, true)) ?? null;
    if (place) taken.push(place);
    return place;
  });
};
