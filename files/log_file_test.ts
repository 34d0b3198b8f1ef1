import { assert, assertEquals, assertRejects } from "@std/assert";
import { ChatError } from "../errors.ts";
import { writeAll } from "./file_io.ts";
import { LogFile, type LogFileOptions } from "./log_file.ts";

const posix = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

// Only root can give a file to another user.
const asRoot = Deno.uid() === 0 ? Deno.test : Deno.test.ignore;

const HEADING = "# the room at 192.0.2.7:2428, logged since 2026-01-02\n";

/** A folder for one test; it is removed at its end. */
class Folder implements Disposable {
  readonly path: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "chat-test-" }));
  readonly reports: string[] = [];

  get log(): string {
    return `${this.path}/chat.log`;
  }

  open(options: Partial<LogFileOptions> = {}, path: string = this.log): Promise<LogFile> {
    const report = (message: string) => void this.reports.push(message);
    return LogFile.open(path, { heading: () => HEADING, report, home: this.path, ...options });
  }

  read(name = "chat.log"): string {
    return Deno.readTextFileSync(`${this.path}/${name}`);
  }

  write(text: string, name = "chat.log"): void {
    Deno.writeTextFileSync(`${this.path}/${name}`, text, { mode: 0o600 });
  }

  names(): string[] {
    return Array.from(Deno.readDirSync(this.path), ({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** All entries, the newest first. */
async function entriesOf(log: LogFile): Promise<string[]> {
  return (await Array.fromAsync(log.entries())).flat();
}

Deno.test("LogFile: writes each entry once after a heading, and continues its file at the next start", async () => {
  using folder = new Folder();
  const log = await folder.open();
  assertEquals(log.path, folder.log);
  assertEquals(folder.read(), HEADING);
  log.append("1 bob: één\n");
  log.append("2 bob: two\n  lines\n");
  await log.close();
  log.append("3 dropped\n");
  assertEquals(folder.read(), `${HEADING}1 bob: één\n2 bob: two\n  lines\n`);
  const next = await folder.open();
  next.append("4 bob: hi\n");
  await next.close();
  await next.close();
  assertEquals(folder.read(), `${HEADING}1 bob: één\n2 bob: two\n  lines\n${HEADING}4 bob: hi\n`);
  assertEquals(await entriesOf(next), [
    "4 bob: hi",
    HEADING.trim(),
    "2 bob: two\n  lines",
    "1 bob: één",
    HEADING.trim(),
  ]);
  assertEquals(folder.reports, []);
});

posix("LogFile: is private; a file or folder that others can change is refused", async () => {
  using folder = new Folder();
  await (await folder.open()).close();
  for (const name of ["chat.log", "chat.log.lock"]) {
    assertEquals(Deno.statSync(`${folder.path}/${name}`).mode! & 0o777, 0o600);
  }
  Deno.chmodSync(folder.log, 0o644);
  const error = await assertRejects(() => folder.open(), ChatError);
  assertEquals(
    [error.message, error.hint],
    [
      `Cannot use ${folder.log}: other users of this machine can read or change it`,
      `Make it private: chmod 600 ${folder.log}`,
    ],
  );
  Deno.mkdirSync(`${folder.path}/open`);
  Deno.chmodSync(`${folder.path}/open`, 0o777);
  await assertRejects(
    () => folder.open({}, `${folder.path}/open/x`),
    ChatError,
    "can change files",
  );
  assertEquals(Array.from(Deno.readDirSync(`${folder.path}/open`)), []);
});

Deno.test("LogFile: adds to no other file, but to what /save wrote; reports a place that cannot be used", async () => {
  using folder = new Folder();
  for (const other of ["my notes\n", "# the room at\n", `x\n${HEADING}`]) {
    folder.write(other);
    const error = await assertRejects(() => folder.open(), ChatError);
    assertEquals(error.message, `Cannot log to ${folder.log}: it is not a transcript of chat`);
    assertEquals(folder.read(), other);
  }
  const saved = "# the room at 192.0.2.7:2428, saved 2026-01-02\n1 bob: hi\n";
  for (const before of [saved, ""]) {
    folder.write(before);
    await (await folder.open()).close();
    assertEquals(folder.read(), before + HEADING);
  }
  await assertRejects(() => folder.open({}, folder.path), ChatError, "it is a folder");
  await assertRejects(
    () => folder.open({}, `${folder.path}/no/log`),
    ChatError,
    "its folder does not exist",
  );
  if (Deno.build.os === "windows") return;
  // A link that leads nowhere makes no file there.
  Deno.symlinkSync(`${folder.path}/elsewhere`, `${folder.path}/link`);
  await assertRejects(() => folder.open({}, `${folder.path}/link`), ChatError, "Cannot log to");
  assertEquals(folder.names().includes("elsewhere"), false);
});

Deno.test("LogFile: one program at a time, also through a link", async () => {
  using folder = new Folder();
  const log = await folder.open();
  const links = Deno.build.os === "windows" ? [] : ["link"];
  for (const link of links) Deno.symlinkSync(folder.log, `${folder.path}/${link}`);
  for (const name of ["chat.log", ...links]) {
    const path = `${folder.path}/${name}`;
    const error = await assertRejects(() => folder.open({}, path), ChatError);
    assertEquals(error.message, `Cannot log to ${path}: another chat logs to it`);
  }
  await log.close();
  await (await folder.open()).close();
});

Deno.test("LogFile: after a crash, a torn line stays, and the next entry begins on a new line", async () => {
  using folder = new Folder();
  folder.write(`${HEADING}1 bob: hi\n2 bob: to`);
  const log = await folder.open();
  log.append("3 bob: again\n");
  await log.close();
  assertEquals(folder.read(), `${HEADING}1 bob: hi\n2 bob: to\n${HEADING}3 bob: again\n`);
});

Deno.test("LogFile: rotates at its size, keeps nine older files, and finds what they hold", async () => {
  using folder = new Folder();
  const log = await folder.open({ maxFile: HEADING.length + 24 });
  const all = Array.from({ length: 26 }, (_, i) => `${String(i).padStart(2, "0")} bob: hi`);
  for (const entry of all) {
    log.append(`${entry}\n`);
    await log.flush();
  }
  await log.close();
  const older = Array.from({ length: 9 }, (_, i) => `chat.log.${i + 1}`);
  assertEquals(folder.names(), ["chat.log", ...older, "chat.log.lock"]);
  // Two entries in each file: the first six have gone.
  assertEquals(folder.read("chat.log.9"), `${HEADING}06 bob: hi\n07 bob: hi\n`);
  const found = (await entriesOf(log)).filter((entry) => !entry.startsWith("#"));
  assertEquals(found, all.slice(6).reverse());
  assertEquals(folder.reports, []);
});

Deno.test("LogFile: finds everything once, even if it rotates while somebody reads", async () => {
  using folder = new Folder();
  const log = await folder.open({ maxFile: 200_000 });
  const all = Array.from({ length: 5000 }, (_, i) => `${i} bob: ${"x".repeat(50)}`);
  for (let i = 0; i < all.length; i += 500) {
    log.append(all.slice(i, i + 500).map((entry) => `${entry}\n`).join(""));
    await log.flush();
  }
  const found: string[] = [];
  for await (const group of log.entries()) {
    found.push(...group.filter((entry) => !entry.startsWith("#")));
    log.append(`${"y".repeat(150_000)}\n`);
    await log.flush();
  }
  assertEquals(found, all.reverse());
  // One that is not read to its end closes its files, too: the test would fail otherwise.
  for await (const _ of log.entries()) break;
  await log.close();
});

asRoot("LogFile: reads no older file of another user", async () => {
  using folder = new Folder();
  folder.write(`${HEADING}1 bob: forged\n`, "chat.log.1");
  const log = await folder.open();
  assertEquals(await entriesOf(log), [HEADING.trim(), "1 bob: forged", HEADING.trim()]);
  Deno.chownSync(`${folder.path}/chat.log.1`, 1, 1);
  assertEquals(await entriesOf(log), [HEADING.trim()]);
  await log.close();
});

Deno.test("LogFile: never renames or removes a file that is no transcript; then the file grows", async () => {
  using folder = new Folder();
  folder.write("my notes", "chat.log.1");
  const log = await folder.open({ maxFile: HEADING.length + 12 });
  for (const entry of ["1 bob: hi\n", "2 bob: hi\n", "3 bob: hi\n"]) {
    log.append(entry);
    await log.flush();
  }
  await log.close();
  assertEquals(folder.read(), `${HEADING}1 bob: hi\n2 bob: hi\n3 bob: hi\n`);
  assertEquals(folder.read("chat.log.1"), "my notes");
  assertEquals(folder.reports, [
    `Cannot begin a new file after ${folder.log}: ${folder.log}.1 is not a transcript of chat`,
  ]);
});

Deno.test("LogFile: a full disk is reported once; nothing is torn, and logging goes on when there is space", async () => {
  using folder = new Folder();
  let isFull = false;
  const log = await folder.open({
    maxWaiting: 30,
    async write(file, bytes) {
      await writeAll(file, isFull ? bytes.subarray(0, 5) : bytes);
      if (isFull) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
    },
  });
  const add = async (entry: string) => {
    log.append(entry);
    await log.flush();
  };
  await add("1 bob: hi\n");
  isFull = true;
  await add("2 bob: hi\n");
  await add("3 bob: hi\n");
  assertEquals(folder.read(), `${HEADING}1 bob: hi\n`);
  assertEquals(folder.reports.length, 1);
  const [report = ""] = folder.reports;
  assert(report.startsWith(`Cannot log to ${folder.log}: `), report);
  assert(report.endsWith("; each new message tries again"), report);
  isFull = false;
  await add("4 bob: hi\n");
  assertEquals(folder.reports.slice(1), [`logging to ${folder.log} again`]);
  assertEquals(folder.read(), `${HEADING}1 bob: hi\n2 bob: hi\n3 bob: hi\n4 bob: hi\n`);
  // What waits is bounded.
  isFull = true;
  for (const n of [5, 6, 7, 8]) await add(`${n} bob: hi\n`);
  isFull = false;
  await log.close();
  assertEquals(
    folder.read().split("4 bob: hi\n")[1],
    "# 3 lines left out\n8 bob: hi\n",
  );
});

Deno.test("LogFile: a file that the user moves away is followed by a new one", async () => {
  using folder = new Folder();
  const log = await folder.open();
  log.append("1 bob: hi\n");
  await log.flush();
  Deno.renameSync(folder.log, `${folder.path}/moved`);
  log.append("2 bob: hi\n");
  await log.close();
  assertEquals(folder.read("moved"), `${HEADING}1 bob: hi\n`);
  assertEquals(folder.read(), `${HEADING}2 bob: hi\n`);
});
