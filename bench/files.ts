// Throughput of a file through the relay on loopback, beside `cp` and `ncat`; and what chat feels of it.
//
//   deno run --allow-all bench/files.ts [MiB]
//
// Server, sender and receiver are three processes. The server has no limit for bytes a second: what is measured is
// the program and not the limit. Memory is the greatest of each process (VmHWM).

import { join as joinRoom } from "../client.ts";
import { SystemDisk } from "../disk.ts";
import { Identity, KnownNames } from "../identity.ts";
import type { RoomEvent } from "../room.ts";

/** Messages whose way there and back is measured. */
const PINGS = 200;
const ROOT = `${import.meta.dirname}/..`;

interface Worker {
  readonly process: Deno.ChildProcess;
  /** The next line of its stdout. */
  line(): Promise<string>;
}

function start(args: string[], env: Record<string, string> = {}): Worker {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "--no-prompt", "--allow-all", ...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return {
    process,
    async line() {
      for (;;) {
        const end = rest.indexOf("\n");
        if (end !== -1) {
          const line = rest.slice(0, end);
          rest = rest.slice(end + 1);
          return line;
        }
        const { value, done } = await reader.read();
        if (done) throw new Error(`It ended: ${args.join(" ")}`);
        rest += value;
      }
    },
  };
}

/** MiB. */
function peak(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024);
}

async function timed(command: string, args: string[]): Promise<number> {
  const begin = performance.now();
  await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output();
  return (performance.now() - begin) / 1000;
}

/** The next event of this type that fits. */
type Next = (fits: (event: RoomEvent) => boolean) => Promise<RoomEvent>;

async function enter(port: number, name: string, code: string | undefined) {
  const waiting: { fits: (event: RoomEvent) => boolean; resolve: (event: RoomEvent) => void }[] =
    [];
  const client = await joinRoom({
    hostname: "127.0.0.1",
    port,
    name,
    ...(code !== undefined && { code }),
    self: () => ({ identity: Identity.generate(), knownNames: new KnownNames() }),
  });
  const ended = client.run((event) => {
    for (const one of [...waiting]) {
      if (!one.fits(event)) continue;
      waiting.splice(waiting.indexOf(one), 1);
      one.resolve(event);
    }
  });
  const next: Next = (fits) => new Promise((resolve) => waiting.push({ fits, resolve }));
  return { client, ended, next };
}

/** The median, and the 99th of a hundred, of the ways from one member to another, in ms. */
async function latency(port: number, code: string | undefined, goesOn: () => boolean) {
  const [one, other] = [await enter(port, "one", code), await enter(port, "other", code)];
  const took: number[] = [];
  for (let i = 0; i < PINGS && goesOn(); i++) {
    const text = `ping ${i}`;
    const heard = other.next((event) => event.type === "message" && event.text === text);
    const begin = performance.now();
    one.client.say(text);
    await heard;
    took.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  one.client.leave();
  other.client.leave();
  await Promise.all([one.ended, other.ended]);
  took.sort((a, b) => a - b);
  const at = (part: number) => took[Math.floor(part * (took.length - 1))]?.toFixed(1) ?? "-";
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${took.length})`;
}

async function transfer(cipher: "xor" | "sealed", folder: string, size: number): Promise<void> {
  const home = `${folder}/${cipher}`;
  await Deno.mkdir(home);
  const env = { HOME: home, XDG_CONFIG_HOME: `${home}/c`, XDG_RUNTIME_DIR: home };
  const main = `${ROOT}/main.ts`;
  const limits = ["--byte-rate", "0", "--rate", "0"];
  const server = start([main, "serve", "--port", "0", "--cipher", cipher, ...limits], env);
  const port = Number(/:(\d+)$/.exec(await server.line())![1]);
  const code = cipher === "sealed" ? (await server.line()).replace("code ", "") : undefined;
  const codes = code === undefined ? env : { ...env, CHAT_CODE: code };
  const address = `127.0.0.1:${port}`;
  const idle = await latency(port, code, () => true);
  const options = ["--json", "--stay", "--accept", "all", "--ask-above", "1024G"];
  const downloads = `${home}/downloads`;
  const receiver = start(
    [main, "join", address, "--name", "receiver", ...options, "--downloads", downloads],
    codes,
  );
  const sender = start([main, "join", address, "--name", "sender", ...options], codes);
  for (const { line } of [receiver, sender]) while (!(await line()).includes('"members"'));
  const writer = sender.process.stdin.getWriter();
  const offer = { type: "offer", path: `${folder}/file` };
  await writer.write(new TextEncoder().encode(JSON.stringify(offer) + "\n"));
  const event = async (state: string) => {
    for (;;) {
      const json = JSON.parse(await receiver.line());
      if (json.type === "transfer" && json.state === state) return;
    }
  };
  await event("running");
  const begin = performance.now();
  let goesOn = true;
  const busy = latency(port, code, () => goesOn);
  await event("done");
  goesOn = false;
  const seconds = (performance.now() - begin) / 1000;
  const memory = [server, sender, receiver].map(({ process: { pid } }) => `${peak(pid)} MiB`);
  console.log(`${cipher}: ${(size / seconds).toFixed(0)} MiB/s (${seconds.toFixed(1)} s)`);
  console.log(`  memory of server, sender, receiver: ${memory.join(", ")}`);
  console.log(`  chat of others: idle ${idle}; meanwhile ${await busy}`);
  for (const { process } of [sender, receiver, server]) {
    process.kill();
    await process.status;
  }
}

if (import.meta.main) {
  const size = Number(Deno.args[0] ?? 256);
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/file`;
    using file = await Deno.open(path, { write: true, create: true });
    const piece = crypto.getRandomValues(new Uint8Array(64 * 1024));
    for (let i = 0; i < 16 * size; i++) {
      new DataView(piece.buffer).setUint32(0, i);
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    }
    await timed("sync", []);
    const rate = (seconds: number) => `${(size / seconds).toFixed(0)} MiB/s`;
    console.log(`cp: ${rate(await timed("cp", [path, `${folder}/copy`]))}`);
    const hash = performance.now();
    const upload = await new SystemDisk(() => folder).open(path, undefined, () => {});
    upload.close();
    console.log(`SHA-256 alone: ${rate((performance.now() - hash) / 1000)}`);
    const pipe = `ncat -l 127.0.0.1 24280 --recv-only >${folder}/got & sleep 0.3; ` +
      `ncat --send-only 127.0.0.1 24280 <${path}; wait`;
    try {
      await new Deno.Command("ncat", { args: ["--version"], stdout: "null", stderr: "null" })
        .output();
      console.log(`ncat: ${rate(await timed("sh", ["-c", pipe]) - 0.3)}`);
    } catch {
      console.log("ncat: not there");
    }
    for (const cipher of ["xor", "sealed"] as const) await transfer(cipher, folder, size);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
