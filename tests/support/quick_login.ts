// Test helper: a sealed room whose logins are quick. A real login takes 64 MiB and some 0.2 s of CPU time on purpose,
// which tests with many logins cannot afford. Everything else is real. No part of the program.

import type { Login } from "../../cipher/login.ts";
import {
  type AdmissionRecord,
  register,
  startLogin,
  type Stretching,
} from "../../cipher/opaque.ts";

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
