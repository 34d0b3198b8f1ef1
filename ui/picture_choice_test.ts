import { assertEquals } from "@std/assert";
import type { Transfer } from "../room.ts";
import { BOB, OFFER } from "../tests/support/fake_room.ts";
import { choosePictures, isPicture } from "./picture_choice.ts";

const received = (number: number, name: string): Transfer => (
  { ...OFFER, number, name, state: "done", path: `/downloads/${name}` }
);
const FILES = ["cat.png", "notes.txt", "Dog.JPEG", "cat (2).png", "12", "cat.gif", "\x1b.png"]
  .map((name, i) => received(i + 10, name));

Deno.test("choosePictures: a number, a member, or a file name as it is shown; nothing else", () => {
  const chosen = (which: string) => choosePictures(FILES, which).map(({ number }) => number);
  // What looks like a number is one, whatever files are called.
  assertEquals(chosen("12"), [12]);
  assertEquals(chosen("#12"), [12]);
  assertEquals(chosen("cat.gif"), [15]);
  assertEquals(chosen("cat (2).png"), [13]);
  assertEquals(chosen("␛.png"), [16]);
  assertEquals(chosen("bob"), [10, 11, 12, 13, 14, 15, 16]);
  for (const which of ["CAT.png", "cat", "x", "1 2", "9", ""]) {
    assertEquals(chosen(which), [], which);
  }
  assertEquals(choosePictures([], "1"), []);
});

Deno.test("choosePictures: all files that the handle could mean, so that the user can choose", () => {
  const carol = { ...BOB, id: 3, name: "cat.png" };
  const files = [...FILES, { ...received(17, "cat.gif"), who: carol }, received(18, "cat.png")];
  const chosen = (which: string) => choosePictures(files, which).map(({ number }) => number);
  assertEquals(chosen("cat.gif"), [15, 17]);
  assertEquals(chosen("cat.png"), [10, 17, 18]);
  assertEquals(chosen("10-11"), [10, 11]);
});

Deno.test("choosePictures, isPicture: only files that are received and complete", () => {
  const others: Partial<Transfer>[] = [
    { state: "running" },
    { state: "failed" },
    { direction: "out", path: undefined },
    { direction: "out" },
    { path: undefined },
  ];
  for (const fields of others) {
    const one = { ...received(1, "cat.png"), ...fields };
    assertEquals([choosePictures([one], "1"), isPicture(one)], [[], false]);
  }
  assertEquals(FILES.filter(isPicture).map(({ number }) => number), [10, 12, 13, 15, 16]);
});
