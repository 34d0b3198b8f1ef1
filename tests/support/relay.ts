// Test helper: a relay between clients and their server that records every frame and passes on what the test decides.
// No part of the program.

import { concat } from "@std/bytes/concat";
import { type Frame, FrameDecoder, MAX_FRAME, PREFACE, Type } from "../../protocol.ts";
import type { Direction } from "./fault_proxy.ts";
import { within } from "./async.ts";

/** Returns the bytes to pass on instead of a frame: none, the frame, or others. */
export type Tamper = (frame: Frame, direction: Direction) => readonly Uint8Array[];

export const honest: Tamper = (frame) => [frame.bytes];

/** Listens, and connects each client to the server. */
export class Relay implements AsyncDisposable {
  readonly port: number;
  /** All received bytes of both directions, unaltered. */
  readonly recorded: Uint8Array[] = [];
  /** All received frames of both directions, unaltered. */
  readonly passed: { readonly direction: Direction; readonly frame: Frame }[] = [];
  tamper: Tamper;
  readonly #header: Uint8Array;
  #target: number;
  readonly #open = new Set<Deno.TcpConn>();
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #news = Promise.withResolvers<void>();

  /** @param header what the server gets before each client's bytes, as from a proxy */
  constructor({ port }: { port: number }, tamper: Tamper = honest, header = new Uint8Array(0)) {
    this.#header = header;
    this.#target = port;
    this.tamper = tamper;
    this.port = this.#listener.addr.port;
    this.#accepting = this.#accept();
  }

  /** The recorded bytes in one piece. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return concat(this.recorded);
  }

  /** Connects further clients to another server. */
  redirect({ port }: { port: number }): void {
    this.#target = port;
  }

  /** Ends all connections without BYE. */
  async cut(): Promise<void> {
    await Promise.all(Array.from(this.#open, (conn) => conn.closeWrite().catch(() => {})));
  }

  /** Resolves when `count` frames of this type have been passed on. */
  async saw(direction: Direction, type: number, count = 1): Promise<void> {
    while (this.count(direction, type) < count) {
      await within(`a frame of type ${type}, ${direction}`, this.#news.promise);
    }
  }

  /** The number of frames of this type that have been passed on. */
  count(direction: Direction, type: number): number {
    return this.passed.filter((p) => p.direction === direction && p.frame.type === type).length;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const serving = this.#serve(client).finally(() => this.#serving.delete(serving));
      this.#serving.add(serving);
    }
  }

  async #serve(client: Deno.TcpConn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
    } catch {
      return client.close(); // The server is gone.
    }
    const both = [client, server];
    for (const conn of both) {
      conn.setNoDelay(true);
      this.#open.add(conn);
    }
    await writeAll(server, this.#header).catch(() => {});
    await Promise.all([this.#pump("up", client, server), this.#pump("down", server, client)]);
    for (const conn of both) {
      this.#open.delete(conn);
      conn.close();
    }
  }

  /** Relays one direction. Never rejects: if one side fails, the other ends, too. */
  async #pump(direction: Direction, from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const decoder = new FrameDecoder(MAX_FRAME);
    let opened = direction === "down";
    let open = true;
    const end = async () => {
      open = false;
      await to.closeWrite().catch(() => {});
    };
    try {
      for (;;) {
        const space = decoder.space();
        const count = await from.read(space);
        if (count === null) break;
        this.recorded.push(space.slice(0, count));
        // Bytes after BYE are dropped, but must be read for the connection to end properly.
        if (!open) continue;
        decoder.fill(count);
        if (!opened) {
          if (decoder.unread.length < PREFACE.length) continue;
          await writeAll(to, decoder.unread.slice(0, PREFACE.length));
          decoder.skip(PREFACE.length);
          opened = true;
        }
        for (let view = decoder.next(); view; view = decoder.next()) {
          const bytes = view.bytes.slice();
          const frame = { ...view, bytes, body: bytes.subarray(bytes.length - view.body.length) };
          const pieces = this.tamper(frame, direction);
          await writeAll(to, concat(pieces));
          this.passed.push({ direction, frame });
          this.#news.resolve();
          this.#news = Promise.withResolvers();
          // Also after an altered BYE: its sender waits for the end.
          if (direction === "up" && view.type === Type.BYE) await end();
        }
      }
    } catch {
      // One of the two has closed its connection.
    }
    await end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await within("the end of the relay", Promise.all([this.#accepting, ...this.#serving]));
  }
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
