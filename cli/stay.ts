// Stays in a room until it ends: on a screen, or as lines. Chooses the user interface and gives it what it needs of
// the system. It knows neither how the room was found nor who opened it.

import type { ClassicClient } from "../classic/client.ts";
import type { Client } from "../client.ts";
import { ChatError, messageOf, TerminalGone } from "../errors.ts";
import { SystemFiles } from "../files/user_files.ts";
import type { Viewer } from "../pictures/graphics.ts";
import { type Environment, sendsKeys, TERMINAL_VARIABLES } from "../terminal/environment.ts";
import { Emoji } from "../text/emoji.ts";
import { systemClock } from "../ui/clock.ts";
import type { Context, Invitation } from "../ui/context.ts";
import { follow } from "../ui/follow.ts";
import { hintOf } from "../ui/hints.ts";
import { type Hosting, LeaveQuestion } from "../ui/leave_question.ts";
import { type PlainOptions, PlainScreen } from "../ui/plain.ts";
import type { Preferences } from "../ui/preferences.ts";
import { SavedTranscript } from "../ui/saved_transcript.ts";
import { Screen } from "../ui/screen.ts";
import { startLog, stopLog } from "../ui/start_log.ts";
import { submit } from "../ui/submit.ts";
import { TypedLines } from "../ui/typed_lines.ts";
import type { ScreenOptions } from "./command.ts";
import { unreadable } from "./input.ts";
import { DONE, FAILED, isReaderGone, note, reportEnding, unwritable } from "./output.ts";
import type { Signals } from "./signals.ts";
import { hasTerminal, isInteractive, type System } from "./system.ts";
import { home } from "./user.ts";

/** A member of either kind of room. */
export type Joined = Client | ClassicClient;

/** What was shown to the user, how to show a line besides it, and what else only this user sees. */
interface User {
  readonly saved: SavedTranscript;
  readonly invitation: Invitation | undefined;
  readonly remember: Context["remember"];
  note: (line: string) => void;
}

export interface StayOptions {
  /** A file that keeps a transcript, as people type its path. */
  readonly log?: string | undefined;
  /** For `/invite`. */
  readonly invitation?: Invitation;
  /** What happens to the room when its host leaves it; undefined: this user does not host it. */
  readonly hosting?: Hosting | undefined;
  /** For `/remember`. */
  readonly remember?: Context["remember"];
}

/**
 * Stays in a room until it ends, the user leaves, or a signal arrives; returns the exit code. If that fails, it leaves
 * the room and rejects: a caller that has more to do, such as a server, may go on.
 *
 * @param hosting what happens to the room when this user leaves; undefined: nothing
 */
export async function stay(
  system: System,
  client: Joined,
  screen: ScreenOptions,
  preferences: Preferences,
  signals: Signals,
  { log, hosting, invitation, remember }: StayOptions = {},
): Promise<number> {
  signals.first.then(() => client.leave());
  const saved = new SavedTranscript();
  // Until there is a screen.
  const user: User = { saved, invitation, remember, note: (line) => note(system, `chat: ${line}`) };
  // Programs that run beside a person's chat must not take its file.
  if (log !== undefined && isForPerson(system, screen)) {
    await beginLog(system, client, user, log);
  }
  const crash = Promise.withResolvers<never>();
  const forget = system.onCrash(crash.reject);
  try {
    const code = isInteractive(system) && !screen.json && !screen.plain
      ? await runScreen(system, client, preferences, user, signals, crash.promise, hosting)
      : await runPlain(system, client, screen, preferences, user, signals, crash.promise, hosting);
    return code === DONE ? signals.code : code;
  } catch (error) {
    client.leave();
    throw error;
  } finally {
    forget();
    await stopLog(saved);
  }
}

/** Keeps a log from the beginning; if that fails, a note says so, and the user is in the room all the same. */
async function beginLog(
  system: System,
  room: Joined,
  user: User,
  path: string,
): Promise<void> {
  const { saved } = user;
  const files = new SystemFiles(home(system));
  const print = (line: string) => user.note(line);
  try {
    await startLog({ room, saved, files, now: system.now, print }, path);
  } catch (error) {
    if (!(error instanceof ChatError)) throw error;
    user.note(`nothing is logged. ${error.message}`);
    if (error.hint !== undefined) user.note(`hint: ${error.hint}`);
  }
}

/** Whether a person types and reads, and so has commands; not a program. */
export function isForPerson({ stdin }: System, { json }: Pick<ScreenOptions, "json">): boolean {
  return !json && stdin.isTerminal();
}

/** Whether keys are read one by one. Then a question may follow, which continues that. */
export function usesKeys(
  system: System,
  { json, plain }: Pick<ScreenOptions, "json" | "plain">,
): boolean {
  return isInteractive(system) && !json && (!plain || sendsKeys(terminalVariables(system)));
}

/** Rejects if `work` does, and never resolves. */
async function failureOf(work: Promise<unknown>): Promise<never> {
  await work;
  return await new Promise<never>(() => {});
}

/** The room on a screen: see `ui/screen.ts`. */
async function runScreen(
  system: System,
  client: Joined,
  preferences: Preferences,
  user: User,
  signals: Signals,
  crash: Promise<never>,
  hosting: Hosting | undefined,
): Promise<number> {
  const { notifyCommand } = preferences;
  const screen = new Screen({
    tty: system.openTerminal(),
    room: client,
    preferences,
    saved: user.saved,
    invitation: user.invitation,
    remember: user.remember,
    environment: terminalVariables(system),
    pictures: latePictures(),
    notifyCommand: notifyCommand && ((text) => system.runCommand(notifyCommand, text)),
    ...(hosting && { hosting }),
    onHangUp: () => signals.hangUp(),
    ...commandTools(system),
  });
  user.note = (line) => screen.note(line);
  try {
    const running = client.run((event) => screen.event(event));
    const ending = await Promise.race([screen.run(), failureOf(running), crash]);
    // The goodbye is on its way; a person who asked twice did not wait for it.
    if (client.ending) await running;
    return ending.reason === "left" ? DONE : FAILED;
  } finally {
    // Also after a bug: it must not leave the terminal in raw mode.
    screen.close();
  }
}

/** Pictures are rare and their decoder is large: it is loaded with the first picture. */
function latePictures(): Viewer {
  let pictures: Viewer | undefined;
  return {
    async view(path, name, stage) {
      const { Pictures } = await import("../pictures/pictures.ts");
      pictures ??= new Pictures();
      return await pictures.view(path, name, stage);
    },
  };
}

/** The variables that describe the terminal. */
function terminalVariables(system: System): Environment {
  const given = TERMINAL_VARIABLES.map((name) => [name, system.env(name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** The room as lines: see `ui/plain.ts`. */
async function runPlain(
  system: System,
  client: Joined,
  { json, stay, format }: ScreenOptions,
  preferences: Preferences,
  user: User,
  signals: Signals,
  crash: Promise<never>,
  hosting: Hosting | undefined,
): Promise<number> {
  const hangsUp = watchTerminals(system, signals);
  // As under `nohup`: the room outlives the terminal of its host.
  const isDetached = hosting !== undefined && !hasTerminal(system);
  const isPerson = isForPerson(system, { json });
  // Programs are never asked, and neither is a person who would not see the question.
  const asks = isPerson && system.stderr.isTerminal();
  const question = new LeaveQuestion(client, asks ? hosting : undefined, (text) => noteLine(text));
  signals.mayInterrupt = () => question.confirms("Ctrl-C");
  const typed = isPerson && usesKeys(system, { json, plain: true })
    ? new TypedLines({
      tty: system.openTerminal(),
      clock: systemClock,
      interrupt: () => signals.interrupt(),
      typed: (line) => question.typed(line, false),
    })
    : undefined;
  const input = typed ?? system.stdin;
  const noteLine = (line: string) => {
    if (typed && system.stderr.isTerminal()) typed.print(() => note(system, line));
    else note(system, line);
  };
  const pipes = {
    read: async (buffer: Uint8Array) => {
      try {
        for (;;) {
          const count = await input.read(buffer);
          if (count !== null || hangsUp() || stay) return count;
          // BSD's `nohup` leaves the input in the terminal.
          if (isDetached && isPerson && !system.stdin.isTerminal()) {
            throw new Error("the terminal has gone");
          }
          if (question.confirms("Ctrl-D")) return null;
        }
      } catch (cause) {
        if (hangsUp()) return null;
        // As under GNU's `nohup`, which replaces a terminal with something that cannot be read.
        if (isDetached && !stay) {
          throw new TerminalGone(`Cannot read the input: ${messageOf(cause)}`, { cause });
        }
        if (!stay) unreadable(cause, "To stay without input: --stay");
        noteLine(`chat: the input counts as empty: ${messageOf(cause)}`);
        return null;
      }
    },
    writeOut: (bytes: Uint8Array) => typed?.write(bytes) ?? system.stdout.write(bytes),
    note: noteLine,
  };
  user.note = noteLine;
  const options = { json, stay, format, now: system.now };
  const person = isPerson ? commandsFor(system, client, preferences, user, noteLine, question) : {};
  const plain = new PlainScreen(client, pipes, { ...options, ...person });
  try {
    const running = client.run((event) => plain.event(event));
    // The end of the input is not awaited: a read of stdin cannot be cancelled, and the room may end before it.
    await Promise.race([running, failureOf(plain.run()), crash]);
    await plain.flush();
  } finally {
    typed?.close();
    signals.mayInterrupt = () => true;
  }
  if (plain.broken) {
    const { cause } = plain.broken;
    if (hangsUp()) return DONE;
    if (isReaderGone(cause)) return FAILED;
    throw unwritable(cause);
  }
  const code = reportEnding(system, client.ending!, client.info.address, client.pending.length);
  return plain.faults > 0 ? FAILED : code;
}

/**
 * Returns a function that looks whether a terminal has gone since then, and counts that as a hang-up: reading from one
 * that has gone fails, or finds the end as after Ctrl-D. A program with its output in files outlives its terminal.
 */
function watchTerminals({ stdin, stdout, stderr }: System, signals: Signals): () => boolean {
  const isShown = hasTerminal({ stdout, stderr });
  const terminals = [stdin, stdout].filter((stream) => isShown && stream.isTerminal());
  return () => {
    const isGone = terminals.some((stream) => !stream.isTerminal());
    if (isGone) signals.hangUp();
    return isGone;
  };
}

/** Gives a person at a terminal that can only print the commands all the same. */
function commandsFor(
  system: System,
  room: Joined,
  preferences: Preferences,
  { saved, invitation, remember }: User,
  noteLine: (line: string) => void,
  question: LeaveQuestion,
): Pick<PlainOptions, "onLine" | "onEvent"> {
  const context: Context = {
    room,
    preferences,
    saved,
    invitation,
    remember,
    now: system.now,
    print: (line, heading = "") => noteLine(heading + line),
    rest: () => new Promise((resolve) => systemClock.after(0, resolve)),
    refuse: (error) => {
      noteLine(error.message);
      const hint = hintOf(error, "person");
      if (hint !== undefined) noteLine(hint);
    },
    leave(action) {
      if (question.confirms(action)) room.leave();
    },
    ...commandTools(system),
  };
  return {
    onLine(line) {
      question.typed(line, true);
      submit(line, context);
    },
    onEvent: (event) => follow(event, context),
  };
}

/** What commands use besides the room. */
function commandTools(system: System): { files: SystemFiles; emoji: Emoji } {
  const emoji = new Emoji();
  // Nothing waits for the names; until they are loaded, `:smile:` stays plain text.
  emoji.load().catch(() => {});
  return { files: new SystemFiles(home(system)), emoji };
}
