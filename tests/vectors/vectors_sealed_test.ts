// Checks the vectors `data/sealed_*.txt` of the sealed cipher, and the worked example in `docs/security.md`.
// Another implementation, in another language, computed them: `make_vectors.py`.
//
// A vector is a text file: a header of `key: value` lines, an empty line, then bytes in hex, with comments
// after `#`. `about` describes it; `expect` is `ok` or the kind of failure. The bytes are the body of a
// frame from member `from`, for `use`, to a receiver with this seat and these keys, which has opened the
// vectors in `after` before; then the members in `left` have left. A sender reports `position` and `chain`.
// If a failure has `of`, that body can still be opened after it.

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import type { Report, Use } from "../../cipher.ts";
import { deriveKey } from "../../cipher/aead.ts";
import { CODE_WORDS, WORDS } from "../../cipher/codes.ts";
import { ExchangeKey } from "../../cipher/exchange.ts";
import { Identity } from "../../cipher/identity.ts";
import { MIN_PASSPHRASE } from "../../cipher/identity_export.ts";
import { SealedCipher } from "../../cipher/sealed.ts";
import { TRIES_IN_ALL, TRIES_PER_ADDRESS } from "../../server/login_tries.ts";
import { sealAs } from "../support/file_data.ts";

const VECTORS = 54;

/** The error message of each kind of failure. */
const KINDS: Readonly<Record<string, string>> = {
  short: "it is too short",
  counter: "its counter is out of range",
  repeated: "it is a repeated message, or follows one that was sent later",
  tampered: "this member did not seal it for this use",
  signature: "its signature is not this member's",
  time: "its time is invalid",
  report: "its report is invalid",
  spent: "its session belongs to another member, or was used before",
  keys: "its keys have changed within a session",
  "weak-key": "it is weak",
  "no-key": "it is not a point on the curve",
  stranger: "its sender has not proved an identity",
};

type Fields = Readonly<Record<string, string>>;

interface Vector {
  readonly name: string;
  readonly about: string;
  readonly expect: string;
  readonly fields: Fields;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function parseHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(text.replace(/#.*$/gm, "").replace(/\s+/g, ""));
}

function parseVector(name: string, text: string): Vector {
  const end = text.indexOf("\n\n");
  const entries = text.slice(0, end).split("\n").map((line): [string, string] => {
    const colon = line.indexOf(": ");
    assert(colon > 0, `${name}: ${line}`);
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
  const { about, expect, ...fields } = Object.fromEntries(entries);
  assert(about && expect, `${name} must have "about" and "expect"`);
  return { name, about, expect, fields, bytes: parseHex(text.slice(end)) };
}

const folder = new URL("./data/", import.meta.url);
const vectors = new Map(
  [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.startsWith("sealed_")).sort()
    .map((name) => [name, parseVector(name, Deno.readTextFileSync(new URL(name, folder)))]),
);

const bytesIn = (fields: Fields, key: string) => Uint8Array.fromHex(fields[key]!);
const numberIn = (fields: Fields, key: string) => Number(fields[key]);
const contentOf = (fields: Fields) => new TextEncoder().encode(JSON.parse(fields["content"]!));

/** The sender's report. A direct message has none, and a receiver's own does not matter. */
function reportIn(fields: Fields): Report {
  const chain = fields["chain"] === undefined ? new Uint8Array(16) : bytesIn(fields, "chain");
  return { position: Number(fields["position"] ?? 0), chain };
}

function cipherOf(fields: Fields, who: "sender" | "receiver"): SealedCipher {
  return new SealedCipher({
    exportKey: bytesIn(fields, "export-key"),
    identity: new Identity(bytesIn(fields, `${who}-seed`)),
    exchange: new ExchangeKey(bytesIn(fields, `${who}-exchange`)),
    salt: bytesIn(fields, `${who}-salt`),
    seat: { log: bytesIn(fields, "log"), id: numberIn(fields, `${who}-id`) },
    now: () => numberIn(fields, "time"),
    report: () => reportIn(fields),
  });
}

function openWith(cipher: SealedCipher, { fields, bytes }: Vector) {
  return cipher.open(bytes, fields["use"] as Use, numberIn(fields, "from"));
}

/** The receiver, after it has opened the vectors in `after`, and those in `left` have left. */
function receiverOf({ fields }: Vector): SealedCipher {
  const receiver = cipherOf(fields, "receiver");
  for (const name of fields["after"]?.split(" ") ?? []) {
    const before = vectors.get(name);
    assert(before, `there is no ${name}`);
    openWith(receiver, before);
    receiver.expectAll(numberIn(before.fields, "from"));
  }
  for (const id of fields["left"]?.split(" ") ?? []) receiver.forget(Number(id));
  return receiver;
}

/** Seals the body like its sender. */
function seal({ fields }: Vector): Uint8Array {
  const sender = cipherOf(fields, "sender");
  const use = fields["use"] as Use;
  const receiver = numberIn(fields, "receiver-id");
  const profile = cipherOf(fields, "receiver").seal(new Uint8Array(0), "profile");
  sender.open(profile, "profile", receiver);
  const content = contentOf(fields);
  for (let n = 0; n < numberIn(fields, "counter"); n++) sealAs(sender, content, use, receiver);
  return sealAs(sender, content, use, receiver);
}

Deno.test(`vectors: there are ${VECTORS} different sealed vectors`, () => {
  assertEquals(vectors.size, VECTORS);
  const shown = [...vectors.values()].map(({ fields, bytes }) =>
    [
      ...[fields["receiver-seed"], fields["use"], fields["from"], fields["after"]],
      ...[fields["left"], bytes],
    ].join()
  );
  assertEquals(new Set(shown).size, VECTORS, "two vectors show the same");
});

Deno.test("vectors: have every use and every kind of failure", () => {
  const all = [...vectors.values()];
  const uses = new Set(all.flatMap(({ fields }) => fields["use"] ?? []));
  assertEquals([...uses].sort(), ["data", "direct", "profile", "room", "topic"]);
  const kinds = new Set(all.map(({ expect }) => expect));
  assertEquals([...kinds].sort(), ["ok", ...Object.keys(KINDS)].sort());
});

for (const vector of vectors.values()) {
  const { name, about, expect, fields, bytes } = vector;
  if (name === "sealed_keys.txt") continue;
  if (expect === "ok") {
    Deno.test(`${name}: ${about}`, () => {
      const { plaintext, sentAt, missing, report } = openWith(receiverOf(vector), vector);
      assertEquals(plaintext, contentOf(fields));
      const isSigned = fields["use"] !== "data";
      assertEquals(sentAt, isSigned ? numberIn(fields, "time") : undefined);
      assertEquals(missing, numberIn(fields, "missing"));
      const hasReport = isSigned && fields["use"] !== "direct";
      assertEquals(report, hasReport ? reportIn(fields) : undefined);
      assertEquals(seal(vector), bytes);
    });
  } else {
    Deno.test(`${name}: ${about}`, () => {
      const receiver = receiverOf(vector);
      assertThrows(() => openWith(receiver, vector), RangeError, KINDS[expect]!);
      if (fields["of"] === undefined) return;
      const truth = vectors.get(fields["of"]);
      assert(truth, `there is no ${fields["of"]}`);
      assertNotEquals(truth.bytes, bytes);
      assertEquals(openWith(receiver, truth).plaintext, contentOf(truth.fields));
    });
  }
}

/** One end of a direct message. */
interface Party {
  readonly id: Uint8Array;
  readonly salt: Uint8Array;
  readonly identity: Uint8Array;
  readonly exchange: ExchangeKey;
}

Deno.test("sealed_keys.txt: every key is derived as in docs/security.md", () => {
  const { fields, bytes } = vectors.get("sealed_keys.txt")!;
  const info = (text: string, ...parts: Uint8Array[]) =>
    concat([new TextEncoder().encode(text), ...parts]);
  const exportKey = bytesIn(fields, "export-key");
  const log = bytesIn(fields, "log");
  const [ada, bob] = (["sender", "receiver"] as const).map((who) => ({
    id: Uint8Array.of(0, 0, 0, numberIn(fields, `${who}-id`)),
    salt: bytesIn(fields, `${who}-salt`),
    identity: new Identity(bytesIn(fields, `${who}-seed`)).publicKey,
    exchange: new ExchangeKey(bytesIn(fields, `${who}-exchange`)),
  })) as [Party, Party];
  const agreed = ada.exchange.agree(bob.exchange.publicKey);
  const keys = [
    deriveKey(exportKey, new Uint8Array(0), info("chat/1 room id")),
    ada.identity,
    ada.exchange.publicKey,
    deriveKey(exportKey, ada.salt, info("chat/1 profile", log, ada.id, ada.salt)),
    deriveKey(exportKey, ada.salt, info("chat/1 room", log, ada.id, ada.salt, ada.identity)),
    deriveKey(exportKey, ada.salt, info("chat/1 topic", log, ada.id, ada.salt, ada.identity)),
    agreed,
    ...["chat/1 direct", "chat/1 data"].map((label) => (
      deriveKey(
        concat([exportKey, agreed]),
        ada.salt,
        info(
          label,
          ...[log, ada.id, bob.id, ada.identity, bob.identity, ada.salt, bob.salt],
          ...[ada.exchange.publicKey, bob.exchange.publicKey],
        ),
      )
    )),
  ];
  assertEquals(keys.map((key) => key.toHex()).join(""), bytes.toHex());
});

const document = Deno.readTextFileSync(new URL("../../docs/security.md", import.meta.url));

Deno.test("docs/security.md: each hex block is the vector that it names", () => {
  const blocks = Array.from(document.matchAll(/^```hex\n([^]*?)^```$/gm), (match) => match[1]!);
  assertEquals(blocks.length, 3);
  for (const block of blocks) {
    const name = /^# tests\/vectors\/data\/(\S+)\n/.exec(block)?.[1];
    const vector = vectors.get(name ?? "");
    assert(vector, `a hex block must begin with the name of its vector, not ${name}`);
    assertEquals(parseHex(block), vector.bytes);
  }
});

Deno.test("docs/security.md: lists every kind of failure", () => {
  for (const kind of Object.keys(KINDS)) assert(document.includes(`| \`${kind}\``), kind);
});

Deno.test("docs/security.md: has the numbers of the code", () => {
  const flat = document.replace(/\s+/g, " ");
  const overhead = (use: Use) => {
    const { fields, bytes } = vectors.get(`sealed_${use}.txt`)!;
    return bytes.length - contentOf(fields).length;
  };
  assert(flat.includes(
    `A message to the room is ${
      overhead("room")
    } bytes longer than its envelope, a direct message ` +
      `${overhead("direct")}, a profile ${overhead("profile")}`,
  ));
  assert(flat.includes(`has at least ${MIN_PASSPHRASE} characters`));
  assert(flat.includes(`${TRIES_PER_ADDRESS} a minute from one address`));
  assert(flat.includes(`${TRIES_IN_ALL} a minute in all`));
  // The chance of a guess within a year, and the years until half of all codes are tried.
  const codes = WORDS.length ** CODE_WORDS;
  const aYear = TRIES_IN_ALL * 60 * 24 * 365;
  const rounded = (value: number) => Math.round(value / 10_000) * 10_000;
  const spaced = (value: number) => `${rounded(value)}`.replace(/(?=000$)/, " ");
  assert(flat.includes(`1 in ${spaced(codes / aYear)}`), spaced(codes / aYear));
  assert(flat.includes(`after ${spaced(codes / 2 / aYear)} years`), spaced(codes / 2 / aYear));
});
