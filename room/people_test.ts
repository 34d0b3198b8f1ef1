import { assertEquals, assertStrictEquals } from "@std/assert";
import { bareName, findPerson, type Person } from "./people.ts";

/** In the order of joining; their ids count from 1. */
function people(...names: string[]): Person[] {
  return names.map((name, i) => ({ id: i + 1, name, self: false, away: false }));
}

Deno.test("findPerson: by name, by name and id, by #id, and by id", () => {
  const members = people("ada", "bob#2", "bob#3(!)", "cyd(!)", "#5", "#6(!)");
  const cases: [string | number, number | "nobody" | "several"][] = [
    ["ada", 1],
    ["ada#1", 1],
    ["cyd#4", 4],
    ["bob#2", 2],
    ["bob#3", 3],
    ["bob#3(!)", 3],
    ["#1", 1],
    ["#3", 3],
    // Marked: under the name alone, so that it can be verified, and as it is shown.
    ["cyd", 4],
    ["cyd(!)", 4],
    // Known by number alone.
    ["#5", 5],
    ["#6", 6],
    [1, 1],
    [6, 6],
    ["bob", "several"],
    ["Ada", "nobody"],
    ["ad", "nobody"],
    ["ada#2", "nobody"],
    ["ada(!)", "nobody"],
    ["bob#4", "nobody"],
    ["1", "nobody"],
    ["#7", "nobody"],
    ["", "nobody"],
    [0, "nobody"],
    [7, "nobody"],
  ];
  for (const [who, expected] of cases) {
    const found = findPerson(members, who);
    assertEquals(typeof found === "string" ? found : found.id, expected, `${who}`);
  }
});

Deno.test("findPerson: a typed name in another normal form is found; a lookalike is found by its own name only", () => {
  const members = people("Jose\u0301".normalize("NFC"), "alice#2", "\u0430lice#3(!)");
  const find = (who: string) => {
    const found = findPerson(members, who);
    return typeof found === "string" ? found : found.id;
  };
  assertEquals(["Jose\u0301", "alice", "\u0430lice", "Alice"].map(find), [1, 2, 3, "nobody"]);
});

Deno.test("findPerson: the one who is left of several is found by the name alone, marked or not", () => {
  for (const name of ["bob#2", "bob#2(!)"]) {
    const person = { id: 2, name, self: false, away: false };
    assertEquals(findPerson([person], "bob"), person);
  }
  assertStrictEquals(findPerson([], "bob"), "nobody");
});

Deno.test("bareName: removes the marks that a screen adds", () => {
  const cases = {
    bob: "bob",
    "bob#7": "bob",
    "bob(!)": "bob",
    "bob#7(!)": "bob",
    "b(!)b": "b(!)b",
  };
  for (const [name, bare] of Object.entries(cases)) assertEquals(bareName(name), bare);
});
