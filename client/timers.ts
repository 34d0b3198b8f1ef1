// What a client does later, or again and again. It uses the real clock.

import type { Connection } from "../protocol/connection.ts";
import type { Outbox } from "./outbox.ts";
import { Watchdog, type WatchOptions } from "./watchdog.ts";

/** Calls `task` in `ms` milliseconds; returns a function that cancels the call. */
export function after(ms: number, task: () => void): () => void {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
}

/** Ends a connection whose server does not answer; returns a function that ends the watch. */
export function watchOver(
  connection: Connection,
  ping: () => void,
  options: WatchOptions,
): () => void {
  const watchdog = new Watchdog(connection, ping, Date.now(), options);
  const timer = setInterval(() => watchdog.look(Date.now()), watchdog.everyMs);
  return () => clearInterval(timer);
}

/**
 * Sends a last frame, and closes the connection if the server does not. The server cannot answer before the room's budget
 * has let everything out.
 *
 * @param ms how long the answer may take
 */
export function leaveWith(
  last: Uint8Array<ArrayBuffer>,
  connection: Connection,
  outbox: Outbox,
  ms: number,
): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => outbox.held ? wait() : connection.close(), ms);
  };
  connection.closed.then(() => clearTimeout(timer));
  wait();
  outbox.putLast(last, wait);
}
