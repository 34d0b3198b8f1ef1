import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  type BuildTarget,
  bundle,
  checksums,
  compileArgs,
  missingRuntime,
  normalize,
  programFlags,
  releaseName,
  targets,
} from "./compile.ts";
import { pathToFileURL } from "node:url";
import config from "../deno.json" with { type: "json" };

const [linux] = targets as readonly [BuildTarget];

Deno.test("targets: the five systems of Deno, including this one, with different names", () => {
  assertEquals(targets.length, 5);
  assertEquals(targets.filter((target) => target.triple === Deno.build.target).length, 1);
  assertEquals(new Set(targets.map(releaseName)).size, 5);
});

Deno.test("releaseName: version and system, and .exe only on Windows", () => {
  assertEquals(releaseName(linux), `chat-${config.version}-linux-x64`);
  for (const target of targets) {
    assertEquals(releaseName(target).endsWith(".exe"), target.triple.includes("windows"));
  }
});

Deno.test("README lists the released file of each system", () => {
  const readme = Deno.readTextFileSync(`${import.meta.dirname}/../README.md`);
  const listed = Array.from(
    readme.matchAll(/^\|[^|]*\| `(chat-[^`]+)` *\|$/gm),
    ([, name]) => name,
  );
  assertEquals(listed, targets.map(releaseName));
});

Deno.test("compileArgs: the executable gets exactly the flags of the task chat", () => {
  const task = config.tasks.chat.command;
  const flags = programFlags(task);
  assertEquals(["deno", "run", ...flags, "main.ts"].join(" "), task);
  const permission = /^--(allow|deny|no-prompt|permission)/;
  for (const target of targets) {
    const args = compileArgs(target, "dist/chat");
    assertEquals(
      args.filter((arg) => permission.test(arg)),
      flags.filter((flag) => permission.test(flag)),
    );
    const v8 = args.filter((arg) => arg.startsWith("--v8-flags="));
    assertEquals(v8, [
      "--v8-flags=--optimize-for-size,--no-memory-pool-share-memory-on-teardown",
    ]);
    assertEquals(args.at(-1), "dist/bundle/main.js");
  }
});

/** What `deno bundle` may write in one folder, and in another. */
const raw = (root: string, [late, shared]: readonly [string, string]) =>
  new Map([
    [
      "main.js",
      `import {\n  hello\n} from "./chunk-${shared}.js";\n` +
      `// ${root}/denodir/npm/registry.npmjs.org/left-pad/1.0.0/index.js\n// main.ts\n` +
      `await import("./late-${late}.js");\n`,
    ],
    ["pictures/worker.js", `import "../chunk-${shared}.js";\n`],
    [
      `late-${late}.js`,
      `// pictures/pictures.ts\nnew Worker(new URL("./worker.ts", import.meta.url), none);\n`,
    ],
    [`chunk-${shared}.js`, `// text/hello.ts\n  // ../not/a/package\n`],
  ]);

Deno.test("normalize: the folders of the build change nothing, and workers have their pieces", () => {
  const entries = ["main.js", "pictures/worker.js"];
  const one = normalize(raw("../..", ["AAAA2222", "BBBB3333"]), entries);
  assertEquals(one, normalize(raw("C:/c d/e", ["77777777", "ZZZZZZZZ"]), entries));
  assertEquals(
    one,
    new Map([
      [
        "main.js",
        'import {\n  hello\n} from "./chunk-1.js";\n// npm:left-pad/1.0.0/index.js\n// main.ts\n' +
        'await import("./late-1.js");\n',
      ],
      ["pictures/worker.js", 'import "../chunk-1.js";\n'],
      ["chunk-1.js", "// text/hello.ts\n  // ../not/a/package\n"],
      [
        "late-1.js",
        '// pictures/pictures.ts\nnew Worker(new URL("./pictures/worker.js", import.meta.url), none);\n',
      ],
    ]),
  );
});

Deno.test("normalize: refuses a piece that nothing imports, and a worker that is not in the list", () => {
  const pieces = raw("..", ["AAAA2222", "BBBB3333"]);
  assertThrows(
    () =>
      normalize(new Map(pieces).set("chunk-CCCC4444.js", ""), ["main.js", "pictures/worker.js"]),
    Error,
    "nothing imports chunk-CCCC4444.js",
  );
  assertThrows(
    () =>
      normalize(
        new Map(pieces).set("main.js", 'new Worker(new URL("./other.ts", import.meta.url))'),
        ["main.js", "pictures/worker.js"],
      ),
    Error,
    "./other.ts is not in the list",
  );
});

Deno.test("bundle: names no folder of this machine, and a stack trace names functions and pieces", async () => {
  const root = `${import.meta.dirname}/..`;
  const pieces = await bundle(root);
  for (const [path, script] of pieces) {
    const [found] =
      /^.*(?:registry\.npmjs\.org|-[A-Z0-9]{8}\.js"|^\/\/ \.\.?\/).*$/m.exec(script) ?? [];
    assertEquals(found, undefined, path);
  }
  const folder = await Deno.makeTempDir();
  const base = pathToFileURL(`${folder}/`);
  try {
    for (const [path, script] of pieces) {
      const file = new URL(path, base);
      await Deno.mkdir(new URL(".", file), { recursive: true });
      await Deno.writeTextFile(file, script);
    }
    const { run } = await import(new URL("main.js", base).href);
    let stderr = "";
    const code = await run(["join"], {
      env() {
        throw new TypeError("planted");
      },
      stderr: {
        writeSync(bytes: Uint8Array) {
          stderr += new TextDecoder().decode(bytes);
          return bytes.length;
        },
      },
    });
    assertEquals(code, 1);
    assertMatch(stderr, /^chat: error: This is a bug in chat: TypeError: planted\n/);
    assertMatch(stderr, /\n +at parsePlace \(file:\S+\/args-1\.js:\d+:\d+\)\n/);
    assertMatch(stderr, /\n +at parseCommand \(file:\S+\/[\w-]+\.js:\d+:\d+\)\n/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("programFlags: splits a plain command, and refuses others", () => {
  assertEquals(programFlags("deno run --frozen --allow-env=A,B --allow-read=./x main.ts"), [
    "--frozen",
    "--allow-env=A,B",
    "--allow-read=./x",
  ]);
  assertEquals(programFlags("deno run main.ts"), []);
  const refused = [
    "",
    "deno run",
    "deno task chat",
    "deno run --allow-net other.ts",
    "deno run --allow-net main.ts serve",
    "deno run --allow-net && deno run main.ts",
    'deno run --allow-read="a b" main.ts',
    "deno run --allow-read=$HOME main.ts",
    "deno run -A main.ts",
    "deno run --allow-all main.ts",
  ];
  for (const task of refused) assertThrows(() => programFlags(task), TypeError, `it is "${task}"`);
});

Deno.test("checksums: a line for each file in the format of sha256sum", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/empty`, "");
    await Deno.writeTextFile(`${folder}/abc`, "abc");
    assertEquals(
      await checksums(folder, ["empty", "abc"]),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty\n" +
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("missingRuntime: the cause from the message of Deno 2.8; undefined for other failures", () => {
  const report = (causes: string) =>
    "Compile main.ts to dist/chat\nDownload https://dl.deno.land/release/v2.8.3/denort-x.zip\n" +
    "error: Writing deno compile executable to temporary file 'dist/chat.tmp-1'\n\n" +
    `Caused by:\n${causes}\n\nStack backtrace:\n   0: <unknown>\n   1: main\n`;
  assertEquals(
    missingRuntime(
      report("    0: Setting up base binary.\n    1: error sending request\n    2: dns error"),
    ),
    "error sending request",
  );
  const wrongPath = "Could not find denort at '/x'";
  assertEquals(missingRuntime(report(`    0: ${wrongPath}\n    1: No such file`)), wrongPath);
  assertEquals(missingRuntime(report("    0: No space left on device (os error 28)")), undefined);
  assertEquals(
    missingRuntime("Check main.ts\nTS2322 [ERROR]: Type 'string' is not assignable"),
    undefined,
  );
});

async function compile(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const decoder = new TextDecoder();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--frozen", "--no-prompt", "--allow-all", "tools/compile.ts", ...args],
    cwd: `${import.meta.dirname}/..`,
    env: { NO_COLOR: "1", DENORT_BIN: "/there/is/no/denort" },
    stdin: "null",
  }).output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("compile.ts: without a runtime it prints one sentence, and exits with 1", async () => {
  const built = `${import.meta.dirname}/../dist/chat${Deno.build.os === "windows" ? ".exe" : ""}`;
  const before = await Deno.stat(built).catch(() => undefined);
  const { code, stdout, stderr } = await compile();
  assertMatch(
    stderr,
    /^compile: dist\/new-chat(\.exe)?\ncompile: error: Cannot get Deno's runtime for [\w-]+: .*denort'\n$/,
  );
  assertEquals({ code, stdout }, { code: 1, stdout: "" });
  // The previous executable is unchanged, and the bundle is not left behind.
  const after = await Deno.stat(built).catch(() => undefined);
  assertEquals(after?.mtime, before?.mtime);
  await assertRejects(
    () => Deno.stat(`${import.meta.dirname}/../dist/bundle`),
    Deno.errors.NotFound,
  );
});

Deno.test("compile.ts: an unknown argument prints the usage, and exits with 2", async () => {
  for (const args of [["--al"], ["--all", "dist"], ["--bundle", "--all"], [""]]) {
    assertEquals(await compile(...args), {
      code: 2,
      stdout: "",
      stderr: "usage: compile.ts [--all | --bundle]\n",
    });
  }
});
