import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { fingerprint, Identity, SEED_SIZE } from "./identity.ts";
import { KnownNames, MAX_NAMES } from "./known_names.ts";

const keyOf = (n: number) => new Identity(new Uint8Array(SEED_SIZE).fill(n)).publicKey;

const ADA = keyOf(1);
const EVE = keyOf(2);
const DAY = "2026-01-31";
const LATER = "2026-02-01";
const line = (name: string, key: Uint8Array, day = DAY) => `${name} ${fingerprint(key)} ${day}\n`;

/** The lines of the file without comments. */
function entries(names: KnownNames): string {
  return names.toString().split("\n").filter((line) => !line.startsWith("#")).join("\n");
}

Deno.test("KnownNames.meet: reports a name as new, then known, and changed with another key", () => {
  const names = new KnownNames();
  assert(!names.changed);
  assertEquals(names.meet("Ada", ADA, DAY), "new");
  assert(names.changed);
  assertEquals(names.meet("Ada", ADA, LATER), "known");
  assertEquals(names.meet("Ada", EVE, LATER), "changed");
  // Seeing the other key again does not make it the known one.
  assertEquals(names.meet("Ada", EVE, LATER), "changed");
  assertEquals(names.meet("ada", EVE, LATER), "new");
  assertEquals(entries(names), line("Ada", ADA) + line("ada", EVE, LATER));
});

Deno.test("KnownNames.trust: replaces the key of a name", () => {
  const names = new KnownNames(line("Ada", ADA));
  names.trust("Ada", EVE, LATER);
  assert(names.changed);
  assertEquals(names.meet("Ada", EVE, LATER), "known");
  assertEquals(names.meet("Ada", ADA, LATER), "changed");
  assertEquals(entries(names), line("Ada", EVE, LATER));
});

Deno.test("KnownNames: reads back what it writes, with names of all scripts and names of Object.prototype", () => {
  const names = new KnownNames();
  const all = ["Ada", "Grüße", "愛", "🙂", "__proto__", "constructor", "toString", "-", "'\"`$(x)"];
  for (const name of all) assertEquals(names.meet(name, ADA, DAY), "new");
  const again = new KnownNames(names.toString());
  assertEquals(again.toString(), names.toString());
  assert(!again.changed);
  for (const name of all) assertEquals(again.meet(name, ADA, LATER), "known");
});

Deno.test("KnownNames: rejects a name that could break the file, and changes nothing", () => {
  const names = new KnownNames();
  for (const name of ["", "a b", "a\nb", "#a", "a\u2028b", "a\x1b[2J", "a\u2800b"]) {
    assertThrows(() => names.meet(name, ADA, DAY), RangeError, "Cannot remember");
    assertThrows(() => names.trust(name, ADA, DAY), RangeError, "Cannot remember");
  }
  assert(!names.changed);
  assertEquals(entries(names), "");
});

Deno.test("KnownNames: accepts comments, empty lines and CRLF", () => {
  const text = `# a comment\r\n\r\n${line("Ada", ADA).replace("\n", "\r\n")}  \n#Eve x y\n`;
  const names = new KnownNames(text);
  assertEquals(entries(names), line("Ada", ADA));
});

Deno.test("KnownNames: the first of two lines for one name counts", () => {
  const names = new KnownNames(line("Ada", ADA) + line("Ada", EVE));
  assertEquals(names.meet("Ada", ADA, DAY), "known");
});

Deno.test("KnownNames: rejects a damaged line and names its number", () => {
  const good = line("Ada", ADA);
  const key = fingerprint(ADA);
  for (
    const bad of [
      "Ada",
      `Ada ${key}`,
      `Ada ${key} ${DAY} more`,
      `Ada ${key.slice(1)} ${DAY}`,
      `Ada ${key}= ${DAY}`,
      `Ada ${key.slice(1)}! ${DAY}`,
      `Ada ${key} yesterday`,
      `/Ada ${key} ${DAY}`,
      `${key} ${DAY}`,
      "\0\0\0",
    ]
  ) {
    assertThrows(
      () => new KnownNames(`${good}\n${bad}\n`),
      RangeError,
      "line 3 is not NAME KEY DAY",
    );
    const names = new KnownNames(good);
    assertThrows(() => names.merge(bad), RangeError, "line 1 ");
    assertEquals(entries(names), good);
  }
});

Deno.test("KnownNames.merge: the file overrides what was read before, but not trusted and newly met names", () => {
  const names = new KnownNames(line("Ada", ADA) + line("Bob", ADA) + line("Cy", ADA));
  names.trust("Ada", EVE, LATER);
  names.meet("Dan", ADA, LATER);
  names.meet("Eli", ADA, LATER);
  // Meanwhile another client trusted Bob's new key and met Dan; the user deleted Cy.
  names.merge(line("Ada", ADA) + line("Bob", EVE) + line("Dan", EVE));
  assertEquals(names.meet("Ada", EVE, LATER), "known");
  assertEquals(names.meet("Bob", EVE, LATER), "known");
  assertEquals(names.meet("Dan", EVE, LATER), "known");
  assertEquals(names.meet("Eli", ADA, LATER), "known");
  assertEquals(names.meet("Cy", EVE, LATER), "new");
});

Deno.test("KnownNames.saved: clears the changes, and the file counts again", () => {
  const names = new KnownNames();
  names.meet("Ada", ADA, DAY);
  names.trust("Bob", ADA, DAY);
  names.saved();
  assert(!names.changed);
  names.merge("");
  assertEquals(entries(names), "");
});

Deno.test("KnownNames: at its limit, remembers no new name and keeps the old ones", () => {
  const text = Array.from({ length: MAX_NAMES }, (_, n) => line(`n${n}`, ADA)).join("");
  const names = new KnownNames(text);
  assertEquals(names.meet("late", ADA, DAY), "new");
  assertEquals(names.meet("late", EVE, DAY), "new");
  assert(!names.changed);
  assertEquals(names.meet("n0", EVE, DAY), "changed");
  assertMatch(names.toString(), /\nn9999 \S+ \S+\n$/);
});
