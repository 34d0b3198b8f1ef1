import { assertEquals } from "@std/assert";
import { LOOKS, SLEPT_MS, Watchdog, type WatchedConnection } from "./watchdog.ts";

/** A watchdog that looks as often as it should, by a clock of the test. */
class Watch implements WatchedConnection {
  silence = 0;
  urgent = 0;
  pings = 0;
  readonly closed: string[] = [];
  readonly #watchdog: Watchdog;
  #now = 1_000;

  constructor(pingMs: number, deadMs: number) {
    this.#watchdog = new Watchdog(this, () => this.pings++, this.#now, { pingMs, deadMs });
  }

  close(why: string): void {
    this.closed.push(why);
  }

  look(times = 1, late = 0): void {
    for (let i = 0; i < times; i++) {
      this.#now += this.#watchdog.everyMs + late;
      this.#watchdog.look(this.#now);
    }
  }
}

Deno.test("Watchdog: sends a PING at every fourth look", () => {
  const watch = new Watch(100, 250);
  watch.look(LOOKS - 1);
  assertEquals(watch.pings, 0);
  watch.look();
  assertEquals(watch.pings, 1);
  watch.look(3 * LOOKS);
  assertEquals([watch.pings, watch.closed], [4, []]);
});

Deno.test("Watchdog: sends no PING while another small frame waits to be written", () => {
  const watch = new Watch(100, 250);
  watch.urgent = 1;
  watch.look(LOOKS);
  assertEquals(watch.pings, 0);
  watch.urgent = 0;
  watch.look(LOOKS);
  assertEquals(watch.pings, 1);
});

Deno.test("Watchdog: closes a connection whose silence is above the limit, and not at it", () => {
  const watch = new Watch(10_000, 25_000);
  watch.silence = 25_000;
  watch.look();
  assertEquals(watch.closed, []);
  watch.silence = 25_001;
  watch.look();
  assertEquals(watch.closed, ["the server has sent nothing for 25 s"]);
});

Deno.test("Watchdog: closes the connection when the machine has slept, and not when a look is a little late", () => {
  const watch = new Watch(10_000, 25_000);
  watch.look(1, SLEPT_MS);
  assertEquals(watch.closed, []);
  watch.look(1, SLEPT_MS + 1);
  assertEquals(watch.closed, ["this machine has slept"]);
});
