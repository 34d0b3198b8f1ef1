// Picks the verb. This file alone prints, exits, and reads Deno.args and the environment.

import config from "./deno.json" with { type: "json" };
import { type Command, parseCommand, type ScreenOptions } from "./args.ts";
import { XOR_PROMISE } from "./cipher.ts";
import { type Client, join } from "./client.ts";
import { submit } from "./commands.ts";
import { formatAddress } from "./connection.ts";
import { ChatError, UsageError } from "./errors.ts";
import { PlainScreen } from "./plain.ts";
import { MAX_FRAME } from "./protocol.ts";
import type { Ending } from "./room.ts";
import { Server } from "./server.ts";
import { Screen, SystemTty } from "./terminal.ts";
import { printable } from "./text.ts";
import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { toText } from "@std/streams/to-text";

const DONE = 0;
const FAILED = 1;
const MISUSE = 2;

const encoder = new TextEncoder();

/** Writes to stdout, all of it. */
function print(text: string): void {
  writeAll(Deno.stdout, text);
}

/** Writes a line to stderr. */
function note(line: string): void {
  writeAll(Deno.stderr, line + "\n");
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch {
    // Nobody reads this (any more): what was to be done is done all the same.
  }
}

function run(command: Command): Promise<number> {
  switch (command.verb) {
    case "help":
      print(command.text);
      return Promise.resolve(DONE);
    case "version":
      print(`chat ${config.version}\n`);
      return Promise.resolve(DONE);
    case "serve":
      return serve(command);
    case "join":
      return joinRoom(command);
    case "send":
      return send(command);
  }
}

async function serve(command: Command & { verb: "serve" }): Promise<number> {
  const { hostname, port, publicKey, join: screen } = command;
  const server = new Server({
    hostname,
    port,
    ...(publicKey === undefined ? {} : { publicKey }),
    log: screen ? () => {} : (line) => note(`chat: ${printable(line)}`),
  });
  // Before anybody is told that it listens: who started it may stop it at once.
  const signals = new Signals();
  const addresses = reachable(server);
  print(addresses.map((address) => `listening ${address}\n`).join(""));
  note(`chat: the room is open; xor with the public key ${server.publicKey} ${XOR_PROMISE}`);
  note(`chat: join it with: chat join ${addresses.at(-1)}`);
  try {
    if (screen) return await enter(server.localHost, server.port, screen, signals);
    await signals.first;
    return DONE;
  } finally {
    await server.stop();
    signals.forget();
  }
}

/** The addresses under which others reach a server: all of this machine's, for a wildcard. */
function reachable(server: Server): string[] {
  const { hostname, port } = server;
  if (hostname !== "0.0.0.0" && hostname !== "::") return [server.address];
  const addresses = Deno.networkInterfaces()
    // A link-local address means nothing without the interface; `::` takes both families.
    .filter(({ family, address }) =>
      !address.startsWith("fe80:") && (hostname === "::" || family === "IPv4")
    )
    .map(({ address }) => address);
  // This machine's own first.
  addresses.sort((a, b) => Number(isLoopback(b)) - Number(isLoopback(a)));
  return addresses.map((address) => formatAddress(address, port));
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

async function joinRoom(command: Command & { verb: "join" }): Promise<number> {
  const { hostname, port, screen } = command;
  const signals = new Signals();
  try {
    return await enter(hostname, port, screen, signals);
  } finally {
    signals.forget();
  }
}

/** Joins a room and stays in it until it ends, this side leaves, or a signal comes. */
async function enter(
  hostname: string,
  port: number,
  screen: ScreenOptions,
  signals: Signals,
): Promise<number> {
  const client = await Promise.race([
    join({ hostname, port, name: screen.name }),
    signals.first,
  ]);
  // Not in the room yet: there is nothing to wait for.
  if (!client) return FAILED;
  signals.first.then(() => client.leave());
  const interactive = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  if (interactive && !screen.json && !screen.plain) return await runScreen(client);
  return await runPlain(client, screen);
}

/** The room on the whole terminal: see `terminal.ts`. */
async function runScreen(client: Client): Promise<number> {
  const screen = new Screen({ tty: new SystemTty(), room: client });
  // A bug of ours must not leave the terminal in raw mode.
  const crash = (event: ErrorEvent | PromiseRejectionEvent) => {
    event.preventDefault();
    screen.close();
    fatal("reason" in event ? event.reason : event.error);
  };
  globalThis.addEventListener("error", crash);
  globalThis.addEventListener("unhandledrejection", crash);
  try {
    const running = client.run((event) => screen.event(event));
    const ending = await screen.run();
    // The goodbye is on its way; a person who asked twice did not wait for it.
    if (client.ending) await running;
    return ending.reason === "left" ? DONE : FAILED;
  } finally {
    screen.close();
  }
}

/** The room as lines: see `plain.ts`. */
async function runPlain(client: Client, { json, stay }: ScreenOptions): Promise<number> {
  const pipes = {
    read: (buffer: Uint8Array) => Deno.stdin.read(buffer),
    writeOut: (bytes: Uint8Array) => Deno.stdout.write(bytes),
    note,
  };
  const options = { json, stay, now: () => new Date() };
  // A person at a terminal that can only print has the commands all the same.
  const onLine = (line: string) => submit(line, { room: client, print: note });
  const typed = !json && Deno.stdin.isTerminal();
  const plain = new PlainScreen(client, pipes, typed ? { ...options, onLine } : options);
  const running = client.run((event) => plain.tell(event));
  // Not awaited: a read of stdin can't be ended, and the room may end before the input does.
  plain.run().catch(fatal);
  await running;
  await plain.flush();
  if (plain.broken) return FAILED;
  const code = explain(client.ending!, client.pending.length);
  return plain.faults > 0 ? FAILED : code;
}

/** Says why the room has ended, unless this side wanted it; returns the exit code. */
function explain(ending: Ending, unconfirmed: number): number {
  if (ending.reason === "left") return DONE;
  const why = ending.reason === "stopped"
    ? "the server has closed the room"
    : printable(ending.message);
  const lost = unconfirmed === 0
    ? ""
    : `; ${unconfirmed} of your messages ${unconfirmed === 1 ? "was" : "were"} not confirmed`;
  note(`chat: error: Cannot stay in the room: ${why}${lost}`);
  return FAILED;
}

async function send(command: Command & { verb: "send" }): Promise<number> {
  const text = command.text ?? await readMessage();
  const client = await join(command);
  const ref = client.say(text);
  let accepted = false;
  await client.run((event) => {
    if (event.type === "message" && event.ref === ref) {
      accepted = true;
      client.leave();
    }
  });
  return accepted ? DONE : explain(client.ending!, 1);
}

/** All of stdin is one message; the newline at its end is not part of it. */
async function readMessage(): Promise<string> {
  if (Deno.stdin.isTerminal()) note("chat: type the message; Ctrl-D on a line of its own sends it");
  let text: string;
  try {
    text = await toText(
      Deno.stdin.readable
        .pipeThrough(new LimitedBytesTransformStream(MAX_FRAME, { error: true }))
        .pipeThrough(new TextDecoderStream("utf-8", { fatal: true, ignoreBOM: true })),
    );
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new ChatError(`Cannot send this message: it has more than ${MAX_FRAME} bytes`, {
        hint: "Send it in parts",
        cause,
      });
    }
    if (cause instanceof TypeError) {
      throw new ChatError("Cannot send this message: it is not UTF-8", { cause });
    }
    throw cause;
  }
  text = text.replace(/\r?\n$/, "");
  if (text === "") throw new ChatError("Cannot send nothing: neither TEXT nor stdin has any");
  return text;
}

/** The signals that ask this program to end. */
class Signals {
  /** Resolves at the first one. */
  readonly first: Promise<void>;
  readonly #names: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  readonly #onSignal: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    let count = 0;
    this.#onSignal = () => {
      // Who asks twice does not want to wait for goodbyes.
      if (++count > 1) Deno.exit(FAILED);
      resolve();
    };
    for (const name of this.#names) Deno.addSignalListener(name, this.#onSignal);
  }

  /** Gives the signals their usual meaning back. */
  forget(): void {
    for (const name of this.#names) Deno.removeSignalListener(name, this.#onSignal);
  }
}

/** A bug of ours, where nobody can catch it. */
function fatal(error: unknown): never {
  report(error);
  Deno.exit(FAILED);
}

function report(error: unknown): number {
  if (error instanceof ChatError) {
    note(`chat: error: ${error.message}`);
    if (error.hint !== undefined) note(`chat: hint: ${error.hint}`);
    return error instanceof UsageError ? MISUSE : FAILED;
  }
  note(`chat: error: This is a bug in chat: ${error instanceof Error ? error.stack : error}`);
  return FAILED;
}

if (import.meta.main) {
  let code: number;
  try {
    code = await run(parseCommand(Deno.args, (name) => Deno.env.get(name)));
  } catch (error) {
    code = report(error);
  }
  Deno.exit(code);
}
