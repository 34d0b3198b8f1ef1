import { assertEquals } from "@std/assert";
import { counted } from "./counts.ts";

Deno.test("counted: the singular for one, the plural for all others", () => {
  assertEquals([0, 1, 2].map((n) => counted(n, "message")), [
    "0 messages",
    "1 message",
    "2 messages",
  ]);
  assertEquals([1, 2].map((n) => counted(n, "try", "tries")), ["1 try", "2 tries"]);
});
