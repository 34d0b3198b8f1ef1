// chat join: enters a room and stays in it. Connects the parts that do so; knows nothing of how they work.

import { joinClassic } from "../classic/client.ts";
import { systemTimer } from "../classic/member.ts";
import { admit, reconnectMs } from "./admit.ts";
import type { Command } from "./command.ts";
import { loadIgnored } from "./ignored_file.ts";
import { guestInvitation } from "./invitation.ts";
import { rememberRoom } from "./remember.ts";
import { chooseRoom } from "./rooms.ts";
import { Signals } from "./signals.ts";
import { isForPerson, stay } from "./stay.ts";
import type { System } from "./system.ts";
import { chosenName, chosenView, filesFor, loadSettings } from "./user.ts";

/** Returns the exit code. */
export async function joinRoom(
  { target: meant, classic, screen }: Command & { verb: "join" },
  system: System,
): Promise<number> {
  const config = await loadSettings(system, screen.config);
  const { target, settings } = classic
    ? { target: meant, settings: config }
    : await chooseRoom(system, meant, config, true);
  const ignored = loadIgnored(system, isForPerson(system, screen));
  let code: string | undefined;
  const client = classic
    ? await joinClassic({ ...target.address!, after: systemTimer })
    : await admit(
      system,
      target,
      chosenName(screen, settings),
      reconnectMs(system, screen),
      {
        files: {
          ...filesFor(system, screen.files, settings),
          ignores: (who) => ignored.has(who),
        },
        onCode: (used) => code = used,
      },
    );
  const signals = new Signals(system);
  try {
    const view = chosenView(screen.view, settings, ignored);
    const { address } = client.info;
    return await stay(system, client, screen, view, signals, {
      log: settings.log,
      invitation: guestInvitation(client.info, code),
      remember: (name) =>
        rememberRoom(system, screen.config, { address, code, name: screen.name }, name),
    });
  } finally {
    signals.forget();
  }
}
