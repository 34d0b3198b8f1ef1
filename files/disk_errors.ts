// TODO: say what this is.

import { ChatError, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";

/** Why something can't be done, as the end of a sentence: what `failure` makes a ChatError of. */
export class Refusal extends Error {}

/** What is not found is said in other words than the general ones. */
export function gone(cause: unknown, words: string): unknown {
  return cause instanceof Deno.errors.NotFound ? new Refusal(words) : cause;
}

/** What the system says about a disk, in words for people; by the codes that all systems' errors are given. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "there is no space left on the disk",
  EDQUOT: "your share of the disk is used up",
  EFBIG: "the file system takes no file of this size",
  EROFS: "the disk can't be written",
  EIO: "the disk has failed",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long for the file system",
  EILSEQ: "the file system does not take this name",
};

export function failure(
  action: string,
  what: string,
  cause: unknown,
  access: "read" | "write",
): ChatError {
  if (cause instanceof ChatError) return cause;
  const shown = printable(what);
  return new ChatError(`Cannot ${action} ${shown}: ${reason(cause, action, access)}`, { cause });
}

function reason(cause: unknown, action: string, access: "read" | "write"): string {
  if (cause instanceof Refusal) return cause.message;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : "";
  const known = typeof code === "string" ? REASONS[code] : undefined;
  if (known !== undefined) return known;
  if (cause instanceof Deno.errors.NotFound) {
    return action === "send" ? "there is no such file" : "the folder is gone";
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return access === "read" ? "you may not read it" : "you may not write in the folder";
  }
  if (cause instanceof Deno.errors.NotADirectory) return "a part of its path is no folder";
  if (cause instanceof Deno.errors.NotCapable) {
    return `the program may not ${access} there`;
  }
  return messageOf(cause);
}
