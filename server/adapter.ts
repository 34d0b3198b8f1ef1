// What the server sees of who lets clients of another wire take part. Types alone: an interpreter reads what is said,
// and the server must not, so it is given one from outside, or has none.

import type { Frame, FrameDecoder } from "../protocol.ts";
import type { Member } from "./member.ts";

/** Makes members of those who speak another wire. */
export interface ProtocolAdapter {
  /**
   * Whether somebody is to be taken for one of these: for a while, nothing comes.
   *
   * @param first resolves when something does, or nothing more will
   */
  isSilent(first: Promise<unknown>): Promise<boolean>;
  /** Somebody comes from this port; `wake` says that there is something to take. */
  adapt(port: number, wake: () => void): AdaptedConnection;
  /** A member, of whichever wire, has come, or has another profile. */
  setMember(id: number, profile: Uint8Array): void;
  removeMember(id: number): void;
}

/** What stands between the connection of one of these and the hub: a `Source` of the one, a reader of the other. */
export interface AdaptedConnection {
  /** Who it is, sealed. */
  readonly profile: Uint8Array;
  /** It is this member: what it takes comes from there. */
  attach(member: Member): void;
  take(): Uint8Array<ArrayBuffer> | null;
  hurry(): void;
  /** Takes all that has come; undefined if that is no message yet. */
  read(decoder: FrameDecoder): Frame | undefined;
  /** What has come last, where nothing more will. */
  end(): Frame | undefined;
  /** Its connection is closed. */
  close(): void;
}
