import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { Log } from "../files/paths.ts";
import type { RoomEvent } from "../room.ts";
import { fakeContext } from "../tests/support/fake_context.ts";
import { ALICE, BOB, EVENTS } from "../tests/support/fake_room.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { room as columnsOf } from "../text/width.ts";
import { follow } from "./follow.ts";
import { findHit, hitRow, patternOf } from "./search_hit.ts";
import { submit } from "./submit.ts";

const NO_MORE = "no more hits; /around N for the messages around a hit";
const NOW = new Date(2024, 1, 28, 14, 2);

function said(text: string, from = BOB): RoomEvent {
  const rest = { ref: undefined, sent: undefined, missing: 0 };
  return { type: "message", from, text, action: false, at: 1, ...rest };
}

/** A log with these entries, the newest first, in groups; each group waits for `next`. */
class FakeLog implements Log {
  readonly path = "/log";
  readonly #groups: readonly (readonly string[])[];
  readonly #more = new Set<() => void>();
  isOpen = false;

  constructor(groups: readonly (readonly string[])[]) {
    this.#groups = groups;
  }

  append(): void {}
  close = () => Promise.resolve();

  async *entries() {
    this.isOpen = true;
    try {
      for (const group of this.#groups) {
        await new Promise<void>((resolve) => this.#more.add(resolve));
        yield group;
      }
    } finally {
      this.isOpen = false;
    }
  }

  async next(): Promise<void> {
    for (const resolve of this.#more) resolve();
    this.#more.clear();
    await turn();
  }
}

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

function around({ log, height }: { log?: Log; height?: number } = {}) {
  const { context, done } = fakeContext({
    now: () => NOW,
    rest: turn,
    ...height !== undefined && {
      screen: {
        size: () => ({ columns: 80, rows: height }),
        clear: () => {},
        more: () => {},
        view: () => {},
        hits: (hits) => {
          for (const hit of hits) {
            const { time, before, hit: found, after } = hitRow(hit, NOW, 79);
            done.push(`${time}${before}[${found}]${after}`);
          }
        },
      },
    },
  });
  context.saved.log = log;
  return { context, done };
}

Deno.test("/search: shows what this client has seen, the newest first, own and direct messages too", async () => {
  const { context, done } = around();
  for (const event of EVENTS.welcome) follow(event, context);
  const rest = { action: false, sent: undefined, missing: 0 };
  follow(said("the deploy is at ten"), context);
  follow(said("no"), context);
  follow(said("Deploy what?", ALICE), context);
  follow({ type: "direct", from: BOB, text: "DEPLOY\nnow", ...rest }, context);
  follow({ type: "delivered", ref: 1, to: BOB, text: "redeployed" }, context);
  submit("/search deploy", context);
  await turn();
  assertEquals(
    done,
    [
      " 1 14:02  (direct) alice (you) → bob: redeployed",
      " 2 14:02  (direct) bob: DEPLOY now",
      " 3 14:02  alice (you): Deploy what?",
      " 4 14:02  bob: the deploy is at ten",
      NO_MORE,
    ],
  );
});

Deno.test("/search: whatever the case and the normal form, over line breaks, in names and notices; as it is typed", async () => {
  const cases: [string, string, boolean][] = [
    ["CAFÉ", "ein cafe\u0301", true],
    ["cafe\u0301", "EIN CAFÉ", true],
    ["öl", "ol", false],
    ["a.b", "axb", false],
    ["(a|b)*[c]\\d{2}^$?+/", "x (A|b)*[c]\\d{2}^$?+/", true],
    ["at ten", "at\nten", true],
    ["  at   ten ", "at ten", true],
    ["bob", "hi", true],
    ["2024", "hi", false],
    ["😄", "so 😄", true],
    ["ßa", "ßA", true],
  ];
  for (const [text, message, isFound] of cases) {
    const { context, done } = around();
    follow(said(message), context);
    submit(`/search ${text}`, context);
    await turn();
    assertEquals(done[0]!.startsWith(" 1 14:02  bob: "), isFound, text);
  }
});

Deno.test("/search: a page at a time, with the hits that are left; the first page as soon as it is full", async () => {
  const log = new FakeLog([
    Array.from({ length: 6 }, (_, i) => `2024-02-27T10:00:0${9 - i}+01:00 bob: hit ${9 - i}`),
    ["2023-02-27T10:00:03+01:00 bob: hit 3", "# the room at hit:1, logged since 2024-01-01"],
    ["torn hit", "2023-02-27T10:00:02+01:00 bob: hit 2\n  end"],
  ]);
  const { context, done } = around({ log, height: 9 });
  submit("/search hit", context);
  await turn();
  assertEquals(done, []);
  await log.next();
  const rows = [9, 8, 7, 6].map((n, i) => ` ${i + 1} 27 Feb 10:00  bob: [hit] ${n}`);
  assertEquals(done.splice(0), rows);
  await log.next();
  await log.next();
  assertEquals(log.isOpen, false);
  assertEquals(done.splice(0), [
    "4 hits left; /search for more, /around N for the messages around a hit",
  ]);
  submit("/search", context);
  assertEquals(done.splice(0), [
    " 5 27 Feb 10:00  bob: [hit] 5",
    " 6 27 Feb 10:00  bob: [hit] 4",
    " 7 27 Feb 2023  bob: [hit] 3",
    " 8 27 Feb 2023  bob: [hit] 2 end",
    NO_MORE,
  ]);
  submit("/search", context);
  assertEquals(done, [NO_MORE]);
});

Deno.test("/search: what is in memory and in the log appears once", async () => {
  const { context, done } = around();
  follow(said("hit 1"), context);
  follow(said("hit 2\nend"), context);
  const logged = context.saved.entries().map(({ text }) => text.trimEnd());
  const log = new FakeLog([[...logged, "2024-02-27T10:00:00+01:00 bob: hit 0"]]);
  context.saved.log = log;
  submit("/search hit", context);
  await turn();
  await log.next();
  await turn();
  assertEquals(done, [
    " 1 14:02  bob: hit 2 end",
    " 2 14:02  bob: hit 1",
    " 3 27 Feb 10:00  bob: hit 0",
    NO_MORE,
  ]);
});

Deno.test("/search: finds the new text of an edited message, and nothing of a deleted one, in the log either", async () => {
  const { context, done } = around();
  const logged: string[] = [];
  const log = (groups: string[][]) =>
    Object.assign(new FakeLog(groups), {
      append: (entry: string) => void logged.unshift(entry.trimEnd()),
    });
  context.saved.log = log([]);
  const id = "00".repeat(12);
  const key = "k".repeat(43);
  const author = { ...BOB, key };
  const earlier = (text: string) => ({
    id,
    from: author,
    text,
    action: false,
    isDeleted: false,
    reactions: [],
  });
  const rest = { at: 1, ref: undefined, sent: undefined, missing: 0 };
  const answer = { ...said("yes, secret", ALICE), re: id, quoted: earlier("secret one") };
  const find = async (text: string) => {
    const reader = log([[...logged]]);
    context.saved.log = reader;
    submit(`/search ${text}`, context);
    await turn();
    await reader.next();
    await turn();
    return done.splice(0);
  };
  follow({ ...said("secret one", author), id } as RoomEvent, context);
  follow(answer as RoomEvent, context);
  follow({
    type: "reacted",
    from: ALICE,
    id,
    emoji: "👍",
    removed: false,
    quoted: earlier("secret one"),
    ...rest,
  }, context);
  assertEquals((await find("secret one")).length, 4);
  // Somebody else cannot take it back, whatever ids it uses.
  follow({ type: "deleted", from: { ...BOB, id: 9 }, id, quoted: undefined, ...rest }, context);
  assertEquals((await find("secret one")).length, 4);
  // The author may have joined again.
  const again = { ...author, id: 7 };
  follow({
    type: "edited",
    from: again,
    id,
    text: "secret two",
    action: false,
    quoted: earlier("secret one"),
    ...rest,
  }, context);
  assertEquals(await find("secret one"), ['no hits for "secret one"']);
  assertEquals(await find("secret"), [
    " 1 14:02  bob: secret two",
    " 2 14:02  alice (you): yes, secret",
    NO_MORE,
  ]);
  follow({ type: "deleted", from: again, id, quoted: earlier("secret two"), ...rest }, context);
  assertEquals(await find("secret"), [" 1 14:02  alice (you): yes, secret", NO_MORE]);
  // What was shown stays in the log and in what /save writes.
  assertEquals(logged.filter((entry) => entry.includes("secret two")).length, 2);
  assert(context.saved.text("a", NOW).includes("secret one"));
});

Deno.test("/search: a message that is deleted is not on the next page", async () => {
  const { context, done } = around({ height: 8 });
  const id = "00".repeat(12);
  for (const text of ["hit 1", "hit 2", "hit 3", "hit 4", "hit 5"]) {
    follow({ ...said(text), ...(text === "hit 2" && { id }) } as RoomEvent, context);
  }
  submit("/search hit", context);
  await turn();
  assertEquals(
    done.splice(0).at(-1),
    "2 hits left; /search for more, /around N for the messages around a hit",
  );
  const rest = { at: 1, ref: undefined, sent: undefined, missing: 0 };
  follow({ type: "deleted", from: BOB, id, quoted: undefined, ...rest }, context);
  submit("/search", context);
  assertEquals(done, [" 4 14:02  bob: [hit] 1", NO_MORE]);
});

Deno.test("/search: another search ends the one before, and closes its files", async () => {
  const log = new FakeLog([["2024-02-27T10:00:00+01:00 bob: one"], ["x"], ["y"]]);
  const { context, done } = around({ log });
  submit("/search one", context);
  await turn();
  await log.next();
  assertEquals([done.splice(0), log.isOpen], [[" 1 27 Feb 10:00  bob: one"], true]);
  context.saved.log = undefined;
  submit("/search two", context);
  await log.next();
  assertEquals(log.isOpen, false);
  assertEquals(done, ['no hits for "two" since you joined; with /log FILE, chat remembers more']);
});

Deno.test("/search: rests while it works, ends after many hits, and reports a log that cannot be read", async () => {
  let rests = 0;
  const { context, done } = around();
  for (let i = 0; i < 2000; i++) follow(said(`hit ${"x".repeat(1000)}`), context);
  const counting = { ...context, rest: () => Promise.resolve(void rests++) };
  submit("/search hit", counting);
  for (let i = 0; i < 20; i++) await turn();
  assert(rests >= 7, `${rests}`);
  assertEquals(done.length, 21);
  assertEquals(
    done.at(-1),
    "at least 979 hits left; /search for more, /around N for the messages around a hit",
  );
  for (let i = 0; i < 49; i++) submit("/search", context);
  assertEquals(done.at(-1), "these were the newest 999 hits; search for more words");
  context.saved.log = {
    path: "/log",
    append: () => {},
    close: () => Promise.resolve(),
    entries: () => {
      throw Object.assign(new Error("x"), { code: "EIO" });
    },
  };
  done.length = 0;
  submit("/search nothing", context);
  for (let i = 0; i < 40; i++) await turn();
  assert(done[0]!.startsWith("Cannot search the log: "), done[0]);
  assertEquals(done[1], 'no hits for "nothing"');
});

Deno.test("/around: shows the messages beside a hit, in memory and in the log", async () => {
  const { context, done } = around();
  const error = assertThrows(() => submit("/around", context), ChatError);
  assertEquals(error.message, "Cannot show a hit: there was no search yet");
  for (let i = 4; i < 20; i++) {
    follow(said(`text ${i}${i === 5 || i === 9 ? " hit" : ""}`), context);
  }
  const inMemory = context.saved.entries().map(({ text }) => text.trimEnd());
  const old = [3, 2, 1].map((n) => `2024-02-27T10:00:00+01:00 bob: text ${n}`);
  const log = new FakeLog([[...inMemory, "# the room", ...old]]);
  context.saved.log = log;
  submit("/search hit", context);
  await turn();
  await log.next();
  await turn();
  assertEquals(done.splice(0), [
    " 1 14:02  bob: text 9 hit",
    " 2 14:02  bob: text 5 hit",
    NO_MORE,
  ]);
  submit("/around 2", context);
  assertEquals(done.splice(0), [
    "   27 Feb 10:00  bob: text 1",
    "   27 Feb 10:00  bob: text 2",
    "   27 Feb 10:00  bob: text 3",
    "   14:02  bob: text 4",
    " 2 14:02  bob: text 5 hit",
    ...[6, 7, 8].map((n) => `   14:02  bob: text ${n}`),
    "   14:02  bob: text 9 hit",
    "   14:02  bob: text 10",
  ]);
  submit("/around", context);
  assertEquals(done.length, 11);
  assertEquals(done[5], " 1 14:02  bob: text 9 hit");
  for (const n of ["3", "0", "#1f"]) {
    const error = assertThrows(() => submit(`/around ${n}`, context), ChatError);
    assertEquals(error.hint, "The hits on the screen are 1 to 2");
  }
});

Deno.test("/search: alone, it needs an earlier search", () => {
  const { context } = around();
  const error = assertThrows(() => submit("/search", context), ChatError);
  assertEquals(error.message, "Cannot show more hits: there was no search yet");
});

Deno.test("hitRow: shows the text around the hit in one row, whatever the width", () => {
  const before = "words before it ".repeat(20);
  const after = " and words after it".repeat(20);
  const hit = findHit(
    `2024-02-28T09:31:00+01:00 bob: ${before}HIT${after}`,
    patternOf("hit"),
  )!;
  const row = (columns: number) => {
    const { time, before, hit: found, after } = hitRow(hit, NOW, columns);
    return `${time}${before}[${found}]${after}`;
  };
  assertEquals(
    row(79),
    "   09:31  bob: …ore it words before it words before it [HIT] and words after it …",
  );
  assertEquals(row(39), "   09:31 bob: …ds before it [HIT] and wo…");
  // Control characters that somebody has put into the file are made visible.
  const raw = findHit("2024-02-28T09:31:00+01:00 bob: \x1b[31mhit\u202e", patternOf("hit"))!;
  const shown = Object.values(hitRow(raw, NOW, 79)).join("");
  // deno-lint-ignore no-control-regex
  assertEquals(/[\x00-\x1f\u202e]/.test(shown), false);
});

Deno.test("hitRow: for any entry, a row that fits, with the hit or its beginning", () => {
  fc.assert(fc.property(anyString(), anyString(), anyString(), fc.integer({ min: 16, max: 200 }), (
    before,
    word,
    after,
    columns,
  ) => {
    if (word.trim() === "") return;
    const text = `2024-02-28T09:31:00+01:00 bob: ${before}${word}${after}`;
    const hit = findHit(text, patternOf(word));
    if (!hit) return;
    const row = hitRow(hit, NOW, columns);
    const all = row.time + row.before + row.hit + row.after;
    assert(columnsOf(all) <= columns + 2, `${columnsOf(all)}: ${all}`);
    assert(!all.includes("\n"));
    assert(row.hit !== "" || hit.hit === "");
  }));
});
