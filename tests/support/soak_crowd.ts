// Test helper: the members of tests/soak/soak_test.ts and its workers. They join, talk, lose their connections and leave
// at random, and record what they receive. Not part of the program.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Client, join, type JoinOptions } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";
import type { RoomEvent } from "../../room.ts";
import { within } from "./async.ts";
import { mulberry32 } from "./random.ts";

/** Short waits, so that a visit has several connections. */
const BACKOFF = { baseMs: 20, capMs: 200 };
/** The longest life of a connection that breaks, in ms. Some break before the client has the list of members. */
const LONGEST_MS = 400;

/** The part of the room's log that one session has received: the first and the last position, and the number of entries. */
export interface ReceivedRange {
  readonly id: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** Everything that several members have received. */
export class Notes {
  /** The event at each position of the room's log. */
  readonly log: Map<number, string> = new Map();
  readonly visits: ReceivedRange[] = [];
  /** Messages that were sent. */
  said = 0;
  /** Received events, counted once for each receiver. */
  deliveries = 0;
  /** Sessions that were resumed over a new connection. */
  resumed = 0;
  /** Sessions that ended with their connection, because the server had received no HAVE yet. */
  renewed = 0;
  /** Visits that ended without BYE. */
  vanished = 0;
  /** The longest time from a lost connection to the next one, in ms. */
  longestAway = 0;

  /** Records an event. All members must receive the same event at the same position. */
  witness(at: number, what: string): void {
    this.deliveries++;
    const known = this.log.get(at);
    if (known === undefined) this.log.set(at, what);
    else if (known !== what) {
      assertEquals(what, known, `two members received different events at ${at}`);
    }
  }
}

/** Thrown by a listener, so that its client ends at once, like a killed process. */
class Vanished extends Error {
  override name = "Vanished";
}

/** One member, from joining to leaving. */
export class Visit implements ReceivedRange {
  first = -1;
  last = -1;
  /** The number of log entries that it has received. */
  count = 0;
  id: number;
  readonly client: Client;
  readonly ended: Promise<void>;
  readonly #notes: Notes;
  #said = 0;
  #vanishing = false;
  /** The server has certainly received a HAVE, so the session outlives its connections. */
  #lasting = false;
  #lostAt = 0;
  #news = Promise.withResolvers<void>();

  constructor(client: Client, notes: Notes) {
    this.client = client;
    this.id = client.self.id;
    this.#notes = notes;
    notes.visits.push(this);
    this.ended = client.run((event) => this.#handle(event));
  }

  static async begin(
    port: number,
    notes: Notes,
    options: Partial<JoinOptions> = {},
  ): Promise<Visit> {
    const place = { hostname: "127.0.0.1", port, name: "member", handshakeMs: 60_000 };
    return new Visit(await join({ ...place, ...options }), notes);
  }

  #handle(event: RoomEvent): void {
    if (this.#vanishing) throw new Vanished();
    if (event.type === "disconnected") this.#lostAt = performance.now();
    if (event.type === "connected") this.#comeBack(event.resumed);
    // The server echoes this after it has received HAVE.
    if (event.type === "members") this.client.rename("inside");
    if (event.type === "renamed" && event.who.id === this.id) this.#lasting = true;
    // A member receives no events about its own absence, so not all members receive these. And a client withholds what
    // comes again and again: connections and names.
    if (
      "at" in event && event.type !== "away" && event.type !== "back" && event.type !== "renamed"
    ) {
      if (event.at <= this.last) {
        throw new Error(`The event at ${event.at} came after the one at ${this.last}`);
      }
      if (this.count++ === 0) this.first = event.at;
      this.last = event.at;
      const what = event.type === "message"
        ? `message ${event.from.id} ${event.text}`
        : "who" in event
        ? `${event.type} ${event.who?.id}`
        : event.type;
      this.#notes.witness(event.at, what);
    }
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  #comeBack(resumed: boolean): void {
    const notes = this.#notes;
    notes.longestAway = Math.max(notes.longestAway, performance.now() - this.#lostAt);
    if (resumed) {
      notes.resumed++;
      return;
    }
    assert(!this.#lasting, `the session of ${this.id} had ended when its client reconnected`);
    notes.renewed++;
    const { id, first, last, count } = this;
    if (count > 0) notes.visits.push({ id, first, last, count });
    this.first = this.last = -1;
    this.count = 0;
    this.id = this.client.self.id;
  }

  /** Resolves when its session outlives its connections. From then on each message appears once. */
  async inside(): Promise<void> {
    while (!this.#lasting) await this.nextEvent();
  }

  /** Sends a new text, different from all others of this member. */
  say(padding: string): void {
    this.client.say(`${++this.#said} ${padding}`);
    this.#notes.said++;
  }

  async nextEvent(): Promise<void> {
    await within(`an event for ${this.id}`, this.#news.promise);
  }

  async confirmed(): Promise<void> {
    while (this.client.pending.length > 0) await this.nextEvent();
  }

  async end(): Promise<void> {
    this.client.leave();
    await within("the end of the client", this.ended);
    assertEquals(this.client.ending, { reason: "left" });
  }

  /** Disconnects without BYE, after all its messages are confirmed. */
  async vanish(): Promise<void> {
    await this.confirmed();
    this.#vanishing = true;
    this.client.rename("nobody");
    await within("its vanishing", assertRejects(() => this.ended, Vanished));
    this.#notes.vanished++;
  }

  /** Talks and listens at random, and leaves. */
  async pass(
    roll: (limit: number) => number,
    { breaks, mayVanish, atOnce }: { breaks: boolean; mayVanish: boolean; atOnce: number },
  ): Promise<void> {
    await this.inside();
    for (let left = 1 + roll(6); left > 0; left--) {
      switch (roll(8)) {
        case 0:
          this.client.rename(`member${roll(50)}`);
          break;
        case 1:
          this.say("anybody?");
          await this.nextEvent();
          break;
        default:
          for (let i = 0; i < atOnce; i++) {
            this.say("x".repeat(roll(roll(10 * atOnce) === 0 ? 5000 : 100)));
          }
          if (roll(3) > 0) await this.confirmed();
      }
    }
    if (roll(16) === 0 && mayVanish) return await this.vanish();
    // Some wait until all their messages are confirmed, some leave at once. A client that leaves without a connection
    // loses its unconfirmed messages.
    this.say("bye");
    if (breaks || roll(4) > 0) await this.confirmed();
    else while (this.count === 0) await this.nextEvent();
    await this.end();
  }
}

/** Options of a client that closes its connection after `ms`, as if the connection were dead, and reconnects. */
function breaking(ms: number, random: (limit: number) => number): Partial<JoinOptions> {
  return {
    // The client checks for silence four times between two PINGs. The first check already finds it too long.
    pingMs: 4 * ms,
    deadMs: -1,
    retryMs: 60_000,
    backoff: new Backoff(() => random(1000) / 1000, BACKOFF),
  };
}

export interface CrowdOptions {
  readonly port: number;
  readonly members: number;
  readonly seed: number;
  readonly seconds: number;
  /** The number of messages that a member sends at once. */
  readonly atOnce: number;
  /** Some members lose their connection and reconnect, some vanish. */
  readonly faulty: boolean;
}

/** `members` at a time join, talk and leave, again and again, for `seconds`. */
export async function crowd(
  { port, members, seed, seconds, atOnce, faulty }: CrowdOptions,
): Promise<Notes> {
  const notes = new Notes();
  const end = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: members }, async (_, i) => {
    const roll = mulberry32(seed + i);
    do {
      const breaks = faulty && roll(4) === 0;
      const options = breaks ? breaking(1 + roll(LONGEST_MS), roll) : {};
      await (await Visit.begin(port, notes, options)).pass(roll, {
        breaks,
        atOnce,
        mayVanish: faulty && !breaks,
      });
    } while (performance.now() < end);
  }));
  return notes;
}
