import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AckOutcome, encodeAck, encodeFrame, encodeHave, MAX_FRAME, Type } from "../protocol.ts";
import { encodeProfile } from "../protocol/envelope.ts";
import { FakeSystem } from "../tests/support/fake_system.ts";
import { within } from "../tests/support/async.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import { posix } from "../tests/support/real_files.ts";
import { admitTo, Guest, Impostor, KEY, Raw, TestRoom, xor } from "../tests/support/loopback.ts";

const addressOf = ({ port }: { port: number }) => `127.0.0.1:${port}`;

/** Asserts that a message is refused before it connects. */
async function assertRefused(
  prepare: (system: FakeSystem) => void,
  message: RegExp,
  code = 1,
): Promise<void> {
  using system = new FakeSystem();
  prepare(system);
  assertEquals(await system.run("send", "nowhere.invalid"), code);
  assertEquals(system.stdout.text, "");
  assertMatch(system.stderr.text, message);
}

/** Joins as a member that accepts files as `accept` says; returns how to leave. */
async function receive(
  ben: FakeSystem,
  room: TestRoom,
  accept: string,
): Promise<() => Promise<void>> {
  const receiving = ben.run(
    ...["join", addressOf(room), "--name", "ben", "--json"],
    ...["--accept", accept, "--downloads", `${ben.folder}/downloads`],
  );
  await ben.stdout.lineLike(/^\{"type":"members"/);
  return async () => {
    ben.stdin.end();
    assertEquals(await receiving, 0);
  };
}

Deno.test("send: sends its arguments or stdin as one message, silently, with 0", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  for (const how of ["arguments", "stdin"]) {
    using system = new FakeSystem();
    if (how === "stdin") {
      system.stdin.type("it is ");
      system.stdin.type("done\n");
      system.stdin.end();
    }
    const words = how === "stdin" ? [] : ["it", "is", "done"];
    assertEquals(await system.run("send", addressOf(room), "--name", "anna", ...words), 0);
    assertEquals([system.stdout.text, system.stderr.text], ["", ""]);
    const { from, text } = await ben.next("message");
    assertEquals([from.name, text], ["anna", "it is done"]);
  }
});

Deno.test("send: the name comes from the config file, unless an option sets it", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  for (const [args, name] of [[[], "fay"], [["--name", "gus"], "gus"]] as const) {
    using system = new FakeSystem();
    const config = system.file("c.toml", 'name = "fay"\ntheme = "dark"');
    assertEquals(await system.run("send", addressOf(room), "--config", config, ...args, "hi"), 0);
    assertEquals((await ben.next("message")).from.name, name);
  }
});

Deno.test("send: refuses empty, binary, oversized and unreadable input before it connects", async () => {
  await assertRefused(({ stdin }) => {
    stdin.type("\n");
    stdin.end();
  }, /^chat: error: Cannot send an empty message: give TEXT, or text on stdin\n$/);
  await assertRefused(({ stdin }) => {
    stdin.type(Uint8Array.of(0x41, 0xff));
    stdin.end();
  }, /^chat: error: Cannot send this message: it is not UTF-8\n$/);
  await assertRefused(({ stdin }) => {
    stdin.type(new Uint8Array(MAX_FRAME + 1).fill(0x41));
    stdin.end();
  }, /: it has more than 262144 bytes\nchat: hint: Send it in parts, or as a file: .*\n$/);
  await assertRefused(
    ({ stdin }) => stdin.fail(new Error("Is a directory (os error 21)")),
    /^chat: error: Cannot read the input: is a directory\nchat: hint: .* chat send -- TEXT\n$/,
  );
});

Deno.test("send: does not send a text that breaks off because its window was closed", async () => {
  for (const error of [undefined, new Error("Input/output error (os error 5)")]) {
    const prepare = ({ stdin }: FakeSystem) => {
      stdin.becomeTerminal();
      stdin.type("half a th\n");
      stdin.afterInput = () => stdin.hangUp(error);
    };
    await assertRefused(prepare, /Cannot read the input: the terminal has gone\n$/, 129);
  }
});

Deno.test("send: at a terminal it says how to send", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdin.type("hi\n");
  system.stdin.end();
  assertEquals(await system.run("send", addressOf(room)), 0);
  assertEquals(
    system.stderr.text,
    "chat: type the message; to send it, press Ctrl-D on an empty line\n",
  );
});

Deno.test("send: exits with 1 if the server ends before it confirms the message", async () => {
  const greeting = { version: 1, cipher: "xor", key: String(KEY), maxFrame: MAX_FRAME };
  const welcome = { room: 0, own: 0, members: 0 };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await using server = new Impostor(async (raw) => {
    await admitTo(raw, encodeFrame(Type.GREETING, 0, json(greeting)), 1, welcome);
    await raw.frameOf(Type.MESSAGE);
    await raw.end();
    await raw.frames();
  });
  using system = new FakeSystem();
  assertEquals(await system.run("send", addressOf(server), "--retry", "0", "Right?"), 1);
  assertEquals(system.stdout.text, "");
  assertMatch(
    system.stderr.text,
    /^chat: error: Cannot stay in the room: .*; 1 of your messages was not confirmed\n$/,
  );
});

Deno.test("send --to: sends arguments or stdin to one member only, who may have the sender's name, silently", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  await using cyd = await Guest.join(room, "cyd");
  // From another window of the same user.
  for (const name of ["anna", "ben"]) {
    for (const how of ["arguments", "stdin"]) {
      using system = new FakeSystem();
      system.stdin.type("it is\ndone\n");
      system.stdin.end();
      const words = how === "stdin" ? [] : ["it is\ndone"];
      const args = ["send", addressOf(room), "--name", name, "--to", "ben", ...words];
      assertEquals(await system.run(...args), 0, system.stderr.text);
      assertEquals([system.stdout.text, system.stderr.text], ["", ""]);
      const { from, text } = await ben.next("direct");
      assertEquals([from.name.replace(/#\d+$/, ""), text], [name, "it is\ndone"]);
      await cyd.next("left");
    }
  }
  const texts = [ben, cyd].map(({ events }) => events.filter(({ type }) => type === "message"));
  assertEquals(texts, [[], []]);
});

Deno.test("send --to: sends nothing if nobody or several are meant, and exits with 1 and the reason", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  await using _ = await Guest.join(room, "ben");
  const cases: Record<string, RegExp> = {
    eve: /^chat: error: Cannot send to "eve": no member has that name\nchat: hint: .*chat join/,
    ben:
      /^chat: error: Cannot send to "ben": several members have that name\nchat: hint: Say which: ben#1, ben#2\n$/,
    anna: /^chat: error: Cannot send a message to yourself\n$/,
  };
  for (const [to, reason] of Object.entries(cases)) {
    using system = new FakeSystem();
    const args = ["send", addressOf(room), "--name", "anna", "--to", to, "psst"];
    assertEquals([await system.run(...args), system.stdout.text], [1, ""]);
    assertMatch(system.stderr.text, reason);
    await ben.next("left");
  }
  assert(ben.events.every(({ type }) => type !== "message" && type !== "direct"));
});

Deno.test("send --to: a member that is away gets it later, which it says", async () => {
  await using room = new TestRoom({ graceMs: 60_000 });
  await using cyd = await Guest.join(room, "cyd");
  await using raw = await Raw.connect(room);
  await raw.hello(xor.seal(encodeProfile({ name: "ben" })));
  // A member that has confirmed what it has read keeps its session.
  await raw.write(encodeHave(0));
  await cyd.next("joined");
  raw.conn.close();
  await cyd.next("away");
  using system = new FakeSystem();
  const args = ["send", addressOf(room), "--name", "anna", "--to", "ben", "psst"];
  assertEquals(await system.run(...args), 0, system.stderr.text);
  assertMatch(system.stderr.text, /^chat: ben has been away .*and gets this on return\n$/);
});

Deno.test("send --to: exits with 1 if the server does not take it, with the reason", async () => {
  const greeting = { version: 1, cipher: "xor", key: String(KEY), maxFrame: MAX_FRAME };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const profile = (name: string) => xor.seal(encodeProfile({ name }));
  const cases = [
    [AckOutcome.BUSY, "too many messages are waiting for ben; try again later"],
    [AckOutcome.GONE, "ben has left"],
  ] as const;
  for (const [outcome, reason] of cases) {
    await using server = new Impostor(async (raw) => {
      const welcome = { room: 0, own: 0, members: 1 };
      await admitTo(raw, encodeFrame(Type.GREETING, 0, json(greeting)), 2, welcome);
      await raw.write(
        encodeFrame(Type.MEMBER, 1, profile("ben")),
        encodeFrame(Type.JOINED, 2, profile("anna")),
      );
      const { id } = await raw.frameOf(Type.MESSAGE);
      await raw.write(encodeAck(id, { count: 1, outcome }));
      await raw.frameOf(Type.BYE);
    });
    using system = new FakeSystem();
    const args = ["send", addressOf(server), "--name", "anna", "--to", "ben", "psst"];
    assertEquals(await system.run(...args), 1);
    assertEquals(
      system.stderr.text,
      `chat: error: Cannot send this message: not delivered: ${reason}\n`,
    );
  }
});

Deno.test("send: exits with 1 if the room refuses the message, at once or later, with the reason", async () => {
  await using room = new TestRoom({ readOnly: true });
  using early = new FakeSystem();
  assertEquals(await early.run("send", addressOf(room), "hello"), 1);
  assertMatch(
    early.stderr.text,
    /^chat: error: Cannot send this: only moderators speak to this room\nchat: hint: .*--to MEMBER/,
  );
  const greeting = { version: 1, cipher: "xor", key: String(KEY), maxFrame: MAX_FRAME };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await using server = new Impostor(async (raw) => {
    const welcome = { room: 0, own: 0, members: 0 };
    await admitTo(raw, encodeFrame(Type.GREETING, 0, json(greeting)), 1, welcome);
    await raw.write(encodeFrame(Type.JOINED, 1, xor.seal(encodeProfile({ name: "anna" }))));
    await raw.frameOf(Type.MESSAGE);
    await raw.write(encodeAck(0, { count: 1, outcome: AckOutcome.REFUSED }));
    await raw.frameOf(Type.BYE);
  });
  using system = new FakeSystem();
  assertEquals(await system.run("send", addressOf(server), "--name", "anna", "hello"), 1);
  assertEquals(
    system.stderr.text,
    "chat: error: Cannot send this: you are silenced\n",
  );
});

Deno.test("send --file: waits until a member has received the file, and reports it on stderr", async () => {
  await using room = new TestRoom();
  using ben = new FakeSystem();
  const downloads = `${ben.folder}/downloads`;
  const leave = await receive(ben, room, "all");
  using anna = new FakeSystem();
  const path = anna.file("one.txt", "hello");
  const args = ["send", addressOf(room), "--name", "anna", "--file"];
  assertEquals(await anna.run(...args, path, "--to", "ben"), 0, anna.stderr.text);
  assertEquals(anna.stdout.text, "");
  assertMatch(anna.stderr.text, /^chat: .*one\.txt.*ben/m);
  assertEquals(Deno.readTextFileSync(`${downloads}/one.txt`), "hello");
  anna.file("many/a.txt", "a");
  anna.file("many/b.txt", "b");
  // Another file, though its name and content are the same.
  anna.file("many/more/a.txt", "a");
  assertEquals(await anna.run(...args, `${anna.folder}/many`), 0, anna.stderr.text);
  for (const name of ["a", "b", "more/a"]) {
    assertEquals(Deno.readTextFileSync(`${downloads}/many/${name}.txt`), name.at(-1));
  }
  await leave();
});

Deno.test("send --file: given several times, it waits until all files and folders are received", async () => {
  await using room = new TestRoom();
  using ben = new FakeSystem();
  const leave = await receive(ben, room, "all");
  using anna = new FakeSystem();
  const paths = [anna.file("one.txt", "1"), anna.file("with,comma.txt", "2")];
  anna.file("many/a.txt", "a");
  anna.file("many/b.txt", "b");
  const args = [...paths, `${anna.folder}/many`].flatMap((path) => ["--file", path]);
  const names = ["one", "with,comma", "many/a", "many/b"];
  for (const [to, copy] of [[[], ""], [["--to", "ben"], " (2)"]] as const) {
    const code = await anna.run("send", addressOf(room), "--name", "anna", ...args, ...to);
    assertEquals(code, 0, anna.stderr.text);
    for (const name of names) Deno.statSync(`${ben.folder}/downloads/${name}${copy}.txt`);
  }
  // Four files, and a folder with the other four.
  assertEquals([...Deno.readDirSync(`${ben.folder}/downloads`)].length, 5);
  await leave();
});

Deno.test("send --file: two files that are alike are both received", async () => {
  await using room = new TestRoom();
  using ben = new FakeSystem();
  const leave = await receive(ben, room, "ask");
  using anna = new FakeSystem();
  const files = ["a/one.txt", "b/one.txt"].map((path) => `--file=${anna.file(path, "hello")}`);
  const done = anna.run("send", addressOf(room), "--name", "anna", ...files);
  for (const number of [1, 2]) {
    await ben.stdout.lineLike(new RegExp(`^\\{"type":"offer".*"transfer":${number},`));
  }
  for (const number of [1, 2]) {
    ben.stdin.type(`{"type":"accept","transfer":${number}}\n`);
    // One after the other: she stays until she knows of both.
    await anna.stderr.lineLike(/^chat: sent one\.txt to ben/);
  }
  assertEquals(await done, 0, anna.stderr.text);
  await leave();
});

Deno.test("send --file: of several, one that is missing or declined makes it exit with 1 at once", async () => {
  await using room = new TestRoom();
  using ben = new FakeSystem();
  const leave = await receive(ben, room, "ask");
  using anna = new FakeSystem();
  const [one, two] = [anna.file("one.txt", "1"), anna.file("two.txt", "2")];
  const send = (...args: string[]) =>
    anna.run("send", addressOf(room), "--name", "anna", "--partial", "--to", "ben", ...args);
  assertEquals(await send("--file", one, "--file", `${one}x`, "--file", two), 1);
  assertMatch(anna.stderr.text, /^chat: .*one\.txtx/m);
  assert(!anna.stderr.text.includes("two.txt"), anna.stderr.text);
  const declined = send("--file", one, "--file", two);
  await ben.stdout.lineLike(/^\{"type":"offer".*"two\.txt"/);
  ben.stdin.type('{"type":"decline","transfer":"two.txt"}\n');
  assertEquals(await declined, 1);
  await leave();
});

posix(
  "send --file: sends the rest of a folder, lists what is left out, and exits with 1 or as --partial says",
  async () => {
    await using room = new TestRoom();
    using ben = new FakeSystem();
    const leave = await receive(ben, room, "all");
    using anna = new FakeSystem();
    const [folder, empty] = [`${anna.folder}/mixed`, `${anna.folder}/empty`];
    anna.file("mixed/a.txt", "a");
    Deno.mkdirSync(empty);
    for (const [name, of] of [["mixed/broken\x1b", "nowhere"], ["empty/link", "../mixed/a.txt"]]) {
      Deno.symlinkSync(of!, `${anna.folder}/${name}`);
    }
    const send = async (...args: string[]) => {
      anna.stderr.text = "";
      return await anna.run("send", addressOf(room), "--name", "anna", "--file", ...args);
    };
    const left = `chat: 1 entry of ${folder} is not offered: broken␛ (it is a link)\n`;
    for (const [args, code] of [[["--to", "ben"], 1], [[], 1], [["--partial"], 0]] as const) {
      assertEquals(await send(folder, ...args), code, anna.stderr.text);
      assertStringIncludes(anna.stderr.text, left);
      assertMatch(anna.stderr.text, /^chat: sent mixed\/a\.txt to ben/m);
    }
    // Nothing at all was sent.
    assertEquals(await send(empty, "--partial"), 1);
    assertEquals(anna.stderr.text.split("\n"), [
      `chat: 1 entry of ${empty} is not offered: link (it is a link)`,
      `chat: Cannot send ${empty}: it has no file that can be sent`,
      "",
    ]);
    await leave();
  },
);

Deno.test("send --file: a missing file or member exits with 1 and a reason", async () => {
  await using room = new TestRoom();
  using system = new FakeSystem();
  const path = system.file("one.txt", "hello");
  assertEquals(await system.run("send", addressOf(room), "--file", path, "--to", "nobody"), 1);
  assertStringIncludes(system.stderr.text, "chat: error: Cannot ");
  system.stderr.text = "";
  assertEquals(await system.run("send", addressOf(room), "--file", `${path}x`), 1);
  assertMatch(system.stderr.text, /^chat: .*one\.txtx/m);
  assertEquals([system.listeners, room.hub.size], [0, 0]);
});

Deno.test("send --file: a member that declines makes it exit with 1", async () => {
  await using room = new TestRoom();
  using ben = new FakeSystem();
  const leave = await receive(ben, room, "none");
  using anna = new FakeSystem();
  const path = anna.file("one.txt", "hello");
  assertEquals(await anna.run("send", addressOf(room), "--file", path, "--to", "ben"), 1);
  await leave();
});

Deno.test("send --file: reports the progress of a large file, with its speed and the time left", async () => {
  await using room = new TestRoom();
  const disk = new MemoryDisk();
  const held = Promise.withResolvers<void>();
  disk.onWrite = (offset) => offset === 0 ? undefined : held.promise;
  await using _ = await Guest.join(room, "ben", { files: { disk, accept: "all" } });
  using system = new FakeSystem();
  // Between two reports of progress.
  let now = 0;
  system.now = () => new Date(now += 5000);
  const path = system.file("large.bin", "x".repeat(16 * 1024 * 1024));
  const done = system.run("send", addressOf(room), "--file", path);
  const line = /^chat: sending large\.bin to ben: \d+% of 16 MiB, [\d.]+ \w+\/s, [\d:]+ left$/;
  await system.stderr.lineLike(line);
  held.resolve();
  assertEquals(await within("the end", done), 0);
});

Deno.test("send --file: a signal makes it leave; the exit code is 1 if nobody has the file", async () => {
  await using room = new TestRoom();
  await using _ = await Guest.join(room, "ben");
  using system = new FakeSystem();
  const path = system.file("one.txt", "hello");
  const done = system.run("send", addressOf(room), "--file", path);
  await system.stderr.lineLike(/^chat: .*one\.txt/);
  system.signal();
  assertEquals(await within("the end", done), 1);
  assertStringIncludes(system.stderr.text, "chat: error: Stopped before all files were received");
  assertEquals(system.listeners, 0);
});
