// How long chat takes in a room, in which something else may happen meanwhile. No part of the program.

import { Identity } from "../cipher/identity.ts";
import { KnownNames } from "../cipher/known_names.ts";
import { join } from "../client.ts";
import { Program, type ProgramOptions } from "../tests/support/program.ts";

export const CIPHERS = ["xor", "sealed"] as const;
export type Cipher = typeof CIPHERS[number];

/** A server with the default limits, in a process of its own. */
export interface OpenRoom extends AsyncDisposable {
  readonly server: Program;
  readonly port: number;
  readonly code: string | undefined;
}

export async function openRoom(cipher: Cipher, options: ProgramOptions = {}): Promise<OpenRoom> {
  const server = new Program(["serve", "--port", "0", "--cipher", cipher], options);
  const address = await server.stdout.lineLike(/^listening /);
  return {
    server,
    port: Number(/\d+$/.exec(address)![0]),
    code: cipher === "sealed" ? (await server.stdout.line()).replace("code ", "") : undefined,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The interval of messages in ms: less often than a room with default limits lets one member write for ever. */
const SAY_MS = 25;

/** The times of messages from one member to another, in ms. */
export type Times = number[];

/** A member that says something every `SAY_MS`, in time even if the previous message has not arrived. */
export class Talk implements AsyncDisposable {
  readonly #ended: Promise<void>[] = [];
  readonly #clients: { leave(): void; say(text: string): number }[] = [];
  /** When messages were sent that have not arrived. */
  readonly #pending = new Map<string, number>();
  #times: Times = [];
  #count = 0;
  #quiet = Promise.withResolvers<void>();

  private constructor() {}

  /** @param other who listens: another member of this process, or the caller, which then calls `hear` */
  static async enter({ port, code }: OpenRoom, other: "member" | "caller"): Promise<Talk> {
    const talk = new Talk();
    for (const name of other === "member" ? ["speaker", "listener"] : ["speaker"]) {
      const client = await join({
        hostname: "127.0.0.1",
        port,
        name,
        ...(code !== undefined && { code }),
        self: () => ({ identity: Identity.generate(), knownNames: new KnownNames() }),
      });
      talk.#clients.push(client);
      talk.#ended.push(client.run((event) => {
        if (name === "listener" && event.type === "message") talk.hear(event.text);
      }));
    }
    return talk;
  }

  /** Sends messages until `end`. Resolves when all have arrived. */
  async measure(end: Promise<unknown>): Promise<Times> {
    this.#times = [];
    let goesOn = true;
    end.then(() => goesOn = false, () => goesOn = false);
    const begin = performance.now();
    for (let i = 0; goesOn; i++) {
      const text = `ping ${this.#count++}`;
      this.#pending.set(text, performance.now());
      this.#clients[0]!.say(text);
      const wait = begin + (i + 1) * SAY_MS - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
    }
    this.#quiet = Promise.withResolvers();
    if (this.#pending.size > 0) await this.#quiet.promise;
    return this.#times;
  }

  /** The other member has received this message now. */
  hear(text: string): void {
    const at = this.#pending.get(text);
    if (at === undefined) return;
    this.#times.push(performance.now() - at);
    this.#pending.delete(text);
    if (this.#pending.size === 0) this.#quiet.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.leave();
    await Promise.all(this.#ended);
  }
}
