// Parses the command line into a typed command, strictly: every word is used or refused. It prints nothing and
// touches no file.

import { MIN_FILE_RATE } from "../client/file_rate.ts";
import { UsageError } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { MAX_SERVERS, parseServer } from "../protocol/servers.ts";
import { isKeyText } from "../protocol/moderation.ts";
import { DEFAULT_PORT } from "../protocol.ts";
import { type AddressRange, inRanges, parseRange } from "../server/addresses.ts";
import {
  backlogOf,
  budgetOf,
  DEFAULT_BYTE_RATE,
  DEFAULT_KEEP,
  DEFAULT_KEEP_MS,
  DEFAULT_LIMITS,
  DEFAULT_RATE,
  type Limits,
  MAX_BYTE_RATE,
  MAX_COUNT,
  MAX_GRACE_MS,
  MAX_KEEP,
  MAX_KEEP_MS,
  MAX_LOG,
  MIN_BACKLOG,
  MIN_BYTE_RATE,
  MIN_KEEP,
  MIN_KEEP_MS,
  MIN_LOG,
  XOR_GRACE_MS,
} from "../server/limits.ts";
import type { StatusPlace } from "../server/metrics_http.ts";
import { nameFault, toName } from "../text/names.ts";
import { printable } from "../text/printable.ts";
import { type MessageFormat, parseFormat } from "../ui/message_format.ts";
import { NOTIFY, THEMES, TIMES } from "../ui/preferences.ts";
import { ADDRESS_HINT, checkHost, looksLikeAddress, parseAddress } from "./address.ts";
import { parseAdmin } from "./admin_args.ts";
import {
  ACCEPT,
  asksForVersion,
  type Command,
  type ConfigFile,
  type FileOptions,
  IDENTITY_ACTIONS,
  LOOPBACK,
  type Retry,
  type RoomCipher,
  type ScreenOptions,
  type Shell,
  SHELLS,
  type Speaker,
  type StateOptions,
  type ViewOptions,
} from "./command.ts";
import {
  ACCEPT_LIMIT,
  LOGS,
  MAX_FILE_RATE,
  SCREEN,
  type VerbName,
  VERBS,
  VIEW,
} from "./options.ts";
import { splitArgs } from "./split_args.ts";
import { checkCipher, parseClassicTarget, parseTarget } from "./target_args.ts";
import { joinHint, verbHint } from "./usage_hints.ts";
import {
  didYouMean,
  isOneOf,
  listWords,
  parseDuration,
  parseLimit,
  parseNumber,
  parseSize,
  parseWord,
  unknown,
} from "./values.ts";

/** The greatest `--ask-above`, in bytes: larger than any file, and still an exact number. */
const MAX_ACCEPT_LIMIT = 2 ** 50;
/** The longest `--retry` besides `forever`, in seconds: eleven days. */
const MAX_RETRY = 1_000_000;

/**
 * Parses the command line.
 *
 * @param env looks up an environment variable
 * @throws {UsageError} at the first error
 */
export function parseCommand(
  args: readonly string[],
  env: (name: string) => string | undefined,
): Command {
  const [first, ...rest] = args;
  if (first === undefined) {
    throw new UsageError("Say what to do: chat serve, chat join or chat send", {
      hint: "Open a room with: chat serve --join; or see: chat --help",
    });
  }
  if (asksForVersion(args)) return { verb: "version" };
  if (asksForVersion([first])) throw tooMany(rest[0]!, `${first} takes no arguments`);
  if (first === "--help" || first === "-h" || first === "help") {
    const [verb, extra] = rest;
    if (extra !== undefined) throw tooMany(extra, "help takes one command");
    return { verb: "help", topic: verb === undefined ? undefined : checkVerb(verb) };
  }
  const verb = checkVerb(first);
  const { options, lists, positionals, text } = splitArgs(verb, rest);
  if (options.has("help")) return { verb: "help", topic: verb };
  switch (verb) {
    case "serve":
      return parseServe(options, lists, [...positionals, ...text], env);
    case "join": {
      const [address, extra] = [...positionals, ...text];
      if (extra !== undefined) {
        throw tooMany(extra, "chat join takes one room or address", joinHint(address!, extra));
      }
      const classic = options.has("classic");
      return {
        verb,
        target: classic
          ? parseClassicTarget(options, address)
          : parseTarget(options, address, env, joinHint(address ?? "") ?? ADDRESS_HINT),
        classic,
        screen: parseScreen(options, env),
      };
    }
    case "send": {
      const [address] = positionals;
      const named = address !== undefined && looksLikeAddress(address);
      const words = [...(named ? positionals.slice(1) : positionals), ...text];
      const message = words.length === 0 ? undefined : words.join(" ");
      if (message?.trim() === "") throw new UsageError("Cannot send an empty message");
      const files = lists.get("file") ?? [];
      if (files.length > 0 && message !== undefined) {
        throw new UsageError("Cannot send a file and a text at once: choose one", {
          hint: "To send several files, write --file before each of them",
        });
      }
      const lone = ["partial", "file-rate"].find((name) => options.has(name));
      if (lone !== undefined && files.length === 0) {
        throw new UsageError(`Cannot use --${lone} without --file`);
      }
      return {
        verb,
        target: parseTarget(
          options,
          named ? address : undefined,
          env,
          "To send it as text: chat send -- TEXT",
        ),
        speaker: parseSpeaker(options, env),
        text: message,
        files,
        to: options.get("to"),
        partial: options.has("partial"),
        rate: parseFileRate(options),
        retry: parseRetry(options),
      };
    }
    case "rooms": {
      const [extra] = [...positionals, ...text];
      if (extra !== undefined) throw tooMany(extra, "chat rooms takes no words");
      return { verb, config: parseConfig(options) };
    }
    case "admin":
      return parseAdmin(options, [...positionals, ...text]);
    case "crack": {
      const [file, extra] = [...positionals, ...text];
      if (extra !== undefined) throw tooMany(extra, "chat crack reads one file");
      if (file === "") throw new UsageError("Cannot read a file with an empty name");
      const top = options.get("top");
      return {
        verb,
        file: file === "-" ? undefined : file,
        top: top === undefined ? undefined : parseNumber("number of keys", top, 1, 256),
      };
    }
    case "identity":
      return parseIdentity(options, [...positionals, ...text]);
    case "completions":
      return { verb, shell: parseShell([...positionals, ...text]) };
  }
}

function parseServe(
  options: Map<string, string>,
  lists: Map<string, readonly string[]>,
  positionals: string[],
  env: (name: string) => string | undefined,
): Command {
  const [extra] = positionals;
  if (extra !== undefined) throw tooMany(extra, "chat serve takes --host HOST and --port PORT");
  if (!options.has("join")) {
    const lone = Object.keys(SCREEN).find((name) => options.has(name));
    if (lone !== undefined) {
      throw new UsageError(`Cannot use --${lone} without --join`, {
        hint: "To open and join a room: chat serve --join",
      });
    }
  }
  const hostname = checkHost(
    options.get("host") ?? LOOPBACK,
    "Write --host HOST, such as 0.0.0.0; for the port: --port PORT",
  );
  const cipher = parseCipher(options);
  const proxies = parseProxies(lists.get("trust-proxy") ?? []);
  const isOwn = [LOOPBACK, "::1", hostname].some((address) => inRanges(proxies, address));
  if (options.has("join") && isOwn) {
    throw new UsageError(
      "Cannot use --join with --trust-proxy of this machine: you would join without a proxy",
      { hint: "Join through the proxy, with: chat join" },
    );
  }
  const state = parseState(options);
  return {
    verb: "serve",
    hostname,
    port: parseNumber("port", options.get("port") ?? String(DEFAULT_PORT), 0, 65535),
    proxies,
    cipher,
    join: options.has("join") ? parseScreen(options, env) : undefined,
    state,
    limits: parseLimits(options, cipher.name, state?.keep),
    advertise: parseAdvertised(lists.get("advertise") ?? [], cipher.name),
    ...parseModerators(options, lists.get("moderator") ?? [], cipher.name),
    log: parseLog(options),
    status: parseStatus(options.get("status")),
    admin: options.get("admin"),
  };
}

function parseAdvertised(lists: readonly string[], cipher: RoomCipher["name"]): string[] {
  const words = lists.flatMap((list) => list.split(","));
  if (words.length > 0 && cipher === "xor") {
    throw new UsageError(
      "Cannot use --advertise with the cipher xor: no server could prove to be this room",
    );
  }
  if (words.length > MAX_SERVERS) {
    throw new UsageError(`Cannot use ${words.length} addresses: advertise at most ${MAX_SERVERS}`);
  }
  const hint = "Write HOST:PORT, as people reach the room from elsewhere";
  return words.map((word) => {
    const { hostname, port } = parseAddress(word, hint);
    const text = formatAddress(hostname, port);
    if (parseServer(text)) return text;
    throw new UsageError(
      `Cannot use --advertise "${printable(word)}": only ASCII, and no network interface`,
      { hint },
    );
  });
}

function parseModerators(
  options: Map<string, string>,
  moderators: readonly string[],
  cipher: RoomCipher["name"],
): { moderators: readonly string[]; readOnly: boolean } {
  const lone = moderators.length > 0
    ? "moderator"
    : options.has("read-only")
    ? "read-only"
    : undefined;
  if (cipher === "xor" && lone !== undefined) {
    throw new UsageError(
      `Cannot use --${lone} with the cipher xor: nobody could prove to be a moderator`,
    );
  }
  const wrong = moderators.find((key) => !isKeyText(key));
  if (wrong !== undefined) {
    throw new UsageError(`Cannot use --moderator "${printable(wrong)}": it is not a key`, {
      hint: "A key has 43 characters: /whoami shows one's own, and /whois NAME a member's",
    });
  }
  return { moderators, readOnly: options.has("read-only") };
}

function parseState(options: Map<string, string>): StateOptions | undefined {
  const path = options.get("state");
  if (path === undefined) {
    const lone = ["keep", "keep-for", "new-log", "new-code"].find((name) => options.has(name));
    if (lone === undefined) return undefined;
    throw new UsageError(`Cannot use --${lone} without --state`, {
      hint: "Name the folder that keeps the room: --state DIR",
    });
  }
  if (options.has("log-size")) {
    throw new UsageError("Cannot use --log-size with --state: the log has the size of --keep", {
      hint: "Write --keep SIZE instead",
    });
  }
  const newCode = options.has("new-code");
  return {
    path,
    keep: parseSize(options, "keep", MIN_KEEP, MAX_KEEP, DEFAULT_KEEP),
    keepForMs: parseDuration(options, "keep-for", MIN_KEEP_MS, MAX_KEEP_MS, DEFAULT_KEEP_MS, true),
    // Sessions of the old log would admit their members without the new code.
    newLog: newCode || options.has("new-log"),
    newCode,
  };
}

/** @param keep bytes of the log, if the options of `--state` set them */
function parseLimits(
  options: Map<string, string>,
  cipher: RoomCipher["name"],
  keep: number | undefined,
): Limits {
  const {
    maxMembers,
    maxPerAddress,
    maxAdmissions,
    maxPending,
    handshakeMs,
    idleMs,
    graceMs,
  } = DEFAULT_LIMITS;
  const count = (option: string, otherwise: number) =>
    parseLimit(options, option, 1, MAX_COUNT, otherwise);
  const ms = (option: string, min: number, max: number, otherwise: number) =>
    1000 * parseLimit(options, option, min, max, otherwise / 1000, " of seconds");
  const logSize = keep ??
    parseSize(options, "log-size", MIN_LOG, MAX_LOG, DEFAULT_LIMITS.logSize);
  return {
    maxMembers: count("max-members", maxMembers),
    maxPerAddress: count("max-per-address", maxPerAddress),
    maxAdmissions: count("max-admissions", maxAdmissions),
    maxPending: count("max-pending", maxPending),
    handshakeMs: ms("handshake", 1, 600, handshakeMs),
    // A few round trips at least: with less, every peer would seem dead.
    idleMs: ms("idle", 5, 3600, idleMs),
    graceMs: parseDuration(
      options,
      "grace",
      0,
      MAX_GRACE_MS,
      cipher === "xor" ? XOR_GRACE_MS : graceMs,
    ),
    logSize,
    backlog: parseSize(options, "backlog", MIN_BACKLOG, logSize, backlogOf(logSize)),
    budget: budgetOf(
      parseLimit(options, "rate", 0, MAX_COUNT, DEFAULT_RATE),
      parseSize(
        options,
        "byte-rate",
        MIN_BYTE_RATE,
        MAX_BYTE_RATE,
        DEFAULT_BYTE_RATE,
        true,
      ),
    ),
  };
}

function parseProxies(lists: readonly string[]): AddressRange[] {
  return lists.flatMap((list) => list.split(",")).map((text) => {
    const range = parseRange(text);
    if (range) return range;
    throw new UsageError(
      `Cannot use --trust-proxy "${printable(text)}": it must be an address or a range`,
      { hint: "Write numbers, not a name, such as: --trust-proxy 192.0.2.7,10.0.0.0/8" },
    );
  });
}

function parseLog(options: Map<string, string>): "text" | "json" {
  const format = options.get("log") ?? "text";
  if (options.has("log") && options.has("join")) {
    throw new UsageError("Cannot use --log with --join: the screen shows the events");
  }
  if (isOneOf(LOGS, format)) return format;
  throw new UsageError(unknown("log format", format, LOGS));
}

function parseStatus(where: string | undefined): StatusPlace | undefined {
  if (where === undefined) return undefined;
  if (/^\d+$/.test(where)) return { port: parseNumber("status port", where, 0, 65535) };
  if (/[/\\]/.test(where)) return { path: where };
  throw new UsageError(
    `Cannot use --status "${printable(where)}": it must be a port, or a path with a /`,
    { hint: "For a socket in this folder: --status ./NAME" },
  );
}

function parseCipher(options: Map<string, string>): RoomCipher {
  const name = checkCipher(options.get("cipher") ?? "sealed");
  if (name === "sealed" && options.has("classic")) {
    throw new UsageError(
      "Cannot use --classic with the cipher sealed: classic clients cannot read sealed messages",
      { hint: "It needs --cipher xor" },
    );
  }
  const inapplicable = (name === "sealed" ? ["key"] : ["code-file", "ask-code", "new-code"])
    .find((option) => options.has(option));
  if (inapplicable !== undefined) {
    throw new UsageError(`Cannot use --${inapplicable} with the cipher ${name}`, {
      hint: inapplicable === "key" ? "It needs --cipher xor" : "It needs --cipher sealed",
    });
  }
  if (name === "sealed") {
    if (options.has("code-file") && options.has("ask-code")) {
      throw new UsageError("Cannot use both --code-file and --ask-code: choose one");
    }
    return {
      name,
      codeFile: options.get("code-file"),
      askCode: options.has("ask-code"),
    };
  }
  const key = options.get("key");
  return {
    name,
    publicKey: key === undefined ? undefined : parseNumber("key", key, 0, 255),
    classic: options.has("classic"),
  };
}

function parseScreen(
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): ScreenOptions {
  // In a pipe and with TERM=dumb, these options are ignored instead: an alias with a theme still works there.
  const [lines, other] = ["json", "plain", "format"].filter((name) => options.has(name));
  if (other && lines === "json") {
    throw new UsageError(`Cannot use both --${lines} and --${other}: choose one`);
  }
  const inapplicable = lines && Object.keys(VIEW).find((name) => options.has(name));
  if (inapplicable) {
    throw new UsageError(
      `Cannot use --${inapplicable} with --${lines}: it is only for the screen of a terminal`,
    );
  }
  return {
    ...parseSpeaker(options, env),
    view: parseView(options, env),
    json: options.has("json"),
    // A template is for lines, and a screen has none.
    plain: options.has("plain") || options.has("format") || env("TERM") === "dumb",
    format: parseTemplate(options.get("format")),
    stay: options.has("stay"),
    retry: parseRetry(options),
    files: parseFiles(options),
  };
}

function parseTemplate(template: string | undefined): MessageFormat | undefined {
  if (template === undefined) return undefined;
  const format = parseFormat(template);
  if (!("fault" in format)) return format;
  throw new UsageError(`Cannot use --format "${printable(template)}": ${format.fault}`, {
    hint: format.hint,
  });
}

function parseFiles(options: Map<string, string>): FileOptions {
  const accept = options.get("accept");
  if (accept !== undefined && !isOneOf(ACCEPT, accept)) {
    throw new UsageError(
      unknown("value of --accept", accept, ACCEPT),
      didYouMean("--accept", accept, ACCEPT),
    );
  }
  return {
    downloads: options.get("downloads"),
    accept,
    acceptLimit: parseSize(options, "ask-above", 1, MAX_ACCEPT_LIMIT, ACCEPT_LIMIT),
    rate: parseFileRate(options),
  };
}

function parseFileRate(options: Map<string, string>): number | undefined {
  if (!options.has("file-rate")) return undefined;
  return parseSize(options, "file-rate", MIN_FILE_RATE, MAX_FILE_RATE, 2 ** 20, true);
}

function parseView(
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): ViewOptions {
  const theme = parseWord("theme", THEMES, options, env);
  const time = parseWord("time", TIMES, options, env);
  const notify = parseWord("notify", NOTIFY, options, () => undefined);
  const view: ViewOptions = {};
  if (theme !== undefined) view.theme = theme;
  // Programs should add no colour while this is set: see no-color.org.
  if (env("NO_COLOR")) view.theme = "mono";
  if (time !== undefined) view.time = time;
  if (notify !== undefined) view.notify = notify;
  else {
    const envNotify = parseWord("notify", NOTIFY, options, env);
    if (envNotify !== undefined) view.envNotify = envNotify;
  }
  if (options.has("quiet")) view.quiet = true;
  if (options.has("no-title")) view.title = false;
  return view;
}

function parseIdentity(
  options: Map<string, string>,
  [action, file, extra]: string[],
): Command {
  const hint = "Write: chat identity export FILE, or: chat identity import FILE";
  if (action === undefined) throw new UsageError("Say what to do: export or import", { hint });
  if (!isOneOf(IDENTITY_ACTIONS, action)) {
    throw new UsageError(unknown("action", action, IDENTITY_ACTIONS), { hint });
  }
  if (file === undefined || file === "") {
    throw new UsageError(`Name a file: chat identity ${action} FILE`);
  }
  if (extra !== undefined) throw tooMany(extra, `chat identity ${action} takes one file`);
  const replace = options.has("replace");
  if (replace && action === "export") {
    throw new UsageError("Cannot use --replace with export: an export never replaces a file");
  }
  return {
    verb: "identity",
    action,
    file,
    passphraseFile: options.get("passphrase-file"),
    replace,
  };
}

function parseShell([shell, extra]: string[]): Shell {
  const hint = `Write: chat completions ${SHELLS[0]}`;
  if (shell === undefined) {
    throw new UsageError(`Name a shell: ${listWords(SHELLS)}`, { hint });
  }
  if (extra !== undefined) throw tooMany(extra, "chat completions takes one shell");
  if (isOneOf(SHELLS, shell)) return shell;
  throw new UsageError(
    unknown("shell", shell, SHELLS),
    didYouMean("chat completions", shell, SHELLS),
  );
}

function parseRetry(options: Map<string, string>): Retry {
  const text = options.get("retry");
  if (text === undefined) return undefined;
  if (text === "forever") return Infinity;
  return 1000 * parseNumber("retry time", text, 0, MAX_RETRY, "Write seconds, or: --retry forever");
}

function checkVerb(verb: string): VerbName {
  if (Object.hasOwn(VERBS, verb)) return verb as VerbName;
  throw new UsageError(`Unknown command "${printable(verb)}"`, { hint: verbHint(verb) });
}

function tooMany(extra: string, takes: string, hint?: string): UsageError {
  return new UsageError(
    `Cannot use "${printable(extra)}": ${takes}`,
    hint === undefined ? {} : { hint },
  );
}

function parseSpeaker(
  options: Map<string, string>,
  env: (name: string) => string | undefined,
): Speaker {
  const config = parseConfig(options);
  const user = env("USER") ?? env("LOGNAME") ?? env("USERNAME") ?? "";
  const variable = options.has("name") ? undefined : env("CHAT_NAME");
  return {
    name: checkName(options.get("name"), "Choose another: --name NAME"),
    ...(variable !== undefined && { envName: checkName(variable, "It comes from CHAT_NAME") }),
    user: toName(user) || "guest",
    config,
  };
}

function parseConfig(options: Map<string, string>): ConfigFile {
  if (options.has("config") && options.has("no-config")) {
    throw new UsageError("Cannot use both --config and --no-config: choose one");
  }
  return options.has("no-config") ? false : options.get("config");
}

function checkName(given: string, hint: string): string;
function checkName(given: string | undefined, hint: string): string | undefined;
function checkName(given: string | undefined, hint: string): string | undefined {
  if (given === undefined) return undefined;
  // Keyboards and file systems differ in the form that they give.
  const name = given.normalize("NFC");
  const fault = nameFault(name);
  if (fault === undefined) return name;
  throw new UsageError(`Cannot use the name "${printable(given)}": a name ${fault}`, { hint });
}
