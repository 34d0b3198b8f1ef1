import { assert, assertEquals } from "@std/assert";
import { bareName, View } from "./preferences.ts";

Deno.test("View: who is ignored is known by the name alone, whatever marks stand behind it", () => {
  const view = new View();
  assert(view.ignore("bob#7(!)"));
  assert(!view.ignore("bob"));
  for (const name of ["bob", "bob#2", "bob(!)", "bob#7(!)"]) assert(view.isIgnored(name), name);
  for (const name of ["Bob", "bo", "bob2"]) assert(!view.isIgnored(name), name);
  assertEquals(view.ignored, ["bob"]);
  assert(view.heed("bob#3"));
  assert(!view.heed("bob"));
  assertEquals(view.ignored, []);
});

Deno.test("View: starts as it was asked for, else as most want it", () => {
  const { theme, time, notify, muted, reply } = new View();
  assertEquals([theme, time, notify, muted, reply], [
    "auto",
    "short",
    "mentions",
    false,
    undefined,
  ]);
  const view = new View({ theme: "mono", time: "off", notify: "all" });
  assertEquals([view.theme, view.time, view.notify], ["mono", "off", "all"]);
});

Deno.test("bareName: a name without what a screen puts behind it", () => {
  const cases = {
    bob: "bob",
    "bob#7": "bob",
    "bob(!)": "bob",
    "bob#7(!)": "bob",
    "b(!)b": "b(!)b",
  };
  for (const [name, bare] of Object.entries(cases)) assertEquals(bareName(name), bare);
});
