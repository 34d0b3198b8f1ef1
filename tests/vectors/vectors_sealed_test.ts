// Checks the vectors `data/sealed_*.txt` of the sealed cipher, and the worked example in `docs/security.md`.
// Another implementation, in another language, computed them.
//
// A vector is a text file: a header of `key: value` lines, an empty line, then bytes in hex, with comments
// after `#`. `about` describes it; `expect` is `ok` or the kind of failure. The bytes are the body of a
// frame from member `from`, for `use`, to a receiver with these keys, which has opened the vectors in
// `after` before. If a failure has `of`, that body can still be opened after it.

import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import type { Use } from "../../cipher.ts";
import { deriveKey } from "../../cipher/aead.ts";
import { CODE_WORDS, WORDS } from "../../cipher/codes.ts";
import { ExchangeKey } from "../../cipher/exchange.ts";
import { Identity } from "../../cipher/identity.ts";
import { SealedCipher } from "../../cipher/sealed.ts";
import { TRIES_IN_ALL, TRIES_PER_ADDRESS } from "../../server/login_tries.ts";

const VECTORS = 35;

/** The error message of each kind of failure. */
const KINDS: Readonly<Record<string, string>> = {
  short: "it is too short",
  counter: "its counter is out of range",
  repeated: "it is a repeated message, or follows one that was sent later",
  tampered: "this member did not seal it for this use",
  signature: "its signature is not this member's",
  time: "its time is invalid",
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

function cipherOf(fields: Fields, who: "sender" | "receiver"): SealedCipher {
  return new SealedCipher({
    exportKey: bytesIn(fields, "export-key"),
    identity: new Identity(bytesIn(fields, `${who}-seed`)),
    exchange: new ExchangeKey(bytesIn(fields, `${who}-exchange`)),
    salt: bytesIn(fields, `${who}-salt`),
    now: () => numberIn(fields, "time"),
  });
}

function openWith(cipher: SealedCipher, { fields, bytes }: Vector) {
  return cipher.open(bytes, fields["use"] as Use, numberIn(fields, "from"));
}

/** The receiver, after it has opened the vectors in `after`. */
function receiverOf({ fields }: Vector): SealedCipher {
  const receiver = cipherOf(fields, "receiver");
  for (const name of fields["after"]?.split(" ") ?? []) {
    const before = vectors.get(name);
    assert(before, `there is no ${name}`);
    openWith(receiver, before);
    receiver.expectAll(numberIn(before.fields, "from"));
  }
  return receiver;
}

/** Seals the body like its sender. */
function seal({ fields }: Vector): Uint8Array {
  const sender = cipherOf(fields, "sender");
  const use = fields["use"] as Use;
  // The sender's id for the receiver is not part of the body.
  const receiver = 9;
  const profile = cipherOf(fields, "receiver").seal(new Uint8Array(0), "profile");
  sender.open(profile, "profile", receiver);
  const content = contentOf(fields);
  for (let n = 0; n < numberIn(fields, "counter"); n++) sender.seal(content, use, receiver);
  return sender.seal(content, use, receiver);
}

Deno.test(`vectors: there are ${VECTORS} different sealed vectors`, () => {
  assertEquals(vectors.size, VECTORS);
  const shown = [...vectors.values()].map(({ fields, bytes }) =>
    [fields["receiver-seed"], fields["use"], fields["from"], fields["after"], bytes].join()
  );
  assertEquals(new Set(shown).size, VECTORS, "two vectors show the same");
});

Deno.test("vectors: have every use and every kind of failure", () => {
  const all = [...vectors.values()];
  const uses = new Set(all.flatMap(({ fields }) => fields["use"] ?? []));
  assertEquals([...uses].sort(), ["direct", "profile", "room"]);
  const kinds = new Set(all.map(({ expect }) => expect));
  assertEquals([...kinds].sort(), ["ok", ...Object.keys(KINDS)].sort());
});

for (const vector of vectors.values()) {
  const { name, about, expect, fields, bytes } = vector;
  if (name === "sealed_keys.txt") continue;
  if (expect === "ok") {
    Deno.test(`${name}: ${about}`, () => {
      const { plaintext, sentAt, missing } = openWith(receiverOf(vector), vector);
      assertEquals(plaintext, contentOf(fields));
      assertEquals(sentAt, numberIn(fields, "time"));
      assertEquals(missing, numberIn(fields, "missing"));
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

Deno.test("sealed_keys.txt: every key is derived as in docs/security.md", () => {
  const { fields, bytes } = vectors.get("sealed_keys.txt")!;
  const info = (text: string, more = new Uint8Array(0)) =>
    Uint8Array.of(...new TextEncoder().encode(text), ...more);
  const exportKey = bytesIn(fields, "export-key");
  const [salt, receiver] = [bytesIn(fields, "sender-salt"), bytesIn(fields, "receiver-salt")];
  const exchange = new ExchangeKey(bytesIn(fields, "sender-exchange"));
  const theirs = new ExchangeKey(bytesIn(fields, "receiver-exchange"));
  const agreed = exchange.agree(theirs.publicKey);
  const keys = [
    deriveKey(exportKey, new Uint8Array(0), info("chat/1 room id")),
    new Identity(bytesIn(fields, "sender-seed")).publicKey,
    exchange.publicKey,
    deriveKey(exportKey, salt, info("chat/1 profile")),
    deriveKey(exportKey, salt, info("chat/1 room")),
    agreed,
    deriveKey(
      Uint8Array.of(...exportKey, ...agreed),
      salt,
      info("chat/1 direct", receiver),
    ),
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
    `A message is ${overhead("room")} bytes longer than its envelope, a profile ${
      overhead("profile")
    }`,
  ));
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
