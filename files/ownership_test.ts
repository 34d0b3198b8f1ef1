import { assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { inFolder } from "../tests/support/real_files.ts";
import { checkOwn, checkPlace, type FileSystem, isExposed, type OwnOptions } from "./ownership.ts";

const ADA = 1000;
const EVE = 1001;
const ROOT = 0;

type Entry = readonly [mode: number, uid: number];

/** A disk with these files and folders (those that end in a slash), and links. */
function disk(
  entries: Readonly<Record<string, Entry>>,
  { me = ADA, links = {} }: { me?: number | null; links?: Record<string, string> } = {},
): FileSystem {
  const resolve = (path: string): string => {
    for (const [from, to] of Object.entries(links)) {
      if (path === from || path.startsWith(`${from}/`)) {
        return resolve(to + path.slice(from.length));
      }
    }
    if (path !== "/" && !(path in entries) && !(`${path}/` in entries)) {
      throw new Deno.errors.NotFound(path);
    }
    return path;
  };
  return {
    uid: () => me,
    realPathSync: resolve,
    statSync(path) {
      const [mode, uid] = entries[path] ?? entries[`${path}/`]!;
      return { isDirectory: path === "/" || `${path}/` in entries, mode, uid };
    },
  };
}

const ABOVE = { "/": [0o755, ROOT], "/home/": [0o755, ROOT] } as const;
const HOME = { ...ABOVE, "/home/ada/": [0o755, ADA], "/home/ada/.config/": [0o700, ADA] } as const;
const FOLDER = { ...HOME, "/home/ada/.config/chat/": [0o700, ADA] } as const;
const PATH = "/home/ada/.config/chat/identity";
const FILE = { ...FOLDER, [PATH]: [0o600, ADA] } as const;

/** What checking `PATH` says, and the hint; undefined if all is well. */
function fault(
  entries: Readonly<Record<string, Entry>>,
  options: OwnOptions & { me?: number; links?: Record<string, string> } = {},
): [message: string, hint: string | undefined] | undefined {
  try {
    checkOwn(PATH, options, undefined, disk(entries, options));
    return undefined;
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    return [error.message.replace(`Cannot use ${PATH}: `, ""), error.hint];
  }
}

Deno.test("checkOwn: accepts a private file of the user or of root in folders that only they may change", () => {
  assertEquals(fault(FILE), undefined);
  assertEquals(fault({ ...FILE, [PATH]: [0o400, ROOT] }), undefined);
  assertEquals(fault({ ...FILE, "/home/ada/.config/": [0o755, ROOT] }), undefined);
  assertEquals(
    fault({ ...FILE, [PATH]: [0o600, ROOT] }, { me: EVE, home: "/home/ada" })?.[0],
    "the folder /home/ada/.config/chat belongs to another user (1000; you are 1001)",
  );
});

Deno.test("checkOwn: refuses a file that others can read or change, or that belongs to another user", () => {
  for (const bit of [0o040, 0o020, 0o010, 0o004, 0o002, 0o001]) {
    assertEquals(fault({ ...FILE, [PATH]: [0o600 | bit, ADA] }), [
      "other users of this machine can read or change it",
      `Make it private: chmod 600 ${PATH}`,
    ]);
  }
  assertEquals(fault({ ...FILE, [PATH]: [0o600, EVE] }), [
    "it belongs to another user (1001; you are 1000)",
    `If it should be yours: chown 1000 ${PATH}; ` +
    "otherwise check HOME, XDG_CONFIG_HOME and XDG_RUNTIME_DIR",
  ]);
  // Root, with the HOME of a user: everything there is that user's.
  assertEquals(fault(FILE, { me: ROOT })?.[0], "it belongs to another user (1000; you are 0)");
});

Deno.test("checkOwn: others may read a public file, but not change it", () => {
  const isPublic = true;
  assertEquals(fault({ ...FILE, [PATH]: [0o644, ADA] }, { isPublic }), undefined);
  for (const bit of [0o020, 0o002]) {
    assertEquals(fault({ ...FILE, [PATH]: [0o600 | bit, ADA] }, { isPublic }), [
      "other users of this machine can change it",
      `Protect it: chmod go-w ${PATH}`,
    ]);
  }
});

Deno.test("checkOwn: refuses if others may change any folder above, up to the home folder or the root", () => {
  for (const folder of ["/home/ada/.config/chat", "/home/ada/.config", "/home/ada", "/home"]) {
    for (const bit of [0o020, 0o002]) {
      assertEquals(fault({ ...FILE, [`${folder}/`]: [0o700 | bit, ADA] }), [
        `other users of this machine can change files in ${folder}`,
        `Protect the folder: chmod go-w ${folder}`,
      ]);
    }
    assertEquals(
      fault({ ...FILE, [`${folder}/`]: [0o755, EVE] })?.[0],
      `the folder ${folder} belongs to another user (1001; you are 1000)`,
    );
  }
  // The home folder is checked, and nothing above it.
  const home = "/home/ada";
  const odd = { ...FILE, "/home/": [0o777, EVE] } as const;
  assertEquals(fault(odd, { home }), undefined);
  assertEquals(
    fault(odd, { home: "/home/other" })?.[0],
    "the folder /home belongs to another user (1001; you are 1000)",
  );
  assertEquals(
    fault({ ...odd, "/home/ada/": [0o775, ADA] }, { home })?.[0],
    "other users of this machine can change files in /home/ada",
  );
});

Deno.test("checkOwn: in a sticky folder, as /tmp, others cannot replace what is not theirs", () => {
  assertEquals(fault({ ...FILE, "/home/": [0o1777, ROOT] }), undefined);
  assertEquals(
    fault({ ...FILE, "/home/": [0o1777, EVE] })?.[0],
    "the folder /home belongs to another user (1001; you are 1000)",
  );
});

Deno.test("checkOwn: of a link, what it leads to is checked, with its folders", () => {
  const disks = { ...FOLDER, "/mnt/": [0o755, ROOT], "/mnt/key/": [0o700, ADA] } as const;
  const links = { [PATH]: "/mnt/key/identity" };
  const home = "/home/ada";
  assertEquals(fault({ ...disks, "/mnt/key/identity": [0o600, ADA] }, { links, home }), undefined);
  assertEquals(
    fault({ ...disks, "/mnt/key/identity": [0o600, EVE] }, { links, home })?.[0],
    "the file /mnt/key/identity belongs to another user (1001; you are 1000)",
  );
  assertEquals(
    fault({ ...disks, "/mnt/key/identity": [0o644, ADA] }, { links, home })?.[1],
    "Make it private: chmod 600 /mnt/key/identity",
  );
  const open = { ...disks, "/mnt/": [0o777, ROOT], "/mnt/key/identity": [0o600, ADA] } as const;
  assertEquals(
    fault(open, { links, home })?.[0],
    "other users of this machine can change files in /mnt",
  );
  // A home folder that is a link ends the check all the same.
  const moved = { "/": [0o777, EVE], "/x/": [0o700, ADA], "/x/a/": [0o700, ADA] } as const;
  checkOwn("/home/ada/a", { home }, undefined, disk(moved, { links: { "/home/ada": "/x" } }));
});

Deno.test("checkOwn: a path in a hint is a word of the shell", () => {
  const path = "/Users/ada's/Application Support";
  const system = disk({
    "/": [0o755, 0],
    "/Users/": [0o755, 0],
    "/Users/ada's/": [0o755, ADA],
    [`${path}/`]: [0o777, ADA],
  });
  const error = assertThrows(() => checkOwn(path, {}, undefined, system), ChatError);
  assertEquals(error.hint, "Protect the folder: chmod go-w '/Users/ada'\\''s/Application Support'");
});

Deno.test("checkOwn: a missing file is no fault of its owner; without user ids nothing is checked", () => {
  assertThrows(() => fault(FOLDER), Deno.errors.NotFound);
  checkOwn("C:\\anything", {}, undefined, disk({}, { me: null }));
});

Deno.test("checkPlace: checks the nearest folder that exists", () => {
  const check = (path: string, entries: Readonly<Record<string, Entry>>) =>
    checkPlace(path, { home: "/home/ada" }, disk(entries));
  check("/home/ada/.config/chat", HOME);
  check("/home/ada/.cache/a/b", HOME);
  check("/home/ada/.config/chat", FOLDER);
  const error = assertThrows(
    () => check("/home/ada/.cache/chat", { ...HOME, "/home/ada/": [0o777, ADA] }),
    ChatError,
  );
  assertEquals(
    error.message,
    "Cannot use /home/ada/.cache/chat: " +
      "other users of this machine can change files in /home/ada",
  );
  assertThrows(() => check("/new", { "/": [0o755, EVE] }), ChatError, "the folder / belongs to");
  assertThrows(() => check("nothing/here", {}), Deno.errors.NotFound);
});

Deno.test({
  name: "checkOwn, checkPlace, isExposed: know the user and the modes of this system",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const home = folder;
      const path = `${folder}/file`;
      await Deno.writeTextFile(path, "", { mode: 0o600 });
      checkOwn(path, { home });
      assertEquals(isExposed(Deno.statSync(path)), false);
      Deno.chmodSync(path, 0o604);
      assertThrows(() => checkOwn(path, { home }), ChatError, "can read or change it");
      assertEquals(isExposed(Deno.statSync(path)), true);
      // A file of another user is that user's to protect.
      assertEquals(isExposed({ mode: 0o644, uid: Deno.uid()! + 1 }), false);
      checkPlace(`${folder}/a/b`, { home });
      Deno.chmodSync(folder, 0o733);
      assertThrows(() => checkPlace(`${folder}/a/b`, { home }), ChatError, "can change files in");
      Deno.chmodSync(folder, 0o700);
    }),
});
