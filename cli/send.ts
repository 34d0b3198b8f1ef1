// TODO: say what this is.

import { LimitedBytesTransformStream } from "@std/streams/limited-bytes-transform-stream";
import { toText } from "@std/streams/to-text";
import { ChatError } from "../errors.ts";
import { MAX_FRAME } from "../protocol.ts";
import type { RoomEvent, Transfer } from "../room.ts";
import { printable } from "../text/printable.ts";
import { plainLines } from "../ui/plain_lines.ts";
import { offerSentence } from "../ui/transfer_text.ts";
import type { Command } from "./command.ts";
import type { Settings } from "./config.ts";
import { unreadable } from "./input.ts";
import { admit, explain, SCRIPT_RETRY_MS } from "./join.ts";
import { DONE, FAILED, note, report } from "./output.ts";
import { Signals } from "./signals.ts";
import { chosenName, filesFor, loadSettings } from "./user.ts";

/** Says one thing, and leaves. */
export async function send(command: Command & { verb: "send" }): Promise<number> {
  const { speaker, target, retry, file } = command;
  const settings = await loadSettings(speaker.config);
  if (file !== undefined) return await sendFile({ ...command, file }, settings);
  const text = command.text ?? await readMessage();
  const client = await admit(target, chosenName(speaker, settings), retry ?? SCRIPT_RETRY_MS);
  const ref = client.say(text);
  let accepted = false;
  await client.run((event) => {
    if (event.type === "message" && event.ref === ref) {
      accepted = true;
      client.leave();
    }
  });
  return accepted ? DONE : explain(client.ending!, 1);
}

/**
 * Offers a file, or those of a folder, and stays until somebody has all of it: the member that it is for, or,
 * of all who are here, one.
 */
async function sendFile(
  { speaker, target, retry, file, to }: Command & { verb: "send" } & { file: string },
  settings: Settings,
): Promise<number> {
  // What others offer is not answered: nobody is here to want it.
  const files = filesFor({ downloads: undefined, accept: "ask", acceptLimit: 0 }, settings);
  const name = chosenName(speaker, settings);
  const client = await admit(target, name, retry ?? SCRIPT_RETRY_MS, files);
  const signals = new Signals();
  signals.first.then(() => client.leave());
  let failed = false;
  let offered = false;
  /** What is offered, and what of it somebody has: where it is offered to all, one is enough. */
  const told = new Set<string>();
  const had = new Set<string>();
  try {
    await client.run((event) => {
      if (event.type === "members" && !offered) {
        offered = true;
        try {
          client.offer(file, to);
        } catch (error) {
          report(error);
          failed = true;
          client.leave();
        }
      }
      if (event.type === "unsent") failed = true;
      if (isFromOthers(event)) return;
      if (event.type === "offer") {
        note(`chat: ${printable(offerSentence(event, false))}`);
        for (const one of event.files) told.add(nameOf(one));
      } else if (event.type === "transfer" || event.type === "unsent") {
        for (const { text } of plainLines(event, new Date())) note(`chat: ${text}`);
      }
      if (event.type === "transfer") {
        failed ||= isRefused(event.transfer, to);
        if (event.transfer.state === "done") had.add(nameOf(event.transfer));
      }
      // Looks at all only where that can be the last: there may be thousands.
      const isOver = had.size > 0 && had.size >= told.size && !client.offering &&
        client.transfers.every((one) => one.direction === "in" || had.has(nameOf(one)));
      if (offered && (failed || isOver)) client.leave();
    });
  } finally {
    signals.forget();
  }
  const code = explain(client.ending!, 0);
  return failed ? FAILED : code;
}

/** Whether it is about a file that somebody else offers. */
function isFromOthers(event: RoomEvent): boolean {
  if (event.type === "offer") return !event.from.self;
  return event.type === "transfer" && event.transfer.direction === "in";
}

/** The same for an offer, and for what comes of it with each member. */
function nameOf({ name, sha256 }: Transfer): string {
  return `${sha256} ${name}`;
}

/** The one whom it is for will not have it. */
function isRefused({ state }: Transfer, to: string | undefined): boolean {
  return state === "failed" ||
    (to !== undefined && (state === "declined" || state === "cancelled"));
}

/** All of stdin is one message; the newline at its end is not part of it. */
async function readMessage(): Promise<string> {
  if (Deno.stdin.isTerminal()) note("chat: type the message; Ctrl-D on a line of its own sends it");
  let text: string;
  try {
    text = await toText(
      Deno.stdin.readable
        .pipeThrough(new LimitedBytesTransformStream(MAX_FRAME, { error: true }))
        .pipeThrough(new TextDecoderStream("utf-8", { fatal: true, ignoreBOM: true })),
    );
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new ChatError(`Cannot send this message: it has more than ${MAX_FRAME} bytes`, {
        hint: "Send it in parts",
        cause,
      });
    }
    if (cause instanceof TypeError) {
      throw new ChatError("Cannot send this message: it is not UTF-8", { cause });
    }
    unreadable(cause);
  }
  text = text.replace(/\r?\n$/, "");
  if (text === "") throw new ChatError("Cannot send nothing: neither TEXT nor stdin has any");
  return text;
}
