// chat send: sends one message, to the room or to one member, or offers files, and leaves. It has no screen: stderr shows the progress.

import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { toText } from "@std/streams/to-text";
import type { Client } from "../client.ts";
import { ChatError, TerminalGone } from "../errors.ts";
import { MAX_FRAME } from "../protocol.ts";
import type { RoomEvent, Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";
import { laterText } from "../ui/member_lists.ts";
import { whyRefused } from "../ui/moderation_text.ts";
import { notDelivered } from "../ui/notices.ts";
import { plainLines } from "../ui/plain_lines.ts";
import { offerSentence, ProgressLines } from "../ui/transfer_text.ts";
import { admit, SCRIPT_RETRY_MS } from "./admit.ts";
import type { Command } from "./command.ts";
import { unreadable } from "./input.ts";
import { DONE, FAILED, note, report, reportEnding } from "./output.ts";
import { chooseRoom } from "./rooms.ts";
import { renewSavedCode } from "./saved_code.ts";
import { Signals } from "./signals.ts";
import type { System } from "./system.ts";
import { chosenName, type ChosenSettings, filesFor, loadSettings } from "./user.ts";

/** Events about this user's files that stderr shows, besides offers. */
const REPORTED: readonly RoomEvent["type"][] = ["transfer", "changes", "incomplete", "unsent"];

type SendCommand = Command & { verb: "send" };

/** Returns the exit code. */
export async function send(command: SendCommand, system: System): Promise<number> {
  const { speaker, retry, files } = command;
  const config = await loadSettings(system, speaker.config);
  // Scripts run it, also at a terminal: it asks for no room.
  const { target, settings } = await chooseRoom(system, command.target, config, false);
  if (files.length > 0) return await sendFiles(system, { ...command, target }, settings);
  const text = command.text ?? await readMessage(system);
  const name = chosenName(speaker, settings);
  // If it is killed, or loses its connection in the last moment, it has left.
  const client = await admit(system, target, name, retry ?? SCRIPT_RETRY_MS, {
    brief: true,
    onCode: (saved) => renewSavedCode(system, speaker.config, target, saved),
  });
  if (command.to !== undefined) return await sendTo(system, client, command.to, text);
  let ref: number;
  try {
    ref = client.say(text);
  } catch (error) {
    client.leave();
    await client.run(() => {});
    throw error;
  }
  let code: number | undefined;
  await client.run((event) => {
    if (event.type === "message" && event.ref === ref) code = DONE;
    else if (event.type === "refused" && event.ref === ref) code = reportRefused(system, event);
    else return;
    client.leave();
  });
  return code ?? reportEnding(system, client.ending!, client.info.address, 1);
}

/** Reports that the room has not taken something; returns the exit code. */
function reportRefused(system: System, event: RoomEvent & { type: "refused" }): number {
  note(system, `chat: error: Cannot send this: ${whyRefused(event)}`);
  return FAILED;
}

/** Sends a direct message; returns the exit code. If the receiver is not in the room, nothing is sent to anybody. */
async function sendTo(system: System, client: Client, to: string, text: string): Promise<number> {
  let ref: number | undefined;
  let code: number | undefined;
  const leave = (exitCode: number) => {
    code = exitCode;
    client.leave();
  };
  await client.run((event) => {
    // Only a complete list of members shows who is in the room.
    if (event.type === "members" && ref === undefined && code === undefined) {
      try {
        ref = client.tell(to, text);
      } catch (error) {
        leave(report(system, error));
      }
    } else if (event.type === "delivered" && event.ref === ref) {
      const later = laterText(event, system.now());
      if (later !== undefined) note(system, `chat: ${printable(later)}`);
      leave(DONE);
    } else if (event.type === "undelivered" && event.ref === ref) {
      note(system, `chat: error: Cannot send this message: ${printable(notDelivered(event))}`);
      leave(FAILED);
    }
  });
  return code ?? reportEnding(system, client.ending!, client.info.address, 1);
}

/**
 * Offers files and the files of folders, and stays until all are received: by the member that they are for, or each by
 * any one member.
 */
async function sendFiles(
  system: System,
  { speaker, target, retry, files, to, partial, rate }: SendCommand,
  settings: ChosenSettings,
): Promise<number> {
  const own = { downloads: undefined, accept: "ask", acceptLimit: 0, rate } as const;
  // Offers of others stay unanswered, because no person is here to accept them. So the downloads folder does not matter.
  const { "file-rate": fileRate = "0" } = settings;
  const options = filesFor(system, own, { "file-rate": fileRate });
  const name = chosenName(speaker, settings);
  const client = await admit(system, target, name, retry ?? SCRIPT_RETRY_MS, {
    files: options,
    onCode: (saved) => renewSavedCode(system, speaker.config, target, saved),
  });
  const signals = new Signals(system);
  signals.first.then(() => client.leave());
  let failed = false;
  let isIncomplete = false;
  let isOffering = false;
  let isDone = false;
  const progress = new ProgressLines();
  // By the numbers of the offers.
  const offered = new Set<number>();
  const received = new Set<number>();
  try {
    await client.run((event) => {
      if (event.type === "members" && !isOffering) {
        isOffering = true;
        try {
          client.offer(files, to);
        } catch (error) {
          report(system, error);
          failed = true;
          client.leave();
        }
      }
      if (event.type === "unsent") failed = true;
      if (event.type === "refused") failed = reportRefused(system, event) !== DONE;
      if (event.type === "incomplete") isIncomplete = true;
      if (isFromOthers(event)) return;
      if (event.type === "offer") {
        note(system, `chat: ${printable(offerSentence(event, false))}`);
        for (const { offer } of event.files) offered.add(offer);
      } else if (event.type === "progress") {
        const line = progress.take(client.going, system.now().getTime());
        if (line !== undefined) note(system, `chat: ${printable(line)}`);
      } else if (REPORTED.includes(event.type)) {
        for (const { text } of plainLines(event, system.now())) note(system, `chat: ${text}`);
      }
      for (const transfer of changedBy(event)) {
        failed ||= isRefused(transfer, to);
        if (transfer.state === "done") received.add(transfer.offer);
      }
      // Looks at all transfers only when this can be the last one: a folder may have thousands.
      const isOver = received.size > 0 && received.size >= offered.size && !client.offering &&
        client.transfers.every((one) => one.direction === "in" || received.has(one.offer));
      isDone ||= isOffering && isOver;
      if (isOffering && (failed || isOver)) client.leave();
    });
  } finally {
    signals.forget();
  }
  const code = reportEnding(system, client.ending!, client.info.address, 0);
  if (failed || (isIncomplete && !partial)) return FAILED;
  if (code !== DONE || signals.code !== DONE) return code === DONE ? signals.code : code;
  if (isDone) return DONE;
  note(system, "chat: error: Stopped before all files were received");
  return FAILED;
}

/** Whether the event is about a file that another member offers. */
function isFromOthers(event: RoomEvent): boolean {
  if (event.type === "offer") return !event.from.self;
  const changed = changedBy(event);
  return changed.length > 0 && changed.every(({ direction }) => direction === "in");
}

function changedBy(event: RoomEvent): readonly Transfer[] {
  if (event.type === "transfer") return [event.transfer];
  return event.type === "changes" ? event.transfers : [];
}

/** Whether the receiver does not take the file. A file for all members may be declined by some. */
function isRefused({ state }: Transfer, to: string | undefined): boolean {
  return state === "failed" ||
    (to !== undefined && (state === "declined" || state === "cancelled"));
}

/** Reads stdin as one message, without the newline at its end. */
async function readMessage(system: System): Promise<string> {
  const isTyped = system.stdin.isTerminal();
  if (isTyped) {
    note(system, "chat: type the message; to send it, press Ctrl-D on an empty line");
  }
  const hasGone = () => isTyped && !system.stdin.isTerminal();
  const gone = (cause?: unknown) =>
    new TerminalGone("Cannot read the input: the terminal has gone", { cause });
  let text: string;
  try {
    text = await toText(
      system.stdin.readable
        .pipeThrough(new LimitedBytesTransformStream(MAX_FRAME, { error: true }))
        .pipeThrough(new TextDecoderStream("utf-8", { fatal: true, ignoreBOM: true })),
    );
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new ChatError(`Cannot send this message: it has more than ${MAX_FRAME} bytes`, {
        hint: "Send it in parts, or as a file: chat send --file FILE",
        cause,
      });
    }
    if (cause instanceof TypeError) {
      throw new ChatError("Cannot send this message: it is not UTF-8", { cause });
    }
    if (hasGone()) throw gone(cause);
    unreadable(cause, "Give the text as an argument: chat send -- TEXT");
  }
  // A text that breaks off because its window was closed is not what somebody wanted to send.
  if (hasGone()) throw gone();
  text = text.replace(/\r?\n$/, "");
  if (text.trim() === "") {
    throw new ChatError("Cannot send an empty message: give TEXT, or text on stdin");
  }
  return text;
}
