// How a room is governed: its moderators, its bans, and whether it is locked or read-only. A part of the fold: it decides
// by its state and the act alone. Pure; it knows no member but by its id, and checks no signature.

import { AckOutcome } from "../protocol.ts";
import type { Act, BanBody, Notice, OperatorAct } from "../protocol/moderation.ts";
import { removalText } from "./removal_text.ts";

/** Bans at once. The list fits into one frame. */
export const MAX_BANS = 256;
/** Moderators at once. Each newcomer gets all of them. */
export const MAX_MODERATORS = 64;
/** Silenced members at once. Each newcomer gets their ids. */
export const MAX_SILENCED = 1_000;
/** How many tokens of removed members are remembered: their clients learn that they need not come back. */
const MAX_REMOVED = 1_000;

/** A ban: newcomers of its network are refused. */
export interface Ban extends BanBody {
  readonly network: string;
}

/** The state of a `Governance`. */
export interface SavedGovernance {
  /** The keys, and whether the operator has given them. */
  readonly moderators: readonly (readonly [key: string, isGiven: boolean])[];
  readonly bans: readonly Ban[];
  readonly lastBan: number;
  readonly isLocked: boolean;
  readonly isReadOnly: boolean;
  /** The ids of members. */
  readonly silenced: readonly number[];
  /** The tokens of removed members, and why they were removed. */
  readonly removed: readonly (readonly [token: string, message: string])[];
}

/** The part of a member that matters here. */
export interface Governed {
  readonly id: number;
  readonly network: string;
  /** The key of a moderator that it has proved. */
  moderator: string | undefined;
  readonly tokens: readonly string[];
}

/** Who asks for an act. */
export interface Asker {
  /** The moderator, and its key; undefined: the operator. */
  readonly moderator: { readonly member: Governed; readonly key: string } | undefined;
  /** In ms since 1970. */
  readonly time: number;
  /** The network of the member that the act is about is one person's: it can be banned. */
  readonly isBannable: boolean;
}

/** What an act does. */
export interface Decision {
  /** One of `AckOutcome`. */
  readonly outcome: number;
  /** What all members receive. */
  readonly notice?: Notice;
  /** The member that leaves, and why: a sentence for it. */
  readonly removed?: { readonly member: Governed; readonly message: string };
  /** The moderator gets the list of bans. */
  readonly bans?: readonly BanBody[];
}

const REFUSED: Decision = { outcome: AckOutcome.REFUSED };
const GONE: Decision = { outcome: AckOutcome.GONE };
const FULL: Decision = { outcome: AckOutcome.BUSY };
const NOTHING: Decision = { outcome: AckOutcome.ACCEPTED };

const done = (notice: Notice): Decision => ({ outcome: AckOutcome.ACCEPTED, notice });

/** The rules of one room, and its moderators. */
export class Governance {
  /** By key: whether the operator has given it. */
  readonly #moderators = new Map<string, boolean>();
  #bans: Ban[] = [];
  #lastBan = 0;
  #isLocked = false;
  #isReadOnly = false;
  /** What these members send to the room is refused. */
  readonly #silenced = new Set<number>();
  readonly #removed = new Map<string, string>();

  get moderators(): readonly string[] {
    return [...this.#moderators.keys()];
  }

  get bans(): readonly Ban[] {
    return this.#bans;
  }

  get isLocked(): boolean {
    return this.#isLocked;
  }

  get isReadOnly(): boolean {
    return this.#isReadOnly;
  }

  isGiven(key: string): boolean {
    return this.#moderators.get(key) ?? false;
  }

  isModerator({ moderator }: Pick<Governed, "moderator">): boolean {
    return moderator !== undefined && this.#moderators.has(moderator);
  }

  get silenced(): readonly number[] {
    return [...this.#silenced];
  }

  isSilenced({ id }: Pick<Governed, "id">): boolean {
    return this.#silenced.has(id);
  }

  /** A member has left. */
  forget(id: number): void {
    this.#silenced.delete(id);
  }

  /** Whether all members may see what this one says, or what it is called now. */
  maySpeak(member: Governed): boolean {
    return !this.isSilenced(member) && (!this.#isReadOnly || this.isModerator(member));
  }

  maySetTopic(member: Governed): boolean {
    return this.maySpeak(member) && (this.#moderators.size === 0 || this.isModerator(member));
  }

  /** The ban of a network that has not ended. */
  banOf(network: string, time: number): Ban | undefined {
    return this.#bans.find((ban) => ban.network === network && !isOver(ban, time));
  }

  /** Why the member with this token was removed; undefined: none was. */
  removed(token: string): string | undefined {
    return this.#removed.get(token);
  }

  /** @param find a member of the room by its id */
  take(
    act: Act | OperatorAct,
    asker: Asker,
    find: (id: number) => Governed | undefined,
  ): Decision {
    const { moderator, time } = asker;
    if (moderator) {
      if (!this.#moderators.has(moderator.key)) return REFUSED;
      moderator.member.moderator = moderator.key;
    }
    switch (act.action) {
      case "prove":
        return NOTHING;
      case "bans":
        this.#endBans(time);
        return { ...NOTHING, bans: this.#bans.map(({ network: _, ...ban }) => ban) };
      case "kick":
      case "ban":
      case "silence":
      case "unsilence": {
        const member = find(act.member);
        if (!member) return GONE;
        // Moderators do not fight each other: one that was given can only be ended by the operator.
        const isAgainst = act.action !== "unsilence";
        if (moderator && isAgainst && this.isModerator(member)) return REFUSED;
        return act.action === "kick" || act.action === "ban"
          ? this.#remove(act, member, asker)
          : this.#silence(act, member);
      }
      case "unban": {
        this.#endBans(time);
        const before = this.#bans.length;
        this.#bans = this.#bans.filter(({ ban }) => ban !== act.ban);
        return this.#bans.length === before ? GONE : done({ action: "unban", ban: act.ban });
      }
      case "lock":
      case "unlock":
        this.#isLocked = act.action === "lock";
        return done(act);
      case "announce":
      case "topic":
        return done(act);
      case "op":
        return this.#appoint(act.key, moderator === undefined);
      case "deop": {
        if (!this.#moderators.has(act.key)) return GONE;
        if (moderator && this.isGiven(act.key)) return REFUSED;
        this.#moderators.delete(act.key);
        return done({ action: "deop", key: act.key });
      }
      case "readonly":
      case "writable":
        this.#isReadOnly = act.action === "readonly";
        return done({ action: act.action });
      case "drain":
      case "close":
        return done(act);
    }
  }

  #remove(
    act: (Act | OperatorAct) & { action: "kick" | "ban" },
    member: Governed,
    { moderator, time, isBannable }: Asker,
  ): Decision {
    const by = moderator?.member.id ?? 0;
    const reason = act.reason === undefined ? {} : { reason: act.reason };
    let ban: Ban | undefined;
    // A moderator must not lock itself out.
    const isShared = !isBannable || moderator?.member.network === member.network;
    if (act.action === "ban" && !isShared) {
      this.#endBans(time);
      if (this.#bans.length >= MAX_BANS) return FULL;
      ban = {
        ...{ ban: ++this.#lastBan, member: member.id, by, since: time, network: member.network },
        ...(act.seconds !== undefined && { until: time + 1000 * act.seconds }),
        ...reason,
      };
      this.#bans = [...this.#bans, ban];
    }
    const message = removalText(by === 0, ban, act.reason);
    for (const token of member.tokens) this.#removed.set(token, message);
    while (this.#removed.size > MAX_REMOVED) {
      this.#removed.delete(this.#removed.keys().next().value!);
    }
    const until = ban?.until === undefined ? {} : { until: ban.until };
    return {
      ...done({
        ...{ action: act.action, member: member.id },
        ...(ban && { ban: ban.ban }),
        ...until,
        ...reason,
      }),
      removed: { member, message },
    };
  }

  #silence(
    act: (Act | OperatorAct) & { action: "silence" | "unsilence" },
    member: Governed,
  ): Decision {
    const isSilenced = act.action === "silence";
    if (this.isSilenced(member) === isSilenced) return NOTHING;
    if (!isSilenced) this.#silenced.delete(member.id);
    else if (this.#silenced.size >= MAX_SILENCED) return FULL;
    else this.#silenced.add(member.id);
    return done(act);
  }

  #appoint(key: string, isGiven: boolean): Decision {
    const before = this.#moderators.get(key);
    if (before === undefined && this.#moderators.size >= MAX_MODERATORS) return FULL;
    this.#moderators.set(key, isGiven || (before ?? false));
    return before === undefined ? done({ action: "op", key }) : NOTHING;
  }

  #endBans(time: number): void {
    this.#bans = this.#bans.filter((ban) => !isOver(ban, time));
  }

  save(): SavedGovernance {
    return {
      moderators: [...this.#moderators],
      bans: this.#bans,
      lastBan: this.#lastBan,
      isLocked: this.#isLocked,
      isReadOnly: this.#isReadOnly,
      silenced: this.silenced,
      removed: [...this.#removed],
    };
  }

  /** For a new one. */
  restore(
    { moderators, bans, lastBan, isLocked, isReadOnly, silenced, removed }: SavedGovernance,
  ): void {
    for (const [key, isGiven] of moderators) this.#moderators.set(key, isGiven);
    this.#bans = [...bans];
    this.#lastBan = lastBan;
    this.#isLocked = isLocked;
    this.#isReadOnly = isReadOnly;
    for (const id of silenced) this.#silenced.add(id);
    for (const [token, message] of removed) this.#removed.set(token, message);
  }
}

/**
 * How another log begins: nobody is locked out, since all members have to join again, and ids mean other members.
 */
export function forNewLog(saved: SavedGovernance): SavedGovernance {
  const bans = saved.bans.map((ban) => ({ ...ban, member: 0, by: 0 }));
  return { ...saved, bans, isLocked: false, silenced: [], removed: [] };
}

function isOver({ until = Infinity }: Ban, time: number): boolean {
  return until <= time;
}
