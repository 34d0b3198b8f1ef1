// Enforces the picture in which the files stand: a file imports only from rows below its own.

import { assert, assertEquals, assertThrows } from "@std/assert";

/** From the top; a row knows only what is below it. */
const ROWS: readonly (readonly string[])[] = [
  ["main.ts"],
  ["verbs.ts", "completions.ts"],
  ["args.ts", "server.ts", "client.ts", "classic_client.ts", "home.ts", "state.ts"],
  [
    "entrance.ts",
    "outbox.ts",
    "sessions.ts",
    "files.ts",
    "transfers.ts",
    "disk.ts",
    "pictures.ts",
    "classic_member.ts",
  ],
  [
    "connection.ts",
    "interpreter.ts",
    "status.ts",
    "terminal.ts",
    "plain.ts",
    "private_file.ts",
    "prompt.ts",
    "output.ts",
    "picture_worker.ts",
  ],
  [
    "hub.ts",
    "roster.ts",
    "budget.ts",
    "limits.ts",
    "counters.ts",
    "log.ts",
    "crack.ts",
    "commands.ts",
    "config.ts",
    "transcript.ts",
    "attention.ts",
    "opaque.ts",
    "cipher_sealed.ts",
  ],
  [
    "envelope.ts",
    "theme.ts",
    "markup.ts",
    "presence.ts",
    "record.ts",
    "statusline.ts",
    "transfer.ts",
    "picture_graphics.ts",
  ],
  ["progress.ts", "parcel.ts", "picture_choice.ts"],
  [
    "protocol.ts",
    "classic.ts",
    "cipher.ts",
    "editor.ts",
    "lines.ts",
    "view.ts",
    "paths.ts",
    "filename.ts",
    "room.ts",
    "identity.ts",
    "exchange.ts",
    "tries.ts",
    "numbering.ts",
    "backoff.ts",
    "flush.ts",
    "turns.ts",
    "listing.ts",
    "resume.ts",
    "picture.ts",
    "picture_text.ts",
    "picture_sixel.ts",
  ],
  [
    "text.ts",
    "environment.ts",
    "emoji.ts",
    "picture_pixels.ts",
    "keyboard.ts",
    "undo.ts",
    "bytes.ts",
    "errors.ts",
    "aead.ts",
    "keys.ts",
    "codes.ts",
  ],
];

/** The rows that compute: bytes in, bytes out. What does I/O, or depends on time, is above them. */
const PURE = ROWS.slice(5).flat();

/** What is no part of the program, besides tests, their helpers and declarations. */
const TOOLS = [
  "compile.ts",
  "manual.ts",
  "session_picture.ts",
  "session_svg.ts",
  "capture.ts",
  "capture_file.ts",
];

/**
 * What a server may take from modules that can more than it may: from the classic cipher the public key, which
 * it hands out; from OPAQUE its own half of a login, which has no key of the room.
 */
const GRANTED: Readonly<Record<string, readonly string[]>> = {
  "./cipher.ts": ["drawPublicKey", "privateKey"],
  "./opaque.ts": ["AdmissionRecord", "answerLogin"],
};

/**
 * What modules that a server has may take from libraries with which a room could be read: checking that a
 * session's member has come back needs an HMAC, and an HMAC opens nothing.
 */
const GRANTED_CRYPTO: Readonly<Record<string, readonly string[]>> = {
  "resume.ts": ["createHmac", "timingSafeEqual"],
};

/** With what a room could be read, or what is in the user's own files: nothing that a server has. */
const CLIENTS_ALONE = [
  "aead.ts",
  "keys.ts",
  "exchange.ts",
  "identity.ts",
  "cipher_sealed.ts",
  "envelope.ts",
  "classic_member.ts",
  "parcel.ts",
  "transfer.ts",
  "transfers.ts",
  "private_file.ts",
  "files.ts",
  "disk.ts",
  "home.ts",
  "state.ts",
];

/** What the edges alone may touch, and which edges. */
const RESERVED: readonly { what: RegExp; files: readonly string[] }[] = [
  { what: /\bDeno\.args\b/, files: ["main.ts"] },
  { what: /\bDeno\.(?:exit|exitCode|env)\b/, files: ["main.ts", "verbs.ts"] },
  // The terminal's only one is that of its size.
  { what: /\bDeno\.addSignalListener\b/, files: ["verbs.ts", "terminal.ts"] },
  // `note` and `print` of output.ts do that.
  { what: /\bconsole\.|(?<!#)\b(?:alert|confirm|prompt)\(/, files: [] },
  {
    what: /\bDeno\.(?:stdin|stdout|stderr)\b/,
    files: ["verbs.ts", "output.ts", "terminal.ts", "prompt.ts"],
  },
  { what: /\.setRaw\(/, files: ["terminal.ts", "prompt.ts"] },
  { what: /\bDeno\.permissions\b/, files: ["verbs.ts"] },
  { what: /\bnew Worker\b/, files: ["pictures.ts"] },
  // Foreign code that takes hostile files apart runs there, and nowhere else.
  { what: /"@cf-wasm\/photon"/, files: ["picture_worker.ts"] },
  // The user's own files, what is sent and received, and the file that a code is read from.
  {
    what: /\bDeno\.(?:open|create|read\w*File)\w*\(/,
    files: ["private_file.ts", "disk.ts", "verbs.ts", "pictures.ts"],
  },
  { what: /\bDeno\.readDir\w*\(/, files: ["home.ts", "files.ts", "disk.ts"] },
  {
    what: /\bDeno\.(?:write\w*File|mkdir|rename|link|symlink|chmod|truncate)(?:Sync)?\b/,
    files: ["private_file.ts", "disk.ts"],
  },
  // The status's only one is a socket that a killed server has left.
  { what: /\bDeno\.remove(?:Sync)?\b/, files: ["private_file.ts", "disk.ts", "status.ts"] },
  { what: /\bDeno\.(?:listen|listenTls)\b/, files: ["server.ts"] },
  { what: /\bDeno\.serve\b/, files: ["status.ts"] },
  // The status's only one asks whether such a socket is dead.
  {
    what: /\bDeno\.(?:connect|connectTls)\b|\bfetch\(|\bWebSocket\b/,
    files: ["entrance.ts", "status.ts"],
  },
];

// A time that was passed in has the type Date; who makes one, or asks it for something, is found.
const IMPURE =
  /\bDeno\.|\b(?:setTimeout|setInterval|performance|fetch|console|Worker|localStorage)\b|\bnew Date\b|\bDate\s*[.(]|\bMath\.random\b/;

interface Import {
  from: string;
  /** What stands between `import` and `from`. */
  names: string;
}

const root = import.meta.dirname!;

/** The source without its comments: a rule is about what the program does. */
function code(file: string): string {
  return stripComments(Deno.readTextFileSync(`${root}/${file}`));
}

/** Comments end at most at the end of a line that has a quote in it: strings stay whole. */
function stripComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/[^\n]*/g, "$1");
}

/** Imports and re-exports, types included; `import()` too, and what a worker runs. */
function imports(source: string): Import[] {
  const statements = source.matchAll(
    /^(?:import|export)\s+(?:([^;"]*?)\s*\bfrom\s*)?"([^"]+)"|\b(?:import|new Worker\(new URL)\(\s*([^)]*?)\s*\)/gm,
  );
  return Array.from(statements, ([, names, from, dynamic]) => {
    if (from !== undefined) return { names: names ?? "", from };
    const literal = /^"([^"]+)"/.exec(dynamic!);
    // What can't be read can't be checked.
    if (!literal) throw new TypeError(`import(${dynamic}) hides what it imports`);
    return { names: "*", from: literal[1]! };
  });
}

/** The single names in what stands between `import` and `from`. */
function namesIn(names: string): string[] {
  return names.replace(/[{}]/g, "").split(",")
    .map((name) => name.replace(/\btype\b/, "").trim()).filter((name) => name !== "");
}

/** The files of this project that `file` imports. */
function locals(file: string): string[] {
  return imports(code(file)).map(({ from }) => from)
    .filter((from) => from.startsWith(".") && from.endsWith(".ts"))
    .map((from) => from.replace(/^\.\//, ""));
}

/** `file` and all that it imports, and so on. */
function closure(file: string, found: Set<string> = new Set()): Set<string> {
  if (!found.has(file)) {
    found.add(file);
    for (const local of locals(file)) closure(local, found);
  }
  return found;
}

/** 0 at the bottom; -1 for what is not in the picture. */
function level(file: string): number {
  const row = ROWS.findIndex((files) => files.includes(file));
  return row === -1 ? -1 : ROWS.length - 1 - row;
}

function isPartOfProgram(file: string): boolean {
  if (!file.endsWith(".ts") || /(?:_test|\.d)\.ts$/.test(file) || TOOLS.includes(file)) {
    return false;
  }
  return !/^\/\/ Test helper\b/.test(Deno.readTextFileSync(`${root}/${file}`));
}

Deno.test("layers: the picture names every file of the program, once, and no other", () => {
  const files = Array.from(Deno.readDirSync(root)).filter((entry) => entry.isFile)
    .map((entry) => entry.name).filter(isPartOfProgram);
  assertEquals(ROWS.flat().sort(), files.sort());
});

Deno.test("layers: a file imports only from rows below its own", () => {
  for (const file of ROWS.flat()) {
    for (const { from } of imports(code(file))) {
      if (!from.startsWith(".") || from === "./deno.json") continue;
      const below = level(from.replace(/^\.\//, ""));
      assert(below !== -1, `${file} imports ${from}, which is not in the picture`);
      assert(below < level(file), `${file} imports ${from}, which is not below it`);
    }
  }
});

Deno.test("layers: the program is what main.ts reaches, whole", () => {
  assertEquals([...closure("main.ts")].sort(), ROWS.flat().sort());
});

Deno.test("layers: no module of the server reaches what could read a room, or the user's files", () => {
  const reached = closure("server.ts");
  assert(reached.size > 6);
  for (const file of CLIENTS_ALONE) {
    assert(ROWS.flat().includes(file), `${file} is not in the picture`);
    assert(!reached.has(file), `the server reaches ${file}`);
  }
  // And so no other way of doing the same.
  const granted: Record<string, string[]> = {};
  for (const file of reached) {
    for (const { from, names } of imports(code(file))) {
      if (!/^(?:node:crypto|@noble\/)/.test(from)) continue;
      const grant = GRANTED_CRYPTO[file];
      assert(grant, `${file}, which the server reaches, imports ${from}`);
      for (const name of namesIn(names)) {
        assert(grant.includes(name), `${file}, which the server reaches, imports ${name}`);
        (granted[file] ??= []).push(name);
      }
    }
  }
  // A grant that nobody uses is one too many.
  assertEquals(granted, { ...GRANTED_CRYPTO });
});

Deno.test("layers: of ciphers and of OPAQUE, the server takes what it is granted, and nothing else does", () => {
  const granted = Object.keys(GRANTED);
  const found: string[] = [];
  for (const file of closure("server.ts")) {
    for (const { from, names } of imports(code(file))) {
      if (!granted.includes(from)) continue;
      assertEquals(file, "server.ts", `${file} imports ${from}`);
      const taken = namesIn(names);
      for (const name of taken) {
        assert(GRANTED[from]!.includes(name), `the server imports ${name} from ${from}`);
      }
      found.push(from, ...taken);
    }
  }
  // A grant that nobody uses is one too many.
  assertEquals(found.sort(), [...granted, ...Object.values(GRANTED).flat()].sort());
});

Deno.test("layers: nothing below the edges knows the system, or what time it is", () => {
  for (const file of PURE) {
    const [found] = IMPURE.exec(code(file)) ?? [];
    assertEquals(found, undefined, `${file} uses ${found}`);
    const system = imports(code(file)).find(({ from }) => /^node:(?!crypto$)/.test(from));
    assertEquals(system, undefined, `${file} imports ${system?.from}`);
  }
});

Deno.test("layers: printing, exiting, arguments, pipes and sockets each have their file", () => {
  for (const { what, files } of RESERVED) {
    const users = ROWS.flat().filter((file) => what.test(code(file)));
    for (const file of users) assert(files.includes(file), `${file} uses ${what}`);
    assert(users.length > 0 || files.length === 0, `nobody uses ${what}: does it still find them?`);
  }
});

Deno.test("layers: what few need is loaded where it is needed: nobody else waits for it", () => {
  for (const late of ["verbs.ts", "completions.ts", "config.ts", "crack.ts", "pictures.ts"]) {
    // Types are gone when the program runs.
    const early = new RegExp(`^(?:import|export)(?! type\\b)[^;]*"\\./${late}"`, "m");
    for (const file of ROWS.flat()) {
      assert(!early.test(code(file)), `${file} imports ${late} early`);
    }
  }
});

Deno.test("layers: imports are found in whatever way they are written", () => {
  const source = stripComments(`
// import "./not.ts";
/** import { no } from "./neither.ts"; */
import "./a.ts";
import b, { type B } from "./b.ts"; // from "./no.ts"
import type { C } from "./c.ts";
import * as d from "./d.ts";
import {
  e,
  type E,
} from "./e.ts";
export { f } from "./f.ts";
export * from "./g.ts";
import h from "./h.json" with { type: "json" };
const i = await import("./i.ts");
const j = new Worker(new URL("./j.ts", import.meta.url));
export const from = "https://example.org/";
`);
  assertEquals(
    imports(source).map(({ from }) => from).join(" "),
    "./a.ts ./b.ts ./c.ts ./d.ts ./e.ts ./f.ts ./g.ts ./h.json ./i.ts ./j.ts",
  );
  assertThrows(() => imports("await import(name)"), TypeError, "hides");
});
