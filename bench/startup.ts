// How long `chat --version` takes to start and end, beside a program that only says hello, in the same run: the
// ratio of the two holds on any machine, the milliseconds on this one.
//
//   deno run --allow-all bench/startup.ts                        from source, beside `deno run`
//   CHAT_BINARY=dist/chat deno run --allow-all bench/startup.ts  the executable, beside one that only says hello

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

/** A program that only says hello, started in the same way. */
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
  // The first runs fill the caches. Then in turns: what disturbs one disturbs the other.
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
