import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FakeSystem, ServedRoom } from "../tests/support/fake_system.ts";
import { Guest, Impostor, TestRoom } from "../tests/support/loopback.ts";
import { reservedPort } from "../tests/support/ports.ts";
import type { RoomTarget } from "./command.ts";
import { findPlaces, findRooms, type LocalRoom, publishRoom } from "./home.ts";
import { candidateRows, chooseRoom } from "./rooms.ts";

const addressOf = ({ port }: { port: number }) => `127.0.0.1:${port}`;

/** Writes a config file with these rooms, and whatever follows. */
function remember(system: FakeSystem, rooms: Record<string, string>, more = ""): string {
  const tables = Object.entries(rooms).map(([name, address]) =>
    `[rooms."${name}"]\naddress = "${address}"\n`
  );
  return system.file("config/chat/config.toml", tables.join("") + more);
}

function publish(system: FakeSystem, ...rooms: { port: number }[]): void {
  for (const { port } of rooms) {
    publishRoom(findPlaces(system.os, system.env), { hostname: "127.0.0.1", port });
  }
}

/** Which room a program has joined, as its first line says. */
function joined(system: FakeSystem): string | undefined {
  return /^joined (\S+) as (\S+)/m.exec(system.stderr.text)?.slice(1).join(" ");
}

Deno.test("join NAME, CHAT_ROOM: joins the remembered room, with its settings; HOST:PORT is always an address", async () => {
  await using room = new TestRoom();
  const work = { work: addressOf(room), localhost: addressOf(room) };
  for (const [args, variables] of [[["work"], {}], [[], { CHAT_ROOM: "work" }]] as const) {
    using system = new FakeSystem({ CHAT_NAME: "eve", ...variables });
    remember(system, work, 'name = "wanda"\n');
    system.stdin.end();
    assertEquals(await system.run("join", ...args), 0);
    // The table of `localhost` has the name.
    assertEquals(joined(system), `${addressOf(room)} eve`);
  }
  // The name of a host is the room's, too.
  using local = new FakeSystem({ CHAT_NAME: "eve" });
  remember(local, work, 'name = "wanda"\n');
  local.stdin.end();
  assertEquals(await local.run("join", "localhost"), 0);
  assertEquals(joined(local), `${addressOf(room)} wanda`);
  using host = new FakeSystem({ CHAT_NAME: "eve" });
  remember(host, { localhost: addressOf({ port: reservedPort() }) });
  host.stdin.end();
  assertEquals(await host.run("join", `localhost:${room.port}`), 0);
  assertEquals(joined(host), `localhost:${room.port} eve`);
});

Deno.test("join NAME: takes the code from the room's code-file, which beats CHAT_CODE; --code-file beats both", async () => {
  using owner = new FakeSystem();
  await using room = await ServedRoom.open(owner);
  const code = await room.code();
  for (
    const [given, args] of [[code, []], ["wrong words in here", ["--code-file", "CODE"]]] as const
  ) {
    using system = new FakeSystem({ CHAT_CODE: "also wrong words here" });
    system.file("code-work", `${given}\n`);
    const right = system.file("right", `${code}\n`);
    remember(system, { work: room.address }, 'code-file = "~/code-work"\n');
    system.stdin.end();
    const words = args.map((word) => word === "CODE" ? right : word);
    assertEquals(await system.run("join", "work", ...words), 0, system.stderr.text);
  }
});

Deno.test("chooseRoom: the settings have the room's name, however it was chosen; none for an address", async () => {
  using system = new FakeSystem();
  const settings = { rooms: new Map([["work", { address: "192.0.2.1" }]]) };
  const target = { address: undefined, codeFile: undefined, cipher: undefined };
  const nameOf = async (target: RoomTarget) =>
    (await chooseRoom(system, target, settings, false)).settings.roomName;
  assertEquals(await nameOf({ ...target, room: "work" }), "work");
  assertEquals(await nameOf(target), "work");
  const address = { hostname: "192.0.2.1", port: 1 };
  assertEquals(await nameOf({ ...target, address }), undefined);
});

Deno.test("join NAME: asks a person for the code if that of the code-file is wrong: the room may have a new one", async () => {
  using owner = new FakeSystem();
  await using room = await ServedRoom.open(owner);
  const code = await room.code();
  for (const isTerminal of [true, false]) {
    using system = new FakeSystem();
    system.file("code-work", "wrong words in here\n");
    remember(system, { work: room.address }, 'code-file = "~/code-work"\n');
    if (isTerminal) system.stdin.becomeTerminal();
    system.stdin.type(`${code}\r`);
    system.stdin.end();
    assertEquals(await system.run("join", "work", "--json"), isTerminal ? 0 : 1);
    assertMatch(system.stderr.text, /^chat: error: Cannot join .*: the code is wrong$/m);
  }
});

Deno.test("chooseRoom: a host that is similar to a remembered room keeps the name for a hint", async () => {
  using system = new FakeSystem();
  const rooms = new Map([["work", { address: "h" }], ["home", { address: "h" }]]);
  const address = { hostname: "wrok", port: 2428 };
  const target = { address, codeFile: undefined, cipher: undefined };
  const similar = async (room: string) =>
    (await chooseRoom(system, { ...target, room }, { rooms }, false)).target.similar;
  assertEquals(await similar("wrok"), "work");
  assertEquals(await similar("localhost"), undefined);
  assertEquals((await chooseRoom(system, target, { rooms }, false)).target, target);
});

Deno.test("send --room: sends to the remembered room; an unknown name is an error that suggests one", async () => {
  await using room = new TestRoom();
  await using ben = await Guest.join(room, "ben");
  using system = new FakeSystem();
  remember(system, { work: addressOf(room), home: "192.0.2.1" });
  assertEquals(await system.run("send", "--room", "work", "it", "is", "done"), 0);
  await ben.next("message", ({ text }) => text === "it is done");
  system.stderr.text = "";
  assertEquals(await system.run("send", "--room", "wrok", "hi"), 1);
  assertEquals(
    system.stderr.text,
    'chat: error: Cannot find the room "wrok": you have not remembered it\n' +
      "chat: hint: Did you mean work? To see your rooms: chat rooms\n",
  );
  assertEquals(await system.run("send", "--no-config", "--room", "work", "hi"), 1);
  assertMatch(system.stderr.text, /hint: To remember a room, /);
});

Deno.test("join, send: without a room and a terminal, the only room is meant, else the only one that is open here", async () => {
  await using one = new TestRoom();
  await using other = new TestRoom();
  const closed = { port: reservedPort() };
  const cases: { remembered?: Record<string, string>; open: { port: number }[]; to: number }[] = [
    { remembered: { work: addressOf(one) }, open: [], to: one.port },
    { remembered: { work: addressOf(one) }, open: [closed], to: one.port },
    { open: [one, closed], to: one.port },
    { remembered: { a: "192.0.2.1", b: "192.0.2.2" }, open: [one, closed], to: one.port },
    { remembered: { a: "192.0.2.1", b: `localhost:${one.port}` }, open: [one], to: one.port },
  ];
  for (const { remembered, open, to } of cases) {
    for (const args of [["join"], ["send", "hi"]]) {
      using system = new FakeSystem();
      if (remembered) remember(system, remembered);
      publish(system, ...open);
      system.stdin.end();
      assertEquals(await system.run(...args), 0, system.stderr.text);
      if (args[0] === "join") assertMatch(joined(system)!, new RegExp(`:${to} ada$`));
    }
  }
  using system = new FakeSystem();
  remember(system, { work: "192.0.2.1" });
  publish(system, one, closed, other);
  for (const args of [["join"], ["send", "hi"]]) {
    system.stderr.text = "";
    assertEquals(await system.run(...args), 1);
    assertEquals(
      system.stderr.text,
      "chat: error: Cannot choose a room: there are 3\n" +
        `chat: hint: Name one: work, ${addressOf(other)}, ${addressOf(one)}\n`,
    );
  }
  // A list stays short.
  const many = Array.from({ length: 14 }, (_, n) => [`r${n}`, `192.0.2.${n}`]);
  remember(system, Object.fromEntries(many));
  system.stderr.text = "";
  assertEquals(await system.run("join"), 1);
  assertMatch(system.stderr.text, /hint: Name one: r0, .*, r9 or 6 more: see chat rooms\n$/);
});

Deno.test("join, send: the first of a room's addresses where the room is; a note says which are not", async () => {
  await using room = new TestRoom();
  const closed = addressOf({ port: reservedPort() });
  const list = `${closed},${addressOf(room)}`;
  const passed = `chat: Cannot join ${closed}: nothing listens there\n`;
  using given = new FakeSystem({ CHAT_NAME: "eve" });
  given.stdin.end();
  assertEquals(await given.run("join", list), 0);
  assertStringIncludes(given.stderr.text, passed);
  assertEquals(joined(given), `${addressOf(room)} eve`);
  using named = new FakeSystem({ CHAT_NAME: "eve" });
  remember(named, { work: list });
  named.stdin.end();
  assertEquals(await named.run("join", "work"), 0);
  assertEquals(joined(named), `${addressOf(room)} eve`);
  assertEquals(await named.run("send", "--room", "work", "hi"), 0);
  named.stdout.text = "";
  assertEquals(await named.run("rooms"), 0);
  assertEquals(named.stdout.text, `work  ${list}\n`);
});

Deno.test("join: a remembered room is found at an address that its server has named, with its code", async () => {
  using system = new FakeSystem({ CHAT_NAME: "eve" });
  await using room = await ServedRoom.open(system);
  const [{ code, record }] = findRooms(findPlaces(system.os, system.env)) as [LocalRoom];
  using guest = new FakeSystem({ CHAT_NAME: "eve" });
  const file = guest.file("code", `${code}\nrecord ${record}\n`);
  const closed = addressOf({ port: reservedPort() });
  const join = async (more: string) => {
    guest.stderr.text = "";
    remember(guest, { work: closed }, `servers = ["${room.address}"]\n${more}`);
    guest.stdin.end();
    return await guest.run("join", "work");
  };
  assertEquals(await join(`code-file = "${file}"\n`), 0);
  assertEquals(joined(guest), `${room.address} eve`);
  // Without the record, nothing shows that the same room is there.
  Deno.writeTextFileSync(file, `${code}\n`);
  assertEquals(await join(`code-file = "${file}"\n`), 1);
  assertStringIncludes(guest.stderr.text, `Cannot join ${room.address}: another room is there`);
});

Deno.test("join: asks which room on a terminal, until the answer is a number or a name of the list", async () => {
  await using room = new TestRoom();
  for (const answers of ["2\n", "büro\n", "\n0\n4\nHOME\x1b\n 2 \n"]) {
    using system = new FakeSystem();
    remember(system, { home: "192.0.2.1:2429", "büro": addressOf(room) });
    system.stdin.becomeTerminal();
    system.stdin.type(answers);
    system.stdin.end();
    assertEquals(await system.run("join", "--json"), 0, system.stderr.text);
    assertStringIncludes(system.stdout.text, `"address":"${addressOf(room)}"`);
    assertStringIncludes(
      system.stderr.text,
      `Which room?\n 1  home  192.0.2.1:2429\n 2  büro  ${addressOf(room)}\nNumber or name: `,
    );
    if (answers.includes("HOME")) assertStringIncludes(system.stderr.text, 'No room "HOME␛" in');
  }
});

Deno.test("join: Ctrl-D at the question for the room is an error, and a window that is closed ends with 129", async () => {
  using system = new FakeSystem();
  remember(system, { home: "192.0.2.1", work: "192.0.2.2" });
  system.stdin.becomeTerminal();
  system.stdin.end();
  assertEquals(await system.run("join"), 1);
  assertMatch(
    system.stderr.text,
    /Number or name: \nchat: error: Cannot continue without a room: .*\nchat: hint: .*chat join NAME/,
  );
  using closed = new FakeSystem();
  remember(closed, { home: "192.0.2.1", work: "192.0.2.2" });
  closed.stdin.becomeTerminal();
  closed.stdin.afterInput = () => closed.stdin.hangUp(new Error("Input/output error (os error 5)"));
  assertEquals(await closed.run("join"), 129);
});

Deno.test("rooms: lists remembered rooms, then the others that are open here; what else listens there is none", async () => {
  using system = new FakeSystem();
  assertEquals([await system.run("rooms"), system.stdout.text], [0, ""]);
  assertMatch(system.stderr.text, /^chat: you remember no room, /);
  await using room = await ServedRoom.open(system);
  await using xor = new TestRoom();
  await using web = new Impostor((raw) =>
    raw.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n"))
  );
  publish(system, xor, web, { port: reservedPort() });
  // Another room has taken the port of a room of this user.
  const [sealed] = findRooms(findPlaces(system.os, system.env)).filter(({ record }) => record);
  publishRoom(findPlaces(system.os, system.env), {
    ...sealed!,
    port: xor.port,
  });
  remember(system, { work: "chat.example.org", "büro-2": room.address });
  system.stdout.text = "";
  assertEquals(await system.run("rooms"), 0);
  assertEquals(
    system.stdout.text,
    `work    chat.example.org:2428\nbüro-2  ${room.address}  (open here)\n`,
  );
  publish(system, xor);
  system.stdout.text = "";
  assertEquals(await system.run("rooms", "--no-config"), 0);
  assertEquals(
    system.stdout.text,
    `${addressOf(xor)}  (open here)\n${room.address}  (open here)\n`,
  );
});

Deno.test("candidateRows: a list fits in 40 columns, unless an address is long", () => {
  const [row] = candidateRows([
    { name: "w".repeat(12), address: { hostname: "192.0.2.117", port: 2428 }, isOpen: false },
  ]);
  assertEquals(row, `${"w".repeat(12)}  192.0.2.117:2428`);
});
