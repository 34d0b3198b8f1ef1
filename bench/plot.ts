// A plot as SVG: lines over two logarithmic axes. Pure: numbers in, text out. It has no background, and its colours
// differ enough on light and on dark ones.

export interface Line {
  readonly label: string;
  /** A CSS colour for light backgrounds, and one for dark ones. */
  readonly colors: readonly [light: string, dark: string];
  readonly dashed?: boolean;
  /** In the order of x, and greater than zero. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface PlotOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** The ticks of the x axis. */
  readonly xTicks: readonly number[];
}

const WIDTH = 760;
const HEIGHT = 440;
/** Room for the labels. Those of the lines are at the right. */
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 190, 44, 52];
/** The minimum distance between the labels of two lines. */
const LABEL_HEIGHT = 16;

/** Ticks of the y axis: three for each power of ten. */
const STEPS = [1, 2, 5];

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Ticks from one below all values to one above. */
function ticksFor(values: readonly number[]): number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    // Not 10 ** power: below 1 that differs from the decimal number.
    for (const step of STEPS) ticks.push(Number(`${step}e${power}`));
  }
  const first = ticks.findLastIndex((tick) => tick <= least);
  const last = ticks.findIndex((tick) => tick >= most);
  return ticks.slice(first, Math.max(last, first + 1) + 1);
}

/** Moves labels down that are too close to the one above. */
function spread(labels: { y: number }[]): void {
  labels.sort((a, b) => a.y - b.y);
  labels.forEach((label, i) => {
    const above = labels[i - 1];
    if (above) label.y = Math.max(label.y, above.y + LABEL_HEIGHT);
  });
}

/** The plot as an SVG file. Lines without points are left out. */
export function plot(all: readonly Line[], { title, x, y, xTicks }: PlotOptions): string {
  const lines = all.filter(({ points }) => points.length > 0);
  if (lines.length === 0) throw new RangeError("Cannot plot: no line has a point");
  const yTicks = ticksFor(lines.flatMap(({ points }) => points.map(([, value]) => value)));
  const scale = (value: number, ticks: readonly number[]) => {
    const [low, high] = [Math.log(ticks[0]!), Math.log(ticks.at(-1)!)];
    return high === low ? 0.5 : (Math.log(value) - low) / (high - low);
  };
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const px = (value: number) => Math.round(LEFT + scale(value, xTicks) * (right - LEFT));
  const py = (value: number) => Math.round(bottom - scale(value, yTicks) * (bottom - TOP));

  const grid = [
    ...xTicks.map((tick) =>
      `<path class="grid" d="M${px(tick)} ${TOP}V${bottom}"/>` +
      `<text x="${px(tick)}" y="${bottom + 18}" text-anchor="middle">` +
      `${tick.toLocaleString("en")}</text>`
    ),
    ...yTicks.map((tick) =>
      `<path class="grid" d="M${LEFT} ${py(tick)}H${right}"/>` +
      `<text x="${LEFT - 8}" y="${py(tick) + 4}" text-anchor="end">${tick}</text>`
    ),
  ];
  const labels = lines.map(({ label, points }, i) => ({ i, label, y: py(points.at(-1)![1]) }));
  spread(labels);
  const drawn = lines.flatMap(({ points, dashed }, i) => [
    `<polyline class="line c${i}"${dashed ? ' stroke-dasharray="6 4"' : ""} ` +
    `points="${points.map(([a, b]) => `${px(a)},${py(b)}`).join(" ")}"/>`,
    ...points.map(([a, b]) => `<circle class="dot c${i}" cx="${px(a)}" cy="${py(b)}" r="3"/>`),
  ]);
  const named = labels.map(({ i, label, y }) =>
    `<text class="name c${i}" x="${right + 10}" y="${y + 4}">${escape(label)}</text>`
  );
  const colored = (dark: 0 | 1) =>
    lines.map(({ colors }, i) => `.c${i} { color: ${colors[dark]}; }`).join(" ");
  const middle = (TOP + bottom) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escape(title)}">`,
    "<style>",
    "text { font: 12px sans-serif; fill: #424a53; }",
    ".title { font-size: 14px; font-weight: bold; }",
    ".grid { stroke: #8b949e; stroke-opacity: 0.3; }",
    ".line { fill: none; stroke: currentColor; stroke-width: 2; }",
    ".dot, .name { fill: currentColor; }",
    colored(0),
    `@media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } ${colored(1)} }`,
    "</style>",
    `<text class="title" x="${LEFT}" y="24">${escape(title)}</text>`,
    ...grid,
    `<text x="${(LEFT + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escape(x)}</text>`,
    `<text transform="rotate(-90 16 ${middle})" x="16" y="${middle}" text-anchor="middle">` +
    `${escape(y)}</text>`,
    ...drawn,
    ...named,
    "</svg>",
    "",
  ].join("\n");
}
