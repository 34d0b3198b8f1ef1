import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "../tests/support/property.ts";
import { sealAs } from "../tests/support/file_data.ts";
import type { Report, SealedUse, Use } from "../cipher.ts";
import { aead, deriveKey, NONCE_SIZE, seal } from "./aead.ts";
import { ExchangeKey } from "./exchange.ts";
import { Identity } from "./identity.ts";
import {
  EXPORT_KEY_SIZE,
  LOG_NAME_SIZE,
  SALT_SIZE,
  SealedCipher,
  type SealedOptions,
} from "./sealed.ts";

const NOON = Date.UTC(2026, 0, 31, 12);
const ROOM = new Uint8Array(EXPORT_KEY_SIZE).fill(7);
const ADA = 1;
const BOB = 2;
const EVE = 3;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const filled = (size: number, n: number) => new Uint8Array(size).fill(n);
const identity = (n: number) => new Identity(filled(32, n));

/** The name of the room's log. */
const LOG = filled(LOG_NAME_SIZE, 0x4c);
/** What all members have seen, except where a test says otherwise. */
const SEEN: Report = { position: 4711, chain: Uint8Array.from({ length: 32 }, (_, i) => i) };
/** The same, as receivers get it. */
const REPORTED: Report = { position: 4711, chain: SEEN.chain.slice(0, 16) };

/** The options of member `n`: it determines seat, identity, salt and exchange key. */
function optionsOf(n: number): SealedOptions {
  return {
    exportKey: ROOM,
    identity: identity(n),
    seat: { log: LOG, id: n },
    now: () => NOON,
    report: () => SEEN,
    salt: filled(SALT_SIZE, n),
    exchange: new ExchangeKey(filled(32, n)),
  };
}

/** The session of member `n`, with other options. */
function session(n: number, options: Partial<SealedOptions> = {}): SealedCipher {
  return new SealedCipher({ ...optionsOf(n), ...options });
}

/** Makes `receiver` open the profile of `sender`, as a member that joined after it. */
function introduce(receiver: SealedCipher, sender: SealedCipher, id: number): void {
  receiver.open(sender.seal(bytes(`name${id}`), "profile"), "profile", id);
  receiver.expectAll(id);
}

/** Ada, Bob and Eve; each has opened the profiles of the others. */
function trio(): SealedCipher[] {
  const all = [ADA, BOB, EVE].map((n) => session(n));
  const profiles = all.map((one, i) => one.seal(bytes(`name${i + 1}`), "profile"));
  for (const one of all) {
    for (const [i, profile] of profiles.entries()) {
      one.open(profile, "profile", i + 1);
      one.expectAll(i + 1);
    }
  }
  return all;
}

/** Returns the opened body, or undefined after asserting that `open` threw a `RangeError`. */
function attempt(
  cipher: SealedCipher,
  body: Uint8Array,
  use: Use,
  from: number,
): string | undefined {
  try {
    return text(cipher.open(body, use, from).plaintext);
  } catch (error) {
    assert(error instanceof RangeError, `${error}`);
    return undefined;
  }
}

Deno.test("SealedCipher: all members open a room message, its sender too", () => {
  const [ada, bob, eve] = trio();
  for (const said of ["hello", "", "🙂".repeat(1_000)]) {
    const sealed = ada!.seal(bytes(said), "room");
    assertStrictEquals(sealed.length, bytes(said).length + ada!.overhead);
    for (const receiver of [ada!, bob!, eve!]) {
      assertEquals(receiver.open(sealed, "room", ADA), {
        ...{ plaintext: bytes(said), sentAt: NOON, missing: 0, report: REPORTED },
      });
    }
  }
});

Deno.test("SealedCipher: a newcomer opens the topic of a member that has left, and learns whose it is", () => {
  const ada = session(ADA);
  const profile = ada.seal(bytes("ada"), "profile");
  const [old, topic] = ["old", "new"].map((text) => ada.seal(bytes(text), "topic"));
  const bob = session(BOB);
  const opened = bob.openGiven({ profile, topic: topic! }, ADA);
  assertEquals([text(opened.profile.plaintext), text(opened.topic.plaintext)], ["ada", "new"]);
  assertEquals([opened.topic.sentAt, opened.topic.report], [NOON, REPORTED]);
  assertEquals(opened.identity, identity(ADA).publicKey);
  // She is no member for that.
  assertEquals(bob.identityOf(ADA), undefined);
  assertEquals(attempt(bob, topic!, "topic", ADA), undefined);
  // Or she is still here: then no topic that is older than the given one may follow.
  assertEquals(attempt(bob, profile, "profile", ADA), "ada");
  assertEquals([old!, topic!].map((one) => attempt(bob, one, "topic", ADA)), [
    undefined,
    undefined,
  ]);
  assertEquals(attempt(bob, ada.seal(bytes("newest"), "topic"), "topic", ADA), "newest");
});

Deno.test("SealedCipher: a given topic opens only as its member sealed it, in its seat and its log", () => {
  const ada = session(ADA);
  const given = {
    profile: ada.seal(bytes("ada"), "profile"),
    topic: ada.seal(bytes("x"), "topic"),
  };
  const eve = session(EVE);
  const hers = { profile: eve.seal(bytes("eve"), "profile"), topic: eve.seal(bytes("y"), "topic") };
  const opens = (one: typeof given, from: number, options: Partial<SealedOptions> = {}) => {
    try {
      return text(session(BOB, options).openGiven(one, from).topic.plaintext);
    } catch (error) {
      assert(error instanceof RangeError, `${error}`);
      return undefined;
    }
  };
  assertEquals([opens(given, ADA), opens(hers, EVE)], ["x", "y"]);
  const room = ada.seal(bytes("said"), "room");
  for (
    const [one, from] of [
      [given, EVE],
      [{ ...given, topic: hers.topic }, ADA],
      [{ ...given, profile: hers.profile }, ADA],
      [{ ...given, topic: room }, ADA],
      [{ ...given, topic: given.topic.subarray(1) }, ADA],
      [{ ...given, profile: filled(0, 0) }, ADA],
    ] as const
  ) assertEquals(opens(one, from), undefined);
  for (const at of [0, 8, 20, 100, given.topic.length - 1]) {
    const topic = given.topic.slice();
    topic[at]! ^= 1;
    assertEquals(opens({ ...given, topic }, ADA), undefined);
  }
  const seat = { log: filled(LOG_NAME_SIZE, 1), id: BOB };
  assertEquals(opens(given, ADA, { seat }), undefined);
});

const u32 = (n: number) => Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
const exchangeKey = (n: number) => new ExchangeKey(filled(32, n)).publicKey;

/** What binds a lane from one member to another. */
function endsOf(sender: number, receiver: number): Uint8Array {
  const both = (field: (n: number) => Uint8Array) => [field(sender), field(receiver)];
  return concat([
    LOG,
    ...both(u32),
    ...both((n) => identity(n).publicKey),
    ...both((n) => filled(SALT_SIZE, n)),
    ...both(exchangeKey),
  ]);
}

Deno.test("SealedCipher: a direct message opens for its receiver only, and no other member can derive its key", () => {
  const [ada, bob, eve] = trio();
  const sealed = ada!.seal(bytes("coffee?"), "direct", BOB);
  assertStrictEquals(attempt(eve!, sealed, "direct", ADA), undefined);
  assertStrictEquals(attempt(ada!, sealed, "direct", ADA), undefined);
  // Eve knows the export key and, from the profiles, everything else that is not secret. That is not enough.
  const ends = endsOf(ADA, BOB);
  const open = (secret: number[]) =>
    aead.open(
      deriveKey(
        Uint8Array.from(secret),
        filled(SALT_SIZE, ADA),
        concat([bytes("chat/1 direct"), ends]),
      ),
      new Uint8Array(NONCE_SIZE),
      concat([bytes("chat/1"), Uint8Array.of(1), ends]),
      sealed.subarray(8),
    );
  assertStrictEquals(open([...ROOM]), undefined);
  const between = (one: number, other: number) =>
    new ExchangeKey(filled(32, one)).agree(new ExchangeKey(filled(32, other)).publicKey);
  for (const [one, other] of [[EVE, ADA], [EVE, BOB]]) {
    assertStrictEquals(open([...ROOM, ...between(one!, other!)]), undefined);
  }
  // To prove the check: the private key of one of the two is enough.
  assert(open([...ROOM, ...between(BOB, ADA)]));
  assertStrictEquals(attempt(bob!, sealed, "direct", ADA), "coffee?");
});

Deno.test("SealedCipher: opens direct messages in both directions, and those to oneself", () => {
  const [ada, bob] = trio();
  assertStrictEquals(attempt(bob!, ada!.seal(bytes("1"), "direct", BOB), "direct", ADA), "1");
  assertStrictEquals(attempt(ada!, bob!.seal(bytes("2"), "direct", ADA), "direct", BOB), "2");
  assertStrictEquals(attempt(ada!, ada!.seal(bytes("3"), "direct", ADA), "direct", ADA), "3");
});

Deno.test("SealedCipher: file data opens for its receiver only, has no signature, and may skip what was lost", () => {
  const [ada, bob, eve] = trio();
  const chunks = Array.from({ length: 4 }, (_, n) => sealAs(ada!, bytes(`${n}`), "data", BOB));
  assertStrictEquals(chunks[0]!.length, 8 + 1 + 16);
  assertStrictEquals(attempt(eve!, chunks[0]!, "data", ADA), undefined);
  assertEquals(bob!.open(chunks[0]!, "data", ADA), { plaintext: bytes("0"), missing: 0 });
  assertEquals(bob!.open(chunks[3]!, "data", ADA), { plaintext: bytes("3"), missing: 0 });
  assertStrictEquals(attempt(bob!, chunks[1]!, "data", ADA), undefined);
  // Its counter is its own, and so is that of the other direction.
  assertStrictEquals(attempt(bob!, ada!.seal(bytes("hi"), "direct", BOB), "direct", ADA), "hi");
  assertStrictEquals(attempt(ada!, sealAs(bob!, bytes("back"), "data", ADA), "data", BOB), "back");
  // The room's key is not enough for it, and neither is the key of direct messages.
  const ends = endsOf(ADA, BOB);
  const shared = new ExchangeKey(filled(32, BOB)).agree(new ExchangeKey(filled(32, ADA)).publicKey);
  const open = (secret: Uint8Array, label: string) =>
    aead.open(
      deriveKey(secret, filled(SALT_SIZE, ADA), concat([bytes(label), ends])),
      new Uint8Array(NONCE_SIZE),
      concat([bytes("chat/1"), Uint8Array.of(3), ends]),
      chunks[0]!.subarray(8),
    );
  assertStrictEquals(open(ROOM, "chat/1 data"), undefined);
  assertStrictEquals(open(concat([ROOM, shared]), "chat/1 direct"), undefined);
  assertEquals(open(concat([ROOM, shared]), "chat/1 data"), bytes("0"));
});

Deno.test("SealedCipher.seal: rejects a direct message to a member without a session", () => {
  const ada = session(ADA);
  assertThrows(
    () => ada.seal(bytes("hi"), "direct", BOB),
    RangeError,
    "has not proved an identity",
  );
  assertThrows(() => ada.seal(bytes("hi"), "direct"), RangeError, "has not proved an identity");
});

Deno.test("SealedCipher.sealData: writes at the start of its buffer, and for members with a session only", () => {
  const [ada, bob] = trio();
  const into = filled(100, 0x5a);
  const size = ada!.sealData(bytes("hello"), BOB, into);
  assertStrictEquals(size, 8 + 5 + 16);
  assertEquals(into.subarray(size), filled(100 - size, 0x5a));
  assertStrictEquals(attempt(bob!, into.subarray(0, size), "data", ADA), "hello");
  // The counter of a buffer that is too short is used by the next one.
  assertThrows(() => ada!.sealData(bytes("hello"), BOB, new Uint8Array(size - 1)), RangeError);
  ada!.sealData(bytes("hello"), BOB, into);
  assertStrictEquals(into[7], 1);
  assertThrows(
    () => ada!.sealData(bytes("hi"), 99, into),
    RangeError,
    "has not proved an identity",
  );
});

Deno.test("SealedCipher.open: rejects any flipped bit, and opens the true message afterwards", () => {
  const [ada, bob] = trio();
  const fresh = session(4);
  const cases: [Uint8Array, Use, number][] = [
    [ada!.seal(bytes("hello"), "room"), "room", ADA],
    [ada!.seal(bytes("hello"), "direct", BOB), "direct", ADA],
    [sealAs(ada!, bytes("hello"), "data", BOB), "data", ADA],
    // A new profile of a known member, and the profile of an unknown one.
    [ada!.seal(bytes("hello"), "profile"), "profile", ADA],
    [fresh.seal(bytes("hello"), "profile"), "profile", 4],
  ];
  for (const [sealed, use, from] of cases) {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = sealed.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      assertStrictEquals(attempt(bob!, flipped, use, from), undefined, `${use}, bit ${bit}`);
    }
    for (let length = 0; length < sealed.length; length++) {
      assertStrictEquals(attempt(bob!, sealed.subarray(0, length), use, from), undefined);
    }
    assertStrictEquals(attempt(bob!, Uint8Array.of(...sealed, 0), use, from), undefined);
    assertStrictEquals(attempt(bob!, sealed, use, from), "hello", use);
  }
});

Deno.test("SealedCipher.open: reports withheld messages as missing, in all uses", () => {
  const [ada, bob] = trio();
  for (const use of ["room", "direct", "profile"] as const) {
    const [first, , , fourth, fifth] = Array.from(
      { length: 5 },
      (_, n) => ada!.seal(bytes(`${n}`), use, BOB),
    );
    assertStrictEquals(bob!.open(first!, use, ADA).missing, 0, use);
    assertStrictEquals(bob!.open(fourth!, use, ADA).missing, 2, use);
    assertStrictEquals(bob!.open(fifth!, use, ADA).missing, 0, use);
  }
});

Deno.test("SealedCipher.expectAll: counts the messages of a later member from the first, of others from the next", () => {
  for (const [after, missing] of [[true, 2], [false, 0]] as const) {
    const [ada, bob] = [session(ADA), session(BOB)];
    bob.open(ada.seal(bytes("Ada"), "profile"), "profile", ADA);
    if (after) bob.expectAll(ADA);
    const messages = Array.from({ length: 6 }, (_, n) => ada.seal(bytes(`${n}`), "room"));
    assertStrictEquals(bob.open(messages[2]!, "room", ADA).missing, missing);
    // After one message, the count continues for all senders.
    assertStrictEquals(bob.open(messages[5]!, "room", ADA).missing, 2);
    assertStrictEquals(attempt(bob, messages[4]!, "room", ADA), undefined);
  }
  // Direct messages always count from the first: none could be sent before this member joined.
  const [ada, bob] = [session(ADA), session(BOB)];
  introduce(ada, bob, BOB);
  bob.open(ada.seal(bytes("Ada"), "profile"), "profile", ADA);
  ada.seal(bytes("lost"), "direct", BOB);
  assertStrictEquals(bob.open(ada.seal(bytes("hi"), "direct", BOB), "direct", ADA).missing, 1);
});

Deno.test("SealedCipher.expectAll: a second call lets no message be repeated", () => {
  const [ada, bob] = trio();
  const sealed = ada!.seal(bytes("pay 10"), "room");
  assertStrictEquals(attempt(bob!, sealed, "room", ADA), "pay 10");
  bob!.expectAll(ADA);
  assertStrictEquals(attempt(bob!, sealed, "room", ADA), undefined);
  bob!.expectAll(99);
});

Deno.test("SealedCipher.open: rejects a repeated message, and one that follows a later message", () => {
  const [ada, bob] = trio();
  for (const use of ["room", "direct", "profile", "data"] as const) {
    const [first, second] = [1, 2].map((n) => sealAs(ada!, bytes(`${n}`), use, BOB));
    assertStrictEquals(attempt(bob!, second!, use, ADA), "2");
    assertStrictEquals(attempt(bob!, second!, use, ADA), undefined, `${use} twice`);
    assertStrictEquals(attempt(bob!, first!, use, ADA), undefined, `${use} late`);
  }
});

Deno.test("SealedCipher.open: rejects a message under another id or for another use", () => {
  const [ada, bob] = trio();
  const uses = ["room", "direct", "profile", "data"] as const;
  for (const use of uses) {
    const sealed = sealAs(ada!, bytes("mine"), use, BOB);
    for (const other of uses) {
      for (const from of [ADA, BOB, EVE, 99]) {
        if (other === use && from === ADA) continue;
        assertStrictEquals(attempt(bob!, sealed, other, from), undefined, `${use} as ${other}`);
      }
    }
    assertStrictEquals(attempt(bob!, sealed, use, ADA), "mine");
  }
});

Deno.test("SealedCipher.open: rejects messages from a member that has proved no identity, or has left", () => {
  const [ada, bob] = trio();
  const sealed = ada!.seal(bytes("hi"), "room");
  assertStrictEquals(attempt(bob!, sealed, "room", 99), undefined);
  bob!.forget(ADA);
  assertStrictEquals(attempt(bob!, sealed, "room", ADA), undefined);
  assertStrictEquals(bob!.identityOf(ADA), undefined);
  assertThrows(() => bob!.seal(bytes("hi"), "direct", ADA), RangeError);
});

Deno.test("SealedCipher.open: accepts a session once: not for a second member, and not after it has left", () => {
  const bob = session(BOB);
  const ada = session(ADA);
  const [first, second, third] = [1, 2, 3].map(() => ada.seal(bytes("Ada"), "profile"));
  assertStrictEquals(attempt(bob, first!, "profile", ADA), "Ada");
  for (const profile of [first!, second!]) {
    assertStrictEquals(attempt(bob, profile, "profile", EVE), undefined);
  }
  assertStrictEquals(attempt(bob, second!, "profile", ADA), "Ada");
  bob.forget(ADA);
  for (const id of [ADA, EVE]) {
    for (const profile of [first!, second!, third!]) {
      assertStrictEquals(attempt(bob, profile, "profile", id), undefined);
    }
  }
});

Deno.test("SealedCipher.open: an id is used up by its first session, also for another salt or identity", () => {
  const bob = session(BOB);
  introduce(bob, session(ADA), ADA);
  const others: Partial<SealedOptions>[] = [
    { salt: filled(SALT_SIZE, 9) },
    { identity: identity(9) },
    { exchange: new ExchangeKey(filled(32, 9)) },
    {},
  ];
  for (const left of [false, true]) {
    if (left) bob.forget(ADA);
    for (const options of left ? others : others.slice(0, -1)) {
      const other = session(ADA, options);
      // Its counter is not the reason.
      other.seal(bytes("Ada"), "profile");
      const profile = other.seal(bytes("Ada"), "profile");
      assertStrictEquals(attempt(bob, profile, "profile", ADA), undefined);
    }
  }
  // Her salt and her keys are not used up: nobody is refused because of them.
  introduce(bob, session(ADA, { seat: { log: LOG, id: 9 } }), 9);
  assertEquals(bob.identityOf(9), identity(ADA).publicKey);
});

Deno.test("SealedCipher.open: a rejected profile does not use up its id", () => {
  const [ada, bob] = [session(ADA), session(BOB)];
  const profile = ada.seal(bytes("Ada"), "profile");
  const bad = profile.slice();
  bad[bad.length - 1]! ^= 1;
  const other = session(EVE).seal(bytes("Eve"), "profile");
  for (const rejected of [bad, other, profile.subarray(0, 16)]) {
    assertStrictEquals(attempt(bob, rejected, "profile", ADA), undefined);
  }
  assertStrictEquals(attempt(bob, profile, "profile", ADA), "Ada");
});

Deno.test("SealedCipher.open: with swapped profiles, no member is taken for another", () => {
  const [ada, bob, eve] = [session(ADA), session(BOB), session(EVE)];
  const [adas, eves] = [ada, eve].map((one) => one.seal(bytes("name"), "profile"));
  assertStrictEquals(attempt(bob, adas!, "profile", EVE), undefined);
  assertStrictEquals(attempt(bob, eves!, "profile", ADA), undefined);
  assertEquals([bob.identityOf(ADA), bob.identityOf(EVE)], [undefined, undefined]);
  // Each can still prove its own identity.
  assertStrictEquals(attempt(bob, adas!, "profile", ADA), "name");
  assertStrictEquals(attempt(bob, eves!, "profile", EVE), "name");
  // A present member cannot become another by a new profile.
  for (const id of [ADA, EVE]) {
    const other = session(4, { seat: { log: LOG, id } });
    assertStrictEquals(attempt(bob, other.seal(bytes("x"), "profile"), "profile", id), undefined);
  }
  assertEquals(bob.identityOf(ADA), identity(ADA).publicKey);
});

Deno.test("SealedCipher.open: rejects messages of another room that has the same members", () => {
  const other = filled(EXPORT_KEY_SIZE, 8);
  const [here, there, bob] = [session(ADA), session(ADA, { exportKey: other }), session(BOB)];
  assertStrictEquals(
    attempt(bob, there.seal(bytes("Ada"), "profile"), "profile", ADA),
    undefined,
  );
  introduce(bob, here, ADA);
  assertStrictEquals(attempt(bob, there.seal(bytes("hi"), "room"), "room", ADA), undefined);
});

/** A lane to everybody, as anyone with the export key can compute it. */
interface PublicLane {
  readonly exportKey: Uint8Array;
  readonly use: "room" | "profile";
  readonly log: Uint8Array;
  readonly id: number;
  readonly salt: number;
  readonly identity: number;
  readonly counter: number;
}

const ADAS_ROOM: PublicLane = {
  ...{ exportKey: ROOM, use: "room", log: LOG, id: ADA, salt: ADA, identity: ADA, counter: 0 },
};
const ADAS_PROFILE: PublicLane = { ...ADAS_ROOM, use: "profile" };

function secretsOf({ exportKey, use, log, id, salt, identity: n }: PublicLane) {
  const publicKey = use === "room" ? identity(n).publicKey : new Uint8Array(0);
  const ends = concat([log, u32(id), filled(SALT_SIZE, salt), publicKey]);
  return {
    key: deriveKey(exportKey, filled(SALT_SIZE, salt), concat([bytes(`chat/1 ${use}`), ends])),
    associated: concat([bytes("chat/1"), Uint8Array.of(use === "room" ? 0 : 2), ends]),
  };
}

const nonceOf = (counter: number) => Uint8Array.of(...filled(11, 0), counter);

/** Seals for a lane, as a member with all keys of the room can. */
function sealFor(lane: PublicLane, plaintext: Uint8Array): Uint8Array {
  const { key, associated } = secretsOf(lane);
  const sealed = seal(aead, key, nonceOf(lane.counter), associated, [plaintext]);
  const salt = lane.use === "profile" ? filled(SALT_SIZE, lane.salt) : new Uint8Array(0);
  return concat([salt, filled(7, 0), Uint8Array.of(lane.counter), sealed]);
}

/** Opens a room message or a profile, as anyone with the export key can. */
function unseal(sealed: Uint8Array, lane: PublicLane): Uint8Array {
  const { key, associated } = secretsOf(lane);
  const body = sealed.subarray((lane.use === "profile" ? SALT_SIZE : 0) + 8);
  const opened = aead.open(key, nonceOf(lane.counter), associated, body);
  assert(opened, "the member must be able to open it");
  return opened;
}

Deno.test("SealedCipher.open: rejects a signed message that a member has sealed again for another place", () => {
  const cases: [Partial<PublicLane>, boolean][] = [
    // To prove the check: sealing it again for its own place works.
    [{}, true],
    [{ counter: 1 }, false],
    [{ exportKey: filled(EXPORT_KEY_SIZE, 8) }, false],
    [{ log: filled(LOG_NAME_SIZE, 9) }, false],
    // Ada's other sessions: another id, and another salt.
    [{ id: 9 }, false],
    [{ salt: 9 }, false],
    [{ id: EVE, salt: EVE, identity: EVE }, false],
  ];
  for (const [change, opens] of cases) {
    const place = { ...ADAS_ROOM, ...change };
    const { exportKey, log, id } = place;
    const bob = session(BOB, { exportKey, seat: { log, id: BOB } });
    const there = session(place.identity, {
      ...{ exportKey, seat: { log, id }, salt: filled(SALT_SIZE, place.salt) },
    });
    introduce(bob, there, id);
    const moved = sealFor(place, unseal(session(ADA).seal(bytes("yes"), "room"), ADAS_ROOM));
    const what = Object.keys(change).join();
    assertStrictEquals(attempt(bob, moved, "room", id), opens ? "yes" : undefined, what);
    // Its true member can say something there.
    if (!opens) assertStrictEquals(attempt(bob, there.seal(bytes("no"), "room"), "room", id), "no");
  }
});

Deno.test("SealedCipher.open: rejects a signed profile that a member has sealed again for another place", () => {
  const cases: [Partial<PublicLane>, boolean][] = [
    [{}, true],
    [{ counter: 1 }, false],
    [{ exportKey: filled(EXPORT_KEY_SIZE, 8) }, false],
    [{ log: filled(LOG_NAME_SIZE, 9) }, false],
    [{ id: EVE }, false],
    [{ salt: EVE }, false],
    // As a message, it would put words of her own choice into Ada's mouth.
    [{ use: "room" }, false],
  ];
  for (const [change, opens] of cases) {
    const place = { ...ADAS_PROFILE, ...change };
    const { exportKey, use, log, id } = place;
    const bob = session(BOB, { exportKey, seat: { log, id: BOB } });
    if (use === "room") introduce(bob, session(ADA), ADA);
    const signed = unseal(session(ADA).seal(bytes("Ada"), "profile"), ADAS_PROFILE);
    const opened = attempt(bob, sealFor(place, signed), use, id);
    assertStrictEquals(opened, opens ? "Ada" : undefined, Object.keys(change).join());
  }
});

Deno.test("SealedCipher: keys differ by log, id, salt and, for room messages, identity", () => {
  for (const use of ["room", "profile"] as const) {
    const place: PublicLane = { ...ADAS_ROOM, use };
    const sealed = session(ADA).seal(bytes("hi"), use).subarray(use === "profile" ? SALT_SIZE : 0);
    const { associated, key } = secretsOf(place);
    const open = (key: Uint8Array) => aead.open(key, nonceOf(0), associated, sealed.subarray(8));
    // To prove the check.
    assert(open(key), use);
    const others: Partial<PublicLane>[] = [
      { exportKey: filled(EXPORT_KEY_SIZE, 8) },
      { log: filled(LOG_NAME_SIZE, 9) },
      { id: EVE },
      { salt: EVE },
      { use: use === "room" ? "profile" : "room" },
      ...(use === "room" ? [{ identity: EVE }] : []),
    ];
    for (const other of others) {
      const { key } = secretsOf({ ...place, ...other });
      assertStrictEquals(open(key), undefined, `${use} ${Object.keys(other)}`);
    }
  }
});

// ---- reports ----

/** A body for a lane to everybody, with any plaintext after the signature, which is this member's. */
function signFor(lane: PublicLane, signer: number, keys: Uint8Array, rest: Uint8Array): Uint8Array {
  const roomId = deriveKey(lane.exportKey, new Uint8Array(0), bytes("chat/1 room id"));
  const { associated } = secretsOf(lane);
  const counter = concat([filled(7, 0), Uint8Array.of(lane.counter)]);
  const signed = concat([bytes("chat/1 signed"), roomId, associated, counter, keys, rest]);
  return sealFor(lane, concat([keys, identity(signer).sign(signed), rest]));
}

const u64 = (n: bigint) =>
  Uint8Array.from({ length: 8 }, (_, i) => Number(n >> BigInt(56 - 8 * i) & 255n));
const TIME = u64(BigInt(NOON));

Deno.test("SealedCipher: room messages and profiles report what their sender has seen at that moment; direct messages do not", () => {
  let seen: Report = SEEN;
  const [ada, bob] = [session(ADA, { report: () => seen }), session(BOB)];
  introduce(bob, ada, ADA);
  introduce(ada, bob, BOB);
  for (const position of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    seen = { position, chain: filled(32, position % 251) };
    for (const use of ["room", "profile"] as const) {
      const { report } = bob.open(ada.seal(bytes("hi"), use), use, ADA);
      assertEquals(report, { position, chain: seen.chain.subarray(0, 16) });
    }
    const direct = ada.seal(bytes("hi"), "direct", BOB);
    assertEquals(bob.open(direct, "direct", ADA), {
      ...{ plaintext: bytes("hi"), sentAt: NOON, missing: 0 },
    });
    assertStrictEquals(direct.length, bytes("hi").length + ada.overhead - 24);
  }
});

Deno.test("SealedCipher.open: the signature covers the report, in every bit", () => {
  for (const place of [ADAS_ROOM, ADAS_PROFILE]) {
    const { use } = place;
    const sealed = session(ADA).seal(bytes("hi"), use);
    const plaintext = unseal(sealed, place);
    const start = (use === "profile" ? 64 : 0) + 64 + 8;
    assertEquals(plaintext.subarray(start, start + 24), concat([u64(4711n), REPORTED.chain]));
    const bob = session(BOB);
    if (use === "room") introduce(bob, session(ADA), ADA);
    for (let bit = start * 8; bit < (start + 24) * 8; bit++) {
      const changed = plaintext.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assertStrictEquals(attempt(bob, sealFor(place, changed), use, ADA), undefined, `bit ${bit}`);
    }
    // To prove the check.
    assertStrictEquals(attempt(bob, sealFor(place, plaintext), use, ADA), "hi");
  }
});

Deno.test("SealedCipher.open: rejects a signed report that is cut short, or out of range", () => {
  const keys = concat([identity(ADA).publicKey, exchangeKey(ADA)]);
  const cases: [Uint8Array, boolean][] = [
    [concat([u64(2n ** 53n - 1n), filled(16, 1), bytes("hi")]), true],
    [concat([u64(2n ** 53n), filled(16, 1), bytes("hi")]), false],
    [concat([u64(2n ** 64n - 1n), filled(16, 1), bytes("hi")]), false],
    [concat([u64(1n), filled(15, 1)]), false],
    [u64(1n), false],
    [filled(7, 0), false],
    [new Uint8Array(0), false],
  ];
  for (const [report, opens] of cases) {
    for (const place of [ADAS_ROOM, ADAS_PROFILE]) {
      const { use } = place;
      const bob = session(BOB);
      if (use === "room") introduce(bob, session(ADA), ADA);
      const shown = use === "profile" ? keys : new Uint8Array(0);
      const body = signFor(place, ADA, shown, concat([TIME, report]));
      assertStrictEquals(attempt(bob, body, use, ADA), opens ? "hi" : undefined);
      // A rejected one uses up nothing.
      if (!opens) {
        assertStrictEquals(attempt(bob, session(ADA).seal(bytes("a"), use), use, ADA), "a");
      }
    }
  }
});

Deno.test("SealedCipher.open: rejects a message that another member signs for a seat", () => {
  const bob = session(BOB);
  introduce(bob, session(ADA), ADA);
  introduce(bob, session(EVE), EVE);
  const rest = concat([TIME, filled(24, 0), bytes("hi")]);
  for (const [signer, opens] of [[EVE, false], [ADA, true]] as const) {
    const body = signFor(ADAS_ROOM, signer, new Uint8Array(0), rest);
    assertStrictEquals(attempt(bob, body, "room", ADA), opens ? "hi" : undefined);
  }
});

// ---- seats ----

/** What another session of a member may have instead of its own. */
const CHANGES: Readonly<Record<string, Partial<SealedOptions>>> = {
  id: { seat: { log: LOG, id: 9 } },
  identity: { identity: identity(9) },
  salt: { salt: filled(SALT_SIZE, 9) },
  exchange: { exchange: new ExchangeKey(filled(32, 9)) },
};

Deno.test("SealedCipher: a direct message opens only between the two sessions that it is for", () => {
  const idOf = (n: number, { seat }: Partial<SealedOptions>) => seat?.id ?? n;
  /** Whether Bob opens a direct message from Ada, if each knows the other as this session. */
  const opens = (
    knownBob: Partial<SealedOptions>,
    knownAda: Partial<SealedOptions>,
    true_: Partial<SealedOptions> = {},
  ) => {
    const [ada, bob] = [session(ADA), session(BOB, true_)];
    introduce(ada, session(BOB, knownBob), idOf(BOB, knownBob));
    introduce(bob, session(ADA, { ...true_, ...knownAda }), idOf(ADA, knownAda));
    const sealed = ada.seal(bytes("hi"), "direct", idOf(BOB, knownBob));
    return attempt(bob, sealed, "direct", idOf(ADA, knownAda));
  };
  assertStrictEquals(opens({}, {}), "hi");
  for (const [what, change] of Object.entries(CHANGES)) {
    assertStrictEquals(opens(change, {}), undefined, `the receiver's ${what}`);
    assertStrictEquals(opens({}, change), undefined, `the sender's ${what}`);
  }
  // In another log, the ids may be the same. And there is another room with another code.
  const log = filled(LOG_NAME_SIZE, 9);
  const ada = session(ADA);
  introduce(ada, session(BOB), BOB);
  for (const exportKey of [ROOM, filled(EXPORT_KEY_SIZE, 8)]) {
    const there = { exportKey, seat: { log, id: BOB } };
    const bob = session(BOB, there);
    introduce(bob, session(ADA, { exportKey, seat: { log, id: ADA } }), ADA);
    const sealed = ada.seal(bytes("hi"), "direct", BOB);
    assertStrictEquals(attempt(bob, sealed, "direct", ADA), undefined);
  }
});

/** Bob's public exchange key, without the private one. */
const copiedExchange = {
  publicKey: exchangeKey(BOB),
  agree: () => {
    throw new Error("it does not have the private key");
  },
} as unknown as ExchangeKey;

Deno.test("SealedCipher: a direct message to a member with the salt and exchange key of another does not open for that one", () => {
  // Eve takes Bob's salt and exchange key from his profile, and the server shows Ada her session: beside Bob's, or in
  // the place of his. Then it gives Bob what Ada tells Eve.
  for (const id of [EVE, BOB]) {
    const [ada, bob] = [session(ADA), session(BOB)];
    const eve = session(EVE, {
      ...{ seat: { log: LOG, id }, salt: filled(SALT_SIZE, BOB), exchange: copiedExchange },
    });
    introduce(ada, eve, id);
    introduce(bob, ada, ADA);
    assertEquals(ada.identityOf(id), identity(EVE).publicKey);
    const told = ada.seal(bytes("you are fired"), "direct", id);
    assertStrictEquals(attempt(bob, told, "direct", ADA), undefined);
  }
});

Deno.test("SealedCipher: a copied profile is worthless in another seat, and keeps out nobody", () => {
  // Eve came before Ada, and shows Ada's profile as her own. A newcomer meets her first.
  const [ada, eve] = [session(ADA), session(EVE)];
  eve.seal(bytes("Eve"), "profile");
  const copied = ada.seal(bytes("Ada"), "profile");
  const newcomer = session(BOB);
  assertStrictEquals(attempt(newcomer, copied, "profile", EVE), undefined);
  assertStrictEquals(newcomer.identityOf(EVE), undefined);
  assertStrictEquals(attempt(newcomer, copied, "profile", ADA), "Ada");
  assertEquals(newcomer.identityOf(ADA), identity(ADA).publicKey);
  // A member that has known Eve from before keeps her as she was.
  const early = session(4);
  introduce(early, session(EVE), EVE);
  assertStrictEquals(attempt(early, copied, "profile", EVE), undefined);
  assertStrictEquals(attempt(early, copied, "profile", ADA), "Ada");
  assertEquals(early.identityOf(EVE), identity(EVE).publicKey);
});

Deno.test("SealedCipher: a copied salt, exchange key or id harms nobody but the member that copied it", () => {
  const copies: [string, Partial<SealedOptions>][] = [
    ["salt", { salt: filled(SALT_SIZE, BOB) }],
    ["exchange key", { exchange: copiedExchange }],
    ["both", { salt: filled(SALT_SIZE, BOB), exchange: copiedExchange }],
    ["id", { seat: { log: LOG, id: BOB } }],
    ["seat and salt", { seat: { log: LOG, id: BOB }, salt: filled(SALT_SIZE, BOB) }],
  ];
  for (const [what, copy] of copies) {
    for (const isFirst of [true, false]) {
      const [ada, bob, eve] = [session(ADA), session(BOB), session(EVE, copy)];
      const profiles: Record<number, Uint8Array> = {
        [BOB]: bob.seal(bytes("Bob"), "profile"),
        [EVE]: eve.seal(bytes("Eve"), "profile"),
      };
      for (const id of isFirst ? [EVE, BOB] : [BOB, EVE]) {
        const opened = attempt(ada, profiles[id]!, "profile", id);
        // Only her own profile may fail.
        if (id === BOB) assertStrictEquals(opened, "Bob", what);
        else assertStrictEquals(opened, copy.seat ? undefined : "Eve", what);
        ada.expectAll(id);
      }
      introduce(bob, ada, ADA);
      assertEquals(ada.identityOf(BOB), identity(BOB).publicKey);
      // Everything between the others works.
      assertStrictEquals(attempt(ada, bob.seal(bytes("1"), "room"), "room", BOB), "1", what);
      assertStrictEquals(
        attempt(ada, bob.seal(bytes("2"), "direct", ADA), "direct", BOB),
        "2",
        what,
      );
      assertStrictEquals(
        attempt(bob, ada.seal(bytes("3"), "direct", BOB), "direct", ADA),
        "3",
        what,
      );
      assertStrictEquals(attempt(ada, bob.seal(bytes("4"), "profile"), "profile", BOB), "4", what);
      // And nothing of hers is taken for Bob's.
      const said = eve.seal(bytes("5"), "room");
      assertStrictEquals(attempt(ada, said, "room", BOB), undefined, what);
    }
  }
});

Deno.test("SealedCipher.open: rejects an identity for which anyone can sign", () => {
  // With the neutral point as key and as R, and S = 0, the signature is valid for every message.
  const neutral = Uint8Array.of(1, ...filled(31, 0));
  const keys = Uint8Array.of(...neutral, ...new ExchangeKey(filled(32, EVE)).publicKey);
  const signature = Uint8Array.of(...neutral, ...filled(32, 0));
  const plaintext = concat([keys, signature, filled(8 + 24, 0), bytes("forged")]);
  const forged = sealFor({ ...ADAS_PROFILE, id: EVE, salt: EVE }, plaintext);
  assertThrows(() => session(BOB).open(forged, "profile", EVE), RangeError, "weak");
});

Deno.test("SealedCipher: an exchange key of small order throws a RangeError when a direct message needs it", () => {
  const bob = session(BOB);
  const weak = {
    publicKey: filled(32, 0),
    agree: () => filled(32, 0),
  } as unknown as ExchangeKey;
  const eve = session(EVE, { exchange: weak });
  introduce(bob, eve, EVE);
  introduce(eve, bob, BOB);
  assertStrictEquals(attempt(bob, eve.seal(bytes("hi"), "room"), "room", EVE), "hi");
  assertThrows(() => bob.seal(bytes("hi"), "direct", EVE), RangeError, "small order");
  assertStrictEquals(
    attempt(bob, eve.seal(bytes("hi"), "direct", BOB), "direct", EVE),
    undefined,
  );
});

Deno.test("SealedCipher: two sessions of one identity are two members with different keys", () => {
  const [one, two, bob] = [
    session(ADA),
    session(9, { identity: identity(ADA) }),
    session(BOB),
  ];
  introduce(bob, one, ADA);
  introduce(bob, two, 9);
  assertEquals(bob.identityOf(ADA), bob.identityOf(9));
  const sealed = one.seal(bytes("hi"), "room");
  assertStrictEquals(attempt(bob, sealed, "room", 9), undefined);
  assertStrictEquals(attempt(bob, sealed, "room", ADA), "hi");
});

Deno.test("SealedCipher: two equal messages have only their length in common on the wire", () => {
  const ada = session(ADA);
  const [one, other] = [1, 2].map(() => ada.seal(bytes("the same text"), "room").subarray(8));
  assertStrictEquals(one!.length, other!.length);
  let equal = 0;
  for (const [i, byte] of one!.entries()) if (byte === other![i]) equal++;
  // One byte in 256 is equal by chance.
  assert(equal < one!.length / 8, `${equal} of ${one!.length} bytes are equal`);
});

Deno.test("SealedCipher: sealed bodies contain neither name, text nor public key", () => {
  const [ada] = trio();
  const sealed = [
    ada!.seal(bytes("secret name"), "profile"),
    ada!.seal(bytes("secret text"), "room"),
    ada!.seal(bytes("secret text"), "direct", BOB),
  ];
  for (const body of sealed) {
    assert(!body.toHex().includes(bytes("secret").toHex()));
    assert(!body.toHex().includes(identity(ADA).publicKey.toHex()));
  }
});

Deno.test("SealedCipher: without options, a session draws its own salt and exchange key", () => {
  const make = (id: number) => {
    const { salt: _, exchange: __, ...options } = optionsOf(ADA);
    return new SealedCipher({ ...options, seat: { log: LOG, id } });
  };
  const [one, other] = [make(ADA), make(ADA)].map((cipher) => cipher.seal(bytes("Ada"), "profile"));
  assertNotEquals(one!.subarray(0, SALT_SIZE), other!.subarray(0, SALT_SIZE));
  const bob = session(BOB);
  const [ada, again] = [make(ADA), make(EVE)];
  introduce(bob, ada, ADA);
  introduce(bob, again, EVE);
  introduce(ada, bob, BOB);
  const sealed = ada.seal(bytes("hi"), "direct", BOB);
  assertStrictEquals(attempt(bob, sealed, "direct", EVE), undefined);
  assertStrictEquals(attempt(bob, sealed, "direct", ADA), "hi");
});

Deno.test("SealedCipher: rejects an export key, a salt or a log's name of another size", () => {
  for (const size of [0, 32, 63, 65]) {
    assertThrows(() => session(ADA, { exportKey: new Uint8Array(size) }), RangeError);
  }
  for (const size of [0, 15, 17]) {
    assertThrows(() => session(ADA, { salt: new Uint8Array(size) }), RangeError);
    const seat = { log: new Uint8Array(size), id: ADA };
    assertThrows(() => session(ADA, { seat }), RangeError);
  }
});

Deno.test("SealedCipher.seal: rejects an invalid time without using up a counter", () => {
  let now = NaN;
  const ada = session(ADA, { now: () => now });
  const bob = session(BOB);
  now = NOON;
  introduce(bob, ada, ADA);
  for (now of [NaN, 1.5, Infinity, -1]) {
    assertThrows(() => ada.seal(bytes("hi"), "room"), RangeError);
  }
  now = NOON;
  assertStrictEquals(bob.open(ada.seal(bytes("hi"), "room"), "room", ADA).missing, 0);
});

Deno.test("SealedCipher.open: rejects a time that a Date cannot hold, and opens the next message", () => {
  let now = NOON;
  const ada = session(ADA, { now: () => now });
  const bob = session(BOB);
  introduce(bob, ada, ADA);
  for (const last of [0, 8.64e15]) {
    now = last;
    const { sentAt } = bob.open(ada.seal(bytes("hi"), "room"), "room", ADA);
    assertStrictEquals(new Date(sentAt!).getTime(), last);
  }
  now = 8.64e15 + 1;
  const refused = ada.seal(bytes("hi"), "room");
  assertThrows(() => bob.open(refused, "room", ADA), RangeError, "its time is invalid");
  now = NOON;
  assertStrictEquals(bob.open(ada.seal(bytes("hi"), "room"), "room", ADA).missing, 1);
});

Deno.test("SealedCipher: neither changes nor keeps its arguments", () => {
  const [ada, bob] = trio();
  const content = bytes("hello");
  const sealed = ada!.seal(content, "room");
  assertEquals(content, bytes("hello"));
  const copy = sealed.slice();
  const { plaintext } = bob!.open(sealed, "room", ADA);
  assertEquals(sealed, copy);
  sealed.fill(0);
  assertEquals(plaintext, bytes("hello"));
});

Deno.test("SealedCipher.open: rejects any other bytes with a RangeError", () => {
  const [, bob] = trio();
  const use = fc.constantFrom<Use>("room", "direct", "profile");
  const from = fc.constantFrom(ADA, BOB, EVE, 99);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), use, from, (body, use, from) => {
    assertStrictEquals(attempt(bob!, body, use, from), undefined);
  }));
  // Counters at the ends of their range: the largest are invalid, and none is read as another.
  for (const counter of [0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n]) {
    const body = new Uint8Array(200);
    new DataView(body.buffer).setBigUint64(0, counter);
    assertStrictEquals(attempt(bob!, body, "room", ADA), undefined);
  }
});

/** Actions of a relay, in any order: bodies of all members under any id, for any use, complete or cut. */
interface Step {
  readonly act: "pass" | "any" | "damage" | "forget" | "expectAll";
  readonly index: number;
  readonly id: number;
  readonly use: Use;
}

Deno.test("SealedCipher: whatever a relay does, every body that opens was sealed by its sender, in order, once", () => {
  // 1. All members send in all uses. The receiver is Bob, with a fresh object in each run.
  const senders = [ADA, EVE, 4];
  const ciphers = [...senders, BOB].map((n) => session(n));
  const profiles = ciphers.map((cipher, i) =>
    cipher.seal(bytes(`${[...senders, BOB][i]}`), "profile")
  );
  const pool: { sender: number; use: Use; n: number; to: number; body: Uint8Array }[] = [];
  for (const [i, sender] of senders.entries()) {
    const cipher = ciphers[i]!;
    for (const [j, id] of [...senders, BOB].entries()) cipher.open(profiles[j]!, "profile", id);
    const add = (use: SealedUse, n: number, to: number) => {
      const body = cipher.seal(bytes(`${sender} ${use} ${n} ${to}`), use, to);
      pool.push({ sender, use, n, to, body });
    };
    for (let n = 0; n < 5; n++) {
      add("profile", n, 0);
      add("room", n, 0);
      add("direct", n, BOB);
      add("direct", n, senders[(i + 1) % senders.length]!);
    }
  }
  const step: fc.Arbitrary<Step> = fc.record({
    act: fc.oneof(
      { weight: 16, arbitrary: fc.constant("pass" as const) },
      { weight: 4, arbitrary: fc.constant("any" as const) },
      { weight: 2, arbitrary: fc.constant("damage" as const) },
      { weight: 1, arbitrary: fc.constantFrom("forget" as const, "expectAll" as const) },
    ),
    index: fc.nat({ max: pool.length - 1 }),
    id: fc.constantFrom(...senders, BOB),
    use: fc.constantFrom<Use>("room", "direct", "profile"),
  });
  let opened = 0;
  // 2. The relay acts.
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, introduced) => {
      const bob = session(BOB);
      const last = new Map<string, number>();
      const first = pool.filter(({ use, n }) => introduced && use === "profile" && n === 0);
      const begin = first.map((one) => ({ act: "pass", index: pool.indexOf(one) }) as Step);
      for (const { act, index, id, use } of [...begin, ...steps]) {
        const one = pool[index]!;
        if (act === "forget") bob.forget(id);
        if (act === "expectAll") bob.expectAll(id);
        if (act === "forget" || act === "expectAll") continue;
        const body = one.body.slice();
        if (act === "damage") body[index % body.length]! ^= 1 << (index % 8);
        const [as, from] = act === "pass" ? [one.use, one.sender] : [use, id];
        const said = attempt(bob, body, as, from);
        if (said === undefined) continue;
        opened++;
        // 3. An opened body is complete, by its claimed sender, for this use, and later than all before.
        assert(act !== "damage");
        assertStrictEquals(said, `${one.sender} ${as} ${one.n} ${one.to}`);
        assertEquals(bob.identityOf(from), identity(one.sender).publicKey);
        assert(as !== "direct" || one.to === BOB);
        const lane = `${one.sender} ${as}`;
        const earliest = (last.get(lane) ?? -1) + 1;
        assert(one.n >= earliest, `${said} came after ${last.get(lane)}`);
        last.set(lane, one.n);
      }
    }),
    { numRuns: 60 },
  );
  assert(opened > 100, `only ${opened} messages opened`);
});
