// Builds the executables. A tool for developers of `chat`: the program never imports this file.
//
//   deno task compile        dist/chat (dist/chat.exe on Windows), for this machine
//   deno task compile:all    dist/chat-VERSION-SYSTEM for each of Deno's systems, and dist/SHA256SUMS
//
// An executable is Deno's runtime without its tools (`denort`, which `deno compile` downloads once for each system)
// followed by the program. If no download is possible, DENORT_BIN names a denort for this machine.
//
// Exit code 0: built, the paths are on stdout. 1: not built, the reason is on stderr. 2: misuse.

import { createHash } from "node:crypto";
import config from "../deno.json" with { type: "json" };

/** A system that `deno compile` can build for. */
export interface BuildTarget {
  /** Deno's name for it. */
  readonly triple: string;
  /** Its common name: the end of the released file's name. */
  readonly system: string;
  /** The end of an executable's name. */
  readonly suffix: "" | ".exe";
}

/** All systems that Deno supports. */
export const targets: readonly BuildTarget[] = [
  { triple: "x86_64-unknown-linux-gnu", system: "linux-x64", suffix: "" },
  { triple: "aarch64-unknown-linux-gnu", system: "linux-arm64", suffix: "" },
  { triple: "x86_64-apple-darwin", system: "macos-x64", suffix: "" },
  { triple: "aarch64-apple-darwin", system: "macos-arm64", suffix: "" },
  { triple: "x86_64-pc-windows-msvc", system: "windows-x64", suffix: ".exe" },
];

/** The file name of the executable for `target` in a release. */
export function releaseName(target: BuildTarget): string {
  return `chat-${config.version}-${target.system}${target.suffix}`;
}

/**
 * The flags between `deno run` and `main.ts` in a task. The task `chat` in deno.json is the one place for the program's
 * permissions: the executable has the same permissions as the program from source.
 *
 * @throws {TypeError} if the task is not one plain command, which can be split at spaces
 */
export function programFlags(task: string): string[] {
  const [deno, run, ...flags] = task.split(" ");
  const script = flags.pop();
  const plain = flags.every((flag) => /^--[\w./:,=-]+$/.test(flag) && flag !== "--allow-all");
  if (deno !== "deno" || run !== "run" || script !== "main.ts" || !plain) {
    throw new TypeError(
      `Cannot take permissions from the task: it is "${task}", it should be "deno run --FLAG... main.ts"`,
    );
  }
  return flags;
}

/** The arguments to `deno` that build the executable for `target` at the path `output`. */
export function compileArgs(target: BuildTarget, output: string): string[] {
  return [
    "compile",
    // `deno task ok` has checked the types.
    "--no-check",
    ...programFlags(config.tasks.chat.command),
    // Without these two, the packages of the tests and a stray folder node_modules would be embedded, too. The first
    // does the same as `--exclude-unused-npm`, which Deno 2.6 to 2.8.0 do not have.
    "--unstable-npm-lazy-caching",
    "--node-modules-dir=none",
    // No import leads to the module of a worker.
    "--include=pictures/worker.ts",
    `--target=${target.triple}`,
    `--output=${output}`,
    "main.ts",
  ];
}

/**
 * Why `deno compile` could not get its runtime, or undefined if something else failed. Deno has neither an exit code nor
 * an option for this, so its message is parsed. The caller shows an unknown message as it is.
 */
export function missingRuntime(stderr: string): string | undefined {
  const [, outer, inner] = stderr.match(/^ +0: (.+)\n(?: +1: (.+))?/m) ?? [];
  if (outer?.startsWith("Setting up base binary")) return inner ?? outer;
  if (outer?.startsWith("Could not find denort")) return outer;
  return undefined;
}

/** The content of SHA256SUMS for files in `folder`, as `sha256sum --check` reads it. */
export async function checksums(folder: string, names: readonly string[]): Promise<string> {
  let lines = "";
  for (const name of names) {
    const digest = createHash("sha256").update(await Deno.readFile(`${folder}/${name}`)).digest(
      "hex",
    );
    lines += `${digest}  ${name}\n`;
  }
  return lines;
}

/** Builds one executable. Returns whether that succeeded. If not, the reason is on stderr. */
async function compile(
  target: BuildTarget,
  output: string,
  denort: string | undefined,
): Promise<boolean> {
  console.error(`compile: ${output}`);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: compileArgs(target, output),
    // Deno would use DENORT_BIN for any system, but it is the runtime of this one.
    env: {
      NO_COLOR: "1",
      ...(denort && target.triple === Deno.build.target ? { DENORT_BIN: denort } : {}),
    },
    stdin: "null",
    stderr: "piped",
  }).output();
  const message = new TextDecoder().decode(stderr);
  const cause = success ? undefined : missingRuntime(message);
  if (cause === undefined) {
    // Also on success: it lists the embedded files.
    console.error(message.trim());
  } else {
    console.error(`compile: error: Cannot get Deno's runtime for ${target.system}: ${cause}`);
  }
  return success;
}

async function main(args: readonly string[]): Promise<number> {
  const all = args[0] === "--all";
  if (args.length > (all ? 1 : 0)) {
    console.error("usage: compile.ts [--all]");
    return 2;
  }
  const own = targets.find((target) => target.triple === Deno.build.target);
  if (!all && !own) {
    console.error(
      `compile: error: Cannot compile for ${Deno.build.target}: Deno has no runtime for it`,
    );
    return 1;
  }
  const denort = Deno.env.get("DENORT_BIN");
  Deno.env.delete("DENORT_BIN");
  const built = !all && own
    ? [{ target: own, name: `chat${own.suffix}` }]
    : targets.map((target) => ({ target, name: releaseName(target) }));
  for (const { target, name } of built) {
    // Under another name first: a failed build keeps the previous executable.
    const beside = `dist/new-${name}`;
    if (!await compile(target, beside, denort)) return 1;
    await Deno.rename(beside, `dist/${name}`);
  }
  const names = built.map(({ name }) => name);
  if (all) {
    await Deno.writeTextFile("dist/SHA256SUMS", await checksums("dist", names));
    names.push("SHA256SUMS");
  }
  for (const name of names) console.log(`dist/${name}`);
  return 0;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
