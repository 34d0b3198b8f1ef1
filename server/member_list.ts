// The list of members as newcomers are sent it. Pure; does not read what is in an entry.

import { concat } from "@std/bytes/concat";

/** Bytes of a slice of the list: many entries in one write, few in memory. */
const SLICE = 16 * 1024;

/** A member in the list. */
export interface Listed {
  /** Ids grow in the order of joining. */
  readonly id: number;
  /** The frames that introduce it. Their bytes MUST NOT change. */
  readonly entry: Uint8Array<ArrayBuffer>;
}

export interface Slice {
  /** May be empty. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The id of the last member in it. */
  readonly last: number;
  readonly more: boolean;
}

/** Neighbours in the list, together about as large as a slice. */
interface Block {
  readonly members: Listed[];
  /** Bytes of their entries together. */
  size: number;
  /** Their entries in one piece, made when first needed; the same for all newcomers. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * The members in the order of their ids, in blocks whose bytes are put together once: a thousand members that join
 * at the same time get the same bytes.
 *
 * @example
 * ```ts
 * const { bytes, last, more } = listing.slice(0, newcomer.id);
 * write(bytes);
 * if (more) write(listing.slice(last, newcomer.id).bytes);
 * ```
 */
export class Listing {
  #blocks: Block[] = [];

  /** Adds a member; its id MUST be greater than all before. */
  add(member: Listed): void {
    const last = this.#blocks.at(-1);
    const size = member.entry.length;
    if (!last || last.size + size > SLICE) {
      this.#blocks.push({ members: [member], size, bytes: undefined });
      return;
    }
    last.members.push(member);
    last.size += size;
    last.bytes = undefined;
  }

  /** Removes a member; does nothing if it is not in the list. */
  remove({ id }: Listed): void {
    const index = this.#blockAfter(id - 1);
    const block = this.#blocks[index];
    const at = block ? block.members.findIndex((member) => member.id === id) : -1;
    if (!block || at === -1) return;
    block.members.splice(at, 1);
    if (block.members.length === 0) this.#blocks.splice(index, 1);
    else measure(block);
  }

  /** A member's entry has changed. */
  change({ id }: Listed): void {
    const block = this.#blocks[this.#blockAfter(id - 1)];
    if (block) measure(block);
  }

  /** The entries of the next members with ids greater than `after` and less than `before`, in one piece. */
  slice(after: number, before: number): Slice {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    let last = after;
    let more = false;
    for (let i = this.#blockAfter(after); i < this.#blocks.length && !more; i++) {
      const block = this.#blocks[i]!;
      // Blocks that have become small are sent together, but none is split for that.
      if (size > 0 && size + block.size > SLICE) {
        more = block.members[0]!.id < before;
        break;
      }
      let start = 0;
      let end = 0;
      for (const { id, entry } of block.members) {
        if (id >= before) break;
        if (id > after) {
          // A block may be too large, because entries have grown.
          more = size > 0 && size + entry.length > SLICE;
          if (more) break;
          size += entry.length;
          last = id;
        } else start += entry.length;
        end += entry.length;
      }
      if (end > start) pieces.push(bytesOf(block).subarray(start, end));
      if (block.members.at(-1)!.id >= before) break;
    }
    return { bytes: pieces.length === 1 ? pieces[0]! : concat(pieces), last, more };
  }

  /** A copy of the list between these ids; later changes do not affect it. */
  part(after: number, before: number): Listing {
    const part = new Listing();
    for (const { members } of this.#blocks) {
      for (const member of members) if (member.id > after && member.id < before) part.add(member);
    }
    return part;
  }

  /** The index of the first block with a member whose id is greater than `id`. */
  #blockAfter(id: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#blocks[middle]!.members.at(-1)!.id > id) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function bytesOf(block: Block): Uint8Array<ArrayBuffer> {
  return block.bytes ??= concat(block.members.map(({ entry }) => entry));
}

/** Measures a block again after a change. */
function measure(block: Block): void {
  block.size = block.members.reduce((sum, { entry }) => sum + entry.length, 0);
  block.bytes = undefined;
}
