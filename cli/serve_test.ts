import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { fingerprint, Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { WrongCode } from "../errors.ts";
import type { Ending } from "../room.ts";
import { within } from "../tests/support/async.ts";
import { FakeSystem, ServedRoom } from "../tests/support/fake_system.ts";
import { FakeTty } from "../tests/support/fake_terminal.ts";
import { Guest, Raw } from "../tests/support/loopback.ts";
import { SEGMENT_HEADER } from "../server/segment.ts";
import { findPlaces, findRooms, type LocalRoom, publishRoom } from "./home.ts";

const CODE = "correct horse battery staple";
const OTHER_CODE = "abandon ability able about";

function roomsOf({ os, env }: FakeSystem) {
  return findRooms(findPlaces(os, env)).map(({ admin: _, ...room }) => room);
}

/** The files in a state folder that are not empty, and what is in them. */
function kept(folder: string): [string, string][] {
  return Array.from(Deno.readDirSync(folder), ({ name }): [string, string] => [
    name,
    Deno.readTextFileSync(`${folder}/${name}`),
  ]).filter(([name, text]) => text !== "" && !name.startsWith("log-"));
}

/** Asserts that a command fails with this code, prints nothing on stdout, and says this on stderr. */
async function assertFails(
  system: FakeSystem,
  args: string[],
  message: RegExp,
  code = 1,
): Promise<void> {
  system.stderr.text = "";
  assertEquals([await system.run("serve", ...args), system.stdout.text], [code, ""]);
  assertMatch(system.stderr.text, message);
  assertEquals(system.listeners, 0);
}

Deno.test("serve: prints address and code on stdout, everything else on stderr", async () => {
  using system = new FakeSystem();
  await using room = await ServedRoom.open(system);
  const code = await room.code();
  await system.stderr.lineLike(/^chat: join it with/);
  assertEquals(system.stdout.text, `listening ${room.address}\ncode ${code}\n`);
  assertEquals(system.stderr.text.split("\n"), [
    "chat: the room is open and sealed: only people with the code can join or read it",
    "chat: only this machine can reach it; for others: --host 0.0.0.0",
    `chat: join it with: chat join ${room.address}`,
    "",
  ]);
  const [{ record, ticket, ...published }, ...others] = roomsOf(system) as [LocalRoom];
  assertEquals([published, others], [{ hostname: "127.0.0.1", port: room.port, code }, []]);
  // Members that come back do not try their code in a room with another record.
  assertMatch(record!, /^[\w-]{22}$/);
  // With this, wrong codes of other users of the machine cannot lock this one out.
  assertMatch(ticket!, /^[\w-]{22}$/);
});

Deno.test("serve: gives up its permissions once it listens, and admits people with the code", async () => {
  using system = new FakeSystem();
  await using room = await ServedRoom.open(system);
  const code = await room.code();
  await using ben = await Guest.join(room, "ben", { code });
  await ben.say("Right?");
  assertEquals(system.hasPermissions, false);
  await system.stderr.lineLike(/^chat: member \d+ .*127\.0\.0\.1/);
});

Deno.test("serve: a signal says goodbye to the members and ends with 0; a second one ends at once", async () => {
  using system = new FakeSystem();
  const room = await ServedRoom.open(system, "--cipher", "xor");
  await using ben = await Guest.join(room, "ben");
  assert(system.signal());
  await ben.ended;
  assertEquals(ben.client.ending?.reason, "stopped");
  assertEquals([await room.done, system.exitCode, system.listeners], [0, undefined, 0]);
  using impatient = new FakeSystem();
  const other = await ServedRoom.open(impatient, "--cipher", "xor");
  impatient.signal();
  impatient.signal();
  assertEquals(impatient.exitCode, 1);
  await other.done;
});

Deno.test({
  name: "serve: publishes no code where others could replace it, and says how to correct that",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using system = new FakeSystem();
    const folder = `${system.folder}/run`;
    Deno.mkdirSync(folder);
    Deno.chmodSync(folder, 0o777);
    await using _ = await ServedRoom.open(system);
    await system.stderr.lineLike(/^chat: join it with/);
    assertStringIncludes(
      system.stderr.text,
      "chat: `chat join` needs the address to find this room. " +
        `Cannot use ${folder}/chat: other users of this machine can change files in ${folder}\n` +
        `chat: hint: Protect the folder: chmod go-w ${folder}\n`,
    );
    assertEquals([...Deno.readDirSync(folder)], []);
  },
});

Deno.test("serve --cipher xor: says that the room is not secret, and draws no code", async () => {
  using system = new FakeSystem();
  await using room = await ServedRoom.open(system, "--cipher", "xor", "--key", "47", "--classic");
  await system.stderr.lineLike(
    /^chat: the room is open\. NOT SECRET: anyone on the network can read it \(xor, key 47\)$/,
  );
  await system.stderr.lineLike(/^chat: classic clients can join, too$/);
  await system.stderr.lineLike(/^chat: join it with/);
  assertEquals(system.stdout.text, `listening ${room.address}\n`);
  assertEquals(roomsOf(system), [{ hostname: "127.0.0.1", port: room.port }]);
});

Deno.test("serve --trust-proxy: reports that the proxy is needed, and takes addresses from its header", async () => {
  using system = new FakeSystem();
  await using room = await ServedRoom.open(
    system,
    ...["--cipher", "xor", "--trust-proxy", "192.0.2.1,127.0.0.1"],
  );
  await system.stderr.lineLike(/^chat: join it through the proxy, also on this machine$/);
  const raw = await Raw.connect(room);
  // From 192.0.2.7:51234 to 198.51.100.1:2428.
  await raw.write(Uint8Array.fromHex(
    "0d0a0d0a000d0a515549540a" + "2111000c" + "c0000207" + "c6336401" + "c822" + "097c",
  ));
  await raw[Symbol.asyncDispose]();
  await system.stderr.lineLike(/^chat: refused 192\.0\.2\.7:51234: /);
});

Deno.test("serve --log json: prints each event with its time, the addresses included", async () => {
  using system = new FakeSystem();
  await using room = await ServedRoom.open(system, "--cipher", "xor", "--log", "json");
  const event = JSON.parse(await system.stderr.lineLike(/^\{/));
  assertEquals([event.event, event.address], ["listening", room.address]);
  assertEquals(new Date(event.time), system.now());
  await using _ = await Guest.join(room, "ben");
  assertNotEquals(JSON.parse(await system.stderr.lineLike(/^\{/)).event, "listening");
});

Deno.test("serve --host 0.0.0.0: lists the addresses of the machine, its own first", async () => {
  using system = new FakeSystem();
  const room = await ServedRoom.open(system, "--host", "0.0.0.0");
  await system.stderr.lineLike(
    new RegExp(`^chat: join it with: chat join 192.0.2.7:${room.port}$`),
  );
  assertStringIncludes(
    system.stdout.text,
    `listening 127.0.0.1:${room.port}\nlistening 192.0.2.7:${room.port}\ncode `,
  );
  assert(!system.stderr.text.includes("only this machine"), system.stderr.text);
  await room[Symbol.asyncDispose]();
});

Deno.test("serve --status: serves metrics; if it cannot, no room opens", async () => {
  using system = new FakeSystem();
  await using _ = await ServedRoom.open(system, "--cipher", "xor", "--status", "0");
  const line = await system.stderr.lineLike(/^chat: the metrics are at http:/);
  const url = line.replace("chat: the metrics are at ", "");
  const response = await fetch(url);
  assertStringIncludes(await response.text(), "chat_members 0\n");
  using other = new FakeSystem();
  const port = new URL(url).port;
  await assertFails(
    other,
    ["--port", "0", "--status", port],
    /^chat: error: .*in use\nchat: hint: /,
  );
  assertEquals(roomsOf(other), []);
});

Deno.test("serve: a port in use ends with 1, and the hint suggests another; metrics are stopped", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using system = new FakeSystem();
  const { port } = listener.addr;
  await assertFails(
    system,
    ["--port", String(port), "--status", "0"],
    new RegExp(`: the port is in use\nchat: hint: .*chat serve --port ${port + 1}\n$`),
  );
});

Deno.test("serve: if it cannot show address and code, it ends with 1, and keeps no code", async () => {
  using system = new FakeSystem();
  system.stdout.failure = Object.assign(new Error("(os error 28)"), { code: "ENOSPC" });
  const folder = system.file("kept/other", "").replace("/other", "");
  await assertFails(
    system,
    ["--port", "0", "--state", `${folder}/state`],
    /^chat: error: Cannot write the output: no space is left on the disk$/m,
  );
  assertEquals(kept(`${folder}/state`), []);
});

Deno.test("serve: takes the code from CHAT_CODE or a file, and does not print it", async () => {
  for (const kind of ["variable", "file"]) {
    using system = new FakeSystem(kind === "variable" ? { CHAT_CODE: CODE } : {});
    const path = system.file("code", "Correct-Horse battery  STAPLE\n");
    const args = kind === "file" ? ["--code-file", path] : [];
    await using room = await ServedRoom.open(system, ...args);
    await using _ = await Guest.join(room, "ben", { code: CODE });
    assertEquals(system.stdout.text, `listening ${room.address}\n`);
    assert(!/staple/i.test(system.stderr.text), system.stderr.text);
  }
});

Deno.test("serve: refuses a code that is too short, and a code file without a code", async () => {
  using system = new FakeSystem();
  const short = system.file("short", "able\n");
  await assertFails(
    system,
    ["--code-file", short],
    /Cannot use this code: a code .*\nchat: hint: /,
  );
  const empty = system.file("empty", "\nable\n");
  await assertFails(system, ["--code-file", empty], /: its first line is empty\nchat: hint: .*\n$/);
  await assertFails(
    system,
    ["--code-file", `${empty}x`],
    /Cannot read the code from .*emptyx: it does not exist\n/,
  );
});

Deno.test("serve --ask-code: asks at the terminal without showing the answer", async () => {
  using system = new FakeSystem();
  await assertFails(
    system,
    ["--ask-code"],
    /Cannot ask for the code: the input is not a terminal\nchat: hint: Set CHAT_CODE/,
  );
  system.stdin.becomeTerminal();
  system.stdin.type(`${CODE}\r`);
  await using room = await ServedRoom.open(system, "--ask-code");
  await using _ = await Guest.join(room, "ben", { code: CODE });
  assertStringIncludes(system.stderr.text, "Code of the room: \n");
  assert(!system.stderr.text.includes("staple"));
  assertEquals(system.stdin.raw, false);
});

Deno.test("serve --state: keeps the code across restarts, and prints it only once", async () => {
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  let code: string;
  {
    await using room = await ServedRoom.open(system, "--state", state);
    code = await room.code();
  }
  system.stdout.text = "";
  {
    using again = new FakeSystem();
    await using room = await ServedRoom.open(again, "--state", state);
    await again.stderr.lineLike(/^chat: the code is unchanged \(kept in .*state\)$/);
    await using _ = await Guest.join(room, "ben", { code });
    assertEquals(again.stdout.text, `listening ${room.address}\n`);
    // Its code is unknown here. A user who types it has separate tries all the same.
    const [{ code: unknown, record, ticket }] = roomsOf(again) as [LocalRoom];
    assertEquals([unknown, record?.length, ticket?.length], [undefined, 22, 22]);
  }
  using wrong = new FakeSystem({ CHAT_CODE: OTHER_CODE });
  await assertFails(
    wrong,
    ["--port", "0", "--state", state],
    /Cannot use this code: .*state keeps another one\nchat: hint: Give the code/,
  );
});

Deno.test("serve --state --new-code: draws another code, and says so; the old one is wrong then", async () => {
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  let old: string;
  {
    await using room = await ServedRoom.open(system, "--state", state);
    old = await room.code();
  }
  const [, before] = kept(state)[0]!;
  // A room that cannot open keeps its code.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using failing = new FakeSystem();
  const port = String(listener.addr.port);
  await assertFails(
    failing,
    ["--port", port, "--state", state, "--new-code"],
    /the port is in use/,
  );
  assertEquals(kept(state), [["code", before]]);
  using again = new FakeSystem();
  await using room = await ServedRoom.open(again, "--state", state, "--new-code");
  const code = await room.code();
  await again.stderr.lineLike(
    /^chat: the room has a new code: the old one is not valid any more$/,
  );
  assertNotEquals(code, old);
  await assertRejects(() => Guest.join(room, "ben", { code: old }), WrongCode);
  await using _ = await Guest.join(room, "ben", { code });
});

Deno.test("serve --state --new-code: moderators stay, and sessions of before are over", async () => {
  using system = new FakeSystem({ CHAT_CODE: CODE });
  const state = `${system.folder}/state`;
  const [identity, appointed] = [Identity.generate(), Identity.generate()];
  const [key, other] = [identity, appointed].map(({ publicKey }) => fingerprint(publicKey));
  const self = () => ({ identity, knownNames: new KnownNames() });
  {
    const args = ["--state", state, "--moderator", key!];
    await using room = await ServedRoom.open(system, ...args);
    await using host = await Guest.join(room, "host", { code: CODE, self });
    host.client.moderate({ action: "op", member: other! });
    await host.next("notice", ({ action }) => action === "op");
  }
  using again = new FakeSystem({ CHAT_CODE: OTHER_CODE });
  await using room = await ServedRoom.open(again, "--state", state, "--new-code");
  await using carl = await Guest.join(room, "carl", { code: OTHER_CODE });
  const { client } = carl;
  assertEquals([...client.governance.moderators].sort(), [key!, other!].sort());
  assertEquals(client.size, 1);
});

Deno.test("serve --state --new-code: takes the code that the user gives, unless the room has it already", async () => {
  using system = new FakeSystem({ CHAT_CODE: CODE });
  const state = `${system.folder}/state`;
  {
    await using _ = await ServedRoom.open(system, "--state", state);
  }
  const before = kept(state);
  using same = new FakeSystem({ CHAT_CODE: CODE });
  await assertFails(
    same,
    ["--port", "0", "--state", state, "--new-code"],
    /Cannot use this code as the new one: the room has it already\nchat: hint: Give another one/,
  );
  assertEquals(kept(state), before);
  using other = new FakeSystem({ CHAT_CODE: OTHER_CODE });
  await using room = await ServedRoom.open(other, "--state", state, "--new-code");
  await using _ = await Guest.join(room, "ben", { code: OTHER_CODE });
  assert(!other.stdout.text.includes("code"));
});

Deno.test("serve: a room with a drawn code ends for good with its server; one that can open again pauses", async () => {
  const closed = {
    reason: "refused",
    code: "closed",
    message: "the server has closed the room for good",
  } as const;
  const stopped = { reason: "stopped" } as const;
  const cases: [args: string[], env: Record<string, string>, ending: Ending][] = [
    [[], {}, closed],
    [["--state"], {}, stopped],
    [[], { CHAT_CODE: CODE }, stopped],
    [["--cipher", "xor"], {}, stopped],
  ];
  for (const [args, env, ending] of cases) {
    using system = new FakeSystem(env);
    const folder = args.includes("--state") ? [`${system.folder}/state`] : [];
    const room = await ServedRoom.open(system, ...args, ...folder);
    const isDrawn = !args.includes("--cipher") && !env["CHAT_CODE"];
    const code = isDrawn ? await room.code() : env["CHAT_CODE"];
    await using ben = await Guest.join(room, "ben", { ...(code && { code }) });
    system.signal();
    await ben.ended;
    assertEquals(ben.client.ending, ending, args.join());
    assertEquals(await room.done, 0);
  }
});

Deno.test("serve --state: a room that cannot open keeps no code", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  const { port } = listener.addr;
  await assertFails(system, ["--port", String(port), "--state", state], /the port is in use/);
  assertEquals(kept(state), []);
});

Deno.test("serve --state: the room continues after a stop, also if a start between fails and the machine restarts", async () => {
  using system = new FakeSystem();
  const args = ["--cipher", "xor", "--state", `${system.folder}/state`];
  {
    await using room = await ServedRoom.open(system, ...args);
    await using _ = await Guest.join(room, "ben");
  }
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using failing = new FakeSystem();
  await assertFails(
    failing,
    ["--port", String(listener.addr.port), ...args],
    /the port is in use/,
  );
  using restarted = new FakeSystem();
  restarted.uptime = () => 60;
  await using _ = await ServedRoom.open(restarted, ...args);
  await restarted.stderr.lineLike(/^chat: the room continues where it stopped \(\d in the room\)$/);
});

Deno.test("serve --state: names the file that is damaged", async () => {
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  await (await ServedRoom.open(system, "--state", state))[Symbol.asyncDispose]();
  const bytes = Deno.readFileSync(`${state}/log-0`);
  bytes[SEGMENT_HEADER + 100]! ^= 1;
  Deno.writeFileSync(`${state}/log-0`, bytes);
  const args = ["--port", "0", "--state", state];
  using other = new FakeSystem();
  await assertFails(other, args, /^chat: error: Cannot use .*state\/log-0: it is damaged \(/);
  assertEquals(Deno.readFileSync(`${state}/log-0`), bytes);
  // It is not locked, nor changed.
  using again = new FakeSystem();
  await using _ = await ServedRoom.open(again, "--state", state, "--new-log");
  await again.stderr.lineLike(/^chat: the code is unchanged/);
});

Deno.test("serve --state --cipher xor: keeps the key across restarts, also for classic clients", async () => {
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  const args = ["--cipher", "xor", "--classic", "--state", state];
  let line: string;
  {
    await using _ = await ServedRoom.open(system, ...args);
    line = await system.stderr.lineLike(/^chat: the room is open\..* key \d+\)$/);
    await system.stderr.lineLike(/^chat: join it with/);
    assert(!system.stderr.text.includes("unchanged"), system.stderr.text);
  }
  const before = kept(state);
  assertEquals(before.map(([name]) => name), ["key"]);
  const key = Number(/key (\d+)/.exec(line)![1]);
  for (const given of [[], ["--key", String(key)]]) {
    using again = new FakeSystem();
    await using room = await ServedRoom.open(again, ...args, ...given);
    assertEquals(await again.stderr.lineLike(/^chat: the room is open/), line);
    await again.stderr.lineLike(/^chat: the key is unchanged \(kept in .*state\)$/);
    await using _ = await Guest.join(room, "ben");
  }
  const other = key ^ 1;
  using wrong = new FakeSystem();
  await assertFails(
    wrong,
    ["--port", "0", ...args, "--key", String(other)],
    new RegExp(`Cannot use the key ${other}: .*state keeps the key ${key}\nchat: hint: Leave out`),
  );
  await assertFails(
    wrong,
    ["--port", "0", "--state", state],
    /state with the cipher sealed: its room has the cipher xor\nchat: hint: Add --cipher xor,/,
  );
  assertEquals(kept(state), before);
});

Deno.test("serve --state --cipher xor: a room that cannot open keeps no key", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  await assertFails(
    system,
    ["--port", String(listener.addr.port), "--cipher", "xor", "--state", state],
    /the port is in use/,
  );
  assertEquals(kept(state), []);
});

Deno.test("serve --state: one server at a time uses the folder", async () => {
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  {
    await using _ = await ServedRoom.open(system, "--state", state);
    using other = new FakeSystem();
    await assertFails(
      other,
      ["--port", "0", "--state", state],
      /^chat: error: Cannot use .*state: another server is using it\nchat: hint: Stop that server,/,
    );
  }
  await using _ = await ServedRoom.open(system, "--state", state);
});

Deno.test("serve --state: a code that was saved with the name of the record needs no check: members wait for a killed server", async () => {
  using system = new FakeSystem();
  const state = `${system.folder}/state`;
  {
    await using room = await ServedRoom.open(system, "--state", state);
    await room.code();
  }
  // A code that a check would refuse shows that there was none.
  const [saved] = roomsOf(system) as [LocalRoom];
  publishRoom(findPlaces(system.os, system.env), { ...saved, code: CODE });
  await using _ = await ServedRoom.open(system, "--state", state);
  assertEquals(roomsOf(system).map(({ code }) => code), [CODE, CODE]);
  assertNotEquals(saved.code, CODE);
});

Deno.test("serve --state --join: asks for a code that is not saved, until it is right", async () => {
  using first = new FakeSystem({ CHAT_CODE: CODE });
  const state = `${first.folder}/state`;
  await (await ServedRoom.open(first, "--state", state))[Symbol.asyncDispose]();
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdin.type(`${OTHER_CODE}\r${CODE}\r`);
  const done = system.run("serve", "--port", "0", "--state", state, "--join");
  await system.stderr.lineLike(/^chat: error: Cannot use this code: /);
  await system.stderr.lineLike(/^here: ada/);
  system.signal();
  assertEquals(await done, 0);
});

Deno.test("serve --join: joins the room in a pipe, and closes it at the end of the input", async () => {
  using system = new FakeSystem();
  const room = await ServedRoom.open(system, "--join", "--name", "anna");
  await using ben = await Guest.join(room, "ben", { code: await room.code() });
  system.stdin.type("So it starts!\n");
  await ben.next("message", ({ text }) => text === "So it starts!");
  system.stdin.end();
  assertEquals(await room.done, 0);
  await ben.ended;
  assertMatch(system.stdout.text, /^listening .*\ncode .*\nanna: So it starts!\n$/);
  // It keeps the names that it meets, so it needs its files; and the log would only repeat the screen.
  assertEquals(system.hasPermissions, true);
  assert(!system.stderr.text.includes("chat: member"), system.stderr.text);
});

/** A terminal whose writes can be made to fail. */
class FaultyTty extends FakeTty {
  fault: Error | undefined;
  readonly #started = Promise.withResolvers<void>();
  readonly started: Promise<void> = this.#started.promise;

  override write(text: string): void {
    if (this.fault) throw this.fault;
    super.write(text);
    this.#started.resolve();
  }
}

Deno.test("serve --join: a crash of the screen does not end the room, which has a log from then on", async () => {
  const crashes: ((system: FakeSystem, tty: FaultyTty) => void)[] = [
    (_, tty) => tty.fault = new TypeError("a test"),
    (system) => system.crash(new TypeError("a test")),
  ];
  for (const crash of crashes) {
    using system = new FakeSystem();
    system.stdin.becomeTerminal();
    system.stdout.becomeTerminal();
    const tty = new FaultyTty();
    system.tty = tty;
    const room = await ServedRoom.open(system, "--cipher", "xor", "--join", "--name", "anna");
    await using ben = await Guest.join(room, "ben");
    await within("the screen", tty.started);
    crash(system, tty);
    await ben.say("Right?");
    await system.stderr.lineLike(/^chat: error: This is a bug in chat: TypeError: a test/);
    await system.stderr.lineLike(/^chat: the room goes on without the screen; Ctrl-C closes it$/);
    await ben.next("left", ({ who }) => who.name === "anna");
    assertEquals(tty.raw, false);
    await using carl = await Guest.join(room, "carl");
    await system.stderr.lineLike(/^chat: member \d+ joined/);
    await ben.say("Still here.");
    await carl.next("message", ({ text }) => text === "Still here.");
    assert(system.signal());
    await carl.ended;
    assertEquals(carl.client.ending?.reason, "stopped");
    assertEquals([await room.done, system.exitCode, system.listeners], [0, undefined, 0]);
    await tty.drawn();
  }
});

Deno.test("serve --join: a window that is closed ends the room", async () => {
  using system = new FakeSystem();
  system.stdin.becomeTerminal();
  system.stdout.becomeTerminal();
  const tty = new FaultyTty();
  system.tty = tty;
  const room = await ServedRoom.open(system, "--cipher", "xor", "--join", "--name", "anna");
  await using ben = await Guest.join(room, "ben");
  await within("the screen", tty.started);
  // SIGHUP may follow more than once, which is not a user who asks twice.
  tty.typeLast(null);
  for (let i = 0; i < 2; i++) system.signal("SIGHUP");
  await ben.ended;
  assertEquals(ben.client.ending?.reason, "stopped");
  assertEquals([await room.done, system.exitCode], [129, undefined]);
  assert(!system.stderr.text.includes("goes on"));
  await tty.drawn();
});

Deno.test("serve --join: a person at plain lines is asked once before the room closes; SIGTERM never asks", async () => {
  const QUESTION = /^You host this room; leaving closes it for 1 other\. (\S+) again to close it$/;
  for (const end of ["SIGINT", "SIGTERM", "/quit"] as const) {
    using system = new FakeSystem();
    system.stdin.becomeTerminal();
    system.stderr.becomeTerminal();
    const room = await ServedRoom.open(system, "--cipher", "xor", "--join", "--name", "anna");
    await using ben = await Guest.join(room, "ben");
    await system.stderr.lineLike(/^ben joined/);
    const asks = async () => QUESTION.exec(await system.stderr.lineLike(/^You host/))?.[1];
    system.signal("SIGINT");
    assertEquals(await asks(), "Ctrl-C");
    system.stdin.type("not yet\n");
    await ben.next("message", ({ text }) => text === "not yet");
    system.stdin.type("/quit\n");
    assertEquals(await asks(), "/quit");
    if (end === "/quit") system.stdin.type("/quit\n");
    else system.signal(end);
    await ben.ended;
    assertEquals([await room.done, system.exitCode, system.listeners], [0, undefined, 0]);
  }
});

Deno.test("serve --join: programs are not asked: neither JSON nor a pipe, at SIGINT, `leave` and the end of the input", async () => {
  const ends: [args: string[], end: (system: FakeSystem) => void][] = [
    [["--json"], (system) => system.signal("SIGINT")],
    [["--json"], ({ stdin }) => stdin.type('{"type":"leave"}\n')],
    [["--json"], ({ stdin }) => stdin.end()],
    [["--plain"], (system) => system.signal("SIGINT")],
    [["--plain"], ({ stdin }) => stdin.end()],
  ];
  for (const [args, end] of ends) {
    using system = new FakeSystem();
    system.stderr.becomeTerminal();
    const room = await ServedRoom.open(system, "--cipher", "xor", "--join", ...args);
    await using ben = await Guest.join(room, "ben");
    const stream = args[0] === "--json" ? system.stdout : system.stderr;
    await stream.lineLike(/ben joined|"joined"/);
    end(system);
    await ben.ended;
    assertEquals([await room.done, system.exitCode], [0, undefined]);
    assert(!system.stderr.text.includes("You host"), system.stderr.text);
  }
});

Deno.test("serve --join: with its output in files, as under nohup, the room outlives its input", async () => {
  const losses: [lose: (system: FakeSystem) => void, reason: string][] = [
    // GNU's nohup replaces a terminal with something that cannot be read.
    [
      ({ stdin }) => stdin.fail(Object.assign(new Error("(os error 9)"), { code: "EBADF" })),
      "it is closed",
    ],
    // BSD's leaves it, and its window is closed later.
    [
      ({ stdin }) => {
        stdin.becomeTerminal();
        stdin.hangUp();
      },
      "the terminal has gone",
    ],
  ];
  for (const [lose, reason] of losses) {
    using system = new FakeSystem();
    if (reason.includes("terminal")) system.stdin.becomeTerminal();
    const room = await ServedRoom.open(system, "--cipher", "xor", "--join", "--name", "anna");
    await using ben = await Guest.join(room, "ben");
    lose(system);
    await system.stderr.lineLike(new RegExp(`^chat: Cannot read the input: .*${reason}`));
    await system.stderr.lineLike(
      /^chat: the room goes on without the screen; SIGTERM closes it$/,
    );
    await ben.next("left", ({ who }) => who.name === "anna");
    await ben.say("Still here.");
    assert(system.signal());
    await ben.ended;
    assertEquals([await room.done, system.exitCode, system.listeners], [0, undefined, 0]);
  }
});

Deno.test("serve --join: an invalid config file is an error before the room opens; without --join it is ignored", async () => {
  using system = new FakeSystem();
  const config = system.file("bad.toml", 'thme = "dark"');
  await assertFails(
    system,
    ["--port", "0", "--join", "--config", config],
    /line 1: unknown setting "thme"; use name, .*\nchat: hint: Did you mean theme or time\?\n$/,
  );
  assertEquals(roomsOf(system), []);
});

Deno.test("serve: without a home folder it opens the room, and reports what chat join needs", async () => {
  using system = new FakeSystem();
  for (const name of ["HOME", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"]) {
    delete system.variables[name];
  }
  await using _ = await ServedRoom.open(system, "--cipher", "xor");
  await system.stderr.lineLike(
    /^chat: `chat join` needs the address to find this room\. Cannot find the folder .* is not set, or not UTF-8$/,
  );
});

Deno.test("serve --join: a downloads folder that cannot be one is an error before the room opens", async () => {
  using system = new FakeSystem();
  const file = system.file("file", "");
  const message =
    /^chat: error: Cannot use the downloads folder \S+: it is not a folder\nchat: hint: /;
  await assertFails(system, ["--join", "--downloads", file], message);
  assertEquals(roomsOf(system), []);
});
