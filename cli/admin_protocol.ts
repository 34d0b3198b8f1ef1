// What `chat admin` and a server say to each other: one JSON object per line, a request and then its answer. Pure; it
// knows no socket. docs/operating.md describes it for other programs.

import { ChatError, ProtocolError } from "../errors.ts";
import type { Greeting } from "../protocol/json_frames.ts";
import { type OperatorAct, parseAct } from "../protocol/moderation.ts";
import type { Ban } from "../server/governance.ts";
import type { Government, RosterEntry } from "../server/government.ts";
import { jsonLine } from "../text/printable.ts";

/** Maximum bytes of a line. The longest announcement fits, also if each of its characters is escaped. */
export const MAX_LINE: number = 32 * 1024;
/** Members and bans in one answer: far above what a server has. */
export const MAX_ITEMS = 200_000;

/** A request: an act, or a question. */
export type AdminRequest = OperatorAct | { readonly action: "who" | "bans" };

/** The room, as the operator governs it: a `Server`, and the clock. */
export interface GovernedRoom {
  readonly greeting: Greeting;
  readonly address: string;
  readonly government: Pick<Government, "rules" | "isDraining" | "govern" | "roster" | "bans">;
  /** In ms since 1970. */
  readonly clock: () => number;
}

/** Why a request failed. `invalid`: the server cannot read it; `busy`: too many programs ask. */
export type AdminFault = "gone" | "full" | "invalid" | "busy";

/** A line of an answer. `done` and `error` are the last one. Other fields: see docs/operating.md. */
export type AdminLine = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The acts whose fields are those of an act that moderators have. */
const LIKE: Readonly<Record<string, string>> = { topic: "announce", close: "lock" };
/** Acts and questions without a field. */
const BARE = ["who", "bans", "readonly", "writable", "drain"] as const;

const utf8 = new TextEncoder();

/**
 * Reads a request.
 *
 * @throws {ChatError} if it is not one; the message is a sentence for its sender
 */
export function parseRequest(line: string): AdminRequest {
  const json = objectIn(line);
  const { action } = json;
  const bare = BARE.find((one) => one === action);
  if (bare) return { action: bare };
  // Only the connection of a moderator can prove something.
  if (typeof action !== "string" || action === "prove") throw unknownAction();
  const like = Object.hasOwn(LIKE, action) ? LIKE[action]! : action;
  try {
    const act = parseAct(utf8.encode(JSON.stringify({ ...json, action: like })));
    if (!act) throw unknownAction();
    if (act.action === "announce" && action === "announce" && act.text.trim() === "") {
      throw new ChatError("Cannot do this: the text is empty");
    }
    return { ...act, action } as AdminRequest;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const fault = cause.message.replace(/^malformed \w+: /, "");
    throw new ChatError(`Cannot do this: ${fault}`, { cause });
  }
}

function unknownAction(): ChatError {
  return new ChatError("Cannot do this: there is no such action");
}

function objectIn(line: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new ChatError("Cannot read this line: it is not JSON", { cause });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw new ChatError("Cannot read this line: it is no JSON object");
}

/** Does what a request asks for. Gives the lines of the answer one by one; the last one is `done` or `error`. */
export function* answer(room: GovernedRoom, request: AdminRequest): Generator<string> {
  switch (request.action) {
    case "who": {
      yield jsonLine(roomLine(room));
      for (const member of room.government.roster()) {
        yield jsonLine(memberLine(member, room.greeting));
      }
      yield DONE_LINE;
      return;
    }
    case "bans":
      for (const ban of room.government.bans(room.clock())) yield jsonLine(banLine(ban));
      yield DONE_LINE;
      return;
    default:
      yield* act(room, request);
  }
}

const DONE_LINE = jsonLine({ type: "done" });

function* act({ government, clock }: GovernedRoom, act: OperatorAct): Generator<string> {
  const before = government.bans(0).reduce((last, { ban }) => Math.max(last, ban), 0);
  const outcome = government.govern(act);
  if (outcome !== "done") {
    yield errorLine(outcome, faultText(act, outcome));
    return;
  }
  // Without one, the member was only removed.
  if (act.action === "ban") {
    const ban = government.bans(clock()).find(({ ban, member }) =>
      ban > before && member === act.member
    );
    if (ban) yield jsonLine(banLine(ban));
  }
  yield DONE_LINE;
}

function faultText({ action }: OperatorAct, fault: "gone" | "full"): string {
  if (fault === "full") return "there are too many already";
  if (action === "unban") return "there is no ban with this number";
  if (action === "deop") return "no moderator has this key";
  return "the member has left";
}

export function errorLine(code: AdminFault, message: string): string {
  return jsonLine({ type: "error", code, message });
}

function roomLine({ greeting, address, government }: GovernedRoom): AdminLine {
  const { cipher } = greeting;
  const { locked, readOnly: readonly, moderators, topic } = government.rules;
  return {
    type: "room",
    address,
    cipher,
    ...(greeting.cipher === "xor" && { key: Number(greeting.key) }),
    locked,
    readonly,
    ...(government.isDraining && { draining: true }),
    moderators,
    ...(topic && topic.text !== "" && { topic: topic.text }),
  };
}

function memberLine(member: RosterEntry, { cipher }: Greeting): AdminLine {
  const { id, network, peer, joined, awaySince, profile } = member;
  return {
    type: "member",
    id,
    network: networkText(network),
    ...(peer !== undefined && { peer }),
    joined: toTime(joined),
    ...(awaySince !== undefined && { away: toTime(awaySince) }),
    ...(member.isModerator && { moderator: true }),
    ...(member.isSilenced && { silenced: true }),
    ...(member.noDirect && { classic: true }),
    // Everybody can open it there. A sealed one opens for members alone.
    ...(cipher === "xor" && { profile: profile.toBase64() }),
  };
}

function banLine({ ban, member, by, network, since, until, reason }: Ban): AdminLine {
  return {
    type: "ban",
    ban,
    id: member,
    by,
    network: networkText(network),
    since: toTime(since),
    ...(until !== undefined && { ends: toTime(until) }),
    ...(reason !== undefined && { why: reason }),
  };
}

/** A network as others write it: the server names an IPv6 network by its first half. */
function networkText(network: string): string {
  return network.includes(":") ? `${network}::/64` : network;
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Reads a line of an answer.
 *
 * @throws {ChatError} if it is none
 */
export function parseLine(line: string): AdminLine {
  const json = objectIn(line);
  if (typeof json["type"] === "string") return json as AdminLine;
  throw new ChatError("Cannot read this line: it has no type");
}
