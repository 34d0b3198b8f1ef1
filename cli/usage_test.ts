import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../ui/commands.ts";
import { INPUT_TYPES } from "../ui/json_lines.ts";
import { KEYS, PLAIN_KEYS } from "../ui/key_help.ts";
import { parseSettings } from "./config.ts";
import { VARIABLES, type VerbName, VERBS } from "./options.ts";
import {
  CONFIG_PATHS,
  exampleConfig,
  EXIT_CODES,
  ROOM_SETTINGS_HELP,
  SETTINGS_HELP,
} from "./reference.ts";
import { usage } from "./usage.ts";

// The tests of options and layout are in args_test.ts.

/** A help without its layout. */
function flat(text: string): string {
  return text.replace(/\s+/g, " ");
}

Deno.test("usage: chat --help describes every verb, setting, variable and exit code", () => {
  const text = flat(usage());
  for (const { synopsis, summary } of Object.values(VERBS)) {
    assertStringIncludes(text, `${synopsis} ${summary}`);
  }
  const keys = [...Object.entries(SETTINGS_HELP), ...Object.entries(ROOM_SETTINGS_HELP)];
  for (const [key, { example, help }] of keys) {
    assertStringIncludes(text, `${key} = ${example} ${help}`);
  }
  for (
    const [term, meaning] of [
      ...Object.entries(CONFIG_PATHS),
      ...Object.entries(VARIABLES),
      ...EXIT_CODES,
    ]
  ) assertStringIncludes(text, `${term} ${meaning}`);
});

Deno.test("usage: chat join --help describes every command and key in a room, and every JSON request", () => {
  const text = flat(usage("join"));
  for (const { name, args, help, screen } of COMMANDS) {
    assertStringIncludes(text, ` /${name} ${args}${screen ? " *" : ""} ${help}`.replace("  ", " "));
  }
  for (const { keys, help } of [...KEYS, ...PLAIN_KEYS]) {
    assertStringIncludes(text, `${keys} ${help}`);
  }
  for (const type of INPUT_TYPES) assertStringIncludes(text, ` ${type}`);
  // `chat serve --join` needs both, and does not repeat them.
  assertStringIncludes(
    flat(usage("serve")),
    "are in chat join --help, the config file in chat --help",
  );
});

Deno.test("usage: the example of a config file is valid, and has every key", () => {
  const settings = parseSettings(new TextEncoder().encode(exampleConfig()), "example");
  assertEquals(Object.keys(settings), [...Object.keys(SETTINGS_HELP), "rooms"]);
  assertEquals(Object.keys(settings.rooms!.get("work")!), Object.keys(ROOM_SETTINGS_HELP));
});

Deno.test("usage: needs no file beside the program", () => {
  for (const verb of [undefined, ...Object.keys(VERBS)] as (VerbName | undefined)[]) {
    assert(!/docs\//.test(usage(verb)), verb);
  }
});
