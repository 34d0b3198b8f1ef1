import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fingerprint } from "../cipher/identity.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { findIdentity, loadIdentity } from "./home.ts";
import { DONE, FAILED, MISUSE } from "./output.ts";
import { places } from "./user.ts";

const POSIX = Deno.build.os !== "windows";
const PASSPHRASE = "as long as it takes";

/** Makes an identity on this system; returns its fingerprint. */
function settle(system: FakeSystem): string {
  return fingerprint(loadIdentity(places(system)).publicKey);
}

const present = (system: FakeSystem) => findIdentity(places(system));

/** An export, its identity, and the file with its passphrase. Sealing takes half a second: the tests share it. */
const EXPORTED = await (async () => {
  using system = new FakeSystem();
  const key = settle(system);
  system.stdin.becomeTerminal();
  // Too short; then two that differ; then the right one.
  const typed = ["short", PASSPHRASE, `${PASSPHRASE}!`, PASSPHRASE, PASSPHRASE];
  system.stdin.type(typed.map((line) => `${line}\r`).join(""));
  const path = `${system.folder}/moving`;
  const code = await system.run("identity", "export", path);
  const { mode } = Deno.statSync(path);
  const text = Deno.readTextFileSync(path);
  return { code, key, mode: mode! & 0o777, text, out: system.stdout.text, err: system.stderr.text };
})();

/** A system that has this export, and its passphrase in a file. */
function receiver(content: string | Uint8Array = EXPORTED.text) {
  const system = new FakeSystem();
  const path = system.file("moved", content);
  const passphrase = ["--passphrase-file", system.file("secret", `${PASSPHRASE}\n`)];
  return { system, path, passphrase, [Symbol.dispose]: () => system[Symbol.dispose]() };
}

Deno.test("chat identity export: asks twice for a passphrase that is long enough, and writes a private file", () => {
  const { code, key, mode, text, out, err } = EXPORTED;
  assertEquals([code, out], [DONE, `identity ${key}\n`], err);
  assertEquals(
    err.replace(/in \S*moving;/, "in FILE;"),
    "New passphrase: \n" +
      "chat: error: Cannot use this passphrase: a passphrase must have at least 12 characters: " +
      "a shorter one is too easy to guess\n" +
      "chat: hint: Six or more words that you draw at random make a good one\n" +
      "New passphrase: \nThe same again: \n" +
      "chat: error: Cannot use this passphrase: the second one was different\n" +
      "New passphrase: \nThe same again: \n" +
      "chat: your identity is in FILE; on the other machine: chat identity import FILE\n",
  );
  if (POSIX) assertEquals(mode, 0o600);
  assert(!text.includes(key));
});

Deno.test("chat identity export: never overwrites a file, and asks nothing then", async () => {
  using system = new FakeSystem();
  settle(system);
  system.stdin.becomeTerminal();
  const path = system.file("taken", "mine");
  assertEquals(await system.run("identity", "export", path), FAILED);
  assertStringIncludes(system.stderr.text, "the file exists already");
  assert(!system.stderr.text.includes("passphrase:"));
  assertEquals(Deno.readTextFileSync(path), "mine");
});

Deno.test("chat identity export: without an identity it makes none, and writes nothing", async () => {
  using system = new FakeSystem();
  const path = `${system.folder}/moving`;
  assertEquals(await system.run("identity", "export", path), FAILED);
  assertStringIncludes(system.stderr.text, "Cannot export your identity: you have none yet");
  assertEquals(present(system), undefined);
  assertEquals([...Deno.readDirSync(system.folder)], []);
});

Deno.test("chat identity: without a terminal it needs --passphrase-file, and refuses a bad one", async () => {
  using system = new FakeSystem();
  settle(system);
  const path = `${system.folder}/moving`;
  assertEquals(await system.run("identity", "export", path), FAILED);
  assertStringIncludes(system.stderr.text, "Cannot ask for the passphrase: the input is not a");
  assertStringIncludes(system.stderr.text, "--passphrase-file FILE");
  const secret = system.file("secret", "short\n");
  assertEquals(await system.run("identity", "export", path, "--passphrase-file", secret), FAILED);
  assertStringIncludes(system.stderr.text, "at least 12 characters");
  const none = `${system.folder}/none`;
  assertEquals(await system.run("identity", "export", path, "--passphrase-file", none), FAILED);
  assertStringIncludes(system.stderr.text, "Cannot read the passphrase from");
});

Deno.test("chat identity import: brings the identity to another machine; a second time changes nothing", async () => {
  using moved = receiver();
  const { system, path, passphrase } = moved;
  for (const _ of [1, 2]) {
    assertEquals(await system.run("identity", "import", path, ...passphrase), DONE);
    assertEquals(settle(system), EXPORTED.key);
  }
  assertEquals(system.stdout.text, `identity ${EXPORTED.key}\n`.repeat(2));
  assertEquals([...Deno.readDirSync(places(system).config)].map(({ name }) => name), ["identity"]);
});

Deno.test("chat identity import: replaces another identity only with --replace, and keeps it", async () => {
  using moved = receiver();
  const { system, path, passphrase } = moved;
  const before = settle(system);
  const { config } = places(system);
  assertEquals(await system.run("identity", "import", path, ...passphrase), FAILED);
  assertStringIncludes(
    system.stderr.text,
    `chat: error: Cannot import identity ${EXPORTED.key}: you have ${before} on this machine\n` +
      "chat: hint: To replace yours, and keep it in a backup: --replace\n",
  );
  assertEquals(settle(system), before);
  const text = Deno.readTextFileSync(`${config}/identity`);
  // An older backup stays, too; and a damaged identity is no reason to lose it.
  Deno.writeTextFileSync(`${config}/identity-1`, "older");
  for (const kept of [text, "damaged"]) {
    Deno.writeTextFileSync(`${config}/identity`, kept, { mode: 0o600 });
    assertEquals(await system.run("identity", "import", path, "--replace", ...passphrase), DONE);
    assertEquals(settle(system), EXPORTED.key);
  }
  const backups = ["identity-1", "identity-2", "identity-3"]
    .map((name) => Deno.readTextFileSync(`${config}/${name}`));
  assertEquals(backups, ["older", text, "damaged"]);
  if (POSIX) assertEquals(Deno.statSync(`${config}/identity-2`).mode! & 0o777, 0o600);
});

Deno.test("chat identity import: a wrong passphrase is asked for again, or from a file an error", async () => {
  using moved = receiver();
  const { system, path } = moved;
  const wrong = system.file("wrong", "not the passphrase\n");
  assertEquals(await system.run("identity", "import", path, "--passphrase-file", wrong), FAILED);
  assertStringIncludes(system.stderr.text, `Cannot open ${path}: the passphrase is wrong`);
  assertEquals(present(system), undefined);
  system.stdin.becomeTerminal();
  system.stdin.type(`not it, either\r${PASSPHRASE}\r`);
  assertEquals(await system.run("identity", "import", path), DONE);
  assertEquals(settle(system), EXPORTED.key);
});

Deno.test("chat identity import: a damaged, foreign, later or missing file is an error before any question", async () => {
  const cases: [content: string | Uint8Array, message: string][] = [
    [EXPORTED.text.slice(0, -5), "it is damaged, or no exported identity"],
    ["", "it is damaged, or no exported identity"],
    [new Uint8Array(100_000).fill(0xff), "it is damaged, or no exported identity"],
    ["version 2\n", "it has version 2"],
  ];
  for (const [content, message] of cases) {
    using moved = receiver(content);
    const { system, path } = moved;
    system.stdin.becomeTerminal();
    assertEquals(await system.run("identity", "import", path), FAILED);
    assertStringIncludes(system.stderr.text, `Cannot import ${path}: ${message}`);
    assertEquals(present(system), undefined);
  }
  using system = new FakeSystem();
  assertEquals(await system.run("identity", "import", `${system.folder}/none`), FAILED);
  assertStringIncludes(system.stderr.text, "Cannot read ");
});

Deno.test("chat identity: misuse is an error that shows how to write it", async () => {
  const cases: [args: string[], message: string][] = [
    [[], "Say what to do: export or import"],
    [["show", "f"], 'Unknown action "show"; use export or import'],
    [["export"], "Name a file: chat identity export FILE"],
    [["import", ""], "Name a file: chat identity import FILE"],
    [["import", "a", "b"], 'Cannot use "b": chat identity import takes one file'],
    [["export", "a", "--replace"], "Cannot use --replace with export"],
  ];
  for (const [args, message] of cases) {
    using system = new FakeSystem();
    assertEquals(await system.run("identity", ...args), MISUSE);
    assertStringIncludes(system.stderr.text, message);
  }
});
