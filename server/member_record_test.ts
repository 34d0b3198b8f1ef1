import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { SavedMember } from "./fold_member.ts";
import { MemberWriter, parseMember } from "./member_record.ts";

const u32 = fc.nat(2 ** 32 - 1);
const position = fc.maxSafeNat();
const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => new Uint8Array(bytes));
const text = fc.string({ unit: "grapheme", maxLength: 40 });

const anyMember: fc.Arbitrary<SavedMember> = fc.record({
  joined: position,
  moderator: fc.option(fc.string({ minLength: 1 }).filter((text) => text.isWellFormed())),
  id: u32,
  start: position,
  profile: bytes(300),
  awaySince: fc.option(position),
  noDirect: fc.boolean(),
  connection: u32,
  accepted: u32,
  answered: u32,
  lasting: fc.boolean(),
  tokens: fc.array(text, { maxLength: 3 }),
  key: bytes(64),
  network: text,
  own: fc.record({
    log: fc.record({
      end: position,
      begun: u32,
      segments: fc.array(fc.record({ start: position, size: u32, bytes: bytes(9000) }), {
        maxLength: 3,
      }),
    }),
    runs: fc.array(fc.tuple(position, position, text, fc.boolean()), { maxLength: 9 }),
    have: position,
  }),
});

Deno.test("MemberWriter: property: what it writes is read back, one member after the other", () => {
  const writer = new MemberWriter();
  fc.assert(fc.property(anyMember, (member) => {
    assertEquals(parseMember(writer.encode(member).slice()), member);
  }));
});

Deno.test("parseMember: property: reports a member that is cut off anywhere", () => {
  fc.assert(
    fc.property(anyMember, fc.nat(), (member, at) => {
      const bytes = new MemberWriter().encode(member);
      assertThrows(() => parseMember(bytes.subarray(0, at % bytes.length)), RangeError);
    }),
  );
});
