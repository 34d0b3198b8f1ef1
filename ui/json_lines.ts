// The JSON of `--json`: an event becomes an object, a line of input becomes a checked request. Pure; docs/json.md
// documents the format, and tests/docs/json_test.ts compares the two.

import { ChatError } from "../errors.ts";
import type { Moderation, Person, RoomEvent, Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";
import { hintOf } from "./hints.ts";
import { secondsLeft } from "./transfer_text.ts";

export function toMember(member: Person): Record<string, unknown> {
  const { id, self, away, moderator, silenced } = member;
  const marks = { ...(moderator && { moderator }), ...(silenced && { silenced }) };
  return { id, ...named(member), self, away, ...since(member), ...optional(member), ...marks };
}

/** What identifies a member besides its id: in every line that names one. */
function named({ name, key, trust }: Person) {
  return { name, ...(key && { key }), ...(trust && { trust }) };
}

/** Since when a member is away. */
function since({ since }: Pick<Person, "since">) {
  return since && { since: since.toISOString() };
}

/** The fields that few members have. */
function optional({ classic, status, verified }: Person) {
  return {
    ...(classic && { classic }),
    ...(status !== undefined && { status }),
    ...(verified && { verified }),
  };
}

function toFile({ number, name, size }: Transfer): Record<string, unknown> {
  return { transfer: number, file: name, size };
}

/** The types of output that answer a line of input and are no event of the room. */
export const ANSWERS = ["sent", "error", "transfers"] as const;

/** A line of JSON output before its time is added. */
export type OutputLine =
  & { type: RoomEvent["type"] | typeof ANSWERS[number] }
  & Record<string, unknown>;

export function describe(event: RoomEvent): OutputLine {
  const { type } = event;
  switch (type) {
    case "welcome":
      return { type, id: event.self.id, ...named(event.self), ...event.room };
    case "members":
      return { type, members: event.members.map(toMember) };
    case "message": {
      const { id, from, re, text, action } = event;
      const ids = { ...(id !== undefined && { id }), ...(re !== undefined && { re }) };
      return { type, ...ids, from: from.id, ...named(from), text, action, ...received(event) };
    }
    case "edited": {
      const { id, from, text, action } = event;
      return { type, id, from: from.id, ...named(from), text, action, ...received(event) };
    }
    case "deleted": {
      const { id, from } = event;
      return { type, id, from: from.id, ...named(from), ...received(event) };
    }
    case "reacted": {
      const { id, from, emoji, removed } = event;
      return { type, id, from: from.id, ...named(from), emoji, removed, ...received(event) };
    }
    case "direct": {
      const { from, text, action } = event;
      return { type, from: from.id, ...named(from), text, action, ...proofs(event) };
    }
    case "delivered":
      return { type, ref: event.ref, to: event.to.id, ...named(event.to) };
    case "undelivered":
      return { type, ref: event.ref, to: event.to.id, ...named(event.to), reason: event.reason };
    case "joined": {
      const { id } = event.who;
      const replaces = event.replaces && { replaces: event.replaces.id };
      return {
        type,
        id,
        ...named(event.who),
        ...replaces,
        ...optional(event.who),
        at: event.at,
        ...proofs(event),
      };
    }
    case "left": {
      const { who, reason, at, replaced } = event;
      return { type, id: who.id, ...named(who), reason, ...(replaced && { replaced }), at };
    }
    case "renamed":
      return { type, id: event.who.id, ...named(event.who), before: event.before, at: event.at };
    case "unreadable":
      return {
        type,
        from: event.from.id,
        ...named(event.from),
        message: event.message,
        count: event.count,
      };
    case "forked":
      return {
        type,
        id: event.who.id,
        ...named(event.who),
        ...(event.since && { since: event.since.toISOString() }),
      };
    case "agreed":
      return { type, id: event.who.id, ...named(event.who) };
    case "keychanged": {
      const { who, like } = event;
      return { type, id: who.id, ...named(who), ...(like !== undefined && { like }) };
    }
    case "away": {
      const { who, at, replaced } = event;
      return {
        type,
        id: who.id,
        ...named(who),
        ...since(event.who),
        ...(replaced && { replaced }),
        at,
      };
    }
    case "back":
      return { type, id: event.who.id, ...named(event.who), at: event.at };
    case "status": {
      const { who, who: { status }, at } = event;
      return { type, id: who.id, ...named(who), ...(status !== undefined && { status }), at };
    }
    case "topic": {
      const { who, text, at } = event;
      return {
        type,
        ...(who && { from: who.id, ...named(who) }),
        text,
        ...(at !== undefined && { at }),
        ...proofs(event),
      };
    }
    case "notice": {
      const { action, by, who, key, ban, until, reason, text, at } = event;
      return {
        type,
        what: action,
        ...(by && { by: by.id }),
        ...(who && { id: who.id, ...named(who) }),
        ...(key !== undefined && { key }),
        ...(ban !== undefined && { ban }),
        ...(until && { ends: until.toISOString() }),
        ...(reason !== undefined && { why: reason }),
        ...(text !== undefined && { text }),
        at,
      };
    }
    case "bans":
      return {
        type,
        bans: event.bans.map(({ number, who, member, by, since, until, reason }) => ({
          ban: number,
          id: member,
          ...(who && named(who)),
          ...(by && { by: by.id }),
          since: since.toISOString(),
          ...(until && { ends: until.toISOString() }),
          ...(reason !== undefined && { why: reason }),
        })),
      };
    case "refused": {
      const { ref, what, reason } = event;
      return { type, ...(ref !== undefined && { ref }), what, reason };
    }
    case "clock":
      return { type, ahead: event.ahead };
    case "warning":
      return { type, code: event.code, message: event.message };
    case "disconnected":
      return { type, reason: event.reason, message: event.message };
    case "waiting": {
      // Not `at`: that is the place in the room's order.
      const { attempt, until, message } = event;
      return { type, attempt, until: until.toISOString(), message };
    }
    case "connected": {
      const { self, resumed, unseen, address } = event;
      const missed = resumed ? 0 : event.missed;
      const counted = { ...(missed !== undefined && { missed }), ...(unseen > 0 && { unseen }) };
      const moved = address !== undefined && { address };
      return { type, id: self.id, ...named(self), resumed, ...counted, ...moved };
    }
    case "caughtup":
      return { type, messages: event.messages };
    case "offer": {
      const { from, direct, files, free } = event;
      return {
        type,
        from: from.id,
        ...named(from),
        direct,
        files: files.map(toFile),
        ...(free !== undefined && { free }),
        ...proofs(event),
      };
    }
    case "forgotten":
      return { type, from: event.from.id, ...named(event.from) };
    case "changes": {
      const { from, transfers } = event;
      return { type, from: from.id, ...named(from), transfers: transfers.map(toTransfer) };
    }
    case "transfer":
      return { type, ...toTransfer(event.transfer) };
    case "progress": {
      const { number, bytes, size, rate } = event.transfer;
      const left = secondsLeft(event.transfer);
      return { type, transfer: number, bytes, size, rate, ...(left !== undefined && { left }) };
    }
    case "incomplete": {
      const { path, count } = event;
      const entries = event.entries.map(({ file, reason }) => ({ file, message: reason }));
      return { type, path, count, entries };
    }
    case "unsent":
      return { type, path: event.path, message: event.message };
    case "ended":
      return { type, ...event.ending };
  }
}

type InputLine =
  | { type: "say" | "act"; text: string; re?: string }
  | { type: "edit"; id: string; text: string }
  | { type: "delete"; id: string }
  | { type: "react"; id: string; emoji: string; removed?: boolean }
  | { type: "tell"; to: string | number; text: string }
  | { type: "rename"; name: string }
  | { type: "status" | "topic"; text: string }
  | { type: "offer"; path: string }
  | { type: "give"; to: string | number; path: string }
  | { type: "accept" | "decline" | "cancel"; transfer: string | number }
  | { type: "kick" | "silence" | "unsilence"; member: string | number; why?: string }
  | { type: "ban"; member: string | number; seconds?: number; why?: string }
  | { type: "unban"; ban: string | number }
  | { type: "lock" | "unlock"; why?: string }
  | { type: "announce"; text: string }
  | { type: "op" | "deop"; member: string | number }
  | { type: "bans" }
  | { type: "who" | "transfers" | "reconnect" | "leave" };

type Kind = "string" | "number" | "boolean" | "undefined";

/** The fields of each type of input, and their types; "undefined": it may be left out. */
const INPUTS: Record<InputLine["type"], Record<string, readonly Kind[]>> = {
  say: { text: ["string"], re: ["string", "undefined"] },
  act: { text: ["string"], re: ["string", "undefined"] },
  edit: { id: ["string"], text: ["string"] },
  delete: { id: ["string"] },
  react: { id: ["string"], emoji: ["string"], removed: ["boolean", "undefined"] },
  tell: { to: ["string", "number"], text: ["string"] },
  rename: { name: ["string"] },
  status: { text: ["string"] },
  topic: { text: ["string"] },
  offer: { path: ["string"] },
  give: { to: ["string", "number"], path: ["string"] },
  accept: { transfer: ["string", "number"] },
  decline: { transfer: ["string", "number"] },
  cancel: { transfer: ["string", "number"] },
  kick: { member: ["string", "number"], why: ["string", "undefined"] },
  ban: {
    member: ["string", "number"],
    seconds: ["number", "undefined"],
    why: ["string", "undefined"],
  },
  bans: {},
  unban: { ban: ["string", "number"] },
  silence: { member: ["string", "number"], why: ["string", "undefined"] },
  unsilence: { member: ["string", "number"], why: ["string", "undefined"] },
  lock: { why: ["string", "undefined"] },
  unlock: { why: ["string", "undefined"] },
  announce: { text: ["string"] },
  op: { member: ["string", "number"] },
  deop: { member: ["string", "number"] },
  transfers: {},
  who: {},
  reconnect: {},
  leave: {},
};

type ModerationLine = InputLine & { type: Moderation["action"] };

/** What a line asks for, if it asks for something that moderators do. */
export function moderationOf(input: InputLine): Moderation | undefined {
  if (!MODERATIONS.has(input.type)) return undefined;
  const { type: action, ...fields } = input as ModerationLine;
  const { why, ...others } = fields as Record<string, unknown>;
  return { action, ...others, ...(why !== undefined && { reason: why }) } as Moderation;
}

const MODERATIONS: ReadonlySet<string> = new Set<Moderation["action"]>([
  ...["kick", "ban", "bans", "unban", "silence", "unsilence"] as const,
  ...["lock", "unlock", "announce", "op", "deop"] as const,
]);

/** The types of input. */
export const INPUT_TYPES: readonly string[] = Object.keys(INPUTS);

export function parseInput(line: string): InputLine {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new ChatError("Cannot read this line: it is not JSON", {
      refusal: "syntax",
      hint: 'Write one JSON object per line, for example {"type":"say","text":"hello"}',
    });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ChatError("Cannot read this line: it must be a JSON object", { refusal: "syntax" });
  }
  const { type, ...fields } = json as Record<string, unknown>;
  if (typeof type !== "string" || !Object.hasOwn(INPUTS, type)) {
    throw new ChatError(
      `Cannot read this line: "type" must be one of ${INPUT_TYPES.join(", ")}`,
      { refusal: "type" },
    );
  }
  const shape = INPUTS[type as InputLine["type"]];
  for (const [name, kinds] of Object.entries(shape)) {
    if (!(kinds as readonly string[]).includes(typeof fields[name])) {
      const known = kinds.filter((kind) => kind !== "undefined").join(" or a ");
      throw new ChatError(`Cannot read this line: "${name}" must be a ${known}`, {
        refusal: "field",
      });
    }
  }
  const extra = Object.keys(fields).find((name) => !Object.hasOwn(shape, name));
  if (extra !== undefined) {
    throw new ChatError(`Cannot read this line: "${type}" has no field "${printable(extra)}"`, {
      refusal: "field",
    });
  }
  const broken = Object.keys(shape).find((name) => {
    const value = fields[name];
    return typeof value === "string" && !value.isWellFormed();
  });
  if (broken !== undefined) {
    // UTF-8 has no form for it: something else would be sent.
    throw new ChatError(`Cannot read this line: "${broken}" has half of a surrogate pair`, {
      refusal: "syntax",
    });
  }
  const { text, path } = fields;
  if (path === "") {
    throw new ChatError('Cannot read this line: "path" must not be empty', { refusal: "field" });
  }
  if (typeof text === "string" && text.trim() === "") checkBlank(type, text);
  return json as InputLine;
}

/** Nobody would see anything of a text that has nothing but blanks. An empty away text or topic is removed. */
function checkBlank(type: string, text: string): void {
  const blanks = '"text" has nothing but blanks';
  const refusal = "empty";
  if (type !== "status" && type !== "topic") {
    throw new ChatError(`Cannot send an empty message: ${blanks}`, { refusal });
  }
  if (text === "") return;
  const what = type === "topic" ? "the topic" : "this away text";
  throw new ChatError(`Cannot set ${what}: ${blanks}; "" removes it`, { refusal });
}

/** The answer to a line of input that is refused. */
export function toError(line: number, error: ChatError): OutputLine {
  const { refusal: code = "other", message } = error;
  const hint = hintOf(error, "program");
  return { type: "error", line, code, message, ...(hint !== undefined && { hint }) };
}

export function toTransfer(transfer: Transfer): Record<string, unknown> {
  const { number, offer, direction, who, name, size, sha256, state, bytes, resumed } = transfer;
  const { stalled, path, reason, message } = transfer;
  return {
    transfer: number,
    offer,
    direction,
    ...(who && { id: who.id, ...named(who) }),
    file: name,
    size,
    state,
    bytes,
    had: resumed,
    ...(sha256 !== undefined && { sha256 }),
    ...(stalled !== undefined && { stalled }),
    ...(path !== undefined && { path }),
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
}

/** Where a message is in the room's log, and of an own one its ref. */
function received(
  event: { at: number; ref: number | undefined; sent: Date | undefined; missing: number },
) {
  const { at, ref } = event;
  return { at, ...(ref !== undefined && { ref }), ...proofs(event) };
}

/** What only a sealed room can prove about a message. */
export function proofs({ sent, missing }: { sent: Date | undefined; missing?: number }) {
  return {
    ...(sent && { sent: sent.toISOString() }),
    ...(missing && { missing }),
  };
}
