import { assert, assertEquals } from "@std/assert";
import type { Person } from "../room.ts";
import { Presence } from "./presence.ts";

let lastId = 0;
const person = (name: string): Person => ({ id: ++lastId, name, self: false, away: false });

/** `+name` joins, `-name` leaves, `!name` loses its connection, `~name` is too slow. */
function fold(...changes: string[]): Presence {
  const presence = new Presence();
  const here = new Map<string, Person>();
  for (const [sign, ...letters] of changes) {
    const name = letters.join("");
    const who = sign === "+" ? person(name) : here.get(name) ?? person(name);
    here.set(name, who);
    if (sign === "+") presence.joined({ who });
    else presence.left(who, sign === "!" ? "lost" : sign === "~" ? "slow" : "left");
  }
  return presence;
}

Deno.test("Presence: marks members with a classic client", () => {
  const presence = new Presence();
  const who = { ...person("52684"), classic: true } as const;
  presence.joined({ who });
  assertEquals(presence.sentence, "52684 (classic) joined");
  presence.left(who, "left");
  assertEquals(presence.sentence, "52684 joined and left");
});

Deno.test("Presence: one sentence for all members that join and leave", () => {
  const cases: [string[], string][] = [
    [["+alice"], "alice joined"],
    [["-alice"], "alice left"],
    [["+alice", "+bob"], "alice and bob joined"],
    [["+a", "-x", "+b", "+c", "+d"], "a, b, c and d joined, x left"],
    [
      ["+alice", ..."bcdefghi".split("").map((c) => `+${c}`), "-carol"],
      "alice, b and 7 more joined, carol left",
    ],
    [["!alice"], "alice left: connection lost"],
    [
      ["!alice", "!bob", "~carol", "+dan"],
      "dan joined; alice and bob left: connection lost; " +
      "carol was disconnected: too slow",
    ],
    [["~alice", "~bob"], "alice and bob were disconnected: too slow"],
    // Absent before, absent now.
    [["+dave", "-dave"], "dave joined and left"],
    [["+dave", "!dave", "+erin"], "erin joined, dave joined and left"],
    [["+dave", "-dave", "+dave"], "dave joined, dave joined and left"],
    // Present before, present again.
    [["-dave", "+dave"], "dave left and joined again"],
    [["!dave", "+dave", "-dave"], "dave left"],
    [["-dave", "+dave", "-dave", "+dave"], "dave left and joined again"],
  ];
  for (const [changes, sentence] of cases) {
    const presence = fold(...changes);
    assertEquals(presence.sentence, sentence);
    assertEquals(presence.take(), sentence);
    assert(presence.isEmpty);
    assertEquals(presence.take(), "");
  }
});

Deno.test("Presence: one sentence for ten thousand members, and no more are kept", () => {
  const presence = new Presence();
  let taken = 0;
  for (let i = 0; i < 10_000; i++) {
    assert(!presence.isFull);
    presence.joined({ who: person(`m${i}`) });
    taken++;
  }
  assert(presence.isFull);
  assertEquals(presence.sentence, `m0, m1 and ${taken - 2} more joined`);
  presence.take();
  assert(!presence.isFull);
});

Deno.test("Presence: a member that takes the place of its old session is back, perhaps under another name", () => {
  const presence = new Presence();
  const old = (name: string) => ({ ...person(name), away: true });
  presence.joined({ who: person("carol") });
  presence.joined({ who: person("bob"), replaces: old("bob#2") });
  assertEquals(presence.sentence, "bob is back, carol joined");
  const rob = person("rob");
  presence.joined({ who: rob, replaces: old("bobby") });
  assertEquals(presence.sentence, "bob and rob (was bobby) are back, carol joined");
  presence.left(rob, "left");
  assertEquals(presence.take(), "bob is back, carol joined, rob joined and left");
});
