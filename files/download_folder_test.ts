import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
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
    assertEquals(await sink.finish(), `${folder}/one/photo.jpg`);
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
