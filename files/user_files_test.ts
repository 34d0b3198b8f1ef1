import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { SystemFiles } from "./user_files.ts";

const posix = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

/** Calls `use` with a new folder, and removes it. */
function inFolder(use: (folder: string) => void): void {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "chat-test-" }));
  try {
    use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("SystemFiles.create: writes a new file and returns its path; an existing file stays as it is", () => {
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

posix("SystemFiles.create: makes the file private and never follows a link", () => {
  inFolder((folder) => {
    const files = new SystemFiles(undefined);
    files.create(`${folder}/talk.txt`, "hi");
    assertEquals(Deno.statSync(`${folder}/talk.txt`).mode! & 0o777, 0o600);
    Deno.symlinkSync(`${folder}/elsewhere`, `${folder}/link`);
    assertEquals(files.create(`${folder}/link`, "hi"), undefined);
    assertThrows(() => Deno.statSync(`${folder}/elsewhere`), Deno.errors.NotFound);
  });
});

Deno.test("SystemFiles.create: reports a file that cannot be written, and leaves nothing of it", () => {
  inFolder((folder) => {
    const files = new SystemFiles(undefined);
    for (
      const [path, reason] of [[`${folder}/no/such/folder`, "its folder does not exist"], [
        `${folder}/\0`,
        "",
      ]]
    ) {
      const error = assertThrows(() => files.create(path!, "hi"), ChatError);
      assert(error.message.startsWith("Cannot write "), error.message);
      assert(error.message.endsWith(reason!), error.message);
    }
    assertEquals(Array.from(Deno.readDirSync(folder)), []);
  });
});

posix(
  "SystemFiles.list: lists files, folders and links to folders; nothing of a folder that cannot be read",
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
