// A message as one plain line, for plain mode, saved transcripts and classic clients. Pure.

import { printable } from "./printable.ts";

/** A message and its kind. */
interface Message {
  /** `delivered` and `undelivered` are direct messages of this client. */
  readonly type: "message" | "direct" | "delivered" | "undelivered";
  readonly text: string;
  readonly action?: boolean;
}

/** The message, safe to print; all lines but the first are indented. */
export function messageLine(who: string, { type, action, text }: Message): string {
  // A message to the room never begins like this: names contain no spaces, and its further lines are indented.
  const whom = type === "message" ? "" : "(direct) ";
  const said = printable(text, "lines").replaceAll("\n", "\n  ");
  const name = printable(who);
  return whom + (action ? `* ${name} ${said}` : `${name}: ${said}`);
}
