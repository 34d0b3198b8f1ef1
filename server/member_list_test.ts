import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import { Listing } from "./member_list.ts";
import fc from "../tests/support/property.ts";

/** A member whose entry is its id, repeated to this many bytes. */
function member(id: number, size: number) {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, id);
  return { id, entry: bytes };
}

/** The ids in the complete list, and the sizes of its slices. */
function read(listing: Listing, sizes: ReadonlyMap<number, number>, after: number, before: number) {
  const ids: number[] = [];
  const pieces: number[] = [];
  for (let more = true; more;) {
    const slice = listing.slice(after, before);
    const view = new DataView(slice.bytes.buffer, slice.bytes.byteOffset, slice.bytes.length);
    for (let at = 0; at < slice.bytes.length; at += sizes.get(ids.at(-1)!)!) {
      ids.push(view.getUint32(at));
    }
    pieces.push(slice.bytes.length);
    after = slice.last;
    more = slice.more;
  }
  return { ids, pieces };
}

Deno.test("Listing: after any changes, a slice has the members between two ids, in order", () => {
  const actions = fc.array(
    fc.oneof(
      fc.record({ what: fc.constant("add" as const), size: fc.integer({ min: 4, max: 9_000 }) }),
      fc.record({ what: fc.constantFrom("remove" as const, "change" as const), which: fc.nat() }),
    ),
    { maxLength: 60 },
  );
  fc.assert(fc.property(actions, fc.nat(60), fc.nat(60), (actions, after, before) => {
    const listing = new Listing();
    const members: { id: number; entry: Uint8Array<ArrayBuffer> }[] = [];
    let id = 0;
    for (const action of actions) {
      if (action.what === "add") {
        const added = member(++id, action.size);
        members.push(added);
        listing.add(added);
        continue;
      }
      if (members.length === 0) continue;
      const index = action.which % members.length;
      if (action.what === "remove") listing.remove(members.splice(index, 1)[0]!);
      else {
        members[index]!.entry = member(members[index]!.id, 4 + action.which % 5_000).entry;
        listing.change(members[index]!);
      }
    }
    const sizes = new Map(members.map(({ id, entry }) => [id, entry.length]));
    const wanted = members.map(({ id }) => id).filter((id) => id > after && id < before);
    const { ids, pieces } = read(listing, sizes, after, before);
    assertEquals(ids, wanted);
    for (const bytes of pieces) assertLessOrEqual(bytes, 16 * 1024);
    assertEquals(read(listing.part(after, before), sizes, 0, Infinity).ids, wanted);
    // Removing a member twice does nothing.
    listing.remove({ id: id + 1, entry: new Uint8Array() });
    assertEquals(read(listing, sizes, after, before).ids, wanted);
  }));
});

Deno.test("Listing: newcomers share bytes that are made once", () => {
  const listing = new Listing();
  for (let id = 1; id <= 1000; id++) listing.add(member(id, 100));
  const first = listing.slice(0, 1000);
  assert(first.more);
  assertStrictEquals(listing.slice(0, 999).bytes.buffer, first.bytes.buffer);
  listing.remove(member(1, 100));
  assert(listing.slice(0, 1000).bytes.buffer !== first.bytes.buffer);
  assertEquals(listing.slice(0, 1000).bytes.length, first.bytes.length - 100);
});

Deno.test("Listing: blocks that have become small are sent together", () => {
  const listing = new Listing();
  const members = Array.from({ length: 1000 }, (_, i) => member(i + 1, 1000));
  for (const one of members) listing.add(one);
  for (const one of members) if (one.id % 16 !== 0) listing.remove(one);
  const sizes = new Map(members.map(({ id }) => [id, 1000]));
  const { ids, pieces } = read(listing, sizes, 0, Infinity);
  assertEquals(ids.length, 62);
  assertEquals(pieces.length, 4);
});
