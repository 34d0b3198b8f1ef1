import { assertEquals } from "@std/assert";
import { findHandled, type Handled, whichOf } from "./handles.ts";

/** Offers of other members, numbered from 1. */
const from = (...offers: [who: string, name: string][]): Handled[] =>
  offers.map(([who, name], i) => ({ number: i + 1, name, who, isIncoming: true }));

/** The numbers that a handle means; with a question mark if it is ambiguous. */
function means(all: readonly Handled[], handle: string | number): string {
  const result = findHandled(all, handle);
  const numbers = (list: readonly Handled[]) => list.map(({ number }) => number).join(" ");
  return "found" in result ? numbers(result.found) : `? ${numbers(result.ambiguous)}`;
}

const OFFERS = from(["ada", "a.txt"], ["bob", "b.txt"], ["ada", "1"], ["ada", "2-3"]);

Deno.test("findHandled: a number, a range, a member, a file name, or all", () => {
  const cases: [string | number, string][] = [
    ["all", "1 2 3 4"],
    [2, "2"],
    ["#2", "2"],
    ["2-4", "2 3 4"],
    ["#3-#4", "3 4"],
    ["4-3", ""],
    ["ada", "1 3 4"],
    ["b.txt", "2"],
    ["B.TXT", ""],
    ["", ""],
  ];
  for (const [handle, expected] of cases) {
    assertEquals(means(OFFERS, handle), expected, `${handle}`);
  }
});

Deno.test("findHandled: what looks like a number is one, whatever files are called", () => {
  assertEquals(means(OFFERS, "1"), "1");
  assertEquals(means(OFFERS, "2-3"), "2 3");
  const [, ...others] = OFFERS;
  assertEquals([means(others, "1"), means(others, "9")], ["", ""]);
});

Deno.test("findHandled: a name of several members' files is ambiguous, one of one member's is not", () => {
  const files = from(["ada", "cat.png"], ["bob", "cat.png"], ["ada", "dog.png"], [
    "ada",
    "dog.png",
  ]);
  assertEquals(means(files, "cat.png"), "? 1 2");
  assertEquals(means(files, "dog.png"), "3 4");
});

Deno.test("findHandled: the name of a member and of another's file is ambiguous", () => {
  assertEquals(means(from(["cat.png", "x"], ["bob", "cat.png"]), "cat.png"), "? 1 2");
  assertEquals(means(from(["cat.png", "cat.png"]), "cat.png"), "1");
});

Deno.test("findHandled: a file of a folder is meant by its path or its last part", () => {
  const files = from(["ada", "p/a.jpg"], ["ada", "p/b/a.jpg"], ["ada", "p/empty/"], ["ada", "c"]);
  assertEquals(means(files, "p/a.jpg"), "1");
  assertEquals(means(files, "a.jpg"), "1 2");
  assertEquals([means(files, "empty"), means(files, "empty/"), means(files, "p/empty")], [
    ...["3", "3", "3"],
  ]);
  assertEquals([means(files, "b/a.jpg"), means(files, "p"), means(files, "jpg")], ["", "", ""]);
  assertEquals([means(files, ""), means(files, "/")], ["", ""]);
  // The exact path goes first, but not before what another member offers.
  const exact = from(["ada", "p/a.jpg"], ["ada", "a.jpg"]);
  assertEquals(means(exact, "a.jpg"), "2");
  assertEquals(means(from(["ada", "p/a.jpg"], ["eve", "a.jpg"]), "a.jpg"), "? 1 2");
  assertEquals(means(from(["ada", "p/eve"], ["eve", "x"]), "eve"), "? 1 2");
});

Deno.test("findHandled: one file of this client's own is meant for all its receivers, but not together with another's", () => {
  const sent = ["ada", "bob", undefined].map((who, i) => (
    { number: i + 1, name: "cat.png", who, isIncoming: false }
  ));
  assertEquals(means(sent, "cat.png"), "1 2 3");
  const received = { number: 4, name: "cat.png", who: "ada", isIncoming: true };
  assertEquals(means([...sent, received], "cat.png"), "? 1 2 3 4");
});

Deno.test("findHandled: a file's name may be written as it is shown", () => {
  const files = from(["ada", "a\x1b.txt"], ["bob", "b.txt"]);
  assertEquals([means(files, "a\x1b.txt"), means(files, "a␛.txt")], ["1", "1"]);
});

Deno.test("findHandled: looks at each of thousands of offers once", () => {
  let looks = 0;
  const offers = Array.from({ length: 10_000 }, (_, i): Handled => ({
    number: i + 1,
    get name() {
      looks++;
      return "cat.png";
    },
    get who() {
      looks++;
      return i % 2 === 0 ? "cat.png" : "bob";
    },
    isIncoming: true,
  }));
  const result = findHandled(offers, "cat.png");
  assertEquals("ambiguous" in result && result.ambiguous.length, 10_000);
  assertEquals(looks <= 10 * offers.length, true, `${looks} looks`);
});

Deno.test("whichOf: names the first numbers, and counts the others", () => {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => ({ number: i + 1 }));
  assertEquals(whichOf(numbers(2)), "Say which by its number: 1, 2");
  const ten = "Say which by its number: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10";
  assertEquals([whichOf(numbers(10)), whichOf(numbers(2010))], [ten, `${ten} or 2000 more`]);
});
