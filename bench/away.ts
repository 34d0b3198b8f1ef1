// The memory of members that are away: of a server with 5,000 members, 4,500 of which have lost their connections, and of
// the parts that it keeps of each of them, each kind in a process of its own.
//
//   deno run --allow-all bench/away.ts

import { encodeAway, MAX_FRAME } from "../protocol.ts";
import { FloodGuard } from "../protocol/rate_limit.ts";
import { drawToken } from "../protocol/resume.ts";
import { Absences } from "../server/absences.ts";
import { Budgets } from "../server/budgets.ts";
import { OWN_LOG_SIZE, OWN_LOGS_SIZE } from "../server/fold.ts";
import { FoldMember } from "../server/fold_member.ts";
import { DEFAULT_BUDGET } from "../server/limits.ts";
import { LogChain } from "../server/log_chain.ts";
import { Member } from "../server/member.ts";
import { MemberList } from "../server/member_list.ts";
import { OwnLog } from "../server/own_log.ts";
import { OwnSpace } from "../server/own_space.ts";
import { Log } from "../server/room_log.ts";
import type { Session } from "../server/session.ts";
import { concat } from "@std/bytes/concat";
import { encodeFrame, Type } from "../protocol.ts";
import { measureAway, memoryOf, PROFILE } from "../tests/support/away_crowd.ts";

const PRESENT = 500;
const AWAY = 4_500;
/** Bytes of the key that a sealed room's client and server share. */
const KEY = 64;

const now = () => 0;
const after = () => () => {};
const profile = new Uint8Array(PROFILE);
const log = new Log(32 * 1024 ** 2, 512 * 1024);
const outlet = { wake() {}, cut() {}, drop() {} };
const sharedOwn = new OwnLog(OWN_LOG_SIZE, new OwnSpace(OWN_LOGS_SIZE));

function foldMember(id: number, own: OwnLog = sharedOwn): FoldMember {
  return new FoldMember({
    joined: 0,
    id,
    start: 0,
    connection: id,
    network: `192.0.2.${id % 250}`,
    own,
    profile,
  });
}

/** What a server keeps for each member: how to make one of it. */
const PARTS: Record<string, () => (id: number) => unknown> = {
  "the member in the fold, with its profile": () => foldMember,
  "its entries in the maps of members": () => {
    const maps = Array.from({ length: 3 }, () => new Map<number, unknown>());
    return (id) => maps.map((map) => map.set(id, profile));
  },
  "its entry in the list of members, with its profile twice": () => {
    const list = new MemberList();
    return (id) => {
      const entry = concat([encodeFrame(Type.MEMBER, id, profile), encodeAway(id, 2 ** 40)]);
      list.add({ id, entry });
      // A newcomer takes the list, whose bytes are kept for the next one.
      if (id === AWAY) { for (const pieces = list.pieces(); pieces();); }
      return list;
    };
  },
  "its own log, empty": () => {
    const space = new OwnSpace(OWN_LOGS_SIZE);
    return () => new OwnLog(OWN_LOG_SIZE + MAX_FRAME, space);
  },
  "its token and key": () => {
    const byToken = new Map<string, unknown>();
    return () => {
      const token = drawToken();
      byToken.set(token, profile);
      return [byToken, [token], new Uint8Array(KEY)];
    };
  },
  "its place in the chain of the room's log": () => {
    const chained = new Log(32 * 1024 ** 2, 512 * 1024);
    const chain = new LogChain(chained, new Uint8Array(16));
    const frame = encodeFrame(Type.JOINED, 1);
    return () => {
      chain.beforeAppend(frame);
      chained.append(frame);
      return chain;
    };
  },
  "the member in the hub": () => {
    const state = foldMember(1);
    return () => new Member(state, outlet, log, () => undefined);
  },
  "its session": () => {
    const member = new Member(foldMember(1), outlet, log, () => undefined);
    const floodGuard = new FloodGuard();
    return (): Session => ({
      nonce: undefined,
      ...{ member, floodGuard, connection: undefined, rateLimiter: undefined },
      ...{ isOver: false, reading: undefined },
    });
  },
  "its rate limiter": () => {
    const budgets = new Budgets({ budget: DEFAULT_BUDGET, now, after });
    return () => {
      const limiter = budgets.memberOf("192.0.2.7")!;
      limiter.take({ frames: 1.5, bytes: 100.5 }, 0.5);
      return limiter;
    };
  },
  "its flood guard": () => () => new FloodGuard(),
  "its absence": () => {
    const absences = new Absences({
      ...{ graceMs: 1e9, awayMs: 1e9, now, after, onAway() {}, onOver() {} },
    });
    return (id) => {
      absences.add({ id, network: "192.0.2.7" }, 0, true);
      return absences;
    };
  },
};

/** Bytes of memory that one of a part takes. */
function measurePart(make: () => (id: number) => unknown): number {
  const { gc } = globalThis as unknown as { gc: () => void };
  const memory = () => {
    gc();
    gc();
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const makeOne = make();
  const kept = new Array<unknown>(AWAY);
  makeOne(0);
  const before = memory();
  for (let id = 1; id <= AWAY; id++) kept[id - 1] = makeOne(id);
  const bytes = (memory() - before) / AWAY;
  if (kept.includes(undefined)) throw new Error("Nothing was kept");
  return bytes;
}

/** The same in a process of its own. */
async function measureAlone(name: string): Promise<number> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", "--v8-flags=--expose-gc", import.meta.filename!, name],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure ${name}`);
  return Number(new TextDecoder().decode(stdout));
}

const [part] = Deno.args;
if (part !== undefined) {
  console.log(measurePart(PARTS[part]!));
} else {
  console.log("| part | bytes for each member |\n| --- | ---: |");
  let sum = 0;
  for (const name of Object.keys(PARTS)) {
    const bytes = await measureAlone(name);
    sum += bytes;
    console.log(`| ${name} | ${bytes.toFixed(0)} |`);
  }
  console.log(`| sum of the parts | ${sum.toFixed(0)} |`);
  const { before, after } = await measureAway(PRESENT, AWAY);
  const all = (memoryOf(after) - memoryOf(before)) / AWAY;
  console.log(
    `| a server with ${PRESENT} members, and then ${AWAY} more that go away | ${all.toFixed(0)} |`,
  );
  console.log(`| of that besides the profile | ${(all - PROFILE).toFixed(0)} |`);
  const MB = (bytes: number) => (bytes / 1e6).toFixed(0);
  console.log(`RSS: ${MB(before.rss)} MB, then ${MB(after.rss)} MB`);
}
