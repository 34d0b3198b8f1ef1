import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "../tests/support/property.ts";
import { CHAIN_SIZE } from "./chain.ts";
import { checkResume, drawToken, proveResume, TOKEN_SIZE } from "./resume.ts";

const utf8 = new TextEncoder();

const KEY = Uint8Array.from({ length: 64 }, (_, i) => i);
const NONCE = "AAECAwQFBgcICQoLDA0ODw";
const TOKEN = "_-7dzLuqmYh3ZlVEMyIRAA";
const CHAIN = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
const CLAIM = { token: TOKEN, room: 2 ** 32 + 7, own: 23, chain: CHAIN };

function base64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function fromBase64Url(text: string): Uint8Array {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}

async function sha256(...parts: Uint8Array[]): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(parts)));
}

/** HMAC-SHA256, implemented from RFC 2104, section 2, for comparison. */
async function hmac(key: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const block = new Uint8Array(64);
  block.set(key.length > block.length ? await sha256(key) : key);
  const inner = await sha256(block.map((byte) => byte ^ 0x36), message);
  return await sha256(block.map((byte) => byte ^ 0x5c), inner);
}

Deno.test("the HMAC of these tests: cases 1, 2 and 6 of RFC 4231, section 4", async () => {
  const cases = [
    [
      new Uint8Array(20).fill(0x0b),
      "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ],
    [
      utf8.encode("Jefe"),
      "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
    [
      new Uint8Array(131).fill(0xaa),
      "Test Using Larger Than Block-Size Key - Hash Key First",
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ],
  ] as const;
  for (const [key, message, expected] of cases) {
    assertStrictEquals((await hmac(key, utf8.encode(message))).toHex(), expected);
  }
});

Deno.test("proveResume: HMAC-SHA256 of label, nonce, token, both positions, big-endian, and chain", async () => {
  const message = concat([
    utf8.encode("chat/1 resume"),
    Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    Uint8Array.from({ length: 16 }, (_, i) => 0xff - 0x11 * i),
    Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 7),
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 23),
    CHAIN,
  ]);
  for (const key of [KEY, KEY.subarray(0, 32), new Uint8Array(100).fill(7)]) {
    assertStrictEquals(proveResume(key, NONCE, CLAIM), base64Url(await hmac(key, message)));
  }
});

const key = fc.uint8Array({ minLength: 32, maxLength: 64 });
const token = fc.uint8Array({ minLength: TOKEN_SIZE, maxLength: TOKEN_SIZE }).map(base64Url);
const position = fc.maxSafeNat();
const chain = fc.uint8Array({ minLength: CHAIN_SIZE, maxLength: CHAIN_SIZE });

Deno.test("checkResume: accepts the proved claim, and no claim that differs in one part", () => {
  fc.assert(fc.property(
    fc.tuple(key, key),
    fc.tuple(token, token),
    fc.tuple(token, token),
    fc.tuple(position, position),
    fc.tuple(position, position),
    fc.tuple(chain, chain),
    ([key, otherKey], [nonce, otherNonce], [token, otherToken], rooms, owns, chains) => {
      const claim = { token, room: rooms[0], own: owns[0], chain: chains[0] };
      const proof = proveResume(key, nonce, claim);
      const check = (k: Uint8Array, n: string, change: Partial<typeof claim>) =>
        checkResume(k, n, { ...claim, proof, ...change });
      assert(check(key, nonce, {}));
      assertStrictEquals(check(otherKey, nonce, {}), `${key}` === `${otherKey}`);
      assertStrictEquals(check(key, otherNonce, {}), nonce === otherNonce);
      assertStrictEquals(check(key, nonce, { token: otherToken }), token === otherToken);
      assertStrictEquals(check(key, nonce, { room: rooms[1] }), rooms[0] === rooms[1]);
      assertStrictEquals(check(key, nonce, { own: owns[1] }), owns[0] === owns[1]);
      assertStrictEquals(
        check(key, nonce, { chain: chains[1] }),
        `${chains[0]}` === `${chains[1]}`,
      );
      const swapped = { room: owns[0], own: rooms[0] };
      assertStrictEquals(check(key, nonce, swapped), rooms[0] === owns[0]);
    },
  ));
});

Deno.test("checkResume: refuses a proof that is missing, shortened, extended, or changed in one bit", () => {
  const proof = fromBase64Url(proveResume(KEY, NONCE, CLAIM));
  const check = (proof: Uint8Array) =>
    checkResume(KEY, NONCE, { ...CLAIM, proof: base64Url(proof) });
  assert(check(proof));
  for (let bit = 0; bit < proof.length * 8; bit++) {
    const changed = proof.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert(!check(changed), `bit ${bit}`);
  }
  for (const size of [0, 1, 16, 31]) assert(!check(proof.subarray(0, size)));
  assert(!check(concat([proof, Uint8Array.of(0)])));
  assert(!checkResume(KEY, NONCE, CLAIM));
});

Deno.test("checkResume: accepts only one spelling of the bytes of proof and token", () => {
  const proof = proveResume(KEY, NONCE, CLAIM);
  // 32 bytes leave two bits of the last character unused.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const stray = proof.slice(0, -1) + alphabet[alphabet.indexOf(proof.at(-1)!) + 1];
  for (const bad of [`${proof}=`, ` ${proof}`, stray, "", "A", "+".repeat(43), "é".repeat(43)]) {
    assertStrictEquals(checkResume(KEY, NONCE, { ...CLAIM, proof: bad }), false, bad);
  }
  for (const bad of [`${TOKEN}==`, ` ${TOKEN}`, "", "A", "AAAA", `${TOKEN}AA`, "/".repeat(22)]) {
    assertStrictEquals(checkResume(KEY, NONCE, { ...CLAIM, token: bad, proof }), false, bad);
  }
});

Deno.test("proveResume: refuses invalid nonces, tokens, positions and chains", () => {
  for (const bad of ["", "A", "AAAA", `${NONCE}AA`, `${NONCE}==`, NONCE.slice(0, -1), "é"]) {
    assertThrows(() => proveResume(KEY, bad, CLAIM), RangeError, "Cannot use a nonce");
    assertThrows(
      () => proveResume(KEY, NONCE, { ...CLAIM, token: bad }),
      RangeError,
      "Cannot use a token",
    );
  }
  for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => proveResume(KEY, NONCE, { ...CLAIM, room: bad }), RangeError, "position");
    assertThrows(() => proveResume(KEY, NONCE, { ...CLAIM, own: bad }), RangeError, "position");
  }
  for (const size of [0, 16, CHAIN_SIZE - 1, CHAIN_SIZE + 1]) {
    const claim = { ...CLAIM, chain: new Uint8Array(size) };
    assertThrows(() => proveResume(KEY, NONCE, claim), RangeError, `the chain has ${size} bytes`);
  }
  const last = { ...CLAIM, room: Number.MAX_SAFE_INTEGER, own: 0 };
  assert(checkResume(KEY, NONCE, { ...last, proof: proveResume(KEY, NONCE, last) }));
});

Deno.test("drawToken: 16 random bytes in unpadded base64url", () => {
  const tokens = Array.from({ length: 100 }, drawToken);
  for (const token of tokens) {
    assertMatch(token, /^[A-Za-z0-9_-]{22}$/);
    assertEquals(fromBase64Url(token).length, TOKEN_SIZE);
  }
  assertStrictEquals(new Set(tokens).size, tokens.length);
  // A size that `proveResume` accepts, as token and as nonce.
  proveResume(KEY, tokens[0]!, { ...CLAIM, token: tokens[1]! });
});
