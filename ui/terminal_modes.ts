// How the screen takes a terminal and gives it back. Control sequences of ECMA-48; the private modes are DEC's and
// xterm's.

import { WRAP_ON } from "./anchor.ts";

const SHOW_CURSOR = "\x1b[?25h";
const PASTE_ON = "\x1b[?2004h";
const PASTE_OFF = "\x1b[?2004l";
const FOCUS_ON = "\x1b[?1004h";
const FOCUS_OFF = "\x1b[?1004l";
const PLAIN = "\x1b[0m";

/** The terminal reports pastes, and whether its window is in front. */
export const TAKE = PASTE_ON + FOCUS_ON;
/** The terminal is as it was. */
export const RESTORE = FOCUS_OFF + PASTE_OFF + WRAP_ON + PLAIN + SHOW_CURSOR;
export const HOME = "\x1b[H";
