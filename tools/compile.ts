// Builds the executables. A tool for developers of `chat`: the program never imports this file.
//
//   deno task compile        dist/chat (dist/chat.exe on Windows), for this machine
//   deno task compile:all    dist/chat-VERSION-SYSTEM for each of Deno's systems, and dist/SHA256SUMS
//   deno task compile --bundle
//                            dist/bundle: only the pieces of JavaScript that an executable contains, to find a line
//                            of a stack trace in them
//
// An executable is Deno's runtime without its tools (`denort`, which `deno compile` downloads once for each system)
// followed by the program. If no download is possible, DENORT_BIN names a denort for this machine. The program is a
// bundle: Deno starts a few pieces in half the time of a hundred modules and packages.
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

/** The modules of workers. No import leads to them: they are entries of the bundle, and are embedded by name. */
const WORKERS = ["cipher/login_worker.ts", "pictures/worker.ts"];

/** Where the bundle is while the executables are built. */
const BUNDLE = "dist/bundle";

/**
 * Bundles the program at `root`: each piece of JavaScript with its path. The bytes depend only on the sources, so
 * that anybody can build the same executable from the same commit.
 *
 * @throws {Error} if `deno bundle` fails
 */
export async function bundle(root: string): Promise<Map<string, string>> {
  await Deno.mkdir(`${root}/dist`, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: `${root}/dist`, prefix: "bundle-" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "bundle",
        "--quiet",
        "--frozen",
        "--no-check",
        // A stray folder node_modules would be used instead of the locked packages.
        "--node-modules-dir=none",
        // A verb loads only its pieces. They are not minified: a stack trace needs names and lines.
        "--code-splitting",
        `--outdir=${folder}`,
        "main.ts",
        ...WORKERS,
      ],
      cwd: root,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
    return normalize(await readScripts(folder), ["main.js", ...WORKERS.map(inBundle)]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The path of an entry's piece. */
function inBundle(entry: string): string {
  return entry.replace(/ts$/, "js");
}

/** All files below `folder`, by path. */
async function readScripts(folder: string, below = ""): Promise<Map<string, string>> {
  const scripts = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    const path = below + name;
    if (!isDirectory) scripts.set(path, await Deno.readTextFile(`${folder}/${path}`));
    else for (const one of await readScripts(folder, `${path}/`)) scripts.set(...one);
  }
  return scripts;
}

/**
 * Makes a bundle independent of the folders that it was built in. Deno writes them into the comments that name each
 * module, and into the digests that end the names of pieces. Here pieces are numbered instead, in the order of their
 * first import. Also points each `new Worker` to the piece of its module.
 *
 * @param raw the pieces from `deno bundle`, by path
 * @param entries the paths of those that are entries: they keep their names
 * @throws {Error} if that cannot be done for a piece
 */
export function normalize(
  raw: ReadonlyMap<string, string>,
  entries: readonly string[],
): Map<string, string> {
  const names = new Map(entries.map((entry) => [entry, entry]));
  const counts = new Map<string, number>();
  const nameOf = (path: string): string => {
    const [, stem] = /^(.+)-[A-Z0-9]{8}\.js$/.exec(path) ?? [];
    if (stem === undefined || !raw.has(path)) throw new Error(`Cannot name a piece: ${path}`);
    const count = (counts.get(stem) ?? 0) + 1;
    counts.set(stem, count);
    return `${stem}-${count}.js`;
  };
  const pieces = new Map<string, string>();
  // The names are added to while they are gone through.
  for (const [path, name] of names) {
    const script = raw.get(path)!
      // The folder of Deno's packages, and in it that of the registry.
      .replace(/^(\s*\/\/ )(?:\.\.|[A-Z]:)?\/.*?\/npm\/[^/\n]+\//gm, "$1npm:")
      .replace(/"(\.\.?\/)([^"/]+-[A-Z0-9]{8}\.js)"/g, (_, up, piece) => {
        if (!names.has(piece)) names.set(piece, nameOf(piece));
        return `"${up}${names.get(piece)}"`;
      })
      .replace(/(?<=new Worker\(new URL\()"([^"]+)"/g, (_, url) => {
        const worker = WORKERS.find((entry) => entry.endsWith(url.slice(1)));
        if (worker === undefined) {
          throw new Error(`Cannot embed a worker: ${url} is not in the list`);
        }
        return `"./${inBundle(worker)}"`;
      });
    pieces.set(name, script);
  }
  const unused = raw.keys().find((path) => !names.has(path));
  if (unused !== undefined) throw new Error(`Cannot name all pieces: nothing imports ${unused}`);
  return pieces;
}

/** Writes the bundle to `BUNDLE`, in place of an older one. */
async function writeBundle(): Promise<void> {
  const pieces = await bundle(".");
  await removeBundle();
  for (const [path, script] of pieces) {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    await Deno.mkdir(`${BUNDLE}/${folder}`, { recursive: true });
    await Deno.writeTextFile(`${BUNDLE}/${path}`, script);
    // An executable contains the times of its files: with that of the build, no two would be equal.
    await Deno.utime(`${BUNDLE}/${path}`, 0, 0);
  }
}

async function removeBundle(): Promise<void> {
  try {
    await Deno.remove(BUNDLE, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * V8 gives the memory of an ended worker back at once: some 7 MiB after a login. Without this, the program would keep it
 * for later, and most never need it. Not in the task, because another version of Deno may not know it.
 */
const GIVE_BACK = "--no-memory-pool-share-memory-on-teardown";

/** The arguments to `deno` that build the executable for `target` at the path `output`, from the bundle. */
export function compileArgs(target: BuildTarget, output: string): string[] {
  return [
    "compile",
    // `deno task ok` has checked the types.
    "--no-check",
    ...programFlags(config.tasks.chat.command).map((flag) =>
      flag.startsWith("--v8-flags=") ? `${flag},${GIVE_BACK}` : flag
    ),
    // Deno would keep compiled code in the system's folder of temporary files, under a name that anybody can take and
    // fill with other code. A bundle starts as quickly without it.
    "--no-code-cache",
    // The bundle needs no packages and no import map.
    "--no-config",
    "--no-lock",
    ...config.unstable.map((feature) => `--unstable-${feature}`),
    ...WORKERS.map((entry) => `--include=${BUNDLE}/${inBundle(entry)}`),
    `--target=${target.triple}`,
    `--output=${output}`,
    `${BUNDLE}/main.js`,
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
  const [option] = args;
  if (args.length > 1 || !(option === undefined || option === "--all" || option === "--bundle")) {
    console.error("usage: compile.ts [--all | --bundle]");
    return 2;
  }
  const all = option === "--all";
  const own = targets.find((target) => target.triple === Deno.build.target);
  if (option === undefined && !own) {
    console.error(
      `compile: error: Cannot compile for ${Deno.build.target}: Deno has no runtime for it`,
    );
    return 1;
  }
  const denort = Deno.env.get("DENORT_BIN");
  Deno.env.delete("DENORT_BIN");
  try {
    await writeBundle();
  } catch (error) {
    console.error(`compile: error: Cannot bundle the program: ${(error as Error).message}`);
    return 1;
  }
  if (option === "--bundle") {
    console.log(BUNDLE);
    return 0;
  }
  const built = !all && own
    ? [{ target: own, name: `chat${own.suffix}` }]
    : targets.map((target) => ({ target, name: releaseName(target) }));
  try {
    for (const { target, name } of built) {
      // Under another name first: a failed build keeps the previous executable.
      const beside = `dist/new-${name}`;
      if (!await compile(target, beside, denort)) return 1;
      await Deno.rename(beside, `dist/${name}`);
    }
  } finally {
    // A release publishes all that is in dist.
    await removeBundle();
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
