// Draws the picture in README: a session of the real program on real terminals, as one of them shows it. A tool for
// developers of `chat`: the program never imports this file.
//
//   deno task picture    docs/session.svg; not changed if only times would differ
//
// It needs a shell, and the default port of rooms must be free.
//
// Exit code 0: the path is on stdout. 1: not drawn, the reason is on stderr. 2: misuse.

import type { ScreenCells } from "../tests/support/cells.ts";
import { Home, start } from "../tests/support/program.ts";
import { Terminal } from "../tests/support/pty.ts";
import { picture } from "./session_svg.ts";

const PATH = "docs/session.svg";

/** The room's code. Members read it from the environment, so that it is not on the screen. */
const CODE = "abandon ability able about";
const COMMAND = "chat serve --join --name alice";

/** The size of alice's terminal: the conversation fits, with no row to spare. */
const ROWS = 19;
const COLUMNS = 80;

const [PASTE_START, PASTE_END] = ["\x1b[200~", "\x1b[201~"];

export interface Turn {
  readonly who: "alice" | "carol" | "dave";
  readonly typed: string;
  /** The rows that alice sees, without the time and the name. */
  readonly seen: readonly string[];
}

/** The messages. Alice has opened the room, and her screen is drawn. */
export const CONVERSATION: readonly Turn[] = [
  {
    who: "dave",
    typed: "/msg alice it is carol's birthday: cake at four? :cake:",
    seen: ["it is carol's birthday: cake at four? 🍰"],
  },
  {
    who: "carol",
    typed: "Good morning! The Windows build is *green* at last",
    seen: ["Good morning! The Windows build is green at last"],
  },
  {
    who: "carol",
    typed: "it _did_ hang in `flush.ts`, as dave had said",
    seen: ["it did hang in flush.ts, as dave had said"],
  },
  {
    who: "dave",
    typed: [
      "this is all it took:",
      "```",
      "const late = deadline(5_000);",
      "await Promise.race([written, late]);",
      "```",
    ].join("\n"),
    seen: [
      "this is all it took:",
      "const late = deadline(5_000);",
      "await Promise.race([written, late]);",
    ],
  },
  {
    who: "alice",
    typed: "Well done, both of you! :tada:",
    seen: ["Well done, both of you! 🎉"],
  },
  {
    who: "carol",
    typed: "alice, can it go out today? https://example.org/builds/214",
    seen: ["alice, can it go out today? https://example.org/builds/214"],
  },
  { who: "dave", typed: "/me puts the kettle on", seen: ["puts the kettle on"] },
];
/** The text in alice's line. */
export const REPLY = "Yes! One more look at the changelog, then I tag it";

/** A user with a home of their own, at a terminal. */
class Seat implements AsyncDisposable {
  readonly #home = new Home();
  readonly terminal: Terminal;

  constructor() {
    const { NO_COLOR: _, ...env } = this.#home.env;
    // A command with the name `chat`, as if it were installed.
    const folder = `${this.#home.path}/bin`;
    Deno.mkdirSync(folder);
    const words = [start.path, ...start.args].map((word) => `'${word}'`).join(" ");
    Deno.writeTextFileSync(`${folder}/chat`, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o700 });
    this.terminal = new Terminal({
      columns: COLUMNS,
      rows: ROWS,
      wideEmoji: true,
      env: {
        ...env,
        PATH: `${folder}:${env["PATH"]}`,
        CHAT_CODE: CODE,
        // The emulator does not report its background colour.
        CHAT_THEME: "dark",
        TZ: morning(),
      },
    });
  }

  async run(command: string): Promise<void> {
    // Wait for the shell's prompt: text that is typed before it is shown twice.
    await this.terminal.shows(/^\$/);
    this.terminal.type(`${command}\r`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A running program could write into a folder that is being removed.
    try {
      // Remove the text in the line first. The host may be asked whether to close the room.
      this.terminal.type("\x15/quit\r/quit\r");
      await this.terminal.shows(/\n\$ *$/);
    } finally {
      await this.terminal[Symbol.asyncDispose]();
      this.#home[Symbol.dispose]();
    }
  }
}

/** A time zone in which it is now between ten and eleven in the morning, which suits the conversation. */
function morning(): string {
  // From -11 to 12, so that the zone exists.
  const hours = (10 - new Date().getUTCHours() + 24 + 11) % 24 - 11;
  // POSIX has the opposite signs.
  return `Etc/GMT${hours > 0 ? "-" : "+"}${Math.abs(hours)}`;
}

/** Plays the conversation. Resolves with alice's screen. */
async function play(): Promise<ScreenCells> {
  await using alice = new Seat();
  await alice.run(COMMAND);
  await alice.terminal.shows("nobody else is here yet");
  await using carol = new Seat();
  await carol.run("chat join --name carol");
  await alice.terminal.shows("carol joined");
  await using dave = new Seat();
  await dave.run("chat join --name dave");
  // One sentence, because there was no message in between.
  await alice.terminal.shows("carol and dave joined");
  // A direct message needs the list of members.
  for (const { terminal } of [carol, dave]) await terminal.shows(/ here: alice[^]*^>/m);
  const seats = { alice, carol, dave };
  for (const { who, typed, seen } of CONVERSATION) {
    const keys = typed.includes("\n") ? `${PASTE_START}${typed}${PASTE_END}` : typed;
    seats[who].terminal.type(`${keys}\r`);
    // A message of alice's with an ellipsis in front is not confirmed yet.
    await alice.terminal.shows(new RegExp(`^[^…\\n]*${RegExp.escape(seen.at(-1)!)}`, "m"));
  }
  alice.terminal.type(REPLY);
  await alice.terminal.shows(`> ${REPLY}`);
  await alice.terminal.shows("3 members · connected");
  if (alice.terminal.rows[0] !== `$ ${COMMAND}`) {
    throw new RangeError(`The first row has left the screen: ROWS is ${ROWS}, it should be more`);
  }
  return alice.terminal.screen;
}

/** Without the times of day: they alone do not require a new picture. */
function timeless(svg: string): string {
  return svg.replace(/>\d\d:\d\d(?=[ <])/g, ">00:00");
}

async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    console.error("usage: session_picture.ts");
    return 2;
  }
  try {
    const svg = picture(await play(), "chat");
    const old = existing(PATH);
    if (old === undefined || timeless(old) !== timeless(svg)) Deno.writeTextFileSync(PATH, svg);
  } catch (error) {
    console.error(`picture: error: Cannot draw ${PATH}: ${error}`);
    return 1;
  }
  console.log(PATH);
  return 0;
}

function existing(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
