import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../errors.ts";
import { ADMIN_ACTIONS } from "./admin_actions.ts";
import { parseCommand } from "./args.ts";
import type { AdminCommand } from "./command.ts";

const KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo";

function parse(...args: string[]): AdminCommand {
  const command = parseCommand(["admin", ...args], () => undefined);
  if (command.verb !== "admin") throw new Error(command.verb);
  return command;
}

function refused(args: string[], message: string, hint?: string): void {
  const error = assertThrows(() => parse(...args), UsageError);
  assertEquals([error.message, error.hint], [message, hint]);
}

Deno.test("chat admin: reads each action and its words", () => {
  const wishes: [string, object][] = [
    ["who", { action: "who" }],
    ["kick bob", { action: "kick", member: "bob" }],
    ["kick #3 being rude", { action: "kick", member: "#3", reason: "being rude" }],
    ["ban 3", { action: "ban", member: "3" }],
    ["ban 3 2h", { action: "ban", member: "3", seconds: 7200 }],
    ["ban 3 2h too much", { action: "ban", member: "3", seconds: 7200, reason: "too much" }],
    ["ban 3 too much", { action: "ban", member: "3", reason: "too much" }],
    ["ban 3 30s", { action: "ban", member: "3", seconds: 30 }],
    ["bans", { action: "bans" }],
    ["unban 2", { action: "unban", ban: 2 }],
    ["silence bob", { action: "silence", member: "bob" }],
    ["unsilence bob sorry", { action: "unsilence", member: "bob", reason: "sorry" }],
    ["lock", { action: "lock" }],
    ["unlock a guest comes", { action: "unlock", reason: "a guest comes" }],
    ["readonly", { action: "readonly" }],
    ["writable", { action: "writable" }],
    [`op ${KEY}`, { action: "op", key: KEY }],
    [`deop ${KEY}`, { action: "deop", key: KEY }],
    ["say back at 5", { action: "announce", text: "back at 5" }],
    ["topic release on Friday", { action: "topic", text: "release on Friday" }],
    ["topic -", { action: "topic", text: "" }],
    ["drain", { action: "drain" }],
    ["close a new code", { action: "close", reason: "a new code" }],
  ];
  for (const [line, wish] of wishes) assertEquals(parse(...line.split(" ")).wish, wish, line);
  const tested = new Set(wishes.map(([line]) => line.split(" ")[0]));
  assertEquals([...tested].sort(), Object.keys(ADMIN_ACTIONS).sort());
});

Deno.test("chat admin: options choose the room and the output, anywhere in the line; --reason is for each action with a reason", () => {
  const { wish, ...others } = parse("--port", "2429", "close", "--json", "--reason", "a new code");
  assertEquals(others, { verb: "admin", port: 2429, socket: undefined, json: true });
  assertEquals(wish, { action: "close", reason: "a new code" });
  assertEquals(parse("who", "--socket", "/run/chat/admin").socket, "/run/chat/admin");
  assertEquals(parse("ban", "3", "2h", "--reason", "spam").wish, {
    action: "ban",
    member: "3",
    seconds: 7200,
    reason: "spam",
  });
  assertEquals(parse("say", "--", "--json is nice").wish, {
    action: "announce",
    text: "--json is nice",
  });
  refused(["say", "hi", "--reason", "x"], "Cannot use --reason with say");
  refused(
    ["kick", "3", "rude", "--reason", "x"],
    'Cannot use "rude": --reason has the reason already',
  );
  refused(
    ["who", "--port", "1", "--socket", "x"],
    "Cannot use both --port and --socket: choose one",
  );
});

Deno.test("chat admin: refuses what is missing, too much or too long, before it asks a room", () => {
  refused([], "Say what to do, such as: chat admin who", "See: chat admin --help");
  refused(
    ["mute", "bob"],
    'Unknown action "mute"',
    "Did you mean: chat admin silence? See: chat admin --help",
  );
  refused(["constructor"], 'Unknown action "constructor"', "See: chat admin --help");
  refused(["kick"], "Something is missing: write chat admin kick MEMBER [REASON]");
  refused(["say"], "Something is missing: write chat admin say TEXT");
  refused(["topic", ""], "Something is missing: write chat admin topic TEXT");
  refused(["drain", "now"], 'Cannot use "now": write chat admin drain');
  refused(["op", KEY, "bob"], 'Cannot use "bob": write chat admin op KEY');
  for (const key of ["bob", KEY.slice(1), `${KEY}=`, "A".repeat(43)]) {
    refused(
      ["op", key],
      `Cannot use the key "${key}": it is no identity's key`,
      "The member sees its key with /whoami, and others with /whois",
    );
  }
  refused(
    ["unban", "bob"],
    'Cannot use the ban "bob": it must be a whole number from 1 to 9999999',
    "To see the bans with their numbers: chat admin bans",
  );
  refused(
    ["ban", "3", "3651d"],
    'Cannot ban for "3651d": the time must be from 1s to 3650d',
    "Without a time, the ban lasts until chat admin unban",
  );
  assertThrows(() => parse("ban", "3", "0s"), UsageError);
  for (const time of ["0", "30", "2h30m", "1w", "2hours"]) {
    refused(
      ["ban", "3", time, "spam"],
      `Cannot tell whether "${time}" is a time: write 30m, 2h or 7d`,
      "A reason that begins with a number goes after --reason",
    );
  }
  const reason = "2 of 3 warnings";
  assertEquals(parse("ban", "3", "--reason", reason).wish, { action: "ban", member: "3", reason });
  assertEquals(parse("kick", "3", "ä".repeat(256)).wish.action, "kick");
  refused(
    ["kick", "3", "ä".repeat(257)],
    "Cannot use this reason: it has 514 bytes, at most 512 fit",
  );
  refused(
    ["say", "x".repeat(4097)],
    "Cannot use this announcement: it has 4097 bytes, at most 4096 fit",
  );
  refused(
    ["topic", "x".repeat(1025)],
    "Cannot use this topic: it has 1025 bytes, at most 1024 fit",
  );
});
