// An office of 30 behind one address: all join at once, then one pastes 1,000 lines and another floods the room. How long
// the lines of two others take from one to the other, alone, during the paste, during the flood, and during both.
//
//   deno run --allow-all bench/office.ts [SECONDS]
//
// Three members are real clients. The others join in the same way, read everything and open nothing: one machine cannot
// decrypt for thirty.

import { DEFAULT_LIMITS } from "../server/limits.ts";
import { enterOffice, Flooder, PASTED, troubles } from "../tests/support/office.ts";
import { QUICK_ADMISSION } from "../tests/support/quick_login.ts";
import { quickMember } from "../tests/support/quick_member.ts";
import { SoakServer } from "../tests/support/soak_server.ts";
import { Latencies } from "../tests/support/unadmitted.ts";

const CLERKS = 3;
const READERS = 26;
const PACE_MS = 50;

const seconds = Number(Deno.args[0] ?? "5");
const { handshakeMs: _, ...limits } = DEFAULT_LIMITS;
await using server = await SoakServer.start({ ...limits, admission: QUICK_ADMISSION });
const { port } = server;
await using all = new AsyncDisposableStack();

const begin = performance.now();
const [clerks, readers, flooder] = await Promise.all([
  enterOffice(port, CLERKS),
  Promise.all(Array.from({ length: READERS }, (_, i) => quickMember(port, `reader${i}`))),
  Flooder.join(port),
]);
console.log(`30 joins at once: ${(performance.now() - begin).toFixed(0)} ms`);
for (const one of [...clerks, ...readers, flooder]) all.use(one);

const [paster, ann, ben] = clerks;
const saidAt = new Map<string, number>();
let latencies = new Latencies();
for (const clerk of [ann!, ben!]) {
  clerk.on = (event) => {
    const at = event.type === "message" && !event.from.self ? saidAt.get(event.text) : undefined;
    if (at !== undefined) latencies.add(performance.now() - at);
  };
}

/** Two clerks talk until `isOver`, at least `seconds`. */
async function talk(what: string, isOver: () => boolean): Promise<void> {
  latencies = new Latencies();
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || !isOver()) {
    const text = `so what, ${saidAt.size}`;
    saidAt.set(text, performance.now());
    (saidAt.size % 2 === 0 ? ann! : ben!).client.say(text);
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
  }
  console.log(`${what}: ${latencies}`);
}

function paste(): () => boolean {
  for (let i = 0; i < PASTED; i++) paster!.client.say(`line ${i}`);
  return () => paster!.client.pending.length === 0;
}

await talk("alone", () => true);
await talk("a paste of 1,000 lines", paste());
let isOver = false;
const flooding = flooder.flood(() => isOver);
await talk("a flood", () => true);
await talk("a flood and another paste", paste());
isOver = true;
console.log(`the flood: ${flooder.sent} messages were made`);
const faults = clerks.flatMap(troubles);
console.log(faults.length === 0 ? "nobody was warned or dropped" : faults.join("\n"));
// What the server has not read of the flood is lost with its connection.
await flooder[Symbol.asyncDispose]();
await flooding;
