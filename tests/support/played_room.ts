// Test helper: a room on a recorded disk, whose members do something at random. Knows what was written when.

import type { OperatorAct } from "../../protocol/moderation.ts";
import type { Fold } from "../../server/fold.ts";
import type { Member } from "../../server/member.ts";
import { SEGMENT_HEADER } from "../../server/segment.ts";
import { KeptRoom } from "./kept_room.ts";
import type { MemoryStateFile } from "./memory_state_file.ts";
import { RecordedDisk } from "./recorded_disk.ts";
import { TrueStates } from "./true_states.ts";

/** Bytes that these rooms keep: so few that their ring goes round. */
export /** The keys of moderators. */
const KEYS = ["A".repeat(43), "B".repeat(43)];
const KEEP = 1200 * 1024;
const SIZES = [1, 300, 300, 9_000, 60 * 1024];

export interface PlayOptions {
  /** What the disk writes at once, in bytes. */
  readonly page: number;
  readonly boot: string;
  readonly isChained: boolean;
}

/** One run of its server. */
export class PlayedRoom {
  readonly disk: RecordedDisk;
  readonly states: TrueStates;
  /** Operations of the disk before anybody could join. */
  readonly opened: number;
  readonly #room: KeptRoom;
  readonly #entries: () => number;
  readonly #written: { readonly after: number; readonly entries: number }[];
  readonly #synced: { readonly after: number; readonly entries: number }[] = [];
  #members: Member[];

  private constructor(
    { disk, room, states, entries, written }: {
      disk: RecordedDisk;
      room: KeptRoom;
      states: TrueStates;
      entries: () => number;
      written: { after: number; entries: number }[];
    },
  ) {
    this.disk = disk;
    this.#room = room;
    this.states = states;
    this.#entries = entries;
    this.#written = written;
    this.opened = disk.count;
    this.#members = [...room.found];
  }

  /** @throws {ChatError} if the files are refused */
  static async open(
    files: readonly MemoryStateFile[],
    { page, ...options }: PlayOptions,
  ): Promise<PlayedRoom> {
    const disk = new RecordedDisk(files, page);
    const written: { after: number; entries: number }[] = [];
    let entries = 0;
    let states: TrueStates | undefined;
    const watch = (fold: Fold) => {
      if (entries++ > 0) states!.add(fold);
      else states ??= new TrueStates(fold);
    };
    disk.onWrite = (position) => {
      if (position >= SEGMENT_HEADER) written.push({ after: disk.count, entries });
    };
    const room = await KeptRoom.open({ ...options, files: disk.files, keep: KEEP, watch });
    // The state after the last entry is added before the next one.
    states ??= new TrueStates(room.hub.fold);
    return new PlayedRoom({ disk, room, states, entries: () => entries, written });
  }

  get recovery() {
    return this.#room.journal.recovery;
  }

  /** Does `steps` things at random. */
  async play(steps: number, random: (limit: number) => number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const member = this.#members[random(this.#members.length)];
      const other = this.#members[random(this.#members.length)];
      const size = SIZES[random(SIZES.length)]!;
      const what = random(100);
      if (!member || !other || what < 4) this.#join(size);
      else if (what < 5) this.#room.setTopic(member, new Uint8Array(size % 1000).fill(what));
      else if (what < 60) this.#room.say(member, new Uint8Array(size).fill(what));
      else if (what < 75) this.#room.tell(member, other, new Uint8Array(size).fill(what));
      else if (what < 80) this.#room.hub.have(member, member.state.own.log.end);
      else if (what < 84) this.#room.hub.setAway(member);
      else if (what < 88) this.#resume(member);
      else if (what < 90) this.#leave(member);
      else if (what < 94) await this.sync();
      else if (what < 97) this.#govern(member, other, random);
      for (const one of this.#members) while (one.take());
      if (random(3) === 0) this.#room.journal.flush();
    }
    this.#room.journal.flush();
    this.states.add(this.#room.hub.fold);
  }

  #join(size: number): void {
    if (this.#members.length < 12) this.#members.push(this.#room.join(new Uint8Array(size % 1000)));
  }

  #resume(member: Member): void {
    this.#room.hub.detach(member);
    this.#room.resume(member, { room: this.#room.hub.log.end, own: member.state.own.log.end });
  }

  /** A moderator or the operator does something, which may be refused. */
  #govern(member: Member, other: Member, random: (limit: number) => number): void {
    const key = KEYS[random(KEYS.length)]!;
    const named = { member: other.id, reason: "for a reason" };
    const acts: readonly OperatorAct[] = [
      { action: "op", key },
      { action: "deop", key },
      { action: "kick", ...named },
      { action: "ban", ...named, seconds: 1 + random(5) },
      { action: "unban", ban: 1 + random(4) },
      { action: "silence", ...named },
      { action: "unsilence", ...named },
      { action: "lock" },
      { action: "topic", text: "at noon" },
      { action: "readonly" },
      { action: "writable" },
    ];
    const by = random(2) === 0 ? { member, key } : undefined;
    this.#room.govern(acts[random(acts.length)]!, by, random(2) === 0);
    this.#members = this.#members.filter((one) => this.#room.hub.has(one));
  }

  #leave(member: Member): void {
    this.#room.leave(member);
    this.#members = this.#members.filter((one) => one !== member);
  }

  async sync(): Promise<void> {
    this.#room.journal.flush();
    const entries = this.#entries();
    await this.#room.sync();
    this.#synced.push({ after: this.disk.count, entries });
  }

  async stop(): Promise<void> {
    await this.#room.journal.stop();
    this.#synced.push({ after: this.disk.count, entries: this.#entries() });
  }

  /** How many entries were written with the first operations of the disk; how many of these were on the disk for sure. */
  at(count: number): { readonly written: number; readonly safe: number } {
    const last = (list: readonly { after: number; entries: number }[]) =>
      list.findLast(({ after }) => after <= count)?.entries ?? 0;
    return { written: last(this.#written), safe: last(this.#synced) };
  }
}
