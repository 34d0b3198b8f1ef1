// The names of keys, from the control characters and escape sequences that terminals send for them. Pure. Knows
// neither pastes nor answers, and no reads: a sequence is complete here.

/** What a key does: it types text, or it is pressed. */
export type Pressed =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "press"; readonly key: string };

/** Final bytes of CSI and SS3 (xterm, "PC-Style Function Keys"). */
const FINALS: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  M: "enter",
  Z: "shift-tab",
};

/** First parameters of `CSI n ~` (VT220, and rxvt's 7 and 8). */
const NUMBERS: Readonly<Record<string, string>> = {
  1: "home",
  3: "delete",
  4: "end",
  5: "pageup",
  6: "pagedown",
  7: "home",
  8: "end",
};

// The parameter of modifiers is one more than their sum (xterm). Caps Lock (64) and Num Lock (128) change nothing:
// if they change a character, the terminal reports the character.
const SHIFT = 1;
const ALT = 2;
const CTRL = 4;
/** Super, Hyper and Meta: no key with them has a meaning here. */
const OTHERS = 8 + 16 + 32;

/** The keypad in kitty's protocol, from 57399 on. */
const KEYPAD_BEGINS = 57399;
const KEYPAD_TEXT = "0123456789./*-+\r=,";
const KEYPAD_KEYS = ["left", "right", "up", "down", "pageup", "pagedown", "home", "end"];
const KEYPAD_DELETE = 57426;
/** The control characters that have keys. */
const KEYS_OF_CONTROLS = ["\b", "\t", "\r", "\x1b", "\x7f"];
/** Not for private use: there kitty's protocol has keys without a character. */
const PRINTED = /[^\p{Cc}\p{Co}\p{Cs}]/u;
const LAST_CODE = 0x10ffff;

/** The name of the key that sends this control character. */
export function controlKey(character: string): string {
  // A terminal sends CR for Enter. LF is Ctrl-J, which readline treats like Enter. Scripts send it, too.
  if (character === "\r" || character === "\n") return "enter";
  if (character === "\t") return "tab";
  if (character === "\x1b") return "escape";
  if (character === "\x7f") return "backspace";
  const letter = String.fromCharCode(character.charCodeAt(0) + 0x40).toLowerCase();
  return `ctrl-${letter}`;
}

/** The key that sends this sequence, which begins with ESC; undefined if it is unknown. */
export function keyOf(sequence: string): Pressed | undefined {
  const body = sequence.slice(1);
  if (body.length === 1 || body.codePointAt(0)! > 0xffff) return withAlt(body);
  // Numbers of at most 7 digits. A number may have others after a colon: of the key the shifted one, of the
  // modifiers the kind of event.
  const parts =
    // deno-lint-ignore no-control-regex
    /^(?:\[|O)(?:(\d{1,7})(?::(\d{0,7})[\d:]{0,16})?)?(?:;(\d{0,3})(?::(\d))?)?(?:;([\d:]{0,32}))?([^\x00-\x3f])$/
      .exec(body);
  if (!parts) return undefined;
  const [, number = "", shifted = "", modifiers = "", event = "", rest = "", final = ""] = parts;
  // Kitty's protocol: a key was released.
  if (event === "3") return undefined;
  const held = Math.max(0, Number(modifiers || "1") - 1);
  if (final === "u") return characterKey(Number(number), held, shifted, rest);
  // Xterm's modifyOtherKeys.
  if (final === "~" && number === "27" && rest !== "") return characterKey(Number(rest), held);
  const key = final === "~" ? NUMBERS[number] : FINALS[final];
  if (key === undefined) return undefined;
  return press((held & CTRL ? "ctrl-" : "") + (held & ALT ? "alt-" : "") + key);
}

/**
 * A key with a character (kitty, "Comprehensive keyboard handling in terminals").
 *
 * @param code of the key's character without Shift
 * @param shifted code of its character with Shift; empty if it is not reported
 * @param text codes of what it types; empty if it is not reported
 */
function characterKey(code: number, held: number, shifted = "", text = ""): Pressed | undefined {
  if (held & OTHERS) return undefined;
  if (code === KEYPAD_DELETE) return press("delete");
  const pad = code - KEYPAD_BEGINS;
  const padKey = KEYPAD_KEYS[pad - KEYPAD_TEXT.length];
  if (padKey !== undefined) return press(padKey);
  const base = KEYPAD_TEXT[pad] ?? character(code);
  if (base === undefined) return undefined;
  if (base === "\r" && held & SHIFT) return press("shift-enter");
  if (base === "\t" && held & SHIFT) return press("shift-tab");
  const shiftedCharacter = character(Number(shifted || "NaN"));
  const typed = held & SHIFT ? shiftedCharacter ?? upper(base) : base;
  const sent = held & CTRL ? controlOf(base) : typed;
  if (sent === undefined) return undefined;
  if (held & ALT) return withAlt(sent);
  if (isControl(sent)) return press(controlKey(sent));
  const reported = text.split(":").map((one) => character(Number(one || "NaN")) ?? "").join("");
  return { type: "text", text: PRINTED.test(reported) && !isControl(reported) ? reported : typed };
}

function withAlt(typed: string): Pressed {
  return press(`alt-${isControl(typed) ? controlKey(typed) : typed}`);
}

/** The control character that Ctrl and the key of `base` send in a terminal without the protocol. */
function controlOf(base: string): string | undefined {
  if (base === "\x7f") return "\b";
  if (isControl(base)) return base;
  if (base === " ") return "\0";
  if (base === "/" || base === "-") return "\x1f";
  const [, upperCase] = /^([@-_])$/.exec(base.toUpperCase()) ?? [];
  return upperCase === undefined ? undefined : String.fromCharCode(upperCase.charCodeAt(0) & 0x1f);
}

/** A letter's capital; `ß` has none of one letter. */
function upper(base: string): string {
  const capital = base.toUpperCase();
  return [...capital].length === 1 ? capital : base;
}

/** The character of this code; undefined if there is none, or it is for keys that type nothing. */
function character(code: number): string | undefined {
  if (!(code >= 0 && code <= LAST_CODE)) return undefined;
  const one = String.fromCodePoint(code);
  return isControl(one) ? KEYS_OF_CONTROLS.find((key) => key === one) : PRINTED.exec(one)?.[0];
}

function isControl(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /[\x00-\x1f\x7f]/.test(text);
}

function press(key: string): Pressed {
  return { type: "press", key };
}
