// What commands and completion may use: the room, the user's preferences, files, and where answers go. Types
// only; knows no screen.

import type { ChatError } from "../errors.ts";
import type { Files } from "../files/paths.ts";
import type { Room } from "../room.ts";
import type { Emoji } from "../text/emoji.ts";
import type { Preferences } from "./preferences.ts";
import type { Hit } from "./search_hit.ts";
import type { SavedTranscript } from "./saved_transcript.ts";

/** What a command may use. */
export interface Context {
  readonly room: Room;
  readonly preferences: Preferences;
  /** The lines that `/save` writes, and the log that they go to. */
  readonly saved: SavedTranscript;
  now(): Date;
  /**
   * Shows one line without control characters to this user only. `heading` precedes it; further rows of a long
   * line are indented under the text. Dim rows explain the others.
   */
  print(line: string, heading?: string, role?: "dim"): void;
  /** Shows an error of a command that has gone on after `run`. */
  refuse(error: ChatError): void;
  /** Leaves the room, or asks whether to. `action` is what the user did to leave, and may do again to confirm. */
  leave(action: string): void;
  /** Resolves when keys and messages have had a turn: for long work. */
  rest(): Promise<void>;
  /** Undefined in plain mode, where commands that need a screen are refused. */
  readonly screen?: {
    /** The size of the terminal. */
    size(): { readonly columns: number; readonly rows: number };
    clear(): void;
    /**
     * Shows more of the text that was cut last, of everybody or of one member.
     *
     * @throws {ChatError} if there is none
     */
    more(from?: string): void;
    /** Shows hits of a search, each in one row. */
    hits(hits: readonly Hit[]): void;
    /** Shows a file as a picture once it has been decoded. */
    view(path: string, name: string): void;
  };
  /**
   * Adds the room to the user's config file; returns lines about what has been done. Undefined: it cannot be added.
   *
   * @throws {ChatError} if that fails
   */
  readonly remember?: ((name: string) => Promise<readonly string[]>) | undefined;
  /** Undefined: files can be neither saved nor sent. */
  readonly files?: Files | undefined;
  /** For `/invite`; undefined: it is unknown. */
  readonly invitation?: Invitation | undefined;
  /** Undefined: `:smile:` stays text. */
  readonly emoji?: Emoji | undefined;
}

/** How others get into the room. For this user's eyes: it is never sent, saved or logged. */
export interface Invitation {
  /** What the other person types. */
  readonly commands: readonly string[];
  /** What to know about the address. */
  readonly remark?: string;
  /** Undefined: the room has none, or this client does not know it. */
  readonly code?: string;
}

/** What completion uses: only the room is required. */
export type CompletionContext = Pick<Context, "room"> & Partial<Omit<Context, "room">>;
