// Test helper: a member of an xor room that sends and takes file data by hand, cheap enough for thousands of them. No part
// of the program.

import { concat } from "@std/bytes/concat";
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  HEADER_SIZE,
  MAX_FRAME,
  PREFACE,
  Type,
} from "../../protocol.ts";
import { DATA_OVERHEAD, encodeGrantBody, sealDataFrame } from "../../protocol/data.ts";
import { encodeProfile } from "../../protocol/envelope.ts";
import { within } from "./async.ts";
import { entry, xor } from "./loopback.ts";
import { proxied } from "./proxied.ts";

const READ_SIZE = 16 * 1024;

export function grant(sender: number, generation: number, total: number): Uint8Array<ArrayBuffer> {
  return encodeFrame(Type.GRANT, sender, encodeGrantBody({ generation, total }));
}

export function data(
  receiver: number,
  generation: number,
  chunk: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEADER_SIZE + DATA_OVERHEAD + chunk.length);
  return sealDataFrame(frame, receiver, generation, (into) => {
    into.set(chunk);
    return chunk.length;
  });
}

export class DataMember implements AsyncDisposable {
  readonly conn: Deno.TcpConn;
  id = 0;
  /** Receives each frame; PING is answered before. Frames are valid only during the call. */
  on: (frame: Frame) => void = () => {};
  /** Resolves when the connection has ended. */
  ended: Promise<void> = Promise.resolve();
  readonly #decoder = new FrameDecoder(MAX_FRAME, READ_SIZE);
  #writing: Promise<void> = Promise.resolve();

  private constructor(conn: Deno.TcpConn) {
    this.conn = conn;
    conn.setNoDelay(true);
  }

  /**
   * Joins.
   *
   * @param network the address to come from, if the server trusts this machine as a proxy
   */
  static async join(port: number, network?: string): Promise<DataMember> {
    const member = new DataMember(await Deno.connect({ hostname: "127.0.0.1", port }));
    const profile = xor.seal(encodeProfile({ name: "data" }));
    const header = network === undefined ? [] : [proxied(network)];
    member.write(concat([...header, PREFACE, entry(profile)]));
    while (member.id === 0) {
      await within("WELCOME", member.#fill());
      for (let frame = member.#decoder.next(); frame; frame = member.#decoder.next()) {
        if (frame.type === Type.ERROR) throw new Error(new TextDecoder().decode(frame.body));
        if (frame.type === Type.WELCOME) member.id = frame.id;
      }
    }
    return member;
  }

  /** Reads from now on, until the connection ends. */
  read(): this {
    this.ended = this.#read();
    return this;
  }

  async #read(): Promise<void> {
    do {
      for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next()) {
        if (frame.type === Type.PING) this.write(encodeFrame(Type.PONG, 0));
        this.on(frame);
      }
    } while (await this.#fill());
  }

  async #fill(): Promise<boolean> {
    const count = await this.conn.read(this.#decoder.space()).catch(() => null);
    if (count !== null) this.#decoder.fill(count);
    return count !== null;
  }

  /** Writes after all that was written before; resolves when the system has taken it, or the connection has ended. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#writing = this.#writing.then(async () => {
      try {
        for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
      } catch {
        // The server has ended the connection.
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // In Deno 2.8, closing a socket leaves its read waiting (issue 35292), until the server has closed its side.
    this.conn.closeWrite().catch(() => {});
    await within("the end of a member", this.ended);
    try {
      this.conn.close();
    } catch {
      // It has ended.
    }
  }
}
