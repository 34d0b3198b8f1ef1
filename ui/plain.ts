// The room as plain lines: in a pipe, as JSON for programs, and on terminals that can only print. Sends the
// lines it reads, and writes what happens; it never redraws. Knows no terminal: the pipes are passed in.

import { PROTECTIONS } from "../cipher.ts";
import { ChatError } from "../errors.ts";
import type { Room, RoomEvent, Transfer } from "../room.ts";
import { type InputLine, LineSplitter } from "../text/lines.ts";
import { jsonLine, printable } from "../text/printable.ts";
import { hintOf } from "./hints.ts";
import {
  describe,
  moderationOf,
  type OutputLine,
  parseInput,
  toError,
  toMember,
  toTransfer,
} from "./json_lines.ts";
import type { MessageFormat } from "./message_format.ts";
import { rulesText } from "./moderation_text.ts";
import { plainLines } from "./plain_lines.ts";
import { ProgressLines } from "./transfer_text.ts";

/** Standard input, output and error. */
export interface Pipes {
  /** Fills the buffer; null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes results to stdout; returns how many bytes were written. */
  writeOut(bytes: Uint8Array): Promise<number>;
  /** Writes one line for people to stderr. */
  note(line: string): void;
}

export interface PlainOptions {
  json: boolean;
  /** Stay in the room when the input has ended. */
  stay: boolean;
  /** Handles a line that a person typed; without it, each line is sent as a message. */
  onLine?: (line: string) => void;
  /** Called once for each event: what to show, or undefined to hide it. JSON shows all. */
  onEvent?: (event: RoomEvent) => RoomEvent | undefined;
  /** How messages are written as text. */
  format?: MessageFormat | undefined;
  /** For the timestamps in JSON. */
  now: () => Date;
}

/** Unconfirmed messages at which reading pauses. */
const WINDOW_MESSAGES = 256;
/** UTF-16 units of unconfirmed text at which reading pauses; any one message fits. */
const WINDOW_TEXT = 512 * 1024;
/** Characters of output for a slow reader at which the room has to wait. */
const MAX_WAITING = 1024 * 1024;

const READ_BUFFER = 64 * 1024;
/** What a line of JSON may hold besides its text, in bytes: the other fields, and white space. */
const JSON_AROUND = 1024;

/**
 * A room between pipes. `event` takes every event of the room; `run` reads the input.
 *
 * 1. Each line of input is sent to the room (or handled, if it is JSON).
 * 2. At the end of the input it waits for all confirmations, then leaves the room, unless it is to stay.
 */
export class PlainScreen {
  /** Lines of input that failed, at once or later, and that no person typed; they set the exit code. */
  faults = 0;
  /** The error of a write to stdout, after which no more is written. */
  broken: { readonly cause: unknown } | undefined;

  readonly #room: Room;
  readonly #pipes: Pipes;
  readonly #options: PlainOptions;
  readonly #encoder = new TextEncoder();
  readonly #moving = new ProgressLines();
  // Unconfirmed messages and their UTF-16 units: as counted last, plus the lines since then.
  #messages = 0;
  #text = 0;
  #waiting = "";
  #writing: Promise<void> | undefined;
  #ended = false;
  /** The input asked to leave: the rest of it is not read. */
  #leaving = false;
  /** Resolves at the next event that may have changed what is pending. */
  #progress = Promise.withResolvers<void>();

  constructor(room: Room, pipes: Pipes, options: PlainOptions) {
    this.#room = room;
    this.#pipes = pipes;
    this.#options = options;
  }

  /** Shows one event of the room. If it returns a promise, the caller MUST wait: the output is full. */
  event(event: RoomEvent): void | Promise<void> {
    if (event.type === "ended") this.#ended = true;
    // A person sees it at once.
    if (event.type === "refused" && !this.#options.onLine) this.faults++;
    if (this.#options.json) this.#writeJson(describe(event));
    else {
      const shown = this.#options.onEvent ? this.#options.onEvent(event) : event;
      if (shown) this.#show(shown);
    }
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
    if (this.#waiting.length > MAX_WAITING) return this.#writing;
  }

  /** Reads the input until it or the room ends; resolves when the client has nothing more to do. */
  async run(): Promise<void> {
    const { maxText } = this.#room.info;
    // JSON may spell one byte of UTF-8 with six (\u0041).
    const limit = this.#options.json ? 6 * maxText + JSON_AROUND : maxText;
    const splitter = new LineSplitter(limit);
    const buffer = new Uint8Array(READ_BUFFER);
    while (!this.#ended && !this.#leaving) {
      const count = await this.#pipes.read(buffer);
      const lines = count === null ? splitter.end() : splitter.push(buffer.subarray(0, count));
      for (const line of lines) {
        await this.#until(() => this.#hasRoom());
        // Output can be larger than the input that causes it: a list of members, errors.
        if (this.#waiting.length > MAX_WAITING) await this.#writing;
        if (this.#ended || this.#leaving) break;
        this.#take(line);
      }
      if (count === null) break;
    }
    if (this.#options.stay && !this.#leaving) return;
    await this.#until(() => this.#room.pending.length === 0 && this.#room.going.every(isStalled));
    if (!this.#ended) this.#room.leave();
  }

  /** Resolves when all output has been written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Counts only near the limit: counting takes time, and the lines are many. */
  #hasRoom(): boolean {
    const fits = () => this.#messages < WINDOW_MESSAGES && this.#text < WINDOW_TEXT;
    if (fits()) return true;
    const { pending } = this.#room;
    this.#messages = pending.length;
    this.#text = pending.reduce((sum, { text }) => sum + text.length, 0);
    return fits();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!this.#ended && !condition()) await this.#progress.promise;
  }

  #take(line: InputLine): void {
    try {
      if ("fault" in line) {
        throw new ChatError(`Cannot read this line: ${line.fault}`, {
          refusal: line.kind === "long" ? "long" : "syntax",
        });
      }
      // A program may write them between its requests.
      if (this.#options.json && line.text.trim() === "") return;
      // A line causes at most one message, whose text is never longer than the line.
      this.#messages++;
      this.#text += line.text.length;
      if (this.#options.json) this.#handle(line.number, line.text);
      else if (this.#options.onLine) this.#options.onLine(line.text);
      else this.#room.say(line.text);
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      this.#fail(line.number, error);
    }
  }

  #fail(line: number, error: ChatError): void {
    // A person sees the error at once and can correct it, so it does not set the exit code.
    if (this.#options.onLine) {
      this.#pipes.note(error.message);
      const hint = hintOf(error, "person");
      if (hint !== undefined) this.#pipes.note(hint);
      return;
    }
    this.faults++;
    if (this.#options.json) {
      this.#writeJson(toError(line, error));
    } else {
      this.#pipes.note(`chat: error: line ${line}: ${error.message}`);
      const hint = hintOf(error, "shell");
      if (hint !== undefined) this.#pipes.note(`chat: hint: ${hint}`);
    }
  }

  // ---- text ----

  #show(event: RoomEvent): void {
    if (event.type === "progress") {
      const line = this.#moving.take(this.#room.going, this.#options.now().getTime());
      if (line !== undefined) this.#pipes.note(printable(line));
      return;
    }
    const { now, format } = this.#options;
    for (const { isMessage, text } of plainLines(event, now(), format)) {
      if (isMessage) this.#write(text);
      else this.#pipes.note(text);
    }
    const rules = event.type === "members" ? rulesText(this.#room.governance) : undefined;
    if (rules !== undefined) this.#pipes.note(rules);
    // A screen shows this in its status line.
    if (event.type === "welcome" && this.#options.onLine) {
      const { cipher } = event.room;
      this.#pipes.note(`${cipher}: ${PROTECTIONS[cipher]}; /help lists the commands`);
    }
  }

  // ---- JSON ----

  /** Does what one line of JSON input asks for. */
  #handle(line: number, text: string): void {
    const input = parseInput(text);
    const room = this.#room;
    const moderation = moderationOf(input);
    if (moderation) return room.moderate(moderation);
    switch (input.type) {
      case "say":
        return this.#writeJson({ type: "sent", line, ref: room.say(input.text, input.re) });
      case "act":
        return this.#writeJson({ type: "sent", line, ref: room.act(input.text, input.re) });
      case "edit":
        return this.#writeJson({ type: "sent", line, ref: room.change(input) });
      case "delete":
        return this.#writeJson({ type: "sent", line, ref: room.change(input) });
      case "react": {
        const { removed = false } = input;
        return this.#writeJson({ type: "sent", line, ref: room.change({ ...input, removed }) });
      }
      case "tell":
        return this.#writeJson({ type: "sent", line, ref: room.tell(input.to, input.text) });
      case "rename":
        return room.rename(input.name);
      case "status":
        return room.setStatus(input.text === "" ? undefined : input.text);
      case "topic":
        return room.setTopic(input.text);
      case "offer":
        return room.offer(input.path);
      case "give":
        return room.offer(input.path, input.to);
      case "accept":
      case "decline":
      case "cancel":
        return void room[input.type](input.transfer);
      case "transfers":
        return this.#writeJson({ type: "transfers", transfers: room.transfers.map(toTransfer) });
      case "who":
        return this.#writeJson({ type: "members", members: room.members.map(toMember) });
      case "reconnect":
        return room.reconnect();
      case "leave":
        this.#leaving = true;
        return;
    }
  }

  #writeJson({ type, ...fields }: OutputLine): void {
    this.#write(jsonLine({ type, time: this.#options.now().toISOString(), ...fields }));
  }

  // ---- output ----

  /** Gathers lines into few writes. */
  #write(line: string): void {
    if (this.broken) return;
    this.#waiting += line + "\n";
    this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // Lines of the same turn share one write.
    await Promise.resolve();
    try {
      while (this.#waiting !== "") {
        const bytes = this.#encoder.encode(this.#waiting);
        this.#waiting = "";
        for (let at = 0; at < bytes.length;) {
          at += await this.#pipes.writeOut(bytes.subarray(at));
        }
      }
    } catch (cause) {
      // The reader has gone (`chat join | head`), or the disk is full: nobody would see more output.
      this.broken = { cause };
      this.#waiting = "";
      this.#room.leave();
    }
    this.#writing = undefined;
  }
}

/** Stalled transfers are not waited for: the other side may never return. */
function isStalled({ stalled }: Transfer): boolean {
  return stalled !== undefined;
}
