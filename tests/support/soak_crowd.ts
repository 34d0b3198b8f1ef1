// The members of the soak test: they come, talk, listen, lose their connection, and go as the dice want it, and write
// down what they were told. For tests/soak/soak_test.ts and its workers.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Client, join, type JoinOptions } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";
import type { RoomEvent } from "../../room.ts";
import { within } from "./async.ts";
import { mulberry32 } from "./random.ts";

/** Those who lose their connection try again soon, so that a visit has several. */
const BACKOFF = { baseMs: 20, capMs: 200 };
/** The longest that one of their connections lasts, in ms: some lose it before they know who is there. */
const LONGEST_MS = 400;

/** What one visit was told of the room: the places of the first and the last in its log, and how many. */
export interface Told {
  readonly id: number;
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** What some members were told, together. */
export class Notes {
  /** What happened at each place of the room's log. */
  readonly places: Map<number, string> = new Map();
  readonly visits: Told[] = [];
  /** Messages. */
  said = 0;
  /** What was told, counted once for each who was told it. */
  deliveries = 0;
  /** Sessions that went on over another connection. */
  resumed = 0;
  /** Those that could not, for their client had not said yet that it was in. */
  renewed = 0;
  /** Visits that ended without a word. */
  vanished = 0;
  /** The longest that one was away until it was back, in ms. */
  longestAway = 0;

  /** Whatever two are told of the same place must be the same. */
  witness(at: number, what: string): void {
    this.deliveries++;
    const known = this.places.get(at);
    if (known === undefined) this.places.set(at, what);
    else if (known !== what) assertEquals(what, known, `two were told differently of ${at}`);
  }
}

/** Thrown by a listener: its client is gone at once, as if its process had been killed. */
class Vanished extends Error {
  override name = "Vanished";
}

/** One member, from its coming to its going. */
export class Visit implements Told {
  first = -1;
  last = -1;
  /** How many places it was told of. */
  count = 0;
  id: number;
  readonly client: Client;
  readonly ended: Promise<void>;
  readonly #notes: Notes;
  #said = 0;
  #vanishing = false;
  /** The server is known to have heard that this client is in: its session outlives its connections. */
  #lasting = false;
  #lostAt = 0;
  #news = Promise.withResolvers<void>();

  constructor(client: Client, notes: Notes) {
    this.client = client;
    this.id = client.self.id;
    this.#notes = notes;
    notes.visits.push(this);
    this.ended = client.run((event) => this.#tell(event));
  }

  static async begin(
    port: number,
    notes: Notes,
    options: Partial<JoinOptions> = {},
  ): Promise<Visit> {
    const place = { hostname: "127.0.0.1", port, name: "member", handshakeMs: 60_000 };
    return new Visit(await join({ ...place, ...options }), notes);
  }

  #tell(event: RoomEvent): void {
    if (this.#vanishing) throw new Vanished();
    if (event.type === "disconnected") this.#lostAt = performance.now();
    if (event.type === "connected") this.#comeBack(event.resumed);
    // What comes back of this has come behind HAVE.
    if (event.type === "members") this.client.rename("inside");
    if (event.type === "renamed" && event.who.id === this.id) this.#lasting = true;
    // Nobody is told that it is away itself: so these are not what all are told.
    if ("at" in event && event.type !== "away" && event.type !== "back") {
      if (event.at <= this.last) throw new Error(`${event.at} was told after ${this.last}`);
      if (this.count++ === 0) this.first = event.at;
      this.last = event.at;
      const what = event.type === "message"
        ? `message ${event.from.id} ${event.text}`
        : event.type === "renamed"
        ? `renamed ${event.who.id}`
        : `${event.type} ${event.who.id}`;
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
    assert(!this.#lasting, `the session of ${this.id} was over when it came back`);
    notes.renewed++;
    const { id, first, last, count } = this;
    if (count > 0) notes.visits.push({ id, first, last, count });
    this.first = this.last = -1;
    this.count = 0;
    this.id = this.client.self.id;
  }

  /** Its session outlives its connection: what it says from now on is said once. */
  async inside(): Promise<void> {
    while (!this.#lasting) await this.something();
  }

  /** Says something nobody has said before. */
  say(padding: string): void {
    this.client.say(`${++this.#said} ${padding}`);
    this.#notes.said++;
  }

  async something(): Promise<void> {
    await within(`an event for ${this.id}`, this.#news.promise);
  }

  async confirmed(): Promise<void> {
    while (this.client.pending.length > 0) await this.something();
  }

  async end(): Promise<void> {
    this.client.leave();
    await within("the end of the room", this.ended);
    assertEquals(this.client.ending, { reason: "left" });
  }

  /** Goes without a word, all of its words confirmed. */
  async vanish(): Promise<void> {
    await this.confirmed();
    this.#vanishing = true;
    this.client.rename("nobody");
    await within("its vanishing", assertRejects(() => this.ended, Vanished));
    this.#notes.vanished++;
  }

  /** Talks and listens as the dice want it, and goes. */
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
          await this.something();
          break;
        default:
          for (let i = 0; i < atOnce; i++) {
            this.say("x".repeat(roll(roll(10 * atOnce) === 0 ? 5000 : 100)));
          }
          if (roll(3) > 0) await this.confirmed();
      }
    }
    if (roll(16) === 0 && mayVanish) return await this.vanish();
    // Some wait until all they said has been heard, some slam the door; who does that while its connection is lost
    // takes its words along.
    this.say("bye");
    if (breaks || roll(4) > 0) await this.confirmed();
    else while (this.count === 0) await this.something();
    await this.end();
  }
}

/** A client that closes its connection after a while, as if it were dead, and makes another. */
function breaking(ms: number, random: (limit: number) => number): Partial<JoinOptions> {
  return {
    // It looks four times between two PINGs, and finds at the first look that too long nothing has come.
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
  /** How many messages somebody says in one go. */
  readonly atOnce: number;
  /** Some lose their connection and come back, some do not come back. */
  readonly faulty: boolean;
}

/** So many at a time, each again and again for so long. */
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
