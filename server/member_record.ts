// A member in a snapshot, as bytes. In a room of thousands, a snapshot holds up everybody: this takes an eighth of
// the time that MessagePack takes. Pure; docs/state.md has the table of fields.

import type { SavedMember } from "./fold_member.ts";
import type { SavedOwnLog } from "./own_log.ts";

const Flag = { NO_DIRECT: 1, LASTING: 2, AWAY: 4 } as const;

const utf8 = new TextEncoder();
const utf8Strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes members into a buffer that is used again for each of them. */
export class MemberWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #used = 0;

  /** The bytes of a member. They are valid until the next call. */
  encode(member: SavedMember): Uint8Array<ArrayBuffer> {
    const { noDirect, lasting, awaySince, tokens, own } = member;
    this.#used = 0;
    this.#u32(member.id);
    this.#u64(member.start);
    this.#u64(member.joined);
    this.#u32(member.connection);
    this.#u32(member.accepted);
    this.#u32(member.answered);
    this.#u32(
      (noDirect ? Flag.NO_DIRECT : 0) | (lasting ? Flag.LASTING : 0) |
        (awaySince === null ? 0 : Flag.AWAY),
    );
    this.#u64(awaySince ?? 0);
    this.#text(member.network);
    this.#sized(member.profile);
    this.#sized(member.key);
    this.#text(member.moderator ?? "");
    this.#u32(tokens.length);
    for (const token of tokens) this.#text(token);
    this.#u64(own.have);
    this.#u32(own.runs.length);
    for (const [room, end, network, isAck] of own.runs) {
      this.#u64(room);
      this.#u64(end);
      this.#text(network);
      this.#u32(isAck ? 1 : 0);
    }
    const { end, begun, segments } = own.log;
    this.#u64(end);
    this.#u64(begun);
    this.#u32(segments.length);
    for (const { start, size, bytes } of segments) {
      this.#u64(start);
      this.#u32(size);
      this.#sized(bytes);
    }
    return this.#bytes.subarray(0, this.#used);
  }

  #reserve(size: number): number {
    const at = this.#used;
    const end = at + size;
    if (end > this.#bytes.length) {
      const bytes = new Uint8Array(2 * end);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer);
    }
    this.#used = end;
    return at;
  }

  #u32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
  }

  #u64(value: number): void {
    this.#u32(Math.floor(value / 2 ** 32));
    this.#u32(value >>> 0);
  }

  #sized(bytes: Uint8Array): void {
    this.#u32(bytes.length);
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  #text(text: string): void {
    // At most three bytes for each of its UTF-16 units.
    const at = this.#reserve(4 + 3 * text.length);
    const { written } = utf8.encodeInto(text, this.#bytes.subarray(at + 4));
    this.#view.setUint32(at, written);
    this.#used = at + 4 + written;
  }
}

/**
 * Reads what `MemberWriter` wrote. The profile, the key and the log's bytes are parts of the given ones.
 *
 * @throws {RangeError} if a field is longer than what is left
 */
export function parseMember(bytes: Uint8Array): SavedMember {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const u32 = () => {
    at += 4;
    return view.getUint32(at - 4);
  };
  const u64 = () => u32() * 2 ** 32 + u32();
  const sized = () => {
    const size = u32();
    if (size > bytes.length - at) {
      throw new RangeError(`a field of ${size} bytes, and ${bytes.length - at} are left`);
    }
    at += size;
    return bytes.subarray(at - size, at);
  };
  const text = () => utf8Strict.decode(sized());
  // Each element takes bytes, so a false number ends at the end of the bytes.
  const list = <T>(read: () => T) => {
    const all: T[] = [];
    for (let left = u32(); left > 0; left--) all.push(read());
    return all;
  };
  const [id, start, joined] = [u32(), u64(), u64()];
  const [connection, accepted, answered] = [u32(), u32(), u32()];
  const flags = u32();
  const since = u64();
  const [network, profile, key, moderator] = [text(), sized(), sized(), text()];
  const tokens = list(text);
  const have = u64();
  const runs = list((): SavedOwnLog["runs"][number] => [u64(), u64(), text(), u32() === 1]);
  const [end, begun] = [u64(), u64()];
  const segments = list(() => ({ start: u64(), size: u32(), bytes: sized() }));
  return {
    ...{ id, start, joined, connection, accepted, answered, network, profile, key, tokens },
    noDirect: (flags & Flag.NO_DIRECT) !== 0,
    lasting: (flags & Flag.LASTING) !== 0,
    moderator: moderator === "" ? null : moderator,
    awaySince: flags & Flag.AWAY ? since : null,
    own: { log: { end, begun, segments }, runs, have },
  };
}
