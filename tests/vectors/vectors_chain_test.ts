// Checks the vectors `data/chain_*.txt` of the chain of a room's log: as the server computes it, and as each client
// does from its own JOINED on. Another implementation, in another language, computed them: `make_vectors.py`.
//
// A vector is a text file: a header of `key: value` lines, an empty line, then bytes in hex, with comments after `#`.
// The log has the name `log` and these `frames`: type, id, body, and how often. A body is that of a sealed vector, or a
// number of bytes: the first one is the number of the frame in the log, from 0, and each further byte is one more,
// modulo 256. The bytes are the values at `positions`.

import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { Chain } from "../../client/chain.ts";
import { CHAIN_RUN, CHAIN_SIZE } from "../../protocol/chain.ts";
import { encodeFrame, Type } from "../../protocol.ts";
import { fromBase64Url } from "../../protocol/resume.ts";
import { parseSeat, parseWelcome } from "../../protocol/json_frames.ts";
import { LogChain, MIN_CHAINED_LOG } from "../../server/log_chain.ts";
import { Log } from "../../server/room_log.ts";

const VECTORS = 6;

const folder = new URL("./data/", import.meta.url);

function parseHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(text.replace(/#.*$/gm, "").replace(/\s+/g, ""));
}

/** The bytes of a vector. */
function bytesOf(name: string): Uint8Array<ArrayBuffer> {
  const text = Deno.readTextFileSync(new URL(name, folder));
  return parseHex(text.slice(text.indexOf("\n\n")));
}

interface ChainVector {
  readonly name: string;
  readonly about: string;
  readonly log: Uint8Array;
  readonly frames: readonly Uint8Array<ArrayBuffer>[];
  /** By position. */
  readonly values: ReadonlyMap<number, Uint8Array>;
}

function parseVector(name: string): ChainVector {
  const text = Deno.readTextFileSync(new URL(name, folder));
  const end = text.indexOf("\n\n");
  const field = (key: string) => {
    const line = new RegExp(`^${key}: (.+)$`, "m").exec(text.slice(0, end));
    assert(line, `${name} has no ${key}`);
    return line[1]!;
  };
  assertEquals(field("expect"), "ok");
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (const part of field("frames").split(", ")) {
    const [, type, id, body, times = 1] = /^(\w+) (\d+) (\S+)(?: \* (\d+))?$/.exec(part)!;
    for (let n = 0; n < Number(times); n++) {
      const content = /^\d+$/.test(body!)
        ? Uint8Array.from({ length: Number(body) }, (_, i) => frames.length + i)
        : bytesOf(body!);
      frames.push(encodeFrame(Type[type as keyof typeof Type], Number(id), content));
    }
  }
  const bytes = parseHex(text.slice(end));
  const positions = field("positions").split(" ").map(Number);
  assertEquals(bytes.length, positions.length * CHAIN_SIZE, name);
  const values = new Map(
    positions.map((at, i) => [at, bytes.slice(i * CHAIN_SIZE, (i + 1) * CHAIN_SIZE)]),
  );
  const log = Uint8Array.fromHex(field("log"));
  return { name, about: field("about"), log, frames, values };
}

const vectors = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.startsWith("chain_")).sort().map(parseVector);

const isJoined = (frame: Uint8Array) => frame[4] === Type.JOINED;

Deno.test(`vectors: there are ${VECTORS} different chains`, () => {
  assertEquals(vectors.length, VECTORS);
  const shown = vectors.map(({ frames }) => `${concat(frames)}`);
  assertEquals(new Set(shown).size, VECTORS, "two vectors show the same");
  // Each has the start of the log, its end, and the start of a second frame.
  for (const { name, frames, values } of vectors) {
    const end = concat(frames).length;
    for (const at of [0, frames[0]!.length, end]) assert(values.has(at), `${name} at ${at}`);
  }
  // Restarts for both reasons, and for neither.
  assert(vectors.some(({ frames }) => frames.slice(1).some(isJoined)));
  assert(vectors.some(({ frames }) => !frames.slice(1).some(isJoined)));
  assert(vectors.some(({ values }) => values.has(CHAIN_RUN)));
  assert(vectors.some(({ values }) => values.has(CHAIN_RUN - 1)));
});

for (const { name, about, log, frames, values } of vectors) {
  Deno.test(`${name}: ${about}`, () => {
    const room = new Log(MIN_CHAINED_LOG, MIN_CHAINED_LOG / 4);
    const server = new LogChain(room, log);
    const clients: Chain[] = [];
    let checked = 0;
    const check = () => {
      const expected = values.get(room.end);
      const value = server.at(room.end);
      if (expected) {
        assertEquals(value, expected, `server at ${room.end}`);
        checked++;
      }
      for (const client of clients) {
        assertEquals(client.report, { position: room.end, chain: value }, `client at ${room.end}`);
      }
    };
    check();
    for (const frame of frames) {
      server.beforeAppend(frame);
      // WELCOME has the value at the client's own JOINED.
      if (isJoined(frame)) clients.push(new Chain(room.end, server.at(room.end)!));
      room.append(frame);
      for (const client of clients) client.add(frame);
      check();
    }
    assertEquals(checked, values.size);
    assert(clients.length > 0);
    // Also at positions that are no longer the last one.
    for (const [at, value] of values) assertEquals(server.at(at), value, `server at ${at}, later`);
    for (const [at, value] of values) {
      const chain = value.slice(0, 16);
      assertEquals(clients[0]!.compare({ position: at, chain }, room.end), "same");
      chain[15]! ^= 1;
      assertEquals(clients[0]!.compare({ position: at, chain }, room.end), "other");
    }
  });
}

Deno.test("vectors: SEAT, WELCOME and the reports of the sealed vectors have the chain of chain_sealed.txt", () => {
  const { values } = vectors.find(({ name }) => name === "chain_sealed.txt")!;
  const body = (name: string) => bytesOf(name).subarray(9);
  for (
    const { room, chain } of [
      parseSeat(body("frame_seat_sealed.txt")),
      parseWelcome(body("frame_welcome_sealed.txt")),
    ]
  ) assertEquals(fromBase64Url(chain!), values.get(room));
  let reports = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    const text = Deno.readTextFileSync(new URL(name, folder));
    const [, position, chain] = /^position: (\d+)\nchain: (\w+)$/m.exec(text) ?? [];
    if (!name.startsWith("sealed_") || position === undefined) continue;
    assertEquals(chain, values.get(Number(position))?.slice(0, 16).toHex(), name);
    reports++;
  }
  assert(reports >= 8, `${reports}`);
});
