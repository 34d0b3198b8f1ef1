// Test helper: the content of a terminal's screen, as cells. Tests and the session's picture use these types.

/** A colour: one of xterm's 256, or `#rrggbb`. Undefined is the terminal's default. */
export type Ink = number | string | undefined;

export interface Cell {
  /** One character as it is shown. Empty or a space shows nothing. */
  readonly text: string;
  /** A wide character takes two columns and has one cell. */
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

export interface ScreenCells {
  readonly columns: number;
  readonly rows: readonly (readonly Cell[])[];
  readonly cursor?: { readonly column: number; readonly row: number };
}
