// Test helper: servers and clients that are connected on this machine. Some are real, some are bare bytes and frames
// that the test controls. No part of the program.
//
// Nothing here sleeps: it waits for events. If an event does not come, the test fails.

import { reservedPort, whenFree } from "./ports.ts";
import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { XorCipher } from "../../cipher.ts";
import { type Client, join, type JoinOptions } from "../../client.ts";
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  MAX_FRAME,
  PREFACE,
  Type,
  VERSION,
} from "../../protocol.ts";
import { encodeHello, encodeSeat, encodeWelcome } from "../../protocol/json_frames.ts";
import { encodeProfile, NUMBER_OVERHEAD } from "../../protocol/envelope.ts";
import type { RoomEvent } from "../../room.ts";
import { Server, type ServerOptions } from "../../server.ts";
import { formatText, type ServerEvent } from "../../server/events.ts";
import { PATIENCE_MS, within } from "./async.ts";

/** The public key of all rooms here: the example of the classic program. */
export const KEY = 198;
export const xor: XorCipher = new XorCipher(KEY);

/** The kind and the text in a message body of an xor room, without its number. */
export function contentOf(body: Uint8Array): string {
  const { plaintext } = xor.open(body);
  if (plaintext[0] !== 0x4e) throw new Error("The message has no number");
  return new TextDecoder().decode(plaintext.subarray(NUMBER_OVERHEAD));
}

/** One end of a connection. It reads and writes only what the test asks for. */
export class Raw implements AsyncDisposable {
  readonly conn: Deno.TcpConn;
  readonly #decoder = new FrameDecoder(MAX_FRAME);

  constructor(conn: Deno.TcpConn) {
    this.conn = conn;
    // Else bytes written in pieces wait for the acknowledgements of the other side.
    conn.setNoDelay(true);
  }

  static async connect({ port }: { port: number }): Promise<Raw> {
    return new Raw(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async write(...parts: readonly Uint8Array[]): Promise<void> {
    const bytes = concat(parts);
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /** Closes the sending direction. */
  async end(): Promise<void> {
    await this.conn.closeWrite();
  }

  /** A client's first bytes. */
  async preface(): Promise<Uint8Array> {
    while (this.#decoder.unread.length < PREFACE.length) {
      const count = await within("a preface", this.conn.read(this.#decoder.space()));
      if (count === null) break;
      this.#decoder.fill(count);
    }
    const bytes = this.#decoder.unread.slice(0, PREFACE.length);
    this.#decoder.skip(bytes.length);
    return bytes;
  }

  /** The next frame; null if the other side ends first. */
  async frame(): Promise<Frame | null> {
    for (;;) {
      const frame = this.#decoder.next();
      if (frame) {
        const bytes = frame.bytes.slice();
        return { ...frame, bytes, body: bytes.subarray(frame.bytes.length - frame.body.length) };
      }
      const count = await within("a frame", this.conn.read(this.#decoder.space()));
      if (count === null) return null;
      this.#decoder.fill(count);
    }
  }

  /** The next frame of this type; skips others. */
  async frameOf(type: number): Promise<Frame> {
    for (;;) {
      const frame = await this.frame();
      if (!frame) throw new Error(`The connection ended before a frame of type ${type}`);
      if (frame.type === type) return frame;
    }
  }

  /** All frames until the other side ends. */
  async frames(): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (let frame = await this.frame(); frame; frame = await this.frame()) frames.push(frame);
    return frames;
  }

  /** All bytes until the other side ends. A reset is an error. */
  async rest(): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await within("the end", this.conn.read(buffer));
      if (count === null) return concat(parts);
      parts.push(buffer.slice(0, count));
    }
  }

  /** Joins with this sealed profile; returns its id after WELCOME. */
  async hello(profile: Uint8Array = xor.seal(encodeProfile({ name: "raw" }))): Promise<number> {
    await this.write(PREFACE, entry(profile));
    return (await this.frameOf(Type.WELCOME)).id;
  }

  [Symbol.asyncDispose](): Promise<void> {
    try {
      this.conn.close();
    } catch {
      // Already closed by the test.
    }
    return Promise.resolve();
  }
}

/** What a client of an xor room sends to join: HELLO and PROFILE, without waiting for SEAT. */
export function entry(profile: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat([encodeHello({ version: VERSION }), encodeFrame(Type.PROFILE, 0, profile)]);
}

/** The name of the log of impostors. */
export const LOG = "AAECAwQFBgcICQoLDA0ODw";

/** Plays the server to a client that joins an xor room: everything up to WELCOME, with these fields. */
export async function admitTo(
  raw: Raw,
  greeting: Uint8Array,
  id: number,
  welcome: Parameters<typeof encodeWelcome>[1],
): Promise<void> {
  await raw.preface();
  await raw.write(greeting);
  await raw.frameOf(Type.HELLO);
  await raw.write(encodeSeat(id, { log: LOG, room: welcome.room }));
  await raw.frameOf(Type.PROFILE);
  await raw.write(encodeWelcome(id, welcome));
}

/** A listener that is not our server. `serve` handles the connections, one at a time. */
export class Impostor implements AsyncDisposable {
  readonly port: number;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  #count = 0;
  #served = Promise.withResolvers<void>();

  constructor(serve: (raw: Raw) => Promise<void>) {
    this.port = this.#listener.addr.port;
    this.#serving = this.#serve(serve);
    // An error is reported when the impostor is disposed of.
    this.#serving.catch(() => {});
  }

  async #serve(serve: (raw: Raw) => Promise<void>): Promise<void> {
    for await (const conn of this.#listener) {
      await using raw = new Raw(conn);
      await serve(raw);
      this.#count++;
      this.#served.resolve();
      this.#served = Promise.withResolvers();
    }
  }

  /** Resolves when `count` connections have been served to their end. */
  async served(count: number): Promise<void> {
    while (this.#count < count) {
      await within("a connection's end", Promise.race([this.#served.promise, this.#serving]));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await within("the end of the impostor", this.#serving);
  }
}

/** A room for one test. All of these rooms have the same key. */
export class TestRoom extends Server implements AsyncDisposable {
  /** The lines that the server has logged. */
  readonly lines: string[];
  readonly #wakers: (() => void)[];

  constructor(options: Partial<ServerOptions> = {}) {
    const lines: string[] = [];
    const wakers: (() => void)[] = [];
    const onEvent = (event: ServerEvent) => {
      lines.push(formatText(event));
      for (const wake of wakers.splice(0)) wake();
    };
    const finishMs = PATIENCE_MS;
    // Some tests stop the server and start another on its port.
    const here = { hostname: "127.0.0.1", publicKey: KEY };
    const port = whenFree(options.port ?? reservedPort());
    // All connections come from one address here, and the machine may be busy. A test that needs a limit sets it.
    const limits = {
      graceMs: 0,
      maxPerAddress: Infinity,
      maxPending: Infinity,
      budget: undefined,
      handshakeMs: PATIENCE_MS,
    };
    super({ ...here, onEvent, finishMs, ...limits, ...options, port });
    this.lines = lines;
    this.#wakers = wakers;
  }

  /** Resolves when the server has logged `count` lines; returns all of them. */
  async logged(count: number): Promise<string> {
    while (this.lines.length < count) {
      await within("a line of the log", new Promise<void>((resolve) => this.#wakers.push(resolve)));
    }
    return this.lines.join("\n");
  }

  /** Resolves when `isSo` returns true. It is called after each line that the server logs. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await within(what, new Promise<void>((resolve) => this.#wakers.push(resolve)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within("the end of the server", this.stop());
    assertEquals(
      [this.sessions, this.connections],
      [0, 0],
      "The server has kept sessions or connections",
    );
  }
}

type EventOf<T extends RoomEvent["type"]> = RoomEvent & { type: T };

/** A real client. A test can wait for its events, each once, in their order. */
export class Guest implements AsyncDisposable {
  readonly client: Client;
  /** All its events so far. */
  readonly events: RoomEvent[] = [];
  /** Resolves when the client has left the room or lost it. */
  readonly ended: Promise<void>;
  /** Called with each event. */
  on: (event: RoomEvent) => void = () => {};
  #seen = 0;
  #news = Promise.withResolvers<void>();

  constructor(client: Client) {
    this.client = client;
    this.ended = client.run((event) => {
      this.events.push(event);
      this.on(event);
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    });
  }

  /** Joins; resolves when the client has the list of members. */
  static async join(
    { port }: { port: number },
    name: string,
    options: Partial<JoinOptions> = {},
  ): Promise<Guest> {
    const guest = new Guest(
      await join({ hostname: "127.0.0.1", port, name, handshakeMs: PATIENCE_MS, ...options }),
    );
    await guest.next("members");
    return guest;
  }

  /** The next event of this type that fits; skips others. */
  async next<T extends RoomEvent["type"]>(
    type: T,
    fits: (event: EventOf<T>) => boolean = () => true,
  ): Promise<EventOf<T>> {
    const found = await this.nextOf([type], (event) => fits(event as EventOf<T>));
    return found as EventOf<T>;
  }

  /** The next event of any of these types that fits. */
  async nextOf(
    types: readonly RoomEvent["type"][],
    fits: (event: RoomEvent) => boolean = () => true,
  ): Promise<RoomEvent> {
    for (;;) {
      while (this.#seen < this.events.length) {
        const event = this.events[this.#seen++]!;
        if (types.includes(event.type) && fits(event)) return event;
      }
      await within(`the event ${types.join(" or ")}`, this.#news.promise);
    }
  }

  /** Sends a message, and waits until the room has confirmed it. */
  async say(text: string): Promise<EventOf<"message">> {
    const ref = this.client.say(text);
    return await this.next("message", (event) => event.ref === ref);
  }

  /** The messages that it has received, as `NAME: text`. */
  get received(): string[] {
    return this.events.flatMap((e) => e.type === "message" ? [`${e.from.name}: ${e.text}`] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.leave();
    await within("the end of the client", this.ended);
  }
}
