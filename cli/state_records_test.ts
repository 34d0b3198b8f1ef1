import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import { ChatError } from "../errors.ts";
import { register } from "../cipher/opaque.ts";
import {
  createCode,
  createKey,
  fitsCode,
  loadCode,
  loadKey,
  MAX_RECORD_BYTES,
} from "./state_records.ts";

const POSIX = Deno.build.os !== "windows";

// Takes some hundred milliseconds, on purpose: all tests share it.
const CODE = "abandon ability able about";
const admission = register(CODE);

/** A valid file. */
const GOOD = inFolder((folder) => {
  createCode(`${folder}/state`, admission);
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
    const error = assertThrows(() => loadCode(path), ChatError, message);
    assertStringIncludes(error.message, path);
    assertStringIncludes(error.hint ?? "", hint);
    assertThrows(() => createCode(path, admission), ChatError, "it exists already");
    assertEquals(look(folder), before);
  });
}

const assertDamaged = (content: string | Uint8Array) =>
  assertRefused(content, "it is damaged", "Restore a copy of it; or move it away");

Deno.test("createCode, loadCode: the record comes back unchanged, and the code fits it", async () => {
  const loaded = inFolder((folder) => {
    const path = `${folder}/state`;
    assertEquals(loadCode(path), undefined);
    createCode(path, admission);
    // No temporary file is left.
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["state"]);
    const loaded = loadCode(path);
    assertEquals(loaded, admission);
    return loaded;
  });
  assert(await fitsCode(loaded!, "  Abandon-ability ABLE about"));
  assert(!await fitsCode(loaded!, "abandon ability able absent"));
});

Deno.test("createCode: the file starts with an explanation, and does not hold the code", () => {
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
  name: "createCode: only the owner can read the file",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      createCode(`${folder}/state`, admission);
      assertEquals(Deno.statSync(`${folder}/state`).mode! & 0o777, 0o600);
    }),
});

Deno.test({
  name:
    "loadCode: refuses a file that others can read or change, with a hint, and leaves it unchanged",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      const path = put(folder, GOOD);
      for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602]) {
        Deno.chmodSync(path, mode);
        const before = look(folder);
        const error = assertThrows(() => loadCode(path), ChatError, "other users");
        assertEquals(error.hint, `Make it private: chmod 600 ${path}`);
        assertEquals(look(folder), before);
      }
      for (const mode of [0o600, 0o400]) {
        Deno.chmodSync(path, mode);
        assertEquals(loadCode(path), admission);
      }
    }),
});

Deno.test("createCode: leaves an existing file unchanged, whatever it holds", () => {
  for (const content of [GOOD, "", "somebody's thesis\n"]) {
    inFolder((folder) => {
      const path = put(folder, content);
      const before = look(folder);
      assertThrows(
        () => createCode(path, admission),
        ChatError,
        `Cannot write ${path}: it exists already`,
      );
      assertEquals(look(folder), before);
    });
  }
});

Deno.test("createCode: if two create the file, one succeeds, and the file is complete", () => {
  inFolder((folder) => {
    const path = `${folder}/state`;
    // Both have seen that the file does not exist.
    assertEquals([loadCode(path), loadCode(path)], [undefined, undefined]);
    createCode(path, admission);
    assertThrows(() => createCode(path, { setup: "A", record: "B" }), ChatError, "already");
    assertEquals(loadCode(path), admission);
    assertEquals(Array.from(Deno.readDirSync(folder)).length, 1);
  });
});

Deno.test("loadCode: reports a truncated file as damaged, wherever it was cut", () => {
  inFolder((folder) => {
    for (let length = 0; length < GOOD.length; length++) {
      const path = put(folder, GOOD.slice(0, length));
      assertThrows(() => loadCode(path), ChatError, "it is damaged");
      assertEquals(Deno.readTextFileSync(path), GOOD.slice(0, length));
    }
    assertEquals(loadCode(put(folder, GOOD)), admission);
  });
});

Deno.test("loadCode: reports any changed byte after the comment as damage, or as another version", () => {
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
        const error = assertThrows(() => loadCode(path), ChatError, "Cannot use ");
        assertMatch(error.message, /: it (?:is damaged|has version [2-9], .*)$/);
        assertEquals(Deno.readFileSync(path), bytes);
      },
    ));
  });
});

Deno.test("loadCode: reports any other file as damaged, and leaves it unchanged", () => {
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

Deno.test("loadCode: reports keys that the library refuses as damage, even with a valid checksum", async () => {
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

Deno.test("loadCode: accepts another comment, or none", () => {
  const body = GOOD.slice(GOOD.indexOf("\n") + 1);
  for (const text of [body, `#\n${body}`, `# The room of the crew.\n${body}`]) {
    inFolder((folder) => assertEquals(loadCode(put(folder, text)), admission));
  }
});

Deno.test("loadCode: names a later version, whatever follows it, and leaves the file unchanged", () => {
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

Deno.test("loadCode: does not read a file that is too large", () => {
  inFolder((folder) => {
    const path = put(folder, GOOD);
    Deno.truncateSync(path, MAX_RECORD_BYTES);
    assertThrows(() => loadCode(path), ChatError, "it is damaged");
    Deno.truncateSync(path, MAX_RECORD_BYTES + 1);
    const error = assertThrows(() => loadCode(path), ChatError, `more than ${MAX_RECORD_BYTES}`);
    assertEquals(error.hint, "Is it the right file?");
  });
});

Deno.test("loadCode: reports a folder, or a file in place of a folder", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/there`);
    assertThrows(() => loadCode(`${folder}/there`), ChatError, "it is a folder");
    const path = put(folder, GOOD);
    if (POSIX) assertThrows(() => loadCode(`${path}/state`), ChatError, "Cannot read");
  });
});

Deno.test({
  name: "loadCode: reads a link to a file, but no device",
  ignore: !POSIX,
  fn: () =>
    inFolder((folder) => {
      // Reading it would never end.
      assertThrows(() => loadCode("/dev/zero"), ChatError, "it is not a file");
      const path = put(folder, GOOD);
      Deno.symlinkSync(path, `${folder}/link`);
      assertEquals(loadCode(`${folder}/link`), admission);
      Deno.symlinkSync(`${folder}/nowhere`, `${folder}/loose`);
      assertThrows(() => loadCode(`${folder}/loose`), ChatError, "a broken link");
      assertThrows(() => createCode(`${folder}/loose`, admission), ChatError, "already");
    }),
});

Deno.test("loadCode: shows the name without control characters", () => {
  inFolder((folder) => {
    Deno.mkdirSync(`${folder}/no\x1bne`);
    const error = assertThrows(() => loadCode(`${folder}/no\x1bne`), ChatError, "no␛ne");
    assert(!error.message.includes("\x1b"));
  });
});

Deno.test("createKey, loadKey: every key comes back unchanged", () => {
  inFolder((folder) => {
    const path = `${folder}/key`;
    assertEquals(loadKey(path), undefined);
    for (let key = 0; key < 256; key++) {
      createKey(path, key);
      assertEquals(loadKey(path), key);
      if (POSIX) assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
      Deno.removeSync(path);
    }
  });
});

Deno.test("loadKey: reports damage, a key out of range, and a later version; createKey replaces no file", () => {
  inFolder((folder) => {
    const path = `${folder}/key`;
    createKey(path, 47);
    const good = Deno.readTextFileSync(path);
    const put = (text: string) => Deno.writeTextFileSync(path, text);
    const damaged = () => {
      const before = look(folder);
      const error = assertThrows(
        () => loadKey(path),
        ChatError,
        `Cannot use ${path}: it is damaged`,
      );
      assertEquals(
        error.hint,
        "Restore a copy of it; or move it away, and the room gets a new key",
      );
      assertEquals(look(folder), before);
    };
    for (let length = 0; length < good.length; length++) {
      put(good.slice(0, length));
      damaged();
    }
    for (const text of [good.replace("key 47", "key 48"), good + good, GOOD]) {
      put(text);
      damaged();
    }
    put(good);
    Deno.removeSync(path);
    createKey(path, 256);
    damaged();
    put("version 2\n");
    assertThrows(() => loadKey(path), ChatError, "it has version 2, and this chat reads version 1");
    assertThrows(() => createKey(path, 1), ChatError, `Cannot write ${path}: it exists already`);
    assertEquals(Deno.readTextFileSync(path), "version 2\n");
  });
});
