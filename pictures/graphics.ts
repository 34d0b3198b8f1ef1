// Pictures that a terminal draws itself: which protocol it has, from its environment and its answers, and the escape
// sequences of each protocol. Pure: makes sequences, and others write them. Knows no file and no decoder.

import { type Environment, isCapable } from "../terminal/environment.ts";
import type { Key } from "../terminal/keyboard.ts";
import type { Size } from "./pixels.ts";
import type { Colors } from "./half_blocks.ts";

/** Protocols in which terminals draw pictures. A terminal with none of them gets rows of text. */
export type Graphics = "kitty" | "iterm2" | "sixel" | "none";

/** The number of our question, which the answer repeats (kitty's protocol, "Querying support"). */
export const GRAPHICS_ID = 2428;
/** The attribute of terminals with sixel (DA1; VT340, "Device Attributes"). */
const SIXEL = 4;

/** A terminal's answers about itself. Empty before the first one. */
export interface TerminalAnswers {
  /** Whether it has understood a question of kitty's protocol. */
  readonly kitty?: boolean;
  /** DA1: the first is the level, the others are features. */
  readonly attributes?: readonly number[];
  /** A character's size in pixels (xterm, CSI 16 t). */
  readonly cell?: Size;
}

/** Where a picture is shown. */
export interface Stage {
  /** The terminal's size. */
  readonly columns: number;
  readonly rows: number;
  readonly environment: Environment;
  readonly answers: TerminalAnswers;
  /** False in the theme `mono`, and if NO_COLOR is set. */
  readonly hasColors: boolean;
}

/** A picture that is ready to print. */
export interface Preview {
  /**
   * Printed like rows of the transcript, with a line break after each. A row may contain line breaks and move the
   * cursor: it MUST be written in one piece.
   */
  readonly rows: readonly string[];
  /** Rows of the terminal that they take. They fit on the screen with the live area. */
  readonly height: number;
}

/** Makes previews of files. */
export interface Viewer {
  /** @throws {ChatError} if the file cannot be shown */
  view(path: string, name: string, stage: Stage): Promise<Preview>;
}

/**
 * The sequence that asks for all `TerminalAnswers`. Send it once. Empty if an answer would change nothing, or if the
 * terminal might print the question. Every terminal answers the last question, the attributes: after that answer, no
 * other one arrives.
 */
export function graphicsQuery(environment: Environment): string {
  if (!isCapable(environment) || isMultiplexer(environment)) return "";
  // Terminal.app of macOS prints such sequences, and draws no pictures.
  if (environment.TERM_PROGRAM === "Apple_Terminal") return "";
  return `\x1b_Gi=${GRAPHICS_ID},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c`;
}

/** `answers` and the answer in `key`. The attributes are the last answer. Other keys add nothing. */
export function withAnswer(answers: TerminalAnswers, key: Key): TerminalAnswers {
  switch (key.type) {
    case "graphics":
      return key.id === GRAPHICS_ID ? { ...answers, kitty: key.ok } : answers;
    case "cell":
      return { ...answers, cell: { width: key.width, height: key.height } };
    case "attributes":
      return { ...answers, attributes: key.attributes };
    default:
      return answers;
  }
}

/**
 * The best protocol of this terminal. A sixel picture has only a size in pixels: if the size of a character is
 * unknown, so are the rows that the picture takes, and sixel cannot be used.
 */
export function graphicsOf(environment: Environment, answers: TerminalAnswers): Graphics {
  const { TERM = "", TERM_PROGRAM = "", LC_TERMINAL } = environment;
  // A multiplexer may run in several terminals, unknown ones: rows of text work in all of them.
  if (isMultiplexer(environment)) return "none";
  if (TERM === "xterm-kitty" || TERM === "xterm-ghostty" || TERM_PROGRAM === "ghostty") {
    return "kitty";
  }
  // WezTerm has all three protocols, but only this one completely.
  if (/^(?:iTerm\.app|WezTerm)$/.test(TERM_PROGRAM) || LC_TERMINAL === "iTerm2") return "iterm2";
  if (answers.kitty) return "kitty";
  const hasSixel = answers.attributes?.slice(1).includes(SIXEL) === true &&
    answers.cell !== undefined;
  return hasSixel ? "sixel" : "none";
}

/** tmux and screen. */
function isMultiplexer({ TERM = "", TERM_PROGRAM = "" }: Environment): boolean {
  return /^(?:tmux|screen)/.test(TERM) || TERM_PROGRAM === "tmux";
}

/** How many colours the terminal has: 256, or more if the environment shows it. */
export function colorsOf(environment: Environment): Colors {
  const { COLORTERM = "", TERM = "", TERM_PROGRAM = "", VTE_VERSION, WT_SESSION } = environment;
  const isTrue = /^(?:truecolor|24bit)$/.test(COLORTERM) || WT_SESSION !== undefined ||
    Number(VTE_VERSION) >= 3600 || /-direct$/.test(TERM) ||
    /^(?:xterm-kitty|xterm-ghostty|foot|alacritty|wezterm)/.test(TERM) ||
    /^(?:iTerm\.app|WezTerm|ghostty|vscode)$/.test(TERM_PROGRAM);
  return isTrue ? "true" : "256";
}

// ---- sequences -------------------------------------------------------------------------------------

/** Most characters in one piece (kitty's protocol, "Remote client"). */
const KITTY_PIECE = 4096;
/** Bytes that become one piece in base64. */
const PIECE_BYTES = KITTY_PIECE / 4 * 3;
/** Bytes turned to base64 at once: as many as can be arguments, and no rest that needs filling. */
const BASE64_BYTES = 3 * 4096;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += BASE64_BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + BASE64_BYTES)));
  }
  return text;
}

/**
 * Draws a PNG at the cursor, `rows` rows high. The cursor stays, and the terminal does not answer. The width follows
 * from the height, at any size of characters.
 */
export function kittyPicture(png: Uint8Array, rows: number): string {
  let text = "";
  for (let at = 0; at === 0 || at < png.length; at += PIECE_BYTES) {
    const first = at === 0 ? `a=T,f=100,q=2,C=1,r=${rows},` : "";
    const more = at + PIECE_BYTES < png.length ? 1 : 0;
    text += `\x1b_G${first}m=${more};${base64(png.subarray(at, at + PIECE_BYTES))}\x1b\\`;
  }
  return text;
}

/** The same for iTerm2 ("Inline Images Protocol"). Terminals leave the cursor in different positions. */
export function iterm2Picture(png: Uint8Array, columns: number, rows: number): string {
  const how = `inline=1;size=${png.length};width=${columns};height=${rows};preserveAspectRatio=1`;
  return `\x1b]1337;File=${how}:${base64(png)}\x07`;
}

const SAVE_CURSOR = "\x1b7";
const RESTORE_CURSOR = "\x1b8";

/**
 * Prints a picture and a caption below it, without the last line break: `rows` rows and one, which must fit on the
 * screen. It makes room first, so that drawing never scrolls, wherever the terminal leaves the cursor. `caption` has
 * no control characters except colours.
 */
export function placed(picture: string, rows: number, caption: string): string {
  const up = `\x1b[${rows}A`;
  return `${"\r\n".repeat(rows)}${SAVE_CURSOR}\r${up}${picture}${RESTORE_CURSOR}\r${caption}`;
}
