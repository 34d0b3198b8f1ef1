import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import { ChatError } from "../errors.ts";
import { register } from "../cipher/opaque.ts";
import { createState, dropState, fitsCode, loadState, MAX_STATE_BYTES } from "./room_state.ts";

const POSIX = Deno.build.os !== "windows";

// Takes some hundred milliseconds, on purpose: all tests share it.
const CODE = "abandon ability able about";
const admission = register(CODE);

/** A valid file. */
const GOOD = inFolder((folder) => {
  createState(`${folder}/state`, admission);
  return Deno.readTextFileSync(`${folder}/state`);
});

/** Runs `use` with a new, empty folder. */
function inFolder<T>(use: (folder: string) => T): T {
  const folder = Deno.makeTempDirSync({ prefix: "chat-state-" });
  try {
    return use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Writes a file that only its owner can read, with an old date. */
function put(folder: string, content: string | Uint8Array): string {
  const path = `${folder}/state`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  Deno.writeFileSync(path, bytes, { mode: 0o600 });
  Deno.utimeSync(path, 1_000_000, 1_000_000);
  return path;
}

/** The names, bytes and dates of all files in a folder. */
function look(folder: string): unknown {
  return Array.from(Deno.readDirSync(folder), ({ name }) => {
    const path = `${folder}/${name}`;
    return [name, Deno.readFileSync(path), Deno.statSync(path).mtime, Deno.statSync(path).ino];
  });
}

/** Asserts that a file with this content is refused, and stays unchanged. */
function assertRefused(content: string | Uint8Array, message: string, hint: string): void {
  inFolder((folder) => {
    const path = put(folder, content);
    const before = look(folder);
    const error = assertThrows(() => loadState(path), ChatError, message);
    assertStringIncludes(error.message, path);
    assertStringIncludes(error.hint ?? "", hint);
    assertThrows(() => createState(path, admission), ChatError, "it exists already");
    assertEquals(look(folder), before);
  });
}

const assertDamaged = (content: string | Uint8Array) =>
  assertRefused(content, "it is damaged", "Restore a copy of it; or move it away");

Deno.test("createState, loadState: the record comes back unchanged, and the code fits it", async () => {
  const loaded = inFolder((folder) => {
    const path = `${folder}/state`;
    assertEquals(loadState(path), undefined);
    createState(path, admission);
    // No temporary file is left.
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["state"]);
    const loaded = loadState(path);
    assertEquals(loaded, admission);
    dropState(path);
    assertEquals(loadState(path), undefined);
    return loaded;
  });
  assert(await fitsCode(loaded!, "  Abandon-ability ABLE about"));
  assert(!await fitsCode(loaded!, "abandon ability able absent"));
});

Deno.test("createState: the file starts with an explanation, and does not hold the code", () => {
  assertMatch(
    GOOD,
    /^# This is the code verifier of a chat room\. Keep it secret: .*\nversion 1\nsetup \S+\nrecord \S+\ncheck \S+\n$/,
  );
  assert(!GOOD.includes(CODE));
});

Deno.test("fitsCode: refuses a code that no room can have", async () => {
  for (const code of ["", "able", "a".repeat(100_000)]) assert(!await fitsCode(admission, code));
});

Deno.test({
  name: "createState: only the owner can read the file",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      createState(`${folder}/state`, admission);
      assertEquals(Deno.statSync(`${folder}/state`).mode! & 0o777, 0o600);
    }),
});

Deno.test({
  name:
    "loadState: refuses a file that others can read or change, with a hint, and leaves it unchanged",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      const path = put(folder, GOOD);
      for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602]) {
        Deno.chmodSync(path, mode);
        const before = look(folder);
        const error = assertThrows(() => loadState(path), ChatError, "other users");
        assertEquals(error.hint, `Make it private: chmod 600 ${path}`);
        assertEquals(look(folder), before);
      }
      for (const mode of [0o600, 0o400]) {
        Deno.chmodSync(path, mode);
        assertEquals(loadState(path), admission);
      }
    }),
});

Deno.test({
  name: "loadState: refuses a folder that others can change, whether or not there is a file",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      const path = put(folder, GOOD);
      for (const mode of [0o770, 0o707, 0o722]) {
        Deno.chmodSync(folder, mode);
        for (const state of [path, `${folder}/new`]) {
          const error = assertThrows(() => loadState(state, folder), ChatError);
          assertEquals(
            error.message,
            `Cannot use ${state}: other users of this machine can change files in ${folder}`,
          );
          assertEquals(error.hint, `Protect the folder: chmod go-w ${folder}`);
        }
      }
      // Nobody can replace the file of another user here.
      Deno.chmodSync(folder, 0o1777);
      assertEquals(loadState(path, folder), admission);
      assertEquals(loadState(`${folder}/new`, folder), undefined);
      Deno.chmodSync(folder, 0o700);
    }),
});

Deno.test("createState: leaves an existing file unchanged, whatever it holds", () => {
  for (const content of [GOOD, "", "somebody's thesis\n"]) {
    inFolder((folder) => {
      const path = put(folder, content);
      const before = look(folder);
      const error = assertThrows(
        () => createState(path, admission),
        ChatError,
        `Cannot keep the room's state in ${path}: it exists already`,
      );
      assert(error.hint);
      assertEquals(look(folder), before);
    });
  }
});

Deno.test("createState: if two create the file, one succeeds, and the file is complete", () => {
  inFolder((folder) => {
    const path = `${folder}/state`;
    // Both have seen that the file does not exist.
    assertEquals([loadState(path), loadState(path)], [undefined, undefined]);
    createState(path, admission);
    assertThrows(() => createState(path, { setup: "A", record: "B" }), ChatError, "already");
    assertEquals(loadState(path), admission);
    assertEquals(Array.from(Deno.readDirSync(folder)).length, 1);
  });
});

Deno.test("loadState: reports a truncated file as damaged, wherever it was cut", () => {
  inFolder((folder) => {
    for (let length = 0; length < GOOD.length; length++) {
      const path = put(folder, GOOD.slice(0, length));
      assertThrows(() => loadState(path), ChatError, "it is damaged");
      assertEquals(Deno.readTextFileSync(path), GOOD.slice(0, length));
    }
    assertEquals(loadState(put(folder, GOOD)), admission);
  });
});

Deno.test("loadState: reports any changed byte after the comment as damage, or as another version", () => {
  const good = new TextEncoder().encode(GOOD);
  const start = GOOD.indexOf("\n") + 1;
  inFolder((folder) => {
    fc.assert(fc.property(
      fc.integer({ min: start, max: good.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        const bytes = good.slice();
        bytes[at]! ^= change;
        const path = put(folder, bytes);
        const error = assertThrows(() => loadState(path), ChatError, "Cannot use ");
        assertMatch(error.message, /: it (?:is damaged|has version [2-9], .*)$/);
        assertEquals(Deno.readFileSync(path), bytes);
      },
    ));
  });
});

Deno.test("loadState: reports any other file as damaged, and leaves it unchanged", () => {
  const [comment, version, setup, record, check] = GOOD.split("\n");
  const lines = (...lines: (string | undefined)[]) => lines.map((line) => `${line}\n`).join("");
  assertEquals(lines(comment, version, setup, record, check), GOOD);
  for (
    const content of [
      "",
      "\n",
      "\0".repeat(GOOD.length),
      "hello\n",
      "{}",
      lines(comment),
      lines(comment, version),
      lines(comment, setup, record, check),
      lines(comment, "version 0", setup, record, check),
      lines(comment, "version 1.5", setup, record, check),
      lines(comment, "version -2", setup, record, check),
      lines(comment, version, record, setup, check),
      lines(comment, version, setup, setup, record, check),
      lines(comment, version, setup, record, check, ""),
      lines(comment, version, setup, record, check, "more"),
      lines(comment, comment, version, setup, record, check),
      GOOD + GOOD,
      GOOD.replaceAll("\n", "\r\n"),
      GOOD.replace("setup ", "setup  "),
      ` ${GOOD}`,
      // A value of the wrong size, even with a valid checksum.
      GOOD.replace(/setup \S/, "setup "),
      GOOD.replace(/record /, "record A"),
      // A comment that is not text; nothing else in it is checked.
      Uint8Array.from([0x23, 0xff, 0xfe, ...new TextEncoder().encode(GOOD)]),
      Uint8Array.from([0x80, 0x81, 0x82]),
      // UTF-16, as some editors save.
      new Uint8Array(Uint16Array.from(GOOD, (mark) => mark.charCodeAt(0)).buffer),
    ]
  ) assertDamaged(content);
});

Deno.test("loadState: reports keys that the library refuses as damage, even with a valid checksum", async () => {
  for (
    const keys of [
      { setup: "A".repeat(171), record: admission.record },
      { setup: admission.setup, record: "A".repeat(256) },
      { setup: admission.setup, record: "_".repeat(256) },
    ]
  ) {
    const checked = `version 1\nsetup ${keys.setup}\nrecord ${keys.record}\n`;
    const sum = new Uint8Array(
      await crypto.subtle.digest("SHA-256", new TextEncoder().encode(checked)),
    );
    const check = sum.toBase64({ alphabet: "base64url", omitPadding: true });
    assertDamaged(`# A comment.\n${checked}check ${check}\n`);
  }
});

Deno.test("loadState: accepts another comment, or none", () => {
  const body = GOOD.slice(GOOD.indexOf("\n") + 1);
  for (const text of [body, `#\n${body}`, `# The room of the crew.\n${body}`]) {
    inFolder((folder) => assertEquals(loadState(put(folder, text)), admission));
  }
});

Deno.test("loadState: names a later version, whatever follows it, and leaves the file unchanged", () => {
  for (
    const text of ["version 2\n", GOOD.replace("version 1", "version 2"), "# x\nversion 2\n{}"]
  ) {
    assertRefused(
      text,
      "it has version 2, and this chat reads version 1",
      "Use the newer chat that wrote it; or move it away",
    );
  }
});

Deno.test("loadState: does not read a file that is too large", () => {
  inFolder((folder) => {
    const path = put(folder, GOOD);
    Deno.truncateSync(path, MAX_STATE_BYTES);
    assertThrows(() => loadState(path), ChatError, "it is damaged");
    Deno.truncateSync(path, MAX_STATE_BYTES + 1);
    const error = assertThrows(() => loadState(path), ChatError, `more than ${MAX_STATE_BYTES}`);
    assertEquals(error.hint, "Is it the right file?");
  });
});

Deno.test("loadState: reports a folder, or a file in place of a folder", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/there`);
    assertThrows(() => loadState(`${folder}/there`), ChatError, "it is a folder");
    const path = put(folder, GOOD);
    if (POSIX) assertThrows(() => loadState(`${path}/state`), ChatError, "Cannot read");
  });
});

Deno.test("loadState, createState: report a missing folder, and do not create it", () => {
  inFolder((folder) => {
    const path = `${folder}/none/state`;
    const error = assertThrows(() => loadState(path), ChatError, "its folder does not exist");
    assertEquals(error.hint, "Create the folder, or name another file");
    assertThrows(() => createState(path, admission), ChatError, "Cannot write");
    assertEquals(Array.from(Deno.readDirSync(folder)), []);
  });
});

Deno.test("loadState: looks for a name without a folder in the current folder", () => {
  // No file has this name.
  assertEquals(loadState(`state-${crypto.randomUUID()}`), undefined);
});

Deno.test({
  name: "loadState: reads a link to a file, but no device",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      // Reading it would never end.
      assertThrows(() => loadState("/dev/zero"), ChatError, "it is not a file");
      const path = put(folder, GOOD);
      Deno.symlinkSync(path, `${folder}/link`);
      assertEquals(loadState(`${folder}/link`), admission);
      Deno.symlinkSync(`${folder}/nowhere`, `${folder}/loose`);
      assertThrows(() => loadState(`${folder}/loose`), ChatError, "a broken link");
      assertThrows(() => createState(`${folder}/loose`, admission), ChatError, "already");
    }),
});

Deno.test("loadState: shows the name without control characters", () => {
  const error = assertThrows(() => loadState("/none\x1b[2J/state"), ChatError, "␛[2J");
  assert(!error.message.includes("\x1b"));
});
