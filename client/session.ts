// TODO: say what this is.

import type { Cipher } from "../cipher.ts";
import { HEADER_SIZE, MAX_BODY } from "../protocol.ts";
import { type Greeting } from "../protocol/json_frames.ts";
import type { Handshake } from "./handshake.ts";
import { Outbox } from "./outbox.ts";

/** Bytes of its own log after which a client says that it has them: so much the server keeps for it. */
export const HAVE_SIZE = 16 * 1024;

/** What lasts from one WELCOME to the next that begins anew. */
export interface Session {
  readonly id: number;
  readonly cipher: Cipher;
  readonly key: Uint8Array | undefined;
  /** Which room's log it is. */
  readonly log: string | undefined;
  readonly outbox: Outbox;
  readonly maxBody: number;
  token: string | undefined;
  /** The positions in the two logs behind the last frames that came. */
  room: number;
  own: number;
  /** How much of its own log the server knows to be here. */
  had: number;
  /** How many messages the room's log has had. */
  said: number;
  /** How many more of those who were there before may be named. */
  toCome: number;
  /** The list of those who were there before has come. */
  complete: boolean;
  /** The server has started anew, and this client was there before. */
  readonly anew: boolean;
  /** How many direct messages have been answered. */
  answered: number;
}

export function begin(entrance: Handshake, anew: boolean): Session {
  const { greeting, cipher, sessionKey, id, welcome } = entrance;
  const { log, token, room, own, said, members } = welcome;
  return {
    id,
    cipher,
    key: sessionKey,
    log,
    outbox: new Outbox(greeting.budget),
    maxBody: maxBodyOf(greeting),
    token,
    room,
    own,
    had: own,
    said,
    toCome: members,
    complete: false,
    anew,
    answered: 0,
  };
}

function maxBodyOf({ maxFrame }: Greeting): number {
  return Math.min(MAX_BODY, maxFrame - (HEADER_SIZE - 4));
}
