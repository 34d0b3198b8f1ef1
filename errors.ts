// The few error classes of our own: one exists only where a caller branches on it or data must travel
// with it. Everything else throws the language's own errors.

/** Something went wrong that the user can understand: a sentence, and what to do about it. */
export class ChatError extends Error {
  override name = "ChatError";
  /** What to try next: one sentence, shown as `chat: hint: …`. */
  readonly hint: string | undefined;

  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.hint = options.hint;
  }
}

/** The room that was looked for is not at this address: another may be tried. */
export class NobodyThere extends ChatError {
  override name = "NobodyThere";
}

/** The room is sealed, and no code was given: ask for it. */
export class CodeNeeded extends ChatError {
  override name = "CodeNeeded";
}

/** The code is wrong, or the server is not the one that it belongs to: ask for another. */
export class WrongCode extends ChatError {
  override name = "WrongCode";
}

/** The command line is wrong: exit code 2 instead of 1. */
export class UsageError extends ChatError {
  override name = "UsageError";
}

/**
 * What came off the wire breaks the protocol. `code` is one of the codes of ERROR frames
 * (`protocol.ts`), so that the other side learns it without parsing English.
 */
export class ProtocolError<Code extends string = string> extends Error {
  override name = "ProtocolError";

  constructor(readonly code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What an error of unknown type says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
