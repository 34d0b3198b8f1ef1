// The entry point: runs the verb that the command line names. Only this file reads Deno.args.

import { asksForVersion, type Command } from "./cli/command.ts";
import { DONE, print, report } from "./cli/output.ts";
import { realSystem, type System } from "./cli/system.ts";
import config from "./deno.json" with { type: "json" };

/** Runs a command line; returns the exit code. */
export async function run(args: readonly string[], system: System): Promise<number> {
  try {
    return await runCommand(await commandOf(args, system), system);
  } catch (error) {
    return report(system, error);
  }
}

async function commandOf(args: readonly string[], system: System): Promise<Command> {
  // The version comes at once: without the parser, and all that it needs.
  if (asksForVersion(args)) return { verb: "version" };
  const { parseCommand } = await import("./cli/args.ts");
  return parseCommand(args, system.env);
}

async function runCommand(command: Command, system: System): Promise<number> {
  // Each verb's module is loaded when it is needed, so that help comes at once.
  switch (command.verb) {
    case "help": {
      const { usage } = await import("./cli/usage.ts");
      print(system, usage(command.topic));
      return DONE;
    }
    case "version":
      print(system, `chat ${config.version}\n`);
      return DONE;
    case "completions": {
      const { completions } = await import("./cli/completions.ts");
      print(system, completions(command.shell));
      return DONE;
    }
    case "serve": {
      const { serve } = await import("./cli/serve.ts");
      return await serve(command, system);
    }
    case "join": {
      const { joinRoom } = await import("./cli/join.ts");
      return await joinRoom(command, system);
    }
    case "send": {
      const { send } = await import("./cli/send.ts");
      return await send(command, system);
    }
    case "rooms": {
      const { listRooms } = await import("./cli/list_rooms.ts");
      return await listRooms(command, system);
    }
    case "admin": {
      const { admin } = await import("./cli/admin.ts");
      return await admin(command, system);
    }
    case "identity": {
      const { moveIdentity } = await import("./cli/identity.ts");
      return moveIdentity(command, system);
    }
    case "crack": {
      const { crackTraffic } = await import("./cli/crack.ts");
      return await crackTraffic(command, system);
    }
  }
}

if (import.meta.main) realSystem.exit(await run(Deno.args, realSystem));
