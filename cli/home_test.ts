import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Identity } from "../cipher/identity.ts";
import { ChatError, FileUnavailable } from "../errors.ts";
import {
  adminPath,
  configPath,
  createIdentity,
  findPlaces,
  findRooms,
  loadIdentity,
  MAX_ROOMS,
  type Places,
  publishRoom,
} from "./home.ts";

const POSIX = Deno.build.os !== "windows";
const SLASH = POSIX ? "/" : "\\";

/** Runs `test` with folders that do not exist yet. */
function withPlaces(test: (places: Places) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "chat-home-" });
  try {
    test({ config: `${folder}${SLASH}a${SLASH}config`, runtime: `${folder}${SLASH}b${SLASH}run` });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function put(folder: string, name: string, text: string, mode = 0o600): string {
  Deno.mkdirSync(folder, { recursive: true });
  const path = folder + SLASH + name;
  Deno.writeTextFileSync(path, text, { mode });
  // The umask may have removed bits from the mode.
  if (POSIX) Deno.chmodSync(path, mode);
  return path;
}

const list = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
const modeOf = (path: string) => Deno.statSync(path).mode! & 0o777;

Deno.test("findPlaces: the folders of each system for a user's files", () => {
  const places = (os: string, env: Record<string, string>) => findPlaces(os, (name) => env[name]);
  assertEquals(places("linux", { HOME: "/home/ada" }), {
    config: "/home/ada/.config/chat",
    runtime: "/home/ada/.cache/chat",
    home: "/home/ada",
  });
  assertEquals(
    places("linux", {
      HOME: "/h",
      XDG_CONFIG_HOME: "/c",
      XDG_RUNTIME_DIR: "/r",
      XDG_CACHE_HOME: "/k",
    }),
    { config: "/c/chat", runtime: "/r/chat", home: "/h" },
  );
  assertEquals(places("freebsd", { HOME: "/h", XDG_CACHE_HOME: "/k" }).runtime, "/k/chat");
  assertEquals(places("darwin", { HOME: "/Users/ada", XDG_CONFIG_HOME: "/c" }), {
    config: "/Users/ada/Library/Application Support/chat",
    runtime: "/Users/ada/Library/Caches/chat",
    home: "/Users/ada",
  });
  assertEquals(places("windows", { APPDATA: "C:\\R", LOCALAPPDATA: "C:\\L", HOME: "/h" }), {
    config: "C:\\R\\chat",
    runtime: "C:\\L\\chat",
  });
});

Deno.test("findPlaces: ignores a relative or empty XDG path", () => {
  for (const path of ["", "config", "./c", "~/c"]) {
    const env: Record<string, string> = {
      HOME: "/h",
      XDG_CONFIG_HOME: path,
      XDG_RUNTIME_DIR: path,
    };
    assertEquals(findPlaces("linux", (name) => env[name]), {
      config: "/h/.config/chat",
      runtime: "/h/.cache/chat",
      home: "/h",
    });
  }
});

Deno.test("findPlaces: names the variable that is not set", () => {
  for (
    const [os, name] of [["linux", "HOME"], ["darwin", "HOME"], ["windows", "APPDATA"]] as const
  ) {
    assertThrows(() => findPlaces(os, () => undefined), ChatError, `${name} is not set`);
    assertThrows(() => findPlaces(os, () => ""), ChatError, `${name} is not set`);
  }
});

Deno.test("configPath: config.toml beside the identity", () => {
  withPlaces((places) => {
    assertEquals(configPath(places), `${places.config}${SLASH}config.toml`);
  });
});

Deno.test("loadIdentity: creates the identity on first use, and keeps it", () => {
  withPlaces((places) => {
    const identity = loadIdentity(places);
    assertEquals(loadIdentity(places).seed, identity.seed);
    // No temporary file is left.
    assertEquals(list(places.config), ["identity"]);
    withPlaces((others) => assertNotEquals(loadIdentity(others).seed, identity.seed));
  });
});

Deno.test({
  name: "loadIdentity, publishRoom: only the user can read the files and folders",
  ignore: !POSIX,
  fn: () =>
    withPlaces((places) => {
      loadIdentity(places);
      publishRoom(places, { port: 2428, hostname: "127.0.0.1", code: "a b c d" });
      assertStrictEquals(modeOf(places.config), 0o700);
      assertStrictEquals(modeOf(places.runtime), 0o700);
      assertStrictEquals(modeOf(`${places.config}/identity`), 0o600);
      assertStrictEquals(modeOf(`${places.runtime}/room-2428`), 0o600);
    }),
});

Deno.test({
  name: "loadIdentity: refuses a file that others can read or change, with a hint",
  ignore: !POSIX,
  fn: () =>
    withPlaces((places) => {
      loadIdentity(places);
      for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644]) {
        Deno.chmodSync(`${places.config}/identity`, mode);
        const error = assertThrows(() => loadIdentity(places), ChatError, "other users");
        assertMatch(error.hint!, /chmod 600 .*identity$/);
      }
      Deno.chmodSync(`${places.config}/identity`, 0o400);
      loadIdentity(places);
    }),
});

Deno.test({
  name:
    "loadIdentity, findRooms, publishRoom: refuse a folder that others can change, up to the home folder",
  ignore: !POSIX,
  fn: () =>
    withPlaces((given) => {
      const above = given.config.slice(0, given.config.lastIndexOf("/"));
      const home = above.slice(0, above.lastIndexOf("/"));
      const places = { ...given, runtime: given.config, home };
      loadIdentity(places);
      publishRoom(places, room(2428));
      for (const folder of [places.config, above, home]) {
        Deno.chmodSync(folder, 0o770);
        const refusals = [
          () => loadIdentity(places),
          () => createIdentity({ ...places, config: `${places.config}/new` }, Identity.generate()),
          () => publishRoom(places, room(2428)),
        ];
        for (const refused of refusals) {
          const error = assertThrows(refused, ChatError, "other users of this machine can change");
          assert(!(error instanceof FileUnavailable));
          assertEquals(error.hint, `Protect the folder: chmod go-w ${folder}`);
        }
        // A room that somebody may have put there is no room of this user.
        assertEquals(findRooms(places), []);
        // Nothing is made where others could replace it.
        assert(!list(places.config).includes("new"));
        Deno.chmodSync(folder, 0o700);
      }
      loadIdentity(places);
      assertEquals(findRooms(places).length, 1);
      // Others may write above the home folder.
      Deno.chmodSync(home, 0o777);
      loadIdentity({ ...places, home: above });
      Deno.chmodSync(home, 0o700);
    }),
});

Deno.test({
  name: "loadIdentity, findRooms: refuse files of another user, also for root",
  ignore: !POSIX || Deno.uid() !== 0,
  fn: () =>
    withPlaces((places) => {
      loadIdentity(places);
      publishRoom(places, room(2428));
      Deno.chownSync(`${places.runtime}/room-2428`, 12345, null);
      assertEquals(findRooms(places), []);
      Deno.chownSync(`${places.config}/identity`, 12345, null);
      const error = assertThrows(() => loadIdentity(places), ChatError, "(12345; you are 0)");
      assertMatch(error.hint!, /chown 0 .*identity; otherwise check HOME, /);
      // Root with the home of a user: nothing of root's is put there.
      Deno.chownSync(places.config, 12345, null);
      Deno.removeSync(`${places.config}/identity`);
      assertThrows(() => loadIdentity(places), ChatError, "belongs to another user");
      assertEquals(list(places.config), []);
    }),
});

Deno.test("loadIdentity: reports a damaged file, and never overwrites it", () => {
  const seed = new Uint8Array(32).toBase64();
  for (
    const text of [
      "",
      "# only a comment\n",
      "hello\n",
      seed.slice(1),
      seed.slice(0, -1),
      `${seed}${seed}`,
      `${seed}\n${seed}\n`,
      "\0\0\0",
    ]
  ) {
    withPlaces((places) => {
      const path = put(places.config, "identity", text);
      const error = assertThrows(() => loadIdentity(places), ChatError, "it is damaged");
      assert(error.hint);
      assertStrictEquals(Deno.readTextFileSync(path), text);
      assertEquals(list(places.config), ["identity"]);
    });
  }
});

Deno.test("loadIdentity: reports a folder in place of the file, and a file in place of the folder", () => {
  withPlaces((places) => {
    Deno.mkdirSync(places.config + SLASH + "identity", { recursive: true, mode: 0o700 });
    assertThrows(() => loadIdentity(places), ChatError, "Cannot read");
  });
  withPlaces((places) => {
    const parent = places.config.slice(0, places.config.lastIndexOf(SLASH));
    put(parent, "config", "not a folder");
    assertThrows(() => loadIdentity(places), ChatError, "Cannot ");
  });
});

Deno.test("loadIdentity: two clients that start at once get the same identity", async () => {
  // Two threads, each with its own copy of the module, that start together.
  const code = `
    const { loadIdentity } = await import(${JSON.stringify(import.meta.resolve("./home.ts"))});
    postMessage("ready");
    onmessage = ({ data }) => postMessage(loadIdentity(data).seed.toHex());`;
  const workers = [1, 2].map(() =>
    new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" })
  );
  const next = () =>
    Promise.all(workers.map((worker) =>
      new Promise<string>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
      })
    ));
  const folder = Deno.makeTempDirSync({ prefix: "chat-home-" });
  try {
    await next();
    for (let round = 0; round < 20; round++) {
      const config = `${folder}${SLASH}${round}`;
      const both = next();
      for (const worker of workers) worker.postMessage({ config, runtime: config });
      const [one, other] = await both;
      assertStrictEquals(one, other);
      assertStrictEquals(loadIdentity({ config, runtime: config }).seed.toHex(), one!);
      assertEquals(list(config), ["identity"]);
    }
  } finally {
    for (const worker of workers) worker.terminate();
    Deno.removeSync(folder, { recursive: true });
  }
});

const room = (port: number, code = "a b c d") => ({ port, hostname: "127.0.0.1", code });

/** Dates the file of a room, in seconds after the first one. */
function openedAt({ runtime }: Places, port: number, seconds: number): void {
  Deno.utimeSync(`${runtime}${SLASH}room-${port}`, 1_000_000 + seconds, 1_000_000 + seconds);
}

Deno.test("findRooms: the rooms that publishRoom saved, the newest first, one for each port", () => {
  withPlaces((places) => {
    assertEquals(findRooms(places), []);
    publishRoom(places, room(2428, "old old old old"));
    publishRoom(places, room(3000));
    publishRoom(places, room(2428, "new new new new"));
    openedAt(places, 2428, 1);
    openedAt(places, 3000, 2);
    assertEquals(findRooms(places), [room(3000), room(2428, "new new new new")]);
    assertEquals(list(places.runtime), ["room-2428", "room-3000"]);
  });
});

Deno.test("publishRoom, findRooms: a room without a code replaces a room with a code at its port", () => {
  withPlaces((places) => {
    publishRoom(places, room(2428));
    const open = { port: 2428, hostname: "127.0.0.1" };
    publishRoom(places, open);
    assertEquals(findRooms(places), [open]);
  });
});

Deno.test("publishRoom, findRooms: record and ticket, with a code or without; damaged ones are left out", () => {
  withPlaces((places) => {
    const [record, ticket] = ["0NHS09TV1tfY2drb3N3e3w", "gIGCg4SFhoeIiYqLjI2Ojw"];
    const rooms = [
      { ...room(1), record, ticket },
      { port: 2, hostname: "127.0.0.1", record, ticket },
    ];
    for (const one of rooms) {
      publishRoom(places, one);
      openedAt(places, one.port, 10 - one.port);
    }
    assertEquals(findRooms(places), rooms);
    publishRoom(places, { ...room(3), record: "short", ticket: `${ticket}!` });
    openedAt(places, 3, 0);
    assertEquals(findRooms(places), [...rooms, room(3)]);
  });
});

Deno.test("findRooms: ignores damaged and unrelated files", () => {
  withPlaces((places) => {
    publishRoom(places, room(2428));
    const bad = [
      "",
      "{",
      "null",
      "7",
      "[]",
      "{}",
      '{"port":"1","hostname":"h","code":"c"}',
      '{"port":0,"hostname":"h","code":"c"}',
      '{"port":65536,"hostname":"h","code":"c"}',
      '{"port":1.5,"hostname":"h","code":"c"}',
      '{"port":1,"code":"c"}',
      '{"port":1,"hostname":"h","code":7}',
      '{"port":1,"hostname":"h","code":null}',
      "\xff\xfe",
    ];
    for (const [n, text] of bad.entries()) put(places.runtime, `room-${n + 1}`, text);
    put(places.runtime, "room-x", JSON.stringify(room(1)));
    put(places.runtime, "room-2428.part", JSON.stringify(room(1)));
    Deno.mkdirSync(`${places.runtime}${SLASH}room-99`);
    assertEquals(findRooms(places), [room(2428)]);
  });
});

Deno.test({
  name: "findRooms: ignores a file that others can write, and a broken link",
  ignore: !POSIX,
  fn: () =>
    withPlaces((places) => {
      publishRoom(places, room(2428));
      put(places.runtime, "room-1", JSON.stringify(room(1)), 0o622);
      Deno.symlinkSync(`${places.runtime}/nowhere`, `${places.runtime}/room-2`);
      assertEquals(findRooms(places), [room(2428)]);
    }),
});

Deno.test("publishRoom: reports a file that it cannot replace, and leaves no temporary file", () => {
  withPlaces((places) => {
    // No file can replace a folder that is not empty.
    Deno.mkdirSync([places.runtime, "room-2428", "x"].join(SLASH), { recursive: true });
    assertThrows(() => publishRoom(places, room(2428)), ChatError, "Cannot write");
    assertEquals(list(places.runtime), ["room-2428"]);
  });
});

Deno.test("adminPath, publishRoom: a room's socket for chat admin is beside its file, and is forgotten with it", () => {
  withPlaces((places) => {
    const left = adminPath(places, 1);
    assertEquals(left, `${places.runtime}${SLASH}admin-1`);
    Deno.writeTextFileSync(left, "");
    for (let port = 1; port <= MAX_ROOMS; port++) {
      const room = { hostname: "127.0.0.1", port };
      publishRoom(places, port === 1 ? { ...room, admin: left } : room);
      Deno.utimeSync(`${places.runtime}${SLASH}room-${port}`, port, port);
    }
    const admins = findRooms(places).map(({ admin }) => admin);
    assertEquals([admins.at(-1), ...new Set(admins.slice(0, -1))], [left, undefined]);
    publishRoom(places, { hostname: "127.0.0.1", port: 20 });
    assertEquals(list(places.runtime).filter((name) => /-1$/.test(name)), []);
  });
});

Deno.test("publishRoom: forgets the oldest rooms, so that their files do not pile up", () => {
  withPlaces((places) => {
    for (let n = 1; n <= MAX_ROOMS; n++) {
      publishRoom(places, room(n));
      openedAt(places, n, n);
    }
    publishRoom(places, room(4000));
    const ports = findRooms(places).map(({ port }) => port);
    assertEquals(ports, [4000, ...Array.from({ length: MAX_ROOMS - 1 }, (_, n) => MAX_ROOMS - n)]);
    assertEquals(list(places.runtime).length, MAX_ROOMS);
  });
});
