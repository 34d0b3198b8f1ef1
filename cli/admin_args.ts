// Parses what `chat admin` is asked to do. It knows no room: whether a member or a ban exists, the room says.

import { Verifier } from "../cipher/verifier.ts";
import { UsageError } from "../errors.ts";
import {
  isKeyText,
  MAX_ANNOUNCEMENT,
  MAX_BAN_SECONDS,
  MAX_REASON,
} from "../protocol/moderation.ts";
import { MAX_TOPIC_TEXT } from "../protocol/topic.ts";
import { durationOf, isDoubtfulDuration } from "../text/durations.ts";
import { printable } from "../text/printable.ts";
import { suggested, suggestions } from "../text/suggestions.ts";
import { ADMIN_ACTIONS, type AdminName, TAKES_REASON } from "./admin_actions.ts";
import type { AdminCommand, AdminWish } from "./command.ts";
import { parseNumber } from "./values.ts";

/** What other programs call the actions. */
const OTHER_NAMES: ReadonlyMap<string, AdminName> = new Map([
  ["announce", "say"],
  ["broadcast", "say"],
  ["list", "who"],
  ["members", "who"],
  ["names", "who"],
  ["users", "who"],
  ["mute", "silence"],
  ["quiet", "silence"],
  ["unmute", "unsilence"],
  ["remove", "kick"],
  ["banlist", "bans"],
  ["stop", "close"],
  ["shutdown", "close"],
  ["moderator", "op"],
  ["read-only", "readonly"],
  ["motd", "topic"],
]);

/** The longest number of a ban: a word for people, checked again by the room. */
const MAX_BAN = 9_999_999;

const utf8 = new TextEncoder();

/**
 * @param words the words between and after the options, in order
 * @throws {UsageError} if it is not something that can be asked
 */
export function parseAdmin(
  options: Map<string, string>,
  [action, ...words]: readonly string[],
): AdminCommand {
  if (options.has("port") && options.has("socket")) {
    throw new UsageError("Cannot use both --port and --socket: choose one");
  }
  const port = options.get("port");
  return {
    verb: "admin",
    port: port === undefined ? undefined : parseNumber("port", port, 1, 65535),
    socket: options.get("socket"),
    json: options.has("json"),
    wish: parseWish(checkAction(action), words, options.get("reason")),
  };
}

function checkAction(action: string | undefined): AdminName {
  const hint = "See: chat admin --help";
  if (action === undefined) {
    throw new UsageError("Say what to do, such as: chat admin who", { hint });
  }
  if (Object.hasOwn(ADMIN_ACTIONS, action)) return action as AdminName;
  const meant = suggested(
    suggestions(action, Object.keys(ADMIN_ACTIONS), OTHER_NAMES),
    (name) => `chat admin ${name}`,
  );
  throw new UsageError(`Unknown action "${printable(action)}"`, {
    hint: (meant === undefined ? "" : `Did you mean: ${meant}? `) + hint,
  });
}

function parseWish(
  action: AdminName,
  words: readonly string[],
  reasonOption: string | undefined,
): AdminWish {
  const kind = ADMIN_ACTIONS[action].words;
  if (reasonOption !== undefined && !TAKES_REASON.includes(kind)) {
    throw new UsageError(`Cannot use --reason with ${action}`);
  }
  const reasonIn = (rest: readonly string[]): { reason?: string } => {
    if (reasonOption !== undefined && rest.length > 0) {
      throw new UsageError(`Cannot use "${printable(rest[0]!)}": --reason has the reason already`);
    }
    const text = (reasonOption ?? rest.join(" ")).trim();
    return text === "" ? {} : { reason: checkText(text, "reason", MAX_REASON) };
  };
  switch (action) {
    case "who":
    case "bans":
    case "readonly":
    case "writable":
    case "drain":
      checkEnd(action, words);
      return { action };
    case "lock":
    case "unlock":
    case "close":
      return { action, ...reasonIn(words) };
    case "kick":
    case "silence":
    case "unsilence": {
      const [member, ...rest] = words;
      return { action, member: checkWord(action, member), ...reasonIn(rest) };
    }
    case "ban": {
      const [member, time, ...rest] = words;
      // A misspelt time must not become the reason of a ban without an end.
      if (time !== undefined && isDoubtfulDuration(time)) {
        throw new UsageError(
          `Cannot tell whether "${printable(time)}" is a time: write 30m, 2h or 7d`,
          { hint: "A reason that begins with a number goes after --reason" },
        );
      }
      const ms = time === undefined ? undefined : durationOf(time);
      return {
        action,
        member: checkWord(action, member),
        ...(ms !== undefined && { seconds: checkSeconds(time!, ms / 1000) }),
        ...reasonIn(ms === undefined ? words.slice(1) : rest),
      };
    }
    case "unban": {
      const [ban, ...rest] = words;
      checkEnd(action, rest);
      const hint = "To see the bans with their numbers: chat admin bans";
      return { action, ban: parseNumber("ban", checkWord(action, ban), 1, MAX_BAN, hint) };
    }
    case "op":
    case "deop": {
      const [key, ...rest] = words;
      checkEnd(action, rest);
      return { action, key: checkKey(checkWord(action, key)) };
    }
    case "say":
      return {
        action: "announce",
        text: checkText(needText(action, words), "announcement", MAX_ANNOUNCEMENT),
      };
    case "topic": {
      const text = needText(action, words);
      return { action, text: text === "-" ? "" : checkText(text, "topic", MAX_TOPIC_TEXT) };
    }
  }
}

function checkEnd(action: AdminName, [extra]: readonly string[]): void {
  if (extra === undefined) return;
  throw new UsageError(`Cannot use "${printable(extra)}": write ${formOf(action)}`);
}

function checkWord(action: AdminName, word: string | undefined): string {
  if (word !== undefined && word !== "") return word;
  throw new UsageError(`Something is missing: write ${formOf(action)}`);
}

function needText(action: AdminName, words: readonly string[]): string {
  const text = words.join(" ").trim();
  if (text !== "") return text;
  throw new UsageError(`Something is missing: write ${formOf(action)}`);
}

function formOf(action: AdminName): string {
  return `chat admin ${action} ${ADMIN_ACTIONS[action].form}`.trimEnd();
}

function checkText(text: string, what: string, max: number): string {
  const { length } = utf8.encode(text);
  if (length <= max && text.isWellFormed()) return text;
  throw new UsageError(`Cannot use this ${what}: it has ${length} bytes, at most ${max} fit`);
}

function checkSeconds(text: string, seconds: number): number {
  if (seconds >= 1 && seconds <= MAX_BAN_SECONDS) return seconds;
  throw new UsageError(
    `Cannot ban for "${printable(text)}": the time must be from 1s to ${MAX_BAN_SECONDS / 86_400}d`,
    { hint: "Without a time, the ban lasts until chat admin unban" },
  );
}

/** @throws {UsageError} if it is no key, or one for which anybody could sign */
function checkKey(key: string): string {
  try {
    if (isKeyText(key)) new Verifier(Uint8Array.fromBase64(key));
    else throw new RangeError("it must have 43 characters of base64");
  } catch (cause) {
    throw new UsageError(`Cannot use the key "${printable(key)}": it is no identity's key`, {
      hint: "The member sees its key with /whoami, and others with /whois",
      cause,
    });
  }
  return key;
}
