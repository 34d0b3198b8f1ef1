// The live area beneath the messages, as rows: grouped notices, running transfers, own messages that are not
// confirmed yet, the status line, completions, and the line being edited. Knows no terminal: the size is
// passed in, and the screen writes the rows.

import { getColorEnabled } from "@std/fmt/colors";
import type { Room } from "../room.ts";
import type { Editor } from "../terminal/editor.ts";
import { printable } from "../text/printable.ts";
import { cut } from "../text/width.ts";
import { aboutOf } from "./commands/answers.ts";
import { liveColumns, liveHeight, type LiveRows } from "./anchor.ts";
import type { GroupedNotices } from "./grouped_notices.ts";
import type { Ignored } from "./ignored.ts";
import type { LeaveQuestion } from "./leave_question.ts";
import { INDENT, type Page } from "./rows.ts";
import { choiceRows, limitsOf, searchLine, statusLine } from "./statusline.ts";
import { paint } from "./theme.ts";
import type { Transcript } from "./transcript.ts";
import { liveRow } from "./transfer_text.ts";

/** Rows of unconfirmed messages; the last one counts the rest. */
const MAX_PENDING_ROWS = 3;
/** Rows of running transfers; the last one counts the rest. */
const MAX_TRANSFER_ROWS = 4;
/** Rows of the edited line that are shown at once, around the cursor. */
const MAX_INPUT_ROWS = 10;
/** Rows of completions; the last one counts the rest. */
const MAX_CHOICE_ROWS = 5;

const PROMPT = "> ";

/** Everything that may change from one drawing to the next, besides the room. */
export interface LiveState {
  readonly page: Page;
  /** Rows of the terminal. */
  readonly height: number;
  readonly now: Date;
  /** Messages that arrived while the window was in the background. */
  readonly unread: number;
}

/** Lays out the live area. */
export class LiveArea {
  /** Replaces the status line until the next key. */
  hint: string | undefined;
  /** Completions that Tab offers, shown until the next key. */
  choice: readonly string[] = [];
  /** The user has asked to leave. */
  isLeaving = false;
  readonly #room: Room;
  readonly #editor: Editor;
  readonly #transcript: Transcript;
  readonly #grouped: GroupedNotices;
  readonly #ignored: Ignored;
  readonly #leaveQuestion: LeaveQuestion;
  /** The status line that was laid out last. */
  #status = "";
  /** Size of `text` in bytes, so that each text is encoded once. */
  #counted = { text: "", bytes: 0 };

  constructor(
    parts: {
      room: Room;
      editor: Editor;
      transcript: Transcript;
      grouped: GroupedNotices;
      ignored: Ignored;
      leaveQuestion: LeaveQuestion;
    },
  ) {
    this.#room = parts.room;
    this.#editor = parts.editor;
    this.#transcript = parts.transcript;
    this.#grouped = parts.grouped;
    this.#ignored = parts.ignored;
    this.#leaveQuestion = parts.leaveQuestion;
  }

  layOut(state: LiveState): LiveRows {
    const { page, height } = state;
    const columns = liveColumns(page.columns);
    const most = liveHeight(height);
    const waiting = this.#waitingRows(page, most);
    this.#status = this.#statusLine(state);
    const role = this.#leaveQuestion.text() === undefined ? "dim" : "error";
    // The cursor cannot go back to a row that has scrolled away.
    const free = Math.max(1, most - waiting.length - 1);
    // Above the edited line, not below it: see `LiveRows`.
    const choice = choiceRows(this.choice, columns, Math.min(MAX_CHOICE_ROWS, free - 2));
    const fits = Math.max(1, Math.min(MAX_INPUT_ROWS, free - choice.length));
    const view = this.#editor.render(Math.max(2, columns - PROMPT.length), fits);
    const input = view.rows.map((row, i) => (view.first + i === 0 ? PROMPT : INDENT) + row);
    return {
      rows: [...waiting, paint(this.#status, page.palette[role]), ...choice, ...input],
      row: waiting.length + 1 + choice.length + view.row,
      before: input[view.row]!.slice(0, PROMPT.length) + view.before,
    };
  }

  /** Whether the status line would differ from the one that was laid out last. */
  isStale(state: LiveState): boolean {
    return this.#statusLine(state) !== this.#status;
  }

  /** Above the status line: grouped notices, transfers, and one row for each unconfirmed message. */
  #waitingRows(page: Page, height: number): string[] {
    const { pending, self } = this.#room;
    // The status line and two rows of the edited line stay.
    const free = height - 3;
    const notices = this.#grouped.sentences.slice(0, Math.max(0, free))
      .map((sentence) => this.#transcript.coming(sentence, page));
    const rows = [...notices, ...this.#transferRows(page, free - 1 - notices.length)];
    const most = Math.max(0, Math.min(MAX_PENDING_ROWS, free - rows.length));
    const shown = this.#transcript.pending(pending.slice(0, most), self, page);
    const more = pending.length - shown.length;
    if (more > 0 && shown.length > 0) {
      shown[shown.length - 1] = this.#transcript.coming(`${more + 1} more waiting`, page);
    }
    return [...rows, ...shown];
  }

  #transferRows({ columns: all, palette }: Page, height: number): string[] {
    const { going } = this.#room;
    const columns = liveColumns(all);
    const most = Math.max(0, Math.min(MAX_TRANSFER_ROWS, height));
    const rows = going.slice(0, most).map((one) => liveRow(one, columns + 1));
    const more = going.length - rows.length;
    if (more > 0 && rows.length > 0) {
      rows[rows.length - 1] = cut(`${more + 1} more transfers are running`, columns);
    }
    return rows.map((row) => paint(row, palette.dim));
  }

  #statusLine({ page, now, unread }: LiveState): string {
    const most = liveColumns(page.columns);
    const question = this.#leaveQuestion.text(most);
    if (question !== undefined) return question;
    if (this.hint !== undefined) return cut(printable(this.hint), most);
    if (this.isLeaving) return cut("leaving; Ctrl-C to leave at once", most);
    const about = aboutOf(this.#editor.text, this.#room);
    if (about !== undefined) return cut(printable(about), most);
    const { search } = this.#editor;
    if (search) return searchLine(search, most + 1);
    const { info, size: members, awayCount: away, link } = this.#room;
    const forked = this.#room.forked.filter((member) => !this.#ignored.has(member)).length;
    const limits = limitsOf(this.#room.self, this.#room.governance);
    const bytesLeft = this.#bytesLeft();
    // A terminal without colours gets no emoji either.
    const pictures = getColorEnabled();
    return statusLine(
      { info, members, away, forked, limits, link, now, bytesLeft, unread, pictures },
      most + 1,
    );
  }

  /** Bytes that may still be typed; undefined where there is certainly plenty of room. */
  #bytesLeft(): number | undefined {
    const { text } = this.#editor;
    const { maxText } = this.#room.info;
    // A UTF-16 unit takes at most three bytes, so most texts need no counting.
    if (text.length * 3 <= maxText / 2) return undefined;
    if (this.#counted.text !== text) this.#counted = { text, bytes: utf8.encode(text).length };
    return maxText - this.#counted.bytes;
  }
}

const utf8 = new TextEncoder();
