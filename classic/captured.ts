// Reads captured bytes as frames or as one classic stream, and finds the bodies that may be XORed text. It reads only
// headers and JSON, which are in clear; it knows no private key. Pure.

import { ProtocolError } from "../errors.ts";
import { FrameDecoder, HEADER_SIZE, MAX_FRAME, PREFACE, Type } from "../protocol.ts";
import { parseGreeting } from "../protocol/json_frames.ts";
import { parsePreface } from "../protocol/opening.ts";

/** A captured frame. The body is a view of the traffic. */
interface CapturedFrame {
  readonly type: number;
  readonly id: number;
  readonly body: Uint8Array;
}

/** Captured bytes: frames, whose headers are in clear, or a run of bytes from the classic wire. */
export type Traffic =
  | {
    readonly kind: "frames";
    readonly frames: readonly CapturedFrame[];
    /** Whether the preface comes first: the bytes are from a client, or from both sides. */
    readonly preface: boolean;
    /** Bytes at the end that are not a complete frame. */
    readonly unread: number;
  }
  | { readonly kind: "run"; readonly bytes: Uint8Array };

/** The number of frames before a fault from which on bytes count as frames. */
const MIN_FRAMES = 3;

/**
 * Distinguishes frames from a run. Frames must start at the first byte or after the preface, so the capture must start
 * with a packet; all other bytes are a run.
 */
export function readTraffic(bytes: Uint8Array): Traffic {
  const preface = parsePreface(bytes).kind === "chat";
  let at = preface ? PREFACE.length : 0;
  const decoder = new FrameDecoder(MAX_FRAME);
  const frames: CapturedFrame[] = [];
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
        // The decoder's views do not stay valid.
        const body = bytes.subarray(at + HEADER_SIZE, at + frame.bytes.length);
        frames.push({ type: frame.type, id: frame.id, body });
        at += frame.bytes.length;
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    faulty = true;
  }
  if (preface || frames.length >= (faulty ? MIN_FRAMES : 1)) {
    return { kind: "frames", frames, preface, unread: bytes.length - at };
  }
  return { kind: "run", bytes };
}

/** Whether the traffic has the frames of a client and of a server. */
export function hasBoth({ preface, frames }: Traffic & { kind: "frames" }): boolean {
  return preface && frames.some(({ type }) => type === Type.GREETING);
}

/** The public key in a server's greeting, in clear, or `sealed`. The search for the key does not use it. */
export function announcedKey(traffic: Traffic): number | "sealed" | undefined {
  if (traffic.kind === "run") return undefined;
  for (const { type, body } of traffic.frames) {
    if (type !== Type.GREETING) continue;
    const greeting = tryParse(() => parseGreeting(body));
    return greeting?.cipher === "xor" ? Number(greeting.key) : greeting?.cipher;
  }
  return undefined;
}

/** Bytes of the public key as decimal text at the start of a run, as a classic server sends it; 0 without it. */
export function announcement(bytes: Uint8Array, publicKey: number): number {
  const digits = String(publicKey);
  for (let i = 0; i < digits.length; i++) {
    if (bytes[i] !== digits.charCodeAt(i)) return 0;
  }
  return digits.length;
}

/** Runs a parser on untrusted bytes; undefined if they are malformed. */
export function tryParse<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The encrypted part of a frame; undefined if it has none. */
export function sealedIn(
  { type, body }: CapturedFrame,
): { kind: "envelope" | "profile"; body: Uint8Array } | undefined {
  switch (type) {
    case Type.MESSAGE:
    case Type.DIRECT:
      return { kind: "envelope", body };
    case Type.PROFILE:
    case Type.JOINED:
    case Type.MEMBER:
      return { kind: "profile", body };
    default:
      return undefined;
  }
}
