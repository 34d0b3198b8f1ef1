// Sealed rooms as people and scripts use them: the program, with separate folders for each user.

import { relative } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { WORDS } from "../../cipher/codes.ts";
import { programFlags } from "../../tools/compile.ts";
import config from "../../deno.json" with { type: "json" };
import { Home, Output, Program, run } from "../support/program.ts";
import { loadIdentity, publishRoom } from "../../cli/home.ts";
import { within } from "../support/async.ts";
import { Impostor, TestRoom } from "../support/loopback.ts";
import { Terminal } from "../support/pty.ts";

import {
  assertRefused,
  codeFile,
  codeOf,
  knownNamesOf,
  open,
  placesOf,
  visit,
} from "../support/sealed_program.ts";

const windows = Deno.build.os === "windows";
// Windows has no shell, and no signals that a program can handle.
const onTerminal = windows ? Deno.test.ignore : Deno.test;
const withSignals = windows ? Deno.test.ignore : Deno.test;

Deno.test("chat serve: prints address and code; on the same machine chat join needs neither", async () => {
  using home = new Home();
  await using room = await open(home);
  const code = await codeOf(room);
  assertMatch(code, /^[a-z]+ [a-z]+ [a-z]+ [a-z]+$/);
  assert(code.split(" ").every((word) => WORDS.includes(word)));
  const { code: exit, stderr } = await visit({ home }, "ada");
  assertEquals(exit, 0, stderr);
  assertStringIncludes(stderr, "here: ");
  // A given code beats the saved one.
  const env = { CHAT_CODE: "abandon ability able about" };
  assertRefused(await visit({ home, env }, "ada"), "the code is wrong", "4 tries left this minute");
});

Deno.test("chat join: skips saved rooms that are closed or replaced by something else", async () => {
  using home = new Home();
  await using room = await open(home);
  const places = placesOf(home);
  const hostname = "127.0.0.1";
  // The ports of this user's old rooms now belong to other rooms and programs.
  await using unsealed = new TestRoom();
  await using web = new Impostor((raw) =>
    raw.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n"))
  );
  using other = new Home();
  await using foreign = await open(other);
  const ports = [1, unsealed.port, web.port, foreign.port];
  for (const port of ports) publishRoom(places, { hostname, port, code: "able able able able" });
  Deno.writeTextFileSync(`${places.runtime}/room-7`, "{");
  Deno.mkdirSync(`${places.runtime}/room-8`);
  // All of these files are newer.
  const soon = new Date(Date.now() + 60_000);
  for (const port of [...ports, 7]) Deno.utimeSync(`${places.runtime}/room-${port}`, soon, soon);
  const { code, stderr } = await visit({ home }, "ada");
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, room.address);
});

Deno.test("chat join: another user needs the code, in any notation; a wrong one is reported", async () => {
  using operator = new Home();
  using home = new Home();
  await using room = await open(operator);
  const words = (await codeOf(room)).split(" ");
  const { address } = room;
  // This user has no saved code.
  assertRefused(
    await visit({ home }, "ada", address),
    `Cannot join ${address} without its code: the room is sealed`,
    "chat: hint: Give it in the environment as CHAT_CODE, or in a file with --code-file FILE",
  );
  const typed = `  ${words[0]!.toUpperCase()}-${words[1]}   ${words[2]} -\t${
    words[3]!.toUpperCase()
  } `;
  const fromEnvironment = await visit({ home, env: { CHAT_CODE: typed } }, "ada", address);
  assertEquals(fromEnvironment.code, 0, fromEnvironment.stderr);
  const file = codeFile(home, `${words.join("-")}\r\nwhat follows is for people\r\n`);
  const fromFile = await visit({ home }, "ada", address, "--code-file", file, "--cipher", "sealed");
  assertEquals(fromFile.code, 0, fromFile.stderr);
  // The file on the command line beats the environment.
  const wrong = codeFile(home, words.toReversed().join(" "));
  const env = { CHAT_CODE: words.join(" ") };
  assertRefused(
    await visit({ home, env }, "ada", address, "--code-file", wrong),
    `Cannot join ${address}: the code is wrong`,
    "4 tries left this minute. Ask the person who opened the room",
  );
  assertRefused(
    await visit({ home, env: { CHAT_CODE: "able able able" } }, "ada", address),
    "3 tries left this minute. A code has 4 words",
  );
  const none = await visit({ home }, "ada", address, "--code-file", `${home.path}/none`);
  assertRefused(none, "Cannot read the code from");
});

Deno.test("chat join: with --cipher sealed or a code, refuses a room that is not sealed", async () => {
  using home = new Home();
  await using room = new TestRoom();
  const address = `127.0.0.1:${room.port}`;
  const refused = `Cannot join ${address}: the room there is not sealed, as it should be`;
  assertRefused(await visit({ home }, "ada", address, "--cipher", "sealed"), refused);
  const env = { CHAT_CODE: "abandon ability able about" };
  assertRefused(await visit({ home, env }, "ada", address), refused);
  assertEquals(room.hub.size, 0);
});

Deno.test("chat serve: does not print a code from a file or the environment", async () => {
  using operator = new Home();
  using home = new Home();
  const code = "correct horse battery staple";
  const file = codeFile(operator, "Correct-Horse battery  STAPLE\n");
  const env = { CHAT_CODE: code };
  {
    // Served and joined in one.
    await using room = await open(operator, ["--join", "--name", "ada", "--code-file", file]);
    await room.server.stderr.lineLike(/^here: /);
    await using ben = new Program(["join", room.address, "--name", "ben"], { home, env });
    await ben.stderr.lineLike(/^here: /);
    await ben.type("Right?\n");
    assertEquals(await room.server.stdout.line(), "ben: Right?");
    await ben.endInput();
    assertEquals((await ben.result()).code, 0);
    await room.server.endInput();
    const { stdout, stderr } = await room.server.result();
    assertEquals(stdout, `listening ${room.address}\nben: Right?\n`);
    assert(!stderr.toLowerCase().includes("staple"), stderr);
  }
  await using room = await open(operator, [], env);
  const { code: exit, stderr } = await visit({ home, env }, "ada", room.address);
  assertEquals(exit, 0, stderr);
  for (
    const [bad, why] of [["able", "must have at least 8 characters"], ["", "is empty"]] as const
  ) {
    const given = codeFile(operator, `${bad}\n`);
    assertRefused(
      await run(["serve", "--port", "0", "--code-file", given], { home: operator }),
      why,
    );
  }
});

Deno.test("chat join: creates an identity on first use, readable only by its owner, and keeps it", async () => {
  using home = new Home();
  using operator = new Home();
  await using room = await open(operator);
  const env = { CHAT_CODE: await codeOf(room) };
  const places = placesOf(home);
  const path = `${places.config}/identity`;
  assertEquals((await visit({ home, env }, "ada", room.address)).code, 0);
  if (!windows) assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  const identity = Deno.readTextFileSync(path);
  const { code } = await visit({ home, env }, "ada", room.address);
  assertEquals([code, Deno.readTextFileSync(path)], [0, identity]);
  assert(loadIdentity(places));
  // A damaged file is not replaced: its owner would lose the identity.
  for (const damage of ["", identity.slice(0, -9), identity + identity, "\0\0"]) {
    Deno.writeTextFileSync(path, damage);
    const result = await visit({ home, env }, "ada", room.address);
    assertRefused(result, `Cannot use ${path}: it is damaged`, "Restore a copy of it");
    assertEquals(Deno.readTextFileSync(path), damage);
  }
  Deno.writeTextFileSync(path, identity);
  if (windows) return;
  Deno.chmodSync(path, 0o644);
  assertRefused(
    await visit({ home, env }, "ada", room.address),
    "other users",
    `chmod 600 ${path}`,
  );
});

Deno.test("chat join: reports a known name with another key, also after a restart", async () => {
  using operator = new Home();
  using ada = new Home();
  using mallory = new Home();
  await using room = await open(operator);
  const env = { CHAT_CODE: await codeOf(room) };
  {
    await using ben = new Program(["join", "--name", "ben"], { home: operator });
    await ben.stderr.lineLike(/^here: /);
    assertEquals((await visit({ home: ada, env }, "ada", room.address)).code, 0);
    await ben.stderr.lineLike(/ada left/);
    await ben.endInput();
    assertEquals((await ben.result()).code, 0);
  }
  assertStringIncludes(knownNamesOf(operator).toString(), "\nada ");
  await using ben = new Program(["join", "--name", "ben"], { home: operator });
  await ben.stderr.lineLike(/^here: /);
  await using false_ = new Program(["join", room.address, "--name", "ada"], { home: mallory, env });
  await false_.stderr.lineLike(/^here: /);
  await ben.stderr.lineLike(/ada\(!\) has a different key than before/);
  await false_.type("it is me\n");
  assertEquals(await ben.stdout.line(), "ada(!): it is me");
});

/** Does at a signal what takes permissions, with those that the program has by then. */
const PROBE = `
const path = new URL("probed", import.meta.url);
const doings = {
  read: () => Deno.readTextFileSync(path),
  stat: () => Deno.statSync(path),
  list: () => [...Deno.readDirSync(new URL(".", path))],
  write: () => Deno.writeTextFileSync(path, "changed"),
  create: () => Deno.writeTextFileSync(new URL("created", path), ""),
  remove: () => Deno.removeSync(path),
  run: () => new Deno.Command("kill", { args: ["-l"], clearEnv: true }).outputSync(),
  listen: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  dial: async () => (await Deno.connect({ hostname: "127.0.0.1", port: PORT })).close(),
  resolve: () => Deno.resolveDns("localhost", "A").catch((error) => {
    if (error.name === "NotCapable") throw error;
  }),
  env: () => Deno.env.get("HOME"),
  sys: () => Deno.networkInterfaces(),
  uid: () => Deno.uid(),
};
Deno.addSignalListener("SIGUSR2", async () => {
  const results = {};
  for (const [name, doing] of Object.entries(doings)) {
    try {
      await doing();
      results[name] = "done";
    } catch (error) {
      results[name] = error.name;
    }
  }
  console.error("probed " + JSON.stringify(results));
});
`;

/** Runs the program from source with the probe in it, and has it probe once the room is open. */
async function probe(home: Home, ...args: string[]): Promise<Record<string, string>> {
  const script = `${home.path}/probe.js`;
  // Somebody listens there, so that dialling needs nothing but the permission.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  Deno.writeTextFileSync(script, PROBE.replace("PORT", String(listener.addr.port)));
  Deno.writeTextFileSync(`${home.path}/probed`, "before");
  const flags = programFlags(config.tasks.chat.command);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", `--preload=${script}`, ...flags, "main.ts", "serve", ...args],
    cwd: `${import.meta.dirname!}/../..`,
    clearEnv: true,
    env: home.env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [stdout, stderr] = [new Output(child.stdout), new Output(child.stderr)];
  try {
    // The last line before it waits for members; with --join, the list of members.
    await stderr.lineLike(args.includes("--join") ? /^here: / : /^chat: join it with/);
    // It may be about to drop its permissions: it serves a visitor after that.
    if (!args.includes("--join")) assertEquals((await visit({ home }, "ada")).code, 0);
    child.kill("SIGUSR2");
    return JSON.parse((await stderr.lineLike(/^probed /)).replace("probed ", ""));
  } finally {
    child.kill("SIGKILL");
    await child.stdin.close().catch(() => {});
    await within("the end of the program", child.status);
    await Promise.all([stdout.all(), stderr.all()]);
  }
}

withSignals(
  "chat serve: once it listens, it can do nothing any more but serve its connections",
  async () => {
    using home = new Home();
    const cant = "NotCapable";
    assertEquals(await probe(home, "--port", "0"), {
      read: cant,
      stat: cant,
      list: cant,
      write: cant,
      create: cant,
      remove: cant,
      run: cant,
      listen: cant,
      dial: cant,
      resolve: cant,
      env: cant,
      sys: cant,
      uid: cant,
    });
    assertEquals(Deno.readTextFileSync(`${home.path}/probed`), "before");
    // The probe works: a user who joins saves names, and keeps the permissions for that.
    const joined = await probe(home, "--port", "0", "--join", "--name", "ada");
    assertEquals(new Set(Object.values(joined)), new Set(["done"]));
  },
);

withSignals(
  "chat serve: admits, serves metrics, and stops in order without its permissions",
  async () => {
    using home = new Home();
    const path = `${home.path}/status`;
    // Deno reports a relative path as an absolute one, except with all permissions.
    const { server, address } = await Program.serve("--status", relative(Deno.cwd(), path));
    await using _ = server;
    await server.stderr.lineLike(/^chat: join it with/);
    await using ada = await Program.join(address, "ada");
    using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    const metrics = await fetch("http://localhost/metrics", { client });
    assertMatch(await metrics.text(), /^chat_members 1$/m);
    server.signal("SIGTERM");
    const { code, stderr } = await server.result();
    assertEquals([code, stderr.includes("error")], [0, false], stderr);
    // The code was drawn: nobody waits for this room.
    const guest = await ada.result();
    assertEquals(guest.code, 1);
    assertMatch(
      guest.stderr,
      /^chat: error: Cannot stay in the room: the server has closed the room for good$/m,
    );
    assert(Array.from(Deno.readDirSync(home.path), ({ name }) => name).length === 0);
  },
);

onTerminal(
  "chat join, chat serve --ask-code: ask for the code until it is right, without showing it",
  async () => {
    using operator = new Home();
    using home = new Home();
    const code = "correct horse battery staple";
    await using room = new Terminal({ env: operator.env });
    room.run("serve", "--port", "0", "--ask-code");
    await room.shows("Code of the room:");
    room.type("Correct Horse Battery Staple\r");
    await room.shows("the room is open and sealed");
    const [, address] = /^listening (\S+)$/m.exec(room.rows.join("\n"))!;
    await using ada = new Terminal({ env: home.env });
    ada.run("join", address!, "--name", "ada");
    await ada.shows(`Code of the room at ${address}:`);
    ada.type("correct horse battery stable\r");
    await ada.shows("the code is wrong");
    await ada.shows("4 tries left this minute");
    await ada.shows(/code is wrong[^]*Code of the room at/);
    // Editing works without an echo.
    ada.type(`nonsense\x15${code}äö\x7f\x7f\r`);
    await ada.shows("nobody else is here");
    for (const { rows } of [room, ada]) {
      assert(!/staple|stable/i.test(rows.join("\n")), rows.join("\n"));
    }
    ada.type("/quit\r");
    await ada.shows("exit code 0");
    await ada.assertSane();
    // Ctrl-C and Ctrl-D at the prompt end the program, and restore the terminal.
    for (const key of ["\x03", "\x04"]) {
      ada.run("join", address!, "--name", "ada");
      await ada.shows(`Code of the room at ${address}:`);
      ada.type(`half a c${key}`);
      await ada.shows("Cannot continue without the code");
      await ada.shows("exit code 1");
      await ada.assertSane();
    }
  },
);

/** Runs a program with a home folder that nobody can write, not even root. */
const READ_ONLY_HOME = [
  ...["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"],
  'mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME" && exec "$@"',
  "sh",
];

/** Whether this system lets this user make a read-only mount; containers often do not. */
function canMount(): boolean {
  if (Deno.build.os !== "linux") return false;
  const folder = Deno.makeTempDirSync();
  try {
    const [command, ...args] = READ_ONLY_HOME;
    const env = { HOME: folder };
    return new Deno.Command(command!, { args: [...args, "true"], env }).outputSync().success;
  } catch {
    return false; // There is no such command.
  } finally {
    Deno.removeSync(folder);
  }
}

Deno.test({
  name:
    "chat join: with a read-only home it uses what it can read, and a temporary identity if there is none",
  ignore: !canMount(),
  fn: async () => {
    using operator = new Home();
    await using room = await open(operator);
    const env = { CHAT_CODE: await codeOf(room) };
    await using ben = new Program(["join", "--name", "ben"], { home: operator });
    await ben.stderr.lineLike(/^here: /);
    using ada = new Home();
    const { publicKey } = loadIdentity(placesOf(ada));
    const visitAs = async (home: Home): Promise<string> => {
      const { code, stderr } = await visit(
        { home, env, under: READ_ONLY_HOME },
        "ada",
        room.address,
      );
      assertEquals(code, 0, stderr);
      await ben.stderr.lineLike(/left$/);
      return stderr;
    };
    const notes = (await visitAs(ada)).split("\n").filter((line) => line.startsWith("chat: "));
    assertEquals(notes.length, 1);
    assertMatch(
      notes[0]!,
      /^chat: the keys of the members you meet are not kept\. Cannot .*: the disk is read-only$/,
    );
    using nobody = new Home();
    assertMatch(
      await visitAs(nobody),
      /^chat: this session uses a temporary identity\. Cannot .*: the disk is read-only$/m,
    );
    // Ben has met Ada's identity, not the temporary one.
    await ben.endInput();
    assertEquals((await ben.result()).code, 0);
    assert(knownNamesOf(operator).knew("ada", publicKey));
  },
});

withSignals(
  "chat: variables that are not UTF-8 count as unset; those of chat are misuse",
  async () => {
    using home = new Home();
    // The home folder stays: the program from source needs it.
    const under = (...names: string[]) => [
      "sh",
      "-c",
      `export ${names.map((name) => `${name}="$(printf '\\377')"`).join(" ")}; exec "$@"`,
      "sh",
    ];
    await using room = await open(home);
    const visited = await visit(
      { home, under: under("USER", "LOGNAME", "USERNAME", "TERM", "XDG_CONFIG_HOME") },
      "ada",
    );
    assertEquals(visited.code, 0, visited.stderr);
    const { code, stderr } = await run(["send", room.address, "hi"], {
      home,
      under: under("CHAT_CODE"),
    });
    assertEquals([code, stderr], [2, "chat: error: Cannot use CHAT_CODE: it is not UTF-8\n"]);
  },
);
