import { assertEquals } from "@std/assert";
import type { Person, Whois } from "../room.ts";
import { ALICE, BOB, FINGERPRINT, WORDS } from "../tests/support/fake_room.ts";
import { setUp } from "../tests/support/fake_terminal.ts";
import { Ignored } from "./ignored.ts";
import { whoisLines } from "./whois.ts";

const at = (hour: number, minute = 0, day = 2) => new Date(2026, 0, day, hour, minute);
const NOW = at(15);

const PROVED: Person = { ...BOB, key: FINGERPRINT };

function known(fields: Partial<Whois> = {}): Whois {
  return {
    member: PROVED,
    joined: undefined,
    listed: at(9, 5),
    firstSeen: "2026-01-01",
    words: WORDS,
    sessions: [],
    ...fields,
  };
}

const linesOf = (whois: Whois, cipher: "sealed" | "xor" = "sealed", ignored = new Ignored()) =>
  whoisLines(whois, { cipher }, ignored, NOW);

Deno.test("whoisLines: since when a member is in the room, and since when it is away", () => {
  const first = (fields: Partial<Whois>) => linesOf(known(fields))[0];
  assertEquals(first({}), "bob: in the room since before you joined, 09:05");
  assertEquals(first({ joined: at(14, 2) }), "bob: in the room since 14:02");
  const away = { ...PROVED, away: true };
  assertEquals(
    first({ joined: at(14, 2, 1), member: { ...away, since: at(14, 40) } }),
    "bob: in the room since Thu 14:02; away since 14:40",
  );
  assertEquals(first({ member: away }), "bob: in the room since before you joined, 09:05; away");
  assertEquals(first({ member: ALICE }), "alice: that is you; in the room since 09:05");
});

Deno.test("whoisLines: why a member does not answer", () => {
  const member = { ...PROVED, status: "lunch" };
  assertEquals(linesOf(known({ member })).slice(0, 2), [
    "bob: in the room since before you joined, 09:05",
    "away: lunch",
  ]);
});

Deno.test("whoisLines: how far the user can trust the name, with the key and the words to compare", () => {
  const rest = (member: Partial<Person>, fields: Partial<Whois> = {}) =>
    linesOf(known({ member: { ...PROVED, ...member }, ...fields })).slice(1);
  const key = `key: ${FINGERPRINT}`;
  const words = `words to compare: ${WORDS}`;
  const seen = "; first seen on 2026-01-01";
  assertEquals(rest({ trust: "verified", verified: "2026-01-31" }), [
    key,
    `trust: verified on 2026-01-31${seen}`,
    "number: 2",
    words,
  ]);
  assertEquals(rest({ trust: "trusted" }), [key, `trust: trusted${seen}`, "number: 2", words]);
  assertEquals(rest({ trust: "known" }), [key, `trust: known${seen}`, "number: 2", words]);
  assertEquals(rest({ trust: "new" }), [key, `trust: new${seen}`, "number: 2", words]);
  assertEquals(rest({ trust: "new" }, { firstSeen: undefined })[1], "trust: new");
  const changed =
    "trust: NOT the key that you know under that name; compare the words, then /trust";
  assertEquals(rest({ name: "bob(!)", trust: "changed" })[1], `${changed} bob`);
  assertEquals(rest({ name: "B0b#2(!)", trust: "changed" })[1], `${changed} B0b#2`);
  // The user needs no trust in the user's own key.
  assertEquals(linesOf(known({ member: { ...ALICE, key: FINGERPRINT }, words: undefined })), [
    "alice: that is you; in the room since 09:05",
    key,
  ]);
});

Deno.test("whoisLines: without a key there is nothing to trust; classic clients, moderators, silenced and ignored members", () => {
  const unproved = { firstSeen: undefined, words: undefined };
  assertEquals(linesOf(known({ member: BOB, ...unproved }), "xor"), [
    "bob: in the room since before you joined, 09:05",
    "trust: none; a room with xor has no keys",
  ]);
  assertEquals(
    linesOf(known({ member: BOB, ...unproved }))[1],
    "trust: none; this member has proved no key",
  );
  const ignored = new Ignored();
  ignored.add(BOB);
  assertEquals(
    linesOf(
      known({ member: { ...BOB, classic: true }, joined: at(10), ...unproved }),
      "xor",
      ignored,
    )[0],
    "bob: in the room since 10:00; a classic client: no direct messages, no files; ignored",
  );
  const moderated = { ...BOB, moderator: true, silenced: true } as const;
  assertEquals(
    linesOf(known({ member: moderated, joined: at(10), ...unproved }))[0],
    "bob: in the room since 10:00; a moderator; silenced: it cannot write to the room",
  );
});

Deno.test("whoisLines: the other sessions with the key, the first five by name", () => {
  const sessions = Array.from({ length: 7 }, (_, i) => (
    { ...PROVED, id: 10 + i, name: `rob${i}`, away: i === 1 }
  ));
  assertEquals(
    linesOf(known({ sessions: sessions.slice(0, 1) })).at(-1),
    "also with this key: rob0",
  );
  assertEquals(
    linesOf(known({ sessions })).at(-1),
    "also with this key: rob0, rob1 (away), rob2, rob3, rob4 and 2 more",
  );
});

Deno.test("Screen: /whois reads well at 80x24 and 40x20", async () => {
  const expected: [number, number, string[]][] = [
    [80, 24, [
      "bob: in the room since before you joined, 09:05; away since 08:00",
      `key: ${FINGERPRINT}`,
      "trust: known; first seen on 2026-01-01",
      "number: 2",
      `words to compare: ${WORDS}`,
      "also with this key: rob",
    ]],
    [40, 20, [
      "bob: in the room since before you",
      "  joined, 09:05; away since 08:00",
      "key:",
      "  iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAb",
      "  QPb1w",
      "trust: known; first seen on 2026-01-01",
      "number: 2",
      "words to compare: abandon ability able",
      "  about above absent absorb abstract",
      "also with this key: rob",
    ]],
  ];
  for (const [columns, height, rows] of expected) {
    const { tty, room } = setUp(columns, height);
    room.info = { ...room.info, cipher: "sealed" };
    const member: Person = { ...PROVED, away: true, since: at(8), trust: "known" };
    room.known = known({ member, sessions: [{ ...PROVED, id: 7, name: "rob" }] });
    await tty.type("/whois bob\r");
    assertEquals(room.calls, ['whois "bob"']);
    assertEquals((await tty.rows()).slice(0, -2), rows);
  }
});
