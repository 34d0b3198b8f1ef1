// The command line: one table of what can be given, and strict parsing into a typed command. Usage texts,
// completions and the man page are all made from the table. Pure; prints nothing.

import { parseArgs } from "@std/cli/parse-args";
import { closestString } from "@std/text/closest-string";
import { XOR_PROMISE } from "../cipher.ts";
import type { Settings } from "./config.ts";
import { UsageError } from "../errors.ts";
import {
  backlogOf,
  budgetOf,
  BYTE_BURST_SECONDS,
  DEFAULT_BYTE_RATE,
  DEFAULT_LIMITS,
  DEFAULT_RATE,
  formatSize,
  FRAME_BURST_SECONDS,
  GREATEST_BYTE_RATE,
  GREATEST_LOG,
  LEAST_BACKLOG,
  LEAST_BYTE_RATE,
  LEAST_LOG,
  type Limits,
  MOST,
  sizeOf,
} from "../server/limits.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import type { StatusPlace } from "../server/metrics_http.ts";
import { nameFault, printable, toName } from "../text/printable.ts";
import {
  NOTIFY,
  type Notify,
  type Theme,
  THEMES,
  type Time,
  TIMES,
  View,
} from "../ui/preferences.ts";

/**
 * For how long to try to come back when the connection is lost, in ms: 0 not at all, Infinity for ever;
 * undefined: as it suits the screen.
 */
export type Retry = number | undefined;

/** Who speaks, as far as the command line and the environment say: see `chosenName`. */
export interface Speaker {
  /** undefined: as the config file says. */
  name: string | undefined;
  /** Where that says nothing either: what the system calls its user. */
  user: string;
  config: ConfigFile;
}

/** The path of the config file; undefined: the one in its default place, if it is there; false: none. */
export type ConfigFile = string | undefined | false;

/** How a room is shown and talked to. */
export interface ScreenOptions extends Speaker {
  view: ViewOptions;
  json: boolean;
  /** Plain lines, also in a terminal. */
  plain: boolean;
  stay: boolean;
  retry: Retry;
  files: FileOptions;
}

/** Which files are taken, and where they are put. */
export interface FileOptions {
  /** undefined: where the system has downloads. */
  downloads: string | undefined;
  accept: Accept;
  /** What is larger is asked about in any case, in bytes. */
  acceptLimit: number;
}

/** Whose files are taken without a question. */
export const ACCEPT = ["ask", "known", "all", "none"] as const;
export type Accept = typeof ACCEPT[number];
/** Bytes of a file that is taken without a question, unless another limit is given. */
const ACCEPT_LIMIT = 2 ** 30;
const GREATEST_ACCEPT_LIMIT = 2 ** 50;

/** What the command line and the environment say of the screen, and no more: see `chosenView`. */
export interface ViewOptions {
  theme?: Theme;
  time?: Time;
  notify?: Notify;
  quiet?: true;
}

/** Which room to enter, and how. */
export interface Target {
  /** undefined: a room that this user has opened on this machine, else the default address. */
  address: { hostname: string; port: number } | undefined;
  /** A file whose first line is the room's code. */
  codeFile: string | undefined;
  /** Refuse a room with another cipher. */
  cipher: "sealed" | "xor" | undefined;
}

/** What protects a room that is to be opened. */
export type RoomCipher =
  | {
    name: "xor";
    publicKey: number | undefined;
    /** Let the original's clients in, too. */
    classic: boolean;
  }
  | {
    name: "sealed";
    codeFile: string | undefined;
    /** Ask the operator for the code. */
    askCode: boolean;
    /** A file that keeps what checks the code. */
    state: string | undefined;
  };

export type Command =
  | { verb: "help"; text: string }
  | { verb: "version" }
  | {
    verb: "serve";
    hostname: string;
    port: number;
    cipher: RoomCipher;
    /** Serve and join in one. */
    join: ScreenOptions | undefined;
    limits: Limits;
    /** How the operator is told what happens. */
    log: "text" | "json";
    status: StatusPlace | undefined;
  }
  /** `classic`: the room is one of the original, at this address. */
  | { verb: "join"; target: Target; classic: boolean; screen: ScreenOptions }
  | {
    verb: "send";
    target: Target;
    speaker: Speaker;
    /** undefined: from stdin, or there is a file instead. */
    text: string | undefined;
    file: string | undefined;
    /** Who gets the file; undefined: everybody. */
    to: string | undefined;
    retry: Retry;
  }
  | {
    verb: "crack";
    /** undefined: stdin. */
    file: string | undefined;
    /** How many keys to list in place of the text. */
    top: number | undefined;
  }
  | { verb: "completions"; shell: Shell };

/** The shells that completions are made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** The default host: this machine only. */
export const LOOPBACK = "127.0.0.1";
const ADDRESS_HINT = "Write HOST or HOST:PORT, such as 192.0.2.7:2428";

/**
 * What a value is. Shells complete files, folders, hosts and words; nothing can be offered for the others,
 * or should be: a name is one's own.
 */
export type Kind = "file" | "folder" | "host" | "word" | "number" | "text";

export interface Value {
  /** How the usage calls it. */
  readonly name: string;
  readonly kind: Kind;
  /** What shells offer in place of what they find themselves; with `word`, all that there is. */
  readonly words?: readonly string[];
}

export interface Option {
  /** undefined: it is on when it is there. */
  readonly value?: Value;
  readonly help: string;
  /** Stands above it, and above what follows. */
  readonly heading?: string;
}

export interface Verb {
  readonly synopsis: string;
  readonly summary: string;
  /** What stands beside the options, in this order. */
  readonly operands: readonly Value[];
  readonly options: Readonly<Record<string, Option>>;
  /** Behind the options. */
  readonly notes?: string;
  readonly example: string;
}

const CIPHERS = ["sealed", "xor"] as const;
const LOGS = ["text", "json"] as const;

const FILE: Value = { name: "FILE", kind: "file" };
const COUNT: Value = { name: "N", kind: "number" };
const SECONDS: Value = { name: "SECONDS", kind: "number" };
const SIZE: Value = { name: "SIZE", kind: "number" };
const ADDRESS: Value = { name: "HOST", kind: "host" };
const oneOf = (name: string, words: readonly string[]): Value => ({ name, kind: "word", words });

const HELP: Option = { help: "show this help" };
/** Who speaks. */
const SPEAKER: Record<string, Option> = {
  name: {
    value: { name: "NAME", kind: "text" },
    help: "your name (default: CHAT_NAME, the config file, the system's user)",
  },
  config: {
    value: FILE,
    help: "the config file (default: see docs/config.md)",
  },
  "no-config": { help: "read no config file" },
};
const RETRY: Option = {
  value: { ...SECONDS, words: ["forever"] },
  help: "how long to try to come back when cut off, or forever",
};
/** Seconds of the longest `--retry` that is not for ever: eleven days. */
const MAX_RETRY = 1_000_000;
/** What the screen of a terminal alone has. */
const VIEW: Record<string, Option> = {
  theme: {
    value: oneOf("THEME", THEMES),
    help: "colours: auto (default), dark, light or mono (NO_COLOR: mono)",
  },
  time: {
    value: oneOf("TIME", TIMES),
    help: "the time in front of messages: short (default), long or off",
  },
  notify: {
    value: oneOf("WHICH", NOTIFY),
    help: "what rings while you look elsewhere: all, mentions (default) or off",
  },
  quiet: { help: "nothing rings or notifies" },
};
/** What a screen has, whichever it is. */
const SCREEN: Record<string, Option> = {
  ...SPEAKER,
  ...VIEW,
  json: { help: "one JSON object a line, in and out: see docs/json.md" },
  plain: { help: "plain lines also in a terminal, for screen readers" },
  stay: { help: "in a pipe: go on listening when the input has ended" },
  retry: RETRY,
  downloads: {
    value: { name: "DIR", kind: "folder" },
    help: "where files go that you accept (default: the system's downloads)",
  },
  accept: {
    value: oneOf("WHOSE", ACCEPT),
    help: "files that are offered: ask (default), or take known, all or none",
  },
  "ask-above": {
    value: SIZE,
    help: `ask about larger ones in any case (default ${formatSize(ACCEPT_LIMIT)})`,
  },
};

const CODE_FILE: Option = {
  value: FILE,
  help: "the code's file (default: CHAT_CODE; else found on this machine or typed hidden)",
};
const TARGET: Record<string, Option> = {
  "code-file": CODE_FILE,
  cipher: {
    value: oneOf("CIPHER", CIPHERS),
    help: "sealed or xor: refuse a room with another (default: take either)",
  },
};

const LIMITS: Record<string, Option> = {
  "max-members": {
    heading: "Limits (docs/operating.md has the reasons; SIZE is in bytes, or such as 512K, 8M):",
    value: COUNT,
    help: `members at once (default ${DEFAULT_LIMITS.maxMembers})`,
  },
  "max-per-address": {
    value: COUNT,
    help: `connections at once from one address (default ${DEFAULT_LIMITS.maxPerAddress})`,
  },
  "max-admissions": {
    value: COUNT,
    help: `connections at once that are not admitted yet (default ${DEFAULT_LIMITS.maxAdmissions})`,
  },
  handshake: {
    value: SECONDS,
    help: `how long an admission may take (default ${DEFAULT_LIMITS.handshakeMs / 1000})`,
  },
  idle: {
    value: SECONDS,
    help: `silent so long, though asked, a peer is taken for dead (default ${
      DEFAULT_LIMITS.idleMs / 1000
    })`,
  },
  grace: {
    value: SECONDS,
    help: `how long who lost its connection may come back (default ${
      DEFAULT_LIMITS.graceMs / 1000
    }; 0: not)`,
  },
  "log-size": {
    value: SIZE,
    help: `how much of the conversation is kept for who is behind (default ${
      formatSize(DEFAULT_LIMITS.logSize)
    })`,
  },
  backlog: {
    value: SIZE,
    help: "how far behind who is connected may be (default: half of the log)",
  },
  rate: {
    value: COUNT,
    help:
      `a member's messages a second (default ${DEFAULT_RATE}; 0: any); at once ${FRAME_BURST_SECONDS} times that`,
  },
  "byte-rate": {
    value: SIZE,
    help: `a member's bytes a second (default ${
      formatSize(DEFAULT_BYTE_RATE)
    }; 0: any); at once ${BYTE_BURST_SECONDS} times that`,
  },
};

type VerbName = "serve" | "join" | "send" | "crack" | "completions";

/** The table. */
export const VERBS: Readonly<Record<VerbName, Verb>> = {
  serve: {
    synopsis: "chat serve [OPTION...]",
    summary: "open a room",
    operands: [],
    options: {
      host: {
        value: { ...ADDRESS, words: [LOOPBACK, "0.0.0.0", "::"] },
        help: `where to listen (default ${LOOPBACK}, this machine only; 0.0.0.0 lets others in)`,
      },
      port: {
        value: { name: "PORT", kind: "number" },
        help: `the port (default ${DEFAULT_PORT}; 0 takes a free one)`,
      },
      cipher: {
        value: oneOf("CIPHER", CIPHERS),
        help: `sealed, for members only (default); or xor: ${XOR_PROMISE}`,
      },
      "code-file": {
        value: FILE,
        help: "sealed: take the code from a file (default: CHAT_CODE, else drawn)",
      },
      "ask-code": { help: "sealed: ask for the code, hidden" },
      state: {
        value: FILE,
        help: "sealed: keep in a file what checks the code, for the next start",
      },
      key: {
        value: { name: "KEY", kind: "number" },
        help: "xor: the public key, 0 to 255 (default: drawn), to follow along",
      },
      classic: { help: "xor: let clients of the original in, too: see docs/classic.md" },
      join: { help: "join the room too, in this terminal or pipe" },
      ...Object.fromEntries(
        Object.entries(SCREEN).map(([name, option]) => [name, {
          ...option,
          help: `with --join: ${option.help}`,
        }]),
      ),
      log: {
        value: oneOf("FORMAT", LOGS),
        help: "text (default) or json: how to tell on stderr what happens",
      },
      status: {
        value: { name: "WHERE", kind: "file" },
        help: "show counters at a port of 127.0.0.1 (0 takes a free one), or a path with a /",
      },
      help: HELP,
      ...LIMITS,
    },
    notes: `On stdout it prints \`listening HOST:PORT\`, one line an address, and a drawn code as
\`code WORD WORD WORD WORD\`. Ctrl-C closes the room. Started again with the same --state it has
the code that it had, and prints none.`,
    example: "chat serve --host 0.0.0.0 --port 2429",
  },
  join: {
    synopsis: "chat join [HOST[:PORT]] [OPTION...]",
    summary: "enter a room",
    operands: [ADDRESS],
    options: {
      ...SCREEN,
      ...TARGET,
      classic: { help: "HOST is a server of the original: see docs/classic.md" },
      help: HELP,
    },
    notes:
      `Without HOST it joins the room that you have opened on this machine; PORT is ${DEFAULT_PORT} unless given.
In a terminal, type and press Enter; /help shows what else there is. In a pipe each line of stdin is
a message, and stdout has \`NAME: text\`; at the end of stdin the client waits until the room has
taken all of it, and leaves; --theme, --time, --notify and --quiet are for terminals alone. When the
connection is lost it tries to come back: for ever in a terminal and with --stay, else for 60
seconds; --retry 0 does not.`,
    example: "chat join 192.0.2.7:2429 --name alice",
  },
  send: {
    synopsis: "chat send [HOST[:PORT]] [OPTION...] [--] [TEXT...]",
    summary: "say one thing and leave",
    operands: [ADDRESS, { name: "TEXT", kind: "text" }],
    options: {
      ...SPEAKER,
      ...TARGET,
      retry: RETRY,
      file: { value: FILE, help: "offer a file, or a folder, and stay until somebody has it" },
      to: { value: { name: "MEMBER", kind: "text" }, help: "with --file: to this member alone" },
      help: HELP,
    },
    notes:
      `Without TEXT, stdin is the message. Exit code 0 says that the room has taken it. When the
connection is lost first, it tries to come back for 60 seconds, unless --retry says otherwise.
The first word is the address if it is localhost, or has a dot or a colon before its end and no
other marks than an address may have; behind -- all is TEXT.`,
    example: "make 2>&1 | tail -n 20 | chat send --name builder",
  },
  crack: {
    synopsis: "chat crack [FILE] [OPTION...]",
    summary: "read traffic of the cipher xor without its key",
    operands: [FILE],
    options: {
      top: {
        value: COUNT,
        help: "list the N likeliest keys, 1 to 256, in place of the text",
      },
      help: HELP,
    },
    notes:
      `FILE has the bytes of one direction of a connection, as a packet capture saves them: those of the
original, or frames. Without FILE, or with -, they come from stdin. At most 4 MiB are read. All 256
keys are tried; the one that gives text is printed as \`key KEY\`, with the text below it, and stderr
says how sure that is, and why. English, German and French are known best, and 40 bytes of these
are enough. Exit code 0 says that a key was found.`,
    example: "chat crack traffic.bin",
  },
  completions: {
    synopsis: "chat completions SHELL",
    summary: "print what makes a shell complete this command line",
    operands: [oneOf("SHELL", SHELLS)],
    options: { help: HELP },
    notes: `SHELL is bash, zsh or fish. To have them in every session, write once (the first
is found by the package bash-completion, which most systems have):

  bash   chat completions bash >~/.local/share/bash-completion/completions/chat
  zsh    chat completions zsh >~/.zfunc/_chat, where fpath in ~/.zshrc has ~/.zfunc
  fish   chat completions fish >~/.config/fish/completions/chat.fish

or in one alone: source <(chat completions SHELL); in fish: chat completions fish | source`,
    example: "chat completions bash",
  },
};

/** What may stand in place of a verb. */
export const PROGRAM: Readonly<Record<string, Option>> = {
  help: { help: "show the verbs; behind a verb, what it takes" },
  version: { help: "show the version" },
};

/** The variables of the environment that are read, besides those by which the system says who and where one is. */
export const VARIABLES: Readonly<Record<string, string>> = {
  CHAT_NAME: "the name to be known by, unless --name says another",
  CHAT_CODE: "the code of the room, unless --code-file names a file that has it",
  CHAT_THEME: "as --theme",
  CHAT_TIME: "as --time",
  CHAT_NOTIFY: "as --notify",
  NO_COLOR: "where it is not empty, the theme is mono, whatever else is said",
  TERM: "where it is dumb, as --plain",
};

/** The help of the whole program. */
export function usage(): string {
  const verbs = Object.values(VERBS).map(({ synopsis, summary }) =>
    `  ${synopsis}\n      ${summary}`
  );
  return `chat: group chat for the terminal

${verbs.join("\n")}
  chat VERB --help
      show what a verb takes
  chat --version
      show the version

A name, a theme and what rings can stand in a file of yours: docs/config.md says where.

Example, in two terminals:
  chat serve --join
  chat join
`;
}

function verbUsage(name: VerbName): string {
  const { synopsis, summary, options, notes, example } = VERBS[name];
  const sections: { flag: string; help: string }[][] = [];
  const headings: string[] = [];
  for (const [option, { value, help, heading }] of Object.entries(options)) {
    if (heading !== undefined || sections.length === 0) {
      sections.push([]);
      headings.push(heading === undefined ? "" : `\n${heading}\n`);
    }
    sections.at(-1)!.push({ flag: value ? `--${option} ${value.name}` : `--${option}`, help });
  }
  const rows = sections.map((section, index) => {
    const column = Math.max(17, ...section.map(({ flag }) => flag.length));
    const lines = section.map(({ flag, help }) => `  ${flag.padEnd(column)} ${help}`);
    return headings[index] + lines.join("\n");
  });
  return `${synopsis}\n    ${summary}\n\n${rows.join("\n")}\n${
    notes ? `\n${notes}\n` : ""
  }\nExample:\n  ${example}\n`;
}

/**
 * Reads the command line.
 *
 * @param env looks up an environment variable
 * @throws {UsageError} at the first thing that is wrong
 */
export function parseCommand(
  args: readonly string[],
  env: (name: string) => string | undefined,
): Command {
  const [first, ...rest] = args;
  if (first === undefined) {
    throw new UsageError("Cannot guess what to do: no verb was given", {
      hint: "Open a room with: chat serve --join; or see: chat --help",
    });
  }
  if (first === "--version" || first === "-V") {
    if (rest[0] !== undefined) throw tooMany(rest[0], `${first} stands alone`);
    return { verb: "version" };
  }
  if (first === "--help" || first === "-h" || first === "help") {
    const [verb, extra] = rest;
    if (extra !== undefined) throw tooMany(extra, "help is about one verb");
    return { verb: "help", text: verb === undefined ? usage() : verbUsage(checkVerb(verb)) };
  }
  const verb = checkVerb(first);
  const { options, positionals, text } = splitArgs(verb, rest);
  if (options.has("help")) return { verb: "help", text: verbUsage(verb) };
  switch (verb) {
    case "serve":
      return parseServe(options, [...positionals, ...text], env);
    case "join": {
      const [address, extra] = [...positionals, ...text];
      if (extra !== undefined) throw tooMany(extra, "chat join takes one address");
      const classic = options.has("classic");
      return {
        verb,
        target: classic
          ? parseClassicTarget(options, address)
          : parseTarget(options, address, ADDRESS_HINT),
        classic,
        screen: parseScreen(options, env),
      };
    }
    case "send": {
      const [address] = positionals;
      const named = address !== undefined && looksLikeAddress(address);
      const words = [...(named ? positionals.slice(1) : positionals), ...text];
      const said = words.length === 0 ? undefined : words.join(" ");
      if (said === "") throw new UsageError("Cannot send nothing: the text is empty");
      const [file, to] = [options.get("file"), options.get("to")];
      if (file !== undefined && said !== undefined) {
        throw new UsageError("Cannot send a file and a text at once: leave one out");
      }
      if (to !== undefined && file === undefined) {
        throw new UsageError("Cannot use --to here: it goes with --file");
      }
      return {
        verb,
        target: parseTarget(
          options,
          named ? address : undefined,
          "If it is no address: chat send -- TEXT",
        ),
        speaker: parseSpeaker(options, env),
        text: said,
        file,
        to,
        retry: parseRetry(options),
      };
    }
    case "crack": {
      const [file, extra] = [...positionals, ...text];
      if (extra !== undefined) throw tooMany(extra, "chat crack reads one file");
      if (file === "") throw new UsageError("Cannot read a file without a name");
      const top = options.get("top");
      return {
        verb,
        file: file === "-" ? undefined : file,
        top: top === undefined ? undefined : parseNumber("number of keys", top, 1, 256),
      };
    }
    case "completions":
      return { verb, shell: parseShell([...positionals, ...text]) };
  }
}

function parseServe(
  options: Map<string, string>,
  positionals: string[],
  env: (name: string) => string | undefined,
): Command {
  const [extra] = positionals;
  if (extra !== undefined) throw tooMany(extra, "chat serve takes --host HOST and --port PORT");
  if (!options.has("join")) {
    const lone = Object.keys(SCREEN).find((name) => options.has(name));
    if (lone !== undefined) {
      throw new UsageError(`Cannot use --${lone} here: it goes with --join`, {
        hint: "Serve and join in one with: chat serve --join",
      });
    }
  }
  return {
    verb: "serve",
    hostname: checkHost(
      options.get("host") ?? LOOPBACK,
      "Write --host HOST, such as 0.0.0.0; the port goes to --port",
    ),
    port: parseNumber("port", options.get("port") ?? String(DEFAULT_PORT), 0, 65535),
    cipher: parseCipher(options),
    join: options.has("join") ? parseScreen(options, env) : undefined,
    limits: parseLimits(options),
    log: parseLog(options),
    status: parseStatus(options.get("status")),
  };
}

function parseLimits(options: Map<string, string>): Limits {
  const {
    maxMembers,
    maxPerAddress,
    maxAdmissions,
    handshakeMs,
    idleMs,
    graceMs,
  } = DEFAULT_LIMITS;
  const count = (option: string, otherwise: number) =>
    parseLimit(options, option, 1, MOST, otherwise);
  const ms = (option: string, least: number, greatest: number, otherwise: number) =>
    1000 * parseLimit(options, option, least, greatest, otherwise / 1000, " of seconds");
  const logSize = parseSize(options, "log-size", LEAST_LOG, GREATEST_LOG, DEFAULT_LIMITS.logSize);
  return {
    maxMembers: count("max-members", maxMembers),
    maxPerAddress: count("max-per-address", maxPerAddress),
    maxAdmissions: count("max-admissions", maxAdmissions),
    handshakeMs: ms("handshake", 1, 600, handshakeMs),
    // Less than a few round trips would take everybody for dead.
    idleMs: ms("idle", 5, 3600, idleMs),
    graceMs: ms("grace", 0, 86400, graceMs),
    logSize,
    backlog: parseSize(options, "backlog", LEAST_BACKLOG, logSize, backlogOf(logSize)),
    budget: budgetOf(
      parseLimit(options, "rate", 0, MOST, DEFAULT_RATE),
      parseSize(
        options,
        "byte-rate",
        LEAST_BYTE_RATE,
        GREATEST_BYTE_RATE,
        DEFAULT_BYTE_RATE,
        true,
      ),
    ),
  };
}

function parseLog(options: Map<string, string>): "text" | "json" {
  const format = options.get("log") ?? "text";
  if (options.has("log") && options.has("join")) {
    throw new UsageError("Cannot use --log here: with --join there is the screen instead");
  }
  if (isOneOf(LOGS, format)) return format;
  throw new UsageError(`Cannot use --log "${printable(format)}": there are ${listWords(LOGS)}`);
}

function parseStatus(where: string | undefined): StatusPlace | undefined {
  if (where === undefined) return undefined;
  if (/^\d+$/.test(where)) return { port: parseNumber("status port", where, 0, 65535) };
  if (/[/\\]/.test(where)) return { path: where };
  throw new UsageError(
    `Cannot use --status "${printable(where)}": it must be a port, or a path with a / in it`,
    { hint: "For a socket in this folder write: --status ./NAME" },
  );
}

function parseCipher(options: Map<string, string>): RoomCipher {
  const name = checkCipher(options.get("cipher") ?? "sealed");
  if (name === "sealed" && options.has("classic")) {
    throw new UsageError(
      "Cannot use --classic here: the original's clients have no code, and can't read what is sealed",
      { hint: "It goes with --cipher xor" },
    );
  }
  const strange = (name === "sealed" ? ["key"] : ["code-file", "ask-code", "state"])
    .find((option) => options.has(option));
  if (strange !== undefined) {
    throw new UsageError(`Cannot use --${strange} here: a room with the cipher ${name} has none`, {
      hint: strange === "key" ? "It goes with --cipher xor" : "It goes with --cipher sealed",
    });
  }
  if (name === "sealed") {
    if (options.has("code-file") && options.has("ask-code")) {
      throw new UsageError("Cannot use both --code-file and --ask-code: there is one code");
    }
    return {
      name,
      codeFile: options.get("code-file"),
      askCode: options.has("ask-code"),
      state: options.get("state"),
    };
  }
  const key = options.get("key");
  return {
    name,
    publicKey: key === undefined ? undefined : parseNumber("key", key, 0, 255),
    classic: options.has("classic"),
  };
}

function checkCipher(name: string): "sealed" | "xor" {
  if (isOneOf(CIPHERS, name)) return name;
  throw new UsageError(
    `Cannot use the cipher "${printable(name)}": there are ${listWords(CIPHERS)}`,
  );
}

function parseTarget(
  options: Map<string, string>,
  address: string | undefined,
  hint: string,
): Target {
  const name = options.get("cipher");
  const cipher = name === undefined ? undefined : checkCipher(name);
  if (cipher === "xor" && options.has("code-file")) {
    throw new UsageError("Cannot use --code-file here: a room with the cipher xor has no code");
  }
  return {
    address: address === undefined ? undefined : parseAddress(address, hint),
    codeFile: options.get("code-file"),
    cipher,
  };
}

/** What a room of the original has nothing for, and why. */
const NOT_CLASSIC: Readonly<Record<string, string>> = {
  name: "knows no names",
  retry: "knows no coming back",
  downloads: "knows no files",
  accept: "knows no files",
  "ask-above": "knows no files",
  "code-file": "has no code",
};

function parseClassicTarget(
  options: Map<string, string>,
  address: string | undefined,
): Target {
  const strange = Object.keys(NOT_CLASSIC).find((name) => options.has(name));
  if (strange !== undefined) {
    throw new UsageError(`Cannot use --${strange} with --classic: it ${NOT_CLASSIC[strange]}`);
  }
  const cipher = options.get("cipher");
  if (cipher !== undefined && checkCipher(cipher) !== "xor") {
    throw new UsageError("Cannot use --cipher sealed with --classic: the original has xor alone");
  }
  if (address === undefined) {
    throw new UsageError("Cannot guess where the server of the original is", {
      hint: "Write: chat join --classic HOST:PORT",
    });
  }
  return parseTarget(options, address, ADDRESS_HINT);
}

function parseScreen(
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): ScreenOptions {
  // Not where lines come by themselves, in a pipe and with TERM=dumb: an alias with a theme works there too.
  const lines = ["json", "plain"].find((name) => options.has(name));
  const idle = lines && Object.keys(VIEW).find((name) => options.has(name));
  if (idle) {
    throw new UsageError(
      `Cannot use --${idle} here: it is for the screen of a terminal, and --${lines} asks for none`,
    );
  }
  return {
    ...parseSpeaker(options, env),
    view: parseView(options, env),
    json: options.has("json"),
    plain: options.has("plain") || env("TERM") === "dumb",
    stay: options.has("stay"),
    retry: parseRetry(options),
    files: parseFiles(options),
  };
}

function parseFiles(options: Map<string, string>): FileOptions {
  const accept = options.get("accept") ?? "ask";
  if (!isOneOf(ACCEPT, accept)) {
    throw new UsageError(
      `Cannot use --accept "${printable(accept)}": there are ${listWords(ACCEPT)}`,
      { hint: `Did you mean: --accept ${closestString(accept, ACCEPT)}?` },
    );
  }
  return {
    downloads: options.get("downloads"),
    accept,
    acceptLimit: parseSize(options, "ask-above", 1, GREATEST_ACCEPT_LIMIT, ACCEPT_LIMIT),
  };
}

function parseView(
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): ViewOptions {
  const theme = parseWord("theme", THEMES, options, env);
  const time = parseWord("time", TIMES, options, env);
  const notify = parseWord("notify", NOTIFY, options, env);
  const view: ViewOptions = {};
  if (theme !== undefined) view.theme = theme;
  // No program may colour what is written where this is set (no-color.org).
  if (env("NO_COLOR")) view.theme = "mono";
  if (time !== undefined) view.time = time;
  if (notify !== undefined) view.notify = notify;
  if (options.has("quiet")) view.quiet = true;
  return view;
}

/** One of the words that there are, from the option or else from `CHAT_OPTION`; undefined if neither is there. */
function parseWord<Word extends string>(
  option: string,
  words: readonly Word[],
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): Word | undefined {
  const variable = `CHAT_${option.toUpperCase()}`;
  // Set to nothing is not set.
  const word = options.get(option) ?? (env(variable) || undefined);
  if (word === undefined || isOneOf(words, word)) return word;
  throw new UsageError(
    `Cannot use the ${option} "${printable(word)}": there are ${listWords(words)}`,
    {
      hint: options.has(option)
        ? `Did you mean: --${option} ${closestString(word, words)}?`
        : `It comes from ${variable}`,
    },
  );
}

function isOneOf<Word extends string>(words: readonly Word[], word: string): word is Word {
  return (words as readonly string[]).includes(word);
}

function listWords(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function parseShell([shell, extra]: string[]): Shell {
  const hint = `Write: chat completions ${SHELLS[0]}`;
  if (shell === undefined) {
    throw new UsageError(`Cannot guess the shell: there are ${listWords(SHELLS)}`, { hint });
  }
  if (extra !== undefined) throw tooMany(extra, "completions are for one shell");
  if (isOneOf(SHELLS, shell)) return shell;
  throw new UsageError(
    `Cannot complete in "${printable(shell)}": there are ${listWords(SHELLS)}`,
    { hint: `Did you mean: chat completions ${closestString(shell, SHELLS)}?` },
  );
}

function parseRetry(options: Map<string, string>): Retry {
  const text = options.get("retry");
  if (text === undefined) return undefined;
  if (text === "forever") return Infinity;
  return 1000 * parseNumber("retry", text, 0, MAX_RETRY, "It is in seconds; or: --retry forever");
}

/** Options by name ("" for those without a value), what stands between them, and what follows `--`. */
function splitArgs(
  verb: VerbName,
  args: string[],
): { options: Map<string, string>; positionals: string[]; text: string[] } {
  const known = VERBS[verb].options;
  const names = Object.keys(known);
  const valued = names.filter((name) => known[name]!.value !== undefined);
  const flags = names.filter((name) => known[name]!.value === undefined);
  const end = args.indexOf("--");
  const before = end === -1 ? args : args.slice(0, end);
  // The library's own name for what is no option.
  if (before.some((arg) => /^--_(=|$)/.test(arg))) throw unknownOption(verb, "--_");
  const parsed = parseArgs(unambiguous(verb, before, flags, valued), {
    boolean: flags.map(standIn),
    // "_" keeps `chat send 42` from becoming a number.
    string: [...valued, "_"],
    collect: valued,
    unknown: (arg, key) => {
      if (key === undefined) return true;
      throw unknownOption(verb, arg.startsWith("--") ? arg.replace(/=.*/s, "") : arg);
    },
  });
  const options = new Map<string, string>();
  for (const name of flags) if (parsed[standIn(name)] === true) options.set(name, "");
  for (const name of valued) {
    const [value, second] = parsed[name] as string[];
    if (second !== undefined) throw new UsageError(`Cannot use --${name} twice`);
    if (value === undefined) continue;
    // An empty name gets the sentence about names.
    if (value === "" && !(name === "name" && isGivenEmpty(before, name))) {
      throw new UsageError(`Cannot use --${name} alone: it needs a value`, {
        hint: `Write: --${name} ${known[name]!.value!.name}`,
      });
    }
    options.set(name, value);
  }
  return {
    options,
    positionals: parsed._.map(String),
    text: end === -1 ? [] : args.slice(end + 1),
  };
}

/** The library takes `--no-config` for `--config` taken back. */
function standIn(flag: string): string {
  return flag.replace(/^no-/, "no_");
}

/**
 * The same arguments where the library would guess: it takes `true` and `false` behind a flag for its value,
 * an empty value for none, and `--no-port=80` for `--port=80`.
 */
function unambiguous(
  verb: VerbName,
  args: string[],
  flags: string[],
  valued: string[],
): string[] {
  const result: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] === "-h" ? "--help" : args[i]!;
    const [, name = "", value] = /^--([^=]+)(=.*)?$/s.exec(arg) ?? [];
    if (flags.includes(name)) {
      if (value !== undefined) {
        throw new UsageError(`Cannot give --${name} a value: it is on when it is there`);
      }
      result.push(`--${standIn(name)}=true`);
    } else if (/^no[-_]/.test(name)) {
      throw unknownOption(verb, `--${name}`);
    } else if (valued.includes(name) && value === undefined && args[i + 1] === "") {
      result.push(`${arg}=`);
      i++;
    } else {
      result.push(arg);
    }
  }
  return result;
}

function isGivenEmpty(args: string[], name: string): boolean {
  return args.includes(`--${name}=`) || args[args.indexOf(`--${name}`) + 1] === "";
}

function unknownOption(verb: VerbName, flag: string): UsageError {
  const nearest = closestString(flag.replace(/^-+/, ""), Object.keys(VERBS[verb].options));
  const more = verb === "send"
    ? 'Text that starts with "-" goes behind --'
    : `See: chat ${verb} --help`;
  return new UsageError(`Cannot use "${printable(flag)}": chat ${verb} has no such option`, {
    hint: `Did you mean --${nearest}? ${more}`,
  });
}

function checkVerb(verb: string): VerbName {
  if (Object.hasOwn(VERBS, verb)) return verb as VerbName;
  const hint = verb.startsWith("-")
    ? "The verb comes first. See: chat --help"
    : `Did you mean: chat ${closestString(verb, Object.keys(VERBS))}? See: chat --help`;
  throw new UsageError(`Cannot do "${printable(verb)}": chat has no such verb`, { hint });
}

function tooMany(extra: string, takes: string): UsageError {
  return new UsageError(`Cannot use "${printable(extra)}": ${takes}`);
}

function parseSpeaker(
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): Speaker {
  if (options.has("config") && options.has("no-config")) {
    throw new UsageError("Cannot use both --config and --no-config: read it or not");
  }
  const user = env("USER") ?? env("LOGNAME") ?? env("USERNAME") ?? "";
  return {
    name: parseName(options, env),
    user: toName(user) || "guest",
    config: options.has("no-config") ? false : options.get("config"),
  };
}

function parseName(
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): string | undefined {
  const [given, source] = options.has("name")
    ? [options.get("name")!, "--name"]
    : [env("CHAT_NAME"), "CHAT_NAME"];
  if (given === undefined) return undefined;
  const fault = nameFault(given);
  if (fault === undefined) return given;
  throw new UsageError(`Cannot use the name "${printable(given)}": a name ${fault}`, {
    hint: source === "--name" ? "Choose another: --name NAME" : "It comes from CHAT_NAME",
  });
}

/** The name to be known by. */
export function chosenName({ name, user }: Speaker, settings: Settings): string {
  return name ?? settings.name ?? user;
}

/** How the screen begins: the command line beats the environment, and that beats the config file. */
export function chosenView(options: ViewOptions, settings: Settings): View {
  const { name: _, quiet, ...rest } = settings;
  const view = new View({ ...rest, ...options });
  // Who asks here for something that rings does not mean the silence that the file asks for.
  view.muted = options.quiet ?? (quiet === true && options.notify === undefined);
  return view;
}

/** @param hint what to write instead, where the option's name does not say it */
function parseNumber(
  option: string,
  text: string,
  least: number,
  greatest: number,
  hint?: string,
): number {
  // A few digits, so that no number is parsed that could not be right.
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= greatest) return value;
  throw new UsageError(
    `Cannot use the ${option} "${
      printable(text)
    }": it must be a whole number from ${least} to ${greatest}`,
    hint === undefined ? {} : { hint },
  );
}

/** @param unit behind "a whole number" */
function parseLimit(
  options: Map<string, string>,
  option: string,
  least: number,
  greatest: number,
  otherwise: number,
  unit = "",
): number {
  const text = options.get(option);
  if (text === undefined) return otherwise;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= greatest) return value;
  throw new UsageError(
    `Cannot use --${option} "${
      printable(text)
    }": it must be a whole number${unit} from ${least} to ${greatest}`,
  );
}

/** @param none whether 0 may stand for no limit */
function parseSize(
  options: Map<string, string>,
  option: string,
  least: number,
  greatest: number,
  otherwise: number,
  none = false,
): number {
  const text = options.get(option);
  if (text === undefined) return otherwise;
  const value = sizeOf(text) ?? NaN;
  if ((value >= least && value <= greatest) || (none && value === 0)) return value;
  throw new UsageError(
    `Cannot use --${option} "${printable(text)}": it must be ${none ? "0, or " : ""}a size from ${
      formatSize(least)
    } to ${formatSize(greatest)}`,
    { hint: `Write bytes, or such as: --${option} ${formatSize(otherwise)}` },
  );
}

/** What stands first behind `chat send` may be text: see the notes of its usage. */
function looksLikeAddress(word: string): boolean {
  return word === "localhost" || (/[.:]/.test(word) && !/[.:]$/.test(word) &&
    /^[\p{L}\p{N}._:%[\]-]+$/u.test(word) && /[\p{L}\p{N}]/u.test(word));
}

/** `HOST`, `HOST:PORT`, `:PORT`, `[IPV6]:PORT`, or an IPv6 address alone. */
function parseAddress(text: string, hint: string): { hostname: string; port: number } {
  // Without brackets, an IPv6 address can't have a port behind it: its last group looks like one.
  const [, ipv6, host = text, port] = /^(?:\[([^\]]*:[^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(text) ??
    [];
  const hostname = ipv6 ?? (host === "" && port !== undefined ? LOOPBACK : host);
  return {
    hostname: checkHost(hostname, hint),
    port: port === undefined ? DEFAULT_PORT : parseNumber("port", port, 1, 65535, hint),
  };
}

/** A name or an IPv4 address; or an IPv6 address, which may have a zone. */
function checkHost(host: string, hint: string): string {
  const isName = /^[\p{L}\p{N}_][\p{L}\p{N}._-]{0,252}$/u.test(host);
  const [, ipv6] = /^([\da-f:.]+)(?:%[\w.-]+)?$/i.exec(host) ?? [];
  if (isName || URL.canParse(`http://[${ipv6}]`)) return host;
  throw new UsageError(`Cannot use the address "${printable(host)}": it is no host`, { hint });
}
