import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ChatError, RoomNotFound } from "../errors.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { networks, reconnectMs, SCRIPT_RETRY_MS, suggestRoom } from "./admit.ts";
import { parseCommand } from "./args.ts";
import type { ScreenOptions } from "./command.ts";

function screen(...args: string[]): ScreenOptions {
  const command = parseCommand(["join", ...args], () => undefined);
  if (command.verb !== "join") throw new TypeError("It is not join");
  return command.screen;
}

Deno.test("reconnectMs: as --retry; without it, forever for a person and with --stay, a minute for a script", () => {
  using script = new FakeSystem();
  using person = new FakeSystem();
  person.stdin.becomeTerminal();
  person.stdout.becomeTerminal();
  // The output goes to a file: nobody sees the attempts.
  using half = new FakeSystem();
  half.stdin.becomeTerminal();
  for (const system of [script, half]) {
    assertEquals(reconnectMs(system, screen()), SCRIPT_RETRY_MS);
    assertEquals(reconnectMs(system, screen("--stay")), Infinity);
    assertEquals(reconnectMs(system, screen("--stay", "--retry", "5")), 5000);
  }
  assertEquals(reconnectMs(person, screen()), Infinity);
  assertEquals(reconnectMs(person, screen("--retry", "0")), 0);
});

Deno.test("networks: changes with the addresses, not with their order; empty if they are unknown", () => {
  using system = new FakeSystem();
  const before = networks(system);
  system.machine = system.machine!.toReversed();
  assertEquals(networks(system), before);
  system.machine = system.machine.slice(1);
  assertEquals(networks(system) === before, false);
  system.machine = undefined;
  assertEquals(networks(system), "");
});

Deno.test("suggestRoom: an address that leads nowhere may be a misspelt name; other errors stay", () => {
  const error = new RoomNotFound("Cannot join wrok:2428: nothing listens there", { hint: "Serve" });
  const hinted = suggestRoom(error, "work or wok");
  assert(hinted instanceof RoomNotFound);
  assertEquals(
    [hinted.message, hinted.hint],
    [error.message, "If you mean a room that you remember: work or wok"],
  );
  assertStrictEquals(suggestRoom(error, undefined), error);
  const other = new ChatError("Cannot join wrok:2428: it is full");
  assertStrictEquals(suggestRoom(other, "work"), other);
});
