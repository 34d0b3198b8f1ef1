import { assertEquals } from "@std/assert";
import { DownloadPlaces } from "./download_places.ts";
import { Incoming } from "./transfer_entries.ts";

let last = 0;

function download(sender: string): Incoming {
  const entry = new Incoming(++last, { id: new Uint8Array(16), name: "a", size: 1 });
  entry.peerKey = sender;
  return entry;
}

/** Adds that many downloads of one sender. */
function fill(places: DownloadPlaces, sender: string, count: number): Incoming[] {
  const entries = Array.from({ length: count }, () => download(sender));
  for (const entry of entries) places.add(entry);
  return entries;
}

Deno.test("DownloadPlaces.take: each sender has places of its own, in the order in which its files were added", () => {
  const places = new DownloadPlaces(2);
  const ada = fill(places, "ada", 4);
  assertEquals([...places.take()], ada.slice(0, 2));
  assertEquals([...places.take()], []);
  const bob = fill(places, "bob", 1);
  assertEquals([...places.take()], bob);
  assertEquals([places.size, [...places]], [2, ada.slice(2)]);
  // A place goes back under the key that its sender had.
  ada[0]!.peerKey = "countess";
  places.delete(ada[0]!);
  places.delete(ada[0]!);
  assertEquals([...places.take()], [ada[2]!]);
  places.delete(ada[3]!);
  assertEquals([places.size, [...places]], [0, []]);
});

Deno.test("DownloadPlaces.take: when all places are in use, senders have turns", () => {
  const places = new DownloadPlaces(2);
  const senders = Array.from({ length: 10 }, (_, n) => fill(places, `${n}`, 3));
  const first = [...places.take()];
  assertEquals(first, senders.slice(0, 8).flatMap((entries) => entries.slice(0, 2)));
  const next = [0, 0, 1, 2].map((sender, n) => {
    places.delete(senders[sender]![sender === 0 ? n : 0]!);
    return [...places.take()];
  });
  // The last ones come before the first one has another turn.
  assertEquals(next, [[senders[8]![0]!], [senders[9]![0]!], [senders[0]![2]!], [senders[1]![2]!]]);
});

Deno.test("DownloadPlaces.take: many start together, and one that ends at once makes place for another", () => {
  const places = new DownloadPlaces(4, 2);
  const entries = fill(places, "ada", 8);
  assertEquals([...places.take()], entries.slice(0, 4));
  places.delete(entries[0]!);
  assertEquals([...places.take()], []);
  places.delete(entries[1]!);
  const taken: Incoming[] = [];
  for (const entry of places.take()) {
    taken.push(entry);
    if (entry === entries[4]) places.delete(entry);
  }
  assertEquals(taken, entries.slice(4, 7));
  // Added while others are given places.
  const [more] = [...fill(places, "bob", 1)];
  assertEquals([...places.take()], [more!]);
});
