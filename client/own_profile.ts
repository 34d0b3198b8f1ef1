// The profile of this client: its name and its status. Sends it when the user changes it. Knows no socket.

import { ChatError } from "../errors.ts";
import { encodeFrame, Type } from "../protocol.ts";
import { encodeProfile, type Profile, statusFault } from "../protocol/envelope.ts";
import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import type { ClientSession } from "./session.ts";

/** The part of a session that the profile needs. */
type ProfileSession = Pick<ClientSession, "cipher" | "outbox">;

/** A profile that the room has not confirmed. */
interface PendingProfile {
  readonly profile: Profile;
  /** How many frames had been put into its session's outbox, this one included. */
  readonly frame: number;
}

/** What the user asked for last: the room may not have it yet. */
export class OwnProfile {
  /** What the room has, and what is under way, oldest first. */
  #confirmed: Profile;
  #pending: PendingProfile[] = [];

  /** @param name valid */
  constructor(name: string) {
    this.#confirmed = { name };
  }

  get #profile(): Profile {
    return this.#pending.at(-1)?.profile ?? this.#confirmed;
  }

  /** Another session has begun with the newest profile. */
  renew(): void {
    this.#confirmed = this.#profile;
    this.#pending = [];
  }

  /** The room has returned the oldest profile that was under way. */
  confirmed(): void {
    const first = this.#pending.shift();
    if (first) this.#confirmed = first.profile;
  }

  /** The room has refused the frame with this number; returns whether it was a profile. */
  refuse(count: number): boolean {
    const index = this.#pending.findIndex(({ frame }) => frame >>> 0 === count);
    if (index === -1) return false;
    this.#pending.splice(index, 1);
    return true;
  }

  get name(): string {
    return this.#profile.name;
  }

  get status(): string | undefined {
    return this.#profile.status;
  }

  /** @throws {ChatError} if that is not a name */
  rename(typed: string, session: ProfileSession): void {
    const name = typed.normalize("NFC");
    const fault = nameFault(name);
    if (fault !== undefined) {
      throw new ChatError(`Cannot change the name to "${printable(name)}": a name ${fault}`, {
        refusal: "name",
      });
    }
    this.#send({ ...this.#profile, name }, session);
  }

  /**
   * @param typed undefined: the user is back
   * @throws {ChatError} if that is not a status
   */
  setStatus(typed: string | undefined, session: ProfileSession): void {
    const status = typed?.trim();
    const fault = status === undefined ? undefined : statusFault(status);
    if (fault !== undefined) {
      const refusal = fault.includes("at most") ? "long" : "other";
      throw new ChatError(`Cannot set this away text: it ${fault}`, { refusal });
    }
    const { name } = this.#profile;
    this.#send(status === undefined ? { name } : { name, status }, session);
  }

  #send(profile: Profile, { cipher, outbox }: ProfileSession): void {
    const body = cipher.seal(encodeProfile(profile), "profile");
    const frame = outbox.put(encodeFrame(Type.PROFILE, 0, body));
    this.#pending.push({ profile, frame });
  }
}
