import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Home } from "../tests/support/program.ts";
import { Terminal } from "../tests/support/pty.ts";
import { type Shell, SHELLS } from "./command.ts";
import { completions, type Table } from "./completions.ts";
import { PROGRAM, type Verb, VERBS } from "./options.ts";

// ---- helpers ----

/** Checks the version of a shell: bash 3, which macOS has, does not split words as these tests expect. */
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

/** A test that needs the shell; without it, the name of the test says that it was skipped. */
function withShell(shell: Shell, name: string, fn: () => Promise<void> | void): void {
  const ignore = !has(shell);
  Deno.test({ name: `${name}${ignore ? `: SKIPPED, ${shell} is not installed` : ""}`, ignore, fn });
}

/** A folder with the script of a shell and some files, in which programs start. */
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

/** The completions that the function of the script gives for a line, split as bash splits it. */
function askBash(place: Place, lines: readonly string[]): string[][] {
  const source = lines.map((line) => {
    const words = line.split(" ").flatMap((word) =>
      word === "" ? [""] : word.match(/[=:]+|[^=:]+/g)!
    );
    // After = and : an empty word is completed.
    const list = words.map((word) => `"${word}"`).join(" ");
    return `COMP_LINE="${line}" COMP_POINT=${line.length} COMP_WORDS=(${list})
COMP_CWORD=${words.length - 1} COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_chat 2>/dev/null
echo "\${COMPREPLY[@]}"`;
  }).join("\n");
  const output = place.run("bash", ["--norc", "-c", `. "$1"\n${source}`, "bash", place.script]);
  return output.split("\n").slice(0, -1).map((row) => row.split(" ").filter((word) => word !== ""));
}

/** The completions of fish for a line: words and descriptions. */
function askFish(place: Place, line: string): [word: string, what: string][] {
  const ask = "source $argv[1]; complete -C $argv[2]";
  const output = place.run("fish", ["--no-config", "-c", ask, place.script, line]);
  return output.split("\n").filter((row) => row !== "").map((row) => {
    const [word, ...what] = row.split("\t");
    return [word!, what.join("\t")];
  });
}

/** A zsh in a terminal that lists the completions of a line, in rows. */
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
        // It shows no list while keys wait: so it reports when the list is shown.
        "show() { zle list-choices; zle -R; zle -I; print listed $((++lists)) }; " +
        "zle -N show; bindkey '^O' show\r",
    );
    terminal.type(`autoload -Uz compinit && compinit -D -u && source '${place.script}'\r`);
    return new Zsh(terminal);
  }

  async ask(line: string): Promise<string[]> {
    const n = ++this.#asked;
    // In two parts, so that the command differs from its output.
    this.#terminal.type(`clear; print be''gin ${n}\r`);
    // With the prompt: before it, the terminal would echo the line, too.
    await this.#terminal.shows(new RegExp(`^begin ${n}\n>`, "m"));
    this.#terminal.type(`${line}\x0f`);
    await this.#terminal.shows(new RegExp(`^listed ${n}$`, "m"));
    const { rows } = this.#terminal;
    this.#terminal.type("\x15");
    // After the line itself, and before it is shown again.
    const start = rows.indexOf(`begin ${n}`) + 2;
    const end = rows.findIndex((row, index) => index >= start && /^(?:> |listed \d)/.test(row));
    return rows.slice(start, end);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#terminal[Symbol.asyncDispose]();
  }
}
/** The words of a list, in columns or with descriptions. */
function wordsIn(rows: readonly string[]): string[] {
  return rows.flatMap((row) => row.replace(/ +-- .*/, "").split(/ {2,}/)).sort();
}

const VERB_NAMES = [...Object.keys(VERBS), "help"];

/** Lines, and the completions of their last word. After the verbs, bash also offers the options of the program. */
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
  ["chat join --no", ["--no-config", "--no-title", "--notify"]],
  ["chat serve --cipher ", ["sealed", "xor"]],
  ["chat serve --join --noti", ["--notify"]],
  ["chat serve --retry f", ["forever"]],
  ["chat serve --host 0", ["0.0.0.0"]],
  ["chat serve --host ", ["0.0.0.0", "127.0.0.1", "::"]],
  ["chat serve ", []],
  // After an address, a flag, and an option with its value in one word or two.
  ["chat join 192.0.2.7:2429 --quiet --name x --time=off --theme l", ["light"]],
  ["chat send 192.0.2.7 hello --co", ["--code-file", "--config"]],
  // An option that may be given several times.
  ["chat serve --trust-proxy 192.0.2.1 --tru", ["--trust-proxy"]],
  // Values that are personal or secret.
  ["chat join --name ", []],
  ["chat serve --key ", []],
  ["chat serve --port 2", []],
  // A value is not an option, and after -- there are none.
  ["chat join --name theme --ti", ["--time"]],
  ["chat join -- --th", []],
  ["chat send hello j", []],
];

// ---- every script ----

for (const shell of SHELLS) {
  Deno.test(`completions: the ${shell} script has every verb, option and word of the table`, () => {
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
    // The script can be kept: it depends on nothing else, and no line is for one machine.
    assertEquals(script, completions(shell));
    assertMatch(script, new RegExp(`^#.*\\bchat\\b[^]*made by: chat completions ${shell}\\n`));
    assert(script.endsWith("\n") && !/[^\x20-\x7e\n]/.test(script));
  });
}

Deno.test("completions: no word needs quotes in any shell", () => {
  for (const { options, operands } of Object.values(VERBS)) {
    const values = [...operands, ...Object.values(options).flatMap(({ value }) => value ?? [])];
    for (const word of values.flatMap(({ words }) => words ?? [])) assertMatch(word, /^[\w.:-]+$/);
  }
});

// ---- bash ----

withShell(
  "bash",
  "completions: bash offers verbs, options and words in their places",
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
  "completions: bash splits words at = and :, and gets the last part",
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
  "completions: bash in a terminal completes words and quoted file names",
  async () => {
    using place = new Place("bash");
    await using terminal = new Terminal({ columns: 100, rows: 40, env: place.env });
    terminal.type(`cd '${place.path}'; PS1='> ' exec bash --norc --noprofile\r`);
    terminal.type(`. '${place.script}'; chat() { printf '<%s>' "$@"; echo; }; clear\r`);
    // The words that `chat` gets.
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
  "completions: zsh offers verbs, options and words in their places",
  async () => {
    using place = new Place("zsh");
    await using zsh = Zsh.start(place);
    for (const [line, words] of CASES) {
      // If nothing else can follow, zsh also offers options.
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
  "completions: zsh offers every option of every verb with its help text",
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

withShell("zsh", "completions: zsh loads the script from a folder of fpath", async () => {
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
  "completions: fish offers verbs, options and words in their places",
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
  "completions: fish offers every option of every verb with its help text",
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

// ---- rooms ----

/** Lines, and the names of rooms that are offered. Hosts may be offered, too: none begins like this. */
const ROOM_CASES: readonly [line: string, offered: readonly string[]][] = [
  ["chat join zz-", ["zz-home", "zz-work_2"]],
  ["chat send --room ", ["zz-home", "zz-work_2"]],
  ["chat send zz-", []],
];

function placeWithRooms(shell: Shell): Place {
  const place = new Place(shell);
  Deno.mkdirSync(`${place.path}/config/chat`, { recursive: true });
  Deno.writeTextFileSync(
    `${place.path}/config/chat/config.toml`,
    'name = "bob"\n[rooms.zz-work_2]\naddress = "h"\n\n  [rooms."zz-home"] # mine\naddress = "h"\n' +
      "[rooms.'$(touch proof)']\n[rooms.`touch proof`]\n[[other]]\n",
  );
  return place;
}

for (const shell of ["bash", "fish", "zsh"] as const) {
  withShell(shell, `completions: ${shell} offers the rooms of the config file`, async () => {
    using place = placeWithRooms(shell);
    await using zsh = shell === "zsh" ? Zsh.start(place) : undefined;
    for (const [line, expected] of ROOM_CASES) {
      const offered = shell === "bash"
        ? askBash(place, [line])[0]!
        : zsh
        ? wordsIn(await zsh.ask(line)).filter((word) => word.startsWith("zz-"))
        : askFish(place, line).map(([word]) => word);
      assertEquals(offered.sort(), [...expected], line);
    }
    assert(!Array.from(Deno.readDirSync(place.path)).some(({ name }) => name === "proof"));
  });
}

// ---- any table ----

/** Texts with characters that are special in shells. */
const SPECIAL = [
  `it's "so" [or: not] \\ $HOME $(echo x) \`echo y\` %d %B {a,b} ~ * ? # ; & | < > !1 (z)`,
  "a [b]: 'c' \\'d\\",
  "[[",
  "\\",
] as const;
const specialTable: Table = {
  verbs: {
    // Operands of all kinds, and kinds that no option has yet.
    go: {
      synopsis: "",
      summary: SPECIAL[0],
      example: "",
      operands: [
        { name: "DIR", kind: "folder" },
        { name: "[A:B]", kind: "word", words: ["a:b", "a"] },
        { name: "FILE", kind: "file" },
      ],
      options: {
        one: { help: SPECIAL[1], value: { name: SPECIAL[1], kind: "folder" } },
        two: { help: SPECIAL[2], value: { name: "[A:B]", kind: "word", words: ["a:b", "a"] } },
        three: { help: SPECIAL[0] },
        four: { help: SPECIAL[3] },
      },
    },
  } satisfies Record<string, Verb>,
  program: { version: { help: SPECIAL[1] } },
};

withShell("bash", "completions: bash reads any table, and offers folders", () => {
  using place = new Place("bash", specialTable);
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

withShell("zsh", "completions: zsh shows any text unchanged, and offers folders", async () => {
  using place = new Place("zsh", specialTable);
  await using zsh = Zsh.start(place);
  assertEquals((await zsh.ask("chat g"))[0], `go  -- ${SPECIAL[0]}`);
  assertEquals(
    (await zsh.ask("chat go --")).map((row) => row.replace(/ +-- /, " -- ")).sort(),
    [
      `--four -- ${SPECIAL[3]}`,
      `--one -- ${SPECIAL[1]}`,
      `--three -- ${SPECIAL[0]}`,
      `--two -- ${SPECIAL[2]}`,
    ].sort(),
  );
  assertEquals(await zsh.ask("chat go cod"), ["codes/"]);
  assertEquals(await zsh.ask("chat go --one cod"), ["codes/"]);
  assertEquals(wordsIn(await zsh.ask("chat go codes a")), ["a", "a:b"]);
  assertEquals(wordsIn(await zsh.ask("chat go --two a")), ["a", "a:b"]);
});

withShell("fish", "completions: fish shows any text unchanged, and offers folders", () => {
  using place = new Place("fish", specialTable);
  assertEquals(askFish(place, "chat g"), [["go", SPECIAL[0]]]);
  const expected = [
    ["--four", SPECIAL[3]],
    ["--one", SPECIAL[1]],
    ["--three", SPECIAL[0]],
    ["--two", SPECIAL[2]],
  ] as const;
  assertEquals(askFish(place, "chat go --").sort(), expected as unknown as [string, string][]);
  const ask = (line: string) => askFish(place, line).map(([word]) => word);
  assertEquals(ask("chat go cod"), ["codes/"]);
  assertEquals(ask("chat go --one cod"), ["codes/"]);
  assertEquals(ask("chat go --one codes codes a"), ["a", "a:b"]);
  assertEquals(ask("chat go --two a"), ["a", "a:b"]);
  assertEquals(ask("chat go x a code"), ["code file", "code'2", "codes/"]);
});
