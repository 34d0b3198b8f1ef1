// What is checked before this client sends something. Pure.

import { ChatError } from "../errors.ts";
import type { RoomEvent } from "../room.ts";
import type { Outbox } from "./outbox.ts";

/** Bytes of frames that may wait for the server: some thirty of the largest messages. */
const MAX_WAITING = 8 * 1024 * 1024;
/** The smallest difference of two clocks that is reported. */
const MIN_CLOCK_MINUTES = 3;

const utf8 = new TextEncoder();

/** @throws {ChatError} if too much is waiting to be sent */
export function checkSpace({ bytes }: Pick<Outbox, "bytes">): void {
  if (bytes <= MAX_WAITING) return;
  throw new ChatError("Cannot send this: too much is waiting to be sent already", {
    refusal: "busy",
    hint: "Try again when the connection is back",
  });
}

/** @throws {ChatError} if the text has more than `max` bytes of UTF-8 */
export function checkSize(text: string, max: number): void {
  const size = utf8.encode(text).length;
  if (size <= max) return;
  throw new ChatError(
    `Cannot send this message: it has ${size} bytes, at most ${max} fit into one`,
    { refusal: "long", hint: "Send it in parts" },
  );
}

/**
 * The notice that this machine's clock or the server's is wrong: then the times of messages mean little.
 *
 * @param time of the server, in ms since 1970; undefined: it does not say
 */
export function clockNotice(time: number | undefined, now: number): RoomEvent | undefined {
  const ahead = time === undefined ? 0 : Math.round((now - time) / 60_000);
  return Math.abs(ahead) < MIN_CLOCK_MINUTES ? undefined : { type: "clock", ahead };
}
