import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import { ChatError } from "../errors.ts";
import { register } from "../cipher/opaque.ts";
import { createState, dropState, fitsCode, loadState, MAX_STATE_BYTES } from "./room_state.ts";

const POSIX = Deno.build.os !== "windows";

// Costs some hundred milliseconds, on purpose: all tests share it.
const CODE = "abandon ability able about";
const admission = register(CODE);

/** The file as it is written. */
const GOOD = inFolder((folder) => {
  createState(`${folder}/state`, admission);
  return Deno.readTextFileSync(`${folder}/state`);
});

/** Runs `use` with an empty folder of its own. */
function inFolder<T>(use: (folder: string) => T): T {
  const folder = Deno.makeTempDirSync({ prefix: "chat-state-" });
  try {
    return use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A file with this content, for its owner alone, written long ago. */
function put(folder: string, content: string | Uint8Array): string {
  const path = `${folder}/state`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  Deno.writeFileSync(path, bytes, { mode: 0o600 });
  Deno.utimeSync(path, 1_000_000, 1_000_000);
  return path;
}

/** All that can be seen of a folder with one file: names, bytes, and when it was written. */
function look(folder: string): unknown {
  return Array.from(Deno.readDirSync(folder), ({ name }) => {
    const path = `${folder}/${name}`;
    return [name, Deno.readFileSync(path), Deno.statSync(path).mtime, Deno.statSync(path).ino];
  });
}

/** Asserts that a file with this content is refused, and that nothing happens to it. */
function assertRefused(content: string | Uint8Array, message: string, hint: string): void {
  inFolder((folder) => {
    const path = put(folder, content);
    const before = look(folder);
    const error = assertThrows(() => loadState(path), ChatError, message);
    assertStringIncludes(error.message, path);
    assertStringIncludes(error.hint ?? "", hint);
    assertThrows(() => createState(path, admission), ChatError, "it is there already");
    assertEquals(look(folder), before);
  });
}

const assertDamaged = (content: string | Uint8Array) =>
  assertRefused(content, "it is damaged", "Put back a copy of it; or move it away");

Deno.test("createState, loadState: what was kept is what comes back, and the code fits it", () => {
  inFolder((folder) => {
    const path = `${folder}/state`;
    assertEquals(loadState(path), undefined);
    createState(path, admission);
    // Nothing that was written beside it is left.
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["state"]);
    const loaded = loadState(path);
    assertEquals(loaded, admission);
    assert(fitsCode(loaded!, "  Abandon-ability ABLE about"));
    assert(!fitsCode(loaded!, "abandon ability able absent"));
    dropState(path);
    assertEquals(loadState(path), undefined);
  });
});

Deno.test("createState: the file says first what it is, and does not hold the code", () => {
  assertMatch(
    GOOD,
    /^# This is what checks the code of a room of chat\. Keep it secret: .*\nversion 1\nsetup \S+\nrecord \S+\ncheck \S+\n$/,
  );
  assert(!GOOD.includes(CODE));
});

Deno.test("fitsCode: what can't be the code of any room fits none", () => {
  for (const code of ["", "able", "a".repeat(100_000)]) assert(!fitsCode(admission, code));
});

Deno.test({
  name: "createState: the file is its owner's alone",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      createState(`${folder}/state`, admission);
      assertEquals(Deno.statSync(`${folder}/state`).mode! & 0o777, 0o600);
    }),
});

Deno.test({
  name: "loadState: a file that others can read or change is refused, with a hint, and stays",
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

Deno.test("createState: a file that is there already stays as it is, whatever it is", () => {
  for (const content of [GOOD, "", "somebody's thesis\n"]) {
    inFolder((folder) => {
      const path = put(folder, content);
      const before = look(folder);
      const error = assertThrows(
        () => createState(path, admission),
        ChatError,
        `Cannot keep the room's state in ${path}: it is there already`,
      );
      assert(error.hint);
      assertEquals(look(folder), before);
    });
  }
});

Deno.test("createState: of two that make the file, one does, and it is whole", () => {
  inFolder((folder) => {
    const path = `${folder}/state`;
    // Both have seen that there is none.
    assertEquals([loadState(path), loadState(path)], [undefined, undefined]);
    createState(path, admission);
    assertThrows(() => createState(path, { setup: "A", record: "B" }), ChatError, "already");
    assertEquals(loadState(path), admission);
    assertEquals(Array.from(Deno.readDirSync(folder)).length, 1);
  });
});

Deno.test("loadState: a file that is cut off anywhere is damaged", () => {
  inFolder((folder) => {
    for (let length = 0; length < GOOD.length; length++) {
      const path = put(folder, GOOD.slice(0, length));
      assertThrows(() => loadState(path), ChatError, "it is damaged");
      assertEquals(Deno.readTextFileSync(path), GOOD.slice(0, length));
    }
    assertEquals(loadState(put(folder, GOOD)), admission);
  });
});

Deno.test("loadState: any other byte behind the comment makes it damaged, or of another version", () => {
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
        assertMatch(error.message, /: it is (?:damaged|of version [2-9], .*)$/);
        assertEquals(Deno.readFileSync(path), bytes);
      },
    ));
  });
});

Deno.test("loadState: what is no such file is damaged, and nothing happens to it", () => {
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
      // The wrong size of what is checked rightly is no less wrong.
      GOOD.replace(/setup \S/, "setup "),
      GOOD.replace(/record /, "record A"),
      // In the comment, where nothing is checked but that it is text.
      Uint8Array.from([0x23, 0xff, 0xfe, ...new TextEncoder().encode(GOOD)]),
      Uint8Array.from([0x80, 0x81, 0x82]),
      // UTF-16, as some editors save.
      new Uint8Array(Uint16Array.from(GOOD, (mark) => mark.charCodeAt(0)).buffer),
    ]
  ) assertDamaged(content);
});

Deno.test("loadState: keys that the library does not take are damage, though the sum is right", async () => {
  for (
    const strange of [
      { setup: "A".repeat(171), record: admission.record },
      { setup: admission.setup, record: "A".repeat(256) },
      { setup: admission.setup, record: "_".repeat(256) },
    ]
  ) {
    const checked = `version 1\nsetup ${strange.setup}\nrecord ${strange.record}\n`;
    const sum = new Uint8Array(
      await crypto.subtle.digest("SHA-256", new TextEncoder().encode(checked)),
    );
    const check = sum.toBase64({ alphabet: "base64url", omitPadding: true });
    assertDamaged(`# A comment.\n${checked}check ${check}\n`);
  }
});

Deno.test("loadState: the comment may be another, or missing", () => {
  const body = GOOD.slice(GOOD.indexOf("\n") + 1);
  for (const text of [body, `#\n${body}`, `# The room of the crew.\n${body}`]) {
    inFolder((folder) => assertEquals(loadState(put(folder, text)), admission));
  }
});

Deno.test("loadState: a later version is named, whatever follows it, and its file stays", () => {
  for (
    const text of ["version 2\n", GOOD.replace("version 1", "version 2"), "# x\nversion 2\n{}"]
  ) {
    assertRefused(
      text,
      "it is of version 2, and this chat knows version 1",
      "Take the newer chat that has written it; or move it away",
    );
  }
});

Deno.test("loadState: what is too large to be such a file is not read", () => {
  inFolder((folder) => {
    const path = put(folder, GOOD);
    Deno.truncateSync(path, MAX_STATE_BYTES);
    assertThrows(() => loadState(path), ChatError, "it is damaged");
    Deno.truncateSync(path, MAX_STATE_BYTES + 1);
    const error = assertThrows(() => loadState(path), ChatError, `more than ${MAX_STATE_BYTES}`);
    assertEquals(error.hint, "Is it the right file?");
  });
});

Deno.test("loadState: a folder, or a file where a folder should be, is told", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/there`);
    assertThrows(() => loadState(`${folder}/there`), ChatError, "it is a folder");
    const path = put(folder, GOOD);
    if (POSIX) assertThrows(() => loadState(`${path}/state`), ChatError, "Cannot read");
  });
});

Deno.test("loadState, createState: the folder is not made: that it is not there is told", () => {
  inFolder((folder) => {
    const path = `${folder}/none/state`;
    const error = assertThrows(() => loadState(path), ChatError, "its folder is not there");
    assertEquals(error.hint, "Make the folder first, or name another file");
    assertThrows(() => createState(path, admission), ChatError, "Cannot write");
    assertEquals(Array.from(Deno.readDirSync(folder)), []);
  });
});

Deno.test("loadState: a name without a folder is in the current one", () => {
  // Nobody has a file of this name.
  assertEquals(loadState(`state-${crypto.randomUUID()}`), undefined);
});

Deno.test({
  name: "loadState: what is no file is not read; a link to a file is",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      // It would never end.
      assertThrows(() => loadState("/dev/zero"), ChatError, "it is not a file");
      const path = put(folder, GOOD);
      Deno.symlinkSync(path, `${folder}/link`);
      assertEquals(loadState(`${folder}/link`), admission);
      Deno.symlinkSync(`${folder}/nowhere`, `${folder}/loose`);
      assertThrows(() => loadState(`${folder}/loose`), ChatError, "a link that leads nowhere");
      assertThrows(() => createState(`${folder}/loose`, admission), ChatError, "already");
    }),
});

Deno.test("loadState: a name is shown without control characters", () => {
  const error = assertThrows(() => loadState("/none\x1b[2J/state"), ChatError, "␛[2J");
  assert(!error.message.includes("\x1b"));
});
