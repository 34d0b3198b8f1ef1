// chat admin, and a server that has given up its permissions.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { home, Program, run } from "../support/program.ts";

Deno.test("chat admin: governs a server that has given up its permissions; close, and a start with a new code", async () => {
  const state = ["--state", `${home.path}/governed`];
  const { server, address } = await Program.serve(...state);
  await using _server = server;
  const port = address.split(":").at(-1)!;
  const code = (await server.stdout.lineLike(/^code /)).replace("code ", "");
  await using ada = await Program.join(address, "ada", "--stay");
  await using eve = await Program.join(address, "eve", "--stay");
  const who = await run(["admin", "who", "--json"]);
  const lines = who.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ type, id }) => [type, id]), [
    ["room", undefined],
    ["member", 1],
    ["member", 2],
    ["done", undefined],
  ]);
  assertEquals(await run(["admin", "kick", "2", "being", "rude"]), {
    code: 0,
    stdout: "removed #2\n",
    stderr: "",
  });
  assertMatch(await ada.stderr.lineLike(/removed/), /the operator removed eve.*being rude/);
  assertStringIncludes(await eve.stderr.lineLike(/error/), "being rude");
  assertEquals((await eve.result()).code, 1);
  assertEquals((await run(["admin", "close", "--reason", "a new code"])).code, 0);
  // Port and folder are free.
  const next = await Program.serveAt(Number(port), ...state, "--new-code");
  await using _next = next.server;
  const other = (await next.server.stdout.lineLike(/^code /)).replace("code ", "");
  assertEquals(other === code, false);
  assertEquals((await server.result()).code, 0);
  const ended = await ada.result();
  assertEquals(ended.code, 1);
  assertStringIncludes(ended.stderr, "a new code");
});
