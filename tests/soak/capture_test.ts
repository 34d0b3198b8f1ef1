// The captures in `docs/capture`, the dissector for Wireshark, and the page that explains them. Without tshark, only the
// bytes are checked.

import { assert, assertEquals, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { privateKey, XorCipher } from "../../cipher.ts";
import {
  AckOutcome,
  DEFAULT_PORT,
  encodeAck,
  encodeAway,
  encodeFrame,
  encodeHave,
  type Frame,
  FrameDecoder,
  MAX_FRAME,
  parseAck,
  PREFACE,
  Type,
} from "../../protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeHello,
  encodeResume,
  encodeSeat,
  encodeWarning,
  encodeWelcome,
  parseError,
  parseGreeting,
  parseWelcome,
} from "../../protocol/json_frames.ts";
import {
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
} from "../../protocol/envelope.ts";
import { encodeGrantBody, sealDataFrame } from "../../protocol/data.ts";
import { encodeFileMessages } from "../../protocol/file_messages.ts";
import {
  encodeAct,
  encodeBans,
  encodeModerate,
  encodeNotice,
  NO_RULES,
  parseModerate,
  parseNotice,
} from "../../protocol/moderation.ts";
import { encodeChunks } from "../support/file_data.ts";
import {
  CONVERSATION,
  DISSECTOR,
  examples,
  FOLDER,
  GOVERNED,
  missingTool,
  NAMES,
  PAGE,
  payload,
  quotations,
  runExample,
} from "../../tools/capture.ts";
import {
  type Capture,
  isSmooth,
  LINK,
  type Packet,
  readCapture,
  readSegment,
  type Segment,
  writeCapture,
} from "../../tools/capture_file.ts";

const root = `${import.meta.dirname!}/../..`;
const utf8 = new TextEncoder();
const KEY = 198;
const xor = new XorCipher(KEY);

// ---- captures made here ----

type Side = "client" | "server";
/** The bytes that one side writes in one packet. */
type Piece = readonly [Side, Uint8Array];

interface Stream {
  readonly pieces: readonly Piece[];
  readonly serverPort?: number;
}

/** One packet: IPv4 (RFC 791) and TCP (RFC 9293) without options. Their checksums are not checked. */
function tcp(
  ports: { from: number; to: number },
  flags: number,
  seq: number,
  ack: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const head = new DataView(new ArrayBuffer(40));
  head.setUint8(0, 0x45);
  head.setUint16(2, 40 + payload.length);
  head.setUint8(8, 64);
  head.setUint8(9, 6);
  for (const at of [12, 16]) head.setUint32(at, 0x7f000001);
  head.setUint16(20, ports.from);
  head.setUint16(22, ports.to);
  head.setUint32(24, seq);
  head.setUint32(28, ack);
  head.setUint8(32, 5 << 4);
  head.setUint8(33, flags);
  head.setUint16(34, 0xffff);
  return concat([new Uint8Array(head.buffer), payload]);
}

/** Connections one after the other, each from its handshake on. */
function packetsOf(streams: readonly Stream[]): Packet[] {
  const [SYN, ACK, PUSH] = [2, 16, 8];
  const none = new Uint8Array(0);
  const packets: Uint8Array<ArrayBuffer>[] = [];
  for (const [number, { pieces, serverPort = DEFAULT_PORT }] of streams.entries()) {
    const out = { from: 10_000 + number, to: serverPort };
    const back = { from: out.to, to: out.from };
    const next = { client: 1001, server: 5001 };
    packets.push(tcp(out, SYN, 1000, 0, none));
    packets.push(tcp(back, SYN | ACK, 5000, 1001, none));
    packets.push(tcp(out, ACK, 1001, 5001, none));
    for (const [side, bytes] of pieces) {
      const [ports, other] = side === "client"
        ? [out, "server"] as const
        : [back, "client"] as const;
      packets.push(tcp(ports, ACK | PUSH, next[side], next[other], bytes));
      next[side] += bytes.length;
    }
  }
  return packets.map((bytes, i) => ({ time: 1_700_000_000_000_000n + BigInt(i), bytes }));
}

// ---- tshark ----

/** Without tshark, the test is skipped, and its name shows the reason. */
function withTshark(name: string, fn: () => void, needs: "tshark" | "all" = "tshark"): void {
  const missing = Deno.build.os === "windows" ? "tshark" : missingTool(needs);
  const skipped = missing === undefined ? "" : `: SKIPPED, there is no ${missing} here`;
  Deno.test({ name: `${name}${skipped}`, ignore: missing !== undefined, fn });
}

/** The dissector's result for one packet: all values of each field. */
type Found = Readonly<Record<string, readonly string[] | undefined>>;

const FIELDS = [
  ...["tcp.stream", "tcp.srcport", "frame.protocols", "_ws.lua.error", "_ws.expert.message"],
  ...["chat", "chat.preface", "chat.length", "chat.type", "chat.id", "chat.cipher", "chat.key"],
  ...["chat.private_key", "chat.name", "chat.kind", "chat.seq", "chat.text", "chat.error.code"],
  ...["chat.members", "chat.token", "chat.resume", "chat.room", "chat.ack.outcome", "chat.classic"],
  ...["chat.log", "chat.chain", "chat.record", "chat.state", "chat.time"],
  ...[
    "chat.left.reason",
    "chat.away.state",
    "chat.away.since",
    "chat.have.position",
    "chat.sealed.counter",
  ],
  ...[
    "chat.generation",
    "chat.total",
    "chat.file.kind",
    "chat.file.offset",
    "chat.file.data",
    "chat.file.sha256",
    "chat.file.name",
    "chat.profile.classic",
    "chat.file.size",
    "chat.login.tries",
    "chat.login.ticket",
  ],
  ...["chat.action", "chat.member", "chat.ban", "chat.seconds", "chat.until", "chat.reason"],
  ...["chat.moderator", "chat.moderate.number", "chat.announcement", "chat.bans.by"],
  ...["chat.bans.since", "chat.ack.frame", "chat.ack.count", "chat.refused", "chat.locked"],
  ...["chat.read_only", "chat.silenced", "chat.given_topic.text", "chat.given_topic.time"],
  ...["chat.left.frames", "chat.left.bytes"],
  ...["chat.malformed", "chat.too_large", "chat.unexpected", "chat.unreadable", "chat.cut"],
  ...["chat.lost", "chat.no_greeting", "chat.error", "chat.open"],
];
/** Faults that a valid conversation does not have. */
const FAULTS = [
  ...["chat.malformed", "chat.too_large", "chat.unexpected", "chat.unreadable", "chat.cut"],
  ...["chat.lost", "chat.no_greeting"],
];

/** Dissects each packet. Fails if the dissector has an error. */
function dissect(path: string, ...options: string[]): Found[] {
  const fields = FIELDS.flatMap((field) => ["-e", field]);
  const all = ["-X", `lua_script:${DISSECTOR}`, "-r", path, ...options, "-T", "json", ...fields];
  const text = runExample(`tshark ${all.map((word) => `'${word}'`).join(" ")}`);
  const packets = JSON.parse(text) as { _source: { layers?: Found } }[];
  const found = packets.map(({ _source }) => _source.layers ?? {});
  for (const layers of found) assertEquals(layers["_ws.lua.error"], undefined, `${path}: Lua`);
  return found;
}

/** The same for connections made here: the packets of each. */
function dissectStreams(streams: readonly Stream[], ...options: string[]): Found[][] {
  const path = Deno.makeTempFileSync({ suffix: ".pcapng" });
  try {
    Deno.writeFileSync(path, writeCapture({ link: LINK.RAW, packets: packetsOf(streams) }));
    const found: Found[][] = streams.map(() => []);
    for (const layers of dissect(path, ...options)) {
      found[Number(layers["tcp.stream"]![0])]!.push(layers);
    }
    return found;
  } finally {
    Deno.removeSync(path);
  }
}

/** All values of a field, in their order. */
function values(found: readonly Found[], field: string): string[] {
  return found.flatMap((layers) => layers[field] ?? []);
}

function assertFaultless(found: readonly Found[]): void {
  for (const fault of FAULTS) assertEquals(values(found, fault), [], fault);
}

// ---- files ----

function load(name: typeof NAMES[number]): Capture {
  return readCapture(Deno.readFileSync(`${root}/${FOLDER}/${name}.pcapng`));
}

/** The TCP segments of a capture. */
function segments(name: typeof NAMES[number]): Segment[] {
  const { link, packets } = load(name);
  return packets.map(({ bytes }) => readSegment(link, bytes));
}

/** All bytes of both sides of each connection, by the client's port. */
function conversations(name: typeof NAMES[number]): Map<number, Record<Side, Uint8Array>> {
  const all = new Map<number, Record<Side, Uint8Array>>();
  for (const { from, to, payload } of segments(name)) {
    const [client, side] = to === DEFAULT_PORT
      ? [from, "client"] as const
      : [to, "server"] as const;
    const said = all.get(client) ?? { client: new Uint8Array(0), server: new Uint8Array(0) };
    said[side] = concat([said[side], payload]);
    all.set(client, said);
  }
  return all;
}

function framesIn(bytes: Uint8Array): Frame[] {
  const decoder = new FrameDecoder(MAX_FRAME, bytes.length);
  decoder.space().set(bytes);
  decoder.fill(bytes.length);
  const frames: Frame[] = [];
  for (let frame; (frame = decoder.next());) frames.push(frame);
  assertEquals(decoder.unread.length, 0);
  return frames;
}

function opened(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.map((byte) => byte ^ privateKey(KEY)));
}

Deno.test("readCapture: reads files of writeCapture, and refuses others", () => {
  const packets = [0, 1, 2, 3, 1500].map((size, i) => ({
    time: 1_700_000_000_123_456n + BigInt(i),
    bytes: new Uint8Array(size).fill(i),
  }));
  const capture = { link: LINK.ETHERNET, packets };
  const file = writeCapture(capture);
  assertEquals(readCapture(file), capture);
  for (let size = 0; size < 48; size++) {
    assertThrows(() => readCapture(file.subarray(0, size)), RangeError);
  }
  assertThrows(() => readCapture(file.with(8, 0)), RangeError, "big-endian");
  assertThrows(() => readCapture(file.with(4, 0xff)), RangeError, "a block of");
});

for (const name of NAMES) {
  Deno.test(`docs/capture/${name}.pcapng: small, complete, and reveals nothing about its machine`, () => {
    const file = Deno.readFileSync(`${root}/${FOLDER}/${name}.pcapng`);
    assertLess(file.length, 16 * 1024);
    const capture = readCapture(file);
    // So it contains only packets.
    assertEquals(writeCapture(capture), file);
    const { link, packets } = capture;
    for (const { bytes } of packets) {
      const { from, to } = readSegment(link, bytes);
      assertEquals([from, to].filter((port) => port === DEFAULT_PORT).length, 1);
    }
    assert(isSmooth(capture));
    const all = segments(name);
    assertEquals(all.filter(({ syn }) => syn).length, 4);
    assertEquals(all.filter(({ fin, rst }) => fin || rst).length, 4);
  });
}

Deno.test("docs/capture/classic.pcapng: the classic conversation under its key, without frames", () => {
  const both = [...conversations("classic").values()];
  assertEquals(both.length, 2);
  const ports = [...conversations("classic").keys()];
  for (const [i, { client, server }] of both.entries()) {
    assertEquals(new TextDecoder().decode(server.subarray(0, 3)), String(KEY));
    const own = CONVERSATION.filter((_, turn) => turn % 2 === i);
    const others = CONVERSATION.filter((_, turn) => turn % 2 !== i);
    assertEquals(opened(client), own.join(""));
    for (const text of others) {
      assertStringIncludes(opened(server.subarray(3)), `${ports[1 - i]}: ${text}`);
    }
  }
});

Deno.test("docs/capture/framed.pcapng: the same conversation in frames, which the captured key opens", () => {
  const [anna, ben] = [...conversations("framed").values()];
  for (const { client, server } of [anna!, ben!]) {
    const [greeting, ...fromServer] = framesIn(server);
    const { cipher, ...rest } = parseGreeting(greeting!.body);
    assertEquals([cipher, "key" in rest && rest.key], ["xor", String(KEY)]);
    assertEquals(client.subarray(0, PREFACE.length), PREFACE);
    const texts = fromServer.filter(({ type }) => type === Type.MESSAGE).map(({ body }) => {
      const envelope = decodeEnvelope(xor.open(body).plaintext);
      return "text" in envelope && envelope.text;
    });
    assertEquals(texts, [...CONVERSATION]);
  }
  const names = [anna!, ben!].map(({ client }) => {
    const [hello, first] = framesIn(client.subarray(PREFACE.length));
    assertEquals([hello!.type, first!.type], [Type.HELLO, Type.PROFILE]);
    return decodeProfile(xor.open(first!.body).plaintext).name;
  });
  assertEquals(names, ["anna", "ben"]);
});

Deno.test("docs/capture/sealed.pcapng: the same frames, and no word of the messages under any of 256 keys", () => {
  const types = (name: "framed" | "sealed") =>
    [...conversations(name).values()].map(({ client, server }) =>
      [client.subarray(PREFACE.length), server].map((bytes) =>
        framesIn(bytes).map(({ type }) => type).filter((type) => type !== Type.LOGIN)
      )
    );
  assertEquals(types("sealed"), types("framed"));
  const search = (name: "framed" | "sealed") => {
    const found = new Set<string>();
    const bodies = [...conversations(name).values()].flatMap(({ server }) =>
      framesIn(server).map(({ body }) => body)
    );
    for (let key = 0; key < 256; key++) {
      for (const body of bodies) {
        const text = String.fromCharCode(...body.map((byte) => byte ^ key));
        for (const word of [...CONVERSATION, "anna", `"ben"`]) {
          if (text.includes(word)) found.add(`${word} under ${key}`);
        }
      }
    }
    return [...found].sort();
  };
  assertEquals(search("sealed"), []);
  // This proves that the search can find words.
  const key = privateKey(KEY);
  const all = [...CONVERSATION, "anna", `"ben"`].map((word) => `${word} under ${key}`);
  assertEquals(search("framed"), all.sort());
});

Deno.test("docs/capture/governed.pcapng: a moderator's frames are in clear, and the message is not", () => {
  const [anna, ben] = [...conversations("governed").values()];
  const asked = framesIn(anna!.client.subarray(PREFACE.length))
    .filter(({ type }) => type === Type.MODERATE)
    .map(({ body }) => parseModerate(body as Uint8Array<ArrayBuffer>));
  const { announcement: text, reason } = GOVERNED;
  const kick = { action: "kick", member: 2, reason } as const;
  assertEquals(asked.map(({ number, act }) => [number, act]), [
    [1, { action: "prove" }],
    [2, { action: "announce", text }],
    [3, kick],
  ]);
  const [toAnna, toBen] = [anna!, ben!].map(({ server }) => framesIn(server));
  for (const frames of [toAnna!, toBen!]) {
    const notices = frames.filter(({ type }) => type === Type.NOTICE);
    assertEquals(notices.map(({ id, body }) => [id, parseNotice(body)]), [
      [1, { action: "announce", text }],
      [1, kick],
    ]);
    const welcome = parseWelcome(frames.find(({ type }) => type === Type.WELCOME)!.body);
    assertEquals(welcome.rules.moderators.length, 1);
  }
  const acks = toAnna!.filter(({ type }) => type === Type.ACK);
  assertEquals(
    acks.map(({ id, body }) => [id, parseAck(body)]),
    [1, 2, 3].map((count) => [
      ...[0, { count, outcome: AckOutcome.ACCEPTED }],
    ]),
  );
  const last = toBen!.at(-1)!;
  const { code, message } = parseError(last.body);
  assertEquals([last.type, code], [Type.ERROR, "removed"]);
  assertStringIncludes(message, reason);
  const everything = new TextDecoder().decode(concat([ben!.client, toBen!.at(-2)!.bytes]));
  assert(!everything.includes(CONVERSATION[0]));
});

// ---- the page ----

const page = Deno.readTextFileSync(`${root}/${PAGE}`);

Deno.test("docs/capture.md: the bytes are those of the captures, and match their comments", () => {
  const all = quotations(page);
  assertEquals(all.length, page.split("```hex").length - 1);
  assert(all.length >= 6);
  let texts = 0;
  for (const { name, packet, rows } of all) {
    const hex = rows.map(([hex]) => hex).join("");
    assertEquals(hex, payload(name, packet).toHex(), `${name}.pcapng, packet ${packet}`);
    for (const [hex, comment] of rows) {
      const bytes = Uint8Array.fromHex(hex);
      const [, sealed] = /^(.*) XOR bc$/.exec(comment ?? "") ?? [];
      const text = sealed === undefined ? new TextDecoder().decode(bytes) : opened(bytes);
      if (comment === undefined || !/^[ -~]+$/.test(text)) continue;
      assertEquals(text, sealed ?? comment);
      texts++;
    }
  }
  assert(texts > 10);
});

Deno.test("docs/capture.md: bytes that are XORed by hand are correct", () => {
  const rows = [...page.matchAll(/^\| `(\w\w)` *\| `(\w\w)` *\| `(\w\w)` *\| (\S+) *\|$/gm)];
  assert(rows.length >= 4);
  for (const [, sealed, key, plain, letter] of rows) {
    assertEquals(parseInt(sealed!, 16) ^ parseInt(key!, 16), parseInt(plain!, 16));
    assertEquals(parseInt(key!, 16), privateKey(KEY));
    const character = String.fromCharCode(parseInt(plain!, 16));
    assertEquals(letter, character === " " ? "blank" : `\`${character}\``);
  }
});

withTshark("docs/capture.md: its commands print the output on the page", () => {
  const all = examples(page);
  assertEquals(all.length, page.split("```console").length - 1);
  assert(all.length >= 6);
  for (const { command, output } of all) assertEquals(runExample(command), output, command);
}, "all");

// ---- the dissector ----

withTshark("chat.lua: classic.pcapng has the key and the messages", () => {
  const found = dissect(`${FOLDER}/classic.pcapng`);
  assertEquals(values(found, "chat.key"), [String(KEY), String(KEY)]);
  assertEquals(values(found, "chat.private_key"), ["188", "188"]);
  const toServer = found.filter((layers) => layers["tcp.srcport"]![0] !== String(DEFAULT_PORT));
  assertEquals(values(toServer, "chat.text"), [...CONVERSATION]);
  assertEquals(values(found, "chat.type"), []);
  assertFaultless(found);
});

withTshark("chat.lua: framed.pcapng has all frames and the messages", () => {
  const found = dissect(`${FOLDER}/framed.pcapng`);
  const [anna, ben] = [...conversations("framed").values()];
  for (const [stream, { client, server }] of [anna!, ben!].entries()) {
    for (
      const [side, bytes] of [["client", client.subarray(PREFACE.length)], [
        "server",
        server,
      ]] as const
    ) {
      const frames = framesIn(bytes as Uint8Array);
      const own = found.filter((layers) =>
        layers["tcp.stream"]![0] === String(stream) &&
        (layers["tcp.srcport"]![0] === String(DEFAULT_PORT)) === (side === "server")
      );
      assertEquals(values(own, "chat.type"), frames.map(({ type }) => String(type)));
      assertEquals(values(own, "chat.id"), frames.map(({ id }) => String(id)));
      assertEquals(values(own, "chat.length"), frames.map(({ bytes }) => String(bytes.length - 4)));
    }
  }
  const toServer = found.filter((layers) => layers["tcp.srcport"]![0] !== String(DEFAULT_PORT));
  assertEquals(values(toServer, "chat.text"), [...CONVERSATION]);
  assertEquals(values(toServer, "chat.name"), ["anna", "ben"]);
  assertEquals(values(toServer, "chat.seq"), ["1", "1", "2", "2"]);
  assertEquals(new Set(values(found, "chat.key")), new Set([String(KEY)]));
  assertFaultless(found);
});

withTshark("chat.lua: governed.pcapng has what a moderator does, and no messages", () => {
  const found = dissect(`${FOLDER}/governed.pcapng`);
  // The server sends both notices to both members.
  const actions = ["prove", "announce", "announce", "announce", "kick", "kick", "kick"];
  assertEquals(values(found, "chat.action"), actions);
  assertEquals(values(found, "chat.announcement"), [1, 2, 3].map(() => GOVERNED.announcement));
  assertEquals(values(found, "chat.reason"), [1, 2, 3].map(() => GOVERNED.reason));
  assertEquals(values(found, "chat.text"), []);
  assertFaultless(found);
});

withTshark("chat.lua: sealed.pcapng has frames and counters, and no messages", () => {
  const found = dissect(`${FOLDER}/sealed.pcapng`);
  const frames = [...conversations("sealed").values()].flatMap(({ client, server }) =>
    [client.subarray(PREFACE.length), server].flatMap(framesIn)
  );
  assertEquals(
    values(found, "chat.type").sort(),
    frames.map(({ type }) => String(type)).sort(),
  );
  assertEquals(new Set(values(found, "chat.cipher")), new Set(["sealed"]));
  const toServer = found.filter((layers) => layers["tcp.srcport"]![0] !== String(DEFAULT_PORT));
  // Two profiles, and two messages of each.
  assertEquals(values(toServer, "chat.sealed.counter"), ["0", "0", "0", "0", "1", "1"]);
  for (const field of ["chat.text", "chat.name", "chat.key"]) {
    assertEquals(values(found, field), []);
  }
  assertFaultless(found);
});

const origin = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const said = (text: string, seq: number) =>
  xor.seal(encodeEnvelope({ kind: "text", text, number: { origin, seq, replay: false } }));
const profile = (name: string) => xor.seal(encodeProfile({ name }));

const WELCOME = encodeWelcome(2, {
  room: 23,
  own: 0,
  members: 1,
  token: "sLGys7S1",
  grace: 60_000,
  left: { frames: 41, bytes: 524_288 },
  rules: {
    ...{ ...NO_RULES, moderators: ["A".repeat(43), "E".repeat(43)], readOnly: true },
    ...{ silenced: [7, 9], topic: { text: "Grüße", time: 8_640_000_000_000_000 } },
  },
});

/** A conversation with frames of all types, a file and a resumption, in turns. */
const TURNS: readonly Piece[] = [
  ["client", PREFACE],
  ["server", encodeGreeting({ version: 1, cipher: "xor", key: String(KEY), maxFrame: MAX_FRAME })],
  ["client", encodeHello({ version: 1 })],
  ["server", encodeSeat(2, { log: "QEFCQ0RF", room: 2 ** 40 })],
  ["client", encodeFrame(Type.PROFILE, 0, profile("Zoë"))],
  [
    "server",
    concat([
      WELCOME,
      encodeFrame(Type.MEMBER, 1, profile("Ada")),
      encodeAway(1, 1_709_121_600_000),
      encodeFrame(Type.JOINED, 2, profile("Zoë")),
    ]),
  ],
  [
    "client",
    concat([
      encodeHave(2 ** 40 + 23),
      encodeFrame(Type.MESSAGE, 0, said("Grüße, 你好 🙂", 1)),
      encodeFrame(Type.MESSAGE, 1, xor.seal(encodeEnvelope({ kind: "action", text: "waves" }))),
      encodeFrame(Type.PROFILE, 0, profile("Zoe")),
      encodeFrame(Type.GRANT, 1, encodeGrantBody({ generation: 3, total: 2 ** 40 })),
      sealDataFrame(new Uint8Array(1024), 1, 4, (into) => (
        xor.sealData(
          encodeChunks([
            { id: new Uint8Array(16), offset: 2 ** 32, bytes: utf8.encode("end") },
            { id: new Uint8Array(16).fill(7), offset: 0, bytes: utf8.encode("hello") },
          ]),
          1,
          into,
        )
      )),
      encodeModerate({
        ...{ key: new Uint8Array(32), signature: new Uint8Array(64), number: 5 },
        json: encodeAct({ action: "ban", member: 7, seconds: 3600, reason: "spam" }),
      }),
      encodeFrame(Type.PING, 0),
    ]),
  ],
  [
    "server",
    concat([
      encodeFrame(Type.MESSAGE, 2, said("Grüße, 你好 🙂", 1)),
      encodeAck(1, { count: 1, outcome: 1 }),
      encodeAck(0, { count: 5, outcome: 3 }),
      encodeNotice(1, { action: "announce", text: "你好" }),
      encodeBans(2, [
        { ban: 1, member: 7, by: 1, since: 0, until: 8_640_000_000_000_000, reason: "spam" },
        { ban: 2, member: 8, by: 0, since: 1 },
      ]),
      encodeFrame(
        Type.DIRECT,
        1,
        xor.seal(encodeEnvelope({
          kind: "file",
          body: encodeFileMessages({
            refused: 0,
            messages: [
              {
                kind: "offer",
                id: new Uint8Array(16).fill(7),
                size: 2 ** 40,
                name: "a.txt",
              },
              { kind: "ask", id: new Uint8Array(16), generation: 3, offset: 5 },
              {
                kind: "ask",
                id: new Uint8Array(16),
                generation: 3,
                offset: 2 ** 40,
                prefix: new Uint8Array(32).fill(8),
              },
              { kind: "hash", id: new Uint8Array(16), sha256: new Uint8Array(32).fill(9) },
              { kind: "differs", id: new Uint8Array(16) },
              { kind: "done", id: new Uint8Array(16) },
            ],
          }),
        })),
      ),
      encodeFrame(Type.PONG, 0),
      encodeWarning("flood", "slow down"),
      encodeFrame(Type.LEFT, 1, Uint8Array.of(2)),
      encodeError("slow", "you do not read"),
    ]),
  ],
  ["client", encodeFrame(Type.BYE, 0)],
];

/** Its expected fields, in any pieces. */
function assertTurns(found: readonly Found[]): void {
  const expected: Record<string, string[]> = {
    "chat.preface": ["chat/1"],
    "chat.type": "1 2 19 7 3 10 17 8 16 4 4 7 20 21 22 11 4 6 6 23 25 5 12 18 9 14 13".split(" "),
    "chat.id": "0 0 2 0 2 1 1 2 0 0 1 0 1 1 0 0 2 1 0 1 2 1 0 0 1 0 0".split(" "),
    "chat.name": ["Zoë", "Ada", "Zoë", "Zoe"],
    "chat.log": ["QEFCQ0RF"],
    "chat.room": [String(2 ** 40), "23"],
    "chat.text": ["Grüße, 你好 🙂", "waves", "Grüße, 你好 🙂"],
    "chat.seq": ["1", "1"],
    "chat.have.position": [String(2 ** 40 + 23)],
    "chat.ack.outcome": ["1", "3"],
    "chat.ack.count": ["1"],
    "chat.ack.frame": ["5"],
    "chat.moderate.number": ["5"],
    "chat.action": ["ban", "announce"],
    "chat.member": ["7", "7", "8"],
    "chat.seconds": ["3600"],
    "chat.reason": ["spam", "spam"],
    "chat.announcement": ["你好"],
    "chat.ban": ["1", "2"],
    "chat.bans.by": ["1", "0"],
    "chat.bans.since": ["0", "1"],
    "chat.until": ["8640000000000000"],
    "chat.moderator": ["A".repeat(43), "E".repeat(43)],
    "chat.read_only": ["1"],
    "chat.silenced": ["7", "9"],
    "chat.given_topic.text": ["Grüße"],
    "chat.given_topic.time": ["8640000000000000"],
    "chat.left.frames": ["41"],
    "chat.left.bytes": ["524288"],
    "chat.away.state": ["1"],
    "chat.away.since": ["1709121600000"],
    "chat.left.reason": ["2"],
    "chat.generation": ["3", "4", "3", "3"],
    "chat.total": [String(2 ** 40)],
    "chat.file.kind": "0x43 0x43 0x4f 0x51 0x52 0x48 0x4e 0x45".split(" "),
    "chat.file.offset": [String(2 ** 32), "0", "5", String(2 ** 40)],
    "chat.file.data": [utf8.encode("end").toHex(), utf8.encode("hello").toHex()],
    "chat.file.sha256": ["08".repeat(32), "09".repeat(32)],
    "chat.file.name": ["a.txt"],
    "chat.file.size": [String(2 ** 40)],
    "chat.error.code": ["flood", "slow"],
    "chat.token": ["sLGys7S1"],
    "chat.members": ["1"],
  };
  for (const [field, all] of Object.entries(expected)) {
    assertEquals(values(found, field), all, field);
  }
  assertFaultless(found);
}

withTshark(
  "chat.lua: frames are found in any pieces: cut at every byte, and byte by byte",
  () => {
    const longest = Math.max(...TURNS.map(([, bytes]) => bytes.length));
    const streams: Stream[] = [{ pieces: TURNS }];
    for (let at = 1; at < longest; at++) {
      const pieces = TURNS.flatMap(([side, bytes]): Piece[] =>
        at < bytes.length
          ? [[side, bytes.subarray(0, at)], [side, bytes.subarray(at)]]
          : [[side, bytes]]
      );
      streams.push({ pieces });
    }
    const bytewise = TURNS.flatMap(([side, bytes]) =>
      Array.from(bytes, (byte): Piece => [side, Uint8Array.of(byte)])
    );
    streams.push({ pieces: bytewise });
    for (const found of dissectStreams(streams)) assertTurns(found);
    // Like Wireshark: all packets once in order, and then again when a user selects them.
    for (const found of dissectStreams(streams, "-2")) assertTurns(found);
  },
);

withTshark("chat.lua: a message of the maximum size is found across its packets", () => {
  const text = "ü".repeat((MAX_FRAME - 5 - 1 - 13) >> 1);
  const frame = encodeFrame(Type.MESSAGE, 0, said(text, 1));
  const pieces = TURNS.slice(0, 6);
  for (let at = 0; at < frame.length; at += 60_000) {
    pieces.push(["client", frame.subarray(at, at + 60_000)]);
  }
  const [found] = dissectStreams([{ pieces }]);
  assertEquals(values(found!, "chat.text"), [text]);
});

withTshark("chat.lua: every frame type has a name, from each side that may send it", () => {
  const streams = Object.values(Type).flatMap((type) =>
    (["client", "server"] as const).map((side): Stream => ({
      pieces: [TURNS[0]!, TURNS[1]!, [side, encodeFrame(type, 0)]],
    }))
  );
  const path = Deno.makeTempFileSync({ suffix: ".pcapng" });
  try {
    Deno.writeFileSync(path, writeCapture({ link: LINK.RAW, packets: packetsOf(streams) }));
    const lines = runExample(`tshark -X lua_script:${DISSECTOR} -r ${path} -Y chat.type`).split(
      "\n",
    )
      .filter((line) => !/GREETING: xor/.test(line));
    const names = Object.keys(Type).flatMap((name) => [name, name]);
    assertEquals(lines.map((line) => / CHAT \d+ (\w+)/.exec(line)?.[1]), [...names, undefined]);
  } finally {
    Deno.removeSync(path);
  }
});

// ---- faults ----

interface Vector {
  readonly name: string;
  readonly expect: string;
  readonly key: string | undefined;
  readonly bytes: Uint8Array;
}

const vectors: Vector[] = [...Deno.readDirSync(`${root}/tests/vectors/data`)]
  .filter(({ name }) => /^(?:frame|xor|fail)_/.test(name))
  .map(({ name }) => {
    const text = Deno.readTextFileSync(`${root}/tests/vectors/data/${name}`);
    const end = text.indexOf("\n\n");
    const digits = text.slice(end).replace(/#.*$/gm, "").replace(/\s+/g, "");
    return {
      name,
      expect: /^expect: (.*)$/m.exec(text)![1]!,
      key: /^public-key: (.*)$/m.exec(text)?.[1],
      bytes: Uint8Array.fromHex(digits),
    };
  });

/** Types that only the client sends. */
const FROM_CLIENT: readonly number[] = [Type.HELLO, Type.HAVE, Type.MODERATE];

withTshark(
  "chat.lua: each valid vector of a frame has no fault, and each invalid one has a fault",
  () => {
    const streams = vectors.map(({ name, key, bytes }): Stream => {
      const isSealed = /greeting_sealed|hello_sealed|login/.test(name);
      const greeting = isSealed
        ? encodeGreeting({ version: 1, cipher: "sealed", maxFrame: MAX_FRAME })
        : encodeGreeting({
          version: 1,
          cipher: "xor",
          key: key ?? String(KEY),
          maxFrame: MAX_FRAME,
        });
      const fromClient = FROM_CLIENT.includes(bytes[4]!) || /_sent\.txt$/.test(name);
      const pieces: Piece[] = [["client", PREFACE], ["server", greeting]];
      // Only to a client that joins.
      if (/topic_given|malformed_topic/.test(name)) {
        pieces.push(["server", encodeSeat(2, { log: "QEFCQ0RFRkdISUpLTE1OTw", room: 23 })]);
      }
      return { pieces: [...pieces, [fromClient ? "client" : "server", bytes]] };
    });
    const all = dissectStreams(streams);
    assertEquals(all.length, vectors.length);
    for (const [i, { name, expect }] of vectors.entries()) {
      const found = all[i]!;
      const faults = FAULTS.filter((fault) => values(found, fault).length > 0);
      if (expect === "ok") {
        assertEquals(faults, [], name);
      } else {
        const kind: Record<string, string> = {
          malformed: "chat.malformed",
          "too-large": "chat.too_large",
          unexpected: "chat.unexpected",
          version: "chat.unexpected",
          unreadable: "chat.unreadable",
        };
        // A frame of a later version may be unknown for other reasons, too.
        assert(faults.includes(kind[expect]!), `${name}: ${faults}`);
      }
    }
  },
);

withTshark(
  "chat.lua: after an impossible length nothing is guessed, and the other side is still dissected",
  () => {
    const [found] = dissectStreams([{
      pieces: [
        ...TURNS.slice(0, 6),
        ["client", Uint8Array.of(0, 0, 0, 4, 11)],
        ["client", encodeFrame(Type.PING, 0)],
        ["server", encodeError("malformed", "no frame")],
      ],
    }]);
    assertEquals(values(found!, "chat.type").slice(-1), [String(Type.ERROR)]);
    assertEquals(values(found!, "chat.malformed").length, 1);
    assertEquals(values(found!, "chat.lost").length, 1);
  },
);

withTshark("chat.lua: no bytes make it fail", () => {
  // Reproducible: a linear congruential generator, of which the high bits are good enough here.
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
  const streams = Array.from({ length: 1500 }, (): Stream => {
    const turn = random(TURNS.length);
    return {
      pieces: TURNS.map(([side, bytes], i): Piece => {
        const broken = bytes.slice(0, i === turn ? 1 + random(bytes.length) : undefined);
        if (i >= turn) {
          for (let n = random(4); n >= 0; n--) broken[random(broken.length)] = random(256);
        }
        return [side, broken];
      }),
    };
  });
  // `dissect` fails if there is a Lua error.
  const all = dissectStreams(streams);
  const faults = all.filter((found) => FAULTS.some((fault) => values(found, fault).length > 0));
  assert(faults.length > streams.length / 2, `${faults.length} of ${streams.length} have a fault`);
});

withTshark("chat.lua: a frame that was captured in part is marked as cut", () => {
  const packets = packetsOf([{ pieces: TURNS.slice(0, 2) }]);
  const { time, bytes } = packets.at(-1)!;
  const file = writeCapture({
    link: LINK.RAW,
    packets: [...packets.slice(0, -1), { time, bytes }],
  });
  // Only the first bytes were captured. The original length follows the captured length.
  const path = Deno.makeTempFileSync({ suffix: ".pcapng" });
  try {
    Deno.writeFileSync(path, file);
    const cut = `${path}.cut`;
    runExample(`editcap -s 60 ${path} ${cut}`);
    try {
      assertEquals(values(dissect(cut), "chat.cut").length, 1);
    } finally {
      Deno.removeSync(cut);
    }
  } finally {
    Deno.removeSync(path);
  }
});

// ---- the classic wire ----

function classic(key: number, ...pieces: [Side, Uint8Array][]): Piece[] {
  const seal = (bytes: Uint8Array) => new XorCipher(key).seal(bytes);
  return pieces.map(([side, bytes]) => [side, seal(bytes)]);
}

withTshark("chat.lua: classic, with every kind of key, in one packet and in two", () => {
  for (const key of [0, 9, 10, 99, 100, 198, 255]) {
    const digits = utf8.encode(String(key));
    const talk = classic(key, ["client", utf8.encode("Grüße")], [
      "server",
      utf8.encode("1: Hi 🙂"),
    ]);
    const streams: Stream[] = [{ pieces: [["server", digits], ...talk] }];
    for (let at = 1; at < digits.length; at++) {
      const parts: Piece[] = [["server", digits.subarray(0, at)], ["server", digits.subarray(at)]];
      streams.push({ pieces: [...parts, ...talk] });
    }
    for (const found of [...dissectStreams(streams), ...dissectStreams(streams, "-2")]) {
      assertEquals(values(found, "chat.key").at(-1), String(key));
      assertEquals(values(found, "chat.text"), ["Grüße", "1: Hi 🙂"]);
      assertEquals(values(found, "chat.type"), []);
      assertFaultless(found);
    }
  }
});

withTshark("chat.lua: classic text of only digits is not a key", () => {
  const [found] = dissectStreams([{
    pieces: [
      ["server", utf8.encode("10")],
      // Under this key, encrypted and plain text are equal.
      ["client", utf8.encode("1")],
      ["server", utf8.encode("2")],
    ],
  }]);
  assertEquals(values(found!, "chat.key"), ["10"]);
  assertEquals(values(found!, "chat.text"), ["1", "2"]);
});

// ---- ports and sessions ----

withTshark(
  "chat.lua: recognizes frames at any port, the classic wire only at the chosen one, and nothing else",
  () => {
    const old: Piece[] = [
      ["server", utf8.encode("198")],
      ...classic(198, ["client", utf8.encode("Hi")]),
    ];
    const streams: Stream[] = [
      { pieces: TURNS, serverPort: 5000 },
      { pieces: old, serverPort: 5000 },
      { pieces: [["client", utf8.encode("GET / HTTP/1.1\r\n\r\n")]] },
      { pieces: [["server", utf8.encode("220 mail")]], serverPort: 5000 },
    ];
    const [framed, unknown, http, mail] = dissectStreams(streams);
    assertTurns(framed!);
    for (const found of [unknown!, http!, mail!]) {
      assertEquals(values(found, "chat"), []);
      assertFaultless(found);
    }
    for (const options of [["-d", "tcp.port==5000,chat"], ["-o", "chat.port:2428,5000-5001"]]) {
      const [, found] = dissectStreams(streams.slice(0, 2), ...options);
      assertEquals(values(found!, "chat.text"), ["Hi"], options.join(" "));
    }
  },
);

withTshark("chat.lua: marks members with a classic client, if their profile shows it", () => {
  const frames = ['{"name":"a","classic":true}', '{"name":"b","classic":1}', '{"name":"c"}'].map(
    (json, i) => encodeFrame(Type.MEMBER, i + 3, xor.seal(utf8.encode(json))),
  );
  const [found] = dissectStreams([{
    pieces: [...TURNS.slice(0, 6), ["server", concat(frames)]],
  }]);
  assertEquals(values(found!, "chat.name").slice(-3), ["a", "b", "c"]);
  // tshark writes 1 or True, 0 or False.
  const marks = values(found!, "chat.profile.classic").map((value) => /^(?:1|true)$/i.test(value));
  assertEquals(marks, [true, false]);
  assertFaultless(found!);
});

withTshark("chat.lua: without GREETING it reports that it cannot open messages", () => {
  const [found] = dissectStreams([{ pieces: TURNS.slice(5) }]);
  assertEquals(values(found!, "chat.text"), []);
  assert(values(found!, "chat.no_greeting").length > 0);
  assertEquals(values(found!, "chat.type")[0], String(Type.WELCOME));
});

const SEALED_GREETING = encodeGreeting({ version: 1, cipher: "sealed", maxFrame: MAX_FRAME });

withTshark("chat.lua: shows the seat, the chain, and what GREETING says of the room", () => {
  const chain = "n-HAV2EABFBGg1Ct8Hz-PwR00TxKNIv7_2z70sMIrMA";
  const [found] = dissectStreams([{
    pieces: [
      ["client", PREFACE],
      [
        "server",
        encodeGreeting({
          version: 1,
          cipher: "sealed",
          maxFrame: MAX_FRAME,
          record: "0NHS09TV",
          state: "locked",
          time: 8_640_000_000_000_000,
        }),
      ],
      ["client", encodeHello({ version: 1, proof: "uuFqmvAT8L" })],
      ["server", encodeSeat(2, { log: "QEFCQ0RF", room: 2 ** 53 - 1, chain })],
      ["server", encodeWelcome(2, { room: 2 ** 53 - 1, chain, own: 0, members: 0 })],
    ],
  }]);
  assertEquals(values(found!, "chat.record"), ["0NHS09TV"]);
  assertEquals(values(found!, "chat.state"), ["locked"]);
  assertEquals(values(found!, "chat.time"), ["8640000000000000"]);
  assertEquals(values(found!, "chat.log"), ["QEFCQ0RF"]);
  assertEquals(values(found!, "chat.room"), ["9007199254740991", "9007199254740991"]);
  assertEquals(values(found!, "chat.chain"), [chain, chain]);
  assertEquals(values(found!, "chat.id"), ["0", "0", "2", "2"]);
  assertFaultless(found!);
});

withTshark("chat.lua: shows how many messages were refused before one", () => {
  const number = { origin, seq: 5, replay: false };
  const body = xor.seal(encodeEnvelope({ kind: "text", text: "Yep!", number, refused: 2 }));
  const pieces = [...TURNS.slice(0, 6), ["server", encodeFrame(Type.MESSAGE, 1, body)] as const];
  const [found] = dissectStreams([{ pieces }]);
  assertEquals(values(found!, "chat.refused"), ["2"]);
  assertEquals(values(found!, "chat.seq"), ["5"]);
  assertEquals(values(found!, "chat.text"), ["Yep!"]);
  assertFaultless(found!);
});

withTshark("chat.lua: a WELCOME with many rules may be long", () => {
  const silenced = Array.from({ length: 2_000 }, (_, at) => at + 1);
  const long = encodeWelcome(2, { room: 23, own: 0, members: 0, rules: { ...NO_RULES, silenced } });
  assert(long.length > 8192);
  const [found] = dissectStreams([{ pieces: [...TURNS.slice(0, 5), ["server", long]] }]);
  assertEquals(values(found!, "chat.silenced").length, 2_000);
  assertFaultless(found!);
});

withTshark("chat.lua: a sealed body is marked if it is too short for its use", () => {
  // As in docs/security.md: a profile, a message to the room, and one to a member.
  const cases: readonly [Side, number, number, number][] = [
    ["client", Type.PROFILE, 0, 200],
    ["server", Type.JOINED, 2, 200],
    ["client", Type.MESSAGE, 0, 120],
    ["server", Type.MESSAGE, 2, 120],
    ["client", Type.MESSAGE, 2, 96],
    ["server", Type.DIRECT, 2, 96],
  ];
  const stream = (short: number): Stream[] =>
    cases.map(([side, type, id, size]) => ({
      pieces: [
        ["client", PREFACE],
        ["server", SEALED_GREETING],
        [side, encodeFrame(type, id, new Uint8Array(size - short))],
      ],
    }));
  for (const found of dissectStreams(stream(0))) assertFaultless(found);
  for (const found of dissectStreams(stream(1))) {
    assertEquals(values(found, "chat.unreadable").length, 1);
  }
});

withTshark("chat.lua: a new connection from the same port is a new conversation", () => {
  const greeting = (key: number) =>
    encodeGreeting({ version: 1, cipher: "xor", key: String(key), maxFrame: MAX_FRAME });
  const pieces = [198, 9, 77].flatMap((key): Piece[] => {
    const body = new XorCipher(key).seal(encodeEnvelope({ kind: "text", text: `under ${key}` }));
    return [
      ["client", PREFACE],
      ["server", greeting(key)],
      ["server", encodeFrame(Type.MESSAGE, 1, body)],
    ];
  });
  for (const options of [[], ["-2"]]) {
    const [found] = dissectStreams([{ pieces }], ...options);
    assertEquals(values(found!, "chat.text"), ["under 198", "under 9", "under 77"]);
    assertFaultless(found!);
  }
});

withTshark("chat.lua: recognizes a resumption, sealed or not", () => {
  const resume = { token: "sLGys7S1", room: 2 ** 40, own: 37 };
  const [open, sealed] = dissectStreams([
    { pieces: [...TURNS.slice(0, 2), ["client", encodeResume(resume)]] },
    {
      pieces: [
        ["client", PREFACE],
        ["server", SEALED_GREETING],
        ["client", encodeResume({ ...resume, proof: "uuFqmvAT8L" })],
      ],
    },
  ]);
  for (const found of [open!, sealed!]) {
    assertEquals(values(found, "chat.token"), ["sLGys7S1"]);
    assertEquals(values(found, "chat.room"), [String(2 ** 40)]);
    assertFaultless(found);
  }
});

// ---- the tool ----

Deno.test("deno task capture: without tshark it reports what is missing", async () => {
  const home = Deno.makeTempDirSync({ prefix: "chat-test-" });
  try {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-all", "tools/capture.ts"],
      cwd: root,
      env: { PATH: home },
    }).output();
    assertEquals(code, 1);
    const said = new TextDecoder().decode(stderr);
    const missing = Deno.build.os === "windows"
      ? "Cannot capture here"
      : "there is no tshark 4 or later";
    assertStringIncludes(said, missing);
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
});
