import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { COMMANDS, complete, helpLines, submit } from "./commands.ts";
import { ChatError } from "./errors.ts";
import type { Link, Person, Room } from "./room.ts";

const ALICE: Person = { id: 1, name: "alice", self: true, away: false };
const OTHERS: Person[] = ["bob", "Boris", "al", "bob#7"]
  .map((name, i) => ({ id: i + 2, name, self: false, away: false }));

/** A room that notes what is done in it. */
function fakeRoom(fingerprint?: string): { room: Room; done: string[] } {
  const done: string[] = [];
  const note = (...what: (string | number)[]) => done.push(what.join("|"));
  const room: Room = {
    info: { address: "127.0.0.1:2428", cipher: "xor", maxText: 100 },
    self: ALICE,
    members: [ALICE, ...OTHERS],
    pending: [],
    say: (text) => note("say", text),
    act: (text) => note("act", text),
    tell: (to, text) => note("tell", to, text),
    rename: (name) => void note("rename", name),
    fingerprint,
    compare: (who) => (note("compare", who), "eight words"),
    trust: (who) => void note("trust", who),
    link: { state: "connected" },
    reconnect: () => void note("reconnect"),
    leave: () => void note("leave"),
  };
  return { room, done };
}

/** What submitting `text` does, and what it prints. */
function submitted(text: string): string[] {
  const { room, done } = fakeRoom();
  submit(text, { room, print: (line) => done.push(`print|${line}`) });
  return done;
}

Deno.test("submit: a line is said, a command is run, // says a slash", () => {
  const cases: [string, string[]][] = [
    ["hello", ["say|hello"]],
    ["  /me is no command", ["say|  /me is no command"]],
    ["//etc/hosts", ["say|/etc/hosts"]],
    ["//", ["say|/"]],
    ["/me waves\nand smiles", ["act|waves\nand smiles"]],
    ["/msg bob  see you\n at ten", ["tell|bob|see you\n at ten"]],
    ["/msg bob#7 hi", ["tell|bob#7|hi"]],
    ["/nick  alicia ", ["rename|alicia"]],
    ["/nick two words", ["rename|two words"]],
    ["/quit", ["leave"]],
    ["/quit ", ["leave"]],
    ["/who", ["print|5 here: alice (you), bob, Boris, al, bob#7"]],
  ];
  for (const [text, done] of cases) assertEquals(submitted(text), done, text);
});

Deno.test("submit: /whoami shows name, room and, where there is one, the key", () => {
  const { room, done } = fakeRoom("AAECAw");
  submit("/whoami", { room, print: (line) => done.push(line) });
  assertEquals(done, ["you are alice in 127.0.0.1:2428", "your key is AAECAw"]);
  assertEquals(submitted("/whoami"), ["print|you are alice in 127.0.0.1:2428"]);
});

Deno.test("submit: /who marks who is away, and never oneself", () => {
  const { room, done } = fakeRoom();
  const members = room.members.slice(0, 3).map((m) => ({ ...m, away: true }));
  submit("/who", { room: { ...room, members }, print: (line) => done.push(line) });
  assertEquals(done, ["3 here: alice (you), bob (away), Boris (away)"]);
});

Deno.test("submit: /reconnect hurries a lost connection, and says of another that it is fine", () => {
  assertEquals(submitted("/reconnect"), ["print|the connection is fine"]);
  const lost: Link[] = [
    { state: "waiting", attempt: 1, at: new Date(0) },
    { state: "connecting", attempt: 2 },
  ];
  for (const link of lost) {
    const { room, done } = fakeRoom();
    submit("/reconnect", { room: { ...room, link }, print: (line) => done.push(line) });
    assertEquals(done, ["reconnect"]);
  }
});

Deno.test("submit: /verify shows the words and what to do with them, /trust says what it has done", () => {
  assertEquals(submitted("/verify bob#7"), [
    "compare|bob#7",
    "print|eight words",
    "print|If bob#7 reads the same words with /verify, nobody stands between you",
  ]);
  assertEquals(submitted("/trust  bob "), [
    "trust|bob",
    "print|from now on, bob is who has this key",
  ]);
  // Nothing is claimed of what was refused.
  const refusing = (): never => {
    throw new ChatError("Cannot trust: there is no key");
  };
  for (const text of ["/verify bob", "/trust bob"]) {
    const { room, done } = fakeRoom();
    const run = () =>
      submit(text, {
        room: { ...room, compare: refusing, trust: refusing },
        print: (line) => done.push(line),
      });
    assertThrows(run, ChatError, "there is no key");
    assertEquals(done, []);
  }
});

Deno.test("submit: what can't be run says why in one sentence, and does nothing", () => {
  const cases: [string, string][] = [
    ["/hlep", 'Cannot run "/hlep": there is no such command, the nearest is "/help"'],
    ["/", 'Cannot run "/": a command has a name, /help lists them'],
    ["/ me", 'Cannot run "/": a command has a name, /help lists them'],
    ["/\x1b[2J", 'Cannot run "/␛[2J": there is no such command'],
    ["/" + "x".repeat(10_000), `Cannot run "/${"x".repeat(32)}…": there is no such command`],
    ["/me", 'Cannot run /me: something is missing, it should be "/me TEXT"'],
    ["/nick ", 'Cannot run /nick: something is missing, it should be "/nick NAME"'],
    ["/msg bob", 'Cannot run /msg: something is missing, it should be "/msg MEMBER TEXT"'],
    ["/verify", 'Cannot run /verify: something is missing, it should be "/verify MEMBER"'],
    ["/trust ", 'Cannot run /trust: something is missing, it should be "/trust MEMBER"'],
    ["/whoami x", 'Cannot run /whoami: it takes nothing behind it, it should be "/whoami"'],
    ["/reconnect now", "Cannot run /reconnect: it takes nothing behind it"],
    ["/quit now", 'Cannot run /quit: it takes nothing behind it, it should be "/quit"'],
  ];
  for (const [text, message] of cases) {
    const { room, done } = fakeRoom();
    const run = () => submit(text, { room, print: (line) => done.push(line) });
    const error = assertThrows(run, ChatError);
    assertStringIncludes(error.message, message);
    assertEquals(done, []);
  }
});

Deno.test("submit: what the room refuses comes through", () => {
  const room: Room = {
    ...fakeRoom().room,
    say: () => {
      throw new ChatError("Cannot send this: it is too long");
    },
  };
  assertThrows(() => submit("hello", { room, print: () => {} }), ChatError, "too long");
});

Deno.test("/help: lists every command of the table with its arguments, and the way to say a slash", () => {
  const lines = submitted("/help");
  assertEquals(lines, helpLines().map((line) => `print|${line}`));
  assertEquals(lines.length, COMMANDS.length + 1);
  for (const { name, args, help } of COMMANDS) {
    assert(lines.some((l) => l.startsWith(`print|/${name} ${args}`) && l.endsWith(help)), name);
  }
  assertStringIncludes(lines.at(-1)!, "//TEXT");
});

Deno.test("complete: commands at the start, members with a colon there and with a space elsewhere", () => {
  // `|` is the cursor; the part of the text that would be replaced, and by what.
  const cases: [string, string, string[]][] = [
    [
      "/|",
      "/",
      [
        ...["/help", "/who", "/nick ", "/me ", "/msg "],
        ...["/whoami", "/verify ", "/trust ", "/reconnect", "/quit"],
      ],
    ],
    ["/m|", "/m", ["/me ", "/msg "]],
    ["/wh|", "/wh", ["/who", "/whoami"]],
    ["/verify bo|", "bo", ["bob ", "Boris ", "bob#7 "]],
    ["/trust |", "", ["bob ", "Boris ", "al ", "bob#7 "]],
    ["/x|", "/x", []],
    ["b|", "b", ["bob: ", "Boris: ", "bob#7: "]],
    ["B| there", "B", ["bob: ", "Boris: ", "bob#7: "]],
    ["hi bo|", "bo", ["bob ", "Boris ", "bob#7 "]],
    ["hi\nal|", "al", ["al "]],
    ["/msg bor|", "bor", ["Boris "]],
    ["/msg |", "", ["bob ", "Boris ", "al ", "bob#7 "]],
    ["/msg al bo|", "bo", ["bob ", "Boris ", "bob#7 "]],
    ["/msg al |", "", []],
    ["/me greets al|", "al", ["al "]],
    // Not oneself, and not everybody wherever Tab is pressed.
    ["alice|", "alice", []],
    ["|", "", []],
    ["hi |", "", []],
  ];
  for (const [line, replaced, words] of cases) {
    const cursor = line.indexOf("|");
    const text = line.replace("|", "");
    const completion = complete(text, cursor, fakeRoom().room);
    assertEquals(completion.words, words, line);
    assertEquals(text.slice(completion.from, cursor), replaced, line);
  }
});
