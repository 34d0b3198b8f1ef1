import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sha256 } from "../tests/support/hash.ts";
import { content, inFolder } from "../tests/support/real_files.ts";
import { hashFile, markForeign, readAll, writeAll, writeAllSync } from "./file_io.ts";

/** A file that takes `max` bytes at a time. */
function slowFile(max: number) {
  const written: number[] = [];
  const writeSync = (bytes: Uint8Array) => written.push(...bytes.subarray(0, max)) && max;
  return {
    written,
    writeSync: (bytes: Uint8Array) => max === 0 ? 0 : Math.min(writeSync(bytes), bytes.length),
    write(bytes: Uint8Array): Promise<number> {
      return Promise.resolve(this.writeSync(bytes));
    },
  };
}

Deno.test("writeAll, writeAllSync: repeat short writes, and throw if the system accepts nothing", async () => {
  const bytes = content(10);
  for (const max of [1, 3, 10, 11]) {
    const [one, other] = [slowFile(max), slowFile(max)];
    await writeAll(one, bytes);
    writeAllSync(other, bytes);
    assertEquals([one.written, other.written], [[...bytes], [...bytes]]);
  }
  await assertRejects(() => writeAll(slowFile(0), bytes), Deno.errors.WriteZero);
  assertThrows(() => writeAllSync(slowFile(0), bytes), Deno.errors.WriteZero);
});

Deno.test("readAll, hashFile: read from the file's position, and show when it is too short or too long", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    Deno.writeFileSync(path, content(1000));
    using file = await Deno.open(path);
    const bytes = new Uint8Array(400);
    assertEquals([await readAll(file, bytes), bytes], [true, content(400)]);
    const { hash, bytes: count } = await hashFile(file, 600);
    assertEquals([count, hash.digest("hex")], [600, sha256(content(600, 400)).toHex()]);
    assertEquals(await readAll(file, bytes), false);
    file.seekSync(0, Deno.SeekMode.Start);
    assertEquals((await hashFile(file, 600)).bytes, 601);
  });
});

const MARK = "[ZoneTransfer]\r\nZoneId=3\r\n";

Deno.test("markForeign: writes the mark of the web on Windows, and nothing elsewhere", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/a.exe`;
    await Deno.writeTextFile(path, "content");
    for (const os of ["linux", "darwin"]) await markForeign(path, os);
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["a.exe"]);
    // On other systems than Windows, this is the name of another file.
    await markForeign(path, "windows");
    assertEquals(await Deno.readTextFile(`${path}:Zone.Identifier`), MARK);
    assertEquals(await Deno.readTextFile(path), "content");
    // A file system without streams must not cost the file.
    await markForeign(`${folder}/missing/a.exe`, "windows");
  });
});
