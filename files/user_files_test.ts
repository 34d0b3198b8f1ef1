import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { SystemFiles } from "./user_files.ts";

const posix = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** Calls `use` with a folder of its own. */
function inFolder(use: (folder: string) => void): void {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "chat-test-" }));
  try {
    use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("SystemFiles.create: a new file, whole, and its path; one that is there stays as it is", () => {
  inFolder((folder) => {
    const files = new SystemFiles(undefined);
    const path = `${folder}/talk.txt`;
    assertEquals(files.create(path, "één\n"), Deno.realPathSync(path));
    assertEquals(Deno.readTextFileSync(path), "één\n");
    assertEquals(files.create(path, "other"), undefined);
    assertEquals(Deno.readTextFileSync(path), "één\n");
    assertEquals(files.create(folder, "other"), undefined);
    assertEquals(Array.from(Deno.readDirSync(folder)).length, 1);
  });
});

posix("SystemFiles.create: for its owner's eyes only, and never through a link", () => {
  inFolder((folder) => {
    const files = new SystemFiles(undefined);
    files.create(`${folder}/talk.txt`, "hi");
    assertEquals(Deno.statSync(`${folder}/talk.txt`).mode! & 0o777, 0o600);
    Deno.symlinkSync(`${folder}/elsewhere`, `${folder}/link`);
    assertEquals(files.create(`${folder}/link`, "hi"), undefined);
    assertThrows(() => Deno.statSync(`${folder}/elsewhere`), Deno.errors.NotFound);
  });
});

Deno.test("SystemFiles.create: what can't be written is told, and leaves nothing", () => {
  inFolder((folder) => {
    const files = new SystemFiles(undefined);
    for (const path of [`${folder}/no/such/folder`, `${folder}/\0`]) {
      const error = assertThrows(() => files.create(path, "hi"), ChatError);
      assert(error.message.startsWith("Cannot write "), error.message);
    }
    assertEquals(Array.from(Deno.readDirSync(folder)), []);
  });
});

posix(
  "SystemFiles.list: files and folders, links to folders too; of what is closed, nothing",
  () => {
    inFolder((folder) => {
      Deno.writeTextFileSync(`${folder}/file`, "");
      Deno.mkdirSync(`${folder}/sub`);
      Deno.symlinkSync(`${folder}/sub`, `${folder}/link`);
      Deno.symlinkSync(`${folder}/nowhere`, `${folder}/broken`);
      const files = new SystemFiles(undefined);
      const list = files.list(folder).toSorted((a, b) => a.name < b.name ? -1 : 1);
      assertEquals(list, [
        { name: "broken", folder: false },
        { name: "file", folder: false },
        { name: "link", folder: true },
        { name: "sub", folder: true },
      ]);
      assertEquals(files.list(`${folder}/file`), []);
      assertEquals(files.list(`${folder}/none`), []);
    });
  },
);
