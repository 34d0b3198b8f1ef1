import { assertEquals } from "@std/assert";
import { writeAll } from "./write_all.ts";

Deno.test("writeAll: writes everything to a stream that takes a few bytes at a time", () => {
  for (const size of [1, 2, 5, 100]) {
    const written: number[] = [];
    writeAll({
      writeSync(bytes) {
        const taken = bytes.subarray(0, size);
        written.push(...taken);
        return taken.length;
      },
    }, "Ünïcödé 😀\n");
    assertEquals(new TextDecoder().decode(Uint8Array.from(written)), "Ünïcödé 😀\n");
  }
});
