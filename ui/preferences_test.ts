import { assert, assertEquals } from "@std/assert";
import { bareName, Preferences } from "./preferences.ts";

Deno.test("Preferences: ignoring goes by the name alone, whatever marks follow it", () => {
  const preferences = new Preferences();
  assert(preferences.ignore("bob#7(!)"));
  assert(!preferences.ignore("bob"));
  for (const name of ["bob", "bob#2", "bob(!)", "bob#7(!)"]) {
    assert(preferences.isIgnored(name), name);
  }
  for (const name of ["Bob", "bo", "bob2"]) assert(!preferences.isIgnored(name), name);
  assertEquals(preferences.ignored, ["bob"]);
  assert(preferences.unignore("bob#3"));
  assert(!preferences.unignore("bob"));
  assertEquals(preferences.ignored, []);
});

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

Deno.test("bareName: removes the marks that a screen adds", () => {
  const cases = {
    bob: "bob",
    "bob#7": "bob",
    "bob(!)": "bob",
    "bob#7(!)": "bob",
    "b(!)b": "b(!)b",
  };
  for (const [name, bare] of Object.entries(cases)) assertEquals(bareName(name), bare);
});
