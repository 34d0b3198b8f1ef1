import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  type BuildTarget,
  checksums,
  compileArgs,
  missingRuntime,
  programFlags,
  releaseName,
  targets,
} from "./compile.ts";
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
    assertEquals(args.at(-1), "main.ts");
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
  // The previous executable is unchanged.
  const after = await Deno.stat(built).catch(() => undefined);
  assertEquals(after?.mtime, before?.mtime);
});

Deno.test("compile.ts: an unknown argument prints the usage, and exits with 2", async () => {
  for (const args of [["--al"], ["--all", "dist"], [""]]) {
    assertEquals(await compile(...args), {
      code: 2,
      stdout: "",
      stderr: "usage: compile.ts [--all]\n",
    });
  }
});
