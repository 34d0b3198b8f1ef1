import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { register } from "../cipher/opaque.ts";
import { ChatError } from "../errors.ts";
import { RING_FILES } from "../server/journal.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { openStateDir, StateDir, type StateDirOptions } from "./state_dir.ts";

const POSIX = Deno.build.os !== "windows";
const onPosix = POSIX ? Deno.test : Deno.test.ignore;
// Root may write everywhere.
const asUser = POSIX && Deno.uid() !== 0 ? Deno.test : Deno.test.ignore;

// Takes some hundred milliseconds, on purpose: all tests share it.
const admission = register("abandon ability able about");

type Options = Partial<Omit<StateDirOptions, "path">>;

function open(system: FakeSystem, path: string, options: Options = {}): Promise<StateDir> {
  return openStateDir(system, { path, cipher: "sealed", newLog: false, count: 2, ...options });
}

/** Asserts that the folder is refused, with this message and hint, after `Cannot use PATH` or another beginning. */
async function assertRefused(
  system: FakeSystem,
  path: string,
  message: string,
  hint: string | undefined,
  options: Options = {},
): Promise<void> {
  const error = await assertRejects(() => open(system, path, options), ChatError);
  assertEquals([error.message, error.hint], [message, hint]);
}

function names(path: string): string[] {
  return Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
}

Deno.test("openStateDir: makes a private folder, and keeps code and conversation", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  {
    using state = await open(system, path);
    assertEquals([state.path, state.admission, state.publicKey], [path, undefined, undefined]);
    assertEquals(names(path), ["lock", "log-0", "log-1"]);
    if (POSIX) {
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o700);
      for (const name of names(path)) {
        assertEquals(Deno.statSync(`${path}/${name}`).mode! & 0o777, 0o600, name);
      }
    }
    state.keepCode(admission);
    state.files[0]!.write(0, Uint8Array.of(7));
  }
  using state = await open(system, `${path}/`);
  assertEquals([state.path, state.admission], [path, admission]);
  assertEquals(state.files.map((file) => file.read().length), [1, 0]);
  state.drop();
  assertEquals(names(path), ["code", "lock", "log-0", "log-1"]);
  assertEquals(system.stderr.text, "");
});

Deno.test("openStateDir: opens as many files as a server needs", async () => {
  using system = new FakeSystem();
  using state = await openStateDir(system, {
    path: `${system.folder}/room`,
    cipher: "xor",
    newLog: false,
  });
  assertEquals(state.files.length, RING_FILES);
});

Deno.test("openStateDir: keeps the key of an xor room", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  {
    using state = await open(system, path, { cipher: "xor" });
    state.keepKey(47);
  }
  using state = await open(system, path, { cipher: "xor" });
  assertEquals([state.publicKey, state.admission], [47, undefined]);
});

Deno.test("StateDir: a dropped room leaves nothing that the next start could find", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  {
    using state = await open(system, path);
    state.keepCode(admission);
    state.files[0]!.write(0, Uint8Array.of(7));
    state.drop();
    assertEquals(names(path), ["lock", "log-0", "log-1"]);
    // A server writes when it stops, too, and closes the files.
    state.files[1]!.write(0, Uint8Array.of(8));
    for (const file of state.files) file.close();
  }
  using state = await open(system, path);
  assertEquals(state.admission, undefined);
  assertEquals(state.files.map((file) => file.read().length), [0, 0]);
});

Deno.test("StateDir: a new code replaces the old one when it is kept; a room that does not open keeps the old one", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  const other = register("legal winner thank year");
  const options = { newLog: true, newCode: true };
  {
    // Without an old code, it is the first one.
    using state = await open(system, path, options);
    assertEquals([state.admission, state.replaced], [undefined, undefined]);
    state.keepCode(admission);
  }
  {
    using state = await open(system, path, options);
    assertEquals([state.admission, state.replaced], [undefined, admission]);
    state.files[0]!.write(0, Uint8Array.of(7));
    // The server does not open.
    state.keepCode(other);
    state.drop();
  }
  {
    using state = await open(system, path);
    assertEquals([state.admission, state.replaced], [admission, undefined]);
    assertEquals(state.files.map((file) => file.read().length), [1, 0]);
  }
  {
    using state = await open(system, path, options);
    state.keepCode(other);
    await state.sync();
  }
  using state = await open(system, path);
  assertEquals(state.admission, other);
  assertEquals(names(path), ["code", "lock", "log-0", "log-1"]);
});

Deno.test("StateDir: files that cannot be brought to the disk are an error", async () => {
  using system = new FakeSystem();
  using state = await open(system, `${system.folder}/room`);
  for (const file of state.files) file.close();
  await assertRejects(() => state.sync(), ChatError, "Cannot keep the room in ");
});

Deno.test("openStateDir: names the start of the machine, if the system does", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  for (const [uptime, expected] of [[3600.4, 1767344700 - 3600], [undefined, undefined]] as const) {
    system.uptime = () => uptime;
    using state = await open(system, path);
    assertEquals(state.bootId, expected === undefined ? undefined : String(expected));
  }
});

Deno.test("openStateDir: refuses a folder that another server uses, until that ends", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  {
    using _ = await open(system, path);
    await assertRefused(
      system,
      path,
      `Cannot use ${path}: another server is using it`,
      "Stop that server, or name another folder with --state",
    );
  }
  using _ = await open(system, path);
});

Deno.test("openStateDir: refuses the folder of a room with another cipher, and one with both", async () => {
  using system = new FakeSystem();
  const [sealed, xor] = [`${system.folder}/sealed`, `${system.folder}/xor`];
  {
    using a = await open(system, sealed);
    a.keepCode(admission);
    using b = await open(system, xor, { cipher: "xor" });
    b.keepKey(47);
  }
  await assertRefused(
    system,
    sealed,
    `Cannot use ${sealed} with the cipher xor: its room has the cipher sealed`,
    "Leave out --cipher xor, or name another folder with --state",
    { cipher: "xor" },
  );
  await assertRefused(
    system,
    xor,
    `Cannot use ${xor} with the cipher sealed: its room has the cipher xor`,
    "Add --cipher xor, or name another folder with --state",
  );
  Deno.copyFileSync(`${xor}/key`, `${sealed}/key`);
  for (const cipher of ["sealed", "xor"] as const) {
    await assertRefused(
      system,
      sealed,
      `Cannot use ${sealed}: it has both a code and a key`,
      "Move away the file that does not belong to the room: code or key",
      { cipher },
    );
  }
});

Deno.test("openStateDir: reports a damaged record, and leaves the folder unlocked", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  (await open(system, path))[Symbol.dispose]();
  Deno.writeTextFileSync(`${path}/code`, "version 1\n", { mode: 0o600 });
  await assertRefused(
    system,
    path,
    `Cannot use ${path}/code: it is damaged`,
    "Restore a copy of it; or move it away, and give everybody the new code",
  );
  Deno.removeSync(`${path}/code`);
  using _ = await open(system, path);
});

Deno.test("openStateDir: refuses a conversation without its code or key, unless a new log begins", async () => {
  for (const cipher of ["sealed", "xor"] as const) {
    using system = new FakeSystem();
    const path = `${system.folder}/room`;
    const record = cipher === "sealed" ? "code" : "key";
    const keep = (state: StateDir) =>
      cipher === "sealed" ? state.keepCode(admission) : state.keepKey(47);
    {
      using state = await open(system, path, { cipher });
      keep(state);
      state.files[1]!.write(0, Uint8Array.of(7));
    }
    Deno.renameSync(`${path}/${record}`, `${path}/away`);
    await assertRefused(
      system,
      path,
      `Cannot use ${path}: it has a conversation, but no file ${record}`,
      `Restore ${record}; or drop the conversation, for a new ${record}: --new-log`,
      { cipher },
    );
    {
      using _ = await open(system, path, { cipher, newLog: true });
    }
    Deno.renameSync(`${path}/away`, `${path}/${record}`);
    using state = await open(system, path, { cipher });
    assertEquals(state.files[1]!.read().length, 1);
  }
});

Deno.test("openStateDir: makes no folder above it, and shows names without control characters", async () => {
  using system = new FakeSystem();
  const above = `${system.folder}/no\x1b[2Jn\ne`;
  const shown = `${system.folder}/no␛[2Jn␊e`;
  await assertRefused(
    system,
    `${above}/room`,
    `Cannot make the folder ${shown}/room: ${shown}/ does not exist`,
    "Make that folder, or name another one with --state",
  );
  assertEquals(names(system.folder), []);
  if (!POSIX) return;
  (await open(system, above))[Symbol.dispose]();
  assertEquals(names(above), ["lock", "log-0", "log-1"]);
});

Deno.test("openStateDir: takes a relative path, and one with other letters", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/Raum für alle 💬`;
  {
    using state = await open(system, path);
    state.keepCode(admission);
  }
  using state = await open(system, path);
  assertEquals(state.admission, admission);
  // Nothing has this name.
  const none = crypto.randomUUID();
  await assertRejects(() => open(system, `${none}/room`), ChatError, `${none}/ does not exist`);
});

Deno.test("openStateDir: a file that is not an old state is only reported", async () => {
  using system = new FakeSystem();
  for (const content of ["somebody's thesis\n", "", "version 1\n"]) {
    const path = system.file("room", content);
    for (const end of ["", "/"]) {
      await assertRefused(
        system,
        path + end,
        `Cannot use ${path}: it is a file, not a folder`,
        "Name a folder with --state",
      );
    }
    assertEquals(Deno.readTextFileSync(path), content);
  }
});

onPosix(
  "openStateDir: an old state file is kept by the commands that the error prints",
  async () => {
    using system = new FakeSystem();
    const room = `${system.folder}/ada's räume`;
    {
      using state = await open(system, room);
      state.keepCode(admission);
    }
    const names = ["room", "the crew's room", "räume $HOME *"];
    for (const name of names) {
      const path = `${system.folder}/${name}`;
      Deno.copyFileSync(`${room}/code`, path);
      // Is not overwritten.
      const other = system.file(`${name}.old`, "something else");
      const error = await assertRejects(() => open(system, path), ChatError);
      assertEquals(
        error.message,
        `Cannot use ${path}: it is a file, and --state needs a folder now`,
      );
      const [, commands] = /^To keep the code of the room: (mv .*)$/.exec(error.hint!)!;
      const { code } = new Deno.Command("sh", { args: ["-c", commands!] }).outputSync();
      assertEquals(code, 0, commands);
      using state = await open(system, path);
      assertEquals(state.admission, admission);
      assertEquals(Deno.readTextFileSync(other), "something else");
    }
    const odd = `${system.folder}/a\nb`;
    Deno.copyFileSync(`${room}/code`, odd);
    await assertRefused(
      system,
      odd,
      `Cannot use ${system.folder}/a␊b: it is a file, and --state needs a folder now`,
      "To keep the code of the room: move the file into a new folder, and call it code there",
    );
  },
);

onPosix(
  "openStateDir: refuses what others could look into or change, and says how to correct it",
  async () => {
    using system = new FakeSystem();
    const path = `${system.folder}/room`;
    Deno.mkdirSync(path);
    for (const mode of [0o755, 0o750, 0o701]) {
      Deno.chmodSync(path, mode);
      await assertRefused(
        system,
        path,
        `Cannot use ${path}: other users of this machine can look into it`,
        `Make it private: chmod 700 ${path}`,
      );
    }
    for (const mode of [0o770, 0o707]) {
      Deno.chmodSync(path, mode);
      await assertRefused(
        system,
        path,
        `Cannot use ${path}: other users of this machine can change files in ${path}`,
        `Protect the folder: chmod go-w ${path}`,
      );
    }
    assertEquals(names(path), []);
    Deno.chmodSync(path, 0o700);
    (await open(system, path))[Symbol.dispose]();
    for (const name of ["lock", "log-1"]) {
      Deno.chmodSync(`${path}/${name}`, 0o644);
      await assertRefused(
        system,
        path,
        `Cannot use ${path}/${name}: other users of this machine can read or change it`,
        `Make it private: chmod 600 ${path}/${name}`,
      );
      Deno.chmodSync(`${path}/${name}`, 0o600);
    }
    // The folder above: others could put another folder there.
    Deno.chmodSync(system.folder, 0o777);
    for (const where of [path, `${system.folder}/new`]) {
      await assertRejects(
        () => open(system, where),
        ChatError,
        `can change files in ${system.folder}`,
      );
    }
    Deno.chmodSync(system.folder, 0o700);
    using _ = await open(system, path);
  },
);

onPosix(
  "openStateDir: follows a link to a folder, but no broken one, and refuses pipes and devices",
  async () => {
    using system = new FakeSystem();
    const [path, link] = [`${system.folder}/room`, `${system.folder}/link`];
    Deno.symlinkSync(path, link);
    await assertRefused(system, link, `Cannot use ${link}: it is a broken link`, undefined);
    {
      using state = await open(system, path);
      state.keepCode(admission);
    }
    {
      using state = await open(system, link);
      assertEquals(state.admission, admission);
      await assertRejects(() => open(system, path), ChatError, "another server is using it");
    }
    await assertRefused(system, "/dev/null", "Cannot use /dev/null: it is not a folder", undefined);
    Deno.removeSync(`${path}/code`);
    Deno.symlinkSync(`${system.folder}/nowhere`, `${path}/code`);
    await assertRefused(system, path, `Cannot use ${path}/code: it is a broken link`, undefined);
    Deno.removeSync(`${path}/code`);
    Deno.removeSync(`${path}/log-1`);
    Deno.mkdirSync(`${path}/log-1`);
    await assertRefused(
      system,
      path,
      `Cannot use ${path}/log-1: it is a folder`,
      "Move it away",
    );
  },
);

asUser("openStateDir: reports a folder that it may not write, or not look into", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  Deno.mkdirSync(path);
  const hint = "Let this user write there, or name another folder with --state";
  Deno.chmodSync(path, 0o500);
  await assertRefused(system, path, `Cannot use ${path}/lock: permission denied`, hint);
  await assertRefused(
    system,
    `${path}/room`,
    `Cannot make the folder ${path}/room: permission denied`,
    undefined,
  );
  Deno.chmodSync(path, 0o000);
  await assertRefused(system, `${path}/room`, `Cannot use ${path}/room: permission denied`, hint);
  Deno.chmodSync(path, 0o700);
});

Deno.test("StateDir: a record that somebody else has just made is not replaced, and not dropped", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/room`;
  using state = await open(system, path);
  Deno.writeTextFileSync(`${path}/code`, "theirs", { mode: 0o600 });
  assertThrows(
    () => state.keepCode(admission),
    ChatError,
    `Cannot write ${path}/code: it exists already`,
  );
  state.drop();
  assertEquals(Deno.readTextFileSync(`${path}/code`), "theirs");
  assert(names(path).every((name) => /^(?:code|lock|log-[01])$/.test(name)));
});
