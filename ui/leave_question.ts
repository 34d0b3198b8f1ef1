// The question before the host of a room leaves it: the room closes with its host, or is paused if it is kept. Asked
// once; anything but leaving again cancels it. Knows no terminal: the screen and plain mode show its text.

import type { Room } from "../room.ts";
import { cut, width } from "../text/width.ts";

/** What happens to a room when its host leaves: it is over; or it is kept, and goes on when it is opened again. */
export type Hosting = "closes" | "pauses";

export class LeaveQuestion {
  readonly #room: Pick<Room, "size" | "awayCount">;
  readonly #hosting: Hosting | undefined;
  /** What the user did, and can do again to confirm; undefined: nothing has been asked. */
  #asked: string | undefined;
  #isConfirmed = false;
  readonly #ask: ((text: string) => void) | undefined;

  /**
   * @param hosting undefined: the user does not host the room, and is never asked
   * @param ask shows the question; a screen shows `text` instead, while there is one
   */
  constructor(
    room: Pick<Room, "size" | "awayCount">,
    hosting: Hosting | undefined,
    ask?: (text: string) => void,
  ) {
    this.#room = room;
    this.#hosting = hosting;
    this.#ask = ask;
  }

  /**
   * Whether to leave now. If not, the user is asked.
   *
   * @param action what the user did to leave, such as Ctrl-C
   */
  confirms(action: string): boolean {
    this.#isConfirmed ||= this.#asked !== undefined || this.#others() === undefined;
    this.#asked = this.#isConfirmed ? undefined : action;
    if (!this.#isConfirmed) this.#ask?.(this.text()!);
    return this.#isConfirmed;
  }

  /**
   * The user typed something that does not leave by itself. That cancels the question, unless it becomes `/quit`.
   *
   * @param line as far as it is typed
   * @param isComplete whether Enter ended it
   */
  typed(line: string, isComplete: boolean): void {
    const leaves = isComplete ? line.trim() === "/quit" : line !== "" && "/quit ".startsWith(line);
    if (!leaves) this.#asked = undefined;
  }

  /** The question in the longest form that fits; undefined if there is none to answer. */
  text(columns: number = Infinity): string | undefined {
    const again = this.#asked;
    if (again === undefined) return undefined;
    const others = this.#others();
    // They have left since.
    if (others === undefined) return cut(`${again} again to leave`, columns);
    const forms = this.#hosting === "pauses"
      ? [
        `You host this room; leaving pauses it for ${others} until you open it again. ${again} again to leave`,
        `Leaving pauses the room for ${others}; ${again} again to leave`,
        `${again} again pauses it for ${others}`,
        `${again} again pauses the room`,
      ]
      : [
        `You host this room; leaving closes it for ${others}. ${again} again to close it`,
        `Leaving closes the room for ${others}; ${again} again to close it`,
        `${again} again closes it for ${others}`,
        `${again} again closes the room`,
      ];
    return forms.find((form) => width(form) <= columns) ?? cut(forms.at(-1)!, columns);
  }

  /** The members that lose the room: undefined if there are none. */
  #others(): string | undefined {
    if (this.#hosting === undefined) return undefined;
    const { size, awayCount } = this.#room;
    const others = size - 1;
    // A kept room keeps its absent members, too: the pause takes nothing from them.
    const counted = this.#hosting === "pauses" ? others - awayCount : others;
    if (counted <= 0) return undefined;
    const away = this.#hosting === "pauses" || awayCount === 0
      ? ""
      : others === 1
      ? " (away)"
      : ` (${awayCount === others ? "all" : awayCount} away)`;
    return `${counted} ${counted === 1 ? "other" : "others"}${away}`;
  }
}
