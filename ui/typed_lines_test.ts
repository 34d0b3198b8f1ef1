import { assertEquals } from "@std/assert";
import { ChatError } from "../errors.ts";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { FakeTty } from "../tests/support/fake_terminal.ts";
import { TypedLines } from "./typed_lines.ts";

function setUp() {
  const tty = new FakeTty(30, 24);
  // As the terminal of a program does it.
  tty.term.options.convertEol = true;
  const clock = new FakeClock();
  let interrupts = 0;
  const typed = new TypedLines({ tty, clock, interrupt: () => interrupts++ });
  return {
    tty,
    clock,
    typed,
    interrupts: () => interrupts,
    print: (line: string) => void typed.write(new TextEncoder().encode(`${line}\n`)),
    /** The next lines. */
    async read(size = 1024) {
      const buffer = new Uint8Array(size);
      const count = await typed.read(buffer);
      return count === null ? null : new TextDecoder().decode(buffer.subarray(0, count));
    },
  };
}

Deno.test("TypedLines: echoes keys and edits at the end of the line, as terminals do", async () => {
  const cases: [typed: string, line: string, shown?: string][] = [
    ["hello\r", "hello"],
    ["日本語 grüß 👍\r", "日本語 grüß 👍"],
    ["ab\x7fc\bd\r", "ad"],
    ["one two\x17three\r", "one three"],
    ["one two\x15three\r", "three"],
    ["日本\x7f\x7fx\r", "x"],
    ["e\u0301\x7fx\r", "x"],
    ["a\x1b[D\x1b[Ab\x01\x1b[3~c\r", "abc"],
    ["a\tb\r", "a\tb", "a b"],
    ["a\x1b[67;2ub\x1b[13u", "aCb"],
    ["\x7f\x15\x17\r", ""],
    ["ab\x12c\r", "abc", "ab\nabc"],
    ["a\u202eb\r", "a\u202eb", "a\\u{202e}b"],
  ];
  for (const [input, line, shown = line] of cases) {
    const { tty, typed, read } = setUp();
    assertEquals(tty.raw, true);
    await tty.type(input);
    assertEquals(await read(), `${line}\n`, JSON.stringify(input));
    assertEquals((await tty.rows()).join("\n"), shown.trimEnd(), JSON.stringify(input));
    typed.close();
    assertEquals([tty.raw, tty.listeners.size], [false, 0]);
  }
});

Deno.test("TypedLines: output never runs into a line that is being typed, which is repeated after it", async () => {
  const { tty, clock, typed, print, read } = setUp();
  print("bob: before");
  await tty.type("half a th");
  print("bob: one");
  print("bob: two");
  assertEquals(await tty.rows(), ["bob: before", "half a th", "bob: one", "bob: two"]);
  // Repeated when it is quiet, not for each of them.
  clock.pass(99);
  print("bob: three");
  clock.pass(99);
  assertEquals((await tty.rows()).at(-1), "bob: three");
  clock.pass(1);
  assertEquals((await tty.rows()).at(-1), "half a th");
  print("bob: four");
  // Or with the next key.
  await tty.type("ought");
  assertEquals((await tty.rows()).slice(-3), ["half a th", "bob: four", "half a thought"]);
  print("bob: five");
  await tty.type("\r");
  assertEquals((await tty.rows()).slice(-2), ["bob: five", "half a thought"]);
  assertEquals(await read(), "half a thought\n");
  // Nothing is typed: nothing to repeat.
  const before = await tty.rows();
  print("bob: six");
  clock.pass(1000);
  assertEquals(await tty.rows(), [...before, "bob: six"]);
  await tty.type("rest");
  typed.close();
  print("bob: after");
  assertEquals((await tty.rows()).slice(-2), ["rest", "bob: after"]);
  assertEquals(clock.waiting, 0);
});

Deno.test("TypedLines: Ctrl-C interrupts, Ctrl-D in an empty line and a closed window end the input", async () => {
  const { tty, typed, read, interrupts } = setUp();
  await tty.type("x\x04\x03y\r");
  assertEquals([interrupts(), await read()], [1, "y\n"]);
  assertEquals(await tty.rows(), ["x^C", "y"]);
  // While lines wait for their reader, too.
  await tty.type("one\r\x03two\r");
  assertEquals([interrupts(), await read(4), await read()], [2, "one\n", "two\n"]);
  await tty.type("last\r\x04");
  assertEquals([await read(), await read()], ["last\n", null]);
  // As in any terminal, it goes on after that for a reader who does.
  await tty.type("more\r");
  assertEquals(await read(), "more\n");
  typed.close();
  const closed = setUp();
  closed.tty.typeLast(null);
  assertEquals(await closed.read(), null);
  closed.typed.close();
  await tty.drawn();
});

Deno.test("TypedLines: reads no keys while a megabyte of lines waits, and cuts lines that are too long", async () => {
  const { tty, typed, read } = setUp();
  const line = "x".repeat(512 * 1024);
  await tty.type(`${line}more\r`);
  let reads = 0;
  const reading = tty.read.bind(tty);
  tty.read = () => {
    reads++;
    return reading();
  };
  tty.typeLast(`${line}\r`);
  await tty.drawn();
  assertEquals(reads, 0);
  assertEquals(await read(2 * 1024 * 1024), `${line}\n${line}\n`);
  await tty.drawn();
  assertEquals(reads, 1);
  await tty.type("on\r");
  assertEquals(await read(), "on\n");
  typed.close();
  await tty.drawn();
});

Deno.test("TypedLines: Ctrl-Z suspends, and the line is repeated when the program is continued", async () => {
  const { tty, typed, read } = setUp();
  await tty.type("half\x1a");
  assertEquals([tty.suspensions, tty.raw], [1, false]);
  tty.term.write("$ fg\n");
  await tty.resume();
  assertEquals([tty.raw, await tty.rows()], [true, ["half", "$ fg", "half"]]);
  // Continued from outside.
  tty.setRaw(false);
  tty.term.write("\n$ fg\n");
  tty.continue();
  assertEquals([tty.raw, (await tty.rows()).slice(-2)], [true, ["$ fg", "half"]]);
  await tty.type("\x1a");
  await tty.resume(new ChatError("Cannot suspend: a test"));
  assertEquals((await tty.rows()).slice(-2), ["Cannot suspend: a test", "half"]);
  tty.suspend = undefined;
  await tty.type("\x1a!\r");
  assertEquals(await read(), "half!\n");
  typed.close();
  await tty.drawn();
});

Deno.test("TypedLines: a bug while reading reaches the reader", async () => {
  const { tty, typed, read } = setUp();
  tty.typeLast(new TypeError("a test"));
  let failure: unknown;
  await read().catch((error) => failure = error);
  assertEquals(failure instanceof TypeError, true);
  typed.close();
});
