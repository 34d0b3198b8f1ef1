// Test helper: the real screen on the terminal of this process, in a fake room where bob talks. Started in terminals
// whose windows are dragged (`drag.ts`). No part of the program.
//
//   deno run -A dragged_screen.ts '{"file": PATH, "draft": N, "first": N, "every": MS, "typed": MS, "transfers": N}'
//
// When the first messages are there, it writes its process id to the file. At SIGUSR1 it stops talking and adds what
// must be on the screen then.

import { type Environment, TERMINAL_VARIABLES } from "../../terminal/environment.ts";
import { SystemTty } from "../../terminal/tty.ts";
import { Screen } from "../../ui/screen.ts";
import { BOB, FakeRoom, OFFER } from "./fake_room.ts";

interface Play {
  readonly file: string;
  /** Characters in the edited line at the beginning. */
  readonly draft: number;
  /** Messages at the beginning. */
  readonly first: number;
  /** A message each time this many ms have passed; 0: none. */
  readonly every: number;
  /** A typed character each time this many ms have passed; 0: none. */
  readonly typed: number;
  /** Transfers that are running. */
  readonly transfers: number;
}

/** What must be on the screen in the end. */
export interface Expected {
  readonly pid: number;
  readonly messages: number;
  readonly draft: string;
}

/** A terminal on which something types by itself. */
class TypingTty extends SystemTty {
  readonly #typed: Uint8Array[] = [];
  #real: Promise<Uint8Array | null> | undefined;
  #news = Promise.withResolvers<void>();

  press(text: string): void {
    this.#typed.push(new TextEncoder().encode(text));
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  override async read(): Promise<Uint8Array | null> {
    for (;;) {
      const next = this.#typed.shift();
      if (next) return next;
      this.#real ??= super.read();
      const came = await Promise.race([this.#real, this.#news.promise]);
      if (came === undefined) continue;
      this.#real = undefined;
      return came;
    }
  }
}

/** Character number `at` of the draft: nothing else on the screen looks like a part of it. */
const draftFrom = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => {
    const at = from + i;
    return `Q${String(Math.floor(at / 5) % 1000).padStart(3, "0")}+`[at % 5];
  }).join("");

/** So many messages fill the screen. */
const FULL = 40;

const WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor "
  .repeat(2);

if (import.meta.main) {
  const play: Play = JSON.parse(Deno.args[0]!);
  // GNU screen loses some of the oldest rows when it wraps its history, whatever runs in it.
  if (play.first >= FULL) console.log("before\n".repeat(100));
  const tty = new TypingTty();
  const room = new FakeRoom({ maxText: 64 * 1024 });
  room.transfers = Array.from(
    { length: play.transfers },
    (_, i) => ({ ...OFFER, number: i + 1, state: "running", bytes: 1024 * 1024, rate: 65536 }),
  );
  const environment: Environment = Object.fromEntries(
    TERMINAL_VARIABLES.map((name) => [name, Deno.env.get(name)]).filter(([, value]) => value),
  );
  const screen = new Screen({ tty, room, environment });
  void screen.run();
  let messages = 0;
  const say = () => {
    const n = ++messages;
    const text = `#${String(n).padStart(5, "0")}: ${WORDS.slice(0, (n * 37) % 110)}$`;
    screen.event(room.message(BOB, text));
  };
  let typed = play.draft;
  tty.press(draftFrom(0, typed));
  for (let n = 0; n < play.first; n++) say();
  const timers = [
    ...play.every > 0 ? [setInterval(say, play.every)] : [],
    ...play.typed > 0 ? [setInterval(() => tty.press(draftFrom(typed, ++typed)), play.typed)] : [],
  ];
  const tell = (pid: number, messages: number) => {
    const expected: Expected = { pid, messages, draft: draftFrom(0, typed) };
    // Renamed, so that nobody reads half of it.
    Deno.writeTextFileSync(`${play.file}.new`, JSON.stringify(expected));
    Deno.renameSync(`${play.file}.new`, play.file);
  };
  Deno.addSignalListener("SIGUSR1", () => {
    for (const timer of timers) clearInterval(timer);
    tell(Deno.pid, messages);
  });
  setTimeout(() => tell(Deno.pid, 0), 300);
}
