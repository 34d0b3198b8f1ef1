import { assertEquals, assertLess } from "@std/assert";
import { DEFAULT_BUDGET, DEFAULT_LIMITS } from "../../server/limits.ts";
import { PATIENCE_MS } from "../support/async.ts";
import { TestRoom } from "../support/loopback.ts";
import { enterOffice, Flooder, linesOf, PASTED, troubles } from "../support/office.ts";
import { QUICK_ADMISSION } from "../support/quick_login.ts";

/** With the one that floods, the office has thirty members. */
const CLERKS = 29;

Deno.test("Server: an office of 30 behind one address joins at once; one pastes 1,000 lines and another floods: the flood gets its budget, and nobody else is warned, dropped, or misses a line", async () => {
  await using room = new TestRoom({
    ...DEFAULT_LIMITS,
    handshakeMs: PATIENCE_MS,
    admission: QUICK_ADMISSION,
  });
  await using all = new AsyncDisposableStack();
  const [flooder, clerks] = await Promise.all([
    Flooder.join(room.port),
    enterOffice(room.port, CLERKS),
  ]);
  all.use(flooder);
  for (const clerk of clerks) all.use(clerk);

  const [paster, ...others] = clerks;
  for (let i = 0; i < PASTED; i++) paster!.client.say(`line ${i}`);
  let isOver = false;
  const begin = performance.now();
  const flooding = flooder.flood(() => isOver);
  const said: string[] = [];
  // Each waits for its own line, so all of them talk for as long as the paste and the flood last.
  for (let i = 0; paster!.client.pending.length > 0 || said.length < 2 * CLERKS; i++) {
    const text = `so what, ${i}`;
    said.push(text);
    await others[i % others.length]!.say(text);
  }
  isOver = true;
  await flooder[Symbol.asyncDispose]();
  await flooding;

  const last = await paster!.say("the end");
  const seconds = (performance.now() - begin) / 1000;
  for (const other of others) await other.next("message", ({ at }) => at === last.at);
  assertEquals(clerks.flatMap(troubles), []);
  const flooded = paster!.received.filter((line) => line.startsWith("flooder: "));
  const { frameBurst, frames } = DEFAULT_BUDGET;
  assertLess(flooded.length, frameBurst + frames * seconds + 1, "more than the member's budget");
  const lines = linesOf(paster!);
  assertEquals(lines.length, PASTED + said.length + 1);
  const pasted = lines.filter((line) => line.startsWith(`${paster!.client.self.name}: line `));
  assertEquals(
    pasted.map((line) => line.split(": ")[1]),
    Array.from({ length: PASTED }, (_, i) => `line ${i}`),
  );
  for (const other of others) assertEquals(linesOf(other), lines);
});
