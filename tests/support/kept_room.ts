// A room that a journal keeps, in files in memory: its server process can be killed at any moment.

import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { encodeFrame, HEADER_SIZE, Left, Type } from "../../protocol.ts";
import type { OperatorAct } from "../../protocol/moderation.ts";
import { drawToken } from "../../protocol/resume.ts";
import type { Fold } from "../../server/fold.ts";
import { Hub } from "../../server/hub.ts";
import { Journal, type JournalOptions, RING_FILES } from "../../server/journal.ts";
import type { Member } from "../../server/member.ts";
import { FakeTimer } from "./fake_clock.ts";
import { memoryRing, type MemoryStateFile } from "./memory_state_file.ts";

const OUTLET = { wake: () => {}, cut: () => {}, drop: () => {} };

export interface KeptOptions extends Partial<Omit<JournalOptions, "files" | "after">> {
  readonly isChained?: boolean;
  readonly files?: readonly MemoryStateFile[];
  /** The room, if nothing is in the files. */
  readonly fold?: Fold;
  /** Is called before each entry, with the state without it. */
  readonly watch?: (fold: Fold) => void;
}

/** One run of a server that keeps its room. */
export class KeptRoom {
  readonly timer = new FakeTimer();
  readonly events: string[] = [];
  /** The members that it has found. */
  readonly found: readonly Member[];

  private constructor(
    readonly files: readonly MemoryStateFile[],
    readonly journal: Journal,
    readonly hub: Hub,
    events: string[],
    timer: FakeTimer,
    isFound: boolean,
  ) {
    this.events = events;
    this.timer = timer;
    this.found = isFound ? hub.goOn() : [];
  }

  static async open(options: KeptOptions = {}): Promise<KeptRoom> {
    const { files = memoryRing(RING_FILES), keep = 4 * 1024 * 1024, clock = () => 2428 } = options;
    const timer = new FakeTimer();
    const events: string[] = [];
    const journal = await Journal.open({
      files,
      keep,
      keepForMs: Infinity,
      newLog: false,
      boot: "1000000",
      clock,
      after: timer.after,
      ...options,
    });
    const fold = journal.recovery.fold ?? options.fold;
    const hub: Hub = new Hub({
      name: drawToken(),
      isChained: options.isChained ?? true,
      logSize: keep,
      fold,
      governance: journal.recovery.governance,
      record: (entry) => {
        options.watch?.(hub.fold);
        journal.record(entry);
      },
      clock,
    });
    journal.begin(hub.fold, {
      trim: (position) => hub.trim(position),
      failed: (message) => events.push(`failed: ${message}`),
      works: () => events.push("works"),
    });
    return new KeptRoom(files, journal, hub, events, timer, fold !== undefined);
  }

  /** The process is killed: only what is in the files stays. The next one opens them. */
  async killed(options: KeptOptions = {}): Promise<KeptRoom> {
    const files = this.files.map((file) => file.after());
    return await KeptRoom.open({ files, ...options });
  }

  join(profile: Uint8Array = new Uint8Array(20), network = "192.0.2.1"): Member {
    const { member } = this.hub.join(profile, OUTLET, { network });
    this.hub.addSession(member, { token: drawToken(), key: new Uint8Array(64).fill(7) });
    // It takes the list of members.
    while (member.listing) member.take();
    this.hub.have(member, 0);
    return member;
  }

  say(member: Member, text: string | Uint8Array): void {
    this.hub.say(member, frame(text));
  }

  setTopic(member: Member, topic: Uint8Array<ArrayBuffer>): void {
    this.hub.say(member, frame(topic, 0, Type.TOPIC));
  }

  tell(from: Member, to: Member, text: string | Uint8Array): void {
    this.hub.tell(from, frame(text, to.id));
  }

  /** A member with this key asks for something; undefined: the operator does. */
  govern(act: OperatorAct, by?: { member: Member; key: string }, isBannable = true): void {
    const order = { act, key: by?.key, isBannable };
    if (by) this.hub.moderate(by.member, order);
    else this.hub.govern(order);
  }

  leave(member: Member): void {
    this.hub.leave(member, Left.BYE);
  }

  /** A member continues at these positions with a new connection, and confirms that. */
  resume(member: Member, at: { readonly room: number; readonly own: number }): boolean {
    const token = member.state.tokens.at(-1)!;
    const isResumed = this.hub.resume(member, { ...at, token, network: "192.0.2.2" }, OUTLET);
    if (isResumed) {
      this.hub.addSession(member, { token: drawToken(), key: new Uint8Array(64).fill(8) });
      this.hub.have(member, at.own);
    }
    return isResumed;
  }

  /** Time for a sync. */
  async sync(): Promise<void> {
    const before = this.journal.status.syncs;
    if (this.timer.count(1_000) === 0) return;
    this.timer.pass(1_000);
    while (this.journal.status.syncs === before && !this.journal.status.isFailed) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function frame(text: string | Uint8Array, to = 0, type: number = Type.MESSAGE) {
  const body = typeof text === "string" ? new TextEncoder().encode(text) : text.slice();
  const bytes = encodeFrame(type, to, body as Uint8Array<ArrayBuffer>);
  return { type, id: to, body: bytes.subarray(HEADER_SIZE), bytes };
}

/** The room's log of a fold, from a position on. */
export function logBytes({ log }: Fold, from: number): Uint8Array {
  const bytes = new Uint8Array(log.end - from);
  for (let at = from; at < log.end;) {
    const piece = log.read(at);
    bytes.set(piece, at - from);
    at += piece.length;
  }
  return bytes;
}

/** Two folds are the same room; the logs are compared as far as both have them. */
export function assertSameRoom(actual: Fold, expected: Fold): void {
  const { log: _, ...state } = actual.save(actual.tail);
  const { log: __, ...wanted } = expected.save(expected.tail);
  assertEquals(state, wanted);
  assertEquals(actual.log.end, expected.log.end);
  const from = Math.max(actual.log.start, expected.log.start);
  assertEquals(
    Buffer.compare(logBytes(actual, from), logBytes(expected, from)),
    0,
    "the logs differ",
  );
}
