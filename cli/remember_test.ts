import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ChatError } from "../errors.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { MAX_CONFIG, parseSettings } from "./config.ts";
import { type KnownRoom, rememberRoom } from "./remember.ts";

const POSIX = Deno.build.os !== "windows";
const CODE = "correct horse battery staple";
const ROOM: KnownRoom = { address: "chat.example.org:2428", code: CODE, name: undefined };
const OPEN: KnownRoom = { address: "[2001:db8::7]:2429", code: undefined, name: undefined };

const configOf = ({ folder }: FakeSystem) => `${folder}/config/chat/config.toml`;
const codeOf = ({ folder }: FakeSystem, name: string) => `${folder}/config/chat/code-${name}`;
const read = (path: string) => Deno.readTextFileSync(path);

function files({ folder }: FakeSystem): string[] {
  return Array.from(Deno.readDirSync(`${folder}/config/chat`), ({ name }) => name).sort();
}

async function assertRefused(
  remembering: Promise<unknown>,
  message: RegExp,
  hint: RegExp | undefined,
): Promise<void> {
  const error = await assertRejects(() => remembering, ChatError);
  assertMatch(error.message, message);
  if (hint) assertMatch(error.hint ?? "", hint);
}

Deno.test("rememberRoom: makes a private config file with the room, and a private file with its code", async () => {
  using system = new FakeSystem();
  assertEquals(await rememberRoom(system, undefined, ROOM, "work"), [
    "remembered: chat join work",
    "only you can read the code, in ~/config/chat/code-work",
  ]);
  assertEquals(
    read(configOf(system)),
    '[rooms.work]\naddress = "chat.example.org:2428"\ncode-file = "~/config/chat/code-work"\n',
  );
  assertEquals(read(codeOf(system, "work")), `${CODE}\n`);
  assertEquals(files(system), ["code-work", "config.toml"]);
  if (POSIX) {
    for (const path of [configOf(system), codeOf(system, "work")]) {
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    }
  }
  assertEquals(await rememberRoom(system, undefined, OPEN, "bu\u0308ro"), [
    "remembered: chat join büro",
  ]);
  const { rooms } = parseSettings(Deno.readFileSync(configOf(system)), "");
  assertEquals([...rooms!], [
    ["work", { address: "chat.example.org:2428", "code-file": "~/config/chat/code-work" }],
    ["büro", { address: "[2001:db8::7]:2429" }],
  ]);
});

Deno.test("rememberRoom: keeps all addresses, and apart those that only the server has named", async () => {
  using system = new FakeSystem();
  const address = "192.168.0.7:2428,[fd00::1]:2429";
  const servers = ["chat.example.org:2428", "[2001:db8::7]:2428"];
  await rememberRoom(system, undefined, { ...OPEN, address, servers }, "work");
  const { rooms } = parseSettings(Deno.readFileSync(configOf(system)), "");
  assertEquals([...rooms!], [["work", { address, servers }]]);
  const again = { ...OPEN, address: "[fd00::1]:2429" };
  assertEquals(await rememberRoom(system, undefined, again, "work"), [
    "already remembered: chat join work",
  ]);
  await assertRefused(
    rememberRoom(system, undefined, { ...OPEN, address: servers[0]! }, "work"),
    /that is 192\.168\.0\.7:2428,\[fd00::1\]:2429$/,
    /\[rooms\.work\]/,
  );
});

Deno.test("rememberRoom: keeps the name that the user gave for the room", async () => {
  using system = new FakeSystem();
  await rememberRoom(system, undefined, { ...OPEN, name: 'ada"a\\"' }, "work");
  assertEquals(
    [...parseSettings(Deno.readFileSync(configOf(system)), "").rooms!],
    [["work", { address: "[2001:db8::7]:2429", name: 'ada"a\\"' }]],
  );
});

Deno.test("rememberRoom: keeps every byte of the file, also a mark, the ends of lines, and a missing last one", async () => {
  const table = ["[rooms.work]", 'address = "[2001:db8::7]:2429"', ""];
  const cases: [before: string, between: string, end: string][] = [
    ['# Mine.\n\nname = "bob" # yes\n\n[rooms.home]\naddress="h"\n# The end.\n', "\n", "\n"],
    ['name = "bob"', "\n\n", "\n"],
    ['\ufeffname = "bob"\r\n# Mine.\r\n', "\r\n", "\r\n"],
    ["\ufeff", "", "\n"],
    ["", "", "\n"],
  ];
  for (const [before, between, end] of cases) {
    using system = new FakeSystem();
    const path = system.file("config/chat/config.toml", before);
    await rememberRoom(system, undefined, OPEN, "work");
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Deno.readFileSync(path));
    assertEquals(text, before + between + table.join(end));
  }
});

Deno.test("rememberRoom: never changes another room, and does not repeat this one", async () => {
  using system = new FakeSystem();
  await rememberRoom(system, undefined, ROOM, "work");
  const before = read(configOf(system));
  await assertRefused(
    rememberRoom(system, undefined, OPEN, "work"),
    /^Cannot remember this room as "work": that is chat\.example\.org:2428$/,
    /^Choose another name, or change \[rooms\.work\] in .*config\.toml$/,
  );
  assertEquals(await rememberRoom(system, undefined, ROOM, "work"), [
    "already remembered: chat join work",
  ]);
  assertEquals(await rememberRoom(system, undefined, { ...ROOM, code: undefined }, "work"), [
    "already remembered: chat join work",
  ]);
  // The room has a new code.
  const code = "abandon ability able about";
  assertMatch(
    (await rememberRoom(system, undefined, { ...ROOM, code }, "work")).join(),
    /the code in ~\/config\/chat\/code-work was an old one/,
  );
  assertEquals(read(codeOf(system, "work")), `${code}\n`);
  // The name of its record, which an earlier version did not keep.
  const record = "0NHS09TV1tfY2drb3N3e3w";
  assertEquals(await rememberRoom(system, undefined, { ...ROOM, code, record }, "work"), [
    "already remembered: chat join work",
  ]);
  assertEquals(read(codeOf(system, "work")), `${code}\nrecord ${record}\n`);
  assertEquals(read(configOf(system)), before);
});

Deno.test("rememberRoom: changes no code-file that the user has named, and no file that is there", async () => {
  using system = new FakeSystem();
  const secret = system.file("secret", "other words\n");
  system.file(
    "config/chat/config.toml",
    `[rooms.work]\naddress = "${ROOM.address}"\ncode-file = "~/secret"\n[rooms.bare]\naddress = "${ROOM.address}"\n`,
  );
  await assertRefused(
    rememberRoom(system, undefined, ROOM, "work"),
    /^Cannot remember the code of work: ~\/secret has another one$/,
    /yourself$/,
  );
  assertEquals(read(secret), "other words\n");
  assertEquals(await rememberRoom(system, undefined, ROOM, "bare"), [
    "already remembered, without the code: chat join bare",
  ]);
  // A leftover of a room that was forgotten, and one of another.
  system.file("config/chat/code-home", "something else\n");
  await rememberRoom(system, undefined, ROOM, "home");
  assertEquals(read(codeOf(system, "home")), "something else\n");
  assertEquals(read(codeOf(system, "home-2")), `${CODE}\n`);
  system.file("config/chat/code-lab", `${CODE}\n`);
  await rememberRoom(system, undefined, ROOM, "lab");
  const { rooms } = parseSettings(Deno.readFileSync(configOf(system)), "");
  assertEquals(rooms!.get("home")!["code-file"], "~/config/chat/code-home-2");
  assertEquals(rooms!.get("lab")!["code-file"], "~/config/chat/code-lab");
});

Deno.test("rememberRoom: changes nothing if the name is invalid, the file is damaged or full", async () => {
  using system = new FakeSystem();
  for (const name of ["a.b", "h:1", "-a", "two words", "a".repeat(33), ""]) {
    await assertRefused(
      rememberRoom(system, undefined, ROOM, name),
      /a room's name has letters, digits/,
      undefined,
    );
  }
  await assertRefused(
    rememberRoom(system, false, ROOM, "work"),
    /started with --no-config$/,
    /without it$/,
  );
  assertThrows(() => files(system), Deno.errors.NotFound);
  const damaged: [text: string, message: RegExp, hint: RegExp][] = [
    ['theme = "drak"\n', /line 1: unknown theme "drak"/, /dark/],
    [`#${"x".repeat(MAX_CONFIG - 20)}\n`, /no table can be added to /, /chat\.example\.org:2428$/],
  ];
  for (const [text, message, hint] of damaged) {
    const path = system.file("config/chat/config.toml", text);
    await assertRefused(rememberRoom(system, undefined, ROOM, "work"), message, hint);
    assertEquals(read(path), text);
    assertEquals(files(system), ["config.toml"]);
  }
});

Deno.test("rememberRoom: uses the file of --config, beside which the code is; a link to the file stays one", async () => {
  using system = new FakeSystem();
  const path = system.file("other/my.toml", '# Mine.\nname = "bob"\n');
  if (POSIX) {
    Deno.mkdirSync(`${system.folder}/config/chat`, { recursive: true });
    Deno.symlinkSync(path, configOf(system));
    await rememberRoom(system, undefined, OPEN, "home");
    assert(Deno.lstatSync(configOf(system)).isSymlink);
  }
  await rememberRoom(system, path, ROOM, "work");
  const { rooms } = parseSettings(Deno.readFileSync(path), "");
  assertEquals(rooms!.get("work")!["code-file"], "~/other/code-work");
  assertEquals(read(`${system.folder}/other/code-work`), `${CODE}\n`);
  assertEquals([...rooms!.keys()], POSIX ? ["home", "work"] : ["work"]);
  await assertRefused(
    rememberRoom(system, `${system.folder}/none.toml`, ROOM, "work"),
    /^Cannot read the config file .*none\.toml/,
    undefined,
  );
});

Deno.test({
  name: "rememberRoom: refuses a folder that others can change, and a device, and leaves no code",
  ignore: !POSIX,
  fn: async () => {
    using system = new FakeSystem();
    system.file("config/chat/config.toml", "");
    Deno.chmodSync(`${system.folder}/config/chat`, 0o777);
    await assertRefused(
      rememberRoom(system, undefined, ROOM, "work"),
      /other users of this machine can change files in/,
      /chmod go-w/,
    );
    assertEquals(files(system), ["config.toml"]);
    // A rename would replace the device.
    await assertRefused(
      rememberRoom(system, "/dev/null", ROOM, "work"),
      /: \/dev\/null is not a file$/,
      undefined,
    );
    assert(Deno.statSync("/dev/null").isCharDevice);
  },
});
