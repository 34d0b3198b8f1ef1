// chat join: enters a room and stays in it. Connects the parts that do so; knows nothing of how they work.

import { joinClassic } from "../classic/client.ts";
import { systemTimer } from "../classic/member.ts";
import type { Ending } from "../room.ts";
import { ADDRESS_HINT, parseAddresses } from "./address.ts";
import { admit, reconnectMs } from "./admit.ts";
import type { Command } from "./command.ts";
import { loadIgnored } from "./ignored_file.ts";
import { guestInvitation } from "./invitation.ts";
import { note } from "./output.ts";
import { rememberRoom } from "./remember.ts";
import { chooseRoom } from "./rooms.ts";
import { renewSavedCode, type SavedCode } from "./saved_code.ts";
import { Signals } from "./signals.ts";
import { isForPerson, type Joined, stay, usesKeys } from "./stay.ts";
import type { System } from "./system.ts";
import { chosenName, chosenView, filesFor, laterTypedCode, loadSettings } from "./user.ts";

/**
 * Joins a room and stays in it. If its code changes meanwhile, a person at the terminal is asked for the new one.
 * Returns the exit code.
 */
export async function joinRoom(
  { target: meant, classic, screen }: Command & { verb: "join" },
  system: System,
): Promise<number> {
  const config = await loadSettings(system, screen.config);
  const { target, settings } = classic
    ? { target: meant, settings: config }
    : await chooseRoom(system, meant, config, true);
  const ignored = loadIgnored(system, isForPerson(system, screen));
  let place = target;
  let saved: SavedCode | undefined;
  for (;;) {
    const client = classic
      ? await joinClassic({ ...place.address!, after: systemTimer })
      : await admit(
        system,
        place,
        chosenName(screen, settings),
        reconnectMs(system, screen),
        {
          files: {
            ...filesFor(system, screen.files, settings),
            ignores: (who) => ignored.has(who),
          },
          onCode: (used) => saved = used,
          ...(saved && { before: saved, ask: (question) => laterTypedCode(system, question) }),
        },
      );
    if (saved) renewSavedCode(system, screen.config, target, saved);
    const signals = new Signals(system);
    try {
      const view = chosenView(screen.view, settings, ignored);
      const room = { ...saved, code: saved?.code, name: screen.name };
      const exitCode = await stay(system, client, screen, view, signals, {
        log: settings.log,
        invitation: guestInvitation(client.info, room.code),
        remember: (name) =>
          rememberRoom(system, screen.config, { ...room, ...addressesOf(client) }, name),
      });
      if (!saved || !hasNewCode(client.ending)) return exitCode;
      if (!usesKeys(system, screen)) {
        note(system, "chat: hint: Ask the person who opened the room, and join again");
        return exitCode;
      }
      // The room at its addresses, also if the command line named none.
      place = { ...target, address: parseAddresses(addressesOf(client).address, ADDRESS_HINT) };
    } finally {
      signals.forget();
    }
  }
}

/** A room's addresses, for the next time. */
function addressesOf(client: Joined): { address: string; servers?: readonly string[] } {
  if (!("addresses" in client)) return { address: client.info.address };
  const { given, named } = client.addresses;
  return { address: given.join(","), servers: named };
}

/** Whether the room has ended for a client because its code has changed. */
function hasNewCode(ending: Ending | undefined): boolean {
  return ending?.reason === "refused" && ending.code === "code";
}
