// The worker of a hostile member (`hostile_member.ts`), or of a busy loop in its place. No part of the program.

/// <reference lib="deno.worker" />

import { sampleActs } from "./hostile_acts.ts";
import { HostileMember, type HostileOptions } from "./hostile_member.ts";

/** "act": does what the seed says, from where it was. "burn": only takes CPU time. "rest": nothing. "stop": the end. */
export type HostileOrder =
  | { readonly type: "begin"; readonly seed: number; readonly options: HostileOptions }
  | "act"
  | "burn"
  | "rest"
  | "stop";

export interface HostileReport {
  readonly state: "ready" | "stopped";
  readonly acts: number;
  readonly joins: number;
  readonly done: Readonly<Record<string, number>>;
}

/** Acts that are drawn at once. */
const BATCH = 200;
/** A busy loop looks for orders this often, in ms. */
const BURN_MS = 20;

let order: HostileOrder = "rest";
let member: HostileMember | undefined;
let seed = 0;
let acts = 0;

function report(state: HostileReport["state"]): void {
  const done = Object.fromEntries(member?.done ?? []);
  self.postMessage({ state, acts, joins: member?.joins ?? 0, done } satisfies HostileReport);
}

async function live(): Promise<void> {
  let batch = 0;
  let waiting = sampleActs(seed, BATCH).values();
  for (;;) {
    // As it is while the worker waits.
    const now: HostileOrder = order;
    if (now === "stop") break;
    if (now === "act") {
      const { value: act, done } = waiting.next();
      if (done) {
        waiting = sampleActs(seed + ++batch, BATCH).values();
        continue;
      }
      acts++;
      await member!.perform(act);
      continue;
    }
    const end = performance.now() + BURN_MS;
    while (now === "burn" && performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, now === "burn" ? 0 : BURN_MS));
  }
  await member!.stop();
  report("stopped");
}

self.onmessage = ({ data }: MessageEvent<HostileOrder>) => {
  if (typeof data === "string") order = data;
  else {
    seed = data.seed;
    member = new HostileMember(data.options);
    live();
  }
};
report("ready");
