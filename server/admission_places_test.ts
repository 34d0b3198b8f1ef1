import { assert, assertEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { AdmissionPlaces, type Place, RETURN_PLACES } from "./admission_places.ts";

/** Connections with names, and which of them were ended for newer ones. */
class Door {
  readonly ended: string[] = [];
  readonly places: AdmissionPlaces;

  constructor(all: number, perNetwork: number) {
    this.places = new AdmissionPlaces({ all, perNetwork });
  }

  enter(name: string, network = name): Place | undefined {
    return this.places.enter(network, () => this.ended.push(name));
  }
}

Deno.test("AdmissionPlaces: when a network has all its places, its oldest connection that owes something is ended", () => {
  const door = new Door(100, 2);
  door.enter("x");
  door.enter("a", "n");
  door.enter("b", "n");
  assertEquals(door.ended, []);
  door.enter("c", "n");
  door.enter("d", "n");
  assertEquals([door.ended, door.places.ended, door.places.size], [["a", "b"], 2, 3]);
});

Deno.test("AdmissionPlaces: when all places are taken, the oldest of any network that owes something is ended", () => {
  const door = new Door(3, 2);
  const [a] = ["a", "b", "c"].map((name) => door.enter(name));
  assert(door.places.settle(a!, false));
  door.enter("d");
  assertEquals([door.ended, door.places.size], [["b"], 3]);
  // One that leaves makes room, and leaves once.
  door.places.leave(a!);
  door.places.leave(a!);
  door.enter("e");
  assertEquals([door.ended, door.places.size], [["b"], 3]);
});

Deno.test("AdmissionPlaces: when nobody can be ended, a newer one is admitted only if its client returns, or a place has become free", () => {
  const door = new Door(10, 2);
  const held = ["a", "b"].map((name) => door.enter(name, "n")!);
  for (const place of held) assert(door.places.settle(place, false));
  const [member, stranger, patient] = ["m", "s", "p"].map((name) => door.enter(name, "n")!);
  assertEquals([member, stranger, patient].map((place) => place?.isUsual), [false, false, false]);
  assertEquals(door.places.settle(member!, true), true);
  assertEquals(door.places.settle(stranger!, false), false);
  door.places.leave(held[0]!);
  assertEquals([door.places.settle(patient!, false), patient!.isUsual], [true, true]);
  assertEquals(door.ended, []);
  for (const place of [held[1]!, member!, stranger!, patient!]) door.places.leave(place);
  assertEquals(door.places.size, 0);
});

Deno.test("AdmissionPlaces: the places for clients that return are for the newest, and refuse nobody unless all of them do return", () => {
  const door = new Door(1, 1);
  door.places.settle(door.enter("stranger", "n")!, false);
  for (let i = 0; i < RETURN_PLACES + 5; i++) assert(door.enter(`${i}`, "n"));
  assertEquals([door.ended, door.places.ended], [["0", "1", "2", "3", "4"], 5]);
  assertEquals(door.places.size, 1 + RETURN_PLACES);
  const other = new Door(1, 1);
  other.places.settle(other.enter("stranger", "n")!, false);
  for (let i = 0; i < RETURN_PLACES; i++) other.places.settle(other.enter(`${i}`, "n")!, true);
  assertEquals([other.enter("late", "n"), other.ended], [undefined, []]);
});

Deno.test("AdmissionPlaces: never more than the limits; nobody who has sent a frame is ended, and nobody before an older one that could be", () => {
  const step = fc.record({
    what: fc.constantFrom("enter", "enter", "enter", "settle", "return", "leave"),
    network: fc.constantFrom("a", "b", "c"),
    which: fc.nat(1000),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: RETURN_PLACES }), (steps) => {
    const places = new AdmissionPlaces({ all: 5, perNetwork: 3 });
    const there = new Map<number, Place>();
    const ended: number[] = [];
    for (const [i, { what, network, which }] of steps.entries()) {
      if (what === "enter") {
        ended.length = 0;
        const usual = [...there].filter(([, { isUsual }]) => isUsual);
        const own = usual.filter(([, place]) => place.network === network);
        const owing = (own.length >= 3 ? own : usual).filter(([, { owes }]) => owes);
        const isFull = own.length >= 3 || usual.length >= 5;
        const place = places.enter(network, () => ended.push(i))!;
        // With so few steps the places for those that return never run out.
        assert(place);
        assertEquals(place.isUsual, !isFull || owing.length > 0);
        assertEquals(ended, isFull ? owing.slice(0, 1).map(([n]) => n) : []);
        for (const n of ended) there.delete(n);
        there.set(i, place);
      } else {
        const [n, place] = [...there][which % Math.max(1, there.size)] ?? [];
        if (n === undefined || !place) continue;
        if (what === "leave") {
          places.leave(place);
          there.delete(n);
        } else if (place.owes) {
          ended.length = 0;
          const isIn = places.settle(place, what === "return");
          assertEquals(isIn, place.isUsual || what === "return");
          for (const n of ended) there.delete(n);
        }
      }
      const usual = [...there.values()].filter(({ isUsual }) => isUsual);
      assert(usual.length <= 5);
      for (const one of "abc") assert(usual.filter(({ network }) => network === one).length <= 3);
      assertEquals(places.size, there.size);
    }
    for (const place of there.values()) places.leave(place);
    assertEquals(places.size, 0);
  }));
});
