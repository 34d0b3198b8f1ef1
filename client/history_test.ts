import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ChatError } from "../errors.ts";
import type { Person } from "../room.ts";
import type { Author } from "./members.ts";
import { History, MAX_MESSAGES, MAX_UNITS } from "./history.ts";

const ADA: Person = { id: 1, name: "ada", self: true, away: false };
const BEN: Person = { id: 2, name: "ben", self: false, away: false };
const idOf = (n: number) => n.toString(16).padStart(32, "0");
const [ONE, TWO] = [idOf(1), idOf(2)];

const by = (text: string): Author => ({ text, isProved: true, log: "", id: 1, name: undefined });
const [BY_ADA, BY_BEN] = [by("ada's key"), by("ben's key")];
const isSame = (earlier: Author, now: Author) => earlier.text === now.text;

/** A history with a message of ben, and one of this client. */
function history(): History {
  const history = new History(isSame);
  history.add(ONE, BY_BEN, { from: BEN, text: "hungry?", action: false });
  history.add(TWO, BY_ADA, { from: ADA, text: "yes", action: false });
  return history;
}

Deno.test("History: lists the messages, newest first, without those that are deleted", () => {
  const said = history();
  assertEquals(said.recent.map(({ text }) => text), ["yes", "hungry?"]);
  said.delete(TWO);
  assertEquals(said.recent.map(({ text }) => text), ["hungry?"]);
  assertEquals([said.get(TWO)?.text, said.get(TWO)?.isDeleted], ["", true]);
  assertEquals(said.get(idOf(3)), undefined);
});

Deno.test("History: of others it keeps the beginning, of its own messages everything, also when they are corrected", () => {
  const said = new History(isSame);
  const long = "x".repeat(10_000);
  said.add(ONE, BY_BEN, { from: BEN, text: long, action: false });
  said.add(TWO, BY_ADA, { from: ADA, text: long, action: false });
  assert(said.get(ONE)!.text.length < 1000);
  assertEquals(said.get(TWO)!.text, long);
  said.edit(ONE, `${long}!`);
  said.edit(TWO, `${long}!`);
  assert(said.get(ONE)!.text.length < 1000);
  assertEquals(said.get(TWO)!.text, `${long}!`);
});

Deno.test("History: a message is changed only by its author, and a deleted one by nobody", () => {
  const said = history();
  assert(said.isBy(ONE, BY_BEN));
  assert(!said.isBy(ONE, BY_ADA));
  assert(said.isBy(idOf(3), BY_ADA), "nobody knows who wrote it");
  said.delete(ONE);
  said.edit(ONE, "back again");
  assertEquals(said.get(ONE)!.text, "");
});

Deno.test("History.react: reports what is new, and keeps this client's own emoji", () => {
  const said = history();
  const [ben, ada] = [{ author: BY_BEN, isOwn: false }, { author: BY_ADA, isOwn: true }];
  assert(said.react(ONE, ada, "👍", false));
  assert(!said.react(ONE, ada, "👍", false));
  assert(said.react(ONE, ben, "🎉", false));
  assertEquals(said.get(ONE)!.reactions, ["👍"]);
  assert(said.react(ONE, ada, "👍", true));
  assert(!said.react(ONE, ada, "👍", true));
  assertEquals(said.get(ONE)!.reactions, []);
  assert(said.react(idOf(9), ben, "👍", true), "of an unknown message anything may be new");
});

Deno.test("History.contentOf: what to send for a change; an impossible one is an error", () => {
  const said = history();
  const content = (change: Parameters<History["contentOf"]>[0]) => said.contentOf(change, BY_ADA);
  assertEquals(content({ type: "edit", id: TWO, text: "no" }), {
    kind: "edit",
    text: "no",
    re: TWO,
  });
  assertEquals(content({ type: "delete", id: TWO }), { kind: "delete", re: TWO });
  const react = { type: "react", id: ONE, emoji: "👍", removed: false } as const;
  assertEquals(content(react), { kind: "react", text: "👍", re: ONE });
  assertEquals(content({ ...react, removed: true }).kind, "unreact");
  // Also to a message that this client does not have: programs remember ids.
  assertEquals(content({ ...react, id: idOf(7) }).kind, "react");
  const wrong: [Parameters<History["contentOf"]>[0], string][] = [
    [{ type: "edit", id: ONE, text: "no" }, "Cannot correct a message of another member"],
    [{ type: "delete", id: ONE }, "Cannot delete a message of another member"],
    [{ type: "delete", id: idOf(7) }, "it is unknown, or too long ago"],
    [{ type: "delete", id: "no id" }, "no message has such an id"],
    [{ ...react, emoji: "thumbs up" }, "a reaction is one emoji"],
    [{ ...react, emoji: "" }, "a reaction is one emoji"],
  ];
  for (const [change, message] of wrong) assertThrows(() => content(change), ChatError, message);
  said.delete(TWO);
  assertThrows(() => content({ type: "edit", id: TWO, text: "" }), ChatError, "it is deleted");
});

Deno.test("History: is bounded, and forgets the oldest messages first", () => {
  fc.assert(fc.property(
    fc.array(
      fc.record({
        id: fc.nat(50),
        size: fc.constantFrom(0, 10, 1_000_000),
        what: fc.constantFrom("add", "edit", "delete", "react", "unreact"),
        who: fc.nat(3),
      }),
      { maxLength: 60 },
    ),
    (steps) => {
      const said = new History(isSame);
      for (const { id, size, what, who } of steps) {
        const reacting = { author: by(`${who}`), isOwn: who === 0 };
        if (what === "add") {
          said.add(idOf(id), by(`${who}`), { from: ADA, text: "x".repeat(size), action: false });
        } else if (what === "edit") said.edit(idOf(id), "x".repeat(size));
        else if (what === "delete") said.delete(idOf(id));
        else said.react(idOf(id), reacting, "👍", what === "unreact");
        const { recent } = said;
        const units = recent.reduce((sum, { text }) => sum + text.length, 0);
        assert(units <= MAX_UNITS);
      }
    },
  ));
  const said = new History(isSame);
  for (let n = 1; n <= MAX_MESSAGES + 5; n++) {
    said.add(idOf(n), BY_ADA, { from: ADA, text: "hi", action: false });
  }
  assertEquals(said.recent.length, MAX_MESSAGES);
  assertEquals(said.get(idOf(5)), undefined);
  assert(said.get(idOf(6)));
});
