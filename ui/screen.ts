// The interactive screen. Messages go into the terminal's own scrollback; the live area beneath them holds the
// status line and the line being edited. Knows a room only as `Room` and `RoomEvent`; knows no socket. The
// terminal is passed in.
//
// It draws in one write:
//   1. go to the first row of the live area and erase to the end of the screen;
//   2. print the new rows; they scroll up like any program's output;
//   3. draw the live area again and put the cursor into the line.
// Rule for everything here: text from other members goes through `printable()` before it is drawn.
//
// A printed row cannot be changed, it may have left the screen. So notices that share a line stay in the live
// area while they are collected, and are printed afterwards.

import { getColorEnabled } from "@std/fmt/colors";
import { ChatError, messageOf } from "../errors.ts";
import type { Viewer } from "../pictures/graphics.ts";
import type { Ending, Room, RoomEvent } from "../room.ts";
import { Editor } from "../terminal/editor.ts";
import { type Environment, isCapable } from "../terminal/environment.ts";
import type { Key } from "../terminal/keyboard.ts";
import type { Tty } from "../terminal/tty.ts";
import { printable } from "../text/printable.ts";
import { cut } from "../text/width.ts";
import { Anchor, type LiveRows, NAME_QUERY, WRAP_OFF, WRAP_ON } from "./anchor.ts";
import { Attention, type NotifyCommand } from "./attention.ts";
import { blankNote, BlankQuestion } from "./blank_question.ts";
import { type Clock, systemClock } from "./clock.ts";
import { complete } from "./complete.ts";
import type { Context } from "./context.ts";
import { expand } from "./expand.ts";
import { DrawPace } from "./draw_pace.ts";
import { follow } from "./follow.ts";
import { changeOf, GroupedNotices } from "./grouped_notices.ts";
import { hintOf } from "./hints.ts";
import { KeyReader } from "./key_reader.ts";
import { type Hosting, LeaveQuestion } from "./leave_question.ts";
import { LiveArea, type LiveState } from "./live_area.ts";
import { shownAt } from "./notices.ts";
import { PictureStage } from "./picture_stage.ts";
import { Preferences } from "./preferences.ts";
import { RowQueue } from "./row_queue.ts";
import type { Page } from "./rows.ts";
import { SavedTranscript } from "./saved_transcript.ts";
import { isShown } from "./shown.ts";
import { keyNote } from "./statusline.ts";
import { submit } from "./submit.ts";
import { HOME, RESTORE, TAKE } from "./terminal_modes.ts";
import { BACKGROUND_QUERY, paint, palette, themeFor } from "./theme.ts";
import { TimedRedraws } from "./timed_redraws.ts";
import { Transcript } from "./transcript.ts";

/** Characters of messages in one write: keys are read between writes, so a slow terminal does not block typing. */
const MAX_WRITE = 16 * 1024;

/**
 * A room on a terminal.
 *
 * @example
 * ```ts
 * const screen = new Screen({ tty: new SystemTty(), room });
 * try {
 *   const ended = client.run((event) => screen.event(event));
 *   // A user who does not wait for the goodbye leaves before the client has ended.
 *   await Promise.race([screen.run(), ended]);
 * } finally {
 *   screen.close();
 * }
 * ```
 */
export class Screen {
  readonly #tty: Tty;
  readonly #room: Room;
  readonly #clock: Clock;
  readonly #keys: KeyReader;
  readonly #editor: Editor;
  readonly #context: Context;
  readonly #blanks = new BlankQuestion();
  /** Suspended: the shell has the terminal. */
  #state: "new" | "open" | "suspended" | "closed" = "new";
  readonly #preferences: Preferences;
  readonly #environment: Environment;
  readonly #transcript = new Transcript();
  readonly #grouped: GroupedNotices;
  readonly #area: LiveArea;
  readonly #leaveQuestion: LeaveQuestion;
  readonly #anchor: Anchor;
  readonly #attention: Attention;
  /** The theme for the terminal's background; undefined if the terminal has not reported its colour. */
  #background: "dark" | "light" | undefined;
  readonly #pictures: Viewer | undefined;
  /** What the terminal has reported about pictures; it is asked before the first picture is shown. */
  readonly #stage: PictureStage;
  /** Rows to print above the live area. */
  readonly #rows = new RowQueue();
  readonly #drawPace = new DrawPace();
  readonly #redraws: TimedRedraws;
  readonly #ended = Promise.withResolvers<Ending>();
  /** The kinds of events that could not be shown: one note for each. */
  readonly #unshown = new Set<string>();
  // Functions that cancel timers and listeners.
  #cancelDraw: (() => void) | undefined;
  #stopListening: (() => void) | undefined;

  constructor(
    options: {
      tty: Tty;
      room: Room;
      clock?: Clock;
      preferences?: Preferences;
      saved?: SavedTranscript;
      environment?: Environment;
      pictures?: Viewer;
      notifyCommand?: NotifyCommand | undefined;
      /** What happens to the room when this user leaves; undefined: nothing. */
      hosting?: Hosting;
      /** Called when the terminal has gone. The screen leaves the room then. */
      onHangUp?: () => void;
    } & Pick<Context, "files" | "emoji" | "invitation" | "remember">,
  ) {
    const { room } = options;
    this.#tty = options.tty;
    this.#room = room;
    const clock = options.clock ?? systemClock;
    this.#clock = {
      now: () => clock.now(),
      after: (ms, task) => clock.after(ms, () => this.#guarded(task)),
    };
    // Nobody may be waiting when it fails.
    this.#ended.promise.catch(() => {});
    this.#preferences = options.preferences ?? new Preferences();
    this.#environment = options.environment ?? {};
    this.#pictures = options.pictures;
    this.#stage = new PictureStage(this.#tty, this.#clock, this.#environment);
    this.#attention = new Attention({
      tty: this.#tty,
      clock: this.#clock,
      room,
      preferences: this.#preferences,
      environment: this.#environment,
      command: options.notifyCommand,
      report: (error) => {
        if (this.#state === "closed") return;
        this.#answer(error, "", "error");
        this.#drawSoon();
      },
    });
    this.#leaveQuestion = new LeaveQuestion(room, options.hosting);
    this.#context = {
      room,
      preferences: this.#preferences,
      saved: options.saved ?? new SavedTranscript(),
      files: options.files,
      remember: options.remember,
      emoji: options.emoji,
      invitation: options.invitation,
      now: () => this.#clock.now(),
      print: (line, heading, role) => this.#answer(line, heading, role),
      refuse: (error) => this.#refuse(error),
      leave: (action) => this.#leave(action),
      rest: () => new Promise((resolve) => clock.after(0, resolve)),
      screen: {
        size: () => options.tty.size(),
        clear: () => this.#clearScreen(),
        view: (path, name) => void this.view(path, name),
        more: (from) => this.#pushBelow(this.#transcript.more(from, this.#page())),
        hits: (hits) => {
          this.#pushBelow(this.#transcript.hits(hits, this.#clock.now(), this.#page()));
        },
      },
    };
    this.#keys = new KeyReader(this.#tty, this.#clock, {
      keys: (keys) => this.#handle(keys),
      pastePaused: (paused) => {
        this.#area.hint = paused ? "Ctrl-C ends this paste: its end has not arrived" : undefined;
        this.#draw();
      },
      gone: () => {
        options.onHangUp?.();
        this.#room.leave();
      },
    });
    this.#editor = new Editor(
      (text, cursor) => complete(text, cursor, this.#context),
      (text) => expand(text, this.#context),
    );
    this.#grouped = new GroupedNotices(this.#clock, () => {
      this.#printGrouped();
      this.#drawSoon();
    });
    this.#area = new LiveArea({
      room,
      editor: this.#editor,
      transcript: this.#transcript,
      grouped: this.#grouped,
      ignored: this.#preferences.ignored,
      leaveQuestion: this.#leaveQuestion,
    });
    this.#redraws = new TimedRedraws({
      clock: this.#clock,
      room,
      isStale: () => this.#area.isStale(this.#liveState()),
      draw: () => this.#draw(),
    });
    this.#anchor = new Anchor({
      tty: this.#tty,
      clock: this.#clock,
      environment: this.#environment,
      takeRows: () => this.#rows.take(MAX_WRITE),
      redraw: () => this.#draw(),
    });
  }

  /**
   * Takes over the terminal and handles keys until the room has ended (an `ended` event) or the user does not
   * wait for that any longer. The terminal is restored when this resolves or rejects.
   */
  async run(): Promise<Ending> {
    this.#take();
    this.#state = "open";
    try {
      const ends = [
        this.#tty.onResize(() => this.#state === "open" && this.#anchor.resized()),
        this.#tty.onContinue(() => this.#continue()),
      ];
      this.#stopListening = () => ends.forEach((end) => end());
      if (isCapable(this.#environment)) this.#tty.write(BACKGROUND_QUERY + NAME_QUERY);
      this.#draw();
      // A read that fails is a bug, which the caller reports.
      await Promise.race([this.#ended.promise, this.#keys.run()]);
      return await this.#ended.promise;
    } finally {
      this.close();
    }
  }

  /**
   * Shows what happened in the room. Never throws: one event must not end the conversation. If it returns a promise, the
   * caller MUST wait: the terminal is slower than the room.
   */
  event(event: RoomEvent): void | Promise<void> {
    this.#tryShowing(event.type, () => {
      const shown = follow(event, this.#context);
      if (!shown) return;
      this.#show(shown);
      if (this.#state === "open") this.#attention.ring(shown);
    });
    if (event.type === "ended") this.#ended.resolve(event.ending);
    this.#drawSoon();
    if (this.#state === "open") return this.#rows.drained;
  }

  /** Shows one line to this user only. */
  note(line: string): void {
    this.#answer(line);
  }

  /** Shows something. Says if that fails, once for each kind: what fails each time must not fill the screen. */
  #tryShowing(kind: string, show: () => void): void {
    try {
      show();
    } catch (error) {
      if (this.#unshown.has(kind)) return;
      this.#unshown.add(kind);
      const { columns, palette } = this.#page();
      const note = `cannot show this (${kind}): ${messageOf(error)}; this is a bug in chat`;
      // Not laid out like other notices: that may be what failed.
      this.#push([paint(cut(printable(note), columns - 1), palette.error)]);
    }
  }

  /** Does what no caller waits for. What it throws ends `run`. */
  #guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  /** Decodes a file and shows it as a picture, or shows why it cannot. Never rejects. */
  async view(path: string, name: string): Promise<void> {
    try {
      if (!this.#pictures) {
        throw new ChatError("Cannot show pictures: chat has no access to files here");
      }
      const hasColors = getColorEnabled() && this.#preferences.theme !== "mono";
      const stage = await this.#stage.find(hasColors);
      const { rows } = await this.#pictures.view(path, name, stage);
      // The terminal has been given back, and whatever uses it now did not ask for a picture.
      if (this.#state === "closed") return;
      this.#printGrouped();
      this.#push(rows);
      this.#transcript.repeatHeadings();
    } catch (error) {
      if (!(error instanceof ChatError)) return this.#ended.reject(error);
      this.#refuse(error);
    }
    this.#drawSoon();
  }

  /**
   * Restores the terminal: all messages stay, the live area goes. It never throws, and calling it twice is
   * harmless, also from a signal handler while `run()` still waits. Later events are printed as plain lines.
   */
  close(): void {
    const before = this.#state;
    this.#state = "closed";
    this.#keys.stop();
    this.#redraws.close();
    this.#stopListening?.();
    this.#anchor.close();
    if (before === "new" || before === "closed") return;
    this.#printGrouped();
    this.#tryShowing("unsent text", () => this.#printUnsent());
    // If the terminal itself is gone (its window was closed), nobody sees the result, and an error from here
    // would hide the one that ended the program.
    attempt(() => {
      // While it is suspended, what others have written must stay.
      const erase = before === "suspended" ? "" : this.#anchor.erase();
      this.#tty.write(
        erase + this.#wrap() + this.#rows.take() + this.#attention.giveBack() + RESTORE,
      );
    });
    attempt(() => this.#tty.setRaw(false));
    this.#cancelDraw?.();
    this.#cancelDraw = undefined;
  }

  #take(): void {
    this.#tty.setRaw(true);
    this.#tty.write(TAKE + this.#attention.take());
  }

  /** Gives the terminal back until the program is continued. */
  async #suspend(): Promise<void> {
    if (!this.#tty.suspend || this.#state !== "open") return;
    this.#state = "suspended";
    this.#transcript.repeatHeadings();
    this.#tty.write(this.#anchor.erase() + this.#attention.giveBack() + RESTORE);
    this.#tty.setRaw(false);
    try {
      await this.#tty.suspend();
    } catch (error) {
      if (!(error instanceof ChatError)) return this.#ended.reject(error);
      this.#area.hint = error.message;
    }
    // The room may have ended meanwhile.
    if (this.#state !== "suspended") return;
    this.#state = "open";
    this.#continue();
  }

  /** Takes the terminal again after others had it, also after a SIGSTOP that gave no time to give it back. */
  #continue(): void {
    if (this.#state !== "open") return;
    this.#anchor.forget();
    this.#take();
    this.#transcript.repeatHeadings();
    this.#draw();
  }

  // ---- keys ----------------------------------------------------------------------------------------

  /** Handles all keys of one read, then redraws once, without delay: the user is waiting for it. */
  #handle(keys: readonly Key[]): void {
    for (const key of keys) this.#onKey(key);
    this.#blanks.seen();
    this.#draw();
  }

  #onKey(key: Key): void {
    switch (key.type) {
      // Reports of the terminal.
      case "terminal":
        return this.#anchor.isNamed(key.name);
      case "cursor":
        return this.#anchor.cursorAt(key.column);
      case "focus":
        return this.#attention.focus(key.focused);
      case "background":
        this.#background = themeFor(key);
        return;
      case "attributes":
      case "cell":
      case "graphics":
        return this.#stage.add(key);
    }
    this.#attention.typed();
    this.#area.hint = undefined;
    this.#area.choice = [];
    if (!(key.type === "press" && key.key === "enter")) this.#blanks.forget();
    if (key.type === "press" && key.key === "ctrl-z") return void this.#suspend();
    const request = this.#editor.onKey(key);
    if (request?.type === "submit") this.#leaveQuestion.typed(request.text, true);
    else if (request?.type !== "leave") this.#leaveQuestion.typed(this.#editor.text, false);
    switch (request?.type) {
      case "submit":
        return this.#submit(request.text);
      case "choose":
        this.#area.choice = request.words.map((word) => printable(word.trim()));
        return;
      case "leave":
        return this.#leave(key.type === "press" && key.key === "ctrl-d" ? "Ctrl-D" : "Ctrl-C");
      case "clear-screen":
        return this.#clearScreen();
    }
    this.#area.hint = keyNote(request, key, this.#tty.size().columns);
  }

  #submit(text: string): void {
    if (this.#blanks.asks(text)) {
      this.#area.hint = blankNote(this.#tty.size().columns);
      return this.#editor.takeBack();
    }
    try {
      submit(text, this.#context);
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      this.#refuse(error);
      // The user can correct the line.
      this.#editor.takeBack();
    }
  }

  /** Shows an error and its hint. */
  #refuse(error: ChatError): void {
    this.#answer(error.message, "", "error");
    const hint = hintOf(error, "person");
    if (hint !== undefined) this.#answer(hint, "", "dim");
  }

  /** Leaves the room; a host with others inside is asked first. Again: does not wait until the goodbye has been sent. */
  #leave(action: string): void {
    if (!this.#leaveQuestion.confirms(action)) return;
    if (this.#area.isLeaving) return this.#ended.resolve({ reason: "left" });
    this.#area.isLeaving = true;
    this.#room.leave();
  }

  /** Scrolls everything out of sight instead of erasing it: it stays in the scrollback. */
  #clearScreen(): void {
    if (this.#state !== "open") return;
    const { rows } = this.#tty.size();
    const before = this.#anchor.erase() + this.#wrap() + this.#rows.take() + WRAP_ON;
    this.#tty.write(before + "\r\n".repeat(rows) + HOME);
    this.#transcript.repeatHeadings();
  }

  // ---- messages ------------------------------------------------------------------------------------

  #show(event: RoomEvent): void {
    const now = this.#clock.now();
    if (!this.#grouped.addTransfers(event) && isShown(event, now)) {
      // Messages go above a group that is still growing: in a busy room it would never grow otherwise. But a
      // newcomer's arrival is printed before the newcomer's first words.
      const staysOpen = event.type === "message" || event.type === "direct"
        ? !this.#grouped.mentions(event.from)
        : event.type === "delivered" && !this.#grouped.mentions(event.to);
      if (!staysOpen) this.#printGrouped();
      const page = this.#page();
      const before = this.#attention.rowsBefore(event, page);
      if (before.length > 0) this.#transcript.repeatHeadings();
      this.#push([...before, ...this.#transcript.event(event, shownAt(event, now), page)]);
    }
    if (event.type === "reacted") {
      if (this.#grouped.isFull(event)) this.#printGrouped();
      this.#grouped.addReaction(event);
    }
    const change = changeOf(event);
    if (change) {
      if (change.type === "joined") this.#transcript.reserve([change.who]);
      if (this.#grouped.isFull(change)) this.#printGrouped();
      this.#grouped.addMember(change);
    }
    if (this.#state === "closed") this.#printGrouped();
  }

  #printGrouped(): void {
    for (const sentence of this.#grouped.take()) {
      this.#tryShowing("notice", () => {
        this.#push(this.#transcript.notice(sentence, this.#clock.now(), this.#page()));
      });
    }
  }

  /** Queues rows that are printed above the live area. */
  #push(rows: readonly string[]): void {
    this.#rows.push(rows, this.#tty.size().columns);
  }

  /** Rows that follow all that has happened. */
  #pushBelow(rows: readonly string[]): void {
    this.#printGrouped();
    this.#push(rows);
    this.#drawSoon();
  }

  /** A command's answer; its further rows are indented under the text. */
  #answer(text: string, heading = "", role?: "dim" | "error"): void {
    this.#pushBelow(this.#transcript.answer(heading, text, this.#page(), role));
  }

  /** At the end, messages that may not have arrived stay readable. */
  #printUnsent(): void {
    const print = (heading: string, text: string) =>
      this.#push(this.#transcript.unsent(heading, text, this.#page()));
    for (const { text } of this.#room.pending) print("not confirmed: ", text);
    if (this.#editor.text !== "") print("not sent: ", this.#editor.text);
  }

  /** How rows look that are drawn now. */
  #page(): Page {
    const { theme, time, highlights } = this.#preferences;
    const chosen = theme === "auto" ? this.#background ?? theme : theme;
    return {
      columns: this.#tty.size().columns,
      // NO_COLOR in the environment beats the theme.
      palette: palette(getColorEnabled() ? chosen : "mono"),
      time,
      self: this.#room.self.name,
      highlights,
      links: isCapable(this.#environment),
    };
  }

  // ---- drawing -------------------------------------------------------------------------------------

  /** Draws after the current burst of events; during a long series of bursts, at most once per frame. */
  #drawSoon(): void {
    if (this.#cancelDraw) return;
    const wait = this.#drawPace.wait(this.#clock.now().getTime());
    this.#cancelDraw = this.#clock.after(wait, () => this.#draw());
  }

  #draw(): void {
    this.#cancelDraw?.();
    this.#cancelDraw = undefined;
    if (this.#state === "new" || this.#state === "suspended") return;
    if (this.#state === "closed") {
      const rows = this.#rows.take();
      if (rows !== "") this.#tty.write(rows);
      return;
    }
    // Rows wait, and are drawn when the size has stopped changing.
    if (this.#anchor.holds()) return;
    const rows = this.#wrap() + this.#rows.take(MAX_WRITE);
    let area: LiveRows = { rows: [""], row: 0, before: "" };
    this.#tryShowing("live area", () => area = this.#area.layOut(this.#liveState()));
    this.#anchor.draw(rows, area);
    this.#attention.showTitle();
    this.#redraws.drawn();
    // Keys that were typed meanwhile are handled before the remaining rows are printed.
    if (!this.#rows.isEmpty) this.#cancelDraw = this.#clock.after(0, () => this.#draw());
  }

  #liveState(): LiveState {
    const { rows: height } = this.#tty.size();
    return { page: this.#page(), height, now: this.#clock.now(), unread: this.#attention.unread };
  }

  /** Whether the terminal wraps rows: only if they have waited and the window is narrower than they are now. */
  #wrap(): string {
    return this.#rows.columns > this.#tty.size().columns ? WRAP_ON : WRAP_OFF;
  }
}

/** Does `action` and ignores a failure; only for restoring the terminal. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // The caller says why nothing more can be done.
  }
}
