import { assertEquals, assertThrows } from "@std/assert";
import { publicBytes, toPrivateKey } from "./keys.ts";
import { CURVE_KEY_SIZE, toPublicKey } from "./public_keys.ts";

Deno.test("toPrivateKey, publicBytes: give the key pairs of RFC 8032, 7.1 and RFC 7748, 6.1", () => {
  for (
    const [curve, privateKey, publicKey] of [
      [
        "Ed25519",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      ],
      [
        "X25519",
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
      ],
    ] as const
  ) {
    const key = toPrivateKey(curve, Uint8Array.fromHex(privateKey));
    assertEquals(publicBytes(key).toHex(), publicKey, curve);
  }
});

Deno.test("toPrivateKey, toPublicKey: reject keys of another size", () => {
  for (const size of [0, CURVE_KEY_SIZE - 1, CURVE_KEY_SIZE + 1]) {
    for (const curve of ["Ed25519", "X25519"] as const) {
      assertThrows(() => toPrivateKey(curve, new Uint8Array(size)), RangeError, `${size} bytes`);
      assertThrows(() => toPublicKey(curve, new Uint8Array(size)), RangeError, `${size} bytes`);
    }
  }
});

Deno.test("toPublicKey: rejects an Ed25519 key that is not a point on the curve", () => {
  const key = Uint8Array.fromHex("02".padEnd(64, "0"));
  assertThrows(() => toPublicKey("Ed25519", key), RangeError, "not a point on the curve");
});
