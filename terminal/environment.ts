// What environment variables tell about the terminal. Pure: the variables are passed in.

/** The environment variables that show which terminal this is. */
export const TERMINAL_VARIABLES = [
  "TERM",
  "TERM_PROGRAM",
  "LC_TERMINAL",
  "COLORTERM",
  "VTE_VERSION",
  "WT_SESSION",
  "STY",
] as const;
export type Environment = { readonly [Name in typeof TERMINAL_VARIABLES[number]]?: string };

/**
 * Whether the terminal leaves the editing of lines to the program. Emacs edits and shows lines itself and sends them
 * complete: an echo would repeat them. Without a name, as on Windows, nothing is known.
 */
export function sendsKeys({ TERM = "" }: Environment): boolean {
  return !/^(?:|dumb|emacs.*)$/.test(TERM);
}

/** Whether the terminal handles queries and links. False for terminals that are known to print them. */
export function isCapable({ TERM = "", WT_SESSION }: Environment): boolean {
  return WT_SESSION !== undefined || !/^(?:|dumb|linux)$/.test(TERM);
}
