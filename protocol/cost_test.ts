import { assertEquals } from "@std/assert";
import { encodeFrame, encodeHave, HEADER_SIZE, Type } from "../protocol.ts";
import { costOf } from "./cost.ts";

Deno.test("costOf: a frame takes one frame and its bytes, header included", () => {
  assertEquals(costOf(encodeFrame(Type.MESSAGE, 0, new Uint8Array(91))), {
    frames: 1,
    bytes: HEADER_SIZE + 91,
  });
  // Only MESSAGE goes to the member that its id names.
  for (const type of [Type.PROFILE, Type.PING, Type.PONG, Type.BYE, Type.ERROR]) {
    assertEquals(costOf(encodeFrame(type, 7)), { frames: 1, bytes: HEADER_SIZE });
  }
});

Deno.test("costOf: a direct message takes an eighth of a frame and a quarter of its bytes, DATA a 64th of them, HAVE a 64th of both", () => {
  for (const id of [1, 2 ** 32 - 1]) {
    const frame = encodeFrame(Type.MESSAGE, id, new Uint8Array(128 - HEADER_SIZE));
    assertEquals(costOf(frame), { frames: 1 / 8, bytes: 32 });
    const data = encodeFrame(Type.DATA, id, new Uint8Array(128 - HEADER_SIZE));
    assertEquals(costOf(data), { frames: 1 / 8, bytes: 2 });
  }
  const have = encodeHave(7);
  assertEquals(costOf(have), { frames: 1 / 64, bytes: have.length / 64 });
});
