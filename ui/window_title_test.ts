import { assertEquals } from "@std/assert";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { WindowTitle } from "./window_title.ts";

const SAVE = "\x1b[22;2t";
const RESTORE = "\x1b]2;\x1b\\\x1b[23;2t";
const shown = (title: string) => `\x1b]2;${title}\x1b\\`;

/** A title, and what it writes. */
function setUp(): { title: WindowTitle; clock: FakeClock; written: string[] } {
  const clock = new FakeClock();
  const written: string[] = [];
  return { title: new WindowTitle((text) => void written.push(text), clock), clock, written };
}

Deno.test("WindowTitle: changes at most twice a second, and shows the last title then", () => {
  const { title, clock, written } = setUp();
  title.take();
  title.show("a");
  for (let i = 1; i <= 100; i++) {
    title.show(`${i}`);
    clock.pass(10);
  }
  title.show("b");
  clock.pass(1000);
  title.show("b");
  assertEquals(written, ["a", "50", "100", "b"].map(shown));
  // After a rest at once; a title that is back to what it was is not written.
  title.show("c");
  title.show("d");
  title.show("c");
  clock.pass(1000);
  assertEquals(written.slice(4), [shown("c")]);
  assertEquals(clock.waiting, 0);
});

Deno.test("WindowTitle: the title from before is saved once and restored once; nothing is shown after that", () => {
  const { title, clock, written } = setUp();
  title.show("too early");
  assertEquals(title.restore(), "");
  assertEquals(title.take(), SAVE);
  title.show("a");
  title.show("b");
  // Something else has stopped the program, and has set its own title.
  assertEquals(title.take(), "");
  title.show("a");
  clock.pass(500);
  assertEquals(written, [shown("a"), shown("a")]);
  title.show("c");
  assertEquals(title.restore(), RESTORE);
  assertEquals(title.restore(), "");
  title.show("d");
  clock.pass(1000);
  assertEquals(written.length, 2);
  assertEquals(clock.waiting, 0);
  assertEquals(title.take(), SAVE);
});

Deno.test("WindowTitle: no text ends the sequence, and none is long", () => {
  const { title, written } = setUp();
  title.take();
  title.show("a\x07\x1b\\\x9c\x1b]0;t\x07\u202e\n" + "x".repeat(1000));
  // deno-lint-ignore no-control-regex
  const [, text] = /^\x1b\]2;(.*)\x1b\\$/.exec(written.join(""))!;
  assertEquals(text, "a␇␛\\\\u{9c}␛]0;t␇\\u{202e}␊" + "x".repeat(54) + "…");
});
