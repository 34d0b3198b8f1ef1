// The texts for removed members, for banned newcomers, and for the end of the room. Pure.

import type { Ban } from "./governance.ts";

/** Why a newcomer is refused. */
export function banText({ until, reason }: Ban): string {
  return `your network is banned from this room${untilText(until)}${reasonText(reason)}`;
}

/**
 * Why a member has to leave.
 *
 * @param isOperator the operator has removed it, and no moderator
 */
export function removalText(
  isOperator: boolean,
  ban: Ban | undefined,
  reason: string | undefined,
): string {
  const actor = isOperator ? "the operator" : "a moderator";
  const what = ban ? "banned you from" : "removed you from";
  return `${actor} has ${what} this room${untilText(ban?.until)}${reasonText(reason)}`;
}

/** Why the session of each member ends when the operator closes the room. */
export function closingText(reason: string | undefined): string {
  return `the operator has closed the room${reasonText(reason)}`;
}

function untilText(until: number | undefined): string {
  if (until === undefined) return "";
  return ` until ${new Date(until).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function reasonText(reason: string | undefined): string {
  return reason === undefined ? "" : `: ${reason}`;
}
