// Members that come back one after the other to a restarted server.

import { assertEquals } from "@std/assert";
import { type AdmissionRecord, register } from "../../cipher/opaque.ts";
import { Backoff } from "../../client/backoff.ts";
import { encodeFrame, MAX_FRAME, Type, VERSION } from "../../protocol.ts";
import { encodeGreeting } from "../../protocol/json_frames.ts";
import { encodeProfile } from "../../protocol/envelope.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { admitTo, contentOf, Guest, Impostor, KEY, TestRoom, xor } from "../support/loopback.ts";

const CODE = "abandon ability able about";

function soon(): Backoff {
  return new Backoff(Math.random, { baseMs: 10, capMs: 20 });
}

/** A guest whose network the test opens and closes. */
class Wayfarer implements AsyncDisposable {
  readonly guest: Guest;
  readonly #proxy: FaultProxy;

  private constructor(guest: Guest, proxy: FaultProxy) {
    this.guest = guest;
    this.#proxy = proxy;
  }

  static async join(room: TestRoom, name: string): Promise<Wayfarer> {
    const proxy = await FaultProxy.start(room, { seed: 1, kinds: [] });
    const guest = await Guest.join(proxy, name, {
      ...(room.greeting.cipher === "sealed" && { code: CODE }),
      retryMs: Infinity,
      backoff: soon(),
    });
    return new Wayfarer(guest, proxy);
  }

  /** Breaks its connection, and lets it make no other. */
  async part(): Promise<void> {
    this.#proxy.down();
    this.#proxy.cutAll();
    await this.guest.next("disconnected");
  }

  /** Resolves when it is in the room again. */
  async comeBack(): Promise<void> {
    await this.#proxy.up();
    await this.guest.next("connected", ({ resumed }) => !resumed);
    await this.guest.next("members");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.guest[Symbol.asyncDispose]();
    await this.#proxy[Symbol.asyncDispose]();
  }
}

for (const cipher of ["xor", "sealed"] as const) {
  Deno.test(`Client: messages from the time without a server reach members that come back later, once (${cipher})`, async () => {
    const admission: { admission?: AdmissionRecord } = cipher === "sealed"
      ? { admission: register(CODE) }
      : {};
    await using first = new TestRoom(admission);
    await using anna = await Wayfarer.join(first, "anna");
    await using ben = await Wayfarer.join(first, "ben");
    await using cara = await Wayfarer.join(first, "cara");
    await anna.guest.say("1");
    for (const { guest } of [ben, cara]) await guest.next("message");
    const all = [anna, ben, cara];
    await Promise.all(all.map((one) => one.part()));
    await first.stop();
    anna.guest.client.say("2");
    // Her first message to anybody.
    cara.guest.client.say("3");

    await using second = new TestRoom({ ...admission, port: first.port });
    await anna.comeBack();
    await anna.guest.next("message", ({ text }) => text === "2");
    await anna.guest.say("4");
    await cara.comeBack();
    await anna.guest.next("message", ({ text }) => text === "3");
    await using dora = await Guest.join(second, "dora", cipher === "sealed" ? { code: CODE } : {});
    await ben.comeBack();
    await ben.guest.next("message", ({ text }) => text === "3");
    // Ben has been back before: nothing is sent a third time for him.
    await ben.part();
    await dora.next("left");
    await ben.comeBack();
    for (const [{ guest }, text] of [[anna, "5"], [cara, "6"], [ben, "7"]] as const) {
      await guest.say(text);
      await dora.next("message", (message) => message.text === text);
    }
    for (const { guest } of [anna, cara]) await guest.next("message", ({ text }) => text === "7");
    const later = ["anna: 4", "cara: 3", "anna: 5", "cara: 6", "ben: 7"];
    assertEquals(anna.guest.received, ["anna: 1", "anna: 2", ...later]);
    assertEquals(cara.guest.received, ["anna: 1", "anna: 2", ...later]);
    // Both repeat their messages for him, in either order.
    assertEquals(ben.guest.received.toSorted(), ["anna: 1", "anna: 2", ...later].toSorted());
    // Six new messages; repeated: 1 for the server itself, 1, 2 and 4 for cara, all but the last three for ben.
    assertEquals(second.hub.fold.said, 6 + 1 + 3 + 4);
  });
}

Deno.test("Client.tell: a direct message during the list of members does not overtake earlier ones", async () => {
  const greeting = encodeGreeting({
    version: VERSION,
    maxFrame: MAX_FRAME,
    cipher: "xor",
    key: String(KEY),
  });
  const profile = (name: string) => xor.seal(encodeProfile({ name }));
  const ben = encodeFrame(Type.MEMBER, 1, profile("ben"));
  const start = { room: 0, own: 0, members: 1, accepted: 0, said: 0 };
  const joined = Promise.withResolvers<Guest>();
  const received: string[] = [];
  let connections = 0;
  await using impostor = new Impostor(async (raw) => {
    const id = ++connections + 1;
    await admitTo(raw, greeting, id, start);
    await raw.write(ben);
    if (connections === 1) {
      await raw.write(encodeFrame(Type.JOINED, id, profile("anna")));
      const { client } = await joined.promise;
      client.tell("ben", "1");
      await raw.frameOf(Type.MESSAGE);
      return;
    }
    // When the answer comes, she has read the list.
    await raw.write(encodeFrame(Type.PING, 0));
    await raw.frameOf(Type.PONG);
    const { client } = await joined.promise;
    client.tell("ben", "2");
    await raw.write(encodeFrame(Type.JOINED, id, profile("anna")));
    while (received.length < 2) received.push(contentOf((await raw.frameOf(Type.MESSAGE)).body));
    client.leave();
    await raw.frameOf(Type.BYE);
  });
  await using anna = await Guest.join(impostor, "anna", { retryMs: Infinity, backoff: soon() });
  joined.resolve(anna);
  await impostor.served(2);
  assertEquals(received, ["T1", "T2"]);
});
