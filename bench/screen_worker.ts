// The members that talk while keys are typed, in a thread of their own: see screen.ts. They are bare connections, so
// that they take little of the machine from what is measured.

/// <reference lib="deno.worker" />

import { encodeFrame, Type } from "../protocol.ts";
import { decodeEnvelope, encodeEnvelope, encodeProfile } from "../protocol/envelope.ts";
import { Raw, xor } from "../tests/support/loopback.ts";
import type { Order, Talk } from "./screen.ts";

/** How long they rest, in ms, before they say what is due meanwhile: the least that a timer can. */
const REST_MS = 1;
/** Bytes of a message. */
const SIZE = 64;

const members: Raw[] = [];
/** All that was said, in the room's order. */
const heard: string[] = [];
let said = 0;
let talking = false;
let news = Promise.withResolvers<void>();

/** One of them listens. */
async function listen(raw: Raw): Promise<void> {
  for (;;) {
    const frame = await raw.frameOf(Type.MESSAGE);
    const envelope = decodeEnvelope(xor.open(frame.body).plaintext);
    if (envelope.kind === "text") heard.push(envelope.text);
    news.resolve();
    news = Promise.withResolvers();
  }
}

/** The others only take what comes. */
async function take(raw: Raw): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (await raw.conn.read(buffer) !== null);
}

async function come({ port, members: count }: Order): Promise<void> {
  for (let i = 0; i < count; i++) {
    const raw = await Raw.connect({ port });
    await raw.hello(xor.seal(encodeProfile({ name: `talker${i}` })));
    members.push(raw);
    // It ends with an error, for the connection is closed while it reads; what comes too late is missed by who waits.
    (i === 0 ? listen(raw) : take(raw)).catch(() => {});
  }
}

/** Each in its turn, until they are stopped; resolves when all has been heard. */
async function talk({ perSecond }: Order): Promise<Talk> {
  const begin = performance.now();
  talking = true;
  while (talking) {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    while (said < (performance.now() - begin) / 1000 * perSecond) {
      const text = `number ${said} `.padEnd(SIZE, "and more ").trim();
      const body = xor.seal(encodeEnvelope({ kind: "text", text }));
      await members[said++ % members.length]!.write(encodeFrame(Type.MESSAGE, 0, body));
    }
  }
  const seconds = (performance.now() - begin) / 1000;
  while (heard.length < said) await news.promise;
  for (const { conn } of members) conn.close();
  return { heard, seconds };
}

let order: Order;
self.onmessage = async ({ data }: MessageEvent<Order | "talk" | "stop">) => {
  if (data === "stop") {
    talking = false;
  } else if (data === "talk") {
    self.postMessage(await talk(order));
  } else {
    await come(order = data);
    self.postMessage("in");
  }
};
// What was sent before is lost: while its modules wait for something, a worker takes messages, and nobody listens.
self.postMessage("ready");
