import { assert, assertEquals, assertLess, assertMatch, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { MAX_NAME_COLUMNS } from "../text/names.ts";
import { NOTIFY, THEMES, TIMES } from "../ui/preferences.ts";
import {
  MAX_ARGUMENT,
  MAX_ARGUMENTS,
  MAX_CONFIG,
  MAX_HIGHLIGHT,
  MAX_HIGHLIGHTS,
  parseSettings,
  type Settings,
} from "./config.ts";
import { ACCEPT } from "./command.ts";
import { VARIABLES, VERBS } from "./options.ts";

// ---- helpers ----

const PATH = "/c/config.toml";
const utf8 = new TextEncoder();

function parse(text: string): Settings {
  return parseSettings(utf8.encode(text), PATH);
}

/** Asserts that a text is refused with this message, after the path, and this hint. */
function assertRefused(text: string | Uint8Array, message: string, hint?: string): void {
  const bytes = typeof text === "string" ? utf8.encode(text) : text;
  const error = assertThrows(() => parseSettings(bytes, PATH), ChatError);
  assertEquals([error.message, error.hint], [`Cannot use ${PATH}${message}`, hint]);
}

// ---- valid files ----

Deno.test("parseSettings: reads every key, and adds none", () => {
  const text = `# Mine.
name = "Ada"  # after a setting, too

theme = 'light'
time = "off"
"notify" = """all"""
quiet = true
title = false
downloads = "~/incoming"
file-rate = "2M"
highlight = ["deploy", "on call"]
log = "~/{room}.log"
notify-command = [
  "notify-send", # of libnotify
  "chat",
]
`;
  const settings = {
    name: "Ada",
    theme: "light",
    time: "off",
    notify: "all",
    quiet: true,
    title: false,
    downloads: "~/incoming",
    "file-rate": "2M",
    highlight: ["deploy", "on call"],
    "notify-command": ["notify-send", "chat"],
    log: "~/{room}.log",
  };
  assertEquals({ ...parse(text) }, settings as Settings);
  assertEquals({ ...parse(text.replaceAll("\n", "\r\n")) }, settings as Settings);
  assertEquals({ ...parse("\ufeff" + text) }, settings as Settings);
  for (const nothing of ["", "\n", "# nothing", "  \n\t# nothing\n"]) {
    assertEquals({ ...parse(nothing) }, {});
  }
  assertEquals({ ...parse("quiet = false") }, { quiet: false });
});

Deno.test("parseSettings: accepts each word of each setting", () => {
  for (const [key, words] of Object.entries({ theme: THEMES, time: TIMES, notify: NOTIFY })) {
    for (const word of words) {
      assertEquals({ ...parse(`${key} = "${word}"`) }, { [key]: word } as Settings);
    }
  }
});

Deno.test("docs/config.md: the example has every key, and the table every key and word", () => {
  const page = Deno.readTextFileSync(`${import.meta.dirname}/../docs/config.md`);
  const [, example] = /^```toml\n([^]*?)^```$/m.exec(page)!;
  const settings = parse(example!);
  const rows = page.matchAll(
    /^[|] `([\w-]+)` +[|] (?:`--([\w-]+)`)? +[|] (?:`(CHAT_\w+)`)? +[|] (.*?) +[|] .*[|]$/gm,
  );
  const words = { theme: THEMES, time: TIMES, notify: NOTIFY } as Record<string, readonly string[]>;
  const keys = Array.from(rows, ([, key, option, variable, values]) => {
    // A setting that is on by default has an option that switches it off.
    const named = [key!, `no-${key}`].find((name) => name in VERBS.join.options);
    assertEquals(option, named);
    if (variable !== undefined) assert(variable in VARIABLES, variable);
    const listed = Array.from(values!.matchAll(/`(\w+)`/g), ([, word]) => word!);
    if (words[key!]) assertEquals(listed, [...words[key!]!], key);
    return key!;
  });
  const { rooms, ...others } = settings;
  assertEquals(keys, Object.keys(others));
  const roomRows = page.matchAll(/^[|] `([\w-]+)` +[|] (?:[^|]*)[|] [^|]*[|]$/gm);
  assertEquals(
    Array.from(roomRows, ([, key]) => key),
    Object.keys(rooms!.get("work")!),
  );
  const all = { accept: ACCEPT, notify: NOTIFY };
  for (const [key, words] of Object.entries(all)) {
    const wrong = `[rooms.work]\naddress = "h"\n${key} = "x"`;
    assertThrows(() => parse(wrong), ChatError, `use ${words[0]}`);
  }
  assertMatch(page, new RegExp(`at most ${MAX_CONFIG / 1024} KiB`));
});

// ---- errors ----

Deno.test("parseSettings: refuses an invalid value with its line, its key and the valid values", () => {
  const themes = "use auto, dark, light or mono";
  assertRefused(
    '# Mine\n\ntheme = "drak"\n',
    `, line 3: unknown theme "drak"; ${themes}`,
    'Did you mean "dark"?',
  );
  assertRefused("theme = 7", `, line 1: theme is 7; ${themes}, in quotes`);
  assertRefused("theme = true", `, line 1: theme is true; ${themes}, in quotes`);
  assertRefused('theme = ["dark"]', `, line 1: theme is a list; ${themes}, in quotes`);
  assertRefused("theme = 2024-02-28", `, line 1: theme is a date; ${themes}, in quotes`);
  assertRefused("theme.dark = true", `, line 1: theme is a table; ${themes}, in quotes`);
  assertRefused("\n[theme]\ndark = true", `, line 2: theme is a table; ${themes}, in quotes`);
  assertRefused(
    'time = "longer"',
    ', line 1: unknown time "longer"; use short, long or off',
    'Did you mean "long"?',
  );
  assertRefused(
    'notify = "mention"',
    ', line 1: unknown notify "mention"; use all, mentions or off',
    'Did you mean "mentions"?',
  );
  assertRefused(
    '\r\nquiet = "yes"',
    ', line 2: quiet is "yes"; use true or false, without quotes',
  );
  assertRefused("title = 1", ", line 1: title is 1; use true or false, without quotes");
  for (const folder of ["/d", "~", "~/d", "C:\\\\d", "c:/d", "\\\\\\\\nas\\\\d"]) {
    assertEquals(Object.keys(parse(`downloads = "${folder}"`)), ["downloads"]);
  }
  for (const folder of ["", "incoming", "../d", "~bob/d", "C:d"]) {
    assertRefused(
      `downloads = "${folder}"`,
      `, line 1: downloads is "${folder}"; use an absolute path, such as "~/incoming"`,
    );
  }
  for (const rate of ["0", "16K", "1048576", "1024g"]) {
    assertEquals(Object.keys(parse(`file-rate = "${rate}"`)), ["file-rate"]);
  }
  for (const rate of ['"15K"', '"fast"', '""', '"1M/s"', "1000000", "0"]) {
    assertRefused(
      `theme = "dark"\nfile-rate = ${rate}`,
      `, line 2: file-rate is ${rate}; use a size from "16K" to "1024G", or "0"`,
    );
  }
  assertRefused("name = 7", ", line 1: name is 7; it must be text in quotes");
  const long = "a".repeat(MAX_NAME_COLUMNS + 1);
  const names = {
    '""': "a name must not be empty",
    '"a b"': "a name must not contain spaces",
    '"/quit"': 'a name must not start with "/"',
    [`"${long}"`]: `a name must be at most ${MAX_NAME_COLUMNS} columns wide: it is ${long.length}`,
  };
  // An editor may write another normal form.
  assertEquals(Object.keys(parse('name = "Jose\u0301"')), ["name"]);
  for (const [name, fault] of Object.entries(names)) {
    assertRefused(`name = ${name}`, `, line 1: name is ${name}; ${fault}`);
  }
});

Deno.test("parseSettings: refuses lists that are too long, and entries that are none", () => {
  const words = 'use a list of texts, such as ["deploy", "on call"]';
  assertRefused('highlight = "deploy"', `, line 1: highlight is "deploy"; ${words}`);
  assertRefused(
    'quiet = true\nhighlight = [\n  "deploy",\n  7,\n]',
    `, line 2: highlight is a list with something else than texts; ${words}`,
  );
  const list = (entries: readonly string[]) => `highlight = ${JSON.stringify(entries)}`;
  const most = new Array<string>(MAX_HIGHLIGHTS).fill("a".repeat(MAX_HIGHLIGHT));
  assertEquals(parse(list(most)).highlight, most);
  assertEquals(parse(list([])).highlight, []);
  assertRefused(
    list([...most, "b"]),
    `, line 1: highlight has ${MAX_HIGHLIGHTS + 1} texts; use at most ${MAX_HIGHLIGHTS}`,
  );
  const long = "a".repeat(MAX_HIGHLIGHT + 1);
  const entries = {
    [long]: `"${"a".repeat(40)}"…; each text must have at most ${MAX_HIGHLIGHT} characters`,
    " ": '" "; each text must not be empty',
    "a\tb": '"a␉b"; each text must not contain control characters',
  };
  for (const [entry, fault] of Object.entries(entries)) {
    assertRefused(list(["ok", entry]), `, line 1: highlight has ${fault}`);
  }

  const run = 'such as ["notify-send", "chat"]';
  const command = (entries: readonly string[]) => `notify-command = ${JSON.stringify(entries)}`;
  assertRefused(
    'notify-command = "notify-send chat"',
    `, line 1: notify-command is "notify-send chat"; use a list of texts, ${run}`,
  );
  for (const none of [[], [""], ["", "chat"]]) {
    assertRefused(command(none), `, line 1: notify-command names no program; use a list ${run}`);
  }
  const args = ["x", "", ...new Array<string>(MAX_ARGUMENTS - 2).fill("a")];
  assertEquals(parse(command(args))["notify-command"], args);
  assertRefused(
    command([...args, "b"]),
    `, line 1: notify-command has ${MAX_ARGUMENTS + 1} texts; use at most ${MAX_ARGUMENTS}`,
  );
  assertEquals(Object.keys(parse(command(["x", "a".repeat(MAX_ARGUMENT)]))), ["notify-command"]);
  assertThrows(() => parse(command(["x", "a".repeat(MAX_ARGUMENT + 1)])), ChatError, "at most");
  assertThrows(() => parse(command(["x", "a\0"])), ChatError, "must not contain the character U+0");
});

// ---- rooms ----

const WORK = `
[rooms.work]
address = "chat.example.org"
code-file = "~/.config/chat/code-work"
name = "Ada"
accept = "known"
downloads = "~/incoming/work"
log = "/var/log/chat/work"
notify = "all"
highlight = ["deploy"]
`;

Deno.test("parseSettings: reads the tables of rooms, in any notation", () => {
  const work = {
    address: "chat.example.org",
    "code-file": "~/.config/chat/code-work",
    name: "Ada",
    accept: "known",
    downloads: "~/incoming/work",
    log: "/var/log/chat/work",
    notify: "all",
    highlight: ["deploy"],
  } as const;
  assertEquals(parse(WORK).rooms, new Map([["work", work]]));
  const home = { address: "192.0.2.7:2429" };
  const texts = [
    '[rooms.home]\naddress = "192.0.2.7:2429"\n',
    '[ rooms . "home" ]\naddress = "192.0.2.7:2429"\n',
    '[rooms]\nhome.address = "192.0.2.7:2429"\n',
    '[rooms]\nhome = { address = "192.0.2.7:2429" }\n',
    'rooms.home.address = "192.0.2.7:2429"\n',
  ];
  for (const text of texts) {
    assertEquals(parse(text).rooms, new Map([["home", home]]), text);
    assertEquals(parse(`name = "bob"\n${text}`).name, "bob");
  }
  const several = parse(`theme = "dark"\n${WORK}${texts[0]}[rooms."bu\u0308ro"]\naddress = "h"`);
  assertEquals([...several.rooms!.keys()], ["work", "home", "büro"]);
  assertEquals(parse("[rooms]").rooms, new Map());
  // Names of properties that every object has.
  for (const name of ["__proto__", "toString"]) {
    assertEquals([...parse(`[rooms.${name}]\naddress = "h"\n`).rooms!.keys()], [name]);
  }
});

Deno.test("parseSettings: names the line, the table and the key of what is wrong about a room", () => {
  const before = 'name = "bob"\n[rooms.home]\naddress = "h"\nname = "bob"\n';
  const refused = (table: string, line: number, message: string, hint?: string) =>
    assertRefused(before + table, `, line ${line}: ${message}`, hint);
  const room = '[rooms.work]\naddress = "h"\n';
  refused(
    `${room}notify = "al"`,
    7,
    'in [rooms.work], unknown notify "al"; use all, mentions or off',
    'Did you mean "all"?',
  );
  refused(
    `${room}accept = true`,
    7,
    "in [rooms.work], accept is true; use ask, known, all or none, in quotes",
  );
  refused(
    `${room}theme = "dark"`,
    7,
    'in [rooms.work], unknown setting "theme"; use ' +
      "address, servers, code-file, name, accept, downloads, log, notify or highlight",
  );
  refused(
    `${room}adress = "h"`,
    7,
    'in [rooms.work], unknown setting "adress"; use ' +
      "address, servers, code-file, name, accept, downloads, log, notify or highlight",
    "Did you mean address?",
  );
  refused(
    `${room}code-file = "code"`,
    7,
    'in [rooms.work], code-file is "code"; use an absolute path, such as "~/room-code"',
  );
  refused(
    `${room}log = "~bob/log"`,
    7,
    'in [rooms.work], log is "~bob/log"; use an absolute path, such as "~/chat.log"',
  );
  refused(`${room}name = ""`, 7, 'in [rooms.work], name is ""; a name must not be empty');
  refused(
    `${room}highlight = ["a", ""]`,
    7,
    'in [rooms.work], highlight has ""; each text must not be empty',
  );
  refused(`${room}address = "h"`, 7, "in [rooms.work], address is set twice");
  for (const address of ['""', '"a b"', '"h:0"', '"h:99999"', "7", "true"]) {
    refused(
      `[rooms.work]\naddress = ${address}`,
      6,
      `in [rooms.work], address is ${address}; use HOST or HOST:PORT, such as "192.0.2.7:2428"`,
    );
  }
  refused(
    '[rooms.work]\nname = "bob"',
    5,
    'the room "work" has no address',
    'Add a line such as: address = "192.0.2.7:2428"',
  );
  const rule = 'a room\'s name has letters, digits, "_" and "-", and at most 32 characters';
  for (const name of ["a.b", "h:1", "-a", "a b", "a".repeat(33)]) {
    refused(
      `[rooms."${name}"]\naddress = "h"`,
      5,
      `the room "${name}" has an invalid name; ${rule}`,
    );
  }
  refused("[rooms.home]", 5, "[rooms.home] is opened twice");
  assertRefused(
    "\nrooms = 7",
    ", line 2: rooms is 7; write a table for each room, such as [rooms.work]",
  );
  assertRefused(
    "[[rooms]]",
    ", line 1: rooms is a list; write a table for each room, such as [rooms.work]",
  );
  assertRefused("[rooms]\nwork = 7", ", line 2: rooms.work is 7; write a table: [rooms.work]");
  assertRefused(
    '[rooms.büro]\naddress = "h"',
    ', line 1: it is not TOML: Not closed by "]" after started with "["',
    'A line looks like this: theme = "dark"',
  );
});

Deno.test("parseSettings: a list over several lines is not mistaken for keys", () => {
  const text = 'highlight = [\n  "name",\n  "name" ]\nname = "bob"\n';
  assertEquals({ ...parse(text) }, { highlight: ["name", "name"], name: "bob" });
});

Deno.test("parseSettings: a file has room for a hundred rooms", () => {
  const rooms = Array.from({ length: 100 }, (_, n) => WORK.replace("work", `room-${n}`));
  assertEquals(parse(rooms.join("")).rooms?.size, 100);
});

Deno.test("parseSettings: refuses an unknown key, and suggests the nearest one; inherited property names too", () => {
  const known = "use name, theme, time, notify, quiet, title, downloads, log, file-rate, " +
    "highlight, notify-command or rooms";
  const unknown = (text: string, line: number, key: string, nearest: string) =>
    assertRefused(
      text,
      `, line ${line}: unknown setting "${key}"; ${known}`,
      `Did you mean ${nearest}?`,
    );
  unknown('theme = "dark"\nthme = "dark"', 2, "thme", "theme or time");
  unknown('down = "~/x"', 1, "down", "downloads");
  unknown("Quiet = true", 1, "Quiet", "quiet");
  assertThrows(() => parse("'no-color' = true"), ChatError, 'unknown setting "no-color"');
  unknown("[names]\nx = 1", 1, "names", "name");
  unknown("[[ names ]]\nx = 1", 1, "names", "name");
  unknown("names.x = 1", 1, "names", "name");
  assertThrows(() => parse("constructor = 1"), ChatError, 'unknown setting "constructor"');
  assertThrows(() => parse("toString = 1"), ChatError, 'unknown setting "toString"');
  // If the line cannot be found, none is named.
  assertThrows(() => parse('"a\\u0062" = 1'), ChatError, `${PATH}: unknown setting "ab"`);
});

Deno.test("parseSettings: refuses a key that is set twice", () => {
  assertRefused(
    'theme = "dark"\nquiet = true\n"theme" = "light"',
    ", line 3: theme is set twice",
  );
});

Deno.test("parseSettings: refuses text that is not TOML, with the line and an example", () => {
  const faults: Record<string, [line: number, what: RegExp]> = {
    "theme = dark": [1, /Cannot parse value on line 'theme = dark'$/],
    "# theme = x\nquiet = true\ntheme =\n\n# more\n": [3, /Cannot parse value on line 'theme =␊/],
    "quiet = true\ntheme": [2, /doesn't have "="$/],
    'quiet = true\nname = "Ada': [2, /not closed/],
    "\n\n= 1": [3, /Unexpected character/],
    "[theme": [1, /Not closed/],
    'name = "\\q"': [1, /Invalid escape sequence/],
    "theme = 'a'\u00a0": [1, /^it is not TOML: It contains invalid whitespace/],
    [`a = ${"[".repeat(8_000)}`]: [1, /./],
  };
  for (const [text, [line, what]] of Object.entries(faults)) {
    const { message, hint } = assertThrows(() => parse(text), ChatError);
    const [start, rest] = [`Cannot use ${PATH}, line ${line}: `, message.split(/line \d+: /)[1]!];
    assert(message.startsWith(`${start}it is not TOML: `), message);
    assertMatch(rest, what);
    assertEquals(hint, 'A line looks like this: theme = "dark"');
  }
});

Deno.test("parseSettings: refuses a file that is not UTF-8 or too large, before it is parsed", () => {
  assertRefused(Uint8Array.of(0x61, 0xff), ": it is not UTF-8");
  assertEquals({ ...parse("#".repeat(MAX_CONFIG - 1) + "\n") }, {});
  assertEquals({ ...parse("#".repeat(MAX_CONFIG)) }, {});
  assertRefused(
    utf8.encode("#".repeat(MAX_CONFIG + 1)),
    `: it has more than ${MAX_CONFIG} bytes`,
    "Is it the right file?",
  );
});

Deno.test("parseSettings: any file gives an error of one short, printable line", () => {
  const evil = "\x1b[2J\u202e".repeat(1000);
  const texts = [
    `theme = '${"x".repeat(60_000)}'`,
    `"${"k".repeat(60_000)}" = 1`,
    `theme = ${"x".repeat(60_000)}`,
    `theme = '${evil}'`,
    `'${evil}' = 1`,
    `${evil} = 1`,
    `theme = ${evil}`,
    `name = """\n${evil}"""`,
  ];
  for (const text of texts) {
    const { message, hint } = assertThrows(() => parse(text), ChatError);
    assertLess(message.length, 1000);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x1f\x7f-\x9f\u202e]/.test(message + (hint ?? "")), message);
  }
});

Deno.test("parseSettings: any text gives valid settings or a ChatError", () => {
  const piece = fc.oneof(
    fc.constantFrom("name", "theme", "time", "notify", "quiet", " = ", "\n", '"', "'", "[", "]"),
    fc.constantFrom('"dark"', "true", "#", ".", "{", "}", ",", "\\", '"""', "__proto__", "1"),
    anyString({ maxLength: 3 }),
  );
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    let settings: Settings;
    try {
      settings = parse(pieces.join(""));
    } catch (error) {
      assert(error instanceof ChatError, `${error}`);
      return;
    }
    const { name, theme, time, notify, quiet, ...rest } = settings;
    assertEquals(Object.keys(rest), []);
    assert(name === undefined || typeof name === "string");
    assert(theme === undefined || THEMES.includes(theme));
    assert(time === undefined || TIMES.includes(time));
    assert(notify === undefined || NOTIFY.includes(notify));
    assert(quiet === undefined || typeof quiet === "boolean");
  }));
});
