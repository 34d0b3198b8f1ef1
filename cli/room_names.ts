// The names that a user gives to rooms in the config file. Pure.

/** The longest name of a room, in characters: a list of rooms must fit in 40 columns. */
export const MAX_ROOM_NAME = 32;

/** Continues a sentence about a name. */
export const ROOM_NAME_RULE =
  `a room's name has letters, digits, "_" and "-", and at most ${MAX_ROOM_NAME} characters`;

/**
 * Whether a room can have this name. `HOST:PORT` and a host with dots cannot be one, so they are always addresses.
 */
export function isRoomName(text: string): boolean {
  const name = text.normalize("NFC");
  return name.length <= MAX_ROOM_NAME && /^[\p{L}\p{N}_][\p{L}\p{N}_-]*$/u.test(name);
}
