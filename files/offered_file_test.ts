import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sha256 } from "../tests/support/hash.ts";
import {
  CHUNK,
  content,
  inFolder,
  list,
  MIB,
  posix,
  readRange,
  refuses,
} from "../tests/support/real_files.ts";
import { SYSTEM_CALLS } from "./file_io.ts";
import { MAX_FILE_NAME } from "../protocol/file_messages.ts";
import type { Upload } from "./storage.ts";
import { SystemDisk } from "./system_disk.ts";

/** Reads a file in order, in pieces. */
async function readOn(upload: Upload, from: number, to: number, piece = CHUNK): Promise<void> {
  for (let at = from; at < to; at += piece) await readRange(upload, at, Math.min(piece, to - at));
}

Deno.test("OfferedFile: reads ranges, and has the hash of files of any size", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    for (const size of [0, 1, CHUNK, MIB + 1]) {
      const bytes = content(size);
      Deno.writeFileSync(`${folder}/in.bin`, bytes);
      const upload = await disk.open(`${folder}/in.bin`, undefined);
      assertEquals(upload.name, "in.bin");
      assertEquals(upload.size, size);
      const [all, last] = await Promise.all([
        readRange(upload, 0, size),
        readRange(upload, size - Math.min(size, 3), Math.min(size, 3)),
      ]);
      assertEquals(all, bytes);
      assertEquals(last, bytes.slice(-3));
      assertEquals(await readRange(upload, size, 0), new Uint8Array());
      assertEquals(await upload.hash(size), sha256(bytes));
      assertEquals(await upload.hash(size), sha256(bytes));
      for (const [at, n] of [[0, size + 1], [-1, 1], [size, 1], [0.5, 0], [NaN, 0]]) {
        assertThrows(() => upload.read(at!, new Uint8Array(n!)), RangeError);
      }
      for (const length of [-1, size + 1, 0.5, NaN]) {
        await assertRejects(() => upload.hash(length), RangeError);
      }
      upload.close();
      const over = `Cannot send ${folder}/in.bin: it is no longer offered`;
      await refuses(() => readRange(upload, 0, 0), over);
      await refuses(() => upload.hash(size), over);
    }
    const upload = await disk.open(`${folder}/in.bin`, "../my\x1b name.bin");
    assertEquals(upload.name, "my_ name.bin");
    upload.close();
  });
});

Deno.test("OfferedFile.hash: is right before, at and after the bytes that were read", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    const bytes = content(MIB);
    Deno.writeFileSync(path, bytes);
    const right = async (upload: Upload, length: number) =>
      assertEquals(await upload.hash(length), sha256(bytes.subarray(0, length)), `${length}`);
    const upload = await new SystemDisk(() => folder).open(path, undefined);
    await right(upload, 0);
    await readOn(upload, 0, 4 * CHUNK);
    for (const chunks of [2, 4, 0, 6, 5, 6, 3]) await right(upload, chunks * CHUNK + chunks % 2);
    // A read before the end of what was hashed, over it, and after a gap.
    for (const at of [5, 5.5, 9]) await readRange(upload, at * CHUNK, CHUNK);
    for (const chunks of [6, 7, 10]) await right(upload, chunks * CHUNK);
    // At the same time as reads.
    await Promise.all([
      readOn(upload, 0, MIB),
      right(upload, MIB),
      right(upload, 9 * CHUNK),
      right(upload, MIB - 1),
    ]);
    await right(upload, MIB);
    upload.close();
  });
});

posix(
  "OfferedFile.hash: a file read in order is not read again, for any receivers",
  async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/file`;
      const bytes = content(MIB);
      const begin = async () => {
        Deno.writeFileSync(path, bytes);
        return await new SystemDisk(() => folder).open(path, undefined);
      };
      // Each reads ranges in order: one receiver; two, of which the second begins later and overtakes the first; and one
      // that has the first half, which is read once for it.
      const receivers: Record<string, (upload: Upload) => Promise<void>> = {
        "one": (upload) => readOn(upload, 0, MIB),
        "in pieces of several sizes": async (upload) => {
          await readOn(upload, 0, MIB / 2, 1000);
          await readOn(upload, MIB / 2, MIB, 128 * 1024);
        },
        "two": async (upload) => {
          await readOn(upload, 0, 4 * CHUNK);
          await readOn(upload, 0, 7 * CHUNK + 9, CHUNK + 3);
          await Promise.all([readOn(upload, 4 * CHUNK, MIB), readOn(upload, 7 * CHUNK + 9, MIB)]);
        },
        "one that goes on": async (upload) => {
          await upload.hash(MIB / 2);
          await readOn(upload, MIB / 2, MIB);
        },
        "one that goes on, after another": async (upload) => {
          await readOn(upload, 0, 4 * CHUNK);
          await upload.hash(MIB / 2 + 1);
          await readOn(upload, 4 * CHUNK, MIB);
        },
      };
      for (const [who, read] of Object.entries(receivers)) {
        const upload = await begin();
        await read(upload);
        // So it could not be read again.
        Deno.removeSync(path);
        assertEquals(await upload.hash(MIB), sha256(bytes), who);
        upload.close();
      }
    });
  },
);

Deno.test("OfferedFile.hash: many receivers that have all of it cost one hash", async () => {
  await inFolder(async (folder) => {
    const bytes = content(MIB);
    Deno.writeFileSync(`${folder}/file`, bytes);
    const upload = await new SystemDisk(() => folder).open(`${folder}/file`, undefined);
    let opened = 0;
    const { open } = Deno;
    Deno.open = (...options) => {
      opened++;
      return open(...options);
    };
    try {
      await readOn(upload, 0, CHUNK);
      const hashes = await Promise.all(Array.from({ length: 50 }, () => upload.hash(MIB)));
      for (const hash of [...hashes, await upload.hash(MIB)]) assertEquals(hash, sha256(bytes));
    } finally {
      Deno.open = open;
      upload.close();
    }
    // For the reads, and for the hash.
    assertEquals(opened, 2);
    // Waits until it is closed.
    await Promise.allSettled([upload.read(0, new Uint8Array())]);
  });
});

posix(
  "OfferedFile.open: reports what is not a file, does not exist, or has no size",
  async () => {
    await inFolder(async (folder) => {
      const disk = new SystemDisk(() => folder);
      const open = (name: string) => disk.open(`${folder}/${name}`, undefined);
      assert((await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output()).success);
      Deno.symlinkSync(`${folder}/pipe`, `${folder}/link`);
      Deno.writeTextFileSync(`${folder}/file`, "hi");
      const says = (name: string, why: string) =>
        refuses(() => open(name), `Cannot send ${folder}/${name}: ${why}`);
      await says(".", "it is a folder");
      await says("pipe", "it is not a file");
      await says("link", "it is not a file");
      await says("none", "the file does not exist");
      await says("file/none", "a part of its path is not a folder");
      if (Deno.build.os === "linux") {
        await refuses(
          () => disk.open("/proc/self/status", undefined),
          "Cannot send /proc/self/status: the system does not report its size",
        );
      }
      // A link is followed: the user has named it.
      Deno.symlinkSync("file", `${folder}/mine`);
      const upload = await open("mine");
      assertEquals([upload.name, upload.size], ["mine", 2]);
      upload.close();
    });
  },
);

/** Ways to change a file; each with what is reported. */
function changesOf(folder: string, size: number): Record<string, [() => void, string]> {
  const path = `${folder}/file`;
  const changed = `Cannot send ${path}: it has changed since it was offered`;
  return {
    "longer": [() => Deno.writeTextFileSync(path, "more", { append: true }), changed],
    "shorter": [() => Deno.truncateSync(path, size - 1), changed],
    "of the same size": [() => {
      Deno.writeFileSync(path, new Uint8Array(size).fill(1));
      Deno.utimeSync(path, new Date(7), new Date(7));
    }, changed],
    "replaced": [() => {
      Deno.writeFileSync(`${folder}/other`, new Uint8Array(size));
      const { atime, mtime } = Deno.statSync(path);
      Deno.utimeSync(`${folder}/other`, atime!, mtime!);
      Deno.renameSync(`${folder}/other`, path);
    }, changed],
    "a link now": [() => {
      Deno.renameSync(path, `${folder}/other`);
      Deno.symlinkSync(`${folder}/other`, path);
    }, changed],
    "gone": [() => Deno.removeSync(path), `Cannot send ${path}: it does not exist any more`],
  };
}

/** Calls `use` with a new offered file of zeros, for each way to change it. */
async function withChanges(
  size: number,
  use: (upload: Upload, change: () => void, message: string, what: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    for (const [what, [change, message]] of Object.entries(changesOf(folder, size))) {
      Deno.writeFileSync(`${folder}/file`, new Uint8Array(size));
      const upload = await disk.open(`${folder}/file`, undefined);
      await use(upload, change, message, what);
      upload.close();
      for (const name of list(folder)) Deno.removeSync(`${folder}/${name}`);
    }
  });
}

posix("OfferedFile.read: reports a file that has changed before it is read", async () => {
  for (const before of [false, true]) {
    await withChanges(10, async (upload, change, message) => {
      if (before) assertEquals(await readRange(upload, 0, 10), new Uint8Array(10));
      change();
      await refuses(() => readRange(upload, 0, 5), message);
    });
  }
});

posix(
  "OfferedFile: reports a file that changes while it is sent, and has no hash of it",
  async () => {
    const size = 2 * CHUNK + 5;
    await withChanges(size, async (upload, change, message) => {
      await readOn(upload, 0, 2 * CHUNK);
      change();
      await refuses(() => readOn(upload, 2 * CHUNK, size), message);
      await refuses(() => upload.hash(size), message);
      await refuses(() => upload.hash(size - 1), message);
    });
    await withChanges(size, async (upload, change, message) => {
      await readOn(upload, 0, CHUNK);
      change();
      // The rest is read only for the hash.
      await refuses(() => upload.hash(size), message);
      await refuses(() => upload.hash(size), message);
    });
  },
);

posix("OfferedFile.read: of a file that has changed, less than 4 MiB go out", async () => {
  const size = 9 * MIB;
  await withChanges(size, async (upload, change, message, what) => {
    await readOn(upload, 0, 5 * MIB, MIB / 2);
    change();
    let at = 5 * MIB;
    const readRest = async () => {
      for (; at < size; at += MIB / 2) await readRange(upload, at, MIB / 2);
    };
    await refuses(readRest, message);
    assertEquals(at, 8 * MIB - MIB / 2, what);
  });
});

/** The files in a folder that this process has open, on Linux. */
function openIn(folder: string): string[] {
  return Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      return "";
    }
  }).filter((path) => path.startsWith(folder));
}

Deno.test("OfferedFile: keeps few of many offered files open", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const uploads: Upload[] = [];
    for (let i = 0; i < 300; i++) {
      Deno.writeFileSync(`${folder}/${i}`, content(10, i));
      uploads.push(await disk.open(`${folder}/${i}`, undefined));
    }
    for (let round = 0; round < 2; round++) {
      const read = await Promise.all(uploads.map((upload) => readRange(upload, 2, 8)));
      for (const [i, bytes] of read.entries()) assertEquals(bytes, content(8, i + 2));
    }
    if (Deno.build.os === "linux") assertEquals(openIn(folder).length, 16);
    // What was read at once is not needed again.
    for (const [i, upload] of uploads.entries()) {
      await readRange(upload, 0, 10);
      assertEquals(await upload.hash(10), sha256(content(10, i)));
    }
    // Waits until the queued closes are done.
    await Promise.all(uploads.map((upload) => upload.read(0, new Uint8Array(10))));
    if (Deno.build.os === "linux") assertEquals(openIn(folder).length, 0);
    for (const upload of uploads) upload.close();
    await Promise.allSettled(uploads.map((upload) => upload.read(0, new Uint8Array())));
  });
});

posix(
  "listFiles: lists a folder in the same order on every system, and what in it is no file",
  async () => {
    await inFolder(async (folder) => {
      const disk = new SystemDisk(() => folder);
      const tree = `${folder}/tree`;
      for (const sub of ["b/c", "a", "empty/within", "links"]) {
        Deno.mkdirSync(`${tree}/${sub}`, { recursive: true });
      }
      for (const file of ["z", "B", "a/2", "a/10", "b/c/x", "b/.hidden"]) {
        Deno.writeTextFileSync(`${tree}/${file}`, "");
      }
      Deno.symlinkSync(`${tree}/z`, `${tree}/link`);
      Deno.symlinkSync("/", `${tree}/root`);
      Deno.symlinkSync(tree, `${tree}/a/loop`);
      Deno.symlinkSync(`${tree}/a`, `${tree}/links/a`);
      assert((await new Deno.Command("mkfifo", { args: [`${tree}/pipe`] }).output()).success);
      const walk = (path: string, most?: number) =>
        Array.fromAsync(new SystemDisk(() => folder, SYSTEM_CALLS, most).walk(path));
      const found = await walk(tree);
      const link = "it is a link";
      assertEquals(
        found.map((one) => [
          one.path.slice(tree.length + 1),
          "name" in one ? one.name : `(${one.reason})`,
        ]),
        [
          ["B", "tree/B"],
          ["a/10", "tree/a/10"],
          ["a/2", "tree/a/2"],
          ["a/loop", `(${link})`],
          ["b/.hidden", "tree/b/_hidden"],
          ["b/c/x", "tree/b/c/x"],
          ["empty/within", "tree/empty/within/"],
          ["link", `(${link})`],
          ["links/a", `(${link})`],
          ["links", "tree/links/"],
          ["pipe", "(it is not a file)"],
          ["root", `(${link})`],
          ["z", "tree/z"],
        ],
      );
      assertEquals(await walk(`${tree}/z`), [{ path: `${tree}/z`, name: "z" }]);
      assertEquals((await walk(`${tree}/`))[0], { path: `${tree}/B`, name: "tree/B" });
      assertEquals((await walk(tree, 8)).length, 13);
      await refuses(() => walk(tree, 7), `Cannot send ${tree}: it has more than 7 files`);
      await refuses(
        () => walk(`${tree}/none`),
        `Cannot send ${tree}/none: the file does not exist`,
      );
      await refuses(() => walk(`${tree}/pipe`), `Cannot send ${tree}/pipe: it is not a file`);
      const deep = `${folder}/deep`;
      Deno.mkdirSync(`${deep}${"/d".repeat(64)}`, { recursive: true });
      await refuses(
        () => Array.fromAsync(disk.walk(deep)),
        `Cannot send ${deep}: its folders are nested more than 64 deep`,
      );
    });
  },
);

posix(
  "listFiles: names a folder as it is called, however its path ends, and an empty one, too",
  async () => {
    await inFolder(async (folder) => {
      Deno.mkdirSync(`${folder}/photos/2024`, { recursive: true });
      Deno.mkdirSync(`${folder}/.hidden`);
      Deno.symlinkSync("photos/2024", `${folder}/link`);
      Deno.writeTextFileSync(`${folder}/photos/a`, "");
      const names: Record<string, string[]> = {
        "photos": ["photos/2024/", "photos/a"],
        "photos//": ["photos/2024/", "photos/a"],
        "photos/.": ["photos/2024/", "photos/a"],
        "photos/2024/..": ["photos/2024/", "photos/a"],
        "photos/2024/../": ["photos/2024/", "photos/a"],
        // It leads into the folder that the link leads to.
        "link/..": ["photos/2024/", "photos/a"],
        "link": ["link/"],
        "photos/2024": ["2024/"],
        ".hidden": ["_hidden/"],
      };
      for (const [path, expected] of Object.entries(names)) {
        const all = await Array.fromAsync(new SystemDisk(() => folder).walk(`${folder}/${path}`));
        assertEquals(all.map((one) => "name" in one ? one.name : one.reason), expected, path);
      }
    });
  },
);

posix(
  "listFiles: a name that looks like a path, an option or a hidden file is offered as a plain one",
  async () => {
    await inFolder(async (folder) => {
      const names: Record<string, string> = {
        " ": "file",
        "-rf": "_rf",
        ".../x": "file/x",
        ".. /...": "file/file",
        "..a": "_a",
        ".git/config": "_git/config",
        "C:x/y": "x/y",
        "a\\..\\b": "b",
        "~": "_",
      };
      for (const path of Object.keys(names)) {
        const slash = path.lastIndexOf("/");
        Deno.mkdirSync(`${folder}/tree/${path.slice(0, Math.max(0, slash))}`, { recursive: true });
        Deno.writeTextFileSync(`${folder}/tree/${path}`, "");
      }
      const expected = Object.entries(names).map((
        [path, name],
      ) => [`tree/${path}`, `tree/${name}`]);
      assertEquals(
        Object.entries(await found(`${folder}/tree`)).map(([path, name]) => [`tree/${path}`, name])
          .sort(),
        expected.sort(),
      );
    });
  },
);

Deno.test("listFiles: leaves out a path that is too long for an offer", async () => {
  await inFolder(async (folder) => {
    const part = "d".repeat(100);
    // tree/, and nine folders: what is left is for the name.
    const deep = `tree/${`${part}/`.repeat(9)}`;
    const fits = "x".repeat(MAX_FILE_NAME - deep.length);
    Deno.mkdirSync(`${folder}/${deep}`, { recursive: true });
    for (const name of [fits, `${fits}y`]) Deno.writeTextFileSync(`${folder}/${deep}${name}`, "");
    const all = await Array.fromAsync(new SystemDisk(() => folder).walk(`${folder}/tree`));
    assertEquals(all.map((one) => "name" in one ? one.name : one.reason), [
      deep + fits,
      `its path has more than ${MAX_FILE_NAME} bytes`,
    ]);
  });
});

/** What the disk finds in a folder, by paths in it: names, or reasons in brackets. */
async function found(folder: string): Promise<Record<string, string>> {
  const all: [string, string][] = [];
  for await (const one of new SystemDisk(() => folder).walk(folder)) {
    all.push([one.path.slice(folder.length + 1), "name" in one ? one.name : `(${one.reason})`]);
  }
  return Object.fromEntries(all);
}

Deno.test({
  name: "listFiles: reports names that are not UTF-8, and takes no other file for them",
  // Other systems have no such names.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await inFolder(async (folder) => {
      // Deno can write only names in UTF-8.
      const script = 'cd "$1" && : >"$(printf "caf\\351")" && : >"$(printf "caf\\350")" && ' +
        ': >"$(printf "twin\\377")" && mkdir "$(printf "sub\\377")" && : >"$(printf "sub\\377/a")"';
      const { success } = await new Deno.Command("sh", { args: ["-c", script, "sh", folder] })
        .output();
      assert(success);
      // These names really have the replacement character.
      Deno.writeTextFileSync(`${folder}/twin\ufffd`, "");
      Deno.writeTextFileSync(`${folder}/\ufffd`, "");
      Deno.mkdirSync(`${folder}/folder\ufffd`);
      Deno.writeTextFileSync(`${folder}/folder\ufffd/b`, "");
      Deno.symlinkSync("b", `${folder}/link\ufffd`);
      const listed: string[] = [];
      for await (const one of new SystemDisk(() => folder).walk(folder)) {
        const path = one.path.slice(folder.length + 1);
        listed.push("name" in one ? path : `${path} (${one.reason})`);
      }
      const left = "(its name is not UTF-8)";
      assertEquals(listed, [
        `caf\ufffd ${left}`,
        `caf\ufffd ${left}`,
        "folder\ufffd/b",
        "link\ufffd (it is a link)",
        `sub\ufffd ${left}`,
        "twin\ufffd",
        `twin\ufffd ${left}`,
        "\ufffd",
      ]);
    });
  },
});

posix("listFiles: reports a subfolder that cannot be read, and lists the rest", async () => {
  await inFolder(async (folder) => {
    // Each part of the path can be made; together they are longer than any path may be. Not even root reads that.
    const [long, longer] = [`/${"d".repeat(200)}`.repeat(19), `/${"d".repeat(200)}`.repeat(2)];
    Deno.mkdirSync(`${folder}/in${long}`, { recursive: true });
    Deno.mkdirSync(`${folder}/out${longer}`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/in${long}/a`, "");
    Deno.renameSync(`${folder}/out`, `${folder}/in${long}/out`);
    const { a, ...others } = await found(`${folder}/in${long}`);
    assertEquals([a, others], [`${"d".repeat(200)}/a`, {
      [`out${longer}`]: "(the name is too long for the file system)",
      // Nothing else is in it.
      [`out${longer.slice(0, -201)}`]: `${long.slice(-200)}/out${longer.slice(0, -201)}/`,
    }]);
    // The folder itself must be readable.
    const all = `${folder}/in${long}/out${longer}`;
    await refuses(
      () => found(all),
      `Cannot send ${all}: the name is too long for the file system`,
    );
  });
});
