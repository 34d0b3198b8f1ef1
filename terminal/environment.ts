// What the environment says of the terminal. Pure: its variables are passed in.

/** Variables of the environment that say which terminal this is. */
export const TERMINAL_VARIABLES = [
  "TERM",
  "TERM_PROGRAM",
  "LC_TERMINAL",
  "COLORTERM",
  "VTE_VERSION",
  "WT_SESSION",
] as const;
export type Environment = { readonly [Name in typeof TERMINAL_VARIABLES[number]]?: string };

/** Whether the terminal may be asked things, and shows links: any but those that are known to print them. */
export function isCapable({ TERM = "", WT_SESSION }: Environment): boolean {
  return WT_SESSION !== undefined || !/^(?:|dumb|linux)$/.test(TERM);
}
