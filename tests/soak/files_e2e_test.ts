// Files through the real programs, from disk to disk: one of the three programs is killed, the sender lies, or the
// receiver's disk fails.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { MAX_WINDOW } from "../../client/receive_window.ts";
import { CHECKPOINT_BYTES } from "../../files/part_file.ts";
import { Home, Program, run } from "../support/program.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { Guest } from "../support/loopback.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { sha256 } from "../support/hash.ts";
import { noise } from "../support/random.ts";
import { MAX_PIECE } from "../../protocol/file_messages.ts";

// On Windows, files have no modes, and links need more rights.
const posix = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

const MIB = 1024 * 1024;
/** What a lost connection may cost: the window that was on its way, and all that is not file data. */
const CUT_BYTES = MAX_WINDOW + 256 * 1024;
const THROUGH = { seed: 1, kinds: [], maxChunk: MAX_PIECE } as const;

type Json = Record<string, unknown>;

function portOf(address: string): number {
  return Number(address.split(":").at(-1));
}

/** Waits for a transfer in this state; throws if one fails. */
async function transfer(program: Program, state: string): Promise<Json> {
  for (;;) {
    const json: Json = JSON.parse(await program.stdout.lineLike(/^\{"type":"transfer"/));
    if (json["state"] === state) return json;
    assert(json["state"] !== "failed", JSON.stringify(json));
  }
}

function say(program: Program, json: Json): Promise<void> {
  return program.type(`${JSON.stringify(json)}\n`);
}

/** Ends a program like a crash or a power cut. */
async function kill(program: Program): Promise<void> {
  program.signal("SIGKILL");
  await program[Symbol.asyncDispose]();
}

function list(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

async function assertSame(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const got = await Deno.readFile(path);
  assertEquals([got.length, sha256(got).toHex()], [
    bytes.length,
    sha256(bytes).toHex(),
  ]);
}

/** A room, and a folder with a file; proxies count what the sender sends, and what the receiver gets. */
class Stage implements AsyncDisposable {
  readonly folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "chat-test-" }));
  readonly downloads = `${this.folder}/downloads`;
  readonly file = `${this.folder}/large file.bin`;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly args: readonly string[];
  /** Two users on two machines, each with its own key. */
  readonly homes = { ada: new Home(), bob: new Home() };
  #server: Program;
  readonly address: string;
  /** Gives the programs the room's code. */
  readonly env: Record<string, string>;
  readonly proxy: FaultProxy;
  readonly theirs: FaultProxy;

  private constructor(
    server: Program,
    address: string,
    code: string | undefined,
    [proxy, theirs]: readonly [FaultProxy, FaultProxy],
    { args, size, state }: { args: readonly string[]; size: number; state: string },
  ) {
    this.#server = server;
    this.address = address;
    this.env = code === undefined ? {} : { CHAT_CODE: code };
    this.proxy = proxy;
    this.theirs = theirs;
    this.args = args;
    this.state = state;
    this.bytes = noise(size);
    Deno.writeFileSync(this.file, this.bytes);
  }

  /** Where the server keeps the verifier of the code. */
  readonly state: string;

  static async open(cipher: "sealed" | "xor", size: number): Promise<Stage> {
    const state = await Deno.makeTempDir({ prefix: "chat-test-" });
    const kept = cipher === "sealed"
      ? ["--state", `${state}/state`]
      : ["--cipher", "xor", "--key", "198"];
    const args = [...kept, "--byte-rate", "0"];
    const { server, address } = await Program.serve(...args);
    const code = cipher === "sealed"
      ? (await server.stdout.lineLike(/^code /)).replace("code ", "")
      : undefined;
    const start = () => FaultProxy.start({ port: portOf(address) }, THROUGH);
    return new Stage(server, address, code, [await start(), await start()], { args, size, state });
  }

  async #join(name: "ada" | "bob", port: number, ...args: string[]): Promise<Program> {
    const program = new Program(
      ["join", `127.0.0.1:${port}`, "--name", name, "--json", "--stay", ...args],
      { home: this.homes[name], env: this.env },
    );
    await program.stdout.lineLike(/^\{"type":"members"/);
    return program;
  }

  ada(): Promise<Program> {
    return this.#join("ada", this.proxy.port);
  }

  bob(...args: string[]): Promise<Program> {
    const files = ["--accept", "all", "--downloads", this.downloads];
    return this.#join("bob", this.theirs.port, ...files, ...args);
  }

  /** Resolves when about half of the file has been sent; from then on nothing passes. */
  half(): Promise<void> {
    return this.proxy.freezeAt("up", this.proxy.passed.up + this.bytes.length / 2);
  }

  async restartServer(): Promise<void> {
    await kill(this.#server);
    const { server } = await Program.serveAt(portOf(this.address), ...this.args);
    this.#server = server;
  }

  /**
   * The file is complete, under its name, alone. Sending it took no more bytes than it has, a window for each lost
   * connection, and what a killed receiver had not recorded.
   *
   * @param cuts lost connections; a killed program loses its connection, too
   * @param kills how often the receiver was killed
   */
  async assertDone(cuts: number, kills: number): Promise<void> {
    assertEquals(list(this.downloads), ["large file.bin"]);
    await assertSame(`${this.downloads}/large file.bin`, this.bytes);
    const { up } = this.proxy.passed;
    const { down } = this.theirs.passed;
    const size = this.bytes.length;
    const most = size + cuts * CUT_BYTES + kills * CHECKPOINT_BYTES;
    const moved = `${up} bytes were sent and ${down} received for ${size}; ${most} are allowed`;
    console.log(moved);
    assert(Math.max(up, down) <= most, moved);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.theirs[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
    for (const home of Object.values(this.homes)) home[Symbol.dispose]();
    for (const folder of [this.folder, this.state]) Deno.removeSync(folder, { recursive: true });
  }
}

for (const cipher of ["sealed", "xor"] as const) {
  Deno.test(`files, ${cipher}: a killed and restarted receiver continues from the part on its disk`, async () => {
    await using stage = await Stage.open(cipher, 24 * MIB);
    await using ada = await stage.ada();
    const bob = await stage.bob();
    const half = stage.half();
    await say(ada, { type: "offer", path: stage.file });
    await half;
    await kill(bob);
    // A part and its state, and no file of the final name.
    assertMatch(
      list(stage.downloads).join(" "),
      /^large file\.bin\.\w+\.part \S+ \S+\.part\.state$/,
    );
    stage.proxy.thaw();
    await using again = await stage.bob();
    const { had } = await transfer(again, "running");
    assert(
      had as number >= stage.bytes.length / 2 - CHECKPOINT_BYTES - MAX_WINDOW,
      `it had ${had}`,
    );
    await transfer(again, "done");
    await transfer(ada, "done");
    await stage.assertDone(1, 1);
  });

  Deno.test(`files, ${cipher}: only the rest is requested from a killed and restarted sender that offers the file again`, async () => {
    await using stage = await Stage.open(cipher, 24 * MIB);
    const ada = await stage.ada();
    await using bob = await stage.bob();
    const half = stage.half();
    await say(ada, { type: "offer", path: stage.file });
    await half;
    await kill(ada);
    stage.proxy.thaw();
    await using again = await stage.ada();
    await say(again, { type: "offer", path: stage.file });
    await transfer(bob, "done");
    await transfer(again, "done");
    await stage.assertDone(1, 0);
  });

  Deno.test(`files, ${cipher}: a killed and restarted server costs only the data on its way`, async () => {
    await using stage = await Stage.open(cipher, 24 * MIB);
    await using ada = await stage.ada();
    await using bob = await stage.bob();
    const half = stage.half();
    await say(ada, { type: "offer", path: stage.file });
    await half;
    await stage.restartServer();
    stage.proxy.thaw();
    for (const one of [ada, bob]) await one.stdout.lineLike(/^\{"type":"connected"/);
    const { had } = await transfer(bob, "done");
    assertEquals(had, 0);
    await transfer(ada, "done");
    await stage.assertDone(1, 0);
  });
}

Deno.test("files: 50 lost connections, and both programs killed, cost no more than a window each and what a part had not recorded", async () => {
  const cuts = 50;
  // More passes between two cuts than one may cost, and the file is larger than all that passes before the last cut.
  const step = CUT_BYTES + MAX_PIECE;
  await using stage = await Stage.open("sealed", (cuts + 2) * (step + MAX_PIECE));
  await using stack = new AsyncDisposableStack();
  const { proxy, theirs, file } = stage;
  let ada = stack.use(await stage.ada());
  let bob = stack.use(await stage.bob());
  await say(ada, { type: "offer", path: file });
  for (let n = 1; n <= cuts; n++) {
    const isAda = n % 2 === 0;
    const [program, through, direction] = isAda
      ? [ada, proxy, "up"] as const
      : [bob, theirs, "down"] as const;
    await through.freezeAt(direction, through.passed[direction] + step);
    if (n === 15 || n === 40) {
      await kill(bob);
      through.thaw();
      bob = stack.use(await stage.bob());
    } else if (n === 25) {
      await kill(ada);
      through.thaw();
      ada = stack.use(await stage.ada());
      await say(ada, { type: "offer", path: file });
    } else {
      assertEquals(through.cutAll(n % 4 < 2 ? "cut" : "reset"), 1);
      through.thaw();
      await program.stdout.lineLike(/^\{"type":"disconnected"/);
      // At once, and not after a pause.
      await say(program, { type: "reconnect" });
      await program.stdout.lineLike(/^\{"type":"connected"/);
    }
  }
  await transfer(bob, "done");
  await transfer(ada, "done");
  await stage.assertDone(cuts, 2);
});

posix(
  "files: a lying sender writes nothing outside the folder, runs nothing, and sends nothing harmful to the screen",
  async () => {
    await using stage = await Stage.open("xor", 1);
    const { folder, downloads, proxy } = stage;
    Deno.mkdirSync(downloads);
    Deno.writeTextFileSync(`${downloads}/photo.jpg`, "mine");
    Deno.symlinkSync(`${folder}/outside`, `${downloads}/link`);
    const before = list(folder);
    await using bob = await stage.bob();
    await using plain = await Program.join(
      `127.0.0.1:${proxy.port}`,
      "plain",
      "--stay",
      "--accept",
      "all",
      "--downloads",
      `${folder}/downloads2`,
    );
    const disk = new MemoryDisk();
    await using eve = await Guest.join(proxy, "eve", { files: { disk } });
    const lies: [lie: string, name: string][] = [
      ["../../outside", "outside"],
      ["/etc/cron.d/evil", "etc/cron.d/evil"],
      ["..\\con.txt", "_con.txt"],
      ["photo.jpg", "photo (2).jpg"],
      ["PHOTO.JPG", "PHOTO (3).JPG"],
      ["link", "link (2)"],
      ["link/a", "link (3)/a"],
      ["end.txt. . ", "end.txt"],
      ["photo\u202egpj.exe", "photogpj.exe.download"],
      ["\x1b[2J\x1b]0;x\x07\n.sh", "_[2J_]0;x_ .sh.download"],
      [`${"x".repeat(300)}.tar.gz`, `${"x".repeat(248)}.tar.gz`],
    ];
    for (const [lie, name] of lies) {
      disk.files.set("truth", noise(3000));
      eve.client.offer("truth", undefined, lie);
      assertEquals((await transfer(bob, "done"))["path"], `${downloads}/${name}`);
      await eve.next("transfer", ({ transfer }) => transfer.state === "done");
      const { isFile, mode } = Deno.lstatSync(`${downloads}/${name}`);
      assertEquals([isFile, mode! & 0o777], [true, 0o600]);
    }
    const names = new Set(lies.map(([, name]) => name.split("/")[0]!));
    assertEquals(list(downloads), ["link", "photo.jpg", ...names].sort());
    assertEquals(Deno.readTextFileSync(`${downloads}/photo.jpg`), "mine");
    await eve.next("transfer", ({ transfer }) => transfer.who?.name === "plain");
    await plain.stderr.lineLike(/received .*\.tar\.gz from eve \(.*\), verified/);
    await plain.endInput();
    plain.signal("SIGTERM");
    // The lines on the screen have no controls and no characters that reverse text.
    assertEquals((await plain.result()).stderr.match(/[^\n\P{Cc}]|[\u202a-\u202e]/gu), null);
    assertEquals(list(folder), [...before, "downloads2"].sort());
  },
);

Deno.test("files: a file that cannot be sent or written is reported on both sides; chat send exits with 1", async () => {
  await using stage = await Stage.open("sealed", 1000);
  const { folder, file } = stage;
  await using bob = await stage.bob();
  await using ada = await stage.ada();
  const refusals: [path: string, why: string][] = [
    [`${folder}/none`, "the file does not exist"],
    [`${file}/none`, "a part of its path is not a folder"],
  ];
  if (Deno.build.os !== "windows") {
    assert((await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output()).success);
    refusals.push([`${folder}/pipe`, "it is not a file"]);
  }
  for (const [path, why] of refusals) {
    await say(ada, { type: "offer", path });
    const unsent = JSON.parse(await ada.stdout.lineLike(/^\{"type":"unsent"/));
    assertEquals([unsent.path, unsent.message], [path, `Cannot send ${path}: ${why}`]);
  }
  // The path of the downloads folder is a file.
  Deno.writeTextFileSync(stage.downloads, "");
  await say(ada, { type: "offer", path: file });
  const line = await bob.stdout.lineLike(/"state":"failed"/);
  assertStringIncludes(JSON.parse(line).message, "is not a folder");
  assertEquals(
    JSON.parse(await ada.stdout.lineLike(/"state":"failed"/)).message,
    "bob could not write it",
  );
  const { code, stdout, stderr } = await run(
    ["send", stage.address, "--name", "cat", "--file", file, "--to", "bob"],
    { home: stage.homes.ada, env: stage.env },
  );
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "failed: large file.bin to bob: bob could not write it");
});
