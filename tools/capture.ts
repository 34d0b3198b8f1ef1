// Makes the captures that docs/capture.md walks through, with the program itself and tshark, and brings that page up
// to date: the output of its commands, and its bytes. A tool for those who build `chat`, not a part of it: the program never
// imports this file.
//
//   deno task capture           docs/capture/*.pcapng, docs/capture.md
//   deno task capture --page    docs/capture.md alone
//
// It needs xxd, tshark of Wireshark 4.0 or later that may capture (root may; else see its dumpcap), and the port that
// rooms have by default. Ports, times and what is drawn are others each time, and packets may have other numbers then:
// `tools/capture_test.ts` finds the bytes of the page that do not fit any more, and what the page says in words is to be
// gone through again.
//
// Exit code 0: the paths are on stdout. 1: not made, stderr says why. 2: misuse.

import { privateKey } from "../cipher.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import { within } from "../tests/support/loopback.ts";
import { Home, Output, Program, start } from "../tests/support/program.ts";
import { type Capture, isSmooth, readCapture, readSegment, writeCapture } from "./capture_file.ts";

export const FOLDER = "docs/capture";
export const DISSECTOR = `${FOLDER}/chat.lua`;
export const PAGE = "docs/capture.md";
export const NAMES = ["classic", "framed", "sealed"] as const;

/** The original's. */
const PUBLIC_KEY = 198;
const KEY_IN_CLEAR = ["--cipher", "xor", "--key", String(PUBLIC_KEY)];
/** What the first says, and the second, and so on in turn. */
export const CONVERSATION = ["So it starts!", "Right?", "Yep!", "Here we go!"] as const;

const INTERFACES: Partial<Record<typeof Deno.build.os, string>> = { linux: "lo", darwin: "lo0" };

const utf8 = new TextEncoder();

// ---- tshark ----

/** The oldest that prints what the page says. */
const TSHARK = 4;

/** What is needed here and is not there: a tshark that can do it, and for the page's commands all; undefined: nothing. */
export function missingTool(what: "tshark" | "all"): string | undefined {
  const [, major] = /^TShark \(Wireshark\) (\d+)\./.exec(outputOf("tshark", "--version") ?? "") ??
    [];
  if (Number(major ?? 0) < TSHARK) return `tshark ${TSHARK} or later`;
  return what === "all" && outputOf("xxd", "-v") === undefined ? "xxd" : undefined;
}

/** What a program prints; undefined: it is not there. */
function outputOf(program: string, ...args: string[]): string | undefined {
  try {
    const { stdout } = new Deno.Command(program, { args, stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Who captures at the program's port on this machine, until it is told to end. */
class Recorder implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "chat-capture-" });
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Output;
  readonly #stderr: Output;

  constructor(face: string) {
    this.#child = new Deno.Command("tshark", {
      args: [
        ...["-i", face, "-f", `tcp port ${DEFAULT_PORT}`, "-w", this.#path],
        // A line for each packet, as soon as it has come.
        ...["-P", "-l", "-T", "fields", "-e", "tcp.stream", "-e", "tcp.flags"],
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdout = new Output(this.#child.stdout);
    this.#stderr = new Output(this.#child.stderr);
  }

  get #path(): string {
    return `${this.#folder}/all.pcapng`;
  }

  /** Resolves when nothing is missed any more. */
  async begins(): Promise<void> {
    await this.#stderr.lineLike(/Capture started|^File: /);
  }

  /** Resolves when so many connections have been made and ended. */
  async sees(connections: number): Promise<void> {
    const [FIN, RST] = [1, 4];
    const ends = new Map<string, number>();
    let ended = 0;
    while (ended < connections) {
      const [stream, flags] = (await this.#stdout.lineLike(/^\d+\t0x/)).split("\t");
      const before = ends.get(stream!) ?? 0;
      if ((Number(flags) & RST) !== 0) {
        if (before < 3) ended++;
        ends.set(stream!, 3);
      } else if ((Number(flags) & FIN) !== 0) {
        ends.set(stream!, before + 1);
      } else if (before === 2) {
        // Both have ended, and this says that the second end was heard.
        ends.set(stream!, 3);
        ended++;
      }
    }
  }

  async ends(): Promise<Capture> {
    this.#child.kill("SIGINT");
    await within("the end of tshark", this.#child.status);
    return readCapture(Deno.readFileSync(this.#path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await Promise.all([this.#stdout.all(), this.#stderr.all()]);
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

// ---- the original ----

/** Every byte XORed with the private key: from text and back. */
function xor(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes, (byte) => byte ^ privateKey(PUBLIC_KEY));
}

/** The original's client: it says nothing before it has the key, and then its lines, as they are. */
class Original implements Disposable {
  readonly #conn: Deno.TcpConn;
  #heard = "";

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async join(): Promise<Original> {
    const original = new Original(
      await Deno.connect({ hostname: "127.0.0.1", port: DEFAULT_PORT }),
    );
    const key = new TextDecoder().decode(await original.#read());
    if (key !== String(PUBLIC_KEY)) throw new Error(`The server sent ${key} as its key`);
    return original;
  }

  /** By what others know it. */
  get name(): string {
    return String(this.#conn.localAddr.port);
  }

  async say(text: string): Promise<void> {
    // So few bytes are written at once.
    await this.#conn.write(xor(utf8.encode(text)));
  }

  /** Resolves when this has come. */
  async hears(text: string): Promise<void> {
    while (!this.#heard.includes(text)) {
      this.#heard += new TextDecoder().decode(xor(await this.#read()));
    }
  }

  /** As many bytes as the original takes at a time. */
  async #read(): Promise<Uint8Array> {
    const bytes = new Uint8Array(1024);
    const count = await within("something from the server", this.#conn.read(bytes));
    if (count === null) throw new Error("The server has ended the connection");
    return bytes.subarray(0, count);
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

async function playClassic(): Promise<void> {
  const { server } = await Program.serveAt(DEFAULT_PORT, ...KEY_IN_CLEAR, "--classic");
  await using _ = server;
  using first = await Original.join();
  using second = await Original.join();
  for (const [turn, text] of CONVERSATION.entries()) {
    const [from, to] = turn % 2 === 0 ? [first, second] : [second, first];
    await from.say(text);
    await to.hears(`${from.name}: ${text}`);
  }
}

// ---- our own rooms ----

async function playFrames(...args: string[]): Promise<void> {
  const { server } = await Program.serveAt(DEFAULT_PORT, ...args);
  await using _ = server;
  await using anna = await Program.join(undefined, "anna");
  await using ben = await Program.join(undefined, "ben");
  // Else what anna says could stand before what ben is told of her.
  await anna.stderr.lineLike(/ben joined/);
  for (const [turn, text] of CONVERSATION.entries()) {
    const [name, who] = turn % 2 === 0 ? ["anna", anna] as const : ["ben", ben] as const;
    await who.type(`${text}\n`);
    for (const one of [anna, ben]) await one.stdout.lineLike(new RegExp(`^${name}: `));
  }
  await ben.endInput();
  await ben.result();
  await anna.stderr.lineLike(/ben left/);
  await anna.endInput();
  await anna.result();
}

const PLAYS: Readonly<Record<typeof NAMES[number], () => Promise<void>>> = {
  classic: playClassic,
  framed: () => playFrames(...KEY_IN_CLEAR),
  sealed: () => playFrames(),
};

/** A busy machine says something twice now and then; a page is no place to explain that. */
const TRIES = 5;

async function record(face: string, play: () => Promise<void>): Promise<Capture> {
  for (let i = 0; i < TRIES; i++) {
    const capture = await recordOnce(face, play);
    if (isSmooth(capture)) return capture;
  }
  throw new Error(`Each of ${TRIES} has a packet twice, or lacks one`);
}

async function recordOnce(face: string, play: () => Promise<void>): Promise<Capture> {
  await using recorder = new Recorder(face);
  await recorder.begins();
  await play();
  await recorder.sees(2);
  return await recorder.ends();
}

// ---- the page ----

/** A command of the page, and what it prints. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

/** Blocks of `console`: a command behind `$`, which may go on behind a backslash, and its output. */
const EXAMPLE = /^```console\n\$ ((?:.*\\\n)*.*)\n([^]*?)^```$/gm;

export function examples(page: string): Example[] {
  return Array.from(page.matchAll(EXAMPLE), ([, command, output]) => ({
    command: command!,
    output: output!,
  }));
}

/** The program, as the page's commands name it: with what it says beside its output, and 1 for what it did not find. */
const CHAT = `chat() { ${
  [start.path, ...start.args].map((word) => `'${word}'`).join(" ")
} "$@" 2>&1 || [ $? -eq 1 ]; }`;

/** What a command prints, run in the project's folder, by a user without settings of Wireshark's. */
export function runExample(command: string): string {
  using home = new Home();
  const { code, stdout, stderr } = new Deno.Command("sh", {
    args: ["-c", `${CHAT}\n${command}`],
    cwd: `${import.meta.dirname!}/..`,
    env: { ...home.env, LC_ALL: "C.UTF-8", TZ: "UTC" },
    stdin: "null",
  }).outputSync();
  const said = new TextDecoder().decode(stderr);
  if (code !== 0 || /lua/i.test(said)) throw new Error(`${command}\nexit code ${code}: ${said}`);
  return new TextDecoder().decode(stdout).replace(/[ \t]+$/gm, "").replace(/\n+$/, "\n");
}

/** Blocks of `hex`: all bytes of a packet that are the program's, in rows, with comments behind `#`. */
const BYTES = /^```hex\n# (\w+)\.pcapng, packet (\d+)\n([^]*?)^```$/gm;

/** Some bytes that the page shows. */
export interface Quotation {
  readonly name: typeof NAMES[number];
  /** Counted from 1, as Wireshark does. */
  readonly packet: number;
  /** Bytes in hex, and what stands behind `#`. */
  readonly rows: readonly (readonly [hex: string, comment: string | undefined])[];
}

export function quotations(page: string): Quotation[] {
  return Array.from(page.matchAll(BYTES), ([, name, packet, text]) => {
    const known = NAMES.find((one) => one === name);
    if (known === undefined) throw new RangeError(`There is no ${name}.pcapng`);
    const rows = text!.trimEnd().split("\n").map((row) => {
      const [hex, comment] = row.split(/ *# /);
      return [hex!.replaceAll(" ", ""), comment] as const;
    });
    return { name: known, packet: Number(packet), rows };
  });
}

/** What the program said in a packet. */
export function payload(name: typeof NAMES[number], packet: number): Uint8Array {
  const { link, packets } = readCapture(
    Deno.readFileSync(`${import.meta.dirname}/../${FOLDER}/${name}.pcapng`),
  );
  return readSegment(link, packets[packet - 1]?.bytes ?? new Uint8Array(0)).payload;
}

/** The page with what its commands print now, and with the bytes of packets that are as long as they were. */
function refresh(page: string): string {
  const quoted = quotations(page)[Symbol.iterator]();
  return page.replace(EXAMPLE, (_, command) => {
    return `\`\`\`console\n$ ${command}\n${runExample(command)}\`\`\``;
  }).replace(BYTES, (block) => {
    const { name, packet, rows } = quoted.next().value!;
    const bytes = payload(name, packet).toHex();
    if (bytes.length !== rows.reduce((sum, [hex]) => sum + hex.length, 0)) return block;
    let at = 0;
    return block.replace(
      /^(?:[0-9a-f]{2}(?: |$))+/gm,
      (row) => row.replace(/[0-9a-f]{2}/g, () => bytes.slice(at, at += 2)),
    );
  });
}

async function main(args: readonly string[]): Promise<number> {
  const [option, ...rest] = args;
  if (rest.length > 0 || (option !== undefined && option !== "--page")) {
    console.error("usage: capture.ts [--page]");
    return 2;
  }
  const face = INTERFACES[Deno.build.os];
  if (face === undefined) {
    console.error("capture: error: Cannot capture here: it is done on Linux or macOS");
    return 1;
  }
  const missing = missingTool("all");
  if (missing !== undefined) {
    console.error(`capture: error: Cannot capture: there is no ${missing}`);
    console.error("capture: hint: Debian and Ubuntu have it: apt-get install tshark xxd");
    return 1;
  }
  try {
    for (const name of option === undefined ? NAMES : []) {
      const capture = await record(face, PLAYS[name]);
      Deno.writeFileSync(`${FOLDER}/${name}.pcapng`, writeCapture(capture));
      console.log(`${FOLDER}/${name}.pcapng`);
    }
    Deno.writeTextFileSync(PAGE, refresh(Deno.readTextFileSync(PAGE)));
    console.log(PAGE);
  } catch (error) {
    console.error(`capture: error: Cannot make the captures: ${error}`);
    return 1;
  }
  return 0;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
