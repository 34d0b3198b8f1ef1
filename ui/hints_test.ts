import { assert, assertEquals } from "@std/assert";
import { ChatError, REFUSALS } from "../errors.ts";
import { hintOf } from "./hints.ts";

/** A slash command, as people type it. */
const COMMAND = /(?:^|[\s(])\/[a-z]+/;

Deno.test("hintOf: a hint that names a way to go on fits its reader, and names the member", () => {
  const hints = (refusal: (typeof REFUSALS)[number]) => {
    const error = new ChatError("No", { refusal, about: "ada", hint: "Try again" });
    return (["person", "program", "shell"] as const).map((reader) => hintOf(error, reader)!);
  };
  for (const refusal of REFUSALS) {
    const [person, program, shell] = hints(refusal);
    if (person === "Try again") assertEquals([program, shell], [person, person]);
    else assert(COMMAND.test(person!) && !COMMAND.test(program!) && /chat join/.test(shell!));
  }
  for (const hint of hints("keychanged")) assert(hint.includes("ada(!)"), hint);
  assertEquals(hintOf(new ChatError("No"), "program"), undefined);
});

Deno.test("hints: the parts that refuse a request name no slash commands", () => {
  const root = new URL("../", import.meta.url);
  const folders = ["client/", "files/", "classic/"].flatMap((folder) =>
    Array.from(Deno.readDirSync(new URL(folder, root)), ({ name }) => folder + name)
  );
  const modules = ["client.ts", "room.ts", ...folders]
    .filter((path) => path.endsWith(".ts") && !path.endsWith("_test.ts"));
  let found = 0;
  for (const path of modules) {
    const source = Deno.readTextFileSync(new URL(path, root));
    for (const [hint] of source.matchAll(/\bhint: *(?:"[^"]*"|`[^`]*`)/g)) {
      found++;
      assert(!/["`\s]\/[a-z]+/.test(hint.slice("hint:".length).trimStart()), `${path}: ${hint}`);
    }
  }
  assert(found > 5, `${found} hints`);
});
