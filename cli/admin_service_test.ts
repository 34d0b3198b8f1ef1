import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { toText } from "@std/streams/to-text";
import { ChatError } from "../errors.ts";
import { NO_RULES, type OperatorAct } from "../protocol/moderation.ts";
import { within } from "../tests/support/async.ts";
import { FakeTimer } from "../tests/support/fake_clock.ts";
import { MAX_LINE } from "./admin_protocol.ts";
import { AdminService, FIRST_MS, IDLE_MS, MAX_CONNECTIONS } from "./admin_service.ts";
import { type AdminConnection, connectAdmin, listenAdmin } from "./admin_socket.ts";

const POSIX = Deno.build.os !== "windows";
const unixTest = POSIX ? Deno.test : Deno.test.ignore;

/** A service at a path in a new folder, for a room without members. */
class Play implements AsyncDisposable {
  readonly folder: string = Deno.makeTempDirSync({ prefix: "chat-admin-" });
  readonly path = `${this.folder}/admin`;
  readonly timer = new FakeTimer();
  readonly service = new AdminService(this.timer.after);
  readonly acts: OperatorAct[] = [];
  readonly #connections: AdminConnection[] = [];
  members = 0;

  /** @param os as `Deno.build` names it; `windows` for the port and the token */
  static async open(os: string): Promise<Play> {
    const play = new Play();
    await play.service.listen(play.path, play.folder, os);
    play.service.serve({
      greeting: { version: 1, maxFrame: 1, cipher: "sealed" },
      address: "127.0.0.1:2428",
      clock: () => 0,
      government: {
        rules: NO_RULES,
        isDraining: false,
        bans: () => [],
        govern: (act) => (play.acts.push(act), "done"),
        roster: () =>
          Array.from({ length: play.members }, (_, index) => ({
            ...{ id: index + 1, network: "192.0.2.7", peer: undefined, joined: 0, awaySince: 0 },
            ...{ isModerator: false, isSilenced: false, noDirect: false },
            profile: new Uint8Array(0),
          })),
      },
    });
    return play;
  }

  async connect(): Promise<AdminConnection> {
    const connection = await connectAdmin(this.path, this.folder);
    assert(connection);
    this.#connections.push(connection);
    return connection;
  }

  /** A connection that takes any bytes. */
  async raw(): Promise<Deno.Conn> {
    if (Deno.lstatSync(this.path).isSocket) {
      return await Deno.connect({ transport: "unix", path: this.path });
    }
    const { token } = JSON.parse(Deno.readTextFileSync(this.path));
    const conn = await this.stranger();
    await conn.write(new TextEncoder().encode(`${token}\n`));
    return conn;
  }

  /** Connects to the port without the token. */
  async stranger(): Promise<Deno.TcpConn> {
    const { port } = JSON.parse(Deno.readTextFileSync(this.path));
    return await Deno.connect({ port, hostname: "127.0.0.1" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#connections.map((one) => one.released()));
    Deno.removeSync(this.folder, { recursive: true });
  }
}

async function ask(connection: AdminConnection, line: string): Promise<unknown> {
  await connection.write(`${line}\n`);
  return JSON.parse(await within("an answer", connection.line()) ?? "null");
}

const LOCK = '{"action":"lock"}';
const isEnd = async (connection: AdminConnection) =>
  await within("the end of a connection", connection.line()) === undefined;

for (const os of POSIX ? ["linux", "windows"] : ["windows"]) {
  const kind = os === "windows" ? "at a port" : "at a socket";

  Deno.test(`AdminService: ${kind}, answers one request after the other, and goes on after one that it cannot read`, async () => {
    await using play = await Play.open(os);
    const connection = await play.connect();
    assertEquals(await ask(connection, LOCK), { type: "done" });
    assertEquals(await ask(connection, "{"), {
      type: "error",
      code: "invalid",
      message: "Cannot read this line: it is not JSON",
    });
    // Two at once, in pieces.
    await connection.write(`${LOCK}\n{"action"`);
    await connection.write(':"unlock"}\n');
    assertEquals(await connection.line(), '{"type":"done"}');
    assertEquals(await connection.line(), '{"type":"done"}');
    assertEquals(play.acts.map(({ action }) => action), ["lock", "lock", "unlock"]);
  });

  Deno.test(`AdminService: ${kind}, a line that is too long or not UTF-8 ends the connection, and no other`, async () => {
    await using play = await Play.open(os);
    const other = await play.connect();
    const long = await play.connect();
    await long.write("x".repeat(MAX_LINE + 1));
    assertStringIncludes((await long.line())!, `it has more than ${MAX_LINE} bytes`);
    assert(await isEnd(long));
    const invalid = await play.raw();
    await invalid.write(Uint8Array.of(0x22, 0xff, 0x22, 0x0a));
    const { readable } = invalid;
    assertStringIncludes(await within("the end", toText(readable)), "it is not UTF-8");
    assertEquals(await ask(other, LOCK), { type: "done" });
  });

  Deno.test(`AdminService: ${kind}, ends a connection that sends nothing, and one that goes silent later`, async () => {
    await using play = await Play.open(os);
    const silent = await play.connect();
    await play.timer.waits(FIRST_MS);
    const later = await play.connect();
    assertEquals(await ask(later, LOCK), { type: "done" });
    play.timer.pass(FIRST_MS);
    assert(await isEnd(silent));
    assertEquals(await ask(later, LOCK), { type: "done" });
    play.timer.pass(IDLE_MS);
    assert(await isEnd(later));
  });

  Deno.test(`AdminService: ${kind}, a program more than it serves at once is refused; later there is a place`, async () => {
    await using play = await Play.open(os);
    const programs: AdminConnection[] = [];
    for (let i = 0; i < MAX_CONNECTIONS; i++) {
      const program = await play.connect();
      assertEquals(await ask(program, LOCK), { type: "done" });
      programs.push(program);
    }
    const more = await play.connect();
    assertStringIncludes((await within("a refusal", more.line()))!, '"code":"busy"');
    programs[0]!.close();
    // The service notices the end in its own time.
    for (;;) {
      const next = await play.connect();
      await next.write(`${LOCK}\n`);
      if ((await within("an answer", next.line()))?.includes("done")) break;
    }
  });

  Deno.test(`AdminService: ${kind}, the end closes connections and removes what can be removed`, async () => {
    const play = await Play.open(os);
    const connection = await play.connect();
    assertEquals(await ask(connection, LOCK), { type: "done" });
    await play.service[Symbol.asyncDispose]();
    assert(await isEnd(connection));
    assertEquals(await connectAdmin(play.path, play.folder), undefined);
    await play[Symbol.asyncDispose]();
  });
}

Deno.test("AdminService: a list of thousands comes complete, however slowly it is read", async () => {
  await using play = await Play.open(Deno.build.os);
  play.members = 5_000;
  const connection = await play.connect();
  await connection.write('{"action":"who"}\n');
  let count = 0;
  for (;;) {
    const line = await within("a line", connection.line());
    const { type } = JSON.parse(line!);
    if (type === "done") break;
    count += type === "member" ? 1 : 0;
  }
  assertEquals(count, 5_000);
});

Deno.test("AdminService: at a port, nobody without the token does or learns anything, or locks the operator out", async () => {
  await using play = await Play.open("windows");
  const wrong = await play.stranger();
  await wrong.write(new TextEncoder().encode(`AAAAAAAAAAAAAAAAAAAAAA\n${LOCK}\n`));
  assertEquals(await within("the end", wrong.read(new Uint8Array(10))), null);
  wrong.close();
  const http = await play.stranger();
  await http.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
  assertEquals(await within("the end", http.read(new Uint8Array(10)).catch(() => null)), null);
  http.close();
  // More than there are places for; each closes when the service has ended it.
  const idle: Promise<void>[] = [];
  for (let i = 0; i < 2 * MAX_CONNECTIONS; i++) {
    const conn = await play.stranger();
    idle.push(conn.read(new Uint8Array(10)).catch(() => {}).then(() => conn.close()));
  }
  const operator = await play.connect();
  assertEquals(await ask(operator, LOCK), { type: "done" });
  assertEquals(play.acts, [{ action: "lock" }]);
  play.timer.pass(FIRST_MS);
  await within("the end of all", Promise.all(idle));
});

Deno.test("listenAdmin: at a port, the file with the token is private", async () => {
  await using play = await Play.open("windows");
  const { port, token } = JSON.parse(Deno.readTextFileSync(play.path));
  assert(Number.isInteger(port) && /^[\w-]{22}$/.test(token));
  if (POSIX) assertEquals(Deno.statSync(play.path).mode! & 0o777, 0o600);
});

unixTest(
  "listenAdmin: the socket is private, whatever the umask; a killed server's is replaced, another file is not",
  async () => {
    const folder = Deno.makeTempDirSync({ prefix: "chat-admin-" });
    const before = Deno.umask(0);
    try {
      const path = `${folder}/admin`;
      const first = await listenAdmin(path, folder);
      assertEquals([first.path, Deno.lstatSync(path).mode! & 0o777], [path, 0o600]);
      await assertRejects(
        () => listenAdmin(path, folder),
        ChatError,
        "another program answers there",
      );
      // As after kill -9: the file stays.
      Deno.renameSync(path, `${folder}/left`);
      first.close();
      Deno.renameSync(`${folder}/left`, path);
      assertEquals(await connectAdmin(path, folder), undefined);
      const second = await listenAdmin(path, folder);
      second.close();
      Deno.writeTextFileSync(path, "mine", { mode: 0o600 });
      await assertRejects(() => listenAdmin(path, folder), ChatError, "the file is not a socket");
      await assertRejects(() => connectAdmin(path, folder), ChatError, "it is no socket of a room");
      await assertRejects(
        () => listenAdmin(`${folder}/none/admin`, folder),
        ChatError,
        "its folder does not exist",
      );
      await assertRejects(() => listenAdmin(`${folder}/${"x".repeat(120)}`, folder), ChatError);
      Deno.mkdirSync(`${folder}/open`);
      Deno.chmodSync(`${folder}/open`, 0o777);
      await assertRejects(
        () => listenAdmin(`${folder}/open/admin`, folder),
        ChatError,
        "other users of this machine can change files",
      );
    } finally {
      Deno.umask(before);
      Deno.removeSync(folder, { recursive: true });
    }
  },
);
