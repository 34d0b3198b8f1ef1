// TODO: say what this is.

// A terminal's screen as SVG, in a window. Pure: cells in, text out; knows no terminal and no file. It looks the
// same with whatever fonts there are: each run of cells has its place and its length, and bars are drawn.

/** One of xterm's 256 colours, or `#rrggbb`; undefined: the terminal's own. */
export type Ink = number | string | undefined;

export interface Cell {
  /** One character as it is seen; empty or a space: nothing. */
  readonly text: string;
  /** A wide one stands for two, of which the second is left out. */
  readonly columns: 1 | 2;
  readonly ink?: Ink;
  readonly ground?: Ink;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  /** Ink and ground are exchanged. */
  readonly inverse?: boolean;
}

export interface Screen {
  readonly columns: number;
  readonly rows: readonly (readonly Cell[])[];
  readonly cursor?: { readonly column: number; readonly row: number };
}
