import { assert, assertEquals } from "@std/assert";
import {
  encodeFrame,
  HEADER_SIZE,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  Type,
  VERSION,
} from "../protocol.ts";
import fc from "../tests/support/property.ts";
import { encodeError, encodeGreeting } from "./json_frames.ts";
import { parsePreface, parseServerOpening } from "./opening.ts";

const utf8 = new TextEncoder();

/** A frame's header. */
function header(length: number, type: number, id = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint8(4, type);
  view.setUint32(5, id);
  return bytes;
}

/** The first decision of `parse` while `bytes` arrive one by one, and the number of bytes that it took. */
function decide(
  parse: typeof parsePreface,
  bytes: Uint8Array,
): { opening: ReturnType<typeof parse>; after: number } {
  for (let after = 0; after <= bytes.length; after++) {
    const opening = parse(bytes.subarray(0, after));
    if (opening.kind !== "more") {
      assertEquals(parse(bytes), opening, "one piece and many must be read alike");
      return { opening, after };
    }
  }
  return { opening: { kind: "more" }, after: bytes.length };
}

const TLS_HELLO = Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x5f, 0x11, 0x22);
const TLS_ALERT = Uint8Array.of(21, 3, 1, 0, 2, 2, 70);

Deno.test("parsePreface: recognizes a client by its first bytes, in one piece and byte by byte", () => {
  const cases: [string | Uint8Array, ReturnType<typeof parsePreface>, number][] = [
    ["chat/1\n", { kind: "chat" }, 7],
    ["chat/1\n\0\0\0\x05\x0b", { kind: "chat" }, 7],
    ["chat/0\n", { kind: "version", version: 0 }, 7],
    ["chat/2\n", { kind: "version", version: 2 }, 7],
    ["chat/99999\n", { kind: "version", version: 99999 }, 11],
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", { kind: "http" }, 4],
    ["POST /x HTTP/1.1\r\n", { kind: "http" }, 5],
    ["OPTIONS * HTTP/1.1\r\n", { kind: "http" }, 8],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", { kind: "http" }, 4],
    ["SSH-2.0-OpenSSH_9.9\r\n", { kind: "ssh" }, 4],
    [TLS_HELLO, { kind: "tls" }, 2],
    [TLS_ALERT, { kind: "tls" }, 2],
    ["", { kind: "more" }, 0],
    ["chat/1", { kind: "more" }, 6],
    ["chat/12345", { kind: "more" }, 10],
    ["GET", { kind: "more" }, 3],
    ["SS", { kind: "more" }, 2],
    ["\x16", { kind: "more" }, 1],
    ["chat/1\r\n", { kind: "noise" }, 7],
    // A second spelling of version 1 would have another length.
    ["chat/01\n", { kind: "noise" }, 8],
    ["chat/123456\n", { kind: "noise" }, 11],
    ["chat/\n", { kind: "noise" }, 6],
    ["chat 1\n", { kind: "noise" }, 5],
    ["CHAT/1\n", { kind: "noise" }, 5],
    ["\n", { kind: "noise" }, 1],
    ["\0\0\0\x05\x0b\0\0\0\0", { kind: "noise" }, 1],
    ["\x16\x02\0", { kind: "noise" }, 2],
    ["ABCDEFGH", { kind: "noise" }, 8],
    ["*1\r\n$4\r\nPING\r\n", { kind: "noise" }, 1],
    [Uint8Array.of(0xff, 0xfb, 0x1f), { kind: "noise" }, 1],
  ];
  for (const [input, opening, after] of cases) {
    const bytes = typeof input === "string" ? utf8.encode(input) : input;
    assertEquals(decide(parsePreface, bytes), { opening, after }, JSON.stringify(input));
  }
});

Deno.test("parseServerOpening: recognizes a server by its first bytes, in one piece and byte by byte", () => {
  const greeting = encodeGreeting({
    version: VERSION,
    cipher: "xor",
    key: "198",
    maxFrame: MAX_FRAME,
  });
  const cases: [string | Uint8Array, ReturnType<typeof parseServerOpening>["kind"], number][] = [
    [greeting, "chat", HEADER_SIZE],
    [encodeError("full", "the room is full"), "chat", HEADER_SIZE],
    // The server is shutting down.
    [encodeFrame(Type.BYE, 0), "chat", HEADER_SIZE],
    [header(MAX_FRAME_BEFORE_ADMISSION, Type.GREETING), "chat", HEADER_SIZE],
    [header(MAX_FRAME_BEFORE_ADMISSION + 1, Type.GREETING), "noise", HEADER_SIZE],
    [header(4, Type.GREETING), "noise", HEADER_SIZE],
    [header(20, Type.GREETING, 1), "noise", HEADER_SIZE],
    [header(20, Type.MESSAGE), "noise", HEADER_SIZE],
    ["HTTP/1.1 400 Bad Request\r\n", "http", 5],
    ["SSH-2.0-OpenSSH_9.9\r\n", "ssh", 4],
    [TLS_ALERT, "tls", 2],
    ["220 mail.example.org ESMTP\r\n", "noise", 5],
    ["-ERR unknown command\r\n", "noise", 5],
    ["NOTICE AUTH :*** Looking up your hostname\r\n", "noise", 5],
    ["", "more", 0],
    ["\0\0\0\x14", "more", 4],
    ["HTTP", "more", 4],
    ["220 ", "more", 4],
  ];
  for (const [input, kind, after] of cases) {
    const bytes = typeof input === "string" ? utf8.encode(input) : input;
    const opening = { kind } as ReturnType<typeof parseServerOpening>;
    assertEquals(decide(parseServerOpening, bytes), { opening, after }, JSON.stringify(input));
  }
});

Deno.test("parsePreface, parseServerOpening: decide on any bytes by the twelfth", () => {
  // Any bytes, and bytes that openings contain.
  const byte = fc.oneof(
    fc.nat({ max: 255 }),
    fc.constantFrom(...utf8.encode("chat/1 HTPS-\n\x15\x16\x03\0")),
  );
  fc.assert(fc.property(fc.array(byte, { minLength: 12, maxLength: 40 }), (array) => {
    const bytes = Uint8Array.from(array);
    for (const parse of [parsePreface, parseServerOpening]) {
      const { opening, after } = decide(parse, bytes);
      assert(opening.kind !== "more" && after <= 12);
    }
  }));
});
