// File data of a thousand pairs at the same time, through a server in a process of its own.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { encodeFrame, Type } from "../../protocol.ts";
import { CREDIT_IN_ALL, NETWORK_CREDIT } from "../../server/data_lanes.ts";
import { within } from "../support/async.ts";
import { DataMember } from "../support/data_member.ts";
import type { PairsOrder, PairsReport } from "../support/data_pairs.ts";
import { MB, SoakServer } from "../support/soak_server.ts";
import { Latencies } from "../support/unadmitted.ts";
import { statesOf } from "../support/worker_states.ts";

const PAIRS = 1_000;
/** Threads of the members: Deno serves at most 128 sockets of a thread at once. */
const THREADS = 4;
/** Few enough that all of their credit is used up. */
const NETWORKS = ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:2::1"];
const SIZE = 256 * 1024;
/** Where the two that talk come from. */
const TALKERS = "192.0.2.9";
/** Rounds of talk before the files. */
const ROUNDS_BEFORE = 50;

/** Pairs in a worker of their own. */
class Pairs implements Disposable {
  readonly #worker = new Worker(new URL("../support/data_pairs_worker.ts", import.meta.url), {
    type: "module",
  });
  readonly states = statesOf<PairsReport>(this.#worker, ["ready", "joined", "done", "stopped"]);

  post(order: PairsOrder | "begin" | "stop"): void {
    this.#worker.postMessage(order);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** Two members of which each answers the other. */
class Talk {
  latencies = new Latencies();
  readonly #members: readonly DataMember[];
  #count = 0;
  #saidAt = 0;
  #heard = Promise.withResolvers<void>();

  constructor(members: readonly [DataMember, DataMember]) {
    this.#members = members;
    for (const [n, member] of members.entries()) {
      member.on = ({ type, id, body }) => {
        // Its own, or none of these two.
        if (type !== Type.MESSAGE || id !== members[1 - n]!.id) return;
        assertEquals(new DataView(body.buffer, body.byteOffset).getUint32(0), this.#count);
        this.latencies.add(performance.now() - this.#saidAt);
        this.#heard.resolve();
      };
    }
  }

  async round(): Promise<void> {
    const body = new Uint8Array(4);
    new DataView(body.buffer).setUint32(0, ++this.#count);
    this.#heard = Promise.withResolvers();
    this.#saidAt = performance.now();
    void this.#members[this.#count % 2]!.write(encodeFrame(Type.MESSAGE, 0, body));
    await within("a message", this.#heard.promise);
  }
}

function shown(latencies: Latencies): string {
  const [median, p95, max] = [0.5, 0.95, 1].map((part) => latencies.at(part).toFixed(1));
  return `${latencies.count} messages, in ms: median ${median}, p95 ${p95}, maximum ${max}`;
}

Deno.test("Server: the files of a thousand pairs arrive whole and in order, within the bounds of its memory, while others talk", async () => {
  await using server = await SoakServer.start({ proxy: "127.0.0.1", graceMs: 0 });
  await using stack = new AsyncDisposableStack();
  const { port } = server;
  const join = async () => stack.use((await DataMember.join(port, TALKERS)).read());
  const talk = new Talk([await join(), await join()]);
  const parts = Array.from({ length: THREADS }, () => stack.use(new Pairs()));
  await within("the workers", Promise.all(parts.map(({ states }) => states.ready)));
  for (const [n, part] of parts.entries()) {
    part.post({ port, pairs: PAIRS / THREADS, networks: NETWORKS, size: SIZE, seed: 1 + n });
  }
  await within("all members", Promise.all(parts.map(({ states }) => states.joined)));
  const { members } = await server.look();
  assertEquals(members, 2 * PAIRS + 2);
  for (let n = 0; n < ROUNDS_BEFORE; n++) await talk.round();
  console.log(`before: ${shown(talk.latencies)}`);

  talk.latencies = new Latencies();
  let granted = 0;
  let isDone = false;
  const from = performance.now();
  const done = within("all files", Promise.all(parts.map(({ states }) => states.done)))
    .finally(() => isDone = true);
  for (const part of parts) part.post("begin");
  do {
    await talk.round();
    granted = Math.max(granted, (await server.look()).granted);
  } while (!isDone);
  const reports = await done;
  const seconds = (performance.now() - from) / 1000;
  const all = reports.flatMap(({ completed }) => completed).sort((a, b) => a - b);
  assertEquals(all.length, PAIRS);
  const [first, median, last] = [0, PAIRS / 2, PAIRS - 1].map((n) => (all[n]! / 1000).toFixed(1));
  console.log(
    `${PAIRS} files, ${MB(PAIRS * SIZE)} MB in ${
      seconds.toFixed(1)
    } s: the first after ${first} s, ` +
      `half after ${median} s, the last after ${last} s`,
  );
  console.log(`meanwhile: ${shown(talk.latencies)}`);
  console.log(`granted at most ${MB(granted)} MB of ${MB(NETWORKS.length * NETWORK_CREDIT)}`);

  assert(granted > 0, "nothing was seen of the files");
  assertLessOrEqual(granted, Math.min(CREDIT_IN_ALL, NETWORKS.length * NETWORK_CREDIT));
  const { accepted, dropped } = await server.until(
    "no file data",
    ({ granted }) => granted === 0,
  );
  const restarts = reports.reduce((sum, { restarts }) => sum + restarts, 0);
  const frames = reports.reduce((sum, { frames }) => sum + frames, 0);
  console.log(`${frames} frames, ${dropped} of them dropped; ${restarts} pairs began again`);
  assertEquals(accepted + dropped, frames);
  // Only a machine that stands still for seconds makes a pair begin again.
  if (restarts === 0) assertEquals(dropped, 0);
  for (const part of parts) part.post("stop");
  await within("the end", Promise.all(parts.map(({ states }) => states.stopped)));
});
