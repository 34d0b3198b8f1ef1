import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../errors.ts";
import { PlayClock } from "../tests/support/fake_clock.ts";
import { Absences } from "./absences.ts";
import { MemberPlaces } from "./member_places.ts";
import { Tally } from "./tally.ts";

/** A room with 4 places, of which a network may have 2. */
class Scene {
  readonly clock = new PlayClock();
  readonly evicted: string[] = [];
  readonly absences: Absences;
  readonly places: MemberPlaces;
  readonly #networks = new Map<number, string>();
  readonly #from = new Tally();
  reserved = 0;
  isLocked = false;

  constructor() {
    const { now, after } = this.clock;
    const never = { onAway: () => {}, onOver: () => {} };
    this.absences = new Absences({ graceMs: 1000, awayMs: 0, now, after, ...never });
    this.places = new MemberPlaces({
      isLocked: () => this.isLocked,
      ...{ maxMembers: 4, maxPerAddress: 2, fold: this, absences: this.absences },
      evict: (id, limit) => {
        this.evicted.push(`${id} (${limit})`);
        this.absences.remove(id);
        this.#from.add(this.#networks.get(id)!, -1);
        this.#networks.delete(id);
      },
    });
  }

  get size(): number {
    return this.#networks.size;
  }

  from(network: string): number {
    return this.#from.of(network);
  }

  /** A client joins at once. */
  join(id: number, network: string): void {
    this.places.check(network);
    this.places.take(network);
    this.#networks.set(id, network);
    this.#from.add(network, 1);
  }

  async lose(id: number): Promise<void> {
    this.absences.add({ id, network: this.#networks.get(id)! });
    await this.clock.until(this.clock.time);
  }

  refuses(id: number, network: string, why: string): void {
    assertThrows(() => this.join(id, network), ProtocolError, why);
  }
}

Deno.test("MemberPlaces: connected members keep their places, and newcomers are refused", () => {
  const scene = new Scene();
  scene.join(1, "a");
  scene.join(2, "a");
  scene.refuses(3, "a", "too many members from your address (at most 2)");
  scene.join(3, "b");
  assertEquals(scene.places.state, "open");
  scene.join(4, "c");
  assertEquals(scene.places.state, "full");
  scene.refuses(5, "d", "the room is full (at most 4 members)");
  assertEquals(scene.evicted, []);
});

Deno.test("MemberPlaces: a full network's newcomer gets the place of its own member away longest, and of no other network's", async () => {
  const scene = new Scene();
  scene.join(1, "b");
  await scene.lose(1);
  scene.join(2, "a");
  scene.join(3, "a");
  scene.refuses(4, "a", "too many members from your address");
  await scene.lose(3);
  await scene.lose(2);
  scene.join(4, "a");
  scene.join(5, "a");
  assertEquals(scene.evicted, ["3 (network)", "2 (network)"]);
});

Deno.test("MemberPlaces: a full room's newcomer gets the place of a member of the network with the most away", async () => {
  const scene = new Scene();
  for (const [id, network] of [[1, "a"], [2, "b"], [3, "b"], [4, "c"]] as const) {
    scene.join(id, network);
  }
  for (const id of [1, 3, 2]) await scene.lose(id);
  assertEquals(scene.places.state, "open");
  scene.join(5, "d");
  scene.join(6, "d");
  assertEquals(scene.evicted, ["3 (room)", "1 (room)"]);
  scene.join(7, "e");
  assertEquals([scene.evicted.at(-1), scene.places.state], ["2 (room)", "full"]);
});

Deno.test("MemberPlaces: reserved seats count, and cost nobody a place before they are used", async () => {
  const scene = new Scene();
  for (const [id, network] of [[1, "a"], [2, "b"], [3, "c"]] as const) scene.join(id, network);
  await scene.lose(1);
  scene.places.check("d");
  scene.reserved++;
  scene.places.check("d");
  scene.reserved++;
  scene.refuses(9, "e", "the room is full");
  assertEquals(scene.evicted, []);
  // The member away is back before both seats are used: the first gets the last place.
  scene.absences.remove(1);
  scene.reserved = 1;
  scene.places.take("d");
  assertEquals(scene.evicted, []);
});

Deno.test("MemberPlaces: if all members away have resumed since the seat was reserved, it is refused", async () => {
  const scene = new Scene();
  for (const [id, network] of [[1, "a"], [2, "b"], [3, "c"], [4, "d"]] as const) {
    scene.join(id, network);
  }
  await scene.lose(1);
  scene.places.check("e");
  scene.absences.remove(1);
  assertThrows(() => scene.places.take("e"), ProtocolError, "the room is full");
  await scene.lose(2);
  scene.places.check("a");
  scene.absences.remove(2);
  assertThrows(() => scene.places.take("a"), ProtocolError, "the room is full");
});
