// Known names while members are hostile: real clients and servers over loopback.

import { assert, assertEquals } from "@std/assert";
import { MAX_NAMES_PER_KEY } from "../../cipher/known_names.ts";
import { SAVE_MS } from "../../client/name_saver.ts";
import { TestRoom } from "../support/loopback.ts";
import { joinSealed, someone } from "../support/sealed_play.ts";

Deno.test("Client: a member that renames itself all the time fills no file, and is saved once a second", async () => {
  await using room = new TestRoom({ isChained: true });
  const { identity, knownNames } = someone();
  let saves = 0;
  const save = () => {
    saves++;
    knownNames.saved();
  };
  const start = performance.now();
  {
    await using ben = await joinSealed(room, "ben", { self: { identity, knownNames, save } });
    await using mallory = await joinSealed(room, "mallory");
    await ben.next("joined");
    for (let n = 0; n < 900; n++) mallory.client.rename(`n${n}`);
    await mallory.say("done");
    assertEquals((await ben.next("message")).from.name, "n899");
    assertEquals(knownNames.size, MAX_NAMES_PER_KEY);
    assert(saves <= (performance.now() - start) / SAVE_MS, `${saves}`);
  }
  // The client has left: everything is saved.
  assertEquals([knownNames.changed, saves > 0], [false, true]);
});
