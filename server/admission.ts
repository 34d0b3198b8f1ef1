// How a connection is admitted: from its first byte until the server knows what the client wants, in bounded time and
// memory. Reads the preface, sends GREETING, checks the code in a sealed room. Knows neither hub nor sessions: the
// server decides what an admitted client becomes.

import { type AdmissionRecord, answerLogin } from "../cipher/opaque.ts";
import { ProtocolError } from "../errors.ts";
import {
  checkProfile,
  type ErrorCode,
  type Frame,
  Left,
  PREFACE,
  Type,
  VERSION,
} from "../protocol.ts";
import { type Connection, formatAddress } from "../protocol/connection.ts";
import {
  encodeError,
  encodeGreeting,
  encodeLogin,
  encodeSeat,
  type Greeting,
  parseHello,
  parseLogin,
  type Resume,
  type SeatBody,
} from "../protocol/json_frames.ts";
import { parsePreface } from "../protocol/opening.ts";
import { drawToken, isSameToken } from "../protocol/resume.ts";
import { counted } from "../text/counts.ts";
import type { ProtocolAdapter } from "./adapter.ts";
import { type AddressRange, inRanges } from "./addresses.ts";
import { AdmissionPlaces, type Place } from "./admission_places.ts";
import { networkOf, TryCounter, UNDECIDED_MS } from "./login_tries.ts";
import { type Endpoint, parseProxyHeader } from "./proxy_header.ts";

/** Ends a connection with something else than an ERROR frame. */
export class CloseReason extends Error {
  override name = "CloseReason";
  constructor(
    /** The last bytes for the peer; undefined: none. */
    readonly bytes: Uint8Array<ArrayBuffer> | undefined,
    /** For the operator's log. */
    why: string,
    /** The reason that other members are given, one of `Left`. */
    readonly reason: number = Left.LOST,
  ) {
    super(why);
  }
}

/** The peer has left before it has sent a preface. */
export class NothingSent extends CloseReason {
  override name = "NothingSent";
  constructor() {
    super(undefined, "it disconnected before sending anything");
  }
}

/** A member id that is reserved for a client. */
export interface ReservedSeat {
  readonly id: number;
  /** As the hub numbers connections. */
  readonly connection: number;
  readonly body: SeatBody;
}

/** What an admitted client wants. */
export type Admitted =
  /** To join as a new member. `key` is the login's session key; undefined in rooms without a code. */
  | {
    readonly kind: "join";
    readonly seat: ReservedSeat;
    readonly profile: Uint8Array;
    readonly key: Uint8Array | undefined;
    readonly nonce: string;
  }
  /** To resume a session; `nonce` is the one of this connection's GREETING. */
  | { readonly kind: "resume"; readonly resume: Resume; readonly nonce: string }
  /** To take part through an adapter; `first` is the read under way. */
  | {
    readonly kind: "adapt";
    readonly adapter: ProtocolAdapter;
    readonly first: Promise<boolean>;
  };

export interface AdmissionsOptions {
  /** GREETING's fields, without the nonce, as they are now. */
  readonly greeting: () => Greeting;
  /** Checks the code of a sealed room; undefined in other rooms. */
  readonly record: AdmissionRecord | undefined;
  /** Only programs of the user who runs the server have it: their tries are counted apart. */
  readonly ticket: string;
  /** Admits clients of another protocol; undefined: none are admitted. */
  readonly adapter: ProtocolAdapter | undefined;
  /** Where proxies are whose connections must begin with a header, which has the client's address. */
  readonly proxies: readonly AddressRange[];
  /** How many connections may be unadmitted at once. */
  readonly maxAdmissions: number;
  /** How many of one network. */
  readonly maxPending: number;
  /** How long an admission may take, in ms. */
  readonly handshakeMs: number;
  /** Ends a connection, with a last frame. */
  readonly end: (connection: Connection, last: Uint8Array<ArrayBuffer>) => void;
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
  /**
   * Throws `ProtocolError` if the room takes no newcomers, or none of this network.
   *
   * @param isOwner the client is of the user who runs the server
   */
  readonly screen: (connection: Connection, isOwner: boolean) => void;
  /** Charges a new member to its network: at once, or when the promise resolves. */
  readonly charge: (connection: Connection) => Promise<void> | undefined;
  /** Reserves a seat for a client; throws `ProtocolError` if there is no space. */
  readonly reserve: (connection: Connection) => ReservedSeat;
  /** Gives up a seat. */
  readonly release: (seat: ReservedSeat) => void;
}

/** How far an admission is. */
interface Progress {
  /** It waits for budget. */
  isWaiting: boolean;
}

/** All admissions under way, and the tries with codes that they share. */
export class Admissions {
  readonly #options: AdmissionsOptions;
  readonly #tries = new TryCounter();
  /** Those with the ticket: nobody else can use them up. */
  readonly #ticketTries = new TryCounter();
  /** Resolves when a login turns out right or wrong. */
  #decided = Promise.withResolvers<void>();
  readonly #places: AdmissionPlaces;

  constructor(options: AdmissionsOptions) {
    this.#options = options;
    this.#places = new AdmissionPlaces({
      all: options.maxAdmissions,
      perNetwork: options.maxPending,
    });
  }

  /** How many connections are not admitted yet. */
  get size(): number {
    return this.#places.size;
  }

  /** How many connections have lost their place to a newer one so far. */
  get ended(): number {
    return this.#places.ended;
  }

  /**
   * Admits a connection, or throws the reason to end it: `ProtocolError` with an `ErrorCode`, or `CloseReason`.
   *
   * @param local the address of this machine that the client connected to
   */
  async admit(connection: Connection, local: Endpoint): Promise<Admitted> {
    const { handshakeMs, proxies, release } = this.#options;
    let ended: ProtocolError<ErrorCode> | undefined;
    const end = (error: ProtocolError<ErrorCode>) => {
      ended ??= error;
      this.#options.end(connection, encodeError(error.code, error.message));
    };
    const enter = (network: string): Place => {
      const place = this.#places.enter(network, () => end(noPlace()));
      if (!place) throw noPlace();
      return place;
    };
    const isProxied = inRanges(proxies, connection.hostname);
    // Before its header a connection is of no network: all clients of a proxy come from the same address.
    let place = enter(isProxied ? connection.peer : networkOf(connection.hostname));
    const progress = { isWaiting: false };
    const deadline = setTimeout(() => {
      // Its peer may take its time to end, too: that is no admission any more.
      this.#places.leave(place);
      end(
        progress.isWaiting
          ? new ProtocolError("full", "too many have joined from your address: try again later")
          : new ProtocolError(
            "timeout",
            `admission took more than ${counted(handshakeMs / 1000, "second")}`,
          ),
      );
    }, handshakeMs);
    try {
      let seen: Endpoint | undefined;
      if (isProxied) {
        seen = await readProxyHeader(connection);
        this.#places.leave(place);
        place = enter(networkOf(connection.hostname));
      }
      const admitted = await this.#admit(connection, seen ?? local, place, progress);
      // A connection that is already ending is not admitted.
      if (ended) {
        if (admitted.kind === "join") release(admitted.seat);
        throw new CloseReason(undefined, ended.message);
      }
      return admitted;
    } catch (error) {
      throw ended ?? error;
    } finally {
      clearTimeout(deadline);
      this.#places.leave(place);
    }
  }

  async #admit(
    connection: Connection,
    local: Endpoint,
    place: Place,
    progress: Progress,
  ): Promise<Admitted> {
    const { greeting, record, adapter } = this.#options;
    // 1. A client that sends nothing at first may speak another protocol.
    if (adapter) {
      // Some bytes may have come with the header of a proxy.
      const first = connection.decoder.unread.length > 0
        ? Promise.resolve(true)
        : connection.fill();
      if (await adapter.isSilent(first)) {
        // It cannot read an ERROR frame either, whatever refuses it.
        connection.mute();
        if (!this.#places.settle(place, false)) throw noPlace();
        this.#options.screen(connection, false);
        await this.#pay(connection, progress);
        this.#options.screen(connection, false);
        return { kind: "adapt", adapter, first };
      }
      if (!await first) throw new NothingSent();
    }
    // 2. The preface tells a chat client from anything else that connects to an open port.
    await readPreface(connection, local);
    // 3. GREETING: what the client needs to know.
    const nonce = drawToken();
    const fields = greeting();
    connection.send(encodeGreeting(fields.cipher === "sealed" ? { ...fields, nonce } : fields));
    // 4. HELLO, after LOGIN in a sealed room; or HELLO with the session that the client resumes.
    const frame = await nextFrame(connection);
    const hello = frame.type === Type.HELLO ? parseHello(frame.body) : undefined;
    const login = record && !hello ? parseLogin(expectType(frame, Type.LOGIN).body) : undefined;
    const { ticket } = login ?? hello ?? {};
    const hasTicket = ticket !== undefined && isSameToken(ticket, this.#options.ticket);
    const returns = hello?.resume !== undefined || hasTicket;
    if (!this.#places.settle(place, returns)) throw noPlace();
    if (hello?.resume) return { kind: "resume", resume: hello.resume, nonce };
    expectType(frame, record ? Type.LOGIN : Type.HELLO);
    this.#options.screen(connection, hasTicket);
    const tries = hasTicket ? this.#ticketTries : this.#tries;
    const key = record && login &&
      await this.#checkCode(connection, record, login.message, tries);
    // 5. SEAT, which the client's signatures cover, and its first PROFILE.
    await this.#pay(connection, progress);
    const seat = this.#options.reserve(connection);
    try {
      connection.send(encodeSeat(seat.id, seat.body));
      const { body } = expectType(await nextFrame(connection), Type.PROFILE);
      checkProfile(body);
      // The room may have been locked, or this network banned, while the login was under way.
      this.#options.screen(connection, hasTicket);
      return { kind: "join", seat, profile: body.slice(), key, nonce };
    } catch (error) {
      this.#options.release(seat);
      throw error;
    }
  }

  /** A newcomer waits until its network and the room have budget for it. */
  async #pay(connection: Connection, progress: Progress): Promise<void> {
    const turn = this.#options.charge(connection);
    if (!turn) return;
    progress.isWaiting = true;
    await Promise.race([turn, connection.closed]);
    progress.isWaiting = false;
  }

  /** One try with a code: counted when it begins, given back if the code is right. */
  async #checkCode(
    connection: Connection,
    record: AdmissionRecord,
    message: string,
    tries: TryCounter,
  ): Promise<Uint8Array> {
    const { hostname } = connection;
    const began = await this.#takeTry(connection, tries);
    let key: Uint8Array | undefined;
    try {
      const login = answerLogin(record, message);
      if (!login) throw new ProtocolError<ErrorCode>("malformed", "invalid LOGIN");
      const left = tries.left(hostname, began);
      connection.send(encodeLogin({ message: login.response, tries: left }));
      const hello = parseHello(expectType(await this.#afterLogin(connection), Type.HELLO).body);
      key = hello.proof === undefined ? undefined : login.finish(hello.proof);
      if (!key) throw new ProtocolError<ErrorCode>("code", "the code is wrong");
      return key;
    } finally {
      if (key) tries.giveBack(hostname, began);
      else tries.fail(hostname, began);
      this.#decided.resolve();
      this.#decided = Promise.withResolvers();
    }
  }

  /** The frame after LOGIN. From the answer a client learns whether its code is right: with a wrong one it leaves. */
  async #afterLogin(connection: Connection): Promise<Frame> {
    try {
      return await nextFrame(connection);
    } catch (error) {
      if (!(error instanceof CloseReason)) throw error;
      throw new ProtocolError<ErrorCode>("code", "the code is wrong");
    }
  }

  /** Takes a try. Waits for undecided tries of the same address, but refuses after too many wrong ones. */
  async #takeTry(connection: Connection, tries: TryCounter): Promise<number> {
    const gone = connection.closed.then(() => true);
    for (;;) {
      const now = this.#options.now();
      const wait = tries.take(connection.hostname, now);
      if (wait === 0) return now;
      if (wait > UNDECIDED_MS) {
        const seconds = counted(Math.ceil(wait / 1000), "second");
        throw new ProtocolError<ErrorCode>(
          "wait",
          `too many failed tries to join: wait ${seconds}`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, wait);
      const isGone = await Promise.race([promise, this.#decided.promise, gone]);
      clearTimeout(timer);
      if (isGone) throw new CloseReason(undefined, "it disconnected while waiting to try a code");
    }
  }
}

/**
 * Reads the header of a proxy, and gives the connection the client's address.
 *
 * @returns the address that the client connected to; undefined if the header has none
 */
async function readProxyHeader(connection: Connection): Promise<Endpoint | undefined> {
  const { decoder } = connection;
  for (;;) {
    const header = parseProxyHeader(decoder.unread);
    switch (header.kind) {
      case "more":
        if (await connection.fill()) continue;
        throw new NothingSent();
      case "none":
        throw new ProtocolError<ErrorCode>(
          "not-chat",
          `connections from ${connection.hostname} need a PROXY header (--trust-proxy): ${header.why}`,
        );
      case "header":
        decoder.skip(header.size);
        if (header.client) connection.origin = header.client;
        return header.local;
    }
  }
}

/** Reads the preface; answers other protocols in their own way. */
async function readPreface(connection: Connection, local: Endpoint): Promise<void> {
  const { decoder } = connection;
  for (;;) {
    const opening = parsePreface(decoder.unread);
    switch (opening.kind) {
      case "chat":
        return decoder.skip(PREFACE.length);
      case "more":
        if (await connection.fill()) continue;
        throw new NothingSent();
      case "version":
        throw new ProtocolError<ErrorCode>(
          "version",
          `this server speaks version ${VERSION} of the protocol, the client ${opening.version}`,
        );
      case "http":
        // The address that this client connected to: a wildcard listens on many.
        throw new CloseReason(
          httpAnswer(formatAddress(local.hostname, local.port)),
          "it speaks HTTP",
        );
      case "tls":
      case "ssh":
        // They would read our frames as damaged data of their own protocol, so send nothing.
        throw new CloseReason(undefined, `it speaks ${opening.kind.toUpperCase()}`);
      case "noise":
        throw new ProtocolError<ErrorCode>("not-chat", "this is a chat server: use `chat join`");
    }
  }
}

/** The next frame of a connection that is not admitted yet. */
async function nextFrame(connection: Connection): Promise<Frame> {
  for (;;) {
    const frame = connection.decoder.next();
    if (frame) return frame;
    if (!await connection.fill()) {
      throw new CloseReason(undefined, "it disconnected before it was admitted");
    }
  }
}

/** Returns the frame, which must be of this type. */
function expectType(frame: Frame, type: number): Frame {
  if (frame.type === type) return frame;
  throw new ProtocolError<ErrorCode>(
    "unexpected",
    `unexpected frame of type ${frame.type}: expected type ${type}`,
  );
}

function noPlace(): ProtocolError<ErrorCode> {
  return new ProtocolError("full", "too many pending connections: try again");
}

function httpAnswer(address: string): Uint8Array<ArrayBuffer> {
  const text = `This is a chat server, not a web server. Join with: chat join ${address}\n`;
  return new TextEncoder().encode(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  );
}
