// Whether files fit into the downloads folder, beside those that are accepted already. Knows no wire.
//
// Where the system does not say how much is free, every file fits, and a write reports that the disk is full.

import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { bytesText } from "../text/sizes.ts";
import { FileError } from "./disk_errors.ts";
import type { TransferClock } from "./post.ts";
import type { Disk } from "./storage.ts";
import type { Incoming } from "./transfer_entries.ts";

/** How long the space that was seen counts, in ms: others decide how often offers come, and a disk may be slow. */
const SEEN_MS = 1000;
/** With this much more than a file needs, what was seen is enough, in bytes: many files may be small. */
const PLENTY = 1024 * 1024 * 1024;

export class FreeSpace {
  readonly #disk: Disk;
  readonly #clock: TransferClock;
  /** Accepted files that are running, or about to. */
  readonly #running: ReadonlySet<Incoming>;
  /** Accepted files that wait for others. */
  readonly #queues: readonly Iterable<Incoming>[];
  #seen: { readonly at: number; readonly bytes: number | undefined } | undefined;

  constructor(
    { disk, clock }: { disk: Disk; clock: TransferClock },
    running: ReadonlySet<Incoming>,
    queues: readonly Iterable<Incoming>[],
  ) {
    this.#disk = disk;
    this.#clock = clock;
    this.#running = running;
    this.#queues = queues;
  }

  /** The bytes that are left for a file that is offered now; undefined if they are unknown. */
  left(): number | undefined {
    const at = this.#clock.now();
    if (this.#seen && at - this.#seen.at < SEEN_MS) return this.#seen.bytes;
    const free = this.#disk.free();
    const bytes = free === undefined ? undefined : Math.max(0, free - this.#owed());
    this.#seen = { at, bytes };
    return bytes;
  }

  /**
   * Called before the user's files are accepted.
   *
   * @throws {ChatError} if they do not fit
   */
  check(files: readonly Incoming[]): void {
    const free = this.#disk.free();
    if (free === undefined) return;
    const before = this.#owed();
    const size = files.reduce((sum, { offer }) => sum + offer.size, 0);
    if (before + size <= free || before + size <= free + this.#interrupted()) return;
    const [first, ...others] = files;
    const what = others.length > 0 ? `${files.length} files` : printable(first!.offer.name);
    const need = `${others.length > 0 ? "they need" : "it needs"} ${bytesText(size)}`;
    throw new ChatError(`Cannot accept ${what}: ${need}, and ${folderHas(free, before)}`, {
      refusal: "full",
      hint: `Free ${bytesText(before + size - free)} or more, then accept again`,
    });
  }

  /** Why a file does not fit that is about to start; `have`: how many of its bytes are on the disk. */
  shortage(entry: Incoming, have: number): FileError | undefined {
    const rest = entry.offer.size - have;
    if (rest + PLENTY <= (this.left() ?? 0)) return undefined;
    const free = this.#disk.free();
    const before = owed(this.#running.values().filter(({ state }) => state === "running"));
    if (free === undefined || before + rest <= free) return undefined;
    const need = `it needs ${bytesText(rest)}${have > 0 ? " more" : ""}`;
    const reason = `${need}, and ${folderHas(free, before)}`;
    return new FileError(`receive ${printable(entry.offer.name)}`, reason, "full");
  }

  /**
   * The bytes in the parts of interrupted downloads. Such a file needs only the rest; whether one of these is it turns
   * out when the part is opened.
   */
  #interrupted(): number {
    return this.#running.values().reduce((rest, { bytes }) => rest - bytes, this.#disk.kept());
  }

  /** The bytes that all accepted files still need. */
  #owed(): number {
    return this.#queues.reduce((sum, queue) => sum + owed(queue), owed(this.#running));
  }
}

function owed(accepted: Iterable<Incoming>): number {
  let bytes = 0;
  for (const { offer, state, bytes: have } of accepted) {
    bytes += offer.size - (state === "running" ? have : 0);
  }
  return bytes;
}

function folderHas(free: number, before: number): string {
  const has = `the downloads folder has ${bytesText(free)} free`;
  return before > 0 ? `${has}, of which accepted files need ${bytesText(before)}` : has;
}
