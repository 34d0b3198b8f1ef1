// The program's own error classes. Each exists because a caller branches on it, or because data must travel with
// it. Everything else throws the language's own errors.

/** An error that the user can understand: a sentence, and what to do about it. */
export class ChatError extends Error {
  override name = "ChatError";
  /** What to try next: one sentence, shown as `chat: hint: …`. */
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.hint = options.hint;
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

/** The message of an error of unknown type. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
