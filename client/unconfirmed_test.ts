import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError, ProtocolError } from "../errors.ts";
import { AckOutcome, type Frame, Type } from "../protocol.ts";
import { type Content, decodeEnvelope } from "../protocol/envelope.ts";
import { EventLog, OpenCipher, openSession, OWN_ID } from "../tests/support/offline_client.ts";
import { Members } from "./members.ts";
import type { Person } from "../room.ts";
import type { ReadMessage } from "./received.ts";
import type { ClientSession } from "./session.ts";
import {
  KEPT_MESSAGES,
  outcomeOf,
  type PendingRoom,
  REPEAT_BYTES,
  REPEAT_MESSAGES,
  REUNION_MEMBERS,
  Unconfirmed,
} from "./unconfirmed.ts";

/** The reference of a message. */
const RE = "00112233445566778899aabbccddeeff";
/** Longer than any test. */
const NEVER_MS = 3_600_000;

/** A client whose list of members is complete: it and the named ones, with ids from 1 but for its own. */
function open(
  names: readonly string[],
  { cipher = new OpenCipher(), receiverMs = NEVER_MS, noticeMs = NEVER_MS } = {},
) {
  const first = openSession({}, cipher);
  first.session.complete = true;
  const members = new Members(undefined, first.session, "guest", () => {});
  names.forEach((name, i) => members.meet(i + (i < OWN_ID - 1 ? 1 : 2), () => ({ name })));
  const log = new EventLog();
  const unconfirmed = new Unconfirmed(first.session, members, log.add, receiverMs, noticeMs);
  /** Begins another session; with `isRestart` that of another server. Members are met later. */
  const renew = (isRestart: boolean) => {
    const peers = members.others.map(({ id }) => members.peerIdOf(id));
    const next = openSession({}, cipher, isRestart);
    members.renew(next.session, "guest");
    const loss = { lostAt: performance.now(), members: peers };
    unconfirmed.renew(next.session, isRestart ? loss : undefined);
    return next;
  };
  const complete = (session: ClientSession) => {
    session.complete = true;
    unconfirmed.complete();
  };
  return { ...first, members, log, unconfirmed, renew, complete };
}

/** Text, number and kind of a sent message. */
function contents(frames: readonly Frame[]) {
  return frames.map(({ id, body }) => {
    const envelope = decodeEnvelope(body);
    assert(envelope.kind === "text");
    return [id, envelope.text, envelope.number!.seq, envelope.number!.replay] as const;
  });
}

const textsOf = (frames: readonly Frame[]) => contents(frames).map(([, text]) => text);

const said = (text: string): Content => ({ kind: "text", text });

/** A message as it comes back from the room. */
function echo(text: string, more: { content?: Content; missing?: number } = {}): ReadMessage {
  const { content = said(text), missing = 0 } = more;
  const from = { id: OWN_ID, name: "guest", self: true, away: false };
  const message = { from, text, action: false, sent: undefined, missing };
  return {
    ...{ type: "message", message, content },
    ...{ number: undefined, id: undefined, fileMessages: undefined, refused: 0 },
  };
}

Deno.test("Unconfirmed: numbers room messages and direct messages separately, and counts refs over both", () => {
  const { unconfirmed, members, carrier } = open(["ada"]);
  const ada = members.find("ada", "send to");
  assertEquals([
    unconfirmed.say(said("one")).ref,
    unconfirmed.tell(ada, "two"),
    unconfirmed.say(said("three")).ref,
  ], [1, 2, 3]);
  assertEquals(contents(carrier.take()), [
    [0, "one", 1, false],
    [1, "two", 1, false],
    [0, "three", 2, false],
  ]);
  assertEquals(unconfirmed.pending.map(({ ref, text }) => [ref, text]), [
    [1, "one"],
    [2, "two"],
    [3, "three"],
  ]);
});

Deno.test("Unconfirmed.sayFiles: is not part of `pending`, and uses no ref", () => {
  const { unconfirmed } = open([]);
  unconfirmed.say({ kind: "file", body: Uint8Array.of(1) });
  assertEquals(unconfirmed.pending, []);
  assertEquals(unconfirmed.say(said("one")).ref, 1);
});

Deno.test("Unconfirmed.takeEcho: confirms the oldest message, which the outbox then drops", () => {
  const { unconfirmed, session } = open([]);
  unconfirmed.say(said("one"));
  unconfirmed.say(said("two"));
  const { bytes } = session.outbox;
  assertEquals(unconfirmed.takeEcho(echo("one"))?.ref, 1);
  assert(session.outbox.bytes < bytes);
  assertEquals(unconfirmed.pending.map(({ text }) => text), ["two"]);
});

/** How many refused messages each sent one counts directly before it. */
const countsOf = (frames: readonly Frame[]) =>
  frames.map(({ body }) => decodeEnvelope(body).refused ?? 0);

Deno.test("Unconfirmed.refuse: the next message says how many were refused, also if that one is refused, too", () => {
  const { unconfirmed, carrier, session } = open([]);
  for (const text of ["one", "two", "three"]) unconfirmed.say(said(text));
  assertEquals(countsOf(carrier.take()), [0, 0, 0]);
  assertEquals(unconfirmed.takeEcho(echo("one"))?.ref, 1);
  assertEquals(unconfirmed.refuse(2)?.text, "two");
  assertEquals(unconfirmed.refuse(3)?.text, "three");
  assertEquals([unconfirmed.pending, session.outbox.bytes], [[], 0]);
  assertEquals(unconfirmed.refuse(3), undefined);
  unconfirmed.say(said("four"));
  assertEquals(countsOf(carrier.take()), [2]);
  assertEquals(unconfirmed.refuse(4)?.text, "four");
  unconfirmed.say(said("five"));
  unconfirmed.say(said("six"));
  assertEquals(countsOf(carrier.take()), [3, 0]);
});

Deno.test("Unconfirmed: a message comes back before the answers to refused ones; nothing else may be missing", () => {
  const sealed = () => open([], { cipher: new OpenCipher({}) });
  const texts = ["one", "two", "three"] as const;
  const { unconfirmed } = sealed();
  const [, , three] = texts.map((text) => unconfirmed.say(said(text)));
  const late = (missing: number) => ({ ...echo("three", { missing }), number: three!.number });
  assertEquals(unconfirmed.takeEcho(late(2))?.text, "three");
  // They are pending until the room answers.
  assertEquals(unconfirmed.pending.map(({ text }) => text), ["one", "two"]);
  assertEquals([1, 2].map((count) => unconfirmed.refuse(count)?.text), ["one", "two"]);
  assertEquals(unconfirmed.pending, []);
  // Sealed before the answer came, so its seal does not count the one before it.
  const again = sealed();
  const [, next] = ["one", "two"].map((text) => again.unconfirmed.say(said(text)));
  again.unconfirmed.refuse(1);
  const echoed = { ...echo("two", { missing: 1 }), number: next!.number };
  assertEquals(again.unconfirmed.takeEcho(echoed)?.text, "two");
  // The room has dropped more than it refused.
  const forged = sealed();
  const [, last] = ["one", "two"].map((text) => forged.unconfirmed.say(said(text)));
  const wrong = { ...echo("two", { missing: 2 }), number: last!.number };
  assertThrows(() => forged.unconfirmed.takeEcho(wrong), ProtocolError, "altered your message");
});

Deno.test("Unconfirmed.renew: what was refused is not sent again, and is reported", () => {
  const { unconfirmed, carrier, log, renew } = open([]);
  const [, two] = ["one", "two", "three"].map((text) => unconfirmed.say(said(text)));
  carrier.take();
  unconfirmed.takeEcho({ ...echo("two"), number: two!.number });
  const next = renew(false);
  assertEquals(contents(next.carrier.take()).map(([, text]) => text), ["three"]);
  const [event] = log.events;
  assert(event?.type === "refused");
  assertEquals([event.ref, event.text], [1, "one"]);
});

Deno.test("Unconfirmed.takeEcho: in a sealed room the echo must equal the message", () => {
  const body = Uint8Array.of(1, 2);
  const cases: [(unconfirmed: Unconfirmed) => PendingRoom | undefined, ReadMessage][] = [
    [() => undefined, echo("one")],
    [(one) => one.say(said("one")), echo("other")],
    [(one) => one.say(said("one")), echo("one", { missing: 1 })],
    [(one) => one.say(said("one")), echo("one", { content: { kind: "file", body } })],
    [(one) => one.say({ kind: "file", body }), echo("")],
    [
      (one) => one.say({ kind: "edit", text: "one", re: RE }),
      echo("one", { content: { kind: "edit", text: "one", re: RE.replace("0", "1") } }),
    ],
    [
      (one) => one.say({ kind: "react", text: "👍", re: RE }),
      echo("👍", { content: { kind: "unreact", text: "👍", re: RE } }),
    ],
    [
      (one) => one.say({ kind: "file", body }),
      echo("", { content: { kind: "file", body: Uint8Array.of(1, 3) } }),
    ],
  ];
  for (const [send, altered] of cases) {
    const sealed = open([], { cipher: new OpenCipher({}) }).unconfirmed;
    send(sealed);
    assertThrows(() => sealed.takeEcho(altered), ProtocolError, "the server altered your message");
    // Nothing can be proved in an xor room.
    const xor = open([]).unconfirmed;
    send(xor);
    xor.takeEcho(altered);
  }
  const sealed = open([], { cipher: new OpenCipher({}) }).unconfirmed;
  sealed.say({ kind: "file", body });
  const same = echo("", { content: { kind: "file", body: body.slice() } });
  assertEquals(sealed.takeEcho(same)?.content, { kind: "file", body });
});

Deno.test("Unconfirmed.acknowledge: takes answers in the order of the messages, and no others", () => {
  const { unconfirmed, members } = open(["ada", "ben"]);
  const [ada, ben] = [members.find("ada", "send to"), members.find("ben", "send to")];
  unconfirmed.tell(ada, "one");
  unconfirmed.addFile({ to: ben, frame: 2, fileMessages: { refused: 0, messages: [] } });
  const first = unconfirmed.acknowledge(ada.id, 1);
  assert("text" in first);
  assertEquals(outcomeOf(first, AckOutcome.BUSY), {
    ...{ type: "undelivered", ref: 1, to: ada, text: "one", reason: "busy" },
  });
  assertEquals(outcomeOf(first, AckOutcome.ACCEPTED).type, "delivered");
  assert("fileMessages" in unconfirmed.acknowledge(ben.id, 2));
  assertThrows(() => unconfirmed.acknowledge(ben.id, 3), ProtocolError);
  unconfirmed.tell(ada, "two");
  assertThrows(() => unconfirmed.acknowledge(ben.id, 4), ProtocolError);
});

Deno.test("Unconfirmed.tell: refuses a member that no key is known of, and sends nothing", () => {
  const { unconfirmed, members, carrier } = open(["ada"], { cipher: new OpenCipher({}) });
  const ada = members.find("ada", "send to");
  assertThrows(() => unconfirmed.tell(ada, "one"), ChatError, "nothing proves who that is");
  assertEquals([unconfirmed.pending, carrier.take()], [[], []]);
});

Deno.test("Unconfirmed.renew: sends unconfirmed messages again, with the same numbers", () => {
  const { unconfirmed, renew } = open([]);
  for (const text of ["one", "two", "three"]) unconfirmed.say(said(text));
  unconfirmed.takeEcho(echo("one"));
  const { carrier } = renew(false);
  assertEquals(contents(carrier.take()), [[0, "two", 2, false], [0, "three", 3, false]]);
});

Deno.test("Unconfirmed.renew: a restarted server also gets the last confirmed messages, as replays", () => {
  const { unconfirmed, renew } = open([]);
  for (const text of ["one", "two"]) unconfirmed.say(said(text));
  unconfirmed.takeEcho(echo("one"));
  const { carrier } = renew(true);
  assertEquals(contents(carrier.take()), [[0, "one", 1, true], [0, "two", 2, false]]);
  // The echo of a replay is not a new message, and is not sent a third time.
  assertEquals(unconfirmed.pending.map(({ text }) => text), ["two"]);
  assertEquals(unconfirmed.takeEcho(echo("one"))?.repeated, true);
  assertEquals(unconfirmed.takeEcho(echo("two"))?.repeated, false);
});

Deno.test("Unconfirmed: replays at most REPEAT_MESSAGES and REPEAT_BYTES, the last ones", () => {
  const size = REPEAT_BYTES / 4;
  for (
    const [length, expected] of [[1, REPEAT_MESSAGES], [size, 4], [size + 1, 3]] as const
  ) {
    const { unconfirmed, carrier, renew } = open([]);
    const texts = Array.from({ length: REPEAT_MESSAGES + 1 }, (_, i) => `${i % 10}`.repeat(length));
    for (const text of texts) {
      unconfirmed.say(said(text));
      unconfirmed.takeEcho(echo(text));
      carrier.take();
    }
    assertEquals(textsOf(renew(true).carrier.take()), texts.slice(-expected));
  }
});

Deno.test("Unconfirmed.joined: a member that comes back after the restart gets the last messages, once", () => {
  const { unconfirmed, members, renew, complete } = open(["ada", "ben"]);
  unconfirmed.say(said("one"));
  unconfirmed.takeEcho(echo("one"));
  const { session, carrier } = renew(true);
  // Ada was back first: she has received the replay that followed WELCOME.
  members.meet(11, () => ({ name: "ada" }));
  complete(session);
  assertEquals(textsOf(carrier.take()), ["one"]);
  members.meet(12, () => ({ name: "carol" }));
  unconfirmed.joined(12);
  assertEquals(carrier.take(), []);
  members.meet(13, () => ({ name: "ben" }));
  unconfirmed.joined(13);
  assertEquals(textsOf(carrier.take()), ["one"]);
  members.roster.remove(13);
  members.meet(14, () => ({ name: "ben" }));
  unconfirmed.joined(14);
  assertEquals(carrier.take(), []);
  unconfirmed.close();
});

Deno.test("Unconfirmed.joined: in a large room returning members do not get the last messages again", () => {
  for (const count of [REUNION_MEMBERS - 1, REUNION_MEMBERS]) {
    const names = Array.from({ length: count }, (_, i) => `member-${i}`);
    const { unconfirmed, members, renew, complete } = open(names);
    unconfirmed.say(said("one"));
    unconfirmed.takeEcho(echo("one"));
    const { session, carrier } = renew(true);
    complete(session);
    carrier.take();
    members.meet(100, () => ({ name: "member-0" }));
    unconfirmed.joined(100);
    assertEquals(carrier.take().length, count < REUNION_MEMBERS ? 1 : 0);
  }
});

Deno.test("Unconfirmed: a direct message waits for its receiver, and follows earlier ones", () => {
  const { unconfirmed, members, renew, complete } = open(["ada"]);
  unconfirmed.tell(members.find("ada", "send to"), "one");
  const { session, carrier } = renew(true);
  members.meet(11, () => ({ name: "ada" }));
  unconfirmed.tell(members.find("ada", "send to"), "two");
  unconfirmed.reunite();
  assertEquals(carrier.take().filter(({ type }) => type === Type.MESSAGE), []);
  complete(session);
  assertEquals(contents(carrier.take()), [[11, "one", 1, false], [11, "two", 2, false]]);
  assertEquals(unconfirmed.pending.map(({ ref }) => ref), [1, 2]);
  unconfirmed.close();
});

Deno.test("Unconfirmed: file messages end with their session", () => {
  const { unconfirmed, members, renew, complete } = open(["ada"]);
  const to = members.find("ada", "send to");
  unconfirmed.addFile({ to, frame: 1, fileMessages: { refused: 0, messages: [] } });
  const { session, carrier } = renew(false);
  members.meet(11, () => ({ name: "ada" }));
  complete(session);
  assertEquals(carrier.take(), []);
  unconfirmed.tell(members.find("ada", "send to"), "one");
  // The answers are counted from 1 again.
  assert("text" in unconfirmed.acknowledge(11, 1));
});

Deno.test("Unconfirmed: a receiver that does not come back is reported at once when its time is over", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { unconfirmed, members, log, renew, complete, carrier } = open(["ada"], { receiverMs: 1 });
  const to = members.find("ada", "send to");
  unconfirmed.tell(to, "one");
  carrier.take();
  const next = renew(true);
  log.onAdd = resolve;
  complete(next.session);
  await promise;
  assertEquals(log.events, [{ type: "undelivered", ref: 1, to, text: "one", reason: "gone" }]);
  assertEquals([unconfirmed.pending, next.carrier.sent, next.carrier.take()], [[], [], []]);
});

Deno.test("Unconfirmed: a new session also gets what the server took shortly before it noticed the loss", () => {
  for (const noticeMs of [NEVER_MS, 0]) {
    const { unconfirmed, members, carrier } = open(["ada", "ben"], { noticeMs });
    const [ada, ben] = [members.find("ada", "send to"), members.find("ben", "send to")];
    let answered = 0;
    const tell = (to: Person, text: string) => {
      unconfirmed.tell(to, text);
      const pending = unconfirmed.acknowledge(to.id, ++answered);
      assert("text" in pending);
      unconfirmed.taken(pending, false);
    };
    tell(ada, "to ada");
    tell(ben, "to ben");
    carrier.take();
    unconfirmed.away(ada.id);
    unconfirmed.follow(ada.id, ben);
    const again = contents(carrier.take()).map(([, text]) => text);
    assertEquals(again, noticeMs === 0 ? [] : ["to ada"]);
    for (const _ of again) unconfirmed.acknowledge(ben.id, ++answered);
    // A member that resumed has got everything.
    tell(ada, "again");
    carrier.take();
    unconfirmed.forget(ada.id);
    unconfirmed.away(ada.id);
    unconfirmed.follow(ada.id, ben);
    assertEquals(carrier.take(), []);
  }
});

Deno.test("Unconfirmed: keeps the last direct messages to members that are away, until they are back or have left", () => {
  const { unconfirmed, members, carrier } = open(["ada", "ben"]);
  const [ada, ben] = [members.find("ada", "send to"), members.find("ben", "send to")];
  const keep = (to: Person, text: string) => {
    unconfirmed.tell(to, text);
    const pending = unconfirmed.acknowledge(to.id, ++answered);
    assert("text" in pending);
    unconfirmed.taken(pending, true);
  };
  let answered = 0;
  keep(ben, "to ben");
  for (let i = 0; i < KEPT_MESSAGES; i++) keep(ada, `${i}`);
  carrier.take();
  unconfirmed.follow(ben.id, ada);
  assertEquals(carrier.take(), []);
  unconfirmed.follow(ada.id, ben);
  const sent = contents(carrier.take());
  assertEquals([sent.length, sent[0]!.slice(0, 2)], [KEPT_MESSAGES, [ben.id, "0"]]);
  assertEquals(unconfirmed.pending, []);
  unconfirmed.follow(ada.id, ben);
  assertEquals(carrier.take(), []);
  for (const _ of sent) unconfirmed.acknowledge(ben.id, ++answered);
  // Long texts are fewer.
  for (let i = 0; i < 5; i++) keep(ada, `${i}`.padEnd(250_000));
  carrier.take();
  unconfirmed.follow(ada.id, ben);
  assertEquals(textsOf(carrier.take()).map((text) => text.trim()), ["1", "2", "3", "4"]);
  for (let i = 1; i < 5; i++) unconfirmed.acknowledge(ben.id, ++answered);
  keep(ada, "one");
  carrier.take();
  unconfirmed.forget(ada.id);
  unconfirmed.follow(ada.id, ben);
  assertEquals(carrier.take(), []);
});
