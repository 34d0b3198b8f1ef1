import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { once } from "node:events";
import { connect } from "node:net";
import { ChatError } from "../errors.ts";
import { AckOutcome, encodeFrame, parseAck, PREFACE, Type } from "../protocol.ts";
import { parseError } from "../protocol/json_frames.ts";
import { PAUSE_MS, READ_SIZE, SILENCE_MS } from "../protocol/classic_wire.ts";
import { NOTICE_ACTIONS } from "../protocol/moderation.ts";
import { encodeEnvelope, encodeProfile } from "../protocol/envelope.ts";
import type { ServerOptions } from "../server.ts";
import { FakeTimer } from "../tests/support/fake_clock.ts";
import { within } from "../tests/support/async.ts";
import { Guest, KEY, Raw, TestRoom, xor } from "../tests/support/loopback.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import { ClassicAdapter } from "./member.ts";
import { noticeLine } from "./notices.ts";

const utf8 = new TextEncoder();

/** A classic client, written from the description in docs/classic.md, with plain sockets and its own XOR. */
class ClassicPeer implements AsyncDisposable {
  readonly raw: Raw;
  readonly #key: number;
  /** Keeps bytes that are not a complete character yet. */
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** All of the received text. */
  received = "";

  constructor(raw: Raw, publicKey: number) {
    this.raw = raw;
    this.#key = (publicKey - 10) & 255;
  }

  /** Joins like the classic program, which sends nothing until it has read the key. */
  static async join(
    room: { port: number },
    timer: FakeTimer,
    publicKey = KEY,
  ): Promise<ClassicPeer> {
    const raw = await Raw.connect(room);
    const before = timer.count(SILENCE_MS);
    if (before === 0) await timer.waits(SILENCE_MS);
    timer.pass(SILENCE_MS);
    const peer = new ClassicPeer(raw, publicKey);
    assertEquals(new TextDecoder().decode(await peer.recv()), String(publicKey));
    // The server sends it messages only after this pause after the key.
    timer.pass(SILENCE_MS);
    return peer;
  }

  /** Its name in the room. */
  get name(): string {
    return String(this.raw.conn.localAddr.port);
  }

  /** The encrypted bytes of one read; empty at the end. */
  async recv(): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = new Uint8Array(READ_SIZE);
    const count = await within("something to read", this.raw.conn.read(buffer));
    return buffer.subarray(0, count ?? 0);
  }

  crypt(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(bytes, (byte) => byte ^ this.#key);
  }

  async say(text: string): Promise<void> {
    await this.raw.write(this.crypt(utf8.encode(text)));
  }

  /** Reads until the received text ends with `text`. */
  async until(text: string): Promise<void> {
    while (!this.received.endsWith(text)) {
      const bytes = await this.recv();
      if (bytes.length === 0) {
        throw new Error(`The connection ended after: ${this.received.slice(-200)}`);
      }
      this.received += this.#decoder.decode(this.crypt(bytes), { stream: true });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.raw[Symbol.asyncDispose]();
  }
}

/** A room for classic clients. A client counts as classic once `timer` has passed. */
function openRoom(timer: FakeTimer, options: Partial<ServerOptions> = {}): TestRoom {
  return new TestRoom({
    classic: (publicKey) => new ClassicAdapter(publicKey, timer.after),
    ...options,
  });
}

// ---- conversations ----

Deno.test("ClassicAdapter: sends a classic client the key alone, then relays in both directions, with any key", async () => {
  for (const publicKey of [0, 9, 10, 198, 255]) {
    const timer = new FakeTimer(PAUSE_MS);
    await using room = openRoom(timer, { publicKey });
    await using guest = await Guest.join(room, "guest");
    await using peer = await ClassicPeer.join(room, timer, publicKey);
    const { who } = await guest.next("joined");
    assertEquals([who.name, who.classic], [peer.name, true]);
    await guest.say("So it starts!");
    await peer.until("guest: So it starts!");
    assertEquals(peer.received, "guest: So it starts!");
    await peer.say("Yep! äß🎉");
    const { from, text, action } = await guest.next("message", (event) => !event.from.self);
    assertEquals([from.name, text, action], [peer.name, "Yep! äß🎉", false]);
    guest.client.act("waves");
    await peer.until("* guest waves");
  }
});

Deno.test("ClassicAdapter: relays the classic conversation between two classic clients and another member", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using one = await ClassicPeer.join(room, timer);
  await using two = await ClassicPeer.join(room, timer);
  for (const text of ["So it starts!", "Right?"]) {
    await one.say(text);
    await two.until(`${one.name}: ${text}`);
  }
  for (const text of ["Yep!", "Here we go!"]) {
    await two.say(text);
    await one.until(`${two.name}: ${text}`);
  }
  // A classic client receives neither its own messages nor notices of members that join or leave.
  assertEquals(one.received, `${two.name}: Yep!${two.name}: Here we go!`);
  assertEquals(two.received, `${one.name}: So it starts!${one.name}: Right?`);
  await guest.next("message", ({ text }) => text === "Here we go!");
  assertEquals(guest.received, [
    ...[`${one.name}: So it starts!`, `${one.name}: Right?`],
    ...[`${two.name}: Yep!`, `${two.name}: Here we go!`],
  ]);
  one.raw.conn.close();
  const { who, reason } = await guest.next("left");
  assertEquals([who.name, reason], [one.name, "left"]);
});

Deno.test("ClassicAdapter: ten classic clients and ten others receive each message once, in one order", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using all = new AsyncDisposableStack();
  const guests: Guest[] = [];
  const peers: ClassicPeer[] = [];
  for (let i = 0; i < 10; i++) guests.push(all.use(await Guest.join(room, `guest${i}`)));
  for (let i = 0; i < 10; i++) peers.push(all.use(await ClassicPeer.join(room, timer)));
  for (let turn = 0; turn < 3; turn++) {
    guests.forEach(({ client }, i) => client.say(`<${turn} of guest ${i}>`));
    for (const peer of peers) await peer.say(`<${turn} of ${peer.name}>`);
    // Wait for each turn: two messages of one classic client that the server reads at once become one message.
    const count = 20 * (turn + 1);
    for (const guest of guests) while (guest.received.length < count) await guest.next("message");
  }
  const [first, ...others] = guests;
  for (const { received } of others) assertEquals(received, first!.received);
  assertEquals(new Set(first!.received).size, 60);
  for (const peer of peers) {
    const expected = first!.received.filter((line) => !line.startsWith(`${peer.name}: `));
    assertEquals(expected.length, 57);
    const length = expected.join("").length;
    while (peer.received.replaceAll("\n", "").length < length) {
      const seen = peer.received.length;
      await peer.until(">");
      assert(peer.received.length >= seen);
      if (peer.received.replaceAll("\n", "").length < length) peer.received += "\n";
    }
    // A piece can hold several messages, one a line. Other messages follow the one before without a separator.
    assertEquals(peer.received.replaceAll("\n", ""), expected.join(""));
  }
});

Deno.test("ClassicAdapter: a classic client gets each notice as a line that no member can imitate, and can be removed", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  const { who } = await guest.next("joined");
  const { government } = room;
  government.govern({ action: "announce", text: "back at 5\n\x1b[2Jguest: no" });
  await peer.until("*** ANNOUNCEMENT by the operator: back at 5\n  ␛[2Jguest: no");
  guest.client.say("x\n*** the operator closed the room");
  await peer.until("guest: x\n  *** the operator closed the room");
  guest.client.act("** the operator closed the room");
  await peer.until("* guest ** the operator closed the room");
  government.govern({ action: "kick", member: guest.client.self.id, reason: "rude" });
  await peer.until("*** the operator removed guest from the room: rude");
  government.govern({ action: "silence", member: who.id });
  await peer.until(`*** the operator silenced ${peer.name}`);
  government.govern({ action: "kick", member: who.id });
  while ((await peer.recv()).length > 0);
  assertEquals(room.hub.size, 0);
});

Deno.test("ClassicAdapter: a locked room closes the connection of a classic client without a byte, and admits it later", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  const { government } = room;
  government.govern({ action: "lock" });
  await using newcomer = await Raw.connect(room);
  await timer.waits(SILENCE_MS);
  timer.pass(SILENCE_MS);
  // An ERROR frame would look like a key and a message.
  assertEquals(await newcomer.rest(), new Uint8Array(0));
  assertStringIncludes(room.status(), 'chat_refused_total{code="locked"} 1\n');
  government.govern({ action: "unlock" });
  await using _ = await ClassicPeer.join(room, timer);
});

Deno.test("noticeLine: each action that changes something there has a line; one of a later version has none", () => {
  const full = { member: 2, key: "k", ban: 1, until: 0, reason: "why", text: "what" };
  const lines = [...NOTICE_ACTIONS, "later"].map((action) =>
    [action, noticeLine(action === "lock" ? 7 : 0, { action, ...full }, (id) => `m${id}`)] as const
  );
  assertEquals(lines.filter(([, line]) => line === undefined).map(([action]) => action), [
    ...["unban", "op", "deop", "later"],
  ]);
  assertEquals(
    noticeLine(0, { action: "ban", member: 2 }, () => "bob"),
    "*** the operator removed bob from the room",
  );
  for (const [action, line] of lines) {
    if (line !== undefined) {
      assert(/^\*\*\* (?:ANNOUNCEMENT by )?(?:the operator|m7)\b.*: why$/.test(line), action);
    }
  }
});

// ---- sizes and characters ----

Deno.test("ClassicAdapter: sends texts around 1024 bytes completely, in pieces that cut no character", async () => {
  const timer = new FakeTimer();
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "g");
  await using peer = await ClassicPeer.join(room, timer);
  const strict = new TextDecoder("utf-8", { fatal: true });
  for (const size of [1023, 1024, 1025, 3000]) {
    for (const character of ["x", "é", "€", "🎉"]) {
      const front = "g: ".length;
      const width = utf8.encode(character).length;
      const count = Math.floor((size - front) / width);
      const text = "y".repeat(size - front - count * width) + character.repeat(count);
      guest.client.say(text);
      let received = "";
      while (received.length < front + text.length) {
        // Each read returns one piece, because the server sends nothing more until the pause is over.
        const bytes = await peer.recv();
        received += strict.decode(peer.crypt(bytes));
        await timer.waits(PAUSE_MS);
        timer.pass(PAUSE_MS);
      }
      assertEquals(received, `g: ${text}`);
    }
  }
});

Deno.test("ClassicAdapter: receives texts around 1024 bytes completely, and cuts no character", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  for (const size of [1, 1023, 1024, 1025, 3000]) {
    for (const character of ["x", "é", "€", "🎉"]) {
      const text = "yy" + character.repeat(Math.ceil(size / utf8.encode(character).length));
      await peer.say(text);
      let received = "";
      while (received.length < text.length) {
        const message = await guest.next("message");
        assert(message.text.isWellFormed());
        assertLessOrEqual(utf8.encode(message.text).length, READ_SIZE + 3);
        received += message.text;
      }
      assertEquals(received, text);
    }
  }
});

Deno.test("ClassicAdapter: joins a character that arrives byte by byte, and replaces invalid bytes", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  for (const byte of utf8.encode("🎉")) {
    await peer.raw.write(peer.crypt(Uint8Array.of(byte)));
  }
  assertEquals((await guest.next("message")).text, "🎉");
  await peer.raw.write(peer.crypt(Uint8Array.of(0x61, 0xff, 0x62)));
  assertEquals((await guest.next("message")).text, "a\ufffdb");
  // A character that is incomplete when the client leaves is relayed as U+FFFD.
  await peer.raw.write(peer.crypt(Uint8Array.of(0xe2, 0x82)));
  await peer.raw.end();
  assertEquals((await guest.next("message")).text, "\ufffd");
  assertEquals((await guest.next("left")).reason, "left");
});

Deno.test("ClassicAdapter: shows control characters in visible form, and indents further lines", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  await guest.say("\x1b[2Jboo\nben: I owe you");
  await peer.until("guest: ␛[2Jboo\n  ben: I owe you");
  // The adapter does not change what a classic client writes: each receiver escapes control characters itself.
  await peer.say("\x1b[2Jboo");
  assertEquals((await guest.next("message", ({ from }) => !from.self)).text, "\x1b[2Jboo");
});

Deno.test("ClassicAdapter: sends nothing after the key until the client has read it", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using raw = await Raw.connect(room);
  await timer.waits(SILENCE_MS);
  timer.pass(SILENCE_MS);
  await guest.next("joined");
  await guest.say("too early");
  const peer = new ClassicPeer(raw, KEY);
  assertEquals(new TextDecoder().decode(await peer.recv()), "198");
  timer.pass(SILENCE_MS);
  await peer.until("guest: too early");
});

// ---- classic clients and other clients ----

Deno.test("ClassicAdapter: a client that sends a preface is not classic, and a wrong preface is rejected", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using raw = await Raw.connect(room);
  assertEquals(await raw.hello(), 1);
  await using wrong = await Raw.connect(room);
  await wrong.write(utf8.encode("chat/9\n"));
  assertEquals(parseError((await wrong.frameOf(Type.ERROR)).body).code, "version");
  await using noise = await Raw.connect(room);
  await noise.write(utf8.encode("hello?"));
  assertEquals(parseError((await noise.frameOf(Type.ERROR)).body).code, "not-chat");
  await using gone = await Raw.connect(room);
  await timer.waits(SILENCE_MS);
  await gone.end();
  assertEquals(await gone.rest(), new Uint8Array(0));
  // For each of them, the timer for silence was cancelled.
  assertEquals(timer.count(SILENCE_MS), 0);
});

Deno.test("ClassicAdapter: a late preface is not a message", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using late = await ClassicPeer.join(room, timer);
  await late.raw.write(PREFACE);
  assertEquals((await guest.next("left")).reason, "refused");
  assertEquals(await late.raw.rest(), new Uint8Array(0));
  assertEquals(guest.received, []);
});

Deno.test("ClassicAdapter: distinguishes two members with the same name, and follows a renamed member", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  await using other = await Raw.connect(room);
  await other.hello(xor.seal(encodeProfile({ name: peer.name })));
  await other.write(encodeFrame(Type.MESSAGE, 0, xor.seal(utf8.encode("Tit is me"))));
  await peer.until(`${peer.name}#3: it is me`);
  guest.client.rename("host");
  await guest.next("renamed");
  await guest.say("and me");
  await peer.until("host: and me");
  await using nameless = await Raw.connect(room);
  await nameless.hello(utf8.encode("no profile"));
  await nameless.write(encodeFrame(Type.MESSAGE, 0, xor.seal(utf8.encode("Thm"))));
  await peer.until("#4: hm");
});

Deno.test("ClassicAdapter: shows the name of a former member with its messages", async () => {
  const timer = new FakeTimer();
  await using room = openRoom(timer);
  await using watcher = await Guest.join(room, "watcher");
  await using peer = await ClassicPeer.join(room, timer);
  {
    await using short = await Guest.join(room, "short");
    await short.say("1");
    await peer.until("short: 1");
    await timer.waits(PAUSE_MS);
    // The adapter pauses. Meanwhile two messages are sent, and one sender leaves.
    await short.say("2");
    await watcher.say("3");
  }
  await watcher.next("left");
  timer.pass(PAUSE_MS);
  await peer.until("short: 2\nwatcher: 3");
});

// ---- unsupported messages ----

Deno.test("ClassicAdapter: direct messages and files to a classic client fail with a message, and nothing is sent", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  const { who } = await guest.next("joined");
  assertEquals(guest.client.members.map(({ classic }) => classic), [undefined, true]);
  for (
    const act of [() => guest.client.tell(who.id, "psst"), () => guest.client.offer("x", who.id)]
  ) {
    try {
      act();
      throw new Error("It was accepted");
    } catch (error) {
      assert(error instanceof ChatError);
      assertStringIncludes(error.message, `${peer.name}`);
      assertStringIncludes(error.message, "classic clients");
    }
  }
  // A client that sends one anyway is notified that it was not delivered.
  await using raw = await Raw.connect(room);
  await raw.hello();
  await raw.write(encodeFrame(Type.MESSAGE, who.id, xor.seal(utf8.encode("Tpsst"))));
  assertEquals(parseAck((await raw.frameOf(Type.ACK)).body).outcome, AckOutcome.GONE);
  // Messages to the room that are not text are left out, too.
  const bodies = [
    encodeEnvelope({ kind: "file", body: new Uint8Array(9) }),
    utf8.encode("?"),
    Uint8Array.of(0x54, 0xff),
  ];
  for (const body of bodies) await raw.write(encodeFrame(Type.MESSAGE, 0, xor.seal(body)));
  await guest.say("after all that");
  await peer.until("guest: after all that");
  assertEquals(peer.received, "guest: after all that");
});

Deno.test("ClassicAdapter: an offer to the room reports once which members cannot receive it, to its sender only", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  const disk = new MemoryDisk();
  disk.files.set("a.txt", utf8.encode("a"));
  await using guest = await Guest.join(room, "guest", { files: { disk } });
  await using watcher = await Guest.join(room, "watcher", { files: { disk: new MemoryDisk() } });
  await using peer = await ClassicPeer.join(room, timer);
  const { who } = await guest.next("joined", ({ who }) => who.name === peer.name);
  assertEquals(who.classic, true);
  guest.client.offer("a.txt");
  assertEquals((await guest.next("offer")).without?.map(({ name }) => name), [peer.name]);
  assertEquals((await watcher.next("offer")).without, undefined);
  // An offer to one member that is not classic can be received.
  guest.client.offer("a.txt", "watcher");
  assertEquals((await guest.next("offer")).without, undefined);
  await peer.raw.end();
  await guest.next("left");
  guest.client.offer("a.txt");
  assertEquals((await guest.next("offer")).without, undefined);
});

Deno.test("ClassicAdapter: drops repeated messages, and those from before the client joined", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using raw = await Raw.connect(room);
  await raw.hello();
  await using peer = await ClassicPeer.join(room, timer);
  const origin = new Uint8Array(8);
  const say = (text: string, seq: number, replay = false) => {
    const envelope = encodeEnvelope({ kind: "text", text, number: { origin, seq, replay } });
    return raw.write(encodeFrame(Type.MESSAGE, 0, xor.seal(envelope)));
  };
  await say("before", 1, true);
  await say("one", 2);
  await say("one", 2);
  await say("one", 2, true);
  await say("two", 3);
  await peer.until("raw: two");
  assertEquals(peer.received.replaceAll("\n", ""), "raw: oneraw: two");
});

// ---- connections ----

Deno.test("ClassicAdapter: disconnects a slow client without a message, and no member waits for it", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer, { logSize: 1024 * 1024 });
  await using guest = await Guest.join(room, "guest");
  await using fast = await ClassicPeer.join(room, timer);
  await using slow = await ClassicPeer.join(room, timer);
  const long = "x".repeat(100_000);
  let count = 0;
  while (!guest.events.some(({ type }) => type === "left")) {
    await guest.say(`${count}${long}`);
    await fast.until(`guest: ${count}${long}`);
    fast.received = "";
    assert(++count < 1000, "100 MB wait for one member");
  }
  const { who, reason } = await guest.next("left");
  assertEquals([who.name, reason], [slow.name, "slow"]);
  // It gets the bytes that were already sent, and then the end: no frame.
  const rest = new TextDecoder().decode(slow.crypt(await slow.raw.rest()));
  assertEquals(rest.replaceAll(/guest: |\d|x|\n/g, ""), "");
});

Deno.test("ClassicAdapter: a silent client stays, though a member that answers PING would not", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer, { idleMs: 60 });
  await using peer = await ClassicPeer.join(room, timer);
  await using silent = await Raw.connect(room);
  await silent.hello();
  await room.until(
    "the end of the other member",
    () => room.lines.some((line) => / left: /.test(line)),
  );
  await using guest = await Guest.join(room, "guest");
  await guest.say("Still there?");
  await peer.until("guest: Still there?");
  await peer.say("Yes!");
  assertEquals((await guest.next("message", ({ from }) => !from.self)).text, "Yes!");
});

Deno.test("ClassicAdapter: a reset connection counts as lost, and affects no other member", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  // Deno's own sockets cannot send a reset.
  const socket = connect(room.port, "127.0.0.1");
  const key = once(socket, "data");
  await timer.waits(SILENCE_MS);
  timer.pass(SILENCE_MS);
  await within("the key", key);
  socket.resetAndDestroy();
  assertEquals((await guest.next("left")).reason, "lost");
  await guest.say("alone again");
});

Deno.test("ClassicAdapter: a client that shuts down its sending side gets the pending messages, then leaves", async () => {
  const timer = new FakeTimer();
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  const long = "x".repeat(10_000);
  await guest.say(long);
  await peer.say("bye");
  await guest.next("message", ({ text }) => text === "bye");
  await peer.raw.end();
  // The timer never moves here: at the end, pending pieces are sent without pauses.
  assertEquals(
    new TextDecoder().decode(peer.crypt(await peer.raw.rest())),
    `guest: ${long}`,
  );
  assertEquals((await guest.next("left")).reason, "left");
});

Deno.test("ClassicAdapter: when the server stops, a classic client gets the pending messages and no frame", async () => {
  const timer = new FakeTimer();
  const room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  await guest.say("x".repeat(3000));
  const stopped = room.stop();
  const rest = peer.crypt(await peer.raw.rest());
  peer.raw.conn.close();
  assertEquals(new TextDecoder().decode(rest), `guest: ${"x".repeat(3000)}`);
  await guest.ended;
  await within("the end of the server", stopped);
});

Deno.test("ClassicAdapter: classic clients are subject to the limits for members and messages", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  // The clock never moves. The network has 24 messages, of which the three that join take 12.
  const budget = { frames: 1000, frameBurst: 3, bytes: 2 ** 31, byteBurst: 2 ** 31 };
  await using room = openRoom(timer, { maxMembers: 2, budget, now: () => 0 });
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  assertStringIncludes(room.status(), "chat_members 2\n");
  assertStringIncludes(room.status(), "chat_joined_total 2\n");
  await using third = await Raw.connect(room);
  await timer.waits(SILENCE_MS);
  timer.pass(SILENCE_MS);
  // The room is full. The server closes without a message, because a classic client knows none for it.
  assertEquals(await third.rest(), new Uint8Array(0));
  assertStringIncludes(room.status(), 'chat_refused_total{code="full"} 1\n');
  for (const text of ["1", "2", "3", "4", "5"]) {
    await peer.say(text);
    await guest.next("message", (event) => event.text === text);
  }
  assertStringIncludes(room.status(), "chat_slowed_total 1\n");
});

Deno.test("Server: rejects the option for classic clients in a sealed room", async () => {
  const { register } = await import("../cipher/opaque.ts");
  try {
    openRoom(new FakeTimer(), { admission: register("abandon ability able about") });
    throw new Error("The room was opened");
  } catch (error) {
    assert(error instanceof TypeError);
  }
});

Deno.test("ClassicAdapter: survives random bytes", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = openRoom(timer);
  await using guest = await Guest.join(room, "guest");
  await using peer = await ClassicPeer.join(room, timer);
  const noise = concat([Uint8Array.of(0), crypto.getRandomValues(new Uint8Array(60_000))]);
  await peer.raw.write(noise);
  await peer.raw.end();
  await guest.next("left");
  assert(guest.received.length > 0);
  await guest.say("fine");
});
