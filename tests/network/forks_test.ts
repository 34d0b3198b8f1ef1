// A server, or a relay, that shows one member another conversation than the others: which members notice, and when.
// Without a fork nothing is reported. `docs/security.md` has the promises.

import { assert, assertEquals } from "@std/assert";
import type { Report } from "../../cipher.ts";
import { DOUBT_MS } from "../../client/notice_pace.ts";
import { encodeAway, encodeFrame, type Frame, Left, Type } from "../../protocol.ts";
import { encodeEnvelope } from "../../protocol/envelope.ts";
import {
  encodeError,
  encodeSeat,
  encodeWelcome,
  parseHello,
  parseSeat,
  parseWelcome,
} from "../../protocol/json_frames.ts";
import { bareName } from "../../room.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Guest, Raw, TestRoom } from "../support/loopback.ts";
import { LONG_MS, QUICK_ADMISSION, quickClient } from "../support/quick_login.ts";
import { honest, Relay, type Tamper } from "../support/relay.ts";
import { enterRaw, joinSealed, PlayServer } from "../support/sealed_play.ts";

/** A sealed room. Bob is behind a relay that passes everything on until the test changes that. */
class Stage implements AsyncDisposable {
  readonly room = new TestRoom({ admission: QUICK_ADMISSION, graceMs: LONG_MS, awayMs: 0 });
  readonly relay = new Relay(this.room);
  readonly #guests: Guest[] = [];
  ada!: Guest;
  bob!: Guest;
  carol!: Guest;

  static async open(): Promise<Stage> {
    const stage = new Stage();
    stage.ada = await stage.join("ada");
    stage.bob = await stage.join("bob", stage.relay);
    stage.carol = await stage.join("carol");
    return stage;
  }

  async join(name: string, at: { port: number } = this.room): Promise<Guest> {
    const guest = await Guest.join(at, name, quickClient());
    this.#guests.push(guest);
    return guest;
  }

  /** Bob's connection breaks, and he connects again. */
  async cut(): Promise<void> {
    await this.relay.cut();
    await this.bob.next("disconnected");
    this.bob.client.reconnect();
  }

  /** Says something, and waits until all three have received it. */
  async say(from: Guest, text: string): Promise<void> {
    from.client.say(text);
    for (const guest of [this.ada, this.bob, this.carol]) await receives(guest, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#guests) await guest[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
    await this.room[Symbol.asyncDispose]();
  }
}

/** Resolves when a guest has received a text that opens, or one that does not. */
async function receives(guest: Guest, text: string): Promise<void> {
  await guest.nextOf(
    ["message", "unreadable"],
    (event) => event.type === "unreadable" || event.type === "message" && event.text === text,
  );
}

const reports = ({ events }: Guest) =>
  events.flatMap((event) =>
    event.type === "forked" || event.type === "agreed" ? [`${event.type} ${event.who.name}`] : []
  );

/** Whether a frame of the server is one of the room's log. */
const ROOM_TYPES: readonly number[] = [
  Type.JOINED,
  Type.PROFILE,
  Type.MESSAGE,
  Type.LEFT,
  Type.AWAY,
];

/** What the relay passes on instead of a frame; `later` follows that many frames of the room's log. */
interface Altered {
  readonly now: readonly Uint8Array[];
  readonly later?: Uint8Array;
  readonly after?: number;
}

/** Alters the next frame of a type in the room's log. */
function alterNext(type: number, how: (frame: Frame) => Altered): Tamper {
  let isDone = false;
  let held: Uint8Array | undefined;
  let due = 0;
  return (frame, direction) => {
    if (direction === "up" || !ROOM_TYPES.includes(frame.type)) return [frame.bytes];
    if (!isDone && frame.type === type) {
      const { now, later, after = 0 } = how(frame);
      isDone = true;
      [held, due] = [later, after];
      return now;
    }
    if (!held || --due > 0) return [frame.bytes];
    const pieces = [frame.bytes, held];
    held = undefined;
    return pieces;
  };
}

function flipped({ bytes }: Frame): Uint8Array {
  const other = bytes.slice();
  other[other.length - 1]! ^= 1;
  return other;
}

const noise = crypto.getRandomValues(new Uint8Array(200));

interface Kind {
  readonly type: number;
  /** Makes the server append a frame of this type. */
  readonly cause: (stage: Stage) => Promise<void>;
  /** A frame of this type that the server never appended. */
  readonly invented: (stage: Stage) => Uint8Array;
}

const idOf = ({ client }: Guest) => client.self.id;

const KINDS: Readonly<Record<string, Kind>> = {
  MESSAGE: {
    type: Type.MESSAGE,
    cause: async ({ carol }) => void await carol.say("so it starts"),
    invented: ({ carol }) => encodeFrame(Type.MESSAGE, idOf(carol), noise),
  },
  PROFILE: {
    type: Type.PROFILE,
    async cause({ carol }) {
      carol.client.rename("caroline");
      await carol.next("renamed");
    },
    invented: ({ carol }) => encodeFrame(Type.PROFILE, idOf(carol), noise),
  },
  JOINED: {
    type: Type.JOINED,
    cause: async (stage) => void await stage.join("dora"),
    invented: () => encodeFrame(Type.JOINED, 50),
  },
  LEFT: {
    type: Type.LEFT,
    async cause(stage) {
      const dora = await stage.join("dora");
      dora.client.leave();
      await dora.ended;
    },
    // He sees no message of hers any more.
    invented: ({ carol }) => encodeFrame(Type.LEFT, idOf(carol), Uint8Array.of(Left.LOST)),
  },
  AWAY: {
    type: Type.AWAY,
    async cause(stage) {
      await using relay = new Relay(stage.room);
      const dora = await stage.join("dora", relay);
      // So that the server has got her HAVE: without it her session ends with the connection.
      await dora.say("hello");
      await relay.cut();
      await stage.ada.next("away");
    },
    invented: ({ carol }) => encodeAway(idOf(carol), Date.now()),
  },
};

const ALTERATIONS: Readonly<Record<string, (frame: Frame, invented: Uint8Array) => Altered>> = {
  "drops": () => ({ now: [] }),
  "repeats": ({ bytes }) => ({ now: [bytes, bytes] }),
  "swaps, with the next frame,": ({ bytes }) => ({ now: [], later: bytes, after: 1 }),
  "moves": ({ bytes }) => ({ now: [], later: bytes, after: 2 }),
  "changes": (frame) => ({ now: [flipped(frame)] }),
  "invents": ({ bytes }, invented) => ({ now: [invented, bytes] }),
  "replaces": (_, invented) => ({ now: [invented] }),
};

for (const [what, { type, cause, invented }] of Object.entries(KINDS)) {
  for (const [how, alteration] of Object.entries(ALTERATIONS)) {
    Deno.test(`Client: a server that ${how} ${what} for one of three members is reported by all of them`, async () => {
      await using stage = await Stage.open();
      const { ada, bob, carol, relay } = stage;
      await stage.say(ada, "before");
      relay.tamper = alterNext(type, (frame) => alteration(frame, invented(stage)));
      await cause(stage);
      await ada.say("after");
      if (what === "JOINED" && how === "repeats") {
        // He need not compare anything.
        const { ending } = await bob.next("ended");
        assert(ending.reason === "lost" && ending.message.includes("broke the protocol"));
        return;
      }
      await bob.next("message", ({ text }) => text === "after");
      // His next message crosses the fork.
      bob.client.say("from bob");
      for (const guest of [ada, carol]) {
        await guest.next("message", ({ text }) => text === "from bob");
        const { who, since } = await guest.next("forked");
        assertEquals(who.id, idOf(bob));
        // He has joined before, or talked.
        assert(since === undefined || since.getTime() <= Date.now());
        assertEquals(guest.client.forked.length, 1);
        assertEquals(guest.client.conversation!.other.map(({ id }) => id), [idOf(bob)]);
      }
      // And theirs, for him.
      await ada.say("from ada");
      await bob.next("message", ({ text }) => text === "from ada");
      assert((await forkedAbout(bob, ada)).length > 0);
      assertEquals(reports(ada).length + reports(carol).length, 2);
    });
  }
}

/** The reports of a guest about another one so far; waits for the first. */
async function forkedAbout(guest: Guest, { client }: Guest): Promise<string[]> {
  const is = (event: Guest["events"][number]) =>
    event.type === "forked" && event.who.id === client.self.id;
  if (!guest.events.some(is)) await guest.next("forked", is);
  return reports(guest);
}

Deno.test("Client: a fork is reported at the first message whose sender has seen more", async () => {
  await using stage = await Stage.open();
  const { ada, bob, carol, relay } = stage;
  await stage.say(ada, "one");
  relay.tamper = alterNext(Type.MESSAGE, () => ({ now: [] }));
  // Bob does not get this one. Until he speaks, and until somebody who has seen it speaks, nobody can know.
  await ada.say("two");
  await carol.next("message", ({ text }) => text === "two");
  assertEquals([reports(ada), reports(bob), reports(carol)], [[], [], []]);
  await stage.say(carol, "three");
  assertEquals((await bob.next("forked")).who.name, "carol");
  assertEquals([reports(ada), reports(carol)], [[], []]);
  await stage.say(bob, "four");
  for (const guest of [ada, carol]) assertEquals((await guest.next("forked")).who.name, "bob");
  // It is reported once for each member, however long it lasts.
  for (const text of ["five", "six"]) {
    for (const guest of [ada, bob, carol]) await stage.say(guest, `${text} ${idOf(guest)}`);
  }
  assertEquals(reports(ada), ["forked bob"]);
  assertEquals(reports(bob), ["forked carol", "forked ada"]);
  assertEquals(reports(carol), ["forked bob"]);
  assertEquals(bob.client.forked.length, 2);
});

Deno.test("Client: reports nothing through resumptions, gaps and returns, as long as all see the same", async () => {
  await using stage = await Stage.open();
  const { ada, bob, carol, relay } = stage;
  let isGone = false;
  relay.tamper = (frame, direction) => {
    if (direction === "up" && frame.type === Type.HELLO) {
      isGone &&= parseHello(frame.body).resume !== undefined;
    }
    return isGone && direction === "down" && frame.type === Type.WELCOME
      ? [encodeError("gone", "this session is over")]
      : [frame.bytes];
  };
  for (const gone of [false, true, false]) {
    await stage.say(bob, `before ${gone}`);
    isGone = gone;
    await relay.cut();
    await bob.next("disconnected");
    // He misses some of it.
    await ada.say(`meanwhile ${gone}`);
    bob.client.say(`from afar ${gone}`);
    bob.client.reconnect();
    assertEquals((await bob.next("connected")).resumed, !gone);
    await ada.next("message", ({ text }) => text === `from afar ${gone}`);
    for (const guest of [ada, bob, carol]) await stage.say(guest, `${idOf(guest)} after ${gone}`);
  }
  const dora = await stage.join("dora");
  await stage.say(dora, "hello");
  await stage.say(bob, "hello dora");
  for (const guest of [ada, bob, carol, dora]) {
    assertEquals(reports(guest), []);
    const { same, other } = guest.client.conversation!;
    assertEquals([same.length > 0, other], [true, []]);
  }
});

/** A relay that drops a message for Bob, and from then on answers his resumptions with `gone`. */
function hiding(): Tamper {
  const dropping = alterNext(Type.MESSAGE, () => ({ now: [] }));
  let resumes = false;
  return (frame, direction) => {
    if (direction === "up" && frame.type === Type.HELLO) {
      resumes = parseHello(frame.body).resume !== undefined;
    }
    if (direction === "down" && frame.type === Type.WELCOME && resumes) {
      return [encodeError("gone", "this session is over")];
    }
    return dropping(frame, direction);
  };
}

Deno.test("Client: a server that hides a fork with `gone` is reported: the next profile carries what its member had seen", async () => {
  await using stage = await Stage.open();
  const { ada, bob, carol, relay } = stage;
  await stage.say(bob, "one");
  relay.tamper = hiding();
  await ada.say("two");
  await ada.say("three");
  await bob.next("message", ({ text }) => text === "three");
  const before = idOf(bob);
  await stage.cut();
  assertEquals((await bob.next("connected")).resumed, false);
  for (const guest of [ada, carol]) {
    const { who } = await guest.next("forked", ({ who }) => who.id !== before);
    assertEquals([who.id, bareName(who.name)], [idOf(bob), "bob"]);
  }
  // From now on he sees what the others see; that does not make his report false.
  await stage.say(bob, "four");
  await stage.say(ada, "five");
  for (const guest of [ada, carol]) {
    assertEquals(guest.events.filter(({ type }) => type === "agreed"), []);
  }
  assertEquals(bob.client.conversation!.same.map(({ name }) => name), ["ada"]);
});

Deno.test("Client: after a fork, the true server refuses the resumption, and the next profile reports the fork", async () => {
  for (const how of ["drops", "swaps, with the next frame,"]) {
    await using stage = await Stage.open();
    const { ada, bob, carol, relay } = stage;
    await stage.say(bob, "one");
    relay.tamper = alterNext(Type.MESSAGE, (frame) => ALTERATIONS[how]!(frame, noise));
    // Two frames of one size: after both, his position is a true one, and only the chain differs.
    await ada.say("two");
    await carol.say("six");
    await bob.next("message", ({ text }) => text === "six");
    relay.tamper = honest;
    await stage.cut();
    assertEquals((await bob.next("connected")).resumed, false);
    for (const guest of [ada, carol]) {
      await guest.next("forked", ({ who }) => who.id === idOf(bob));
    }
  }
});

Deno.test("Client: a server cannot hide a fork in a session that ends before the others see its JOINED", async () => {
  await using stage = await Stage.open();
  const { ada, bob, carol, relay } = stage;
  await stage.say(bob, "one");
  const drop = hiding();
  relay.tamper = drop;
  await ada.say("two");
  await ada.say("three");
  await bob.next("message", ({ text }) => text === "three");
  // It admits him to the true log, keeps his profile for itself, and cuts him off before he has read his JOINED.
  let swallowed = 0;
  relay.tamper = (frame, direction) => {
    if (swallowed > 0) return drop(frame, direction);
    if (direction === "up" && frame.type === Type.PROFILE) {
      swallowed++;
      void relay.cut();
      return [];
    }
    if (direction === "up" || frame.type !== Type.SEAT) return drop(frame, direction);
    const { room, chain } = parseSeat(frame.body);
    const welcome = { room, own: 0, members: 3, token: "AAECAwQFBgcICQoLDA0ODw" };
    return [frame.bytes, encodeWelcome(frame.id, { ...welcome, chain: chain! })];
  };
  await stage.cut();
  // He was in the room, so to speak, and has lost it again.
  assertEquals((await bob.next("connected")).resumed, false);
  await bob.next("disconnected");
  assertEquals(swallowed, 1);
  bob.client.reconnect();
  assertEquals((await bob.next("connected")).resumed, false);
  for (const guest of [ada, carol]) {
    assertEquals((await guest.next("forked")).who.id, idOf(bob));
  }
});

Deno.test("Client: one that has seen more than its room's log has reports that to the others, and no fork with itself", async () => {
  await using stage = await Stage.open();
  const { ada, bob, carol, relay } = stage;
  await stage.say(bob, "one");
  let resumes = false;
  relay.tamper = (frame, direction) => {
    if (direction === "up" && frame.type === Type.HELLO) {
      resumes = parseHello(frame.body).resume !== undefined;
    }
    if (direction === "down" && frame.type === Type.WELCOME && resumes) {
      return [encodeError("gone", "this session is over")];
    }
    if (direction === "down" && frame.type === Type.MESSAGE) {
      return [frame.bytes, encodeFrame(Type.MESSAGE, 50, new Uint8Array(10_000))];
    }
    return [frame.bytes];
  };
  await ada.say("two");
  await bob.next("unreadable");
  await stage.cut();
  assertEquals((await bob.next("connected")).resumed, false);
  for (const guest of [ada, carol]) {
    assertEquals((await guest.next("forked")).who.id, idOf(bob));
  }
  relay.tamper = honest;
  await stage.say(bob, "three");
  await stage.say(ada, "four");
  assertEquals(reports(bob), []);
  assertEquals(bob.client.forked.length, 0);
  // To the others he now reports what they see, too; that does not make his first report false.
  for (const guest of [ada, carol]) {
    assertEquals(reports(guest).length, 1);
    assertEquals(guest.client.forked.length, 0);
  }
});

Deno.test("Client: a newcomer that is shown another past than the others is reported when it joins or talks", async () => {
  for (const where of ["SEAT", "WELCOME", "both"]) {
    await using stage = await Stage.open();
    const { ada, carol, relay } = stage;
    await stage.say(ada, "one");
    const false_ = "A".repeat(43);
    relay.tamper = ({ type, id, body, bytes }, direction) => {
      if (direction === "up") return [bytes];
      if (type === Type.SEAT && where !== "WELCOME") {
        return [encodeSeat(id, { ...parseSeat(body), chain: false_ })];
      }
      if (type === Type.WELCOME && where !== "SEAT") {
        return [encodeWelcome(id, { ...parseWelcome(body), chain: false_ })];
      }
      return [bytes];
    };
    const joining = stage.join("dora", relay);
    if (where !== "both") {
      // The two must fit.
      const error = await joining.then(() => undefined, (error: Error) => error);
      assert(error?.message.endsWith("WELCOME does not fit SEAT"), String(error));
      continue;
    }
    const dora = await joining;
    for (const guest of [ada, carol]) assertEquals((await guest.next("forked")).who.name, "dora");
    await ada.say("two");
    assertEquals((await dora.next("forked")).who.name, "ada");
  }
});

Deno.test("Client: a member that reports falsely marks itself only, and loses the mark when it reports truly", async () => {
  await using room = new PlayServer();
  const paceClock = new FakeClock();
  await using ada = await joinSealed(room, "ada", { paceClock });
  await ada.next("members");
  await using bob = await joinSealed(room, "bob", { paceClock });
  await bob.next("members");
  let report: Report | undefined;
  await using raw = await Raw.connect(room);
  const seat = await enterRaw(raw, "liar", { report: (truth) => report ?? truth });
  const { cipher } = seat;
  const lies: Report[] = [
    { position: seat.report.position, chain: new Uint8Array(32) },
    // No frame begins there.
    { ...seat.report, position: seat.report.position - 1 },
    // It cannot have seen that.
    { ...seat.report, position: 1_000_000 },
    { ...seat.report, position: Number.MAX_SAFE_INTEGER },
  ];
  const say = async (text: string, told: Report | undefined) => {
    paceClock.pass(DOUBT_MS);
    report = told;
    const body = cipher.seal(encodeEnvelope({ kind: "text", text }), "room");
    await raw.write(encodeFrame(Type.MESSAGE, 0, body));
    for (const guest of [ada, bob]) await guest.next("message", (e) => e.text === text);
  };
  for (const [n, lie] of lies.entries()) {
    await say(`false ${n}`, lie);
    for (const guest of [ada, bob]) {
      assertEquals((await guest.next("forked")).who.name, "liar");
      assertEquals(guest.client.forked.length, 1);
    }
    await ada.say("meanwhile");
    await bob.next("message", (e) => e.text === "meanwhile");
    await bob.say("as always");
    await ada.next("message", (e) => e.text === "as always");
    await say(`true ${n}`, undefined);
    for (const guest of [ada, bob]) {
      assertEquals((await guest.next("agreed")).who.name, "liar");
      assertEquals(guest.client.forked.length, 0);
    }
  }
  const expected = lies.flatMap(() => ["forked liar", "agreed liar"]);
  assertEquals([reports(ada), reports(bob)], [expected, expected]);
  // What was before the newcomer is no lie to it.
  await using carol = await joinSealed(room, "carol");
  await carol.next("members");
  await say("old", { position: 0, chain: new Uint8Array(32) });
  await carol.next("message", (e) => e.text === "old");
  assertEquals(reports(carol), []);
  assertEquals(carol.client.conversation!.unknown.map(({ name }) => name), ["ada", "bob", "liar"]);
});

Deno.test("Client: a member whose reports are false and true in turn is reported at most once a minute, and its messages are shown", async () => {
  await using room = new PlayServer();
  const paceClock = new FakeClock();
  await using ada = await joinSealed(room, "ada", { paceClock });
  await ada.next("members");
  let report: Report | undefined;
  await using raw = await Raw.connect(room);
  const { cipher, report: truth } = await enterRaw(raw, "liar", {
    report: (truth) => report ?? truth,
  });
  const count = 200;
  for (let n = 0; n < count; n++) {
    report = n % 2 === 0 ? { ...truth, chain: new Uint8Array(32) } : undefined;
    const body = cipher.seal(encodeEnvelope({ kind: "text", text: `${n}` }), "room");
    await raw.write(encodeFrame(Type.MESSAGE, 0, body));
  }
  await ada.next("message", (e) => e.text === `${count - 1}`);
  assertEquals([reports(ada), ada.received.length], [["forked liar"], count]);
  paceClock.pass(DOUBT_MS);
  assertEquals([reports(ada), ada.client.forked.length], [["forked liar", "agreed liar"], 0]);
});
