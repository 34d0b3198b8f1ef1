// The room as plain lines: in a pipe, as JSON for programs, and where the terminal can do no more than
// print. Reads lines, says them, and writes what happens; nothing is ever redrawn.

import { PROTECTIONS } from "../cipher.ts";
import { ChatError } from "../errors.ts";
import type { Room, RoomEvent, Transfer } from "../room.ts";
import { type InputLine, LineSplitter } from "../text/lines.ts";
import { jsonLine } from "../text/printable.ts";
import { describe, type OutputLine, parseInput, toMember, toTransfer } from "./json_lines.ts";
import { plainLines } from "./plain_lines.ts";

/** The ends of the pipes. */
export interface Pipes {
  /** Fills the buffer; null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Results. */
  writeOut(bytes: Uint8Array): Promise<number>;
  /** One line for people, on stderr. */
  note(line: string): void;
}

export interface PlainOptions {
  json: boolean;
  /** Stays when the input has ended. */
  stay: boolean;
  /** What a line of input does, where a person types it; without it each line is said. */
  onLine?: (line: string) => void;
  /** Asked of each event before it is shown, once: false leaves it out. JSON has all. */
  onEvent?: (event: RoomEvent) => boolean;
  /** For the times in JSON. */
  now: () => Date;
}

/** Messages that may wait for their confirmation before more input is read. */
const WINDOW_MESSAGES = 256;
/** UTF-16 units of text that may. Large enough for any one message. */
const WINDOW_TEXT = 512 * 1024;
/** Characters of output that may wait for a slow reader before the room has to. */
const MAX_WAITING = 1024 * 1024;

const READ_BUFFER = 64 * 1024;
/** What a line of JSON may have besides its text: the other fields, and space between them. */
const JSON_AROUND = 1024;

/**
 * A room between pipes. `tell` gets every event of the room; `run` reads the input.
 *
 * 1. Each line of input is said to the room (or done, if it is JSON).
 * 2. At the end of the input all that was sent is waited for, and the room left; or, to stay, not.
 */
export class PlainScreen {
  /** Some input could not be taken, and no person typed it: the exit code says so. */
  faults = 0;
  /** Nobody reads the output any more. */
  broken = false;

  readonly #room: Room;
  readonly #pipes: Pipes;
  readonly #options: PlainOptions;
  readonly #encoder = new TextEncoder();
  // No more than so many messages, with so many units of text, wait for their confirmation: what was counted
  // last, and the lines since.
  #messages = 0;
  #text = 0;
  #waiting = "";
  #writing: Promise<void> | undefined;
  #ended = false;
  /** The input asks to leave: nothing more of it is read. */
  #leaving = false;
  /** Resolves at the next event that may have changed what is pending. */
  #progress = Promise.withResolvers<void>();

  constructor(room: Room, pipes: Pipes, options: PlainOptions) {
    this.#room = room;
    this.#pipes = pipes;
    this.#options = options;
  }

  /** One event of the room. A returned promise asks to wait: the output can't follow. */
  event(event: RoomEvent): void | Promise<void> {
    if (event.type === "ended") this.#ended = true;
    if (this.#options.json) this.#writeJson(describe(event));
    else if (this.#options.onEvent?.(event) ?? true) this.#show(event);
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
    if (this.#waiting.length > MAX_WAITING) return this.#writing;
  }

  /** Reads the input to its end, or the room's; resolves when the client has nothing more to do. */
  async run(): Promise<void> {
    const { maxText } = this.#room.info;
    // A byte of UTF-8 can take six in JSON (\u0041).
    const limit = this.#options.json ? 6 * maxText + JSON_AROUND : maxText;
    const splitter = new LineSplitter(limit);
    const buffer = new Uint8Array(READ_BUFFER);
    while (!this.#ended && !this.#leaving) {
      const count = await this.#pipes.read(buffer);
      const lines = count === null ? splitter.end() : splitter.push(buffer.subarray(0, count));
      for (const line of lines) {
        await this.#until(() => this.#hasRoom());
        // What the lines bring about may be more than they are: a list of members, errors.
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

  /** Counts only where there might be no room: that takes time, and there are many lines. */
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
      if ("fault" in line) throw new ChatError(`Cannot take this line: ${line.fault}`);
      // A line says at most one message, whose text is never longer than the line.
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
    // A person hears of it at once, and makes it good: no more than a slip of the finger, it is no failure.
    if (this.#options.onLine) {
      this.#pipes.note(error.message);
      if (error.hint !== undefined) this.#pipes.note(error.hint);
      return;
    }
    this.faults++;
    if (this.#options.json) {
      const hint = error.hint === undefined ? {} : { hint: error.hint };
      this.#writeJson({ type: "error", line, message: error.message, ...hint });
    } else {
      this.#pipes.note(`chat: error: line ${line}: ${error.message}`);
      if (error.hint !== undefined) this.#pipes.note(`chat: hint: ${error.hint}`);
    }
  }

  // ---- text ----

  #show(event: RoomEvent): void {
    for (const { said, text } of plainLines(event, this.#options.now())) {
      if (said) this.#write(text);
      else this.#pipes.note(text);
    }
    // What the status line of a screen would say all the time.
    if (event.type === "welcome" && this.#options.onLine) {
      const { cipher } = event.room;
      this.#pipes.note(`${cipher}: ${PROTECTIONS[cipher]}; /help lists the commands`);
    }
  }

  // ---- JSON ----

  /** One line of JSON input: what it asks for is done. */
  #handle(line: number, text: string): void {
    const input = parseInput(text);
    const room = this.#room;
    switch (input.type) {
      case "say":
        return this.#writeJson({ type: "sent", line, ref: room.say(input.text) });
      case "act":
        return this.#writeJson({ type: "sent", line, ref: room.act(input.text) });
      case "tell":
        return this.#writeJson({ type: "sent", line, ref: room.tell(input.to, input.text) });
      case "rename":
        return room.rename(input.name);
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
    // What comes in the same turn goes out in the same write.
    await Promise.resolve();
    try {
      while (this.#waiting !== "") {
        const bytes = this.#encoder.encode(this.#waiting);
        this.#waiting = "";
        for (let at = 0; at < bytes.length;) {
          at += await this.#pipes.writeOut(bytes.subarray(at));
        }
      }
    } catch {
      // The reader has gone (`chat join | head`): there is nobody to write for.
      this.broken = true;
      this.#waiting = "";
      this.#room.leave();
    }
    this.#writing = undefined;
  }
}

/** What is stalled is not waited for: the other side may never come back. */
function isStalled({ stalled }: Transfer): boolean {
  return stalled !== undefined;
}
