import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { StateFile } from "../server/state_file.ts";
import { MAX_STATE_FILE, openStateFiles } from "./state_files.ts";

const POSIX = Deno.build.os !== "windows";
const onPosix = POSIX ? Deno.test : Deno.test.ignore;

/** A new, empty folder. */
class Folder implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "chat-state-" });

  get names(): string[] {
    return Array.from(Deno.readDirSync(this.path), ({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Runs `use` with a ring of files, and closes them. */
async function withFiles(
  folder: Folder,
  count: number,
  use: (files: StateFile[]) => unknown,
): Promise<void> {
  const files = openStateFiles(folder.path, count, folder.path);
  try {
    await use(files);
  } finally {
    for (const file of files) file.close();
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("openStateFiles: makes private files, and keeps what is in them", async () => {
  using folder = new Folder();
  await withFiles(folder, 3, (files) => {
    assertEquals(files.map(({ name }) => name), [0, 1, 2].map((i) => `${folder.path}/log-${i}`));
    assertEquals(folder.names, ["log-0", "log-1", "log-2"]);
    assertEquals(text(files[1]!.read()), "");
    if (POSIX) assertEquals(Deno.statSync(`${folder.path}/log-1`).mode! & 0o777, 0o600);
    files[1]!.write(0, bytes("entries"));
  });
  await withFiles(folder, 3, (files) => {
    assertEquals(files.map((file) => text(file.read())), ["", "entries", ""]);
  });
});

Deno.test("StateFile: writes at positions, truncates, and reads everything", async () => {
  using folder = new Folder();
  await withFiles(folder, 1, ([file]) => {
    file!.write(0, bytes("abc"));
    file!.write(3, bytes("def"));
    file!.write(2, bytes("CD"));
    assertEquals(text(file!.read()), "abCDef");
    file!.write(6, bytes("gh"));
    assertEquals(text(file!.read()), "abCDefgh");
    file!.truncate(3);
    assertEquals(text(file!.read()), "abC");
    // A hole reads as zeros.
    file!.write(5, bytes("f"));
    assertEquals(text(file!.read()), "abC\0\0f");
    file!.truncate(0);
    assertEquals(file!.read().length, 0);
  });
});

Deno.test("StateFile: writes, reads and truncates while sync is under way", async () => {
  using folder = new Folder();
  await withFiles(folder, 1, async ([file]) => {
    const block = new Uint8Array(1024 * 1024).fill(7);
    for (let round = 0; round < 5; round++) {
      file!.write(0, block);
      const synced = file!.sync();
      for (let i = 0; i < 20; i++) file!.write(i, Uint8Array.of(i));
      assertEquals(file!.read()[19], 19);
      file!.truncate(20);
      const again = file!.sync();
      await Promise.all([synced, again]);
    }
  });
});

Deno.test("StateFile: a sync ends well if the file is closed meanwhile", async () => {
  using folder = new Folder();
  let synced: Promise<void> | undefined;
  await withFiles(folder, 1, ([file]) => {
    file!.write(0, new Uint8Array(1024 * 1024));
    synced = file!.sync();
  });
  await synced;
});

Deno.test("StateFile: its inode stays the same when it is opened again, and a copy has another", async () => {
  using folder = new Folder();
  const seen: (string | undefined)[] = [];
  for (let i = 0; i < 2; i++) {
    await withFiles(folder, 2, (files) => {
      files[0]!.write(0, bytes("entries"));
      seen.push(files[0]!.inode, files[1]!.inode);
    });
  }
  assertEquals(seen.slice(0, 2), seen.slice(2));
  assertNotEquals(seen[0], seen[1]);
  // In the place of the old file, and with its times, as a restored backup.
  const path = `${folder.path}/log-0`;
  Deno.renameSync(path, `${path}.old`);
  Deno.copyFileSync(`${path}.old`, path);
  Deno.chmodSync(path, 0o600);
  const { atime, mtime } = Deno.statSync(`${path}.old`);
  Deno.utimeSync(path, atime!, mtime!);
  Deno.removeSync(`${path}.old`);
  await withFiles(folder, 1, ([file]) => {
    assertEquals(text(file!.read()), "entries");
    assertNotEquals(file!.inode, seen[0]);
  });
});

Deno.test("StateFile: reads no file that is too large", async () => {
  using folder = new Folder();
  await withFiles(folder, 1, ([file]) => {
    // A hole: it takes no space.
    file!.truncate(MAX_STATE_FILE + 1);
    const error = assertThrows(() => file!.read(), ChatError, `it has ${MAX_STATE_FILE + 1} bytes`);
    assertEquals(error.hint, "Is it the right file?");
  });
});

Deno.test("openStateFiles: reports a folder in the place of a file, and closes the others", () => {
  using folder = new Folder();
  Deno.mkdirSync(`${folder.path}/log-3`);
  const error = assertThrows(() => openStateFiles(folder.path, 10, undefined), ChatError);
  assertEquals(
    [error.message, error.hint],
    [`Cannot use ${folder.path}/log-3: it is a folder`, "Move it away"],
  );
  assertEquals(folder.names, ["log-0", "log-1", "log-2", "log-3"]);
});

onPosix("openStateFiles: refuses a file that others could read, a pipe, and a device", () => {
  using folder = new Folder();
  const path = `${folder.path}/log-0`;
  Deno.writeTextFileSync(path, "entries", { mode: 0o644 });
  const error = assertThrows(() => openStateFiles(folder.path, 1, folder.path), ChatError);
  assertEquals(
    [error.message, error.hint],
    [
      `Cannot use ${path}: other users of this machine can read or change it`,
      `Make it private: chmod 600 ${path}`,
    ],
  );
  assertEquals(Deno.readTextFileSync(path), "entries");
  Deno.removeSync(path);
  Deno.symlinkSync("/dev/zero", path);
  assertThrows(() => openStateFiles(folder.path, 1, folder.path), ChatError, "it is not a file");
  Deno.removeSync(path);
  new Deno.Command("mkfifo", { args: [path] }).outputSync();
  assertThrows(() => openStateFiles(folder.path, 1, folder.path), ChatError, "it is not a file");
});

Deno.test("openStateFiles: reports a folder that does not exist, and shows its name without control characters", () => {
  using folder = new Folder();
  const none = `${folder.path}/no\x1bne`;
  const { message } = assertThrows(() => openStateFiles(none, 1, folder.path), ChatError);
  assert(message.endsWith("no␛ne/log-0: it does not exist"), message);
});
