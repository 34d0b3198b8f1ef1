// Test helper: a sealed room whose logins are quick. A real login takes 64 MiB and some 0.2 s of CPU time on purpose,
// which tests with many logins cannot afford. Everything else is real. No part of the program.

import type { Login } from "../../cipher/login.ts";
import {
  type AdmissionRecord,
  register,
  startLogin,
  type Stretching,
} from "../../cipher/opaque.ts";
import type { JoinOptions } from "../../client.ts";
import { Backoff } from "../../client/backoff.ts";

/** Longer than any test, in ms. */
export const LONG_MS = 600_000;

export const QUICK_CODE = "abandon ability able about";

const QUICK: Stretching = { "argon2id-custom": { iterations: 1, memory: 8, parallelism: 1 } };

/** For a server that admits clients with `QUICK_CODE` and `quickLogin`. */
export const QUICK_ADMISSION: AdmissionRecord = register(QUICK_CODE, QUICK);

/** For the option `login` of a client. */
export function quickLogin(code: string): Login {
  const login = startLogin(code, QUICK);
  return {
    start: () => Promise.resolve(login.request),
    finish: (response) => Promise.resolve(login.finish(response)),
    [Symbol.dispose]() {},
  };
}

/** A client of such a room, which connects again only on request. */
export function quickClient(): Partial<JoinOptions> {
  return {
    code: QUICK_CODE,
    login: quickLogin,
    retryMs: LONG_MS,
    backoff: new Backoff(() => 0.5, { baseMs: LONG_MS, capMs: LONG_MS }),
  };
}
