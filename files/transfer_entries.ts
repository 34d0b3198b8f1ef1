// TODO: say what this is.

import type { Offered } from "../protocol/file_messages.ts";
import type { Person, Transfer } from "../room.ts";
import { Download, Rate } from "./download.ts";
import type { Sink, Upload } from "./storage.ts";

export type State = Transfer["state"];

const LIVE: readonly State[] = ["reading", "offered", "waiting", "running"];

/** What all transfers have. */
export abstract class Base {
  readonly number: number;
  offer: Offered;
  /** By what the other side is known again; undefined: the room. */
  mark: string | undefined;
  /** Its number now; undefined while it is not here. */
  peer: number | undefined;
  /** As it was when it was here. */
  who: Person | undefined;
  state: State = "offered";
  resumed = 0;
  path: string | undefined;
  message: string | undefined;
  stalled: string | undefined;
  /** When something has come or gone last. */
  moved = 0;
  rate: Rate | undefined;
  told = 0;

  constructor(number: number, offer: Offered) {
    this.number = number;
    this.offer = offer;
  }

  abstract readonly direction: "in" | "out";
  abstract readonly bytes: number;

  get live(): boolean {
    return LIVE.includes(this.state);
  }

  /** As it is now, for who shows it. */
  view(): Transfer {
    const { number, direction, who, state, bytes, resumed, stalled, path, message } = this;
    const { name, size, sha256 } = this.offer;
    const isGoing = state === "running" || state === "reading";
    const rate = isGoing ? Math.round(this.rate?.value ?? 0) : 0;
    return {
      number,
      direction,
      who,
      name,
      size,
      sha256: sha256.toHex(),
      state,
      bytes,
      resumed,
      rate,
      stalled,
      path,
      message,
    };
  }
}

/** A file that somebody offers to this client. */
export class Incoming extends Base {
  readonly direction = "in";
  /** By what the sender calls it now: a sender that has started anew calls it something else. */
  id: Uint8Array;
  sink: Sink | undefined;
  download: Download | undefined;
  /** All that was to be done on the disk, in its order. */
  work: Promise<void> = Promise.resolve();
  /** The sender does not know it any more, and may offer it again. */
  forgotten = false;

  constructor(number: number, offer: Offered) {
    super(number, offer);
    this.id = offer.id;
  }

  get bytes(): number {
    return this.state === "done" ? this.offer.size : this.download?.written ?? 0;
  }
}

/** A file that this client offers. */
export class Outgoing extends Base {
  readonly direction = "out";
  readonly file: string;
  readonly givenName: string | undefined;
  /** That have been read and hashed, before it is offered. */
  bytes = 0;
  /** Open while it is read. */
  upload: Promise<Upload> | undefined;
  /** Who has begun to ask for it, by mark. */
  readonly receivers = new Map<string, Sending>();

  constructor(number: number, offer: Offered, file: string, givenName: string | undefined) {
    super(number, offer);
    this.file = file;
    this.givenName = givenName;
  }
}

/** A file on its way to one member. */
export class Sending extends Base {
  readonly direction = "out";
  readonly source: Outgoing;
  bytes = 0;

  constructor(number: number, source: Outgoing) {
    super(number, source.offer);
    this.source = source;
  }
}
