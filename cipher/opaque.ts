// Admission by code with OPAQUE (RFC 9807), an asymmetric password-authenticated key exchange. A wrong guess reveals
// nothing, an eavesdropper cannot guess offline, and each side proves itself to the other. It knows no socket and
// does not count tries. Pure: messages in, messages out.

import { createHash } from "node:crypto";
import { client, ready, server } from "@serenity-kit/opaque";
import { normalizeCode } from "./codes.ts";

// The library is WebAssembly, compiled once, in a few milliseconds.
await ready;

/** The one account, which all members share. */
const USER = "room";
/** Argon2id with 64 MiB (RFC 9106, section 4, second choice). It makes guessing from a stolen record expensive. */
const STRETCHING = "memory-constrained";
/** How slow a guess is. Both halves of a login MUST use the same. */
export type Stretching = NonNullable<Parameters<typeof client.finishLogin>[0]["keyStretching"]>;
/** Characters of the largest message that is accepted. The longest of the three has 427. */
const MAX_MESSAGE = 1024;

/** What the server keeps to check a code. It contains neither the code nor a key that opens a message. */
export interface AdmissionRecord {
  /** The server's long-term OPAQUE keys. */
  readonly setup: string;
  /** The registration record. */
  readonly record: string;
}

/**
 * Registers a code: both halves of the registration. Takes some hundred milliseconds on purpose. The result contains
 * neither the export key nor the code; the caller MUST drop the code, too.
 *
 * @param stretching for tests only: a quick one
 */
export function register(code: string, stretching: Stretching = STRETCHING): AdmissionRecord {
  const password = normalizeCode(code);
  const setup = server.createSetup();
  const { clientRegistrationState, registrationRequest } = client.startRegistration({ password });
  const { registrationResponse } = server.createRegistrationResponse({
    serverSetup: setup,
    userIdentifier: USER,
    registrationRequest,
  });
  const { registrationRecord } = client.finishRegistration({
    password,
    registrationResponse,
    clientRegistrationState,
    keyStretching: stretching,
  });
  return { setup, record: registrationRecord };
}

/**
 * Names the code that a record checks: 16 bytes in unpadded base64url. A new registration has another name, also of the
 * same code. It reveals nothing about the code.
 */
export function recordName({ record }: AdmissionRecord): string {
  const digest = createHash("sha256").update("chat/1 record").update(record).digest();
  return new Uint8Array(digest).subarray(0, 16).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

/** The server's side of one login, between its answer and the client's proof. */
export interface PendingLogin {
  /** KE2, for the client. */
  readonly response: string;
  /**
   * Checks the client's proof (KE3). `response` already shows a client whether its code is right, so a client that
   * disconnects without a proof MUST count as a wrong try.
   *
   * @returns the session key, known to the two sides only; undefined if the code was wrong
   */
  finish(proof: string): Uint8Array<ArrayBuffer> | undefined;
}

/** Answers a client's first message (KE1); undefined if it is malformed. */
export function answerLogin(admission: AdmissionRecord, request: string): PendingLogin | undefined {
  if (!isMessage(request)) return undefined;
  let login: { serverLoginState: string; loginResponse: string };
  try {
    login = server.startLogin({
      serverSetup: admission.setup,
      userIdentifier: USER,
      registrationRecord: admission.record,
      startLoginRequest: request,
    });
  } catch {
    // The library throws for bad input.
    return undefined;
  }
  return {
    response: login.loginResponse,
    finish(proof) {
      if (!isMessage(proof)) return undefined;
      try {
        const { sessionKey } = server.finishLogin({
          finishLoginRequest: proof,
          serverLoginState: login.serverLoginState,
        });
        return fromBase64Url(sessionKey);
      } catch {
        return undefined;
      }
    },
  };
}

/** A client's result of a successful login. */
export interface Admission {
  /** KE3, for the server. */
  readonly proof: string;
  /** Known to this client and the server only. It proves a later resumption. */
  readonly sessionKey: Uint8Array<ArrayBuffer>;
  /** Known to everyone with the code, and not to the server. The room's keys are derived from it. */
  readonly exportKey: Uint8Array<ArrayBuffer>;
}

/** The client's side of one login. */
export interface StartedLogin {
  /** KE1, for the server. */
  readonly request: string;
  /**
   * Checks the server's answer. Takes some hundred milliseconds on purpose.
   *
   * @returns undefined if the code is wrong, or if the other side is not the server that registered it. The two cannot
   * be distinguished
   */
  finish(response: string): Admission | undefined;
}

/**
 * Starts a client's login with a typed code, in any spelling.
 *
 * @param stretching for tests only: the one of the registration
 */
export function startLogin(code: string, stretching: Stretching = STRETCHING): StartedLogin {
  const password = normalizeCode(code);
  const { clientLoginState, startLoginRequest } = client.startLogin({ password });
  return {
    request: startLoginRequest,
    finish(response) {
      if (!isMessage(response)) return undefined;
      let result: ReturnType<typeof client.finishLogin>;
      try {
        result = client.finishLogin({
          clientLoginState,
          loginResponse: response,
          password,
          keyStretching: stretching,
        });
      } catch {
        return undefined;
      }
      if (!result) return undefined;
      return {
        proof: result.finishLoginRequest,
        sessionKey: fromBase64Url(result.sessionKey),
        exportKey: fromBase64Url(result.exportKey),
      };
    },
  };
}

function isMessage(text: string): boolean {
  return text.length <= MAX_MESSAGE && /^[A-Za-z0-9_-]+$/.test(text);
}

/** Unpadded base64url (RFC 4648, section 5): the library's format of keys. */
function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}
