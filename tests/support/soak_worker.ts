// A part of the soak test's crowd, in a thread of its own: see tests/soak/soak_test.ts.

/// <reference lib="deno.worker" />

import { crowd } from "./soak_crowd.ts";

self.onmessage = async ({ data }) => {
  const { visits, ...notes } = await crowd(data);
  const told = visits.map(({ id, first, last, count }) => ({ id, first, last, count }));
  self.postMessage({ ...notes, visits: told });
};
// What was sent before is lost: while its modules wait for something, a worker takes messages, and nobody listens.
self.postMessage("ready");
