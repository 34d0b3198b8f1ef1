import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { ProtocolError } from "../errors.ts";
import {
  checkProfile,
  encodeFrame,
  ERROR_CODES,
  type ErrorCode,
  FrameDecoder,
  HEADER_SIZE,
  LENGTH_SIZE,
  MAX_BODY,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  MAX_PROFILE,
  readU32,
  Type,
  VERSION,
} from "../protocol.ts";
import type { Cost } from "./cost.ts";
import { toBase64Url } from "./resume.ts";
import { NO_RULES, type Rules } from "./moderation.ts";
import fc from "../tests/support/property.ts";
import {
  encodeError,
  encodeGreeting,
  encodeHello,
  encodeLogin,
  encodeResume,
  encodeSeat,
  encodeWarning,
  encodeWelcome,
  type Greeting,
  parseError,
  parseGreeting,
  parseHello,
  parseLogin,
  parseSeat,
  parseWelcome,
  type Welcome,
} from "./json_frames.ts";

const utf8 = new TextEncoder();

function assertRefused(fn: () => unknown, code: ErrorCode): void {
  const error = assertThrows(fn, ProtocolError);
  assertStrictEquals(error.code, code, error.message);
}

/** The body of an encoded frame. */
function bodyOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(HEADER_SIZE);
}

const BUDGET = { frames: 20, frameBurst: 200, bytes: 65_536, byteBurst: 524_288 };
/** The last millisecond since 1970 that a `Date` can hold. */
const MAX_TIME = 8_640_000_000_000_000;
const GREETING = { version: VERSION, cipher: "xor", key: "198", maxFrame: MAX_FRAME } as const;

/** OPAQUE messages as they appear in JSON. */
const opaqueMessage = fc.stringMatching(/^[A-Za-z0-9_-]{1,600}$/);

Deno.test("every JSON body: parsing returns the encoded value", () => {
  const u32 = fc.nat({ max: 0xffffffff });
  const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const sentence = fc.string({ unit: "grapheme", maxLength: 100 });
  fc.assert(fc.property(fc.nat({ max: 255 }), (key) => {
    const greeting = { ...GREETING, key: `${key}` };
    assertEquals(parseGreeting(bodyOf(encodeGreeting(greeting))), greeting);
  }));
  assertEquals(parseHello(bodyOf(encodeHello({ version: VERSION }))), { version: VERSION });
  const maxFrame = fc.integer({ min: MAX_FRAME_BEFORE_ADMISSION, max: 2 ** 31 });
  fc.assert(fc.property(maxFrame, (maxFrame) => {
    const greeting = { version: VERSION, cipher: "sealed", maxFrame } as const;
    assertEquals(parseGreeting(bodyOf(encodeGreeting(greeting))), greeting);
  }));
  fc.assert(fc.property(opaqueMessage, fc.nat({ max: 0xffff }), (message, tries) => {
    for (const more of [{ proof: message }, { ticket: message }]) {
      const hello = { version: VERSION, ...more };
      assertEquals(parseHello(bodyOf(encodeHello(hello))), hello);
    }
    for (const login of [{ message }, { message, tries }, { message, ticket: message }]) {
      assertEquals(parseLogin(bodyOf(encodeLogin(login))), login);
    }
  }));
  const rate = fc.integer({ min: 1, max: 2 ** 31 });
  const budgets = fc.record({ frames: rate, frameBurst: rate, bytes: rate, byteBurst: rate });
  const state = fc.constantFrom("open", "locked", "full");
  const time = fc.nat({ max: MAX_TIME });
  const more = fc.record({ budget: budgets, state, time }, { requiredKeys: [] });
  const nonces = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBase64Url);
  fc.assert(fc.property(nonces, opaqueMessage, more, (nonce, record, more) => {
    const sealed = { version: VERSION, cipher: "sealed", nonce, maxFrame: MAX_FRAME } as const;
    const recorded = { ...sealed, record };
    for (const greeting of [sealed, { ...recorded, ...more }, { ...GREETING, ...more }]) {
      assertEquals(parseGreeting(bodyOf(encodeGreeting(greeting))), greeting);
    }
  }));
  fc.assert(fc.property(opaqueMessage, position, position, (token, room, own) => {
    for (const resume of [{ token, room, own }, { token, room, own, proof: token }]) {
      const hello = { version: VERSION, resume };
      assertEquals(parseHello(bodyOf(encodeResume(resume))), hello);
    }
  }));
  fc.assert(fc.property(u32, opaqueMessage, position, opaqueMessage, (id, log, room, chain) => {
    for (const seat of [{ log, room }, { log, room, chain }]) {
      const frame = encodeSeat(id, seat);
      assertEquals([parseSeat(bodyOf(frame)), readU32(frame, LENGTH_SIZE + 1)], [seat, id]);
    }
  }));
  const text = fc.option(opaqueMessage, { nil: undefined });
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) =>
    new Uint8Array(bytes).toBase64({ omitPadding: true })
  );
  const id = fc.integer({ min: 1, max: 0xffffffff });
  const topic = fc.record({ text: sentence, time });
  const rules = fc.oneof(
    fc.constant(NO_RULES),
    fc.record({
      moderators: fc.array(key, { maxLength: 3 }),
      locked: fc.boolean(),
      readOnly: fc.boolean(),
      silenced: fc.array(id, { maxLength: 3 }),
      topic,
    }),
  );
  const welcomes = fc.record({
    rules,
    servers: fc.array(fc.constantFrom("192.0.2.7:2428", "[2001:db8::7]:1", "a-b.example:65535"), {
      maxLength: 8,
    }),
    room: position,
    own: position,
    members: u32,
    accepted: position,
    said: position,
    chain: text,
    token: text,
    grace: position,
    left: fc.option(
      fc.record({
        frames: fc.integer({ min: 0, max: 2 ** 31 }),
        bytes: fc.integer({ min: 0, max: 2 ** 31 }),
      }),
      { nil: undefined },
    ),
  });
  fc.assert(fc.property(u32, welcomes, (id, { rules, servers, ...welcome }) => {
    const parse = (more: Partial<Welcome>) =>
      parseWelcome(bodyOf(encodeWelcome(id, { ...welcome, ...more })));
    assertEquals(parse({ rules, servers }), { ...welcome, rules, servers });
    assertEquals(parse({}), { ...welcome, rules: NO_RULES, servers: [] });
  }));
  fc.assert(fc.property(fc.constantFrom(...ERROR_CODES), sentence, (code, message) => {
    const error = { code, message };
    assertEquals(parseError(bodyOf(encodeError(code, message))), error);
    assertEquals(parseError(bodyOf(encodeWarning(code, message)), "WARNING"), error);
  }));
});

const parsers = { parseGreeting, parseLogin, parseHello, parseSeat, parseWelcome, parseError };

Deno.test("every parser: any bytes and any JSON give a value or a ProtocolError", () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((json) => utf8.encode(json)),
    fc.record({
      version: fc.oneof(fc.constant(VERSION), fc.jsonValue()),
      cipher: fc.oneof(fc.constantFrom("xor", "sealed"), fc.jsonValue()),
      key: fc.oneof(fc.constant("198"), fc.jsonValue()),
      maxFrame: fc.oneof(fc.constant(MAX_FRAME), fc.jsonValue()),
      record: fc.oneof(opaqueMessage, fc.jsonValue()),
      state: fc.oneof(fc.constantFrom("open", "locked", "full"), fc.jsonValue()),
      time: fc.oneof(fc.nat(), fc.jsonValue()),
      chain: fc.oneof(opaqueMessage, fc.jsonValue()),
      room: fc.jsonValue(),
      own: fc.jsonValue(),
      members: fc.jsonValue(),
      code: fc.jsonValue(),
      message: fc.oneof(opaqueMessage, fc.jsonValue()),
      proof: fc.oneof(opaqueMessage, fc.jsonValue()),
      tries: fc.jsonValue(),
      nonce: fc.oneof(opaqueMessage, fc.jsonValue()),
      budget: fc.oneof(fc.constant(BUDGET), fc.jsonValue()),
      resume: fc.oneof(
        fc.record({ token: fc.jsonValue(), room: fc.jsonValue(), own: fc.nat() }),
        fc.record({ token: opaqueMessage, room: fc.nat(), own: fc.nat(), proof: fc.jsonValue() }),
        fc.jsonValue(),
      ),
      accepted: fc.jsonValue(),
      said: fc.jsonValue(),
      log: fc.oneof(opaqueMessage, fc.jsonValue()),
      token: fc.jsonValue(),
      grace: fc.jsonValue(),
      moderators: fc.jsonValue(),
      silenced: fc.oneof(fc.array(fc.nat()), fc.jsonValue()),
      topic: fc.oneof(fc.record({ text: fc.jsonValue(), time: fc.jsonValue() }), fc.jsonValue()),
    }, { requiredKeys: [] }).map((value) => utf8.encode(JSON.stringify(value))),
  );
  for (const parse of Object.values(parsers)) {
    fc.assert(fc.property(body, (bytes) => {
      try {
        parse(bytes);
      } catch (error) {
        assert(error instanceof ProtocolError, `${error}`);
      }
    }));
  }
});

Deno.test("every parser: a body that is not a JSON object is malformed", () => {
  const bodies = [
    utf8.encode(""),
    utf8.encode("null"),
    utf8.encode("[]"),
    utf8.encode("1"),
    utf8.encode(`"text"`),
    utf8.encode("{"),
    utf8.encode(`{"version":1,}`),
    utf8.encode(`{"version":1} {}`),
    utf8.encode(`\ufeff{"version":1}`),
    // As deep as a frame allows. It must not overflow the stack.
    utf8.encode("[".repeat(MAX_BODY)),
    utf8.encode(`{"a":`.repeat(MAX_BODY / 5)),
    // Not UTF-8: a lone continuation byte, an overlong "{", a half of a surrogate pair.
    concat([utf8.encode(`{"a":"`), Uint8Array.of(0x80), utf8.encode(`"}`)]),
    Uint8Array.of(0xc1, 0xbb),
    concat([utf8.encode(`{"a":"`), Uint8Array.of(0xed, 0xa0, 0x80), utf8.encode(`"}`)]),
  ];
  for (const parse of Object.values(parsers)) {
    for (const body of bodies) assertRefused(() => parse(body), "malformed");
  }
});

Deno.test("every parser: ignores an unknown field with the deepest nesting that fits into a frame", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const hello = parseHello(utf8.encode(`{"version":1,"more":${deep}}`));
  assertEquals(hello, { version: 1 });
});

Deno.test("every parser: treats keys that are special in JavaScript like other keys", () => {
  assertRefused(() => parseHello(utf8.encode(`{"__proto__":{"version":1}}`)), "malformed");
  const hello = parseHello(utf8.encode(`{"version":1,"__proto__":{"proof":"QQ"}}`));
  assertEquals(hello, { version: 1 });
  assertStrictEquals(({} as { proof?: string }).proof, undefined);
});

Deno.test("every parser: the last of two equal keys counts", () => {
  assertRefused(() => parseHello(utf8.encode(`{"version":1,"version":2}`)), "version");
  assertStrictEquals(parseHello(utf8.encode(`{"version":2,"version":1}`)).version, 1);
});

/** Invalid values of every numeric field, as JSON. */
const BAD_NUMBERS = [
  "-1",
  "0.5",
  "1e999",
  "-1e999",
  "9007199254740992",
  `"1"`,
  "null",
  "true",
  "[1]",
  "{}",
] as const;

Deno.test("parseGreeting: checks each field", () => {
  const refuse = (change: string, code: ErrorCode = "malformed") => {
    const json = JSON.stringify(GREETING).replace(/}$/, `,${change}}`);
    assertRefused(() => parseGreeting(utf8.encode(json)), code);
  };
  for (const number of [...BAD_NUMBERS, "0", "-0", "65536"]) {
    refuse(`"version":${number}`);
    refuse(`"maxFrame":${number.replace("65536", "2147483649")}`);
  }
  refuse(`"version":2`, "version");
  refuse(`"version":65535`, "version");
  for (const cipher of ["", "Sealed", "sealed ", "xor,sealed", "rot13"]) {
    refuse(`"cipher":"${cipher}"`);
  }
  for (const cipher of ["null", "1", `["sealed"]`, "{}"]) refuse(`"cipher":${cipher}`);
  refuse(`"cipher":["xor"]`);
  for (const key of ["", "256", "999", "1000", "-1", "1.5", " 1", "1\\n", "0x10", "１９８"]) {
    refuse(`"key":"${key}"`);
  }
  refuse(`"key":198`);
  refuse(`"key":null`);
  refuse(`"maxFrame":${MAX_FRAME_BEFORE_ADMISSION - 1}`);
  for (const state of [`""`, `"Open"`, `"open "`, "null", "1", "true", `["open"]`, "{}"]) {
    refuse(`"state":${state}`);
  }
  for (const time of [...BAD_NUMBERS, "8640000000000001"]) refuse(`"time":${time}`);
  for (const field of Object.keys(GREETING)) {
    assertRefused(
      () => parseGreeting(utf8.encode(JSON.stringify({ ...GREETING, [field]: undefined }))),
      "malformed",
    );
  }
});

Deno.test("parseGreeting: ignores the fields of a later server", () => {
  const greeting = parseGreeting(utf8.encode(JSON.stringify({ ...GREETING, more: [1] })));
  assertEquals(greeting, GREETING);
});

Deno.test("parseGreeting: accepts each state and any time that a Date can hold, or none", () => {
  for (
    const more of [{ state: "open" }, { state: "locked" }, { state: "full", time: 0 }, {
      time: MAX_TIME,
    }]
  ) {
    const greeting = { ...GREETING, ...more };
    assertEquals(parseGreeting(utf8.encode(JSON.stringify(greeting))), greeting as Greeting);
  }
});

Deno.test("parseGreeting: ignores the key of a sealed room", () => {
  const greeting = { version: VERSION, cipher: "sealed", maxFrame: MAX_FRAME } as const;
  for (const key of ["198", "999", 7, null]) {
    const body = utf8.encode(JSON.stringify({ ...greeting, key }));
    assertEquals(parseGreeting(body), greeting);
  }
  const small = { ...greeting, maxFrame: MAX_FRAME_BEFORE_ADMISSION - 1 };
  assertRefused(() => parseGreeting(utf8.encode(JSON.stringify(small))), "malformed");
});

/** Values that are not unpadded base64url text of 1 to 1024 characters, as JSON. */
const BAD_MESSAGES = [
  ...[`""`, `"AA=="`, `"AA+A"`, `"AA/A"`, `" AA"`, `"AA\\n"`, `"ÄÄ"`],
  ...["null", "1", "true", `["AA"]`, "{}", `"${"A".repeat(1025)}"`],
];

Deno.test("parseGreeting: accepts a record of bounded base64url text, a nonce of 16 bytes, or none", () => {
  const sealed = { version: VERSION, cipher: "sealed", maxFrame: MAX_FRAME } as const;
  for (const field of ["nonce", "record"]) {
    const parse = (text: string) => {
      const json = JSON.stringify(sealed).replace(/}$/, `,"${field}":${text}}`);
      return parseGreeting(utf8.encode(json));
    };
    const text = "AAECAwQFBgcICQoLDA0ODw";
    assertEquals(parse(`"${text}"`), { ...sealed, [field]: text });
    for (const text of BAD_MESSAGES) assertRefused(() => parse(text), "malformed");
    if (field === "nonce") {
      // 15 and 17 bytes, and bits of no byte.
      for (const bad of [text.slice(0, 20), `${text}A`, text.replace(/w$/, "x")]) {
        assertRefused(() => parse(`"${bad}"`), "malformed");
      }
    }
    // An xor room has nothing to prove, so the field is ignored.
    const open = parseGreeting(utf8.encode(JSON.stringify({ ...GREETING, [field]: 7 })));
    assertEquals(open, GREETING);
  }
});

Deno.test("parseGreeting: accepts a budget of four whole numbers above 0, or none", () => {
  const parse = (budget: string) => {
    const json = JSON.stringify(GREETING).replace(/}$/, `,"budget":${budget}}`);
    return parseGreeting(utf8.encode(json)).budget;
  };
  for (const budget of ["null", "20", `"20"`, "[]", "[20,200,65536,524288]", "true", "{}"]) {
    assertRefused(() => parse(budget), "malformed");
  }
  for (const field of Object.keys(BUDGET)) {
    const change = (value: string) =>
      parse(JSON.stringify(BUDGET).replace(/}$/, `,"${field}":${value}}`));
    for (const number of [...BAD_NUMBERS, "0", "-0", "2147483649"]) {
      assertRefused(() => change(number), "malformed");
    }
    assertEquals(change("2147483648"), { ...BUDGET, [field]: 2 ** 31 });
    const without = JSON.stringify({ ...BUDGET, [field]: undefined });
    assertRefused(() => parse(without), "malformed");
  }
  assertEquals(parse(JSON.stringify({ ...BUDGET, more: 1 })), BUDGET);
});

Deno.test("parseLogin: accepts a message and a ticket of bounded base64url text, and a number of tries or none", () => {
  const login = (json: string) => parseLogin(utf8.encode(json));
  for (const length of [1, 2, 1023, 1024]) {
    const message = "Az09_-".repeat(200).slice(0, length);
    assertEquals(login(`{"message":"${message}"}`), { message });
  }
  for (const message of BAD_MESSAGES) {
    assertRefused(() => login(`{"message":${message}}`), "malformed");
  }
  assertRefused(() => login("{}"), "malformed");
  for (const tries of [0, 5, 65535]) {
    assertEquals(login(`{"message":"AA","tries":${tries}}`), { message: "AA", tries });
  }
  for (const tries of [...BAD_NUMBERS, "65536"]) {
    assertRefused(() => login(`{"message":"AA","tries":${tries}}`), "malformed");
  }
  for (const ticket of BAD_MESSAGES) {
    assertRefused(() => login(`{"message":"AA","ticket":${ticket}}`), "malformed");
  }
  assertEquals(login(`{"message":"AA","more":{}}`), { message: "AA" });
});

Deno.test("parseHello: accepts a proof and a ticket of bounded base64url text, or none", () => {
  const hello = (json: string) => parseHello(utf8.encode(`{"version":1${json}}`));
  const longest = "_".repeat(1024);
  for (const field of ["proof", "ticket"] as const) {
    assertStrictEquals(field in hello(""), false);
    assertStrictEquals(hello(`,"${field}":"${longest}"`)[field], longest);
    for (const bad of BAD_MESSAGES) {
      assertRefused(() => hello(`,"${field}":${bad}`), "malformed");
    }
  }
});

Deno.test("parseHello: accepts a resumption of a token and two positions, with or without a proof", () => {
  const resume = { token: "Az09_-", room: 7, own: Number.MAX_SAFE_INTEGER };
  const parse = (text: string) => parseHello(utf8.encode(`{"version":1,"resume":${text}}`)).resume;
  assertEquals(parse(JSON.stringify(resume)), resume);
  assertEquals(parse(JSON.stringify({ ...resume, more: 1 })), resume);
  for (const text of ["null", "7", "true", `"Az09_-"`, "[]", "{}"]) {
    assertRefused(() => parse(text), "malformed");
  }
  const change = (field: string, value: string) =>
    parse(JSON.stringify(resume).replace(/}$/, `,"${field}":${value}}`));
  for (const field of ["token", "proof"]) {
    for (const text of BAD_MESSAGES) assertRefused(() => change(field, text), "malformed");
  }
  for (const field of ["room", "own"]) {
    for (const number of BAD_NUMBERS) assertRefused(() => change(field, number), "malformed");
  }
  for (const field of Object.keys(resume)) {
    const without = JSON.stringify({ ...resume, [field]: undefined });
    assertRefused(() => parse(without), "malformed");
  }
});

Deno.test("parseHello: ignores a proof of the code beside a resumption", () => {
  const resume = { token: "AA", room: 1, own: 2 };
  const json = { version: VERSION, resume, proof: 7 };
  assertEquals(parseHello(utf8.encode(JSON.stringify(json))), { version: VERSION, resume });
});

Deno.test("parseSeat: requires the log's name and a position; checks the chain, which may be missing", () => {
  const parse = (change: string) =>
    parseSeat(utf8.encode(`{"log":"Az09_-","room":7,"more":1${change}}`));
  assertEquals(parse(""), { log: "Az09_-", room: 7 });
  assertEquals(parse(`,"chain":"_-"`), { log: "Az09_-", room: 7, chain: "_-" });
  for (const number of BAD_NUMBERS) assertRefused(() => parse(`,"room":${number}`), "malformed");
  assertStrictEquals(parse(`,"room":9007199254740991`).room, Number.MAX_SAFE_INTEGER);
  for (const field of ["log", "chain"]) {
    for (const text of BAD_MESSAGES) assertRefused(() => parse(`,"${field}":${text}`), "malformed");
  }
  for (const body of [`{"log":"AA"}`, `{"room":7}`, "{}"]) {
    assertRefused(() => parseSeat(utf8.encode(body)), "malformed");
  }
});

Deno.test("LOGIN and HELLO with the largest messages fit into a frame before admission", () => {
  const message = "A".repeat(1024);
  for (
    const frame of [
      encodeLogin({ message, tries: 0xffff, ticket: message }),
      encodeHello({ version: VERSION, proof: message }),
      encodeResume({
        token: message,
        room: Number.MAX_SAFE_INTEGER,
        own: Number.MAX_SAFE_INTEGER,
        proof: message,
      }),
    ]
  ) {
    assert(frame.length - 4 <= MAX_FRAME_BEFORE_ADMISSION);
  }
});

Deno.test("parseHello: checks the version first", () => {
  for (const number of [...BAD_NUMBERS, "0", "-0", "65536"]) {
    assertRefused(() => parseHello(utf8.encode(`{"version":${number}}`)), "malformed");
  }
  assertRefused(() => parseHello(utf8.encode(`{"version":2,"proof":7}`)), "version");
  assertRefused(() => parseHello(utf8.encode("{}")), "malformed");
});

Deno.test("checkProfile: rejects a profile of more than MAX_PROFILE bytes", () => {
  for (const size of [0, MAX_PROFILE - 1, MAX_PROFILE]) checkProfile(new Uint8Array(size));
  assertRefused(() => checkProfile(new Uint8Array(MAX_PROFILE + 1)), "too-large");
});

Deno.test("PROFILE: the largest one fits into a frame before admission", () => {
  const frame = encodeFrame(Type.PROFILE, 0, new Uint8Array(MAX_PROFILE));
  const decoder = new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION, frame.length);
  decoder.space().set(frame);
  decoder.fill(frame.length);
  assertStrictEquals(decoder.next()?.type, Type.PROFILE);
});

Deno.test("parseWelcome: requires whole numbers in range for positions and members", () => {
  const parse = (change: string) =>
    parseWelcome(utf8.encode(`{"room":0,"own":0,"members":0,${change}}`));
  for (const field of ["room", "own", "members"]) {
    for (const number of BAD_NUMBERS) {
      assertRefused(() => parse(`"${field}":${number}`), "malformed");
    }
  }
  assertRefused(() => parse(`"members":4294967296`), "malformed");
  assertStrictEquals(parse(`"members":4294967295`).members, 0xffffffff);
  assertStrictEquals(parse(`"room":9007199254740991`).room, Number.MAX_SAFE_INTEGER);
  assertRefused(() => parseWelcome(utf8.encode(`{"room":0,"own":0}`)), "malformed");
});

Deno.test("parseWelcome: checks the fields of a resumption, each of which may be missing", () => {
  const parse = (change: string) =>
    parseWelcome(utf8.encode(`{"room":1,"own":2,"members":3${change}}`));
  const simple: Welcome = {
    rules: NO_RULES,
    servers: [],
    room: 1,
    own: 2,
    members: 3,
    accepted: 0,
    said: 0,
    chain: undefined,
    token: undefined,
    grace: 0,
    left: undefined,
  };
  assertEquals(parse(""), simple);
  for (const field of ["accepted", "said", "grace"]) {
    for (const number of BAD_NUMBERS) {
      assertRefused(() => parse(`,"${field}":${number}`), "malformed");
    }
    assertEquals(parse(`,"${field}":9007199254740991`), {
      ...simple,
      [field]: Number.MAX_SAFE_INTEGER,
    });
  }
  for (const field of ["chain", "token"]) {
    for (const text of BAD_MESSAGES) {
      assertRefused(() => parse(`,"${field}":${text}`), "malformed");
    }
    assertEquals(parse(`,"${field}":"Az09_-"`), { ...simple, [field]: "Az09_-" });
  }
  const left = { frames: 2 ** 31, bytes: 0 };
  assertEquals(parse(`,"left":${JSON.stringify(left)}`), { ...simple, left });
  for (const text of ["null", "7", "[]", "{}", `{"frames":1}`, `{"bytes":1}`]) {
    assertRefused(() => parse(`,"left":${text}`), "malformed");
  }
  for (const number of [...BAD_NUMBERS, 2 ** 31 + 1]) {
    assertRefused(() => parse(`,"left":{"frames":${number},"bytes":1}`), "malformed");
  }
});

Deno.test("parseWelcome: the rules of the room may be missing, and each is checked", () => {
  const parse = (change: string) =>
    parseWelcome(utf8.encode(`{"room":1,"own":2,"members":3${change}}`)).rules;
  const key = "A".repeat(43);
  assertEquals(parse(`,"moderators":["${key}"],"silenced":[7],"locked":true,"readOnly":true`), {
    ...{ moderators: [key], silenced: [7], locked: true, readOnly: true },
  });
  const topic = { text: "Release on Friday", time: MAX_TIME };
  assertEquals(parse(`,"topic":${JSON.stringify(topic)}`), { ...NO_RULES, topic });
  const bad = {
    moderators: [`"${key}"`, "{}", "[7]", `["${key}A"]`, "null"],
    silenced: ["7", "{}", "[0]", "[-1]", `["7"]`, "[4294967296]", "null"],
    ...{ locked: ["0", `"true"`, "null", "[]"], readOnly: ["1", `"no"`, "null", "{}"] },
    topic: ["null", "[]", `"text"`, `{"text":""}`, `{"time":0}`, `{"text":7,"time":0}`],
  };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values) assertRefused(() => parse(`,"${field}":${value}`), "malformed");
  }
});

Deno.test("encodeWelcome: writes no rules for a room without them", () => {
  const written = (rules: Rules) =>
    JSON.parse(new TextDecoder().decode(bodyOf(
      encodeWelcome(1, { room: 0, own: 0, members: 0, rules }),
    )));
  assertEquals(written(NO_RULES), { room: 0, own: 0, members: 0 });
  assertEquals(written({ ...NO_RULES, locked: true, silenced: [7] }), {
    ...{ room: 0, own: 0, members: 0, locked: true, silenced: [7] },
  });
});

Deno.test("encodeWelcome: writes what is left as whole numbers, and a debt as 0", () => {
  const written = (left: Cost) =>
    parseWelcome(bodyOf(encodeWelcome(1, { room: 0, own: 0, members: 0, left }))).left;
  assertEquals(written({ frames: 2.9, bytes: -3.5 }), { frames: 2, bytes: 0 });
  assertEquals(written({ frames: 2 ** 40, bytes: 7 }), { frames: 2 ** 31, bytes: 7 });
});

Deno.test("parseError: accepts a code of a later version, and rejects a malformed code", () => {
  const parse = (code: unknown, message: unknown) =>
    parseError(utf8.encode(JSON.stringify({ code, message })));
  assertStrictEquals(parse("later-code", "").code, "later-code");
  assertStrictEquals(parse("a".repeat(32), "").code.length, 32);
  assertStrictEquals(parse("slow", "é".repeat(1000)).message.length, 1000);
  for (const code of ["", "a".repeat(33), "Slow", "two words", "\x1b[2J", 7, null, undefined]) {
    assertRefused(() => parse(code, ""), "malformed");
  }
  for (const message of ["é".repeat(1001), 7, null, undefined, ["x"]]) {
    assertRefused(() => parse("slow", message), "malformed");
  }
});

Deno.test("parseError: names the frame that is malformed", () => {
  const bad = utf8.encode(`{"code":"flood"}`);
  assertThrows(() => parseError(bad), ProtocolError, "malformed ERROR:");
  assertThrows(() => parseError(bad, "WARNING"), ProtocolError, "malformed WARNING:");
});

Deno.test("ERROR_CODES: each has the form that parseError requires", () => {
  for (const code of ERROR_CODES) assertMatch(code, /^[a-z-]{1,32}$/);
});
