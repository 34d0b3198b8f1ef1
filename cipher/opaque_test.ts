import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  type Admission,
  answerLogin,
  type PendingLogin,
  recordName,
  register,
  startLogin,
} from "./opaque.ts";

// A registration or login takes some hundred milliseconds on purpose, so all tests share these.
const CODE = "abandon ability able about";
const record = register(CODE);
const elsewhere = register(CODE);
const stranger = register("zoo zone zero youth");

/** One login, up to the client's proof. */
function login(code: string): { pending: PendingLogin; admission: Admission | undefined } {
  const started = startLogin(code);
  const pending = answerLogin(record, started.request);
  assert(pending);
  return { pending, admission: started.finish(pending.response) };
}

const ada = login(CODE);
const grace = login("  ABANDON-ability  able about ");
assert(ada.admission && grace.admission);

/** All encodings in which a key could appear in a text. */
function forms(key: Uint8Array): string[] {
  return [key.toBase64({ alphabet: "base64url", omitPadding: true }), key.toBase64(), key.toHex()];
}

Deno.test("startLogin, answerLogin: the right code gives both sides the same session key", () => {
  const { pending, admission } = ada;
  assertEquals(pending.finish(admission!.proof), admission!.sessionKey);
  assertEquals(admission!.sessionKey.length, 64);
  assertEquals(admission!.exportKey.length, 64);
});

Deno.test("startLogin: gives all members one export key, and each login a different session key", () => {
  assertEquals(grace.admission!.exportKey, ada.admission!.exportKey);
  assertNotEquals(grace.admission!.sessionKey, ada.admission!.sessionKey);
});

Deno.test("startLogin: with a wrong code, the client itself fails", () => {
  assertEquals(login("abandon ability able absent").admission, undefined);
});

Deno.test("PendingLogin.finish: rejects the proof of another login and an altered proof", () => {
  const { pending, admission } = grace;
  assertEquals(pending.finish(ada.admission!.proof), undefined);
  const { proof } = admission!;
  const other = proof.startsWith("A") ? "B" : "A";
  assertEquals(pending.finish(other + proof.slice(1)), undefined);
  assertEquals(pending.finish(proof), admission!.sessionKey);
});

Deno.test("StartedLogin.finish: rejects a false server that does not know the code", () => {
  const started = startLogin(CODE);
  const posing = answerLogin(stranger, started.request);
  assert(posing);
  assertEquals(started.finish(posing.response), undefined);
});

Deno.test("StartedLogin.finish: a server that knows the code can open a room, with a different export key", () => {
  const started = startLogin(CODE);
  const posing = answerLogin(elsewhere, started.request);
  assert(posing);
  const admission = started.finish(posing.response);
  assert(admission);
  assertNotEquals(admission.exportKey, ada.admission!.exportKey);
  assertEquals(ada.pending.finish(admission.proof), undefined);
});

Deno.test("StartedLogin.finish: rejects the answer to another login", () => {
  assertEquals(startLogin(CODE).finish(ada.pending.response), undefined);
});

Deno.test("register: the server's record contains neither export key, session keys nor code", () => {
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

Deno.test("register: gives two unrelated records for one code", () => {
  assertNotEquals(elsewhere.setup, record.setup);
  assertNotEquals(elsewhere.record, record.record);
});

Deno.test("recordName: names one registration, stays the same, and is no part of the record", () => {
  const name = recordName(record);
  assertMatch(name, /^[A-Za-z0-9_-]{22}$/);
  assertEquals(recordName({ ...record }), name);
  // Another code, and the same code registered again.
  assertEquals(new Set([name, recordName(elsewhere), recordName(stranger)]).size, 3);
  for (const text of Object.values(record)) assert(!text.includes(name));
});

Deno.test("answerLogin, finish: reject malformed messages and never throw", () => {
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
