import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "./tests/support/property.ts";
import { drawPublicKey, privateKey, XOR_PROTECTION, XorCipher } from "./cipher.ts";

const anyKey = fc.nat({ max: 255 });
const anyBytes = fc.uint8Array({ maxLength: 300 });

Deno.test("privateKey: subtracts 10 from the public key, modulo 256", () => {
  assertStrictEquals(privateKey(198), 188);
  assertStrictEquals(privateKey(255), 245);
  assertStrictEquals(privateKey(10), 0);
  assertStrictEquals(privateKey(9), 255);
  assertStrictEquals(privateKey(0), 246);
  for (let key = 0; key < 256; key++) {
    assertStrictEquals(privateKey(key), key >= 10 ? key - 10 : key + 246);
  }
});

Deno.test("privateKey, XorCipher: reject a key that is not a whole number from 0 to 255", () => {
  for (const key of [-1, 256, 1.5, NaN, Infinity, -Infinity]) {
    assertThrows(() => privateKey(key), RangeError, `Cannot use the key ${key}`);
    assertThrows(() => new XorCipher(key), RangeError);
  }
});

Deno.test("XorCipher: seals the classic conversation under public key 198 with XOR 188", () => {
  const cipher = new XorCipher(198);
  for (const line of ["So it starts!", "Right?", "Yep!", "Here we go!"]) {
    const plaintext = new TextEncoder().encode(line);
    const sealed = cipher.seal(plaintext);
    assertEquals([...sealed], [...plaintext].map((byte) => byte ^ 188));
    assertNotEquals(sealed, plaintext);
  }
});

Deno.test("XorCipher: XORs every byte value with the private key, for every key", () => {
  const every = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let key = 0; key < 256; key++) {
    const sealed = new XorCipher(key).seal(every);
    assertEquals([...sealed], [...every].map((byte) => byte ^ privateKey(key)));
  }
});

Deno.test("XorCipher: gives the same result for any length and any offset in the buffer", () => {
  const every = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (const publicKey of [10, 137, 138, 198, 255, 9]) {
    const cipher = new XorCipher(publicKey);
    for (let length = 0; length <= 40; length++) {
      for (let offset = 0; offset < 8; offset++) {
        const bytes = every.subarray(offset, offset + length);
        const byByte = [...bytes].map((byte) => byte ^ privateKey(publicKey));
        assertEquals([...cipher.seal(bytes)], byByte);
        assertEquals([...cipher.open(bytes).plaintext], byByte);
      }
    }
  }
});

Deno.test("XorCipher: open undoes seal, and the length stays the same", () => {
  fc.assert(fc.property(anyKey, anyBytes, (key, plaintext) => {
    const cipher = new XorCipher(key);
    const sealed = cipher.seal(plaintext);
    // The cipher proves no time and counts no messages.
    assertEquals(cipher.open(sealed), { plaintext, missing: 0 });
    assertStrictEquals(sealed.length, plaintext.length + cipher.overhead);
  }));
});

Deno.test("XorCipher: seal and open neither change nor keep their argument", () => {
  // Under key 10 the bytes stay the same, and the result is still a copy.
  for (const key of [10, 198]) {
    const cipher = new XorCipher(key);
    const open = (body: Uint8Array) => cipher.open(body).plaintext;
    for (const act of [cipher.seal.bind(cipher), open]) {
      const bytes = Uint8Array.of(1, 2, 3);
      const result = act(bytes);
      assertEquals([...bytes], [1, 2, 3]);
      assert(result.buffer !== bytes.buffer);
    }
  }
});

Deno.test("XorCipher: has no identities, and members that join and leave change nothing", () => {
  const cipher = new XorCipher(198);
  const sealed = cipher.seal(Uint8Array.of(1, 2, 3));
  cipher.expectAll();
  cipher.forget();
  assertStrictEquals(cipher.identityOf(), undefined);
  assertEquals([...cipher.open(sealed).plaintext], [1, 2, 3]);
  // A repeated body opens again.
  assertEquals([...cipher.open(sealed).plaintext], [1, 2, 3]);
});

Deno.test("XorCipher.sealData: writes what seal returns at the start of its buffer, and keeps the data", () => {
  fc.assert(fc.property(anyKey, anyBytes, (key, data) => {
    const cipher = new XorCipher(key);
    const [before, into] = [data.slice(), new Uint8Array(data.length + 3).fill(0x5a)];
    assertStrictEquals(cipher.sealData(data, 1, into), data.length);
    assertEquals(into.subarray(0, data.length), cipher.seal(data));
    assertEquals([...into.subarray(data.length)], [0x5a, 0x5a, 0x5a]);
    assertEquals(data, before);
  }));
});

Deno.test("XorCipher: has the name and the protection of xor", () => {
  assertStrictEquals(new XorCipher(198).protection, XOR_PROTECTION);
  assertStrictEquals(new XorCipher(198).name, "xor");
});

Deno.test("drawPublicKey: draws every key from 0 to 255", () => {
  const drawn = new Set<number>();
  for (let i = 0; i < 10_000; i++) {
    const key = drawPublicKey();
    assert(Number.isInteger(key) && key >= 0 && key <= 255, `${key}`);
    drawn.add(key);
  }
  // The chance that one given key is missing from 10,000 draws is 1 in 10^17.
  assertStrictEquals(drawn.size, 256);
});
