import { assertEquals } from "@std/assert";
import { KnownNames } from "../cipher/known_names.ts";
import { FakeTimer } from "../tests/support/fake_clock.ts";
import { NameSaver, SAVE_MS } from "./name_saver.ts";

const KEY = new Uint8Array(32);
const DAY = "2026-01-31";

function open() {
  const knownNames = new KnownNames();
  const timer = new FakeTimer();
  const saved: number[] = [];
  const save = () => {
    saved.push(knownNames.unsaved.split("\n").filter((line) => /^n/.test(line)).length);
    knownNames.saved();
  };
  return { knownNames, timer, saved, saver: new NameSaver({ knownNames, save }, timer.after) };
}

Deno.test("NameSaver: however often names change, they are saved once a second", () => {
  const { knownNames, timer, saved, saver } = open();
  saver.check();
  assertEquals(timer.count(SAVE_MS), 0);
  for (let n = 0; n < 10; n++) {
    knownNames.meet(`n${n}`, KEY, DAY);
    saver.check();
  }
  assertEquals([saved, timer.count(SAVE_MS)], [[], 1]);
  timer.pass(SAVE_MS);
  assertEquals([saved, timer.count(SAVE_MS)], [[10], 0]);
  // No change, no save.
  saver.check();
  assertEquals(timer.count(SAVE_MS), 0);
  knownNames.meet("nine", KEY, DAY);
  saver.check();
  timer.pass(SAVE_MS);
  assertEquals(saved, [10, 1]);
});

Deno.test("NameSaver.flush: saves at once, and cancels the save that was to come", () => {
  const { knownNames, timer, saved, saver } = open();
  knownNames.meet("n", KEY, DAY);
  saver.check();
  saver.flush();
  assertEquals([saved, timer.count(SAVE_MS)], [[1], 0]);
  saver.flush();
  assertEquals(saved, [1]);
});

Deno.test("NameSaver: saves nothing in xor rooms, and tries again after a save has failed", () => {
  const timer = new FakeTimer();
  const none = new NameSaver(undefined, timer.after);
  none.check();
  none.flush();
  const knownNames = new KnownNames();
  let tries = 0;
  const saver = new NameSaver({ knownNames, save: () => void tries++ }, timer.after);
  knownNames.meet("n", KEY, DAY);
  for (let n = 1; n <= 2; n++) {
    saver.check();
    timer.pass(SAVE_MS);
    assertEquals(tries, n);
  }
});
