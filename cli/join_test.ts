import { reservedPort } from "../tests/support/ports.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { FakeSystem, ServedRoom } from "../tests/support/fake_system.ts";
import { FakeTty } from "../tests/support/fake_terminal.ts";
import { within } from "../tests/support/async.ts";
import { Guest, Impostor, Raw, TestRoom } from "../tests/support/loopback.ts";
import { startLogin } from "../cipher/opaque.ts";
import { PREFACE, Type } from "../protocol.ts";
import { encodeLogin, parseLogin } from "../protocol/json_frames.ts";
import { TRIES_PER_ADDRESS } from "../server/login_tries.ts";
import { Relay } from "../tests/support/relay.ts";
import { findPlaces, findRooms, publishRoom } from "./home.ts";

const CODE = "correct horse battery staple";
const OTHER_CODE = "abandon ability able about";

const addressOf = ({ port }: { port: number }) => `127.0.0.1:${port}`;

/** Opens a sealed room, by an operator whose files no other user has. */
async function openSealed(
  code = CODE,
): Promise<AsyncDisposable & { address: string; port: number }> {
  const system = new FakeSystem({ CHAT_CODE: code });
  const { address, port, done } = await ServedRoom.open(system);
  return {
    address,
    port,
    async [Symbol.asyncDispose]() {
      system.signal();
      await done;
      system[Symbol.dispose]();
    },
  };
}

/** A terminal that reports when the screen is on it, and what it shows. */
class ScreenTty extends FakeTty {
  #news = Promise.withResolvers<void>();

  override write(text: string): void {
    super.write(text);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /** Resolves when this has been written. */
  async shows(text: string): Promise<void> {
    while (!this.output.includes(text)) await within(`"${text}"`, this.#news.promise);
  }

  readonly #started = Promise.withResolvers<void>();
  readonly started: Promise<void> = this.#started.promise;

  override setRaw(raw: boolean): void {
    super.setRaw(raw);
    if (raw) this.#started.resolve();
  }
}

Deno.test("join: sends each line of stdin, prints NAME: text, and leaves at the end with 0", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  using system = new FakeSystem();
  system.stdin.type("So it starts!\nRight?\n");
  system.stdin.end();
  assertEquals(await system.run("join", addressOf(room), "--name", "anna"), 0);
  assertEquals(system.stdout.text, "anna: So it starts!\nanna: Right?\n");
  assertMatch(system.stderr.text, /^joined 127\.0\.0\.1:\d+ as anna\n/);
  await ben.next("message", ({ text }) => text === "Right?");
  assertEquals(system.listeners, 0);
});

Deno.test("join --format: prints messages as the template says, and notices on stderr as always", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  using system = new FakeSystem();
  const now = new Date(2024, 1, 28, 23, 4, 5);
  system.now = () => now;
  const template = "{date} {time} <{name}> {text}";
  const done = system.run("join", addressOf(room), "--name", "anna", "--format", template);
  await system.stderr.lineLike(/^here: /);
  const { id } = (await ben.next("joined")).who;
  ben.client.say("two\nlines");
  ben.client.tell(id, "psst\x1b");
  await system.stdout.lineLike(/psst/);
  system.stdin.type("Right?\n");
  system.stdin.end();
  assertEquals(await done, 0);
  assertEquals(system.stdout.text.split("\n"), [
    "2024-02-28 23:04:05 <ben> two␊lines",
    "(direct) 2024-02-28 23:04:05 <ben> psst␛",
    "2024-02-28 23:04:05 <anna> Right?",
    "",
  ]);
  assertMatch(system.stderr.text, /^joined 127\.0\.0\.1:\d+ as anna\nhere: /);
});

Deno.test("join --json: reads and writes one object per line, with the time of the clock", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  system.stdin.type('{"type":"say","text":"Right?"}\n{"type":"leave"}\n');
  assertEquals(await system.run("join", addressOf(room), "--json"), 0);
  const events = system.stdout.text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    events.map(({ type }) => type).join(" "),
    "welcome members sent message ended",
  );
  assertEquals(events[0].address, addressOf(room));
  assertEquals(system.stderr.text, "");
});

Deno.test("join: invalid input is reported, the rest is sent, and the exit code is 1", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  system.stdin.type(Uint8Array.of(0xff, 0x0a, 0x68, 0x69, 0x0a));
  system.stdin.end();
  assertEquals(await system.run("join", addressOf(room)), 1);
  assertEquals(system.stdout.text, "ada: hi\n");
  assertMatch(system.stderr.text, /^chat: error: line 1: /m);
});

Deno.test("join: a window that is closed ends the program with 129, and it says goodbye", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  const eio = new Error("Input/output error (os error 5)");
  const closes: ((system: FakeSystem) => void)[] = [
    ({ stdin }) => stdin.hangUp(),
    ({ stdin }) => stdin.hangUp(eio),
    // The kernel, the shell and the read report it in any order.
    (system) => [0, 1].forEach(() => system.signal("SIGHUP")),
    (system) => {
      system.stdin.hangUp(eio);
      system.signal("SIGHUP");
    },
  ];
  for (const close of closes) {
    for (const args of [["--plain"], ["--plain", "--stay"], ["--json", "--stay"]]) {
      using system = new FakeSystem();
      system.stdin.becomeTerminal();
      system.stdout.becomeTerminal();
      const done = system.run("join", addressOf(room), "--name", "anna", ...args);
      await (args[0] === "--json" ? system.stdout : system.stderr).lineLike(
        /^(?:here:|.*"members")/,
      );
      close(system);
      assertEquals((await ben.next("left")).reason, "left");
      assertEquals([await done, system.exitCode, system.listeners], [129, undefined, 0]);
    }
  }
  // With its output in files, it outlives the terminal that it was started from.
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  const done = system.run("join", addressOf(room), "--name", "anna", "--json", "--stay");
  await ben.next("joined");
  system.stdin.hangUp(eio);
  await system.stderr.lineLike(/^chat: the input counts as empty: /);
  system.signal();
  assertEquals(await done, 0);
});

Deno.test("join: on a screen, a window that is closed ends the program with 129, and it says goodbye", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdout.becomeTerminal();
  const tty = new ScreenTty();
  system.tty = tty;
  const done = system.run("join", addressOf(room), "--name", "anna");
  await within("the screen", tty.started);
  tty.typeLast(null);
  assertEquals((await ben.next("left")).reason, "left");
  assertEquals([await done, system.exitCode, system.listeners], [129, undefined, 0]);
  assertEquals(system.stderr.text, "");
  await tty.drawn();
});

Deno.test("join: a window that is closed at the question for the code ends the program with 129", async () => {
  await using sealed = await openSealed();
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdin.afterInput = () => system.stdin.hangUp(new Error("Input/output error (os error 5)"));
  assertEquals(await system.run("join", sealed.address), 129);
});

Deno.test("join: unreadable input ends the program with 1 and a reason", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  system.stdin.fail(new Error("Is a directory (os error 21)"));
  assertEquals(await system.run("join", addressOf(room)), 1);
  assertMatch(system.stderr.text, /^chat: error: Cannot read the input: is a directory$/m);
  assertMatch(system.stderr.text, /^chat: hint: .*--stay$/m);
});

Deno.test("join --stay: unreadable input counts as empty", async () => {
  const failures = [
    Object.assign(new Error("Bad file descriptor (os error 9)"), { code: "EBADF" }),
    new Deno.errors.IsADirectory("Is a directory (os error 21)"),
  ];
  for (const failure of failures) {
    for (const args of [["--stay"], ["--stay", "--json"]]) {
      await using room = new TestRoom();
      await using ben = await Guest.join(room, "ben");
      using system = new FakeSystem();
      system.stdin.fail(failure);
      const done = system.run("join", addressOf(room), ...args);
      await system.stderr.lineLike(/^chat: the input counts as empty: it is (?:closed|a folder)$/);
      await ben.say("Right?");
      await system.stdout.lineLike(/Right\?/);
      assert(system.signal());
      assertEquals(await done, 0);
    }
  }
});

Deno.test("join: a broken stdout makes it leave with 1", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  using system = new FakeSystem();
  const done = system.run("join", addressOf(room), "--stay");
  await system.stderr.lineLike(/^here: /);
  system.stdout.broken = true;
  await ben.say("Right?");
  assertEquals(await done, 1);
});

Deno.test("join: a stdout that cannot be written makes it leave with 1 and the reason", async () => {
  const full = Object.assign(new Error("(os error 28)"), { code: "ENOSPC" });
  const reason = /^chat: error: Cannot write the output: no space is left on the disk$/m;
  for (const args of [["--stay"], ["--stay", "--json"]]) {
    await using room = new TestRoom();
    await using ben = await Guest.join(room, "ben");
    using system = new FakeSystem();
    // JSON is written from the start.
    if (args.includes("--json")) system.stdout.failure = full;
    const done = system.run("join", addressOf(room), ...args);
    if (!args.includes("--json")) {
      await system.stderr.lineLike(/^here: /);
      system.stdout.failure = full;
      await ben.say("Right?");
    }
    assertEquals(await done, 1);
    assertMatch(system.stderr.text, reason);
    await ben.next("left");
  }
});

Deno.test("join: a signal makes it leave with 0", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  using system = new FakeSystem();
  const done = system.run("join", addressOf(room), "--stay");
  await system.stderr.lineLike(/^here: /);
  assert(system.signal());
  assertEquals([await done, system.exitCode], [0, undefined]);
  assertEquals((await ben.next("left")).who.name, "ada");
});

Deno.test("join --retry 0: the end of the server ends it with 1 and a reason", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  const done = system.run("join", addressOf(room), "--retry", "0");
  await system.stderr.lineLike(/^here: /);
  await room.stop();
  assertEquals(await done, 1);
  assertMatch(
    system.stderr.text,
    /^chat: error: Cannot stay in the room: the server has closed the room$/m,
  );
});

Deno.test("join: without a server it exits with 1 and a hint", async () => {
  using system = new FakeSystem();
  assertEquals(await system.run("join", `127.0.0.1:${reservedPort()}`), 1);
  assertEquals(system.stdout.text, "");
  assertMatch(system.stderr.text, /^chat: error: Cannot join .*\nchat: hint: .*chat serve.*\n$/);
});

Deno.test("join: takes the code from CHAT_CODE or a file; without one it exits with 1 and a hint", async () => {
  await using room = await openSealed();
  for (const how of ["variable", "file", "none"]) {
    using system = new FakeSystem(how === "variable" ? { CHAT_CODE: CODE } : {});
    const file = system.file("code", `${CODE}\n`);
    system.stdin.end();
    const args = how === "file" ? ["--code-file", file] : [];
    const code = await system.run("join", room.address, ...args);
    assertEquals(code, how === "none" ? 1 : 0, system.stderr.text);
    if (how === "none") {
      assertMatch(system.stderr.text, /^chat: error: .*\nchat: hint: .*CHAT_CODE/);
    }
  }
});

Deno.test("join: a wrong code in a pipe exits with 1 and says how many tries are left", async () => {
  await using room = await openSealed();
  using system = new FakeSystem({ CHAT_CODE: OTHER_CODE });
  system.stdin.end();
  assertEquals(await system.run("join", room.address), 1);
  assertEquals(system.stdout.text, "");
  assertMatch(system.stderr.text, /^chat: error: Cannot join .* code .*\nchat: hint: .*4/);
});

Deno.test("join: asks for the code at a terminal until it is right, without showing it", async () => {
  await using room = await openSealed();
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdin.type(`${OTHER_CODE}\r${CODE}\r`);
  const done = system.run("join", room.address, "--plain");
  await system.stderr.lineLike(/^here: /);
  const [first, second] = system.stderr.text.split(`Code of the room at ${room.address}: \n`)
    .slice(1);
  assertMatch(first!, /^chat: error: Cannot join /);
  assert(second !== undefined);
  assert(!/staple|abandon/.test(system.stderr.text));
  assertEquals(system.stdin.raw, false);
  system.signal();
  assertEquals(await done, 0);
});

Deno.test("join: Ctrl-C at the question for the code exits with 1", async () => {
  await using room = await openSealed();
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdin.type("half\x03");
  assertEquals(await system.run("join", room.address), 1);
  assertMatch(system.stderr.text, /\nchat: error: Cannot continue without the code: /);
});

Deno.test("join: without an address it finds the newest open room of this user, and its code", async () => {
  using system = new FakeSystem();
  await using room = await ServedRoom.open(system);
  const places = findPlaces(system.os, system.env);
  // The room that was there is closed, and another program took the port of the next one.
  await using web = new Impostor((raw) =>
    raw.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n"))
  );
  for (const port of [reservedPort(), web.port]) {
    publishRoom(places, { hostname: "127.0.0.1", port, code: OTHER_CODE });
  }
  system.stdin.type("Right?\n");
  system.stdin.end();
  system.stdout.text = "";
  assertEquals(await system.run("join"), 0);
  assertEquals(system.stdout.text, "ada: Right?\n");
  assertStringIncludes(system.stderr.text, `joined ${room.address} as ada\n`);
});

Deno.test("join: wrong codes of other users of this machine do not lock out the user who opened the room", async () => {
  using system = new FakeSystem();
  await using room = await ServedRoom.open(system);
  const code = await room.code();
  for (let n = 0; n < TRIES_PER_ADDRESS; n++) {
    await using stranger = await Raw.connect(room);
    await stranger.write(PREFACE, encodeLogin({ message: startLogin(OTHER_CODE).request }));
    await stranger.frameOf(Type.LOGIN);
    await stranger.end();
    await stranger.rest();
  }
  using other = new FakeSystem({ CHAT_CODE: code });
  assertEquals(await other.run("join", room.address), 1);
  assertMatch(other.stderr.text, /too many failed tries to join: wait \d+ seconds/);
  const [saved] = findRooms(findPlaces(system.os, system.env));
  for (const args of [[], [`localhost:${room.port}`]]) {
    using owner = new FakeSystem();
    publishRoom(findPlaces(owner.os, owner.env), saved!);
    owner.stdin.end();
    assertEquals([await owner.run("join", ...args), owner.stderr.text.includes("error")], [
      0,
      false,
    ]);
  }
});

Deno.test("join: does not try a saved code in a room that has another one, unless the user types it", async () => {
  await using room = await openSealed();
  await using relay = new Relay(room);
  const saved = { hostname: "127.0.0.1", port: relay.port, code: OTHER_CODE };
  const [record, ticket] = ["0NHS09TV1tfY2drb3N3e3w", "gIGCg4SFhoeIiYqLjI2Ojw"];
  using system = new FakeSystem();
  publishRoom(findPlaces(system.os, system.env), { ...saved, record, ticket });
  assertEquals(await system.run("join", addressOf(relay)), 1);
  assertMatch(system.stderr.text, /: the room has a new code\n/);
  assertEquals(relay.count("up", Type.LOGIN), 0);
  // Its ticket is for another server, too.
  using typist = new FakeSystem();
  publishRoom(findPlaces(typist.os, typist.env), { ...saved, record, ticket });
  typist.stdin.becomeTerminal();
  typist.stdin.type(`${CODE}\r`);
  const done = typist.run("join", addressOf(relay), "--plain");
  await typist.stderr.lineLike(/^here: /);
  const logins = relay.passed.filter(({ direction, frame }) =>
    direction === "up" && frame.type === Type.LOGIN
  );
  assertEquals(logins.map(({ frame }) => parseLogin(frame.body).ticket), [undefined]);
  typist.signal();
  assertEquals(await done, 0);
});

/** A person on a screen, in a room that has a new code when the connection is lost. */
class OldCode extends AsyncDisposableStack {
  readonly system = this.use(new FakeSystem({ CHAT_CODE: CODE }));
  readonly tty = new ScreenTty();
  relay!: Relay;
  done!: Promise<number>;

  static async open(): Promise<OldCode> {
    const scene = new OldCode();
    const { system, tty } = scene;
    const room = scene.use(await openSealed());
    const next = scene.use(await openSealed(OTHER_CODE));
    const relay = scene.relay = scene.use(new Relay(room));
    system.stdin.becomeTerminal();
    system.stdout.becomeTerminal();
    system.tty = tty;
    scene.done = system.run("join", addressOf(relay), "--name", "anna");
    await tty.shows("you are anna");
    await relay.saw("up", Type.HAVE);
    relay.redirect(next);
    await relay.cut();
    return scene;
  }
}

Deno.test("join: when the room has a new code, a person is asked for it once; the old one is not tried", async () => {
  await using scene = await OldCode.open();
  const { system, tty, relay, done } = scene;
  const question = `Code of the room at ${addressOf(relay)}: `;
  await tty.shows(question);
  assertMatch(tty.output, /has a new code/);
  assertEquals([tty.raw, relay.count("up", Type.LOGIN)], [true, 1]);
  // An empty line is no try.
  await tty.type("\r");
  tty.typeLast(`${OTHER_CODE}\r`);
  await relay.saw("down", Type.WELCOME, 2);
  assertEquals([relay.count("up", Type.LOGIN), system.stderr.text], [2, ""]);
  assert(!/staple|abandon/.test(tty.output));
  await relay.saw("up", Type.HAVE, 2);
  system.signal();
  assertEquals([await done, tty.raw, system.listeners], [0, false, 0]);
});

Deno.test("join: Ctrl-C at the question for the new code ends it with 1", async () => {
  await using scene = await OldCode.open();
  const { system, tty, relay, done } = scene;
  await tty.shows("Code of the room");
  tty.typeLast("half\x03");
  assertEquals([await done, tty.raw], [1, false]);
  assertMatch(system.stderr.text, /^chat: error: Cannot continue without the code: /);
  assertEquals(relay.count("up", Type.LOGIN), 1);
});

Deno.test("join: when the room has a new code, a program ends with 1 and the reason", async () => {
  await using room = await openSealed();
  await using next = await openSealed(OTHER_CODE);
  for (const args of [["--json"], ["--plain"]]) {
    await using relay = new Relay(room);
    using system = new FakeSystem({ CHAT_CODE: CODE });
    const done = system.run("join", addressOf(relay), "--stay", ...args);
    await relay.saw("up", Type.HAVE);
    relay.redirect(next);
    await relay.cut();
    assertEquals([await done, relay.count("up", Type.LOGIN)], [1, 1]);
    const end = system.stderr.text.slice(system.stderr.text.indexOf("chat: error"));
    assertEquals(
      end,
      `chat: error: Cannot rejoin ${addressOf(relay)}: the room has a new code\n` +
        "chat: hint: Ask the person who opened the room, and join again\n",
    );
  }
});

Deno.test("join NAME, send --room NAME: an old code is not tried; the new one is kept once it was typed", async () => {
  await using room = await openSealed();
  await using relay = new Relay(room);
  using system = new FakeSystem();
  const table = `[rooms.work]\naddress = "${
    addressOf(relay)
  }"\ncode-file = "~/config/chat/code-work"\n`;
  system.file("config/chat/config.toml", table);
  const saved = system.file(
    "config/chat/code-work",
    `${OTHER_CODE}\nrecord 0NHS09TV1tfY2drb3N3e3w\n`,
  );
  for (const args of [["send", "--room", "work", "hi"], ["join", "work"]]) {
    system.stderr.text = "";
    assertEquals([await system.run(...args), relay.count("up", Type.LOGIN)], [1, 0]);
    assertMatch(system.stderr.text, /^chat: error: Cannot join \S+: the room has a new code\n/);
  }
  system.stdin.becomeTerminal();
  system.stdin.type(`${CODE}\r`);
  system.stderr.text = "";
  assertEquals(await system.run("send", "--room", "work", "hi"), 0);
  const [first, second] = system.stderr.text.split(`Code of the room at ${addressOf(relay)}: \n`);
  assertMatch(first!, /^chat: error: Cannot join \S+: the room has a new code\n/);
  assertMatch(second!, /^chat: the new code of work is kept in \S+code-work\n$/);
  assertMatch(Deno.readTextFileSync(saved), new RegExp(`^${CODE}\nrecord [\\w-]{22}\n$`));
  // Nobody is asked again.
  system.stderr.text = "";
  assertEquals([await system.run("send", "--room", "work", "hi"), system.stderr.text], [0, ""]);
  assertEquals(relay.count("up", Type.LOGIN), 2);
});

Deno.test("join: a typed code is tried, also if it is the one that was kept: only the name of its record may be new", async () => {
  await using room = await openSealed();
  using system = new FakeSystem();
  const saved = { hostname: "127.0.0.1", port: room.port, code: CODE };
  publishRoom(findPlaces(system.os, system.env), { ...saved, record: "0NHS09TV1tfY2drb3N3e3w" });
  system.stdin.becomeTerminal();
  system.stdin.type(`${CODE}\r`);
  const done = system.run("join", room.address, "--plain");
  await system.stderr.lineLike(/^here: /);
  assertMatch(system.stderr.text, /^chat: error: Cannot join \S+: the room has a new code\n/);
  system.signal();
  assertEquals(await done, 0);
});

Deno.test("join --cipher sealed: refuses a room that is not sealed", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  assertEquals(await system.run("join", addressOf(room), "--cipher", "sealed"), 1);
  assertMatch(system.stderr.text, /^chat: error: Cannot join .*not sealed/);
  assertEquals(room.hub.size, 0);
});

Deno.test("join: without a home folder it uses a temporary identity, and says so", async () => {
  await using room = await openSealed();
  using system = new FakeSystem({ CHAT_CODE: CODE });
  delete system.variables["HOME"];
  delete system.variables["XDG_CONFIG_HOME"];
  delete system.variables["APPDATA"];
  system.stdin.end();
  assertEquals(await system.run("join", room.address), 0);
  assertMatch(
    system.stderr.text,
    /^chat: this session uses a temporary identity\. Cannot find the folder .*is not set, or not UTF-8$/m,
  );
});

Deno.test("join: an invalid config file is an error before it connects", async () => {
  using system = new FakeSystem();
  system.file("config/chat/config.toml", 'theme = "drak"');
  const path = system.file("bad.toml", 'theme = "drak"');
  assertEquals(await system.run("join", "nowhere.invalid", "--config", path), 1);
  assertMatch(
    system.stderr.text,
    /bad\.toml, line 1: unknown theme "drak"; use auto, dark, light or mono\nchat: hint: Did you/,
  );
});

Deno.test("join: in a terminal it shows the screen, and restores the terminal", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdout.becomeTerminal();
  const tty = new ScreenTty();
  system.tty = tty;
  const done = system.run("join", addressOf(room), "--name", "anna");
  await within("the screen", tty.started);
  system.signal();
  assertEquals(await done, 0);
  assertEquals([tty.raw, system.stdout.text, system.listeners], [false, "", 0]);
  assertStringIncludes((await tty.rows()).join("\n"), "you are anna");
});

Deno.test("join --plain: a person at a terminal has the commands", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdout.becomeTerminal();
  const done = system.run("join", addressOf(room), "--plain");
  await system.stderr.lineLike(/^here: /);
  system.stdin.type("/whoami\n/nosuch\n/quit\n");
  await system.stderr.lineLike(/ada/);
  // A wrong command is not a failure.
  assertEquals(await done, 0);
});

Deno.test("join: keeps the log that the config file names, one program at a time; not for programs", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  const log = `${system.folder}/${addressOf(room).replace(":", "-")}.log`;
  const path = `${system.folder}/{room}.log`;
  system.file("config/chat/config.toml", `log = ${JSON.stringify(path)}`);
  system.stdin.type("hi\n");
  system.stdin.end();
  assertEquals(await system.run("join", addressOf(room), "--plain"), 0);
  assertThrows(() => Deno.statSync(log), Deno.errors.NotFound);
  using one = new FakeSystem();
  using two = new FakeSystem();
  for (const person of [one, two]) {
    person.file("config/chat/config.toml", `log = ${JSON.stringify(path)}`);
    person.stdin.becomeTerminal();
    person.stdout.becomeTerminal();
  }
  const done = one.run("join", addressOf(room), "--plain", "--name", "anna");
  await one.stderr.lineLike(/^here: /);
  const other = two.run("join", addressOf(room), "--plain", "--name", "ben");
  await two.stderr.lineLike(
    /^chat: nothing is logged\. Cannot log to .*: another chat logs to it/,
  );
  two.stdin.type("hello\n/quit\n");
  assertEquals(await other, 0);
  await one.stderr.lineLike(/^ben left/);
  one.stdin.type("/quit\n");
  assertEquals(await done, 0);
  const lines = Deno.readTextFileSync(log).replace(/^[\dT:+-]{25} /gm, "").split("\n");
  assertMatch(lines.shift()!, /^# the room at 127\.0\.0\.1:\d+, logged since /);
  assertEquals(lines, [
    `-- joined ${addressOf(room)} as anna`,
    "-- here: anna",
    "-- ben joined",
    "ben: hello",
    "-- ben left",
    "",
  ]);
});

Deno.test("join: a remembered room has a log of its own", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  const [all, work] = [`${system.folder}/all.log`, `${system.folder}/work.log`];
  const table = `[rooms.work]\naddress = "${addressOf(room)}"\nlog = ${JSON.stringify(work)}\n`;
  system.file("config/chat/config.toml", `log = ${JSON.stringify(all)}\n${table}`);
  system.stdin.becomeTerminal();
  system.stdout.becomeTerminal();
  const done = system.run("join", "work", "--plain");
  await system.stderr.lineLike(/^here: /);
  system.stdin.type("/log\n/quit\n");
  await system.stderr.lineLike(/^logging to .*work\.log; \/log off to stop$/);
  assertEquals(await done, 0);
  assertMatch(Deno.readTextFileSync(work), / -- joined /);
  assertThrows(() => Deno.statSync(all), Deno.errors.NotFound);
});

Deno.test("join: /invite shows the address and the code with which the user is in the room", async () => {
  await using room = await openSealed();
  using system = new FakeSystem({ CHAT_CODE: "Correct-Horse-Battery-Staple" });
  system.stdin.becomeTerminal();
  system.stdout.becomeTerminal();
  const done = system.run("join", room.address, "--plain");
  await system.stderr.lineLike(/^here: /);
  system.stdin.type("/invite\n/quit\n");
  await system.stderr.lineLike(new RegExp(`^others join with: chat join ${room.address}$`));
  await system.stderr.lineLike(/^only this machine can reach this address/);
  await system.stderr.lineLike(new RegExp(`^code: ${CODE}$`));
  assertEquals(await done, 0);
});

Deno.test("join --classic: joins a classic server", async () => {
  await using server = new Impostor(async (raw) => {
    await raw.write(new TextEncoder().encode("198"));
    await raw.rest();
  });
  using system = new FakeSystem();
  system.stdin.type("Right?\n");
  system.stdin.end();
  assertEquals(await system.run("join", "--classic", `127.0.0.1:${server.port}`), 0);
  assertMatch(system.stdout.text, /^\d+: Right\?\n$/);
  await server.served(1);
});

Deno.test("join: a crash restores the terminal, leaves the room, and ends with 1 and the error", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdout.becomeTerminal();
  const tty = new ScreenTty();
  system.tty = tty;
  const done = system.run("join", addressOf(room));
  await within("the screen", tty.started);
  system.crash(new Error("A test crashes it"));
  assertEquals([await done, tty.raw, system.listeners], [1, false, 0]);
  assertMatch(
    system.stderr.text,
    /^chat: error: This is a bug in chat: Error: A test crashes it$/m,
  );
  await ben.next("left");
  await tty.drawn();
  await tty.drawn();
});

Deno.test("join: a removed member reads why, and its program exits with 1", async () => {
  for (const args of [["--stay"], ["--json", "--stay"]]) {
    await using room = new TestRoom();
    using system = new FakeSystem();
    system.stdin.end();
    const running = system.run("join", addressOf(room), "--name", "mallory", ...args);
    await room.until("mallory", () => room.hub.size === 1);
    const [{ id } = { id: 0 }] = room.government.roster();
    room.government.govern({ action: "kick", member: id, reason: "spam" });
    assertEquals(await within("the end", running), 1);
    const { stdout, stderr } = system;
    assertStringIncludes(
      stderr.text,
      "chat: error: Cannot stay in the room: the operator has removed you from this room: spam\n",
    );
    if (args.includes("--json")) {
      assertMatch(stdout.text, /"type":"notice".*"what":"kick",.*"why":"spam"/);
      assertMatch(stdout.text, /"type":"ended".*"reason":"refused","code":"removed"/);
    } else {
      assertStringIncludes(
        stderr.text,
        'the operator removed you from the room: "spam"\nchat: error: ',
      );
    }
  }
});
