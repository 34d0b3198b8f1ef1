// Parses which room a command line means: an address, the name of a remembered room, or a variable. It does not know
// which rooms are remembered.

import { UsageError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { ADDRESS_HINT, parseAddresses } from "./address.ts";
import type { RoomTarget } from "./command.ts";
import { CIPHERS } from "./options.ts";
import { isRoomName, ROOM_NAME_RULE } from "./room_names.ts";
import { isOneOf, unknown } from "./values.ts";

export function checkCipher(name: string): "sealed" | "xor" {
  if (isOneOf(CIPHERS, name)) return name;
  throw new UsageError(unknown("cipher", name, CIPHERS));
}

/**
 * @param given the address on the command line, or the name of a remembered room
 * @param hint for an address that is none
 */
export function parseTarget(
  options: Map<string, string>,
  given: string | undefined,
  env: (name: string) => string | undefined,
  hint: string,
): RoomTarget {
  const name = options.get("cipher");
  const cipher = name === undefined ? undefined : checkCipher(name);
  if (cipher === "xor" && options.has("code-file")) {
    throw new UsageError("Cannot use --code-file with the cipher xor: xor rooms have no code");
  }
  return {
    ...parsePlace(options.get("room"), given, env, hint),
    codeFile: options.get("code-file"),
    cipher,
  };
}

function parsePlace(
  room: string | undefined,
  given: string | undefined,
  env: (name: string) => string | undefined,
  hint: string,
): Pick<RoomTarget, "address" | "room"> {
  if (room !== undefined) {
    if (given !== undefined) {
      throw new UsageError("Cannot use both --room and an address: choose one");
    }
    if (isRoomName(room)) return { address: undefined, room: room.normalize("NFC") };
    throw new UsageError(`Cannot use --room "${printable(room)}": ${ROOM_NAME_RULE}`, {
      hint: "To see the rooms that you have remembered: chat rooms",
    });
  }
  // An empty variable counts as unset.
  const [word, wrong] = given === undefined
    ? [env("CHAT_ROOM") || undefined, "It comes from CHAT_ROOM"]
    : [given, hint];
  if (word === undefined) return { address: undefined };
  const name = word.normalize("NFC");
  const address = parseAddresses(name, wrong);
  return isRoomName(name) ? { address, room: name } : { address };
}

/** The options that a classic room cannot use, and why. */
const NOT_CLASSIC: Readonly<Record<string, string>> = {
  name: "classic rooms have no names",
  retry: "classic clients cannot reconnect",
  downloads: "classic rooms have no files",
  accept: "classic rooms have no files",
  "ask-above": "classic rooms have no files",
  "file-rate": "classic rooms have no files",
  "code-file": "classic rooms have no code",
};

export function parseClassicTarget(
  options: Map<string, string>,
  address: string | undefined,
): RoomTarget {
  const inapplicable = Object.keys(NOT_CLASSIC).find((name) => options.has(name));
  if (inapplicable !== undefined) {
    throw new UsageError(
      `Cannot use --${inapplicable} with --classic: ${NOT_CLASSIC[inapplicable]}`,
    );
  }
  const cipher = options.get("cipher");
  if (cipher !== undefined && checkCipher(cipher) !== "xor") {
    throw new UsageError("Cannot use --cipher sealed with --classic: classic rooms use xor");
  }
  if (address === undefined) {
    throw new UsageError("Cannot use --classic without the address of a classic server", {
      hint: "Write: chat join --classic HOST:PORT",
    });
  }
  const target = parseTarget(options, address, () => undefined, ADDRESS_HINT);
  if (target.address?.others) {
    throw new UsageError("Cannot use --classic with several addresses: give one");
  }
  return target;
}
