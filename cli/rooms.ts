// Finds out which room a command line means: a remembered one, one that is open on this machine, or an address. Asks the
// user if there are several. It joins none.

import { isOpen } from "../client/probe.ts";
import { ChatError } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { parseServer } from "../protocol/servers.ts";
import { askLine } from "../terminal/prompt.ts";
import { printable } from "../text/printable.ts";
import { suggested, suggestions } from "../text/suggestions.ts";
import { width } from "../text/width.ts";
import {
  ADDRESS_HINT,
  formatAddresses,
  isSameRoom,
  parseAddresses,
  type RoomPlace,
} from "./address.ts";
import type { RoomTarget } from "./command.ts";
import type { RoomSettings, Settings } from "./config.ts";
import type { LocalRoom } from "./home.ts";
import { note } from "./output.ts";
import type { System } from "./system.ts";
import { atHome, type ChosenSettings, localRooms } from "./user.ts";

/** How many rooms an error lists. */
const MAX_LISTED = 10;

/** A room that the user may mean. */
export interface Candidate {
  /** undefined if it is not remembered. */
  readonly name: string | undefined;
  readonly address: RoomPlace;
  /** It is open on this machine, by this user. */
  readonly isOpen: boolean;
}

/** The remembered rooms, and then the others that this user has open on this machine, the newest first. */
export async function findCandidates(system: System, { rooms }: Settings): Promise<Candidate[]> {
  const open = await openRooms(system);
  const remembered = Array.from(rooms ?? [], ([name, room]) => {
    const address = addressOf(room);
    return { name, address, isOpen: open.some((one) => isSameRoom(one, address)) };
  });
  const others = open.filter((one) => !remembered.some((r) => isSameRoom(one, r.address)))
    .map(({ hostname, port }) => ({
      name: undefined,
      address: { hostname, port },
      isOpen: true,
    }));
  return [...remembered, ...others];
}

/** The rooms of this user on this machine whose server answers. */
async function openRooms(system: System): Promise<LocalRoom[]> {
  // Without a record, the code of a sealed room proves nothing before it is tried.
  const rooms = localRooms(system).filter(({ code, record }) => code === undefined || record);
  const answers = await Promise.all(rooms.map((room) => isOpen(room, room.record)));
  return rooms.filter((_, index) => answers[index]);
}

/**
 * The room that the command line means, and the settings for it:
 *
 * 1. a remembered room of the given name;
 * 2. else the given address;
 * 3. else the only room that there is: a remembered one, or one that is open on this machine;
 * 4. else the one that the user chooses; without a question, the only one that is open on this machine.
 *
 * Without any room, the target has no address: see `admit`.
 *
 * @param asks whether to ask, if a person is at the terminal
 * @throws {ChatError} if no room has the name, or there are several and nobody is asked
 */
export async function chooseRoom(
  system: System,
  target: RoomTarget,
  settings: Settings,
  asks: boolean,
): Promise<{ target: RoomTarget; settings: ChosenSettings }> {
  const { room, address } = target;
  const { rooms = new Map<string, RoomSettings>() } = settings;
  const table = room === undefined ? undefined : rooms.get(room);
  if (table) return remembered(system, target, settings, room!, table);
  if (address) {
    const similar = room === undefined
      ? undefined
      : suggested(suggestions(room, [...rooms.keys()]));
    return { target: similar === undefined ? target : { ...target, similar }, settings };
  }
  if (room !== undefined) throw unknownRoom(room, [...rooms.keys()]);
  // The usual case needs no question, and so no look at which rooms are open.
  if (rooms.size === 0 && localRooms(system).length < 2) return { target, settings };
  const candidates = await findCandidates(system, settings);
  const chosen = candidates.length < 2
    ? candidates[0]
    : chooseOne(system, candidates, asks && system.stdin.isTerminal());
  if (!chosen) return { target, settings };
  if (chosen.name !== undefined) {
    return remembered(system, target, settings, chosen.name, rooms.get(chosen.name)!);
  }
  return { target: { ...target, address: chosen.address }, settings };
}

function remembered(
  system: System,
  target: RoomTarget,
  settings: Settings,
  roomName: string,
  room: RoomSettings,
): { target: RoomTarget; settings: ChosenSettings } {
  const named = atHome(system, room["code-file"]);
  const isNamed = target.codeFile === undefined && named !== undefined;
  return {
    target: {
      ...target,
      address: addressOf(room),
      ...(room.servers && { servers: room.servers.map((server) => parseServer(server)!) }),
      ...(isNamed && { codeFile: named, mayBeOld: true }),
    },
    settings: { ...settings, ...(room.log !== undefined && { log: room.log }), room, roomName },
  };
}

function addressOf({ address }: RoomSettings): RoomPlace {
  return parseAddresses(address, ADDRESS_HINT);
}

function chooseOne(system: System, candidates: readonly Candidate[], asks: boolean): Candidate {
  if (asks) return askFor(system, candidates);
  const open = candidates.filter(({ isOpen }) => isOpen);
  // Scripts rely on it, whatever rooms the user remembers besides.
  if (open.length === 1) return open[0]!;
  const named = candidates.slice(0, MAX_LISTED).map(({ name, address }) => (
    name ?? formatAddress(address.hostname, address.port)
  ));
  const more = candidates.length - named.length;
  throw new ChatError(`Cannot choose a room: there are ${candidates.length}`, {
    hint: `Name one: ${named.join(", ")}${more > 0 ? ` or ${more} more: see chat rooms` : ""}`,
  });
}

function askFor(system: System, candidates: readonly Candidate[]): Candidate {
  note(system, "Which room?");
  const rows = candidateRows(candidates);
  const digits = `${rows.length}`.length;
  for (const [index, row] of rows.entries()) {
    note(system, ` ${`${index + 1}`.padStart(digits)}  ${row}`);
  }
  for (;;) {
    const answer = askLine("Number or name:", system.stdin, system.stderr, {
      name: "a room",
      hint: "Name the room: chat join NAME, or chat join HOST:PORT",
    }).trim();
    const found = candidates.find(({ name }) => name === answer.normalize("NFC")) ??
      (/^\d{1,4}$/.test(answer) ? candidates[Number(answer) - 1] : undefined);
    if (found) return found;
    if (answer !== "") note(system, `No room "${printable(answer)}" in this list`);
  }
}

/** One row for each room: its name, its address, and whether it is open on this machine. */
export function candidateRows(candidates: readonly Candidate[]): string[] {
  const column = candidates.reduce((most, { name = "" }) => Math.max(most, width(name)), 0);
  return candidates.map(({ name = "", address, isOpen }) => {
    const padding = " ".repeat(column - width(name));
    const where = printable(formatAddresses(address));
    return `${name}${padding}${column > 0 ? "  " : ""}${where}${isOpen ? "  (open here)" : ""}`;
  });
}

function unknownRoom(room: string, names: readonly string[]): ChatError {
  const meant = suggested(suggestions(room, names));
  const hint = names.length === 0
    ? "To remember a room, join it and type: /remember NAME"
    : `${meant ? `Did you mean ${meant}? ` : ""}To see your rooms: chat rooms`;
  return new ChatError(`Cannot find the room "${printable(room)}": you have not remembered it`, {
    hint,
  });
}
