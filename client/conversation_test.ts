// `forked` and `conversation` of a client, in a sealed room with a real server. `forks_test.ts` and
// `frame_handler_test.ts` test how they come about.

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import { Guest, TestRoom } from "../tests/support/loopback.ts";
import { joinSealed, PlayServer } from "../tests/support/sealed_play.ts";

Deno.test("Client.conversation: members at the same position see the same words; a member that has said nothing is not compared", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await ada.next("members");
  await using ben = await joinSealed(room, "ben");
  await ben.next("members");
  await using eve = await joinSealed(room, "eve");
  await eve.next("members");
  await ada.next("joined", ({ who }) => who.name === "eve");
  const before = ada.client.conversation;
  assert(before);
  // Their profiles are reports already. Ada's is older than anything that Ben has seen.
  const names = (people: readonly { name: string }[]) => people.map(({ name }) => name);
  assertEquals([names(before.same), before.other, before.unknown], [["ben", "eve"], [], []]);
  const bens = ben.client.conversation;
  assertEquals([names(bens!.unknown), names(bens!.same)], [["ada"], ["eve"]]);
  const { at } = await ada.say("hello");
  for (const guest of [ben, eve]) await guest.next("message", (event) => event.at === at);
  const all = [ada, ben, eve].map(({ client }) => client.conversation!);
  assertEquals(all.map(({ at, words }) => [at, words]), Array(3).fill([all[0]!.at, all[0]!.words]));
  assertMatch(all[0]!.words, /^[a-z]+( [a-z]+){5}$/);
  assertNotEquals(all[0]!.words, before.words);
  assert(all[0]!.at > before.at);
  assertEquals(names(all[1]!.same).sort(), ["ada", "eve"]);
  assertEquals([ada, ben, eve].map(({ client }) => client.forked.length), [0, 0, 0]);
  const alarms = [ada, ben, eve].flatMap(({ events }) =>
    events.filter(({ type }) => type === "forked")
  );
  assertEquals(alarms, []);
});

Deno.test("Client.conversation: undefined in an xor room, which proves nothing", async () => {
  await using room = new TestRoom();
  await using guest = await Guest.join(room, "guest");
  await guest.say("hello");
  assertStrictEquals(guest.client.conversation, undefined);
  assertStrictEquals(guest.client.forked.length, 0);
});
