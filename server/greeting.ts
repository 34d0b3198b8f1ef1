// What a server says of itself in each GREETING. Pure.

import { recordName } from "../cipher/opaque.ts";
import { MAX_FRAME, VERSION } from "../protocol.ts";
import type { Greeting } from "../protocol/json_frames.ts";
import type { ServerOptions } from "./options.ts";

/**
 * The fields of GREETING that never change.
 *
 * @param publicKey xor's; a sealed room does not use it
 */
export function greetingOf(
  { budget, admission, recordName: name }: Pick<
    ServerOptions,
    "budget" | "admission" | "recordName"
  >,
  publicKey: number,
): Greeting {
  return {
    version: VERSION,
    maxFrame: MAX_FRAME,
    ...(budget && { budget }),
    ...(admission
      ? { cipher: "sealed", record: name ?? recordName(admission) }
      : { cipher: "xor", key: String(publicKey) }),
  };
}
