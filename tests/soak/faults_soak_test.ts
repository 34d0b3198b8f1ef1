// Members talk through networks that break all the time. The test compares the messages that each member was shown with
// the room's log: no message is lost or repeated, all come in one order, and each gap is reported with its exact size.
// In sealed rooms, no member ever reports that another one sees a different conversation: nobody forks the room.
//
// CHAT_SOAK_SECONDS=60 CHAT_SOAK_SEED=1 deno test --no-check --allow-all tests/soak/faults_soak_test.ts

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import { type Client, join } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";
import { ChatError } from "../../errors.ts";
import { frameSize, Type } from "../../protocol.ts";
import type { RoomEvent } from "../../room.ts";
import type { ServerOptions } from "../../server.ts";
import type { Hub } from "../../server/hub.ts";
import { FAULT_KINDS, type FaultKind, FaultProxy } from "../support/fault_proxy.ts";
import { seededRandom } from "../support/random.ts";
import { within } from "../support/async.ts";
import { TestRoom } from "../support/loopback.ts";
import { QUICK_ADMISSION, QUICK_CODE, quickLogin } from "../support/quick_login.ts";

/** How long the members talk. A few seconds show most; CI takes longer. */
const SECONDS = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "20");
const SEED = Number(Deno.env.get("CHAT_SOAK_SEED") ?? "2428");
/** The number of members with bad networks. One more has a good network. */
const CROWD = 10;
/** The number of these that only listen. */
const QUIET = 3;
/** The number of these that lose their networks again and again for longer than the grace time. */
const UNLUCKY = 2;
/** The most unconfirmed messages of each member. */
const WINDOW = 3;
/** Usually long enough to reconnect through these networks, and short enough for a test to wait for its end. */
const GRACE_MS = 2_000;
/**
 * The bytes within which a connection breaks: in its handshake, within a message, or after several. Sealed rooms need
 * more bytes for logins and profiles: with smaller numbers, the clients would do nothing but log in.
 */
const WITHIN = {
  xor: [4 * 1024, 64 * 1024, 512 * 1024, 2 * 1024 * 1024],
  sealed: [32 * 1024, 64 * 1024, 512 * 1024, 2 * 1024 * 1024],
} as const;

/** A message that was shown, and its position in the room's log. */
interface Shown {
  readonly at: number;
  readonly what: string;
}

/** A message frame in the room's log. */
interface Logged {
  readonly from: number;
  readonly at: number;
}

/** The room's log, recorded by a member of the hub that has no connection and so cannot lose one. */
class Recorder {
  readonly messages: Logged[] = [];
  /** For each member, the number of messages before it joined. */
  readonly before = new Map<number, number>();
  readonly #gone = new Set<number>();
  #at: number;
  #news = Promise.withResolvers<void>();
  readonly leave: () => void;

  constructor(hub: Hub) {
    const fail = (_: string, message: string) => {
      throw new Error(message);
    };
    const { member, start } = hub.join(new Uint8Array(0), {
      wake: () => {
        for (let bytes = member.take(); bytes; bytes = member.take()) this.#read(bytes);
      },
      cut: fail,
      drop: fail,
    });
    this.#at = start.room;
    this.leave = () => hub.leave(member, 0);
  }

  /** Lets `until` check its condition again. */
  wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** The number of messages of a member. */
  count(id: number): number {
    return this.messages.filter(({ from }) => from === id).length;
  }

  /** Resolves when a member has left. */
  async gone(id: number): Promise<void> {
    await this.until(`the end of member ${id}`, () => this.#gone.has(id));
  }

  /** Resolves when the condition holds; checked after each addition to the log. */
  async until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) await within(what, this.#news.promise);
  }

  #read(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length;) {
      const size = frameSize(bytes.subarray(start));
      const view = new DataView(bytes.buffer, bytes.byteOffset + start, size);
      const [type, id] = [view.getUint8(4), view.getUint32(5)];
      if (type === Type.MESSAGE) this.messages.push({ from: id, at: this.#at });
      if (type === Type.JOINED) this.before.set(id, this.messages.length);
      if (type === Type.LEFT) this.#gone.add(id);
      start += size;
      this.#at += size;
    }
    this.wake();
  }
}

/** The sender in a message's label, and the number among the messages of this sender. */
function numbersOf(what: string): [sender: number, number: number] {
  const [sender, number] = what.split(/\D+/).slice(-2).map(Number);
  return [sender!, number!];
}

/** The text of a message. One in twenty is long, and no two are equal. */
function textOf(what: string, seed: number): string {
  const [sender, number] = numbersOf(what);
  const random = seededRandom(seed, sender, 1000 + number);
  const [limit, filling] = [
    random(20) === 0 ? 100_000 : random(4) === 0 ? 4_000 : 80,
    ["x", "ü", "🙂"][random(3)]!,
  ];
  return `${what} ${filling.repeat(random(limit) / filling.length + 1)}`;
}

/** What a test plays. */
interface Play {
  readonly seed: number;
  readonly isSealed: boolean;
  readonly isRestarted?: boolean;
}

/** A client's time under one member id. */
interface Session {
  readonly id: number;
  /** Its messages to the room, in the order of sending. Unconfirmed ones of the last session are sent again. */
  readonly said: string[];
  /** The reported number of messages that it missed before this session. */
  readonly missed: number;
}

/** A real client that records its events and checks them as far as it can. */
class Talker {
  readonly name: string;
  readonly client: Client;
  readonly sessions: Session[] = [];
  readonly shown: Shown[] = [];
  /** The direct messages that it was shown. */
  readonly direct: string[] = [];
  /** Its confirmed messages to the room, and its delivered direct messages. */
  readonly confirmed: string[] = [];
  readonly delivered: { readonly to: number; readonly what: string }[] = [];
  /** The receivers of its undelivered direct messages. */
  readonly refused: number[] = [];
  /** Gaps before direct messages, with the ids of sender and receiver at that time. */
  readonly missing: { readonly from: number; readonly self: number; readonly count: number }[] = [];
  resumptions = 0;
  readonly #index: number;
  readonly #seed: number;
  readonly #random: (limit: number) => number;
  /** The server is restarted, so messages may be lost that nobody can count. */
  readonly #isRestarted: boolean;
  readonly #said = new Map<number, string>();
  #count = 0;
  #ended: Promise<void>;
  #news = Promise.withResolvers<void>();

  private constructor(client: Client, index: number, { seed, isRestarted = false }: Play) {
    this.name = `talker${index}`;
    this.client = client;
    this.#index = index;
    this.#seed = seed;
    this.#isRestarted = isRestarted;
    this.#random = seededRandom(seed, index, 99);
    this.#ended = client.run((event) => this.#handle(event));
    // An error is reported by the next wait.
    this.#ended.catch(() => {});
  }

  static async join(
    port: number,
    index: number,
    play: Play,
  ): Promise<Talker> {
    const { seed, isSealed } = play;
    const random = seededRandom(seed, index, 98);
    const self = { identity: Identity.generate(), knownNames: new KnownNames() };
    for (;;) {
      try {
        const client = await join({
          hostname: "127.0.0.1",
          port,
          name: `talker${index}`,
          ...(isSealed && { code: QUICK_CODE, login: quickLogin }),
          self: () => self,
          retryMs: Infinity,
          backoff: new Backoff(() => random(1_000_000) / 1_000_000, { baseMs: 20, capMs: 200 }),
          pingMs: 200,
          deadMs: 1_000,
          handshakeMs: 2_000,
          finishMs: 1_000,
          receiverMs: 1_000,
        });
        return new Talker(client, index, play);
      } catch (error) {
        // A client reconnects by itself only after its first admission.
        if (!(error instanceof ChatError)) throw error;
      }
    }
  }

  /** Resolves when the condition holds; checked after each event. */
  async until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      await within(`${what} at ${this.name}`, Promise.race([this.#news.promise, this.#ended]));
    }
  }

  /** Lets `until` check its condition again. */
  wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Talks until `enough` returns true. */
  async talk(enough: () => boolean): Promise<void> {
    while (!enough()) {
      while (this.client.pending.length < WINDOW) this.#sayNext();
      await this.until("a confirmation", () => enough() || this.client.pending.length < WINDOW);
    }
  }

  say(what: string, to?: number): void {
    const text = textOf(what, this.#seed);
    const ref = to === undefined ? this.client.say(text) : this.client.tell(to, text);
    this.#said.set(ref, what);
    if (to === undefined) this.sessions.at(-1)!.said.push(what);
  }

  async leave(): Promise<void> {
    this.client.leave();
    await within(`the end of ${this.name}`, this.#ended);
  }

  #sayNext(): void {
    const what = `${this.#index}:${++this.#count}`;
    const others = this.client.members.filter(({ self, name }) => !self && /^talker/.test(name));
    const to = others[this.#random(3 * others.length + 1)];
    if (this.#random(50) === 0) {
      this.client.rename(`talker${this.#index}${"abcdefgh"[this.#random(8)]}`);
    }
    this.say(to ? `direct ${what}` : what, to?.id);
  }

  #handle(event: RoomEvent): void {
    switch (event.type) {
      case "welcome":
        this.sessions.push({ id: event.self.id, said: [], missed: 0 });
        break;
      case "connected": {
        if (event.resumed) {
          this.resumptions++;
          break;
        }
        const said = this.client.pending.filter(({ to, text }) => !to && !text.startsWith("direct"))
          .map(({ ref }) => this.#said.get(ref)!);
        assert(event.missed !== undefined || this.#isRestarted);
        this.sessions.push({ id: event.self.id, said, missed: event.missed ?? 0 });
        break;
      }
      case "message": {
        const what = this.#check(event);
        this.shown.push({ at: event.at, what });
        if (event.ref === undefined) break;
        assertEquals(this.#said.get(event.ref), what);
        this.confirmed.push(what);
        break;
      }
      case "direct":
        this.direct.push(this.#check(event));
        if (event.missing > 0) {
          const { id: self } = this.sessions.at(-1)!;
          this.missing.push({ from: event.from.id, self, count: event.missing });
        }
        break;
      case "delivered":
        this.delivered.push({ to: event.to.id, what: this.#said.get(event.ref)! });
        break;
      case "undelivered":
        this.refused.push(event.to.id);
        break;
      case "unreadable":
      case "forked":
      case "agreed":
      case "keychanged":
      case "warning":
        throw new Error(`${this.name} received: ${JSON.stringify(event)}`);
      case "ended":
        assertEquals(event.ending, { reason: "left" }, this.name);
        break;
    }
    this.wake();
  }

  /** Checks that a text arrived unchanged; returns its label. */
  #check({ type, text, missing }: RoomEvent & { type: "message" | "direct" }): string {
    const what = /^(?:direct |the end )?\d+:\d+/.exec(text)![0];
    // Not `assertEquals`: it would print 100,000 characters.
    assert(text === textOf(what, this.#seed), `${what} has changed on its way`);
    if (type === "message" && !this.#isRestarted) {
      assertEquals(missing, 0, `before ${what} at ${this.name}`);
    }
    return what;
  }
}

/** The label of each message in the log, found from the sessions of its sender. */
function readLog(log: readonly Logged[], talkers: readonly Talker[]): string[] {
  const said = new Map(
    talkers.flatMap(({ sessions }) => sessions.map(({ id, said }) => [id, said.values()] as const)),
  );
  return log.map(({ from, at }) => {
    const next = said.get(from)?.next();
    assert(next && !next.done, `member ${from} has not sent the message at ${at}`);
    return next.value;
  });
}

/** The messages that a client must have been shown, according to its sessions and the gaps between them. */
function expectShown(
  { sessions }: Talker,
  { messages, before }: Recorder,
  contents: readonly string[],
): Shown[] {
  const shown: Shown[] = [];
  /** The last number of each sender. */
  const last = new Map<number, number>();
  for (const [i, { id }] of sessions.entries()) {
    const next = sessions[i + 1];
    const start = before.get(id)!;
    const end = next ? before.get(next.id)! - next.missed : contents.length;
    assert(start <= end, `member ${id} received a gap report that is longer than its session`);
    for (let n = start; n < end; n++) {
      const what = contents[n]!;
      const [sender, number] = numbersOf(what);
      // A repeated message is for members that missed it. A client that has seen later messages of this sender was not
      // in the room when it came first, and its gap has reported it.
      if (number <= (last.get(sender) ?? 0)) continue;
      last.set(sender, number);
      shown.push({ at: messages[n]!.at, what });
    }
  }
  return shown;
}

function check(talkers: readonly Talker[], recorder: Recorder): void {
  const contents = readLog(recorder.messages, talkers);
  const steady = talkers.filter(({ sessions }) => sessions.length === 1);
  for (const talker of talkers) {
    const { name, shown, sessions } = talker;
    assertEquals(shown, expectShown(talker, recorder, contents), `what was shown to ${name}`);
    const all = new Set(shown.map(({ what }) => what));
    assertEquals(all.size, shown.length, `${name} was shown a message twice`);
    if (sessions.length > 1) continue;
    // A client without a gap has all messages that were confirmed to any client after it joined.
    const first = recorder.messages[recorder.before.get(sessions[0]!.id)!]!.at;
    for (const other of talkers) {
      const places = new Map(other.shown.map(({ at, what }) => [what, at]));
      for (const what of other.confirmed) {
        if (places.get(what)! >= first) assert(all.has(what), `${name} was not shown ${what}`);
      }
    }
  }
  const delivered = new Set(talkers.flatMap(({ delivered }) => delivered.map(({ what }) => what)));
  for (const { name, direct } of talkers) {
    assertEquals(new Set(direct).size, direct.length, `${name} received a direct message twice`);
  }
  // Only direct messages that were reported to their sender as undelivered may be missing.
  for (const { name, missing } of talkers) {
    for (const { from, self } of missing) {
      const gaps = missing.filter((gap) => gap.from === from && gap.self === self);
      const sender = talkers.find(({ sessions }) => sessions.some(({ id }) => id === from))!;
      assertLessOrEqual(
        gaps.reduce((sum, { count }) => sum + count, 0),
        sender.refused.filter((to) => to === self).length,
        `messages of ${sender.name} that are missing at ${name}`,
      );
    }
  }
  // A direct message that was delivered to a client without a gap was shown to this client only.
  const receivers = new Map(
    talkers.flatMap((talker) => talker.direct.map((what) => [what, talker] as const)),
  );
  const byId = new Map(steady.map((talker) => [talker.sessions[0]!.id, talker]));
  for (const { delivered } of talkers) {
    for (const { to, what } of delivered) {
      const receiver = byId.get(to);
      if (receiver) assertEquals(receivers.get(what)?.name, receiver.name, what);
    }
  }
  assert(delivered.size > 0);
}

/** More messages than others can follow the last words: after a restart, clients repeat some for members that return. */
const RECENT = 1_000;

/** Waits until all have the same last message. If a client was away for one, the witness sends another. */
async function settle(talkers: readonly Talker[], witness: Talker): Promise<void> {
  await Promise.all(
    talkers.map((talker) =>
      talker.until("the last confirmation", () => talker.client.pending.length === 0)
    ),
  );
  for (let n = 1;; n++) {
    const end = `the end ${CROWD}:${1_000_000 + n}`;
    const before = talkers.map(({ sessions }) => sessions.length);
    witness.say(end);
    const has = ({ shown }: Talker) => shown.slice(-RECENT).some(({ what }) => what === end);
    await Promise.all(
      talkers.map((talker, i) =>
        talker.until(end, () => has(talker) || talker.sessions.length > before[i]!)
      ),
    );
    if (talkers.every(has)) return;
  }
}

function openRoom(isSealed: boolean, options: Partial<ServerOptions> = {}): TestRoom {
  return new TestRoom({
    graceMs: GRACE_MS,
    awayMs: 200,
    finishMs: 1_000,
    // An aborted login counts as a try with a wrong code, and all clients have one address. So this clock runs 60 times
    // as fast, and a minute of that count is a second.
    now: () => 60 * performance.now(),
    ...(isSealed && { admission: QUICK_ADMISSION }),
    ...options,
  });
}

/** A bad network for each member of the crowd. */
async function openProxies(
  stack: AsyncDisposableStack,
  room: { port: number },
  { seed, isSealed }: Play,
): Promise<FaultProxy[]> {
  const ranges = WITHIN[isSealed ? "sealed" : "xor"];
  const proxies: FaultProxy[] = [];
  for (let i = 0; i < CROWD; i++) {
    const within = ranges[i % ranges.length]!;
    const options = { seed: seed + i, within, stallMs: 3_000 };
    proxies.push(stack.use(await FaultProxy.start(room, options)));
  }
  return proxies;
}

/** The last faults, to find the reason of a failure. */
function printFaults(seed: number, proxies: readonly FaultProxy[]): void {
  const last = proxies.map(({ faults }, i) => `${i}: ${JSON.stringify(faults.slice(-3))}`);
  console.log(`seed ${seed}; the last faults of each:\n${last.join("\n")}`);
}

/** Everybody says something. Then all see, and can prove to each other, the same conversation. */
async function assertAgreed(talkers: readonly Talker[]): Promise<void> {
  const before = talkers.map(({ sessions }) => sessions.length);
  const ends = talkers.map((_, i) => `the end ${i}:${2_000_000}`);
  for (const [i, talker] of talkers.entries()) talker.say(ends[i]!);
  const has = ({ shown }: Talker) => {
    const all = new Set(shown.slice(-RECENT).map(({ what }) => what));
    return ends.every((end) => all.has(end));
  };
  await Promise.all(
    talkers.map((talker, i) =>
      talker.until("the last words", () => has(talker) || talker.sessions.length > before[i]!)
    ),
  );
  let compared = 0;
  for (const talker of talkers) {
    const { same, other } = talker.client.conversation!;
    assertEquals(other, [], talker.name);
    compared += same.length;
  }
  // If the connection of one has been lost for too long meanwhile, it has compared nothing yet.
  const isSteady = talkers.every(({ sessions }, i) => sessions.length === before[i]);
  if (isSteady) assertEquals(compared, talkers.length * (talkers.length - 1));
}

async function soak(play: Play): Promise<string> {
  const { seed, isSealed } = play;
  await using room = openRoom(isSealed);
  const recorder = new Recorder(room.hub);
  await using stack = new AsyncDisposableStack();
  const proxies = await openProxies(stack, room, play);
  const count = (kind: FaultKind) => proxies.reduce((sum, { counts }) => sum + counts[kind], 0);
  try {
    const witness = await Talker.join(room.port, CROWD, play);
    const crowd: Talker[] = [];
    // One after the other: all logins at once would take this thread longer than the time for a handshake.
    for (const [i, { port }] of proxies.entries()) {
      crowd.push(await Talker.join(port, i, play));
    }
    const talkers = [...crowd, witness];
    const start = performance.now();
    let lostEchoes = 0;
    const isOver = () =>
      performance.now() - start > 1000 * SECONDS && lostEchoes > 0 &&
      FAULT_KINDS.every((kind) => count(kind) > 0);
    const talking = crowd.slice(QUIET).map((talker) => talker.talk(isOver));
    // Two clients are away for longer than the grace time: one that listens, and one that talks.
    const losing = Array.from({ length: UNLUCKY }, async (_, n) => {
      const i = n === 0 ? 0 : CROWD - n;
      const [talker, proxy] = [crowd[i]!, proxies[i]!];
      do {
        const { length } = talker.sessions;
        const { id } = talker.sessions.at(-1)!;
        if (n > 0) {
          // The room has a message of it and the echo is lost, so the client sends the message again.
          const { length: confirmed } = talker.confirmed;
          const before = recorder.count(id);
          proxy.cutAll("stall", "down");
          const isTaken = () => recorder.count(id) - before > talker.confirmed.length - confirmed;
          const isLost = () => talker.client.link.state !== "connected";
          await recorder.until("a message", () => isTaken() || isLost() || isOver());
          if (isTaken()) lostEchoes++;
        }
        proxy.down();
        proxy.cutAll();
        await recorder.gone(id);
        await proxy.up();
        await talker.until("its return", () => talker.sessions.length > length);
        // Let the new session last for some time.
        const shown = talker.shown.length + 20;
        await talker.until("messages", () => talker.shown.length >= shown || isOver());
      } while (!isOver());
    });
    await Promise.all(talking);
    for (const one of [recorder, ...crowd]) one.wake();
    await Promise.all(losing);
    for (const proxy of proxies) proxy.calm();
    await settle(talkers, witness);

    check(talkers, recorder);
    const names = (talker: Talker) => talker.client.members.map(({ id, name }) => `${id} ${name}`);
    for (const talker of crowd) assertEquals(names(talker), names(witness));
    const gaps = talkers.flatMap(({ sessions }) => sessions.slice(1).map(({ missed }) => missed));
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
    assert(sum(gaps) > 0);
    const resumptions = sum(talkers.map((talker) => talker.resumptions));
    assert(resumptions > 0);
    const again = recorder.messages.length - new Set(witness.shown.map(({ what }) => what)).size;
    assert(again > 0);
    const figures =
      `${witness.shown.length} messages, ${again} of them sent again, ${
        sum(talkers.map(({ shown }) => shown.length))
      } shown, ${sum(talkers.map(({ delivered }) => delivered.length))} direct ones, ` +
      `${resumptions} resumptions, ${gaps.length} gaps of ${sum(gaps)} messages, ` +
      `${talkers.filter(({ sessions }) => sessions.length === 1).length} of ${talkers.length} ` +
      `without a gap; ${FAULT_KINDS.map((kind) => `${kind} ${count(kind)}`).join(", ")}`;

    if (isSealed) await assertAgreed(talkers);
    await Promise.all(talkers.map((talker) => talker.leave()));
    recorder.leave();
    while (room.sessions > 0) await room.logged(room.lines.length + 1);
    assertEquals(room.hub.size, 0);
    return figures;
  } catch (error) {
    printFaults(seed, proxies);
    throw error;
  }
}

/**
 * The same with a server that is restarted again and again, with and without goodbye. Between two restarts, one member
 * is away for longer than the grace time. Checks only what no restart can excuse: no member reports a fork, or is shown
 * a message twice.
 */
async function soakRestarts(play: Play): Promise<string> {
  const { seed, isSealed } = play;
  await using rooms = new AsyncDisposableStack();
  let room = rooms.use(openRoom(isSealed));
  const { port } = room;
  await using stack = new AsyncDisposableStack();
  const proxies = await openProxies(stack, room, play);
  try {
    const witness = await Talker.join(port, CROWD, play);
    const crowd: Talker[] = [];
    for (const [i, { port }] of proxies.entries()) crowd.push(await Talker.join(port, i, play));
    const talkers = [...crowd, witness];
    const start = performance.now();
    let restarts = 0;
    const isOver = () => performance.now() - start > 1000 * SECONDS && restarts > 2;
    const talking = crowd.slice(QUIET).map((talker) => talker.talk(isOver));
    const [unlucky, proxy] = [crowd.at(-1)!, proxies.at(-1)!];
    while (!isOver()) {
      const enough = witness.shown.length + 50;
      await witness.until("messages", () => witness.shown.length >= enough || isOver());
      const { length } = unlucky.sessions;
      const { id } = unlucky.sessions.at(-1)!;
      proxy.down();
      proxy.cutAll();
      await room.until("its end", () => !room.hub.fold.member(id));
      await proxy.up();
      await unlucky.until("its return", () => unlucky.sessions.length > length);
      // Every other time nobody gets BYE.
      if (restarts % 2 === 0) { for (const one of proxies) one.cutAll("reset"); }
      await room.stop();
      room = rooms.use(openRoom(isSealed, { port }));
      restarts++;
    }
    for (const talker of talkers) talker.wake();
    await Promise.all(talking);
    for (const proxy of proxies) proxy.calm();
    await settle(talkers, witness);
    await assertAgreed(talkers);
    for (const { name, shown } of talkers) {
      const all = shown.map(({ what }) => what);
      assertEquals(new Set(all).size, all.length, `${name} was shown a message twice`);
    }
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
    const resumptions = sum(talkers.map((talker) => talker.resumptions));
    assert(resumptions > 0);
    const figures = `${restarts} restarts, ${witness.shown.length} messages, ` +
      `${resumptions} resumptions, ${sum(talkers.map(({ sessions }) => sessions.length))} sessions`;
    await Promise.all(talkers.map((talker) => talker.leave()));
    return figures;
  } catch (error) {
    printFaults(seed, proxies);
    throw error;
  }
}

async function report(what: string, play: () => Promise<string>): Promise<void> {
  const start = performance.now();
  const figures = await play();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`seed ${SEED}, ${seconds} s, ${what}: ${figures}`);
}

for (const cipher of ["xor", "sealed"] as const) {
  Deno.test(`Client and Server: through breaking networks each client shows every message once, in one order, or reports the gap (${cipher})`, () =>
    report(cipher, () => soak({ seed: SEED, isSealed: cipher === "sealed" })));
}

Deno.test("Client and Server: through breaking networks and restarts of the server, no member reports a fork", () =>
  report("restarts", () => soakRestarts({ seed: SEED, isSealed: true, isRestarted: true })));
