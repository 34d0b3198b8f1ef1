// Test helper: starts the program in a window of its own, a process that can be killed, and closes that window. (Deno's
// child processes inherit pseudo-terminals, also those of tests that run at the same time. So a test cannot close its
// own.) No part of the program.

import * as pty from "@lydell/node-pty";
import { within } from "./async.ts";
import { type Home, home, Output, start } from "./program.ts";

/** A program in a window. Nothing sends it SIGHUP: it can only find that its terminal has gone. */
export class ClosingWindow {
  readonly #child: Deno.ChildProcess;
  readonly #codePipe: string;
  readonly #output: Output;

  constructor(args: readonly string[], { path, env }: Home = home) {
    this.#codePipe = `${path}/${crypto.randomUUID()}`;
    new Deno.Command("mkfifo", { args: [this.#codePipe] }).outputSync();
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", "--frozen", import.meta.filename!, this.#codePipe]
        .concat(start.path, start.args, args),
      cwd: `${import.meta.dirname!}/../..`,
      clearEnv: true,
      env: { ...env, TERM: "xterm-256color" },
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#output = new Output(this.#child.stdout);
  }

  /** The next match in what the program writes. */
  shows(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#output.match(pattern);
  }

  /** Closes the window; resolves with the program's exit code. */
  async close(): Promise<number> {
    this.#child.kill("SIGKILL");
    const code = await within("the exit code", Deno.readTextFile(this.#codePipe));
    await this.#child.status;
    await this.#output.all();
    return Number(code);
  }
}

/** The window itself: a terminal for the command, whose exit code goes into the named pipe. */
if (import.meta.main) {
  const [pipe, ...command] = Deno.args;
  // The shell leads the session, so it gets SIGHUP, and the program gets none.
  const script = 'trap : HUP; pipe=$1; shift; "$@"; echo $? >"$pipe"';
  const window = pty.spawn("sh", ["-c", script, "sh", pipe!, ...command], {
    cols: 80,
    rows: 24,
    env: Deno.env.toObject(),
  });
  window.onData((data) => Deno.stdout.writeSync(new TextEncoder().encode(data)));
}
