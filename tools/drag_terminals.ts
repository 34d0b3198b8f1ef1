// Drags and jumps the windows of real terminals while the screen is on them, and prints what was lost and what was left
// over, as tables. A tool for developers of `chat`: the program never imports this file.
//
//   deno task drags [drags|jumps|clears …] [--terminal NAME] [--only SCENE] [--program FILE]
//
// --terminal  only this one, such as "GNU screen"
// --only      only scenes with this, such as "20 ms full 110"
// --program   the `tests/support/dragged_screen.ts` of another checkout, to compare with
//
// It needs tmux, GNU screen, xterm, VTE with its bindings for Python, Xvfb and xdotool. Terminals that are not installed
// are named and left out.

import { parseArgs } from "@std/cli/parse-args";
import {
  CLEARS,
  DRAGS,
  faults,
  JUMPS,
  type Outcome,
  play,
  PROGRAM,
  type Scene,
} from "../tests/support/drag.ts";
import { type Kind, KINDS } from "../tests/support/drag_terminals.ts";

const SCENES: Readonly<Record<string, readonly Scene[]>> = {
  drags: DRAGS,
  jumps: JUMPS,
  clears: CLEARS,
};

/** The tables' rows: one for each terminal, steps and screen, with the drafts added up. */
async function table(kind: Kind, scenes: readonly Scene[], program: string): Promise<void> {
  const all = new Map<string, { drafts: number[]; bad: number; sum: Outcome }>();
  for (const scene of scenes) {
    const outcome = await play(kind, scene, program);
    const key = `${scene.steps} | ${scene.name}`;
    const before = all.get(key);
    const sum = Object.fromEntries(
      Object.entries(outcome).map(([name, count]) => [
        name,
        count + (before?.sum[name as keyof Outcome] ?? 0),
      ]),
    ) as unknown as Outcome;
    all.set(key, {
      drafts: [...before?.drafts ?? [], scene.draft],
      bad: (before?.bad ?? 0) + (faults(outcome) > 0 ? 1 : 0),
      sum,
    });
    if (faults(outcome) > 0) {
      console.error(`${kind.name} | ${key} | ${scene.draft}: ${JSON.stringify(outcome)}`);
    }
  }
  for (const [key, { drafts, bad, sum }] of all) {
    const counts = [
      sum.lost,
      sum.cut,
      sum.doubled,
      sum.status,
      sum.draft,
      sum.transfers,
      sum.wrong,
    ];
    const cells = [kind.name, key, drafts.join(", "), `${bad} of ${drafts.length}`, ...counts];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

const HEAD = [
  ...["terminal", "steps", "screen", "drafts", "bad", "lost", "cut", "doubled"],
  ...["status rows left", "draft rows left", "transfer rows left", "wrong area"],
];

if (import.meta.main) {
  const { terminal, program, only, _: tables } = parseArgs(Deno.args, {
    string: ["terminal", "program", "only"],
  });
  const names = tables.length > 0 ? tables.map(String) : Object.keys(SCENES);
  for (const name of names) {
    const scenes = SCENES[name];
    if (!scenes) {
      console.error(`There is no table "${name}": ${Object.keys(SCENES).join(", ")}`);
      Deno.exit(2);
    }
    const wished = scenes.filter((scene) => (
      `${scene.steps} ${scene.name} ${scene.draft}`.includes(String(only ?? ""))
    ));
    console.log(`\n${name}\n\n| ${HEAD.join(" | ")} |\n|${" --- |".repeat(HEAD.length)}`);
    for (const kind of KINDS) {
      if (terminal !== undefined && kind.name !== terminal) continue;
      const missing = await kind.missing();
      if (missing === undefined) await table(kind, wished, String(program ?? PROGRAM));
      else console.log(`| ${kind.name} | ${missing} |${" |".repeat(HEAD.length - 2)}`);
    }
  }
  // The X server would keep this process alive.
  Deno.exit();
}
