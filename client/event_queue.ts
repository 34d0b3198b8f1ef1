// The only way out of the client for events. They wait here in order, and one consumer passes them to the
// listener, one at a time. Knows no room, no frames and no socket.

import type { RoomEvent } from "../room.ts";

/** Receives events in order. If it returns a promise, the next event follows when that has resolved. */
export type Listener = (event: RoomEvent) => void | Promise<void>;

/** Events on their way from the client to its listener. */
export class EventQueue {
  readonly #queue: RoomEvent[] = [];
  #listener: Listener | undefined;
  #onError: () => void = () => {};
  /** The listener is working on an event. */
  #isDelivering = false;
  /** How many events were put in, and how many of them the listener has finished. */
  #emitted = 0;
  #finished = 0;
  /** Resolved when that many events are finished. */
  #waiter: { readonly count: number; readonly done: PromiseWithResolvers<void> } | undefined;
  /** What the listener threw. */
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;

  /**
   * Starts to deliver; call it once. Earlier events were kept.
   *
   * @param onError called if the listener throws; it gets no events after that
   */
  start(listener: Listener, onError: () => void): void {
    this.#listener = listener;
    this.#onError = onError;
    this.#deliver();
  }

  /**
   * Adds an event. It is delivered before this returns, unless the listener is working on another one. A
   * progress report replaces an older one of the same transfer that still waits.
   */
  emit(event: RoomEvent): void {
    if (this.#isClosed || this.#failure) return;
    if (event.type === "progress" && this.#replaceProgress(event)) return;
    this.#queue.push(event);
    this.#emitted++;
    if (!this.#isDelivering) this.#deliver();
  }

  /**
   * Resolves when the listener has finished every event so far; undefined if it has already. One caller at a time.
   *
   * @throws the listener's error
   */
  delivered(): Promise<void> | undefined {
    if (this.#failure) return Promise.reject(this.#failure.error);
    if (!this.#listener || this.#finished === this.#emitted) return undefined;
    const done = Promise.withResolvers<void>();
    this.#waiter = { count: this.#emitted, done };
    return done.promise;
  }

  /** Ignores all events from now on. Those that wait are still delivered. */
  close(): void {
    this.#isClosed = true;
  }

  /** A slow listener gets only the latest progress, so the queue cannot grow while a transfer runs. */
  #replaceProgress(event: RoomEvent & { type: "progress" }): boolean {
    const index = this.#queue.findIndex((one) =>
      one.type === "progress" && one.transfer.number === event.transfer.number
    );
    if (index === -1) return false;
    this.#queue[index] = event;
    return true;
  }

  #deliver(): void {
    if (!this.#listener) return;
    this.#isDelivering = true;
    try {
      for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
        // Most listeners return at once; a promise for each event would cost more than the event.
        const promise = this.#listener(event);
        if (promise) return void promise.then(() => this.#goOn(), (error) => this.#fail(error));
        this.#finish();
      }
    } catch (error) {
      return this.#fail(error);
    }
    this.#isDelivering = false;
  }

  #goOn(): void {
    this.#finish();
    this.#deliver();
  }

  #finish(): void {
    this.#finished++;
    if (!this.#waiter || this.#finished < this.#waiter.count) return;
    this.#waiter.done.resolve();
    this.#waiter = undefined;
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    this.#queue.length = 0;
    this.#waiter?.done.reject(error);
    this.#waiter = undefined;
    this.#onError();
  }
}
