import { assertEquals, assertLess, assertNotEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { type Entry, Kind } from "./entry.ts";
import {
  encodeHeader,
  encodeMark,
  firstMark,
  markPosition,
  parseHeader,
  parseMark,
  RecordReader,
  SEGMENT_HEADER,
  type SegmentInfo,
  writeRecord,
} from "./segment.ts";

const INFO: SegmentInfo = { sequence: 3, salt: 2428, inode: "7 1000", after: 2 ** 40 };
const MARK = firstMark(undefined);

/** A segment with these entries. */
function segment(entries: readonly Entry[], salt = INFO.salt): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SEGMENT_HEADER + 1_000_000);
  bytes.set(encodeHeader({ ...INFO, salt }, MARK));
  let at = SEGMENT_HEADER;
  for (const entry of entries) at = writeRecord(entry, salt, bytes, at);
  return bytes.slice(0, at);
}

function readAll(bytes: Uint8Array, salt = INFO.salt) {
  const reader = new RecordReader(bytes, salt);
  const entries: Entry[] = [];
  for (let entry = reader.next(); entry; entry = reader.next()) entries.push(entry);
  return { entries, position: reader.position, fault: reader.fault };
}

const anyEntry: fc.Arbitrary<Entry> = fc.record({
  kind: fc.constantFrom(...Object.values(Kind)),
  connection: fc.nat({ max: 2 ** 32 - 1 }),
  member: fc.nat({ max: 2 ** 32 - 1 }),
  number: fc.nat({ max: 2 ** 32 - 1 }),
  time: fc.nat({ max: 2 ** 48 - 1 }),
  bytes: fc.uint8Array({ maxLength: 300 }),
});

Deno.test("parseHeader: reads what encodeHeader writes, and no byte of it can change", () => {
  for (const info of [INFO, { ...INFO, inode: undefined }]) {
    const header = encodeHeader(info, MARK);
    assertEquals(parseHeader(header), info);
    const used = 22 + new DataView(header.buffer).getUint16(20);
    for (let at = 0; at < used; at++) {
      // The zeros after the magic say nothing.
      if (at >= 13 && at < 16) continue;
      const damaged = header.slice();
      damaged[at]! ^= 1;
      assertNotEquals(parseHeader(damaged), info, `byte ${at}`);
    }
  }
  const later = encodeHeader(INFO, MARK);
  later.set(new TextEncoder().encode("chat state 2\n"));
  assertEquals(parseHeader(later), "version");
  for (const size of [0, 1, 12, 100, SEGMENT_HEADER - 1]) {
    assertEquals(parseHeader(encodeHeader(INFO, MARK).subarray(0, size)), undefined);
  }
});

Deno.test("parseMark: the newest readable one counts; a damaged one leaves the one before", () => {
  const file = encodeHeader(INFO, MARK);
  assertEquals(parseMark(file), MARK);
  let before = MARK;
  for (let number = 1; number < 5; number++) {
    const mark = {
      ...MARK,
      number,
      position: number * 2 ** 33,
      boot: "1700000000",
      isClean: number === 1,
      hasNext: number === 2,
      isLost: number === 3,
    };
    const bytes = encodeMark(mark);
    file.set(bytes, markPosition(mark));
    assertEquals(parseMark(file), mark);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = file.slice();
      damaged[markPosition(mark) + at]! ^= 0x10;
      assertEquals(parseMark(damaged), before, `byte ${at}`);
    }
    before = mark;
  }
  assertEquals(parseMark(new Uint8Array(SEGMENT_HEADER)), undefined);
});

Deno.test("RecordReader: property: reads what was written; a cut or a changed byte ends it there", () => {
  fc.assert(
    fc.property(
      fc.array(anyEntry, { maxLength: 20 }),
      fc.nat(),
      fc.nat(7),
      (entries, where, bit) => {
        const bytes = segment(entries);
        assertEquals(readAll(bytes), { entries, position: bytes.length, fault: undefined });
        const size = bytes.length - SEGMENT_HEADER;
        if (size === 0) return;
        const at = SEGMENT_HEADER + where % size;
        const ends = [...Array(entries.length).keys()].map((i) =>
          segment(entries.slice(0, i)).length
        );
        const whole = ends.filter((end) => end <= at).length - 1;
        const cut = readAll(bytes.subarray(0, at));
        assertEquals(cut.entries, entries.slice(0, whole));
        assertEquals(cut.fault, ends.includes(at) ? undefined : "torn");
        const changed = bytes.slice();
        changed[at]! ^= 1 << bit;
        const rest = readAll(changed);
        assertEquals(rest.entries, entries.slice(0, whole));
        assertLess(0, rest.fault!.length);
      },
    ),
  );
});

Deno.test("RecordReader: what an earlier segment has left in the file is no record", () => {
  const entry = {
    kind: Kind.FRAME,
    connection: 1,
    member: 1,
    number: 1,
    time: 0,
    bytes: new Uint8Array(9),
  };
  const old = segment([entry, entry, entry], 1);
  const file = old.slice();
  file.set(segment([entry], 2));
  const { entries, fault } = readAll(file, 2);
  assertEquals([entries.length, fault], [1, "bad"]);
});

Deno.test("docs/state.md: the record that it shows is the one that is written", () => {
  const page = Deno.readTextFileSync(new URL("../docs/state.md", import.meta.url));
  const [, block] = /\n```\n([^`]+)```\n/.exec(page)!;
  const shown = block!.split("\n").map((line) => line.split("   ")[0]!).join("")
    .replaceAll(/\s/g, "");
  const bytes = Uint8Array.fromHex("0000000a0400000000" + "68656c6c6f");
  const time = Date.UTC(2026, 0, 2, 3, 4, 5);
  const entry = { kind: Kind.FRAME, connection: 1, member: 7, number: 2, time, bytes };
  assertEquals(shown, segment([entry]).slice(SEGMENT_HEADER).toHex());
});
