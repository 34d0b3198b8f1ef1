// What a sealed room promises to clients that resume, against eavesdroppers, relays that change traffic, the
// operator of the server, and hostile members. `docs/security.md` has the promises.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { register } from "../../cipher/opaque.ts";
import type { JoinOptions } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";
import { connect, resume as resumeSession, type Ticket } from "../../client/handshake.ts";
import { ChatError } from "../../errors.ts";
import {
  encodeFrame,
  encodeHave,
  type Frame,
  MAX_FRAME,
  PREFACE,
  Type,
  VERSION,
} from "../../protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeResume,
  parseError,
  parseGreeting,
  parseHello,
  parseWelcome,
  type Resume,
  type Welcome,
} from "../../protocol/json_frames.ts";
import type { Connection } from "../../protocol/connection.ts";
import { decodeEnvelope, encodeEnvelope } from "../../protocol/envelope.ts";
import { MAX_SEQ, type MessageId } from "../../protocol/message_ids.ts";
import { drawToken, proveResume } from "../../protocol/resume.ts";
import type { Log } from "../../server/room_log.ts";
import { warnings } from "../../ui/notices.ts";
import { within } from "../support/async.ts";
import { entry, Guest, Impostor, Raw, TestRoom } from "../support/loopback.ts";
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
  enterRaw,
  EXPORT_KEY,
  joinSealed,
  playReturn,
  PlayServer,
  type Symptom,
} from "../support/sealed_play.ts";

// Each login takes some 0.2 s of CPU time, on purpose. So these tests have few logins and one registration.
const CODE = "abandon ability able about";
const admission = register(CODE);

const HOST = "127.0.0.1";
/** Longer than any test. */
const LONG_MS = 600_000;

/** A room whose sessions outlive their connections. */
function openRoom(): TestRoom {
  return new TestRoom({ admission, graceMs: LONG_MS, awayMs: LONG_MS });
}

/** A real client that reconnects at once. */
function enterByCode(at: { port: number }, name: string): Promise<Guest> {
  const options: Partial<JoinOptions> = {
    code: CODE,
    retryMs: LONG_MS,
    backoff: new Backoff(() => 0),
  };
  return Guest.join(at, name, options);
}

/** A session over bare frames: its connection, and the ticket that resumes it. */
interface Bare extends AsyncDisposable {
  readonly connection: Connection;
  readonly ticket: Ticket & { readonly token: string };
}

async function next(connection: Connection): Promise<Frame> {
  for (;;) {
    const frame = connection.decoder.next();
    if (frame) return frame;
    const more = await within("a frame", connection.fill());
    if (!more) throw new Error("The connection ended before a frame came");
  }
}

/** Resolves when the server has read everything that was sent to it. */
async function settled(connection: Connection): Promise<void> {
  connection.send(encodeFrame(Type.PING, 0));
  while ((await next(connection)).type !== Type.PONG);
}

/** Joins, and sends the HAVE that makes the session outlive its connection. */
async function begin({ port }: { port: number }, name: string): Promise<Bare> {
  const entrance = await connect({ hostname: HOST, port, name, code: CODE });
  const { connection, id, sessionKey, welcome } = entrance;
  const chain = entrance.chain!;
  const { own } = welcome;
  for (let isIn = false; !isIn;) {
    const { type, bytes } = await next(connection);
    isIn = type === Type.JOINED;
    if (isIn) chain.add(bytes);
  }
  connection.send(encodeHave(own));
  await settled(connection);
  const { position: room, chain: seen } = chain.report;
  const ticket = { id, sessionKey, token: welcome.token!, room, own, chain: seen };
  return {
    connection,
    ticket,
    [Symbol.asyncDispose]: () => Promise.resolve(connection.close()),
  };
}

/** Resumes a session over bare frames; undefined if the server answers `gone`. */
async function resume(
  { port }: { port: number },
  ticket: Ticket,
  signal?: AbortSignal,
): Promise<{ connection: Connection; welcome: Welcome } | undefined> {
  const place = { hostname: HOST, port, handshakeMs: LONG_MS, ...(signal && { signal }) };
  return await resumeSession(place, ticket);
}

/** Sends this HELLO after the preface; returns the code of the ERROR that answers it. */
async function refusal(room: { port: number }, hello: Uint8Array): Promise<string> {
  await using raw = await Raw.connect(room);
  await raw.write(PREFACE, hello);
  return parseError((await raw.frameOf(Type.ERROR)).body).code;
}

// ---- eavesdroppers ----

Deno.test("Server: an eavesdropper of a complete session and its resumption can neither resume nor disturb it", async () => {
  await using room = openRoom();
  await using relay = new Relay(room);
  await using ada = await enterByCode(relay, "ada");
  await using ben = await enterByCode(room, "ben");
  const comeBack = async () => {
    await relay.cut();
    assertEquals((await ada.next("connected")).resumed, true);
  };
  await comeBack();
  // HAVE after the resumption invalidates the old token, so a valid and an invalid token are known.
  await relay.saw("up", Type.HAVE, 2);
  await ada.say("back");

  const frames = (direction: Direction, type: number) =>
    relay.passed.filter((p) => p.direction === direction && p.frame.type === type)
      .map(({ frame }) => frame);
  const hello = frames("up", Type.HELLO)[1]!;
  const overheard = parseHello(hello.body).resume!;
  const nonce = parseGreeting(frames("down", Type.GREETING)[1]!.body);
  assert(nonce.cipher === "sealed" && nonce.nonce && overheard.proof);
  const [first, newest] = frames("down", Type.WELCOME).map(({ body }) => parseWelcome(body));
  assertEquals(overheard.token, first!.token);
  const { token } = newest!;
  assert(token && token !== first!.token);

  const { proof, ...claim } = overheard;
  const tries: Record<string, Uint8Array> = {
    "the same HELLO": hello.bytes,
    "the new token with the old proof": encodeResume({ ...overheard, token }),
    "the new token without a proof": encodeResume({ ...claim, token }),
    "the new token with the session's first proof": encodeResume({
      ...claim,
      token,
      proof: parseHello(frames("up", Type.HELLO)[0]!.body).proof!,
    }),
    "a proof with the nonce as its key": encodeResume({
      ...claim,
      token,
      proof: proveResume(new TextEncoder().encode(nonce.nonce), nonce.nonce, {
        ...claim,
        token,
        chain: room.hub.fold.chain!.at(claim.room)!,
      }),
    }),
    "a made-up proof": encodeResume({ ...claim, token, proof: "A".repeat(proof!.length) }),
  };
  for (const [name, bytes] of Object.entries(tries)) {
    assertEquals(await refusal(room, bytes), "gone", name);
  }
  // Nothing has changed, and the token still works for its owner.
  assertEquals([room.hub.size, room.sessions], [2, 2]);
  await ada.say("undisturbed");
  assertEquals((await ben.next("message", ({ text }) => text === "undisturbed")).missing, 0);
  await comeBack();
  await ada.say("and again");
  const kinds = ada.events.map(({ type }) => type);
  assertEquals(kinds.filter((type) => type === "disconnected").length, 2);
  assertEquals(ben.events.filter(({ type }) => type === "away" || type === "left"), []);
});

Deno.test("Server: answers a wrong or missing proof with gone, and invalidates no token and ends no session", async () => {
  await using room = openRoom();
  await using ada = await begin(room, "ada");
  await using eve = await begin(room, "eve");
  const { ticket } = ada;
  const other = eve.ticket;
  const flipped = (key: Uint8Array) => key.map((byte, i) => i === 31 ? byte ^ 1 : byte);
  const wrong: Record<string, Ticket> = {
    "with an unknown key": { ...ticket, sessionKey: new Uint8Array(64) },
    "with a bit of the key changed": { ...ticket, sessionKey: flipped(ticket.sessionKey!) },
    // A member proves with its own key.
    "with another member's key": { ...ticket, sessionKey: other.sessionKey },
    "with another member's token": { ...ticket, token: other.token },
    "with the room's key, which all members have": { ...ticket, sessionKey: EXPORT_KEY },
    "with an unknown token": { ...ticket, token: drawToken() },
    // The client, or the server, has seen another conversation.
    "with another chain": { ...ticket, chain: flipped(ticket.chain!) },
  };
  for (const [name, ticket] of Object.entries(wrong)) {
    assertEquals(await resume(room, ticket), undefined, name);
  }
  const { token, room: at, own } = ticket;
  const claim = { token, room: at, own, chain: ticket.chain! };
  const key = ticket.sessionKey!;
  const proofs: Record<string, Partial<Resume>> = {
    "none": {},
    "over another nonce": { proof: proveResume(key, drawToken(), claim) },
    "too short": { proof: proveResume(key, drawToken(), claim).slice(0, -1) },
  };
  for (const [name, proof] of Object.entries(proofs)) {
    const bytes = encodeResume({ token, room: at, own, ...proof });
    assertEquals(await refusal(room, bytes), "gone", name);
  }
  // Both sessions are unchanged.
  assertEquals([room.hub.size, room.sessions], [2, 2]);
  await settled(ada.connection);
  await settled(eve.connection);
  const back = await resume(room, ticket);
  assert(back);
  back.connection.close();
});

Deno.test("Server: a token works until HAVE has come after the resumption, and not after that", async () => {
  await using room = openRoom();
  await using ada = await begin(room, "ada");
  const { ticket } = ada;
  const tokens = [ticket.token];
  let connection: Connection | undefined;
  const goOn = async (token: string) => {
    const back = await resume(room, { ...ticket, token });
    connection?.close();
    connection = back?.connection;
    if (back) tokens.push(back.welcome.token!);
    return back !== undefined;
  };
  // The WELCOME may have been lost several times.
  assertEquals(await goOn(tokens[0]!), true);
  assertEquals(await goOn(tokens[0]!), true);
  assertEquals(await goOn(tokens[2]!), true);
  connection!.send(encodeHave(ticket.own));
  await settled(connection!);
  // All were different, and only the last one still works.
  assertEquals(new Set(tokens).size, 4);
  const last = connection!;
  for (const token of tokens.slice(0, 3)) {
    assertEquals(await resume(room, { ...ticket, token }), undefined);
  }
  await settled(last);
  assertEquals(room.sessions, 1);
  assertEquals(await goOn(tokens[3]!), true);
  connection!.close();
});

Deno.test("Server: in an xor room an overheard token is enough to take over the session", async () => {
  await using room = new TestRoom({ graceMs: LONG_MS });
  await using ada = await Raw.connect(room);
  await ada.write(PREFACE, entry(new Uint8Array(0)));
  const { id, body } = await ada.frameOf(Type.WELCOME);
  const { token, room: start, own } = parseWelcome(body);
  const { length } = (await ada.frameOf(Type.JOINED)).bytes;
  await ada.write(encodeHave(own), encodeFrame(Type.PING, 0));
  await ada.frameOf(Type.PONG);
  await using eve = await Raw.connect(room);
  await eve.write(PREFACE, encodeResume({ token: token!, room: start + length, own }));
  assertEquals((await eve.frameOf(Type.WELCOME)).id, id);
  assertEquals(await ada.frames(), []);
});

// ---- relays that change traffic ----

/** Sets fields of a JSON body. */
const withFields = (fields: Record<string, unknown>): Alteration => ({ type, id, body }) => {
  const value = JSON.parse(new TextDecoder().decode(body));
  if (value.resume) Object.assign(value.resume, fields);
  else Object.assign(value, fields);
  return { now: [encodeFrame(type, id, new TextEncoder().encode(JSON.stringify(value)))] };
};

/** Changes by a relay that do not make a resumption fail, because no client or server reads these fields. */
const UNSEEN = [
  /^(GREETING|HELLO): id \d+$/,
  // The positions and the id are checked; the next token and the counters are not.
  /^WELCOME: (bit flipped .*|repeated( later)?)$/,
  // This bit is in `record`, which only clients that log in read.
  /^GREETING: bit flipped after 2\/5$/,
  // This arrives after the resumption.
  /^GREETING: repeated later$/,
];

/** After these the client waits for the rest of a frame, until the test cancels it. */
const WAITS = /: (dropped|after the next|length \+ 1)$/;
/** A relay that lets a resumption through can end the session afterwards, as at any other time. */
const ENDS = /^HELLO: repeated( later)?$/;

Deno.test("Server: a relay that changes a resumption can neither move nor end the session", async () => {
  await using room = openRoom();
  await using ada = await begin(room, "ada");
  const { ticket } = ada;
  // So that the log has another position.
  ada.connection.send(encodeFrame(Type.MESSAGE, 0, new Uint8Array(8)));
  await settled(ada.connection);
  const { end } = room.hub.log;
  const attacks: [string, FrameSelector, Alteration][] = [
    ["HELLO, from the start", select("up", Type.HELLO), withFields({ room: 0 })],
    ["HELLO, from the end", select("up", Type.HELLO), withFields({ room: end })],
    ["HELLO, own log", select("up", Type.HELLO), withFields({ own: 1 })],
    ["HELLO, no proof", select("up", Type.HELLO), withFields({ proof: undefined })],
    ["GREETING, nonce", select("down", Type.GREETING), withFields({ nonce: drawToken() })],
    ["GREETING, no nonce", select("down", Type.GREETING), withFields({ nonce: undefined })],
    ["WELCOME, room", select("down", Type.WELCOME), withFields({ room: end })],
    ["WELCOME, own", select("down", Type.WELCOME), withFields({ own: 1 })],
  ];
  for (const type of ["GREETING", "HELLO", "WELCOME"] as const) {
    const what = select(type === "HELLO" ? "up" : "down", Type[type]);
    for (const [how, alteration] of Object.entries(ALTERATIONS)) {
      const name = `${type}: ${how}`;
      if (!ENDS.test(name)) attacks.push([name, what, alteration]);
    }
  }
  let refused = 0;
  const taken: string[] = [];
  for (const [name, what, how] of attacks) {
    const { tamper, done } = alter(what, how);
    const giveUp = new AbortController();
    await using relay = new Relay(room, (frame, direction) => {
      const pieces = tamper(frame, direction);
      if (WAITS.test(name) && done().hit) giveUp.abort();
      return pieces;
    });
    const back = await resume(relay, ticket, giveUp.signal).catch((error) => {
      assert(error instanceof ChatError, `${name}: ${error}`);
      return undefined;
    });
    assert(done().hit, name);
    if (back) {
      back.connection.close();
      const { welcome } = back;
      assertEquals([welcome.room, welcome.own], [ticket.room, ticket.own], name);
      if (done().changed) taken.push(name);
    } else refused++;
    assertEquals([room.hub.size, room.sessions], [1, 1], name);
  }
  assertEquals(taken.filter((name) => !UNSEEN.some((pattern) => pattern.test(name))), []);
  assert(refused > 60, `${refused} are too few`);
  // The owner can still resume.
  const back = await resume(room, ticket);
  assert(back);
  back.connection.close();
});

const from = (id: number) => (frame: Frame) => frame.id === id;

// In `playReturn` anna is member 1; ben, who reconnects through the relay, is member 2.
const TARGETS: Readonly<Record<string, FrameSelector>> = {
  "GREETING": select("down", Type.GREETING, 1),
  "HELLO": select("up", Type.HELLO, 1),
  "WELCOME": select("down", Type.WELCOME, 1),
  "HAVE": select("up", Type.HAVE, 1),
  "ben's repeated message": select("up", Type.MESSAGE, 3),
  "own MESSAGE": select("down", Type.MESSAGE, 1, from(2)),
  "MESSAGE": select("down", Type.MESSAGE, 1, from(1)),
  "DIRECT": select("down", Type.DIRECT),
  "ACK": select("down", Type.ACK),
};

Deno.test("sealed room: whatever a relay does to a client that reconnects, nothing is repeated or forged, and every gap is reported", async () => {
  const symptoms = new Set<Symptom>();
  const attack = async (name: string, what: FrameSelector, how: Alteration) => {
    const { tamper, done } = alter(what, how);
    const answer = await playReturn(() => tamper);
    assert(done().hit, `${name} was not tried`);
    if (!done().changed) assertEquals(answer, [], name);
    for (const one of answer) symptoms.add(one);
  };
  const attacks = Object.entries(TARGETS).flatMap(([where, what]) =>
    Object.entries(ALTERATIONS).map(([how, alteration]) =>
      [`${where}: ${how}`, what, alteration] as const
    )
  );
  await atOnce(attacks, ([name, what, how]) => attack(name, what, how));
  assertEquals([...symptoms].sort(), [
    "ended",
    "forked",
    "missing",
    "unconfirmed",
    "unreadable",
  ]);
});

/** Changes fields of the HELLO that resumes, and hides it in the WELCOME that answers. */
function moving(change: (server: PlayServer, resume: Resume) => Partial<Resume>) {
  return (server: PlayServer): Tamper => {
    let asked: Resume | undefined;
    return (frame, direction) => {
      if (direction === "up" && frame.type === Type.HELLO) {
        asked = parseHello(frame.body).resume;
        if (asked) return withFields(change(server, asked))(frame, []).now!;
      }
      if (direction === "up" || frame.type !== Type.WELCOME || !asked) return [frame.bytes];
      return withFields({ room: asked.room, own: asked.own })(frame, []).now!;
    };
  };
}

/** Changes the WELCOME that answers a resumption. */
function welcoming(how: Alteration) {
  return () => alter(select("down", Type.WELCOME, 1), how).tamper;
}

Deno.test("sealed room: a client always reports a server that resumes at another position or counts wrongly", async () => {
  const ofBen = (server: PlayServer) => [...server.hub.members()].find(({ id }) => id === 2)!;
  const lies: Record<string, (server: PlayServer) => Tamper> = {
    "from the end of the room's log": moving(({ hub }) => ({ room: hub.log.end })),
    "from the end of the own log": moving((server) => ({ own: ofBen(server).state.own.log.end })),
    "from the end of both": moving((server) => ({
      room: server.hub.log.end,
      own: ofBen(server).state.own.log.end,
    })),
    // The position before the last frame, his own message.
    "once more from before": moving((server, { room }) => ({ room: before(server.hub.log, room) })),
    "once more from the start of the own log": moving(() => ({ own: 0 })),
    "as another member": welcoming((frame) => ({ now: [encodeFrame(frame.type, 1, frame.body)] })),
    "nothing was accepted": welcoming(withFields({ accepted: 0 })),
    "less was accepted": welcoming(withFields({ accepted: 2 })),
    "more was accepted": welcoming(withFields({ accepted: 4 })),
    "more was accepted than was sent": welcoming(withFields({ accepted: 5 })),
    "other positions": welcoming(withFields({ room: 0, own: 0 })),
  };
  for (const [name, lie] of Object.entries(lies)) {
    const symptoms = await playReturn(lie, { told: true });
    assert(symptoms.length > 0, name);
  }
  // An honest server is not reported.
  assertEquals(await playReturn(moving(() => ({})), { told: true }), []);
});

/** The start of the frame that ends at this position. */
function before(log: Log, position: number): number {
  let at = position - 1;
  while (!log.isBoundary(at)) at--;
  return at;
}

Deno.test("Client: after a false `gone` it joins again and reports the gap, and its repeated messages arrive once", async () => {
  await using room = openRoom();
  let lost: "down" | "both" | undefined;
  let lies = false;
  let resumes = false;
  const old: Uint8Array[] = [];
  await using relay = new Relay(room, (frame, direction) => {
    if (direction === "up" && frame.type === Type.HELLO) {
      resumes = parseHello(frame.body).resume !== undefined;
    }
    if (frame.type === Type.MESSAGE && direction === "down" && !lies) {
      // Of the lost messages only her own: the others would be new to her.
      if (!lost || frame.id === 1) old.push(frame.bytes);
    }
    if (lost === direction || lost === "both") return [];
    if (!lies || direction === "up") return [frame.bytes];
    if (frame.type === Type.WELCOME && resumes) return [encodeError("gone", "it is over")];
    // After it has joined again, all its old messages are replayed to it.
    return frame.type === Type.JOINED ? [frame.bytes, ...old] : [frame.bytes];
  });
  await using ada = await enterByCode(relay, "ada");
  await using ben = await enterByCode(room, "ben");
  await ada.next("joined");
  await ada.say("one");
  await ben.say("two");
  await ada.next("message", ({ text }) => text === "two");
  // One that only the server has, one from ben meanwhile, and one that no member has.
  lost = "down";
  ada.client.say("three");
  await ben.next("message", ({ text }) => text === "three");
  await ben.say("four");
  lost = "both";
  const said = relay.count("up", Type.MESSAGE);
  ada.client.say("five");
  await relay.saw("up", Type.MESSAGE, said + 1);
  lies = true;
  await relay.cut();
  lost = undefined;
  const back = await ada.next("connected");
  assertEquals([back.resumed, back.missed], [false, 2]);
  assertEquals(warnings(back, new Date()), ["connected again; 2 messages missed here"]);
  await ada.next("message", ({ text }) => text === "five");
  await ben.next("message", ({ text }) => text === "five");
  await ben.say("six");
  await ada.next("message", ({ text }) => text === "six");
  const texts = ({ events }: Guest) => events.flatMap((e) => e.type === "message" ? [e.text] : []);
  assertEquals(texts(ben), ["one", "two", "three", "four", "five", "six"]);
  assertEquals(texts(ada), ["one", "two", "three", "five", "six"]);
  const missing = ({ events }: Guest) =>
    events.flatMap((e) => e.type === "message" && e.missing > 0 ? [[e.text, e.missing]] : []);
  assertEquals(missing(ben), []);
  // The replayed "two" shows that ada was there until then, and one message is missing after it.
  assertEquals(missing(ada), [["six", 1]]);
  assertEquals(ada.client.pending, []);
  assertEquals(old.length, 3);
});

Deno.test("Client: if the server hides a gap, the next message of each sender in it reveals it", async () => {
  await using room = openRoom();
  let lost = false;
  let lies = false;
  await using relay = new Relay(room, (frame, direction) => {
    if (lost) return [];
    if (!lies || direction === "up" || frame.type !== Type.WELCOME) return [frame.bytes];
    const { members } = parseWelcome(frame.body);
    if (members === 0) return [encodeError("gone", "it is over")];
    // As if the log had one message, as many as ada has counted.
    return withFields({ said: 1 })(frame, []).now!;
  });
  await using ada = await enterByCode(relay, "ada");
  await using ben = await enterByCode(room, "ben");
  await ada.next("joined");
  await ben.say("one");
  await ada.next("message");
  lost = true;
  await ben.say("two");
  lies = true;
  await relay.cut();
  lost = false;
  assertEquals((await ada.next("connected")).missed, 0);
  await ben.say("three");
  assertEquals((await ada.next("message", ({ text }) => text === "three")).missing, 1);
});

Deno.test("Client: sends only the preface to an xor server in place of its sealed one, and waits for that", async () => {
  await using room = openRoom();
  await using relay = new Relay(room);
  await using ada = await enterByCode(relay, "ada");
  await using ben = await enterByCode(room, "ben");
  await ada.next("joined");
  const received: Uint8Array[] = [];
  await using impostor = new Impostor(async (raw) => {
    assertEquals(await raw.preface(), PREFACE);
    const greeting = { version: VERSION, maxFrame: MAX_FRAME, cipher: "xor", key: "7" } as const;
    await raw.write(encodeGreeting(greeting));
    for (const { bytes } of await raw.frames()) received.push(bytes);
  });
  relay.redirect(impostor);
  await relay.cut();
  await ada.next("disconnected");
  ada.client.say("for members only");
  for (let n = 0; n < 3; n++) {
    const { message } = await ada.next("waiting");
    assert(message.includes("not sealed"), message);
  }
  relay.redirect(room);
  await ben.next("message", ({ text }) => text === "for members only");
  await impostor.served(3);
  assertEquals(received, []);
  assertEquals(ada.client.info.cipher, "sealed");
});

// ---- members that use the numbers of others ----

Deno.test("Client: a member that uses another's numbers does not use them up", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await using ben = await joinSealed(room, "ben");
  await ada.next("joined");
  // Eve knows ben's numbers from his messages.
  await using raw = await Raw.connect(room);
  const { cipher: eve } = await enterRaw(raw, "eve");
  await ada.next("joined");
  let frame = await raw.frame();
  for (; frame?.type !== Type.JOINED; frame = await raw.frame()) {
    eve.open(frame!.body, "profile", frame!.id);
  }
  await ben.say("one");
  const { body, id } = await raw.frameOf(Type.MESSAGE);
  const { number } = decodeEnvelope(eve.open(body, "room", id).plaintext);
  assert(number);
  const say = (text: string, number: MessageId) => {
    const envelope = encodeEnvelope({ kind: "text", text, number });
    return raw.write(encodeFrame(Type.MESSAGE, 0, eve.seal(envelope, "room")));
  };
  await say("mine", { ...number, seq: 2 });
  await say("mine, too", { ...number, seq: MAX_SEQ });
  await say("not mine", { ...number, seq: MAX_SEQ, replay: true });
  await ada.next("message", ({ text }) => text === "mine, too");
  await ben.say("two");
  const last = await ada.next("message", ({ text }) => text === "two");
  assertEquals(last.missing, 0);
  // The numbers count for eve, and not for ben.
  const messages = ada.events.flatMap((e) => e.type === "message" ? [[e.text, e.missing]] : []);
  assertEquals(messages, [["one", 0], ["mine", 0], ["mine, too", MAX_SEQ - 3], ["two", 0]]);
});

Deno.test("Client: a message that it refuses itself uses no number, so no member misses it", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await using ben = await joinSealed(room, "ben");
  await ada.next("joined");
  await ada.say("one");
  const tooLong = "x".repeat(ada.client.info.maxText + 1);
  assertThrows(() => ada.client.say(tooLong), ChatError, "Cannot send this message");
  await ada.say("two");
  assertEquals((await ben.next("message", ({ text }) => text === "two")).missing, 0);
});
