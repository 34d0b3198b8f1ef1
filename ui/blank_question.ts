// A line that would be a command without the blanks before it, such as " /msg carol secret", is posted to the room only
// after a question. Knows no terminal: the screen reports keys, and when it has drawn.

import { isCommand } from "./commands.ts";

/** Blanks, and characters that look like nothing. */
const BLANKS_AND_COMMAND = /^[\s\u2800\p{Cf}]+\/(\S+)/u;

/** Whether `text`, which goes to the room, would be a command without the blanks before it, also in other programs. */
export function hidesCommand(text: string): boolean {
  const [, name] = BLANKS_AND_COMMAND.exec(text) ?? [];
  return name !== undefined && isCommand(name.toLowerCase());
}

/** Asks once for each such line. */
export class BlankQuestion {
  /** The line that was asked about. */
  #asked: string | undefined;
  #isSeen = false;

  /** A key other than Enter: the next Enter is no answer. */
  forget(): void {
    this.#asked = undefined;
  }

  /** The screen shows the question: from now on Enter answers it, and not one that was pasted with the line. */
  seen(): void {
    this.#isSeen = this.#asked !== undefined;
  }

  /** Whether to ask before this line is posted. */
  asks(text: string): boolean {
    const isAnswered = text === this.#asked && this.#isSeen;
    this.#isSeen = false;
    this.#asked = isAnswered || !hidesCommand(text) ? undefined : text;
    return this.#asked !== undefined;
  }
}

/** The question, in the longest form that fits. */
export function blankNote(columns: number): string {
  const forms = [
    "starts with blanks: Enter again posts it to the room",
    "Enter again posts it to the room",
  ];
  return forms.find((form) => form.length < columns) ?? "Enter: post it";
}
