// How clients of another protocol take part in a room. Types only: an adapter reads messages, which the server must
// not, so `chat serve --classic` passes one in. Otherwise the server has none.

import type { Frame, FrameDecoder } from "../protocol.ts";
import type { Member } from "./member.ts";

/** Makes members of clients that speak another protocol. */
export interface ProtocolAdapter {
  /**
   * Whether a new connection belongs to such a client: these wait in silence, chat clients send first.
   *
   * @param first resolves when something has come, or nothing more will
   */
  isSilent(first: Promise<unknown>): Promise<boolean>;
  /**
   * Adapts a new connection.
   *
   * @param port the client's port
   * @param wake called when `take` has something
   */
  adapt(port: number, wake: () => void): AdaptedConnection;
  /** A member of either protocol has joined, or has a new profile. */
  setMember(id: number, profile: Uint8Array): void;
  /** A member of either protocol has left. */
  removeMember(id: number): void;
}

/** Translates between such a connection, whose `Source` it is, and the hub. */
export interface AdaptedConnection {
  /** The member's profile, encrypted. */
  readonly profile: Uint8Array;
  /** Connects it to its member, whose frames it takes from now on. */
  attach(member: Member): void;
  take(): Uint8Array<ArrayBuffer> | null;
  hurry(): void;
  /** Takes all bytes that have come; undefined if they are not a message yet. */
  read(decoder: FrameDecoder): Frame | undefined;
  /** The last message, once nothing more will come. */
  end(): Frame | undefined;
  /** The connection is closed. */
  close(): void;
}
