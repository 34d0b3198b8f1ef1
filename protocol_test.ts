import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { ProtocolError } from "./errors.ts";
import {
  AckOutcome,
  Away,
  checkEmpty,
  encodeAck,
  encodeAway,
  encodeFrame,
  encodeHave,
  type ErrorCode,
  type Frame,
  FrameDecoder,
  HEADER_SIZE,
  Left,
  LENGTH_SIZE,
  MAX_BODY,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  parseAck,
  parseAway,
  parseHave,
  parseLeft,
  PREFACE,
  readdress,
  Type,
} from "./protocol.ts";
import { parsePreface } from "./protocol/opening.ts";
import fc from "./tests/support/property.ts";
import { BufferPool } from "./protocol/buffer_pool.ts";

/** Bytes that `length` counts besides the body. */
const TYPE_AND_ID = 5;

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** A header; its `length` may be false. */
function header(length: number, type: number = Type.MESSAGE, id = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint8(4, type);
  view.setUint32(5, id);
  return bytes;
}

/** A body in which lost or moved bytes show. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
}

/** A copy of a frame. */
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

/** Feeds the decoder one piece like a socket, at most as many bytes at a time as it has space for. */
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
  type: fc.constantFrom(...Object.values(Type)),
  id: fc.nat({ max: 0xffffffff }),
  body: fc.uint8Array({ maxLength: 200 }),
});

/** Buffers of any size, also none, or no pool. */
const anyPool = fc.option(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 2 })), { nil: undefined })
  .map((pool) => pool && new BufferPool(...pool));

// ---- encoder ----

Deno.test("encodeFrame: writes length, type, id and body, big-endian", () => {
  assertEquals(hex(encodeFrame(Type.PING, 0)), "00 00 00 05 0b 00 00 00 00");
  assertEquals(
    hex(encodeFrame(Type.MESSAGE, 0x01020304, Uint8Array.of(0xaa, 0xbb))),
    "00 00 00 07 04 01 02 03 04 aa bb",
  );
});

Deno.test("encodeFrame: accepts every u32 as id, and rejects other numbers", () => {
  for (const id of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const decoder = new FrameDecoder(MAX_FRAME);
    assertStrictEquals(push(decoder, encodeFrame(Type.MESSAGE, id))[0]?.id, id);
  }
  for (const id of [-1, 0x100000000, 1.5, NaN, Infinity]) {
    assertThrows(() => encodeFrame(Type.MESSAGE, id), RangeError, "its id");
  }
});

Deno.test("encodeFrame: accepts a body of MAX_BODY bytes, and rejects one more byte", () => {
  assertStrictEquals(MAX_BODY, MAX_FRAME - TYPE_AND_ID);
  for (const size of [0, 1, MAX_BODY - 1, MAX_BODY]) {
    assertStrictEquals(
      encodeFrame(Type.MESSAGE, 1, new Uint8Array(size)).length,
      HEADER_SIZE + size,
    );
  }
  assertThrows(() => encodeFrame(Type.MESSAGE, 1, new Uint8Array(MAX_BODY + 1)), RangeError);
});

Deno.test("encodeFrame: copies the body, and neither changes nor keeps it", () => {
  const body = Uint8Array.of(1, 2, 3);
  const frame = encodeFrame(Type.MESSAGE, 1, body);
  frame[HEADER_SIZE] = 9;
  assertEquals([...body], [1, 2, 3]);
  assertStrictEquals(frame.buffer.byteLength, frame.length, "one allocation, of the frame's size");
});

Deno.test("readdress: changes type and id, and keeps length and body", () => {
  const frame = encodeFrame(Type.MESSAGE, 0, pattern(3));
  readdress(frame, Type.DIRECT, 0xfffffffe);
  assertEquals(frame, encodeFrame(Type.DIRECT, 0xfffffffe, pattern(3)));
});

// ---- decoder ----

Deno.test("FrameDecoder: returns the encoded frames, wherever the bytes are split", () => {
  fc.assert(fc.property(
    fc.array(anyFrame, { maxLength: 8 }),
    fc.array(fc.nat({ max: 2000 }), { maxLength: 20 }),
    fc.integer({ min: 1, max: 300 }),
    anyPool,
    (frames, cuts, initial, pool) => {
      const bytes = concat([...frames.map((f) => encodeFrame(f.type, f.id, f.body))]);
      const at = cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b);
      const decoder = new FrameDecoder(MAX_FRAME, initial, pool);
      const got = cut(bytes, at).flatMap((piece) => push(decoder, piece));
      assertEquals(got, frames.map((f) => ({ ...f, body: hex(f.body) })));
      assertStrictEquals(decoder.unread.length, 0);
    },
  ));
});

Deno.test("FrameDecoder: decodes three frames in one piece, split at each offset, and byte by byte", () => {
  const bytes = concat([
    encodeFrame(Type.MESSAGE, 1, pattern(20)),
    encodeFrame(Type.PING, 0),
    encodeFrame(Type.LEFT, 0xffffffff, Uint8Array.of(Left.SLOW)),
  ]);
  const complete = push(new FrameDecoder(MAX_FRAME), bytes);
  assertEquals(complete.map((frame) => frame.type), [Type.MESSAGE, Type.PING, Type.LEFT]);
  for (const initial of [1, HEADER_SIZE, 16, 4096]) {
    for (let at = 1; at < bytes.length; at++) {
      const decoder = new FrameDecoder(MAX_FRAME, initial);
      assertEquals(cut(bytes, [at]).flatMap((piece) => push(decoder, piece)), complete);
    }
    const decoder = new FrameDecoder(MAX_FRAME, initial);
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    assertEquals(single.flatMap((byte) => push(decoder, byte)), complete);
  }
});

Deno.test("FrameDecoder: gives the bytes of the complete frame, for relaying", () => {
  const bytes = encodeFrame(Type.MESSAGE, 7, pattern(30));
  const decoder = new FrameDecoder(MAX_FRAME);
  decoder.space().set(bytes);
  decoder.fill(bytes.length);
  assertEquals(decoder.next()?.bytes, bytes);
});

for (const limit of [MAX_FRAME_BEFORE_ADMISSION, MAX_FRAME]) {
  Deno.test(`FrameDecoder: accepts a length at the limit of ${limit}, and rejects one more byte`, () => {
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

Deno.test("FrameDecoder: the limit can be raised, for an admitted member", () => {
  const frame = encodeFrame(Type.MESSAGE, 1, pattern(MAX_FRAME_BEFORE_ADMISSION));
  const decoder = new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION);
  decoder.limit = MAX_FRAME;
  assertStrictEquals(push(decoder, frame).length, 1);
});

Deno.test("FrameDecoder: a length below the size of type and id is malformed", () => {
  for (const length of [0, 1, TYPE_AND_ID - 1]) {
    assertRefused(() => push(new FrameDecoder(MAX_FRAME), header(length)), "malformed");
  }
  assertStrictEquals(push(new FrameDecoder(MAX_FRAME), header(TYPE_AND_ID)).length, 1);
});

Deno.test("FrameDecoder: rejects a bad length at its fourth byte, before the rest arrives", () => {
  for (const [length, code] of [[MAX_FRAME + 1, "too-large"], [4, "malformed"]] as const) {
    const decoder = new FrameDecoder(MAX_FRAME);
    const bytes = header(length);
    assertEquals(push(decoder, bytes.subarray(0, 3)), []);
    assertRefused(() => push(decoder, bytes.subarray(3, 4)), code);
    assertRefused(() => decoder.next(), code);
  }
});

Deno.test("FrameDecoder: returns the frames before a bad one", () => {
  const decoder = new FrameDecoder(MAX_FRAME);
  const bytes = concat([encodeFrame(Type.PING, 0), header(MAX_FRAME + 1)]);
  decoder.space().set(bytes);
  decoder.fill(bytes.length);
  assertStrictEquals(decoder.next()?.type, Type.PING);
  assertRefused(() => decoder.next(), "too-large");
});

Deno.test("FrameDecoder: unknown types are unexpected", () => {
  const known: readonly number[] = Object.values(Type);
  for (let type = 0; type < 256; type++) {
    const feed = () => push(new FrameDecoder(MAX_FRAME), header(TYPE_AND_ID, type));
    if (known.includes(type)) assertStrictEquals(feed()[0]?.type, type);
    else assertRefused(feed, "unexpected");
  }
});

Deno.test("FrameDecoder: does not copy a frame that arrives in one piece", () => {
  const decoder = new FrameDecoder(MAX_FRAME);
  const bytes = encodeFrame(Type.MESSAGE, 1, pattern(50));
  const space = decoder.space();
  space.set(bytes);
  decoder.fill(bytes.length);
  const frame = decoder.next();
  assertStrictEquals(frame?.bytes.buffer, space.buffer);
  assertStrictEquals(frame.bytes.byteOffset, space.byteOffset);
});

Deno.test("FrameDecoder: copies no byte of a body more than once, however it is split", () => {
  fc.assert(fc.property(
    fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
    fc.integer({ min: HEADER_SIZE, max: 128 }),
    anyPool,
    (sizes, reads, initial, pool) => {
      const bytes = concat([...sizes.map((n) => encodeFrame(Type.MESSAGE, 1, pattern(n)))]);
      const decoder = new FrameDecoder(MAX_FRAME, initial, pool);
      // A copy shows: it moves the unread bytes during `space()`.
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

Deno.test("FrameDecoder: grows for one frame at most, and shrinks again", () => {
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

Deno.test("FrameDecoder: a rejected length reserves no memory", () => {
  for (const length of [MAX_FRAME_BEFORE_ADMISSION + 1, 0x7fffffff, 0xffffffff]) {
    const decoder = new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION, 1024);
    assertRefused(() => push(decoder, header(length)), "too-large");
    // After an error, a connection reads until the other side ends.
    assert(decoder.space().length > 0);
    assertStrictEquals(decoder.capacity, 1024);
  }
});

Deno.test("FrameDecoder: does not read a preface in two pieces as a length", () => {
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

Deno.test("FrameDecoder: has space even while frames are not taken", () => {
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

Deno.test("FrameDecoder: skip and fill reject more bytes than they can have", () => {
  const decoder = new FrameDecoder(MAX_FRAME, 16);
  assertThrows(() => decoder.skip(1), RangeError);
  const { length } = decoder.space();
  assertThrows(() => decoder.fill(length + 1), RangeError);
  decoder.fill(3);
  decoder.skip(3);
  assertThrows(() => decoder.skip(1), RangeError);
});

/** A frame of that many bytes. */
function frameOf(size: number): Uint8Array<ArrayBuffer> {
  return encodeFrame(Type.MESSAGE, 1, pattern(size - HEADER_SIZE));
}

/** How many buffers a pool can still lend. */
function spare(pool: BufferPool): number {
  const taken: Uint8Array<ArrayBuffer>[] = [];
  for (let one = pool.take(); one; one = pool.take()) taken.push(one);
  for (const one of taken) pool.give(one);
  return taken.length;
}

Deno.test("FrameDecoder with a pool: keeps its buffer while large frames come, and gives it back for a small one", () => {
  const pool = new BufferPool(1000, 1);
  const decoder = new FrameDecoder(MAX_FRAME, 100, pool);
  push(decoder, frameOf(100));
  assertEquals([decoder.capacity, spare(pool)], [100, 1]);
  push(decoder, frameOf(101));
  const { buffer } = decoder.unread;
  assertEquals([decoder.capacity, spare(pool)], [1000, 0]);
  // Several at once, and one in pieces.
  push(decoder, concat([frameOf(300), frameOf(50), frameOf(1000).subarray(0, 400)]));
  push(decoder, frameOf(1000).subarray(400));
  push(decoder, frameOf(200));
  assertStrictEquals(decoder.unread.buffer, buffer);
  push(decoder, frameOf(100));
  assertEquals(spare(pool), 0, "a frame of it may still be in use");
  decoder.space();
  assertEquals([decoder.capacity, spare(pool)], [100, 1]);
  push(decoder, frameOf(1000));
  assertEquals([decoder.capacity, spare(pool)], [1000, 0]);
});

Deno.test("FrameDecoder with a pool: a frame that fits no buffer of it gets one of its own size", () => {
  const pool = new BufferPool(1000, 1);
  const decoder = new FrameDecoder(MAX_FRAME, 100, pool);
  push(decoder, frameOf(1001).subarray(0, 500));
  decoder.space();
  assertEquals([decoder.capacity, spare(pool)], [1001, 1]);
  push(decoder, frameOf(1001).subarray(500));
  decoder.space();
  assertStrictEquals(decoder.capacity, 100);
  // The pool's buffer goes back when a larger frame comes.
  push(decoder, concat([frameOf(500), frameOf(2000).subarray(0, 300)]));
  assertStrictEquals(spare(pool), 0);
  decoder.space();
  assertEquals([decoder.capacity, spare(pool)], [2000, 1]);
  assertEquals(push(decoder, frameOf(2000).subarray(300))[0]?.body, hex(pattern(1991)));
});

Deno.test("FrameDecoder with a pool: an unadmitted connection takes none of its buffers", () => {
  const pool = new BufferPool(MAX_FRAME, 1);
  const decoder = new FrameDecoder(MAX_FRAME_BEFORE_ADMISSION, 100, pool);
  const large = frameOf(LENGTH_SIZE + MAX_FRAME_BEFORE_ADMISSION);
  push(decoder, large.subarray(0, 50));
  decoder.space();
  assertEquals([decoder.capacity, spare(pool)], [large.length, 1]);
  push(decoder, large.subarray(50));
  decoder.limit = MAX_FRAME;
  push(decoder, frameOf(500));
  assertEquals([decoder.capacity, spare(pool)], [MAX_FRAME, 0]);
});

Deno.test("FrameDecoder with a pool: allocates what one frame needs while all buffers are lent", () => {
  const pool = new BufferPool(1000, 1);
  const [first, second] = [0, 0].map(() => new FrameDecoder(MAX_FRAME, 100, pool)) as [
    FrameDecoder,
    FrameDecoder,
  ];
  push(first, frameOf(500));
  push(second, frameOf(700).subarray(0, 200));
  second.space();
  assertEquals([first.capacity, second.capacity], [1000, 700]);
  assertEquals(push(second, frameOf(700).subarray(200))[0]?.body, hex(pattern(691)));
  second.space();
  assertStrictEquals(second.capacity, 100);
  // Its own buffer is none of the pool's.
  assertStrictEquals(spare(pool), 0);
  push(first, frameOf(50));
  first.space();
  push(second, frameOf(700));
  assertEquals([second.capacity, spare(pool)], [1000, 0]);
});

Deno.test("FrameDecoder.close: a buffer of the pool is never used again, and another may take its place", () => {
  const pool = new BufferPool(1000, 1);
  const decoder = new FrameDecoder(MAX_FRAME, 100, pool);
  push(decoder, frameOf(500));
  // The system may still write into it.
  const reading = decoder.space();
  for (let i = 0; i < 2; i++) {
    decoder.close();
    assertEquals(spare(pool), 1);
  }
  // What was read before can still be looked at.
  assertEquals(decoder.unread.buffer, reading.buffer);
  assert(pool.take()!.buffer !== reading.buffer);
});

Deno.test("FrameDecoder with a pool: decoders never share a buffer, and leave all of them at the end", () => {
  const step = fc.record({ which: fc.nat({ max: 2 }), bytes: fc.integer({ min: 1, max: 400 }) });
  fc.assert(fc.property(
    fc.array(fc.array(anyFrame, { maxLength: 6 }), { minLength: 3, maxLength: 3 }),
    fc.array(step, { maxLength: 60 }),
    fc.nat({ max: 3 }),
    (streams, steps, max) => {
      const pool = new BufferPool(209, max);
      const all = streams.map((frames) => ({
        frames,
        left: concat(frames.map((f) => encodeFrame(f.type, f.id, f.body))),
        decoder: new FrameDecoder(MAX_FRAME, 30, pool),
        got: [] as Kept[],
      }));
      const rest = [0, 1, 2].map((which) => ({ which, bytes: Infinity }));
      for (const { which, bytes } of [...steps, ...rest]) {
        const one = all[which]!;
        one.got.push(...push(one.decoder, one.left.subarray(0, bytes)));
        one.left = one.left.subarray(Math.min(bytes, one.left.length));
        // Before it reads on.
        const buffers = all.map(({ decoder }) => decoder.unread.buffer);
        assertStrictEquals(new Set(buffers).size, 3);
      }
      for (const { frames, got, decoder } of all) {
        assertEquals(got, frames.map((f) => ({ ...f, body: hex(f.body) })));
        decoder.close();
      }
      assertStrictEquals(spare(pool), max);
    },
  ));
});

// ---- bodies ----

/** The body of an encoded frame. */
function bodyOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(HEADER_SIZE);
}

Deno.test("HAVE, ACK: parsing returns the encoded value", () => {
  const u32 = fc.nat({ max: 0xffffffff });
  fc.assert(fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (position) => {
    assertStrictEquals(parseHave(bodyOf(encodeHave(position))), position);
  }));
  fc.assert(fc.property(u32, u32, fc.nat({ max: AckOutcome.GONE }), (id, count, outcome) => {
    const ack = { count, outcome };
    assertEquals(parseAck(bodyOf(encodeAck(id, ack))), ack);
  }));
});

Deno.test("parseAck, parseLeft, parseHave, parseAway: any bytes give a value or a ProtocolError", () => {
  for (const parse of [parseAck, parseLeft, parseHave, parseAway]) {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        parse(bytes);
      } catch (error) {
        assert(error instanceof ProtocolError, `${error}`);
      }
    }));
  }
});

Deno.test("encodeHave: writes a position as eight bytes, big-endian", () => {
  assertEquals(hex(encodeHave(0)), "00 00 00 0d 10 00 00 00 00 00 00 00 00 00 00 00 00");
  const bytes = bodyOf(encodeHave(0x12_3456_789a_bcde));
  assertEquals(hex(bytes), "00 12 34 56 78 9a bc de");
  for (const position of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => encodeHave(position), RangeError, `the position is ${position}`);
  }
});

Deno.test("parseHave: accepts eight bytes with a position of up to 53 bits", () => {
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

Deno.test("encodeAway, parseAway: a member is back, or away since any time of a Date", () => {
  assertEquals(encodeAway(7, undefined), encodeFrame(Type.AWAY, 7, Uint8Array.of(Away.BACK)));
  assertStrictEquals(parseAway(Uint8Array.of(Away.BACK)), undefined);
  for (const since of [0, 1, 2 ** 32 - 1, 2 ** 32, 1_709_121_600_000, 8_640_000_000_000_000]) {
    assertStrictEquals(parseAway(bodyOf(encodeAway(7, since))), since);
  }
  const time = [0, 0, 1, 0x8d, 0xec, 0, 0, 0];
  assertStrictEquals(parseAway(Uint8Array.of(Away.AWAY, ...time)), 0x18dec000000);
  const late = bodyOf(encodeAway(7, 8_640_000_000_000_001));
  const huge = new Uint8Array(9).fill(255).with(0, Away.AWAY);
  const states = [[], [2], [255], [0, 0], [1], [1, 0]];
  const sizes = [[0, ...time], [2, ...time], [1, ...time.slice(1)], [1, ...time, 0]];
  for (const body of [...states, ...sizes, late, huge]) {
    assertRefused(() => parseAway(Uint8Array.from(body)), "malformed");
  }
});

Deno.test("parseAck: accepts five bytes that end with a known outcome", () => {
  assertEquals(parseAck(Uint8Array.of(0xff, 0, 0, 1, 3)), { count: 0xff000001, outcome: 3 });
  for (const size of [0, 4, 6]) assertRefused(() => parseAck(new Uint8Array(size)), "malformed");
  assertRefused(() => parseAck(Uint8Array.of(0, 0, 0, 1, 4)), "malformed");
});

Deno.test("parseLeft: accepts one byte, a known reason", () => {
  for (const reason of Object.values(Left)) {
    assertStrictEquals(parseLeft(Uint8Array.of(reason)), reason);
  }
  for (const body of [[], [5], [255], [0, 0]]) {
    assertRefused(() => parseLeft(Uint8Array.from(body)), "malformed");
  }
});

Deno.test("checkEmpty: accepts only an empty body", () => {
  checkEmpty("PING", new Uint8Array(0));
  assertRefused(() => checkEmpty("PING", new Uint8Array(1)), "malformed");
});
