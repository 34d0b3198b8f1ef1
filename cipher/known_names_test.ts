import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { fingerprint, Identity, SEED_SIZE } from "./identity.ts";
import { KnownNames, MAX_NAMES } from "./known_names.ts";

const keyOf = (n: number) => new Identity(new Uint8Array(SEED_SIZE).fill(n)).publicKey;

const ADA = keyOf(1);
const EVE = keyOf(2);
const DAY = "2026-01-31";
const LATER = "2026-02-01";
const line = (name: string, key: Uint8Array, day = DAY) => `${name} ${fingerprint(key)} ${day}\n`;

/** The lines of a file that are no comments. */
function entries(names: KnownNames): string {
  return names.toString().split("\n").filter((line) => !line.startsWith("#")).join("\n");
}

Deno.test("KnownNames.meet: new at first, then known, changed with another key", () => {
  const names = new KnownNames();
  assert(!names.changed);
  assertEquals(names.meet("Ada", ADA, DAY), "new");
  assert(names.changed);
  assertEquals(names.meet("Ada", ADA, LATER), "known");
  assertEquals(names.meet("Ada", EVE, LATER), "changed");
  // A name that was taken once does not become the other's by being seen again.
  assertEquals(names.meet("Ada", EVE, LATER), "changed");
  assertEquals(names.meet("ada", EVE, LATER), "new");
  assertEquals(entries(names), line("Ada", ADA) + line("ada", EVE, LATER));
});

Deno.test("KnownNames.trust: the name belongs to the other key from then on", () => {
  const names = new KnownNames(line("Ada", ADA));
  names.trust("Ada", EVE, LATER);
  assert(names.changed);
  assertEquals(names.meet("Ada", EVE, LATER), "known");
  assertEquals(names.meet("Ada", ADA, LATER), "changed");
  assertEquals(entries(names), line("Ada", EVE, LATER));
});

Deno.test("KnownNames: what it writes it reads, names of all scripts and of its own prototype too", () => {
  const names = new KnownNames();
  const all = ["Ada", "Grüße", "愛", "🙂", "__proto__", "constructor", "toString", "-", "'\"`$(x)"];
  for (const name of all) assertEquals(names.meet(name, ADA, DAY), "new");
  const again = new KnownNames(names.toString());
  assertEquals(again.toString(), names.toString());
  assert(!again.changed);
  for (const name of all) assertEquals(again.meet(name, ADA, LATER), "known");
});

Deno.test("KnownNames: a name that could break the file is refused, and changes nothing", () => {
  const names = new KnownNames();
  for (const name of ["", "a b", "a\nb", "#a", "a\u2028b", "a\x1b[2J", "a\u2800b"]) {
    assertThrows(() => names.meet(name, ADA, DAY), RangeError, "Cannot remember");
    assertThrows(() => names.trust(name, ADA, DAY), RangeError, "Cannot remember");
  }
  assert(!names.changed);
  assertEquals(entries(names), "");
});

Deno.test("KnownNames: comments, empty lines, and line ends of Windows are taken", () => {
  const text = `# a comment\r\n\r\n${line("Ada", ADA).replace("\n", "\r\n")}  \n#Eve x y\n`;
  const names = new KnownNames(text);
  assertEquals(entries(names), line("Ada", ADA));
});

Deno.test("KnownNames: of two lines for one name the first counts", () => {
  const names = new KnownNames(line("Ada", ADA) + line("Ada", EVE));
  assertEquals(names.meet("Ada", ADA, DAY), "known");
});

Deno.test("KnownNames: a damaged line is refused with its number", () => {
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

Deno.test("KnownNames.merge: the file counts for more, but for what was decided or met here", () => {
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

Deno.test("KnownNames.saved: nothing is changed any more, and the file decides again", () => {
  const names = new KnownNames();
  names.meet("Ada", ADA, DAY);
  names.trust("Bob", ADA, DAY);
  names.saved();
  assert(!names.changed);
  names.merge("");
  assertEquals(entries(names), "");
});

Deno.test("KnownNames: at its limit it remembers no more names, and still knows the old", () => {
  const text = Array.from({ length: MAX_NAMES }, (_, n) => line(`n${n}`, ADA)).join("");
  const names = new KnownNames(text);
  assertEquals(names.meet("late", ADA, DAY), "new");
  assertEquals(names.meet("late", EVE, DAY), "new");
  assert(!names.changed);
  assertEquals(names.meet("n0", EVE, DAY), "changed");
  assertMatch(names.toString(), /\nn9999 \S+ \S+\n$/);
});
