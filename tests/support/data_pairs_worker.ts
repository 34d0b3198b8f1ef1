// Test helper: the worker that runs a part of the pairs of tests/soak/data_pairs_test.ts. No part of the program.

/// <reference lib="deno.worker" />

import { movePairs, type PairsOrder, type PairsReport } from "./data_pairs.ts";

const begin = Promise.withResolvers<void>();
const stop = Promise.withResolvers<void>();
let report: Omit<PairsReport, "state"> = { frames: 0, restarts: 0, completed: [] };

function tell(state: PairsReport["state"]): void {
  self.postMessage({ state, ...report });
}

async function run(order: PairsOrder): Promise<void> {
  const steps = { joined: () => tell("joined"), begin: begin.promise, stop: stop.promise };
  await movePairs(order, steps, (done) => {
    report = done;
    tell("done");
  });
  tell("stopped");
}

self.onmessage = ({ data }: MessageEvent<PairsOrder | "begin" | "stop">) => {
  if (data === "begin") begin.resolve();
  else if (data === "stop") stop.resolve();
  else void run(data);
};
// Orders that are sent before are lost: while modules load, a worker takes messages, and nothing handles them.
tell("ready");
