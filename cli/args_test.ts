import { assert, assertEquals, assertLessOrEqual, assertMatch, assertThrows } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { UsageError } from "../errors.ts";
import { parseRange } from "../server/addresses.ts";
import {
  backlogOf,
  budgetOf,
  DEFAULT_KEEP,
  DEFAULT_KEEP_MS,
  DEFAULT_LIMITS,
  type Limits,
  XOR_GRACE_MS,
} from "../server/limits.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { MAX_NAME_BYTES, MAX_NAME_COLUMNS } from "../text/names.ts";
import { width } from "../text/width.ts";
import { NOTIFY, type Notify, THEMES, TIMES } from "../ui/preferences.ts";
import { ADDRESS_HINT } from "./address.ts";
import { parseCommand } from "./args.ts";
import type { Command, RoomTarget, ScreenOptions, Speaker, StateOptions } from "./command.ts";
import { VARIABLES, type VerbName, VERBS } from "./options.ts";
import { splitArgs } from "./split_args.ts";
import { usage } from "./usage.ts";
import { chosenName } from "./user.ts";

// ---- helpers ----

type Environment = Record<string, string>;

/** A user called ada, with nothing else set. */
const ADA: Environment = { USER: "ada" };

function parse(args: readonly string[], environment = ADA): Command {
  return parseCommand(args, (name) => environment[name]);
}

/** Splits a command line that has no word with spaces. */
function words(line: string): string[] {
  return line.split(" ").filter((word) => word !== "");
}

const SPEAKER: Speaker = { name: undefined, user: "ada", config: undefined };
const SCREEN: ScreenOptions = {
  ...SPEAKER,
  view: {},
  json: false,
  plain: false,
  format: undefined,
  stay: false,
  retry: undefined,
  files: { downloads: undefined, accept: undefined, acceptLimit: 2 ** 30, rate: undefined },
};
const SEALED = { name: "sealed", codeFile: undefined, askCode: false } as const;
const SERVE = {
  verb: "serve",
  hostname: "127.0.0.1",
  port: 2428,
  proxies: [],
  advertise: [],
  cipher: SEALED,
  join: undefined,
  state: undefined,
  limits: DEFAULT_LIMITS,
  moderators: [],
  readOnly: false,
  log: "text",
  status: undefined,
  admin: undefined,
} as const;
/** An xor room's. */
const XOR = { ...SERVE, limits: { ...DEFAULT_LIMITS, graceMs: XOR_GRACE_MS } } as const;
/** What `--state room` sets. */
const STATE = {
  path: "room",
  keep: DEFAULT_KEEP,
  keepForMs: DEFAULT_KEEP_MS,
  newLog: false,
  newCode: false,
} as const;
const KEPT = {
  ...DEFAULT_LIMITS,
  logSize: DEFAULT_KEEP,
  backlog: backlogOf(DEFAULT_KEEP),
} as const;
/** The target without an address: a room on this machine, of either kind. */
const TARGET: RoomTarget = { address: undefined, codeFile: undefined, cipher: undefined };
const JOIN = { verb: "join", target: TARGET, classic: false, screen: SCREEN } as const;
const SEND = {
  verb: "send",
  target: TARGET,
  speaker: SPEAKER,
  text: undefined,
  files: [],
  to: undefined,
  partial: false,
  rate: undefined,
  retry: undefined,
} as const;

/** The target with this address. */
function at(hostname: string, port = 2428, room?: string): { target: RoomTarget } {
  const name = room === undefined ? {} : { room };
  return { target: { ...TARGET, address: { hostname, port }, ...name } };
}

/** Asserts that a command line is refused with this message and this hint. */
function assertRefused(
  args: readonly string[],
  message: string,
  hint: string | undefined,
  environment = ADA,
): void {
  const error = assertThrows(() => parse(args, environment), UsageError);
  assertEquals([error.message, error.hint], [message, hint], args.join(" "));
}

function help(args: readonly string[]): string {
  const command = parse(args);
  assert(command.verb === "help", `${args.join(" ")} is not help`);
  return usage(command.topic);
}

// ---- verbs and options ----

Deno.test("parseCommand: serve takes every option of its help", () => {
  assertEquals(parse(["serve"]), SERVE);
  assertEquals(parse(words("serve --host 0.0.0.0 --port 0 --cipher xor --key 198")), {
    ...XOR,
    hostname: "0.0.0.0",
    port: 0,
    cipher: { name: "xor", publicKey: 198, classic: false },
  });
  assertEquals(parse(words("serve --cipher xor")), {
    ...XOR,
    cipher: { name: "xor", publicKey: undefined, classic: false },
  });
  assertEquals(parse(words("serve --cipher sealed --code-file code.txt")), {
    ...SERVE,
    cipher: { ...SEALED, codeFile: "code.txt" },
  });
  assertEquals(parse(words("serve --ask-code --state room")), {
    ...SERVE,
    cipher: { ...SEALED, askCode: true },
    state: STATE,
    limits: KEPT,
  });
  assertEquals(parse(words("serve --cipher xor --classic --state room")), {
    ...XOR,
    cipher: { name: "xor", publicKey: undefined, classic: true },
    state: STATE,
    limits: { ...KEPT, graceMs: XOR_GRACE_MS },
  });
  assertEquals(parse(words("serve --join")), { ...SERVE, join: SCREEN });
  assertEquals(parse(words("serve --name bob --plain --stay --retry 0 --join")), {
    ...SERVE,
    join: { ...SCREEN, name: "bob", plain: true, stay: true, retry: 0 },
  });
  assertEquals(
    parse(words("serve --join --theme dark --time off --notify all --quiet --config c")),
    {
      ...SERVE,
      join: {
        ...SCREEN,
        view: { theme: "dark", time: "off", notify: "all", quiet: true },
        config: "c",
      },
    },
  );
});

/** The limits of serve with these options. */
function limits(line: string): Limits {
  const command = parse(words(`serve ${line}`));
  assert(command.verb === "serve");
  return command.limits;
}

Deno.test("parseCommand: each option of serve sets its limit, seconds in ms", () => {
  const cases: Record<string, Partial<Limits>> = {
    "--max-members 12": { maxMembers: 12 },
    "--max-per-address 1": { maxPerAddress: 1 },
    "--max-admissions 999999": { maxAdmissions: 999_999 },
    "--max-pending 5": { maxPending: 5 },
    "--handshake 1": { handshakeMs: 1_000 },
    "--idle 5": { idleMs: 5_000 },
    "--grace 0": { graceMs: 0 },
    "--grace 60": { graceMs: 60_000 },
    "--grace 604800": { graceMs: 604_800_000 },
    "--grace 30m": { graceMs: 1_800_000 },
    "--grace 7d": { graceMs: 604_800_000 },
    "--cipher xor": { graceMs: XOR_GRACE_MS },
    "--cipher xor --grace 86400": {},
    "--log-size 64M --backlog 256K": { logSize: 64 * 1024 ** 2, backlog: 256 * 1024 },
    "--backlog 8388608": { backlog: 8 * 1024 ** 2 },
    "--rate 3": { budget: budgetOf(3, 256 * 1024)! },
    "--byte-rate 1m": { budget: budgetOf(50, 1024 ** 2)! },
  };
  for (const [line, changed] of Object.entries(cases)) {
    assertEquals(limits(line), { ...DEFAULT_LIMITS, ...changed }, line);
  }
});

Deno.test("parseCommand: serve takes --keep and --keep-for, within limits", () => {
  const MIB = 1024 ** 2;
  const cases: Record<string, [Partial<StateOptions>, Partial<Limits>]> = {
    "--keep 8M": [{ keep: 8 * MIB }, { logSize: 8 * MIB, backlog: backlogOf(8 * MIB) }],
    "--keep 1G --backlog 1M": [{ keep: 1024 * MIB }, { logSize: 1024 * MIB, backlog: MIB }],
    "--keep-for 1m": [{ keepForMs: 60_000 }, {}],
    "--keep-for 365d": [{ keepForMs: 365 * 86_400_000 }, {}],
    "--keep-for 90": [{ keepForMs: 90_000 }, {}],
    "--keep-for 12H": [{ keepForMs: 43_200_000 }, {}],
    "--keep-for forever": [{ keepForMs: Infinity }, {}],
    "--new-log": [{ newLog: true }, {}],
    "--new-code": [{ newLog: true, newCode: true }, {}],
    "--new-code --new-log": [{ newLog: true, newCode: true }, {}],
  };
  for (const [line, [state, limits]] of Object.entries(cases)) {
    assertEquals(parse(words(`serve --state room ${line}`)), {
      ...SERVE,
      state: { ...STATE, ...state },
      limits: { ...KEPT, ...limits },
    }, line);
  }
});

Deno.test("parseCommand: refuses a grace that is no time, or too long", () => {
  for (const time of ["604801", "8d", "-1", "0.5", "1w", "forever"]) {
    assertRefused(
      ["serve", "--grace", time],
      `Cannot use --grace "${time}": it must be a time from 0s to 7d`,
      "Write seconds, or a time such as: --grace 1d",
    );
  }
});

Deno.test("parseCommand: what serve keeps needs --state, and has a range", () => {
  for (const line of ["keep 64M", "keep-for 7d", "new-log", "new-code"]) {
    assertRefused(
      words(`serve --${line}`),
      `Cannot use --${line.split(" ")[0]} without --state`,
      "Name the folder that keeps the room: --state DIR",
    );
  }
  assertRefused(
    words("serve --state room --log-size 8M"),
    "Cannot use --log-size with --state: the log has the size of --keep",
    "Write --keep SIZE instead",
  );
  for (const size of ["7M", "8191K", "1025M", "0", "64MB", "forever"]) {
    assertRefused(
      words(`serve --state room --keep ${size}`),
      `Cannot use --keep "${size}": it must be a size from 8M to 1G`,
      "Write bytes, or a size such as: --keep 64M",
    );
  }
  for (const time of ["0", "59", "59s", "366d", "1w", "7 d", "-1d", "ever", "1.5h"]) {
    assertRefused(
      ["serve", "--state", "room", "--keep-for", time],
      `Cannot use --keep-for "${time}": it must be a time from 1m to 365d, or forever`,
      "Write seconds, or a time such as: --keep-for 7d",
    );
  }
});

Deno.test("parseCommand: the backlog of serve is at most half of the log by default, and never larger than the log", () => {
  assertEquals(limits("--log-size 1M").backlog, 512 * 1024);
  assertEquals(limits("--log-size 1G").backlog, 4 * 1024 ** 2);
  assertEquals(limits("--log-size 1M --backlog 1M").backlog, 1024 ** 2);
  assertRefused(
    words("serve --log-size 1M --backlog 1048577"),
    'Cannot use --backlog "1048577": it must be a size from 256K to 1M',
    "Write bytes, or a size such as: --backlog 512K",
  );
});

Deno.test("parseCommand: a rate of 0 means no limit", () => {
  assertEquals(limits("--rate 0").budget, budgetOf(0, 256 * 1024));
  assertEquals(limits("--byte-rate 0").budget, budgetOf(50, 0));
  assertEquals(limits("--rate 0 --byte-rate 0").budget, undefined);
});

Deno.test("parseCommand: refuses a limit outside its range, or in another notation", () => {
  const numbers: Record<string, [range: string, values: string[]]> = {
    "max-members": [" from 1 to 999999", ["0", "1000000", "-1", "1.5", "1e3", "0x10", "8M", "٣"]],
    "max-per-address": [" from 1 to 999999", ["0"]],
    "max-admissions": [" from 1 to 999999", ["0"]],
    "max-pending": [" from 1 to 999999", ["0"]],
    handshake: [" of seconds from 1 to 600", ["0", "601", "10s"]],
    idle: [" of seconds from 5 to 3600", ["4", "3601"]],
    rate: [" from 0 to 999999", ["1000000", "50/s"]],
  };
  for (const [option, [range, values]] of Object.entries(numbers)) {
    for (const value of values) {
      assertRefused(
        ["serve", `--${option}=${value}`],
        `Cannot use --${option} "${value}": it must be a whole number${range}`,
        undefined,
      );
    }
  }
  const sizes: Record<string, [range: string, example: string, values: string[]]> = {
    "log-size": ["a size from 1M to 1G", "32M", [
      "1023K",
      "1025M",
      "8MB",
      "8 M",
      "8.5M",
      "M",
      "-8M",
    ]],
    backlog: ["a size from 256K to 32M", "4M", ["255K", "33M", "0"]],
    "byte-rate": ["0, or a size from 32K to 128M", "256K", ["31K", "129M", "1", "4T"]],
  };
  for (const [option, [range, example, values]] of Object.entries(sizes)) {
    for (const value of values) {
      assertRefused(
        ["serve", `--${option}=${value}`],
        `Cannot use --${option} "${value}": it must be ${range}`,
        `Write bytes, or a size such as: --${option} ${example}`,
      );
    }
  }
});

Deno.test("parseCommand: the log of serve is text or json, and never goes with a screen", () => {
  assertEquals(parse(words("serve --log json")), { ...SERVE, log: "json" });
  assertEquals(parse(words("serve --log text")), SERVE);
  assertRefused(
    words("serve --log JSON"),
    'Unknown log format "JSON"; use text or json',
    undefined,
  );
  for (const log of ["text", "json"]) {
    assertRefused(
      words(`serve --join --log ${log}`),
      "Cannot use --log with --join: the screen shows the events",
      undefined,
    );
  }
});

Deno.test("parseCommand: --moderator takes keys, several times, and only where they prove something", () => {
  const [one, other] = ["A".repeat(43), `${"b".repeat(41)}+A`];
  assertEquals(parse(["serve", "--moderator", one, `--moderator=${other}`, "--read-only"]), {
    ...SERVE,
    moderators: [one, other],
    readOnly: true,
  });
  for (const wrong of ["alice", one.slice(1), `${one}=`]) {
    assertThrows(() => parse(["serve", "--moderator", wrong]), UsageError, "it is not a key");
  }
  for (const option of [`--moderator=${one}`, "--read-only"]) {
    assertThrows(
      () => parse(["serve", "--cipher", "xor", option]),
      UsageError,
      "nobody could prove",
    );
  }
});

Deno.test("parseCommand: --trust-proxy takes addresses and ranges, with commas or several times", () => {
  const ranges = ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"].map((text) => parseRange(text)!);
  for (
    const line of [
      "--trust-proxy 192.0.2.7,10.0.0.0/8,2001:db8::/32",
      "--trust-proxy=192.0.2.7 --trust-proxy 10.0.0.0/8 --trust-proxy 2001:db8::/32",
      "--trust-proxy 192.0.2.7,10.0.0.0/8 --trust-proxy=2001:db8::/32",
    ]
  ) {
    assertEquals(parse(words(`serve ${line}`)), { ...SERVE, proxies: ranges });
  }
  for (const text of ["proxy.example.org", "", "10.0.0.0/33", "::1%lo", "10.0.0.1 "]) {
    assertRefused(
      ["serve", "--trust-proxy", `192.0.2.7,${text}`],
      `Cannot use --trust-proxy "${text}": it must be an address or a range`,
      "Write numbers, not a name, such as: --trust-proxy 192.0.2.7,10.0.0.0/8",
    );
  }
  assertRefused(
    ["serve", "--trust-proxy", "10.0.0.1", "--trust-proxy="],
    "Cannot use --trust-proxy without a value",
    "Write: --trust-proxy IP",
  );
});

Deno.test("parseCommand: --join is refused where the own client would need a proxy's header", () => {
  for (
    const line of ["--trust-proxy 127.0.0.1", "--trust-proxy ::1", "--trust-proxy 127.0.0.0/8"]
      .concat("--host 192.0.2.7 --trust-proxy 192.0.2.0/24")
  ) {
    assertRefused(
      words(`serve --join ${line}`),
      "Cannot use --join with --trust-proxy of this machine: you would join without a proxy",
      "Join through the proxy, with: chat join",
    );
  }
  const proxies = [parseRange("192.0.2.7")!];
  assertEquals(parse(words("serve --join --trust-proxy 192.0.2.7")), {
    ...SERVE,
    proxies,
    join: SCREEN,
  });
});

Deno.test("parseCommand: --status is a port, or a path with a separator", () => {
  for (const port of [0, 9428, 65535]) {
    assertEquals(parse(words(`serve --status ${port}`)), { ...SERVE, status: { port } });
  }
  for (const path of ["./status", "/run/chat/status", "a/b", "C:\\chat", "/1"]) {
    assertEquals(parse(["serve", "--status", path]), { ...SERVE, status: { path } });
  }
  assertRefused(
    words("serve --status 65536"),
    'Cannot use the status port "65536": it must be a whole number from 0 to 65535',
    undefined,
  );
  for (const where of ["status", "127.0.0.1:80", "-1", "1.5"]) {
    assertRefused(
      ["serve", `--status=${where}`],
      `Cannot use --status "${where}": it must be a port, or a path with a /`,
      "For a socket in this folder: --status ./NAME",
    );
  }
});

Deno.test("parseCommand: join takes every option of its help, before and after the address", () => {
  assertEquals(parse(["join"]), JOIN);
  const all = { ...SCREEN, name: "bob", plain: true, stay: true, retry: 5000 };
  const there = { ...JOIN, ...at("192.0.2.7", 2429), screen: all };
  assertEquals(
    parse(words("join 192.0.2.7:2429 --name bob --plain --stay --retry 5")),
    there,
  );
  assertEquals(
    parse(words("join --name=bob --plain --stay --retry=5 192.0.2.7:2429")),
    there,
  );
  assertEquals(parse(words("join --json -- 192.0.2.7:2429")), {
    ...there,
    screen: { ...SCREEN, json: true },
  });
  assertEquals(parse(words("join 192.0.2.7:2429 --cipher sealed --code-file code.txt")), {
    ...JOIN,
    target: { ...there.target, codeFile: "code.txt", cipher: "sealed" },
  });
  assertEquals(parse(words("join --cipher xor")), {
    ...JOIN,
    target: { ...JOIN.target, cipher: "xor" },
  });
  assertEquals(
    parse(
      words("join --theme=mono --time long --notify=off --quiet --no-title --stay --config c.toml"),
    ),
    {
      ...JOIN,
      screen: {
        ...SCREEN,
        view: { theme: "mono", time: "long", notify: "off", quiet: true, title: false },
        stay: true,
        config: "c.toml",
      },
    },
  );
  assertEquals(parse(words("join --no-config")), { ...JOIN, screen: { ...SCREEN, config: false } });
});

Deno.test("parseCommand: send takes every option of its help, and joins words to one text", () => {
  assertEquals(parse(["send"]), SEND);
  assertEquals(parse(words("send --name bob it is done --retry forever")), {
    ...SEND,
    speaker: { ...SPEAKER, name: "bob" },
    retry: Infinity,
    text: "it is done",
  });
  assertEquals(parse(words("send --config c hi")), {
    ...SEND,
    speaker: { ...SPEAKER, config: "c" },
    text: "hi",
  });
  assertEquals(parse(["send", "two  spaces", "stay"]), { ...SEND, text: "two  spaces stay" });
  assertEquals(parse(words("send a.example --cipher=sealed hi --code-file code.txt there")), {
    ...SEND,
    target: { ...at("a.example").target, codeFile: "code.txt", cipher: "sealed" },
    text: "hi there",
  });
});

Deno.test("parseCommand: keeps numbers in a text as they are written", () => {
  assertEquals(parse(words("send 007 1e3 0x10")), { ...SEND, text: "007 1e3 0x10" });
  assertEquals(parse(words("join --name 1e3")), { ...JOIN, screen: { ...SCREEN, name: "1e3" } });
});

Deno.test("parseCommand: true and false after a flag are ordinary words", () => {
  assertEquals(parse(words("join --json false")), {
    ...JOIN,
    ...at("false", 2428, "false"),
    screen: { ...SCREEN, json: true },
  });
});

Deno.test("parseCommand: accepts a flag twice, but not an option with a value", () => {
  assertEquals(parse(words("join --json --json")), { ...JOIN, screen: { ...SCREEN, json: true } });
  assertRefused(words("join --name a --name b"), "Cannot use --name twice", undefined);
  assertRefused(words("serve --port=1 --port 1"), "Cannot use --port twice", undefined);
});

Deno.test("parseCommand: refuses a value for a flag", () => {
  for (const verb of ["serve", "join"]) {
    const both = ["json", "plain", "stay", "quiet", "no-title", "no-config", "help"];
    for (const flag of [...both, ...verb === "serve" ? ["ask-code"] : []]) {
      assertRefused(
        [verb, `--${flag}=1`],
        `Cannot use "--${flag}=1": --${flag} takes no value`,
        undefined,
      );
    }
  }
});

Deno.test("parseCommand: refuses an option without its value", () => {
  const cases = {
    host: "HOST",
    port: "PORT",
    cipher: "CIPHER",
    "code-file": "FILE",
    state: "DIR",
    keep: "SIZE",
    "keep-for": "TIME",
    key: "KEY",
    name: "NAME",
    retry: "SECONDS",
    "max-members": "N",
    "log-size": "SIZE",
    grace: "TIME",
    log: "FORMAT",
    status: "WHERE",
    theme: "THEME",
    time: "TIME",
    notify: "WHICH",
    config: "FILE",
  };
  for (const [option, value] of Object.entries(cases)) {
    const message = `Cannot use --${option} without a value`;
    const hint = `Write: --${option} ${value}`;
    assertRefused(["serve", "--join", `--${option}`], message, hint);
    // What follows is another option, not the value.
    for (const next of ["--join", "-h", "--port=1"]) {
      const other = `${hint}; if "${next}" is the value: --${option}=${next}`;
      assertRefused(["serve", `--${option}`, next], message, other);
    }
    assertRefused(["serve", `--${option}`, "--"], message, hint);
    // An empty name gets the message about names.
    if (option === "name") continue;
    assertRefused(["serve", `--${option}=`], message, hint);
    assertRefused(["serve", `--${option}`, ""], message, hint);
  }
});

Deno.test("parseCommand: a value may contain =, and start with a hyphen", () => {
  assertEquals(parse(["join", "--name=a=b"]), { ...JOIN, screen: { ...SCREEN, name: "a=b" } });
  assertEquals(parse(["join", "--name=-a"]), { ...JOIN, screen: { ...SCREEN, name: "-a" } });
  // Of every option, and whatever it looks like; a known option after = too.
  for (const value of ["-rf", "-", "--rf", "--rf=1", "-h1", "--_", "--no-port", "---"]) {
    for (const args of [["--file", value], [`--file=${value}`]]) {
      assertEquals(parse(["send", ...args]), { ...SEND, files: [value] });
    }
    assertEquals(parse(["crack", "--", value]).verb, "crack");
  }
  assertEquals(parse(["send", "--file=--config"]), { ...SEND, files: ["--config"] });
  assertEquals(parse(["send", "--file=--"]), { ...SEND, files: ["--"] });
  for (const verb of Object.keys(VERBS) as VerbName[]) {
    for (const [name, { value }] of Object.entries(VERBS[verb].options)) {
      if (value === undefined) continue;
      const { options, lists } = splitArgs(verb, [`--${name}`, "-rf"]);
      const isList = VERBS[verb].options[name]!.repeats;
      assertEquals([...options], isList ? [] : [[name, "-rf"]]);
      assertEquals([...lists], isList ? [[name, ["-rf"]]] : []);
    }
  }
});

Deno.test("parseCommand: refuses an unknown option, and suggests the nearest one", () => {
  const refused = (line: string, flag: string, nearest: string) => {
    const [verb] = words(line);
    assertRefused(
      words(line),
      `Unknown option "${flag}" for chat ${verb}`,
      `Did you mean --${nearest}? See: chat ${verb} --help`,
    );
  };
  refused("join --jsn", "--jsn", "json");
  refused("join --nmae=bob", "--nmae", "name");
  refused("join --no-json", "--no-json", "json");
  refused("join --no-json=1", "--no-json", "json");
  refused("serve --no-port=80", "--no-port", "port");
  refused("join --no_config", "--no_config", "no-config");
  refused("join -name bob", "-name", "name");
  refused("serve --prot 80", "--prot", "port");
  refused("serve --keys", "--keys", "key");
  refused("join -h=1", "-h=1", "help");
  // The beginning of a name, of several, and other programs' names.
  refused("join --down", "--down", "downloads");
  refused("serve --keep-f 3", "--keep-f", "keep-for");
  refused("serve --max-p 3", "--max-p", "max-per-address or --max-pending");
  refused("join --nick bob", "--nick", "name");
  refused("join --user=bob", "--user", "name");
  refused("serve --bind 0.0.0.0", "--bind", "host");
  refused("serve -p 80", "-p", "port");
  refused("identity --passphrase x", "--passphrase", "passphrase-file");
});

Deno.test("parseCommand: of an unknown option without a near one, says only where they are listed", () => {
  for (const flag of ["-hx", "--abc", "--\x1b[2J", `--${"name".repeat(10)}`]) {
    const error = assertThrows(() => parse(["join", flag]), UsageError, "Unknown option ");
    assertEquals(error.hint, "See: chat join --help");
  }
  // `color` is no option of a command without themes.
  const error = assertThrows(() => parse(["crack", "--color"]), UsageError);
  assertEquals(error.hint, "See: chat crack --help");
});

Deno.test("parseCommand: says how to write the address and the code, which are no options", () => {
  const hintOf = (line: string) => assertThrows(() => parse(words(line)), UsageError).hint;
  for (const option of ["--port 2428", "--port=2428", "-p 2428", "--host x", "--server x"]) {
    assertEquals(
      hintOf(`join ${option}`),
      "Write the address without an option: chat join HOST:PORT",
    );
    assertEquals(
      hintOf(`send ${option}`),
      "Write the address without an option: chat send HOST:PORT",
    );
  }
  for (const verb of ["serve", "join", "send"]) {
    for (const option of ["--code a", "--code=a", "--password a"]) {
      assertEquals(
        hintOf(`${verb} ${option}`),
        "Set CHAT_CODE, or name a file with the code: --code-file FILE",
      );
    }
  }
});

Deno.test("parseCommand: refuses inherited property names and options of other verbs", () => {
  const lines = [
    "join --constructor",
    "join --__proto__=1",
    "join --port 80",
    "join --key 198",
    // Other users of the machine could see it.
    "join --code secret",
    "serve --code secret",
    "send --ask-code",
    "send --json",
    "send -k",
  ];
  for (const line of lines) {
    assertThrows(() => parse(words(line)), UsageError, "Unknown option ");
  }
});

Deno.test("parseCommand: quotes input without control characters", () => {
  assertRefused(
    ["join", "--\x1b[2J"],
    'Unknown option "--␛[2J" for chat join',
    "See: chat join --help",
  );
  assertRefused(
    ["join", "a\nb"],
    'Cannot use the address "a␊b": not a valid host',
    "Write HOST or HOST:PORT, such as 192.0.2.7:2428",
  );
});

Deno.test("parseCommand: refuses an unknown verb, and suggests the nearest one", () => {
  const nearest = {
    ...{ sevre: "serve", jion: "join", sned: "send", id: "identity" },
    ...{ connect: "join", open: "serve", Join: "join", se: "serve or chat send" },
  };
  for (const [typed, verb] of Object.entries(nearest)) {
    assertRefused(
      [typed],
      `Unknown command "${typed}"`,
      `Did you mean: chat ${verb}? See: chat --help`,
    );
  }
  assertRefused(["nothing"], 'Unknown command "nothing"', "See: chat --help");
  assertRefused(
    ["192.0.2.7:2429"],
    'Unknown command "192.0.2.7:2429"',
    "Write: chat join 192.0.2.7:2429",
  );
  assertRefused(["-v"], 'Unknown command "-v"', "Did you mean: chat --version? See: chat --help");
  const first = "The command comes first. See: chat --help";
  assertRefused(["--json", "join"], 'Unknown command "--json"', first);
  assertThrows(() => parse(["constructor"]), UsageError, 'Unknown command "constructor"');
  assertThrows(() => parse(["help", "constructor"]), UsageError, 'Unknown command "constructor"');
});

Deno.test("parseCommand: without a verb it suggests what to try", () => {
  assertRefused(
    [],
    "Say what to do: chat serve, chat join or chat send",
    "Open a room with: chat serve --join; or see: chat --help",
  );
});

Deno.test("parseCommand: refuses a word too many", () => {
  const serve = "chat serve takes --host HOST and --port PORT";
  assertRefused(words("serve 2429"), `Cannot use "2429": ${serve}`, undefined);
  assertRefused(words("serve -- 2429"), `Cannot use "2429": ${serve}`, undefined);
  assertRefused(
    words("join a b"),
    'Cannot use "b": chat join takes one room or address',
    undefined,
  );
  const port = 'Cannot use "2429": chat join takes one room or address';
  assertRefused(words("join localhost 2429"), port, "Write: chat join localhost:2429");
  assertRefused(words("join a@b 2429"), port, undefined);
  assertRefused(
    words("join a -- b"),
    'Cannot use "b": chat join takes one room or address',
    undefined,
  );
  assertRefused(words("help join send"), 'Cannot use "send": help takes one command', undefined);
  assertRefused(
    words("--version --json"),
    'Cannot use "--json": --version takes no arguments',
    undefined,
  );
});

Deno.test("parseCommand: serve accepts screen options only with --join", () => {
  const flags = {
    name: "--name=bob",
    json: "--json",
    plain: "--plain",
    stay: "--stay",
    retry: "--retry=0",
    theme: "--theme=dark",
    time: "--time=long",
    notify: "--notify=all",
    quiet: "--quiet",
    "no-title": "--no-title",
    config: "--config=c",
    "no-config": "--no-config",
  };
  for (const [name, flag] of Object.entries(flags)) {
    assertRefused(
      ["serve", flag],
      `Cannot use --${name} without --join`,
      "To open and join a room: chat serve --join",
    );
  }
});

Deno.test("parseCommand: the port of serve is 0 to 65535, its key 0 to 255, its cipher sealed or xor", () => {
  for (const port of [0, 1, 65535]) {
    assertEquals(parse(["serve", `--port=${port}`]), { ...SERVE, port });
  }
  for (const port of ["-1", "65536", "1.5", "0x50", "1e3", " 80", "1234567", "٣"]) {
    assertRefused(
      ["serve", `--port=${port}`],
      `Cannot use the port "${port}": it must be a whole number from 0 to 65535`,
      undefined,
    );
  }
  for (const publicKey of [0, 255]) {
    assertEquals(parse(["serve", "--cipher=xor", `--key=${publicKey}`]), {
      ...XOR,
      cipher: { name: "xor", publicKey, classic: false },
    });
  }
  for (const key of ["-1", "256", "a", "000000255"]) {
    assertRefused(
      ["serve", "--cipher=xor", `--key=${key}`],
      `Cannot use the key "${key}": it must be a whole number from 0 to 255`,
      undefined,
    );
  }
  for (const verb of ["serve", "join", "send"]) {
    for (const cipher of ["rot13", "XOR", "sealed ", "toString"]) {
      assertRefused(
        [verb, "--cipher", cipher],
        `Unknown cipher "${cipher}"; use sealed or xor`,
        undefined,
      );
    }
  }
});

Deno.test("parseCommand: a key needs xor, a code needs sealed, and a code has one source", () => {
  const refused = (line: string, option: string, cipher: string, other: string) =>
    assertRefused(
      words(line),
      `Cannot use --${option} with the cipher ${cipher}`,
      `It needs --cipher ${other}`,
    );
  refused("serve --key 198", "key", "sealed", "xor");
  refused("serve --cipher sealed --key 198", "key", "sealed", "xor");
  // The cipher is checked before the value.
  refused("serve --key 256", "key", "sealed", "xor");
  refused("serve --cipher xor --code-file f", "code-file", "xor", "sealed");
  refused("serve --cipher xor --ask-code", "ask-code", "xor", "sealed");
  refused("serve --cipher xor --state room --new-code", "new-code", "xor", "sealed");
  assertRefused(
    words("serve --ask-code --code-file f"),
    "Cannot use both --code-file and --ask-code: choose one",
    undefined,
  );
  for (const verb of ["join", "send"]) {
    assertRefused(
      words(`${verb} --cipher xor --code-file f`),
      "Cannot use --code-file with the cipher xor: xor rooms have no code",
      undefined,
    );
  }
});

Deno.test("parseCommand: --retry is a whole number of seconds up to 1000000, or forever", () => {
  const taken: Record<string, number> = {
    "0": 0,
    "1": 1000,
    "007": 7000,
    "1000000": 1_000_000_000,
    "forever": Infinity,
  };
  for (const [text, retry] of Object.entries(taken)) {
    assertEquals(parse(["join", "--retry", text]), { ...JOIN, screen: { ...SCREEN, retry } });
    assertEquals(parse(["send", "--retry", text]), { ...SEND, retry });
  }
  for (const text of ["-1", "1000001", "1.5", "1e3", "60s", "Forever", "Infinity", "00000001"]) {
    for (const verb of ["join", "send"]) {
      assertRefused(
        [verb, `--retry=${text}`],
        `Cannot use the retry time "${text}": it must be a whole number from 0 to 1000000`,
        "Write seconds, or: --retry forever",
      );
    }
  }
});

// ---- the screen ----

Deno.test("parseCommand: --theme, --time and --notify take one of their words, also from the environment", () => {
  const all = { theme: THEMES, time: TIMES, notify: NOTIFY };
  for (const [option, taken] of Object.entries(all)) {
    const variable = `CHAT_${option.toUpperCase()}`;
    const there = taken.length === 4
      ? "auto, dark, light or mono"
      : `${taken[0]}, ${taken[1]} or off`;
    for (const word of taken) {
      const view = { [option]: word };
      assertEquals(parse(["join", `--${option}`, word]), { ...JOIN, screen: { ...SCREEN, view } });
      assertEquals(parse(["join"], { ...ADA, [variable]: word }), {
        ...JOIN,
        screen: { ...SCREEN, view: option === "notify" ? { envNotify: word as Notify } : view },
      });
      // The option beats the variable, even an invalid one.
      assertEquals(parse(["join", `--${option}=${word}`], { ...ADA, [variable]: "?" }), {
        ...JOIN,
        screen: { ...SCREEN, view },
      });
      assertRefused(
        ["join", `--${option}`, `${word}x\x1b`],
        `Unknown ${option} "${word}x␛"; use ${there}`,
        `Did you mean: --${option} ${word}?`,
      );
      assertRefused(
        ["join"],
        `Unknown ${option} "${word}x"; use ${there}`,
        `It comes from ${variable}`,
        { ...ADA, [variable]: `${word}x` },
      );
    }
    // An empty variable counts as unset.
    assertEquals(parse(["join"], { ...ADA, [variable]: "" }), JOIN);
    assertThrows(() => parse(["join", `--${option}=toString`]), UsageError, "; use ");
  }
});

Deno.test("parseCommand: NO_COLOR sets the theme to mono, unless it is empty", () => {
  const environment = { ...ADA, NO_COLOR: "1", CHAT_THEME: "dark" };
  const mono: Command = { ...JOIN, screen: { ...SCREEN, view: { theme: "mono" } } };
  assertEquals(parse(["join"], environment), mono);
  assertEquals(parse(["join", "--theme=light"], environment), mono);
  assertEquals(parse(["join"], { ...ADA, NO_COLOR: "" }), JOIN);
});

Deno.test("parseCommand: --format is a template for plain lines, and wants them even in a terminal", () => {
  const format = ["<", { field: "name" }, "> ", { field: "text" }] as const;
  const screen = { ...SCREEN, plain: true, format };
  assertEquals(parse(["join", "--format", "<{name}> {text}"]), { ...JOIN, screen });
  assertEquals(parse(["join", "--plain", "--format=<{name}> {text}"]), { ...JOIN, screen });
  const join = screen;
  assertEquals(parse(["serve", "--join", "--format=<{name}> {text}"]), { ...SERVE, join });
  assertRefused(
    ["join", "--format", "{nick}: {text}"],
    'Cannot use --format "{nick}: {text}": there is no field {nick}',
    "The fields are {date} {time} {name} {text} {kind}",
  );
  for (const args of [["--json", "--format={text}"], ["--format={text}", "--json"]]) {
    assertRefused(
      ["join", ...args],
      "Cannot use both --json and --format: choose one",
      undefined,
    );
  }
  assertRefused(
    ["join", "--theme=dark", "--format={text}"],
    "Cannot use --theme with --format: it is only for the screen of a terminal",
    undefined,
  );
});

Deno.test("parseCommand: refuses --json together with --plain", () => {
  for (const verb of ["join", "serve --join"]) {
    for (const both of ["--json --plain", "--plain --json"]) {
      assertRefused(
        words(`${verb} ${both}`),
        "Cannot use both --json and --plain: choose one",
        undefined,
      );
    }
  }
  // A dumb terminal is no choice of the user's.
  assertEquals(
    (parse(["join", "--json"], { ...ADA, TERM: "dumb" }) as typeof JOIN).screen.json,
    true,
  );
});

Deno.test("parseCommand: refuses options of a terminal screen with --json and --plain", () => {
  for (const option of ["--theme=dark", "--time=off", "--notify=all", "--quiet", "--no-title"]) {
    const [name] = option.split("=");
    for (const lines of ["--json", "--plain"]) {
      for (const verb of [["join"], ["serve", "--join"]]) {
        assertRefused(
          [...verb, option, lines],
          `Cannot use ${name} with ${lines}: it is only for the screen of a terminal`,
          undefined,
        );
      }
    }
    // An alias with a theme, or a theme in the environment, still works on a dumb terminal.
    assertEquals(
      (parse(["join", option], { ...ADA, TERM: "dumb" }) as typeof JOIN).screen.plain,
      true,
    );
  }
  assertEquals(parse(["join", "--json"], { ...ADA, CHAT_THEME: "dark" }), {
    ...JOIN,
    screen: { ...SCREEN, json: true, view: { theme: "dark" } },
  });
});

Deno.test("parseCommand: refuses --config with --no-config", () => {
  for (const verb of ["join", "send"]) {
    assertRefused(
      words(`${verb} --no-config --config f`),
      "Cannot use both --config and --no-config: choose one",
      undefined,
    );
  }
});

// ---- crack ----

Deno.test("parseCommand: crack reads one file or stdin, and lists up to 256 keys", () => {
  const command: Command = { verb: "crack", file: undefined, top: undefined };
  assertEquals(parse(["crack"]), command);
  assertEquals(parse(["crack", "-"]), command);
  assertEquals(parse(["crack", "a b.bin"]), { ...command, file: "a b.bin" });
  assertEquals(parse(["crack", "--", "--top"]), { ...command, file: "--top" });
  for (const top of [1, 256]) {
    assertEquals(parse(["crack", "--top", `${top}`, "-"]), { ...command, top });
  }
  for (const top of ["0", "257", "-1", "x"]) {
    assertThrows(() => parse(["crack", `--top=${top}`]), UsageError, "from 1 to 256");
  }
  assertThrows(
    () => parse(["crack", "a", "b"]),
    UsageError,
    'Cannot use "b": chat crack reads one',
  );
  assertThrows(() => parse(["crack", ""]), UsageError, "an empty name");
  assertThrows(() => parse(["crack", "--json"]), UsageError, 'Unknown option "--json"');
});

// ---- completions ----

Deno.test("parseCommand: completions takes one of three shells", () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    assertEquals(parse(["completions", shell]), { verb: "completions", shell });
    assertEquals(parse(["completions", "--", shell]), { verb: "completions", shell });
  }
  const there = "bash, zsh or fish";
  assertRefused(
    ["completions"],
    `Name a shell: ${there}`,
    "Write: chat completions bash",
  );
  assertRefused(
    ["completions", "bsh\n"],
    `Unknown shell "bsh␊"; use ${there}`,
    "Did you mean: chat completions bash or zsh?",
  );
  assertThrows(() => parse(["completions", "toString"]), UsageError, there);
  assertRefused(
    ["completions", "bash", "zsh"],
    'Cannot use "zsh": chat completions takes one shell',
    undefined,
  );
  assertThrows(
    () => parse(["completions", "bash", "--json"]),
    UsageError,
    'Unknown option "--json"',
  );
});

// ---- the table ----

Deno.test("VERBS: the parser accepts the words of a value, and with the kind `word` no others", () => {
  for (const [verb, { options }] of Object.entries(VERBS)) {
    for (const [option, { value }] of Object.entries(options)) {
      const join = verb === "serve" && option !== "log" ? ["--join", "--state=room"] : [];
      for (const word of value?.words ?? []) parse([verb, ...join, `--${option}`, word]);
      if (value?.kind !== "word") continue;
      assert(value.words, option);
      assertThrows(() => parse([verb, ...join, `--${option}`, "other"]), UsageError, "; use ");
    }
  }
});

Deno.test("VARIABLES: describes every variable that the program may read, except the system's own", () => {
  const [, allowed] = /--allow-env=([\w,]+)/.exec(config.tasks.chat.command)!;
  const own = allowed!.split(",").filter((name) => /^CHAT_|^TERM$|^NO_COLOR$/.test(name));
  assertEquals(Object.keys(VARIABLES).sort(), own.sort());
});

// ---- addresses ----

Deno.test("parseCommand: an address is a host, a port, or both; IPv6 with a port needs brackets", () => {
  const cases: Record<string, [string, number]> = {
    "chat.example": ["chat.example", 2428],
    "bücher.example:1": ["bücher.example", 1],
    "192.0.2.7": ["192.0.2.7", 2428],
    "192.0.2.7:65535": ["192.0.2.7", 65535],
    ":2429": ["127.0.0.1", 2429],
    "::1": ["::1", 2428],
    "::": ["::", 2428],
    "2001:db8::7:2429": ["2001:db8::7:2429", 2428],
    "::ffff:192.0.2.7": ["::ffff:192.0.2.7", 2428],
    "fe80::1%eth0": ["fe80::1%eth0", 2428],
    "[::1]": ["::1", 2428],
    "[::1]:2429": ["::1", 2429],
    "[FE80::1%eth0]:2429": ["FE80::1%eth0", 2429],
  };
  for (const [address, [hostname, port]] of Object.entries(cases)) {
    assertEquals(parse(["join", address]), { ...JOIN, ...at(hostname, port) }, address);
  }
});

Deno.test("parseCommand: a word without dots and colons may be the name of a remembered room, too", () => {
  for (const name of ["work", "localhost", "büro", "_1-a", "a".repeat(32)]) {
    assertEquals(parse(["join", name]), { ...JOIN, ...at(name, 2428, name) });
    assertEquals(parse(["send", "--room", name, "hi"]), {
      ...SEND,
      target: { ...TARGET, room: name },
      text: "hi",
    });
  }
  for (const host of ["work:2428", "work.example", "a".repeat(33)]) {
    const command = parse(["join", host]);
    assert(command.verb === "join" && !("room" in command.target), host);
  }
  assertEquals(parse(["join", "bu\u0308ro"]), parse(["join", "büro"], ADA), "NFC");
  for (const name of ["work:2428", "work.example", "-a", "a b", "a".repeat(33)]) {
    assertRefused(
      ["send", `--room=${name}`, "hi"],
      `Cannot use --room "${name}": a room's name has letters, digits, "_" and "-", and at most 32 characters`,
      "To see the rooms that you have remembered: chat rooms",
    );
  }
  assertRefused(
    words("send --room work localhost hi"),
    "Cannot use both --room and an address: choose one",
    undefined,
  );
});

Deno.test("parseCommand: CHAT_ROOM is the room or address if the command line names none", () => {
  const environment = { ...ADA, CHAT_ROOM: "work" };
  const work = at("work", 2428, "work");
  assertEquals(parse(["join"], environment), { ...JOIN, ...work });
  assertEquals(parse(words("send it is done"), environment), {
    ...SEND,
    ...work,
    text: "it is done",
  });
  assertEquals(parse(words("join 192.0.2.7"), environment), { ...JOIN, ...at("192.0.2.7") });
  assertEquals(parse(words("send --room home hi"), environment), {
    ...SEND,
    target: { ...TARGET, room: "home" },
    text: "hi",
  });
  assertEquals(parse(["join"], { ...ADA, CHAT_ROOM: ":2429" }), {
    ...JOIN,
    ...at("127.0.0.1", 2429),
  });
  assertEquals(parse(["join"], { ...ADA, CHAT_ROOM: "" }), JOIN);
  assertRefused(
    ["join"],
    'Cannot use the address "a b": not a valid host',
    "It comes from CHAT_ROOM",
    { ...ADA, CHAT_ROOM: "a b" },
  );
  // A classic server has an address, always.
  assertThrows(
    () => parse(words("join --classic"), environment),
    UsageError,
    "without the address",
  );
});

Deno.test("parseCommand: refuses an address with an invalid port", () => {
  for (const port of ["", "0", "65536", "http", "-1", "80/"]) {
    for (const host of ["", "a", "[::1]"]) {
      assertRefused(
        ["join", `${host}:${port}`],
        `Cannot use the port "${port}": it must be a whole number from 1 to 65535`,
        "Write HOST or HOST:PORT, such as 192.0.2.7:2428",
      );
    }
  }
});

Deno.test("parseCommand: refuses an address with an invalid host", () => {
  const long = "a".repeat(253);
  assertEquals(parse(["join", long]), { ...JOIN, ...at(long) });
  const bad = ["", "a b", "-", "-- ", ".a", "a/b", "user@", "a:1:2", "::1::2", "12345::", "[]"];
  // Brackets enclose one complete IPv6 address; a zone has a name.
  bad.push("[a]", "[::1", "::1]", "[::1]a", "[[::1]]", "[::1]/[", "fe80::1%", `${long}a`);
  for (const host of bad) {
    // After --, so that a hyphen starts no option.
    assertRefused(
      ["join", "--", host],
      `Cannot use the address "${host}": not a valid host`,
      "Write HOST or HOST:PORT, such as 192.0.2.7:2428",
    );
  }
  assertRefused(
    ["join", "ada@chat.example.org:2429"],
    'Cannot use the address "ada@chat.example.org": not a valid host',
    "Write: chat join chat.example.org:2429 --name ada",
  );
  assertRefused(
    ["join", "http://a:80"],
    'Cannot use the address "http://a:80": not a valid host',
    "Write HOST or HOST:PORT, such as 192.0.2.7:2428",
  );
});

Deno.test("parseCommand: a room may have several addresses", () => {
  const first = { hostname: "192.0.2.7", port: 2428 };
  const others = [{ hostname: "::1", port: 2429 }, { hostname: "chat.example.org", port: 2428 }];
  const list = "192.0.2.7,[::1]:2429,chat.example.org";
  const command = parse(["join", list]);
  assert(command.verb === "join");
  assertEquals(command.target.address, { ...first, others });
  const given = parseCommand(["send", "hi"], (name) => name === "CHAT_ROOM" ? list : undefined);
  assert(given.verb === "send");
  assertEquals(given.target.address, { ...first, others });
  const sent = parse(["send", list, "hi"]);
  assert(sent.verb === "send");
  assertEquals([sent.target.address, sent.text], [{ ...first, others }, "hi"]);
  // A sentence is no list of addresses.
  const text = parse(["send", "Yes,it.is"]);
  assert(text.verb === "send");
  assertEquals([text.target.address, text.text], [undefined, "Yes,it.is"]);
  assertRefused(
    ["join", Array.from({ length: 9 }, (_, n) => `h:${n + 1}`).join(",")],
    "Cannot use 9 addresses: a room has at most 8",
    undefined,
  );
  for (const empty of ["a,", ",a", "a,,b"]) {
    assertRefused(["join", empty], 'Cannot use the address "": not a valid host', ADDRESS_HINT);
  }
  assertRefused(
    words("join --classic a:1,b:2"),
    "Cannot use --classic with several addresses: give one",
    undefined,
  );
});

Deno.test("parseCommand: serve advertises further addresses of a sealed room", () => {
  const serve = (line: string) => parse(words(`serve ${line}`));
  assertEquals(serve("--advertise chat.example.org --advertise 192.0.2.7:1,[::1]:2"), {
    ...SERVE,
    advertise: ["chat.example.org:2428", "192.0.2.7:1", "[::1]:2"],
  });
  const refused = (line: string, message: string) => {
    const error = assertThrows(() => serve(line), UsageError);
    assertEquals(error.message, message);
  };
  refused(
    "--cipher xor --advertise a",
    "Cannot use --advertise with the cipher xor: no server could prove to be this room",
  );
  refused(
    `--advertise ${"a,".repeat(8)}a`,
    "Cannot use 9 addresses: advertise at most 8",
  );
  for (const local of ["fe80::1%eth0", "büro"]) {
    refused(
      `--advertise ${local}`,
      `Cannot use --advertise "${local}": only ASCII, and no network interface`,
    );
  }
  refused("--advertise a/b", 'Cannot use the address "a/b": not a valid host');
});

Deno.test("parseCommand: serve listens on a host, not on an address with a port", () => {
  for (const hostname of ["0.0.0.0", "::", "chat.example", "fe80::1%eth0"]) {
    assertEquals(parse(["serve", "--host", hostname]), { ...SERVE, hostname });
  }
  for (const host of ["0.0.0.0:2429", "[::]", "[::]:2429", ":2429"]) {
    assertRefused(
      ["serve", "--host", host],
      `Cannot use the address "${host}": not a valid host`,
      "Write --host HOST, such as 0.0.0.0; for the port: --port PORT",
    );
  }
});

// ---- text ----

Deno.test("parseCommand: send takes its first word as the address if it looks like one", () => {
  const addresses = ["localhost", "chat.example", "192.0.2.7", ":2429", "a:1", "bücher.example"];
  for (const address of [...addresses, "::1", "[::1]", "[::1]:2429", "fe80::1%eth0"]) {
    const there = parse(["join", address]);
    assert(there.verb === "join");
    const { target } = there;
    assert(target.address, address);
    const to = { ...SEND, target };
    assertEquals(parse(["send", address]), to, address);
    assertEquals(parse(["send", address, "hi"]), { ...to, text: "hi" }, address);
    assertEquals(parse(["send", address, "--", "--hi"]), { ...to, text: "--hi" }, address);
    // Any other word, and all words after --, are text.
    assertEquals(parse(["send", "hi", address]), { ...SEND, text: `hi ${address}` });
    assertEquals(parse(["send", "--", address]), { ...SEND, text: address });
  }
});

Deno.test("parseCommand: send takes any other first word as text", () => {
  const texts = ["hello", "Hello.", "so...", "note:", "Hi,all.", ":)", ":-)", "...", "a/b.c", "-"];
  for (const text of texts) assertEquals(parse(["send", text]), { ...SEND, text }, text);
  for (const text of ["what? e.g. this", "see http://a.example"]) {
    assertEquals(parse(["send", ...words(text)]), { ...SEND, text }, text);
    assertEquals(parse(["send", text]), { ...SEND, text }, text);
  }
});

Deno.test("parseCommand: send explains how to send as text what looks like an invalid address", () => {
  assertRefused(
    ["send", ":D", "hi"],
    'Cannot use the port "D": it must be a whole number from 1 to 65535',
    "To send it as text: chat send -- TEXT",
  );
  assertRefused(
    ["send", "1:2:3"],
    'Cannot use the address "1:2:3": not a valid host',
    "To send it as text: chat send -- TEXT",
  );
});

Deno.test("parseCommand: send takes everything after the first -- as text, options and -- included", () => {
  assertEquals(parse(words("send -- --name bob -- -5")), { ...SEND, text: "--name bob -- -5" });
  assertEquals(parse(words("send it is -- -5")), { ...SEND, text: "it is -5" });
  assertRefused(
    words("send it is -5"),
    'Unknown option "-5" for chat send',
    'Text that starts with "-" goes after --',
  );
});

Deno.test("parseCommand: send refuses an empty text, and reads stdin only without one", () => {
  assertRefused(["send", ""], "Cannot send an empty message", undefined);
  assertRefused(["send", " ", ""], "Cannot send an empty message", undefined);
  assertRefused(["send", "a.b", ""], "Cannot send an empty message", undefined);
  assertEquals(parse(words("send --")), SEND);
});

// ---- names ----

Deno.test("parseCommand: the name comes from --name, CHAT_NAME or the user name, in this order", () => {
  const name = (args: string[], environment: Environment) => {
    const command = parse(args, environment);
    assert(command.verb === "join" || command.verb === "send");
    return chosenName(command.verb === "join" ? command.screen : command.speaker, {});
  };
  for (const verb of ["join", "send"]) {
    const all = { CHAT_NAME: "eve", USER: "ada", LOGNAME: "ben", USERNAME: "cyd" };
    assertEquals(name([verb, "--name", "bob"], all), "bob");
    assertEquals(name([verb], all), "eve");
    assertEquals(name([verb], { USER: "ada", LOGNAME: "ben", USERNAME: "cyd" }), "ada");
    assertEquals(name([verb], { LOGNAME: "ben", USERNAME: "cyd" }), "ben");
    assertEquals(name([verb], { USERNAME: "cyd" }), "cyd");
    // The system's user name is made to fit.
    assertEquals(name([verb], { USERNAME: "Ada Lovelace" }), "Ada-Lovelace");
    assertEquals(name([verb], { USER: "\x1b" }), "guest");
    assertEquals(name([verb], {}), "guest");
    // Every source may give another normal form.
    for (const args of [[verb, "--name", "Jose\u0301"], [verb]]) {
      for (const variable of ["CHAT_NAME", "USER"]) {
        assertEquals(name(args, { [variable]: "Jose\u0301" }), "Jos\u00e9");
      }
    }
  }
});

Deno.test("parseCommand: refuses an invalid name, and says where it came from", () => {
  const faults: Record<string, string> = {
    "": "must not be empty",
    "a b": "must not contain spaces",
    "a:b": 'must not contain ":"',
    "a\x1b[2J": "must not contain control characters: it has ␛",
    "/quit": 'must not start with "/"',
    ["a".repeat(MAX_NAME_COLUMNS + 1)]: `must be at most ${MAX_NAME_COLUMNS} columns wide: it is ${
      MAX_NAME_COLUMNS + 1
    }`,
    // Combining marks take bytes, but no columns.
    [`b${"\u0301".repeat(MAX_NAME_BYTES / 2)}`]:
      `must have at most ${MAX_NAME_BYTES} bytes: it has ${MAX_NAME_BYTES + 1}`,
  };
  for (const [name, fault] of Object.entries(faults)) {
    const shown = name.replace("\x1b", "␛");
    const message = `Cannot use the name "${shown}": a name ${fault}`;
    for (const verb of ["join", "send"]) {
      assertRefused([verb, "--name", name], message, "Choose another: --name NAME");
      assertRefused([verb, `--name=${name}`], message, "Choose another: --name NAME");
      const environment = { ...ADA, CHAT_NAME: name };
      assertRefused([verb], message, "It comes from CHAT_NAME", environment);
    }
  }
  const longest = "a".repeat(MAX_NAME_COLUMNS);
  assertEquals(parse(["send", "--name", longest]), {
    ...SEND,
    speaker: { ...SPEAKER, name: longest },
  });
});

Deno.test("parseCommand: TERM=dumb selects plain lines", () => {
  assertEquals(parse(["join"], { ...ADA, TERM: "dumb" }), {
    ...JOIN,
    screen: { ...SCREEN, plain: true },
  });
  assertEquals(parse(["join"], { ...ADA, TERM: "xterm" }), JOIN);
});

// ---- help ----

Deno.test("parseCommand: --help, -h and help give the help of the program or of a verb", () => {
  for (const first of ["--help", "-h", "help"]) assertEquals(help([first]), usage());
  for (const verb of Object.keys(VERBS)) {
    const text = help([verb, "--help"]);
    assert(text.startsWith(`chat ${verb} `), text);
    for (const line of [`${verb} -h`, `help ${verb}`, `--help ${verb}`, `${verb} a -h`]) {
      assertEquals(help(words(line)), text, line);
    }
  }
});

Deno.test("parseCommand: --help wins over invalid values, but not over invalid options", () => {
  assertEquals(help(words("join a b --help")), help(["help", "join"]));
  assertThrows(() => parse(words("join --nope --help")), UsageError);
});

Deno.test("parseCommand: --version and -V give the version", () => {
  assertEquals(parse(["--version"]), { verb: "version" });
  assertEquals(parse(["-V"]), { verb: "version" });
});

Deno.test("usage: each text fits 80 columns, and ends in an example that works", () => {
  for (const line of ["--help", ...Object.keys(VERBS).map((verb) => `${verb} --help`)]) {
    const text = help(words(line));
    assert(text.endsWith("\n") && !text.endsWith("\n\n"));
    for (const row of text.split("\n")) {
      assertLessOrEqual(width(row), 80, row);
      assertEquals(row, row.trimEnd());
    }
    const [, examples] = text.split(/^Example.*:\n/m);
    assert(examples !== undefined, `${line} has no example`);
    for (const row of examples.trimEnd().split("\n")) {
      // The command before a pipe is not chat.
      const example = /^ {2}(?:.* \| )?chat (.*)$/.exec(row);
      assert(example, row);
      parse(words(example[1]!));
    }
  }
});

Deno.test("usage: a help lists exactly the options that its verb accepts", () => {
  const options = {
    serve: [
      ...["host", "port", "advertise", "trust-proxy", "cipher", "code-file", "ask-code"],
      ...["state", "keep", "keep-for", "new-log", "new-code", "moderator", "read-only", "key"],
      ...["classic", "join"],
      ...["name", "config", "no-config", "theme", "time", "notify", "quiet", "no-title"],
      ...[
        "json",
        "plain",
        "format",
        "stay",
        "retry",
        "downloads",
        "accept",
        "ask-above",
        "file-rate",
        "log",
        "status",
        "admin",
        "help",
      ],
      ...["max-members", "max-per-address", "max-admissions", "max-pending"],
      ...["handshake", "idle", "grace"],
      ...["log-size", "backlog", "rate", "byte-rate"],
    ],
    join: [
      ...["name", "config", "no-config", "theme", "time", "notify", "quiet", "no-title"],
      ...[
        "json",
        "plain",
        "format",
        "stay",
        "retry",
        "downloads",
        "accept",
        "ask-above",
        "file-rate",
        "code-file",
        "cipher",
        "classic",
        "help",
      ],
    ],
    send: [
      "room",
      "name",
      "config",
      "no-config",
      "code-file",
      "cipher",
      "retry",
      "file",
      "to",
      "partial",
      "file-rate",
      "help",
    ],
    rooms: ["config", "no-config", "help"],
    admin: ["port", "socket", "reason", "json", "help"],
    crack: ["top", "help"],
    completions: ["help"],
  };
  const values: Environment = {
    HOST: "::",
    PORT: "1",
    CIPHER: "xor",
    FILE: "code.txt",
    KEY: "1",
    moderator: "A".repeat(43),
    advertise: "192.0.2.7:2428",
    NAME: "bob",
    FORMAT: "json",
    WHERE: "0",
    N: "7",
    SECONDS: "7",
    SIZE: "1M",
    RATE: "1M",
    THEME: "dark",
    TIME: "long",
    keep: "64M",
    "keep-for": "7d",
    grace: "7d",
    WHICH: "all",
    WHOSE: "known",
    DIR: "files",
    MEMBER: "bob",
    IP: "192.0.2.7",
    TEMPLATE: "{text}",
    TEXT: "spam",
  };
  for (const [verb, expected] of Object.entries(options)) {
    const rows = help(["help", verb]).matchAll(/^ {2}--([\w-]+)(?: ([A-Z]+))? +\S/gm);
    const listed: string[] = [];
    for (const [, option, value] of rows) {
      listed.push(option!);
      const given = value === undefined
        ? `--${option}`
        : `--${option}=${values[option!] ?? values[value]}`;
      const classic = verb === "serve" ? ["--cipher=xor"] : ["127.0.0.1"];
      const action = verb === "admin" ? ["lock"] : [];
      const company = {
        key: ["--cipher=xor"],
        partial: ["--file=a.txt"],
        keep: ["--state=room"],
        "keep-for": ["--state=room"],
        "new-log": ["--state=room"],
        "new-code": ["--state=room"],
        ...(verb === "send" && { "file-rate": ["--file=a.txt"] }),
        classic,
      }[option!] ?? [];
      // Screen options need --join; the log option excludes it.
      const join = verb === "serve" && option !== "log" ? ["--join"] : [];
      const shell = verb === "completions" ? ["bash"] : [];
      parse([verb, ...join, ...company, ...shell, ...action, given]);
    }
    assertEquals(listed, expected, verb);
    // An option of another verb is refused.
    for (const other of options.serve.filter((option) => !listed.includes(option))) {
      assertThrows(() => parse([verb, `--${other}`]), UsageError);
    }
  }
});

Deno.test("parseCommand: --classic needs xor, and only options that classic rooms support", () => {
  assertEquals(parse(words("serve --cipher xor --classic")), {
    ...XOR,
    cipher: { name: "xor", publicKey: undefined, classic: true },
  });
  for (const line of ["serve --classic", "serve --classic --cipher sealed"]) {
    assertRefused(
      words(line),
      "Cannot use --classic with the cipher sealed: classic clients cannot read sealed messages",
      "It needs --cipher xor",
    );
  }
  const there = { ...JOIN, ...at("192.0.2.7", 5000), classic: true };
  assertEquals(parse(words("join --classic 192.0.2.7:5000")), there);
  assertEquals(parse(words("join 192.0.2.7:5000 --classic --cipher xor --json")), {
    ...there,
    target: { ...there.target, cipher: "xor" },
    screen: { ...SCREEN, json: true },
  });
  assertRefused(
    words("join --classic"),
    "Cannot use --classic without the address of a classic server",
    "Write: chat join --classic HOST:PORT",
  );
  assertRefused(
    words("join --classic 192.0.2.7 --cipher sealed"),
    "Cannot use --cipher sealed with --classic: classic rooms use xor",
    undefined,
  );
  const inapplicable = {
    "--name bob": "classic rooms have no names",
    "--retry 5": "classic clients cannot reconnect",
    "--downloads d": "classic rooms have no files",
    "--accept all": "classic rooms have no files",
    "--ask-above 5M": "classic rooms have no files",
    "--file-rate 5M": "classic rooms have no files",
    "--code-file f": "classic rooms have no code",
  };
  for (const [option, why] of Object.entries(inapplicable)) {
    const [name] = option.split(" ");
    assertRefused(
      words(`join --classic 192.0.2.7 ${option}`),
      `Cannot use ${name} with --classic: ${why}`,
      undefined,
    );
  }
});

Deno.test("parseCommand: any words give a command or a UsageError", () => {
  const word = fc.oneof(
    fc.constantFrom("serve", "join", "send", "help", "--join", "--", "--name", "--port=1", "::1"),
    anyString(),
    fc.string().map((text) => `--${text}`),
    fc.string().map((text) => `-${text}`),
  );
  const verb = fc.constantFrom("serve", "join", "send", "crack", "completions");
  fc.assert(fc.property(verb, fc.array(word), (verb, rest) => {
    try {
      const command = parse([verb, ...rest]);
      assert(command.verb === verb || command.verb === "help");
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      // deno-lint-ignore no-control-regex
      assert(!/[\x00-\x1f\x7f-\x9f]/.test(error.message + (error.hint ?? "")), error.message);
      assertMatch(error.message, /^(?:Cannot|Unknown|Name|Say) /);
    }
  }));
});

Deno.test("parseCommand: --downloads, --accept and --ask-above for join, --file and --to for send", () => {
  const line = "join --downloads d --accept known --ask-above 5M";
  const command = parse(words(line)) as Command & { verb: "join" };
  assertEquals(command.screen.files, {
    downloads: "d",
    accept: "known",
    acceptLimit: 5 * 1024 * 1024,
    rate: undefined,
  });
  const one = { ...SEND, files: ["a.txt"] };
  assertEquals(parse(words("send --file a.txt --to bob")), { ...one, to: "bob" });
  assertEquals(parse(words("send --to bob hi")), { ...SEND, to: "bob", text: "hi" });
  assertEquals(parse(words("send --to bob")), { ...SEND, to: "bob" });
  assertEquals(parse(words("send --file a.txt --partial")), { ...one, partial: true });
  // In this order; a name may have a comma.
  const several = { ...SEND, files: ["b", "a,c", "b"] };
  assertEquals(parse(words("send --file b --file=a,c --file b")), several);
  assertRefused(
    words("send --file a b"),
    "Cannot send a file and a text at once: choose one",
    "To send several files, write --file before each of them",
  );
  const refused: Record<string, string> = {
    "join --accept some": 'Unknown value of --accept "some"; use ask, known, all or none',
    "send --file a.txt hi": "Cannot send a file and a text at once",
    "send --to= hi": "Cannot use --to without a value",
    "send --partial hi": "Cannot use --partial without --file",
    "send --file-rate 1M hi": "Cannot use --file-rate without --file",
    "join --ask-above many": 'Cannot use --ask-above "many"',
  };
  for (const [line, message] of Object.entries(refused)) {
    assertThrows(() => parse(words(line)), UsageError, message);
  }
});

Deno.test("parseCommand: --file-rate is a size per second, for join, serve --join and send --file", () => {
  for (
    const [text, rate] of [["16K", 16 * 1024], ["2m", 2 * 1024 ** 2], ["1024G", 2 ** 40], ["0", 0]]
  ) {
    const files = { ...SCREEN.files, rate: rate as number };
    const given = ["--file-rate", `${text}`];
    assertEquals(parse(["join", ...given]), { ...JOIN, screen: { ...SCREEN, files } });
    const join = { ...SCREEN, files };
    assertEquals(parse(["serve", "--join", ...given]), { ...SERVE, join });
    const sent = { ...SEND, files: ["a"], rate: rate as number };
    assertEquals(parse(["send", "--file=a", ...given]), sent);
  }
  for (const text of ["16383", "1025G", "fast", "1.5M", "-1"]) {
    for (const line of [["join"], ["send", "--file=a"]]) {
      assertRefused(
        [...line, `--file-rate=${text}`],
        `Cannot use --file-rate "${text}": it must be 0, or a size from 16K to 1024G`,
        "Write bytes, or a size such as: --file-rate 1M",
      );
    }
  }
});
