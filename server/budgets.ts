// What members may send: each one within its own budget, all members of one network within eight of them, and the
// room within its total. Only a member that exceeds its own budget floods; one that waits for others does not. Knows no frames.

import { type Cost, JOIN_COST } from "../protocol/cost.ts";
import type { Budget } from "../protocol/json_frames.ts";
import { RateLimiter } from "../protocol/rate_limit.ts";
import { sharesOf } from "./limits.ts";
import { SharedLimit, type SharedLimitOptions } from "./shared_limit.ts";

export interface BudgetsOptions extends Pick<SharedLimitOptions, "now" | "after"> {
  /** What one member may send; undefined: there are no limits at all. */
  readonly budget: Budget | undefined;
  /** Somebody has to wait for others: because of its network, or of the room. */
  readonly onWait?: (limit: "network" | "room") => void;
}

/** All budgets of one server. */
export class Budgets {
  readonly #options: BudgetsOptions;
  /** Serves networks in turn. */
  readonly #room: SharedLimit<string> | undefined;
  /** Each serves members in turn. A network without an entry has taken nothing. */
  readonly #networks = new Map<string, SharedLimit<unknown>>();
  readonly #networkBudget: Budget | undefined;

  constructor(options: BudgetsOptions) {
    const { budget } = options;
    this.#options = options;
    if (!budget) return;
    const { network, room } = sharesOf(budget);
    this.#networkBudget = network;
    this.#room = new SharedLimit({ ...options, budget: room });
  }

  /** How many networks have taken something that they have not regained. */
  get size(): number {
    return this.#networks.size;
  }

  /** The budget of a new member: what its network has left, so that nobody gets more by leaving and coming again. */
  memberOf(network: string): RateLimiter | undefined {
    const { budget, now } = this.#options;
    if (!budget) return undefined;
    const limiter = new RateLimiter(budget, now());
    const left = this.#networks.get(network)?.left;
    if (left) {
      limiter.set({ frames: Math.max(0, left.frames), bytes: Math.max(0, left.bytes) }, now());
    }
    return limiter;
  }

  /**
   * Takes `cost` from a member's network and from the room: at once, and returns undefined; or when the returned
   * promise resolves. It never rejects.
   */
  take(network: string, member: unknown, cost: Cost): Promise<void> | undefined {
    if (!this.#room) return undefined;
    const turn = this.#of(network).take(member, cost);
    if (!turn) return this.#takeOfRoom(network, cost);
    this.#options.onWait?.("network");
    return turn.then(() => this.#takeOfRoom(network, cost));
  }

  /** Takes what a new member costs. All newcomers of a network wait in one line, beside its members. */
  takeJoin(network: string): Promise<void> | undefined {
    return this.take(network, "join", JOIN_COST);
  }

  /** Forgets networks that have regained everything: a new entry would be the same. To be called now and then. */
  sweep(): void {
    for (const [network, limit] of this.#networks) {
      if (limit.isFull) this.#networks.delete(network);
    }
  }

  /** Everybody that waits goes on. */
  close(): void {
    for (const limit of this.#networks.values()) limit.close();
    this.#room?.close();
  }

  #takeOfRoom(network: string, cost: Cost): Promise<void> | undefined {
    const turn = this.#room?.take(network, cost);
    if (turn) this.#options.onWait?.("room");
    return turn;
  }

  #of(network: string): SharedLimit<unknown> {
    let limit = this.#networks.get(network);
    if (!limit) {
      limit = new SharedLimit({ ...this.#options, budget: this.#networkBudget! });
      this.#networks.set(network, limit);
    }
    return limit;
  }
}
