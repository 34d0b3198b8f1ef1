import { assertEquals, assertMatch } from "@std/assert";
import { completions } from "./cli/completions.ts";
import { VERBS } from "./cli/options.ts";
import { usage } from "./cli/usage.ts";
import config from "./deno.json" with { type: "json" };
import { FakeSystem } from "./tests/support/fake_system.ts";

/** An error as Deno makes it of one of the system's. */
function systemError(code: string): Error {
  return Object.assign(new Error("Words of the system (os error 28)"), { code });
}

/** Runs a command line; returns the exit code and the output. */
async function outcome(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  using system = new FakeSystem();
  const code = await system.run(...args);
  return { code, stdout: system.stdout.text, stderr: system.stderr.text };
}

Deno.test("run: --version prints the version of deno.json on stdout", async () => {
  const expected = { code: 0, stdout: `chat ${config.version}\n`, stderr: "" };
  for (const flag of ["--version", "-V"]) assertEquals(await outcome(flag), expected);
});

Deno.test("run: help goes to stdout, with 0, and ends in an example", async () => {
  assertEquals(await outcome("--help"), { code: 0, stdout: usage(), stderr: "" });
  for (const verb of Object.keys(VERBS) as (keyof typeof VERBS)[]) {
    const { code, stdout, stderr } = await outcome(verb, "--help");
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: usage(verb), stderr: "" });
    assertMatch(stdout, /\nExample:\n {2}.*chat [^\n]+\n$/);
  }
});

Deno.test("run: completions prints the script of a shell on stdout", async () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const expected = { code: 0, stdout: completions(shell), stderr: "" };
    assertEquals(await outcome("completions", shell), expected);
  }
});

Deno.test("run: a wrong command line goes to stderr, with 2 and a hint", async () => {
  assertEquals(await outcome("jion"), {
    code: 2,
    stdout: "",
    stderr: 'chat: error: Unknown command "jion"\n' +
      "chat: hint: Did you mean: chat join? See: chat --help\n",
  });
  assertEquals(await outcome(), {
    code: 2,
    stdout: "",
    stderr: "chat: error: Say what to do: chat serve, chat join or chat send\n" +
      "chat: hint: Open a room with: chat serve --join; or see: chat --help\n",
  });
});

Deno.test("run: a wrong environment variable is misuse, too, and the hint names it", async () => {
  using system = new FakeSystem({ CHAT_NAME: "a b" });
  assertEquals(await system.run("join"), 2);
  assertMatch(system.stderr.text, /the name "a b": .*\nchat: hint: It comes from CHAT_NAME\n$/);
});

Deno.test("run: reports any other error as a bug, with its stack, and leaves nothing open", async () => {
  using system = new FakeSystem();
  system.machine = undefined;
  assertEquals(await system.run("serve", "--host", "0.0.0.0", "--port", "0", "--cipher", "xor"), 1);
  assertMatch(
    system.stderr.text,
    /^chat: error: This is a bug in chat: NotCapable: The test hides/m,
  );
  assertMatch(system.stderr.text, /\n +at .*addresses/);
  assertEquals(system.listeners, 0);
});

Deno.test("run: output that cannot be written is an error, with 1; it may be written in pieces", async () => {
  for (const args of [["--help"], ["--version"], ["help", "serve"], ["completions", "bash"]]) {
    using full = new FakeSystem();
    full.stdout.failure = systemError("ENOSPC");
    assertEquals(await full.run(...args), 1);
    assertEquals(
      full.stderr.text,
      "chat: error: Cannot write the output: no space is left on the disk\n",
    );
    using slow = new FakeSystem();
    slow.stdout.most = 7;
    assertEquals([await slow.run(...args), slow.stderr.text], [0, ""]);
    const { stdout } = await outcome(...args);
    assertEquals(slow.stdout.text, stdout);
  }
});

Deno.test("run: the exit code stays the same if stderr cannot be written", async () => {
  for (const failure of [systemError("ENOSPC"), new Deno.errors.BrokenPipe("gone")]) {
    using system = new FakeSystem();
    system.stderr.failure = failure;
    assertEquals(await system.run("jion"), 2);
    assertEquals(await system.run("--version"), 0);
    system.stdout.failure = systemError("EIO");
    assertEquals(await system.run("--version"), 1);
  }
});

Deno.test("run: succeeds if the reader of its output has gone", async () => {
  using system = new FakeSystem();
  system.stdout.broken = true;
  assertEquals([await system.run("--help"), system.stderr.text], [0, ""]);
});
