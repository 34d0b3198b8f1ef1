// One million frames, most of them broken, for the decoder and every parser. The seed is fixed, so the frames are the
// same in each run.

import { parseData, parseGrant } from "../../protocol/data.ts";
import { decodeChunks } from "../../protocol/file_messages.ts";
import { assert } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { XorCipher } from "../../cipher.ts";
import { ProtocolError } from "../../errors.ts";
import {
  AckOutcome,
  checkEmpty,
  checkProfile,
  encodeAck,
  encodeAway,
  encodeFrame,
  encodeHave,
  ERROR_CODES,
  type Frame,
  FrameDecoder,
  Left,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  parseAck,
  parseAway,
  parseHave,
  parseLeft,
  PREFACE,
  Type,
  VERSION,
} from "../../protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeHello,
  encodeLogin,
  encodeResume,
  encodeSeat,
  encodeWarning,
  encodeWelcome,
  parseError,
  parseGreeting,
  parseHello,
  parseLogin,
  parseSeat,
  parseWelcome,
} from "../../protocol/json_frames.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
} from "../../protocol/envelope.ts";
import { parsePreface, parseServerOpening } from "../../protocol/opening.ts";
import { mulberry32 } from "../support/random.ts";

const SEED = 0x63686174;
const FRAMES = 1_000_000;
const INITIAL = 512;
/** The most frames for one decoder: a false length must not swallow all frames that follow. */
const FRAMES_PER_DECODER = 50;
/** By how many bytes the process may grow: garbage that is not collected yet. */
const MEMORY_MARGIN = 256 * 1024 * 1024;

const random = mulberry32(SEED);

function pick<T>(from: readonly T[]): T {
  return from[random(from.length)]!;
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => random(256));
}

const cipher = new XorCipher(198);
const profile = cipher.seal(encodeProfile({ name: "Ada" }));
const text = "So it starts! Grüße, 你好 🙂";
const said = cipher.seal(encodeEnvelope({ kind: "text", text }));
const number = { origin: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), seq: 7, replay: true };
const numbered = cipher.seal(encodeEnvelope({ kind: "text", text, number }));
const token = "Az09_-".repeat(4);
const budget = { frames: 20, frameBurst: 200, bytes: 65_536, byteBurst: 524_288 };

/** Valid frames of every type, for the mutations. */
const VALID: readonly Uint8Array<ArrayBuffer>[] = [
  encodeGreeting({ version: VERSION, cipher: "xor", key: "198", maxFrame: MAX_FRAME }),
  encodeGreeting({ version: VERSION, cipher: "sealed", maxFrame: MAX_FRAME }),
  encodeGreeting({ version: VERSION, cipher: "sealed", nonce: token, maxFrame: MAX_FRAME, budget }),
  encodeLogin({ message: "Az09_-".repeat(16) }),
  encodeLogin({ message: "Az09_-".repeat(71), tries: 4 }),
  encodeHello({ version: VERSION }),
  encodeHello({ version: VERSION, proof: "Az09_-".repeat(14) }),
  encodeSeat(2, { log: token, room: 1234 }),
  encodeSeat(2, { log: token, room: 1234, chain: "Az09_-".repeat(7) }),
  encodeResume({ token, room: 1234, own: 2 ** 40, proof: "Az09_-".repeat(7) }),
  encodeWelcome(2, {
    room: 1234,
    own: 0,
    members: 1,
    accepted: 2,
    said: 56,
    chain: "Az09_-".repeat(7),
    token,
    grace: 60_000,
  }),
  encodeHave(1234),
  encodeAway(7, 1_709_121_600_000),
  encodeWarning("flood", "you are sending more than this room allows"),
  encodeFrame(Type.MESSAGE, 0, said),
  encodeFrame(Type.MESSAGE, 0, numbered),
  encodeFrame(Type.MESSAGE, 7, new Uint8Array(2000)),
  encodeFrame(Type.DIRECT, 0xffffffff, said),
  encodeAck(7, { count: 3, outcome: AckOutcome.BUSY }),
  encodeFrame(Type.PROFILE, 7, profile),
  encodeFrame(Type.JOINED, 7, profile),
  encodeFrame(Type.LEFT, 7, Uint8Array.of(Left.SLOW)),
  encodeFrame(Type.MEMBER, 1, profile),
  encodeFrame(Type.PING, 0),
  encodeFrame(Type.PONG, 0),
  encodeFrame(Type.BYE, 0),
  encodeError("slow", "you read too slowly and were disconnected"),
];

const MUTATIONS: ((frame: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>)[] = [
  function flipBits(frame) {
    const copy = frame.slice();
    for (let flips = 1 + random(4); flips > 0; flips--) {
      copy[random(copy.length)]! ^= 1 << random(8);
    }
    return copy;
  },
  // In the body only, so that the decoder passes it on to the parser.
  function flipBodyByte(frame) {
    const copy = frame.slice();
    if (copy.length > 9) copy[9 + random(copy.length - 9)] = random(256);
    return copy;
  },
  // JSON stays valid JSON.
  function changeDigit(frame) {
    const copy = frame.slice();
    const digits = [...copy.keys()].filter((i) => i >= 9 && copy[i]! >= 0x30 && copy[i]! <= 0x39);
    if (digits.length > 0) copy[pick(digits)] = 0x30 + random(10);
    return copy;
  },
  function truncate(frame) {
    return frame.slice(0, random(frame.length));
  },
  function insert(frame) {
    const at = random(frame.length + 1);
    return concat([frame.subarray(0, at), randomBytes(1 + random(8)), frame.subarray(at)]);
  },
  function changeLength(frame) {
    const copy = frame.slice();
    const near = [copy.length - 5, copy.length - 3, 0, 4, 5];
    const limits = [MAX_FRAME_BEFORE_ADMISSION, MAX_FRAME, MAX_FRAME + 1, 0x7fffffff, 0xffffffff];
    const length = pick([...near, ...limits, random(0xffffffff)]);
    new DataView(copy.buffer).setUint32(0, length);
    return copy;
  },
  function changeType(frame) {
    const copy = frame.slice();
    copy[4] = random(24);
    return copy;
  },
  function splice(frame) {
    const other = pick(VALID);
    return concat([
      frame.subarray(0, random(frame.length + 1)),
      other.subarray(random(other.length + 1)),
    ]);
  },
  // A valid header and a random body.
  function randomBody(frame) {
    return encodeFrame(frame[4]!, random(0xffffffff), randomBytes(random(80)));
  },
  function noise() {
    return randomBytes(1 + random(60));
  },
];

/** Parses a frame like the server and the client. */
function parse({ type, body }: Frame): void {
  switch (type) {
    case Type.GREETING:
      return void parseGreeting(body);
    case Type.LOGIN:
      return void parseLogin(body);
    case Type.HELLO:
      return void parseHello(body);
    case Type.SEAT:
      return void parseSeat(body);
    case Type.WELCOME:
      return void parseWelcome(body);
    case Type.MESSAGE:
    case Type.DIRECT:
      return void decodeEnvelope(cipher.open(body).plaintext);
    case Type.ACK:
      return void parseAck(body);
    case Type.PROFILE:
    case Type.JOINED:
    case Type.MEMBER:
      checkProfile(body);
      return void decodeProfile(cipher.open(body).plaintext);
    case Type.LEFT:
      return void parseLeft(body);
    case Type.ERROR:
    case Type.WARNING:
      return void parseError(body);
    case Type.HAVE:
      return void parseHave(body);
    case Type.AWAY:
      return void parseAway(body);
    case Type.GRANT:
      return void parseGrant(body);
    case Type.DATA:
      return void decodeChunks(cipher.open(parseData(body).chunk).plaintext);
    default:
      return checkEmpty("a frame", body);
  }
}

/** How often each outcome came. It shows that the frames reach every parser. */
const outcomes = new Map<string, number>();

function count(outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

/** Counts the two errors that are allowed: a protocol error, and an envelope that cannot be opened. */
function countError(error: unknown): void {
  if (error instanceof ProtocolError) {
    assert((ERROR_CODES as readonly string[]).includes(error.code), error.code);
    count(error.code);
  } else if (error instanceof RangeError && /^Cannot (?:read|accept) /.test(error.message)) {
    count("unreadable");
  } else {
    throw error;
  }
}

Deno.test(`FrameDecoder and parsers: one million random and mutated frames (seed ${SEED}) cause only ProtocolError, and memory stays bounded`, () => {
  let decoder = new FrameDecoder(MAX_FRAME, INITIAL);
  let capacity = 0;
  let left = 0;
  const memory = () => {
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const before = memory();
  const started = performance.now();

  /** Parses all complete frames; returns false if the stream is broken. */
  const drain = (): boolean => {
    try {
      for (;;) {
        const unread = decoder.unread.length;
        const frame = decoder.next();
        if (!frame) return true;
        assert(
          decoder.unread.length < unread,
          "a frame must take bytes, or this loop would never end",
        );
        try {
          parse(frame);
          count("parsed");
        } catch (error) {
          countError(error);
        }
      }
    } catch (error) {
      countError(error);
      return false;
    }
  };

  for (let i = 0; i < FRAMES; i++) {
    if (left-- === 0) {
      left = FRAMES_PER_DECODER;
      const limit = pick([MAX_FRAME_BEFORE_ADMISSION, MAX_FRAME]);
      capacity = Math.max(INITIAL, 4 + limit);
      decoder = new FrameDecoder(limit, INITIAL);
    }
    const valid = pick(VALID);
    // One in four is not mutated, so that the decoder gets to the frames after it.
    let bytes = random(4) === 0 ? valid : pick(MUTATIONS)(valid);
    if (i % 8 === 0) {
      parsePreface(random(2) === 0 ? bytes : concat([PREFACE.subarray(0, random(8)), bytes]));
      parseServerOpening(bytes);
    }
    while (bytes.length > 0) {
      const space = decoder.space();
      const size = Math.min(space.length, bytes.length, random(2) === 0 ? 1 + random(40) : 4096);
      assert(size > 0, "there must be space");
      space.set(bytes.subarray(0, size));
      decoder.fill(size);
      bytes = bytes.subarray(size);
      if (!drain()) {
        left = 0;
        break;
      }
      assert(decoder.capacity <= capacity, `the decoder holds ${decoder.capacity} bytes`);
    }
    if (i % 10_000 === 0) {
      const grown = memory() - before;
      assert(grown < MEMORY_MARGIN, `the process has grown by ${grown} bytes`);
    }
  }

  const seconds = (performance.now() - started) / 1000;
  console.log(`${Math.round(FRAMES / seconds)} frames/s: ${JSON.stringify([...outcomes])}`);
  for (
    const outcome of ["parsed", "unreadable", "malformed", "too-large", "unexpected", "version"]
  ) {
    assert((outcomes.get(outcome) ?? 0) > 100, `${outcome}: ${outcomes.get(outcome)}`);
  }
});
