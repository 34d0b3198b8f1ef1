// Runs crowd.c, the load, against a server in a process of its own. No part of the program.

import { concat } from "@std/bytes/concat";
import { encodeFrame, HEADER_SIZE, PREFACE, Type } from "../protocol.ts";
import { encodeHello } from "../protocol/json_frames.ts";
import { start } from "../tests/support/program.ts";
import { LineSplitter } from "../text/lines.ts";

/** The result of one run of crowd.c. */
export interface Run {
  readonly complete: boolean;
  readonly perSecond: number;
  /** Latencies in ms. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** The server's CPU load, as a part of one core. */
  readonly cpu: number;
  /** CPU time for one delivery, in µs. */
  readonly micros: number;
  /** Seconds until all members had joined. */
  readonly coming: number;
  /** The server's RSS before the first member joined, and when all had joined and were silent. */
  readonly kbEmpty: number;
  readonly kbIdle: number;
}
export type Figure = Exclude<keyof Run, "complete">;

export interface Contestant {
  readonly name: string;
  readonly path: string;
  readonly args: readonly string[];
  /** The crowd's options for its protocol. */
  readonly wire: readonly string[];
  /** It does not print its port: it gets one, and prints these words when it listens. */
  readonly ready?: string;
}

/** Messages in flight for each sender, or messages per second of all senders together. */
export type Pace = { readonly inFlight: number } | { readonly rate: number };
export interface Load {
  readonly members: number;
  readonly pace: Pace;
  /** How many of them send; `SENDERS` if not given. */
  readonly senders?: number;
}

export const SENDERS = 10;
/** Bytes of a message. */
export const SIZE = 64;
/** A load with a fixed rate takes longer by this factor: it has fewer messages, and little CPU time to measure. */
export const RATE_FACTOR = 3;
/** A run that takes longer is stuck. */
const RUN_MS = 60_000;
/** A server that has not printed its port by then never will. */
const START_MS = 10_000;

export const root = new URL("..", import.meta.url);

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

const hello = concat([
  PREFACE,
  encodeHello({ version: 1 }),
  encodeFrame(Type.PROFILE, 0, new TextEncoder().encode("m")),
]);

/** `chat serve` without limits for members. */
export const chat: Contestant = {
  name: "chat",
  path: start.path,
  args: [
    ...start.args,
    ...["serve", "--cipher", "xor", "--port", "0", "--rate", "0", "--byte-rate", "0"],
    ...["--max-members", "20000", "--max-per-address", "20000", "--max-admissions", "20000"],
    ...["--max-pending", "20000"],
    ...["--idle", "3600", "--grace", "0"],
  ],
  // The prefix of a payload is the header of a message to the room, without the length.
  wire: ["-H", hex(hello), "-x", hex(encodeFrame(Type.MESSAGE, 0).subarray(4, HEADER_SIZE))],
};

/** The output of a program, or undefined if it is missing or fails. */
export async function outputOf(path: string, ...args: string[]): Promise<string | undefined> {
  try {
    const options = { args, cwd: root, stdin: "null", stderr: "null" } as const;
    const { success, stdout } = await new Deno.Command(path, options).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

export async function build(folder: string, name: string): Promise<string> {
  const path = `${folder}/${name}`;
  const { success } = await new Deno.Command("cc", {
    args: ["-O2", "-o", path, `bench/${name}.c`],
    cwd: root,
    stdin: "null",
  }).output();
  if (!success) throw new Error(`Cannot compile bench/${name}.c: cc failed`);
  return path;
}

/** Waits for a line that matches, and returns its first group. */
async function waitForLine(stdout: ReadableStream<Uint8Array>, wanted: RegExp): Promise<string> {
  const splitter = new LineSplitter(1000);
  for await (const piece of stdout.values({ preventCancel: true })) {
    for (const line of splitter.push(piece)) {
      const found = "text" in line && wanted.exec(line.text)?.[1];
      if (found) return found;
    }
  }
  throw new Error(`it did not say ${wanted}`);
}

/** A free port, for a server that cannot choose one itself. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Starts the server, runs the crowd, and stops the server: each run has its own. */
export async function run(
  crowd: string,
  { path, args, wire, ready }: Contestant,
  { members, pace, senders = SENDERS }: Load,
  seconds: number,
): Promise<Run> {
  const given = ready === undefined ? undefined : String(freePort());
  const server = new Deno.Command(path, {
    args: [...args, ...(given === undefined ? [] : ["--port", given])],
    cwd: root,
    stdin: "null",
    stdout: "piped",
    // It logs each join and leave.
    stderr: "null",
  }).spawn();
  const late = setTimeout(() => server.kill("SIGKILL"), START_MS);
  try {
    const printed = await waitForLine(server.stdout, new RegExp(ready ? `(${ready})` : "(\\d+)$"));
    const port = given ?? printed;
    clearTimeout(late);
    const { code, stdout, stderr } = await new Deno.Command(crowd, {
      args: [
        ...["-p", `${port}`, "-i", `${server.pid}`, "-n", `${members}`, "-s", `${senders}`],
        ...["-b", `${SIZE}`, ...wire],
        ...("rate" in pace
          ? ["-r", `${pace.rate}`, "-t", `${seconds * RATE_FACTOR}`]
          : ["-w", `${pace.inFlight}`, "-t", `${seconds}`]),
      ],
      stdin: "null",
      signal: AbortSignal.timeout(RUN_MS),
    }).output();
    const result = new TextDecoder().decode(stdout);
    if (result === "") {
      const reason = new TextDecoder().decode(stderr).trim();
      throw new Error(reason || `the crowd ended with exit code ${code}`);
    }
    return JSON.parse(result) as Run;
  } finally {
    clearTimeout(late);
    try {
      server.kill("SIGKILL");
    } catch {
      // It has already ended.
    }
    await server.stdout.cancel();
    await server.status;
  }
}

export function describe(pace: Pace): string {
  return "rate" in pace ? `${pace.rate} a second` : `${pace.inFlight} in flight`;
}

/** With three significant digits. */
export function digits(value: number): string {
  return Number.isFinite(value) ? `${Number(value.toPrecision(3))}` : "–";
}

export function thousands(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString("en") : "–";
}

/** A heading and a table, or nothing if it has no rows. */
export function table(
  heading: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  if (rows.length === 0) return [];
  const lines = [head, head.map(() => "---:"), ...rows];
  return [heading, lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")];
}
