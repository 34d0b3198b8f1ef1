// Reads captured bytes as frames or as one classic stream, and gives the bodies that may be XORed text. It reads
// headers and JSON, which are in clear; it knows no key. Pure.

import { ProtocolError } from "../errors.ts";
import { FrameDecoder, HEADER_SIZE, MAX_FRAME, PREFACE, Type } from "../protocol.ts";
import { parseGreeting, parseHello } from "../protocol/json_frames.ts";
import { parsePreface } from "../protocol/opening.ts";

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
export function hasBoth({ preface, frames }: Traffic & { kind: "frames" }): boolean {
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
export function ifRight<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What is sealed in a frame; undefined: nothing. */
export function sealedIn(
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
