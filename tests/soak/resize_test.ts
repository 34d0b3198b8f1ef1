// The real screen in real terminals while their windows are dragged. `tools/drag_terminals.ts` plays more scenes, in
// more terminals, and prints tables.

import { assertEquals } from "@std/assert";
import { CLEARS, DRAGS, faults, JUMPS, play, type Scene } from "../support/drag.ts";
import { KINDS } from "../support/drag_terminals.ts";

/** Long drafts, which have most rows, at the fastest pace; and one at the slowest, which takes ten seconds. */
const HARD = DRAGS.filter(({ ms, draft, transfers = 0, typed = 0 }) => (
  ms === 8 ? draft === 110 || draft === 500 || transfers + typed > 0 : ms === 300 && typed > 0
));

/** At the rate at which people talk. */
const TALK = JUMPS.filter(({ name }) => name === "a message a second");

function nameOf({ name, steps, draft }: Scene): string {
  return `${steps}, ${name}, a draft of ${draft}`;
}

for (const kind of KINDS.filter(({ name }) => ["tmux", "xterm.js", "GNU screen"].includes(name))) {
  const missing = Deno.build.os === "windows" ? "there are no signals" : await kind.missing();
  if (missing !== undefined) {
    console.log(`tests/soak/resize_test.ts skips ${kind.name}: ${missing}`);
  }
  const ignore = missing !== undefined;

  Deno.test({
    name: `Screen in ${kind.name}: a drag loses no message and leaves no live row`,
    ignore,
    async fn() {
      for (const scene of HARD) {
        const outcome = await play(kind, scene);
        assertEquals(faults(outcome), 0, `${nameOf(scene)}: ${JSON.stringify(outcome)}`);
      }
    },
  });

  Deno.test({
    name: `Screen in ${kind.name}: a jump to another size loses no message`,
    ignore,
    async fn() {
      for (const scene of TALK) {
        const outcome = await play(kind, scene);
        assertEquals(outcome.lost, 0, `${nameOf(scene)}: ${JSON.stringify(outcome)}`);
      }
    },
  });

  Deno.test({
    name: `Screen in ${kind.name}: after Ctrl-L, no redraw leaves a copy`,
    ignore,
    async fn() {
      for (const scene of CLEARS) {
        const outcome = await play(kind, scene);
        assertEquals(faults(outcome), 0, `${nameOf(scene)}: ${JSON.stringify(outcome)}`);
      }
    },
  });
}
