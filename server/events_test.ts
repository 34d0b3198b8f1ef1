import { assert, assertEquals } from "@std/assert";
import { formatJson, formatText, type ServerEvent } from "./events.ts";
import fc, { anyString } from "../tests/support/property.ts";

const NOW = new Date("2024-02-28T12:00:00Z");
const PEER = "192.0.2.7:51234";

/** Each event, with its line. */
const LINES: readonly [ServerEvent, string][] = [
  [{ event: "listening", address: "127.0.0.1:2428" }, "listening at 127.0.0.1:2428"],
  [
    { event: "joined", member: 3, peer: PEER, members: 4 },
    "member 3 joined from 192.0.2.7:51234 (4 in the room)",
  ],
  [{ event: "left", member: 3, reason: "bye", members: 3 }, "member 3 left: bye (3 in the room)"],
  [{ event: "away", member: 3, members: 4 }, "member 3 is away (4 in the room)"],
  [
    { event: "evicted", member: 3, limit: "network" },
    "member 3, away longest, makes room for a newcomer (limit: network)",
  ],
  [{ event: "resumed", member: 3, peer: PEER }, "member 3 resumed from 192.0.2.7:51234"],
  [
    { event: "refused", peer: PEER, code: "other", message: "it speaks HTTP" },
    "refused 192.0.2.7:51234: it speaks HTTP",
  ],
  [{ event: "slowed", member: 3 }, "member 3 is slowed down: it exceeds its budget"],
  [
    { event: "warned", member: 3 },
    "member 3 is warned: it keeps exceeding its budget",
  ],
  [
    { event: "flooded", member: 3 },
    "member 3 is disconnected: it kept exceeding its budget",
  ],
  [
    { event: "accept-error", message: "too many files are open" },
    "cannot accept a connection: too many files are open",
  ],
  [
    { event: "internal-error", message: "TypeError: no\n    at hub.ts:1:1" },
    "internal error: TypeError: no␊    at hub.ts:1:1",
  ],
  [{ event: "stopping", members: 4 }, "stopping (4 in the room)"],
  [{ event: "stopped" }, "stopped"],
];

Deno.test("formatText: one line per event", () => {
  for (const [event, line] of LINES) assertEquals(formatText(event), line);
});

Deno.test("formatJson: the time, and the fields of the event", () => {
  for (const [event] of LINES) {
    const json = JSON.parse(formatJson(event, NOW));
    assertEquals(json, { time: "2024-02-28T12:00:00.000Z", ...event });
  }
  assertEquals(
    formatJson({ event: "left", member: 3, reason: "slow", members: 3 }, NOW),
    '{"time":"2024-02-28T12:00:00.000Z","event":"left","member":3,"reason":"slow","members":3}',
  );
});

Deno.test("formatText, formatJson: any message becomes one line without control characters", () => {
  const hazards = fc.constantFrom(
    "\n",
    "\r",
    "\x1b[2J",
    "\x85",
    "\u2028",
    "\u202e",
    "\ud800",
    '"}',
  );
  const text = fc.array(fc.oneof(hazards, anyString()))
    .map((parts) => parts.join(""));
  fc.assert(fc.property(text, (message) => {
    const event: ServerEvent = { event: "internal-error", message };
    const json = formatJson(event, NOW);
    for (const line of [formatText(event), json]) {
      assert(!/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/u.test(line), JSON.stringify(line));
    }
    assertEquals(JSON.parse(json).message, message);
  }));
});
