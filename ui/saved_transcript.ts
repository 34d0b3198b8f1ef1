// The lines that `/save` writes and that a log gets: what this client has seen, with times, within a bound. Pure; it
// writes no file.

import type { Log } from "../files/paths.ts";
import type { RoomEvent } from "../room.ts";
import { messageLine } from "../text/message_line.ts";
import { printable } from "../text/printable.ts";
import { count, plainLines } from "./plain_lines.ts";
import { two } from "./rows.ts";
import type { Search } from "./search.ts";
import { bytesText } from "../text/sizes.ts";

/** Bytes of text that are kept: some hundred thousand messages. */
const MAX_BYTES = 8 * 1024 * 1024;

/** The lines that this client has shown; when it is full, the oldest go. */
export class SavedTranscript {
  /** Gets each line, too. */
  log: Log | undefined;
  /** The last search, for its next page. */
  search: Search | undefined;
  readonly #most: number;
  readonly #encoder = new TextEncoder();
  /** Lines with their time; those before `#first` have been dropped. */
  #lines: { text: string; bytes: number }[] = [];
  #first = 0;
  #bytes = 0;
  #dropped = 0;
  #self = "";

  /** @param most bytes of UTF-8 to keep */
  constructor(most: number = MAX_BYTES) {
    this.#most = most;
  }

  /** How many lines it holds. A message of several lines counts as one. */
  get size(): number {
    return this.#lines.length - this.#first;
  }

  /** How many older lines have been dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  add(event: RoomEvent, now: Date): void {
    if (event.type === "welcome" || event.type === "connected") this.#self = event.self.name;
    if (event.type === "renamed" && event.who.self) this.#self = event.who.name;
    for (const text of this.#linesOf(event, now)) this.#put(`${stamp(now)} ${text}\n`);
  }

  /** The lines, the newest first. */
  entries(): string[] {
    return this.#lines.slice(this.#first).map(({ text }) => text).reverse();
  }

  /** The content of the file: a heading, and one line for each message and notice. */
  text(address: string, now: Date): string {
    const heading = [headingOf(address, "saved", now)];
    if (this.#dropped > 0) {
      heading.push(
        `# ${count(this.#dropped, "older line")} left out: the transcript holds ${
          bytesText(this.#most)
        }`,
      );
    }
    const lines = this.#lines.slice(this.#first).map(({ text }) => text);
    return heading.join("\n") + "\n" + lines.join("");
  }

  /** As in plain mode, but the user's own messages and the notices are marked: here they share one column. */
  #linesOf(event: RoomEvent, now: Date): string[] {
    const own = (name: string) => `${name} (you)`;
    if (event.type === "message" && event.from.self) {
      return [messageLine(own(event.from.name), event)];
    }
    const lines = plainLines(event, now).map(({ isMessage, text }) =>
      isMessage ? text : `-- ${text}`
    );
    if (event.type === "delivered") {
      return [messageLine(`${own(this.#self)} → ${event.to.name}`, event)];
    }
    if (event.type === "undelivered") {
      return [messageLine(`${own(this.#self)} → ${event.to.name}`, event), ...lines];
    }
    return lines;
  }

  #put(text: string): void {
    this.log?.append(text);
    const bytes = this.#encoder.encode(text).length;
    this.#lines.push({ text, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#most && this.size > 0) {
      this.#bytes -= this.#lines[this.#first]!.bytes;
      // Frees the text at once. The list is cut only now and then, because that moves all other entries.
      this.#lines[this.#first++] = GONE;
      this.#dropped++;
    }
    if (this.#first > 1024 && this.#first > this.#lines.length / 2) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
  }
}

const GONE = { text: "", bytes: 0 };

/** The first line of a file; `files/log_file.ts` knows such files by it. */
export function headingOf(address: string, what: "saved" | "logged since", now: Date): string {
  return `# the room at ${printable(address)}, ${what} ${stamp(now)}`;
}

/** Local date and time with the offset from UTC (RFC 3339), to the second. */
export function stamp(time: Date): string {
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  const east = -time.getTimezoneOffset();
  const [hours, minutes] = [Math.floor(Math.abs(east) / 60), Math.abs(east) % 60];
  return `${date}T${clock}${east < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
}
