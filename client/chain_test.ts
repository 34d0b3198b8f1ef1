import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { CHAIN_RUN } from "../protocol/chain.ts";
import { Type } from "../protocol.ts";
import { type Boundary, logFrame, plainChain, randomFrames } from "../tests/support/plain_chain.ts";
import fc from "../tests/support/property.ts";
import { Chain, KEPT_POSITIONS } from "./chain.ts";

const NAME = Uint8Array.from({ length: 16 }, (_, i) => i);
const JOINED = logFrame(40, { type: Type.JOINED });

/** What a member reports at a boundary. */
function reportAt({ position, value }: Boundary) {
  return { position, chain: value.subarray(0, 16) };
}

/** A client's chain after these frames, and all boundaries of its log from its own JOINED on. */
function open(...frames: readonly Uint8Array[]): { chain: Chain; boundaries: Boundary[] } {
  const [start, ...boundaries] = plainChain(NAME, [JOINED, ...frames]);
  const chain = new Chain(start!.position, start!.value);
  for (const frame of [JOINED, ...frames]) chain.add(frame);
  return { chain, boundaries: [start!, ...boundaries] };
}

Deno.test("Chain: equals the definition at every boundary, from any JOINED on", () => {
  let begun = 0;
  fc.assert(
    fc.property(randomFrames(10, 50), (frames) => {
      const boundaries = plainChain(NAME, frames);
      for (const [from, { type }] of frames.map((frame, i) => [i, { type: frame[4] }] as const)) {
        if (type !== Type.JOINED) continue;
        begun++;
        const chain = new Chain(boundaries[from]!.position, boundaries[from]!.value);
        for (const [i, frame] of frames.slice(from).entries()) {
          const { position, value } = boundaries[from + i]!;
          assertEquals(chain.report, { position, chain: value });
          chain.add(frame);
        }
        const { position, value } = boundaries.at(-1)!;
        assertEquals(chain.report, { position, chain: value });
        // And it knows them all.
        for (const [i, boundary] of boundaries.entries()) {
          const expected = i < from ? "unknown" : "same";
          assertEquals(chain.compare(reportAt(boundary), position), expected);
        }
      }
    }),
    { numRuns: 25 },
  );
  assert(begun > 50, `only ${begun} clients`);
});

Deno.test("Chain: restarts at the first frame after CHAIN_RUN bytes", () => {
  for (const size of [CHAIN_RUN - 1, CHAIN_RUN, CHAIN_RUN + 1]) {
    const { chain, boundaries } = open(logFrame(size - JOINED.length), logFrame(50), logFrame(60));
    assertEquals(chain.report.chain, boundaries.at(-1)!.value, `${size}`);
  }
});

Deno.test("Chain.compare: a report is the same, another one, or about too long ago", () => {
  const { chain, boundaries } = open(logFrame(50), logFrame(60), logFrame(70));
  const [start, joined, first, second, last] = boundaries as [
    Boundary,
    Boundary,
    Boundary,
    Boundary,
    Boundary,
  ];
  const end = last.position;
  for (const boundary of boundaries) {
    assertStrictEquals(chain.compare(reportAt(boundary), end), "same");
    // The complete value says the same as its first 16 bytes.
    assertStrictEquals(
      chain.compare({ position: boundary.position, chain: boundary.value }, end),
      "same",
    );
    // It differs, in any one bit.
    for (const bit of [0, 7, 64, 127]) {
      const other = reportAt(boundary).chain.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      const report = { position: boundary.position, chain: other };
      assertStrictEquals(chain.compare(report, end), "other", `bit ${bit}`);
    }
  }
  // No frame starts there.
  for (const { position, chain: value } of [joined, first, second].map(reportAt)) {
    for (const off of [-1, 1]) {
      const report = { position: position + off, chain: value };
      assertStrictEquals(chain.compare(report, end), "other");
    }
  }
  // It is ahead: of its own frame, or of the log.
  assertStrictEquals(chain.compare(reportAt(second), first.position), "other");
  assertStrictEquals(chain.compare(reportAt(second), second.position), "same");
  for (const position of [end + 1, end + 60, Number.MAX_SAFE_INTEGER]) {
    assertStrictEquals(chain.compare({ position, chain: last.value }, end), "other");
    assertStrictEquals(chain.compare({ position, chain: last.value }, position), "other");
  }
  // A client that joined later knows nothing of what came before its JOINED.
  const late = new Chain(first.position, first.value);
  late.add(JOINED);
  for (const boundary of [start, joined]) {
    assertStrictEquals(late.compare(reportAt(boundary), end), "unknown");
  }
  assertStrictEquals(late.compare(reportAt(first), end), "same");
});

Deno.test("Chain.compare: a report with less than 16 bytes never agrees", () => {
  const { chain, boundaries } = open(logFrame(50));
  const { position, value } = boundaries.at(-1)!;
  for (const size of [0, 1, 15]) {
    const report = { position, chain: value.subarray(0, size) };
    assertStrictEquals(chain.compare(report, position), "other");
  }
});

Deno.test("Chain: keeps the last 16,384 positions, and no more", () => {
  assertStrictEquals(KEPT_POSITIONS, 16_384);
  const frames = Array.from(
    { length: 2 * KEPT_POSITIONS },
    // Short runs: the definition hashes a run again for each of its frames.
    (_, i) => logFrame(10 + i % 7, { type: i % 9 ? Type.MESSAGE : Type.JOINED, fill: i % 251 }),
  );
  const boundaries = plainChain(NAME, [JOINED, ...frames]);
  const chain = new Chain(boundaries[0]!.position, boundaries[0]!.value);
  chain.add(JOINED);
  let count = 2;
  const end = () => boundaries[count - 1]!.position;
  const compare = (index: number) => chain.compare(reportAt(boundaries[index]!), end());
  for (const frame of frames) {
    chain.add(frame);
    count++;
    const around = [
      ...[KEPT_POSITIONS - 1, KEPT_POSITIONS, KEPT_POSITIONS + 1, KEPT_POSITIONS + 2],
      ...[2 * KEPT_POSITIONS - 1, 2 * KEPT_POSITIONS, 2 * KEPT_POSITIONS + 1],
    ];
    if (!around.includes(count) && count % 4_001 !== 0) continue;
    const oldest = Math.max(0, count - KEPT_POSITIONS);
    for (const index of [oldest, oldest + 1, Math.floor((oldest + count) / 2), count - 1]) {
      assertStrictEquals(compare(index), "same", `${index} of ${count}`);
    }
    for (const index of [oldest - 1, Math.floor(oldest / 2), 0]) {
      if (index >= 0 && index < oldest) {
        assertStrictEquals(compare(index), "unknown", `${index} of ${count}`);
      }
    }
    // Between two positions at both ends of the ring.
    for (const index of [oldest, count - 2]) {
      const { position, value } = boundaries[index]!;
      const report = { position: position + 1, chain: value };
      assertStrictEquals(chain.compare(report, end()), "other");
    }
  }
  assertStrictEquals(count, boundaries.length);
});
