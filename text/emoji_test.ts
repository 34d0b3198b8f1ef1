import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { Emoji, typedName } from "./emoji.ts";

const EMOJI = new Emoji({
  thumbsup: "👍",
  "+1": "👍",
  tada: "🎉",
  taxi: "🚕",
  "100": "💯",
  x: "❌",
  "e-mail": "📧",
});

Deno.test("typedName: a colon and two characters at the start of a word", () => {
  const cases: [string, [from: number, name: string, complete: boolean] | undefined][] = [
    [":ta", [0, "ta", false]],
    ["yes :Ta", [4, "ta", false]],
    ["(:tada:", [1, "tada", true]],
    ["好:ta", [1, "ta", false]],
    ["one\n:+1", [4, "+1", false]],
    [":e-m", [0, "e-m", false]],
    // Too little: these are faces.
    [":", undefined],
    [":p", undefined],
    [":)", undefined],
    // Times, addresses, code.
    ["10:30", undefined],
    ["at 10:30:00", undefined],
    ["::", undefined],
    ["::tada", undefined],
    ["std::tada", undefined],
    ["localhost:8080", undefined],
    ["http://x/:tada", undefined],
    [":tada ", undefined],
    [":tada::", undefined],
  ];
  for (const [text, expected] of cases) {
    const found = typedName(text);
    assertEquals(found && [found.from, found.name, found.complete], expected, text);
  }
});

Deno.test("Emoji.starting: the shortest first, each emoji once", () => {
  assertEquals(EMOJI.starting("ta"), [{ name: "tada", emoji: "🎉" }, {
    name: "taxi",
    emoji: "🚕",
  }]);
  assertEquals(EMOJI.starting("").filter(({ emoji }) => emoji === "👍"), [
    { name: "+1", emoji: "👍" },
  ]);
  assertEquals(EMOJI.starting("nope"), []);
});

Deno.test("Emoji.replace: complete names become emoji; times, code and other text do not change", () => {
  const cases: [string, string][] = [
    [":tada:", "🎉"],
    ["yes :tada:, :+1:!", "yes 🎉, 👍!"],
    [":tada::x::tada:", "🎉❌🎉"],
    ["好:tada:好", "好🎉好"],
    ["(:100:) :e-mail:", "(💯) 📧"],
    ["*:tada:*", "*🎉*"],
  ];
  for (const [text, replaced] of cases) assertEquals(EMOJI.replace(text), replaced, text);
  const same = [
    "",
    "::",
    "10:30:00",
    "1:100:1",
    ":nope:",
    ":tada::nope:",
    ":tada",
    "a:tada:b",
    ":tada:b",
    "x :tada::",
    "std::tada::x",
    "http://x/:tada:",
    "`:tada:`",
    "a `b :tada: c` d",
    "``:x: a``",
    ":TADA:",
    // Probably pasted.
    "key: value\n:tada: field",
  ];
  for (const text of same) assertEquals(EMOJI.replace(text), text);
  // A single backtick does not begin code.
  assertEquals(EMOJI.replace("`:x:` :x: `:x:"), "`:x:` ❌ `❌");
});

Deno.test("Emoji: time is in proportion to the length of a text", () => {
  const begin = performance.now();
  for (const piece of [":", "`", ":a", ":x:", "`` ", ":tada: "]) {
    EMOJI.replace(":" + piece.repeat(100_000));
    typedName(":" + piece.repeat(100_000));
  }
  assertLess(performance.now() - begin, 5000);
});

Deno.test("Emoji.load: common names are known, and each name can be typed", async () => {
  const emoji = new Emoji();
  assertEquals(emoji.get("smile"), undefined);
  assertEquals(emoji.replace(":smile:"), ":smile:");
  await emoji.load();
  const known = { smile: "😄", tada: "🎉", "+1": "👍", thumbsup: "👍", heart: "❤️", rocket: "🚀" };
  for (const [name, symbol] of Object.entries(known)) assertEquals(emoji.get(name), symbol);
  assertGreaterOrEqual(emoji.starting("smi").length, 5);
  const { nameToEmoji } = await import("gemoji");
  for (const [name, symbol] of Object.entries(nameToEmoji)) {
    assertEquals(emoji.replace(`:${name}:`), symbol);
    assert(/\p{Emoji}/u.test(symbol), name);
  }
});
