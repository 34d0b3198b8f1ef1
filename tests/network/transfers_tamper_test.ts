// A server, or somebody on the way, that alters what carries file data: GRANT and DATA. While it does, files may stop. They
// never get other bytes, and they go on as soon as it is honest.

import { assertEquals } from "@std/assert";
import type { TransferClock } from "../../files/post.ts";
import { HEADER_SIZE, readdress, Type } from "../../protocol.ts";
import { encodeGrantBody } from "../../protocol/data.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { mulberry32, noise } from "../support/random.ts";
import { Relay, type Tamper } from "../support/relay.ts";
import { joinSealed, PlayServer } from "../support/sealed_play.ts";

/** Twenty times as fast as the true one: a receiver waits seconds until data counts as lost. */
const QUICK: TransferClock = {
  now: () => 20 * performance.now(),
  every(ms, task) {
    const timer = setInterval(task, ms / 20);
    return () => clearInterval(timer);
  },
};
/** GRANT and DATA frames that are altered in one play, at most, and one in how many. */
const ALTERED = 30;
const ONE_IN = 4;

/** Alters some of the first GRANT and DATA frames. */
function meddler(seed: number): Tamper {
  const draw = mulberry32(seed);
  const old: Uint8Array[] = [];
  let held: Uint8Array | undefined;
  let left = ALTERED;
  return (frame) => {
    const { type, body } = frame;
    if (type !== Type.DATA && type !== Type.GRANT) return [frame.bytes];
    const late = held ? [held] : [];
    held = undefined;
    if (left === 0 || draw(ONE_IN) > 0) return [frame.bytes, ...late];
    left--;
    const bytes = frame.bytes.slice();
    old.push(frame.bytes);
    switch (draw(6)) {
      case 0:
        return late;
      case 1:
        return [bytes, ...late, bytes];
      case 2:
        held = bytes;
        return late;
      case 3:
        // Of an earlier generation, and perhaps in the other direction.
        return [old[draw(old.length)]!, bytes, ...late];
      case 4:
        bytes[HEADER_SIZE + draw(body.length)]! ^= 1 << draw(8);
        // A higher total would be malformed.
        if (type === Type.GRANT) bytes[HEADER_SIZE + 4] = bytes[HEADER_SIZE + 5] = 0;
        return [bytes, ...late];
      default: {
        // A grant to another member would take credit from this one, until the server has seen for 10 s that nobody uses it.
        if (type === Type.DATA) {
          readdress(bytes, type, 1 + draw(5));
          return [bytes, ...late];
        }
        const generation = draw(2) === 0 ? draw(20) : 2 ** 32 - 1 - draw(2);
        const total = draw(2) === 0 ? Number.MAX_SAFE_INTEGER : draw(100_000);
        bytes.set(encodeGrantBody({ generation, total }), HEADER_SIZE);
        return [bytes, ...late];
      }
    }
  };
}

async function play(seed: number): Promise<void> {
  await using room = new PlayServer({ budget: undefined });
  await using relay = new Relay(room, meddler(seed));
  const [ours, theirs] = [new MemoryDisk(), new MemoryDisk()];
  const sizes = [9_000_000, 300_000, 40_000, 1_000, 1_001, 0];
  for (const size of sizes) ours.files.set(`many/${size}`, noise(size, size + 1));
  const files = { accept: "all", clock: QUICK } as const;
  await using ada = await joinSealed(relay, "ada", { files: { ...files, disk: ours } });
  await using bob = await joinSealed(relay, "bob", { files: { ...files, disk: theirs } });
  ada.client.offer("many/");
  const ends: string[] = [];
  while (ends.length < sizes.length) {
    const { transfer: { state, name, message } } = await bob.next(
      "transfer",
      ({ transfer: { state } }) => state === "done" || state === "failed" || state === "cancelled",
    );
    ends.push(`${name} ${message ?? state}`);
  }
  assertEquals(ends.toSorted(), sizes.map((size) => `${size} done`).toSorted(), `seed ${seed}`);
  for (const size of sizes) {
    assertEquals(theirs.received.get(`${size}`), ours.files.get(`many/${size}`), `seed ${seed}`);
  }
}

/** `TAMPER_SEED` and `TAMPER_COUNT` choose other plays. */
Deno.test("Transfers: GRANT and DATA that are altered on the way change no byte of a file, and stop none for ever", async () => {
  const first = Number(Deno.env.get("TAMPER_SEED") ?? 1);
  const count = Number(Deno.env.get("TAMPER_COUNT") ?? 3);
  for (let seed = first; seed < first + count; seed++) await play(seed);
});
