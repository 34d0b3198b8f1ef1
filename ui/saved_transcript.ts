// TODO: say what this is.

import { format } from "@std/fmt/bytes";
import type { RoomEvent } from "../room.ts";
import { messageLine } from "../text/message_line.ts";
import { printable } from "../text/printable.ts";
import { count, plainLines } from "./plain_lines.ts";

/** Bytes of text that a record keeps: some hundred thousand messages. */
const MAX_RECORD = 8 * 1024 * 1024;

/** What this client has seen since it came, line by line; of too much, the newest. */
export class SavedTranscript {
  readonly #most: number;
  readonly #encoder = new TextEncoder();
  /** Lines with their time; those before `#first` are gone. */
  #lines: { text: string; bytes: number }[] = [];
  #first = 0;
  #bytes = 0;
  #dropped = 0;
  #self = "";

  /** @param most bytes of UTF-8 that it keeps */
  constructor(most: number = MAX_RECORD) {
    this.#most = most;
  }

  /** How many lines it has. A message of several lines is one. */
  get size(): number {
    return this.#lines.length - this.#first;
  }

  /** How many older lines it had to let go. */
  get dropped(): number {
    return this.#dropped;
  }

  add(event: RoomEvent, now: Date): void {
    if (event.type === "welcome" || event.type === "connected") this.#self = event.self.name;
    if (event.type === "renamed" && event.who.self) this.#self = event.who.name;
    for (const text of this.#linesOf(event, now)) this.#put(`${stamp(now)} ${text}\n`);
  }

  /** All of it, for a file: a heading, and a line for each. */
  text(address: string, now: Date): string {
    const heading = [`# the room at ${printable(address)}, saved ${stamp(now)}`];
    if (this.#dropped > 0) {
      heading.push(
        `# ${count(this.#dropped, "older line")} left out: the record holds ${
          format(this.#most, { binary: true })
        }`,
      );
    }
    const lines = this.#lines.slice(this.#first).map(({ text }) => text);
    return heading.join("\n") + "\n" + lines.join("");
  }

  /** As plain mode has it, but one's own is marked, and notices are: here they stand among messages. */
  #linesOf(event: RoomEvent, now: Date): string[] {
    const own = (name: string) => `${name} (you)`;
    if (event.type === "message" && event.from.self) {
      return [messageLine(own(event.from.name), event)];
    }
    const lines = plainLines(event, now).map(({ said, text }) => said ? text : `-- ${text}`);
    if (event.type === "delivered") {
      return [messageLine(`${own(this.#self)} → ${event.to.name}`, event)];
    }
    if (event.type === "undelivered") {
      return [messageLine(`${own(this.#self)} → ${event.to.name}`, event), ...lines];
    }
    return lines;
  }

  #put(text: string): void {
    const bytes = this.#encoder.encode(text).length;
    this.#lines.push({ text, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#most && this.size > 0) {
      this.#bytes -= this.#lines[this.#first]!.bytes;
      // The text is let go at once, its place in the list when many have gone: that moves all others.
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

/** Date and time of this machine with their distance from UTC (RFC 3339), to the second. */
export function stamp(time: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  const east = -time.getTimezoneOffset();
  const [hours, minutes] = [Math.floor(Math.abs(east) / 60), Math.abs(east) % 60];
  return `${date}T${clock}${east < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
}
