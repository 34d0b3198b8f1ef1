// A member's time in the room, over all its connections: what is kept of it while it has none, and the tokens
// by which its client finds it again. Knows connections, and no frames.

import type { Connection } from "../protocol/connection.ts";
import type { FloodGuard, RateLimiter } from "../protocol/rate_limit.ts";
import { drawToken } from "../protocol/resume.ts";
import type { AdaptedConnection } from "./adapter.ts";
import type { Member } from "./member.ts";

/** One member, for as long as it is one. */
export class Session {
  readonly member: Member;
  /** Where it came from; see `networkOf`. */
  readonly network: string;
  /** What only its client and this server know; undefined in rooms where nobody proves anything. */
  readonly key: Uint8Array | undefined;
  /** What it may still send; undefined where that is not limited. */
  readonly rateLimiter: RateLimiter | undefined;
  readonly floodGuard: FloodGuard;
  /** undefined while it is lost. */
  connection: Connection | undefined;
  /** How many of its MESSAGE and PROFILE frames were taken. */
  accepted = 0;
  /** Its client has said that it is in: only then can it come back. */
  lasting = false;
  /** What speaks for it, where it does not speak frames. */
  adapted: AdaptedConnection | undefined;
  /** The read of its connection that was under way when it came. */
  reading: Promise<boolean> | undefined;
  /** Ends what waits for it to stay away. */
  cancel: () => void = () => {};

  constructor(
    member: Member,
    connection: Connection,
    options: {
      network: string;
      key?: Uint8Array | undefined;
      rateLimiter?: RateLimiter | undefined;
      floodGuard: FloodGuard;
    },
  ) {
    this.member = member;
    this.network = options.network;
    this.connection = connection;
    this.key = options.key;
    this.rateLimiter = options.rateLimiter;
    this.floodGuard = options.floodGuard;
  }
}

/** All sessions of a room. */
export class Sessions {
  readonly #byToken = new Map<string, Session>();
  /** The tokens of each: the newest last. */
  readonly #tokens = new Map<Session, string[]>();
  readonly #byNetwork = new Tally();

  /** How many there are. */
  get size(): number {
    return this.#tokens.size;
  }

  /** How many came from there. */
  from(network: string): number {
    return this.#byNetwork.of(network);
  }

  all(): Iterable<Session> {
    return this.#tokens.keys();
  }

  find(token: string): Session | undefined {
    return this.#byToken.get(token);
  }

  /**
   * Gives a session another token.
   *
   * @param used the one that its client has shown: it stays good until the client is known to have the new
   * one, which may be lost on the way
   */
  renew(session: Session, used?: string): string {
    const token = drawToken();
    if (!this.#tokens.has(session)) this.#byNetwork.add(session.network, 1);
    this.#keep(session, used === undefined ? [token] : [used, token]);
    return token;
  }

  /** The client has the newest token: any other is used up. */
  settle(session: Session): void {
    session.lasting = true;
    this.#keep(session, this.#tokens.get(session)?.slice(-1) ?? []);
  }

  /** It is over: its tokens open nothing any more. */
  remove(session: Session): void {
    session.cancel();
    if (!this.#tokens.has(session)) return;
    this.#byNetwork.add(session.network, -1);
    this.#keep(session, []);
    this.#tokens.delete(session);
  }

  #keep(session: Session, tokens: string[]): void {
    for (const old of this.#tokens.get(session) ?? []) this.#byToken.delete(old);
    for (const token of tokens) this.#byToken.set(token, session);
    this.#tokens.set(session, tokens);
  }
}

/** How many there are of each kind; a kind of which there is none costs nothing. */
export class Tally {
  readonly #counts = new Map<string, number>();

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Returns how many there are then. */
  add(kind: string, by: 1 | -1): number {
    const count = this.of(kind) + by;
    if (count === 0) this.#counts.delete(kind);
    else this.#counts.set(kind, count);
    return count;
  }
}
