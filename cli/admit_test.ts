import { assertEquals } from "@std/assert";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { networks, reconnectMs, SCRIPT_RETRY_MS } from "./admit.ts";
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
