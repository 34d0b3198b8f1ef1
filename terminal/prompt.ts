// A question at the terminal whose answer stays hidden: a code. Knows nothing of what it asks for.
// `promptSecret` of `@std/cli` is not used: Ctrl-C there ends the program and leaves a terminal without echo,
// and its backspace takes a byte, not a character.

import { ChatError } from "../errors.ts";

/**
 * Asks on stderr, and reads the answer from the terminal; what is typed is not shown.
 *
 * @throws {ChatError} if stdin is no terminal, or the user breaks off
 */
export function askHidden(question: string): string {
  if (!Deno.stdin.isTerminal()) {
    throw new ChatError("Cannot ask for the code: stdin is no terminal", {
      hint: "Give it in the environment as CHAT_CODE, or in a file with --code-file FILE",
    });
  }
  // Before the question: a fast typist, or a paste, must not be echoed. Ctrl-C is a key in raw mode; as a signal it
  // would end the program and leave a terminal that shows nothing.
  Deno.stdin.setRaw(true);
  let answer: string | undefined;
  try {
    show(`${question} `);
    answer = readHidden();
  } finally {
    Deno.stdin.setRaw(false);
    show("\n");
  }
  if (answer !== undefined) return answer;
  throw new ChatError("Cannot go on without the code: it was not typed");
}

/** A line from the terminal in raw mode; undefined if it is broken off. What follows it is not read. */
function readHidden(): string | undefined {
  const byte = new Uint8Array(1);
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    if (!Deno.stdin.readSync(byte)) return undefined;
    const typed = decoder.decode(byte, { stream: true });
    switch (typed) {
      case "\r":
      case "\n":
        return text;
      case "\x03": // Ctrl-C
      case "\x04": // Ctrl-D
        return undefined;
      case "\b":
      case "\x7f":
        text = Array.from(text).slice(0, -1).join("");
        break;
      case "\x15": // Ctrl-U
        text = "";
        break;
      default:
        text += typed;
    }
  }
}

function show(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
