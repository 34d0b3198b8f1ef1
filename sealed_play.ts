// Test helper: a short play in a sealed room, with somebody between one of its members and the server; and
// what each member may be shown of it. No part of the program.
//
// Admission is left out: the members have the room's key from the start. `sealed_test.ts` has it.

import { assert, assertEquals } from "@std/assert";
import { SealedCipher } from "./cipher_sealed.ts";
import { Client, type Self } from "./client.ts";
import { Connection } from "./connection.ts";
import { encodeProfile, ENVELOPE_OVERHEAD } from "./envelope.ts";
import { ChatError } from "./errors.ts";
import { Identity, KnownNames } from "./identity.ts";
import { Guest, within } from "./loopback.ts";
import {
  encodeHello,
  type Frame,
  MAX_BODY,
  MAX_FRAME,
  parseWelcome,
  PREFACE,
  Type,
  VERSION,
} from "./protocol.ts";
import { Relay, type Tamper } from "./relay.ts";
import type { RoomEvent } from "./room.ts";
import { Server } from "./server.ts";

/** What OPAQUE would give. */
export const EXPORT_KEY: Uint8Array<ArrayBuffer> = new Uint8Array(64).fill(7);

export function someone(): Self {
  return { identity: Identity.generate(), knownNames: new KnownNames() };
}

export interface EnterOptions {
  self?: Self;
  now?: () => number;
  salt?: Uint8Array;
}

/** A real client of a sealed room, let in without a login. */
export async function enter(
  { port }: { port: number },
  name: string,
  { self = someone(), now = Date.now, salt }: EnterOptions = {},
): Promise<Guest> {
  const hostname = "127.0.0.1";
  const connection = new Connection(await Deno.connect({ hostname, port }), MAX_FRAME);
  const cipher = new SealedCipher({
    exportKey: EXPORT_KEY,
    identity: self.identity,
    now,
    ...(salt && { salt }),
  });
  const profile = cipher.seal(encodeProfile({ name }), "profile");
  connection.send(PREFACE.slice() as Uint8Array<ArrayBuffer>);
  connection.send(encodeHello({ version: VERSION, profile }));
  const next = async (): Promise<Frame> => {
    for (;;) {
      const frame = connection.decoder.next();
      if (frame) return frame;
      if (await within("an answer to HELLO", connection.fill())) continue;
      throw new Error("The connection ended before WELCOME");
    }
  };
  try {
    assertEquals((await next()).type, Type.GREETING);
    const welcome = await next();
    assertEquals(welcome.type, Type.WELCOME);
    const info = {
      address: `${hostname}:${port}`,
      cipher: "sealed",
      maxText: MAX_BODY - cipher.overhead - ENVELOPE_OVERHEAD,
    } as const;
    const { id } = welcome;
    const options = { hostname, port, name };
    return new Guest(
      new Client(connection, cipher, self, info, id, parseWelcome(welcome.body), options),
    );
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** A name without the marks that a screen adds. */
export function bare(name: string): string {
  return name.replace(/\(!\)$/, "").replace(/#\d+$/, "");
}

/** What was truly said: who, to whom (undefined: to the room), and as which of what it said there. */
interface Line {
  readonly speaker: string;
  readonly to: string | undefined;
  readonly index: number;
}

/** What everybody did, as far as it left their own client. */
class Script {
  readonly lines = new Map<string, Line>();
  /** All names that each has had. */
  readonly names = new Map<string, string[]>();
  readonly #counts = new Map<string, number>();

  /** A text that nobody else says, and nobody twice. */
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

  /** Nothing false may be shown: each line as its speaker said it, to whom, in its order, at most once. */
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
          // What came before the first is counted only where it is sure that it should have come.
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
          // Both names are one speaker's.
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
          isTrue(event.who.name);
          break;
        case "members":
          for (const { name } of event.members) isTrue(name);
      }
    }
  }
}

/** Resolves when such an event has come, or if it has already. */
async function sees(guest: Guest, fits: (event: RoomEvent) => boolean): Promise<void> {
  if (!guest.events.some(fits)) await guest.nextOf(ALL_EVENTS, fits);
}

const ALL_EVENTS = ["joined", "left", "renamed"] as const;

/** How a member came to know that something was wrong; empty if nothing told it. */
export type Told = "unreadable" | "missing" | "ended" | "unconfirmed";

/**
 * Plays the play, and checks that nobody is shown anything false.
 *
 * @returns what told anybody of the tampering
 */
export async function play(tamper: Tamper): Promise<Told[]> {
  await using server = new PlayServer();
  await using relay = new Relay(server, tamper);
  const script = new Script();
  const cast: [string, Guest][] = [];
  const come = async (speaker: string, at: { port: number } = server) => {
    const guest = await enter(at, script.name(speaker, speaker));
    cast.push([speaker, guest]);
    return guest;
  };
  // What can't be done any more, after some tampering, is not done.
  const attempt = (act: () => void) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
    }
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
    const dora = await come("dora");
    await dora.next("members");
    // 1. What others say, with a new name in the midst of it.
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
    // 2. What the one behind the relay says.
    if (ben) {
      for (let n = 0; n < 2; n++) attempt(() => ben.client.say(script.line("ben")));
      for (let n = 0; n < 3; n++) attempt(() => ben.client.tell(1, script.line("ben", "anna")));
      attempt(() => ben.client.rename(script.name("ben", "bert")));
      for (let n = 0; n < 2; n++) attempt(() => ben.client.say(script.line("ben")));
    }
    // 3. Who comes and goes.
    const { id } = dora.client.self;
    dora.client.leave();
    await sees(anna, (event) => event.type === "left" && event.who.id === id);
    const emil = await come("emil");
    await emil.next("members");
    await emil.say(script.line("emil"));
    await anna.say(script.line("anna"));
    // 4. All that is on its way arrives, or never will.
    ben?.client.leave();
    await ben?.ended;
    if (ben) await sees(anna, (event) => event.type === "left" && event.who.id === benId);
    await anna.say(script.line("anna"));
  } finally {
    for (const [, guest] of cast) await guest[Symbol.asyncDispose]();
  }
  for (const [speaker, guest] of cast) script.check(speaker, guest);
  const told = new Set<Told>(cast.length === 4 ? [] : ["ended"]);
  for (const [, { client, events }] of cast) {
    if (client.pending.length > 0) told.add("unconfirmed");
    for (const event of events) {
      if (event.type === "unreadable") told.add("unreadable");
      if ("missing" in event && event.missing > 0) told.add("missing");
      if (event.type === "ended" && event.ending.reason !== "left") told.add("ended");
    }
  }
  return [...told].sort();
}

/** A server that knows nothing of codes: it relays sealed frames all the same. */
class PlayServer extends Server implements AsyncDisposable {
  constructor() {
    super({ hostname: "127.0.0.1", port: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within("the end of the server", this.stop());
  }
}
