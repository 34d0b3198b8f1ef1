import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { MAX_ORIGINS, ORIGIN_SIZE, SeenMessages } from "./message_ids.ts";
import fc from "../tests/support/property.ts";

/** An origin that ends with this number. */
function origin(n: number): Uint8Array {
  const bytes = new Uint8Array(ORIGIN_SIZE);
  new DataView(bytes.buffer).setUint32(ORIGIN_SIZE - 4, n);
  return bytes;
}

const ADA = origin(1);

function said(seq: number, from = ADA): { origin: Uint8Array; seq: number; replay: boolean } {
  return { origin: from, seq, replay: false };
}

function replayed(seq: number, from = ADA): { origin: Uint8Array; seq: number; replay: boolean } {
  return { origin: from, seq, replay: true };
}

const SEEN = { fresh: false, missing: 0 };
const NEXT = { fresh: true, missing: 0 };

Deno.test("SeenMessages: the first message of an origin is new, whatever its number, and nothing is missing", () => {
  for (const seq of [1, 2, 1000, 0xffffffff]) {
    assertEquals(new SeenMessages().take("ada", said(seq)), NEXT);
  }
});

Deno.test("SeenMessages: higher numbers are new; the same and lower ones are not", () => {
  const numbers = new SeenMessages();
  for (const seq of [1, 2, 3]) assertEquals(numbers.take("ada", said(seq)), NEXT);
  for (const seq of [1, 2, 3]) {
    assertEquals(numbers.take("ada", replayed(seq)), SEEN);
    assertEquals(numbers.take("ada", said(seq)), SEEN);
  }
  assertEquals(numbers.take("ada", replayed(4)), NEXT);
  assertEquals(numbers.take("ada", said(5)), NEXT);
});

Deno.test("SeenMessages: reports skipped messages as missing, once", () => {
  const numbers = new SeenMessages();
  numbers.take("ada", said(5));
  assertEquals(numbers.take("ada", said(8)), { fresh: true, missing: 2 });
  assertEquals(numbers.take("ada", said(9)), NEXT);
  assertEquals(numbers.take("ada", replayed(11)), { fresh: true, missing: 1 });
  assertEquals(numbers.take("ada", said(0xffffffff)), { fresh: true, missing: 0xffffffff - 12 });
});

Deno.test("SeenMessages: shows a newcomer no repeated older message, and reports none as missing", () => {
  const numbers = new SeenMessages();
  for (const seq of [7, 8]) assertEquals(numbers.take("ada", replayed(seq)), SEEN);
  assertStrictEquals(numbers.size, 0);
  assertEquals(numbers.take("ada", said(12)), NEXT);
  assertEquals(numbers.take("ada", replayed(13)), NEXT);
});

Deno.test("SeenMessages: a sender cannot use up the numbers of another", () => {
  const numbers = new SeenMessages();
  numbers.take("ada", said(1));
  assertEquals(numbers.take("eve", said(1000)), NEXT);
  assertEquals(numbers.take("ada", said(2)), NEXT);
  assertEquals(numbers.take("eve", replayed(1000)), SEEN);
  // Nor with a key that looks like the end of an origin.
  assertEquals(numbers.take("", said(2)), NEXT);
  assertStrictEquals(numbers.size, 3);
});

Deno.test("SeenMessages: compares origins by their bytes", () => {
  const numbers = new SeenMessages();
  const bytes = ADA.slice();
  numbers.take("ada", said(1, bytes));
  bytes.fill(9);
  assertEquals(numbers.take("ada", said(1)), SEEN);
  assertEquals(numbers.take("ada", said(1, bytes)), NEXT);
});

Deno.test("SeenMessages.resync: accepts a jump of each origin's next number, and no repetition", () => {
  const numbers = new SeenMessages();
  numbers.take("ada", said(1));
  numbers.take("bob", said(1));
  numbers.resync();
  assertEquals(numbers.take("ada", replayed(1)), SEEN);
  assertEquals(numbers.take("ada", said(10)), NEXT);
  assertEquals(numbers.take("ada", said(12)), { fresh: true, missing: 1 });
  numbers.resync();
  assertEquals(numbers.take("bob", replayed(7)), NEXT);
  assertEquals(numbers.take("bob", said(9)), { fresh: true, missing: 1 });
  // A later origin has missed nothing.
  numbers.take("eve", said(1));
  assertEquals(numbers.take("eve", said(3)), { fresh: true, missing: 1 });
});

Deno.test("SeenMessages: above the limit, forgets the least recently used origin", () => {
  const numbers = new SeenMessages(3);
  for (const n of [1, 2, 3]) numbers.take("", said(1, origin(n)));
  // A repeated message counts as use.
  assertEquals(numbers.take("", said(1, origin(1))), SEEN);
  numbers.take("", said(1, origin(4)));
  assertStrictEquals(numbers.size, 3);
  for (const n of [1, 3, 4]) assertEquals(numbers.take("", replayed(1, origin(n))), SEEN);
  assertEquals(numbers.take("", said(1, origin(2))), NEXT);
});

Deno.test("SeenMessages: memory is bounded, however many origins a member invents", () => {
  const numbers = new SeenMessages();
  for (let n = 0; n < MAX_ORIGINS + 50_000; n++) numbers.take("eve", said(1, origin(n)));
  assertStrictEquals(numbers.size, MAX_ORIGINS);
  assertEquals(numbers.take("eve", said(1, origin(50_000))), SEEN);
});

Deno.test("SeenMessages: with few or many origins, agrees with a list of all origins", () => {
  const step = fc.record({ n: fc.nat({ max: 9 }), seq: fc.integer({ min: 1, max: 4 }) });
  fc.assert(fc.property(
    fc.array(step, { maxLength: 200 }),
    fc.integer({ min: 1, max: 6 }),
    (steps, max) => {
      const numbers = new SeenMessages(max);
      // The least recently used one first.
      let list: { n: number; last: number }[] = [];
      for (const { n, seq } of steps) {
        const known = list.find((one) => one.n === n);
        list = list.filter((one) => one !== known);
        list.push({ n, last: Math.max(seq, known?.last ?? 0) });
        list = list.slice(-max);
        assertEquals(numbers.take("", said(seq, origin(n))), {
          fresh: seq > (known?.last ?? 0),
          missing: Math.max(0, seq - (known?.last ?? seq) - 1),
        });
        assertStrictEquals(numbers.size, list.length);
      }
    },
  ));
});

/** A sender's actions: it sends a new message, which may be lost, or repeats the last few, in order. */
const act = fc.oneof(
  fc.record({ what: fc.constant("say" as const), lost: fc.boolean() }),
  fc.record({ what: fc.constant("repeat" as const), count: fc.nat({ max: 6 }) }),
  fc.record({ what: fc.constant("twice" as const), count: fc.nat({ max: 6 }) }),
);

Deno.test("SeenMessages: whatever is lost and repeated, each message is shown once, in order, or reported as missing", () => {
  const senders = fc.array(
    fc.record({ who: fc.constantFrom("ada", "bob", ""), from: fc.nat({ max: 2 }), act }),
    { maxLength: 150 },
  );
  fc.assert(fc.property(senders, (acts) => {
    const numbers = new SeenMessages();
    const streams = new Map<string, { said: number; shown: number[]; missing: number }>();
    for (const { who, from, act } of acts) {
      const key = `${from} ${who}`;
      const stream = streams.get(key) ?? { said: 0, shown: [], missing: 0 };
      streams.set(key, stream);
      const hear = (seq: number, repeated: boolean) => {
        const taken = numbers.take(who, { origin: origin(from), seq, replay: repeated });
        if (taken.fresh) stream.shown.push(seq);
        else assertStrictEquals(taken.missing, 0);
        stream.missing += taken.missing;
      };
      if (act.what === "say") {
        stream.said++;
        if (!act.lost) hear(stream.said, false);
      } else {
        const first = Math.max(1, stream.said - act.count);
        for (let seq = first; seq <= stream.said; seq++) hear(seq, act.what === "repeat");
      }
    }
    for (const { shown, missing } of streams.values()) {
      assertEquals(shown, [...new Set(shown)].sort((a, b) => a - b), "once each, in order");
      const [first, last] = [shown[0], shown.at(-1)];
      if (first === undefined || last === undefined) assertStrictEquals(missing, 0);
      else assertStrictEquals(shown.length + missing, last - first + 1);
    }
  }));
});

Deno.test("SeenMessages: after a reported gap, shows no message twice and reports none as missing twice", () => {
  const step = fc.oneof(
    fc.record({ seq: fc.integer({ min: 1, max: 30 }), replay: fc.boolean() }),
    fc.constant("resync" as const),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
    const numbers = new SeenMessages();
    const shown: number[] = [];
    let missing = 0;
    for (const step of steps) {
      if (step === "resync") {
        numbers.resync();
        continue;
      }
      const taken = numbers.take("", { origin: ADA, ...step });
      if (taken.fresh) shown.push(step.seq);
      missing += taken.missing;
    }
    assertEquals(shown, [...new Set(shown)].sort((a, b) => a - b));
    assert(shown.length + missing <= 30);
  }));
});
