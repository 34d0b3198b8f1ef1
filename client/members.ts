// TODO: say what this is.

import type { PeerId } from "./unconfirmed.ts";

/** Where people have keys, these tell who is who; else the names. */
export function areSame(one: PeerId, other: PeerId): boolean {
  if (one.key !== undefined || other.key !== undefined) return one.key === other.key;
  return one.name !== undefined && one.name === other.name;
}

/** As `2026-01-31`. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
