// The cost of one member that never reads, for the others: 100 members send messages, in turns without a slow member,
// with one that falls behind, and with one that is disconnected meanwhile. All in one run, so that a disturbance
// affects all three.
//
//   deno run --allow-all bench/slow.ts

import {
  AckOutcome,
  encodeFrame,
  FrameDecoder,
  Left,
  MAX_FRAME,
  parseAck,
  parseLeft,
  PREFACE,
  Type,
} from "../protocol.ts";
import { parseError } from "../protocol/json_frames.ts";
import { entry, Raw } from "../tests/support/loopback.ts";
import { SoakServer } from "../tests/support/soak_server.ts";
import { Latencies } from "../tests/support/unadmitted.ts";

const MEMBERS = 100;
const ROUNDS = 9;
const PHASE_MS = 2_000;
/** This many members send at a time: 300 messages a second, each to all members. */
const TICK_MS = 10;
const AT_ONCE = 3;
const SIZE = 400;
/** Small, so that the disconnect is soon. A segment is a quarter of it, and the server checks for slow members at its end. */
const LOG_SIZE = 512 * 1024;
const BACKLOG = 256 * 1024;
const LARGE = 50_000;

const KINDS = ["none", "behind", "cut"] as const;
type Kind = typeof KINDS[number];
const profile = new TextEncoder().encode("member");

/** Times in ms: for the sender of a message, and for the others. */
class Phase {
  readonly echo = new Latencies();
  readonly others = new Latencies();
}

/** A bare member that reads. */
class Member {
  static phase: Phase | undefined;
  id = 0;
  /** Bytes of the room's log. */
  receivedBytes = 0;
  /** The reasons of members that left, by id. */
  readonly left = new Map<number, number>();
  readonly #conn: Deno.TcpConn;
  readonly #decoder = new FrameDecoder(MAX_FRAME);
  #news = Promise.withResolvers<void>();
  #outcome: number | undefined;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  static async join(port: number): Promise<Member> {
    const member = new Member(await Deno.connect({ hostname: "127.0.0.1", port }));
    await member.write(PREFACE);
    await member.write(entry(profile));
    member.#read();
    while (member.receivedBytes === 0) await member.#news.promise;
    return member;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const count = await this.#conn.read(this.#decoder.space());
        if (count === null) return;
        this.#decoder.fill(count);
        const now = performance.now();
        for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next()) {
          const { type, id, body, bytes } = frame;
          if (type === Type.WELCOME) this.id = id;
          if (type === Type.ACK) this.#outcome = parseAck(body).outcome;
          if (type === Type.LEFT) this.left.set(id, parseLeft(body));
          if (type === Type.MESSAGE && body.length === SIZE) {
            const view = new DataView(body.buffer, body.byteOffset);
            const { phase } = Member;
            (id === this.id ? phase?.echo : phase?.others)?.add(now - view.getFloat64(0));
          }
          if (
            type === Type.MESSAGE || type === Type.JOINED || type === Type.LEFT
          ) this.receivedBytes += bytes.length;
        }
        this.#news.resolve();
        this.#news = Promise.withResolvers();
      }
    } catch {
      // The connection was closed.
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  say(): Promise<void> {
    const body = new Uint8Array(SIZE);
    new DataView(body.buffer).setFloat64(0, performance.now());
    return this.write(encodeFrame(Type.MESSAGE, 0, body));
  }

  async until(fits: () => boolean): Promise<void> {
    while (!fits()) await this.#news.promise;
  }

  /** Sends to a member that does not read until its connection takes no more. */
  async fill(id: number): Promise<void> {
    do {
      this.#outcome = undefined;
      await this.write(encodeFrame(Type.MESSAGE, id, new Uint8Array(200_000)));
      await this.until(() => this.#outcome !== undefined);
    } while (this.#outcome === AckOutcome.ACCEPTED);
  }

  /** Makes the room's log longer. */
  async extend(bytes: number): Promise<void> {
    const end = this.receivedBytes + bytes;
    for (let at = this.receivedBytes; at < end; at += LARGE) {
      await this.write(encodeFrame(Type.MESSAGE, 0, new Uint8Array(LARGE)));
    }
    await this.until(() => this.receivedBytes >= end);
  }

  close(): void {
    this.#conn.close();
  }
}

async function talk(members: readonly Member[]): Promise<Phase> {
  const phase = Member.phase = new Phase();
  let next = 0;
  const writes: Promise<void>[] = [];
  const timer = setInterval(() => {
    for (let i = 0; i < AT_ONCE; i++) writes.push(members[next++ % members.length]!.say());
  }, TICK_MS);
  await new Promise((resolve) => setTimeout(resolve, PHASE_MS));
  clearInterval(timer);
  await Promise.all(writes);
  const count = () => phase.echo.count + phase.others.count;
  while (count() < next * members.length) await new Promise((resolve) => setTimeout(resolve, 1));
  Member.phase = undefined;
  return phase;
}

await using server = await SoakServer.start({ logSize: LOG_SIZE, backlog: BACKLOG, graceMs: 0 });
const { port } = server;
const members: Member[] = [];
for (let i = 0; i < MEMBERS; i++) members.push(await Member.join(port));
const helper = await Member.join(port);

async function run(kind: Kind): Promise<Phase> {
  if (kind === "none") return await talk(members);
  await using mute = await Raw.connect({ port });
  await mute.write(PREFACE, entry(profile));
  const { id } = await mute.frameOf(Type.WELCOME);
  await helper.fill(id);
  // It will be too slow at the end of one of the next segments.
  if (kind === "cut") await helper.extend(BACKLOG - LARGE);
  const phase = await talk(members);
  const { left } = helper;
  if (kind === "cut" && left.get(id) === undefined) {
    console.log("(it was not disconnected in its phase)");
  }
  if (kind === "behind" && left.get(id) !== undefined) {
    console.log("(it was disconnected too early)");
  }
  while (left.get(id) === undefined) await helper.extend(LARGE);
  if (left.get(id) !== Left.SLOW) throw new Error("It was not disconnected for being slow");
  // Now it reads.
  const last = (await mute.frames()).at(-1);
  if (last?.type !== Type.ERROR || parseError(last.body).code !== "slow") {
    throw new Error("It did not receive the reason");
  }
  return phase;
}

await talk(members);
const phases: Record<Kind, Phase[]> = { none: [], behind: [], cut: [] };
for (let round = 0; round < ROUNDS; round++) {
  // Each is first equally often.
  for (let i = 0; i < KINDS.length; i++) {
    const kind = KINDS[(round + i) % KINDS.length]!;
    phases[kind].push(await run(kind));
  }
}
for (const what of ["echo", "others"] as const) {
  const medians = KINDS.map((kind) => {
    const all = Latencies.of(phases[kind].map((phase) => phase[what]));
    console.log(`${what.padEnd(6)} ${kind.padEnd(6)} ${all}`);
    return all.at(0.5);
  });
  const [behind, cut] = medians.slice(1).map((median) => (median / medians[0]!).toFixed(3));
  console.log(
    `${
      what.padEnd(6)
    } median, relative to the run without a mute member: ${behind} behind, ${cut} cut`,
  );
}
for (const member of [...members, helper]) member.close();
