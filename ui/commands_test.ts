import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { Files } from "../files/paths.ts";
import type { Conversation, Link, Pending, Person, RoomEvent, Transfer, Whois } from "../room.ts";
import { Editor } from "../terminal/editor.ts";
import { fakeContext } from "../tests/support/fake_context.ts";
import {
  ALICE,
  BOB,
  EARLIER,
  EVENTS,
  FakeRoom,
  FINGERPRINT,
  OFFER,
  UNPROVED,
  WORDS,
} from "../tests/support/fake_room.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { Emoji } from "../text/emoji.ts";
import { printable } from "../text/printable.ts";
import { COMMANDS, GROUPS } from "./commands.ts";
import { complete } from "./complete.ts";
import type { Context, Invitation } from "./context.ts";
import { expand } from "./expand.ts";
import { follow } from "./follow.ts";
import { Ignored } from "./ignored.ts";
import { KEYS, PLAIN_KEYS } from "./key_help.ts";
import { pastTime } from "./member_lists.ts";
import { Preferences } from "./preferences.ts";
import { SavedTranscript } from "./saved_transcript.ts";
import { hintOf } from "./hints.ts";
import type { Hit } from "./search_hit.ts";
import { submit } from "./submit.ts";

const NOW = new Date("2024-02-28T12:00:00Z");
const EMOJI = new Emoji({ smile: "😄", smile_cat: "😸", tada: "🎉" });

const OTHERS: Person[] = ["bob", "Boris", "al", "bob#7"]
  .map((name, i) => ({ id: i + 2, name, self: false, away: false }));

/** A room with five members, and with these fields. */
function fakeRoom(fields: Partial<FakeRoom> = {}): FakeRoom {
  return Object.assign(new FakeRoom(), { members: [ALICE, ...OTHERS] }, fields);
}

interface Around extends Partial<Context> {
  room?: FakeRoom;
}

/** The context of a command; `done` records requests and printed lines. */
function around({ room = fakeRoom(), ...more }: Around = {}): {
  context: Context & { room: FakeRoom };
  done: string[];
} {
  const done = room.calls;
  const context = {
    room,
    preferences: new Preferences(),
    saved: new SavedTranscript(),
    now: () => NOW,
    print: (line: string, heading = "") => void done.push(`print|${heading}${line}`),
    rest: () => Promise.resolve(),
    refuse: ({ message }: ChatError) => void done.push(`refuse|${message}`),
    leave: (action: string) => void done.push(`leave|${action}`),
    screen: {
      size: () => ({ columns: 80, rows: 24 }),
      hits: (hits: readonly Hit[]) => void done.push(`hits|${hits.length}`),
      clear: () => void done.push("clear"),
      more: (from?: string) => void done.push(`more|${from}`),
      view: (path: string, name: string) => void done.push(`view|${path}|${name}`),
    },
    emoji: EMOJI,
    ...more,
  };
  return { context, done };
}

/** The requests and printed lines after submitting these lines. */
function submitted(text: string | readonly string[], more: Around = {}): string[] {
  const { context, done } = around(more);
  for (const line of [text].flat()) submit(line, context);
  return done;
}

Deno.test("submit: sends a line, runs a command, and takes // for a slash", () => {
  const cases: [string, string[]][] = [
    ["hello", ["say hello"]],
    ["  /me is no command", ["say   /me is no command"]],
    ["//etc/hosts", ["say /etc/hosts"]],
    ["//", ["say /"]],
    ["/me waves\nand smiles", ["act waves\nand smiles"]],
    ["/msg bob  see you\n at ten", [`tell "bob" see you\n at ten`]],
    ["/msg bob#7 hi", [`tell "bob#7" hi`]],
    ["/nick  alicia ", ["rename alicia"]],
    ["/nick two words", ["rename two words"]],
    ["/quit", ["leave|/quit"]],
    ["/quit ", ["leave|/quit"]],
    ["/who", ["print|5 here: alice (you), bob, Boris, al, bob#7"]],
  ];
  for (const [text, done] of cases) assertEquals(submitted(text), done, text);
});

Deno.test("submit: /re, /edit, /delete and /react take the last message that fits, the Nth, or one by its handle", () => {
  const carol: Person = { id: 9, name: "carol", self: false, away: false };
  const ids = ["aaaaaa", "bbbbbb", "cccccc", "dddddd"].map((start) => start.padEnd(32, "0"));
  const [a, b, c, d] = ids;
  const recent =
    ([[carol, "three"], [ALICE, "mine"], [carol, "two"], [ALICE, "also mine"]] as const)
      .map(([from, text], i) => ({ ...EARLIER, id: ids[i]!, from, text, reactions: ["🎉"] }));
  const cases: [string, string[]][] = [
    ["/re yes", [`answer ${a} say yes`]],
    ["/re 2 yes", [`answer ${c} say yes`]],
    ["/re #cccc yes :tada:", [`answer ${c} say yes 🎉`]],
    ["/re #nothex", [`answer ${a} say #nothex`]],
    ["/edit two\nlines", [`edit ${b} two\nlines`]],
    ["/edit 2 x", [`edit ${d} x`]],
    ["/delete", [`delete ${b}`]],
    ["/delete 2", [`delete ${d}`]],
    ["/delete #dddddd", [`delete ${d}`]],
    ["/delete #bbbbbb 2", [`delete ${d}`]],
    ["/react :smile:", [`react ${a} 😄`]],
    ["/react 2 😄", [`react ${c} 😄`]],
    ["/react :tada:", [`unreact ${a} 🎉`]],
  ];
  for (const [line, done] of cases) {
    assertEquals(submitted(line, { room: fakeRoom({ recent }) }), done, line);
  }
  const wrong: [string, string][] = [
    ["/re 3 yes", "other members have only 2 messages here"],
    ["/re", "/re needs a text"],
    ["/re #bbbbbbbb yes", "it is deleted, or too long ago"],
    ["/edit 3 x", "you have only 2 messages here"],
    ["/delete #bbbbbb 3", "you have only 2 messages here"],
    ["/delete #dddddd 2", "you have only 1 message here"],
    ["/delete #cccccc 1", "you have no message here"],
    ["/delete #bbbbbb 2 x", "Too many arguments"],
    ["/delete it", "Too many arguments"],
    ["/react", "/react needs an emoji"],
    ["/re 0 yes", "Cannot answer this message: the newest one is number 1"],
  ];
  for (const [line, message] of wrong) {
    assertThrows(() => submitted(line, { room: fakeRoom({ recent }) }), ChatError, message);
  }
  assertThrows(() => submitted("/edit x"), ChatError, "you have no message here");
  // The messages of members that the user ignores do not count: they are not on the screen.
  const room = fakeRoom({ recent: [{ ...EARLIER, from: OTHERS[0]!, id: d! }, ...recent] });
  assertEquals(submitted(["/ignore bob", "/re yes"], { room }).at(-1), `answer ${a} say yes`);
});

Deno.test("submit: /edit and /delete do not take an earlier message while the last one is not confirmed", () => {
  const recent = [{ ...EARLIER, id: "a".repeat(32), from: ALICE, text: "before" }];
  const message: Pending = { ref: 1, text: "last", action: false, to: undefined };
  const run = (line: string, pending: Pending[]) =>
    submitted(line, { room: Object.assign(fakeRoom({ recent }), { pending }) });
  for (const line of ["/edit x", "/edit 1 x", "/delete", "/delete 1"]) {
    const expected = "the room has not confirmed your last message yet";
    assertThrows(() => run(line, [message]), ChatError, expected);
  }
  // What is no message to the room does not count, and a handle names its message.
  run("/delete", [{ ...message, to: BOB }, { ...message, change: "edit" }]);
  run("/delete #aaaaaa", [message]);
  const room = Object.assign(fakeRoom({ recent }), { pending: [message] });
  const { context } = around({ room });
  assertEquals(expand("/edit ", context), undefined);
  room.pending = [];
  assertEquals(expand("/edit ", context)?.text, "/edit #aaaaaa ");
});

Deno.test("submit: /away sets the away text, with emoji, and ends it; /who shows it", () => {
  assertEquals(submitted("/away lunch :tada:"), ["status lunch 🎉"]);
  assertEquals(submitted("/away"), ["print|you are not away"]);
  const self = { ...ALICE, status: "lunch" };
  const room = Object.assign(fakeRoom(), {
    self,
    members: [self, { ...BOB, status: "on ␛ call" }],
  });
  assertEquals(submitted(["/away", "/who"], { room }), [
    "status",
    'print|2 here: alice (away: "lunch") (you), bob (away: "on ␛ call")',
  ]);
});

Deno.test("follow, submit: neither the list at the start nor /who shows the away text of an ignored member", () => {
  const room = Object.assign(fakeRoom(), { members: [ALICE, { ...BOB, status: "buy this" }] });
  const { context, done } = around({ room });
  const event: RoomEvent = { type: "members", members: room.members };
  assertEquals(follow(event, context), event);
  submit("/ignore bob", context);
  submit("/who", context);
  assertEquals(done.at(-1), "print|2 here: alice (you), bob (ignored)");
  assertEquals(follow(event, context), { type: "members", members: [ALICE, BOB] });
});

Deno.test("submit: a direct message shows the receiver's away text, once for each text", () => {
  const room = fakeRoom();
  const { context, done } = around({ room });
  for (const status of [undefined, "lunch", "lunch", "gone \x1b[2J", "lunch"]) {
    room.members = [ALICE, { ...BOB, ...(status && { status }) }];
    submit("/msg bob hi", context);
  }
  const sent = 'tell "bob" hi';
  assertEquals(done, [
    ...[sent, sent, 'print|bob is away: "lunch"', sent],
    ...[sent, 'print|bob is away: "gone ␛[2J"', sent, 'print|bob is away: "lunch"'],
  ]);
});

Deno.test("submit: /topic sets, removes and shows the topic", () => {
  assertEquals(submitted("/topic release on Friday :tada:"), ["topic release on Friday 🎉"]);
  assertEquals(submitted("/topic -delete"), ["topic "]);
  assertEquals(submitted("/topic"), ["print|no topic is set; /topic TEXT sets one"]);
  const topic = { text: "a\x1b[2Jb", who: BOB, set: NOW };
  const when = pastTime(NOW, NOW);
  assertEquals(submitted("/topic", { room: fakeRoom({ topic }) }), [
    `print|topic: a␛[2Jb (set by bob, ${when})`,
  ]);
  const own = { text: "mine", who: ALICE, set: undefined };
  assertEquals(submitted("/topic", { room: fakeRoom({ topic: own }) }), [
    "print|topic: mine (set by you)",
  ]);
});

Deno.test("submit: /whoami shows the name, the room and the key, if there is one", () => {
  assertEquals(submitted("/whoami", { room: fakeRoom({ fingerprint: FINGERPRINT }) }), [
    "print|you are alice, in the room at 127.0.0.1:2428",
    `print|your key is ${FINGERPRINT}`,
  ]);
  assertEquals(submitted("/whoami"), ["print|you are alice, in the room at 127.0.0.1:2428"]);
});

Deno.test("submit: the words that /whois shows can be confirmed, as after /verify", () => {
  const bob = { ...BOB, key: FINGERPRINT };
  const whois = (words?: string): Whois => (
    { member: bob, joined: NOW, listed: NOW, firstSeen: undefined, words, sessions: [] }
  );
  const preferences = new Preferences();
  const ask = (words?: string) => {
    const room = fakeRoom({ members: [ALICE, bob], whois: () => whois(words) });
    return submitted("/whois bob", { room, preferences });
  };
  assertEquals(ask().at(-1), "print|trust: none; a room with xor has no keys");
  assertEquals(preferences.compared.size, 0);
  assertEquals(ask(WORDS).at(-1), `print|words to compare: ${WORDS}`);
  assertEquals([...preferences.compared], [FINGERPRINT]);
});

Deno.test("submit: /who fails in a classic room, which does not report its members", () => {
  const info = { ...fakeRoom().info, classic: true } as const;
  assertThrows(
    () => submitted("/who", { room: fakeRoom({ info }) }),
    ChatError,
    "does not report them",
  );
});

Deno.test("submit: /who lists those that are here, the user always, and after them those that are away", () => {
  const [alice, bob, boris, al] = fakeRoom().members as [Person, Person, Person, Person];
  const since = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000);
  const members = [
    { ...alice, away: true, since: since(1) },
    { ...bob, away: true, since: since(60) },
    { ...boris, away: true, since: since(30), verified: "2024-01-31" },
    al,
  ];
  const preferences = new Preferences();
  for (const member of members) preferences.ignored.add(member);
  const times = [30, 60].map((minutes) => pastTime(since(minutes), NOW));
  const room = fakeRoom({ members });
  const away = `2 away: Boris (verified) (ignored) since ${times[0]}, bob (ignored) since ${
    times[1]
  }`;
  assertEquals(submitted("/who", { room, preferences }), [
    "print|2 here: alice (you), al (ignored)",
    `print|${away}`,
  ]);
  assertEquals(submitted("/who away", { room, preferences }).slice(2), [`print|${away}`]);
  assertEquals(submitted("/who away"), ["print|nobody is away"]);
});

Deno.test("submit: /who counts most of a crowd that is away, /who away lists all", () => {
  const crowd = Array.from({ length: 7 }, (_, i) => ({
    ...{ id: i + 10, name: `m${i}`, self: false, away: true },
  }));
  const room = fakeRoom({ members: [ALICE, ...crowd] });
  assertEquals(submitted("/who", { room }), [
    "print|1 here: alice (you)",
    "print|7 away: m0, m1, m2, m3, m4 and 2 more; /who away lists all",
  ]);
  assertEquals(submitted("/who away", { room }).slice(2), [
    "print|7 away: m0, m1, m2, m3, m4, m5, m6",
  ]);
});

Deno.test("complete: offers a member that is away only if no other matches", () => {
  const members = fakeRoom().members.map((one) => (
    ["bob", "al", "bob#7"].includes(one.name) ? { ...one, away: true } : one
  ));
  const eve = { id: 9, name: "boa(!)", self: false, away: true };
  const { context } = around({ room: fakeRoom({ members: [...members, eve] }) });
  const words = (text: string) => complete(text, text.length, context).words;
  assertEquals([words("b"), words("bob")], [["Boris: "], ["bob: ", "bob#7: "]]);
  assertEquals(words("/msg "), ["Boris "]);
  assertEquals([words("/msg a"), words("/msg boa")], [["al "], ["boa "]]);
  assertEquals(words("/verify b"), ["Boris "]);
});

Deno.test("submit: /reconnect hurries a lost connection, and reports one that is fine", () => {
  assertEquals(submitted("/reconnect"), ["print|already connected"]);
  const lost: Link[] = [
    { state: "waiting", attempt: 1, at: new Date(0) },
    { state: "connecting", attempt: 2 },
  ];
  for (const link of lost) {
    assertEquals(submitted("/reconnect", { room: fakeRoom({ link }) }), ["reconnect"]);
  }
});

Deno.test("submit: /verify shows the words and explains them; /trust reports what it did", () => {
  assertEquals(submitted("/verify bob#7"), [
    'compare "bob#7"',
    `print|words for you and bob#7: ${WORDS}`,
    "print|Ask bob#7 to type /verify alice, and compare aloud: by telephone or in person",
    "print|Same words: type /verify bob#7 yes",
    "print|Other words: somebody may be in between, so do not trust this key",
  ]);
  assertEquals(submitted("/trust  bob "), [
    'trust "bob"',
    "print|this key is now trusted for bob",
  ]);
  // A refused command reports no success.
  const refusal = new ChatError("Cannot trust: there is no key");
  for (const text of ["/verify bob", "/trust bob"]) {
    const { context, done } = around({ room: fakeRoom({ refusal }) });
    const run = () => submit(text, context);
    assertThrows(run, ChatError, "there is no key");
    assertEquals(done, []);
  }
});

Deno.test("submit: /verify MEMBER yes confirms the key whose words were shown, and never another one", () => {
  const bob = { ...OTHERS[0]!, key: "k1" };
  const room = fakeRoom({ members: [ALICE, bob] });
  const { context, done } = around({ room });
  const refused = (line: string) => {
    const error = assertThrows(() => submit(line, context), ChatError, "Cannot confirm");
    return [error.message, error.hint];
  };
  const unseen = [
    'Cannot confirm "bob": you have not seen the words of this key',
    "/verify bob shows them",
  ];
  assertEquals(refused("/verify bob yes"), unseen);
  submit("/verify bob", context);
  // Meanwhile bob leaves, and somebody else takes the name; then nobody has it; then several have.
  room.members = [ALICE, { ...bob, id: 9, name: "bob(!)", key: "k2" }];
  assertEquals(refused("/verify bob yes"), unseen);
  for (const members of [[ALICE], [{ ...bob, name: "bob#2" }, { ...bob, id: 9, name: "bob#9" }]]) {
    room.members = members;
    assertEquals(refused("/verify bob yes"), unseen);
  }
  room.members = [ALICE, { ...bob, id: 11 }];
  submit("/verify bob yes", context);
  assertEquals(done.slice(-2), ["verify 11", "print|bob is verified; /who shows it"]);
  room.members = [ALICE, { ...bob, verified: "2024-01-31" }];
  submit("/who", context);
  submit("/verify bob", context);
  assertEquals(done.slice(-6), [
    "print|2 here: alice (you), bob (verified)",
    'compare "bob"',
    `print|words for you and bob: ${WORDS}`,
    "print|Ask bob to type /verify alice, and compare aloud: by telephone or in person",
    "print|Same words: nothing to do, you verified this key on 2024-01-31",
    "print|Other words: somebody may be in between, so do not trust this key",
  ]);
  assertThrows(() => submit("/verify room yes", context), ChatError, "Cannot confirm the room");
});

Deno.test("submit: /verify room shows the conversation's words, and who sees the same one", () => {
  const base = { at: 4711, words: WORDS, same: [], other: [], unknown: [] };
  const shown = (conversation: Partial<Conversation>) =>
    submitted("/verify room", {
      room: fakeRoom({ conversation: { ...base, ...conversation } }),
    });
  const first = [
    `print|words for the first 4711 bytes of this room: ${WORDS}`,
    "print|Members that type /verify room at the same number of bytes must see the same words",
    "print|Other words: the server shows you different conversations",
  ];
  assertEquals(shown({}), first);
  const [bob, boris, al, bob7] = OTHERS as [Person, Person, Person, Person];
  assertEquals(shown({ same: [bob, { ...boris, away: true }], other: [al], unknown: [bob7] }), [
    ...first,
    "print|the same conversation: bob, Boris (away)",
    "print|another conversation: al",
    "print|not compared: bob#7",
  ]);
  assertEquals(shown({ other: [{ ...al, name: "\x1b[2J" }] }), [
    ...first,
    "print|another conversation: ␛[2J",
  ]);
  assertThrows(() => submitted("/verify room"), ChatError, "Cannot compare conversations");
});

Deno.test("complete: /verify offers the other members, and the room", () => {
  const { context } = around();
  assertEquals(complete("/verify r", 9, context).words, ["room "]);
  assertEquals(complete("/verify b", 9, context).words, ["bob ", "Boris ", "bob#7 "]);
});

Deno.test("submit: an invalid command fails with one sentence and no effect", () => {
  const cases: [string, string][] = [
    ["/hlep", 'Unknown command "/hlep"; did you mean "/help"?'],
    ["/", 'Cannot run "/": a command has a name, /help lists them'],
    ["/ me", 'Cannot run "/": a command has a name, /help lists them'],
    ["/\x1b[2J", 'Unknown command "/␛[2J"; /help lists the commands'],
    ["/" + "x".repeat(10_000), `Unknown command "/${"x".repeat(32)}…"; /help lists the commands`],
    ["/trans", 'Unknown command "/trans"; did you mean "/transfers"?'],
    ["/uni", 'Unknown command "/uni"; did you mean "/unignore"?'],
    ["/wh", 'Unknown command "/wh"; did you mean "/who"'],
    ["/MSG al hi", 'Unknown command "/MSG"; did you mean "/msg"?'],
    ["/xyzzy", 'Unknown command "/xyzzy"; /help lists the commands'],
    // Other programs' names are hints, and send nothing.
    ...["/exit", "/part", "/leave"].map((text): [string, string] => [
      text,
      `Unknown command "${text}"; did you mean "/quit"?`,
    ]),
    ["/keys", 'Unknown command "/keys"; did you mean "/help"?'],
    ...["/w", "/dm", "/query", "/whisper"].map((text): [string, string] => [
      `${text} bob hi`,
      `Unknown command "${text}"; did you mean "/msg"?`,
    ]),
    ["/names", 'Unknown command "/names"; did you mean "/who"?'],
    ["/me", "/me needs a text: /me TEXT"],
    ["/nick ", "/nick needs a name: /nick NAME"],
    ["/msg bob", "/msg needs a text: /msg MEMBER TEXT"],
    ["/verify", "/verify needs a member: /verify MEMBER"],
    ["/trust ", "/trust needs a member: /trust MEMBER"],
    ["/whoami x", "Too many arguments: /whoami"],
    ["/reconnect now", "Too many arguments: /reconnect"],
    ["/verify bob al", 'Unknown word "al"; use /verify MEMBER'],
    ["/verify bob yes yes", "Too many arguments: /verify MEMBER [yes]"],
    ["/who bob", 'Unknown word "bob"; use /who [away]'],
    ["/time now", 'Unknown time "now"; use short, long or off'],
    ["/time Long", 'Unknown time "Long"; use short, long or off'],
    ["/theme \x1b" + "x".repeat(99), `Unknown theme "␛${"x".repeat(31)}…"; use auto, dark, light`],
    ["/theme dark light", "Too many arguments: /theme [auto|dark|light|mono]"],
    ["/help /nikc", 'Unknown command "/nikc"; did you mean "/nick"?'],
    ["/help me nick", "Too many arguments: /help [COMMAND]"],
    ["/reply hi", "Cannot reply: you have not received a direct message yet"],
    ["/ignore nemo", 'Cannot ignore "nemo": no member has this name'],
    ["/ignore alice", "You cannot ignore yourself"],
    ["/unignore bob", 'Cannot unignore "bob": you are not ignoring them'],
    ["/save", "/save needs a file: /save FILE"],
    ["/save x", "Cannot save: chat has no access to files here"],
    ["/quit now", "Too many arguments: /quit"],
  ];
  for (const [text, message] of cases) {
    const { context, done } = around();
    const run = () => submit(text, context);
    const error = assertThrows(run, ChatError);
    assertStringIncludes(error.message, message);
    assertEquals(done, []);
  }
});

Deno.test("submit: the commands of moderators ask the room", () => {
  const cases: [string, object][] = [
    ["/kick bob", { action: "kick", member: "bob" }],
    ["/kick bob  too many :tada: ", { action: "kick", member: "bob", reason: "too many 🎉" }],
    ["/ban bob", { action: "ban", member: "bob" }],
    ["/ban bob 2h", { action: "ban", member: "bob", seconds: 7200 }],
    ["/ban bob 30D spam, again", {
      ...{ action: "ban", member: "bob", seconds: 30 * 86_400, reason: "spam, again" },
    }],
    ["/ban bob spam 2h", { action: "ban", member: "bob", reason: "spam 2h" }],
    ["/ban bob#7 an hour", { action: "ban", member: "bob#7", reason: "an hour" }],
    ["/bans", { action: "bans" }],
    ["/unban 3", { action: "unban", ban: "3" }],
    ["/unban bob", { action: "unban", ban: "bob" }],
    ["/silence bob caps", { action: "silence", member: "bob", reason: "caps" }],
    ["/lock", { action: "lock" }],
    ["/lock we are complete", { action: "lock", reason: "we are complete" }],
    ["/announce lunch :tada:", {
      ...{ action: "announce", text: "lunch 🎉" },
    }],
    ["/op bob", { action: "op", member: "bob" }],
    [`/op ${FINGERPRINT}`, { action: "op", member: FINGERPRINT }],
    ["/deop bob", { action: "deop", member: "bob" }],
  ];
  for (const [text, moderation] of cases) {
    assertEquals(submitted(text), [`moderate ${JSON.stringify(moderation)}`], text);
  }
  const mallory: Person = { ...BOB, silenced: true, moderator: true };
  const governance = { moderators: [], locked: true, readOnly: false };
  const room = () => fakeRoom({ members: [ALICE, mallory], governance });
  assertEquals(submitted("/unsilence bob", { room: room() }), [
    'moderate {"action":"unsilence","member":"bob"}',
  ]);
  assertEquals(submitted("/unlock", { room: room() }), ['moderate {"action":"unlock"}']);
  // The room would report nothing.
  assertEquals(
    submitted(["/silence bob", "/lock x", "/op bob"], { room: room() }),
    ["bob is silenced already", "the room is locked already", "bob is a moderator already"]
      .map((line) => `print|${line}`),
  );
  assertEquals(submitted(["/unsilence bob", "/unlock"]), [
    "print|bob is not silenced",
    "print|the room is not locked",
  ]);
  // Before the server has answered the last act, nobody knows.
  const asked = fakeRoom({
    members: [ALICE, BOB],
    governance: { moderators: [], locked: false, readOnly: false, isPending: true },
  });
  assertEquals(submitted(["/unsilence bob", "/unlock"], { room: asked }), [
    'moderate {"action":"unsilence","member":"bob"}',
    'moderate {"action":"unlock"}',
  ]);
});

Deno.test("complete: /unban offers the bans that were seen, for a number or a name", () => {
  const { context } = around();
  const offered = (typed: string) => {
    const { words, labels } = complete(`/unban ${typed}`, 7 + typed.length, context);
    return words.map((word, i) => `${word}(${labels![i]})`);
  };
  const ban = (number: number, who: Person): RoomEvent => (
    { type: "notice", action: "ban", by: ALICE, who, ban: number, at: 1 }
  );
  follow(ban(3, { ...BOB, name: "b\x1b" }), context);
  follow(ban(12, { ...BOB, name: "mallory" }), context);
  assertEquals(offered(""), ["3 (3 b␛)", "12 (12 mallory)"]);
  assertEquals([offered("1"), offered("Ma"), offered("x")], [["12 (12 mallory)"], [
    "12 (12 mallory)",
  ], []]);
  follow({ type: "notice", action: "unban", by: ALICE, who: undefined, ban: 3, at: 2 }, context);
  assertEquals(offered(""), ["12 (12 mallory)"]);
  const since = NOW;
  const unknown = {
    ...{ number: 7, who: undefined, member: 9, by: undefined, since, until: undefined },
    reason: undefined,
  };
  follow({ type: "bans", bans: [unknown] }, context);
  assertEquals(offered(""), ["7 (7 member 9)"]);
  for (let number = 100; number < 400; number++) follow(ban(number, BOB), context);
  assertEquals(offered("").length, 256);
});

Deno.test("submit: /mute MEMBER names the commands that are meant in other programs", () => {
  const error = assertThrows(() => submitted("/mute bob"), ChatError, "Too many arguments: /mute");
  assertEquals(
    error.hint,
    "/silence MEMBER is for moderators; /ignore MEMBER hides a member from you alone",
  );
});

Deno.test("submit: a misspelt time after /ban MEMBER is an error: without a time, the ban would not end", () => {
  const { context, done } = around();
  for (const time of ["3", "2h30m", "1w", "2hours", "0x1", "123456789h", `1${"x".repeat(99)}`]) {
    for (const text of [`/ban bob ${time}`, `/ban bob ${time} spam`]) {
      const error = assertThrows(() => submit(text, context), ChatError);
      const shown = time.length > 32 ? `1${"x".repeat(31)}…` : time;
      assertEquals(error.message, `Cannot tell whether ${shown} is a time: write 30m, 2h or 7d`);
    }
  }
  assertEquals(done, []);
});

Deno.test("submit: /op alone lists the moderators, by key those that are not in the room", () => {
  const other = "A".repeat(43);
  const governance = { moderators: [FINGERPRINT, other], locked: false, readOnly: false };
  const bob: Person = { ...BOB, name: "b\x1bb", key: FINGERPRINT, moderator: true };
  const members = [{ ...ALICE, key: "B".repeat(43), moderator: true } as const, bob];
  assertEquals(submitted("/op", { room: fakeRoom({ governance, members }) }), [
    `print|moderators: alice (you), b␛b, the owner of ${other}`,
  ]);
  assertEquals(submitted("/op"), [
    "print|no moderators; the operator of the server can name some",
  ]);
});

Deno.test("submit: /who marks moderators and silenced members, and shows what the room does not allow", () => {
  const members: Person[] = [
    { ...ALICE, silenced: true },
    { ...BOB, moderator: true, verified: "2026-01-31" },
  ];
  const governance = { moderators: [FINGERPRINT], locked: true, readOnly: true };
  assertEquals(submitted("/who", { room: fakeRoom({ members, governance }) }), [
    "print|2 here: alice (you) (silenced), bob (moderator) (verified)",
    "print|read-only: only moderators speak to the room; locked: no newcomers",
  ]);
});

Deno.test("submit: /topic offers to set one only to members that may", () => {
  const governance = { moderators: [FINGERPRINT], locked: false, readOnly: false };
  assertEquals(submitted("/topic", { room: fakeRoom({ governance }) }), [
    "print|no topic is set; only moderators set it",
  ]);
  const self = { ...ALICE, moderator: true } as const;
  assertEquals(submitted("/topic", { room: fakeRoom({ governance, self }) }), [
    "print|no topic is set; /topic TEXT sets one",
  ]);
});

Deno.test("complete: the commands of moderators offer the members that they can be for", () => {
  const members: Person[] = [
    { ...ALICE, key: FINGERPRINT, moderator: true },
    { ...BOB, key: "B".repeat(43) },
    { ...BOB, id: 3, name: "carol", key: "C".repeat(43), moderator: true },
    { ...BOB, id: 4, name: "dave", silenced: true },
    { ...BOB, id: 5, name: "erin(!)", key: "E".repeat(43) },
  ];
  const { context } = around({ room: fakeRoom({ members }) });
  const words = (line: string) => complete(line, line.length, context).words;
  assertEquals(words("/kick "), ["bob ", "dave ", "erin(!) "]);
  assertEquals(words("/ban "), ["bob ", "dave ", "erin(!) "]);
  assertEquals(words("/silence "), ["bob ", "erin(!) "]);
  assertEquals(words("/unsilence "), ["dave "]);
  assertEquals(words("/op "), ["bob "]);
  assertEquals(words("/deop "), ["alice ", "carol "]);
  // In a reason, as in any text.
  assertEquals(words("/kick bob :tada"), ["🎉"]);
  assertEquals(words("/ban bob 2h da"), ["dave "]);
  assertEquals(words("/ban bob da"), ["dave "]);
  assertEquals(words("/unban b"), []);
});

Deno.test("submit: passes on the errors of the room", () => {
  const room = fakeRoom({ refusal: new ChatError("Cannot send this: it is too long") });
  assertThrows(() => submitted("hello", { room }), ChatError, "too long");
});

Deno.test("COMMANDS: no name of another program is a command, or means two", () => {
  const names = COMMANDS.flatMap(({ name, others = [] }) => [name, ...others]);
  assertEquals(names.length, new Set(names).size, names.join(" "));
});

Deno.test("/help: every command is in one of the groups, which fit 24 rows at 80 columns, and 20 at 40", () => {
  const rowsAt = (columns: number) => {
    const { context, done } = around();
    submit("/help", {
      ...context,
      screen: { ...context.screen!, size: () => ({ columns, rows: 24 }) },
    });
    return done.map((row) => row.replace(/^print\|/, ""));
  };
  // The live area takes two rows.
  for (const [columns, height] of [[80, 22], [40, 18]] as const) {
    const rows = rowsAt(columns);
    assert(rows.length <= height, `${rows.length} rows at ${columns}`);
    for (const row of rows) assert(row.length < columns, row);
    const words = rows.flatMap((row) => row.trim().split(columns === 80 ? "  " : " "));
    for (const command of COMMANDS.slice(1)) {
      const form = columns === 80 ? `/${command.name} ${command.args}`.trim() : `/${command.name}`;
      assertEquals(words.filter((word) => word === form).length, 1, form);
    }
    const headings = rows.flatMap((row) => /^([a-z]+)(?:: |$)/.exec(row)?.[1] ?? []);
    assertEquals(headings.slice(0, GROUPS.length), GROUPS.map(({ heading }) => heading));
    for (const word of ["/help COMMAND", "/help keys", "//TEXT"]) {
      assertStringIncludes(rows.slice(-2).join("\n"), word);
    }
  }
});

Deno.test("/help keys: one row for each key that fits 80 columns; without a screen, the keys that work there", () => {
  const { context, done } = around();
  submit("/help keys", context);
  assertEquals(done.length, KEYS.length);
  assert(done.length <= 22);
  for (const row of done) assert(row.length - "print|".length < 80, row);
  assertStringIncludes(done.join("\n"), "Tab                     completes; ");
  const { screen: _, ...plain } = around({ room: context.room }).context;
  submit("/help keys", plain);
  assertEquals(done.length, KEYS.length + PLAIN_KEYS.length);
  assertEquals(complete("/help ke", 8, context).words, ["keys"]);
  // In two columns there would be a row for each word.
  const start = done.length;
  submit("/help keys", {
    ...context,
    screen: { ...context.screen!, size: () => ({ columns: 40, rows: 20 }) },
  });
  assertEquals(done[start + 2], "print|Tab: completes; the possibilities appear above the line");
});

Deno.test("complete: commands at the start; members with a colon there, with a space elsewhere", () => {
  // `|` is the cursor. Expected: the part of the text that is replaced, and the words for it.
  const cases: [string, string, string[]][] = [
    ["/|", "/", COMMANDS.map(({ name, args }) => `/${name}${args === "" ? "" : " "}`)],
    ["/m|", "/m", ["/me ", "/msg ", "/mute"]],
    ["/wh|", "/wh", ["/who ", "/whois ", "/whoami"]],
    ["/whois al|", "al", ["alice ", "al "]],
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
    ["/msg   al bo|", "bo", ["bob ", "Boris ", "bob#7 "]],
    ["/help |", "", [...COMMANDS.map((c) => c.name), "keys"]],
    ["/help m|", "m", ["me", "msg", "mute"]],
    ["/help /w|", "/w", ["/who", "/whois", "/whoami"]],
    ["/theme |", "", ["auto", "dark", "light", "mono"]],
    ["/theme d|", "d", ["dark"]],
    ["/time l|", "l", ["long"]],
    ["/notify m|", "m", ["mentions"]],
    ["/notify all |", "", []],
    ["/nick bo|", "bo", []],
    ["/quit bo|", "", []],
    ["/nope bo|", "bo", ["bob ", "Boris ", "bob#7 "]],
    ["//m|", "//m", []],
    // Emoji, in texts only.
    [":smi|", ":smi", [":smile"]],
    [":smile|", ":smile", ["😄", "😸"]],
    ["well :smile:|", ":smile:", ["😄"]],
    ["(:TAD|", ":TAD", ["🎉"]],
    ["/me :tada|", ":tada", ["🎉"]],
    ["/msg al yes\n:tada|", ":tada", ["🎉"]],
    ["/msg :tada|", ":tada", []],
    ["/nick :tada|", ":tada", []],
    [":t|", ":t", []],
    ["::ta|", "::ta", []],
    ["at 10:30|", "10:30", []],
    ["x:ta|", "x:ta", []],
    [":zzz|", ":zzz", []],
    [":zzz:|", ":zzz:", []],
    // Not the user, and not everybody for an empty word.
    ["alice|", "alice", []],
    ["|", "", []],
    ["hi |", "", []],
  ];
  for (const [line, replaced, words] of cases) {
    const cursor = line.indexOf("|");
    const text = line.replace("|", "");
    const completion = complete(text, cursor, around().context);
    assertEquals(completion.words, words, line);
    assertEquals(text.slice(completion.from, cursor), replaced, line);
  }
});

Deno.test("complete: a name after an @ keeps it, except as the argument of a command", () => {
  const at: Person = { id: 9, name: "@lbert", self: false, away: false };
  const { context } = around({ room: fakeRoom({ members: [ALICE, ...OTHERS, at] }) });
  const cases: [text: string, words: string[]][] = [
    ["@bo", ["@bob ", "@Boris ", "@bob#7 "]],
    ["hi @BOR", ["@Boris "]],
    ["@", ["@lbert: "]],
    ["@bob", ["@bob ", "@bob#7 "]],
    ["@zo", []],
    // A name may begin with it.
    ["hi @l", ["@lbert "]],
    ["/msg @bor", ["Boris "]],
    ["/msg @l", ["@lbert "]],
    ["/msg bob @bor", ["@Boris "]],
  ];
  for (const [text, words] of cases) {
    assertEquals(complete(text, text.length, context).words, words, text);
  }
});

Deno.test("complete: has a label for each word, which shows an emoji with its name", () => {
  const { context } = around();
  assertEquals(complete(":smile", 6, context).labels, ["😄 :smile:", "😸 :smile_cat:"]);
  assertEquals(complete(":tada:", 6, context).labels, ["🎉 :tada:"]);
  assertEquals(complete("bo", 2, context).labels, undefined);
});

Deno.test("complete: the editor offers labels as the choice", () => {
  const { context } = around();
  const editor = new Editor((text, cursor) => complete(text, cursor, context));
  const tab = () => editor.onKey({ type: "press", key: "tab" });
  editor.set("well :smi");
  assertEquals([tab(), editor.text], [undefined, "well :smile"]);
  assertEquals(tab(), { type: "choose", words: ["😄 :smile:", "😸 :smile_cat:"] });
  editor.set(editor.text + "_");
  assertEquals([tab(), editor.text], [undefined, "well 😸"]);
});

Deno.test("complete: /ignore offers members that are not ignored, /unignore the ignored ones", () => {
  const { context } = around();
  for (const name of ["bob", "gone"]) context.preferences.ignored.add({ ...OTHERS[0]!, name });
  const words = (text: string) => complete(text, text.length, context).words;
  assertEquals(words("/ignore "), ["Boris ", "al "]);
  assertEquals(words("/unignore "), ["bob ", "gone "]);
  assertEquals(words("/verify bo"), ["bob ", "Boris ", "bob#7 "]);
});

Deno.test("complete: offers files for /save, and nothing without access to files", () => {
  const { context } = around({ files: fakeFiles() });
  const words = (text: string) => complete(text, text.length, context).words;
  assertEquals(words("/save ~/"), ["~/my\\ notes/", "~/talk.txt"]);
  assertEquals(words("/save ~/my n"), ["~/my\\ notes/"]);
  assertEquals(complete("/save ~/t", 9, context).labels, ["talk.txt"]);
  assertEquals(complete("/save ~/t", 9, { room: context.room }).words, []);
  assertEquals(complete(":tada:", 6, { room: context.room }).words, []);
});

Deno.test("complete: without a screen, offers no command that needs one", () => {
  const { screen: _, ...context } = around().context;
  assertEquals(complete("/m", 2, context).words, ["/me ", "/msg "]);
  assertEquals(complete("/help m", 7, context).words, ["me", "msg"]);
});

Deno.test("submit: without a screen, commands that need one fail, and /help leaves them out", () => {
  const { context: { screen: _, ...context }, done } = around();
  submit("/help", context);
  const lines = done.join("\n");
  const screenOnly = COMMANDS.filter((c) => c.screen);
  assertEquals(screenOnly.map((c) => c.name), [
    "view",
    "mute",
    "notify",
    "time",
    "theme",
    "show",
    "clear",
  ]);
  for (const { name } of screenOnly) {
    assertThrows(() => submit(`/${name}`, context), ChatError, "it needs the full screen");
    assert(!lines.includes(`/${name}`), name);
  }
});

Deno.test("submit: emoji names become emoji in every text; unknown names stay", () => {
  const cases: [string, string[]][] = [
    ["yes :tada:", ["say yes 🎉"]],
    ["//etc :tada:", ["say /etc 🎉"]],
    ["/me waves :smile:", ["act waves 😄"]],
    ["/msg bob :tada:", [`tell "bob" 🎉`]],
    ["/nick :tada:", ["rename :tada:"]],
    ["at 10:30:00 :nope: `:tada:`", ["say at 10:30:00 :nope: `:tada:`"]],
  ];
  for (const [text, done] of cases) assertEquals(submitted(text), done, text);
  assertEquals(submitted(":tada:", { emoji: undefined }), ["say :tada:"]);
});

Deno.test("submit: /help COMMAND explains one command", () => {
  for (const text of ["/help mute", "/help /mute"]) {
    assertEquals(submitted(text), [
      "print|/mute  silences notifications; again to undo",
    ]);
  }
});

Deno.test("submit: settings are confirmed, and kept in the preferences", () => {
  const preferences = new Preferences();
  const cases: [string, string, Partial<Preferences>][] = [
    ["/theme", "theme: auto", {}],
    ["/theme light", "theme: light", { theme: "light" }],
    ["/time", "times: short", {}],
    ["/time  off ", "times: off", { time: "off" }],
    ["/notify all", "all messages notify you while the window is in the background", {
      notify: "all",
    }],
    ["/mute", "muted: no notifications; /mute to undo", { muted: true }],
    [
      "/notify off",
      "no messages notify you; muted: /mute to undo",
      { notify: "off", muted: true },
    ],
    ["/mute", "no messages notify you", { muted: false }],
    [
      "/notify mentions",
      "mentions and direct messages notify you while the window is in the background",
      { notify: "mentions" },
    ],
  ];
  for (const [text, line, set] of cases) {
    assertEquals(submitted(text, { preferences }), [`print|${line}`], text);
    for (const [field, value] of Object.entries(set)) {
      assertEquals(preferences[field as keyof Preferences], value, text);
    }
  }
  assertEquals(submitted("/clear"), ["clear"]);
});

// ---- ignoring and replying -------------------------------------------------------------------------

function direct(from: Person, text = "psst"): RoomEvent {
  return { type: "direct", from, text, action: false, ...UNPROVED };
}

function said(from: Person, text = "hi"): RoomEvent {
  return { type: "message", from, text, action: false, at: 1, ref: undefined, ...UNPROVED };
}

const [BOB2, BORIS, AL, BOB7] = OTHERS as [Person, Person, Person, Person];

const isShown = (...args: Parameters<typeof follow>) => follow(...args) !== undefined;

Deno.test("follow: an answer to an ignored member is shown without its text", () => {
  const { context } = around();
  const [answer] = EVENTS.message.filter(({ quoted }) => quoted);
  assertEquals(follow(answer!, context), answer);
  submit("/ignore bob", context);
  const byAl = { ...answer!, from: AL };
  assertEquals(follow(byAl, context), { ...byAl, quoted: undefined });
});

Deno.test("follow: hides and does not save events of ignored members; takes all others", () => {
  const { context, done } = around();
  submit("/ignore bob#7", context);
  for (const who of [BOB2, BOB7]) {
    assertEquals(isShown(said(who), context), false);
    assertEquals(isShown(direct(who), context), false);
    const unreadable = {
      type: "unreadable",
      from: who,
      message: "cut",
      count: 1,
      fresh: 1,
    } as const;
    assertEquals(isShown(unreadable, context), false);
    assertEquals(isShown({ type: "joined", who, at: 1, sent: undefined }, context), false);
    for (const type of ["away", "back"] as const) {
      assertEquals(isShown({ type, who, at: 1 }, context), false);
    }
    assertEquals(isShown({ type: "left", who, reason: "left", at: 1 }, context), false);
    assertEquals(isShown({ type: "keychanged", who }, context), false);
    assertEquals(isShown({ type: "forked", who, since: undefined }, context), false);
    assertEquals(isShown({ type: "agreed", who }, context), false);
    assertEquals(isShown({ type: "renamed", who, before: who.name, at: 1 }, context), false);
    const offer = { ...OFFER, who };
    const files = [offer];
    const offered = { type: "offer", from: who, direct: false, files, ...UNPROVED } as const;
    assertEquals(isShown(offered, context), false);
    const withdrawn = {
      ...offer,
      state: "cancelled",
      reason: "cancelled",
      message: "bob withdrew it",
    } as const;
    assertEquals(isShown({ type: "transfer", transfer: withdrawn }, context), false);
  }
  assertEquals(context.preferences.reply, undefined);
  assertEquals(isShown(said(AL), context), true);
  assertEquals(context.saved.size, 1);
  submit("/ignore", context);
  submit("/ignore bob", context);
  submit("/unignore bob", context);
  submit("/ignore", context);
  assertEquals(done, [
    "print|ignoring bob; /unignore bob to stop",
    "print|ignoring bob",
    "print|already ignoring bob",
    "print|no longer ignoring bob",
    "print|ignoring nobody",
  ]);
  assertEquals(isShown(said(BOB2), context), true);
});

Deno.test("follow: /reply goes to the session that takes the place of the sender's old one", () => {
  const { context, done } = around();
  const again: Person = { ...BOB7, id: 50, name: "bobby" };
  follow(direct(BOB7), context);
  follow({ type: "joined", who: { ...AL, id: 51 }, at: 1, sent: undefined }, context);
  follow({ type: "joined", who: again, at: 1, sent: undefined, replaces: BOB7 }, context);
  context.room.members = [ALICE, again];
  submit("/reply yes", context);
  assertEquals(done, ["tell 50 yes"]);
});

Deno.test("follow: a removal has one notice, and none of them is hidden", () => {
  const { context } = around();
  const kick = { type: "notice", action: "kick", by: BOB, who: BOB, at: 1 } as const;
  const left = { type: "left", who: BOB, reason: "removed", at: 2 } as const;
  assertEquals([kick, left].map((event) => follow(event, context)), [kick, undefined]);
  // Without a notice, the removal is shown all the same.
  assertEquals(follow(left, context), left);
  assertEquals(follow({ ...kick, action: "ban" }, context), { ...kick, action: "ban" });
  assertEquals(follow({ ...left, reason: "lost" }, context), { ...left, reason: "lost" });
  assertEquals(context.saved.size, 4);
  // What a moderator does concerns everybody, ignored or not.
  context.preferences.ignored.add(BOB);
  const announcement = { ...kick, action: "announce", who: undefined, text: "hi" } as const;
  for (const event of [kick, announcement]) assertEquals(follow(event, context), event);
});

Deno.test("follow: shows the user's own messages, even if their name is ignored", () => {
  const { context } = around();
  context.preferences.ignored.add({ ...ALICE, self: false });
  assertEquals(isShown(said(ALICE), context), true);
});

Deno.test("follow: shows what becomes of a file that the user has accepted or ended, also of an ignored member", () => {
  const { context } = around();
  submit("/ignore bob", context);
  const shown: Partial<Transfer>[] = [
    { state: "running" },
    { state: "done", bytes: OFFER.size },
    { state: "cancelled", reason: "cancelled" },
    { state: "cancelled", reason: "cancelled", bytes: 1, message: "bob withdrew it" },
    { state: "failed", reason: "full", message: "the disk is full" },
    { state: "cancelled", reason: "cancelled", message: "bob declined it", direction: "out" },
  ];
  for (const fields of shown) {
    const transfer = { ...OFFER, who: BOB2, ...fields };
    assertEquals(isShown({ type: "transfer", transfer }, context), true, JSON.stringify(fields));
  }
});

Deno.test("follow: a renamed member stays ignored, and the old name is free again", () => {
  const { context } = around();
  const { ignored } = context.preferences;
  ignored.add(BORIS);
  const rename = (who: Person, before: string) => (
    follow({ type: "renamed", who, before, at: 1 }, context)
  );
  assertEquals(rename({ ...BORIS, name: "rob" }, "Boris"), undefined);
  const names = () => ignored.list.map(({ name }) => name);
  assertEquals(names(), ["rob"]);
  // Another ignored member has the old name.
  ignored.add(BOB2);
  rename({ ...BOB7, name: "eve" }, "bob#7");
  assertEquals(names(), ["rob", "bob", "eve"]);
});

Deno.test("follow: with keys, a member stays ignored under any name, and a namesake is shown", () => {
  const [bob, other] = [{ ...BOB2, key: "k1" }, { ...BOB7, key: "k2" }];
  const room = fakeRoom({ members: [ALICE, bob, BORIS, other] });
  const { context, done } = around({ room });
  submit("/ignore bob#7", context);
  assertEquals([isShown(said(bob), context), isShown(said(other), context)], [true, false]);
  // It leaves and joins again, with another id and the name of a friend.
  const back = { ...other, id: 9, name: "Boris(!)" };
  assertEquals(isShown({ type: "joined", who: back, at: 1, sent: undefined }, context), false);
  assertEquals(isShown({ type: "keychanged", who: back }, context), false);
  assertEquals(isShown(said(back), context), false);
  assertEquals(isShown(said(BORIS), context), true);
  const rob = { ...back, name: "rob" };
  assertEquals(isShown({ type: "renamed", who: rob, before: "Boris(!)", at: 1 }, context), false);
  room.members = [ALICE, bob, BORIS, rob];
  submit("/ignore", context);
  submit("/unignore rob", context);
  assertEquals(isShown(said(rob), context), true);
  assertEquals(done, [
    "print|ignoring bob; /unignore bob to stop",
    "print|ignoring rob",
    "print|no longer ignoring rob",
  ]);
});

Deno.test("/ignore: with keys, an ambiguous name is an error, unless all members have one key", () => {
  const [one, two] = [{ ...BOB2, name: "bob#2", key: "k1" }, { ...BOB7, key: "k2" }];
  const room = fakeRoom({ members: [ALICE, one, two] });
  const { context, done } = around({ room });
  const error = assertThrows(() => submit("/ignore bob", context), ChatError, "several members");
  assertEquals(error.hint, "Say which: bob#2, bob#7");
  // A second connection of the same person.
  room.members = [ALICE, one, { ...two, key: "k1" }];
  submit("/ignore bob", context);
  assertEquals(done, ["print|ignoring bob; /unignore bob to stop"]);
});

Deno.test("/ignore MEMBER keep: keeps a key, says so, and needs one", () => {
  let file = "";
  const ignored = new Ignored("", (change) => void (file = change(file)));
  const key = "A".repeat(43);
  const room = fakeRoom({ members: [ALICE, { ...BOB2, key }, BORIS] });
  const { context, done } = around({ room, preferences: new Preferences({}, ignored) });
  for (const line of ["/ignore bob", "/ignore bob keep", "/ignore bob", "/ignore bob keep"]) {
    submit(line, context);
  }
  submit("/ignore", context);
  assertEquals(done.splice(0), [
    "print|ignoring bob; /unignore bob to stop",
    "print|ignoring bob (kept); /unignore bob to stop",
    "print|already ignoring bob (kept)",
    "print|already ignoring bob (kept)",
    "print|ignoring bob (kept)",
  ]);
  assertEquals(file.split("\n")[1], `${key} 2024-02-28 bob`);
  assertThrows(
    () => submit("/ignore Boris keep", context),
    ChatError,
    "nothing proves who that is",
  );
  assertThrows(
    () => submit("/ignore bob kept", context),
    ChatError,
    'Unknown word "kept"; use /ignore',
  );
  submit("/unignore bob", context);
  assertEquals([done, file.split("\n")[1]], [["print|no longer ignoring bob"], ""]);
});

Deno.test("/reply: stops if the name has another key by now, and says both ways on", () => {
  const { context, done } = around();
  const members = (...members: Person[]): Context => (
    { ...context, room: fakeRoom({ members, calls: done }) }
  );
  follow(direct(AL), context);
  const marked = { ...AL, name: "al(!)" };
  const error = assertThrows(() => submit("/reply hi", members(marked)), ChatError);
  assertEquals([error.message, hintOf(error, "person"), done], [
    "Cannot send to al: this is not the key that you know under that name",
    "Compare words with /verify al and then /trust al; or, to do it all the same, write the name as al(!)",
    [],
  ]);
  // The same member takes the name of another one that the user knows.
  follow({ type: "renamed", who: { ...AL, name: "bob(!)" }, before: "al", at: 1 }, context);
  const taken = members({ ...AL, name: "bob(!)" });
  assertThrows(() => submit("/reply hi", taken), ChatError, "Cannot send to bob");
  submit("/reply hi", members({ ...AL, name: "bob" }));
  assertEquals(done, ["tell 4 hi"]);
});

Deno.test("complete: offers a receiver without the mark of another key, which nobody must send to by a Tab", () => {
  const [bob] = OTHERS as [Person];
  const members = [ALICE, { ...bob, name: "bob(!)" }, { ...bob, id: 9, name: "bob#9(!)" }];
  const { context } = around({ room: fakeRoom({ members }), files: fakeFiles() });
  const words = (text: string) => complete(text, text.length, context).words;
  assertEquals(words("/msg b"), ["bob ", "bob#9 "]);
  assertEquals(words("/send nowhere b"), ["bob ", "bob#9 "]);
  assertEquals(words("/trust b"), ["bob(!) ", "bob#9(!) "]);
});

Deno.test("/reply: goes to the sender of the last direct message, under any name, and never to a new owner of the name", () => {
  const { context, done } = around();
  const { preferences } = context;
  const members = (...members: Person[]): Context => (
    { ...context, room: fakeRoom({ members, calls: done }) }
  );
  follow(direct(AL), context);
  follow(direct(BOB7), context);
  follow(said(BORIS), context);
  assertEquals(preferences.reply, "bob#7");
  submit("/reply  at ten :tada:", context);
  assertEquals(done, ["tell 5 at ten 🎉"]);
  // Nobody else is called bob any more; then that member has another name.
  submit("/reply hi", members({ ...BOB7, name: "bob" }));
  const renamed = { ...BOB7, name: "rob" };
  follow({ type: "renamed", who: renamed, before: "bob", at: 1 }, context);
  submit("/reply hi", members(renamed));
  assertEquals(done.splice(1), ["tell 5 hi", "tell 5 hi"]);
  const left = assertThrows(
    () => submit("/reply hi", members({ ...AL, name: "rob" })),
    ChatError,
    "Cannot reply: rob, who sent the last direct message, has left",
  );
  assertStringIncludes(left.hint!, "/msg rob TEXT");
  // A restarted server may give the id to another member.
  assertThrows(() => submit("/reply hi", members({ ...AL, id: BOB7.id })), ChatError, "has left");
});

Deno.test("expand: /reply becomes /msg to the sender of the last direct message, by a word that means nobody else", () => {
  const { context } = around();
  const written = (text: string, ...members: Person[]) => {
    const expansion = expand(text, { ...context, room: fakeRoom({ members }) });
    return expansion && expansion.text + text.slice(expansion.to);
  };
  // Nobody has written yet.
  assertEquals(written("/reply hi", ALICE, AL), undefined);
  follow(direct(AL), context);
  const proved = { ...AL, key: FINGERPRINT };
  const cases: [text: string, who: Person, written: string | undefined][] = [
    // A proved name is enough: who takes it later has another key.
    ["/reply hi", proved, "/msg al hi"],
    ["/reply ", proved, "/msg al "],
    ["/reply  one\n two", proved, "/msg al one\n two"],
    // Without a key, and among others with this name, the id is part of it.
    ["/reply hi", AL, "/msg al#4 hi"],
    ["/reply hi", { ...proved, name: "al#4" }, "/msg al#4 hi"],
    // The mark of another key is for the user to write.
    ["/reply hi", { ...proved, name: "al(!)" }, "/msg al#4 hi"],
    ["/reply hi", { ...proved, name: "al#4(!)" }, "/msg al#4 hi"],
    ["/reply", proved, undefined],
    ["/replyx hi", proved, undefined],
    ["//reply hi", proved, undefined],
    [" /reply hi", proved, undefined],
    ["/msg al hi", proved, undefined],
    ["/constructor hi", proved, undefined],
    // The sender has left, and somebody else has the name or the id.
    ["/reply hi", { ...proved, id: 9 }, undefined],
    ["/reply hi", { ...proved, name: "eve" }, undefined],
  ];
  for (const [text, who, expected] of cases) {
    assertEquals(written(text, ALICE, who), expected, `${text} ${who.name}`);
  }
});

// ---- saving ----------------------------------------------------------------------------------------

/** A home folder with a file and a folder; `made` has the written files. */
function fakeFiles(made: Record<string, string> = {}): Files {
  return {
    home: "/home/ada",
    backslashes: false,
    list: (folder) =>
      folder === "/home/ada/"
        ? [{ name: "talk.txt", folder: false }, { name: "my notes", folder: true }]
        : [],
    create(path, text) {
      if (path in made) return undefined;
      made[path] = text;
      return path;
    },
    openLog: (path) => Promise.reject(new ChatError(`Cannot log to ${path}`)),
  };
}

Deno.test("/save: writes a new file, reports size and path, and never overwrites", () => {
  const made: Record<string, string> = {};
  const { context, done } = around({ files: fakeFiles(made) });
  follow(said(BOB, "hello"), context);
  submit("/save ~/new\\ talk.txt", context);
  follow(said(BOB, "again"), context);
  submit('/save "two lines.txt"', context);
  assertEquals(done, [
    "print|saved 1 line in /home/ada/new talk.txt",
    "print|saved 2 lines in two lines.txt",
  ]);
  assertEquals(Object.keys(made), ["/home/ada/new talk.txt", "two lines.txt"]);
  assertEquals(made["two lines.txt"], context.saved.text("127.0.0.1:2428", NOW));
  const error = assertThrows(() => submit("/save two lines.txt", context), ChatError);
  assertEquals(error.message, "Cannot save to two lines.txt: the file exists already");
  assertStringIncludes(error.hint!, "another name");
});

Deno.test("/remember: shows what has been done or why not; a classic room cannot be remembered", async () => {
  const remember = (name: string) =>
    name === "work"
      ? Promise.resolve(["remembered: chat join work", "the code, too"])
      : Promise.reject(new ChatError("Cannot remember this room"));
  const { context, done } = around({ remember });
  submit("/remember work", context);
  submit("/remember home", context);
  // Both promises have been settled: their results come before this.
  await Promise.resolve().then(() => {});
  assertEquals(done, [
    "print|remembered: chat join work",
    "print|the code, too",
    "refuse|Cannot remember this room",
  ]);
  assertThrows(() => submitted("/remember work"), ChatError, "chat has no access to files here");
  const room = fakeRoom();
  const classic = Object.assign(room, { info: { ...room.info, classic: true } });
  assertThrows(
    () => submitted("/remember work", { room: classic, remember }),
    ChatError,
    "it is a classic one",
  );
});

Deno.test("/save: reports how many lines were dropped", () => {
  const saved = new SavedTranscript(100);
  const { context, done } = around({ files: fakeFiles(), saved });
  for (let i = 0; i < 5; i++) follow(said(BOB, "hello"), context);
  submit("/save x", context);
  assertEquals(done, ["print|saved 2 lines in x; 3 older lines left out"]);
});

Deno.test("/invite: shows how others join and the code, and nothing of it is sent, saved or logged", () => {
  const sealed = (invitation?: Invitation) => {
    const around = fakeContext({ room: new FakeRoom({ cipher: "sealed" }), invitation });
    submit("/invite", around.context);
    assertEquals([around.context.saved.size, (around.context.room as FakeRoom).calls], [0, []]);
    return around.done;
  };
  const commands = ["chat join 192.0.2.7:9", "chat join 198.51.100.1:9"];
  assertEquals(sealed({ commands, code: "correct horse battery staple" }), [
    "others join with: chat join 192.0.2.7:9",
    "others join with: chat join 198.51.100.1:9",
    "code: correct horse battery staple",
  ]);
  assertEquals(sealed({ commands: [], remark: "others join at the address of the proxy" }), [
    "others join at the address of the proxy",
    "they need the code, which chat does not know",
  ]);
  assertEquals(sealed()[0], "others join with: chat join 127.0.0.1:2428");
  assertEquals(submitted("/invite").slice(1), [
    "print|there is no code: anyone who reaches the address can join and read",
  ]);
});

Deno.test("follow: takes every kind of event", () => {
  for (const event of Object.values(EVENTS).flat()) {
    assertEquals(isShown(event, around().context), true);
  }
});

// ---- any input -------------------------------------------------------------------------------------

const LINE = fc.array(
  fc.oneof(
    fc.constantFrom(...COMMANDS.map(({ name }) => `/${name} `), "/", "//", "~/", "[", "|"),
    fc.constantFrom(
      "bob",
      "bob#7",
      "al",
      ":smi",
      ":tada:",
      " ",
      "\n",
      "`",
      '"',
      "\\",
      "dark",
      "on",
    ),
    anyString({ maxLength: 8 }),
  ),
  { maxLength: 8 },
).map((pieces) => pieces.join(""));

Deno.test("submit: any input either works or fails with a printable error", () => {
  fc.assert(fc.property(LINE, (text) => {
    const { context } = around({ files: fakeFiles() });
    const lines: string[] = [];
    try {
      submit(text, { ...context, print: (line) => void lines.push(line) });
    } catch (error) {
      assert(error instanceof ChatError);
      lines.push(error.message, error.hint ?? "");
    }
    for (const line of lines) assertEquals(line, printable(line));
  }));
});

Deno.test("complete: for any input, the words are printable and replace a part of the text", () => {
  fc.assert(fc.property(LINE, fc.nat(64), (text, at) => {
    const cursor = Math.min(at, text.length);
    const { context } = around({ files: fakeFiles() });
    const { from, words, labels } = complete(text, cursor, context);
    assert(from >= 0 && from <= cursor);
    if (labels) assertEquals(labels.length, words.length);
    for (const word of labels ?? words) assertEquals(word, printable(word));
  }));
});

// ---- the page --------------------------------------------------------------------------------------

Deno.test("docs/commands.md: has the table of commands, in its order and words", () => {
  const page = Deno.readTextFileSync(new URL("../docs/commands.md", import.meta.url))
    .replaceAll("\r\n", "\n");
  const rows = page.split("\n").filter((line) => line.startsWith("| `/"))
    .map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()));
  const code = (text: string) => `\`${text.trim().replaceAll("|", "\\|")}\``;
  const expected = COMMANDS.map(({ name, args, help, screen }) => [
    code(`/${name} ${args}`) + (screen ? " \\*" : ""),
    help,
  ]);
  assertEquals(rows, expected);
});

Deno.test("docs/commands.md: has the tables of keys", () => {
  const page = Deno.readTextFileSync(new URL("../docs/commands.md", import.meta.url))
    .replaceAll("\r\n", "\n");
  const tables = page.split("\n\n").filter((part) => part.startsWith("| keys "));
  const rows = tables.map((table) =>
    table.trim().split("\n").slice(2).map((line) => {
      const [keys, help] = line.slice(1, -1).split("|").map((cell) => cell.trim());
      return { keys: keys!.replaceAll("\\", ""), help };
    })
  );
  assertEquals(rows, [[...KEYS], [...PLAIN_KEYS]]);
});

Deno.test("submit: /send offers a file to all, or to the member that comes last", () => {
  const { context, done } = around({ files: fakeFiles() });
  for (
    const line of [
      "/send notes.txt",
      "/send my notes.txt",
      "/send my notes.txt bob",
      "/send ~/a\\ b bob",
      "/send nobody here",
      '/send "my bob"',
      "/send my\\ bob",
      // The file exists, and no member has this name: the room reports that.
      "/send ~/talk.txt nobody",
      "/send ~/talk.txt.bak nobody",
    ]
  ) submit(line, context);
  assertEquals(done, [
    "offer notes.txt",
    "offer my notes.txt",
    'offer my notes.txt to "bob"',
    'offer /home/ada/a b to "bob"',
    "offer nobody here",
    "offer my bob",
    "offer my bob",
    'offer /home/ada/talk.txt to "nobody"',
    "offer /home/ada/talk.txt.bak nobody",
  ]);
  const words = (text: string) => complete(text, text.length, context);
  assertEquals(words("/send ~/talk.txt bor"), { from: 17, words: ["Boris "] });
  assertEquals(words("/send ~/t").words, ["~/talk.txt"]);
  const none = around();
  assertThrows(
    () => submit("/send a", none.context),
    ChatError,
    "chat has no access to files here",
  );
});

Deno.test("submit: /accept, /decline and /cancel take a number, a name or all; without one, the only offer", () => {
  const { context, done } = around();
  for (const line of ["/accept 3", "/accept all", "/decline my photo.jpg", "/cancel 7"]) {
    submit(line, context);
  }
  assertEquals(done, ['accept "3"', 'accept "all"', 'decline "my photo.jpg"', 'cancel "7"']);
  assertThrows(() => submit("/accept", context), ChatError, "nothing is offered to you");
  const offers = context.room.transfers;
  offers.push(OFFER);
  submit("/accept", context);
  assertEquals(done.at(-1), "accept 1");
  offers.push({ ...OFFER, number: 2 });
  assertThrows(() => submit("/decline", context), ChatError, "choose one of 2 files");
  // A folder is one offer, unless there are others.
  offers.splice(0, 2, { ...OFFER, name: "photos/a.jpg" }, {
    ...OFFER,
    number: 2,
    name: "photos/b/",
  });
  submit("/accept", context);
  submit("/decline", context);
  assertEquals(done.slice(-2), ['accept "all"', 'decline "all"']);
  for (const other of ["music/a.mp3", "photos", "b.jpg"]) {
    offers[1] = { ...OFFER, number: 2, name: other };
    assertThrows(() => submit("/accept", context), ChatError, "choose one of 2 files");
  }
  assertThrows(() => submit("/cancel", context), ChatError, "no transfer is running");
  offers.push({ ...OFFER, number: 5, state: "running" });
  submit("/cancel", context);
  assertEquals(done.at(-1), "cancel 5");
});

Deno.test("submit: /transfers lists one transfer per row", () => {
  const { context, done } = around();
  submit("/transfers", context);
  context.room.transfers.push(OFFER, {
    ...OFFER,
    number: 2,
    state: "running",
    bytes: 1024,
    stalled: "bob is away",
  });
  submit("/transfers", context);
  assertEquals(done, [
    "print|no transfers",
    "print|1  photo.jpg from bob, 3 MiB: offered",
    "print|2  photo.jpg from bob, 3 MiB: running 0%: bob is away",
  ]);
});

/** Received pictures and a text, and one picture that is not received, after their events. */
function withPictures(...order: readonly number[]): { context: Context; done: string[] } {
  const { context, done } = around();
  const transfers = context.room.transfers as Transfer[];
  ["cat.png", "notes.txt", "my \x1b cat.gif", "cat.png"].forEach((name, i) => (
    transfers.push({ ...OFFER, number: i + 1, name, state: "done", path: `/d/${i + 1}` })
  ));
  transfers.push({ ...OFFER, number: 5, name: "late.png", state: "running" });
  for (const number of order) {
    const transfer = transfers.find((one) => one.number === number)!;
    follow({ type: "transfer", transfer }, context);
  }
  return { context, done };
}

Deno.test("submit: /view shows a received picture by number or name; several are an error; without one, the last", () => {
  const { context, done } = withPictures(4, 1, 3, 2, 5);
  for (const line of ["/view", "/view 1", "/view notes.txt", "/view my ␛ cat.gif", "/view 4"]) {
    submit(line, context);
  }
  assertEquals(done, [
    ...["view|/d/3|my \x1b cat.gif", "view|/d/1|cat.png", "view|/d/2|notes.txt"],
    ...["view|/d/3|my \x1b cat.gif", "view|/d/4|cat.png"],
  ]);
});

Deno.test("submit: /view of a file that was not received fails, and says how to find the others", () => {
  const fault = (which: string, { context } = withPictures()) => {
    const error = assertThrows(() => submit(`/view ${which}`, context), ChatError);
    return `${error.message}; ${error.hint}`;
  };
  const lists = "you have received no such file; /transfers lists them with their numbers";
  assertEquals(fault("late"), `Cannot show "late": ${lists}`);
  assertEquals(fault("5"), `Cannot show "5": ${lists}`);
  const which = (numbers: string) =>
    `it could mean several files; Say which by its number: ${numbers}`;
  assertEquals(fault("cat.png"), `Cannot show "cat.png": ${which("1, 4")}`);
  assertEquals(fault("bob"), `Cannot show "bob": ${which("1, 2, 3, 4")}`);
  assertEquals(fault("\x1b" + "x".repeat(99)), `Cannot show "␛${"x".repeat(31)}…": ${lists}`);
  // The file of the event is not a picture, or is not received.
  assertEquals(
    fault("", withPictures(2, 5)),
    "Cannot show a picture: you have not received one yet; " +
      "/view NUMBER shows a file whatever its name is; /transfers lists them",
  );
});

Deno.test("complete: /view offers the names of received pictures, each once", () => {
  const { context } = withPictures();
  const words = (text: string) => complete(text, text.length, context).words;
  assertEquals(words("/vi"), ["/view "]);
  assertEquals(words("/view "), ["cat.png", "my ␛ cat.gif"]);
  assertEquals(words("/view MY ␛ c"), ["my ␛ cat.gif"]);
  assertEquals(words("/view l"), []);
});
