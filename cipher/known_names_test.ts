import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import { skeletons } from "../text/skeleton.ts";
import { fingerprint, Identity, SEED_SIZE } from "./identity.ts";
import { KnownNames, MAX_NAMES, MAX_NAMES_PER_KEY } from "./known_names.ts";

const keyOf = (n: number) => new Identity(new Uint8Array(SEED_SIZE).fill(n)).publicKey;

const ADA = keyOf(1);
const EVE = keyOf(2);
const DAY = "2026-01-31";
const LATER = "2026-02-01";
const BOB = keyOf(3);
const line = (name: string, key: Uint8Array, day = DAY) => `${name} ${fingerprint(key)} ${day}\n`;
const marked = (name: string, key: Uint8Array, mark: string, day = DAY) =>
  line(name, key, day).replace("\n", ` ${mark}\n`);

/** A name whose skeleton is found quickly. */
const plain = (n: number) => `n${n.toString(8).replace(/\d/g, (digit) => `${Number(digit) + 2}`)}`;

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
  assertEquals(names.meet("Eda", EVE, LATER), "new");
  assertEquals(entries(names), line("Ada", ADA) + line("Eda", EVE, LATER));
});

Deno.test("KnownNames.trust: adds a key to those of a name", () => {
  const names = new KnownNames(line("Ada", ADA));
  names.trust("Ada", EVE, LATER);
  assert(names.changed);
  for (const key of [ADA, EVE]) assertEquals(names.meet("Ada", key, LATER), "known");
  assertEquals(names.meet("Ada", BOB, LATER), "changed");
  assertEquals(entries(names), line("Ada", ADA) + marked("Ada", EVE, "trusted", LATER));
  names.saved();
  // It says nothing new.
  names.trust("Ada", EVE, DAY);
  assert(!names.changed);
  // The user may trust a key that is known already: then it is never forgotten.
  names.trust("Ada", ADA, LATER);
  assertEquals(names.unsaved, marked("Ada", ADA, "trusted"));
});

Deno.test("KnownNames.verify: trusts the key, and remembers the day", () => {
  const names = new KnownNames(line("Ada", ADA));
  assertEquals(names.verifiedOn("Ada", ADA), undefined);
  names.verify("Ada", ADA, LATER);
  names.verify("Bob", BOB, LATER);
  const text = marked("Ada", ADA, `verified ${LATER}`) +
    marked("Bob", BOB, `verified ${LATER}`, LATER);
  assertEquals([names.unsaved, entries(names)], [text, text]);
  assertEquals(
    [["Ada", ADA], ["Bob", BOB], ["Ada", BOB], ["Cy", ADA]].map(([name, key]) =>
      names.verifiedOn(name as string, key as Uint8Array)
    ),
    [LATER, LATER, undefined, undefined],
  );
  assertEquals(names.meet("Bob", BOB, LATER), "known");
  // Trusting it takes nothing away, and another day replaces the first.
  names.trust("Ada", ADA, LATER);
  assertEquals(names.verifiedOn("Ada", ADA), LATER);
  names.verify("Ada", ADA, "2026-03-01");
  assertEquals(new KnownNames(names.toString()).verifiedOn("Ada", ADA), "2026-03-01");
});

Deno.test("KnownNames.meet: a name that looks like a known one is compared with its keys, and is not remembered", () => {
  const names = new KnownNames(line("Alice", ADA) + marked("Alice", BOB, "trusted"));
  for (const name of ["alice", "a1ice", "AIice", "\u0430lice"]) {
    assertEquals(names.meet(name, EVE, LATER), "alike", name);
    for (const key of [ADA, BOB]) assertEquals(names.meet(name, key, LATER), "known", name);
    assertEquals(names.likeOf(name), "Alice");
  }
  assertEquals([names.changed, names.size, names.likeOf("Bob")], [false, 2, undefined]);
  // The user trusts one of them: that name has that key alone.
  names.trust("a1ice", EVE, LATER);
  assertEquals([names.meet("a1ice", EVE, LATER), names.meet("a1ice", ADA, LATER)], [
    ...["known", "changed"],
  ]);
  assertEquals(names.meet("Alice", EVE, LATER), "changed");
});

Deno.test("KnownNames: names that look alike stay in the file if it has them, each with its own key", () => {
  const names = new KnownNames(line("Alice", ADA) + line("a1ice", EVE));
  assertEquals(entries(names), line("Alice", ADA) + line("a1ice", EVE));
  assertEquals([names.meet("Alice", EVE, DAY), names.meet("a1ice", ADA, DAY)], [
    ...["changed", "changed"],
  ]);
});

Deno.test("KnownNames.meet: a name that shares a skeleton with a known one never counts as new with another key", () => {
  const name = fc.string({ unit: fc.constantFrom(..."aA\u0430lI1|"), minLength: 1, maxLength: 4 });
  const keys = [ADA, BOB, EVE];
  fc.assert(fc.property(fc.array(fc.tuple(name, fc.nat(2)), { maxLength: 30 }), (meetings) => {
    const names = new KnownNames();
    const owners = new Map<string, number>();
    for (const [name, who] of meetings) {
      const owned = skeletons(name).flatMap((one) => owners.get(one) ?? []);
      const acquaintance = names.meet(name, keys[who]!, DAY);
      assertEquals(acquaintance === "new", owned.length === 0, name);
      if (acquaintance === "new") { for (const one of skeletons(name)) owners.set(one, who); }
      else assertEquals(acquaintance === "known", owned.includes(who), name);
    }
  }));
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

Deno.test("KnownNames: of two lines for one name the first counts, and each that the user trusted", () => {
  const names = new KnownNames(
    line("Ada", ADA) + line("Ada", EVE) + marked("Ada", BOB, "trusted") + line("Ada", BOB, LATER),
  );
  assertEquals(names.meet("Ada", ADA, DAY), "known");
  assertEquals(names.meet("Ada", EVE, DAY), "changed");
  assertEquals(names.meet("Ada", BOB, DAY), "known");
  assertEquals(entries(names), line("Ada", ADA) + marked("Ada", BOB, "trusted"));
});

Deno.test("KnownNames: a later line for the same name and key adds what the user has said since", () => {
  const names = new KnownNames(
    line("Ada", ADA) + line("Bob", BOB) + marked("Ada", ADA, "trusted", LATER) +
      marked("Ada", ADA, `verified ${LATER}`, LATER) + line("Ada", ADA),
  );
  assertEquals(entries(names), marked("Ada", ADA, `verified ${LATER}`) + line("Bob", BOB));
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
      `Ada ${key} ${DAY} trusted ${DAY}`,
      `Ada ${key} ${DAY} verified`,
      `Ada ${key} ${DAY} verified today`,
      `Ada ${key} ${DAY} verified ${DAY} more`,
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
    assertThrows(() => names.merge(bad + "\n"), RangeError, "line 1 ");
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

Deno.test("KnownNames: at its limit, forgets the oldest names that the user has said nothing about", () => {
  const key = (n: number) => keys[n % keys.length]!;
  const keys = Array.from({ length: MAX_NAMES / MAX_NAMES_PER_KEY }, (_, n) => {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, n);
    return key;
  });
  const text = Array.from({ length: MAX_NAMES }, (_, n) => line(plain(n), key(n))).join("");
  const names = new KnownNames(text);
  names.trust(plain(0), key(0), LATER);
  names.verify(plain(2), key(2), LATER);
  assertEquals([names.size, names.forgotten], [MAX_NAMES, 0]);
  assertEquals(names.meet("late", ADA, DAY), "new");
  assertEquals(names.meet("later", ADA, DAY), "new");
  assertEquals([names.size, names.forgotten], [MAX_NAMES, 2]);
  assertEquals(["late", "later"].map((name) => names.meet(name, EVE, DAY)), ["changed", "changed"]);
  const isKnown = (n: number) => names.likeOf(plain(n)) === plain(n);
  assertEquals([0, 1, 2, 3, 4].map(isKnown), [true, false, true, false, true]);
  // A forgotten name may be met again. The key of n1 has room for it.
  assertEquals(names.meet(plain(1), key(1), DAY), "new");
  assertEquals([isKnown(1), isKnown(4)], [true, false]);
  // The same happens to a file with too many names.
  const again = new KnownNames(text + line("late", ADA));
  assertEquals([again.size, again.knew(plain(0), key(0)), again.knew("late", ADA)], [
    ...[MAX_NAMES, false, true],
  ]);
});

Deno.test("KnownNames: remembers so many names of one key, and compares the others", () => {
  const names = new KnownNames();
  const rename = (count: number, prefix: string) => {
    for (let n = 0; n < count; n++) assertEquals(names.meet(`${prefix}${n}`, EVE, DAY), "new");
  };
  rename(MAX_NAMES_PER_KEY - 1, "a");
  names.meet("ada", ADA, DAY);
  assertEquals(names.size, MAX_NAMES_PER_KEY);
  rename(900, "b");
  assertEquals(names.size, MAX_NAMES_PER_KEY + 1);
  assertEquals(names.meet("b0", ADA, DAY), "changed");
  assertEquals(names.meet("b1", EVE, DAY), "new");
  assertEquals(names.meet("ada", EVE, DAY), "changed");
  // Those that the user trusts do not count.
  names.trust("b1", EVE, DAY);
  names.trust("a0", EVE, DAY);
  assertEquals(names.size, MAX_NAMES_PER_KEY + 2);
  rename(900, "c");
  assertEquals(names.size, MAX_NAMES_PER_KEY + 3);
  assertEquals(new KnownNames(names.toString()).toString(), names.toString());
});

Deno.test("KnownNames: names that cannot be saved do not pile up, and those that count are saved later", () => {
  // If the cost of a name grew with the number of known ones, this would take minutes.
  const names = new KnownNames();
  names.trust("Ada", ADA, DAY);
  for (let n = 0; n < 4 * MAX_NAMES; n++) {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, n);
    names.meet(plain(n), key, DAY);
  }
  assertEquals([names.size, names.forgotten], [MAX_NAMES, 3 * MAX_NAMES + 1]);
  const lines = names.unsaved.split("\n");
  assert(lines.length <= 2 * MAX_NAMES + 3, `${lines.length}`);
  assertEquals(new KnownNames(names.unsaved).toString(), names.toString());
});
