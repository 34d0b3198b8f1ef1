// Test helper: a member that knows the code and sends whatever `hostile_acts.ts` says, over several connections at once.
// It speaks the wire by hand, because the program's own client would refuse most of it. No part of the program.

import { concat } from "@std/bytes/concat";
import { equals } from "@std/bytes/equals";
import type { Report } from "../../cipher.ts";
import { Identity } from "../../cipher/identity.ts";
import { type Login, WorkerLogin } from "../../cipher/login.ts";
import { SealedCipher } from "../../cipher/sealed.ts";
import { Chain } from "../../client/chain.ts";
import {
  encodeFrame,
  encodeHave,
  type Frame,
  FrameDecoder,
  LENGTH_SIZE,
  MAX_FRAME,
  PREFACE,
  Type,
  VERSION,
} from "../../protocol.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
} from "../../protocol/envelope.ts";
import { encodeGrantBody, sealDataFrame } from "../../protocol/data.ts";
import {
  decodeFileMessages,
  encodeFileMessages,
  type FileMessage,
  isFolder,
  TRANSFER_ID_SIZE,
} from "../../protocol/file_messages.ts";
import {
  encodeHello,
  encodeLogin,
  encodeResume,
  parseGreeting,
  parseLogin,
  parseSeat,
  parseWelcome,
} from "../../protocol/json_frames.ts";
import { encodeModerate, moderateBytes } from "../../protocol/moderation.ts";
import type { MessageId } from "../../protocol/message_ids.ts";
import { referenceOf } from "../../protocol/references.ts";
import { drawToken, fromBase64Url, proveResume } from "../../protocol/resume.ts";
import { encodeChunks } from "./file_data.ts";
import {
  type Act,
  type FilePart,
  HONEST,
  type Numbering,
  type ReportKind,
  type Target,
  textOf,
} from "./hostile_acts.ts";

/** Connections at once. If it has fewer, it joins again. */
const MIN_SEATS = 2;
const MAX_SEATS = 4;
/** Bodies that it keeps for replays, of each kind. */
const MAX_KEPT = 32;
/** Offers of honest members that it remembers, to interfere with them. */
const MAX_OFFERS = 4;
/** A connection that has not taken this many bytes is stuck: the server does not read them. */
const MAX_WAITING = 1024 * 1024;
/** How long it waits for an answer in a handshake, in ms. It may never come: a hostile member does not care. */
const ANSWER_MS = 20_000;

/** The types of frames that the server counts. */
const COUNTED: ReadonlySet<number> = new Set([
  Type.MESSAGE,
  Type.PROFILE,
  Type.TOPIC,
  Type.MODERATE,
]);
/** A key for which anyone can sign: the identity element. */
const WEAK_KEY = Uint8Array.of(1, ...new Uint8Array(31));

export interface HostileOptions {
  readonly hostname: string;
  readonly port: number;
  readonly code: string;
  readonly login?: (code: string) => Login;
}

/** One connection: bytes out, frames in. Everything that fails only closes it. */
class Wire {
  readonly #conn: Deno.TcpConn;
  readonly #decoder = new FrameDecoder(MAX_FRAME, 64 * 1024);
  #waiting = 0;
  #writing: Promise<unknown> = Promise.resolve();
  isOpen = true;
  /** How many frames it has sent that the server counts. */
  counted = 0;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  get isStuck(): boolean {
    return this.#waiting > MAX_WAITING;
  }

  write(...parts: readonly Uint8Array[]): void {
    if (!this.isOpen) return;
    this.counted += parts.filter((part) => COUNTED.has(part[LENGTH_SIZE] ?? 0)).length;
    const bytes = concat(parts);
    this.#waiting += bytes.length;
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      this.#waiting -= bytes.length;
    }).catch(() => this.close());
  }

  /** The next frame; undefined at the end. */
  async frame(): Promise<Frame | undefined> {
    try {
      for (;;) {
        const frame = this.#decoder.next();
        if (frame) return frame;
        const count = await this.#conn.read(this.#decoder.space());
        if (count === null) break;
        this.#decoder.fill(count);
      }
    } catch {
      // It has been closed, or the server sends nonsense: the test of the server's bytes is elsewhere.
    }
    this.close();
    return undefined;
  }

  /** The next frame of this type; skips others. */
  async frameOf(type: number): Promise<Frame | undefined> {
    const timer = setTimeout(() => this.close(), ANSWER_MS);
    try {
      for (;;) {
        const frame = await this.frame();
        if (!frame || frame.type === type) return frame;
        if (frame.type === Type.ERROR) {
          this.close();
          return undefined;
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when all bytes are written, or the connection is closed. */
  async written(): Promise<void> {
    await this.#writing;
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    // A read that waits would not end by itself.
    this.#conn.closeWrite().catch(() => {});
    this.#conn.close();
  }
}

/** One membership. */
class Seat {
  readonly wire: Wire;
  readonly cipher: SealedCipher;
  readonly id: number;
  readonly token: string | undefined;
  readonly sessionKey: Uint8Array;
  readonly log: string;
  readonly nonce: string;
  readonly chain: Chain;
  readonly ids = new Map<string, number>();
  own: number;
  report: ReportKind = "true";
  clock = 0;
  #seq = 0;
  #origin = crypto.getRandomValues(new Uint8Array(8));

  constructor(
    fields:
      & Pick<
        Seat,
        "wire" | "id" | "token" | "sessionKey" | "log" | "nonce" | "chain" | "own"
      >
      & {
        cipher: (seat: () => Seat) => SealedCipher;
      },
  ) {
    this.wire = fields.wire;
    this.id = fields.id;
    this.token = fields.token;
    this.sessionKey = fields.sessionKey;
    this.log = fields.log;
    this.nonce = fields.nonce;
    this.chain = fields.chain;
    this.own = fields.own;
    this.cipher = fields.cipher(() => this);
  }

  number(numbering: Numbering): { number?: MessageId } {
    if (numbering === "none") return {};
    if (numbering === "fresh") {
      this.#origin = crypto.getRandomValues(new Uint8Array(8));
      this.#seq = 0;
    }
    if (numbering === "ahead") this.#seq = Math.min(0xfffffff0, this.#seq + 1_000_000);
    if (numbering !== "again" || this.#seq === 0) this.#seq++;
    return { number: { origin: this.#origin, seq: this.#seq, replay: numbering === "replay" } };
  }
}

/** What it reports, as one kind of truth or lie. */
function reportOf(kind: ReportKind, truth: Report): Report {
  switch (kind) {
    case "true":
      return truth;
    case "ahead":
      return { ...truth, position: truth.position + 1_000 };
    case "between":
      return { ...truth, position: Math.max(0, truth.position - 1) };
    case "zero":
      return { ...truth, position: 0 };
    case "lie":
      return { ...truth, chain: new Uint8Array(32).fill(0x66) };
  }
}

/** The hostile member. All its seats have the same identity. */
export class HostileMember {
  readonly #options: HostileOptions;
  readonly #identity = Identity.generate();
  readonly #seats: Seat[] = [];
  readonly #reading = new Set<Promise<void>>();
  /** Connections that it will close, by their timers. */
  readonly #closing = new Map<ReturnType<typeof setTimeout>, Wire>();
  #joining: Promise<void> | undefined;
  readonly #kept: Record<"own" | "other", Uint8Array[]> = { own: [], other: [] };
  /** Of the last messages to the room, newest first. */
  readonly #references: Record<"own" | "other", string[]> = { own: [], other: [] };
  /** The ids of what honest members offer, newest first. */
  readonly #offers: Uint8Array[] = [];
  /** How often it has done what. */
  readonly done = new Map<string, number>();
  /** How often it was let in. */
  joins = 0;

  constructor(options: HostileOptions) {
    this.#options = options;
  }

  /** Does it. Whatever the server answers, this does not fail. */
  async perform(act: Act): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, act.rest));
    this.done.set(act.do, (this.done.get(act.do) ?? 0) + 1);
    this.#forgetClosed();
    if (act.do === "knock") return await this.#knock(act.bytes, act.preface);
    if (act.do === "join" || this.#seats.length < MIN_SEATS) {
      if (this.#seats.length >= MAX_SEATS) this.#seats.shift()!.wire.close();
      // A login takes long: meanwhile its other connections go on.
      this.#joining ??= this.#join(act.do === "join" ? act.name : "mallory")
        .finally(() => this.#joining = undefined);
      if (this.#seats.length === 0) await this.#joining;
      if (act.do === "join") return;
    }
    const seat = this.#seats.at(-1);
    if (!seat) return;
    if (seat.wire.isStuck) return seat.wire.close();
    try {
      await this.#perform(act, seat);
    } catch (error) {
      // Our own encoders refuse some of it.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  async #perform(act: Act, seat: Seat): Promise<void> {
    const { wire, cipher } = seat;
    switch (act.do) {
      case "say":
      case "act":
      case "tell": {
        Object.assign(seat, { report: act.report, clock: act.clock });
        const kind = act.do === "act" ? "action" : "text";
        const number = seat.number(act.numbering);
        const envelope = encodeEnvelope({ kind, text: textOf(act.text), ...number });
        return this.#send(seat, act.do === "tell" ? act.to : "room", envelope);
      }
      case "about":
        for (let i = 0; i < act.times; i++) {
          const content = { ...act, text: textOf(act.text), re: this.#referenceOf(act) };
          const envelope = encodeEnvelope({ ...content, ...seat.number(act.numbering) });
          this.#send(seat, act.to, envelope);
        }
        return;
      case "topic": {
        const topic = new TextEncoder().encode(textOf(act.text));
        for (let i = 0; i < act.times; i++) {
          wire.write(encodeFrame(Type.TOPIC, 0, cipher.seal(topic, "topic")));
        }
        return;
      }
      case "status": {
        const status = textOf(act.text);
        return this.#sendProfile(seat, encodeProfile({ name: act.name, status }));
      }
      case "rename":
        seat.report = act.report;
        return this.#sendProfile(seat, encodeProfile({ name: act.name }));
      case "profile":
        return this.#sendProfile(seat, new TextEncoder().encode(act.content));
      case "files": {
        const parts = act.parts.map((part) => this.#encodePart(part));
        const body = concat([Uint8Array.of(act.refused), ...Array(act.times).fill(parts).flat()]);
        return this.#send(seat, act.to, encodeEnvelope({ kind: "file", body }));
      }
      case "data": {
        const data = concat(act.parts.map((part) => this.#encodePart(part)));
        const to = this.#idOf(seat, act.to);
        const into = new Uint8Array(MAX_FRAME);
        return wire.write(
          sealDataFrame(into, to, act.generation, (into) => cipher.sealData(data, to, into)),
        );
      }
      case "fetch": {
        const { part, total } = act;
        const alice = this.#idOf(seat, "alice");
        const grant = encodeGrantBody({ generation: part.generation, total });
        wire.write(encodeFrame(Type.GRANT, alice, grant));
        const body = concat([Uint8Array.of(0), this.#encodePart(part)]);
        return this.#send(seat, "alice", encodeEnvelope({ kind: "file", body }));
      }
      case "grant":
        return wire.write(
          encodeFrame(Type.GRANT, this.#idOf(seat, act.to), encodeGrantBody(act)),
        );
      case "envelope":
        return this.#send(seat, act.to, act.plaintext);
      case "replay": {
        const kept = this.#kept[act.of];
        const body = kept[act.nth % Math.max(1, kept.length)];
        if (!body) return;
        const id = act.as === "direct" ? this.#idOf(seat, act.to) : 0;
        return wire.write(
          encodeFrame(act.as === "profile" ? Type.PROFILE : Type.MESSAGE, id, body),
        );
      }
      case "skip": {
        const to = this.#idOf(seat, act.to);
        for (let i = 0; i < act.count; i++) {
          cipher.seal(new Uint8Array(1), to === 0 ? "room" : "direct", to);
        }
        return;
      }
      case "frame":
        return wire.write(encodeFrame(act.type, this.#idOf(seat, act.to), act.body));
      case "moderate":
        return wire.write(this.#forge(seat, act));
      case "have":
        return wire.write(encodeHave(act.position));
      case "storm": {
        const body = new Uint8Array(act.type === Type.HAVE ? 8 : 0);
        const frame = encodeFrame(act.type, 0, body);
        return wire.write(...Array(act.count).fill(frame));
      }
      case "break": {
        const frame = new Uint8Array(LENGTH_SIZE + act.sent);
        new DataView(frame.buffer).setUint32(0, act.length);
        frame[LENGTH_SIZE] = Type.MESSAGE;
        wire.write(frame);
        // The server may wait for the rest: this connection is of no more use.
        this.#closeLater(wire, 200);
        return void this.#seats.pop();
      }
      case "leave":
        if (act.how === "bye") wire.write(encodeFrame(Type.BYE, 0));
        else wire.close();
        return;
      case "resume":
        return await this.#resume(seat, act);
      case "switch":
        return void this.#seats.unshift(this.#seats.pop()!);
    }
  }

  /** A MODERATE that no moderator has signed. */
  #forge(seat: Seat, act: Act & { do: "moderate" }): Uint8Array<ArrayBuffer> {
    const { publicKey } = this.#identity;
    const alice = seat.cipher.identityOf(this.#idOf(seat, "alice"));
    const key = { own: publicKey, alice: alice ?? publicKey, weak: WEAK_KEY }[act.key];
    const json = new TextEncoder().encode(
      act.json.replace("MEMBER", `${this.#idOf(seat, act.to)}`)
        .replace("KEY", publicKey.toBase64({ omitPadding: true })),
    );
    const number = (seat.wire.counted + 1 + act.ahead) >>> 0;
    const binding = {
      ...seat,
      nonce: act.signature === "elsewhere" ? drawToken() : seat.nonce,
    };
    const signature = act.signature === "none"
      ? Uint8Array.of(1, ...new Uint8Array(63))
      : this.#identity.sign(moderateBytes(binding, number, json));
    return encodeModerate({
      key: key.slice() as Uint8Array<ArrayBuffer>,
      signature: signature as Uint8Array<ArrayBuffer>,
      number,
      json,
    });
  }

  #send(seat: Seat, target: Target, plaintext: Uint8Array): void {
    const to = this.#idOf(seat, target);
    const body = to === 0
      ? seat.cipher.seal(plaintext, "room")
      : seat.cipher.seal(plaintext, "direct", to);
    this.#keep("own", body);
    seat.wire.write(encodeFrame(Type.MESSAGE, to, body));
  }

  #sendProfile(seat: Seat, content: Uint8Array): void {
    const body = seat.cipher.seal(content, "profile");
    this.#keep("own", body);
    seat.wire.write(encodeFrame(Type.PROFILE, 0, body));
  }

  #referenceOf({ of, nth }: Act & { do: "about" }): string {
    const known = of === "none" ? [] : this.#references[of];
    return known[nth % Math.max(1, known.length)] ?? nth.toString(16).padStart(32, "0");
  }

  #idOf(seat: Seat, target: Target): number {
    if (target === "room") return 0;
    if (target === "itself") return seat.id;
    return typeof target === "object" ? target.id : seat.ids.get(target) ?? 0;
  }

  #keep(of: "own" | "other", body: Uint8Array): void {
    const kept = this.#kept[of];
    if (kept.length === MAX_KEPT) kept.shift();
    kept.push(body);
  }

  /** Remembers a message's reference, and the files that a message of an honest member offers. */
  #learn(identity: Uint8Array | undefined, open: () => { readonly plaintext: Uint8Array }): void {
    try {
      const envelope = decodeEnvelope(open().plaintext);
      if (envelope.number) {
        const isOwn = identity !== undefined && equals(identity, this.#identity.publicKey);
        const references = this.#references[isOwn ? "own" : "other"];
        references.unshift(referenceOf(identity, envelope.number));
        references.length = Math.min(MAX_KEPT, references.length);
      }
      if (envelope.kind !== "file") return;
      for (const message of decodeFileMessages(envelope.body).messages) {
        if (message.kind !== "offer" || this.#offers.some((id) => equals(id, message.id))) continue;
        this.#offers.unshift(message.id);
        this.#offers.length = Math.min(MAX_OFFERS, this.#offers.length);
      }
    } catch {
      // Its own skipping, most likely, has lost a message.
    }
  }

  /** A file message. The transfers have few ids, so that messages meet; some are those of honest members. */
  #encodePart(part: FilePart): Uint8Array<ArrayBuffer> {
    return encodePart(part, this.#offers[part.transfer]);
  }

  #closeLater(wire: Wire, ms: number): void {
    const timer = setTimeout(() => {
      this.#closing.delete(timer);
      wire.close();
    }, ms);
    this.#closing.set(timer, wire);
  }

  #forgetClosed(): void {
    for (let i = this.#seats.length - 1; i >= 0; i--) {
      if (!this.#seats[i]!.wire.isOpen) this.#seats.splice(i, 1);
    }
  }

  async #connect(): Promise<Wire | undefined> {
    const { hostname, port } = this.#options;
    try {
      return new Wire(await Deno.connect({ hostname, port }));
    } catch {
      return undefined;
    }
  }

  async #knock(bytes: Uint8Array, preface: boolean): Promise<void> {
    const wire = await this.#connect();
    if (!wire) return;
    wire.write(...preface ? [PREFACE] : [], bytes);
    this.#closeLater(wire, 300);
  }

  /** Joins with a profile that may have any name. */
  async #join(name: string): Promise<void> {
    const wire = await this.#connect();
    if (!wire) return;
    const { code, login: start = (code) => new WorkerLogin(code) } = this.#options;
    using login = start(code);
    wire.write(PREFACE);
    const greeting = await wire.frameOf(Type.GREETING);
    if (!greeting) return;
    const parsed = parseGreeting(greeting.body);
    if (parsed.cipher !== "sealed") return wire.close();
    wire.write(encodeLogin({ message: await login.start() }));
    const answer = await wire.frameOf(Type.LOGIN);
    if (!answer) return;
    const admission = await login.finish(parseLogin(answer.body).message);
    if (!admission) return wire.close();
    wire.write(encodeHello({ version: VERSION, proof: admission.proof }));
    const seated = await wire.frameOf(Type.SEAT);
    if (!seated) return;
    const { id } = seated;
    const { log, room, chain } = parseSeat(seated.body);
    const atSeat = { position: room, chain: fromBase64Url(chain!)! };
    const self: { seat?: Seat } = {};
    const cipher = new SealedCipher({
      exportKey: admission.exportKey,
      identity: this.#identity,
      seat: { log: fromBase64Url(log)!, id },
      now: () => Math.max(0, Date.now() + (self.seat?.clock ?? 0)),
      report: () => self.seat ? reportOf(self.seat.report, self.seat.chain.report) : atSeat,
    });
    const profile = cipher.seal(encodeProfile({ name }), "profile");
    this.#keep("own", profile);
    wire.write(encodeFrame(Type.PROFILE, 0, profile));
    const welcomed = await wire.frameOf(Type.WELCOME);
    if (!welcomed) return;
    const welcome = parseWelcome(welcomed.body);
    // The first PROFILE does not count.
    wire.counted = 0;
    const seat = self.seat = new Seat({
      wire,
      id,
      token: welcome.token,
      sessionKey: admission.sessionKey,
      log,
      nonce: parsed.nonce!,
      chain: new Chain(welcome.room, fromBase64Url(welcome.chain!)!),
      own: welcome.own,
      cipher: () => cipher,
    });
    this.joins++;
    // Another one was used meanwhile, and goes on.
    this.#seats.unshift(seat);
    wire.write(encodeHave(welcome.own));
    const reading = this.#read(seat).finally(() => this.#reading.delete(reading));
    this.#reading.add(reading);
  }

  /** Reads everything, answers PING, and keeps what can be used. */
  async #read({ wire, cipher, chain, ids, id: ownId }: Seat): Promise<void> {
    let isComplete = false;
    for (let frame = await wire.frame(); frame; frame = await wire.frame()) {
      const { type, id, bytes } = frame;
      const body = frame.body.slice();
      if (type === Type.JOINED && id === ownId) isComplete = true;
      const isLog = [
        ...[Type.MESSAGE, Type.JOINED, Type.LEFT, Type.AWAY, Type.PROFILE, Type.TOPIC],
        Type.NOTICE,
      ].some((one) => one === type);
      if (isComplete && isLog) chain.add(bytes.slice());
      switch (type) {
        case Type.PING:
          wire.write(encodeFrame(Type.PONG, 0));
          break;
        case Type.MEMBER:
        case Type.JOINED:
        case Type.PROFILE:
          if (id !== ownId) this.#keep("other", body);
          try {
            const { name } = decodeProfile(cipher.open(body, "profile", id).plaintext);
            if (HONEST.some((one) => one === name) && !ids.has(name)) ids.set(name, id);
          } catch {
            // Its own lies, most likely.
          }
          break;
        case Type.MESSAGE:
        case Type.DIRECT:
          if (id !== ownId) this.#keep("other", body);
          if (id === ownId || ids.values().some((one) => one === id)) {
            const use = type === Type.DIRECT ? "direct" : "room";
            this.#learn(cipher.identityOf(id), () => cipher.open(body, use, id));
          }
          break;
        case Type.BYE:
        case Type.ERROR:
          wire.close();
      }
    }
  }

  /** Tries to resume a session over a new connection; with the right token and proof the old connection ends. */
  async #resume(seat: Seat, how: Act & { do: "resume" }): Promise<void> {
    const wire = await this.#connect();
    if (!wire) return;
    wire.write(PREFACE);
    const greeting = await wire.frameOf(Type.GREETING);
    if (!greeting) return;
    const parsed = parseGreeting(greeting.body);
    const nonce = parsed.cipher === "sealed" ? parsed.nonce : undefined;
    const { position: room, chain } = seat.chain.report;
    const token = how.token && seat.token !== undefined ? seat.token : drawToken();
    const claim = { token, room: room + how.ahead, own: seat.own };
    const key = how.proof ? seat.sessionKey : new Uint8Array(64);
    wire.write(encodeResume({ ...claim, proof: proveResume(key, nonce!, { ...claim, chain }) }));
    await wire.frameOf(Type.WELCOME);
    wire.close();
  }

  /** Leaves, wherever it is. */
  async stop(): Promise<void> {
    await this.#joining;
    for (const { wire } of this.#seats) wire.close();
    for (const [timer, wire] of this.#closing) {
      clearTimeout(timer);
      wire.close();
    }
    await Promise.allSettled(this.#reading);
  }
}

function encodePart(
  part: FilePart,
  id: Uint8Array = new Uint8Array(TRANSFER_ID_SIZE).fill(part.transfer),
): Uint8Array<ArrayBuffer> {
  // A chunk belongs into DATA: anywhere else it is not valid.
  if (part.kind === "chunk") {
    return encodeChunks([{ id, offset: part.offset, bytes: new Uint8Array(part.length) }]);
  }
  const message = ((): FileMessage => {
    switch (part.kind) {
      case "offer":
        return { ...part, id };
      case "ask":
        return { ...part, kind: "ask", id };
      case "resume":
        return { ...part, kind: "ask", id, prefix: new Uint8Array(32) };
      case "hash":
        return { kind: "hash", id, sha256: new Uint8Array(32) };
      case "withdraw":
      case "decline":
        return { kind: part.kind, id, reason: "cancelled" };
      case "differs":
      case "done":
      case "again":
        return { kind: part.kind, id };
    }
  })();
  // Without the number that precedes all of them.
  const encode = (message: FileMessage) =>
    encodeFileMessages({ refused: 0, messages: [message] }).slice(1);
  if (message.kind !== "offer" || !isFolder(message.name)) return encode(message);
  // A folder that has bytes is not valid: the size is written afterwards.
  const bytes = encode({ ...message, size: 0 });
  new DataView(bytes.buffer).setBigUint64(1 + TRANSFER_ID_SIZE, BigInt(message.size));
  return bytes;
}
