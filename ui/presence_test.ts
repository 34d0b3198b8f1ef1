import { assert, assertEquals } from "@std/assert";
import type { Person } from "../room.ts";
import { Presence } from "./presence.ts";

let lastId = 0;
const person = (name: string): Person => ({ id: ++lastId, name, self: false, away: false });

/** `+name` joins, `-name` leaves, `!name` leaves without a connection, `~name` is too slow, `?name` is away, `<name` is back. */
function fold(...changes: string[]): Presence {
  const presence = new Presence();
  const here = new Map<string, Person>();
  for (const [sign, ...letters] of changes) {
    const name = letters.join("");
    const who = sign === "+" ? person(name) : here.get(name) ?? person(name);
    here.set(name, who);
    if (sign === "+") presence.add({ type: "joined", who });
    else if (sign === "?") presence.add({ type: "away", who });
    else if (sign === "<") presence.add({ type: "back", who });
    else {
      const reason = sign === "!" ? "lost" : sign === "~" ? "slow" : "left";
      presence.add({ type: "left", who, reason });
    }
  }
  return presence;
}

Deno.test("Presence: marks members with a classic client", () => {
  const presence = new Presence();
  const who = { ...person("52684"), classic: true } as const;
  presence.add({ type: "joined", who });
  assertEquals(presence.sentence, "52684 (classic) joined");
  presence.add({ type: "left", who, reason: "left" });
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
    [["?alice"], "alice is away: connection lost"],
    [["<alice", "?bob", "?carol"], "alice is back; bob and carol are away: connection lost"],
    [[..."abcdefghi"].map((name) => `?${name}`), "a, b and 7 more are away: connection lost"],
    [[..."abcdefghi"].map((name) => `<${name}`), "a, b and 7 more are back"],
    // A restart of the server, on the screen of the first member that is back.
    [["?a", "?b", "?c", "<a", "<c"], "b is away: connection lost"],
    [["?a", "<a", "?a"], "a is away: connection lost"],
    [["<a", "?a", "<a"], "a is back"],
    [["?a", "!a"], "a left: connection lost"],
    [["<a", "-a"], "a left"],
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
  const more = { type: "back", who: person("more") } as const;
  for (let i = 0; i < 10_000; i++) {
    assert(!presence.isFull(more));
    presence.add({ type: "joined", who: person(`m${i}`) });
    taken++;
  }
  assert(presence.isFull(more));
  assertEquals(presence.sentence, `m0, m1 and ${taken - 2} more joined`);
  presence.take();
  assert(!presence.isFull(more));
});

Deno.test("Presence: a member that takes the place of its old session is back, perhaps under another name", () => {
  const presence = new Presence();
  const old = (name: string) => ({ ...person(name), away: true });
  presence.add({ type: "joined", who: person("carol") });
  presence.add({ type: "joined", who: person("bob"), replaces: old("bob#2") });
  assertEquals(presence.sentence, "bob is back, carol joined");
  const rob = person("rob");
  presence.add({ type: "joined", who: rob, replaces: old("bobby") });
  assertEquals(presence.sentence, "bob and rob (was bobby) are back, carol joined");
  presence.add({ type: "left", who: rob, reason: "left" });
  assertEquals(presence.take(), "bob is back, carol joined, rob joined and left");
});

Deno.test("Presence: of a member that joins again while it is seen as away, only the return is shown", () => {
  const presence = new Presence();
  const bob = { ...person("bob"), away: true };
  presence.add({ type: "away", who: bob });
  presence.add({ type: "joined", who: person("bob"), replaces: bob });
  assertEquals(presence.take(), "bob is back");
});

Deno.test("Presence: a member that joined and is away needs two sentences", () => {
  const presence = new Presence();
  const [bob, carol] = [person("bob"), person("carol")];
  presence.add({ type: "joined", who: bob });
  assert(presence.isFull({ type: "away", who: bob }));
  assert(!presence.isFull({ type: "away", who: carol }));
  assert(!presence.isFull({ type: "left", who: bob, reason: "left" }));
  presence.take();
  assert(!presence.isFull({ type: "away", who: bob }));
});

Deno.test("Presence: nothing is left of members that were away in between", () => {
  const presence = fold("?a", "?b", "<b", "<a");
  assert(presence.isEmpty);
});
