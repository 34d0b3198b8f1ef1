// What a sealed room promises, against those who would break it: who listens, who changes traffic, who
// runs the server, who guesses the code, and members of ill will. `docs/security.md` has the promises.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { aead, deriveKey, KEY_SIZE, NONCE_SIZE } from "../../cipher/aead.ts";
import { ExchangeKey } from "../../cipher/exchange.ts";
import { Identity } from "../../cipher/identity.ts";
import { answerLogin, register, startLogin } from "../../cipher/opaque.ts";
import { EXPORT_KEY_SIZE, SealedCipher } from "../../cipher/sealed.ts";
import { join, type JoinOptions } from "../../client.ts";
import { ChatError, CodeMissing, WrongCode } from "../../errors.ts";
import {
  Away,
  encodeFrame,
  encodeHave,
  type Frame,
  HEADER_SIZE,
  Left,
  MAX_FRAME,
  PREFACE,
  Type,
  VERSION,
} from "../../protocol.ts";
import {
  encodeGreeting,
  encodeHello,
  encodeLogin,
  encodeWarning,
  encodeWelcome,
  parseError,
  parseHello,
  parseLogin,
} from "../../protocol/json_frames.ts";
import { decodeProfile, encodeEnvelope, encodeProfile } from "../../protocol/envelope.ts";
import { TRIES_PER_ADDRESS, WINDOW_MS } from "../../server/login_tries.ts";
import { warnings } from "../../ui/notices.ts";
import { concat, Guest, Impostor, Raw, TestRoom } from "../support/loopback.ts";
import fc from "../support/property.ts";
import { Relay, type Tamper } from "../support/relay.ts";
import type { Direction } from "../support/fault_proxy.ts";
import {
  alter,
  type Alteration,
  ALTERATIONS,
  type FrameSelector,
  select,
} from "../support/tamper.ts";
import {
  atOnce,
  EXPORT_KEY,
  joinSealed,
  play,
  someone,
  type Symptom,
} from "../support/sealed_play.ts";

// Each login takes a core some 0.2 seconds, on purpose: so there are few here, and one registration.
const CODE = "abandon ability able about";
const admission = register(CODE);

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);
const NOT_JOINED = { hostname: "127.0.0.1", name: "secretive" } as const;
const GREETING = encodeGreeting({ version: VERSION, maxFrame: MAX_FRAME, cipher: "sealed" });

function enterByCode(
  room: { port: number },
  name: string,
  options: Partial<JoinOptions> = {},
): Promise<Guest> {
  return Guest.join(room, name, { code: CODE, ...options });
}

// ---- who listens, and who runs the server ----

/** Where `needle` stands in `hay`, also XORed with any one byte: neighbours then differ as before. */
function hasXored(hay: Uint8Array, needle: Uint8Array): boolean {
  const differences = (bytes: Uint8Array) =>
    String.fromCharCode(...bytes.subarray(1).map((byte, i) => byte ^ bytes[i]!));
  return differences(hay).includes(differences(needle));
}

/** The part of base64 that `needle` alone decides, wherever it stands. */
function base64Spellings(needle: Uint8Array): Uint8Array[] {
  return [0, 1, 2].flatMap((before) => {
    const bits = before * 8;
    const text = concat(new Uint8Array(before), needle).toBase64({ omitPadding: true });
    const own = text.slice(Math.ceil(bits / 6), Math.floor((bits + needle.length * 8) / 6));
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")].map((text) => utf8.encode(text));
  });
}

/** Which of these texts can be found in what was recorded. */
function findAny(recorded: Uint8Array, texts: readonly string[]): string[] {
  return texts.filter((text) => {
    const needle = utf8.encode(text);
    const wide = Uint8Array.from(text, (c) => c.charCodeAt(0)).toHex();
    return [needle, utf8.encode(needle.toHex()), utf8.encode(wide), ...base64Spellings(needle)]
      .some((bytes) => hasXored(recorded, bytes));
  });
}

const NAMES = ["Ada-Lovelace", "Grace-Hopper", "Countess"];
const TEXTS = ["So it starts!", "Yep, here we go!", "for your eyes only", "claps her hands"];

/** Says all of `TEXTS` with all of `NAMES`, through a relay that records it. */
async function converse(room: TestRoom, options: Partial<JoinOptions>): Promise<Relay["passed"]> {
  await using relay = new Relay(room);
  await using ada = await Guest.join(relay, NAMES[0]!, options);
  await using grace = await Guest.join(relay, NAMES[1]!, options);
  await ada.next("joined");
  await ada.say(TEXTS[0]!);
  await grace.say(TEXTS[1]!);
  ada.client.tell(NAMES[1]!, TEXTS[2]!);
  assertEquals((await grace.next("direct")).text, TEXTS[2]!);
  ada.client.rename(NAMES[2]!);
  assertEquals((await grace.next("renamed")).who.name, NAMES[2]!);
  ada.client.act(TEXTS[3]!);
  assertEquals((await grace.next("message", ({ action }) => action)).text, TEXTS[3]!);
  return relay.passed;
}

const wire = (passed: Relay["passed"]) => concat(...passed.map(({ frame }) => frame.bytes));

Deno.test("sealed room: in every byte that a server sends and receives there is no text and no name", async () => {
  await using room = new TestRoom({ admission });
  const recorded = wire(await converse(room, { code: CODE }));
  assert(recorded.length > 3_000);
  // Four letters, XORed with any byte, come about by chance: once in a hundred times.
  const words = CODE.split(" ").filter(({ length }) => length > 5);
  assertEquals(words.length, 2);
  assertEquals(findAny(recorded, [...NAMES, ...TEXTS, ...words, CODE]), []);
  // Nor in what the server tells its operator.
  assertEquals(findAny(utf8.encode(await room.told(2)), [...NAMES, ...TEXTS]), []);
  // Who looks like this finds them all where they are only XORed.
  await using open = new TestRoom();
  const classic = wire(await converse(open, {}));
  assertEquals(findAny(classic, [...NAMES, ...TEXTS]), [...NAMES, ...TEXTS]);
});

Deno.test("sealed room: with all that its server ever has in memory, not one message opens", async () => {
  // A server that forgets nothing: the record, each login's messages and session key, and all frames.
  const memory: Uint8Array[] = [];
  const keep = (base64: string) => {
    const bytes = Uint8Array.fromBase64(base64, { alphabet: "base64url" });
    memory.push(bytes, utf8.encode(base64));
    return bytes;
  };
  keep(admission.setup);
  keep(admission.record);
  let profile = NOTHING;
  let message = NOTHING;
  await using server = new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(GREETING);
    const login = parseLogin((await raw.frameOf(Type.LOGIN)).body);
    const pending = answerLogin(admission, login.message)!;
    await raw.write(encodeLogin({ message: pending.response }));
    const hello = parseHello((await raw.frameOf(Type.HELLO)).body);
    const sessionKey = pending.finish(hello.proof!)!;
    memory.push(sessionKey);
    for (const base64 of [login.message, pending.response, hello.proof!]) keep(base64);
    profile = new Uint8Array(hello.profile);
    const joined = encodeFrame(Type.JOINED, 1, profile);
    await raw.write(encodeWelcome(1, { room: 0, own: 0, members: 0 }), joined);
    message = (await raw.frameOf(Type.MESSAGE)).body;
    memory.push(profile, message);
    await raw.frames();
  });
  await using ada = await enterByCode(server, "ada");
  ada.client.say("So it starts!");
  ada.client.leave();
  await server.served(1);

  const identity = Identity.generate();
  const exchange = ExchangeKey.generate();
  const salt = profile.slice(0, 16);
  const counter = (body: Uint8Array) => concat(new Uint8Array(NONCE_SIZE - 8), body.subarray(0, 8));
  const lanes = [
    { info: "chat/1 room", use: 0, body: message },
    { info: "chat/1 profile", use: 2, body: profile.subarray(16) },
  ].map(({ info, use, body }) => ({
    info: utf8.encode(info),
    associated: concat(utf8.encode("chat/1"), Uint8Array.of(use), salt),
    nonce: counter(body),
    sealed: body.subarray(8),
  }));
  /** How many of the two bodies open with this as the room's export key; as the key itself, if it is as long. */
  const opens = (secret: Uint8Array) =>
    lanes.filter(({ info, associated, nonce, sealed }) => {
      const key = secret.length === KEY_SIZE ? secret : deriveKey(secret, salt, info);
      return aead.open(key, nonce, associated, sealed) !== undefined;
    }).length;

  const all = concat(...memory);
  const candidates = [...memory, all];
  for (const size of [KEY_SIZE, EXPORT_KEY_SIZE]) {
    for (let at = 0; at + size <= all.length; at++) candidates.push(all.subarray(at, at + size));
  }
  for (const piece of memory) {
    for (const name of ["SHA-256", "SHA-512"]) {
      candidates.push(new Uint8Array(await crypto.subtle.digest(name, new Uint8Array(piece))));
    }
    for (const label of ["", "ExportKey", "SessionKey", "chat/1 room"]) {
      const once = deriveKey(piece, NOTHING, utf8.encode(label));
      candidates.push(once, concat(once, deriveKey(once, NOTHING, utf8.encode(label))));
    }
  }
  assert(candidates.length > 3_000);
  assertEquals(candidates.filter((secret) => opens(secret) > 0).length, 0);
  // Who knows the code has the key: so it was looked for in the right way.
  const login = startLogin(CODE);
  const { exportKey } = login.finish(answerLogin(admission, login.request)!.response)!;
  assertEquals(opens(exportKey), 2);
  const cipher = new SealedCipher({ exportKey, identity, now: () => 0, exchange });
  assertEquals(decodeProfile(cipher.open(profile, "profile", 1).plaintext), { name: "ada" });
});

// ---- who changes traffic ----

const from = (id: number) => (frame: Frame) => frame.id === id;

// In the play of `tests/support/sealed_play.ts` anna is member 1, ben behind the relay 2, dora 3 and emil 4.
const TARGETS: Readonly<Record<string, FrameSelector>> = {
  "GREETING": select("down", Type.GREETING),
  "HELLO": select("up", Type.HELLO),
  "HAVE": select("up", Type.HAVE),
  "what ben says": select("up", Type.MESSAGE, 1, from(0)),
  "what ben tells anna": select("up", Type.MESSAGE, 1, from(1)),
  "ben's new name": select("up", Type.PROFILE),
  "ben's BYE": select("up", Type.BYE),
  "WELCOME": select("down", Type.WELCOME),
  "MEMBER": select("down", Type.MEMBER),
  "own JOINED": select("down", Type.JOINED, 0),
  "JOINED": select("down", Type.JOINED, 1),
  "MESSAGE of who was there": select("down", Type.MESSAGE, 1, from(1)),
  "MESSAGE of who came": select("down", Type.MESSAGE, 0, from(3)),
  "own MESSAGE": select("down", Type.MESSAGE, 1, from(2)),
  "DIRECT": select("down", Type.DIRECT, 1),
  "ACK": select("down", Type.ACK, 1),
  "PROFILE": select("down", Type.PROFILE, 0, from(1)),
  "own PROFILE": select("down", Type.PROFILE, 0, from(2)),
  "AWAY": select("down", Type.AWAY, 0, from(3)),
  "AWAY that ends": select("down", Type.AWAY, 1, from(3)),
  "WARNING": select("down", Type.WARNING),
  "LEFT": select("down", Type.LEFT),
};

/** As if the server had warned before the first message: who paces itself is never warned. */
function warned(tamper: Tamper): Tamper {
  const bytes = encodeWarning("flood", "you are sending more than this room allows: slow down");
  const warning = { type: Type.WARNING, id: 0, bytes, body: bytes.subarray(HEADER_SIZE) };
  let done = false;
  return (frame, direction) => {
    if (done || direction === "up" || frame.type !== Type.MESSAGE) return tamper(frame, direction);
    done = true;
    return [...tamper(warning, direction), ...tamper(frame, direction)];
  };
}

/** What may happen without anybody being told, and why `docs/security.md` allows it. */
const HARMLESS: Readonly<Record<string, readonly RegExp[]>> = {
  "the id of HELLO means nothing": [/^HELLO: id/],
  // Nor does the nonce, to who comes for the first time.
  "the id of GREETING means nothing": [/^GREETING: (id|bit flipped)/],
  // "Whether somebody can come back is the server's word."
  "whether a session can be resumed is the server's word": [
    /^HAVE: (dropped|repeated( later)?|after the next|id \d+)$/,
  ],
  // "Order between senders, and between a new name and the messages around it, is the server's word."
  "order between senders, or between what goes to all and to one, is the server's word": [
    /^(what ben says|MESSAGE of who (was there|came)|own MESSAGE|DIRECT|ACK): after the next$/,
  ],
  "when a new name is told, and if at all, is the server's word: the old one is true, too": [
    /^(ben's new name|PROFILE|own PROFILE): (dropped|emptied|repeated( later)?|after the next)$/,
    /^ben's new name: id/,
  ],
  // "Say that somebody came or left, is away or back: this is the server's word."
  "how somebody left, and whether, is the server's word": [
    /^ben's BYE: (dropped|repeated( later)?|after the next|length \+ 1|id \d+|as (PROFILE|PING|PONG))$/,
    /^LEFT: (dropped|repeated( later)?|after the next|bit flipped .*|id (0|99)|as AWAY)$/,
  ],
  "whose connection is lost, and whether, is the server's word": [
    /^AWAY.*: (dropped|repeated( later)?|after the next|with the latest body|bit flipped .*)$/,
    /^AWAY.*: (id (0|1|2|99)|as LEFT)$/,
  ],
  "what the server warns of is its word": [
    /^WARNING: (dropped|repeated( later)?|after the next|bit flipped .*|id \d+)$/,
  ],
  "when somebody came is the server's word; the profile proves who it is": [
    /^JOINED: (after the next|as PROFILE)$/,
  ],
  "positions in the log, and with which token to come back, are the server's": [
    /^WELCOME: bit flipped/,
  ],
  "whether the server has taken a direct message is its word": [
    /^ACK: bit flipped after 5\/5$/,
  ],
};

/** What nobody answers: who waits for it gives up in time, as `client_test.ts` and `server_test.ts` have it. */
const WAITS = /^HELLO: (dropped|after the next|length \+ 1)$/;

Deno.test("sealed room: whatever a relay does to any kind of frame, nothing false is shown, and it is told or harmless", async () => {
  const untold: string[] = [];
  const told = new Set<Symptom>();
  const attack = async (name: string, what: FrameSelector, how: Alteration) => {
    const { tamper, done } = alter(what, how);
    const answer = await play(warned(tamper));
    assert(done().hit, `${name} was not tried`);
    if (!done().changed) assertEquals(answer, [], name);
    else if (answer.length === 0) untold.push(name);
    for (const one of answer) told.add(one);
  };
  for (const [where, what] of Object.entries(TARGETS)) {
    const alterations = Object.entries(ALTERATIONS).map(([how, alteration]) => ({
      name: `${where}: ${how}`,
      alteration,
    }));
    await atOnce(
      alterations.filter(({ name }) => !WAITS.test(name)),
      ({ name, alteration }) => attack(name, what, alteration),
    );
  }
  const allowed = Object.values(HARMLESS).flat();
  assertEquals(untold.filter((name) => !allowed.some((pattern) => pattern.test(name))), []);
  assertEquals(
    allowed.filter((pattern) => !untold.some((name) => pattern.test(name))),
    [],
    "Nothing of this kind came: the list is longer than the truth",
  );
  assertEquals([...told].sort(), ["ended", "missing", "unconfirmed", "unreadable"]);
});

Deno.test("sealed room: what a relay makes up is told, ends the connection, or is the server's word", async () => {
  const garbage = crypto.getRandomValues(new Uint8Array(300));
  const ending = encodeFrame(Type.BYE, 0);
  const made: Record<string, { frame: Uint8Array; told?: Symptom }> = {
    "a message of nobody": { frame: encodeFrame(Type.MESSAGE, 0, garbage), told: "unreadable" },
    "a message": { frame: encodeFrame(Type.MESSAGE, 1, garbage), told: "unreadable" },
    "an empty message": { frame: encodeFrame(Type.MESSAGE, 1), told: "unreadable" },
    "a direct message": { frame: encodeFrame(Type.DIRECT, 1, garbage), told: "unreadable" },
    "an own message": { frame: encodeFrame(Type.MESSAGE, 2, garbage), told: "ended" },
    "a member": { frame: encodeFrame(Type.JOINED, 50, garbage), told: "unreadable" },
    "a member without a profile": { frame: encodeFrame(Type.JOINED, 50) },
    "a new name": { frame: encodeFrame(Type.PROFILE, 1, garbage), told: "unreadable" },
    "a new name of nobody": { frame: encodeFrame(Type.PROFILE, 50, garbage), told: "unreadable" },
    "somebody's absence": { frame: encodeFrame(Type.AWAY, 1, Uint8Array.of(Away.AWAY)) },
    "nobody's absence": { frame: encodeFrame(Type.AWAY, 50, Uint8Array.of(Away.AWAY)) },
    "an absence that is none": {
      frame: encodeFrame(Type.AWAY, 1, Uint8Array.of(2)),
      told: "ended",
    },
    "a warning": { frame: encodeWarning("flood", "slow down") },
    "a warning that is none": { frame: encodeFrame(Type.WARNING, 0, garbage), told: "ended" },
    "another WELCOME": {
      frame: encodeWelcome(2, { room: 0, own: 0, members: 0, token: "AAAA" }),
      told: "ended",
    },
    "what a client has": { frame: encodeHave(0), told: "ended" },
    "own leaving": { frame: encodeFrame(Type.LEFT, 2, Uint8Array.of(Left.BYE)), told: "ended" },
    "own coming": { frame: encodeFrame(Type.JOINED, 2), told: "ended" },
    "an end": { frame: ending, told: "ended" },
    "a question": { frame: encodeFrame(Type.PING, 0) },
  };
  for (const [name, { frame, told }] of Object.entries(made)) {
    const place = TARGETS["MESSAGE of who was there"]!;
    const { tamper, done } = alter(place, ({ bytes }) => ({ now: [bytes, frame] }));
    const answer = await play(tamper);
    assert(done().hit, name);
    assert(told ? answer.includes(told) : answer.length === 0, `${name}: ${answer}`);
  }
});

Deno.test("sealed room: any mixture of such doings, at any place, shows nothing false", async () => {
  const alterations = Object.values(ALTERATIONS);
  const doings = fc.array(
    fc.record({ skip: fc.nat(12), how: fc.nat(alterations.length - 1), up: fc.boolean() }),
    { minLength: 1, maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(doings, async (plan) => {
      const waiting = {
        up: plan.filter(({ up }) => up),
        down: plan.filter(({ up }) => !up),
      };
      const due = { up: waiting.up[0]?.skip ?? 0, down: waiting.down[0]?.skip ?? 0 };
      const earlier: Record<Direction, Frame[]> = { up: [], down: [] };
      const later: Record<Direction, Uint8Array[]> = { up: [], down: [] };
      await play((frame, direction) => {
        // Who waits for an answer to these waits until its time is up.
        if (frame.type === Type.HELLO || frame.type === Type.GREETING) return [frame.bytes];
        if (frame.type === Type.WELCOME) return [frame.bytes];
        const behind = later[direction].splice(0);
        const [next] = waiting[direction];
        if (!next || due[direction]-- > 0) {
          earlier[direction].push(frame);
          return [frame.bytes, ...behind];
        }
        waiting[direction].shift();
        due[direction] = waiting[direction][0]?.skip ?? 0;
        const result = alterations[next.how]!(frame, earlier[direction]);
        if (result.later) later[direction].push(result.later);
        return [...result.now ?? [], ...behind];
      });
    }),
    { numRuns: 200 },
  );
});

// ---- who poses as the server ----

/** Joins something that is no server of ours; what it was sent, and why it was left. */
async function joinImpostor(
  serve: (raw: Raw) => Promise<void>,
  options: Partial<JoinOptions>,
): Promise<{ sent: number[]; error: unknown; asked: boolean }> {
  const sent: number[] = [];
  let asked = false;
  await using impostor = new Impostor(async (raw) => {
    assertEquals(await raw.preface(), PREFACE);
    const read = raw.frame.bind(raw);
    raw.frame = async () => {
      const frame = await read();
      if (frame) sent.push(frame.type);
      return frame;
    };
    await serve(raw);
    await raw.frames();
  });
  const error = await assertRejects(() =>
    join({
      ...NOT_JOINED,
      port: impostor.port,
      self: () => {
        asked = true;
        return someone();
      },
      ...options,
    }), Error);
  await impostor.served(1);
  return { sent, error, asked };
}

Deno.test("join: who answers in the server's place without its record is refused before the name leaves", async () => {
  const other = register("other code of another server");
  // An old answer of the true server, that somebody has recorded.
  const recorded = answerLogin(admission, startLogin(CODE).request)!.response;
  const answers: Record<string, (request: string) => string> = {
    "with a record of its own": (request) => answerLogin(other, request)!.response,
    "with the record, but not the keys": (request) =>
      answerLogin({ ...other, record: admission.record }, request)!.response,
    "with the keys, but not the record": (request) =>
      answerLogin({ ...admission, record: other.record }, request)!.response,
    "with an old answer of the server": () => recorded,
    "with what it was asked": (request) => request,
    "with noise": () => "A".repeat(427),
  };
  for (const [name, answer] of Object.entries(answers)) {
    const { sent, error, asked } = await joinImpostor(async (raw) => {
      await raw.write(GREETING);
      const { message } = parseLogin((await raw.frame())!.body);
      await raw.write(encodeLogin({ message: answer(message), tries: 4 }));
    }, { code: CODE });
    assert(error instanceof WrongCode, `${name}: ${error}`);
    // Not even a sealed name: no HELLO, and the identity was not looked up.
    assertEquals([sent, asked], [[Type.LOGIN], false], name);
  }
});

Deno.test("join: where a code was given, or only sealed will do, a server that greets as xor is told nothing", async () => {
  const greeting = encodeGreeting({
    version: VERSION,
    maxFrame: MAX_FRAME,
    cipher: "xor",
    key: "7",
  });
  const cipher = "sealed";
  for (const options of [{ code: CODE }, { cipher }, { code: CODE, cipher }] as const) {
    const { sent, error, asked } = await joinImpostor((raw) => raw.write(greeting), options);
    assert(error instanceof ChatError && error.message.includes("not sealed"));
    assertEquals([sent, asked], [[], false]);
  }
  // And a sealed room is not entered without a code.
  const { sent, error } = await joinImpostor((raw) => raw.write(GREETING), {});
  assert(error instanceof CodeMissing);
  assertEquals(sent, []);
  // Who wants xor is not asked for a code.
  const other = await joinImpostor((raw) => raw.write(GREETING), { cipher: "xor" });
  assert(other.error instanceof ChatError && other.error.message.includes("sealed, not xor"));
  assertEquals(other.sent, []);
});

Deno.test("join: a relay that changes a login gets nobody in, and gets no name", async () => {
  await using room = new TestRoom({ admission });
  for (const [direction, type] of [["up", Type.LOGIN], ["down", Type.LOGIN]] as const) {
    const { tamper } = alter(select(direction, type), ({ body }) => {
      const login = parseLogin(body);
      const flipped = login.message[99] === "A" ? "B" : "A";
      const message = login.message.slice(0, 99) + flipped + login.message.slice(100);
      return { now: [encodeLogin({ ...login, message })] };
    });
    await using relay = new Relay(room, tamper);
    await assertRejects(() => enterByCode(relay, "secretive"), ChatError);
    assertEquals(relay.passed.some(({ frame }) => frame.type === Type.HELLO), false);
  }
  // A changed proof is refused by the server, though the name, sealed, has gone there.
  const { tamper } = alter(select("up", Type.HELLO), ({ body }) => {
    const hello = parseHello(body);
    const flipped = hello.proof![9] === "A" ? "B" : "A";
    return {
      now: [
        encodeHello({
          ...hello,
          proof: hello.proof!.slice(0, 9) + flipped + hello.proof!.slice(10),
        }),
      ],
    };
  });
  await using relay = new Relay(room, tamper);
  await assertRejects(() => enterByCode(relay, "secretive"), ChatError, "the code is wrong");
  assertEquals(room.hub.size, 0);
});

// ---- who guesses the code ----

/** A try that costs the guesser nothing: it asks, and sends no proof, or a made-up one. */
async function guess(room: { port: number }, proof?: string): Promise<string | undefined> {
  await using raw = await Raw.connect(room);
  await raw.write(PREFACE, encodeLogin({ message: startLogin("wrong wrong wrong").request }));
  await raw.frameOf(Type.GREETING);
  const answer = await raw.frame();
  if (answer?.type === Type.ERROR) return parseError(answer.body).message;
  if (proof) await raw.write(encodeHello({ version: VERSION, profile: NOTHING, proof }));
  else await raw.end();
  const last = await raw.frame();
  return last?.type === Type.ERROR ? parseError(last.body).message : undefined;
}

Deno.test("Server: wrong codes are counted and told, then there is a wait, and right ones are taken again", async () => {
  let now = 5_000;
  await using room = new TestRoom({ admission, now: () => now });
  const wrong = (code: string) =>
    assertRejects(
      () => join({ ...NOT_JOINED, port: room.port, code }),
      WrongCode,
      "the code is wrong",
    );
  const first = await wrong("abandon ability able absent");
  assertEquals(
    first.hint,
    `${TRIES_PER_ADDRESS - 1} tries left this minute. Ask the person who opened the room`,
  );
  // One broken off counts, as one with a wrong proof does.
  now += 1_000;
  assertEquals(await guess(room), undefined);
  assertEquals(await guess(room, "AAAA"), "the code is wrong");
  const fourth = await wrong("abandon ability abel about");
  assert(fourth.hint?.startsWith("1 try left this minute. Word 3 is not in the word list"));
  // A right one costs nothing.
  await using member = await enterByCode(room, "member");
  await guess(room, "AAAA");
  // The next is told how long to wait, whatever its code.
  const { message } = await assertRejects(() => enterByCode(room, "late"), ChatError);
  assert(message.endsWith("too many wrong codes: wait 59 seconds"), message);
  assertEquals(await guess(room), "too many wrong codes: wait 59 seconds");
  // Who is in stays in.
  await member.say("still here");
  now += WINDOW_MS - 1_000;
  await using late = await enterByCode(room, "late");
  assertEquals(late.client.members.length, 2);
});

Deno.test("Server: many with the right code from one address are let in, however many at once", async () => {
  await using room = new TestRoom({ admission });
  const count = TRIES_PER_ADDRESS + 3;
  const guests = await Promise.all(
    Array.from({ length: count }, (_, n) => enterByCode(room, `guest-${n}`)),
  );
  try {
    assertEquals(room.hub.size, count);
  } finally {
    for (const guest of guests) await guest[Symbol.asyncDispose]();
  }
});

Deno.test("Server: who goes away while it waits for its try does no harm", async () => {
  // Everything ends at once but the connections that do not answer.
  await using room = new TestRoom({ admission, now: () => 0, handshakeMs: 50, finishMs: 200 });
  const login = encodeLogin({ message: startLogin(CODE).request });
  const raws: Raw[] = [];
  try {
    for (let n = 0; n <= TRIES_PER_ADDRESS; n++) {
      const raw = await Raw.connect(room);
      raws.push(raw);
      await raw.write(PREFACE, login);
      await raw.frameOf(Type.GREETING);
      if (n < TRIES_PER_ADDRESS) await raw.frameOf(Type.LOGIN);
    }
    // The last one has got no answer; it ends properly, and the others never do.
    const waiting = raws.at(-1)!;
    assertEquals(parseError((await waiting.frameOf(Type.ERROR)).body).code, "timeout");
    await waiting.end();
    assertEquals((await waiting.rest()).length, 0);
    // The server still listens: there is somebody who gets an answer.
    await using next = await Raw.connect(room);
    await next.write(PREFACE);
    await next.frameOf(Type.GREETING);
  } finally {
    for (const raw of raws) await raw[Symbol.asyncDispose]();
  }
});

Deno.test("Server: logins that are none cost a try each, and nothing breaks", async () => {
  const { request } = startLogin(CODE);
  await fc.assert(fc.property(
    fc.oneof(
      fc.string({ unit: fc.constantFrom(..."AZaz09_-"), minLength: 1, maxLength: 1024 }),
      // Nearly one: the right length, and points of the curve or not.
      fc.tuple(fc.nat(request.length - 1), fc.constantFrom(..."AQgw_-")).map(([at, c]) =>
        request.slice(0, at) + c + request.slice(at + 1)
      ),
    ),
    (message) => {
      const pending = answerLogin(admission, message);
      assertEquals(pending?.finish(message), undefined);
    },
  ));
  let now = 0;
  await using room = new TestRoom({ admission, now: () => now });
  const json = (value: unknown) => encodeFrame(Type.LOGIN, 0, utf8.encode(JSON.stringify(value)));
  for (
    const [frame, code] of [
      [json({ message: "A".repeat(1024) }), "malformed"],
      [json({ message: "A".repeat(1025) }), "malformed"],
      [json({ message: "A".repeat(8_000) }), "malformed"],
      [json({ message: "A".repeat(9_000) }), "too-large"],
      [json({ message: "" }), "malformed"],
      [json({ message: "not/base64+url=" }), "malformed"],
      [json({ message: 7 }), "malformed"],
      [json([]), "malformed"],
      [encodeFrame(Type.LOGIN, 0), "malformed"],
      [encodeHello({ version: VERSION, profile: NOTHING, proof: "AAAA" }), "unexpected"],
    ] as const
  ) {
    now += WINDOW_MS;
    await using raw = await Raw.connect(room);
    await raw.write(PREFACE, frame);
    assertEquals(parseError((await raw.frameOf(Type.ERROR)).body).code, code);
  }
  // All of that was in vain: the code still opens.
  now += WINDOW_MS;
  await using guest = await enterByCode(room, "guest");
  assertEquals(guest.client.info.cipher, "sealed");
});

// ---- who is who ----

Deno.test("Client: a name that comes with another key is told once, marked on every line, and /trust clears it", async () => {
  await using room = new TestRoom();
  const ben = someone();
  const ada = someone();
  await using one = await joinSealed(room, "ben", { self: ben });
  {
    await using _ = await joinSealed(room, "ada", { self: ada });
    assertEquals((await one.next("joined")).who.name, "ada");
  }
  await one.next("left");
  // The next day somebody else is called so.
  const mallory = someone();
  await using false_ = await joinSealed(room, "ada", { self: mallory });
  const { who } = await one.next("keychanged");
  assertEquals(who.name, "ada(!)");
  assertEquals(one.events.filter(({ type }) => type === "joined").length, 2);
  for (let n = 0; n < 3; n++) {
    await false_.say(`line ${n}`);
    assertEquals((await one.next("message")).from.name, "ada(!)");
  }
  false_.client.tell("ben", "trust me");
  assertEquals((await one.next("direct")).from.name, "ada(!)");
  // The true one comes back: the two are told apart, and only the false one is marked.
  await using true_ = await joinSealed(room, "ada", { self: ada });
  await one.next("joined");
  await true_.say("it is me");
  const [falseId, trueId] = [false_.client.self.id, true_.client.self.id];
  assertEquals((await one.next("message")).from.name, `ada#${trueId}`);
  assertEquals(one.client.members.map(({ name }) => name), [
    "ben",
    `ada#${falseId}(!)`,
    `ada#${trueId}`,
  ]);
  assertEquals(one.events.filter(({ type }) => type === "keychanged").length, 1);
  assertThrows(() => one.client.tell("ada", "which?"), ChatError, "several");
  // The user decides otherwise: from now on the name belongs to the other key, and to no other.
  one.client.trust(`ada#${falseId}`);
  assertEquals(one.client.members.map(({ name }) => name), [
    "ben",
    `ada#${falseId}`,
    `ada#${trueId}(!)`,
  ]);
  await false_.say("now known");
  assertEquals((await one.next("message")).from.name, `ada#${falseId}`);
});

Deno.test("Client: a new name keeps the identity behind it, and a known name taken by another is marked", async () => {
  await using room = new TestRoom();
  const self = someone();
  await using ben = await joinSealed(room, "ben", { self });
  await using ada = await joinSealed(room, "ada");
  await ben.next("joined");
  await using eve = await joinSealed(room, "eve");
  await ben.next("joined");
  const words = ben.client.compare("ada");
  ada.client.rename("countess");
  await ben.next("renamed");
  assertEquals(ben.client.compare("countess"), words);
  // Her old name is hers in the memory of others.
  eve.client.rename("ada");
  assertEquals((await ben.next("renamed")).who.name, "ada(!)");
  assertEquals((await ben.next("keychanged")).who.name, "ada(!)");
  eve.client.rename("eve");
  assertEquals((await ben.next("renamed")).who.name, "eve");
  // Who comes later sees the same people, and the same words.
  await using dan = await joinSealed(room, "dan");
  await ben.next("joined");
  assertEquals(dan.client.members.map(({ name }) => name), ["ben", "countess", "eve", "dan"]);
  assertEquals(dan.client.compare("countess"), ada.client.compare("dan"));
});

Deno.test("Client: nobody can take a name that looks like a mark", async () => {
  await using room = new TestRoom();
  await using ben = await joinSealed(room, "ben");
  await using raw = await Raw.connect(room);
  const { identity } = someone();
  const cipher = new SealedCipher({ exportKey: EXPORT_KEY, identity, now: Date.now });
  const profile = utf8.encode(JSON.stringify({ name: "ada(!)" }));
  await raw.hello(cipher.seal(profile, "profile"));
  assertEquals((await ben.next("joined")).who.name, "#2");
  await ben.next("unreadable");
});

Deno.test("Client: words to compare are the same on both sides, and others for somebody in the middle", async () => {
  await using room = new TestRoom();
  await using ada = await joinSealed(room, "ada");
  await using ben = await joinSealed(room, "ben");
  await ada.next("joined");
  const words = ada.client.compare("ben");
  assertEquals(words.split(" ").length, 8);
  assertEquals(ben.client.compare("ada"), words);
  assertThrows(() => ada.client.compare("ada"), ChatError, "that is you");
  // A member in the middle shows itself to ada as ben, and to ben as ada, with one key or two.
  for (const [first, second] of [[someone(), someone()], Array(2).fill(someone())]) {
    await using toAda = await joinSealed(room, "ben", { self: first });
    await using toBen = await joinSealed(room, "ada", { self: second });
    await ada.next("joined", ({ who }) => who.id === toBen.client.self.id);
    await ben.next("joined", ({ who }) => who.id === toBen.client.self.id);
    const adas = ada.client.compare(toAda.client.self.id);
    const bens = ben.client.compare(toBen.client.self.id);
    assertEquals(new Set([words, adas, bens]).size, 3);
  }
});

Deno.test("Client: with a member's help a server can't put another's key in the place of one's own", async () => {
  // If it could, the words that ada compares would be made of ben's key and the member's, on both sides.
  await using room = new TestRoom();
  let id = 0;
  let stolen = NOTHING;
  await using relay = new Relay(room, (frame, direction) => {
    if (direction !== "down" || frame.type !== Type.JOINED) return [frame.bytes];
    if (id === 0) {
      id = frame.id;
      return [frame.bytes];
    }
    stolen = frame.body;
    const left = encodeFrame(Type.LEFT, id, Uint8Array.of(Left.BYE));
    return [left, encodeFrame(Type.JOINED, id, stolen)];
  });
  await using ada = await joinSealed(relay, "ada");
  await using _ = await joinSealed(room, "ben");
  const { ending } = await ada.next("ended");
  assert(stolen.length > 0);
  assertEquals(ending.reason, "lost");
  assertEquals(ada.client.self.name, "ada");
  assertEquals(ada.events.filter(({ type }) => type === "joined" || type === "left"), []);
});

Deno.test("Client: an old profile is of no use to who was there, and shows its age to who comes later", async () => {
  await using room = new TestRoom();
  await using early = await joinSealed(room, "early");
  const cipher = new SealedCipher({
    exportKey: EXPORT_KEY,
    identity: Identity.generate(),
    now: () => Date.parse("2020-01-31T12:00:00Z"),
  });
  const profile = cipher.seal(encodeProfile({ name: "ada" }), "profile");
  const message = cipher.seal(encodeEnvelope({ kind: "text", text: "old news" }), "room");
  const replay = async () => {
    const raw = await Raw.connect(room);
    await raw.hello(profile);
    await raw.write(encodeFrame(Type.MESSAGE, 0, message));
    return raw;
  };
  {
    await using _ = await replay();
    assertEquals((await early.next("joined")).who.name, "ada");
    assertEquals((await early.next("message")).text, "old news");
  }
  await early.next("left");
  await using late = await joinSealed(room, "late");
  await using _ = await replay();
  // Her session has been there: what comes again is nobody's.
  const { who } = await early.next("joined", (event) => event.who.name !== "late");
  assertEquals(who.name, `#${who.id}`);
  await early.next("unreadable");
  assertEquals((await early.next("unreadable")).count, 2);
  const joined = await late.next("joined");
  const heard = await late.next("message");
  const sentences = [joined, heard].flatMap((event) => warnings(event, new Date()));
  assertEquals(sentences.map((text) => text.includes("2020-01-31T12:00:00.000Z")), [true, true]);
  assertEquals(early.heard, ["ada: old news"]);
});

Deno.test("Client: what is rejected is counted, told once, and never shown", async () => {
  await using room = new TestRoom();
  await using ben = await joinSealed(room, "ben");
  await using raw = await Raw.connect(room);
  const { identity } = someone();
  const cipher = new SealedCipher({ exportKey: EXPORT_KEY, identity, now: Date.now });
  await raw.hello(cipher.seal(encodeProfile({ name: "ada" }), "profile"));
  const text = utf8.encode("Tnot sealed at all");
  const seal = (bytes: Uint8Array) => cipher.seal(bytes, "room");
  const good = seal(encodeEnvelope({ kind: "text", text: "good" }));
  const bodies = [
    text,
    NOTHING,
    seal(NOTHING),
    seal(Uint8Array.of(0x54, 0xff)),
    seal(utf8.encode("?x")),
  ];
  await raw.write(...bodies.map((body) => encodeFrame(Type.MESSAGE, 0, body)));
  const last = seal(encodeEnvelope({ kind: "text", text: "last" }));
  await raw.write(encodeFrame(Type.MESSAGE, 0, good), encodeFrame(Type.MESSAGE, 0, last));
  await ben.next("message", (event) => event.text === "last");
  const told = ben.events.filter((event) => event.type === "unreadable");
  assertEquals(
    told.map(({ from, count }) => [from.name, count]),
    [1, 2, 3, 4, 5, 6].map((n) => ["ada", n]),
  );
  assertEquals(told.flatMap((event) => warnings(event, new Date())).length, 1);
  assertEquals(ben.heard, ["ada: last"]);
});

// ---- who is after a client's memory ----

/** Enters a room whose server then sends these frames, and ends. */
async function enterHostile(frames: readonly Uint8Array[]): Promise<Guest> {
  await using server = new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(GREETING, encodeWelcome(1, { room: 0, own: 0, members: 0 }));
    const { profile } = parseHello((await raw.frameOf(Type.HELLO)).body);
    await raw.write(encodeFrame(Type.JOINED, 1, profile));
    for (let at = 0; at < frames.length; at += 1_000) {
      await raw.write(...frames.slice(at, at + 1_000));
    }
    await raw.end();
    await raw.frames();
  });
  const guest = await joinSealed(server, "ada");
  await guest.ended;
  await server.served(1);
  return guest;
}

Deno.test("Client: a server can't make it grow with members, names or ids that it makes up", async () => {
  const most = 100_000;
  const crowd = Array.from({ length: most + 10 }, (_, n) => encodeFrame(Type.JOINED, n + 2));
  const grown = await enterHostile(crowd);
  assertEquals(grown.client.members.length, most);
  const { ending } = await grown.next("ended");
  assert(ending.reason === "lost" && ending.message.includes("more than"));
  // Those that are nobody's are counted together, and not kept.
  const strangers = await enterHostile(
    Array.from({ length: 5_000 }, (_, n) => n + 2).flatMap((id) => [
      encodeFrame(Type.MESSAGE, id, NOTHING),
      encodeFrame(Type.PROFILE, id, Uint8Array.of(1)),
      encodeFrame(Type.LEFT, id, Uint8Array.of(Left.BYE)),
    ]),
  );
  const told = strangers.events.filter((event) => event.type === "unreadable");
  assertEquals(told.at(-1)!.count, told.length);
  assertEquals(strangers.client.members.length, 1);
});
