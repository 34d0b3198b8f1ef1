import { assert, assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import {
  networkOf,
  TRIES_IN_ALL,
  TRIES_PER_ADDRESS,
  TryCounter,
  UNDECIDED_MS,
  WINDOW_MS,
} from "./login_tries.ts";

/** Takes a try and marks it as wrong at once. */
function takeWrong(tries: TryCounter, address: string, now: number): number {
  const wait = tries.take(address, now);
  if (wait === 0) tries.fail(address, now);
  return wait;
}

Deno.test("TryCounter: allows five wrong tries a minute from one address, then returns how long to wait", () => {
  const tries = new TryCounter();
  for (let n = 0; n < TRIES_PER_ADDRESS; n++) {
    assertEquals(tries.left("a", n * 1_000), TRIES_PER_ADDRESS - n);
    assertEquals(takeWrong(tries, "a", n * 1_000), 0);
  }
  assertEquals(tries.left("a", 5_000), 0);
  assertEquals(takeWrong(tries, "a", 5_000), WINDOW_MS - 5_000);
  // A refused address gets the same answer again: asking costs nothing.
  assertEquals(takeWrong(tries, "a", 5_000), WINDOW_MS - 5_000);
  assertEquals(takeWrong(tries, "b", 5_000), 0);
});

Deno.test("TryCounter: the window slides: each try ends a minute after it began", () => {
  const tries = new TryCounter();
  for (let n = 0; n < TRIES_PER_ADDRESS; n++) takeWrong(tries, "a", n * 1_000);
  assertEquals(takeWrong(tries, "a", WINDOW_MS - 1), 1);
  assertEquals(takeWrong(tries, "a", WINDOW_MS), 0);
  assertEquals(takeWrong(tries, "a", WINDOW_MS), 1_000);
  assertEquals(tries.left("a", WINDOW_MS + 1_000), 1);
  assertEquals(tries.left("a", 3 * WINDOW_MS), TRIES_PER_ADDRESS);
});

Deno.test("TryCounter: allows sixty wrong tries a minute from all addresses together", () => {
  const tries = new TryCounter();
  for (let n = 0; n < TRIES_IN_ALL; n++) assertEquals(takeWrong(tries, `10.0.0.${n}`, n), 0);
  assertEquals(tries.left("10.0.1.1", 60), 0);
  assertEquals(takeWrong(tries, "10.0.1.1", 60), WINDOW_MS - 60);
  assertEquals(takeWrong(tries, "10.0.1.1", WINDOW_MS), 0);
});

Deno.test("TryCounter: tries at the same time get no more, and the others wait only until these are decided", () => {
  const tries = new TryCounter();
  for (let n = 0; n < TRIES_PER_ADDRESS; n++) assertEquals(tries.take("a", 0), 0);
  assertEquals(tries.take("a", 0), UNDECIDED_MS);
  tries.giveBack("a", 0);
  assertEquals(tries.take("a", 1), 0);
  assertEquals(tries.take("a", 1), UNDECIDED_MS);
  // Once all of them are known to be wrong, the wait is final.
  for (let n = 0; n < TRIES_PER_ADDRESS - 1; n++) tries.fail("a", 0);
  assertEquals(tries.take("a", 1), UNDECIDED_MS);
  tries.fail("a", 1);
  assertEquals(tries.take("a", 1), WINDOW_MS - 1);
});

Deno.test("TryCounter: an undecided try counts as a wrong one", () => {
  const tries = new TryCounter();
  for (let n = 0; n < TRIES_PER_ADDRESS; n++) tries.take("a", 0);
  assert(tries.take("a", WINDOW_MS - 1) > 0);
  assertEquals(tries.take("a", WINDOW_MS), 0);
});

Deno.test("TryCounter.giveBack: right tries cost nothing, and a wrong one is not given back", () => {
  const tries = new TryCounter();
  for (let n = 0; n < 1_000; n++) {
    assertEquals(tries.take("a", n), 0);
    tries.giveBack("a", n);
  }
  assertEquals(tries.left("a", 1_000), TRIES_PER_ADDRESS);
  takeWrong(tries, "a", 1_000);
  tries.giveBack("a", 1_000);
  tries.giveBack("a", 999);
  tries.giveBack("b", 1_000);
  assertEquals(tries.left("a", 1_000), TRIES_PER_ADDRESS - 1);
});

Deno.test("TryCounter: no window ever has more wrong tries than allowed", () => {
  const step = fc.record({
    address: fc.constantFrom("a", "b", "c", "2001:db8::1", "2001:db8::2"),
    after: fc.nat({ max: 20_000 }),
    outcome: fc.constantFrom("right", "wrong", "broken off"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const tries = new TryCounter();
      const wrong: { network: string; then: number }[] = [];
      let now = 0;
      for (const { address, after, outcome } of steps) {
        now += after;
        if (tries.take(address, now) > 0) continue;
        if (outcome === "right") tries.giveBack(address, now);
        else wrong.push({ network: networkOf(address), then: now });
        if (outcome === "wrong") tries.fail(address, now);
        const recent = wrong.filter(({ then }) => then + WINDOW_MS > now);
        assert(recent.length <= TRIES_IN_ALL);
        for (const { network } of recent) {
          const own = recent.filter((one) => one.network === network);
          assert(own.length <= TRIES_PER_ADDRESS);
        }
      }
    }),
  );
});

Deno.test("networkOf: the IPv4 address, also within IPv6; the /64 network of an IPv6 address", () => {
  for (
    const [address, network] of [
      ["192.0.2.1", "192.0.2.1"],
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
      ["2001:DB8:1:2::6", "2001:db8:1:2"],
      ["2001:db8::7", "2001:db8:0:0"],
      ["2001:db8::2:3:4:5:6", "2001:db8:0:2"],
      ["::1", "0:0:0:0"],
      ["::", "0:0:0:0"],
      ["fe80::1%eth0", "fe80:0:0:0"],
    ] as const
  ) {
    assertEquals(networkOf(address), network, address);
  }
});
