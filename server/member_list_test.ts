import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import fc from "../tests/support/property.ts";
import { MemberList } from "./member_list.ts";

/** A member whose entry is its id, and zeros up to this many bytes. */
function member(id: number, size: number) {
  const entry = new Uint8Array(size);
  new DataView(entry.buffer).setUint32(0, id);
  return { id, entry };
}

type Pieces = () => Uint8Array<ArrayBuffer> | undefined;

function all(pieces: Pieces): Uint8Array<ArrayBuffer>[] {
  const read: Uint8Array<ArrayBuffer>[] = [];
  for (let piece = pieces(); piece; piece = pieces()) read.push(piece);
  return read;
}

Deno.test("MemberList: gives the entries in order as they were when it was asked, whatever happens meanwhile", () => {
  const actions = fc.array(
    fc.oneof(
      fc.record({ what: fc.constant("add" as const), size: fc.integer({ min: 4, max: 9_000 }) }),
      fc.record({
        what: fc.constantFrom("remove" as const, "change" as const, "ask" as const),
        which: fc.nat(),
      }),
    ),
    { maxLength: 80 },
  );
  fc.assert(fc.property(actions, (actions) => {
    const list = new MemberList();
    const members: { id: number; entry: Uint8Array<ArrayBuffer> }[] = [];
    const asked: { pieces: Pieces; expected: Uint8Array[] }[] = [];
    let id = 0;
    for (const action of actions) {
      if (action.what === "add") {
        const added = member(++id, action.size);
        members.push(added);
        list.add(added);
        continue;
      }
      const at = action.which % Math.max(1, members.length);
      if (action.what === "ask") {
        asked.push({ pieces: list.pieces(), expected: members.map(({ entry }) => entry) });
      } else if (members.length === 0) {
        // There is nobody to remove, and no member with this id.
        list.remove(99);
        list.change(member(99, 4));
      } else if (action.what === "remove") {
        list.remove(members.splice(at, 1)[0]!.id);
      } else {
        members[at] = member(members[at]!.id, 4 + action.which % 5_000);
        list.change(members[at]!);
      }
    }
    asked.push({ pieces: list.pieces(), expected: members.map(({ entry }) => entry) });
    for (const { pieces, expected } of asked) {
      const read = all(pieces);
      assertEquals(read.flatMap((piece) => [...piece]), expected.flatMap((entry) => [...entry]));
      // No piece is empty, and none is large.
      for (const { length } of read) assert(length > 0 && length <= 16 * 1024, `${length}`);
    }
  }));
});

Deno.test("MemberList: newcomers share bytes that are made once", () => {
  const list = new MemberList();
  for (let id = 1; id <= 1000; id++) list.add(member(id, 100));
  const [one, other] = [all(list.pieces()), all(list.pieces())];
  assertLessOrEqual(one.length, 16);
  for (const [i, piece] of one.entries()) assertStrictEquals(piece, other[i]);
  // Another member makes only the last piece again.
  list.add(member(1001, 100));
  const later = all(list.pieces());
  for (const [i, piece] of one.slice(0, -1).entries()) assertStrictEquals(piece, later[i]);
});
