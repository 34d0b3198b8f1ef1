import { assertEquals } from "@std/assert";
import { Endings, ENDINGS_IN_ALL, ENDINGS_PER_NETWORK } from "./endings.ts";

/** A connection whose peer does not end. */
class Stubborn {
  isClosed = false;
  readonly #closed = Promise.withResolvers<void>();
  readonly closed = this.#closed.promise;

  close(): void {
    this.isClosed = true;
    this.#closed.resolve();
  }
}

Deno.test("Endings: closes the oldest of a network that has too many, and of all", async () => {
  const endings = new Endings();
  const all: Stubborn[] = [];
  const add = (network: string) => {
    const connection = new Stubborn();
    all.push(connection);
    endings.add(connection, network);
    endings.add(connection, network);
  };
  const closed = () => all.flatMap(({ isClosed }, i) => isClosed ? [i] : []);
  for (let i = 0; i < ENDINGS_PER_NETWORK; i++) add("a");
  assertEquals(closed(), []);
  add("a");
  add("b");
  assertEquals(closed(), [0]);
  for (let i = 0; endings.size < ENDINGS_IN_ALL; i++) add(`${i}`);
  assertEquals(closed(), [0]);
  add("c");
  assertEquals([closed(), endings.closed, endings.size], [[0, 1], 2, ENDINGS_IN_ALL]);
  for (const connection of all) connection.close();
  await Promise.all(all.map(({ closed }) => closed));
  assertEquals(endings.size, 0);
});
