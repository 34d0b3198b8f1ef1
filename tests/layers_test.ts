// Holds the program to its import table: which folder may import which, and which files may use which API.
// ARCHITECTURE.md shows the same table to readers. Each rule has a planted violation that proves that it can fail.

import { assert, assertEquals, assertThrows } from "@std/assert";

/** A file's path from the project's root, and its source without comments. */
type Sources = ReadonlyMap<string, string>;

/**
 * What each folder may import besides itself, `text/` and `errors.ts`: a folder, or one file. A file at the root
 * that has a folder of its name belongs to that folder.
 */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  text: [],
  "errors.ts": [],
  room: [],
  cipher: [],
  protocol: [],
  terminal: [],
  pictures: ["terminal"],
  files: ["room.ts", "protocol", "cipher.ts"],
  server: ["protocol", "cipher.ts", "cipher/opaque.ts", "cipher/verifier.ts"],
  client: ["room.ts", "protocol", "cipher", "files"],
  ui: [
    "room.ts",
    "cipher.ts",
    "terminal",
    "pictures/graphics.ts",
    "files/handles.ts",
    "files/paths.ts",
  ],
  classic: [
    "room.ts",
    "protocol",
    "cipher.ts",
    "client/handshake.ts",
    "client/roster.ts",
    "server/adapter.ts",
    "server/member.ts",
  ],
  cli: [
    "room.ts",
    "cipher",
    "protocol",
    "terminal",
    "pictures",
    "files",
    "server",
    "client",
    "ui",
    "classic",
  ],
  "main.ts": ["cli"],
};

/** Every folder may import these. */
const COMMON = ["text", "errors.ts"];

/** The project file, which has the version. */
const CONFIG = "deno.json";

/**
 * What the server may take from modules that can do more than it may: from the classic cipher the public key,
 * which it hands out; from OPAQUE its own half of a login, which has no key of the room, and the record's name.
 */
const GRANTED: Readonly<Record<string, readonly string[]>> = {
  "cipher.ts": ["drawPublicKey", "privateKey"],
  "cipher/opaque.ts": ["AdmissionRecord", "answerLogin", "recordName"],
  "cipher/verifier.ts": ["Verifier"],
};

/**
 * What modules of the server may take from libraries with which a room could be read: checking a resumption's
 * proof needs an HMAC, the chain and a record's name need a hash, a moderator's signature a public key, and these decrypt
 * nothing.
 */
const GRANTED_CRYPTO: Readonly<Record<string, readonly string[]>> = {
  "cipher/opaque.ts": ["createHash"],
  "cipher/public_keys.ts": ["createPublicKey", "KeyObject"],
  "cipher/verifier.ts": ["KeyObject", "verify"],
  "protocol/chain.ts": ["createHash", "Hash"],
  "protocol/moderation.ts": ["createHash"],
  "protocol/resume.ts": ["createHmac", "timingSafeEqual"],
};

/** Modules that can read a room, or the user's own files: the server must not reach them. */
const CLIENTS_ALONE =
  /^(?:cipher\/(?!opaque\.ts|codes\.ts|verifier\.ts|public_keys\.ts)|files\/|client|protocol\/(?:envelope|file_messages)\.ts|cli\/|classic\/)/;

/** APIs that only the edges may use, and which edges. */
const RESERVED: readonly { what: RegExp; files: readonly string[] }[] = [
  { what: /\bDeno\.args\b/, files: ["main.ts"] },
  {
    what: /\bDeno\.(?:exit|exitCode|env)\b/,
    files: ["cli/system.ts"],
  },
  // The terminal's only one is that of its size.
  { what: /\bDeno\.addSignalListener\b/, files: ["cli/system.ts", "terminal/tty.ts"] },
  // `note` and `print` of output.ts do that.
  { what: /\bconsole\.|(?<!#)\b(?:alert|confirm|prompt)\(/, files: [] },
  {
    what: /\bDeno\.(?:stdin|stdout|stderr)\b/,
    files: ["cli/system.ts", "terminal/tty.ts"],
  },
  {
    what: /\.setRaw\(/,
    files: ["terminal/tty.ts", "terminal/prompt.ts", "ui/screen.ts", "ui/typed_lines.ts"],
  },
  { what: /\bDeno\.permissions\b/, files: ["cli/system.ts"] },
  // The terminal's only one suspends the program.
  { what: /\bDeno\.(?:Command|kill)\b/, files: ["cli/run_command.ts", "terminal/tty.ts"] },
  { what: /\bnew Worker\b/, files: ["cipher/login.ts", "pictures/pictures.ts"] },
  // It takes longer to load than everything else. `text/string_width.ts` says more.
  { what: /"string-width"/, files: [] },
  // Foreign code that takes hostile files apart runs there, and nowhere else.
  { what: /"@cf-wasm\/photon"/, files: ["pictures/decode.ts"] },
  { what: /\bdecodePicture\b/, files: ["pictures/decode.ts", "pictures/worker.ts"] },
  // The user's own files, files that are sent and received, and the file that a code is read from.
  {
    what: /\bDeno\.(?:open|create|read\w*File)\w*\(/,
    files: [
      "cli/crack.ts",
      "cli/identity.ts",
      "cli/state_files.ts",
      "cli/user.ts",
      "files/download_folder.ts",
      "files/log_file.ts",
      "files/offered_file.ts",
      "files/part_file.ts",
      "files/small_file.ts",
      "files/part_state.ts",
      "files/private_file.ts",
      "files/target_folder.ts",
      "pictures/pictures.ts",
    ],
  },
  {
    what: /\bDeno\.readDir\w*\(/,
    files: [
      "cli/home.ts",
      "files/download_folder.ts",
      "files/offered_file.ts",
      "files/target_folder.ts",
      "files/user_files.ts",
    ],
  },
  {
    what: /\bDeno\.(?:write\w*File|mkdir|rename|link|symlink|chmod|truncate)(?:Sync)?\b/,
    files: [
      "files/file_io.ts",
      "files/log_file.ts",
      "files/private_file.ts",
      "files/target_folder.ts",
    ],
  },
  // The socket's only one has been left by a killed server.
  {
    what: /\bDeno\.remove(?:Sync)?\b/,
    files: [
      "files/download_folder.ts",
      "files/part_state.ts",
      "files/private_file.ts",
      "files/target_folder.ts",
      "server/unix_socket.ts",
    ],
  },
  {
    what: /\bDeno\.(?:listen|listenTls)\b/,
    files: ["cli/admin_socket.ts", "server/listen.ts"],
  },
  { what: /\bDeno\.serve\b/, files: ["server/metrics_http.ts"] },
  // The socket's only one asks whether it is dead. `chat admin` connects to a socket of the same machine.
  {
    what: /\bDeno\.(?:connect|connectTls)\b|\bfetch\(|\bWebSocket\b/,
    files: ["cli/admin_socket.ts", "client/dial.ts", "server/unix_socket.ts"],
  },
];

/** Files that may know the system and the time. All others compute: bytes in, bytes out. */
const EDGES = new Set([
  "cipher/login.ts",
  "classic/member.ts",
  "cli/admin_protocol.ts",
  "cli/admin_socket.ts",
  "cli/admin_text.ts",
  "cli/crack.ts",
  "cli/home.ts",
  "cli/identity.ts",
  "cli/remember.ts",
  "cli/saved_code.ts",
  "cli/run_command.ts",
  "cli/state_dir.ts",
  "cli/state_files.ts",
  "cli/system.ts",
  "cli/user.ts",
  "client.ts",
  "client/dial.ts",
  "client/governing.ts",
  "client/handshake.ts",
  "client/members.ts",
  "client/outbox.ts",
  "client/received.ts",
  "client/reconnect.ts",
  "client/roster.ts",
  "client/timers.ts",
  "client/unconfirmed.ts",
  "files/disk_errors.ts",
  "files/download_folder.ts",
  "files/file_identity.ts",
  "files/file_io.ts",
  "files/lock.ts",
  "files/log_file.ts",
  "files/offered_file.ts",
  "files/ownership.ts",
  "files/part_file.ts",
  "files/small_file.ts",
  "files/part_state.ts",
  "files/post.ts",
  "files/private_file.ts",
  "files/system_disk.ts",
  "files/target_folder.ts",
  "files/user_files.ts",
  "main.ts",
  "pictures/pictures.ts",
  "protocol/connection.ts",
  "server.ts",
  "server/admission.ts",
  "server/gauges.ts",
  "server/listen.ts",
  "server/metrics_http.ts",
  // It writes times that it is given.
  "server/removal_text.ts",
  "server/timers.ts",
  "server/unix_socket.ts",
  "terminal/tty.ts",
  "ui/clock.ts",
]);

// A time that was passed in has the type Date; code that makes one, or asks it for something, is found.
const IMPURE =
  /\bDeno\.|\b(?:setTimeout|setInterval|performance|fetch|console|Worker|localStorage)\b|\bnew Date\b|\bDate\s*[.(]|\bMath\.random\b|"node:(?!crypto"|zlib")/;

/**
 * The calls that spread a list into their arguments, and why the list is short. A long one overflows the stack: about
 * 130,000 rows of somebody's message are enough.
 */
const SPREADS: Readonly<Record<string, string>> = {
  // A command declares how many arguments it takes.
  "ui/submit.ts": "command.run(context, ...argumentsOf(command, rest))",
  // A time, and perhaps the two fields of a report.
  "cipher/sealed.ts": "this.#signedBytes(lane, counter, keys, ...fields, content)",
  // One block becomes three at most.
  "server/member_list.ts": "this.#blocks.toSpliced(index, 1, ...blocks)",
  // At most BASE64_BYTES.
  "pictures/graphics.ts": "String.fromCharCode(...bytes.subarray(at, at + BASE64_BYTES))",
};

/** Reports every call, and every `new`, with a spread argument, and every `apply` of a list. */
const SPREAD_CALLS: Deno.lint.Plugin = {
  name: "spread",
  rules: {
    call: {
      create(context) {
        const report = (call: Deno.lint.Node) =>
          context.report({ node: call, message: context.sourceCode.getText(call) });
        return {
          "CallExpression > SpreadElement": ({ parent }) => report(parent),
          "NewExpression > SpreadElement": ({ parent }) => report(parent),
          "CallExpression[callee.property.name='apply'][arguments.length>1]": report,
        };
      },
    },
  },
};

/** The calls in a module that spread a list; each source is parsed once. */
function spreadCalls(source: string): string[] {
  const calls = parsed.get(source) ??
    Deno.lint.runPlugin(SPREAD_CALLS, "a.ts", source).map(({ message }) => message);
  parsed.set(source, calls);
  return calls;
}
const parsed = new Map<string, string[]>();

/** The verbs: each is imported when it is needed, so that help comes at once. The version needs no parser, either. */
const VERBS = [
  "cli/admin.ts",
  "cli/completions.ts",
  "cli/crack.ts",
  "cli/identity.ts",
  "cli/join.ts",
  "cli/list_rooms.ts",
  "cli/send.ts",
  "cli/serve.ts",
];

/** Modules that are complete, while the ones that will import them are not. */
const AHEAD: readonly string[] = [];

/** Modules that few runs of a verb need: they, too, are imported when they are needed. */
const LATE = ["cli/config.ts", "classic/crack.ts", "pictures/pictures.ts"];

interface Import {
  /** A path from the project's root, or a package's name. */
  from: string;
  /** The text between `import` and `from`. */
  names: string;
  /** `import type`: it is gone when the program runs. */
  isType: boolean;
  /** By `import()` or as a worker. */
  isLate: boolean;
}

const root = new URL("../", import.meta.url);

/** All modules of the program; not tests, their helpers or tools. */
function readProgram(): Sources {
  const sources = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(new URL(folder || ".", root))) {
      const path = folder + name;
      if (isDirectory) {
        if (!/^(?:tests|tools|bench|docs|dist|coverage|node_modules|\..*)$/.test(name)) {
          walk(`${path}/`);
        }
      } else if (name.endsWith(".ts") && !/(?:_test|\.d)\.ts$/.test(name)) {
        sources.set(path, stripComments(Deno.readTextFileSync(new URL(path, root))));
      }
    }
  };
  walk("");
  return sources;
}

/** Comments end at most at the end of a line that has a quote in it: strings stay complete. */
function stripComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/[^\n]*/g, "$1");
}

/** Imports and re-exports of the module at `path`, types included; `import()` too, and workers. */
function importsOf(path: string, source: string): Import[] {
  const statements = source.matchAll(
    /^(?:import|export)\s+(?:([^;"]*?)\s*\bfrom\s*)?"([^"]+)"|\b(?:import|new Worker\(new URL)\(\s*([^)]*?)\s*\)/gm,
  );
  return Array.from(statements, ([, names, from, dynamic]) => {
    if (from !== undefined) {
      return {
        names: names ?? "",
        from: resolve(path, from),
        isType: /^type\b/.test(names ?? ""),
        isLate: false,
      };
    }
    const literal = /^"([^"]+)"/.exec(dynamic!);
    // An import that cannot be read cannot be checked.
    if (!literal) throw new TypeError(`${path}: import(${dynamic}) hides what it imports`);
    return { names: "*", from: resolve(path, literal[1]!), isType: false, isLate: true };
  });
}

function resolve(path: string, from: string): string {
  return from.startsWith(".") ? new URL(from, `file:///${path}`).pathname.slice(1) : from;
}

/** The single names in the text between `import` and `from`. */
function namesIn(names: string): string[] {
  return names.replace(/[{}]/g, "").replace(/^type\b/, "").split(",")
    .map((name) => name.replace(/\btype\b/, "").trim()).filter((name) => name !== "");
}

/** The folder that a file belongs to; a file at the root counts as a folder itself. */
function folderOf(path: string): string {
  const [first, rest] = path.split("/");
  if (rest !== undefined) return first!;
  const name = path.replace(/\.ts$/, "");
  return Object.hasOwn(FOLDERS, name) ? name : path;
}

function isLocal(from: string): boolean {
  return from.endsWith(".ts");
}

/** `path` and everything that it imports, directly or not, through imports that `fits` accepts. */
function closure(
  sources: Sources,
  path: string,
  fits: (one: Import) => boolean = () => true,
  found: Set<string> = new Set(),
): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  for (const one of importsOf(path, sources.get(path) ?? "")) {
    if (isLocal(one.from) && fits(one)) closure(sources, one.from, fits, found);
  }
  return found;
}

/** The server's own modules and all that they reach. */
function serverClosure(sources: Sources): Set<string> {
  const found = new Set<string>();
  for (const path of sources.keys()) {
    if (folderOf(path) === "server") closure(sources, path, undefined, found);
  }
  return found;
}

/** Each rule returns its violations, one sentence each. */
const RULES: Readonly<Record<string, (sources: Sources) => string[]>> = {
  "a folder imports only what the table allows": (sources) => {
    const found: string[] = [];
    for (const [path, source] of sources) {
      const own = folderOf(path);
      const may = FOLDERS[own];
      if (!may) {
        found.push(`${path} is in no folder of the table`);
        continue;
      }
      for (const { from } of importsOf(path, source)) {
        if (!isLocal(from)) {
          if (from.endsWith(".json") && from !== CONFIG) found.push(`${path} imports ${from}`);
          continue;
        }
        const folder = folderOf(from);
        const fits = folder === own ||
          [...COMMON, ...may].some((one) => one === folder || one === from);
        if (!fits) found.push(`${path} imports ${from}`);
      }
    }
    return found;
  },

  "no cycle goes through folders": (sources) => {
    const arrows = arrowsOf(sources);
    const found: string[] = [];
    const visit = (folder: string, way: readonly string[]): void => {
      if (way.includes(folder)) {
        found.push([...way.slice(way.indexOf(folder)), folder].join(" -> "));
        return;
      }
      for (const next of arrows.get(folder) ?? []) visit(next, [...way, folder]);
    };
    for (const folder of arrows.keys()) visit(folder, []);
    return found;
  },

  "main.ts reaches every module": (sources) => {
    const reached = closure(sources, "main.ts");
    return [
      ...[...sources.keys()].filter((path) => !reached.has(path) && !AHEAD.includes(path))
        .map((path) => `${path} is part of nothing`),
      ...AHEAD.filter((path) => reached.has(path)).map((path) => `${path} need not be ahead`),
    ];
  },

  "the server reaches nothing that could read a room, or the user's files": (sources) => {
    const found: string[] = [];
    const granted: string[] = [];
    for (const path of serverClosure(sources)) {
      if (CLIENTS_ALONE.test(path)) found.push(`the server reaches ${path}`);
      for (const { from, names } of importsOf(path, sources.get(path) ?? "")) {
        if (!/^(?:node:crypto|@noble\/)/.test(from)) continue;
        for (const name of namesIn(names)) {
          if (GRANTED_CRYPTO[path]?.includes(name)) granted.push(`${path} ${name}`);
          else found.push(`${path}, which the server reaches, imports ${name} from ${from}`);
        }
      }
    }
    return [...found, ...unused(GRANTED_CRYPTO, granted)];
  },

  "of cipher.ts and OPAQUE the server imports only the granted names": (sources) => {
    const found: string[] = [];
    const granted: string[] = [];
    for (const path of serverClosure(sources)) {
      if (folderOf(path) === "cipher") continue;
      for (const { from, names } of importsOf(path, sources.get(path) ?? "")) {
        const grant = GRANTED[from];
        if (!grant) continue;
        for (const name of namesIn(names)) {
          if (grant.includes(name)) granted.push(`${from} ${name}`);
          else found.push(`${path} imports ${name} from ${from}`);
        }
      }
    }
    return [...found, ...unused(GRANTED, granted)];
  },

  "only the edges know the system and the time": (sources) => {
    const found: string[] = [];
    for (const [path, source] of sources) {
      const [used] = IMPURE.exec(source) ?? [];
      if (used !== undefined && !EDGES.has(path)) found.push(`${path} uses ${used}`);
      if (used === undefined && EDGES.has(path)) found.push(`${path} need not be an edge`);
    }
    return found;
  },

  "printing, exiting, arguments, pipes, files and sockets each have their files": (sources) => {
    const found: string[] = [];
    for (const { what, files } of RESERVED) {
      for (const [path, source] of sources) {
        const uses = what.test(source);
        if (uses && !files.includes(path)) found.push(`${path} uses ${what}`);
        if (!uses && files.includes(path)) found.push(`${path} does not need ${what}`);
      }
    }
    return found;
  },

  "no call spreads a list that others can make long": (sources) => {
    const found: string[] = [];
    const allowed: string[] = [];
    for (const [path, source] of sources) {
      for (const call of spreadCalls(source)) {
        if (call === SPREADS[path]) allowed.push(path);
        else found.push(`${path} spreads: ${call}`);
      }
    }
    const unneeded = Object.keys(SPREADS).filter((path) => !allowed.includes(path));
    return [...found, ...unneeded.map((path) => `${path} needs no leave to spread`)];
  },

  "verbs, and modules that few need, are imported late": (sources) => {
    const early = (path: string) =>
      closure(sources, path, ({ isType, isLate }) => !isType && !isLate);
    const found: string[] = [];
    for (const path of ["main.ts", ...VERBS]) {
      for (const late of [...path === "main.ts" ? ["cli/args.ts", ...VERBS] : [], ...LATE]) {
        if (early(path).has(late)) found.push(`${path} needs ${late} early`);
      }
    }
    return found;
  },
};

/** Grants that no module uses. */
function unused(grants: Readonly<Record<string, readonly string[]>>, used: string[]): string[] {
  return Object.entries(grants).flatMap(([path, names]) => names.map((name) => `${path} ${name}`))
    .filter((grant) => !used.includes(grant)).map((grant) => `no module uses the grant ${grant}`);
}

/** Which folders each folder imports; the common ones are left out. */
function arrowsOf(sources: Sources): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const [path, source] of sources) {
    const own = folderOf(path);
    const others = arrows.get(own) ?? new Set();
    arrows.set(own, others);
    for (const { from } of importsOf(path, source)) {
      const folder = folderOf(from);
      if (isLocal(from) && folder !== own && !COMMON.includes(folder)) others.add(folder);
    }
  }
  return arrows;
}

/** For each rule, a file and the source that is added to it, and a part of the violation that is then found. */
const PLANTED: Readonly<Record<keyof typeof RULES, readonly [string, string, string][]>> = {
  "a folder imports only what the table allows": [
    ["text/width.ts", 'import "../protocol.ts";', "text/width.ts imports protocol.ts"],
    ["ui/theme.ts", 'import "../client.ts";', "ui/theme.ts imports client.ts"],
    ["terminal/undo.ts", 'import "../room.ts";', "terminal/undo.ts imports room.ts"],
    ["server/hub.ts", 'import "../cipher/keys.ts";', "server/hub.ts imports cipher/keys.ts"],
    ["room.ts", 'import "./tests/support/pty.ts";', "room.ts imports tests/support/pty.ts"],
    ["extra/a.ts", "", "extra/a.ts is in no folder of the table"],
  ],
  "no cycle goes through folders": [
    ["protocol.ts", 'import "./server.ts";', "protocol -> server -> protocol"],
  ],
  "main.ts reaches every module": [["text/lonely.ts", "", "text/lonely.ts is part of nothing"]],
  "the server reaches nothing that could read a room, or the user's files": [
    ["server/hub.ts", 'import "../cipher/sealed.ts";', "the server reaches cipher/sealed.ts"],
    [
      "protocol/connection.ts",
      'import { createDecipheriv } from "node:crypto";',
      "imports createDecipheriv",
    ],
  ],
  "of cipher.ts and OPAQUE the server imports only the granted names": [
    [
      "server/hub.ts",
      'import { XorCipher } from "../cipher.ts";',
      "server/hub.ts imports XorCipher",
    ],
  ],
  "only the edges know the system and the time": [
    ["text/emoji.ts", "const now = Date.now();", "text/emoji.ts uses Date."],
    ["cipher/aead.ts", 'import "node:fs";', "cipher/aead.ts uses"],
  ],
  "printing, exiting, arguments, pipes, files and sockets each have their files": [
    ["server.ts", "console.log(1);", "server.ts uses"],
    ["client.ts", "Deno.exit(1);", "client.ts uses"],
    ["ui/screen.ts", 'new Deno.Command("sh");', "ui/screen.ts uses"],
  ],
  "no call spreads a list that others can make long": [
    ["ui/rows.ts", "rows.push(framed(a, (b)), ...more);", "ui/rows.ts spreads: rows.push("],
    ["ui/rows.ts", "new Set<string>(...more);", "ui/rows.ts spreads: new Set"],
    ["text/width.ts", "Math.max.apply(null, widths);", "text/width.ts spreads: Math.max.apply("],
    ["ui/submit.ts", "run(...words);", "ui/submit.ts spreads: run(...words)"],
  ],
  "verbs, and modules that few need, are imported late": [
    ["cli/output.ts", 'import "./join.ts";', "main.ts needs cli/join.ts early"],
    ["cli/output.ts", 'import "./args.ts";', "main.ts needs cli/args.ts early"],
    ["cli/user.ts", 'import "./config.ts";', "cli/send.ts needs cli/config.ts early"],
  ],
};

const program = readProgram();

for (const [rule, check] of Object.entries(RULES)) {
  Deno.test(`layers: ${rule}`, () => {
    assert(program.size > 80);
    assertEquals(check(program), []);
  });

  Deno.test(`layers: a violation is found of: ${rule}`, () => {
    for (const [path, added, expected] of PLANTED[rule]!) {
      const planted = new Map(program).set(path, `${program.get(path) ?? ""}\n${added}`);
      const found = check(planted);
      assert(found.some((one) => one.includes(expected)), `${expected}: found ${found.join("; ")}`);
    }
  });
}

/** Longer modules have more than one reason to change. */
const MAX_LINES = 600;

/** Whether a module is too long, with its comments. */
function isLong(source: string): boolean {
  return source.split("\n").length - 1 > MAX_LINES;
}

Deno.test("layers: no module of the program has more than 600 lines", () => {
  const long = [...program.keys()].filter((path) =>
    isLong(Deno.readTextFileSync(new URL(path, root)))
  );
  assertEquals(long, []);
  assertEquals([600, 601].map((lines) => isLong("\n".repeat(lines))), [false, true]);
});

Deno.test("layers: the arrows between folders", () => {
  const arrows = arrowsOf(program);
  for (const [folder, others] of [...arrows].sort()) {
    console.log(`${folder} -> ${[...others].sort().join(", ") || "nothing"}`);
  }
  assertEquals([...arrows.keys()].sort(), Object.keys(FOLDERS).sort());
});

Deno.test("layers: imports are found in every notation", () => {
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
    importsOf("x/y.ts", source).map(({ from }) => from).join(" "),
    "x/a.ts x/b.ts x/c.ts x/d.ts x/e.ts x/f.ts x/g.ts x/h.json x/i.ts x/j.ts",
  );
  assertThrows(() => importsOf("x/y.ts", "await import(name)"), TypeError, "hides");
});
