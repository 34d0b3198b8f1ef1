// Test helper: both ends of a connection on this machine, as bare bytes and frames; and a guest, a real
// client that remembers what it is told. No part of the program.
//
// Nothing here sleeps: it waits for what must come. What does not come fails the test after a while.

import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { XorCipher } from "../../cipher.ts";
import { type Client, join, type JoinOptions } from "../../client.ts";
import { type Frame, FrameDecoder, MAX_FRAME, PREFACE, Type } from "../../protocol.ts";
import { encodeHello } from "../../protocol/json_frames.ts";
import { encodeProfile, NUMBER_OVERHEAD } from "../../protocol/envelope.ts";
import type { RoomEvent } from "../../room.ts";
import { Server, type ServerOptions } from "../../server.ts";
import { formatText, type ServerEvent } from "../../server/events.ts";
import { PATIENCE_MS, within } from "./async.ts";

/** The public key of all rooms here: the original's example. */
export const KEY = 198;
export const xor: XorCipher = new XorCipher(KEY);

/** What our clients say without the number in front, in an xor room: kind and text. */
export function wording(body: Uint8Array): string {
  const { plaintext } = xor.open(body);
  if (plaintext[0] !== 0x4e) throw new Error("It has no number");
  return new TextDecoder().decode(plaintext.subarray(NUMBER_OVERHEAD));
}

/** One end of a connection, without any manners: it reads and writes what the test says. */
export class Raw implements AsyncDisposable {
  readonly conn: Deno.TcpConn;
  readonly #decoder = new FrameDecoder(MAX_FRAME);

  constructor(conn: Deno.TcpConn) {
    this.conn = conn;
    // Else what is written piece by piece waits for the other side's acknowledgements.
    conn.setNoDelay(true);
  }

  static async connect({ port }: { port: number }): Promise<Raw> {
    return new Raw(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async write(...parts: readonly Uint8Array[]): Promise<void> {
    const bytes = concat(parts);
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  /** Says that nothing more will come from here. */
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

  /** The next frame; null if the other side ended before. */
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

  /** The next frame of this type; others are passed over. */
  async frameOf(type: number): Promise<Frame> {
    for (;;) {
      const frame = await this.frame();
      if (!frame) throw new Error(`The connection ended before a frame of type ${type} came`);
      if (frame.type === type) return frame;
    }
  }

  /** All frames until the other side ends. */
  async frames(): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (let frame = await this.frame(); frame; frame = await this.frame()) frames.push(frame);
    return frames;
  }

  /** All bytes until the other side ends, properly: a reset is an error. */
  async rest(): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await within("the end", this.conn.read(buffer));
      if (count === null) return concat(parts);
      parts.push(buffer.slice(0, count));
    }
  }

  /** As a chat client with this sealed profile; resolves with its id when it is in. */
  async hello(profile: Uint8Array = xor.seal(encodeProfile({ name: "raw" }))): Promise<number> {
    await this.write(PREFACE, encodeHello({ version: 1, profile }));
    return (await this.frameOf(Type.WELCOME)).id;
  }

  [Symbol.asyncDispose](): Promise<void> {
    try {
      this.conn.close();
    } catch {
      // The test has closed it.
    }
    return Promise.resolve();
  }
}

/** Something that listens and is no server of ours; `serve` has each connection, one at a time. */
export class Impostor implements AsyncDisposable {
  readonly port: number;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;
  #count = 0;
  #served = Promise.withResolvers<void>();

  constructor(serve: (raw: Raw) => Promise<void>) {
    this.port = this.#listener.addr.port;
    this.#serving = this.#serve(serve);
    // Told when it is disposed of, not before.
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

  /** Resolves when it has served so many connections to their end. */
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

/** A room for one test, with the key of all of them. */
export class TestRoom extends Server implements AsyncDisposable {
  /** What the server told of, a line each. */
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
    const here = { hostname: "127.0.0.1", port: 0, publicKey: KEY };
    // Everybody comes from one address here; and what a test does not ask for is not limited.
    const limits = { graceMs: 0, maxPerAddress: Infinity, budget: undefined };
    super({ ...here, onEvent, finishMs, ...limits, ...options });
    this.lines = lines;
    this.#wakers = wakers;
  }

  /** Resolves when it has told of as many lines. */
  async told(count: number): Promise<string> {
    while (this.lines.length < count) {
      await within("a line", new Promise<void>((resolve) => this.#wakers.push(resolve)));
    }
    return this.lines.join("\n");
  }

  /** Resolves when this is so: looked at whenever it tells of something. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await within(what, new Promise<void>((resolve) => this.#wakers.push(resolve)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within("the end of the server", this.stop());
    assertEquals([this.sessions, this.connections], [0, 0], "The server has kept something");
  }
}

type EventOf<T extends RoomEvent["type"]> = RoomEvent & { type: T };

/** A real client whose events can be waited for, each once, in their order. */
export class Guest implements AsyncDisposable {
  readonly client: Client;
  /** All that it has been told. */
  readonly events: RoomEvent[] = [];
  /** Resolves when the room has ended for it. */
  readonly ended: Promise<void>;
  /** Called with each event as it comes. */
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

  /** Resolves when it knows who is in the room. */
  static async join(
    { port }: { port: number },
    name: string,
    options: Partial<JoinOptions> = {},
  ): Promise<Guest> {
    const guest = new Guest(await join({ hostname: "127.0.0.1", port, name, ...options }));
    await guest.next("members");
    return guest;
  }

  /** The next event of this type that fits; what comes before it is passed over. */
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

  /** Says something, and waits until the room has taken it. */
  async say(text: string): Promise<EventOf<"message">> {
    const ref = this.client.say(text);
    return await this.next("message", (event) => event.ref === ref);
  }

  /** What it has heard, as `NAME: text`. */
  get heard(): string[] {
    return this.events.flatMap((e) => e.type === "message" ? [`${e.from.name}: ${e.text}`] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.leave();
    await within("the end of the room", this.ended);
  }
}
