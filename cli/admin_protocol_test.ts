import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { Greeting } from "../protocol/json_frames.ts";
import type { OperatorAct } from "../protocol/moderation.ts";
import { NO_RULES } from "../protocol/moderation.ts";
import type { Ban } from "../server/governance.ts";
import type { GovernOutcome, RosterEntry } from "../server/government.ts";
import fc from "../tests/support/property.ts";
import { answer, type GovernedRoom, MAX_LINE, parseLine, parseRequest } from "./admin_protocol.ts";

const KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo";

const MEMBER: RosterEntry = {
  ...{ id: 3, network: "192.0.2.7", peer: "192.0.2.7:4021", joined: 1_000, awaySince: undefined },
  ...{ isModerator: true, isSilenced: false, noDirect: false, profile: Uint8Array.of(1, 2) },
};
const BAN: Ban = { ban: 1, member: 3, by: 0, network: "192.0.2.7", since: 0, until: 5_000 };

/** A room that records its acts. */
function roomOf({ outcome = "done", cipher = "xor", bans = [], after = bans }: {
  outcome?: GovernOutcome;
  cipher?: "xor" | "sealed";
  bans?: readonly Ban[];
  /** The bans after an act. */
  after?: readonly Ban[];
} = {}): { room: GovernedRoom; acts: OperatorAct[] } {
  const acts: OperatorAct[] = [];
  const common = { version: 1, maxFrame: 1 };
  const greeting: Greeting = cipher === "xor"
    ? { ...common, cipher, key: "47" }
    : { ...common, cipher };
  const room = {
    greeting,
    address: "127.0.0.1:2428",
    clock: () => 1_000,
    government: {
      isDraining: false,
      rules: { ...NO_RULES, moderators: [KEY], locked: true },
      govern: (act: OperatorAct) => (acts.push(act), outcome),
      roster: () => [MEMBER, { ...MEMBER, id: 4, peer: undefined, awaySince: 2_000 }],
      bans: (now: number) =>
        (acts.length === 0 ? bans : after).filter(({ until = Infinity }) => until > now),
    },
  };
  return { room, acts };
}

const ask = (room: GovernedRoom, request: string) =>
  [...answer(room, parseRequest(request))].map((line) => JSON.parse(line));

Deno.test("chat admin: an act is done, and the answer ends in `done` or in an error with a code", () => {
  const { room, acts } = roomOf();
  const requests = [
    '{"action":"kick","member":3,"reason":"rude"}',
    '{"action":"topic","text":""}',
    '{"action":"close","reason":"a new code"}',
    `{"action":"op","key":"${KEY}"}`,
    '{"action":"drain"}',
  ];
  for (const request of requests) assertEquals(ask(room, request), [{ type: "done" }]);
  assertEquals(acts, requests.map((request) => JSON.parse(request)));
  assertEquals(ask(roomOf({ outcome: "gone" }).room, '{"action":"unban","ban":9}'), [
    { type: "error", code: "gone", message: "there is no ban with this number" },
  ]);
  assertEquals(ask(roomOf({ outcome: "gone" }).room, `{"action":"deop","key":"${KEY}"}`), [
    { type: "error", code: "gone", message: "no moderator has this key" },
  ]);
  assertEquals(ask(roomOf({ outcome: "gone" }).room, '{"action":"kick","member":9}'), [
    { type: "error", code: "gone", message: "the member has left" },
  ]);
  assertEquals(ask(roomOf({ outcome: "full" }).room, `{"action":"op","key":"${KEY}"}`), [
    { type: "error", code: "full", message: "there are too many already" },
  ]);
});

Deno.test("chat admin: a ban is answered with its number and its end; a member that was only removed, without", () => {
  const old = { ...BAN, reason: "spam" };
  const added = { ...BAN, ban: 2, by: 7 };
  const request = '{"action":"ban","member":3}';
  assertEquals(ask(roomOf({ bans: [old], after: [old, added] }).room, request), [
    {
      ...{ type: "ban", ban: 2, id: 3, by: 7, network: "192.0.2.7" },
      ...{ since: "1970-01-01T00:00:00.000Z", ends: "1970-01-01T00:00:05.000Z" },
    },
    { type: "done" },
  ]);
  assertEquals(ask(roomOf({ bans: [old] }).room, request), [{ type: "done" }]);
  assertEquals(ask(roomOf({ bans: [old] }).room, '{"action":"bans"}').at(0).why, "spam");
  // Not as the server names it: no program reads that as an address.
  const ipv6 = roomOf({ bans: [{ ...BAN, network: "2001:db8:0:7" }] }).room;
  assertEquals(ask(ipv6, '{"action":"bans"}').at(0).network, "2001:db8:0:7::/64");
});

Deno.test("chat admin: only in an xor room, where anybody can open it, the list has profiles", () => {
  const [room, member, away, end] = ask(roomOf().room, '{"action":"who"}');
  assertEquals(room, {
    ...{ type: "room", address: "127.0.0.1:2428", cipher: "xor", key: 47 },
    ...{ locked: true, readonly: false, moderators: [KEY] },
  });
  assertEquals(member, {
    ...{ type: "member", id: 3, network: "192.0.2.7", peer: "192.0.2.7:4021" },
    ...{ joined: "1970-01-01T00:00:01.000Z", moderator: true, profile: "AQI=" },
  });
  assertEquals([away.peer, away.away], [undefined, "1970-01-01T00:00:02.000Z"]);
  assertEquals(end, { type: "done" });
  const sealed = ask(roomOf({ cipher: "sealed" }).room, '{"action":"who"}');
  assertEquals(sealed.some((line) => "profile" in line || "key" in line), false);
});

Deno.test("chat admin: any other request is refused with a sentence, and does nothing", () => {
  const faults: [string, string][] = [
    ["", "Cannot read this line: it is not JSON"],
    ["[]", "Cannot read this line: it is no JSON object"],
    ["{}", "Cannot do this: there is no such action"],
    ['{"action":"prove"}', "Cannot do this: there is no such action"],
    ['{"action":"toString"}', "Cannot do this: there is no such action"],
    ['{"action":"kick"}', "Cannot do this: member must be a whole number from 1 to 4294967295"],
    ['{"action":"announce","text":" "}', "Cannot do this: the text is empty"],
    ['{"action":"topic"}', "Cannot do this: text must be a text of at most 4096 bytes"],
    ['{"action":"close","reason":5}', "Cannot do this: reason must be a text of at most 512 bytes"],
  ];
  for (const [request, message] of faults) {
    assertThrows(() => parseRequest(request), ChatError, message);
  }
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
    const { room, acts } = roomOf();
    try {
      assert(ask(room, line).length > 0);
    } catch (error) {
      assert(error instanceof ChatError, String(error));
      assertEquals(acts, []);
    }
  }));
});

Deno.test("chat admin: the longest announcement fits into a line, however it is escaped", () => {
  const text = "\u0000".repeat(4096);
  const line = JSON.stringify({ action: "announce", text });
  assert(line.length < MAX_LINE);
  assertEquals(parseRequest(line), { action: "announce", text });
});

Deno.test("chat admin: a line of an answer has a type", () => {
  assertEquals(parseLine('{"type":"x","y":1}'), { type: "x", y: 1 });
  for (const line of ["", "7", "null", "{}", '{"type":1}']) {
    assertThrows(() => parseLine(line), ChatError, "Cannot read this line");
  }
});

Deno.test("docs/operating.md: lists the fields of each line of an answer", () => {
  const [, page = ""] = Deno.readTextFileSync(new URL("../docs/operating.md", import.meta.url))
    .split("The lines of an answer:");
  const fields = (type: string) => {
    const [, cell = ""] = new RegExp(`^\\| \`${type}\` +\\|([^|]*)\\|`, "m").exec(page) ?? [];
    return Array.from(cell.matchAll(/`([^`]+)`/g), ([, field]) => field!);
  };
  const full = { ...BAN, reason: "spam" };
  const { room } = roomOf({ bans: [full] });
  const lines = [
    ...ask(room, '{"action":"who"}'),
    ...ask(room, '{"action":"bans"}'),
    ...ask(roomOf({ outcome: "gone" }).room, '{"action":"unban","ban":1}'),
  ];
  for (const { type, ...rest } of lines) {
    assertEquals(Object.keys(rest).filter((field) => !fields(type).includes(field)), [], type);
  }
  assertEquals(Object.keys(lines.find(({ type }) => type === "ban")), ["type", ...fields("ban")]);
});
