import { assert, assertLess } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  AckOutcome,
  encodeFrame,
  encodeHave,
  HEADER_SIZE,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  parseAck,
  PREFACE,
  Type,
} from "../../protocol.ts";
import { DATA_OVERHEAD, parseGrant } from "../../protocol/data.ts";
import { CREDIT_IN_ALL, NETWORK_CREDIT, RECEIVER_CREDIT } from "../../server/data_lanes.ts";
import { OWN_LOGS_SIZE } from "../../server/fold.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { NETWORK_PARTS } from "../../server/own_space.ts";
import { data, DataMember, grant } from "../support/data_member.ts";
import { entry, Raw } from "../support/loopback.ts";
import { memoryBound, MIB } from "../support/memory_bound.ts";
import { proxied } from "../support/proxied.ts";
import { type Holding, MB, SoakServer } from "../support/soak_server.ts";

/** A few hundred members show most. CI takes 1,000. */
const isLong = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "3") >= 20;
const MEMBERS = isLong ? 1_000 : 200;
const ADMISSIONS = isLong ? 1_024 : 200;
const { logSize } = DEFAULT_LIMITS;
/** No test waits this long: 1 hour, in ms. */
const NEVER_MS = 3_600_000;

/** Where most connections come from. */
const HOME = "192.0.2.1";
/** As many receivers, in as many other networks, may have all file data of the server. */
const RECEIVERS = CREDIT_IN_ALL / RECEIVER_CREDIT;
const DATA_NETWORKS = CREDIT_IN_ALL / NETWORK_CREDIT;
/** The smallest frame whose bytes count in full: that has the most around it. */
const CHUNK = 1024 - HEADER_SIZE - DATA_OVERHEAD;

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
    proxy: "127.0.0.1",
    // All senders have one address here: its part is what all may have by default.
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
  const connect = async (network: string) => {
    const raw = all.use(await Raw.connect(server));
    await raw.write(proxied(network));
    return raw;
  };
  const enter = async (network = HOME) => {
    const raw = await connect(network);
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
  while (members.length < RECEIVERS) {
    members.push(await enter(`198.51.100.${members.length % DATA_NETWORKS}`));
  }
  while (members.length < MEMBERS - 2) members.push(await enter());
  await using sender = await DataMember.join(server.port, HOME);
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

  // All receivers grant as much as they can, and none of them reads.
  const waiting = await external(CREDIT_IN_ALL);
  const sent = new Map<number, number>();
  const chunk = new Uint8Array(CHUNK);
  sender.on = ({ type, id, body }) => {
    if (type !== Type.GRANT) return;
    const { generation, total } = parseGrant(body);
    const frame = data(id, generation, chunk);
    let at = sent.get(id) ?? 0;
    const frames = Math.floor((total - at) / frame.length);
    sent.set(id, at += frames * frame.length);
    void sender.write(concat(new Array<Uint8Array>(frames).fill(frame)));
  };
  sender.read();
  for (const { raw } of members.slice(0, RECEIVERS)) {
    await raw.write(grant(sender.id, 1, Number.MAX_SAFE_INTEGER));
  }
  await reached(
    "all file data",
    (holding) => holding.granted > 0.98 * CREDIT_IN_ALL && waiting(holding),
  );

  const announced = await external(members.length * MAX_FRAME);
  for (const { raw } of members) await raw.write(...unfinished(MAX_FRAME, Type.MESSAGE));
  await reached("the largest frames, unfinished", announced);

  const pending = await external(ADMISSIONS * MAX_FRAME_BEFORE_ADMISSION);
  for (let i = 0; i < ADMISSIONS; i++) {
    const raw = await connect(HOME);
    await raw.write(PREFACE, ...unfinished(MAX_FRAME_BEFORE_ADMISSION, Type.HELLO));
  }
  await reached(
    `${ADMISSIONS} unadmitted connections`,
    // What came before may still grow: the bytes alone do not show that all have come.
    (holding) => holding.connections === MEMBERS + ADMISSIONS && pending(holding),
  );
  console.log(`peak ${MB(peak)} MB of at most ${MB(bound)}`);
  // Otherwise the formula says nothing.
  assertLess(bound - 192 * MIB, 2 * peak);
});
