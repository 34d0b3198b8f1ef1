// A search through what this client has shown, and through its log, from the newest entry to the oldest. It works in
// pieces, so that keys and messages get their turn, and shows the hits page by page. Knows no terminal.

import { ChatError, messageOf } from "../errors.ts";
import type { Context } from "./context.ts";
import type { Line } from "./saved_transcript.ts";
import { besideHit, findHit, type Hit, hitRow, patternOf } from "./search_hit.ts";

/** A search ends after this many hits: nobody reads more, and numbers have three digits. */
const MAX_HITS = 999;
/** Entries that `/around` shows before a hit, and after it. */
const AROUND = 5;
/** Characters of entries in memory that are searched in one turn: about a millisecond. */
const PIECE = 128 * 1024;
const HINT = "/around N for the messages around a hit";
/** The rows of a page that are left for other things: the last answer, the status line and the line below it. */
const OTHER_ROWS = 5;
const MIN_ROWS = 3;
/** Without a screen. */
const PLAIN_ROWS = 20;
const PLAIN_COLUMNS = 120;

interface Found {
  readonly hit: Hit;
  /** In memory; undefined: in the log. */
  readonly line: Readonly<Line> | undefined;
  /** The entries beside it, the newest first. */
  readonly newer: readonly Hit[];
  readonly older: Hit[];
}

/** Created by `/search`; another search ends it. */
export class Search {
  readonly #text: string;
  readonly #context: Context;
  /** Hits that have not been shown, the newest first. */
  #hits: Found[] = [];
  readonly #shown: Found[] = [];
  /** The last entries, the newest first: the next hit follows them. */
  #recent: string[] = [];
  /** The last hits, while they lack older entries beside them. */
  #open: Found[] = [];
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

  /**
   * Shows the entries around a hit, in their order.
   *
   * @throws {ChatError} if it has not been shown
   */
  around(number: number): void {
    const found = this.#shown[number - 1];
    if (!found || found.line?.isOutdated) {
      const { length } = this.#shown;
      throw new ChatError(`Cannot show hit ${number}`, {
        hint: length === 0 ? "There are no hits" : `The hits on the screen are 1 to ${length}`,
      });
    }
    const { newer, hit, older } = found;
    this.#print([...newer, { ...hit, number }, ...older].reverse());
  }

  cancel(): void {
    this.#state = "cancelled";
    this.#hits = [];
  }

  async #find(): Promise<void> {
    const { saved, rest } = this.#context;
    const pattern = patternOf(this.#text);
    /** What is in memory is in the log, too; and so is what has been edited or deleted since. */
    const inMemory = new Set<string>();
    let size = 0;
    for (const entry of saved.entries()) {
      const text = entry.text.trimEnd();
      if (saved.log) inMemory.add(text);
      if (!entry.isOutdated) this.#take(text, pattern, entry);
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
        if (!inMemory.has(entry)) this.#take(entry, pattern);
      }
      this.#show();
    }
  }

  /** Keeps the hit in an entry, if there is one, and what is beside it. */
  #take(entry: string, pattern: RegExp, line?: Readonly<Line>): void {
    if (entry.startsWith("#")) return;
    if (this.#open.length > 0) {
      const beside = besideHit(entry);
      if (beside) this.#open.forEach(({ older }) => older.push(beside));
      this.#open = this.#open.filter(({ older }) => older.length < AROUND);
    }
    const hit = findHit(entry, pattern);
    if (hit) {
      const newer = this.#recent.flatMap((one) => besideHit(one) ?? []);
      const found: Found = { hit, line, newer, older: [] };
      this.#hits.push(found);
      this.#open.push(found);
      if (this.#shown.length + this.#hits.length === MAX_HITS) this.#state = "full";
    }
    if (this.#recent.length === AROUND) this.#recent.shift();
    this.#recent.push(entry);
  }

  /** Shows as many hits as the page has rows left. */
  #show(): void {
    // Their messages may have been deleted since.
    if (this.#rows > 0) this.#hits = this.#hits.filter(({ line }) => !line?.isOutdated);
    const page = this.#hits.splice(0, this.#rows);
    this.#rows -= page.length;
    const first = this.#shown.length + 1;
    for (const found of page) this.#shown.push(found);
    this.#print(page.map(({ hit }, i) => ({ ...hit, number: first + i })));
  }

  #print(hits: readonly Hit[]): void {
    const { screen, now, print } = this.#context;
    if (screen) return screen.hits(hits);
    for (const one of hits) {
      const { time, before, hit, after } = hitRow(one, now(), PLAIN_COLUMNS);
      print(time + before + hit + after);
    }
  }

  /** Shows how many hits are left. */
  #report(): void {
    this.#show();
    const { print, saved } = this.#context;
    const left = this.#hits.length;
    if (left > 0) {
      const least = this.#state === "full" ? "at least " : "";
      return print(
        `${least}${left} ${left === 1 ? "hit" : "hits"} left; /search for more, ${HINT}`,
      );
    }
    if (this.#state === "full") {
      return print(`these were the newest ${MAX_HITS} hits; search for more words`);
    }
    if (this.#shown.length > 0) {
      return print(`no more hits; ${HINT}`);
    }
    const where = saved.log ? "" : " since you joined; with /log FILE, chat remembers more";
    print(`no hits for "${this.#text}"${where}`);
  }
}
