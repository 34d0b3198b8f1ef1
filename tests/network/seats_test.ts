// Members that copy from others, with a relay that helps them. Everything that a member seals is bound to its seat, so
// a copy is worth nothing in another one. `docs/security.md` has the promises.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ExchangeKey } from "../../cipher/exchange.ts";
import { SealedCipher } from "../../cipher/sealed.ts";
import { encodeFrame, readdress, Type } from "../../protocol.ts";
import { encodeEnvelope, encodeProfile } from "../../protocol/envelope.ts";
import { parseSeat } from "../../protocol/json_frames.ts";
import { fromBase64Url } from "../../protocol/resume.ts";
import { type Guest, Raw } from "../support/loopback.ts";
import { Relay } from "../support/relay.ts";
import {
  enterRaw,
  EXPORT_KEY,
  joinSealed,
  PlayServer,
  someone,
  takeSeat,
} from "../support/sealed_play.ts";

const names = ({ client }: Guest) => client.members.map(({ name }) => name);

/** Asserts that two members know each other, and that messages of every kind open between them. */
async function assertTalk(one: Guest, other: Guest): Promise<void> {
  const [id, otherId] = [one, other].map(({ client }) => client.self.id) as [number, number];
  assertEquals(one.client.compare(otherId), other.client.compare(id));
  for (const [from, to] of [[one, other], [other, one]] as const) {
    const { id } = from.client.self;
    await from.say("to all");
    assertEquals((await to.next("message", (e) => e.from.id === id)).text, "to all");
    from.client.tell(to.client.self.id, "to one");
    assertEquals((await to.next("direct", (e) => e.from.id === id)).text, "to one");
  }
}

/** The profile of a member, as another one receives it. */
async function profileOf(raw: Raw, id: number): Promise<Uint8Array> {
  for (;;) {
    const frame = await raw.frameOf(Type.JOINED);
    if (frame.id === id) return frame.body;
  }
}

Deno.test("Client: a member that copies another's profile is nobody to newcomers, who know the true one", async () => {
  await using room = new PlayServer();
  // She is there first.
  await using mallory = await Raw.connect(room);
  const { id } = await enterRaw(mallory, "mallory");
  const self = someone();
  await using bob = await joinSealed(room, "bob", { self });
  await bob.next("members");
  const bobId = bob.client.self.id;
  const copy = await profileOf(mallory, bobId);
  await mallory.write(encodeFrame(Type.PROFILE, 0, copy));
  assertEquals((await bob.next("unreadable")).from.name, "mallory");
  await using carol = await joinSealed(room, "carol");
  await carol.next("members");
  assertEquals(names(carol), [`#${id}`, "bob", "carol"]);
  assertEquals((await carol.next("unreadable")).from.id, id);
  await assertTalk(bob, carol);
  // To members that knew her, she is who she was.
  assertEquals(names(bob), ["mallory", "bob", "carol"]);
  assertEquals(carol.client.forked.length + bob.client.forked.length, 0);
});

Deno.test("Client: a newcomer with another member's profile is nobody to everybody", async () => {
  await using room = new PlayServer();
  await using bob = await joinSealed(room, "bob");
  await using raw = await Raw.connect(room);
  const seat = await takeSeat(raw);
  await raw.write(encodeFrame(Type.PROFILE, 0, [...room.hub.fold.members()][0]!.profile));
  const { who } = await bob.next("joined");
  assertEquals(who.name, `#${seat.id}`);
  assertEquals((await bob.next("unreadable")).from.id, seat.id);
  await using carol = await joinSealed(room, "carol");
  await carol.next("members");
  assertEquals(names(carol), ["bob", `#${seat.id}`, "carol"]);
  await assertTalk(bob, carol);
});

Deno.test("Client: a member that copies a salt or an exchange key is known as itself, and the other one stays who it is", async () => {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const exchange = ExchangeKey.generate();
  // She knows his public key, and not the private one.
  const borrowed = {
    publicKey: exchange.publicKey,
    agree: () => new Uint8Array(32),
  } as unknown as ExchangeKey;
  for (const copied of [{ salt }, { exchange: borrowed }, { salt, exchange: borrowed }]) {
    await using room = new PlayServer();
    await using raw = await Raw.connect(room);
    const { cipher, id } = await enterRaw(raw, "mallory", copied);
    await using bob = await joinSealed(room, "bob", { salt, exchange });
    await bob.next("members");
    await using carol = await joinSealed(room, "carol");
    await carol.next("members");
    assertEquals(names(carol), ["mallory", "bob", "carol"]);
    assertNotEquals(carol.client.compare(id), carol.client.compare("bob"));
    await assertTalk(bob, carol);
    const mine = encodeEnvelope({ kind: "text", text: "mine" });
    await raw.write(encodeFrame(Type.MESSAGE, 0, cipher.seal(mine, "room")));
    for (const guest of [bob, carol]) {
      assertEquals((await guest.next("message", (e) => e.from.id === id)).text, "mine");
      assertEquals(guest.events.filter(({ type }) => type === "unreadable"), []);
    }
  }
});

Deno.test("Client: a relay that shows another member in Bob's place cannot make a direct message to it open at Bob", async () => {
  await using room = new PlayServer();
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const exchange = ExchangeKey.generate();
  await using bob = await joinSealed(room, "bob", { salt, exchange });
  await bob.next("members");
  const bobId = bob.client.self.id;
  // Mallory knows the code, and Bob's salt and public keys from his profile. She has her own identity.
  const forge = (log: string) =>
    new SealedCipher({
      exportKey: EXPORT_KEY,
      identity: someone().identity,
      seat: { log: fromBase64Url(log)!, id: bobId },
      now: Date.now,
      report: () => ({ position: 0, chain: new Uint8Array(32) }),
      salt,
      exchange,
    }).seal(encodeProfile({ name: "eve" }), "profile");
  let log = "";
  await using relay = new Relay(room, (frame, direction) => {
    if (direction === "down" && frame.type === Type.SEAT) log = parseSeat(frame.body).log;
    if (direction === "up" || frame.type !== Type.MEMBER || frame.id !== bobId) {
      return [frame.bytes];
    }
    return [encodeFrame(Type.MEMBER, bobId, forge(log))];
  });
  await using ada = await joinSealed(relay, "ada");
  await ada.next("members");
  // The forgery works so far: she sees Eve, whose identity is Mallory's.
  assertEquals(names(ada), ["eve", "ada"]);
  ada.client.tell("eve", "you are fired");
  assertEquals((await bob.next("unreadable")).from.name, "ada");
  await ada.say("for all");
  await bob.next("message", ({ text }) => text === "for all");
  assertEquals(bob.events.filter(({ type }) => type === "direct"), []);
});

Deno.test("Client: a direct message that is delivered to another member opens nowhere", async () => {
  await using room = new PlayServer();
  let eveId = 0;
  let bobId = 0;
  // Between Ada and the server: her messages to Eve go to Bob.
  await using relay = new Relay(room, (frame, direction) => {
    if (direction === "down" || frame.type !== Type.MESSAGE || frame.id !== eveId) {
      return [frame.bytes];
    }
    const bytes = frame.bytes.slice();
    readdress(bytes, frame.type, bobId);
    return [bytes];
  });
  await using ada = await joinSealed(relay, "ada");
  await using eve = await joinSealed(room, "eve");
  await using bob = await joinSealed(room, "bob");
  await ada.next("joined", ({ who }) => who.name === "bob");
  [eveId, bobId] = [eve.client.self.id, bob.client.self.id];
  ada.client.tell("eve", "you are fired");
  assertEquals((await bob.next("unreadable")).from.name, "ada");
  assertEquals(bob.events.filter(({ type }) => type === "direct"), []);
});

Deno.test("Client: a server that gives one member's frames to another seat harms nobody but itself", async () => {
  await using room = new PlayServer();
  await using relay = new Relay(room);
  await using carol = await joinSealed(relay, "carol");
  await carol.next("members");
  const as = (bytes: Uint8Array, type: number, id: number) => {
    const other = bytes.slice();
    readdress(other, type, id);
    return other;
  };
  // To Carol, Bob joins twice, and says everything twice: also as member 99.
  relay.tamper = ({ type, id, bytes }, direction) => {
    const isCopied = type === Type.JOINED || type === Type.MESSAGE;
    return direction === "down" && isCopied && id === 2 ? [as(bytes, type, 99), bytes] : [bytes];
  };
  await using bob = await joinSealed(room, "bob");
  await bob.next("members");
  assert(bob.client.self.id === 2);
  await bob.say("once");
  await carol.next("message");
  assertEquals(names(carol), ["carol", "#99", "bob"]);
  assertEquals(carol.received, ["bob: once"]);
  assertEquals((await carol.next("forked")).who.name, "bob");
});
