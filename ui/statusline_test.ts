import { assert, assertEquals, assertLess } from "@std/assert";
import { width } from "../text/width.ts";
import {
  choiceRows,
  limitsOf,
  pasteNote,
  type RoomStatus,
  searchLine,
  statusLine,
} from "./statusline.ts";

const now = new Date(2026, 0, 2, 14, 2);
const XOR: RoomStatus = {
  info: { address: "127.0.0.1:2428", cipher: "xor", maxText: 1000 },
  members: 2,
  away: 0,
  forked: 0,
  limits: [],
  link: { state: "connected" },
  now,
  bytesLeft: undefined,
  unread: 0,
  pictures: true,
};
const SEALED: RoomStatus = { ...XOR, info: { ...XOR.info, cipher: "sealed" } };
const waiting = { state: "waiting", attempt: 1, at: new Date(now.getTime() + 3500) } as const;

Deno.test("statusLine: address, cipher, members, connection and unread messages, at 20, 80 and 200 columns", () => {
  const cases: [RoomStatus, number, string][] = [
    [
      { ...XOR, unread: 3 },
      200,
      "127.0.0.1:2428 · xor: anyone on the network can read it · 2 members · connected · 3 unread",
    ],
    [
      { ...XOR, unread: 3 },
      80,
      "127.0.0.1:2428 · xor: not secret · 2 members · connected · 3 unread",
    ],
    [{ ...XOR, unread: 3 }, 20, "xor: not secret"],
    [
      { ...XOR, info: { ...XOR.info, classic: true } },
      80,
      "127.0.0.1:2428 · xor: anyone on the network can read it · classic · connected",
    ],
    [
      { ...SEALED, members: 1 },
      80,
      "127.0.0.1:2428 · 🔒 sealed: only members can read it · 1 member · connected",
    ],
    [
      { ...SEALED, members: 485, away: 480 },
      80,
      "127.0.0.1:2428 · 🔒 sealed · 5 here, 480 away · connected",
    ],
    [{ ...SEALED, members: 485, away: 480 }, 40, "127.0.0.1:2428 · 🔒 sealed · 5 here"],
    [{ ...SEALED, members: 485, away: 480 }, 24, "🔒 sealed · 5 here"],
    [{ ...SEALED, unread: 3 }, 20, "sealed · 3 unread"],
    [
      { ...SEALED, link: waiting },
      80,
      "🔒 sealed · 2 members · reconnecting in 4 s · /reconnect to try now",
    ],
    [{ ...SEALED, link: waiting, pictures: false }, 20, "sealed · lost · 4 s"],
    [
      { ...XOR, bytesLeft: 100 },
      80,
      "127.0.0.1:2428 · xor: anyone on the network can read it · 2 members · connected",
    ],
    [
      { ...XOR, bytesLeft: 99 },
      80,
      "127.0.0.1:2428 · xor: not secret · 2 members · connected · 99 bytes left",
    ],
    [{ ...XOR, bytesLeft: -1, unread: 3 }, 40, "xor: not secret · 1 byte too long"],
  ];
  for (const [status, columns, line] of cases) assertEquals(statusLine(status, columns), line);
});

Deno.test("statusLine: members that see another conversation are in the place of the members", () => {
  const cases: [Partial<RoomStatus>, number, string][] = [
    [
      { members: 7, forked: 1 },
      200,
      "127.0.0.1:2428 · 🔒 sealed: only members can read it · 1 of 7 sees another conversation · connected",
    ],
    [
      { members: 7, forked: 1 },
      80,
      "127.0.0.1:2428 · 🔒 sealed · 1 of 7 sees another conversation · connected",
    ],
    [
      { members: 7, forked: 2, link: waiting },
      80,
      "🔒 sealed · 2 differ · reconnecting in 4 s · /reconnect to try now",
    ],
    [
      { members: 7, forked: 1, unread: 3 },
      60,
      "🔒 sealed · 1 of 7 sees another conversation · 3 unread",
    ],
    // It is more important than unread messages, and shown wherever anything is.
    [{ members: 7, forked: 2, unread: 3 }, 30, "sealed · 2 differ · 3 unread"],
    [{ members: 7, forked: 1, unread: 3 }, 20, "sealed · 1 differs"],
    [{ members: 7, forked: 1, link: waiting }, 40, "🔒 sealed · 1 differs · lost · 4 s"],
    [{ members: 7, forked: 1, link: waiting }, 20, "sealed · lost · 4 s"],
  ];
  for (const [status, columns, line] of cases) {
    assertEquals(statusLine({ ...SEALED, ...status }, columns), line);
  }
});

Deno.test("statusLine: what the user cannot do, and others cannot, the most important limit longest", () => {
  const limits = ["silenced", "read-only", "locked"];
  const cases: [Partial<RoomStatus>, number, string][] = [
    [
      { limits },
      80,
      "127.0.0.1:2428 · 🔒 sealed · 2 members · silenced · read-only · locked",
    ],
    [{ limits: ["locked"] }, 80, "127.0.0.1:2428 · 🔒 sealed · 2 members · locked · connected"],
    [{ limits }, 60, "127.0.0.1:2428 · 🔒 sealed · 2 members · silenced"],
    [{ limits, unread: 3 }, 40, "🔒 sealed · silenced · 3 unread"],
    [{ limits }, 40, "🔒 sealed · 2 members · silenced"],
    [{ limits }, 24, "🔒 sealed · silenced"],
    [{ limits }, 14, "🔒 sealed"],
    [{ limits, link: waiting }, 40, "sealed · silenced · reconnecting in 4 s"],
    [{ limits, members: 7, forked: 1 }, 40, "🔒 sealed · 1 differs · silenced"],
  ];
  for (const [status, columns, line] of cases) {
    assertEquals(statusLine({ ...SEALED, ...status }, columns), line);
  }
  const governance = { moderators: [], locked: true, readOnly: true };
  assertEquals(limitsOf({ silenced: true }, governance), limits);
  assertEquals(limitsOf({}, { ...governance, readOnly: false }), ["locked"]);
  assertEquals(limitsOf({}, undefined), []);
});

Deno.test("statusLine: is shorter than any screen, and shows the protection as long as it fits", () => {
  for (let columns = 2; columns <= 120; columns++) {
    for (
      const status of [XOR, SEALED, { ...SEALED, forked: 1 }, { ...SEALED, limits: ["locked"] }]
    ) {
      for (const link of [status.link, waiting, { state: "connecting", attempt: 2 } as const]) {
        for (const unread of [0, 12]) {
          const line = statusLine({ ...status, link, unread }, columns);
          assertLess(width(line), columns);
          if (columns >= 20) assert(/xor: (not secret|anyone)|sealed/.test(line), line);
        }
      }
    }
  }
});

Deno.test("statusLine: control characters in the address are visible", () => {
  const info = { ...XOR.info, address: "a\x1b[2J:1" };
  assert(statusLine({ ...XOR, info }, 80).startsWith("a␛[2J:1 · "));
});

Deno.test("searchLine, pasteNote: the longest form that fits; none for a paste of one line", () => {
  const search = { pattern: "fir", found: true };
  assertEquals(searchLine(search, 40), "search: fir · Ctrl-R for an older one");
  assertEquals(searchLine({ ...search, found: false }, 20), "not found: fir");
  assertEquals(pasteNote("one\n", 80), undefined);
  assertEquals(pasteNote("one\ntwo\n", 20), "pasted 2 lines");
});

Deno.test("choiceRows: columns as wide as the words need, and the number of words without a place", () => {
  assertEquals(choiceRows([], 80, 5), []);
  assertEquals(choiceRows(["a", "b"], 80, 0), []);
  assertEquals(choiceRows(["alice", "bob", "al"], 12, 5), ["alice  al", "bob"]);
  assertEquals(choiceRows(["alice", "bob", "al"], 6, 2), ["alice", "bob", "and 1…"]);
});
