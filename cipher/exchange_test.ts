import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ExchangeKey } from "./exchange.ts";
import { CURVE_KEY_SIZE } from "./public_keys.ts";

const hex = (text: string) => Uint8Array.fromHex(text);

Deno.test("ExchangeKey: computes the vector of RFC 7748, section 6.1, from both sides", () => {
  const alice = new ExchangeKey(
    hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
  );
  const bob = new ExchangeKey(
    hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
  );
  const secret = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  assertEquals(
    alice.publicKey,
    hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
  );
  assertEquals(
    bob.publicKey,
    hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
  );
  assertEquals(alice.agree(bob.publicKey), secret);
  assertEquals(bob.agree(alice.publicKey), secret);
});

Deno.test("ExchangeKey: two keys agree on a secret, and a third gets a different one", () => {
  const [ada, grace, eve] = Array.from({ length: 3 }, () => ExchangeKey.generate());
  const secret = ada!.agree(grace!.publicKey);
  assertEquals(secret.length, CURVE_KEY_SIZE);
  assertEquals(grace!.agree(ada!.publicKey), secret);
  assertNotEquals(eve!.agree(ada!.publicKey), secret);
  assertNotEquals(eve!.agree(grace!.publicKey), secret);
});

Deno.test("ExchangeKey.agree: rejects a key that gives every private key the same secret", () => {
  const key = ExchangeKey.generate();
  for (
    const weak of [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
  ) {
    assertThrows(() => key.agree(hex(weak)), RangeError, "small order");
  }
});

Deno.test("ExchangeKey: rejects private and public keys of another size", () => {
  const key = ExchangeKey.generate();
  for (const size of [0, CURVE_KEY_SIZE - 1, CURVE_KEY_SIZE + 1]) {
    assertThrows(() => new ExchangeKey(new Uint8Array(size)), RangeError);
    assertThrows(() => key.agree(new Uint8Array(size)), RangeError);
  }
});
