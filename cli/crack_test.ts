import { assertEquals, assertMatch } from "@std/assert";
import { XorCipher } from "../cipher.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { randomBytes } from "node:crypto";

const TEXT = "So it starts!Right?Yep!Here we go!";
const TRAFFIC = new XorCipher(198).seal(new TextEncoder().encode(TEXT));

Deno.test("crack: prints key and text on stdout, reasons on stderr, from a file or stdin", async () => {
  for (const how of ["file", "stdin", "-"]) {
    using system = new FakeSystem();
    const path = system.file("traffic.bin", TRAFFIC);
    if (how !== "file") {
      system.stdin.type(TRAFFIC);
      system.stdin.end();
    }
    const args = how === "file" ? [path] : how === "-" ? ["-"] : [];
    assertEquals(await system.run("crack", ...args), 0);
    assertEquals(system.stdout.text, `key 198\n${TEXT}\n`);
    assertMatch(system.stderr.text, /^(?:chat: .*\n){3}$/);
  }
});

Deno.test("crack --top: lists the likeliest keys instead of the text", async () => {
  using system = new FakeSystem();
  assertEquals(await system.run("crack", "--top", "2", system.file("t", TRAFFIC)), 0);
  assertMatch(system.stdout.text, /^198 .*So it starts!.*\n199 .*\n$/);
});

Deno.test("crack: without a key it exits with 1 and an error", async () => {
  for (const bytes of [new Uint8Array(0), randomBytes(4000)]) {
    using system = new FakeSystem();
    assertEquals(await system.run("crack", system.file("t", bytes)), 1);
    assertEquals(system.stdout.text, "");
    assertMatch(system.stderr.text, /^chat: error: Cannot /);
  }
});

Deno.test("crack: reads at most 4 MiB, and says so", async () => {
  using system = new FakeSystem();
  system.stdin.type(new Uint8Array(4 * 1024 * 1024 + 1));
  system.stdin.end();
  assertEquals(await system.run("crack"), 1);
  assertMatch(system.stderr.text, /^chat: only the first 4M are read; the rest is ignored\n/);
});

Deno.test("crack: a file or stdin that cannot be read exits with 1 and the reason", async () => {
  using system = new FakeSystem();
  assertEquals(await system.run("crack", `${system.folder}/none`), 1);
  assertMatch(system.stderr.text, /^chat: error: Cannot read the traffic from .*none: /);
  system.stderr.text = "";
  system.stdin.fail(new Error("Is a directory (os error 21)"));
  assertEquals(await system.run("crack"), 1);
  assertEquals(
    system.stderr.text,
    "chat: error: Cannot read the input: is a directory\nchat: hint: Name a file with captured traffic, or pipe it to chat crack\n",
  );
});

Deno.test("crack: at a terminal it says that it reads stdin", async () => {
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdin.type(TRAFFIC);
  system.stdin.end();
  assertEquals(await system.run("crack"), 0);
  assertMatch(system.stderr.text, /^chat: reading the traffic from stdin; Ctrl-D ends it\n/);
});
