// The keys of the line editor, for people: `/help keys`, `chat join --help`, the man page and docs/commands.md show
// these tables. Pure data; what the keys do is in `terminal/editor.ts`, `ui/screen.ts` and `ui/typed_lines.ts`.

export interface KeyHelp {
  /** At most 22 columns, so that a row fits on 80. */
  readonly keys: string;
  /** At most 55 columns. */
  readonly help: string;
}

/** The keys of the full screen. */
export const KEYS: readonly KeyHelp[] = [
  { keys: "Enter", help: "sends the line; after a backslash it starts a new line" },
  { keys: "Alt-Enter, Shift-Enter", help: "starts a new line" },
  { keys: "Tab", help: "completes; the possibilities appear above the line" },
  { keys: "Ctrl-B, Ctrl-F", help: "moves by a character, as Left and Right do" },
  { keys: "Alt-B, Alt-F", help: "moves by a word, as Left and Right with Ctrl do" },
  { keys: "Ctrl-A, Ctrl-E", help: "moves to the start or end of the line (Home, End)" },
  { keys: "Ctrl-K, Ctrl-U", help: "cuts to the end or the start of the line" },
  { keys: "Ctrl-W, Alt-D", help: "cuts the word before or after the cursor" },
  { keys: "Ctrl-Y, then Alt-Y", help: "pastes the last cut, then the ones before it" },
  { keys: "Ctrl-H, Ctrl-D", help: "deletes the character before or after the cursor" },
  { keys: "Ctrl-T", help: "swaps two characters" },
  { keys: "Ctrl-_", help: "undoes" },
  { keys: "Ctrl-P, Ctrl-N", help: "older and newer lines (Up, Down); moves in a long text" },
  { keys: "Page Up, Page Down", help: "older and newer lines with the same beginning" },
  { keys: "Ctrl-R, Ctrl-S", help: "searches the history backward, forward; Esc ends it" },
  { keys: "Ctrl-L", help: "clears the screen" },
  { keys: "Ctrl-C", help: "discards the line, leaves if it is empty" },
  { keys: "Ctrl-D", help: "leaves if the line is empty" },
  { keys: "Ctrl-Z", help: "suspends the program, and fg continues it" },
];

/** The keys of `--plain` on a terminal, where only the end of the line is edited. */
export const PLAIN_KEYS: readonly KeyHelp[] = [
  { keys: "Enter", help: "sends the line" },
  { keys: "Backspace, Ctrl-H", help: "deletes the last character" },
  { keys: "Ctrl-W, Ctrl-U", help: "deletes the last word, or the line" },
  { keys: "Ctrl-R", help: "shows the line again" },
  { keys: "Ctrl-C", help: "leaves" },
  { keys: "Ctrl-D", help: "leaves if the line is empty" },
  { keys: "Ctrl-Z", help: "suspends the program, and fg continues it" },
];
