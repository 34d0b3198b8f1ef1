import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { sha256 } from "../tests/support/hash.ts";
import {
  content,
  fill,
  inFolder,
  list,
  offerOf,
  posix,
  receive,
  refuses,
  systemError,
} from "../tests/support/real_files.ts";
import { DiskError } from "./disk_errors.ts";
import { checkDownloads, DownloadFolder, findDownloads } from "./download_folder.ts";
import { SYSTEM_CALLS } from "./file_io.ts";
import { SystemDisk } from "./system_disk.ts";

Deno.test("findDownloads: finds the downloads folder of each system", () => {
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

posix(
  "checkDownloads: a folder, also a new one, is fine, and the disk stays as it was",
  async () => {
    await inFolder((folder) => {
      Deno.mkdirSync(`${folder}/there`);
      Deno.symlinkSync("there", `${folder}/link`);
      Deno.writeTextFileSync(`${folder}/file`, "");
      for (const path of ["", "/", "/there", "/there/", "/link", "/new", "/there/a/b/c"]) {
        checkDownloads(folder + path);
      }
      assertEquals(list(folder), ["file", "link", "there"]);
      assertEquals(list(`${folder}/there`), []);
      return Promise.resolve();
    });
  },
);

posix("checkDownloads: reports what cannot become a folder, and why", async () => {
  await inFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    Deno.symlinkSync("nowhere", `${folder}/broken`);
    Deno.symlinkSync("loop", `${folder}/loop`);
    const long = "x".repeat(300);
    const cases: Record<string, string> = {
      "/file": "it is not a folder",
      "/file/below": "a part of its path is not a folder",
      "/file/below/it": "a part of its path is not a folder",
      "/broken": "no files can be made in it",
      "/loop": "its links lead in a circle",
      [`/${long}`]: "the name is too long for the file system",
    };
    for (const [path, reason] of Object.entries(cases)) {
      const error = assertThrows(() => checkDownloads(folder + path), ChatError);
      assertEquals(error.message, `Cannot use the downloads folder ${folder}${path}: ${reason}`);
    }
    assertEquals(list(folder), ["broken", "file", "loop"]);
    return Promise.resolve();
  });
});

Deno.test({
  name: "checkDownloads: a folder that exists but takes no files is reported",
  // Nobody can make a file there, not even root.
  ignore: Deno.build.os !== "linux",
  fn() {
    for (const path of ["/proc/self", "/proc/self/new"]) {
      assertThrows(() => checkDownloads(path), ChatError, "no files can be made in it");
    }
  },
});

Deno.test("findDownloads: without a home folder it throws, with the hint to name a folder", () => {
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

posix(
  "DownloadFolder.place: replaces no file, follows no link, and numbers names that differ only in case or accents",
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
        "/etc/passwd": "etc/passwd",
        "..\\..\\con.txt": "_con.txt",
        "out/photo.png": "out (3)/photo.png",
      };
      for (const [name, given] of Object.entries(names)) {
        assertEquals(await receive(disk, content(10), name), `${downloads}/${given}`);
      }
      // Other programs have added files since the folder was read.
      Deno.writeTextFileSync(`${downloads}/new.txt`, "mine");
      Deno.symlinkSync(`${folder}/outside`, `${downloads}/new (2).txt`);
      assertEquals(await receive(disk, content(10), "new.txt"), `${downloads}/new (3).txt`);
      // And removed one.
      Deno.removeSync(`${downloads}/photo.jpg`);
      assertEquals(await receive(disk, content(10), "photo.jpg"), `${downloads}/photo.jpg`);
      assertEquals(Deno.readTextFileSync(`${downloads}/new.txt`), "mine");
      assertEquals(list(folder), ["downloads"]);
    });
  },
);

Deno.test("DownloadFolder.place: gives each of many files with one name its own number, also at the same time", async () => {
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

posix("DownloadFolder.open: resolves a link to the folder once", async () => {
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
    assertEquals(await sink.finish(sha256(bytes)), `${folder}/one/photo.jpg`);
    assertEquals(list(`${folder}/two`), []);
  });
});

Deno.test("DownloadFolder.place: gives names that differ in case only different numbers, also at the same time", async () => {
  await inFolder(async (path) => {
    const folder = await DownloadFolder.open(path);
    const wanted = ["photo.jpg", "Photo.JPG", "PHOTO.jpg", "photo.jpg", "Photo.JPG"];
    for (const [i] of wanted.entries()) Deno.writeTextFileSync(`${path}/part${i}`, `${i}`);
    await Promise.all(wanted.map((name, i) => folder.place(`part${i}`, [name], "anna", Deno.link)));
    const placed = list(path).filter((name) => !name.startsWith("part"));
    assertEquals(placed.map((name) => name.toLowerCase()).sort(), [
      "photo (2).jpg",
      "photo (3).jpg",
      "photo (4).jpg",
      "photo (5).jpg",
      "photo.jpg",
    ]);
  });
});

Deno.test("DownloadFolder.place: replaces no file where files cannot have two names", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder, {
      ...SYSTEM_CALLS,
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

/** A downloads folder, and how a file of a sender gets a path in it; the content is the path that was wanted. */
async function placing(path: string, link = Deno.link, maxNames?: number) {
  const folder = await DownloadFolder.open(path, maxNames);
  let parts = 0;
  const place = async (wanted: string, from = "anna") => {
    const part = `part${parts++}`;
    Deno.writeTextFileSync(`${path}/${part}`, wanted);
    try {
      const placed = await folder.place(part, wanted.split("/"), from, link);
      assertEquals(Deno.readTextFileSync(placed), wanted);
      return placed.slice(path.length + 1);
    } finally {
      Deno.removeSync(`${path}/${part}`);
    }
  };
  const make = async (wanted: string, from = "anna") =>
    (await folder.makeFolder(wanted.split("/"), from)).slice(path.length + 1);
  return { folder, place, make };
}

posix("DownloadFolder.place: makes private folders, and fills those that are there", async () => {
  await inFolder(async (path) => {
    const { place, make } = await placing(path);
    assertEquals(await place("photos/2024/a.jpg"), "photos/2024/a.jpg");
    assertEquals(await place("photos/2024/a.jpg"), "photos/2024/a (2).jpg");
    assertEquals(await place("photos/2024/A.jpg", "ben"), "photos/2024/A (3).jpg");
    assertEquals(await make("photos/empty"), "photos/empty");
    assertEquals(await make("photos/2024"), "photos/2024");
    // A folder whose name some system takes for the same is the same.
    assertEquals(await place("Photos/b.jpg"), "photos/b.jpg");
    for (const one of ["photos", "photos/2024", "photos/empty"]) {
      assertEquals(Deno.statSync(`${path}/${one}`).mode! & 0o777, 0o700);
    }
    Deno.mkdirSync(`${path}/mine`, { mode: 0o755 });
    Deno.writeTextFileSync(`${path}/mine/a`, "mine");
    assertEquals(await place("mine/a"), "mine/a (2)");
    assertEquals([list(`${path}/mine`), Deno.readTextFileSync(`${path}/mine/a`)], [
      ["a", "a (2)"],
      "mine",
    ]);
    // Removed by another program meanwhile.
    Deno.removeSync(`${path}/photos`, { recursive: true });
    assertEquals(await place("photos/2024/a.jpg"), "photos/2024/a.jpg");
  });
});

posix(
  "DownloadFolder.place: enters no link and no file; the folder keeps the name that it gets",
  async () => {
    await inFolder(async (outside) => {
      const path = `${outside}/downloads`;
      Deno.mkdirSync(`${outside}/elsewhere`);
      Deno.mkdirSync(path);
      Deno.symlinkSync(`${outside}/elsewhere`, `${path}/photos`);
      Deno.symlinkSync(`${outside}/nowhere`, `${path}/photos (2)`);
      Deno.writeTextFileSync(`${path}/v1.2`, "mine");
      const { place, make } = await placing(path);
      assertEquals(await place("photos/a"), "photos (3)/a");
      assertEquals(await make("photos"), "photos (3)");
      assertEquals(await place("v1.2/a"), "v1.2 (2)/a");
      Deno.symlinkSync(`${outside}/elsewhere`, `${path}/photos (3)/sub`);
      assertEquals(await place("photos/sub/x/b"), "photos (3)/sub (2)/x/b");
      // The name is free again; this sender's folder stays where it is, another's is not there yet.
      Deno.removeSync(`${path}/photos`);
      Deno.removeSync(`${path}/v1.2`);
      assertEquals(await place("photos/c"), "photos (3)/c");
      assertEquals(await make("v1.2/empty"), "v1.2 (2)/empty");
      assertEquals(await place("photos/c", "ben"), "photos/c");
      // Its folder was removed: it gets the first name that is free.
      Deno.removeSync(`${path}/photos (3)`, { recursive: true });
      assertEquals(await place("photos/d"), "photos/d");
      assertEquals([list(`${outside}/elsewhere`), list(outside)], [[], ["downloads", "elsewhere"]]);
    });
  },
);

posix(
  "DownloadFolder.place: a folder that becomes a link meanwhile gets no file, and nothing stays behind it",
  async () => {
    await inFolder(async (outside) => {
      const path = `${outside}/downloads`;
      Deno.mkdirSync(`${outside}/elsewhere/b`, { recursive: true });
      for (const [replaced, wanted] of [["a", "a/b/file"], ["a/b", "a/b/file"]]) {
        Deno.mkdirSync(path);
        const target = `${outside}/elsewhere${replaced!.slice(1)}`;
        const { place } = await placing(path, async (from, to) => {
          Deno.renameSync(`${path}/${replaced}`, `${outside}/moved`);
          Deno.symlinkSync(target, `${path}/${replaced}`);
          await Deno.link(from, to);
          assertEquals(list(`${outside}/elsewhere/b`), ["file"]);
        });
        await assertRejects(() => place(wanted!), DiskError, "was replaced meanwhile");
        assertEquals(list(`${outside}/elsewhere/b`), []);
        for (const one of [path, `${outside}/moved`]) Deno.removeSync(one, { recursive: true });
      }
    });
  },
);

(Deno.uid() === 0 ? posix : Deno.test.ignore)(
  "DownloadFolder.place: enters no folder of another user, who could replace what is in it",
  async () => {
    await inFolder(async (path) => {
      for (const name of ["theirs", "ours"]) Deno.mkdirSync(`${path}/${name}`);
      Deno.chownSync(`${path}/theirs`, 12345, null);
      const { place } = await placing(path);
      assertEquals(await place("theirs/a"), "theirs (2)/a");
      assertEquals(await place("ours/a"), "ours/a");
    });
    // Of the folder's own owner it may be: a folder that several users share.
    await inFolder(async (path) => {
      Deno.mkdirSync(`${path}/theirs`);
      for (const one of [path, `${path}/theirs`]) Deno.chownSync(one, 12345, null);
      const { place } = await placing(path);
      assertEquals(await place("theirs/a"), "theirs/a");
    });
  },
);

Deno.test("DownloadFolder.place: many files at the same time get one folder, and each its own name", async () => {
  await inFolder(async (path) => {
    const { place, make } = await placing(path);
    const wanted = Array.from({ length: 40 }, (_, i) => `t/${i % 2 === 0 ? "a/A" : "b/a"}.txt`);
    const placed = await Promise.all([
      ...wanted.map((one) => place(one)),
      make("t/a"),
      make("t/c"),
    ]);
    assertEquals(new Set(placed).size, 42);
    assertEquals([list(`${path}`), list(`${path}/t`)], [["t"], ["a", "b", "c"]]);
    assertEquals([list(`${path}/t/a`).length, list(`${path}/t/b`).length], [20, 20]);
  });
});

Deno.test("DownloadFolder.place: remembers a bounded number of names, and replaces nothing without them", async () => {
  await inFolder(async (path) => {
    for (const name of ["one", "two", "three"]) Deno.writeTextFileSync(`${path}/${name}`, "mine");
    const { folder, place, make } = await placing(path, Deno.link, 10);
    const names = new Set<string>();
    for (let i = 0; i < 60; i++) {
      names.add(await place(`d${i % 7}/f${i % 3}`, i < 30 ? "anna" : "ben"));
      if (i % 10 === 0) assertEquals(await make("d1"), "d1");
      assert(folder.names <= 10, `${folder.names}`);
    }
    assertEquals(names.size, 60);
    assertEquals(await place("one"), "one (2)");
    assertEquals(list(path), [
      "d0",
      "d1",
      "d2",
      "d3",
      "d4",
      "d5",
      "d6",
      "one",
      "one (2)",
      "three",
      "two",
    ]);
  });
});

Deno.test("SystemDisk.sink: a path that is too deep or too long fails before its data comes", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const deep = `${"d/".repeat(64)}a`;
    assertEquals(await receive(disk, content(10), deep), `${folder}/${deep}`);
    const made = `${"e/".repeat(64)}`;
    assertEquals(
      await disk.makeFolder({ name: made, from: "anna" }),
      `${folder}/${made.slice(0, -1)}`,
    );
    for (const name of [`d/${deep}`, "d/".repeat(5000) + "a"]) {
      await refuses(
        () => disk.sink(offerOf(content(10), name)),
        `Cannot receive ${name}: its folders are nested more than 64 deep`,
      );
    }
    await refuses(
      () => disk.makeFolder({ name: `e/${made}`, from: "anna" }),
      `Cannot receive e/${made.slice(0, -1)}: its folders are nested more than 64 deep`,
    );
    if (Deno.build.os === "windows") return;
    const long = `${"x".repeat(250)}/`.repeat(20);
    await refuses(
      () => disk.sink(offerOf(content(10), `${long}a`)),
      `Cannot receive ${long}a: the name is too long for the file system`,
    );
    await refuses(
      () => disk.makeFolder({ name: long, from: "anna" }),
      `Cannot receive ${long.slice(0, -1)}: the name is too long for the file system`,
    );
    assertEquals(list(folder), ["d", "e"]);
  });
});

posix(
  "DownloadFolder.open: reports a path that is not a folder, and one that may not be written",
  async () => {
    await inFolder(async (folder) => {
      Deno.writeTextFileSync(`${folder}/file`, "");
      const bytes = content(10);
      await refuses(
        () => new SystemDisk(() => `${folder}/file`).sink(offerOf(bytes)),
        `Cannot receive photo.jpg: ${folder}/file is not a folder`,
      );
      await refuses(
        () => new SystemDisk(() => `${folder}/file/sub`).sink(offerOf(bytes)),
        "Cannot receive photo.jpg: a part of its path is not a folder",
      );
      Deno.symlinkSync(`${folder}/nowhere`, `${folder}/broken`);
      const broken = new SystemDisk(() => `${folder}/broken`);
      await assertRejects(() => broken.sink(offerOf(bytes)), ChatError, "Cannot make the folder");
      const failing = new SystemDisk(() => {
        throw new ChatError("Cannot find the folder for downloads");
      });
      await refuses(() => failing.sink(offerOf(bytes)), "Cannot find the folder for downloads");
      Deno.mkdirSync(`${folder}/closed`, { mode: 0o500 });
      // Root may write everywhere.
      if (Deno.uid() !== 0) {
        await refuses(
          () => new SystemDisk(() => `${folder}/closed`).sink(offerOf(bytes)),
          "Cannot receive photo.jpg: you may not write in the folder",
        );
      }
    });
  },
);
