// Compares docs/json.md with the program: the tables list everything that the program writes and accepts, and
// nothing else.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  type EarlierMessage,
  type Person,
  type RoomEvent,
  type Transfer,
  TRUSTS,
} from "../../room.ts";
import { ChatError, REFUSALS } from "../../errors.ts";
import { ANSWERS } from "../../ui/json_lines.ts";
import { PlainScreen } from "../../ui/plain.ts";
import {
  EARLIER,
  EVENTS,
  FakeRoom,
  FINGERPRINT,
  ID,
  INFO,
  OFFER,
  OTHER_ID,
  SENT,
} from "../support/fake_room.ts";

type Json = Record<string, unknown>;

const page = Deno.readTextFileSync(new URL("../../docs/json.md", import.meta.url))
  .replaceAll("\r\n", "\n");

// ---- the page ----

/** The text under a heading, up to the next. */
function section(heading: string): string {
  const [, text] = page.split(`\n## ${heading}\n`);
  assert(text !== undefined, `docs/json.md has no "${heading}"`);
  return text.split("\n## ")[0]!;
}

/** The rows of the tables in `text` that have this header. */
function table(text: string, ...header: string[]): string[][] {
  const rows = text.split("\n").map((line) =>
    line.startsWith("| ") ? line.slice(1, -1).split("|").map((cell) => cell.trim()) : undefined
  );
  const start = rows.findIndex((row) => row?.join() === header.join());
  assertNotEquals(start, -1, `docs/json.md has no table "${header}"`);
  // A line of hyphens follows the header.
  const body = rows.slice(start + 2);
  const end = body.findIndex((row) => row === undefined);
  return body.slice(0, end) as string[][];
}

/** "`a` `b`?" as a: always, b: sometimes. */
function fieldsOf(cell: string): Map<string, "always" | "sometimes"> {
  const fields = cell.matchAll(/`(\w+)`(\??)/g);
  return new Map(Array.from(fields, ([, name, mark]) => [name!, mark ? "sometimes" : "always"]));
}

function unquote(cell: string): string {
  return cell.replaceAll("`", "");
}

interface Shapes {
  /** The fields of each type, besides `type` and `time`. */
  types: Map<string, Map<string, "always" | "sometimes">>;
  /** The types of each field, such as "string or number". */
  kinds: Map<string, string>;
}

function shapes(heading: string, explained: string): Shapes {
  const text = section(heading);
  return {
    types: new Map(
      table(text, "`type`", "fields", explained).map(([type, fields]) => [
        unquote(type!),
        fieldsOf(fields!),
      ]),
    ),
    kinds: new Map(
      table(text, "field", "type", "meaning").map(([field, kind]) => [unquote(field!), kind!]),
    ),
  };
}

/** The lines of the fenced examples in one direction. */
function examples(direction: "in" | "out"): string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`json ${direction}\n(.*?)^\`\`\`$`, "gms"));
  return Array.from(blocks, ([, block]) => block!.trimEnd().split("\n")).flat();
}

/** The words in backticks in the row of a field. */
function wordsOf(field: string): Map<string, "always" | "sometimes"> {
  const row = table(section("Output"), "field", "type", "meaning")
    .find(([name]) => name === `\`${field}\``);
  assert(row !== undefined, `no row explains ${field}`);
  return fieldsOf(row[2]!);
}

/** The codes of errors. */
const CODES = table(section("Output"), "`code`", "why the line was refused")
  .map(([code]) => unquote(code!));

const OUT = shapes("Output", "when");
/** The fields of the objects in arrays. */
const OBJECTS = new Map(
  ["members", "files", "entries", "bans"].map((field) => [field, wordsOf(field)]),
).set("transfers", OUT.types.get("transfer")!);
/** The fields whose values are words of a closed list. */
const WORDS = new Map([
  ["trust", table(section("Output"), "`trust`", "meaning").map(([word]) => unquote(word!))],
  ["what", table(section("Moderators"), "`what`", "meaning").map(([word]) => unquote(word!))],
  ...["state", "cipher"].map((field) => [field, [...wordsOf(field).keys()]] as const),
]);
const IN = shapes("Input", "what it does");
const REASONS = table(section("Output"), "`type`", "`reason`", "meaning")
  .map(([type, reason]) => `${unquote(type!)} ${unquote(reason!)}`);

// ---- the program ----

const NOW = new Date("2024-02-28T12:00:00Z");

/** The output for these events and lines of input. */
async function run(
  input: readonly string[],
  events: readonly RoomEvent[] = [],
  refusal?: ChatError,
): Promise<{ lines: string[]; calls: string[] }> {
  const room = new FakeRoom();
  room.refusal = refusal;
  const lines: string[] = [];
  const pieces = input.map((line) => new TextEncoder().encode(`${line}\n`));
  const screen = new PlainScreen(room, {
    read: (buffer) => {
      const piece = pieces.shift();
      if (piece) buffer.set(piece);
      return Promise.resolve(piece?.length ?? null);
    },
    writeOut: (bytes) => {
      lines.push(...new TextDecoder().decode(bytes).trimEnd().split("\n"));
      // `leave` waits until everything is confirmed.
      while (room.pending.length > 0) screen.event(room.confirm());
      return Promise.resolve(bytes.length);
    },
    note: (line) => {
      throw new Error(`stderr has: ${line}`);
    },
  }, { json: true, stay: true, now: () => NOW });
  for (const event of events) screen.event(event);
  await screen.run();
  await screen.flush();
  return { lines, calls: room.calls };
}

/** All that an object may have, also where an event most often has less. */
type Full<T> = T extends Date ? T
  : T extends readonly (infer One)[] ? readonly Full<One>[]
  : T extends object ? { readonly [Field in keyof T]-?: Full<NonNullable<T[Field]>> }
  : T;

const MEMBER: Full<Person> = {
  id: 2,
  name: "bob",
  self: false,
  away: true,
  since: SENT,
  classic: true,
  key: FINGERPRINT,
  verified: "2024-01-31",
  trust: "verified",
  status: "lunch",
  moderator: true,
  silenced: true,
};
/** This client has no trust in itself, though other members have all fields. */
const { trust: _, ...SELF } = MEMBER;
const PROVED = { sent: SENT, meanwhile: true, missing: 1 } as const;
const FILE: Full<Transfer> = {
  ...OFFER,
  who: MEMBER,
  sha256: "0123456789abcdef".repeat(4),
  stalled: "bob is away",
  path: "photo.jpg",
  reason: "other",
  message: "in words",
};

/** Each event with all the fields that it can have: a new field does not compile before it is here. */
const FULL: { [Type in RoomEvent["type"]]: Full<Extract<RoomEvent, { type: Type }>> } = {
  welcome: { type: "welcome", self: SELF as Full<Person>, room: { ...INFO, classic: true } },
  members: { type: "members", members: [MEMBER] },
  message: {
    ...{ type: "message", from: MEMBER, text: "hi", action: true, at: 1, ref: 1, ...PROVED },
    ...{ id: OTHER_ID, re: ID, quoted: EARLIER as Full<EarlierMessage> },
  },
  edited: {
    ...{ type: "edited", from: MEMBER, text: "hi", action: true, at: 1, ref: 1, ...PROVED },
    ...{ id: ID, quoted: EARLIER as Full<EarlierMessage> },
  },
  deleted: {
    ...{ type: "deleted", from: MEMBER, at: 1, ref: 1, ...PROVED },
    ...{ id: ID, quoted: EARLIER as Full<EarlierMessage> },
  },
  reacted: {
    ...{ type: "reacted", from: MEMBER, at: 1, ref: 1, ...PROVED },
    ...{ id: ID, emoji: "👍", removed: true, quoted: EARLIER as Full<EarlierMessage> },
  },
  direct: { type: "direct", from: MEMBER, text: "psst", action: true, ...PROVED },
  delivered: { type: "delivered", ref: 1, to: MEMBER, text: "psst" },
  undelivered: { type: "undelivered", ref: 1, to: MEMBER, text: "psst", reason: "gone" },
  joined: {
    type: "joined",
    who: MEMBER,
    at: 1,
    sent: SENT,
    meanwhile: true,
    replaces: MEMBER,
  },
  left: { type: "left", who: MEMBER, reason: "lost", at: 1, replaced: true },
  renamed: { type: "renamed", who: MEMBER, before: "rob", at: 1 },
  status: { type: "status", who: MEMBER, before: "lunch", at: 1 },
  topic: { type: "topic", who: MEMBER, text: "hi", at: 1, sent: SENT, meanwhile: true },
  notice: {
    ...{ type: "notice", action: "ban", by: MEMBER, who: MEMBER, key: FINGERPRINT, ban: 1 },
    ...{ until: SENT, reason: "in words", text: "hi", at: 1 },
  },
  bans: {
    type: "bans",
    bans: [{
      ...{ number: 1, who: MEMBER, member: 2, by: MEMBER, since: SENT, until: SENT },
      reason: "in words",
    }],
  },
  refused: { type: "refused", ref: 1, what: "message", text: "hi", reason: "silenced" },
  unreadable: { type: "unreadable", from: MEMBER, message: "it is too short", count: 1, fresh: 1 },
  forked: { type: "forked", who: MEMBER, since: SENT },
  agreed: { type: "agreed", who: MEMBER },
  keychanged: { type: "keychanged", who: MEMBER, like: "rob" },
  away: { type: "away", who: MEMBER, at: 1, replaced: true },
  back: { type: "back", who: MEMBER, at: 1 },
  clock: { type: "clock", ahead: 1 },
  warning: { type: "warning", code: "flood", message: "in words" },
  disconnected: { type: "disconnected", reason: "lost", message: "in words" },
  waiting: { type: "waiting", attempt: 1, until: SENT, message: "in words" },
  connected: {
    type: "connected",
    self: SELF as Full<Person>,
    resumed: false,
    missed: 1,
    unseen: 1,
    address: "192.0.2.7:2428",
  },
  caughtup: { type: "caughtup", messages: 1 },
  offer: {
    type: "offer",
    from: MEMBER,
    direct: true,
    files: [FILE],
    ...PROVED,
    free: 1,
    without: [MEMBER],
  },
  forgotten: { type: "forgotten", from: MEMBER },
  changes: { type: "changes", from: MEMBER, transfers: [FILE] },
  transfer: { type: "transfer", transfer: FILE },
  progress: { type: "progress", transfer: FILE },
  unsent: { type: "unsent", path: "nothing", message: "in words" },
  incomplete: {
    type: "incomplete",
    path: "photos",
    count: 1,
    entries: [{ file: "pipe", reason: "it is not a file" }],
  },
  ended: { type: "ended", ending: { reason: "refused", code: "slow", message: "in words" } },
};

/** What neither `EVENTS` nor `FULL` has. */
const MORE: readonly RoomEvent[] = [
  ...TRUSTS.map((trust) =>
    ({ type: "renamed", who: { ...MEMBER, trust }, before: "rob", at: 1 }) as const
  ),
  { type: "changes", from: MEMBER, transfers: [{ ...OFFER, who: undefined }] },
];

/** A value of each type. */
const VALUES: Record<string, unknown> = { string: "bob", number: 2, boolean: true };

/** A line of input with exactly the fields of the table. */
function inputOf(type: string, fields: Iterable<string>): Json {
  const pairs = [...fields].map((field) => {
    const [kind] = IN.kinds.get(field)!.split(" or ");
    return [field, VALUES[kind!]];
  });
  return { type, ...Object.fromEntries(pairs) };
}

/** Everything that the program can write. */
async function allOutput(): Promise<Json[]> {
  const events = await run([], [
    ...Object.values(EVENTS).flat(),
    ...Object.values(FULL),
    ...MORE,
  ]);
  // Lines that only input causes: sent, and error with and without a hint.
  const answers = await run([
    '{"type":"say","text":"hello"}',
    '{"type":"transfers"}',
    "no JSON",
    "[]",
  ]);
  const refused = await Promise.all(
    REFUSALS.map((refusal) => run(['{"type":"who"}'], [], new ChatError("No", { refusal }))),
  );
  const lines = [events, answers, ...refused].flatMap(({ lines }) => lines);
  return lines.map((line) => JSON.parse(line));
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value;
}

/** Why a value contradicts the page, or one in the objects of an array. */
function valueFault(name: string, value: unknown): string | undefined {
  if (!OUT.kinds.get(name)?.split(" or ").includes(kindOf(value))) {
    return `${name} is a ${kindOf(value)}`;
  }
  const words = WORDS.get(name);
  if (words && !words.includes(String(value))) return `${name} is never ${value}`;
  if (!Array.isArray(value)) return undefined;
  const shape = OBJECTS.get(name);
  for (const object of value) {
    const extra = Object.keys(object).find((field) => !shape?.has(field));
    if (extra !== undefined) return `${name} have no field ${extra}`;
    for (const [field, when] of shape!) {
      if (!(field in object)) {
        if (when === "always") return `${name} lack ${field}`;
        continue;
      }
      const wrong = valueFault(field, object[field]);
      if (wrong !== undefined) return `${name}: ${wrong}`;
    }
  }
  return undefined;
}

/** Why a line of output contradicts the page. */
function fault({ type, ...fields }: Json): string | undefined {
  const shape = OUT.types.get(String(type));
  if (!shape) return `there is no type ${type}`;
  for (const [name, value] of Object.entries(fields)) {
    if (name !== "time" && !shape.has(name)) return `${type} has no field ${name}`;
    const wrong = valueFault(name, value);
    if (wrong !== undefined) return wrong;
  }
  for (const [name, when] of [["time", "always"], ...shape]) {
    if (when === "always" && !(name! in fields)) return `${type} lacks ${name}`;
  }
  if ("reason" in fields && !REASONS.includes(`${type} ${fields["reason"]}`)) {
    return `${type} has no reason ${fields["reason"]}`;
  }
  if (type === "error" && !CODES.includes(String(fields["code"]))) {
    return `error has no code ${fields["code"]}`;
  }
  return undefined;
}

// ---- out ----

Deno.test("docs/json.md: the types of output are the events of a room, and the answers to input", () => {
  assertEquals([...OUT.types.keys()].sort(), [...Object.keys(EVENTS), ...ANSWERS].sort());
});

Deno.test("docs/json.md: the codes of errors are those that the program has a use for", async () => {
  assertEquals(CODES, [...REFUSALS]);
  const root = new URL("../../", import.meta.url);
  const folders = ["client/", "files/", "classic/", "room/", "ui/"].flatMap((folder) =>
    Array.from(Deno.readDirSync(new URL(folder, root)), ({ name }) => folder + name)
  );
  const modules = ["client.ts", ...folders].filter((path) => !path.includes("_test."));
  const sources = modules.filter((path) => path.endsWith(".ts"))
    .map((path) => Deno.readTextFile(new URL(path, root)));
  const used = (await Promise.all(sources)).join("\n").matchAll(/refusal: "(\w+)"/g);
  const words = new Set(Array.from(used, ([, word]) => word));
  assertEquals(REFUSALS.filter((word) => word !== "other" && !words.has(word)), []);
});

Deno.test("docs/json.md: all that the program writes is as the tables say", async () => {
  for (const line of await allOutput()) {
    assertEquals(fault(line), undefined, JSON.stringify(line));
  }
});

Deno.test("docs/json.md: all types, fields and reasons of the tables are written", async () => {
  const lines = await allOutput();
  const types = new Set(lines.map((line) => line["type"]));
  assertEquals([...OUT.types.keys()].filter((type) => !types.has(type)), []);
  for (const [type, shape] of OUT.types) {
    const ofType = lines.filter((line) => line["type"] === type);
    for (const [field, when] of shape) {
      const having = ofType.filter((line) => field in line).length;
      assert(having > 0, `${type} never has ${field}`);
      // A field that is always there must not be marked as optional.
      assertEquals(when, having === ofType.length ? "always" : "sometimes", `${type} ${field}`);
    }
  }
  const reasons = lines.filter((line) => "reason" in line)
    .map((line) => `${line["type"]} ${line["reason"]}`);
  assertEquals(REASONS.toSorted(), [...new Set(reasons)].sort());
});

Deno.test("docs/json.md: each field of a type is explained, and no other", () => {
  for (const { types, kinds } of [OUT, IN]) {
    const all = [...types.values(), ...types === OUT.types ? OBJECTS.values() : []];
    const used = new Set(all.flatMap((shape) => [...shape.keys()]));
    const common = types === OUT.types ? ["type", "time"] : ["type"];
    assertEquals([...kinds.keys()].sort(), [...common, ...used].sort());
  }
});

Deno.test("docs/json.md: the objects in arrays have all the fields that the page says, and lack the optional ones", async () => {
  const lines = await allOutput();
  for (const [name, shape] of OBJECTS) {
    const objects = lines.flatMap((line) => (line[name] ?? []) as Json[]);
    for (const [field, when] of shape) {
      const having = objects.filter((object) => field in object).length;
      assert(having > 0, `${name} never have ${field}`);
      assertEquals(when, having === objects.length ? "always" : "sometimes", `${name} ${field}`);
    }
  }
});

Deno.test("docs/json.md: all words of closed lists are written", async () => {
  const lines = await allOutput();
  for (const [field, words] of WORDS) {
    const written = new Set(lines.filter((line) => field in line).map((line) => line[field]));
    assertEquals(words.toSorted(), [...written].sort(), field);
  }
});

Deno.test("docs/json.md: the examples of output are as the tables say, and show every type", () => {
  const lines = examples("out").map((line): Json => JSON.parse(line));
  for (const line of lines) {
    assertEquals(fault(line), undefined, JSON.stringify(line));
    const time = String(line["time"]);
    assertEquals(new Date(time).toISOString(), time);
  }
  const shown = new Set(lines.map((line) => line["type"]));
  assertEquals([...OUT.types.keys()].filter((type) => !shown.has(type)), []);
});

Deno.test("docs/json.md: the examples of output are spelled as the program spells them", async () => {
  // Also the order of the fields: it matters to readers.
  const written = (await allOutput()).map((line) => ({
    type: line["type"],
    keys: Object.keys(line),
  }));
  for (const text of examples("out")) {
    const line: Json = JSON.parse(text);
    assertEquals(JSON.stringify(line), text);
    const keys = Object.keys(line);
    // The program writes a line with these fields, and perhaps some more between them.
    const found = written.some((one) =>
      one.type === line["type"] && one.keys.filter((key) => key in line).join() === keys.join()
    );
    assert(found, text);
  }
});

// ---- in ----

Deno.test("docs/json.md: each type of input with its fields is taken, of each kind they may have", async () => {
  for (const [type, shape] of IN.types) {
    const plain = inputOf(type, shape.keys());
    const always = [...shape].filter(([, when]) => when === "always").map(([field]) => field);
    const variants = [plain, inputOf(type, always)];
    for (const field of shape.keys()) {
      for (const kind of IN.kinds.get(field)!.split(" or ")) {
        variants.push({ ...plain, [field]: VALUES[kind] });
      }
    }
    for (const variant of variants) {
      const { lines } = await run([JSON.stringify(variant)]);
      const errors = lines.filter((line) => JSON.parse(line)["type"] === "error");
      assertEquals(errors, [], JSON.stringify(variant));
    }
  }
});

Deno.test("docs/json.md: input that lacks a field, has one more, or one of another kind is refused", async () => {
  const names = [...IN.kinds.keys(), ...OUT.kinds.keys()];
  for (const [type, shape] of IN.types) {
    const plain = inputOf(type, shape.keys());
    const variants: Json[] = [];
    for (const [field, when] of shape) {
      const { [field]: _, ...without } = plain;
      if (when === "always") variants.push(without);
      const kinds = IN.kinds.get(field)!.split(" or ");
      for (const value of ["text", 1, true, null, [], {}]) {
        if (!kinds.includes(kindOf(value))) variants.push({ ...plain, [field]: value });
      }
    }
    for (const name of names) if (!(name in plain)) variants.push({ ...plain, [name]: "more" });
    for (const variant of variants) {
      const { lines, calls } = await run([JSON.stringify(variant)]);
      assertEquals(
        lines.map((line) => JSON.parse(line)["type"]),
        ["error"],
        JSON.stringify(variant),
      );
      assertEquals(calls, []);
    }
  }
});

Deno.test("docs/json.md: the types of input are those that the program takes", async () => {
  const { lines } = await run(['{"type":"?"}']);
  const [, types] = / must be one of (.*)$/.exec(JSON.parse(lines[0]!)["message"])!;
  assertEquals(types!.split(", "), [...IN.types.keys()]);
});

Deno.test("docs/json.md: the examples of input are taken, and show every type", async () => {
  const lines = examples("in");
  const { calls } = await run(lines);
  assertEquals(calls, [
    "status lunch",
    "topic release on Friday",
    `answer ${ID} say I am`,
    `edit ${OTHER_ID} I am, too`,
    `delete ${OTHER_ID}`,
    `react ${ID} 👍`,
    `unreact ${ID} 👍`,
    ...[
      { action: "kick", member: "mallory", reason: "spam" },
      { action: "ban", member: 4, seconds: 86400, reason: "spam" },
      { action: "bans" },
      { action: "unban", ban: 1 },
      { action: "silence", member: "bob" },
      { action: "unsilence", member: "bob" },
      { action: "lock", reason: "we are complete" },
      { action: "unlock" },
      { action: "announce", text: "The server restarts at noon" },
      { action: "op", member: "bob" },
      { action: "deop", member: "bob" },
    ].map((moderation) => `moderate ${JSON.stringify(moderation)}`),
    "offer photos",
    'offer photo.jpg to "bob"',
    "accept 1",
    'decline "all"',
    "cancel 1",
    "reconnect",
    "say Still there?",
    "say So it starts!",
    "act waves",
    'tell "bob" psst',
    "tell 9 anybody?",
    "rename Ada",
    "leave",
  ]);
  const shown = new Set(lines.map((line) => JSON.parse(line)["type"]));
  assertEquals([...IN.types.keys()].filter((type) => !shown.has(type)), []);
});
