// Reconnects after a connection was lost: waits, tries, and decides when trying again is useless. The client
// defines a try and handles its result. Knows no frames and no socket.

import { ChatError, CodeMissing, ProtocolError, WrongCode } from "../errors.ts";
import type { Ending, Link, RoomEvent } from "../room.ts";
import type { Backoff } from "./backoff.ts";

/** How often to check whether this machine's networks have changed, in ms. */
const NETWORK_MS = 1_000;
/** A connection that lasted this long was a good one, in ms. */
const STEADY_MS = 10_000;

/** Reasons for the end of a room that need no details. */
const LOST = "the connection was lost";
const STOPPED = "the server has stopped";

/** Codes of errors after which a server would accept the same client again. */
const TRANSIENT_CODES: readonly string[] = ["slow", "gone", "timeout", "full", "wait", "locked"];

/** Why a connection ended, and whether the next one would end in the same way. */
export interface Break {
  readonly ending: Ending;
  readonly final: boolean;
}

/** Whether this ending also ends the room for the client. */
export function isFinal(ending: Ending): boolean {
  return ending.reason === "left" ||
    (ending.reason === "refused" && !TRANSIENT_CODES.includes(ending.code));
}

/** How the room ends if trying again is useless after this error; undefined if it is not. */
export function finalRefusal(error: ChatError): Ending | undefined {
  const { message, cause } = error;
  if (error instanceof WrongCode || error instanceof CodeMissing) {
    return { reason: "refused", code: "code", message };
  }
  if (!(cause instanceof ProtocolError)) return undefined;
  // `lost` and `bye` are codes of this program: the server sent no ERROR.
  if (TRANSIENT_CODES.includes(cause.code) || cause.code === "lost" || cause.code === "bye") {
    return undefined;
  }
  return { reason: "refused", code: cause.code, message };
}

export interface ReconnectOptions {
  /** For how long to try again after a connection was lost, in ms; 0 or not given: not at all. */
  retryMs?: number | undefined;
  /** The pauses between tries. */
  backoff: Backoff;
  /** See `STEADY_MS`. */
  steadyMs?: number | undefined;
  /** This machine's addresses in any form. When they change, the next try begins at once. */
  networks?: (() => string) | undefined;
}

/** How a client is in its room again. */
export interface Rejoined {
  /** The session goes on where it was. */
  readonly resumed: boolean;
  /** How many messages were missed; undefined if that cannot be known. */
  readonly missed: number | undefined;
  /** How many messages came meanwhile, and follow. */
  readonly unseen: number;
  /** The address of the room, if it is another one than before. */
  readonly address?: string | undefined;
}

/** The client, as far as reconnecting needs it. */
export interface ReconnectingClient {
  /**
   * Connects and is in the room again.
   *
   * @param lostAt when the connection was lost, on the clock of `performance.now()`
   * @throws {ChatError} if that fails
   */
  connect(lostAt: number, signal: AbortSignal): Promise<Rejoined>;
  /** Leaves again over a connection that came too late. */
  farewell(): Promise<void>;
  /** Resolves when the event has been delivered. */
  report(event: RoomEvent): Promise<void>;
  /** Reports `connected`; resolves when that has been delivered. */
  reportConnected(rejoined: Rejoined): Promise<void>;
}

/** Keeps a client connected. */
export class Reconnector {
  readonly #client: ReconnectingClient;
  readonly #options: ReconnectOptions;
  #link: Link = { state: "connected" };
  /** When the present connection was made, on the clock of `performance.now()`. */
  #connectedAt = performance.now();
  /** Ends the pause before the next try. */
  #hurry = Promise.withResolvers<void>();
  /** Ends a try. */
  readonly #abort = new AbortController();

  constructor(client: ReconnectingClient, options: ReconnectOptions) {
    this.#client = client;
    this.#options = options;
  }

  get link(): Link {
    return this.#link;
  }

  /** Ends the pause before the next try, if there is one. */
  hurry(): void {
    if (this.#link.state !== "waiting") return;
    this.#link = { state: "connecting", attempt: this.#link.attempt };
    this.#hurry.resolve();
  }

  /** The client leaves: ends a pause or a try, and begins no other. */
  stop(): void {
    this.#abort.abort();
    this.#hurry.resolve();
  }

  get #isStopped(): boolean {
    return this.#abort.signal.aborted;
  }

  /**
   * Connects again.
   *
   * @returns how the room has ended for this client; undefined if it is connected again
   */
  async comeBack({ ending: broken, final }: Break): Promise<Ending | undefined> {
    const { retryMs = 0, steadyMs = STEADY_MS, backoff } = this.#options;
    const lostAt = performance.now();
    // If a server accepts a client and cuts it off again and again, haste does not help.
    if (lostAt - this.#connectedAt >= steadyMs) backoff.reset();
    if (final || broken.reason === "left") return broken;
    if (retryMs === 0) return broken.reason === "lost" ? { ...broken, message: LOST } : broken;
    if (this.#isStopped) return { reason: "left" };
    let pause = this.#pause(1, Math.min(retryMs, backoff.next()));
    const message = broken.reason === "stopped" ? STOPPED : broken.message;
    await this.#client.report({ type: "disconnected", reason: broken.reason, message });
    for (let attempt = 1;;) {
      await pause;
      if (this.#isStopped) return { reason: "left" };
      this.#link = { state: "connecting", attempt };
      try {
        const rejoined = await this.#client.connect(lostAt, this.#abort.signal);
        if (this.#isStopped) {
          await this.#client.farewell();
          return { reason: "left" };
        }
        this.#link = { state: "connected" };
        this.#connectedAt = performance.now();
        await this.#client.reportConnected(rejoined);
        return undefined;
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        if (this.#isStopped) return { reason: "left" };
        const refusal = finalRefusal(error);
        if (refusal) return refusal;
        const left = lostAt + retryMs - performance.now();
        if (left <= 0) {
          const what = broken.reason === "lost" ? LOST : message;
          const tried = `reconnecting failed for ${retryMs / 1000} s`;
          return { reason: "lost", message: `${what}, and ${tried}: ${error.message}` };
        }
        pause = this.#pause(++attempt, Math.min(left, backoff.next()));
        const { link } = this;
        if (link.state === "waiting") {
          const { at: until } = link;
          await this.#client.report({ type: "waiting", attempt, until, message: error.message });
        }
      }
    }
  }

  /** Waits before a try, until `hurry` is called or the networks change. */
  async #pause(attempt: number, ms: number): Promise<void> {
    this.#link = { state: "waiting", attempt, at: new Date(Date.now() + ms) };
    const hurry = this.#hurry = Promise.withResolvers();
    if (this.#isStopped) return;
    const { networks = () => "", backoff } = this.#options;
    const before = networks();
    const end = performance.now() + ms;
    for (let left = ms; left > 0; left = end - performance.now()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, Math.min(left, NETWORK_MS));
      const isHurried = await Promise.race([promise, hurry.promise.then(() => true)]);
      clearTimeout(timer);
      if (isHurried) return;
      if (networks() !== before) return backoff.reset();
    }
  }
}
