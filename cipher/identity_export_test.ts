// Also checks the vector `tests/vectors/data/identity_export.txt`, which another implementation has computed, in another
// language: `tests/vectors/make_vectors.py`. Its bytes are the key, the sealed seed and the check.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Identity } from "./identity.ts";
import {
  MIN_PASSPHRASE,
  openIdentity,
  parseExport,
  passphraseFault,
  type SealedIdentity,
  sealIdentity,
} from "./identity_export.ts";

const PASSPHRASE = "über den Wolken".normalize("NFC");
const identity = new Identity(new Uint8Array(32).fill(7));
// Each key takes half a second, on purpose: all tests share this text.
const TEXT = sealIdentity(identity, PASSPHRASE);

const parse = (text: string) => {
  const parsed = parseExport(text);
  assert(parsed && "sealed" in parsed, text);
  return parsed as SealedIdentity;
};

Deno.test("sealIdentity, openIdentity: only the passphrase opens it, in any composition of characters", () => {
  const parsed = parse(TEXT);
  const decomposed = PASSPHRASE.normalize("NFD");
  assertNotEquals(decomposed, PASSPHRASE);
  assertEquals(openIdentity(parsed, decomposed)?.seed, identity.seed);
  assertEquals(openIdentity(parsed, `${PASSPHRASE} `), undefined);
  const other = { ...parsed, sealed: parsed.sealed.with(0, parsed.sealed[0]! ^ 1) };
  assertEquals(openIdentity(other, PASSPHRASE), undefined);
});

Deno.test("sealIdentity: holds the seed in no form, and no two exports are alike", () => {
  const { seed } = identity;
  for (const form of [seed.toHex(), seed.toBase64(), seed.toBase64({ alphabet: "base64url" })]) {
    assert(!TEXT.includes(form.slice(0, 16)));
  }
  const again = sealIdentity(identity, PASSPHRASE);
  assertNotEquals(parse(again).salt, parse(TEXT).salt);
  assertNotEquals(parse(again).sealed, parse(TEXT).sealed);
});

Deno.test("parseExport: every changed, missing or added character is damage, except line ends and the comment", () => {
  const start = TEXT.indexOf("\n") + 1;
  for (let at = start; at < TEXT.length; at++) {
    const other = TEXT[at] === "A" ? "B" : "A";
    const changed = TEXT.slice(0, at) + other + TEXT.slice(at + 1);
    assertEquals(parseExport(changed), undefined, changed);
    assertEquals(parseExport(TEXT.slice(0, at)), undefined, `${at}`);
  }
  for (const text of ["", "\n", `${TEXT}\n`, `${TEXT}${TEXT}`, TEXT.replace("salt", "salt ")]) {
    assertEquals(parseExport(text), undefined, text);
  }
  // As a mail program or an editor on Windows may change it.
  assertEquals(parse(TEXT.replaceAll("\n", "\r\n")), parse(TEXT));
  assertEquals(parse(TEXT.slice(start)), parse(TEXT));
});

Deno.test("parseExport: a later version is no damage", () => {
  assertEquals(parseExport("# Words\nversion 2\nanything"), { version: 2 });
});

Deno.test("passphraseFault: counts characters, at the limit", () => {
  const fault = "must have at least 12 characters: a shorter one is too easy to guess";
  assertEquals(passphraseFault("😀".repeat(MIN_PASSPHRASE - 1)), fault);
  assertEquals(passphraseFault("ü".normalize("NFD").repeat(MIN_PASSPHRASE - 1)), fault);
  assertEquals(passphraseFault("x".repeat(MIN_PASSPHRASE)), undefined);
});

Deno.test("sealIdentity: makes the bytes of the vector", () => {
  const url = new URL("../tests/vectors/data/identity_export.txt", import.meta.url);
  const [header = "", bytes = ""] = Deno.readTextFileSync(url).split("\n\n");
  const field = (name: string) => new RegExp(`^${name}: (.+)$`, "m").exec(header)![1]!;
  const hex = bytes.replace(/#.*$/gm, "").replace(/\s+/g, "");
  const sealed = Uint8Array.fromHex(hex.slice(2 * 32, 2 * 80));
  const check = Uint8Array.fromHex(hex.slice(2 * 80));
  const passphrase = JSON.parse(field("passphrase"));
  assertNotEquals(passphrase, passphrase.normalize("NFC"));
  const salt = Uint8Array.fromHex(field("salt"));
  const text = sealIdentity(new Identity(Uint8Array.fromHex(field("seed"))), passphrase, salt);
  assertEquals(parse(text), { salt, sealed });
  const checked = check.toBase64({ alphabet: "base64url", omitPadding: true });
  assertEquals(/^check (.*)$/m.exec(text)?.[1], checked);
});
