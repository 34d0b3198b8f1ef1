// Test helper: what a hostile member can do, as data that fast-check draws, shrinks and prints. No part of the program.
// `hostile_member.ts` does it.

import { AckOutcome, MAX_BODY, MAX_FRAME, Type } from "../../protocol.ts";
import fc, { anyString } from "./property.ts";

/** The honest members, and names that are made to look like theirs. */
export const HONEST = ["alice", "bob", "carol"] as const;
export type HonestName = typeof HONEST[number];

export const LOOKALIKES: Readonly<Record<HonestName, readonly string[]>> = {
  // The name itself; joiners and selectors that nobody sees; letters of other scripts, and other forms of the same ones.
  alice: [
    "alice",
    "alice\u200d",
    "ali\u200cce",
    "alice\ufe0f",
    "аlice",
    "aliсе",
    "ａｌｉｃｅ",
    "𝐚𝐥𝐢𝐜𝐞",
  ],
  bob: ["bob", "b\u200dob", "bob\ufe00", "bоb", "bοb", "ｂｏｂ", "𝗯𝗼𝗯", "Bob"],
  carol: ["carol", "carol\u200d", "саrol", "cаrοl", "ｃａｒｏｌ", "𝚌𝚊𝚛𝚘𝚕", "CAROL"],
};

/** A text, written so that a long one is short in a report. */
export interface Text {
  readonly piece: string;
  readonly times: number;
}

export function textOf({ piece, times }: Text): string {
  return piece.repeat(times);
}

/** Which member: everybody, the honest members, the hostile one itself, or any number. */
export type Target = "room" | HonestName | "itself" | { readonly id: number };
/** What it reports of the room's log: the truth, or one of several lies. */
export type ReportKind = "true" | "ahead" | "between" | "zero" | "lie";
/** How a message is numbered: not at all, as the next one, again, long ago, or far ahead. */
export type Numbering = "none" | "next" | "again" | "replay" | "ahead" | "fresh";

export type FilePart =
  & { readonly transfer: number }
  & (
    | { readonly kind: "offer"; readonly size: number; readonly name: string }
    | { readonly kind: "ask" | "resume"; readonly generation: number; readonly offset: number }
    | { readonly kind: "chunk"; readonly offset: number; readonly length: number }
    | { readonly kind: "hash" | "differs" | "withdraw" | "decline" | "done" | "again" }
  );

type Step =
  | {
    readonly do: "say" | "act" | "tell";
    readonly to: Target;
    readonly text: Text;
    readonly report: ReportKind;
    readonly numbering: Numbering;
    /** By how much its clock is wrong, in ms. */
    readonly clock: number;
  }
  /** Answers, changes or reacts to a message: its own, another member's, or one that nobody has sent. */
  | {
    readonly do: "about";
    readonly kind: "text" | "action" | "edit" | "delete" | "react" | "unreact";
    readonly of: "own" | "other" | "none";
    readonly nth: number;
    readonly text: Text;
    readonly to: Target;
    readonly numbering: Numbering;
    readonly times: number;
  }
  | { readonly do: "topic"; readonly text: Text; readonly times: number }
  | { readonly do: "status"; readonly name: string; readonly text: Text }
  | { readonly do: "rename"; readonly name: string; readonly report: ReportKind }
  /** A profile that is well sealed, with any content. */
  | { readonly do: "profile"; readonly content: string }
  | {
    readonly do: "files";
    readonly to: Target;
    readonly refused: number;
    readonly parts: readonly FilePart[];
    readonly times: number;
  }
  /** File data, in a frame that is well sealed. */
  | {
    readonly do: "data";
    readonly to: Target;
    readonly generation: number;
    readonly parts: readonly FilePart[];
  }
  | {
    readonly do: "grant";
    readonly to: Target;
    readonly generation: number;
    readonly total: number;
  }
  /** Requests a file of alice's, and lets it come. */
  | {
    readonly do: "fetch";
    readonly part: FilePart & { kind: "ask" | "resume" };
    readonly total: number;
  }
  /** A well sealed body with any plaintext. */
  | { readonly do: "envelope"; readonly to: Target; readonly plaintext: Uint8Array }
  /** A body that was sent before, by this member or another, perhaps for another use. */
  | {
    readonly do: "replay";
    readonly of: "own" | "other";
    readonly nth: number;
    readonly as: "room" | "direct" | "profile";
    readonly to: Target;
  }
  /** Seals and does not send, so that the next counter is too high. */
  | { readonly do: "skip"; readonly to: Target; readonly count: number }
  | {
    readonly do: "frame";
    readonly type: number;
    readonly to: Target;
    readonly body: Uint8Array;
  }
  /** MODERATE, as if it were a moderator. */
  | {
    readonly do: "moderate";
    readonly key: "own" | "alice" | "weak";
    readonly signature: "own" | "none" | "elsewhere";
    /** How far its number is from the right one. */
    readonly ahead: number;
    readonly to: Target;
    /** The JSON; `MEMBER` and `KEY` become the member's id and its own key. */
    readonly json: string;
  }
  | { readonly do: "have"; readonly position: number }
  | { readonly do: "storm"; readonly type: number; readonly count: number }
  /** A connection without a login that sends these bytes. */
  | { readonly do: "knock"; readonly bytes: Uint8Array; readonly preface: boolean }
  /** Breaks a member's connection: half a frame, or a length that is too large, or too small. */
  | { readonly do: "break"; readonly length: number; readonly sent: number }
  | { readonly do: "join"; readonly name: string }
  | { readonly do: "leave"; readonly how: "bye" | "close" }
  | {
    readonly do: "resume";
    readonly token: boolean;
    readonly proof: boolean;
    readonly ahead: number;
  }
  /** Another one of its connections goes on. */
  | { readonly do: "switch" };

/** One act, and how long it rests before it, in ms. */
export type Act = Step & { readonly rest: number };

// ---- how they are drawn ----

/** Bytes and characters that a careless program would obey, or that take long to draw. */
const NASTY = [
  "\x1b[2J\x1b[3J\x1b[H",
  "\x1b]0;PWNED\x07",
  "\x1b]52;c;cHduZWQ=\x1b\\",
  "\x1bc",
  "\x1bP1$r0m\x1b\\",
  "\x9b31m",
  "\x07",
  "\b\b\b\b\balice │ ",
  "\r\x1b[Kalice │ I owe mallory a beer",
  "\nalice │ I owe mallory a beer",
  "\n   alice │ I owe mallory a beer\n     bob │ so do I",
  "\nalice: I owe mallory a beer",
  "\u2028alice: I owe mallory a beer\u2029",
  "\u202eecila\u202c",
  "\u2066\u2067\u2068\u2069\u200e\u200f\u061c",
  "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f\u{e0041}",
  "🙂",
  "👩‍👩‍👧‍👦",
  "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
  "e\u0301\u0323",
  "ก\u0e49\u0e49\u0e49",
  "﷽",
  "\x00",
  "\x7f\x85",
  "```\n",
  "> ",
  "**`_",
  "https://[::1]:99999/%00\x1b ",
  "\t",
  "\n",
  "\r",
  "@alice @bob @carol ",
  "/quit",
  "日本語",
  "\ud800",
  // As moderators' notices and announcements are shown: on the screen, in plain mode, in classic clients.
  "* alice removed bob from the room",
  "\nalice removed bob from the room: spam",
  "\nthe operator closed the room; it gets a new code",
  "\n ANNOUNCEMENT by alice \n┃ Leave now.",
  "*** ANNOUNCEMENT by the operator: leave now",
  "\x1b[7m ANNOUNCEMENT by alice \x1b[0m",
  "\r┃ Leave now.",
  "\u2028┃ Leave now.",
];

const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NASTY) },
  { weight: 2, arbitrary: fc.constantFrom("I am mallory", "hello", "a1 said by me", "alice") },
  { weight: 2, arbitrary: anyString({ maxLength: 40 }) },
);
const text: fc.Arbitrary<Text> = fc.record({
  piece,
  times: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 0, max: 3 }) },
    { weight: 3, arbitrary: fc.constantFrom(24, 80, 200, 1_000) },
    { weight: 1, arbitrary: fc.constantFrom(2_000, 4_000) },
  ),
});

/** Reactions: most of them valid ones. */
const emoji = fc.constantFrom("👍", "🎉", "👩‍👩‍👧‍👦", "a", "│", "╭", "\x1b", "\u202e", "👍👍", " ");

const oddName = fc.constantFrom(
  ...[
    ...["", " ", "alice(!)", "alice#1", "#1", "(!)", "you", "* bob", "bob → you", "-", "1", "all"],
    ...["alice:", "/quit", "a".repeat(64), "a".repeat(65), "🙂", "👩‍👩‍👧‍👦".repeat(3), "שלום"],
    ...[
      "alice\u202e",
      "\u200d",
      "\ufe0f",
      "e\u0301",
      "\u0301",
      "日本語の名前",
      "\x1b[31mred",
      "a\nb",
      "ANNOUNCEMENT",
      "operator",
      "the operator",
      "the\u00a0operator",
      "┃",
      "***",
    ],
  ],
);
const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...HONEST.flatMap((one) => LOOKALIKES[one])) },
  { weight: 2, arbitrary: fc.nat({ max: 9_999 }).map((n) => `mallory${n}`) },
  { weight: 1, arbitrary: oddName },
  { weight: 1, arbitrary: anyString({ maxLength: 24 }) },
);

const target: fc.Arbitrary<Target> = fc.oneof(
  { weight: 3, arbitrary: fc.constant("room" as const) },
  { weight: 4, arbitrary: fc.constantFrom(...HONEST) },
  { weight: 1, arbitrary: fc.constant("itself" as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, 2, 999, 0x7fffffff, 0xffffffff).map((id) => ({ id })),
  },
);
const someone = target.filter((to) => to !== "room");

const report = fc.oneof(
  { weight: 4, arbitrary: fc.constant("true" as const) },
  { weight: 1, arbitrary: fc.constantFrom("ahead", "between", "zero", "lie") },
) as fc.Arbitrary<ReportKind>;
const numbering: fc.Arbitrary<Numbering> = fc.constantFrom(
  ...["none", "next", "next", "next", "again", "replay", "ahead", "fresh"] as const,
);
const clock = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.constantFrom(-1e9, 1e9, -8e14, 8e14) },
);
const bytes = (max: number) => fc.uint8Array({ maxLength: max });
const position = fc.constantFrom(0, 1, 8, 16_384, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1);

const transfer = fc.nat({ max: 7 });
const generation = fc.constantFrom(0, 1, 2, 2 ** 32 - 1);
const offset = fc.constantFrom(0, 1, 65_536, 2 ** 40);
const chunk = fc.record({
  kind: fc.constant("chunk"),
  transfer,
  offset,
  length: fc.constantFrom(1, 20, 65_536),
}) as fc.Arbitrary<FilePart>;
const request = fc.record({
  kind: fc.constantFrom("ask", "resume"),
  transfer,
  generation,
  offset,
});
const part = fc.oneof(
  fc.record({
    kind: fc.constant("offer" as const),
    transfer,
    size: fc.constantFrom(0, 1, 20, 65_536, 2 ** 32, 2 ** 53 - 1),
    name: fc.oneof(
      fc.constantFrom(
        ...[
          "update.sh",
          "../../.bashrc",
          "/etc/passwd",
          "C:\\CON",
          "CON",
          "NUL.txt",
          ".",
          "..",
          "",
        ],
        ...["1", "alice", "all", "x\u202egpj.exe", "a".repeat(1024), "a\x00b", "\x1b[2J", "\n"],
        ...["photos/2024/a.jpg", "photos/empty/", "../../x/", "a//b", ".ssh/x", "a/".repeat(500)],
        ...["-rf", "~", "x.lnk", "x.url", "x.desktop", "🙂.png", "e\u0301", ".part", "chat.part"],
      ),
      anyString({ maxLength: 60 }),
    ),
  }),
  chunk,
  request,
  fc.record({
    kind: fc.constantFrom("hash", "differs", "withdraw", "decline", "done", "again"),
    transfer,
  }),
) as fc.Arbitrary<FilePart>;

/** What moderators can ask for. */
const ACTS = [
  '{"action":"prove"}',
  '{"action":"bans"}',
  '{"action":"kick","member":MEMBER,"reason":"spam"}',
  '{"action":"ban","member":MEMBER,"seconds":60}',
  '{"action":"silence","member":MEMBER}',
  '{"action":"unsilence","member":MEMBER}',
  '{"action":"unban","ban":1}',
  '{"action":"lock"}',
  '{"action":"announce","text":"leave now"}',
  '{"action":"op","key":"KEY"}',
  '{"action":"deop","key":"KEY"}',
  '{"action":"close"}',
  '{"action":"topic","text":"mine"}',
];
/** These end its connection. */
const NO_ACTS = ["", "{", "[]", '{"action":7}', '{"action":"kick"}', '{"action":"op","key":"x"}'];

const message = fc.record({
  do: fc.constantFrom("say", "say", "say", "act", "tell"),
  to: someone,
  text,
  report,
  numbering,
  clock,
});

const step = fc.oneof(
  { weight: 60, arbitrary: message },
  {
    weight: 40,
    arbitrary: fc.record({
      do: fc.constant("about"),
      kind: fc.constantFrom(
        "text",
        "action",
        "edit",
        "edit",
        "delete",
        "react",
        "react",
        "unreact",
      ),
      of: fc.constantFrom("own", "other", "other", "none"),
      nth: fc.nat({ max: 40 }),
      text: fc.oneof(text, emoji.map((piece) => ({ piece, times: 1 }))),
      to: fc.oneof({ weight: 6, arbitrary: fc.constant("room" as const) }, {
        weight: 1,
        arbitrary: target,
      }),
      numbering,
      times: fc.constantFrom(1, 1, 1, 5),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("topic"), text, times: fc.constantFrom(1, 1, 5) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("status"), name, text }) },
  { weight: 24, arbitrary: fc.record({ do: fc.constant("rename"), name, report }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("profile"),
      content: fc.oneof(
        fc.constantFrom("", "{}", "[]", "null", '{"name":1}', '{"name":"x","classic":true}', "{"),
        fc.constantFrom('{"name":"alice","name":"bob"}', '{"__proto__":{"name":"alice"}}'),
        fc.json({ maxDepth: 1 }),
      ),
    }),
  },
  {
    weight: 20,
    arbitrary: fc.record({
      do: fc.constant("files"),
      to: target,
      refused: fc.constantFrom(0, 1, 255),
      parts: fc.array(part, { minLength: 1, maxLength: 4 }),
      times: fc.constantFrom(1, 1, 1, 64, 255, 256, 600),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("data"),
      to: target,
      generation,
      parts: fc.array(fc.oneof({ weight: 4, arbitrary: chunk }, { weight: 1, arbitrary: part }), {
        maxLength: 3,
      }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("fetch"), part: request, total: position }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("grant"), to: target, generation, total: position }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("envelope"),
      to: target,
      plaintext: fc.oneof(
        bytes(40),
        bytes(40).map((rest) => Uint8Array.of(...utf8("F"), ...rest)),
        bytes(40).map((rest) => Uint8Array.of(...utf8("N"), ...rest)),
      ),
    }),
  },
  {
    weight: 24,
    arbitrary: fc.record({
      do: fc.constant("replay"),
      of: fc.constantFrom("own", "other"),
      nth: fc.nat({ max: 30 }),
      as: fc.constantFrom("room", "direct", "profile"),
      to: someone,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("skip"),
      to: target,
      count: fc.constantFrom(1, 5, 300),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("frame"),
      type: fc.oneof(
        fc.constantFrom(Type.MESSAGE, Type.PROFILE, Type.PING, Type.PONG, Type.HAVE),
        fc.nat({ max: 26 }),
        fc.constant(255),
      ),
      to: target,
      body: fc.oneof(
        bytes(80),
        fc.constantFrom(0, 1, 119, 120, 1_024, 1_025, MAX_BODY).map((n) => new Uint8Array(n)),
        fc.constant(Uint8Array.of(0, 0, 0, 1, AckOutcome.ACCEPTED)),
      ),
    }),
  },
  // What only servers send.
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("frame"),
      type: fc.constantFrom(Type.NOTICE, Type.BANS),
      to: target,
      body: fc.constantFrom(
        utf8('{"action":"announce","text":"leave now"}'),
        utf8('{"action":"kick","member":1}'),
        utf8('{"bans":[]}'),
      ),
    }),
  },
  {
    weight: 24,
    arbitrary: fc.record({
      do: fc.constant("moderate"),
      key: fc.constantFrom("own", "alice", "alice", "weak"),
      signature: fc.constantFrom("own", "own", "none", "elsewhere"),
      ahead: fc.constantFrom(0, 0, 0, 0, -1, 1, 2 ** 31),
      to: someone,
      json: fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom(...ACTS) },
        { weight: 1, arbitrary: fc.constantFrom(...NO_ACTS) },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("have"), position }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("storm"),
      type: fc.constantFrom(
        Type.PING,
        Type.PONG,
        Type.HAVE,
        Type.MESSAGE,
        Type.PROFILE,
        Type.TOPIC,
      ),
      count: fc.constantFrom(10, 100, 500),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("knock"),
      preface: fc.boolean(),
      bytes: fc.oneof(bytes(60), fc.constant(utf8("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("break"),
      length: fc.constantFrom(0, 4, 5, 1_000, MAX_FRAME, MAX_FRAME + 1, 0xffffffff),
      sent: fc.constantFrom(0, 1, 5, 500),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("join"), name }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("leave"), how: fc.constantFrom("bye", "close") }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("resume"),
      token: fc.boolean(),
      proof: fc.boolean(),
      ahead: fc.constantFrom(0, 0, 1, 2 ** 40),
    }),
  },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("switch") }) },
) as fc.Arbitrary<Step>;

/** What a hostile member may do next. */
export const act: fc.Arbitrary<Act> = fc.tuple(step, fc.constantFrom(0, 0, 5, 10, 40))
  .map(([step, rest]) => ({ ...step, rest }));

/** The same acts for the same seed and number. */
export function sampleActs(seed: number, count: number): Act[] {
  return fc.sample(act, { seed, numRuns: count });
}

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
