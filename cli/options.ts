// The table of verbs and options. The parser, the help, the man page and the completions are all made from it. It
// parses nothing and prints nothing.

import { DEFAULT_PORT } from "../protocol.ts";
import {
  BYTE_BURST_SECONDS,
  DEFAULT_BYTE_RATE,
  DEFAULT_KEEP,
  DEFAULT_KEEP_MS,
  DEFAULT_LIMITS,
  DEFAULT_RATE,
  formatSize,
  FRAME_BURST_SECONDS,
  XOR_GRACE_MS,
} from "../server/limits.ts";
import { formatDuration } from "../text/durations.ts";
import { NOTIFY, THEMES, TIMES } from "../ui/preferences.ts";
import { ADMIN_ACTIONS, adminRows } from "./admin_actions.ts";
import { ACCEPT, IDENTITY_ACTIONS, LOOPBACK, SHELLS } from "./command.ts";

/** Files up to this many bytes are accepted without a question, unless another limit is given. */
export const ACCEPT_LIMIT = 2 ** 30;

/** The greatest `--file-rate`, in bytes per second: faster than any network. */
export const MAX_FILE_RATE: number = 2 ** 40;

/**
 * The kind of a value. Shells complete files, folders, hosts, rooms and words. They offer nothing for the others, and
 * should not: names and keys are the user's own.
 */
export type ValueKind =
  | "room"
  | "room-or-host"
  | "file"
  | "folder"
  | "host"
  | "word"
  | "number"
  | "text";

export interface Value {
  /** As in the help, such as FILE. */
  readonly name: string;
  readonly kind: ValueKind;
  /** What shells offer instead of what they find themselves; with the kind `word`, all words that are allowed. */
  readonly words?: readonly string[];
}

export interface Option {
  /** undefined for a flag. */
  readonly value?: Value;
  readonly help: string;
  /** It may be given several times. */
  readonly repeats?: true;
  /** The heading of a new section of the help, which begins with this option. */
  readonly heading?: string;
}

export interface Verb {
  readonly synopsis: string;
  readonly summary: string;
  /** The words that are not options, in order. */
  readonly operands: readonly Value[];
  readonly options: Readonly<Record<string, Option>>;
  /** Follows the options in the help. */
  readonly notes?: string;
  readonly example: string;
}

export const CIPHERS = ["sealed", "xor"] as const;
export const LOGS = ["text", "json"] as const;

const FILE: Value = { name: "FILE", kind: "file" };
const COUNT: Value = { name: "N", kind: "number" };
const SECONDS: Value = { name: "SECONDS", kind: "number" };
const TIME: Value = { name: "TIME", kind: "number" };
const SIZE: Value = { name: "SIZE", kind: "number" };
const ADDRESS: Value = { name: "HOST", kind: "host" };
/** An address, or the name of a remembered room. */
const ROOM_OR_HOST: Value = { name: "ROOM", kind: "room-or-host" };
const oneOf = (name: string, words: readonly string[]): Value => ({ name, kind: "word", words });

const HELP: Option = { help: "show this help" };
/** Options about the user. */
const SPEAKER: Record<string, Option> = {
  name: {
    value: { name: "NAME", kind: "text" },
    help: "your name (default: CHAT_NAME, the config file, your user name)",
  },
  config: {
    value: FILE,
    help: "read this config file (default: ~/.config/chat/config.toml)",
  },
  "no-config": { help: "read no config file" },
};
const RETRY: Option = {
  value: { ...SECONDS, words: ["forever"] },
  help: "how long to try to reconnect, in seconds, or forever",
};
/** Options that only the screen of a terminal has. */
export const VIEW: Record<string, Option> = {
  theme: {
    value: oneOf("THEME", THEMES),
    help: "colours: auto (default), dark, light or mono (NO_COLOR: mono)",
  },
  time: {
    value: oneOf("TIME", TIMES),
    help: "times before messages: short (default), long or off",
  },
  notify: {
    value: oneOf("WHICH", NOTIFY),
    help: "what notifies you in the background: all, mentions (default) or off",
  },
  quiet: { help: "no notifications" },
  "no-title": { help: "leave the window's title as it is" },
};
const FILE_RATE: Option = {
  value: { name: "RATE", kind: "number" },
  help: "limit for files, each way, in bytes per second, such as 512K",
};
/** Options of every screen, plain lines included. */
export const SCREEN: Record<string, Option> = {
  ...SPEAKER,
  ...VIEW,
  json: { help: "one JSON object per line, in and out" },
  plain: { help: "plain lines, even in a terminal: for screen readers" },
  format: {
    value: { name: "TEMPLATE", kind: "text" },
    help: "plain lines, with messages like this: '{time} {name}: {text}'",
  },
  stay: { help: "in a pipe: keep listening after the input ends" },
  retry: RETRY,
  downloads: {
    value: { name: "DIR", kind: "folder" },
    help: "where accepted files go (default: your downloads folder)",
  },
  accept: {
    value: oneOf("WHOSE", ACCEPT),
    help: "offered files: ask (default), or accept from known, all or none",
  },
  "ask-above": {
    value: SIZE,
    help: `always ask about files larger than this (default ${formatSize(ACCEPT_LIMIT)})`,
  },
  "file-rate": FILE_RATE,
};

const CODE_FILE: Option = {
  value: FILE,
  help: "a file with the code (default: CHAT_CODE, else the saved code, else ask)",
};
const TARGET: Record<string, Option> = {
  "code-file": CODE_FILE,
  cipher: {
    value: oneOf("CIPHER", CIPHERS),
    help: "join only a room with this cipher: sealed or xor (default: either)",
  },
};

const LIMITS: Record<string, Option> = {
  "max-members": {
    heading: "Limits (SIZE is in bytes, or with a unit: 512K, 8M):",
    value: COUNT,
    help: `members in the room (default ${DEFAULT_LIMITS.maxMembers})`,
  },
  "max-per-address": {
    value: COUNT,
    help: `members from one address (default ${DEFAULT_LIMITS.maxPerAddress})`,
  },
  "max-admissions": {
    value: COUNT,
    help: `pending connections, not yet admitted (default ${DEFAULT_LIMITS.maxAdmissions})`,
  },
  "max-pending": {
    value: COUNT,
    help: `pending connections from one address (default ${DEFAULT_LIMITS.maxPending})`,
  },
  handshake: {
    value: SECONDS,
    help: `how long a connection may be pending (default ${DEFAULT_LIMITS.handshakeMs / 1000})`,
  },
  idle: {
    value: SECONDS,
    help: `seconds without a reply before a peer is considered dead (default ${
      DEFAULT_LIMITS.idleMs / 1000
    })`,
  },
  grace: {
    value: TIME,
    help: `how long a disconnected member may resume, such as 12h (default ${
      formatDuration(DEFAULT_LIMITS.graceMs)
    }; xor: ${formatDuration(XOR_GRACE_MS)})`,
  },
  "log-size": {
    value: SIZE,
    help: `how much of the conversation is kept (default ${formatSize(DEFAULT_LIMITS.logSize)})`,
  },
  backlog: {
    value: SIZE,
    help: `how far a connected reader may lag behind (default ${
      formatSize(DEFAULT_LIMITS.backlog)
    })`,
  },
  rate: {
    value: COUNT,
    help:
      `a member's messages per second (default ${DEFAULT_RATE}; 0: no limit; burst: ${FRAME_BURST_SECONDS} times that)`,
  },
  "byte-rate": {
    value: SIZE,
    help: `a member's bytes per second (default ${
      formatSize(DEFAULT_BYTE_RATE)
    }; 0: no limit; burst: ${BYTE_BURST_SECONDS} times that)`,
  },
};

export type VerbName =
  | "serve"
  | "join"
  | "send"
  | "rooms"
  | "admin"
  | "identity"
  | "crack"
  | "completions";

/** The table. */
export const VERBS: Readonly<Record<VerbName, Verb>> = {
  serve: {
    synopsis: "chat serve [OPTION...]",
    summary: "open a room",
    operands: [],
    options: {
      host: {
        value: { ...ADDRESS, words: [LOOPBACK, "0.0.0.0", "::"] },
        help: `where to listen (default ${LOOPBACK}: this machine only; 0.0.0.0: all networks)`,
      },
      port: {
        value: { name: "PORT", kind: "number" },
        help: `the port (default ${DEFAULT_PORT}; 0: any free port)`,
      },
      advertise: {
        value: { name: "ADDRESS", kind: "text" },
        repeats: true,
        help: "sealed: another address of the room, which clients try if they lose this one",
      },
      "trust-proxy": {
        value: { name: "IP", kind: "text" },
        repeats: true,
        help: "a proxy that sends clients' addresses (PROXY v2), or a range: 10.0.0.0/8",
      },
      cipher: {
        value: oneOf("CIPHER", CIPHERS),
        help: "sealed: only members can read it (default); xor: NOT SECRET, anyone can",
      },
      "code-file": {
        value: FILE,
        help: "sealed: a file with the code (default: CHAT_CODE, else four drawn words)",
      },
      "ask-code": { help: "sealed: ask for the code, without showing it" },
      state: {
        value: { name: "DIR", kind: "folder" },
        help: "a folder that keeps the room across restarts",
      },
      keep: {
        value: SIZE,
        help: `with --state: how much of the conversation is kept (default ${
          formatSize(DEFAULT_KEEP)
        })`,
      },
      "keep-for": {
        value: { ...TIME, words: ["forever"] },
        help: `with --state: how long, such as 12h or 30d, or forever (default ${
          formatDuration(DEFAULT_KEEP_MS)
        })`,
      },
      "new-log": {
        help: "with --state: drop the conversation that was kept; the code or key stays",
      },
      "new-code": {
        help: "with --state: replace the code, and drop the conversation; moderators and bans stay",
      },
      moderator: {
        value: { name: "KEY", kind: "text" },
        repeats: true,
        help: "a moderator of the room, by the key that /whoami shows; the user of --join is one",
      },
      "read-only": {
        help: "only moderators speak to the room; others read it, until chat admin writable",
      },
      key: {
        value: { name: "KEY", kind: "number" },
        help: "xor: the public key, 0 to 255 (default: drawn)",
      },
      classic: { help: "xor: let clients of the classic program join, too" },
      join: { help: "also join the room, in this terminal or pipe" },
      ...Object.fromEntries(
        Object.entries(SCREEN).map(([name, option]) => [name, {
          ...option,
          help: `with --join: ${option.help}`,
        }]),
      ),
      log: {
        value: oneOf("FORMAT", LOGS),
        help: "events on stderr: text (default) or json",
      },
      status: {
        value: { name: "WHERE", kind: "file" },
        help: "metrics at a port of 127.0.0.1 (0: any free port), or at a path with a /",
      },
      admin: {
        value: FILE,
        help: "the socket for chat admin (default: in your own folder of rooms)",
      },
      help: HELP,
      ...LIMITS,
    },
    notes:
      `stdout gets \`listening HOST:PORT\`, one line per address, and \`code WORD WORD WORD WORD\` if the
code is drawn. By default only this machine can reach the room. To let others in, use --host 0.0.0.0
and give them one of these addresses and the code: they join with chat join HOST:PORT.

Ctrl-C, SIGTERM or the end of the terminal closes the room. With --join, Ctrl-C asks first while
others are inside. To keep the room open without a terminal: nohup chat serve >room.log 2>&1 &

With --state, the room goes on after a restart: the code is unchanged and not printed, members come
back, and get what they missed. The commands and keys of --join are in chat join --help, the config file in chat --help.`,
    example: "chat serve --host 0.0.0.0 --port 2429",
  },
  join: {
    synopsis: "chat join [ROOM|HOST[:PORT][,...]] [OPTION...]",
    summary: "join a room",
    operands: [ROOM_OR_HOST],
    options: {
      ...SCREEN,
      ...TARGET,
      classic: { help: "HOST is a server of the classic program; not secret" },
      help: HELP,
    },
    notes:
      `ROOM is the name of a room in the config file: see chat --help; in a room, /remember NAME adds it
there. If the room has several addresses, write them with commas: HOST:PORT,HOST:PORT. They are
tried in turn, also when the connection is lost. Without ROOM and HOST you join the room of CHAT_ROOM, or the only one that you remember or
have open on this machine. If there are several, chat asks. PORT is ${DEFAULT_PORT} by default.
In a terminal, type a message and press Enter; /help lists the commands. In a pipe, each line of
stdin is a message, and stdout shows \`NAME: text\`, or each message as --format says. TEMPLATE may
have {date}, {time}, {name}, {text} and {kind}. At the end of stdin the client waits until the room
has accepted all messages, then leaves. --theme, --time, --notify, --quiet and --no-title are only
for terminals. If the connection is lost, the client tries to reconnect: forever in a terminal and
with --stay, otherwise for 60 seconds; with --retry 0, not at all.`,
    example: "chat join 192.0.2.7:2429 --name alice",
  },
  send: {
    synopsis: "chat send [HOST[:PORT][,...]] [OPTION...] [--] [TEXT...]",
    summary: "send one message, or files, and leave",
    operands: [ADDRESS, { name: "TEXT", kind: "text" }],
    options: {
      room: {
        value: { name: "ROOM", kind: "room" },
        help: "send to this room of the config file (default: as for chat join)",
      },
      ...SPEAKER,
      ...TARGET,
      retry: RETRY,
      file: {
        value: FILE,
        repeats: true,
        help: "offer a file or folder until a member has it; repeat it for several",
      },
      to: {
        value: { name: "MEMBER", kind: "text" },
        help: "send only to this member: a direct message, or with --file, files",
      },
      partial: { help: "with --file: exit code 0 even if something in a folder cannot be sent" },
      "file-rate": { ...FILE_RATE, help: `with --file: ${FILE_RATE.help}` },
      help: HELP,
    },
    notes:
      `Without TEXT, stdin is the message. Exit code 0 means that the room has accepted it. With --to, it
means that the server keeps it for MEMBER, who may be away; if MEMBER is not in the room, nothing
is sent, and the exit code is 1. If the connection is lost, the client tries to reconnect for 60
seconds, or as long as --retry says.
The first word is the address if it is localhost; or if it contains a dot or a colon, does not end
in one, and has only characters of addresses. Everything after -- is TEXT.`,
    example: "make 2>&1 | tail -n 20 | chat send --name builder",
  },
  rooms: {
    synopsis: "chat rooms [OPTION...]",
    summary: "list your rooms",
    operands: [],
    options: {
      config: SPEAKER["config"]!,
      "no-config": SPEAKER["no-config"]!,
      help: HELP,
    },
    notes:
      `Lists the rooms of your config file with their names, and those that you have open on this machine.
If chat join gets no room, it asks which of these you mean.`,
    example: "chat rooms",
  },
  admin: {
    synopsis: "chat admin ACTION [WORD...] [OPTION...]",
    summary: "govern a room on this machine",
    operands: [oneOf("ACTION", Object.keys(ADMIN_ACTIONS)), { name: "WORD", kind: "text" }],
    options: {
      port: {
        value: { name: "PORT", kind: "number" },
        help: "the port of the room (default: your only room that is open here)",
      },
      socket: {
        value: FILE,
        help: "the room's socket, as chat serve --admin names it: for a service",
      },
      reason: {
        value: { name: "TEXT", kind: "text" },
        help: "the reason, which everybody sees; or write it after the other words",
      },
      json: { help: "one JSON object per line" },
      help: HELP,
    },
    notes: `It reaches rooms that you have opened, and works in every room. The actions:

${adminRows()}

MEMBER is a number of \`who\`, or in an xor room a name. The server of a sealed room knows no names:
there, /whois NAME shows the number. TIME is like 30m, 2h or 7d; without it, a ban lasts until
\`unban\`. KEY is what /whoami shows. Members see what was done and why, and by whom: the operator.
Words that start with a hyphen go after --. \`close\` returns when the server has stopped.`,
    example: "chat admin ban 3 2h too much advertising",
  },
  identity: {
    synopsis: "chat identity export|import FILE [OPTION...]",
    summary: "move your identity to another machine",
    operands: [oneOf("ACTION", IDENTITY_ACTIONS), FILE],
    options: {
      "passphrase-file": {
        value: FILE,
        help: "a file whose first line is the passphrase (default: ask)",
      },
      replace: { help: "with import: replace another identity, and keep it in a backup" },
      help: HELP,
    },
    notes:
      `Your identity is the key by which others recognize you in sealed rooms. \`export\` writes it to a
new file that only you can read, sealed with a passphrase. \`import\` makes it your identity on the
machine that has the file. Both print \`identity KEY\`: the same KEY as /whoami. Anyone who has the
file and guesses the passphrase can send as you, so choose a long one, and delete the file after
the import. Afterwards you have this identity on both machines.`,
    example: "chat identity export moving.txt",
  },
  crack: {
    synopsis: "chat crack [FILE] [OPTION...]",
    summary: "read xor traffic without its key",
    operands: [FILE],
    options: {
      top: {
        value: COUNT,
        help: "list the N likeliest keys, 1 to 256, instead of the text",
      },
      help: HELP,
    },
    notes:
      `FILE holds the bytes of one direction of a connection, as a packet capture saves them: of a
classic connection, or frames. Without FILE, or with -, they are read from stdin. At most 4 MiB are
read. All 256 keys are tried. The one that gives text is printed as \`key KEY\`, followed by the text;
stderr says how certain it is, and why. English, German and French are recognized best: 40 bytes
are enough. Exit code 0 means that a key was found.`,
    example: "chat crack traffic.bin",
  },
  completions: {
    synopsis: "chat completions SHELL",
    summary: "print a shell completion script",
    operands: [oneOf("SHELL", SHELLS)],
    options: { help: HELP },
    notes:
      `SHELL is bash, zsh or fish. To install the script, run one of these once (bash finds it if
the package bash-completion is installed, as on most systems):

  bash   chat completions bash >~/.local/share/bash-completion/completions/chat
  zsh    chat completions zsh >~/.zfunc/_chat, if fpath in ~/.zshrc has ~/.zfunc
  fish   chat completions fish >~/.config/fish/completions/chat.fish

For one session: source <(chat completions SHELL); in fish: chat completions fish | source`,
    example: "chat completions bash",
  },
};

/** Options that may appear instead of a verb. */
export const PROGRAM: Readonly<Record<string, Option>> = {
  help: { help: "show the commands; after a command, its options" },
  version: { help: "show the version" },
};

/** The environment variables that `chat` reads, besides those that name the user and the system's folders. */
export const VARIABLES: Readonly<Record<string, string>> = {
  CHAT_NAME: "your name, unless --name is given",
  CHAT_CODE: "the room's code, unless --code-file is given",
  CHAT_ROOM: "the room to join or send to, unless one is given: ROOM or HOST[:PORT][,...]",
  CHAT_THEME: "like --theme",
  CHAT_TIME: "like --time",
  CHAT_NOTIFY: "like --notify",
  NO_COLOR: "if it is not empty, the theme is mono, even with --theme",
  TERM: "if it is dumb, like --plain",
};
