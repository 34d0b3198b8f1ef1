import { assert, assertEquals, assertLess } from "@std/assert";
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

Deno.test("Roster.sessions: the other sessions of a key, listed or not; none without a key", () => {
  const roster = new Roster(1);
  for (const id of [1, 2, 3, 4, 5]) roster.setName(id, `m${id}`);
  for (const id of [2, 3, 4]) roster.setKey(id, "B");
  roster.setAway(2, 5);
  const sessions = (id: number) => roster.sessions(id).map(({ name, away }) => [name, away]);
  assertEquals(sessions(3), [["m2", true], ["m4", false]]);
  assertEquals([sessions(1), sessions(5), sessions(99)], [[], [], []]);
  assertEquals([roster.joined(2), roster.joined(99)], [undefined, undefined]);
});

Deno.test("Roster: a new session takes the place of an away one with its key, and of no other", () => {
  const roster = new Roster(1);
  const join = (id: number, name: string, key?: string) => {
    roster.setName(id, undefined);
    const replaces = key === undefined ? undefined : roster.setKey(id, key);
    roster.setName(id, name);
    return replaces?.id;
  };
  const shown = () => roster.people().map(({ name, away }) => name + (away ? " (away)" : ""));
  join(1, "self", "S");
  assertEquals(join(2, "bob", "B"), undefined);
  roster.setAway(2, 5);
  // Neither the name nor a missing key counts.
  assertEquals([join(3, "bob", "E"), join(4, "bob")], [undefined, undefined]);
  assertEquals(shown(), ["self", "bob#2 (away)", "bob#3", "bob#4"]);
  roster.remove(3);
  roster.remove(4);
  assertEquals(roster.setKey(2, "B"), undefined);
  assertEquals(join(5, "bob", "B"), 2);
  assertEquals([shown(), roster.size, roster.awayCount, roster.total], [["self", "bob"], 2, 0, 3]);
  assertEquals([roster.isReplaced(2), roster.listedFor(2), roster.listedFor(5)], [true, 5, 5]);
  // What comes about the old one names it by its id.
  assertEquals(roster.person(2).name, "bob#2");
  // Two windows of one person.
  assertEquals(roster.setAway(2, undefined), true);
  assertEquals([shown(), roster.isReplaced(2)], [["self", "bob#2", "bob#5"], false]);
  roster.setAway(5, 7);
  assertEquals([shown(), roster.listedFor(5)], [["self", "bob"], 2]);
  // The one that was here last.
  roster.setAway(2, 9);
  assertEquals([shown(), roster.listedFor(5), roster.awayCount], [["self", "bob (away)"], 2, 1]);
  roster.remove(2);
  assertEquals([shown(), roster.person(5).id, roster.awayCount], [["self", "bob (away)"], 5, 1]);
  // This user is never away in its own list, so its old session never shows beside it.
  join(6, "self", "S");
  assertEquals(shown(), ["self#1", "bob (away)", "self#6"]);
  for (const id of [1, 6]) roster.setAway(id, 10);
  assertEquals([roster.isReplaced(1), roster.isReplaced(6), roster.awayCount], [false, true, 1]);
});

Deno.test("Roster: after any sequence the list is as a simple model says", () => {
  const step = fc.record({
    do: fc.constantFrom("join", "join", "away", "away", "back", "left", "rename"),
    id: fc.integer({ min: 2, max: 8 }),
    key: fc.constantFrom("A", "B", "S", undefined),
    name: fc.constantFrom("ada", "Ada", "bob"),
    since: fc.nat(3),
  });
  let replacedSeen = 0;
  fc.assert(fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
    const roster = new Roster(1);
    roster.setName(1, "self");
    roster.setKey(1, "S");
    interface Model {
      id: number;
      key: string | undefined;
      name: string;
      since: number | undefined;
    }
    let room: Model[] = [{ id: 1, key: "S", name: "self", since: undefined }];
    /** Whether it is listed: no other session of its key is here, or was here later. */
    const isListed = (one: Model) => {
      const rivals = one.key === undefined
        ? []
        : room.filter((other) => other !== one && other.key === one.key);
      return one.since === undefined || rivals.every((other) => (
        other.since !== undefined && (other.since < one.since! ||
          other.since === one.since && room.indexOf(other) < room.indexOf(one))
      ));
    };
    for (const { do: what, id, key, name, since } of steps) {
      const one = room.find((other) => other.id === id);
      if (what === "join" && !one) {
        const before = room.filter(isListed).find((other) => (
          key !== undefined && other.key === key && other.since !== undefined
        ));
        roster.setName(id, undefined);
        const replaces = key === undefined ? undefined : roster.setKey(id, key);
        roster.setName(id, name);
        room.push({ id, key, name, since: undefined });
        assertEquals(replaces?.id, before?.id);
      } else if (one && what === "left") {
        roster.remove(id);
        room = room.filter((other) => other !== one);
      } else if (one && what === "rename") roster.setName(id, one.name = name);
      else if (one && what !== "join") {
        one.since = what === "away" ? since : undefined;
        roster.setAway(id, one.since);
      }
      const list = room.filter(isListed);
      replacedSeen += room.length - list.length;
      const expected = list.map((member) => ({
        id: member.id,
        name: list.some((other) =>
            other !== member && other.name.toLowerCase() === member.name.toLowerCase()
          )
          ? `${member.name}#${member.id}`
          : member.name,
        since: member.since,
      }));
      const people = roster.people();
      assertEquals(
        people.map(({ id, name, since }) => ({ id, name, since: since?.getTime() })),
        expected,
      );
      assertEquals([roster.size, roster.total], [list.length, room.length]);
      assertEquals(
        roster.awayCount,
        list.filter((other) =>
          other.since !== undefined
        ).length,
      );
      for (const member of room) {
        const there = roster.listedFor(member.id);
        assertEquals(roster.isReplaced(member.id), !list.includes(member));
        const listed = list.find((other) => other.id === there);
        assertEquals(listed && (listed === member || listed.key === member.key), true);
      }
    }
  }));
  assert(replacedSeen > 100);
});

Deno.test("Roster: five thousand sessions of one key, or of as many keys, cost little", () => {
  for (const keyOf of [() => "B", String]) {
    const roster = new Roster(1);
    const began = performance.now();
    for (let id = 2; id < 5002; id++) {
      roster.setName(id, undefined);
      roster.setKey(id, keyOf(id));
      roster.setName(id, `m${id}`);
    }
    for (let id = 2; id < 5002; id++) roster.setAway(id, id);
    const listed = keyOf(1) === keyOf(2) ? 1 : 5000;
    assertEquals([roster.size, roster.awayCount, roster.total], [listed, listed, 5000]);
    for (let id = 5001; id > 1; id--) roster.remove(id);
    assertEquals([roster.size, roster.awayCount, roster.total], [0, 0, 0]);
    // Measured 30 to 100 ms; a pass over all members at each step would take ten times that.
    assertLess(performance.now() - began, 3000);
  }
});
