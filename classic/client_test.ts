import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { concat } from "@std/bytes/concat";
import { ChatError } from "../errors.ts";
import { KEY_MS, PAUSE_MS, READ_SIZE, SILENCE_MS } from "../protocol/classic_wire.ts";
import type { RoomEvent } from "../room.ts";
import { TurnSlice } from "../protocol/turn_slice.ts";
import { FakeTimer } from "../tests/support/fake_clock.ts";
import { within } from "../tests/support/async.ts";
import { TurnCount } from "../tests/support/turn_count.ts";
import { Guest, Impostor, KEY, type Raw, TestRoom } from "../tests/support/loopback.ts";
import { type ClassicClient, joinClassic } from "./client.ts";
import { ClassicAdapter } from "./member.ts";

const utf8 = new TextEncoder();
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const crypt = (bytes: Uint8Array, publicKey: number) =>
  Uint8Array.from(bytes, (byte) => byte ^ ((publicKey - 10) & 255));

/** A member of a classic room, with its events. */
class Member implements AsyncDisposable {
  readonly client: ClassicClient;
  readonly events: RoomEvent[] = [];
  readonly ended: Promise<void>;
  #news = Promise.withResolvers<void>();

  constructor(client: ClassicClient) {
    this.client = client;
    this.ended = client.run((event) => {
      this.events.push(event);
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    });
  }

  static async join({ port }: { port: number }, timer: FakeTimer): Promise<Member> {
    const { after } = timer;
    return new Member(await joinClassic({ hostname: "127.0.0.1", port, after }));
  }

  /** Received messages and its own written ones, as `NAME: text`. */
  get received(): string[] {
    return this.events.flatMap((e) => e.type === "message" ? [`${e.from.name}: ${e.text}`] : []);
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    while (!isSo()) await within(what, this.#news.promise);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.leave();
    await within("the end of the room", this.ended);
  }
}

/** Reads `count` bytes. */
async function receive(raw: Raw, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const read = await within("bytes", raw.conn.read(bytes.subarray(at)));
    if (read === null) throw new Error("It has ended");
    at += read;
  }
  return bytes;
}

/**
 * A classic server, written from the description of its protocol: it sends its key, and relays each read to
 * all others. It reads 1024 bytes at a time.
 */
class ClassicServer implements AsyncDisposable {
  readonly port: number;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #serving: Promise<unknown>[] = [];

  constructor(publicKey: number) {
    this.port = this.#listener.addr.port;
    this.#serving.push(this.#accept(utf8.encode(String(publicKey))));
  }

  async #accept(key: Uint8Array): Promise<void> {
    for await (const conn of this.#listener) {
      this.#open.add(conn);
      await conn.write(key);
      this.#serving.push(this.#relay(conn));
    }
  }

  async #relay(conn: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(1024);
    for (let count = await conn.read(buffer); count; count = await conn.read(buffer)) {
      for (const other of this.#open) {
        if (other !== conn) await other.write(buffer.slice(0, count));
      }
    }
    this.#open.delete(conn);
    conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) await conn.closeWrite();
    await within("the end of the classic server", Promise.all(this.#serving));
  }
}

Deno.test("ClassicClient: sends and receives under every key", async () => {
  for (const publicKey of [0, 9, 10, 198, 255]) {
    const timer = new FakeTimer(KEY_MS, PAUSE_MS);
    await using server = new ClassicServer(publicKey);
    await using one = await Member.join(server, timer);
    await using two = await Member.join(server, timer);
    const ref = one.client.say("So it starts! äß🎉");
    assertEquals(one.client.pending.map(({ ref }) => ref), [ref]);
    await two.until("a message", () => two.received.length === 1);
    assertEquals(two.received, ["room: So it starts! äß🎉"]);
    two.client.say("Yep!");
    await one.until("a message", () => one.received.length === 2);
    assertEquals(one.received, [`${one.client.self.name}: So it starts! äß🎉`, "room: Yep!"]);
    assertEquals(one.client.pending, []);
    const [welcome, members, own] = one.events;
    assert(welcome?.type === "welcome" && members?.type === "members" && own?.type === "message");
    assertEquals([welcome.room.cipher, welcome.room.classic], ["xor", true]);
    assertEquals(members.members.map(({ self, name }) => self || name), [true, "room"]);
    assertEquals([own.ref, own.from.self], [ref, true]);
  }
});

Deno.test("ClassicClient: reads a key byte by byte, up to its certain end or a pause", async () => {
  for (const publicKey of [0, 1, 9, 10, 19, 25, 26, 99, 100, 198, 255]) {
    const timer = new FakeTimer(PAUSE_MS);
    const text = utf8.encode(String(publicKey));
    await using server = new Impostor(async (raw) => {
      for (let at = 0; at < text.length; at++) {
        await raw.write(text.subarray(at, at + 1));
        const isLast = at === text.length - 1;
        const isWhole = publicKey === 0 || (isLast && publicKey > 25);
        if (isWhole) continue;
        // The client waits for more digits, so this one arrived alone.
        await timer.began(KEY_MS, at + 1);
        if (isLast) timer.pass(KEY_MS);
      }
      assertEquals(decode(crypt(await receive(raw, 5), publicKey)), "hello");
      await raw.write(crypt(utf8.encode("welcome"), publicKey));
    });
    await using member = await Member.join(server, timer);
    member.client.say("hello");
    await member.until("an answer", () => member.received.length === 2);
    assertEquals(member.received[1], "room: welcome");
    await member.ended;
  }
});

Deno.test("ClassicClient: keeps a message that directly follows the key", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  const served = Promise.withResolvers<void>();
  await using server = new Impostor(async (raw) => {
    await raw.write(utf8.encode("19"), crypt(utf8.encode("early"), 19));
    await served.promise;
  });
  await using member = await Member.join(server, timer);
  await member.until("a message", () => member.received.length === 1);
  assertEquals(member.received, ["room: early"]);
  served.resolve();
});

Deno.test("ClassicClient: sends texts around 1024 bytes completely, in pieces that cut no character", async () => {
  const timer = new FakeTimer();
  const texts = [1023, 1024, 1025, 3000].flatMap((size) =>
    ["x", "é", "€", "🎉"].map((c) =>
      "yy" + c.repeat(Math.floor((size - 2) / utf8.encode(c).length))
    )
  );
  await using server = new Impostor(async (raw) => {
    await raw.write(utf8.encode("198"));
    const strict = new TextDecoder("utf-8", { fatal: true });
    for (const text of texts) {
      let came = "";
      while (came.length < text.length) {
        const buffer = new Uint8Array(READ_SIZE + 1);
        const count = await within("a piece", raw.conn.read(buffer));
        assert(count !== null && count <= READ_SIZE, "It does not fit");
        came += strict.decode(crypt(buffer.subarray(0, count), 198));
        // Each piece arrives alone, also the first of the next message.
        await timer.waits(PAUSE_MS);
        timer.pass(PAUSE_MS);
      }
      assertEquals(came, text);
    }
  });
  await using member = await Member.join(server, timer);
  for (const text of texts) member.client.say(text);
  await server.served(1);
  await member.ended;
  assertEquals(member.received.length, texts.length);
});

Deno.test("ClassicClient: joins characters that reads have cut, and replaces invalid bytes", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  let got = Promise.withResolvers<void>();
  await using server = new Impostor(async (raw) => {
    await raw.write(utf8.encode("198"));
    const [first, ...rest] = crypt(utf8.encode("🎉"), 198);
    await raw.write(crypt(utf8.encode("a"), 198), Uint8Array.of(first!));
    await got.promise;
    got = Promise.withResolvers();
    for (const byte of rest) await raw.write(Uint8Array.of(byte));
    await got.promise;
    await raw.write(crypt(Uint8Array.of(0xff, 0x62, 0xe2, 0x82), 198));
  });
  await using member = await Member.join(server, timer);
  await member.until("a", () => member.received.length === 1);
  got.resolve();
  await member.until("an emoji", () => member.received.length === 2);
  got.resolve();
  await member.ended;
  assertEquals(member.received, ["a", "🎉", "\ufffdb", "\ufffd"].map((text) => `room: ${text}`));
});

Deno.test("ClassicClient: reports a lost connection, and does not reconnect", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using server = new Impostor((raw) => raw.write(utf8.encode("198")));
  await using member = await Member.join(server, timer);
  await within("the end", member.ended);
  const message = "the server closed the connection";
  assertEquals(member.events.at(-1), { type: "ended", ending: { reason: "lost", message } });
  assertThrows(() => member.client.say("?"), ChatError, "left the room");
});

Deno.test("ClassicClient: sends pending messages when it leaves, without pauses", async () => {
  const timer = new FakeTimer();
  const came = Promise.withResolvers<string>();
  await using server = new Impostor(async (raw) => {
    await raw.write(utf8.encode("198"));
    came.resolve(decode(crypt(await raw.rest(), 198)));
  });
  await using member = await Member.join(server, timer);
  for (let i = 0; i < 100; i++) member.client.say(`<${i}>`);
  member.client.leave();
  member.client.leave();
  assertThrows(() => member.client.say("?"), ChatError, "left the room");
  assertEquals(await came.promise, Array.from({ length: 100 }, (_, i) => `<${i}>`).join(""));
  await member.ended;
  assertEquals(member.client.ending, { reason: "left" });
  assertEquals([member.client.pending.length, member.received.length], [0, 100]);
});

Deno.test("ClassicClient: rejects actions that classic rooms do not have", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using server = new ClassicServer(198);
  await using member = await Member.join(server, timer);
  const { client } = member;
  const calls = [
    "act",
    "tell",
    "rename",
    "compare",
    "trust",
    "offer",
    "accept",
    "decline",
    "cancel",
  ];
  for (const call of calls as "act"[]) {
    assertThrows(() => client[call](), ChatError, "in a classic room");
  }
  assertThrows(() => client.say(""), ChatError, "an empty message");
  assertThrows(
    () => client.say("x".repeat(client.info.maxText + 1)),
    ChatError,
    "over the limit of",
  );
  assertEquals([client.pending, client.transfers], [[], []]);
  client.reconnect();
});

Deno.test("ClassicClient: recognizes a server that is not classic", async () => {
  const timer = new FakeTimer(KEY_MS);
  const join = (port: number) =>
    joinClassic({ hostname: "127.0.0.1", port, after: timer.after, handshakeMs: 200 });
  for (const first of ["SSH-2.0-OpenSSH\r\n", "\0\0\0\x05", "-1"]) {
    await using server = new Impostor((raw) => raw.write(utf8.encode(first)));
    await assertRejects(() => join(server.port), ChatError, "did not send a key first");
  }
  for (const first of ["", "1"]) {
    await using server = new Impostor((raw) => raw.write(utf8.encode(first)));
    await assertRejects(() => join(server.port), ChatError, "without a reply");
  }
  // A room of ours waits for a preface.
  await using room = new TestRoom();
  const error = await assertRejects(() => join(room.port), ChatError, "within 0.2 seconds");
  assertStringIncludes(error.hint!, "leave out --classic");
});

Deno.test("join: names --classic at a classic server, also while its members talk", async () => {
  const { join } = await import("../client.ts");
  await using silent = new ClassicServer(198);
  await using busy = new Impostor((raw) => raw.write(utf8.encode("198\xef\xd3\x9c")));
  for (const { port } of [silent, busy]) {
    const error = await assertRejects(
      () => join({ hostname: "127.0.0.1", port, name: "anna", handshakeMs: 200 }),
      ChatError,
    );
    assertStringIncludes(error.hint!, `chat join --classic 127.0.0.1:${port}`);
  }
});

Deno.test("ClassicClient: joins a room of this program that accepts classic clients", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using room = new TestRoom({
    classic: (publicKey) => new ClassicAdapter(publicKey, timer.after),
    publicKey: KEY,
  });
  await using guest = await Guest.join(room, "guest");
  const joining = Member.join(room, timer);
  await timer.waits(SILENCE_MS);
  timer.pass(SILENCE_MS);
  await using member = await joining;
  timer.pass(SILENCE_MS);
  assertEquals((await guest.next("joined")).who.name, member.client.self.name);
  await guest.say("hello");
  await member.until("a message", () => member.received.length === 1);
  assertEquals(member.received, ["room: guest: hello"]);
  member.client.say("hi");
  assertEquals((await guest.next("message", ({ from }) => !from.self)).text, "hi");
  member.client.leave();
  assertEquals((await guest.next("left")).reason, "left");
});

Deno.test("ClassicClient: a flood leaves every other task its turns", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  const flood = crypt(new Uint8Array(4_000_000).fill(0x78), 198);
  await using server = new Impostor(async (raw) => {
    await raw.write(utf8.encode("198"), flood);
    await raw.rest().catch(() => {});
  });
  const { after } = timer;
  const slice = new TurnSlice(0);
  const client = await joinClassic({ hostname: "127.0.0.1", port: server.port, after, slice });
  using count = new TurnCount();
  const turns: number[] = [];
  let bytes = 0;
  await client.run((event) => {
    if (event.type !== "message") return;
    turns.push(count.turn);
    bytes += event.text.length;
    if (bytes === flood.length) client.leave();
  });
  assert(turns.length > 3, `${turns.length} reads`);
  assertEquals(new Set(turns).size, turns.length);
});

Deno.test("ClassicClient: a listener that throws closes the connection", async () => {
  const timer = new FakeTimer(PAUSE_MS);
  await using server = new Impostor(async (raw) => {
    await raw.write(concat([utf8.encode("198"), crypt(utf8.encode("boo"), 198)]));
    await raw.rest().catch(() => {});
  });
  const { after } = timer;
  const client = await joinClassic({ hostname: "127.0.0.1", port: server.port, after });
  await assertRejects(() =>
    client.run((event) => {
      if (event.type === "message") throw new TypeError("a bug");
    }), TypeError);
  await server.served(1);
});
