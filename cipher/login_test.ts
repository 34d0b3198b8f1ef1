import { assert, assertEquals, assertRejects } from "@std/assert";
import { registerInWorker, WorkerLogin } from "./login.ts";
import { answerLogin } from "./opaque.ts";

// The leak checks of these tests, and of all that join a sealed room, find a worker that does not end.

const CODE = "abandon ability able about";
const record = await registerInWorker(CODE);

/** Calls `step` and counts how often a timer fires until its result is there. */
async function whileTimersFire<T>(step: () => Promise<T>): Promise<{ result: T; fired: number }> {
  let fired = 0;
  const timer = setInterval(() => fired++, 1);
  try {
    return { result: await step(), fired };
  } finally {
    clearInterval(timer);
  }
}

Deno.test("WorkerLogin: logs in with what registerInWorker has registered, and both sides get one key", async () => {
  using login = new WorkerLogin("  ABANDON-ability  able about ");
  const pending = answerLogin(record, await login.start());
  assert(pending);
  const admission = await login.finish(pending.response);
  assert(admission);
  assertEquals(pending.finish(admission.proof), admission.sessionKey);
  assertEquals(admission.exportKey.length, 64);
});

Deno.test("WorkerLogin: finds a wrong code, and a malformed answer", async () => {
  using login = new WorkerLogin("abandon ability able absent");
  const pending = answerLogin(record, await login.start());
  assertEquals(await login.finish("?"), undefined);
  assertEquals(await login.finish(pending!.response), undefined);
});

Deno.test("registerInWorker, WorkerLogin: timers fire while a worker computes", async () => {
  const registered = await whileTimersFire(() => registerInWorker(CODE));
  assert(registered.fired > 0);
  using login = new WorkerLogin(CODE);
  const pending = answerLogin(registered.result, await login.start());
  const finished = await whileTimersFire(() => login.finish(pending!.response));
  assert(finished.result);
  assert(finished.fired > 0);
});

Deno.test("WorkerLogin: one that is disposed of before its worker has started does no harm", async () => {
  new WorkerLogin(CODE)[Symbol.dispose]();
  using login = new WorkerLogin(CODE);
  assert(await login.start());
});

Deno.test("WorkerLogin: reports a worker that fails", async () => {
  using login = new WorkerLogin(undefined as unknown as string);
  await assertRejects(
    () => login.start(),
    Error,
    "Cannot compute a login: its worker failed: Uncaught TypeError",
  );
});
