import { assert, assertEquals, assertThrows } from "@std/assert";
import { fingerprint, Identity } from "../cipher/identity.ts";
import { Verifier } from "../cipher/verifier.ts";
import { ChatError, ProtocolError } from "../errors.ts";
import { AckOutcome, type Frame, frameAt } from "../protocol.ts";
import {
  encodeBans,
  encodeNotice,
  moderateBytes,
  NO_RULES,
  type Notice,
  parseModerate,
  type Rules,
} from "../protocol/moderation.ts";
import { drawToken } from "../protocol/resume.ts";
import { findPerson, type Moderation } from "../room.ts";
import { framesIn } from "../tests/support/offline_client.ts";
import { Governing } from "./governing.ts";
import { Outbox } from "./outbox.ts";
import { Roster } from "./roster.ts";

const NOON = Date.UTC(2026, 0, 31, 12);
const [OWN, ADA, BOB] = [7, 1, 2] as const;
const IDENTITY = Identity.generate();
const KEY = fingerprint(IDENTITY.publicKey);
const ADAS_KEY = fingerprint(Identity.generate().publicKey);
const { ACCEPTED, BUSY, GONE, REFUSED } = AckOutcome;

/** A session in a room of three. */
class Seat {
  readonly id = OWN;
  readonly key: Uint8Array<ArrayBuffer> | undefined = crypto.getRandomValues(new Uint8Array(64));
  readonly log = drawToken();
  readonly outbox = new Outbox(undefined);
  advance(): number {
    return 1;
  }
  advanceOwn(): void {}
}

function open(rules: Partial<Rules> = {}, { isOpen = false } = {}) {
  const roster = new Roster(OWN);
  for (const [id, name] of [[OWN, "me"], [ADA, "ada"], [BOB, "bob"]] as const) {
    roster.setName(id, name);
  }
  roster.setKey(ADA, ADAS_KEY);
  const topics: string[] = [];
  const session = new Seat();
  const nonce = drawToken();
  const members = {
    roster,
    others: () => roster.people(),
    find(who: string | number) {
      const person = findPerson(roster.people(), who);
      if (typeof person !== "string") return person;
      throw new ChatError("Cannot find them");
    },
  };
  const governing = new Governing(session, { ...NO_RULES, ...rules }, nonce, {
    ...{
      members: members as never,
      identity: isOpen ? undefined : IDENTITY,
      now: () => new Date(NOON),
    },
    setTopic: (text) => topics.push(text),
  });
  const notice = (by: number, notice: Notice) =>
    governing.take(frameAt(encodeNotice(by, notice) as Uint8Array<ArrayBuffer>));
  return { governing, session, nonce, roster, topics, notice };
}

/** What goes out over this connection: each is valid there, and nowhere else. */
function sent({ session }: { session: Seat }, nonce: string) {
  const frames: Frame[] = [];
  for (let bytes = session.outbox.take(); bytes; bytes = session.outbox.take()) {
    frames.push(...framesIn(bytes));
  }
  return frames.map(({ body }) => {
    const { key, signature, number, json, act } = parseModerate(body as Uint8Array<ArrayBuffer>);
    const { key: sessionKey, log, id } = session;
    const binding = { sessionKey: sessionKey!, log, id, nonce };
    const verifier = new Verifier(key);
    assert(verifier.verify(moderateBytes(binding, number, json), signature));
    assert(
      !verifier.verify(moderateBytes({ ...binding, nonce: drawToken() }, number, json), signature),
    );
    return [number, act];
  });
}

Deno.test("Governing: a client whose key is a moderator's proves that by itself, once", () => {
  const seat = open({ moderators: [KEY] });
  assertEquals(sent(seat, seat.nonce), [[1, { action: "prove" }]]);
  assertEquals(seat.governing.answered(1, ACCEPTED), { event: undefined });
  const appointed = open();
  assertEquals(sent(appointed, appointed.nonce), []);
  // A server cannot make it send one each time.
  for (let i = 0; i < 100; i++) {
    for (const action of ["op", "deop"]) appointed.notice(0, { action, key: KEY });
  }
  assertEquals(sent(appointed, appointed.nonce), [[1, { action: "prove" }]]);
  // The appointment had ended before the server took it.
  assertEquals(appointed.governing.answered(1, REFUSED), { event: undefined });
  appointed.notice(0, { action: "op", key: KEY });
  assertEquals(sent(appointed, appointed.nonce), [[2, { action: "prove" }]]);
});

Deno.test("Governing: nothing is signed without an identity, or without a moderator's key", () => {
  const without = open({ moderators: [KEY] }, { isOpen: true });
  const none = open({ moderators: [ADAS_KEY] });
  for (const [seat, refusal] of [[without, "noproof"], [none, "moderator"]] as const) {
    const { governing, session } = seat;
    for (const action of ["kick", "ban", "silence", "op"] as const) {
      const error = assertThrows(() => governing.moderate({ action, member: "bob" }), ChatError);
      assertEquals(error.refusal, refusal);
    }
    assertEquals(session.outbox.count, 0);
  }
});

Deno.test("Governing.resume: what the server has not taken is signed again for the new connection, at its place", () => {
  const seat = open({ moderators: [KEY] });
  const { governing, session } = seat;
  governing.moderate({ action: "announce", text: "soon" });
  session.outbox.put(encodeNotice(0, { action: "lock" }));
  governing.moderate({ action: "kick", member: "bob", reason: "spam" });
  const { bytes } = session.outbox;
  session.outbox.take();
  // The server has taken the first two.
  session.outbox.accept(2);
  const nonce = drawToken();
  governing.resume(nonce);
  session.outbox.accept(3);
  session.outbox.rewind();
  assertEquals(sent(seat, nonce), [[4, { action: "kick", member: BOB, reason: "spam" }]]);
  assert(session.outbox.bytes < bytes);
  assertEquals(governing.answered(2, ACCEPTED), { event: undefined });
  assertEquals(governing.answered(4, GONE)?.event, {
    ...{ type: "refused", ref: undefined, what: "kick", text: "", reason: "gone" },
  });
  assertEquals(governing.answered(4, GONE), undefined);
});

Deno.test("Governing: what was refused has a reason; what was not answered in its session may have been done", () => {
  const { governing } = open({ moderators: [KEY] });
  const reasons = [[BUSY, "full"], [GONE, "gone"], [REFUSED, "moderator"]] as const;
  for (const [i, [outcome, reason]] of reasons.entries()) {
    governing.moderate({ action: "lock" });
    const event = governing.answered(2 + i, outcome)?.event;
    assert(event?.type === "refused" && event.reason === reason);
  }
  governing.moderate({ action: "unban", ban: 3 });
  const lost = governing.renew(new Seat(), NO_RULES, drawToken());
  assertEquals(lost.map((event) => event.type === "refused" && [event.what, event.reason]), [
    ["unban", "lost"],
  ]);
});

Deno.test("Governing: notices change the rules, and name their member, also after it has left", () => {
  const { governing, notice, roster, topics } = open();
  assertEquals(governing.state, { moderators: [], locked: false, readOnly: false });
  notice(0, { action: "op", key: ADAS_KEY });
  notice(ADA, { action: "lock" });
  notice(0, { action: "readonly" });
  notice(0, { action: "topic", text: "Release on Friday" });
  assertEquals(governing.state, { moderators: [ADAS_KEY], locked: true, readOnly: true });
  assertEquals([governing.muteness, topics], ["readonly", ["Release on Friday"]]);
  notice(ADA, { action: "silence", member: OWN });
  assertEquals(governing.muteness, "silenced");
  const ban = notice(ADA, { action: "ban", member: BOB, ban: 4, until: NOON, reason: "spam" });
  assert(ban?.type === "notice");
  assertEquals([ban.by?.name, ban.who?.name, ban.ban, ban.reason], ["ada", "bob", 4, "spam"]);
  roster.remove(BOB);
  const bans = governing.takeBans(frameAt(encodeBans(OWN, [
    { ban: 4, member: BOB, by: ADA, since: NOON },
    { ban: 5, member: 0, by: 0, since: NOON, reason: "earlier" },
  ])));
  assert(bans.type === "bans");
  assertEquals(bans.bans.map(({ who, by }) => [who?.name, by?.name]), [
    ["bob", "ada"],
    [undefined, undefined],
  ]);
  const ended = [4, 4, 5].map((ban) => notice(ADA, { action: "unban", ban }));
  assertEquals(ended.map((one) => one?.type === "notice" && one.who?.name), [
    ...["bob", undefined, undefined],
  ]);
});

Deno.test("Governing: /op NAME means no member that uses another's name; with its mark or its id it does", () => {
  const seat = open({ moderators: [KEY] });
  const { governing, roster, nonce } = seat;
  const bobs = fingerprint(Identity.generate().publicKey);
  roster.setKey(BOB, bobs);
  roster.setOtherKey(BOB, true);
  const error = assertThrows(() => governing.moderate({ action: "op", member: "bob" }), ChatError);
  assertEquals(error.refusal, "keychanged");
  assertEquals(
    error.message,
    "Cannot make a moderator of bob: this is not the key that you know under that name",
  );
  for (const member of ["bob(!)", `#${BOB}`, BOB, bobs]) {
    governing.moderate({ action: "op", member });
  }
  governing.moderate({ action: "deop", member: "bob" });
  assertEquals(sent(seat, nonce).slice(1).map(([, act]) => act), [
    ...Array(4).fill({ action: "op", key: bobs }),
    { action: "deop", key: bobs },
  ]);
});

Deno.test("Governing: a person with several sessions is one moderator, and each session is meant", () => {
  const seat = open({ moderators: [KEY] });
  const { governing, roster, nonce, notice } = seat;
  for (const id of [ADA, 8, 9]) {
    roster.setName(id, "ada");
    roster.setKey(id, ADAS_KEY);
  }
  assertEquals(roster.person(9).name, "ada#9");
  governing.moderate({ action: "op", member: "ada" });
  assertEquals(sent(seat, nonce)[1], [2, { action: "op", key: ADAS_KEY }]);
  roster.setOtherKey(9, true);
  assertThrows(() => governing.moderate({ action: "op", member: "ada" }), ChatError);
  // The notice concerns this session, too.
  roster.setKey(BOB, KEY);
  // It is not the first one.
  roster.remove(OWN);
  roster.setName(OWN, "me");
  roster.setKey(OWN, KEY);
  const event = notice(0, { action: "deop", key: KEY });
  assert(event?.type === "notice" && event.who?.self);
});

Deno.test("Governing: an act without an answer is pending", () => {
  const { governing } = open({ moderators: [KEY] });
  assertEquals(governing.state.isPending, undefined);
  governing.moderate({ action: "lock" });
  assertEquals(governing.state.isPending, true);
  governing.answered(2, ACCEPTED);
  assertEquals(governing.state.isPending, undefined);
});

Deno.test("Governing: a notice of a later version is no event; a malformed one ends the connection", () => {
  const { governing, notice } = open();
  const before = governing.state;
  for (const action of ["promote", "constructor", "__proto__", ""]) {
    assertEquals(notice(ADA, { action, member: BOB }), undefined);
  }
  assertEquals(governing.state, before);
  for (
    const bad of [{ action: "kick" }, { action: "op", key: "x" }, { action: "lock", reason: 7 }]
  ) {
    assertThrows(() => notice(ADA, bad as Notice), ProtocolError);
  }
});

Deno.test("Governing: no server fills the memory with keys and ids", () => {
  const { governing, notice } = open();
  for (let i = 1; i <= 1_500; i++) {
    const key = fingerprint(new Uint8Array(32).fill(i).fill(i >> 8, 0, 1));
    notice(0, { action: "op", key });
    notice(0, { action: "silence", member: 1_000 + i });
  }
  assert(governing.state.moderators.length <= 1_000);
  assert(!governing.isSilenced(1_001));
});

Deno.test("Governing: a server cannot invent acts of this client, repeat them, or change them", () => {
  const acts: readonly [Moderation, Notice][] = [
    [{ action: "kick", member: "bob", reason: "spam" }, {
      ...{ action: "kick", member: BOB, reason: "spam" },
    }],
    [{ action: "ban", member: "bob", seconds: 60 }, {
      ...{ action: "ban", member: BOB, ban: 3, until: NOON },
    }],
    [{ action: "ban", member: "bob" }, { action: "ban", member: BOB }],
    [{ action: "unban", ban: 3 }, { action: "unban", ban: 3 }],
    [{ action: "silence", member: "bob" }, { action: "silence", member: BOB }],
    [{ action: "lock", reason: "late" }, { action: "lock", reason: "late" }],
    [{ action: "announce", text: "hi" }, { action: "announce", text: "hi" }],
    [{ action: "op", member: "ada" }, { action: "op", key: ADAS_KEY }],
  ];
  const invented = "the server invented an act of yours";
  for (const [moderation, honest] of acts) {
    const { governing, notice } = open({ moderators: [KEY] });
    assertThrows(() => notice(OWN, honest), ProtocolError, invented);
    governing.moderate(moderation);
    for (const [, other] of acts) {
      // Where no network can be banned, a ban has no number and no end.
      if (other.action !== honest.action) {
        assertThrows(() => notice(OWN, other), ProtocolError, invented);
      }
    }
    for (const change of [{ reason: "more" }, { text: "more" }, { member: ADA }]) {
      assertThrows(() => notice(OWN, { ...honest, ...change }), ProtocolError, invented);
    }
    assert(notice(OWN, honest)?.type === "notice");
    assertThrows(() => notice(OWN, honest), ProtocolError, invented);
    governing.moderate(moderation);
    assert(notice(OWN, honest)?.type === "notice");
  }
  const { notice } = open({ moderators: [KEY] });
  for (const action of ["readonly", "writable", "drain", "close"]) {
    assertThrows(() => notice(OWN, { action }), ProtocolError, invented);
    assert(notice(0, { action })?.type === "notice");
  }
  // One of a later version may not need a request.
  assertEquals(notice(OWN, { action: "promote" }), undefined);
});

Deno.test("Governing.moderate: a lone surrogate in a text becomes a character that servers take", () => {
  const seat = open({ moderators: [KEY] });
  seat.governing.moderate({ action: "announce", text: "a\ud800b" });
  seat.governing.moderate({ action: "lock", reason: "\udc00" });
  assertEquals(sent(seat, seat.nonce).slice(1), [
    [2, { action: "announce", text: "a\ufffdb" }],
    [3, { action: "lock", reason: "\ufffd" }],
  ]);
});
