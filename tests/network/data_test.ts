// GRANT and DATA through a real server, with clients made by hand.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeFrame, Type } from "../../protocol.ts";
import { encodeGrantBody, parseGrant } from "../../protocol/data.ts";
import { Raw, TestRoom } from "../support/loopback.ts";

const grant = (sender: number, generation: number, total: number) =>
  encodeFrame(Type.GRANT, sender, encodeGrantBody({ generation, total }));

function data(
  receiver: number,
  generation: number,
  size: number,
  mark = 0,
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(size).fill(mark);
  new DataView(body.buffer).setUint32(0, generation);
  return encodeFrame(Type.DATA, receiver, body);
}

/** A room with a sender and a receiver. */
async function open(options: ConstructorParameters<typeof TestRoom>[0] = {}) {
  const stack = new AsyncDisposableStack();
  const room = stack.use(new TestRoom(options));
  const sender = stack.use(await Raw.connect(room));
  const receiver = stack.use(await Raw.connect(room));
  const from = await sender.hello();
  const to = await receiver.hello();
  return { room, sender, receiver, from, to, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("Server: a grant reaches the sender, and its DATA the receiver, as they are but for the id", async () => {
  await using play = await open();
  const { sender, receiver, from, to } = play;
  await receiver.write(grant(from, 7, 50_000));
  const told = await sender.frameOf(Type.GRANT);
  assertEquals([told.id, parseGrant(told.body)], [to, { generation: 7, total: 50_000 }]);
  const frame = data(to, 7, 20_000, 9);
  await sender.write(frame);
  const { id, body } = await receiver.frameOf(Type.DATA);
  assertEquals([id, body], [from, frame.subarray(9)]);
});

Deno.test("Server: a large file comes in order, in shares, and chat goes before it", async () => {
  await using play = await open();
  const { room, sender, receiver, from, to } = play;
  const total = 24 * 2 ** 20;
  await receiver.write(grant(from, 1, total));
  const size = 64 * 1024 - 9;
  const sending = (async () => {
    let passed = 0;
    for (let sent = 0, n = 0; sent < total; sent += size + 9, n++) {
      while (sent + size + 9 > passed) {
        passed = parseGrant((await sender.frameOf(Type.GRANT)).body).total;
        assert(passed <= total);
      }
      await sender.write(data(to, 1, size, n % 251));
      if (n === 100) await sender.write(encodeFrame(Type.MESSAGE, 0, Uint8Array.of(1)));
    }
  })();
  let messages = 0;
  for (let moved = 0, n = 0; moved < total;) {
    const frame = await receiver.frame();
    assert(frame);
    if (frame.type === Type.MESSAGE) messages++;
    if (frame.type !== Type.DATA) continue;
    assertEquals(frame.body.at(-1), n++ % 251);
    moved += frame.bytes.length;
  }
  await sending;
  assertEquals(messages, 1);
  assertMatch(room.status(), /^chat_data_frames_total\{outcome="accepted"\} 384$/m);
  assertMatch(room.status(), /^chat_data_frames_total\{outcome="dropped"\} 0$/m);
});

Deno.test("Server: DATA that was not granted is dropped, and charged like a direct message", async () => {
  const wide = 2 ** 30;
  // Eight direct messages are one message. The clock never moves, so nothing comes back.
  const budget = { frames: 1000, frameBurst: 2, bytes: wide, byteBurst: wide };
  await using play = await open({ budget, now: () => 0 });
  const { room, sender, receiver, from, to } = play;
  await receiver.write(grant(from, 1, 2_000));
  await sender.frameOf(Type.GRANT);
  await sender.write(data(to, 1, 1_991, 1));
  // None of these: of another generation, beyond the grant, to somebody who granted nothing, or to nobody.
  await sender.write(data(to, 2, 8), data(to, 1, 8), data(from, 1, 8), data(99, 1, 8));
  for (let n = 0; n < 12; n++) await sender.write(data(to, 1, 8));
  await sender.write(encodeFrame(Type.MESSAGE, 0, Uint8Array.of(5)));
  const seen: number[] = [];
  while (seen.at(-1) !== Type.MESSAGE) {
    const frame = await receiver.frame();
    if (frame?.type === Type.DATA || frame?.type === Type.MESSAGE) seen.push(frame.type);
  }
  assertEquals(seen.sort(), [Type.MESSAGE, Type.DATA].sort());
  assertMatch(room.status(), /^chat_data_frames_total\{outcome="dropped"\} 16$/m);
  // 16 eighths used up what it had, and the message was the debt that the next one waits for.
  await sender.write(encodeFrame(Type.MESSAGE, 0, Uint8Array.of(6)));
  await receiver.frameOf(Type.MESSAGE);
  assertMatch(room.status(), /^chat_slowed_total 1$/m);
});

Deno.test("Server: granted DATA takes nothing of a budget", async () => {
  const budget = { frames: 1, frameBurst: 1, bytes: 1024, byteBurst: 4096 };
  await using play = await open({ budget, now: () => 0 });
  const { room, sender, receiver, from, to } = play;
  await receiver.write(grant(from, 1, 2 ** 20));
  for (let sent = 0, passed = 0; sent < 2 ** 20; sent += 2 ** 16) {
    while (passed < sent + 2 ** 16) {
      passed = parseGrant((await sender.frameOf(Type.GRANT)).body).total;
    }
    await sender.write(data(to, 1, 2 ** 16 - 9));
    await receiver.frameOf(Type.DATA);
  }
  assertMatch(room.status(), /^chat_slowed_total 0$/m);
});

Deno.test("Server: a receiver that grants and does not read holds no more than its credit, and slows nobody", async () => {
  await using play = await open();
  const { room, sender, receiver, from, to } = play;
  await using other = await Raw.connect(room);
  const third = await other.hello();
  await receiver.write(grant(from, 1, 2 ** 30));
  await other.write(grant(from, 1, 2 ** 20));
  const passed = new Map<number, number>();
  const sent = new Map([[to, 0], [third, 0]]);
  while (sent.get(third)! < 2 ** 20) {
    const { id, body } = await sender.frameOf(Type.GRANT);
    passed.set(id, parseGrant(body).total);
    for (const [member, bytes] of sent) {
      let at = bytes;
      for (; at + 2 ** 16 <= (passed.get(member) ?? 0); at += 2 ** 16) {
        await sender.write(data(member, 1, 2 ** 16 - 9));
        if (member === third) await other.frameOf(Type.DATA);
      }
      sent.set(member, at);
    }
  }
  const [, held] = /^chat_data_bytes_granted (\d+)$/m.exec(room.status())!;
  assert(Number(held) <= 4 * 2 ** 20, held);
});

Deno.test("Server: DATA for a member that has left goes nowhere, and its memory comes back", async () => {
  await using play = await open();
  const { room, sender, receiver, from, to } = play;
  await receiver.write(grant(from, 1, 2 ** 20));
  await sender.frameOf(Type.GRANT);
  await receiver.write(encodeFrame(Type.BYE, 0));
  await sender.frameOf(Type.LEFT);
  await sender.write(data(to, 1, 5_000), encodeFrame(Type.PING, 0));
  await sender.frameOf(Type.PONG);
  assertMatch(room.status(), /^chat_data_frames_total\{outcome="dropped"\} 1$/m);
  assertMatch(room.status(), /^chat_data_bytes_granted 0$/m);
});
