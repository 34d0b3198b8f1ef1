import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import { privateKey, XorCipher } from "../cipher.ts";
import { ExchangeKey } from "../cipher/exchange.ts";
import { Identity } from "../cipher/identity.ts";
import { EXPORT_KEY_SIZE, LOG_NAME_SIZE, SALT_SIZE, SealedCipher } from "../cipher/sealed.ts";
import { encodeFrame, encodeHave, MAX_BODY, PREFACE, Type, VERSION } from "../protocol.ts";
import { CHAIN_SIZE } from "../protocol/chain.ts";
import { encodeGreeting, encodeHello } from "../protocol/json_frames.ts";
import { encodeEnvelope, encodeProfile, type Envelope } from "../protocol/envelope.ts";
import { ORIGIN_SIZE } from "../protocol/message_ids.ts";
import { seededRandom } from "../tests/support/random.ts";
import fc from "../tests/support/property.ts";
import { conversation, LANGUAGES, SENTENCES } from "../tests/support/sentences.ts";
import { concat } from "@std/bytes/concat";
import { readTraffic } from "./captured.ts";
import { crack, type Finding, MAX_TRAFFIC, reveal } from "./crack.ts";
import { explain, failure, listCandidates, preview } from "./crack_report.ts";

// ---- helpers ----

const utf8 = new TextEncoder();
/** Keys with which the classic program fails, and keys at the ends of the range. */
const KEYS = [0, 9, 10, 198, 255];
const TALK = "So it starts!Right?Yep!Here we go!";

function xor(text: string | Uint8Array, publicKey: number): Uint8Array<ArrayBuffer> {
  return new XorCipher(publicKey).seal(typeof text === "string" ? utf8.encode(text) : text);
}

function find(bytes: Uint8Array): Finding {
  return crack(readTraffic(bytes));
}

/** The key and the text, after asserting that the key was found. */
function opened(bytes: Uint8Array): { key: number; text: string } {
  const traffic = readTraffic(bytes);
  const finding = crack(traffic);
  assertStrictEquals(finding.verdict, "found", preview(traffic, finding.candidates[0]!));
  const [best] = finding.candidates;
  return { key: best!.publicKey, text: reveal(traffic, best!).texts.join("\n") };
}

function noise(length: number, random: (limit: number) => number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random(256));
}

type Said = Exclude<Envelope, { kind: "unknown" }>;

/** The frames that a server sends to Grace under a key, as in `docs/protocol.md`. */
function framed(publicKey: number, said: readonly (readonly [from: number, said: Said])[]) {
  const profile = (name: string) => xor(encodeProfile({ name }), publicKey);
  return [
    encodeGreeting({ version: VERSION, cipher: "xor", key: `${publicKey}`, maxFrame: 262144 }),
    encodeFrame(Type.MEMBER, 1, profile("Ada")),
    encodeFrame(Type.JOINED, 2, profile("Grace")),
    ...said.map(([from, said]) =>
      encodeFrame(Type.MESSAGE, from, xor(encodeEnvelope(said), publicKey))
    ),
  ];
}

const text = (text: string, seq?: number): Said => ({
  kind: "text",
  text,
  ...(seq !== undefined &&
    { number: { origin: new Uint8Array(ORIGIN_SIZE).fill(0xe5), seq, replay: false } }),
});

// ---- runs ----

Deno.test("crack: finds the classic conversation under 0, 9, 10, 198 and 255, with and without the announced key", () => {
  for (const key of KEYS) {
    assertEquals(opened(xor(TALK, key)), { key, text: TALK });
    assertEquals(opened(concat([utf8.encode(`${key}`), xor(TALK, key)])), { key, text: TALK });
  }
});

Deno.test("crack: finds every key in each language, even if the capture starts within a word", () => {
  const random = seededRandom(2428, 0, 0);
  for (let key = 0; key < 256; key++) {
    for (const language of LANGUAGES) {
      const bytes = conversation(language, 48, random);
      const begin = bytes.findIndex((byte, i) => i > 3 && byte >> 6 !== 0b10);
      const part = bytes.subarray(begin);
      const expected = new TextDecoder().decode(part);
      assertEquals(opened(xor(part, key)), { key, text: expected }, expected);
    }
  }
});

Deno.test("crack: finds any key of any conversation of 40 bytes or more", () => {
  const anything = fc.record({
    key: fc.nat({ max: 255 }),
    language: fc.constantFrom(...LANGUAGES),
    length: fc.integer({ min: 40, max: 400 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(anything, ({ key, language, length, seed }) => {
      const bytes = conversation(language, length, seededRandom(seed, 0, 0));
      assertStrictEquals(opened(xor(bytes, key)).key, key);
    }),
    { numRuns: 300 },
  );
});

Deno.test("crack: returns accented letters, other scripts and emoji intact", () => {
  for (
    const said of [
      "Größe, Übermaß und süße Äpfel für alle Mädchen",
      "À l'œuvre, élève zélé : ça a été goûté à Noël",
      "Привет! Как дела? Мы сегодня идём в кино вечером.",
      "Καλημέρα σε όλους, τι κάνετε σήμερα το πρωί;",
      "今天下午三点开会 ok? 请大家 准时 到, thanks a lot!",
      "see you 🎉🎉 tomorrow – “really” 👩‍👩‍👧",
      "PLEASE ANSWER ME, IS ANYBODY STILL THERE?",
    ]
  ) {
    for (const key of KEYS) assertEquals(opened(xor(said, key)), { key, text: said });
  }
});

Deno.test("crack: replaces a character that the capture has cut", () => {
  const bytes = utf8.encode("é Schöne Grüße an alle, bis morgen früh um halb zehn ü");
  const torn = bytes.subarray(1, bytes.length - 1);
  const { key, text } = opened(xor(torn, 9));
  assertStrictEquals(key, 9);
  assertMatch(text, /^\ufffd Schöne .* zehn \ufffd$/);
});

Deno.test("crack: shows control characters in visible form", () => {
  const said = "a line of text that is \x1b[2J\x07 not nice\nand another, which ends\r\n";
  for (const bytes of [xor(said, 198), concat(framed(198, [[2, text(said)]]))]) {
    const { text } = opened(bytes);
    assertMatch(text, /is ␛\[2J␇ not nice\n *and another/);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f]/.test(text));
  }
  const traffic = readTraffic(xor(said, 198));
  const list = listCandidates(traffic, crack(traffic), 256);
  assertEquals(list.split("\n").length, 256 + 1);
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f]/.test(list));
});

Deno.test("crack: treats the announced number of another key as noise", () => {
  const { key, text } = opened(concat([utf8.encode("77"), xor(TALK.repeat(2), 198)]));
  assertStrictEquals(key, 198);
  assert(text.endsWith(TALK));
});

// ---- no key ----

Deno.test("crack: does not mistake noise of any length for text", () => {
  const random = seededRandom(2428, 1, 0);
  for (let run = 0; run < 500; run++) {
    const finding = find(noise(1 + random(run % 2 === 0 ? 40 : 2000), random));
    assert(finding.verdict === "none" || finding.verdict === "unsure", finding.verdict);
    if (finding.tried >= 24) assertStrictEquals(finding.verdict, "none");
  }
});

Deno.test("crack: does not mistake repeated bytes and patterns for text", () => {
  for (let byte = 0; byte < 256; byte++) {
    assertStrictEquals(find(new Uint8Array(1000).fill(byte)).verdict, "none", `${byte}`);
  }
  const pattern = Uint8Array.from({ length: 4000 }, (_, i) => [0, 1, 0, 4][i % 4]!);
  assertStrictEquals(find(pattern).verdict, "none");
});

Deno.test("crack: finds no key of a sealed room, and reports that it looks like one", () => {
  const cipher = new SealedCipher({
    exportKey: new Uint8Array(EXPORT_KEY_SIZE).fill(7),
    identity: new Identity(new Uint8Array(32).fill(1)),
    seat: { log: new Uint8Array(LOG_NAME_SIZE), id: 1 },
    report: () => ({ position: 0, chain: new Uint8Array(CHAIN_SIZE) }),
    now: () => Date.UTC(2026, 0, 31, 12),
    salt: new Uint8Array(SALT_SIZE).fill(1),
    exchange: new ExchangeKey(new Uint8Array(32).fill(1)),
  });
  const greeting = encodeGreeting({ version: VERSION, cipher: "sealed", maxFrame: 262144 });
  const frames = [
    greeting,
    encodeFrame(Type.JOINED, 1, cipher.seal(encodeProfile({ name: "Ada" }), "profile")),
    ...SENTENCES.English.map((said) =>
      encodeFrame(Type.MESSAGE, 1, cipher.seal(encodeEnvelope(text(said)), "room"))
    ),
  ];
  for (const bytes of [concat(frames), concat(frames.slice(1))]) {
    const traffic = readTraffic(bytes);
    assertStrictEquals(traffic.kind, "frames");
    const finding = crack(traffic);
    assertStrictEquals(finding.verdict, "none");
    const { message, hint } = failure(traffic, finding)!;
    assertMatch(message, /none of the 256 keys gives text, as with a sealed room$/);
    assertStrictEquals(
      /greeting says that the room is sealed/.test(hint!),
      bytes[4] === Type.GREETING,
    );
  }
});

Deno.test("crack: reports its confidence for little text, and claims no key", () => {
  for (const said of ["a", "Yo", "hm?"]) {
    const traffic = readTraffic(xor(said, 198));
    const finding = crack(traffic);
    assertStrictEquals(finding.verdict, "unsure", said);
    assertMatch(
      failure(traffic, finding)!.message,
      /^Cannot find the key: \d bytes? (is|are) too few; the most likely key, \d+, is \d+\.\d % certain$/,
    );
  }
  // In ten bytes a key is found sometimes, and then it is the right one.
  const random = seededRandom(2428, 2, 0);
  let found = 0;
  for (let run = 0; run < 300; run++) {
    const key = random(256);
    const { verdict, candidates } = find(
      xor(conversation(LANGUAGES[run % 3]!, 10, random), key),
    );
    if (verdict !== "found") continue;
    assertStrictEquals(candidates[0]!.publicKey, key);
    found++;
  }
  assert(found > 150);
  assertLess(found, 300);
});

Deno.test("crack: reports an empty input, and frames without encrypted parts", () => {
  const nothing = readTraffic(new Uint8Array(0));
  assertMatch(failure(nothing, crack(nothing))!.message, /the input is empty$/);
  const empty = readTraffic(concat([PREFACE, encodeHave(0), encodeFrame(Type.PING, 0)]));
  assertMatch(failure(empty, crack(empty))!.message, /nothing is encrypted in 2 frames$/);
});

Deno.test("crack: ranks all keys, and their confidences sum to at most 1", () => {
  const { candidates } = find(xor(TALK, 198));
  assertEquals(candidates.map(({ publicKey }) => publicKey).sort((a, b) => a - b), [
    ...Array(256).keys(),
  ]);
  for (const [i, { publicKey, privateKey: key, bits }] of candidates.entries()) {
    assertStrictEquals(key, privateKey(publicKey));
    if (i > 0) assertLessOrEqual(bits, candidates[i - 1]!.bits);
  }
  const sum = candidates.reduce((sum, { confidence }) => sum + confidence, 0);
  assert(sum > 0.99 && sum <= 1 + 1e-9, `${sum}`);
});

Deno.test("crack: gives noise no evidence on average, since the model's probabilities sum to at most 1", () => {
  // One byte under all keys is every byte once, so the mean of 2 ** bits is the sum of the probabilities.
  for (const bytes of [[0], [0x41], [0xff]]) {
    const { candidates } = find(Uint8Array.from(bytes));
    const mean = candidates.reduce((sum, { bits }) => sum + 2 ** bits, 0) / 256;
    assertLessOrEqual(mean, 1 + 1e-9);
    assert(mean > 0.9);
  }
});

// ---- frames ----

Deno.test("crack: decrypts the bodies of frames, and shows names and messages line by line", () => {
  for (const key of KEYS) {
    for (const numbered of [false, true]) {
      const n = (seq: number) => numbered ? seq : undefined;
      const said: [number, Said][] = [
        [1, text("So it starts!", n(1))],
        [2, text("Right?\nOr not?", n(1))],
        [1, { kind: "action", text: "nods" }],
      ];
      const frames = framed(key, said);
      const direct = xor(encodeEnvelope(text("Coffee?", n(2))), key);
      frames.push(encodeFrame(Type.DIRECT, 2, direct), encodeFrame(Type.MESSAGE, 7, direct));
      assertEquals(opened(concat(frames)), {
        key,
        text:
          "Ada: So it starts!\nGrace: Right?\n  Or not?\n* Ada nods\n(direct) Grace: Coffee?\n#7: Coffee?",
      });
    }
  }
});

Deno.test("crack: needs no greeting, skips a cut last frame, and stops at a fault", () => {
  const frames = framed(9, [[1, text("So it starts!")], [2, text("Right?")], [1, text("Yep!")]]);
  const bytes = concat(frames.slice(1));
  const all = "Ada: So it starts!\nGrace: Right?\nAda: Yep!";
  assertEquals(opened(bytes), { key: 9, text: all });
  assertEquals(opened(bytes.subarray(0, -1)), { key: 9, text: all.replace("\nAda: Yep!", "") });
  const broken = concat([bytes, new Uint8Array(50).fill(0xaa)]);
  assertEquals(opened(broken), { key: 9, text: all });
  const traffic = readTraffic(broken);
  assertMatch(
    explain(traffic, crack(traffic)).join("\n"),
    /skipped at the end, not a complete frame: 50 bytes/,
  );
});

Deno.test("crack: shows the name and the receivers in a client's frames", () => {
  const seal = (said: Said) => xor(encodeEnvelope(said), 198);
  const client = [
    PREFACE,
    encodeHello({ version: VERSION }),
    encodeFrame(Type.PROFILE, 0, xor(encodeProfile({ name: "Grace" }), 198)),
    encodeFrame(Type.MESSAGE, 0, seal(text("Here we go!"))),
    encodeFrame(Type.MESSAGE, 1, seal(text("Coffee?"))),
  ];
  assertEquals(opened(concat(client)), {
    key: 198,
    text: "Grace: Here we go!\n(direct) Grace: Coffee?",
  });
  // Mixed with the server's frames, the receiver of the last one is unknown, and the report says so.
  const both = concat([...client, ...framed(198, [[2, text("Here we go!")]])]);
  assertEquals(opened(both).text, "Grace: Here we go!\n#1: Coffee?\nGrace: Here we go!");
  const traffic = readTraffic(both);
  assertMatch(explain(traffic, crack(traffic)).join("\n"), /the capture has both directions/);
});

Deno.test("crack: finds text among file messages, and counts those", () => {
  const random = seededRandom(2428, 3, 0);
  const chunk = (): Said => ({ kind: "file", body: noise(5000, random) });
  const said: [number, Said][] = Array.from({ length: 300 }, () => [1, chunk()]);
  said.push([2, text("Thanks, it is all here now.")]);
  const traffic = readTraffic(concat(framed(198, said.toReversed())));
  const finding = crack(traffic);
  assertStrictEquals(finding.verdict, "found");
  assertEquals(finding.candidates[0]!.publicKey, 198);
  assertEquals(reveal(traffic, finding.candidates[0]!), {
    texts: ["Grace: Thanks, it is all here now."],
    others: 300,
  });
  // Files alone look like noise without the profiles.
  const files = framed(198, said.slice(0, 300)).filter((frame) => frame[4] === Type.MESSAGE);
  assertStrictEquals(find(concat(files)).verdict, "none");
});

Deno.test("readTraffic: accepts runs that begin like a frame, and any other bytes", () => {
  // Under these keys the first byte is 0, as in a frame.
  for (const said of [TALK, `aa${TALK}`, `SSS${TALK}`]) {
    const key = (utf8.encode(said)[0]! + 10) & 0xff;
    assertEquals(opened(xor(said, key)), { key, text: said });
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
    const traffic = readTraffic(bytes);
    const finding = crack(traffic);
    for (const candidate of finding.candidates.slice(0, 3)) {
      reveal(traffic, candidate);
      preview(traffic, candidate);
    }
    if (finding.verdict === "found") explain(traffic, finding);
    else assert(failure(traffic, finding));
  }));
});

Deno.test("readTraffic: reads frames up to the largest size, and a preface alone", () => {
  const long = "All of it in one piece. ".repeat(20_000).slice(0, MAX_BODY - 1);
  const { key, text: found } = opened(concat(framed(10, [[1, text(long)], [2, text("ok")]])));
  assertStrictEquals(key, 10);
  assertStrictEquals(found, `Ada: ${long}\nGrace: ok`);
  assertEquals(readTraffic(PREFACE), { kind: "frames", frames: [], preface: true, unread: 0 });
});

Deno.test("crack: tries the keys on a sample of the largest input, and decrypts all of it", () => {
  const bytes = xor(
    new Uint8Array(MAX_TRAFFIC).map((_, i) => TALK.charCodeAt(i % TALK.length)),
    255,
  );
  const { tried } = find(bytes);
  assertLessOrEqual(tried, 64 * 1024);
  assertStrictEquals(opened(bytes).text.length, MAX_TRAFFIC);
});

// ---- the report ----

Deno.test("explain: names the number of keys and bytes, the evidence, the private key, and the announced key", () => {
  const traffic = readTraffic(concat([utf8.encode("198"), xor(TALK, 198)]));
  const [tried, evidence, why, announced, ...rest] = explain(traffic, crack(traffic));
  assertStrictEquals(tried, "all 256 keys were tried on 37 bytes");
  assertMatch(
    evidence!,
    /^198 gives text, with \d+ bits of evidence; .*, 199, has \d+ bits: .*99\.9 %/,
  );
  assertStrictEquals(why, "each byte was XORed with 188, the private key of 198");
  assertMatch(announced!, /^the server also sent this key in clear/);
  assertEquals(rest, []);
  const frames = readTraffic(concat(framed(198, [[1, text("So it starts!")]])));
  assertMatch(explain(frames, crack(frames)).join("\n"), /sealed in 4 frames\n[^]*in clear/);
  const alone = readTraffic(xor(TALK, 198));
  assertEquals(explain(alone, crack(alone)).length, 3);
});

Deno.test("listCandidates: lists one key per line, the most likely first", () => {
  const traffic = readTraffic(xor(TALK, 198));
  const list = listCandidates(traffic, crack(traffic), 3);
  assertMatch(
    list,
    /^198 +\d+ bits +99\.9 % {2}So it starts!Right\?Yep!Here we go!\n199 [^\n]*\n[^\n]*\n$/,
  );
});
