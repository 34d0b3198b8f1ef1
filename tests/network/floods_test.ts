// Floods: a member or a server sends as fast as it can, without a budget. Everything else goes on meanwhile.

import { assert, assertEquals, assertLess } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodeFrame, MAX_FRAME, Type, VERSION } from "../../protocol.ts";
import { encodeEnvelope, encodeProfile } from "../../protocol/envelope.ts";
import { encodeGreeting } from "../../protocol/json_frames.ts";
import { CHANGE_MS } from "../../client/notice_pace.ts";
import { TurnSlice } from "../../protocol/turn_slice.ts";
import { MAX_COST } from "../../server/relay.ts";
import { Screen } from "../../ui/screen.ts";
import { join } from "../../client.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeTty } from "../support/fake_terminal.ts";
import { within } from "../support/async.ts";
import { TurnCount } from "../support/turn_count.ts";
import { admitTo, Guest, Impostor, KEY, Raw, TestRoom, xor } from "../support/loopback.ts";

/** A client with this handles one frame in a turn of the event loop: so turns can be counted, and no clock is needed. */
const oneFrame = () => new TurnSlice(0);

const GREETING = encodeGreeting({
  version: VERSION,
  maxFrame: MAX_FRAME,
  cipher: "xor",
  key: String(KEY),
});
const MALLORY = 2;

const message = (text: string, id = MALLORY) =>
  encodeFrame(Type.MESSAGE, id, xor.seal(encodeEnvelope({ kind: "text", text })));
const renamed = (name: string) =>
  encodeFrame(Type.PROFILE, MALLORY, xor.seal(encodeProfile({ name })));
const joined = (id: number, name: string) =>
  encodeFrame(Type.JOINED, id, xor.seal(encodeProfile({ name })));

/** Admits the client `1`, with mallory in the room, and then writes `flood` at once. */
async function floodFrom(raw: Raw, flood: readonly Uint8Array[]): Promise<void> {
  await admitTo(raw, GREETING, 1, { room: 0, own: 0, members: 0, accepted: 0, said: 0 });
  await raw.write(joined(1, "ada"), joined(MALLORY, "mallory"));
  await raw.frameOf(Type.HAVE);
  await raw.write(...flood);
}

Deno.test("flood: a client answers PING before it has handled all frames that came with it", async () => {
  const count = 2000;
  const half = Array.from({ length: count }, (_, i) => message(`${i}`));
  let handled = 0;
  let atPong = 0;
  await using server = new Impostor(async (raw) => {
    await floodFrom(raw, [...half, encodeFrame(Type.PING, 0), ...half]);
    await raw.frameOf(Type.PONG);
    atPong = handled;
    await raw.frameOf(Type.BYE);
  });
  await using ada = await Guest.join(server, "ada", { slice: oneFrame() });
  ada.on = ({ type }) => type === "message" && handled++;
  await ada.next("message", () => handled === 2 * count);
  assert(atPong >= count, `${atPong}`);
  assertLess(atPong, 2 * count);
});

const FLOODS: Record<string, (i: number) => Uint8Array> = {
  "room messages": (i) => message(`${i}`),
  "direct messages": (i) =>
    encodeFrame(Type.DIRECT, MALLORY, xor.seal(encodeEnvelope({ kind: "text", text: `${i}` }))),
  "renames": (i) => renamed(`n${i}`),
  "joins and leaves": (i) =>
    i % 2 === 0 ? joined(3 + i, `n${i}`) : encodeFrame(Type.LEFT, 2 + i, Uint8Array.of(0)),
  "bodies that cannot be read": () => encodeFrame(Type.MESSAGE, MALLORY, Uint8Array.of(1)),
  "frames that mean nothing": () => encodeFrame(Type.PONG, 0),
};

for (const [what, frame] of Object.entries(FLOODS)) {
  Deno.test(`flood of ${what}: keys that are typed meanwhile are drawn before it ends`, async () => {
    const count = 500;
    await using server = new Impostor(async (raw) => {
      const flood = Array.from({ length: count }, (_, i) => frame(i));
      await floodFrom(raw, [message("first"), ...flood, message("last")]);
      await raw.frameOf(Type.BYE);
    });
    const client = await join({
      ...{ hostname: "127.0.0.1", port: server.port, name: "ada" },
      slice: oneFrame(),
    });
    const tty = new FakeTty(80, 24);
    const screen = new Screen({ tty, room: client, clock: new FakeClock() });
    const shown = screen.run();
    const end = Promise.withResolvers<boolean>();
    const running = client.run((event) => {
      if (event.type === "message" && event.text === "first") {
        // As from a real terminal: keys come in a turn of their own.
        setImmediate(() => void tty.type("typed"));
      }
      if (event.type === "message" && event.text === "last") end.resolve(/typed/.test(tty.output));
      return screen.event(event);
    });
    assertEquals(await within("the end of the flood", end.promise), true);
    client.leave();
    await within("the end of the client", running);
    await within("the end of the screen", shown);
    await tty.drawn();
  });
}

Deno.test("flood: a server takes a bounded part of one member's burst in each turn of the event loop", async () => {
  await using room = new TestRoom();
  await using ada = await Guest.join(room, "ada");
  await using mallory = await Raw.connect(room);
  await mallory.hello();
  using count = new TurnCount();
  const perTurn = new Map<number, number>();
  const { hub } = room;
  const say = hub.say.bind(hub);
  hub.say = (member, frame) => {
    perTurn.set(count.turn, (perTurn.get(count.turn) ?? 0) + 1);
    return say(member, frame);
  };
  const texts = 5 * MAX_COST;
  const burst = concat(Array.from({ length: texts }, (_, i) => message(`${i}`, 0)));
  await mallory.write(burst);
  await ada.next("message", ({ text }) => text === `${texts - 1}`);
  assertEquals([...perTurn.values()].reduce((sum, one) => sum + one, 0), texts);
  const most = Math.max(...perTurn.values());
  assert(most <= MAX_COST, `${most} frames in one turn`);
  assertEquals(ada.received.length, texts);
});

Deno.test("flood of renames: a member's name is reported once a second, and always before its words", async () => {
  await using server = new Impostor(async (raw) => {
    const names = Array.from({ length: 900 }, (_, i) => renamed(`n${i}`));
    await floodFrom(raw, [...names, message("hi"), renamed("last")]);
    await raw.frameOf(Type.BYE);
  });
  const paceClock = new FakeClock();
  await using ada = await Guest.join(server, "ada", { paceClock });
  await ada.next("message");
  paceClock.pass(CHANGE_MS);
  const { who, before } = await ada.next("renamed");
  assertEquals([who.name, before], ["last", "n899"]);
  const all = ada.events.flatMap((event) =>
    event.type === "renamed"
      ? [`${event.before} is now ${event.who.name}`]
      : event.type === "message"
      ? [`${event.from.name}: ${event.text}`]
      : []
  );
  assertEquals(all, ["mallory is now n0", "n0 is now n899", "n899: hi", "n899 is now last"]);
});
