// TODO: say what this is.

/** Own messages shown while they wait; of more, the number is told. */
export const MAX_PENDING_ROWS = 3;
/** Files on their way that have a row; of more, the number is told. */
export const MAX_TRANSFER_ROWS = 4;
/** Rows of the line being edited that are shown at once, around the cursor. */
export const MAX_INPUT_ROWS = 10;
/** Rows of words to choose from beneath the status line; of more, the number is told. */
export const MAX_CHOICE_ROWS = 5;

export const PROMPT = "> ";
export const INDENT = "  ";

/** What stands beneath the messages. */
export interface LiveArea {
  /**
   * The line being edited is last, so that nothing stands beneath the cursor: terminals that have become
   * narrower do not agree on where the cursor is, if rows beneath it had to be cut.
   */
  rows: string[];
  /** Where the cursor is, from 0. */
  row: number;
  column: number;
}
