import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "../tests/support/property.ts";
import type { Use } from "../cipher.ts";
import { aead, deriveKey, NONCE_SIZE } from "./aead.ts";
import { ExchangeKey } from "./exchange.ts";
import { Identity } from "./identity.ts";
import { EXPORT_KEY_SIZE, SALT_SIZE, SealedCipher } from "./sealed.ts";

const NOON = Date.UTC(2026, 0, 31, 12);
const ROOM = new Uint8Array(EXPORT_KEY_SIZE).fill(7);
const ADA = 1;
const BOB = 2;
const EVE = 3;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const filled = (size: number, n: number) => new Uint8Array(size).fill(n);
const identity = (n: number) => new Identity(filled(32, n));

/** A member's session; `n` determines its identity, salt and exchange key. */
function session(n: number, exportKey = ROOM, { salt = n }: { salt?: number } = {}): SealedCipher {
  return new SealedCipher({
    exportKey,
    identity: identity(n),
    now: () => NOON,
    salt: filled(SALT_SIZE, salt),
    exchange: new ExchangeKey(filled(32, n)),
  });
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
        plaintext: bytes(said),
        sentAt: NOON,
        missing: 0,
      });
    }
  }
});

Deno.test("SealedCipher: a direct message opens for its receiver only, and no other member can derive its key", () => {
  const [ada, bob, eve] = trio();
  const sealed = ada!.seal(bytes("coffee?"), "direct", BOB);
  assertStrictEquals(attempt(eve!, sealed, "direct", ADA), undefined);
  assertStrictEquals(attempt(ada!, sealed, "direct", ADA), undefined);
  // Eve knows the export key and, from the profiles, both salts. That is not enough.
  const associated = [...bytes("chat/1"), 1, ...filled(SALT_SIZE, ADA), ...filled(SALT_SIZE, BOB)];
  const info = [...bytes("chat/1 direct"), ...filled(SALT_SIZE, BOB)];
  const open = (secret: number[]) =>
    aead.open(
      deriveKey(Uint8Array.from(secret), filled(SALT_SIZE, ADA), Uint8Array.from(info)),
      new Uint8Array(NONCE_SIZE),
      Uint8Array.from(associated),
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

Deno.test("SealedCipher.seal: rejects a direct message to a member without a session", () => {
  const ada = session(ADA);
  assertThrows(
    () => ada.seal(bytes("hi"), "direct", BOB),
    RangeError,
    "has not proved an identity",
  );
  assertThrows(() => ada.seal(bytes("hi"), "direct"), RangeError, "has not proved an identity");
});

Deno.test("SealedCipher.open: rejects any flipped bit, and opens the true message afterwards", () => {
  const [ada, bob] = trio();
  const fresh = session(4);
  const cases: [Uint8Array, Use, number][] = [
    [ada!.seal(bytes("hello"), "room"), "room", ADA],
    [ada!.seal(bytes("hello"), "direct", BOB), "direct", ADA],
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
  for (const use of ["room", "direct", "profile"] as const) {
    const [first, second] = [1, 2].map((n) => ada!.seal(bytes(`${n}`), use, BOB));
    assertStrictEquals(attempt(bob!, second!, use, ADA), "2");
    // Except the newest profile: it may be in the list of members and after that in the room's log.
    const again = use === "profile" ? "2" : undefined;
    for (let i = 0; i < 2; i++) {
      assertStrictEquals(attempt(bob!, second!, use, ADA), again, `${use} twice`);
    }
    assertStrictEquals(attempt(bob!, first!, use, ADA), undefined, `${use} late`);
  }
});

Deno.test("SealedCipher.open: rejects a message under another id or for another use", () => {
  const [ada, bob] = trio();
  const uses = ["room", "direct", "profile"] as const;
  for (const use of uses) {
    const sealed = ada!.seal(bytes("mine"), use, BOB);
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
  const [first, second] = [1, 2].map(() => ada.seal(bytes("Ada"), "profile"));
  assertStrictEquals(attempt(bob, first!, "profile", ADA), "Ada");
  for (const profile of [first!, second!]) {
    assertStrictEquals(attempt(bob, profile, "profile", EVE), undefined);
  }
  bob.forget(ADA);
  for (const id of [ADA, EVE]) {
    for (const profile of [first!, second!]) {
      assertStrictEquals(attempt(bob, profile, "profile", id), undefined);
    }
  }
  // Another member with the same salt must be malicious, and is rejected.
  assertStrictEquals(
    attempt(bob, session(EVE, ROOM, { salt: ADA }).seal(bytes("Eve"), "profile"), "profile", EVE),
    undefined,
  );
});

Deno.test("SealedCipher.open: a rejected profile does not use up its salt", () => {
  const [ada, bob] = [session(ADA), session(BOB)];
  const profile = ada.seal(bytes("Ada"), "profile");
  const bad = profile.slice();
  bad[bad.length - 1]! ^= 1;
  assertStrictEquals(attempt(bob, bad, "profile", EVE), undefined);
  assertStrictEquals(attempt(bob, profile, "profile", ADA), "Ada");
});

Deno.test("SealedCipher.open: with swapped profiles, each member has the identity that it proved", () => {
  const [ada, bob, eve] = [session(ADA), session(BOB), session(EVE)];
  introduce(bob, ada, EVE);
  introduce(bob, eve, ADA);
  assertEquals(bob.identityOf(EVE), identity(ADA).publicKey);
  assertStrictEquals(attempt(bob, ada.seal(bytes("hi"), "room"), "room", ADA), undefined);
  // A present member cannot become another by a new profile.
  const other = session(4);
  assertStrictEquals(attempt(bob, other.seal(bytes("Ada"), "profile"), "profile", ADA), undefined);
  assertEquals(bob.identityOf(ADA), identity(EVE).publicKey);
});

Deno.test("SealedCipher.open: rejects messages of another room that has the same members", () => {
  const other = filled(EXPORT_KEY_SIZE, 8);
  const [here, there, bob] = [session(ADA), session(ADA, other), session(BOB)];
  assertStrictEquals(
    attempt(bob, there.seal(bytes("Ada"), "profile"), "profile", ADA),
    undefined,
  );
  introduce(bob, here, ADA);
  assertStrictEquals(attempt(bob, there.seal(bytes("hi"), "room"), "room", ADA), undefined);
});

/**
 * Models an attack by a member with all keys of the room: it opens another member's signed message and seals it again
 * for another use, sender or room.
 */
function reseal(
  sealed: Uint8Array,
  from: { exportKey: Uint8Array; use: number; info: string; salt: number },
  to: { exportKey: Uint8Array; use: number; info: string; salt: number; counter: number },
): Uint8Array {
  const lane = ({ exportKey, use, info, salt }: typeof from) => ({
    key: deriveKey(exportKey, filled(SALT_SIZE, salt), bytes(info)),
    associated: Uint8Array.of(...bytes("chat/1"), use, ...filled(SALT_SIZE, salt)),
  });
  const nonce = (counter: number) => Uint8Array.of(...filled(11, 0), counter);
  const [source, target] = [lane(from), lane(to)];
  const opened = aead.open(source.key, nonce(sealed[7]!), source.associated, sealed.subarray(8));
  assert(opened, "the member must be able to open it");
  const again = aead.seal(target.key, nonce(to.counter), target.associated, [opened]);
  return Uint8Array.of(...filled(7, 0), to.counter, ...again);
}

Deno.test("SealedCipher.open: rejects a signed message that a member has sealed again for another use, sender or room", () => {
  const other = filled(EXPORT_KEY_SIZE, 8);
  const place = { exportKey: ROOM, use: 0, info: "chat/1 room", salt: ADA };
  for (
    const [target, opens] of [
      // To prove the check: sealing it again for its own place works.
      [{ ...place, counter: 0 }, true],
      [{ ...place, counter: 1 }, false],
      [{ ...place, salt: EVE, counter: 0 }, false],
      [{ ...place, exportKey: other, counter: 0 }, false],
    ] as const
  ) {
    const ada = session(ADA);
    const bob = session(BOB, target.exportKey);
    // Eve has a session in both rooms; Ada has the same salt in both, the hardest case.
    introduce(bob, session(ADA, target.exportKey), ADA);
    introduce(bob, session(EVE, target.exportKey), EVE);
    const moved = reseal(ada.seal(bytes("yes"), "room"), place, target);
    const from = target.salt;
    assertStrictEquals(attempt(bob, moved, "room", from), opens ? "yes" : undefined);
  }
});

/** A profile that an attacker with the export key forges. */
function forgeProfile(salt: number, keys: Uint8Array, signature: Uint8Array): Uint8Array {
  const associated = Uint8Array.of(...bytes("chat/1"), 2, ...filled(SALT_SIZE, salt));
  const key = deriveKey(ROOM, filled(SALT_SIZE, salt), bytes("chat/1 profile"));
  const plaintext = Uint8Array.of(...keys, ...signature, ...filled(8, 0), ...bytes("forged"));
  const sealed = aead.seal(key, filled(NONCE_SIZE, 0), associated, [plaintext]);
  return Uint8Array.of(...filled(SALT_SIZE, salt), ...filled(8, 0), ...sealed);
}

Deno.test("SealedCipher.open: rejects an identity for which anyone can sign", () => {
  // With the neutral point as key and as R, and S = 0, the signature is valid for every message.
  const neutral = Uint8Array.of(1, ...filled(31, 0));
  const keys = Uint8Array.of(...neutral, ...new ExchangeKey(filled(32, EVE)).publicKey);
  const forged = forgeProfile(EVE, keys, Uint8Array.of(...neutral, ...filled(32, 0)));
  assertThrows(() => session(BOB).open(forged, "profile", EVE), RangeError, "weak");
});

Deno.test("SealedCipher: an exchange key of small order throws a RangeError when a direct message needs it", () => {
  const bob = session(BOB);
  const weak = {
    publicKey: filled(32, 0),
    agree: () => filled(32, 0),
  } as unknown as ExchangeKey;
  const eve = new SealedCipher({
    ...{ exportKey: ROOM, identity: identity(EVE), now: () => NOON },
    exchange: weak,
  });
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
  const [one, two, bob] = [session(ADA), session(ADA, ROOM, { salt: 9 }), session(BOB)];
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
  const make = () =>
    new SealedCipher({ exportKey: ROOM, identity: identity(ADA), now: () => NOON });
  const [one, other] = [make(), make()].map((cipher) => cipher.seal(bytes("Ada"), "profile"));
  assertNotEquals(one!.subarray(0, SALT_SIZE), other!.subarray(0, SALT_SIZE));
  const bob = session(BOB);
  const [ada, again] = [make(), make()];
  introduce(bob, ada, ADA);
  introduce(bob, again, EVE);
  introduce(ada, bob, BOB);
  const sealed = ada.seal(bytes("hi"), "direct", BOB);
  assertStrictEquals(attempt(bob, sealed, "direct", EVE), undefined);
  assertStrictEquals(attempt(bob, sealed, "direct", ADA), "hi");
});

Deno.test("SealedCipher: rejects an export key or a salt of another size", () => {
  const options = { exportKey: ROOM, identity: identity(ADA), now: () => NOON };
  for (const size of [0, 32, 63, 65]) {
    const exportKey = new Uint8Array(size);
    assertThrows(() => new SealedCipher({ ...options, exportKey }), RangeError);
  }
  for (const size of [0, 15, 17]) {
    const salt = new Uint8Array(size);
    assertThrows(() => new SealedCipher({ ...options, salt }), RangeError);
  }
});

Deno.test("SealedCipher.seal: rejects an invalid time without using up a counter", () => {
  let now = NaN;
  const options = { exportKey: ROOM, identity: identity(ADA), now: () => now };
  const ada = new SealedCipher(options);
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
  const ada = new SealedCipher({ exportKey: ROOM, identity: identity(ADA), now: () => now });
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
    const add = (use: Use, n: number, to: number) => {
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
        // The newest profile may be repeated.
        const earliest = (last.get(lane) ?? -1) + (as === "profile" ? 0 : 1);
        assert(one.n >= earliest, `${said} came after ${last.get(lane)}`);
        last.set(lane, one.n);
      }
    }),
    { numRuns: 60 },
  );
  assert(opened > 100, `only ${opened} messages opened`);
});
