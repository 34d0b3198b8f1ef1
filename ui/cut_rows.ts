// What was too long to be shown at once, until `/show` asks for more of it. Knows neither events nor a terminal: each
// entry brings the function that lays out its next rows.

import { bareName } from "../room.ts";
import { counted } from "../text/counts.ts";
import type { Page } from "./rows.ts";

/** Rows that a message, or a command's answer, may take at once: some screens full. */
export const MAX_ROWS = 200;
/** Texts that are kept: each may be as large as a message. */
const MAX_KEPT = 5;

/** Lays out the next rows of a text. */
type Next = (page: Page) => string[];

/** The last texts that were cut, the one that was shown last at the end. */
export class CutRows {
  readonly #kept: { readonly from: string | undefined; readonly next: Next }[] = [];

  /** @param from the other member's name; undefined: a text of the program */
  add(from: string | undefined, next: Next): void {
    this.#kept.push({ from, next });
    if (this.#kept.length > MAX_KEPT) this.#kept.shift();
  }

  /** The text that was cut last, of everybody or of one member; undefined if there is none. It is no longer kept. */
  take(from?: string): Next | undefined {
    const isMeant = (name = "") => from === undefined || name === from || bareName(name) === from;
    const index = this.#kept.findLastIndex((one) => isMeant(one.from));
    return index === -1 ? undefined : this.#kept.splice(index, 1)[0]!.next;
  }
}

/** The row after those that were shown. */
export function moreRows(count: number, isExact: boolean): string {
  return `… ${isExact ? "" : "about "}${counted(count, "more line")} (/show)`;
}
