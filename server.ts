// chat serve: listens, accepts, admits, and moves frames between sockets and the hub. A blind relay: it
// reads no message, and knows of ciphers only the classic one's public key, which it hands out.
//
// A connection's life is `#serve`, from top to bottom.

import { drawPublicKey, privateKey } from "./cipher.ts";
import { Connection, formatAddress } from "./connection.ts";
import { ChatError, ProtocolError } from "./errors.ts";
import { Hub, type HubOptions, type Member } from "./hub.ts";
import { type AdmissionRecord, answerLogin } from "./opaque.ts";
import {
  checkEmpty,
  checkProfile,
  encodeError,
  encodeFrame,
  encodeGreeting,
  encodeLogin,
  encodeWelcome,
  type ErrorCode,
  type Frame,
  type Greeting,
  HANDSHAKE_MS,
  type Hello,
  Left,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  parseError,
  parseHello,
  parseLogin,
  parsePreface,
  PREFACE,
  Type,
  VERSION,
} from "./protocol.ts";
import { TryCounter, UNDECIDED_MS } from "./tries.ts";

/** Enough for a last word to reach the other end of the world; a stop waits so long at most, in ms. */
const FINISH_MS = 2_000;
/** How long to wait after a failed accept (no descriptors left, mostly), in ms. */
const ACCEPT_PAUSE_MS = 100;
/** With 8 KiB each, what strangers cost together is bounded. */
const MAX_STRANGERS = 1024;

export interface ServerOptions extends HubOptions {
  /** The address to listen on. */
  hostname: string;
  /** 0 takes a free one. */
  port: number;
  /** Makes the room a sealed one: who knows the code is let in. */
  admission?: AdmissionRecord;
  /** xor's public key, 0..255; drawn if it is not given. */
  publicKey?: number;
  /** A clock that does not go back, in ms. */
  now?: () => number;
  /** How long a stranger may take until it is admitted, in ms. */
  handshakeMs?: number;
  /** How long a connection may take to end properly before it is cut, in ms. */
  finishMs?: number;
  /** Strangers that may be at the door at once. */
  maxStrangers?: number;
  /** Told what happens, a line each: numbers and addresses, never content. */
  log?: (line: string) => void;
}

/** What a connection ends with, where it is not an ERROR frame. */
class LastWord extends Error {
  override name = "LastWord";
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer> | undefined,
    why: string,
    /** What the others are told, one of `Left`. */
    readonly reason: number = Left.LOST,
  ) {
    super(why);
  }
}

/** A room that listens. */
export class Server {
  readonly hub: Hub;
  /** What a client is greeted with. */
  readonly greeting: Greeting;
  /** Where it listens; a wildcard stands for all of this machine's addresses. */
  readonly hostname: string;
  readonly port: number;

  readonly #listener: Deno.TcpListener;
  readonly #options: ServerOptions;
  readonly #finishMs: number;
  readonly #now: () => number;
  readonly #tries = new TryCounter();
  /** Resolves when it turns out whether some code was right. */
  #decided = Promise.withResolvers<void>();
  readonly #connections = new Set<Connection>();
  #strangers = 0;
  #stopping = false;
  readonly #accepting: Promise<void>;
  /** One a connection, for as long as it lives. */
  readonly #serving = new Set<Promise<void>>();

  /** @throws {ChatError} if it can't listen there */
  constructor(options: ServerOptions) {
    this.#options = options;
    this.#finishMs = options.finishMs ?? FINISH_MS;
    this.#now = options.now ?? (() => performance.now());
    const publicKey = options.publicKey ?? drawPublicKey();
    privateKey(publicKey); // throws if it is none
    this.greeting = {
      version: VERSION,
      maxFrame: MAX_FRAME,
      ...(options.admission ? { cipher: "sealed" } : { cipher: "xor", key: String(publicKey) }),
    };
    this.hub = new Hub(options);
    this.#listener = listen(options.hostname, options.port);
    this.hostname = this.#listener.addr.hostname;
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  /** The host under which a client on this machine reaches it. */
  get localHost(): string {
    return { "0.0.0.0": "127.0.0.1", "::": "::1" }[this.hostname] ?? this.hostname;
  }

  /** `HOST:PORT`, as a client on this machine would write it. */
  get address(): string {
    return formatAddress(this.localHost, this.port);
  }

  /** Connections that are open, admitted or not. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Tells everybody, sends them what is pending, and closes. Resolves when all are gone. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#listener.close();
      this.hub.close();
      for (const connection of this.#connections) {
        connection.finish(this.#finishMs, encodeFrame(Type.BYE, 0));
      }
    }
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    while (!this.#stopping) {
      try {
        const conn = await this.#listener.accept();
        const serving = this.#serve(conn).finally(() => this.#serving.delete(serving));
        this.#serving.add(serving);
      } catch (error) {
        if (this.#stopping) return;
        this.#log(`cannot accept a connection: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  /** The life of one connection. Never rejects. */
  async #serve(conn: Deno.TcpConn): Promise<void> {
    const connection = new Connection(conn, MAX_FRAME_BEFORE_ADMISSION);
    this.#connections.add(connection);
    connection.closed.then(() => this.#connections.delete(connection));
    // Accepted in the turn in which `stop` was called, which has not seen it.
    if (this.#stopping) connection.finish(this.#finishMs, encodeFrame(Type.BYE, 0));
    let member: Member | undefined;
    let last: Uint8Array<ArrayBuffer> | undefined;
    let reason: number = Left.LOST;
    try {
      member = await this.#admit(connection, conn.localAddr);
      this.#log(`member ${member.id} came from ${connection.peer}: ${this.hub.size} in the room`);
      await this.#relay(connection, member);
    } catch (error) {
      if (error instanceof LastWord) {
        last = error.bytes;
        reason = error.reason;
      } else if (error instanceof ProtocolError) {
        last = encodeError(error.code as ErrorCode, error.message);
        reason = Left.REFUSED;
      } else {
        // A bug of ours: it may cost this member its connection, and nobody else.
        this.#log(`internal error: ${error instanceof Error ? error.stack : error}`);
      }
      if (!member && !this.#stopping && error instanceof Error) {
        this.#log(`refused ${connection.peer}: ${error.message}`);
      }
    } finally {
      if (member) {
        this.hub.leave(member, reason);
        this.#log(`member ${member.id} left: ${this.hub.size} in the room`);
      }
      await connection.finish(this.#finishMs, last);
    }
  }

  /** From the first byte to WELCOME, in bounded time and memory. */
  async #admit(connection: Connection, local: Deno.NetAddr): Promise<Member> {
    if (this.#strangers >= (this.#options.maxStrangers ?? MAX_STRANGERS)) {
      throw new ProtocolError<ErrorCode>("full", "too many are at the door at once: try again");
    }
    this.#strangers++;
    const ms = this.#options.handshakeMs ?? HANDSHAKE_MS;
    const tooLong = `admission took more than ${ms / 1000} seconds`;
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      connection.finish(this.#finishMs, encodeError("timeout", tooLong));
    }, ms);
    try {
      // 1. The preface tells a chat client from whatever else comes to an open port.
      await this.#readPreface(connection, local);
      // 2. What the client needs to know.
      connection.send(encodeGreeting(this.greeting));
      // 3. Who it is, and in a sealed room that it knows the code.
      const { admission } = this.#options;
      const hello = admission
        ? await this.#checkCode(connection, admission)
        : parseHello((await expect(connection, Type.HELLO)).body);
      // 4. In.
      const { member, welcome } = this.hub.join(hello.profile, {
        wake: () => connection.wake(),
        drop: (code, message) => {
          connection.finish(this.#finishMs, encodeError(code, message));
        },
      });
      connection.decoder.limit = MAX_FRAME;
      connection.send(encodeWelcome(member.id, welcome));
      connection.attach(member);
      return member;
    } catch (error) {
      throw late ? new LastWord(undefined, tooLong) : error;
    } finally {
      clearTimeout(deadline);
      this.#strangers--;
    }
  }

  /** One try with a code: counted when it begins, given back when it was right. */
  async #checkCode(connection: Connection, admission: AdmissionRecord): Promise<Hello> {
    const { message } = parseLogin((await expect(connection, Type.LOGIN)).body);
    const { hostname } = connection;
    const began = await this.#takeTry(connection);
    let right = false;
    try {
      const login = answerLogin(admission, message);
      if (!login) throw new ProtocolError<ErrorCode>("malformed", "a LOGIN that is none came");
      const tries = this.#tries.left(hostname, began);
      connection.send(encodeLogin({ message: login.response, tries }));
      const hello = parseHello((await expect(connection, Type.HELLO)).body);
      right = hello.proof !== undefined && login.finish(hello.proof) !== undefined;
      if (!right) throw new ProtocolError<ErrorCode>("code", "the code is wrong");
      return hello;
    } finally {
      if (right) this.#tries.giveBack(hostname, began);
      else this.#tries.fail(hostname, began);
      this.#decided.resolve();
      this.#decided = Promise.withResolvers();
    }
  }

  /** Waits for others from the same address who are at it, but not for those who were wrong. */
  async #takeTry(connection: Connection): Promise<number> {
    const gone = connection.closed.then(() => true);
    for (;;) {
      const now = this.#now();
      const wait = this.#tries.take(connection.hostname, now);
      if (wait === 0) return now;
      if (wait > UNDECIDED_MS) {
        const seconds = Math.ceil(wait / 1000);
        throw new ProtocolError<ErrorCode>("wait", `too many wrong codes: wait ${seconds} seconds`);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, wait);
      const left = await Promise.race([promise, this.#decided.promise, gone]);
      clearTimeout(timer);
      if (left) throw new LastWord(undefined, "it left before its turn had come");
    }
  }

  async #readPreface(connection: Connection, local: Deno.NetAddr): Promise<void> {
    const { decoder } = connection;
    for (;;) {
      const opening = parsePreface(decoder.unread);
      switch (opening.kind) {
        case "chat":
          return decoder.skip(PREFACE.length);
        case "more":
          if (await connection.fill()) continue;
          throw new LastWord(undefined, "it left before it said anything");
        case "version":
          throw new ProtocolError<ErrorCode>(
            "version",
            `this server speaks version ${VERSION} of the protocol, the client ${opening.version}`,
          );
        case "http":
          // The address that this one has come to: behind a wildcard there are many.
          throw new LastWord(
            httpAnswer(formatAddress(local.hostname, local.port)),
            "it speaks HTTP",
          );
        case "tls":
        case "ssh":
          // They would take our frames for damage of their own protocol: better say nothing.
          throw new LastWord(undefined, `it speaks ${opening.kind.toUpperCase()}`);
        case "noise":
          throw new ProtocolError<ErrorCode>("not-chat", "this is a chat server: see `chat join`");
      }
    }
  }

  /** A member's frames go into the hub, until it leaves. */
  async #relay(connection: Connection, member: Member): Promise<void> {
    do {
      for (let frame = connection.decoder.next(); frame; frame = connection.decoder.next()) {
        this.#take(connection, member, frame);
      }
    } while (await connection.fill());
  }

  #take(connection: Connection, member: Member, frame: Frame): void {
    switch (frame.type) {
      case Type.MESSAGE:
        if (frame.id === 0) this.hub.say(member, frame);
        else this.hub.tell(member, frame);
        return;
      case Type.PROFILE:
        checkProfile(frame.body);
        this.hub.setProfile(member, frame.body.slice());
        return;
      case Type.PING:
        checkEmpty("PING", frame.body);
        // One PONG answers all that came before it: who asks without reading costs nothing.
        if (connection.urgent === 0) connection.send(encodeFrame(Type.PONG, 0));
        return;
      case Type.PONG:
        return checkEmpty("PONG", frame.body);
      case Type.BYE:
        checkEmpty("BYE", frame.body);
        throw new LastWord(undefined, "bye", Left.BYE);
      case Type.ERROR:
        throw new LastWord(undefined, parseError(frame.body).code);
      default:
        throw new ProtocolError<ErrorCode>(
          "unexpected",
          `a member may not send a frame of type ${frame.type}`,
        );
    }
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}

function listen(hostname: string, port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port });
  } catch (cause) {
    const where = formatAddress(hostname, port);
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ChatError(`Cannot open a room at ${where}: the port is in use`, {
        hint:
          `Join the room that may be open there with: chat join ${where}; or take another port ` +
          `with: chat serve --port ${port === 65535 ? port - 1 : port + 1}`,
        cause,
      });
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw new ChatError(`Cannot open a room at ${where}: the system does not allow this port`, {
        hint: "Ports below 1024 are often reserved: take a larger one with --port",
        cause,
      });
    }
    if (cause instanceof Deno.errors.AddrNotAvailable) {
      throw new ChatError(
        `Cannot open a room at ${where}: this machine does not have that address`,
        {
          hint: "Listen on all of its addresses with: --host 0.0.0.0",
          cause,
        },
      );
    }
    throw new ChatError(
      `Cannot open a room at ${where}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** The next frame, which must be of this type. */
async function expect(connection: Connection, type: number): Promise<Frame> {
  for (;;) {
    const frame = connection.decoder.next();
    if (frame?.type === type) return frame;
    if (frame) {
      throw new ProtocolError<ErrorCode>(
        "unexpected",
        `a frame of type ${frame.type} came where one of type ${type} must`,
      );
    }
    if (!await connection.fill()) throw new LastWord(undefined, "it left before it was admitted");
  }
}

function httpAnswer(address: string): Uint8Array<ArrayBuffer> {
  const text = `This is a chat server, not a web server. Join with: chat join ${address}\n`;
  return new TextEncoder().encode(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  );
}
