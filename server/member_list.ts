// The list of members as newcomers are sent it. Pure; does not read what is in an entry.

import { concat } from "@std/bytes/concat";

/** The largest block of the list, in bytes: many entries in one write, few in memory. */
const BLOCK = 16 * 1024;
/** The most members of a block. Each join builds the last block again, so a large one would be slow. */
const BLOCK_MEMBERS = 64;

/** A member in the list. */
export interface Listed {
  readonly id: number;
  /** The frames that introduce it. Their bytes MUST NOT change. */
  readonly entry: Uint8Array<ArrayBuffer>;
}

/** Neighbours in the list. A block never changes: a newcomer may still be sent it. */
class Block {
  /** Bytes of the entries together. */
  readonly size: number;
  #bytes: Uint8Array<ArrayBuffer> | undefined;

  constructor(readonly members: readonly Listed[]) {
    this.size = members.reduce((sum, { entry }) => sum + entry.length, 0);
  }

  /** The entries in one piece, made when first needed; the same for all newcomers. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes ??= concat(this.members.map(({ entry }) => entry));
  }
}

/**
 * The members in the order of joining, in blocks whose bytes are put together once: a thousand members that join at
 * the same time share nearly all of them.
 *
 * @example
 * ```ts
 * const pieces = list.pieces();
 * for (let piece = pieces(); piece; piece = pieces()) write(piece);
 * ```
 */
export class MemberList {
  #blocks: readonly Block[] = [];
  /** The block of each member, by id. */
  readonly #blockOf = new Map<number, Block>();

  /** Adds a member at the end. */
  add(member: Listed): void {
    const last = this.#blocks.at(-1);
    if (
      last && last.members.length < BLOCK_MEMBERS && last.size + member.entry.length <= BLOCK
    ) {
      this.#replace(last, [...last.members, member]);
      return;
    }
    const block = new Block([member]);
    this.#blockOf.set(member.id, block);
    this.#blocks = [...this.#blocks, block];
  }

  /** Removes a member; does nothing if it is not in the list. */
  remove(id: number): void {
    const block = this.#blockOf.get(id);
    if (!block) return;
    this.#blockOf.delete(id);
    this.#replace(block, block.members.filter((member) => member.id !== id));
  }

  /** Gives a member another entry; does nothing if it is not in the list. */
  change(changed: Listed): void {
    const block = this.#blockOf.get(changed.id);
    if (!block) return;
    this.#replace(block, block.members.map((one) => one.id === changed.id ? changed : one));
  }

  /** The list as it is now, whatever happens to it later: a function that returns one piece after the other. */
  pieces(): () => Uint8Array<ArrayBuffer> | undefined {
    const blocks = this.#blocks;
    let next = 0;
    return () => blocks[next++]?.bytes;
  }

  #replace(old: Block, members: readonly Listed[]): void {
    const index = this.#blocks.lastIndexOf(old);
    // Entries may have grown.
    const blocks = split(members).map((part) => new Block(part));
    this.#blocks = this.#blocks.toSpliced(index, 1, ...blocks);
    for (const block of blocks) for (const { id } of block.members) this.#blockOf.set(id, block);
  }
}

/** Parts of at most `BLOCK` bytes, or of one entry. */
function split(members: readonly Listed[]): Listed[][] {
  const parts: Listed[][] = [];
  let size = Infinity;
  for (const member of members) {
    size += member.entry.length;
    if (size > BLOCK) {
      parts.push([]);
      size = member.entry.length;
    }
    parts.at(-1)!.push(member);
  }
  return parts;
}
