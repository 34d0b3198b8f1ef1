import { reservedPort } from "../support/ports.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { XorCipher } from "../../cipher.ts";
import { SHELLS } from "../../cli/command.ts";
import { completions } from "../../cli/completions.ts";
import { configPath, findPlaces } from "../../cli/home.ts";
import config from "../../deno.json" with { type: "json" };
import { encodeFrame, MAX_FRAME, PREFACE, Type } from "../../protocol.ts";
import { concat } from "@std/bytes/concat";
import { encodeGreeting } from "../../protocol/json_frames.ts";
import { admitTo, entry, Guest, Impostor, Raw, TestRoom } from "../support/loopback.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { Home, Program, run } from "../support/program.ts";

const utf8 = new TextEncoder();
const windows = Deno.build.os === "windows";

// On Windows a signal ends a program at once, and there is no shell.
const withSignals = windows ? Deno.test.ignore : Deno.test;
const withShell = windows ? Deno.test.ignore : Deno.test;

const CONVERSATION = [
  "anna: So it starts!",
  "ben: Right?",
  "anna: Yep!",
  "ben: Here we go!",
];
const ALL = CONVERSATION.map((line) => `${line}\n`).join("");

function parseLines(text: string): Record<string, unknown>[] {
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

// ---- the main job ----

for (
  const [args, what, cipher] of [
    [[], "sealed by default", "sealed"],
    [["--cipher", "xor"], "not sealed with --cipher xor", "xor"],
  ] as const
) {
  Deno.test(`chat: two members find the room and hold the example conversation, ${what}`, async () => {
    const { server, address } = await Program.serve(...args);
    await using _ = server;
    // Neither gets an address or a code: this user has opened the room on this machine.
    await using anna = await Program.join(undefined, "anna");
    await using ben = new Program(["join", "--name", "ben", "--json"]);
    const welcome = JSON.parse(await ben.stdout.lineLike(/^\{"type":"welcome"/));
    assertEquals([welcome["address"], welcome["cipher"]], [address, cipher]);
    await ben.stdout.lineLike(/^\{"type":"members"/);
    for (const line of CONVERSATION) {
      const [name, text] = line.split(": ");
      if (name === "anna") await anna.type(`${text}\n`);
      else await ben.type(`${JSON.stringify({ type: "say", text })}\n`);
      assertEquals(await anna.stdout.line(), line);
      const message = JSON.parse(await ben.stdout.lineLike(/^\{"type":"message"/));
      assertEquals(`${message.name}: ${message.text}`, line);
      // Only sealed messages prove when they were sent.
      assertEquals("sent" in message, cipher === "sealed");
    }
    for (const one of [anna, ben]) await one.endInput();
    const [annas, bens] = await Promise.all([anna.result(), ben.result()]);
    assertEquals([annas.code, annas.stdout, bens.code, bens.stderr], [0, ALL, 0, ""]);
  });
}

Deno.test("chat send: exit code 0 means that all members received the message; --stay keeps listening", async () => {
  const { server, address } = await Program.serve();
  await using _ = server;
  await using watcher = await Program.join(address, "watcher", "--stay");
  await watcher.endInput();
  for (const line of CONVERSATION) {
    const [name, text] = line.split(": ");
    const words = text!.split(" ");
    // Arguments and input work alike.
    const sent = name === "anna"
      ? await run(["send", address, "--name", "anna", ...words])
      : await run(["send", address, "--name", "ben"], { input: `${text}\n` });
    assertEquals(sent, { code: 0, stdout: "", stderr: "" });
    assertEquals(await watcher.stdout.line(), line);
  }
});

Deno.test("chat serve: reports the protection of the room, and draws a code only for a sealed one", async () => {
  const sealed = await Program.serve();
  await using _ = sealed.server;
  assertMatch(await sealed.server.stdout.line(), /^code(?: [a-z]{3,8}){4}$/);
  await sealed.server.stderr.lineLike(
    /^chat: the room is open and sealed: only people with the code/,
  );
  const classic = await Program.serve("--cipher", "xor", "--key", "198");
  await using __ = classic.server;
  await classic.server.stderr.lineLike(/^chat: .* NOT SECRET: .* \(xor, key 198\)$/);
  if (windows) return;
  // On Windows a signal ends it at once; it has printed nothing more either.
  classic.server.signal("SIGTERM");
  assertEquals((await classic.server.result()).stdout, `listening ${classic.address}\n`);
});

Deno.test("chat serve --join: opens a room, joins it, and closes it at the end of the input", async () => {
  await using both = new Program(["serve", "--port", "0", "--join", "--name", "anna"]);
  const address = (await both.stdout.lineLike(/^listening /)).replace("listening ", "");
  const code = await both.stdout.lineLike(/^code /);
  await using ben = await Program.join(address, "ben", "--retry", "0");
  for (const line of CONVERSATION) {
    const [name, text] = line.split(": ");
    await (name === "anna" ? both : ben).type(`${text}\n`);
    for (const one of [both, ben]) assertEquals(await one.stdout.line(), line);
  }
  await both.endInput();
  const result = await both.result();
  assertEquals([result.code, result.stdout], [0, `listening ${address}\n${code}\n${ALL}`]);
  const other = await ben.result();
  assertEquals(other.code, 1);
  assertMatch(
    other.stderr,
    /^chat: error: Cannot stay in the room: the server has closed the room for good$/m,
  );
});

Deno.test("chat serve --host 0.0.0.0: lists its addresses, those of this machine first", async () => {
  const { server, address } = await Program.serve("--host", "0.0.0.0");
  await using _ = server;
  assertMatch(address, /^127\.0\.0\.1:\d+$/);
  assertEquals((await run(["send", address, "--", "hello?"])).code, 0);
});

Deno.test("chat join: sends all of its input in order before it leaves", async () => {
  // With a rate limit this would take long.
  const { server, address } = await Program.serve("--cipher", "xor", "--rate", "0");
  await using _ = server;
  await using watcher = await Program.join(address, "watcher");
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i}`);
  // No newline after the last line.
  const input = lines.join("\n");
  const anna = await run(["join", address, "--name", "anna"], { input });
  const said = lines.map((line) => `anna: ${line}\n`).join("");
  assertEquals([anna.code, anna.stdout], [0, said]);
  await watcher.stderr.lineLike(/^anna left$/);
  await watcher.endInput();
  assertEquals((await watcher.result()).stdout, said);
});

/** Permission bits bind every user but root. This runs a program as a root that they bind, too. */
const BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
const isRoot = !windows && Deno.uid() === 0;
const canBind = !isRoot || Deno.build.os === "linux" &&
    new Deno.Command("sh", { args: ["-c", `${BOUND.join(" ")} true`], stderr: "null" })
      .outputSync().success;
if (!canBind) {
  console.log(
    "Skips what depends on permission bits: they do not bind root, and there is no setpriv",
  );
}

Deno.test({
  name:
    "chat: unreadable files and folders are listed and not sent; an unwritable downloads folder is refused",
  ignore: windows || !canBind,
  async fn() {
    await using room = new TestRoom();
    const disk = new MemoryDisk();
    await using ben = await Guest.join(room, "ben", { files: { disk, accept: "all" } });
    const folder = await Deno.makeTempDir();
    const under = isRoot ? BOUND : [];
    const address = `127.0.0.1:${room.port}`;
    try {
      for (const name of ["open", "shut", "dir/in"]) {
        await Deno.mkdir(`${folder}/dir`, { recursive: true });
        await Deno.writeTextFile(`${folder}/${name}`, name);
      }
      await Deno.chmod(`${folder}/shut`, 0);
      await Deno.chmod(`${folder}/dir`, 0);
      const sent = await run(["send", address, "--file", folder], { under });
      assertEquals(sent.code, 1);
      assertStringIncludes(
        sent.stderr,
        `chat: 2 entries of ${folder} are not offered: dir (you may not read it), shut (you may not read it)\n`,
      );
      const name = `${folder.split("/").at(-1)}/open`;
      assertEquals((await ben.next("offer")).files.map(({ name }) => name), [name]);
      assertEquals([...disk.received.keys()], [name]);
      await Deno.chmod(`${folder}/dir`, 0o500);
      for (const path of [`${folder}/dir`, `${folder}/dir/new`]) {
        const joined = await run(["join", address, "--downloads", path], { under });
        assertEquals(joined.code, 1);
        assertStringIncludes(
          joined.stderr,
          `Cannot use the downloads folder ${path}: you may not write in the folder`,
        );
      }
    } finally {
      await Deno.chmod(`${folder}/dir`, 0o700);
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("chat send --file: exit code 0 means that a file or folder is completely received; else it is 1", async () => {
  const { server } = await Program.serve();
  await using _ = server;
  const folder = await Deno.makeTempDir();
  try {
    const bytes = crypto.getRandomValues(new Uint8Array(60_000));
    await Deno.mkdir(`${folder}/many/sub/empty`, { recursive: true });
    for (const name of ["one.bin", "many/a.bin", "many/sub/a.bin"]) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    const downloads = `${folder}/downloads`;
    const files = ["--accept", "all", "--downloads", downloads];
    await using ben = new Program(["join", "--name", "ben", "--json", ...files]);
    await ben.stdout.lineLike(/^\{"type":"members"/);
    const send = (...args: string[]) => run(["send", "--name", "anna", ...args]);
    const one = await send("--file", `${folder}/one.bin`, "--to", "ben");
    assertEquals([one.code, one.stdout], [0, ""]);
    assertStringIncludes(one.stderr, "chat: sent one.bin to ben (58.6 KiB)");
    // The program may ask the system what is free.
    await ben.stdout.lineLike(/^\{"type":"offer".*"free":[1-9]\d*/);
    assertEquals((await send("--file", `${folder}/many`)).code, 0);
    for (const name of ["one.bin", "many/a.bin", "many/sub/a.bin"]) {
      assertEquals(await Deno.readFile(`${downloads}/${name}`), bytes);
    }
    assert((await Deno.stat(`${downloads}/many/sub/empty`)).isDirectory);
    const none = await send("--file", `${folder}/none`);
    assertEquals(none.code, 1);
    assertStringIncludes(none.stderr, "the file does not exist");
    assertEquals((await send("--file", `${folder}/one.bin`, "--to", "nobody")).code, 1);
    await ben.endInput();
    assertEquals((await ben.result()).code, 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("chat send: a message of 250,000 bytes in many scripts arrives unchanged", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  await using watcher = await Program.join(address, "watcher", "--json");
  const mix = "Plain, Ünïcödé, Ελληνικά, العربية, 日本語, हिन्दी, 👩‍👩‍👧, 🏳️‍🌈\n\t\u0000\u001b[2J";
  const size = utf8.encode(mix).length;
  const input = mix.repeat(Math.floor(250_000 / size)) + "x".repeat(250_000 % size);
  assertEquals(utf8.encode(input).length, 250_000);
  assertEquals((await run(["send", address], { input })).code, 0);
  const line = await watcher.stdout.lineLike(/^\{"type":"message"/);
  assert(JSON.parse(line).text === input, "the text has changed");
});

Deno.test("chat join: text of others cannot control the terminal", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  await using watcher = await Program.join(address, "watcher");
  await run(["send", address, "--name", "mallory"], {
    input: "\x1b]0;owned\x07\r\nfake: \u202eyes",
  });
  assertEquals(await watcher.stdout.line(), "mallory: ␛]0;owned␇␍");
  assertEquals(await watcher.stdout.line(), "  fake: \\u{202e}yes");
});

Deno.test("chat join --json: reads and writes one object per line, each with a type", async () => {
  const { server, address } = await Program.serve("--cipher", "xor", "--key", "198");
  await using _ = server;
  await using ben = await Program.join(address, "ben", "--json");
  await using anna = await Program.join(address, "anna", "--json");
  await anna.type('{"type":"say","text":"Right?"}\n');
  await anna.stdout.lineLike(/^\{"type":"message"/);
  await anna.type('{"type":"tell","to":"ben","text":"psst"}\n');
  await anna.stdout.lineLike(/^\{"type":"delivered"/);
  await anna.type('{"type":"leave"}\n');
  const result = await anna.result();
  assertEquals([result.code, result.stderr], [0, ""]);
  const events = parseLines(result.stdout);
  assertEquals(
    events.map(({ type }) => type).join(" "),
    "welcome members sent message sent delivered ended",
  );
  assert(events.every(({ time }) => !Number.isNaN(Date.parse(time as string))));
  assertEquals(events[0]!["address"], address);
  assertEquals(events.at(-1)!["reason"], "left");
  const direct = JSON.parse(await ben.stdout.lineLike(/^\{"type":"direct"/));
  assertEquals([direct.name, direct.text], ["anna", "psst"]);
});

Deno.test("chat join: reports invalid input, sends the rest, and exits with 1", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  const bytes = utf8.encode("good\n?\nalso good\n");
  bytes[5] = 0xff;
  const plain = await run(["join", address, "--name", "anna"], { input: bytes });
  assertEquals([plain.code, plain.stdout], [1, "anna: good\nanna: also good\n"]);
  assertMatch(plain.stderr, /^chat: error: line 2: Cannot read this line: it is not UTF-8$/m);
  const input = '{"type":"shout"}\n{"type":"say","text":"fine"}\n';
  const json = await run(["join", address, "--name", "anna", "--json"], { input });
  assertEquals(json.code, 1);
  const error = parseLines(json.stdout).find(({ type }) => type === "error")!;
  assertEquals(error["line"], 1);
  assertMatch(json.stdout, /"text":"fine"/);
});

// ---- crack ----

Deno.test("chat crack: prints key and text on stdout and reasons on stderr, from a file or stdin", async () => {
  const said = "So it starts!Right?Yep!Here we go!";
  const bytes = new XorCipher(198).seal(utf8.encode(said));
  using home = new Home();
  const path = `${home.path}/traffic.bin`;
  Deno.writeFileSync(path, bytes);
  const expected = `key 198\n${said}\n`;
  for (const args of [[path], [], ["-"]]) {
    // The program does not read stdin here, so a write would fail.
    const input = args[0] === path ? {} : { input: bytes };
    const { code, stdout, stderr } = await run(["crack", ...args], { home, ...input });
    assertEquals([code, stdout], [0, expected], stderr);
    assertMatch(
      stderr,
      /^chat: all 256 keys were tried on 34 bytes\nchat: 198 gives text, [^]*188/,
    );
  }
  const { code, stdout } = await run(["crack", "--top", "2"], { home, input: bytes });
  assertEquals(code, 0);
  assertMatch(stdout, /^198 +\d+ bits +99\.9 % {2}So it starts!.*\n199 .*\n$/);
});

Deno.test("chat crack: decrypts the traffic of an xor room from its bytes alone", async () => {
  const { server, address } = await Program.serve("--cipher", "xor", "--key", "9");
  await using _ = server;
  await using ada = await Program.join(address, "Ada");
  await using raw = await Raw.connect({ port: Number(address.split(":")[1]) });
  const profile = new XorCipher(9).seal(utf8.encode('{"name":"Grace"}'));
  await raw.write(concat([PREFACE, entry(profile)]));
  const got = [await raw.frameOf(Type.GREETING), await raw.frameOf(Type.MEMBER)];
  await ada.type("So it starts!\nRight?\n");
  got.push(await raw.frameOf(Type.MESSAGE), await raw.frameOf(Type.MESSAGE));
  const input = concat(got.map(({ type, id, body }) => encodeFrame(type, id, body)));
  const { code, stdout, stderr } = await run(["crack"], { input });
  assertEquals([code, stdout], [0, "key 9\nAda: So it starts!\nAda: Right?\n"], stderr);
});

Deno.test("chat crack: without a key it exits with 1 and explains the input", async () => {
  const noise = crypto.getRandomValues(new Uint8Array(4000));
  const cases: [string[], Uint8Array<ArrayBuffer> | undefined, RegExp][] = [
    [[], noise, /none of the 256 keys gives text, as with a sealed room\n/],
    [[], new Uint8Array(0), /the input is empty\n/],
    [
      [],
      utf8.encode("hm"),
      /: 2 bytes are too few; .* % certain\nchat: hint: .*--top/,
    ],
    [["."], undefined, /Cannot read the traffic from \.: it is a folder\n/],
    [
      ["/there/is/none"],
      undefined,
      /Cannot read the traffic from \/there\/is\/none: it does not exist\n/,
    ],
    // One byte more than the limit.
    [
      [],
      new Uint8Array(4 * 1024 * 1024 + 1),
      /^chat: only the first 4M are read; the rest is ignored\n/,
    ],
  ];
  for (const [args, input, pattern] of cases) {
    const options = input === undefined ? {} : { input };
    const { code, stdout, stderr } = await run(["crack", ...args], options);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, pattern);
    assertMatch(stderr, /^chat: error: Cannot /m);
  }
});

// ---- help and version ----

Deno.test("chat --version: prints the version of deno.json", async () => {
  const result = { code: 0, stdout: `chat ${config.version}\n`, stderr: "" };
  assertEquals(await run(["--version"]), result);
});

Deno.test("chat --help: prints each help on stdout, ends in an example, and exits with 0", async () => {
  for (
    const args of [["--help"], ["serve", "--help"], ["join", "-h"], ["crack", "-h"], [
      "completions",
      "-h",
    ], [
      "help",
      "send",
    ]]
  ) {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `chat ${args.find((arg) => !/^-|help/.test(arg)) ?? "serve"}`);
    assertMatch(stdout, /\nExample[^\n]*:\n( {2}chat [^\n]+\n| {2}[^\n]* \| chat [^\n]+\n)+$/);
  }
});

Deno.test("chat completions: prints the script of a shell on stdout", async () => {
  for (const shell of SHELLS) {
    assertEquals(await run(["completions", shell]), {
      code: 0,
      stdout: completions(shell),
      stderr: "",
    });
  }
});

// ---- the config file ----

/** A user with this config file in its default place, and with other files beside it. */
function homeWith(text: string, others: Record<string, string> = {}): Home {
  const home = new Home();
  const folder = dirname(configOf(home));
  Deno.mkdirSync(folder, { recursive: true });
  for (const [name, other] of Object.entries({ ...others, "config.toml": text })) {
    Deno.writeTextFileSync(`${folder}/${name}`, other);
  }
  return home;
}

function configOf({ env }: Home): string {
  return configPath(findPlaces(Deno.build.os, (name) => env[name]));
}

function dirname(path: string): string {
  return path.replace(/[\\/][^\\/]*$/, "");
}

Deno.test("chat send, chat join: the name comes from the config file, unless an option or variable sets it", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  await using watcher = await Program.join(address, "watcher");
  using home = homeWith('name = "fay"', { "other.toml": 'name = "gus"' });
  const other = `${dirname(configOf(home))}/other.toml`;
  const cases: [args: string[], env: Record<string, string>, name: RegExp][] = [
    [[], {}, /^fay$/],
    [["--config", other], {}, /^gus$/],
    [["--no-config"], {}, /^(?!fay$)/],
    [[], { CHAT_NAME: "eve" }, /^eve$/],
    [["--name", "bob"], { CHAT_NAME: "eve" }, /^bob$/],
  ];
  for (const [args, env, name] of cases) {
    for (const verb of ["send", "join"]) {
      const options = { home, env, input: "hi\n" };
      const { code, stderr } = await run([verb, address, ...args], options);
      assertEquals(code, 0, stderr);
      const [from, text] = (await watcher.stdout.line()).split(": ");
      assertEquals(text, "hi");
      assertMatch(from!, name);
    }
  }
});

Deno.test("chat join: files go to the folder in the config file, unless the option names another", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  using home = homeWith('downloads = "~/incoming"');
  await Deno.writeTextFile(`${home.path}/note.txt`, "hello");
  for (const folder of ["incoming", "other"]) {
    const args = folder === "other" ? ["--downloads", `${home.path}/other`] : [];
    await using ben = new Program(
      ["join", address, "--name", "ben", "--json", "--accept", "all", ...args],
      { home },
    );
    await ben.stdout.lineLike(/^\{"type":"members"/);
    const file = `${home.path}/note.txt`;
    assertEquals((await run(["send", address, "--file", file, "--to", "ben"])).code, 0);
    assertEquals(await Deno.readTextFile(`${home.path}/${folder}/note.txt`), "hello");
    await ben.endInput();
    await ben.result();
  }
});

Deno.test("chat: an invalid config file ends it with 1, before anything else happens", async () => {
  using home = homeWith('# Mine\nthme = "dark"\n');
  const path = configOf(home);
  const error = new RegExp(
    `use .*config\\.toml, line 2: unknown setting "thme"; use name,`,
  );
  for (const args of [["join", "nowhere.invalid"], ["send", "x"], ["serve", "--join"]]) {
    await assertFails(args, 1, error, /Did you mean theme or time\?/, { home });
  }
  // A server that does not join reads no config file.
  await using server = new Program(["serve", "--port", "0"], { home });
  await server.stdout.lineLike(/^listening /);
  const missing = `${dirname(path)}/none.toml`;
  for (const file of [missing, dirname(path)]) {
    const args = ["join", "nowhere.invalid", "--config", file];
    await assertFails(args, 1, /read the config file .*chat/, /--no-config/, { home });
  }
  // With --no-config the same command gets further.
  const args = ["join", "nowhere.invalid", "--no-config"];
  await assertFails(args, 1, /join nowhere\.invalid/, /spelling/, { home });
});

withShell(
  "chat --config: reads only as much of an endless file as a config file may have",
  async () => {
    const args = ["join", "nowhere.invalid", "--config"];
    await assertFails(
      [...args, "/dev/zero"],
      1,
      /zero: it has more than 32768 bytes/,
      /right file/,
    );
    await assertFails([...args, "/dev/null"], 1, /join nowhere\.invalid/, /spelling/);
  },
);

// ---- errors ----

/** The mistake, the command, its exit code, the error on stderr, and the hint. */
const ERRORS: readonly [string, string[], number, RegExp, RegExp | undefined][] = [
  ["no verb", [], 2, /Say what to do: /, /chat serve --join/],
  ["an unknown verb", ["jion"], 2, /Unknown command "jion"/, /Did you mean: chat join\?/],
  [
    "an unknown option",
    ["join", "--nmae", "x"],
    2,
    /Unknown option "--nmae" for chat join/,
    /Did you mean --name\?/,
  ],
  [
    "an option of another verb",
    ["send", "--json", "x"],
    2,
    /Unknown option "--json" for chat send/,
    /Text that starts with "-" goes after --/,
  ],
  ["an option without value", ["serve", "--port"], 2, /use --port without a value/, /--port PORT/],
  ["an option twice", ["serve", "--port", "1", "--port", "2"], 2, /use --port twice/, undefined],
  ["an invalid port", ["serve", "--port", "65536"], 2, /use the port "65536"/, undefined],
  [
    "an invalid key",
    ["serve", "--cipher=xor", "--key", "256"],
    2,
    /use the key "256"/,
    undefined,
  ],
  ["an unknown cipher", ["serve", "--cipher", "rot13"], 2, /Unknown cipher "rot13"/, undefined],
  [
    "a key for a sealed room",
    ["serve", "--key", "198"],
    2,
    /use --key with the cipher sealed/,
    /--cipher xor/,
  ],
  [
    "a code for an open room",
    ["serve", "--cipher=xor", "--ask-code"],
    2,
    /use --ask-code with the cipher xor/,
    /--cipher sealed/,
  ],
  [
    "a missing code file",
    ["join", "--code-file", "/there/is/none"],
    1,
    /read the code from \/there\/is\/none: it does not exist$/,
    /whose first line is the code$/,
  ],
  ["no shell", ["completions"], 2, /Name a shell: bash, zsh or fish/, /chat comp/],
  [
    "an unknown shell",
    ["completions", "fihs"],
    2,
    /Unknown shell "fihs"/,
    /chat completions fish\?/,
  ],
  ["two shells", ["completions", "bash", "zsh"], 2, /use "zsh"/, undefined],
  ["an unknown theme", ["join", "--theme", "drak"], 2, /Unknown theme "drak"/, /--theme dark\?/],
  [
    "a screen option with --json",
    ["join", "--json", "--quiet"],
    2,
    /use --quiet with --json/,
    undefined,
  ],
  ["two config files", ["join", "--config", "a", "--config", "b"], 2, /--config twice/, undefined],
  ["an invalid address", ["join", "not a host"], 2, /use the address/, /HOST:PORT/],
  ["two addresses", ["join", "a.example", "b.example"], 2, /use "b\.example"/, undefined],
  [
    "an empty name",
    ["join", "--name", ""],
    2,
    /use the name "": a name must not be/,
    /--name NAME/,
  ],
  ["a long name", ["join", "--name", "x".repeat(65)], 2, /a name must have at most/, /--name NAME/],
  [
    "a name with a control sequence",
    ["join", "--name", "\x1b[2J"],
    2,
    /the name "␛\[2J": a name/,
    /--name NAME/,
  ],
  [
    "a name with a space",
    ["send", "--name", "a b", "hi"],
    2,
    /must not contain spaces/,
    /--name NAME/,
  ],
  [
    "no such host",
    ["join", "nowhere.invalid"],
    1,
    /join nowhere\.invalid:2428: no host has that name/,
    /spelling/,
  ],
];

for (const [what, args, code, error, hint] of ERRORS) {
  Deno.test(`chat: ${what} ends with ${code} and one sentence`, async () => {
    await assertFails(args, code, error, hint);
  });
}

/** Asserts that a command prints nothing on stdout, and one error and at most one hint on stderr. */
async function assertFails(
  args: string[],
  code: number,
  error: RegExp,
  hint: RegExp | undefined,
  options: Parameters<typeof run>[1] = {},
): Promise<void> {
  const result = await run(args, options);
  assertEquals([result.code, result.stdout], [code, ""], result.stderr);
  const [first = "", second, ...more] = result.stderr.trimEnd().split("\n");
  assertMatch(first, /^chat: error: (?:Cannot|Unknown|Name|Say) /);
  assertMatch(first, error);
  if (hint) assertMatch(second ?? "", hint);
  assertEquals(second?.startsWith("chat: hint: "), hint ? true : undefined);
  assertEquals(more, []);
}

Deno.test("chat: checks a name from CHAT_NAME too, and the hint names the variable", async () => {
  const env = { CHAT_NAME: "a b" };
  await assertFails(["join"], 2, /use the name "a b"/, /CHAT_NAME/, { env });
});

Deno.test("chat: checks the words of variables too, and the hint names the variable", async () => {
  for (const name of ["CHAT_THEME", "CHAT_TIME", "CHAT_NOTIFY"]) {
    await assertFails(["join"], 2, /Unknown .* "\?"; use /, new RegExp(name), {
      env: { [name]: "?" },
    });
  }
});

Deno.test("chat serve: a port in use ends it with 1, and the hint suggests to join, or another port", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const args = ["serve", "--port", String(port)];
  const hint = new RegExp(`chat join 127.0.0.1:${port}; .*chat serve --port ${port + 1}$`);
  await assertFails(args, 1, /open a room at \S+: the port is in use/, hint);
});

Deno.test("chat join, chat send: without a server they exit with 1, and the hint tells how to open a room", async () => {
  const address = `127.0.0.1:${reservedPort()}`;
  for (const args of [["join", address], ["send", address, "hi"]]) {
    await assertFails(args, 1, /: nothing listens there$/, /chat serve/);
  }
});

Deno.test("chat join: names a server of another kind, with a hint, and exits with 1", async () => {
  const greeting = encodeFrame(Type.GREETING, 0, utf8.encode('{"version":2}'));
  const kinds: [Uint8Array, RegExp, RegExp][] = [
    [utf8.encode("HTTP/1.1 400 Bad Request\r\n\r\n"), /a web server answers/, /Is the port right/],
    [utf8.encode("SSH-2.0-OpenSSH_9.9\r\n"), /an SSH server answers/, /Is the port right/],
    [new Uint8Array(0), /closed the connection at once/, /Is the port right/],
    [greeting, /speaks version 2 of the protocol/, /chat --version/],
  ];
  for (const [bytes, error, hint] of kinds) {
    await using impostor = new Impostor(async (raw) => {
      await raw.write(bytes);
      await raw.end();
      await raw.rest().catch(() => {});
    });
    // A user who never opened a room at this port.
    using home = new Home();
    await assertFails(["join", `127.0.0.1:${impostor.port}`], 1, error, hint, { home });
  }
});

Deno.test("chat send: refuses empty, binary and oversized input before it connects", async () => {
  const address = "nowhere.invalid";
  const refused: [Uint8Array<ArrayBuffer>, RegExp, RegExp | undefined][] = [
    [utf8.encode("\n"), /send an empty message/, undefined],
    [Uint8Array.of(0x41, 0xff), /it is not UTF-8/, undefined],
    [new Uint8Array(MAX_FRAME + 1).fill(0x41), /it has more than 262144 bytes/, /in parts/],
  ];
  for (const [input, error, hint] of refused) {
    await assertFails(["send", address], 1, error, hint, { input });
  }
});

// ---- the end ----

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  withSignals(`chat serve: ${signal} says goodbye to the members and ends with 0`, async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    await using anna = await Program.join(address, "anna", "--retry", "0");
    const [, port] = address.split(":");
    await using raw = await Raw.connect({ port: Number(port) });
    await raw.hello();
    server.signal(signal);
    assertEquals((await raw.frames()).at(-1)!.type, Type.BYE);
    await raw.end();
    const [ended, member] = await Promise.all([server.result(), anna.result()]);
    assertEquals([ended.code, ended.stdout], [0, `listening ${address}\n`]);
    assertEquals(member.code, 1);
    assertMatch(
      member.stderr,
      /^chat: error: Cannot stay in the room: the server has closed the room$/m,
    );
  });

  withSignals(
    `chat join --stay: ${signal} ends it with 0, and others see it leave`,
    async () => {
      const { server, address } = await Program.serve();
      await using _ = server;
      await using ben = await Program.join(address, "ben");
      await using anna = await Program.join(address, "anna", "--stay");
      await anna.endInput();
      await ben.type("Right?\n");
      assertEquals(await anna.stdout.line(), "ben: Right?");
      anna.signal(signal);
      assertEquals((await anna.result()).code, 0);
      await ben.stderr.lineLike(/^anna left$/);
    },
  );
}

withSignals("chat join: a signal ends it while it waits for the server", async () => {
  const called = Promise.withResolvers<void>();
  await using impostor = new Impostor(async (raw) => {
    await raw.preface();
    called.resolve();
    // Says nothing.
    await raw.rest();
  });
  using home = new Home();
  await using anna = new Program(["join", `127.0.0.1:${impostor.port}`], { home });
  await called.promise;
  anna.signal("SIGINT");
  // As any program that does not catch the signal: 128 and its number. And no message about a slow server.
  assertEquals(await anna.result(), { code: 130, stdout: "", stderr: "" });
});

withSignals(
  "chat serve: a signal right after it starts to listen is a normal end",
  async () => {
    const { server, address } = await Program.serve();
    await using _ = server;
    server.signal("SIGTERM");
    const { code, stdout, stderr } = await server.result();
    assertMatch(stdout, new RegExp(`^listening ${address}\ncode [a-z ]+\n$`));
    assertEquals(code, 0, stderr);
  },
);

withSignals(
  "chat join: a killed server ends it with 1, and it counts the unconfirmed messages",
  async () => {
    const { server, address } = await Program.serve("--cipher", "xor");
    await using _ = server;
    await using anna = await Program.join(address, "anna", "--json", "--retry", "0");
    // A stopped server confirms nothing.
    server.signal("SIGSTOP");
    await anna.type('{"type":"say","text":"Right?"}\n'.repeat(3));
    for (let i = 0; i < 3; i++) await anna.stdout.lineLike(/^\{"type":"sent"/);
    server.signal("SIGKILL");
    const { code, stderr } = await anna.result();
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^chat: error: Cannot stay in the room: .*; 3 of your messages were not confirmed$/m,
    );
  },
);

Deno.test("chat send: exits with 1 if the server ends before it confirms the message", async () => {
  await using impostor = new Impostor(async (raw) => {
    const greeting = { version: 1, cipher: "xor", key: "198", maxFrame: MAX_FRAME } as const;
    await admitTo(raw, encodeGreeting(greeting), 1, { room: 0, own: 0, members: 0 });
    await raw.frameOf(Type.MESSAGE);
    await raw.end();
    await raw.frames();
  });
  using home = new Home();
  const send = ["send", "--retry", "0", `127.0.0.1:${impostor.port}`, "Right?"];
  const { code, stderr } = await run(send, { home });
  assertEquals(code, 1);
  assertMatch(stderr, /: the connection was lost; 1 of your messages was not confirmed\n$/);
});

withShell("chat join, chat send: report unreadable input, and exit with 1", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  for (const verb of ["join", "send"]) {
    const { code, stderr } = await run([verb, address], { from: "." });
    assertEquals(code, 1);
    assertMatch(stderr, /^chat: error: Cannot read the input: it is a folder$/m);
  }
});

Deno.test({
  name: "chat: output that a full disk does not take is an error, and the exit code is 1",
  // Other systems have no device that is always full.
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const state = `${folder}/state`;
      const commands = [
        ["--version"],
        ["completions", "bash"],
        ["serve", "--port", "0", "--state", state],
      ];
      const under = ["sh", "-c", 'exec "$@" >/dev/full', "sh"];
      for (const args of commands) {
        const { code, stderr } = await run(args, { under });
        assertEquals(code, 1, stderr);
        assertMatch(
          stderr,
          /^chat: error: Cannot write the output: no space is left on the disk$/m,
        );
      }
      // The code of that room was never shown, so no later room may have it.
      assert(!Array.from(Deno.readDirSync(state), ({ name }) => name).includes("code"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

withShell("chat join | head: leaves with 1 when the reader of its output has gone", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  await using ben = await Program.join(address, "ben");
  const into = "{ head -n 1; exec <&-; echo the pipe is closed >&2; }";
  await using anna = new Program(["join", address, "--name", "anna"], { into });
  await ben.stderr.lineLike(/^anna joined$/);
  await ben.type("one\n");
  assertEquals(await anna.stdout.line(), "ben: one");
  await anna.stderr.lineLike(/^the pipe is closed$/);
  await ben.type("two\n");
  await ben.stderr.lineLike(/^anna left$/);
  await anna.stderr.lineLike(/^exit code 1$/);
});

Deno.test("chat serve: survives connections that send noise", async () => {
  const { server, address } = await Program.serve("--cipher", "xor");
  await using _ = server;
  const [, port] = address.split(":");
  const noises = [new Uint8Array(1000).fill(0xaa), PREFACE, utf8.encode("GET / HTTP/1.1\r\n\r\n")];
  for (const noise of noises) {
    await using raw = await Raw.connect({ port: Number(port) });
    await raw.write(noise);
    await raw.end();
    await raw.rest();
  }
  await server.stderr.lineLike(/^chat: refused 127\.0\.0\.1:\d+: it speaks HTTP$/);
  assertEquals((await run(["send", address, "still here?"])).code, 0);
});
