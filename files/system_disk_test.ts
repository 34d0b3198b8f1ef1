import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { ChatError } from "../errors.ts";
import { findDownloads } from "./download_folder.ts";
import { SYSTEM, type Writing } from "./file_identity.ts";
import { partName, stateName } from "./filename.ts";
import type { Offer, Sink } from "./storage.ts";
import { SystemDisk } from "./system_disk.ts";

const posix = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

const KIB = 1024;
const MIB = 1024 * KIB;
/** What goes in one chunk. */
const CHUNK = 64 * KIB;

/** Calls `use` with a folder of its own. */
async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "chat-test-" }));
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Bytes that repeat nowhere near. */
function content(size: number, start = 0): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => {
    const at = start + i;
    return at ^ (at >> 8) * 7 ^ (at >> 16) * 13;
  });
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

const ID = new Uint8Array(16).fill(0xab);
const HEX = "ab".repeat(16);

function offerOf(bytes: Uint8Array, name = "photo.jpg", more: Partial<Offer> = {}): Offer {
  return { id: ID, name, size: bytes.length, sha256: sha256(bytes), from: "anna", ...more };
}

async function fill(sink: Sink, bytes: Uint8Array, until = bytes.length): Promise<void> {
  while (sink.have < until) {
    const end = Math.min(sink.have + CHUNK, until);
    await sink.write(sink.have, bytes.subarray(sink.have, end));
  }
}

/** Receives a file; returns its path. */
async function receive(disk: SystemDisk, bytes: Uint8Array, name?: string): Promise<string> {
  const sink = await disk.sink(offerOf(bytes, name, { id: crypto.getRandomValues(ID.slice()) }));
  await fill(sink, bytes);
  return await sink.finish();
}

/** What is in a folder, by name. */
function list(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

async function refuses(act: () => Promise<unknown>, message: string): Promise<ChatError> {
  const error = await assertRejects(act, ChatError);
  assertEquals(error.message, message);
  return error;
}

function systemError(code: string): Error {
  return Object.assign(new Error(`as the system says it (${code})`), { code });
}

Deno.test("findDownloads: the system's own folder", () => {
  const find = (os: string, env: Record<string, string>, dirs?: string) => {
    const asked: string[] = [];
    const found = findDownloads(os, (name) => env[name], (path) => {
      asked.push(path);
      return dirs;
    });
    return [found, ...asked];
  };
  const HOME = "/home/anna";
  const file = `${HOME}/.config/user-dirs.dirs`;
  assertEquals(find("windows", { USERPROFILE: "C:\\Users\\anna" }), ["C:\\Users\\anna\\Downloads"]);
  assertEquals(find("darwin", { HOME }), [`${HOME}/Downloads`]);
  assertEquals(find("linux", { HOME }), [`${HOME}/Downloads`, file]);
  assertEquals(
    find("linux", { HOME, XDG_CONFIG_HOME: "/etc/anna" }, `XDG_DOWNLOAD_DIR="/data/new"\n`),
    ["/data/new", "/etc/anna/user-dirs.dirs"],
  );
  assertEquals(find("linux", { HOME, XDG_CONFIG_HOME: "relative" })[1], file);
  for (
    const [dirs, found] of [
      [
        `# a\nXDG_DESKTOP_DIR="$HOME/x"\nXDG_DOWNLOAD_DIR="$HOME/Letöltések"\n`,
        `${HOME}/Letöltések`,
      ],
      [`XDG_DOWNLOAD_DIR="$HOME/a \\"b\\" \\$c/"`, `${HOME}/a "b" $c`],
      [`XDG_DOWNLOAD_DIR="$HOME/"`, `${HOME}/Downloads`],
      [`XDG_DOWNLOAD_DIR="$HOME"`, `${HOME}/Downloads`],
      [`XDG_DOWNLOAD_DIR="relative"`, `${HOME}/Downloads`],
      [`XDG_DOWNLOAD_DIR="$HOMEwork/x"`, `${HOME}/Downloads`],
      [`XDG_DOWNLOAD_DIR=`, `${HOME}/Downloads`],
      [`#XDG_DOWNLOAD_DIR="/data"`, `${HOME}/Downloads`],
    ]
  ) assertEquals(find("linux", { HOME }, dirs)[0], found, dirs);
});

Deno.test("findDownloads: without a home it is asked for", () => {
  for (const os of ["linux", "darwin", "windows"]) {
    try {
      findDownloads(os, () => undefined);
      assert(false);
    } catch (error) {
      assert(error instanceof ChatError);
      assertEquals(error.hint, "Name one: --downloads FOLDER");
    }
  }
});

Deno.test("sink: a file of any size, whole, and nothing beside it", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * MIB + 5]) {
      const bytes = content(size);
      const path = await receive(disk, bytes, `${size}.bin`);
      assertEquals(path, `${folder}/${size}.bin`);
      assertEquals(sha256(Deno.readFileSync(path)), sha256(bytes));
    }
    assertEquals(list(folder).length, 6);
  });
});

posix(
  "sink: the folder is made for its owner alone; a part and the file are nobody else's and don't run",
  async () => {
    await inFolder(async (folder) => {
      const downloads = `${folder}/a/b`;
      const disk = new SystemDisk(() => downloads);
      assertEquals(list(folder), []);
      const bytes = content(2 * MIB);
      const sink = await disk.sink(offerOf(bytes));
      assertEquals(Deno.statSync(downloads).mode! & 0o777, 0o700);
      const part = `photo.jpg.${HEX}.part`;
      assertEquals(list(downloads), [part, `${part}.state`]);
      for (const name of list(downloads)) {
        assertEquals(Deno.statSync(`${downloads}/${name}`).mode! & 0o777, 0o600);
      }
      await fill(sink, bytes);
      const path = await sink.finish();
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
      assertEquals(list(downloads), ["photo.jpg"]);
    });
  },
);

Deno.test("sink: writes come in order, within the size; what is no whole file gets no name", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(100);
    const sink = await disk.sink(offerOf(bytes));
    await assertRejects(() => sink.write(1, bytes), RangeError);
    await assertRejects(() => sink.write(0, new Uint8Array(101)), RangeError);
    // Without waiting for each: they are done one after the other.
    const writes = [0, 30, 60].map((at) => sink.write(at, bytes.subarray(at, at + 30)));
    await Promise.all(writes);
    assertEquals(sink.have, 90);
    await assertRejects(() => sink.write(60, bytes.subarray(60, 90)), RangeError);
    await refuses(() => sink.finish(), "Cannot receive photo.jpg: 90 of 100 bytes have come");
    await sink.write(90, bytes.subarray(90));
    await sink.write(100, new Uint8Array());
    assertEquals(await sink.finish(), `${folder}/photo.jpg`);
    await sink.abort(false);
    await refuses(
      () => sink.write(100, new Uint8Array()),
      "Cannot receive photo.jpg: it has ended",
    );
    assertEquals(Deno.readFileSync(`${folder}/photo.jpg`), bytes);
  });
});

Deno.test("sink: what is not what was offered is gone, and nothing stands under its name", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    for (const size of [100, 2 * MIB]) {
      const bytes = content(size);
      const sink = await disk.sink(offerOf(bytes));
      await fill(sink, content(size, 1));
      await refuses(
        () => sink.finish(),
        "Cannot receive photo.jpg: what came is not what was offered, its SHA-256 is another",
      );
      assertEquals(list(folder), []);
    }
    const sizes = [-1, 0.5, NaN, 2 ** 53];
    for (const size of sizes) {
      await assertRejects(() => disk.sink(offerOf(content(1), "x", { size })), RangeError);
    }
  });
});

posix(
  "sink: never takes another's name, follows no link, and minds names that differ in case or accents",
  async () => {
    await inFolder(async (folder) => {
      const downloads = `${folder}/downloads`;
      Deno.mkdirSync(downloads);
      Deno.writeTextFileSync(`${downloads}/photo.jpg`, "mine");
      Deno.symlinkSync(`${folder}/outside`, `${downloads}/link.txt`);
      Deno.symlinkSync(folder, `${downloads}/out`);
      Deno.mkdirSync(`${downloads}/sub`);
      Deno.writeTextFileSync(`${downloads}/re\u0301sume\u0301`, "mine");
      const disk = new SystemDisk(() => downloads);
      const names = {
        "photo.jpg": "photo (2).jpg",
        "PHOTO.jpg": "PHOTO (3).jpg",
        "photo (2).jpg": "photo (2) (2).jpg",
        "link.txt": "link (2).txt",
        "out": "out (2)",
        "sub": "sub (2)",
        "r\u00e9sum\u00e9": "r\u00e9sum\u00e9 (2)",
        "../escaped": "escaped",
        "/etc/passwd": "passwd",
        "..\\..\\con.txt": "_con.txt",
        "out/photo.png": "photo.png",
      };
      for (const [name, given] of Object.entries(names)) {
        assertEquals(await receive(disk, content(10), name), `${downloads}/${given}`);
      }
      // Since it looked, others have put files there.
      Deno.writeTextFileSync(`${downloads}/new.txt`, "mine");
      Deno.symlinkSync(`${folder}/outside`, `${downloads}/new (2).txt`);
      assertEquals(await receive(disk, content(10), "new.txt"), `${downloads}/new (3).txt`);
      // And taken one away.
      Deno.removeSync(`${downloads}/photo.jpg`);
      assertEquals(await receive(disk, content(10), "photo.jpg"), `${downloads}/photo.jpg`);
      assertEquals(Deno.readTextFileSync(`${downloads}/new.txt`), "mine");
      assertEquals(list(folder), ["downloads"]);
    });
  },
);

Deno.test("sink: many of one name that finish at once each get one of their own", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const paths = await Promise.all(
      Array.from({ length: 20 }, (_, i) => receive(disk, content(i + 1), "a.txt")),
    );
    assertEquals(new Set(paths).size, 20);
    const expected = ["a.txt", ...Array.from({ length: 19 }, (_, i) => `a (${i + 2}).txt`)];
    assertEquals(list(folder), expected.sort());
    for (const [i, path] of paths.entries()) assertEquals(Deno.statSync(path).size, i + 1);
  });
});

posix("sink: the folder may be a link; its real path is taken once", async () => {
  await inFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/one`);
    Deno.mkdirSync(`${folder}/two`);
    Deno.symlinkSync(`${folder}/one`, `${folder}/downloads`);
    const disk = new SystemDisk(() => `${folder}/downloads`);
    const bytes = content(10);
    const sink = await disk.sink(offerOf(bytes));
    Deno.removeSync(`${folder}/downloads`);
    Deno.symlinkSync(`${folder}/two`, `${folder}/downloads`);
    await fill(sink, bytes);
    assertEquals(await sink.finish(), `${folder}/one/photo.jpg`);
    assertEquals(list(`${folder}/two`), []);
  });
});

posix("sink: a part that others have put there is not taken", async () => {
  await inFolder(async (folder) => {
    const bytes = content(2 * MIB);
    const part = `${folder}/${partName("photo.jpg", HEX)}`;
    const state = stateName(part);
    const make = async () => {
      const sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
      await fill(sink, bytes, MIB);
      await sink.abort(true);
    };
    const plants: Record<string, () => void> = {
      "open to others": () => Deno.chmodSync(part, 0o666),
      "a second name": () => Deno.linkSync(part, `${folder}/other`),
      "a link": () => {
        Deno.renameSync(part, `${folder}/other`);
        Deno.symlinkSync(`${folder}/other`, part);
      },
      "a folder": () => {
        Deno.removeSync(part);
        Deno.mkdirSync(part);
      },
      "its state is open to others": () => Deno.chmodSync(state, 0o666),
      "its state is a link": () => {
        Deno.renameSync(state, `${folder}/other`);
        Deno.symlinkSync(`${folder}/other`, state);
      },
      "its state is too large": () => Deno.truncateSync(state, MIB),
      "its state is no JSON": () => Deno.writeTextFileSync(state, "{\n1\n"),
      "its state is another's": () => Deno.writeTextFileSync(state, `{"size":"x"}\n1048576\n`),
    };
    for (const [what, plant] of Object.entries(plants)) {
      await make();
      plant();
      const before = list(folder);
      const sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
      assertEquals(sink.have, 0, what);
      await sink.abort(false);
      assertEquals(list(folder), before, what);
      for (const name of before) Deno.removeSync(`${folder}/${name}`);
    }
  });
});

Deno.test("sink: goes on where an earlier client was, also where that has only broken off", async () => {
  await inFolder(async (folder) => {
    const bytes = content(9 * MIB);
    const part = `${folder}/${partName("photo.jpg", HEX)}`;
    let sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    await fill(sink, bytes, 5 * MIB + 7);
    await sink.abort(true);
    sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    assertEquals(sink.have, 5 * MIB + 7);
    await fill(sink, bytes, 6 * MIB);
    await sink.abort(true);
    // Bytes that may not have reached the disk, and a line that is not whole.
    Deno.writeFileSync(part, new Uint8Array(100), { append: true });
    Deno.writeTextFileSync(stateName(part), "99", { append: true });
    sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    assertEquals(sink.have, 6 * MIB);
    await fill(sink, bytes, 7 * MIB);
    await sink.abort(true);
    // Less than the state says: what is there counts.
    Deno.truncateSync(part, 3 * MIB);
    // Its sender has another id, and so the transfer.
    sink = await new SystemDisk(() => folder).sink(
      offerOf(bytes, "photo.jpg", { id: new Uint8Array(16) }),
    );
    assertEquals(sink.have, 3 * MIB);
    await fill(sink, bytes);
    assertEquals(sha256(Deno.readFileSync(await sink.finish())), sha256(bytes));
    assertEquals(list(folder), ["photo.jpg"]);
  });
});

Deno.test("sink: a part of a client that was killed is taken over, and not before", async () => {
  await inFolder(async (folder) => {
    const bytes = content(9 * MIB);
    const offer = { ...offerOf(bytes), id: [...ID], sha256: [...sha256(bytes)] };
    const program = `
      import { SystemDisk } from ${JSON.stringify(import.meta.resolve("./system_disk.ts"))};
      const offer = ${JSON.stringify(offer)};
      const disk = new SystemDisk(() => ${JSON.stringify(folder)});
      const sink = await disk.sink(
        { ...offer, id: Uint8Array.from(offer.id), sha256: Uint8Array.from(offer.sha256) },
      );
      for await (const bytes of Deno.stdin.readable) await sink.write(sink.have, bytes);
      console.log(sink.have);
      setInterval(() => {}, 1000);
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--config", `${import.meta.dirname}/../deno.json`, program],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const stdin = child.stdin.getWriter();
    await stdin.write(bytes);
    await stdin.close();
    const stdout = child.stdout.getReader();
    const { value } = await stdout.read();
    assertEquals(new TextDecoder().decode(value), `${bytes.length}\n`);
    const disk = new SystemDisk(() => folder);
    const other = await disk.sink(offerOf(bytes));
    assertEquals(other.have, 0);
    await other.abort(false);
    child.kill("SIGKILL");
    await stdout.cancel();
    await child.status;
    const sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    // The first mark is on the disk, and the second may be.
    assert(sink.have === 4 * MIB || sink.have === 8 * MIB, String(sink.have));
    await fill(sink, bytes);
    await sink.finish();
    assertEquals(list(folder), ["photo.jpg"]);
  });
});

Deno.test("sink: lengths are marked on the way, each behind its bytes on the disk", async () => {
  await inFolder(async (folder) => {
    const bytes = content(13 * MIB);
    let written = 0;
    const synced: number[] = [];
    const disk = new SystemDisk(() => folder, {
      ...SYSTEM,
      write: async (file, bytes) => {
        const n = await file.write(bytes);
        written += n;
        return n;
      },
      sync: async (file, what) => {
        synced.push((await file.stat()).size);
        await SYSTEM.sync(file, what);
      },
    });
    const sink = await disk.sink(offerOf(bytes));
    await fill(sink, bytes);
    assertEquals(written, bytes.length);
    await sink.abort(true);
    const state = stateName(`${folder}/${partName("photo.jpg", HEX)}`);
    const marks = Deno.readTextFileSync(state).trimEnd().split("\n").slice(1).map(Number);
    assertEquals(marks, [4, 8, 12, 13].map((n) => n * MIB));
    assertEquals(synced.length, 4);
    for (const [i, mark] of marks.entries()) assert(synced[i]! >= mark);
    // All is there: it only needs its name.
    const again = await disk.sink(offerOf(bytes));
    assertEquals(again.have, bytes.length);
    assertEquals(await again.finish(), `${folder}/photo.jpg`);
  });
});

Deno.test("sink: what came from one member is not gone on with from another, nor what is another file", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(2 * MIB);
    const first = await disk.sink(offerOf(bytes));
    await fill(first, bytes, MIB);
    // Somebody works on it.
    for (const other of [disk, new SystemDisk(() => folder)]) {
      const sink = await other.sink(offerOf(bytes));
      assertEquals(sink.have, 0);
      await sink.abort(false);
    }
    await first.abort(true);
    const others: Partial<Offer>[] = [
      { from: "mallory" },
      { sha256: sha256(content(1)) },
      { size: bytes.length + 1 },
      { name: "other.jpg" },
    ];
    for (const other of others) {
      const sink = await disk.sink(offerOf(bytes, "photo.jpg", other));
      assertEquals(sink.have, 0, Object.keys(other)[0]!);
      await sink.abort(false);
    }
    const both = await Promise.all([disk.sink(offerOf(bytes)), disk.sink(offerOf(bytes))]);
    assertEquals(both.map(({ have }) => have).sort(), [0, MIB]);
    for (const sink of both) await sink.abort(false);
    assertEquals(list(folder), []);
  });
});

Deno.test("sink: a small file that is kept goes on too, and what has no bytes is not kept", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(100);
    let sink = await disk.sink(offerOf(bytes));
    await sink.write(0, bytes.subarray(0, 40));
    await sink.abort(true);
    await sink.abort(false);
    sink = await disk.sink(offerOf(bytes));
    assertEquals(sink.have, 40);
    await fill(sink, bytes);
    await sink.finish();
    await (await disk.sink(offerOf(content(5), "other"))).abort(true);
    assertEquals(list(folder), ["photo.jpg"]);
  });
});

Deno.test("sink: a full disk is told; what was there stays, and it goes on when there is room", async () => {
  await inFolder(async (folder) => {
    const bytes = content(2 * MIB);
    let room = MIB + 100;
    const full: Writing = {
      ...SYSTEM,
      write: async (file, bytes) => {
        if (room === 0) throw systemError("ENOSPC");
        const written = await file.write(bytes.subarray(0, room));
        room -= written;
        return written;
      },
    };
    const disk = new SystemDisk(() => folder, full);
    let sink = await disk.sink(offerOf(bytes));
    const message = "Cannot receive photo.jpg: there is no space left on the disk";
    await refuses(() => fill(sink, bytes), message);
    assertEquals(sink.have, MIB);
    room = 200_000;
    await refuses(() => fill(sink, bytes), message);
    await sink.abort(true);
    room = 5 * MIB;
    sink = await disk.sink(offerOf(bytes));
    assertEquals(sink.have, MIB + 3 * CHUNK);
    await fill(sink, bytes);
    assertEquals(Deno.readFileSync(await sink.finish()), bytes);
  });
});

Deno.test("sink: what the system says is told in words", async () => {
  await inFolder(async (folder) => {
    let code = "";
    const disk = new SystemDisk(() => folder, {
      ...SYSTEM,
      write: () => Promise.reject(systemError(code)),
    });
    const sink = await disk.sink(offerOf(content(10)));
    for (
      const [given, words] of [
        ["EDQUOT", "your share of the disk is used up"],
        ["EFBIG", "the file system takes no file of this size"],
        ["EROFS", "the disk can't be written"],
        ["EIO", "the disk has failed"],
        ["EXYZ", "as the system says it (EXYZ)"],
      ]
    ) {
      code = given!;
      await refuses(() => sink.write(0, content(10)), `Cannot receive photo.jpg: ${words}`);
    }
    await sink.abort(true);
    assertEquals(list(folder), []);
  });
});

Deno.test("finish: the bytes are on the disk before there is a name; if they can't be there is none", async () => {
  await inFolder(async (folder) => {
    const calls: string[] = [];
    let broken = false;
    const disk = new SystemDisk(() => folder, {
      write: SYSTEM.write,
      sync: async (file, what) => {
        calls.push(`sync ${what}`);
        if (broken) throw systemError("EIO");
        await SYSTEM.sync(file, what);
      },
      link: async (from, to) => {
        calls.push("link");
        await SYSTEM.link(from, to);
      },
    });
    await receive(disk, content(10), "a");
    assertEquals(calls, ["sync all", "link"]);
    broken = true;
    await refuses(
      () => receive(disk, content(10), "b"),
      "Cannot receive b: the disk has failed",
    );
    // On the way: the next write or the end tells it, also if the disk works again.
    const bytes = content(5 * MIB);
    const sink = await disk.sink(offerOf(bytes, "c"));
    await fill(sink, bytes, 4 * MIB);
    await assertRejects(
      async () => {
        await fill(sink, bytes);
        broken = false;
        await sink.finish();
      },
      ChatError,
      "Cannot receive c: the disk has failed",
    );
    await sink.abort(false);
    assertEquals(list(folder), ["a"]);
  });
});

Deno.test("finish: where files have one name only, it takes nobody's place either", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder, {
      ...SYSTEM,
      link: () => Promise.reject(systemError("EPERM")),
    });
    await receive(disk, content(10), "a.txt");
    Deno.writeTextFileSync(`${folder}/b.txt`, "mine");
    if (Deno.build.os !== "windows") Deno.symlinkSync(`${folder}/none`, `${folder}/b (2).txt`);
    else Deno.writeTextFileSync(`${folder}/b (2).txt`, "mine");
    assertEquals(await receive(disk, content(20), "b.txt"), `${folder}/b (3).txt`);
    assertEquals(list(folder), ["a.txt", "b (2).txt", "b (3).txt", "b.txt"]);
    assertEquals(Deno.readFileSync(`${folder}/a.txt`), content(10));
    assertEquals(Deno.readFileSync(`${folder}/b (3).txt`), content(20));
    assertEquals(Deno.readTextFileSync(`${folder}/b.txt`), "mine");
  });
});

posix(
  "sink: a part or a folder that goes away meanwhile is told, and nothing stands elsewhere",
  async () => {
    await inFolder(async (folder) => {
      const downloads = `${folder}/downloads`;
      const disk = new SystemDisk(() => downloads);
      const bytes = content(100);
      const part = `${downloads}/${partName("photo.jpg", HEX)}`;
      const begin = async () => {
        const sink = await disk.sink(offerOf(bytes));
        await fill(sink, bytes);
        return sink;
      };
      let sink = await begin();
      Deno.removeSync(part);
      await refuses(() => sink.finish(), "Cannot receive photo.jpg: its part is gone");
      assertEquals(list(downloads), []);

      sink = await begin();
      Deno.removeSync(part);
      Deno.writeTextFileSync(part, "another");
      await refuses(
        () => sink.finish(),
        "Cannot receive photo.jpg: another file stands where its part was",
      );
      assertEquals(Deno.readTextFileSync(part), "another");
      Deno.removeSync(downloads, { recursive: true });

      sink = await begin();
      Deno.removeSync(downloads, { recursive: true });
      const gone = `Cannot receive photo.jpg: the folder ${downloads} is gone`;
      await refuses(() => sink.finish(), gone);
      assertEquals(list(folder), []);

      sink = await begin();
      Deno.renameSync(downloads, `${folder}/moved`);
      Deno.symlinkSync("/", downloads);
      await refuses(() => sink.finish(), gone);
      Deno.removeSync(downloads);
      // The next one makes it again.
      assertEquals(await receive(disk, bytes), `${downloads}/photo.jpg`);
    });
  },
);

posix("sink: a folder that is none, or closed to this user", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    const bytes = content(10);
    await refuses(
      () => new SystemDisk(() => `${folder}/file`).sink(offerOf(bytes)),
      `Cannot receive photo.jpg: ${folder}/file is no folder`,
    );
    await refuses(
      () => new SystemDisk(() => `${folder}/file/sub`).sink(offerOf(bytes)),
      "Cannot receive photo.jpg: a part of its path is no folder",
    );
    Deno.symlinkSync(`${folder}/nowhere`, `${folder}/broken`);
    const broken = new SystemDisk(() => `${folder}/broken`);
    await assertRejects(() => broken.sink(offerOf(bytes)), ChatError, "Cannot make the folder");
    const failing = new SystemDisk(() => {
      throw new ChatError("Cannot find the folder for downloads");
    });
    await refuses(() => failing.sink(offerOf(bytes)), "Cannot find the folder for downloads");
    Deno.mkdirSync(`${folder}/closed`, { mode: 0o500 });
    // To root nothing is closed.
    if (Deno.uid() !== 0) {
      await refuses(
        () => new SystemDisk(() => `${folder}/closed`).sink(offerOf(bytes)),
        "Cannot receive photo.jpg: you may not write in the folder",
      );
    }
  });
});

/** Calls `use` with a file system of its own, of 2 MiB; or not, where none can be had. */
async function onSmallDisk(
  use: (folder: string, remount: (options: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const run = async (command: string, ...args: string[]) => {
      try {
        return (await new Deno.Command(command, { args, stderr: "null" }).output()).success;
      } catch {
        return false;
      }
    };
    const disk = `${folder}/disk`;
    Deno.mkdirSync(disk);
    if (!await run("mount", "-t", "tmpfs", "-o", "size=2m", "chat-test", disk)) return;
    try {
      await use(disk, async (options) => assert(await run("mount", "-o", options, disk)));
    } finally {
      assert(await run("umount", disk));
    }
  });
}

(Deno.build.os === "linux" && Deno.uid() === 0 ? Deno.test : Deno.test.ignore)(
  "sink: on a real disk that is full, or can't be written any more",
  () =>
    onSmallDisk(async (folder, remount) => {
      const disk = new SystemDisk(() => folder);
      const bytes = content(2 * MIB);
      const message = "Cannot receive photo.jpg: there is no space left on the disk";
      let sink = await disk.sink(offerOf(bytes));
      await refuses(() => fill(sink, bytes), message);
      assert(sink.have > MIB && sink.have < bytes.length);
      const { have } = sink;
      await sink.abort(true);
      assertEquals(list(folder).length, 2);
      await remount("remount,size=8m");
      sink = await disk.sink(offerOf(bytes));
      assert(sink.have <= have && sink.have > MIB);
      await fill(sink, bytes);
      await sink.finish();
      assertEquals(list(folder), ["photo.jpg"]);
      await remount("remount,ro");
      await refuses(
        () => disk.sink(offerOf(bytes)),
        "Cannot receive photo.jpg: the disk can't be written",
      );
    }),
);

Deno.test("open: ranges of a file, its hash, and how far it is", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    for (const size of [0, 1, CHUNK, MIB + 1]) {
      const bytes = content(size);
      Deno.writeFileSync(`${folder}/in.bin`, bytes);
      const progress: number[] = [];
      const upload = await disk.open(`${folder}/in.bin`, undefined, (n) => progress.push(n));
      assertEquals(upload.name, "in.bin");
      assertEquals(upload.size, size);
      assertEquals(upload.sha256, sha256(bytes));
      assertEquals(progress.at(-1) ?? 0, size);
      assertEquals(progress, progress.toSorted((a, b) => a - b));
      const [whole, last] = await Promise.all([
        upload.read(0, size),
        upload.read(size - Math.min(size, 3), Math.min(size, 3)),
      ]);
      assertEquals(whole, bytes);
      assertEquals(last, bytes.slice(-3));
      assertEquals(await upload.read(size, 0), new Uint8Array());
      for (const [at, n] of [[0, size + 1], [-1, 1], [size, 1], [0.5, 0], [0, NaN], [0, -1]]) {
        await assertRejects(() => upload.read(at!, n!), RangeError);
      }
      upload.close();
      await refuses(
        () => upload.read(0, 0),
        `Cannot send ${folder}/in.bin: it is no longer offered`,
      );
    }
    const upload = await disk.open(`${folder}/in.bin`, "../my\x1b name.bin", () => {});
    assertEquals(upload.name, "my_ name.bin");
    upload.close();
  });
});

posix("open: what is no file, is not there, or is stopped", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const open = (name: string) => disk.open(`${folder}/${name}`, undefined, () => {});
    assert((await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output()).success);
    Deno.symlinkSync(`${folder}/pipe`, `${folder}/link`);
    Deno.writeTextFileSync(`${folder}/file`, "hi");
    const says = (name: string, why: string) =>
      refuses(() => open(name), `Cannot send ${folder}/${name}: ${why}`);
    await says(".", "it is a folder");
    await says("pipe", "it is no file");
    await says("link", "it is no file");
    await says("none", "there is no such file");
    await says("file/none", "a part of its path is no folder");
    // Its size is no use: what comes is.
    await refuses(
      () => disk.open("/proc/self/status", undefined, () => {}),
      "Cannot send /proc/self/status: it changed while it was read",
    );
    const stop = () => {
      throw new ChatError("stopped");
    };
    await refuses(() => disk.open(`${folder}/file`, undefined, stop), "stopped");
    // One's own link is followed: its user has named it.
    Deno.symlinkSync("file", `${folder}/mine`);
    const upload = await open("mine");
    assertEquals([upload.name, upload.size], ["mine", 2]);
    upload.close();
  });
});

posix("read: a file that has changed, was replaced or is gone", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const path = `${folder}/file`;
    const changed = `Cannot send ${path}: it has changed since it was offered`;
    const changes: Record<string, [change: () => void, message: string]> = {
      "longer": [() => Deno.writeTextFileSync(path, "more", { append: true }), changed],
      "shorter": [() => Deno.truncateSync(path, 5), changed],
      "of the same size": [() => {
        Deno.writeFileSync(path, content(10, 3));
        Deno.utimeSync(path, new Date(7), new Date(7));
      }, changed],
      "replaced": [() => {
        Deno.writeFileSync(`${folder}/other`, content(10));
        const { atime, mtime } = Deno.statSync(path);
        Deno.utimeSync(`${folder}/other`, atime!, mtime!);
        Deno.renameSync(`${folder}/other`, path);
      }, changed],
      "a link now": [() => {
        Deno.renameSync(path, `${folder}/other`);
        Deno.symlinkSync(`${folder}/other`, path);
      }, changed],
      "gone": [() => Deno.removeSync(path), `Cannot send ${path}: it is gone`],
    };
    for (const [change, message] of Object.values(changes)) {
      for (const before of [false, true]) {
        Deno.writeFileSync(path, content(10));
        const upload = await disk.open(path, undefined, () => {});
        if (before) assertEquals(await upload.read(0, 10), content(10));
        change();
        await refuses(() => upload.read(0, 5), message);
        upload.close();
        for (const name of list(folder)) Deno.removeSync(`${folder}/${name}`);
      }
    }
  });
});

Deno.test("open: hundreds of offers keep a few files open", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const uploads = [];
    for (let i = 0; i < 300; i++) {
      Deno.writeFileSync(`${folder}/${i}`, content(10, i));
      uploads.push(await disk.open(`${folder}/${i}`, undefined, () => {}));
    }
    for (let round = 0; round < 2; round++) {
      const read = await Promise.all(uploads.map((upload) => upload.read(2, 8)));
      for (const [i, bytes] of read.entries()) assertEquals(bytes, content(8, i + 2));
    }
    if (Deno.build.os === "linux") {
      const open = Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => {
        try {
          return Deno.readLinkSync(`/proc/self/fd/${name}`);
        } catch {
          return "";
        }
      }).filter((path) => path.startsWith(folder));
      assertEquals(open.length, 16);
    }
    for (const upload of uploads) upload.close();
    // Closed when it is their turn.
    await Promise.allSettled(uploads.map((upload) => upload.read(0, 0)));
  });
});

posix("walk: the files of a folder in one order on every system; no links, no pipes", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const tree = `${folder}/tree`;
    for (const sub of ["b/c", "a", "empty"]) Deno.mkdirSync(`${tree}/${sub}`, { recursive: true });
    for (const file of ["z", "B", "a/2", "a/10", "b/c/x", "b/.hidden"]) {
      Deno.writeTextFileSync(`${tree}/${file}`, "");
    }
    Deno.symlinkSync(`${tree}/z`, `${tree}/link`);
    Deno.symlinkSync("/", `${tree}/root`);
    Deno.symlinkSync(tree, `${tree}/a/loop`);
    assert((await new Deno.Command("mkfifo", { args: [`${tree}/pipe`] }).output()).success);
    const walk = (path: string, most?: number) =>
      Array.fromAsync(new SystemDisk(() => folder, SYSTEM, most).walk(path));
    const found = await walk(tree);
    assertEquals(
      found.map(({ path }) => path.slice(tree.length + 1)),
      ["B", "a/10", "a/2", "b/.hidden", "b/c/x", "z"],
    );
    assertEquals(found.map(({ name }) => name), ["B", "10", "2", "_hidden", "x", "z"]);
    assertEquals(await walk(`${tree}/z`), [{ path: `${tree}/z`, name: "z" }]);
    assertEquals((await walk(`${tree}/`))[0], { path: `${tree}/B`, name: "B" });
    assertEquals((await walk(tree, 6)).length, 6);
    await refuses(() => walk(tree, 5), `Cannot send ${tree}: it has more than 5 files`);
    await refuses(() => walk(`${tree}/none`), `Cannot send ${tree}/none: there is no such file`);
    await refuses(() => walk(`${tree}/pipe`), `Cannot send ${tree}/pipe: it is no file`);
    const deep = `${folder}/deep`;
    Deno.mkdirSync(`${deep}${"/d".repeat(64)}`, { recursive: true });
    await refuses(
      () => Array.fromAsync(disk.walk(deep)),
      `Cannot send ${deep}: it has more than 64 folders in each other`,
    );
  });
});

Deno.test("walk, open, sink: hundreds of small files, there and back", async () => {
  await inFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/in`);
    const disk = new SystemDisk(() => `${folder}/out`);
    for (let i = 0; i < 300; i++) Deno.writeFileSync(`${folder}/in/${i}`, content(i, i));
    for await (const { path, name } of disk.walk(`${folder}/in`)) {
      const upload = await disk.open(path, undefined, () => {});
      const bytes = await upload.read(0, upload.size);
      upload.close();
      assertEquals(await receive(disk, bytes, name), `${folder}/out/${name}`);
    }
    assertEquals(list(`${folder}/out`), list(`${folder}/in`));
  });
});
