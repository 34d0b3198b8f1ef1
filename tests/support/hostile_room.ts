// Test helper: a server, two honest members in this process, and a hostile one in a worker, on another network where the
// machine has one. The tests and bench/hostile.ts use it. No part of the program.

import { statesOf } from "./worker_states.ts";
import { register } from "../../cipher/opaque.ts";
import type { Disk } from "../../files/storage.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { within } from "./async.ts";
import { HonestFiles, HonestMember, Script } from "./honest_members.ts";
import type { HonestName } from "./hostile_acts.ts";
import type { HostileOrder, HostileReport } from "./hostile_worker.ts";
import { QUICK_CODE } from "./quick_login.ts";
import { SoakServer } from "./soak_server.ts";
import { Latencies } from "./unadmitted.ts";

const HERE = "127.0.0.1";

/** Where to listen, so that clients from two networks can connect. Without IPv6, all are on one. */
export function twoNetworks(): { listen: string; hostile: string } {
  // Windows keeps the two kinds of addresses apart.
  if (Deno.build.os === "windows") return { listen: HERE, hostile: HERE };
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return { listen: "::", hostile: "::1" };
  } catch {
    return { listen: HERE, hostile: HERE };
  }
}

/** The hostile member's worker, which does nothing until it is asked to. */
export class HostileWorker implements AsyncDisposable {
  readonly #worker = new Worker(new URL("./hostile_worker.ts", import.meta.url), {
    type: "module",
  });
  readonly #states = statesOf<HostileReport>(this.#worker, ["ready", "stopped"]);

  static async prepare(port: number, hostname: string, seed: number): Promise<HostileWorker> {
    const worker = new HostileWorker();
    await within("a ready worker", worker.#states.ready);
    worker.#post({ type: "begin", seed, options: { hostname, port, code: QUICK_CODE } });
    return worker;
  }

  #post(order: HostileOrder): void {
    this.#worker.postMessage(order);
  }

  order(order: "act" | "burn" | "rest"): void {
    this.#post(order);
  }

  /** Ends it; returns what it has done. */
  async stop(): Promise<HostileReport> {
    this.#post("stop");
    return await within("a stopped worker", this.#states.stopped);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#worker.terminate();
    return Promise.resolve();
  }
}

/** A sealed room with the server's default limits, and alice and bob in it. */
export class HostileRoom implements AsyncDisposable {
  readonly server: SoakServer;
  readonly alice: HonestMember;
  readonly bob: HonestMember;
  readonly script: Script;
  readonly worker: HostileWorker;
  /** Files from alice to bob. */
  readonly files: HonestFiles;
  readonly #stack: AsyncDisposableStack;
  /** When each line was said, on the clock of `performance.now()`. */
  readonly #saidAt = new Map<string, number>();
  /** The times from saying a line to the other member's listener. */
  latencies: Latencies = new Latencies();

  private constructor(
    parts: Pick<HostileRoom, "server" | "alice" | "bob" | "script" | "worker" | "files">,
    stack: AsyncDisposableStack,
  ) {
    this.server = parts.server;
    this.alice = parts.alice;
    this.bob = parts.bob;
    this.script = parts.script;
    this.worker = parts.worker;
    this.files = parts.files;
    this.#stack = stack;
    for (const member of [this.alice, this.bob]) {
      member.on = (event) => {
        if (event.type !== "message" && event.type !== "direct") return;
        const at = this.#saidAt.get(event.text);
        if (at === undefined || event.from.self) return;
        this.latencies.add(performance.now() - at);
      };
    }
  }

  static async open(seed: number): Promise<HostileRoom> {
    await using stack = new AsyncDisposableStack();
    const { listen, hostile } = twoNetworks();
    const admission = register(QUICK_CODE);
    const { handshakeMs: _, ...limits } = DEFAULT_LIMITS;
    const server = stack.use(await SoakServer.start({ ...limits, hostname: listen, admission }));
    const { port } = server;
    const script = new Script();
    const files = new HonestFiles(script);
    const join = async (name: HonestName, disk: Disk) =>
      stack.use(
        await HonestMember.join(name, script, disk, {
          hostname: HERE,
          port,
          code: QUICK_CODE,
        }),
      );
    const alice = await join("alice", files.offered);
    const bob = await join("bob", files.received);
    const worker = stack.use(await HostileWorker.prepare(port, hostile, seed));
    return new HostileRoom({ server, alice, bob, script, worker, files }, stack.move());
  }

  /** Lets alice or bob say a line, to everybody or to the other one. */
  say(by: HonestMember, isDirect: boolean): void {
    const other = by === this.alice ? this.bob : this.alice;
    const text = this.script.add(by.name, isDirect ? other.name : undefined);
    this.#saidAt.set(text, performance.now());
    if (isDirect) by.client.tell(this.script.ids.get(other.name)!, text);
    else by.client.say(text);
  }

  /** Lets alice offer a file to the room, which bob accepts. */
  give(): void {
    this.files.offer(this.alice, "bob");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
