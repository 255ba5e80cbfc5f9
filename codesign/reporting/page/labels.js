// Names of ringed points, in pixels from the corner of the axes: beside the ring or at the end of a line from it, where a name
// covers no mark, ring or other name. Where there is no such place it is left out, and hovering still says it.
const BESIDE = 14;
const DISTANCES = [BESIDE, 24, 36, 52, 70, 90];
const DIRECTIONS = Array.from({ length: 16 }, (_, step) => ((step % 2 ? 1 : -1) * Math.ceil(step / 2) * Math.PI) / 8);
const RING = 9;
const HALF_LETTER = 3.7;

const boxAround = ([x, y], radius) => [x - radius, y - radius, x + radius, y + radius];
const apart = (a, b) => a[0] > b[2] || b[0] > a[2] || a[1] > b[3] || b[1] > a[3];

// A name of a ring at (x, y) in one direction: where its text begins, ends or has its middle, its box, and its line.
const candidate = ([x, y], text, distance, angle) => {
  const [across, down] = [Math.cos(angle), Math.sin(angle)];
  const [dx, dy] = [distance * across, distance * down];
  const side = across > 0.2 ? "left" : across < -0.2 ? "right" : "center";
  const wide = 2 * HALF_LETTER * text.length;
  const left = x + dx - { left: 0, right: wide, center: wide / 2 }[side];
  const line = distance > BESIDE ? [[RING * across, RING * down], [dx - 2 * across, dy - 2 * down]] : [[0, 0], [0, 0]];
  return { side, dx, dy, box: [left, y + dy - 7, left + wide, y + dy + 7], line };
};

// Places of names by ring, or null.
//   rings: [{at: [x, y], text}], the most important first; marks: [{at, radius}]; the plot is `width` by `height`.
const placeNames = (rings, marks, width, height) => {
  const taken = [...rings.map(({ at }) => boxAround(at, RING)), ...marks.map(({ at, radius }) => boxAround(at, radius + 1))];
  const fits = ({ box }) => box[0] >= 0 && box[1] >= 0 && box[2] <= width && box[3] <= height && taken.every((other) => apart(other, box));
  return rings.map(({ at, text }) => {
    const places = DISTANCES.flatMap((distance) => DIRECTIONS.map((angle) => candidate(at, text, distance, angle)));
    const place = (text && places.find(fits)) || null;
    if (place) taken.push(place.box);
    return place;
  });
};
