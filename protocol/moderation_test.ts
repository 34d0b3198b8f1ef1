import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { concat } from "@std/bytes/concat";
import { fingerprint, Identity } from "../cipher/identity.ts";
import { Verifier } from "../cipher/verifier.ts";
import { ProtocolError } from "../errors.ts";
import { frameAt, MAX_BODY, MAX_TIME, Type } from "../protocol.ts";
import fc, { anyString } from "../tests/support/property.ts";
import {
  type Act,
  type BanBody,
  type Binding,
  encodeAct,
  encodeBans,
  encodeModerate,
  encodeNotice,
  isKeyText,
  MAX_ANNOUNCEMENT,
  MAX_BAN_SECONDS,
  MAX_REASON,
  moderateBytes,
  NO_RULES,
  type Notice,
  NOTICE_ACTIONS,
  parseAct,
  parseBans,
  parseModerate,
  parseNotice,
  parseRules,
  type Rules,
} from "./moderation.ts";
import { drawToken } from "./resume.ts";

const utf8 = new TextEncoder();
const MAX_U32 = 0xffff_ffff;
const json = (value: unknown) => utf8.encode(JSON.stringify(value));

function assertMalformed(fn: () => unknown, message?: string): void {
  const error = assertThrows(fn, ProtocolError, message);
  assertStrictEquals(error.code, "malformed", error.message);
}

// ---- values ----

const u32 = fc.integer({ min: 1, max: MAX_U32 });
const time = fc.nat({ max: MAX_TIME });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(fingerprint);
/** At most four bytes for each character. */
const reason = anyString({ maxLength: MAX_REASON / 4 });
const text = anyString({ maxLength: MAX_ANNOUNCEMENT / 4 });
const seconds = fc.integer({ min: 1, max: MAX_BAN_SECONDS });

/** One action of these, with the fields. */
function acts<A extends string, T>(
  actions: readonly A[],
  fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> },
  requiredKeys: (keyof T)[],
): fc.Arbitrary<unknown> {
  const action = fc.constantFrom(...actions);
  return fc.record({ action, ...fields }, {
    requiredKeys: ["action", ...requiredKeys] as never[],
    noNullPrototype: true,
  });
}

const anyAct = fc.oneof(
  acts(["prove", "bans"], {}, []),
  acts(["kick", "silence", "unsilence"], { member: u32, reason }, ["member"]),
  acts(["ban"], { member: u32, seconds, reason }, ["member"]),
  acts(["unban"], { ban: u32 }, ["ban"]),
  acts(["lock", "unlock"], { reason }, []),
  acts(["announce"], { text }, ["text"]),
  acts(["op", "deop"], { key }, ["key"]),
) as fc.Arbitrary<Act>;

const anyNotice = fc.oneof(
  acts(["kick", "silence", "unsilence"], { member: u32, reason }, ["member"]),
  acts(["ban"], { member: u32, ban: u32, until: time, reason }, ["member"]),
  acts(["unban"], { ban: u32 }, ["ban"]),
  acts(["lock", "unlock", "readonly", "writable", "drain", "close"], { reason }, []),
  acts(["announce", "topic"], { text }, ["text"]),
  acts(["op", "deop"], { key, member: u32 }, ["key"]),
) as fc.Arbitrary<Notice>;

const bans = fc.array(
  fc.record({
    ...{ ban: u32, member: fc.nat({ max: MAX_U32 }), by: fc.nat({ max: MAX_U32 }) },
    ...{ since: time, until: time, reason },
  }, { requiredKeys: ["ban", "member", "by", "since"], noNullPrototype: true }),
  { maxLength: 8 },
) as fc.Arbitrary<BanBody[]>;

const anyRules = fc.record({
  moderators: fc.array(key, { maxLength: 4 }),
  ...{ locked: fc.boolean(), readOnly: fc.boolean() },
  silenced: fc.array(u32, { maxLength: 4 }),
  topic: fc.record({ text, time }, { noNullPrototype: true }),
}, {
  requiredKeys: ["moderators", "locked", "readOnly", "silenced"],
  noNullPrototype: true,
}) as fc.Arbitrary<Rules>;

// ---- both directions ----

Deno.test("parseAct, parseNotice, parseBans, parseRules: return what was encoded", () => {
  fc.assert(fc.property(anyAct, (act) => assertEquals(parseAct(encodeAct(act)), act)));
  fc.assert(fc.property(fc.nat({ max: MAX_U32 }), anyNotice, (by, notice) => {
    const { type, id, body } = frameAt(encodeNotice(by, notice));
    assertEquals([type, id, parseNotice(body)], [Type.NOTICE, by, notice]);
  }));
  fc.assert(fc.property(u32, bans, (to, bans) => {
    const { type, id, body } = frameAt(encodeBans(to, bans));
    assertEquals([type, id, parseBans(body)], [Type.BANS, to, bans]);
  }));
  fc.assert(fc.property(anyRules, (rules) => {
    assertEquals(parseRules(JSON.parse(JSON.stringify(rules))), rules);
  }));
  assertEquals(parseRules({}), NO_RULES);
});

Deno.test("parseModerate: splits the body into what encodeModerate joined", () => {
  const bytes = (size: number) =>
    fc.uint8Array({ minLength: size, maxLength: size }).map((one) => new Uint8Array(one));
  fc.assert(fc.property(
    ...[bytes(32), bytes(64), fc.nat({ max: MAX_U32 }), anyAct] as const,
    (key, signature, number, act) => {
      const moderate = { key, signature, number, json: encodeAct(act) };
      const { type, id, body } = frameAt(encodeModerate(moderate));
      assertEquals([type, id], [Type.MODERATE, 0]);
      assertEquals(parseModerate(body), { ...moderate, act });
    },
  ));
});

Deno.test("parseModerate: a body that ends before its JSON is cut short; an empty JSON is none", () => {
  const { body } = frameAt(encodeModerate({
    ...{ key: new Uint8Array(32), signature: new Uint8Array(64), number: 7 },
    json: encodeAct({ action: "bans" }),
  }));
  for (let size = 0; size < 100; size++) {
    assertMalformed(() => parseModerate(body.subarray(0, size)), "it is cut short");
  }
  assertMalformed(() => parseModerate(body.subarray(0, 100)), "it is not JSON");
  for (let size = 101; size < body.length; size++) {
    assertMalformed(() => parseModerate(body.subarray(0, size)));
  }
  assertEquals(parseModerate(body).act, { action: "bans" });
});

// ---- what a signature is bound to ----

const BINDING: Binding = {
  sessionKey: new Uint8Array(64).fill(1),
  log: drawToken(),
  id: 2,
  nonce: drawToken(),
};
const BAN = encodeAct({ action: "ban", member: 7, seconds: 3600, reason: "spam" });

Deno.test("moderateBytes: each other login, log, member, connection, number and act gives other bytes", () => {
  const bytes = moderateBytes(BINDING, 3, BAN);
  const others = [
    moderateBytes({ ...BINDING, sessionKey: new Uint8Array(64).fill(2) }, 3, BAN),
    moderateBytes({ ...BINDING, log: drawToken() }, 3, BAN),
    moderateBytes({ ...BINDING, log: BINDING.nonce, nonce: BINDING.log }, 3, BAN),
    moderateBytes({ ...BINDING, id: 3 }, 3, BAN),
    moderateBytes({ ...BINDING, id: 3 }, 2, BAN),
    moderateBytes({ ...BINDING, nonce: drawToken() }, 3, BAN),
    moderateBytes(BINDING, 4, BAN),
    moderateBytes(BINDING, 3, encodeAct({ action: "ban", member: 7, seconds: 3600 })),
  ];
  for (const other of others) assertNotEquals(other, bytes);
  assertEquals(moderateBytes({ ...BINDING }, 3, BAN.slice()), bytes);
  // The lengths of all parts but the last are fixed, so no two bindings can have the same bytes.
  assertEquals(bytes.length - BAN.length, "chat/1 moderate".length + 32 + 16 + 4 + 16 + 4);
});

Deno.test("moderateBytes: rejects a log's name and a nonce that are not 16 bytes", () => {
  for (const bad of ["", "AAAA", `${drawToken()}AA`, "AAECAwQFBgcICQoLDA0OD*", "a".repeat(1024)]) {
    assertThrows(() => moderateBytes({ ...BINDING, log: bad }, 1, BAN), RangeError);
    assertThrows(() => moderateBytes({ ...BINDING, nonce: bad }, 1, BAN), RangeError);
  }
});

Deno.test("moderateBytes: a signature holds for exactly one frame", () => {
  const identity = Identity.generate();
  const signature = identity.sign(moderateBytes(BINDING, 3, BAN));
  const verifier = new Verifier(identity.publicKey);
  assert(verifier.verify(moderateBytes(BINDING, 3, BAN), signature));
  const changed = BAN.slice();
  changed[BAN.indexOf("7".charCodeAt(0))] = "8".charCodeAt(0);
  assertEquals(parseAct(changed), { action: "ban", member: 8, seconds: 3600, reason: "spam" });
  assert(!verifier.verify(moderateBytes(BINDING, 3, changed), signature));
  assert(!verifier.verify(moderateBytes(BINDING, 4, BAN), signature));
});

// ---- bounds ----

/** A text of this many bytes of UTF-8, most of them in characters of two bytes. */
const sized = (size: number) => "é".repeat(Math.floor(size / 2)) + "x".repeat(size % 2);

Deno.test("texts: a reason of 512 bytes and an announcement of 4096 are accepted, one byte more is not", () => {
  const reason = (size: number) => ({ reason: sized(size) });
  const acts = [
    ...["kick", "silence", "unsilence", "ban"].map((action) => ({ action, member: 1 })),
    ...["lock", "unlock"].map((action) => ({ action })),
  ];
  for (const act of acts) {
    const fits = { ...act, ...reason(MAX_REASON) };
    assertEquals(parseAct(json(fits)), fits as Act);
    assertMalformed(() => parseAct(json({ ...act, ...reason(MAX_REASON + 1) })), "reason must be");
    assertEquals(parseNotice(json(fits)), fits as Notice);
    assertMalformed(() => parseNotice(json({ ...act, ...reason(MAX_REASON + 1) })));
  }
  const announce = (size: number) => json({ action: "announce", text: sized(size) });
  for (const parse of [parseAct, parseNotice]) {
    assertEquals(parse(announce(MAX_ANNOUNCEMENT))?.action, "announce");
    assertMalformed(() => parse(announce(MAX_ANNOUNCEMENT + 1)), "text must be");
  }
  const ban = { ban: 1, member: 2, by: 3, since: 4 };
  const listed = (size: number) => json({ bans: [{ ...ban, ...reason(size) }] });
  assertEquals(parseBans(listed(MAX_REASON))[0]?.reason, sized(MAX_REASON));
  assertMalformed(() => parseBans(listed(MAX_REASON + 1)));
  const topic = (size: number) => ({ topic: { text: sized(size), time: 0 } });
  assertEquals(parseRules(topic(MAX_ANNOUNCEMENT)).topic?.text, sized(MAX_ANNOUNCEMENT));
  assertMalformed(() => parseRules(topic(MAX_ANNOUNCEMENT + 1)), "text must be");
});

/** Values that are no whole number of this range, as JSON. */
const badNumbers = (min: number, max: number) => [
  ...[`${min - 1}`, `${max + 1}`, "0.5", "1e999", "-1e999", `"1"`, "true", "[1]", "{}", "null"],
];

Deno.test("numbers: each is a whole number of its range", () => {
  const check = (
    parse: (bytes: Uint8Array) => unknown,
    template: string,
    min: number,
    max: number,
  ) => {
    const fill = (value: unknown) => utf8.encode(template.replace("?", `${value}`));
    for (const good of [min, max]) parse(fill(good));
    for (const bad of badNumbers(min, max)) {
      assertMalformed(() => parse(fill(bad)), `must be a whole number from ${min} to ${max}`);
    }
  };
  for (const action of ["kick", "ban", "silence", "unsilence"]) {
    for (const parse of [parseAct, parseNotice]) {
      check(parse, `{"action":"${action}","member":?}`, 1, MAX_U32);
    }
  }
  check(parseAct, `{"action":"ban","member":1,"seconds":?}`, 1, MAX_BAN_SECONDS);
  check(parseAct, `{"action":"unban","ban":?}`, 1, MAX_U32);
  check(parseNotice, `{"action":"unban","ban":?}`, 1, MAX_U32);
  check(parseNotice, `{"action":"ban","member":1,"ban":?}`, 1, MAX_U32);
  check(parseNotice, `{"action":"ban","member":1,"until":?}`, 0, MAX_TIME);
  const all = { ban: 1, member: 1, by: 1, since: 1, until: 1 };
  for (
    const [name, min, max] of [
      ["ban", 1, MAX_U32],
      ["member", 0, MAX_U32],
      ["by", 0, MAX_U32],
      ["since", 0, MAX_TIME],
      ["until", 0, MAX_TIME],
    ] as const
  ) {
    const template = JSON.stringify({ bans: [{ ...all, [name]: "?" }] }).replace('"?"', "?");
    check(parseBans, template, min, max);
  }
  const rules = (bytes: Uint8Array) => parseRules(JSON.parse(new TextDecoder().decode(bytes)));
  check(rules, `{"silenced":[?]}`, 1, MAX_U32);
  check(rules, `{"topic":{"text":"","time":?}}`, 0, MAX_TIME);
});

const KEY = fingerprint(Uint8Array.from({ length: 32 }, (_, at) => at));

Deno.test("keys: 43 characters of base64, and one text for each key", () => {
  assert(isKeyText(KEY));
  fc.assert(fc.property(key, (text) => assert(isKeyText(text))));
  const bad = [
    ...["", KEY.slice(1), `${KEY}A`, `${KEY}=`, ` ${KEY}`, `${KEY}\n`, KEY.replace("A", "-")],
    // The same bytes, for a decoder that ignores the last two bits.
    ...["9", "B", "/"].map((last) => KEY.slice(0, 42) + last),
  ];
  for (const text of bad) {
    assert(!isKeyText(text), JSON.stringify(text));
    for (const action of ["op", "deop"]) {
      assertMalformed(() => parseAct(json({ action, key: text })), "a key must be");
      assertMalformed(() => parseNotice(json({ action, key: text })), "a key must be");
    }
    assertMalformed(() => parseRules({ moderators: [text] }), "a key must be");
  }
  for (const value of [undefined, null, 7, [KEY], { key: KEY }]) {
    assertMalformed(() => parseAct(json({ action: "op", key: value })), "a key must be");
    assertMalformed(() => parseRules({ moderators: [value] }), "a key must be");
  }
});

// ---- hostile JSON ----

Deno.test("every parser: a body that is not a JSON object is malformed", () => {
  const bodies = [
    ...["", "null", "[]", "1", `"text"`, "{", `{"action":"bans",}`, `{"action":"bans"} {}`],
    `\ufeff{"action":"bans"}`,
    // As deep as a frame allows. It must not overflow the stack.
    "[".repeat(MAX_BODY),
    `{"a":`.repeat(MAX_BODY / 5),
  ].map((text) => utf8.encode(text));
  // Not UTF-8: a continuation byte, and a half of a surrogate pair.
  for (const bytes of [[0x80], [0xed, 0xa0, 0x80]]) {
    bodies.push(concat([
      utf8.encode(`{"action":"announce","text":"`),
      Uint8Array.from(bytes),
      utf8.encode(`"}`),
    ]));
  }
  for (const parse of [parseAct, parseNotice, parseBans]) {
    for (const body of bodies) assertMalformed(() => parse(body));
  }
});

Deno.test("every parser: any JSON gives a value or a ProtocolError", () => {
  const names = [...NOTICE_ACTIONS, "prove", "bans", "constructor", "toString", "__proto__"];
  const maybe = (value: fc.Arbitrary<unknown>) => fc.oneof(value, fc.jsonValue());
  const body = fc.record({
    action: maybe(fc.constantFrom(...names)),
    ...{ member: maybe(u32), ban: maybe(u32), seconds: maybe(seconds), until: maybe(time) },
    ...{ key: maybe(key), reason: maybe(reason), text: maybe(text) },
    ...{ bans: maybe(bans), moderators: maybe(fc.array(key)), silenced: maybe(fc.array(u32)) },
    ...{ locked: maybe(fc.boolean()), readOnly: maybe(fc.boolean()) },
    topic: maybe(fc.record({ text: maybe(text), time: maybe(time) })),
  }, { requiredKeys: [] });
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), body.map(json), fc.json().map(utf8Of));
  for (const parse of [parseAct, parseNotice, parseBans, parseRulesIn, parseModerateOf]) {
    fc.assert(fc.property(bytes, (bytes) => {
      try {
        parse(new Uint8Array(bytes));
      } catch (error) {
        assert(error instanceof ProtocolError, `${error}`);
      }
    }));
  }
});

const utf8Of = (text: string) => utf8.encode(text);

/** Rules are in WELCOME, whose JSON was parsed before. */
function parseRulesIn(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? parseRules(value as Record<string, unknown>) : undefined;
}

function parseModerateOf(json: Uint8Array): unknown {
  return parseModerate(concat([new Uint8Array(100), json]));
}

Deno.test("every parser: names that are special in JavaScript are names like others", () => {
  for (const action of ["constructor", "toString", "valueOf", "__proto__", "hasOwnProperty"]) {
    assertEquals(parseAct(json({ action })), undefined);
    assertEquals(parseNotice(json({ action })), { action });
  }
  const act = `{"action":"kick","member":1,"__proto__":{"reason":"spam"}}`;
  assertEquals(parseAct(utf8.encode(act)), { action: "kick", member: 1 });
  assertMalformed(() => parseAct(utf8.encode(`{"__proto__":{"action":"bans"}}`)));
});

Deno.test("a later version: other actions and fields are no fault; a text with a lone surrogate is one", () => {
  assertEquals(parseAct(json({ action: "promote", member: "all" })), undefined);
  assertEquals(parseAct(json({ action: "bans", since: 7 })), { action: "bans" });
  const notice = { action: "promote", member: 7 };
  assertEquals(parseNotice(json({ ...notice, rank: 1 })), notice);
  assertMalformed(() => parseAct(utf8.encode(`{"action":"announce","text":"a\\ud800b"}`)));
  for (const action of [undefined, null, 7, "x".repeat(33)]) {
    assertMalformed(() => parseAct(json({ action })), "action must be");
    assertMalformed(() => parseNotice(json({ action })), "action must be");
  }
});

Deno.test("parseNotice: each action has what it is about", () => {
  const whole = { member: 1, key: KEY, ban: 1, until: 1, reason: "why", text: "all" };
  const needed: Record<string, keyof typeof whole> = {
    ...{ kick: "member", ban: "member", silence: "member", unsilence: "member" },
    ...{ unban: "ban", announce: "text", topic: "text", op: "key", deop: "key" },
  };
  for (const action of NOTICE_ACTIONS) {
    assertEquals(parseNotice(json({ action, ...whole })), { action, ...whole });
    const field = needed[action];
    if (field === undefined) {
      assertEquals(parseNotice(json({ action })), { action });
    } else {
      const without = { ...whole, [field]: undefined };
      assertMalformed(() => parseNotice(json({ action, ...without })), `${action} needs ${field}`);
    }
  }
});

// ---- the list of bans ----

Deno.test("encodeBans: 256 bans with the longest reasons fit into a frame, if need be without these", () => {
  const list = (reason: string): BanBody[] =>
    Array.from({ length: 256 }, () => ({
      ...{ ban: MAX_U32, member: MAX_U32, by: MAX_U32, since: MAX_TIME, until: MAX_TIME },
      reason,
    }));
  const sent = (bans: BanBody[]) => parseBans(frameAt(encodeBans(1, bans)).body);
  const plain = list("x".repeat(MAX_REASON));
  assertEquals(sent(plain), plain);
  // In JSON each takes six bytes.
  const escaped = list("\x01".repeat(MAX_REASON));
  assertEquals(sent(escaped), escaped.map(({ reason: _, ...ban }) => ban));
});
