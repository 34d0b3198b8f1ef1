import { assertEquals } from "@std/assert";
import { type Edit, Undo } from "./undo.ts";

const edit = (at: number, inserted: string, removed = ""): Edit => (
  { at, removed, inserted, cursor: at, typed: true }
);

/** The texts of all edits, newest first. */
function taken(undo: Undo): string[] {
  const all: string[] = [];
  for (let edit; (edit = undo.take());) all.push(edit.inserted);
  return all;
}

Deno.test("Undo: typed text is undone by words; text typed elsewhere and other edits one by one", () => {
  const undo = new Undo();
  [..."one two  3"].forEach((c, at) => undo.add(edit(at, c)));
  undo.add(edit(0, "x"));
  undo.add({ ...edit(1, "pasted"), typed: false });
  undo.add(edit(7, "y"));
  undo.add(edit(8, "z", "old"));
  assertEquals(taken(undo), ["z", "y", "pasted", "x", "3", "two  ", "one "]);
});

Deno.test("Undo: the oldest edits are dropped, by number and by size", () => {
  const many = new Undo();
  for (let i = 0; i < 501; i++) many.add({ ...edit(i, String(i)), typed: false });
  const numbers = taken(many);
  assertEquals([numbers.length, numbers[0], numbers.at(-1)], [500, "500", "1"]);

  const large = new Undo();
  for (let i = 0; i < 9; i++) large.add({ ...edit(0, "x".repeat(256 * 1024)), typed: false });
  assertEquals(taken(large).length, 8);
});
