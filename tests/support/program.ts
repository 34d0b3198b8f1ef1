// Test helper: the program as a process of its own, with pipes for its three streams. From source, with
// just the permissions of the task `chat`; or the executable that the environment variable CHAT_BINARY
// names. No part of the program.

import { programFlags } from "../../tools/compile.ts";
import config from "../../deno.json" with { type: "json" };
import { within } from "./async.ts";

const binary = Deno.env.get("CHAT_BINARY") || undefined;

/** What starts the program: a file, and the arguments in front of its own. */
export const start: { readonly path: string; readonly args: readonly string[] } = binary
  ? { path: Deno.realPathSync(binary), args: [] }
  : {
    path: Deno.execPath(),
    args: ["run", "--quiet", ...programFlags(config.tasks.chat.command), "main.ts"],
  };

/** Where Deno has the packages: a process with another home would look for them there. */
function denoFolder(): Record<string, string> {
  if (binary) return {};
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return { DENO_DIR: JSON.parse(new TextDecoder().decode(stdout))["denoDir"] };
}

/** What is the user's who runs the tests: folders with files of their own, a name, a code. */
const PERSONAL = /^(?:HOME|USERPROFILE|APPDATA|LOCALAPPDATA|XDG_\w+|CHAT_\w+)$/i;
const impersonal: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([key]) => !PERSONAL.test(key))),
  ...denoFolder(),
  NO_COLOR: "1",
};

/** The folders of a user, empty at first: no test touches those of who runs it. */
export class Home implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "chat-test-" });

  /** The environment of a program of this user: on each system it leads to folders in here. */
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

/** Where a program lives that is given no other home: all users of a test file are one. */
export const home: Home = new Home();
globalThis.addEventListener("unload", () => home[Symbol.dispose]());

/** What a process writes to one stream; read as it comes, so that the process never has to wait. */
export class Output {
  #text = "";
  /** What of it no test has asked for yet: the whole is long, where there are many lines. */
  #rest = "";
  #closed = false;
  #news = Promise.withResolvers<void>();
  readonly #done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#done = this.#read(stream.pipeThrough(new TextDecoderStream()));
  }

  async #read(texts: ReadableStream<string>): Promise<void> {
    for await (const text of texts) this.#tell(text, false);
    this.#tell("", true);
  }

  #tell(text: string, closed: boolean): void {
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
      await within(`a line behind: ${this.#text}`, this.#news.promise);
    }
  }

  /** The next line that fits; others are passed over. */
  async lineLike(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (pattern.test(line)) return line;
    }
  }

  /** All of it, from the first byte; resolves when the process has closed the stream. */
  async all(): Promise<string> {
    await within(`the end of: ${this.#text}`, this.#done);
    return this.#text;
  }
}

export interface ProgramOptions {
  home?: Home;
  env?: Record<string, string>;
  /** A shell command that gets its output, such as `head`; `exit code N` on stderr is then the program's. */
  into?: string;
  /** A path from which it reads, in place of the pipe. */
  from?: string;
}

/** What is left of a process that has ended. */
export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** One `chat ...`; killed when it is disposed of, unless it has ended. */
export class Program implements AsyncDisposable {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #ended = false;

  constructor(args: readonly string[], options: ProgramOptions = {}) {
    const { env, into, from } = options;
    const command = [start.path, ...start.args, ...args];
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
    // That is found out by who types.
    this.#stdin.closed.catch(() => {});
    this.#child.status.then(() => this.#ended = true);
  }

  /** Opens a room at a free port: a sealed one, if nothing else is said. */
  static serve(...args: string[]): Promise<{ server: Program; address: string }> {
    return Program.serveAt(0, ...args);
  }

  /** Opens a room at this port, perhaps where another was. */
  static async serveAt(
    port: number,
    ...args: string[]
  ): Promise<{ server: Program; address: string }> {
    const server = new Program(["serve", "--port", String(port), ...args]);
    const line = await server.#orDispose(server.stdout.lineLike(/^listening \S+:\d+$/));
    return { server, address: line.replace("listening ", "") };
  }

  /**
   * Enters a room as `name`; resolves when it knows who is there. Without an address it is the one that this
   * user has opened last; its code is found in either case.
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

  /** `promise`; if it rejects nobody gets this program, so nobody else could end it. */
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
      // It has just ended by itself.
    }
    await this.#stdin.close().catch(() => {});
    await this.result();
  }
}

/** One run from start to end, with this input. */
export async function run(
  args: readonly string[],
  options: ProgramOptions & { input?: string | Uint8Array<ArrayBuffer> } = {},
): Promise<Result> {
  await using program = new Program(args, options);
  if (options.input !== undefined) await program.type(options.input);
  await program.endInput();
  return await program.result();
}
