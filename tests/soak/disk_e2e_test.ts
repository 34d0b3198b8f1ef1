// chat serve --state on a real file system that is full while the server runs.

import { assertStringIncludes } from "@std/assert";
import { Home, Program } from "../support/program.ts";
import { codeOf, open, type OpenedRoom } from "../support/sealed_program.ts";

/** A file system of 16 MB in memory; undefined if this user may not mount one. */
function mount(): (AsyncDisposable & { readonly path: string }) | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const path = Deno.makeTempDirSync({ prefix: "chat-disk-" });
  const sh = (...args: string[]) =>
    new Deno.Command(args[0]!, { args: args.slice(1) }).outputSync();
  if (!sh("mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "none", path).success) {
    return undefined;
  }
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      sh("umount", "-l", path);
      await Deno.remove(path);
    },
  };
}

const disk = mount();
await disk?.[Symbol.asyncDispose]();
const onDisk = disk ? Deno.test : Deno.test.ignore;

/** Fills a file system. */
function fill(path: string): void {
  using file = Deno.openSync(`${path}/full`, { write: true, create: true });
  const block = new Uint8Array(4096);
  try {
    for (;;) if (file.writeSync(block) < block.length) return;
  } catch (error) {
    assertStringIncludes(String(error), "No space left");
  }
}

class Stage implements AsyncDisposable {
  readonly home = new Home();
  readonly state: string;
  room!: OpenedRoom;
  ada!: Program;
  code = "";

  constructor(readonly disk: NonNullable<ReturnType<typeof mount>>) {
    this.state = `${disk.path}/room`;
  }

  static async open(): Promise<Stage> {
    const stage = new Stage(mount()!);
    await stage.start();
    stage.code = await codeOf(stage.room);
    stage.ada = stage.join("ada");
    await stage.says("hello");
    return stage;
  }

  async start(...args: string[]): Promise<void> {
    const port = this.room ? ["--port", String(this.room.port)] : [];
    this.room = await open(this.home, ["--state", this.state, "--keep", "8M", ...port, ...args]);
  }

  join(name: string): Program {
    const env = { CHAT_CODE: this.code };
    return new Program(["join", this.room.address, "--name", name, "--json"], {
      home: this.home,
      env,
    });
  }

  /** Ada says something; resolves when the room has it. */
  async says(text: string): Promise<void> {
    await this.ada.type(`${JSON.stringify({ type: "say", text })}\n`);
    await this.ada.stdout.lineLike(new RegExp(`"text":"${text}`));
  }

  log(line: RegExp): Promise<string> {
    return this.room.server.stderr.lineLike(line);
  }

  /** Ends the server. */
  async end(signal: Deno.Signal): Promise<void> {
    this.room.server.signal(signal);
    await this.room.server.result();
    await this.room[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ada[Symbol.asyncDispose]();
    await this.room[Symbol.asyncDispose]();
    await this.disk[Symbol.asyncDispose]();
    this.home[Symbol.dispose]();
  }
}
onDisk(
  "chat serve --state: on a full disk the room goes on, members are warned; with space again it is kept",
  async () => {
    await using stage = await Stage.open();
    fill(stage.disk.path);
    await stage.ada.type(`${JSON.stringify({ type: "say", text: "x".repeat(9_000) })}\n`);
    await stage.ada.stdout.lineLike(/the server cannot write to its disk/);
    await stage.log(/only in memory now: no space is left on the disk/);
    await stage.says("only in memory");
    Deno.removeSync(`${stage.disk.path}/full`);
    // An orderly stop tries again.
    await stage.end("SIGTERM");
    await stage.start();
    await stage.log(/the room continues where it stopped/);
    await stage.says("kept");
  },
);

onDisk("chat serve --state: killed while the disk is full, it begins a new log", async () => {
  await using stage = await Stage.open();
  fill(stage.disk.path);
  await stage.says(`full ${"x".repeat(9_000)}`);
  await stage.log(/only in memory now/);
  await stage.end("SIGKILL");
  Deno.removeSync(`${stage.disk.path}/full`);
  await stage.start();
  await stage.log(/the room has a new log/);
  await stage.says("again");
});
