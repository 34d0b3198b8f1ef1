import { assertEquals } from "@std/assert";
import { type Hosting, LeaveQuestion } from "./leave_question.ts";

/** A question in a room with this many other members, of which some are away. */
function question(others: number, away: number, hosting?: Hosting) {
  const room = { size: others + 1, awayCount: away };
  const asked: string[] = [];
  return { room, asked, question: new LeaveQuestion(room, hosting, (text) => asked.push(text)) };
}

Deno.test("LeaveQuestion: says what happens to the room, and for how many others", () => {
  const cases: [others: number, away: number, Hosting | undefined, asked: string | undefined][] = [
    [3, 0, undefined, undefined],
    [0, 0, "closes", undefined],
    [0, 0, "pauses", undefined],
    [
      1,
      0,
      "closes",
      "You host this room; leaving closes it for 1 other. Ctrl-C again to close it",
    ],
    [
      3,
      0,
      "closes",
      "You host this room; leaving closes it for 3 others. Ctrl-C again to close it",
    ],
    // A room that is not kept is over for them, too.
    [
      3,
      2,
      "closes",
      "You host this room; leaving closes it for 3 others (2 away). Ctrl-C again to close it",
    ],
    [
      2,
      2,
      "closes",
      "You host this room; leaving closes it for 2 others (all away). Ctrl-C again to close it",
    ],
    [
      1,
      1,
      "closes",
      "You host this room; leaving closes it for 1 other (away). Ctrl-C again to close it",
    ],
    [
      3,
      2,
      "pauses",
      "You host this room; leaving pauses it for 1 other until you open it again. Ctrl-C again to leave",
    ],
    [2, 2, "pauses", undefined],
  ];
  for (const [others, away, hosting, text] of cases) {
    const { asked, question: one } = question(others, away, hosting);
    assertEquals(one.confirms("Ctrl-C"), text === undefined);
    assertEquals(asked, text === undefined ? [] : [text]);
    assertEquals(one.text(), text);
    assertEquals(one.confirms("Ctrl-D"), true);
    assertEquals([one.text(), asked.length], [undefined, text === undefined ? 0 : 1]);
  }
});

Deno.test("LeaveQuestion: the longest form that fits; the count follows the room", () => {
  const { room, question: one } = question(3, 0, "closes");
  one.confirms("/quit");
  assertEquals(one.text(72), "Leaving closes the room for 3 others; /quit again to close it");
  assertEquals(one.text(36), "/quit again closes it for 3 others");
  assertEquals(one.text(33), "/quit again closes the room");
  room.size = 2;
  assertEquals(one.text(36), "/quit again closes it for 1 other");
  room.size = 1;
  assertEquals(one.text(36), "/quit again to leave");
  assertEquals(one.text(8), "/quit a…");
  const { question: kept } = question(3, 0, "pauses");
  kept.confirms("Ctrl-C");
  assertEquals(kept.text(72), "Leaving pauses the room for 3 others; Ctrl-C again to leave");
  assertEquals(kept.text(36), "Ctrl-C again pauses it for 3 others");
});

Deno.test("LeaveQuestion: typing cancels it, unless the line becomes /quit; confirmed is confirmed", () => {
  const cases: [line: string, isComplete: boolean, isOpen: boolean][] = [
    ["/", false, true],
    ["/quit", false, true],
    ["/quit ", false, true],
    ["/quit", true, true],
    [" /quit ", true, true],
    ["", false, false],
    ["q", false, false],
    ["/quix", false, false],
    ["/qui", true, false],
    ["", true, false],
  ];
  for (const [line, isComplete, isOpen] of cases) {
    const { question: one, asked } = question(1, 0, "closes");
    one.confirms("Ctrl-C");
    one.typed(line, isComplete);
    assertEquals([line, isComplete, one.text() !== undefined], [line, isComplete, isOpen]);
    assertEquals(one.confirms("Ctrl-C"), isOpen);
    assertEquals(asked.length, isOpen ? 1 : 2);
  }
  const { question: one } = question(1, 0, "closes");
  one.confirms("Ctrl-C");
  one.confirms("Ctrl-C");
  one.typed("x", false);
  assertEquals(one.confirms("Ctrl-C"), true);
});
