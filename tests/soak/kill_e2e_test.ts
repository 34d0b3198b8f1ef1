// chat serve --state: a server that is killed, or stopped, while 20 members talk. CHAT_KILLS sets how often, CHAT_SEED
// repeats the random moments of a run.

import { assert, assertEquals } from "@std/assert";
import { Home, Program } from "../support/program.ts";
import { reservedPort } from "../support/ports.ts";
import { mulberry32 } from "../support/random.ts";
import { Talkers } from "../support/talkers.ts";

// On Windows a signal ends a program at once, and SIGTERM is no stop.
const withSignals = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

const KILLS = Number(Deno.env.get("CHAT_KILLS") ?? "20");
const STOPS = Math.ceil(KILLS / 5);
const SEED = Number(Deno.env.get("CHAT_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const MEMBERS = 20;
/** A second, of all members: the default `--rate` allows 50 of each. */
const RATE = 200;
const DIRECT_RATE = 5;

type Cipher = "sealed" | "xor";

/** A room that is kept in a folder, and its server. */
class KeptServer implements AsyncDisposable {
  readonly port = reservedPort();
  readonly #home = new Home();
  readonly #args: readonly string[];
  #server: Program | undefined;
  code: string | undefined;
  /** The logs of its servers that have ended. */
  #log = "";
  /** How long the last start took, in ms. */
  startMs = 0;

  constructor(cipher: Cipher) {
    const where = ["--port", String(this.port), "--state", `${this.#home.path}/state`];
    this.#args = ["serve", "--cipher", cipher, ...where];
  }

  /** Begins to start the program. */
  spawn(): void {
    this.#server = new Program(this.#args, { home: this.#home });
  }

  /** Resolves when it listens. */
  async listening(): Promise<void> {
    const { stdout, stderr } = this.#server!;
    try {
      await stdout.lineLike(/^listening /);
    } catch (cause) {
      throw new Error(`The server does not start: ${await stderr.all()}`, { cause });
    }
  }

  async start(): Promise<void> {
    const begun = performance.now();
    this.spawn();
    await this.listening();
    this.startMs = performance.now() - begun;
  }

  async firstStart(cipher: Cipher): Promise<void> {
    await this.start();
    if (cipher === "xor") return;
    this.code = (await this.#server!.stdout.lineLike(/^code /)).replace("code ", "");
  }

  /** Ends the program; returns its exit code and its log. */
  async end(signal: Deno.Signal): Promise<{ code: number; log: string }> {
    const server = this.#server!;
    server.signal(signal);
    const { code, stderr: log } = await server.result();
    await server[Symbol.asyncDispose]();
    this.#log += `${log}${signal}\n`;
    return { code, log };
  }

  /** Runs a test; shows the logs of all servers if it fails. */
  async run(test: () => Promise<void>): Promise<void> {
    try {
      await test();
    } catch (error) {
      await this.end("SIGKILL").catch(() => {});
      console.log(this.#log);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#home[Symbol.dispose]();
  }
}

function percentiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => {
    const index = Math.min(sorted.length - 1, Math.floor(part * sorted.length));
    return `${(sorted[index] ?? NaN).toFixed(0)} ms`;
  };
  return `p50 ${at(0.5)}, p99 ${at(0.99)} (${times.length} times)`;
}

/** A pause before a kill: the moment must be a random one. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** When a server is killed: in the middle of a conversation, while its members resume, or before it listens. */
type Moment = "talk" | "resume" | "start";

async function open(cipher: Cipher, room: KeptServer): Promise<Talkers> {
  console.log(`CHAT_SEED=${SEED}`);
  await room.firstStart(cipher);
  const { port, code } = room;
  const roll = mulberry32(SEED + 1);
  return await Talkers.join({
    ...{ port, code, count: MEMBERS, rate: RATE, directRate: DIRECT_RATE, roll },
  });
}

async function killAgainAndAgain(cipher: Cipher, room: KeptServer): Promise<void> {
  const roll = mulberry32(SEED);
  const draw = (): Moment => (["start", "resume", "resume"] as const)[roll(8)] ?? "talk";
  await using talkers = await open(cipher, room);
  const begun = performance.now();
  const [listens, returns]: [number[], number[]] = [[], []];
  const counts = { talk: 0, resume: 0, start: 0 };
  let moment: Moment = "talk";
  let startedAt = 0;
  for (let kills = 1; kills <= KILLS; kills++) {
    counts[moment]++;
    if (moment === "talk") {
      await talkers.connected(startedAt);
      await pause(200 + roll(1300));
    } else if (moment === "resume") {
      await talkers.connected(startedAt, 1 + roll(MEMBERS - 1));
    } else {
      await pause(roll(Math.ceil(room.startMs)));
    }
    const killedAt = performance.now();
    await room.end("SIGKILL");
    const next = kills < KILLS ? draw() : "talk";
    startedAt = performance.now();
    if (next === "start") {
      room.spawn();
    } else {
      await room.start();
      if (moment === "talk") listens.push(performance.now() - killedAt);
      if (moment === "talk" && next === "talk") {
        await talkers.connected(startedAt);
        returns.push(...talkers.connectedSince(startedAt).map((at) => at - killedAt));
      }
    }
    moment = next;
  }
  await talkers.connected(startedAt);
  await talkers.finish();
  assertEquals(Object.keys(talkers.losses), ["lost"]);
  const { confirmed } = talkers;
  const rate = confirmed.room / (performance.now() - begun) * 1000;
  assert(confirmed.room > 10 * KILLS && confirmed.direct > 0);
  console.log(
    `${cipher}: ${confirmed.room} messages, ${
      rate.toFixed(0)
    } a second, and ${confirmed.direct} direct ones; killed ` +
      `${counts.talk} times in a conversation, ${counts.resume} while members resumed, ` +
      `${counts.start} during a start; listening again: ${percentiles(listens)}; ` +
      `each member connected again: ${percentiles(returns)}`,
  );
}

async function stopAgainAndAgain(cipher: Cipher, room: KeptServer): Promise<void> {
  const roll = mulberry32(SEED);
  await using talkers = await open(cipher, room);
  let startedAt = 0;
  for (let stops = 1; stops <= STOPS; stops++) {
    await talkers.connected(startedAt);
    await pause(200 + roll(1300));
    const { code, log } = await room.end("SIGTERM");
    assertEquals(code, 0, log);
    assert(!/\bleft\b/.test(log), log);
    startedAt = performance.now();
    await room.start();
  }
  await talkers.connected(startedAt);
  await talkers.finish();
  // On a machine that is too slow, the server does not wait until the last of them has read everything.
  const { stopped = 0, lost = 0 } = talkers.losses;
  assert(stopped > lost, `the reason was seen ${stopped} times of ${stopped + lost}`);
}

for (const cipher of ["sealed", "xor"] as const) {
  withSignals(
    `chat serve --state: kill -9, ${KILLS} times, while 20 members talk: each message once, in one order, ${cipher}`,
    async () => {
      await using room = new KeptServer(cipher);
      await room.run(() => killAgainAndAgain(cipher, room));
    },
  );

  withSignals(
    `chat serve --state: stopped and started, ${STOPS} times, while 20 members talk: they see the reason, and lose nothing, ${cipher}`,
    async () => {
      await using room = new KeptServer(cipher);
      await room.run(() => stopAgainAndAgain(cipher, room));
    },
  );
}
