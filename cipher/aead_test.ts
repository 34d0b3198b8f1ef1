import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import {
  type Aead,
  aead,
  deriveKey,
  hasNativeAead,
  KEY_SIZE,
  nativeAead,
  NONCE_SIZE,
  portableAead,
  seal,
  TAG_SIZE,
} from "./aead.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replace(/\s+/g, ""));
const ascii = (text: string) => new TextEncoder().encode(text);

/** The implementations that work in this runtime; the portable one always does. */
const IMPLEMENTATIONS: readonly (readonly [string, Aead])[] = hasNativeAead()
  ? [["nativeAead", nativeAead], ["portableAead", portableAead]]
  : [["portableAead", portableAead]];

/** RFC 8439, section 2.8.2. */
const SUNSCREEN = {
  key: hex("808182838485868788898a8b8c8d8e8f 909192939495969798999a9b9c9d9e9f"),
  nonce: hex("070000004041424344454647"),
  associated: hex("50515253c0c1c2c3c4c5c6c7"),
  plaintext: ascii(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
      "sunscreen would be it.",
  ),
  sealed: hex(`
    d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6
    3dbea45e8ca9671282fafb69da92728b 1a71de0a9e060b2905d6a5b67ecd3b36
    92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
    3ff4def08e4b7a9de576d26586cec64b 6116
    1ae10b594f09e26a7e902ecbd0600691`),
};

/** RFC 8439, appendix A.5; its text is in the comment of its bytes. */
const DRAFTS = {
  key: hex("1c9240a5eb55d38af333888604f6b5f0 473917c1402b80099dca5cbc207075c0"),
  nonce: hex("000000000102030405060708"),
  associated: hex("f33388860000000000004e91"),
  plaintext: ascii(
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, " +
      "replaced, or obsoleted by other documents at any time. It is inappropriate to use " +
      "Internet-Drafts as reference material or to cite them other than as /“work in progress./”",
  ),
  sealed: hex(`
    64a0861575861af460f062c79be643bd 5e805cfd345cf389f108670ac76c8cb2
    4c6cfc18755d43eea09ee94e382d26b0 bdb7b73c321b0100d4f03b7f355894cf
    332f830e710b97ce98c8a84abd0b9481 14ad176e008d33bd60f982b1ff37c855
    9797a06ef4f0ef61c186324e2b350638 3606907b6a7c02b0f9f6157b53c867e4
    b9166c767b804d46a59b5216cde7a4e9 9040c5a40433225ee282a1b0a06c523e
    af4534d7f83fa1155b0047718cbc546a 0d072b04b3564eea1b422273f548271a
    0bb2316053fa76991955ebd63159434e cebb4e466dae5a1073a6727627097a10
    49e617d91d361094fa68f0ff77987130 305beaba2eda04df997b714d6c6f2c29
    a6ad5cb4022b02709b
    eead9d67890cbb22392336fea1851f38`),
};

for (const [name, implementation] of IMPLEMENTATIONS) {
  const { sealInto, open } = implementation;

  for (const [vector, it] of Object.entries({ "2.8.2": SUNSCREEN, "appendix A.5": DRAFTS })) {
    Deno.test(`${name}: the vector of RFC 8439, ${vector}, in both directions`, () => {
      assertEquals(
        seal(implementation, it.key, it.nonce, it.associated, [it.plaintext]),
        it.sealed,
      );
      assertEquals(open(it.key, it.nonce, it.associated, it.sealed), it.plaintext);
    });
  }

  Deno.test(`${name}: open rejects one flipped bit in key, nonce, associated data, text or tag`, () => {
    const { key, nonce, associated, sealed } = SUNSCREEN;
    const parts = [key, nonce, associated, sealed];
    for (const [index, part] of parts.entries()) {
      for (let bit = 0; bit < part.length * 8; bit++) {
        const flipped = part.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const [k, n, a, s] = parts.with(index, flipped);
        assertEquals(open(k!, n!, a!, s!), undefined, `part ${index}, bit ${bit}`);
      }
    }
  });

  Deno.test(`${name}: open rejects a text that was cut at any length, or extended`, () => {
    const { key, nonce, associated, sealed } = SUNSCREEN;
    for (let length = 0; length < sealed.length; length++) {
      assertEquals(open(key, nonce, associated, sealed.subarray(0, length)), undefined);
    }
    assertEquals(open(key, nonce, associated, Uint8Array.of(...sealed, 0)), undefined);
    assertEquals(open(key, nonce, associated.subarray(1), sealed), undefined);
  });

  Deno.test(`${name}: seals an empty text and empty associated data`, () => {
    const { key, nonce } = SUNSCREEN;
    const nothing = new Uint8Array(0);
    const sealed = seal(implementation, key, nonce, nothing, [nothing]);
    assertEquals(sealed.length, TAG_SIZE);
    assertEquals(open(key, nonce, nothing, sealed), nothing);
    assertEquals(open(key, nonce, ascii("x"), sealed), undefined);
  });

  Deno.test(`${name}: a key or nonce of the wrong size throws, and does not count as a bad text`, () => {
    const { key, nonce, associated, plaintext, sealed } = SUNSCREEN;
    for (const size of [0, KEY_SIZE - 1, KEY_SIZE + 1]) {
      const wrong = new Uint8Array(size);
      assertThrows(() => seal(implementation, wrong, nonce, associated, [plaintext]), RangeError);
      assertThrows(() => open(wrong, nonce, associated, sealed), RangeError);
    }
    for (const size of [0, NONCE_SIZE - 1, NONCE_SIZE + 1]) {
      const wrong = new Uint8Array(size);
      assertThrows(() => seal(implementation, key, wrong, associated, [plaintext]), RangeError);
      assertThrows(() => open(key, wrong, associated, sealed), RangeError);
    }
  });

  Deno.test(`${name}: neither changes nor keeps its arguments`, () => {
    const { key, nonce, associated, plaintext } = SUNSCREEN;
    const given = [key, nonce, associated, plaintext].map((part) => part.slice());
    const sealed = seal(implementation, given[0]!, given[1]!, given[2]!, [given[3]!]);
    assertEquals(given, [key, nonce, associated, plaintext]);
    const copy = sealed.slice();
    const opened = open(given[0]!, given[1]!, given[2]!, sealed);
    assertEquals(given, [key, nonce, associated, plaintext]);
    assertEquals(sealed, copy);
    sealed.fill(0);
    given[3]!.fill(0);
    assertEquals(opened, plaintext);
  });

  Deno.test(`${name}: sealInto writes text and tag at the start of its buffer, and nothing after them`, () => {
    const { key, nonce, associated, plaintext, sealed } = SUNSCREEN;
    const parts = [plaintext.subarray(0, 7), plaintext.subarray(7)];
    for (const spare of [0, 1, 40]) {
      const into = new Uint8Array(sealed.length + spare).fill(0x5a);
      sealInto(into, key, nonce, associated, parts);
      assertEquals(into.subarray(0, sealed.length), sealed);
      assertEquals(into.subarray(sealed.length), new Uint8Array(spare).fill(0x5a));
    }
    const short = new Uint8Array(sealed.length - 1);
    assertThrows(() => sealInto(short, key, nonce, associated, parts), RangeError);
  });
}

Deno.test({
  name:
    "nativeAead, portableAead: they seal alike, in parts too, and each opens what the other sealed",
  // Without the native implementation there is nothing to compare.
  ignore: !hasNativeAead(),
  fn() {
    const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size });
    const some = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(
        bytes(KEY_SIZE),
        bytes(NONCE_SIZE),
        some,
        some,
        fc.nat(),
        (key, nonce, associated, plaintext, flip) => {
          const sealed = seal(nativeAead, key, nonce, associated, [plaintext]);
          assertEquals(seal(portableAead, key, nonce, associated, [plaintext]), sealed);
          const cut = flip % (plaintext.length + 1);
          const parts = [plaintext.subarray(0, cut), plaintext.subarray(cut)];
          for (const implementation of [nativeAead, portableAead]) {
            const shifted = seal(implementation, key, nonce, associated, parts, 8);
            assertEquals(shifted.subarray(0, 8), new Uint8Array(8));
            assertEquals(shifted.subarray(8), sealed);
          }
          assertEquals(portableAead.open(key, nonce, associated, sealed), plaintext);
          assertEquals(nativeAead.open(key, nonce, associated, sealed), plaintext);
          const bit = flip % (sealed.length * 8);
          sealed[bit >> 3]! ^= 1 << (bit & 7);
          assertEquals(nativeAead.open(key, nonce, associated, sealed), undefined);
          assertEquals(portableAead.open(key, nonce, associated, sealed), undefined);
        },
      ),
    );
  },
});

Deno.test("aead: is the native implementation if the runtime has it", () => {
  assert(aead === (hasNativeAead() ? nativeAead : portableAead));
});

Deno.test("deriveKey: the vectors of RFC 5869, A.1 to A.3", () => {
  const range = (from: number, to: number) =>
    Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const secret = new Uint8Array(22).fill(0x0b);
  const nothing = new Uint8Array(0);
  assertEquals(
    deriveKey(secret, range(0x00, 0x0c), range(0xf0, 0xf9), 42),
    hex(`3cb25f25faacd57a90434f64d0362f2a 2d2d0a90cf1a5a4c5db02d56ecc4c5bf 34007208d5b887185865`),
  );
  assertEquals(
    deriveKey(range(0x00, 0x4f), range(0x60, 0xaf), range(0xb0, 0xff), 82),
    hex(`b11e398dc80327a1c8e7f78c596a4934 4f012eda2d4efad8a050cc4c19afa97c
      59045a99cac7827271cb41c65e590e09 da3275600c2f09b8367793a9aca3db71
      cc30c58179ec3e87c14c01d5c1f3434f 1d87`),
  );
  assertEquals(
    deriveKey(secret, nothing, nothing, 42),
    hex(`8da4e775a563c18f715f802a063c5a31 b8a11f5c5ee1879ec3454e5f3c738d2d 9d201395faa4b61a96c8`),
  );
});

Deno.test("deriveKey: gives a key of the right size, and a different one for another secret, salt or purpose", () => {
  const of = (secret: string, salt: string, info: string) =>
    deriveKey(ascii(secret), ascii(salt), ascii(info));
  assertEquals(of("secret", "salt", "info").length, KEY_SIZE);
  assertEquals(of("secret", "salt", "info"), of("secret", "salt", "info"));
  for (
    const other of [["Secret", "salt", "info"], ["secret", "Salt", "info"], [
      "secret",
      "salt",
      "Info",
    ]]
  ) {
    assertNotEquals(of("secret", "salt", "info"), of(other[0]!, other[1]!, other[2]!));
  }
});
