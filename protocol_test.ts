import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "./errors.ts";
import {
  AckOutcome,
  Away,
  checkEmpty,
  checkProfile,
  encodeAck,
  encodeFrame,
  encodeHave,
  ERROR_CODES,
  type ErrorCode,
  type Frame,
  FrameDecoder,
  HEADER_SIZE,
  isDirect,
  Left,
  MAX_BODY,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  MAX_PROFILE,
  parseAck,
  parseAway,
  parseHave,
  parseLeft,
  PREFACE,
  readdress,
  Type,
  VERSION,
} from "./protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeHello,
  encodeLogin,
  encodeResume,
  encodeWarning,
  encodeWelcome,
  parseError,
  parseGreeting,
  parseHello,
  parseLogin,
  parseWelcome,
  type Welcome,
} from "./protocol/json_frames.ts";
import { parsePreface, parseServerOpening } from "./protocol/opening.ts";
import fc from "./tests/support/property.ts";
import { concat } from "@std/bytes/concat";

const utf8 = new TextEncoder();

// ---- helpers ----

/** What `length` counts besides the body. */
const TYPE_AND_ID = 5;

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** A header whose `length` may lie. */
function header(length: number, type: number = Type.MESSAGE, id = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint8(4, type);
  view.setUint32(5, id);
  return bytes;
}

/** A body that shows where bytes got lost or moved. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** A frame that may be kept. */
interface Kept {
  type: number;
  id: number;
  body: string;
}

function keep(frame: Frame): Kept {
  assertEquals(frame.bytes.length, HEADER_SIZE + frame.body.length);
  return { type: frame.type, id: frame.id, body: hex(frame.body) };
}

function drain(decoder: FrameDecoder): Kept[] {
  const frames: Kept[] = [];
  for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(keep(frame));
  return frames;
}

/** Gives the decoder one piece as a socket would: as much at a time as there is space for. */
function push(decoder: FrameDecoder, piece: Uint8Array, onSpace = () => {}): Kept[] {
  const frames: Kept[] = [];
  while (piece.length > 0) {
    const space = decoder.space();
    assert(space.length > 0, "space() must never be empty");
    const count = Math.min(space.length, piece.length);
    space.set(piece.subarray(0, count));
    decoder.fill(count);
    onSpace();
    frames.push(...drain(decoder));
    piece = piece.subarray(count);
  }
  return frames;
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...at, bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

function assertRefused(fn: () => unknown, code: ErrorCode): void {
  const error = assertThrows(fn, ProtocolError);
  assertStrictEquals(error.code, code, error.message);
}

const anyFrame = fc.record({
  type: fc.integer({ min: 1, max: Math.max(...Object.values(Type)) }),
  id: fc.nat({ max: 0xffffffff }),
  body: fc.uint8Array({ maxLength: 200 }),
});

// ---- encoder ----

Deno.test("encodeFrame: the layout is length, type, id, body, all big-endian", () => {
  assertEquals(hex(encodeFrame(Type.PING, 0)), "00 00 00 05 0b 00 00 00 00");
  assertEquals(
    hex(encodeFrame(Type.MESSAGE, 0x01020304, Uint8Array.of(0xaa, 0xbb))),
    "00 00 00 07 04 01 02 03 04 aa bb",
  );
});

Deno.test("encodeFrame: ids are u32, and nothing else", () => {
  for (const id of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const decoder = new FrameDecoder(MAX_FRAME);
    assertStrictEquals(push(decoder, encodeFrame(Type.MESSAGE, id))[0]?.id, id);
  }
  for (const id of [-1, 0x100000000, 1.5, NaN, Infinity]) {
    assertThrows(() => encodeFrame(Type.MESSAGE, id), RangeError, "its id");
  }
});

Deno.test("encodeFrame: a body may have MAX_BODY bytes, not one more", () => {
  assertStrictEquals(MAX_BODY, MAX_FRAME - TYPE_AND_ID);
  for (const size of [0, 1, MAX_BODY - 1, MAX_BODY]) {
    assertStrictEquals(
      encodeFrame(Type.MESSAGE, 1, new Uint8Array(size)).length,
      HEADER_SIZE + size,
    );
  }
  assertThrows(() => encodeFrame(Type.MESSAGE, 1, new Uint8Array(MAX_BODY + 1)), RangeError);
});

Deno.test("encodeFrame: the body is copied, not changed and not kept", () => {
  const body = Uint8Array.of(1, 2, 3);
  const frame = encodeFrame(Type.MESSAGE, 1, body);
  frame[HEADER_SIZE] = 9;
  assertEquals([...body], [1, 2, 3]);
  assertStrictEquals(frame.buffer.byteLength, frame.length, "one allocation, of the frame's size");
});

Deno.test("isDirect: a message to one and HAVE, not a message to the room, nor anything else with an id", () => {
  assertEquals(isDirect(encodeFrame(Type.MESSAGE, 7, Uint8Array.of(1))), true);
  assertEquals(isDirect(encodeFrame(Type.MESSAGE, 2 ** 32 - 1)), true);
  assertEquals(isDirect(encodeFrame(Type.MESSAGE, 0, Uint8Array.of(1))), false);
  assertEquals(isDirect(encodeHave(7)), true);
  assertEquals(isDirect(encodeFrame(Type.PING, 7)), false);
});

Deno.test("readdress: type and id change, length and body stay", () => {
  const frame = encodeFrame(Type.MESSAGE, 0, pattern(3));
  readdress(frame, Type.DIRECT, 0xfffffffe);
  assertEquals(frame, encodeFrame(Type.DIRECT, 0xfffffffe, pattern(3)));
});

// ---- decoder ----

Deno.test("FrameDecoder: what was encoded comes out, wherever the bytes are split", () => {
  fc.assert(fc.property(
    fc.array(anyFrame, { maxLength: 8 }),
    fc.array(fc.nat({ max: 2000 }), { maxLength: 20 }),
    fc.integer({ min: 1, max: 300 }),
    (frames, cuts, initial) => {
      const bytes = concat([...frames.map((f) => encodeFrame(f.type, f.id, f.body))]);
      const at = cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b);
      const decoder = new FrameDecoder(MAX_FRAME, initial);
      const got = cut(bytes, at).flatMap((piece) => push(decoder, piece));
      assertEquals(got, frames.map((f) => ({ ...f, body: hex(f.body) })));
      assertStrictEquals(decoder.unread.length, 0);
    },
  ));
});

Deno.test("FrameDecoder: three frames whole, split at each boundary, and byte by byte", () => {
  const bytes = concat([
    encodeFrame(Type.MESSAGE, 1, pattern(20)),
    encodeFrame(Type.PING, 0),
    encodeFrame(Type.LEFT, 0xffffffff, Uint8Array.of(Left.SLOW)),
  ]);
  const whole = push(new FrameDecoder(MAX_FRAME), bytes);
  assertEquals(whole.map((frame) => frame.type), [Type.MESSAGE, Type.PING, Type.LEFT]);
  for (const initial of [1, HEADER_SIZE, 16, 4096]) {
    for (let at = 1; at < bytes.length; at++) {
      const decoder = new FrameDecoder(MAX_FRAME, initial);
      assertEquals(cut(bytes, [at]).flatMap((piece) => push(decoder, piece)), whole);
    }
    const decoder = new FrameDecoder(MAX_FRAME, initial);
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    assertEquals(single.flatMap((byte) => push(decoder, byte)), whole);
  }
});

Deno.test("FrameDecoder: bytes of the whole frame are given for relaying", () => {
  const bytes = encodeFrame(Type.MESSAGE, 7, pattern(30));
  const decoder = new FrameDecoder(MAX_FRAME);
  decoder.space().set(bytes);
  decoder.fill(bytes.length);
  assertEquals(decoder.next()?.bytes, bytes);
});

for (const limit of [MAX_FRAME_BEFORE_ADMISSION, MAX_FRAME]) {
  Deno.test(`FrameDecoder: a length of ${limit} is taken where that is the limit, not one more`, () => {
    for (const length of [limit - 1, limit]) {
      const body = pattern(length - TYPE_AND_ID);
      const decoder = new FrameDecoder(limit);
      assertEquals(push(decoder, encodeFrame(Type.MESSAGE, 1, body)), [
        { type: Type.MESSAGE, id: 1, body: hex(body) },
      ]);
    }
    const decoder = new FrameDecoder(limit);
    assertRefused(() => push(decoder, header(limit + 1)), "too-large");
  });
}

Deno.test("FrameDecoder: the limit can be raised, for a member that was admitted", () => {
  const frame = encodeFrame(Type.MESSAGE, 1, pattern(MAX_FRAME_BEFORE_ADMISSION));
  const decoder = new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION);
  decoder.limit = MAX_FRAME;
  assertStrictEquals(push(decoder, frame).length, 1);
});

Deno.test("FrameDecoder: a length below that of type and id is malformed", () => {
  for (const length of [0, 1, TYPE_AND_ID - 1]) {
    assertRefused(() => push(new FrameDecoder(MAX_FRAME), header(length)), "malformed");
  }
  assertStrictEquals(push(new FrameDecoder(MAX_FRAME), header(TYPE_AND_ID)).length, 1);
});

Deno.test("FrameDecoder: a bad length is refused with its fourth byte, before the rest has come", () => {
  for (const [length, code] of [[MAX_FRAME + 1, "too-large"], [4, "malformed"]] as const) {
    const decoder = new FrameDecoder(MAX_FRAME);
    const bytes = header(length);
    assertEquals(push(decoder, bytes.subarray(0, 3)), []);
    assertRefused(() => push(decoder, bytes.subarray(3, 4)), code);
    assertRefused(() => decoder.next(), code);
  }
});

Deno.test("FrameDecoder: frames in front of a bad one still come out", () => {
  const decoder = new FrameDecoder(MAX_FRAME);
  const bytes = concat([encodeFrame(Type.PING, 0), header(MAX_FRAME + 1)]);
  decoder.space().set(bytes);
  decoder.fill(bytes.length);
  assertStrictEquals(decoder.next()?.type, Type.PING);
  assertRefused(() => decoder.next(), "too-large");
});

Deno.test("FrameDecoder: types that do not exist are unexpected", () => {
  const known: readonly number[] = Object.values(Type);
  for (let type = 0; type < 256; type++) {
    const feed = () => push(new FrameDecoder(MAX_FRAME), header(TYPE_AND_ID, type));
    if (known.includes(type)) assertStrictEquals(feed()[0]?.type, type);
    else assertRefused(feed, "unexpected");
  }
});

Deno.test("FrameDecoder: a frame in one piece is not copied", () => {
  const decoder = new FrameDecoder(MAX_FRAME);
  const bytes = encodeFrame(Type.MESSAGE, 1, pattern(50));
  const space = decoder.space();
  space.set(bytes);
  decoder.fill(bytes.length);
  const frame = decoder.next();
  assertStrictEquals(frame?.bytes.buffer, space.buffer);
  assertStrictEquals(frame.bytes.byteOffset, space.byteOffset);
});

Deno.test("FrameDecoder: no byte of a body is copied more than once, however it is split", () => {
  fc.assert(fc.property(
    fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
    fc.integer({ min: HEADER_SIZE, max: 128 }),
    (sizes, reads, initial) => {
      const bytes = concat([...sizes.map((n) => encodeFrame(Type.MESSAGE, 1, pattern(n)))]);
      const decoder = new FrameDecoder(MAX_FRAME, initial);
      // Copies show: what is unread stands somewhere else after `space()` than before it.
      let copies = 0;
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const before = decoder.unread;
        const space = decoder.space();
        const after = decoder.unread;
        const moved = before.buffer !== after.buffer || before.byteOffset !== after.byteOffset;
        if (moved && before.length > HEADER_SIZE) copies++;
        assert(copies <= 1, "bytes of a body were copied a second time");
        const read = Math.min(reads[turn % reads.length]!, space.length, bytes.length - at);
        space.set(bytes.subarray(at, at + read));
        decoder.fill(read);
        at += read;
        while (decoder.next()) copies = 0;
      }
    },
  ));
});

Deno.test("FrameDecoder: the capacity is that of one frame at most, and is given back", () => {
  const initial = 1024;
  for (const length of [TYPE_AND_ID, initial, initial + 1, MAX_FRAME]) {
    const decoder = new FrameDecoder(MAX_FRAME, initial);
    const frame = encodeFrame(Type.MESSAGE, 1, new Uint8Array(length - TYPE_AND_ID));
    const rest = encodeFrame(Type.MESSAGE, 1, pattern(100));
    const bounded = () =>
      assert(decoder.capacity <= Math.max(initial, frame.length), `${decoder.capacity} bytes`);
    assertStrictEquals(push(decoder, concat([frame, rest]), bounded).length, 2);
    decoder.space();
    assertStrictEquals(decoder.capacity, initial);
  }
});

Deno.test("FrameDecoder: a length that is refused costs no memory", () => {
  for (const length of [MAX_FRAME_BEFORE_ADMISSION + 1, 0x7fffffff, 0xffffffff]) {
    const decoder = new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION, 1024);
    assertRefused(() => push(decoder, header(length)), "too-large");
    // A connection that ends reads on until the other side does.
    assert(decoder.space().length > 0);
    assertStrictEquals(decoder.capacity, 1024);
  }
});

Deno.test("FrameDecoder: a preface in two pieces is no length", () => {
  for (let at = 1; at < PREFACE.length; at++) {
    const decoder = new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION, 1024);
    for (const piece of cut(PREFACE, [at])) {
      decoder.space().set(piece);
      decoder.fill(piece.length);
    }
    assertStrictEquals(decoder.capacity, 1024);
    assertEquals(parsePreface(decoder.unread), { kind: "chat" });
    decoder.skip(PREFACE.length);
    assertEquals(push(decoder, encodeFrame(Type.PING, 0)).length, 1);
  }
});

Deno.test("FrameDecoder: there is space even where frames are left untaken", () => {
  const initial = 90;
  const decoder = new FrameDecoder(MAX_FRAME, initial);
  for (let i = 0; i < 10; i++) {
    decoder.space().set(encodeFrame(Type.PING, 0));
    decoder.fill(HEADER_SIZE);
  }
  assertStrictEquals(decoder.unread.length, initial);
  assert(decoder.space().length > 0);
  assertStrictEquals(drain(decoder).length, 10, "and none of them is lost");
});

Deno.test("FrameDecoder: skip and fill refuse what is not there", () => {
  const decoder = new FrameDecoder(MAX_FRAME, 16);
  assertThrows(() => decoder.skip(1), RangeError);
  const { length } = decoder.space();
  assertThrows(() => decoder.fill(length + 1), RangeError);
  decoder.fill(3);
  decoder.skip(3);
  assertThrows(() => decoder.skip(1), RangeError);
});

// ---- bodies ----

/** The body of a frame that an encode function made. */
function bodyOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(HEADER_SIZE);
}

const BUDGET = { frames: 20, frameBurst: 200, bytes: 65_536, byteBurst: 524_288 };
const GREETING = { version: VERSION, cipher: "xor", key: "198", maxFrame: MAX_FRAME } as const;

/** Messages of OPAQUE as they stand in JSON. */
const opaqueMessage = fc.stringMatching(/^[A-Za-z0-9_-]{1,600}$/);

Deno.test("every body: encode then parse is the identity", () => {
  const u32 = fc.nat({ max: 0xffffffff });
  const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const sentence = fc.string({ unit: "grapheme", maxLength: 100 });
  fc.assert(fc.property(fc.nat({ max: 255 }), (key) => {
    const greeting = { ...GREETING, key: `${key}` };
    assertEquals(parseGreeting(bodyOf(encodeGreeting(greeting))), greeting);
  }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: MAX_PROFILE }), (profile) => {
    const hello = { version: VERSION, profile };
    assertEquals(parseHello(bodyOf(encodeHello(hello))), hello);
  }));
  const maxFrame = fc.integer({ min: MAX_FRAME_BEFORE_ADMISSION, max: 2 ** 31 });
  fc.assert(fc.property(maxFrame, (maxFrame) => {
    const greeting = { version: VERSION, cipher: "sealed", maxFrame } as const;
    assertEquals(parseGreeting(bodyOf(encodeGreeting(greeting))), greeting);
  }));
  fc.assert(fc.property(opaqueMessage, fc.nat({ max: 0xffff }), (message, tries) => {
    const profile = Uint8Array.of(1);
    const hello = { version: VERSION, profile, proof: message };
    assertEquals(parseHello(bodyOf(encodeHello(hello))), hello);
    for (const login of [{ message }, { message, tries }]) {
      assertEquals(parseLogin(bodyOf(encodeLogin(login))), login);
    }
  }));
  const rate = fc.integer({ min: 1, max: 2 ** 31 });
  const budgets = fc.record({ frames: rate, frameBurst: rate, bytes: rate, byteBurst: rate });
  fc.assert(fc.property(opaqueMessage, budgets, (nonce, budget) => {
    const sealed = { version: VERSION, cipher: "sealed", nonce, maxFrame: MAX_FRAME } as const;
    for (const greeting of [sealed, { ...sealed, budget }, { ...GREETING, budget }]) {
      assertEquals(parseGreeting(bodyOf(encodeGreeting(greeting))), greeting);
    }
  }));
  fc.assert(fc.property(opaqueMessage, position, position, (token, room, own) => {
    for (const resume of [{ token, room, own }, { token, room, own, proof: token }]) {
      const hello = { version: VERSION, profile: new Uint8Array(0), resume };
      assertEquals(parseHello(bodyOf(encodeResume(resume))), hello);
    }
  }));
  const text = fc.option(opaqueMessage, { nil: undefined });
  const welcomes = fc.record({
    room: position,
    own: position,
    members: u32,
    accepted: position,
    said: position,
    log: text,
    token: text,
    grace: position,
  });
  fc.assert(fc.property(u32, welcomes, (id, welcome) => {
    assertEquals(parseWelcome(bodyOf(encodeWelcome(id, welcome))), welcome);
  }));
  fc.assert(fc.property(position, (position) => {
    assertStrictEquals(parseHave(bodyOf(encodeHave(position))), position);
  }));
  fc.assert(fc.property(u32, u32, fc.nat({ max: AckOutcome.GONE }), (id, count, outcome) => {
    const ack = { count, outcome };
    assertEquals(parseAck(bodyOf(encodeAck(id, ack))), ack);
  }));
  fc.assert(fc.property(fc.constantFrom(...ERROR_CODES), sentence, (code, message) => {
    const error = { code, message };
    assertEquals(parseError(bodyOf(encodeError(code, message))), error);
    assertEquals(parseError(bodyOf(encodeWarning(code, message)), "WARNING"), error);
  }));
});

const parsers = {
  parseGreeting,
  parseLogin,
  parseHello,
  parseWelcome,
  parseAck,
  parseLeft,
  parseError,
  parseHave,
  parseAway,
};

Deno.test("every parser: any bytes and any JSON give a value or a ProtocolError", () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((json) => utf8.encode(json)),
    fc.record({
      version: fc.oneof(fc.constant(VERSION), fc.jsonValue()),
      cipher: fc.oneof(fc.constantFrom("xor", "sealed"), fc.jsonValue()),
      key: fc.oneof(fc.constant("198"), fc.jsonValue()),
      maxFrame: fc.oneof(fc.constant(MAX_FRAME), fc.jsonValue()),
      profile: fc.jsonValue(),
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
      log: fc.jsonValue(),
      token: fc.jsonValue(),
      grace: fc.jsonValue(),
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

Deno.test("every parser of JSON: what is no JSON object is malformed", () => {
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
    // As deep as a frame allows: must not overflow a stack.
    utf8.encode("[".repeat(MAX_BODY)),
    utf8.encode(`{"a":`.repeat(MAX_BODY / 5)),
    // Not UTF-8: a lone continuation byte, an overlong "{", a half of a surrogate pair.
    concat([utf8.encode(`{"a":"`), Uint8Array.of(0x80), utf8.encode(`"}`)]),
    Uint8Array.of(0xc1, 0xbb),
    concat([utf8.encode(`{"a":"`), Uint8Array.of(0xed, 0xa0, 0x80), utf8.encode(`"}`)]),
  ];
  for (const parse of [parseGreeting, parseLogin, parseHello, parseWelcome, parseError]) {
    for (const body of bodies) assertRefused(() => parse(body), "malformed");
  }
});

Deno.test("every parser of JSON: nesting as deep as a frame allows is passed over", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const hello = parseHello(utf8.encode(`{"version":1,"more":${deep}}`));
  assertEquals(hello.profile.length, 0);
});

Deno.test("every parser of JSON: keys that are special in JavaScript are keys like others", () => {
  assertRefused(() => parseHello(utf8.encode(`{"__proto__":{"version":1}}`)), "malformed");
  const hello = parseHello(utf8.encode(`{"version":1,"__proto__":{"profile":"QQ=="}}`));
  assertStrictEquals(hello.profile.length, 0);
  assertStrictEquals(({} as { profile?: string }).profile, undefined);
});

Deno.test("every parser of JSON: of a key that comes twice, the last counts", () => {
  assertRefused(() => parseHello(utf8.encode(`{"version":1,"version":2}`)), "version");
  assertStrictEquals(parseHello(utf8.encode(`{"version":2,"version":1}`)).version, 1);
});

/** What no field that is a number may be, as it is written in JSON. */
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

Deno.test("parseGreeting: each field is checked", () => {
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
  for (const field of Object.keys(GREETING)) {
    assertRefused(
      () => parseGreeting(utf8.encode(JSON.stringify({ ...GREETING, [field]: undefined }))),
      "malformed",
    );
  }
});

Deno.test("parseGreeting: what a later server adds is passed over", () => {
  const greeting = parseGreeting(utf8.encode(JSON.stringify({ ...GREETING, more: [1] })));
  assertEquals(greeting, GREETING);
});

Deno.test("parseGreeting: a sealed room has no key, and what stands in its place is passed over", () => {
  const greeting = { version: VERSION, cipher: "sealed", maxFrame: MAX_FRAME } as const;
  for (const key of ["198", "999", 7, null]) {
    const body = utf8.encode(JSON.stringify({ ...greeting, key }));
    assertEquals(parseGreeting(body), greeting);
  }
  const small = { ...greeting, maxFrame: MAX_FRAME_BEFORE_ADMISSION - 1 };
  assertRefused(() => parseGreeting(utf8.encode(JSON.stringify(small))), "malformed");
});

/** What is no unpadded base64url text of 1 to 1024 characters, as it is written in JSON. */
const BAD_MESSAGES = [
  ...[`""`, `"AA=="`, `"AA+A"`, `"AA/A"`, `" AA"`, `"AA\\n"`, `"ÄÄ"`],
  ...["null", "1", "true", `["AA"]`, "{}", `"${"A".repeat(1025)}"`],
];

Deno.test("parseGreeting: a nonce is bounded base64url text, or is left out", () => {
  const sealed = { version: VERSION, cipher: "sealed", maxFrame: MAX_FRAME } as const;
  const parse = (nonce: string) => {
    const json = JSON.stringify(sealed).replace(/}$/, `,"nonce":${nonce}}`);
    return parseGreeting(utf8.encode(json));
  };
  assertEquals(parse(`"Az09_-"`), { ...sealed, nonce: "Az09_-" });
  for (const nonce of BAD_MESSAGES) assertRefused(() => parse(nonce), "malformed");
  // In an open room there is nothing to prove, and so it is not looked at.
  const open = parseGreeting(utf8.encode(JSON.stringify({ ...GREETING, nonce: 7 })));
  assertEquals(open, GREETING);
});

Deno.test("parseGreeting: a budget has four whole numbers above 0, or is left out", () => {
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

Deno.test("parseLogin: a message is bounded base64url text; tries are few, and may be left out", () => {
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
  assertEquals(login(`{"message":"AA","more":{}}`), { message: "AA" });
});

Deno.test("parseHello: a proof is bounded base64url text, or is left out", () => {
  const hello = (json: string) => parseHello(utf8.encode(`{"version":1${json}}`));
  assertStrictEquals("proof" in hello(""), false);
  const longest = "_".repeat(1024);
  assertStrictEquals(hello(`,"proof":"${longest}"`).proof, longest);
  for (const proof of BAD_MESSAGES) assertRefused(() => hello(`,"proof":${proof}`), "malformed");
});

Deno.test("parseHello: a resumption is a token and two positions; a proof may be left out", () => {
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

Deno.test("parseHello: beside a resumption, profile and proof are passed over", () => {
  const resume = { token: "AA", room: 1, own: 2 };
  const json = { version: VERSION, resume, profile: 7, proof: 7 };
  assertEquals(parseHello(utf8.encode(JSON.stringify(json))), {
    version: VERSION,
    profile: new Uint8Array(0),
    resume,
  });
});

Deno.test("LOGIN and HELLO with the largest messages fit into a frame before admission", () => {
  const message = "A".repeat(1024);
  const profile = new Uint8Array(MAX_PROFILE);
  for (
    const frame of [
      encodeLogin({ message, tries: 0xffff }),
      encodeHello({ version: VERSION, profile, proof: message }),
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

Deno.test("parseHello: the version is checked before all else", () => {
  for (const number of [...BAD_NUMBERS, "0", "-0", "65536"]) {
    assertRefused(() => parseHello(utf8.encode(`{"version":${number}}`)), "malformed");
  }
  assertRefused(() => parseHello(utf8.encode(`{"version":2,"profile":7}`)), "version");
  assertRefused(() => parseHello(utf8.encode("{}")), "malformed");
});

Deno.test("parseHello: a profile is padded base64 in its one spelling, or is left out", () => {
  const parse = (profile: string) =>
    parseHello(utf8.encode(`{"version":1,"profile":${profile}}`)).profile;
  assertEquals([...parse(`""`)], []);
  assertEquals([...parse("null")], []);
  assertEquals([...parse(`"QQ=="`)], [0x41]);
  assertEquals([...parse(`"++//"`)], [0xfb, 0xef, 0xff]);
  const bad = [
    `"QQ"`, // no padding
    `"QQ="`,
    `"QQ==\\n"`, // white space
    `"Q Q="`,
    `"QR=="`, // bits behind the last byte
    `"--__"`, // the alphabet for addresses
    `"QQ==QQ=="`,
    `"="`,
    `"\\u00e9AAA"`,
    "7",
    "{}",
    `["QQ=="]`,
  ];
  for (const profile of bad) assertRefused(() => parse(profile), "malformed");
});

Deno.test("parseHello, checkProfile: a profile has MAX_PROFILE bytes at most", () => {
  const parse = (size: number) => {
    const profile = "A".repeat(Math.ceil(size / 3) * 4 - (3 - size % 3) % 3) +
      "=".repeat((3 - size % 3) % 3);
    return parseHello(utf8.encode(JSON.stringify({ version: 1, profile }))).profile.length;
  };
  for (const size of [MAX_PROFILE - 1, MAX_PROFILE]) {
    assertStrictEquals(parse(size), size);
    checkProfile(new Uint8Array(size));
  }
  // The last is as large as the largest frame allows.
  for (const size of [MAX_PROFILE + 1, MAX_FRAME_BEFORE_ADMISSION / 2, 190_000]) {
    assertRefused(() => parse(size), "too-large");
    assertRefused(() => checkProfile(new Uint8Array(size)), "too-large");
  }
});

Deno.test("parseHello: the largest profile fits into a HELLO before admission", () => {
  const hello = encodeHello({ version: VERSION, profile: new Uint8Array(MAX_PROFILE) });
  assertStrictEquals(push(new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION), hello).length, 1);
});

Deno.test("parseWelcome: positions and the number of members are whole and in range", () => {
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

Deno.test("parseWelcome: what is for coming back is checked, or is left out", () => {
  const parse = (change: string) =>
    parseWelcome(utf8.encode(`{"room":1,"own":2,"members":3${change}}`));
  const simple: Welcome = {
    room: 1,
    own: 2,
    members: 3,
    accepted: 0,
    said: 0,
    log: undefined,
    token: undefined,
    grace: 0,
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
  for (const field of ["log", "token"]) {
    for (const text of BAD_MESSAGES) {
      assertRefused(() => parse(`,"${field}":${text}`), "malformed");
    }
    assertEquals(parse(`,"${field}":"Az09_-"`), { ...simple, [field]: "Az09_-" });
  }
});

Deno.test("encodeHave: a position in eight bytes, big-endian", () => {
  assertEquals(hex(encodeHave(0)), "00 00 00 0d 10 00 00 00 00 00 00 00 00 00 00 00 00");
  const bytes = bodyOf(encodeHave(0x12_3456_789a_bcde));
  assertEquals(hex(bytes), "00 12 34 56 78 9a bc de");
  for (const position of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => encodeHave(position), RangeError, `the position is ${position}`);
  }
});

Deno.test("parseHave: eight bytes, a position of 53 bits at most", () => {
  for (const position of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assertStrictEquals(parseHave(bodyOf(encodeHave(position))), position);
  }
  for (const size of [0, 4, 7, 9]) {
    assertRefused(() => parseHave(new Uint8Array(size)), "malformed");
  }
  const last = bodyOf(encodeHave(Number.MAX_SAFE_INTEGER));
  for (let bit = 0; bit < 11; bit++) {
    const over = last.slice();
    over[bit >> 3]! |= 0x80 >> (bit & 7);
    assertRefused(() => parseHave(over), "malformed");
  }
});

Deno.test("parseAway: one byte, a known state", () => {
  assertStrictEquals(parseAway(Uint8Array.of(Away.AWAY)), true);
  assertStrictEquals(parseAway(Uint8Array.of(Away.BACK)), false);
  for (const body of [[], [2], [255], [0, 0], [1, 0]]) {
    assertRefused(() => parseAway(Uint8Array.from(body)), "malformed");
  }
});

Deno.test("parseAck: five bytes, of which the last is a known outcome", () => {
  assertEquals(parseAck(Uint8Array.of(0xff, 0, 0, 1, 2)), { count: 0xff000001, outcome: 2 });
  for (const size of [0, 4, 6]) assertRefused(() => parseAck(new Uint8Array(size)), "malformed");
  assertRefused(() => parseAck(Uint8Array.of(0, 0, 0, 1, 3)), "malformed");
});

Deno.test("parseLeft: one byte, a known reason", () => {
  for (const reason of Object.values(Left)) {
    assertStrictEquals(parseLeft(Uint8Array.of(reason)), reason);
  }
  for (const body of [[], [4], [255], [0, 0]]) {
    assertRefused(() => parseLeft(Uint8Array.from(body)), "malformed");
  }
});

Deno.test("parseError: a code of a later version is taken, what is no code is not", () => {
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

Deno.test("parseError: it says which of the two can't be read", () => {
  const bad = utf8.encode(`{"code":"flood"}`);
  assertThrows(() => parseError(bad), ProtocolError, "a ERROR that");
  assertThrows(() => parseError(bad, "WARNING"), ProtocolError, "a WARNING that");
});

Deno.test("ERROR_CODES: each has the form that parseError asks for", () => {
  for (const code of ERROR_CODES) assertMatch(code, /^[a-z-]{1,32}$/);
});

Deno.test("checkEmpty: no body, and nothing else", () => {
  checkEmpty("PING", new Uint8Array(0));
  assertRefused(() => checkEmpty("PING", new Uint8Array(1)), "malformed");
});

// ---- openings ----

/** What `parse` says while `bytes` come one by one, until it has decided, and after how many. */
function decide(
  parse: typeof parsePreface,
  bytes: Uint8Array,
): { opening: ReturnType<typeof parse>; after: number } {
  for (let after = 0; after <= bytes.length; after++) {
    const opening = parse(bytes.subarray(0, after));
    if (opening.kind !== "more") {
      assertEquals(parse(bytes), opening, "one piece and many must be read alike");
      return { opening, after };
    }
  }
  return { opening: { kind: "more" }, after: bytes.length };
}

const TLS_HELLO = Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x5f, 0x11, 0x22);
const TLS_ALERT = Uint8Array.of(21, 3, 1, 0, 2, 2, 70);

Deno.test("parsePreface: who comes to the port is recognized, whole and byte by byte", () => {
  const cases: [string | Uint8Array, ReturnType<typeof parsePreface>, number][] = [
    ["chat/1\n", { kind: "chat" }, 7],
    ["chat/1\n\0\0\0\x05\x0b", { kind: "chat" }, 7],
    ["chat/0\n", { kind: "version", version: 0 }, 7],
    ["chat/2\n", { kind: "version", version: 2 }, 7],
    ["chat/99999\n", { kind: "version", version: 99999 }, 11],
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", { kind: "http" }, 4],
    ["POST /x HTTP/1.1\r\n", { kind: "http" }, 5],
    ["OPTIONS * HTTP/1.1\r\n", { kind: "http" }, 8],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", { kind: "http" }, 4],
    ["SSH-2.0-OpenSSH_9.9\r\n", { kind: "ssh" }, 4],
    [TLS_HELLO, { kind: "tls" }, 2],
    [TLS_ALERT, { kind: "tls" }, 2],
    ["", { kind: "more" }, 0],
    ["chat/1", { kind: "more" }, 6],
    ["chat/12345", { kind: "more" }, 10],
    ["GET", { kind: "more" }, 3],
    ["SS", { kind: "more" }, 2],
    ["\x16", { kind: "more" }, 1],
    ["chat/1\r\n", { kind: "noise" }, 7],
    // Another spelling of version 1 would have another length.
    ["chat/01\n", { kind: "noise" }, 8],
    ["chat/123456\n", { kind: "noise" }, 11],
    ["chat/\n", { kind: "noise" }, 6],
    ["chat 1\n", { kind: "noise" }, 5],
    ["CHAT/1\n", { kind: "noise" }, 5],
    ["\n", { kind: "noise" }, 1],
    ["\0\0\0\x05\x0b\0\0\0\0", { kind: "noise" }, 1],
    ["\x16\x02\0", { kind: "noise" }, 2],
    ["ABCDEFGH", { kind: "noise" }, 8],
    ["*1\r\n$4\r\nPING\r\n", { kind: "noise" }, 1],
    [Uint8Array.of(0xff, 0xfb, 0x1f), { kind: "noise" }, 1],
  ];
  for (const [input, opening, after] of cases) {
    const bytes = typeof input === "string" ? utf8.encode(input) : input;
    assertEquals(decide(parsePreface, bytes), { opening, after }, JSON.stringify(input));
  }
});

Deno.test("parseServerOpening: who answers is recognized, whole and byte by byte", () => {
  const greeting = encodeGreeting(GREETING);
  const cases: [string | Uint8Array, ReturnType<typeof parseServerOpening>["kind"], number][] = [
    [greeting, "chat", HEADER_SIZE],
    [encodeError("full", "the room is full"), "chat", HEADER_SIZE],
    // It stops just now.
    [encodeFrame(Type.BYE, 0), "chat", HEADER_SIZE],
    [header(MAX_FRAME_BEFORE_ADMISSION, Type.GREETING), "chat", HEADER_SIZE],
    [header(MAX_FRAME_BEFORE_ADMISSION + 1, Type.GREETING), "noise", HEADER_SIZE],
    [header(4, Type.GREETING), "noise", HEADER_SIZE],
    [header(20, Type.GREETING, 1), "noise", HEADER_SIZE],
    [header(20, Type.MESSAGE), "noise", HEADER_SIZE],
    ["HTTP/1.1 400 Bad Request\r\n", "http", 5],
    ["SSH-2.0-OpenSSH_9.9\r\n", "ssh", 4],
    [TLS_ALERT, "tls", 2],
    ["220 mail.example.org ESMTP\r\n", "noise", 5],
    ["-ERR unknown command\r\n", "noise", 5],
    ["NOTICE AUTH :*** Looking up your hostname\r\n", "noise", 5],
    ["", "more", 0],
    ["\0\0\0\x14", "more", 4],
    ["HTTP", "more", 4],
    ["220 ", "more", 4],
  ];
  for (const [input, kind, after] of cases) {
    const bytes = typeof input === "string" ? utf8.encode(input) : input;
    const opening = { kind } as ReturnType<typeof parseServerOpening>;
    assertEquals(decide(parseServerOpening, bytes), { opening, after }, JSON.stringify(input));
  }
});

Deno.test("parsePreface, parseServerOpening: any bytes are decided on by the twelfth", () => {
  // Bytes that are in no opening, and bytes that are.
  const byte = fc.oneof(
    fc.nat({ max: 255 }),
    fc.constantFrom(...utf8.encode("chat/1 HTPS-\n\x15\x16\x03\0")),
  );
  fc.assert(fc.property(fc.array(byte, { minLength: 12, maxLength: 40 }), (array) => {
    const bytes = Uint8Array.from(array);
    for (const parse of [parsePreface, parseServerOpening]) {
      const { opening, after } = decide(parse, bytes);
      assert(opening.kind !== "more" && after <= 12);
    }
  }));
});
