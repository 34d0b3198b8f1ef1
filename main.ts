// Picks the verb. This file alone reads Deno.args.

import config from "./deno.json" with { type: "json" };
import { type Command, parseCommand } from "./cli/args.ts";
import { DONE, print, report } from "./cli/output.ts";

async function run(command: Command): Promise<number> {
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
  }
  const { crackTraffic, joinRoom, send, serve } = await import("./cli/serve.ts");
  switch (command.verb) {
    case "serve":
      return await serve(command);
    case "join":
      return await joinRoom(command);
    case "send":
      return await send(command);
    case "crack":
      return await crackTraffic(command);
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
