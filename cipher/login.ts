// The slow steps of OPAQUE in a worker of their own. A step takes some hundred milliseconds, during which the program
// goes on, and 64 MiB, which WebAssembly never gives back: they end with the worker. Knows no socket.

import type { Admission, AdmissionRecord } from "./opaque.ts";
import type { Steps } from "./login_worker.ts";

// The types of the web do not have Deno's option `deno`.
const WITHOUT_PERMISSIONS = {
  type: "module",
  name: "login",
  deno: { permissions: "none" },
} as WorkerOptions;

/** A worker for one registration or one login. It runs until it is disposed of. */
class LoginWorker implements Disposable {
  readonly #worker = new Worker(new URL("./login_worker.ts", import.meta.url), WITHOUT_PERMISSIONS);
  /** The answer to the latest step. The first one says that the worker has started. */
  #answer = Promise.withResolvers<unknown>();
  readonly #started: Promise<unknown>;

  constructor() {
    this.#started = this.#answer.promise;
    // The step that waits for the worker reports it. Without a step, nobody needs to know.
    this.#started.catch(() => {});
    this.#worker.onmessage = ({ data: { answer } }) => this.#answer.resolve(answer);
    this.#worker.onerror = (event) => {
      // Otherwise the error would end the program.
      event.preventDefault();
      this.#answer.reject(new Error(`Cannot compute a login: its worker failed: ${event.message}`));
    };
  }

  /** @throws {Error} if the worker cannot be started, or fails */
  async run<Step extends keyof Steps>(
    step: Step,
    argument: string,
  ): Promise<ReturnType<Steps[Step]>> {
    // A message that comes before the worker listens would be lost.
    await this.#started;
    this.#answer = Promise.withResolvers();
    this.#worker.postMessage({ step, argument });
    return await this.#answer.promise as ReturnType<Steps[Step]>;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** `register` of `opaque.ts`, in a worker. The caller MUST drop the code afterwards. */
export async function registerInWorker(code: string): Promise<AdmissionRecord> {
  using worker = new LoginWorker();
  return await worker.run("register", code);
}

/** A client's login. */
export interface Login extends Disposable {
  /** KE1, for the server. */
  start(): Promise<string>;
  /** Checks the server's answer; undefined if the code is wrong, or if another server answers. */
  finish(response: string): Promise<Admission | undefined>;
}

/**
 * A client's login, as `startLogin` of `opaque.ts`, in a worker. The worker starts at once: it takes about as long as
 * a connection. The caller MUST dispose of the login, and MUST NOT begin a second one before.
 *
 * @example
 * ```ts
 * using login = new WorkerLogin("abandon ability able about");
 * send(await login.start());
 * const admission = await login.finish(await receive());
 * ```
 */
export class WorkerLogin implements Login {
  readonly #worker = new LoginWorker();
  readonly #code: string;

  /** @param code the typed code, in any spelling */
  constructor(code: string) {
    this.#code = code;
  }

  start(): Promise<string> {
    return this.#worker.run("start", this.#code);
  }

  finish(response: string): Promise<Admission | undefined> {
    return this.#worker.run("finish", response);
  }

  [Symbol.dispose](): void {
    this.#worker[Symbol.dispose]();
  }
}
