// Makes the captures that docs/capture.md explains, with the program and tshark, and updates that page: the output of
// its commands, and its bytes. A tool for developers of `chat`: the program never imports this file.
//
//   deno task capture           docs/capture/*.pcapng, docs/capture.md
//   deno task capture NAME      docs/capture/NAME.pcapng, docs/capture.md
//   deno task capture --page    docs/capture.md alone
//
// It needs xxd, tshark of Wireshark 4.0 or later with permission to capture (root has it; otherwise see dumpcap), and
// the default port of rooms. Ports, times and random values differ in each run, and packets may have other numbers:
// `tests/soak/capture_test.ts` finds bytes of the page that are no longer right. Check the page's words yourself.
//
// Exit code 0: the paths are on stdout. 1: not made, the reason is on stderr. 2: misuse.

import { privateKey } from "../cipher.ts";
import { fingerprint } from "../cipher/identity.ts";
import { findPlaces, loadIdentity } from "../cli/home.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import { within } from "../tests/support/async.ts";
import { Home, Output, Program, start } from "../tests/support/program.ts";
import { type Capture, isSmooth, readCapture, readSegment, writeCapture } from "./capture_file.ts";

export const FOLDER = "docs/capture";
export const DISSECTOR = `${FOLDER}/chat.lua`;
export const PAGE = "docs/capture.md";
export const NAMES = ["classic", "framed", "sealed", "governed"] as const;
type Name = typeof NAMES[number];

/** The public key of the classic server. */
const PUBLIC_KEY = 198;
const XOR_OPTIONS = ["--cipher", "xor", "--key", String(PUBLIC_KEY)];
/** The messages of both members, in turns. */
export const CONVERSATION = ["So it starts!", "Right?", "Yep!", "Here we go!"] as const;

const INTERFACES: Partial<Record<typeof Deno.build.os, string>> = { linux: "lo", darwin: "lo0" };

const utf8 = new TextEncoder();

// ---- tshark ----

/** The oldest version with the output on the page. */
const TSHARK = 4;

/** The missing program, or undefined: a new enough tshark, and with "all" the other programs of the page's commands. */
export function missingTool(what: "tshark" | "all"): string | undefined {
  const [, major] = /^TShark \(Wireshark\) (\d+)\./.exec(outputOf("tshark", "--version") ?? "") ??
    [];
  if (Number(major ?? 0) < TSHARK) return `tshark ${TSHARK} or later`;
  return what === "all" && outputOf("xxd", "-v") === undefined ? "xxd" : undefined;
}

/** The output of a program, or undefined if it is not installed. */
function outputOf(program: string, ...args: string[]): string | undefined {
  try {
    const { stdout } = new Deno.Command(program, { args, stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Captures at the default port on this machine, until it is ended. */
class Recorder implements AsyncDisposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "chat-capture-" });
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Output;
  readonly #stderr: Output;

  constructor(face: string) {
    this.#child = new Deno.Command("tshark", {
      args: [
        ...["-i", face, "-f", `tcp port ${DEFAULT_PORT}`, "-w", this.#path],
        // A line for each packet, as soon as it arrives.
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

  /** Resolves when the capture has begun. */
  async begins(): Promise<void> {
    await this.#stderr.lineLike(/Capture started|^File: /);
  }

  /** Resolves when this many connections have ended. */
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
        // Both sides have ended, and this packet acknowledges the second end.
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
      // It has already ended.
    }
    await this.#child.status;
    await Promise.all([this.#stdout.all(), this.#stderr.all()]);
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

// ---- the classic program ----

/** Every byte XORed with the private key: encrypts and decrypts. */
function xor(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes, (byte) => byte ^ privateKey(PUBLIC_KEY));
}

/** A classic client: it sends nothing before it has the key, and then its lines without a frame. */
class ClassicClient implements Disposable {
  readonly #conn: Deno.TcpConn;
  #received = "";

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async join(): Promise<ClassicClient> {
    const client = new ClassicClient(
      await Deno.connect({ hostname: "127.0.0.1", port: DEFAULT_PORT }),
    );
    const key = new TextDecoder().decode(await client.#read());
    if (key !== String(PUBLIC_KEY)) throw new Error(`The server sent ${key} as its key`);
    return client;
  }

  /** The name that others see. */
  get name(): string {
    return String(this.#conn.localAddr.port);
  }

  async say(text: string): Promise<void> {
    // Few enough bytes for one write.
    await this.#conn.write(xor(utf8.encode(text)));
  }

  /** Resolves when this text has arrived. */
  async hears(text: string): Promise<void> {
    while (!this.#received.includes(text)) {
      this.#received += new TextDecoder().decode(xor(await this.#read()));
    }
  }

  /** Reads as many bytes as the classic program does at a time. */
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
  const { server } = await Program.serveAt(DEFAULT_PORT, ...XOR_OPTIONS, "--classic");
  await using _ = server;
  using first = await ClassicClient.join();
  using second = await ClassicClient.join();
  for (const [turn, text] of CONVERSATION.entries()) {
    const [from, to] = turn % 2 === 0 ? [first, second] : [second, first];
    await from.say(text);
    await to.hears(`${from.name}: ${text}`);
  }
}

// ---- rooms of chat/1 ----

async function playFrames(...args: string[]): Promise<void> {
  const { server } = await Program.serveAt(DEFAULT_PORT, ...args);
  await using _ = server;
  await using anna = await Program.join(undefined, "anna");
  await using ben = await Program.join(undefined, "ben");
  // Otherwise a message of anna's could be captured before ben receives her profile.
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

// ---- a moderator at work ----

/** What the moderator types, after both have said something. */
export const GOVERNED = {
  announcement: "The room closes at noon",
  reason: "spam",
} as const;

/** Anna, a moderator, announces something, and removes Ben. They have their own homes: a moderator is a key. */
async function playModerator(): Promise<void> {
  using annas = new Home();
  using bens = new Home();
  const { publicKey } = loadIdentity(findPlaces(Deno.build.os, (name) => annas.env[name]));
  const key = fingerprint(publicKey);
  const { server, address } = await Program.serveAt(DEFAULT_PORT, "--moderator", key);
  await using _ = server;
  const [, code] = await server.stdout.match(/^code (.+)$/m);
  const join = async (name: string, home: Home) => {
    const program = new Program(["join", address, "--name", name, "--json"], {
      home,
      env: { CHAT_CODE: code! },
    });
    await program.stdout.lineLike(/^\{"type":"members"/);
    return program;
  };
  await using anna = await join("anna", annas);
  await using ben = await join("ben", bens);
  const ask = (program: Program, request: Record<string, unknown>) =>
    program.type(`${JSON.stringify(request)}\n`);
  /** Resolves when both have an event. */
  const both = async (event: RegExp) => {
    for (const one of [anna, ben]) await one.stdout.lineLike(event);
  };
  // Otherwise a message of ben's could be captured before anna receives his profile.
  await anna.stdout.lineLike(/^\{"type":"joined"/);
  await ask(ben, { type: "say", text: CONVERSATION[0] });
  await both(/^\{"type":"(?:message|delivered)"/);
  const { announcement, reason } = GOVERNED;
  await ask(anna, { type: "announce", text: announcement });
  await both(/^\{"type":"notice".*"announce"/);
  await ask(anna, { type: "kick", member: "ben", why: reason });
  await ben.result();
  await anna.stdout.lineLike(/^\{"type":"left"/);
  await anna.endInput();
  await anna.result();
}

const PLAYS: Readonly<Record<Name, () => Promise<void>>> = {
  classic: playClassic,
  framed: () => playFrames(...XOR_OPTIONS),
  sealed: () => playFrames(),
  governed: playModerator,
};

/** A busy machine sometimes sends a packet twice. The page should not have to explain that. */
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

/** A command of the page, and its output. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

/** Blocks of `console`: a command after `$`, which a backslash continues, and its output. */
const EXAMPLE = /^```console\n\$ ((?:.*\\\n)*.*)\n([^]*?)^```$/gm;

export function examples(page: string): Example[] {
  return Array.from(page.matchAll(EXAMPLE), ([, command, output]) => ({
    command: command!,
    output: output!,
  }));
}

/** Runs the page's commands. Includes stderr. Exit code 1 is not a failure: it means that nothing was found. */
const CHAT = `chat() { ${
  [start.path, ...start.args].map((word) => `'${word}'`).join(" ")
} "$@" 2>&1 || [ $? -eq 1 ]; }`;

/** The output of a command that runs in the project's folder, without a user's settings for Wireshark. */
export function runExample(command: string): string {
  using home = new Home();
  const { code, stdout, stderr } = new Deno.Command("sh", {
    args: ["-c", `${CHAT}\n${command}`],
    cwd: `${import.meta.dirname!}/..`,
    env: { ...home.env, LC_ALL: "C.UTF-8", TZ: "UTC" },
    stdin: "null",
  }).outputSync();
  const message = new TextDecoder().decode(stderr);
  if (code !== 0 || /lua/i.test(message)) {
    throw new Error(`${command}\nexit code ${code}: ${message}`);
  }
  return new TextDecoder().decode(stdout).replace(/[ \t]+$/gm, "").replace(/\n+$/, "\n");
}

/** Blocks of `hex`: the payload of a packet, in rows, with comments after `#`. */
const BYTES = /^```hex\n# (\w+)\.pcapng, packet (\d+)\n([^]*?)^```$/gm;

/** Bytes on the page. */
export interface Quotation {
  readonly name: Name;
  /** Counted from 1, as in Wireshark. */
  readonly packet: number;
  /** Bytes in hex, and the comment after `#`. */
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

/** The payload of a packet. */
export function payload(name: Name, packet: number): Uint8Array {
  const { link, packets } = readCapture(
    Deno.readFileSync(`${import.meta.dirname}/../${FOLDER}/${name}.pcapng`),
  );
  return readSegment(link, packets[packet - 1]?.bytes ?? new Uint8Array(0)).payload;
}

/** The page with the current output of its commands, and the current bytes of packets with the same length. */
function refresh(page: string): string {
  const quoted = quotations(page)[Symbol.iterator]();
  return page.replace(EXAMPLE, (_, command) => {
    return `\`\`\`console\n$ ${command}\n${runExample(command)}\`\`\``;
  }).replace(BYTES, (block) => {
    const { name, packet, rows } = quoted.next().value!;
    const bytes = payload(name, packet).toHex();
    if (bytes.length !== rows.reduce((sum, [hex]) => sum + hex.length, 0)) return block;
    let at = 0;
    return block.replace(/^((?:[0-9a-f]{2}(?: |$))+)(.*)$/gm, (_, hex: string, rest: string) => {
      const start = at;
      const row = hex.replace(/[0-9a-f]{2}/g, () => bytes.slice(at, at += 2));
      const text = new TextDecoder().decode(Uint8Array.fromHex(bytes.slice(start, at)));
      // The comment of bytes that are text is that text, unless it says what they are opened.
      const isText = /^[ -~]+$/.test(text) && !rest.endsWith("XOR bc");
      return row + (isText ? rest.replace(/# .*$/, () => `# ${text}`) : rest);
    });
  });
}

async function main(args: readonly string[]): Promise<number> {
  const [option, ...rest] = args;
  const one = NAMES.find((name) => name === option);
  if (rest.length > 0 || (option !== undefined && option !== "--page" && !one)) {
    console.error(`usage: capture.ts [--page|${NAMES.join("|")}]`);
    return 2;
  }
  const face = INTERFACES[Deno.build.os];
  if (face === undefined) {
    console.error("capture: error: Cannot capture on this system: use Linux or macOS");
    return 1;
  }
  const missing = missingTool("all");
  if (missing !== undefined) {
    console.error(`capture: error: Cannot capture: there is no ${missing}`);
    console.error("capture: hint: Debian and Ubuntu have it: apt-get install tshark xxd");
    return 1;
  }
  try {
    for (const name of one ? [one] : option === undefined ? NAMES : []) {
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
