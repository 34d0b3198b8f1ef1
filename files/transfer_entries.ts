// One transfer as the client keeps it: an offer that it received, an offer that it made, or a file on its way to one
// member. Plain data and its view for the screen; knows no disk, no wire and no clock.

import { type FileOffer, isFolder, MAX_WHOLE, restCost } from "../protocol/file_messages.ts";
import type { EndReason, Person, Transfer } from "../room.ts";
import type { Rate } from "./rate.ts";
import type { ReceivedOffer, Sink, Upload } from "./storage.ts";

export type TransferState = Transfer["state"];

const LIVE: readonly TransferState[] = ["offered", "waiting", "running"];

/** What all transfers have. */
export abstract class TransferEntry {
  readonly number: number;
  offer: FileOffer;
  /** Identifies the other side across sessions; undefined: the room. */
  peerKey: string | undefined;
  /** The other side's id in this session; undefined while it is not in the room. */
  peerId: number | undefined;
  /** The other side as it was last seen. */
  who: Person | undefined;
  state: TransferState = "offered";
  /** Known at the end. */
  sha256: Uint8Array | undefined;
  /** Bytes that an earlier attempt had received. */
  resumed = 0;
  path: string | undefined;
  reason: EndReason | undefined;
  message: string | undefined;
  stalled: string | undefined;
  /** When bytes last moved, in ms. */
  movedAt = 0;
  /** How the other side left the room, in words. */
  gone: string | undefined;
  rate: Rate | undefined;
  /** When progress was last reported, in ms. */
  reportedAt = 0;

  constructor(number: number, offer: FileOffer) {
    this.number = number;
    this.offer = offer;
  }

  abstract readonly direction: "in" | "out";
  abstract readonly bytes: number;

  /** The number of the offer that it belongs to. */
  get offerNumber(): number {
    return this.number;
  }

  /** It has not ended. */
  get live(): boolean {
    return LIVE.includes(this.state);
  }

  /** A copy for the screen. */
  view(): Transfer {
    const { number, direction, who, state, bytes, resumed, stalled, path, reason, message } = this;
    const { name, size } = this.offer;
    const isMoving = state === "running";
    const rate = isMoving ? Math.round(this.rate?.value ?? 0) : 0;
    return {
      number,
      offer: this.offerNumber,
      direction,
      who,
      name,
      size,
      sha256: state === "done" && !isFolder(name) ? this.sha256?.toHex() : undefined,
      state,
      bytes,
      resumed,
      rate,
      stalled,
      path,
      reason,
      message,
    };
  }
}

/** A file that a member offers to this client. */
export class Incoming extends TransferEntry {
  readonly direction = "in";
  /** The sender's id for the file; a sender that was restarted offers the file under another id. */
  id: Uint8Array;
  sink: Sink | undefined;
  /** The offset of the byte that is to come next; those before it are written, or wait for the disk. */
  next = 0;
  /** Bytes that are written, from the beginning. */
  written = 0;
  /** A small file, as it came from a member, until it is on the disk. */
  whole: Uint8Array | undefined;
  wholeFrom: number | undefined;
  /** What its sender says of it, by which it is found when its sender was restarted. */
  claim = "";
  /** It was asked for, and its data is to come. */
  isAsked = false;
  /** The offer's id for which its sender has sent data: what was received goes with that offer. */
  provedId: Uint8Array | undefined;
  /** The disk operations, one after the other. */
  work: Promise<void> = Promise.resolve();
  /** The sender's id in the session in which it offered the file last. */
  offeredBy: number | undefined;
  /** The sender no longer knows the offer, but may offer the file again. */
  forgotten = false;
  /** The sender has ended the offer: it cannot be accepted any more. */
  withdrawn = false;

  constructor(number: number, offer: FileOffer) {
    super(number, offer);
    this.id = offer.id;
  }

  get bytes(): number {
    return this.written;
  }

  /** It comes in one piece, and is kept in memory until its hash is here. */
  get isSmall(): boolean {
    return this.offer.size <= MAX_WHOLE;
  }

  /** What the rest of it takes of a grant. */
  get cost(): number {
    return restCost(this.offer.size - this.next);
  }

  /** The offer, as the disk keeps it. */
  get received(): ReceivedOffer {
    const { id, offer: { name, size }, peerKey } = this;
    return { id, name, size, from: peerKey ?? "" };
  }
}

/** A file that this client offers. */
export class Outgoing extends TransferEntry {
  readonly direction = "out";
  /** Its path. */
  readonly file: string;
  readonly givenName: string | undefined;
  readonly bytes = 0;
  /** Others know the offer. */
  isAnnounced = false;
  /** The offer has been reported to this user: the server may return it more than once. */
  isReported = false;
  /** How the file is read, until the offer is over. */
  upload: Upload | undefined;
  /** By peer key; a second member with the same key, such as another window of one user, has its id added. */
  readonly #receivers = new Map<string, Sending>();

  constructor(number: number, offer: FileOffer, file: string, givenName: string | undefined) {
    super(number, offer);
    this.file = file;
    this.givenName = givenName;
  }

  /** The transfers to members that have requested it. */
  get receivers(): Sending[] {
    return [...this.#receivers.values()];
  }

  /** The transfers that may be to this member: of the first member with its key, and of the member itself. */
  receiversFor(peerKey: string, id: number): (Sending | undefined)[] {
    return [this.#receivers.get(peerKey), this.#receivers.get(`${peerKey} ${id}`)];
  }

  hasReceiver(peerKey: string): boolean {
    return this.#receivers.has(peerKey);
  }

  removeReceiver(entry: Sending): void {
    for (const [key, other] of this.#receivers) if (other === entry) this.#receivers.delete(key);
  }

  /** Adds a transfer to the member `id`, or finds it under its new peer key from now on. */
  addReceiver(entry: Sending, id: number): void {
    this.removeReceiver(entry);
    const key = entry.peerKey!;
    this.#receivers.set(this.#receivers.has(key) ? `${key} ${id}` : key, entry);
  }
}

/** An offered file on its way to one member. */
export class Sending extends TransferEntry {
  readonly direction = "out";
  readonly source: Outgoing;
  bytes = 0;

  constructor(number: number, source: Outgoing) {
    super(number, source.offer);
    this.source = source;
  }

  override get offerNumber(): number {
    return this.source.number;
  }
}
