// Commands about the room as such: its transcript, the connection, leaving.

import { ChatError } from "../../errors.ts";
import { toPath } from "../../files/paths.ts";
import { counted } from "../../text/counts.ts";
import { printable } from "../../text/printable.ts";
import { Search } from "../search.ts";
import { startLog, stopLog } from "../start_log.ts";
import { topicText } from "../status_text.ts";
import { type SlashCommand, written } from "./command.ts";

/** The word that removes the topic, as in irssi and WeeChat. */
const DELETE = "-delete";

export const ROOM: readonly SlashCommand[] = [
  {
    name: "topic",
    args: "[TEXT]",
    help: `shows or sets the topic of the room; /topic ${DELETE} removes it`,
    run(context, text?: string) {
      const { room, now, print } = context;
      if (text !== undefined) return room.setTopic(text === DELETE ? "" : written(text, context));
      const { topic } = room;
      if (topic) return print(printable(topicText(topic, now())));
      const isOpen = room.self.moderator || room.governance?.moderators.length === 0;
      print(`no topic is set; ${isOpen ? "/topic TEXT sets one" : "only moderators set it"}`);
    },
  },
  {
    name: "save",
    args: "FILE",
    help: "saves what you have seen to a new file that only you can read",
    run({ room, saved, files, now, print }, file: string) {
      if (!files) throw new ChatError("Cannot save: chat has no access to files here");
      const path = toPath(file, files);
      const created = files.create(path, saved.text(room.info.address, now()));
      if (created === undefined) {
        throw new ChatError(`Cannot save to ${printable(path)}: the file exists already`, {
          hint: "chat never overwrites a file: choose another name",
        });
      }
      const { size, dropped } = saved;
      const left = dropped === 0 ? "" : `; ${counted(dropped, "older line")} left out`;
      print(`saved ${counted(size, "line")} in ${printable(created)}${left}`);
    },
  },
  {
    name: "search",
    args: "[TEXT]",
    help: "finds a text in the conversation and in the log; alone, shows more hits",
    run(context, text?: string) {
      const { saved } = context;
      if (text !== undefined) {
        saved.search?.cancel();
        saved.search = new Search(written(text, context), context);
        void saved.search.run();
      } else if (saved.search) saved.search.more();
      else {
        throw new ChatError("Cannot show more hits: there was no search yet", {
          hint: "/search TEXT finds a text",
        });
      }
    },
  },
  {
    name: "around",
    args: "[N]",
    help: "shows the messages around a hit of /search, by its number",
    run({ saved }, n: string) {
      if (!saved.search) {
        throw new ChatError("Cannot show a hit: there was no search yet", {
          hint: "/search TEXT finds a text",
        });
      }
      saved.search.around(/^\d*$/.test(n) ? Number(n || 1) : 0);
    },
  },
  {
    name: "log",
    args: "[FILE]",
    help: "keeps a transcript in a private file from now on; /log off ends it",
    run(context, file?: string) {
      const { saved, print } = context;
      if (file === undefined) {
        const { log } = saved;
        if (log) print(`logging to ${printable(log.path)}; /log off to stop`);
        else print("not logging; /log FILE to start");
      } else if (file !== "off") {
        startLog(context, file).then(
          (path) => print(`logging to ${printable(path)}; /log off to stop`),
          (error) => {
            if (!(error instanceof ChatError)) throw error;
            context.refuse(error);
          },
        );
      } else if (!saved.log) print("not logging");
      else {
        print(`no longer logging to ${printable(saved.log.path)}`);
        void stopLog(saved);
      }
    },
  },
  {
    name: "invite",
    args: "",
    help: "shows you how others join this room, and its code",
    run({ room, invitation, print }) {
      const { address, cipher } = room.info;
      const { commands, remark, code } = invitation ?? { commands: [`chat join ${address}`] };
      for (const command of commands) print(printable(command), "others join with: ");
      if (remark !== undefined) print(remark, "", "dim");
      if (code !== undefined) print(printable(code), "code: ");
      else if (cipher === "sealed") print("they need the code, which chat does not know");
      else print("there is no code: anyone who reaches the address can join and read");
    },
  },
  {
    name: "remember",
    args: "NAME",
    help: "remembers this room: then chat join NAME joins it",
    run({ remember, room, print, refuse }, name: string) {
      if (room.info.classic || !remember) {
        throw new ChatError(
          `Cannot remember this room: ${
            room.info.classic ? "it is a classic one" : "chat has no access to files here"
          }`,
        );
      }
      remember(name).then((lines) => lines.forEach((line) => print(line)), (error) => {
        if (!(error instanceof ChatError)) throw error;
        refuse(error);
      });
    },
  },
  {
    name: "reconnect",
    args: "",
    help: "tries to reconnect now",
    run({ room, print }) {
      if (room.link.state === "connected") print("already connected");
      else room.reconnect();
    },
  },
  {
    name: "quit",
    others: ["exit", "part", "leave", "bye", "disconnect"],
    args: "",
    help: "leaves the room",
    run: ({ leave }) => leave("/quit"),
  },
];
