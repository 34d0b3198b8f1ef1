import { assertEquals, assertLess } from "@std/assert";
import { blankNote, hidesCommand } from "./blank_question.ts";

Deno.test("hidesCommand: blanks of any kind before a command, or before another program's name for one", () => {
  const hidden = [
    " /msg a b",
    "\t/quit",
    "\n\n/me x",
    "\u3000/msg",
    "\u200b/msg a",
    " /w a",
    " /Msg a",
  ];
  for (const text of hidden) assertEquals(hidesCommand(text), true, JSON.stringify(text));
  const shown = [
    "/msg a b",
    " //msg",
    " / msg",
    " /etc/hosts",
    " x /msg",
    " /constructor",
    "  ",
    "",
  ];
  for (const text of shown) assertEquals(hidesCommand(text), false, JSON.stringify(text));
});

Deno.test("blankNote: fits every width from 20 columns on", () => {
  for (const columns of [20, 40, 80]) assertLess(blankNote(columns).length, columns);
});
