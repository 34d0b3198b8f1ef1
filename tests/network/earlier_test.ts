// Messages about earlier messages between real clients: answers, corrections, deletions and reactions. What members
// cannot do to each other, and what a newcomer sees.

import { assertEquals, assertThrows } from "@std/assert";
import { register } from "../../cipher/opaque.ts";
import { Backoff } from "../../client/backoff.ts";
import { ChatError } from "../../errors.ts";
import { encodeFrame, Type } from "../../protocol.ts";
import { type Content, encodeEnvelope } from "../../protocol/envelope.ts";
import type { EarlierMessage, RoomEvent } from "../../room.ts";
import { Guest, Raw, TestRoom } from "../support/loopback.ts";
import { enterRaw, joinSealed, PlayServer } from "../support/sealed_play.ts";

const CODE = "abandon ability able about";

/** The text of the earlier message that an event quotes. */
const quoted = (event: { readonly quoted?: EarlierMessage | undefined }) => event.quoted?.text;

/** Resolves with the next event about an earlier message. */
const about = (guest: Guest) => guest.nextOf(["message", "edited", "deleted", "reacted"]);

Deno.test("a sealed room: an answer quotes the receiver's own copy; corrections and reactions reach all", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await using ben = await joinSealed(room, "ben");
  const { id } = await ada.say("who is hungry?");
  const seen = await ben.next("message");
  assertEquals(seen.id, id, "all members know it by the same id");

  const ref = ben.client.say("I am", id);
  const answer = await ada.next("message", ({ from }) => !from.self);
  assertEquals([answer.text, answer.re, quoted(answer)], ["I am", id, "who is hungry?"]);
  assertEquals((await ben.next("message", (event) => event.ref === ref)).quoted?.from.name, "ada");

  const edit = ada.client.change({ type: "edit", id: id!, text: "who is thirsty?" });
  const edited = await ben.next("edited");
  assertEquals([edited.id, edited.text, quoted(edited)], [id, "who is thirsty?", "who is hungry?"]);
  assertEquals((await ada.next("edited")).ref, edit);
  assertEquals(ben.client.recent.map(({ text }) => text), ["I am", "who is thirsty?"]);

  ben.client.change({ type: "react", id: id!, emoji: "🍺", removed: false });
  const reacted = await ada.next("reacted");
  assertEquals([reacted.emoji, reacted.removed, quoted(reacted)], ["🍺", false, "who is thirsty?"]);
  await ben.next("reacted");
  assertEquals(ben.client.recent[1]!.reactions, ["🍺"]);
  ben.client.change({ type: "react", id: id!, emoji: "🍺", removed: true });
  assertEquals((await ada.next("reacted")).removed, true);

  ada.client.change({ type: "delete", id: id! });
  assertEquals(quoted(await ben.next("deleted")), "who is thirsty?");
  assertEquals(ben.client.recent.map(({ text }) => text), ["I am"]);
  // An answer to it quotes nothing any more.
  await ada.next("deleted");
  ada.client.say("never mind", id);
  const late = await ben.next("message");
  assertEquals([late.quoted?.isDeleted, quoted(late)], [true, ""]);
});

Deno.test("a sealed room: nobody can change a message of another member, whatever its client does", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await using raw = await Raw.connect(room);
  const { cipher } = await enterRaw(raw, "eve");
  await ada.next("joined");
  const { id } = await ada.say("mine");
  assertThrows(
    () => ada.client.change({ type: "edit", id: "0".repeat(32), text: "" }),
    ChatError,
    "it is unknown, or too long ago",
  );
  const send = async (content: Content) => {
    const body = cipher.seal(encodeEnvelope(content), "room");
    await raw.write(encodeFrame(Type.MESSAGE, 0, body));
  };
  for (
    const content of [
      { kind: "edit", text: "hers", re: id! },
      { kind: "delete", re: id! },
    ] as const
  ) {
    await send(content);
    await send({ kind: "text", text: content.kind });
    await ada.next("message", ({ text }) => text === content.kind);
  }
  const unreadable = ada.events.filter((event) => event.type === "unreadable");
  assertEquals(
    unreadable.map(({ message }) => message)[0],
    "it changes a message of another member",
  );
  assertEquals(ada.events.filter(({ type }) => type === "edited" || type === "deleted"), []);
  assertEquals(ada.client.recent.at(-1)!.text, "mine");
});

Deno.test("a sealed room: what is deleted does not come back, whatever its sender's client does", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  await using raw = await Raw.connect(room);
  const { cipher } = await enterRaw(raw, "eve");
  const send = async (content: Content) => {
    const body = cipher.seal(encodeEnvelope(content), "room");
    await raw.write(encodeFrame(Type.MESSAGE, 0, body));
  };
  const number = { origin: new Uint8Array(8), seq: 1, replay: false };
  await send({ kind: "text", text: "one", number });
  const { id } = await ada.next("message");
  await send({ kind: "delete", re: id! });
  await ada.next("deleted");
  await send({ kind: "edit", text: "one again", re: id! });
  assertEquals((await ada.next("unreadable")).message, "it changes a deleted message");
  assertEquals(ada.client.recent, []);
});

Deno.test("a newcomer has no copy of what was said before: it sees that there is one, and no text of it", async () => {
  await using room = new PlayServer();
  await using ada = await joinSealed(room, "ada");
  const { id } = await ada.say("before");
  await using ben = await joinSealed(room, "ben");
  ada.client.say("after", id);
  const answer = await ben.next("message");
  assertEquals([answer.re, answer.quoted], [id, undefined]);
  ada.client.change({ type: "edit", id: id!, text: "corrected" });
  assertEquals(quoted(await ben.next("edited")), undefined);
  ada.client.change({ type: "delete", id: id! });
  assertEquals(quoted(await ben.next("deleted")), undefined);
});

Deno.test("an xor room: the same, except that a member is its seat, and nobody takes its name while it is there", async () => {
  await using room = new TestRoom();
  await using ada = await Guest.join(room, "ada");
  await using ben = await Guest.join(room, "ben");
  await using other = await Guest.join(room, "ada");
  const { id } = await ada.say("one");
  await other.next("message");
  assertThrows(
    () => other.client.change({ type: "edit", id: id!, text: "two" }),
    ChatError,
    "Cannot correct a message of another member",
  );
  ada.client.change({ type: "edit", id: id!, text: "two" });
  const events: RoomEvent[] = [await about(ben), await about(ben)];
  assertEquals(events.map(({ type }) => type), ["message", "edited"]);
});

for (const cipher of ["xor", "sealed"] as const) {
  Deno.test(`what was changed while the server was away is changed once it is back (${cipher})`, async () => {
    const admission = cipher === "sealed" ? { admission: register(CODE) } : {};
    const options = {
      ...(cipher === "sealed" && { code: CODE }),
      retryMs: Infinity,
      backoff: new Backoff(Math.random, { baseMs: 10, capMs: 20 }),
    };
    const first = new TestRoom(admission);
    await using ada = await Guest.join(first, "ada", options);
    await using ben = await Guest.join(first, "ben", options);
    const { id } = await ada.say("who is hungry?");
    await ben.next("message");
    await first[Symbol.asyncDispose]();
    for (const guest of [ada, ben]) await guest.next("disconnected");
    ben.client.say("I am", id);
    ada.client.change({ type: "edit", id: id!, text: "who is thirsty?" });
    ada.client.change({ type: "react", id: id!, emoji: "🍺", removed: false });
    await using _second = new TestRoom({ ...admission, port: first.port });
    for (const guest of [ada, ben]) await guest.next("members");
    const answer = await ada.next("message", ({ text }) => text === "I am");
    // The same message by its id, though the room's log is another one.
    assertEquals(answer.quoted?.id, id);
    await ben.next("reacted");
    assertEquals(ben.client.recent.find((message) => message.id === id)?.text, "who is thirsty?");
    for (const guest of [ada, ben]) {
      await guest.say("done");
      const types = guest.events.map(({ type }) => type);
      assertEquals(types.filter((type) => type === "edited").length, 1);
      assertEquals(types.filter((type) => type === "reacted").length, 1);
    }
  });
}
