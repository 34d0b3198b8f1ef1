import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { ProtocolError } from "../errors.ts";
import {
  AckOutcome,
  encodeAck,
  encodeAway,
  encodeFrame,
  type Frame,
  frameAt,
  Left,
  Type,
} from "../protocol.ts";
import { decodeEnvelope, encodeProfile } from "../protocol/envelope.ts";
import { encodeError } from "../protocol/json_frames.ts";
import { NO_RULES } from "../protocol/moderation.ts";
import { encodeGivenTopic } from "../protocol/topic.ts";
import {
  EventLog,
  framesIn,
  messageFrame,
  OpenCipher,
  openSession,
  OWN_ID,
  profileFrame,
  received,
  textBody,
} from "../tests/support/offline_client.ts";
import { Chain } from "./chain.ts";
import { FileLink } from "./file_link.ts";
import { Governing } from "./governing.ts";
import { FrameHandler } from "./frame_handler.ts";
import { History } from "./history.ts";
import { Members } from "./members.ts";
import { OwnProfile } from "./own_profile.ts";
import { MessageReader } from "./received.ts";
import type { ClientSession } from "./session.ts";
import { RoomTopic } from "./topic.ts";
import { Unconfirmed } from "./unconfirmed.ts";

const ADA = 1;
/** A clock that does not move. */
const STILL = () => new Date(0);

const textOf = (body: Uint8Array) => {
  const envelope = decodeEnvelope(body);
  return envelope.kind === "text" ? envelope.text : envelope.kind;
};

/** AWAY of a member, or if there is no time, that it is back. */
const awayFrame = (id: number, since?: number) => frameAt(encodeAway(id, since));

/** A client after WELCOME, with one member still to be listed. */
function open(
  cipher = new OpenCipher(),
  fingerprint?: string,
  chain?: Chain,
  self?: { session: ClientSession; members: Members },
) {
  const opened = openSession({ room: 100, members: 1 }, cipher, false, chain);
  const { carrier } = opened;
  const notices = new EventLog();
  const session = self?.session ?? opened.session;
  const members = self?.members ?? new Members(undefined, session, "guest", notices.add);
  const reader = new MessageReader("", session, members, notices.add, STILL);
  const unconfirmed = new Unconfirmed(session, members, notices.add);
  const fileLink = new FileLink({
    ...{ session, members, isConnected: true, isLeaving: false },
    ...{ emit: notices.add, say: () => {}, keep: () => {} },
  }, undefined);
  const topic = new RoomTopic(session, { members, reader, notify: notices.add, now: STILL });
  const parts = {
    members,
    reader,
    unconfirmed,
    topic,
    profile: new OwnProfile("guest"),
    governing: new Governing(session, NO_RULES, undefined, {
      ...{ members, identity: undefined, setTopic: topic.setByOperator.bind(topic), now: STILL },
    }),
    fileLink,
    history: new History(() => true),
    notify: notices.add,
  };
  const handler = new FrameHandler(session, parts, fingerprint);
  return { handler, session, carrier, notices, cipher, ...parts };
}

/** The same after the list of members, which is Ada. */
function openComplete(chain?: Chain) {
  const client = open(new OpenCipher(), undefined, chain);
  client.handler.handle(profileFrame(Type.MEMBER, ADA, "ada"));
  client.handler.handle(profileFrame(Type.JOINED, OWN_ID, "guest"));
  client.carrier.sent.length = 0;
  return client;
}

Deno.test("FrameHandler: the list of members is one event, and is confirmed with HAVE", () => {
  const { handler, carrier, cipher } = open();
  assertEquals(handler.handle(profileFrame(Type.MEMBER, ADA, "ada")), undefined);
  const event = handler.handle(profileFrame(Type.JOINED, OWN_ID, "guest"));
  assert(event?.type === "members");
  assertEquals(event.members.map(({ id, name }) => [id, name]), [[ADA, "ada"], [OWN_ID, "guest"]]);
  assertEquals(carrier.sent.map(({ type }) => type), [Type.HAVE]);
  assertEquals(cipher.expected, [OWN_ID]);
});

Deno.test("FrameHandler: each frame of the room's log has its position, counted from the one in WELCOME", () => {
  const client = open();
  const frames = [
    profileFrame(Type.JOINED, OWN_ID, "guest"),
    profileFrame(Type.JOINED, 8, "ben"),
    messageFrame(8, "hello"),
    profileFrame(Type.PROFILE, 8, "benedict"),
    awayFrame(8, 5),
    received(Type.LEFT, 8, Uint8Array.of(Left.LOST)),
  ];
  let at = 100;
  for (const frame of frames) {
    const event = client.handler.handle(frame);
    assert(event);
    if (event.type !== "members") assertEquals("at" in event && event.at, at);
    at += frame.bytes.length;
  }
});

Deno.test("FrameHandler: a new name comes with the old one; a profile that cannot be read changes nothing", () => {
  const { handler, notices } = openComplete();
  const event = handler.handle(profileFrame(Type.PROFILE, ADA, "lovelace"));
  assert(event?.type === "renamed");
  assertEquals([event.before, event.who.name], ["ada", "lovelace"]);
  assertEquals(handler.handle(received(Type.PROFILE, ADA, Uint8Array.of(0xff))), undefined);
  assertEquals(notices.types, ["unreadable"]);
});

Deno.test("FrameHandler: a body that cannot be read is an event", () => {
  const { handler } = openComplete();
  const damaged = (type: number) => handler.handle(received(type, ADA, Uint8Array.of(0xff)))?.type;
  assertEquals([Type.MESSAGE, Type.DIRECT].map(damaged), ["unreadable", "unreadable"]);
});

Deno.test("FrameHandler: a member that leaves is forgotten, with its keys", () => {
  const { handler, members, cipher } = openComplete();
  const event = handler.handle(received(Type.LEFT, ADA, Uint8Array.of(Left.SLOW)));
  assert(event?.type === "left");
  assertEquals([event.who.name, event.reason], ["ada", "slow"]);
  assertEquals([members.roster.has(ADA), cipher.forgotten], [false, [ADA]]);
});

Deno.test("FrameHandler: the server must not report that this client has left", () => {
  const { handler } = openComplete();
  const left = received(Type.LEFT, OWN_ID, Uint8Array.of(Left.LOST));
  assertThrows(() => handler.handle(left), ProtocolError, "this client had left");
});

Deno.test("FrameHandler: an away mark is reported when it changes, and not while the list comes", () => {
  const listed = open();
  listed.handler.handle(profileFrame(Type.MEMBER, ADA, "ada"));
  assertEquals(listed.handler.handle(awayFrame(ADA, 5)), undefined);
  assertEquals(listed.members.roster.person(ADA).since, new Date(5));
  const { handler, members } = openComplete();
  const marks = [5, 7, undefined].map((since) => {
    const event = handler.handle(awayFrame(ADA, since));
    return [event?.type, members.roster.person(ADA).since?.getTime()];
  });
  assertEquals(marks, [["away", 5], [undefined, 7], ["back", undefined]]);
});

Deno.test("FrameHandler: this client's message is reported with its ref, a message of another member without", () => {
  const { handler, unconfirmed, session } = openComplete();
  const { ref, number } = unconfirmed.say({ kind: "text", text: "hello" });
  const own = handler.handle(messageFrame(OWN_ID, "hello", number));
  assert(own?.type === "message" && own.ref === ref);
  const other = handler.handle(messageFrame(ADA, "hello"));
  assert(other?.type === "message" && other.ref === undefined);
  assertEquals([session.messages, unconfirmed.pending], [2, []]);
});

Deno.test("FrameHandler: a direct message that came before is reported once", () => {
  const { handler } = openComplete();
  const number = { origin: new Uint8Array(8), seq: 1, replay: false };
  const frame = received(Type.DIRECT, ADA, textBody("psst", number));
  const event = handler.handle(frame);
  assert(event?.type === "direct");
  assertEquals([event.text, event.missing], ["psst", 0]);
  assertEquals(handler.handle(frame), undefined);
});

Deno.test("FrameHandler: an ACK reports the outcome of a direct message", () => {
  for (
    const [outcome, type] of [[AckOutcome.ACCEPTED, "delivered"], [
      AckOutcome.GONE,
      "undelivered",
    ]] as const
  ) {
    const { handler, unconfirmed, members } = openComplete();
    unconfirmed.tell(members.find("ada", "send to"), "psst");
    const [ack] = framesIn(encodeAck(ADA, { count: 1, outcome }));
    assertEquals(handler.handle(ack!)?.type, type);
  }
});

Deno.test("FrameHandler: a PING is answered, but not while an earlier answer waits", () => {
  const { handler, carrier } = openComplete();
  handler.handle(received(Type.PING, 0));
  carrier.urgent = 1;
  handler.handle(received(Type.PING, 0));
  assertEquals(carrier.sent.map(({ type }) => type), [Type.PONG]);
});

Deno.test("FrameHandler: BYE and ERROR end the room", () => {
  const { handler } = openComplete();
  assertEquals(handler.handle(received(Type.BYE, 0)), {
    type: "ended",
    ending: { reason: "stopped" },
  });
  const [error] = framesIn(encodeError("slow", "too slow"));
  assertEquals(handler.handle(error!), {
    type: "ended",
    ending: { reason: "refused", code: "slow", message: "too slow" },
  });
});

Deno.test("FrameHandler: in a sealed room its own JOINED must carry its own key", () => {
  const other = Identity.generate().publicKey;
  const cipher = new OpenCipher({ [OWN_ID]: other });
  const { handler } = open(cipher, "the fingerprint of another key");
  const joined = profileFrame(Type.JOINED, OWN_ID, "guest");
  assertThrows(() => handler.handle(joined), ProtocolError, "altered this client's profile");
});

Deno.test("FrameHandler: a changed key is a notice beside the event of its frame", () => {
  const knownNames = new KnownNames();
  const [own, old, now] = [Identity.generate(), Identity.generate(), Identity.generate()];
  knownNames.meet("ben", old.publicKey, "2026-01-01");
  const cipher = new OpenCipher({ [OWN_ID]: own.publicKey, 8: now.publicKey });
  const base = open(cipher);
  const members = new Members(
    { identity: own, knownNames },
    base.session,
    "guest",
    base.notices.add,
  );
  const handler = new FrameHandler(base.session, { ...base, members }, undefined);
  handler.handle(profileFrame(Type.JOINED, OWN_ID, "guest"));
  const event = handler.handle(received(Type.JOINED, 8, encodeProfile({ name: "ben" })));
  assert(event?.type === "joined");
  assertMatch(event.who.name, /\(!\)$/);
  assertEquals(base.notices.types, ["keychanged"]);
});

/** A client in a sealed room; Ada is listed, and `report` is what the next frame's sender has seen. */
function openChained() {
  const client = openComplete(new Chain(100, new Uint8Array(32)));
  const { cipher, session } = client;
  const tell = (frame: Frame, report = session.chain!.report) => {
    cipher.report = report;
    return client.handler.handle(frame);
  };
  const forged = () => ({ ...session.chain!.report, chain: new Uint8Array(16).fill(9) });
  return { ...client, tell, forged };
}

Deno.test("FrameHandler: the chain covers every frame of the room's log, and no other", () => {
  const { session, handler, tell } = openChained();
  // Its own JOINED is in it already.
  const expected = new Chain(100, new Uint8Array(32));
  expected.add(profileFrame(Type.JOINED, OWN_ID, "guest").bytes);
  for (const frame of [received(Type.DIRECT, ADA, textBody("psst")), received(Type.PING, 0)]) {
    handler.handle(frame);
  }
  for (
    const frame of [
      messageFrame(ADA, "hello"),
      received(Type.MESSAGE, ADA, Uint8Array.of(0xff)),
      profileFrame(Type.PROFILE, ADA, "lovelace"),
      profileFrame(Type.JOINED, 8, "ben"),
      awayFrame(8, 5),
      received(Type.LEFT, 8, Uint8Array.of(Left.LOST)),
    ]
  ) {
    tell(frame);
    expected.add(frame.bytes);
    assertEquals(session.chain!.report, expected.report);
    assertEquals(session.chain!.report.position, session.room);
  }
});

Deno.test("FrameHandler: a fork is reported by the message, name or JOINED that shows it, with its member's name", () => {
  const cases: [Frame, string][] = [
    [messageFrame(ADA, "hello"), "ada"],
    [profileFrame(Type.PROFILE, ADA, "lovelace"), "lovelace"],
    [profileFrame(Type.JOINED, 8, "ben"), "ben"],
  ];
  for (const [frame, name] of cases) {
    const { notices, tell, forged } = openChained();
    tell(frame, forged());
    const [notice] = notices.events;
    assert(notice?.type === "forked");
    assertEquals([notices.types, notice.who.name], [["forked"], name]);
  }
});

Deno.test("FrameHandler: a true report of what came just before raises no alarm, and the mark goes with its member", () => {
  const { notices, tell, forged, reader, handler } = openChained();
  for (const text of ["one", "two", "three"]) tell(messageFrame(ADA, text));
  assertEquals(notices.types, []);
  tell(messageFrame(ADA, "four"), forged());
  assertEquals([notices.types, reader.forked.length], [["forked"], 1]);
  handler.handle(received(Type.LEFT, ADA, Uint8Array.of(Left.LOST)));
  assertEquals(reader.forked.length, 0);
});

Deno.test("FrameHandler: a member that joins again takes the place of the session that is away; its end is marked as replaced", () => {
  const [bob, eve] = [Identity.generate().publicKey, Identity.generate().publicKey];
  const cipher = new OpenCipher({ [ADA]: bob, 8: bob, 9: eve });
  const { handler, members, unconfirmed, carrier } = open(cipher);
  handler.handle(profileFrame(Type.MEMBER, ADA, "bob"));
  handler.handle(profileFrame(Type.JOINED, OWN_ID, "guest"));
  const shown = () => members.others.map(({ name, away }) => [name, away]);
  const handle = (frame: Frame) => {
    const event = handler.handle(frame);
    assert(event);
    return event;
  };
  const answer = (id: number, count: number, outcome: number = AckOutcome.ACCEPTED) =>
    handler.handle(frameAt(encodeAck(id, { count, outcome })))?.type;
  handle(awayFrame(ADA, 5));
  for (const text of ["one", "two"]) unconfirmed.tell(members.findReceiver(ADA), text);
  carrier.take();
  assertEquals([answer(ADA, 1), answer(ADA, 2)], ["delivered", "delivered"]);
  // Somebody else with the name hides nobody.
  const other = handle(profileFrame(Type.JOINED, 9, "bob"));
  assert(other.type === "joined" && !("replaces" in other));
  assertEquals(shown(), [["bob#1", true], ["bob#9", false]]);
  handle(received(Type.LEFT, 9, Uint8Array.of(Left.BYE)));
  const joined = handle(profileFrame(Type.JOINED, 8, "bob"));
  assert(joined.type === "joined");
  assertEquals([joined.who.name, joined.replaces?.id, joined.replaces?.name], ["bob", ADA, "bob"]);
  assertEquals(shown(), [["bob", false]]);
  // Direct messages reach the new session: those that the old one did not get first, then by the name or the old id.
  for (const to of ["bob", ADA]) unconfirmed.tell(members.findReceiver(to), "psst");
  assertEquals(carrier.take().map(({ id, body }) => [id, textOf(body)]), [
    ...[[8, "one"], [8, "two"], [8, "psst"], [8, "psst"]],
  ]);
  assertEquals(unconfirmed.pending.map(({ text }) => text), ["psst", "psst"]);
  assertEquals(answer(8, 3), undefined);
  assertEquals(answer(8, 4, AckOutcome.BUSY), "undelivered");
  assertEquals(answer(8, 5), "delivered");
  const back = handle(awayFrame(ADA));
  assert(back.type === "back");
  assertEquals([back.who.name, shown()], ["bob#1", [["bob#1", false], ["bob#8", false]]]);
  const away = handle(awayFrame(ADA, 7));
  assert(away.type === "away");
  assertEquals([away.replaced, shown()], [true, [["bob", false]]]);
  const left = handle(received(Type.LEFT, ADA, Uint8Array.of(Left.LOST)));
  assert(left.type === "left");
  assertEquals([left.replaced, shown()], [true, [["bob", false]]]);
  const last = handle(received(Type.LEFT, 8, Uint8Array.of(Left.LOST)));
  assertEquals("replaced" in last, false);
});

Deno.test("FrameHandler: a newcomer's list has one session of a member, and none that its own takes the place of", () => {
  const [bob, self] = [Identity.generate(), Identity.generate()];
  const keys = { [ADA]: bob.publicKey, 2: self.publicKey, 8: bob.publicKey };
  const { session } = openSession({ members: 3 }, new OpenCipher(keys));
  const members = new Members(
    { identity: self, knownNames: new KnownNames() },
    session,
    "guest",
    () => {},
  );
  const { handler } = open(new OpenCipher(keys), undefined, undefined, { session, members });
  for (
    const frame of [
      profileFrame(Type.MEMBER, ADA, "bob"),
      awayFrame(ADA, 5),
      profileFrame(Type.MEMBER, 2, "guest"),
      awayFrame(2, 6),
      profileFrame(Type.MEMBER, 8, "bob"),
    ]
  ) assertEquals(handler.handle(frame), undefined);
  const list = handler.handle(profileFrame(Type.JOINED, OWN_ID, "guest"));
  assert(list?.type === "members");
  assertEquals(list.members.map(({ id, name }) => [id, name]), [[8, "bob"], [OWN_ID, "guest"]]);
});

Deno.test("FrameHandler: the topic that a newcomer is given comes before the list, once, and is reported after it", () => {
  const topic = (text: string) => {
    const profile = encodeProfile({ name: "eve" });
    return frameAt(encodeGivenTopic(EVE, { profile, topic: new TextEncoder().encode(text) }));
  };
  const EVE = 99;
  const { handler, notices } = open();
  assertEquals(handler.handle(topic("release on Friday")), undefined);
  assertThrows(() => handler.handle(topic("again")), ProtocolError, "a topic came after");
  handler.handle(profileFrame(Type.MEMBER, ADA, "ada"));
  assertThrows(() => handler.handle(topic("again")), ProtocolError, "a topic came after");
  assertEquals(notices.events, []);
  assertEquals(handler.handle(profileFrame(Type.JOINED, OWN_ID, "guest"))?.type, "members");
  const who = { id: EVE, name: "eve", self: false, away: false };
  assertEquals(notices.events, [
    { type: "topic", who, text: "release on Friday", sent: undefined },
  ]);
});

Deno.test("FrameHandler: a given topic that is empty is none, and one that is cut short breaks the protocol", () => {
  const client = open();
  const profile = encodeProfile({ name: "eve" });
  const given = encodeGivenTopic(99, { profile, topic: new Uint8Array(0) });
  assertThrows(
    () => open().handler.handle(frameAt(encodeFrame(Type.TOPIC, 99, Uint8Array.of(0, 1)))),
    ProtocolError,
    "malformed TOPIC",
  );
  client.handler.handle(frameAt(given));
  client.handler.handle(profileFrame(Type.MEMBER, ADA, "ada"));
  client.handler.handle(profileFrame(Type.JOINED, OWN_ID, "guest"));
  assertEquals([client.notices.events, client.topic.current], [[], undefined]);
});

Deno.test("FrameHandler: a profile with another name and another status is two events", () => {
  const { handler, notices } = openComplete();
  const profile = (name: string, status?: string) =>
    frameAt(encodeFrame(Type.PROFILE, ADA, encodeProfile({ name, ...(status && { status }) })));
  const both = handler.handle(profile("grace", "lunch"));
  assert(both?.type === "renamed");
  assertEquals([both.before, both.who.name, both.who.status], ["ada", "grace", "lunch"]);
  assertEquals(notices.events.map(({ type }) => type), ["status"]);
  const one = handler.handle(profile("grace"));
  assert(one?.type === "status");
  assertEquals([one.before, one.who.status, notices.events.length], ["lunch", undefined, 1]);
});

Deno.test("FrameHandler: what the room refuses is not pending any more; what it is not about ends the connection", () => {
  const { handler, unconfirmed, topic, profile, session } = openComplete();
  const refuse = (count: number) =>
    handler.handle(
      framesIn(encodeAck(0, { count, outcome: AckOutcome.REFUSED }))[0]!,
    );
  const { ref } = unconfirmed.say({ kind: "text", text: "hello" });
  topic.set("release");
  profile.rename("visitor", session);
  unconfirmed.say({ kind: "file", body: new Uint8Array(3) });
  assertEquals(refuse(1), {
    ...{ type: "refused", ref, what: "message", text: "hello", reason: "silenced" },
  });
  assertEquals(unconfirmed.pending, []);
  assertEquals(refuse(2), {
    ...{ type: "refused", ref: undefined, what: "topic", text: "release", reason: "moderator" },
  });
  assertEquals(profile.name, "visitor");
  const name = refuse(3);
  assert(name?.type === "refused" && name.what === "profile");
  // The room has the former one.
  assertEquals(profile.name, "guest");
  // File messages have no text, and no ref.
  assertEquals(refuse(4), {
    ...{ type: "refused", ref: undefined, what: "message", text: "", reason: "silenced" },
  });
  for (const count of [1, 5]) {
    assertThrows(() => refuse(count), ProtocolError, "a frame that was not sent");
  }
  unconfirmed.say({ kind: "text", text: "next" });
  const gone = framesIn(encodeAck(0, { count: 5, outcome: AckOutcome.GONE }))[0]!;
  assertThrows(() => handler.handle(gone), ProtocolError, "a frame of another kind");
});
