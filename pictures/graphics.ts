// Pictures that a terminal draws itself: which way it has, by its environment and by what it answers, and how
// a picture is sent. Pure; knows no terminal: sequences are made here, and written elsewhere.

import { type Environment, isCapable } from "../terminal/environment.ts";
import type { Key } from "../terminal/keyboard.ts";
import type { Size } from "./pixels.ts";
import type { Colors } from "./half_blocks.ts";

/** Ways in which terminals draw pictures; those with none of them get rows of text. */
export type Graphics = "kitty" | "iterm2" | "sixel" | "none";

/** The number by which the answer to our question is known (kitty's protocol, "Querying support"). */
export const GRAPHICS_ID = 2428;
/** The attribute by which a terminal tells that it has sixel (DA1; VT340, "Device Attributes"). */
const SIXEL = 4;

/** What a terminal has answered about itself. Empty until it has. */
export interface TerminalAnswers {
  /** It has understood a question of kitty's protocol. */
  readonly kitty?: boolean;
  /** DA1: the first is its level, the others what it can. */
  readonly attributes?: readonly number[];
  /** A character's size in pixels (xterm, CSI 16 t). */
  readonly cell?: Size;
}

/** Where a picture will be seen. */
export interface Stage {
  /** The terminal's size. */
  readonly columns: number;
  readonly rows: number;
  readonly environment: Environment;
  readonly answers: TerminalAnswers;
  /** False in the theme `mono`, and where NO_COLOR is set. */
  readonly hasColors: boolean;
}

/** A picture as it is printed. */
export interface Preview {
  /**
   * To be printed like rows of the transcript, with a line break behind each. Each is whole in itself: one that
   * has line breaks within, and moves the cursor, must be written in one piece.
   */
  readonly rows: readonly string[];
  /** Rows of the terminal that these take; they fit on the screen beside the live area. */
  readonly height: number;
}

/** What makes previews of files. */
export interface Viewer {
  /** @throws {ChatError} if the file can't be shown */
  view(path: string, name: string, stage: Stage): Promise<Preview>;
}

/**
 * Asks for all of `TerminalAnswers`, to be sent once; "" where an answer would change nothing, or the question might be
 * seen. Every terminal answers the last question, the attributes: what has not been answered by then, never is.
 */
export function graphicsQuery(environment: Environment): string {
  if (!isCapable(environment) || isMultiplexer(environment)) return "";
  // macOS's own terminal prints what it does not understand of this kind; it draws no pictures.
  if (environment.TERM_PROGRAM === "Apple_Terminal") return "";
  return `\x1b_Gi=${GRAPHICS_ID},s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[16t\x1b[c`;
}

/** `told` with what one more answer adds; with the attributes, all has been answered. Other keys add nothing. */
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
 * The best way that this terminal has. Sixel's pictures have a size in pixels and no other: without that of a
 * character nobody knows how many rows they take, and there is none.
 */
export function graphicsOf(environment: Environment, answers: TerminalAnswers): Graphics {
  const { TERM = "", TERM_PROGRAM = "", LC_TERMINAL } = environment;
  // What they run in is unknown, and may be several: rows of text are right in all of them.
  if (isMultiplexer(environment)) return "none";
  if (TERM === "xterm-kitty" || TERM === "xterm-ghostty" || TERM_PROGRAM === "ghostty") {
    return "kitty";
  }
  // WezTerm has them all, and of these the whole of this one.
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

/** How many colours the terminal has, where it tells; all have 256. */
export function colorsOf(environment: Environment): Colors {
  const { COLORTERM = "", TERM = "", TERM_PROGRAM = "", VTE_VERSION, WT_SESSION } = environment;
  const isTrue = /^(?:truecolor|24bit)$/.test(COLORTERM) || WT_SESSION !== undefined ||
    Number(VTE_VERSION) >= 3600 || /-direct$/.test(TERM) ||
    /^(?:xterm-kitty|xterm-ghostty|foot|alacritty|wezterm)/.test(TERM) ||
    /^(?:iTerm\.app|WezTerm|ghostty|vscode)$/.test(TERM_PROGRAM);
  return isTrue ? "true" : "256";
}

// ---- sequences -------------------------------------------------------------------------------------

/** Characters of one piece (kitty's protocol, "Remote client"). */
const KITTY_PIECE = 4096;
/** Bytes whose base64 is so long. */
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
 * A PNG of ours, drawn so many rows high at the cursor, which stays; nothing is answered. How wide it is follows
 * from that, whatever size the characters have.
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

/** The same as iTerm2 has it ("Inline Images Protocol"); where the cursor is then, differs. */
export function iterm2Picture(png: Uint8Array, columns: number, rows: number): string {
  const how = `inline=1;size=${png.length};width=${columns};height=${rows};preserveAspectRatio=1`;
  return `\x1b]1337;File=${how}:${base64(png)}\x07`;
}

const SAVE_CURSOR = "\x1b7";
const RESTORE_CURSOR = "\x1b8";

/**
 * What prints a picture and a line beneath it, as one piece without the last line break: it takes `rows` rows and
 * one. Room is made first, so that drawing never scrolls, whatever a terminal does with the cursor; they must
 * fit on the screen. `caption` holds no controls but colours.
 */
export function placed(picture: string, rows: number, caption: string): string {
  const up = `\x1b[${rows}A`;
  return `${"\r\n".repeat(rows)}${SAVE_CURSOR}\r${up}${picture}${RESTORE_CURSOR}\r${caption}`;
}
