// Test helper: fast-check with a fixed seed, so that property tests run the same cases each time. Set PROPERTY_SEED to
// `random` to look for new cases, or to the number that a failure reports. Tests import fast-check from here only.

import fc, { type StringConstraints } from "fast-check";

const seed = Deno.env.get("PROPERTY_SEED") ?? "2428";
if (seed !== "random") fc.configureGlobal({ seed: Number(seed) });

export default fc;

/** Surrogates are code points that are not characters. This one follows the last of them. */
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
 * Strings of any code points. Equal to fast-check's `string({ unit: "binary" })`, which spends seconds on a table of
 * all code points in each test file.
 */
export function anyString(constraints: Omit<StringConstraints, "unit"> = {}): fc.Arbitrary<string> {
  return fc.string({ ...constraints, unit: codePoint });
}
