// The lines that `/save` writes and that a log gets: what this client has seen, with times, within a bound. Pure; it
// writes no file.

import type { Log } from "../files/paths.ts";
import type { EarlierMessage, Person, RoomEvent } from "../room.ts";
import { messageLine } from "../text/message_line.ts";
import { printable } from "../text/printable.ts";
import { count, type PlainLine, plainLines } from "./plain_lines.ts";
import { two } from "./rows.ts";
import type { Search } from "./search.ts";
import { bytesText } from "../text/sizes.ts";

/** Bytes of text that are kept: some hundred thousand messages. */
const MAX_BYTES = 8 * 1024 * 1024;

/** One message or notice. */
export interface Line {
  readonly text: string;
  readonly bytes: number;
  /** The message that it is or that it quotes, and who wrote that. */
  readonly about?: { readonly id: string; readonly author: string };
  /** Its message has been edited or deleted since. */
  isOutdated?: true;
}

/** The lines that this client has shown; when it is full, the oldest go. */
export class SavedTranscript {
  /** Gets each line, too. */
  log: Log | undefined;
  /** The last search, for its next page. */
  search: Search | undefined;
  readonly #most: number;
  readonly #encoder = new TextEncoder();
  /** Lines with their time; those before `#first` have been dropped. */
  #lines: Line[] = [];
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
    // Only its author can take a message back: others may use its id, too.
    const isCorrection = event.type === "edited" || event.type === "deleted";
    if (isCorrection) this.#outdate(event.id, authorOf(event.from));
    for (const { isMessage, text } of this.#linesOf(event, now)) {
      const line = this.#put(`${stamp(now)} ${text}\n`, aboutOf(event, isMessage));
      // It quotes what was there before.
      if (isCorrection && !isMessage) line.isOutdated = true;
    }
  }

  /** The lines for a search, the newest first; those that are outdated must not be found, not even in the log. */
  entries(): readonly Readonly<Line>[] {
    return this.#lines.slice(this.#first).reverse();
  }

  #outdate(id: string, author: string): void {
    for (let i = this.#first; i < this.#lines.length; i++) {
      const line = this.#lines[i]!;
      if (line.about?.id === id && line.about.author === author) line.isOutdated = true;
    }
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
  #linesOf(event: RoomEvent, now: Date): PlainLine[] {
    const own = (name: string) => `${name} (you)`;
    const lines = plainLines(event, now).map(({ isMessage, text }) => (
      { isMessage, text: isMessage ? text : `-- ${text}` }
    ));
    switch (event.type) {
      case "message":
      case "edited": {
        if (!event.from.self) return lines;
        const message = { ...event, type: "message" } as const;
        const text = messageLine(own(event.from.name), message);
        return lines.map((line) => line.isMessage ? { ...line, text } : line);
      }
      case "delivered":
      case "undelivered": {
        const text = messageLine(`${own(this.#self)} → ${event.to.name}`, event);
        const notices = event.type === "delivered" ? [] : lines;
        return [{ isMessage: true, text }, ...notices];
      }
      default:
        return lines;
    }
  }

  #put(text: string, about: Line["about"]): Line {
    this.log?.append(text);
    const bytes = this.#encoder.encode(text).length;
    const line: Line = { text, bytes, ...(about && { about }) };
    this.#lines.push(line);
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
    return line;
  }
}

/** The message that a line of an event is, or that it quotes. */
function aboutOf(event: RoomEvent, isMessage: boolean): Line["about"] {
  switch (event.type) {
    case "message":
      if (!isMessage) return quoted(event.re, event.quoted);
      return event.id === undefined ? undefined : { id: event.id, author: authorOf(event.from) };
    case "edited":
      return { id: event.id, author: authorOf(event.from) };
    case "reacted":
      return quoted(event.id, event.quoted);
    default:
      return undefined;
  }
}

function quoted(id: string | undefined, message: EarlierMessage | undefined): Line["about"] {
  return id === undefined || !message ? undefined : { id, author: authorOf(message.from) };
}

/** The same after the member has joined again, if it has a key. */
function authorOf({ key, id }: Person): string {
  return key ?? `#${id}`;
}

const GONE: Line = { text: "", bytes: 0 };

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
