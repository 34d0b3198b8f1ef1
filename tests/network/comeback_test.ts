// A client and its server when connections break, and when the server restarts: every loss is reported, and nothing
// arrives twice. The network between them breaks when the test says so.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { register } from "../../cipher/opaque.ts";
import { join, type JoinOptions } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";
import { type Frame, Type } from "../../protocol.ts";
import type { RoomEvent } from "../../room.ts";
import type { ServerOptions } from "../../server.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { within } from "../support/async.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { honest, Relay } from "../support/relay.ts";
import type { Direction } from "../support/fault_proxy.ts";

/** Longer than any test. */
const NEVER_MS = 3_600_000;
const CODE = "abandon ability able about";
const admission = register(CODE);

/** Options of a client that reconnects when the test says so. */
const lazily = (): Partial<JoinOptions> => ({
  retryMs: NEVER_MS,
  backoff: new Backoff(() => 0.5, { baseMs: NEVER_MS, capMs: NEVER_MS }),
});
/** Options of a client that reconnects at once. */
const eagerly = (): Partial<JoinOptions> => ({
  retryMs: NEVER_MS,
  backoff: new Backoff(() => 0),
});

/** A room, and a network that breaks between it and some guests. At the end no session may be left. */
class Stage implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #guests: Guest[] = [];
  readonly isSealed: boolean;
  readonly room: TestRoom;
  /** Next to the server: sees frames, and can drop them. */
  readonly relay: Relay;
  /** Next to the clients: breaks their connections. */
  proxy!: FaultProxy;

  private constructor(options: Partial<ServerOptions>) {
    this.isSealed = options.admission !== undefined;
    this.room = this.#stack.use(new TestRoom({ graceMs: NEVER_MS, awayMs: NEVER_MS, ...options }));
    this.relay = this.#stack.use(new Relay(this.room));
  }

  static async open(options: Partial<ServerOptions> = {}): Promise<Stage> {
    const stage = new Stage(options);
    stage.proxy = stage.#stack.use(await FaultProxy.start(stage.relay, { seed: 1, kinds: [] }));
    return stage;
  }

  /** Joins over the network that breaks. */
  guest(name: string, options: Partial<JoinOptions> = {}): Promise<Guest> {
    return this.join(this.proxy, name, options);
  }

  /** Joins over a connection that never breaks. */
  witness(name: string): Promise<Guest> {
    return this.join(this.room, name, {});
  }

  async join(at: { port: number }, name: string, more: Partial<JoinOptions>): Promise<Guest> {
    const code = this.isSealed ? { code: CODE } : {};
    const guest = await Guest.join(at, name, { ...lazily(), ...code, ...more });
    this.#guests.push(guest);
    return guest;
  }

  /** Joins over the network that breaks, and does not wait for the list of members. */
  async enter(name: string): Promise<Guest> {
    const { port } = this.proxy;
    const guest = new Guest(await join({ hostname: "127.0.0.1", port, name, ...lazily() }));
    this.#guests.push(guest);
    return guest;
  }

  /** Drops these frames of the server from now on. */
  lose(...types: readonly number[]): void {
    this.relay.tamper = (frame: Frame, direction: Direction) =>
      direction === "down" && types.includes(frame.type) ? [] : [frame.bytes];
  }

  /** Breaks the connection of a guest. No frame is dropped after that. */
  async cut(guest: Guest, kind: "cut" | "reset" | "half-close" = "cut"): Promise<RoomEvent> {
    assertEquals(this.proxy.cutAll(kind), 1);
    const event = await guest.next("disconnected");
    this.relay.tamper = honest;
    return event;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#guests) await guest[Symbol.asyncDispose]();
    await this.room.until("the end of all sessions", () => this.room.sessions === 0);
    await this.#stack.disposeAsync();
  }
}

const back = async (guest: Guest) => {
  guest.client.reconnect();
  return await guest.next("connected");
};

/** Resolves when all messages of this guest are confirmed. */
async function settled(guest: Guest): Promise<void> {
  while (guest.client.pending.length > 0) {
    await guest.nextOf(["message", "delivered", "undelivered"]);
  }
}

/** The messages of the room that a guest has received, with their positions. */
const places = (guest: Guest) =>
  guest.events.flatMap((e) => e.type === "message" ? [`${e.at} ${e.from.name}: ${e.text}`] : []);
const gaps = (guest: Guest) =>
  guest.events.reduce((sum, e) => sum + (e.type === "message" ? e.missing : 0), 0);
const count = (guest: Guest, type: RoomEvent["type"]) =>
  guest.events.filter((event) => event.type === type).length;
const texts = (guest: Guest, type: "message" | "direct") =>
  guest.events.flatMap((event) => event.type === type ? [event.text] : []);

// ---- broken connections ----

const BREAKS = [
  { kind: "cut", cipher: "xor" },
  { kind: "reset", cipher: "xor" },
  { kind: "half-close", cipher: "xor" },
  { kind: "cut", cipher: "sealed" },
] as const;

for (const { kind, cipher } of BREAKS) {
  Deno.test(`Client: resumes after a ${kind} (${cipher}), and sends the messages of that time once, in order`, async () => {
    await using stage = await Stage.open(cipher === "sealed" ? { admission } : {});
    const ben = await stage.witness("ben");
    const ada = await stage.guest("ada");
    const { client } = ada;
    await ben.next("joined");
    await ada.say("one");
    await ben.say("two");
    await ada.next("message", ({ text }) => text === "two");
    const { id } = client.self;
    const event = await stage.cut(ada, kind);
    assert(event.type === "disconnected" && event.reason === "lost");
    assertEquals(client.link.state, "waiting");
    const refs = [
      client.say("three"),
      client.tell("ben", "psst"),
      client.act("four"),
    ];
    client.rename("lovelace");
    refs.push(client.say("five"));
    assertEquals(client.pending.map(({ ref, text }) => [ref, text]), [
      [refs[0], "three"],
      [refs[1], "psst"],
      [refs[2], "four"],
      [refs[3], "five"],
    ]);
    await ben.say("meanwhile");
    await ben.say("still");
    const { self, resumed, missed, unseen } = await back(ada);
    assertEquals([self.id, resumed, missed, unseen], [id, true, 0, 2]);
    assertEquals((await ada.next("caughtup")).messages, 2);
    assertEquals(client.link, { state: "connected" });
    await settled(ada);
    await ben.next("message", ({ text }) => text === "five");
    assertEquals(texts(ada, "message"), [
      ...["one", "two", "meanwhile", "still", "three", "four", "five"],
    ]);
    assertEquals(places(ada), places(ben));
    assertEquals(ada.received.at(-1), "lovelace: five");
    assertEquals(texts(ben, "direct"), ["psst"]);
    assertEquals([count(ada, "delivered"), count(ben, "renamed"), count(ada, "renamed")], [
      1,
      1,
      1,
    ]);
    const confirmed = ada.events.flatMap((e) => e.type === "message" && e.ref ? [e.ref] : []);
    assertEquals(confirmed, [1, refs[0], refs[2], refs[3]]);
    assertEquals([gaps(ada), gaps(ben), count(ada, "unreadable"), count(ben, "unreadable")], [
      ...[0, 0, 0, 0],
    ]);
    // The others have noticed nothing.
    assertEquals([count(ben, "joined"), count(ben, "left"), count(ben, "away")], [1, 0, 0]);
    assertMatch(stage.room.status(), /^chat_resumed_total 1$/m);
  });
}

Deno.test("Client: with talk from both sides and many cuts, everybody gets each message once, in one order", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada", eagerly());
  await ada.say("hello");
  const said = { ada: 0, ben: 0 };
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 20; i++) {
      ada.client.say(`ada ${said.ada++}`);
      ben.client.say(`ben ${said.ben++}`);
    }
    // The cut may come at any byte.
    if (stage.proxy.cutAll(round % 3 === 0 ? "reset" : "cut") > 0) await ada.next("connected");
  }
  await Promise.all([settled(ada), settled(ben)]);
  await ada.say("the end");
  await ben.next("message", ({ text }) => text === "the end");
  assertEquals(places(ada), places(ben));
  for (const who of ["ada", "ben"] as const) {
    const expected = Array.from({ length: said[who] }, (_, i) => `${who} ${i}`);
    assertEquals(texts(ben, "message").filter((text) => text.startsWith(who)), expected);
  }
  const connected = ada.events.flatMap((e) => e.type === "connected" ? [e.resumed] : []);
  assert(connected.length >= 6 && !connected.includes(false));
});

Deno.test("Client: a brief session ends with its connection, at once, and its message is shown once", async () => {
  for (const options of [{}, { admission }]) {
    await using stage = await Stage.open({ awayMs: 1, ...options });
    const ben = await stage.witness("ben");
    const ada = await stage.guest("ada", { brief: true });
    stage.lose(Type.MESSAGE);
    ada.client.say("once");
    await ben.next("message");
    await stage.relay.saw("down", Type.MESSAGE);
    stage.relay.tamper = honest;
    await stage.cut(ada);
    const left = await ben.nextOf(["left", "away"]);
    assert(left.type === "left" && left.reason === "lost");
    assertEquals((await back(ada)).resumed, false);
    await settled(ada);
    assertEquals(texts(ben, "message"), ["once"]);
    assertEquals(stage.relay.count("up", Type.HAVE), 0);
  }
});

Deno.test("Client: gets a lost echo after it resumes, and does not send the message again", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  stage.lose(Type.MESSAGE);
  const ref = ada.client.say("once");
  await ben.next("message");
  await stage.relay.saw("down", Type.MESSAGE);
  assertEquals(ada.client.pending.length, 1);
  await stage.cut(ada);
  // Her own message is not one that came while she was away.
  const { resumed, unseen } = await back(ada);
  assertEquals([resumed, unseen], [true, 0]);
  assertEquals((await ada.next("message")).ref, ref);
  await ada.say("twice");
  await ben.next("message", ({ text }) => text === "twice");
  assertEquals(places(ben), places(ada));
  assertEquals(texts(ben, "message"), ["once", "twice"]);
});

Deno.test("Client: sends frames again that were lost on their way, once, in order", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  await ada.say("one");
  const { client } = ada;
  let passed = 0;
  // Only the next two frames arrive.
  stage.relay.tamper = ({ type, bytes }, direction) => {
    const isSaid = direction === "up" && (type === Type.MESSAGE || type === Type.PROFILE);
    return isSaid && ++passed > 2 ? [] : [bytes];
  };
  client.say("two");
  client.rename("lovelace");
  client.say("three");
  client.tell("ben", "psst");
  client.rename("countess");
  client.say("four");
  await stage.relay.saw("up", Type.MESSAGE, 5);
  await ben.next("renamed");
  await stage.cut(ada);
  client.say("five");
  assertEquals((await back(ada)).resumed, true);
  await settled(ada);
  await ben.next("message", ({ text }) => text === "five");
  assertEquals(ben.received, [
    ...["ada: one", "ada: two", "lovelace: three", "countess: four", "countess: five"],
  ]);
  assertEquals(places(ada), places(ben));
  assertEquals([texts(ben, "direct"), count(ben, "renamed")], [["psst"], 2]);
});

Deno.test("Client: gets a lost ACK after it resumes, and the receiver gets the message once", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  stage.lose(Type.ACK);
  const ref = ada.client.tell("ben", "psst");
  await ben.next("direct");
  await stage.relay.saw("down", Type.ACK);
  await stage.cut(ada);
  ada.client.tell("ben", "and more");
  assertEquals((await back(ada)).resumed, true);
  assertEquals((await ada.next("delivered")).ref, ref);
  await settled(ada);
  await ada.say("done");
  await ben.next("message");
  assertEquals(texts(ben, "direct"), ["psst", "and more"]);
});

Deno.test("Client: resumes with the old token if the WELCOME of a resumption is lost", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  await ada.say("hello");
  await stage.cut(ada);
  ada.client.say("once");
  for (let lost = 1; lost <= 2; lost++) {
    // Nothing that follows arrives either.
    stage.lose(Type.WELCOME, Type.MESSAGE, Type.AWAY);
    const connections = stage.proxy.connections;
    ada.client.reconnect();
    await stage.proxy.accepted(connections + 1);
    await stage.relay.saw("down", Type.WELCOME, 1 + lost);
    assertEquals(stage.proxy.cutAll(), 1);
    const { attempt, message } = await ada.next("waiting");
    assertEquals(attempt, 1 + lost);
    assertMatch(message, /the connection was closed before the room admitted this client$/);
  }
  stage.relay.tamper = honest;
  assertEquals((await back(ada)).resumed, true);
  await settled(ada);
  await ada.say("twice");
  await ben.next("message", ({ text }) => text === "twice");
  assertEquals(texts(ben, "message"), ["hello", "once", "twice"]);
  assertMatch(stage.room.status(), /^chat_resumed_total 3$/m);
});

Deno.test("Client: resumes with the new token even if its HAVE was lost", async () => {
  await using stage = await Stage.open();
  const ada = await stage.guest("ada");
  await ada.say("hello");
  for (let round = 0; round < 3; round++) {
    await stage.cut(ada);
    stage.relay.tamper = (frame, direction) =>
      direction === "up" && frame.type === Type.HAVE ? [] : [frame.bytes];
    assertEquals((await back(ada)).resumed, true);
    await ada.say(`round ${round}`);
  }
  stage.relay.tamper = honest;
});

Deno.test("Client: joins again if the connection breaks during the list of members, and no member is listed twice", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  stage.lose(Type.MEMBER, Type.JOINED);
  const ada = await stage.enter("ada");
  await stage.relay.saw("down", Type.JOINED);
  await stage.cut(ada);
  ada.client.reconnect();
  await ada.next("members");
  assertEquals(
    ada.events.map((event) => event.type),
    ["welcome", "disconnected", "connected", "members"],
  );
  assertEquals(ada.client.members.map(({ name }) => name), ["ben", "ada"]);
  // Its session could not outlive the connection yet.
  assertEquals((await ben.next("left")).reason, "lost");
  await ada.say("here I am");
  await ben.next("message");
  assertEquals(ben.client.members.map(({ name }) => name), ["ben", "ada"]);
});

Deno.test("Server: closes the old connection when its client resumes over a new one, and nothing arrives twice", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  // The client gives up the stalled connection by its silence.
  const ada = await stage.guest("ada", { pingMs: 100, deadMs: 1_000 });
  await ada.say("one");
  assertEquals(stage.proxy.cutAll("stall"), 1);
  const ref = ada.client.say("two");
  await ben.say("three");
  const { message } = await ada.next("disconnected");
  assertMatch(message, /^the server has sent nothing for \d+ s$/);
  assertEquals(stage.room.connections, 2);
  assertEquals((await back(ada)).resumed, true);
  await ada.next("message", (event) => event.ref === ref);
  await ben.next("message", ({ text }) => text === "two");
  assertEquals(places(ada), places(ben));
  assertEquals(texts(ben, "message"), ["one", "three", "two"]);
  assertEquals(stage.room.connections, 2);
  // The stalled bytes arrive too late, on a closed connection.
  stage.proxy.calm();
  await ada.say("four");
  await ben.next("message");
  assertEquals(texts(ben, "message"), ["one", "three", "two", "four"]);
});

// ---- members that are away ----

Deno.test("Server: reports a member as away to the others and to newcomers, and then as back", async () => {
  await using stage = await Stage.open({ awayMs: 1 });
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  await ada.say("hello");
  const before = Date.now();
  await stage.cut(ada);
  const { who } = await ben.next("away");
  assertEquals([who.name, who.away], ["ada", true]);
  assert(who.since!.getTime() >= before && who.since!.getTime() <= Date.now());
  assertMatch(stage.room.status(), /^chat_members 2$/m);
  assertMatch(stage.room.status(), /^chat_members_away 1$/m);
  const carol = await stage.witness("carol");
  const shown = (guest: Guest) => guest.client.members.map(({ name, away }) => [name, away]);
  assertEquals(shown(carol), [["ben", false], ["ada", true], ["carol", false]]);
  assertEquals(carol.client.members[1]!.since, who.since);
  assertEquals((await back(ada)).resumed, true);
  for (const other of [ben, carol]) {
    const { since: _, ...rest } = who;
    assertEquals((await other.next("back")).who, { ...rest, away: false });
    assertEquals(shown(other), [["ben", false], ["ada", false], ["carol", false]]);
  }
  await carol.say("hello");
  await ada.next("message");
  assertEquals(shown(ada), shown(ben));
  assertMatch(stage.room.status(), /^chat_members_away 0$/m);
});

Deno.test("Server: keeps a direct message for a member that is away", async () => {
  await using stage = await Stage.open({ awayMs: 1 });
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  await ada.say("hello");
  await stage.cut(ada);
  await ben.next("away");
  ben.client.tell("ada", "when you are back");
  await ben.next("delivered");
  await ben.say("and to all");
  await back(ada);
  await ada.next("message", ({ text }) => text === "and to all");
  assertEquals(texts(ada, "direct"), ["when you are back"]);
});

for (const cipher of ["xor", "sealed"] as const) {
  Deno.test(`Client: joins again after the grace time, reports how much it missed, and its messages are shown once (${cipher})`, async () => {
    const options = { graceMs: 20, ...(cipher === "sealed" && { admission }) };
    await using stage = await Stage.open(options);
    const ben = await stage.witness("ben");
    const ada = await stage.guest("ada");
    await ada.say("confirmed");
    const { id } = ada.client.self;
    stage.lose(Type.MESSAGE);
    ada.client.say("taken, but not confirmed");
    await ben.next("message", ({ text }) => text.startsWith("taken"));
    await stage.relay.saw("down", Type.MESSAGE, 2);
    await stage.cut(ada);
    ada.client.say("not taken");
    ada.client.rename("lovelace");
    for (const text of ["a", "b", "c"]) ben.client.say(text);
    // Her end may come before any of these, or after it.
    const reasons: string[] = [];
    for (let messages = 0; messages < 3 || reasons.length === 0;) {
      const event = await ben.nextOf(["message", "left"]);
      if (event.type === "left") reasons.push(event.reason);
      else messages++;
    }
    assertEquals(reasons, ["lost"]);
    await stage.room.until("its end", () => stage.room.sessions === 1);
    const { self, resumed, missed } = await back(ada);
    assertNotEquals(self.id, id);
    assertEquals([self.name, resumed, missed], ["lovelace", false, 4]);
    await ada.next("members");
    await settled(ada);
    await ada.say("the end");
    await ben.next("message", ({ text }) => text === "the end");
    assertEquals(
      texts(ben, "message"),
      ["confirmed", "taken, but not confirmed", "a", "b", "c", "not taken", "the end"],
    );
    assertEquals(
      texts(ada, "message"),
      ["confirmed", "taken, but not confirmed", "not taken", "the end"],
    );
    assertEquals([gaps(ada), gaps(ben)], [0, 0]);
    assertEquals(ada.client.members.map(({ name }) => name), ["ben", "lovelace"]);
  });
}

Deno.test("Client: reports exactly how much it missed, once, if it was away for longer than the log reaches", async () => {
  const logSize = 64 * 1024;
  await using stage = await Stage.open({ logSize, backlog: logSize / 2 });
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  await ada.say("hello");
  await ben.say("before");
  await ada.next("message");
  await stage.cut(ada);
  for (let i = 0; i < 100; i++) await ben.say(`${i} ${"x".repeat(1000)}`);
  const { resumed, missed } = await back(ada);
  assertEquals([resumed, missed], [false, 100]);
  await ada.next("members");
  assertEquals(ben.events.flatMap((e) => e.type === "left" ? [e.reason] : []), ["lost"]);
  await ben.say("after");
  const { text, missing } = await ada.next("message");
  assertEquals([text, missing], ["after", 0]);
  assertEquals(ben.client.members.length, 2);
  assertEquals(stage.room.sessions, 2);
});

Deno.test("Client: loses its connection if it reads nothing for long, resumes, and gets all the rest", async () => {
  await using stage = await Stage.open({ logSize: 48 * 2 ** 20, backlog: 512 * 1024 });
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada", eagerly());
  await ada.say("hello");
  // More than all buffers hold.
  assertEquals(stage.proxy.cutAll("stall"), 1);
  const COUNT = 80;
  for (let i = 0; i < COUNT; i++) await ben.say(`${i} ${"x".repeat(250_000)}`);
  await stage.room.until("the cut", () => /code="slow"} 1$/m.test(stage.room.status()));
  stage.proxy.calm();
  assertEquals((await ada.next("connected")).resumed, true);
  await ada.next("message", ({ text }) => text.startsWith(`${COUNT - 1} `));
  assertEquals(
    texts(ada, "message").slice(1).map((text) => parseInt(text)),
    Array.from({ length: COUNT }, (_, i) => i),
  );
  assertEquals(count(ben, "left"), 0);
});

// ---- restarted servers ----

/** Stops the room; the next one has the same port and another key. */
async function restart(room: TestRoom, options: Partial<ServerOptions> = {}): Promise<TestRoom> {
  await room.stop();
  return new TestRoom({ port: room.port, publicKey: 9, graceMs: NEVER_MS, ...options });
}

const once = (guest: Guest) =>
  new Set(texts(guest, "message")).size === texts(guest, "message").length;

for (const cipher of ["xor", "sealed"] as const) {
  Deno.test(`Client: sends a restarted server what it lacks, and members get what they missed, once (${cipher})`, async () => {
    const sealed = cipher === "sealed" ? { admission } : {};
    const options = { ...lazily(), ...(cipher === "sealed" && { code: CODE }) };
    await using before = new TestRoom({ graceMs: NEVER_MS, ...sealed });
    await using relay = new Relay(before);
    await using ada = await Guest.join(before, "ada", options);
    await using ben = await Guest.join(relay, "ben", { ...options, ...lazily() });
    await ada.next("joined");
    await ada.say("one");
    await ben.next("message");
    // From here on nothing reaches ben.
    relay.tamper = (frame, direction) => direction === "down" ? [] : [frame.bytes];
    await ada.say("two");
    relay.tamper = honest;
    await using room = await restart(before, sealed);
    const event = await ada.next("disconnected");
    assertEquals([event.reason, event.message], ["stopped", "the server has stopped"]);
    await ben.next("disconnected");
    ada.client.say("three");
    ada.client.tell("ben", "psst");
    assertEquals(await back(ben), {
      ...{ type: "connected", self: ben.client.self, resumed: false, missed: undefined },
      unseen: 0,
    });
    await using carol = await Guest.join(room, "carol", cipher === "sealed" ? { code: CODE } : {});
    assertEquals((await back(ada)).missed, undefined);
    await settled(ada);
    await ada.say("four");
    for (const guest of [ben, carol]) await guest.next("message", ({ text }) => text === "four");
    assertEquals(texts(ada, "message"), ["one", "two", "three", "four"]);
    assertEquals(texts(ben, "message"), ["one", "two", "three", "four"]);
    assertEquals(texts(carol, "message"), ["three", "four"]);
    assertEquals([gaps(ada), gaps(ben), gaps(carol)], [0, 0, 0]);
    assertEquals([texts(ben, "direct"), count(ada, "delivered")], [["psst"], 1]);
  });
}

Deno.test("Client: gets the messages that others have sent to the new server before it came back", async () => {
  await using before = new TestRoom();
  await using ada = await Guest.join(before, "ada", lazily());
  await using ben = await Guest.join(before, "ben", lazily());
  await ada.say("one");
  await ben.next("message");
  await using _ = await restart(before);
  for (const guest of [ada, ben]) await guest.next("disconnected");
  ada.client.say("two");
  ada.client.say("three");
  await back(ada);
  await settled(ada);
  await back(ben);
  await ben.next("members");
  await ada.say("four");
  assertEquals((await ben.next("message", ({ text }) => text === "four")).missing, 0);
  assertEquals([texts(ben, "message"), once(ada)], [["one", "two", "three", "four"], true]);
});

Deno.test("Client: shows nothing twice after several restarts", async () => {
  let room = new TestRoom();
  const ada = await Guest.join(room, "ada", lazily());
  const ben = await Guest.join(room, "ben", lazily());
  for (let round = 0; round < 4; round++) {
    await ada.say(`ada ${round}`);
    await ben.say(`ben ${round}`);
    room = await restart(room);
    for (const guest of [ada, ben]) await guest.next("disconnected");
    ada.client.say(`ada, meanwhile ${round}`);
    await back(ben);
    await ben.next("members");
    await back(ada);
    await settled(ada);
  }
  await Promise.all([ada.say("the end"), ben.next("message", ({ text }) => text === "the end")]);
  assert(once(ada) && once(ben));
  const ofAda = (guest: Guest) => texts(guest, "message").filter((text) => text.startsWith("ada"));
  assertEquals(ofAda(ben), ofAda(ada));
  assertEquals(ofAda(ada).length, 8);
  for (const guest of [ada, ben, room]) await guest[Symbol.asyncDispose]();
});

Deno.test("Client: a direct message waits until its receiver joins the new server, under any id", async () => {
  await using before = new TestRoom();
  await using ada = await Guest.join(before, "ada", lazily());
  await using ben = await Guest.join(before, "ben", lazily());
  await ada.next("joined");
  await using room = await restart(before);
  for (const guest of [ada, ben]) await guest.next("disconnected");
  const refs = ["first", "second"].map((text) => ada.client.tell("ben", text));
  await back(ada);
  await ada.next("members");
  await using other = await Guest.join(room, "other");
  await ada.next("joined");
  assertEquals(ada.client.pending.map(({ ref }) => ref), refs);
  await back(ben);
  await ben.next("members");
  for (const ref of refs) assertEquals((await ada.next("delivered")).ref, ref);
  await ada.say("done");
  await ben.next("message");
  assertEquals([texts(ben, "direct"), texts(other, "direct")], [["first", "second"], []]);
});

Deno.test("Client: a direct message waits while two members have the name of its receiver", async () => {
  await using before = new TestRoom();
  await using ada = await Guest.join(before, "ada", lazily());
  await using ben = await Guest.join(before, "ben", lazily());
  await ada.next("joined");
  await using room = await restart(before);
  for (const guest of [ada, ben]) await guest.next("disconnected");
  ada.client.tell("ben", "psst");
  await back(ben);
  const namesake = await Guest.join(room, "ben");
  await back(ada);
  await ada.next("members");
  await ada.say("who is who?");
  assertEquals(ada.client.pending.length, 1);
  await namesake[Symbol.asyncDispose]();
  await ada.next("delivered");
  await ada.say("done");
  await ben.next("message", ({ text }) => text === "done");
  assertEquals([texts(ben, "direct"), texts(namesake, "direct")], [["psst"], []]);
});

Deno.test("Client: reports a direct message as undelivered if its receiver does not come back in time", async () => {
  await using before = new TestRoom();
  await using relay = new Relay(before);
  let pings = 0;
  relay.tamper = ({ type, bytes }, direction) => {
    if (direction === "up" && type === Type.PING) pings++;
    return [bytes];
  };
  const options = { ...lazily(), receiverMs: 1, pingMs: NEVER_MS };
  await using ada = await Guest.join(relay, "ada", options);
  const ben = await Guest.join(before, "ben");
  await ada.next("joined");
  await using _ = await restart(before);
  await ada.next("disconnected");
  await within("his end", ben.ended);
  const ref = ada.client.tell("ben", "psst");
  await back(ada);
  const { reason, text, ref: reported } = await ada.next("undelivered");
  assertEquals([reason, text, reported], ["gone", "psst", ref]);
  assertEquals(ada.client.pending, []);
  // The event does not wait for a frame of the server.
  assertEquals(pings, 0);
  await ada.say("well");
});

// ---- giving up, leaving, reconnecting at once ----

Deno.test("Client: gives up when the time to reconnect is over, and reports the last error", async () => {
  const room = new TestRoom();
  await using ada = await Guest.join(room, "ada", { ...eagerly(), retryMs: 50 });
  await room[Symbol.asyncDispose]();
  await within("the end", ada.ended);
  const { ending } = ada.client;
  assert(ending?.reason === "lost");
  assertMatch(
    ending.message,
    /^the server has stopped, and reconnecting failed for 0\.05 s: Cannot join \S+: nothing listens there$/,
  );
  assert(count(ada, "waiting") > 0);
});

Deno.test("Client: ends with its connection if it has no time to reconnect", async () => {
  await using stage = await Stage.open();
  const ada = await stage.guest("ada", { retryMs: 0 });
  assertEquals(stage.proxy.cutAll(), 1);
  await within("the end", ada.ended);
  assertEquals(ada.client.ending, { reason: "lost", message: "the connection was lost" });
  assertEquals(count(ada, "disconnected"), 0);
  // The server keeps the session, because it cannot know that this client will not come back.
  await stage.room.stop();
});

Deno.test("Client.leave: ends at once while the client waits to reconnect", async () => {
  await using stage = await Stage.open({ graceMs: 20 });
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  await stage.cut(ada);
  ada.client.leave();
  await within("the end", ada.ended);
  assertEquals(ada.client.ending, { reason: "left" });
  assertEquals((await ben.next("left")).reason, "lost");
});

Deno.test("Client.leave: ends at once while the client connects, whatever the server does", async () => {
  await using stage = await Stage.open({ graceMs: 20 });
  const ada = await stage.guest("ada");
  await ada.say("hello");
  await stage.cut(ada);
  stage.lose(Type.GREETING, Type.WELCOME);
  ada.client.reconnect();
  await stage.relay.saw("down", Type.GREETING, 2);
  assertEquals(ada.client.link, { state: "connecting", attempt: 1 });
  ada.client.leave();
  await within("the end", ada.ended);
  assertEquals(ada.client.ending, { reason: "left" });
  assertEquals(count(ada, "waiting"), 0);
});

for (const when of ["disconnected", "connected"] as const) {
  Deno.test(`Client.leave: called at the event \`${when}\`, it ends and leaves no timer or connection`, async () => {
    await using stage = await Stage.open({ graceMs: when === "connected" ? NEVER_MS : 20 });
    const ben = await stage.witness("ben");
    const ada = await stage.guest("ada", eagerly());
    await ada.say("hello");
    ada.on = (event) => event.type === when && ada.client.leave();
    assertEquals(stage.proxy.cutAll(), 1);
    await within("the end", ada.ended);
    assertEquals(ada.client.ending, { reason: "left" });
    const { reason } = await ben.next("left");
    assertEquals(reason, when === "connected" ? "left" : "lost");
  });
}

Deno.test("Client.leave: messages from a lost connection still go out if the client is connected again", async () => {
  await using stage = await Stage.open();
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada");
  await ada.say("hello");
  await stage.cut(ada);
  for (const text of ["a", "b", "c"]) ada.client.say(text);
  await back(ada);
  ada.client.leave();
  await within("the end", ada.ended);
  assertEquals((await ben.next("left")).reason, "left");
  assertEquals(texts(ben, "message"), ["hello", "a", "b", "c"]);
});

Deno.test("Client.leave: frames that wait for the room's budget still go out, however long that takes", async () => {
  // The last ones wait for some 200 ms, much longer than `finishMs`.
  const budget = { frames: 100, frameBurst: 10, bytes: 2 ** 20, byteBurst: 2 ** 20 };
  await using stage = await Stage.open({ budget });
  const ben = await stage.witness("ben");
  const ada = await stage.guest("ada", { finishMs: 20 });
  const expected = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  for (const line of expected) ada.client.say(line);
  ada.client.leave();
  await within("the end", ada.ended);
  assertEquals((await ben.next("left")).reason, "left");
  assertEquals(texts(ben, "message"), expected);
});

/** Records each wait, and when it was drawn. */
class Drawn extends Backoff {
  readonly waits: { readonly ms: number; readonly at: number }[] = [];
  resets = 0;

  override next(): number {
    const ms = super.next();
    this.waits.push({ ms, at: Date.now() });
    return ms;
  }

  override reset(): void {
    this.resets++;
    super.reset();
  }
}

Deno.test("Client: waits as its backoff says, reports the next try, and starts with short waits again once it is back", async () => {
  await using stage = await Stage.open();
  const backoff = new Drawn(() => 0.5, { baseMs: 2, capMs: 8 });
  const ada = await stage.guest("ada", { backoff, steadyMs: 0 });
  await ada.say("hello");
  stage.proxy.down();
  await stage.cut(ada);
  for (let attempt = 2; attempt <= 5; attempt++) {
    const event = await ada.next("waiting");
    const { ms, at } = backoff.waits[attempt - 1]!;
    assertEquals(event.attempt, attempt);
    assert(event.until.getTime() >= at + Math.floor(ms), `${event.until.getTime()} ${at} ${ms}`);
    assertMatch(event.message, /nothing listens there$/);
  }
  assertEquals(backoff.waits.slice(0, 5).map(({ ms }) => ms), [1, 2, 4, 4, 4]);
  await stage.proxy.up();
  await ada.next("connected");
  const { length } = backoff.waits;
  await stage.cut(ada);
  await ada.next("connected");
  assertEquals(backoff.waits[length]!.ms, 1);
});

Deno.test("Client: waits longer each time if a server accepts it and cuts it off again and again", async () => {
  await using stage = await Stage.open();
  const backoff = new Drawn(() => 0.5, { baseMs: 2, capMs: 8 });
  const ada = await stage.guest("ada", { backoff, steadyMs: Infinity });
  for (let round = 0; round < 4; round++) {
    await stage.cut(ada);
    await ada.next("connected");
  }
  assertEquals(backoff.waits.map(({ ms }) => ms).slice(0, 4), [1, 2, 4, 4]);
  assertEquals(backoff.resets, 0);
});

Deno.test("Client: a change of this machine's networks ends the wait; reconnect() does nothing while connected", async () => {
  await using stage = await Stage.open();
  let networks = "192.0.2.7";
  const ada = await stage.guest("ada", { networks: () => networks });
  await ada.say("hello");
  await stage.cut(ada);
  const { link } = ada.client;
  assert(link.state === "waiting" && link.attempt === 1);
  networks = "198.51.100.7";
  assertEquals((await ada.next("connected")).resumed, true);
  // While it is connected, this does nothing.
  ada.client.reconnect();
  assertEquals(ada.client.link, { state: "connected" });
});

// ---- refusals ----

Deno.test("Client: tries a room again that is full when it reconnects, and reports the reason", async () => {
  await using before = new TestRoom();
  await using ada = await Guest.join(before, "ada", lazily());
  await using room = await restart(before, { maxMembers: 1 });
  const other = await Guest.join(room, "other");
  await ada.next("disconnected");
  ada.client.reconnect();
  const { message } = await ada.next("waiting");
  assertMatch(message, /: the room is full$/);
  await other[Symbol.asyncDispose]();
  assertEquals((await back(ada)).resumed, false);
});

Deno.test("Client: does not try its code in a room that has a new one", async () => {
  await using before = new TestRoom({ admission });
  await using relay = new Relay(before);
  await using ada = await Guest.join(relay, "ada", { ...lazily(), code: CODE });
  await using room = new TestRoom({ admission: register("zone zoo zero zebra") });
  relay.redirect(room);
  await relay.cut();
  await ada.next("disconnected");
  ada.client.reconnect();
  await within("the end", ada.ended);
  const { ending } = ada.client;
  assert(ending?.reason === "refused" && ending.code === "code");
  assertMatch(ending.message, /: the room has a new code$/);
  // A wrong code would have taken a try from everybody at this address.
  assertEquals(relay.count("up", Type.LOGIN), 1);
});

Deno.test("Client: does not join an xor room in place of its sealed one, and waits for that", async () => {
  await using before = new TestRoom({ admission });
  await using ada = await Guest.join(before, "ada", { ...lazily(), code: CODE });
  await using room = await restart(before);
  await ada.next("disconnected");
  ada.client.reconnect();
  assertMatch((await ada.next("waiting")).message, /is not sealed, as it should be$/);
  assertEquals(room.hub.size, 0);
});
