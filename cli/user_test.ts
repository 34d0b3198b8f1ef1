import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { MAX_NAMES } from "../cipher/known_names.ts";
import { ChatError } from "../errors.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import type { Speaker, ViewOptions } from "./command.ts";
import type { Settings } from "./config.ts";
import {
  chosenName,
  type ChosenSettings,
  chosenView,
  filesFor,
  givenCode,
  loadSelf,
  loadSettings,
  localRooms,
  places,
  typedCode,
} from "./user.ts";

const SPEAKER: Speaker = { name: undefined, user: "ada", config: undefined };

Deno.test("chosenName: the command line or environment, else the config file, else the user name", () => {
  const settings: Settings = { name: "fay" };
  assertEquals(chosenName({ ...SPEAKER, name: "bob" }, settings), "bob");
  assertEquals(chosenName(SPEAKER, settings), "fay");
  assertEquals(chosenName(SPEAKER, { name: "Jose\u0301" }), "Jos\u00e9");
  assertEquals(chosenName(SPEAKER, {}), "ada");
});

Deno.test("typedCode: an empty line is no code, and the question is asked again", () => {
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdin.type("\r  \rable\r");
  assertEquals(typedCode(system, "Code:"), "able");
  assertEquals(system.stderr.text, "Code: \n".repeat(3));
  system.stdin.type("\r\x03");
  assertThrows(() => typedCode(system, "Code:"), ChatError, "you did not type it");
});

Deno.test("chosenView: each setting of the command line beats the config file; the rest are defaults", () => {
  const chosen = (options: ViewOptions, settings: Settings) => {
    const { theme, time, notify, muted } = chosenView(options, settings);
    return { theme, time, notify, muted };
  };
  const defaults = { theme: "auto", time: "short", notify: "mentions", muted: false };
  assertEquals(chosen({}, {}), defaults);
  const settings: Settings = { name: "fay", theme: "dark", time: "long", notify: "off" };
  assertEquals(chosen({}, settings), { ...defaults, theme: "dark", time: "long", notify: "off" });
  assertEquals(chosen({ time: "off" }, settings), {
    ...defaults,
    theme: "dark",
    time: "off",
    notify: "off",
  });
  assertEquals(chosen({ theme: "light", time: "off", notify: "all" }, settings), {
    ...defaults,
    theme: "light",
    time: "off",
    notify: "all",
  });
  assertEquals(chosenView({}, { roomName: "work" }).roomName, "work");
  assertEquals(chosenView({}, {}).title, true);
  assertEquals(chosenView({}, { title: false }).title, false);
  assertEquals(chosenView({ title: false }, { title: true }).title, false);
  assertEquals(chosen({ quiet: true }, { quiet: false }), { ...defaults, muted: true });
  assertEquals(chosen({}, { quiet: true, notify: "all" }), {
    ...defaults,
    notify: "all",
    muted: true,
  });
  // The silence of the file applies only if the command line sets no notifications.
  assertEquals(chosen({ notify: "all" }, { quiet: true }), { ...defaults, notify: "all" });
  assertEquals(chosen({ notify: "all", quiet: true }, {}), {
    ...defaults,
    notify: "all",
    muted: true,
  });
});

Deno.test("chosenView: takes the words that notify, in NFC, and the command, from the config file", () => {
  const settings = { highlight: ["deploy", "Jose\u0301"], "notify-command": ["notify-send"] };
  const { highlights, notifyCommand } = chosenView({}, settings);
  assertEquals([highlights, notifyCommand], [["deploy", "Jos\u00e9"], ["notify-send"]]);
  const none = chosenView({}, {});
  assertEquals([none.highlights, none.notifyCommand], [[], undefined]);
});

Deno.test("chosenName, chosenView, filesFor: an option beats the room's table, that the environment, that the file's top", () => {
  using system = new FakeSystem();
  const room = {
    address: "h",
    name: "Jose\u0301",
    notify: "off",
    highlight: ["b"],
    accept: "known",
  } as const;
  const settings: Settings = { name: "fay", notify: "all", quiet: true, highlight: ["a"] };
  const inRoom = { ...settings, room };
  assertEquals(chosenName({ ...SPEAKER, name: "bob", envName: "eve" }, inRoom), "bob");
  assertEquals(chosenName({ ...SPEAKER, envName: "eve" }, inRoom), "Jos\u00e9");
  assertEquals(chosenName({ ...SPEAKER, envName: "eve" }, settings), "eve");
  const notify = (options: ViewOptions, settings: ChosenSettings) => {
    const view = chosenView(options, settings);
    return [view.notify, view.muted];
  };
  assertEquals(notify({ notify: "mentions" }, inRoom), ["mentions", false]);
  assertEquals(notify({ envNotify: "mentions" }, inRoom), ["off", false]);
  assertEquals(notify({ envNotify: "mentions" }, settings), ["mentions", false]);
  assertEquals(notify({}, settings), ["all", true]);
  assertEquals(chosenView({}, inRoom).highlights, ["b"]);
  assertEquals(chosenView({}, { ...inRoom, room: { address: "h" } }).highlights, ["a"]);
  const files = { downloads: undefined, accept: undefined, acceptLimit: 0, rate: undefined };
  assertEquals(filesFor(system, { ...files, accept: "none" }, inRoom).accept, "none");
  assertEquals(filesFor(system, files, inRoom).accept, "known");
  assertEquals(filesFor(system, files, settings).accept, "ask");
  // A folder that cannot be one proves which is taken.
  system.file("file", "");
  const bad = { ...inRoom, downloads: "~", room: { ...room, downloads: "~/file/x" } };
  assertThrows(() => filesFor(system, files, bad), ChatError, "/file/x");
});

Deno.test("givenCode: a file beats CHAT_CODE; an empty variable counts as unset", () => {
  using system = new FakeSystem({ CHAT_CODE: "from the variable" });
  const file = system.file("code", "from the file\r\nfor people\n");
  assertEquals(givenCode(system, file), "from the file");
  assertEquals(givenCode(system, undefined), "from the variable");
  system.variables["CHAT_CODE"] = "";
  assertEquals(givenCode(system, undefined), undefined);
});

Deno.test("givenCode: reports a missing file, and a file without a code, not the variable", () => {
  using system = new FakeSystem({ CHAT_CODE: "from the variable" });
  assertThrows(() => givenCode(system, `${system.folder}/none`), ChatError, "Cannot read the code");
  for (const text of ["", "\n", "  \ncode\n"]) {
    const file = system.file("code", text);
    assertThrows(() => givenCode(system, file), ChatError, "its first line is empty");
  }
});

Deno.test({
  name: "givenCode: refuses a file of the user that others can read or change, but no pipe",
  ignore: Deno.build.os === "windows",
  fn: () => {
    using system = new FakeSystem();
    const file = system.file("code", "four words of code\n");
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      Deno.chmodSync(file, mode);
      const error = assertThrows(() => givenCode(system, file), ChatError);
      assertEquals(
        [error.message, error.hint],
        [
          `Cannot use ${file}: other users of this machine can read or change it`,
          `Make it private: chmod 600 ${file}`,
        ],
      );
    }
    Deno.chmodSync(file, 0o400);
    assertEquals(givenCode(system, file), "four words of code");
    // As a shell makes one for <(pass show room), or a device: it is empty, and not refused.
    assertThrows(() => givenCode(system, "/dev/null"), ChatError, "its first line is empty");
    if (Deno.uid() !== 0) return;
    // The secret of a container belongs to somebody else.
    Deno.chmodSync(file, 0o444);
    Deno.chownSync(file, 12345, null);
    assertEquals(givenCode(system, file), "four words of code");
  },
});

Deno.test({
  name:
    "loadSettings: refuses the default file if others can change it or its folder; a named one is used",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using system = new FakeSystem();
    const file = system.file("config/chat/config.toml", 'name = "bob"\n');
    Deno.chmodSync(file, 0o644);
    assertEquals(await loadSettings(system, undefined), { name: "bob" });
    const refused = async (what: string, hint: string) => {
      const error = await assertRejects(() => loadSettings(system, undefined), ChatError);
      assertEquals(
        [error.message, error.hint],
        [`Cannot use ${file}: other users of this machine can change ${what}`, hint],
      );
    };
    Deno.chmodSync(file, 0o664);
    await refused("it", `Protect it: chmod go-w ${file}`);
    assertEquals(await loadSettings(system, file), { name: "bob" });
    Deno.chmodSync(file, 0o600);
    // As a container does whose umask is 0.
    for (
      const folder of [`${system.folder}/config/chat`, `${system.folder}/config`, system.folder]
    ) {
      Deno.chmodSync(folder, 0o777);
      await refused(`files in ${folder}`, `Protect the folder: chmod go-w ${folder}`);
      assertEquals(await loadSettings(system, file), { name: "bob" });
      Deno.chmodSync(folder, 0o755);
    }
    assertEquals(await loadSettings(system, undefined), { name: "bob" });
  },
});

Deno.test("givenCode: a file that is no text, or cannot be read, is a sentence with a hint", () => {
  using system = new FakeSystem();
  const cases: [path: string, what: string][] = [
    [`${system.folder}/none`, "it does not exist"],
    [system.file("binary", Uint8Array.of(0x61, 0xff, 0x0a)), "its first line is not UTF-8"],
    // As PowerShell writes it.
    [
      system.file("utf-16", Uint8Array.of(0xff, 0xfe, 0x61, 0, 0x0a, 0)),
      "its first line is not UTF-8",
    ],
    [system.file("control", "four words\0of code\n"), "its first line is not text"],
    [system.file("long", "x".repeat(4096)), "its first line is too long"],
  ];
  if (Deno.build.os !== "windows") {
    cases.push([system.folder, "it is a folder"]);
    cases.push([`${system.file("file", "")}/code`, "a part of its path is not a folder"]);
    cases.push(["/dev/zero", "its first line is too long"]);
  }
  for (const [path, what] of cases) {
    const error = assertThrows(() => givenCode(system, path), ChatError);
    assertEquals(error.message, `Cannot read the code from ${path}: ${what}`);
    assertEquals(error.hint, "Name a text file whose first line is the code");
  }
  // The longest line that is read, and a tab between words.
  assertEquals(givenCode(system, system.file("code", `${"x".repeat(4095)}\n`))?.length, 4095);
  assertEquals(givenCode(system, system.file("code", "one\ttwo")), "one\ttwo");
});

Deno.test("loadSettings: reads the default file if it exists, another one, or none", async () => {
  using system = new FakeSystem();
  assertEquals(await loadSettings(system, undefined), {});
  const other = system.file("other.toml", 'theme = "light"');
  const folder = system.os === "darwin" ? "Library/Application Support/chat" : "config/chat";
  system.file(`${folder}/config.toml`, 'theme = "dark"');
  assertEquals({ ...await loadSettings(system, undefined) }, { theme: "dark" });
  assertEquals({ ...await loadSettings(system, other) }, { theme: "light" });
  assertEquals(await loadSettings(system, false), {});
});

Deno.test("loadSettings: a file that is named must exist, and be a file", async () => {
  using system = new FakeSystem();
  for (const path of [`${system.folder}/none.toml`, system.folder]) {
    const error = await assertRejects(() => loadSettings(system, path), ChatError);
    const what = path === system.folder
      ? /^(?:it is a folder|permission denied)$/ // The second one on Windows.
      : /^it does not exist$/;
    assertMatch(error.message.replace(`Cannot read the config file ${path}: `, ""), what);
    assertEquals(error.hint, "To start without one: --no-config");
  }
});

Deno.test("loadSettings, localRooms, loadSelf: without a home folder, no settings, no rooms, and a temporary identity", async () => {
  using system = new FakeSystem();
  for (const name of Object.keys(system.variables)) delete system.variables[name];
  assertEquals(await loadSettings(system, undefined), {});
  assertEquals(localRooms(system), []);
  const [one, two] = [loadSelf(system), loadSelf(system)];
  assert(one.identity.seed.some((byte, index) => byte !== two.identity.seed[index]));
  assertEquals([one.save, system.stderr.text.split("temporary identity").length], [undefined, 3]);
});

Deno.test("loadSelf: keeps the identity, and reports once that it cannot save names, and keeps trying", () => {
  using system = new FakeSystem();
  const { identity, knownNames, save } = loadSelf(system);
  assertEquals(loadSelf(system).identity.seed, identity.seed);
  // A folder in place of the file makes each save fail.
  const obstacle = `${places(system).config}/known-names`;
  Deno.mkdirSync(`${obstacle}/x`, { recursive: true });
  for (const name of ["Bob", "Cy"]) {
    knownNames.meet(name, identity.publicKey, "2026-01-31");
    save!();
  }
  save!();
  const reports = system.stderr.text.match(
    /^chat: the keys of the members you meet are not kept\. /gm,
  );
  assertEquals(reports?.length, 1);
  Deno.removeSync(obstacle, { recursive: true });
  save!();
  assertMatch(Deno.readTextFileSync(obstacle), /Bob[^]*Cy/);
});

Deno.test("loadSelf: reports once that the known names are full", () => {
  using system = new FakeSystem();
  const { identity: { publicKey }, knownNames, save } = loadSelf(system);
  for (let n = 0; knownNames.size < MAX_NAMES; n++) {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, n);
    knownNames.meet(`n${n}`, key, "2026-01-31");
  }
  save!();
  assertEquals(system.stderr.text, "");
  for (const name of ["Ada", "Bob"]) {
    knownNames.meet(name, publicKey, "2026-01-31");
    save!();
  }
  assertEquals(
    system.stderr.text,
    "chat: you have met more than 10000 names: the oldest are forgotten; " +
      "those that you trusted or verified are kept\n",
  );
  const again = loadSelf(system);
  assertEquals([again.knownNames.size, again.knownNames.knew("Bob", publicKey)], [MAX_NAMES, true]);
});

Deno.test("loadSelf, loadSettings, localRooms: a home that is no folder gives a temporary identity, and one note", async () => {
  using system = new FakeSystem();
  const file = system.file("file", "x");
  for (const name of Object.keys(system.variables)) {
    if (name !== "USER") system.variables[name] = file;
  }
  const { identity, knownNames, save } = loadSelf(system);
  assertEquals([identity.seed.length, knownNames.changed, save], [32, false, undefined]);
  assertEquals(await loadSettings(system, undefined), {});
  assertEquals(localRooms(system), []);
  assertMatch(
    system.stderr.text,
    /^chat: this session uses a temporary identity\. Cannot [^\n]*\n$/,
  );
  assert(!system.stderr.text.includes("os error"), system.stderr.text);
});

Deno.test("loadSelf: an identity that is damaged or open to others is an error, never replaced", () => {
  using system = new FakeSystem();
  const path = `${places(system).config}/identity`;
  loadSelf(system);
  Deno.writeTextFileSync(path, "rubbish\n");
  assertThrows(() => loadSelf(system), ChatError, "it is damaged");
  if (Deno.build.os === "windows") return;
  Deno.chmodSync(path, 0o644);
  assertThrows(() => loadSelf(system), ChatError, "other users of this machine can read");
  assertEquals(system.stderr.text, "");
});

Deno.test({
  name: "loadSelf, loadSettings: what may not be read or written is replaced, with a note for each",
  // Root may read and write everything. The end-to-end test with a read-only home runs for root, too.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: async () => {
    using system = new FakeSystem();
    const { config } = places(system);
    const { identity } = loadSelf(system);
    Deno.writeTextFileSync(`${config}/config.toml`, "");
    Deno.chmodSync(`${config}/config.toml`, 0);
    Deno.chmodSync(config, 0o500);
    try {
      const self = loadSelf(system);
      assertEquals(self.identity.seed, identity.seed);
      self.knownNames.meet("Bob", identity.publicKey, "2026-01-31");
      self.save!();
      assertMatch(system.stderr.text, /^chat: the keys [^\n]* not kept\. [^\n]*denied\n$/);
      assertEquals(await loadSettings(system, undefined), {});
      assertMatch(system.stderr.text, /\nchat: the config file is not used\. [^\n]*denied\n$/);
      system.stderr.text = "";
      Deno.chmodSync(config, 0);
      assert(loadSelf(system).identity.seed.some((byte, i) => byte !== identity.seed[i]));
      assertMatch(system.stderr.text, /^chat: this session uses a temporary identity\. [^\n]*\n$/);
    } finally {
      Deno.chmodSync(config, 0o700);
    }
  },
});

Deno.test("filesFor: the option sets the rate of files, else the config file does; 0 is no limit", () => {
  using system = new FakeSystem();
  const options = { downloads: undefined, accept: "ask", acceptLimit: 7 } as const;
  const rateOf = (rate: number | undefined, settings: Settings) =>
    filesFor(system, { ...options, rate }, settings).rate;
  assertEquals(rateOf(undefined, {}), 0);
  assertEquals(rateOf(undefined, { "file-rate": "2M" }), 2 * 1024 ** 2);
  assertEquals(rateOf(5_000_000, { "file-rate": "2M" }), 5_000_000);
  assertEquals(rateOf(0, { "file-rate": "2M" }), 0);
});

Deno.test("filesFor: accepts as the options say", () => {
  using system = new FakeSystem();
  const options = { downloads: undefined, accept: "known", acceptLimit: 7, rate: 0 } as const;
  const { accept, acceptLimit } = filesFor(system, options, {});
  assertEquals([accept, acceptLimit], ["known", 7]);
});
