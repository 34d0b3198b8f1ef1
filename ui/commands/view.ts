// Commands about the screen and about notifications.

import {
  NOTIFY,
  type Notify,
  type Preferences,
  type Theme,
  THEMES,
  type Time,
  TIMES,
} from "../preferences.ts";
import type { SlashCommand } from "./command.ts";

export const VIEW: readonly SlashCommand[] = [
  {
    name: "mute",
    misuse: "/silence MEMBER is for moderators; /ignore MEMBER hides a member from you alone",
    args: "",
    help: "silences notifications; again to undo",
    screen: true,
    run({ preferences, print }) {
      preferences.muted = !preferences.muted;
      print(
        preferences.muted ? "muted: no notifications; /mute to undo" : notifying(preferences),
      );
    },
  },
  {
    name: "notify",
    others: ["notifications"],
    args: `[${NOTIFY.join("|")}]`,
    help: "sets which messages notify you in the background",
    screen: true,
    run({ preferences, print }, which?: string) {
      if (which !== undefined) preferences.notify = which as Notify;
      print(
        notifying(preferences) + (preferences.muted ? "; muted: /mute to undo" : ""),
      );
    },
  },
  {
    name: "time",
    args: `[${TIMES.join("|")}]`,
    help: "shows times with seconds, without, or not at all",
    screen: true,
    run({ preferences, print }, time?: string) {
      if (time !== undefined) preferences.time = time as Time;
      print(`times: ${preferences.time}`);
    },
  },
  {
    name: "theme",
    args: `[${THEMES.join("|")}]`,
    help: "sets colours for a dark or light background",
    screen: true,
    run({ preferences, print }, theme?: string) {
      if (theme !== undefined) preferences.theme = theme as Theme;
      print(`theme: ${preferences.theme}`);
    },
  },
  {
    name: "show",
    args: "[MEMBER]",
    help: "shows more of a long message: the last one, or the last one from a member",
    screen: true,
    members: ({ room }) => room.members.map(({ name }) => name),
    run: ({ screen }, who?: string) => screen!.more(who),
  },
  {
    name: "clear",
    others: ["cls"],
    args: "",
    help: "clears the screen, as Ctrl-L does",
    screen: true,
    run: ({ screen }) => screen!.clear(),
  },
];

function notifying({ notify }: Preferences): string {
  switch (notify) {
    case "all":
      return "all messages notify you while the window is in the background";
    case "mentions":
      return "mentions and direct messages notify you while the window is in the background";
    case "off":
      return "no messages notify you";
  }
}
