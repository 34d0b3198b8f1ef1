import { assertEquals } from "@std/assert";
import type { Person, RoomEvent } from "../room.ts";
import { ALICE, BOB, EVENTS } from "../tests/support/fake_room.ts";
import { connectionNotice, endingNotice, shownAt, warnings } from "./notices.ts";

const NOW = new Date("2026-01-02T09:05:00.000Z");

/** The time this many milliseconds from now. */
const off = (ms: number) => new Date(NOW.getTime() + ms);

function message(more: { sent?: Date; missing?: number }): RoomEvent[] {
  const { sent, missing = 0 } = more;
  const said = { from: BOB, text: "hi", action: false, sent, missing };
  return [{ type: "message", at: 1, ref: undefined, ...said }, { type: "direct", ...said }];
}

Deno.test("warnings: none for a normal event", () => {
  for (const event of [...message({}), ...message({ sent: NOW })]) {
    assertEquals(warnings(event, NOW), []);
  }
  assertEquals(warnings({ type: "joined", who: BOB, at: 1, sent: NOW }, NOW), []);
  // Events without warnings.
  for (
    const type of [
      ...["welcome", "members", "delivered", "undelivered", "left", "renamed", "ended"],
      ...["away", "back", "disconnected", "waiting", "agreed"],
    ]
  ) {
    for (const event of EVENTS[type as RoomEvent["type"]]) assertEquals(warnings(event, NOW), []);
  }
});

Deno.test("warnings: count missing messages", () => {
  const cases: Record<number, string> = {
    1: "1 message from bob before this one is missing",
    2: "2 messages from bob before this one are missing",
    1000: "1000 messages from bob before this one are missing",
  };
  for (const [missing, sentence] of Object.entries(cases)) {
    for (const event of message({ missing: Number(missing) })) {
      assertEquals(warnings(event, NOW), [sentence]);
    }
  }
});

Deno.test("warnings: an offer names the members that cannot receive files", () => {
  const offer = EVENTS.offer.at(-1) as RoomEvent & { type: "offer" };
  const without = (count: number) =>
    warnings({
      ...offer,
      without: Array.from({ length: count }, (_, i) => ({ ...BOB, name: `5268${i}` })),
    }, NOW);
  assertEquals(without(0), []);
  assertEquals(without(1), ["classic clients cannot receive files: 52680"]);
  assertEquals(without(3), [
    "classic clients cannot receive files: 52680, 52681, 52682",
  ]);
  assertEquals(without(7), [
    "classic clients cannot receive files: 52680, 52681, 52682, 52683, 52684 and 2 more",
  ]);
});

Deno.test("warnings: a clock may be two minutes off, early or late, and not one millisecond more", () => {
  const limit = 2 * 60 * 1000;
  for (const ms of [limit, -limit]) {
    const further = off(ms + Math.sign(ms));
    for (const event of message({ sent: off(ms) })) assertEquals(warnings(event, NOW), []);
    for (const event of message({ sent: further })) {
      assertEquals(warnings(event, NOW), [
        `by bob's clock, sent at ${further.toISOString()}`,
      ]);
    }
    const joined = (sent: Date): RoomEvent => ({ type: "joined", who: BOB, at: 1, sent });
    assertEquals(warnings(joined(off(ms)), NOW), []);
    assertEquals(warnings(joined(further), NOW), [
      `by bob's clock, it is ${further.toISOString()}`,
    ]);
  }
});

Deno.test("warnings: a gap and a wrong clock are both reported", () => {
  const sent = off(-3_600_000);
  for (const event of message({ sent, missing: 3 })) {
    assertEquals(warnings(event, NOW), [
      "3 messages from bob before this one are missing",
      "by bob's clock, sent at 2026-01-02T08:05:00.000Z",
    ]);
  }
});

Deno.test("warnings, shownAt: what came while the user was away may be earlier, and is shown with its time", () => {
  const [early, late] = [off(-3_600_000), off(3_600_000)];
  const cases: [Date | undefined, boolean, Date][] = [
    [undefined, false, NOW],
    [early, false, early],
    // A clock that is ahead is no sign of an absence.
    [late, true, NOW],
  ];
  for (const [sent, isWarned, time] of cases) {
    const joined: RoomEvent = { type: "joined", who: BOB, at: 1, sent, meanwhile: true };
    for (const one of [...message(sent ? { sent } : {}), joined]) {
      const event = { ...one, meanwhile: true } as const;
      assertEquals([warnings(event, NOW).length > 0, shownAt(event, NOW)], [isWarned, time]);
    }
  }
  for (const event of message({ sent: early })) assertEquals(shownAt(event, NOW), NOW);
});

Deno.test("warnings: a different key comes with the commands to check it", () => {
  const warned = (name: string) => warnings({ type: "keychanged", who: { ...BOB, name } }, NOW);
  assertEquals(warned("bob(!)"), [
    "bob(!) has a different key than before: a new device, or somebody else. " +
    "Compare with /verify bob, then /trust bob",
  ]);
  assertEquals(warned("bob#2(!)"), [
    "bob#2(!) has a different key than before: a new device, or somebody else. " +
    "Compare with /verify bob#2, then /trust bob#2",
  ]);
});

Deno.test("warnings: a name that looks like a known one comes with that one, and the commands to check it", () => {
  const who = { ...BOB, name: "B0b#2(!)" };
  assertEquals(warnings({ type: "keychanged", who, like: "bob" }, NOW), [
    "B0b#2(!) looks like bob, a name that you know, but has a different key: a new device, or somebody " +
    "else. Compare with /verify B0b#2, then /trust B0b#2",
  ]);
});

Deno.test("warnings: messages that could not be verified are counted since the last warning", () => {
  const unreadable = (fresh: number): RoomEvent => (
    { type: "unreadable", from: BOB, message: "it is not text", count: fresh + 7, fresh }
  );
  const cases: Record<number, string> = {
    1: "a message claiming to be from bob could not be verified: it is not text",
    2: "2 messages claiming to be from bob could not be verified; the last one: it is not text",
    1000:
      "1000 messages claiming to be from bob could not be verified; the last one: it is not text",
  };
  for (const [fresh, sentence] of Object.entries(cases)) {
    assertEquals(warnings(unreadable(Number(fresh)), NOW), [sentence]);
  }
});

Deno.test("warnings: a fork names the member, the time of the last agreement, and both explanations", () => {
  const forked = (since: Date | undefined) => warnings({ type: "forked", who: BOB, since }, NOW);
  const why = "the server shows you different things, or bob's report is false";
  assertEquals(forked(new Date(2026, 0, 2, 14, 2, 59)), [
    `bob sees a different conversation than you since 14:02: ${why}`,
  ]);
  assertEquals(forked(undefined), [`bob sees a different conversation than you: ${why}`]);
});

Deno.test("connectionNotice: a member that agrees again", () => {
  assertEquals(
    connectionNotice({ type: "agreed", who: BOB }),
    "bob sees the same conversation as you now",
  );
});

Deno.test("warnings: a server's warning is marked as the server's words", () => {
  const warning = { type: "warning", code: "flood", message: "you send too fast" } as const;
  assertEquals(warnings(warning, NOW), ["warning from the server: you send too fast"]);
});

// ---- a connection that is lost ----

function connected(
  resumed: boolean,
  missed: number | undefined,
  unseen = 0,
  address?: string,
): RoomEvent {
  return { type: "connected", self: ALICE, resumed, missed, unseen, address };
}

Deno.test("warnings, connectionNotice: reconnecting with a gap is a warning, without one a notice, never both", () => {
  const fine = "connected again; nothing missed";
  const restarted = "connected again; the server was restarted; its last messages may be missing";
  const cases: [RoomEvent, string | undefined, string[]][] = [
    [connected(true, 0), fine, []],
    // A resumed session has no gap.
    [connected(true, undefined), fine, []],
    [
      connected(true, 0, 0, "192.0.2.7:2428"),
      "connected again, at 192.0.2.7:2428; nothing missed",
      [],
    ],
    [connected(true, 0, 1), "connected again; while you were away: 1 message", []],
    [connected(true, 0, 212), "connected again; while you were away: 212 messages", []],
    [{ type: "caughtup", messages: 5 }, "caught up", []],
    [{ type: "caughtup", messages: 4 }, undefined, []],
    [connected(false, 0), fine, []],
    [connected(false, 1), undefined, ["connected again; 1 message missed here"]],
    [connected(false, 1000), undefined, ["connected again; 1000 messages missed here"]],
    [connected(false, undefined), undefined, [restarted]],
  ];
  for (const [event, quiet, loud] of cases) {
    assertEquals([connectionNotice(event), warnings(event, NOW)], [quiet, loud]);
  }
});

Deno.test("connectionNotice: why the connection is lost, and what happens to typed text", () => {
  const kept = "what you type is sent when it is back";
  const cases = {
    lost: `connection lost; ${kept}`,
    stopped: `the server has stopped; ${kept}`,
    refused: `the server closed the connection: it was reset; ${kept}`,
  };
  for (const [reason, sentence] of Object.entries(cases)) {
    const event = { type: "disconnected", reason, message: "it was reset" } as RoomEvent;
    assertEquals(connectionNotice(event), sentence);
  }
});

Deno.test("endingNotice: how the room has ended; a sentence of the server about the room or the user is enough", () => {
  const refused = (code: string) =>
    endingNotice({ reason: "refused", code, message: "too many messages" });
  assertEquals(endingNotice({ reason: "stopped" }), "the room is closed: the server has stopped");
  assertEquals(endingNotice({ reason: "lost", message: "reset" }), "connection lost: reset");
  assertEquals(refused("flood"), "the server closed the connection: too many messages");
  assertEquals(refused("code"), "the room has a new code");
  assertEquals(refused("closed"), "too many messages");
  assertEquals(refused("removed"), "too many messages");
});

Deno.test("connectionNotice: others are away and back; nothing about the user", () => {
  const about = (type: "away" | "back", who: Person) => connectionNotice({ type, who, at: 1 });
  assertEquals(about("away", BOB), "bob is away: connection lost");
  assertEquals(about("back", BOB), "bob is back");
  assertEquals(about("away", ALICE), undefined);
  assertEquals(about("back", ALICE), undefined);
});

Deno.test("connectionNotice: undefined for all other events", () => {
  const reported = Object.values(EVENTS).flat().filter((event) =>
    connectionNotice(event) !== undefined
  );
  assertEquals(
    [...new Set(reported.map((event) => event.type))],
    ["agreed", "away", "back", "disconnected", "connected", "caughtup"],
  );
});
