// The topic of a room, and the away texts of its members, over the network.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Backoff } from "../../client/backoff.ts";
import { ChatError } from "../../errors.ts";
import { encodeFrame, Left, Type } from "../../protocol.ts";
import { MAX_TOPIC, MAX_TOPIC_TEXT } from "../../protocol/topic.ts";
import { Guest, Raw, TestRoom } from "../support/loopback.ts";
import { honest, Relay } from "../support/relay.ts";
import { enterRaw, joinSealed, PlayServer } from "../support/sealed_play.ts";

const QUICK = { retryMs: Infinity, backoff: new Backoff(Math.random, { baseMs: 1, capMs: 2 }) };

const shown = ({ client: { topic } }: Guest) => topic && [topic.who!.name, topic.text];

Deno.test("A topic comes to all members at one place in the log, with its time", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await using bob = await joinSealed(room, "bob");
  await bob.next("members");
  bob.client.setTopic("release on Friday");
  bob.client.setTopic("release on Monday 🙂");
  for (const text of ["release on Friday", "release on Monday 🙂"]) {
    const [one, other] = [await ada.next("topic"), await bob.next("topic")];
    assertEquals([one.text, one.who!.name, one.who!.key], [text, "bob", bob.client.fingerprint]);
    assertEquals([one.at, one.sent], [other.at, other.sent]);
    assert(one.at !== undefined && one.sent !== undefined);
  }
  assertEquals(shown(ada), ["bob", "release on Monday 🙂"]);
  ada.client.setTopic("");
  assertEquals((await bob.next("topic")).text, "");
  assertEquals([(await ada.next("topic")).who!.self, shown(ada), shown(bob)], [
    true,
    undefined,
    undefined,
  ]);
});

Deno.test("A newcomer gets the topic after the list of members, and knows whose it is when its member has left", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  const bob = await joinSealed(room, "bob");
  await bob.next("members");
  bob.client.setTopic("release on Friday");
  const { sent } = await ada.next("topic");
  await using carol = await joinSealed(room, "carol");
  const present = await carol.next("topic");
  assertEquals(carol.events.map(({ type }) => type), ["welcome", "members", "topic"]);
  assertEquals([present.text, present.sent, present.at], ["release on Friday", sent, undefined]);
  assertEquals(present.who, carol.client.members[1]);
  const key = bob.client.fingerprint;
  await bob[Symbol.asyncDispose]();
  await carol.next("left");
  await using dave = await joinSealed(room, "dave");
  const { who, text } = await dave.next("topic");
  assertEquals([text, who!.name, who!.key, who!.self], ["release on Friday", "bob", key, false]);
  assertEquals(shown(dave), ["bob", "release on Friday"]);
  assertEquals(dave.client.members.map(({ name }) => name), ["ada", "carol", "dave"]);
});

Deno.test("A newcomer marks the name of a topic's member that has another key than the known one, and does not learn it", async () => {
  await using room = new PlayServer();
  const bob = await joinSealed(room, "bob");
  await bob.next("members");
  bob.client.setTopic("mine");
  await bob.next("topic");
  await bob[Symbol.asyncDispose]();
  await using other = await joinSealed(room, "bob");
  // The present bob is the known one.
  assertEquals((await other.next("topic")).who!.name, "bob");
  await using carol = await joinSealed(room, "carol");
  assertEquals((await carol.next("topic")).who!.name, "bob(!)");
  assertEquals(carol.client.members.map(({ name }) => name), ["bob", "carol"]);
});

Deno.test("A server that alters a topic for a newcomer, or gives it to another member, is reported", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await using bob = await joinSealed(room, "bob");
  await bob.next("members");
  bob.client.setTopic("release on Friday");
  const { id } = (await ada.next("topic")).who!;
  const changes: ((bytes: Uint8Array) => void)[] = [
    (bytes) => bytes[bytes.length - 20]! ^= 1,
    (bytes) => bytes[40]! ^= 1,
    (bytes) => bytes[8] = ada.client.self.id,
  ];
  for (const change of changes) {
    await using relay = new Relay(room, (frame) => {
      const bytes = frame.bytes.slice();
      if (frame.type === Type.TOPIC) change(bytes);
      return [bytes];
    });
    await using carol = await joinSealed(relay, "carol");
    const { from } = await carol.next("unreadable");
    assert([id, ada.client.self.id].includes(from.id));
    assertEquals([shown(carol), carol.client.members.length], [undefined, 3]);
    assertEquals(carol.events.some(({ type }) => type === "topic"), false);
  }
});

Deno.test("A server that alters a member's own topic is caught", async () => {
  await using room = new PlayServer();
  await using relay = new Relay(room, (frame, direction) => {
    const isEcho = direction === "down" && frame.type === Type.TOPIC;
    return [isEcho ? encodeFrame(Type.TOPIC, frame.id, frame.body.slice(1)) : frame.bytes];
  });
  await using ada = await joinSealed(relay, "ada");
  await ada.next("members");
  ada.client.setTopic("release on Friday");
  const { ending } = await ada.next("ended");
  assert(ending.reason === "lost" && ending.message.includes("altered your topic"), `${ending}`);
});

Deno.test("A topic that was set while the connection was lost is set when it is back, once, in a new session too", async () => {
  for (const resumes of [true, false]) {
    await using room = new TestRoom({ graceMs: 60_000 });
    await using relay = new Relay(room);
    await using ada = await Guest.join(room, "ada");
    await using bob = await Guest.join(relay, "bob", QUICK);
    relay.tamper = (frame) => frame.type === Type.TOPIC ? [] : [frame.bytes];
    bob.client.setTopic("release on Friday");
    await relay.saw("up", Type.TOPIC);
    relay.tamper = honest;
    const member = [...room.hub.members()].at(-1)!;
    if (!resumes) room.hub.leave(member, Left.LOST);
    await relay.cut();
    assertEquals((await bob.next("connected")).resumed, resumes);
    assertEquals((await ada.next("topic")).text, "release on Friday");
    await bob.next("topic");
    await bob.say("done");
    await ada.next("message");
    assertEquals(ada.events.filter(({ type }) => type === "topic").length, 1);
  }
});

Deno.test("In an xor room topics have no proof; a server's new log begins without one", async () => {
  const first = new TestRoom();
  await using ada = await Guest.join(first, "ada", QUICK);
  ada.client.setTopic("release on Friday");
  const { sent } = await ada.next("topic");
  assertEquals(sent, undefined);
  assert(ada.client.topic!.set);
  {
    await using bob = await Guest.join(first, "bob");
    const { who, sent, text } = await bob.next("topic");
    assertEquals([who!.name, sent, text], ["ada", undefined, "release on Friday"]);
    assertEquals(bob.client.topic!.set, undefined);
  }
  await first[Symbol.asyncDispose]();
  await ada.next("disconnected");
  await using _second = new TestRoom({ port: first.port });
  assertEquals((await ada.next("connected")).resumed, false);
  await ada.next("members");
  assertEquals(ada.client.topic, undefined);
});

Deno.test("A topic that is too long or has several lines is refused by the client, and by the server", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await ada.next("members");
  const cannot = (text: string, why: string) =>
    assertThrows(() => ada.client.setTopic(text), ChatError, `Cannot set the topic: ${why}`);
  cannot("one\ntwo", "it must be one line");
  cannot(
    "ä".repeat(MAX_TOPIC_TEXT / 2) + "x",
    `a topic has at most ${MAX_TOPIC_TEXT} bytes; this one has ${MAX_TOPIC_TEXT + 1}`,
  );
  const longest = "ä".repeat(MAX_TOPIC_TEXT / 2);
  ada.client.setTopic(longest);
  assertEquals((await ada.next("topic")).text, longest);
  await using raw = await Raw.connect(room);
  await enterRaw(raw, "mallory");
  await raw.write(encodeFrame(Type.TOPIC, 0, new Uint8Array(MAX_TOPIC + 1)));
  await raw.frameOf(Type.ERROR);
  assertEquals((await ada.next("left")).who!.name, "mallory");
  await using other = await Raw.connect(room);
  const { cipher } = await enterRaw(other, "eve");
  const body = cipher.seal(new Uint8Array(MAX_TOPIC_TEXT + 1).fill(0x78), "topic");
  await other.write(encodeFrame(Type.TOPIC, 0, body));
  assertEquals((await ada.next("unreadable")).from.name, "eve");
  assertEquals(shown(ada), ["ada", longest]);
});

Deno.test("An away text is in the profile: others see its changes, newcomers the last one; it outlasts a new name and session", async () => {
  await using room = new TestRoom();
  await using relay = new Relay(room);
  await using ada = await Guest.join(room, "ada");
  await using bob = await Guest.join(relay, "bob", QUICK);
  bob.client.setStatus(" lunch 🙂 ");
  const { who, before, at } = await ada.next("status");
  assertEquals([who.name, who.status, who.away, before], ["bob", "lunch 🙂", false, undefined]);
  const own = await bob.next("status");
  assertEquals([own.who!.self, own.who.status, own.at], [true, "lunch 🙂", at]);
  bob.client.rename("rob");
  const renamed = await ada.next("renamed");
  assertEquals([renamed.who!.name, renamed.who.status], ["rob", "lunch 🙂"]);
  await using carol = await Guest.join(room, "carol");
  assertEquals(carol.client.members.map(({ status }) => status), [
    undefined,
    "lunch 🙂",
    undefined,
  ]);
  // The session is over: it joins again.
  await relay.cut();
  assertEquals((await bob.next("connected")).resumed, false);
  assertEquals((await ada.next("joined", ({ who }) => who.name === "rob")).who.status, "lunch 🙂");
  assertEquals(bob.client.self.status, "lunch 🙂");
  bob.client.setStatus(undefined);
  const back = await ada.next("status");
  assertEquals([back.who.status, back.before], [undefined, "lunch 🙂"]);
});

Deno.test("An away text of more than 100 characters, or with control characters, is refused", async () => {
  await using room = new TestRoom();
  await using ada = await Guest.join(room, "ada");
  const cannot = (text: string, why: string) =>
    assertThrows(
      () => ada.client.setStatus(text),
      ChatError,
      `Cannot set this away text: it ${why}`,
    );
  cannot("🙂".repeat(101), "must have at most 100 characters");
  cannot("a\nb", "must be one line");
  cannot("a\tb", "must not contain control characters: it has ␉");
  cannot(" ", "must not be empty");
  ada.client.setStatus("🙂".repeat(100));
  assertEquals((await ada.next("status")).who.status, "🙂".repeat(100));
});
