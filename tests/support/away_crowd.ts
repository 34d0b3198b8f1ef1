// Test helper: a server whose members are mostly away, and the memory that these take. For a bench and a soak test. No
// part of the program.

import { encodeFrame, encodeHave, PREFACE, Type } from "../../protocol.ts";
import { DEFAULT_BUDGET, DEFAULT_LIMITS } from "../../server/limits.ts";
import { entry, Raw } from "./loopback.ts";
import { type Holding, SoakServer } from "./soak_server.ts";

/** Bytes of each profile. A sealed one with a name of eight letters has about as many. */
export const PROFILE = 256;
/** How many members come at the same time. */
const AT_ONCE = 10;

/** What a server holds when only the present members have joined, and when others have joined and gone away. */
export async function measureAway(
  present: number,
  away: number,
): Promise<{ before: Holding; after: Holding }> {
  await using server = await SoakServer.start({
    maxMembers: present + away,
    graceMs: DEFAULT_LIMITS.graceMs,
    idleMs: DEFAULT_LIMITS.graceMs,
    awayMs: 0,
    isChained: true,
    budget: DEFAULT_BUDGET,
  });
  await using all = new AsyncDisposableStack();
  const join = async () => {
    const raw = await Raw.connect(server);
    await raw.write(PREFACE, entry(new Uint8Array(PROFILE)));
    await raw.frameOf(Type.WELCOME);
    await raw.frameOf(Type.JOINED);
    await raw.write(encodeHave(0), encodeFrame(Type.PING, 0));
    await raw.frameOf(Type.PONG);
    return raw;
  };
  const stay = async () => void read(all.use(await join()));
  const leave = async () => (await join()).conn.close();
  const times = async (count: number, task: () => Promise<void>) => {
    for (let done = 0; done < count; done += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, task));
    }
  };
  await times(present, stay);
  const before = await server.collect();
  await times(away, leave);
  const after = await server.until(
    "the end of their connections",
    (holding) => holding.connections === present && holding.away === away,
  );
  return { before, after };
}

/** Bytes of memory, without what the room's log takes. */
export function memoryOf({ heap, external, log }: Holding): number {
  return heap + external - log;
}

/** Reads everything until its connection is closed here. */
async function read({ conn }: Raw): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    while (await conn.read(buffer) !== null);
  } catch (error) {
    const { BadResource, Interrupted } = Deno.errors;
    if (!(error instanceof BadResource || error instanceof Interrupted)) throw error;
  }
}
