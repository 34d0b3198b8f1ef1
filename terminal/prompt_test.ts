import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ChatError, TerminalGone } from "../errors.ts";
import { askHidden, askHiddenLater } from "./prompt.ts";

const CODE = { name: "the code", hint: "Set CHAT_CODE" };

/** Types `input` at the question; returns the answer, and what happened in order. */
function ask(
  input: string | Uint8Array,
  closes = false,
): { answer: () => string; events: string[] } {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const events: string[] = [];
  let at = 0;
  let isClosed = false;
  const keyboard = {
    isTerminal: () => !isClosed,
    setRaw: (raw: boolean) => void events.push(raw ? "raw" : "cooked"),
    readSync(buffer: Uint8Array) {
      if (at === bytes.length && closes) {
        isClosed = true;
        throw new Error("Input/output error (os error 5)");
      }
      if (at === bytes.length) return null;
      buffer[0] = bytes[at++]!;
      return 1;
    },
  };
  const output = {
    writeSync(bytes: Uint8Array) {
      events.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  };
  return { answer: () => askHidden("Code?", keyboard, output, CODE), events };
}

Deno.test("askHidden: returns the line, and echoes nothing: raw mode begins before the question", () => {
  for (const end of ["\r", "\n"]) {
    const { answer, events } = ask(`correct horse ü${end}more`);
    assertEquals(answer(), "correct horse ü");
    assertEquals(events, ["raw", "Code? ", "cooked", "\n"]);
  }
});

Deno.test("askHidden: backspace deletes a character, and Ctrl-U the line", () => {
  assertEquals(ask("nonsense\x15abäö\x7f\b\r").answer(), "ab");
  assertEquals(ask("😀\x7f\x7f\r").answer(), "");
});

Deno.test("askHidden: Ctrl-C, Ctrl-D and the end of the input cancel, and restore the terminal", () => {
  for (const input of ["half\x03", "half\x04", "half", ""]) {
    const { answer, events } = ask(input);
    assertThrows(answer, ChatError, "Cannot continue without the code");
    assertEquals(events.slice(-2), ["cooked", "\n"]);
  }
});

Deno.test("askHidden: other keys type nothing, in any form, and Ctrl-Z does not suspend", () => {
  const cases: [input: string, answer: string][] = [
    ["a\x1a\x1b[Db\x1bOC\x01\x1b[3~\tc\r", "abc"],
    ["a\x1b[98u\x1b[27;2;67~\x1b[120;5ud\x1b[13u", "abCd"],
    ["a\x1b[200~b\rc\x1b[201~d\r", "ab\ncd"],
    // A paste without an end.
    ["a\x1b[200~b\x03c\r", "abc"],
  ];
  for (const [input, answer] of cases) assertEquals(ask(input).answer(), answer);
  for (const cancel of ["\x1b[99;5u", "\x1b[200~\x03\x03"]) {
    assertThrows(ask(`half${cancel}`).answer, ChatError, "Cannot continue without the code");
  }
});

Deno.test("askHidden: if the window is closed, throws TerminalGone, and touches the terminal no more", () => {
  for (const input of ["", "half"]) {
    const { answer, events } = ask(input, true);
    assertThrows(answer, TerminalGone);
    assertEquals(events, ["raw", "Code? "]);
  }
});

Deno.test("askHidden: refuses an input that is not a terminal, with a hint", () => {
  const keyboard = { isTerminal: () => false, setRaw() {}, readSync: () => null };
  const output = { writeSync: () => 0 };
  const error = assertThrows(() => askHidden("Code?", keyboard, output, CODE), ChatError);
  assertEquals(error.message, "Cannot ask for the code: the input is not a terminal");
  assertEquals(error.hint, CODE.hint);
});

/** Types these pieces at a question that follows a screen. */
function askLater(...pieces: (string | null)[]): { answer: Promise<string>; events: string[] } {
  const events: string[] = [];
  const tty = {
    setRaw: (raw: boolean) => void events.push(raw ? "raw" : "cooked"),
    write: (text: string) => void events.push(text),
    read() {
      const piece = pieces.shift() ?? null;
      return Promise.resolve(piece === null ? null : new TextEncoder().encode(piece));
    },
  };
  return { answer: askHiddenLater("Code?", tty, CODE), events };
}

Deno.test("askHiddenLater: returns the line, in pieces of any size, and echoes nothing", async () => {
  for (
    const pieces of [["abx\x7f ü\rmore"], ["a", "bx", "\x7f", " ü", "\r"], ["x\x15ab ü", "\n"]]
  ) {
    const { answer, events } = askLater(...pieces);
    assertEquals(await answer, "ab ü");
    assertEquals(events, ["raw", "Code? ", "cooked", "\n"]);
  }
});

Deno.test("askHiddenLater: Ctrl-C cancels, and a closed window is TerminalGone; both restore the terminal", async () => {
  for (const [end, Class] of [["half\x03", ChatError], [null, TerminalGone]] as const) {
    const { answer, events } = askLater("x", end);
    await assertRejects(() => answer, Class, "the code");
    assertEquals(events.slice(-2), ["cooked", "\n"]);
  }
});
