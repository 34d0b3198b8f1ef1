import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc, { anyString } from "../tests/support/property.ts";
import { fitLength, parseKey, PAUSE_MS, Pieces, READ_SIZE, SILENCE_MS } from "./classic_wire.ts";
import { concat } from "@std/bytes/concat";
import { FakeTimer } from "../tests/support/fake_clock.ts";

const utf8 = new TextEncoder();
const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

Deno.test("parseKey: reads every key, in one piece and byte by byte, and leaves the bytes after it", () => {
  for (let key = 0; key <= 255; key++) {
    const text = utf8.encode(String(key));
    for (let count = 1; count < text.length; count++) {
      assertEquals(parseKey(text.subarray(0, count)).certain, false, `${key} ends after ${count}`);
    }
    const { length } = text;
    assertEquals(parseKey(text), { key, length, certain: key === 0 || key > 25 });
    for (const after of [0x00, 0x2f, 0x3a, 0xe8, 0xff]) {
      assertEquals(parseKey(concat([text, Uint8Array.of(after)])), { key, length, certain: true });
    }
  }
});

Deno.test("parseKey: waits without bytes, and finds no key without a first digit", () => {
  assertEquals(parseKey(new Uint8Array(0)), { key: undefined, length: 0, certain: false });
  for (const text of ["\0", "H", "-1", " 1", "/", ":"]) {
    assertEquals(parseKey(utf8.encode(text)), { key: undefined, length: 0, certain: true }, text);
  }
});

Deno.test("parseKey: a key is at most 255 and has no leading zero", () => {
  assertEquals(parseKey(utf8.encode("256")), { key: 25, length: 2, certain: true });
  assertEquals(parseKey(utf8.encode("300")), { key: 30, length: 2, certain: true });
  assertEquals(parseKey(utf8.encode("1985")), { key: 198, length: 3, certain: true });
  assertEquals(parseKey(utf8.encode("007")), { key: 0, length: 1, certain: true });
});

Deno.test("fitLength: cuts no character, whatever the limit", () => {
  for (const character of ["a", "é", "€", "🎉"]) {
    const size = utf8.encode(character).length;
    for (let front = 0; front <= 8; front++) {
      const bytes = utf8.encode("x".repeat(READ_SIZE - front) + character.repeat(9));
      const length = fitLength(bytes, READ_SIZE);
      assertLessOrEqual(length, READ_SIZE);
      assert(length > READ_SIZE - size, `${character} ${front}`);
      decode(bytes.subarray(0, length));
      decode(bytes.subarray(length));
    }
  }
  for (const size of [0, 1, READ_SIZE - 1, READ_SIZE]) {
    assertEquals(fitLength(new Uint8Array(size), READ_SIZE), size);
  }
});

/** Messages, and their pieces for a reader that keeps up. */
function speak(
  messages: readonly string[],
  options: { gather?: boolean; key?: string; crowded?: () => boolean } = {},
) {
  const timer = new FakeTimer();
  const left = messages.map((message) => utf8.encode(message));
  let woken = 0;
  const pieces = new Pieces({
    next: (atHand) => atHand && !options.gather ? undefined : left.shift(),
    seal: (piece) => piece.slice(),
    wake: () => woken++,
    after: timer.after,
    gather: options.gather ?? false,
    crowded: options.crowded ?? (() => false),
    ...(options.key !== undefined && { first: utf8.encode(options.key) }),
  });
  return { pieces, timer, left, woken: () => woken };
}

/** All pieces, after all their pauses. */
function all({ pieces, timer }: ReturnType<typeof speak>): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (;;) {
    const piece = pieces.take();
    if (!piece) return found;
    found.push(piece);
    assertEquals(pieces.take(), null, "It has not rested");
    timer.pass(PAUSE_MS);
  }
}

Deno.test("Pieces: splits messages of 1023, 1024 and 1025 bytes into one, one and two pieces", () => {
  for (const [size, sizes] of [[1023, [1023]], [1024, [1024]], [1025, [1024, 1]]] as const) {
    const found = all(speak(["x".repeat(size)]));
    assertEquals(found.map(({ length }) => length), [...sizes]);
  }
});

Deno.test("Pieces: pieces of any messages fit, cut no character, and contain all of the text", () => {
  const text = anyString({ minLength: 1, maxLength: 3000 });
  fc.assert(fc.property(fc.array(text, { maxLength: 5 }), fc.boolean(), (texts, gather) => {
    const messages = texts.map((one) => one.toWellFormed());
    const found = all(speak(messages, { gather }));
    for (const piece of found) assertLessOrEqual(piece.length, READ_SIZE);
    const said = found.map(decode).join("");
    if (!gather) return assertEquals(said, messages.join(""));
    let at = 0;
    for (const message of messages) {
      // After another message in the same piece, it begins a line.
      if (!said.startsWith(message, at)) assertEquals(said[at++], "\n");
      assert(said.startsWith(message, at));
      at += message.length;
    }
    assertEquals(at, said.length);
  }));
});

Deno.test("Pieces: sends each message alone, or joins waiting messages as lines", () => {
  assertEquals(all(speak(["a: 1", "b: 2", "c: 3"])).map(decode), ["a: 1", "b: 2", "c: 3"]);
  assertEquals(all(speak(["a: 1", "b: 2", "c: 3"], { gather: true })).map(decode), [
    "a: 1\nb: 2\nc: 3",
  ]);
  // No line is added that would have to be cut.
  const long = "x".repeat(1020);
  assertEquals(all(speak(["a: 1", long, "b"], { gather: true })).map(decode), [
    "a: 1",
    `${long}\nb`,
  ]);
});

Deno.test("Pieces: sends the key first and alone, then pauses", () => {
  const speech = speak(["a: 1"], { key: "198" });
  const { pieces, timer } = speech;
  assertEquals(decode(pieces.take()!), "198");
  assertEquals(pieces.take(), null);
  timer.pass(PAUSE_MS);
  assertEquals([pieces.take(), speech.woken()], [null, 0]);
  timer.pass(SILENCE_MS);
  assertEquals(speech.woken(), 1);
  assertEquals(decode(pieces.take()!), "a: 1");
});

Deno.test("Pieces: makes no pauses while a large backlog waits", () => {
  const speech = speak(["a", "b", "c"], { crowded: () => speech.left.length > 0 });
  const taken = Array.from({ length: 4 }, () => speech.pieces.take());
  assertEquals(taken.map((piece) => piece && decode(piece)), ["a", "b", "c", null]);
  assertEquals(speech.timer.count(PAUSE_MS), 1);
  speech.pieces.close();
  assertEquals([speech.timer.count(PAUSE_MS), speech.woken()], [0, 0]);
});

Deno.test("Pieces: makes no pauses at the end, and sends nothing after a key that may be unread", () => {
  const speech = speak(["a", "b"]);
  speech.pieces.take();
  speech.pieces.hurry();
  assertEquals(decode(speech.pieces.take()!), "b");
  assertEquals([speech.pieces.take(), speech.timer.count(PAUSE_MS)], [null, 0]);

  const early = speak(["a"], { key: "9" });
  early.pieces.take();
  early.pieces.hurry();
  assertEquals([early.pieces.take(), early.timer.count(SILENCE_MS)], [null, 0]);
});
