// How others get into a room that this user is in: the command that they type, and the code. Only this user sees it.

import { normalizeCode } from "../cipher/codes.ts";
import { shellWord } from "../files/ownership.ts";
import type { RoomInfo } from "../room.ts";
import type { Invitation } from "../ui/context.ts";
import { isLoopback } from "./address.ts";

/** More addresses of a host are left out. */
const MAX_ADDRESSES = 8;

/** For a user that has joined the room, with the code if it has one. */
export function guestInvitation(
  { address, classic, cipher }: RoomInfo,
  code: string | undefined,
): Invitation {
  return {
    commands: [joinCommand(address, classic)],
    ...(isLocal(address) && {
      remark:
        "only this machine can reach this address; chat serve shows the others, if it has any",
    }),
    ...(cipher === "sealed" && code !== undefined && { code: normalizeCode(code) }),
  };
}

/**
 * For the user that hosts the room.
 *
 * @param addresses where others reach the server
 * @param isProxied people join through a proxy, whose address this program does not know
 */
export function hostInvitation(
  addresses: readonly string[],
  isProxied: boolean,
  code: string | undefined,
): Invitation {
  const known = { ...(code !== undefined && { code: normalizeCode(code) }) };
  if (isProxied) {
    return { commands: [], remark: "others join at the address of the proxy", ...known };
  }
  const others = addresses.filter((address) => !isLocal(address));
  if (others.length > 0) {
    return { commands: others.slice(0, MAX_ADDRESSES).map((one) => joinCommand(one)), ...known };
  }
  return {
    commands: addresses.map((one) => joinCommand(one)),
    remark: "only this machine can reach it; for others: chat serve --host 0.0.0.0",
    ...known,
  };
}

function joinCommand(address: string, classic?: boolean): string {
  return `chat join ${classic ? "--classic " : ""}${shellWord(address)}`;
}

function isLocal(address: string): boolean {
  const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return host === "localhost" || isLoopback(host);
}
