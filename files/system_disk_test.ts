import { assert, assertEquals } from "@std/assert";
import { statfsSync } from "node:fs";
import { ChatError } from "../errors.ts";
import { sha256 } from "../tests/support/hash.ts";
import {
  CHUNK,
  content,
  fill,
  inFolder,
  list,
  MIB,
  offerOf,
  readRange,
  receive,
  refuses,
  systemError,
} from "../tests/support/real_files.ts";
import { SYSTEM_CALLS } from "./file_io.ts";
import { SystemDisk } from "./system_disk.ts";

/** Calls `use` with a new file system of 2 MiB, if one can be mounted. */
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

Deno.test("SystemDisk.sink: receives files of any size and leaves nothing else in the folder", async () => {
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

Deno.test("SystemDisk.save: keeps files of any size, also many with one name at the same time", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => `${folder}/new`);
    for (const size of [0, 1, 16 * 1024]) {
      const bytes = content(size);
      const path = await disk.save(offerOf(bytes, `../${size}.bin`), bytes, sha256(bytes));
      assertEquals(path, `${folder}/new/${size}.bin`);
      assertEquals(Deno.readFileSync(path), bytes);
    }
    const paths = await Promise.all(Array.from({ length: 10 }, (_, i) => {
      const bytes = content(i);
      return disk.save(offerOf(bytes, "a.txt"), bytes, sha256(bytes));
    }));
    for (const [i, path] of paths.entries()) assertEquals(Deno.readFileSync(path), content(i));
    assertEquals(list(`${folder}/new`).length, 13);
  });
});

Deno.test("SystemDisk.save: leaves nothing of a file that is not what its sender sent, or cannot be kept", async () => {
  await inFolder(async (folder) => {
    let fault = "";
    const failing = (call: string) =>
      call === fault ? Promise.reject(systemError("EIO")) : Promise.resolve();
    const disk = new SystemDisk(() => folder, {
      write: async (file, bytes) => {
        await failing("write");
        return await SYSTEM_CALLS.write(file, bytes);
      },
      sync: () => failing("sync"),
      mark: () => failing("mark"),
      link: SYSTEM_CALLS.link,
    });
    const bytes = content(100);
    const save = (given: Uint8Array) => disk.save(offerOf(bytes), given, sha256(bytes));
    for (const given of [content(100, 1), content(99), content(101)]) {
      await refuses(
        () => save(given),
        "Cannot receive photo.jpg: its SHA-256 is not the one that its sender sent",
      );
    }
    for (fault of ["write", "sync", "mark"]) {
      await refuses(() => save(bytes), "Cannot receive photo.jpg: the device reported an error");
      assertEquals(list(folder), [], fault);
    }
    fault = "";
    assertEquals(await save(bytes), `${folder}/photo.jpg`);
    assertEquals(list(folder), ["photo.jpg"]);
  });
});

Deno.test("SystemDisk.save: leaves the part of an interrupted file of this name alone", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(100);
    const sink = await disk.sink(offerOf(bytes));
    await sink.write(0, bytes.subarray(0, 40));
    await sink.abort(true);
    const parts = list(folder);
    assertEquals(await disk.save(offerOf(bytes), bytes, sha256(bytes)), `${folder}/photo.jpg`);
    assertEquals(list(folder), ["photo.jpg", ...parts]);
    const again = await disk.sink(offerOf(bytes));
    assertEquals(again.have, 40);
    await again.abort(false);
  });
});

(Deno.build.os === "linux" && Deno.uid() === 0 ? Deno.test : Deno.test.ignore)(
  "SystemDisk.sink: reports a real disk that is full or read-only",
  () =>
    onSmallDisk(async (folder, remount) => {
      const disk = new SystemDisk(() => folder);
      const bytes = content(2 * MIB);
      const message = "Cannot receive photo.jpg: no space is left on the disk";
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
      await sink.finish(sha256(bytes));
      assertEquals(list(folder), ["photo.jpg"]);
      await remount("remount,ro");
      await refuses(
        () => disk.sink(offerOf(bytes)),
        "Cannot receive photo.jpg: the disk is read-only",
      );
    }),
);

const linux = Deno.build.os === "linux" ? Deno.test : Deno.test.ignore;

Deno.test("SystemDisk.free: is that of the folder, or of the one where it will be made", async () => {
  await inFolder((folder) => {
    const { blocks, bsize } = statfsSync(folder);
    for (const path of [folder, `${folder}/not/yet`]) {
      const free = new SystemDisk(() => path).free();
      assert(free !== undefined && free > 0 && free <= blocks * bsize, `${free}`);
    }
    assertEquals(list(folder), []);
    return Promise.resolve();
  });
});

linux("SystemDisk.free: is what fits on a small disk", () =>
  onSmallDisk(async (folder) => {
    const disk = new SystemDisk(() => folder);
    assertEquals(disk.free(), 2 * MIB);
    await receive(disk, content(MIB), "half.bin");
    assertEquals(disk.free(), MIB);
  }));

linux("SystemDisk.free: is unknown without a folder, or where the file system has no size", () => {
  const fail = () => {
    throw new ChatError("Cannot find the downloads folder");
  };
  for (const find of [fail, () => "/proc"]) {
    assertEquals(new SystemDisk(find).free(), undefined);
  }
});

Deno.test("SystemDisk.free: is unknown without the permission", {
  permissions: { read: true, sys: false },
}, () => {
  assertEquals(new SystemDisk(() => "/").free(), undefined);
});

Deno.test("SystemDisk.kept: counts the parts of interrupted files, and nothing else", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => `${folder}/downloads`);
    assertEquals(disk.kept(), 0);
    await receive(disk, content(CHUNK), "other.bin");
    assertEquals(disk.kept(), 0);
    const bytes = content(3 * MIB);
    const sink = await disk.sink(offerOf(bytes));
    await sink.write(0, bytes.subarray(0, MIB));
    await sink.abort(true);
    assertEquals(disk.kept(), MIB);
  });
});

Deno.test("SystemDisk: sends and receives hundreds of small files", async () => {
  await inFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/in`);
    const disk = new SystemDisk(() => `${folder}/out`);
    for (let i = 0; i < 300; i++) Deno.writeFileSync(`${folder}/in/${i}`, content(i, i));
    for await (const found of disk.walk(`${folder}/in`)) {
      assert("name" in found);
      const { path, name } = found;
      const upload = await disk.open(path, undefined);
      const bytes = await readRange(upload, 0, upload.size);
      upload.close();
      assertEquals(await receive(disk, bytes, name), `${folder}/out/${name}`);
    }
    assertEquals(list(`${folder}/out/in`), list(`${folder}/in`));
  });
});
