// The time of `chat --version`, from start to end, compared with a program that only prints hello, in the same run.
// The ratio of the two is valid on any machine, the milliseconds only on this one.
//
//   deno run --allow-all bench/startup.ts                        from source, compared with `deno run`
//   CHAT_BINARY=dist/chat deno run --allow-all bench/startup.ts  the executable, compared with a compiled hello

import { start } from "../tests/support/program.ts";

const RUNS = 15;

async function milliseconds(path: string, args: readonly string[]): Promise<number> {
  const begin = performance.now();
  const { success } = await new Deno.Command(path, {
    args: [...args],
    cwd: new URL("..", import.meta.url),
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure ${path}: it failed`);
  return performance.now() - begin;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** A program that only prints hello, started in the same way. */
async function hello(folder: string): Promise<{ path: string; args: string[] }> {
  const source = `${folder}/hello.ts`;
  await Deno.writeTextFile(source, 'console.log("hello");\n');
  if (start.path === Deno.execPath()) {
    return { path: start.path, args: ["run", "--quiet", "--no-config", source] };
  }
  const path = `${folder}/hello${Deno.build.os === "windows" ? ".exe" : ""}`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--quiet", "--no-config", `--output=${path}`, source],
    stdin: "null",
  }).output();
  if (!success) throw new Error("Cannot compile a program to compare with");
  return { path, args: [] };
}

const folder = await Deno.makeTempDir();
try {
  const nothing = await hello(folder);
  const times: { chat: number[]; hello: number[] } = { chat: [], hello: [] };
  // The first runs fill the caches. Then in turns, so that a disturbance affects both.
  for (let run = -2; run < RUNS; run++) {
    const chat = await milliseconds(start.path, [...start.args, "--version"]);
    const other = await milliseconds(nothing.path, nothing.args);
    if (run < 0) continue;
    times.chat.push(chat);
    times.hello.push(other);
  }
  const [chat, other] = [median(times.chat), median(times.hello)];
  console.log(
    `chat --version ${chat.toFixed(1)} ms, hello world ${other.toFixed(1)} ms, ratio ` +
      `${(chat / other).toFixed(2)} (medians of ${RUNS} runs, ${
        start.path === Deno.execPath() ? "from source" : "compiled"
      })`,
  );
} finally {
  await Deno.remove(folder, { recursive: true });
}
