// How moderators and the operator govern a room: checks the signatures of MODERATE, and who may enter. The fold decides
// what is done (server/governance.ts). Knows no socket.

import { Verifier } from "../cipher/verifier.ts";
import { ProtocolError } from "../errors.ts";
import { AckOutcome, type ErrorCode } from "../protocol.ts";
import {
  type Act,
  type Moderate,
  moderateBytes,
  type OperatorAct,
  parseModerate,
  type Rules,
} from "../protocol/moderation.ts";
import { addressBytes, type AddressRange, formatIp, inRanges } from "./addresses.ts";
import type { ServerEvent } from "./events.ts";
import type { Ban } from "./governance.ts";
import type { Hub } from "./hub.ts";
import { networkOf } from "./login_tries.ts";
import { banText, closingText } from "./removal_text.ts";
import type { Session } from "./session.ts";

/** What has come of an act of the operator. */
export type GovernOutcome = "done" | "gone" | "full";

/** How a room ends by an act of the operator. */
export type RoomEnd = "drained" | "closed";

/** A member, as the operator sees it. */
export interface RosterEntry {
  readonly id: number;
  readonly network: string;
  /** `HOST:PORT`; undefined while it has no connection. */
  readonly peer: string | undefined;
  /** In ms since 1970; `awaySince` is undefined if it is not away. */
  readonly joined: number;
  readonly awaySince: number | undefined;
  readonly isModerator: boolean;
  readonly isSilenced: boolean;
  /** A classic client. */
  readonly noDirect: boolean;
  /** The sealed profile. */
  readonly profile: Uint8Array;
}

export interface GovernmentParts {
  readonly hub: Hub;
  /** The address of a member; undefined while it has no connection. */
  readonly peerOf: (id: number) => string | undefined;
  /** Proxies that may be the address of many people. */
  readonly proxies: readonly AddressRange[];
  readonly report: (event: ServerEvent) => void;
}

/** The government of one server's room. */
export class Government {
  readonly #parts: GovernmentParts;
  readonly #ended = Promise.withResolvers<RoomEnd>();
  #isDraining = false;
  #closing: string | undefined;

  constructor(parts: GovernmentParts) {
    this.#parts = parts;
  }

  /** Settles when the operator has closed the room, or it was drained and the last member has left. */
  get ended(): Promise<RoomEnd> {
    return this.#ended.promise;
  }

  /** Why the operator has closed the room: a sentence for its members. */
  get closing(): string | undefined {
    return this.#closing;
  }

  /** The room ends with its last member. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** The room takes no newcomers. */
  get isLocked(): boolean {
    return this.#isDraining || this.#parts.hub.fold.governance.isLocked;
  }

  get rules(): Rules {
    return this.#parts.hub.fold.rules;
  }

  /** All members, in the order of joining. */
  roster(): RosterEntry[] {
    const { hub: { fold }, peerOf } = this.#parts;
    return Array.from(fold.members(), (member) => {
      const { id, network, joined, awaySince, noDirect, profile } = member;
      return {
        ...{ id, network, peer: peerOf(id), joined, awaySince, noDirect, profile },
        isSilenced: fold.governance.isSilenced(member),
        isModerator: fold.governance.isModerator(member),
      };
    });
  }

  /** The bans that have not ended. */
  bans(now: number): readonly Ban[] {
    return this.#parts.hub.fold.governance.bans.filter(({ until = Infinity }) => until > now);
  }

  /**
   * Begins with what the operator has given on the command line. What an earlier run was given stays.
   *
   * @param moderators their keys
   */
  begin(moderators: readonly string[], isReadOnly: boolean): void {
    const { governance } = this.#parts.hub.fold;
    for (const key of moderators) {
      if (!governance.isGiven(key)) this.govern({ action: "op", key });
    }
    if (isReadOnly && !governance.isReadOnly) this.govern({ action: "readonly" });
  }

  /**
   * Refuses a newcomer.
   *
   * @param isOwner it is of the user who runs the server
   * @throws {ProtocolError} `locked`, or `removed` if its network is banned
   */
  screen(hostname: string, isOwner: boolean, now: number): void {
    if (isOwner) return;
    const ban = this.#parts.hub.fold.governance.banOf(networkOf(hostname), now);
    if (ban) throw new ProtocolError<ErrorCode>("removed", banText(ban));
    if (!this.isLocked) return;
    throw new ProtocolError<ErrorCode>("locked", "the room is locked: it takes no newcomers now");
  }

  /** @throws {ProtocolError} if the body is malformed; what is not valid here is refused with an ACK */
  moderate({ member, nonce }: Session, body: Uint8Array<ArrayBuffer>): void {
    const moderate = parseModerate(body);
    const { hub, report } = this.#parts;
    const { state: { key: sessionKey, id }, put } = member;
    const log = hub.fold.config.name;
    const key = moderate.key.toBase64({ omitPadding: true });
    // The signature is checked last: it costs far more than the rest, and only moderators can cause that.
    const isValid = nonce !== undefined && sessionKey.length > 0 &&
      moderate.number === (put + 1) >>> 0 &&
      hub.fold.governance.isModerator({ moderator: key }) &&
      isSigned(
        moderate,
        moderateBytes({ sessionKey, log, id, nonce }, moderate.number, moderate.json),
      );
    const act = isValid ? moderate.act : undefined;
    const order = {
      key: isValid ? key : undefined,
      act,
      isBannable: this.#isBannable(act),
    };
    hub.moderate(member, order, (outcome) => {
      if (!act || act.action === "prove" || act.action === "bans") return;
      if (outcome !== AckOutcome.ACCEPTED) return;
      if (act.action === "unlock") this.#isDraining = false;
      report(eventOf(act, id));
    });
  }

  /** Does what the operator asks for. */
  govern(act: OperatorAct): GovernOutcome {
    const { hub, report } = this.#parts;
    const outcome = hub.govern({ key: undefined, act, isBannable: this.#isBannable(act) });
    if (outcome === AckOutcome.BUSY) return "full";
    if (outcome !== AckOutcome.ACCEPTED) return "gone";
    report(eventOf(act, 0));
    if (act.action === "unlock") this.#isDraining = false;
    if (act.action === "drain") {
      this.#isDraining = true;
      this.left();
    }
    if (act.action === "close") {
      this.#closing ??= closingText(act.reason);
      this.#ended.resolve("closed");
    }
    return "done";
  }

  /** A member has left. */
  left(): void {
    if (this.#isDraining && this.#parts.hub.size === 0) this.#ended.resolve("drained");
  }

  /** Why the session with this token cannot be resumed, if its member was removed. */
  removed(token: string): ProtocolError<ErrorCode> | undefined {
    const message = this.#parts.hub.fold.governance.removed(token);
    return message === undefined ? undefined : new ProtocolError("removed", message);
  }

  /** Whether the network of the member that an act is about is one person's: not this machine's, nor a proxy's. */
  #isBannable(act: Act | OperatorAct | undefined): boolean {
    if (act?.action !== "ban") return false;
    const network = this.#parts.hub.fold.member(act.member)?.network;
    return network !== undefined && isBannable(network, this.#parts.proxies);
  }
}

/** Whether people on other machines do not share this network, as `networkOf` names it. */
export function isBannable(network: string, proxies: readonly AddressRange[]): boolean {
  const address = network.includes(":") ? `${network}::` : network;
  const bytes = addressBytes(address);
  // A server may know none.
  if (!bytes) return false;
  const isLoopback = network === networkOf("::1") || address.startsWith("127.");
  const isProxy = inRanges(proxies, address) ||
    proxies.some((range) => networkOf(formatIp(range.bytes)) === network);
  return !isLoopback && !isProxy;
}

function isSigned({ key, signature }: Moderate, bytes: Uint8Array): boolean {
  try {
    return new Verifier(key).verify(bytes, signature);
  } catch (error) {
    // It is no key, or one for which anyone can sign.
    if (!(error instanceof RangeError)) throw error;
    return false;
  }
}

/** For the operator's log: no text of anybody. */
function eventOf(act: Act | OperatorAct, by: number): ServerEvent {
  return {
    event: "governed",
    action: act.action,
    by,
    ...("member" in act && { member: act.member }),
  };
}
