// A hostile member that does everything it can, and how long the lines of two honest members take meanwhile, from one
// to the other. In turns with a busy loop in its place: then the machine is as busy, and the room is not. The members are
// those of tests/soak/hostile_member_test.ts.
//
//   deno run --allow-all bench/hostile.ts [SECONDS] [SLICE] [SEED]
//
// SECONDS (default 60) are for both together; a SLICE (default 5) is how long each turn lasts.

import { HostileRoom } from "../tests/support/hostile_room.ts";
import { Latencies } from "../tests/support/unadmitted.ts";

/** The pause between two lines, in ms. */
const PACE_MS = 50;
/** After a slice, until what it has begun is over, in ms. */
const PAUSE_MS = 500;

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const [seconds = "60", slice = "5", seed = "2428"] = Deno.args;
await using room = await HostileRoom.open(Number(seed));
const { alice, bob, worker } = room;
await bob.until("alice", () => bob.client.size === 2 && alice.client.size === 2);
const measured = { act: new Latencies(), burn: new Latencies() };
let said = 0;

async function turn(what: "act" | "burn", into: Latencies): Promise<void> {
  room.latencies = into;
  worker.order(what);
  const end = performance.now() + Number(slice) * 1000;
  while (performance.now() < end) {
    room.say(said++ % 2 === 0 ? alice : bob, said % 7 === 6);
    await pass(PACE_MS);
    await alice.look();
    await bob.look();
  }
  worker.order("rest");
  await pass(PAUSE_MS);
}

// The first turns only warm up.
await turn("act", new Latencies());
await turn("burn", new Latencies());
for (let time = 0; time < Number(seconds); time += 2 * Number(slice)) {
  await turn("act", measured.act);
  await turn("burn", measured.burn);
}
const { acts, joins } = await worker.stop();
const line = (what: string, latencies: Latencies) =>
  console.log(`${what}: ${latencies}, p95 ${latencies.at(0.95).toFixed(2)}`);
line(`hostile member (${acts} acts, ${joins} joins)`, measured.act);
line("busy loop", measured.burn);
console.log(
  `ratio of the p95: ${(measured.act.at(0.95) / measured.burn.at(0.95)).toFixed(2)}`,
);
