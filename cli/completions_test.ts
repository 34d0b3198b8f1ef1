import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Home } from "../tests/support/program.ts";
import { Terminal } from "../tests/support/pty.ts";
import { type Shell, SHELLS } from "./command.ts";
import { completions, type Table } from "./completions.ts";
import { PROGRAM, type Verb, VERBS } from "./options.ts";

// ---- helpers ----

/** A version that completes as these tests ask for: bash 3, which macOS has, does not take words apart. */
const NEW_ENOUGH: Readonly<Record<Shell, string>> = {
  bash: "test ${BASH_VERSINFO[0]} -ge 4",
  zsh: "autoload -Uz is-at-least; is-at-least 5",
  fish: "string match -qr '^[3-9]' $version",
};

/** Whether a shell is installed. */
function has(shell: Shell): boolean {
  if (Deno.build.os === "windows") return false;
  try {
    return new Deno.Command(shell, { args: ["-c", NEW_ENOUGH[shell]] }).outputSync().success;
  } catch {
    return false;
  }
}

/** A test that the shell itself has to pass; where there is none the test's name says what was not tried. */
function withShell(shell: Shell, name: string, fn: () => Promise<void> | void): void {
  const ignore = !has(shell);
  Deno.test({ name: `${name}${ignore ? `: SKIPPED, there is no ${shell} here` : ""}`, ignore, fn });
}

/** A folder with the script of a shell and some files; what it starts is in there. */
class Place extends Home {
  readonly script: string;

  constructor(shell: Shell, table?: Table) {
    super();
    this.script = `${this.path}/script.${shell}`;
    Deno.writeTextFileSync(this.script, completions(shell, table));
    Deno.mkdirSync(`${this.path}/codes`);
    for (const file of ["code file", "code'2", "codes/inner"]) {
      Deno.writeTextFileSync(`${this.path}/${file}`, "");
    }
  }

  run(path: string, args: string[]): string {
    const { stdout, stderr } = new Deno.Command(path, {
      args,
      cwd: this.path,
      env: this.env,
      stdin: "null",
    }).outputSync();
    assertEquals(new TextDecoder().decode(stderr), "", args.join(" "));
    return new TextDecoder().decode(stdout);
  }
}

/** What the function of the script has for a line, with the line taken apart as bash does it. */
function askBash(place: Place, lines: readonly string[]): string[][] {
  const source = lines.map((line) => {
    const words = line.split(" ").flatMap((word) =>
      word === "" ? [""] : word.match(/[=:]+|[^=:]+/g)!
    );
    // Behind = and : an empty word is completed.
    const list = words.map((word) => `"${word}"`).join(" ");
    return `COMP_LINE="${line}" COMP_POINT=${line.length} COMP_WORDS=(${list})
COMP_CWORD=${words.length - 1} COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_chat 2>/dev/null
echo "\${COMPREPLY[@]}"`;
  }).join("\n");
  const output = place.run("bash", ["--norc", "-c", `. "$1"\n${source}`, "bash", place.script]);
  return output.split("\n").slice(0, -1).map((row) => row.split(" ").filter((word) => word !== ""));
}

/** What fish has for a line: words, with what it says of each. */
function askFish(place: Place, line: string): [word: string, what: string][] {
  const ask = "source $argv[1]; complete -C $argv[2]";
  const output = place.run("fish", ["--no-config", "-c", ask, place.script, line]);
  return output.split("\n").filter((row) => row !== "").map((row) => {
    const [word, ...what] = row.split("\t");
    return [word!, what.join("\t")];
  });
}

/** A zsh in a terminal that shows for a line what it has, in rows. */
class Zsh implements AsyncDisposable {
  readonly #terminal: Terminal;
  #asked = 0;

  private constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  static start(place: Place): Zsh {
    const terminal = new Terminal({ columns: 200, rows: 100, env: place.env });
    terminal.type(`cd '${place.path}'; exec zsh -f\r`);
    terminal.type(
      "PS1='> '; unsetopt ALWAYS_LAST_PROMPT; LISTMAX=1000; " +
        // While keys wait it shows no list: so it says when the list is there.
        "show() { zle list-choices; zle -R; zle -I; print listed $((++lists)) }; " +
        "zle -N show; bindkey '^O' show\r",
    );
    terminal.type(`autoload -Uz compinit && compinit -D -u && source '${place.script}'\r`);
    return new Zsh(terminal);
  }

  async ask(line: string): Promise<string[]> {
    const n = ++this.#asked;
    // In pieces, so that the commands do not look like what they print.
    this.#terminal.type(`clear; print be''gin ${n}\r`);
    await this.#terminal.shows(new RegExp(`^begin ${n}$`, "m"));
    this.#terminal.type(`${line}\x0f`);
    await this.#terminal.shows(new RegExp(`^listed ${n}$`, "m"));
    const { rows } = this.#terminal;
    this.#terminal.type("\x15");
    // Behind the line itself, and before it is shown again.
    const start = rows.indexOf(`begin ${n}`) + 2;
    const end = rows.findIndex((row, index) => index >= start && /^(?:> |listed \d)/.test(row));
    return rows.slice(start, end);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#terminal[Symbol.asyncDispose]();
  }
}
/** The rows of a list of words, in columns or with what is said of them. */
function wordsIn(rows: readonly string[]): string[] {
  return rows.flatMap((row) => row.replace(/ +-- .*/, "").split(/ {2,}/)).sort();
}

const VERB_NAMES = [...Object.keys(VERBS), "help"];

/** Lines, and what can stand for their last word; bash offers the program's options beside its verbs. */
const CASES: readonly [line: string, offered: readonly string[]][] = [
  ["chat jo", ["join"]],
  ["chat se", ["send", "serve"]],
  ["chat x", []],
  ["chat --v", ["--version"]],
  ["chat help ", Object.keys(VERBS)],
  ["chat completions ", SHELLS],
  ["chat completions bash ", []],
  ["chat join --th", ["--theme"]],
  ["chat join --theme ", ["auto", "dark", "light", "mono"]],
  ["chat join --theme d", ["dark"]],
  ["chat join --no", ["--no-config", "--notify"]],
  ["chat serve --cipher ", ["sealed", "xor"]],
  ["chat serve --join --noti", ["--notify"]],
  ["chat serve --retry f", ["forever"]],
  ["chat serve --host 0", ["0.0.0.0"]],
  ["chat serve --host ", ["0.0.0.0", "127.0.0.1", "::"]],
  ["chat serve ", []],
  // Behind an address, a flag, and an option with its value in one word or two.
  ["chat join 192.0.2.7:2429 --quiet --name x --time=off --theme l", ["light"]],
  ["chat send 192.0.2.7 hello --co", ["--code-file", "--config"]],
  // What is one's own, and a secret anyway.
  ["chat join --name ", []],
  ["chat serve --key ", []],
  ["chat serve --port 2", []],
  // What is behind -- is no option.
  ["chat join --name theme --ti", ["--time"]],
  ["chat join -- --th", []],
  ["chat send hello j", []],
];

// ---- what every script has ----

for (const shell of SHELLS) {
  Deno.test(`completions: the script for ${shell} has every verb, option and word of the table`, () => {
    const script = completions(shell);
    for (const [verb, { options }] of Object.entries({ ...VERBS, "": { options: PROGRAM } })) {
      assertStringIncludes(script, verb);
      for (const [name, { value }] of Object.entries(options)) {
        assertMatch(script, new RegExp(`${shell === "fish" ? "-l " : "--"}${name}\\b`));
        for (const word of value?.words ?? []) {
          assertStringIncludes(script.replaceAll("\\:", ":"), word);
        }
      }
    }
    // It can be kept: what it does depends on nothing but itself, and no line is for one machine.
    assertEquals(script, completions(shell));
    assertMatch(script, new RegExp(`^#.*\\bchat\\b[^]*made by: chat completions ${shell}\\n`));
    assert(script.endsWith("\n") && !/[^\x20-\x7e\n]/.test(script));
  });
}

Deno.test("completions: words need no quotes in any shell", () => {
  for (const { options, operands } of Object.values(VERBS)) {
    const values = [...operands, ...Object.values(options).flatMap(({ value }) => value ?? [])];
    for (const word of values.flatMap(({ words }) => words ?? [])) assertMatch(word, /^[\w.:-]+$/);
  }
});

// ---- bash ----

withShell(
  "bash",
  "completions: bash offers verbs, options and words, each where it belongs",
  () => {
    using place = new Place("bash");
    const offered = askBash(place, CASES.map(([line]) => line));
    for (const [index, [line, words]] of CASES.entries()) {
      assertEquals(offered[index]!.sort(), [...words].sort(), line);
    }
    assertEquals(askBash(place, ["chat "])[0], [...VERB_NAMES, "--help", "--version"]);
  },
);

withShell("bash", "completions: bash offers every option of every verb", () => {
  using place = new Place("bash");
  for (const [verb, { options }] of Object.entries(VERBS)) {
    const [offered] = askBash(place, [`chat ${verb} --`]);
    assertEquals(offered, Object.keys(options).map((name) => `--${name}`));
  }
});

withShell(
  "bash",
  "completions: bash takes words apart at = and :, and gets their last part",
  () => {
    using place = new Place("bash");
    const cases: Record<string, string[]> = {
      "chat join --theme=": ["auto", "dark", "light", "mono"],
      "chat join --theme=d": ["dark"],
      "chat join --name=a:b --theme=d": ["dark"],
      "chat serve --host=": ["127.0.0.1", "0.0.0.0", "::"],
      "chat serve --host :": [":"],
      "chat serve --host=:": [":"],
    };
    const offered = askBash(place, Object.keys(cases));
    assertEquals(offered, Object.values(cases));
  },
);

withShell(
  "bash",
  "completions: bash in a terminal completes words, and names of files as it quotes them",
  async () => {
    using place = new Place("bash");
    await using terminal = new Terminal({ columns: 100, rows: 40, env: place.env });
    terminal.type(`cd '${place.path}'; PS1='> ' exec bash --norc --noprofile\r`);
    terminal.type(`. '${place.script}'; chat() { printf '<%s>' "$@"; echo; }; clear\r`);
    // What is completed is what `chat` would get.
    const completed: [typed: string, words: string][] = [
      ["chat jo\t--th\tm\t", "<join><--theme><mono>"],
      ["chat join --theme=d\t--no-c\t", "<join><--theme=dark><--no-config>"],
      ["chat serve --host=:\t", "<serve><--host=::>"],
      ["chat join --code-file code\\ f\t", "<join><--code-file><code file>"],
      ["chat join --code-file=codes/i\t", "<join><--code-file=codes/inner>"],
    ];
    for (const [typed, words] of completed) {
      terminal.type(`${typed}\r`);
      await terminal.shows(words);
    }
  },
);

// ---- zsh ----

withShell(
  "zsh",
  "completions: zsh offers verbs, options and words, each where it belongs",
  async () => {
    using place = new Place("zsh");
    await using zsh = Zsh.start(place);
    for (const [line, words] of CASES) {
      // Where nothing else can follow, it offers options without being asked.
      const offered = wordsIn(await zsh.ask(line)).filter((word) =>
        !line.endsWith(" ") || !word.startsWith("--")
      );
      assertEquals(offered, [...words].sort(), line);
    }
    assertEquals(wordsIn(await zsh.ask("chat ")), VERB_NAMES.sort());
    assertEquals(await zsh.ask("chat join --theme=d"), ["dark"]);
    const files = await zsh.ask("chat join --code-file c");
    assertEquals(wordsIn(files), ["code\\ file", "code\\'2", "codes/"].sort());
  },
);

withShell(
  "zsh",
  "completions: zsh offers every option of every verb, and says of each what its help says",
  async () => {
    using place = new Place("zsh");
    await using zsh = Zsh.start(place);
    for (const [verb, { options }] of Object.entries(VERBS)) {
      const rows = (await zsh.ask(`chat ${verb} --`)).map((row) => row.replace(/ +-- /, " -- "));
      const expected = Object.entries(options).map(([name, { help }]) => `--${name} -- ${help}`);
      assertEquals(rows, expected.sort(), verb);
    }
  },
);

withShell("zsh", "completions: zsh takes the script from a folder of fpath as well", async () => {
  using place = new Place("zsh");
  Deno.renameSync(place.script, `${place.path}/_chat`);
  Deno.writeTextFileSync(
    place.script,
    "autoload -Uz _chat; fpath=($PWD $fpath); compdef _chat chat",
  );
  await using zsh = Zsh.start(place);
  assertEquals(await zsh.ask("chat join --theme d"), ["dark"]);
  assertEquals(await zsh.ask("chat join --theme d"), ["dark"]);
});

// ---- fish ----

withShell(
  "fish",
  "completions: fish offers verbs, options and words, each where it belongs",
  () => {
    using place = new Place("fish");
    const ask = (line: string) => askFish(place, line).map(([word]) => word).sort();
    for (const [line, words] of CASES) assertEquals(ask(line), [...words].sort(), line);
    assertEquals(ask("chat "), VERB_NAMES.sort());
    assertEquals(ask("chat join --theme=d"), ["--theme=dark"]);
    assertEquals(ask("chat join --code-file code"), ["code file", "code'2", "codes/"].sort());
  },
);

withShell(
  "fish",
  "completions: fish offers every option of every verb, and says of each what its help says",
  () => {
    using place = new Place("fish");
    for (const [verb, { options }] of Object.entries(VERBS)) {
      const expected = Object.entries(options).map(([name, { help }]) => [`--${name}`, help]);
      assertEquals(
        askFish(place, `chat ${verb} --`).sort(),
        expected.sort() as [string, string][],
        verb,
      );
    }
  },
);

// ---- any table ----

/** Texts that shells could take for more than they are, and the kinds of value that no option has yet. */
const STRANGE = [
  `it's "so" [or: not] \\ $HOME $(echo x) \`echo y\` %d %B {a,b} ~ * ? # ; & | < > !1 (z)`,
  "a [b]: 'c' \\'d\\",
  "[[",
  "\\",
] as const;
const strange: Table = {
  verbs: {
    // It has operands of all kinds.
    go: {
      synopsis: "",
      summary: STRANGE[0],
      example: "",
      operands: [
        { name: "DIR", kind: "folder" },
        { name: "[A:B]", kind: "word", words: ["a:b", "a"] },
        { name: "FILE", kind: "file" },
      ],
      options: {
        one: { help: STRANGE[1], value: { name: STRANGE[1], kind: "folder" } },
        two: { help: STRANGE[2], value: { name: "[A:B]", kind: "word", words: ["a:b", "a"] } },
        three: { help: STRANGE[0] },
        four: { help: STRANGE[3] },
      },
    },
  } satisfies Record<string, Verb>,
  program: { version: { help: STRANGE[1] } },
};

withShell("bash", "completions: bash reads any table, folders too", () => {
  using place = new Place("bash", strange);
  const [verbs, flags, two, second] = askBash(place, [
    "chat ",
    "chat go --",
    "chat go --two ",
    "chat go x ",
  ]);
  assertEquals(verbs, ["go", "help", "--version"]);
  assertEquals(flags, ["--one", "--two", "--three", "--four"]);
  assertEquals([two, second], [["a:b", "a"], ["a:b", "a"]]);
});

withShell("zsh", "completions: zsh shows any text as it is, and offers folders", async () => {
  using place = new Place("zsh", strange);
  await using zsh = Zsh.start(place);
  assertEquals((await zsh.ask("chat g"))[0], `go  -- ${STRANGE[0]}`);
  assertEquals(
    (await zsh.ask("chat go --")).map((row) => row.replace(/ +-- /, " -- ")).sort(),
    [
      `--four -- ${STRANGE[3]}`,
      `--one -- ${STRANGE[1]}`,
      `--three -- ${STRANGE[0]}`,
      `--two -- ${STRANGE[2]}`,
    ].sort(),
  );
  assertEquals(await zsh.ask("chat go cod"), ["codes/"]);
  assertEquals(await zsh.ask("chat go --one cod"), ["codes/"]);
  assertEquals(wordsIn(await zsh.ask("chat go codes a")), ["a", "a:b"]);
  assertEquals(wordsIn(await zsh.ask("chat go --two a")), ["a", "a:b"]);
});

withShell("fish", "completions: fish shows any text as it is, and offers folders", () => {
  using place = new Place("fish", strange);
  assertEquals(askFish(place, "chat g"), [["go", STRANGE[0]]]);
  const expected = [
    ["--four", STRANGE[3]],
    ["--one", STRANGE[1]],
    ["--three", STRANGE[0]],
    ["--two", STRANGE[2]],
  ] as const;
  assertEquals(askFish(place, "chat go --").sort(), expected as unknown as [string, string][]);
  const ask = (line: string) => askFish(place, line).map(([word]) => word);
  assertEquals(ask("chat go cod"), ["codes/"]);
  assertEquals(ask("chat go --one cod"), ["codes/"]);
  assertEquals(ask("chat go --one codes codes a"), ["a", "a:b"]);
  assertEquals(ask("chat go --two a"), ["a", "a:b"]);
  assertEquals(ask("chat go x a code"), ["code file", "code'2", "codes/"]);
});
