// Test helper: members that talk all the time, and check that nothing is lost, doubled or in another order, whatever
// happens to their server. For tests/soak/kill_e2e_test.ts. No part of the program.

import { assertEquals } from "@std/assert";
import { Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import { type Client, join } from "../../client.ts";
import type { RoomEvent } from "../../room.ts";
import { within } from "./async.ts";

/** With more unconfirmed messages a member pauses: then a slow machine can catch up. */
const MAX_UNCONFIRMED = 40;

/** What all of them have seen, and its faults. */
class Notes {
  /** The messages to the room, in the order in which the first member received them. */
  readonly room: string[] = [];
  /** Direct messages, by text: how often the server has accepted one, and how often its receiver has got it. */
  readonly direct = new Map<string, { delivered: number; received: number }>();
  readonly faults: string[] = [];
  #check = () => {};

  /** To be called after each event. */
  stir(): void {
    this.#check();
  }

  /**
   * Resolves as soon as `fits` returns true. One call at a time.
   *
   * @param state what the error shows if that never happens
   * @throws {Error} if there is a fault
   */
  async until(fits: () => boolean, state: () => string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#check = () => {
      if (this.faults.length > 0 || fits()) resolve();
    };
    this.#check();
    try {
      await within("what the members wait for", promise);
    } catch (cause) {
      throw new Error(state(), { cause });
    } finally {
      this.#check = () => {};
    }
    assertEquals(this.faults, []);
  }
}

/** One member. */
class Talker {
  readonly client: Client;
  readonly name: string;
  readonly ended: Promise<void>;
  /** When it was connected last, on the clock of `performance.now()`; undefined while it is not. */
  connectedAt: number | undefined = performance.now();
  hasMembers = false;
  /** How many of the room's messages it has received, and how many of its own. */
  seen = 0;
  confirmed = 0;
  said = 0;
  /** Why it is not connected. */
  trouble = "";
  /** Why it lost its connections. */
  readonly losses: string[] = [];
  readonly #notes: Notes;

  constructor(client: Client, name: string, notes: Notes) {
    this.client = client;
    this.name = name;
    this.#notes = notes;
    this.ended = client.run((event) => {
      this.#handle(event);
      notes.stir();
    });
  }

  #fault(what: string): void {
    this.#notes.faults.push(`${this.name}: ${what}`);
  }

  #handle(event: RoomEvent): void {
    const { room, direct } = this.#notes;
    switch (event.type) {
      case "members":
        this.hasMembers = true;
        return;
      case "message": {
        const { from, text, at, missing } = event;
        if (missing !== 0) this.#fault(`${missing} messages of ${from.name} are missing`);
        // Not the complete text: a test of half an hour would keep hundreds of MB.
        const line = `${at} ${from.name} ${text.slice(0, 20)} ${text.length}`;
        if (this.seen === room.length) room.push(line);
        else if (room[this.seen] !== line) {
          this.#fault(`received "${line}", and others "${room[this.seen]}"`);
        }
        this.seen++;
        if (!from.self) return;
        this.confirmed++;
        if (!text.startsWith(`${this.confirmed} `)) {
          this.#fault(`its message ${this.confirmed} was confirmed as "${text}"`);
        }
        return;
      }
      case "direct": {
        const { from, text, missing } = event;
        if (missing !== 0) this.#fault(`${missing} direct messages of ${from.name} are missing`);
        const noted = direct.get(text);
        if (!noted || !text.startsWith(`${from.name} to ${this.name} `)) {
          return this.#fault(`a direct message of ${from.name} that was not sent to it: "${text}"`);
        }
        if (++noted.received > 1) this.#fault(`"${text}" was received twice`);
        return;
      }
      case "delivered":
        if (++direct.get(event.text)!.delivered > 1) {
          this.#fault(`"${event.text}" was delivered twice`);
        }
        return;
      case "disconnected":
        this.connectedAt = undefined;
        this.trouble = event.message;
        this.losses.push(event.reason);
        return;
      case "connected":
        this.connectedAt = performance.now();
        if (!event.resumed) this.#fault(`it had to join again, and missed ${event.missed}`);
        return;
      case "waiting":
        this.trouble = event.message;
        return;
      case "welcome":
      case "joined":
      case "away":
      case "back":
      case "caughtup":
        return;
      default:
        // Nobody may see these: left, forked, unreadable, undelivered, warning and others.
        return this.#fault(JSON.stringify(event));
    }
  }
}

export interface TalkersOptions {
  readonly port: number;
  /** The code of a sealed room. */
  readonly code?: string | undefined;
  readonly count: number;
  /** Messages to the room a second, of all members together; and direct messages. */
  readonly rate: number;
  readonly directRate: number;
  /** Returns a whole number below its argument. */
  readonly roll: (limit: number) => number;
}

/** Members of one room. */
export class Talkers implements AsyncDisposable {
  readonly #all: readonly Talker[];
  readonly #notes: Notes;
  readonly #timer: ReturnType<typeof setInterval>;
  #isTalking = true;

  private constructor(all: readonly Talker[], notes: Notes, options: TalkersOptions) {
    this.#all = all;
    this.#notes = notes;
    this.#timer = this.#talk(options);
  }

  /** They join one after the other. When all have joined, they begin to talk. */
  static async join(options: TalkersOptions): Promise<Talkers> {
    const { port, code, count } = options;
    const notes = new Notes();
    const all: Talker[] = [];
    for (let i = 0; i < count; i++) {
      const name = `member${i}`;
      const client = await join({
        hostname: "127.0.0.1",
        port,
        name,
        ...(code !== undefined && { code }),
        self: () => ({ identity: Identity.generate(), knownNames: new KnownNames() }),
        retryMs: 600_000,
        // Each loss counts as the first one for a long time, as it is with a server that is killed now and then.
        steadyMs: 0,
      });
      all.push(new Talker(client, name, notes));
    }
    await notes.until(() => all.every(({ hasMembers }) => hasMembers), () => "no list of members");
    const talkers = new Talkers(all, notes, options);
    // Only a session whose HAVE the server has received outlives its connection.
    await notes.until(
      () => all.every(({ confirmed }) => confirmed > 0),
      () => "nothing is confirmed",
    );
    return talkers;
  }

  /** Each in its turn says something, at a fixed rate, whether it is connected or not, unless too much of it is unconfirmed. */
  #talk({ rate, directRate, roll }: TalkersOptions): ReturnType<typeof setInterval> {
    const begin = performance.now();
    let said = 0;
    let sent = 0;
    return setInterval(() => {
      const seconds = (performance.now() - begin) / 1000;
      for (; said < seconds * rate; said++) {
        const talker = this.#all[said % this.#all.length]!;
        if (talker.said - talker.confirmed >= MAX_UNCONFIRMED) continue;
        talker.client.say(`${++talker.said} ${"x".repeat(roll(roll(50) === 0 ? 20_000 : 600))}`);
      }
      for (; sent < seconds * directRate; sent++) {
        const from = this.#all[roll(this.#all.length)]!;
        const to = this.#all[roll(this.#all.length)]!;
        if (from === to) continue;
        const text = `${from.name} to ${to.name} ${sent}`;
        this.#notes.direct.set(text, { delivered: 0, received: 0 });
        from.client.tell(to.client.self.id, text);
      }
    }, 5);
  }

  get count(): number {
    return this.#all.length;
  }

  /** How many messages to the room, and to single members, were confirmed, after `finish`. */
  get confirmed(): { room: number; direct: number } {
    const { room, direct } = this.#notes;
    return { room: room.length, direct: direct.size };
  }

  /** When each was connected again after this time, on the clock of `performance.now()`; those that were. */
  connectedSince(time: number): number[] {
    return this.#all.flatMap(({ connectedAt = -1 }) => connectedAt >= time ? connectedAt : []);
  }

  get #troubles(): unknown[] {
    const lost = this.#all.filter(({ connectedAt }) => connectedAt === undefined);
    return lost.map(({ name, client, trouble }) => [name, client.link, trouble]);
  }

  /** Resolves when at least this many have been connected again since then. */
  async connected(time: number, count: number = this.count): Promise<void> {
    await this.#notes.until(
      () => this.connectedSince(time).length >= count,
      () => `they are not connected again: ${JSON.stringify(this.#troubles)}`,
    );
  }

  /** How often they have lost a connection for each reason. */
  get losses(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const reason of this.#all.flatMap(({ losses }) => losses)) {
      counts[reason] = (counts[reason] ?? 0) + 1;
    }
    return counts;
  }

  /** Ends the talk. Checks that all that was said was confirmed, and that each message has reached every member once. */
  async finish(): Promise<void> {
    this.#isTalking = false;
    clearInterval(this.#timer);
    const { room, direct, faults } = this.#notes;
    const said = this.#all.reduce((sum, one) => sum + one.said, 0);
    await this.#notes.until(
      () =>
        this.#all.every(({ seen }) => seen === said) &&
        direct.values().every(({ delivered, received }) => delivered === 1 && received === 1),
      () =>
        JSON.stringify({
          said,
          seen: this.#all.map(({ seen }) => seen),
          direct: [...direct].filter(([, one]) => one.delivered !== 1 || one.received !== 1),
        }),
    );
    assertEquals(room.length, said);
    assertEquals(faults, []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isTalking) clearInterval(this.#timer);
    for (const { client } of this.#all) client.leave();
    await within("the end of all clients", Promise.all(this.#all.map(({ ended }) => ended)));
  }
}
