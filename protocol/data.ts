// The bodies of GRANT and DATA, which carry the bytes of files from one member to another. Pure.

import { ProtocolError } from "../errors.ts";
import { type ErrorCode, HEADER_SIZE, readU32, Type, writeHeader } from "../protocol.ts";

/** Bytes of GRANT's body: generation (4) || total (8). */
const GRANT_SIZE = 12;
/** Bytes before what DATA carries: generation (4). */
export const DATA_OVERHEAD = 4;
/** What a DATA frame takes of a grant at least, in bytes: a server keeps some of it for each frame that waits. */
const MIN_DATA_COST = 1024;

/** How much one member may send to another. */
export interface Grant {
  /** The number of the attempt, from 1: a receiver begins the next one if bytes were lost. */
  readonly generation: number;
  /** Bytes of all DATA frames of this generation, header included: see `dataCost`. */
  readonly total: number;
}

export function encodeGrantBody({ generation, total }: Grant): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(GRANT_SIZE);
  const view = new DataView(body.buffer);
  view.setUint32(0, generation);
  view.setBigUint64(DATA_OVERHEAD, BigInt(total));
  return body;
}

/** @throws {ProtocolError} if it has another size, or a total of 2^53 or more */
export function parseGrant(body: Uint8Array): Grant {
  if (body.length !== GRANT_SIZE) {
    throw new ProtocolError<ErrorCode>("malformed", `GRANT has ${body.length} bytes`);
  }
  const view = new DataView(body.buffer, body.byteOffset);
  const total = view.getBigUint64(DATA_OVERHEAD);
  if (total > Number.MAX_SAFE_INTEGER) {
    throw new ProtocolError<ErrorCode>("malformed", "GRANT has a total that is not an integer");
  }
  return { generation: view.getUint32(0), total: Number(total) };
}

/**
 * Writes a DATA frame at the start of `into`; returns it, as a view.
 *
 * @param seal writes what it carries at the start of its argument; returns how many bytes
 */
export function sealDataFrame(
  into: Uint8Array<ArrayBuffer>,
  receiver: number,
  generation: number,
  seal: (into: Uint8Array) => number,
): Uint8Array<ArrayBuffer> {
  const begin = HEADER_SIZE + DATA_OVERHEAD;
  const size = begin + seal(into.subarray(begin));
  writeHeader(into, Type.DATA, receiver, size - HEADER_SIZE);
  new DataView(into.buffer, into.byteOffset).setUint32(HEADER_SIZE, generation);
  return into.subarray(0, size);
}

/** @throws {ProtocolError} if it is too short for a generation */
export function parseData(body: Uint8Array): { generation: number; chunk: Uint8Array } {
  if (body.length < DATA_OVERHEAD) {
    throw new ProtocolError<ErrorCode>("malformed", `DATA has ${body.length} bytes`);
  }
  return { generation: readU32(body, 0), chunk: body.subarray(DATA_OVERHEAD) };
}

/**
 * What a DATA frame takes of a grant: its bytes, and at least 1024.
 *
 * @param body bytes of its body
 */
export function dataCost(body: number): number {
  return Math.max(MIN_DATA_COST, HEADER_SIZE + body);
}
