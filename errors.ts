// The program's own error classes, and the system's errors in words. Each class exists because a caller branches on it,
// or because data must travel with it. Everything else throws the language's own errors.

/** Why a request of the user is refused, as a word for programs: docs/json.md explains each. */
export const REFUSALS = [
  "syntax",
  "type",
  "field",
  "empty",
  "long",
  "name",
  "nobody",
  "several",
  "self",
  "keychanged",
  "noproof",
  "message",
  "emoji",
  "classic",
  "transfer",
  "absent",
  "full",
  "nofiles",
  "busy",
  "left",
  "silenced",
  "readonly",
  "moderator",
  "protected",
  "ban",
  "other",
] as const;
export type Refusal = typeof REFUSALS[number];

/** An error that the user can understand: a sentence, and what to do about it. */
export class ChatError extends Error {
  override name = "ChatError";
  /** What to try next: one sentence, shown as `chat: hint: …`. `ui/hints.ts` has those that differ between readers. */
  readonly hint: string | undefined;
  /** Set where a request is refused that a program can make. */
  readonly refusal: Refusal | undefined;
  /** The name that the error is about, safe to print: hints name it. */
  readonly about: string | undefined;

  constructor(
    message: string,
    options: { hint?: string; refusal?: Refusal; about?: string; cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.hint = options.hint;
    this.refusal = options.refusal;
    this.about = options.about;
  }
}

/** The room is not at this address: the caller may try another. */
export class RoomNotFound extends ChatError {
  override name = "RoomNotFound";
}

/** The room is sealed, and there is no code: ask for it. */
export class CodeMissing extends ChatError {
  override name = "CodeMissing";
}

/** The code is wrong, or it belongs to another server: ask for another code. */
export class WrongCode extends ChatError {
  override name = "WrongCode";
}

/** The room at this address does not have the code that this user knows: it has a new code, or is another room. */
export class OtherRecord extends WrongCode {
  override name = "OtherRecord";
}

/** A file of the user's own cannot be read or written, whatever is in it: the caller may go on without it. */
export class FileUnavailable extends ChatError {
  override name = "FileUnavailable";
}

/** The terminal has gone: nobody sees the message. The exit code is as after SIGHUP. */
export class TerminalGone extends ChatError {
  override name = "TerminalGone";
}

/** The command line is wrong: exit code 2 instead of 1. */
export class UsageError extends ChatError {
  override name = "UsageError";
}

/**
 * Received bytes violate the protocol. `code` is one of the codes of ERROR frames (`protocol.ts`), so that the other
 * side does not parse English.
 */
export class ProtocolError<Code extends string = string> extends Error {
  override name = "ProtocolError";

  constructor(readonly code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What the system's errors mean, by the codes that are the same on all systems. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "it is in use",
  EADDRNOTAVAIL: "this machine does not have that address",
  EAGAIN: "it is not ready at the moment",
  EBADF: "it is closed",
  ECONNABORTED: "the connection was broken off",
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the other side broke off the connection",
  EDQUOT: "your disk quota is used up",
  EFBIG: "the file is too large for the file system",
  EHOSTDOWN: "the host is down",
  EHOSTUNREACH: "the host cannot be reached",
  EILSEQ: "the file system does not allow this name",
  EINVAL: "the system does not accept it",
  EIO: "the device reported an error",
  EISDIR: "it is a folder",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
  ENAMETOOLONG: "the name is too long for the file system",
  ENETDOWN: "the network is down",
  ENETUNREACH: "the network cannot be reached",
  ENFILE: "too many files are open",
  ENOENT: "it does not exist",
  ENOSPC: "no space is left on the disk",
  ENOTDIR: "a part of its path is not a folder",
  ENXIO: "there is no such device",
  EPERM: "permission denied",
  EPIPE: "nothing reads it any more",
  EROFS: "the disk is read-only",
  ETIMEDOUT: "no answer came in time",
};

/** The same by the class of Deno's error: on Windows many errors have no such code. */
const REASONS_BY_CLASS: Readonly<Record<string, string>> = {
  AddrInUse: REASONS["EADDRINUSE"]!,
  AddrNotAvailable: REASONS["EADDRNOTAVAIL"]!,
  BrokenPipe: REASONS["EPIPE"]!,
  ConnectionAborted: REASONS["ECONNABORTED"]!,
  ConnectionRefused: REASONS["ECONNREFUSED"]!,
  ConnectionReset: REASONS["ECONNRESET"]!,
  IsADirectory: REASONS["EISDIR"]!,
  NetworkUnreachable: REASONS["ENETUNREACH"]!,
  // Some paths, such as those in /proc, need more than the right to read or write files.
  NotCapable: "Deno does not let programs use it",
  NotADirectory: REASONS["ENOTDIR"]!,
  NotFound: REASONS["ENOENT"]!,
  PermissionDenied: REASONS["EACCES"]!,
  TimedOut: REASONS["ETIMEDOUT"]!,
};

/**
 * The message of an error of unknown type. An error of the system becomes the end of a sentence: "it is a folder", not
 * "Is a directory (os error 21): open '/tmp'".
 */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { name, message } = error;
  const code = "code" in error ? String(error.code) : "";
  if (Object.hasOwn(REASONS, code)) return REASONS[code]!;
  if (Object.hasOwn(REASONS_BY_CLASS, name)) return REASONS_BY_CLASS[name]!;
  const [, what] = /^(.*?)\.? \(os error \d+\)/s.exec(message) ?? [];
  return what === undefined ? message : what.charAt(0).toLowerCase() + what.slice(1);
}
