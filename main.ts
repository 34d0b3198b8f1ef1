// Picks the verb. This file alone reads Deno.args.

import { parseCommand } from "./cli/args.ts";
import type { Command } from "./cli/command.ts";
import { DONE, print, report } from "./cli/output.ts";
import config from "./deno.json" with { type: "json" };

async function run(command: Command): Promise<number> {
  // Each verb's module is imported when it is needed: help and version come at once.
  switch (command.verb) {
    case "help":
      print(command.text);
      return DONE;
    case "version":
      print(`chat ${config.version}\n`);
      return DONE;
    case "completions": {
      const { completions } = await import("./cli/completions.ts");
      print(completions(command.shell));
      return DONE;
    }
    case "serve": {
      const { serve } = await import("./cli/serve.ts");
      return await serve(command);
    }
    case "join": {
      const { joinRoom } = await import("./cli/join.ts");
      return await joinRoom(command);
    }
    case "send": {
      const { send } = await import("./cli/send.ts");
      return await send(command);
    }
    case "crack": {
      const { crackTraffic } = await import("./cli/crack.ts");
      return await crackTraffic(command);
    }
  }
}

if (import.meta.main) {
  let code: number;
  try {
    code = await run(parseCommand(Deno.args, (name) => Deno.env.get(name)));
  } catch (error) {
    code = report(error);
  }
  Deno.exit(code);
}
