import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type Admission, answerLogin, type PendingLogin, register, startLogin } from "./opaque.ts";

// A registration or a login costs some hundred milliseconds, on purpose: all tests share these.
const CODE = "abandon ability able about";
const record = register(CODE);
const elsewhere = register(CODE);
const stranger = register("zoo zone zero youth");

/** One login, up to where the client has its proof. */
function login(code: string): { pending: PendingLogin; admission: Admission | undefined } {
  const started = startLogin(code);
  const pending = answerLogin(record, started.request);
  assert(pending);
  return { pending, admission: started.finish(pending.response) };
}

const ada = login(CODE);
const grace = login("  ABANDON-ability  able about ");
assert(ada.admission && grace.admission);

/** All the forms in which a key could stand in a text. */
function forms(key: Uint8Array): string[] {
  return [key.toBase64({ alphabet: "base64url", omitPadding: true }), key.toBase64(), key.toHex()];
}

Deno.test("startLogin, answerLogin: with the right code both sides have one session key", () => {
  const { pending, admission } = ada;
  assertEquals(pending.finish(admission!.proof), admission!.sessionKey);
  assertEquals(admission!.sessionKey.length, 64);
  assertEquals(admission!.exportKey.length, 64);
});

Deno.test("startLogin: all members have one export key, and each a session key of its own", () => {
  assertEquals(grace.admission!.exportKey, ada.admission!.exportKey);
  assertNotEquals(grace.admission!.sessionKey, ada.admission!.sessionKey);
});

Deno.test("startLogin: a wrong code is refused, by the client itself", () => {
  assertEquals(login("abandon ability able absent").admission, undefined);
});

Deno.test("PendingLogin.finish: a proof of another login is refused, and one that was changed", () => {
  const { pending, admission } = grace;
  assertEquals(pending.finish(ada.admission!.proof), undefined);
  const { proof } = admission!;
  const other = proof.startsWith("A") ? "B" : "A";
  assertEquals(pending.finish(other + proof.slice(1)), undefined);
  assertEquals(pending.finish(proof), admission!.sessionKey);
});

Deno.test("StartedLogin.finish: who poses as the server without knowing the code is refused", () => {
  const started = startLogin(CODE);
  const posing = answerLogin(stranger, started.request);
  assert(posing);
  assertEquals(started.finish(posing.response), undefined);
});

Deno.test("StartedLogin.finish: who knows the code can open a room of its own, but it is another", () => {
  const started = startLogin(CODE);
  const posing = answerLogin(elsewhere, started.request);
  assert(posing);
  const admission = started.finish(posing.response);
  assert(admission);
  assertNotEquals(admission.exportKey, ada.admission!.exportKey);
  assertEquals(ada.pending.finish(admission.proof), undefined);
});

Deno.test("StartedLogin.finish: an answer to another's login is refused", () => {
  assertEquals(startLogin(CODE).finish(ada.pending.response), undefined);
});

Deno.test("register: the export key, the session keys and the code are not in what the server holds", () => {
  const held = [JSON.stringify(record), ada.pending.response, grace.pending.response].join();
  const { exportKey, sessionKey } = ada.admission!;
  for (const form of [...forms(exportKey), ...forms(sessionKey), ...CODE.split(" ")]) {
    assert(!held.includes(form), form);
  }
  for (const part of [record.setup, record.record]) {
    const bytes = Uint8Array.fromBase64(part, { alphabet: "base64url" }).toHex();
    for (const word of [exportKey.subarray(0, 16), sessionKey.subarray(0, 16)]) {
      assert(!bytes.includes(word.toHex()));
    }
  }
  assertEquals(Object.keys(record).sort(), ["record", "setup"]);
});

Deno.test("register: twice the same code gives records that have nothing in common", () => {
  assertNotEquals(elsewhere.setup, record.setup);
  assertNotEquals(elsewhere.record, record.record);
});

Deno.test("answerLogin, finish: what is no message is refused and never throws", () => {
  const started = startLogin(CODE);
  const { request } = started;
  const flip = (text: string) => text.slice(0, -2) + (text.endsWith("AA") ? "BB" : "AA");
  const { response } = ada.pending;
  for (
    const garbage of [
      "",
      "?",
      "A",
      "\0",
      "é",
      "A".repeat(1024),
      "A".repeat(1025),
      "A".repeat(request.length),
      "_".repeat(request.length),
      request.slice(1),
      request + "A",
      request + "=",
      ` ${request}`,
      `${request}\n`,
    ]
  ) {
    assertEquals(answerLogin(record, garbage), undefined, JSON.stringify(garbage));
    assertEquals(started.finish(garbage), undefined, JSON.stringify(garbage));
    assertEquals(ada.pending.finish(garbage), undefined, JSON.stringify(garbage));
  }
  for (const bad of [flip(response), response.slice(4), response + "AAAA", request]) {
    assertEquals(startLogin(CODE).finish(bad), undefined, bad);
  }
});
