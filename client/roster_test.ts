import { assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { skeletons } from "../text/skeleton.ts";
import { Roster } from "./roster.ts";

const names = (roster: Roster) => roster.people().map(({ name }) => name);

Deno.test("Roster: members with the same name are shown with their ids, until only one is left", () => {
  const roster = new Roster(1);
  roster.setName(1, "ada");
  roster.setName(2, "ben");
  roster.setName(3, "ada");
  assertEquals(names(roster), ["ada#1", "ben", "ada#3"]);
  assertEquals(roster.alike("Ada"), [1, 3]);
  roster.setName(3, "carol");
  assertEquals(names(roster), ["ada", "ben", "carol"]);
  roster.setName(2, "carol");
  roster.remove(3);
  assertEquals([names(roster), roster.size, roster.has(3)], [["ada", "carol"], 2, false]);
});

Deno.test("Roster: members whose names look alike are shown with their ids, until only one is left", () => {
  const roster = new Roster(1);
  for (const [i, name] of ["alice", "\u0430lice", "Ian", "ian", "lan"].entries()) {
    roster.setName(i + 1, name);
  }
  assertEquals(names(roster), ["alice#1", "\u0430lice#2", "Ian#3", "ian#4", "lan#5"]);
  roster.remove(3);
  roster.setName(2, "bob");
  assertEquals(names(roster), ["alice", "bob", "ian", "lan"]);
  assertEquals([roster.alike("IAN"), roster.alike("a1ice"), roster.alike("eve")], [
    ...[[5, 4], [1], []],
  ]);
});

Deno.test("Roster: of two members whose names share a skeleton, neither is ever shown without its id", () => {
  const name = fc.string({ unit: fc.constantFrom(..."aA\u0430lI1|"), minLength: 1, maxLength: 3 });
  const step = fc.record({ id: fc.nat(9), name: fc.option(name, { nil: undefined }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const roster = new Roster(1);
    const present = new Map<number, string>();
    for (const { id, name } of steps) {
      if (name === undefined) roster.remove(id);
      else roster.setName(id, name);
      if (name === undefined) present.delete(id);
      else present.set(id, name);
      for (const [one, first] of present) {
        const isAlone = [...present].every(([other, second]) =>
          one === other ||
          skeletons(first).every((skeleton) => !skeletons(second).includes(skeleton))
        );
        assertEquals(roster.person(one).name, isAlone ? first : `${first}#${one}`);
      }
    }
  }));
});

Deno.test("Roster: a name that only looks like a known one has an id, too; a new name loses the mark", () => {
  const roster = new Roster(1);
  roster.setName(2, "a1ice");
  assertEquals(roster.setOtherKey(2, "alike"), true);
  assertEquals([names(roster), roster.setOtherKey(2, "alike")], [["a1ice#2(!)"], false]);
  roster.setName(2, "a1ice");
  assertEquals(names(roster), ["a1ice#2(!)"]);
  roster.setName(2, "eve");
  assertEquals(names(roster), ["eve"]);
});

Deno.test("Roster: a member without a name is shown by its id, and so is an unknown id", () => {
  const roster = new Roster(1);
  roster.setName(1, "ada");
  roster.setName(2, undefined);
  assertEquals(names(roster), ["ada", "#2"]);
  assertEquals(roster.person(9), { id: 9, name: "#9", self: false, away: false });
  assertEquals(roster.person(1), { id: 1, name: "ada", self: true, away: false });
  assertEquals(roster.nameOf(2), undefined);
  assertEquals(roster.alike("#2"), []);
});

Deno.test("Roster: setting a mark returns whether it changed; for an unknown id it never does", () => {
  const roster = new Roster(1);
  roster.setName(2, "ben");
  const away = [undefined, 5, 7, undefined, undefined, 9].map((since) => roster.setAway(2, since));
  assertEquals(away, [false, true, false, true, false, true]);
  assertEquals([roster.setOtherKey(2, true), roster.setOtherKey(2, true)], [true, false]);
  assertEquals(roster.person(2), {
    id: 2,
    name: "ben(!)",
    self: false,
    away: true,
    since: new Date(9),
  });
  assertEquals([roster.setAway(9, 9), roster.setOtherKey(9, true)], [false, false]);
  assertEquals([roster.size, roster.person(9).away], [1, false]);
  assertEquals([roster.setClassic(2, true), roster.setClassic(2, true)], [true, false]);
  assertEquals(roster.person(2).classic, true);
  // A new name keeps the marks.
  roster.setName(2, "benedict");
  assertEquals(roster.person(2).away, true);
});

Deno.test("Roster.reject: counts for each member, and once for all unknown ids", () => {
  const roster = new Roster(1);
  roster.setName(1, "ada");
  roster.setName(2, "ben");
  const count = (id: number) => roster.reject(id);
  assertEquals([count(1), count(2), count(2)], [1, 1, 2]);
  assertEquals([count(8), count(9)], [1, 2]);
  roster.remove(2);
  roster.setName(2, "ben");
  assertEquals(count(2), 1);
});

Deno.test("Roster.moveLast: moves a member to the end of the order, and ignores an unknown id", () => {
  const roster = new Roster(7);
  roster.setName(7, "guest");
  roster.setName(2, "ada");
  roster.setAway(7, 0);
  roster.moveLast(7);
  assertEquals(roster.people().map(({ id, away }) => [id, away]), [[2, false], [7, true]]);
  roster.moveLast(99);
  roster.remove(99);
  assertEquals(roster.size, 2);
});
