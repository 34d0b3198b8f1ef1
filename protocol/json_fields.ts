// The fields of JSON bodies, checked one by one. Pure.

import { ProtocolError } from "../errors.ts";
import { type ErrorCode, malformed } from "../protocol.ts";

const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a body.
 *
 * @param what the frame's name, for the error message
 * @throws {ProtocolError} if it is not a JSON object
 */
export function parseObject(what: string, body: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(utf8Strict.decode(body));
  } catch (cause) {
    throw new ProtocolError<ErrorCode>("malformed", `malformed ${what}: it is not JSON`, { cause });
  }
  if (!isObject(json)) throw malformed(what, "it must be a JSON object");
  return json;
}

export function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** The field with this name. @throws {ProtocolError} if it is not a whole number from `min` to `max` */
export function integer(
  what: string,
  json: Record<string, unknown>,
  name: string,
  min: number,
  max: number,
): number {
  const value = json[name];
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw malformed(what, `${name} must be a whole number from ${min} to ${max}`);
  }
  return value as number;
}
