// Test helper: all states that a room has had, to compare what is recovered with them.

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { encode } from "@std/msgpack/encode";
import { concat } from "@std/bytes/concat";
import type { Fold } from "../../server/fold.ts";
import { logBytes } from "./kept_room.ts";

/** The states of a room, one after each entry. */
export class TrueStates {
  /** After how many entries the room was in a state: some entries change nothing. */
  readonly #after = new Map<string, { first: number; last: number }>();
  #log: Uint8Array = new Uint8Array(0);
  readonly #start: number;
  #count = -1;

  /** @param fold the first state */
  constructor(fold: Fold) {
    this.#start = fold.log.end;
    this.add(fold);
  }

  /** The state after one more entry. */
  add(fold: Fold): void {
    const last = ++this.#count;
    const state = digest(fold);
    this.#after.set(state, { first: this.#after.get(state)?.first ?? last, last });
    const end = this.#start + this.#log.length;
    if (fold.log.end > end) this.#log = concat([this.#log, logBytes(fold, end)]);
  }

  /** After how many entries the room was like this; undefined: it never was. */
  find(fold: Fold): { readonly first: number; readonly last: number } | undefined {
    const from = Math.max(fold.log.start, this.#start);
    const wanted = this.#log.subarray(from - this.#start, fold.log.end - this.#start);
    const isSame = Buffer.compare(logBytes(fold, from), wanted) === 0;
    return isSame ? this.#after.get(digest(fold)) : undefined;
  }
}

/** Of everything but the room's log, whose end counts. */
function digest(fold: Fold): string {
  const { log: { end }, chain = null, ...state } = fold.save(fold.tail);
  const bytes = encode({ ...state, chain, end } as unknown as Parameters<typeof encode>[0]);
  return createHash("sha256").update(bytes).digest("hex");
}
