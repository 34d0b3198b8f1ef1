// Programs branch on the code of an error, so each refused request has the right one, and a hint that a program can use.

import { assert, assertEquals } from "@std/assert";
import { Identity } from "../../cipher/identity.ts";
import { KnownNames } from "../../cipher/known_names.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { request } from "../support/json_request.ts";
import { joinSealed, PlayServer, someone } from "../support/sealed_play.ts";

Deno.test("--json: each refused request has a code, and no hint names a slash command", async () => {
  await using room = new PlayServer();
  const names = new KnownNames();
  names.meet("ada", Identity.generate().publicKey, "2026-01-01");
  const self = { identity: Identity.generate(), knownNames: names };
  await using ben = await joinSealed(room, "ben", { self, files: { disk: new MemoryDisk() } });
  await using _ada = await joinSealed(room, "ada", { self: someone() });
  await using cyd = await joinSealed(room, "cyd", { self: someone() });
  await using _cyd = await joinSealed(room, "cyd", { self: someone() });
  for (const _ of [1, 2, 3]) await ben.next("joined");
  await cyd.next("joined");
  const { maxText } = ben.client.info;
  const long = "x".repeat(maxText + 1);
  const cases: [line: Record<string, unknown> | string, code: string][] = [
    ["hello", "syntax"],
    ["[]", "syntax"],
    ['{"type":"say","text":"' + "x".repeat(7 * maxText), "long"],
    [{ type: "shout", text: "hi" }, "type"],
    [{ type: "say" }, "field"],
    [{ type: "say", text: "hi", to: 2 }, "field"],
    [{ type: "say", text: "" }, "empty"],
    [{ type: "act", text: " \t\n\u3000" }, "empty"],
    [{ type: "tell", to: "cyd", text: "" }, "empty"],
    [{ type: "say", text: long }, "long"],
    [{ type: "rename", name: "two words" }, "name"],
    [{ type: "tell", to: "eve", text: "hi" }, "nobody"],
    [{ type: "tell", to: 9999, text: "hi" }, "nobody"],
    [{ type: "tell", to: "cyd", text: "hi" }, "several"],
    [{ type: "tell", to: "ada", text: "hi" }, "keychanged"],
    [{ type: "tell", to: "ben", text: "hi" }, "self"],
    [{ type: "tell", to: ben.client.self.id, text: "hi" }, "self"],
    [{ type: "give", to: "ben", path: "plan" }, "self"],
    [{ type: "accept", transfer: 7 }, "transfer"],
    [{ type: "decline", transfer: "all" }, "transfer"],
  ];
  for (const [line, code] of cases) {
    const shown = JSON.stringify(line).slice(0, 80);
    const answer = await request(ben.client, line);
    assertEquals([answer["type"], answer["code"]], ["error", code], shown);
    assert(!/\/[a-z]/.test(String(answer["hint"] ?? "")), `${shown}: ${answer["hint"]}`);
  }
  assertEquals(ben.client.pending, []);
  assertEquals((await request(cyd.client, { type: "offer", path: "plan" }))["code"], "nofiles");
  ben.client.leave();
  assertEquals((await request(ben.client, { type: "say", text: "hi" }))["code"], "left");
});
