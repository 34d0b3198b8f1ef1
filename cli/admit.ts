// Gets a user into a room: finds the room, finds its code, and asks for the code if nothing else helps. It knows no
// screen, and nothing of what happens in the room.

import { type Client, join } from "../client.ts";
import { CodeMissing, RoomNotFound, WrongCode } from "../errors.ts";
import type { TransferOptions } from "../files/post.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import { formatAddress } from "../protocol/connection.ts";
import { isSameAddress, isSameRoom, type RoomPlace } from "./address.ts";
import { LOOPBACK, type RoomTarget, type ScreenOptions } from "./command.ts";
import type { LocalRoom } from "./home.ts";
import { note, report } from "./output.ts";
import { type SavedCode, savedRecord as recordIn } from "./saved_code.ts";
import { isInteractive, type System } from "./system.ts";
import { givenCode, loadSelf, localRooms, typedCode } from "./user.ts";

/** How long a script tries to reconnect, in ms: long enough for a server to restart, but a script must not hang. */
export const SCRIPT_RETRY_MS = 60_000;

/**
 * How long to try to reconnect, in ms. A person sees the attempts and can stop them; a program that listens with
 * `--stay` wants every message, however late.
 */
export function reconnectMs(system: System, { retry, stay }: ScreenOptions): number {
  return retry ?? (stay || isInteractive(system) ? Infinity : SCRIPT_RETRY_MS);
}

/** This machine's addresses as one text, which changes with the network; "" if they are unknown. */
export function networks(system: System): string {
  try {
    return system.addresses().map(({ address }) => address).sort().join(" ");
  } catch {
    return "";
  }
}

interface AdmitOptions {
  readonly files?: TransferOptions;
  readonly brief?: boolean;
  /** Gets the code with which the user is in the room. */
  readonly onCode?: (saved: SavedCode) => void;
  /**
   * The user was in this room, until its code changed, and knows that. This code is not tried if the record is another
   * one.
   */
  readonly before?: SavedCode;
  /** Asks for the code. Not given: as `typedCode`. */
  readonly ask?: (question: string) => Promise<string>;
}

/**
 * Joins a room:
 *
 * 1. the room at the address, or else one that this user has opened on this machine, the newest first;
 * 2. with the code that the user gives, or the one that is saved for a room of this machine;
 * 3. if there is no code, or it is wrong and not from an option or the environment, with the code that the person at the
 *    terminal types, until it is right. A code that is known to be an old one is not tried: that would cost a try of
 *    everybody at this address.
 */
export async function admit(
  system: System,
  { address, servers, similar, codeFile, mayBeOld, cipher }: RoomTarget,
  name: string,
  retryMs: number,
  { files, brief, onCode, before, ask }: AdmitOptions = {},
): Promise<Client> {
  const given = givenCode(system, codeFile);
  const local = localRooms(system);
  const candidates: (RoomPlace & Partial<LocalRoom>)[] = address
    ? [withCode(address, local)]
    : [...local, { hostname: LOOPBACK, port: DEFAULT_PORT }];
  // Each once, also if another code is tried.
  const passed = new Set<string>();
  for (const [index, room] of candidates.entries()) {
    const { code: saved, record: savedRecord, others } = room;
    // The server that this user runs may have the new code already.
    let code = before ? saved ?? before.code : given ?? saved;
    // What the code was right for; undefined if that is unknown.
    let record: string | undefined;
    if (code === before?.code) record = before?.record;
    else if (code === saved) record = savedRecord;
    else if (mayBeOld && codeFile !== undefined) record = recordIn(system, codeFile);
    let isKnown = before !== undefined;
    // The name of the record that the server announces.
    let announced: string | undefined;
    for (;;) {
      const { hostname, port } = room;
      try {
        const client = await join({
          hostname,
          port,
          others,
          servers,
          onPassed(message) {
            if (!passed.has(message)) note(system, `chat: ${message}`);
            passed.add(message);
          },
          name,
          cipher,
          self: () => loadSelf(system),
          retryMs,
          networks: () => networks(system),
          ...(files && { files }),
          ...(brief && { brief }),
          ...(code !== undefined && { code }),
          record,
          ticket: (record) => {
            announced = record;
            return ticketFor(system, room, record);
          },
        });
        if (code !== undefined) onCode?.({ code, record: announced });
        return client;
      } catch (error) {
        // The address of a closed room may now belong to another room, or to no room at all.
        const stale = error instanceof RoomNotFound ||
          (error instanceof WrongCode && given === undefined && code === saved);
        if (stale && index + 1 < candidates.length) break;
        const canAsk = error instanceof CodeMissing || error instanceof WrongCode;
        const isFixed = given !== undefined && !mayBeOld && !before;
        if (!canAsk || isFixed || !system.stdin.isTerminal()) throw suggestRoom(error, similar);
        if (error instanceof WrongCode && !isKnown) report(system, error);
        isKnown = false;
        const question = `Code of the room at ${formatAddress(hostname, port)}:`;
        code = await ask?.(question) ?? typedCode(system, question);
        record = undefined;
      }
    }
  }
  throw new Error("Cannot happen: the last candidate is joined or throws");
}

/** The room, with its code if this user has opened it on this machine. */
function withCode(room: RoomPlace, local: readonly LocalRoom[]): RoomPlace & Partial<LocalRoom> {
  const own = local.find((one) => isSameRoom(one, room));
  if (!own) return room;
  return isSameAddress(own, room) ? { ...room, ...own } : { ...own, ...room };
}

/**
 * The error, with a hint if the host may be a misspelt name of a room.
 *
 * @param similar names of rooms, as part of a sentence
 */
export function suggestRoom(error: unknown, similar: string | undefined): unknown {
  if (!(error instanceof RoomNotFound) || similar === undefined) return error;
  return new RoomNotFound(error.message, {
    hint: `If you mean a room that you remember: ${similar}`,
    cause: error,
  });
}

/** The ticket of this user's own server at one of these addresses. Read each time: a new server has another one. */
function ticketFor(
  system: System,
  room: RoomPlace,
  record: string,
): string | undefined {
  return localRooms(system).find((one) => isSameRoom(one, room) && one.record === record)?.ticket;
}
