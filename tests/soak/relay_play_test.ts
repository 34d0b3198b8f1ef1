// What a relay between a member and the server can do: every alteration of every kind of frame, in a scripted play of
// four members. `docs/security.md` has the promises. These plays are long; `tests/network/sealed_test.ts` has the rest.

import { assert, assertEquals } from "@std/assert";
import {
  AckOutcome,
  encodeAck,
  encodeAway,
  encodeFrame,
  encodeHave,
  type Frame,
  HEADER_SIZE,
  Left,
  Type,
} from "../../protocol.ts";
import {
  encodeError,
  encodeSeat,
  encodeWarning,
  encodeWelcome,
} from "../../protocol/json_frames.ts";
import { encodeNotice } from "../../protocol/moderation.ts";
import type { Direction } from "../support/fault_proxy.ts";
import fc from "../support/property.ts";
import { type Tamper } from "../support/relay.ts";
import { atOnce, play, type Symptom } from "../support/sealed_play.ts";
import {
  alter,
  type Alteration,
  ALTERATIONS,
  type FrameSelector,
  select,
} from "../support/tamper.ts";

const from = (id: number) => (frame: Frame) => frame.id === id;

// In the play of `tests/support/sealed_play.ts` anna is member 1, ben behind the relay 2, dora 3 and emil 4.
const TARGETS: Readonly<Record<string, FrameSelector>> = {
  "GREETING": select("down", Type.GREETING),
  "HELLO": select("up", Type.HELLO),
  "HAVE": select("up", Type.HAVE),
  "message from ben": select("up", Type.MESSAGE, 1, from(0)),
  "direct message from ben": select("up", Type.MESSAGE, 1, from(1)),
  "ben's profile": select("up", Type.PROFILE, 0),
  "ben's new name": select("up", Type.PROFILE, 1),
  "ben's BYE": select("up", Type.BYE),
  "SEAT": select("down", Type.SEAT),
  "WELCOME": select("down", Type.WELCOME),
  "MEMBER": select("down", Type.MEMBER),
  "own JOINED": select("down", Type.JOINED, 0),
  "JOINED": select("down", Type.JOINED, 1),
  "MESSAGE of an earlier member": select("down", Type.MESSAGE, 1, from(1)),
  "MESSAGE of a later member": select("down", Type.MESSAGE, 0, from(3)),
  "own MESSAGE": select("down", Type.MESSAGE, 1, from(2)),
  "DIRECT": select("down", Type.DIRECT, 1),
  "ACK": select("down", Type.ACK, 1),
  "PROFILE": select("down", Type.PROFILE, 0, from(1)),
  "own PROFILE": select("down", Type.PROFILE, 0, from(2)),
  "AWAY": select("down", Type.AWAY, 0, from(3)),
  "AWAY that ends": select("down", Type.AWAY, 1, from(3)),
  "WARNING": select("down", Type.WARNING),
  "LEFT": select("down", Type.LEFT),
};

/** Adds a warning before the first message, since a client that paces itself never gets one. */
function warned(tamper: Tamper): Tamper {
  const bytes = encodeWarning("flood", "you are sending more than this room allows: slow down");
  const warning = { type: Type.WARNING, id: 0, bytes, body: bytes.subarray(HEADER_SIZE) };
  let done = false;
  return (frame, direction) => {
    if (done || direction === "up" || frame.type !== Type.MESSAGE) return tamper(frame, direction);
    done = true;
    return [...tamper(warning, direction), ...tamper(frame, direction)];
  };
}

/** Alterations that no client notices, and why `docs/security.md` allows them. */
const HARMLESS: Readonly<Record<string, readonly RegExp[]>> = {
  "the id of HELLO has no meaning": [/^HELLO: id/],
  // The server writes the id into JOINED that it has given with SEAT.
  "the id of PROFILE has no meaning": [/^ben's profile: id/],
  "a report has the first half of SEAT's chain": [/^SEAT: bit flipped after 4\/5$/],
  // The bit is in the server's time.
  "the id of GREETING has no meaning": [/^GREETING: (id \d+|bit flipped after 4\/5)$/],
  // "Whether somebody can come back is the server's word."
  "whether a session can be resumed is the server's word": [
    /^HAVE: (dropped|repeated( later)?|after the next|id \d+|as DATA)$/,
  ],
  // "Choose the order": the same for everyone.
  "the order in which the server takes messages is its word": [
    /^message from ben: after the next$/,
  ],
  // The chain covers the room's log; between its frames a client gets those of its own log.
  "order between room and direct messages is the server's word": [
    /^(MESSAGE of (an earlier|a later) member|own MESSAGE|JOINED|DIRECT): after the next$/,
  ],
  "whether the server takes a new name, and when, is its word: the old one is true, too": [
    /^ben's new name: (dropped|emptied|after the next|id \d+|as DATA)$/,
  ],
  "whether and why a member left is the server's word": [
    /^ben's BYE: (dropped|repeated( later)?|after the next|length \+ 1|id \d+|as (PROFILE|PING|PONG))$/,
  ],
  "warnings are the server's word": [
    /^WARNING: (dropped|repeated( later)?|after the next|bit flipped after [234]\/5|id \d+|as DATA)$/,
  ],
  "tokens are the server's": [/^WELCOME: bit flipped after 4\/5$/],
  "whether the server has accepted a direct message is its word": [
    /^ACK: bit flipped after 5\/5$/,
  ],
};

/**
 * Of these, the ones that hit a character of random base64url: the flipped bit may make it one that base64url does not
 * have, and then it is noticed.
 */
const RANDOM = ["SEAT: bit flipped after 4/5", "WELCOME: bit flipped after 4/5"];

/** Alterations after which a client waits for its timeout: `client_test.ts` and `server_test.ts` test that. */
const WAITS = /^(HELLO|SEAT|ben's profile): (dropped|after the next|length \+ 1)$/;

Deno.test("sealed room: an altered frame of any kind shows nothing false, and is noticed or harmless", async () => {
  const unnoticed: string[] = [];
  const symptoms = new Set<Symptom>();
  const attack = async (name: string, what: FrameSelector, how: Alteration) => {
    const { tamper, done } = alter(what, how);
    const answer = await play(warned(tamper));
    assert(done().hit, `${name} was not tried`);
    if (!done().changed) assertEquals(answer, [], name);
    else if (answer.length === 0) unnoticed.push(name);
    for (const one of answer) symptoms.add(one);
  };
  for (const [where, what] of Object.entries(TARGETS)) {
    const alterations = Object.entries(ALTERATIONS).map(([how, alteration]) => ({
      name: `${where}: ${how}`,
      alteration,
    }));
    await atOnce(
      alterations.filter(({ name }) => !WAITS.test(name)),
      ({ name, alteration }) => attack(name, what, alteration),
    );
  }
  const allowed = Object.values(HARMLESS).flat();
  assertEquals(unnoticed.filter((name) => !allowed.some((pattern) => pattern.test(name))), []);
  assertEquals(
    allowed.filter((pattern) => ![...unnoticed, ...RANDOM].some((name) => pattern.test(name))),
    [],
    "These alterations are noticed, so the list is too long",
  );
  assertEquals([...symptoms].sort(), [
    "ended",
    "forked",
    "missing",
    "unconfirmed",
    "unreadable",
  ]);
});

Deno.test("sealed room: a forged frame is noticed, ends the connection, or only concerns the server's word", async () => {
  const garbage = crypto.getRandomValues(new Uint8Array(300));
  const ending = encodeFrame(Type.BYE, 0);
  const made: Record<string, { frame: Uint8Array; symptom?: Symptom }> = {
    "a message of an unknown member": {
      frame: encodeFrame(Type.MESSAGE, 0, garbage),
      symptom: "unreadable",
    },
    "a message": { frame: encodeFrame(Type.MESSAGE, 1, garbage), symptom: "unreadable" },
    "an empty message": { frame: encodeFrame(Type.MESSAGE, 1), symptom: "unreadable" },
    "a direct message": { frame: encodeFrame(Type.DIRECT, 1, garbage), symptom: "unreadable" },
    "an own message": { frame: encodeFrame(Type.MESSAGE, 2, garbage), symptom: "ended" },
    "a member": { frame: encodeFrame(Type.JOINED, 50, garbage), symptom: "unreadable" },
    "a member without a profile": { frame: encodeFrame(Type.JOINED, 50), symptom: "forked" },
    "a new name": { frame: encodeFrame(Type.PROFILE, 1, garbage), symptom: "unreadable" },
    "a new name of an unknown member": {
      frame: encodeFrame(Type.PROFILE, 50, garbage),
      symptom: "unreadable",
    },
    "a member's absence": {
      frame: encodeAway(1, Date.now()),
      symptom: "forked",
    },
    "an unknown member's absence": {
      frame: encodeAway(50, Date.now()),
      symptom: "forked",
    },
    "a member's leaving": {
      frame: encodeFrame(Type.LEFT, 3, Uint8Array.of(Left.LOST)),
      symptom: "forked",
    },
    "a malformed absence": {
      frame: encodeFrame(Type.AWAY, 1, Uint8Array.of(2)),
      symptom: "ended",
    },
    "a warning": { frame: encodeWarning("flood", "slow down") },
    "a malformed warning": { frame: encodeFrame(Type.WARNING, 0, garbage), symptom: "ended" },
    "another SEAT": {
      frame: encodeSeat(2, { log: "AAECAwQFBgcICQoLDA0ODw", room: 0 }),
      symptom: "ended",
    },
    "another WELCOME": {
      frame: encodeWelcome(2, { room: 0, own: 0, members: 0, token: "AAAA" }),
      symptom: "ended",
    },
    "HAVE, which only clients send": { frame: encodeHave(0), symptom: "ended" },
    "own leaving": { frame: encodeFrame(Type.LEFT, 2, Uint8Array.of(Left.BYE)), symptom: "ended" },
    "own joining": { frame: encodeFrame(Type.JOINED, 2), symptom: "ended" },
    "an announcement": {
      frame: encodeNotice(1, { action: "announce", text: "it closes at noon" }),
      symptom: "forked",
    },
    "a removal": { frame: encodeNotice(0, { action: "kick", member: 1 }), symptom: "forked" },
    "a moderator": {
      frame: encodeNotice(0, { action: "op", key: "A".repeat(43) }),
      symptom: "forked",
    },
    "a malformed notice": { frame: encodeFrame(Type.NOTICE, 1, garbage), symptom: "ended" },
    "MODERATE, which only clients send": {
      frame: encodeFrame(Type.MODERATE, 0, garbage),
      symptom: "ended",
    },
    "an answer to a frame that was not sent": {
      frame: encodeAck(0, { count: 99, outcome: AckOutcome.REFUSED }),
      symptom: "ended",
    },
    "its own removal": { frame: encodeError("removed", "a moderator did it"), symptom: "ended" },
    "an end": { frame: ending, symptom: "ended" },
    "a question": { frame: encodeFrame(Type.PING, 0) },
  };
  for (const [name, { frame, symptom }] of Object.entries(made)) {
    const place = TARGETS["MESSAGE of an earlier member"]!;
    const { tamper, done } = alter(place, ({ bytes }) => ({ now: [bytes, frame] }));
    const answer = await play(tamper);
    assert(done().hit, name);
    assert(symptom ? answer.includes(symptom) : answer.length === 0, `${name}: ${answer}`);
  }
});

Deno.test("sealed room: any mixture of alterations shows nothing false", async () => {
  const alterations = Object.values(ALTERATIONS);
  const plans = fc.array(
    fc.record({ skip: fc.nat(12), how: fc.nat(alterations.length - 1), up: fc.boolean() }),
    { minLength: 1, maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const waiting = {
        up: plan.filter(({ up }) => up),
        down: plan.filter(({ up }) => !up),
      };
      const due = { up: waiting.up[0]?.skip ?? 0, down: waiting.down[0]?.skip ?? 0 };
      const earlier: Record<Direction, Frame[]> = { up: [], down: [] };
      const later: Record<Direction, Uint8Array[]> = { up: [], down: [] };
      await play((frame, direction) => {
        // Without these, a client waits until its timeout.
        if (frame.type === Type.HELLO || frame.type === Type.GREETING) return [frame.bytes];
        if (frame.type === Type.WELCOME) return [frame.bytes];
        const delayed = later[direction].splice(0);
        const [next] = waiting[direction];
        if (!next || due[direction]-- > 0) {
          earlier[direction].push(frame);
          return [frame.bytes, ...delayed];
        }
        waiting[direction].shift();
        due[direction] = waiting[direction][0]?.skip ?? 0;
        const result = alterations[next.how]!(frame, earlier[direction]);
        if (result.later) later[direction].push(result.later);
        return [...result.now ?? [], ...delayed];
      });
    }),
    { numRuns: 200 },
  );
});
