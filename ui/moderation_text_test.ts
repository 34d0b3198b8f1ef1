import { assert, assertEquals } from "@std/assert";
import type { NoticeAction, Person, RoomEvent, RoomRefusal } from "../room.ts";
import { ALICE, BOB, FINGERPRINT } from "../tests/support/fake_room.ts";
import { banLines, isAlarming, moderationNotice, refusedNotice } from "./moderation_text.ts";

const CAROL: Person = { id: 3, name: "carol", self: false, away: false };
/** A Monday. */
const NOW = new Date(2026, 10, 30, 14, 2);

type NoticeEvent = RoomEvent & { type: "notice" };

function notice(action: NoticeAction, fields: Partial<NoticeEvent> = {}): NoticeEvent {
  return { type: "notice", action, by: BOB, who: undefined, at: 1, ...fields };
}

const textOf = (event: NoticeEvent, columns?: number) => moderationNotice(event, NOW, columns);

Deno.test("moderationNotice: names the moderator, the member, the end and the reason", () => {
  const cases: [NoticeEvent, string][] = [
    [notice("kick", { who: CAROL, reason: "spam" }), 'bob removed carol from the room: "spam"'],
    [notice("kick", { who: ALICE, by: undefined }), "the operator removed you from the room"],
    [notice("ban", { who: CAROL, ban: 3 }), "bob banned carol (ban 3)"],
    [
      notice("ban", { who: CAROL, ban: 3, until: new Date(2026, 10, 30, 16, 2), reason: "spam" }),
      'bob banned carol until 16:02 (ban 3): "spam"',
    ],
    [
      notice("ban", { who: CAROL, ban: 3, until: new Date(2026, 11, 1, 9, 0) }),
      "bob banned carol until Tue 09:00 (ban 3)",
    ],
    [
      notice("ban", { who: CAROL, ban: 3, until: new Date(2027, 2, 1) }),
      "bob banned carol until 1 Mar 2027 (ban 3)",
    ],
    [notice("silence", { who: ALICE, reason: "caps" }), 'bob silenced you: "caps"'],
    [notice("unsilence", { who: ALICE }), "bob let you write to the room again"],
    [notice("op", { who: ALICE, key: FINGERPRINT }), "bob made you a moderator"],
    [notice("op", { key: FINGERPRINT }), `bob made the owner of ${FINGERPRINT} a moderator`],
    [notice("deop", { who: CAROL, key: FINGERPRINT }), "bob ended the moderator rights of carol"],
    [notice("deop", { who: ALICE, key: FINGERPRINT }), "bob ended your rights as a moderator"],
    [notice("deop", { who: BOB, key: FINGERPRINT }), "bob gave up the rights of a moderator"],
    [
      ...[notice("deop", { by: ALICE, who: ALICE, key: FINGERPRINT })] as const,
      "you ended your rights as a moderator",
    ],
    [notice("unban", { ban: 3 }), "bob ended ban 3"],
    [notice("unban", { ban: 3, who: CAROL }), "bob ended ban 3 (carol)"],
    [notice("topic", { by: undefined, text: "" }), "the operator removed the topic"],
  ];
  for (const [event, text] of cases) assertEquals(textOf(event), text);
});

Deno.test("moderationNotice: a reason cannot look like another notice, and a long topic is cut", () => {
  assertEquals(
    textOf(notice("kick", { who: CAROL, reason: 'a"; bob made "carol\n\x1b[2J' })),
    `bob removed carol from the room: "a'; bob made 'carol␊␛[2J"`,
  );
  const topic = notice("topic", { by: undefined, text: "x ".repeat(2000) });
  const text = textOf(topic, 40);
  assert(text.length < 200 && text.endsWith("; /topic shows all of it"), text);
});

Deno.test("isAlarming: what limits this user, and the end of the room", () => {
  for (const action of ["kick", "ban", "silence", "deop"] as const) {
    assert(isAlarming(notice(action, { who: ALICE })));
    assert(!isAlarming(notice(action, { who: CAROL })));
  }
  for (const action of ["readonly", "drain", "close"] as const) assert(isAlarming(notice(action)));
  assert(!isAlarming(notice("op", { who: ALICE })));
  assert(!isAlarming(notice("lock")));
});

Deno.test("banLines: number, member, times, moderator and reason; at most 256 lines and a count", () => {
  const ban = {
    ...{ number: 7, who: CAROL, member: 3, by: BOB, since: new Date(2026, 10, 30, 13, 0) },
    ...{ until: new Date(2026, 11, 2, 13, 0), reason: "spam" },
  };
  const unknown = { ...ban, number: 8, who: undefined, by: undefined, until: undefined };
  const lines = (bans: readonly typeof ban[]) => banLines({ type: "bans", bans }, NOW);
  assertEquals(lines([ban, { ...unknown, reason: undefined } as unknown as typeof ban]), [
    'ban 7: carol, since 13:00 until Wed 13:00 by bob: "spam"',
    "ban 8: member 3, since 13:00",
  ]);
  assertEquals(lines([]), ["nobody is banned"]);
  const many = lines(Array(260).fill(ban));
  assertEquals([many.length, many.at(-1)], [257, "and 4 more"]);
});

Deno.test("refusedNotice: what was refused, and why", () => {
  type Refused = RoomEvent & { type: "refused" };
  const cases: [Refused["what"], RoomRefusal, string][] = [
    ["message", "silenced", "not sent: you are silenced"],
    ["profile", "readonly", "name and away text not changed: only moderators speak to this room"],
    ["topic", "moderator", "topic not set: you are not a moderator"],
    ["kick", "moderator", "not removed: that member is a moderator, or you are not"],
    [
      ...["deop", "moderator"] as const,
      "moderator rights not ended: the operator has given them, or you are not a moderator",
    ],
    ["kick", "gone", "not removed: the member has left"],
    ["unban", "gone", "ban not ended: no ban has this number"],
    ["deop", "gone", "moderator rights not ended: that is not a moderator"],
    ["ban", "full", "not banned: there are too many bans"],
    ["op", "full", "not made a moderator: there are too many moderators"],
    [
      ...["lock", "lost"] as const,
      "not locked: the session ended before the server answered; perhaps it was done",
    ],
  ];
  for (const [what, reason, text] of cases) assertEquals(refusedNotice({ what, reason }), text);
});
