// One transfer from one member of a room to another, with server, sender and receiver as a new process each: its time,
// its effect on chat, and what it takes of the machine. Needs Linux. No part of the program.

import { PATIENCE_MS } from "../tests/support/async.ts";
import { Home, Program } from "../tests/support/program.ts";
import { type Path, SlowPath } from "./slow_path.ts";
import { type Cipher, openRoom, Talk, type Times } from "./talk.ts";

/** How long the room is measured while no file is sent, in ms. */
const IDLE_MS = 3000;

/** Lines of a receiver after which a file will not come. */
const BAD_TYPES = ["error", "ended", "changes"];
const BAD_STATES = ["failed", "cancelled", "declined"];

export const PROCESSES = ["server", "sender", "receiver"] as const;

/** What a transfer has taken of one process. */
export interface Cost {
  /** RSS before the offer, in MiB. */
  readonly idle: number;
  /** The greatest RSS since then, in MiB. */
  readonly peak: number;
  /** CPU time of all its threads, in seconds. */
  readonly cpu: number;
}

/** Chat without anything else, then during a transfer. */
export interface ChatTimes {
  readonly idle: Times;
  readonly meanwhile: Times;
}

export interface Run extends ChatTimes {
  /** Seconds from the sender's request to offer until the last file is received. */
  readonly seconds: number;
  /** In the order of `PROCESSES`. */
  readonly costs: readonly Cost[];
}

export interface TransferOptions {
  /** Where the receiver is, seen from the server; by default it is beside it. Chat is then measured at the receiver. */
  readonly path?: Path | undefined;
  /** Verifies what was received. */
  check(downloads: string): Promise<void>;
}

/** Sends a file, or a folder of `count` files. */
export async function transfer(
  cipher: Cipher,
  from: string,
  count: number,
  { path, check }: TransferOptions,
): Promise<Run> {
  using home = new Home();
  await using room = await openRoom(cipher, { home });
  await using slowPath = path && new SlowPath(room.port, path);
  const downloads = `${home.path}/downloads`;
  const enter = async (name: string, port: number, ...more: string[]) => {
    const program = new Program(
      ["join", `127.0.0.1:${port}`, "--name", name, "--json", "--stay", ...more],
      { home, env: { ...(room.code !== undefined && { CHAT_CODE: room.code }) } },
    );
    await program.stdout.lineLike(/^\{"type":"members"/);
    return program;
  };
  const limits = ["--downloads", downloads, "--ask-above", "1024G"];
  await using receiver = await enter("receiver", slowPath?.port ?? room.port, ...limits);
  await using sender = await enter("sender", room.port);
  await using talk = await Talk.enter(room, path ? "caller" : "member");
  const received = receive(receiver, count, (text) => path && talk.hear(text));
  const idle = await talk.measure(new Promise((resolve) => setTimeout(resolve, IDLE_MS)));

  const meters = [room.server, sender, receiver].map((program) => new Meter(program.pid));
  const meanwhile = talk.measure(received);
  const begin = performance.now();
  await sender.type(`${JSON.stringify({ type: "offer", path: from })}\n`);
  await received;
  const seconds = (performance.now() - begin) / 1000;
  const costs = meters.map((meter) => meter.read());
  await check(downloads);
  return { seconds, idle, meanwhile: await meanwhile, costs };
}

/**
 * Accepts all offers, and resolves when this many files are received. Goes on reading until the program ends.
 *
 * @param hear gets the text of each message
 * @throws {Error} if a file fails, or nothing happens for two minutes
 */
function receive(receiver: Program, count: number, hear: (text: string) => void): Promise<void> {
  const received = Promise.withResolvers<void>();
  let newest = performance.now();
  const read = async () => {
    for (let done = 0;;) {
      const line = await receiver.stdout.line();
      const event = JSON.parse(line);
      if (event.type === "message") {
        hear(event.text);
        if (performance.now() - newest > PATIENCE_MS) throw new Error("The transfer stands still");
        continue;
      }
      newest = performance.now();
      if (event.type === "offer") {
        const numbers = event.files.map(({ transfer }: { transfer: number }) => transfer);
        const transfer = `${numbers[0]}-${numbers.at(-1)}`;
        await receiver.type(`${JSON.stringify({ type: "accept", transfer })}\n`);
      } else if (event.type === "transfer" && event.state === "done") {
        if (++done === count) received.resolve();
      } else if (BAD_TYPES.includes(event.type) || BAD_STATES.includes(event.state)) {
        throw new Error(line);
      }
    }
  };
  // After the last file, it is the program that ends.
  read().catch(received.reject);
  received.promise.catch(() => {});
  return received.promise;
}

/**
 * Measures chat in a room of its own, idle and then beside something else.
 *
 * @param copy calls `onStart` with its end, and returns its seconds
 */
export async function besides(
  cipher: Cipher,
  copy: (onStart: (end: Promise<unknown>) => void) => Promise<number>,
): Promise<ChatTimes & { seconds: number }> {
  using home = new Home();
  await using room = await openRoom(cipher, { home });
  await using talk = await Talk.enter(room, "member");
  const idle = await talk.measure(new Promise((resolve) => setTimeout(resolve, IDLE_MS)));
  let meanwhile = Promise.resolve<Times>([]);
  const seconds = await copy((end) => {
    meanwhile = talk.measure(end);
  });
  return { seconds, idle, meanwhile: await meanwhile };
}

/** Reads from Linux what a process takes from now on. */
class Meter {
  readonly #pid: number;
  readonly #idle: number;
  readonly #cpu: number;

  constructor(pid: number) {
    this.#pid = pid;
    // Makes the present RSS the greatest one so far: see proc(5).
    Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
    this.#idle = this.#memory("VmRSS");
    this.#cpu = this.#time();
  }

  read(): Cost {
    return { idle: this.#idle, peak: this.#memory("VmHWM"), cpu: this.#time() - this.#cpu };
  }

  /** In MiB. */
  #memory(field: "VmRSS" | "VmHWM"): number {
    const status = Deno.readTextFileSync(`/proc/${this.#pid}/status`);
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) / 1024;
  }

  /** CPU time so far, in seconds: user and system, of all threads (proc(5); a tick is 10 ms on Linux). */
  #time(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.#pid}/stat`);
    // The name, in parentheses, may contain spaces. After it, user is the 12th field and system the 13th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
}
