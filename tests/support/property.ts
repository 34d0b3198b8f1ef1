// Test helper: property tests that run the same cases each time, so that a gate that passed passes again.
// PROPERTY_SEED=random (or a number, from a failure's report) looks for new ones.

import fc, { type StringConstraints } from "fast-check";

const seed = Deno.env.get("PROPERTY_SEED") ?? "2428";
if (seed !== "random") fc.configureGlobal({ seed: Number(seed) });

export default fc;

/** One more than the last surrogate, and how many surrogates there are: code points that are no characters. */
const AFTER_SURROGATES = 0xe000;
const SURROGATES = 0x800;

/** A code point that is not a surrogate. */
const codePoint = fc.nat({ max: 0x10ffff - SURROGATES }).map(
  (n) => String.fromCodePoint(n < AFTER_SURROGATES - SURROGATES ? n : n + SURROGATES),
  (text) => {
    const code = typeof text === "string" ? text.codePointAt(0) : undefined;
    if (code === undefined || text !== String.fromCodePoint(code)) {
      throw new TypeError("Cannot shrink: it is not one code point");
    }
    return code < AFTER_SURROGATES ? code : code - SURROGATES;
  },
);

/**
 * Strings of any code points. The same as fast-check's `string({ unit: "binary" })`, which spends seconds on a
 * table of them all in each test file.
 */
export function anyString(constraints: Omit<StringConstraints, "unit"> = {}): fc.Arbitrary<string> {
  return fc.string({ ...constraints, unit: codePoint });
}
