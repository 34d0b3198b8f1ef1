// Files in words: offers, transfers, their progress and their end. Sentences may quote others: `printable()` before
// they are shown. Live rows are printable already. Pure.

import type { RoomEvent, Transfer } from "../room.ts";
import { counted } from "../text/counts.ts";
import { printable } from "../text/printable.ts";
import { bytesText } from "../text/sizes.ts";
import { cut, width } from "../text/width.ts";
import { listed } from "./member_lists.ts";
import { two } from "./rows.ts";

/** File names listed for one offer. */
const MAX_NAMED = 5;
/** Free space of this many times the size needs no mention. */
const PLENTY = 10;
/** Columns of a progress bar; without room for the least, the row has no bar. */
const MAX_BAR = 20;
const MIN_BAR = 6;
/** Columns of a file name in a live row. */
const MAX_FILE_COLUMNS = 24;

/**
 * An offer, and the commands that answer it.
 *
 * @param answers whether to name the commands: not where they cannot be typed
 */
export function offerSentence(
  { from, direct, files, free }: RoomEvent & { type: "offer" },
  answers = true,
): string {
  const [first, ...others] = files;
  if (!first) return `${from.name} offers nothing`;
  const to = from.self && first.who
    ? ` to ${listed(first.who)}`
    : direct && !from.self
    ? " you"
    : "";
  const who = from.self ? "you offer" : `${from.name} offers`;
  const whom = from.self ? "" : to;
  const after = from.self ? to : "";
  const numbers = others.length === 0
    ? `${first.number}`
    : `${first.number}-${files.at(-1)!.number}`;
  let how = "";
  if (answers && from.self) how = `; /cancel ${numbers} to stop`;
  else if (answers && first.state === "offered") {
    how = `: /accept ${numbers} or /decline ${numbers}`;
  }
  const sum = files.reduce((bytes, { size }) => bytes + size, 0);
  const size = bytesText(sum) + freeText(sum, free);
  if (others.length === 0) return `${who}${whom} ${first.name} (${size})${after}${how}`;
  const named = files.slice(0, MAX_NAMED).map(({ name }) => name).join(", ");
  const more = files.length > MAX_NAMED ? ", …" : "";
  return `${who}${whom} ${files.length} files (${size})${after}: ${named}${more}${how}`;
}

/** What is free, if it is not plenty. */
function freeText(size: number, free: number | undefined): string {
  if (free === undefined || size * PLENTY <= free) return "";
  return size > free ? `, only ${bytesText(free)} free` : `, ${bytesText(free)} free`;
}

/** What was left out of a folder that this user offers. */
export function incompleteSentence(
  { path, count, entries }: RoomEvent & { type: "incomplete" },
): string {
  const what = count === 1 ? `1 entry of ${path} is` : `${count} entries of ${path} are`;
  const named = entries.map(({ file, reason }) => `${file} (${reason})`).join(", ");
  const more = count - entries.length;
  return `${what} not offered: ${named}${more > 0 ? ` and ${more} more` : ""}`;
}

/** A transfer's beginning, stall or end; undefined if there is nothing to report. */
export function transferSentence(
  transfer: Transfer,
  { begins }: { begins: boolean },
): string | undefined {
  const { direction, who, name, size, state, bytes, resumed, stalled, path, message } = transfer;
  const what = who ? `${name} ${direction === "in" ? "from" : "to"} ${who.name}` : name;
  const why = message === undefined ? "" : `: ${message}`;
  switch (state) {
    case "offered":
    case "waiting":
      return undefined;
    case "running":
      if (stalled !== undefined) return begins ? `${what} stalled: ${stalled}` : undefined;
      if (!begins || bytes > resumed) return undefined;
      return resumed > 0
        ? `resuming ${what} at ${percent(transfer)} of ${bytesText(size)}`
        : `${direction === "in" ? "receiving" : "sending"} ${what} (${bytesText(size)})`;
    case "done":
      if (direction === "out") return `sent ${what} (${bytesText(size)})`;
      return `received ${what} (${bytesText(size)}), verified: ${path ?? ""}`;
    case "declined":
      return direction === "out"
        ? `${who?.name ?? "nobody"} declined ${name}`
        : `you declined ${what}`;
    case "cancelled":
      return `cancelled: ${what}${why}`;
    case "failed":
      return `failed: ${what}${why}`;
  }
}

/** Several transfers that one message or command has changed; undefined if there is nothing to report. */
export function changesSentence(
  { from, transfers }: RoomEvent & { type: "changes" },
): string | undefined {
  const counts: Partial<Record<Transfer["state"], number>> = {};
  const named: string[] = [];
  const numbers = new Set(transfers.map(({ number }) => number));
  for (const { number, offer, state, name } of transfers) {
    // An offer that has ended ends its transfers, too.
    if (!(state in ENDS) || (offer !== number && numbers.has(offer))) continue;
    counts[state] = (counts[state] ?? 0) + 1;
    if (named.length <= MAX_NAMED) named.push(name);
  }
  if (named.length === 0) return undefined;
  const parts = (Object.keys(ENDS) as (keyof typeof ENDS)[]).flatMap((state) => {
    const count = counts[state] ?? 0;
    return count === 0 ? [] : `${counted(count, "file")} ${ENDS[state]}`;
  });
  const more = named.length > MAX_NAMED ? ", …" : "";
  return `${from.self ? "you" : from.name}: ${parts.join(", ")}: ${
    named.slice(0, MAX_NAMED).join(", ")
  }${more}`;
}

/** How a transfer has ended, after "2 files". */
const ENDS = { done: "received", declined: "declined", cancelled: "cancelled", failed: "failed" };

/** The transfers that an event has completed; none if it has also ended one in another way. */
export function completed(event: RoomEvent): readonly Transfer[] {
  const transfers = event.type === "changes"
    ? event.transfers
    : event.type === "transfer"
    ? [event.transfer]
    : [];
  const ended = transfers.filter(({ state }) => state in ENDS);
  return ended.every(({ state }) => state === "done") ? ended : [];
}

/** Offers of a member that are no longer in the list. */
export function forgottenSentence({ from }: RoomEvent & { type: "forgotten" }): string {
  return `${from.name} has made too many offers: the oldest ones are forgotten`;
}

/** Files of one member that complete within this time of each other share a line, in ms. */
const TOGETHER_MS = 3000;

/** Completed files, grouped: a folder of thousands takes a line or two. */
export class Arrivals {
  /** By direction and member: when the last file was completed, and what has not been reported. */
  readonly #with = new Map<string, { at: number; files: number; bytes: number; last: Transfer }>();

  get isEmpty(): boolean {
    return this.#with.values().every(({ files }) => files === 0);
  }

  /**
   * Adds a completed file. True: it is part of a group; false: it is the first, and has a line of its own.
   *
   * @param now in ms
   */
  add(transfer: Transfer, now: number): boolean {
    const { direction, who, size } = transfer;
    const key = `${direction} ${who?.id}`;
    for (const [old, { at, files }] of this.#with) {
      if (files === 0 && now - at >= TOGETHER_MS) this.#with.delete(old);
    }
    const before = this.#with.get(key);
    const isTogether = before !== undefined;
    const [files, bytes] = isTogether ? [before.files + 1, before.bytes + size] : [0, 0];
    this.#with.set(key, { at: now, files, bytes, last: transfer });
    return isTogether;
  }

  /** One sentence for each member. Names may hold anything: `printable()` before they are shown. */
  get sentences(): string[] {
    return [...this.#with.values()].filter(({ files }) => files > 0)
      .map(({ files, bytes, last }) => {
        const what = `${counted(files, "more file")} (${bytesText(bytes)})`;
        const who = last.who?.name ?? "nobody";
        return last.direction === "out"
          ? `sent ${what} to ${who}`
          : `received ${what} from ${who}, verified; the last: ${last.path}`;
      });
  }

  /** Returns the sentences; files that complete soon still join a group. */
  take(): string[] {
    const { sentences } = this;
    for (const one of this.#with.values()) [one.files, one.bytes] = [0, 0];
    return sentences;
  }
}

/** In full percent; 100 only for the complete file. */
function percent({ bytes, size }: Transfer): string {
  return `${size === 0 ? 100 : Math.floor(100 * bytes / size)}%`;
}

/** In seconds, at the current speed; undefined without one. */
export function secondsLeft({ bytes, size, rate, stalled }: Transfer): number | undefined {
  return rate > 0 && stalled === undefined ? Math.ceil((size - bytes) / rate) : undefined;
}

/** `, 64 KiB/s, 0:32 left`; empty while it is unknown. */
function speedText(transfer: Transfer): string {
  const left = secondsLeft(transfer);
  return left === undefined ? "" : `, ${bytesText(transfer.rate)}/s, ${duration(left)} left`;
}

/** How often progress has a line, in ms; files that take less time have none. */
const LINE_MS = 10_000;
/** Progress comes once a second: after this long without any, the next one is a beginning, in ms. */
const PAUSE_MS = 5000;

/** Progress as lines, where no row can be redrawn: now and then one, for all files that move. */
export class ProgressLines {
  #lineAt = 0;
  #seenAt = -Infinity;

  /**
   * Called when there is progress; returns the line, if one is due. Names may hold anything: `printable()` before it is
   * shown.
   *
   * @param now in ms
   */
  take(going: readonly Transfer[], now: number): string | undefined {
    const moving = going.filter(({ stalled }) => stalled === undefined);
    const [first, ...others] = moving;
    if (!first) return undefined;
    if (now - this.#seenAt > PAUSE_MS) this.#lineAt = now;
    this.#seenAt = now;
    if (now - this.#lineAt < LINE_MS) return undefined;
    this.#lineAt = now;
    if (others.length > 0) {
      const rate = moving.reduce((sum, transfer) => sum + transfer.rate, 0);
      return `${moving.length} files are on their way, ${bytesText(rate)}/s`;
    }
    const { direction, who, name, size } = first;
    const what = direction === "in"
      ? `receiving ${name} from ${who?.name}`
      : `sending ${name} to ${who?.name}`;
    return `${what}: ${percent(first)} of ${bytesText(size)}${speedText(first)}`;
  }
}

/** A row of `/transfers`. */
export function listRow(transfer: Transfer): string {
  const { number, direction, who, name, size, state, stalled, message } = transfer;
  const whom = who ? ` ${direction === "in" ? "from" : "to"} ${who.name}` : " to all";
  const far = state === "running" ? ` ${percent(transfer)}${speedText(transfer)}` : "";
  const why = stalled ?? message;
  return `${number}  ${name}${whom}, ${bytesText(size)}: ${state}${far}` +
    (why === undefined ? "" : `: ${why}`);
}

/** A running transfer in less than `columns`: name, bar, rate and time left; or why it is stalled. */
export function liveRow(transfer: Transfer, columns: number): string {
  const { direction, who, name, size, rate, bytes, stalled } = transfer;
  const seconds = secondsLeft(transfer);
  const arrow = direction === "in" ? "↓" : "↑";
  const room = Math.min(MAX_FILE_COLUMNS, Math.max(8, columns - 30));
  const shown = printable(name);
  // Of a long path the end says more.
  const file = cut(width(shown) > room ? shown.slice(shown.lastIndexOf("/") + 1) : shown, room);
  const whom = who ? ` ${direction === "in" ? "from" : "to"} ${printable(who.name)}` : "";
  const far = percent(transfer).padStart(4);
  if (stalled !== undefined) {
    return cut(`${arrow} ${file}${whom} ${far} stalled: ${printable(stalled)}`, columns - 1);
  }
  const speed = rate > 0 ? ` ${bytesText(rate)}/s` : "";
  const left = seconds === undefined ? "" : ` ${duration(seconds)} left`;
  const forms = [
    [`${arrow} ${file}${whom} `, `${far}${speed}${left}`],
    [`${arrow} ${file} `, `${far}${speed}${left}`],
    [`${arrow} ${file} `, `${far}${left}`],
  ] as const;
  for (const [front, after] of forms) {
    const free = columns - 1 - width(front) - width(after);
    if (free >= MIN_BAR) return front + bar(bytes, size, Math.min(MAX_BAR, free)) + after;
  }
  return cut(`${arrow}${far} ${file}`, columns - 1);
}

function bar(bytes: number, size: number, columns: number): string {
  const full = size === 0 ? columns : Math.floor(columns * bytes / size);
  return "█".repeat(full) + "░".repeat(columns - full);
}

/** `0:42`, `12:00`, `3:05:00`. */
export function duration(seconds: number): string {
  const s = Math.min(Math.ceil(seconds), 359_999);
  const [hours, minutes] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}
