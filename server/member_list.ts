// The list of members as newcomers get it. Pure; what an entry says is the member's own business.

import { concat } from "@std/bytes/concat";

/** Bytes of a piece of the list: many entries in one write, few in memory. */
const SLICE = 16 * 1024;

/** Somebody in the list. */
export interface Listed {
  /** Grows in the order of joining. */
  readonly id: number;
  /** The frames that make it known. Its bytes MUST NOT change. */
  readonly entry: Uint8Array<ArrayBuffer>;
}

export interface Slice {
  /** May be empty. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The id of the last member in it. */
  readonly last: number;
  readonly more: boolean;
}

/** Neighbours in the list, of about so many bytes together as a slice has. */
interface Block {
  readonly members: Listed[];
  /** Bytes of their entries. */
  size: number;
  /** Their entries, once somebody has needed them; the same for all newcomers. */
  bytes: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * The members in the order of their ids, in blocks that are put together once: a thousand who come at the same
 * time get the same bytes, and nothing is made for each of them.
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

  /** Takes a member out; does nothing if it is not in. */
  remove({ id }: Listed): void {
    const index = this.#blockAfter(id - 1);
    const block = this.#blocks[index];
    const at = block ? block.members.findIndex((member) => member.id === id) : -1;
    if (!block || at === -1) return;
    block.members.splice(at, 1);
    if (block.members.length === 0) this.#blocks.splice(index, 1);
    else measure(block);
  }

  /** A member's entry has become another. */
  change({ id }: Listed): void {
    const block = this.#blocks[this.#blockAfter(id - 1)];
    if (block) measure(block);
  }

  /**
   * The entries of the next members with ids greater than `after` and less than `before`, in one piece: up to
   * which id, and whether there are more.
   */
  slice(after: number, before: number): Slice {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    let last = after;
    let more = false;
    for (let i = this.#blockAfter(after); i < this.#blocks.length && !more; i++) {
      const block = this.#blocks[i]!;
      // Blocks that have become small are sent together, but none is cut for it.
      if (size > 0 && size + block.size > SLICE) {
        more = block.members[0]!.id < before;
        break;
      }
      let start = 0;
      let end = 0;
      for (const { id, entry } of block.members) {
        if (id >= before) break;
        if (id > after) {
          // A block is too large where entries have grown.
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

  /** The same members between these ids, whatever happens to the list from now on. */
  part(after: number, before: number): Listing {
    const part = new Listing();
    for (const { members } of this.#blocks) {
      for (const member of members) if (member.id > after && member.id < before) part.add(member);
    }
    return part;
  }

  /** The first block with a member whose id is greater than `id`. */
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

/** Something in it has changed. */
function measure(block: Block): void {
  block.size = block.members.reduce((sum, { entry }) => sum + entry.length, 0);
  block.bytes = undefined;
}
