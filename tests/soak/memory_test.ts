import { assert, assertEquals, assertLess } from "@std/assert";
import {
  AckOutcome,
  encodeFrame,
  encodeHave,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  parseAck,
  PREFACE,
  Type,
} from "../../protocol.ts";
import { OWN_LOGS_SIZE } from "../../server/fold.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { NETWORK_PARTS } from "../../server/own_space.ts";
import { entry, Raw } from "../support/loopback.ts";
import { MEMORY, memoryBound, MIB } from "../support/memory_bound.ts";
import { type Holding, MB, SoakServer } from "../support/soak_server.ts";

/** A few hundred members show most. CI takes 1,000. */
const isLong = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "3") >= 20;
const MEMBERS = isLong ? 1_000 : 200;
const ADMISSIONS = isLong ? 1_024 : 200;
const { logSize } = DEFAULT_LIMITS;
/** No test waits this long: 1 hour, in ms. */
const NEVER_MS = 3_600_000;

/** A frame of the largest length, without its last byte. */
function unfinished(length: number, type: number): Uint8Array[] {
  const header = encodeFrame(type, 0);
  new DataView(header.buffer).setUint32(0, length);
  return [header, new Uint8Array(length - 6)];
}

Deno.test("Server: driven to all of its bounds at the same time, it takes less memory than docs/operating.md says", async () => {
  await using server = await SoakServer.start({
    maxMembers: MEMBERS,
    maxAdmissions: ADMISSIONS,
    handshakeMs: NEVER_MS,
    graceMs: NEVER_MS,
    idleMs: NEVER_MS,
    // All connections have one address here: its part is what all may have by default.
    ownTotal: NETWORK_PARTS * OWN_LOGS_SIZE,
    isChained: true,
  });
  await using all = new AsyncDisposableStack();
  let peak = 0;
  let last = (await server.collect()).rss;
  const bound = memoryBound({ logSize, maxMembers: MEMBERS, maxAdmissions: ADMISSIONS });
  const reached = async (what: string, fits: (holding: Holding) => boolean) => {
    const { heap, external } = await server.until(what, fits);
    const { rss } = await server.look();
    peak = Math.max(peak, rss);
    console.log(
      `${what}: heap ${MB(heap)} MB, external ${MB(external)}, RSS ${MB(rss)} (${MB(rss - last)})`,
    );
    last = rss;
    assertLess(rss, bound, what);
  };
  const external = async (more: number) => {
    const { external } = await server.collect();
    return (holding: Holding) => holding.external >= external + 0.9 * more;
  };
  const enter = async () => {
    const raw = all.use(await Raw.connect(server));
    await raw.write(PREFACE, entry(new Uint8Array(512)));
    const { id } = await raw.frameOf(Type.WELCOME);
    await raw.frameOf(Type.JOINED);
    await raw.write(encodeHave(0));
    return { raw, id };
  };

  const talker = await enter();
  await reached("one member", ({ members }) => members === 1);
  for (let said = 0; said < 2 * logSize; said += 200_000) {
    await talker.raw.write(encodeFrame(Type.MESSAGE, 0, new Uint8Array(200_000)));
    await talker.raw.frameOf(Type.MESSAGE);
  }
  await reached("a full room log", () => true);

  const members: Awaited<ReturnType<typeof enter>>[] = [];
  while (members.length < MEMBERS - 1) members.push(await enter());
  await reached(`${MEMBERS} members`, ({ members }) => members === MEMBERS);

  // A large message that its receiver has confirmed leaves nothing.
  const before = (await server.collect()).external;
  let position = 0;
  for (const { raw, id } of members) {
    await talker.raw.write(encodeFrame(Type.MESSAGE, id, new Uint8Array(250_000)));
    const { bytes } = await raw.frameOf(Type.DIRECT);
    await raw.write(encodeHave(bytes.length), encodeFrame(Type.PING, 0));
    await raw.frameOf(Type.PONG);
    position += (await talker.raw.frameOf(Type.ACK)).bytes.length;
  }
  await reached(
    "confirmed direct messages",
    ({ external }) => external < before + 20_000 * members.length,
  );

  // Nobody reads them, and HAVE comes from the talker alone.
  const full = await external(0.7 * OWN_LOGS_SIZE);
  let accepted = 0;
  for (let outcome = 0; outcome === AckOutcome.ACCEPTED; accepted++) {
    const { id } = members[accepted % members.length]!;
    await talker.raw.write(encodeFrame(Type.MESSAGE, id, new Uint8Array(1_100)));
    const ack = await talker.raw.frameOf(Type.ACK);
    outcome = parseAck(ack.body).outcome;
    position += ack.bytes.length;
    if (accepted % 100 === 0) await talker.raw.write(encodeHave(position));
  }
  assert(accepted > 0.8 * OWN_LOGS_SIZE / 1_200, `only ${accepted} direct messages were accepted`);
  await reached("full own logs", full);

  const announced = await external(members.length * MAX_FRAME);
  for (const { raw } of members) await raw.write(...unfinished(MAX_FRAME, Type.MESSAGE));
  await reached("the largest frames, unfinished", announced);

  const pending = await external(ADMISSIONS * MAX_FRAME_BEFORE_ADMISSION);
  for (let i = 0; i < ADMISSIONS; i++) {
    const raw = all.use(await Raw.connect(server));
    await raw.write(PREFACE, ...unfinished(MAX_FRAME_BEFORE_ADMISSION, Type.HELLO));
  }
  await reached(`${ADMISSIONS} unadmitted connections`, pending);
  const { connections } = await server.look();
  assertEquals(connections, MEMBERS + ADMISSIONS);
  console.log(`peak ${MB(peak)} MB of at most ${MB(bound)}`);
  // Otherwise the formula says nothing. No file data is on its way here: of one network, that would be little.
  assertLess(bound - 192 * MIB - MEMORY.data, 2 * peak);
});
