// Test helper: a terminal emulator and a clock that is moved by hand, for tests of the screen. Not part of the
// program.

import { Unicode11Addon } from "@xterm/addon-unicode11";
import xterm from "@xterm/headless";
import type { Viewer } from "../../pictures/graphics.ts";
import type { Ending, RoomEvent, Transfer } from "../../room.ts";
import type { Environment } from "../../terminal/environment.ts";
import type { Tty } from "../../terminal/tty.ts";
import type { Preferences } from "../../ui/preferences.ts";
import type { Hosting } from "../../ui/leave_question.ts";
import type { NotifyCommand } from "../../ui/attention.ts";
import { Screen } from "../../ui/screen.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeRoom, OFFER } from "./fake_room.ts";

/** A terminal emulator as a `Tty`. */
export class FakeTty implements Tty {
  readonly term: InstanceType<typeof xterm.Terminal>;
  raw = false;
  output = "";
  writes = 0;
  listeners = new Set<() => void>();
  /** Resolves `read`. */
  #reading = Promise.withResolvers<Uint8Array | null>();
  /** Resolves when `read` is called. */
  #asked = Promise.withResolvers<void>();

  /** @param unicode the version whose widths of characters the terminal has */
  constructor(columns = 80, rows = 24, unicode: "6" | "11" = "6") {
    this.term = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.term.loadAddon(new Unicode11Addon());
    this.term.unicode.activeVersion = unicode;
  }

  size(): { columns: number; rows: number } {
    return { columns: this.term.cols, rows: this.term.rows };
  }

  read(): Promise<Uint8Array | null> {
    this.#reading = Promise.withResolvers();
    this.#asked.resolve();
    return this.#reading.promise;
  }

  write(text: string): void {
    this.output += text;
    this.writes++;
    this.term.write(text);
  }

  setRaw(raw: boolean): void {
    this.raw = raw;
  }

  onResize(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** How often the screen has suspended the program. */
  suspensions = 0;
  #resume = Promise.withResolvers<void>();
  readonly #onContinue = new Set<() => void>();

  // As in the program's terminal, which may have none.
  suspend: (() => Promise<void>) | undefined = () => {
    this.suspensions++;
    this.#resume = Promise.withResolvers();
    return this.#resume.promise;
  };

  onContinue(listener: () => void): () => void {
    this.#onContinue.add(listener);
    return () => this.#onContinue.delete(listener);
  }

  /** Continues the suspended program; if that fails, with an error. */
  async resume(error?: Error): Promise<void> {
    if (error) this.#resume.reject(error);
    else this.#resume.resolve();
    await this.drawn();
  }

  /** Something else has stopped and continued the program. */
  continue(): void {
    for (const listener of this.#onContinue) listener();
  }

  /** Types `input`; resolves when the screen has handled it and reads on. */
  async type(input: string | null | Error): Promise<void> {
    this.#asked = Promise.withResolvers();
    if (input instanceof Error) this.#reading.reject(input);
    else this.#reading.resolve(input === null ? null : new TextEncoder().encode(input));
    await this.#asked.promise;
  }

  /** Like `type`, if the screen will not read on. */
  typeLast(input: string | null | Error): void {
    void this.type(input);
  }

  /** Changes the size, and passes on what the emulator answers if it is asked something. */
  async resize(columns: number, rows: number): Promise<void> {
    await this.drawn();
    let answer = "";
    const listening = this.term.onData((data) => answer += data);
    this.term.resize(columns, rows);
    for (const listener of this.listeners) listener();
    await this.drawn();
    listening.dispose();
    if (answer !== "") await this.type(answer);
  }

  /** Resolves when the emulator has drawn everything. */
  drawn(): Promise<void> {
    return new Promise((resolve) => this.term.write("", resolve));
  }

  /** All rows including the scrollback, without empty ones at the end. */
  async rows(): Promise<string[]> {
    await this.drawn();
    const { active } = this.term.buffer;
    const rows = Array.from(
      { length: active.length },
      (_, i) => active.getLine(i)!.translateToString(true).trimEnd(),
    );
    while (rows.at(-1) === "") rows.pop();
    return rows;
  }

  /** The cursor's row among `rows()`, and its column. */
  async cursor(): Promise<[row: number, column: number]> {
    await this.drawn();
    const { active } = this.term.buffer;
    return [active.baseY + active.cursorY, active.cursorX];
  }
}

/** A file that bob is sending. */
export function going(fields: Partial<Transfer> = {}): Transfer {
  return { ...OFFER, state: "running", bytes: 1024 * 1024, rate: 65536, ...fields };
}

export interface Setup {
  tty: FakeTty;
  clock: FakeClock;
  room: FakeRoom;
  screen: Screen;
  /** Passes events to the screen, and lets it draw. */
  tell(...events: RoomEvent[]): void;
  /** The result of `run`. */
  ending: Promise<Ending>;
}

interface ScreenOptions {
  preferences?: Preferences;
  environment?: Environment;
  pictures?: Viewer;
  hosting?: Hosting;
  notifyCommand?: NotifyCommand;
  unicode?: "6" | "11";
}

/** A running screen. */
export function setUp(columns = 80, rows = 24, options: ScreenOptions = {}): Setup {
  const tty = new FakeTty(columns, rows, options.unicode);
  const clock = new FakeClock();
  const room = new FakeRoom({ maxText: 100 });
  const screen = new Screen({ tty, room, clock, ...options });
  const ending = screen.run();
  const tell = (...events: RoomEvent[]) => {
    for (const event of events) screen.event(event);
    clock.pass();
  };
  return { tty, clock, room, screen, tell, ending };
}
