// deno-lint-ignore-file no-control-regex -- rows are checked with their sequences.
import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { ChatError } from "../errors.ts";
import type { EarlierMessage, Person, RoomEvent } from "../room.ts";
import { ALICE, BOB, EARLIER, ID, OFFER, OTHER_ID, UNPROVED } from "../tests/support/fake_room.ts";
import { width } from "../text/width.ts";
import { plainLines } from "./plain_lines.ts";
import type { Page } from "./rows.ts";
import { isShown } from "./shown.ts";
import { palette } from "./theme.ts";
import { Transcript } from "./transcript.ts";

const CAROL: Person = { id: 3, name: "carol", self: false, away: false };
const START = new Date(2026, 10, 24, 14, 2, 30).getTime();

const page = (columns: number, options: Partial<Page> = {}): Page => ({
  columns,
  palette: palette("mono"),
  time: "short",
  self: "alice",
  links: false,
  ...options,
});

const says = (from: Person, text: string, action = false): RoomEvent => (
  { type: "message", from, text, action, at: 1, ref: undefined, ...UNPROVED }
);
const direct = (from: Person, text: string, action = false): RoomEvent => (
  { type: "direct", from, text, action, ...UNPROVED }
);

/** The rows of several events; a number lets this many seconds pass. */
function rows(
  columns: number,
  happens: readonly (RoomEvent | string | number)[],
  options: Partial<Page> = {},
): string[] {
  const transcript = new Transcript();
  let now = START;
  return happens.flatMap((one) => {
    if (typeof one === "number") {
      now += one * 1000;
      return [];
    }
    const to = page(columns, options);
    if (typeof one === "string") return transcript.notice(one, new Date(now), to);
    return transcript.event(one, new Date(now), to);
  }).map(unstyled);
}

/** A row as it is seen. */
const unstyled = (row: string) => stripAnsiCode(row.replace(/\r\x1b\[\d+C/g, ""));

/** A change of a message. */
const EDIT = { at: 1, ref: undefined, ...UNPROVED } as const;
const LONG = "the quick brown fox jumps over the lazy dog";

Deno.test("Transcript: an answer and a correction name the earlier message where no member can write", () => {
  const quoted = { ...EARLIER, from: CAROL, text: `${LONG}; ${LONG}\nmore` };
  const answer = (text: string, about?: EarlierMessage): RoomEvent => ({
    ...{ type: "message", from: BOB, text, action: false, at: 1, ref: undefined },
    ...{ id: OTHER_ID, re: ID, quoted: about, ...UNPROVED },
  });
  const happens = [
    answer("yes", quoted),
    says(BOB, "╭ carol: I said so"),
    answer("no", undefined),
    answer("why?", { ...quoted, text: "", isDeleted: true }),
    answer("oh", { ...quoted, text: "waves\x1b[2J", action: true }),
    {
      type: "edited",
      action: false,
      from: BOB,
      id: ID,
      text: "Yes!",
      quoted: { ...EARLIER, text: "yes" },
      ...EDIT,
    },
    { type: "deleted", from: BOB, id: ID, quoted: { ...EARLIER, text: "Yes!" }, ...EDIT },
    { type: "deleted", from: BOB, id: ID, quoted: undefined, ...EDIT },
  ] as const;
  assertEquals(rows(80, happens), [
    "14:02  bob ╭ carol: the quick brown fox jumps over the lazy dog; the quick bro…",
    "           │ yes",
    "           │ ╭ carol: I said so",
    "           ╭ an earlier message (not shown)",
    "           │ no",
    "           ╭ carol: (deleted)",
    "           │ why?",
    "           ╭ * carol waves␛[2J",
    "           │ oh",
    "           ╭ corrects: yes",
    "           │ Yes!",
    "      bob deleted: Yes!",
    "      bob deleted an earlier message",
  ]);
  assertEquals(rows(40, happens), [
    "╭ carol: the quick brown fox jumps ove…",
    "14:02 bob: yes",
    "           ╭ carol: I said so",
    "╭ an earlier message (not shown)",
    "           no",
    "╭ carol: (deleted)",
    "           why?",
    "╭ * carol waves␛[2J",
    "           oh",
    "╭ corrects: yes",
    "           Yes!",
    "bob deleted: Yes!",
    "bob deleted an earlier message",
  ]);
});

Deno.test("Transcript: aligned rows on wide terminals, compact ones below 60 columns, with indented texts", () => {
  const happens = [
    says(BOB, "hi"),
    says(BOB, `${LONG}; ${LONG}\nbob: two`),
    says(ALICE, "well"),
    "carol joined",
    says(CAROL, "hello"),
    says(CAROL, "waves", true),
    direct(CAROL, "psst"),
    direct(CAROL, "winks", true),
    { type: "delivered", ref: 1, to: CAROL, text: "what?" } as const,
  ];
  assertEquals(rows(60, happens), [
    "14:02  bob │ hi",
    "           │ the quick brown fox jumps over the lazy dog;",
    "           │ the quick brown fox jumps over the lazy dog",
    "           │ bob: two",
    "      alice │ well",
    "      carol joined",
    "      carol │ hello",
    "      * carol │ waves",
    "      carol → you │ psst",
    "      * carol → you │ winks",
    "        you → carol │ what?",
  ]);
  assertEquals(rows(59, happens), [
    "14:02 bob: hi",
    "           the quick brown fox jumps over the lazy dog; the",
    "           quick brown fox jumps over the lazy dog",
    "           bob: two",
    "alice: well",
    "carol joined",
    "carol: hello",
    "* carol waves",
    "carol → you: psst",
    "* carol → you winks",
    "you → carol: what?",
  ]);
  assertEquals(rows(20, happens), [
    "14:02 bob:",
    "  hi",
    "  the quick brown",
    "  fox jumps over the",
    "  lazy dog; the",
    "  quick brown fox",
    "  jumps over the",
    "  lazy dog",
    "  bob: two",
    "alice:",
    "  well",
    "carol joined",
    "carol:",
    "  hello",
    "* carol",
    "  waves",
    "carol → you:",
    "  psst",
    "* carol → you",
    "  winks",
    "you → carol:",
    "  what?",
  ]);
  assertEquals(rows(200, happens)[1], `           │ ${LONG}; ${LONG}`);
});

Deno.test("Transcript: a continued message lines up with its beginning, even after wider names", () => {
  const transcript = new Transcript();
  const now = new Date(START);
  const to = page(80, { time: "off" });
  const row = (event: RoomEvent) => stripAnsiCode(transcript.event(event, now, to).join("\n"));
  assertEquals(row(says(BOB, "one")), " bob │ one");
  transcript.pending([{ ref: 1, text: "hi", action: false, to: CAROL }], ALICE, to);
  assertEquals(row(says(BOB, "two")), "     │ two");
  assertEquals(row(says(CAROL, "three")), "      carol │ three");
});

Deno.test("Transcript: a notice that is not complete begins where it will be printed", () => {
  for (const [columns, blank] of [[80, "      "], [40, ""]] as const) {
    const transcript = new Transcript();
    const to = page(columns);
    transcript.notice("a topic", new Date(START), to);
    assertEquals(unstyled(transcript.coming("bob joined", to)), `${blank}bob joined`);
    const printed = transcript.notice("bob joined", new Date(START), to).map(unstyled);
    assertEquals(printed, [`${blank}bob joined`]);
  }
});

Deno.test("Transcript: repeats the name after 5 minutes, and after anything from others", () => {
  const happens = [
    says(BOB, "one"),
    says(BOB, "two"),
    300,
    says(BOB, "three"),
    300.001,
    says(BOB, "four"),
    "a notice",
    says(BOB, "five"),
    direct(BOB, "six"),
    says(BOB, "seven"),
    // Another member with the same name, and the same member under another name.
    says({ ...BOB, id: 9 }, "eight"),
    says({ ...BOB, id: 9, name: "rob" }, "nine"),
  ];
  assertEquals(rows(80, happens, { time: "off" }), [
    " bob │ one",
    "     │ two",
    "     │ three",
    " bob │ four",
    "a notice",
    " bob │ five",
    "bob → you │ six",
    "      bob │ seven",
    "      bob │ eight",
    "      rob │ nine",
  ]);
  assertEquals(rows(40, happens, { time: "off" }).slice(0, 6), [
    "bob: one",
    "     two",
    "     three",
    "bob: four",
    "a notice",
    "bob: five",
  ]);
});

Deno.test("Transcript: shows a time only when it changes", () => {
  const happens = [
    says(BOB, "one"),
    29,
    says(BOB, "two"),
    1,
    says(BOB, "three"),
    "four",
    60,
    "five",
  ];
  assertEquals(rows(80, happens), [
    "14:02  bob │ one",
    "           │ two",
    "14:03      │ three",
    "      four",
    "14:04 five",
  ]);
  assertEquals(rows(80, happens, { time: "long" }), [
    "14:02:30  bob │ one",
    "14:02:59      │ two",
    "14:03:00      │ three",
    "         four",
    "14:04:00 five",
  ]);
  // A time without a name would look like a notice.
  assertEquals(rows(40, happens), [
    "14:02 bob: one",
    "           two",
    "14:03 bob: three",
    "four",
    "14:04 five",
  ]);
});

Deno.test("Transcript: a new day has a line, in the longest form that fits", () => {
  const happens = [says(BOB, "late"), 10 * 3600, says(BOB, "early"), 60, says(BOB, "still")];
  const lines: [number, string][] = [
    [200, "── Wednesday, 25 November 2026 ──"],
    [40, "── Wednesday, 25 November 2026 ──"],
    [30, "── Wed, 25 Nov 2026 ──"],
    [20, "── 2026-11-25 ──"],
    [12, "── 2026-11…"],
  ];
  for (const [columns, line] of lines) {
    const found = rows(columns, happens).filter((row) => row.startsWith("──"));
    assertEquals(found, [line]);
    assertLess(width(line), columns);
  }
  assertEquals(rows(80, happens), [
    "14:02  bob │ late",
    "── Wednesday, 25 November 2026 ──",
    "00:02  bob │ early",
    "00:03      │ still",
  ]);
});

Deno.test("Transcript: the column of names is up to 16 wide, and names are never cut", () => {
  const long = { ...CAROL, id: 4, name: "x".repeat(24) };
  const wide = { ...CAROL, id: 5, name: "日本語" };
  const happens = [
    says(BOB, "one"),
    says({ ...BOB, id: 6, name: "sixteen-columns!" }, "two"),
    says(BOB, "three"),
    says(long, "four\nfive"),
    says(long, "six"),
    says(wide, "seven"),
  ];
  assertEquals(rows(80, happens), [
    "14:02  bob │ one",
    "      sixteen-columns! │ two",
    "                   bob │ three",
    "      xxxxxxxxxxxxxxxxxxxxxxxx │",
    "                       │ four",
    "                       │ five",
    "                       │ six",
    "                日本語 │ seven",
  ]);
  // From the list of members on.
  const listed: RoomEvent = { type: "members", members: [ALICE, long, CAROL] };
  assertEquals(rows(80, [listed, says(BOB, "hi")]), [
    `14:02 here: ${long.name}, carol`,
    "              bob │ hi",
  ]);
});

/** The column of the bar in each row that has one. */
const bars = (rows: readonly string[]) =>
  new Set(rows.map((row) => row.indexOf("│")).filter((column) => column >= 0));

Deno.test("Transcript: the bar stays in its column while the same members talk, whatever they do", () => {
  const listed: RoomEvent = { type: "members", members: [ALICE, BOB, CAROL] };
  const happens = [
    listed,
    says(BOB, "one"),
    says(ALICE, "two"),
    direct(BOB, "three"),
    says(CAROL, "waves", true),
    "a notice",
    direct(CAROL, "winks", true),
    { type: "delivered", ref: 1, to: CAROL, text: "four" } as const,
    says(BOB, LONG.repeat(3)),
  ];
  for (const columns of [60, 80, 120]) {
    const wide = { ...happens[6] as RoomEvent, action: false } as RoomEvent;
    assertEquals(bars(rows(columns, [...happens.slice(0, 6), wide, ...happens.slice(7)])).size, 1);
  }
  // A newcomer with a longer name moves it, but never within a group.
  const transcript = new Transcript();
  const show = (...events: RoomEvent[]) =>
    events.flatMap((event) => transcript.event(event, new Date(START), page(80)).map(unstyled));
  show(listed);
  const before = bars(show(says(BOB, "one"), says(BOB, "two")));
  transcript.reserve([{ ...CAROL, id: 9, name: "christine" }]);
  assertEquals(bars(show(says(BOB, "three"))), before);
  const after = bars(show(says(CAROL, "four"), says(BOB, "five"), says(BOB, "six")));
  assertEquals([after.size, [...after][0]! - [...before][0]!], [1, "christine".length - 5]);
});

Deno.test("Transcript: on wide terminals text takes 100 columns, code and links as many as they need", () => {
  const prose = `${LONG} `.repeat(5).trim();
  const link = `https://example.org/${"x".repeat(120)}`;
  const code = `if (${"x".repeat(60)}) y(${"z".repeat(60)});`;
  const widths = (text: string) =>
    rows(200, [says(BOB, text)], { time: "off", palette: palette("dark") })
      .map((row) => width(row.slice(row.indexOf("│") + 2)));
  for (const w of widths(prose).slice(0, -1)) assert(w > 90 && w <= 100, `${w}`);
  assertEquals(widths(`${LONG}; ${link}.`), [LONG.length + 1, link.length + 1]);
  for (const text of ["```\n" + code + "\n```", `\`${code}\``, `    ${code}`, `\t${code}`]) {
    assertEquals(widths(text).length, 1, text);
  }
  for (const text of [prose, link + " " + prose, "日本語".repeat(99), code.repeat(9)]) {
    for (const w of widths(text)) assertLessOrEqual(w, 191);
  }
});

Deno.test("Transcript: lines that start with > are dim, links and names in them are not lost", () => {
  const { dim, mention } = palette("dark");
  const [first, second, third] = raw(says(BOB, `> ${LONG} ${LONG} @alice\n>x`), {}, 80);
  assert(text(first!).startsWith(`\x1b[${dim}m> the quick`), first);
  assert(text(second!).includes(`\x1b[${dim};${mention}m@alice`), second);
  assertEquals(text(third!), ">x");
  assertEquals(text(raw(says(BOB, "> x"), { palette: palette("mono") })[0]!), "> x");
});

/** A message of this many lines. */
const lines = (count: number) =>
  Array.from({ length: count }, (_, i) => `line ${i + 1}`).join("\n");

Deno.test("Transcript: of a long message 200 rows are shown, and more by pieces", () => {
  const now = new Date(START);
  for (const columns of [80, 40]) {
    const to = page(columns, { time: "off" });
    const plain = (rows: string[]) =>
      rows.map((row) => unstyled(row).replace(/^.*(?:: | │)/, "").trim());
    const transcript = new Transcript();
    const show = (event: RoomEvent) => plain(transcript.event(event, now, to));
    assertEquals(show(says(BOB, lines(200))).at(-1), "line 200");
    assertThrows(() => transcript.more(undefined, to), ChatError, "nothing was cut");
    const kinds = [
      says(BOB, lines(450)),
      direct(BOB, lines(450)),
      { type: "delivered", ref: 1, to: BOB, text: lines(450) } as const,
    ];
    for (const event of kinds) {
      const first = show(event);
      assertEquals([first.length, first.at(-2), first.at(-1)], [
        201,
        "line 200",
        "… 250 more lines (/show)",
      ]);
      const second = plain(transcript.more(undefined, to));
      assertEquals([second.length, second[0], second.at(-1)], [
        201,
        "line 201",
        "… 50 more lines (/show)",
      ]);
      const third = plain(transcript.more("bob", to));
      assertEquals([third.length, third[0], third.at(-1)], [50, "line 401", "line 450"]);
      assertThrows(() => transcript.more("bob", to), ChatError, "Cannot show more of bob");
    }
  }
  assertEquals(rows(80, [says(BOB, lines(201))]).at(-1)!.trim(), "│ … 1 more line (/show)");
});

Deno.test("Transcript: /show repeats the name without a time, and goes on in code, in long lines and in another width", () => {
  const now = new Date(START);
  const transcript = new Transcript();
  const words = Array.from({ length: 9000 }, (_, i) => `w${i}`);
  const event = says(BOB, "```\n" + words.join(" ") + "\n```\nend");
  const dark = { palette: palette("dark") };
  const first = transcript.event(event, now, page(80, dark)).map(unstyled);
  assertMatch(first.at(-1)!, /│ … about \d+ more lines \(\/show\)$/);
  const shown = [first];
  for (let columns = 50; shown.at(-1)!.at(-1)!.includes("more line"); columns += 30) {
    shown.push(transcript.more(undefined, page(columns, dark)).map(unstyled));
  }
  assertEquals(shown[1]![0]!.slice(0, 7), "bob: ▏ ");
  assertEquals(shown[2]![0]!.slice(0, 15), "       bob │ ▏ ");
  const text = shown.flatMap((rows) => rows.filter((row) => !row.includes("more line")));
  assertEquals(text.at(-1)!.trim(), "│ end");
  const found = text.slice(0, -1).map((row) => row.slice(row.indexOf("▏") + 1).trim()).join(" ");
  assertEquals(found.split(" "), words);
});

Deno.test("Transcript: each direct message has its private mark, of the same member at once, sent, pending and after /show", () => {
  const sent = (text: string): RoomEvent => ({ type: "delivered", ref: 1, to: BOB, text });
  const happens = [
    direct(BOB, "one"),
    direct(BOB, "two"),
    sent("three"),
    sent("four"),
    says(BOB, "five"),
  ];
  assertEquals(rows(80, happens), [
    "14:02 bob → you │ one",
    "      bob → you │ two",
    "      you → bob │ three",
    "      you → bob │ four",
    "            bob │ five",
  ]);
  assertEquals(rows(40, happens), [
    "14:02 bob → you:",
    "  one",
    "bob → you: two",
    "you → bob: three",
    "you → bob: four",
    "bob: five",
  ]);
  for (const [columns, label] of [[80, "bob → you │"], [40, "bob → you: "]] as const) {
    const transcript = new Transcript();
    const to = page(columns);
    transcript.event(direct(BOB, "x\n".repeat(250)), new Date(START), to);
    assertEquals(
      unstyled(transcript.more(undefined, to)[0]!).trim(),
      `${label} x`.replace(":  ", ": "),
    );
    const pending = ["a", "b"].map((text, i) => ({ ref: i, text, action: false, to: BOB }));
    for (const row of transcript.pending(pending, ALICE, to)) {
      assertStringIncludes(row, "you → bob");
    }
  }
  const lines = [direct(BOB, "one"), direct(BOB, "two\nthree")]
    .flatMap((event) => plainLines(event, new Date(START)).map(({ text }) => text));
  assertEquals(lines, ["(direct) bob: one", "(direct) bob: two\n  three"]);
});

Deno.test("Transcript: /show MEMBER chooses, and only the last cut messages are kept", () => {
  const now = new Date(START);
  const to = page(80);
  const transcript = new Transcript();
  const last = (rows: string[]) => rows.at(-1)!.replace(/^.*│ /, "");
  const members = ["a", "b#2", "c", "d", "e", "f"].map((name, i) => ({ ...BOB, id: i + 9, name }));
  for (const [i, from] of members.entries()) {
    transcript.event(says(from, lines(401 + i)), now, to);
  }
  assertThrows(
    () => transcript.more("a", to),
    ChatError,
    "nothing was cut, or it is no longer kept",
  );
  assertEquals(last(transcript.more("b", to)), "… 2 more lines (/show)");
  // What was shown last goes on.
  assertEquals(last(transcript.more(undefined, to)), "line 402");
  assertEquals(last(transcript.more(undefined, to)), "… 6 more lines (/show)");
});

Deno.test("Transcript: long answers and notices are cut, too; unsent text never is", () => {
  const to = page(80);
  const names = Array.from({ length: 9000 }, (_, i) => `member${i}`).join(", ");
  for (const kind of ["answer", "notice"] as const) {
    const transcript = new Transcript();
    const shown = kind === "answer"
      ? [transcript.answer("", names, to)]
      : [transcript.notice(names, new Date(START), to)];
    while (/… \d+ more lines \(\/show\)$/.test(shown.at(-1)!.at(-1)!)) {
      assertEquals(shown.at(-1)!.length, 201);
      shown.push(transcript.more(undefined, page(70)));
    }
    assert(shown.length > 5);
    const text = shown.flatMap((rows) => rows.filter((row) => !row.includes("more lines")));
    assertEquals(
      text.map((row) => row.replace("14:02", "").replace("…", "").trim()).join(" "),
      names,
    );
  }
  const unsent = new Transcript().unsent("not sent: ", lines(1000), to);
  assertEquals(unsent.length, 1000);
});

Deno.test("Transcript: a message of 262,000 newlines has 200 rows, and takes little time", () => {
  const texts = [
    "\n".repeat(262_000),
    "x\n".repeat(131_000),
    "日本語 ".repeat(26_000),
    "```\n".repeat(65_000),
  ];
  for (const text of texts) {
    for (const columns of [20, 80, 200]) {
      const transcript = new Transcript();
      const begin = performance.now();
      const shown = transcript.event(says(BOB, text), new Date(START), page(columns));
      // It takes some 20 ms. All rows would take seconds.
      assertLess(performance.now() - begin, 1000);
      assertLessOrEqual(shown.length, 203);
      assertMatch(shown.slice(-2).join(""), /… (?:about )?\d+ more *lines/);
    }
  }
});

Deno.test("Transcript: no part of a name wider than the terminal looks like another name", () => {
  const happens = [says({ ...BOB, name: "x".repeat(19) + "carol" }, "hi"), says(BOB, "hi")];
  assertEquals(rows(20, happens), [
    "14:02",
    "x".repeat(19),
    "…carol:",
    "  hi",
    "bob: hi",
  ]);
});

Deno.test("Transcript: after a name that is not ASCII, the text still starts in its column", () => {
  const transcript = new Transcript();
  const [row] = transcript.event(
    says({ ...BOB, name: "👨‍👩‍👧" }, "hi"),
    new Date(START),
    page(80),
  );
  assert(row!.includes("\r\x1b[10C │ hi"), JSON.stringify(row));
});

Deno.test("Transcript: no text can imitate another member's name or a notice", () => {
  const evil = [
    "hi\n14:02 carol: I am evil",
    "hi\n       carol │ I am evil",
    "hi\n      carol joined\ncarol joined\n14:02 carol joined",
    "hi\n── Wednesday, 25 November 2026 ──",
    "x".repeat(60) + " carol: hi " + "y".repeat(50) + " │ z",
    "```\n14:02 carol: hi\n```",
    "\u2800".repeat(79) + "carol: hi",
    " ".repeat(400) + "carol: hi",
  ];
  const names = ["bob", "*", "│", "──", "you", "→", "14", "here"];
  for (const text of evil) {
    for (const name of names) {
      for (const time of ["short", "off"] as const) {
        const from = { ...BOB, name };
        const before = time === "off" ? "" : "(?:\\d\\d:\\d\\d| {5}) ";
        const aligned = new RegExp(`^${before} *(?:[^\\s]+)? │(?: |$)`, "u");
        for (const row of rows(80, [says(from, text), says(from, text)], { time })) {
          assert(aligned.test(row), `${name}: ${row}`);
        }
        for (const columns of [20, 40, 59]) {
          const said = rows(columns, [says(from, text), says(from, text)], { time });
          const [first, ...others] = said;
          assert(first!.replace(/^\d\d:\d\d /, "").startsWith(`${name}:`), first);
          for (const row of others) assert(/^(?: {2}|$)/.test(row), `${name}: ${row}`);
        }
      }
    }
  }
});

Deno.test("Transcript: no file's name can imitate a message, wherever it is wrapped", () => {
  // No-break spaces bring the name of a member to any column, and are not where a row is wrapped.
  const fakes = [
    "carol\u00a0│\u00a0I am evil",
    "carol → you │ I am evil",
    "│ I am evil",
    "carol: I am",
  ];
  for (const fake of fakes) {
    for (const time of ["short", "off"] as const) {
      for (let length = 1; length < 80; length++) {
        const name = "x".repeat(length) + " " + "\u00a0".repeat(length % 17) + fake;
        const files = [{ ...OFFER, name }];
        const offer = { type: "offer", from: BOB, direct: false, files, ...UNPROVED } as const;
        const transfer = {
          type: "transfer",
          transfer: { ...OFFER, name, state: "failed" },
        } as const;
        for (const event of [offer, transfer]) {
          const [, ...further] = rows(80, [says(CAROL, "hi"), event], { time }).slice(1);
          for (const row of further) {
            assertMatch(row, time === "off" ? /^… / : /^ {4}… /, JSON.stringify(name));
          }
        }
        const [, ...further] = new Transcript().answer("", name, page(80)).map(unstyled);
        for (const row of further) assertMatch(row, /^… /);
      }
    }
  }
});

Deno.test("Transcript: no row is wider than the terminal, whatever the text is", () => {
  const texts = [
    LONG.repeat(10),
    "日本語".repeat(50),
    "👨‍👩‍👧".repeat(30),
    "x".repeat(300),
    "```\n" + "let x = 1; ".repeat(20) + "\n```",
    "https://example.org/" + "path/".repeat(50),
    "e\u0301".repeat(200),
    "\t\tx\ty",
  ];
  for (const columns of [8, 9, 20, 40, 59, 60, 80, 200]) {
    for (const marks of ["mono", "dark"] as const) {
      for (const text of texts) {
        const happens = [
          says(BOB, text),
          says({ ...BOB, id: 7, name: "x".repeat(24) }, text),
          text,
        ];
        for (const row of rows(columns, happens, { palette: palette(marks), time: "long" })) {
          assertLessOrEqual(width(row), columns, row);
        }
      }
    }
  }
});

/** The rows with their control sequences. */
function raw(event: RoomEvent, options: Partial<Page> = {}, columns = 80): string[] {
  const to = page(columns, { palette: palette("dark"), links: true, time: "off", ...options });
  return new Transcript().event(event, new Date(START), to);
}

/** A row without its heading. */
const text = (row: string) =>
  row.slice(row.indexOf("│") + 1).replace(/^\x1b\[0m|^ (\x1b\[0m)?/, "");

Deno.test("Transcript: draws styles without their marks; mono keeps the marks", () => {
  const { bold, italic, code, mention } = palette("dark");
  const event = says(BOB, "*b* _i_ `c` @alice");
  assertEquals(
    text(raw(event)[0]!),
    `\x1b[${bold}mb\x1b[0m \x1b[${italic}mi\x1b[0m \x1b[${code}mc\x1b[0m \x1b[${mention}m@alice\x1b[0m`,
  );
  assertEquals(
    text(raw(event, { palette: palette("mono") })[0]!),
    "\x1b[1m*b*\x1b[0m \x1b[4m_i_\x1b[0m `c` \x1b[1;7m@alice\x1b[0m",
  );
  // Own messages mention nobody.
  assert(!raw(says(ALICE, "alice"))[0]!.includes(mention));
});

Deno.test("Transcript: no style and no link continues in the next row", () => {
  const words = "*" + "bold ".repeat(40).trim() + "*";
  const link = "https://example.org/" + "x".repeat(200);
  const drawn = raw(says(BOB, `${words} ${link}`), {}, 60);
  assert(drawn.length > 5);
  for (const row of drawn) {
    const last = [...row.matchAll(/\x1b\[([\d;]*)m/g)].at(-1);
    assertEquals(last?.[1] ?? "0", "0", JSON.stringify(row));
    const [opened, closed] = [/\x1b\]8;id=[^;]+;h/g, /\x1b\]8;;\x1b\\/g]
      .map((pattern) => [...row.matchAll(pattern)].length);
    assertEquals(opened, closed);
  }
  // One link has one id.
  const ids = new Set(drawn.flatMap((row) => [...row.matchAll(/8;id=([^;]+);/g)].map((m) => m[1])));
  assertEquals(ids.size, 1);
});

Deno.test("Transcript: links have the visible address as their target, if the terminal has links", () => {
  const [row] = raw(says(BOB, "see https://example.org/a."));
  const { link } = palette("dark");
  const address = "https://example.org/a";
  const seen = `\x1b]8;id=chat1;${address}\x1b\\\x1b[${link}m${address}\x1b[0m\x1b]8;;\x1b\\`;
  assertEquals(text(row!), `see ${seen}.`);
  assertEquals(
    text(raw(says(BOB, address), { links: false })[0]!),
    `\x1b[${link}m${address}\x1b[0m`,
  );
});

Deno.test("Transcript: rows do not repeat long addresses without end", () => {
  for (const columns of [20, 80]) {
    const address = `https://example.org/${"x".repeat(1900)}`;
    const message = `${address} `.repeat(130);
    const length = raw(says(BOB, message), {}, columns).join("").length;
    assertLess(length, 4 * message.length);
  }
});

Deno.test("Transcript: a code block has a bar, and is cut only where it must be", () => {
  const event = says(BOB, "look:\n```ts\nif (x) {\n  y();\n}\n```\ndone");
  assertEquals(rows(80, [event], { time: "off", palette: palette("dark") }), [
    " bob │ look:",
    "     │ ▏ if (x) {",
    "     │ ▏   y();",
    "     │ ▏ }",
    "     │ done",
  ]);
  assertEquals(rows(20, [event], { time: "off", palette: palette("dark") }), [
    "bob: look:",
    "     ▏ if (x) {",
    "     ▏   y();",
    "     ▏ }",
    "     done",
  ]);
  // In mono the marks are seen.
  assertEquals(rows(80, [event], { time: "off" })[1], "     │ ▏ ```ts");
});

Deno.test("isShown: joining, leaving, absence and the status line's events have no rows", () => {
  const now = new Date(START);
  const hidden: RoomEvent[] = [
    { type: "joined", who: BOB, at: 1, sent: undefined },
    { type: "left", who: BOB, reason: "left", at: 1 },
    { type: "away", who: BOB, at: 1 },
    { type: "back", who: BOB, at: 1 },
    { type: "renamed", who: BOB, before: BOB.name, at: 1 },
    { type: "ended", ending: { reason: "left" } },
  ];
  const shown: RoomEvent[] = [
    says(CAROL, "hi"),
    { type: "delivered", ref: 1, to: BOB, text: "hi" },
    { type: "renamed", who: { ...BOB, name: "rob" }, before: "bob", at: 1 },
    { type: "keychanged", who: BOB },
    // A warning: it was sent long ago.
    { type: "joined", who: BOB, at: 1, sent: new Date(0) },
  ];
  const transcript = new Transcript();
  for (const event of hidden) {
    assert(!isShown(event, now));
    assertEquals(transcript.event(event, now, page(80)), []);
  }
  for (const event of shown) {
    assert(isShown(event, now));
    assert(transcript.event(event, now, page(80)).length > 0);
  }
});

Deno.test("Transcript: indents a notice under its text, or less if there is little room", () => {
  const notice = "you are alice, in the room at 127.0.0.1:2428; here is more";
  assertEquals(rows(60, [`${notice}, ${notice}\nin one line`]), [
    "14:02 you are alice, in the room at 127.0.0.1:2428; here is",
    "    … more, you are alice, in the room at 127.0.0.1:2428;",
    "    … here is more␊in one line",
  ]);
  assertEquals(rows(20, [notice, notice]), [
    "14:02 you are alice,",
    "  in the room at",
    "  127.0.0.1:2428;",
    "  here is more",
    "you are alice, in",
    "  the room at",
    "  127.0.0.1:2428;",
    "  here is more",
  ]);
  assertEquals(rows(20, ["sixteen-columns!"]), ["14:02", "  sixteen-columns!"]);
  assertEquals(rows(10, ["it is"]), ["14:02", "  it is"]);
});

Deno.test("Transcript: an answer keeps its lines, with visible control characters", () => {
  const answer = new Transcript().answer("not sent: ", "one\n\x1b[2Jtwo", page(60));
  assertEquals(answer, ["not sent: one", "          ␛[2Jtwo"]);
});

Deno.test("Transcript: notices are dim, warnings red; long ones are indented", () => {
  const { dim, error } = palette("dark");
  assertEquals(
    raw({ type: "welcome", self: ALICE, room: { address: "x:1", cipher: "xor", maxText: 1 } }),
    [
      `\x1b[${dim}myou are alice, in the room at x:1; /help lists the commands\x1b[0m`,
    ],
  );
  const warning: RoomEvent = { type: "warning", code: "flood", message: `${LONG} bob: ${LONG}` };
  const [first, second] = raw(warning, {}, 40);
  assert(first!.startsWith(`\x1b[${error}mwarning from the server:`));
  assert(second!.startsWith(`  \x1b[${error}m`));
});

Deno.test("Transcript: names the command that shows a picture, if there are colours for it", () => {
  const here = (name: string, theme: "dark" | "mono") => {
    const transfer = { ...OFFER, number: 7, name, state: "done", path: `/d/${name}` } as const;
    return rows(200, [{ type: "transfer", transfer }], { palette: palette(theme) });
  };
  const row = (name: string) => `14:02 received ${name} from bob (3 MiB), verified: /d/${name}`;
  assertEquals(here("a.jpg", "dark"), [`${row("a.jpg")}; /view 7 to show it`]);
  assertEquals(here("a.txt", "dark"), [row("a.txt")]);
  assertEquals(here("a.jpg", "mono"), [row("a.jpg")]);
});
