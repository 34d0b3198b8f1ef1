// Test helper: a client's session without a socket, with a cipher whose keys the test chooses. No part of the program.

import { concat } from "@std/bytes/concat";
import type { Cipher, Opened, Report, SealedUse } from "../../cipher.ts";
import type { Chain } from "../../client/chain.ts";
import type { Carrier } from "../../client/session.ts";
import { ClientSession } from "../../client/session.ts";
import { encodeFrame, type Frame, FrameDecoder, MAX_FRAME, Type } from "../../protocol.ts";
import type { Source } from "../../protocol/connection.ts";
import { encodeEnvelope, encodeProfile } from "../../protocol/envelope.ts";
import type { Welcome } from "../../protocol/json_frames.ts";
import { NO_RULES } from "../../protocol/moderation.ts";
import type { MessageId } from "../../protocol/message_ids.ts";
import type { RoomEvent } from "../../room.ts";

/** The name of the session's log. */
const LOG = "AAECAwQFBgcICQoLDA0ODw";

/** The client's id in its session. */
export const OWN_ID = 7;

/** Leaves everything readable. As a sealed cipher it seals direct messages only for members that have a key. */
export class OpenCipher implements Cipher {
  readonly name: "xor" | "sealed";
  readonly protection = "";
  readonly overhead = 0;
  readonly keys: Map<number, Uint8Array>;
  readonly forgotten: number[] = [];
  readonly expected: number[] = [];
  /** How many messages the next opened body reports as missing. */
  missing = 0;
  /** What the next opened body reports of the room's log. */
  report: Report | undefined;

  /** @param keys the identity keys of members; not given: an xor cipher */
  constructor(keys?: Readonly<Record<number, Uint8Array>>) {
    this.name = keys ? "sealed" : "xor";
    this.keys = new Map(Object.entries(keys ?? {}).map(([id, key]) => [Number(id), key]));
  }

  seal(plaintext: Uint8Array, use: SealedUse, to?: number): Uint8Array<ArrayBuffer> {
    const isKnown = this.name === "xor" || this.keys.has(to ?? 0);
    if (use === "direct" && !isKnown) throw new RangeError("no key");
    return plaintext.slice() as Uint8Array<ArrayBuffer>;
  }

  sealData(data: Uint8Array, _to: number, into: Uint8Array): number {
    into.set(data);
    return data.length;
  }

  open(body: Uint8Array): Opened {
    if (body[0] === 0xff) throw new RangeError("damaged");
    const { missing, report } = this;
    this.missing = 0;
    this.report = undefined;
    const plaintext = body.slice() as Uint8Array<ArrayBuffer>;
    return { plaintext, missing, ...(report && { report }) };
  }

  openGiven({ profile, topic }: { profile: Uint8Array; topic: Uint8Array }, from: number) {
    return {
      profile: this.open(profile),
      topic: this.open(topic),
      identity: this.identityOf(from),
    };
  }

  expectAll(id: number): void {
    this.expected.push(id);
  }

  forget(id: number): void {
    this.forgotten.push(id);
  }

  identityOf(id: number): Uint8Array | undefined {
    return this.keys.get(id);
  }
}

/** The frames in some bytes. */
export function framesIn(...parts: readonly Uint8Array[]): Frame[] {
  const bytes = concat(parts);
  const decoder = new FrameDecoder(MAX_FRAME, bytes.length + 1);
  decoder.space().set(bytes);
  decoder.fill(bytes.length);
  const frames: Frame[] = [];
  for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(frame);
  return frames;
}

/** A connection that records sent frames. */
export class FakeCarrier implements Carrier {
  /** Small frames, which go ahead of the outbox. */
  readonly sent: Frame[] = [];
  urgent = 0;
  woken = 0;
  #source: Source | undefined;

  send(frame: Uint8Array<ArrayBuffer>): void {
    this.sent.push(...framesIn(frame));
  }

  wake(): void {
    this.woken++;
  }

  attach(source: Source): void {
    this.#source = source;
  }

  /** All frames that the outbox gives out now. */
  take(): Frame[] {
    const frames: Frame[] = [];
    for (let bytes = this.#source?.take(); bytes; bytes = this.#source?.take()) {
      frames.push(...framesIn(bytes));
    }
    return frames;
  }
}

/** A session after WELCOME, and its connection. */
export function openSession(
  welcome: Partial<Welcome> = {},
  cipher: Cipher = new OpenCipher(),
  isAfterRestart = false,
  chain?: Chain,
): { session: ClientSession; carrier: FakeCarrier } {
  const session = new ClientSession({
    greeting: { version: 1, cipher: "xor", key: "198", maxFrame: MAX_FRAME },
    cipher,
    sessionKey: undefined,
    id: OWN_ID,
    log: LOG,
    chain,
    welcome: {
      ...{ room: 0, chain: undefined, own: 0, members: 0, accepted: 0, said: 0 },
      ...{ token: undefined, grace: 0, left: undefined, rules: NO_RULES, servers: [], ...welcome },
    },
  }, isAfterRestart);
  const carrier = new FakeCarrier();
  session.attach(carrier, () => undefined);
  return { session, carrier };
}

/** A frame as it comes from the server. */
export function received(type: number, id: number, body: Uint8Array = new Uint8Array(0)): Frame {
  return framesIn(encodeFrame(type, id, body))[0]!;
}

export function profileFrame(type: number, id: number, name: string): Frame {
  return received(type, id, encodeProfile({ name }) as Uint8Array<ArrayBuffer>);
}

/** The body of a text, as `OpenCipher` seals it. */
export function textBody(text: string, number?: MessageId): Uint8Array {
  return encodeEnvelope({ kind: "text", text, ...(number && { number }) });
}

export function messageFrame(id: number, text: string, number?: MessageId): Frame {
  return received(Type.MESSAGE, id, textBody(text, number));
}

/** Keeps events; `types` gives them in short. */
export class EventLog {
  readonly events: RoomEvent[] = [];
  onAdd: () => void = () => {};
  readonly add = (event: RoomEvent): void => {
    this.events.push(event);
    this.onAdd();
  };

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }
}
