// Test helper: a scripted conversation in a sealed room with a relay between one member and the server, and a check
// that no member is shown anything false. No part of the program.
//
// It has no logins: all members have the room's key from the start. `tests/network/sealed_test.ts` tests logins.

import { assert, assertEquals } from "@std/assert";
import type { Report } from "../../cipher.ts";
import type { ExchangeKey } from "../../cipher/exchange.ts";
import { Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import { SealedCipher, type SealedOptions } from "../../cipher/sealed.ts";
import { Client, type JoinOptions, type Self } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";
import type { PaceClock } from "../../client/notice_pace.ts";
import { ChatError } from "../../errors.ts";
import { encodeFrame, type Frame, MAX_FRAME, PREFACE, Type, VERSION } from "../../protocol.ts";
import { encodeHello, parseGreeting, parseSeat, parseWelcome } from "../../protocol/json_frames.ts";
import { fromBase64Url } from "../../protocol/resume.ts";
import { Chain } from "../../client/chain.ts";
import { Connection } from "../../protocol/connection.ts";
import { encodeProfile } from "../../protocol/envelope.ts";
import type { RoomEvent } from "../../room.ts";
import { Server, type ServerOptions } from "../../server.ts";
import { within } from "./async.ts";
import { Guest, type Raw } from "./loopback.ts";
import { Relay, type Tamper } from "./relay.ts";
import type { Direction } from "./fault_proxy.ts";

/** The key that OPAQUE would give. */
export const EXPORT_KEY: Uint8Array<ArrayBuffer> = new Uint8Array(64).fill(7);

/** A thousand times as fast as the true one: the plays are many, and wait until a member is shown as back. */
const QUICK_CLOCK: PaceClock = {
  now: () => new Date(1_000 * performance.now()),
  after(ms, task) {
    const timer = setTimeout(task, ms / 1_000);
    return () => clearTimeout(timer);
  },
};

/** Longer than any test. */
const LONG_MS = 600_000;

export function someone(): Self {
  return { identity: Identity.generate(), knownNames: new KnownNames() };
}

/** The key that a login would give. The servers here have none, so they require no proof. */
const SESSION_KEY = new Uint8Array(64).fill(9);

export interface JoinSealedOptions
  extends Pick<JoinOptions, "retryMs" | "backoff" | "handshakeMs" | "files" | "paceClock"> {
  self?: Self;
  now?: () => number;
  salt?: Uint8Array;
  exchange?: ExchangeKey;
  /** Gets the first connection, to cut it later. */
  connected?: (connection: Connection) => void;
}

/** Joins a sealed room with a real client, without a login. */
export async function joinSealed(
  { port }: { port: number },
  name: string,
  { self = someone(), now = Date.now, salt, exchange, connected, ...rest }: JoinSealedOptions = {},
): Promise<Guest> {
  const hostname = "127.0.0.1";
  const connection = new Connection(await Deno.connect({ hostname, port }), MAX_FRAME);
  connection.send(PREFACE.slice() as Uint8Array<ArrayBuffer>);
  connection.send(encodeHello({ version: VERSION }));
  const next = async (): Promise<Frame> => {
    for (;;) {
      const frame = connection.decoder.next();
      if (frame) return frame;
      if (await within("an answer to HELLO", connection.fill())) continue;
      throw new Error("The connection ended before WELCOME");
    }
  };
  try {
    const { type, body } = await next();
    assertEquals(type, Type.GREETING);
    const greeting = parseGreeting(body);
    const seat = seatOf(await next());
    const { id, log } = seat;
    const seen: { chain?: Chain } = {};
    const cipher = cipherAt(seat, {
      self,
      now,
      report: () => seen.chain?.report ?? seat.report,
      ...(salt && { salt }),
      ...(exchange && { exchange }),
    });
    connection.send(
      encodeFrame(Type.PROFILE, 0, cipher.seal(encodeProfile({ name }), "profile")),
    );
    const frame = await next();
    assertEquals([frame.type, frame.id], [Type.WELCOME, id]);
    const welcome = parseWelcome(frame.body);
    const chain = seen.chain = new Chain(welcome.room, fromBase64Url(welcome.chain!)!);
    const seated = { connection, greeting, cipher, self, sessionKey: SESSION_KEY, log, chain };
    connected?.(connection);
    return new Guest(
      new Client({ ...seated, id, welcome }, { hostname, port, name, ...rest }),
    );
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** SEAT in a sealed room. */
interface SealedSeat {
  readonly id: number;
  /** The name of the log. */
  readonly log: string;
  /** The end of the log, which every member may report: the others have seen it, too. */
  readonly report: Report;
}

function seatOf({ type, id, body }: Frame): SealedSeat {
  assertEquals(type, Type.SEAT);
  const { log, room, chain } = parseSeat(body);
  assert(chain, "The room has no chain");
  return { id, log, report: { position: room, chain: fromBase64Url(chain)! } };
}

function cipherAt(
  { id, log, report: atSeat }: SealedSeat,
  { self, report = (atSeat) => atSeat, ...options }: CipherOptions & { self: Self },
): SealedCipher {
  return new SealedCipher({
    exportKey: EXPORT_KEY,
    identity: self.identity,
    seat: { log: fromBase64Url(log)!, id },
    now: Date.now,
    report: () => report(atSeat),
    ...options,
  });
}

interface CipherOptions extends Partial<Pick<SealedOptions, "now" | "salt" | "exchange">> {
  /** What it reports, instead of the chain of its SEAT. */
  report?: (atSeat: Report) => Report;
}

/** A client of a sealed room that a test writes frame by frame, at SEAT. By default it reports the chain of SEAT for ever. */
export async function takeSeat(
  raw: Raw,
  { self = someone(), ...options }: CipherOptions & { self?: Self } = {},
): Promise<SealedSeat & { cipher: SealedCipher }> {
  await raw.write(PREFACE, encodeHello({ version: VERSION }));
  const seat = seatOf(await raw.frameOf(Type.SEAT));
  return { ...seat, cipher: cipherAt(seat, { self, ...options }) };
}

/**
 * As `takeSeat`, with a profile; resolves at WELCOME.
 *
 * @param content of the profile, or the name in it
 */
export async function enterRaw(
  raw: Raw,
  content: Uint8Array | string,
  options: Parameters<typeof takeSeat>[1] = {},
): Promise<SealedSeat & { cipher: SealedCipher }> {
  const seated = await takeSeat(raw, options);
  const profile = typeof content === "string" ? encodeProfile({ name: content }) : content;
  await raw.write(encodeFrame(Type.PROFILE, 0, seated.cipher.seal(profile, "profile")));
  await raw.frameOf(Type.WELCOME);
  return seated;
}

/** A name without the marks that a screen adds. */
export function bare(name: string): string {
  return name.replace(/\(!\)$/, "").replace(/#\d+$/, "");
}

/** A line of the script: its speaker, its receiver (undefined: the room), and its number among the lines between them. */
interface Line {
  readonly speaker: string;
  readonly to: string | undefined;
  readonly index: number;
}

/** All lines and names that the members' clients have sent. */
class Script {
  readonly lines = new Map<string, Line>();
  /** All names that each member has had. */
  readonly names = new Map<string, string[]>();
  readonly #counts = new Map<string, number>();

  /** Adds a line with a unique text. */
  line(speaker: string, to?: string): string {
    const lane = `${speaker} to ${to ?? "all"}`;
    const index = this.#counts.get(lane) ?? 0;
    this.#counts.set(lane, index + 1);
    const text = `${lane}, number ${index}`;
    this.lines.set(text, { speaker, to, index });
    return text;
  }

  name(speaker: string, name: string): string {
    this.names.set(speaker, [...this.names.get(speaker) ?? [], name]);
    return name;
  }

  /** The lines that this observer should have been shown and was not. */
  missing(observer: string, { events }: Guest): string[] {
    const shown = new Set(events.flatMap((event) => "text" in event ? [event.text] : []));
    return [...this.lines].filter(([text, { to }]) =>
      (to === undefined || to === observer) && !shown.has(text)
    ).map(([text]) => text);
  }

  /** Asserts that each line was shown with its speaker and receiver, in order, at most once. */
  check(observer: string, { events }: Guest): void {
    const next = new Map<string, number>();
    const all = [...this.names.values()].flat();
    const isTrue = (name: string) =>
      assert(bare(name) === "" || all.includes(bare(name)), `${observer} sees a "${name}"`);
    for (const event of events) {
      switch (event.type) {
        case "message":
        case "direct": {
          const what = `${observer} sees "${event.from.name}: ${event.text}"`;
          const line = this.lines.get(event.text);
          assert(line, what);
          assert(this.names.get(line.speaker)!.includes(bare(event.from.name)), what);
          assertEquals(line.to, event.type === "message" ? undefined : observer, what);
          const lane = `${line.speaker}, ${event.type}`;
          const due = next.get(lane);
          assert(line.index >= (due ?? 0), `${what}, again or too late`);
          // Lines before the first shown one count as missing only if the observer must have received them.
          const missing = line.index - (due ?? 0);
          assert(
            event.missing === missing || due === undefined && event.missing === 0,
            `${what}, and that ${event.missing} are missing`,
          );
          assertEquals(event.action, false, what);
          next.set(lane, line.index + 1);
          break;
        }
        case "renamed": {
          isTrue(event.who.name);
          if (bare(event.before) === "") break;
          // Both names belong to one speaker.
          assert(
            [...this.names.values()].some((names) =>
              names.includes(bare(event.before)) && names.includes(bare(event.who.name))
            ),
            `${observer} sees that ${event.before} is now ${event.who.name}`,
          );
          break;
        }
        case "joined":
        case "left":
        case "away":
        case "back":
          isTrue(event.who.name);
          break;
        case "members":
          for (const { name } of event.members) isTrue(name);
      }
    }
  }
}

/** Resolves when an event fits, past ones included. */
async function sees(guest: Guest, fits: (event: RoomEvent) => boolean): Promise<void> {
  if (!guest.events.some(fits)) await guest.nextOf(ALL_EVENTS, fits);
}

const ALL_EVENTS = [
  "joined",
  "left",
  "renamed",
  "away",
  "back",
  "disconnected",
  "connected",
  "ended",
  "message",
  "direct",
] as const;

/** Ignores a ChatError: after some alterations an action is not possible any more. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
  }
}

/** How a member can notice an alteration. */
export type Symptom = "unreadable" | "missing" | "ended" | "unconfirmed" | "forked";

/**
 * Plays the script, and checks that no member is shown anything false.
 *
 * @returns the symptoms by which any member noticed an alteration
 */
export async function play(tamper: Tamper): Promise<Symptom[]> {
  await using server = new PlayServer();
  await using relay = new Relay(server, tamper);
  const script = new Script();
  const cast: [string, Guest][] = [];
  const come = async (
    speaker: string,
    at: { port: number } = server,
    options: JoinSealedOptions = {},
  ) => {
    const quick = { paceClock: QUICK_CLOCK, ...options };
    const guest = await joinSealed(at, script.name(speaker, speaker), quick);
    cast.push([speaker, guest]);
    return guest;
  };
  try {
    const anna = await come("anna");
    await anna.next("members");
    const ben = await come("ben", relay).catch(() => undefined);
    const benId = 2;
    if (ben) {
      await sees(anna, ({ type }) => type === "joined");
      await relay.saw("down", Type.JOINED);
    }
    let doras: Connection | undefined;
    const dora = await come("dora", server, {
      retryMs: LONG_MS,
      // She reconnects on request only.
      backoff: new Backoff(() => 0.5, { baseMs: LONG_MS, capMs: LONG_MS }),
      connected: (connection) => doras = connection,
    });
    await dora.next("members");
    // 1. The others talk, and one changes her name.
    const aside = () => {
      if (ben) attempt(() => anna.client.tell(benId, script.line("anna", "ben")));
    };
    await anna.say(script.line("anna"));
    await dora.say(script.line("dora"));
    aside();
    await anna.say(script.line("anna"));
    aside();
    anna.client.rename(script.name("anna", "anne"));
    await sees(anna, (event) => event.type === "renamed" && event.who.self);
    await anna.say(script.line("anna"));
    aside();
    await dora.say(script.line("dora"));
    // 2. The member behind the relay talks.
    if (ben) {
      for (let n = 0; n < 2; n++) attempt(() => ben.client.say(script.line("ben")));
      for (let n = 0; n < 3; n++) attempt(() => ben.client.tell(1, script.line("ben", "anna")));
      attempt(() => ben.client.rename(script.name("ben", "bert")));
      for (let n = 0; n < 2; n++) attempt(() => ben.client.say(script.line("ben")));
    }
    // 3. A member is away for a while and leaves, and another joins.
    const { id } = dora.client.self;
    doras!.close();
    await sees(dora, (event) => event.type === "disconnected");
    await sees(anna, (event) => event.type === "away" && event.who.id === id);
    dora.client.reconnect();
    await sees(anna, (event) => event.type === "back" && event.who.id === id);
    dora.client.leave();
    await sees(anna, (event) => event.type === "left" && event.who.id === id);
    const emil = await come("emil");
    await emil.next("members");
    await emil.say(script.line("emil"));
    await anna.say(script.line("anna"));
    // 4. Everything pending arrives, or never will.
    ben?.client.leave();
    await ben?.ended;
    // If his BYE is lost, he is only away.
    const isGone = ({ type }: RoomEvent) => type === "left" || type === "away";
    if (ben) {
      await sees(anna, (event) => isGone(event) && "who" in event && event.who?.id === benId);
    }
    await anna.say(script.line("anna"));
  } finally {
    for (const [, guest] of cast) await guest[Symbol.asyncDispose]();
  }
  return findSymptoms(script, cast, 4);
}

/** Checks that no member was shown anything false; returns the symptoms of an alteration. */
function findSymptoms(script: Script, cast: readonly [string, Guest][], count: number): Symptom[] {
  for (const [speaker, guest] of cast) script.check(speaker, guest);
  const symptoms = new Set<Symptom>(cast.length === count ? [] : ["ended"]);
  for (const [, { client, events }] of cast) {
    if (client.pending.length > 0) symptoms.add("unconfirmed");
    for (const event of events) {
      if (event.type === "unreadable" || event.type === "forked") symptoms.add(event.type);
      if ("missing" in event && event.missing > 0) symptoms.add("missing");
      if (event.type === "ended" && event.ending.reason !== "left") symptoms.add("ended");
    }
  }
  return [...symptoms].sort();
}

/**
 * Plays that ben loses his connection, reconnects through the same relay, and resumes. Lost with the connection are an
 * echo, an ACK, anna's messages to the room and to him, and the last message of ben. Checks that no member is shown
 * anything false, and that without symptoms every member was shown everything.
 *
 * @param told ben has got a direct message before
 * @returns the symptoms by which any member noticed an alteration
 */
export async function playReturn(
  relaying: (server: PlayServer) => Tamper,
  { told = false } = {},
): Promise<Symptom[]> {
  await using server = new PlayServer();
  const tamper = relaying(server);
  let lost: Direction | "both" | undefined;
  await using relay = new Relay(server, (frame, direction) => {
    if (lost === direction || lost === "both") return [];
    return tamper(frame, direction);
  });
  const script = new Script();
  const anna = await joinSealed(server, script.name("anna", "anna"));
  await anna.next("members");
  const ben = await joinSealed(relay, script.name("ben", "ben"), {
    retryMs: LONG_MS,
    // Reconnects at once, and again if a try gets no answer.
    backoff: new Backoff(() => 0),
    handshakeMs: 1_000,
  });
  const cast: [string, Guest][] = [["anna", anna], ["ben", ben]];
  try {
    await ben.next("members");
    await sees(anna, ({ type }) => type === "joined");
    await anna.say(script.line("anna"));
    await ben.say(script.line("ben"));
    if (told) {
      anna.client.tell(2, script.line("anna", "ben"));
      await ben.next("direct");
    }
    // 1. The server has messages that ben has not received.
    lost = "down";
    ben.client.say(script.line("ben"));
    const aside = script.line("ben", "anna");
    ben.client.tell(1, aside);
    await sees(anna, (event) => event.type === "direct" && event.text === aside);
    await anna.say(script.line("anna"));
    anna.client.tell(2, script.line("anna", "ben"));
    await relay.saw("down", Type.DIRECT);
    // 2. The server has not received a message of ben.
    lost = "both";
    const said = relay.count("up", Type.MESSAGE);
    ben.client.say(script.line("ben"));
    await relay.saw("up", Type.MESSAGE, said + 1);
    // 3. He reconnects, and the conversation continues.
    await relay.cut();
    lost = undefined;
    await sees(ben, ({ type }) => type === "connected" || type === "ended");
    await anna.say(script.line("anna"));
    attempt(() => ben.client.say(script.line("ben")));
    attempt(() => anna.client.tell(2, script.line("anna", "ben")));
    await anna.say(script.line("anna"));
    ben.client.leave();
    await ben.ended;
    await sees(anna, ({ type }) => type === "left" || type === "away");
  } finally {
    for (const [, guest] of cast) await guest[Symbol.asyncDispose]();
  }
  const symptoms = findSymptoms(script, cast, 2);
  if (symptoms.length === 0) {
    for (const [speaker, guest] of cast) assertEquals(script.missing(speaker, guest), []);
  }
  return symptoms;
}

/** Plays that run at once: each mostly waits for the network. */
const AT_ONCE = 8;

/** Runs `act` for all, a few at once. If one fails, rejects after the running ones have ended. */
export async function atOnce<T>(all: Iterable<T>, act: (one: T) => Promise<void>): Promise<void> {
  const waiting = Iterator.from(all);
  const errors: unknown[] = [];
  const worker = async () => {
    for (const one of waiting) {
      if (errors.length > 0) return;
      await act(one).catch((error) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (errors.length > 0) throw errors[0];
}

/** A server without codes: it greets as in a sealed room, and admits every client. */
export class PlayServer extends Server implements AsyncDisposable {
  constructor(options: Partial<ServerOptions> = {}) {
    super({
      hostname: "127.0.0.1",
      port: 0,
      awayMs: 0,
      maxPerAddress: Infinity,
      maxPending: Infinity,
      isChained: true,
      ...options,
    });
    // The object that the server already sends as GREETING: sealed, although without a record it requires no login.
    const greeting: { cipher: string; key?: string } = this.greeting;
    greeting.cipher = "sealed";
    delete greeting.key;
    // Nor do its clients have keys of logins; with this one they resume.
    const add = this.hub.addSession.bind(this.hub);
    this.hub.addSession = (member, { token }) => add(member, { token, key: SESSION_KEY });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within("the end of the server", this.stop());
  }
}
