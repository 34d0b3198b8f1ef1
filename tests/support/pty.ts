// Test helper: a shell on a real pseudo-terminal. A terminal emulator shows its screen. No part of the program.

import * as pty from "@lydell/node-pty";
import { assertEquals } from "@std/assert";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import xterm from "@xterm/headless";
import type { Cell, Ink, ScreenCells } from "./cells.ts";
import { within } from "./async.ts";
import { home, start } from "./program.ts";

/** The terminal of a shell. The shell starts the program like any other. */
export class Terminal implements AsyncDisposable {
  readonly #emulator: xterm.Terminal;
  readonly #pty: pty.IPty;
  readonly #exit: Promise<void>;
  #news = Promise.withResolvers<void>();
  /** What the terminal has done besides showing text. Tests clear it. */
  effects: string[] = [];
  /** The window's title. */
  title = "";
  /** All output to the terminal. */
  output = "";

  /** @param options with `wideEmoji`, emoji take two columns, as in new terminals */
  constructor({ columns = 80, rows = 24, env = home.env, wideEmoji = false } = {}) {
    this.#emulator = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: 10_000,
      allowProposedApi: true,
    });
    if (wideEmoji) {
      this.#emulator.loadAddon(new Unicode11Addon());
      this.#emulator.unicode.activeVersion = "11";
    }
    this.#emulator.onBell(() => this.effects.push("bell"));
    this.#emulator.onTitleChange((title) => {
      this.title = title;
      // The program's own titles are no surprise.
      if (!/^(?:|(?:\(\d+\) )?chat: 127\.0\.0\.1:\d+)$/.test(title)) {
        this.effects.push(`title ${title}`);
      }
    });
    this.#emulator.onData((data) => this.effects.push(`answer ${data}`));
    this.#emulator.buffer.onBufferChange(({ type }) => this.effects.push(`buffer ${type}`));
    this.#pty = pty.spawn("sh", [], {
      cols: columns,
      rows,
      cwd: `${import.meta.dirname!}/../..`,
      env: { ...env, PS1: "$ ", TERM: "xterm-256color" },
    });
    this.#pty.onData((data) => {
      this.output += data;
      this.#emulator.write(data, () => {
        this.#news.resolve();
        this.#news = Promise.withResolvers();
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pty.onExit(() => resolve());
    this.#exit = promise;
  }

  /** Starts the program, and prints its exit code at the end. */
  run(...args: string[]): void {
    const words = [start.path, ...start.args, ...args].map((word) => `'${word}'`);
    // In two pieces: the echoed command must not look like its output.
    const printed = (what: string) => `echo "${what[0]}""${what.slice(1)}"`;
    const program = `sh -c '${printed("pid $$")}; exec "$@"' sh ${words.join(" ")}`;
    // At once: until the shell does it, the output of an earlier program would look like that of this one.
    this.#emulator.clear();
    this.type(`clear; ${program}; ${printed("exit code $?")}\r`);
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** Changes the window's size: first on the screen, then for the program, which gets a signal. */
  resize(columns: number, rows: number): void {
    this.#emulator.resize(columns, rows);
    this.#pty.resize(columns, rows);
  }

  /** Sends a signal to the program that was started last. */
  signal(signal: Deno.Signal): void {
    const [, pid] = [...this.output.matchAll(/pid (\d+)\r/g)].at(-1)!;
    Deno.kill(Number(pid), signal);
  }

  /** The screen's rows from top to bottom, without empty ones. */
  get rows(): string[] {
    const { active } = this.#emulator.buffer;
    return Array.from(
      { length: this.#emulator.rows },
      (_, row) => active.getLine(active.baseY + row)?.translateToString(true) ?? "",
    ).filter((row) => row !== "");
  }

  /** All rows, including empty rows and the scrollback. */
  get history(): string[] {
    const { active } = this.#emulator.buffer;
    return Array.from(
      { length: active.length },
      (_, row) => active.getLine(row)?.translateToString(true) ?? "",
    );
  }

  /** The screen, cell by cell. */
  get screen(): ScreenCells {
    const { active } = this.#emulator.buffer;
    const rows = Array.from({ length: this.#emulator.rows }, (_, y) => {
      const line = active.getLine(active.baseY + y)!;
      return Array.from({ length: line.length }, (_, x) => line.getCell(x)!)
        // The second half of a wide character has no width.
        .filter((cell) => cell.getWidth() > 0).map(cellOf);
    });
    const cursor = { column: active.cursorX, row: active.cursorY };
    return { columns: this.#emulator.cols, rows, cursor };
  }

  /** The colour of the first character of `text`, from the palette of 256. Undefined if it has the default colour. */
  colorOf(text: string): number | undefined {
    const { active } = this.#emulator.buffer;
    for (let y = active.length - 1; y >= 0; y--) {
      const line = active.getLine(y)!;
      const at = line.translateToString(true).indexOf(text);
      if (at < 0) continue;
      const cell = line.getCell(at)!;
      return cell.isFgPalette() ? cell.getFgColor() : undefined;
    }
    return undefined;
  }

  /** Resolves when the screen shows `text`. */
  async shows(text: string | RegExp): Promise<void> {
    const pattern = typeof text === "string" ? undefined : text;
    const seen = () => {
      const screen = this.rows.join("\n");
      return pattern ? pattern.test(screen) : screen.includes(text as string);
    };
    await this.until(String(text), seen);
  }

  /** Resolves when the output has made `seen` true. */
  async until(what: string, seen: () => boolean): Promise<void> {
    while (!seen()) {
      const { promise } = this.#news;
      await within(`${what} on the screen:\n${this.rows.join("\n")}`, promise);
    }
  }

  get emulator(): xterm.Terminal {
    return this.#emulator;
  }

  /** The modes that the program sets: reports of pastes and of the focus. */
  get modes(): { paste: boolean; focus: boolean } {
    const { bracketedPasteMode: paste, sendFocusMode: focus } = this.#emulator.modes;
    return { paste, focus };
  }

  /** Asserts that the terminal edits and echoes lines itself, as a shell expects. */
  async assertSane(): Promise<void> {
    this.type("clear; stty -a | tr ' ' '\\n' | grep -E '^-?(echo|icanon|isig);?$' | tr -d ';'\r");
    // The output and the prompt after it, not the command, which may be echoed twice.
    await this.shows(/(?:^-?(?:echo|icanon|isig)\n){3}\$ *$/m);
    const flags = this.rows.slice(-4).filter((row) => /^-?(echo|icanon|isig)$/.test(row)).sort();
    assertEquals(flags, ["echo", "icanon", "isig"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pty.kill("SIGKILL");
    await this.#exit;
    // The emulator processes its input in a timer.
    await new Promise<void>((resolve) => this.#emulator.write("", resolve));
    this.#emulator.dispose();
  }
}

function cellOf(cell: xterm.IBufferCell): Cell {
  const ink = (isDefault: boolean, isRGB: boolean, color: number): Ink => {
    if (isDefault) return undefined;
    return isRGB ? `#${color.toString(16).padStart(6, "0")}` : color;
  };
  return {
    text: cell.isInvisible() ? "" : cell.getChars(),
    columns: cell.getWidth() === 2 ? 2 : 1,
    ink: ink(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor()),
    ground: ink(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor()),
    bold: cell.isBold() !== 0,
    dim: cell.isDim() !== 0,
    italic: cell.isItalic() !== 0,
    underline: cell.isUnderline() !== 0,
    inverse: cell.isInverse() !== 0,
  };
}
