// A hostile member, who knows the code, does everything that it can for a minute. The honest members' screens show what
// was said, by whom, and nothing else; files from one honest member to another arrive; nobody honest is warned or
// dropped; nothing grows.
//
//   CHAT_HOSTILE_SEED=N      other acts; a failure names its seed
//   CHAT_SOAK_SECONDS=N      how long
//
// The same acts in short plays, which fast-check shrinks to the few that matter, find the cause of a failure.

import { assertEquals, assertLess } from "@std/assert";
import v8 from "node:v8";
import vm from "node:vm";
import { fingerprint, Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import {
  findControl,
  HonestFiles,
  HonestMember,
  RowReader,
  Script,
  Sight,
} from "../support/honest_members.ts";
import { type Act, act, HONEST } from "../support/hostile_acts.ts";
import { HostileMember } from "../support/hostile_member.ts";
import { HostileRoom } from "../support/hostile_room.ts";
import { Home } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";
import fc from "../support/property.ts";
import { QUICK_ADMISSION, QUICK_CODE, quickLogin } from "../support/quick_login.ts";
import { inFolder } from "../support/real_files.ts";
import { SystemDisk } from "../../files/system_disk.ts";
import { Server } from "../../server.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { MB } from "../support/soak_server.ts";

const SEED = Number(Deno.env.get("CHAT_HOSTILE_SEED") ?? "2428");
const SECONDS = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "60");
/** The part of the time after which the caches are filled. */
const WARM = 0.3;
/** The pause between two lines of the honest members, in ms. */
const PACE_MS = 80;
/** Lines between two files of alice. */
const LINES_PER_FILE = 25;
/** How much may be held at the end besides what was held when all caches were filled, in bytes. */
const SERVER_MARGIN = 16 * 1024 * 1024;
const CLIENTS_MARGIN = 24 * 1024 * 1024;
/** A process keeps memory that it does not use. */
const RSS_MARGIN = 64 * 1024 * 1024;

/** Collects this process's garbage. */
const gc: () => void = (() => {
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc") as () => void;
})();

function heapHere(): number {
  gc();
  return Deno.memoryUsage().heapUsed;
}

/** RSS of another process; 0 where that is not known. */
function rssOf(pid: number): number {
  if (Deno.build.os !== "linux") return 0;
  return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * 4096;
}

function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* filesIn(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

/** carol uses the real program in a real terminal. */
class Carol implements AsyncDisposable {
  readonly terminal: Terminal;
  readonly sight: Sight;
  readonly home: Home;
  #reader!: RowReader;
  pid = 0;

  constructor(room: HostileRoom) {
    this.home = new Home();
    this.terminal = new Terminal({ env: { ...this.home.env, CHAT_CODE: QUICK_CODE } });
    this.terminal.emulator.options.scrollback = 5_000;
    this.sight = new Sight("carol", room.script);
  }

  static async join(room: HostileRoom): Promise<Carol> {
    const carol = new Carol(room);
    const { terminal } = carol;
    const address = `127.0.0.1:${room.server.port}`;
    terminal.run("join", address, "--name", "carol", "--time", "off");
    await terminal.shows("3 members");
    carol.pid = Number(/pid (\d+)\r/.exec(terminal.output)![1]);
    const [id] = room.alice.client.members.filter(({ name }) => name === "carol").map((m) => m.id);
    room.script.ids.set("carol", id!);
    // The shell has cleared the screen.
    carol.#reader = new RowReader(terminal.emulator);
    terminal.output = "";
    return carol;
  }

  look(toEnd = false): void {
    const { terminal, sight } = this;
    sight.rows(this.#reader.take(toEnd));
    // A sequence may have arrived in part.
    const end = terminal.output.lastIndexOf("\n") + 1;
    const control = findControl(terminal.output.slice(0, end));
    terminal.output = terminal.output.slice(end);
    if (control !== undefined) sight.fault(`to the terminal: ${control}`);
    for (const effect of terminal.effects) {
      if (!/^(?:bell$|answer )/.test(effect)) sight.fault(`the terminal's ${effect}`);
    }
    terminal.effects = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminal[Symbol.asyncDispose]();
    this.home[Symbol.dispose]();
  }
}

Deno.test({
  name: `A hostile member sends all it can: three screens show only what was said, and by whom; ` +
    `nobody is warned, slowed or dropped; nothing grows (seed ${SEED})`,
  ignore: Deno.build.os === "windows",
  fn: () => play(SEED, SECONDS * 1000),
});

async function play(seed: number, ms: number): Promise<void> {
  await using room = await HostileRoom.open(seed);
  const { alice, bob, script, files, worker, server } = room;
  await using carol = await Carol.join(room);
  await bob.until("carol", () => bob.client.size === 3);

  const holdings = async () => ({
    server: await server.collect(),
    here: heapHere(),
    carol: rssOf(carol.pid),
  });
  let line = 0;
  /** The honest members talk until this time. */
  const talk = async (end: number) => {
    while (performance.now() < end) {
      const isDirect = line % 7 === 6;
      if (line % LINES_PER_FILE === 0) room.give();
      switch (line++ % 3) {
        case 0:
          room.say(alice, isDirect);
          break;
        case 1:
          room.say(bob, isDirect);
          break;
        case 2: {
          const text = script.add("carol", isDirect ? "alice" : undefined);
          const before = isDirect ? `/msg #${script.ids.get("alice")} ` : "";
          carol.terminal.type(`${before}${text}\r`);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
      if (line % 5 > 0) continue;
      await alice.look();
      await bob.look();
      carol.look();
    }
  };
  /** Until all three have seen what each of them says last, and carol's screen has nothing more to show. */
  const settle = async () => {
    worker.order("rest");
    const ends = (["alice", "bob", "carol"] as const).map((name) => script.add(name));
    alice.client.say(ends[0]!);
    bob.client.say(ends[1]!);
    carol.terminal.type(`${ends[2]}\r`);
    const isShown = (text: string) => carol.terminal.rows.join("\n").includes(text);
    await carol.terminal.until("the end", () => {
      carol.look();
      return ends.every((text) => carol.sight.has(text) || isShown(text));
    });
    for (const one of [alice, bob]) {
      await one.until("the end", () => ends.every((text) => one.events.has(text)));
      await one.until("the confirmations", () => one.client.pending.length === 0);
    }
    return ends;
  };

  const start = performance.now();
  worker.order("act");
  await talk(start + ms * WARM);
  await settle();
  const before = await holdings();
  worker.order("act");
  await talk(start + ms);
  const arrived = files.received.received.size;
  const ends = await settle();
  const after = await holdings();
  const { acts, joins, done } = await worker.stop();

  carol.look(true);
  carol.sight.complete();
  const faults = [
    ...await alice.complete(ends),
    ...await bob.complete(ends),
    ...carol.sight.faults,
    ...await files.complete(bob),
  ];
  console.log(
    `seed ${seed}, ${ms / 1000} s: ${acts} acts, ${joins} joins ${JSON.stringify(done)}; ` +
      `${script.lines.length} honest lines, ${script.files.size} files, ${arrived} arrived in time, ` +
      `${script.requests} hostile requests, ${files.reads} pieces read, ${room.latencies}, p95 ${
        room.latencies.at(0.95).toFixed(1)
      }; in MB, before and after: server heap ${MB(before.server.heap)} ${
        MB(after.server.heap)
      }, ` +
      `external ${MB(before.server.external)} ${MB(after.server.external)}, RSS ${
        MB(before.server.rss)
      } ${MB(after.server.rss)}; alice and bob, heap ${MB(before.here)} ${MB(after.here)}; ` +
      `carol, RSS ${MB(before.carol)} ${MB(after.carol)}`,
  );
  assertEquals(faults, [], `seed ${seed}`);
  assertLess(0, script.requests, "the hostile member has requested no file");
  assertLess(script.files.size / 2, arrived, "files do not arrive");
  const own = [...filesIn(carol.home.path)].filter((file) => !/\/(?:config|run)\//.test(file));
  assertEquals(own, [], "files that nobody asked for");
  const held = ({ heap, external }: { heap: number; external: number }) => heap + external;
  assertLess(held(after.server) - held(before.server), SERVER_MARGIN, "the server has grown");
  assertLess(after.server.rss - before.server.rss, RSS_MARGIN, "the server's process has grown");
  assertLess(after.here - before.here, CLIENTS_MARGIN, "alice's or bob's client has grown");
  assertLess(after.carol - before.carol, RSS_MARGIN, "carol's program has grown");
}

/** Short plays. */
const PLAYS = 20;
const MAX_ACTS = 80;
/** Acts between two lines of the honest members. */
const ACTS_PER_LINE = 8;
/** Acts between two files of alice. */
const ACTS_PER_FILE = 30;

/**
 * Plays the acts against three clients and a server in this process; returns what the screens showed wrongly.
 *
 * @param isModerated alice is a moderator: then only she may set topics
 */
async function playShort(acts: readonly Act[], isModerated: boolean): Promise<string[]> {
  const faults: string[] = [];
  await inFolder(async (downloads) => {
    await using stack = new AsyncDisposableStack();
    const here = "127.0.0.1";
    const identity = Identity.generate();
    const server = new Server({
      ...DEFAULT_LIMITS,
      hostname: here,
      port: 0,
      admission: QUICK_ADMISSION,
      moderators: isModerated ? [fingerprint(identity.publicKey)] : [],
    });
    stack.defer(() => server.stop());
    const { port } = server;
    const entry = { hostname: here, port, code: QUICK_CODE, login: quickLogin };
    const script = new Script();
    const files = new HonestFiles(script);
    const disks = {
      alice: files.offered,
      bob: files.received,
      carol: new SystemDisk(() => downloads),
    };
    const honest: HonestMember[] = [];
    for (const name of HONEST) {
      const self = { identity, knownNames: new KnownNames() };
      const options = { ...entry, ...(name === "alice" && { self: () => self }) };
      honest.push(stack.use(await HonestMember.join(name, script, disks[name], options)));
    }
    const [alice, bob] = honest;
    for (const one of honest) {
      await one.until("the others", () => one.client.size === HONEST.length);
    }
    const hostile = new HostileMember(entry);
    stack.defer(() => hostile.stop());
    const say = (by: HonestMember, to?: HonestMember) => {
      const text = script.add(by.name, to?.name);
      if (to) by.client.tell(script.ids.get(to.name)!, text);
      else by.client.say(text);
      return text;
    };
    for (const [i, one] of acts.entries()) {
      await hostile.perform({ ...one, rest: 0 });
      if (i % ACTS_PER_FILE === 1) files.offer(alice!, "bob");
      if (i % ACTS_PER_LINE > 0) continue;
      const [by, to] = [honest[i % 3]!, honest[(i + 1) % 3]!];
      say(by, i % 3 === 2 ? to : undefined);
    }
    const ends = honest.map((one) => say(one));
    for (const one of honest) {
      await one.until("the end", () => ends.every((text) => one.events.has(text)));
      await one.until("the confirmations", () => one.client.pending.length === 0);
      faults.push(...await one.complete(ends));
    }
    faults.push(...await files.complete(bob!), ...filesIn(downloads));
    const { isLocked, bans, moderators } = server.hub.fold.governance;
    if (isLocked || bans.length > 0 || moderators.length !== Number(isModerated)) {
      faults.push("a hostile member governs the room");
    }
  });
  return faults;
}

Deno.test(`A hostile member's acts in ${PLAYS} short plays: three screens show only what was said, and by whom (seed ${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 1, maxLength: MAX_ACTS }),
      fc.boolean(),
      async (acts, isModerated) => {
        assertEquals(await playShort(acts, isModerated), []);
      },
    ),
    { seed: SEED, numRuns: PLAYS },
  );
});
