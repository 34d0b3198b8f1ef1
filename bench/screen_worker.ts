// The members that send messages while keys are typed, in a thread of their own: see screen.ts. They are bare
// connections, so that they take little CPU time from the measured program.

/// <reference lib="deno.worker" />

import { encodeFrame, Type } from "../protocol.ts";
import { decodeEnvelope, encodeEnvelope, encodeProfile } from "../protocol/envelope.ts";
import { Raw, xor } from "../tests/support/loopback.ts";
import type { WorkerCommand, WorkerResult } from "./screen.ts";

/** The pause between bursts, in ms: the shortest of a timer. Then they send all messages that are due. */
const REST_MS = 1;
/** Bytes of a message. */
const SIZE = 64;

const members: Raw[] = [];
/** All messages, in the room's order. */
const received: string[] = [];
let sent = 0;
let talking = false;
let news = Promise.withResolvers<void>();

/** One member reads the messages. */
async function listen(raw: Raw): Promise<void> {
  for (;;) {
    const frame = await raw.frameOf(Type.MESSAGE);
    const envelope = decodeEnvelope(xor.open(frame.body).plaintext);
    if (envelope.kind === "text") received.push(envelope.text);
    news.resolve();
    news = Promise.withResolvers();
  }
}

/** The others discard what they receive. */
async function take(raw: Raw): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (await raw.conn.read(buffer) !== null);
}

async function come({ port, members: count }: WorkerCommand): Promise<void> {
  for (let i = 0; i < count; i++) {
    const raw = await Raw.connect({ port });
    await raw.hello(xor.seal(encodeProfile({ name: `talker${i}` })));
    members.push(raw);
    // The connection is closed during a read, which throws. A message that is too late is missing in the result.
    (i === 0 ? listen(raw) : take(raw)).catch(() => {});
  }
}

/** They send in turns until they are stopped. Resolves when all messages have been received. */
async function talk({ perSecond }: WorkerCommand): Promise<WorkerResult> {
  const begin = performance.now();
  talking = true;
  while (talking) {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    while (sent < (performance.now() - begin) / 1000 * perSecond) {
      const text = `number ${sent} `.padEnd(SIZE, "and more ").trim();
      const body = xor.seal(encodeEnvelope({ kind: "text", text }));
      await members[sent++ % members.length]!.write(encodeFrame(Type.MESSAGE, 0, body));
    }
  }
  const seconds = (performance.now() - begin) / 1000;
  while (received.length < sent) await news.promise;
  for (const { conn } of members) conn.close();
  return { received, seconds };
}

let order: WorkerCommand;
self.onmessage = async ({ data }: MessageEvent<WorkerCommand | "talk" | "stop">) => {
  if (data === "stop") {
    talking = false;
  } else if (data === "talk") {
    self.postMessage(await talk(order));
  } else {
    await come(order = data);
    self.postMessage("in");
  }
};
// Messages before this are lost: a worker receives messages while its modules still load, and has no listener yet.
self.postMessage("ready");
