// The worker of one registration or one login: the slow steps of OPAQUE. It has no permissions. `login.ts` starts and
// ends it.

import { register, type StartedLogin, startLogin } from "./opaque.ts";

let login: StartedLogin | undefined;

/** What the worker does when it is asked to. Each step has one string as its argument. */
const steps = {
  register,
  start(code: string): string {
    login = startLogin(code);
    return login.request;
  },
  finish: (response: string) => login?.finish(response),
};

export type Steps = typeof steps;

/** The global scope of a worker: TypeScript knows only that of the program. */
const scope = self as unknown as {
  onmessage: (event: { data: { step: keyof Steps; argument: string } }) => void;
  /** In an object: Deno turns undefined into null. */
  postMessage(message: { answer: unknown }): void;
};

scope.onmessage = ({ data: { step, argument } }) => {
  scope.postMessage({ answer: steps[step](argument) });
};
scope.postMessage({ answer: undefined });
