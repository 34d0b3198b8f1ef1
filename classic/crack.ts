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
import { Type } from "../protocol.ts";
import {
  decodeEnvelope,
  decodeProfile,
  type Envelope,
  NUMBER_OVERHEAD,
} from "../protocol/envelope.ts";
import { messageLine } from "../text/message_line.ts";
import { printable } from "../text/printable.ts";
import { announcement, hasBoth, ifRight, sealedIn, type Traffic } from "./captured.ts";
import { evidence, HARDLY, NOISE, sum } from "./language_model.ts";

/** Bytes of traffic that are read, at most: what it may cost in memory, and hours of talk. */
export const MAX_TRAFFIC: number = 4 * 1024 * 1024;
/** Bytes that all keys are tried on: a hundredth of it would do, if it is text. */
const MAX_SAMPLE = 64 * 1024;
/** Of these, bytes of one body: parts of files must not crowd out what is said. */
const MAX_BODY_SAMPLE = 256;
/** How sure a key must be to be called found. */
const SURE = 0.99;
/** Bytes from which on it can be said that something is no text: in fewer, nobody knows. */
export const ENOUGH = 24;
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

export interface Finding {
  /** `unsure`: too little to tell, or text under several keys. `none`: no key gives text. `empty`: no bytes to try. */
  readonly verdict: "found" | "unsure" | "none" | "empty";
  /** All keys, the likeliest first. */
  readonly candidates: readonly Candidate[];
  /** Bytes that the keys were tried on. */
  readonly tried: number;
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
  let verdict: Finding["verdict"] = "unsure";
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

export function sampleOf(traffic: Traffic): Sample {
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
