import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { Person } from "../room.ts";
import { Ignored, MAX_KEPT } from "./ignored.ts";

const TODAY = "2026-01-31";
const [EVE_KEY, BEN_KEY] = ["E".repeat(43), "B".repeat(43)];

const person = (name: string, key?: string, id = 5): Person => (
  { id, name, self: false, away: false, ...(key && { key }) }
);
const eve = person("eve", EVE_KEY);
const ben = person("ben", BEN_KEY);

/** A file, and what it has besides the heading. */
function open(text = "") {
  const file = { text };
  const ignored = new Ignored(text, (change) => void (file.text = change(file.text)));
  return {
    file,
    ignored,
    lines: () => file.text.split("\n").filter((line) => !/^#|^$/.test(line)),
  };
}

Deno.test("Ignored: without keys it goes by the name alone, whatever marks follow it", () => {
  const { ignored } = open();
  ignored.add(person("bob#7(!)"));
  for (const name of ["bob", "bob#2", "bob(!)", "bob#7(!)"]) {
    assert(ignored.has(person(name)), name);
  }
  for (const name of ["Bob", "bo", "bob2", "#7"]) assert(!ignored.has(person(name)), name);
  assert(!ignored.has({ ...person("bob"), self: true }));
  assertEquals(ignored.list, [{ name: "bob", isKept: false }]);
  assert(ignored.remove("bob#3"));
  assert(!ignored.remove("bob"));
  // A member without a name is ignored alone.
  ignored.add(person("#4", undefined, 4));
  assert(!ignored.has(person("#6", undefined, 6)));
  assert(ignored.remove("#4"));
});

Deno.test("Ignored: with a key it goes by the key alone; no name stands for a key", () => {
  const { ignored } = open();
  ignored.add(eve);
  assert(ignored.has(person("alice(!)", EVE_KEY, 9)));
  assert(!ignored.has(person("eve", BEN_KEY)) && !ignored.has(person("eve")));
  ignored.remove(eve);
  ignored.add(person(EVE_KEY.slice(0, 20)));
  ignored.add(person(EVE_KEY));
  assert(!ignored.has(eve));
});

Deno.test("Ignored: the list has the last name; a name removes all that had it last", () => {
  const { ignored } = open();
  ignored.add(eve);
  ignored.add(ben);
  ignored.named(person("ben#8(!)", EVE_KEY, 8));
  ignored.named(person("other", "O".repeat(43)));
  assertEquals(ignored.list.map(({ name }) => name), ["ben", "ben"]);
  assert(!ignored.remove("eve"));
  assert(ignored.remove("ben"));
  assertEquals(ignored.list, []);
});

Deno.test("Ignored.keep, remove: change the file and keep the lines that others have added", () => {
  const { ignored, file, lines } = open();
  ignored.add(ben);
  ignored.keep(eve, TODAY);
  assertEquals(lines(), [`${EVE_KEY} ${TODAY} eve`]);
  const other = "C".repeat(43);
  file.text += `# by hand\n${other} 2025-12-01\n`;
  ignored.keep(ben, TODAY);
  assertEquals(lines(), [
    `${EVE_KEY} ${TODAY} eve`,
    `${other} 2025-12-01`,
    `${BEN_KEY} ${TODAY} ben`,
  ]);
  assert(ignored.remove(eve));
  assertEquals(lines().length, 2);
  // The next run.
  const next = open(file.text).ignored;
  assert(next.has(ben) && next.keeps(ben) && next.has(person("x", other)) && !next.has(eve));
  assertEquals(next.list, [{ name: "", isKept: true }, { name: "ben", isKept: true }]);
});

Deno.test("Ignored: what a member does later never changes the file", () => {
  const { ignored, file } = open();
  ignored.keep(eve, TODAY);
  const before = file.text;
  for (let n = 0; n < 100; n++) ignored.named(person(`eve${n}`, EVE_KEY, n));
  ignored.add(person("eve", EVE_KEY));
  assertEquals([file.text, ignored.keeps(eve)], [before, true]);
});

Deno.test("Ignored.keep: names without a valid form leave the line readable", () => {
  for (const name of ["#5", "a b", "x\ny", "\u202e", "", "a:b"]) {
    const { ignored, file, lines } = open();
    ignored.keep(person(name, EVE_KEY), TODAY);
    assertEquals(lines(), [`${EVE_KEY} ${TODAY}`], JSON.stringify(name));
    assert(open(file.text).ignored.has(eve));
  }
});

Deno.test("Ignored.keep: if it fails, nothing has changed", () => {
  const failing = new Ignored("", () => {
    throw new ChatError("the disk is full");
  });
  assertThrows(() => failing.keep(eve, TODAY), ChatError, "the disk is full");
  assertEquals(failing.list, []);
  assertThrows(() => new Ignored().keep(eve, TODAY), ChatError, "no folder for your files");
  assertThrows(() => open().ignored.keep(person("bob"), TODAY), ChatError, "nothing proves who");
  const key = (n: number) => `${n}`.padStart(43, "A");
  const rows = Array.from({ length: MAX_KEPT }, (_, n) => `${key(n)} ${TODAY} m${n}\n`);
  const full = open(rows.join(""));
  assertThrows(() => full.ignored.keep(eve, TODAY), ChatError, `more than ${MAX_KEPT}`);
  assert(!full.ignored.has(eve));
  full.ignored.keep(person("m7", key(7)), TODAY);
  full.ignored.remove(person("m7", key(7)));
  full.ignored.keep(eve, TODAY);
  assertEquals(full.lines().length, MAX_KEPT);
});

Deno.test("Ignored: a damaged line is named", () => {
  for (const line of ["short 2026-01-31 eve", `${EVE_KEY} today eve`, `${EVE_KEY} ${TODAY} a b`]) {
    assertThrows(() => new Ignored(`# heading\n${line}\n`), RangeError, "line 2 is not KEY DAY");
  }
});
