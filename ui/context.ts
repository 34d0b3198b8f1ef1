// TODO: say what this is.

import type { Files } from "../files/paths.ts";
import type { Room } from "../room.ts";
import type { Emoji } from "../text/emoji.ts";
import type { Preferences } from "./preferences.ts";
import type { SavedTranscript } from "./saved_transcript.ts";

/** What a command may use. */
export interface Context {
  readonly room: Room;
  readonly preferences: Preferences;
  /** What `/save` writes. */
  readonly saved: SavedTranscript;
  now(): Date;
  /**
   * Shows one line to this person alone; it holds no controls. `heading` stands in front, and where the line
   * takes several rows they stand under each other.
   */
  print(line: string, heading?: string): void;
  /** Where the terminal can do more than print; without it, what is about that is refused. */
  readonly screen?: {
    /** Moves all that is on the screen out of sight. */
    clear(): void;
    /** Shows a file as a picture, some time later. */
    view(path: string, name: string): void;
  };
  /** Where there are none, nothing can be saved. */
  readonly files?: Files | undefined;
  /** Where there are none, `:smile:` is a text like others. */
  readonly emoji?: Emoji | undefined;
}

// ---- completing ------------------------------------------------------------------------------------

/** What completion needs to know. */
export type CompletionContext = Pick<Context, "room"> & Partial<Omit<Context, "room">>;
