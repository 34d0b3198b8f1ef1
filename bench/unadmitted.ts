// Hostile connections, and members that talk meanwhile: what that costs the server in memory, and the members in
// time. The connections are those of tests/soak/unadmitted_test.ts.
//
//   deno run --allow-all bench/unadmitted.ts [KINDS] [COUNT] [SECONDS]
//
// KINDS are some of `Hostility`, separated by commas; COUNT is how many of each. A connection that the server ends connects
// again.

import { HANDSHAKE_MS } from "../protocol.ts";
import { DEFAULT_BUDGET } from "../server/limits.ts";
import { SoakServer } from "../tests/support/soak_server.ts";
import {
  describe,
  HostileConnections,
  type Hostility,
  Talkers,
} from "../tests/support/unadmitted.ts";

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const [kinds = "garbage", count = "1000", seconds = "5"] = Deno.args;
await using server = await SoakServer.start({
  handshakeMs: HANDSHAKE_MS,
  maxAdmissions: 4000,
  budget: DEFAULT_BUDGET,
});
await using talkers = await Talkers.begin(server.port, 10);
await talkers.talk(server, pass(1000));
const alone = await talkers.talk(server, pass(3000));
console.log(`alone:      ${alone.latencies}`);
console.log(`            ${describe(alone.peak)}`);
const { port } = server;
const all = await Promise.all(
  kinds.split(",").map(async (kind) => ({
    kind: kind as Hostility,
    connections: await HostileConnections.prepare(),
  })),
);
const connecting = all.map(({ kind, connections }) =>
  connections.connect({ port, kind, count: Number(count), again: true })
);
const begun = await talkers.talk(server, Promise.all(connecting));
console.log(`connecting: ${begun.latencies}`);
const during = await talkers.talk(server, pass(Number(seconds) * 1000));
console.log(`connected:  ${during.latencies}`);
console.log(`            ${describe(during.peak)}`);
for (const { connections } of all) await connections.stop();
talkers.check();
const after = await server.until("members only", ({ connections }) => connections === 10);
console.log(`gone:       ${describe(after)}`);
