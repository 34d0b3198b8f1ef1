import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { sha256 } from "../tests/support/hash.ts";
import { content, inFolder } from "../tests/support/real_files.ts";
import { markForeign, readAll, updateHash, writeAll, writeAllSync } from "./file_io.ts";

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

Deno.test("readAll, updateHash: read from the file's position, and show when the file is too short", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    Deno.writeFileSync(path, content(1000));
    using file = await Deno.open(path);
    const bytes = new Uint8Array(400);
    assertEquals([await readAll(file, bytes), bytes], [true, content(400)]);
    const hash = createHash("sha256");
    assertEquals(await updateHash(hash, file, 0), 0);
    assertEquals(await updateHash(hash, file, 500), 500);
    // It takes no byte more than that, and goes on after them.
    assertEquals(await updateHash(hash, file, 1000), 100);
    assertEquals(hash.digest("hex"), sha256(content(600, 400)).toHex());
    assertEquals(await readAll(file, bytes), false);
  });
});

Deno.test("updateHash: hashes a file that is larger than its buffer", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    const bytes = content(2 * 256 * 1024 + 5);
    Deno.writeFileSync(path, bytes);
    for (const max of [bytes.length, bytes.length - 1, 256 * 1024, 256 * 1024 + 1]) {
      using file = await Deno.open(path);
      const hash = createHash("sha256");
      assertEquals(await updateHash(hash, file, max), max);
      assertEquals(hash.digest("hex"), sha256(bytes.subarray(0, max)).toHex());
    }
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
