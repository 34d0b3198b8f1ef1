import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { parseSettings } from "../cli/config.ts";
import { PROGRAM, VARIABLES, VERBS } from "../cli/options.ts";
import {
  CONFIG_PATHS,
  EXIT_CODES,
  FILES,
  ROOM_SETTINGS_HELP,
  SETTINGS_HELP,
} from "../cli/reference.ts";
import { commandEntries, JSON_NOTE } from "../cli/usage.ts";
import config from "../deno.json" with { type: "json" };
import { KEYS, PLAIN_KEYS } from "../ui/key_help.ts";
import { manual } from "./manual.ts";

const PAGE = manual("1.2.3", "2024-02-28");

// ---- helpers ----

interface Output {
  stdout: string;
  stderr: string;
}

/** The output of a program that formats the page. */
function format(command: string, ...args: string[]): Output {
  const path = Deno.makeTempFileSync({ suffix: ".1" });
  try {
    Deno.writeTextFileSync(path, PAGE);
    const { stdout, stderr } = new Deno.Command(command, {
      args: [...args, path],
      stdin: "null",
    }).outputSync();
    const decoder = new TextDecoder();
    return { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } finally {
    Deno.removeSync(path);
  }
}

/** A test that needs a program; without it, the name of the test says that it was skipped. */
function withProgram(command: string, name: string, fn: () => void): void {
  let ignore = false;
  try {
    new Deno.Command(command, { args: ["--version"], stdin: "null" }).outputSync();
  } catch {
    ignore = true;
  }
  Deno.test({
    name: `${name}${ignore ? `: SKIPPED, ${command} is not installed` : ""}`,
    ignore,
    fn,
  });
}

/** The words of a formatted page, without bold and underline. */
function words(formatted: string): string {
  // deno-lint-ignore no-control-regex
  return formatted.replace(/.\x08|\x1b\[[\d;]*m/g, "").replace(/\s+/g, " ");
}

function assertComplete(page: string): void {
  for (const [verb, { summary, options, example }] of Object.entries(VERBS)) {
    assertStringIncludes(page, `CHAT ${verb.toUpperCase()} chat ${verb}`);
    assertStringIncludes(page, summary.slice(1));
    assertStringIncludes(page, example);
    for (const [name, { value, help }] of Object.entries(options)) {
      assertStringIncludes(page, ` --${name}${value ? ` ${value.name}` : ""} ${help}`);
    }
  }
  for (const [name, { help }] of Object.entries(PROGRAM)) {
    assertStringIncludes(page, ` --${name} ${help}`);
  }
  const keys = [...KEYS, ...PLAIN_KEYS].map(({ keys, help }) => [keys, help] as const);
  const settings = [...Object.entries(SETTINGS_HELP), ...Object.entries(ROOM_SETTINGS_HELP)];
  for (
    const [term, what] of [
      ...Object.entries(VARIABLES),
      ...commandEntries(),
      ...keys,
      ...Object.entries(CONFIG_PATHS),
      ...settings.map(([key, { help }]) => [key, help] as const),
      ...FILES,
      ...EXIT_CODES,
    ]
  ) assertStringIncludes(page, `${term} ${what}`);
  for (const [key, { example }] of settings) assertStringIncludes(page, `${key} = ${example}`);
  assertStringIncludes(page, JSON_NOTE);
}

// ---- the page ----

Deno.test("manual: has every verb, option and variable, in valid roff", () => {
  const plain = PAGE.replaceAll("\\-", "-");
  for (const [verb, { options }] of Object.entries(VERBS)) {
    const start = plain.indexOf(`\n.SH CHAT ${verb.toUpperCase()}\n`);
    const section = plain.slice(start, plain.indexOf("\n.SH ", start + 1));
    assert(start > 0, verb);
    for (const [name, { value }] of Object.entries(options)) {
      const term = value ? `.BI "--${name}" " ${value.name}"\n` : `.B "--${name}"\n`;
      assertStringIncludes(section, `\n.TP\n${term}`);
    }
  }
  for (const name of Object.keys(VARIABLES)) assertStringIncludes(plain, `\n.TP\n.B "${name}"\n`);
  assertMatch(PAGE, /^\.TH CHAT 1 "2024-02-28" "chat 1\.2\.3" "User Commands"\n/);
  assertMatch(PAGE, /^[\x20-\x7e\n]*\n$/);
  for (const row of PAGE.split("\n")) {
    assertEquals(row, row.trimEnd());
    // Only these requests are used.
    if (/^[.']/.test(row)) assertMatch(row, /^\.(?:TH|SH|PP|TP|BI?|RS|RE|br|nf|fi)\b/);
  }
});

Deno.test("manual: the example config file is valid", () => {
  const [, block] = /\n\.SH CONFIG FILE\n[^]*?\n\.nf\n([^]*?)\n\.fi\n/.exec(PAGE)!;
  const settings = parseSettings(
    new TextEncoder().encode(block!.replaceAll("\\(ti", "~").replaceAll("\\-", "-")),
    "manual",
  );
  assertEquals(Object.keys(settings), [...Object.keys(SETTINGS_HELP), "rooms"]);
});

Deno.test("manual.ts: writes the page of this version and prints its path; an argument is misuse", () => {
  const cwd = Deno.makeTempDirSync();
  const [, ...flags] = config.tasks.man.command.split(" ").slice(1, -1);
  const run = (...args: string[]) => {
    const { code, stdout, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", ...flags, `${import.meta.dirname}/manual.ts`, ...args],
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).outputSync();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  };
  try {
    assertEquals(run(), { code: 0, stdout: "dist/chat.1\n", stderr: "" });
    const page = Deno.readTextFileSync(`${cwd}/dist/chat.1`);
    const [, date] = /^\.TH CHAT 1 "(\d{4}-\d\d-\d\d)"/.exec(page)!;
    assertEquals(page, manual(config.version, date!));
    assertEquals(run("x"), { code: 2, stdout: "", stderr: "usage: manual.ts\n" });
    Deno.removeSync(`${cwd}/dist`, { recursive: true });
    Deno.writeTextFileSync(`${cwd}/dist`, "");
    const { code, stderr } = run();
    assertEquals(code, 1);
    assertMatch(stderr, /^manual: error: Cannot write dist\/chat\.1: /);
  } finally {
    Deno.removeSync(cwd, { recursive: true });
  }
});

withProgram("mandoc", "manual: mandoc reports nothing, and shows all of it", () => {
  assertEquals(format("mandoc", "-man", "-Tlint"), { stdout: "", stderr: "" });
  const { stdout } = format("mandoc", "-man", "-Tascii", "-Owidth=1000");
  assertComplete(words(stdout));
});

withProgram("groff", "manual: groff reports nothing, and shows all of it", () => {
  const { stdout, stderr } = format("groff", "-man", "-Tascii", "-ww", "-rLL=200n", "-P-c");
  assertEquals(stderr, "");
  assertComplete(words(stdout));
  for (const row of format("groff", "-man", "-Tascii", "-rLL=78n", "-P-cbou").stdout.split("\n")) {
    assertLessOrEqual(row.length, 100, row);
  }
});
