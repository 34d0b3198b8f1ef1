import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { ChatError } from "./errors.ts";
import {
  AckOutcome,
  encodeFrame,
  encodeHave,
  type Frame,
  HEADER_SIZE,
  MAX_BODY,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  MAX_PROFILE,
  parseAck,
  PREFACE,
  Type,
  VERSION,
} from "./protocol.ts";
import {
  encodeError,
  encodeHello,
  encodeResume,
  parseError,
  parseGreeting,
  parseWelcome,
} from "./protocol/json_frames.ts";
import { encodeEnvelope, encodeProfile, NUMBER_OVERHEAD } from "./protocol/envelope.ts";
import { Server } from "./server.ts";
import { within } from "./tests/support/async.ts";
import { contentOf, entry, Guest, Raw, TestRoom, xor } from "./tests/support/loopback.ts";
import { LineSplitter } from "./text/lines.ts";

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);
/** No test waits this long, in ms. */
const NEVER_MS = 3_600_000;

const profile = (name: string) => xor.seal(encodeProfile({ name }));
const hello = (name: string) => entry(profile(name));
const text = (text: string) => xor.seal(encodeEnvelope({ kind: "text", text }));
const message = (words: string, to = 0) => encodeFrame(Type.MESSAGE, to, text(words));

/** A header whose length may lie. */
function header(length: number, type: number, id = 0): Uint8Array<ArrayBuffer> {
  const bytes = encodeFrame(type, id);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

function json(frame: Frame): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(frame.body));
}

function errorCode(frame: Frame | null | undefined): string | undefined {
  return frame?.type === Type.ERROR ? parseError(frame.body).code : undefined;
}

// ---- the main job ----

Deno.test("Server: the classic conversation reaches all members, once and in one order", async () => {
  await using room = new TestRoom();
  await using first = await Guest.join(room, "first");
  await using second = await Guest.join(room, "second");
  const conversation = [
    "first: So it starts!",
    "second: Right?",
    "first: Yep!",
    "second: Here we go!",
  ];
  for (const line of conversation) {
    const [name, words] = line.split(": ");
    await (name === "first" ? first : second).say(words!);
  }
  await first.next("message", (event) => event.text === "Here we go!");
  assertEquals(first.received, conversation);
  assertEquals(second.received, conversation);
  const places = (guest: Guest) =>
    guest.events.flatMap((event) => event.type === "message" ? [event.at] : []);
  assertEquals(places(first), places(second));
});

Deno.test("Server: under public key 198 each byte on the wire is the plaintext's XOR 188", async () => {
  await using room = new TestRoom({ publicKey: 198 });
  await using raw = await Raw.connect(room);
  await raw.hello();
  await using guest = await Guest.join(room, "guest");
  await guest.say("So it starts!");
  const joined = await raw.frameOf(Type.JOINED);
  assertEquals(joined.id, 1);
  const came = await raw.frameOf(Type.JOINED);
  const said = await raw.frameOf(Type.MESSAGE);
  const plain = (bytes: Uint8Array) =>
    new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte ^ 188));
  assertEquals(plain(came.body), '{"name":"guest"}');
  assertEquals(plain(said.body.subarray(NUMBER_OVERHEAD)), "TSo it starts!");
  // In the other direction, the program reads bytes that are XORed by hand.
  const byHand = Uint8Array.from(utf8.encode("TRight?"), (byte) => byte ^ 188);
  await raw.write(encodeFrame(Type.MESSAGE, 0, byHand));
  assertEquals((await guest.next("message", (e) => e.from.name === "raw")).text, "Right?");
});

Deno.test("Server: GREETING has the public key as decimal text, also below 10", async () => {
  for (const publicKey of [0, 9, 198, 255]) {
    await using room = new TestRoom({ publicKey });
    await using raw = await Raw.connect(room);
    await raw.write(PREFACE);
    const frame = (await raw.frame())!;
    assertEquals([frame.type, frame.id], [Type.GREETING, 0]);
    assertEquals(json(frame)["key"], String(publicKey));
    assertEquals(parseGreeting(frame.body).maxFrame, MAX_FRAME);
  }
});

Deno.test("Server: relays each frame byte by byte, except for the id", async () => {
  await using room = new TestRoom();
  await using sender = await Raw.connect(room);
  await using receiver = await Raw.connect(room);
  const from = await sender.hello();
  await receiver.hello();
  const bodies = [NOTHING, Uint8Array.of(0), crypto.getRandomValues(new Uint8Array(60_000))];
  bodies.push(new Uint8Array(MAX_BODY).fill(0xff));
  for (const body of bodies) await sender.write(encodeFrame(Type.MESSAGE, 0, body));
  for (const body of bodies) {
    assertEquals(
      (await receiver.frameOf(Type.MESSAGE)).bytes,
      encodeFrame(Type.MESSAGE, from, body),
    );
  }
});

Deno.test("Server: a newcomer sees the members, and no message from before", async () => {
  await using room = new TestRoom();
  await using early = await Guest.join(room, "early");
  await early.say("before");
  await using late = await Guest.join(room, "late");
  await early.say("after");
  await late.next("message");
  assertEquals(late.received, ["early: after"]);
  assertEquals(late.client.members.map(({ name }) => name), ["early", "late"]);
});

Deno.test("Server: a message of 250,000 bytes in a mix of scripts arrives complete", async () => {
  await using room = new TestRoom();
  await using sender = await Guest.join(room, "sender");
  await using receiver = await Guest.join(room, "receiver");
  const mix = "Plain, Ünïcödé, Ελληνικά, العربية, 日本語, हिन्दी, 👩‍👩‍👧, 🏳️‍🌈\r\n\t\u0000";
  let long = mix.repeat(Math.ceil(250_000 / utf8.encode(mix).length));
  while (utf8.encode(long).length > 250_000) long = long.slice(0, -1);
  long += "x".repeat(250_000 - utf8.encode(long).length);
  assertEquals(utf8.encode(long).length, 250_000);
  await sender.say(long);
  assert((await receiver.next("message")).text === long, "the text has changed on its way");
});

Deno.test("Server: a direct message reaches one member, and its sender gets the outcome", async () => {
  await using room = new TestRoom();
  await using anna = await Guest.join(room, "anna");
  await using ben = await Guest.join(room, "ben");
  await using carl = await Guest.join(room, "carl");
  await anna.next("joined", ({ who }) => who.name === "carl");
  const ref = anna.client.tell("ben", "psst");
  const delivered = await anna.next("delivered");
  assertEquals([delivered.ref, delivered.to.name], [ref, "ben"]);
  const direct = await ben.next("direct");
  assertEquals([direct.from.name, direct.text], ["anna", "psst"]);
  await carl.say("all quiet");
  assert(!carl.events.some((event) => event.type === "direct"));
  assertEquals(anna.client.pending, []);
});

Deno.test("Server: answers a direct message to a member that has left with GONE", async () => {
  await using room = new TestRoom();
  await using raw = await Raw.connect(room);
  await raw.hello();
  await raw.write(message("anybody?", 4711), message("me?", 1));
  const first = await raw.frameOf(Type.ACK);
  assertEquals(first.id, 4711);
  assertEquals(parseAck(first.body), { count: 1, outcome: AckOutcome.GONE });
  // A direct message to oneself is like any other.
  assertEquals((await raw.frameOf(Type.DIRECT)).body, text("me?"));
  assertEquals(parseAck((await raw.frame())!.body), { count: 2, outcome: AckOutcome.ACCEPTED });
});

Deno.test("Server: direct messages that wait for a slow reader are bounded, and none is lost", async () => {
  await using room = new TestRoom();
  await using anna = await Guest.join(room, "anna");
  await using mute = await Raw.connect(room);
  const id = await mute.hello();
  await anna.next("joined");
  const long = "x".repeat(200_000);
  let accepted = 0;
  for (;;) {
    anna.client.tell(id, `${accepted}${long}`);
    const outcome = await anna.nextOf(["delivered", "undelivered"]);
    if (outcome.type === "undelivered") {
      assertEquals(outcome.reason, "busy");
      break;
    }
    accepted++;
    assert(accepted < 1000, "200 MB wait for one member");
  }
  // Now it reads: it was not dropped, and gets everything that was accepted.
  for (let i = 0; i < accepted; i++) {
    assertEquals(contentOf((await mute.frameOf(Type.DIRECT)).body), `T${i}${long}`);
  }
  anna.client.tell(id, "again?");
  await anna.next("delivered");
});

Deno.test("Server: a new name reaches all members, and newcomers", async () => {
  await using room = new TestRoom();
  await using anna = await Guest.join(room, "anna");
  await using ben = await Guest.join(room, "ben");
  anna.client.rename("annika");
  for (const guest of [anna, ben]) {
    const renamed = await guest.next("renamed");
    assertEquals([renamed.before, renamed.who.name], ["anna", "annika"]);
  }
  assertEquals(anna.client.self.name, "annika");
  // Frames after it in the same buffer do not change it.
  await anna.say("x".repeat(1000));
  await using carl = await Guest.join(room, "carl");
  assertEquals(carl.client.members.map(({ name }) => name), ["annika", "ben", "carl"]);
  // The old name is free again.
  await using other = await Guest.join(room, "anna");
  await anna.next("joined", ({ who }) => who.name === "anna");
  assertEquals(other.client.self.name, "anna");
});

Deno.test("Server: two members with one name are distinguished while both are in the room", async () => {
  await using room = new TestRoom();
  await using watcher = await Guest.join(room, "watcher");
  await using first = await Guest.join(room, "anna");
  {
    await using second = await Guest.join(room, "anna");
    assertEquals(second.client.self.name, "anna#3");
    await watcher.next("joined", ({ who }) => who.name === "anna#3");
    await second.say("which am I?");
    assertEquals((await watcher.next("message")).from.name, "anna#3");
    await first.next("joined");
    assertEquals(first.client.self.name, "anna#2");
    assertThrows(() => watcher.client.tell("anna", "?"), ChatError, "several");
    watcher.client.tell("anna#2", "you!");
    assertEquals((await first.next("direct")).text, "you!");
  }
  assertEquals((await watcher.next("left")).who.name, "anna#3");
  assertEquals(watcher.client.members.map(({ name }) => name), ["watcher", "anna"]);
});

Deno.test("Server: a list of members that takes many writes arrives complete and in order", async () => {
  await using room = new TestRoom();
  const crowd: Raw[] = [];
  try {
    const padded = (i: number) => xor.seal(concat([profile(`n${i}`), new Uint8Array(600)]));
    for (let i = 0; i < 60; i++) {
      const raw = await Raw.connect(room);
      crowd.push(raw);
      await raw.hello(padded(i));
    }
    await using late = await Raw.connect(room);
    await late.write(PREFACE, hello("late"));
    assertEquals(parseWelcome((await late.frameOf(Type.WELCOME)).body).members, 60);
    for (let id = 1; id <= 60; id++) {
      const frame = (await late.frame())!;
      assertEquals([frame.type, frame.id], [Type.MEMBER, id]);
    }
    const own = (await late.frame())!;
    assertEquals([own.type, own.id], [Type.JOINED, 61]);
  } finally {
    for (const raw of crowd) await raw[Symbol.asyncDispose]();
  }
});

// ---- admission ----

Deno.test("Server: accepts the preface, HELLO and PROFILE byte by byte", async () => {
  await using room = new TestRoom();
  await using raw = await Raw.connect(room);
  for (const byte of concat([PREFACE, hello("slow")])) await raw.write(Uint8Array.of(byte));
  for (const type of [Type.GREETING, Type.SEAT, Type.WELCOME]) {
    assertEquals((await raw.frame())!.type, type);
  }
});

Deno.test("Server: accepts preface, HELLO and the first messages before GREETING is sent", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  await using raw = await Raw.connect(room);
  await raw.write(PREFACE, hello("hasty"), message("one"), message("two"));
  for (const expected of ["one", "two"]) {
    const { from, text } = await guest.next("message");
    assertEquals([from.name, text], ["hasty", expected]);
  }
});

Deno.test("Server: an undecodable or hostile profile is relayed as it is, and shown by number", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  const profiles = [
    NOTHING,
    Uint8Array.of(0xff, 0xfe),
    xor.seal(utf8.encode('{"name":"\\u001b[2Jboo"}')),
    xor.seal(utf8.encode('{"name":"a b"}')),
    xor.seal(utf8.encode('{"name":"\\u202eelgoog"}')),
    xor.seal(utf8.encode(`{"name":"${"x".repeat(900)}"}`)),
    xor.seal(utf8.encode('{"name":["guest"]}')),
    xor.seal(utf8.encode("null")),
    crypto.getRandomValues(new Uint8Array(MAX_PROFILE)),
  ];
  for (const bytes of profiles) {
    await using raw = await Raw.connect(room);
    const id = await raw.hello(bytes);
    assertEquals((await raw.frameOf(Type.JOINED)).body, bytes);
    assertEquals((await guest.next("joined")).who.name, `#${id}`);
    await raw.write(message("hello"));
    assertEquals((await guest.next("message")).from.name, `#${id}`);
  }
});

Deno.test("Server: content that cannot be decrypted is reported, and harms nothing", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  const bodies = [NOTHING, xor.seal(Uint8Array.of(0x54, 0xff)), xor.seal(utf8.encode("?later"))];
  for (const body of bodies) {
    await using raw = await Raw.connect(room);
    const id = await raw.hello();
    await raw.write(encodeFrame(Type.MESSAGE, 0, body));
    assertEquals((await guest.next("unreadable")).from.id, id);
    await raw.write(message("fine"));
    assertEquals((await guest.next("message")).text, "fine");
  }
});

/** What unadmitted clients send, and how the server answers: with an ERROR code, or with bytes until it ends. */
const UNADMITTED: readonly {
  who: string;
  bytes: Uint8Array;
  /** Whether the client ends its half after the bytes. */
  ends?: boolean;
  error?: string;
  answer?: RegExp;
}[] = [
  { who: "nothing", bytes: NOTHING, ends: true, answer: /^$/ },
  { who: "half a preface", bytes: utf8.encode("cha"), ends: true, answer: /^$/ },
  {
    who: "HTTP",
    bytes: utf8.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    answer: /^HTTP\/1\.1 400 .*\r\n\r\nThis is a chat server.*: chat join 127\.0\.0\.1:\d+\n$/s,
  },
  { who: "a long HTTP request", bytes: utf8.encode(`POST / ${"x".repeat(1e6)}`), answer: /^HTTP/ },
  { who: "TLS", bytes: Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), answer: /^$/ },
  { who: "SSH", bytes: utf8.encode("SSH-2.0-OpenSSH_9.9\r\n"), answer: /^$/ },
  { who: "words", bytes: utf8.encode("hello?\n"), error: "not-chat" },
  { who: "zeros", bytes: new Uint8Array(100), error: "not-chat" },
  { who: "a megabyte of noise", bytes: new Uint8Array(1e6).fill(0xaa), error: "not-chat" },
  { who: "a frame without preface", bytes: hello("x"), error: "not-chat" },
  { who: "a later version's preface", bytes: utf8.encode("chat/2\n"), error: "version" },
  {
    who: "a later version's HELLO",
    bytes: concat([PREFACE, encodeHello({ version: 2 })]),
    error: "version",
  },
  {
    who: "another first frame",
    bytes: concat([PREFACE, message("first!")]),
    error: "unexpected",
  },
  {
    who: "a type that does not exist",
    bytes: concat([PREFACE, encodeFrame(99, 0)]),
    error: "unexpected",
  },
  {
    who: "HELLO that is not JSON",
    bytes: concat([PREFACE, encodeFrame(Type.HELLO, 0, utf8.encode("{"))]),
    error: "malformed",
  },
  {
    who: "HELLO that is not UTF-8",
    bytes: concat([PREFACE, encodeFrame(Type.HELLO, 0, Uint8Array.of(0x22, 0xff, 0x22))]),
    error: "malformed",
  },
  {
    who: "HELLO without version",
    bytes: concat([PREFACE, encodeFrame(Type.HELLO, 0, utf8.encode("{}"))]),
    error: "malformed",
  },
  {
    who: "a profile that is too large",
    bytes: concat([PREFACE, entry(new Uint8Array(MAX_PROFILE + 1))]),
    error: "too-large",
  },
  {
    who: "a message instead of its profile",
    bytes: concat([PREFACE, encodeHello({ version: 1 }), message("first!")]),
    error: "unexpected",
  },
  {
    who: "HELLO twice",
    bytes: concat([PREFACE, encodeHello({ version: 1 }), encodeHello({ version: 1 })]),
    error: "unexpected",
  },
  { who: "a frame too short", bytes: concat([PREFACE, header(4, Type.HELLO)]), error: "malformed" },
  {
    // Refused because of its length: the server must not wait for the body.
    who: "a frame that is too long before admission",
    bytes: concat([PREFACE, header(MAX_FRAME_BEFORE_ADMISSION + 1, Type.HELLO)]),
    error: "too-large",
  },
  {
    who: "a frame of 4 GiB",
    bytes: concat([PREFACE, header(0xffffffff, Type.HELLO)]),
    error: "too-large",
  },
];

for (const { who, bytes, ends, error, answer } of UNADMITTED) {
  const what = error === undefined ? "answered in its own way" : `refused: ${error}`;
  Deno.test(`Server: an unadmitted client that sends ${who} is ${what}; others notice nothing`, async () => {
    await using room = new TestRoom({ handshakeMs: NEVER_MS });
    await using guest = await Guest.join(room, "guest");
    await using raw = await Raw.connect(room);
    await raw.write(bytes);
    if (ends) await raw.end();
    if (error === undefined) {
      assertMatch(new TextDecoder().decode(await raw.rest()), answer!);
    } else {
      const frames = await raw.frames();
      assertEquals(errorCode(frames.at(-1)), error);
      const before: number[] = [Type.GREETING, Type.SEAT];
      assert(frames.slice(0, -1).every(({ type }) => before.includes(type)));
    }
    await raw.end();
    await guest.say("still here");
    assertEquals(guest.events.map(({ type }) => type), ["welcome", "members", "message"]);
  });
}

Deno.test("Server: a client that ends within HELLO has left; that is not an error", async () => {
  await using room = new TestRoom();
  await using raw = await Raw.connect(room);
  await raw.write(PREFACE, hello("half").subarray(0, 12));
  await raw.end();
  assertEquals((await raw.frames()).map(({ type }) => type), [Type.GREETING]);
});

Deno.test("Server: a client that ends between SEAT and PROFILE was never a member, and its id is not used again", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  const seats: number[] = [];
  for (let n = 0; n < 2; n++) {
    await using raw = await Raw.connect(room);
    await raw.write(PREFACE, encodeHello({ version: VERSION }));
    seats.push((await raw.frameOf(Type.SEAT)).id);
    assertEquals([room.hub.size, room.hub.fold.reserved], [1, 1]);
    await raw.end();
    assertEquals(await raw.frames(), []);
    await room.logged(n + 2);
    assertEquals(room.hub.fold.reserved, 0);
  }
  await using raw = await Raw.connect(room);
  const id = await raw.hello();
  assertEquals(new Set([...seats, id]).size, 3);
  assertEquals((await guest.next("joined")).who.id, id);
  assertEquals(guest.events.map(({ type }) => type), ["welcome", "members", "joined"]);
});

Deno.test("Server: a seat counts as a member: the room is full for others while its client is admitted", async () => {
  await using room = new TestRoom({ maxMembers: 1 });
  await using first = await Raw.connect(room);
  await first.write(PREFACE, encodeHello({ version: VERSION }));
  await first.frameOf(Type.SEAT);
  await using second = await Raw.connect(room);
  await second.write(PREFACE, hello("late"));
  const greeting = parseGreeting((await second.frameOf(Type.GREETING)).body);
  assertEquals(greeting.state, "full");
  assertEquals(errorCode((await second.frames()).at(-1)), "full");
  await second.end();
  await first.write(encodeFrame(Type.PROFILE, 0, NOTHING));
  await first.frameOf(Type.WELCOME);
});

Deno.test("Server: tells a web browser what it is", async () => {
  await using room = new TestRoom();
  const response = await fetch(`http://127.0.0.1:${room.port}/index.html`);
  assertEquals(response.status, 400);
  assertStringIncludes(await response.text(), `chat join ${room.address}`);
});

Deno.test("Server: reports timeout to a client that is not admitted in time, whatever it has sent", async () => {
  const beginnings = [
    NOTHING,
    utf8.encode("cha"),
    PREFACE,
    concat([PREFACE, hello("x").subarray(0, 20)]),
    concat([PREFACE, encodeHello({ version: VERSION })]),
  ];
  for (const bytes of beginnings) {
    await using room = new TestRoom({ handshakeMs: 20 });
    await using raw = await Raw.connect(room);
    await raw.write(bytes);
    assertEquals(errorCode((await raw.frames()).at(-1)), "timeout");
    await raw.end();
    assertMatch(
      await room.logged(1),
      /^refused 127.0.0.1:\d+: admission took more than 0.02 seconds$/,
    );
    assertEquals(room.hub.fold.reserved, 0);
  }
});

Deno.test("Server: an unadmitted client that keeps sending gets its answer, and is closed after a while", async () => {
  await using room = new TestRoom({ finishMs: 50 });
  await using raw = await Raw.connect(room);
  let sending = true;
  const flood = (async () => {
    try {
      while (sending) await raw.write(new Uint8Array(64 * 1024));
    } catch {
      // The server has closed the connection.
      sending = false;
    }
  })();
  assertEquals(errorCode(await raw.frame()), "not-chat");
  await within("the cut", flood);
});

// ---- members that break the rules ----

const RULE_BREAKERS: readonly { what: string; bytes: Uint8Array; error: string }[] = [
  { what: "a second HELLO", bytes: hello("again"), error: "unexpected" },
  { what: "a frame that only a server sends", bytes: header(6, Type.LEFT), error: "unexpected" },
  { what: "a type that does not exist", bytes: encodeFrame(0, 0), error: "unexpected" },
  {
    what: "a frame one byte over the limit",
    bytes: header(MAX_FRAME + 1, Type.MESSAGE),
    error: "too-large",
  },
  {
    what: "a profile one byte over the limit",
    bytes: encodeFrame(Type.PROFILE, 0, new Uint8Array(MAX_PROFILE + 1)),
    error: "too-large",
  },
  {
    what: "a PING with a body",
    bytes: encodeFrame(Type.PING, 0, Uint8Array.of(1)),
    error: "malformed",
  },
  {
    what: "a BYE with a body",
    bytes: encodeFrame(Type.BYE, 0, Uint8Array.of(1)),
    error: "malformed",
  },
  {
    what: "an ERROR without shape",
    bytes: encodeFrame(Type.ERROR, 0, utf8.encode("[]")),
    error: "malformed",
  },
];

for (const { what, bytes, error } of RULE_BREAKERS) {
  Deno.test(`Server: a member that sends ${what} gets ERROR ${error}; others see it leave`, async () => {
    await using room = new TestRoom();
    await using guest = await Guest.join(room, "guest");
    await using raw = await Raw.connect(room);
    const id = await raw.hello();
    // Frames before the fault still count, frames after it do not.
    const padding = error === "too-large" ? [] : [message("after")];
    await raw.write(message("before"), bytes, ...padding);
    const frames = await raw.frames();
    assertEquals(errorCode(frames.at(-1)), error);
    await raw.end();
    const left = await guest.next("left");
    assertEquals([left.who.id, left.reason], [id, "refused"]);
    await guest.say("still here");
    assertEquals(guest.received, ["raw: before", "guest: still here"]);
  });
}

Deno.test("Server: reports to the others why a member left", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  const ways: [Uint8Array, string][] = [
    [encodeFrame(Type.BYE, 0), "left"],
    [encodeError("malformed", "I do not understand"), "lost"],
    [NOTHING, "lost"],
    [message("half").subarray(0, HEADER_SIZE), "lost"],
  ];
  for (const [bytes, reason] of ways) {
    await using raw = await Raw.connect(room);
    await raw.hello();
    await raw.write(bytes);
    await raw.end();
    assertEquals((await guest.next("left")).reason, reason);
    // The server ends too, without another frame.
    const last = (await raw.frames()).at(-1)!;
    assertEquals(last.type, Type.JOINED);
  }
});

Deno.test("Server: a member whose connection is reset is lost", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  const raw = await Raw.connect(room);
  await raw.hello();
  await guest.say("unread");
  // Closing with unread bytes resets the connection.
  await raw[Symbol.asyncDispose]();
  assertEquals((await guest.next("left")).reason, "lost");
});

Deno.test("Server: answers PING, but not each PING of a client that does not read", async () => {
  await using room = new TestRoom();
  await using raw = await Raw.connect(room);
  await raw.hello();
  const ping = encodeFrame(Type.PING, 0);
  await raw.write(ping);
  await raw.frameOf(Type.PONG);
  // So many that the answers exceed the sockets' buffers.
  const many = concat(Array.from({ length: 10_000 }, () => ping));
  for (let i = 0; i < 100; i++) await raw.write(many);
  await raw.write(encodeFrame(Type.BYE, 0));
  const pongs = (await raw.frames()).filter(({ type }) => type === Type.PONG).length;
  assert(pongs >= 1 && pongs < 100_000, `${pongs} answers to 1,000,000`);
});

// ---- slow members ----

Deno.test("Server: drops a member that does not read, with a reason, and slows down no other", async () => {
  await using room = new TestRoom({ logSize: 1024 * 1024 });
  await using talker = await Guest.join(room, "talker");
  await using listener = await Guest.join(room, "listener");
  await using mute = await Raw.connect(room);
  const id = await mute.hello();
  const long = "x".repeat(100_000);
  let said = 0;
  // Each is confirmed before the next, so all members that read have received it.
  while (!talker.events.some((event) => event.type === "left")) {
    await talker.say(`${said++}${long}`);
    assert(said < 2000, "200 MB wait for one member");
  }
  const left = await listener.next("left");
  assertEquals([left.who.id, left.reason], [id, "slow"]);
  await talker.say("go on");
  await listener.next("message", (event) => event.text === "go on");
  assertEquals(listener.received.length, said + 1);
  // Now it reads: complete frames, in order, without a gap, then the reason for the end.
  const frames = await mute.frames();
  assertEquals(errorCode(frames.pop()), "slow");
  const messages = frames.filter(({ type }) => type === Type.MESSAGE);
  for (const [i, frame] of messages.entries()) assertEquals(contentOf(frame.body), `T${i}${long}`);
  assert(messages.length > 0 && messages.length < said);
  await mute.end();
});

Deno.test("Server: does not relay messages of a member that was dropped", async () => {
  await using room = new TestRoom({ logSize: 1024 * 1024 });
  await using talker = await Guest.join(room, "talker");
  await using mute = await Raw.connect(room);
  await mute.hello();
  const long = "x".repeat(100_000);
  while (!talker.events.some((event) => event.type === "left")) await talker.say(long);
  await mute.write(message("I am still here"));
  await mute.frames();
  await mute.end();
  await talker.say("end");
  assert(!talker.received.some((line) => line.startsWith("raw")));
});

// ---- the end ----

Deno.test("Server.stop: members get all messages, then BYE, then the end", async () => {
  const room = new TestRoom({ backlog: Infinity });
  await using guest = await Guest.join(room, "guest");
  await using raw = await Raw.connect(room);
  await raw.hello();
  // More than the sockets' buffers hold, less than the log.
  for (let i = 0; i < 35; i++) await guest.say("x".repeat(200_000));
  const stopped = room.stop();
  assertEquals((await guest.next("ended")).ending, { reason: "stopped" });
  await guest.ended;
  // The other's LEFT is not sent any more: the room has ended for both.
  const types = (await raw.frames()).map(({ type }) => type);
  const { MEMBER, JOINED, MESSAGE, BYE } = Type;
  assertEquals(types, [MEMBER, JOINED, ...Array<number>(35).fill(MESSAGE), BYE]);
  await raw.end();
  await within("the end of the server", stopped);
  assertEquals(room.connections, 0);
  await within("the end of a second call", room.stop());
});

Deno.test("Server.stop: unadmitted connections get BYE too, and new ones are refused", async () => {
  const room = new TestRoom({ handshakeMs: NEVER_MS });
  await using raw = await Raw.connect(room);
  await raw.write(PREFACE);
  await raw.frameOf(Type.GREETING);
  const stopped = room.stop();
  assertEquals((await raw.frames()).map(({ type }) => type), [Type.BYE]);
  await raw.end();
  await within("the end of the server", stopped);
  const late = await Deno.connect({ hostname: "127.0.0.1", port: room.port }).catch((e) => e);
  assert(late instanceof Deno.errors.ConnectionRefused);
});

Deno.test("Server.stop: does not wait for members that neither read nor leave", async () => {
  const room = new TestRoom({ finishMs: 20 });
  await using talker = await Guest.join(room, "talker");
  await using mute = await Raw.connect(room);
  await mute.hello();
  // More than the sockets' buffers hold, less than the log: so a write to it is under way.
  for (let i = 0; i < 35; i++) await talker.say("x".repeat(200_000));
  await within("the end of the server", room.stop());
  assertEquals(room.connections, 0);
});

Deno.test("Server.stop: ends a connection that is accepted at the same moment", async () => {
  for (let round = 0; round < 10; round++) {
    const room = new TestRoom({ handshakeMs: NEVER_MS });
    const coming = Array.from({ length: 8 }, () => Raw.connect(room));
    // One has been accepted by now. Of the others some have, some will be, and some will not.
    await coming[0];
    const stopped = room.stop();
    const ends = coming.map(async (connecting) => {
      await using raw = await connecting;
      // Until the end, orderly or not.
      await raw.frames().catch((error) => {
        if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      });
    });
    await within("the end of the server", stopped);
    await Promise.all(ends);
  }
});

Deno.test("Server: a port in use, a foreign address and a wrong key give different errors", async () => {
  await using room = new TestRoom();
  const { hostname, port } = room;
  const inUse = assertThrows(() => new Server({ hostname, port }), ChatError, "the port is in use");
  assertStringIncludes(inUse.hint!, `chat join ${room.address}`);
  const foreign = assertThrows(
    () => new Server({ hostname: "192.0.2.1", port: 0 }),
    ChatError,
    "this machine does not have that address",
  );
  assertStringIncludes(foreign.hint!, "--host 0.0.0.0");
  assertThrows(() => new Server({ hostname, port: 0, publicKey: 256 }), RangeError, "256");
});

Deno.test("Server: draws the key if none is given, and a wildcard means this machine", async () => {
  await using room = new TestRoom({ hostname: "0.0.0.0", port: 0 });
  assertEquals(room.address, `127.0.0.1:${room.port}`);
  const keys = new Set<number>();
  for (let i = 0; i < 40; i++) {
    const server = new Server({ hostname: "127.0.0.1", port: 0 });
    const { greeting } = server;
    keys.add(greeting.cipher === "xor" ? Number(greeting.key) : NaN);
    await server.stop();
  }
  // 40 draws of 256 are all alike once in 256 ** 39 runs.
  assert(keys.size > 1);
  assert([...keys].every((key) => Number.isInteger(key) && key >= 0 && key <= 255));
});

Deno.test("Server: the lines for the operator have numbers and addresses, and no content", async () => {
  await using room = new TestRoom();
  {
    await using guest = await Guest.join(room, "secretname");
    await guest.say("secretword");
  }
  assertMatch(
    await room.logged(2),
    /^member 1 joined from 127\.0\.0\.1:\d+ \(1 in the room\)\nmember 1 left: bye \(0 in the room\)$/,
  );
});

// ---- resuming, with bare frames ----

/** A member, and what it needs to resume its session. */
async function enter(
  room: TestRoom,
  name: string,
): Promise<{ raw: Raw; id: number; token: string; own: number; position: number }> {
  const raw = await Raw.connect(room);
  await raw.write(PREFACE, hello(name));
  const { id, body } = await raw.frameOf(Type.WELCOME);
  const welcome = parseWelcome(body);
  const { own } = welcome;
  // The list of members has no positions.
  const { bytes } = await raw.frameOf(Type.JOINED);
  await raw.write(encodeHave(own));
  return { raw, id, token: welcome.token!, own, position: welcome.room + bytes.length };
}

/** How the server answers this resumption on a new connection. */
async function resume(
  room: TestRoom,
  claim: { token: string; room: number; own: number },
): Promise<{ raw: Raw; frame: Frame }> {
  const raw = await Raw.connect(room);
  await raw.write(PREFACE, encodeResume(claim));
  await raw.frameOf(Type.GREETING);
  return { raw, frame: (await raw.frame())! };
}

/** Resolves when the server has handled everything sent to it. */
async function handled(raw: Raw): Promise<void> {
  await raw.write(encodeFrame(Type.PING, 0));
  await raw.frameOf(Type.PONG);
}

Deno.test("Server: a member that resumes while its old connection is open continues on the new one, and the old one ends", async () => {
  await using room = new TestRoom({ graceMs: NEVER_MS });
  const { raw: before, id, token, own, position } = await enter(room, "ada");
  await using _ = before;
  await before.write(message("one"));
  await before.frameOf(Type.MESSAGE);
  const { raw, frame } = await resume(room, { token, room: position, own });
  await using _raw = raw;
  const welcome = parseWelcome(frame.body);
  assertEquals([frame.type, frame.id, welcome.room, welcome.own, welcome.accepted], [
    ...[Type.WELCOME, id, position, own, 1],
  ]);
  assertEquals(welcome.members, 0);
  assert(welcome.token !== token);
  // It continues where the claim says, although the old connection was sent that already.
  assertEquals((await raw.frame())!.body, text("one"));
  assertEquals(await before.frame(), null);
  await raw.write(encodeHave(own), message("two"));
  assertEquals((await raw.frameOf(Type.MESSAGE)).body, text("two"));
  assertEquals([room.sessions, room.connections, room.hub.size], [1, 1, 1]);
  // The old token is invalid now.
  const { raw: late, frame: gone } = await resume(room, { token, room: position, own });
  await using _late = late;
  assertEquals(errorCode(gone), "gone");
  await raw.write(encodeFrame(Type.BYE, 0));
  await room.until("its end", () => room.sessions === 0);
});

Deno.test("Server: answers a resumption at an impossible position with gone, and ends the session", async () => {
  for (const [ahead, own] of [[1, 0], [-1, 0], [0, 1]] as const) {
    await using room = new TestRoom({ graceMs: NEVER_MS });
    const member = await enter(room, "ada");
    await using _ = member.raw;
    await handled(member.raw);
    const { raw, frame } = await resume(room, {
      token: member.token,
      room: member.position + ahead,
      own: member.own + own,
    });
    await using _raw = raw;
    assertEquals(errorCode(frame), "gone");
    assertEquals(room.sessions, 0);
  }
});

Deno.test("Server: a session outlives its connection once HAVE has come, but not BYE or ERROR", async () => {
  const words: readonly [string, Uint8Array[], string][] = [
    ["without HAVE", [], "lost"],
    ["BYE", [encodeHave(0), encodeFrame(Type.BYE, 0)], "bye"],
    ["ERROR", [encodeHave(0), encodeError("unexpected", "?")], "lost"],
    ["a breach", [encodeHave(0), encodeFrame(Type.WELCOME, 0)], "refused"],
  ];
  for (const [what, frames, reason] of words) {
    await using room = new TestRoom({ graceMs: NEVER_MS });
    await using raw = await Raw.connect(room);
    await raw.hello();
    await raw.write(...frames);
    await raw.end();
    await room.until(`the end (${what})`, () => room.sessions === 0);
    assertMatch(room.lines.at(-1)!, new RegExp(`left: ${reason} `), what);
  }
});

Deno.test("Server: HAVE for a position that was never sent is malformed", async () => {
  await using room = new TestRoom({ graceMs: NEVER_MS });
  const { raw, own } = await enter(room, "ada");
  await using _ = raw;
  await raw.write(encodeHave(own + 1));
  assertEquals(errorCode(await raw.frameOf(Type.ERROR)), "malformed");
});

Deno.test("Server: keeps only the part of the own log that HAVE does not cover", async () => {
  await using room = new TestRoom({ graceMs: NEVER_MS });
  await using ada = await Guest.join(room, "ada");
  const { raw, token, own, position } = await enter(room, "raw");
  await using _ = raw;
  await ada.next("joined");
  const sizes: number[] = [];
  for (const words of ["one", "two", "three"]) {
    // Each fills a segment of the log, which drops complete segments, and is enough for a HAVE that counts.
    ada.client.tell("raw", words + "x".repeat(20_000));
    sizes.push((await raw.frameOf(Type.DIRECT)).bytes.length);
  }
  await raw.write(encodeHave(own + sizes[0]!));
  await handled(raw);
  const claim = { token, room: position };
  const first = await resume(room, { ...claim, own: own + sizes[0]! });
  await using _first = first.raw;
  assertEquals(first.frame.type, Type.WELCOME);
  const again = [await first.raw.frame(), await first.raw.frame()];
  assertEquals(again.map((frame) => frame!.bytes.length), sizes.slice(1));
  const newToken = parseWelcome(first.frame.body).token!;
  const second = await resume(room, { token: newToken, room: position, own });
  await using _second = second.raw;
  assertEquals(errorCode(second.frame), "gone");
});

Deno.test("Server: sends PING to a silent member, and closes its connection only if it does not answer", async () => {
  const idleMs = 900;
  await using room = new TestRoom({ idleMs, graceMs: 0 });
  const [silent, polite] = [await enter(room, "silent"), await enter(room, "polite")];
  await using _silent = silent.raw;
  await using _polite = polite.raw;
  const ended = silent.raw.frames();
  const answering = (async () => {
    for (let asked = 0;;) {
      const { type, id } = (await polite.raw.frame())!;
      if (type === Type.LEFT) return { id, asked };
      if (type !== Type.PING) continue;
      asked++;
      await polite.raw.write(encodeFrame(Type.PONG, 0));
    }
  })();
  const { id, asked } = await answering;
  assertEquals(id, silent.id);
  assert(asked >= 1);
  const types = (await ended).map(({ type }) => type);
  assert(types.includes(Type.PING));
  await handled(polite.raw);
  assertEquals(room.sessions, 1);
});

// ---- limits ----

Deno.test("Server: refuses new members while the room is full", async () => {
  await using room = new TestRoom({ maxMembers: 2 });
  await using _ada = await Guest.join(room, "ada");
  const ben = await Guest.join(room, "ben");
  await using late = await Raw.connect(room);
  await late.write(PREFACE, hello("late"));
  const { code, message: why } = parseError((await late.frameOf(Type.ERROR)).body);
  assertEquals([code, why], ["full", "the room is full (at most 2 members)"]);
  assertMatch(room.status(), /^chat_refused_total\{code="full"\} 1$/m);
  await ben[Symbol.asyncDispose]();
  await using _carol = await Guest.join(room, "carol");
  assertEquals(room.hub.size, 2);
});

Deno.test("Server: members whose connection was lost just now keep their places", async () => {
  await using room = new TestRoom({ maxMembers: 1, graceMs: NEVER_MS, awayMs: NEVER_MS });
  const { raw, token, own, position } = await enter(room, "ada");
  await handled(raw);
  await raw[Symbol.asyncDispose]();
  await using late = await Raw.connect(room);
  await late.write(PREFACE, hello("late"));
  assertEquals(errorCode(await late.frameOf(Type.ERROR)), "full");
  const back = await resume(room, { token, room: position, own });
  await using _back = back.raw;
  assertEquals(back.frame.type, Type.WELCOME);
});

Deno.test("Server: refuses more members from one address than allowed, until some have left", async () => {
  await using room = new TestRoom({ maxPerAddress: 2 });
  const guests = [await Guest.join(room, "ada"), await Guest.join(room, "ben")];
  await using late = await Raw.connect(room);
  await late.write(PREFACE, encodeHello({ version: VERSION }));
  const { code, message: why } = parseError((await late.frameOf(Type.ERROR)).body);
  assertEquals(
    [code, why],
    ["full", "too many members from your address (at most 2)"],
  );
  await late.end();
  assertEquals(await late.frame(), null);
  for (const guest of guests) await guest[Symbol.asyncDispose]();
  await room.until("their end", () => room.sessions === 0);
  for (const name of ["carol", "dan"]) {
    await using guest = await Guest.join(room, name);
    assertEquals(guest.client.members.length, 1);
  }
  assertMatch(room.status(), /^chat_refused_total\{code="full"\} 1$/m);
});

Deno.test("Server: seats that are reserved at the same time take no more places than their address has", async () => {
  await using room = new TestRoom({ maxPerAddress: 2 });
  await using _ada = await Guest.join(room, "ada");
  await using one = await Raw.connect(room);
  await using other = await Raw.connect(room);
  for (const raw of [one, other]) {
    await raw.write(PREFACE, encodeHello({ version: 1 }));
    await raw.frameOf(Type.SEAT);
  }
  await one.write(encodeFrame(Type.PROFILE, 0, profile("one")));
  await one.frameOf(Type.WELCOME);
  await other.write(encodeFrame(Type.PROFILE, 0, profile("other")));
  assertEquals(errorCode(await other.frameOf(Type.ERROR)), "full");
  assertEquals([room.hub.size, room.hub.fold.reserved], [2, 0]);
});

Deno.test("Server: a client that connects again and again without BYE takes no more places than its address has", async () => {
  await using room = new TestRoom({ maxPerAddress: 2, graceMs: NEVER_MS, awayMs: 0 });
  for (let i = 0; i < 4; i++) {
    await using raw = await Raw.connect(room);
    await raw.hello();
    await raw.write(encodeHave(0), encodeFrame(Type.PING, 0));
    await raw.frameOf(Type.PONG);
    await raw[Symbol.asyncDispose]();
    await room.until("its loss", () => room.lines.filter((l) => l.includes("is away")).length > i);
  }
  // The newest two are left: each of the others has made room for a newcomer.
  assertEquals(room.sessions, 2);
  assertEquals(Array.from(room.hub.fold.members(), ({ id }) => id), [3, 4]);
  assertMatch(room.status(), /^chat_evicted_total\{limit="network"\} 2$/m);
});

Deno.test("Server: in a full room a newcomer gets the place of the member away longest, which is gone for everybody", async () => {
  await using room = new TestRoom({ maxMembers: 3, graceMs: NEVER_MS, awayMs: 0 });
  await using ada = await Guest.join(room, "ada");
  const [ben, carol] = [await enter(room, "ben"), await enter(room, "carol")];
  for (const { raw, id } of [ben, carol]) {
    await handled(raw);
    await raw[Symbol.asyncDispose]();
    await room.until("its loss", () => room.lines.includes(`member ${id} is away (3 in the room)`));
  }
  await using dan = await Guest.join(room, "dan");
  assertEquals((await ada.next("left")).who.name, "ben");
  assertEquals(dan.client.members.map(({ name }) => name).sort(), ["ada", "carol", "dan"]);
  assertEquals(room.lines.slice(-3, -1), [
    `member ${ben.id}, away longest, makes room for a newcomer (limit: room)`,
    `member ${ben.id} left: lost (2 in the room)`,
  ]);
  const { raw: late, frame: gone } = await resume(room, { ...ben, room: ben.position });
  await using _late = late;
  assertEquals(errorCode(gone), "gone");
  const { raw: back, frame } = await resume(room, { ...carol, room: carol.position });
  await using _back = back;
  assertEquals(frame.type, Type.WELCOME);
});

Deno.test("Server: a seat that is not used costs nobody its place", async () => {
  await using room = new TestRoom({ maxMembers: 1, graceMs: NEVER_MS, awayMs: 0 });
  const ada = await enter(room, "ada");
  await handled(ada.raw);
  await ada.raw[Symbol.asyncDispose]();
  await room.until("its loss", () => room.lines.at(-1)!.includes("is away"));
  {
    await using idle = await Raw.connect(room);
    await idle.write(PREFACE, encodeHello({ version: VERSION }));
    await idle.frameOf(Type.SEAT);
    // One seat at a time: the room has one member that is away.
    await using late = await Raw.connect(room);
    await late.write(PREFACE, hello("late"));
    assertEquals(errorCode(await late.frameOf(Type.ERROR)), "full");
    await idle.end();
    assertEquals(await idle.frame(), null);
  }
  const { raw, frame } = await resume(room, { ...ada, room: ada.position });
  await using _ = raw;
  assertEquals([frame.type, frame.id, room.hub.fold.reserved], [Type.WELCOME, ada.id, 0]);
});

const WIDE = 2 ** 30;

Deno.test("Server: slows down a member that exceeds its budget, and loses nothing", async () => {
  // The clock never moves, so no budget returns: the fifth has to wait 1 ms, the sixth 2 ms, and so on.
  const budget = { frames: 1000, frameBurst: 3, bytes: WIDE, byteBurst: WIDE };
  await using room = new TestRoom({ budget, now: () => 0 });
  await using raw = await Raw.connect(room);
  await raw.hello();
  await raw.write(...Array.from({ length: 8 }, (_, i) => message(`${i}`)));
  for (let i = 0; i < 8; i++) assertEquals((await raw.frameOf(Type.MESSAGE)).body, text(`${i}`));
  assertEquals(room.lines.filter((line) => line.includes("is slowed down")).length, 1);
  const status = room.status();
  assertMatch(status, /^chat_slowed_total 1$/m);
  assertMatch(status, /^chat_warned_total 0$/m);
  assertMatch(status, /^chat_messages_total 8$/m);
  assertMatch(status, /^chat_frames_received_total 8$/m);
  for (let asked = 0; asked < 2; asked++) {
    assertStringIncludes(room.status(), `\nchat_bytes_appended_total ${room.hub.log.end}\n`);
  }
});

Deno.test("Server: warns a member that keeps exceeding its budget", async () => {
  const budget = { frames: WIDE, frameBurst: WIDE, bytes: 1000, byteBurst: 1000 };
  await using room = new TestRoom({ budget, now: () => 0, finishMs: 1 });
  await using raw = await Raw.connect(room);
  await raw.hello();
  // About 11 s in debt: the next frame waits that long, unless the room ends.
  await raw.write(message("x".repeat(12_000)), message("y"));
  const { code } = parseError((await raw.frameOf(Type.WARNING)).body, "WARNING");
  assertEquals(code, "flood");
  assertMatch(room.status(), /^chat_warned_total 1$/m);
  assertEquals(room.sessions, 1);
});

Deno.test("Server: disconnects a member that does not stop exceeding its budget, with the reason", async () => {
  const budget = { frames: WIDE, frameBurst: WIDE, bytes: 1000, byteBurst: 1000 };
  await using room = new TestRoom({ budget, now: () => 0, graceMs: NEVER_MS });
  await using watcher = await Guest.join(room, "watcher");
  await using raw = await Raw.connect(room);
  await raw.hello();
  await raw.write(encodeHave(0), message("x".repeat(62_000)), message("y"));
  const { code, message: why } = parseError((await raw.frameOf(Type.ERROR)).body);
  assertEquals([code, why], ["flood", "you kept sending more than this room allows"]);
  assertEquals((await watcher.next("left")).reason, "refused");
  assertMatch(room.status(), /^chat_refused_total\{code="flood"\} 1$/m);
  assertMatch(room.lines.join("\n"), /is disconnected: it kept exceeding/);
});

Deno.test("Server: a client that leaves and joins again gets what its network has left, and WELCOME says how much", async () => {
  // The clock never moves, so no budget returns. The network has 32 messages; a new member takes four of them.
  const budget = { frames: 1000, frameBurst: 4, bytes: WIDE, byteBurst: WIDE };
  await using room = new TestRoom({ budget, now: () => 0 });
  const left: (number | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    await using raw = await Raw.connect(room);
    await raw.write(PREFACE, hello("ada"));
    left.push(parseWelcome((await raw.frameOf(Type.WELCOME)).body).left?.frames);
    // The last one would wait for ever.
    if (left.length === 4) break;
    await raw.write(
      message("1"),
      message("2"),
      message("3"),
      message("4"),
      encodeFrame(Type.BYE, 0),
    );
    await room.until("its end", () => room.sessions === 0);
  }
  // Each has sent four messages and BYE. 28 are left for the first, 19, 10, and 1 for the last.
  assertEquals(left, [4, 4, 4, 1]);
});

Deno.test("Server: a newcomer waits while its network has no budget, and gets `full` in the end", async () => {
  const budget = { frames: 1000, frameBurst: 1, bytes: WIDE, byteBurst: WIDE };
  await using room = new TestRoom({ budget, now: () => 0, handshakeMs: 50 });
  await using stack = new AsyncDisposableStack();
  // The network has eight messages, and may be in debt by one newcomer.
  for (let n = 0; n < 3; n++) await stack.use(await Raw.connect(room)).hello();
  await using late = await Raw.connect(room);
  await late.write(PREFACE, hello("late"));
  const { code, message: why } = parseError((await late.frameOf(Type.ERROR)).body);
  assertEquals([code, why], ["full", "too many have joined from your address: try again later"]);
  assertMatch(room.status(), /^chat_waited_total\{limit="network"\} 1$/m);
  assertEquals(room.hub.fold.reserved, 0);
});

Deno.test("Server: who waits for its network is neither slowed by name, nor warned, nor dropped", async () => {
  const budget = { frames: 10, frameBurst: 20, bytes: WIDE, byteBurst: WIDE };
  let now = 0;
  await using room = new TestRoom({ budget, now: () => now });
  await using stack = new AsyncDisposableStack();
  const members: Raw[] = [];
  for (let n = 0; n < 9; n++) {
    const raw = stack.use(await Raw.connect(room));
    await raw.hello();
    members.push(raw);
  }
  // Each has 20 messages of its own. The network has 160, and 36 are gone for the nine that have joined.
  for (const raw of members) await raw.write(...Array.from({ length: 18 }, () => message("x")));
  while (!/limit="network"\} [1-9]/.test(room.status())) await new Promise(setImmediate);
  now = 1_000;
  for (let n = 0; n < 9 * 18; n++) await members[0]!.frameOf(Type.MESSAGE);
  const status = room.status();
  assertMatch(status, /^chat_slowed_total 0$/m);
  assertMatch(status, /^chat_warned_total 0$/m);
});

Deno.test("Server: direct messages take an eighth of a message each", async () => {
  const budget = { frames: 1000, frameBurst: 3, bytes: WIDE, byteBurst: WIDE };
  await using room = new TestRoom({ budget, now: () => 0 });
  await using raw = await Raw.connect(room);
  const id = await raw.hello();
  const direct = (n: number) => encodeFrame(Type.MESSAGE, id, text(`${n}`));
  const send = (count: number) => raw.write(...Array.from({ length: count }, (_, n) => direct(n)));
  // One that exceeds the budget is a debt, and the next one waits for it.
  await send(25);
  for (let n = 0; n < 25; n++) await raw.frameOf(Type.ACK);
  assertMatch(room.status(), /^chat_slowed_total 0$/m);
  await send(1);
  await raw.frameOf(Type.ACK);
  assertMatch(room.status(), /^chat_slowed_total 1$/m);
});

Deno.test("Server: the budget belongs to the session: a new connection does not refill it", async () => {
  const budget = { frames: 1000, frameBurst: 4, bytes: WIDE, byteBurst: WIDE };
  for (const isBack of [false, true]) {
    await using room = new TestRoom({ budget, now: () => 0, graceMs: NEVER_MS });
    const { raw, token, own, position } = await enter(room, "ada");
    await using _ = raw;
    // 5 frames with HAVE and PING: one more than the burst, so the next one has to wait.
    await raw.write(message("a"), message("b"), message("c"));
    await handled(raw);
    let last = raw;
    if (isBack) last = (await resume(room, { token, room: position, own })).raw;
    await using _last = last;
    await last.write(encodeFrame(Type.PING, 0));
    await last.frameOf(Type.PONG);
    assertMatch(room.status(), /^chat_slowed_total 1$/m, `${isBack}`);
    await last.write(encodeFrame(Type.BYE, 0));
    await room.until("its end", () => room.sessions === 0);
  }
});

Deno.test({
  name:
    "Server: goes on after running out of file descriptors, and counts connections that it could not accept",
  ignore: Deno.build.os === "windows",
  async fn() {
    const script = `
      import { Server } from "./server.ts";
      const room = new Server({ hostname: "127.0.0.1", port: 0, maxPerAddress: 999, onEvent(event) {
        if (event.event === "accept-error") console.log("error");
      } });
      console.log(room.port);
      await Deno.stdin.read(new Uint8Array(1));
      console.log(room.status().match(/chat_accept_errors_total \\d+$/m)[0]);
      await room.stop();
    `;
    const path = Deno.execPath();
    const child = new Deno.Command("sh", {
      args: ["-c", 'ulimit -n 60; exec "$@"', "sh", path, "eval", "--quiet", script],
      cwd: import.meta.dirname!,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    await using output = new Lines(child.stdout);
    const port = Number(await output.next());
    const crowd: Raw[] = [];
    for (let i = 0; i < 60; i++) crowd.push(await Raw.connect({ port }));
    assertEquals(await output.next(), "error");
    for (const raw of crowd) await raw[Symbol.asyncDispose]();
    {
      await using guest = await Guest.join({ port }, "guest");
      await guest.say("still here");
    }
    const stdin = child.stdin.getWriter();
    await stdin.write(Uint8Array.of(10));
    await stdin.close();
    let line = await output.next();
    while (line === "error") line = await output.next();
    assert(Number(/chat_accept_errors_total (\d+)/.exec(line)?.[1]) > 0, line);
    assertEquals((await child.status).code, 0);
  },
});

/** The output of a process, line by line. */
class Lines implements AsyncDisposable {
  readonly #lines: AsyncIterator<string>;

  constructor(bytes: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#lines = Lines.#split(bytes);
  }

  static async *#split(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
    const splitter = new LineSplitter(1000);
    for await (const piece of bytes) {
      for (const line of splitter.push(piece)) yield "text" in line ? line.text : "";
    }
  }

  async next(): Promise<string> {
    const { value, done } = await within("a line", this.#lines.next());
    if (done) throw new Error("The process has ended");
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines.return?.();
  }
}
