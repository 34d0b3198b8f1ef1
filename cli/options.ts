// The table of verbs and options. The parser, the help, the man page and the completions are all made from it. It
// parses nothing and prints nothing.

import { XOR_PROTECTION } from "../cipher.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import {
  BYTE_BURST_SECONDS,
  DEFAULT_BYTE_RATE,
  DEFAULT_LIMITS,
  DEFAULT_RATE,
  formatSize,
  FRAME_BURST_SECONDS,
} from "../server/limits.ts";
import { NOTIFY, THEMES, TIMES } from "../ui/preferences.ts";
import { ACCEPT, LOOPBACK, SHELLS } from "./command.ts";

/** Bytes of a file that is taken without a question, unless another limit is given. */
export const ACCEPT_LIMIT = 2 ** 30;

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

export const CIPHERS = ["sealed", "xor"] as const;
export const LOGS = ["text", "json"] as const;

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
/** What the screen of a terminal alone has. */
export const VIEW: Record<string, Option> = {
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
export const SCREEN: Record<string, Option> = {
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

export type VerbName = "serve" | "join" | "send" | "crack" | "completions";

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
        help: `sealed, for members only (default); or xor: ${XOR_PROTECTION}`,
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
