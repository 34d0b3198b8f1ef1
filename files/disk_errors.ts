// Errors of the disk as sentences for the user: "Cannot ACTION FILE: reason".

import { ChatError, messageOf } from "../errors.ts";
import { printable } from "../text/printable.ts";

/** A reason of our own; `failure` makes it the end of the sentence. */
export class DiskError extends Error {}

/** `cause`, or `reason` instead if the cause is that a file was not found. */
export function orMissing(cause: unknown, reason: string): unknown {
  return cause instanceof Deno.errors.NotFound ? new DiskError(reason) : cause;
}

/** An error of the disk as a sentence. */
export class FileError extends ChatError {
  /** The end of the sentence, for lists of several files. */
  readonly reason: string;

  constructor(what: string, reason: string, cause?: unknown) {
    super(`Cannot ${what}: ${reason}`, { cause });
    this.reason = reason;
  }
}

export function failure(
  action: "send" | "receive",
  what: string,
  cause: unknown,
  access: "read" | "write",
): ChatError {
  if (cause instanceof ChatError) return cause;
  return new FileError(`${action} ${printable(what)}`, reasonOf(cause, action, access), cause);
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
