import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../errors.ts";
import { decodedVariable } from "./system.ts";

Deno.test("decodedVariable: one that is not UTF-8 counts as unset, but is misuse if it is this program's", () => {
  const invalid = () => {
    throw new Deno.errors.InvalidData('environment variable was not valid unicode: "\\xFF"');
  };
  for (const name of ["USER", "HOME", "TERM"]) {
    assertEquals(decodedVariable(name, invalid), undefined);
    assertEquals(decodedVariable(name, () => "x"), "x");
  }
  for (const name of ["CHAT_CODE", "CHAT_NAME"]) {
    assertThrows(
      () => decodedVariable(name, invalid),
      UsageError,
      `Cannot use ${name}: it is not UTF-8`,
    );
  }
  const denied = () => {
    throw new Deno.errors.NotCapable("no");
  };
  assertThrows(() => decodedVariable("USER", denied), Deno.errors.NotCapable);
});
