import { assertEquals } from "@std/assert";
import { Preferences } from "./preferences.ts";

Deno.test("Preferences: start as given, otherwise with the defaults", () => {
  const { theme, time, notify, muted, reply } = new Preferences();
  assertEquals([theme, time, notify, muted, reply], [
    "auto",
    "short",
    "mentions",
    false,
    undefined,
  ]);
  const preferences = new Preferences({ theme: "mono", time: "off", notify: "all" });
  assertEquals([preferences.theme, preferences.time, preferences.notify], ["mono", "off", "all"]);
});
