import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { AckOutcome, HEADER_SIZE, Type } from "../protocol.ts";
import { DATA_OVERHEAD, encodeGrantBody, parseGrant } from "../protocol/data.ts";
import { decodeEnvelope } from "../protocol/envelope.ts";
import {
  decodeFileMessages,
  type FileMessage,
  TRANSFER_ID_SIZE,
} from "../protocol/file_messages.ts";
import { MemoryDisk } from "../tests/support/memory_disk.ts";
import { EventLog, OpenCipher, openSession, OWN_ID } from "../tests/support/offline_client.ts";
import { FileLink, type FileLinkClient } from "./file_link.ts";
import { Members } from "./members.ts";
import type { ReadMessage } from "./received.ts";
import type { PendingFile } from "./unconfirmed.ts";

const ADA = 1;
const OFFER: FileMessage = {
  kind: "offer",
  id: new Uint8Array(TRANSFER_ID_SIZE).fill(3),
  name: "photo.png",
  size: 10,
};

/** A client in a room with Ada. */
function open(disk: MemoryDisk | undefined, cipher = new OpenCipher()) {
  const { session, carrier } = openSession({}, cipher);
  session.complete = true;
  const log = new EventLog();
  const members = new Members(undefined, session, "guest", log.add);
  members.meet(ADA, () => ({ name: "ada" }));
  /** The first file messages to one member, and to the room. */
  const kept = Promise.withResolvers<PendingFile>();
  const said = Promise.withResolvers<Uint8Array>();
  const client: FileLinkClient = {
    ...{ session, members, isConnected: true, isLeaving: false, emit: log.add },
    say: said.resolve,
    keep: kept.resolve,
  };
  const link = new FileLink(client, disk && { disk });
  const message = (missing = 0): ReadMessage["message"] => ({
    ...{ from: members.roster.person(ADA), text: "", action: false, sent: undefined, missing },
  });
  return { link, session, carrier, log, members, kept, said, message };
}

Deno.test("FileLink.take: an offer of another member is an event, with a transfer to accept", async () => {
  const { link, message } = open(new MemoryDisk());
  const event = link.take(ADA, message(2), { refused: 0, messages: [OFFER] }, false);
  assert(event?.type === "offer");
  assertEquals([event.from.name, event.files[0]?.name, event.missing], ["ada", "photo.png", 2]);
  await link.transfers!.close();
});

Deno.test("FileLink.take: a client without files ignores offers", () => {
  const { link, message } = open(undefined);
  const event = link.take(ADA, message(), { refused: 0, messages: [OFFER] }, false);
  assertStrictEquals(event, undefined);
  assertStrictEquals(link.transfers, undefined);
});

Deno.test("FileLink.settleGap: counts the missing direct messages that no file message explains", () => {
  const { link, message } = open(undefined);
  const none: FileMessage[] = [];
  // Three are missing. Later file messages explain two of them as refused.
  link.take(ADA, message(3), { refused: 0, messages: none }, true);
  link.take(ADA, message(), { refused: 2, messages: none }, true);
  assertEquals(link.settleGap(ADA, 1), 2);
  assertEquals(link.settleGap(ADA, 1), 1);
  // More refused than missing is never a negative number.
  link.take(ADA, message(), { refused: 5, messages: none }, true);
  assertEquals(link.settleGap(ADA, 1), 0);
});

Deno.test("FileLink: gaps end with the member and with the session", () => {
  for (const end of ["left", "renew"] as const) {
    const { link, message } = open(undefined);
    link.take(ADA, message(3), { refused: 0, messages: [] }, true);
    if (end === "left") link.left(ADA, "ada", "left");
    else link.renew();
    assertEquals(link.settleGap(ADA, 0), 0);
  }
});

Deno.test("FileLink: file messages to one member go out as sealed direct messages, and are kept until answered", async () => {
  const disk = new MemoryDisk();
  const { link, carrier, kept, message } = open(disk);
  link.take(ADA, message(), { refused: 0, messages: [OFFER] }, true);
  assertEquals(link.transfers!.accept("all"), 1);
  const pending = await kept.promise;
  const [frame] = carrier.take();
  assertEquals([frame?.type, frame?.id], [Type.MESSAGE, ADA]);
  const envelope = decodeEnvelope(frame!.body);
  assert(envelope.kind === "file");
  assertEquals(decodeFileMessages(envelope.body).messages.map(({ kind }) => kind), ["ask"]);
  assertEquals([pending.to.id, pending.frame], [ADA, 1]);
  const { woken } = carrier;
  link.answered(pending, AckOutcome.ACCEPTED);
  assert(carrier.woken > woken);
  await link.transfers!.close();
});

Deno.test("FileLink: its own offer to the room lists the classic clients, which cannot receive it", async () => {
  const disk = new MemoryDisk();
  disk.files.set("a", new Uint8Array(1));
  const { link, said, members, message } = open(disk);
  members.meet(2, () => ({ name: "old", classic: true }));
  link.transfers!.offer("a", undefined, undefined);
  const offer = decodeFileMessages(await said.promise);
  const event = link.take(OWN_ID, message(), offer, false);
  assert(event?.type === "offer");
  assertEquals(event.without?.map(({ name }) => name), ["old"]);
  await link.transfers!.close();
});

Deno.test("FileLink.bulk: the buffer of a lost connection, which may still be writing, is not used for the next one", async () => {
  const disk = new MemoryDisk();
  disk.files.set("file", new Uint8Array(100).fill(7));
  const { link, said, message } = open(disk);
  link.transfers!.offer("file", undefined, undefined);
  const [offer] = decodeFileMessages(await said.promise).messages;
  link.granted(ADA, encodeGrantBody({ generation: 1, total: 1_000_000 }));
  const next = async (bulk: ReturnType<FileLink["bulk"]>) => {
    const ask: FileMessage = { kind: "ask", id: offer!.id, generation: 1, offset: 0 };
    link.take(ADA, message(), { refused: 0, messages: [ask] }, true);
    for (;;) {
      const frame = bulk();
      if (frame) return frame;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  const lost = await next(link.bulk());
  const before = lost.slice();
  const again = await next(link.bulk());
  assertEquals(again.length, before.length);
  again.fill(0);
  assertEquals(lost, before);
  await link.transfers!.close();
});

Deno.test("FileLink.takeData: data that cannot be opened does not stop a file, though it has used up the grant", async () => {
  const { link, carrier, kept, message } = open(new MemoryDisk());
  link.take(ADA, message(), { refused: 0, messages: [{ ...OFFER, size: 1_000_000 }] }, true);
  link.transfers!.accept("all");
  await kept.promise;
  // The grant follows in the same turn.
  await new Promise<void>((resolve) => setImmediate(resolve));
  const grants = () => (
    carrier.sent.splice(0).flatMap(({ type, body }) =>
      type === Type.GRANT ? [parseGrant(body)] : []
    )
  );
  const [first] = grants();
  const body = new Uint8Array(first!.total - HEADER_SIZE).fill(0xff);
  body.set(encodeGrantBody(first!).subarray(0, DATA_OVERHEAD));
  link.takeData(ADA, body);
  const [next] = grants();
  assertEquals(next?.generation, first!.generation);
  assert(next!.total > first!.total);
  await link.transfers!.close();
});
