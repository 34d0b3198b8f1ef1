// Checks docs/operating.md against the program: each limit with its default, each event, each metric, and the command
// lines of the examples.

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ADMIN_ACTIONS } from "../../cli/admin_actions.ts";
import { parseCommand } from "../../cli/args.ts";
import { usage } from "../../cli/usage.ts";
import type { Command } from "../../cli/command.ts";
import { UsageError } from "../../errors.ts";
import { ERROR_CODES, MAX_FRAME, MAX_FRAME_BEFORE_ADMISSION, MAX_PROFILE } from "../../protocol.ts";
import { MAX_TOPIC } from "../../protocol/topic.ts";
import { RETURN_PLACES } from "../../server/admission_places.ts";
import { CREDIT_IN_ALL, NETWORK_CREDIT, RECEIVER_CREDIT } from "../../server/data_lanes.ts";
import { ENDINGS_IN_ALL, ENDINGS_PER_NETWORK } from "../../server/endings.ts";
import { formatJson, formatText, type ServerEvent } from "../../server/events.ts";
import { OWN_LOG_SIZE, OWN_LOGS_SIZE } from "../../server/fold.ts";
import {
  BYTE_BURST_SECONDS,
  DEFAULT_LIMITS,
  formatSize,
  FRAME_BURST_SECONDS,
  sizeOf,
} from "../../server/limits.ts";
import { TRIES_IN_ALL, TRIES_PER_ADDRESS } from "../../server/login_tries.ts";
import { METRICS } from "../../server/metrics.ts";
import { MEMORY, memoryBound, MORE_UNADMITTED } from "../support/memory_bound.ts";

const page = Deno.readTextFileSync(new URL("../../docs/operating.md", import.meta.url))
  .replaceAll("\r\n", "\n");

/** The rows of the table with this header. */
function table(...header: string[]): string[][] {
  const rows = page.split("\n").map((line) =>
    line.startsWith("| ") ? line.slice(1, -1).split("|").map((cell) => cell.trim()) : undefined
  );
  const start = rows.findIndex((row) => row?.join() === header.join());
  assertNotEquals(start, -1, `docs/operating.md has no table "${header}"`);
  // The line of hyphens follows the header.
  const body = rows.slice(start + 2);
  return body.slice(0, body.findIndex((row) => row === undefined)) as string[][];
}

/** The texts between backticks. */
function quoted(cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, text]) => text!);
}

/** The fenced blocks of one kind. */
function blocks(kind: string): string[] {
  return Array.from(
    page.matchAll(new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\`$`, "gms")),
    ([, t]) => t!,
  );
}

function parse(args: readonly string[]): Command {
  return parseCommand(args, (name) => name === "USER" ? "ada" : undefined);
}

function serveHelp(): string {
  const command = parse(["serve", "--help"]);
  assert(command.verb === "help");
  return usage(command.topic);
}

const size = (bytes: number) => formatSize(bytes).replace("K", " KiB").replace("M", " MiB");

const LIMITS = table(
  ...["option", "default", "limits", "reason for the default", "the client gets", "seen in"],
);

Deno.test("docs/operating.md: the limits are the options of chat serve, in its order and with its defaults", () => {
  const [, help] = serveHelp().split(/^Limits.*:\n/m);
  const options = Array.from(help!.matchAll(/^ {2}(--[a-z-]+) /gm), ([, option]) => option);
  assertEquals(LIMITS.map(([option]) => quoted(option!)[0]), options);
  for (const [option, value] of LIMITS) {
    const [name] = quoted(option!);
    assertEquals(parse(["serve", name!, value!]), parse(["serve"]), name);
    assert(value === "4M" || help!.includes(`(default ${value}`), `${name} ${value}`);
    // Another value changes the command: so this option exists and has this default.
    const other = value!.replace(/\d+/, (digits) => String(Number(digits) + 1));
    assertNotEquals(parse(["serve", name!, other]), parse(["serve"]), name);
  }
});

Deno.test("docs/operating.md: the limits name existing error codes and metrics, and the real bursts", () => {
  for (const [option, , what, , codes, seen] of LIMITS) {
    for (const code of quoted(codes!)) {
      assert((ERROR_CODES as readonly string[]).includes(code), code);
    }
    assert(quoted(seen!).length > 0, option);
    for (const name of quoted(seen!)) assert(name in METRICS, name);
    const [, times] = /(\d+) times as many at once/.exec(what!) ?? [];
    if (option === "`--rate`") assertEquals(times, String(FRAME_BURST_SECONDS));
    if (option === "`--byte-rate`") assertEquals(times, String(BYTE_BURST_SECONDS));
  }
});

Deno.test("docs/operating.md: the fixed limits have the values of the program", () => {
  const rows = table("limit", "value", "the client gets");
  assertEquals(rows.map(([, value]) => value!.split(/;| a minute/)[0]), [
    size(MAX_FRAME_BEFORE_ADMISSION),
    size(MAX_FRAME),
    size(MAX_PROFILE),
    `${MAX_TOPIC} bytes`,
    size(OWN_LOG_SIZE),
    size(OWN_LOGS_SIZE),
    [RECEIVER_CREDIT, NETWORK_CREDIT, CREDIT_IN_ALL].map((bytes) => bytes / 2 ** 20).join(", ")
      .replace(/, (\d+)$/, " and $1 MiB"),
    `${TRIES_PER_ADDRESS} and ${TRIES_IN_ALL}`,
    String(RETURN_PLACES),
    `${ENDINGS_PER_NETWORK} and ${ENDINGS_IN_ALL}`,
  ]);
  for (const code of rows.flatMap(([, , codes]) => quoted(codes!))) {
    assert((ERROR_CODES as readonly string[]).includes(code), code);
  }
});

Deno.test("docs/operating.md: the formula for the memory has the values that a test checks, and the unit's limit fits it", () => {
  const rows = table("part", "at most", "what it is");
  assertEquals(rows.map(([, value]) => value), [
    size(MEMORY.program),
    size(MEMORY.buffers),
    `${MEMORY.log} × \`--log-size\``,
    size(MEMORY.direct),
    size(MEMORY.data),
    size(MEMORY.unadmitted),
    size(MEMORY.member),
  ]);
  assert(rows[5]![0]!.endsWith(`, and ${MORE_UNADMITTED} more`));
  const bound = memoryBound(DEFAULT_LIMITS);
  const GiB = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const command = parse(["serve", "--state", "room"]);
  assert(command.verb === "serve");
  const kept = memoryBound(command.limits);
  assert(page.includes(`With the defaults that is ${GiB(bound)} (with \`--state\` ${GiB(kept)}),`));
  const small = memoryBound({ ...DEFAULT_LIMITS, maxMembers: 1_000 });
  assert(page.includes(`With \`--max-members 1000\` it is ${GiB(small)};`));
  const [, most] = /^MemoryMax=(\w+)$/m.exec(page)!;
  const unit = sizeOf(most!)!;
  // The unit uses --state.
  assert(kept <= unit && unit < 1.1 * kept, `${kept} and ${unit}`);
});

/** One example of each event, as the page shows it. The compiler checks that none is missing. */
const EVENTS: { readonly [E in ServerEvent["event"]]: Extract<ServerEvent, { event: E }> } = {
  listening: { event: "listening", address: "127.0.0.1:2428" },
  joined: { event: "joined", member: 3, peer: "192.0.2.7:51234", members: 4 },
  away: { event: "away", member: 3, members: 4 },
  evicted: { event: "evicted", member: 3, limit: "room" },
  resumed: { event: "resumed", member: 3, peer: "192.0.2.7:51234" },
  left: { event: "left", member: 3, reason: "lost", members: 3 },
  refused: {
    event: "refused",
    peer: "192.0.2.7:51234",
    code: "code",
    message: "the code is wrong",
  },
  slowed: { event: "slowed", member: 3 },
  warned: { event: "warned", member: 3 },
  flooded: { event: "flooded", member: 3 },
  "accept-error": { event: "accept-error", message: "too many files are open" },
  "internal-error": { event: "internal-error", message: "TypeError: …" },
  continued: { event: "continued", members: 4, entries: 9000 },
  "new-log": { event: "new-log", reason: "power" },
  governed: { event: "governed", action: "kick", by: 4, member: 7 },
  "disk-failed": { event: "disk-failed", message: "no space is left on the disk" },
  "disk-works": { event: "disk-works" },
  stopping: { event: "stopping", members: 4 },
  stopped: { event: "stopped" },
};

Deno.test("docs/operating.md: the table has each event with its fields and its line", () => {
  const rows = table("event", "fields", "line without `--log json`", "meaning")
    .map(([event, fields, line]) => [quoted(event!), quoted(fields!), quoted(line!)]);
  assertEquals(
    rows,
    Object.values(EVENTS).map((event) => {
      const { event: name, ...fields } = event;
      return [[name], Object.keys(fields), [formatText(event)]];
    }),
  );
});

Deno.test("docs/operating.md: the table explains each field of an event, with its type", () => {
  const kinds = new Map(
    table("field", "type", "meaning").map(([field, type]) => [quoted(field!)[0]!, type]),
  );
  const used = new Map<string, string>();
  for (const { event: _, ...fields } of Object.values(EVENTS)) {
    for (const [name, value] of Object.entries(fields)) used.set(name, typeof value);
  }
  assertEquals([...kinds].sort(), [...used].sort());
});

Deno.test("docs/operating.md: the examples of the log are lines as the program writes them", () => {
  const lines = blocks("json").flatMap((block) => block.trimEnd().split("\n"));
  assert(lines.length > 3);
  for (const line of lines) {
    const { time, ...event } = JSON.parse(line);
    assertEquals(formatJson(event, new Date(time)), line);
    assertEquals(Object.keys(event), Object.keys(EVENTS[event.event as ServerEvent["event"]]));
  }
});

Deno.test("docs/operating.md: the table has each metric, with the help text of the program", () => {
  assertEquals(
    table("metric", "kind", "label", "meaning"),
    Object.entries<{ type: string; help: string; label?: { name: string } }>(METRICS)
      .map(([name, { type, help, label }]) => [
        ...[`\`${name}\``, type, label ? `\`${label.name}\`` : "", help],
      ]),
  );
});

Deno.test("docs/operating.md: the program accepts the command lines of the examples", () => {
  const shell = blocks("").flatMap((block) => block.split("\n"))
    .filter((line) => line.startsWith("chat "));
  const unit = blocks("ini").flatMap((block) => block.split("\n"))
    .filter((line) => line.startsWith("ExecStart="));
  const container = blocks("dockerfile").flatMap((block) => block.split("\n"))
    .filter((line) => line.startsWith("ENTRYPOINT "))
    .map((line): string[] => JSON.parse(line.slice("ENTRYPOINT ".length)));
  const all = [
    ...shell.map((line) => line.split(" ")),
    ...unit.map((line) => line.slice("ExecStart=".length).split(" ")),
    ...container,
  ];
  assertEquals([shell.length, unit.length, container.length], [5, 1, 1]);
  for (const [program, ...args] of all) {
    assert(program!.endsWith("chat"), program);
    const command = parse(args);
    assert(command.verb === "serve" && command.hostname !== "127.0.0.1");
  }
});

Deno.test("docs/operating.md: the table has each action of chat admin, with its words", () => {
  const forms = table("action", "does").map(([action]) => quoted(action!)[0]);
  const expected = Object.entries(ADMIN_ACTIONS).map(([name, { form }]) =>
    `${name} ${form}`.trim()
  );
  assertEquals(forms, expected);
});

Deno.test("docs/operating.md: what is kept is in the table of the options, with defaults and ranges", () => {
  const rows = table("option", "default", "keeps");
  assertEquals(rows.map(([option]) => quoted(option!)[0]), [
    "--keep SIZE",
    "--keep-for TIME",
    "--new-log",
    "--new-code",
  ]);
  const kept = (...args: string[]) => {
    const command = parse(["serve", "--state", "room", ...args]);
    assert(command.verb === "serve" && command.state);
    return command.state;
  };
  const [keep, keepFor] = rows;
  assertEquals(kept("--keep", keep![1]!, "--keep-for", keepFor![1]!), kept());
  for (const [name, row] of [["--keep", keep!], ["--keep-for", keepFor!]] as const) {
    const [, min, max] = /from (\w+) to (\w+)/.exec(row[2]!)!;
    kept(name, min!);
    kept(name, max!);
    for (
      const beyond of [
        min!.replace(/\d+/, "0"),
        max!.replace(/\d+/, (digits) => `${+digits + 1}`),
      ]
    ) {
      assertThrows(() => kept(name, beyond), UsageError, `from ${min} to ${max}`);
    }
  }
});
