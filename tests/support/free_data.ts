// Test helper: file data that may always go, for tests of transfers without a server. No part of the program.

import type { DataLink } from "../../files/post.ts";

export const freeData: DataLink = {
  left: () => Infinity,
  expect: () => 1,
  forgo() {},
  wrote() {},
  void() {},
  tick() {},
};
