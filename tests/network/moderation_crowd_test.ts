// Twenty members talk while a moderator removes, bans and silences five of them. The others miss nothing, and all see the
// same in the same order; also if connections break meanwhile, or the server of a kept room is killed.

import { assert, assertEquals } from "@std/assert";
import { fingerprint, Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import { Backoff } from "../../client/backoff.ts";
import { ChatError } from "../../errors.ts";
import type { Moderation } from "../../room.ts";
import { parseRange } from "../../server/addresses.ts";
import { RING_FILES } from "../../server/journal.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { openJournal } from "../support/kept_journal.ts";
import { memoryRing, type MemoryStateFile } from "../support/memory_state_file.ts";
import { proxied } from "../support/proxied.ts";
import { QUICK_ADMISSION, quickClient } from "../support/quick_login.ts";
import { honest, Relay } from "../support/relay.ts";

const HOST = Identity.generate();
const MEMBERS = 20;
/** Lines of each member in a round. */
const LINES = 2;
const [KICKED, KICKED_AWAY, SILENCED, BANNED, BANNED_BRIEFLY] = [15, 16, 17, 18, 19] as const;
const GONE: readonly number[] = [KICKED, KICKED_AWAY, BANNED, BANNED_BRIEFLY];
const NAMES = Array.from({ length: MEMBERS }, (_, i) => `m${i}`);
const nameOf = (i: number) => NAMES[i]!;

/** What the moderator, member 0, does in each round. */
const ACTS: readonly (readonly Moderation[])[] = [
  [],
  [{ action: "kick", member: nameOf(KICKED), reason: "spam" }],
  [{ action: "silence", member: nameOf(SILENCED) }, { action: "lock" }],
  [{ action: "ban", member: nameOf(BANNED), reason: "spam" }],
  [{ action: "kick", member: nameOf(KICKED_AWAY) }, { action: "announce", text: "be kind" }],
  [{ action: "ban", member: nameOf(BANNED_BRIEFLY), seconds: 60 }],
  [{ action: "unsilence", member: nameOf(SILENCED) }, { action: "unlock" }],
  [],
];

class Talker implements AsyncDisposable {
  /** By their refs. */
  readonly said = new Map<number, string>();
  /** How often its client has refused a line by itself. */
  withheld = 0;

  constructor(readonly name: string, readonly guest: Guest, readonly relay: Relay) {}

  static async join(room: TestRoom, i: number): Promise<Talker> {
    const relay = new Relay(room, honest, proxied(`192.0.2.${i + 1}`));
    const identity = i === 0 ? HOST : Identity.generate();
    const guest = await Guest.join(relay, nameOf(i), {
      ...quickClient(),
      self: () => ({ identity, knownNames: new KnownNames() }),
      retryMs: Infinity,
      backoff: new Backoff(() => 0.5, { baseMs: 10, capMs: 20 }),
    });
    return new Talker(nameOf(i), guest, relay);
  }

  get isGone(): boolean {
    return this.guest.client.ending !== undefined;
  }

  say(text: string): void {
    if (this.isGone) return;
    const line = `${this.name} ${text}`;
    try {
      this.said.set(this.guest.client.say(line), line);
    } catch (error) {
      if (!(error instanceof ChatError) || error.refusal !== "silenced") throw error;
      this.withheld++;
    }
  }

  /** Its connection breaks, and it comes back. */
  async cut(): Promise<void> {
    if (this.isGone) return;
    await this.relay.cut();
    await this.guest.nextOf(["disconnected", "ended"]);
    if (this.isGone) return;
    await this.guest.nextOf(["connected", "ended"]);
  }

  /** Resolves when it has all of these lines. */
  async has(lines: readonly string[]): Promise<void> {
    const lacks = () => {
      const texts = new Set(this.guest.events.flatMap((e) => e.type === "message" ? [e.text] : []));
      return lines.some((line) => !texts.has(line));
    };
    while (lacks()) await this.guest.next("message");
  }

  /** The conversation as it was shown: each line has its position in the room's log. */
  get seen(): unknown[] {
    return this.guest.events.flatMap((event): unknown[] => {
      switch (event.type) {
        case "message":
          return [[event.at, event.from.name, event.text, event.missing]];
        case "notice":
          return [[event.at, event.action, event.by?.name, event.who?.name, event.reason]];
        case "left":
          return [[event.at, event.who.name, event.reason]];
        default:
          return [];
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guest[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
  }
}

async function open(files: readonly MemoryStateFile[], port?: number): Promise<TestRoom> {
  const journal = await openJournal(files);
  return new TestRoom({
    admission: QUICK_ADMISSION,
    moderators: [fingerprint(HOST.publicKey)],
    proxies: [parseRange("127.0.0.1")!],
    graceMs: 600_000,
    journal,
    ...(port !== undefined && { port }),
  });
}

/** Between the acts of a round and its end. */
interface Disturbance {
  /** These members lose their connections. */
  readonly cut?: readonly number[];
  /** The server's process ends, and another one goes on. */
  readonly kill?: boolean;
}

async function play(disturbances: Readonly<Record<number, Disturbance>>): Promise<void> {
  const files = { ring: memoryRing(RING_FILES) as readonly MemoryStateFile[] };
  let room = await open(files.ring);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => room[Symbol.asyncDispose]());
  const talkers: Talker[] = [];
  for (let i = 0; i < MEMBERS; i++) talkers.push(stack.use(await Talker.join(room, i)));
  const [host, witness] = talkers as [Talker, Talker];
  for (const { guest } of talkers) {
    while (guest.client.size < MEMBERS) await guest.next("joined");
  }
  for (const [round, acts] of ACTS.entries()) {
    for (let n = 0; n < LINES; n++) {
      for (const talker of talkers) talker.say(`${round}.${n}`);
      // The rest of the round comes after it in the same log, or before it: both are right.
      const act = acts[n];
      if (act) host.guest.client.moderate(act);
    }
    const { cut = [], kill = false } = disturbances[round] ?? {};
    if (kill) {
      files.ring = files.ring.map((file) => file.after());
      const { port } = room;
      await room[Symbol.asyncDispose]();
      room = await open(files.ring, port);
    }
    await Promise.all(cut.map((i) => talkers[i]!.cut()));
    await witness.has([`${host.name} ${round}.${LINES - 1}`]);
  }
  const others = talkers.filter((_, i) => !GONE.includes(i));
  // The silenced member may not know yet that it can speak again.
  const silenced = talkers[SILENCED]!;
  while (silenced.guest.client.self.silenced) await silenced.guest.next("notice");
  for (const talker of others) talker.say("goodbye");
  const last = others.map(({ name }) => `${name} goodbye`);
  for (const talker of others) await talker.has(last);
  check(talkers, others, silenced);
  for (const i of GONE) {
    await talkers[i]!.guest.ended;
    const { ending } = talkers[i]!.guest.client;
    assert(ending?.reason === "refused" && ending.code === "removed");
  }
  assertEquals(room.hub.size, others.length);
  assertEquals(room.government.bans(Date.now()).map(({ network }) => network), [
    `192.0.2.${BANNED + 1}`,
    `192.0.2.${BANNED_BRIEFLY + 1}`,
  ]);
}

function check(talkers: readonly Talker[], others: readonly Talker[], silenced: Talker): void {
  const [host] = others as [Talker];
  const { seen } = host;
  for (const talker of others) {
    assertEquals(talker.seen, seen, `${talker.name} sees the same as ${host.name}`);
    const { guest: { client, events } } = talker;
    assertEquals(client.pending, [], `${talker.name} has nothing pending`);
    const faults = ["forked", "unreadable", "undelivered", "unsent", "warning"];
    assertEquals(events.filter(({ type }) => faults.includes(type)), []);
    if (talker !== silenced) assertEquals(events.filter(({ type }) => type === "refused"), []);
  }
  const lines = host.guest.events.flatMap((event) => event.type === "message" ? [event] : []);
  assertEquals(lines.filter(({ missing }) => missing !== 0), []);
  for (const talker of talkers) {
    const shown = lines.filter(({ from }) => from.name === talker.name).map(({ text }) => text);
    const said = [...talker.said.values()];
    if (talker === silenced) {
      const refused = talker.guest.events.flatMap((e) => e.type === "refused" ? [e] : []);
      // Each is reported with its text, and each other one is shown, in order.
      for (const { ref, text } of refused) assertEquals(talker.said.get(ref!), text);
      const texts = new Set(refused.map(({ text }) => text));
      assertEquals(texts.size, refused.length);
      assertEquals(shown, said.filter((line) => !texts.has(line)));
      assertEquals(talker.withheld + said.length, ACTS.length * LINES + 1);
      assert(talker.withheld + refused.length > 0);
    } else if (others.includes(talker)) {
      assertEquals(shown, said);
      assertEquals(said.length, ACTS.length * LINES + 1);
    } else {
      // Until it was removed.
      assertEquals(shown, said.slice(0, shown.length));
    }
  }
  const acts = host.guest.events.flatMap((e) =>
    e.type === "notice" ? [`${e.action} ${e.who?.name}`] : []
  );
  assertEquals(acts, [
    `kick ${nameOf(KICKED)}`,
    `silence ${nameOf(SILENCED)}`,
    "lock undefined",
    `ban ${nameOf(BANNED)}`,
    `kick ${nameOf(KICKED_AWAY)}`,
    "announce undefined",
    `ban ${nameOf(BANNED_BRIEFLY)}`,
    `unsilence ${nameOf(SILENCED)}`,
    "unlock undefined",
  ]);
}

Deno.test("Twenty members talk while five are removed, banned and silenced: the others see everything, in the same order", async () => {
  await play({});
});

Deno.test("The same while connections break, the moderator's and those of the members that the acts are about", async () => {
  await play({
    1: { cut: [2, 3, KICKED] },
    2: { cut: [0, 4, SILENCED] },
    3: { cut: [BANNED, 5] },
    4: { cut: [0, KICKED_AWAY, SILENCED, 6, 7] },
    6: { cut: [0, SILENCED] },
  });
});

Deno.test("The same while the server is killed and goes on", async () => {
  await play({ 2: { kill: true }, 4: { kill: true }, 6: { kill: true } });
});
