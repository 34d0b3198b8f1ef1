// A search through what this client has shown, and through its log, from the newest entry to the oldest. It works in
// pieces, so that keys and messages get their turn, and shows the hits page by page. Knows no terminal.

import { ChatError, messageOf } from "../errors.ts";
import type { Context } from "./context.ts";
import type { Line } from "./saved_transcript.ts";
import { findHit, type Hit, hitRow, patternOf } from "./search_hit.ts";

/** A search ends after this many hits: nobody reads more. */
const MAX_HITS = 1000;
/** Characters of entries in memory that are searched in one turn: about a millisecond. */
const PIECE = 128 * 1024;
/** The rows of a page that are left for other things: the last answer, the status line and the line below it. */
const OTHER_ROWS = 5;
const MIN_ROWS = 3;
/** Without a screen. */
const PLAIN_ROWS = 20;
const PLAIN_COLUMNS = 120;

/** Created by `/search`; another search ends it. */
export class Search {
  readonly #text: string;
  readonly #context: Context;
  /** Hits that have not been shown, the newest first. */
  #hits: { readonly hit: Hit; readonly line: Readonly<Line> | undefined }[] = [];
  #shown = 0;
  /** The rows that are left of the page. */
  #rows = 0;
  #state: "running" | "done" | "full" | "cancelled" = "running";

  /** @param text not empty */
  constructor(text: string, context: Context) {
    this.#text = text;
    this.#context = context;
  }

  /** Searches, and shows the first page as soon as its hits are found. */
  async run(): Promise<void> {
    this.more();
    try {
      await this.#find();
    } catch (cause) {
      const log = "Cannot search the log";
      this.#context.refuse(new ChatError(`${log}: ${messageOf(cause)}`, { cause }));
    }
    if (this.#state === "running") this.#state = "done";
    if (this.#state !== "cancelled") this.#report();
  }

  /** Shows the next page. */
  more(): void {
    const { screen } = this.#context;
    this.#rows = screen ? Math.max(MIN_ROWS, screen.size().rows - OTHER_ROWS) : PLAIN_ROWS;
    this.#show();
    if (this.#state !== "running") this.#report();
  }

  cancel(): void {
    this.#state = "cancelled";
    this.#hits = [];
  }

  async #find(): Promise<void> {
    const { saved, rest } = this.#context;
    const pattern = patternOf(this.#text);
    /** What is in memory is in the log, too; and so is what has been edited or deleted since. */
    const seen = new Set<string>();
    let size = 0;
    for (const entry of saved.entries()) {
      const text = entry.text.trimEnd();
      if (entry.isOutdated || this.#take(text, pattern, entry)) seen.add(text);
      if (this.#state !== "running") return;
      size += text.length;
      if (size < PIECE) continue;
      size = 0;
      this.#show();
      await rest();
    }
    this.#show();
    if (!saved.log) return;
    for await (const entries of saved.log.entries()) {
      for (const entry of entries) {
        if (this.#state !== "running") return;
        if (!seen.has(entry)) this.#take(entry, pattern);
      }
      this.#show();
    }
  }

  /** Keeps the hit in an entry; returns whether there is one. */
  #take(entry: string, pattern: RegExp, line?: Readonly<Line>): boolean {
    const hit = findHit(entry, pattern);
    if (!hit) return false;
    this.#hits.push({ hit, line });
    if (this.#shown + this.#hits.length === MAX_HITS) this.#state = "full";
    return true;
  }

  /** Shows as many hits as the page has rows left. */
  #show(): void {
    // Their messages may have been deleted since.
    if (this.#rows > 0) this.#hits = this.#hits.filter(({ line }) => !line?.isOutdated);
    const page = this.#hits.splice(0, this.#rows).map(({ hit }) => hit);
    this.#rows -= page.length;
    this.#shown += page.length;
    const { screen, now, print } = this.#context;
    if (screen) screen.hits(page);
    else {
      for (const hit of page) {
        const { time, before, hit: found, after } = hitRow(hit, now(), PLAIN_COLUMNS);
        print(time + before + found + after);
      }
    }
  }

  /** Shows how many hits are left. */
  #report(): void {
    this.#show();
    const { print, saved } = this.#context;
    const left = this.#hits.length;
    if (left > 0) {
      const least = this.#state === "full" ? "at least " : "";
      return print(`${least}${left} ${left === 1 ? "hit" : "hits"} left; /search for more`);
    }
    if (this.#state === "full") {
      return print(`these were the newest ${MAX_HITS} hits; search for more words`);
    }
    if (this.#shown > 0) return print("no more hits");
    const where = saved.log ? "" : " since you joined; with /log FILE, chat remembers more";
    print(`no hits for "${this.#text}"${where}`);
  }
}
