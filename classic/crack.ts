// Finds the key of XOR traffic from the ciphertext alone: tries all 256 keys, and takes the one under which the bytes
// are most likely text. Pure: bytes in, findings out; it knows no file and no screen, and ignores an announced key.
//
// `classic/language_model.ts` gives the probability of a text. A key's evidence is a log-likelihood ratio:
//
//     bits = log2(probability in the model / probability in noise), summed over all bytes; noise: 1/256 a byte
//
// The model's probabilities sum to at most 1 after any context. So in noise of any length, one key gets B bits or more
// with a probability of at most 2^-B (Markov's inequality), and one of 256 keys with at most 256 times that. So noise
// is not mistaken for text, and the confidence needs no tuned threshold.

import { privateKey, XorCipher } from "../cipher.ts";
import { Type } from "../protocol.ts";
import {
  decodeEnvelope,
  decodeProfile,
  type Envelope,
  NUMBER_OVERHEAD,
} from "../protocol/envelope.ts";
import { REFERENCE_SIZE } from "../protocol/message_ids.ts";
import { messageLine } from "../text/message_line.ts";
import { printable } from "../text/printable.ts";
import { announcement, hasBoth, sealedIn, type Traffic, tryParse } from "./captured.ts";
import { evidence, HARDLY, NOISE, sum } from "./language_model.ts";

/** Limit of the traffic that is read, in bytes. It bounds the memory, and holds hours of conversation. */
export const MAX_TRAFFIC: number = 4 * 1024 * 1024;
/** Limit of the sample on which all keys are tried, in bytes. A hundredth is enough for text. */
const MAX_SAMPLE = 64 * 1024;
/** Limit of the sample from one body, in bytes, so that chunks of files leave space for messages. */
const MAX_BODY_SAMPLE = 256;
/** Confidence from which on a key counts as found. */
const SURE = 0.99;
/** Bytes from which on the verdict can be `none`: fewer cannot exclude text. */
export const ENOUGH = 24;
/** Different bytes that text must have, or a third of a shorter sample. Patterns have fewer. */
const MIN_VARIETY = 8;

/** One of the 256 keys. */
export interface Candidate {
  /** As servers send it, and as `chat serve --key` accepts it. */
  readonly publicKey: number;
  /** The value with which bytes are XORed. */
  readonly privateKey: number;
  /** Evidence for text under this key; negative: against it. */
  readonly bits: number;
  /** Probability of this key, 0 to 1, if all keys, and text and noise, are equally likely beforehand. */
  readonly confidence: number;
}

export interface Finding {
  /** `unsure`: too little to tell, or text under several keys. `none`: no key gives text. `empty`: no bytes to try. */
  readonly verdict: "found" | "unsure" | "none" | "empty";
  /** All keys, the most likely first. */
  readonly candidates: readonly Candidate[];
  /** Bytes of the sample. */
  readonly tried: number;
}

/** Shares of envelopes by kind: texts, actions, and these with a message id or a reference. */
const KINDS: Readonly<Record<string, number>> = {
  ...{ T: 0.43, A: 0.02, N: 0.37, R: 0.02 },
  ...{ Q: 0.03, E: 0.01, D: 0.005, "+": 0.01, "-": 0.005 },
};
/** File messages are not text: they count like noise, as no evidence. */
const FILE = "F";
const OTHER_KINDS = 0.1;

/** The evidence that a body is an envelope with text. */
function envelopeEvidence(body: Uint8Array, key: number, start = 0): number {
  const kind = String.fromCharCode(body[start]! ^ key);
  if (kind === FILE) return 0;
  const part = KINDS[kind];
  if (part === undefined) return Math.log2(OTHER_KINDS) + evidence(body, key, start);
  const bits = Math.log2(part) - NOISE;
  if (kind === "T" || kind === "A") return bits + evidence(body, key, start + 1);
  // A message id and a reference look like noise.
  const isNumbered = kind === "N" || kind === "R";
  const inner = start + (isNumbered ? NUMBER_OVERHEAD : 1 + REFERENCE_SIZE);
  if (kind === "E" || kind === "+" || kind === "-") return bits + evidence(body, key, inner);
  if (kind === "D") return inner === body.length ? bits : HARDLY;
  return inner < body.length ? bits + envelopeEvidence(body, key, inner) : HARDLY;
}

/** Tries all keys. */
export function crack(traffic: Traffic): Finding {
  const { bodies, tried, seen } = sampleOf(traffic);
  const bits = Array.from({ length: 256 }, (_, publicKey) => {
    const key = privateKey(publicKey);
    return bodies.reduce((bits, { kind, body }) => {
      if (kind === "envelope") return bits + envelopeEvidence(body, key);
      // A key that a classic server announces is not evidence for or against that key.
      return bits + evidence(body, key, kind === "run" ? announcement(body, publicKey) : 0);
    }, 0);
  });
  // Beforehand, text under some key and noise are equally likely. Scaled by the largest term against overflow.
  const noise = 8;
  const most = bits.reduce((most, one) => Math.max(most, one), noise);
  const all = 2 ** (noise - most) + sum(bits.map((bits) => 2 ** (bits - most)));
  const candidates = bits.map((bits, publicKey) => ({
    publicKey,
    privateKey: privateKey(publicKey),
    bits,
    confidence: 2 ** (bits - most) / all,
  })).sort((a, b) => b.bits - a.bits || a.publicKey - b.publicKey);
  const varied = seen >= Math.min(MIN_VARIETY, Math.ceil(tried / 3));
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
  /** The number of different bytes. */
  readonly seen: number;
}

export function sampleOf(traffic: Traffic): Sample {
  const bodies: Sample["bodies"] = [];
  let tried = 0;
  const take = (kind: Sample["bodies"][number]["kind"], body: Uint8Array, max: number) => {
    const part = body.subarray(0, Math.min(max, MAX_SAMPLE - tried));
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

/** The decrypted texts, safe to print. */
export interface Revealed {
  /** A run is one text. Of frames, each message is one; all lines but its first are indented. */
  readonly texts: readonly string[];
  /** Messages without text: file messages, or kinds of a later version. */
  readonly others: number;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Decrypts the traffic with a key. */
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
      const name = tryParse(() => decodeProfile(plaintext))?.name;
      if (name !== undefined) names.set(id, name);
      continue;
    }
    const envelope: Envelope | undefined = tryParse(() => decodeEnvelope(plaintext));
    if (envelope?.kind !== "text" && envelope?.kind !== "action") {
      others++;
      continue;
    }
    // The id of a client's own frames is the receiver's; 0 is the room.
    const who = client ? 0 : id;
    texts.push(messageLine(names.get(who) ?? (who === 0 ? "?" : `#${who}`), {
      type: type === Type.DIRECT || (client && id !== 0) ? "direct" : "message",
      text: envelope.text,
      action: envelope.kind === "action",
    }));
  }
  return { texts, others };
}
