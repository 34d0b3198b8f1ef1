// Test helper: honest members with real screens, and checks that these show what was said, by whom, and nothing else.
// No part of the program.

import { equals } from "@std/bytes/equals";
import type { Terminal as Emulator } from "@xterm/headless";
import { type Client, join, type JoinOptions } from "../../client.ts";
import type { Disk } from "../../files/storage.ts";
import type { EarlierMessage, Person, RoomEvent, Transfer } from "../../room.ts";
import { HAZARDS } from "../../text/printable.ts";
import { Preferences } from "../../ui/preferences.ts";
import { Screen } from "../../ui/screen.ts";
import { PATIENCE_MS, within } from "./async.ts";
import { FakeTty } from "./fake_terminal.ts";
import { HONEST, type HonestName, LOOKALIKES } from "./hostile_acts.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { noise } from "./random.ts";

/** A line that an honest member has said: to everybody, or to one. */
interface Line {
  readonly by: HonestName;
  readonly to: HonestName | undefined;
  readonly text: string;
}

/** A file that an honest member has offered to the room, and that another one accepts. */
interface GivenFile {
  readonly by: HonestName;
  readonly to: HonestName;
}

/** All that the honest members have said and offered, and their ids. */
export class Script {
  readonly lines: Line[] = [];
  readonly #byText = new Map<string, Line>();
  readonly ids = new Map<HonestName, number>();
  /** By their unique names. */
  readonly files = new Map<string, GivenFile>();
  /** How often other members have requested one of them. */
  requests = 0;

  /** Adds a line with a unique text, which fits into one row. */
  add(by: HonestName, to?: HonestName): string {
    const text = `${by[0]}${this.lines.length} said by me`;
    const line = { by, to, text };
    this.lines.push(line);
    this.#byText.set(text, line);
    return text;
  }

  /** Adds a file; returns its name. */
  addFile(by: HonestName, to: HonestName): string {
    const name = `${by}-${this.files.size}.bin`;
    this.files.set(name, { by, to });
    return name;
  }

  find(text: string): Line | undefined {
    return this.#byText.get(text);
  }

  nameOf(id: number): HonestName | undefined {
    return HONEST.find((name) => this.ids.get(name) === id);
  }

  /** Whether this is an honest member's name as a screen may show it: with its id if another one has the name, too. */
  isNameOf(name: HonestName, shown: string): boolean {
    return shown === name || shown === `${name}#${this.ids.get(name)}`;
  }

  /** The texts that this observer must have been shown: by `by`, to everybody or to it alone. */
  expected(observer: HonestName, by: HonestName, isDirect: boolean): string[] {
    const fits = ({ to }: Line) =>
      isDirect ? to !== undefined && (to === observer || by === observer) : to === undefined;
    return this.lines.filter((line) => line.by === by && fits(line)).map(({ text }) => text);
  }
}

/** The bytes of a file of an honest member: in several pieces. */
const FILE_SIZE = 2 * 1024 * 1024;
/** Faults that are reported: one is enough to fail. */
const MAX_FAULTS = 20;

/** The rows of notices and announcements, on the screen and in plain mode. The honest members do not govern. */
const GOVERNED =
  /^(?:┃| ?\**\s?ANNOUNCEMENT by |(?:\*+ )?(?:the operator|you (?:removed|banned|ended|silenced|let|locked|unlocked|made)) )/;

/** What an observer was shown. */
export class Sight {
  readonly observer: HonestName;
  readonly #script: Script;
  /** What must not have happened. */
  readonly faults: string[] = [];
  readonly #shown: Line[] = [];
  /** The label of the message that the next row may continue. */
  #label: string | undefined;

  constructor(observer: HonestName, script: Script) {
    this.observer = observer;
    this.#script = script;
  }

  fault(what: string): void {
    const fault = `${this.observer}: ${what}`;
    if (this.faults.length < MAX_FAULTS && !this.faults.includes(fault)) this.faults.push(fault);
  }

  /** Whether this text was shown under its author's name. */
  has(text: string): boolean {
    return this.#shown.some((line) => line.text === text);
  }

  /** A message of an event or a row, under an honest member's name. */
  #show(by: HonestName, text: string, isDirect: boolean): void {
    const line = this.#script.find(text);
    const isTo = isDirect ? line?.to === this.observer || by === this.observer : !line?.to;
    if (line?.by !== by || !isTo) return this.fault(`${by} never said ${JSON.stringify(text)}`);
    this.#shown.push(line);
  }

  /** Rows that the terminal shows, in their order. The preferences must show no times. */
  rows(rows: readonly string[]): void {
    for (const row of rows) this.#row(row);
  }

  #row(row: string): void {
    const [, before, separator, text = ""] = /^(.*?) ([│╭])(?: (.*)|)$/u.exec(row) ?? [];
    if (before === undefined) {
      this.#label = undefined;
      return this.#notice(row);
    }
    const label = before.trim();
    if (label !== "") this.#label = label;
    const [, name = "", whom] = /^(?:\* )?(\S+?)( → you)?$/.exec(this.#label ?? "") ?? [];
    const [, to] = /^you → (\S+)$/.exec(this.#label ?? "") ?? [];
    if (separator === "╭") return this.#quote(text);
    if (text === "") return;
    for (const one of HONEST) {
      if (this.#script.isNameOf(one, name)) this.#show(one, text, whom !== undefined);
      if (to !== undefined && this.#script.isNameOf(one, to)) {
        this.#show(this.observer, text, true);
      }
    }
  }

  /** A row that names an earlier message: under an honest member's name, what that member has said. */
  #quote(row: string): void {
    const [, name = "", text = ""] = /^(\S+): (.*)$/.exec(row) ?? [];
    const by = HONEST.find((one) => this.#script.isNameOf(one, name));
    if (by !== undefined && this.#script.find(text)?.by !== by) {
      this.fault(`a quote of ${by}: ${row}`);
    }
  }

  #notice(row: string): void {
    // Names that are not marked: the honest members do nothing but join, before the others or at the same time.
    if (/^(?:\S+, )*\S+(?: and \S+| and \d+ more)? joined/.test(row)) return;
    const [, name = ""] = /^(\S+?)[ ,:]/.exec(row) ?? [];
    const honest = HONEST.find((one) => this.#script.isNameOf(one, name));
    const [, file = ""] = /^\S+ offers (\S+) \(/.exec(row) ?? [];
    const isOffer = honest !== undefined && this.#script.files.get(file)?.by === honest;
    if (honest !== undefined && !isOffer) this.fault(`a notice about ${honest}: ${row}`);
    if (GOVERNED.test(row)) this.fault(`an act that nobody did: ${row}`);
    if (/^(?:warning from|connection lost|connected again|you are sending)/.test(row)) {
      this.fault(`a notice about the connection: ${row}`);
    }
  }

  event(event: RoomEvent): void {
    switch (event.type) {
      case "message":
      case "direct": {
        const by = this.#script.nameOf(event.from.id);
        this.#checkName(event.from);
        if (event.type === "message") this.#checkQuoted(event.quoted, false);
        if (by === undefined) return;
        if (event.missing > 0) this.fault(`${event.missing} messages of ${by} are missing`);
        if (event.action) this.fault(`an action of ${by}`);
        return this.#show(by, event.text, event.type === "direct");
      }
      case "edited":
      case "deleted":
      case "reacted":
        this.#checkName(event.from);
        if (this.#script.nameOf(event.from.id)) this.fault(`${event.type}: ${event.from.name}`);
        return this.#checkQuoted(event.quoted, event.type !== "reacted");
      case "topic":
        this.#checkName(event.who!);
        if (this.#script.nameOf(event.who!.id)) this.fault(`a topic of ${event.who!.name}`);
        return;
      case "delivered":
        return this.#show(this.observer, event.text, true);
      case "joined":
      case "renamed":
      case "left":
      case "away":
      case "back":
      case "keychanged":
      case "forked":
      case "agreed":
        this.#checkName(event.who);
        if (event.type !== "joined" && this.#script.nameOf(event.who.id)) {
          this.fault(`${event.type}: ${event.who.name}`);
        }
        return;
      case "unreadable":
      case "offer": {
        this.#checkName(event.from);
        const by = this.#script.nameOf(event.from.id);
        if (by === undefined) return;
        const isTrue = event.type === "offer" &&
          event.files.every(({ name }) => this.#script.files.get(name)?.by === by);
        if (!isTrue) this.fault(`${event.type}: ${event.from.name}`);
        return;
      }
      case "transfer":
        return this.#transfer(event.transfer);
      // The honest members do not govern, and nobody can in their place.
      case "notice":
      case "bans":
      case "refused":
      case "warning":
      case "disconnected":
      case "undelivered":
      case "unsent":
        return this.fault(`${event.type}: ${JSON.stringify(event)}`);
      case "ended":
        if (event.ending.reason !== "left") this.fault(`ended: ${JSON.stringify(event.ending)}`);
    }
  }

  /** @param isChanged the event changes this message: nobody changes one of an honest member */
  #checkQuoted(quoted: EarlierMessage | undefined, isChanged: boolean): void {
    const by = quoted && this.#script.nameOf(quoted.from.id);
    if (!quoted || by === undefined) return;
    if (isChanged || quoted.isDeleted || this.#script.find(quoted.text)?.by !== by) {
      this.fault(`a quote of ${by}: ${JSON.stringify(quoted)}`);
    }
  }

  /** Nothing is received but what was accepted, and no file between two honest members fails. */
  #transfer({ state, direction, name, who }: Transfer): void {
    const file = this.#script.files.get(name);
    const isBetween = file !== undefined && (who === undefined || this.#script.nameOf(who.id));
    if (file?.by === this.observer && direction === "out" && !isBetween && state === "running") {
      this.#script.requests++;
    }
    const hasFailed = ["cancelled", "failed", "declined"].includes(state);
    const isRight = direction === "out"
      // Another member may request it, too, and end that as it likes.
      ? file?.by === this.observer && !(isBetween && hasFailed)
      : isBetween && file.to === this.observer
      ? !hasFailed
      : state === "offered" || hasFailed;
    if (!isRight) this.fault(`the transfer of ${name} is ${state}`);
  }

  /** No mark at an honest member's name but an id; a mark at every other name that looks like it. */
  #checkName({ id, name }: Person): void {
    // Before all honest members are here, nobody else is.
    if (this.#script.ids.size < HONEST.length) return;
    const honest = this.#script.nameOf(id);
    if (honest !== undefined) {
      if (!this.#script.isNameOf(honest, name)) this.fault(`${honest} is shown as ${name}`);
      return;
    }
    const bare = name.replace(/\(!\)$/, "").replace(/#\d+$/, "");
    for (const one of HONEST) {
      if (bare === name && LOOKALIKES[one].includes(bare)) {
        this.fault(`member ${id} is shown as ${name} (${escape(name)}), like ${one}`);
      }
    }
  }

  /** Compares what was shown with what was said. Call it once. */
  complete(): void {
    for (const by of HONEST) {
      for (const isDirect of [false, true]) {
        const shown = this.#shown.filter((line) => line.by === by && !line.to === !isDirect)
          .map(({ text }) => text);
        const expected = this.#script.expected(this.observer, by, isDirect);
        const at = expected.findIndex((text, i) => text !== shown[i]);
        if (at === -1 && shown.length === expected.length) continue;
        this.fault(
          `${by}${isDirect ? ", direct" : ""}: ${shown.length} lines of ${expected.length}; ` +
            `expected ${expected[at]}, shown ${shown[at === -1 ? expected.length : at]}`,
        );
      }
    }
  }
}

function escape(text: string): string {
  return [...text].map((c) => `U+${c.codePointAt(0)!.toString(16)}`).join(" ");
}

/** What the screen writes besides text: no more than this. */
const SEQUENCES = new RegExp(
  [
    "\\x1b\\[(?:(?!58)[\\d;]*m|[KHCJ]|\\d+[AC]|999M|\\?(?:7|25|1004|2004)[hl]|6n|>q)",
    "\\x1b\\]8;[!-~]*;[ -~]*\\x1b\\\\",
    "\\x1b\\](?:9;|777;notify;|99;;)[^\\p{Cc}]*\\x1b\\\\",
    "\\x1b\\]11;\\?\\x1b\\\\",
    "\\x1b\\[2[23];2t|\\x1b\\]2;[^\\p{Cc}]*\\x1b\\\\",
    "\\x07|\\r\\n|\\r",
  ].join("|"),
  "gu",
);

/** The first character in the output that a terminal could obey, or that hides others; undefined: there is none. */
export function findControl(output: string): string | undefined {
  const rest = output.replace(SEQUENCES, "");
  HAZARDS.lastIndex = 0;
  const found = HAZARDS.exec(rest);
  return found === null ? undefined : JSON.stringify(rest.slice(found.index).slice(0, 40));
}

/** Files that one honest member offers to the room, and another one accepts. */
export class HonestFiles {
  readonly #script: Script;
  /** Of the member that offers. */
  readonly offered = new MemoryDisk();
  /** Of the member that accepts. */
  readonly received = new MemoryDisk();

  /** Pieces that were read of the offered ones. */
  reads = 0;

  constructor(script: Script) {
    this.#script = script;
    this.offered.onRead = () => void this.reads++;
  }

  offer(by: HonestMember, to: HonestName): void {
    const name = this.#script.addFile(by.name, to);
    this.offered.files.set(name, noise(FILE_SIZE, this.#script.files.size));
    by.client.offer(name);
  }

  /** Waits until all are received, and returns what is wrong with them. */
  async complete(to: HonestMember): Promise<string[]> {
    const { files } = this.offered;
    const { received } = this.received;
    await to.until("the files", () => received.size >= files.size);
    const faults: string[] = [];
    for (const [name, bytes] of files) {
      if (!equals(received.get(name) ?? new Uint8Array(), bytes)) faults.push(`${name} is damaged`);
    }
    if (received.size > files.size) faults.push(`received: ${[...received.keys()]}`);
    for (const disk of [this.offered, this.received]) {
      if (disk.parts.size > 0) faults.push(`parts: ${[...disk.parts.keys()]}`);
    }
    if (this.offered.received.size > 0) faults.push(`at the sender: ${[...this.offered.received]}`);
    return faults;
  }
}

/** Takes the rows that have left the screen, each once. */
export class RowReader {
  readonly #term: Emulator;
  /** The last row that was taken; undefined before the first. A row on the screen would lose its marker when erased. */
  #marker: ReturnType<Emulator["registerMarker"]> | undefined;

  constructor(term: Emulator) {
    this.#term = term;
  }

  /** @param toEnd also those on the screen: then it takes no more afterwards */
  take(toEnd = false): string[] {
    const { active } = this.#term.buffer;
    if (this.#marker?.isDisposed) throw new Error("More rows have come than the emulator keeps");
    const from = this.#marker ? this.#marker.line + 1 : 0;
    const rows: string[] = [];
    for (let y = from; y < (toEnd ? active.length : active.baseY); y++) {
      rows.push(active.getLine(y)!.translateToString(true));
    }
    if (active.baseY > 0) {
      this.#marker?.dispose();
      this.#marker = this.#term.registerMarker(-active.cursorY - 1);
    }
    return rows;
  }
}

/** A terminal whose output is checked and not kept. */
class CheckedTty extends FakeTty {
  readonly #sight: Sight;
  /** Resolves at the next write. */
  news = Promise.withResolvers<void>();

  constructor(sight: Sight) {
    super();
    this.term.options.scrollback = 5_000;
    this.#sight = sight;
  }

  override write(text: string): void {
    this.writes++;
    this.term.write(text);
    this.news.resolve();
    this.news = Promise.withResolvers();
    const control = findControl(text);
    if (control !== undefined) this.#sight.fault(`to the terminal: ${control}`);
  }
}

/** A real client with a real screen on an emulated terminal. */
export class HonestMember implements AsyncDisposable {
  readonly client: Client;
  readonly name: HonestName;
  /** What its events show, and what its screen shows. */
  readonly events: Sight;
  readonly screen: Sight;
  /** Called with each event. */
  on: (event: RoomEvent) => void = () => {};
  readonly #tty: CheckedTty;
  readonly #reader: RowReader;
  readonly #view: Screen;
  readonly #running: Promise<unknown>;
  #news = Promise.withResolvers<void>();

  private constructor(client: Client, name: HonestName, script: Script) {
    this.client = client;
    this.name = name;
    script.ids.set(name, client.self.id);
    this.events = new Sight(name, script);
    this.screen = new Sight(name, script);
    this.#tty = new CheckedTty(this.screen);
    this.#reader = new RowReader(this.#tty.term);
    const preferences = new Preferences({ time: "off" });
    this.#view = new Screen({ tty: this.#tty, room: client, preferences });
    const running = client.run((event) => {
      this.#view.event(event);
      this.events.event(event);
      if (event.type === "offer" && script.nameOf(event.from.id)) {
        for (const { name: file, number } of event.files) {
          if (script.files.get(file)?.to === name) client.accept(number);
        }
      }
      this.on(event);
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    });
    this.#running = Promise.all([running, this.#view.run()]);
    // Reported when it is disposed of.
    this.#running.catch(() => {});
  }

  /** @param disk where the files that it offers are, and where those that it accepts go */
  static async join(
    name: HonestName,
    script: Script,
    disk: Disk,
    options: Omit<JoinOptions, "name">,
  ): Promise<HonestMember> {
    const client = await join({ handshakeMs: PATIENCE_MS, files: { disk }, ...options, name });
    return new HonestMember(client, name, script);
  }

  /** Resolves when `fits` returns true; it is called after each event. */
  async until(what: string, fits: () => boolean): Promise<void> {
    while (!fits()) await within(`${what} at ${this.name}`, this.#news.promise);
  }

  /** Checks the rows that have come since the last call. */
  async look(toEnd = false): Promise<void> {
    await this.#tty.drawn();
    this.screen.rows(this.#reader.take(toEnd));
  }

  /** Resolves when the screen shows this text, or has shown it. */
  async #shows(text: string): Promise<void> {
    for (;;) {
      const { news } = this.#tty;
      await this.look();
      // A screen that is damaged may never show it.
      if (this.screen.has(text) || this.screen.faults.length > 0) return;
      if ((await this.#tty.rows()).slice(-this.#tty.term.rows).some((row) => row.includes(text))) {
        return;
      }
      await within(`${text} on the screen of ${this.name}`, news.promise);
    }
  }

  /** Waits until the screen shows these texts, and checks everything that was shown. */
  async complete(last: readonly string[]): Promise<string[]> {
    for (const text of last) await this.#shows(text);
    await this.look(true);
    this.events.complete();
    this.screen.complete();
    return [...this.events.faults, ...this.screen.faults];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.leave();
    try {
      await within(`the end of ${this.name}`, this.#running);
    } finally {
      this.#view.close();
      this.#tty.typeLast(null);
      await this.#tty.drawn();
      this.#tty.term.dispose();
    }
  }
}
