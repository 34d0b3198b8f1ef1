// Test helper: a `System` for one user, so that tests run a verb in their own process: streams, environment, signals,
// clock and exit are the test's. Files and sockets are real, the files in a new folder. No part of the program.

import type { InputStream, OutputStream, System } from "../../cli/system.ts";
import { run } from "../../main.ts";
import type { Tty } from "../../terminal/tty.ts";
import { within } from "./async.ts";

/** An input that the test types into. */
export class FakeInput implements InputStream {
  raw = false;
  #isTerminal = false;
  #chunks: Uint8Array[] = [];
  #ended = false;
  #failure: Error | undefined;
  #news = Promise.withResolvers<void>();

  isTerminal(): boolean {
    return this.#isTerminal;
  }

  becomeTerminal(): void {
    this.#isTerminal = true;
  }

  /** Called when all input has been read and more is asked for. */
  afterInput: (() => void) | undefined;

  /** The window of the terminal is closed: reading finds the end, or fails. */
  hangUp(error?: Error): void {
    this.#isTerminal = false;
    if (error) this.fail(error);
    else this.end();
  }

  setRaw(raw: boolean): void {
    this.raw = raw;
  }

  type(input: string | Uint8Array): void {
    this.#chunks.push(typeof input === "string" ? new TextEncoder().encode(input) : input);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Makes each read fail. */
  fail(error: Error): void {
    this.#failure = error;
    this.#wake();
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  readSync(buffer: Uint8Array): number | null {
    if (this.#chunks.length === 0) this.afterInput?.();
    if (this.#failure) throw this.#failure;
    const [chunk] = this.#chunks;
    if (!chunk) {
      if (this.#ended) return null;
      throw new Error("The test has typed too little");
    }
    const length = Math.min(chunk.length, buffer.length);
    buffer.set(chunk.subarray(0, length));
    if (length === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(length);
    return length;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#chunks.length === 0) this.afterInput?.();
    while (this.#chunks.length === 0 && !this.#ended && !this.#failure) await this.#news.promise;
    return this.readSync(buffer);
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      pull: async (controller) => {
        const buffer = new Uint8Array(64 * 1024);
        const length = await this.read(buffer);
        if (length === null) controller.close();
        else controller.enqueue(buffer.slice(0, length));
      },
    });
  }
}

/** An output that the test reads. */
export class FakeOutput implements OutputStream {
  /** Everything that was written. */
  text = "";
  /** Whether the reader has gone: each write fails. */
  broken = false;
  /** Each write fails with this error. */
  failure: Error | undefined;
  /** How many bytes one write takes. */
  most = Infinity;
  #isTerminal = false;
  /** How much of the text `lineLike` has passed. */
  #read = 0;
  #news = Promise.withResolvers<void>();
  readonly #decoder = new TextDecoder();

  isTerminal(): boolean {
    return this.#isTerminal;
  }

  becomeTerminal(): void {
    this.#isTerminal = true;
  }

  writeSync(bytes: Uint8Array): number {
    if (this.broken) throw new Deno.errors.BrokenPipe("Broken pipe");
    if (this.failure) throw this.failure;
    const taken = bytes.subarray(0, this.most);
    this.text += this.#decoder.decode(taken, { stream: true });
    this.#news.resolve();
    this.#news = Promise.withResolvers();
    return taken.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    try {
      return Promise.resolve(this.writeSync(bytes));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The next line that matches, after the last one that this returned. */
  async lineLike(pattern: RegExp): Promise<string> {
    for (;;) {
      const end = this.text.indexOf("\n", this.#read);
      if (end === -1) {
        await within(`a line like ${pattern} in: ${this.text}`, this.#news.promise);
        continue;
      }
      const line = this.text.slice(this.#read, end);
      this.#read = end + 1;
      if (pattern.test(line)) return line;
    }
  }
}

export class FakeSystem implements System, Disposable {
  readonly os = Deno.build.os;
  readonly stdin: FakeInput = new FakeInput();
  readonly stdout: FakeOutput = new FakeOutput();
  readonly stderr: FakeOutput = new FakeOutput();
  /** A folder for the files of the user and of the test. */
  readonly folder: string = Deno.makeTempDirSync({ prefix: "chat-test-" });
  /** Environment variables. */
  readonly variables: Record<string, string>;
  /** The addresses of the machine; undefined if the system does not tell them. */
  machine: ReturnType<System["addresses"]> | undefined = [
    { family: "IPv4", address: "192.0.2.7" },
    { family: "IPv6", address: "fe80::1" },
    { family: "IPv4", address: "127.0.0.1" },
  ];
  /** The terminal for the screen, if a verb may open it. */
  tty: Tty | undefined;
  /** Whether the verb has kept its permissions. */
  hasPermissions = true;
  /** The code that the verb has ended the process with, at once. */
  exitCode: number | undefined;
  readonly #onSignal = new Set<(name: Deno.Signal) => void>();
  readonly #onCrash = new Set<(error: unknown) => void>();

  /** @param variables added to an environment that leads to `folder` */
  constructor(variables: Record<string, string> = {}) {
    const { folder } = this;
    this.variables = {
      USER: "ada",
      HOME: folder,
      USERPROFILE: folder,
      APPDATA: `${folder}/config`,
      LOCALAPPDATA: `${folder}/run`,
      XDG_CONFIG_HOME: `${folder}/config`,
      XDG_RUNTIME_DIR: `${folder}/run`,
      ...variables,
    };
  }

  // Not a method: verbs pass it on.
  readonly env = (name: string): string | undefined => this.variables[name];
  now = (): Date => new Date(Date.UTC(2026, 0, 2, 9, 5));

  uptime = (): number | undefined => 3600;

  addresses(): ReturnType<System["addresses"]> {
    if (this.machine) return this.machine;
    throw new Deno.errors.NotCapable("The test hides the addresses");
  }

  openTerminal(): Tty {
    if (this.tty) return this.tty;
    throw new Error("The test has no terminal");
  }

  onSignal(listener: (name: Deno.Signal) => void): () => void {
    this.#onSignal.add(listener);
    return () => this.#onSignal.delete(listener);
  }

  onCrash(listener: (error: unknown) => void): () => void {
    this.#onCrash.add(listener);
    return () => this.#onCrash.delete(listener);
  }

  /** The number of listeners that a verb has not removed. */
  get listeners(): number {
    return this.#onSignal.size + this.#onCrash.size;
  }

  /** Sends a signal; returns whether a verb listens to it. */
  signal(name: Deno.Signal = "SIGTERM"): boolean {
    for (const listener of this.#onSignal) listener(name);
    return this.#onSignal.size > 0;
  }

  crash(error: unknown): void {
    for (const listener of this.#onCrash) listener(error);
  }

  runCommand(): Promise<string | undefined> {
    return Promise.resolve("tests run no commands");
  }

  dropPermissions(): void {
    this.hasPermissions = false;
  }

  /** Unlike the real one it returns: the test reads `exitCode`. */
  exit(code: number): never {
    this.exitCode ??= code;
    return undefined as never;
  }

  /** Runs the program; resolves with its exit code. */
  run(...args: string[]): Promise<number> {
    return within(`the end of chat ${args.join(" ")}: ${this.stderr.text}`, run(args, this));
  }

  /** Creates a private file; returns its path. */
  file(name: string, content: string | Uint8Array): string {
    const path = `${this.folder}/${name}`;
    Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    Deno.writeFileSync(path, bytes, { mode: 0o600 });
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** A room that `chat serve` opens in the process of the test. */
export class ServedRoom implements AsyncDisposable {
  readonly system: FakeSystem;
  readonly address: string;
  readonly port: number;
  /** The exit code of `chat serve`. */
  readonly done: Promise<number>;

  private constructor(system: FakeSystem, address: string, done: Promise<number>) {
    this.system = system;
    this.address = address;
    this.port = Number(address.split(":").at(-1));
    this.done = done;
  }

  /** Opens a room at a free port. */
  static async open(system: FakeSystem, ...args: string[]): Promise<ServedRoom> {
    const done = system.run("serve", "--port", "0", ...args);
    const line = system.stdout.lineLike(/^listening /);
    const failed = done.then((code) => {
      throw new Error(`chat serve has ended with ${code}: ${system.stderr.text}`);
    });
    const address = (await Promise.race([line, failed])).replace("listening ", "");
    failed.catch(() => {});
    return new ServedRoom(system, address, done);
  }

  /** The drawn code. */
  async code(): Promise<string> {
    return (await this.system.stdout.lineLike(/^code /)).replace("code ", "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.system.signal();
    await this.done;
  }
}
