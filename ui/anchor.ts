// Keeps the live area in its place while the window changes its size: writes it beneath the messages and erases it
// again, and nothing else. Knows no room and no keys. Rows, sizes and the time are passed in.
//
// A terminal that becomes narrower wraps the rows on its screen, perhaps several times before a program hears of it.
// So where the live area begins cannot be computed from the new size. But each terminal moves the cursor along with
// the cell that it is on. A cursor on the first cell of the live area ("parked") is an anchor: at any width, "erase
// from here on" erases the live area and nothing else.
//
//   1. At rest the cursor is in the edited line: input methods and screen readers follow it.
//   2. At the first sign of another size the cursor goes up to the first cell, and everything below is erased. This
//      one step up is exact as long as no row has been wrapped, so live rows end some columns early (`liveColumns`).
//   3. Until the sizes have been quiet, the cursor stays there. Messages are printed now and then; no area is drawn.
//   4. A jump to a much narrower window may wrap live rows all the same. Only then is the step up computed.
//
// Where a computation is in doubt, it errs on the side of too few rows: a copy of a live row may then stay on the
// screen, but no message is erased.

import { stripAnsiCode } from "@std/fmt/colors";
import type { Environment } from "../terminal/environment.ts";
import type { Tty } from "../terminal/tty.ts";
import { splitGraphemes } from "../text/graphemes.ts";
import { room, width } from "../text/width.ts";
import type { Clock } from "./clock.ts";

/** A change of size is over when the size has not changed for this long, in ms: tmux reports only each 250 ms. */
const QUIET_MS = 350;
/** How long the terminal may take to report where the cursor is, in ms. */
const ANSWER_MS = 150;
/** Messages wait no longer than this, however long a change of size takes, in ms. */
const HOLD_MS = 500;
/** An area that was drawn this short before a change, in ms, may have been drawn after it: cut, and not wrapped. */
const RECENT_MS = 40;

// Control sequences (ECMA-48; the private modes are DEC's).
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const ASK_CURSOR = "\x1b[6n";
/** Asks the terminal for its own name; xterm calls that XTVERSION. */
export const NAME_QUERY = "\x1b[>q";
/**
 * From the first cell of the cursor's row to the end of the screen. "Carriage return, erase below" is shorter, but in
 * the top left corner tmux takes that for "clear the screen" and copies the screen into its history.
 */
const ERASE_BELOW = "\r\x1b[K\x1b[C\x1b[J\r";
/**
 * Deletes all rows from the cursor's on. GNU screen remembers of each row that it has wrapped it, and joins it with the
 * next one in a wider window. Erasing a row does not end that, deleting it does.
 */
const DELETE_BELOW = "\x1b[999M";
// Rows are drawn without wrapping. If a terminal takes a character for wider than we do, a wrapped row would
// make the count of the live area's rows wrong, and a member's text would appear where only names and notices do.
export const WRAP_OFF = "\x1b[?7l";
export const WRAP_ON = "\x1b[?7h";
const up = (rows: number) => rows > 0 ? `\x1b[${rows}A` : "";

/** The rows of the live area, and the cursor in them. */
export interface LiveRows {
  /**
   * The edited line comes last, so that few rows are below the cursor: where a terminal has to wrap rows below the
   * cursor, terminals disagree on where the cursor is afterwards.
   */
  readonly rows: readonly string[];
  /** The cursor's row, from 0. It has no colours. */
  readonly row: number;
  /** What this row has before the cursor: see `EditorView`. */
  readonly before: string;
}

/** Columns that a live row may take: it ends early, so that the first step of a drag does not wrap it. */
export function liveColumns(columns: number): number {
  return columns - Math.max(1, Math.min(8, Math.floor(columns / 10)));
}

/** Rows that the live area may take: half a screen. When the width is halved, all of it is still on the screen. */
export function liveHeight(rows: number): number {
  return Math.max(2, Math.floor(rows / 2));
}

/**
 * The live area's place on the screen.
 *
 * @example
 * ```ts
 * if (!anchor.holds()) anchor.draw("a message\r\n", { rows: ["status", "> text"], row: 1, before: "> text" });
 * ```
 */
export class Anchor {
  readonly #tty: Pick<Tty, "size" | "write">;
  readonly #clock: Clock;
  readonly #isParkedAlways: boolean;
  /** The terminal wraps rows when it becomes narrower. Otherwise it cuts them. */
  #wraps: boolean;
  readonly #takeRows: () => string;
  readonly #redraw: () => void;
  /** The area on the screen, the size it was drawn for, and when, in ms. The cursor is parked if there is none. */
  #drawn: { area: LiveRows; columns: number; height: number; at: number } | undefined;
  /** When rows were printed last while the size changes, in ms. */
  #printedAt = 0;
  // Functions that cancel timers. The first is set while the size changes, the second while an answer is awaited.
  #cancelQuiet: (() => void) | undefined;
  #cancelAnswer: (() => void) | undefined;

  /**
   * @param options.takeRows the messages that wait, as complete lines; called while the size changes
   * @param options.redraw called when the size does not change any longer
   */
  constructor(
    options: {
      tty: Pick<Tty, "size" | "write">;
      clock: Clock;
      environment: Environment;
      takeRows: () => string;
      redraw: () => void;
    },
  ) {
    this.#tty = options.tty;
    this.#clock = options.clock;
    const { STY, TERM = "" } = options.environment;
    // GNU screen reads what we send so late that the first step up comes after many changes.
    this.#isParkedAlways = STY !== undefined;
    this.#wraps = !/^(?:linux|st)\b/.test(TERM);
    this.#takeRows = options.takeRows;
    this.#redraw = options.redraw;
  }

  /** Call it when the terminal has reported its own name: xterm cuts rows. */
  isNamed(name: string): void {
    if (name === "XTerm") this.#wraps = false;
  }

  /** Whether the size is changing, so that nothing may be drawn. Also finds changes that no signal has reported. */
  holds(): boolean {
    const { columns, rows } = this.#tty.size();
    const drawn = this.#drawn;
    if (drawn && (drawn.columns !== columns || drawn.height !== rows)) this.resized();
    return this.#cancelQuiet !== undefined;
  }

  /** Call it at each change of size. Whatever the terminal does to an area that is erased does not matter. */
  resized(): void {
    const now = this.#clock.now().getTime();
    if (!this.#cancelQuiet) this.#printedAt = now;
    this.#cancelQuiet?.();
    this.#cancelQuiet = this.#clock.after(QUIET_MS, () => this.#settle());
    if (this.#cancelAnswer) return;
    const mayWrap = this.#drawn && room(this.#drawn.area.before) >= this.#tty.size().columns;
    if (mayWrap && !this.#isParkedAlways) {
      // Whether the terminal has wrapped the cursor's own row is to be seen from the cursor's column.
      this.#cancelAnswer = this.#clock.after(ANSWER_MS, () => this.cursorAt(undefined));
      return this.#tty.write(HIDE_CURSOR + ASK_CURSOR);
    }
    const mayJoin = this.#drawn && this.#isParkedAlways;
    let text = HIDE_CURSOR + this.erase() + (mayJoin ? DELETE_BELOW : "");
    if (now - this.#printedAt >= HOLD_MS) {
      // The size may be another one already: lines that the terminal wraps itself are right at any width.
      this.#printedAt = now;
      text += WRAP_ON + this.#takeRows();
    }
    this.#tty.write(text);
  }

  /** Call it when the terminal has reported the cursor's column, from 0. */
  cursorAt(column: number | undefined): void {
    if (!this.#cancelAnswer) return;
    this.#cancelAnswer();
    this.#cancelAnswer = undefined;
    this.#tty.write(this.erase(column));
  }

  /** Prints `before`, complete lines, and draws the area beneath it. Only if the size does not change (`holds`). */
  draw(before: string, area: LiveRows): void {
    const { columns, rows: height } = this.#tty.size();
    const start = HIDE_CURSOR + this.erase() + before + WRAP_OFF;
    const last = area.rows.length - 1;
    if (this.#isParkedAlways) {
      const rows = area.rows.map((row, i) => i === area.row ? withCursor(row, area.before) : row);
      this.#tty.write(start + rows.join("\r\n") + WRAP_ON + "\r" + up(last));
    } else {
      // Terminals disagree about the columns of the text. Where it ends when it is written again, there its end is.
      const place = "\r" + up(last - area.row) + area.before;
      this.#tty.write(start + area.rows.join("\r\n") + place + WRAP_ON + SHOW_CURSOR);
    }
    this.#drawn = { area, columns, height, at: this.#clock.now().getTime() };
  }

  /**
   * Returns what erases the area; the cursor is then where it began.
   *
   * @param column the cursor's column, if the terminal has reported it
   */
  erase(column?: number): string {
    const drawn = this.#drawn;
    this.#drawn = undefined;
    if (!drawn || this.#isParkedAlways) return ERASE_BELOW;
    const isRecent = this.#clock.now().getTime() - drawn.at < RECENT_MS;
    return up(this.#rowsAbove(drawn.area, isRecent, column)) + ERASE_BELOW;
  }

  /** The area is not on the screen any longer: something else was written there. The cursor begins a new row. */
  forget(): void {
    this.#drawn = undefined;
  }

  /** Ends all waiting. */
  close(): void {
    this.#cancelQuiet?.();
    this.#cancelQuiet = undefined;
    this.#cancelAnswer?.();
    this.#cancelAnswer = undefined;
  }

  /** The sizes have been quiet. */
  #settle(): void {
    this.cursorAt(undefined);
    this.#cancelQuiet = undefined;
    this.#redraw();
  }

  /** How many rows of the screen the area has above the cursor, which is in column `at`, if that is known. */
  #rowsAbove({ rows, row, before }: LiveRows, isRecent: boolean, at?: number): number {
    const { columns } = this.#tty.size();
    // The cursor is on the next cell, which may be in the next row.
    const next = wrapped(`${before}x`, columns);
    // xterm.js wraps all rows but the cursor's, which it cuts.
    const isWrapped = next.rows > 0 && at === next.column - 1;
    if (!this.#wraps || (isRecent && !isWrapped)) return row;
    let above = isWrapped ? next.rows : 0;
    for (const text of rows.slice(0, row)) above += wrapped(stripAnsiCode(text), columns).rows + 1;
    return above;
  }
}

/** Where `text` ends if a terminal wraps it: rows further down, and the column. */
function wrapped(text: string, columns: number): { rows: number; column: number } {
  let rows = 0;
  let column = 0;
  for (const g of splitGraphemes(text)) {
    const wide = width(g);
    if (column + wide > columns) {
      rows++;
      column = 0;
    }
    column += wide;
  }
  return { rows, column };
}

/** `row` with a drawn cursor after its beginning `before`, for terminals where the real one must be elsewhere. */
function withCursor(row: string, before: string): string {
  const after = row.slice(before.length);
  const [at = " "] = splitGraphemes(after);
  return `${before}\x1b[7m${at}\x1b[27m${after.slice(at.length)}`;
}
