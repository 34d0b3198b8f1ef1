import { reservedPort } from "./tests/support/ports.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { join } from "./client.ts";
import { Backoff } from "./client/backoff.ts";
import { ChatError } from "./errors.ts";
import {
  AckOutcome,
  encodeAck,
  encodeFrame,
  ERROR_CODES,
  type ErrorCode,
  type Frame,
  Left,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  PREFACE,
  Type,
} from "./protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeSeat,
  encodeWelcome,
  parseError,
} from "./protocol/json_frames.ts";
import {
  ANSWER_OVERHEAD,
  encodeEnvelope,
  encodeProfile,
  REFUSED_OVERHEAD,
} from "./protocol/envelope.ts";
import type { RoomEvent } from "./room.ts";
import { MemoryDisk } from "./tests/support/memory_disk.ts";
import { FaultProxy } from "./tests/support/fault_proxy.ts";
import { within } from "./tests/support/async.ts";
import {
  admitTo,
  contentOf,
  Guest,
  Impostor,
  LOG,
  type Raw,
  TestRoom,
  xor,
} from "./tests/support/loopback.ts";

const utf8 = new TextEncoder();
/** Longer than any test. */
const NEVER_MS = 3_600_000;

const GREETING = encodeGreeting({ version: 1, cipher: "xor", key: "198", maxFrame: MAX_FRAME });
/** The client's id in the rooms of impostors, and its first position in their logs. */
const ME = 7;
const START = 1000;

const profile = (name: string) => xor.seal(encodeProfile({ name }));
const joined = (id: number, name: string) => encodeFrame(Type.JOINED, id, profile(name));
const said = (id: number, text: string) =>
  encodeFrame(Type.MESSAGE, id, xor.seal(encodeEnvelope({ kind: "text", text })));

/** A GREETING with some fields changed. */
function greeting(fields: Record<string, unknown>): Uint8Array<ArrayBuffer> {
  const body = { version: 1, cipher: "xor", key: "198", maxFrame: MAX_FRAME, ...fields };
  return encodeFrame(Type.GREETING, 0, utf8.encode(JSON.stringify(body)));
}

const seat = (id = ME) => encodeSeat(id, { log: LOG, room: START });

/** Plays the server until the client is admitted. */
async function admit(raw: Raw, members = 0): Promise<void> {
  await admitTo(raw, GREETING, ME, { room: START, own: 0, members });
}

/** All frames up to BYE, which a server answers by closing; without HAVE. */
async function untilBye(raw: Raw): Promise<Frame[]> {
  const frames: Frame[] = [];
  do frames.push((await raw.frame())!); while (frames.at(-1)!.type !== Type.BYE);
  return frames.filter(({ type }) => type !== Type.HAVE);
}

const here = { hostname: "127.0.0.1", name: "guest" };

// ---- servers that cannot be joined ----

const NOT_ROOMS: readonly {
  what: string;
  serve: (raw: Raw) => Promise<void>;
  message: RegExp;
  hint?: RegExp;
}[] = [
  {
    what: "a web server",
    serve: (raw) => raw.write(utf8.encode("HTTP/1.1 400 Bad Request\r\n\r\n")),
    message: /a web server answers there, not a chat server$/,
    hint: /Is the port right/,
  },
  {
    what: "an SSH server, a letter at a time",
    async serve(raw) {
      for (const byte of utf8.encode("SSH-2.0-OpenSSH_9.9\r\n")) {
        await raw.write(Uint8Array.of(byte));
      }
    },
    message: /an SSH server answers there, not a chat server$/,
    hint: /Is the port right/,
  },
  {
    what: "a TLS server",
    serve: (raw) => raw.write(Uint8Array.of(21, 3, 1, 0, 2, 2, 70)),
    message: /a TLS server answers there, not a chat server$/,
    hint: /Is the port right/,
  },
  {
    what: "a mail server",
    serve: (raw) => raw.write(utf8.encode("220 mail.example.org ESMTP\r\n")),
    message: /the server there does not speak the chat protocol$/,
    hint: /Is the port right/,
  },
  {
    what: "noise",
    serve: (raw) => raw.write(Uint8Array.of(0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15, 0xf3)),
    message: /does not speak the chat protocol/,
    hint: /Is the port right/,
  },
  {
    what: "a greeting as long as a message",
    serve: (raw) =>
      raw.write(encodeFrame(Type.GREETING, 0, new Uint8Array(MAX_FRAME_BEFORE_ADMISSION))),
    message: /does not speak the chat protocol/,
    hint: /Is the port right/,
  },
  {
    what: "a server that hangs up at once",
    serve: (raw) => raw.end(),
    message: /the server closed the connection at once$/,
    hint: /Is the port right/,
  },
  {
    what: "a server that hangs up within the greeting",
    async serve(raw) {
      await raw.preface();
      await raw.write(GREETING.subarray(0, 20));
      await raw.end();
    },
    message: /the connection was closed before the room admitted this client$/,
  },
  {
    what: "a server that hangs up after the greeting",
    async serve(raw) {
      await raw.preface();
      await raw.write(GREETING);
      await raw.frameOf(Type.HELLO);
      await raw.end();
    },
    message: /the connection was closed before the room admitted this client$/,
  },
  {
    what: "a later version's greeting",
    serve: (raw) => raw.write(greeting({ version: 2, cipher: "later" })),
    message: /the server speaks version 2 of the protocol, this program speaks 1$/,
    hint: /see `chat --version`/,
  },
  {
    what: "a server that does not accept this version",
    serve: (raw) => raw.write(encodeError("version", "this server speaks version 2")),
    message: /the server says: this server speaks version 2$/,
    hint: /see `chat --version`/,
  },
  {
    what: "a full room",
    serve: (raw) => raw.write(encodeError("full", "come back later")),
    message: /the server says: come back later$/,
  },
  {
    what: "an error with control characters",
    serve: (raw) => raw.write(encodeError("full", "\x1b[2Jboo\x07")),
    message: /the server says: ␛\[2Jboo␇$/,
  },
  {
    what: "a server that is stopping",
    async serve(raw) {
      await raw.write(GREETING, encodeFrame(Type.BYE, 0));
    },
    message: /the server is stopping$/,
  },
  {
    what: "an invalid key",
    serve: (raw) => raw.write(greeting({ key: "256" })),
    message: /key must be 0 to 255 as decimal text$/,
  },
  {
    what: "a cipher that does not exist",
    serve: (raw) => raw.write(greeting({ cipher: "rot13" })),
    message: /malformed GREETING: this program does not have its cipher$/,
  },
  {
    what: "garbage after the greeting",
    serve: (raw) => raw.write(GREETING, new Uint8Array(100).fill(0xff)),
    message: /a frame of 4294967295 bytes is over the limit of \d+$/,
  },
  {
    what: "a message instead of the welcome",
    serve: (raw) => raw.write(GREETING, said(1, "hello")),
    message: /a frame of type 4 came too early$/,
  },
  {
    what: "a seat without an id",
    serve: (raw) => raw.write(GREETING, seat(0)),
    message: /SEAT has no id$/,
  },
  {
    what: "a seat in a log without a proper name",
    serve: (raw) => raw.write(GREETING, encodeSeat(ME, { log: "AAAA", room: 0 })),
    message: /SEAT has a name or chain of the wrong size$/,
  },
  {
    what: "a welcome without a seat",
    serve: (raw) => raw.write(GREETING, encodeWelcome(ME, { room: 0, own: 0, members: 0 })),
    message: /a frame of type 3 came too early$/,
  },
  {
    what: "a welcome to another seat",
    serve: (raw) =>
      raw.write(GREETING, seat(), encodeWelcome(ME + 1, { room: START, own: 0, members: 0 })),
    message: /WELCOME does not fit SEAT$/,
  },
  {
    what: "a welcome to a place before the seat",
    serve: (raw) =>
      raw.write(GREETING, seat(), encodeWelcome(ME, { room: START - 1, own: 0, members: 0 })),
    message: /WELCOME does not fit SEAT$/,
  },
  {
    what: "a welcome to a room of four billion members",
    serve: (raw) =>
      raw.write(
        GREETING,
        seat(),
        encodeWelcome(ME, { room: START, own: 0, members: 2 ** 32 - 1 }),
      ),
    message: /the server announces more than \d+ members$/,
  },
];

for (const { what, serve, message, hint } of NOT_ROOMS) {
  Deno.test(`join: reports ${what}`, async () => {
    await using impostor = new Impostor(async (raw) => {
      await serve(raw);
      // Until the client has ended: closing earlier could reset the connection.
      await raw.rest().catch(() => {});
    });
    const { port } = impostor;
    const error = await assertRejects(
      () => join({ ...here, port, handshakeMs: NEVER_MS }),
      ChatError,
      `Cannot join 127.0.0.1:${port}: `,
    );
    assertMatch(error.message, message);
    if (hint) assertMatch(error.hint ?? "", hint);
    else assertEquals(error.hint, undefined);
  });
}

Deno.test("join: gives up on a server that accepts the connection and sends nothing, or too little", async () => {
  for (const words of [new Uint8Array(0), GREETING.subarray(0, 5), GREETING]) {
    await using impostor = new Impostor(async (raw) => {
      await raw.write(words);
      await raw.rest();
    });
    const { port } = impostor;
    const error = await assertRejects(
      () => join({ ...here, port, handshakeMs: 20 }),
      ChatError,
      "no chat server has answered within 0.02 seconds",
    );
    assertMatch(error.hint!, /Is the port right/);
  }
});

Deno.test("join: reports that nothing listens, with a hint how to open a room", async () => {
  const port = reservedPort();
  const error = await assertRejects(
    () => join({ ...here, port }),
    ChatError,
    `Cannot join 127.0.0.1:${port}: nothing listens there`,
  );
  assertMatch(error.hint!, /chat serve/);
});

Deno.test("join: reports that no host has that name", async () => {
  // RFC 2606: this name never exists.
  const error = await assertRejects(
    () => join({ ...here, hostname: "nowhere.invalid", port: 1 }),
    ChatError,
  );
  assertEquals(error.message, "Cannot join nowhere.invalid:1: no host has that name");
});

Deno.test("join: refuses an invalid name before it connects", async () => {
  const error = await assertRejects(
    () => join({ hostname: "nowhere.invalid", port: 1, name: "a\x1b[2Jb" }),
    ChatError,
  );
  assertMatch(
    error.message,
    /^Cannot join as "a␛\[2Jb": a name must not contain control characters/,
  );
});

Deno.test("join: reads a greeting, a seat and a welcome that come byte by byte", async () => {
  const welcome = encodeWelcome(ME, { room: START, own: 0, members: 0 });
  await using impostor = new Impostor(async (raw) => {
    for (const byte of concat([GREETING, seat(), welcome, joined(ME, "guest")])) {
      await raw.write(Uint8Array.of(byte));
    }
    await raw.preface();
    await untilBye(raw);
  });
  await using guest = await Guest.join(impostor, "guest");
  assertEquals(guest.client.self, { id: ME, name: "guest", self: true, away: false });
});

// ---- what the client sends ----

Deno.test("Client: with public key 198 it sends each byte of plaintext XOR 188", async () => {
  const plain = (bytes: Uint8Array) =>
    new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte ^ 188));
  const sent: [number, number, string][] = [];
  let preface = new Uint8Array();
  let hello: unknown;
  let sealed = new Uint8Array();
  await using impostor = new Impostor(async (raw) => {
    preface = (await raw.preface()).slice();
    await raw.write(GREETING);
    hello = JSON.parse(new TextDecoder().decode((await raw.frameOf(Type.HELLO)).body));
    await raw.write(seat());
    sealed = (await raw.frameOf(Type.PROFILE)).body;
    const welcome = encodeWelcome(ME, { room: START, own: 0, members: 1 });
    const ben = encodeFrame(Type.MEMBER, 3, profile("ben"));
    await raw.write(welcome, ben, joined(ME, "guest"));
    for (const { type, id, body } of await untilBye(raw)) {
      sent.push([type, id, type === Type.MESSAGE ? contentOf(body) : plain(body)]);
    }
  });
  {
    await using guest = await Guest.join(impostor, "guest");
    guest.client.say("So it starts!");
    guest.client.act("waves");
    guest.client.tell("ben", "Right?");
    guest.client.rename("annika");
    guest.client.rename("Jose\u0301");
  }
  await impostor.served(1);
  assertEquals(preface, PREFACE.slice());
  assertEquals(hello, { version: 1 });
  assertEquals(plain(sealed), '{"name":"guest"}');
  assertEquals(sent, [
    [Type.MESSAGE, 0, "TSo it starts!"],
    [Type.MESSAGE, 0, "Awaves"],
    [Type.MESSAGE, 3, "TRight?"],
    [Type.PROFILE, 0, '{"name":"annika"}'],
    // In NFC, whatever form was typed.
    [Type.PROFILE, 0, '{"name":"Jos\u00e9"}'],
    // Earlier messages still go out before BYE.
    [Type.BYE, 0, ""],
  ]);
});

Deno.test("Client.say: accepts a message of the maximum size, and refuses one byte more", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  const { maxText } = guest.client.info;
  assert(maxText >= 250_000);
  // Three bytes each: what counts is bytes, not characters.
  const fits = "語".repeat(Math.floor(maxText / 3)) + "x".repeat(maxText % 3);
  assertEquals((await guest.say(fits)).text.length, fits.length);
  const error = assertThrows(() => guest.client.say(fits + "x"), ChatError);
  assertEquals(
    error.message,
    `Cannot send this message: it has ${maxText + 1} bytes, at most ${maxText} fit into one`,
  );
  assertThrows(() => guest.client.act(fits + "x"), ChatError);
  assertThrows(() => guest.client.tell(1, fits + "x"), ChatError);
  assertEquals(guest.client.pending, []);
});

Deno.test("Client.say: respects a smaller limit of the server", async () => {
  await using impostor = new Impostor(async (raw) => {
    const small = greeting({ maxFrame: MAX_FRAME_BEFORE_ADMISSION });
    await admitTo(raw, small, ME, { room: START, own: 0, members: 0 });
    await raw.write(joined(ME, "guest"));
    const frame = await raw.frameOf(Type.MESSAGE);
    assertEquals(
      frame.bytes.length,
      4 + MAX_FRAME_BEFORE_ADMISSION - ANSWER_OVERHEAD - REFUSED_OVERHEAD,
    );
    const answer = await raw.frameOf(Type.MESSAGE);
    assertEquals(answer.bytes.length, 4 + MAX_FRAME_BEFORE_ADMISSION - REFUSED_OVERHEAD);
    await untilBye(raw);
  });
  await using guest = await Guest.join(impostor, "guest");
  const { maxText } = guest.client.info;
  guest.client.say("x".repeat(maxText));
  guest.client.say("x".repeat(maxText), "0".repeat(32));
  assertThrows(() => guest.client.say("x".repeat(maxText + 1)), ChatError, `at most ${maxText}`);
});

Deno.test("Client.pending: has each message until the room confirms it, in order", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  await using guest = await Guest.join(room, "guest");
  const { client } = guest;
  const refs = [client.say("one"), client.tell("ben", "two"), client.act("three")];
  assertEquals(refs, [1, 2, 3]);
  assertEquals(client.pending.map(({ ref, text, action, to }) => [ref, text, action, to?.name]), [
    [1, "one", false, undefined],
    [2, "two", false, "ben"],
    [3, "three", true, undefined],
  ]);
  await guest.next("message", ({ ref, action }) => ref === 3 && action);
  await ben.say("four");
  assertEquals(client.pending.filter(({ to }) => !to), []);
  const confirmed = guest.events.flatMap((event) =>
    event.type === "message" || event.type === "delivered" ? [event.ref] : []
  );
  assertEquals(confirmed.filter((ref) => ref !== undefined).sort(), [1, 2, 3]);
  // Messages of others confirm nothing.
  assertEquals((await guest.next("message", ({ text }) => text === "four")).ref, undefined);
});

Deno.test("Client: refuses invalid names and unknown receivers, and then does nothing", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  const { client } = guest;
  assertThrows(() => client.rename("a b"), ChatError, 'Cannot change the name to "a b": a name ');
  assertThrows(() => client.rename("\x1b"), ChatError, 'Cannot change the name to "␛"');
  assertThrows(
    () => client.tell("nobody", "?"),
    ChatError,
    'Cannot send to "nobody": no member has that name',
  );
  assertThrows(() => client.tell(99, "?"), ChatError, "a member with the id 99");
  assertEquals(client.pending, []);
  await guest.say("fine");
  assertEquals(guest.events.map(({ type }) => type), ["welcome", "members", "message"]);
});

Deno.test("Client.leave: ends the room for this client, once; every later action is refused", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  guest.client.leave();
  guest.client.leave();
  for (const act of [() => guest.client.say("?"), () => guest.client.rename("x")]) {
    assertThrows(act, ChatError, "you have left the room");
  }
  await within("the end of the room", guest.ended);
  assertEquals(guest.events.at(-1), { type: "ended", ending: { reason: "left" } });
  assertEquals(guest.client.ending, { reason: "left" });
  assertThrows(() => guest.client.say("?"), ChatError, "you have left the room");
  assertEquals(guest.events.filter(({ type }) => type === "ended").length, 1);
});

Deno.test("Client.leave: gives up on a server that does not close the connection", async () => {
  const released = Promise.withResolvers<void>();
  await using impostor = new Impostor(async (raw) => {
    await admit(raw);
    await raw.write(joined(ME, "guest"));
    await raw.frameOf(Type.BYE);
    // Neither answers nor closes.
    await released.promise;
  });
  const guest = await Guest.join(impostor, "guest", { finishMs: 20 });
  guest.client.leave();
  await within("the end of the room", guest.ended);
  assertEquals(guest.client.ending, { reason: "left" });
  released.resolve();
});

// ---- what the client reports ----

Deno.test("Client.run: reports one event at a time, in order, even if the listener is slow", async () => {
  await using room = new TestRoom();
  await using talker = await Guest.join(room, "talker");
  const client = await join({ ...here, port: room.port });
  const texts: string[] = [];
  let telling = 0;
  const done = client.run(async (event) => {
    assertEquals(++telling, 1);
    // Meanwhile more messages come in.
    if (texts.length < 3) await talker.say(`more ${texts.length}`);
    if (event.type === "message") texts.push(event.text);
    if (texts.length === 6) client.leave();
    telling--;
  });
  for (const text of ["a", "b", "c", "d"]) talker.client.say(text);
  await within("the end of the room", done);
  assertEquals(texts.filter((text) => text.length === 1), ["a", "b", "c", "d"]);
});

Deno.test("Client.run: a listener that throws ends the connection, and run rejects with its error", async () => {
  await using room = new TestRoom();
  await using watcher = await Guest.join(room, "watcher");
  const client = await join({ ...here, port: room.port });
  await assertRejects(
    () =>
      client.run((event) => {
        if (event.type === "members") throw new TypeError("a bug of the screen");
      }),
    TypeError,
    "a bug of the screen",
  );
  assertEquals((await watcher.next("left")).who.name, "guest");
});

Deno.test("Client.run: while the listener is busy nothing is read, so the server sees that this client is slow", async () => {
  await using room = new TestRoom({ logSize: 48 * 2 ** 20, backlog: 512 * 1024 });
  await using talker = await Guest.join(room, "talker");
  const client = await join({ ...here, port: room.port });
  const released = Promise.withResolvers<void>();
  const received: string[] = [];
  const running = client.run((event) => {
    received.push(event.type);
    return event.type === "message" ? released.promise : undefined;
  });
  // More than the buffers between the two hold.
  const text = "x".repeat(250_000);
  for (let i = 0; !/code="slow"} 1$/m.test(room.status()); i++) {
    assert(i < 180, "the server never saw back-pressure");
    await talker.say(text);
  }
  assertEquals(received, ["welcome", "members", "message"]);
  released.resolve();
  await within("the end of the room", running);
  assertEquals(client.ending?.reason, "refused");
});

Deno.test("Client.run: reports messages and transfers in one order, one at a time, to a slow listener", async () => {
  await using room = new TestRoom();
  const disk = new MemoryDisk();
  await using talker = await Guest.join(room, "talker", { files: { disk } });
  const client = await join({ ...here, port: room.port, files: { disk: new MemoryDisk() } });
  disk.files.set("a", new Uint8Array(1_000_000));
  const received: string[] = [];
  let working = 0;
  const running = client.run(async (event) => {
    assertEquals(++working, 1);
    if (event.type === "message") {
      received.push(event.text);
      // Transfers report at once what the user does; that must not overtake this event.
      client.decline("all");
      client.offer("nothing");
    } else if (event.type === "transfer") received.push(event.transfer.state);
    else if (event.type === "offer") received.push(event.type);
    else if (event.type === "unsent") client.leave();
    // Until the event loop has gone round: long enough for anything that does not wait for this.
    await new Promise((resolve) => setImmediate(resolve));
    if (event.type === "message") received.push("finished");
    working--;
  });
  talker.client.offer("a");
  await talker.next("offer");
  talker.client.say("one");
  await within("the end of the room", running);
  assertEquals(received, ["offer", "one", "finished", "declined"]);
});

Deno.test("Client.run: a listener that throws at a transfer's event ends the connection while it is idle", async () => {
  await using room = new TestRoom();
  await using watcher = await Guest.join(room, "watcher");
  const client = await join({ ...here, port: room.port, files: { disk: new MemoryDisk() } });
  const running = client.run((event) => {
    if (event.type === "members") client.offer("nothing");
    if (event.type === "unsent") throw new TypeError("a bug of the screen");
  });
  await assertRejects(() => within("the end", running), TypeError, "a bug of the screen");
  assertEquals((await watcher.next("left")).who.name, "guest");
});

/** Sends these frames to a client after WELCOME; returns its events and its answer. */
async function tellGuest(
  frames: readonly Uint8Array[],
  options: { members?: number; end?: boolean } = {},
): Promise<{ events: RoomEvent[]; answer: Frame[] }> {
  let answer: Frame[] = [];
  await using impostor = new Impostor(async (raw) => {
    await admit(raw, options.members);
    await raw.write(...frames);
    if (options.end) await raw.end();
    answer = (await raw.frames()).filter(({ type }) => type !== Type.HAVE);
  });
  const { port } = impostor;
  const events: RoomEvent[] = [];
  const client = await join({ ...here, port });
  await within("the end of the room", client.run((event) => void events.push(event)));
  await impostor.served(1);
  return { events, answer };
}

const BYE = encodeFrame(Type.BYE, 0);
const ME_JOINED = joined(ME, "guest");

Deno.test("Client: a member that was never named is shown by its id", async () => {
  const { events } = await tellGuest([
    ME_JOINED,
    said(99, "boo"),
    encodeFrame(Type.LEFT, 98, Uint8Array.of(Left.LOST)),
    encodeFrame(Type.PROFILE, 97, profile("late")),
    encodeFrame(Type.DIRECT, 96, xor.seal(encodeEnvelope({ kind: "action", text: "hides" }))),
    BYE,
  ]);
  const [, members, message, left, renamed, direct, ended] = events;
  assert(members?.type === "members" && members.members.length === 1);
  assert(message?.type === "message" && message.from.name === "#99");
  assert(left?.type === "left" && left.who.name === "#98" && left.reason === "lost");
  assert(renamed?.type === "renamed" && renamed.before === "#97" && renamed.who.name === "late");
  assert(direct?.type === "direct" && direct.from.name === "#96" && direct.action);
  assertEquals(ended, { type: "ended", ending: { reason: "stopped" } });
});

Deno.test("Client: positions count from the one in WELCOME", async () => {
  const frames = [ME_JOINED, joined(8, "ben"), said(8, "one"), said(8, "longer"), said(8, "three")];
  const { events } = await tellGuest([...frames, BYE]);
  let at = START;
  const places = frames.map((frame) => (at += frame.length) - frame.length);
  // The event for its own JOINED has no position.
  assertEquals(
    events.flatMap((event) => "at" in event ? [event.at] : []),
    places.slice(1),
  );
});

Deno.test("Client: answers PING", async () => {
  const { answer } = await tellGuest([ME_JOINED, encodeFrame(Type.PING, 0), BYE]);
  assertEquals(answer.map(({ type }) => type), [Type.PONG]);
});

Deno.test("Client: ERROR ends the room with its reason; the end of the connection ends it as lost", async () => {
  const refused = await tellGuest([ME_JOINED, encodeError("slow", "too slow")]);
  const ending = { reason: "refused", code: "slow", message: "too slow" } as const;
  assertEquals(refused.events.at(-1), { type: "ended", ending });
  const lost = await tellGuest([ME_JOINED, said(ME, "half").subarray(0, 11)], { end: true });
  const message = "the connection was lost";
  assertEquals(lost.events.at(-1), { type: "ended", ending: { reason: "lost", message } });
});

const HOSTILE: readonly { what: string; frames: Uint8Array[]; members?: number; code: string }[] = [
  { what: "an ACK for nothing", frames: [ME_JOINED, ack(1)], code: "unexpected" },
  { what: "a message before its own JOINED", frames: [said(1, "early")], code: "unexpected" },
  { what: "another's JOINED instead of its own", frames: [joined(8, "ben")], code: "unexpected" },
  {
    what: "more members than announced",
    frames: [1, 2, 3].map((id) => encodeFrame(Type.MEMBER, id, profile(`m${id}`))),
    members: 2,
    code: "unexpected",
  },
  {
    what: "a list of members that goes on after its own JOINED",
    frames: [ME_JOINED, encodeFrame(Type.MEMBER, 1, profile("ben"))],
    members: 1,
    code: "unexpected",
  },
  {
    what: "more joining than any room holds",
    frames: [
      ME_JOINED,
      concat(Array.from({ length: 100_000 }, (_, i) => encodeFrame(Type.JOINED, i + 8))),
    ],
    code: "too-large",
  },
  { what: "a second WELCOME", frames: [ME_JOINED, welcome()], code: "unexpected" },
  { what: "a second GREETING", frames: [ME_JOINED, GREETING], code: "unexpected" },
  { what: "a type that does not exist", frames: [encodeFrame(77, 0)], code: "unexpected" },
  {
    what: "a frame of 4 GiB",
    frames: [ME_JOINED, new Uint8Array(9).fill(0xff)],
    code: "too-large",
  },
  {
    what: "a reason that does not exist",
    frames: [ME_JOINED, encodeFrame(Type.LEFT, ME, Uint8Array.of(99))],
    code: "malformed",
  },
  {
    what: "a malformed ERROR",
    frames: [ME_JOINED, encodeFrame(Type.ERROR, 0, utf8.encode("{}"))],
    code: "malformed",
  },
];

function ack(count: number): Uint8Array<ArrayBuffer> {
  return encodeAck(1, { count, outcome: AckOutcome.ACCEPTED });
}

function welcome(): Uint8Array<ArrayBuffer> {
  return encodeWelcome(ME, { room: START, own: 0, members: 0 });
}

for (const { what, frames, members = 0, code } of HOSTILE) {
  Deno.test(`Client: answers ${what} with ERROR ${code}, and leaves`, async () => {
    const { events, answer } = await tellGuest(frames, { members });
    const last = events.at(-1)!;
    assert(last.type === "ended" && last.ending.reason === "lost");
    assertMatch(last.ending.message, /^the server broke the protocol: /);
    assertEquals(answer.map(({ type }) => type), [Type.ERROR]);
    assertEquals(parseError(answer[0]!.body).code, code);
  });
}

Deno.test("Client: ACKs must have the receiver and the order of the messages", async () => {
  for (const [receiver, count] of [[2, 1], [1, 2], [1, 0]] as const) {
    await using impostor = new Impostor(async (raw) => {
      await admit(raw, 1);
      await raw.write(encodeFrame(Type.MEMBER, 1, profile("ben")), ME_JOINED);
      await raw.frameOf(Type.MESSAGE);
      await raw.write(encodeAck(receiver, { count, outcome: AckOutcome.ACCEPTED }));
      await raw.frames();
    });
    await using guest = await Guest.join(impostor, "guest");
    guest.client.tell("ben", "psst");
    const { ending } = await guest.next("ended");
    assert(
      ending.reason === "lost" &&
        ending.message.includes("an ACK came for a message that was not sent"),
    );
  }
});

// ---- lost connections ----

const TOKEN = "AAECAwQFBgcICQoLDA0ODw";
/** Options of a client that reconnects at once. */
const eagerly = () => ({ retryMs: NEVER_MS, backoff: new Backoff(() => 0) });

/** As `admit`, but the session can be resumed. */
async function admitLasting(raw: Raw): Promise<void> {
  const welcome = { room: START, own: 0, members: 0, token: TOKEN, grace: NEVER_MS };
  await admitTo(raw, GREETING, ME, welcome);
  await raw.write(ME_JOINED);
  await raw.frameOf(Type.HAVE);
}

/** A client reconnects once. The second connection is answered with these frames after GREETING. */
async function comeBackTo(frames: readonly Uint8Array[]): Promise<RoomEvent[]> {
  let connections = 0;
  await using impostor = new Impostor(async (raw) => {
    if (connections++ === 0) return await admitLasting(raw);
    await raw.preface();
    await raw.write(GREETING);
    await raw.frameOf(Type.HELLO);
    await raw.write(...frames);
    await raw.rest().catch(() => {});
  });
  const events: RoomEvent[] = [];
  const { port } = impostor;
  const client = await join({ ...here, port, ...eagerly() });
  const running = client.run((event) => {
    events.push(event);
    if (event.type === "connected" || event.type === "waiting") client.leave();
  });
  await within("the end of the room", running);
  return events;
}

const FINAL = [
  "version",
  "not-chat",
  "too-large",
  "malformed",
  "unexpected",
  "code",
  "flood",
  "disk",
  "removed",
  "closed",
];
const TRANSIENT_CODES = ["timeout", "slow", "full", "wait", "gone", "locked"] as const;

Deno.test("Client: the tests below have every code of ERROR", () => {
  assertEquals([...FINAL, ...TRANSIENT_CODES].sort(), [...ERROR_CODES].sort());
});

for (const code of FINAL as ErrorCode[]) {
  Deno.test(`Client: does not reconnect after ERROR ${code}, and reports why`, async () => {
    const ending = { reason: "refused", code, message: "because" } as const;
    await using impostor = new Impostor(async (raw) => {
      await admitLasting(raw);
      await raw.write(encodeError(code, "because"));
      await raw.frames();
    });
    await using guest = await Guest.join(impostor, "guest", eagerly());
    await within("the end of the room", guest.ended);
    assertEquals(guest.client.ending, ending);
    assertEquals(guest.events.filter(({ type }) => type === "disconnected"), []);
    // The same if that error comes while it reconnects.
    const events = await comeBackTo([encodeError(code, "because")]);
    assertEquals(events.map(({ type }) => type), ["welcome", "members", "disconnected", "ended"]);
    const last = events.at(-1)!;
    assert(last.type === "ended" && last.ending.reason === "refused" && last.ending.code === code);
    assertMatch(last.ending.message, /^Cannot join \S+: the server says: because$/);
  });
}

for (const code of TRANSIENT_CODES) {
  Deno.test(`Client: reconnects after ERROR ${code}`, async () => {
    let connections = 0;
    await using impostor = new Impostor(async (raw) => {
      if (connections++ > 0) {
        await admit(raw);
        await raw.write(ME_JOINED);
        return void await untilBye(raw);
      }
      await admit(raw);
      await raw.write(ME_JOINED, encodeError(code, "not now"));
      await raw.frames();
    });
    await using guest = await Guest.join(impostor, "guest", eagerly());
    const { reason, message } = await guest.next("disconnected");
    assertEquals([reason, message], ["refused", "not now"]);
    assertEquals((await guest.next("connected")).resumed, false);
    // The same if that error comes while it reconnects. After `gone` it joins with a new HELLO instead.
    if (code === "gone") return;
    const events = await comeBackTo([encodeError(code, "not now")]);
    const waiting = events.find((event) => event.type === "waiting");
    assertMatch(waiting!.message, /the server says: not now$/);
    assertEquals(events.at(-1), { type: "ended", ending: { reason: "left" } });
  });
}

const NOT_BACK: readonly { what: string; welcome: Uint8Array; message: RegExp }[] = [
  {
    what: "another id",
    welcome: encodeWelcome(ME + 1, { room: START + ME_JOINED.length, own: 0, members: 0 }),
    message: /WELCOME resumes another session$/,
  },
  {
    what: "another position",
    welcome: encodeWelcome(ME, { room: START, own: 0, members: 0 }),
    message: /WELCOME resumes another session$/,
  },
  {
    what: "more frames than it has sent",
    welcome: encodeWelcome(ME, {
      ...{ room: START + ME_JOINED.length, own: 0, members: 0, accepted: 1 },
    }),
    message: /WELCOME counts more than was sent$/,
  },
];

for (const { what, welcome, message } of NOT_BACK) {
  Deno.test(`Client: leaves a server for good that resumes its session with ${what}`, async () => {
    const last = (await comeBackTo([welcome])).at(-1)!;
    assert(last.type === "ended" && last.ending.reason === "refused");
    assertEquals(last.ending.code, "malformed");
    assertMatch(last.ending.message, message);
  });
}

Deno.test("Client: reports the system's error when the connection is lost, or that the other side has closed it", async () => {
  for (
    const [how, expected] of [["end", /^the server closed the connection$/], [
      "reset",
      /./,
    ]] as const
  ) {
    await using room = new TestRoom();
    await using proxy = await FaultProxy.start(room, { seed: 1, kinds: [] });
    await using guest = await Guest.join(proxy, "guest", { retryMs: NEVER_MS });
    proxy.cutAll(how === "end" ? "half-close" : "reset");
    assertMatch((await guest.next("disconnected")).message, expected);
  }
});

Deno.test("Client: gives up a silent server after PINGs; not one that answers, and not while the listener is busy", async () => {
  const times = { pingMs: 100, deadMs: 1_000, retryMs: NEVER_MS };
  const asked = { silent: 0, polite: 0 };
  const enough = Promise.withResolvers<void>();
  await using silent = new Impostor(async (raw) => {
    await admit(raw);
    await raw.write(ME_JOINED);
    for (const { type } of await raw.frames()) if (type === Type.PING) asked.silent++;
  });
  await using polite = new Impostor(async (raw) => {
    await admit(raw);
    await raw.write(ME_JOINED);
    for (let frame = await raw.frame(); frame?.type !== Type.BYE; frame = await raw.frame()) {
      if (frame?.type !== Type.PING) continue;
      await raw.write(encodeFrame(Type.PONG, 0));
      // For longer than a silent server has.
      if (++asked.polite === 12) enough.resolve();
    }
  });
  await using room = new TestRoom();
  const busy = await join({ ...here, port: room.port, ...times });
  const delayed: RoomEvent[] = [];
  const running = busy.run(async (event) => {
    delayed.push(event);
    if (event.type === "members") await enough.promise;
    if (event.type === "message") busy.leave();
  });
  await using first = await Guest.join(silent, "guest", { ...times });
  await using second = await Guest.join(polite, "guest", { ...times });
  assertMatch(
    (await first.next("disconnected")).message,
    /^the server has sent nothing for \d+ s$/,
  );
  await silent.served(1);
  assert(asked.silent > 1);
  await within("enough answers", enough.promise);
  assertEquals(second.events.map(({ type }) => type), ["welcome", "members"]);
  busy.say("here");
  await within("the end of the room", running);
  assertEquals(delayed.map(({ type }) => type), ["welcome", "members", "message", "ended"]);
});

Deno.test("Client.run: a listener that throws while the client waits to reconnect leaves no timer", async () => {
  await using room = new TestRoom();
  const client = await join({ ...here, port: room.port, retryMs: NEVER_MS });
  const running = client.run((event) => {
    if (event.type === "members") room.stop();
    if (event.type === "disconnected") throw new TypeError("a bug of the screen");
  });
  await assertRejects(() => within("the end", running), TypeError, "a bug of the screen");
});

Deno.test("Client.say: others do not miss a refused message", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  await using guest = await Guest.join(room, "guest");
  await guest.say("one");
  assertThrows(() => guest.client.say("x".repeat(guest.client.info.maxText + 1)), ChatError);
  await guest.say("two");
  assertEquals((await ben.next("message", ({ text }) => text === "two")).missing, 0);
});

Deno.test("Client: the frames that wait to be sent are bounded, new names too", async () => {
  const room = new TestRoom();
  await using guest = await Guest.join(room, "guest", { retryMs: NEVER_MS });
  await room[Symbol.asyncDispose]();
  await guest.next("disconnected");
  const most = "x".repeat(guest.client.info.maxText);
  const error = assertThrows(() => {
    for (let i = 0; i < 1_000; i++) guest.client.say(most);
  }, ChatError);
  assertMatch(error.message, /^Cannot send this: too much is waiting to be sent already$/);
  const { pending } = guest.client;
  assert(pending.length > 20 && pending.length < 50);
  assertThrows(() => guest.client.rename("other"), ChatError, "too much is waiting");
  assertEquals(guest.client.pending.length, pending.length);
});

Deno.test("Client: warns once if the server's clock and this one differ by three minutes or more", async () => {
  const cases = [[0], [2], [-2], [3, 3], [-10, -10]];
  for (const [minutes, ahead] of cases) {
    await using impostor = new Impostor(async (raw) => {
      const time = Date.now() - minutes! * 60_000;
      await admitTo(raw, greeting({ time }), ME, { room: START, own: 0, members: 0 });
      await raw.write(joined(ME, "guest"));
      await untilBye(raw);
    });
    await using guest = await Guest.join(impostor, "guest");
    guest.client.leave();
    await guest.ended;
    assertEquals(
      guest.events.filter(({ type }) => type === "clock"),
      ahead === undefined ? [] : [{ type: "clock", ahead }],
    );
  }
});
