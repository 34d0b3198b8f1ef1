// Errors of the disk as sentences for the user: "Cannot ACTION FILE: reason".

import { ChatError, messageOf } from "../errors.ts";
import type { Reason } from "../protocol/file_messages.ts";
import { printable } from "../text/printable.ts";

/** Why a transfer fails: all reasons but a refusal. */
export type FileReason = Exclude<Reason, "declined">;

/** A reason of our own; `failure` makes it the end of the sentence. */
export class DiskError extends Error {
  /** The same as one word; undefined: the one of the access that failed. */
  readonly code: FileReason | undefined;

  constructor(message: string, code?: FileReason) {
    super(message);
    this.code = code;
  }
}

/** `cause`, or `reason` instead if the cause is that a file was not found. */
export function orMissing(cause: unknown, reason: string, code?: FileReason): unknown {
  return cause instanceof Deno.errors.NotFound ? new DiskError(reason, code) : cause;
}

/** An error of the disk as a sentence. */
export class FileError extends ChatError {
  /** The end of the sentence, for lists of several files. */
  readonly reason: string;
  /** The same as one word, for the other member. */
  readonly code: FileReason;

  constructor(
    what: string,
    reason: string,
    code: FileReason,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(`Cannot ${what}: ${reason}`, options);
    this.reason = reason;
    this.code = code;
  }
}

/** What was received is not what the sender sent. */
export function damaged(what: string): FileError {
  return new FileError(
    `receive ${printable(what)}`,
    "its SHA-256 is not the one that its sender sent",
    "damaged",
    { hint: "Nothing was kept. Ask the sender to offer it again" },
  );
}

export function failure(
  action: "send" | "receive",
  what: string,
  cause: unknown,
  access: "read" | "write",
): ChatError {
  if (cause instanceof ChatError) return cause;
  const reason = reasonOf(cause, action, access);
  return new FileError(`${action} ${printable(what)}`, reason, codeOf(cause, access), { cause });
}

function codeOf(cause: unknown, access: "read" | "write"): FileReason {
  if (cause instanceof DiskError && cause.code) return cause.code;
  if (access === "read") return "unreadable";
  const isFull = cause instanceof Error && "code" in cause &&
    (cause.code === "ENOSPC" || cause.code === "EDQUOT");
  return isFull ? "full" : "disk";
}

/** Why the disk refused something: the end of a sentence. */
export function reasonOf(
  cause: unknown,
  action: "send" | "receive",
  access: "read" | "write",
): string {
  if (cause instanceof DiskError) return cause.message;
  if (cause instanceof Deno.errors.NotFound) {
    return action === "send" ? "the file does not exist" : "the folder does not exist any more";
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return access === "read" ? "you may not read it" : "you may not write in the folder";
  }
  return messageOf(cause);
}
