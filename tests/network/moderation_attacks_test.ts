// Attacks on moderation, with real logins: MODERATE frames that are forged, replayed, relayed, reordered or lost on the
// wire change nothing, and a server that invents acts does no harm to a client.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fingerprint, Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import type { JoinOptions } from "../../client.ts";
import { ChatError } from "../../errors.ts";
import { encodeAck, encodeFrame, type Frame, MAX_BODY, Type } from "../../protocol.ts";
import { parseGreeting, parseSeat } from "../../protocol/json_frames.ts";
import {
  type Act,
  type Binding,
  encodeAct,
  encodeModerate,
  encodeNotice,
  moderateBytes,
  type OperatorAct,
} from "../../protocol/moderation.ts";
import { drawToken } from "../../protocol/resume.ts";
import type { RoomEvent } from "../../room.ts";
import type { ServerOptions } from "../../server.ts";
import { parseRange } from "../../server/addresses.ts";
import type { Direction } from "../support/fault_proxy.ts";
import { setUp } from "../support/fake_terminal.ts";
import { findControl } from "../support/honest_members.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { proxied } from "../support/proxied.ts";
import { QUICK_ADMISSION, quickClient, quickLogin } from "../support/quick_login.ts";
import { honest, Relay } from "../support/relay.ts";

const ADA = Identity.generate();
const ADAS_KEY = fingerprint(ADA.publicKey);

/** A sealed room whose moderator is ada. */
function openRoom(options: Partial<ServerOptions> = {}): TestRoom {
  return new TestRoom({
    admission: QUICK_ADMISSION,
    moderators: [ADAS_KEY],
    graceMs: 60_000,
    ...options,
  });
}

/** A member, and a wire that alters what it sends. The test knows all secrets of its login. */
class Tapped implements AsyncDisposable {
  readonly relay: Relay;
  guest!: Guest;
  readonly identity: Identity;
  readonly #room: TestRoom;
  #sessionKey: Uint8Array | undefined;
  #log = "";
  #nonce = "";
  #id = 0;
  /** Gets each frame that counts, and returns what goes on instead. */
  alter: (frame: Frame) => readonly Uint8Array[] = (frame) => [frame.bytes];
  /** Frames that the server has not sent: they follow the next frame of this type. */
  invented: { readonly after: number; readonly bytes: Uint8Array } | undefined;

  private constructor(room: TestRoom, identity: Identity) {
    this.#room = room;
    this.identity = identity;
    this.relay = new Relay(room, (frame, direction) => this.#pass(frame, direction));
  }

  static async join(
    room: TestRoom,
    name: string,
    identity: Identity = Identity.generate(),
  ): Promise<Tapped> {
    const tapped = new Tapped(room, identity);
    const options: Partial<JoinOptions> = {
      ...quickClient(),
      self: () => ({ identity, knownNames: new KnownNames() }),
      login: (code) => {
        const login = quickLogin(code);
        return {
          start: () => login.start(),
          finish: async (response) => {
            const admission = await login.finish(response);
            tapped.#sessionKey = admission?.sessionKey;
            return admission;
          },
          [Symbol.dispose]() {},
        };
      },
    };
    tapped.guest = await Guest.join(tapped.relay, name, options);
    return tapped;
  }

  #pass(frame: Frame, direction: Direction): readonly Uint8Array[] {
    if (direction === "up") return COUNTED.has(frame.type) ? this.alter(frame) : [frame.bytes];
    if (frame.type === Type.GREETING) {
      const greeting = parseGreeting(frame.body);
      if (greeting.cipher === "sealed") this.#nonce = greeting.nonce!;
    } else if (frame.type === Type.SEAT) {
      this.#id = frame.id;
      this.#log = parseSeat(frame.body).log;
    }
    if (frame.type !== this.invented?.after) return [frame.bytes];
    const { bytes } = this.invented;
    this.invented = undefined;
    return [frame.bytes, bytes];
  }

  /** What a signature of this member has to cover. */
  get binding(): Binding {
    return {
      sessionKey: this.#sessionKey!,
      log: this.#log,
      id: this.#id,
      nonce: this.#nonce,
    };
  }

  /** The number of the next frame. */
  get next(): number {
    return this.#room.hub.fold.member(this.#id)!.accepted + 1;
  }

  /** Sends this frame as if its client had sent it, and waits until the server has refused it. */
  async refusedAs(what: string, bytes: Uint8Array): Promise<void> {
    this.alter = () => {
      this.alter = (frame) => [frame.bytes];
      return [bytes];
    };
    this.guest.client.say(what);
    await this.guest.next("refused", ({ text }) => text === what);
  }

  /** The MODERATE frames that its client has sent. */
  get acts(): Frame[] {
    return this.relay.passed.filter(({ frame, direction }) =>
      direction === "up" && frame.type === Type.MODERATE
    ).map(({ frame }) => frame);
  }

  /** Its connection is lost; the client comes back when `hurry` is called. */
  async cut(): Promise<void> {
    await this.relay.cut();
    await this.guest.next("disconnected");
  }

  async comeBack(): Promise<void> {
    this.guest.client.reconnect();
    await this.guest.next("connected");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guest[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
  }
}

/** The frames of a member that have numbers. */
const COUNTED: ReadonlySet<number> = new Set([
  Type.MESSAGE,
  Type.TOPIC,
  Type.MODERATE,
]);

interface Forgery {
  readonly key?: Uint8Array;
  readonly signer?: Identity;
  readonly signature?: Uint8Array;
  readonly binding: Binding;
  readonly number: number;
  /** What is signed, and what is sent. */
  readonly act: Act;
  readonly sent?: Uint8Array;
}

function forge({ signer = ADA, binding, number, act, ...rest }: Forgery): Uint8Array<ArrayBuffer> {
  const json = encodeAct(act);
  const {
    key = ADA.publicKey,
    signature = signer.sign(moderateBytes(binding, number, json)),
    sent = json,
  } = rest;
  return encodeModerate({
    key: key.slice(),
    signature: signature.slice(),
    number,
    json: sent.slice(),
  });
}

/** Everything that an act could change. */
function stateOf({ hub }: TestRoom): unknown {
  const members = Array.from(hub.fold.members(), ({ id, moderator }) => {
    return [id, moderator];
  });
  return { governance: hub.fold.governance.save(), members };
}

const notices = ({ events }: Guest) =>
  events.flatMap((event) => event.type === "notice" ? [event.action] : []);

Deno.test("MODERATE: what was not signed by a moderator for exactly this frame of this member is refused, and changes nothing", async () => {
  await using room = openRoom();
  await using ada = await Tapped.join(room, "ada", ADA);
  await using bob = await Tapped.join(room, "bob");
  await using mallory = await Tapped.join(room, "mallory");
  await ada.guest.next("joined", ({ who }) => who.name === "mallory");
  ada.guest.client.moderate({ action: "announce", text: "hello" });
  await bob.guest.next("notice");
  await ada.guest.say("the server has answered");
  const act: Act = { action: "op", key: fingerprint(mallory.identity.publicKey) };
  const zeros = (size: number) => new Uint8Array(size);
  const own = (change: Partial<Binding> = {}) => ({ ...mallory.binding, ...change });
  const basic = () => ({ act, binding: own(), number: mallory.next });
  // The identity element as the key and in the signature: anyone can make such a signature.
  const weak = Uint8Array.of(1, ...zeros(31));
  const weakSignature = Uint8Array.of(1, ...zeros(63));
  const forgeries: Readonly<Record<string, () => Uint8Array>> = {
    "a member's own key": () =>
      forge({ ...basic(), key: mallory.identity.publicKey, signer: mallory.identity }),
    "the moderator's key, another signature": () => forge({ ...basic(), signer: mallory.identity }),
    "no signature": () => forge({ ...basic(), signature: zeros(64) }),
    "a weak key": () => forge({ ...basic(), key: weak, signature: weakSignature }),
    "no key": () => forge({ ...basic(), key: zeros(32) }),
    "not on the curve": () => forge({ ...basic(), key: zeros(32).fill(0xee) }),
    "the moderator's own frame": () => ada.acts.at(-1)!.bytes,
    "signed for the moderator's seat": () => forge({ ...basic(), binding: ada.binding }),
    "another login": () => forge({ ...basic(), binding: own({ sessionKey: zeros(64) }) }),
    "another log": () => forge({ ...basic(), binding: own({ log: drawToken() }) }),
    "another member": () => forge({ ...basic(), binding: own({ id: ada.binding.id }) }),
    "another connection": () => forge({ ...basic(), binding: own({ nonce: drawToken() }) }),
    "the number before": () => forge({ ...basic(), number: mallory.next - 1 }),
    "the number after": () => forge({ ...basic(), number: mallory.next + 1 }),
    "a number with a bit altered": () => {
      const bytes = forge({ ...basic(), number: mallory.next });
      // One bit of the number on the wire.
      bytes[9 + 96]! ^= 0x80;
      return bytes;
    },
    "another act than was signed": () =>
      forge({ ...basic(), act: { action: "prove" }, sent: encodeAct(act) }),
    "a blank more than was signed": () =>
      forge({ ...basic(), sent: Uint8Array.of(...encodeAct(act), 0x20) }),
    "an act of a later version": () =>
      forge({ ...basic(), act: { action: "abdicate" } as unknown as Act }),
  };
  // A key that anyone can sign for is of no use, even if the operator takes it for a moderator's.
  room.government.govern({ action: "op", key: weak.toBase64({ omitPadding: true }) });
  const before = stateOf(room);
  for (const [what, bytes] of Object.entries(forgeries)) {
    await mallory.refusedAs(what, bytes());
    assertEquals(stateOf(room), before, what);
  }
  assertEquals(notices(bob.guest), ["announce", "op"]);
  // With the moderator's signature for exactly this, it is done: each refusal above has a reason of its own.
  mallory.alter = () => [forge(basic())];
  mallory.guest.client.say("the moderator's identity");
  const { who } = await bob.guest.next("notice", ({ action, who }) => action === "op" && !!who);
  assertEquals(who?.name, "mallory");
  ada.guest.client.moderate({ action: "deop", member: "mallory" });
  await bob.guest.next("notice", ({ action }) => action === "deop");
});

Deno.test("MODERATE: a frame is worth nothing a second time: later in its connection, in the next one, or in another session of the moderator", async () => {
  await using room = openRoom();
  await using ada = await Tapped.join(room, "ada", ADA);
  await using bob = await Tapped.join(room, "bob");
  const { client } = ada.guest;
  client.moderate({ action: "lock" });
  client.moderate({ action: "unlock" });
  await bob.guest.next("notice", ({ action }) => action === "unlock");
  await ada.guest.say("the server has answered");
  const [, lock] = ada.acts;
  const before = stateOf(room);
  await ada.refusedAs("later", lock!.bytes);
  // The wire keeps an act. In the next connection it has the same number, and another signature.
  let held: Frame | undefined;
  ada.alter = (frame) => {
    held = frame;
    return [];
  };
  client.moderate({ action: "lock" });
  await ada.relay.saw("up", Type.MODERATE, 4);
  await ada.cut();
  ada.alter = () => [held!.bytes];
  await ada.comeBack();
  const refused = await ada.guest.next("refused", ({ what }) => what === "lock");
  assertEquals(refused.reason, "moderator");
  assertEquals(ada.acts.length, 5);
  // The number and the key are the same, the signature is not.
  assertEquals(held!.body.subarray(96, 100), ada.acts[4]!.body.subarray(96, 100));
  ada.alter = (frame) => [frame.bytes];
  // Another session: its first two acts have the same numbers.
  await using again = await Tapped.join(room, "ada", ADA);
  again.alter = () => [lock!.bytes];
  again.guest.client.moderate({ action: "lock" });
  await again.guest.next("refused", ({ what }) => what === "lock");
  again.alter = (frame) => [frame.bytes];
  assertEquals(
    (stateOf(room) as { governance: unknown }).governance,
    (before as {
      governance: unknown;
    }).governance,
  );
  assertEquals(notices(bob.guest), ["lock", "unlock"]);
  for (const one of [ada, again]) {
    one.guest.client.moderate({ action: "lock" });
    await bob.guest.next("notice", ({ action }) => action === "lock");
  }
});

Deno.test("MODERATE: a frame that the wire repeats is taken once, and the moderator's client notices the other one", async () => {
  await using room = openRoom();
  await using ada = await Tapped.join(room, "ada", ADA);
  await using bob = await Tapped.join(room, "bob");
  await ada.guest.say("hello");
  ada.alter = ({ bytes }) => [bytes, bytes];
  ada.guest.client.moderate({ action: "announce", text: "once" });
  await ada.guest.ended;
  const { ending } = ada.guest.client;
  assert(ending?.reason === "lost");
  assertMatch(ending.message, /an ACK came for a frame that was not sent/);
  await bob.guest.next("left");
  assertEquals(notices(bob.guest), ["announce"]);
});

Deno.test("MODERATE: an act at another server, with the same code and the same moderator, is worth nothing here", async () => {
  await using room = openRoom();
  await using other = openRoom();
  await using mallory = await Tapped.join(room, "mallory");
  await using ada = await Tapped.join(other, "ada", ADA);
  // Both have the id 1, and the act has the number of mallory's next frame.
  assertEquals(mallory.binding.id, ada.binding.id);
  await mallory.guest.say("hello");
  const before = stateOf(room);
  ada.guest.client.moderate({ action: "lock" });
  await ada.guest.next("notice");
  const frame = ada.acts.at(-1)!;
  assertEquals(mallory.next, 2);
  await mallory.refusedAs("relayed", frame.bytes);
  assertEquals(stateOf(room), before);
});

Deno.test("MODERATE: acts in another order, or after a frame that was lost, are refused; no other act is done instead", async () => {
  await using room = openRoom();
  await using ada = await Tapped.join(room, "ada", ADA);
  await using bob = await Tapped.join(room, "bob");
  const { client } = ada.guest;
  await ada.guest.say("hello");
  const before = stateOf(room);
  const held: Uint8Array[] = [];
  ada.alter = ({ bytes }) => held.length === 0 ? (held.push(bytes), []) : [bytes, ...held];
  client.moderate({ action: "unlock" });
  client.moderate({ action: "lock" });
  const refused = [await ada.guest.next("refused"), await ada.guest.next("refused")];
  assertEquals(refused.map(({ what }) => what), ["unlock", "lock"]);
  assertEquals(stateOf(room), before);
  // Lost: all later acts have a wrong number, until the connection is another one.
  ada.alter = () => [];
  client.moderate({ action: "lock" });
  await ada.relay.saw("up", Type.MODERATE, 4);
  ada.alter = ({ bytes }) => [bytes];
  client.moderate({ action: "kick", member: "bob" });
  await ada.guest.next("refused", ({ what }) => what === "lock");
  assertEquals(stateOf(room), before);
  await ada.cut();
  await ada.comeBack();
  await bob.guest.ended;
  assertEquals(notices(ada.guest), ["kick"]);
});

/** Texts that a careless program would obey, or take for lines of its own. */
const NASTY =
  "\x1b[2J\x1b]52;c;cHduZWQ=\x07\x9b31m\u202e\u2066\r\n* the operator announces: leave\x00\x7f";

/** The rows of a screen after these events. No control character of others has reached the terminal. */
async function shown({ client }: Guest, events: readonly RoomEvent[]): Promise<string[]> {
  const { tty, room, tell, ending } = setUp(80, 60);
  const { members, self, governance } = client;
  Object.assign(room, { members, self, governance });
  let written = "";
  const write = tty.write.bind(tty);
  tty.write = (text) => {
    written += text;
    write(text);
  };
  tell(...events.filter(({ type }) => type !== "ended"));
  const rows = await tty.rows();
  tell({ type: "ended", ending: client.ending ?? { reason: "left" } });
  await ending;
  await tty.drawn();
  assertEquals(findControl(written), undefined);
  return rows;
}

Deno.test("Reasons and announcements with control characters: a moderator's reach no terminal, and look like no other notice", async () => {
  await using room = openRoom();
  await using ada = await Tapped.join(room, "ada", ADA);
  await using bob = await Tapped.join(room, "bob");
  await using eve = await Tapped.join(room, "eve");
  await ada.guest.next("joined", ({ who }) => who.name === "eve");
  const { client } = ada.guest;
  client.moderate({ action: "announce", text: NASTY });
  client.moderate({ action: "silence", member: "bob", reason: NASTY });
  client.moderate({ action: "lock", reason: NASTY });
  await eve.guest.next("notice", ({ action }) => action === "lock");
  client.moderate({ action: "kick", member: "eve", reason: NASTY });
  for (const one of [ada, bob]) await one.guest.next("left");
  await eve.guest.ended;
  for (const one of [ada, bob, eve]) {
    const events = one.guest.events.filter(({ type }) => type === "notice");
    assertEquals(events.length, 4);
    const rows = await shown(one.guest, events);
    assert(!rows.some((row) => row.startsWith("* the operator")), rows.join("\n"));
  }
});

/** Acts whose JSON is not valid, or too much. The bytes are signed by the moderator itself. */
const MALFORMED: readonly string[] = [
  "",
  "{",
  "[]",
  "null",
  '"lock"',
  "{}",
  '{"action":7}',
  '{"action":["lock"]}',
  '{"action":"kick"}',
  '{"action":"kick","member":"2"}',
  '{"action":"kick","member":2.5}',
  '{"action":"kick","member":-1}',
  '{"action":"kick","member":4294967296}',
  '{"action":"kick","member":1e400}',
  '{"action":"ban","member":2,"seconds":0}',
  '{"action":"ban","member":2,"seconds":1e15}',
  '{"action":"lock","reason":{"toString":1}}',
  '{"action":"lock","reason":"\\ud800"}',
  '{"action":"announce"}',
  `{"action":"announce","text":"${"x".repeat(4097)}"}`,
  `{"action":"lock","reason":"${"x".repeat(513)}"}`,
  '{"action":"op","key":"__proto__"}',
  `{"action":"lock","reason":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
  `{"action":"lock","x":${"[".repeat(30_000)}}`,
];

Deno.test("MODERATE: JSON that is not valid ends the connection of its sender with a reason, and nobody else notices it", async () => {
  await using room = openRoom();
  await using bob = await Tapped.join(room, "bob");
  const before = stateOf(room);
  for (const json of MALFORMED) {
    await using ada = await Tapped.join(room, "ada", ADA);
    await ada.guest.say("hello");
    ada.alter = () => [
      forge({
        binding: ada.binding,
        number: ada.next,
        act: { action: "prove" },
        signature: ADA.sign(
          moderateBytes(ada.binding, ada.next, new TextEncoder().encode(json)),
        ),
        sent: new TextEncoder().encode(json),
      }),
    ];
    ada.guest.client.say("bait");
    await ada.guest.ended;
    const { ending } = ada.guest.client;
    assert(ending?.reason === "refused" && ending.code === "malformed", json.slice(0, 80));
    await bob.guest.next("left");
  }
  assertEquals(notices(bob.guest), []);
  assertEquals(stateOf(room), before);
});

Deno.test("A lock or a ban also holds for newcomers whose login is under way", async () => {
  const proxies = [parseRange("127.0.0.1")!];
  await using room = openRoom({ proxies });
  await using eves = new Relay(room, honest, proxied("192.0.2.9"));
  await using eve = await Guest.join(eves, "eve", quickClient());
  const { id } = eve.client.self;
  const { hub, government } = room;
  const reserve = hub.reserve.bind(hub);
  /** Does something when a newcomer has shown that it has the code. */
  const meanwhile = (act: OperatorAct) => {
    hub.reserve = () => {
      hub.reserve = reserve;
      government.govern(act);
      return reserve();
    };
  };
  meanwhile({ action: "ban", member: id });
  const error = await assertRejects(() => Guest.join(eves, "eve2", quickClient()), ChatError);
  assertMatch(error.message, /banned from this room/);
  await eve.ended;
  meanwhile({ action: "lock" });
  await using other = new Relay(room, honest, proxied("192.0.2.8"));
  await assertRejects(
    () => Guest.join(other, "mallory", quickClient()),
    ChatError,
    "the room is locked",
  );
  assertEquals([hub.size, hub.fold.reserved], [0, 0]);
});

/** Frames that no honest server sends, for the member with this id. */
function inventions(id: number): Readonly<Record<string, Uint8Array>> {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const notice = (by: number, value: unknown) => encodeFrame(Type.NOTICE, by, json(value));
  const bans = (value: unknown) => encodeFrame(Type.BANS, id, json(value));
  const ban = { ban: 1, member: 1, by: 1, since: 0 };
  const key = "A".repeat(43);
  const filled = Array.from({ length: 1_000 }, (_, i) => ({ ...ban, ban: i + 1 }));
  const acks = [0, 1, 2, 3, 4, 255].flatMap((outcome) =>
    [0, 1, 2, 0xffff_ffff].map((
      count,
    ) => [`ACK ${count} ${outcome}`, encodeAck(0, { count, outcome })])
  );
  return {
    ...Object.fromEntries(acks),
    "an act of this client": encodeNotice(id, { action: "kick", member: 1 }),
    "its own removal": encodeNotice(1, { action: "kick", member: id }),
    "its own ban": encodeNotice(0, { action: "ban", member: id, ban: 1, until: 8.64e15 }),
    "a member that never was": encodeNotice(0xffff_fffe, { action: "kick", member: 0xffff_ffff }),
    "an unknown ban": encodeNotice(0, { action: "unban", ban: 7 }),
    "an end that is no time": notice(0, { action: "ban", member: 1, ban: 1, until: 9e15 }),
    "an end long ago": encodeNotice(0, { action: "ban", member: 1, ban: 1, until: 0 }),
    "an unknown key": encodeNotice(1, { action: "op", key }),
    "no moderator any more": encodeNotice(0, { action: "deop", key: ADAS_KEY }),
    "a moderator twice": encodeNotice(0, { action: "op", key: ADAS_KEY }),
    "a nasty announcement": encodeNotice(0, { action: "announce", text: NASTY }),
    "a nasty topic": encodeNotice(1, { action: "topic", text: NASTY }),
    "a nasty reason": encodeNotice(1, { action: "silence", member: 1, reason: NASTY }),
    "an empty announcement": encodeNotice(1, { action: "announce", text: "" }),
    "all fields": encodeNotice(1, {
      ...{ action: "lock", member: 1, key, ban: 1, until: 1, reason: NASTY, text: NASTY },
    }),
    "the end of the room": encodeNotice(0, { action: "close", reason: NASTY }),
    "a later version": notice(id, { action: "promote" }),
    "no JSON": encodeFrame(Type.NOTICE, 1, Uint8Array.of(0xff)),
    "nothing": encodeFrame(Type.NOTICE, 1),
    "deep JSON": encodeFrame(Type.NOTICE, 1, new Uint8Array(MAX_BODY).fill(0x5b)),
    "an action that JavaScript has": notice(1, { action: "constructor" }),
    "a field that JavaScript has": notice(1, { __proto__: { action: "lock" }, action: "toString" }),
    "no list of bans": bans({}),
    "bans that are none": bans({ bans: [null] }),
    "many bans": bans({ bans: filled }),
    "the same ban often": bans({ bans: Array(500).fill(ban) }),
    "a ban with a time that is none": bans({ bans: [{ ...ban, since: 1e300 }] }),
    "a ban of all times": bans({
      bans: [{ ...ban, since: 8.64e15, until: 8.64e15, reason: NASTY }],
    }),
    "bans of another member": encodeFrame(Type.BANS, 1, json({ bans: [ban] })),
  };
}

Deno.test("A server that invents notices, lists of bans and answers: no client fails, and none obeys their texts", async () => {
  const names = Object.keys(inventions(1));
  const endings: Record<string, string> = {};
  for (const name of names) {
    await using room = openRoom();
    await using host = await Tapped.join(room, "host");
    await using ada = await Tapped.join(room, "ada", ADA);
    const { id } = ada.binding;
    ada.invented = { after: Type.MESSAGE, bytes: inventions(id)[name]! };
    await host.guest.say("hello");
    // An answer of the server that follows the invention, or the end.
    const { client, events } = ada.guest;
    await ada.guest.next("message");
    client.tell("host", "are you there?");
    await ada.guest.nextOf(["delivered", "ended"]);
    const rows = await shown(ada.guest, events);
    assert(!rows.some((row) => row.startsWith("* the operator")), rows.join("\n"));
    if (client.ending) endings[name] = "message" in client.ending ? client.ending.message : "";
  }
  for (const message of Object.values(endings)) {
    // The server here is honest, and does not know of the frames that it did not send.
    assertMatch(
      message,
      /^the server broke the protocol: |^HAVE names a position that was not sent/,
    );
  }
  assertMatch(endings["an act of this client"]!, /the server invented an act of yours/);
  for (const name of ["no JSON", "nothing", "deep JSON", "bans that are none"]) {
    assertMatch(endings[name]!, /malformed/);
  }
});

/** Rules that no honest server gives to a newcomer with this id and key. */
function inventedRules(id: number, key: string): Readonly<Record<string, object>> {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  const keys = ids(1_000).map((i) => fingerprint(new Uint8Array(32).fill(i).fill(i >> 8, 0, 1)));
  return {
    "it is a moderator": { moderators: [key] },
    "the same moderator often": { moderators: Array(500).fill(key) },
    "many moderators": { moderators: keys },
    "no keys": { moderators: ["x", 7, null] },
    "no list of moderators": { moderators: { length: 1e9 } },
    "it is silenced": { silenced: [id] },
    "many are silenced": { silenced: ids(9_000) },
    "no ids": { silenced: [0, -1, 1e300, "1"] },
    "no truth": { locked: "yes" },
    "read-only": { readOnly: true, locked: true },
    "a nasty topic": { topic: { text: NASTY, time: 8.64e15 } },
    "a topic of no time": { topic: { text: "x", time: 9e15 } },
    "no topic": { topic: "x" },
    "a long topic": { topic: { text: "x".repeat(4097), time: 0 } },
  };
}

Deno.test("A server that invents rules: no client fails, and the own key of a client that it takes for a moderator proves nothing", async () => {
  const identity = Identity.generate();
  const key = fingerprint(identity.publicKey);
  const refused: string[] = [];
  for (const name of Object.keys(inventedRules(1, key))) {
    await using room = openRoom();
    await using relay = new Relay(room, (frame, direction) => {
      if (direction === "up" || frame.type !== Type.WELCOME) return [frame.bytes];
      const welcome = JSON.parse(new TextDecoder().decode(frame.body));
      const rules = inventedRules(frame.id, key)[name];
      const body = new TextEncoder().encode(JSON.stringify({ ...welcome, ...rules }));
      return [encodeFrame(Type.WELCOME, frame.id, body)];
    });
    const options = {
      ...quickClient(),
      self: () => ({ identity, knownNames: new KnownNames() }),
    };
    let guest: Guest;
    try {
      guest = await Guest.join(relay, "eve", options);
    } catch (error) {
      assert(error instanceof ChatError, `${name}: ${error}`);
      refused.push(name);
      continue;
    }
    await using eve = guest;
    const { client } = eve;
    const rows = await shown(eve, eve.events.filter(({ type }) => type === "topic"));
    assert(!rows.some((row) => row.startsWith("* the operator")), rows.join("\n"));
    if (client.self.moderator) {
      client.moderate({ action: "lock" });
      await eve.next("refused", ({ reason }) => reason === "moderator");
    }
    assert(!room.hub.fold.governance.isLocked);
    assertEquals(room.hub.size, 1);
  }
  assertEquals(refused, [
    "no keys",
    "no list of moderators",
    "no ids",
    "no truth",
    "a topic of no time",
    "no topic",
    "a long topic",
  ]);
});
