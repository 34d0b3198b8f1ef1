// The interactive screen. Messages go into the terminal's own scrollback; beneath them stays a live area:
// own messages that wait for their echo, one status line, the line being edited. Knows a room only as
// `Room` and `RoomEvent`; knows no socket. The terminal itself is passed in.
//
// How it draws, each time in one write:
//   1. go to the first row of the live area and erase to the end of the screen;
//   2. print what has come since the last time; it scrolls up like any program's output;
//   3. draw the live area anew and put the cursor into the line.
// Rule for everything here: what others have sent goes through `printable()` before it is drawn.
//
// What is printed can't be changed afterwards, it may have left the screen. So what folds (who comes and
// goes) stands in the live area while it goes on, and is printed when it is over.

import { getColorEnabled, stripAnsiCode } from "@std/fmt/colors";
import { ChatError } from "../errors.ts";
import type { Files } from "../files/paths.ts";
import { graphicsQuery, hear, type Stage, type Told, type Viewer } from "../pictures/graphics.ts";
import type { Ending, Room, RoomEvent } from "../room.ts";
import { Editor } from "../terminal/editor.ts";
import { type Environment, isCapable } from "../terminal/environment.ts";
import { type Key, KeyParser } from "../terminal/keyboard.ts";
import type { Tty } from "../terminal/tty.ts";
import type { Emoji } from "../text/emoji.ts";
import { printable } from "../text/printable.ts";
import { cut, width } from "../text/width.ts";
import { alarm, Attention, notifier } from "./alerts.ts";
import { complete } from "./complete.ts";
import type { Context } from "./context.ts";
import { follow } from "./follow.ts";
import {
  INDENT,
  type LiveArea,
  MAX_CHOICE_ROWS,
  MAX_INPUT_ROWS,
  MAX_PENDING_ROWS,
  MAX_TRANSFER_ROWS,
  PROMPT,
} from "./live_area.ts";
import { View } from "./preferences.ts";
import { Presence } from "./presence.ts";
import type { Page } from "./rows.ts";
import { RoomRecord } from "./saved_transcript.ts";
import { choiceRows, pasteNote, searchLine, statusLine } from "./statusline.ts";
import { submit } from "./submit.ts";
import { GROUND_QUERY, paint, palette, themeFor } from "./theme.ts";
import { isShown, Transcript } from "./transcript.ts";
import { Arrivals, liveRow } from "./transfer_text.ts";

/** Time, as far as the screen needs it. */
export interface Clock {
  now(): Date;
  /** Calls `task` in `ms` milliseconds; returns how to cancel that. */
  after(ms: number, task: () => void): () => void;
}

/** How long an ESC may wait for the rest of its sequence, in ms: slow lines need less, people see more. */
const ESCAPE_MS = 50;
/** How often these rows are drawn anew, in ms. */
const PROGRESS_MS = 500;
/** How long a terminal is waited for that has been asked which pictures it can draw, in ms. */
const ANSWER_MS = 500;
/** How often the status line counts down to the next try to come back. */
const TICK_MS = 1000;
/** Who comes and goes is printed when for so long nobody else has, in ms. */
const PRESENCE_MS = 3000;
/** But no later than so long after the first of them, in ms. */
const MAX_PRESENCE_MS = 15_000;
/**
 * What events redraw at most while the room is busy: once in so many ms, a frame of most screens. After a rest
 * so many redraws are free: a single message is seen at once.
 */
const FRAME_MS = 16;
const MAX_FREE_DRAWS = 20;
/** Characters of messages in one write: keys are read between two, so a slow terminal keeps nobody from typing. */
const MAX_WRITE = 16 * 1024;

// Control sequences (ECMA-48; the private modes are DEC's and xterm's).
const ERASE_BELOW = "\x1b[J";
const HOME = "\x1b[H";
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
// While rows are drawn: a terminal that takes a character for wider than we do must not wrap. The rows of the
// live area would be counted wrong, and what a member wrote would stand where only names and notices do.
const WRAP_OFF = "\x1b[?7l";
const WRAP_ON = "\x1b[?7h";
const PASTE_ON = "\x1b[?2004h";
const PASTE_OFF = "\x1b[?2004l";
const FOCUS_ON = "\x1b[?1004h";
const FOCUS_OFF = "\x1b[?1004l";
const PLAIN = "\x1b[0m";
const up = (rows: number) => rows > 0 ? `\x1b[${rows}A` : "";
const right = (columns: number) => columns > 0 ? `\x1b[${columns}C` : "";

/** How what a command answers looks. */
interface Answer {
  /** In front of the text, whose further rows stand under it. */
  heading?: string | undefined;
  role?: "dim" | "error";
}

/**
 * A room on a terminal.
 *
 * @example
 * ```ts
 * const screen = new Screen({ tty: new SystemTty(), room });
 * try {
 *   const told = client.run((event) => screen.event(event));
 *   // Who does not wait for the goodbye leaves before the client has ended.
 *   await Promise.race([screen.run(), told]);
 * } finally {
 *   screen.close();
 * }
 * ```
 */
export class Screen {
  readonly #tty: Tty;
  readonly #room: Room;
  readonly #clock: Clock;
  readonly #keys = new KeyParser();
  readonly #editor: Editor;
  readonly #context: Context;
  #state: "new" | "open" | "closed" = "new";
  readonly #view: View;
  readonly #environment: Environment;
  readonly #transcript = new Transcript();
  readonly #presence = new Presence();
  readonly #arrivals = new Arrivals();
  /** When those who have come and gone are printed at the latest, in ms. */
  #settleBy = 0;
  readonly #attention: Attention;
  /** What suits the terminal's ground, if it has told its colour. */
  #ground: "dark" | "light" | undefined;
  readonly #pictures: Viewer | undefined;
  /** What the terminal has told of pictures; it is asked when the first one is to be shown. */
  #told: Told = {};
  readonly #allTold = Promise.withResolvers<void>();
  #isAsked = false;
  /** Rows that have to be printed above the live area; the first ones are printed already. */
  #rows: string[] = [];
  #printed = 0;
  /** Redraws that need not wait, and when they were counted, in ms. */
  #freeDraws = MAX_FREE_DRAWS;
  #drawsCounted = -Infinity;
  /** The live area that is on the screen now. */
  #drawn: LiveArea | undefined;
  /** The status line that is on the screen now. */
  #status = "";
  /** Stands in the status line until the next key. */
  #hint: string | undefined;
  /** Words that fit where Tab was pressed: stand beneath the status line until the next key. */
  #choice: readonly string[] = [];
  /** How many bytes `text` has: it is counted once. */
  #counted = { text: "", bytes: 0 };
  #leaving = false;
  readonly #ended = Promise.withResolvers<Ending>();
  // How to cancel what waits.
  #cancelDraw: (() => void) | undefined;
  #cancelTick: (() => void) | undefined;
  #cancelProgress: (() => void) | undefined;
  #cancelSettle: (() => void) | undefined;
  #cancelEscape: (() => void) | undefined;
  #cancelResize: (() => void) | undefined;

  constructor(
    options: {
      tty: Tty;
      room: Room;
      clock?: Clock;
      view?: View;
      environment?: Environment;
      files?: Files;
      emoji?: Emoji;
      pictures?: Viewer;
    },
  ) {
    this.#tty = options.tty;
    this.#room = options.room;
    this.#clock = options.clock ?? systemClock;
    this.#view = options.view ?? new View();
    this.#environment = options.environment ?? {};
    this.#pictures = options.pictures;
    this.#attention = new Attention(this.#clock.now().getTime());
    this.#context = {
      room: options.room,
      view: this.#view,
      record: new RoomRecord(),
      files: options.files,
      emoji: options.emoji,
      now: () => this.#clock.now(),
      print: (line, heading) => this.#answer(line, { heading }),
      screen: {
        clear: () => this.#clearScreen(),
        view: (path, name) => void this.view(path, name),
      },
    };
    this.#editor = new Editor((text, cursor) => complete(text, cursor, this.#context));
  }

  /**
   * Takes the terminal, and obeys the keys until the room has ended (an `ended` event) or the person does
   * not wait for that any longer. The terminal has been given back when this resolves, also if it rejects.
   */
  async run(): Promise<Ending> {
    this.#tty.setRaw(true);
    this.#state = "open";
    try {
      this.#cancelResize = this.#tty.onResize(() => this.#drawSoon());
      const query = isCapable(this.#environment) ? GROUND_QUERY : "";
      this.#tty.write(PASTE_ON + FOCUS_ON + query);
      this.#draw();
      return await Promise.race([this.#ended.promise, this.#readKeys()]);
    } finally {
      this.close();
    }
  }

  /** Shows what happened in the room. */
  event(event: RoomEvent): void {
    if (!follow(event, this.#context)) return;
    this.#tell(event);
    this.#ring(event);
    this.#drawSoon();
  }

  /** Shows a file as a picture, once it has been decoded; or says why it can't be shown. Never rejects. */
  async view(path: string, name: string): Promise<void> {
    try {
      if (!this.#pictures) throw new ChatError("Cannot show pictures: there are no files here");
      const { rows } = await this.#pictures.view(path, name, await this.#stage());
      // Whoever has the terminal now did not ask for it.
      if (this.#state === "closed") return;
      this.#settle();
      this.#push(rows);
      this.#transcript.startAnew();
    } catch (error) {
      if (!(error instanceof ChatError)) return this.#ended.reject(error);
      this.#refuse(error);
    }
    this.#drawSoon();
  }

  /** Where a picture will be seen; the terminal has been asked, and has answered if it does. */
  async #stage(): Promise<Stage> {
    if (!this.#isAsked) {
      this.#isAsked = true;
      const query = graphicsQuery(this.#environment);
      if (query === "") {
        this.#allTold.resolve();
      } else {
        this.#tty.write(query);
        const cancel = this.#clock.after(ANSWER_MS, () => this.#allTold.resolve());
        void this.#allTold.promise.then(cancel);
      }
    }
    await this.#allTold.promise;
    const hasColors = getColorEnabled() && this.#view.theme !== "mono";
    return { ...this.#tty.size(), environment: this.#environment, told: this.#told, hasColors };
  }

  /**
   * Gives the terminal back as it was, with all that came and without the live area. Calling it twice
   * is harmless, also from a signal handler while `run()` still waits. It never throws. Events that
   * come later are printed as plain lines.
   */
  close(): void {
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    this.#cancelEscape?.();
    this.#cancelTick?.();
    this.#cancelProgress?.();
    this.#cancelResize?.();
    if (!wasOpen) return;
    this.#settle();
    this.#tellUnsent();
    const restore = FOCUS_OFF + PASTE_OFF + WRAP_ON + PLAIN + SHOW_CURSOR;
    // If the terminal itself is gone (its window was closed), nobody is left to see it restored; and an
    // error from here would hide the one that ended the program.
    attempt(() => this.#tty.write(this.#eraseArea() + WRAP_OFF + this.#takeRows() + restore));
    attempt(() => this.#tty.setRaw(false));
    this.#cancelDraw?.();
    this.#cancelDraw = undefined;
  }

  // ---- keys ----------------------------------------------------------------------------------------

  async #readKeys(): Promise<Ending> {
    for (;;) {
      const bytes = await this.#tty.read();
      this.#cancelEscape?.();
      // What is typed once the terminal has been given back is for whoever has it now.
      if (this.#state === "closed") return await this.#ended.promise;
      if (bytes === null) {
        this.#room.leave();
        return await this.#ended.promise;
      }
      this.#obey(this.#keys.feed(bytes));
      if (this.#keys.waiting) {
        this.#cancelEscape = this.#clock.after(ESCAPE_MS, () => this.#obey(this.#keys.flush()));
      }
    }
  }

  /** All keys of one read, then one redraw: at once, because somebody waits for it. */
  #obey(keys: readonly Key[]): void {
    if (keys.length === 0) return;
    for (const key of keys) this.#onKey(key);
    this.#draw();
  }

  #onKey(key: Key): void {
    switch (key.type) {
      // What the terminal tells of itself.
      case "focus":
        return this.#attention.focus(key.focused);
      case "background":
        this.#ground = themeFor(key);
        return;
      case "attributes":
      case "cell":
      case "graphics":
        this.#told = hear(this.#told, key);
        if (key.type === "attributes") this.#allTold.resolve();
        return;
    }
    this.#attention.typed(this.#clock.now().getTime());
    this.#hint = undefined;
    this.#choice = [];
    const request = this.#editor.onKey(key);
    switch (request?.type) {
      case "submit":
        return this.#submit(request.text);
      case "choose":
        this.#choice = request.words.map((word) => printable(word.trim()));
        return;
      case "discarded":
        this.#hint = "Ctrl-C again to leave, Ctrl-Y to get the line back";
        return;
      case "leave":
        return this.#leave();
      case "clear-screen":
        return this.#clearScreen();
      case "full":
        this.#hint = "The line is full: the rest was left out";
        return;
    }
    if (key.type === "paste") this.#hint = pasteNote(key.text, this.#tty.size().columns);
  }

  #submit(text: string): void {
    try {
      submit(text, this.#context);
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      this.#refuse(error);
      // Nothing typed is lost.
      this.#editor.takeBack();
    }
  }

  /** Says what can't be done, and what can. */
  #refuse({ message, hint }: ChatError): void {
    this.#answer(message, { role: "error" });
    if (hint !== undefined) this.#answer(hint, { role: "dim" });
  }

  /** Says goodbye; asked again, does not wait until the room has heard it. */
  #leave(): void {
    if (this.#leaving) return this.#ended.resolve({ reason: "left" });
    this.#leaving = true;
    this.#room.leave();
  }

  /** Scrolls all out of sight instead of erasing it: it stays in the scrollback. */
  #clearScreen(): void {
    const { rows } = this.#tty.size();
    const before = this.#eraseArea() + WRAP_OFF + this.#takeRows() + WRAP_ON;
    this.#tty.write(before + "\r\n".repeat(rows) + HOME);
    this.#transcript.startAnew();
  }

  // ---- messages ------------------------------------------------------------------------------------

  #tell(event: RoomEvent): void {
    const now = this.#clock.now();
    if (event.type === "transfer" && event.transfer.state === "done") {
      const wasEmpty = this.#isSettled;
      if (this.#arrivals.add(event.transfer, now.getTime())) return this.#settleLater(wasEmpty);
    }
    if (isShown(event, now)) {
      // What others say meanwhile goes above those who come and go: else these would never fold in a lively
      // room. But who has just come is told of before the first words.
      const goesOn = event.type === "message" || event.type === "direct"
        ? !this.#presence.has(event.from)
        : event.type === "delivered";
      if (!goesOn) this.#settle();
      this.#push(this.#transcript.event(event, now, this.#page()));
    }
    if (event.type === "joined" || event.type === "left") this.#fold(event);
    if (event.type === "ended") this.#ended.resolve(event.ending);
  }

  /** Who comes and goes is one row for all: in the live area first. */
  #fold(event: RoomEvent & { type: "joined" | "left" }): void {
    if (this.#presence.isFull) this.#settle();
    const wasSettled = this.#isSettled;
    if (event.type === "joined") this.#presence.joined(event.who);
    else this.#presence.left(event.who, event.reason);
    this.#settleLater(wasSettled);
  }

  /** Nothing waits to be told together. */
  get #isSettled(): boolean {
    return this.#presence.isEmpty && this.#arrivals.isEmpty;
  }

  /** What is told together is told when nothing more has come for a while. */
  #settleLater(wasSettled: boolean): void {
    const now = this.#clock.now().getTime();
    if (wasSettled) this.#settleBy = now + MAX_PRESENCE_MS;
    this.#cancelSettle?.();
    if (this.#state === "closed") return this.#settle();
    const wait = Math.max(0, Math.min(PRESENCE_MS, this.#settleBy - now));
    this.#cancelSettle = this.#clock.after(wait, () => {
      this.#settle();
      this.#drawSoon();
    });
  }

  /** Prints what was kept to be told together: who has come and gone, and which files. */
  #settle(): void {
    this.#cancelSettle?.();
    this.#cancelSettle = undefined;
    const who = this.#presence.isEmpty ? [] : [this.#presence.take()];
    for (const sentence of [...who, ...this.#arrivals.take()]) {
      this.#push(this.#transcript.notice(sentence, this.#clock.now(), this.#page()));
    }
  }

  /** Puts rows above the live area. */
  #push(rows: readonly string[]): void {
    for (const row of rows) this.#rows.push(row);
  }

  /** What a command answers. */
  #answer(text: string, { heading = "", role }: Answer = {}): void {
    this.#settle();
    this.#push(this.#transcript.answer(heading, text, this.#page(), role));
  }

  /** At the end: what is not known to have arrived stays readable. */
  #tellUnsent(): void {
    const tell = (heading: string, text: string) => this.#answer(text, { heading, role: "error" });
    for (const { text } of this.#room.pending) tell("not confirmed: ", text);
    if (this.#editor.text !== "") tell("not sent: ", this.#editor.text);
  }

  /** For what is drawn now. */
  #page(): Page {
    const { theme, time } = this.#view;
    const chosen = theme === "auto" ? this.#ground ?? theme : theme;
    return {
      columns: this.#tty.size().columns,
      // Where the environment has NO_COLOR, there are none.
      palette: palette(getColorEnabled() ? chosen : "mono"),
      time,
      self: this.#room.self.name,
      links: isCapable(this.#environment),
    };
  }

  /** Rings, and notifies where the terminal can, of what somebody who looks elsewhere would want to know. */
  #ring(event: RoomEvent): void {
    if (this.#state !== "open") return;
    const now = this.#clock.now().getTime();
    const note = this.#attention.note(event, this.#view, this.#room.self.name, now);
    if (note !== undefined) this.#tty.write(alarm(notifier(this.#environment), note));
  }

  // ---- drawing -------------------------------------------------------------------------------------

  /**
   * Draws when what happens now is over: a burst of messages is one redraw. While one burst follows the other,
   * redraws keep a distance.
   */
  #drawSoon(): void {
    if (this.#cancelDraw) return;
    const now = this.#clock.now().getTime();
    // A clock that was set back frees nothing.
    const passed = Math.max(0, now - this.#drawsCounted) / FRAME_MS;
    this.#freeDraws = Math.min(MAX_FREE_DRAWS, this.#freeDraws + passed);
    this.#drawsCounted = now;
    const wait = this.#freeDraws >= 1 ? 0 : Math.ceil((1 - this.#freeDraws) * FRAME_MS);
    this.#freeDraws -= 1;
    this.#cancelDraw = this.#clock.after(wait, () => this.#draw());
  }

  #draw(): void {
    this.#cancelDraw?.();
    this.#cancelDraw = undefined;
    if (this.#state === "new") return;
    if (this.#state === "closed") {
      const rows = this.#takeRows();
      if (rows !== "") this.#tty.write(rows);
      return;
    }
    const before = this.#eraseArea() + WRAP_OFF + this.#takeRows(MAX_WRITE);
    const area = this.#liveArea();
    const text = area.rows.join("\r\n") + WRAP_ON;
    const place = "\r" + up(area.rows.length - 1 - area.row) + right(area.column);
    this.#tty.write(HIDE_CURSOR + before + text + place + SHOW_CURSOR);
    this.#drawn = area;
    this.#tickLater();
    this.#progressLater();
    // The rest; keys that have come meanwhile go first.
    if (this.#rows.length > 0) this.#cancelDraw = this.#clock.after(0, () => this.#draw());
  }

  /** While the next try is waited for, redraws at each second of the countdown. */
  #tickLater(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    const { link } = this.#room;
    if (link.state !== "waiting") return;
    const left = link.at.getTime() - this.#clock.now().getTime();
    // The countdown changes with whole seconds.
    const ms = Math.max(0, left) % TICK_MS || TICK_MS;
    this.#cancelTick = this.#clock.after(ms, () => {
      if (this.#statusLine(this.#tty.size().columns) === this.#status) this.#tickLater();
      else this.#draw();
    });
  }

  /** While files are on their way, redraws to show how far they are. */
  #progressLater(): void {
    this.#cancelProgress?.();
    this.#cancelProgress = undefined;
    if (this.#room.going.length === 0) return;
    this.#cancelProgress = this.#clock.after(PROGRESS_MS, () => this.#draw());
  }

  /** The next rows to print, whole ones: all, or about so many characters of them. */
  #takeRows(most = Infinity): string {
    let text = "";
    while (this.#printed < this.#rows.length && text.length < most) {
      text += this.#rows[this.#printed++]! + "\r\n";
    }
    if (this.#printed === this.#rows.length) {
      this.#rows = [];
      this.#printed = 0;
    }
    return text;
  }

  /**
   * Erases the live area; the cursor is then where it began.
   *
   * A terminal that has become narrower has cut the rows above the cursor into more of them. With
   * the cursor's own row some do so too, and some (xterm.js) cut off its end. It counts as one: elsewhere
   * a piece of the old line stays above, which is better than to erase a message here.
   */
  #eraseArea(): string {
    const area = this.#drawn;
    if (!area) return "";
    this.#drawn = undefined;
    const columns = Math.max(1, this.#tty.size().columns);
    let above = 0;
    for (const row of area.rows.slice(0, area.row)) {
      above += Math.max(1, Math.ceil(width(stripAnsiCode(row)) / columns));
    }
    return "\r" + up(above) + ERASE_BELOW;
  }

  #liveArea(): LiveArea {
    const { columns, rows: height } = this.#tty.size();
    const pending = this.#pendingRows(columns, height);
    this.#status = this.#statusLine(columns);
    // The area must fit on the screen, or its first row could not be reached again.
    const free = Math.max(1, height - pending.length - 2);
    // Above the line, not beneath: see `LiveArea`.
    const choice = choiceRows(this.#choice, columns - 1, Math.min(MAX_CHOICE_ROWS, free - 2));
    const fits = Math.max(1, Math.min(MAX_INPUT_ROWS, free - choice.length));
    const view = this.#editor.render(Math.max(2, columns - PROMPT.length), fits);
    const input = view.rows.map((row, i) => (view.first + i === 0 ? PROMPT : INDENT) + row);
    return {
      rows: [...pending, paint(this.#status, this.#page().palette.dim), ...choice, ...input],
      row: pending.length + 1 + choice.length + view.row,
      column: PROMPT.length + view.column,
    };
  }

  /**
   * Above the status line: who comes and goes, then what was said and is not confirmed, one row each, where its
   * text will stand.
   */
  #pendingRows(columns: number, height: number): string[] {
    const { pending, self } = this.#room;
    const page = { ...this.#page(), columns };
    const who = this.#presence.isEmpty ? [] : [this.#presence.sentence];
    const coming = [...who, ...this.#arrivals.sentences].slice(0, Math.max(0, height - 4))
      .map((sentence) => this.#transcript.coming(sentence, page));
    coming.push(...this.#transferRows(columns, height - 5 - coming.length));
    const most = Math.max(0, Math.min(MAX_PENDING_ROWS, height - 4 - coming.length));
    const shown = this.#transcript.pending(pending.slice(0, most), self, page);
    const more = pending.length - shown.length;
    if (more > 0 && shown.length > 0) {
      shown[shown.length - 1] = this.#transcript.coming(`${more + 1} more are waiting`, page);
    }
    return [...coming, ...shown];
  }

  /** One row for each file on its way, as far as there is room for it. */
  #transferRows(columns: number, height: number): string[] {
    const { going } = this.#room;
    const most = Math.max(0, Math.min(MAX_TRANSFER_ROWS, height));
    const { dim } = this.#page().palette;
    const rows = going.slice(0, most).map((one) => liveRow(one, columns));
    const more = going.length - rows.length;
    if (more > 0 && rows.length > 0) {
      rows[rows.length - 1] = cut(`${more + 1} more files are on their way`, columns - 1);
    }
    return rows.map((row) => paint(row, dim));
  }

  #statusLine(columns: number): string {
    if (this.#hint !== undefined) return cut(printable(this.#hint), columns - 1);
    if (this.#leaving) return cut("leaving; Ctrl-C to leave at once", columns - 1);
    const { search } = this.#editor;
    if (search) return searchLine(search, columns);
    const { info, size, link } = this.#room;
    const status = {
      info,
      members: size,
      link,
      now: this.#clock.now(),
      bytesLeft: this.#bytesLeft(),
      unread: this.#attention.unread,
      // Who wants no colours wants no pictures either.
      pictures: getColorEnabled(),
    };
    return statusLine(status, columns);
  }

  /** How many bytes may still be typed; undefined where that is certainly many. */
  #bytesLeft(): number | undefined {
    const { text } = this.#editor;
    const { maxText } = this.#room.info;
    // Nothing has more than three bytes a unit of UTF-16: most often there is nothing to count.
    if (text.length * 3 <= maxText / 2) return undefined;
    if (this.#counted.text !== text) this.#counted = { text, bytes: utf8.encode(text).length };
    return maxText - this.#counted.bytes;
  }
}

const utf8 = new TextEncoder();

/** Does `action`, if it can be done; only for giving the terminal back. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // See the caller for why this is all that can be done.
  }
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => new Date(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};
