// File data under attack: members take all of the server's memory for it and keep it, and others send grants and data that
// make no sense. Meanwhile an honest pair moves a file.

import { assert, assertLessOrEqual } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodeFrame, Type } from "../../protocol.ts";
import { parseGrant } from "../../protocol/data.ts";
import { CREDIT_IN_ALL, NETWORK_CREDIT, RECEIVER_CREDIT } from "../../server/data_lanes.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { within } from "../support/async.ts";
import { data, DataMember, grant } from "../support/data_member.ts";
import { DataPair } from "../support/data_pairs.ts";
import { mulberry32, noise } from "../support/random.ts";
import { MB, SoakServer } from "../support/soak_server.ts";

const MIB = 2 ** 20;
const SEED = Number(Deno.env.get("CHAT_HOSTILE_SEED") ?? "2428");
const FILE = 16 * MIB;
const CHUNK = 60 * 1024;
/** The honest receiver's network, and the ones that take part in the attack; this one does, too. */
const NETWORKS = Array.from(
  { length: CREDIT_IN_ALL / NETWORK_CREDIT },
  (_, n) => `192.0.2.${1 + n}`,
);
const [HOME] = NETWORKS as [string];
const RECEIVERS = NETWORK_CREDIT / RECEIVER_CREDIT;
/** How often a sender uses a little of what was granted to it, in ms: more often than unused credit goes back. */
const TRICKLE_MS = 2_000;
const ACTORS = 8;
const GENERATIONS = [0, 1, 2, 3, 2 ** 31, 2 ** 32 - 1];
const TOTALS = [0, 1, 1023, 2 ** 16, 2 ** 32, Number.MAX_SAFE_INTEGER];

/** An attack by many members. */
class Attack implements AsyncDisposable {
  readonly #port: number;
  readonly #stack = new AsyncDisposableStack();
  readonly #random = mulberry32(SEED);
  #isOver = false;
  /** Ids that anything can be sent to. */
  readonly ids: number[] = [0, 2 ** 32 - 1];
  frames = 0;

  constructor(port: number) {
    this.#port = port;
  }

  async #join(network: string): Promise<DataMember> {
    const member = this.#stack.use(await DataMember.join(this.#port, network));
    this.ids.push(member.id);
    return member;
  }

  /** A receiver that grants everything and reads nothing, and a sender that sends all that is passed on. */
  async jam(network: string): Promise<void> {
    const receiver = await this.#join(network);
    const sender = await this.#join(network);
    let sent = 0;
    sender.on = ({ type, id, body }) => {
      if (type !== Type.GRANT || id !== receiver.id) return;
      const { generation, total } = parseGrant(body);
      const chunk = new Uint8Array(CHUNK);
      for (; sent + CHUNK + 13 <= total; sent += CHUNK + 13) {
        void sender.write(data(receiver.id, generation, chunk));
      }
    };
    sender.read();
    void receiver.write(grant(sender.id, 1, Number.MAX_SAFE_INTEGER));
  }

  /** A receiver that grants everything, and a sender that uses very little of it. */
  async trickle(network: string): Promise<void> {
    const receiver = (await this.#join(network)).read();
    const sender = (await this.#join(network)).read();
    void receiver.write(grant(sender.id, 1, Number.MAX_SAFE_INTEGER));
    const timer = setInterval(
      () => void sender.write(data(receiver.id, 1, new Uint8Array(1))),
      TRICKLE_MS,
    );
    this.#stack.defer(() => clearInterval(timer));
  }

  /** A member that sends grants and data of all kinds, to anybody, until the server ends its connection; then another. */
  async act(network: string): Promise<void> {
    while (!this.#isOver) {
      const member = (await this.#join(network)).read();
      let isOpen = true;
      void member.ended.then(() => isOpen = false);
      for (let batches = 1 + this.#random(200); isOpen && !this.#isOver && batches > 0; batches--) {
        const frames = Array.from({ length: 64 }, () => this.#frame(member.id));
        this.frames += frames.length;
        await Promise.race([member.write(concat(frames)), member.ended]);
      }
      // What it was granted, and what was sent to it, is for nobody.
      void member.write(encodeFrame(Type.BYE, 0));
    }
  }

  #frame(self: number): Uint8Array<ArrayBuffer> {
    const random = this.#random;
    const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;
    const id = random(8) === 0 ? self : pick(this.ids);
    if (random(8) > 0) return grant(id, pick(GENERATIONS), pick(TOTALS));
    return data(id, pick(GENERATIONS), new Uint8Array(random(4) === 0 ? CHUNK : random(100)));
  }

  end(): void {
    this.#isOver = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.end();
    return this.#stack.disposeAsync();
  }
}

/** Moves a file; returns the bytes of each second. */
async function move(sender: DataMember, receiver: DataMember, pair: DataPair): Promise<number[]> {
  assert(sender.id !== receiver.id);
  const each: number[] = [];
  pair.begin();
  let before = 0;
  const timer = setInterval(() => {
    pair.check();
    each.push(pair.offset - before);
    before = pair.offset;
  }, 1_000);
  try {
    await within("the file", pair.done);
  } finally {
    clearInterval(timer);
  }
  return [...each, pair.offset - before];
}

Deno.test(`Server: an honest pair moves a file while other members hold all memory for files and send nonsense (CHAT_HOSTILE_SEED=${SEED})`, async () => {
  await using server = await SoakServer.start({
    proxy: "127.0.0.1",
    graceMs: 0,
    budget: DEFAULT_LIMITS.budget!,
  });
  await using stack = new AsyncDisposableStack();
  const { port } = server;
  const join = async (network: string) => stack.use((await DataMember.join(port, network)).read());
  const file = noise(FILE, SEED);
  const honest = async () => {
    const [sender, receiver] = [await join("198.51.100.1"), await join(HOME)];
    return { sender, receiver, pair: new DataPair(sender, receiver, file, CHUNK) };
  };
  const first = await honest();
  const alone = performance.now();
  await move(first.sender, first.receiver, first.pair);
  console.log(`alone: ${MB(FILE)} MB in ${((performance.now() - alone) / 1000).toFixed(2)} s`);

  const attack = stack.use(new Attack(port));
  for (let n = 0; n < RECEIVERS; n++) {
    await attack.jam(HOME);
    for (const network of NETWORKS.slice(1)) await attack.trickle(network);
  }
  const { granted } = await server.until(
    "no memory left for files",
    ({ granted }) => granted > CREDIT_IN_ALL - RECEIVER_CREDIT / 2,
  );
  console.log(`held by the attack: ${MB(granted)} MB of ${MB(CREDIT_IN_ALL)}`);

  const second = await honest();
  attack.ids.push(second.sender.id, second.receiver.id);
  const acting = Array.from({ length: ACTORS }, (_, n) => attack.act(NETWORKS[n % 4]!));
  let most = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      most = Math.max(most, (await server.look()).granted);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const from = performance.now();
  const each = await move(second.sender, second.receiver, second.pair)
    .finally(() => isOver = true);
  const seconds = (performance.now() - from) / 1000;
  await watching;
  attack.end();
  await within("the end of the attack", Promise.all(acting));
  const waited = each.findIndex((bytes) => bytes > 0);
  console.log(
    `under attack: ${MB(FILE)} MB in ${seconds.toFixed(1)} s, the first after ${waited} to ${
      waited + 1
    } s, then ${each.slice(waited).map(MB).join(" ")} MB a second; ` +
      `${second.pair.restarts} new generations; the others sent ${attack.frames} frames`,
  );
  const { dropped } = await server.look();
  console.log(`granted at most ${MB(most)} MB; ${dropped} frames dropped`);
  assertLessOrEqual(most, CREDIT_IN_ALL);
  assert(dropped > 0);
});
