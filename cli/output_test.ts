import { assertEquals, assertMatch } from "@std/assert";
import { ChatError, UsageError } from "../errors.ts";
import type { Ending } from "../room.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { note, print, report, reportEnding } from "./output.ts";

Deno.test("print, note: results go to stdout, everything else to stderr", () => {
  using system = new FakeSystem();
  print(system, "result\n");
  note(system, "progress");
  assertEquals([system.stdout.text, system.stderr.text], ["result\n", "progress\n"]);
  system.stdout.broken = true;
  print(system, "nobody reads this\n");
});

Deno.test("report: an error and its hint; 2 for misuse, else 1", () => {
  using system = new FakeSystem();
  assertEquals(report(system, new ChatError("Cannot go", { hint: "Stay" })), 1);
  assertEquals(report(system, new UsageError("Cannot read this")), 2);
  assertEquals(
    system.stderr.text,
    "chat: error: Cannot go\nchat: hint: Stay\nchat: error: Cannot read this\n",
  );
});

Deno.test("report: any other error is a bug, with its stack", () => {
  using system = new FakeSystem();
  assertEquals(report(system, "odd"), 1);
  assertEquals(system.stderr.text, "chat: error: This is a bug in chat: odd\n");
  assertEquals(report(system, new RangeError("odd")), 1);
  assertMatch(system.stderr.text, /: RangeError: odd\n +at /);
});

Deno.test("reportEnding: nothing if the user left; else the reason and the unconfirmed messages", () => {
  const cases: [ending: Ending, unconfirmed: number, code: number, message: string][] = [
    [{ reason: "left" }, 3, 0, ""],
    [{ reason: "stopped" }, 0, 1, "Cannot stay in the room: the server has closed the room"],
    [
      { reason: "stopped" },
      1,
      1,
      "Cannot stay in the room: the server has closed the room; 1 of your messages was not confirmed",
    ],
    [
      { reason: "refused", code: "code", message: "Cannot join a.example:2428: the code is wrong" },
      0,
      1,
      "Cannot rejoin a.example:2428: the room has a new code",
    ],
    [
      { reason: "refused", code: "flood", message: "too many messages" },
      0,
      1,
      "Cannot stay in the room: too many messages",
    ],
    [
      { reason: "refused", code: "removed", message: "a moderator has removed you: spam\x1b" },
      0,
      1,
      "Cannot stay in the room: a moderator has removed you: spam␛",
    ],
    [
      { reason: "refused", code: "closed", message: "the operator has closed the room" },
      1,
      1,
      "Cannot stay in the room: the operator has closed the room; " +
      "1 of your messages was not confirmed",
    ],
    [
      { reason: "lost", message: "gone\x1b" },
      2,
      1,
      "Cannot stay in the room: gone␛; 2 of your messages were not confirmed",
    ],
  ];
  for (const [ending, unconfirmed, code, message] of cases) {
    using system = new FakeSystem();
    assertEquals(reportEnding(system, ending, "a.example:2428", unconfirmed), code);
    assertEquals(system.stderr.text, message && `chat: error: ${message}\n`);
  }
});
