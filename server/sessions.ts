// Sessions: the state of a member across its connections, and the tokens with which its client resumes. Knows
// connections, and no frames.

import type { Connection } from "../protocol/connection.ts";
import type { FloodGuard, RateLimiter } from "../protocol/rate_limit.ts";
import { drawToken } from "../protocol/resume.ts";
import type { AdaptedConnection } from "./adapter.ts";
import type { Member } from "./member.ts";

/** The state of one member across its connections. */
export class Session {
  readonly member: Member;
  /** The network it joined from; see `networkOf`. */
  readonly network: string;
  /** A key that only its client and this server know; undefined in rooms without a code. */
  readonly key: Uint8Array | undefined;
  /** Limits what it sends; undefined: no limit. */
  readonly rateLimiter: RateLimiter | undefined;
  readonly floodGuard: FloodGuard;
  /** undefined while it is lost. */
  connection: Connection | undefined;
  /** How many of its MESSAGE and PROFILE frames were accepted. */
  accepted = 0;
  /** The client has confirmed WELCOME: only then can it resume. */
  lasting = false;
  /** Its adapter, if its client speaks another protocol. */
  adapted: AdaptedConnection | undefined;
  /** The read that was under way when an adapted client was admitted. */
  reading: Promise<boolean> | undefined;
  /** Cancels the timers that run while it has no connection. */
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

  get size(): number {
    return this.#tokens.size;
  }

  /** How many sessions belong to a network. */
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
   * Gives a session a new token.
   *
   * @param used the token that the client has resumed with. It stays valid until the client has confirmed the new
   * one, which may be lost on the way
   */
  renew(session: Session, used?: string): string {
    const token = drawToken();
    if (!this.#tokens.has(session)) this.#byNetwork.add(session.network, 1);
    this.#keep(session, used === undefined ? [token] : [used, token]);
    return token;
  }

  /** The client has the newest token: all others become invalid. */
  settle(session: Session): void {
    session.lasting = true;
    this.#keep(session, this.#tokens.get(session)?.slice(-1) ?? []);
  }

  /** Ends a session: its tokens become invalid. */
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

/** Counts by kind. A kind whose count is 0 takes no memory. */
export class Tally {
  readonly #counts = new Map<string, number>();

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Returns the new count. */
  add(kind: string, by: 1 | -1): number {
    const count = this.of(kind) + by;
    if (count === 0) this.#counts.delete(kind);
    else this.#counts.set(kind, count);
    return count;
  }
}
