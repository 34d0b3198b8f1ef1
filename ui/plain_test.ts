import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { ChatError } from "../errors.ts";
import type { RoomEvent, RoomInfo } from "../room.ts";
import {
  ALICE,
  AWAY_BOB,
  BOB,
  EVENTS,
  FakeRoom,
  FINGERPRINT,
  ID,
  OFFER,
  OTHER_ID,
  SENT,
  UNPROVED,
} from "../tests/support/fake_room.ts";
import { futureTime, pastTime } from "./member_lists.ts";
import { PlainScreen } from "./plain.ts";

const NOON = new Date("2024-02-28T12:00:00.5Z");

const utf8 = new TextEncoder();

// ---- helpers ----

/**
 * Resolves when everything that can happen has happened: these tests only resolve promises, which comes before
 * the next turn of the event loop.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

interface Setup {
  json?: boolean;
  stay?: boolean;
  onLine?: (line: string) => void;
  onEvent?: (event: RoomEvent) => RoomEvent | undefined;
  info?: Partial<RoomInfo>;
}

/** A screen between a fake room and pipes that the test controls. */
class Talk {
  readonly room: FakeRoom;
  readonly screen: PlainScreen;
  /** Each write to stdout. */
  readonly writes: string[] = [];
  /** Lines on stderr. */
  readonly notes: string[] = [];
  /** How often the screen has asked for input. */
  reads = 0;
  /** In ms. */
  now = NOON.getTime();
  /** Bytes that a write takes at most. */
  writeSize = Infinity;
  /** Set while nothing reads stdout; calling it continues. */
  #resume: (() => void) | undefined;
  #blocked: Promise<void> | undefined;
  #broken = false;
  #input: Uint8Array[] = [];
  #closed = false;
  #fed = Promise.withResolvers<void>();
  readonly #decoder = new TextDecoder();

  constructor(setup: Setup = {}) {
    this.room = new FakeRoom(setup.info);
    const pipes = {
      read: (buffer: Uint8Array) => this.#read(buffer),
      writeOut: (bytes: Uint8Array) => this.#write(bytes),
      note: (line: string) => void this.notes.push(line),
    };
    this.screen = new PlainScreen(this.room, pipes, {
      json: setup.json ?? false,
      stay: setup.stay ?? false,
      now: () => new Date(this.now),
      ...setup.onLine && { onLine: setup.onLine },
      ...setup.onEvent && { onEvent: setup.onEvent },
    });
  }

  /** Everything written to stdout. */
  get out(): string {
    return this.writes.join("");
  }

  get calls(): string[] {
    return this.room.calls;
  }

  /** The JSON on stdout, without the times. */
  get lines(): Record<string, unknown>[] {
    return this.out.split("\n").slice(0, -1).map((line) => {
      const { time: _, ...rest } = JSON.parse(line);
      return rest;
    });
  }

  feed(input: string | Uint8Array): void {
    this.#input.push(typeof input === "string" ? utf8.encode(input) : input);
    this.#fed.resolve();
  }

  /** Ends the input. */
  close(): void {
    this.#closed = true;
    this.#fed.resolve();
  }

  tell(...events: RoomEvent[]): void {
    for (const event of events) this.screen.event(event);
  }

  /** The room confirms this many messages. */
  confirm(count: number): void {
    for (let i = 0; i < count; i++) this.tell(this.room.confirm());
  }

  /** Stops reading stdout, until `resume`. */
  block(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#blocked = promise;
    this.#resume = resolve;
  }

  resume(): void {
    this.#resume!();
    this.#blocked = undefined;
  }

  /** Closes stdout. */
  breakOut(): void {
    this.#broken = true;
  }

  async #read(buffer: Uint8Array): Promise<number | null> {
    this.reads++;
    while (this.#input.length === 0) {
      if (this.#closed) return null;
      await this.#fed.promise;
      this.#fed = Promise.withResolvers();
    }
    const piece = this.#input.shift()!;
    const count = Math.min(piece.length, buffer.length);
    buffer.set(piece.subarray(0, count));
    if (count < piece.length) this.#input.unshift(piece.subarray(count));
    return count;
  }

  async #write(bytes: Uint8Array): Promise<number> {
    await this.#blocked;
    if (this.#broken) throw new Deno.errors.BrokenPipe();
    const count = Math.min(bytes.length, this.writeSize);
    this.writes.push(this.#decoder.decode(bytes.subarray(0, count), { stream: true }));
    return count;
  }
}

/** The text on stdout and stderr after these events. */
async function show(...events: RoomEvent[]): Promise<{ out: string; notes: string[] }> {
  const talk = new Talk();
  talk.tell(...events);
  await talk.screen.flush();
  return { out: talk.out, notes: talk.notes };
}

function said(text: string, more: { action?: boolean; direct?: boolean } = {}): RoomEvent {
  const { action = false, direct = false } = more;
  if (direct) return { type: "direct", from: BOB, text, action, ...UNPROVED };
  return { type: "message", from: BOB, text, action, at: 0, ref: undefined, ...UNPROVED };
}

// ---- text out ----

Deno.test("PlainScreen: writes messages to stdout, everything else to stderr", async () => {
  const expected: { [Type in RoomEvent["type"]]: { out: string; notes: string[] } } = {
    welcome: {
      out: "",
      notes: Array(3).fill("joined 127.0.0.1:2428 as alice"),
    },
    members: {
      out: "",
      notes: [
        "here: alice, bob",
        `here: alice; 1 away: bob since ${pastTime(AWAY_BOB.since!, NOON)}`,
        "here: alice, bob (classic)",
      ],
    },
    message: {
      out: "bob: hello\n* bob waves\nalice: hi\nalice: mine\nbob: proved\nbob: I am\nbob: me too\n",
      notes: [
        "2 messages from bob before this one are missing",
        "bob answers bob: who is hungry?",
        "bob answers an earlier message (not shown)",
      ],
    },
    edited: {
      out: "bob: yes\n* alice no\n",
      notes: [
        "bob corrects: who is hungry?",
        "1 message from alice before this one is missing",
        "alice corrects: an earlier message",
      ],
    },
    deleted: {
      out: "",
      notes: ["bob deleted: who is hungry?", "alice deleted an earlier message"],
    },
    reacted: {
      out: "",
      notes: [
        "bob reacted 👍 to bob: who is hungry?",
        "alice took back 👍 from an earlier message (not shown)",
      ],
    },
    direct: {
      out: "(direct) bob: psst\n(direct) * bob winks\n(direct) bob: proved\n",
      notes: ["1 message from bob before this one is missing"],
    },
    delivered: { out: "", notes: ["delivered to bob"] },
    undelivered: {
      out: "",
      notes: [
        "not delivered: too many messages are waiting for bob; try again later",
        "not delivered: bob has left",
      ],
    },
    joined: {
      out: "",
      notes: ["bob joined", "bob joined", "bob (classic) joined", "bob joined", "bob is back"],
    },
    left: {
      out: "",
      notes: [
        "bob left",
        "bob left: connection lost",
        "bob left: it read too slowly",
        "bob left: it broke the protocol",
        "bob left: removed",
      ],
    },
    notice: {
      out: "",
      notes: [
        'you removed bob from the room: "spam"',
        `you banned bob until ${futureTime(SENT, NOON)} (ban 1)`,
        "you ended ban 1",
        "you silenced bob",
        "you let bob write to the room again",
        'you locked the room to newcomers: "we are complete"',
        "you unlocked the room for newcomers",
        "*** ANNOUNCEMENT by bob: at noon\n  in the hall",
        "you made bob a moderator",
        `you ended the moderator rights of the owner of ${FINGERPRINT}`,
        "the operator set the topic: release on Friday",
        "the operator made the room read-only: only moderators speak to it",
        "the operator let all members write to the room again",
        "the operator closes the room when the last member has left; no newcomers until then",
        'the operator closed the room: "maintenance"',
        "the operator removed bob from the room (no ban: others share the address)",
        'bob silenced you: "caps"',
      ],
    },
    bans: {
      out: "",
      notes: [
        "nobody is banned",
        `ban 1: bob, since ${pastTime(SENT, NOON)} until ${futureTime(SENT, NOON)} by you: "spam"`,
        `ban 2: member 9, since ${pastTime(SENT, NOON)}`,
      ],
    },
    refused: {
      out: "",
      notes: [
        ...[
          "you are silenced",
          "only moderators speak to this room",
          "you are not a moderator",
          "the member has left",
          "there are too many bans",
          "the session ended before the server answered; perhaps it was done",
        ].map((why) => `not sent: ${why}; the text was: hello`),
        "not removed: the member has left",
        "bans not listed: the member has left",
        "name and away text not changed: the member has left",
      ],
    },
    renamed: { out: "", notes: ["bob is now rob"] },
    status: { out: "", notes: ['bob is away: "lunch"', "bob is back", 'you are away: "lunch"'] },
    topic: {
      out: "",
      notes: [
        "bob set the topic: release on Friday",
        "you removed the topic",
        `topic: release on Friday (set by bob, ${pastTime(SENT, NOON)})`,
        `topic: from the operator (set by the operator, ${pastTime(SENT, NOON)})`,
      ],
    },
    unreadable: {
      out: "",
      notes: [
        "a message claiming to be from bob could not be verified: it is not UTF-8",
        "2 messages claiming to be from bob could not be verified; the last one: it is too short",
      ],
    },
    forked: {
      out: "",
      notes: ["", ` since ${SENT.toTimeString().slice(0, 5)}`].map((since) =>
        `bob sees a different conversation than you${since}: ` +
        "the server shows you different things, or bob's report is false"
      ),
    },
    agreed: {
      out: "",
      notes: ["bob sees the same conversation as you now"],
    },
    keychanged: {
      out: "",
      notes: [
        "bob(!) has a different key than before: a new device, or somebody else. " +
        "Compare with /verify bob, then /trust bob",
        "B0b#2(!) looks like bob, a name that you know, but has a different key: a new device, or " +
        "somebody else. Compare with /verify B0b#2, then /trust B0b#2",
      ],
    },
    // Not about the user.
    away: { out: "", notes: ["bob is away: connection lost"] },
    back: { out: "", notes: ["bob is back"] },
    clock: {
      out: "",
      notes: [
        "this machine's clock is 7 minutes ahead of the server's",
        "this machine's clock is 12 minutes behind the server's",
      ],
    },
    warning: {
      out: "",
      notes: ["warning from the server: you are sending more than this room allows"],
    },
    disconnected: {
      out: "",
      notes: [
        "connection lost; " +
        "what you type is sent when it is back",
        "the server has stopped; what you type is sent when it is back",
        "the server closed the connection: the server has sent nothing for 30 s; " +
        "what you type is sent when it is back",
      ],
    },
    waiting: { out: "", notes: [] },
    connected: {
      out: "",
      notes: [
        "connected again; nothing missed",
        "connected again; while you were away: 1 message",
        "connected again; while you were away: 212 messages",
        "connected again; nothing missed",
        "connected again; 3 messages missed here",
        "connected again; the server was restarted; its last messages may be missing",
      ],
    },
    caughtup: { out: "", notes: ["caught up"] },
    offer: {
      out: "",
      notes: [
        "bob offers photo.jpg (3 MiB): /accept 1 or /decline 1",
        "1 message from bob before this one is missing",
        "bob offers you 2 files (6 MiB): photo.jpg, photo.jpg: /accept 1-1 or /decline 1-1",
        "bob offers photo.jpg (3 MiB, only 1 MiB free): /accept 1 or /decline 1",
        "you offer photo.jpg (3 MiB); /cancel 1 to stop",
      ],
    },
    transfer: {
      out: "",
      notes: [
        "receiving photo.jpg from bob (3 MiB)",
        "received photo.jpg from bob (3 MiB), verified: /home/alice/Downloads/photo.jpg",
        "you declined photo.jpg from bob",
        "cancelled: photo.jpg from bob",
        "failed: photo.jpg from bob: bob no longer offers it",
        ...FAILURES.map((reason) => `failed: photo.jpg from bob: ${reason}, in words`),
        "photo.jpg from bob stalled: bob is away",
        "resuming photo.jpg from bob at 0% of 3 MiB",
        "cancelled: photo.jpg",
      ],
    },
    forgotten: {
      out: "",
      notes: ["bob has made too many offers: the oldest ones are forgotten"],
    },
    changes: { out: "", notes: ["bob: 1 file declined, 1 file cancelled: photo.jpg, cat.png"] },
    // Without redrawing, one line at the start and one at the end are enough for files that take a few seconds.
    progress: { out: "", notes: [] },
    incomplete: {
      out: "",
      notes: [
        "3 entries of photos are not offered: 2024/pipe (it is not a file), " +
        "b\ufffd (its name is not UTF-8) and 1 more",
      ],
    },
    unsent: { out: "", notes: ["Cannot read nothing: there is no file"] },
    // The caller reports it, because it knows the exit code.
    ended: { out: "", notes: [] },
  };
  for (const [type, shown] of Object.entries(expected)) {
    assertEquals(await show(...EVENTS[type as RoomEvent["type"]]), shown, type);
  }
});

Deno.test("PlainScreen: reports the progress of a file each ten seconds, so that no terminal is harmed", () => {
  const talk = new Talk();
  const transfer = {
    ...OFFER,
    name: "\x1b[2J",
    state: "running",
    bytes: 2 ** 20,
    rate: 9999,
  } as const;
  talk.room.transfers = [transfer];
  for (let second = 0; second <= 20; second++, talk.now += 1000) {
    talk.tell({ type: "progress", transfer });
  }
  const line = "receiving ␛[2J from bob: 33% of 3 MiB, 9.76 KiB/s, 3:30 left";
  assertEquals(talk.notes, [line, line]);
});

Deno.test("PlainScreen: does not report a new name that the list of members had already", async () => {
  const renamed = { type: "renamed", who: BOB, before: BOB.name, at: 1 } as const;
  assertEquals(await show(renamed), { out: "", notes: [] });
});

Deno.test("PlainScreen: warnings precede their message, and cannot harm a terminal", async () => {
  const sent = new Date("2024-02-28T11:00:00Z");
  const { out, notes } = await show(
    { type: "joined", who: BOB, at: 1, sent },
    { type: "direct", from: BOB, text: "late", action: false, sent, missing: 1 },
    { type: "unreadable", from: BOB, message: "\x1b[2J", count: 1, fresh: 1 },
    { type: "warning", code: "flood", message: "\x1b[2J\n" },
    { type: "disconnected", reason: "refused", message: "\x1b[2J\n" },
  );
  assertEquals(notes, [
    "by bob's clock, it is 2024-02-28T11:00:00.000Z",
    "bob joined",
    "1 message from bob before this one is missing",
    "by bob's clock, sent at 2024-02-28T11:00:00.000Z",
    "a message claiming to be from bob could not be verified: ␛[2J",
    "warning from the server: ␛[2J␊",
    "the server closed the connection: ␛[2J␊; what you type is sent when it is back",
  ]);
  assertEquals(out, "(direct) bob: late\n");
});

Deno.test("PlainScreen: indents further lines of a message, so that none can imitate another member's", async () => {
  const { out } = await show(
    said("one\nalice: two\n\n  three"),
    said("one\n* alice two", { action: true }),
    said("one\ntwo", { direct: true }),
    said("ends\n"),
    said(""),
  );
  assertEquals(
    out,
    "bob: one\n  alice: two\n  \n    three\n" +
      "* bob one\n  * alice two\n" +
      "(direct) bob: one\n  two\n" +
      "bob: ends\n  \n" +
      "bob: \n",
  );
});

Deno.test("PlainScreen: shows control characters instead of sending them; keeps tabs", async () => {
  const { out } = await show(
    said("\x1b[2J\r\x07\x9b\u202e\u2028"),
    said("a\tb\r\nc", { action: true }),
    said("\x1b]0;title\x07", { direct: true }),
  );
  assertEquals(
    out,
    "bob: ␛[2J␍␇\\u{9b}\\u{202e}\\u{2028}\n* bob a\tb␍\n  c\n(direct) bob: ␛]0;title␇\n",
  );
});

Deno.test("PlainScreen: any script arrives complete, even if a write takes few bytes", async () => {
  const talk = new Talk();
  talk.writeSize = 3;
  const text = "añ→漢🦕👩‍👩‍👧".repeat(100);
  talk.tell(said(text), said("next"));
  await talk.screen.flush();
  assertEquals(talk.out, `bob: ${text}\nbob: next\n`);
});

// ---- text in ----

Deno.test("PlainScreen.run: each line is a message, also an empty one, and a last one without a line end", async () => {
  const talk = new Talk({ stay: true });
  talk.feed("one\n\ntwo\r");
  talk.feed("\n  three ");
  talk.close();
  await talk.screen.run();
  assertEquals(talk.calls, ["say one", "say ", "say two", "say   three "]);
});

Deno.test("PlainScreen.run: in text mode, lines that look like JSON or commands are sent as they are", async () => {
  const talk = new Talk({ stay: true });
  talk.feed('{"type":"leave"}\n/quit\n');
  talk.close();
  await talk.screen.run();
  assertEquals(talk.calls, ['say {"type":"leave"}', "say /quit"]);
});

Deno.test("PlainScreen.run: with onLine, only that handles a line", async () => {
  const typed: string[] = [];
  const onLine = (line: string) => {
    if (line === "/nope") throw new ChatError("Cannot run it", { hint: "Run something else" });
    typed.push(line);
  };
  const talk = new Talk({ stay: true, onLine });
  talk.feed("/who\n/nope\nhello\n");
  talk.close();
  await talk.screen.run();
  assertEquals([typed, talk.calls], [["/who", "hello"], []]);
  // A person does not count lines, and a typo is not a failure.
  assertEquals(talk.notes, ["Cannot run it", "Run something else"]);
  assertEquals(talk.screen.faults, 0);
});

Deno.test("PlainScreen: a person sees the room's protection and a hint at /help", () => {
  const talk = new Talk({ onLine: () => {} });
  talk.tell(...EVENTS.welcome);
  assertEquals(talk.notes, [
    "joined 127.0.0.1:2428 as alice",
    "xor: anyone on the network can read it; /help lists the commands",
    "joined 127.0.0.1:2428 as alice",
    "sealed: only members can read it; /help lists the commands",
    "joined 127.0.0.1:2428 as alice",
    "xor: anyone on the network can read it; /help lists the commands",
  ]);
});

Deno.test("PlainScreen: calls onEvent once for every event, and hides those that it rejects", async () => {
  const events = Object.values(EVENTS).flat();
  const asked: RoomEvent[] = [];
  const onEvent = (event: RoomEvent) => {
    asked.push(event);
    return ["message", "edited", "joined"].includes(event.type) ? undefined : event;
  };
  const talk = new Talk({ onEvent });
  talk.tell(...events);
  await talk.screen.flush();
  assertEquals(asked, events);
  assertEquals(talk.out, "(direct) bob: psst\n(direct) * bob winks\n(direct) bob: proved\n");
  assert(!talk.notes.includes("bob joined"));
  // Programs get everything.
  const json = new Talk({ json: true, onEvent });
  json.tell(...events);
  await json.screen.flush();
  assertEquals(json.lines.length, events.length);
  assertEquals(asked.length, events.length);
});

Deno.test("PlainScreen.run: an invalid line is reported by its number, and the others are sent", async () => {
  const talk = new Talk({ stay: true, info: { maxText: 5 } });
  talk.feed("12345\n123456\nok\n");
  talk.feed(Uint8Array.of(0xff, 0x0a));
  talk.feed("ok");
  talk.close();
  await talk.screen.run();
  assertEquals(talk.calls, ["say 12345", "say ok", "say ok"]);
  assertEquals(talk.notes, [
    "chat: error: line 2: Cannot read this line: it has 6 bytes; the limit is 5",
    "chat: error: line 4: Cannot read this line: it is not UTF-8",
  ]);
  assertEquals(talk.screen.faults, 2);
});

Deno.test("PlainScreen.run: an error of the room is reported with its hint", async () => {
  const talk = new Talk({ stay: true });
  talk.room.refusal = new ChatError("Cannot send this", { hint: "Send it in parts" });
  talk.feed("a\n");
  talk.close();
  await talk.screen.run();
  assertEquals(talk.notes, [
    "chat: error: line 1: Cannot send this",
    "chat: hint: Send it in parts",
  ]);
  assertEquals([talk.screen.faults, talk.out], [1, ""]);
});

Deno.test("PlainScreen.run: a bug does not count as an error in the input", async () => {
  const onLine = () => {
    throw new TypeError("a bug");
  };
  const talk = new Talk({ onLine });
  talk.feed("a\n");
  await assertRejects(() => talk.screen.run(), TypeError, "a bug");
  assertEquals(talk.notes, []);
});

// ---- the end ----

Deno.test("PlainScreen.run: at the end of the input, waits for every confirmation, then leaves", async () => {
  const talk = new Talk();
  talk.feed("one\ntwo\n");
  talk.close();
  const running = talk.screen.run();
  await settled();
  talk.confirm(1);
  await settled();
  assertEquals(talk.calls, ["say one", "say two"]);
  talk.confirm(1);
  await running;
  assertEquals(talk.calls, ["say one", "say two", "leave"]);
});

Deno.test("PlainScreen.run: leaves at once if nothing is pending", async () => {
  const talk = new Talk();
  talk.close();
  await talk.screen.run();
  assertEquals(talk.calls, ["leave"]);
});

Deno.test("PlainScreen.run: at the end of the input, also waits while the connection is lost", async () => {
  const talk = new Talk();
  talk.feed("one\ntwo\n");
  talk.close();
  const running = talk.screen.run();
  await settled();
  talk.confirm(1);
  const message = "nobody answers";
  talk.tell({ type: "disconnected", reason: "lost", message });
  for (let attempt = 1; attempt < 10; attempt++) {
    talk.tell({ type: "waiting", attempt, until: new Date(0), message });
    await settled();
  }
  assertEquals(talk.calls, ["say one", "say two"]);
  talk.tell({ type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 0 });
  await settled();
  assertEquals(talk.calls, ["say one", "say two"]);
  talk.confirm(1);
  await running;
  assertEquals(talk.calls, ["say one", "say two", "leave"]);
});

Deno.test("PlainScreen.run: does not wait for messages that need no confirmation after a reconnect", async () => {
  const talk = new Talk();
  talk.feed("one\n");
  talk.close();
  const running = talk.screen.run();
  await settled();
  talk.tell({ type: "disconnected", reason: "lost", message: "it was reset" });
  await settled();
  // The room had accepted it before, and its confirmation is in the gap.
  talk.room.pending.length = 0;
  talk.tell({ type: "connected", self: ALICE, resumed: false, missed: 1, unseen: 0 });
  await running;
  assertEquals(talk.calls, ["say one", "leave"]);
});

Deno.test("PlainScreen.run: sends input while the connection is lost, up to the limit", async () => {
  const talk = new Talk({ stay: true });
  const running = talk.screen.run();
  talk.tell({ type: "disconnected", reason: "lost", message: "it was reset" });
  talk.feed("x\n".repeat(300));
  talk.close();
  await settled();
  assertEquals(talk.calls.length, 256);
  talk.tell({ type: "connected", self: ALICE, resumed: true, missed: 0, unseen: 0 });
  talk.confirm(256);
  await running;
  assertEquals(talk.calls.length, 300);
});

Deno.test("PlainScreen.run: with stay, does not leave at the end of the input", async () => {
  const talk = new Talk({ stay: true });
  talk.feed("one\n");
  talk.close();
  await talk.screen.run();
  talk.confirm(1);
  talk.tell(said("still here"));
  await talk.screen.flush();
  assertEquals(talk.calls, ["say one"]);
  assertEquals(talk.out, "alice: one\nbob: still here\n");
});

Deno.test("PlainScreen.run: if the room ends first, waits for nothing, sends nothing, and does not leave", async () => {
  for (const ended of EVENTS.ended) {
    const talk = new Talk();
    talk.feed("one\n");
    talk.close();
    const running = talk.screen.run();
    await settled();
    talk.tell(ended);
    await running;
    assertEquals(talk.calls, ["say one"]);
  }
});

Deno.test("PlainScreen.run: takes no input after the room has ended", async () => {
  const talk = new Talk();
  const running = talk.screen.run();
  await settled();
  talk.tell({ type: "ended", ending: { reason: "stopped" } });
  talk.feed("too late\n");
  await running;
  assertEquals(talk.calls, []);
});

Deno.test("PlainScreen.run: the end of the room ends waiting for confirmations", async () => {
  const talk = new Talk();
  talk.feed("x\n".repeat(1000));
  const running = talk.screen.run();
  await settled();
  const { length } = talk.calls;
  assertLess(length, 1000);
  talk.tell({ type: "ended", ending: { reason: "stopped" } });
  await running;
  assertEquals(talk.calls.length, length);
});

// ---- back-pressure ----

Deno.test("PlainScreen.run: reads no more than may be unconfirmed", async () => {
  const talk = new Talk();
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
  talk.feed(lines.map((line) => `${line}\n`).join(""));
  talk.close();
  const running = talk.screen.run();
  await settled();
  assertEquals([talk.calls.length, talk.reads], [256, 1]);
  talk.confirm(1);
  await settled();
  assertEquals(talk.calls.length, 257);
  while (talk.room.pending.length > 0) {
    assertLessOrEqual(talk.room.pending.length, 256);
    talk.confirm(talk.room.pending.length);
    await settled();
  }
  await running;
  assertEquals(talk.calls, [...lines.map((line) => `say ${line}`), "leave"]);
});

Deno.test("PlainScreen.run: fewer long messages may be unconfirmed, but always one", async () => {
  for (const [size, window] of [[300_000, 2], [100_000, 6], [600_000, 1]] as const) {
    const talk = new Talk({ info: { maxText: size } });
    talk.feed(`${"x".repeat(size)}\n`.repeat(10));
    talk.close();
    const running = talk.screen.run();
    await settled();
    assertEquals(talk.calls.length, window);
    talk.confirm(1);
    await settled();
    assertEquals(talk.calls.length, window + 1);
    while (talk.room.pending.length > 0) {
      talk.confirm(1);
      await settled();
    }
    await running;
    assertEquals(talk.calls.length, 10 + 1);
  }
});

Deno.test("PlainScreen.run: does not count the pending messages again for each line", async () => {
  const talk = new Talk({ info: { maxText: 10_000 } });
  const { pending } = talk.room;
  let asked = 0;
  Object.defineProperty(talk.room, "pending", { get: () => (asked++, pending) });
  const lines = 20_000;
  talk.feed("line\n".repeat(lines));
  talk.close();
  const running = talk.screen.run();
  await settled();
  // As many as a server confirms in one write.
  const batch = 100;
  while (pending.length > 0) {
    asked = 0;
    const before = talk.calls.length;
    for (let i = 0; i < batch && pending.length > 0; i++) {
      const { ref, text, action } = pending.shift()!;
      talk.tell({ type: "message", from: ALICE, text, action, at: 0, ref, ...UNPROVED });
    }
    await settled();
    // The room asks for it itself, for each message that it accepts.
    assertLessOrEqual(asked - (talk.calls.length - before), 3);
  }
  await running;
  assertEquals(talk.calls.length, lines + 1);
});

Deno.test("PlainScreen.event: lines of one turn share one write", async () => {
  const talk = new Talk();
  talk.tell(said("1"), said("2"), said("3"));
  await talk.screen.flush();
  assertEquals(talk.writes, ["bob: 1\nbob: 2\nbob: 3\n"]);
});

Deno.test("PlainScreen.event: makes the room wait only if much output waits for the reader", async () => {
  const talk = new Talk();
  talk.block();
  const line = "x".repeat(1000);
  let count = 0;
  let waiting: void | Promise<void> = undefined;
  while (!waiting) {
    waiting = talk.screen.event(said(line));
    if (++count === 1) await settled(); // The first is being written, and holds up the others.
    assertLess(count, 2000, "it gathers without end");
  }
  // One megabyte: a burst may wait, a flood must not.
  assertLess(1000, count);
  let done = false;
  const finished = waiting.then(() => done = true);
  await settled();
  assertEquals([done, talk.out], [false, ""]);
  talk.resume();
  await finished;
  assertEquals(talk.out, `bob: ${line}\n`.repeat(count));
  assertStrictEquals(talk.screen.event(said("on")), undefined);
  await talk.screen.flush();
});

Deno.test("PlainScreen.run: input that causes output waits for its reader", async () => {
  for (const line of ['{"type":"who"}\n', "no JSON\n"]) {
    const talk = new Talk({ json: true });
    talk.block();
    const pieces = 300;
    for (let i = 0; i < pieces; i++) talk.feed(line.repeat(100));
    talk.close();
    const running = talk.screen.run();
    await settled();
    assertLess(talk.reads, pieces / 2, line);
    talk.resume();
    await running;
    await talk.screen.flush();
    assertEquals(talk.lines.length, pieces * 100);
  }
});

Deno.test("PlainScreen: if the reader of stdout has gone, leaves without an error", async () => {
  const talk = new Talk();
  const running = talk.screen.run();
  talk.tell(said("read"));
  await talk.screen.flush();
  talk.breakOut();
  talk.tell(said("not read"));
  await talk.screen.flush();
  assert(talk.screen.broken?.cause instanceof Deno.errors.BrokenPipe);
  assertEquals(talk.calls, ["leave"]);
  // Nothing is buffered any more, so nothing waits.
  assertStrictEquals(talk.screen.event(said("x".repeat(2 ** 21))), undefined);
  await talk.screen.flush();
  talk.tell({ type: "ended", ending: { reason: "left" } });
  talk.close();
  await running;
  assertEquals([talk.out, talk.calls], ["bob: read\n", ["leave"]]);
});

Deno.test("PlainScreen: a reader that goes while the room waits for it releases the room", async () => {
  const talk = new Talk();
  talk.block();
  talk.tell(said("first"));
  await settled();
  const waiting = talk.screen.event(said("x".repeat(2 ** 20)));
  assert(waiting);
  talk.breakOut();
  talk.resume();
  await waiting;
  assert(talk.screen.broken);
});

// ---- JSON out ----

const FILE = {
  transfer: 1,
  file: "photo.jpg",
  size: 3145728,
};
const FAILURES = ["changed", "removed", "unreadable", "disk", "full", "damaged", "left"];
const FILE_OUT = { transfer: 1, offer: 1, direction: "out", file: "photo.jpg", size: 3145728 };
const GOING = {
  transfer: 1,
  offer: 1,
  direction: "in",
  id: 2,
  name: "bob",
  file: "photo.jpg",
  size: 3145728,
};

Deno.test("PlainScreen: JSON has one line for each event", async () => {
  const sent = "2024-02-28T12:00:00.250Z";
  const alice = { id: 1, name: "alice" };
  const bob = { id: 2, name: "bob" };
  const expected: { [Type in RoomEvent["type"]]: Record<string, unknown>[] } = {
    welcome: [{ cipher: "xor" }, { cipher: "sealed" }, { cipher: "xor", classic: true }].map((
      room,
    ) => ({ id: 1, name: "alice", address: "127.0.0.1:2428", maxText: 1000, ...room })),
    members: [
      { members: [{ ...alice, self: true, away: false }, { ...bob, self: false, away: false }] },
      {
        members: [{ ...alice, self: true, away: false }, {
          ...bob,
          self: false,
          away: true,
          since: "2024-02-28T11:59:51.000Z",
        }],
      },
      {
        members: [
          { ...alice, self: true, away: false },
          { ...bob, self: false, away: false, classic: true },
        ],
      },
    ],
    message: [
      { from: 2, name: "bob", text: "hello", action: false, at: 100 },
      { from: 2, name: "bob", text: "waves", action: true, at: 200 },
      { from: 1, name: "alice", text: "hi", action: false, at: 300, ref: 1 },
      { from: 1, name: "alice", text: "mine", action: false, at: 320, ref: 2, sent },
      { from: 2, name: "bob", text: "proved", action: false, at: 350, sent, missing: 2 },
      { id: OTHER_ID, re: ID, from: 2, name: "bob", text: "I am", action: false, at: 355 },
      { id: OTHER_ID, re: ID, from: 2, name: "bob", text: "me too", action: false, at: 357 },
    ],
    edited: [
      { id: ID, from: 2, name: "bob", text: "yes", action: false, at: 360 },
      {
        id: ID,
        from: 1,
        name: "alice",
        text: "no",
        action: true,
        at: 370,
        ref: 3,
        sent,
        missing: 1,
      },
    ],
    deleted: [
      { id: ID, from: 2, name: "bob", at: 380 },
      { id: ID, from: 1, name: "alice", at: 385, ref: 4, sent },
    ],
    reacted: [
      { id: ID, from: 2, name: "bob", emoji: "👍", removed: false, at: 390 },
      { id: ID, from: 1, name: "alice", emoji: "👍", removed: true, at: 395, ref: 5, sent },
    ],
    direct: [
      { from: 2, name: "bob", text: "psst", action: false },
      { from: 2, name: "bob", text: "winks", action: true },
      { from: 2, name: "bob", text: "proved", action: false, sent, missing: 1 },
    ],
    delivered: [{ ref: 2, to: 2, name: "bob" }],
    undelivered: [
      { ref: 3, to: 2, name: "bob", reason: "busy" },
      { ref: 3, to: 2, name: "bob", reason: "gone" },
    ],
    joined: [
      { id: 2, name: "bob", at: 400 },
      { id: 2, name: "bob", at: 450, sent },
      { id: 2, name: "bob", classic: true, at: 500 },
      { ...bob, key: FINGERPRINT, verified: "2024-01-31", at: 550, sent },
      { id: 5, name: "bob", replaces: 2, key: FINGERPRINT, at: 580, sent },
    ],
    left: [
      { id: 2, name: "bob", reason: "left", at: 500 },
      { id: 2, name: "bob", reason: "lost", at: 500 },
      { id: 2, name: "bob", reason: "slow", at: 500 },
      { id: 2, name: "bob", reason: "refused", at: 500 },
      { id: 2, name: "bob", reason: "removed", at: 500 },
      { id: 2, name: "bob", reason: "lost", replaced: true, at: 590 },
    ],
    notice: [
      { what: "kick", by: 1, ...bob, why: "spam", at: 800 },
      { what: "ban", by: 1, ...bob, ban: 1, ends: sent, at: 801 },
      { what: "unban", by: 1, ban: 1, at: 802 },
      { what: "silence", by: 1, ...bob, at: 803 },
      { what: "unsilence", by: 1, ...bob, at: 804 },
      { what: "lock", by: 1, why: "we are complete", at: 805 },
      { what: "unlock", by: 1, at: 806 },
      { what: "announce", by: 2, text: "at noon\nin the hall", at: 807 },
      { what: "op", by: 1, ...bob, key: FINGERPRINT, at: 808 },
      { what: "deop", by: 1, key: FINGERPRINT, at: 809 },
      { what: "topic", text: "release on Friday", at: 810 },
      { what: "readonly", at: 811 },
      { what: "writable", at: 812 },
      { what: "drain", at: 813 },
      { what: "close", why: "maintenance", at: 814 },
      { what: "ban", ...bob, at: 830 },
      { what: "silence", by: 2, ...alice, why: "caps", at: 831 },
    ],
    bans: [
      { bans: [] },
      {
        bans: [
          { ban: 1, ...bob, by: 1, since: sent, ends: sent, why: "spam" },
          { ban: 2, id: 9, since: sent },
        ],
      },
    ],
    refused: [
      ...["silenced", "readonly", "moderator", "gone", "full", "lost"].map((reason) => (
        { ref: 1, what: "message", reason }
      )),
      ...["kick", "bans", "profile"].map((what) => ({ what, reason: "gone" })),
    ],
    renamed: [{ id: 2, name: "rob", before: "bob", at: 600 }],
    status: [
      { ...bob, status: "lunch", at: 620 },
      { ...bob, at: 640 },
      { ...alice, status: "lunch", at: 660 },
    ],
    topic: [
      { from: 2, name: "bob", text: "release on Friday", at: 670, sent },
      { from: 1, name: "alice", text: "", at: 690 },
      { from: 2, name: "bob", text: "release on Friday", sent },
      { text: "from the operator", sent },
    ],
    unreadable: [
      { from: 2, name: "bob", message: "it is not UTF-8", count: 1 },
      { from: 2, name: "bob", message: "it is too short", count: 3 },
    ],
    forked: [bob, { ...bob, since: sent }],
    agreed: [bob],
    keychanged: [{ id: 2, name: "bob(!)" }, { id: 2, name: "B0b#2(!)", like: "bob" }],
    // About this client too: programs can compare ids.
    away: [
      { ...bob, since: "2024-02-28T11:59:51.000Z", at: 700 },
      { ...alice, at: 720 },
      { ...bob, since: "2024-02-28T11:59:51.000Z", replaced: true, at: 730 },
    ],
    back: [{ ...bob, at: 740 }, { ...alice, at: 760 }],
    clock: [{ ahead: 7 }, { ahead: -12 }],
    warning: [{ code: "flood", message: "you are sending more than this room allows" }],
    disconnected: ["lost", "stopped", "refused"].map((reason) => (
      { reason, message: "the server has sent nothing for 30 s" }
    )),
    waiting: [{ attempt: 2, until: sent, message: "nobody answers" }],
    connected: [
      { ...alice, resumed: true, missed: 0 },
      { ...alice, resumed: true, missed: 0, unseen: 1 },
      { ...alice, resumed: true, missed: 0, unseen: 212 },
      { id: 9, name: "alice", resumed: false, missed: 0 },
      { id: 9, name: "alice", resumed: false, missed: 3 },
      { id: 9, name: "alice", resumed: false },
    ],
    caughtup: [{ messages: 4 }, { messages: 212 }],
    offer: [
      { from: 2, name: "bob", direct: false, files: [FILE] },
      { from: 2, name: "bob", direct: true, files: [FILE, FILE], sent, missing: 1 },
      { from: 2, name: "bob", direct: false, files: [FILE], free: 1048576 },
      { from: 1, name: "alice", direct: false, files: [FILE] },
    ],
    transfer: [
      ...["offered", "waiting", "running", "done", "declined", "cancelled", "failed"]
        .map((
          state,
        ) => ({
          ...GOING,
          state,
          bytes: 0,
          had: 0,
          ...(state === "done" && {
            sha256: "0123456789abcdef".repeat(4),
            path: "/home/alice/Downloads/photo.jpg",
          }),
          ...(state === "cancelled" && { reason: "cancelled" }),
          ...(state === "failed" && { reason: "other", message: "bob no longer offers it" }),
        })),
      ...FAILURES.map((reason) => (
        { ...GOING, state: "failed", bytes: 0, had: 0, reason, message: `${reason}, in words` }
      )),
      { ...GOING, state: "running", bytes: 1024, had: 0, stalled: "bob is away" },
      { ...GOING, state: "running", bytes: 1024, had: 1024 },
      { ...FILE_OUT, state: "cancelled", bytes: 0, had: 0, reason: "cancelled" },
    ],
    forgotten: [{ from: 2, name: "bob" }],
    changes: [
      {
        from: 2,
        name: "bob",
        transfers: [
          {
            ...{ ...GOING, state: "cancelled", bytes: 0, had: 0 },
            ...{ reason: "cancelled", message: "bob withdrew it" },
          },
          {
            ...{ ...GOING, transfer: 2, offer: 2, direction: "out", file: "cat.png" },
            ...{ state: "declined", bytes: 0, had: 0 },
          },
        ],
      },
      {
        from: 2,
        name: "bob",
        transfers: [2, 3].map((transfer) => (
          { ...GOING, transfer, direction: "out", state: "running", bytes: 0, had: 0 }
        )),
      },
    ],
    progress: [
      { transfer: 1, bytes: 1048576, size: 3145728, rate: 9999, left: 210 },
      { transfer: 1, bytes: 0, size: 3145728, rate: 0 },
    ],
    incomplete: [{
      path: "photos",
      count: 3,
      entries: [
        { file: "2024/pipe", message: "it is not a file" },
        { file: "b\ufffd", message: "its name is not UTF-8" },
      ],
    }],
    unsent: [{ path: "nothing", message: "Cannot read nothing: there is no file" }],
    ended: [
      { reason: "left" },
      { reason: "stopped" },
      { reason: "lost", message: "the connection was lost" },
      { reason: "refused", code: "slow", message: "you read too slowly and were disconnected" },
    ],
  };
  for (const [type, fields] of Object.entries(expected)) {
    const talk = new Talk({ json: true });
    talk.tell(...EVENTS[type as RoomEvent["type"]]);
    await talk.screen.flush();
    assertEquals(talk.lines, fields.map((rest) => ({ type, ...rest })));
    assertEquals(talk.notes, []);
  }
});

Deno.test("PlainScreen: a line of JSON starts with its type and its time", async () => {
  const talk = new Talk({ json: true });
  talk.tell({ type: "joined", who: BOB, at: 7, sent: undefined });
  await talk.screen.flush();
  assertEquals(
    talk.out,
    '{"type":"joined","time":"2024-02-28T12:00:00.500Z","id":2,"name":"bob","at":7}\n',
  );
});

Deno.test("PlainScreen: JSON holds any text, without control characters and line breaks", async () => {
  const every = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code));
  // Lone halves of surrogate pairs appear only as escapes.
  const text = every.join("") + "\ud800 \udc00 🦕";
  const talk = new Talk({ json: true });
  talk.tell(said(text));
  await talk.screen.flush();
  assertEquals(talk.lines[0]!["text"], text);
  const [line, rest] = talk.out.split("\n");
  assertEquals(rest, "");
  const found = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.exec(line!);
  assertEquals(found?.[0].codePointAt(0)?.toString(16), undefined);
});

// ---- JSON in ----

/** The requests and answers of these lines of JSON. */
async function obey(...input: string[]): Promise<Talk> {
  const talk = new Talk({ json: true, stay: true });
  talk.feed(input.map((line) => `${line}\n`).join(""));
  talk.close();
  await talk.screen.run();
  await talk.screen.flush();
  return talk;
}

Deno.test("PlainScreen.run: JSON sends messages, actions and direct messages, and answers with their numbers", async () => {
  const talk = await obey(
    '{"type":"say","text":"hello"}',
    '{"text":"waves","type":"act"}',
    ' { "type" : "tell" , "to" : "bob" , "text" : "two\\nlines" } ',
    '{"type":"tell","to":2,"text":"."}',
    '{"type":"tell","to":"bob#2","text":"\\u001b"}',
  );
  assertEquals(talk.calls, [
    "say hello",
    "act waves",
    'tell "bob" two\nlines',
    "tell 2 .",
    'tell "bob#2" \x1b',
  ]);
  assertEquals(
    talk.lines,
    talk.calls.map((_, i) => ({ type: "sent", line: i + 1, ref: i + 1 })),
  );
  assertEquals(talk.screen.faults, 0);
});

Deno.test("PlainScreen.run: JSON asks for the members, and changes the name", async () => {
  const talk = await obey('{"type":"who"}', '{"type":"rename","name":"Ada"}');
  assertEquals(talk.calls, ["rename Ada"]);
  assertEquals(talk.lines, [{ type: "members", members: [{ ...ALICE }, { ...BOB }] }]);
});

Deno.test("PlainScreen.run: JSON sets and removes the topic and the own status", async () => {
  const talk = await obey(
    ...["lunch", ""].map((text) => JSON.stringify({ type: "status", text })),
    ...["release", ""].map((text) => JSON.stringify({ type: "topic", text })),
  );
  assertEquals(talk.calls, ["status lunch", "status", "topic release", "topic "]);
  assertEquals(talk.lines, []);
});

Deno.test("PlainScreen.run: JSON asks for what moderators do", async () => {
  const talk = await obey(
    ...[
      { type: "kick", member: "bob", why: "spam" },
      { type: "ban", member: 2, seconds: 60, why: "spam" },
      { type: "ban", member: 2 },
      { type: "bans" },
      { type: "unban", ban: 1 },
      { type: "silence", member: "bob#2" },
      { type: "unsilence", member: 2 },
      { type: "lock", why: "we are complete" },
      { type: "unlock" },
      { type: "announce", text: "at noon" },
      { type: "op", member: FINGERPRINT },
      { type: "deop", member: 2 },
    ].map((line) => JSON.stringify(line)),
  );
  assertEquals(talk.lines, []);
  assertEquals(
    talk.calls,
    [
      { action: "kick", member: "bob", reason: "spam" },
      { action: "ban", member: 2, seconds: 60, reason: "spam" },
      { action: "ban", member: 2 },
      { action: "bans" },
      { action: "unban", ban: 1 },
      { action: "silence", member: "bob#2" },
      { action: "unsilence", member: 2 },
      { action: "lock", reason: "we are complete" },
      { action: "unlock" },
      { action: "announce", text: "at noon" },
      { action: "op", member: FINGERPRINT },
      { action: "deop", member: 2 },
    ].map((moderation) => `moderate ${JSON.stringify(moderation)}`),
  );
});

Deno.test("PlainScreen: a line that the room refuses later is a fault, unless a person sees it at once", () => {
  const refused = EVENTS.refused[0]!;
  for (const json of [true, false]) {
    const talk = new Talk({ json });
    talk.tell(refused);
    assertEquals(talk.screen.faults, 1);
  }
  const typed = new Talk({ onLine: () => {} });
  typed.tell(refused);
  assertEquals(typed.screen.faults, 0);
});

Deno.test("PlainScreen: after the members, a notice tells what a newcomer cannot do", () => {
  const talk = new Talk();
  talk.room.governance = { moderators: [FINGERPRINT], locked: true, readOnly: true };
  talk.tell(EVENTS.members[0]!);
  assertEquals(talk.notes, [
    "here: alice, bob",
    "read-only: only moderators speak to the room; locked: no newcomers",
  ]);
});

Deno.test("PlainScreen.run: JSON hurries a lost connection", async () => {
  const talk = await obey('{"type":"reconnect"}');
  assertEquals([talk.calls, talk.lines], [["reconnect"], []]);
});

Deno.test("PlainScreen.run: JSON leaves once everything is confirmed, even with stay, and reads no further", async () => {
  for (const stay of [false, true]) {
    const talk = new Talk({ json: true, stay });
    talk.feed(
      '{"type":"say","text":"bye"}\n{"type":"leave"}\n{"type":"say","text":"no"}\nno JSON\n',
    );
    const running = talk.screen.run();
    await settled();
    assertEquals([talk.calls, talk.reads], [["say bye"], 1]);
    talk.confirm(1);
    await running;
    assertEquals([talk.calls, talk.screen.faults], [["say bye", "leave"], 0]);
  }
});

Deno.test("PlainScreen.run: the longest message fits into a line of JSON in its longest spelling", async () => {
  const talk = new Talk({ json: true, stay: true, info: { maxText: 300_000 } });
  const space = " ".repeat(500);
  talk.feed(`{"type":"say",${space}"text":"${"\\u0041".repeat(300_000)}"}\n`);
  talk.feed(" ".repeat(6 * 300_000 + 2000));
  talk.close();
  await talk.screen.run();
  await talk.screen.flush();
  assertEquals(talk.calls, [`say ${"A".repeat(300_000)}`]);
  assertEquals(talk.lines.slice(1), [{
    type: "error",
    line: 2,
    code: "long",
    message: "Cannot read this line: it has 1802000 bytes; the limit is 1801024",
  }]);
});

Deno.test("PlainScreen.run: invalid JSON is answered with its line number, and has no effect", async () => {
  const types =
    "say, act, edit, delete, react, tell, rename, status, topic, offer, give, accept, decline, cancel, " +
    "kick, ban, bans, unban, silence, unsilence, lock, unlock, announce, op, deop, " +
    "transfers, who, reconnect, leave";
  const cases: Record<string, string> = {
    "hello": "it is not JSON",
    '{"type":"say","text":"a"': "it is not JSON",
    "{'type':'leave'}": "it is not JSON",
    "null": "it must be a JSON object",
    "[]": "it must be a JSON object",
    '"say"': "it must be a JSON object",
    "1.5": "it must be a JSON object",
    "{}": `"type" must be one of ${types}`,
    '{"type":1}': `"type" must be one of ${types}`,
    '{"type":"message"}': `"type" must be one of ${types}`,
    '{"type":"toString"}': `"type" must be one of ${types}`,
    '{"type":"__proto__"}': `"type" must be one of ${types}`,
    '{"type":"say"}': '"text" must be a string',
    '{"type":"say","text":1}': '"text" must be a string',
    '{"type":"act","text":null}': '"text" must be a string',
    '{"type":"tell","text":"a"}': '"to" must be a string or a number',
    '{"type":"tell","to":["bob"],"text":"a"}': '"to" must be a string or a number',
    '{"type":"tell","to":"bob"}': '"text" must be a string',
    '{"type":"rename"}': '"name" must be a string',
    '{"type":"status"}': '"text" must be a string',
    '{"type":"topic","text":null}': '"text" must be a string',
    '{"type":"who","text":"a"}': '"who" has no field "text"',
    '{"type":"who","toString":1}': '"who" has no field "toString"',
    '{"type":"reconnect","text":"a"}': '"reconnect" has no field "text"',
    '{"type":"leave","ref":1}': '"leave" has no field "ref"',
    '{"type":"say","text":"a","to":2}': '"say" has no field "to"',
    '{"type":"say","text":"a","\\u001b[2J":2}': '"say" has no field "␛[2J"',
    '{"type":"say","text":"a","__proto__":2}': '"say" has no field "__proto__"',
    '{"type":"say","text":"a\\ud83d"}': '"text" has half of a surrogate pair',
    '{"type":"tell","to":"\\udc4d","text":"a"}': '"to" has half of a surrogate pair',
    '{"type":"topic","text":"\\udc4d\\ud83d"}': '"text" has half of a surrogate pair',
    '{"type":"offer","path":""}': '"path" must not be empty',
    '{"type":"give","to":"bob","path":""}': '"path" must not be empty',
  };
  const codeOf = (fault: string) => {
    if (fault.startsWith("it ") || fault.endsWith("surrogate pair")) return "syntax";
    return fault.startsWith('"type"') ? "type" : "field";
  };
  const talk = await obey(...Object.keys(cases));
  assertEquals(talk.calls, []);
  const answers = talk.lines.map(({ hint: _, ...answer }) => answer);
  assertEquals(
    answers,
    Object.values(cases).map((fault, i) => (
      {
        type: "error",
        line: i + 1,
        code: codeOf(fault),
        message: `Cannot read this line: ${fault}`,
      }
    )),
  );
  assertEquals(
    talk.lines[0]!["hint"],
    'Write one JSON object per line, for example {"type":"say","text":"hello"}',
  );
  assertEquals(talk.screen.faults, answers.length);
  assertEquals(talk.notes, []);
});

Deno.test("PlainScreen.run: blank lines between JSON are ignored, and counted", async () => {
  const talk = await obey("", " \t", '{"type":"say","text":"a"}', "\r", "no JSON");
  assertEquals(talk.calls, ["say a"]);
  assertEquals(talk.lines.map(({ type, line }) => [type, line]), [["sent", 3], ["error", 5]]);
  assertEquals(talk.screen.faults, 1);
});

Deno.test("PlainScreen.run: JSON sends no text that has nothing but blanks", async () => {
  const talk = await obey(
    '{"type":"say","text":""}',
    '{"type":"act","text":" \\n\\t"}',
    '{"type":"tell","to":"bob","text":"\\u3000"}',
    '{"type":"status","text":" "}',
    '{"type":"topic","text":"\\t"}',
    '{"type":"say","text":" a "}',
  );
  assertEquals(talk.calls, ["say  a "]);
  assertEquals(talk.lines.map(({ code }) => code), [...Array(5).fill("empty"), undefined]);
  assertEquals(
    talk.lines[4]!["message"],
    'Cannot set the topic: "text" has nothing but blanks; "" removes it',
  );
});

Deno.test("PlainScreen.run: an error of the room is answered in JSON, with its hint", async () => {
  const talk = new Talk({ json: true, stay: true });
  talk.room.refusal = new ChatError("Cannot do it", { hint: "Try again" });
  talk.feed('{"type":"say","text":"a"}\n{"type":"rename","name":"b"}\n');
  talk.close();
  await talk.screen.run();
  await talk.screen.flush();
  assertEquals(
    talk.lines,
    [1, 2].map((line) => (
      { type: "error", line, code: "other", message: "Cannot do it", hint: "Try again" }
    )),
  );
});
