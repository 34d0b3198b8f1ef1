// Test helper: runs the program as a child process, with pipes for its three streams. The program runs from source with
// the permissions of the task `chat`, or it is the executable that the environment variable CHAT_BINARY names. No part
// of the program.

import { programFlags } from "../../tools/compile.ts";
import config from "../../deno.json" with { type: "json" };
import { within } from "./async.ts";

const binary = Deno.env.get("CHAT_BINARY") || undefined;

/** The file that starts the program, and the arguments before those of the program. */
export const start: { readonly path: string; readonly args: readonly string[] } = binary
  ? { path: Deno.realPathSync(binary), args: [] }
  : {
    path: Deno.execPath(),
    args: ["run", "--quiet", ...programFlags(config.tasks.chat.command), "main.ts"],
  };

/** The folder of Deno's packages. Without it, Deno would look for them in the home of the test user. */
function denoFolder(): Record<string, string> {
  if (binary) return {};
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return { DENO_DIR: JSON.parse(new TextDecoder().decode(stdout))["denoDir"] };
}

/** Variables that belong to the person who runs the tests, or to the task: folders with files, a name, a code. */
const PERSONAL = /^(?:HOME|USERPROFILE|APPDATA|LOCALAPPDATA|XDG_\w+|CHAT_\w+|INIT_CWD)$/i;
const impersonal: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([key]) => !PERSONAL.test(key))),
  ...denoFolder(),
  // Deno would look for a newer version of itself, in each process.
  DENO_NO_UPDATE_CHECK: "1",
  NO_COLOR: "1",
};

/** The folders of a test user, empty at first. No test touches the folders of the person who runs it. */
export class Home implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "chat-test-" });

  /** The environment of this user. On each system it leads to folders inside `path`. */
  get env(): Record<string, string> {
    const { path } = this;
    return {
      ...impersonal,
      HOME: path,
      USERPROFILE: path,
      APPDATA: `${path}/roaming`,
      LOCALAPPDATA: `${path}/local`,
      XDG_CONFIG_HOME: `${path}/config`,
      XDG_CACHE_HOME: `${path}/cache`,
      XDG_RUNTIME_DIR: `${path}/run`,
    };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** The default home of programs, one for each test file. */
export const home: Home = new Home();
globalThis.addEventListener("unload", () => home[Symbol.dispose]());

/** The output of a process on one stream. It is read at once, so that the process never waits. */
export class Output {
  #text = "";
  /** The part that no test has read yet. Searching the complete text for each line would take long. */
  #rest = "";
  #closed = false;
  #news = Promise.withResolvers<void>();
  readonly #done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#done = this.#read(stream.pipeThrough(new TextDecoderStream()));
  }

  async #read(texts: ReadableStream<string>): Promise<void> {
    for await (const text of texts) this.#add(text, false);
    this.#add("", true);
  }

  #add(text: string, closed: boolean): void {
    this.#text += text;
    this.#rest += text;
    this.#closed = closed;
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end !== -1) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      if (this.#closed) throw new Error(`The output ended: ${this.#text}`);
      await within(`a line after: ${this.#text}`, this.#news.promise);
    }
  }

  /** The next line that matches; skips others. */
  async lineLike(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (pattern.test(line)) return line;
    }
  }

  /** The first match in the output so far, which may be in an unfinished line. */
  async match(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match) return match;
      if (this.#closed) throw new Error(`The output ended: ${this.#text}`);
      await within(`${pattern} in: ${this.#text}`, this.#news.promise);
    }
  }

  /** The complete output; resolves when the process has closed the stream. */
  async all(): Promise<string> {
    await within(`the end of: ${this.#text}`, this.#done);
    return this.#text;
  }
}

export interface ProgramOptions {
  home?: Home;
  env?: Record<string, string>;
  /** A shell command that reads its output, for example `head`. stderr then ends with `exit code N`. */
  into?: string;
  /** A command that runs the program, with the program and its arguments after its own. */
  under?: readonly string[];
  /** A file to read from, in place of the pipe. */
  from?: string;
}

/** The exit code and the output of a process that has ended. */
export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** One `chat ...`. Disposing of it kills it if it still runs. */
export class Program implements AsyncDisposable {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #ended = false;

  constructor(args: readonly string[], options: ProgramOptions = {}) {
    const { env, into, from, under = [] } = options;
    const command = [...under, start.path, ...start.args, ...args];
    if (from) command.unshift("sh", "-c", `exec "$@" <'${from}'`, "sh");
    if (into) command.unshift("sh", "-c", `{ "$@"; echo "exit code $?" >&2; } | ${into}`, "sh");
    this.#child = new Deno.Command(command[0]!, {
      args: command.slice(1),
      cwd: `${import.meta.dirname!}/../..`,
      clearEnv: true,
      env: { ...(options.home ?? home).env, ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.stdout = new Output(this.#child.stdout);
    this.stderr = new Output(this.#child.stderr);
    this.#stdin = this.#child.stdin.getWriter();
    // `type` reports a closed input.
    this.#stdin.closed.catch(() => {});
    this.#child.status.then(() => this.#ended = true);
  }

  /** Opens a room at a free port. By default it is sealed. */
  static serve(...args: string[]): Promise<{ server: Program; address: string }> {
    return Program.serveAt(0, ...args);
  }

  /** Opens a room at this port. */
  static async serveAt(
    port: number,
    ...args: string[]
  ): Promise<{ server: Program; address: string }> {
    const server = new Program(["serve", "--port", String(port), ...args]);
    const line = await server.#orDispose(server.stdout.lineLike(/^listening \S+:\d+$/));
    return { server, address: line.replace("listening ", "") };
  }

  /**
   * Joins a room as `name`; resolves when the program has the list of members. Without an address it joins the room
   * that this user has opened last. In both cases it finds the code by itself.
   */
  static async join(
    address: string | undefined,
    name: string,
    ...args: string[]
  ): Promise<Program> {
    const where = address === undefined ? [] : [address];
    const program = new Program(["join", ...where, "--name", name, ...args]);
    await program.#orDispose(
      args.includes("--json")
        ? program.stdout.lineLike(/^\{"type":"members"/)
        : program.stderr.lineLike(/^here: /),
    );
    return program;
  }

  /** Returns the result of `promise`. If it rejects, no caller gets this program, so it must end here. */
  async #orDispose<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async type(input: string | Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    await within("the reader of the input", this.#stdin.write(bytes));
  }

  async endInput(): Promise<void> {
    await within("the end of the input", this.#stdin.close());
  }

  get pid(): number {
    return this.#child.pid;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Resolves when the process has ended. */
  async result(): Promise<Result> {
    const { code } = await within("the end of the program", this.#child.status);
    return { code, stdout: await this.stdout.all(), stderr: await this.stderr.all() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#ended) this.#child.kill("SIGKILL");
    } catch {
      // It has just ended.
    }
    await this.#stdin.close().catch(() => {});
    await this.result();
  }
}

/** Runs the program to its end with this input. */
export async function run(
  args: readonly string[],
  options: ProgramOptions & { input?: string | Uint8Array<ArrayBuffer> } = {},
): Promise<Result> {
  await using program = new Program(args, options);
  if (options.input !== undefined) await program.type(options.input);
  await program.endInput();
  return await program.result();
}
