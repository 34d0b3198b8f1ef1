// Shell completion scripts, made from the table of options. A script is complete in itself and never runs the program.
// The names of rooms it reads from the default config file, as far as they are in headings `[rooms.NAME]`. This module
// prints nothing.
//
// The rules in all three scripts: a verb comes first; a value follows its option, or follows = in the same word; after
// -- there are no options.

import type { Shell } from "./command.ts";
import { type Option, PROGRAM, type Value, type Verb, VERBS } from "./options.ts";

/** The source of a script. */
export interface Table {
  readonly verbs: Readonly<Record<string, Verb>>;
  /** Options that may appear instead of a verb. */
  readonly program: Readonly<Record<string, Option>>;
}

/** Where the config file may be, in the notation of all three shells: on Linux, and on macOS. */
const CONFIG_FILES = [
  "$HOME/.config/chat/config.toml",
  "$HOME/Library/Application Support/chat/config.toml",
];
/** For sed: the names of rooms. A shell may expand what is offered, so other characters are left out. */
const ROOM_NAMES = String.raw`s/^[[:space:]]*\[rooms\."\{0,1\}\([A-Za-z0-9_-]*\)"\{0,1\}\].*/\1/p`;

/** The command that prints the names of rooms, in sh and fish. */
function roomNames(configFolder: string): string {
  const files = [`${configFolder}/chat/config.toml`, ...CONFIG_FILES].map((file) => `"${file}"`);
  return `sed -n '${ROOM_NAMES}' ${files.join(" ")} 2>/dev/null`;
}

/** The script for a shell. */
export function completions(
  shell: Shell,
  table: Table = { verbs: VERBS, program: PROGRAM },
): string {
  const all = { ...table, verbs: { ...table.verbs, help: helpVerb(Object.keys(table.verbs)) } };
  switch (shell) {
    case "bash":
      return bash(all);
    case "zsh":
      return zsh(all);
    case "fish":
      return fish(all);
  }
}

/** `chat help COMMAND` is in no table: it has no options. */
function helpVerb(verbs: readonly string[]): Verb {
  return {
    synopsis: "chat help COMMAND",
    summary: "show the options of a command",
    operands: [{ name: "COMMAND", kind: "word", words: verbs }],
    options: {},
    example: "chat help",
  };
}

function flags(options: Readonly<Record<string, Option>>): string[] {
  return Object.keys(options).map((name) => `--${name}`);
}

/** The options that take a value. */
function valued(options: Readonly<Record<string, Option>>): [flag: string, value: Value][] {
  return Object.entries(options).flatMap(([name, { value }]) =>
    value ? [[`--${name}`, value]] : []
  );
}

/**
 * Quotes a text so that a shell reads it unchanged: between single quotes. A quote in the text closes them, comes with
 * a backslash, and opens them again. Newlines become spaces: the text must fit on one line of the script.
 */
function quote(text: string): string {
  return `'${text.replace(/\s+/g, " ").replaceAll("'", `'\\''`)}'`;
}

// ---- bash ----------------------------------------------------------------------------------------------

// macOS has bash 3.2, which has no associative arrays and no `compopt`. There, a file name with a space is completed
// without quotes.
function bash({ verbs, program }: Table): string {
  const cases = Object.entries(verbs).map(([verb, { options, operands }]) => {
    const values = [
      ...valued(options).map(([flag, value]) => [flag, value] as const),
      ...operands.map((value, index) => [`${index}`, value] as const),
    ].flatMap(([where, value]) => {
      const action = bashAction(value);
      return action === "" ? [] : [`        ${verb}:${where}) ${action} ;;\n`];
    });
    return values.join("");
  });
  const known = Object.entries(verbs).map(([verb, { options }]) =>
    `        ${verb})\n` +
    `            flags=${quote(flags(options).join(" "))}\n` +
    `            valued=${quote(` ${valued(options).map(([flag]) => flag).join(" ")} `)}\n` +
    `            ;;\n`
  );
  const first = [...Object.keys(verbs), ...flags(program)].join(" ");
  return `# Completions of chat for bash, made by: chat completions bash

_chat() {
    local verb flags='' valued='' where='' value='' prefix='' after_dashes='' operands=0
    local i word line words=() IFS=$' \\t\\n'
    COMPREPLY=()

    # bash splits words at = and :. These are the words as they were typed.
    line=\${COMP_LINE#*"\${COMP_WORDS[0]}"}
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        case $line in
        [[:blank:]]*) words+=("$word") ;;
        *) ((\${#words[@]})) && words[\${#words[@]} - 1]+=$word ;;
        esac
        line=\${line#*"$word"}
    done
    local last=$((\${#words[@]} - 1))
    ((last >= 0)) || return 0
    word=\${words[last]}

    # The words before this one decide what it is: a value, an option, or an operand.
    verb=\${words[0]}
    case $verb in
${known.join("")}    esac
    for ((i = 1; i < last; i++)); do
        if [[ $where ]]; then
            where=''
        elif [[ $after_dashes ]]; then
            operands=$((operands + 1))
        elif [[ \${words[i]} == -- ]]; then
            after_dashes=1
        elif [[ \${words[i]} != -?* ]]; then
            operands=$((operands + 1))
        elif [[ $valued == *" \${words[i]} "* ]]; then
            where=\${words[i]}
        fi
    done
    if ((last == 0)); then
        COMPREPLY=($(compgen -W ${quote(first)} -- "$word"))
        return 0
    elif [[ $where ]]; then
        value=$word
    elif [[ ! $after_dashes && $word == --*=* ]]; then
        where=\${word%%=*} prefix=\${word%%=*}= value=\${word#*=}
    elif [[ ! $after_dashes && $word == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$word"))
        return 0
    else
        where=$operands value=$word
    fi

    case $verb:$where in
${cases.join("")}    esac

    # For bash, the word starts after the last = or :. The part before that stays on the line.
    local head=$prefix$value breaks=''
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+='='
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=':'
    [[ $breaks ]] && head=\${head%"\${head##*[$breaks]}"} || head=''
    for i in "\${!COMPREPLY[@]}"; do
        word=$prefix\${COMPREPLY[i]}
        COMPREPLY[i]=\${word#"$head"}
    done
}

_chat_words() {
    COMPREPLY=($(compgen -W "$1" -- "$value"))
}

_chat_hosts() {
    COMPREPLY=($(compgen -A hostname -- "$value"))
}

_chat_rooms() {
    COMPREPLY=($(compgen -W "$(${roomNames("$XDG_CONFIG_HOME")} | sort -u)" -- "$value"))
}

_chat_rooms_and_hosts() {
    _chat_rooms
    COMPREPLY+=($(compgen -A hostname -- "$value"))
}

# An empty reply makes bash look for files itself, and quote their names.
_chat_files() {
    compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$value"))
}

_chat_folders() {
    compopt -o dirnames 2>/dev/null || COMPREPLY=($(compgen -d -- "$value"))
}

complete -F _chat chat
`;
}

function bashAction({ kind, words }: Value): string {
  if (words) return `_chat_words ${quote(words.join(" "))}`;
  switch (kind) {
    case "file":
      return "_chat_files";
    case "folder":
      return "_chat_folders";
    case "host":
      return "_chat_hosts";
    case "room":
      return "_chat_rooms";
    case "room-or-host":
      return "_chat_rooms_and_hosts";
    default:
      return "";
  }
}

// ---- zsh -----------------------------------------------------------------------------------------------

function zsh({ verbs, program }: Table): string {
  const names = Object.entries(verbs).map(([verb, { summary }]) =>
    `        ${quote(`${zshPart(verb)}:${zshPart(summary)}`)}\n`
  );
  const cases = Object.entries(verbs).map(([verb, { options, operands }]) => {
    const specs = [...zshOptions(options), ...operands.map(zshOperand)];
    return `            ${verb})\n` +
      `                _arguments -S : \\\n${
        specs.map((spec) => `                    ${quote(spec)}`).join(" \\\n")
      } && ret=0\n                ;;\n`;
  });
  return `#compdef chat
# Completions of chat for zsh, made by: chat completions zsh

_chat() {
    local curcontext=$curcontext state line ret=1
    local -a state_descr verbs
    local -A opt_args
    verbs=(
${names.join("")}    )
    _arguments -C : \\
${
    zshOptions(program).map((spec) => `        ${quote(`(- 1 *)${spec}`)} \\\n`).join("")
  }        '1: :->verb' \\
        '*:: :->rest' && ret=0
    case $state in
    verb)
        _describe -t commands verb verbs && ret=0
        ;;
    rest)
        curcontext=\${curcontext%:*:*}:chat-$words[1]:
        case $words[1] in
${cases.join("")}        esac
        ;;
    esac
    return ret
}

_chat_rooms() {
    compadd "$@" -- \${(fu)"$(${roomNames("$XDG_CONFIG_HOME")})"}
}

_chat_rooms_and_hosts() {
    local ret=1
    _chat_rooms "$@" && ret=0
    _hosts "$@" && ret=0
    return ret
}

# The script is either sourced, or found in fpath and loaded when it is needed.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _chat "$@"
else
    compdef _chat chat
fi
`;
}

function zshOptions(options: Readonly<Record<string, Option>>): string[] {
  return Object.entries(options).map(([name, { value, help, repeats }]) =>
    value
      ? `${repeats ? "*" : ""}--${name}=[${zshPart(help)}]:${zshPart(value.name)}:${
        zshAction(value)
      }`
      : `--${name}[${zshPart(help)}]`
  );
}

function zshOperand(value: Value, index: number): string {
  return `${index + 1}:${zshPart(value.name)}:${zshAction(value)}`;
}

function zshAction({ kind, words }: Value): string {
  if (words) return `(${words.map(zshPart).join(" ")})`;
  switch (kind) {
    case "file":
      return "_files";
    case "folder":
      return "_files -/";
    case "host":
      return "_hosts";
    case "room":
      return "_chat_rooms";
    case "room-or-host":
      return "_chat_rooms_and_hosts";
    // Shows the name of the value, and offers nothing.
    default:
      return " ";
  }
}

/** Escapes a part of a specification for `_arguments`, where colons and brackets are separators. */
function zshPart(text: string): string {
  return text.replace(/[\\:[\]]/g, "\\$&");
}

// ---- fish ----------------------------------------------------------------------------------------------

function fish({ verbs, program }: Table): string {
  const lines = [
    ...Object.entries(verbs).map(([verb, { summary }]) =>
      `complete -c chat -n __chat_first -a ${verb} -d ${fishQuote(summary)}`
    ),
    ...fishOptions("__chat_first", program),
  ];
  for (const [verb, { options, operands }] of Object.entries(verbs)) {
    lines.push("");
    for (const line of fishOptions(`__chat_verb ${verb}`, options)) lines.push(line);
    const takes = valued(options).map(([flag]) => flag);
    for (const [index, value] of operands.entries()) {
      const here = fishQuote(["__chat_operand", verb, index, ...takes].join(" "));
      lines.push(`complete -c chat -n ${here} ${fishAction(value)}`);
    }
  }
  return `# Completions of chat for fish, made by: chat completions fish

# Whether the word is the verb.
function __chat_first
    test (count (commandline -opc)) -eq 1
end

function __chat_verb --argument-names verb
    set -l words (commandline -opc)
    test "$words[2]" = $verb
end

# Whether the verb is followed by this number of operands: words that are neither options nor values of the options
# that are named after the number.
function __chat_operand --argument-names verb number
    set -l words (commandline -opc)
    test "$words[2]" = $verb; or return 1
    set -l operands 0
    set -l value no
    set -l after_dashes no
    for word in $words[3..]
        if test $value = yes
            set value no
        else if test $after_dashes = yes
            set operands (math $operands + 1)
        else if test "$word" = --
            set after_dashes yes
        else if not string match -q -- '-?*' "$word"
            set operands (math $operands + 1)
        else if contains -- "$word" $argv[3..]
            set value yes
        end
    end
    test $value = no -a $operands -eq $number
end

function __chat_rooms
    ${roomNames("$XDG_CONFIG_HOME")} | sort -u
end

complete -c chat -f
${lines.join("\n")}
`;
}

function fishOptions(condition: string, options: Readonly<Record<string, Option>>): string[] {
  return Object.entries(options).map(([name, { value, help }]) =>
    [
      `complete -c chat -n ${fishQuote(condition)} -l ${name}`,
      ...value ? [`-r ${fishAction(value)}`] : [],
      `-d ${fishQuote(help)}`,
    ].join(" ")
  );
}

function fishAction({ kind, words }: Value): string {
  if (words) return `-f -a ${fishQuote(words.join(" "))}`;
  switch (kind) {
    case "file":
      return "-F";
    case "folder":
      return "-f -a '(__fish_complete_directories)'";
    case "host":
      return "-f -a '(__fish_print_hostnames)'";
    case "room":
      return "-f -a '(__chat_rooms)'";
    case "room-or-host":
      return "-f -a '(__chat_rooms) (__fish_print_hostnames)'";
    default:
      return "-f";
  }
}

/** In fish, a backslash is special even in single quotes. */
function fishQuote(text: string): string {
  if (/^[\w-]+$/.test(text)) return text;
  return `'${text.replace(/\s+/g, " ").replace(/[\\']/g, "\\$&")}'`;
}
