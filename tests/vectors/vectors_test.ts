// Checks the vectors in `data/` in both directions, and the bytes in `docs/protocol.md` against them.
// `tests/vectors/vectors_sealed_test.ts` checks those of the sealed cipher, `sealed_*`, and
// `tests/vectors/vectors_chain_test.ts` those of the chain, `chain_*`; `cipher/identity_export_test.ts` checks `identity_*`.
//
// A vector is a text file: a header of `key: value` lines, an empty line, then bytes in hex, with
// comments after `#`. `about` describes it. `expect` is `ok`, or the failure: a code of
// ProtocolError, or `unreadable` for an envelope or profile that cannot be opened. The other keys are
// the meaning of the bytes; text is quoted as in JSON.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { XorCipher } from "../../cipher.ts";
import { encodeGrantBody, parseData, parseGrant, sealDataFrame } from "../../protocol/data.ts";
import { Identity } from "../../cipher/identity.ts";
import {
  EXPORT_KEY_SIZE,
  LOG_NAME_SIZE,
  REPORTED_CHAIN_SIZE,
  SealedCipher,
} from "../../cipher/sealed.ts";
import { Verifier } from "../../cipher/verifier.ts";
import { ProtocolError } from "../../errors.ts";
import {
  AckOutcome,
  Away,
  checkEmpty,
  checkProfile,
  DEFAULT_PORT,
  encodeAck,
  encodeAway,
  encodeFrame,
  encodeHave,
  ERROR_CODES,
  type ErrorCode,
  type Frame,
  FrameDecoder,
  HANDSHAKE_MS,
  Left,
  MAX_BODY,
  MAX_FRAME,
  MAX_FRAME_BEFORE_ADMISSION,
  MAX_PROFILE,
  parseAck,
  parseAway,
  parseHave,
  parseLeft,
  PREFACE,
  Type,
} from "../../protocol.ts";
import {
  encodeError,
  encodeGreeting,
  encodeHello,
  encodeLogin,
  encodeResume,
  encodeSeat,
  encodeWarning,
  encodeWelcome,
  type Greeting,
  parseError,
  parseGreeting,
  parseHello,
  parseLogin,
  parseSeat,
  parseWelcome,
  type Welcome,
} from "../../protocol/json_frames.ts";
import { KEPT_POSITIONS } from "../../client/chain.ts";
import { CHAIN_RUN, CHAIN_SIZE } from "../../protocol/chain.ts";
import {
  ANSWER_OVERHEAD,
  type Content,
  decodeEnvelope,
  decodeProfile,
  encodeEnvelope,
  encodeProfile,
  ENVELOPE_OVERHEAD,
  NUMBER_OVERHEAD,
  REFUSED_OVERHEAD,
} from "../../protocol/envelope.ts";
import {
  decodeChunks,
  decodeFileMessages,
  encodeFileMessages,
  type FileMessage,
  MAX_FILE_MESSAGES,
  MAX_FILE_NAME,
  MAX_PIECE,
  MAX_WHOLE,
  REASONS,
  restCost,
} from "../../protocol/file_messages.ts";
import {
  MAX_SEQ,
  type MessageId,
  ORIGIN_SIZE,
  REFERENCE_SIZE,
} from "../../protocol/message_ids.ts";
import {
  type Act,
  type Binding,
  encodeAct,
  encodeBans,
  encodeModerate,
  encodeNotice,
  MAX_ANNOUNCEMENT,
  MAX_BAN_SECONDS,
  MAX_REASON,
  moderateBytes,
  NO_RULES,
  NOTICE_ACTIONS,
  parseBans,
  parseModerate,
  parseNotice,
  type Rules,
} from "../../protocol/moderation.ts";
import {
  checkTopic,
  decodeTopic,
  encodeGivenTopic,
  encodeTopic,
  MAX_TOPIC,
  MAX_TOPIC_TEXT,
  parseGivenTopic,
} from "../../protocol/topic.ts";
import { parsePreface, parseServerOpening } from "../../protocol/opening.ts";
import { checkResume, proveResume, TOKEN_SIZE } from "../../protocol/resume.ts";
import { MAX_BANS, MAX_MODERATORS } from "../../server/governance.ts";
import { MAX_NAME_BYTES, MAX_NAME_COLUMNS } from "../../text/names.ts";
import { encodeChunks } from "../support/file_data.ts";

const VECTORS = 223;

const FILE_KINDS: Record<FileMessage["kind"], true> = {
  offer: true,
  ask: true,
  hash: true,
  differs: true,
  withdraw: true,
  decline: true,
  done: true,
  again: true,
};

type Fields = Record<string, string>;

interface Vector {
  readonly name: string;
  readonly about: string;
  readonly expect: string;
  /** Maximum length of a frame. */
  readonly limit: number;
  /** The meaning of the bytes. */
  readonly fields: Fields;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function parseHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/#.*$/gm, "").replace(/\s+/g, "");
  assert(/^(?:[0-9a-f]{2})*$/.test(digits), `no hex: ${digits}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function parseVector(name: string, text: string): Vector {
  const end = text.indexOf("\n\n");
  const entries = text.slice(0, end).split("\n").map((line): [string, string] => {
    const colon = line.indexOf(": ");
    assert(colon > 0, `${name}: ${line}`);
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  const { about, expect, limit, ...fields } = Object.fromEntries(entries);
  assert(about && expect, `${name} must have "about" and "expect"`);
  const bytes = parseHex(text.slice(end));
  return { name, about, expect, limit: Number(limit ?? MAX_FRAME), fields, bytes };
}

const folder = new URL("./data/", import.meta.url);
const vectors = [...Deno.readDirSync(folder)]
  .filter(({ name }) => !/^(?:sealed|chain|identity)_/.test(name))
  .map(({ name }) => parseVector(name, Deno.readTextFileSync(new URL(name, folder))))
  .sort((a, b) => a.name < b.name ? -1 : 1);

/** Converts between a frame's body and its fields. */
interface Codec {
  read(body: Uint8Array, given: Fields): Fields;
  /** Returns the complete frame. */
  write(fields: Fields, id: number): Uint8Array;
}

const cipherOf = (fields: Fields) => new XorCipher(Number(fields["public-key"]));
const quote = (text: string) => JSON.stringify(text);
const unquote = (fields: Fields, key: string): string => JSON.parse(fields[key]!);

function nameOf<T extends number>(table: Record<string, T>, value: number): string {
  return Object.entries(table).find((entry) => entry[1] === value)![0];
}

const empty = (type: number, name: string): Codec => ({
  read: (body) => (checkEmpty(name, body), {}),
  write: (_, id) => encodeFrame(type, id),
});

/** File messages, with bytes in hex. */
const asJson = (messages: readonly unknown[]) =>
  JSON.stringify(messages, (_, value) => value instanceof Uint8Array ? value.toHex() : value);
const fromJson = (text: string) =>
  JSON.parse(text, (key, value) => (
    ["id", "sha256", "prefix", "bytes"].includes(key) ? Uint8Array.fromHex(value) : value
  ));

const message = (type: number): Codec => ({
  read(body, given) {
    const envelope = decodeEnvelope(cipherOf(given).open(body).plaintext);
    assert(envelope.kind !== "unknown");
    if (envelope.kind === "file") {
      const { refused, messages } = decodeFileMessages(envelope.body);
      return {
        "public-key": given["public-key"]!,
        kind: envelope.kind,
        refused: `${refused}`,
        messages: asJson(messages),
        ...(envelope.number && numberFields(envelope.number)),
      };
    }
    return {
      "public-key": given["public-key"]!,
      kind: envelope.kind,
      ...("text" in envelope && { text: quote(envelope.text) }),
      ...("re" in envelope && { re: envelope.re }),
      ...(envelope.number && numberFields(envelope.number)),
      ...(envelope.refused !== undefined && { refused: `${envelope.refused}` }),
    };
  },
  write(fields, id) {
    const number = numberOf(fields);
    if (fields["kind"] === "file") {
      const messages = fromJson(fields["messages"]!);
      const body = encodeFileMessages({ refused: Number(fields["refused"]), messages });
      const envelope = encodeEnvelope({ kind: "file", body, ...(number && { number }) });
      return encodeFrame(type, id, cipherOf(fields).seal(envelope));
    }
    const { kind, re } = fields;
    const text = fields["text"] === undefined ? {} : { text: unquote(fields, "text") };
    const content = { kind, ...text, ...(re !== undefined && { re }) } as Content;
    const refused = Number(fields["refused"] ?? 0);
    const envelope = encodeEnvelope({ ...content, ...(number && { number }), refused });
    return encodeFrame(type, id, cipherOf(fields).seal(envelope));
  },
});

function numberFields({ origin, seq, replay }: MessageId): Fields {
  return { origin: origin.toHex(), seq: `${seq}`, replay: `${replay}` };
}

function numberOf({ origin, seq, replay }: Fields): MessageId | undefined {
  if (origin === undefined) return undefined;
  return { origin: Uint8Array.fromHex(origin), seq: Number(seq), replay: replay === "true" };
}

const profile = (type: number): Codec => ({
  read(body, given) {
    checkProfile(body);
    // A member without a profile is known by its id.
    const { name } = body.length === 0
      ? { name: "" }
      : decodeProfile(cipherOf(given).open(body).plaintext);
    return { "public-key": given["public-key"]!, name: quote(name) };
  },
  write: (fields, id) => encodeFrame(type, id, sealName(fields)),
});

function sealName(fields: Fields): Uint8Array {
  const name = unquote(fields, "name");
  return name === "" ? new Uint8Array(0) : cipherOf(fields).seal(encodeProfile({ name }));
}

/** Rules that hold, as JSON: a room without any has no fields. */
function ruleFields(rules: Rules): Fields {
  const differs = ([name, value]: [string, unknown]) =>
    JSON.stringify(value) !== JSON.stringify(NO_RULES[name as keyof Rules]);
  return Object.fromEntries(
    Object.entries(rules).filter(differs).map(([name, value]) => [name, JSON.stringify(value)]),
  );
}

function rulesOf(fields: Fields): Rules {
  const names = [...Object.keys(NO_RULES), "topic"].filter((name) => name in fields);
  return { ...NO_RULES, ...Object.fromEntries(names.map((name) => [name, unquote(fields, name)])) };
}

/** What a MODERATE is signed for. */
const bindingOf = (fields: Fields): Binding => ({
  sessionKey: Uint8Array.fromHex(fields["session-key"]!),
  log: fields["log"]!,
  id: Number(fields["member"]),
  nonce: fields["nonce"]!,
});

const CODECS: Record<keyof typeof Type, Codec> = {
  GREETING: {
    read(body) {
      const greeting = parseGreeting(body);
      const { version, cipher, maxFrame, budget, state, time } = greeting;
      const { nonce = undefined, record = undefined } = greeting.cipher === "sealed"
        ? greeting
        : {};
      return {
        version: `${version}`,
        cipher,
        ...(greeting.cipher === "xor" && { "public-key": greeting.key }),
        "max-frame": `${maxFrame}`,
        ...(nonce !== undefined && { nonce }),
        ...(budget && { budget: JSON.stringify(budget) }),
        ...(record !== undefined && { record }),
        ...(state !== undefined && { state }),
        ...(time !== undefined && { time: `${time}` }),
      };
    },
    write(fields) {
      const { cipher, nonce, budget, record, state, time } = fields;
      const key = fields["public-key"];
      const greeting = {
        version: Number(fields["version"]),
        cipher,
        ...(key !== undefined && { key }),
        maxFrame: Number(fields["max-frame"]),
        ...(nonce !== undefined && { nonce }),
        ...(budget !== undefined && { budget: JSON.parse(budget) }),
        ...(record !== undefined && { record }),
        ...(state !== undefined && { state }),
        ...(time !== undefined && { time: Number(time) }),
      };
      return encodeGreeting(greeting as Greeting);
    },
  },
  HELLO: {
    read(body, given) {
      const { version, proof, resume, ticket } = parseHello(body);
      if (resume) {
        const { token, room, own, proof } = resume;
        const claim = { version: `${version}`, token, room: `${room}`, own: `${own}` };
        if (proof === undefined) return claim;
        const { "session-key": key, nonce, chain } = given;
        const seen = { ...resume, chain: Uint8Array.fromHex(chain!) };
        assert(checkResume(Uint8Array.fromHex(key!), nonce!, seen));
        return { ...claim, "session-key": key!, nonce: nonce!, chain: chain!, proof };
      }
      return {
        version: `${version}`,
        ...(proof !== undefined && { proof }),
        ...(ticket !== undefined && { ticket }),
      };
    },
    write(fields) {
      const version = Number(fields["version"]);
      const { proof, ticket, token, nonce, chain, "session-key": key } = fields;
      if (token !== undefined) {
        const claim = { token, room: Number(fields["room"]), own: Number(fields["own"]) };
        if (key === undefined) return encodeResume(claim);
        const seen = { ...claim, chain: Uint8Array.fromHex(chain!) };
        return encodeResume({
          ...claim,
          proof: proveResume(Uint8Array.fromHex(key), nonce!, seen),
        });
      }
      return encodeHello({
        version,
        ...(proof !== undefined && { proof }),
        ...(ticket !== undefined && { ticket }),
      });
    },
  },
  SEAT: {
    read(body) {
      const { log, room, chain } = parseSeat(body);
      return { log, room: `${room}`, ...(chain !== undefined && { chain }) };
    },
    write({ log, room, chain }, id) {
      return encodeSeat(id, {
        log: log!,
        room: Number(room),
        ...(chain !== undefined && { chain }),
      });
    },
  },
  LOGIN: {
    read(body) {
      const { message, tries, ticket } = parseLogin(body);
      return {
        message,
        ...(tries !== undefined && { tries: `${tries}` }),
        ...(ticket !== undefined && { ticket }),
      };
    },
    write({ message, tries, ticket }) {
      return encodeLogin({
        message: message!,
        ...(tries !== undefined && { tries: Number(tries) }),
        ...(ticket !== undefined && { ticket }),
      });
    },
  },
  WELCOME: {
    read(body, given) {
      const welcome = parseWelcome(body);
      const { room, chain, own, members, accepted, said, token, grace, left, rules, servers } =
        welcome;
      const positions = {
        room: `${room}`,
        ...(chain !== undefined && { chain }),
        own: `${own}`,
        members: `${members}`,
      };
      if (!("token" in given)) {
        assertEquals([accepted, said, token, grace, left], [0, 0, undefined, 0, undefined]);
        assertEquals([rules, servers], [NO_RULES, []]);
        return positions;
      }
      const counts = { accepted: `${accepted}`, said: `${said}`, grace: `${grace}` };
      const more = {
        ...(left && { left: JSON.stringify(left) }),
        ...(servers.length > 0 && { servers: JSON.stringify(servers) }),
      };
      return { ...positions, ...counts, token: token!, ...more, ...ruleFields(rules) };
    },
    write(fields, id) {
      const number = (key: string) => Number(fields[key]);
      const { chain, left, servers } = fields;
      const positions = {
        room: number("room"),
        ...(chain !== undefined && { chain }),
        own: number("own"),
        members: number("members"),
      };
      // Our server never omits a field.
      if (!("token" in fields)) return encodeWelcome(id, positions as Welcome);
      return encodeWelcome(id, {
        ...positions,
        accepted: number("accepted"),
        said: number("said"),
        token: fields["token"],
        grace: number("grace"),
        ...(left !== undefined && { left: JSON.parse(left) }),
        rules: rulesOf(fields),
        ...(servers !== undefined && { servers: JSON.parse(servers) }),
      });
    },
  },
  MESSAGE: message(Type.MESSAGE),
  DIRECT: message(Type.DIRECT),
  ACK: {
    read(body) {
      const { count, outcome } = parseAck(body);
      return { count: `${count}`, outcome: nameOf(AckOutcome, outcome) };
    },
    write: (fields, id) =>
      encodeAck(id, {
        count: Number(fields["count"]),
        outcome: AckOutcome[fields["outcome"] as keyof typeof AckOutcome],
      }),
  },
  PROFILE: profile(Type.PROFILE),
  JOINED: profile(Type.JOINED),
  LEFT: {
    read: (body) => ({ reason: nameOf(Left, parseLeft(body)) }),
    write: (fields, id) =>
      encodeFrame(Type.LEFT, id, Uint8Array.of(Left[fields["reason"] as keyof typeof Left])),
  },
  MEMBER: profile(Type.MEMBER),
  PING: empty(Type.PING, "PING"),
  PONG: empty(Type.PONG, "PONG"),
  BYE: empty(Type.BYE, "BYE"),
  ERROR: {
    read(body) {
      const { code, message } = parseError(body);
      return { code, message: quote(message) };
    },
    write: (fields) => encodeError(fields["code"] as ErrorCode, unquote(fields, "message")),
  },
  HAVE: {
    read: (body) => ({ position: `${parseHave(body)}` }),
    write: (fields) => encodeHave(Number(fields["position"])),
  },
  AWAY: {
    read(body) {
      const since = parseAway(body);
      return since === undefined ? { state: "BACK" } : { state: "AWAY", since: `${since}` };
    },
    write: ({ since }, id) => encodeAway(id, since === undefined ? undefined : Number(since)),
  },
  TOPIC: {
    read(body, given) {
      const cipher = cipherOf(given);
      const isGiven = given["name"] !== undefined;
      const { profile, topic } = isGiven
        ? parseGivenTopic(body)
        : { profile: undefined, topic: body };
      checkTopic(topic);
      return {
        "public-key": given["public-key"]!,
        ...(profile && { name: quote(decodeProfile(cipher.open(profile).plaintext).name) }),
        text: quote(decodeTopic(cipher.open(topic).plaintext)),
      };
    },
    write(fields, id) {
      const topic = cipherOf(fields).seal(encodeTopic(unquote(fields, "text")));
      if (fields["name"] === undefined) return encodeFrame(Type.TOPIC, id, topic);
      return encodeGivenTopic(id, { profile: sealName(fields), topic });
    },
  },
  GRANT: {
    read(body) {
      const { generation, total } = parseGrant(body);
      return { generation: `${generation}`, total: `${total}` };
    },
    write: (fields, id) => {
      const grant = { generation: Number(fields["generation"]), total: Number(fields["total"]) };
      return encodeFrame(Type.GRANT, id, encodeGrantBody(grant));
    },
  },
  DATA: {
    read(body, given) {
      const { generation, chunk } = parseData(body);
      const key = given["public-key"] ?? "";
      const plain = new XorCipher(Number(key)).open(chunk as Uint8Array<ArrayBuffer>).plaintext;
      const chunks = asJson(decodeChunks(plain));
      return { generation: `${generation}`, "public-key": key, chunks };
    },
    write(fields, id) {
      const chunks = encodeChunks(fromJson(fields["chunks"]!));
      const into = new Uint8Array(MAX_FRAME);
      return sealDataFrame(
        into,
        id,
        Number(fields["generation"]),
        (into) => cipherOf(fields).sealData(chunks, id, into),
      );
    },
  },
  MODERATE: {
    read(body, given) {
      const { key, signature, number, json, act } = parseModerate(body as Uint8Array<ArrayBuffer>);
      const signed = moderateBytes(bindingOf(given), number, json);
      assert(new Verifier(key).verify(signed, signature));
      const { seed, "session-key": sessionKey, log, member, nonce } = given;
      assertEquals(key, new Identity(Uint8Array.fromHex(seed!)).publicKey);
      return {
        ...{ seed: seed!, "session-key": sessionKey!, log: log!, member: member!, nonce: nonce! },
        ...{ number: `${number}`, signed: signed.toHex(), act: JSON.stringify(act) },
      };
    },
    write(fields) {
      const identity = new Identity(Uint8Array.fromHex(fields["seed"]!));
      const number = Number(fields["number"]);
      const json = encodeAct(JSON.parse(fields["act"]!));
      const signature = identity.sign(moderateBytes(bindingOf(fields), number, json));
      return encodeModerate({ key: identity.publicKey, signature, number, json });
    },
  },
  NOTICE: {
    read: (body) => ({ notice: JSON.stringify(parseNotice(body)) }),
    write: (fields, id) => encodeNotice(id, JSON.parse(fields["notice"]!)),
  },
  BANS: {
    read: (body) => ({ bans: JSON.stringify(parseBans(body)) }),
    write: (fields, id) => encodeBans(id, JSON.parse(fields["bans"]!)),
  },
  WARNING: {
    read(body) {
      const { code, message } = parseError(body, "WARNING");
      return { code, message: quote(message) };
    },
    write: (fields) => encodeWarning(fields["code"] as ErrorCode, unquote(fields, "message")),
  },
};

function codecOf(type: string): Codec {
  return CODECS[type as keyof typeof Type];
}

/** The frames in `bytes`, which must not have more bytes after them. */
function decode(bytes: Uint8Array, limit = MAX_FRAME): Frame[] {
  const decoder = new FrameDecoder(limit, Math.max(bytes.length, 1));
  decoder.space().set(bytes);
  decoder.fill(bytes.length);
  const frames: Frame[] = [];
  for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(frame);
  assertEquals(decoder.unread.length, 0, "the last bytes are not a complete frame");
  return frames;
}

/** The meaning of a vector's one frame. */
function readFrame({ bytes, limit, fields: given }: Vector): Fields {
  const [frame, ...more] = decode(bytes, limit);
  assert(frame && more.length === 0, "a vector has one frame");
  const type = nameOf(Type, frame.type);
  return { type, id: `${frame.id}`, ...codecOf(type).read(frame.body, given) };
}

function readOpening({ bytes, fields }: Vector): { kind: string; version?: number } {
  const parse = fields["opening"] === "server" ? parseServerOpening : parsePreface;
  return parse(bytes);
}

// ---- tests ----

Deno.test(`vectors: there are ${VECTORS} different vectors`, () => {
  assertEquals(vectors.length, VECTORS);
  // The same bytes may appear before and after the preface, and under another limit.
  const shown = vectors.map(({ bytes, limit, fields }) => [fields["opening"], limit, bytes].join());
  assertEquals(new Set(shown).size, VECTORS, "two vectors show the same");
});

Deno.test("vectors: have every type of frame, every reason, every outcome and every code", () => {
  const values = (key: string) => {
    const all = vectors.flatMap(({ fields }) => fields[key] ?? []);
    return [...new Set(all)].sort();
  };
  assertEquals(values("type"), Object.keys(Type).sort());
  assertEquals(values("reason"), Object.keys(Left).sort());
  assertEquals(values("outcome"), Object.keys(AckOutcome).sort());
  assertEquals(values("state"), [...Object.keys(Away), "full", "locked", "open"].sort());
  assertEquals(values("replay"), ["false", "true"]);
  assertEquals(values("code"), [...ERROR_CODES].sort());
  assertEquals(values("cipher"), ["sealed", "xor"]);
  const files = values("messages").join();
  for (const reason of REASONS) assert(files.includes(`"reason":"${reason}"`), reason);
  for (const kind of Object.keys(FILE_KINDS)) assert(files.includes(`"kind":"${kind}"`), kind);
  const text = values("text").join();
  for (const line of ["So it starts!", "Right?", "Yep!", "Here we go!"]) {
    assert(text.includes(quote(line)), line);
  }
});

for (const vector of vectors) {
  const { name, about, expect, fields, bytes } = vector;
  if ("opening" in fields) {
    Deno.test(`${name}: ${about}`, () => {
      const { kind, version } = readOpening(vector);
      assertEquals(kind, expect);
      assertEquals(version?.toString(), fields["version"]);
      // The only opening that this program writes.
      if (kind === "chat") assertEquals(bytes, PREFACE);
    });
  } else if (expect === "ok") {
    Deno.test(`${name}: ${about}`, () => {
      assertEquals(readFrame(vector), fields);
      assertEquals(codecOf(fields["type"]!).write(fields, Number(fields["id"])), bytes);
    });
  } else if (expect === "unreadable") {
    Deno.test(`${name}: ${about}`, () => {
      assertThrows(() => readFrame(vector), RangeError);
    });
  } else {
    Deno.test(`${name}: ${about}`, () => {
      assertEquals(assertThrows(() => readFrame(vector), ProtocolError).code, expect);
    });
  }
}

// ---- the document ----

const document = Deno.readTextFileSync(new URL("../../docs/protocol.md", import.meta.url));
/** Without the spaces that align its tables. */
const tables = document.replace(/ +/g, " ");

/** The fenced blocks of one kind, without their fences. */
function blocks(kind: string): string[] {
  return Array.from(document.matchAll(/^```(\S*)\n([^]*?)^```$/gm))
    .filter((match) => match[1] === kind)
    .map((match) => match[2]!);
}

Deno.test("docs/protocol.md: each hex block is the vector that it names", () => {
  const found = blocks("hex");
  assertEquals(found.length, 10);
  for (const block of found) {
    const name = /^# tests\/vectors\/data\/(\S+)\n/.exec(block)?.[1];
    assert(name, "a hex block must begin with the name of its vector");
    const vector = parseVector(name, Deno.readTextFileSync(new URL(name, folder)));
    assertEquals(parseHex(block), vector.bytes);
  }
});

Deno.test("docs/protocol.md: the session consists of vectors, and both directions decode", () => {
  const [session, ...more] = blocks("session");
  assert(session !== undefined && more.length === 0, "there must be one session");
  const sent: Record<string, Uint8Array[]> = { C: [], S: [] };
  // A line is `C` or `S`, the bytes, and a comment. A line that starts with spaces continues the last one.
  for (const line of session.trimEnd().replace(/\n {2,}/g, " ").split("\n")) {
    const [, side, hex] = /^([CS]) +([0-9a-f ]+?)(?: *#.*)?$/.exec(line) ?? [];
    assert(side && hex, line);
    const bytes = parseHex(hex);
    assert(vectors.some((vector) => `${vector.bytes}` === `${bytes}`), `no vector: ${line}`);
    sent[side]!.push(bytes);
  }
  const concat = (parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const [preface, ...client] = sent["C"]!;
  assertEquals(preface, PREFACE);
  const types = (bytes: Uint8Array) => decode(bytes).map((frame) => nameOf(Type, frame.type));
  assertEquals(types(concat(client)), [
    ...["HELLO", "PROFILE", "HAVE", "MESSAGE", "MESSAGE", "MESSAGE", "BYE"],
  ]);
  assertEquals(types(concat(sent["S"]!)), [
    ...["GREETING", "SEAT", "WELCOME", "MEMBER", "JOINED"],
    ...["MESSAGE", "MESSAGE", "MESSAGE", "MESSAGE", "ACK"],
  ]);
});

Deno.test("docs/protocol.md: has the limits of the code", () => {
  const text = document.replace(/\s+/g, " ");
  const sizes = [MAX_PROFILE, MAX_TOPIC].map((bytes) => `${bytes} bytes`);
  assert(text.includes(`at most ${MAX_TOPIC_TEXT} bytes of UTF-8`));
  for (const limit of [MAX_FRAME_BEFORE_ADMISSION, MAX_FRAME, ...sizes]) {
    assert(tables.includes(`| ${limit} |`), `${limit}`);
  }
  assert(tables.includes(`| ${HANDSHAKE_MS / 1000} seconds |`));
  assert(text.includes(`port ${DEFAULT_PORT} `));
  assert(text.includes(`1 to ${MAX_NAME_BYTES} bytes`));
  assert(text.includes(`1 to ${MAX_NAME_COLUMNS} columns`));
  assert(text.includes(`${MAX_BODY - ENVELOPE_OVERHEAD} bytes of text`));
  assert(text.includes(`a message id takes ${NUMBER_OVERHEAD} of them`));
  assert(text.includes(`origin (${ORIGIN_SIZE}) || seq (4) || envelope`));
  assert(text.includes(`and a number of refused messages ${REFUSED_OVERHEAD}.`));
  assert(text.includes(`an answer takes ${ANSWER_OVERHEAD} more`));
  assert(text.includes(`reference (${REFERENCE_SIZE}) || payload`));
  assert(text.includes(`1 to ${MAX_SEQ}`));
  assert(
    text.includes(
      `nonce (${TOKEN_SIZE}) || token (${TOKEN_SIZE}) || room (8) || own (8) || chain (${CHAIN_SIZE})`,
    ),
  );
  const sealed = new SealedCipher({
    exportKey: new Uint8Array(EXPORT_KEY_SIZE),
    identity: Identity.generate(),
    seat: { log: new Uint8Array(LOG_NAME_SIZE), id: 1 },
    now: () => 0,
    report: () => ({ position: 0, chain: new Uint8Array(CHAIN_SIZE) }),
  });
  const { overhead } = sealed;
  assert(text.includes(`${overhead} bytes less, ${MAX_BODY - ENVELOPE_OVERHEAD - overhead}`));
  const profile = sealed.seal(new Uint8Array(0), "profile");
  assert(
    /(\d+) and (\d+) bytes/.exec(text)?.slice(1).join() === `${profile.length},${overhead}`,
  );
  assert(text.includes(`${CHAIN_RUN} bytes or more after the last restart`));
  assert(text.includes(`first ${REPORTED_CHAIN_SIZE} bytes of the chain there`));
  assert(text.includes(`the last ${KEPT_POSITIONS} boundaries of frames`));
});

Deno.test("docs/protocol.md: has the limits and the actions of moderation", () => {
  const text = tables.replace(/\s+/g, " ");
  assert(text.includes(`at most ${MAX_REASON} bytes of UTF-8`));
  assert(text.includes(`show all members a text of at most ${MAX_ANNOUNCEMENT} bytes of UTF-8`));
  assert(text.includes(`for 1 to ${MAX_BAN_SECONDS} seconds`));
  assert(text.includes(`at most ${MAX_MODERATORS} moderators, and ${MAX_BANS} bans at once`));
  const [, asked, done] = text.split("| action | fields |");
  const rows = (table: string | undefined) =>
    Array.from(table!.matchAll(/\| ((?:`[a-z]+`(?:, )?)+) \| (?:`|\| )/g), ([, names]) => names!)
      .flatMap((names) => names.split(", ").map((name) => name.slice(1, -1)));
  assertEquals(rows(done), [...NOTICE_ACTIONS]);
  const acts: Record<Act["action"], true> = {
    ...{ prove: true, kick: true, ban: true, unban: true, bans: true, silence: true },
    ...{ unsilence: true, lock: true, unlock: true, announce: true, op: true, deop: true },
  };
  assertEquals(rows(asked), Object.keys(acts));
});

Deno.test("docs/protocol.md: the limits of files are those of the program", () => {
  const text = document.replace(/\s+/g, " ");
  assert(text.includes(`1 to ${MAX_PIECE} bytes of a file, a name at most ${MAX_FILE_NAME}`));
  assert(text.includes(`at most ${MAX_FILE_MESSAGES} file messages`));
  const whole = `${MAX_WHOLE / 1024} KiB`;
  assert(text.includes(`A file of up to ${whole} comes in one chunk`));
  assert(text.includes(`has less than ${whole}, except its last`));
  const [first, second] = [1, 2].map((pieces) => restCost(pieces * MAX_WHOLE));
  const around = second! - first! - MAX_WHOLE;
  const last = first! - MAX_WHOLE - around;
  assert(text.includes(`${around} for each ${whole} or part of them, and ${last}.`));
});

Deno.test("docs/protocol.md: lists every type and every code with its number", () => {
  for (const [name, number] of Object.entries(Type)) {
    assert(tables.includes(`| ${number} | ${name} |`), `type ${number}, ${name}`);
  }
  for (const code of ERROR_CODES) assert(tables.includes(`| \`${code}\` |`), code);
  for (
    const [table, what] of [[Left, "reason"], [AckOutcome, "outcome"], [Away, "state"]] as const
  ) {
    for (const [name, number] of Object.entries(table)) {
      assert(tables.includes(`| ${number} | ${name} |`), `${what} ${number}, ${name}`);
    }
  }
  for (const [number, name] of REASONS.entries()) {
    assert(tables.includes(`| ${number} | ${name} |`), `reason ${number}, ${name}`);
  }
});

Deno.test("docs/capture/chat.lua: names every reason of a file message", async () => {
  const dissector = await Deno.readTextFile(
    new URL("../../docs/capture/chat.lua", import.meta.url),
  );
  const [, table] = /^local FILE_REASONS = \{\n(.*?)^\}/ms.exec(dissector)!;
  const rows = REASONS.map((name, number) => `  [${number}] = "${name}",\n`);
  assertEquals(table, rows.join(""));
});
