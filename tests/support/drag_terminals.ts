// Test helper: the terminals whose windows are dragged in `drag.ts`: xterm.js in this process, tmux and GNU screen on
// a pseudo-terminal, xterm and VTE in a virtual X server. No part of the program.

import * as pty from "@lydell/node-pty";
import xterm from "@xterm/headless";
import { within } from "./async.ts";

/** A program in a terminal. */
export interface Window extends AsyncDisposable {
  /** Changes the size step by step, one each `ms`. */
  drag(sizes: readonly Size[], ms: number): Promise<void>;
  type(keys: string): Promise<void> | void;
  /** All rows, the scrollback first, wrapped ones joined where the terminal can. */
  rows(): Promise<string[]>;
}

export type Size = readonly [columns: number, rows: number];

/** A kind of terminal. */
export interface Kind {
  readonly name: string;
  /** Whether it wraps the rows on its screen when it becomes narrower. Otherwise it cuts them. */
  readonly wraps: boolean;
  /** Why it cannot be used here; undefined if it can. */
  missing(): Promise<string | undefined>;
  open(command: readonly string[], size: Size, folder: string): Promise<Window>;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Calls `step` for each of `sizes`, at its time even if a step has taken long. */
async function eachAtItsTime(
  sizes: readonly Size[],
  ms: number,
  step: (size: Size) => void,
): Promise<void> {
  const start = performance.now();
  for (const [i, size] of sizes.entries()) {
    await sleep(Math.max(0, start + i * ms - performance.now()));
    step(size);
  }
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, env: ENV }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${error}${out}`);
  return out!;
}

/** Why one of `programs` cannot be started. */
async function missingOf(...programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    const args = ["-c", `command -v ${program}`];
    const { success } = await new Deno.Command("sh", { args, stdout: "null" }).output();
    if (!success) return `${program} is not installed`;
  }
  return undefined;
}

/** The environment, without what tells of the terminal in which the tests run. */
const ENV: Record<string, string> = {
  ...Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) =>
      !/^(?:TMUX.*|STY|WINDOW|TERM.*|LC_TERMINAL|XTERM_.*|VTE_VERSION|COLORTERM)$/.test(name)
    ),
  ),
  LC_ALL: "C.UTF-8",
};

/** A pseudo-terminal with an emulator: xterm.js, which is also what tmux and GNU screen draw on. */
class Emulated implements AsyncDisposable {
  readonly emulator: InstanceType<typeof xterm.Terminal>;
  readonly #pty: pty.IPty;
  readonly #exit: Promise<void>;

  constructor(
    command: readonly string[],
    [cols, rows]: Size,
    options: xterm.ITerminalOptions = {},
  ) {
    this.emulator = new xterm.Terminal({
      cols,
      rows,
      scrollback: 10_000,
      allowProposedApi: true,
      ...options,
    });
    const env = { ...ENV, TERM: "xterm-256color" };
    this.#pty = pty.spawn(command[0]!, command.slice(1), { cols, rows, env });
    this.#pty.onData((data) => this.emulator.write(data));
    this.emulator.onData((data) => this.#pty.write(data));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pty.onExit(() => resolve());
    this.#exit = promise;
  }

  drag(sizes: readonly Size[], ms: number): Promise<void> {
    return eachAtItsTime(sizes, ms, ([columns, rows]) => {
      this.emulator.resize(columns, rows);
      this.#pty.resize(columns, rows);
    });
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  async rows(): Promise<string[]> {
    await this.#drawn();
    const { active } = this.emulator.buffer;
    const rows: string[] = [];
    for (let at = 0; at < active.length; at++) {
      const line = active.getLine(at)!;
      const text = line.translateToString(true);
      if (line.isWrapped && rows.length > 0) rows.push(rows.pop() + text);
      else rows.push(text);
    }
    return rows;
  }

  #drawn(): Promise<void> {
    return new Promise((resolve) => this.emulator.write("", resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pty.kill("SIGKILL");
    await this.#exit;
    await this.#drawn();
    this.emulator.dispose();
  }
}

const xtermJs: Kind = {
  name: "xterm.js",
  wraps: true,
  missing: () => Promise.resolve(undefined),
  open: (command, size) => Promise.resolve(new Emulated(command, size)),
};

/** Like the terminals of Windows before its build 21376: rows are cut, not wrapped. */
const xtermJsCut: Kind = {
  name: "xterm.js without wrapping",
  wraps: false,
  missing: () => Promise.resolve(undefined),
  open: (command, size) => {
    const windowsPty = { backend: "conpty", buildNumber: 19_000 } as const;
    return Promise.resolve(new Emulated(command, size, { windowsPty }));
  },
};

const tmux: Kind = {
  name: "tmux",
  wraps: true,
  missing: () => missingOf("tmux"),
  async open(command, size, folder) {
    const config = `${folder}/tmux.conf`;
    await Deno.writeTextFile(config, "set -g status off\nset -g history-limit 10000\n");
    const ask = ["tmux", "-u", "-S", `${folder}/tmux`];
    const outside = new Emulated([...ask, "-f", config, "new-session", "--", ...command], size);
    return {
      drag: (sizes, ms) => outside.drag(sizes, ms),
      type: (keys) => outside.type(keys),
      rows: async () => {
        const text = await run(ask[0]!, ...ask.slice(1), "capture-pane", "-pJS", "-");
        return text.replace(/\n$/, "").split("\n").map((row) => row.trimEnd());
      },
      async [Symbol.asyncDispose]() {
        await run(ask[0]!, ...ask.slice(1), "kill-server");
        await outside[Symbol.asyncDispose]();
      },
    };
  },
};

const gnuScreen: Kind = {
  name: "GNU screen",
  wraps: true,
  missing: () => missingOf("screen"),
  async open(command, size, folder) {
    const config = `${folder}/screenrc`;
    const lines = ["defscrollback 10000", "startup_message off", "defutf8 on", "vbell off"];
    await Deno.writeTextFile(config, lines.join("\n") + "\n");
    const name = `drag${folder.replaceAll(/\W/g, "")}`;
    const args = ["-U", "-c", config, "-S", name, "--", ...command];
    const outside = new Emulated(["screen", ...args], size);
    return {
      drag: (sizes, ms) => outside.drag(sizes, ms),
      type: (keys) => outside.type(keys),
      rows: async () => {
        const file = `${folder}/hardcopy`;
        await run("screen", "-S", name, "-X", "hardcopy", "-h", file);
        // It answers before it has written the file.
        for (let tries = 0; tries < 100; tries++) {
          await sleep(50);
          const text = await Deno.readTextFile(file).catch(() => "");
          if (text !== "" && text === await Deno.readTextFile(file)) {
            return text.replace(/\n$/, "").split("\n").map((row) => row.trimEnd());
          }
        }
        throw new Error("GNU screen has not written its hardcopy");
      },
      async [Symbol.asyncDispose]() {
        await run("screen", "-S", name, "-X", "quit");
        await outside[Symbol.asyncDispose]();
      },
    };
  },
};

/** A virtual X server, one for all windows. It ends with this process. */
let display: Promise<string> | undefined;
function xServer(): Promise<string> {
  return display ??= (async () => {
    const child = new Deno.Command("Xvfb", {
      args: ["-displayfd", "1", "-screen", "0", "2000x1400x24", "-nolisten", "tcp"],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    globalThis.addEventListener("unload", () => child.kill());
    child.unref();
    const reader = child.stdout.getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { value } = await within("the display of Xvfb", reader.read());
      text += new TextDecoder().decode(value);
    }
    reader.releaseLock();
    return `:${text.trim()}`;
  })();
}

const xtermWindow: Kind = {
  name: "xterm",
  wraps: false,
  missing: () => missingOf("xterm", "xdotool", "Xvfb"),
  async open(command, [columns, rows], folder) {
    const env = { ...ENV, DISPLAY: await xServer() };
    const printed = `${folder}/printed`;
    const resources = [
      "XTerm*allowSendEvents: true",
      `XTerm*printerCommand: cat > ${printed}`,
      "XTerm*printAttributes: 0",
      "XTerm*vt100.translations: #override <Key>F12: print-everything()",
    ];
    const child = new Deno.Command("xterm", {
      args: [
        ...resources.flatMap((resource) => ["-xrm", resource]),
        ...["-fn", "fixed", "-sl", "10000", "-geometry", `${columns}x${rows}`, "-title", folder],
        ...["-e", ...command],
      ],
      env,
      stdout: "null",
      stderr: "null",
    }).spawn();
    const xdotool = async (...args: string[]) => {
      const { stdout } = await new Deno.Command("xdotool", { args, env }).output();
      return new TextDecoder().decode(stdout).trim();
    };
    const id = (await xdotool("search", "--sync", "--name", `^${folder}$`)).split("\n")[0]!;
    return {
      async drag(sizes, ms) {
        await xdotool(...sizes.flatMap(([columns, rows]) => [
          ...["windowsize", "--usehints", id, `${columns}`, `${rows}`],
          ...["sleep", `${ms / 1000}`],
        ]));
      },
      async type(keys) {
        await xdotool("windowfocus", "--sync", id, "type", keys);
      },
      async rows() {
        await xdotool("windowfocus", "--sync", id, "key", "--window", id, "F12");
        for (let tries = 0; tries < 100; tries++) {
          await sleep(50);
          const text = await Deno.readTextFile(printed).catch(() => "");
          if (text !== "" && text === await Deno.readTextFile(printed)) {
            return text.replaceAll(/\r|\f/g, "").split("\n").map((row) => row.trimEnd());
          }
        }
        throw new Error("xterm has not printed its rows");
      },
      async [Symbol.asyncDispose]() {
        child.kill();
        await child.status;
      },
    };
  },
};

const PYTHON = "/usr/bin/python3";
const vte: Kind = {
  name: "VTE",
  wraps: true,
  async missing() {
    const missing = await missingOf("Xvfb", PYTHON);
    if (missing !== undefined) return missing;
    const args = ["-c", "import gi; gi.require_version('Vte', '2.91')"];
    const { success } = await new Deno.Command(PYTHON, { args, stderr: "null" }).output();
    return success ? undefined : "VTE for Python is not installed";
  },
  async open(command, [columns, rows]) {
    const child = new Deno.Command(PYTHON, {
      args: [new URL("vte_window.py", import.meta.url).pathname, ...command],
      env: { ...ENV, DISPLAY: await xServer(), NO_AT_BRIDGE: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = child.stdin.getWriter();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const send = (line: string) => writer.write(new TextEncoder().encode(`${line}\n`));
    await send(`size ${columns} ${rows}`);
    return {
      drag: (sizes, ms) => eachAtItsTime(sizes, ms, (size) => void send(`size ${size.join(" ")}`)),
      type: (keys) => send(`type ${JSON.stringify(keys)}`),
      async rows() {
        await send("text");
        let answer = "";
        while (!answer.endsWith("\n")) {
          const { value } = await within("the rows of VTE", reader.read());
          if (value === undefined) throw new Error("VTE has ended");
          answer += value;
        }
        const [text] = JSON.parse(answer) as [string];
        return text.split("\n").map((row) => row.trimEnd());
      },
      async [Symbol.asyncDispose]() {
        await writer.close();
        await reader.cancel();
        await child.status;
      },
    };
  },
};

export const KINDS: readonly Kind[] = [tmux, xtermJs, vte, xtermWindow, xtermJsCut, gnuScreen];
