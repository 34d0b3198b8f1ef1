// Test helper: a member of a sealed room that reads everything and opens nothing: cheap enough for many of them. It joins
// with a quick login and writes its frames by hand. No part of the program.

import { Identity } from "../../cipher/identity.ts";
import { SealedCipher } from "../../cipher/sealed.ts";
import { encodeFrame, PREFACE, Type, VERSION } from "../../protocol.ts";
import { encodeProfile } from "../../protocol/envelope.ts";
import { encodeHello, encodeLogin, parseLogin, parseSeat } from "../../protocol/json_frames.ts";
import { fromBase64Url } from "../../protocol/resume.ts";
import { Raw } from "./loopback.ts";
import { QUICK_CODE, quickLogin } from "./quick_login.ts";

export interface Quick extends AsyncDisposable {
  readonly raw: Raw;
  readonly cipher: SealedCipher;
  readonly id: number;
}

/** Joins; resolves at WELCOME. It always reports the end of the log at its SEAT, which is true and old. */
export async function quickMember(port: number, name: string): Promise<Quick> {
  const raw = await Raw.connect({ port });
  await raw.write(PREFACE);
  await raw.frameOf(Type.GREETING);
  using login = quickLogin(QUICK_CODE);
  await raw.write(encodeLogin({ message: await login.start() }));
  const answer = parseLogin((await raw.frameOf(Type.LOGIN)).body);
  const admission = await login.finish(answer.message);
  if (!admission) throw new Error("The code is wrong");
  await raw.write(encodeHello({ version: VERSION, proof: admission.proof }));
  const { id, body } = await raw.frameOf(Type.SEAT);
  const { log, room, chain } = parseSeat(body);
  const seen = { position: room, chain: fromBase64Url(chain!)! };
  const cipher = new SealedCipher({
    exportKey: admission.exportKey,
    identity: Identity.generate(),
    seat: { log: fromBase64Url(log)!, id },
    now: Date.now,
    report: () => seen,
  });
  const profile = cipher.seal(encodeProfile({ name }), "profile");
  await raw.write(encodeFrame(Type.PROFILE, 0, profile));
  await raw.frameOf(Type.WELCOME);
  const reading = read(raw);
  return {
    raw,
    cipher,
    id,
    async [Symbol.asyncDispose]() {
      // What the server has not read of it is lost.
      await raw[Symbol.asyncDispose]();
      await reading;
    },
  };
}

/** Reads, and answers PING, until the connection ends. */
async function read(raw: Raw): Promise<void> {
  try {
    for (let frame = await raw.frame(); frame; frame = await raw.frame()) {
      if (frame.type === Type.PING) await raw.write(encodeFrame(Type.PONG, 0));
    }
  } catch {
    // Closed with bytes on the way.
  }
}
