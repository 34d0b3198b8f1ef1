// The cost of a sealed room: `deno run --allow-read bench/sealed.ts`. Takes some seconds.
//
// Each figure has a reference that was measured in the same run, on the same bytes. Machines differ, and so does one
// machine from minute to minute, but the ratio of the two differs much less.

import { createHmac, scryptSync } from "node:crypto";
import {
  type Aead,
  hasNativeAead,
  KEY_SIZE,
  nativeAead,
  NONCE_SIZE,
  portableAead,
  seal,
} from "../cipher/aead.ts";
import { Identity } from "../cipher/identity.ts";
import { answerLogin, register, startLogin } from "../cipher/opaque.ts";
import { LOG_NAME_SIZE, SealedCipher } from "../cipher/sealed.ts";
import { Chain } from "../client/chain.ts";
import { encodeFrame, Type } from "../protocol.ts";
import { CHAIN_SIZE } from "../protocol/chain.ts";

/** Time for each figure, in ms. */
const MEASURE_MS = 400;
/** Rounds, of which the median counts: other programs on the machine disturb some of them. */
const ROUNDS = 9;

const random = (size: number) => crypto.getRandomValues(new Uint8Array(size));

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function time(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** The time of one call, in µs. */
function cost(run: () => void): number {
  // Finds how many calls fit into a round, and warms the compiler up.
  let calls = 1;
  while (
    time(() => {
      for (let n = 0; n < calls; n++) run();
    }) < MEASURE_MS / ROUNDS / 2
  ) calls *= 2;
  const rounds = Array.from({ length: ROUNDS }, () =>
    time(() => {
      for (let n = 0; n < calls; n++) run();
    }));
  return median(rounds) / calls * 1_000;
}

/** The same for calls that work only once: `prepare` makes them for each round. */
function costOfEach(prepare: () => (() => void)[]): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const runs = prepare();
    return time(() => {
      for (const run of runs) run();
    }) / runs.length;
  });
  return median(rounds) * 1_000;
}

const [WHAT, NUMBER] = [34, 12];

function row(what: string, micros: number, reference: string, referenceMicros: number): void {
  const perSecond = 1e6 / micros;
  console.log(
    what.padEnd(WHAT) +
      perSecond.toFixed(perSecond < 100 ? 1 : 0).padStart(NUMBER) +
      micros.toFixed(1).padStart(NUMBER) +
      `${(micros / referenceMicros).toFixed(1)} x `.padStart(NUMBER) + reference,
  );
}

console.log(
  `Deno ${Deno.version.deno}, ${Deno.build.target}; ` +
    `ChaCha20-Poly1305 is ${hasNativeAead() ? "native" : "portable"}\n`,
);
console.log(
  "what".padEnd(WHAT) + ["per second", "µs each"].map((head) => head.padStart(NUMBER)).join("") +
    "cost of reference".padStart(NUMBER + 10),
);

const hmacKey = random(KEY_SIZE);
const hmac = (bytes: Uint8Array) => createHmac("sha256", hmacKey).update(bytes).digest();
const message64 = random(64);
const message16k = random(16 * 1024);
const hmac64 = cost(() => hmac(message64));
const hmac16k = cost(() => hmac(message16k));

// ---- admission ----

const code = "abandon ability able about";
const record = register(code);
const started = startLogin(code);
const pending = answerLogin(record, started.request)!;
const { proof, exportKey } = started.finish(pending.response)!;
row(
  "admission, server's side",
  cost(() => {
    answerLogin(record, started.request);
    // A proof is valid only for its own login, so the same one is checked repeatedly.
    if (!pending.finish(proof)) throw new Error("a right proof was refused");
  }),
  "HMAC-SHA256 of 64 B",
  hmac64,
);
const joins = Array.from({ length: 5 }, () =>
  time(() => {
    const login = startLogin(code);
    login.finish(answerLogin(record, login.request)!.response);
  }));
row(
  "join, client's side",
  median(joins) * 1_000,
  "scrypt with as much memory",
  time(() => scryptSync(code, "salt", 64, { N: 64 * 1024, r: 8, p: 1, maxmem: 65 * 1024 * 1024 })) *
    1_000,
);

// ---- messages ----

const log = random(LOG_NAME_SIZE);
const report = () => ({ position: 1_000_000, chain: log });
const make = (id = 0) =>
  new SealedCipher({
    exportKey,
    identity: Identity.generate(),
    seat: { log, id },
    now: () => Date.now(),
    report,
  });

row(
  "a member is made known",
  costOfEach(() => {
    const receiver = make();
    const profiles = Array.from({ length: 200 }, (_, n) => make(n).seal(message64, "profile"));
    return profiles.map((profile, id) => () => receiver.open(profile, "profile", id));
  }),
  "HMAC-SHA256 of 64 B",
  hmac64,
);
for (
  const [size, message, reference] of [
    ["64 B", message64, hmac64],
    ["16 KiB", message16k, hmac16k],
  ] as const
) {
  const against = `HMAC-SHA256 of ${size}`;
  const sender = make();
  row(`seal, ${size}`, cost(() => sender.seal(message, "room")), against, reference);
  row(
    `open, ${size}`,
    costOfEach(() => {
      const [from, receiver] = [make(1), make()];
      receiver.open(from.seal(message64, "profile"), "profile", 1);
      const bodies = Array.from({ length: 200 }, () => from.seal(message, "room"));
      return bodies.map((body) => () => receiver.open(body, "room", 1));
    }),
    against,
    reference,
  );
  const both: [string, Aead][] = [["portable", portableAead]];
  if (hasNativeAead()) both.unshift(["native", nativeAead]);
  for (const [name, implementation] of both) {
    const [key, nonce, associated] = [random(KEY_SIZE), random(NONCE_SIZE), random(75)];
    const sealed = seal(implementation, key, nonce, associated, [message]);
    row(
      `  of it ${name} AEAD, seal`,
      cost(() => seal(implementation, key, nonce, associated, [message])),
      against,
      reference,
    );
    row(
      `  of it ${name} AEAD, open`,
      cost(() => implementation.open(key, nonce, associated, sealed)),
      against,
      reference,
    );
  }
}

// ---- the chain of the room's log ----

const chain = new Chain(0, random(CHAIN_SIZE));
const frame = encodeFrame(Type.MESSAGE, 1, make(1).seal(message64, "room"));
row("the chain, for each message", cost(() => chain.add(frame)), "HMAC-SHA256 of 64 B", hmac64);
const reported = chain.report;
row(
  "a report compared",
  cost(() => chain.compare(reported, reported.position)),
  "HMAC-SHA256 of 64 B",
  hmac64,
);
