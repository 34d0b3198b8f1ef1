import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FakeSystem, ServedRoom } from "../tests/support/fake_system.ts";
import { Guest } from "../tests/support/loopback.ts";
import { MAX_CONNECTIONS } from "./admin_service.ts";
import { type AdminConnection, connectAdmin } from "./admin_socket.ts";
import { adminPath, findPlaces, findRooms, publishRoom } from "./home.ts";

const POSIX = Deno.build.os !== "windows";
const KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/** What `chat admin` does of one user: exit code, stdout, stderr. */
class Operator {
  constructor(readonly system: FakeSystem) {
    // The server has the clock of the machine.
    system.now = () => new Date();
  }

  async run(...args: string[]): Promise<[code: number, out: string, err: string]> {
    const { stdout, stderr } = this.system;
    const [out, err] = [stdout.text.length, stderr.text.length];
    const code = await this.system.run("admin", ...args);
    // The server writes its events to the same stderr.
    const lines = stderr.text.slice(err).split(/(?<=\n)/);
    const said = lines.filter((line) => /^chat: (?:error|hint|nobody|the server)/.test(line));
    return [code, stdout.text.slice(out), said.join("")];
  }

  /** Runs something that works; returns stdout. */
  async done(...args: string[]): Promise<string> {
    const [code, out, err] = await this.run(...args);
    assertEquals([code, err], [0, ""], out);
    return out;
  }

  /** As JSON; returns the objects. */
  async json(...args: string[]): Promise<Record<string, unknown>[]> {
    const [, out] = await this.run(...args, "--json");
    return out.trimEnd().split("\n").map((line) => JSON.parse(line));
  }
}

/** A user whose system has no Unix sockets. */
class WindowsSystem extends FakeSystem {
  override readonly os = "windows" as typeof Deno.build.os;
}

for (
  const [kind, systemOf] of [
    ...POSIX ? [["a Unix socket", () => new FakeSystem()] as const] : [],
    ["a port and a token", () => new WindowsSystem()] as const,
  ]
) {
  Deno.test(`chat admin: governs an xor room over ${kind}, with names; everybody sees what is done`, async () => {
    using system = systemOf();
    const operator = new Operator(system);
    await using room = await ServedRoom.open(system, "--cipher", "xor", "--key", "47");
    assertEquals(await operator.done("who"), `room ${room.address} (xor): 0 members\n`);
    await using ada = await Guest.join(room, "ada");
    await using bob = await Guest.join(room, "bob");
    assertMatch(
      await operator.done("who"),
      /^room .* \(xor\): 2 members\n#1 {2}ada {2}127\.0\.0\.1:\d+ +\S+\n#2 {2}bob {2}127\.0\.0\.1:\d+ +\S+\n$/,
    );
    assertEquals(await operator.done("silence", "bob", "too", "loud"), "silenced bob (#2)\n");
    const silenced = await ada.next("notice");
    assertEquals(
      [silenced.action, silenced.by, silenced.who?.name, silenced.reason],
      ["silence", undefined, "bob", "too loud"],
    );
    await bob.next("notice");
    assertMatch(await operator.done("who"), /#2 {2}bob .* silenced\n/);
    assertEquals(
      await operator.done("unsilence", "#2"),
      "bob (#2) may speak to the room again\n",
    );
    assertEquals(await operator.done("say", "back", "at", "5"), "announced\n");
    assertEquals(
      (await ada.next("notice", ({ action }) => action === "announce")).text,
      "back at 5",
    );
    assertEquals(await operator.done("topic", "release"), "set the topic\n");
    assertEquals((await ada.next("notice", ({ action }) => action === "topic")).text, "release");
    assertEquals(await operator.done("topic", "-"), "removed the topic\n");
    assertEquals(
      await operator.done("lock", "--reason", "we are complete"),
      "locked the room: it admits no newcomers\n",
    );
    assertStringIncludes(await operator.done("who"), "(xor, locked): 2 members");
    assertEquals(await operator.done("unlock"), "unlocked the room\n");
    assertMatch(
      await operator.done("ban", "bob", "2h", "spam"),
      /^removed bob \(#2\); no ban: 127\.0\.0\.1 is this machine or a proxy, or its network is unknown\n$/,
    );
    const { ending } = await bob.next("ended");
    assert(ending.reason === "refused" && ending.code === "removed", JSON.stringify(ending));
    assertEquals(await operator.done("kick", "ada"), "removed ada (#1)\n");
    assertEquals(await operator.done("who"), `room ${room.address} (xor): 0 members\n`);
    assertEquals(await operator.run("bans"), [0, "", "chat: nobody is banned\n"]);
  });
}

Deno.test("chat admin: as JSON, each line is an object; an error, too", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  await using room = await ServedRoom.open(system, "--cipher", "xor", "--key", "47");
  await using _ada = await Guest.join(room, "ada");
  const [shown, ada, end] = await operator.json("who");
  assertEquals([shown!["type"], shown!["key"], ada!["id"], ada!["name"], end], [
    ...["room", 47, 1, "ada"],
    { type: "done" },
  ]);
  assertEquals(await operator.json("readonly"), [{ type: "done" }]);
  assertEquals(await operator.json("unban", "7"), [
    { type: "error", code: "gone", message: "there is no ban with this number" },
  ]);
  assertEquals((await operator.run("unban", "7", "--json"))[0], 1);
  assertEquals(await operator.json("kick", "eve"), [{
    type: "error",
    code: "nobody",
    message: 'Cannot find "eve": no member is called that, or has this number',
    hint: "To see the members: chat admin who",
  }]);
});

Deno.test("chat admin: what cannot be done gets an error and a hint, and changes nothing", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  await using room = await ServedRoom.open(system, "--cipher", "xor");
  await using ada = await Guest.join(room, "ada");
  // Its name is the number of ada.
  await using _one = await Guest.join(room, "1");
  assertEquals(await operator.run("kick", "1"), [
    1,
    "",
    'chat: error: Cannot choose a member: several could be "1"\n' +
    "chat: hint: Write a number of chat admin who, such as #3\n",
  ]);
  const [code, out, err] = await operator.run("kick", "#9");
  assertEquals([code, out], [1, ""]);
  assertStringIncludes(err, 'Cannot find "#9": no member is called that, or has this number');
  assertStringIncludes(
    (await operator.run("op", KEY))[2],
    "Cannot make a moderator: in an xor room, nobody can prove a key",
  );
  assertEquals(
    (await operator.run("unban", "3"))[2],
    "chat: error: Cannot do this: there is no ban with this number\n",
  );
  assertEquals(ada.events.filter(({ type }) => type === "notice"), []);
});

Deno.test("chat admin: if too many programs ask at once, it says so", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  await using room = await ServedRoom.open(system, "--cipher", "xor");
  const path = adminPath(findPlaces(system.os, system.env), room.port);
  const others: AdminConnection[] = [];
  try {
    for (let i = 0; i < MAX_CONNECTIONS; i++) {
      const connection = (await connectAdmin(path, undefined))!;
      others.push(connection);
      await connection.write('{"action":"bans"}\n');
      assertEquals(await connection.line(), '{"type":"done"}');
    }
    assertEquals(await operator.run("bans"), [
      1,
      "",
      "chat: error: Cannot do this: too many programs ask at once\n",
    ]);
    assertEquals((await operator.json("who"))[0]!["code"], "busy");
  } finally {
    for (const connection of others) connection.close();
  }
});

Deno.test("serve: after a restart it says that the room is locked and read-only, as it was before", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  const args = ["--cipher", "xor", "--state", `${system.folder}/state`];
  {
    await using _ = await ServedRoom.open(system, ...args);
    await operator.done("lock");
    await operator.done("readonly");
  }
  using again = new FakeSystem();
  await using _ = await ServedRoom.open(again, ...args);
  await again.stderr.lineLike(/^chat: the room is locked: newcomers need chat admin unlock$/);
  await again.stderr.lineLike(
    /^chat: only moderators speak to the room, until chat admin writable$/,
  );
});

Deno.test("chat admin: in a sealed room members are numbers, because the server knows no names", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  await using room = await ServedRoom.open(system);
  const code = await room.code();
  await using ada = await Guest.join(room, "ada", { code });
  assertMatch(
    (await operator.run("who")).slice(1).join(""),
    /^room \S+ \(sealed\): 1 member\n#1 {2}127\.0\.0\.1:\d+ +\S+\nchat: the server of a sealed room knows no names; /,
  );
  const [, , err] = await operator.run("kick", "ada");
  assertStringIncludes(err, 'Cannot find "ada": the server of a sealed room knows no names');
  assertStringIncludes(err, "/whois ada shows it");
  assertEquals(await operator.done("op", KEY), `made ${KEY} a moderator\n`);
  assertEquals((await operator.json("who"))[0]!["moderators"], [KEY]);
  assertEquals(await operator.done("deop", KEY), `${KEY} is no moderator any more\n`);
  assertEquals(await operator.done("kick", "1", "wrong", "room"), "removed #1\n");
  assertEquals((await ada.next("ended")).ending.reason, "refused");
});

Deno.test("chat admin: finds the only room of the user, or the one at a port; or a socket by its path", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  const [code, , none] = await operator.run("who");
  assertEquals(code, 1);
  assertStringIncludes(none, "Cannot find a room that you have open on this machine");
  const path = `${system.folder}/own`;
  await using first = await ServedRoom.open(system, "--cipher", "xor", "--admin", path);
  assertStringIncludes(await operator.done("who"), first.address);
  await using second = await ServedRoom.open(system, "--cipher", "xor");
  {
    const [, , several] = await operator.run("who");
    assertStringIncludes(several, "Cannot choose a room: you have 2 open on this machine");
    assertStringIncludes(several, `--port ${second.port} or --port ${first.port}`);
    assertStringIncludes(await operator.done("who", "--port", `${second.port}`), second.address);
    assertStringIncludes(await operator.done("who", "--socket", path), first.address);
  }
  // A service has another home: only the path leads to its room.
  using other = new FakeSystem();
  assertStringIncludes(await new Operator(other).done("who", "--socket", path), first.address);
  const [, , wrong] = await operator.run("who", "--socket", `${path}-x`);
  assertStringIncludes(wrong, "no server is listening there");
  const [, , closed] = await operator.run("who", "--port", "1");
  assertStringIncludes(closed, "Cannot find a room that you have open at port 1 of this machine");
});

Deno.test("serve --admin: if the socket cannot be opened, no room opens; without a folder for it, one does", async () => {
  using system = new FakeSystem();
  const path = system.file("taken", "mine");
  const serve = ["serve", "--port", "0", "--cipher", "xor", "--admin", path];
  if (POSIX) {
    assertEquals(await system.run(...serve), 1);
    assertStringIncludes(system.stderr.text, "the file is not a socket");
    assertEquals(system.stdout.text, "");
    assertEquals(findRooms(findPlaces(system.os, system.env)), []);
  }
  using homeless = new FakeSystem({ HOME: "", XDG_RUNTIME_DIR: "", LOCALAPPDATA: "", APPDATA: "" });
  await using room = await ServedRoom.open(homeless, "--cipher", "xor");
  await homeless.stderr.lineLike(
    /^chat: `chat admin` cannot reach this room\. Cannot find the fold/,
  );
  assert(room.port > 0);
});

Deno.test("chat admin close: tells why, ends all sessions, and returns when port and folder are free", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  const state = ["--state", `${system.folder}/state`];
  const room = await ServedRoom.open(system, ...state);
  const code = await room.code();
  const ada = await Guest.join(room, "ada", { code });
  assertEquals(await operator.done("close", "--reason", "a new code"), "closed the room\n");
  const { ending } = await ada.next("ended");
  assert(ending.reason === "refused" && ending.code === "closed", JSON.stringify(ending));
  assertStringIncludes(ending.message, "a new code");
  // The next start does not wait for the end of the first.
  const next = system.run("serve", ...state, "--port", `${room.port}`);
  await system.stdout.lineLike(/^listening /);
  assertEquals(await room.done, 0);
  system.signal();
  assertEquals(await next, 0);
  await ada[Symbol.asyncDispose]();
});

Deno.test("chat admin close: the host's own screen ends, too", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  const room = await ServedRoom.open(system, "--cipher", "xor", "--join", "--stay");
  await system.stderr.lineLike(/^here: /);
  await operator.run("close", "good", "night");
  assertEquals(await room.done, 1);
  assertStringIncludes(system.stderr.text, "the operator has closed the room: good night");
});

Deno.test("chat admin drain: admits no newcomers, and the server ends with the last member", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  const room = await ServedRoom.open(system, "--cipher", "xor");
  const ada = await Guest.join(room, "ada");
  assertEquals(
    await operator.done("drain"),
    "the room admits no newcomers, and closes when the last member has left\n",
  );
  assertStringIncludes(await operator.done("who"), "(xor, closes with its last member): 1 member");
  let refusal: unknown;
  await Guest.join(room, "bob").catch((error) => refusal = error);
  assertMatch(String(refusal), /locked/);
  await ada[Symbol.asyncDispose]();
  assertEquals(await room.done, 0);
  // Without members, at once.
  const empty = await ServedRoom.open(system, "--cipher", "xor");
  await operator.done("drain", "--port", `${empty.port}`);
  assertEquals(await empty.done, 0);
});

Deno.test("chat admin: a program at the socket that is no server of a room gets an error, not a crash", async () => {
  using system = new FakeSystem();
  const operator = new Operator(system);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const token = "A".repeat(22);
  const path = system.file("other", JSON.stringify({ port: listener.addr.port, token }));
  const places = findPlaces(system.os, system.env);
  publishRoom(places, { hostname: "127.0.0.1", port: 2428, admin: path });
  for (
    const [answer, message] of [
      ["", "its server has ended"],
      ["HTTP/1.1 400 Bad Request\r\n\r\n", "it is not JSON"],
      ['{"type":"done"}\n', "the answer names no room"],
      [
        '{"type":"room","cipher":"xor","key":1e9}\n{"type":"member"}\n{"type":"done"}\n',
        "no number",
      ],
      ['{"type":"error","message":"\\u001b[2J"}\n', "Cannot list the members: ␛[2J"],
      [`${"x".repeat(40_000)}\n`, "it has more than"],
    ] as const
  ) {
    const answered = listener.accept().then(async (conn) => {
      await conn.read(new Uint8Array(100));
      for (const bytes = new TextEncoder().encode(answer); bytes.length > 0;) {
        await conn.write(bytes).catch(() => {});
        break;
      }
      conn.close();
    });
    const [code, out, err] = await operator.run("who");
    await answered;
    assertEquals([code, out], [1, ""]);
    assertStringIncludes(err, message);
  }
});
