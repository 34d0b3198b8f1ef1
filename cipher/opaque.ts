// Admission by code: OPAQUE (RFC 9807), an asymmetric password-authenticated key exchange. Who does not
// know the code learns nothing by trying, and who only listens can't guess offline; each side proves
// itself to the other. Pure: messages in, messages out.

import { client, ready, server } from "@serenity-kit/opaque";
import { normalizeCode } from "./codes.ts";

// The library is WebAssembly, compiled once, in a few milliseconds.
await ready;

/** There is one account, and everybody in the room shares it. */
const USER = "room";
/** Argon2id with 64 MiB (RFC 9106, section 4, second choice): what makes a stolen record dear to guess. */
const STRETCHING = "memory-constrained";
/** Characters of the largest message that is taken: the longest of the three has 427. */
const MAX_MESSAGE = 1024;

/** What the server keeps of a code: enough to check it, not enough to know it or to open a message. */
export interface AdmissionRecord {
  /** The server's long-term OPAQUE keys. */
  readonly setup: string;
  /** The registration record. */
  readonly record: string;
}

/**
 * Registers a code, both halves at once; takes some hundred milliseconds, on purpose. The export key is
 * dropped here, and nothing of it or of the code is in the result; who called MUST drop the code, too.
 */
export function register(code: string): AdmissionRecord {
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
    keyStretching: STRETCHING,
  });
  return { setup, record: registrationRecord };
}

/** The server's side of one login, between its answer and the client's proof. */
export interface PendingLogin {
  /** KE2, for the client. */
  readonly response: string;
  /**
   * Checks the client's proof (KE3). A client knows from `response` already whether its code was right:
   * one that goes away without a proof MUST count as one that was wrong.
   *
   * @returns the session key that only the two sides have; undefined if the code was wrong
   */
  finish(proof: string): Uint8Array<ArrayBuffer> | undefined;
}

/** Answers a client's first message (KE1); undefined if it is none. */
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
    // The library tells of bad input by throwing.
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

/** What a client has after a login that both sides believe. */
export interface Admission {
  /** KE3, for the server. */
  readonly proof: string;
  /** Known to this client and the server: for the proof of a returning client. */
  readonly sessionKey: Uint8Array<ArrayBuffer>;
  /** Known to everybody who has the code, and not to the server: what the room's keys come from. */
  readonly exportKey: Uint8Array<ArrayBuffer>;
}

/** The client's side of one login. */
export interface StartedLogin {
  /** KE1, for the server. */
  readonly request: string;
  /**
   * Checks the server's answer; takes some hundred milliseconds, on purpose.
   *
   * @returns undefined if the code is wrong, or the other side is not the server that registered it:
   * the two can't be told apart
   */
  finish(response: string): Admission | undefined;
}

/** Starts a client's login with a code as it was typed. */
export function startLogin(code: string): StartedLogin {
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
          keyStretching: STRETCHING,
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

/** Unpadded base64url (RFC 4648, section 5), as the library writes keys. */
function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(text, { alphabet: "base64url" });
}
