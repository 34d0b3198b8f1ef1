import { assertEquals } from "@std/assert";
import { adminText, banRow, memberRows, roomRow, ruleRows } from "./admin_text.ts";

const NOW = new Date(2026, 0, 2, 9, 5);
const iso = (...time: [number, number]) => new Date(2026, 0, 2, ...time).toISOString();

Deno.test("chat admin: the rows of the members are in columns, also with wide names, and nothing in them obeys", () => {
  const member = { type: "member", network: "192.0.2.7", peer: "192.0.2.7:4021" };
  const rows = memberRows([
    { ...member, id: 1, name: "ada", joined: iso(8, 0), moderator: true, silenced: true },
    { ...member, id: 12, name: "日本", joined: iso(8, 30), classic: true },
    {
      ...{ type: "member", id: 300, network: "2001:db8::", joined: iso(9, 0), away: iso(9, 1) },
    },
    { ...member, id: 4, name: "\x1b[2J", peer: "\u202e", joined: "never" },
  ], NOW);
  assertEquals(rows, [
    "#1    ada   192.0.2.7:4021  08:00  moderator, silenced",
    "#12   日本  192.0.2.7:4021  08:30  classic",
    "#300        2001:db8::      09:00  away since 09:01",
    "#4    ␛[2J  \\u{202e}",
  ]);
  // In a sealed room there are no names, and no column for them.
  assertEquals(memberRows([{ ...member, id: 1, joined: iso(8, 0) }], NOW), [
    "#1  192.0.2.7:4021  08:00",
  ]);
  assertEquals(memberRows([], NOW), []);
  const room = { type: "room", address: "h:1", cipher: "xor", locked: true, readonly: true };
  assertEquals(roomRow(room, 1), "room h:1 (xor, locked, read-only): 1 member");
});

Deno.test("chat admin: the list names moderators that are away, too, and the topic of the operator", () => {
  const room = { type: "room", moderators: ["KEY1", "KEY2"], topic: "re\x07lease" };
  assertEquals(ruleRows(room), ["moderator KEY1", "moderator KEY2", "topic: re␇lease"]);
  assertEquals(ruleRows({ type: "room", moderators: [] }), []);
});

Deno.test("chat admin: a ban has its number, member, network, times and reason", () => {
  const ban = { type: "ban", ban: 2, id: 3, by: 0, network: "192.0.2.7", since: iso(8, 0) };
  assertEquals(
    banRow(ban, NOW),
    "2. #3 (192.0.2.7), banned 08:00, until chat admin unban 2",
  );
  assertEquals(
    banRow({ ...ban, id: 0, by: 7, ends: iso(10, 0), why: "spam\x07" }, NOW),
    '2. an earlier member (192.0.2.7), banned by #7 08:00, until 10:00: "spam␇"',
  );
  const member = { type: "member", id: 3, name: "bob", network: "192.0.2.7" };
  const wish = { action: "ban", member: "bob" } as const;
  assertEquals(
    adminText(wish, { member, ban: { ...ban, ends: iso(10, 0) }, now: NOW }),
    "banned bob (#3): ban 2, until 10:00",
  );
  assertEquals(
    adminText(wish, { member, ban: undefined, now: NOW }),
    "removed bob (#3); no ban: 192.0.2.7 is this machine or a proxy, or its network is unknown",
  );
});
