// The other programs that copy files, with which files.ts compares chat. Times are in seconds. All of them
// stay on loopback. No part of the program.

import { Output } from "../tests/support/program.ts";
import { type Path, SlowPath } from "./slow_path.ts";

/** Runs a command, and returns its time in seconds. */
export async function timed(command: string, ...args: string[]): Promise<number> {
  const begin = performance.now();
  const { success, stderr } = await new Deno.Command(command, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return since(begin);
}

/** Seconds since this time. */
function since(begin: number): number {
  return (performance.now() - begin) / 1000;
}

/** Whether this command runs and succeeds. */
export async function works(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** How `ncat` gets what it sends, and where it puts what it receives: shell commands around a pipe. */
export interface Pipes {
  readonly from: string;
  readonly into: string;
}

/** Sends from one process to another, which listens. */
export async function ncat({ from, into }: Pipes): Promise<number> {
  const port = freePort();
  await using receiver = new Deno.Command("sh", {
    args: ["-c", `ncat -v -l --recv-only 127.0.0.1 "$0" | ${into}`, port],
    stderr: "piped",
  }).spawn();
  await new Output(receiver.stderr).match(/Listening on 127/);
  return await sendTo(port, from, receiver);
}

/**
 * Sends from one process to another through `plain_relay.ts`, which is a third one: as many hops as through a room.
 *
 * @param path where the receiver is, seen from the relay; by default it is beside it
 * @param onStart called when all three processes run, with the end of the transfer
 */
export async function ncatThroughRelay(
  { from, into }: Pipes,
  { path, onStart }: { path?: Path; onStart?: (end: Promise<unknown>) => void } = {},
): Promise<number> {
  await using relay = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-net", `${import.meta.dirname!}/plain_relay.ts`],
    stdout: "piped",
  }).spawn();
  const output = new Output(relay.stdout);
  const port = (await output.match(/^listening (\d+)\n/))[1]!;
  await using slowPath = path && new SlowPath(Number(port), path);
  await using receiver = new Deno.Command("sh", {
    args: ["-c", `ncat --recv-only 127.0.0.1 "$0" | ${into}`, String(slowPath?.port ?? port)],
  }).spawn();
  await output.match(/^receiver\n/m);
  const sent = sendTo(port, from, receiver);
  onStart?.(sent);
  return await sent;
}

function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

/** Sends to this port, and returns the time until the receiver has ended. */
async function sendTo(port: string, from: string, receiver: Deno.ChildProcess): Promise<number> {
  const begin = performance.now();
  const sent = timed("sh", "-c", `${from} | ncat --send-only 127.0.0.1 "$0"`, port);
  const { success } = await receiver.status;
  const seconds = since(begin);
  await sent;
  if (!success) throw new Error("ncat failed");
  return seconds;
}

/** How to get what `Wormhole` needs. */
export const WORMHOLE_INSTALL =
  "Debian: apt-get install magic-wormhole python3-magic-wormhole-mailbox-server magic-wormhole-transit-relay; elsewhere: " +
  "pip install magic-wormhole magic-wormhole-mailbox-server magic-wormhole-transit-relay";

/**
 * magic-wormhole between two processes, through its transit relay. That is as many hops as through a room, and sender
 * and receiver do not listen on the addresses of the machine, as they do by default.
 */
export class Wormhole implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync();
  readonly #servers: Deno.ChildProcess[] = [];
  #common: string[] = [];
  #count = 0;

  private constructor() {}

  /** Starts the two servers; undefined if any of the three programs is not installed. */
  static async start(): Promise<Wormhole | undefined> {
    const python = await pythonOf("wormhole");
    const modules = "import twisted, wormhole_mailbox_server, wormhole_transit_relay";
    if (!python || !await works(python, "-c", modules)) return undefined;
    const wormhole = new Wormhole();
    const mailbox = await wormhole.#serve(python, "wormhole-mailbox", "--channel-db", ":memory:");
    const relay = await wormhole.#serve(python, "transitrelay");
    wormhole.#common = ["--relay-url", `ws://127.0.0.1:${mailbox}/v1`];
    wormhole.#common.push("--transit-helper", `tcp:127.0.0.1:${relay}`);
    return wormhole;
  }

  async #serve(python: string, ...plugin: string[]): Promise<string> {
    const server = new Deno.Command(python, {
      args: ["-m", "twisted", "--log-format=text", ...plugin, "--port=tcp:0:interface=127.0.0.1"],
      cwd: this.#folder,
      stdout: "piped",
    }).spawn();
    this.#servers.push(server);
    return (await new Output(server.stdout).match(/ starting on (\d+)\n/))[1]!;
  }

  /**
   * Sends a file.
   *
   * @returns `seconds` since the receiver has had the offer, which it accepts at once; `withStart`, since the receiver was
   * started while the sender waited for it
   */
  async copy(from: string, to: string): Promise<{ seconds: number; withStart: number }> {
    const code = `${++this.#count}-chat-bench`;
    const run = (verb: string, ...args: string[]) =>
      new Deno.Command("wormhole", {
        args: [...this.#common, verb, "--no-listen", ...args],
        stdout: "null",
        stderr: "piped",
      }).spawn();
    await using sender = run("send", "--code", code, from);
    const sending = new Output(sender.stderr);
    await sending.match(/Wormhole code is/);
    const started = performance.now();
    await using receiver = run("receive", "--accept-file", "--output-file", to, code);
    const receiving = new Output(receiver.stderr);
    await receiving.match(/Receiving file/);
    const begin = performance.now();
    await receiving.match(/Received file written/);
    const [seconds, withStart] = [since(begin), since(started)];
    if (!(await sender.status).success || !(await receiver.status).success) {
      throw new Error(`wormhole failed: ${await sending.all()}${await receiving.all()}`);
    }
    return { seconds, withStart };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** The Python that runs this command, from its first line: only that one is sure to have its modules. */
async function pythonOf(command: string): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("sh", {
    args: ["-c", `command -v "$0"`, command],
  }).output();
  if (!success) return undefined;
  const script = Deno.readTextFileSync(new TextDecoder().decode(stdout).trim());
  return /^#!(?:\S*\/env )?(\S+)/.exec(script)?.[1];
}
