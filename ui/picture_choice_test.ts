import { assertEquals } from "@std/assert";
import type { Transfer } from "../room.ts";
import { OFFER } from "../tests/support/fake_room.ts";
import { choosePicture, isPicture } from "./picture_choice.ts";

const received = (number: number, name: string): Transfer => (
  { ...OFFER, number, name, state: "done", path: `/downloads/${name}` }
);
const FILES = ["cat.png", "notes.txt", "Dog.JPEG", "cat (2).png", "12", "cat.gif", "\x1b.png"]
  .map((name, i) => received(i + 10, name));

Deno.test("choosePicture: takes a number, a name, or its beginning, in either case; otherwise nothing", () => {
  const chosen = (which: string) => choosePicture(FILES, which)?.number;
  assertEquals(chosen("12"), 12);
  assertEquals(chosen("CAT.png"), 10);
  assertEquals(chosen("cat"), 15);
  assertEquals(chosen("cat ("), 13);
  assertEquals(chosen("dog"), 12);
  assertEquals(chosen("notes.txt"), 11);
  // As the screen shows it.
  assertEquals(chosen("␛"), 16);
  assertEquals([chosen("x"), chosen("1 2"), chosen("9")], [undefined, undefined, undefined]);
  assertEquals(choosePicture([], "1"), undefined);
});

Deno.test("choosePicture, isPicture: only files that are received and complete", () => {
  const others: Partial<Transfer>[] = [
    { state: "running" },
    { state: "failed" },
    { direction: "out", path: undefined },
    { direction: "out" },
    { path: undefined },
  ];
  for (const fields of others) {
    const one = { ...received(1, "cat.png"), ...fields };
    assertEquals([choosePicture([one], "1"), isPicture(one)], [undefined, false]);
  }
  assertEquals(FILES.filter(isPicture).map(({ number }) => number), [10, 12, 13, 15, 16]);
});
