// TODO: say what this is.

import { ProtocolError } from "../errors.ts";
import { type ErrorCode, type Frame, Left } from "../protocol.ts";
import { Connection } from "../protocol/connection.ts";

/** What a connection ends with, where it is not an ERROR frame. */
export class CloseReason extends Error {
  override name = "CloseReason";
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer> | undefined,
    why: string,
    /** What the others are told, one of `Left`. */
    readonly reason: number = Left.LOST,
  ) {
    super(why);
  }
}

/** The next frame of somebody who is not admitted yet. */
export async function next(connection: Connection): Promise<Frame> {
  for (;;) {
    const frame = connection.decoder.next();
    if (frame) return frame;
    if (!await connection.fill()) {
      throw new CloseReason(undefined, "it left before it was admitted");
    }
  }
}

/** The frame, which must be of this type. */
export function expected(frame: Frame, type: number): Frame {
  if (frame.type === type) return frame;
  throw new ProtocolError<ErrorCode>(
    "unexpected",
    `a frame of type ${frame.type} came where one of type ${type} must`,
  );
}

export function httpAnswer(address: string): Uint8Array<ArrayBuffer> {
  const text = `This is a chat server, not a web server. Join with: chat join ${address}\n`;
  return new TextEncoder().encode(
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n" +
      `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
  );
}
