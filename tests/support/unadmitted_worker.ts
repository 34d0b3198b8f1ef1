// The worker of unadmitted.ts: opens hostile connections and counts how they end. None of them ends by itself.

/// <reference lib="deno.worker" />

import {
  encodeFrame,
  encodeHave,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  PREFACE,
  Type,
} from "../../protocol.ts";
import { parseError } from "../../protocol/json_frames.ts";
import { concat } from "@std/bytes/concat";
import { entry, Raw } from "./loopback.ts";
import { mulberry32 } from "./random.ts";
import type { Hostility, Order, Report } from "./unadmitted.ts";

const encoder = new TextEncoder();
/** Connections that trickle are in this many groups; each group writes once a second, one after the other. */
const SHIFTS = 10;
const roll = mulberry32(2428);
/** Its first byte begins none of the protocols that the server recognizes. */
const GARBAGE = Uint8Array.from({ length: 16 * 1024 }, (_, i) => i === 0 ? 0xff : roll(256));
/** The number of times that one member connects and vanishes. */
const VISITS = 10;
const hello = entry(encoder.encode("hostile"));

/** The first bytes of a connection, and the bytes that follow at one byte a second. */
const TRICKLES: Partial<Record<Hostility, (i: number) => { first: Uint8Array; then: Uint8Array }>> =
  {
    // Half of them trickle from the first byte on, half of them within HELLO.
    trickle: (i) =>
      i % 2 === 0
        ? { first: new Uint8Array(0), then: PREFACE }
        : { first: PREFACE, then: header(MAX_FRAME_BEFORE_ADMISSION, Type.HELLO) },
    unfinished: () => ({
      first: concat([PREFACE, hello, header(MAX_FRAME, Type.MESSAGE)]),
      then: GARBAGE,
    }),
  };

/** The first bytes of a connection, and the bytes that it then sends again and again. */
const BURSTS: Partial<Record<Hostility, { first: (i: number) => Uint8Array; flood?: Uint8Array }>> =
  {
    silent: { first: () => new Uint8Array(0) },
    garbage: { first: () => GARBAGE, flood: GARBAGE },
    // Half of them announce a frame that is too long, half of them the longest allowed; no byte of it follows.
    lengths: {
      first: (i) =>
        concat([
          PREFACE,
          header(i % 2 === 0 ? 2 ** 32 - 1 : MAX_FRAME_BEFORE_ADMISSION, Type.HELLO),
        ]),
    },
    pings: {
      first: () => concat([PREFACE, hello]),
      flood: concat(Array.from({ length: 500 }, () => encodeFrame(Type.PING, 0))),
    },
    haves: { first: () => concat([PREFACE, hello, encodeHave(2 ** 40)]) },
  };

function header(length: number, type: number): Uint8Array<ArrayBuffer> {
  const bytes = encodeFrame(type, 0);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

/** The number of connections for each way to end. */
const endings: Record<string, number> = {};
const open = new Set<Raw>();
let stopped = false;

/** Reads until the connection ends; returns how: the code of an ERROR frame, `ended` or `reset`. */
async function listen(raw: Raw): Promise<string> {
  try {
    for (;;) {
      const frame = await raw.frame();
      if (!frame) return "ended";
      if (frame.type === Type.ERROR) return parseError(frame.body).code;
    }
  } catch {
    return "reset";
  }
}

/** Writes until the server has closed the connection. */
async function flood(raw: Raw, bytes: Uint8Array): Promise<void> {
  try {
    while (!stopped) await raw.write(bytes);
  } catch {
    // The server has closed it.
  }
}

/** The life of one connection; with `again` it connects again when the server has ended it. */
async function live({ kind, port, again }: Order, i: number, begun: () => void): Promise<void> {
  if (kind === "vanishing") {
    begun();
    return await vanish(port);
  }
  do {
    const raw = await Raw.connect({ port });
    open.add(raw);
    const { first, then, flooding } = planOf(kind, i);
    // A server that refuses the connection at once may have closed it already.
    await raw.write(first).catch(() => {});
    begun();
    if (then) trickles.set(raw, { bytes: then, at: 0, shift: i % SHIFTS });
    const flooded = flooding && flood(raw, flooding);
    // A connection that floods with PING reads no answers.
    if (kind !== "pings") {
      const what = await listen(raw);
      if (!stopped) endings[what] = (endings[what] ?? 0) + 1;
    }
    await flooded;
    trickles.delete(raw);
    // Without `again` it stays open until the server closes it.
    if (again && !stopped) close(raw);
  } while (again && !stopped);
}

/** Connects and disconnects without BYE; every second time it waits for WELCOME before. */
async function vanish(port: number): Promise<void> {
  for (let visit = 0; visit < VISITS; visit++) {
    const raw = await Raw.connect({ port });
    await raw.write(PREFACE, hello);
    if (visit % 2 === 0) await raw.frameOf(Type.WELCOME);
    raw.conn.close();
  }
}

function planOf(kind: Hostility, i: number) {
  const trickle = TRICKLES[kind]?.(i);
  if (trickle) return { ...trickle, flooding: undefined };
  const burst = BURSTS[kind]!;
  return { first: burst.first(i), then: undefined, flooding: burst.flood };
}

function close(raw: Raw): void {
  open.delete(raw);
  raw.conn.close();
}

const trickles = new Map<Raw, { bytes: Uint8Array; at: number; shift: number }>();
let shift = 0;
const drip = setInterval(() => {
  shift = (shift + 1) % SHIFTS;
  for (const [raw, one] of trickles) {
    if (one.shift !== shift || one.at >= one.bytes.length) continue;
    raw.write(one.bytes.subarray(one.at, ++one.at)).catch(() => trickles.delete(raw));
  }
}, 1000 / SHIFTS);

function report(state: Report["state"]): void {
  self.postMessage({ state, endings } satisfies Report);
}

self.onmessage = async ({ data }: MessageEvent<Order | "stop">) => {
  if (data === "stop") {
    stopped = true;
    clearInterval(drip);
    for (const raw of open) close(raw);
    return report("stopped");
  }
  const lives: Promise<void>[] = [];
  for (let i = 0; i < data.count; i++) {
    // One after the other: the system's queue of connections to accept is bounded.
    const { promise, resolve } = Promise.withResolvers<void>();
    lives.push(live(data, i, resolve));
    await promise;
  }
  report("begun");
  await Promise.all(lives);
  report("ended");
};
// An order that is sent before is lost: while modules load, a worker takes messages, and nothing handles them.
report("ready");
