// Test helper: what commands may use, in plain mode; `done` has the lines that they print. Not part of the program.

import { Preferences } from "../../ui/preferences.ts";
import type { Context } from "../../ui/context.ts";
import { SavedTranscript } from "../../ui/saved_transcript.ts";
import { FakeRoom } from "./fake_room.ts";

export function fakeContext(fields: Partial<Context> = {}): { context: Context; done: string[] } {
  const done: string[] = [];
  const context: Context = {
    room: new FakeRoom(),
    preferences: new Preferences(),
    saved: new SavedTranscript(),
    now: () => new Date("2024-02-28T12:00:00Z"),
    print: (line, heading = "") => void done.push(heading + line),
    refuse: ({ message }) => void done.push(message),
    rest: () => Promise.resolve(),
    leave: () => void done.push("leave"),
    ...fields,
  };
  return { context, done };
}
