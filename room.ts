// What a screen (or a pipe) sees of a room: events that come in, and what can be done in it.
// `client.ts` is the real one; tests of screens use others. Knows no socket and no terminal.

/** Somebody in the room, as far as this client knows. */
export interface Person {
  /** The server's number for this member, unique in the room's life. */
  readonly id: number;
  /**
   * The name to show: a valid name; `#id` follows it where two in the room have the same, and `(!)` where
   * it is known with another key.
   */
  readonly name: string;
  readonly self: boolean;
  /** Its connection was lost; it may return. */
  readonly away: boolean;
  /** It is on the original program, which knows no files and no direct messages. */
  readonly classic?: true;
}

/** What is known of the room as a whole. */
export interface RoomInfo {
  /** `HOST:PORT`, as the user would write it. */
  readonly address: string;
  readonly cipher: "xor" | "sealed";
  /** Bytes of UTF-8 that one message may have. */
  readonly maxText: number;
  /** A room of the original program, which does not tell who is in it. */
  readonly classic?: true;
}

/** A message of this client that the room has not confirmed yet. */
export interface Pending {
  /** This client's number for it, counted from 1. */
  readonly ref: number;
  readonly text: string;
  readonly action: boolean;
  /** The receiver of a direct message. */
  readonly to: Person | undefined;
}

/** How this client is connected to its room. What is said while it is not is kept, and sent later. */
export type Link =
  | { readonly state: "connected" }
  /** It tries; `attempt` counts from 1 since the connection was lost. */
  | { readonly state: "connecting"; readonly attempt: number }
  /** The try `attempt` begins at `at`, unless `reconnect()` or a change of the network hurries it. */
  | { readonly state: "waiting"; readonly attempt: number; readonly at: Date };

/** A file that goes between this client and another. */
export interface Transfer {
  /** This client's number for it, counted from 1: what `/accept`, `/decline` and `/cancel` take. */
  readonly number: number;
  /** It comes here, or goes out. */
  readonly direction: "in" | "out";
  /** Who offers it, or who gets it; undefined for what is offered to the whole room. */
  readonly who: Person | undefined;
  /** May hold anything, where somebody else gave it: `printable()` before it is shown. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  /**
   * - `reading`: it is read once and hashed, before it is offered.
   * - `offered`: nothing has begun.
   * - `waiting`: it was accepted, and begins when others are through, or the other side is here.
   * - `running`.
   * - `done`: it is there, whole and checked.
   * - `declined`, `cancelled`: somebody did not want it, or not any more.
   * - `failed`: `message` says why.
   */
  readonly state:
    | "reading"
    | "offered"
    | "waiting"
    | "running"
    | "done"
    | "declined"
    | "cancelled"
    | "failed";
  /** Bytes that are there; of what goes out, that the other side has got; of what is read, that have been read. */
  readonly bytes: number;
  /** Bytes that were there already when it began. */
  readonly resumed: number;
  /** Bytes a second. */
  readonly rate: number;
  /** Why nothing has come for a while; undefined while something does. */
  readonly stalled: string | undefined;
  /** Where it was put. */
  readonly path: string | undefined;
  /** Why it has ended. */
  readonly message: string | undefined;
}

/** Why a client's time in the room has ended. */
export type Ending =
  /** This side asked for it. */
  | { readonly reason: "left" }
  /** The server said that it stops. */
  | { readonly reason: "stopped" }
  /** The connection broke. */
  | { readonly reason: "lost"; readonly message: string }
  /** The server refused to go on: its code and sentence. */
  | { readonly reason: "refused"; readonly code: string; readonly message: string };

/** What happens in a room. `at` is the place in the room's log: the same number for every member. */
export type RoomEvent =
  | { readonly type: "welcome"; readonly self: Person; readonly room: RoomInfo }
  /** The list of those who were there before is complete. */
  | { readonly type: "members"; readonly members: readonly Person[] }
  | {
    readonly type: "message";
    readonly from: Person;
    /** May hold anything, control characters too: `printable()` before it is shown. */
    readonly text: string;
    /** `/me`: the text says what the sender does. */
    readonly action: boolean;
    readonly at: number;
    /** Set on this client's own messages: the `ref` that `say` gave. */
    readonly ref: number | undefined;
    /** When it was sent, by the sender's clock; undefined where nothing proves it. */
    readonly sent: Date | undefined;
    /** How many messages of this sender were withheld before this one. */
    readonly missing: number;
  }
  | {
    readonly type: "direct";
    readonly from: Person;
    readonly text: string;
    readonly action: boolean;
    readonly sent: Date | undefined;
    readonly missing: number;
  }
  /** The server has taken a direct message of this client for its receiver. */
  | { readonly type: "delivered"; readonly ref: number; readonly to: Person; readonly text: string }
  /** The server has not taken a direct message. */
  | {
    readonly type: "undelivered";
    readonly ref: number;
    readonly to: Person;
    readonly text: string;
    readonly reason: "busy" | "gone";
  }
  | {
    readonly type: "joined";
    readonly who: Person;
    readonly at: number;
    /** When its profile was made, by its clock; undefined where nothing proves it. */
    readonly sent: Date | undefined;
  }
  | {
    readonly type: "left";
    readonly who: Person;
    readonly reason: "left" | "lost" | "slow" | "refused";
    readonly at: number;
  }
  | {
    readonly type: "renamed";
    readonly who: Person;
    /** The same as now, where the list of members had the new name already. */
    readonly before: string;
    readonly at: number;
  }
  /**
   * Something came that can't be shown: not this member's, or come before, or not text, or of a kind that
   * this version does not know.
   */
  | {
    readonly type: "unreadable";
    readonly from: Person;
    readonly message: string;
    /** How many such have come from this member: people are told of the first. */
    readonly count: number;
  }
  /** A name that is known with one key has come with another. */
  | { readonly type: "keychanged"; readonly who: Person }
  /** Somebody's connection was lost, it may return; it is back. */
  | { readonly type: "away" | "back"; readonly who: Person; readonly at: number }
  /** The server warns: a code of the protocol (`flood`), and a sentence. */
  | { readonly type: "warning"; readonly code: string; readonly message: string }
  /**
   * This client's connection is lost; it tries to come back by itself. `stopped`: the server said that it
   * stops; `refused`: it ended the connection for a reason that does not keep this client out, such as `slow`.
   */
  | {
    readonly type: "disconnected";
    readonly reason: "lost" | "stopped" | "refused";
    readonly message: string;
  }
  /** A try failed, for the reason in `message`; the next, `attempt`, begins at `until`. Told again and again. */
  | {
    readonly type: "waiting";
    readonly attempt: number;
    readonly until: Date;
    readonly message: string;
  }
  /**
   * This client is back. `resumed`: it goes on exactly where it was. Else it has joined anew, perhaps with
   * another id, and `members` follows; `missed` says how many messages the room has had meanwhile, 0 too,
   * and is undefined where nobody can know, because the server has started anew.
   */
  | {
    readonly type: "connected";
    readonly self: Person;
    readonly resumed: boolean;
    readonly missed: number | undefined;
  }
  /** Somebody, perhaps this client, offers files: all that one message told of. `direct`: to this client alone. */
  | {
    readonly type: "offer";
    readonly from: Person;
    readonly direct: boolean;
    readonly files: readonly Transfer[];
    readonly sent: Date | undefined;
    readonly missing: number;
    /** Where this client offers them to the room: who in it can't take any. */
    readonly without?: readonly Person[];
  }
  /** A transfer begins, ends, stalls or goes on. */
  | { readonly type: "transfer"; readonly transfer: Transfer }
  /** How far a transfer is: about once a second while it runs. */
  | { readonly type: "progress"; readonly transfer: Transfer }
  /** A file could not be offered. */
  | { readonly type: "unsent"; readonly path: string; readonly message: string }
  | { readonly type: "ended"; readonly ending: Ending };

/** What can be done in a room. Each throws a `ChatError` if it can't be done, and then does nothing. */
export interface Room {
  readonly info: RoomInfo;
  readonly self: Person;
  /** Everybody in the room, this client included, in the order of joining. */
  readonly members: readonly Person[];
  /** How many they are: a screen shows it each time it draws. */
  readonly size: number;
  /** What was said and is not confirmed yet, oldest first. */
  readonly pending: readonly Pending[];
  /** Says `text` to everybody; returns the number that its confirmation will carry. */
  say(text: string): number;
  /** Says to everybody what this member does (`/me`). */
  act(text: string): number;
  /** Says `text` to one member: a name, a name with `#id`, or an id. */
  tell(to: string | number, text: string): number;
  rename(name: string): void;
  /** This member's public key, as people write it; undefined where the cipher has none. */
  readonly fingerprint: string | undefined;
  /** The words by which this member and another see aloud that they have each other's true keys. */
  compare(who: string | number): string;
  /** The words were the same: from now on the other's name belongs to the key that it has now. */
  trust(who: string | number): void;
  /** Files on offer, on their way, and those that have ended of late, by their numbers. */
  readonly transfers: readonly Transfer[];
  /** Those that begin, or get further by themselves: few, however many there are. */
  readonly going: readonly Transfer[];
  /**
   * Offers a file, or those of a folder, one by one, to one member or to all; `offer` or `unsent` says what has
   * become of each.
   *
   * @param name what the others are to know it by, instead of its own
   */
  offer(path: string, to?: string | number, name?: string): void;
  /** Takes what is offered: by number, by name, of a member (the last), or `all`; returns how many. */
  accept(which: string | number): number;
  decline(which: string | number): number;
  /** Ends what is on offer or on its way. */
  cancel(which: string | number): number;
  /** How this client is connected. */
  readonly link: Link;
  /** Tries at once to come back, if the connection is lost; else does nothing. */
  reconnect(): void;
  /** Says goodbye; what was said before still goes out. The `ended` event follows. */
  leave(): void;
}

/** Finds who is meant by `name`, `name#id` or an id among `members`. */
export function findPerson(
  members: readonly Person[],
  who: string | number,
): Person | "nobody" | "several" {
  if (typeof who === "number") return members.find((m) => m.id === who) ?? "nobody";
  // No name has `(!)` in it: it can't be taken for somebody else's mark.
  const exact = members.find((m) => m.name === who || `#${m.id}` === who || m.name === `${who}(!)`);
  if (exact) return exact;
  const alike = members.filter((m) => m.name.replace(/(#\d+)?(\(!\))?$/, "") === who);
  if (alike.length > 1) return "several";
  return alike[0] ?? "nobody";
}
