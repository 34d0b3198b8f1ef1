// Test helper: the members of an office behind one address. One pastes a thousand lines, another floods the room, the
// others talk. Tests check what they see; bench/office.ts measures how long it takes. No part of the program.

import { encodeFrame, Type } from "../../protocol.ts";
import { encodeEnvelope } from "../../protocol/envelope.ts";
import type { RoomEvent } from "../../room.ts";
import { PATIENCE_MS } from "./async.ts";
import { Guest } from "./loopback.ts";
import { type Quick, quickMember } from "./quick_member.ts";
import { QUICK_CODE, quickLogin } from "./quick_login.ts";

/** Lines of one paste, each a message, as `chat send` makes them of a log file. */
export const PASTED = 1_000;
/** Messages that a flood writes at once. Sealing them must not keep this process busy for long. */
const FLOODED = 20;

/** Real clients that all join at the same time. */
export async function enterOffice(port: number, count: number, first = 0): Promise<Guest[]> {
  const options = { code: QUICK_CODE, login: quickLogin, handshakeMs: PATIENCE_MS };
  return await Promise.all(
    Array.from({ length: count }, (_, i) => Guest.join({ port }, `clerk${first + i}`, options)),
  );
}

/** Sends as much as it can, whatever the server says. */
export class Flooder implements AsyncDisposable {
  readonly #member: Quick;
  sent = 0;

  private constructor(member: Quick) {
    this.#member = member;
  }

  static async join(port: number): Promise<Flooder> {
    return new Flooder(await quickMember(port, "flooder"));
  }

  /** Floods until the server has ended the connection, or `isOver` returns true. */
  async flood(isOver: () => boolean): Promise<void> {
    const { raw, cipher } = this.#member;
    try {
      while (!isOver()) {
        const frames = Array.from({ length: FLOODED }, () => {
          const envelope = encodeEnvelope({ kind: "text", text: `buy ${this.sent++}` });
          return encodeFrame(Type.MESSAGE, 0, cipher.seal(envelope, "room"));
        });
        await raw.write(...frames);
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    } catch {
      // The server has ended it.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#member[Symbol.asyncDispose]();
  }
}

/** What no member of an office must see of itself, because another one floods the room. */
export function troubles({ events }: Guest): string[] {
  const isTrouble = (event: RoomEvent) =>
    ["warning", "disconnected", "connected", "undelivered"].includes(event.type) ||
    event.type === "ended" && event.ending.reason !== "left" ||
    (event.type === "left" || event.type === "away") && event.who.name.startsWith("clerk") ||
    event.type === "message" && event.from.name.startsWith("clerk") && event.missing > 0;
  return events.filter(isTrouble).map((event) => JSON.stringify(event));
}

/** The lines of its colleagues, in their order. */
export function linesOf({ received }: Guest): string[] {
  return received.filter((line) => line.startsWith("clerk"));
}
