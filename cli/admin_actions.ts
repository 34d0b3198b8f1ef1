// What `chat admin` can do, as a table: the parser, the help and the completions use it. Pure data.

/** How the words after an action are read. */
export type AdminWords =
  | "none"
  /** A reason, or none. */
  | "reason"
  /** A member, and perhaps a reason. */
  | "member"
  /** A member, perhaps a time, and perhaps a reason. */
  | "ban"
  /** The number of a ban. */
  | "number"
  /** A moderator's key. */
  | "key"
  | "text"
  /** A text, or `-`. */
  | "topic";

export interface AdminAction {
  readonly words: AdminWords;
  /** As the help shows the words. */
  readonly form: string;
  readonly help: string;
}

/** In the order of the help. */
export const ADMIN_ACTIONS = {
  who: { words: "none", form: "", help: "lists the moderators and the members" },
  kick: { words: "member", form: "MEMBER [REASON]", help: "removes a member from the room" },
  ban: {
    words: "ban",
    form: "MEMBER [TIME] [REASON]",
    help: "removes it, and admits nobody from its network",
  },
  bans: { words: "none", form: "", help: "lists the bans, with their numbers" },
  unban: { words: "number", form: "BAN", help: "ends a ban" },
  silence: { words: "member", form: "MEMBER [REASON]", help: "refuses what it sends to the room" },
  unsilence: { words: "member", form: "MEMBER [REASON]", help: "lets it speak again" },
  lock: { words: "reason", form: "[REASON]", help: "admits no newcomers" },
  unlock: { words: "reason", form: "[REASON]", help: "admits newcomers again" },
  readonly: { words: "none", form: "", help: "lets only moderators speak to the room" },
  writable: { words: "none", form: "", help: "lets everybody speak again" },
  op: { words: "key", form: "KEY", help: "makes the owner of a key a moderator" },
  deop: { words: "key", form: "KEY", help: "ends that" },
  say: { words: "text", form: "TEXT", help: "announces a text to everybody" },
  topic: { words: "topic", form: "TEXT", help: "sets the topic; - removes it" },
  drain: { words: "none", form: "", help: "like lock; and stops when all have left" },
  close: { words: "reason", form: "[REASON]", help: "ends the room for all members, and stops" },
} as const satisfies Readonly<Record<string, AdminAction>>;

export type AdminName = keyof typeof ADMIN_ACTIONS;

/** Those that take `--reason`. */
export const TAKES_REASON: readonly AdminWords[] = ["member", "ban", "reason"];

/** Rows for the help. */
export function adminRows(): string {
  const entries = Object.entries(ADMIN_ACTIONS).map(([name, { form, help }]) =>
    [`${name} ${form}`.trimEnd(), help] as const
  );
  const column = entries.reduce((most, [term]) => Math.max(most, term.length), 0);
  return entries.map(([term, help]) => `  ${term.padEnd(column)}  ${help}`).join("\n");
}
