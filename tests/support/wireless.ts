// Test helper: the room of `Transfers` without a wire, with members that the test names. No part of the program.

import type { Post } from "../../files/post.ts";
import type { Person } from "../../room.ts";
import { freeData } from "./free_data.ts";

/**
 * The room as transfers see it. A member's peer key is its name.
 *
 * @param here the members by their ids; may change later
 * @param self the id of this client
 * @param handlers what the test looks at
 */
export function wireless(
  here: ReadonlyMap<number, string>,
  self: number,
  handlers: Partial<Post>,
): Post {
  const person = (id: number): Person => (
    { id, name: here.get(id) ?? "", self: id === self, away: false }
  );
  return {
    self: person(self),
    ready: true,
    connected: true,
    tell: () => true,
    say() {},
    wake() {},
    data: freeData,
    has: (id) => here.has(id),
    person,
    peerKeyOf: (id) => here.get(id),
    find: (peerKey) => [...here].find(([, name]) => name === peerKey)?.[0],
    isKnown: () => false,
    event() {},
    ...handlers,
  };
}
