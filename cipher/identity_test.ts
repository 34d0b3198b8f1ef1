import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import fc from "../tests/support/property.ts";
import { WORDS } from "./codes.ts";
import { comparison, conversationWords, fingerprint, Identity, SEED_SIZE } from "./identity.ts";
import { PUBLIC_KEY_SIZE, SIGNATURE_SIZE, Verifier } from "./verifier.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replace(/\s+/g, ""));
const ascii = (text: string) => new TextEncoder().encode(text);
const identity = (n: number) => new Identity(new Uint8Array(SEED_SIZE).fill(n));

/** RFC 8032, section 7.1, except the vector of 1023 bytes. */
const VECTORS = [
  {
    name: "TEST 1",
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature: `e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
      5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b`,
  },
  {
    name: "TEST 2",
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature: `92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
      085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00`,
  },
  {
    name: "TEST 3",
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature: `6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
      18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a`,
  },
  {
    name: "TEST SHA(abc)",
    seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    publicKey: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    message: `ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
      2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f`,
    signature: `dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589
      09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704`,
  },
];

for (const { name, seed, publicKey, message, signature } of VECTORS) {
  Deno.test(`Identity, Verifier: ${name} of RFC 8032, 7.1, is signed and verified`, () => {
    const identity = new Identity(hex(seed));
    assertEquals(identity.publicKey, hex(publicKey));
    assertEquals(identity.sign(hex(message)), hex(signature));
    assert(new Verifier(hex(publicKey)).verify(hex(message), hex(signature)));
  });
}

Deno.test("Verifier: accepts a signature for its own key and message only", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (message, flip) => {
      const signer = identity(1);
      const verifier = new Verifier(signer.publicKey);
      const signature = signer.sign(message);
      assert(verifier.verify(message, signature));
      assert(!new Verifier(identity(2).publicKey).verify(message, signature));
      assert(!verifier.verify(Uint8Array.of(...message, 0), signature));
      const bad = signature.slice();
      const bit = flip % (SIGNATURE_SIZE * 8);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      assert(!verifier.verify(message, bad));
    }),
    { numRuns: 50 },
  );
});

Deno.test("Verifier: rejects a signature of another length", () => {
  const signer = identity(1);
  const signature = signer.sign(ascii("hi"));
  const verifier = new Verifier(signer.publicKey);
  for (const bad of [signature.subarray(1), signature.subarray(0, 63), new Uint8Array(0)]) {
    assert(!verifier.verify(ascii("hi"), bad));
  }
  assert(!verifier.verify(ascii("hi"), Uint8Array.of(...signature, 0)));
});

Deno.test("Verifier: rejects the second encoding of a signature, S plus the order", () => {
  const signer = identity(1);
  const signature = signer.sign(ascii("hi"));
  // The order of the base point (RFC 8032, section 5.1), little-endian.
  const order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  let carry = 0;
  for (const [i, byte] of order.entries()) {
    carry += signature[32 + i]! + byte;
    signature[32 + i] = carry & 0xff;
    carry >>= 8;
  }
  assert(!new Verifier(signer.publicKey).verify(ascii("hi"), signature));
});

Deno.test("Verifier: rejects keys for which anyone can sign, and second encodings of keys", () => {
  const prime = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
  for (
    const weak of [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000080",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000080",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      // The prime and larger numbers: second encodings of 0, 1 and 18.
      prime,
      prime.replace("ed", "ee"),
      prime.replace("ed", "ff"),
      prime.replace(/7f$/, "ff"),
    ]
  ) {
    assertThrows(() => new Verifier(hex(weak)), RangeError, "Cannot use a public key");
  }
});

Deno.test("Identity, Verifier: any bytes give a key or a RangeError, and verify never throws", () => {
  const signature = new Uint8Array(SIGNATURE_SIZE);
  let taken = 0;
  fc.assert(fc.property(fc.uint8Array({ minLength: 30, maxLength: 34 }), (bytes) => {
    try {
      assertEquals(new Verifier(bytes).verify(ascii("hi"), signature), false);
      taken++;
    } catch (error) {
      assert(error instanceof RangeError, `${error}`);
    }
    if (bytes.length !== SEED_SIZE) assertThrows(() => new Identity(bytes), RangeError);
  }));
  // About half of all numbers are points on the curve.
  assert(taken > 0);
});

Deno.test("Identity.generate: generates a different key each time", () => {
  const [one, other] = [Identity.generate(), Identity.generate()];
  assertEquals(one.seed.length, SEED_SIZE);
  assertEquals(one.publicKey.length, PUBLIC_KEY_SIZE);
  assertNotEquals(one.publicKey, other.publicKey);
});

Deno.test("Identity, Verifier: copy the bytes that they are given", () => {
  const seed = new Uint8Array(SEED_SIZE).fill(1);
  const made = new Identity(seed);
  seed.fill(0);
  assertEquals(made.seed, identity(1).seed);
  const key = made.publicKey.slice();
  const verifier = new Verifier(key);
  key.fill(0);
  assertEquals(verifier.publicKey, made.publicKey);
});

Deno.test("comparison: gives both sides the same eight words, and other words for another key", () => {
  const [ada, grace, eve] = [1, 2, 3].map((n) => identity(n).publicKey);
  const words = comparison(ada!, grace!);
  assertEquals(words.split(" ").length, 8);
  for (const word of words.split(" ")) assert(WORDS.includes(word), word);
  assertEquals(comparison(grace!, ada!), words);
  assertNotEquals(comparison(ada!, eve!), words);
  assertNotEquals(comparison(eve!, grace!), words);
});

Deno.test("conversationWords: six words, for the first 66 bits", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (chain) => {
    const bits = [...chain].map((byte) => byte.toString(2).padStart(8, "0")).join("");
    const words = Array.from({ length: 6 }, (_, i) => (
      WORDS[parseInt(bits.slice(11 * i, 11 * i + 11), 2)]
    ));
    assertEquals(conversationWords(chain), words.join(" "));
  }));
  const words = (bit: number) => {
    const chain = new Uint8Array(32);
    chain[bit >> 3]! ^= 0x80 >> (bit & 7);
    return conversationWords(chain);
  };
  assertEquals(new Set(Array.from({ length: 66 }, (_, bit) => words(bit))).size, 66);
  assertEquals(words(66), conversationWords(new Uint8Array(32)));
});

Deno.test("fingerprint: is the key in base64 without padding", () => {
  assertEquals(fingerprint(new Uint8Array(32)), "A".repeat(43));
  assertEquals(fingerprint(new Uint8Array(32).fill(0xff)), "/".repeat(42) + "8");
});
