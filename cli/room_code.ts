// The code of a sealed room that is about to open, and the record that verifies it: from the user, from an earlier
// run, or drawn. It knows no server.

import { codeFault, drawCode, normalizeCode } from "../cipher/codes.ts";
import { registerInWorker } from "../cipher/login.ts";
import { type AdmissionRecord, recordName } from "../cipher/opaque.ts";
import { ChatError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import type { RoomCipher } from "./command.ts";
import { report } from "./output.ts";
import type { StateDir } from "./state_dir.ts";
import { fitsCode } from "./state_records.ts";
import type { System } from "./system.ts";
import { givenCode, localRooms, typedCode } from "./user.ts";

type SealedOptions = RoomCipher & { name: "sealed" };

const QUESTION = "Code of the room:";

/** What admits members to a sealed room. */
export interface AdmissionSetup {
  readonly admission: AdmissionRecord;
  /** The name that members know the code by: `record` of GREETING. */
  readonly recordName: string;
  /** undefined: the record is from an earlier run, and this machine does not know its code. */
  readonly code: string | undefined;
  readonly isDrawn: boolean;
  /** Whether the record is from an earlier run. */
  readonly isKept: boolean;
}

/**
 * @param port of the room, if it is known
 * @param joins whether the user joins the room right away, and so needs the code
 * @param state keeps the record
 * @throws {ChatError} if there is no usable code
 */
export async function prepareAdmission(
  system: System,
  cipher: SealedOptions,
  port: number,
  joins: boolean,
  state: StateDir | undefined,
): Promise<AdmissionSetup> {
  if (state?.admission) {
    const { admission, path } = state;
    const code = await keptCode(system, admission, path, cipher, port, joins);
    const name = recordName(admission);
    return { admission, recordName: name, code, isDrawn: false, isKept: true };
  }
  const { code, isDrawn } = chooseCode(system, cipher);
  if (!isDrawn && state?.replaced && await fitsCode(state.replaced, code)) {
    throw new ChatError("Cannot use this code as the new one: the room has it already", {
      hint: "Give another one; or leave it out, and chat draws four words",
    });
  }
  const made = await registerInWorker(code);
  // Members that come back do not try their code if it has another name: it might be another code. A record that is kept
  // has its own name.
  const known = localRooms(system).find((room) => room.port === port && room.code === code);
  const name = state ? undefined : known?.record;
  return {
    admission: made,
    recordName: name ?? recordName(made),
    code,
    isDrawn,
    isKept: false,
  };
}

/**
 * The code of a room whose record was kept:
 *
 * 1. the code that the user gives or types;
 * 2. else the code that an earlier run has saved for `chat join`;
 * 3. else unknown; but a user who joins right away is asked for it.
 *
 * @throws {ChatError} if the given code is wrong, or the user must type it and stdin is not a terminal
 */
async function keptCode(
  system: System,
  admission: AdmissionRecord,
  folder: string,
  { codeFile, askCode }: SealedOptions,
  port: number,
  joins: boolean,
): Promise<string | undefined> {
  const wrong = () =>
    new ChatError(`Cannot use this code: ${printable(folder)} keeps another one`, {
      hint: "Give the code that the room had; for a new code, name another folder",
    });
  if (!askCode) {
    const given = givenCode(system, codeFile);
    const known = knownCode(system, admission);
    // A check takes some hundred milliseconds: members wait for a server that was killed.
    if (known !== undefined && (given === undefined || isSameCode(given, known))) return known;
    if (given !== undefined && !await fitsCode(admission, given)) throw wrong();
    const code = given ?? await savedCode(system, admission, port);
    if (code !== undefined || !joins) return code;
  }
  for (;;) {
    const typed = typedCode(system, QUESTION);
    if (await fitsCode(admission, typed)) return typed;
    report(system, wrong());
  }
}

/** The code that an earlier run has saved together with the name of this record. */
function knownCode(system: System, admission: AdmissionRecord): string | undefined {
  const name = recordName(admission);
  return localRooms(system).find(({ code, record }) => code !== undefined && record === name)?.code;
}

function isSameCode(given: string, known: string): boolean {
  return codeFault(given) === undefined && normalizeCode(given) === known;
}

/** The right code among those that this user's rooms have saved on this machine. */
async function savedCode(
  system: System,
  admission: AdmissionRecord,
  port: number,
): Promise<string | undefined> {
  const rooms = localRooms(system);
  // The port is usually the same, and each try takes some hundred milliseconds.
  const codes = [...rooms.filter((room) => room.port === port), ...rooms].map(({ code }) => code);
  for (const code of new Set(codes)) {
    if (code !== undefined && await fitsCode(admission, code)) return code;
  }
  return undefined;
}

/** The code of a new room: given by the user, or drawn. */
function chooseCode(
  system: System,
  { codeFile, askCode }: SealedOptions,
): { code: string; isDrawn: boolean } {
  const given = askCode ? typedCode(system, QUESTION) : givenCode(system, codeFile);
  if (given === undefined) return { code: drawCode(), isDrawn: true };
  const fault = codeFault(given);
  if (fault !== undefined) {
    throw new ChatError(`Cannot use this code: a code ${fault}`, {
      hint: "Leave it out, and chat draws four words",
    });
  }
  return { code: normalizeCode(given), isDrawn: false };
}
