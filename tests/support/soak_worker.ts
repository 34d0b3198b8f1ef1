// Test helper: the worker that runs a part of the crowd of tests/soak/soak_test.ts. No part of the program.

/// <reference lib="deno.worker" />

import { crowd } from "./soak_crowd.ts";

self.onmessage = async ({ data }) => {
  const { visits, ...notes } = await crowd(data);
  const received = visits.map(({ id, first, last, count }) => ({ id, first, last, count }));
  self.postMessage({ ...notes, visits: received });
};
// Options that are sent before are lost: while modules load, a worker takes messages, and nothing handles them.
self.postMessage("ready");
