import { assertEquals, assertMatch } from "@std/assert";
import { FakeSystem } from "../tests/support/fake_system.ts";
import type { RoomTarget } from "./command.ts";
import { isCodeIn, keepCode, renewCode, renewSavedCode, savedRecord } from "./saved_code.ts";

const CODE = "correct horse battery staple";
const OTHER_CODE = "abandon ability able about";
const RECORD = "0NHS09TV1tfY2drb3N3e3w";
const OTHER_RECORD = "gIGCg4SFhoeIiYqLjI2Ojw";

const read = (path: string) => Deno.readTextFileSync(path);

/** A user with a config file; returns its path, and that of the code of the room `work`. */
function config(system: FakeSystem): { path: string; code: string } {
  const path = system.file("config/chat/config.toml", "");
  return { path, code: `${Deno.realPathSync(`${system.folder}/config/chat`)}/code-work` };
}

Deno.test("keepCode: writes the code and its record into one file; the same ones use it again", () => {
  using system = new FakeSystem();
  const { path, code } = config(system);
  const saved = { code: CODE, record: RECORD };
  assertEquals(keepCode(system, path, "work", saved), { path: code, isNew: true });
  assertEquals(read(code), `${CODE}\nrecord ${RECORD}\n`);
  assertEquals([isCodeIn(code, CODE), savedRecord(system, code)], [true, RECORD]);
  assertEquals(keepCode(system, path, "work", saved), { path: code, isNew: false });
  const other = { code: CODE, record: OTHER_RECORD };
  assertEquals(keepCode(system, path, "work", other), { path: `${code}-2`, isNew: true });
  renewCode(code, { code: OTHER_CODE, record: undefined });
  assertEquals([isCodeIn(code, CODE), isCodeIn(code, OTHER_CODE)], [false, true]);
  assertEquals(savedRecord(system, code), undefined);
});

Deno.test("savedRecord: files of users, damaged ones and those that are no files have none", () => {
  using system = new FakeSystem();
  const texts = [
    "",
    CODE,
    `${CODE}\n`,
    `record ${RECORD}\n`,
    `${CODE}\n\nrecord ${RECORD}\n`,
    `${CODE}\nrecord ${RECORD}`,
    `${CODE}\nrecord ${RECORD}x\n`,
    `${CODE}\nrecord ${RECORD.slice(1)}\n`,
    `${CODE}\nrecord ${RECORD}\n${"x".repeat(4096)}`,
  ];
  for (const text of texts) {
    assertEquals(savedRecord(system, system.file("code", text)), undefined, text);
  }
  assertEquals(savedRecord(system, `${system.folder}/missing`), undefined);
  assertEquals(savedRecord(system, system.folder), undefined);
});

Deno.test("renewSavedCode: keeps a new code in the file that chat has made, and says so once", () => {
  using system = new FakeSystem();
  const { path, code } = config(system);
  const target: RoomTarget = {
    address: undefined,
    room: "work",
    codeFile: code,
    mayBeOld: true,
    cipher: undefined,
  };
  renewCode(code, { code: CODE, record: undefined });
  // The code is right: its record is added without a word.
  renewSavedCode(system, undefined, target, { code: CODE, record: RECORD });
  assertEquals([read(code), system.stderr.text], [`${CODE}\nrecord ${RECORD}\n`, ""]);
  const now = { code: OTHER_CODE, record: OTHER_RECORD };
  renewSavedCode(system, path, target, now);
  assertEquals(read(code), `${OTHER_CODE}\nrecord ${OTHER_RECORD}\n`);
  assertMatch(system.stderr.text, /^chat: the new code of work is kept in .*code-work\n$/);
  system.stderr.text = "";
  renewSavedCode(system, undefined, target, now);
  assertEquals(system.stderr.text, "");
});

Deno.test("renewSavedCode: changes no file that the user has named, and none without a config file", () => {
  using system = new FakeSystem();
  const { code } = config(system);
  const secret = system.file("secret", `${CODE}\n`);
  const target: RoomTarget = {
    address: undefined,
    room: "work",
    codeFile: secret,
    mayBeOld: true,
    cipher: undefined,
  };
  const now = { code: OTHER_CODE, record: RECORD };
  renewSavedCode(system, undefined, target, { ...now, code: CODE });
  assertEquals(system.stderr.text, "");
  renewSavedCode(system, undefined, target, now);
  assertMatch(system.stderr.text, /^chat: .*secret has an old code: write the new one into it\n$/);
  renewCode(code, { code: CODE, record: RECORD });
  renewSavedCode(system, false, { ...target, codeFile: code }, now);
  // As --code-file names it: the config file does not.
  const { mayBeOld: _, ...named } = target;
  renewSavedCode(system, undefined, { ...named, codeFile: code }, now);
  assertEquals([read(secret), isCodeIn(code, CODE)], [`${CODE}\n`, true]);
});
