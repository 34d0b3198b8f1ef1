// Messages about files that carry no file data: what waits for each member goes out in as few messages as possible,
// and not while that member has too much waiting at the server. Knows no disk and no transfer.

import {
  type FileMessage,
  type FileMessages,
  fileMessageSize,
  MAX_CONTROL_BYTES,
  MAX_FILE_MESSAGES,
} from "../protocol/file_messages.ts";
import type { Post, TransferClock } from "./post.ts";

/**
 * A member with this many queued messages gets no further withdrawals, and no answers to offers that it repeats: no
 * honest client requests as many files that are not offered.
 */
const MAX_QUEUED = 1024;
/** How long to wait after the server has refused a message to a member, in ms. */
const HOLD_MS = 200;

export class ControlQueue {
  readonly #post: Post;
  readonly #clock: TransferClock;
  /** Called when a member is held back: `release` and `flush` are to be called later. */
  readonly #onHold: () => void;
  readonly #queued = new Map<number, FileMessage[]>();
  /** Until when nothing is sent to a member that has too much waiting, in ms. */
  readonly #heldUntil = new Map<number, number>();
  /** Refused messages to each member that it has not been notified of. */
  readonly #refused = new Map<number, number>();
  #flushing = false;
  #closed = false;

  constructor(post: Post, clock: TransferClock, onHold: () => void) {
    this.#post = post;
    this.#clock = clock;
    this.#onHold = onHold;
  }

  /** Queues a message; those of one event-loop turn go together. */
  send(to: number, fileMessage: FileMessage): void {
    const queued = this.#queued.get(to);
    if (fileMessage.kind === "withdraw" && this.isFull(to)) return;
    if (queued) queued.push(fileMessage);
    else this.#queued.set(to, [fileMessage]);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.flush();
    });
  }

  /** Sends what is queued, except to members that are held back. */
  flush(): void {
    if (!this.#post.ready || this.#closed) return;
    for (const [to, queued] of [...this.#queued]) {
      if (this.isHeld(to)) continue;
      this.#queued.delete(to);
      while (queued.length > 0) {
        let size = 0;
        let count = 0;
        do size += fileMessageSize(queued[count++]!); while (
          count < queued.length && count < MAX_FILE_MESSAGES && size < MAX_CONTROL_BYTES
        );
        if (!this.#post.has(to)) break;
        this.#post.tell(to, this.address(to, queued.splice(0, count)));
      }
    }
  }

  /** Adds how many messages to this member were refused since the last one. */
  address(to: number, messages: readonly FileMessage[]): FileMessages {
    const refused = this.#refused.get(to) ?? 0;
    this.#refused.delete(to);
    return { refused, messages };
  }

  /** The server has refused a message to this member, which counted `refused` others. */
  refuse(to: number, refused: number): void {
    this.#refused.set(to, (this.#refused.get(to) ?? 0) + refused + 1);
    this.#heldUntil.set(to, this.#clock.now() + HOLD_MS);
    this.#onHold();
  }

  /** So much is queued for a member that what it can ask for again need not be queued. */
  isFull(to: number): boolean {
    return (this.#queued.get(to)?.length ?? 0) >= MAX_QUEUED;
  }

  isHeld(to: number): boolean {
    return (this.#heldUntil.get(to) ?? 0) > this.#clock.now();
  }

  /** Any member is held back. */
  get holds(): boolean {
    return this.#heldUntil.size > 0;
  }

  /** Forgets the members whose wait is over. */
  release(): void {
    for (const to of [...this.#heldUntil.keys()]) if (!this.isHeld(to)) this.#heldUntil.delete(to);
  }

  /** The member has left. */
  drop(to: number): void {
    this.#queued.delete(to);
    this.#heldUntil.delete(to);
    this.#refused.delete(to);
  }

  /** The session is over: ids mean other members in the next one. */
  clear(): void {
    this.#queued.clear();
    this.#heldUntil.clear();
    this.#refused.clear();
  }

  close(): void {
    this.#closed = true;
  }
}
