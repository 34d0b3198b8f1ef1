// Finds the key of XOR traffic, which nobody has told it: all 256 are tried, and the one under which it reads as
// language is the key. Pure: bytes in, findings out; knows no file, no screen and no server's word for the key.
//
// What counts as language is a model of one character after another: how often letters, blanks and marks stand
// in English, German and French, and how UTF-8 writes the rest. A key's evidence is what a gambler calls odds:
//
//     bits = log2(probability in the model / probability in noise), summed over all bytes; noise: 1/256 a byte
//
// The model's probabilities sum up to 1 at most, whatever came before. So in noise, however long, one key gets
// B bits or more at most once in 2^B times (Markov's inequality), and one of 256 keys at most 256 times as often:
// noise is not taken for text, and how sure a finding is needs no threshold that was tried out.

import { privateKey, XorCipher } from "../cipher.ts";
import {
  decodeEnvelope,
  decodeProfile,
  type Envelope,
  NUMBER_OVERHEAD,
} from "../protocol/envelope.ts";
import { ProtocolError } from "../errors.ts";
import {
  FrameDecoder,
  HEADER_SIZE,
  MAX_FRAME,
  parseGreeting,
  parseHello,
  parsePreface,
  PREFACE,
  Type,
} from "../protocol.ts";
import { messageLine } from "../ui/plain_lines.ts";
import { printable } from "../text/printable.ts";

/** Bytes of traffic that are read, at most: what it may cost in memory, and hours of talk. */
export const MAX_TRAFFIC: number = 4 * 1024 * 1024;
/** Bytes that all keys are tried on: a hundredth of it would do, if it is text. */
const MAX_SAMPLE = 64 * 1024;
/** Of these, bytes of one body: parts of files must not crowd out what is said. */
const MAX_BODY_SAMPLE = 256;
/** How sure a key must be to be called found. */
const SURE = 0.99;
/** Bytes from which on it can be said that something is no text: in fewer, nobody knows. */
const ENOUGH = 24;
/** Different bytes that a language needs; of shorter samples a third. Patterns have fewer. */
const VARIETY = 8;

/** One of the 256 keys. */
export interface Candidate {
  /** As servers send it, and `chat serve --key` takes it. */
  readonly publicKey: number;
  /** What bytes are XORed with. */
  readonly privateKey: number;
  /** Evidence for text under this key; below 0: against it. */
  readonly bits: number;
  /** From 0 to 1: how likely it is the key, where each key, and text at all, was as likely before. */
  readonly confidence: number;
}

/** What came of it. `unsure`: too little to tell, or text under several keys. `none`: no key gives text. */
export type Verdict = "found" | "unsure" | "none" | "empty";

export interface Finding {
  readonly verdict: Verdict;
  /** All keys, the likeliest first. */
  readonly candidates: readonly Candidate[];
  /** Bytes that the keys were tried on. */
  readonly tried: number;
}

/** A frame, as far as it matters here. The body is a view of the traffic. */
interface Piece {
  readonly type: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** What the bytes are: frames, whose headers stand in plain, or one run of the original's. */
export type Traffic =
  | {
    readonly kind: "frames";
    readonly frames: readonly Piece[];
    /** They begin with the preface: what a client sent, or both. */
    readonly preface: boolean;
    /** Bytes at the end that are no whole frame. */
    readonly unread: number;
  }
  | { readonly kind: "run"; readonly bytes: Uint8Array };

// ---- traffic ----

/** Frames that must come before a fault, so that what begins like frames is taken for such. */
const CHAIN = 3;

/**
 * Tells frames from a run. Frames must begin with the first byte or behind the preface, so with a packet of the
 * capture; whatever else comes is a run.
 */
export function readTraffic(bytes: Uint8Array): Traffic {
  const preface = parsePreface(bytes).kind === "chat";
  let at = preface ? PREFACE.length : 0;
  const decoder = new FrameDecoder(MAX_FRAME);
  const frames: Piece[] = [];
  let faulty = false;
  let fed = at;
  try {
    while (fed < bytes.length) {
      const space = decoder.space();
      const part = bytes.subarray(fed, fed + space.length);
      space.set(part);
      decoder.fill(part.length);
      fed += part.length;
      for (let frame; (frame = decoder.next());) {
        // The decoder's own views do not last.
        const body = bytes.subarray(at + HEADER_SIZE, at + frame.bytes.length);
        frames.push({ type: frame.type, id: frame.id, body });
        at += frame.bytes.length;
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    faulty = true;
  }
  if (preface || frames.length >= (faulty ? CHAIN : 1)) {
    return { kind: "frames", frames, preface, unread: bytes.length - at };
  }
  return { kind: "run", bytes };
}

/** Whether it has what a client sent and what a server sent. */
function hasBoth({ preface, frames }: Traffic & { kind: "frames" }): boolean {
  return preface && frames.some(({ type }) => type === Type.GREETING);
}

/** What a server's greeting says, in clear, of the cipher: the public key, or that it is sealed. Nothing needs it. */
export function announcedKey(traffic: Traffic): number | "sealed" | undefined {
  if (traffic.kind === "run") return undefined;
  for (const { type, body } of traffic.frames) {
    if (type !== Type.GREETING) continue;
    const greeting = ifRight(() => parseGreeting(body));
    return greeting?.cipher === "xor" ? Number(greeting.key) : greeting?.cipher;
  }
  return undefined;
}

/** Bytes of the public key as decimal text, where it stands in front of a run: so the original's server sends it. */
export function announcement(bytes: Uint8Array, publicKey: number): number {
  const digits = String(publicKey);
  for (let i = 0; i < digits.length; i++) {
    if (bytes[i] !== digits.charCodeAt(i)) return 0;
  }
  return digits.length;
}

/** What comes off the wire may be anything. */
function ifRight<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What is sealed in a frame; undefined: nothing. */
function sealedIn(
  { type, body }: Piece,
): { kind: "envelope" | "profile"; body: Uint8Array } | undefined {
  switch (type) {
    case Type.MESSAGE:
    case Type.DIRECT:
      return { kind: "envelope", body };
    case Type.PROFILE:
    case Type.JOINED:
    case Type.MEMBER:
      return { kind: "profile", body };
    case Type.HELLO: {
      const hello = ifRight(() => parseHello(body));
      return hello && { kind: "profile", body: hello.profile };
    }
    default:
      return undefined;
  }
}

// ---- the model ----

/**
 * Of 1,000 letters in English, German and French, how many are a, b, c ... z: rounded from what common tables of
 * letter frequencies agree on, letters with accents left out. A text under a wrong key has other characters
 * altogether, so languages like these will do.
 */
const LETTERS: readonly (readonly number[])[] = [
  "82 15 28 43 127 22 20 61 70 2 8 40 24 67 75 19 1 60 63 91 28 10 24 2 20 1",
  "65 19 27 51 164 17 30 46 66 3 14 34 25 98 26 7 1 70 73 62 42 8 19 1 1 11",
  "76 9 33 37 147 11 9 7 75 6 1 55 30 71 58 25 14 67 79 72 63 18 1 4 1 3",
].map((counts) => counts.split(" ").map(Number));

/** Of all characters, the parts that are these. Estimates: a finding has bits by the dozen, and these cost one or two. */
const PART = {
  letters: 0.74,
  space: 0.16,
  // Most often first, and each about half as often as those before it.
  marks: 0.052,
  digits: 0.012,
  /** All other printable ASCII. */
  others: 0.004,
  newline: 0.005,
  /** Tab and carriage return. */
  blanks: 0.001,
  /** Two bytes and more in UTF-8. */
  wide: 0.025,
};
const MARKS: readonly string[] = [".,", "'?!", "-:", `;()"`];
/** Of the wide ones: accents of Western Europe, other signs of Latin texts, dashes and quotes, emoji, the rest. */
const WIDE: readonly (readonly [leads: readonly number[], part: number])[] = [
  [[0xc3], 0.6],
  [[0xc2, 0xc4, 0xc5], 0.08],
  [[0xe2], 0.15],
  [[0xf0], 0.05],
  [range(0xc6, 0xdf), 0.06],
  [[0xe0, 0xe1, ...range(0xe3, 0xef)], 0.06],
];
/** The chance that a letter is a capital: most are behind another, or behind none. */
const CAPITAL = { behindCapital: 0.5, else: 0.06 };
/** That script goes on as it was, for what is not Latin. */
const SAME_SCRIPT = 0.5;
const LEAVES = Math.log2(1 - SAME_SCRIPT);
/** log2 of the chance of one control character, and of one byte that is no UTF-8: a torn capture has some. */
const HARDLY = -20;
/** log2 of what a third same byte in a row and each further one costs: else zeros would be blanks. */
const RUN = -6;
/** log2 of the chance of one byte of noise. */
const NOISE = -8;
/** What a byte of UTF-8 behind the first tells: two bits of it are given. */
const CONTINUATION = -6 - NOISE;

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Bits for each byte that begins a character, behind a capital and elsewhere. */
const [BITS_BEHIND_CAPITAL, BITS] = [CAPITAL.behindCapital, CAPITAL.else].map((capital) => {
  const chance = new Float64Array(256).fill(2 ** HARDLY);
  const spread = (part: number, codes: readonly number[]) => {
    for (const code of codes) chance[code] = part / codes.length;
  };
  spread(PART.others, range(0x21, 0x7e));
  spread(PART.digits, range(0x30, 0x39));
  MARKS.forEach((marks, i) => {
    const share = i === MARKS.length - 1 ? 2 ** -i : 2 ** -(i + 1);
    spread(PART.marks * share, Array.from(marks, (mark) => mark.charCodeAt(0)));
  });
  spread(PART.space, [0x20]);
  spread(PART.newline, [0x0a]);
  spread(PART.blanks, [0x09, 0x0d]);
  for (let letter = 0; letter < 26; letter++) {
    const counts = LETTERS.map((counts) => counts[letter]! / sum(counts));
    const part = PART.letters * sum(counts) / counts.length;
    chance[0x61 + letter] = part * (1 - capital);
    chance[0x41 + letter] = part * capital;
  }
  for (const [leads, part] of WIDE) spread(PART.wide * part, leads);
  return chance.map((chance) => Math.log2(chance) - NOISE);
}) as [Float64Array, Float64Array];

function sum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Of the scripts that two, three and four bytes write, how many first bytes there are. */
const LEADS: readonly number[] = [0, 0, 30, 16, 5];

/** The evidence in bits that bytes are text once they are XORed with `key`. */
function evidence(bytes: Uint8Array, key: number, start = 0): number {
  let bits = 0;
  let last = -1;
  let repeated = 0;
  let behindCapital = false;
  /** Bytes of the characters that the text is written with, where that is not Latin. */
  let script = 0;
  for (let i = start; i < bytes.length;) {
    const byte = bytes[i]! ^ key;
    const leaves = script === 0 ? 0 : LEAVES;
    if (byte < 0x80) {
      repeated = byte === last ? repeated + 1 : 0;
      last = byte;
      bits += (behindCapital ? BITS_BEHIND_CAPITAL : BITS)[byte]! + leaves;
      if (repeated > 1) bits += RUN;
      const letter = byte & 0xdf;
      if (letter >= 0x41 && letter <= 0x5a) {
        behindCapital = byte === letter;
        script = 0;
      }
      i++;
      continue;
    }
    last = -1;
    const size = sizeAt(bytes, i, key);
    if (size === 0) {
      bits += HARDLY - NOISE;
      i++;
      continue;
    }
    const isLatin = byte < 0xc6 || byte === 0xe2 || byte === 0xf0;
    const goesOn = size === script ? SAME_SCRIPT / LEADS[size]! : 0;
    // The end of what was tried may cut a character.
    const behind = Math.min(size, bytes.length - i) - 1;
    bits += Math.log2(goesOn + 2 ** (BITS[byte]! + NOISE + leaves)) - NOISE +
      CONTINUATION * behind;
    if (!isLatin) script = size;
    behindCapital = false;
    i += size;
  }
  return bits;
}

/** Bytes of the character of UTF-8 that begins at `i` under a key, as far as it goes; 0: it is none (RFC 3629). */
function sizeAt(bytes: Uint8Array, i: number, key: number): number {
  const lead = bytes[i]! ^ key;
  const size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (let k = 1; k < size && i + k < bytes.length; k++) {
    const byte = bytes[i + k]! ^ key;
    let least = 0x80;
    let most = 0xbf;
    if (k === 1) {
      // Longer than it need be, halves of surrogate pairs, beyond Unicode.
      if (lead === 0xe0) least = 0xa0;
      if (lead === 0xed) most = 0x9f;
      if (lead === 0xf0) least = 0x90;
      if (lead === 0xf4) most = 0x8f;
    }
    if (byte < least || byte > most) return 0;
  }
  return size;
}

/** Of what is said, the parts that are a text, an action, either with a number, or something else. */
const KINDS: Readonly<Record<string, number>> = { T: 0.45, A: 0.02, N: 0.4, R: 0.02 };
/** About files, which are no text: a chance like noise's, so that they tell nothing. */
const FILE = "F";
const OTHER_KINDS = 0.1;

/** The evidence that a body is an envelope with a text in it. */
function envelopeEvidence(body: Uint8Array, key: number, start = 0): number {
  const kind = String.fromCharCode(body[start]! ^ key);
  if (kind === FILE) return 0;
  const part = KINDS[kind];
  if (part === undefined) return Math.log2(OTHER_KINDS) + evidence(body, key, start);
  const bits = Math.log2(part) - NOISE;
  if (kind === "T" || kind === "A") return bits + evidence(body, key, start + 1);
  // What counts messages looks like noise.
  const inner = start + NUMBER_OVERHEAD;
  return inner < body.length ? bits + envelopeEvidence(body, key, inner) : HARDLY;
}

// ---- the search ----

/** Tries all keys. */
export function crack(traffic: Traffic): Finding {
  const { bodies, tried, seen } = sampleOf(traffic);
  const bits = Array.from({ length: 256 }, (_, publicKey) => {
    const key = privateKey(publicKey);
    return bodies.reduce((bits, { kind, body }) => {
      if (kind === "envelope") return bits + envelopeEvidence(body, key);
      // The key as the original sends it is no evidence, neither for it nor against it.
      return bits + evidence(body, key, kind === "run" ? announcement(body, publicKey) : 0);
    }, 0);
  });
  // Text under one of 256 keys is as likely as noise, before anything was seen. Sums of powers, without the powers.
  const noise = 8;
  const most = Math.max(noise, ...bits);
  const all = 2 ** (noise - most) + sum(bits.map((bits) => 2 ** (bits - most)));
  const candidates = bits.map((bits, publicKey) => ({
    publicKey,
    privateKey: privateKey(publicKey),
    bits,
    confidence: 2 ** (bits - most) / all,
  })).sort((a, b) => b.bits - a.bits || a.publicKey - b.publicKey);
  const varied = seen >= Math.min(VARIETY, Math.ceil(tried / 3));
  const noiseLeft = 2 ** (noise - most) / all;
  let verdict: Verdict = "unsure";
  if (tried === 0) verdict = "empty";
  else if (candidates[0]!.confidence >= SURE && varied) verdict = "found";
  else if (tried >= ENOUGH && (noiseLeft > 0.5 || !varied)) verdict = "none";
  return { verdict, candidates, tried };
}

interface Sample {
  readonly bodies: { kind: "run" | "envelope" | "profile"; body: Uint8Array }[];
  readonly tried: number;
  /** How many different bytes. */
  readonly seen: number;
}

function sampleOf(traffic: Traffic): Sample {
  const bodies: Sample["bodies"] = [];
  let tried = 0;
  const take = (kind: Sample["bodies"][number]["kind"], body: Uint8Array, most: number) => {
    const part = body.subarray(0, Math.min(most, MAX_SAMPLE - tried));
    if (part.length === 0) return;
    bodies.push({ kind, body: part });
    tried += part.length;
  };
  if (traffic.kind === "run") take("run", traffic.bytes, MAX_SAMPLE);
  else {
    for (const frame of traffic.frames) {
      if (tried === MAX_SAMPLE) break;
      const sealed = sealedIn(frame);
      if (sealed) take(sealed.kind, sealed.body, MAX_BODY_SAMPLE);
    }
  }
  const seen = new Set(bodies.flatMap(({ body }) => [...body])).size;
  return { bodies, tried, seen };
}

// ---- the text ----

/** What was said, safe to print. */
export interface Revealed {
  /** A run is one text; of frames each message is one, with the rest of its lines indented. */
  readonly texts: readonly string[];
  /** Messages that are no text: about files, or of a kind that this version does not know. */
  readonly others: number;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The traffic, opened with a key. */
export function reveal(traffic: Traffic, { publicKey }: Candidate): Revealed {
  const cipher = new XorCipher(publicKey);
  if (traffic.kind === "run") {
    const sealed = traffic.bytes.subarray(announcement(traffic.bytes, publicKey));
    const text = utf8.decode(cipher.open(sealed).plaintext);
    return { texts: [printable(text.replace(/\r?\n$/, ""), "lines")], others: 0 };
  }
  const texts: string[] = [];
  let others = 0;
  const names = new Map<number, string>();
  const client = traffic.preface && !hasBoth(traffic);
  for (const frame of traffic.frames) {
    const sealed = sealedIn(frame);
    if (!sealed) continue;
    const { type, id } = frame;
    const { plaintext } = cipher.open(sealed.body);
    if (sealed.kind === "profile") {
      const name = ifRight(() => decodeProfile(plaintext))?.name;
      if (name !== undefined) names.set(id, name);
      continue;
    }
    const envelope: Envelope | undefined = ifRight(() => decodeEnvelope(plaintext));
    if (envelope?.kind !== "text" && envelope?.kind !== "action") {
      others++;
      continue;
    }
    // A client's own frames say who they are for: 0 is the room.
    const who = client ? 0 : id;
    texts.push(messageLine(names.get(who) ?? (who === 0 ? "?" : `#${who}`), {
      type: type === Type.DIRECT || (client && id !== 0) ? "direct" : "message",
      text: envelope.text,
      action: envelope.kind === "action",
    }));
  }
  return { texts, others };
}

/** Characters of a preview. */
const PREVIEW = 40;

/** The first that a key gives, text or not, as one line that is safe to print. */
export function preview(traffic: Traffic, { publicKey }: Candidate): string {
  const [{ kind, body } = { kind: "run", body: new Uint8Array(0) }] = sampleOf(traffic).bodies;
  const start = kind === "run" ? announcement(body, publicKey) : 0;
  // Four bytes are the longest character.
  const { plaintext } = new XorCipher(publicKey).open(body.subarray(start, start + 4 * PREVIEW));
  return printable(Array.from(utf8.decode(plaintext)).slice(0, PREVIEW).join(""));
}

// ---- what people are told ----

/** A list of the likeliest keys: one line each, safe to print. */
export function listCandidates(traffic: Traffic, { candidates }: Finding, most: number): string {
  return candidates.slice(0, most).map((candidate) => {
    const columns = [
      String(candidate.publicKey).padStart(3),
      bitsOf(candidate).padStart(12),
      `${percent(candidate)} %`.padStart(7),
      preview(traffic, candidate),
    ];
    return columns.join("  ").trimEnd() + "\n";
  }).join("");
}

/** How a key was found: sentences. */
export function explain(traffic: Traffic, { candidates, tried }: Finding): string[] {
  const [best, next] = candidates as [Candidate, Candidate];
  const sentences = [
    `all 256 keys were tried on ${count(tried, "byte")}${
      traffic.kind === "frames" ? `, sealed in ${describe(traffic)}` : ""
    }`,
    `${best.publicKey} gives text, with ${
      bitsOf(best)
    } of evidence; the next best, ${next.publicKey}, ` +
    `has ${bitsOf(next)}: that is more than ${percent(best)} % sure`,
    `each byte was XORed with ${best.privateKey}, the private key of ${best.publicKey}`,
  ];
  const announced = traffic.kind === "run"
    ? announcement(traffic.bytes, best.publicKey) > 0
    : announcedKey(traffic) === best.publicKey;
  if (announced) {
    sentences.push("the server has sent this key itself, in clear: that was not needed");
  }
  if (traffic.kind === "frames" && hasBoth(traffic)) {
    sentences.push(
      "both directions are in it: what the client says comes twice, and of what it says to one " +
        "member alone the name is the receiver's",
    );
  }
  if (traffic.kind === "frames" && traffic.unread > 0) {
    sentences.push(
      `the last ${count(traffic.unread, "byte")} are no whole frame, and were not read`,
    );
  }
  return sentences;
}

/** Why no key was found. @returns undefined if one was */
export function failure(
  traffic: Traffic,
  { verdict, candidates, tried }: Finding,
): { message: string; hint?: string } | undefined {
  const [best] = candidates as [Candidate];
  switch (verdict) {
    case "found":
      return undefined;
    case "empty":
      return traffic.kind === "run"
        ? { message: "Cannot find a key: there is nothing to read" }
        : { message: `Cannot find a key: nothing is sealed in ${describe(traffic)}` };
    case "unsure":
      return {
        message: `Cannot find the key: in ${count(tried, "byte")} ${
          tried < ENOUGH ? "there is too little to tell" : "more than one key gives text"
        }; the likeliest, ${best.publicKey}, is ${percent(best)} % sure`,
        hint: "More of the conversation tells more; the likeliest keys are listed by: --top 5",
      };
    case "none":
      return {
        message: "Cannot find a key: none of the 256 keys gives text; that is what a sealed " +
          "stream looks like",
        hint: announcedKey(traffic) === "sealed"
          ? "It is one: the server's greeting says so"
          : traffic.kind === "run"
          ? "If it is not sealed: give one direction of a connection, from the start of a packet"
          : "If it is not sealed, there may be too much in it that is no text, such as files",
      };
  }
}

function describe(traffic: Traffic): string {
  if (traffic.kind === "run") return count(traffic.bytes.length, "byte");
  return count(traffic.frames.length, "frame");
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function bitsOf({ bits }: Candidate): string {
  return count(Math.round(bits), "bit");
}

/** Rounded down, and never 100: nobody is that sure. */
function percent({ confidence }: Candidate): string {
  return (Math.min(999, Math.floor(1000 * confidence)) / 10).toFixed(1);
}
