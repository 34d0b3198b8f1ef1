// The members of the soak test: they come, talk, listen and go as the dice want it, and write down what they were
// told. For soak_test.ts and its workers.

import { assertEquals } from "@std/assert";
import { type Client, join } from "../client.ts";
import { within } from "../loopback.ts";
import type { RoomEvent } from "../room.ts";

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

  /** Whatever two are told of the same place must be the same. */
  witness(at: number, what: string): void {
    this.deliveries++;
    const known = this.places.get(at);
    if (known === undefined) this.places.set(at, what);
    else if (known !== what) assertEquals(what, known, `two were told differently of ${at}`);
  }
}

/** Numbers that look random and are the same in every run (mulberry32): each below `limit`. */
export function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** One member, from its coming to its going. */
export class Visit implements Told {
  first = -1;
  last = -1;
  /** How many places it was told of. */
  count = 0;
  readonly id: number;
  readonly client: Client;
  readonly ended: Promise<void>;
  readonly #notes: Notes;
  #said = 0;
  #news = Promise.withResolvers<void>();

  constructor(client: Client, notes: Notes) {
    this.client = client;
    this.id = client.self.id;
    this.#notes = notes;
    notes.visits.push(this);
    this.ended = client.run((event) => this.#tell(event));
  }

  static async begin(port: number, notes: Notes): Promise<Visit> {
    return new Visit(
      await join({ hostname: "127.0.0.1", port, name: "member", handshakeMs: 60_000 }),
      notes,
    );
  }

  #tell(event: RoomEvent): void {
    if ("at" in event) {
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

  /** Talks and listens as the dice want it, and goes. */
  async pass(roll: (limit: number) => number): Promise<void> {
    for (let left = 1 + roll(20); left > 0; left--) {
      switch (roll(8)) {
        case 0:
          this.client.rename(`member${roll(50)}`);
          break;
        case 1:
          this.say("anybody?");
          await this.something();
          break;
        default:
          this.say("x".repeat(roll(roll(10) === 0 ? 5000 : 100)));
          if (roll(3) > 0) await this.confirmed();
      }
    }
    // Some wait until all they said has been heard, some slam the door.
    this.say("bye");
    if (roll(4) > 0) await this.confirmed();
    else while (this.count === 0) await this.something();
    await this.end();
  }
}

/** So many at a time, each again and again for so long. */
export async function crowd(
  { port, members, seed, seconds }: {
    port: number;
    members: number;
    seed: number;
    seconds: number;
  },
): Promise<Notes> {
  const notes = new Notes();
  const end = performance.now() + seconds * 1000;
  await Promise.all(Array.from({ length: members }, async (_, i) => {
    const roll = dice(seed + i);
    do await (await Visit.begin(port, notes)).pass(roll); while (performance.now() < end);
  }));
  return notes;
}
