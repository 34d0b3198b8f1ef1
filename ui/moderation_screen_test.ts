// What moderators type and everybody sees, on a terminal of the usual size and on a small one.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { Person, RoomEvent } from "../room.ts";
import { setUp } from "../tests/support/fake_terminal.ts";
import { ALICE, BOB, type FakeRoom, FINGERPRINT } from "../tests/support/fake_room.ts";

const KEY = "B".repeat(43);
const SELF: Person = { ...ALICE, key: FINGERPRINT, moderator: true };
const CAROL: Person = { id: 3, name: "carol", self: false, away: false, key: KEY };
const MALLORY: Person = { id: 4, name: "mallory", self: false, away: false, silenced: true };
const GOVERNANCE = { moderators: [FINGERPRINT], locked: false, readOnly: false };
const HOUR_MS = 3600_000;

type Notice = RoomEvent & { type: "notice" };

/** The screen of alice, who is a moderator unless `fields` say otherwise. */
function setUpRoom(columns: number, rows: number, fields: Partial<FakeRoom> = {}) {
  const setup = setUp(columns, rows);
  const members = [SELF, BOB, CAROL, MALLORY];
  Object.assign(setup.room, {
    ...{ info: { ...setup.room.info, cipher: "sealed" }, self: SELF, members },
    ...{ governance: GOVERNANCE, ...fields },
  });
  return setup;
}

const notice = (fields: Partial<Notice> & Pick<Notice, "action">): Notice => (
  { type: "notice", by: SELF, who: undefined, at: 1, ...fields }
);

for (const [columns, height] of [[80, 24], [40, 20]] as const) {
  Deno.test(`Screen: what a moderator does, and how everybody sees it, at ${columns}x${height}`, async () => {
    const { tty, room, clock, tell } = setUpRoom(columns, height);
    const until = new Date(clock.now().getTime() + 2 * HOUR_MS);
    const gone = { ...MALLORY, self: false };
    const bans = {
      ...{ number: 1, who: gone, member: 4, by: SELF, since: clock.now(), until, reason: "spam" },
    };
    const steps: [string, ...RoomEvent[]][] = [
      ["/kick bob off topic", notice({ action: "kick", who: BOB, reason: "off topic" })],
      ["/ban mallory 2h spam", notice({ action: "ban", who: gone, ban: 1, until, reason: "spam" })],
      ["/bans", { type: "bans", bans: [bans] }],
      ["/unban 1", notice({ action: "unban", ban: 1 })],
      ["/silence carol", notice({ action: "silence", who: CAROL })],
      ["/unsilence mallory", notice({ action: "unsilence", who: MALLORY })],
      ["/lock", notice({ action: "lock" })],
      ["/unlock", notice({ action: "unlock" })],
      ["/op carol", notice({ action: "op", who: CAROL, key: KEY })],
      ["/deop alice", notice({ action: "deop", who: SELF, key: FINGERPRINT })],
      ["/announce Lunch is at *noon*", notice({ action: "announce", text: "Lunch is at *noon*" })],
    ];
    for (const [typed, ...events] of steps) {
      room.governance = { ...GOVERNANCE, locked: typed === "/unlock" };
      await tty.type(`${typed}\r`);
      tell(...events);
      for (const event of events) {
        const isRemoval = event.type === "notice" && ["kick", "ban"].includes(event.action);
        if (isRemoval) tell({ type: "left", who: event.who!, reason: "removed", at: 2 });
      }
    }
    clock.pass(5000);
    assertEquals(room.calls.length, steps.length);
    assertEquals(await tty.rows(), SCREENS[columns]);
  });

  Deno.test(`Screen: a silenced user reads why nothing is sent, and keeps the line, at ${columns}x${height}`, async () => {
    const self: Person = { ...ALICE, silenced: true };
    const { tty, room, tell } = setUpRoom(columns, height, { self });
    tell(notice({ action: "silence", by: BOB, who: self, reason: "caps" }));
    tell({ type: "refused", ref: 1, what: "message", text: "BUT WHY\nREALLY", reason: "silenced" });
    room.refusal = new ChatError("Cannot send this: you are silenced in this room", {
      refusal: "silenced",
    });
    await tty.type("hello\r");
    assertEquals(await tty.rows(), SILENCED[columns]);
  });
}

const SCREENS: Record<80 | 40, string[]> = {
  80: [
    '09:05 you removed bob from the room: "off topic"',
    '      you banned mallory until 11:05 (ban 1): "spam"',
    '      ban 1: mallory, since 09:05 until 11:05 by you: "spam"',
    "      you ended ban 1",
    "      you silenced carol",
    "      you let mallory write to the room again",
    "      you locked the room to newcomers",
    "      you unlocked the room for newcomers",
    "      you made carol a moderator",
    "      you ended your rights as a moderator",
    "       ANNOUNCEMENT by you",
    "      ┃ Lunch is at noon",
    "127.0.0.1:2428 · 🔒 sealed · 4 members · connected",
    ">",
  ],
  40: [
    "09:05 you removed bob from the room:",
    '  "off topic"',
    "you banned mallory until 11:05 (ban",
    '  1): "spam"',
    "ban 1: mallory, since 09:05 until",
    '  11:05 by you: "spam"',
    "you ended ban 1",
    "you silenced carol",
    "you let mallory write to the room again",
    "you locked the room to newcomers",
    "you unlocked the room for newcomers",
    "you made carol a moderator",
    "you ended your rights as a moderator",
    " ANNOUNCEMENT by you",
    "┃ Lunch is at noon",
    "🔒 sealed · 4 members",
    ">",
  ],
};
const SILENCED: Record<80 | 40, string[]> = {
  80: [
    '09:05 bob silenced you: "caps"',
    "      not sent: you are silenced",
    "the text: BUT WHY",
    "          REALLY",
    "Cannot send this: you are silenced in this room",
    "/msg MEMBER TEXT still writes to one member",
    "127.0.0.1:2428 · 🔒 sealed · 4 members · silenced · connected",
    "> hello",
  ],
  40: [
    '09:05 bob silenced you: "caps"',
    "not sent: you are silenced",
    "the text: BUT WHY",
    "  REALLY",
    "Cannot send this: you are silenced in",
    "  this room",
    "/msg MEMBER TEXT still writes to one",
    "  member",
    "🔒 sealed · 4 members · silenced",
    "> hello",
  ],
};

Deno.test("Screen: a removed user reads why, also if no notice came, and that a room is closed for good", async () => {
  const endings = [
    ["removed", "a moderator has removed you: spam"],
    ["closed", "its code is lost\x1b"],
  ] as const;
  for (const [code, message] of endings) {
    const { tty, tell, ending } = setUpRoom(80, 24);
    tell({ type: "ended", ending: { reason: "refused", code, message } });
    await ending;
    assertEquals(await tty.rows(), [`09:05 ${message.replace("\x1b", "␛")}`]);
  }
});

Deno.test("Screen: the end of the room is not explained again after the notice of it", async () => {
  const cases: [before: Notice, code: string, isAgain: boolean][] = [
    [notice({ action: "kick", by: BOB, who: SELF, reason: "spam" }), "removed", false],
    [notice({ action: "ban", by: undefined, who: SELF }), "removed", false],
    [notice({ action: "close", by: undefined, reason: "spam" }), "closed", false],
    [notice({ action: "kick", who: BOB, reason: "spam" }), "removed", true],
    [notice({ action: "silence", by: BOB, who: SELF }), "removed", true],
    [notice({ action: "close", by: undefined, reason: "spam" }), "slow", true],
  ];
  for (const [before, code, isAgain] of cases) {
    const { tty, tell, ending } = setUpRoom(80, 24);
    tell(before, { type: "ended", ending: { reason: "refused", code, message: "the end" } });
    await ending;
    const rows = await tty.rows();
    assertEquals([rows.length, rows.at(-1)!.includes("the end")], [isAgain ? 2 : 1, isAgain]);
  }
});

Deno.test("Screen: an announcement notifies in the background, also while only mentions do", async () => {
  const { tty, tell } = setUpRoom(80, 24, {});
  await tty.type("\x1b[O");
  tell(notice({ action: "lock", by: BOB }));
  assertEquals(tty.output.includes("\x07"), false);
  tell(notice({ action: "announce", by: BOB, text: "at noon" }));
  assertEquals(tty.output.includes("\x07"), true);
  assertStringIncludes((await tty.rows()).join("\n"), "── new since");
});
