import { assertEquals } from "@std/assert";
import type { Person, RoomEvent } from "../room.ts";
import { ALICE, BOB } from "../tests/support/fake_room.ts";
import { Statuses, topicNotice, topicText } from "./status_text.ts";

const NOON = new Date(2024, 1, 28, 12, 30);

function person(id: number, status?: string): Person {
  return { id, name: `m${id}`, self: false, away: false, ...(status && { status }) };
}

Deno.test("Statuses: has a row for each member, the last status of each, and counts more than four", () => {
  const statuses = new Statuses();
  for (let id = 1; id <= 6; id++) statuses.add({ who: person(id, "one"), before: undefined });
  statuses.add({ who: person(2, "two"), before: "one" });
  statuses.add({ who: person(3), before: "one" });
  statuses.remove(person(4));
  assertEquals([2, 3, 4].map((id) => statuses.has(person(id))), [true, false, false]);
  const rows = [1, 2, 5, 6].map((id) => `m${id} is away: "${id === 2 ? "two" : "one"}"`);
  assertEquals(statuses.sentences, rows);
  statuses.add({ who: person(7), before: "old" });
  assertEquals(statuses.take(), [...rows, "1 more changed their away texts; /who shows them"]);
  assertEquals([statuses.isEmpty, statuses.take()], [true, []]);
});

Deno.test("Statuses: takes a member that is away and back again, or back and away again, for unchanged", () => {
  const statuses = new Statuses();
  const cases: [string | undefined, string | undefined][] = [
    [undefined, "lunch"],
    ["lunch", undefined],
  ];
  for (const [before, after] of cases) {
    statuses.add({ who: person(1, after), before });
    assertEquals(statuses.sentences, [after ? 'm1 is away: "lunch"' : "m1 is back"]);
    statuses.add({ who: person(1, before), before: after });
    assertEquals(statuses.isEmpty, true);
  }
});

Deno.test("topicNotice, topicText: name the member that set a topic, removed it, or had set the one that was found", () => {
  const notice = (more: Partial<RoomEvent & { type: "topic" }>) =>
    topicNotice({ type: "topic", who: BOB, text: "x", sent: NOON, ...more }, NOON);
  assertEquals(
    [
      notice({ at: 1 }),
      notice({ at: 1, text: "" }),
      notice({ at: 1, who: ALICE }),
      notice({ at: 1, who: ALICE, text: "" }),
      notice({}),
      notice({ sent: undefined }),
      topicText({ text: "x", who: ALICE, set: NOON }, NOON),
    ],
    [
      "bob set the topic: x",
      "bob removed the topic",
      "you set the topic: x",
      "you removed the topic",
      "topic: x (set by bob, 12:30)",
      "topic: x (set by bob)",
      "topic: x (set by you, 12:30)",
    ],
  );
  assertEquals(
    topicNotice({ type: "topic", who: BOB, text: "\x1bx".repeat(500), sent: NOON }, NOON, 5),
    "topic: ␛x␛x… (set by bob, 12:30); /topic shows all of it",
  );
  assertEquals(
    topicNotice({ type: "topic", who: BOB, text: " x".repeat(500), sent: NOON, at: 1 }, NOON, 2),
    "bob set the topic:  x x …; /topic shows all of it",
  );
});
