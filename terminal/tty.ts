// The terminal that the screen reads and draws on: what the screen needs of one, and the program's own. Passes
// bytes and text on. Knows no keys and no escape sequences.

import { ChatError } from "../errors.ts";
import { writeAll } from "./write_all.ts";

/** What the screen needs of a terminal. */
export interface Tty {
  size(): { columns: number; rows: number };
  /** The next bytes from the keyboard, or null if the terminal has gone: its window was closed. */
  read(): Promise<Uint8Array | null>;
  /** Writes all of `text` before it returns; nothing if the terminal has gone, which `read` reports. */
  write(text: string): void;
  /** In raw mode each key arrives at once, and Ctrl-C is a key like the others. */
  setRaw(raw: boolean): void;
  /** Calls `listener` after each change of size. Returns a function that ends this. */
  onResize(listener: () => void): () => void;
  /**
   * Stops the program, as Ctrl-Z does in other programs; resolves when it is continued. Undefined where shells cannot
   * do that.
   *
   * @throws {ChatError} if that is not possible
   */
  readonly suspend?: (() => Promise<void>) | undefined;
  /** Calls `listener` when something else has stopped and continued the program. Returns a function that ends this. */
  onContinue(listener: () => void): () => void;
}

/**
 * Reads from a stream that is a terminal; null at its end, also if the terminal has gone. Then reading may fail with
 * EIO or find the end, and the stream is not a terminal any more.
 */
export async function readFrom(
  stream: { isTerminal(): boolean; read(buffer: Uint8Array): Promise<number | null> },
  buffer: Uint8Array,
): Promise<number | null> {
  try {
    return await stream.read(buffer);
  } catch (error) {
    if (stream.isTerminal()) throw error;
    return null;
  }
}

/** How long a program that was continued waits for the signal that says so, in ms. */
const CONTINUE_MS = 1000;

const buffer = new Uint8Array(64 * 1024);

async function readBytes(): Promise<Uint8Array | null> {
  const length = await readFrom(Deno.stdin, buffer);
  return length === null ? null : buffer.slice(0, length);
}

/** The terminal of this process. */
export class SystemTty implements Tty {
  /**
   * The read under way, also of a terminal that is not used any more: Deno cannot end it, and a second one would wait
   * for it. So it is shared.
   */
  static #reading: Promise<Uint8Array | null> | undefined;
  /** Resolves when the terminal has gone, as far as writing shows. */
  readonly #gone = Promise.withResolvers<null>();
  /** While it is suspended: to call when it is continued. */
  #continued: (() => void) | undefined;

  size(): { columns: number; rows: number } {
    try {
      const { columns, rows } = Deno.consoleSize();
      // Some pseudo-terminals report 0 by 0.
      if (columns > 0 && rows > 0) return { columns, rows };
    } catch {
      // The terminal was closed.
    }
    return { columns: 80, rows: 24 };
  }

  async read(): Promise<Uint8Array | null> {
    SystemTty.#reading ??= readBytes().finally(() => SystemTty.#reading = undefined);
    return await Promise.race([SystemTty.#reading, this.#gone.promise]);
  }

  write(text: string): void {
    this.#unlessGone(Deno.stdout, () => writeAll(Deno.stdout, text));
  }

  setRaw(raw: boolean): void {
    this.#unlessGone(Deno.stdin, () => Deno.stdin.setRaw(raw));
  }

  #unlessGone(stream: { isTerminal(): boolean }, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (stream.isTerminal()) throw error;
      this.#gone.resolve(null);
    }
  }

  onResize(listener: () => void): () => void {
    // Windows has no such signal. The size is read at each redraw, so that the next one is right again.
    if (Deno.build.os === "windows") return () => {};
    Deno.addSignalListener("SIGWINCH", listener);
    return () => Deno.removeSignalListener("SIGWINCH", listener);
  }

  readonly suspend = Deno.build.os === "windows" ? undefined : () => this.#suspend();

  readonly #isTask: boolean;

  /**
   * @param isTask a runner of tasks has started the program. It may catch the signal that would stop it, and so leave
   * the user with a stopped program and no shell
   */
  constructor({ isTask = false } = {}) {
    this.#isTask = isTask;
  }

  /**
   * A program may send itself a signal only if Deno lets it run any command: more than this one should be able to do.
   * In raw mode Ctrl-Z is a key. If the terminal made a signal of it, it would make signals of Ctrl-C and of pasted
   * characters, too, and stop the program before it could restore the terminal. So a command
   * sends the signal: `kill`, to all processes of the job, as the terminal would.
   */
  async #suspend(): Promise<void> {
    if (this.#isTask) {
      throw new ChatError("Cannot suspend a program that `deno task` or npm has started");
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#continued = resolve;
    try {
      // The program stops while it waits here.
      const { success, signal } = new Deno.Command("kill", {
        args: ["-TSTP", "0"],
        // Deno refuses to run a command with LD_PRELOAD.
        clearEnv: true,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).outputSync();
      // It is part of the job, too, so what ends the job may end it first.
      if (!success && signal === null) throw new ChatError("Cannot suspend: `kill` failed");
      // No signal arrives if nothing could continue the program: then the system has not stopped it.
      const timer = setTimeout(resolve, CONTINUE_MS);
      await promise;
      clearTimeout(timer);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw new ChatError("Cannot suspend: this system has no command `kill`", { cause });
    } finally {
      this.#continued = undefined;
    }
  }

  onContinue(listener: () => void): () => void {
    if (Deno.build.os === "windows") return () => {};
    const onSignal = () => (this.#continued ?? listener)();
    Deno.addSignalListener("SIGCONT", onSignal);
    return () => Deno.removeSignalListener("SIGCONT", onSignal);
  }
}
