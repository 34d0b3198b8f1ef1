// Members of a sealed room that join again while their old session is away, as after a crash of their client.

import { assertEquals } from "@std/assert";
import { Backoff } from "../../client/backoff.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { within } from "../support/async.ts";
import type { Guest } from "../support/loopback.ts";
import { joinSealed, PlayServer, someone } from "../support/sealed_play.ts";

const shown = ({ client }: Guest) => client.members.map(({ name, away }) => [name, away]);

Deno.test("a member that joins again takes the place of its old session, for those that are here and for newcomers", async () => {
  await using room = new PlayServer({ graceMs: 600_000 });
  await using proxy = await FaultProxy.start(room, { seed: 1, kinds: [] });
  await using ada = await joinSealed(room, "ada");
  await ada.next("members");
  const self = someone();
  const retry = { retryMs: 60_000, backoff: new Backoff(() => 0) };
  const bob = await joinSealed(proxy, "bob", { self, ...retry });
  await bob.next("members");
  await bob.say("hello");
  proxy.down();
  proxy.cutAll();
  const { who: old } = await ada.next("away");
  ada.client.tell("bob", "in time");
  assertEquals((await ada.next("delivered")).to.away, true);
  await using again = await joinSealed(room, "bob", { self });
  // Its own list does not have the old session either.
  assertEquals((await again.next("members")).members.map(({ name }) => name), ["ada", "bob"]);
  const { who, replaces } = await ada.next("joined", ({ replaces }) => replaces !== undefined);
  assertEquals([who.name, who.key, replaces], ["bob", old.key, old]);
  await using carol = await joinSealed(room, "carol");
  await carol.next("members");
  await ada.next("joined", ({ who }) => who.name === "carol");
  const here = [["ada", false], ["bob", false], ["carol", false]];
  assertEquals([shown(ada), shown(carol)], [here, here]);
  assertEquals([ada.client.size, ada.client.awayCount], [3, 0]);
  ada.client.tell("bob", "psst");
  // His old session did not get the first one.
  assertEquals((await again.next("direct")).text, "in time");
  assertEquals((await again.next("direct")).text, "psst");
  assertEquals((await ada.next("delivered")).to.id, who.id);
  // The old session comes back after all: two windows of one person.
  await proxy.up();
  bob.client.reconnect();
  for (const guest of [ada, carol]) {
    assertEquals((await guest.next("back")).who.name, `bob#${old.id}`);
    assertEquals(guest.client.size, 4);
  }
  bob.client.leave();
  await within("its end", bob.ended);
  for (const guest of [ada, carol]) {
    assertEquals((await guest.next("left")).replaced, undefined);
    assertEquals([shown(guest), guest.client.size], [here, 3]);
  }
});

Deno.test("a member that joins again gets what was sent to it before the server noticed its loss", async () => {
  await using room = new PlayServer({ graceMs: 600_000, awayMs: 1000 });
  await using proxy = await FaultProxy.start(room, { seed: 1, kinds: [] });
  await using ada = await joinSealed(room, "ada");
  const self = someone();
  await using bob = await joinSealed(proxy, "bob", { self });
  await bob.say("hello");
  await ada.next("message");
  proxy.down();
  proxy.cutAll();
  ada.client.tell("bob", "psst");
  await ada.next("delivered");
  await using again = await joinSealed(room, "bob", { self });
  assertEquals((await again.next("direct")).text, "psst");
});
