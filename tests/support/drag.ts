// Test helper: drags the windows of terminals while people talk in them, and counts what is lost and what is left over.
// No part of the program.

import type { Expected } from "./dragged_screen.ts";
import type { Kind, Size, Window } from "./drag_terminals.ts";

/** How long after the last step the screen is read, in ms. */
const SETTLED_MS = 1200;
/** How often a file is read that another process writes, in ms, and how often at most. */
const POLL_MS = 50;
const MAX_POLLS = 1200;

/** The program in the terminal: the screen of this checkout. */
export const PROGRAM: string = new URL("dragged_screen.ts", import.meta.url).pathname;

/** One way to change a window. */
export interface Scene {
  readonly name: string;
  /** The steps, as a person would say it: "8 ms". */
  readonly steps: string;
  readonly sizes: readonly Size[];
  readonly ms: number;
  readonly first: number;
  readonly every: number;
  readonly draft: number;
  readonly typed?: number;
  readonly transfers?: number;
  /** Keys that are typed at the beginning, in ms before the steps begin. */
  readonly keys?: string;
}

/** What was wrong in the end. All of it is 0 if all is well. */
export interface Outcome {
  /** Messages that are not there. */
  readonly lost: number;
  /** Messages whose end is not there, where the terminal does not cut rows itself. */
  readonly cut: number;
  /** Messages that are there more than once. */
  readonly doubled: number;
  /** Rows above the live area that look like its rows. */
  readonly status: number;
  readonly draft: number;
  readonly transfers: number;
  /** The live area in the end is not what it should be: 1. */
  readonly wrong: number;
}

const SIZE: Size = [80, 24];

/** From 80 to 48 columns and back. */
function there(step: number): Size[] {
  const widths: number[] = [];
  for (let columns = 80 - step; columns >= 48; columns -= step) widths.push(columns);
  for (let columns = 48 + step; columns <= 80; columns += step) widths.push(columns);
  return widths.map((columns) => [columns, 24]);
}

const PACES = [[1, 8], [1, 20], [1, 40], [4, 100], [4, 300]] as const;
const SCREENS = { full: { first: 40, every: 50 }, short: { first: 4, every: 0 } } as const;
export const DRAFTS = [10, 64, 110, 500] as const;

/** Drags: with each draft on a full and on a short screen, with transfers, and while typing. */
export const DRAGS: readonly Scene[] = PACES.flatMap(([step, ms]) => {
  const pace = { steps: `${step} each ${ms} ms`, sizes: there(step), ms };
  const plain = Object.entries(SCREENS).flatMap(([name, talk]) => (
    DRAFTS.map((draft) => ({ name, ...pace, ...talk, draft }))
  ));
  return [
    ...plain,
    { name: "full, transfers", ...pace, ...SCREENS.full, draft: 110, transfers: 3 },
    { name: "full, typing", ...pace, ...SCREENS.full, draft: 64, typed: 60 },
  ];
});

/** Jumps, as from tiling and maximizing. */
const JUMPED: readonly Size[] = [
  [60, 24],
  [80, 24],
  [41, 24],
  [120, 40],
  [70, 24],
  [50, 12],
  [100, 30],
  [80, 24],
];
export const JUMPS: readonly Scene[] = [
  ["a message a second", 40, 1000],
  ["20 messages a second", 40, 50],
  ["silence", 40, 0],
  ["silence, short screen", 4, 0],
].flatMap(([name, first, every]) => (
  DRAFTS.map((draft) => ({
    ...{ name: `${name}`, first: Number(first), every: Number(every), draft },
    ...{ steps: "jumps, 400 ms apart", sizes: JUMPED, ms: 400 },
  }))
));

/** Ctrl-L, and then messages and keys. */
export const CLEARS: readonly Scene[] = DRAFTS.map((draft) => ({
  ...{ name: "Ctrl-L", steps: "none", sizes: Array(20).fill(SIZE), ms: 50, keys: "\x0c" },
  ...{ first: 4, every: 150, typed: 60, draft },
}));

/** Plays `scene` in a new window. */
export async function play(kind: Kind, scene: Scene, program = PROGRAM): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "chat-drag-" });
  try {
    const file = `${folder}/expected`;
    const { draft, first, every, typed = 0, transfers = 0 } = scene;
    const text = JSON.stringify({ file, draft, first, every, typed, transfers });
    const command = [Deno.execPath(), "run", "--quiet", "--no-check", "-A", program, text];
    await using one = await kind.open(command, SIZE, folder);
    const { pid } = await expected(file, () => true);
    if (scene.keys !== undefined) await one.type(scene.keys);
    await one.drag(scene.sizes, scene.ms);
    Deno.kill(pid, "SIGUSR1");
    const wished = await expected(file, ({ messages }) => messages > 0);
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    return judge(await rowsOf(one), wished, kind, transfers);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function expected(file: string, isIt: (one: Expected) => boolean): Promise<Expected> {
  for (let polls = 0; polls < MAX_POLLS; polls++) {
    const text = await Deno.readTextFile(file).catch(() => "");
    if (text !== "") {
      const one: Expected = JSON.parse(text);
      if (isIt(one)) return one;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`Nothing has been written to ${file}`);
}

async function rowsOf(one: Window): Promise<string[]> {
  const rows = await one.rows();
  if (Deno.env.get("CHAT_DRAG_ROWS")) console.log(rows.join("\n"));
  while (rows.at(-1) === "") rows.pop();
  return rows;
}

const STATUS = /xor: |\d members|connected/;
const DRAFT = /Q\d{3}|\d{3}\+|^> /;
const TRANSFER = /photo|more transfers/;

/** Compares the rows of a terminal with what must be there. */
export function judge(
  rows: readonly string[],
  { messages, draft }: Pick<Expected, "messages" | "draft">,
  { wraps }: Pick<Kind, "wraps">,
  transfers: number,
): Outcome {
  const text = rows.join("\n");
  let lost = 0;
  let doubled = 0;
  for (let n = 1; n <= messages; n++) {
    const count = text.split(`#${String(n).padStart(5, "0")}:`).length - 1;
    if (count === 0) lost++;
    else doubled += count - 1;
  }
  const ends = text.split("$").length - 1;
  const status = rows.findLastIndex((row) => STATUS.test(row));
  const above = rows.slice(0, Math.max(0, status - transfers));
  const count = (pattern: RegExp) => above.filter((row) => pattern.test(row)).length;
  const typed = rows.slice(status + 1).map((row) => row.slice(2)).join("");
  const going = rows.slice(Math.max(0, status - transfers), status);
  const isRight = status >= 0 && typed !== "" && draft.endsWith(typed) &&
    going.every((row) => TRANSFER.test(row));
  return {
    ...{ lost, cut: wraps ? Math.max(0, messages - lost - ends) : 0, doubled },
    ...{ status: count(STATUS), draft: count(DRAFT), transfers: count(TRANSFER) },
    wrong: isRight ? 0 : 1,
  };
}

/** Everything that was wrong, in one number. */
export function faults(outcome: Outcome): number {
  return Object.values(outcome).reduce((sum, count) => sum + count, 0);
}
