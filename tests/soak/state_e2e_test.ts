// chat serve --state: a room's code or key survives crashes and restarts of the program.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { publishRoom } from "../../cli/home.ts";
import { SEGMENT_HEADER } from "../../server/segment.ts";
import { Home, type Result, run } from "../support/program.ts";
import { Terminal } from "../support/pty.ts";
import {
  assertRefused,
  codeFile,
  codeOf,
  open,
  type OpenedRoom,
  placesOf,
  visit,
} from "../support/sealed_program.ts";

const windows = Deno.build.os === "windows";
// Windows has no shell.
const onTerminal = windows ? Deno.test.ignore : Deno.test;

/** Kills a server, as a crash does. */
async function crash({ server }: OpenedRoom): Promise<Result> {
  server.signal("SIGKILL");
  return await server.result();
}

/** The bytes of the record, and its date. */
function look(state: string): unknown {
  return [Deno.readFileSync(`${state}/code`), Deno.statSync(`${state}/code`).mtime];
}

Deno.test("chat serve --state: keeps the code after a crash, and does not print it again", async () => {
  using operator = new Home();
  using home = new Home();
  const state = `${operator.path}/state`;
  const env: Record<string, string> = {};
  let port: number;
  let kept: unknown;
  {
    await using room = await open(operator, ["--state", state]);
    env["CHAT_CODE"] = await codeOf(room);
    port = room.port;
    kept = look(state);
    for (const { name } of Deno.readDirSync(state)) {
      if (!windows) assertEquals(Deno.statSync(`${state}/${name}`).mode! & 0o777, 0o600, name);
      assert(!Deno.readTextFileSync(`${state}/${name}`).includes(env["CHAT_CODE"]), name);
    }
    const { code, stderr } = await visit({ home, env }, "ada", room.address);
    assertEquals(code, 0, stderr);
    await crash(room);
  }
  // At the same port, then at another: on this machine chat join finds the code in both cases.
  for (const where of [port, 0]) {
    await using room = await open(operator, ["--state", state, "--port", String(where)]);
    await room.server.stderr.lineLike(
      /^chat: the code is unchanged \(kept in .*state\)$/,
    );
    const right = await visit({ home, env }, "ada", room.address);
    assertEquals(right.code, 0, right.stderr);
    const other = { CHAT_CODE: "abandon ability able about" };
    assertRefused(await visit({ home, env: other }, "ada", room.address), "the code is wrong");
    const { code, stderr } = await visit({ home: operator }, "bob");
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, room.address);
    const { stdout, stderr: said } = await crash(room);
    assertEquals(stdout, `listening ${room.address}\n`);
    assert(!said.includes(env["CHAT_CODE"]), said);
    assertEquals(look(state), kept);
  }
});

Deno.test("chat serve --state: after the saved code is lost, members with the code can join, and the operator can give it again", async () => {
  using first = new Home();
  using operator = new Home();
  const env = { CHAT_CODE: "correct horse battery staple" };
  const state = `${operator.path}/state`;
  {
    // As with a drawn code, but it is not printed.
    await using room = await open(first, ["--state", state], env);
    assertEquals((await crash(room)).stdout, `listening ${room.address}\n`);
  }
  const kept = look(state);
  const serve = ["serve", "--port", "0", "--state", state];
  const other = { CHAT_CODE: "abandon ability able about" };
  // A saved code of another room does not fit.
  publishRoom(placesOf(operator), { hostname: "127.0.0.1", port: 1, code: other.CHAT_CODE });
  {
    await using room = await open(operator, ["--state", state]);
    assertRefused(
      await visit({ home: operator }, "ada"),
      `Cannot join ${room.address} without its code: the room is sealed`,
    );
    const { code, stderr } = await visit({ home: operator, env }, "ada");
    assertEquals(code, 0, stderr);
    assertEquals((await crash(room)).stdout, `listening ${room.address}\n`);
  }
  // --join needs the code, and cannot ask for it without a terminal.
  assertRefused(
    await run([...serve, "--join"], { home: operator }),
    "Cannot ask for the code: the input is not a terminal",
    "Set CHAT_CODE, or name a file with the code",
  );
  // A given code must be the right one.
  const wrong = `Cannot use this code: ${state} keeps another one`;
  const file = codeFile(operator, other.CHAT_CODE);
  assertRefused(await run(serve, { home: operator, env: other }), wrong, "name another folder");
  assertRefused(await run([...serve, "--code-file", file], { home: operator, env }), wrong);
  const both = await run([...serve, "--join", "--name", "ada"], { home: operator, env });
  assertEquals(both.code, 0, both.stderr);
  assertStringIncludes(both.stderr, "here: ada");
  assertEquals(look(state), kept);
  // It was given once, so it is saved now.
  await using room = await open(operator, ["--state", state, "--join", "--name", "ada"]);
  await room.server.stderr.lineLike(/^here: /);
});

Deno.test("chat serve --state --join: after a crash, the user is in the room once", async () => {
  using home = new Home();
  const serve = ["--state", `${home.path}/state`, "--join", "--name", "ada"];
  {
    await using room = await open(home, serve);
    await room.server.stderr.lineLike(/^here: ada$/);
    await crash(room);
  }
  await using room = await open(home, serve);
  await room.server.stderr.lineLike(/^here: ada$/);
});

Deno.test("chat serve --state: opens no room with a damaged record, and leaves it unchanged", async () => {
  using home = new Home();
  const state = `${home.path}/state`;
  const serve = ["serve", "--port", "0", "--state", state];
  {
    await using room = await open(home, ["--state", state]);
    await crash(room);
  }
  const record = `${state}/code`;
  const good = Deno.readTextFileSync(record);
  for (const damage of ["", good.slice(0, -9), good + good, "\0\0"]) {
    Deno.writeTextFileSync(record, damage);
    const before = look(state);
    assertRefused(
      await run(serve, { home }),
      `Cannot use ${record}: it is damaged`,
      "chat: hint: Restore a copy of it; or move it away, and give everybody the new code",
    );
    assertEquals(look(state), before);
  }
  assertRefused(
    await run(["serve", "--port", "0", "--state", `${home.path}/none/state`], { home }),
    `Cannot make the folder ${home.path}/none/state: ${home.path}/none/ does not exist`,
  );
  if (windows) return;
  Deno.writeTextFileSync(record, good);
  Deno.chmodSync(record, 0o644);
  assertRefused(await run(serve, { home }), "other users", `chmod 600 ${record}`);
  Deno.chmodSync(record, 0o600);
  Deno.chmodSync(state, 0o755);
  assertRefused(await run(serve, { home }), "other users", `chmod 700 ${state}`);
});

Deno.test("chat serve --state: a room that cannot open keeps no new code, and keeps an old one", async () => {
  using home = new Home();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const state = `${home.path}/state`;
  const serve = ["serve", "--port", String(listener.addr.port), "--state", state];
  assertRefused(await run(serve, { home }), "the port is in use");
  assert(!Array.from(Deno.readDirSync(state), ({ name }) => name).includes("code"));
  {
    await using room = await open(home, ["--state", state]);
    await crash(room);
  }
  const kept = look(state);
  assertRefused(await run(serve, { home }), "the port is in use");
  assertEquals(look(state), kept);
});

Deno.test("chat serve --state: one server at a time uses the folder, and a killed one frees it", async () => {
  using home = new Home();
  const state = `${home.path}/state`;
  await using first = await open(home, ["--state", state]);
  for (const path of [state, `${state}/`]) {
    assertRefused(
      await run(["serve", "--port", "0", "--state", path], { home }),
      `Cannot use ${state}: another server is using it`,
      "Stop that server, or name another folder with --state",
    );
  }
  // The refused ones have changed nothing.
  const code = await codeOf(first);
  await crash(first);
  await using second = await open(home, ["--state", state]);
  const env = { CHAT_CODE: code };
  const visited = await visit({ home, env }, "ada", second.address);
  assertEquals(visited.code, 0, visited.stderr);
});

Deno.test("chat serve --state: a copy of the folder needs --new-log, and so does a damaged one; the code stays", async () => {
  using home = new Home();
  const env: Record<string, string> = {};
  const [state, copy] = [`${home.path}/state`, `${home.path}/copy`];
  {
    await using room = await open(home, ["--state", state]);
    env["CHAT_CODE"] = await codeOf(room);
    await visit({ home, env }, "ada", room.address);
    // Then everything is safe on the disk.
    room.server.signal("SIGTERM");
    await room.server.result();
  }
  Deno.mkdirSync(copy, { mode: 0o700 });
  for (const { name } of Deno.readDirSync(state)) {
    Deno.writeFileSync(`${copy}/${name}`, Deno.readFileSync(`${state}/${name}`), { mode: 0o600 });
  }
  // Within the snapshot.
  const damaged = `${state}/log-0`;
  const bytes = Deno.readFileSync(damaged);
  bytes[SEGMENT_HEADER + 100]! ^= 1;
  Deno.writeFileSync(damaged, bytes);
  for (
    const [folder, what] of [
      [copy, `Cannot use ${copy}/log-0: it is a copy of the file that the room used`],
      [state, `Cannot use ${state}/log-0: it is damaged (`],
    ] as const
  ) {
    const before = Deno.readFileSync(`${folder}/log-0`);
    assertRefused(
      await run(["serve", "--port", "0", "--state", folder], { home }),
      what,
      "--new-log",
    );
    assertEquals(Deno.readFileSync(`${folder}/log-0`), before);
    await using room = await open(home, ["--state", folder, "--new-log"]);
    const { code, stderr } = await visit({ home, env }, "ada", room.address);
    assertEquals(code, 0, stderr);
    await crash(room);
    await using again = await open(home, ["--state", folder]);
    await again.server.stderr.lineLike(/^chat: the room continues where it stopped /);
  }
});

Deno.test("chat serve --state --cipher xor: keeps the key after a crash", async () => {
  using home = new Home();
  const args = ["--cipher", "xor", "--state", `${home.path}/state`];
  const keyOf = async ({ server }: OpenedRoom) =>
    /key \d+/.exec(await server.stderr.lineLike(/^chat: the room is open\./))![0];
  await using first = await open(home, args);
  const key = await keyOf(first);
  await crash(first);
  await using second = await open(home, args);
  assertEquals(await keyOf(second), key);
  await second.server.stderr.lineLike(/^chat: the key is unchanged \(kept in .*state\)$/);
});

onTerminal(
  "chat serve --state: the code of an old state file is kept as the error says",
  async () => {
    using home = new Home();
    const env = { CHAT_CODE: "correct horse battery staple" };
    const state = `${home.path}/the room`;
    {
      await using room = await open(home, ["--state", state], env);
      await crash(room);
    }
    // As earlier versions kept it.
    Deno.renameSync(`${state}/code`, `${state}.code`);
    Deno.removeSync(state, { recursive: true });
    Deno.renameSync(`${state}.code`, state);
    const serve = ["serve", "--port", "0", "--state", state];
    const refused = await run(serve, { home });
    assertRefused(refused, `Cannot use ${state}: it is a file, and --state needs a folder now`);
    const [, commands] = /^chat: hint: To keep the code of the room: (.*)$/m.exec(refused.stderr)!;
    assert(new Deno.Command("sh", { args: ["-c", commands!] }).outputSync().success, commands);
    await using room = await open(home, ["--state", state]);
    await room.server.stderr.lineLike(/^chat: the code is unchanged/);
    const { code, stderr } = await visit({ home, env }, "ada", room.address);
    assertEquals(code, 0, stderr);
  },
);

onTerminal(
  "chat serve --state --join: asks for a code that is no longer saved until it is right, without showing it",
  async () => {
    using first = new Home();
    using home = new Home();
    const state = `${home.path}/state`;
    {
      const env = { CHAT_CODE: "correct horse battery staple" };
      await using room = await open(first, ["--state", state], env);
      await crash(room);
    }
    await using terminal = new Terminal({ env: home.env });
    terminal.run("serve", "--port", "0", "--state", state, "--join", "--name", "ada");
    await terminal.shows("Code of the room:");
    terminal.type("correct horse battery stable\r");
    await terminal.shows(/Cannot use this code[^]*Code of the room:/);
    terminal.type("correct horse battery staple\r");
    await terminal.shows("nobody else is here");
    assert(!/staple|stable/i.test(terminal.rows.join("\n")));
    terminal.type("/quit\r");
    await terminal.shows("exit code 0");
    await terminal.assertSane();
  },
);
