// The system as the command line sees it: streams, environment, signals, clock, terminal, exit. The verbs get it
// passed in, so that a test can run a verb in its own process. Only this file touches the real one. It knows no verb
// and no room.

import { UsageError } from "../errors.ts";
import type { KeyboardInput } from "../terminal/prompt.ts";
import { SystemTty, type Tty } from "../terminal/tty.ts";
import type { SyncWriter } from "../terminal/write_all.ts";
import { runCommand } from "./run_command.ts";

/** What `Deno.stdin` offers. */
export interface InputStream extends KeyboardInput {
  /** Fills the buffer; null at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** What `Deno.stdout` and `Deno.stderr` offer. */
export interface OutputStream extends SyncWriter {
  isTerminal(): boolean;
  write(bytes: Uint8Array): Promise<number>;
}

export interface System {
  /** As in `Deno.build.os`. */
  readonly os: string;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** A variable of the environment. */
  env(name: string): string | undefined;
  now(): Date;
  /** For how many seconds the machine has run since its last start; undefined if the system does not report it. */
  uptime(): number | undefined;
  /** The addresses of this machine. */
  addresses(): { family: "IPv4" | "IPv6"; address: string }[];
  /** The terminal on stdin and stdout, for the screen. */
  openTerminal(): Tty;
  /**
   * Calls `listener` for each signal that asks the program to end; returns a function that stops that.
   *
   * SIGHUP asks for it if the output goes to a terminal, which may have been closed. Otherwise nothing happens: `nohup`
   * starts the program with that signal ignored, and its output in a file. Deno does not tell what is ignored; and with
   * a listener to any signal, it would end the program at a SIGHUP that has none.
   */
  onSignal(listener: (name: Deno.Signal) => void): () => void;
  /** Calls `listener` for each error that no code catches; returns a function that stops that. */
  onCrash(listener: (error: unknown) => void): () => void;
  /** See `runCommand`. */
  runCommand(argv: readonly string[], input: string): Promise<string | undefined>;
  /** Gives up all permissions for good. Open files and sockets stay usable; also a listener accepts on. */
  dropPermissions(): void;
  /** Ends the process at once. */
  exit(code: number): never;
}

/** Whether a person sees the output and can type an answer. */
export function isInteractive({ stdin, stdout }: System): boolean {
  return stdin.isTerminal() && stdout.isTerminal();
}

/** Whether a terminal shows anything of the program: if none does, it was started to outlive its terminal. */
export function hasTerminal({ stdout, stderr }: Pick<System, "stdout" | "stderr">): boolean {
  return stdout.isTerminal() || stderr.isTerminal();
}

const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * A variable of the environment. One that is not UTF-8 counts as unset, for the user may not know it; but the user has
 * set those of this program for it.
 *
 * @param get returns its value
 * @throws {UsageError} if a variable of this program is not UTF-8
 */
export function decodedVariable(name: string, get: () => string | undefined): string | undefined {
  try {
    return get();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.InvalidData)) throw cause;
    if (name.startsWith("CHAT_")) {
      throw new UsageError(`Cannot use ${name}: it is not UTF-8`, { cause });
    }
    return undefined;
  }
}

/** All that Deno has. */
const PERMISSIONS = ["read", "write", "run", "net", "env", "sys", "ffi", "import"] as const;

/** The process that runs this program. */
export const realSystem: System = {
  os: Deno.build.os,
  stdin: Deno.stdin,
  stdout: Deno.stdout,
  stderr: Deno.stderr,
  env: (name) => decodedVariable(name, () => Deno.env.get(name)),
  now: () => new Date(),
  uptime() {
    try {
      return Deno.osUptime();
    } catch {
      return undefined;
    }
  },
  addresses: () => Deno.networkInterfaces(),
  // `deno task` and npm set this variable.
  openTerminal: () => new SystemTty({ isTask: Deno.env.get("INIT_CWD") !== undefined }),
  onSignal(listener) {
    const isShown = hasTerminal(Deno);
    const listeners = SIGNALS.map((name) =>
      [name, name === "SIGHUP" && !isShown ? () => {} : () => listener(name)] as const
    );
    for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
    return () => {
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    };
  },
  onCrash(listener) {
    const onEvent = (event: ErrorEvent | PromiseRejectionEvent) => {
      event.preventDefault();
      listener("reason" in event ? event.reason : event.error);
    };
    globalThis.addEventListener("error", onEvent);
    globalThis.addEventListener("unhandledrejection", onEvent);
    return () => {
      globalThis.removeEventListener("error", onEvent);
      globalThis.removeEventListener("unhandledrejection", onEvent);
    };
  },
  runCommand,
  dropPermissions() {
    for (const name of PERMISSIONS) Deno.permissions.revokeSync({ name });
  },
  exit: (code) => Deno.exit(code),
};
