import { assert, assertEquals, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { Person } from "../room.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { loadIgnored } from "./ignored_file.ts";
import { places } from "./user.ts";

const POSIX = Deno.build.os !== "windows";
const EVE: Person = { id: 2, name: "eve", self: false, away: false, key: "E".repeat(43) };

Deno.test("loadIgnored: keeps members across restarts, for people only, in a private file", () => {
  using system = new FakeSystem();
  loadIgnored(system, true).keep(EVE, "2026-01-31");
  const path = `${places(system).config}/ignored`;
  if (POSIX) assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  assert(loadIgnored(system, true).has(EVE));
  assert(!loadIgnored(system, false).has(EVE));
  // Two clients of one user.
  const [one, two] = [loadIgnored(system, true), loadIgnored(system, true)];
  const ben = { ...EVE, name: "ben", key: "B".repeat(43) };
  one.keep(ben, "2026-02-01");
  two.remove(EVE);
  const last = loadIgnored(system, true);
  assertEquals([last.has(EVE), last.has(ben)], [false, true]);
});

Deno.test("loadIgnored: a damaged file is an error that names the line, and is never replaced", () => {
  using system = new FakeSystem();
  const ignored = loadIgnored(system, true);
  ignored.keep(EVE, "2026-01-31");
  const path = `${places(system).config}/ignored`;
  Deno.writeTextFileSync(path, "not a line\n");
  const error = assertThrows(() => loadIgnored(system, true), ChatError, "line 1 is not KEY DAY");
  assertEquals(error.hint, "Correct or delete that line");
  assertThrows(() => ignored.remove(EVE), ChatError, "line 1 is not KEY DAY");
  assert(ignored.has(EVE));
  assertEquals(Deno.readTextFileSync(path), "not a line\n");
});

Deno.test("loadIgnored: without a folder that can be used nobody is ignored, and keeping is an error", () => {
  using system = new FakeSystem();
  const file = system.file("no-folder", "");
  system.variables["XDG_CONFIG_HOME"] = file;
  system.variables["APPDATA"] = file;
  system.variables["HOME"] = file;
  const ignored = loadIgnored(system, true);
  assertThrows(() => ignored.keep(EVE, "2026-01-31"), ChatError);
  assert(!ignored.has(EVE));
  system.variables["XDG_CONFIG_HOME"] = "";
  system.variables["APPDATA"] = "";
  system.variables["HOME"] = "";
  const none = loadIgnored(system, true);
  assertThrows(() => none.keep(EVE, "2026-01-31"), ChatError, "no folder for your files");
});
