// The room as plain lines: what plain mode prints, and a record of them for `/save`. Pure.

import { format } from "@std/fmt/bytes";
import { offerSentence, transferSentence } from "./transfer_text.ts";
import { listed, news, notDelivered, remarks, type RoomEvent } from "../room.ts";
import { printable } from "../text/printable.ts";

/** One line of what happens. A message of several lines is one: the rest of it is indented. */
export interface PlainLine {
  /** Somebody said it; else it is a notice, for people. */
  readonly said: boolean;
  /** Safe to print. */
  readonly text: string;
}

/** An event as plain lines, most often one. What is remarkable stands in front of what it is about. */
export function plainLines(event: RoomEvent, now: Date): PlainLine[] {
  const notices = remarks(event, now);
  const sentence = news(event) ?? noticeOf(event);
  if (sentence !== undefined) notices.push(sentence);
  const lines = notices.map((text) => ({ said: false, text: printable(text) }));
  if (event.type === "message" || event.type === "direct") {
    lines.push({ said: true, text: messageLine(event.from.name, event) });
  }
  return lines;
}

/** What was said, and how. */
export interface Said {
  /** `delivered` and `undelivered` are direct messages of this client. */
  readonly type: "message" | "direct" | "delivered" | "undelivered";
  readonly text: string;
  readonly action?: boolean;
}

/** What somebody has said, safe to print; all lines but the first are indented. */
export function messageLine(who: string, { type, action, text }: Said): string {
  // In front, where no name and no text of a message to the room can stand.
  const whom = type === "message" ? "" : "(direct) ";
  const said = printable(text, "lines").replaceAll("\n", "\n  ");
  const name = printable(who);
  return whom + (action ? `* ${name} ${said}` : `${name}: ${said}`);
}

/** The notice of an event that is no message, where neither `news` nor `remarks` has it. */
function noticeOf(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "welcome":
      return `joined ${event.room.address} as ${event.self.name}`;
    case "members":
      return `here: ${event.members.map(listed).join(", ")}`;
    case "delivered":
      return `delivered to ${event.to.name}`;
    case "undelivered":
      return notDelivered(event);
    case "joined":
      return `${listed(event.who)} joined`;
    case "left":
      return `${event.who.name} left${LEFT_WHY[event.reason]}`;
    case "renamed":
      // The list had it already.
      if (event.before === event.who.name) return undefined;
      return `${event.before} is now ${event.who.name}`;
    case "offer":
      return offerSentence(event);
    case "transfer":
      return transferSentence(event.transfer, { begins: true });
    case "unsent":
      return event.message;
    case "progress":
    case "message":
    case "direct":
    case "unreadable":
    case "otherkey":
    case "away":
    case "back":
    case "warning":
    case "disconnected":
    // It comes again and again: who waits is told of the loss, and then of the end of it.
    case "waiting":
    case "connected":
    // Who started the client tells of it.
    case "ended":
      return undefined;
  }
}

const LEFT_WHY = {
  left: "",
  lost: ": the connection was lost",
  slow: ": too slow for the room",
  refused: ": it broke the protocol",
};

/** Bytes of text that a record keeps: some hundred thousand messages. */
const MAX_RECORD = 8 * 1024 * 1024;

/** What this client has seen since it came, line by line; of too much, the newest. */
export class RoomRecord {
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

/** `1 line was`, `2 lines were`. */
function count(number: number, what: string): string {
  return number === 1 ? `1 ${what} was` : `${number} ${what}s were`;
}

/** Date and time of this machine with their distance from UTC (RFC 3339), to the second. */
export function stamp(time: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  const east = -time.getTimezoneOffset();
  const [hours, minutes] = [Math.floor(Math.abs(east) / 60), Math.abs(east) % 60];
  return `${date}T${clock}${east < 0 ? "-" : "+"}${two(hours)}:${two(minutes)}`;
}
