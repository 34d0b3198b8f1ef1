// The profile of this client: its name and its status. Sends it when the user changes it. Knows no socket.

import { ChatError } from "../errors.ts";
import { encodeFrame, Type } from "../protocol.ts";
import { encodeProfile, type Profile, statusFault } from "../protocol/envelope.ts";
import { nameFault } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import type { ClientSession } from "./session.ts";

/** The part of a session that the profile needs. */
type ProfileSession = Pick<ClientSession, "cipher" | "outbox">;

/** What the user asked for last: the room may not have it yet. */
export class OwnProfile {
  #profile: Profile;

  /** @param name valid */
  constructor(name: string) {
    this.#profile = { name };
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
    this.#profile = profile;
    outbox.put(encodeFrame(Type.PROFILE, 0, cipher.seal(encodeProfile(profile), "profile")));
  }
}
