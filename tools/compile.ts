// Builds the executables. A tool for those who build `chat`, not a part of it: the program never imports this file.
//
//   deno task compile        dist/chat (dist/chat.exe on Windows), for this machine
//   deno task compile:all    dist/chat-VERSION-SYSTEM for each of Deno's systems, and dist/SHA256SUMS
//
// An executable is Deno's runtime without its tools (`denort`, which `deno compile` downloads once for each system)
// followed by the program. DENORT_BIN names a denort of this machine to use instead, where no download is possible.
//
// Exit code 0: built, the paths are on stdout. 1: not built, stderr says why. 2: misuse.

import { createHash } from "node:crypto";
import config from "../deno.json" with { type: "json" };

/** A system that `deno compile` can build for. */
export interface BuildTarget {
  /** Deno's name for it. */
  readonly triple: string;
  /** The name people know it by: the end of the released file's name. */
  readonly system: string;
  /** What the name of an executable must end with there. */
  readonly suffix: "" | ".exe";
}

/** All that Deno supports. */
export const targets: readonly BuildTarget[] = [
  { triple: "x86_64-unknown-linux-gnu", system: "linux-x64", suffix: "" },
  { triple: "aarch64-unknown-linux-gnu", system: "linux-arm64", suffix: "" },
  { triple: "x86_64-apple-darwin", system: "macos-x64", suffix: "" },
  { triple: "aarch64-apple-darwin", system: "macos-arm64", suffix: "" },
  { triple: "x86_64-pc-windows-msvc", system: "windows-x64", suffix: ".exe" },
];

/** The name under which the executable for `target` is released. */
export function releaseName(target: BuildTarget): string {
  return `chat-${config.version}-${target.system}${target.suffix}`;
}

/**
 * The flags between `deno run` and `main.ts` in a task. Taking them from the task `chat` in deno.json keeps the
 * program's permissions in one place: the executable can do what the program from source can, and no more.
 *
 * @throws {TypeError} if the task is more than one plain command, where splitting it at spaces would be wrong.
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
    // Without these two, the packages of the tests and a stray folder node_modules would be embedded as well.
    // The first does what `--exclude-unused-npm` does, which Deno 2.6 to 2.8.0 do not know yet.
    "--unstable-npm-lazy-caching",
    "--node-modules-dir=none",
    // No import leads there: it is what a worker runs.
    "--include=pictures/worker.ts",
    `--target=${target.triple}`,
    `--output=${output}`,
    "main.ts",
  ];
}

/**
 * Why `deno compile` could not get its runtime, or undefined if something else went wrong. Deno has neither an exit
 * code nor an option for this, so what it writes has to be read; text that is not recognized is shown as it is.
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

/** Builds one executable; returns whether it is there, and if not, has said why. */
async function compile(
  target: BuildTarget,
  output: string,
  denort: string | undefined,
): Promise<boolean> {
  console.error(`compile: ${output}`);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: compileArgs(target, output),
    // Deno would put DENORT_BIN into the executable for any system; it is the runtime of this one.
    env: {
      NO_COLOR: "1",
      ...(denort && target.triple === Deno.build.target ? { DENORT_BIN: denort } : {}),
    },
    stdin: "null",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stderr);
  const cause = success ? undefined : missingRuntime(said);
  if (cause === undefined) {
    // On success too: it lists what has been embedded.
    console.error(said.trim());
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
    // Beside it first: a build that fails leaves what was built before.
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
