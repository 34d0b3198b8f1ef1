// Attacks on a sealed room by eavesdroppers, relays that alter traffic, false servers, attackers that
// guess the code, and malicious members. `docs/security.md` describes what must hold against each.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { aead, deriveKey, KEY_SIZE, NONCE_SIZE } from "../../cipher/aead.ts";
import { Identity } from "../../cipher/identity.ts";
import { answerLogin, register, startLogin } from "../../cipher/opaque.ts";
import { EXPORT_KEY_SIZE, SealedCipher } from "../../cipher/sealed.ts";
import { join, type JoinOptions } from "../../client.ts";
import { ChatError, CodeMissing, WrongCode } from "../../errors.ts";
import { encodeFrame, Left, MAX_FRAME, PREFACE, Type, VERSION } from "../../protocol.ts";
import {
  encodeGreeting,
  encodeHello,
  encodeLogin,
  encodeSeat,
  encodeWelcome,
  parseError,
  parseHello,
  parseLogin,
} from "../../protocol/json_frames.ts";
import { firstLink } from "../../protocol/chain.ts";
import { decodeProfile, encodeEnvelope, encodeProfile } from "../../protocol/envelope.ts";
import { fromBase64Url, toBase64Url } from "../../protocol/resume.ts";
import { TRIES_PER_ADDRESS, WINDOW_MS } from "../../server/login_tries.ts";
import { warnings } from "../../ui/notices.ts";
import { Guest, Impostor, LOG, Raw, TestRoom } from "../support/loopback.ts";
import fc from "../support/property.ts";
import { Relay } from "../support/relay.ts";

import { alter, select } from "../support/tamper.ts";
import { enterRaw, joinSealed, someone, takeSeat } from "../support/sealed_play.ts";

// A login takes some 0.2 seconds of a core on purpose, so there are few here, and one registration.
const CODE = "abandon ability able about";
const admission = register(CODE);

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);
const NOT_JOINED = { hostname: "127.0.0.1", name: "secretive" } as const;
const GREETING = encodeGreeting({ version: VERSION, maxFrame: MAX_FRAME, cipher: "sealed" });
/** The start of a log, as an impostor says it. */
const LOG_NAME = fromBase64Url(LOG)!;
const SEAT = { log: LOG, room: 0, chain: toBase64Url(firstLink(LOG_NAME)) };

function joinByCode(
  room: { port: number },
  name: string,
  options: Partial<JoinOptions> = {},
): Promise<Guest> {
  return Guest.join(room, name, { code: CODE, ...options });
}

// ---- eavesdroppers and the server ----

/** Whether `hay` contains `needle`, also XORed with one byte, which keeps the differences between neighbours. */
function hasXored(hay: Uint8Array, needle: Uint8Array): boolean {
  const differences = (bytes: Uint8Array) =>
    String.fromCharCode(...bytes.subarray(1).map((byte, i) => byte ^ bytes[i]!));
  return differences(hay).includes(differences(needle));
}

/** The parts of base64 that `needle` determines at each alignment. */
function base64Spellings(needle: Uint8Array): Uint8Array[] {
  return [0, 1, 2].flatMap((before) => {
    const bits = before * 8;
    const text = concat([new Uint8Array(before), needle]).toBase64({ omitPadding: true });
    const own = text.slice(Math.ceil(bits / 6), Math.floor((bits + needle.length * 8) / 6));
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")].map((text) => utf8.encode(text));
  });
}

/** The texts that can be found in the recorded bytes. */
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

/** Sends all of `TEXTS` under all of `NAMES`, through a recording relay. */
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

const wire = (passed: Relay["passed"]) => concat(passed.map(({ frame }) => frame.bytes));

Deno.test("sealed room: the bytes that a server sends and receives contain no text and no name", async () => {
  await using room = new TestRoom({ admission });
  const recorded = wire(await converse(room, { code: CODE }));
  assert(recorded.length > 3_000);
  // Words of four letters, XORed with any byte, appear by chance in one of a hundred runs.
  const words = CODE.split(" ").filter(({ length }) => length > 5);
  assertEquals(words.length, 2);
  assertEquals(findAny(recorded, [...NAMES, ...TEXTS, ...words, CODE]), []);
  // Neither does the server's log.
  assertEquals(findAny(utf8.encode(await room.logged(2)), [...NAMES, ...TEXTS]), []);
  // To prove the search: in an xor room it finds all of them.
  await using open = new TestRoom();
  const classic = wire(await converse(open, {}));
  assertEquals(findAny(classic, [...NAMES, ...TEXTS]), [...NAMES, ...TEXTS]);
});

Deno.test("sealed room: everything in the server's memory opens no message", async () => {
  // A server that keeps everything: the record, the messages and session key of each login, and all frames.
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
    await raw.write(encodeSeat(1, SEAT));
    profile = (await raw.frameOf(Type.PROFILE)).body;
    const joined = encodeFrame(Type.JOINED, 1, profile);
    await raw.write(encodeWelcome(1, { ...SEAT, own: 0, members: 0 }), joined);
    message = (await raw.frameOf(Type.MESSAGE)).body;
    memory.push(profile, message);
    await raw.frames();
  });
  const self = someone();
  await using ada = await joinByCode(server, "ada", { self: () => self });
  ada.client.say("So it starts!");
  ada.client.leave();
  await server.served(1);

  const salt = profile.slice(0, 16);
  // Her seat, and her public key, which the server does not know.
  const seat = concat([LOG_NAME, Uint8Array.of(0, 0, 0, 1), salt]);
  const seatAndKey = concat([seat, self.identity.publicKey]);
  const counter = (body: Uint8Array) =>
    concat([new Uint8Array(NONCE_SIZE - 8), body.subarray(0, 8)]);
  const lanes = [
    { info: "chat/1 room", use: 0, body: message, ends: seatAndKey },
    { info: "chat/1 profile", use: 2, body: profile.subarray(16), ends: seat },
  ].map(({ info, use, body, ends }) => ({
    info: concat([utf8.encode(info), ends]),
    associated: concat([utf8.encode("chat/1"), Uint8Array.of(use), ends]),
    nonce: counter(body),
    sealed: body.subarray(8),
  }));
  /** The number of bodies, of two, that open with this as the export key, or as the key itself if it has that size. */
  const opens = (secret: Uint8Array) =>
    lanes.filter(({ info, associated, nonce, sealed }) => {
      const key = secret.length === KEY_SIZE ? secret : deriveKey(secret, salt, info);
      return aead.open(key, nonce, associated, sealed) !== undefined;
    }).length;

  const all = concat(memory);
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
      candidates.push(once, concat([once, deriveKey(once, NOTHING, utf8.encode(label))]));
    }
  }
  assert(candidates.length > 3_000);
  assertEquals(candidates.filter((secret) => opens(secret) > 0).length, 0);
  // To prove the search: with the code, the key opens both.
  const login = startLogin(CODE);
  const { exportKey } = login.finish(answerLogin(admission, login.request)!.response)!;
  assertEquals(opens(exportKey), 2);
  const cipher = new SealedCipher({
    exportKey,
    identity: Identity.generate(),
    seat: { log: LOG_NAME, id: 2 },
    now: () => 0,
    report: () => ({ position: 0, chain: firstLink(LOG_NAME) }),
  });
  assertEquals(decodeProfile(cipher.open(profile, "profile", 1).plaintext), { name: "ada" });
});

// ---- false servers ----

/** Joins a false server. Returns the types of the frames that it got, and the client's error. */
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

Deno.test("join: rejects a false server without the record before it sends a name", async () => {
  const other = register("other code of another server");
  // A recorded answer of the true server.
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
    // Not even an encrypted name: no HELLO, and the identity was not read.
    assertEquals([sent, asked], [[Type.LOGIN], false], name);
  }
});

Deno.test("join: sends nothing to an xor server if a code was given or sealed is required", async () => {
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
  // Without a code, it does not join a sealed room.
  const { sent, error } = await joinImpostor((raw) => raw.write(GREETING), {});
  assert(error instanceof CodeMissing);
  assertEquals(sent, []);
  // With xor required, it does not ask for a code.
  const other = await joinImpostor((raw) => raw.write(GREETING), { cipher: "xor" });
  assert(other.error instanceof ChatError && other.error.message.includes("sealed, not xor"));
  assertEquals(other.sent, []);
});

Deno.test("join: an altered login fails, and the relay gets no name", async () => {
  await using room = new TestRoom({ admission });
  for (const [direction, type] of [["up", Type.LOGIN], ["down", Type.LOGIN]] as const) {
    const { tamper } = alter(select(direction, type), ({ body }) => {
      const login = parseLogin(body);
      const flipped = login.message[99] === "A" ? "B" : "A";
      const message = login.message.slice(0, 99) + flipped + login.message.slice(100);
      return { now: [encodeLogin({ ...login, message })] };
    });
    await using relay = new Relay(room, tamper);
    await assertRejects(() => joinByCode(relay, "secretive"), ChatError);
    assertEquals(relay.passed.some(({ frame }) => frame.type === Type.HELLO), false);
  }
  // The server rejects an altered proof, too.
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
  await assertRejects(() => joinByCode(relay, "secretive"), ChatError, "the code is wrong");
  assertEquals(relay.passed.some(({ frame }) => frame.type === Type.PROFILE), false);
  assertEquals(room.hub.size, 0);
});

// ---- guessing the code ----

/** A cheap guess: sends no proof, or a forged one. */
async function guess(room: { port: number }, proof?: string): Promise<string | undefined> {
  await using raw = await Raw.connect(room);
  await raw.write(PREFACE, encodeLogin({ message: startLogin("wrong wrong wrong").request }));
  await raw.frameOf(Type.GREETING);
  const answer = await raw.frame();
  if (answer?.type === Type.ERROR) return parseError(answer.body).message;
  if (proof) await raw.write(encodeHello({ version: VERSION, proof }));
  else await raw.end();
  const last = await raw.frame();
  return last?.type === Type.ERROR ? parseError(last.body).message : undefined;
}

Deno.test("Server: counts wrong codes and reports the tries left, then requires a wait, then accepts codes again", async () => {
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
  // An aborted login counts like one with a wrong proof.
  now += 1_000;
  assertEquals(await guess(room), "the code is wrong");
  assertEquals(await guess(room, "AAAA"), "the code is wrong");
  const fourth = await wrong("abandon ability abel about");
  assert(fourth.hint?.startsWith("1 try left this minute. Word 3 is not in the word list"));
  // The operator sees all four, also those of clients that left before the server could answer.
  const counted = /^chat_refused_total\{code="code"\} 4$/m;
  await room.until("four wrong codes", () => counted.test(room.status()));
  // A right code costs no try.
  await using member = await joinByCode(room, "member");
  const fifth = await wrong("abandon ability able absent");
  const noTry =
    "No try left: wait a minute before the next one. Ask the person who opened the room";
  assertEquals(fifth.hint, noTry);
  // The next client gets the time to wait, whatever its code.
  const { message } = await assertRejects(() => joinByCode(room, "late"), ChatError);
  assert(message.endsWith("too many failed tries to join: wait 59 seconds"), message);
  assertEquals(await guess(room), "too many failed tries to join: wait 59 seconds");
  // Members stay in the room.
  await member.say("still here");
  now += WINDOW_MS - 1_000;
  await using late = await joinByCode(room, "late");
  assertEquals(late.client.members.length, 2);
});

Deno.test("Server: admits many clients with the right code from one address at once", async () => {
  await using room = new TestRoom({ admission });
  const count = TRIES_PER_ADDRESS + 3;
  const guests = await Promise.all(
    Array.from({ length: count }, (_, n) => joinByCode(room, `guest-${n}`)),
  );
  try {
    assertEquals(room.hub.size, count);
  } finally {
    for (const guest of guests) await guest[Symbol.asyncDispose]();
  }
});

Deno.test("Server: a client that disconnects while it waits for its try does no harm", async () => {
  // All connections end at once, except those that do not answer.
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
    // The last one gets no answer and ends properly; the others never do.
    const waiting = raws.at(-1)!;
    assertEquals(parseError((await waiting.frameOf(Type.ERROR)).body).code, "timeout");
    await waiting.end();
    assertEquals((await waiting.rest()).length, 0);
    // The server still listens: a new client gets an answer.
    await using next = await Raw.connect(room);
    await next.write(PREFACE);
    await next.frameOf(Type.GREETING);
  } finally {
    for (const raw of raws) await raw[Symbol.asyncDispose]();
  }
});

Deno.test("Server: each malformed login costs a try, and nothing breaks", async () => {
  const { request } = startLogin(CODE);
  await fc.assert(fc.property(
    fc.oneof(
      fc.string({ unit: fc.constantFrom(..."AZaz09_-"), minLength: 1, maxLength: 1024 }),
      // Almost valid: the right length, with and without points on the curve.
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
      [encodeHello({ version: VERSION, proof: "AAAA" }), "unexpected"],
    ] as const
  ) {
    now += WINDOW_MS;
    await using raw = await Raw.connect(room);
    await raw.write(PREFACE, frame);
    assertEquals(parseError((await raw.frameOf(Type.ERROR)).body).code, code);
  }
  // The code still works.
  now += WINDOW_MS;
  await using guest = await joinByCode(room, "guest");
  assertEquals(guest.client.info.cipher, "sealed");
});

// ---- identities ----

Deno.test("Client: reports a name with another key once, marks it on every line, and /trust clears the mark", async () => {
  await using room = new TestRoom({ isChained: true });
  const ben = someone();
  const ada = someone();
  await using one = await joinSealed(room, "ben", { self: ben });
  {
    await using _ = await joinSealed(room, "ada", { self: ada });
    assertEquals((await one.next("joined")).who.name, "ada");
  }
  await one.next("left");
  // The next day, another person has this name.
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
  // The true one returns. The names differ, and only the false one is marked.
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
  // The user trusts the other key, too: the name has two keys now.
  one.client.trust(`ada#${falseId}`);
  assertEquals(one.client.members.map(({ name }) => name), [
    "ben",
    `ada#${falseId}`,
    `ada#${trueId}`,
  ]);
  await false_.say("now known");
  assertEquals((await one.next("message")).from.name, `ada#${falseId}`);
});

Deno.test("Client: keeps a member's identity under a new name, and marks a known name that another member takes", async () => {
  await using room = new TestRoom({ isChained: true });
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
  // Others still know her old name with her key.
  eve.client.rename("ada");
  assertEquals((await ben.next("renamed")).who.name, "ada(!)");
  assertEquals((await ben.next("keychanged")).who.name, "ada(!)");
  eve.client.rename("eve");
  assertEquals((await ben.next("renamed")).who.name, "eve");
  // A later member sees the same people and the same words.
  await using dan = await joinSealed(room, "dan");
  await dan.next("members");
  assertEquals(dan.client.members.map(({ name }) => name), ["ben", "countess", "eve", "dan"]);
  assertEquals(dan.client.compare("countess"), ada.client.compare("dan"));
});

Deno.test("Client: a member cannot take a name that looks like a mark", async () => {
  await using room = new TestRoom({ isChained: true });
  await using ben = await joinSealed(room, "ben");
  await using raw = await Raw.connect(room);
  await enterRaw(raw, utf8.encode(JSON.stringify({ name: "ada(!)" })));
  assertEquals((await ben.next("joined")).who.name, "#2");
  await ben.next("unreadable");
});

Deno.test("Client: a member cannot take a name with an invisible character, or in another normal form", async () => {
  await using room = new TestRoom({ isChained: true });
  await using ben = await joinSealed(room, "ben");
  for (const name of ["alice\u200d", "al\u200cice", "alice\ufe0f", "Jose\u0301"]) {
    await using raw = await Raw.connect(room);
    await enterRaw(raw, utf8.encode(JSON.stringify({ name })));
    const { who } = await ben.next("joined");
    assertEquals(who.name, `#${who.id}`);
    await ben.next("unreadable");
  }
});

Deno.test("Client: marks a name that looks like a known one, and shows both with their ids", async () => {
  await using room = new TestRoom({ isChained: true });
  await using ben = await joinSealed(room, "ben");
  await using alice = await joinSealed(room, "alice");
  await ben.next("joined");
  for (const name of ["\u0430lice", "AIice", "a1ice", "ALICE"]) {
    if (name !== "\u0430lice") await ben.next("left");
    await using mallory = await joinSealed(room, name);
    const { id } = mallory.client.self;
    const { who, like } = await ben.next("keychanged");
    assertEquals([who.name, like], [`${name}#${id}(!)`, "alice"]);
    await mallory.say("trust me");
    assertEquals((await ben.next("message")).from.name, `${name}#${id}(!)`);
    await alice.say("I am here");
    assertEquals((await ben.next("message")).from.name, `alice#${alice.client.self.id}`);
    ben.client.tell("alice", "is that you?");
    assertEquals((await alice.next("direct")).text, "is that you?");
  }
  await ben.next("left");
  await alice.say("gone");
  assertEquals((await ben.next("message")).from.name, "alice");
});

Deno.test("Client: both sides see the same words to compare, and other words with an attacker in the middle", async () => {
  await using room = new TestRoom({ isChained: true });
  await using ada = await joinSealed(room, "ada");
  await using ben = await joinSealed(room, "ben");
  await ada.next("joined");
  const words = ada.client.compare("ben");
  assertEquals(words.split(" ").length, 8);
  assertEquals(ben.client.compare("ada"), words);
  assertThrows(() => ada.client.compare("ada"), ChatError, "that is you");
  // An attacker in the middle appears as ben to ada and as ada to ben, with one key or two.
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

Deno.test("Client: even with a member's help, a server cannot replace a client's own key", async () => {
  // If it could, ada's words would come from the keys of ben and that member, on both sides.
  await using room = new TestRoom({ isChained: true });
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

Deno.test("Client: a profile from an earlier session opens nowhere, and the age of an old one is shown", async () => {
  await using room = new TestRoom({ isChained: true });
  await using early = await joinSealed(room, "early");
  const now = () => Date.parse("2020-01-31T12:00:00Z");
  let profile = NOTHING;
  let message = NOTHING;
  {
    await using raw = await Raw.connect(room);
    const { cipher } = await takeSeat(raw, { now });
    profile = cipher.seal(encodeProfile({ name: "ada" }), "profile");
    message = cipher.seal(encodeEnvelope({ kind: "text", text: "old news" }), "room");
    await raw.write(
      encodeFrame(Type.PROFILE, 0, profile),
      encodeFrame(Type.MESSAGE, 0, message),
    );
    const joined = await early.next("joined");
    const received = await early.next("message");
    assertEquals([joined.who.name, received.text], ["ada", "old news"]);
    const sentences = [joined, received].flatMap((event) => warnings(event, new Date()));
    assertEquals(sentences.map((text) => text.includes("2020-01-31T12:00:00.000Z")), [true, true]);
  }
  await early.next("left");
  await using late = await joinSealed(room, "late");
  // The same frames from another seat: they belong to no member, also for members that never had them.
  await using raw = await Raw.connect(room);
  await takeSeat(raw);
  await raw.write(encodeFrame(Type.PROFILE, 0, profile), encodeFrame(Type.MESSAGE, 0, message));
  const { id } = await raw.frameOf(Type.WELCOME);
  for (const guest of [early, late]) {
    const { who } = await guest.next("joined", (event) => event.who.id === id);
    assertEquals(who.name, `#${id}`);
    assertEquals((await guest.next("unreadable")).from.id, id);
  }
  await late.say("over");
  await early.next("message", ({ text }) => text === "over");
  assertEquals(early.received, ["ada: old news", "late: over"]);
  assertEquals(late.received, ["late: over"]);
});

Deno.test("Client: reports rejected messages once a minute, and never shows them", async () => {
  await using room = new TestRoom({ isChained: true });
  await using ben = await joinSealed(room, "ben");
  await using raw = await Raw.connect(room);
  const { cipher } = await enterRaw(raw, "ada");
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
  const reports = ben.events.filter((event) => event.type === "unreadable");
  assertEquals(reports.map(({ from, count }) => [from.name, count]), [["ada", 1]]);
  assertEquals(reports.flatMap((event) => warnings(event, new Date())).length, 1);
  assertEquals(ben.received, ["ada: last"]);
});

// ---- attacks on a client's memory ----

/** Joins a room whose server then sends these frames and ends. */
async function enterHostile(frames: readonly Uint8Array[]): Promise<Guest> {
  await using server = new Impostor(async (raw) => {
    await raw.preface();
    await raw.write(GREETING, encodeSeat(1, SEAT));
    const { body } = await raw.frameOf(Type.PROFILE);
    await raw.write(encodeWelcome(1, { ...SEAT, own: 0, members: 0 }));
    await raw.write(encodeFrame(Type.JOINED, 1, body));
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

Deno.test("Client: forged members, names and ids do not make its memory grow", async () => {
  const most = 100_000;
  const crowd = Array.from({ length: most + 10 }, (_, n) => encodeFrame(Type.JOINED, n + 2));
  const grown = await enterHostile(crowd);
  assertEquals(grown.client.members.length, most);
  const { ending } = await grown.next("ended");
  assert(ending.reason === "lost" && ending.message.includes("more than"));
  // Messages of unknown ids are counted together, and not kept.
  const strangers = await enterHostile(
    Array.from({ length: 5_000 }, (_, n) => n + 2).flatMap((id) => [
      encodeFrame(Type.MESSAGE, id, NOTHING),
      encodeFrame(Type.PROFILE, id, Uint8Array.of(1)),
      encodeFrame(Type.LEFT, id, Uint8Array.of(Left.BYE)),
    ]),
  );
  const reports = strangers.events.filter((event) => event.type === "unreadable");
  assertEquals(reports.map(({ count, fresh }) => [count, fresh]), [[1, 1], [10_000, 9_999]]);
  assertEquals(strangers.client.members.length, 1);
});
