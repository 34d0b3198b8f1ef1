// TODO: say what this is.

import { writeAll } from "./write_all.ts";

/** A terminal, as far as the screen needs one. */
export interface Tty {
  size(): { columns: number; rows: number };
  /** The next bytes that were typed; null when there will be no more. */
  read(): Promise<Uint8Array | null>;
  /** Writes all of `text` before it returns. */
  write(text: string): void;
  /** In raw mode each key comes at once, and Ctrl-C is a key like others. */
  setRaw(raw: boolean): void;
  /** Calls `listener` after each change of size; returns how to end that. */
  onResize(listener: () => void): () => void;
}

/** The terminal that this program runs in. */
export class SystemTty implements Tty {
  readonly #buffer = new Uint8Array(64 * 1024);

  size(): { columns: number; rows: number } {
    try {
      const { columns, rows } = Deno.consoleSize();
      // Some pseudo-terminals have no size: 0 by 0.
      if (columns > 0 && rows > 0) return { columns, rows };
    } catch {
      // Nor can it be asked for where the terminal has been closed.
    }
    return { columns: 80, rows: 24 };
  }

  async read(): Promise<Uint8Array | null> {
    const length = await Deno.stdin.read(this.#buffer);
    return length === null ? null : this.#buffer.slice(0, length);
  }

  write(text: string): void {
    writeAll(Deno.stdout, text);
  }

  setRaw(raw: boolean): void {
    Deno.stdin.setRaw(raw);
  }

  onResize(listener: () => void): () => void {
    // Windows has no such signal; the size is asked for at each redraw, so the next one is right again.
    if (Deno.build.os === "windows") return () => {};
    Deno.addSignalListener("SIGWINCH", listener);
    return () => Deno.removeSignalListener("SIGWINCH", listener);
  }
}
